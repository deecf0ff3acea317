/* epoch/proposal.h - what one operator proposes that an epoch's report be: where each lane's journal stood, at which block, and
 * the report that it made from that. Signed, so that it can be carried by anybody and held against who made it.
 *
 * Shape:  magic "PPQ1" | chain_id u64 | contract 20 | proposer u32 | attempt u32
 *         | epoch u64, previous 32, block u64, lanesRoot 32, payoutRoot 32, payoutTotal u128, operatorSet 32, endTime u64
 *         | received_total u64 | terms 32 | lanes u16 | per lane: lane u32, next u64, checksum 16, leaves u32, seal 32
 *         | signature 65
 *         A message carries one, with signatures of its report: length u32 | proposal | count u16 | (node u32, signature 65)*
 * Own:    a decoded one is on the heap of the caller (40 KiB).
 * Errors: BAD_FORMAT (magic, lanes or signers out of order or twice), WRONG_DOMAIN (another network), TOO_MANY, OUT_OF_RANGE,
 *         those of pp/wire.h; BAD_SIGNATURE, SIGNATURE_NOT_LOW_S, NOT_FOUND (the proposer is not of the set).
 * Limits: PP_PROPOSAL_LANES_MAX.
 * Source: specs/epochs.md (EPOCH-010 to EPOCH-019).
 */
#ifndef PP_EPOCH_PROPOSAL_H
#define PP_EPOCH_PROPOSAL_H

#include "epoch/cut.h"

#include <pp/eip712.h>
#include <pp/quorum.h>

#define PP_PROPOSAL_LANES_MAX 512u /* the peers' lanes, and a node's own shards */
#define PP_PROPOSAL_LANE_BYTES (4u + 8u + PP_RECORD_CHECKSUM_BYTES + 4u + 32u)
#define PP_PROPOSAL_HEAD_BYTES (4u + 8u + 20u + 4u + 4u + 168u + 8u + 32u + 2u)
#define PP_PROPOSAL_MAX_BYTES (PP_PROPOSAL_HEAD_BYTES + PP_PROPOSAL_LANES_MAX * PP_PROPOSAL_LANE_BYTES + 65u)
#define PP_PROPOSAL_MESSAGE_MAX_BYTES (4u + PP_PROPOSAL_MAX_BYTES + 2u + PP_OPERATORS_MAX * 69u)
#define PP_PROPOSAL_MEDIA_TYPE "application/vnd.pennypost.proposal"

struct pp_proposal_lane {
    struct pp_cut_head head;
    uint32_t count;      /* of its leaves */
    struct pp_hash seal; /* pp_cut_seal */
};

struct pp_proposal {
    uint32_t proposer; /* node id */
    uint32_t attempt;
    struct pp_epoch_report_fields report;
    struct pp_units received_total;
    struct pp_hash terms; /* over whatever else the payouts follow from */
    struct pp_proposal_lane lanes[PP_PROPOSAL_LANES_MAX]; /* ascending by lane */
    size_t lane_count;
    struct pp_signature signature;
};

PP_MUST_CHECK enum pp_error pp_proposal_sign(struct pp_proposal *proposal, const struct pp_domain *domain,
                                             const struct pp_crypto *crypto, const struct pp_secret_key *key);
/* By the proposer's key in the set. */
PP_MUST_CHECK enum pp_error pp_proposal_check(const struct pp_proposal *proposal,
                                              const struct pp_domain *domain, const struct pp_crypto *crypto,
                                              const struct pp_operator *operators, size_t count);

PP_MUST_CHECK enum pp_error pp_proposal_encode(const struct pp_proposal *proposal,
                                               const struct pp_domain *domain, uint8_t *out, size_t capacity,
                                               size_t *out_length);
/* domain NULL: from the own disk, whichever network it is of. */
PP_MUST_CHECK enum pp_error pp_proposal_decode(struct pp_slice bytes, const struct pp_domain *domain,
                                               struct pp_proposal *out);
/* NOT_FOUND. */
PP_MUST_CHECK enum pp_error pp_proposal_lane(const struct pp_proposal *proposal, uint32_t lane,
                                             const struct pp_proposal_lane **out);

/* With the signatures that its carrier knows of. */
PP_MUST_CHECK enum pp_error pp_proposal_message_encode(struct pp_slice proposal,
                                                       const struct pp_node_signature *signatures,
                                                       size_t count, uint8_t *out, size_t capacity,
                                                       size_t *out_length);
/* out_proposal borrows the bytes; out_signatures: PP_OPERATORS_MAX, ascending. Nothing is verified. */
PP_MUST_CHECK enum pp_error pp_proposal_message_decode(struct pp_slice bytes, struct pp_slice *out_proposal,
                                                       struct pp_node_signature *out_signatures,
                                                       size_t *out_count);

#endif
