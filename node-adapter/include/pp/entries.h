/* pp/entries.h - every charge and every refund that the lanes of one report follow from, as they stood when it was made.
 *
 * Shape:  the journal read from its first record to the report's, and the ledger stepped beside it: it says up to which day a lane
 *         earns. A charge that earns nothing (a ticket that is open or was cancelled) has stored_day zero, or says why.
 * Own:    pp_entries_done frees it. Some 200 bytes an entry.
 * Errors: NOT_FOUND (no such report in this journal), CORRUPT, IO, NO_MEMORY.
 * Source: specs/audit.md (AUDIT-020 and following).
 */
#ifndef PP_ENTRIES_H
#define PP_ENTRIES_H

#include <pp/amount.h>
#include <pp/ids.h>
#include <pp/postage.h>

struct pp_charge_entry {
    struct pp_channel_id channel_id;
    uint64_t sequence;
    struct pp_stamp_id stamp_id;
    struct pp_grains from, to;
    struct pp_postage postage;
    uint16_t retention_days;
    uint32_t stored_day;
    bool is_unsigned;          /* a session's leaf whose root did not come */
    bool is_waiting;           /* not replicated to the quorum: it waits, was given back, or its lane ended first */
    struct pp_hash session_id; /* while it is */
};

struct pp_refund_entry {
    struct pp_channel_id channel_id;
    struct pp_stamp_id stamp_id; /* zero: the whole lane's, LEAVING */
    struct pp_grains amount;
    uint8_t reason;
    uint32_t day;
};

/* A bond that a complaint forfeited: a part of E. */
struct pp_forfeit_entry {
    struct pp_channel_id channel_id;
    struct pp_stamp_id stamp_id;
    struct pp_grains amount;
};

/* The last day that counts for its storage: the journal's, or the one that its close or leave stopped it on. */
struct pp_lane_days {
    struct pp_channel_id channel_id;
    uint32_t last_day;
};

struct pp_entries {
    uint32_t lane;                   /* the shard's: that of all of them */
    struct pp_charge_entry *charges; /* by sequence */
    struct pp_refund_entry *refunds; /* in the journal's order */
    struct pp_forfeit_entry *forfeits; /* likewise */
    struct pp_lane_days *lanes;      /* ascending by channel */
    size_t charge_count, refund_count, forfeit_count, lane_count;
    size_t charge_room, refund_room, forfeit_room;
};

void pp_entries_done(struct pp_entries *entries);
/* NOT_FOUND: none of that channel. */
PP_MUST_CHECK enum pp_error pp_entries_last_day(const struct pp_entries *entries,
                                                const struct pp_channel_id *channel_id, uint32_t *out);

#endif
