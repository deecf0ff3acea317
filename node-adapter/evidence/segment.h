/* evidence/segment.h - a piece of a lane's journal, signed by its operator: what nodes give each other.
 *
 * Shape:  magic "PPE1" | head | signature 65 | body length u32 | body
 *         head      lane u32 | first u64 | next u64 | before 16 | after 16 | time_ms u64 | receipt_key 32 | content 32
 *         body      per record: length u32 | the record's bytes as the journal has them, without its checksum
 *         content   H("pp.evidbody.v1", body)
 *         signed    H("pp.evidence.v1", domain separator 32 | head), by the operator key
 *         before and after are the journal's checksums at first and next, so a segment that holds no records (first = next) is
 *         a signed head of the journal, and a head without its body can still be compared with other segments.
 * Own:    a decoded segment borrows its body. A walk's records stand in the caller's room.
 * Errors: BAD_FORMAT, OUT_OF_RANGE, TOO_LONG, those of pp/wire.h; CONTENT_MISMATCH, BAD_SIGNATURE, SIGNATURE_NOT_LOW_S,
 *         WRONG_OPERATOR; EVIDENCE_CHAIN.
 * Source: specs/evidence.md (EVID-001 to EVID-019).
 */
#ifndef PP_EVIDENCE_SEGMENT_H
#define PP_EVIDENCE_SEGMENT_H

#include "store/journal.h"

#include <pp/eip712.h>
#include <pp/sign.h>

#define PP_SEGMENT_SIGNED_BYTES (4u + 8u + 8u + 16u + 16u + 8u + 32u + 32u)
#define PP_SEGMENT_HEAD_BYTES (4u + PP_SEGMENT_SIGNED_BYTES + 65u)
/* Three of the longest records and a half: what an answer, a pull and a row of the replicas hold at once. */
#define PP_SEGMENT_BODY_MAX_BYTES (512u << 10)
#define PP_SEGMENT_MAX_BYTES (PP_SEGMENT_HEAD_BYTES + 4u + PP_SEGMENT_BODY_MAX_BYTES)

#define PP_SEGMENT_MEDIA_TYPE "application/vnd.pennypost.evidence"

struct pp_segment_head {
    uint32_t lane;        /* node_id << 8 | shard */
    uint64_t first, next; /* sequences [first, next) */
    uint8_t before[PP_RECORD_CHECKSUM_BYTES];
    uint8_t after[PP_RECORD_CHECKSUM_BYTES];
    uint64_t time_ms;                  /* of the journal's last record below next; 0: there is none */
    struct pp_receipt_key receipt_key; /* so that receipts can be held against the operator */
    struct pp_hash content;
    struct pp_signature signature;
};

struct pp_segment {
    struct pp_segment_head head;
    struct pp_slice body;
};

/* What signs one. */
struct pp_segment_signer {
    const struct pp_crypto *crypto;
    const struct pp_domain *domain;
    const struct pp_secret_key *key;
};
/* Computes content and signature. */
PP_MUST_CHECK enum pp_error pp_segment_sign(const struct pp_segment_signer *signer,
                                            struct pp_segment *segment);

PP_MUST_CHECK enum pp_error pp_segment_encode(const struct pp_segment *segment, uint8_t *out, size_t capacity,
                                              size_t *out_length);
PP_MUST_CHECK enum pp_error pp_segment_decode(struct pp_slice bytes, struct pp_segment *out);
/* A head by itself: PP_SEGMENT_HEAD_BYTES. */
void pp_segment_head_write(struct pp_writer *w, const struct pp_segment_head *head);
void pp_segment_head_read(struct pp_reader *r, struct pp_segment_head *out);

/* Whose evidence it must be. */
struct pp_segment_owner {
    const struct pp_domain *domain;
    uint32_t lane;
    struct pp_address operator_address;
};
PP_MUST_CHECK enum pp_error pp_segment_head_check(const struct pp_segment_head *head,
                                                  const struct pp_segment_owner *owner,
                                                  const struct pp_crypto *crypto);
/* The same, and that the body is the one that was signed. */
PP_MUST_CHECK enum pp_error pp_segment_check(const struct pp_segment *segment,
                                             const struct pp_segment_owner *owner,
                                             const struct pp_crypto *crypto);

/* One record after the other; the head is the journal's behind the last one read. */
struct pp_segment_walk {
    const struct pp_segment *segment;
    struct pp_journal_head head;
    struct pp_reader body;
    struct pp_record_room *room;
    struct pp_slice record_bytes; /* of the record last read */
};
void pp_segment_walk_begin(const struct pp_segment *segment, struct pp_record_room *room,
                           struct pp_segment_walk *out);
/* NOT_FOUND: that was the last, and it is where the head says. EVIDENCE_CHAIN; the errors of decoding a record. */
PP_MUST_CHECK enum pp_error pp_segment_walk_next(struct pp_segment_walk *walk, struct pp_record *out);

/* Collects a body. TOO_LONG: the record does not fit any more. */
struct pp_segment_body {
    uint8_t *bytes;
    size_t capacity, length;
};
PP_MUST_CHECK enum pp_error pp_segment_body_add(struct pp_segment_body *body, struct pp_slice record);

#endif
