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

#define WEI_PER_COIN ((pp_u128)1000000000000000000u)
#define U128_MAX (~(pp_u128)0)

static pp_u128 times_at_most(pp_u128 a, pp_u128 b)
{
    pp_u128 product;
    return __builtin_mul_overflow(a, b, &product) ? U128_MAX : product;
}

pp_u128 pp_fees_cost(uint64_t gas, pp_u128 price)
{
    return times_at_most(gas, price);
}

pp_u128 pp_units_to_wei_floor(struct pp_units units, uint64_t units_per_coin)
{
    return units_per_coin == 0 ? U128_MAX : WEI_PER_COIN * units.raw / units_per_coin; /* 2^60 x 2^64 */
}

struct pp_units pp_wei_to_units_ceil(pp_u128 wei, uint64_t units_per_coin)
{
    pp_u128 whole = times_at_most(wei / WEI_PER_COIN, units_per_coin);
    pp_u128 part = (wei % WEI_PER_COIN * units_per_coin + WEI_PER_COIN - 1) / WEI_PER_COIN;
    return pp_units(whole > UINT64_MAX - part ? UINT64_MAX : (uint64_t)(whole + part));
}

/* The part of the way to the deadline that is over, in 2^16ths. */
static uint64_t urgency(const struct pp_fee_policy *policy, uint64_t deadline_s, uint64_t now_s)
{
    uint64_t left = deadline_s > now_s ? deadline_s - now_s : 0;
    if (deadline_s == 0 || left >= policy->urgent_s)
        return deadline_s != 0 && left == 0 ? 1u << 16 : 0;
    return ((policy->urgent_s - left) << 16) / policy->urgent_s;
}

pp_u128 pp_fees_budget(const struct pp_fee_policy *policy, const struct pp_job_stake *stake, uint64_t gas,
                       uint64_t now_s)
{
    pp_u128 most = sane(policy->most);
    if (!stake->known || gas == 0)
        return most;
    pp_u128 all = least_of(stake->value_wei / gas, PP_GRAINS_MAX.raw);
    pp_u128 calm = all / (policy->times ? policy->times : 1);
    return least_of(calm + ((all - calm) * urgency(policy, stake->deadline_s, now_s) >> 16), most);
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
