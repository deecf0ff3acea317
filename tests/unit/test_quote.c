/* Goal: one quote, one encoding, one signature; nothing out of range gets through. Method: vectors by other implementations,
 * every truncation, one byte too many, every flipped bit, and each range at its edges. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/quote.h>

static const uint8_t seed[32] = {7};

static struct pp_quote sample(void)
{
    return (struct pp_quote){.node_id = 9,
                             .rate_version = 3,
                             .base_grains = 100,
                             .storage_grains = 200,
                             .congestion_grains = 300,
                             .congestion_units = 26,
                             .bond_count = 2,
                             .bond_grains = {0, 5000},
                             .issued_ms = 1000000,
                             .expires_ms = 1060000};
}

static size_t encode(const struct pp_signed_quote *quote, uint8_t bytes[PP_QUOTE_SIGNED_MAX_BYTES])
{
    size_t length;
    ck_assert_ok(pp_signed_quote_encode(quote, bytes, PP_QUOTE_SIGNED_MAX_BYTES, &length));
    return length;
}

static void signed_sample(struct pp_signed_quote *out, struct pp_receipt_key *key)
{
    struct pp_receipt_secret secret;
    const struct pp_quote quote = sample();
    pp_receipt_secret_from_seed(seed, &secret, key);
    pp_quote_sign(&quote, &secret, out);
}

static bool quotes_equal(const struct pp_quote *a, const struct pp_quote *b)
{
    return a->node_id == b->node_id && a->rate_version == b->rate_version &&
           a->base_grains == b->base_grains && a->storage_grains == b->storage_grains &&
           a->congestion_grains == b->congestion_grains && a->congestion_units == b->congestion_units &&
           a->bond_count == b->bond_count &&
           memcmp(a->bond_grains, b->bond_grains, sizeof a->bond_grains) == 0 &&
           a->issued_ms == b->issued_ms && a->expires_ms == b->expires_ms && a->for_topic == b->for_topic &&
           pp_hash_eq(&a->topic, &b->topic) && pp_address_eq(&a->accept_key, &b->accept_key) &&
           a->deadline_from_ms == b->deadline_from_ms && a->deadline_to_ms == b->deadline_to_ms;
}

/* FEE-040, FEE-042: against BLAKE2b and Ed25519 of other implementations. */
START_TEST(quote__every_vector__same_bytes_id_and_signature)
{
    json_t *vectors = pp_vectors_load("rewards.json");
    const json_t *rows = pp_json_member(vectors, "quotes");
    size_t topics = 0;
    ck_assert_uint_ge(json_array_size(rows), 4);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i), *bonds = pp_json_member(row, "bonds");
        uint8_t row_seed[32], bytes[PP_QUOTE_SIGNED_MAX_BYTES];
        struct pp_receipt_secret secret;
        struct pp_receipt_key key, their_key;
        struct pp_signed_quote quote, back;
        struct pp_hash id;
        struct pp_quote body = {.node_id = (uint32_t)pp_json_u64(row, "nodeId"),
                                .rate_version = (uint32_t)pp_json_u64(row, "rateVersion"),
                                .base_grains = pp_json_u64(row, "base"),
                                .storage_grains = pp_json_u64(row, "storage"),
                                .congestion_grains = pp_json_u64(row, "congestion"),
                                .congestion_units = (uint8_t)pp_json_u64(row, "units"),
                                .bond_count = (uint8_t)json_array_size(bonds),
                                .issued_ms = pp_json_u64(row, "issuedMs"),
                                .expires_ms = pp_json_u64(row, "expiresMs")};
        body.for_topic = json_object_get(row, "topic") != NULL;
        if (body.for_topic) { /* FEE-050 */
            pp_json_bytes(row, "topic", body.topic.bytes, 32);
            pp_json_bytes(row, "acceptKey", body.accept_key.bytes, 20);
            body.deadline_from_ms = pp_json_u64(row, "deadlineFromMs");
            body.deadline_to_ms = pp_json_u64(row, "deadlineToMs");
            topics++;
        }
        for (size_t kind = 0; kind < json_array_size(bonds); kind++)
            body.bond_grains[kind] = strtoull(json_string_value(json_array_get(bonds, kind)), NULL, 10);
        pp_json_bytes(row, "seed", row_seed, 32);
        pp_json_bytes(row, "publicKey", their_key.bytes, 32);
        pp_receipt_secret_from_seed(row_seed, &secret, &key);
        ck_assert_mem_eq(key.bytes, their_key.bytes, 32);
        pp_quote_sign(&body, &secret, &quote);
        pp_quote_id(&body, &id);
        ck_assert_hex(id.bytes, 32, pp_json_text(row, "quoteId"));
        size_t length = encode(&quote, bytes), their_length;
        uint8_t *theirs = pp_json_bytes_any(row, "signed", &their_length);
        ck_assert_uint_eq(length, their_length);
        ck_assert_mem_eq(bytes, theirs, length);
        ck_assert_ok(pp_signed_quote_decode(theirs, their_length, &back));
        ck_assert(quotes_equal(&back.quote, &body));
        ck_assert_ok(pp_signed_quote_verify(&back, body.node_id, &their_key));
        free(theirs);
    }
    ck_assert_uint_eq(topics, 4);
    json_decref(vectors);
}
END_TEST

