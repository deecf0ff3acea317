/* Goal: the tree of payouts is the contract's, and a proof proves one row and the total. Method: vectors made from the contract's
 * specification; every row of every size of table; every change of a proof. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/payout.h>

#include <stdlib.h>

/* Some vectors hold amounts of 128 bits, as the contract's leaves may; a unit of ours has 64. */
static bool is_in_range(const json_t *rows)
{
    for (size_t i = 0; i < json_array_size(rows); i++)
        if (pp_json_u128(json_array_get(rows, i), "amount") > UINT64_MAX)
            return false;
    return true;
}

static void row_of_json(const json_t *row, struct pp_payout *out)
{
    out->node_id = (uint32_t)pp_json_u64(row, "nodeId");
    out->amount = pp_units(pp_json_u64(row, "amount"));
    pp_json_bytes(row, "payee", out->payee.bytes, 20);
}

/* REW-080 */
START_TEST(payout_tree__every_vector__same_leaves_root_total_and_proofs)
{
    static struct pp_payout_table table;
    json_t *vectors = pp_vectors_load("merkle.json");
    const json_t *tables = pp_json_member(vectors, "payouts");
    unsigned compared = 0;
    for (size_t i = 0; i < json_array_size(tables); i++) {
        const json_t *table_row = json_array_get(tables, i), *rows = pp_json_member(table_row, "leaves");
        struct pp_hash root;
        pp_u128 total;
        if (!is_in_range(rows))
            continue;
        compared++;
        pp_payout_table_init(&table);
        for (size_t j = json_array_size(rows); j-- > 0;) { /* in the wrong order */
            struct pp_payout row;
            row_of_json(json_array_get(rows, j), &row);
            ck_assert_ok(pp_payout_add(&table, row.node_id, &row.payee, row.amount));
        }
        pp_payout_root(&table, &root, &total);
        ck_assert_hex(root.bytes, 32, pp_json_text(table_row, "root"));
        ck_assert(total == pp_json_u128(table_row, "total"));
        for (size_t j = 0; j < json_array_size(rows); j++) {
            const json_t *row = json_array_get(rows, j), *path = pp_json_member(row, "proof");
            struct pp_payout_proof proof;
            struct pp_hash hash;
            pp_payout_leaf_hash(&table.rows[j], &hash);
            ck_assert_hex(hash.bytes, 32, pp_json_text(row, "hash"));
            ck_assert_ok(pp_payout_prove(&table, table.rows[j].node_id, &proof));
            ck_assert_uint_eq(proof.length, json_array_size(path));
            for (size_t k = 0; k < proof.length; k++) {
                const json_t *step = json_array_get(path, k);
                ck_assert_hex(proof.path[k].hash.bytes, 32, pp_json_text(step, "hash"));
                ck_assert(proof.path[k].sum == pp_json_u128(step, "sum"));
                ck_assert_int_eq(proof.path[k].on_left, pp_json_bool(step, "onLeft"));
            }
            ck_assert_ok(pp_payout_verify(&root, total, &table.rows[j], &proof));
        }
    }
    ck_assert_uint_ge(compared, 10);
    json_decref(vectors);
}
END_TEST

static void table_fill(struct pp_payout_table *table, uint32_t count)
{
    pp_payout_table_init(table);
    for (uint32_t i = 0; i < count; i++) {
        const struct pp_address payee = {{(uint8_t)i, 1}};
        ck_assert_ok(pp_payout_add(table, 3 * i, &payee, pp_units(1000 + i)));
    }
}

START_TEST(payout_proof__every_row_of_every_size__proves_itself_only)
{
    static struct pp_payout_tree tree;
    static struct pp_payout_table table;
    static const uint32_t sizes[] = {1,  2,  3,  4,  5,  6,   7,   8,    9,
                                     15, 16, 17, 31, 33, 100, 257, 1023, PP_PAYOUTS_MAX};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        struct pp_hash root;
        pp_u128 total;
        table_fill(&table, sizes[s]);
        ck_assert_ok(pp_payout_table_check(&table));
        pp_payout_root(&table, &root, &total);
        pp_payout_tree_build(&table, &tree);
        ck_assert_error(pp_payout_tree_prove(&tree, sizes[s], &(struct pp_payout_proof){0}), PP_OUT_OF_RANGE);
        for (uint32_t i = 0; i<sizes[s]; i += sizes[s]> 40 ? 97 : 1) {
            struct pp_payout_proof proof;
            ck_assert_ok(pp_payout_prove(&table, 3 * i, &proof));
            ck_assert_ok(pp_payout_verify(&root, total, &table.rows[i], &proof));
            ck_assert_ok(pp_payout_tree_prove(&tree, i, &proof));
            ck_assert_ok(pp_payout_verify(&root, total, &table.rows[i], &proof));
            if (sizes[s] > 1)
                ck_assert_error(pp_payout_verify(&root, total, &table.rows[(i + 1) % sizes[s]], &proof),
                                PP_BAD_PROOF);
        }
    }
}
END_TEST

