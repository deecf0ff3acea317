/* policy.h - what a policy is, and what most of them share. Private to rewards/.
 *
 * Use:    a policy is `pp_policy_NAME` in NAME.c: it fills in a distribution that is all zero, and returns OK. The case was checked,
 *         and has at least one operator. Its row of PP_POLICIES (pp/distribution.h) is all that the engine needs to know of it.
 * Source: specs/policies/.
 */
#ifndef PP_POLICY_H
#define PP_POLICY_H

#include <pp/distribution.h>

typedef enum pp_error pp_policy_function(const struct pp_split_case *split_case, struct pp_distribution *out);

#define P(name, number, function, text) pp_policy_function pp_policy_##function;
PP_POLICIES(P)
#undef P

/* NULL for a number that is not in the table. */
pp_policy_function *pp_policy_function_of(unsigned policy);

/* All zero, as far as so many operators need it. */
void pp_policy_clear(struct pp_distribution *out, size_t count);

/* REW-061, REW-062, REW-065: the protocol's share rounded down; the rest by these weights and largest remainder, ties by epoch and
 * node. Without any weight the whole pool is carried. */
PP_MUST_CHECK enum pp_error pp_policy_split_by_weight(const struct pp_split_case *split_case,
                                                      const uint64_t weights[PP_OPERATORS_MAX],
                                                      struct pp_distribution *out);

#endif
