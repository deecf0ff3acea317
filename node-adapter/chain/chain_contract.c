#include <pp/chain_contract.h>

#include "chain/chain_transport.h"

#include <stdlib.h>

#define QUESTION_MAX 128u
#define RESULT_MAX 512u /* of all but the arrays */

struct question {
    uint8_t bytes[QUESTION_MAX];
    struct pp_writer w;
};

static void question_begin(struct question *q)
{
    pp_writer_init(&q->w, q->bytes, sizeof q->bytes);
}

struct result {
    uint8_t bytes[RESULT_MAX];
    size_t length;
};

static enum pp_error ask(const struct pp_contract *c, uint64_t at, struct question *q, struct result *out)
{
    struct pp_rpc_call call = {.to = c->address, .data = q->bytes, .at = at, .at_hash = c->block};
    PP_TRY(pp_writer_finish(&q->w, &call.data_length));
    return pp_rpc_call(c->rpc, &call, out->bytes, sizeof out->bytes, &out->length);
}

/* What a decoder answers about the chain's bytes is the chain node's fault. */
static enum pp_error decoded(struct pp_rpc *rpc, enum pp_abi_function function, size_t length,
                             enum pp_error error)
{
    if (error == PP_OK)
        return PP_OK;
    if (length == 0)
        return rpc_fail(rpc, PP_CONTRACT_MISMATCH, "%s: there is no such contract at this address",
                        pp_abi_function_name(function));
    return rpc_fail(rpc, PP_CHAIN_NONSENSE, "%s: the result does not decode (%s)",
                    pp_abi_function_name(function), pp_error_name(error));
}

/* One view: writes the question, asks the contract, reads the result. */
#define VIEW(contract, at, function, write, read)                                                            \
    do {                                                                                                     \
        struct question q;                                                                                   \
        struct result r;                                                                                     \
        question_begin(&q);                                                                                  \
        write;                                                                                               \
        PP_TRY(ask(contract, at, &q, &r));                                                                   \
        return decoded((contract)->rpc, function, r.length, read);                                           \
    } while (0)

enum pp_error pp_contract_timers(const struct pp_contract *c, struct pp_chain_timers *out)
{
    VIEW(c, PP_RPC_AT_LATEST, PP_ABI_TIMERS, pp_abi_write_call(&q.w, PP_ABI_TIMERS),
         pp_abi_read_timers(r.bytes, r.length, out));
}

enum pp_error pp_contract_token(const struct pp_contract *c, struct pp_address *out)
{
    VIEW(c, PP_RPC_AT_LATEST, PP_ABI_TOKEN, pp_abi_write_call(&q.w, PP_ABI_TOKEN),
         pp_abi_read_address(r.bytes, r.length, out));
}

enum pp_error pp_contract_treasury(const struct pp_contract *c, struct pp_address *out)
{
    VIEW(c, PP_RPC_AT_LATEST, PP_ABI_TREASURY, pp_abi_write_call(&q.w, PP_ABI_TREASURY),
         pp_abi_read_address(r.bytes, r.length, out));
}

enum pp_error pp_contract_protocol_share(const struct pp_contract *c, uint64_t *out)
{
    VIEW(c, PP_RPC_AT_LATEST, PP_ABI_PROTOCOL_SHARE, pp_abi_write_call(&q.w, PP_ABI_PROTOCOL_SHARE),
         pp_abi_read_u64(r.bytes, r.length, out));
}

enum pp_error pp_contract_operator(const struct pp_contract *c, uint32_t node_id,
                                   struct pp_chain_operator *out)
{
    VIEW(c, PP_RPC_AT_LATEST, PP_ABI_OPERATOR_OF, pp_abi_write_call_u32(&q.w, PP_ABI_OPERATOR_OF, node_id),
         pp_abi_read_operator(r.bytes, r.length, out));
}

enum pp_error pp_contract_pool(const struct pp_contract *c, uint64_t at, struct pp_chain_pool *out)
{
    VIEW(c, at, PP_ABI_POOL, pp_abi_write_call(&q.w, PP_ABI_POOL), pp_abi_read_pool(r.bytes, r.length, out));
}

enum pp_error pp_contract_last_report(const struct pp_contract *c, uint64_t at,
                                      struct pp_chain_report_head *out)
{
    VIEW(c, at, PP_ABI_LAST_REPORT, pp_abi_write_call(&q.w, PP_ABI_LAST_REPORT),
         pp_abi_read_report_head(r.bytes, r.length, out));
}

