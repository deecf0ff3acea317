/* Goal: only what the key's owner signed passes, in one form only.
 * Method: vectors of viem and OpenSSL, every one-bit flip, and signatures made malleable by hand. */
#include "pp_fixture.h"
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

static const char order_hex[] = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";

/* out = order - s, in 32 bytes. */
static void order_minus(const uint8_t s[32], uint8_t out[32])
{
    uint8_t order[32];
    int borrow = 0;
    pp_bytes_of(order_hex, order, 32);
    for (int i = 31; i >= 0; i--) {
        int digit = order[i] - s[i] - borrow;
        borrow = digit < 0;
        out[i] = (uint8_t)digit;
    }
}

/* Goal: the accounts of known keys (WIRE-012). */
START_TEST(secret_key_address__known_keys__known_accounts)
{
    struct pp_crypto *crypto = crypto_open();
    struct pp_secret_key key = key_of(1);
    struct pp_address address;
    ck_assert_ok(pp_secret_key_address(crypto, &key, &address));
    ck_assert_hex(address.bytes, 20, "7e5f4552091a69125d5dfcb7b8c2659029395bdf");
    /* The first account of every local test chain. */
    pp_bytes_of("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80", key.bytes, 32);
    ck_assert_ok(pp_secret_key_address(crypto, &key, &address));
    ck_assert_hex(address.bytes, 20, "f39fd6e51aad88f6f4ce6ab8827279cfffb92266");
    pp_crypto_close(crypto);
}
END_TEST

START_TEST(secret_key__zero_or_the_order_and_above__bad_key)
{
    struct pp_crypto *crypto = crypto_open();
    struct pp_secret_key bad[4] = {{{0}}};
    struct pp_secret_key good;
    struct pp_public_key public_key;
    struct pp_address address;
    struct pp_signature signature;
    struct pp_hash digest = {{1}};
    pp_bytes_of(order_hex, bad[1].bytes, 32);
    memcpy(bad[2].bytes, bad[1].bytes, 32);
    bad[2].bytes[31]++;
    memset(bad[3].bytes, 0xff, 32);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_error(pp_secret_key_check(crypto, &bad[i]), PP_BAD_KEY);
        ck_assert_error(pp_public_key_of(crypto, &bad[i], &public_key), PP_BAD_KEY);
        ck_assert_error(pp_secret_key_address(crypto, &bad[i], &address), PP_BAD_KEY);
        ck_assert_error(pp_sign(crypto, &bad[i], &digest, &signature), PP_BAD_KEY);
    }
    pp_bytes_of(order_hex, good.bytes, 32);
    good.bytes[31]--;
    ck_assert_ok(pp_secret_key_check(crypto, &good));
    pp_crypto_close(crypto);
}
END_TEST

START_TEST(secret_key_make__twice__two_good_keys_and_wiped)
{
    struct pp_crypto *crypto = crypto_open();
    struct pp_secret_key a, b;
    const struct pp_secret_key zero = {{0}};
    ck_assert_ok(pp_secret_key_make(crypto, &a));
    ck_assert_ok(pp_secret_key_make(crypto, &b));
    ck_assert_ok(pp_secret_key_check(crypto, &a));
    ck_assert_mem_ne(&a, &b, sizeof a);
    pp_secret_key_done(&a);
    ck_assert_mem_eq(&a, &zero, sizeof a);
    pp_crypto_close(crypto);
    pp_crypto_close(NULL);
}
END_TEST

/* Goal: what is signed verifies by key and by account; v can be found again; one key and digest, one signature
 * (WIRE-011). */
