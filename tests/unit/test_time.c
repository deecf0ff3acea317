#include "pp_test.h"

#include <pp/time.h>

#include <stdio.h>
#include <time.h>

/* Goal: dates of the calendar. Method: every day of 1970 to 2110, and of 2399 to 2401, against the C library's gmtime. */
START_TEST(time_print__many_days__as_the_c_library)
{
    for (uint64_t day = 0; day < 157420; day = day == 51134 ? 156689 : day + 1) {
        uint64_t ms;
        char text[PP_TIME_TEXT_MAX], expected[64];
        struct tm tm;
        ck_assert_ok(pp_day_start_ms(day, &ms));
        ms += day * 7919 % PP_DAY_MS;
        ck_assert_uint_eq(pp_day_of_ms(ms), day);
        time_t seconds = (time_t)(ms / 1000);
        gmtime_r(&seconds, &tm);
        snprintf(expected, sizeof expected, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", tm.tm_year + 1900,
                 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (unsigned)(ms % 1000));
        ck_assert_str_eq(pp_time_print(ms, text), expected);
    }
}
END_TEST

/* Goal: the ends of the range. */
START_TEST(time_print__after_year_9999__milliseconds)
{
    char text[PP_TIME_TEXT_MAX];
    ck_assert_str_eq(pp_time_print(UINT64_C(253402300799999), text), "9999-12-31T23:59:59.999Z");
    ck_assert_str_eq(pp_time_print(UINT64_C(253402300800000), text), "253402300800000ms");
    ck_assert_str_eq(pp_time_print(UINT64_MAX, text), "18446744073709551615ms");
}
END_TEST

START_TEST(day_start_ms__beyond_64_bits__overflow)
{
    uint64_t ms = 1;
    uint64_t last = UINT64_MAX / PP_DAY_MS;
    ck_assert_error(pp_day_start_ms(last + 1, &ms), PP_OVERFLOW);
    ck_assert_uint_eq(ms, 1);
    ck_assert_ok(pp_day_start_ms(last, &ms));
    ck_assert_uint_eq(pp_day_of_ms(ms), last);
    ck_assert_uint_eq(pp_day_of_ms(ms - 1), last - 1);
}
END_TEST

PP_TESTS("time")
PP_TEST(time_print__many_days__as_the_c_library)
PP_TEST(time_print__after_year_9999__milliseconds)
PP_TEST(day_start_ms__beyond_64_bits__overflow)
PP_TESTS_END
