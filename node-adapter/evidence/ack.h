/* evidence/ack.h - what an operator signs once a beginning of another one's journal is durably in its replica store.
 *
 * Shape:  magic "PPA1" | lane u32 | next u64 | checksum 16 | node_id u32 | time_ms u64 | signature 65
 *         signed    H("pp.ack.v1", domain separator 32 | bytes 4 to 43), by the operator key of node_id
 *         It is about all records below `next`, where the journal stands at `checksum`: a later one says all that an earlier one
 *         says.
 * Errors: BAD_FORMAT, OUT_OF_RANGE, those of pp/wire.h; BAD_SIGNATURE, SIGNATURE_NOT_LOW_S.
 * Source: specs/evidence.md (EVID-090 and following).
 */
#ifndef PP_EVIDENCE_ACK_H
#define PP_EVIDENCE_ACK_H

#include "ledger/records.h"

#include <pp/eip712.h>
#include <pp/sign.h>

#define PP_ACK_SIGNED_BYTES (4u + 8u + 16u + 4u + 8u)
#define PP_ACK_BYTES (4u + PP_ACK_SIGNED_BYTES + 65u)
#define PP_ACK_MEDIA_TYPE "application/vnd.pennypost.acknowledgement"

struct pp_ack {
    uint32_t lane; /* whose journal */
    uint64_t next; /* the first sequence that is not held yet */
    struct pp_record_checksum checksum;
    uint32_t node_id; /* who holds it */
    uint64_t time_ms; /* by its clock: for people */
    struct pp_signature signature;
};

PP_MUST_CHECK enum pp_error pp_ack_sign(const struct pp_crypto *crypto, const struct pp_domain *domain,
                                        const struct pp_secret_key *key, struct pp_ack *ack);
PP_MUST_CHECK enum pp_error pp_ack_verify(const struct pp_crypto *crypto, const struct pp_domain *domain,
                                          const struct pp_ack *ack,
                                          const struct pp_address *operator_address);
void pp_ack_encode(const struct pp_ack *ack, uint8_t out[PP_ACK_BYTES]);
PP_MUST_CHECK enum pp_error pp_ack_decode(struct pp_slice bytes, struct pp_ack *out);

/* As a row of a REPLICATED record, which does not repeat the lane; and back. */
void pp_ack_row(const struct pp_ack *ack, struct pp_row_ack *out);
void pp_ack_of_row(const struct pp_row_ack *row, uint32_t lane, struct pp_ack *out);

#endif
