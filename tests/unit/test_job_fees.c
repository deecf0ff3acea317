#include "pp_test.h"

#include <pp/job.h>

#define GWEI ((pp_u128)1000000000)

static const struct pp_fee_policy policy = {.most = 100 * GWEI, .stuck_after = 5};

static void check(const struct pp_tx_fees *fees, pp_u128 most, pp_u128 priority)
{
    ck_assert(fees->most == most);
    ck_assert(fees->priority == priority);
}

/* Goal: twice the base fee and the priority, cut at the most (JOB-007). Method: both sides of every cut. */
START_TEST(fees_first__base_fees__doubled_and_cut)
{
    struct pp_tx_fees fees;
    ck_assert_ok(pp_fees_first(&policy, 10 * GWEI, 2 * GWEI, &fees));
    check(&fees, 22 * GWEI, 2 * GWEI);
    ck_assert_ok(pp_fees_first(&policy, 49 * GWEI, 2 * GWEI, &fees));
    check(&fees, 100 * GWEI, 2 * GWEI);
    ck_assert_ok(pp_fees_first(&policy, 100 * GWEI, 2 * GWEI, &fees));
    check(&fees, 100 * GWEI, 2 * GWEI);
    ck_assert_error(pp_fees_first(&policy, 100 * GWEI + 1, 2 * GWEI, &fees), PP_TX_UNDERPRICED);
    ck_assert_ok(pp_fees_first(&policy, 0, 200 * GWEI, &fees));
    check(&fees, 100 * GWEI, 100 * GWEI);
    ck_assert_ok(pp_fees_first(&policy, 0, 0, &fees));
    check(&fees, 0, 0);
    const struct pp_fee_policy nothing = {.most = 0};
    ck_assert_error(pp_fees_first(&nothing, 0, 0, &fees), PP_TX_UNDERPRICED);
}
END_TEST

/* Goal: a chain node that names an absurd fee costs nothing and overflows nothing. */
START_TEST(fees_first__absurd_numbers__cut)
{
    const struct pp_fee_policy unbounded = {.most = ~(pp_u128)0};
    struct pp_tx_fees fees;
    ck_assert_ok(pp_fees_first(&policy, 1, ~(pp_u128)0, &fees));
    check(&fees, 100 * GWEI, 100 * GWEI);
    ck_assert_ok(pp_fees_first(&unbounded, 1, ~(pp_u128)0, &fees));
    ck_assert(fees.priority <= fees.most && fees.most == PP_GRAINS_MAX.raw);
    ck_assert_error(pp_fees_first(&unbounded, ~(pp_u128)0, 1, &fees), PP_TX_UNDERPRICED);
}
END_TEST

/* Goal: both fees rise by more than an eighth, to the market where that is higher, and never above the most (JOB-007). */
START_TEST(fees_raise__steps__an_eighth_or_the_market)
{
    struct pp_tx_fees before = {.priority = 2 * GWEI, .most = 22 * GWEI}, fees = {7, 7};
    ck_assert_ok(pp_fees_raise(&policy, &before, 10 * GWEI, 2 * GWEI, &fees));
    check(&fees, 22 * GWEI + 22 * GWEI / 8 + 1, 2 * GWEI + GWEI / 4 + 1);
    ck_assert_ok(pp_fees_raise(&policy, &before, 30 * GWEI, 3 * GWEI, &fees));
    check(&fees, 63 * GWEI, 3 * GWEI);
    before = (struct pp_tx_fees){.priority = 2 * GWEI, .most = 89 * GWEI};
    fees = (struct pp_tx_fees){7, 7};
    ck_assert_error(pp_fees_raise(&policy, &before, 10 * GWEI, 2 * GWEI, &fees), PP_TX_STUCK);
    ck_assert_error(pp_fees_raise(&policy, &before, 101 * GWEI, 2 * GWEI, &fees), PP_TX_STUCK);
    check(&fees, 7, 7);
    before = (struct pp_tx_fees){0, 0};
    ck_assert_ok(pp_fees_raise(&policy, &before, 0, 0, &fees));
    check(&fees, 1, 1);
}
END_TEST

/* Goal: the limit on versions is enough to reach 2.5 times the first fee (limits.h). */
START_TEST(fees_raise__all_attempts__two_and_a_half_times)
{
    struct pp_tx_fees fees = {.priority = 8 * GWEI, .most = 8 * GWEI};
    const struct pp_fee_policy rich = {.most = 1000 * GWEI};
    for (unsigned i = 1; i < PP_JOB_ATTEMPTS_MAX; i++)
        ck_assert_ok(pp_fees_raise(&rich, &fees, 0, 0, &fees));
    ck_assert(fees.most >= 18 * GWEI && fees.most <= 21 * GWEI);
}
END_TEST

static pp_u128 budget(const struct pp_fee_policy *p, pp_u128 value_gwei_per_gas, uint64_t deadline_s,
                      uint64_t now_s)
{
    const struct pp_job_stake stake = {true, value_gwei_per_gas * GWEI * 1000, deadline_s};
    return pp_fees_budget(p, &stake, 1000, now_s);
}

