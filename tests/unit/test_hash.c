/* Goal: BLAKE2b-256 with tags, and Ethereum's Keccak-256. Method: vectors of other implementations, and the textbook
 * form of Keccak-f for what no vector covers. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/hash.h>

#include <stdlib.h>

/* Goal: Ethereum's padding, not FIPS 202's (WIRE-008). Method: the two answers that everybody knows. */
START_TEST(keccak256__empty_and_abc__known_answers)
{
    uint8_t out[32];
    pp_keccak256(NULL, 0, out);
    ck_assert_hex(out, 32, "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
    pp_keccak256((const uint8_t *)"abc", 3, out);
    ck_assert_hex(out, 32, "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
}
END_TEST

/* Goal: every length from 0 to 300, so each place of the padding in one, two and three blocks (WIRE-008). */
START_TEST(keccak256__every_length_to_300__as_the_vectors)
{
    json_t *vectors = pp_vectors_load("base.json");
    const json_t *hashes = pp_json_member(vectors, "keccak");
    ck_assert_uint_eq(json_array_size(hashes), 301);
    for (size_t length = 0; length <= 300; length++) {
        uint8_t *message = malloc(length + 1); /* of just this size, so that a read behind it is seen */
        uint8_t out[32];
        for (size_t i = 0; i < length; i++)
            message[i] = (uint8_t)(31 * i + length);
        pp_keccak256(message, length, out);
        ck_assert_hex(out, 32, json_string_value(json_array_get(hashes, length)));
        free(message);
    }
    json_decref(vectors);
}
END_TEST

/* The textbook: loops, and constants from their definitions. */

static uint64_t rotate(uint64_t word, unsigned by)
{
    return by == 0 ? word : word << by | word >> (64 - by);
}

/* The round constant's bits come from a shift register: bit 2^j - 1 is its output j + 7 round. */
static bool register_step(uint8_t *state)
{
    bool bit = *state & 1;
    bool carry = *state & 0x80;
    *state = (uint8_t)(*state << 1);
    if (carry)
        *state ^= 0x71;
    return bit;
}

static void textbook_permute(uint64_t a[5][5])
{
    uint8_t shift_register = 1;
    for (unsigned round = 0; round < 24; round++) {
        uint64_t c[5], b[5][5];
        for (unsigned x = 0; x < 5; x++)
            c[x] = a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4];
        for (unsigned x = 0; x < 5; x++)
            for (unsigned y = 0; y < 5; y++)
                a[x][y] ^= c[(x + 4) % 5] ^ rotate(c[(x + 1) % 5], 1);
        unsigned x = 1, y = 0;
        b[0][0] = a[0][0];
        for (unsigned t = 0; t < 24; t++) {
            b[y][(2 * x + 3 * y) % 5] = rotate(a[x][y], (t + 1) * (t + 2) / 2 % 64);
            unsigned next = (2 * x + 3 * y) % 5;
            x = y;
            y = next;
        }
        for (x = 0; x < 5; x++)
            for (y = 0; y < 5; y++)
                a[x][y] = b[x][y] ^ (~b[(x + 1) % 5][y] & b[(x + 2) % 5][y]);
        for (unsigned j = 0; j < 7; j++)
            if (register_step(&shift_register))
                a[0][0] ^= UINT64_C(1) << ((1u << j) - 1);
    }
}

static void textbook_keccak256(const uint8_t *bytes, size_t length, uint8_t out[32])
{
    uint64_t a[5][5] = {{0}};
    for (size_t offset = 0;; offset += 136) {
        for (size_t i = 0; i < 136; i++) {
            uint8_t byte = offset + i < length ? bytes[offset + i] : 0;
            if (offset + i == length)
                byte ^= 0x01;
            if (i == 135 && offset + 136 > length)
                byte ^= 0x80;
            a[i / 8 % 5][i / 8 / 5] ^= (uint64_t)byte << 8 * (i % 8);
        }
        textbook_permute(a);
        if (offset + 136 > length)
            break;
    }
    for (size_t i = 0; i < 32; i++)
        out[i] = (uint8_t)(a[i / 8 % 5][i / 8 / 5] >> 8 * (i % 8));
}

/* Goal: any bytes of any length. Method: random messages up to eight blocks against the textbook. */
START_TEST(keccak256__random_messages__as_the_textbook)
{
    struct pp_rng rng;
    uint8_t message[8 * 136 + 1], out[32], expected[32];
    pp_rng_init(&rng, 1);
    for (unsigned i = 0; i < 1000; i++) {
        size_t length = pp_rng_below(&rng, sizeof message);
        pp_rng_bytes(&rng, message, length);
        pp_keccak256(message, length, out);
        textbook_keccak256(message, length, expected);
        ck_assert_mem_eq(out, expected, 32);
    }
}
END_TEST

/* Goal: tag, message and hash as another BLAKE2b has them (WIRE-007). */
START_TEST(blake2b__every_vector__same_hash)
{
    json_t *vectors = pp_vectors_load("blake2b.json");
    size_t index;
    json_t *vector;
    ck_assert_uint_gt(json_array_size(pp_json_member(vectors, "hashes")), 10);
    json_array_foreach(pp_json_member(vectors, "hashes"), index, vector)
    {
        size_t length;
        uint8_t out[32];
        uint8_t *message = pp_json_bytes_any(vector, "message", &length);
        pp_blake2b_one(pp_json_text(vector, "tag"), message, length, out);
        ck_assert_hex(out, 32, pp_json_text(vector, "hash"));
        free(message);
    }
    json_decref(vectors);
}
END_TEST

/* Goal: a message is hashed as one, however it is cut. Method: random cuts, empty parts among them. */
START_TEST(blake2b__cut_anywhere__same_hash)
{
    struct pp_rng rng;
    uint8_t message[600], whole[32], cut[32];
    pp_rng_init(&rng, 2);
    pp_rng_bytes(&rng, message, sizeof message);
    for (unsigned i = 0; i < 500; i++) {
        size_t length = pp_rng_below(&rng, sizeof message + 1);
        size_t first = pp_rng_below(&rng, length + 1);
        size_t second = first + pp_rng_below(&rng, length - first + 1);
        const struct pp_slice parts[] = {{message, first},
                                         {message + first, second - first},
                                         {NULL, 0},
                                         {message + second, length - second}};
        pp_blake2b_one("pp.node.v1", message, length, whole);
        pp_blake2b("pp.node.v1", parts, 4, cut);
        ck_assert_mem_eq(whole, cut, 32);
    }
}
END_TEST

/* Goal: a tag separates, also one of all 16 bytes, and one that is another's beginning (WIRE-007). */
START_TEST(blake2b__another_tag__another_hash)
{
    static const char *const tags[] = {
        "", "p", "pp.node.v1", "pp.node.v12", "0123456789abcde", "0123456789abcdef"};
    uint8_t hashes[6][32];
    for (unsigned i = 0; i < 6; i++) {
        pp_blake2b_one(tags[i], (const uint8_t *)"x", 1, hashes[i]);
        for (unsigned j = 0; j < i; j++)
            ck_assert_mem_ne(hashes[i], hashes[j], 32);
    }
}
END_TEST

PP_TESTS("hash")
PP_TEST(keccak256__empty_and_abc__known_answers)
PP_TEST(keccak256__every_length_to_300__as_the_vectors)
PP_TEST(keccak256__random_messages__as_the_textbook)
PP_TEST(blake2b__every_vector__same_hash)
PP_TEST(blake2b__cut_anywhere__same_hash)
PP_TEST(blake2b__another_tag__another_hash)
PP_TESTS_END
