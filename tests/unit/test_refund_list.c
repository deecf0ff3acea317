/* Goal: the evidence of a lane's refunds is the same in every implementation, proves each entry, and proves nothing else. Method:
 * vectors made from the specification's text; every proof of every small list, and every change of one. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/hash.h>
#include <pp/refund.h>

#include <stdlib.h>

#define LONGEST 64u

static void leaf_of_index(uint32_t i, struct pp_refund_leaf *out)
{
    const uint8_t bytes[4] = {(uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
    pp_blake2b_one("pp.leaf.v1", bytes, 4, out->stamp_id.bytes);
    out->amount = pp_grains(UINT64_C(1000003) * i + 1);
    out->reason = PP_REFUND_EARLY_DELETE;
}

static struct pp_refund_leaf leaf_of_json(const json_t *row)
{
    struct pp_refund_leaf leaf = {.amount = pp_json_grains(row, "amount"),
                                  .reason = (uint8_t)pp_json_u64(row, "reason")};
    pp_json_bytes(row, "stampId", leaf.stamp_id.bytes, 32);
    return leaf;
}

/* REW-020, REW-021, REW-023 */
START_TEST(refund_list__every_vector__same_roots_and_proofs)
{
    json_t *vectors = pp_vectors_load("rewards.json");
    const json_t *lists = pp_json_member(vectors, "refundLists");
    ck_assert_uint_ge(json_array_size(lists), 9);
    for (size_t i = 0; i < json_array_size(lists); i++) {
        const json_t *list_row = json_array_get(lists, i), *rows = pp_json_member(list_row, "leaves");
        const size_t count = json_array_size(rows);
        struct pp_refund_leaf leaves[LONGEST];
        struct pp_refund_list list;
        struct pp_hash root;
        ck_assert_uint_le(count, LONGEST);
        pp_refund_list_init(&list);
        for (size_t j = 0; j < count; j++) {
            leaves[j] = leaf_of_json(json_array_get(rows, j));
            ck_assert_ok(pp_refund_list_append(&list, &leaves[j]));
        }
        pp_refund_list_root(&list, &root);
        ck_assert_hex(root.bytes, 32, pp_json_text(list_row, "root"));
        ck_assert(pp_grains_eq(pp_refund_list_sum(&list), pp_json_grains(list_row, "sum")));
        for (size_t j = 0; j < count; j++) {
            const json_t *path = pp_json_member(json_array_get(rows, j), "proof");
            struct pp_refund_proof proof;
            ck_assert_ok(pp_refund_prove(leaves, count, j, &proof));
            ck_assert_uint_eq(proof.length, json_array_size(path));
            for (size_t k = 0; k < proof.length; k++) {
                ck_assert_hex(proof.path[k].hash.bytes, 32, pp_json_text(json_array_get(path, k), "hash"));
                ck_assert(pp_grains_eq(proof.path[k].sum, pp_json_grains(json_array_get(path, k), "sum")));
            }
        }
    }
    json_decref(vectors);
}
END_TEST

START_TEST(refund_list__long_vectors__same_roots)
{
    json_t *vectors = pp_vectors_load("rewards.json");
    const json_t *rows = pp_json_member(vectors, "longLists");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        struct pp_refund_list list;
        struct pp_refund_leaf leaf;
        struct pp_hash root;
        pp_refund_list_init(&list);
        for (uint32_t j = 0; j < pp_json_u64(row, "count"); j++) {
            leaf_of_index(j, &leaf);
            ck_assert_ok(pp_refund_list_append(&list, &leaf));
        }
        pp_refund_list_root(&list, &root);
        ck_assert_hex(root.bytes, 32, pp_json_text(row, "root"));
        ck_assert(pp_grains_eq(pp_refund_list_sum(&list), pp_json_grains(row, "sum")));
    }
    json_decref(vectors);
}
END_TEST

