#include "pp_test.h"

#include <pp/refusal.h>

/* Goal: every kind of value has a text. */
START_TEST(value_print__each_kind__expected_text)
{
    char out[96];
    const uint8_t bytes[] = {0xab, 0x01};
    struct pp_value none = {PP_VALUE_NONE};
    struct pp_value values[] = {none, pp_value_number(UINT64_MAX), pp_value_grains(PP_GRAINS_MAX),
                                pp_value_range(pp_grains(1), pp_grains(20)), pp_value_bytes(bytes, 2),
                                pp_value_text("lane")};
    const char *texts[] = {"", "18446744073709551615", "79228162514264337593543950335", "1..20", "0xab01", "lane"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        ck_assert_str_eq(pp_value_print(&values[i], out, sizeof out), texts[i]);
    ck_assert_str_eq(pp_value_print(&values[1], out, 4), "184");
}
END_TEST

PP_TESTS("refusal")
PP_TEST(value_print__each_kind__expected_text)
PP_TESTS_END
