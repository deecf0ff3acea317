/* pp/rates.h - the prices of a network: versioned by start time, moved in small steps.
 *
 * Shape:  a table of versions 1, 2, 3 ..., each with a later start than the one before; all amounts in grains, below 2^63.
 *         A step may at most double or halve each parameter; zero may become one, one may become zero.
 * Own:    the caller owns the table; nothing is allocated.
 * Errors: NEGATIVE_RATE, OUT_OF_RANGE, BAD_VERSION, RATE_STEP, TOO_MANY, NO_RATES, NOT_FOUND.
 * Source: specs/fees.md (FEE-001 to FEE-009), DESIGN section 5.
 */
#ifndef PP_RATES_H
#define PP_RATES_H

#include <pp/amount.h>
#include <pp/error.h>
#include <pp/limits.h>

struct pp_rates {
    uint32_t version;           /* 1 for the first, then one more each time */
    uint64_t start_ms;          /* in force from this moment on */
    uint64_t base_grains;       /* per message */
    uint64_t storage_grains;    /* per byte and day */
    uint64_t congestion_grains; /* per congestion unit; zero switches congestion off */
    uint32_t target_per_minute; /* messages that a node takes without congestion; at least 1 */
    uint8_t bond_count;         /* at most PP_ENVELOPE_KINDS_MAX */
    uint64_t
        bond_grains[PP_ENVELOPE_KINDS_MAX]; /* by envelope kind; a kind at or above bond_count has no bond */
};

struct pp_rate_table {
    struct pp_rates rows[PP_RATE_VERSIONS_MAX];
    uint32_t count;
};

/* Each value by itself: NEGATIVE_RATE at 2^63 and above, OUT_OF_RANGE for target, bond_count, version and unused bonds. */
PP_MUST_CHECK enum pp_error pp_rates_check(const struct pp_rates *rates);
/* RATE_STEP when a parameter of `next` is more than double, or less than half, of that of `previous`. */
PP_MUST_CHECK enum pp_error pp_rates_step_check(const struct pp_rates *previous, const struct pp_rates *next);

void pp_rate_table_init(struct pp_rate_table *table);
/* BAD_VERSION unless the version is the next one, OUT_OF_RANGE unless it starts later than the last. A full table
 * drops its oldest version. */
PP_MUST_CHECK enum pp_error pp_rate_table_add(struct pp_rate_table *table, const struct pp_rates *rates);
/* The version in force at a time: NO_RATES before the first. Borrows from the table. */
PP_MUST_CHECK enum pp_error pp_rate_table_at(const struct pp_rate_table *table, uint64_t time_ms,
                                             const struct pp_rates **out);
PP_MUST_CHECK enum pp_error pp_rate_table_find(const struct pp_rate_table *table, uint32_t version,
                                               const struct pp_rates **out);

#endif
