/* pp/pool.h - the account of the pool: what it received, owes, nets, holds back and pays, operator by operator, from one
 * report to the next.
 *
 * Shape:  a table of rows in ascending order of node_id; node_id 0 is the treasury. A row has what was paid in all, what is
 *         carried because it is below the least payout, and what was netted in all. An epoch takes the table of the report
 *         before to the next one:
 *           pool     = received - paid - carried by operators
 *           back     = what was netted and then drawn from a stake as well: from the pool to the operator's carry
 *           forfeits = what bonds forfeited since, at most the pool: to the treasury
 *           netted   = what an operator owes, from what it carries: into the pool, before the shares are computed
 *           shares   = pp_distribute
 *           netted   = the rest of what it owes, from its part: held for the next pool
 *           paid     = carry and part together, once they reach the least payout
 *         and after it received = paid + carried by operators + held + carried over, to the last unit.
 * Own:    plain values of the caller, 100 to 250 KiB: the heap's. What stands behind a count is of no meaning. pp_pool_share
 *         takes room for as many rows as there are while it works.
 * Errors: NO_MEMORY, UNDERFLOW (received less than paid and carried), OVERFLOW, TOO_MANY, BAD_FORMAT (rows out of order; a treasury that
 *         carries), OUT_OF_RANGE (node ids, a bound above 10,000), those of distribution.
 * Source: specs/rewards.md (REW-054, REW-055, REW-100 to REW-119), DESIGN sections 6 and 7.
 */
#ifndef PP_POOL_H
#define PP_POOL_H

#include <pp/distribution.h>
#include <pp/merkle.h>
#include <pp/payout.h>

struct pp_pool_row {
    uint32_t node_id;
    struct pp_address payee;
    struct pp_units paid;    /* in all: the payout's amount */
    struct pp_units carry;   /* below the least payout: not paid yet */
    struct pp_units netted;  /* in all, less what was given back */
    pp_u128 took_grains;     /* S of all its lanes, as the report stated them */
    pp_u128 refunded_grains; /* R of all its lanes */
    pp_u128 byte_days;       /* stored in all: what it was weighed with in all reports together */
};

struct pp_pool_table {
    struct pp_pool_row rows[PP_PAYOUTS_MAX];
    size_t count;
    struct pp_units forfeits; /* given to the treasury, in all */
};

/* What the contract drew from an operator's stake, in all: the same debts, collected another way (CHAIN-103). */
struct pp_drawn {
    uint32_t node_id;
    struct pp_units units;
};
/* Ascending, distinct, nothing of zero: BAD_FORMAT; node ids: OUT_OF_RANGE; TOO_MANY. */
PP_MUST_CHECK enum pp_error pp_drawn_check(const struct pp_drawn *drawn, size_t count);

/* What every node must agree on. */
struct pp_pool_terms {
    uint64_t epoch;
    struct pp_split_terms split;
    struct pp_units received_total;
    struct pp_units minimum_payout; /* zero: everything is paid at once */
    uint32_t
        refund_bound_basis_points; /* of what an operator took: refunds above it are reported; zero: no bound */
    struct pp_address treasury_payee;
    const struct pp_operator *operators;
    const struct pp_operator_weights *weights; /* NULL: all zero */
    size_t operator_count;
    const struct pp_drawn *drawn; /* by the report's block */
    size_t drawn_count;
};

/* What an epoch did for one row. */
struct pp_pool_line {
    uint32_t node_id;
    bool is_member; /* of the set; one that left gets what it carried, whatever the least payout */
    struct pp_operator_weights weights;
    struct pp_units carry_before;
    struct pp_units part;                   /* of the shares; the treasury's: the protocol's share */
    struct pp_units by[PP_BLEND_PARTS_MAX]; /* what the part is made of */
    struct pp_units given_back;           /* netted before, and drawn from the stake since: into the carry */
    struct pp_units netted_of_carry;      /* went into this epoch's pool */
    struct pp_units netted_of_part;       /* is held for the next one */
    struct pp_units owed;                 /* still, afterwards; at most 2^64 - 1 */
    struct pp_units paid;                 /* now */
    struct pp_units carry;                /* afterwards */
    pp_u128 took_grains, refunded_grains; /* in the epoch */
    bool is_inflated;                     /* its refunds passed the bound */
};

struct pp_pool_sums {
    struct pp_units pool;       /* received and never paid, carried by nobody */
    struct pp_units given_back; /* of it, to operators */
    struct pp_units forfeits;   /* of it, to the treasury */
    struct pp_units shared;     /* what was split: the rest, and what was netted of carries */
    struct pp_units protocol;
    struct pp_units carried; /* over: nobody had a weight */
    struct pp_units held;    /* netted of parts */
};

struct pp_pool_epoch {
    struct pp_pool_sums sums;
    struct pp_pool_line lines[PP_PAYOUTS_MAX];
    size_t line_count; /* as many as the table has rows afterwards, in its order */
};

void pp_pool_table_init(struct pp_pool_table *table);
/* Ascending, distinct, the treasury carries and owes nothing, and the sums fit. */
PP_MUST_CHECK enum pp_error pp_pool_table_check(const struct pp_pool_table *table);
/* NOT_FOUND. */
PP_MUST_CHECK enum pp_error pp_pool_find(const struct pp_pool_table *table, uint32_t node_id,
                                         const struct pp_pool_row **out);
/* What is paid in all: the payout tree's rows, and back: a report of version 1 knows no more. */
void pp_pool_payouts(const struct pp_pool_table *table, struct pp_payout_table *out);
void pp_pool_of_payouts(const struct pp_payout_table *payouts, struct pp_pool_table *out);

/* One epoch. `before` may be NULL: there was none. `lanes` are those of the report, in any order. On failure the outputs are
 * untouched; they may not be `before`. */
PP_MUST_CHECK enum pp_error pp_pool_share(const struct pp_pool_terms *terms,
                                          const struct pp_pool_table *before,
                                          const struct pp_lane_leaf *lanes, size_t lane_count,
                                          struct pp_pool_table *out_after, struct pp_pool_epoch *out_epoch);

#endif
