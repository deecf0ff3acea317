/* Goal: a receipt is believed exactly when the node's key signed a group that holds these bodies at this place. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/receipt.h>

#include <stdlib.h>

#define NODE_ID 7u

static struct pp_receipt_body body_of(uint32_t n)
{
    struct pp_receipt_body body = {.lane = NODE_ID << 8, .sequence = 1000 + n, .time_ms = 1700000000000 + n};
    memset(body.channel_id.bytes, 0xc1, 32);
    memset(body.stamp_id.bytes, 0x57, 28);
    body.stamp_id.bytes[28] = (uint8_t)(n >> 24);
    body.stamp_id.bytes[29] = (uint8_t)(n >> 16);
    body.stamp_id.bytes[30] = (uint8_t)(n >> 8);
    body.stamp_id.bytes[31] = (uint8_t)n;
    return body;
}

static void keys(struct pp_receipt_secret *secret, struct pp_receipt_key *key)
{
    uint8_t seed[32];
    memset(seed, 0x5e, 32);
    pp_receipt_secret_from_seed(seed, secret, key);
}

static size_t encode(const struct pp_receipt *receipt, uint8_t out[PP_RECEIPT_MAX_BYTES])
{
    struct pp_writer w;
    size_t length;
    pp_writer_init(&w, out, PP_RECEIPT_MAX_BYTES);
    pp_receipt_write(&w, receipt);
    ck_assert_ok(pp_writer_finish(&w, &length));
    return length;
}

static enum pp_error decode(const uint8_t *bytes, size_t length, struct pp_receipt *out)
{
    struct pp_reader r;
    pp_reader_init(&r, bytes, length);
    pp_receipt_read(&r, out);
    return pp_reader_finish(&r);
}

/* STAMP-050. */
START_TEST(body__vectors__same_bytes_and_hash)
{
    json_t *vectors = pp_vectors_load("blake2b.json"), *row;
    size_t i;
    json_array_foreach(pp_json_member(vectors, "receipts"), i, row)
    {
        struct pp_receipt_body body, again;
        struct pp_hash hash;
        struct pp_writer w;
        struct pp_reader r;
        uint8_t bytes[PP_RECEIPT_BODY_BYTES];
        size_t length;
        pp_json_bytes(row, "channelId", body.channel_id.bytes, 32);
        body.lane = (uint32_t)pp_json_u64(row, "lane");
        pp_json_bytes(row, "stampId", body.stamp_id.bytes, 32);
        body.sequence = pp_json_u64(row, "sequence");
        body.time_ms = pp_json_u64(row, "timeMs");
        pp_writer_init(&w, bytes, sizeof bytes);
        pp_receipt_body_write(&w, &body);
        ck_assert_ok(pp_writer_finish(&w, &length));
        ck_assert_hex(bytes, PP_RECEIPT_BODY_BYTES, pp_json_text(row, "body"));
        pp_receipt_body_hash(&body, &hash);
        ck_assert_hex(hash.bytes, 32, pp_json_text(row, "hash"));
        pp_reader_init(&r, bytes, sizeof bytes);
        pp_receipt_body_read(&r, &again);
        ck_assert_ok(pp_reader_finish(&r));
        ck_assert_mem_eq(&again.stamp_id, &body.stamp_id, 32);
        ck_assert_uint_eq(again.sequence, body.sequence);
        ck_assert_uint_eq(again.time_ms, body.time_ms);
    }
    ck_assert_uint_ge(i, 3);
    json_decref(vectors);
}
END_TEST

/* STAMP-052. The vectors name the digest of a group whose root is known: a signature over just that is believed. A group of
 * one shows it: its root is the request's. */
START_TEST(group_digest__vectors__what_is_signed)
{
    json_t *vectors = pp_vectors_load("blake2b.json"), *row;
    size_t i, tried = 0;
    json_array_foreach(pp_json_member(vectors, "groups"), i, row)
    {
        struct pp_receipt_secret secret;
        struct pp_receipt_key key;
        struct pp_receipt receipt = {.node_id = (uint32_t)pp_json_u64(row, "nodeId"), .count = 1};
        struct pp_hash root, digest;
        if (pp_json_u64(row, "count") != 1)
            continue;
        keys(&secret, &key);
        pp_json_bytes(row, "root", root.bytes, 32);
        pp_json_bytes(row, "hash", digest.bytes, 32);
        pp_receipt_sign(&secret, &digest, &receipt.signature);
        ck_assert_ok(pp_receipt_check_root(&receipt, receipt.node_id, &key, &root));
        tried++;
    }
    ck_assert_uint_gt(tried, 0);
    json_decref(vectors);
}
END_TEST

/* STAMP-051, STAMP-053. Groups of every size up to 40, and the largest: each request's receipt holds for its own root and
 * for no other's. */
