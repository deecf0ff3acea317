#include "pp_test.h"

#include <pp/ids.h>

/* Goal: exactly the digits asked for, and nothing written otherwise. */
START_TEST(hex_parse__each_form__only_exact_length_passes)
{
    uint8_t out[2] = {9, 9};
    ck_assert_error(pp_hex_parse("abc", 3, out, 2), PP_BAD_FORMAT);
    ck_assert_error(pp_hex_parse("abcde", 5, out, 2), PP_BAD_FORMAT);
    ck_assert_error(pp_hex_parse("abcg", 4, out, 2), PP_BAD_FORMAT);
    ck_assert_error(pp_hex_parse("0xabcdef", 8, out, 2), PP_BAD_FORMAT);
    ck_assert_error(pp_hex_parse("0x", 2, out, 2), PP_BAD_FORMAT);
    ck_assert(out[0] == 9 && out[1] == 9);
    ck_assert_ok(pp_hex_parse("0xAbcD", 6, out, 2));
    ck_assert(out[0] == 0xab && out[1] == 0xcd);
    ck_assert_ok(pp_hex_parse("0102", 4, out, 2));
    ck_assert(out[0] == 1 && out[1] == 2);
}
END_TEST

PP_TESTS("ids")
PP_TEST(hex_parse__each_form__only_exact_length_passes)
PP_TESTS_END
