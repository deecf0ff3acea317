/* "0-3,7". */
#include "pp_test.h"

#include "daemon/shard_list.h"

#include <stdio.h>
#include <string.h>

/* HTTP-096 */
START_TEST(list__well_formed__every_number_once)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"0", "0 "},         {"7", "7 "},         {"255", "255 "},   {"0-3", "0 1 2 3 "},
        {"0-1,5", "0 1 5 "}, {"1,2,3", "1 2 3 "}, {"9-10", "9 10 "}, {"0,254-255", "0 254 255 "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t list[PP_SHARDS_MAX];
        char text[1200] = "";
        size_t count, at = 0;
        ck_assert_ok(pp_shard_list_parse(cases[i].text, list, &count));
        for (size_t k = 0; k < count; k++)
            at += (size_t)snprintf(text + at, sizeof text - at, "%u ", list[k]);
        ck_assert_str_eq(text, cases[i].expected);
    }
    uint8_t list[PP_SHARDS_MAX];
    size_t count;
    ck_assert_ok(pp_shard_list_parse("0-255", list, &count));
    ck_assert_uint_eq(count, 256);
    ck_assert_uint_eq(list[255], 255);
}
END_TEST

/* HTTP-096 */
START_TEST(list__anything_else__refused)
{
    static const char *const cases[] = {"",     ",",     "-",           "0,",   ",0",    "0-",    "-1",
                                        "0--1", "1-1",   "3-1",         "1,1",  "2,1",   "0-3,3", "0-3,2",
                                        "256",  "0-256", "99999999999", "x",    "0 1",   "0, 1",  " 0",
                                        "0 ",   "00",    "01",          "0-03", "1-2-3", "+1"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t list[PP_SHARDS_MAX];
        size_t count;
        ck_assert_msg(pp_shard_list_parse(cases[i], list, &count) == PP_BAD_FORMAT, "'%s'", cases[i]);
    }
}
END_TEST

PP_TESTS("shard_list")
PP_TEST(list__well_formed__every_number_once)
PP_TEST(list__anything_else__refused)
PP_TESTS_END
