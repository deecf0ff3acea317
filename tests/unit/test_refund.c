/* Goal: the right amount for each reason, once, and never more than was paid. Method: every retention and every day against a sum
 * day by day; every order of reasons. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/limits.h>
#include <pp/refund.h>

#include <inttypes.h>
#include <stdlib.h>

static const struct pp_postage postage = {
    .base_grains = 100, .storage_grains = 12345, .congestion_grains = 60, .bond_grains = 5000};

static struct pp_refund_case case_on(uint16_t days, uint32_t day_of_retention)
{
    return (struct pp_refund_case){.postage = postage,
                                   .retention_days = days,
                                   .stored_day = 20000,
                                   .today = 20000 + day_of_retention - 1};
}

/* REW-010: the table of the specification, row by row. */
START_TEST(refund_reasons__table_of_the_specification__equal)
{
    struct pp_spec_table table;
    static const struct {
        const char *name;
        unsigned number;
    } reasons[] = {
#define X(name, number) {#name, number},
        PP_REFUND_REASONS(X)
#undef X
    };
    const size_t count = sizeof reasons / sizeof reasons[0];
    pp_spec_table_load("rewards.md", "reason", &table);
    ck_assert_uint_eq(table.rows, count);
    ck_assert_uint_eq(reasons[count - 1].number, PP_REFUND_REASON_MAX);
    for (size_t i = 0; i < count; i++) {
        struct pp_refund_case refund_case = case_on(10, 3);
        struct pp_refund_state state = {0};
        struct pp_grains amount;
        bool per_stamp = reasons[i].number <= PP_REFUND_EARLY_DELETE || reasons[i].number >= PP_REFUND_NOT_REPLICATED;
        ck_assert_str_eq(pp_spec_cell(&table, i, 0), reasons[i].name);
        ck_assert_uint_eq(strtoul(pp_spec_cell(&table, i, 1), NULL, 10), reasons[i].number);
        ck_assert_str_eq(pp_spec_cell(&table, i, 3),
                         "built");
        ck_assert_str_eq(pp_refund_reason_name(reasons[i].number), reasons[i].name);
        ck_assert_error(
            pp_refund_decide(&refund_case, (enum pp_refund_reason)reasons[i].number, &state, &state, &amount),
            per_stamp ? PP_OK : PP_BAD_KIND);
    }
    ck_assert_str_eq(pp_refund_reason_name(0), "UNKNOWN_REASON");
    ck_assert_str_eq(pp_refund_reason_name(PP_REFUND_REASON_MAX + 1), "UNKNOWN_REASON");
    pp_spec_table_done(&table);
}
END_TEST

/* REW-002, REW-012: exhaustive over retentions and days. */
START_TEST(storage_left__every_retention_and_day__the_sum_of_the_days_left)
{
    for (uint16_t days = 1; days <= PP_RETENTION_MAX_DAYS; days++) {
        const uint64_t amounts[] = {0, 1, days - 1u, days, days + 1u, 2u * days - 1u, 1000003, INT64_MAX};
        for (size_t a = 0; a < sizeof amounts / sizeof amounts[0]; a++) {
            const struct pp_storage_term term = {amounts[a], days, 20000};
            uint64_t expected = amounts[a], left;
            for (uint32_t day = 1; day <= days + 2u; day++) {
                if (day <= days)
                    expected -= amounts[a] / days + (day <= amounts[a] % days);
                /* A million times: Check notes every assertion that passes. */
                if (pp_storage_left(&term, 20000 + day - 1, &left) != PP_OK || left != expected)
                    ck_abort_msg("%u days, day %u of %" PRIu64 " grains", days, day, amounts[a]);
            }
            ck_assert_uint_eq(expected, 0);
            ck_assert_ok(pp_storage_left(&term, PP_DAY_NEVER, &left));
            ck_assert_uint_eq(left, 0);
        }
    }
}
END_TEST

