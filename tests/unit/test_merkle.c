/* Goal: the tree of lanes is OpenZeppelin's, node by node. Method: vectors made with its own package; every proof of every small
 * tree, in any order of leaves; every change of a leaf. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/merkle.h>

#include <stdlib.h>

#define LEAVES_MAX 128u

static struct pp_lane_leaf leaf_of_json(const json_t *row)
{
    struct pp_lane_leaf leaf = {.lane = (uint32_t)pp_json_u64(row, "lane"),
                                .spent = pp_json_grains(row, "spent"),
                                .refunded = pp_json_grains(row, "refunded"),
                                .earned = pp_json_grains(row, "earned"),
                                .forfeited = pp_json_grains(row, "forfeited"),
                                .owed = pp_json_grains(row, "owed")};
    pp_json_bytes(row, "channelId", leaf.channel_id.bytes, 32);
    return leaf;
}

/* REW-070, REW-071, REW-072 */
START_TEST(lane_tree__every_vector__same_leaves_root_and_proofs)
{
    json_t *vectors = pp_vectors_load("merkle.json");
    const json_t *trees = pp_json_member(vectors, "lanes");
    size_t proofs = 0;
    for (size_t i = 0; i < json_array_size(trees); i++) {
        const json_t *tree_row = json_array_get(trees, i), *rows = pp_json_member(tree_row, "leaves");
        const size_t count = json_array_size(rows);
        struct pp_lane_leaf *leaves = calloc(count, sizeof *leaves);
        struct pp_hash *nodes = calloc(PP_LANE_TREE_NODES(count), sizeof *nodes);
        struct pp_lane_tree tree;
        struct pp_hash root;
        for (size_t j = 0; j < count; j++)
            leaves[j] = leaf_of_json(json_array_get(rows, j));
        ck_assert_ok(pp_lane_tree_build(leaves, count, nodes, &tree));
        pp_lane_tree_root(&tree, &root);
        ck_assert_hex(root.bytes, 32, pp_json_text(tree_row, "root"));
        for (size_t j = 0; j < count; j++, proofs++) {
            const json_t *row = json_array_get(rows, j), *path = pp_json_member(row, "proof");
            struct pp_lane_proof proof;
            struct pp_hash hash;
            pp_lane_leaf_hash(&leaves[j], &hash);
            ck_assert_hex(hash.bytes, 32, pp_json_text(row, "hash"));
            ck_assert_ok(pp_lane_tree_prove(&tree, &leaves[j], &proof));
            ck_assert_uint_eq(proof.length, json_array_size(path));
            for (size_t k = 0; k < proof.length; k++)
                ck_assert_hex(proof.path[k].bytes, 32, json_string_value(json_array_get(path, k)));
            ck_assert_ok(pp_lane_proof_verify(&root, &leaves[j], &proof));
        }
        free(leaves);
        free(nodes);
    }
    ck_assert_uint_gt(proofs, 20);
    json_decref(vectors);
}
END_TEST

static void leaves_make(struct pp_lane_leaf *leaves, size_t count)
{
    struct pp_rng rng;
    pp_rng_init(&rng, 70);
    for (size_t i = 0; i < count; i++) {
        pp_rng_bytes(&rng, leaves[i].channel_id.bytes, 32);
        leaves[i].lane = (uint32_t)pp_rng_u64(&rng);
        leaves[i].spent = pp_rng_edge_grains(&rng);
        leaves[i].refunded = leaves[i].earned = leaves[i].forfeited = leaves[i].owed = pp_grains(i);
    }
}

START_TEST(lane_tree__every_size_and_order__one_root_and_every_proof)
{
    struct pp_lane_leaf leaves[LEAVES_MAX], reversed[LEAVES_MAX];
    struct pp_hash nodes[PP_LANE_TREE_NODES(LEAVES_MAX)], hashes[LEAVES_MAX];
    struct pp_hash root, again;
    struct pp_lane_tree tree;
    leaves_make(leaves, LEAVES_MAX);
    for (size_t count = 1; count <= LEAVES_MAX; count++) {
        for (size_t i = 0; i < count; i++)
            reversed[i] = leaves[count - 1 - i];
        ck_assert_ok(pp_lane_tree_build(reversed, count, nodes, &tree));
        pp_lane_tree_root(&tree, &root);
        for (size_t i = 0; i < count; i++)
            pp_lane_leaf_hash(&leaves[i], &hashes[i]);
        ck_assert_ok(pp_lane_tree_build_hashed(hashes, count, nodes, &tree));
        pp_lane_tree_root(&tree, &again);
        ck_assert(pp_hash_eq(&root, &again));
        for (size_t i = 0; i < count; i++) {
            struct pp_lane_proof proof;
            ck_assert_ok(pp_lane_tree_prove(&tree, &leaves[i], &proof));
            ck_assert_ok(pp_lane_proof_verify(&root, &leaves[i], &proof));
            if (count > 1)
                ck_assert_error(pp_lane_proof_verify(&root, &leaves[(i + 1) % count], &proof), PP_BAD_PROOF);
        }
    }
}
END_TEST

