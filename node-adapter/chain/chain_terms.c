#include <pp/chain_terms.h>

#include "chain/chain_transport.h"

#include <pp/quorum.h>

#include <inttypes.h>
#include <stdlib.h>

/* ---- the block ---- */

/* VIEW-101: a block that is final, and its hash. */
static enum pp_error block_take(struct pp_rpc *rpc, uint64_t number, struct pp_chain_block *out)
{
    struct pp_rpc_block finalized, block;
    PP_TRY(pp_rpc_block(rpc, PP_RPC_FINALIZED, &finalized));
    if (number == PP_TERMS_AT_FINALIZED || number == finalized.block.number) {
        *out = finalized.block;
        return PP_OK;
    }
    if (number > finalized.block.number)
        return rpc_fail(rpc, PP_CHAIN_STALE, "block %" PRIu64 " is not final here; the newest is %" PRIu64,
                        number, finalized.block.number);
    PP_TRY(pp_rpc_block_at(rpc, number, &block));
    *out = block.block;
    return PP_OK;
}

/* ---- operators ---- */

/* VIEW-103: the set names node ids and keys; their payees are asked one by one, and the key must be the same. */
static enum pp_error operator_complete(const struct pp_contract *contract, struct pp_chain_terms *out,
                                       size_t at)
{
    struct pp_operator *operator= & out->operators[at];
    struct pp_chain_operator registered;
    struct pp_units stake;
    PP_TRY(pp_contract_operator(contract, operator->node_id, &registered));
    if (!pp_address_eq(&registered.key, &operator->key) ||
        (registered.state != PP_OPERATOR_CHAIN_ACTIVE && registered.state != PP_OPERATOR_CHAIN_REMOVING))
        return rpc_fail(contract->rpc, PP_CHAIN_NONSENSE,
                        "node %" PRIu32 " is in the set, and registered otherwise", operator->node_id);
    operator->payee = registered.payee;
    PP_TRY(pp_contract_stake_at(contract, operator->node_id, out->block.number, &stake));
    out->weights[at] = (struct pp_operator_weights){.stake_units = stake.raw};
    return PP_OK;
}

/* VIEW-102 */
static enum pp_error set_check(const struct pp_contract *contract, const struct pp_chain_terms *terms)
{
    struct pp_hash hash;
    if (terms->operator_count == 0)
        return rpc_fail(contract->rpc, PP_NO_OPERATORS, "no operator is registered at block %" PRIu64,
                        terms->block.number);
    const enum pp_error error = pp_operators_check(terms->operators, terms->operator_count);
    if (error != PP_OK)
        return rpc_fail(contract->rpc, PP_CHAIN_NONSENSE, "the set of operators: %s", pp_error_name(error));
    PP_TRY(pp_operators_hash(terms->operators, terms->operator_count, &hash));
    if (!pp_hash_eq(&hash, &terms->operator_set))
        return rpc_fail(contract->rpc, PP_CHAIN_NONSENSE, "the set of operators has another hash");
    return PP_OK;
}

static enum pp_error operators_take(const struct pp_contract *contract, struct pp_chain_terms *out)
{
    PP_TRY(pp_contract_operator_set(contract, &out->operator_set, out->operators, &out->operator_count));
    for (size_t i = 0; i < out->operator_count; i++)
        PP_TRY(operator_complete(contract, out, i));
    return set_check(contract, out);
}

/* ---- all of it ---- */

