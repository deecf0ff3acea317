/* pp/chain_contract.h - the contract's views, asked over JSON-RPC: encode, call, decode, in one function each.
 *
 * at: a block number or PP_RPC_AT_LATEST. A contract that names a block (pp_contract_in) is asked as it is in that block,
 * whatever `at` says. A result that does not decode is CHAIN_NONSENSE.
 */
#ifndef PP_CHAIN_CONTRACT_H
#define PP_CHAIN_CONTRACT_H

#include <pp/chain_rpc.h>

struct pp_contract {
    struct pp_rpc *rpc;
    struct pp_address address;
    const struct pp_hash *block; /* NULL: see `at` */
};

/* The same contract, in one block; CHAIN_REORG once the chain has left it. block must stay. */
static inline struct pp_contract pp_contract_in(const struct pp_contract *c, const struct pp_hash *block)
{
    return (struct pp_contract){c->rpc, c->address, block};
}

PP_MUST_CHECK enum pp_error pp_contract_timers(const struct pp_contract *c, struct pp_chain_timers *out);
PP_MUST_CHECK enum pp_error pp_contract_token(const struct pp_contract *c, struct pp_address *out);
PP_MUST_CHECK enum pp_error pp_contract_treasury(const struct pp_contract *c, struct pp_address *out);
PP_MUST_CHECK enum pp_error pp_contract_protocol_share(const struct pp_contract *c, uint64_t *out);
PP_MUST_CHECK enum pp_error pp_contract_operator(const struct pp_contract *c, uint32_t node_id,
                                                 struct pp_chain_operator *out);
PP_MUST_CHECK enum pp_error pp_contract_pool(const struct pp_contract *c, uint64_t at,
                                             struct pp_chain_pool *out);
PP_MUST_CHECK enum pp_error pp_contract_last_report(const struct pp_contract *c, uint64_t at,
                                                    struct pp_chain_report_head *out);
PP_MUST_CHECK enum pp_error pp_contract_report(const struct pp_contract *c, const struct pp_hash *hash,
                                               struct pp_chain_report *out);
PP_MUST_CHECK enum pp_error pp_contract_channel(const struct pp_contract *c, const struct pp_channel_id *id,
                                                struct pp_chain_channel *out);
PP_MUST_CHECK enum pp_error pp_contract_lane(const struct pp_contract *c, const struct pp_channel_id *id,
                                             uint32_t lane, struct pp_chain_lane *out);
PP_MUST_CHECK enum pp_error pp_contract_thaw(const struct pp_contract *c, const struct pp_channel_id *id,
                                             uint32_t lane, struct pp_chain_thaw *out);
PP_MUST_CHECK enum pp_error pp_contract_parameters(const struct pp_contract *c,
                                                   struct pp_chain_parameters *out);
PP_MUST_CHECK enum pp_error pp_contract_pending_parameters(const struct pp_contract *c,
                                                           struct pp_chain_parameters *out,
                                                           uint64_t *out_change_at_s);
PP_MUST_CHECK enum pp_error pp_contract_stake(const struct pp_contract *c, uint32_t node_id,
                                              struct pp_units *out);
/* Until when what a revoked delegate signed is taken; 0: it is not revoked. */
PP_MUST_CHECK enum pp_error pp_contract_delegate_until(const struct pp_contract *c,
                                                       const struct pp_channel_id *id, uint32_t index,
                                                       uint64_t *out);
PP_MUST_CHECK enum pp_error pp_contract_nonce(const struct pp_contract *c, const struct pp_address *payer,
                                              uint64_t *out);
PP_MUST_CHECK enum pp_error pp_contract_payout_claimed(const struct pp_contract *c, uint32_t node_id,
                                                       struct pp_units *out);
/* PP_OPERATORS_MAX operators, without their payees; their hash as the contract says it. */
PP_MUST_CHECK enum pp_error pp_contract_operator_set(const struct pp_contract *c, struct pp_hash *out_hash,
                                                     struct pp_operator *out, size_t *out_count);
/* Both at the contract's block, or the latest. PP_PAYOUTS_MAX drawn. */
PP_MUST_CHECK enum pp_error pp_contract_stake_at(const struct pp_contract *c, uint32_t node_id,
                                                 uint64_t block_number, struct pp_units *out);
PP_MUST_CHECK enum pp_error pp_contract_stakes_drawn(const struct pp_contract *c, struct pp_drawn *out,
                                                     size_t *out_count);
PP_MUST_CHECK enum pp_error pp_contract_owed_collected(const struct pp_contract *c,
                                                       const struct pp_channel_id *id, uint32_t lane,
                                                       struct pp_units *out);

/* The token's. */
PP_MUST_CHECK enum pp_error pp_token_balance(struct pp_rpc *rpc, const struct pp_address *token,
                                             const struct pp_address *owner, struct pp_units *out);
PP_MUST_CHECK enum pp_error pp_token_allowance(struct pp_rpc *rpc, const struct pp_address *token,
                                               const struct pp_address *owner,
                                               const struct pp_address *spender, struct pp_units *out);
/* Of a token with EIP-3009: what its authorizations are signed under. */
PP_MUST_CHECK enum pp_error pp_token_separator(struct pp_rpc *rpc, const struct pp_address *token,
                                               struct pp_hash *out);
PP_MUST_CHECK enum pp_error pp_token_decimals(struct pp_rpc *rpc, const struct pp_address *token,
                                              uint64_t *out);

#endif
