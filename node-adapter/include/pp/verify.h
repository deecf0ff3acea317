/* pp/verify.h - recomputes a node's whole ledger from its journal, and compares it with everything that was derived.
 *
 * Shape:  reads the journal from its first record: checksums, every signature (vouchers, deletes, leaves, refunds,
 *         releases, reports), every step of the ledger, every envelope against its hash, every invariant; then the
 *         checkpoint, the indexes, the refund rows and the report bundles. Goes on after a finding where that means
 *         something; stops at a record that cannot be read.
 * Own:    reads only; may run beside the node.
 * Errors: OK: no finding. INVARIANT or CORRUPT: at least one finding was told. Others: it could not be examined.
 * Source: specs/journal.md (JRN-060 and following).
 */
#ifndef PP_VERIFY_H
#define PP_VERIFY_H

#include <pp/amount.h>

struct pp_verify_finding {
    enum pp_error error;
    const char *what;      /* static: "checksum", "voucher signature", "E + R <= S", "index_stamp", ... */
    uint64_t sequence;     /* of the record, or 0 */
    uint64_t lane_slot;    /* UINT64_MAX: not of one lane */
    char detail[200];      /* the two values that disagree */
};

struct pp_verify_progress {
    uint64_t sequence, sequence_end;
};

struct pp_verify_summary {
    uint64_t records, stamps, lanes, envelopes, envelopes_gone; /* gone: deleted or expired */
    uint64_t signatures;
    uint64_t deletes, refunds, reports;
    uint64_t findings;
    uint64_t open_tickets;
    uint32_t days;
    struct pp_grains spent, consumed, refunded, earned, vested;
};

struct pp_verify_config {
    void (*finding)(void *context, const struct pp_verify_finding *finding);
    void (*progress)(void *context, const struct pp_verify_progress *progress); /* may be NULL; about ten a second */
    void *context;
};

PP_MUST_CHECK enum pp_error pp_verify_dir(const char *data_dir, const struct pp_verify_config *config,
                                          struct pp_verify_summary *out);

#endif
