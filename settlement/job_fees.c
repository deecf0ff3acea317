#include <pp/job.h>

#define GAS_MARGIN_LEAST 10000u

uint64_t pp_job_gas(uint64_t estimate)
{
    return estimate > UINT64_MAX / 2 ? UINT64_MAX : estimate + estimate / 4 + GAS_MARGIN_LEAST;
}

static pp_u128 least_of(pp_u128 a, pp_u128 b)
{
    return a < b ? a : b;
}

/* Fees that no chain has ever seen are cut to what 96 bits hold, so that nothing below overflows. */
static pp_u128 sane(pp_u128 fee)
{
    return least_of(fee, PP_GRAINS_MAX.raw);
}

enum pp_error pp_fees_first(const struct pp_fee_policy *policy, pp_u128 base_fee, pp_u128 priority,
                            struct pp_tx_fees *out)
{
    pp_u128 most = sane(policy->most);
    if (most == 0 || most < base_fee)
        return PP_TX_UNDERPRICED;
    out->priority = least_of(sane(priority), most);
    out->most = least_of(2 * sane(base_fee) + out->priority, most);
    return PP_OK;
}

static pp_u128 raised(pp_u128 fee)
{
    return fee + fee / 8 + 1;
}

enum pp_error pp_fees_raise(const struct pp_fee_policy *policy, const struct pp_tx_fees *before,
                            pp_u128 base_fee, pp_u128 priority, struct pp_tx_fees *out)
{
    struct pp_tx_fees fees;
    pp_u128 most = sane(policy->most);
    if (pp_fees_first(policy, base_fee, priority, &fees) != PP_OK)
        return PP_TX_STUCK;
    if (fees.priority < raised(before->priority))
        fees.priority = raised(before->priority);
    if (fees.most < raised(before->most))
        fees.most = raised(before->most);
    if (fees.most > most || fees.priority > fees.most)
        return PP_TX_STUCK;
    *out = fees;
    return PP_OK;
}
