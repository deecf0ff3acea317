/* Goal: leaves, trees and contexts are those of another implementation, and nothing out of range is read. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/stamp.h>

#include <stdlib.h>

static void leaf_of(const json_t *row, struct pp_leaf *out)
{
    pp_json_bytes(row, "channelId", out->channel_id.bytes, 32);
    out->lane = (uint32_t)pp_json_u64(row, "lane");
    pp_json_bytes(row, "envelopeHash", out->envelope_hash.bytes, 32);
    out->from = pp_json_grains(row, "from");
    out->postage.base_grains = pp_json_u64(row, "base");
    out->postage.storage_grains = pp_json_u64(row, "storage");
    out->postage.congestion_grains = pp_json_u64(row, "congestion");
    out->postage.bond_grains = pp_json_u64(row, "bond");
    out->size = (uint32_t)pp_json_u64(row, "size");
    out->retention_days = (uint16_t)pp_json_u64(row, "retentionDays");
    out->envelope_kind = (uint8_t)pp_json_u64(row, "envelopeKind");
    pp_json_bytes(row, "quoteId", out->quote_id.bytes, 32);
    out->not_after_ms = pp_json_u64(row, "notAfterMs");
    pp_json_bytes(row, "acceptKey", out->accept_key.bytes, 20);
    out->accept_deadline_ms = pp_json_u64(row, "acceptDeadlineMs");
}

static struct pp_leaf leaf_ordinary(void)
{
    struct pp_leaf leaf = {
        .lane = 256,
        .from = pp_grains(1000),
        .postage = {.base_grains = 100, .storage_grains = 20, .congestion_grains = 3},
        .size = 200,
        .retention_days = 30,
        .not_after_ms = 1700000000000,
    };
    memset(leaf.channel_id.bytes, 0xc1, 32);
    memset(leaf.envelope_hash.bytes, 0xe2, 32);
    memset(leaf.quote_id.bytes, 0x93, 32);
    return leaf;
}

static struct pp_leaf leaf_with_bond(void)
{
    struct pp_leaf leaf = leaf_ordinary();
    leaf.postage.bond_grains = 5000;
    memset(leaf.accept_key.bytes, 0xaa, 20);
    leaf.accept_deadline_ms = 1700000900000;
    return leaf;
}

static void encode(const struct pp_leaf *leaf, uint8_t out[PP_LEAF_BYTES])
{
    struct pp_writer w;
    size_t length;
    pp_writer_init(&w, out, PP_LEAF_BYTES);
    pp_leaf_write(&w, leaf);
    ck_assert_ok(pp_writer_finish(&w, &length));
    ck_assert_uint_eq(length, PP_LEAF_BYTES);
}

static enum pp_error decode(const uint8_t *bytes, size_t length, struct pp_leaf *out)
{
    struct pp_reader r;
    pp_reader_init(&r, bytes, length);
    pp_leaf_read(&r, out);
    return pp_reader_finish(&r);
}

/* STAMP-002. Every field at zero, at its highest and at random values, encoded by another program. */
START_TEST(leaf__vectors__same_bytes_and_id)
{
    json_t *vectors = pp_vectors_load("blake2b.json"), *row;
    size_t i, readable = 0;
    json_array_foreach(pp_json_member(vectors, "leaves"), i, row)
    {
        struct pp_leaf leaf, again;
        struct pp_stamp_id id;
        uint8_t bytes[PP_LEAF_BYTES], bytes_again[PP_LEAF_BYTES];
        leaf_of(row, &leaf);
        encode(&leaf, bytes);
        ck_assert_hex(bytes, PP_LEAF_BYTES, pp_json_text(row, "bytes"));
        pp_leaf_id(&leaf, &id);
        ck_assert_hex(id.bytes, 32, pp_json_text(row, "stampId"));
        enum pp_error error = pp_leaf_check(&leaf);
        ck_assert_error(decode(bytes, sizeof bytes, &again), error);
        if (error == PP_OK) {
            encode(&again, bytes_again);
            ck_assert_mem_eq(bytes, bytes_again, PP_LEAF_BYTES);
            readable++;
        }
    }
    ck_assert_uint_gt(i, 20);
    json_decref(vectors);
    (void)readable;
}
END_TEST

/* STAMP-006 */
START_TEST(topic_hash__vectors__same)
{
    json_t *vectors = pp_vectors_load("blake2b.json"), *row;
    size_t i;
    json_array_foreach(pp_json_member(vectors, "topics"), i, row)
    {
        size_t length;
        uint8_t *topic = pp_json_bytes_any(row, "topic", &length);
        struct pp_hash hash;
        pp_topic_hash(topic, length, &hash);
        ck_assert_hex(hash.bytes, 32, pp_json_text(row, "hash"));
        free(topic);
    }
    ck_assert_uint_eq(i, 5);
    json_decref(vectors);
}
END_TEST

