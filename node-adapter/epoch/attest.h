/* epoch/attest.h - signing a report that others sign, too: journaled with what it was made from, before anybody is told.
 *
 * Errors: REPORT_SIGNED (of this epoch or a later one something was signed), NO_MEMORY, those of the store.
 * Source: specs/epochs.md (EPOCH-024, EPOCH-028, EPOCH-029).
 */
#ifndef PP_EPOCH_ATTEST_H
#define PP_EPOCH_ATTEST_H

#include "epoch/build.h"

/* Signs built->digest and journals it: the record REPORTED, the bundle with this one signature, the proposal. Waits for the
 * writer. proposal: encoded. */
PP_MUST_CHECK enum pp_error pp_attest(struct pp_node *node, struct pp_built *built, struct pp_slice proposal,
                                      struct pp_signature *out_signature);

/* The quorum's signatures, ascending, into the bundle; beside those of reports that this node did not sign when it has none
 * (built then says what it was). */
PP_MUST_CHECK enum pp_error pp_attest_finish(struct pp_store *journal, const struct pp_domain *domain, struct pp_built *built,
                                             const struct pp_node_signature *signatures, size_t count);

/* What was signed last: its epoch, 0: nothing; the proposal, which is the caller's (free), and how it stands. */
struct pp_attested {
    uint64_t epoch;
    struct pp_hash digest;
    uint8_t *proposal;
    size_t proposal_length;
    struct pp_node_signature *signatures;
    size_t signature_count;
};
PP_MUST_CHECK enum pp_error pp_attested_last(struct pp_store *journal, const struct pp_domain *domain,
                                             struct pp_attested *out);
void pp_attested_done(struct pp_attested *attested);

#endif
