#include "pp_test.h"

#include <pp/sign.h>

static struct pp_crypto *crypto_open(void)
{
    struct pp_crypto *crypto;
    ck_assert_ok(pp_crypto_open(&crypto));
    return crypto;
}

static struct pp_secret_key key_of(uint8_t last)
{
    struct pp_secret_key key = {{0}};
    key.bytes[31] = last;
    return key;
}

/* Goal: the account of a key. Method: the account of the private key 1, known from every EVM tool. */
START_TEST(secret_key_address__key_one__known_account)
{
    struct pp_crypto *crypto = crypto_open();
    struct pp_secret_key key = key_of(1);
    struct pp_address address;
    char hex[41];
    ck_assert_ok(pp_secret_key_address(crypto, &key, &address));
    ck_assert_str_eq(pp_hex_print(address.bytes, 20, hex), "7e5f4552091a69125d5dfcb7b8c2659029395bdf");
    pp_crypto_close(crypto);
}
END_TEST

/* Goal: what is signed verifies by key and by account, and v can be found again. */
START_TEST(sign__many_digests__verifies_and_recovers)
{
    struct pp_crypto *crypto = crypto_open();
    struct pp_secret_key key = key_of(7);
    struct pp_public_key public_key, recovered;
    struct pp_address address;
    ck_assert_ok(pp_public_key_of(crypto, &key, &public_key));
    pp_public_key_address(crypto, &public_key, &address);
    for (uint8_t i = 0; i < 20; i++) {
        struct pp_hash digest = {{i}};
        struct pp_signature signature;
        ck_assert_ok(pp_sign(crypto, &key, &digest, &signature));
        ck_assert_ok(pp_verify(crypto, &signature, &digest, &public_key));
        ck_assert_ok(pp_verify_address(crypto, &signature, &digest, &address, &recovered));
        ck_assert_mem_eq(&recovered, &public_key, sizeof recovered);
        uint8_t v = signature.bytes[64];
        signature.bytes[64] = 27 + 28 - v;
        ck_assert_error(pp_verify_address(crypto, &signature, &digest, &address, NULL), PP_BAD_SIGNATURE);
        ck_assert_ok(pp_verify(crypto, &signature, &digest, &public_key));
        ck_assert_ok(pp_signature_fix_v(crypto, &signature, &digest, &address));
        ck_assert_uint_eq(signature.bytes[64], v);
    }
    pp_crypto_close(crypto);
}
END_TEST

PP_TESTS("sign")
PP_TEST(secret_key_address__key_one__known_account)
PP_TEST(sign__many_digests__verifies_and_recovers)
PP_TESTS_END
