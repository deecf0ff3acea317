/* pp/work.h - byte-days: what the policy `work` weighs an operator by, counted as storage is earned.
 *
 * Shape:  an earning book (pp/earning.h) of its own, charged with pp_work_term of every envelope that is stored and refunded with
 *         the same term when it is deleted: what it has "earned" is then byte-days, one grain each. Exact for every retention and
 *         every day of deletion, O(1) each, in the order of the journal: every node that has the evidence counts the same.
 * Errors: UNDERFLOW (byte-days that fell), OVERFLOW.
 * Source: specs/policies/work.md (POL-022).
 */
#ifndef PP_WORK_H
#define PP_WORK_H

#include <pp/amount.h>
#include <pp/day.h>

/* An envelope of `size_bytes`, as a term at a rate of one grain a byte and day. */
static inline struct pp_storage_term pp_work_term(uint32_t size_bytes, uint16_t retention_days,
                                                  uint32_t stored_day)
{
    return (struct pp_storage_term){(uint64_t)size_bytes * retention_days, retention_days, stored_day};
}

/* The byte-days between two readings of a lane's earned. */
PP_MUST_CHECK static inline enum pp_error pp_work_between(struct pp_grains before, struct pp_grains now,
                                                          uint64_t *out_byte_days)
{
    struct pp_grains stored;
    PP_TRY(pp_grains_sub(now, before, &stored));
    return pp_grains_to_u64(stored, out_byte_days);
}

#endif
