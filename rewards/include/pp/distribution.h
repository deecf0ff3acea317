/* pp/distribution.h - how what the pool received is split among the operators.
 *
 * Shape:  a policy is a function in a file of its own (rewards/policies/), a row of PP_POLICIES, and a page of
 *         specs/policies/. It is given the whole case and fills in the protocol's share, each operator's part, and what the part
 *         is made of. Whatever it does, the protocol's share, the parts and what is carried over sum to the pool exactly, or
 *         nothing is paid (INVARIANT). When no operator has a weight the whole pool is carried over.
 * Own:    plain values of the caller; some 10 KiB.
 * Errors: OUT_OF_RANGE (basis points), TOO_MANY, BAD_KIND (a policy that is not in the table, or a blend of blends), BAD_FORMAT
 *         (operators out of order, a policy twice in a blend, a blend for another policy), MISSING_FIELD (a blend of nothing),
 *         INVARIANT (a policy that does not sum to the pool).
 * Source: specs/rewards.md (REW-060 to REW-069), specs/policies/, DESIGN section 7.
 */
#ifndef PP_DISTRIBUTION_H
#define PP_DISTRIBUTION_H

#include <pp/amount.h>
#include <pp/ids.h>
#include <pp/limits.h>

#define PP_BASIS_POINTS UINT32_C(10000)
#define PP_BLEND_PARTS_MAX 4u /* policies of one blend: each is a column of every statement */

/* P(NAME, number, function, name): numbers are in terms, records and reports, and never change. The function is
 * pp_policy_FUNCTION of rewards/policies/FUNCTION.c. */
#define PP_POLICIES(P)                                                                                       \
    P(EQUAL, 1, equal, "equal")                                                                              \
    P(STAKE, 2, stake, "stake")                                                                              \
    P(WORK, 3, work, "work")                                                                                 \
    P(BLEND, 4, blend, "blend")                                                                              \
    P(XMTP_EQUAL, 5, xmtp_equal, "xmtp-equal")

enum pp_policy {
#define P(name, number, function, text) PP_POLICY_##name = number,
    PP_POLICIES(P)
#undef P
};

/* An operator of the pinned set. */
struct pp_operator {
    uint32_t node_id;        /* 1 to 2^24 - 1 */
    struct pp_address key;   /* signs refunds and reports */
    struct pp_address payee; /* receives payouts */
};

/* What a policy may weigh an operator by. */
struct pp_operator_weights {
    uint64_t stake_units; /* at the named block */
    uint64_t byte_days;   /* stored in the epoch, from the replicated evidence */
};

struct pp_blend_part {
    enum pp_policy policy;
    uint32_t basis_points;
};
/* Of policies other than BLEND, each once, with basis points above zero that sum to 10,000. Empty for any other policy. */
struct pp_blend {
    struct pp_blend_part parts[PP_BLEND_PARTS_MAX];
    uint8_t count;
};

/* What a network agrees on. */
struct pp_split_terms {
    enum pp_policy policy;
    uint32_t protocol_basis_points;
    struct pp_blend blend;
};

/* How a node's network pays, beside the protocol's share; all zero: equally, everything at once, no bound. */
struct pp_payout_terms {
    enum pp_policy policy; /* 0: equal */
    struct pp_blend blend;
    struct pp_units minimum_payout;
    uint32_t refund_bound_basis_points;
};

struct pp_split_case {
    struct pp_split_terms terms;
    uint64_t epoch;
    struct pp_units pool;
    const struct pp_operator *operators;       /* ascending */
    const struct pp_operator_weights *weights; /* in the operators' order; NULL: all zero */
    size_t count;
};

struct pp_distribution {
    struct pp_units protocol;
    struct pp_units parts[PP_OPERATORS_MAX]; /* in the operators' order; behind the last one of no meaning */
    /* What the parts are made of: the policies of a blend in its order; of any other policy the first row is all. */
    struct pp_units by[PP_BLEND_PARTS_MAX][PP_OPERATORS_MAX];
    struct pp_units carried; /* to the next epoch's pool */
};

/* Operators in ascending order of node_id, distinct. */
PP_MUST_CHECK enum pp_error pp_operators_check(const struct pp_operator *operators, size_t count);
/* keccak(abi.encode(uint32[] nodeIds, address[] operatorKeys)). */
PP_MUST_CHECK enum pp_error pp_operators_hash(const struct pp_operator *operators, size_t count,
                                              struct pp_hash *out);

/* Policy, basis points and blend. */
PP_MUST_CHECK enum pp_error pp_split_terms_check(const struct pp_split_terms *terms);
PP_MUST_CHECK enum pp_error pp_distribute(const struct pp_split_case *split_case,
                                          struct pp_distribution *out);

/* "equal"; "unknown" for a number that is not in the table. */
const char *pp_policy_name(unsigned policy);
/* NOT_FOUND. */
PP_MUST_CHECK enum pp_error pp_policy_find(const char *name, enum pp_policy *out);

#endif
