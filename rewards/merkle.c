#include <pp/merkle.h>

#include "abi.h"

#include <pp/assert.h>
#include <pp/hash.h>

#include <stdlib.h>
#include <string.h>

#define LEAF_WORDS 7u
#define LEAVES_LIMIT (UINT64_C(1) << 31)

/* REW-070: hashed twice, so that no inner node can pass for a leaf. */
void pp_lane_leaf_hash(const struct pp_lane_leaf *leaf, struct pp_hash *out)
{
    uint8_t words[LEAF_WORDS * PP_ABI_WORD_BYTES];
    uint8_t *at = pp_abi_bytes32(words, leaf->channel_id.bytes);
    at = pp_abi_number(at, leaf->lane);
    at = pp_abi_number(at, leaf->spent.raw);
    at = pp_abi_number(at, leaf->refunded.raw);
    at = pp_abi_number(at, leaf->earned.raw);
    at = pp_abi_number(at, leaf->forfeited.raw);
    at = pp_abi_number(at, leaf->owed.raw);
    PP_ASSERT(at == words + sizeof words);
    uint8_t inner[32];
    pp_keccak256(words, sizeof words, inner);
    pp_keccak256(inner, sizeof inner, out->bytes);
}

static int hash_compare(const struct pp_hash *a, const struct pp_hash *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

static int hash_compare_descending(const void *a, const void *b)
{
    return hash_compare(b, a);
}

static void hash_pair(const struct pp_hash *a, const struct pp_hash *b, struct pp_hash *out)
{
    uint8_t bytes[64];
    bool a_first = hash_compare(a, b) < 0;
    memcpy(bytes, a_first ? a->bytes : b->bytes, 32);
    memcpy(bytes + 32, a_first ? b->bytes : a->bytes, 32);
    pp_keccak256(bytes, sizeof bytes, out->bytes);
}

/* REW-071, REW-072: the leaves stand in nodes[count - 1] to nodes[2 count - 2]. */
static void build(struct pp_hash *nodes, size_t count, struct pp_lane_tree *out)
{
    if (count > 0) {
        qsort(nodes + count - 1, count, sizeof *nodes, hash_compare_descending);
        for (size_t i = count - 1; i-- > 0;)
            hash_pair(&nodes[2 * i + 1], &nodes[2 * i + 2], &nodes[i]);
    }
    *out = (struct pp_lane_tree){nodes, count};
}

enum pp_error pp_lane_tree_build(const struct pp_lane_leaf *leaves, size_t count, struct pp_hash *nodes,
                                 struct pp_lane_tree *out)
{
    if (count > LEAVES_LIMIT)
        return PP_TOO_MANY;
    for (size_t i = 0; i < count; i++)
        pp_lane_leaf_hash(&leaves[i], &nodes[count - 1 + i]);
    build(nodes, count, out);
    return PP_OK;
}

enum pp_error pp_lane_tree_build_hashed(const struct pp_hash *leaf_hashes, size_t count,
                                        struct pp_hash *nodes, struct pp_lane_tree *out)
{
    if (count > LEAVES_LIMIT)
        return PP_TOO_MANY;
    if (count > 0)
        memmove(nodes + count - 1, leaf_hashes, count * sizeof *nodes);
    build(nodes, count, out);
    return PP_OK;
}

void pp_lane_tree_root(const struct pp_lane_tree *tree, struct pp_hash *out)
{
    if (tree->leaf_count == 0)
        memset(out, 0, sizeof *out);
    else
        *out = tree->nodes[0];
}

static bool leaf_place(const struct pp_lane_tree *tree, const struct pp_hash *hash, size_t *out)
{
    if (tree->leaf_count == 0)
        return false;
    const struct pp_hash *first = tree->nodes + tree->leaf_count - 1;
    const struct pp_hash *found =
        bsearch(hash, first, tree->leaf_count, sizeof *first, hash_compare_descending);
    if (!found)
        return false;
    *out = (size_t)(found - tree->nodes);
    return true;
}

enum pp_error pp_lane_tree_prove(const struct pp_lane_tree *tree, const struct pp_lane_leaf *leaf,
                                 struct pp_lane_proof *out)
{
    struct pp_hash hash;
    size_t at;
    pp_lane_leaf_hash(leaf, &hash);
    if (!leaf_place(tree, &hash, &at))
        return PP_NOT_FOUND;
    out->length = 0;
    for (; at > 0; at = (at - 1) / 2) {
        PP_ASSERT(out->length < PP_LANE_PATH_MAX);
        out->path[out->length++] = tree->nodes[at & 1 ? at + 1 : at - 1];
    }
    return PP_OK;
}

enum pp_error pp_lane_proof_verify(const struct pp_hash *root, const struct pp_lane_leaf *leaf,
                                   const struct pp_lane_proof *proof)
{
    struct pp_hash hash;
    if (proof->length > PP_LANE_PATH_MAX)
        return PP_BAD_PROOF;
    pp_lane_leaf_hash(leaf, &hash);
    for (unsigned i = 0; i < proof->length; i++)
        hash_pair(&hash, &proof->path[i], &hash);
    return pp_hash_eq(&hash, root) ? PP_OK : PP_BAD_PROOF;
}

/* ---- several leaves at once ---- */

enum pp_error pp_lane_tree_place(const struct pp_lane_tree *tree, const struct pp_lane_leaf *leaf,
                                 size_t *out)
{
    struct pp_hash hash;
    size_t at;
    pp_lane_leaf_hash(leaf, &hash);
    if (!leaf_place(tree, &hash, &at))
        return PP_NOT_FOUND;
    *out = at;
    return PP_OK;
}

/* What is still to be hashed: nodes from the tree's end up, first in, first out. Never more than the leaves were. */
struct queue {
    size_t nodes[PP_LANE_MANY_MAX];
    size_t first;
    size_t count;
};

static size_t queue_take(struct queue *queue)
{
    PP_ASSERT(queue->count > 0);
    size_t node = queue->nodes[queue->first];
    queue->first = (queue->first + 1) % PP_LANE_MANY_MAX;
    queue->count--;
    return node;
}

static void queue_add(struct queue *queue, size_t node)
{
    PP_ASSERT(queue->count < PP_LANE_MANY_MAX);
    queue->nodes[(queue->first + queue->count++) % PP_LANE_MANY_MAX] = node;
}

static enum pp_error queue_fill(struct queue *queue, const struct pp_lane_tree *tree, const size_t *places,
                                size_t count)
{
    if (count > PP_LANE_MANY_MAX)
        return PP_TOO_MANY;
    *queue = (struct queue){.count = 0};
    for (size_t i = 0; i < count; i++) {
        if (places[i] + 1 < tree->leaf_count || places[i] >= PP_LANE_TREE_NODES(tree->leaf_count) ||
            (i > 0 && places[i] >= places[i - 1]))
            return PP_OUT_OF_RANGE;
        queue_add(queue, places[i]);
    }
    return PP_OK;
}

/* REW-075 */
enum pp_error pp_lane_tree_prove_many(const struct pp_lane_tree *tree, const size_t *places, size_t count,
                                      struct pp_lane_multiproof *out)
{
    struct queue queue;
    PP_TRY(queue_fill(&queue, tree, places, count));
    out->path_length = out->flag_count = 0;
    if (count == 0 && tree->leaf_count > 0)
        out->path[out->path_length++] = &tree->nodes[0];
    while (queue.count > 0 && queue.nodes[queue.first] > 0) {
        size_t node = queue_take(&queue), sibling = node & 1 ? node + 1 : node - 1;
        bool known = queue.count > 0 && queue.nodes[queue.first] == sibling;
        PP_ASSERT(out->flag_count < PP_LANE_MANY_PATH_MAX);
        out->flags[out->flag_count++] = known;
        if (known)
            (void)queue_take(&queue);
        else
            out->path[out->path_length++] = &tree->nodes[sibling];
        queue_add(&queue, (node - 1) / 2);
    }
    return PP_OK;
}

/* As processMultiProof of OpenZeppelin 5 does it: what was hashed is taken behind what was given. */
struct hashing {
    const struct pp_hash *leaves;
    size_t leaf_count;
    struct pp_hash made[PP_LANE_MANY_PATH_MAX];
    size_t taken;
};

static const struct pp_hash *next_known(struct hashing *hashing)
{
    size_t at = hashing->taken++;
    return at < hashing->leaf_count ? &hashing->leaves[at] : &hashing->made[at - hashing->leaf_count];
}

static enum pp_error root_of_many(struct hashing *hashing, const struct pp_lane_multiproof *proof,
                                  struct pp_hash *out)
{
    size_t path_taken = 0;
    for (size_t i = 0; i < proof->flag_count; i++) {
        if (hashing->taken + (proof->flags[i] ? 2 : 1) > hashing->leaf_count + i ||
            (!proof->flags[i] && path_taken == proof->path_length))
            return PP_BAD_PROOF;
        const struct pp_hash *a = next_known(hashing);
        const struct pp_hash *b = proof->flags[i] ? next_known(hashing) : proof->path[path_taken++];
        hash_pair(a, b, &hashing->made[i]);
    }
    if (path_taken != proof->path_length)
        return PP_BAD_PROOF;
    *out = hashing->made[proof->flag_count - 1];
    return PP_OK;
}

/* REW-076 */
enum pp_error pp_lane_multiproof_verify(const struct pp_hash *root, const struct pp_hash *leaf_hashes,
                                        size_t count, const struct pp_lane_multiproof *proof)
{
    struct hashing hashing = {.leaves = leaf_hashes, .leaf_count = count};
    struct pp_hash found;
    if (proof->flag_count > PP_LANE_MANY_PATH_MAX || proof->path_length > PP_LANE_MANY_PATH_MAX ||
        count + proof->path_length != proof->flag_count + 1)
        return PP_BAD_PROOF;
    if (proof->flag_count == 0)
        found = count > 0 ? leaf_hashes[0] : *proof->path[0];
    else
        PP_TRY(root_of_many(&hashing, proof, &found));
    return pp_hash_eq(&found, root) ? PP_OK : PP_BAD_PROOF;
}
