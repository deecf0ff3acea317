/* pp/receipt.h - what a node signs for what it stored: one signature for all requests of a commit group.
 *
 * Shape:  body (one per stamp)   channel_id 32 | lane u32 | stamp_id 32 | sequence u64 | time_ms u64       84 bytes
 *         body hash              H("pp.receipt.v1", 0x00 | body)
 *         request root           tree over the body hashes of the request's admitted stamps, in the request's order
 *         group root             tree over the request roots of one commit group; both with pp_tree_root's rules
 *         signed by Ed25519      H("pp.receipt.v1", 0x01 | node_id u32 | group root 32 | count u32), count = request roots
 *         receipt (one a request) node_id u32 | count u32 | index u32 | siblings from the request root up | signature 64
 *         How many siblings there are follows from index and count. The bodies do not travel: who asked can build them.
 * Errors: BAD_PROOF, BAD_SIGNATURE, NODE_TOLD_OTHERWISE; and those of pp/wire.h.
 * Limits: 1..PP_GROUP_MAX requests in a group, 1..PP_LEAVES_MAX bodies in a request.
 * Source: specs/stamps.md (STAMP-050 and following).
 */
#ifndef PP_RECEIPT_H
#define PP_RECEIPT_H

#include <pp/sign.h>
#include <pp/stamp.h>

#define PP_RECEIPT_BODY_BYTES 84u
#define PP_RECEIPT_PATH_MAX 13u /* log2(PP_GROUP_MAX) */
#define PP_RECEIPT_MAX_BYTES (12u + PP_RECEIPT_PATH_MAX * 32u + 64u)

struct pp_receipt_body {
    struct pp_channel_id channel_id;
    uint32_t lane;
    struct pp_stamp_id stamp_id;
    uint64_t sequence; /* of the journal */
    uint64_t time_ms;  /* of the journal, of the first admission */
};

struct pp_receipt {
    uint32_t node_id;
    uint32_t count;
    uint32_t index;
    uint32_t path_length;
    struct pp_hash path[PP_RECEIPT_PATH_MAX];
    struct pp_receipt_signature signature;
};

void pp_receipt_body_write(struct pp_writer *w, const struct pp_receipt_body *body);
void pp_receipt_body_read(struct pp_reader *r, struct pp_receipt_body *out);
void pp_receipt_body_hash(const struct pp_receipt_body *body, struct pp_hash *out);

/* Signs a group: roots[count] are the request roots, in any fixed order; out[i] is the receipt for roots[i].
 * 1 <= count <= PP_GROUP_MAX (asserted). roots is used as scratch and destroyed. */
void pp_receipt_group_sign(const struct pp_receipt_secret *secret, uint32_t node_id, struct pp_hash *roots,
                           uint32_t count, struct pp_receipt *out);

/* Whether the node signed this request root. BAD_PROOF for a path of the wrong length or an index past the count;
 * NODE_TOLD_OTHERWISE for another node's id. */
PP_MUST_CHECK enum pp_error pp_receipt_check_root(const struct pp_receipt *receipt, uint32_t node_id,
                                                  const struct pp_receipt_key *key,
                                                  const struct pp_hash *request_root);
/* The same, from the bodies. scratch has room for count. TOO_MANY_LEAVES, or BAD_PROOF for none. */
PP_MUST_CHECK enum pp_error pp_receipt_check(const struct pp_receipt *receipt, uint32_t node_id,
                                             const struct pp_receipt_key *key,
                                             const struct pp_receipt_body *bodies, size_t count,
                                             struct pp_hash *scratch);

void pp_receipt_write(struct pp_writer *w, const struct pp_receipt *receipt);
void pp_receipt_read(struct pp_reader *r, struct pp_receipt *out);

#endif