/* REW-022 */
START_TEST(refund_list__empty_or_none__zero_root)
{
    static const uint8_t zero[32];
    struct pp_refund_list list;
    struct pp_hash root;
    pp_refund_list_init(&list);
    pp_refund_list_root(&list, &root);
    ck_assert_mem_eq(root.bytes, zero, 32);
    memset(&root, 1, sizeof root);
    pp_refund_list_root(NULL, &root);
    ck_assert_mem_eq(root.bytes, zero, 32);
    ck_assert(pp_refund_list_sum(NULL).raw == 0);
}
END_TEST

/* REW-023 */
START_TEST(refund_proof__every_leaf_of_every_small_list__proves_itself_only)
{
    struct pp_refund_leaf leaves[LONGEST];
    struct pp_refund_list list;
    pp_refund_list_init(&list);
    for (uint32_t count = 1; count <= LONGEST; count++) {
        struct pp_hash root;
        leaf_of_index(count - 1, &leaves[count - 1]);
        ck_assert_ok(pp_refund_list_append(&list, &leaves[count - 1]));
        pp_refund_list_root(&list, &root);
        for (uint32_t i = 0; i < count; i++) {
            struct pp_refund_proof proof;
            ck_assert_ok(pp_refund_prove(leaves, count, i, &proof));
            ck_assert_ok(pp_refund_verify(&root, &leaves[i], &proof));
            ck_assert(pp_grains_eq(proof.total, pp_refund_list_sum(&list)));
            if (count > 1)
                ck_assert_error(pp_refund_verify(&root, &leaves[(i + 1) % count], &proof), PP_BAD_PROOF);
        }
    }
}
END_TEST

START_TEST(refund_proof__any_change__bad_proof)
{
    struct pp_refund_leaf leaves[7];
    struct pp_refund_list list;
    struct pp_refund_proof good, proof;
    struct pp_refund_leaf leaf;
    struct pp_hash root;
    pp_refund_list_init(&list);
    for (uint32_t i = 0; i < 7; i++) {
        leaf_of_index(i, &leaves[i]);
        ck_assert_ok(pp_refund_list_append(&list, &leaves[i]));
    }
    pp_refund_list_root(&list, &root);
    ck_assert_ok(pp_refund_prove(leaves, 7, 2, &good));
    ck_assert_ok(pp_refund_verify(&root, &leaves[2], &good));
#define BAD(change)                                                                                          \
    do {                                                                                                     \
        proof = good;                                                                                        \
        leaf = leaves[2];                                                                                    \
        change;                                                                                              \
        ck_assert_error(pp_refund_verify(&root, &leaf, &proof), PP_BAD_PROOF);                               \
    } while (0)
    BAD(proof.index = 3);
    BAD(proof.index = 7);
    BAD(proof.count = 8);
    BAD(proof.count = 0);
    BAD(proof.count = UINT64_C(1) << 32);
    BAD(proof.total.raw++);
    BAD(proof.length--);
    BAD(proof.length++);
    BAD(proof.length = 255);
    BAD(proof.path[0].hash.bytes[31] ^= 1);
    BAD(proof.path[1].sum.raw++);
    BAD((proof.path[0].sum.raw++, proof.path[1].sum.raw--));
    BAD(proof.path[0].sum = PP_GRAINS_MAX);
    BAD(leaf.amount.raw++);
    BAD(leaf.reason = PP_REFUND_NOT_STORED);
    BAD(leaf.stamp_id.bytes[0] ^= 1);
#undef BAD
    ck_assert_error(pp_refund_prove(leaves, 7, 7, &proof), PP_OUT_OF_RANGE);
    ck_assert_error(pp_refund_prove(leaves, 0, 0, &proof), PP_OUT_OF_RANGE);
    ck_assert_error(pp_refund_prove(leaves, (size_t)1 << 32, 0, &proof), PP_TOO_MANY);
    leaves[6].amount = PP_GRAINS_MAX;
    ck_assert_error(pp_refund_prove(leaves, 7, 2, &proof), PP_OVERFLOW);
}
END_TEST

