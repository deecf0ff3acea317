/* epoch/cut.h - where a lane's journal stood at the end of an epoch, and what its ledger said there: a report's leaves.
 *
 * Shape:  a head names a place in a journal that is the same for everybody who holds it; the leaves follow from it by the
 *         fold. Stored: version u8 = 1 | lane u32 | epoch u64 | time_ms u64 | next u64 | checksum 16 | count u32 | rows of
 *         channel 32, S, R, E, forfeited, owed (u96 each), in the order of the ledger.
 * Own:    the leaves of a cut are on the heap (pp_cut_done).
 * Errors: NO_MEMORY; decoding: BAD_VERSION, CORRUPT, those of pp/wire.h.
 * Limits: PP_CUTS_KEPT of each lane.
 * Source: specs/epochs.md (EPOCH-001 to EPOCH-009).
 */
#ifndef PP_EPOCH_CUT_H
#define PP_EPOCH_CUT_H

#include "ledger/ledger.h"
#include "store/journal.h"

#include <pp/merkle.h>

#define PP_CUTS_KEPT 4u /* newest epochs of a lane: the one that is being agreed on, and those that came to no report */

struct pp_cut_head {
    uint32_t lane;
    uint64_t next_sequence; /* 1: nothing of the lane is held */
    uint8_t checksum[PP_RECORD_CHECKSUM_BYTES];
};
void pp_cut_head_of(uint32_t lane, const struct pp_journal_head *head, struct pp_cut_head *out);
bool pp_cut_head_eq(const struct pp_cut_head *left, const struct pp_cut_head *right);

struct pp_cut {
    struct pp_cut_head head;
    uint64_t epoch; /* 0: it is not an epoch's end */
    uint64_t time_ms;
    struct pp_lane_leaf *leaves; /* ascending, once they were sorted */
    size_t count;
};
/* The ledger as it stands. */
PP_MUST_CHECK enum pp_error pp_cut_take(const struct pp_ledger *ledger, const struct pp_journal_head *head,
                                        uint64_t epoch, struct pp_cut *out);
void pp_cut_done(struct pp_cut *cut);

size_t pp_cut_bytes(size_t count);
PP_MUST_CHECK enum pp_error pp_cut_encode(const struct pp_cut *cut, uint8_t *out, size_t capacity,
                                          size_t *out_length);
/* Without the leaves. */
PP_MUST_CHECK enum pp_error pp_cut_peek(struct pp_slice bytes, struct pp_cut *out);
PP_MUST_CHECK enum pp_error pp_cut_decode(struct pp_slice bytes, struct pp_cut *out);

/* EPOCH-006: sorts the leaves; H("pp.cut.v1", count u32 | rows). */
void pp_cut_seal(struct pp_cut *cut, struct pp_hash *out);

/* In a transaction of a store that has a table of cuts: `key` is what stands before the epoch. Drops those that are too old. */
PP_MUST_CHECK enum pp_error pp_cut_put(struct pp_txn *txn, unsigned table, struct pp_slice key,
                                       const struct pp_cut *cut);
/* NOT_FOUND. */
PP_MUST_CHECK enum pp_error pp_cut_get(struct pp_txn *txn, unsigned table, struct pp_slice key,
                                       uint64_t epoch, struct pp_cut *out);
/* Of it only the head. */
PP_MUST_CHECK enum pp_error pp_cut_head_get(struct pp_txn *txn, unsigned table, struct pp_slice key,
                                            uint64_t epoch, struct pp_cut_head *out);
/* The one that stands at a head; leaves included. NOT_FOUND. */
PP_MUST_CHECK enum pp_error pp_cut_find(struct pp_txn *txn, unsigned table, struct pp_slice key,
                                        const struct pp_cut_head *head, struct pp_cut *out);

#endif
