#include <pp/assert.h>
#include <pp/stamp.h>

#define TAG_ENVELOPE "pp.envelope.v1"
#define TAG_TOPIC "pp.topic.v1"
#define TAG_LEAF "pp.leaf.v1"
#define TAG_NODE "pp.node.v1"
#define TAG_CONTEXT "pp.context.v1"

enum pp_error pp_leaf_to(const struct pp_leaf *leaf, struct pp_grains *out_to)
{
    struct pp_grains total;
    PP_TRY(pp_postage_total(&leaf->postage, &total));
    return pp_grains_add(leaf->from, total, out_to);
}

static bool is_zero(const struct pp_address *address)
{
    static const struct pp_address zero = {{0}};
    return pp_address_eq(address, &zero);
}

/* STAMP-003, in the order of the fields. */
enum pp_error pp_leaf_check(const struct pp_leaf *leaf)
{
    struct pp_grains to;
    PP_TRY(pp_leaf_to(leaf, &to));
    if (leaf->size == 0)
        return PP_ZERO_SIZE;
    if (leaf->size > PP_ENVELOPE_MAX_BYTES)
        return PP_TOO_LONG;
    if (leaf->retention_days == 0)
        return PP_ZERO_RETENTION;
    if (leaf->retention_days > PP_RETENTION_MAX_DAYS)
        return PP_RETENTION_TOO_LONG;
    if (leaf->envelope_kind >= PP_ENVELOPE_KINDS_MAX)
        return PP_OUT_OF_RANGE;
    bool has_bond = leaf->postage.bond_grains > 0;
    if (is_zero(&leaf->accept_key) == has_bond || (leaf->accept_deadline_ms == 0) == has_bond)
        return PP_BAD_FORMAT;
    return PP_OK;
}

static void write_part_to_kind(struct pp_writer *w, const struct pp_leaf *leaf)
{
    pp_write_bytes(w, leaf->envelope_hash.bytes, 32);
    pp_write_grains(w, leaf->from);
    pp_write_u64(w, leaf->postage.base_grains);
    pp_write_u64(w, leaf->postage.storage_grains);
    pp_write_u64(w, leaf->postage.congestion_grains);
    pp_write_u64(w, leaf->postage.bond_grains);
    pp_write_u32(w, leaf->size);
    pp_write_u16(w, leaf->retention_days);
    pp_write_u8(w, leaf->envelope_kind);
}

static void write_part_from_not_after(struct pp_writer *w, const struct pp_leaf *leaf)
{
    pp_write_u64(w, leaf->not_after_ms);
    pp_write_bytes(w, leaf->accept_key.bytes, 20);
    pp_write_u64(w, leaf->accept_deadline_ms);
}

static void read_part_to_kind(struct pp_reader *r, struct pp_leaf *out)
{
    pp_read_bytes(r, out->envelope_hash.bytes, 32);
    out->from = pp_read_grains(r);
    out->postage.base_grains = pp_read_u64(r);
    out->postage.storage_grains = pp_read_u64(r);
    out->postage.congestion_grains = pp_read_u64(r);
    out->postage.bond_grains = pp_read_u64(r);
    out->size = pp_read_u32(r);
    out->retention_days = pp_read_u16(r);
    out->envelope_kind = pp_read_u8(r);
}

static void read_part_from_not_after(struct pp_reader *r, struct pp_leaf *out)
{
    out->not_after_ms = pp_read_u64(r);
    pp_read_bytes(r, out->accept_key.bytes, 20);
    out->accept_deadline_ms = pp_read_u64(r);
    if (r->error != PP_OK)
        return;
    enum pp_error error = pp_leaf_check(out);
    if (error != PP_OK)
        pp_reader_fail(r, error);
}

void pp_leaf_write(struct pp_writer *w, const struct pp_leaf *leaf)
{
    pp_write_bytes(w, leaf->channel_id.bytes, 32);
    pp_write_u32(w, leaf->lane);
    write_part_to_kind(w, leaf);
    pp_write_bytes(w, leaf->quote_id.bytes, 32);
    write_part_from_not_after(w, leaf);
}

void pp_leaf_read(struct pp_reader *r, struct pp_leaf *out)
{
    pp_read_bytes(r, out->channel_id.bytes, 32);
    out->lane = pp_read_u32(r);
    read_part_to_kind(r, out);
    pp_read_bytes(r, out->quote_id.bytes, 32);
    read_part_from_not_after(r, out);
}

void pp_leaf_write_short(struct pp_writer *w, const struct pp_leaf *leaf)
{
    write_part_to_kind(w, leaf);
    write_part_from_not_after(w, leaf);
}

void pp_leaf_read_short(struct pp_reader *r, struct pp_leaf *inout)
{
    read_part_to_kind(r, inout);
    read_part_from_not_after(r, inout);
}

void pp_leaf_id(const struct pp_leaf *leaf, struct pp_stamp_id *out)
{
    uint8_t bytes[PP_LEAF_BYTES];
    struct pp_writer w;
    size_t length = 0;
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_leaf_write(&w, leaf);
    enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK && length == PP_LEAF_BYTES);
    pp_blake2b_one(TAG_LEAF, bytes, sizeof bytes, out->bytes);
}

void pp_envelope_hash(const uint8_t *topic, size_t topic_length, const uint8_t *payload,
                      size_t payload_length, struct pp_hash *out)
{
    PP_ASSERT(topic_length <= PP_TOPIC_MAX_BYTES);
    const uint8_t length[2] = {(uint8_t)(topic_length >> 8), (uint8_t)topic_length};
    const struct pp_slice parts[] = {
        {length, sizeof length}, {topic, topic_length}, {payload, payload_length}};
    pp_blake2b(TAG_ENVELOPE, parts, 3, out->bytes);
}

void pp_topic_hash(const uint8_t *topic, size_t topic_length, struct pp_hash *out)
{
    PP_ASSERT(topic_length <= PP_TOPIC_MAX_BYTES);
    pp_blake2b_one(TAG_TOPIC, topic, topic_length, out->bytes);
}

void pp_tree_root(struct pp_hash *hashes, size_t count, struct pp_hash *out)
{
    PP_ASSERT(count > 0);
    while (count > 1) {
        size_t pairs = count / 2;
        for (size_t i = 0; i < pairs; i++) {
            /* Two neighbours lie next to each other in memory: left | right without a copy. */
            struct pp_hash node;
            pp_blake2b_one(TAG_NODE, (const uint8_t *)&hashes[2 * i], 64, node.bytes);
            hashes[i] = node;
        }
        if (count % 2 == 1)
            hashes[pairs] = hashes[count - 1];
        count = pairs + count % 2;
    }
    *out = hashes[0];
}

void pp_context(enum pp_stamp_kind kind, uint32_t count, const struct pp_hash *root, struct pp_hash *out)
{
    uint8_t bytes[1 + 4 + 32];
    struct pp_writer w;
    size_t length = 0;
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_write_u8(&w, (uint8_t)kind);
    pp_write_u32(&w, count);
    pp_write_bytes(&w, root->bytes, 32);
    enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK && length == sizeof bytes);
    pp_blake2b_one(TAG_CONTEXT, bytes, sizeof bytes, out->bytes);
}
