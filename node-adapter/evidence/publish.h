/* evidence/publish.h - a node's own journal as segments: read, and signed, when somebody asks.
 *
 * Shape:  nothing is kept beside the journal. Only what is on disk is read, so only that is signed; the same question gets the
 *         same records, and no segment contradicts another one of the same journal.
 * Errors: those of the store; CORRUPT; OVERFLOW: the buffer is smaller than PP_SEGMENT_MAX_BYTES.
 * Source: specs/evidence.md (EVID-006 to EVID-009).
 */
#ifndef PP_EVIDENCE_PUBLISH_H
#define PP_EVIDENCE_PUBLISH_H

#include "evidence/segment.h"

struct pp_publisher {
    struct pp_store *journal;
    uint32_t lane;
    struct pp_receipt_key receipt_key;
    struct pp_segment_signer signer;
};

/* From the record that covers `from` on, at most body_max bytes of records (PP_SEGMENT_BODY_MAX_BYTES at the most), but at
 * least one record if there is one. At or behind the end: a segment without records that stands at the end. */
PP_MUST_CHECK enum pp_error pp_evidence_publish(const struct pp_publisher *publisher, uint64_t from,
                                                size_t body_max, uint8_t *out, size_t capacity,
                                                size_t *out_length);

/* The same of a node's journal. Any thread. */
struct pp_node;
PP_MUST_CHECK enum pp_error pp_node_evidence(struct pp_node *node, uint64_t from, uint8_t *out,
                                             size_t capacity, size_t *out_length);

/* What another operator signed of this node's journal (evidence/ack.h), as it came. *out_next: how far that operator is known to
 * hold it now. Blocks; any thread. source: as in struct pp_request. Errors: those of evidence/ack.h; UNKNOWN_LANE; NO_OPERATORS
 * (not of the set); EVIDENCE_GAP (it holds more than there is: the journal lost something); EVIDENCE_FORK (another journal); BUSY. */
PP_MUST_CHECK enum pp_error pp_node_acknowledge(struct pp_node *node, const uint8_t *bytes, size_t length,
                                                uint64_t source, uint64_t *out_next);

#endif
