#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/ids.h>

/* Goal: exactly the digits asked for, and nothing written otherwise (WIRE-006). */
START_TEST(hex_parse__each_form__only_exact_length_passes)
{
    static const char *const bad[] = {"",         "0",    "0x",   "abc",    "abcde", "abcdef", "0xabc",
                                      "0xabcdef", "abcg", "gbcd", " abcd",  "abcd ", "ab cd",  "0Xabcd",
                                      "x0abcd",   "-abc", "+abc", "0x0xab", "ab\ncd"};
    uint8_t out[2] = {9, 9};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(pp_hex_parse(bad[i], strlen(bad[i]), out, 2) == PP_BAD_FORMAT, "\"%s\"", bad[i]);
    ck_assert(out[0] == 9 && out[1] == 9);
    ck_assert_ok(pp_hex_parse("0xAbcD", 6, out, 2));
    ck_assert(out[0] == 0xab && out[1] == 0xcd);
    ck_assert_ok(pp_hex_parse("0102", 4, out, 2));
    ck_assert(out[0] == 1 && out[1] == 2);
    ck_assert_ok(pp_hex_parse("", 0, out, 0));
    ck_assert_ok(pp_hex_parse("0x", 2, out, 0));
}
END_TEST

/* Goal: each character alone. Method: all 256 in both places of a byte. */
START_TEST(hex_parse__every_character__digit_or_bad_format)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    for (int c = 0; c < 256; c++)
        for (int place = 0; place < 2; place++) {
            char text[2] = {'1', '1'};
            uint8_t out = 9;
            text[place] = (char)c;
            const char *digit = c ? strchr(digits, c) : NULL;
            if (!digit) {
                ck_assert_error(pp_hex_parse(text, 2, &out, 1), PP_BAD_FORMAT);
                pp_expect(out == 9);
                continue;
            }
            unsigned value = (unsigned)(digit - digits);
            value = value > 15 ? value - 6 : value;
            ck_assert_ok(pp_hex_parse(text, 2, &out, 1));
            pp_expect(out == (place == 0 ? value << 4 | 1 : 1 << 4 | value));
        }
}
END_TEST

START_TEST(hex_print__every_byte__read_back)
{
    uint8_t bytes[256], back[256];
    char text[513];
    for (unsigned i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    ck_assert_ptr_eq(pp_hex_print(bytes, 256, text), text);
    ck_assert_int_eq(strncmp(text, "000102", 6), 0);
    ck_assert_str_eq(text + 508, "feff");
    ck_assert_ok(pp_hex_parse(text, 512, back, 256));
    ck_assert_mem_eq(bytes, back, 256);
    ck_assert_str_eq(pp_hex_print(bytes, 0, text), "");
}
END_TEST

/* Goal: lane = node << 8 | shard, both ways, at the ends. */
START_TEST(lane__node_and_shard__split_again)
{
    static const uint32_t nodes[] = {1, 2, 255, 256, 65535, (UINT32_C(1) << 24) - 1};
    for (size_t i = 0; i < sizeof nodes / sizeof nodes[0]; i++)
        for (unsigned shard = 0; shard < 256; shard++) {
            uint32_t lane = pp_lane_make(nodes[i], (uint8_t)shard);
            pp_expect(lane == nodes[i] * 256 + shard);
            pp_expect(pp_lane_node(lane) == nodes[i] && pp_lane_shard(lane) == shard);
        }
}
END_TEST

START_TEST(ids_eq__one_bit_flipped_anywhere__different)
{
    struct pp_hash hash = {{0}};
    struct pp_channel_id channel = {{0}};
    struct pp_stamp_id stamp = {{0}};
    struct pp_address address = {{0}};
    for (unsigned bit = 0; bit < 256; bit++) {
        struct pp_hash other_hash = hash;
        struct pp_channel_id other_channel = channel;
        struct pp_stamp_id other_stamp = stamp;
        other_hash.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        other_channel.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        other_stamp.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        pp_expect(!pp_hash_eq(&hash, &other_hash) && pp_hash_eq(&hash, &hash));
        pp_expect(!pp_channel_id_eq(&channel, &other_channel) && pp_channel_id_eq(&channel, &channel));
        pp_expect(!pp_stamp_id_eq(&stamp, &other_stamp) && pp_stamp_id_eq(&stamp, &stamp));
        if (bit < 160) {
            struct pp_address other_address = address;
            other_address.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            pp_expect(!pp_address_eq(&address, &other_address) && pp_address_eq(&address, &address));
        }
    }
}
END_TEST

PP_TESTS("ids")
PP_TEST(hex_parse__each_form__only_exact_length_passes)
PP_TEST(hex_parse__every_character__digit_or_bad_format)
PP_TEST(hex_print__every_byte__read_back)
PP_TEST(lane__node_and_shard__split_again)
PP_TEST(ids_eq__one_bit_flipped_anywhere__different)
PP_TESTS_END