/* VIEW-104, VIEW-105 */
static enum pp_error pool_take(const struct pp_contract *contract, struct pp_chain_terms *out)
{
    struct pp_chain_pool pool;
    uint64_t share;
    PP_TRY(pp_contract_pool(contract, out->block.number, &pool));
    PP_TRY(pp_contract_protocol_share(contract, &share));
    PP_TRY(pp_contract_treasury(contract, &out->treasury));
    PP_TRY(pp_contract_last_report(contract, out->block.number, &out->last_report));
    PP_TRY(pp_contract_stakes_drawn(contract, out->drawn, &out->drawn_count));
    if (share > PP_BASIS_POINTS)
        return rpc_fail(contract->rpc, PP_CHAIN_NONSENSE, "a protocol share of %" PRIu64 " basis points",
                        share);
    pp_u128 drawn = 0;
    for (size_t i = 0; i < out->drawn_count; i++)
        drawn += out->drawn[i].units.raw;
    if (drawn > pool.received.raw)
        return rpc_fail(contract->rpc, PP_CHAIN_NONSENSE,
                        "more was drawn from stakes than the pool received");
    out->received = pool.received;
    out->protocol_basis_points = (uint32_t)share;
    return PP_OK;
}

enum pp_error pp_chain_terms_read(const struct pp_contract *contract, uint64_t block,
                                  struct pp_chain_terms *out)
{
    struct pp_chain_terms *terms = calloc(1, sizeof *terms);
    if (!terms)
        return PP_NO_MEMORY;
    enum pp_error error = block_take(contract->rpc, block, &terms->block);
    const struct pp_contract there = pp_contract_in(contract, &terms->block.hash);
    if (error == PP_OK)
        error = operators_take(&there, terms);
    if (error == PP_OK)
        error = pool_take(&there, terms);
    if (error == PP_OK)
        *out = *terms;
    free(terms);
    return error;
}

void pp_chain_terms_put(const struct pp_chain_terms *chain, struct pp_report_terms *out)
{
    out->previous = chain->last_report.hash;
    out->block_number = chain->block.number;
    out->end_time_s = chain->block.time_s;
    out->received_total = chain->received;
    out->protocol_basis_points = chain->protocol_basis_points;
    out->treasury_payee = chain->treasury;
    out->operators = chain->operators;
    out->weights = chain->weights;
    out->operator_count = chain->operator_count;
    out->drawn = chain->drawn;
    out->drawn_count = chain->drawn_count;
}

/* ---- comparing ---- */

static bool operators_eq(const struct pp_chain_terms *a, const struct pp_chain_terms *b)
{
    if (a->operator_count != b->operator_count)
        return false;
    for (size_t i = 0; i < a->operator_count; i++)
        if (a->operators[i].node_id != b->operators[i].node_id ||
            !pp_address_eq(&a->operators[i].key, &b->operators[i].key) ||
            !pp_address_eq(&a->operators[i].payee, &b->operators[i].payee))
            return false;
    return true;
}

static bool stakes_eq(const struct pp_chain_terms *a, const struct pp_chain_terms *b)
{
    for (size_t i = 0; i < a->operator_count; i++)
        if (a->weights[i].stake_units != b->weights[i].stake_units)
            return false;
    return true;
}

static bool drawn_eq(const struct pp_chain_terms *a, const struct pp_chain_terms *b)
{
    if (a->drawn_count != b->drawn_count)
        return false;
    for (size_t i = 0; i < a->drawn_count; i++)
        if (a->drawn[i].node_id != b->drawn[i].node_id || a->drawn[i].units.raw != b->drawn[i].units.raw)
            return false;
    return true;
}

const char *pp_chain_terms_differ(const struct pp_chain_terms *a, const struct pp_chain_terms *b)
{
    if (a->block.number != b->block.number || !pp_hash_eq(&a->block.hash, &b->block.hash) ||
        a->block.time_s != b->block.time_s)
        return "block";
    if (!pp_hash_eq(&a->last_report.hash, &b->last_report.hash))
        return "last report";
    if (a->received.raw != b->received.raw)
        return "received";
    if (a->protocol_basis_points != b->protocol_basis_points)
        return "protocol share";
    if (!pp_address_eq(&a->treasury, &b->treasury))
        return "treasury";
    if (!operators_eq(a, b))
        return "operators";
    if (!stakes_eq(a, b))
        return "stakes";
    return drawn_eq(a, b) ? NULL : "drawn";
}