/* REW-073 */
START_TEST(lane_proof__any_change__not_found_or_bad_proof)
{
    struct pp_lane_leaf leaves[5], leaf;
    struct pp_hash nodes[PP_LANE_TREE_NODES(5)], root;
    struct pp_lane_tree tree;
    struct pp_lane_proof good, proof;
    leaves_make(leaves, 5);
    ck_assert_ok(pp_lane_tree_build(leaves, 5, nodes, &tree));
    pp_lane_tree_root(&tree, &root);
    ck_assert_ok(pp_lane_tree_prove(&tree, &leaves[3], &good));
#define BAD(change)                                                                                          \
    do {                                                                                                     \
        leaf = leaves[3];                                                                                    \
        change;                                                                                              \
        ck_assert_error(pp_lane_tree_prove(&tree, &leaf, &proof), PP_NOT_FOUND);                             \
        ck_assert_error(pp_lane_proof_verify(&root, &leaf, &good), PP_BAD_PROOF);                            \
    } while (0)
    BAD(leaf.channel_id.bytes[0] ^= 1);
    BAD(leaf.lane++);
    BAD(leaf.spent.raw ^= 1);
    BAD(leaf.refunded.raw++);
    BAD(leaf.earned.raw++);
    BAD(leaf.forfeited.raw++);
    BAD(leaf.owed.raw++);
#undef BAD
    for (unsigned i = 0; i < good.length; i++) {
        proof = good;
        proof.path[i].bytes[31] ^= 1;
        ck_assert_error(pp_lane_proof_verify(&root, &leaves[3], &proof), PP_BAD_PROOF);
    }
    proof = good;
    proof.length--;
    ck_assert_error(pp_lane_proof_verify(&root, &leaves[3], &proof), PP_BAD_PROOF);
    proof.length = 255;
    ck_assert_error(pp_lane_proof_verify(&root, &leaves[3], &proof), PP_BAD_PROOF);
}
END_TEST

/* REW-071 */
START_TEST(lane_tree__no_leaves_or_too_many__zero_root_or_refused)
{
    static const uint8_t zero[32];
    struct pp_lane_tree tree;
    struct pp_lane_leaf leaf = {0};
    struct pp_lane_proof proof;
    struct pp_hash root, nodes[1];
    ck_assert_ok(pp_lane_tree_build(NULL, 0, NULL, &tree));
    pp_lane_tree_root(&tree, &root);
    ck_assert_mem_eq(root.bytes, zero, 32);
    ck_assert_error(pp_lane_tree_prove(&tree, &leaf, &proof), PP_NOT_FOUND);
    ck_assert_ok(pp_lane_tree_build_hashed(NULL, 0, NULL, &tree));
    ck_assert_error(pp_lane_tree_build(&leaf, ((size_t)1 << 31) + 1, nodes, &tree), PP_TOO_MANY);
    ck_assert_error(pp_lane_tree_build_hashed(nodes, ((size_t)1 << 31) + 1, nodes, &tree), PP_TOO_MANY);
    ck_assert_uint_eq(PP_LANE_TREE_NODES(0), 0);
    ck_assert_uint_eq(PP_LANE_TREE_NODES(1), 1);
    ck_assert_uint_eq(PP_LANE_TREE_NODES(5), 9);
}
END_TEST

/* ---- several leaves at once ---- */

static void hashes_at(const struct pp_lane_tree *tree, const size_t *places, size_t count,
                      struct pp_hash *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = tree->nodes[places[i]];
}

