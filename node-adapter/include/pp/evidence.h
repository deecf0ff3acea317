/* pp/evidence.h - a self-contained proof that an operator signed two things of which only one can be true.
 *
 * Shape:  magic "PPP1" | kind u8 | chain_id u64 | contract 20 | operator 20 | node_id u32 | sequence_a u64 | sequence_b u64
 *         | statements u8 (2 or 3) | per statement: type u8, length u32, bytes
 *         The first two statements contradict each other at the two sequences; the third, where receipts need one, is a
 *         signed head that names the receipt key of the operator.
 * Own:    a decoded proof borrows the statements' bytes.
 * Errors: decoding: BAD_FORMAT, BAD_KIND, BAD_TYPE, TOO_MANY, TOO_LONG, OUT_OF_RANGE, those of pp/wire.h.
 *         Checking: PROVES_NOTHING (only the sender signed), BAD_SIGNATURE, SIGNATURE_NOT_LOW_S, CONTENT_MISMATCH,
 *         EVIDENCE_CHAIN, WRONG_OPERATOR, WRONG_DOMAIN (a receipt of another contract), MISSING_FIELD (nothing names the
 *         receipt key), BAD_PROOF (a receipt that does not hold), NOT_FOUND (no such entry in the
 *         statement), BAD_KIND (statements of types that this kind does not take), NO_CONFLICT.
 * Source: specs/evidence.md (EVID-020 to EVID-039).
 */
#ifndef PP_EVIDENCE_H
#define PP_EVIDENCE_H

#include <pp/eip712.h>
#include <pp/hash.h>
#include <pp/sign.h>
#include <pp/stamp.h>

/* P(name, number, "what it convicts of"): numbers are on disk. */
#define PP_PROOF_KINDS(P)                                                                                    \
    P(FORK, 1, "two journals for one lane")                                                                  \
    P(OVERLAP, 2, "two stamps charged for one interval")                                                     \
    P(SEQUENCE, 3, "two entries for one sequence number")                                                    \
    P(REFUND_FELL, 4, "a refund below an earlier one")                                                       \
    P(REFUND_EXCEEDS, 5, "a refund above what the stamp paid")                                               \
    P(VOUCHER_FORGED, 6, "a charge that the sender did not sign")                                            \
    P(REPORTS, 7, "two reports for one epoch")                                                               \
    P(BOND_FORGED, 8, "a bond returned or forfeited without what it needs")

enum pp_proof_kind {
#define PP_X(name, number, what) PP_PROOF_##name = number,
    PP_PROOF_KINDS(PP_X)
#undef PP_X
};

/* Who signed one decides what it proves. */
enum pp_statement_type {
    PP_STATEMENT_SEGMENT = 1, /* the operator key: evidence/segment.h */
    PP_STATEMENT_HEAD = 2,    /* the operator key: a segment's head without its body */
    PP_STATEMENT_RECEIPT = 3, /* the receipt key, which a head names */
    PP_STATEMENT_REPORT = 4,  /* the operator key */
    PP_STATEMENT_VOUCHER = 5, /* the sender: proves nothing against anybody (EVID-021) */
};

#define PP_PROOF_STATEMENTS_MAX 3u
#define PP_PROOF_MAX_BYTES (1152u << 10) /* two whole segments, a head, and what is around them */

struct pp_statement {
    uint8_t type; /* enum pp_statement_type */
    struct pp_slice bytes;
};

struct pp_proof {
    uint8_t kind; /* enum pp_proof_kind */
    uint64_t chain_id;
    struct pp_address contract;
    struct pp_address operator_address;
    uint32_t node_id;
    uint64_t sequence_a,
        sequence_b; /* of the entries in the first and the second statement; 0: none is meant */
    uint8_t count;
    struct pp_statement statements[PP_PROOF_STATEMENTS_MAX];
};

/* OVERFLOW: the buffer is too small. */
PP_MUST_CHECK enum pp_error pp_proof_encode(const struct pp_proof *proof, uint8_t *out, size_t capacity,
                                            size_t *out_length);
PP_MUST_CHECK enum pp_error pp_proof_decode(struct pp_slice bytes, struct pp_proof *out);

/* "FORK"; "UNKNOWN" for a number that is not in the list. */
const char *pp_proof_kind_name(unsigned kind);
const char *pp_proof_kind_what(unsigned kind);
const char *pp_statement_type_name(unsigned type);

struct pp_proof_signature {
    uint8_t bytes[65];
    uint8_t length;     /* 65: the operator key's; 64: the receipt key's */
    uint8_t signer[32]; /* an account, 20 bytes, or a receipt key */
    uint8_t signer_length;
};

/* What a proof that holds says. */
struct pp_proof_verdict {
    uint8_t kind;
    uint32_t node_id;
    uint32_t lane; /* 0: reports are of no lane */
    struct pp_address operator_address;
    bool has_channel;
    struct pp_channel_id channel_id;
    uint64_t sequence_a, sequence_b;
    struct pp_proof_signature signatures[2];
    char detail[2][160]; /* what each of the two says */
};

/* Offline: from the bytes alone. NO_MEMORY. */
PP_MUST_CHECK enum pp_error pp_proof_check(const struct pp_proof *proof, const struct pp_crypto *crypto,
                                           struct pp_proof_verdict *out);

/* A receipt as a statement: the channel, whose identity is bound to the contract; the leaf; the hashes of all bodies of its
 * request.
 * payer 20 | signer 20 | nonce u64 | leaf 187 | sequence u64 | time_ms u64 | index u16 | count u16 | body hashes | receipt (pp/receipt.h). */
struct pp_receipt;
struct pp_receipt_statement {
    struct pp_channel_fields channel;
    struct pp_leaf leaf;
    uint64_t sequence, time_ms;
    uint16_t index, count; /* of its body among those of the request */
    const struct pp_hash *hashes;
    const struct pp_receipt *receipt;
};
#define PP_RECEIPT_STATEMENT_MAX_BYTES (48u + 187u + 20u + 32u * 1024u + 492u)
PP_MUST_CHECK enum pp_error pp_receipt_statement_write(const struct pp_receipt_statement *statement,
                                                       uint8_t *out, size_t capacity, size_t *out_length);
/* Reports: the fields in the order of EpochReport, u128 as two u64, then the signature 65. Vouchers: channel 32, lane u32,
 * spent u96, refund_ack u96, context 32, signature 65. */
#define PP_REPORT_STATEMENT_BYTES (8u + 32u + 8u + 32u + 32u + 16u + 32u + 8u + 65u)
#define PP_VOUCHER_STATEMENT_BYTES (32u + 4u + 12u + 12u + 32u + 65u)
void pp_report_statement_write(const struct pp_epoch_report_fields *fields,
                               const struct pp_signature *signature, uint8_t out[PP_REPORT_STATEMENT_BYTES]);
void pp_voucher_statement_write(const struct pp_voucher *voucher, uint8_t out[PP_VOUCHER_STATEMENT_BYTES]);

#endif
