/* evidence/replica_store.h - the replicas of all peers on disk: their segments as they came, and what stopped one.
 *
 * Shape:  DIR/replicas.mdb with the tables of specs/evidence.md; DIR/lock while it is open for writing; for each conviction a
 *         file LANE-SEQUENCE-KIND.proof, made from the table, for people to hand on.
 *         A segment and what it changed are one transaction, so a kill at any moment leaves whole segments.
 * Own:    one process. The thread that takes is one; any may read what is held.
 * Errors: LOCKED, SCHEMA, CORRUPT; those of the store and of evidence/replica.h.
 * Limits: map_bytes: STORE_FULL, and the peers are asked again when there is room.
 * Source: specs/evidence.md (EVID-060 to EVID-069).
 */
#ifndef PP_EVIDENCE_REPLICA_STORE_H
#define PP_EVIDENCE_REPLICA_STORE_H

#include "epoch/cut.h"
#include "evidence/replica.h"
#include "store/store.h"

struct pp_replica_store;

PP_MUST_CHECK enum pp_error pp_replica_store_open(const char *dir, uint64_t map_bytes,
                                                  struct pp_replica_store **out,
                                                  char out_reason[PP_STORE_REASON_BYTES]);
void pp_replica_store_close(struct pp_replica_store *store);

/* Brings a replica to what is held of its lane. *out_stopped: OK, or what its operator was convicted of. CORRUPT. */
PP_MUST_CHECK enum pp_error pp_replica_store_load(struct pp_replica_store *store, struct pp_replica *replica,
                                                  enum pp_error *out_stopped);

/* A segment as it came: verified, counted and on disk, or refused by name with nothing changed. After an error that convicts,
 * the stop and its proof are on disk, too, and nothing more of the lane is to be offered. The replica is as it is held, but
 * spoiled when even that could not be read. */
PP_MUST_CHECK enum pp_error pp_replica_store_take(struct pp_replica_store *store, struct pp_replica *replica,
                                                  struct pp_slice bytes, struct pp_replica_fault *out_fault);

/* The segment that covers a sequence, as it came. out: PP_SEGMENT_MAX_BYTES. NOT_FOUND. */
PP_MUST_CHECK enum pp_error pp_replica_store_get(struct pp_replica_store *store, uint32_t lane,
                                                 uint64_t sequence, uint8_t *out, size_t capacity,
                                                 size_t *out_length);
/* The proof against a lane's operator. NOT_FOUND: it is not convicted, or by what cannot be shown in two entries. */
PP_MUST_CHECK enum pp_error pp_replica_store_proof(struct pp_replica_store *store, uint32_t lane,
                                                   uint8_t *out, size_t capacity, size_t *out_length);

/* Where a lane stood at an epoch's end, and at a head that is one. NOT_FOUND. pp_cut_done. */
PP_MUST_CHECK enum pp_error pp_replica_store_cut(struct pp_replica_store *store, uint32_t lane,
                                                 uint64_t epoch, struct pp_cut *out);
PP_MUST_CHECK enum pp_error pp_replica_store_cut_head(struct pp_replica_store *store, uint32_t lane,
                                                      uint64_t epoch, struct pp_cut_head *out);
PP_MUST_CHECK enum pp_error pp_replica_store_cut_find(struct pp_replica_store *store,
                                                      const struct pp_cut_head *head, struct pp_cut *out);
/* How far the held journal comes, and whether its operator is convicted of something. */
PP_MUST_CHECK enum pp_error pp_replica_store_end(struct pp_replica_store *store, uint32_t lane,
                                                 struct pp_cut_head *out, enum pp_error *out_stopped);

/* For tests: as pp_store_inject. */
void pp_replica_store_inject(struct pp_replica_store *store, pp_store_fault *fault, void *context);

#endif
