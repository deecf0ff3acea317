/* pp/distribution.h - how what the pool received is split among the operators.
 *
 * Shape:  the protocol's share in basis points first, rounded down; the rest by the policy. A policy is a function and a row in one
 *         table. The parts and the protocol's share sum to the pool exactly, or nothing is paid and the whole pool is carried
 *         over (when no operator has a weight).
 * Own:    plain values of the caller.
 * Errors: OUT_OF_RANGE (basis points), TOO_MANY, BAD_KIND (a policy that is not built), BAD_FORMAT (operators out of order).
 * Source: specs/rewards.md (REW-060 to REW-069), DESIGN section 7.
 */
#ifndef PP_DISTRIBUTION_H
#define PP_DISTRIBUTION_H

#include <pp/amount.h>
#include <pp/ids.h>
#include <pp/limits.h>

#define PP_BASIS_POINTS UINT32_C(10000)

/* Numbers are in terms and reports. STAKE, WORK and BLEND are reserved. */
enum pp_policy {
    PP_POLICY_EQUAL = 1,
    PP_POLICY_STAKE = 2,
    PP_POLICY_WORK = 3,
    PP_POLICY_BLEND = 4,
    PP_POLICY_XMTP_EQUAL =
        5, /* what the XMTP network's contract pays: equal parts rounded down, all the rest to the protocol */
};

/* An operator of the pinned set. */
struct pp_operator {
    uint32_t node_id;        /* 1 to 2^24 - 1 */
    struct pp_address key;   /* signs refunds and reports */
    struct pp_address payee; /* receives payouts */
};

struct pp_distribution {
    struct pp_units protocol;
    struct pp_units parts[PP_OPERATORS_MAX]; /* in the operators' order */
    struct pp_units carried;                 /* zero, or the whole pool */
};

/* Operators in ascending order of node_id, distinct. */
PP_MUST_CHECK enum pp_error pp_operators_check(const struct pp_operator *operators, size_t count);
/* keccak(abi.encode(uint32[] nodeIds, address[] operatorKeys)). */
PP_MUST_CHECK enum pp_error pp_operators_hash(const struct pp_operator *operators, size_t count,
                                              struct pp_hash *out);

PP_MUST_CHECK enum pp_error pp_distribute(enum pp_policy policy, uint64_t epoch, struct pp_units pool,
                                          uint32_t protocol_basis_points, const struct pp_operator *operators,
                                          size_t count, struct pp_distribution *out);
/* "equal"; "unknown" for a number that is not in the table. */
const char *pp_policy_name(unsigned policy);
/* NOT_FOUND. */
PP_MUST_CHECK enum pp_error pp_policy_find(const char *name, enum pp_policy *out);

#endif
