#include <pp/payout.h>

#include <pp/assert.h>
#include <pp/hash.h>
#include <pp/wire.h>

#include <string.h>

#define SUM_BYTES 16u

void pp_payout_table_init(struct pp_payout_table *table)
{
    table->count = 0;
}

/* The row of a node, or the place where it belongs. */
static size_t row_place(const struct pp_payout_table *table, uint32_t node_id)
{
    size_t at = 0;
    while (at < table->count && table->rows[at].node_id < node_id)
        at++;
    return at;
}

static bool is_row(const struct pp_payout_table *table, size_t at, uint32_t node_id)
{
    return at < table->count && table->rows[at].node_id == node_id;
}

enum pp_error pp_payout_add(struct pp_payout_table *table, uint32_t node_id, const struct pp_address *payee,
                            struct pp_units amount)
{
    size_t at = row_place(table, node_id);
    if (node_id >= UINT32_C(1) << 24)
        return PP_OUT_OF_RANGE;
    if (is_row(table, at, node_id)) {
        PP_TRY(pp_units_add(table->rows[at].amount, amount, &amount));
    } else {
        if (table->count >= PP_PAYOUTS_MAX)
            return PP_TOO_MANY;
        memmove(&table->rows[at + 1], &table->rows[at], (table->count - at) * sizeof table->rows[0]);
        table->count++;
    }
    table->rows[at] = (struct pp_payout){node_id, *payee, amount};
    return PP_OK;
}

enum pp_error pp_payout_find(const struct pp_payout_table *table, uint32_t node_id,
                             const struct pp_payout **out)
{
    size_t at = row_place(table, node_id);
    if (!is_row(table, at, node_id))
        return PP_NOT_FOUND;
    *out = &table->rows[at];
    return PP_OK;
}

enum pp_error pp_payout_total(const struct pp_payout_table *table, struct pp_units *out)
{
    struct pp_units total = PP_UNITS_ZERO;
    for (size_t i = 0; i < table->count; i++)
        PP_TRY(pp_units_add(total, table->rows[i].amount, &total));
    *out = total;
    return PP_OK;
}

enum pp_error pp_payout_table_check(const struct pp_payout_table *table)
{
    if (table->count > PP_PAYOUTS_MAX)
        return PP_TOO_MANY;
    for (size_t i = 0; i < table->count; i++) {
        if (table->rows[i].node_id >= UINT32_C(1) << 24)
            return PP_OUT_OF_RANGE;
        if (i > 0 && table->rows[i].node_id <= table->rows[i - 1].node_id)
            return PP_BAD_FORMAT;
    }
    return PP_OK;
}

static void write_sum(struct pp_writer *w, pp_u128 sum)
{
    pp_write_u64(w, (uint64_t)(sum >> 64));
    pp_write_u64(w, (uint64_t)sum);
}

static void hash_written(struct pp_writer *w, struct pp_hash *out)
{
    size_t length;
    enum pp_error error = pp_writer_finish(w, &length);
    PP_ASSERT(error == PP_OK);
    pp_keccak256(w->bytes, length, out->bytes);
}

void pp_payout_leaf_hash(const struct pp_payout *payout, struct pp_hash *out)
{
    uint8_t bytes[1 + 4 + 20 + SUM_BYTES];
    struct pp_writer w;
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_write_u8(&w, 0x00);
    pp_write_u32(&w, payout->node_id);
    pp_write_bytes(&w, payout->payee.bytes, sizeof payout->payee.bytes);
    write_sum(&w, payout->amount.raw);
    hash_written(&w, out);
}

static struct pp_payout_node leaf_node(const struct pp_payout *payout)
{
    struct pp_payout_node node = {.sum = payout->amount.raw};
    pp_payout_leaf_hash(payout, &node.hash);
    return node;
}