START_TEST(group__every_size__each_receipt_holds_for_its_own_root)
{
    static struct pp_hash roots[PP_GROUP_MAX], scratch[PP_GROUP_MAX];
    static struct pp_receipt receipts[PP_GROUP_MAX];
    struct pp_receipt_secret secret;
    struct pp_receipt_key key;
    keys(&secret, &key);
    for (uint32_t i = 0; i < PP_GROUP_MAX; i++) {
        const struct pp_receipt_body body = body_of(i);
        pp_receipt_body_hash(&body, &roots[i]);
    }
    for (uint32_t count = 1; count <= 40; count++) {
        memcpy(scratch, roots, sizeof roots[0] * count);
        pp_receipt_group_sign(&secret, NODE_ID, scratch, count, receipts);
        for (uint32_t i = 0; i < count; i++) {
            ck_assert_ok(pp_receipt_check_root(&receipts[i], NODE_ID, &key, &roots[i]));
            if (count > 1)
                ck_assert_error(pp_receipt_check_root(&receipts[i], NODE_ID, &key, &roots[(i + 1) % count]),
                                PP_BAD_SIGNATURE);
        }
    }
    memcpy(scratch, roots, sizeof roots);
    pp_receipt_group_sign(&secret, NODE_ID, scratch, PP_GROUP_MAX, receipts);
    for (uint32_t i = 0; i < PP_GROUP_MAX; i += 1021) {
        ck_assert_uint_eq(receipts[i].path_length, PP_RECEIPT_PATH_MAX);
        ck_assert_ok(pp_receipt_check_root(&receipts[i], NODE_ID, &key, &roots[i]));
    }
}
END_TEST

/* STAMP-010 and the example of specs/stamps.md: a tree of three, by hand. */
START_TEST(group_of_three__by_hand__paths_as_in_the_specification)
{
    struct pp_receipt_secret secret;
    struct pp_receipt_key key;
    struct pp_hash roots[3], scratch[3], n, pair[2];
    struct pp_receipt receipts[3];
    keys(&secret, &key);
    for (uint32_t i = 0; i < 3; i++)
        memset(roots[i].bytes, (int)i + 1, 32);
    memcpy(scratch, roots, sizeof roots);
    pp_receipt_group_sign(&secret, NODE_ID, scratch, 3, receipts);
    memcpy(pair, roots, sizeof pair);
    pp_blake2b_one("pp.node.v1", (const uint8_t *)pair, 64, n.bytes);
    ck_assert_uint_eq(receipts[0].path_length, 2);
    ck_assert(pp_hash_eq(&receipts[0].path[0], &roots[1]) && pp_hash_eq(&receipts[0].path[1], &roots[2]));
    ck_assert_uint_eq(receipts[2].path_length, 1);
    ck_assert(pp_hash_eq(&receipts[2].path[0], &n));

    /* STAMP-052, byte by byte. */
    uint8_t message[1 + 4 + 32 + 4] = {1, 0, 0, 0, NODE_ID};
    struct pp_hash root, digest;
    pair[0] = n;
    pair[1] = roots[2];
    pp_blake2b_one("pp.node.v1", (const uint8_t *)pair, 64, root.bytes);
    memcpy(message + 5, root.bytes, 32);
    message[40] = 3;
    pp_blake2b_one("pp.receipt.v1", message, sizeof message, digest.bytes);
    for (uint32_t i = 0; i < 3; i++)
        ck_assert_ok(pp_receipt_verify(&key, &digest, &receipts[i].signature));
}
END_TEST

/* A whole request: bodies to signature; any change of a body, its place or its company is noticed. */
START_TEST(check__bodies__exactly_those_that_were_signed)
{
    enum { BODIES = 5 };
    struct pp_receipt_secret secret;
    struct pp_receipt_key key, other_key;
    struct pp_receipt_body bodies[BODIES + 1], held;
    struct pp_hash scratch[BODIES + 1], roots[3];
    struct pp_receipt receipts[3];
    keys(&secret, &key);
    for (uint32_t i = 0; i <= BODIES; i++) {
        bodies[i] = body_of(i);
        pp_receipt_body_hash(&bodies[i], &scratch[i]);
    }
    pp_tree_root(scratch, BODIES, &roots[1]);
    memset(&roots[0], 1, 32);
    memset(&roots[2], 3, 32);
    pp_receipt_group_sign(&secret, NODE_ID, roots, 3, receipts);
    const struct pp_receipt *receipt = &receipts[1];
    ck_assert_ok(pp_receipt_check(receipt, NODE_ID, &key, bodies, BODIES, scratch));
    ck_assert_error(pp_receipt_check(receipt, NODE_ID, &key, bodies, BODIES - 1, scratch), PP_BAD_SIGNATURE);
    ck_assert_error(pp_receipt_check(receipt, NODE_ID, &key, bodies, BODIES + 1, scratch), PP_BAD_SIGNATURE);
    ck_assert_error(pp_receipt_check(receipt, NODE_ID, &key, bodies, 0, scratch), PP_BAD_PROOF);
    ck_assert_error(pp_receipt_check(receipt, NODE_ID, &key, bodies, PP_LEAVES_MAX + 1, scratch),
                    PP_TOO_MANY_LEAVES);
    ck_assert_error(pp_receipt_check(receipt, NODE_ID + 1, &key, bodies, BODIES, scratch),
                    PP_NODE_TOLD_OTHERWISE);
    other_key = key;
    other_key.bytes[0] ^= 1;
    ck_assert_error(pp_receipt_check(receipt, NODE_ID, &other_key, bodies, BODIES, scratch),
                    PP_BAD_SIGNATURE);
    for (uint32_t i = 0; i < BODIES; i++) {
        held = bodies[i];
#define CHANGED(change)                                                                                      \
    do {                                                                                                     \
        change;                                                                                              \
        ck_assert_error(pp_receipt_check(receipt, NODE_ID, &key, bodies, BODIES, scratch),                   \
                        PP_BAD_SIGNATURE);                                                                   \
        bodies[i] = held;                                                                                    \
    } while (0)
        CHANGED(bodies[i].channel_id.bytes[0] ^= 1);
        CHANGED(bodies[i].lane ^= 1);
        CHANGED(bodies[i].stamp_id.bytes[31] ^= 1);
        CHANGED(bodies[i].sequence ^= 1);
        CHANGED(bodies[i].time_ms ^= 1);
        CHANGED(bodies[i] = bodies[(i + 1) % BODIES]);
#undef CHANGED
    }
}
END_TEST

