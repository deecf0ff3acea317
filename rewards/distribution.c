#include <pp/distribution.h>

#include "policies/policy.h"

#include <pp/assert.h>
#include <pp/hash.h>
#include <pp/wire.h>

#include <string.h>

/* ---- the table ---- */

static const struct policy {
    enum pp_policy number;
    const char *name;
    pp_policy_function *function;
} policies[] = {
#define P(name, number, function, text) {PP_POLICY_##name, text, pp_policy_##function},
    PP_POLICIES(P)
#undef P
};
#define POLICY_COUNT (sizeof policies / sizeof policies[0])

static const struct policy *policy_of(unsigned number)
{
    for (size_t i = 0; i < POLICY_COUNT; i++)
        if (policies[i].number == number)
            return &policies[i];
    return NULL;
}

pp_policy_function *pp_policy_function_of(unsigned policy)
{
    const struct policy *row = policy_of(policy);
    return row ? row->function : NULL;
}

const char *pp_policy_name(unsigned policy)
{
    const struct policy *row = policy_of(policy);
    return row ? row->name : "unknown";
}

enum pp_error pp_policy_find(const char *name, enum pp_policy *out)
{
    for (size_t i = 0; i < POLICY_COUNT; i++)
        if (strcmp(policies[i].name, name) == 0) {
            *out = policies[i].number;
            return PP_OK;
        }
    return PP_NOT_FOUND;
}

/* ---- what most policies share ---- */

/* REW-063: who gets the odd unit changes from epoch to epoch, and nobody can choose it. */
static void tie_of(uint64_t epoch, uint32_t node_id, uint8_t out[32])
{
    uint8_t bytes[12];
    struct pp_writer w;
    size_t length;
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_write_u64(&w, epoch);
    pp_write_u32(&w, node_id);
    enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK);
    pp_blake2b_one("pp.tie.v1", bytes, length, out);
}

enum pp_error pp_policy_split_by_weight(const struct pp_split_case *split_case,
                                        const uint64_t weights[PP_OPERATORS_MAX], struct pp_distribution *out)
{
    struct pp_split_share shares[PP_OPERATORS_MAX];
    struct pp_units rest, protocol;
    PP_TRY(pp_units_ratio_floor(split_case->pool, split_case->terms.protocol_basis_points, PP_BASIS_POINTS,
                                &protocol));
    PP_TRY(pp_units_sub(split_case->pool, protocol, &rest));
    for (size_t i = 0; i < split_case->count; i++) {
        shares[i].weight = weights[i];
        tie_of(split_case->epoch, split_case->operators[i].node_id, shares[i].tie);
    }
    enum pp_error error = pp_units_split_by_weight(rest, shares, split_case->count);
    if (error == PP_NOT_FOUND) { /* REW-065 */
        out->carried = split_case->pool;
        return PP_OK;
    }
    PP_TRY(error);
    out->protocol = protocol;
    for (size_t i = 0; i < split_case->count; i++)
        out->parts[i] = out->by[0][i] = shares[i].part;
    return PP_OK;
}

/* ---- the engine ---- */

/* POL-030 */
static enum pp_error blend_check(const struct pp_blend *blend)
{
    uint32_t sum = 0;
    if (blend->count > PP_BLEND_PARTS_MAX)
        return PP_TOO_MANY;
    if (blend->count == 0)
        return PP_MISSING_FIELD;
    for (size_t i = 0; i < blend->count; i++) {
        const struct pp_blend_part *part = &blend->parts[i];
        if (part->policy == PP_POLICY_BLEND || !policy_of(part->policy))
            return PP_BAD_KIND;
        if (part->basis_points == 0 || part->basis_points > PP_BASIS_POINTS)
            return PP_OUT_OF_RANGE;
        for (size_t j = 0; j < i; j++)
            if (blend->parts[j].policy == part->policy)
                return PP_BAD_FORMAT;
        sum += part->basis_points;
    }
    return sum == PP_BASIS_POINTS ? PP_OK : PP_OUT_OF_RANGE;
}

enum pp_error pp_split_terms_check(const struct pp_split_terms *terms)
{
    if (!policy_of(terms->policy))
        return PP_BAD_KIND;
    if (terms->protocol_basis_points > PP_BASIS_POINTS)
        return PP_OUT_OF_RANGE;
    if (terms->policy == PP_POLICY_BLEND)
        return blend_check(&terms->blend);
    return terms->blend.count == 0 ? PP_OK : PP_BAD_FORMAT;
}

/* REW-060: of a policy that anybody may have added, nothing is believed. */
static enum pp_error sum_check(const struct pp_split_case *split_case, const struct pp_distribution *result)
{
    pp_u128 sum = (pp_u128)result->protocol.raw + result->carried.raw;
    for (size_t i = 0; i < split_case->count; i++) {
        pp_u128 made_of = 0;
        for (size_t k = 0; k < PP_BLEND_PARTS_MAX; k++)
            made_of += result->by[k][i].raw;
        if (made_of != result->parts[i].raw)
            return PP_INVARIANT;
        sum += result->parts[i].raw;
    }
    return sum == split_case->pool.raw ? PP_OK : PP_INVARIANT;
}

void pp_policy_clear(struct pp_distribution *out, size_t count)
{
    out->protocol = out->carried = PP_UNITS_ZERO;
    memset(out->parts, 0, count * sizeof out->parts[0]);
    for (size_t k = 0; k < PP_BLEND_PARTS_MAX; k++)
        memset(out->by[k], 0, count * sizeof out->by[k][0]);
}

static void result_put(const struct pp_distribution *result, size_t count, struct pp_distribution *out)
{
    out->protocol = result->protocol;
    out->carried = result->carried;
    memcpy(out->parts, result->parts, count * sizeof out->parts[0]);
    for (size_t k = 0; k < PP_BLEND_PARTS_MAX; k++)
        memcpy(out->by[k], result->by[k], count * sizeof out->by[k][0]);
}

enum pp_error pp_distribute(const struct pp_split_case *split_case, struct pp_distribution *out)
{
    struct pp_distribution result;
    PP_TRY(pp_split_terms_check(&split_case->terms));
    PP_TRY(pp_operators_check(split_case->operators, split_case->count));
    pp_policy_clear(&result, split_case->count);
    if (split_case->count == 0)
        result.carried = split_case->pool; /* REW-065 */
    else
        PP_TRY(policy_of(split_case->terms.policy)->function(split_case, &result));
    PP_TRY(sum_check(split_case, &result));
    result_put(&result, split_case->count, out);
    return PP_OK;
}