/* STAMP-001. */
START_TEST(envelope_hash__vectors__same)
{
    json_t *vectors = pp_vectors_load("blake2b.json"), *row;
    size_t i;
    json_array_foreach(pp_json_member(vectors, "envelopes"), i, row)
    {
        size_t topic_length, payload_length;
        uint8_t *topic = pp_json_bytes_any(row, "topic", &topic_length);
        uint8_t *payload = pp_json_bytes_any(row, "payload", &payload_length);
        struct pp_hash hash;
        pp_envelope_hash(topic, topic_length, payload, payload_length, &hash);
        ck_assert_hex(hash.bytes, 32, pp_json_text(row, "hash"));
        free(topic);
        free(payload);
    }
    ck_assert_uint_gt(i, 3);
    json_decref(vectors);
}
END_TEST

/* STAMP-010, STAMP-011. The vectors' leaf i is H("pp.leaf.v1", u32 i). */
START_TEST(tree_and_context__vectors__same)
{
    static struct pp_hash hashes[PP_LEAVES_MAX];
    static const struct {
        const char *name;
        enum pp_stamp_kind kind;
    } kinds[] = {{"single", PP_STAMP_SINGLE}, {"batch", PP_STAMP_BATCH}, {"session", PP_STAMP_SESSION}};
    json_t *vectors = pp_vectors_load("blake2b.json"), *row;
    size_t i;
    json_array_foreach(pp_json_member(vectors, "trees"), i, row)
    {
        uint32_t count = (uint32_t)pp_json_u64(row, "count");
        ck_assert_uint_le(count, PP_LEAVES_MAX);
        for (uint32_t n = 0; n < count; n++) {
            const uint8_t bytes[4] = {n >> 24 & 0xff, n >> 16 & 0xff, n >> 8 & 0xff, n & 0xff};
            pp_blake2b_one("pp.leaf.v1", bytes, 4, hashes[n].bytes);
        }
        struct pp_hash root, context;
        pp_tree_root(hashes, count, &root);
        ck_assert_hex(root.bytes, 32, pp_json_text(row, "root"));
        for (size_t k = 0; k < 3; k++) {
            pp_context(kinds[k].kind, count, &root, &context);
            ck_assert_hex(context.bytes, 32, pp_json_text(pp_json_member(row, "contexts"), kinds[k].name));
        }
    }
    ck_assert_uint_gt(i, 8);
    json_decref(vectors);
}
END_TEST

/* STAMP-003, STAMP-004. Each range at both sides of its border. */
START_TEST(leaf_check__each_field_out_of_range__its_error)
{
    static const uint64_t top = UINT64_C(1) << 63;
    struct pp_leaf leaf;
    struct pp_grains to;
#define CHECK(base_leaf, change, expected)                                                                   \
    do {                                                                                                     \
        leaf = base_leaf();                                                                                  \
        change;                                                                                              \
        ck_assert_error(pp_leaf_check(&leaf), expected);                                                     \
        uint8_t bytes[PP_LEAF_BYTES];                                                                        \
        struct pp_leaf read;                                                                                 \
        encode(&leaf, bytes);                                                                                \
        ck_assert_error(decode(bytes, sizeof bytes, &read), expected);                                       \
    } while (0)
    CHECK(leaf_ordinary, (void)0, PP_OK);
    CHECK(leaf_with_bond, (void)0, PP_OK);
    CHECK(leaf_ordinary, leaf.postage.base_grains = top - 1 - 23, PP_OK);
    CHECK(leaf_ordinary, leaf.postage.base_grains = top - 23, PP_FEE_OVERFLOW);
    CHECK(leaf_ordinary, leaf.postage.storage_grains = UINT64_MAX, PP_FEE_OVERFLOW);
    CHECK(leaf_ordinary, leaf.from = PP_GRAINS_MAX, PP_OVERFLOW);
    CHECK(leaf_ordinary, leaf.from.raw = PP_GRAINS_MAX.raw - 123, PP_OK);
    CHECK(leaf_ordinary, leaf.from.raw = PP_GRAINS_MAX.raw - 122, PP_OVERFLOW);
    CHECK(leaf_ordinary, leaf.size = 0, PP_ZERO_SIZE);
    CHECK(leaf_ordinary, leaf.size = PP_ENVELOPE_MAX_BYTES, PP_OK);
    CHECK(leaf_ordinary, leaf.size = PP_ENVELOPE_MAX_BYTES + 1, PP_TOO_LONG);
    CHECK(leaf_ordinary, leaf.retention_days = 0, PP_ZERO_RETENTION);
    CHECK(leaf_ordinary, leaf.retention_days = PP_RETENTION_MAX_DAYS, PP_OK);
    CHECK(leaf_ordinary, leaf.retention_days = PP_RETENTION_MAX_DAYS + 1, PP_RETENTION_TOO_LONG);
    CHECK(leaf_ordinary, leaf.envelope_kind = PP_ENVELOPE_KINDS_MAX - 1, PP_OK);
    CHECK(leaf_ordinary, leaf.envelope_kind = PP_ENVELOPE_KINDS_MAX, PP_OUT_OF_RANGE);
    CHECK(leaf_ordinary, leaf.accept_key.bytes[19] = 1, PP_BAD_FORMAT);
    CHECK(leaf_ordinary, leaf.accept_deadline_ms = 1, PP_BAD_FORMAT);
    CHECK(leaf_with_bond, memset(leaf.accept_key.bytes, 0, 20), PP_BAD_FORMAT);
    CHECK(leaf_with_bond, leaf.accept_deadline_ms = 0, PP_BAD_FORMAT);
#undef CHECK
    leaf = leaf_with_bond();
    ck_assert_ok(pp_leaf_to(&leaf, &to));
    ck_assert(pp_grains_eq(to, pp_grains(1000 + 100 + 20 + 3 + 5000)));
}
END_TEST

