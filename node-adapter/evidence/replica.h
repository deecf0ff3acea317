/* evidence/replica.h - what one node holds of another one's lane: its journal as far as it came, verified, and the ledger that
 * follows from it.
 *
 * Shape:  a fold over segments. A segment is taken whole or not at all, and its records behind what is held count one after
 *         the other, each when it was verified: by the sender's signatures, the operator's, and the ledger's own step. So the
 *         state depends on nothing but how far the journal came: segments may come in any order, cut anywhere, twice, or not.
 *         Counters only grow.
 * Own:    the replica owns its ledger. What was taken before stands with the caller, who is asked for it (pp_replica_past).
 * Errors: of the segment: those of evidence/segment.h. EVIDENCE_GAP, EVIDENCE_BEHIND: nothing was wrong, and nothing new.
 *         What convicts, and stops the replica where it is: EVIDENCE_FORK, INTERVAL_TAKEN, REFUND_FELL, REFUND_EXCEEDS,
 *         VOUCHER_FORGED, EVIDENCE_IMPOSSIBLE; the fault says which two entries. BUSY, TOO_MANY_LANES, NO_MEMORY: no room here.
 * Limits: lanes_max; the pools of one ledger.
 * Source: specs/evidence.md (EVID-040 to EVID-059).
 */
#ifndef PP_EVIDENCE_REPLICA_H
#define PP_EVIDENCE_REPLICA_H

#include "evidence/segment.h"
#include "ledger/ledger.h"

#include <pp/evidence.h>

/* What was taken before. Segments are borrowed until the next question. */
struct pp_replica_past {
    /* The one that covers a sequence number. NOT_FOUND. */
    enum pp_error (*segment)(void *context, uint64_t sequence, struct pp_segment *out);
    enum pp_error (*is_deleted)(void *context, uint64_t sequence, bool *out);
    enum pp_error (*set_deleted)(void *context, uint64_t sequence);
    /* EPOCH-003: the replica stands at an epoch's end; head is behind that record. */
    enum pp_error (*epoch_ended)(void *context, uint64_t epoch, const struct pp_journal_head *head);
    void *context;
};

/* What is wrong, and where. kind 0: there is no proof in it that others could check by itself. */
struct pp_replica_fault {
    enum pp_error error;
    uint8_t kind; /* enum pp_proof_kind; the entry at sequence_b is in the segment that was refused */
    uint64_t sequence_a, sequence_b;
};

struct pp_replica_config {
    const struct pp_crypto *crypto;
    struct pp_segment_owner owner; /* its domain stays the caller's */
    uint32_t lanes_max;
};

/* Where the replica looks for entries: one walk at a time, which goes on where it can. */
struct pp_replica_look {
    struct pp_record_room *room;
    struct pp_segment segment;
    struct pp_segment_walk walk;
    struct pp_record record;
    bool there;
};

struct pp_replica {
    struct pp_replica_config config;
    struct pp_ledger ledger;
    struct pp_journal_head head;
    bool spoiled; /* something was refused half-way: only pp_replica_reset helps */
    bool ledger_is_open;
    /* scratch */
    struct pp_record_room *room;
    struct pp_replica_look look;
    struct pp_stamp_id *ids; /* PP_LEAVES_MAX */
    struct pp_hash *scratch; /* PP_LEAVES_MAX */
    /* of the call that is running */
    uint64_t stop_at; /* a replay ends at this sequence; 0: it does not */
    const struct pp_segment *segment;
    const struct pp_replica_past *past;
    struct pp_replica_fault *fault;
};

/* NO_MEMORY. */
PP_MUST_CHECK enum pp_error pp_replica_open(struct pp_replica *replica,
                                            const struct pp_replica_config *config);
void pp_replica_close(struct pp_replica *replica);
/* As it was at first: everything is replayed next. */
PP_MUST_CHECK enum pp_error pp_replica_reset(struct pp_replica *replica);

/* Takes a segment. The replica may be ahead of what the caller has stored, or spoiled, when this or the storing behind it
 * fails: then reset and replay. OK with nothing new is possible: the segment ends where the replica stands. */
PP_MUST_CHECK enum pp_error pp_replica_take(struct pp_replica *replica, const struct pp_segment *segment,
                                            const struct pp_replica_past *past,
                                            struct pp_replica_fault *out_fault);
/* One that was taken before, from the caller's store, in the same order: the operator's signature and the steps are checked
 * again, the senders' signatures are not. CORRUPT. */
PP_MUST_CHECK enum pp_error pp_replica_replay(struct pp_replica *replica, const struct pp_segment *segment);

/* The same, but only of the records below a sequence, so that it stands at next_sequence, or before it where a record runs
 * across. For a replica that nobody adds to. */
PP_MUST_CHECK enum pp_error pp_replica_replay_to(struct pp_replica *replica, const struct pp_segment *segment,
                                                 uint64_t next_sequence);

/* Whether an error of pp_replica_take is about the operator, so that nothing behind it can count. */
bool pp_replica_error_convicts(enum pp_error error);

/* The counters of a channel, as far as the journal came. NOT_FOUND. */
struct pp_replica_lane {
    struct pp_grains spent, refunded, earned, consumed;
};
PP_MUST_CHECK enum pp_error pp_replica_lane(const struct pp_replica *replica,
                                            const struct pp_channel_id *channel_id,
                                            struct pp_replica_lane *out);

/* ---- replica_check.c: one record before its step ---- */
PP_MUST_CHECK enum pp_error pp_replica_check(struct pp_replica *replica, const struct pp_record *record);
/* Why the step refused it. */
enum pp_error pp_replica_refused(struct pp_replica *replica, const struct pp_record *record,
                                 enum pp_error error);
/* An entry by its sequence, in what was taken before or in the segment in hand; borrowed until the next call. */
PP_MUST_CHECK enum pp_error pp_replica_find(struct pp_replica *replica, uint64_t sequence,
                                            const struct pp_record **out);

#endif