/* REW-024 */
START_TEST(refund_list__too_many_or_too_much__refused_and_unchanged)
{
    struct pp_refund_list list, before;
    struct pp_refund_leaf leaf;
    leaf_of_index(0, &leaf);
    pp_refund_list_init(&list);
    ck_assert_ok(pp_refund_list_append(&list, &leaf));
    before = list;
    leaf.amount = PP_GRAINS_MAX;
    ck_assert_error(pp_refund_list_append(&list, &leaf), PP_OVERFLOW);
    ck_assert_mem_eq(&list, &before, sizeof list);
    leaf.amount.raw -= 1;
    ck_assert_ok(pp_refund_list_append(&list, &leaf));
    pp_refund_list_init(&list);
    list.count = UINT32_MAX;
    before = list;
    leaf.amount = pp_grains(1);
    ck_assert_error(pp_refund_list_append(&list, &leaf), PP_TOO_MANY);
    ck_assert_mem_eq(&list, &before, sizeof list);
}
END_TEST

/* REW-025 */
START_TEST(refund_list_wire__every_truncation_and_bad_value__refused)
{
    uint8_t bytes[8 + PP_REFUND_PEAKS_MAX * 44 + 1];
    struct pp_refund_list list, out;
    struct pp_writer w;
    struct pp_reader r;
    size_t length;
    pp_refund_list_init(&list);
    for (uint32_t i = 0; i < 7; i++) {
        struct pp_refund_leaf leaf;
        leaf_of_index(i, &leaf);
        ck_assert_ok(pp_refund_list_append(&list, &leaf));
    }
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_refund_list_write(&w, &list);
    ck_assert_ok(pp_writer_finish(&w, &length));
    ck_assert_uint_eq(length, 8 + 3 * 44);
    pp_refund_list_init(&out);
    for (size_t i = 0; i <= length + 1; i++) {
        pp_reader_init(&r, bytes, i);
        pp_refund_list_read(&r, &out);
        ck_assert_error(pp_reader_finish(&r), i < length   ? PP_TRUNCATED
                                              : i > length ? PP_TRAILING_BYTES
                                                           : PP_OK);
        ck_assert_uint_eq(out.count, i < length ? 0 : 7);
    }
    ck_assert(pp_grains_eq(pp_refund_list_sum(&out), pp_refund_list_sum(&list)));

    memset(bytes + 8 + 32, 0xff, 12); /* a sum of 2^96 - 1 beside others */
    pp_reader_init(&r, bytes, length);
    pp_refund_list_read(&r, &out);
    ck_assert_error(pp_reader_finish(&r), PP_OVERFLOW);
    memset(bytes, 0, 8);
    bytes[3] = 1; /* 2^32 */
    pp_reader_init(&r, bytes, length);
    pp_refund_list_read(&r, &out);
    ck_assert_error(pp_reader_finish(&r), PP_OUT_OF_RANGE);

    pp_writer_init(&w, bytes, sizeof bytes);
    pp_refund_list_write(&w, NULL);
    ck_assert_ok(pp_writer_finish(&w, &length));
    ck_assert_uint_eq(length, 8);
}
END_TEST

PP_TESTS("refund_list")
PP_TEST(refund_list__every_vector__same_roots_and_proofs)
PP_TEST(refund_list__long_vectors__same_roots)
PP_TEST(refund_list__empty_or_none__zero_root)
PP_TEST(refund_proof__every_leaf_of_every_small_list__proves_itself_only)
PP_TEST(refund_proof__any_change__bad_proof)
PP_TEST(refund_list__too_many_or_too_much__refused_and_unchanged)
PP_TEST(refund_list_wire__every_truncation_and_bad_value__refused)
PP_TESTS_END