/* False when the sum does not fit: only a forged proof can have such a one. */
static bool inner_node(const struct pp_payout_node *left, const struct pp_payout_node *right,
                       struct pp_payout_node *out)
{
    uint8_t bytes[1 + 2 * (32 + SUM_BYTES)];
    struct pp_writer w;
    struct pp_payout_node node = {.sum = left->sum + right->sum};
    if (node.sum < left->sum)
        return false;
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_write_u8(&w, 0x01);
    pp_write_bytes(&w, left->hash.bytes, 32);
    write_sum(&w, left->sum);
    pp_write_bytes(&w, right->hash.bytes, 32);
    write_sum(&w, right->sum);
    hash_written(&w, &node.hash);
    *out = node;
    return true;
}

static void root_of(const struct pp_payout_node *top, struct pp_hash *out)
{
    uint8_t bytes[1 + 32 + SUM_BYTES];
    struct pp_writer w;
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_write_u8(&w, 0x02);
    pp_write_bytes(&w, top->hash.bytes, 32);
    write_sum(&w, top->sum);
    hash_written(&w, out);
}

/* Level by level, the rows first; an odd last node goes up unchanged. */
void pp_payout_tree_build(const struct pp_payout_table *table, struct pp_payout_tree *out)
{
    struct pp_payout_node *below = out->nodes;
    out->count = table->count;
    PP_ASSERT(table->count <= PP_PAYOUTS_MAX);
    for (size_t i = 0; i < table->count; i++)
        below[i] = leaf_node(&table->rows[i]);
    for (size_t width = table->count; width > 1; width = (width + 1) / 2) {
        struct pp_payout_node *above = below + width;
        for (size_t i = 0; 2 * i < width; i++) {
            if (2 * i + 1 == width) {
                above[i] = below[2 * i];
            } else {
                bool fits = inner_node(&below[2 * i], &below[2 * i + 1], &above[i]);
                PP_ASSERT(fits); /* 2^10 rows below 2^64 */
            }
        }
        below = above;
    }
    out->top = table->count > 0 ? below[0] : (struct pp_payout_node){.sum = 0};
}

enum pp_error pp_payout_tree_prove(const struct pp_payout_tree *tree, size_t at, struct pp_payout_proof *out)
{
    const struct pp_payout_node *level = tree->nodes;
    if (at >= tree->count)
        return PP_OUT_OF_RANGE;
    out->length = 0;
    for (size_t width = tree->count; width > 1; level += width, width = (width + 1) / 2, at /= 2) {
        if ((at ^ 1) >= width)
            continue;
        PP_ASSERT(out->length < PP_PAYOUT_PATH_MAX);
        out->path[out->length++] =
            (struct pp_payout_step){level[at ^ 1].hash, level[at ^ 1].sum, (at & 1) != 0};
    }
    return PP_OK;
}

void pp_payout_root(const struct pp_payout_table *table, struct pp_hash *out_root, pp_u128 *out_total)
{
    struct pp_payout_tree tree;
    pp_payout_tree_build(table, &tree);
    root_of(&tree.top, out_root);
    *out_total = tree.top.sum;
}

enum pp_error pp_payout_prove(const struct pp_payout_table *table, uint32_t node_id,
                              struct pp_payout_proof *out)
{
    struct pp_payout_tree tree;
    size_t at = row_place(table, node_id);
    if (!is_row(table, at, node_id))
        return PP_NOT_FOUND;
    pp_payout_tree_build(table, &tree);
    return pp_payout_tree_prove(&tree, at, out);
}

enum pp_error pp_payout_verify(const struct pp_hash *root, pp_u128 total, const struct pp_payout *payout,
                               const struct pp_payout_proof *proof)
{
    struct pp_payout_node node = leaf_node(payout);
    struct pp_hash found;
    if (proof->length > PP_PAYOUT_PATH_MAX)
        return PP_BAD_PROOF;
    for (unsigned i = 0; i < proof->length; i++) {
        const struct pp_payout_step *step = &proof->path[i];
        const struct pp_payout_node sibling = {step->hash, step->sum};
        if (!(step->on_left ? inner_node(&sibling, &node, &node) : inner_node(&node, &sibling, &node)))
            return PP_BAD_PROOF;
    }
    root_of(&node, &found);
    return node.sum == total && pp_hash_eq(&found, root) ? PP_OK : PP_BAD_PROOF;
}