START_TEST(sign__many_digests__verifies_and_recovers)
{
    struct pp_crypto *crypto = crypto_open();
    struct pp_secret_key key = key_of(7);
    struct pp_public_key public_key, recovered;
    struct pp_address address;
    unsigned seen_v[2] = {0};
    ck_assert_ok(pp_public_key_of(crypto, &key, &public_key));
    pp_public_key_address(crypto, &public_key, &address);
    for (uint8_t i = 0; i < 40; i++) {
        struct pp_hash digest = {{i}};
        struct pp_signature signature, again;
        ck_assert_ok(pp_sign(crypto, &key, &digest, &signature));
        ck_assert_ok(pp_sign(crypto, &key, &digest, &again));
        ck_assert_mem_eq(&signature, &again, sizeof again);
        ck_assert_ok(pp_verify(crypto, &signature, &digest, &public_key));
        ck_assert_ok(pp_recover(crypto, &signature, &digest, &recovered));
        ck_assert_mem_eq(&recovered, &public_key, sizeof recovered);
        memset(&recovered, 0, sizeof recovered);
        ck_assert_ok(pp_verify_address(crypto, &signature, &digest, &address, &recovered));
        ck_assert_mem_eq(&recovered, &public_key, sizeof recovered);
        uint8_t v = signature.bytes[64];
        seen_v[v - 27]++;
        signature.bytes[64] = (uint8_t)(27 + 28 - v);
        ck_assert_error(pp_verify_address(crypto, &signature, &digest, &address, NULL), PP_BAD_SIGNATURE);
        ck_assert_ok(
            pp_verify(crypto, &signature, &digest, &public_key)); /* does not look at which v it is */
        ck_assert_ok(pp_signature_fix_v(crypto, &signature, &digest, &address));
        ck_assert_uint_eq(signature.bytes[64], v);
        ck_assert_ok(pp_signature_fix_v(crypto, &signature, &digest, &address));
        ck_assert_uint_eq(signature.bytes[64], v);
    }
    ck_assert(seen_v[0] > 5 && seen_v[1] > 5);
    pp_crypto_close(crypto);
}
END_TEST

/* Goal: no bit of the signature or the digest is free. Method: flip each; neither the key nor the account passes. */
START_TEST(verify__any_bit_flipped__refused)
{
    struct pp_crypto *crypto = crypto_open();
    struct pp_secret_key key = key_of(9);
    struct pp_public_key public_key, out;
    struct pp_address address;
    struct pp_hash digest = {{1, 2, 3}};
    struct pp_signature signature;
    ck_assert_ok(pp_public_key_of(crypto, &key, &public_key));
    pp_public_key_address(crypto, &public_key, &address);
    ck_assert_ok(pp_sign(crypto, &key, &digest, &signature));
    memset(&out, 7, sizeof out);
    const struct pp_public_key before = out;
    for (unsigned bit = 0; bit < 65 * 8; bit++) {
        struct pp_signature flipped = signature;
        flipped.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        pp_expect(pp_verify_address(crypto, &flipped, &digest, &address, &out) != PP_OK);
        pp_expect(pp_verify(crypto, &flipped, &digest, &public_key) != PP_OK);
        if (bit < 64 * 8) {
            struct pp_signature unfixed = flipped;
            pp_expect(pp_signature_fix_v(crypto, &flipped, &digest, &address) != PP_OK);
            pp_expect(memcmp(&unfixed, &flipped, sizeof flipped) == 0);
        }
    }
    for (unsigned bit = 0; bit < 256; bit++) {
        struct pp_hash other = digest;
        other.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_error(pp_verify_address(crypto, &signature, &other, &address, &out), PP_BAD_SIGNATURE);
        ck_assert_error(pp_verify(crypto, &signature, &other, &public_key), PP_BAD_SIGNATURE);
    }
    ck_assert_mem_eq(&before, &out, sizeof out); /* ERR-003 */
    pp_crypto_close(crypto);
}
END_TEST

/* Goal: v is 27 or 28 in every function (WIRE-009, CHAIN-015). Method: all 256 values. */
START_TEST(signature__every_v__only_27_and_28_pass)
{
    struct pp_crypto *crypto = crypto_open();
    struct pp_secret_key key = key_of(9);
    struct pp_public_key public_key, out;
    struct pp_hash digest = {{1}};
    struct pp_signature signature;
    ck_assert_ok(pp_public_key_of(crypto, &key, &public_key));
    ck_assert_ok(pp_sign(crypto, &key, &digest, &signature));
    for (unsigned v = 0; v < 256; v++) {
        bool good = v == 27 || v == 28;
        signature.bytes[64] = (uint8_t)v;
        ck_assert_error(pp_verify(crypto, &signature, &digest, &public_key), good ? PP_OK : PP_BAD_SIGNATURE);
        ck_assert_error(pp_recover(crypto, &signature, &digest, &out), good ? PP_OK : PP_BAD_SIGNATURE);
    }
    pp_crypto_close(crypto);
}
END_TEST

/* Goal: the second form of a signature, which anyone can make, is refused by name (WIRE-010). Method: s to order - s,
 * v to the other one: a signature that every tool without the rule accepts. */