/* REW-081 */
START_TEST(payout_proof__any_change__bad_proof)
{
    static struct pp_payout_table table;
    struct pp_payout_proof good, proof;
    struct pp_payout row;
    struct pp_hash root;
    pp_u128 total, claimed;
    table_fill(&table, 6);
    pp_payout_root(&table, &root, &total);
    ck_assert_ok(pp_payout_prove(&table, 9, &good));
#define BAD(change)                                                                                          \
    do {                                                                                                     \
        proof = good;                                                                                        \
        row = table.rows[3];                                                                                 \
        claimed = total;                                                                                     \
        change;                                                                                              \
        ck_assert_error(pp_payout_verify(&root, claimed, &row, &proof), PP_BAD_PROOF);                       \
    } while (0)
    BAD(row.amount.raw++);
    BAD(row.node_id++);
    BAD(row.payee.bytes[0] ^= 1);
    BAD(claimed++);
    BAD(proof.length--);
    BAD(proof.length = 11);
    BAD(proof.path[0].on_left = !proof.path[0].on_left);
    BAD(proof.path[1].sum++);
    BAD((proof.path[0].sum++, proof.path[1].sum--));
    BAD(proof.path[0].sum = ~(pp_u128)0);
    BAD(proof.path[2].hash.bytes[5] ^= 4);
#undef BAD
    ck_assert_ok(pp_payout_verify(&root, total, &table.rows[3], &good));
    ck_assert_error(pp_payout_prove(&table, 10, &proof), PP_NOT_FOUND);
}
END_TEST

/* REW-080: the hash of the empty table, from its definition. */
START_TEST(payout_tree__no_rows__top_of_zeros)
{
    static struct pp_payout_table table;
    struct pp_hash root;
    pp_u128 total = 1;
    pp_payout_table_init(&table);
    pp_payout_root(&table, &root, &total);
    ck_assert(total == 0);
    ck_assert_hex(root.bytes, 32, "0xf2d14b4d9fcc7b704243ecad86e922c607b4a2652ebdb3a317ba417dd8a03f4e");
}
END_TEST

/* REW-082 */
START_TEST(payout_add__again_past_the_end_or_too_much__adds_or_named_error)
{
    static struct pp_payout_table table;
    const struct pp_payout *row = NULL;
    const struct pp_address first = {{1}}, second = {{2}};
    struct pp_units total;
    pp_payout_table_init(&table);
    ck_assert_ok(pp_payout_add(&table, 5, &first, pp_units(10)));
    ck_assert_ok(pp_payout_add(&table, 5, &second, pp_units(7)));
    ck_assert_ok(pp_payout_find(&table, 5, &row));
    ck_assert_uint_eq(row->amount.raw, 17);
    ck_assert(pp_address_eq(&row->payee, &second));
    ck_assert_error(pp_payout_find(&table, 4, &row), PP_NOT_FOUND);
    ck_assert_error(pp_payout_add(&table, 5, &first, pp_units(UINT64_MAX)), PP_OVERFLOW);
    ck_assert_uint_eq(table.rows[0].amount.raw, 17);
    ck_assert_error(pp_payout_add(&table, 1u << 24, &first, pp_units(1)), PP_OUT_OF_RANGE);
    ck_assert_ok(pp_payout_add(&table, 6, &first, pp_units(UINT64_MAX)));
    ck_assert_error(pp_payout_total(&table, &total), PP_OVERFLOW);
    table_fill(&table, PP_PAYOUTS_MAX);
    ck_assert_error(pp_payout_add(&table, 1, &first, pp_units(1)), PP_TOO_MANY);
    ck_assert_ok(pp_payout_add(&table, 3, &first, pp_units(1)));
    ck_assert_ok(pp_payout_total(&table, &total));
    ck_assert_uint_eq(total.raw, 1000u * PP_PAYOUTS_MAX + PP_PAYOUTS_MAX * (PP_PAYOUTS_MAX - 1) / 2 + 1);
}
END_TEST

START_TEST(payout_table_check__out_of_order_range_or_count__named_error)
{
    static struct pp_payout_table table;
    table_fill(&table, 4);
    ck_assert_ok(pp_payout_table_check(&table));
    table.rows[2].node_id = table.rows[1].node_id;
    ck_assert_error(pp_payout_table_check(&table), PP_BAD_FORMAT);
    table.rows[2].node_id = 1u << 24;
    ck_assert_error(pp_payout_table_check(&table), PP_OUT_OF_RANGE);
    table.count = PP_PAYOUTS_MAX + 1;
    ck_assert_error(pp_payout_table_check(&table), PP_TOO_MANY);
}
END_TEST

PP_TESTS("payout")
PP_TEST(payout_tree__every_vector__same_leaves_root_total_and_proofs)
PP_TEST(payout_proof__every_row_of_every_size__proves_itself_only)
PP_TEST(payout_proof__any_change__bad_proof)
PP_TEST(payout_tree__no_rows__top_of_zeros)
PP_TEST(payout_add__again_past_the_end_or_too_much__adds_or_named_error)
PP_TEST(payout_table_check__out_of_order_range_or_count__named_error)
PP_TESTS_END
