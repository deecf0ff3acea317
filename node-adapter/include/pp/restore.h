/* pp/restore.h - a node's lost journal, from what its peers hold of it; retired for ever (evidence/restore.h).
 *
 * Use:    open, pull from each peer, write. Nothing but `write` touches the journal; all of it may be repeated, and goes on
 *         where it was interrupted.
 * Errors: those of pulling a lane (evidence/replica.h); EXISTS: there is a journal that was not restored; NOT_FOUND: no peer had
 *         anything. Reasons have 256 bytes.
 * Source: specs/evidence.md (EVID-080 to EVID-084).
 */
#ifndef PP_RESTORE_H
#define PP_RESTORE_H

#include <pp/amount.h>
#include <pp/hash.h>
#include <pp/ids.h>
#include <pp/sign.h>

struct pp_restore;

struct pp_restore_config {
    const struct pp_crypto *crypto;
    const char *dir; /* the data folder; made when missing */
    uint32_t lane;
    uint64_t chain_id;
    struct pp_address contract, operator_address;
    uint32_t lanes_max;
};
PP_MUST_CHECK enum pp_error pp_restore_open(const struct pp_restore_config *config, struct pp_restore **out,
                                            char out_reason[256]);
void pp_restore_close(struct pp_restore *restore);

/* What a peer answers to a question for the lane from a sequence on; borrowed until the next one. NOT_FOUND: no more. */
typedef enum pp_error pp_restore_ask(void *context, uint64_t from, struct pp_slice *out);
/* All that one peer has. */
PP_MUST_CHECK enum pp_error pp_restore_pull(struct pp_restore *restore, pp_restore_ask *ask, void *context);

struct pp_restored {
    uint64_t next_sequence;
    uint64_t lanes; /* channels */
    struct pp_grains spent, refunded;
};
PP_MUST_CHECK enum pp_error pp_restore_write(struct pp_restore *restore, struct pp_restored *out,
                                             char out_reason[256]);

#endif