START_TEST(signature__high_s__not_low_s)
{
    struct pp_crypto *crypto = crypto_open();
    struct pp_secret_key key = key_of(9);
    struct pp_public_key public_key, out;
    struct pp_address address;
    struct pp_signature signature, other;
    ck_assert_ok(pp_public_key_of(crypto, &key, &public_key));
    pp_public_key_address(crypto, &public_key, &address);
    for (uint8_t i = 0; i < 10; i++) {
        struct pp_hash digest = {{i}};
        ck_assert_ok(pp_sign(crypto, &key, &digest, &signature));
        other = signature;
        order_minus(signature.bytes + 32, other.bytes + 32);
        other.bytes[64] = (uint8_t)(27 + 28 - other.bytes[64]);
        ck_assert_error(pp_verify(crypto, &other, &digest, &public_key), PP_SIGNATURE_NOT_LOW_S);
        ck_assert_error(pp_recover(crypto, &other, &digest, &out), PP_SIGNATURE_NOT_LOW_S);
        ck_assert_error(pp_verify_address(crypto, &other, &digest, &address, NULL), PP_SIGNATURE_NOT_LOW_S);
        ck_assert_error(pp_signature_fix_v(crypto, &other, &digest, &address), PP_SIGNATURE_NOT_LOW_S);
    }
    pp_crypto_close(crypto);
}
END_TEST

/* Goal: the edge itself: half the order is low, one more is not (WIRE-010). */
START_TEST(signature__s_at_half_the_order__low_and_one_more_not)
{
    struct pp_crypto *crypto = crypto_open();
    struct pp_hash digest = {{1}};
    struct pp_public_key out;
    struct pp_signature signature = {{0}};
    signature.bytes[31] = 1; /* r = 1 is the x of a point */
    signature.bytes[64] = 27;
    pp_bytes_of("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0", signature.bytes + 32, 32);
    ck_assert_ok(pp_recover(crypto, &signature, &digest, &out));
    signature.bytes[63]++;
    ck_assert_error(pp_recover(crypto, &signature, &digest, &out), PP_SIGNATURE_NOT_LOW_S);
    pp_crypto_close(crypto);
}
END_TEST

/* Goal: numbers that are none of the group (WIRE-009). */
START_TEST(signature__r_or_s_zero_or_too_large__refused)
{
    struct pp_crypto *crypto = crypto_open();
    struct pp_secret_key key = key_of(9);
    struct pp_public_key public_key, out;
    struct pp_hash digest = {{1}};
    struct pp_signature good, bad;
    ck_assert_ok(pp_public_key_of(crypto, &key, &public_key));
    ck_assert_ok(pp_sign(crypto, &key, &digest, &good));
    for (unsigned i = 0; i < 6; i++) {
        bad = good;
        if (i == 0)
            memset(bad.bytes, 0, 32);
        if (i == 1)
            memset(bad.bytes + 32, 0, 32);
        if (i == 2)
            memset(bad.bytes, 0, 64);
        if (i == 3)
            pp_bytes_of(order_hex, bad.bytes, 32);
        if (i == 4)
            memset(bad.bytes, 0xff, 32);
        if (i == 5) {
            memset(bad.bytes, 0, 32);
            bad.bytes[31] = 5; /* no point has x = 5 */
        }
        ck_assert_error(pp_recover(crypto, &bad, &digest, &out), PP_BAD_SIGNATURE);
        ck_assert_error(pp_verify(crypto, &bad, &digest, &public_key), PP_BAD_SIGNATURE);
    }
    bad = good;
    memset(bad.bytes + 32, 0xff, 32);
    ck_assert_error(pp_recover(crypto, &bad, &digest, &out), PP_SIGNATURE_NOT_LOW_S);
    pp_crypto_close(crypto);
}
END_TEST

START_TEST(verify_address__another_account__bad_signature)
{
    struct pp_crypto *crypto = crypto_open();
    struct pp_secret_key key = key_of(9), other = key_of(10);
    struct pp_public_key other_key;
    struct pp_address address;
    struct pp_hash digest = {{1}};
    struct pp_signature signature;
    ck_assert_ok(pp_sign(crypto, &key, &digest, &signature));
    ck_assert_ok(pp_public_key_of(crypto, &other, &other_key));
    pp_public_key_address(crypto, &other_key, &address);
    ck_assert_error(pp_verify_address(crypto, &signature, &digest, &address, NULL), PP_BAD_SIGNATURE);
    ck_assert_error(pp_verify(crypto, &signature, &digest, &other_key), PP_BAD_SIGNATURE);
    ck_assert_error(pp_signature_fix_v(crypto, &signature, &digest, &address), PP_BAD_SIGNATURE);
    pp_crypto_close(crypto);
}
END_TEST

