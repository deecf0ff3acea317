#include "pp_test.h"

#include <pp/hash.h>

/* Goal: Ethereum's Keccak-256, not FIPS 202's. Method: the two answers that everybody knows. */
START_TEST(keccak256__empty_and_abc__known_answers)
{
    uint8_t out[32];
    char hex[65];
    pp_keccak256(NULL, 0, out);
    ck_assert_str_eq(pp_hex_print(out, 32, hex), "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
    pp_keccak256((const uint8_t *)"abc", 3, out);
    ck_assert_str_eq(pp_hex_print(out, 32, hex), "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
}
END_TEST

PP_TESTS("hash")
PP_TEST(keccak256__empty_and_abc__known_answers)
PP_TESTS_END