enum pp_error pp_contract_report(const struct pp_contract *c, const struct pp_hash *hash,
                                 struct pp_chain_report *out)
{
    VIEW(c, PP_RPC_AT_LATEST, PP_ABI_REPORT_OF, pp_abi_write_call_hash(&q.w, PP_ABI_REPORT_OF, hash->bytes),
         pp_abi_read_report(r.bytes, r.length, out));
}

enum pp_error pp_contract_channel(const struct pp_contract *c, const struct pp_channel_id *id,
                                  struct pp_chain_channel *out)
{
    VIEW(c, PP_RPC_AT_LATEST, PP_ABI_CHANNEL_OF, pp_abi_write_call_hash(&q.w, PP_ABI_CHANNEL_OF, id->bytes),
         pp_abi_read_channel(r.bytes, r.length, out));
}

enum pp_error pp_contract_lane(const struct pp_contract *c, const struct pp_channel_id *id, uint32_t lane,
                               struct pp_chain_lane *out)
{
    VIEW(c, PP_RPC_AT_LATEST, PP_ABI_LANE_OF, pp_abi_write_lane_of(&q.w, id, lane),
         pp_abi_read_lane(r.bytes, r.length, out));
}

enum pp_error pp_contract_thaw(const struct pp_contract *c, const struct pp_channel_id *id, uint32_t lane,
                               struct pp_chain_thaw *out)
{
    VIEW(c, PP_RPC_AT_LATEST, PP_ABI_THAW_OF, pp_abi_write_call_part(&q.w, PP_ABI_THAW_OF, id, lane),
         pp_abi_read_thaw(r.bytes, r.length, out));
}

enum pp_error pp_contract_stake(const struct pp_contract *c, uint32_t node_id, struct pp_units *out)
{
    VIEW(c, PP_RPC_AT_LATEST, PP_ABI_STAKE_OF, pp_abi_write_call_u32(&q.w, PP_ABI_STAKE_OF, node_id),
         pp_abi_read_units(r.bytes, r.length, out));
}

enum pp_error pp_contract_parameters(const struct pp_contract *c, struct pp_chain_parameters *out)
{
    VIEW(c, PP_RPC_AT_LATEST, PP_ABI_PARAMETERS, pp_abi_write_call(&q.w, PP_ABI_PARAMETERS),
         pp_abi_read_parameters(r.bytes, r.length, out));
}

enum pp_error pp_contract_pending_parameters(const struct pp_contract *c, struct pp_chain_parameters *out,
                                             uint64_t *out_change_at_s)
{
    VIEW(c, PP_RPC_AT_LATEST, PP_ABI_PENDING_PARAMETERS, pp_abi_write_call(&q.w, PP_ABI_PENDING_PARAMETERS),
         pp_abi_read_pending_parameters(r.bytes, r.length, out, out_change_at_s));
}

enum pp_error pp_contract_delegate_until(const struct pp_contract *c, const struct pp_channel_id *id,
                                         uint32_t index, uint64_t *out)
{
    VIEW(c, PP_RPC_AT_LATEST, PP_ABI_DELEGATE_REVOKED_AT,
         pp_abi_write_call_part(&q.w, PP_ABI_DELEGATE_REVOKED_AT, id, index),
         pp_abi_read_u64(r.bytes, r.length, out));
}

enum pp_error pp_contract_nonce(const struct pp_contract *c, const struct pp_address *payer, uint64_t *out)
{
    VIEW(c, PP_RPC_AT_LATEST, PP_ABI_NONCE_OF, pp_abi_write_call_address(&q.w, PP_ABI_NONCE_OF, payer),
         pp_abi_read_u64(r.bytes, r.length, out));
}

enum pp_error pp_contract_payout_claimed(const struct pp_contract *c, uint32_t node_id, struct pp_units *out)
{
    VIEW(c, PP_RPC_AT_LATEST, PP_ABI_PAYOUT_CLAIMED,
         pp_abi_write_call_u32(&q.w, PP_ABI_PAYOUT_CLAIMED, node_id),
         pp_abi_read_units(r.bytes, r.length, out));
}

enum pp_error pp_contract_stake_at(const struct pp_contract *c, uint32_t node_id, uint64_t block_number,
                                   struct pp_units *out)
{
    VIEW(c, PP_RPC_AT_LATEST, PP_ABI_STAKE_AT, pp_abi_write_stake_at(&q.w, node_id, block_number),
         pp_abi_read_units(r.bytes, r.length, out));
}

