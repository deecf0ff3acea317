#include "contract.h"

#include <inttypes.h>

#define CALL_MAX 256u
#define RESULT_MAX 512u

struct answer {
    uint8_t bytes[RESULT_MAX];
    size_t length;
};

enum pp_error cli_contract_problem(const struct cli_contract *contract, enum pp_error error,
                                   struct cli_problem *problem)
{
    const char *reason = pp_rpc_reason(contract->rpc);
    return cli_problem_set(problem, error, "the chain: %s", *reason ? reason : pp_error_sentence(error));
}

enum pp_error cli_contract_open(const char *rpc_url, uint64_t chain_id, const struct pp_address *address,
                                struct cli_contract *out, struct cli_problem *problem)
{
    struct cli_contract contract = {.chain_id = chain_id, .address = *address};
    uint64_t actual = 0;
    enum pp_error error = pp_rpc_open(rpc_url, 0, &contract.rpc);
    if (error != PP_OK)
        return cli_problem_set(problem, error, "the address of the chain's node");
    error = pp_rpc_chain_id(contract.rpc, &actual);
    if (error != PP_OK) {
        cli_contract_problem(&contract, error, problem);
    } else if (actual != chain_id) {
        struct pp_refusal refusal;
        pp_refusal_init(&refusal, PP_CHAIN_WRONG_ID, "chain_id");
        refusal.expected = pp_value_number(chain_id);
        refusal.actual = pp_value_number(actual);
        error = cli_problem_refusal(problem, &refusal,
                                    "the node at --rpc is of another chain than the channel's");
    }
    if (error == PP_OK)
        *out = contract;
    else
        pp_rpc_close(contract.rpc);
    return error;
}

void cli_contract_close(struct cli_contract *contract)
{
    if (contract->rpc)
        pp_rpc_close(contract->rpc);
    contract->rpc = NULL;
}

static enum pp_error ask(const struct cli_contract *contract, const struct pp_address *to,
                         struct pp_writer *w, uint64_t at, struct answer *out, struct cli_problem *problem)
{
    size_t length;
    enum pp_error error = pp_writer_finish(w, &length);
    if (error != PP_OK)
        return cli_problem_set(problem, error, "a question to the contract");
    const struct pp_rpc_call call = {.to = *to, .data = w->bytes, .data_length = length, .at = at};
    error = pp_rpc_call(contract->rpc, &call, out->bytes, sizeof out->bytes, &out->length);
    return error == PP_OK ? PP_OK : cli_contract_problem(contract, error, problem);
}

/* An account without code answers with nothing; another contract with something else, or by reverting. */
static enum pp_error decoded(enum pp_error error, const struct pp_address *where, const char *what,
                             struct cli_problem *problem)
{
    char hex[41];
    if (error == PP_OK)
        return PP_OK;
    return cli_problem_set(problem, PP_CONTRACT_MISMATCH,
                           "0x%s is no contract that answers %s as it must (%s)",
                           pp_hex_print(where->bytes, sizeof where->bytes, hex), what, pp_error_name(error));
}

enum pp_error cli_contract_token(const struct cli_contract *contract, struct pp_address *out,
                                 struct cli_problem *problem)
{
    uint8_t call[CALL_MAX];
    struct pp_writer w;
    struct answer answer;
    pp_writer_init(&w, call, sizeof call);
    pp_abi_write_call(&w, PP_ABI_TOKEN);
    PP_TRY(ask(contract, &contract->address, &w, PP_RPC_AT_LATEST, &answer, problem));
    return decoded(pp_abi_read_address(answer.bytes, answer.length, out), &contract->address, "token()",
                   problem);
}

enum pp_error cli_contract_decimals(const struct cli_contract *contract, const struct pp_address *token,
                                    uint64_t *out, struct cli_problem *problem)
{
    uint8_t call[CALL_MAX];
    struct pp_writer w;
    struct answer answer;
    pp_writer_init(&w, call, sizeof call);
    pp_abi_write_call(&w, PP_ABI_ERC20_DECIMALS);
    PP_TRY(ask(contract, token, &w, PP_RPC_AT_LATEST, &answer, problem));
    return decoded(pp_abi_read_u64(answer.bytes, answer.length, out), token, "decimals()", problem);
}

enum pp_error cli_contract_balance(const struct cli_contract *contract, const struct pp_address *token,
                                   const struct pp_address *owner, struct pp_units *out,
                                   struct cli_problem *problem)
{
    uint8_t call[CALL_MAX];
    struct pp_writer w;
    struct answer answer;
    pp_writer_init(&w, call, sizeof call);
    pp_abi_write_call_address(&w, PP_ABI_ERC20_BALANCE_OF, owner);
    PP_TRY(ask(contract, token, &w, PP_RPC_AT_LATEST, &answer, problem));
    return decoded(pp_abi_read_units_clamped(answer.bytes, answer.length, out), token, "balanceOf()",
                   problem);
}