/* STAMP-053. */
START_TEST(check_root__path_index_or_count_that_cannot_be__bad_proof)
{
    struct pp_receipt_secret secret;
    struct pp_receipt_key key;
    struct pp_hash roots[5], root;
    struct pp_receipt receipts[5], bad;
    keys(&secret, &key);
    memset(roots, 9, sizeof roots);
    root = roots[4];
    pp_receipt_group_sign(&secret, NODE_ID, roots, 5, receipts);
    ck_assert_ok(pp_receipt_check_root(&receipts[4], NODE_ID, &key, &root));
#define BAD(change)                                                                                          \
    do {                                                                                                     \
        bad = receipts[4];                                                                                   \
        change;                                                                                              \
        ck_assert_error(pp_receipt_check_root(&bad, NODE_ID, &key, &root), PP_BAD_PROOF);                    \
    } while (0)
    BAD(bad.count = 0);
    BAD(bad.count = PP_GROUP_MAX + 1);
    BAD(bad.index = 5);
    BAD(bad.index = UINT32_MAX);
    BAD(bad.path_length = 0);
    BAD(bad.path_length = 2);
    BAD(bad.path_length = UINT32_MAX);
    BAD(bad.index = 0); /* has three siblings */
#undef BAD
    bad = receipts[4];
    bad.count = 3; /* the last of three has one sibling as well: only the signature tells */
    bad.index = 2;
    ck_assert_error(pp_receipt_check_root(&bad, NODE_ID, &key, &root), PP_BAD_SIGNATURE);
}
END_TEST

/* Every truncation, one byte too many, every flipped bit: refused, or read as it is and then not believed. */
START_TEST(receipt__damaged_bytes__never_believed)
{
    struct pp_receipt_secret secret;
    struct pp_receipt_key key;
    struct pp_hash roots[11], root;
    struct pp_receipt receipts[11], read;
    uint8_t bytes[PP_RECEIPT_MAX_BYTES + 1] = {0}, again[PP_RECEIPT_MAX_BYTES];
    keys(&secret, &key);
    for (uint32_t i = 0; i < 11; i++)
        memset(roots[i].bytes, (int)i + 1, 32);
    root = roots[6];
    pp_receipt_group_sign(&secret, NODE_ID, roots, 11, receipts);
    size_t length = encode(&receipts[6], bytes);
    ck_assert_ok(decode(bytes, length, &read));
    ck_assert_ok(pp_receipt_check_root(&read, NODE_ID, &key, &root));
    for (size_t cut = 0; cut < length; cut++)
        ck_assert_int_ne(decode(bytes, cut, &read), PP_OK);
    ck_assert_error(decode(bytes, length + 1, &read), PP_TRAILING_BYTES);
    for (size_t bit = 0; bit < 8 * length; bit++) {
        bytes[bit / 8] ^= 1u << bit % 8;
        if (decode(bytes, length, &read) == PP_OK) {
            ck_assert_uint_eq(encode(&read, again), length);
            ck_assert_mem_eq(bytes, again, length);
            ck_assert_int_ne(pp_receipt_check_root(&read, NODE_ID, &key, &root), PP_OK);
        }
        bytes[bit / 8] ^= 1u << bit % 8;
    }
}
END_TEST

PP_TESTS("receipt")
PP_TEST(body__vectors__same_bytes_and_hash)
PP_TEST(group_digest__vectors__what_is_signed)
PP_TEST(group__every_size__each_receipt_holds_for_its_own_root)
PP_TEST(group_of_three__by_hand__paths_as_in_the_specification)
PP_TEST(check__bodies__exactly_those_that_were_signed)
PP_TEST(check_root__path_index_or_count_that_cannot_be__bad_proof)
PP_TEST(receipt__damaged_bytes__never_believed)
PP_TESTS_END