/* Goal: Ed25519 as OpenSSL has it (WIRE-014), and no bit is free. */
START_TEST(receipt_sign__every_vector__same_key_and_signature)
{
    json_t *vectors = pp_vectors_load("base.json");
    const json_t *list = pp_json_member(vectors, "ed25519");
    size_t index;
    json_t *vector;
    ck_assert_uint_ge(json_array_size(list), 4);
    json_array_foreach(list, index, vector)
    {
        uint8_t seed[32];
        struct pp_receipt_secret secret;
        struct pp_receipt_key key;
        struct pp_receipt_signature signature;
        struct pp_hash digest = pp_hash_of(pp_json_text(vector, "digest"));
        pp_json_bytes(vector, "seed", seed, sizeof seed);
        pp_receipt_secret_from_seed(seed, &secret, &key);
        ck_assert_hex(key.bytes, 32, pp_json_text(vector, "publicKey"));
        pp_receipt_sign(&secret, &digest, &signature);
        ck_assert_hex(signature.bytes, 64, pp_json_text(vector, "signature"));
        ck_assert_ok(pp_receipt_verify(&key, &digest, &signature));
        for (unsigned bit = 0; bit < 64 * 8; bit += 7) {
            struct pp_receipt_signature flipped = signature;
            flipped.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            ck_assert_error(pp_receipt_verify(&key, &digest, &flipped), PP_BAD_SIGNATURE);
        }
        for (unsigned bit = 0; bit < 256; bit += 7) {
            struct pp_hash other = digest;
            struct pp_receipt_key other_key = key;
            other.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            other_key.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            ck_assert_error(pp_receipt_verify(&key, &other, &signature), PP_BAD_SIGNATURE);
            ck_assert_error(pp_receipt_verify(&other_key, &digest, &signature), PP_BAD_SIGNATURE);
        }
        const struct pp_receipt_secret zero = {{0}};
        pp_receipt_secret_done(&secret);
        ck_assert_mem_eq(&secret, &zero, sizeof zero);
    }
    json_decref(vectors);
}
END_TEST

/* Goal: the form of an identity: other signatures of one message change nothing that is hashed (WIRE-013). Method: two
 * signatures of one digest, by v alone; the digest is the identity and is the same. */
START_TEST(recover__same_digest_other_v__identity_is_the_digest)
{
    struct pp_crypto *crypto = crypto_open();
    struct pp_secret_key key = key_of(3);
    struct pp_public_key first, second;
    struct pp_hash digest = {{4}};
    struct pp_signature signature;
    ck_assert_ok(pp_sign(crypto, &key, &digest, &signature));
    ck_assert_ok(pp_recover(crypto, &signature, &digest, &first));
    signature.bytes[64] = (uint8_t)(27 + 28 - signature.bytes[64]);
    ck_assert_ok(pp_recover(crypto, &signature, &digest, &second));
    ck_assert_mem_ne(&first, &second, sizeof first); /* so the signature names another signer */
    pp_crypto_close(crypto);
}
END_TEST

PP_TESTS("sign")
PP_TEST(secret_key_address__known_keys__known_accounts)
PP_TEST(secret_key__zero_or_the_order_and_above__bad_key)
PP_TEST(secret_key_make__twice__two_good_keys_and_wiped)
PP_TEST(sign__many_digests__verifies_and_recovers)
PP_TEST(verify__any_bit_flipped__refused)
PP_TEST(signature__every_v__only_27_and_28_pass)
PP_TEST(signature__high_s__not_low_s)
PP_TEST(signature__s_at_half_the_order__low_and_one_more_not)
PP_TEST(signature__r_or_s_zero_or_too_large__refused)
PP_TEST(verify_address__another_account__bad_signature)
PP_TEST(receipt_sign__every_vector__same_key_and_signature)
PP_TEST(recover__same_digest_other_v__identity_is_the_digest)
PP_TESTS_END
