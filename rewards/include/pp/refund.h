/* pp/refund.h - what is given back, why, and the evidence for every grain of it.
 *
 * Shape:  a refund is (stamp, amount, reason): an entry in an append-only Merkle-sum list of its lane. The list is held
 *         as the peaks of its full subtrees, so that appending is O(log n). Hashes are BLAKE2b-256 "pp.refund.v1":
 *           leaf  = H(0x00 | stamp_id 32 | amount u96 | reason u8), sum = amount
 *           inner = H(0x01 | left hash | left sum u96 | right hash | right sum u96), sum = left + right
 *           root  = H(0x02 | top hash | sum u96 | count u64): `reasons` in the signed Refund; empty list: 32 zero bytes.
 *         The largest full subtrees stand on the left; an odd last node goes up unchanged.
 * Own:    a lane without refunds needs no list: NULL is the empty one. A list is a plain value: copy it to undo.
 * Errors: ZERO_RETENTION, OUT_OF_RANGE, ALREADY_REFUNDED, ALREADY_DELETED, NOT_DELETABLE, REFUND_EXCEEDS, BAD_KIND,
 *         DEFERRED_EXCEEDED, TOO_MANY, OVERFLOW, BAD_PROOF.
 * Source: specs/rewards.md (REW-010 to REW-029), DESIGN section 6.
 */
#ifndef PP_REFUND_H
#define PP_REFUND_H

#include <pp/day.h>
#include <pp/ids.h>
#include <pp/postage.h>
#include <pp/wire.h>

/* X(name, number): numbers are on the wire and on disk. Later ones are reserved: asking for them is BAD_KIND. */
#define PP_REFUND_REASONS(X)                                                                                 \
    X(NOT_STORED, 1)   /* rejected, not stored: all of the postage */                                        \
    X(EARLY_DELETE, 2) /* deleted on day d of n: the storage of the n - d days left */                       \
    X(LEAVING, 3) /* the sender leaves: all of the lane that is not earned; the stamp is 32 zero bytes */    \
    X(NOT_REPLICATED, 4) /* stored, not replicated to the quorum in time: all of the postage */             \
    X(BOND_RETURNED, 5)  /* accepted, or its deadline passed without a complaint: the bond */

enum pp_refund_reason {
#define X(name, number) PP_REFUND_##name = number,
    PP_REFUND_REASONS(X)
#undef X
};
#define PP_REFUND_REASON_MAX 5u

/* "EARLY_DELETE"; "UNKNOWN_REASON" for a number that is not in the list. */
const char *pp_refund_reason_name(unsigned reason);

/* What a stamp got back so far. All zero at first. */
struct pp_refund_state {
    uint8_t reasons; /* bit (reason - 1) is set when it was refunded for that reason */
    struct pp_grains refunded;
};

struct pp_refund_case {
    struct pp_postage postage; /* the stamp's */
    uint16_t retention_days;
    uint32_t stored_day;
    uint32_t today; /* the journal's day: the newest that has begun */
};

/* The storage of the whole days left on day `today`, and nothing else: zero on the last day and after. */
PP_MUST_CHECK enum pp_error pp_storage_left(const struct pp_storage_term *term, uint32_t today,
                                            uint64_t *out_grains);

/* Decides one refund of one stamp: the amount for NOT_STORED, NOT_REPLICATED, EARLY_DELETE and BOND_RETURNED, and the state
 * after it.
 * The same reason again is ALREADY_DELETED (EARLY_DELETE) or ALREADY_REFUNDED: the first one stands. NOT_DELETABLE when no day is
 * left or the stamp was refunded as not stored or not replicated. REFUND_EXCEEDS when all refunds together would exceed the postage. */
PP_MUST_CHECK enum pp_error pp_refund_decide(const struct pp_refund_case *refund_case,
                                             enum pp_refund_reason reason,
                                             const struct pp_refund_state *before,
                                             struct pp_refund_state *out_after, struct pp_grains *out_amount);

/* S - R - E: paid, not earned, not refunded. DEFERRED_EXCEEDED when E + R > S. It is the amount of a LEAVING refund, and
 * the bound of every other one. */
PP_MUST_CHECK enum pp_error pp_deferred(struct pp_grains spent, struct pp_grains refunded,
                                        struct pp_grains earned, struct pp_grains *out);

/* --- the evidence --- */

#define PP_REFUND_PEAKS_MAX 32u /* fewer than 2^32 refunds a lane */

struct pp_refund_leaf {
    struct pp_stamp_id stamp_id;
    struct pp_grains amount;
    uint8_t reason;
};

struct pp_refund_node {
    struct pp_hash hash;
    struct pp_grains sum;
};

struct pp_refund_list {
    uint64_t count;
    struct pp_refund_node peaks[PP_REFUND_PEAKS_MAX]; /* one per set bit of count, largest subtree first */
};

void pp_refund_list_init(struct pp_refund_list *list);
/* TOO_MANY, OVERFLOW: the list is then unchanged. */
PP_MUST_CHECK enum pp_error pp_refund_list_append(struct pp_refund_list *list,
                                                  const struct pp_refund_leaf *leaf);
/* `list` may be NULL: the empty list. The sum is the lane's R. */
void pp_refund_list_root(const struct pp_refund_list *list, struct pp_hash *out);
struct pp_grains pp_refund_list_sum(const struct pp_refund_list *list);
/* For checkpoints: count u64, then the peaks. Reading is strict. */
void pp_refund_list_write(struct pp_writer *w, const struct pp_refund_list *list);
void pp_refund_list_read(struct pp_reader *r, struct pp_refund_list *out);

/* That a leaf is the index-th of the count leaves under a root with this sum. The path goes from the leaf up. */
struct pp_refund_proof {
    uint64_t index;
    uint64_t count;
    struct pp_grains total;
    uint8_t length;
    struct pp_refund_node path[PP_REFUND_PEAKS_MAX];
};

/* From all the leaves in order. OUT_OF_RANGE, OVERFLOW, TOO_MANY. */
PP_MUST_CHECK enum pp_error pp_refund_prove(const struct pp_refund_leaf *leaves, size_t count, size_t index,
                                            struct pp_refund_proof *out);
/* BAD_PROOF. */
PP_MUST_CHECK enum pp_error pp_refund_verify(const struct pp_hash *root, const struct pp_refund_leaf *leaf,
                                             const struct pp_refund_proof *proof);

#endif
