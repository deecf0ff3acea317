/* Goal: texts grow without losing a byte, and never leave the room they were given. */
#include "pp_test.h"

#include "http/text.h"

START_TEST(text__on_the_heap__grows)
{
    struct pp_text text;
    uint8_t bytes[100];
    pp_text_init(&text);
    memset(bytes, 0xab, sizeof bytes);
    for (unsigned i = 0; i < 1000; i++) {
        pp_text_hex(&text, bytes, sizeof bytes);
        pp_text_add(&text, ";");
    }
    ck_assert(!text.failed);
    ck_assert_uint_eq(text.length, 1000 * 205);
    for (unsigned i = 0; i < 1000; i++) {
        ck_assert_mem_eq(text.bytes + i * 205, "\"0xabab", 7);
        ck_assert_mem_eq(text.bytes + i * 205 + 203, "\";", 2);
    }
    pp_text_free(&text);
}
END_TEST

START_TEST(text__in_fixed_room__fails_before_its_end)
{
    char room[9] = "........";
    struct pp_text text;
    pp_text_init_fixed(&text, room, 8);
    pp_text_number(&text, 1234567);
    ck_assert_str_eq(pp_text_done_fixed(&text), "1234567");
    pp_text_add(&text, "89");
    ck_assert(text.failed);
    ck_assert_int_eq(room[8], '\0');
    pp_text_init_fixed(&text, room, 8);
    pp_text_number(&text, UINT64_MAX);
    ck_assert(text.failed);
    ck_assert_uint_eq(text.length, 0);
}
END_TEST

START_TEST(text__each_kind__as_written)
{
    char room[400];
    struct pp_text text;
    pp_text_init_fixed(&text, room, sizeof room);
    pp_text_number(&text, 0);
    pp_text_number(&text, UINT64_MAX);
    pp_text_grains(&text, PP_GRAINS_MAX);
    pp_text_units(&text, pp_units(UINT64_MAX));
    pp_text_hex(&text, (const uint8_t *)"", 0);
    pp_text_base64(&text, (const uint8_t *)"\xfb\xff", 2);
    pp_text_string(&text, "a\"b\\c\x7f\xe4\t");
    pp_text_add_bytes(&text, "", 0);
    ck_assert_str_eq(pp_text_done_fixed(&text),
                     "018446744073709551615\"79228162514264337593543950335\"\"18446744073709551615\""
                     "\"0x\"-_8\"a\\\"b\\\\c\\u007f\\u00e4\\u0009\"");
}
END_TEST

PP_TESTS("text")
PP_TEST(text__on_the_heap__grows)
PP_TEST(text__in_fixed_room__fails_before_its_end)
PP_TEST(text__each_kind__as_written)
PP_TESTS_END
