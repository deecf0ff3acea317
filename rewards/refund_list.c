#include <pp/refund.h>

#include <pp/assert.h>
#include <pp/hash.h>

#include <string.h>

static const char tag[] = "pp.refund.v1";
#define GRAINS_BYTES 12u
#define NODE_BYTES (32u + GRAINS_BYTES)
#define COUNT_LIMIT (UINT64_C(1) << PP_REFUND_PEAKS_MAX)

static void hash_written(struct pp_writer *w, struct pp_hash *out)
{
    size_t length;
    enum pp_error error = pp_writer_finish(w, &length);
    PP_ASSERT(error == PP_OK);
    pp_blake2b_one(tag, w->bytes, length, out->bytes);
}

static struct pp_refund_node leaf_node(const struct pp_refund_leaf *leaf)
{
    uint8_t bytes[1 + 32 + GRAINS_BYTES + 1];
    struct pp_writer w;
    struct pp_refund_node node = {.sum = leaf->amount};
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_write_u8(&w, 0x00);
    pp_write_bytes(&w, leaf->stamp_id.bytes, 32);
    pp_write_grains(&w, leaf->amount);
    pp_write_u8(&w, leaf->reason);
    hash_written(&w, &node.hash);
    return node;
}

static enum pp_error inner_node(const struct pp_refund_node *left, const struct pp_refund_node *right,
                                struct pp_refund_node *out)
{
    uint8_t bytes[1 + 2 * NODE_BYTES];
    struct pp_writer w;
    struct pp_refund_node node;
    PP_TRY(pp_grains_add(left->sum, right->sum, &node.sum));
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_write_u8(&w, 0x01);
    pp_write_bytes(&w, left->hash.bytes, 32);
    pp_write_grains(&w, left->sum);
    pp_write_bytes(&w, right->hash.bytes, 32);
    pp_write_grains(&w, right->sum);
    hash_written(&w, &node.hash);
    *out = node;
    return PP_OK;
}

static void root_of(const struct pp_refund_node *top, uint64_t count, struct pp_hash *out)
{
    uint8_t bytes[1 + NODE_BYTES + 8];
    struct pp_writer w;
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_write_u8(&w, 0x02);
    pp_write_bytes(&w, top->hash.bytes, 32);
    pp_write_grains(&w, top->sum);
    pp_write_u64(&w, count);
    hash_written(&w, out);
}

static unsigned peak_count(uint64_t count)
{
    return (unsigned)__builtin_popcountll(count);
}

void pp_refund_list_init(struct pp_refund_list *list)
{
    memset(list, 0, sizeof *list);
}

struct pp_grains pp_refund_list_sum(const struct pp_refund_list *list)
{
    struct pp_grains sum = PP_GRAINS_ZERO;
    if (list)
        for (unsigned i = 0; i < peak_count(list->count); i++)
            sum = pp_grains_add_checked(sum, list->peaks[i].sum);
    return sum;
}

/* REW-021: a full subtree is merged with its equal at once, as a carry in a binary counter. */
enum pp_error pp_refund_list_append(struct pp_refund_list *list, const struct pp_refund_leaf *leaf)
{
    struct pp_grains sum;
    struct pp_refund_node node = leaf_node(leaf);
    unsigned peaks = peak_count(list->count);
    if (list->count >= COUNT_LIMIT - 1)
        return PP_TOO_MANY;
    PP_TRY(pp_grains_add(pp_refund_list_sum(list), leaf->amount, &sum));
    for (uint64_t bit = 1; list->count & bit; bit <<= 1)
        PP_TRY(inner_node(&list->peaks[--peaks], &node, &node));
    list->peaks[peaks] = node;
    list->count++;
    return PP_OK;
}

void pp_refund_list_root(const struct pp_refund_list *list, struct pp_hash *out)
{
    memset(out, 0, sizeof *out);
    if (!list || list->count == 0)
        return;
    unsigned i = peak_count(list->count) - 1;
    struct pp_refund_node top = list->peaks[i];
    while (i-- > 0) {
        enum pp_error error = inner_node(&list->peaks[i], &top, &top);
        PP_ASSERT(error == PP_OK); /* appending has checked the sum */
    }
    root_of(&top, list->count, out);
}

