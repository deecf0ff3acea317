/* blend: shares of the pool by several policies, in basis points. Source: specs/policies/blend.md. */
#include "policies/policy.h"

#include <pp/assert.h>

#include <string.h>

/* The same case, for one policy of the blend: the protocol's share was taken before. */
static struct pp_split_case part_case(const struct pp_split_case *whole, size_t k, struct pp_units pool)
{
    struct pp_split_case part = *whole;
    part.terms = (struct pp_split_terms){.policy = whole->terms.blend.parts[k].policy};
    part.pool = pool;
    return part;
}

/* `out` has what the part's policy gives of `pool`. */
static enum pp_error part_split(const struct pp_split_case *whole, size_t k, struct pp_units pool,
                                struct pp_distribution *out)
{
    const struct pp_split_case part = part_case(whole, k, pool);
    pp_policy_function *function = pp_policy_function_of(part.terms.policy);
    pp_policy_clear(out, whole->count);
    if (!function || part.terms.policy == PP_POLICY_BLEND)
        return PP_BAD_KIND;
    return function(&part, out);
}

/* POL-032: by basis points and largest remainder, of equal remainders the earlier part first. */
static enum pp_error pool_divide(const struct pp_blend *blend, const bool live[PP_BLEND_PARTS_MAX],
                                 struct pp_units pool, struct pp_units out[PP_BLEND_PARTS_MAX])
{
    struct pp_split_share shares[PP_BLEND_PARTS_MAX];
    memset(shares, 0, sizeof shares);
    for (size_t k = 0; k < blend->count; k++)
        shares[k].weight = live[k] ? blend->parts[k].basis_points : 0;
    PP_TRY(pp_units_split_by_weight(pool, shares, blend->count));
    for (size_t k = 0; k < blend->count; k++)
        out[k] = shares[k].part;
    return PP_OK;
}

/* POL-033: which parts have any weight at all. One unit shows it, whatever the pool. */
static enum pp_error live_find(const struct pp_split_case *whole, struct pp_distribution *scratch,
                               bool out_live[PP_BLEND_PARTS_MAX])
{
    for (size_t k = 0; k < whole->terms.blend.count; k++) {
        PP_TRY(part_split(whole, k, pp_units(1), scratch));
        out_live[k] = scratch->carried.raw == 0;
    }
    return PP_OK;
}

static enum pp_error part_add(const struct pp_distribution *part, size_t k, size_t count,
                              struct pp_distribution *out)
{
    PP_TRY(pp_units_add(out->protocol, part->protocol, &out->protocol));
    PP_TRY(pp_units_add(out->carried, part->carried, &out->carried));
    for (size_t i = 0; i < count; i++) {
        out->by[k][i] = part->parts[i];
        PP_TRY(pp_units_add(out->parts[i], part->parts[i], &out->parts[i]));
    }
    return PP_OK;
}

/* POL-031 ... POL-034: what belongs to a part without weights waits, with the protocol's share of it. */
enum pp_error pp_policy_blend(const struct pp_split_case *split_case, struct pp_distribution *out)
{
    static const bool all[PP_BLEND_PARTS_MAX] = {true, true, true, true};
    const struct pp_blend *blend = &split_case->terms.blend;
    struct pp_units pools[PP_BLEND_PARTS_MAX], shared = PP_UNITS_ZERO, rest;
    bool live[PP_BLEND_PARTS_MAX] = {false};
    struct pp_distribution part;
    PP_TRY(live_find(split_case, &part, live));
    PP_TRY(pool_divide(blend, all, split_case->pool, pools));
    for (size_t k = 0; k < blend->count; k++)
        if (live[k])
            PP_TRY(pp_units_add(shared, pools[k], &shared));
    PP_TRY(pp_units_sub(split_case->pool, shared, &out->carried));
    if (shared.raw == 0)
        return PP_OK;
    PP_TRY(pp_units_ratio_floor(shared, split_case->terms.protocol_basis_points, PP_BASIS_POINTS,
                                &out->protocol));
    PP_TRY(pp_units_sub(shared, out->protocol, &rest));
    PP_TRY(pool_divide(blend, live, rest, pools));
    for (size_t k = 0; k < blend->count; k++)
        if (live[k]) {
            PP_TRY(part_split(split_case, k, pools[k], &part));
            PP_TRY(part_add(&part, k, split_case->count, out));
        }
    return PP_OK;
}