START_TEST(storage_left__a_term_that_cannot_be__named_error)
{
    uint64_t left = 7;
    ck_assert_error(pp_storage_left(&(struct pp_storage_term){1, 0, 5}, 5, &left), PP_ZERO_RETENTION);
    ck_assert_error(pp_storage_left(&(struct pp_storage_term){1, 401, 5}, 5, &left), PP_RETENTION_TOO_LONG);
    ck_assert_error(pp_storage_left(&(struct pp_storage_term){1, 1, 5}, 4, &left), PP_OUT_OF_RANGE);
    ck_assert_uint_eq(left, 7);
}
END_TEST

/* REW-012, REW-013 */
START_TEST(early_delete__each_day__storage_left_and_nothing_else)
{
    for (uint32_t day = 1; day <= 12; day++) {
        struct pp_refund_case refund_case = case_on(10, day);
        struct pp_refund_state after = {.reasons = 99};
        struct pp_grains amount = pp_grains(99);
        const struct pp_refund_state none = {0};
        enum pp_error error = pp_refund_decide(&refund_case, PP_REFUND_EARLY_DELETE, &none, &after, &amount);
        if (day >= 10) {
            ck_assert_error(error, PP_NOT_DELETABLE);
            ck_assert_uint_eq(after.reasons, 99);
            ck_assert(amount.raw == 99);
            continue;
        }
        ck_assert_ok(error);
        uint64_t earned = 1234 * day + (day < 5 ? day : 5); /* 12345 = 1234 x 10 + 5 */
        ck_assert(amount.raw == 12345 - earned);
        ck_assert(after.refunded.raw == amount.raw);
    }
}
END_TEST

/* A free envelope may be deleted, too: there is a day left, and nothing to give back. */
START_TEST(early_delete__storage_of_zero_grains__deleted_for_nothing)
{
    struct pp_refund_case refund_case = case_on(10, 1);
    struct pp_refund_state state = {0};
    struct pp_grains amount = pp_grains(9);
    refund_case.postage = (struct pp_postage){0};
    ck_assert_ok(pp_refund_decide(&refund_case, PP_REFUND_EARLY_DELETE, &state, &state, &amount));
    ck_assert(amount.raw == 0);
    ck_assert_error(pp_refund_decide(&refund_case, PP_REFUND_EARLY_DELETE, &state, &state, &amount),
                    PP_ALREADY_DELETED);
}
END_TEST

/* REW-011, REW-014, REW-015 */
START_TEST(refund_decide__every_order_of_two_reasons__never_more_than_the_postage)
{
    static const struct {
        enum pp_refund_reason first, second;
        enum pp_error error;
    } orders[] = {
        {PP_REFUND_NOT_STORED, PP_REFUND_NOT_STORED, PP_ALREADY_REFUNDED},
        {PP_REFUND_NOT_STORED, PP_REFUND_EARLY_DELETE, PP_NOT_DELETABLE},
        {PP_REFUND_EARLY_DELETE, PP_REFUND_NOT_STORED, PP_REFUND_EXCEEDS},
        {PP_REFUND_EARLY_DELETE, PP_REFUND_EARLY_DELETE, PP_ALREADY_DELETED},
        {PP_REFUND_BOND_RETURNED, PP_REFUND_BOND_RETURNED, PP_ALREADY_REFUNDED}, /* REW-018 */
        {PP_REFUND_NOT_STORED, PP_REFUND_BOND_RETURNED, PP_ALREADY_REFUNDED},
        {PP_REFUND_BOND_RETURNED, PP_REFUND_NOT_STORED, PP_REFUND_EXCEEDS},
        {PP_REFUND_BOND_RETURNED, PP_REFUND_EARLY_DELETE, PP_OK},
        {PP_REFUND_EARLY_DELETE, PP_REFUND_BOND_RETURNED, PP_OK},
    };
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        struct pp_refund_case refund_case = case_on(10, 2);
        struct pp_refund_state state = {0}, before;
        struct pp_grains amount;
        ck_assert_ok(pp_refund_decide(&refund_case, orders[i].first, &state, &state, &amount));
        if (orders[i].first == PP_REFUND_NOT_STORED)
            ck_assert(amount.raw == 100 + 12345 + 60 + 5000);
        before = state;
        ck_assert_error(pp_refund_decide(&refund_case, orders[i].second, &state, &state, &amount),
                        orders[i].error);
        if (orders[i].error == PP_OK) {
            ck_assert(amount.raw == (orders[i].second == PP_REFUND_BOND_RETURNED ? 5000u : 9875u));
            ck_assert(state.refunded.raw == 5000 + 9875); /* bond, and the storage of eight days of ten */
            continue;
        }
        ck_assert_uint_eq(state.reasons, before.reasons);
        ck_assert(pp_grains_eq(state.refunded, before.refunded));
    }
}
END_TEST

