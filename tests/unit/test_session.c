/* Goal: keys, openings and MACs of sessions are those of another implementation, and nothing else opens or passes.
 * Method: vectors by @noble/hashes and @noble/curves; every bit of a MAC, of an id and of a transcript flipped. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/session.h>

#include <stdlib.h>

struct vector {
    struct pp_session_opening opening;
    struct pp_session_secret node_secret, sender_secret;
    struct pp_receipt_secret receipt_secret;
    struct pp_receipt_key receipt_key;
    uint32_t node_id;
};

static void vector_read(const json_t *row, struct vector *out)
{
    uint8_t seed[32], nonce[32];
    struct pp_secret_key signer;
    pp_json_bytes(row, "receiptSeed", seed, 32);
    pp_json_bytes(row, "signer", signer.bytes, 32);
    pp_json_bytes(row, "nonce", nonce, 32);
    pp_session_node_secret(seed, &out->node_secret);
    pp_session_sender_secret(&signer, nonce, &out->sender_secret);
    pp_receipt_secret_from_seed(seed, &out->receipt_secret, &out->receipt_key);
    out->node_id = (uint32_t)pp_json_u64(row, "nodeId");
    pp_json_bytes(row, "channelId", out->opening.channel_id.bytes, 32);
    out->opening.lane = (uint32_t)pp_json_u64(row, "lane");
    pp_session_public(&out->node_secret, &out->opening.node_key);
    pp_session_public(&out->sender_secret, &out->opening.sender_key);
    out->opening.chunk.from = pp_json_grains(row, "from");
    out->opening.chunk.to = pp_json_grains(row, "to");
    out->opening.not_after_ms = pp_json_u64(row, "notAfterMs");
}

static void ck_bytes(const json_t *row, const char *name, const uint8_t *bytes, size_t length)
{
    uint8_t expected[256];
    ck_assert_uint_le(length, sizeof expected);
    pp_json_bytes(row, name, expected, length);
    ck_assert_msg(memcmp(expected, bytes, length) == 0, "%s", name);
}

/* SESSION-001, SESSION-002, SESSION-003. */
START_TEST(keys__vectors__same)
{
    json_t *vectors = pp_vectors_load("sessions.json"), *row;
    size_t i;
    json_array_foreach(pp_json_member(vectors, "sessions"), i, row)
    {
        struct vector v;
        struct pp_receipt_signature signature;
        vector_read(row, &v);
        ck_bytes(row, "nodeSecret", v.node_secret.bytes, 32);
        ck_bytes(row, "senderSecret", v.sender_secret.bytes, 32);
        ck_bytes(row, "nodeKey", v.opening.node_key.bytes, 32);
        ck_bytes(row, "senderKey", v.opening.sender_key.bytes, 32);
        pp_session_node_sign(&v.receipt_secret, v.node_id, &v.opening.node_key, &signature);
        ck_bytes(row, "nodeSignature", signature.bytes, 64);
        ck_assert_ok(pp_session_node_check(&v.receipt_key, v.node_id, &v.opening.node_key, &signature));
        ck_assert_error(pp_session_node_check(&v.receipt_key, v.node_id + 1, &v.opening.node_key, &signature),
                        PP_BAD_SIGNATURE);
        ck_assert_error(pp_session_node_check(&v.receipt_key, v.node_id, &v.opening.sender_key, &signature),
                        PP_BAD_SIGNATURE);
    }
    json_decref(vectors);
}
END_TEST