/* Every truncation, one byte too many, every flipped bit. */
START_TEST(leaf_read__damaged_bytes__refused_or_read_as_they_are)
{
    const struct pp_leaf leaves[] = {leaf_ordinary(), leaf_with_bond()};
    for (size_t n = 0; n < 2; n++) {
        uint8_t bytes[PP_LEAF_BYTES + 1] = {0}, again[PP_LEAF_BYTES];
        struct pp_leaf leaf;
        struct pp_stamp_id id, other;
        encode(&leaves[n], bytes);
        pp_leaf_id(&leaves[n], &id);
        for (size_t length = 0; length < PP_LEAF_BYTES; length++)
            ck_assert_error(decode(bytes, length, &leaf), PP_TRUNCATED);
        ck_assert_error(decode(bytes, PP_LEAF_BYTES + 1, &leaf), PP_TRAILING_BYTES);
        for (size_t bit = 0; bit < 8 * PP_LEAF_BYTES; bit++) {
            bytes[bit / 8] ^= 1u << bit % 8;
            if (decode(bytes, PP_LEAF_BYTES, &leaf) == PP_OK) {
                encode(&leaf, again);
                ck_assert_mem_eq(again, bytes, PP_LEAF_BYTES);
                pp_leaf_id(&leaf, &other);
                ck_assert(!pp_stamp_id_eq(&id, &other));
            }
            bytes[bit / 8] ^= 1u << bit % 8;
        }
    }
}
END_TEST

/* STAMP-005. The short form and the full one agree. */
START_TEST(leaf_short__with_what_the_request_states__is_the_leaf)
{
    const struct pp_leaf leaf = leaf_with_bond();
    struct pp_leaf read = {0};
    uint8_t bytes[PP_LEAF_SHORT_BYTES];
    struct pp_writer w;
    struct pp_reader r;
    size_t length;
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_leaf_write_short(&w, &leaf);
    ck_assert_ok(pp_writer_finish(&w, &length));
    ck_assert_uint_eq(length, PP_LEAF_SHORT_BYTES);
    read.channel_id = leaf.channel_id;
    read.lane = leaf.lane;
    read.quote_id = leaf.quote_id;
    pp_reader_init(&r, bytes, sizeof bytes);
    pp_leaf_read_short(&r, &read);
    ck_assert_ok(pp_reader_finish(&r));
    struct pp_stamp_id id, other;
    pp_leaf_id(&leaf, &id);
    pp_leaf_id(&read, &other);
    ck_assert(pp_stamp_id_eq(&id, &other));
    for (size_t cut = 0; cut < PP_LEAF_SHORT_BYTES; cut++) {
        pp_reader_init(&r, bytes, cut);
        pp_leaf_read_short(&r, &read);
        ck_assert_error(pp_reader_finish(&r), PP_TRUNCATED);
    }
}
END_TEST

PP_TESTS("stamp")
PP_TEST(leaf__vectors__same_bytes_and_id)
PP_TEST(envelope_hash__vectors__same)
PP_TEST(topic_hash__vectors__same)
PP_TEST(tree_and_context__vectors__same)
PP_TEST(leaf_check__each_field_out_of_range__its_error)
PP_TEST(leaf_read__damaged_bytes__refused_or_read_as_they_are)
PP_TEST(leaf_short__with_what_the_request_states__is_the_leaf)
PP_TESTS_END
