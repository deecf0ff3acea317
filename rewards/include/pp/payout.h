/* pp/payout.h - what each operator may withdraw: one cumulative number each, under a Merkle-sum root.
 *
 * Shape:  a table in ascending order of node_id; node_id 0 is the protocol's treasury. Amounts are cumulative, in token
 *         base units, and never fall. An operator that left keeps its row.
 *           leaf  = keccak(0x00 | node_id u32 | payee 20 | amount u128), sum = amount
 *           inner = keccak(0x01 | left hash | left sum u128 | right hash | right sum u128), sum = left + right
 *           root  = keccak(0x02 | top hash | total u128); an odd last node goes up unchanged; an empty table has the top
 *                   32 zero bytes and the total 0.
 * Own:    plain values of the caller.
 * Errors: TOO_MANY, OVERFLOW, NOT_FOUND, OUT_OF_RANGE, BAD_FORMAT, BAD_PROOF.
 * Source: specs/rewards.md (REW-080 to REW-089), DESIGN section 7.
 */
#ifndef PP_PAYOUT_H
#define PP_PAYOUT_H

#include <pp/amount.h>
#include <pp/ids.h>
#include <pp/limits.h>

#define PP_TREASURY_NODE_ID 0u
#define PP_PAYOUT_PATH_MAX 10u /* 2^10 = PP_PAYOUTS_MAX */

struct pp_payout {
    uint32_t node_id;
    struct pp_address payee;
    struct pp_units amount; /* cumulative */
};

struct pp_payout_table {
    struct pp_payout rows[PP_PAYOUTS_MAX];
    size_t count;
};

struct pp_payout_step {
    struct pp_hash hash;
    pp_u128 sum;
    bool on_left; /* the sibling stands on the left */
};

struct pp_payout_proof {
    uint8_t length;
    struct pp_payout_step path[PP_PAYOUT_PATH_MAX]; /* from the leaf up */
};

struct pp_payout_node {
    struct pp_hash hash;
    pp_u128 sum;
};

/* All levels, the rows' first; each has half the nodes of the one before, rounded up. 100 KiB: for many proofs of one table, which
 * each then cost no hash. */
struct pp_payout_tree {
    struct pp_payout_node nodes[2 * PP_PAYOUTS_MAX + PP_PAYOUT_PATH_MAX];
    struct pp_payout_node top;
    size_t count;
};

void pp_payout_table_init(struct pp_payout_table *table);
/* Adds to a row, which is made if need be; the payee becomes this one. */
PP_MUST_CHECK enum pp_error pp_payout_add(struct pp_payout_table *table, uint32_t node_id,
                                          const struct pp_address *payee, struct pp_units amount);
PP_MUST_CHECK enum pp_error pp_payout_find(const struct pp_payout_table *table, uint32_t node_id,
                                           const struct pp_payout **out);
/* OVERFLOW above 2^64. */
PP_MUST_CHECK enum pp_error pp_payout_total(const struct pp_payout_table *table, struct pp_units *out);
/* At most PP_PAYOUTS_MAX rows, ascending and distinct: TOO_MANY, BAD_FORMAT, OUT_OF_RANGE. */
PP_MUST_CHECK enum pp_error pp_payout_table_check(const struct pp_payout_table *table);

void pp_payout_leaf_hash(const struct pp_payout *payout, struct pp_hash *out);
void pp_payout_root(const struct pp_payout_table *table, struct pp_hash *out_root, pp_u128 *out_total);
PP_MUST_CHECK enum pp_error pp_payout_prove(const struct pp_payout_table *table, uint32_t node_id,
                                            struct pp_payout_proof *out);
void pp_payout_tree_build(const struct pp_payout_table *table, struct pp_payout_tree *out);
/* Of the table's row at a place: OUT_OF_RANGE. */
PP_MUST_CHECK enum pp_error pp_payout_tree_prove(const struct pp_payout_tree *tree, size_t at,
                                                 struct pp_payout_proof *out);
PP_MUST_CHECK enum pp_error pp_payout_verify(const struct pp_hash *root, pp_u128 total,
                                             const struct pp_payout *payout,
                                             const struct pp_payout_proof *proof);

#endif
