/* evidence/restore.h - a lost journal, back from what peers hold of it; retired for ever.
 *
 * Shape:  the lane is pulled from its peers into a store of replicas, as any other lane, and verified like it. Then its records are
 *         written as a journal. What no peer had is lost: receipts and refunds that the operator signed may be among it, and
 *         a second signature under the same numbers would convict it. So the folder says that it is retired, from its first
 *         transaction on, and no node opens it for writing. What is in it can be claimed on chain, published and verified.
 * Errors: EXISTS (there is a journal, and it was not restored), SHARD_RETIRED, EVIDENCE_FORK (the folder holds another one),
 *         NOT_FOUND (the peers have nothing), CORRUPT, and those of pp_data_open.
 * Source: specs/evidence.md (EVID-080 to EVID-084).
 */
#ifndef PP_EVIDENCE_RESTORE_H
#define PP_EVIDENCE_RESTORE_H

#include "evidence/replica_store.h"

/* Writes what the store holds of the lane as the journal of DIR, or adds what is new to one that was restored before.
 * *out_next: where it ends. */
PP_MUST_CHECK enum pp_error pp_journal_restore(const char *dir, uint64_t map_bytes,
                                               struct pp_replica_store *from, uint32_t lane,
                                               uint64_t *out_next, char out_reason[PP_STORE_REASON_BYTES]);

/* Whether the folder's journal was restored. */
PP_MUST_CHECK enum pp_error pp_retired_get(struct pp_store *journal, bool *out);
/* SHARD_RETIRED, with a reason, when it was: before a node signs anything. */
PP_MUST_CHECK enum pp_error pp_retired_check(struct pp_store *journal, char *out_reason);

#endif
