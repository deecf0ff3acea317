#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/tx.h>

#include <stdlib.h>

static struct pp_tx tx_of(const json_t *row, uint8_t **out_data)
{
    struct pp_tx tx = {
        .chain_id = pp_json_u64(row, "chainId"),
        .nonce = pp_json_u64(row, "nonce"),
        .fees = {.priority = pp_json_u128(row, "maxPriorityFeePerGas"),
                 .most = pp_json_u128(row, "maxFeePerGas")},
        .gas = pp_json_u64(row, "gas"),
        .value = pp_json_u128(row, "value"),
    };
    pp_json_bytes(row, "to", tx.to.bytes, 20);
    const json_t *repeat = json_object_get(row, "dataRepeat");
    if (repeat) { /* data too long to write out: one byte, many times */
        uint8_t byte;
        pp_json_bytes(repeat, "byte", &byte, 1);
        tx.data_length = pp_json_u64(repeat, "count");
        *out_data = malloc(tx.data_length);
        ck_assert_ptr_nonnull(*out_data);
        memset(*out_data, byte, tx.data_length);
    } else {
        *out_data = pp_json_bytes_any(row, "data", &tx.data_length);
    }
    tx.data = *out_data;
    return tx;
}

/* A creation, or a value above 128 bits: what the product never sends. */
static bool is_supported(const json_t *row)
{
    return json_is_string(json_object_get(row, "to")) && strlen(pp_json_text(row, "value")) < 39;
}

/* Goal: signing hash, signed bytes and hash are another implementation's. Method: viem's vectors (SETL-001). */
START_TEST(tx_sign__vectors_of_viem__same_bytes_and_hash)
{
    json_t *vectors = pp_vectors_load("transactions.json"), *row;
    struct pp_crypto *crypto;
    ck_assert_ok(pp_crypto_open(&crypto));
    size_t index, used = 0;
    static uint8_t out[PP_TX_MAX_BYTES];
    json_array_foreach(pp_json_member(vectors, "cases"), index, row)
    {
        if (!is_supported(row))
            continue;
        uint8_t *data;
        struct pp_tx tx = tx_of(row, &data);
        struct pp_secret_key key;
        pp_json_bytes(row, "privateKey", key.bytes, 32);
        struct pp_hash digest, hash;
        ck_assert_ok(pp_tx_digest(&tx, out, sizeof out, &digest));
        ck_assert_hex(digest.bytes, 32, pp_json_text(row, "signingHash"));
        size_t length, expected_length;
        ck_assert_ok(pp_tx_sign(crypto, &key, &tx, out, sizeof out, &length, &hash));
        ck_assert_hex(hash.bytes, 32, pp_json_text(row, "hash"));
        if (json_object_get(row, "raw")) {
            uint8_t *expected = pp_json_bytes_any(row, "raw", &expected_length);
            ck_assert_uint_eq(length, expected_length);
            ck_assert_mem_eq(out, expected, length);
            free(expected);
        }
        free(data);
        used++;
    }
    ck_assert_uint_ge(used, 20);
    pp_crypto_close(crypto);
    json_decref(vectors);
}
END_TEST

static struct pp_tx small_tx(void)
{
    return (struct pp_tx){.chain_id = 31337, .fees = {.priority = 1, .most = 2}, .gas = 21000};
}

/* Goal: every bound is an error, never a cut message. Method: one step over each. */
START_TEST(tx_digest__over_a_bound__named_error)
{
    static uint8_t out[PP_TX_MAX_BYTES + 1], data[PP_TX_MAX_BYTES];
    struct pp_hash digest;
    struct pp_tx tx = small_tx();
    tx.data = data;
    tx.data_length = PP_TX_MAX_BYTES - PP_TX_EXTRA_BYTES;
    ck_assert_ok(pp_tx_digest(&tx, out, sizeof out, &digest));
    tx.data_length++;
    ck_assert_error(pp_tx_digest(&tx, out, sizeof out, &digest), PP_TOO_LONG);
    tx.data_length = 100;
    ck_assert_error(pp_tx_digest(&tx, out, 100, &digest), PP_OVERFLOW);
    tx = small_tx();
    tx.fees.priority = 3;
    ck_assert_error(pp_tx_digest(&tx, out, sizeof out, &digest), PP_OUT_OF_RANGE);
}
END_TEST

/* Goal: what is journaled and what is sent again are the same bytes. Method: sign twice; then change one field. */
START_TEST(tx_sign__again__same_bytes_and_other_fields_other_hash)
{
    struct pp_crypto *crypto;
    ck_assert_ok(pp_crypto_open(&crypto));
    struct pp_secret_key key = {.bytes = {[31] = 7}};
    struct pp_tx tx = small_tx();
    uint8_t a[512], b[512];
    size_t a_length, b_length;
    struct pp_hash a_hash, b_hash;
    ck_assert_ok(pp_tx_sign(crypto, &key, &tx, a, sizeof a, &a_length, &a_hash));
    ck_assert_ok(pp_tx_sign(crypto, &key, &tx, b, sizeof b, &b_length, &b_hash));
    ck_assert_uint_eq(a_length, b_length);
    ck_assert_mem_eq(a, b, a_length);
    tx.nonce++;
    ck_assert_ok(pp_tx_sign(crypto, &key, &tx, b, sizeof b, &b_length, &b_hash));
    ck_assert(!pp_hash_eq(&a_hash, &b_hash));
    pp_crypto_close(crypto);
}
END_TEST

PP_TESTS("tx")
PP_TEST(tx_sign__vectors_of_viem__same_bytes_and_hash)
PP_TEST(tx_digest__over_a_bound__named_error)
PP_TEST(tx_sign__again__same_bytes_and_other_fields_other_hash)
PP_TESTS_END