/* FEE-045 */
START_TEST(quote_decode__every_truncation_and_one_byte_more__refused)
{
    uint8_t bytes[PP_QUOTE_SIGNED_MAX_BYTES + 1] = {0};
    struct pp_signed_quote quote, out;
    struct pp_receipt_key key;
    signed_sample(&quote, &key);
    size_t length = encode(&quote, bytes);
    ck_assert_uint_eq(length, 50 + 2 * 8 + 64);
    ck_assert_uint_le(PP_QUOTE_SIGNED_MAX_BYTES, PP_QUOTE_MAX_BYTES);
    for (size_t i = 0; i < length; i++)
        ck_assert_error(pp_signed_quote_decode(bytes, i, &out), PP_TRUNCATED);
    ck_assert_error(pp_signed_quote_decode(bytes, length + 1, &out), PP_TRAILING_BYTES);
    ck_assert_ok(pp_signed_quote_decode(bytes, length, &out));
    for (size_t capacity = 0; capacity < length; capacity++) {
        size_t written;
        ck_assert_error(pp_signed_quote_encode(&quote, bytes, capacity, &written), PP_OVERFLOW);
    }
}
END_TEST

START_TEST(quote_decode__every_flipped_bit__refused_or_another_quote_and_never_verified)
{
    uint8_t bytes[PP_QUOTE_SIGNED_MAX_BYTES], again[PP_QUOTE_SIGNED_MAX_BYTES];
    struct pp_signed_quote quote, out;
    struct pp_receipt_key key;
    signed_sample(&quote, &key);
    size_t length = encode(&quote, bytes);
    for (size_t bit = 0; bit < 8 * length; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (pp_signed_quote_decode(bytes, length, &out) == PP_OK) {
            ck_assert_uint_eq(encode(&out, again), length);
            ck_assert_mem_eq(again, bytes, length);
            ck_assert_error(pp_signed_quote_verify(&out, 9, &key), PP_QUOTE_INVALID);
        }
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}
END_TEST

/* FEE-041 */
START_TEST(quote_check__each_range__named_error)
{
    struct pp_quote q;
#define CHECK(change, error)                                                                                 \
    do {                                                                                                     \
        uint8_t bytes_[PP_QUOTE_SIGNED_MAX_BYTES];                                                           \
        struct pp_signed_quote in_ = {0}, out_;                                                              \
        q = sample();                                                                                        \
        change;                                                                                              \
        ck_assert_error(pp_quote_check(&q), error);                                                          \
        if (q.bond_count > PP_ENVELOPE_KINDS_MAX || q.bond_grains[2] != 0)                                   \
            break; /* cannot be encoded */                                                                   \
        in_.quote = q;                                                                                       \
        ck_assert_error(pp_signed_quote_decode(bytes_, encode(&in_, bytes_), &out_), error);                 \
    } while (0)
    CHECK((void)0, PP_OK);
    CHECK(q.node_id = 0, PP_OUT_OF_RANGE);
    CHECK(q.node_id = 1u << 24, PP_OUT_OF_RANGE);
    CHECK(q.node_id = (1u << 24) - 1, PP_OK);
    CHECK(q.rate_version = 0, PP_OUT_OF_RANGE);
    CHECK(q.base_grains = UINT64_C(1) << 63, PP_NEGATIVE_RATE);
    CHECK(q.storage_grains = UINT64_C(1) << 63, PP_NEGATIVE_RATE);
    CHECK(q.congestion_grains = UINT64_C(1) << 63, PP_NEGATIVE_RATE);
    CHECK(q.bond_grains[1] = UINT64_C(1) << 63, PP_NEGATIVE_RATE);
    CHECK(q.congestion_units = 100, PP_OK);
    CHECK(q.congestion_units = 101, PP_OUT_OF_RANGE);
    CHECK(q.bond_count = 8, PP_OK);
    CHECK(q.bond_count = 9, PP_OUT_OF_RANGE);
    CHECK(q.bond_grains[2] = 1, PP_OUT_OF_RANGE);
    CHECK(q.expires_ms = q.issued_ms, PP_OUT_OF_RANGE);
    CHECK(q.expires_ms = q.issued_ms + 1, PP_OK);
    CHECK(q.expires_ms = q.issued_ms - 1, PP_OUT_OF_RANGE);
    CHECK(q.expires_ms = q.issued_ms + 60001, PP_OUT_OF_RANGE);
    CHECK((q.issued_ms = UINT64_MAX - 1, q.expires_ms = UINT64_MAX), PP_OK);
#undef CHECK
}
END_TEST

/* A bond count that is too high is refused before its bonds are read. */
START_TEST(quote_decode__nine_bonds__out_of_range)
{
    uint8_t bytes[PP_QUOTE_SIGNED_MAX_BYTES + 8] = {0};
    struct pp_signed_quote quote, out;
    struct pp_receipt_key key;
    signed_sample(&quote, &key);
    (void)encode(&quote, bytes);
    bytes[33] = 9;
    ck_assert_error(pp_signed_quote_decode(bytes, 50 + 9 * 8 + 64, &out), PP_OUT_OF_RANGE);
    bytes[33] = 255;
    ck_assert_error(pp_signed_quote_decode(bytes, sizeof bytes, &out), PP_OUT_OF_RANGE);
}
END_TEST

/* FEE-044 */
START_TEST(quote_verify__another_node_key_or_signature__invalid)
{
    static const uint8_t other_seed[32] = {8};
    struct pp_signed_quote quote;
    struct pp_receipt_secret other_secret;
    struct pp_receipt_key key, other;
    signed_sample(&quote, &key);
    pp_receipt_secret_from_seed(other_seed, &other_secret, &other);
    ck_assert_ok(pp_signed_quote_verify(&quote, 9, &key));
    ck_assert_error(pp_signed_quote_verify(&quote, 10, &key), PP_QUOTE_INVALID);
    ck_assert_error(pp_signed_quote_verify(&quote, 9, &other), PP_QUOTE_INVALID);
    quote.signature.bytes[0] ^= 1;
    ck_assert_error(pp_signed_quote_verify(&quote, 9, &key), PP_QUOTE_INVALID);
    quote.signature.bytes[0] ^= 1;
    quote.quote.base_grains--;
    ck_assert_error(pp_signed_quote_verify(&quote, 9, &key), PP_QUOTE_INVALID);
    quote.quote.base_grains++;
    quote.quote.congestion_units = 101;
    ck_assert_error(pp_signed_quote_verify(&quote, 9, &key), PP_QUOTE_INVALID);
}
END_TEST

/* FEE-043 */
START_TEST(quote_make__from_rates__binds_for_60_s)
{
    const struct pp_rates rates = {.version = 4,
                                   .base_grains = 1,
                                   .storage_grains = 2,
                                   .congestion_grains = 3,
                                   .target_per_minute = 6000,
                                   .bond_count = 1,
                                   .bond_grains = {4}};
    struct pp_quote quote;
    pp_quote_make(&rates, 77, 43, 5000, &quote);
    ck_assert_ok(pp_quote_check(&quote));
    ck_assert_uint_eq(quote.node_id, 77);
    ck_assert_uint_eq(quote.rate_version, 4);
    ck_assert_uint_eq(quote.base_grains, 1);
    ck_assert_uint_eq(quote.storage_grains, 2);
    ck_assert_uint_eq(quote.congestion_grains, 3);
    ck_assert_uint_eq(quote.congestion_units, 43);
    ck_assert_uint_eq(quote.bond_count, 1);
    ck_assert_uint_eq(quote.bond_grains[0], 4);
    ck_assert_ok(pp_quote_time_check(&quote, 5000));
    ck_assert_ok(pp_quote_time_check(&quote, 64999));
    ck_assert_error(pp_quote_time_check(&quote, 65000), PP_QUOTE_EXPIRED);
    ck_assert_error(pp_quote_time_check(&quote, UINT64_MAX), PP_QUOTE_EXPIRED);
}
END_TEST

PP_TESTS("quote")
PP_TEST(quote__every_vector__same_bytes_id_and_signature)
PP_TEST(quote_decode__every_truncation_and_one_byte_more__refused)
PP_TEST(quote_decode__every_flipped_bit__refused_or_another_quote_and_never_verified)
PP_TEST(quote_check__each_range__named_error)
PP_TEST(quote_decode__nine_bonds__out_of_range)
PP_TEST(quote_verify__another_node_key_or_signature__invalid)
PP_TEST(quote_make__from_rates__binds_for_60_s)
PP_TESTS_END
