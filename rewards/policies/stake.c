/* stake: by what the operators have at stake. Source: specs/policies/stake.md. */
#include "policies/policy.h"

/* POL-011 */
enum pp_error pp_policy_stake(const struct pp_split_case *split_case, struct pp_distribution *out)
{
    uint64_t weights[PP_OPERATORS_MAX];
    for (size_t i = 0; i < split_case->count; i++)
        weights[i] = split_case->weights ? split_case->weights[i].stake_units : 0;
    return pp_policy_split_by_weight(split_case, weights, out);
}
