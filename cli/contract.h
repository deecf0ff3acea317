/* contract.h - what a payer asks of the escrow and its token; answers are read strictly.
 *
 * Own:    _open takes a connection, _close gives it back.
 * Errors: CHAIN_* (chain_rpc.h), CHAIN_WRONG_ID with both ids, CONTRACT_MISMATCH when what answers is no such contract.
 *         Each failure is in *problem.
 */
#ifndef CLI_CONTRACT_H
#define CLI_CONTRACT_H

#include "cli_problem.h"
#include "wallet_dir.h"

#include <pp/abi.h>
#include <pp/chain_rpc.h>

struct cli_contract {
    struct pp_rpc *rpc;
    uint64_t chain_id;
    struct pp_address address;
};

/* The chain's node must answer, for this chain. */
PP_MUST_CHECK enum pp_error cli_contract_open(const char *rpc_url, uint64_t chain_id,
                                              const struct pp_address *address, struct cli_contract *out,
                                              struct cli_problem *problem);
void cli_contract_close(struct cli_contract *contract);
/* Tells what the chain's node said last. Returns the error. */
enum pp_error cli_contract_problem(const struct cli_contract *contract, enum pp_error error,
                                   struct cli_problem *problem);

/* At a block, or at PP_RPC_AT_LATEST. */
PP_MUST_CHECK enum pp_error cli_contract_token(const struct cli_contract *contract, struct pp_address *out,
                                               struct cli_problem *problem);
PP_MUST_CHECK enum pp_error cli_contract_decimals(const struct cli_contract *contract,
                                                  const struct pp_address *token, uint64_t *out,
                                                  struct cli_problem *problem);
PP_MUST_CHECK enum pp_error cli_contract_balance(const struct cli_contract *contract,
                                                 const struct pp_address *token,
                                                 const struct pp_address *owner, struct pp_units *out,
                                                 struct cli_problem *problem);
/* What the escrow may take of the owner's tokens. */
PP_MUST_CHECK enum pp_error cli_contract_allowance(const struct cli_contract *contract,
                                                   const struct pp_address *token,
                                                   const struct pp_address *owner, struct pp_units *out,
                                                   struct cli_problem *problem);
PP_MUST_CHECK enum pp_error cli_contract_channel_id(const struct cli_contract *contract,
                                                    const struct pp_channel_config *config,
                                                    struct pp_channel_id *out, struct cli_problem *problem);
PP_MUST_CHECK enum pp_error cli_contract_operator(const struct cli_contract *contract, uint32_t node_id,
                                                  struct pp_chain_operator *out, struct cli_problem *problem);
PP_MUST_CHECK enum pp_error cli_contract_nonce(const struct cli_contract *contract,
                                               const struct pp_address *payer, uint64_t at, uint64_t *out,
                                               struct cli_problem *problem);
PP_MUST_CHECK enum pp_error cli_contract_channel(const struct cli_contract *contract,
                                                 const struct pp_channel_id *id, uint64_t at,
                                                 struct pp_chain_channel *out, struct cli_problem *problem);
PP_MUST_CHECK enum pp_error cli_contract_lane(const struct cli_contract *contract,
                                              const struct pp_channel_id *id, uint32_t lane, uint64_t at,
                                              struct pp_chain_lane *out, struct cli_problem *problem);
PP_MUST_CHECK enum pp_error cli_contract_block(const struct cli_contract *contract, enum pp_rpc_tag tag,
                                               struct pp_chain_block *out, struct cli_problem *problem);

#endif