/* REW-075: the proof is OpenZeppelin's, hash by hash and flag by flag. */
START_TEST(lane_tree_many__every_vector__same_path_and_flags)
{
    json_t *vectors = pp_vectors_load("merkle.json");
    const json_t *trees = pp_json_member(vectors, "lanes");
    size_t proofs = 0;
    for (size_t i = 0; i < json_array_size(trees); i++) {
        const json_t *tree_row = json_array_get(trees, i), *rows = pp_json_member(tree_row, "leaves");
        const size_t count = json_array_size(rows);
        struct pp_lane_leaf *leaves = calloc(count, sizeof *leaves);
        struct pp_hash *nodes = calloc(PP_LANE_TREE_NODES(count), sizeof *nodes), root;
        struct pp_lane_tree tree;
        for (size_t j = 0; j < count; j++)
            leaves[j] = leaf_of_json(json_array_get(rows, j));
        ck_assert_ok(pp_lane_tree_build(leaves, count, nodes, &tree));
        pp_lane_tree_root(&tree, &root);
        const json_t *batches = pp_json_member(tree_row, "batches");
        for (size_t j = 0; j < json_array_size(batches); j++, proofs++) {
            const json_t *batch = json_array_get(batches, j), *order = pp_json_member(batch, "order"),
                         *path = pp_json_member(batch, "proof"), *flags = pp_json_member(batch, "flags");
            size_t places[LEAVES_MAX];
            struct pp_hash hashes[LEAVES_MAX];
            struct pp_lane_multiproof proof;
            for (size_t k = 0; k < json_array_size(order); k++)
                ck_assert_ok(pp_lane_tree_place(&tree, &leaves[json_integer_value(json_array_get(order, k))],
                                                &places[k]));
            ck_assert_ok(pp_lane_tree_prove_many(&tree, places, json_array_size(order), &proof));
            ck_assert_uint_eq(proof.path_length, json_array_size(path));
            ck_assert_uint_eq(proof.flag_count, json_array_size(flags));
            for (size_t k = 0; k < proof.path_length; k++)
                ck_assert_hex(proof.path[k]->bytes, 32, json_string_value(json_array_get(path, k)));
            for (size_t k = 0; k < proof.flag_count; k++)
                ck_assert_int_eq(proof.flags[k], json_is_true(json_array_get(flags, k)));
            hashes_at(&tree, places, json_array_size(order), hashes);
            ck_assert_ok(pp_lane_multiproof_verify(&root, hashes, json_array_size(order), &proof));
        }
        free(leaves);
        free(nodes);
    }
    ck_assert_uint_gt(proofs, 30);
    json_decref(vectors);
}
END_TEST

/* Some of the tree's leaves, by descending place; at least one. */
static size_t places_pick(struct pp_rng *rng, size_t leaf_count, size_t places[LEAVES_MAX])
{
    size_t count = 0, one_in = 1 + (size_t)pp_rng_below(rng, 6);
    for (size_t at = PP_LANE_TREE_NODES(leaf_count); at-- + 1 > leaf_count;)
        if (pp_rng_below(rng, one_in) == 0)
            places[count++] = at;
    if (count == 0)
        places[count++] = leaf_count - 1 + (size_t)pp_rng_below(rng, leaf_count);
    return count;
}

/* Every hash of a single proof is known to the proof of several: on its path, or made of its leaves. */
static void expect_no_longer_than_singles(const struct pp_lane_tree *tree, const size_t *places, size_t count,
                                          const struct pp_lane_multiproof *proof)
{
    size_t single = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t at = places[i]; at > 0; at = (at - 1) / 2)
            single++;
    ck_assert_uint_le(proof->path_length, single);
    ck_assert_uint_le(proof->flag_count, single);
    ck_assert(count < 2 || tree->leaf_count < 2 || proof->path_length < single);
}

/* REW-075, REW-076: of every tree, some leaves prove; with one hash changed, anywhere, they do not. */
START_TEST(lane_tree_many__random_leaves_of_every_size__prove_and_nothing_else_does)
{
    static struct pp_lane_multiproof proof, bad;
    struct pp_lane_leaf leaves[LEAVES_MAX];
    struct pp_hash nodes[PP_LANE_TREE_NODES(LEAVES_MAX)], hashes[LEAVES_MAX], root, wrong;
    struct pp_lane_tree tree;
    struct pp_rng rng;
    size_t places[LEAVES_MAX];
    pp_rng_init(&rng, 75);
    leaves_make(leaves, LEAVES_MAX);
    for (size_t size = 1; size <= LEAVES_MAX; size++) {
        ck_assert_ok(pp_lane_tree_build(leaves, size, nodes, &tree));
        pp_lane_tree_root(&tree, &root);
        for (unsigned turn = 0; turn < 8; turn++) {
            size_t count = places_pick(&rng, size, places), at = (size_t)pp_rng_below(&rng, count);
            ck_assert_ok(pp_lane_tree_prove_many(&tree, places, count, &proof));
            hashes_at(&tree, places, count, hashes);
            ck_assert_ok(pp_lane_multiproof_verify(&root, hashes, count, &proof));
            expect_no_longer_than_singles(&tree, places, count, &proof);
            hashes[at].bytes[pp_rng_below(&rng, 32)] ^= 1;
            ck_assert_error(pp_lane_multiproof_verify(&root, hashes, count, &proof), PP_BAD_PROOF);
            hashes_at(&tree, places, count, hashes);
            if (proof.path_length == 0)
                continue;
            bad = proof;
            at = (size_t)pp_rng_below(&rng, proof.path_length);
            wrong = *proof.path[at];
            wrong.bytes[0] ^= 1;
            bad.path[at] = &wrong;
            ck_assert_error(pp_lane_multiproof_verify(&root, hashes, count, &bad), PP_BAD_PROOF);
        }
    }
}
END_TEST

