/* Goal: byte-days are bytes times days that an envelope was there. Method: every retention up to 30 and every day of deletion,
 * against a loop over the days. POL-022 */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/earning.h>
#include <pp/work.h>

#define DAY 20000u

/* Day by day: stored at the beginning of it, and not deleted on an earlier one. */
static uint64_t counted(uint32_t size, uint32_t retention, uint32_t deleted, uint32_t days)
{
    uint64_t sum = 0;
    for (uint32_t day = 1; day <= days; day++)
        if (day <= retention && (deleted == 0 || day <= deleted))
            sum += size;
    return sum;
}

START_TEST(byte_days__every_retention_and_deletion__bytes_times_days)
{
    for (uint16_t retention = 1; retention <= 30; retention++)
        for (uint32_t deleted = 0; deleted < retention; deleted++) {
            const struct pp_storage_term term = pp_work_term(1000, retention, DAY);
            struct pp_earning_book book;
            struct pp_earning_lane lane;
            uint64_t left, byte_days;
            ck_assert_ok(pp_earning_open(&book, 8));
            ck_assert_ok(pp_earning_reserve(&book, 4));
            pp_earning_begin(&book);
            pp_earning_lane_init(&lane, DAY);
            pp_expect(pp_earning_charge(&book, 0, &lane, PP_GRAINS_ZERO, &term) == PP_OK);
            for (uint32_t day = 1; day <= 32; day++) {
                pp_earning_catch_up(&book, 0, &lane, DAY + day - 1);
                if (day == deleted)
                    pp_expect(pp_earning_refund(&book, 0, &lane, &term, DAY + day - 1, &left) == PP_OK);
                pp_expect(pp_work_between(PP_GRAINS_ZERO, pp_earning_earned(&lane), &byte_days) == PP_OK);
                pp_expect(byte_days == counted(1000, retention, deleted, day));
            }
            pp_earning_close(&book);
        }
}
END_TEST

START_TEST(between__edges__named_errors)
{
    uint64_t byte_days = 77;
    ck_assert_error(pp_work_between(pp_grains(2), pp_grains(1), &byte_days), PP_UNDERFLOW);
    ck_assert_error(pp_work_between(PP_GRAINS_ZERO, PP_GRAINS_MAX, &byte_days), PP_OVERFLOW);
    ck_assert_uint_eq(byte_days, 77);
    ck_assert_ok(pp_work_between(pp_grains(1), pp_grains(UINT64_MAX), &byte_days));
    ck_assert_uint_eq(byte_days, UINT64_MAX - 1);
    ck_assert_uint_eq(pp_work_term(UINT32_MAX, 400, 1).storage_grains, UINT64_C(400) * UINT32_MAX);
}
END_TEST

PP_TESTS("work")
PP_TEST(byte_days__every_retention_and_deletion__bytes_times_days)
PP_TEST(between__edges__named_errors)
PP_TESTS_END
