/* equal: every operator the same. Source: specs/policies/equal.md. */
#include "policies/policy.h"

/* POL-001 */
enum pp_error pp_policy_equal(const struct pp_split_case *split_case, struct pp_distribution *out)
{
    uint64_t weights[PP_OPERATORS_MAX];
    for (size_t i = 0; i < split_case->count; i++)
        weights[i] = 1;
    return pp_policy_split_by_weight(split_case, weights, out);
}