void pp_refund_list_write(struct pp_writer *w, const struct pp_refund_list *list)
{
    pp_write_u64(w, list ? list->count : 0);
    for (unsigned i = 0; list && i < peak_count(list->count); i++) {
        pp_write_bytes(w, list->peaks[i].hash.bytes, 32);
        pp_write_grains(w, list->peaks[i].sum);
    }
}

void pp_refund_list_read(struct pp_reader *r, struct pp_refund_list *out)
{
    struct pp_refund_list list;
    struct pp_grains sum = PP_GRAINS_ZERO;
    pp_refund_list_init(&list);
    list.count = pp_read_u64(r);
    if (list.count >= COUNT_LIMIT) {
        pp_reader_fail(r, PP_OUT_OF_RANGE);
        return;
    }
    for (unsigned i = 0; i < peak_count(list.count); i++) {
        pp_read_bytes(r, list.peaks[i].hash.bytes, 32);
        list.peaks[i].sum = pp_read_grains(r);
        if (pp_grains_add(sum, list.peaks[i].sum, &sum) != PP_OK)
            pp_reader_fail(r, PP_OVERFLOW);
    }
    if (r->error == PP_OK)
        *out = list;
}

/* The node over leaves [position << level, ...); what has no right half goes up unchanged. */
static enum pp_error subtree(const struct pp_refund_leaf *leaves, size_t count, unsigned level,
                             size_t position, struct pp_refund_node *out)
{
    if (level == 0) {
        *out = leaf_node(&leaves[position]);
        return PP_OK;
    }
    struct pp_refund_node left, right;
    PP_TRY(subtree(leaves, count, level - 1, 2 * position, &left));
    if ((2 * position + 1) << (level - 1) >= count) {
        *out = left;
        return PP_OK;
    }
    PP_TRY(subtree(leaves, count, level - 1, 2 * position + 1, &right));
    return inner_node(&left, &right, out);
}

enum pp_error pp_refund_prove(const struct pp_refund_leaf *leaves, size_t count, size_t index,
                              struct pp_refund_proof *out)
{
    struct pp_refund_proof proof = {.index = index, .count = count};
    if (count >= COUNT_LIMIT)
        return PP_TOO_MANY;
    if (index >= count)
        return PP_OUT_OF_RANGE;
    for (size_t i = 0; i < count; i++)
        PP_TRY(pp_grains_add(proof.total, leaves[i].amount, &proof.total));
    unsigned level = 0;
    for (size_t width = count, at = index; width > 1; width = (width + 1) / 2, at /= 2, level++)
        if ((at ^ 1) < width)
            PP_TRY(subtree(leaves, count, level, at ^ 1, &proof.path[proof.length++]));
    *out = proof;
    return PP_OK;
}

/* REW-023: sides come from index and count, so a leaf has one proof only. */
enum pp_error pp_refund_verify(const struct pp_hash *root, const struct pp_refund_leaf *leaf,
                               const struct pp_refund_proof *proof)
{
    struct pp_refund_node node = leaf_node(leaf);
    unsigned used = 0;
    if (proof->index >= proof->count || proof->count >= COUNT_LIMIT || proof->length > PP_REFUND_PEAKS_MAX)
        return PP_BAD_PROOF;
    for (uint64_t width = proof->count, at = proof->index; width > 1; width = (width + 1) / 2, at /= 2) {
        if ((at ^ 1) >= width)
            continue;
        if (used == proof->length)
            return PP_BAD_PROOF;
        const struct pp_refund_node *sibling = &proof->path[used++];
        enum pp_error error = at & 1 ? inner_node(sibling, &node, &node) : inner_node(&node, sibling, &node);
        if (error != PP_OK)
            return PP_BAD_PROOF;
    }
    struct pp_hash found;
    root_of(&node, proof->count, &found);
    if (used != proof->length || !pp_grains_eq(node.sum, proof->total) || !pp_hash_eq(&found, root))
        return PP_BAD_PROOF;
    return PP_OK;
}
