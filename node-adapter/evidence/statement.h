/* evidence/statement.h - one statement of a proof, opened: whose signature is good over what.
 *
 * Own:    a statement that is open borrows the proof's bytes; its room is its own, on the heap.
 * Errors: those of pp_proof_check.
 * Source: specs/evidence.md (EVID-020 to EVID-029).
 */
#ifndef PP_EVIDENCE_STATEMENT_H
#define PP_EVIDENCE_STATEMENT_H

#include "evidence/segment.h"

#include <pp/evidence.h>
#include <pp/receipt.h>

/* What a statement is held against. */
struct pp_statement_context {
    const struct pp_proof *proof;
    const struct pp_crypto *crypto;
    struct pp_domain domain;
    bool has_receipt_key;
    struct pp_receipt_key receipt_key; /* of the operator, by a head that it signed */
};

struct pp_open_statement {
    uint8_t type;
    uint32_t lane; /* 0: of no lane */
    struct pp_proof_signature signature;
    struct pp_segment segment; /* SEGMENT; HEAD: without a body */
    struct pp_record_room *room;
    struct pp_receipt_body receipt_body; /* RECEIPT */
    struct pp_leaf leaf;
    struct pp_epoch_report_fields report; /* REPORT */
    struct pp_hash report_digest;
};

/* Decodes and verifies. On failure there is nothing to close. */
PP_MUST_CHECK enum pp_error pp_statement_open(const struct pp_statement_context *context,
                                              const struct pp_statement *statement,
                                              struct pp_open_statement *out);
void pp_statement_close(struct pp_open_statement *statement);

/* An entry of a segment: the record that covers a sequence. EVIDENCE_CHAIN, NOT_FOUND; BAD_KIND: it is no segment. */
PP_MUST_CHECK enum pp_error pp_statement_record(const struct pp_open_statement *statement, uint64_t sequence,
                                                struct pp_record *out);

/* The stamp that the operator acknowledged at a sequence, in a segment or by a receipt. */
struct pp_statement_stamp {
    struct pp_leaf leaf;
    struct pp_stamp_id stamp_id;
    uint64_t sequence, time_ms;
};
/* NOT_FOUND: there is no admitted stamp at it. */
PP_MUST_CHECK enum pp_error pp_statement_stamp(const struct pp_open_statement *statement, uint64_t sequence,
                                               struct pp_statement_stamp *out);

#endif
