#include "pp_fixture.h"
#include "pp_test.h"

#include "rlp.h"

static void check_number(pp_u128 value, const char *hex)
{
    uint8_t out[32];
    size_t length;
    struct pp_writer w;
    pp_writer_init(&w, out, sizeof out);
    rlp_number(&w, value);
    ck_assert_ok(pp_writer_finish(&w, &length));
    ck_assert_uint_eq(length, strlen(hex) / 2);
    ck_assert_uint_eq(length, rlp_number_size(value));
    char text[65];
    ck_assert_str_eq(pp_hex_print(out, length, text), hex);
}

/* Goal: the shortest form at every change of form. Method: the yellow paper's examples and the edges. */
START_TEST(rlp_number__edges__shortest_form)
{
    check_number(0, "80");
    check_number(1, "01");
    check_number(127, "7f");
    check_number(128, "8180");
    check_number(255, "81ff");
    check_number(256, "820100");
    check_number(1024, "820400");
    check_number(UINT64_MAX, "88ffffffffffffffff");
    check_number((pp_u128)1 << 64, "89010000000000000000");
    check_number(~(pp_u128)0, "90ffffffffffffffffffffffffffffffff");
}
END_TEST

static void check_bytes(const uint8_t *bytes, size_t count, const char *header)
{
    static uint8_t out[70000];
    size_t length;
    struct pp_writer w;
    pp_writer_init(&w, out, sizeof out);
    rlp_bytes(&w, bytes, count);
    ck_assert_ok(pp_writer_finish(&w, &length));
    ck_assert_uint_eq(length, strlen(header) / 2 + count);
    ck_assert_uint_eq(length, rlp_bytes_size(bytes, count));
    char text[16];
    ck_assert_str_eq(pp_hex_print(out, strlen(header) / 2, text), header);
    ck_assert_mem_eq(out + strlen(header) / 2, bytes, count);
}

/* Goal: strings of every form of header. Method: lengths on both sides of 55, 255 and 65535. */
START_TEST(rlp_bytes__edges__right_header)
{
    static uint8_t bytes[65536];
    check_bytes(bytes, 0, "80");
    check_bytes(bytes, 1, "");
    bytes[0] = 0x7f;
    check_bytes(bytes, 1, "");
    bytes[0] = 0x80;
    check_bytes(bytes, 1, "81");
    check_bytes(bytes, 55, "b7");
    check_bytes(bytes, 56, "b838");
    check_bytes(bytes, 255, "b8ff");
    check_bytes(bytes, 256, "b90100");
    check_bytes(bytes, 65535, "b9ffff");
    check_bytes(bytes, 65536, "ba010000");
}
END_TEST

static void check_list(size_t items, const char *hex)
{
    uint8_t out[8];
    size_t length;
    struct pp_writer w;
    pp_writer_init(&w, out, sizeof out);
    rlp_list(&w, items);
    ck_assert_ok(pp_writer_finish(&w, &length));
    char text[17];
    ck_assert_str_eq(pp_hex_print(out, length, text), hex);
}

/* Goal: list headers. Method: both sides of 55. */
START_TEST(rlp_list__edges__right_header)
{
    check_list(0, "c0");
    check_list(55, "f7");
    check_list(56, "f838");
    check_list(1024, "f90400");
}
END_TEST

PP_TESTS("rlp")
PP_TEST(rlp_number__edges__shortest_form)
PP_TEST(rlp_bytes__edges__right_header)
PP_TEST(rlp_list__edges__right_header)
PP_TESTS_END