/* Goal: what may be paid follows from what is lost and by when (BUDGET-001). Method: every side of every bound. */
START_TEST(fees_budget__value_and_deadline__part_of_the_value_then_all)
{
    const struct pp_fee_policy p = {.most = 100 * GWEI, .times = 4, .urgent_s = 100};
    const struct pp_job_stake unknown = {.value_wei = 1, .deadline_s = 1};
    ck_assert(pp_fees_budget(&p, &unknown, 1000, 0) == 100 * GWEI);
    ck_assert(budget(&p, 40, 0, 5000) == 10 * GWEI);    /* it can wait */
    ck_assert(budget(&p, 40, 5000, 4900) == 10 * GWEI); /* not urgent yet */
    ck_assert(budget(&p, 40, 5000, 4950) == 25 * GWEI); /* half of the way */
    ck_assert(budget(&p, 40, 5000, 4975) > 32 * GWEI && budget(&p, 40, 5000, 4975) < 33 * GWEI);
    ck_assert(budget(&p, 40, 5000, 5000) == 40 * GWEI); /* all of the value, and never more */
    ck_assert(budget(&p, 40, 5000, 9999) == 40 * GWEI);
    ck_assert(budget(&p, 4000, 5000, 5000) == 100 * GWEI); /* the configured most */
    ck_assert(budget(&p, 4000, 0, 0) == 100 * GWEI);
    ck_assert(budget(&p, 0, 5000, 5000) == 0);
    pp_u128 last = 0;
    for (uint64_t now = 4890; now <= 5010; now++) { /* it only rises */
        ck_assert(budget(&p, 40, 5000, now) >= last);
        last = budget(&p, 40, 5000, now);
    }
    const struct pp_fee_policy plain = {.most = 100 * GWEI};
    ck_assert(budget(&plain, 40, 0, 0) == 40 * GWEI);
    ck_assert(budget(&plain, 40, 1, 0) == 40 * GWEI);
    const struct pp_job_stake absurd = {true, ~(pp_u128)0, 1};
    const struct pp_fee_policy unbounded = {.most = ~(pp_u128)0, .times = 1, .urgent_s = 10};
    ck_assert(pp_fees_budget(&unbounded, &absurd, 1, 0) <= PP_GRAINS_MAX.raw);
    ck_assert(pp_fees_budget(&p, &absurd, 0, 0) == 100 * GWEI);
}
END_TEST

/* Goal: a cost in units is never too low, a value in coins never too high; what does not fit is the largest. */
START_TEST(fees_convert__rounding_and_edges__against_us)
{
    const uint64_t dollars = UINT64_C(3000000000); /* a coin is worth 3000.00 */
    ck_assert_uint_eq(pp_wei_to_units_ceil(0, dollars).raw, 0);
    ck_assert_uint_eq(pp_wei_to_units_ceil(1, dollars).raw, 1);
    ck_assert_uint_eq(pp_wei_to_units_ceil((pp_u128)1000000000 * GWEI, dollars).raw, dollars);
    ck_assert_uint_eq(pp_wei_to_units_ceil((pp_u128)1000000000 * GWEI + 1, dollars).raw, dollars + 1);
    ck_assert_uint_eq(pp_wei_to_units_ceil(~(pp_u128)0, dollars).raw, UINT64_MAX);
    ck_assert_uint_eq(pp_wei_to_units_ceil(~(pp_u128)0, 0).raw, 0);
    ck_assert(pp_units_to_wei_floor(pp_units(dollars), dollars) == (pp_u128)1000000000 * GWEI);
    ck_assert(pp_units_to_wei_floor(pp_units(1), dollars) == 333333333);
    ck_assert(pp_units_to_wei_floor(pp_units(1), 0) == ~(pp_u128)0);
    ck_assert(pp_units_to_wei_floor(pp_units(UINT64_MAX), 1) == (pp_u128)UINT64_MAX * 1000000000 * GWEI);
    ck_assert(pp_fees_cost(3, 5) == 15);
    ck_assert(pp_fees_cost(2, ~(pp_u128)0) == ~(pp_u128)0);
    ck_assert_uint_eq(pp_job_gas(100000), 135000);
    ck_assert_uint_eq(pp_job_gas(UINT64_MAX), UINT64_MAX);
}
END_TEST

PP_TESTS("job_fees")
PP_TEST(fees_budget__value_and_deadline__part_of_the_value_then_all)
PP_TEST(fees_convert__rounding_and_edges__against_us)
PP_TEST(fees_first__base_fees__doubled_and_cut)
PP_TEST(fees_first__absurd_numbers__cut)
PP_TEST(fees_raise__steps__an_eighth_or_the_market)
PP_TEST(fees_raise__all_attempts__two_and_a_half_times)
PP_TESTS_END
