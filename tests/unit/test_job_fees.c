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

PP_TESTS("job_fees")
PP_TEST(fees_first__base_fees__doubled_and_cut)
PP_TEST(fees_first__absurd_numbers__cut)
PP_TEST(fees_raise__steps__an_eighth_or_the_market)
PP_TEST(fees_raise__all_attempts__two_and_a_half_times)
PP_TESTS_END
