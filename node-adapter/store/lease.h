/* lease.h - who may write a data folder: one process, and after another took over, never again the one before.
 *
 * Shape:   three guards, the cheap one first.
 *          lock      flock on DIR/lock; its text says who holds it
 *          file lock an open-file-description lock on journal.mdb itself: it holds when DIR/lock or LMDB's lock files are
 *                    deleted, between processes and within one, and ends with the process, however it ends
 *          fence     a number in the journal's table `meta` that rises by one at every opening for writing. Every
 *                    transaction of a writer looks whether the number is still its own, and before it commits, whether
 *                    the files that it has open are still those of the folder (FENCED)
 *          LMDB's writers exclude each other by a lock file beside the data, and know the newest state from there. With
 *          a replaced lock file two processes write over each other and none of them sees it: so that is looked at too.
 * Threads: any; a lease that is lost stays lost.
 * Source:  specs/journal.md (JRN-080 to JRN-086).
 */
#ifndef PP_LEASE_H
#define PP_LEASE_H

#include "store/store.h"

#include <stdatomic.h>

#define PP_HOST_MAX_BYTES 64u
#define PP_LEASE_MAX_BYTES (8u + 8u + 4u + 16u + 1u + PP_HOST_MAX_BYTES)

/* What the store keeps of a writer. All but the fence is for people. */
struct pp_lease_row {
    uint64_t fence;
    uint64_t since; /* the first sequence that it may have written */
    uint32_t process;
    uint8_t boot[16]; /* of the machine's run, so that a number of a process is not taken for another's */
    uint8_t host_length;
    char host[PP_HOST_MAX_BYTES];
};

struct pp_lease;

/* The guards of the folder, before any of its files is opened by LMDB: LOCKED, SYSTEM. */
PP_MUST_CHECK enum pp_error pp_lease_lock(const char *dir, struct pp_lease **out,
                                          char out_reason[PP_STORE_REASON_BYTES]);
/* Raises the fence and guards both stores from now on. */
PP_MUST_CHECK enum pp_error pp_lease_take(struct pp_lease *lease, struct pp_store *journal,
                                          struct pp_store *derived, char out_reason[PP_STORE_REASON_BYTES]);
/* Whether it is still ours, for a writer that has nothing to write: FENCED, or what reading the store gives. */
PP_MUST_CHECK enum pp_error pp_lease_check(struct pp_lease *lease);
/* After the stores were closed. NULL: nothing. */
void pp_lease_close(struct pp_lease *lease);

uint64_t pp_lease_fence(const struct pp_lease *lease);
/* Whether it was lost; out_reason (may be NULL) says to whom, or why. */
bool pp_lease_lost(struct pp_lease *lease, char out_reason[PP_STORE_REASON_BYTES]);

/* The row as it stands; NOT_FOUND, CORRUPT. */
PP_MUST_CHECK enum pp_error pp_lease_get(struct pp_txn *txn, struct pp_lease_row *out);
PP_MUST_CHECK enum pp_error pp_lease_put(struct pp_txn *txn, const struct pp_lease_row *row);

#endif