enum pp_error pp_contract_owed_collected(const struct pp_contract *c, const struct pp_channel_id *id,
                                         uint32_t lane, struct pp_units *out)
{
    VIEW(c, PP_RPC_AT_LATEST, PP_ABI_OWED_COLLECTED_OF, pp_abi_write_owed_collected_of(&q.w, id, lane),
         pp_abi_read_units(r.bytes, r.length, out));
}

/* ---- arrays ---- */

struct long_result {
    uint8_t *bytes; /* malloc */
    size_t length;
};

static enum pp_error ask_long(const struct pp_contract *c, enum pp_abi_function function, size_t most,
                              struct long_result *out)
{
    struct question q;
    question_begin(&q);
    pp_abi_write_call(&q.w, function);
    struct pp_rpc_call call = {
        .to = c->address, .data = q.bytes, .at = PP_RPC_AT_LATEST, .at_hash = c->block};
    PP_TRY(pp_writer_finish(&q.w, &call.data_length));
    out->bytes = malloc(most);
    if (!out->bytes)
        return PP_NO_MEMORY;
    const enum pp_error error = pp_rpc_call(c->rpc, &call, out->bytes, most, &out->length);
    if (error != PP_OK)
        free(out->bytes);
    return error;
}

enum pp_error pp_contract_operator_set(const struct pp_contract *c, struct pp_hash *out_hash,
                                       struct pp_operator *out, size_t *out_count)
{
    struct long_result r;
    PP_TRY(ask_long(c, PP_ABI_OPERATOR_SET, PP_ABI_OPERATOR_SET_MAX_BYTES, &r));
    const enum pp_error error =
        decoded(c->rpc, PP_ABI_OPERATOR_SET, r.length,
                pp_abi_read_operator_set(r.bytes, r.length, out_hash, out, out_count));
    free(r.bytes);
    return error;
}

enum pp_error pp_contract_stakes_drawn(const struct pp_contract *c, struct pp_drawn *out, size_t *out_count)
{
    struct long_result r;
    PP_TRY(ask_long(c, PP_ABI_STAKES_DRAWN, PP_ABI_STAKES_DRAWN_MAX_BYTES, &r));
    const enum pp_error error = decoded(c->rpc, PP_ABI_STAKES_DRAWN, r.length,
                                        pp_abi_read_stakes_drawn(r.bytes, r.length, out, out_count));
    free(r.bytes);
    return error;
}

/* ---- the token ---- */

enum pp_error pp_token_balance(struct pp_rpc *rpc, const struct pp_address *token,
                               const struct pp_address *owner, struct pp_units *out)
{
    const struct pp_contract c = {rpc, *token};
    VIEW(&c, PP_RPC_AT_LATEST, PP_ABI_ERC20_BALANCE_OF,
         pp_abi_write_call_address(&q.w, PP_ABI_ERC20_BALANCE_OF, owner),
         pp_abi_read_units_clamped(r.bytes, r.length, out));
}

enum pp_error pp_token_allowance(struct pp_rpc *rpc, const struct pp_address *token,
                                 const struct pp_address *owner, const struct pp_address *spender,
                                 struct pp_units *out)
{
    const struct pp_contract c = {rpc, *token};
    VIEW(&c, PP_RPC_AT_LATEST, PP_ABI_ERC20_ALLOWANCE, pp_abi_write_allowance(&q.w, owner, spender),
         pp_abi_read_units_clamped(r.bytes, r.length, out));
}

enum pp_error pp_token_decimals(struct pp_rpc *rpc, const struct pp_address *token, uint64_t *out)
{
    const struct pp_contract c = {rpc, *token};
    VIEW(&c, PP_RPC_AT_LATEST, PP_ABI_ERC20_DECIMALS, pp_abi_write_call(&q.w, PP_ABI_ERC20_DECIMALS),
         pp_abi_read_u64(r.bytes, r.length, out));
}

enum pp_error pp_token_separator(struct pp_rpc *rpc, const struct pp_address *token, struct pp_hash *out)
{
    const struct pp_contract c = {rpc, *token};
    VIEW(&c, PP_RPC_AT_LATEST, PP_ABI_ERC3009_DOMAIN, pp_abi_write_call(&q.w, PP_ABI_ERC3009_DOMAIN),
         pp_abi_read_hash(r.bytes, r.length, out));
}