enum pp_error cli_contract_allowance(const struct cli_contract *contract, const struct pp_address *token,
                                     const struct pp_address *owner, struct pp_units *out,
                                     struct cli_problem *problem)
{
    uint8_t call[CALL_MAX];
    struct pp_writer w;
    struct answer answer;
    pp_writer_init(&w, call, sizeof call);
    pp_abi_write_allowance(&w, owner, &contract->address);
    PP_TRY(ask(contract, token, &w, PP_RPC_AT_LATEST, &answer, problem));
    return decoded(pp_abi_read_units_clamped(answer.bytes, answer.length, out), token, "allowance()",
                   problem);
}

enum pp_error cli_contract_channel_id(const struct cli_contract *contract,
                                      const struct pp_channel_config *config, struct pp_channel_id *out,
                                      struct cli_problem *problem)
{
    uint8_t call[CALL_MAX];
    struct pp_writer w;
    struct answer answer;
    struct pp_hash hash;
    pp_writer_init(&w, call, sizeof call);
    pp_abi_write_call_config(&w, PP_ABI_CHANNEL_ID_OF, config);
    PP_TRY(ask(contract, &contract->address, &w, PP_RPC_AT_LATEST, &answer, problem));
    PP_TRY(decoded(pp_abi_read_hash(answer.bytes, answer.length, &hash), &contract->address, "channelIdOf()",
                   problem));
    memcpy(out->bytes, hash.bytes, sizeof out->bytes);
    return PP_OK;
}

enum pp_error cli_contract_operator(const struct cli_contract *contract, uint32_t node_id,
                                    struct pp_chain_operator *out, struct cli_problem *problem)
{
    uint8_t call[CALL_MAX];
    struct pp_writer w;
    struct answer answer;
    pp_writer_init(&w, call, sizeof call);
    pp_abi_write_call_u32(&w, PP_ABI_OPERATOR_OF, node_id);
    PP_TRY(ask(contract, &contract->address, &w, PP_RPC_AT_LATEST, &answer, problem));
    return decoded(pp_abi_read_operator(answer.bytes, answer.length, out), &contract->address, "operatorOf()",
                   problem);
}

enum pp_error cli_contract_nonce(const struct cli_contract *contract, const struct pp_address *payer,
                                 uint64_t at, uint64_t *out, struct cli_problem *problem)
{
    uint8_t call[CALL_MAX];
    struct pp_writer w;
    struct answer answer;
    pp_writer_init(&w, call, sizeof call);
    pp_abi_write_call_address(&w, PP_ABI_NONCE_OF, payer);
    PP_TRY(ask(contract, &contract->address, &w, at, &answer, problem));
    return decoded(pp_abi_read_u64(answer.bytes, answer.length, out), &contract->address, "nonceOf()",
                   problem);
}

enum pp_error cli_contract_channel(const struct cli_contract *contract, const struct pp_channel_id *id,
                                   uint64_t at, struct pp_chain_channel *out, struct cli_problem *problem)
{
    uint8_t call[CALL_MAX];
    struct pp_writer w;
    struct answer answer;
    pp_writer_init(&w, call, sizeof call);
    pp_abi_write_call_hash(&w, PP_ABI_CHANNEL_OF, id->bytes);
    PP_TRY(ask(contract, &contract->address, &w, at, &answer, problem));
    return decoded(pp_abi_read_channel(answer.bytes, answer.length, out), &contract->address, "channelOf()",
                   problem);
}

enum pp_error cli_contract_lane(const struct cli_contract *contract, const struct pp_channel_id *id,
                                uint32_t lane, uint64_t at, struct pp_chain_lane *out,
                                struct cli_problem *problem)
{
    uint8_t call[CALL_MAX];
    struct pp_writer w;
    struct answer answer;
    pp_writer_init(&w, call, sizeof call);
    pp_abi_write_lane_of(&w, id, lane);
    PP_TRY(ask(contract, &contract->address, &w, at, &answer, problem));
    return decoded(pp_abi_read_lane(answer.bytes, answer.length, out), &contract->address, "laneOf()",
                   problem);
}

enum pp_error cli_contract_block(const struct cli_contract *contract, enum pp_rpc_tag tag,
                                 struct pp_chain_block *out, struct cli_problem *problem)
{
    struct pp_rpc_block block;
    enum pp_error error = pp_rpc_block(contract->rpc, tag, &block);
    if (error != PP_OK)
        return cli_contract_problem(contract, error, problem);
    *out = block.block;
    return PP_OK;
}
