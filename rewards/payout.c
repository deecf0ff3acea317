#include <pp/payout.h>

#include <pp/assert.h>
#include <pp/hash.h>
#include <pp/wire.h>

#include <string.h>

#define SUM_BYTES 16u

struct node {
    struct pp_hash hash;
    pp_u128 sum;
};

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

static struct node leaf_node(const struct pp_payout *payout)
{
    struct node node = {.sum = payout->amount.raw};
    pp_payout_leaf_hash(payout, &node.hash);
    return node;
}

/* False when the sum does not fit: only a forged proof can have such a one. */
static bool inner_node(const struct node *left, const struct node *right, struct node *out)
{
    uint8_t bytes[1 + 2 * (32 + SUM_BYTES)];
    struct pp_writer w;
    struct node node = {.sum = left->sum + right->sum};
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

static void root_of(const struct node *top, struct pp_hash *out)
{
    uint8_t bytes[1 + 32 + SUM_BYTES];
    struct pp_writer w;
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_write_u8(&w, 0x02);
    pp_write_bytes(&w, top->hash.bytes, 32);
    write_sum(&w, top->sum);
    hash_written(&w, out);
}

/* Folds the levels up to the top; on the way notes the siblings of row `at`. `proof` may be NULL. */
static struct node fold(const struct pp_payout_table *table, size_t at, struct pp_payout_proof *proof)
{
    struct node nodes[PP_PAYOUTS_MAX];
    if (table->count == 0)
        return (struct node){0};
    for (size_t i = 0; i < table->count; i++)
        nodes[i] = leaf_node(&table->rows[i]);
    for (size_t width = table->count; width > 1; width = (width + 1) / 2, at /= 2) {
        if (proof && (at ^ 1) < width) {
            PP_ASSERT(proof->length < PP_PAYOUT_PATH_MAX);
            proof->path[proof->length++] =
                (struct pp_payout_step){nodes[at ^ 1].hash, nodes[at ^ 1].sum, (at & 1) != 0};
        }
        for (size_t i = 0; 2 * i < width; i++) {
            if (2 * i + 1 == width) {
                nodes[i] = nodes[2 * i];
            } else {
                bool fits = inner_node(&nodes[2 * i], &nodes[2 * i + 1], &nodes[i]);
                PP_ASSERT(fits); /* 2^10 rows below 2^64 */
            }
        }
    }
    return nodes[0];
}

void pp_payout_root(const struct pp_payout_table *table, struct pp_hash *out_root, pp_u128 *out_total)
{
    struct node top = fold(table, 0, NULL);
    root_of(&top, out_root);
    *out_total = top.sum;
}

enum pp_error pp_payout_prove(const struct pp_payout_table *table, uint32_t node_id,
                              struct pp_payout_proof *out)
{
    size_t at = row_place(table, node_id);
    if (!is_row(table, at, node_id))
        return PP_NOT_FOUND;
    out->length = 0;
    (void)fold(table, at, out);
    return PP_OK;
}

enum pp_error pp_payout_verify(const struct pp_hash *root, pp_u128 total, const struct pp_payout *payout,
                               const struct pp_payout_proof *proof)
{
    struct node node = leaf_node(payout);
    struct pp_hash found;
    if (proof->length > PP_PAYOUT_PATH_MAX)
        return PP_BAD_PROOF;
    for (unsigned i = 0; i < proof->length; i++) {
        const struct pp_payout_step *step = &proof->path[i];
        const struct node sibling = {step->hash, step->sum};
        if (!(step->on_left ? inner_node(&sibling, &node, &node) : inner_node(&node, &sibling, &node)))
            return PP_BAD_PROOF;
    }
    root_of(&node, &found);
    return node.sum == total && pp_hash_eq(&found, root) ? PP_OK : PP_BAD_PROOF;
}
