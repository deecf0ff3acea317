/* audit.h - recomputes an epoch from its bundle, offline, and says which entry is wrong.
 *
 * Shape:  seals first (which line was altered), then every number again from those that it follows from: leaves and their root,
 *         the operator set, the shares, the payouts, their root and total, the signatures. Findings come in that order, so the
 *         first is the cause as far as one can tell.
 * Own:    a pp_report on the heap, and 100 bytes a lane.
 * Errors: OK (nothing disagrees); INVARIANT (a number that does not follow); CORRUPT (a line that was altered), or what a line
 *         that cannot be read is refused with: told as a finding, too. NO_MEMORY, IO.
 * Source: specs/audit.md.
 */
#ifndef CLI_AUDIT_H
#define CLI_AUDIT_H

#include "audit_lines.h"

#include <pp/sign.h>

#include <stdio.h>

struct audit_finding {
    enum pp_error error;
    uint64_t line; /* from 1 */
    char label[AUDIT_LABEL_MAX];
    const char *field;            /* static, or NULL: the whole line */
    const char *expected, *found; /* or NULL; valid during the call */
    const char *remark;           /* or NULL */
};
typedef void audit_tell(void *context, const struct audit_finding *finding);

struct audit_counts {
    uint64_t lines, lanes, lanes_with_entries, charges, refunds, operators, signatures, findings;
    uint64_t epoch;
    struct pp_hash report; /* its hash, of what the head says */
    struct pp_units pool, payout_total;
};

PP_MUST_CHECK enum pp_error audit_run(const struct pp_crypto *crypto, FILE *in, audit_tell *tell,
                                      void *context, struct audit_counts *out);

#endif