/* REW-076: a path or flags of another length, or another order of the leaves. */
START_TEST(lane_multiproof__not_of_these_leaves__bad_proof_or_out_of_range)
{
    static struct pp_lane_multiproof good, proof;
    struct pp_lane_leaf leaves[9];
    struct pp_hash nodes[PP_LANE_TREE_NODES(9)], hashes[3], root;
    struct pp_lane_tree tree;
    size_t places[] = {16, 12, 9}, swapped[] = {12, 16, 9}, twice[] = {16, 16}, inner[] = {16, 7},
           behind[] = {17}, many[PP_LANE_MANY_MAX + 1] = {0};
    leaves_make(leaves, 9);
    ck_assert_ok(pp_lane_tree_build(leaves, 9, nodes, &tree));
    pp_lane_tree_root(&tree, &root);
    ck_assert_ok(pp_lane_tree_prove_many(&tree, places, 3, &good));
    hashes_at(&tree, places, 3, hashes);
    ck_assert_ok(pp_lane_multiproof_verify(&root, hashes, 3, &good));
    ck_assert_error(pp_lane_multiproof_verify(&root, hashes, 2, &good), PP_BAD_PROOF);
#define BAD(change)                                                                                          \
    do {                                                                                                     \
        proof = good;                                                                                        \
        change;                                                                                              \
        ck_assert_error(pp_lane_multiproof_verify(&root, hashes, 3, &proof), PP_BAD_PROOF);                  \
    } while (0)
    BAD(proof.path_length--);
    BAD(proof.flag_count--);
    BAD(proof.flag_count++);
    BAD(proof.path_length = PP_LANE_MANY_PATH_MAX + 1);
    BAD(proof.flag_count = SIZE_MAX);
    BAD(proof.flags[0] = true);
    for (size_t i = 0; i < good.flag_count; i++)
        BAD(proof.flags[i] = !proof.flags[i]);
#undef BAD
    ck_assert_error(pp_lane_tree_prove_many(&tree, swapped, 3, &proof), PP_OUT_OF_RANGE);
    ck_assert_error(pp_lane_tree_prove_many(&tree, twice, 2, &proof), PP_OUT_OF_RANGE);
    ck_assert_error(pp_lane_tree_prove_many(&tree, inner, 2, &proof), PP_OUT_OF_RANGE);
    ck_assert_error(pp_lane_tree_prove_many(&tree, behind, 1, &proof), PP_OUT_OF_RANGE);
    ck_assert_error(pp_lane_tree_prove_many(&tree, many, PP_LANE_MANY_MAX + 1, &proof), PP_TOO_MANY);
    ck_assert_ok(pp_lane_tree_prove_many(&tree, NULL, 0, &proof));
    ck_assert_ok(pp_lane_multiproof_verify(&root, NULL, 0, &proof));
    leaves[0].lane ^= 1;
    ck_assert_error(pp_lane_tree_place(&tree, &leaves[0], &places[0]), PP_NOT_FOUND);
}
END_TEST

PP_TESTS("merkle")
PP_TEST(lane_tree_many__every_vector__same_path_and_flags)
PP_TEST(lane_tree_many__random_leaves_of_every_size__prove_and_nothing_else_does)
PP_TEST(lane_multiproof__not_of_these_leaves__bad_proof_or_out_of_range)
PP_TEST(lane_tree__every_vector__same_leaves_root_and_proofs)
PP_TEST(lane_tree__every_size_and_order__one_root_and_every_proof)
PP_TEST(lane_proof__any_change__not_found_or_bad_proof)
PP_TEST(lane_tree__no_leaves_or_too_many__zero_root_or_refused)
PP_TESTS_END