/* SESSION-010, SESSION-011, SESSION-012, SESSION-020, SESSION-030. */
START_TEST(opening_and_macs__vectors__same_on_both_sides)
{
    json_t *vectors = pp_vectors_load("sessions.json"), *row, *mac_row;
    size_t i, k;
    json_array_foreach(pp_json_member(vectors, "sessions"), i, row)
    {
        struct vector v;
        struct pp_session_key node, sender;
        struct pp_voucher voucher;
        struct pp_hash id, context, scratch[3];
        struct pp_stamp_id ids[3];
        uint8_t bytes[PP_SESSION_OPENING_BYTES];
        struct pp_writer w;
        size_t length;
        vector_read(row, &v);
        pp_writer_init(&w, bytes, sizeof bytes);
        pp_session_opening_write(&w, &v.opening);
        ck_assert_ok(pp_writer_finish(&w, &length));
        ck_assert_uint_eq(length, sizeof bytes);
        ck_bytes(row, "transcript", bytes, length);
        pp_session_id(&v.opening, &id);
        ck_bytes(row, "sessionId", id.bytes, 32);
        pp_session_voucher(&v.opening, &voucher);
        ck_bytes(row, "openingContext", voucher.context.bytes, 32);
        ck_assert(pp_grains_eq(voucher.spent, v.opening.chunk.to));
        ck_assert_ok(pp_session_key_agree(&v.opening, &v.node_secret, true, &node));
        ck_assert_ok(pp_session_key_agree(&v.opening, &v.sender_secret, false, &sender));
        ck_bytes(row, "key", node.bytes, 32);
        ck_bytes(row, "key", sender.bytes, 32);
        json_array_foreach(pp_json_member(row, "macs"), k, mac_row)
        {
            uint8_t mac[PP_SESSION_MAC_BYTES];
            pp_json_bytes(mac_row, "id", ids[k].bytes, 32);
            pp_session_mac(&sender, &ids[k], mac);
            ck_bytes(mac_row, "mac", mac, sizeof mac);
            ck_assert_ok(pp_session_mac_check(&node, &ids[k], mac));
        }
        ck_assert_ok(pp_voucher_context(PP_STAMP_SESSION, ids, 3, scratch, &context));
        ck_bytes(row, "rootContext", context.bytes, 32);
        pp_session_key_done(&node);
        pp_session_key_done(&sender);
        pp_session_secret_done(&v.node_secret);
        pp_session_secret_done(&v.sender_secret);
    }
    json_decref(vectors);
}
END_TEST

