/* work: by the byte-days that the operators stored. Source: specs/policies/work.md. */
#include "policies/policy.h"

/* POL-021 */
enum pp_error pp_policy_work(const struct pp_split_case *split_case, struct pp_distribution *out)
{
    uint64_t weights[PP_OPERATORS_MAX];
    for (size_t i = 0; i < split_case->count; i++)
        weights[i] = split_case->weights ? split_case->weights[i].byte_days : 0;
    return pp_policy_split_by_weight(split_case, weights, out);
}
