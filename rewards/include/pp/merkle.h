/* pp/merkle.h - the tree over lane leaves, exactly as StandardMerkleTree of @openzeppelin/merkle-tree builds it.
 *
 * Shape:  leaf = keccak(keccak(abi.encode(channelId bytes32, lane uint32, spent uint96, refunded uint96, earned uint96,
 *         forfeited uint96, owed uint96))); inner = keccak of the pair, the smaller hash first. Leaves sorted by hash, in an array
 *         of 2 n - 1 nodes: the root is node 0, the children of i are 2 i + 1 and 2 i + 2, the leaves stand at the end in
 *         descending order. No leaves: the root is 32 zero bytes.
 * Own:    the caller owns the nodes.
 * Errors: NOT_FOUND, TOO_MANY, OUT_OF_RANGE, BAD_PROOF.
 * Source: specs/rewards.md (REW-070 to REW-076).
 */
#ifndef PP_MERKLE_H
#define PP_MERKLE_H

#include <pp/amount.h>
#include <pp/ids.h>

/* A lane as a report states it. */
struct pp_lane_leaf {
    struct pp_channel_id channel_id;
    uint32_t lane;
    struct pp_grains spent;     /* S */
    struct pp_grains refunded;  /* R */
    struct pp_grains earned;    /* E */
    struct pp_grains forfeited; /* of E: bonds, for the treasury before any split */
    struct pp_grains owed;      /* by the lane's operator, when the lane is final */
};

#define PP_LANE_PATH_MAX 32u
/* How many nodes a tree of n leaves has. */
#define PP_LANE_TREE_NODES(n) ((n) == 0 ? (size_t)0 : 2 * (size_t)(n)-1)

struct pp_lane_proof {
    uint8_t length;
    struct pp_hash path[PP_LANE_PATH_MAX]; /* from the leaf up */
};

struct pp_lane_tree {
    const struct pp_hash *nodes;
    size_t leaf_count;
};

void pp_lane_leaf_hash(const struct pp_lane_leaf *leaf, struct pp_hash *out);
/* `nodes` has room for PP_LANE_TREE_NODES(count); the tree borrows it. TOO_MANY above 2^31 leaves. */
PP_MUST_CHECK enum pp_error pp_lane_tree_build(const struct pp_lane_leaf *leaves, size_t count,
                                               struct pp_hash *nodes, struct pp_lane_tree *out);
/* The same over leaf hashes in any order. */
PP_MUST_CHECK enum pp_error pp_lane_tree_build_hashed(const struct pp_hash *leaf_hashes, size_t count,
                                                      struct pp_hash *nodes, struct pp_lane_tree *out);
void pp_lane_tree_root(const struct pp_lane_tree *tree, struct pp_hash *out);
/* NOT_FOUND when the leaf is not in the tree. */
PP_MUST_CHECK enum pp_error pp_lane_tree_prove(const struct pp_lane_tree *tree,
                                               const struct pp_lane_leaf *leaf, struct pp_lane_proof *out);
PP_MUST_CHECK enum pp_error pp_lane_proof_verify(const struct pp_hash *root, const struct pp_lane_leaf *leaf,
                                                 const struct pp_lane_proof *proof);

/* One proof for several leaves, in OpenZeppelin's form: the nodes that the leaves do not give, in the order of their use, and a
 * flag for every pair hashed: both halves are known (true), or one is the path's next. Leaves go by descending place, which is
 * ascending hash. The path's nodes are borrowed from the tree. */
#define PP_LANE_MANY_MAX 128u /* leaves; what fits one transaction is less */
#define PP_LANE_MANY_PATH_MAX (PP_LANE_MANY_MAX * PP_LANE_PATH_MAX)
struct pp_lane_multiproof {
    size_t path_length;
    size_t flag_count;
    const struct pp_hash *path[PP_LANE_MANY_PATH_MAX];
    bool flags[PP_LANE_MANY_PATH_MAX];
};
/* Where the leaf stands among the tree's nodes. NOT_FOUND. */
PP_MUST_CHECK enum pp_error pp_lane_tree_place(const struct pp_lane_tree *tree,
                                               const struct pp_lane_leaf *leaf, size_t *out);
/* The places must be of leaves, and strictly descending: OUT_OF_RANGE. TOO_MANY above PP_LANE_MANY_MAX. */
PP_MUST_CHECK enum pp_error pp_lane_tree_prove_many(const struct pp_lane_tree *tree, const size_t *places,
                                                    size_t count, struct pp_lane_multiproof *out);
PP_MUST_CHECK enum pp_error pp_lane_multiproof_verify(const struct pp_hash *root,
                                                      const struct pp_hash *leaf_hashes, size_t count,
                                                      const struct pp_lane_multiproof *proof);

#endif