/* SESSION-024: no other MAC, id or key. */
START_TEST(mac__any_bit_flipped__bad_mac)
{
    json_t *vectors = pp_vectors_load("sessions.json");
    struct vector v;
    struct pp_session_key key;
    struct pp_stamp_id id = {{1, 2, 3}};
    uint8_t mac[PP_SESSION_MAC_BYTES];
    vector_read(json_array_get(pp_json_member(vectors, "sessions"), 1), &v);
    ck_assert_ok(pp_session_key_agree(&v.opening, &v.sender_secret, false, &key));
    pp_session_mac(&key, &id, mac);
    for (unsigned bit = 0; bit < 8 * sizeof mac; bit++) {
        mac[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_error(pp_session_mac_check(&key, &id, mac), PP_BAD_MAC);
        mac[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (unsigned bit = 0; bit < 256; bit++) {
        id.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_error(pp_session_mac_check(&key, &id, mac), PP_BAD_MAC);
        id.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        key.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_error(pp_session_mac_check(&key, &id, mac), PP_BAD_MAC);
        key.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    ck_assert_ok(pp_session_mac_check(&key, &id, mac));
    json_decref(vectors);
}
END_TEST

/* SESSION-004. */
START_TEST(agree__key_of_small_order__bad_key)
{
    json_t *vectors = pp_vectors_load("sessions.json"), *row;
    struct vector v;
    size_t i;
    vector_read(json_array_get(pp_json_member(vectors, "sessions"), 0), &v);
    json_array_foreach(pp_json_member(vectors, "smallOrder"), i, row)
    {
        struct pp_session_opening opening = v.opening;
        struct pp_session_key key;
        const char *text = json_string_value(row);
        ck_assert_ok(pp_hex_parse(text, strlen(text), opening.sender_key.bytes, 32));
        ck_assert_error(pp_session_key_agree(&opening, &v.node_secret, true, &key), PP_BAD_KEY);
        opening.node_key = opening.sender_key;
        ck_assert_error(pp_session_key_agree(&opening, &v.sender_secret, false, &key), PP_BAD_KEY);
    }
    ck_assert_uint_eq(i, 5);
    json_decref(vectors);
}
END_TEST

/* Every field of the transcript is in the id and in the key; each encoding reads as what it writes. */
START_TEST(opening__any_bit_flipped__another_session)
{
    json_t *vectors = pp_vectors_load("sessions.json");
    struct vector v;
    struct pp_session_key key, other_key;
    struct pp_hash id, other_id;
    uint8_t bytes[PP_SESSION_OPENING_BYTES], again[PP_SESSION_OPENING_BYTES];
    struct pp_writer w;
    struct pp_reader r;
    size_t length;
    vector_read(json_array_get(pp_json_member(vectors, "sessions"), 2), &v);
    pp_session_id(&v.opening, &id);
    ck_assert_ok(pp_session_key_agree(&v.opening, &v.node_secret, true, &key));
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_session_opening_write(&w, &v.opening);
    ck_assert_ok(pp_writer_finish(&w, &length));
    for (unsigned bit = 0; bit < 8 * sizeof bytes; bit++) {
        struct pp_session_opening opening;
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        pp_reader_init(&r, bytes, sizeof bytes);
        pp_session_opening_read(&r, &opening);
        enum pp_error error = pp_reader_finish(&r);
        if (error != PP_OK) {
            ck_assert_error(error, PP_EMPTY_INTERVAL);
        } else {
            pp_writer_init(&w, again, sizeof again);
            pp_session_opening_write(&w, &opening);
            ck_assert_ok(pp_writer_finish(&w, &length));
            ck_assert_mem_eq(bytes, again, sizeof bytes);
            pp_session_id(&opening, &other_id);
            ck_assert(!pp_hash_eq(&id, &other_id));
            if (pp_session_key_agree(&opening, &v.node_secret, true, &other_key) == PP_OK)
                ck_assert_mem_ne(key.bytes, other_key.bytes, 32);
        }
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t cut = 0; cut < sizeof bytes; cut++) {
        struct pp_session_opening opening;
        pp_reader_init(&r, bytes, cut);
        pp_session_opening_read(&r, &opening);
        ck_assert_error(pp_reader_finish(&r), PP_TRUNCATED);
    }
    json_decref(vectors);
}
END_TEST

START_TEST(stamp_check__envelope_leaf_mac__each_told)
{
    struct pp_session_key key = {{7}};
    const struct pp_slice topic = {(const uint8_t *)"topic", 5}, payload = {(const uint8_t *)"payload", 7};
    struct pp_leaf leaf = {.lane = 256, .size = 7, .retention_days = 1, .postage = {.base_grains = 5}};
    struct pp_stamp_id id, expected;
    uint8_t mac[PP_SESSION_MAC_BYTES];
    pp_envelope_hash(topic.bytes, topic.length, payload.bytes, payload.length, &leaf.envelope_hash);
    pp_leaf_id(&leaf, &expected);
    pp_session_mac(&key, &expected, mac);
    ck_assert_ok(pp_session_stamp_check(&key, &leaf, &topic, &payload, mac, &id));
    ck_assert(pp_stamp_id_eq(&id, &expected));
    const struct pp_slice shorter = {payload.bytes, 6}, other = {(const uint8_t *)"paylord", 7};
    ck_assert_error(pp_session_stamp_check(&key, &leaf, &topic, &shorter, mac, &id), PP_CONTENT_MISMATCH);
    ck_assert_error(pp_session_stamp_check(&key, &leaf, &topic, &other, mac, &id), PP_CONTENT_MISMATCH);
    leaf.from = pp_grains(1); /* what changes the price is inside */
    ck_assert_error(pp_session_stamp_check(&key, &leaf, &topic, &payload, mac, &id), PP_BAD_MAC);
}
END_TEST

PP_TESTS("session")
PP_TEST(keys__vectors__same)
PP_TEST(opening_and_macs__vectors__same_on_both_sides)
PP_TEST(mac__any_bit_flipped__bad_mac)
PP_TEST(agree__key_of_small_order__bad_key)
PP_TEST(opening__any_bit_flipped__another_session)
PP_TEST(stamp_check__envelope_leaf_mac__each_told)
PP_TESTS_END