START_TEST(refund_decide__a_case_that_cannot_be__named_error)
{
    struct pp_refund_case refund_case = case_on(10, 2);
    struct pp_refund_state state = {0};
    struct pp_grains amount;
    refund_case.postage.base_grains = UINT64_C(1) << 63;
    ck_assert_error(pp_refund_decide(&refund_case, PP_REFUND_NOT_STORED, &state, &state, &amount),
                    PP_FEE_OVERFLOW);
    refund_case = case_on(0, 2);
    ck_assert_error(pp_refund_decide(&refund_case, PP_REFUND_EARLY_DELETE, &state, &state, &amount),
                    PP_ZERO_RETENTION);
    refund_case = case_on(10, 0);
    ck_assert_error(pp_refund_decide(&refund_case, PP_REFUND_EARLY_DELETE, &state, &state, &amount),
                    PP_OUT_OF_RANGE);
    state.refunded = PP_GRAINS_MAX;
    refund_case = case_on(10, 2);
    ck_assert_error(pp_refund_decide(&refund_case, PP_REFUND_EARLY_DELETE, &state, &state, &amount),
                    PP_OVERFLOW);
}
END_TEST

/* REW-016, REW-017 */
START_TEST(deferred__each_side_of_the_border__exact_or_exceeded)
{
    struct pp_grains out = pp_grains(5);
    ck_assert_ok(pp_deferred(pp_grains(100), pp_grains(30), pp_grains(50), &out));
    ck_assert(out.raw == 20);
    ck_assert_ok(pp_deferred(pp_grains(100), pp_grains(50), pp_grains(50), &out));
    ck_assert(out.raw == 0);
    out = pp_grains(5);
    ck_assert_error(pp_deferred(pp_grains(100), pp_grains(51), pp_grains(50), &out), PP_DEFERRED_EXCEEDED);
    ck_assert_error(pp_deferred(PP_GRAINS_MAX, PP_GRAINS_MAX, pp_grains(1), &out), PP_DEFERRED_EXCEEDED);
    ck_assert(out.raw == 5);
}
END_TEST

/* REW-001 */
START_TEST(day_of__midnight_and_far_away__the_utc_day)
{
    ck_assert_uint_eq(pp_day_of(0), 0);
    ck_assert_uint_eq(pp_day_of(86399999), 0);
    ck_assert_uint_eq(pp_day_of(86400000), 1);
    ck_assert_uint_eq(pp_day_of(UINT64_C(1763683200000)), 20413); /* 2025-11-21 */
    ck_assert_uint_eq(pp_day_of(UINT64_MAX), PP_DAY_LAST);
}
END_TEST

PP_TESTS("refund")
PP_TEST(refund_reasons__table_of_the_specification__equal)
PP_TEST(storage_left__every_retention_and_day__the_sum_of_the_days_left)
PP_TEST(storage_left__a_term_that_cannot_be__named_error)
PP_TEST(early_delete__each_day__storage_left_and_nothing_else)
PP_TEST(early_delete__storage_of_zero_grains__deleted_for_nothing)
PP_TEST(refund_decide__every_order_of_two_reasons__never_more_than_the_postage)
PP_TEST(refund_decide__a_case_that_cannot_be__named_error)
PP_TEST(deferred__each_side_of_the_border__exact_or_exceeded)
PP_TEST(day_of__midnight_and_far_away__the_utc_day)
PP_TESTS_END
