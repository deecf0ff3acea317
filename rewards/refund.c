#include <pp/refund.h>

#include <pp/assert.h>
#include <pp/limits.h>

const char *pp_refund_reason_name(unsigned reason)
{
    switch (reason) {
#define X(name, number)                                                                                      \
    case number:                                                                                             \
        return #name;
        PP_REFUND_REASONS(X)
#undef X
    default:
        return "UNKNOWN_REASON";
    }
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* REW-012: what days 1 to d have earned is q d + min(d, r); the rest is left. */
enum pp_error pp_storage_left(const struct pp_storage_term *term, uint32_t today, uint64_t *out_grains)
{
    uint64_t days = term->retention_days;
    if (days == 0)
        return PP_ZERO_RETENTION;
    if (days > PP_RETENTION_MAX_DAYS)
        return PP_RETENTION_TOO_LONG;
    if (today < term->stored_day)
        return PP_OUT_OF_RANGE;
    uint64_t begun = min_u64((uint64_t)today - term->stored_day + 1, days);
    uint64_t earned = term->storage_grains / days * begun + min_u64(begun, term->storage_grains % days);
    PP_ASSERT(earned <= term->storage_grains);
    *out_grains = term->storage_grains - earned;
    return PP_OK;
}

static uint8_t bit_of(enum pp_refund_reason reason)
{
    return (uint8_t)(1u << ((unsigned)reason - 1));
}

static bool has_reason(const struct pp_refund_state *state, enum pp_refund_reason reason)
{
    return state->reasons & bit_of(reason);
}

static enum pp_error early_delete_amount(const struct pp_refund_case *refund_case,
                                         const struct pp_refund_state *before, struct pp_grains *out)
{
    const struct pp_storage_term term = {refund_case->postage.storage_grains, refund_case->retention_days,
                                         refund_case->stored_day};
    uint64_t left;
    if (has_reason(before, PP_REFUND_EARLY_DELETE))
        return PP_ALREADY_DELETED;
    if (has_reason(before, PP_REFUND_NOT_STORED) || has_reason(before, PP_REFUND_NOT_REPLICATED))
        return PP_NOT_DELETABLE;
    PP_TRY(pp_storage_left(&term, refund_case->today, &left));
    if (refund_case->today - refund_case->stored_day >=
        refund_case->retention_days - 1u) /* no whole day left */
        return PP_NOT_DELETABLE;
    *out = pp_grains(left);
    return PP_OK;
}

/* REW-018: what went back as not stored went back with the bond. */
static enum pp_error bond_amount(const struct pp_refund_case *refund_case, const struct pp_refund_state *before,
                                 struct pp_grains *out)
{
    if (refund_case->postage.bond_grains == 0)
        return PP_BAD_KIND;
    if (has_reason(before, PP_REFUND_BOND_RETURNED) || has_reason(before, PP_REFUND_NOT_STORED) ||
        has_reason(before, PP_REFUND_NOT_REPLICATED))
        return PP_ALREADY_REFUNDED;
    *out = pp_grains(refund_case->postage.bond_grains);
    return PP_OK;
}

enum pp_error pp_refund_decide(const struct pp_refund_case *refund_case, enum pp_refund_reason reason,
                               const struct pp_refund_state *before, struct pp_refund_state *out_after,
                               struct pp_grains *out_amount)
{
    struct pp_grains total, amount, refunded;
    PP_TRY(pp_postage_total(&refund_case->postage, &total));
    if (reason == PP_REFUND_NOT_STORED || reason == PP_REFUND_NOT_REPLICATED) {
        if (has_reason(before, reason))
            return PP_ALREADY_REFUNDED;
        amount = total;
    } else if (reason == PP_REFUND_EARLY_DELETE) {
        PP_TRY(early_delete_amount(refund_case, before, &amount));
    } else if (reason == PP_REFUND_BOND_RETURNED) {
        PP_TRY(bond_amount(refund_case, before, &amount));
    } else {
        return PP_BAD_KIND;
    }
    /* REW-015 */
    PP_TRY(pp_grains_add(before->refunded, amount, &refunded));
    if (pp_grains_lt(total, refunded))
        return PP_REFUND_EXCEEDS;
    *out_after = (struct pp_refund_state){before->reasons | bit_of(reason), refunded};
    *out_amount = amount;
    return PP_OK;
}

/* REW-017 */
enum pp_error pp_deferred(struct pp_grains spent, struct pp_grains refunded, struct pp_grains earned,
                          struct pp_grains *out)
{
    struct pp_grains gone, left;
    if (pp_grains_add(refunded, earned, &gone) != PP_OK || pp_grains_sub(spent, gone, &left) != PP_OK)
        return PP_DEFERRED_EXCEEDED;
    *out = left;
    return PP_OK;
}
