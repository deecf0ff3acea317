#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/refusal.h>

#include <stdlib.h>

/* Goal: every kind of value has a text (ERR-005). */
START_TEST(value_print__each_kind__expected_text)
{
    char out[96];
    const uint8_t bytes[] = {0xab, 0x01};
    struct pp_value none = {PP_VALUE_NONE};
    struct pp_value values[] = {none,
                                pp_value_number(UINT64_MAX),
                                pp_value_grains(PP_GRAINS_MAX),
                                pp_value_range(pp_grains(1), PP_GRAINS_MAX),
                                pp_value_bytes(bytes, 2),
                                pp_value_text("lane")};
    const char *texts[] = {"",
                           "18446744073709551615",
                           "79228162514264337593543950335",
                           "1..79228162514264337593543950335",
                           "0xab01",
                           "lane"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        ck_assert_str_eq(pp_value_print(&values[i], out, sizeof out), texts[i]);
        /* Every smaller buffer gets the beginning, and nothing behind its end. */
        for (size_t capacity = 1; capacity <= strlen(texts[i]) + 1; capacity++) {
            char *exact = malloc(capacity);
            ck_assert_ptr_eq(pp_value_print(&values[i], exact, capacity), exact);
            pp_expect(strlen(exact) == capacity - 1 && strncmp(exact, texts[i], capacity - 1) == 0);
            free(exact);
        }
    }
}
END_TEST

START_TEST(value_bytes__thirty_two__whole_hash)
{
    char out[96];
    struct pp_hash hash;
    memset(hash.bytes, 0xff, sizeof hash.bytes);
    struct pp_value value = pp_value_bytes(hash.bytes, 32);
    ck_assert_str_eq(pp_value_print(&value, out, sizeof out),
                     "0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff");
}
END_TEST

/* Goal: nothing of an older refusal stays. */
START_TEST(refusal_init__used_before__empty_but_for_error_and_field)
{
    struct pp_refusal refusal;
    memset(&refusal, 0xff, sizeof refusal);
    pp_refusal_init(&refusal, PP_PRICE_TOO_LOW, "base");
    ck_assert_int_eq(refusal.error, PP_PRICE_TOO_LOW);
    ck_assert_str_eq(refusal.field, "base");
    ck_assert_int_eq(refusal.expected.kind, PP_VALUE_NONE);
    ck_assert_int_eq(refusal.actual.kind, PP_VALUE_NONE);
    ck_assert(pp_grains_is_zero(refusal.shortfall));
    ck_assert_uint_eq(refusal.retry_after_ms, 0);
    ck_assert_uint_eq(refusal.consumed_count, 0);
}
END_TEST

PP_TESTS("refusal")
PP_TEST(value_print__each_kind__expected_text)
PP_TEST(value_bytes__thirty_two__whole_hash)
PP_TEST(refusal_init__used_before__empty_but_for_error_and_field)
PP_TESTS_END
