#include <pp/assert.h>
#include <pp/receipt.h>

#define TAG_RECEIPT "pp.receipt.v1"
#define TAG_NODE "pp.node.v1" /* the same trees as stamps have */
#define KIND_BODY 0x00
#define KIND_GROUP 0x01

_Static_assert(PP_GROUP_MAX == 1u << PP_RECEIPT_PATH_MAX, "a path as long as the group's tree is high");

void pp_receipt_body_write(struct pp_writer *w, const struct pp_receipt_body *body)
{
    pp_write_bytes(w, body->channel_id.bytes, 32);
    pp_write_u32(w, body->lane);
    pp_write_bytes(w, body->stamp_id.bytes, 32);
    pp_write_u64(w, body->sequence);
    pp_write_u64(w, body->time_ms);
}

void pp_receipt_body_read(struct pp_reader *r, struct pp_receipt_body *out)
{
    pp_read_bytes(r, out->channel_id.bytes, 32);
    out->lane = pp_read_u32(r);
    pp_read_bytes(r, out->stamp_id.bytes, 32);
    out->sequence = pp_read_u64(r);
    out->time_ms = pp_read_u64(r);
}

void pp_receipt_body_hash(const struct pp_receipt_body *body, struct pp_hash *out)
{
    uint8_t bytes[1 + PP_RECEIPT_BODY_BYTES];
    struct pp_writer w;
    size_t length = 0;
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_write_u8(&w, KIND_BODY);
    pp_receipt_body_write(&w, body);
    enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK && length == sizeof bytes);
    pp_blake2b_one(TAG_RECEIPT, bytes, sizeof bytes, out->bytes);
}

static void group_digest(uint32_t node_id, const struct pp_hash *root, uint32_t count, struct pp_hash *out)
{
    uint8_t bytes[1 + 4 + 32 + 4];
    struct pp_writer w;
    size_t length = 0;
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_write_u8(&w, KIND_GROUP);
    pp_write_u32(&w, node_id);
    pp_write_bytes(&w, root->bytes, 32);
    pp_write_u32(&w, count);
    enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK && length == sizeof bytes);
    pp_blake2b_one(TAG_RECEIPT, bytes, sizeof bytes, out->bytes);
}

static void node_hash(const struct pp_hash *left, const struct pp_hash *right, struct pp_hash *out)
{
    const struct pp_slice parts[] = {{left->bytes, 32}, {right->bytes, 32}};
    pp_blake2b(TAG_NODE, parts, 2, out->bytes);
}

/* The last node of an odd level has no sibling: it goes up unchanged. */
static bool has_sibling(uint32_t position, uint32_t width)
{
    return (position ^ 1u) < width;
}

static uint32_t path_length_of(uint32_t index, uint32_t count)
{
    uint32_t length = 0;
    for (uint32_t position = index, width = count; width > 1; position /= 2, width = (width + 1) / 2)
        length += has_sibling(position, width);
    return length;
}

void pp_receipt_group_sign(const struct pp_receipt_secret *secret, uint32_t node_id, struct pp_hash *roots,
                           uint32_t count, struct pp_receipt *out)
{
    PP_ASSERT(count > 0 && count <= PP_GROUP_MAX);
    struct pp_receipt_signature signature;
    struct pp_hash digest;
    for (uint32_t i = 0; i < count; i++) {
        out[i].node_id = node_id;
        out[i].count = count;
        out[i].index = i;
        out[i].path_length = 0;
    }
    uint32_t level = 0;
    for (uint32_t width = count; width > 1; width = (width + 1) / 2, level++) {
        for (uint32_t i = 0; i < count; i++)
            if (has_sibling(i >> level, width))
                out[i].path[out[i].path_length++] = roots[(i >> level) ^ 1u];
        for (uint32_t i = 0; i < width; i += 2) {
            struct pp_hash above = roots[i];
            if (i + 1 < width)
                node_hash(&roots[i], &roots[i + 1], &above);
            roots[i / 2] = above;
        }
    }
    group_digest(node_id, &roots[0], count, &digest);
    pp_receipt_sign(secret, &digest, &signature);
    for (uint32_t i = 0; i < count; i++)
        out[i].signature = signature;
}

/* STAMP-052, STAMP-053. */
enum pp_error pp_receipt_check_root(const struct pp_receipt *receipt, uint32_t node_id,
                                    const struct pp_receipt_key *key, const struct pp_hash *request_root)
{
    if (receipt->node_id != node_id)
        return PP_NODE_TOLD_OTHERWISE;
    if (receipt->count == 0 || receipt->count > PP_GROUP_MAX || receipt->index >= receipt->count ||
        receipt->path_length != path_length_of(receipt->index, receipt->count))
        return PP_BAD_PROOF;
    struct pp_hash node = *request_root, digest;
    uint32_t position = receipt->index, taken = 0;
    for (uint32_t width = receipt->count; width > 1; position /= 2, width = (width + 1) / 2) {
        if (!has_sibling(position, width))
            continue;
        const struct pp_hash below = node, *sibling = &receipt->path[taken++];
        if (position % 2 == 0)
            node_hash(&below, sibling, &node);
        else
            node_hash(sibling, &below, &node);
    }
    group_digest(node_id, &node, receipt->count, &digest);
    return pp_receipt_verify(key, &digest, &receipt->signature);
}

enum pp_error pp_receipt_check(const struct pp_receipt *receipt, uint32_t node_id,
                               const struct pp_receipt_key *key, const struct pp_receipt_body *bodies,
                               size_t count, struct pp_hash *scratch)
{
    struct pp_hash root;
    if (count == 0)
        return PP_BAD_PROOF;
    if (count > PP_LEAVES_MAX)
        return PP_TOO_MANY_LEAVES;
    for (size_t i = 0; i < count; i++)
        pp_receipt_body_hash(&bodies[i], &scratch[i]);
    pp_tree_root(scratch, count, &root);
    return pp_receipt_check_root(receipt, node_id, key, &root);
}

void pp_receipt_write(struct pp_writer *w, const struct pp_receipt *receipt)
{
    PP_ASSERT(receipt->path_length == path_length_of(receipt->index, receipt->count));
    pp_write_u32(w, receipt->node_id);
    pp_write_u32(w, receipt->count);
    pp_write_u32(w, receipt->index);
    for (uint32_t i = 0; i < receipt->path_length; i++)
        pp_write_bytes(w, receipt->path[i].bytes, 32);
    pp_write_bytes(w, receipt->signature.bytes, 64);
}

void pp_receipt_read(struct pp_reader *r, struct pp_receipt *out)
{
    out->node_id = pp_read_u32(r);
    out->count = pp_read_u32(r);
    out->index = pp_read_u32(r);
    out->path_length = 0;
    if (r->error == PP_OK && (out->count == 0 || out->count > PP_GROUP_MAX || out->index >= out->count))
        pp_reader_fail(r, PP_OUT_OF_RANGE);
    if (r->error == PP_OK)
        out->path_length = path_length_of(out->index, out->count);
    for (uint32_t i = 0; i < out->path_length; i++)
        pp_read_bytes(r, out->path[i].bytes, 32);
    pp_read_bytes(r, out->signature.bytes, 64);
}
