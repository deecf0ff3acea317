/* ledger.h - everything a node knows of its lanes, as a fold over the journal: step(state, record).
 *
 * Shape:  lanes stand in one array, by slot, in the order in which the node learned of them; a slot is never reused.
 *         A map finds the slot of a channel: a data folder serves one lane number, so a channel has at most one lane here.
 *         All memory comes from pools that are mapped when the ledger opens, and touched when it is used.
 * Use:    recovery and verify call pp_ledger_step with every record. The live node decides first, then carries out the
 *         same change: pp_ledger_charge for admissions, pp_ledger_step for all else.
 *         pp_ledger_begin ... pp_ledger_forget or pp_ledger_undo: a group's changes can be taken back. DAY is not to be
 *         undone: step it after its commit.
 * Errors: INVARIANT (the record cannot have been written in this state), TOO_MANY_LANES, BUSY and NO_MEMORY (pools).
 * Limits: lanes_max; PP_TICKETS_MAX open tickets; no I/O, no clock.
 * Source: specs/node.md (NODE-010 and following), specs/journal.md.
 */
#ifndef PP_LEDGER_H
#define PP_LEDGER_H

#include "records.h"
#include "tickets.h"

#include <pp/congestion.h>
#include <pp/earning.h>
#include <pp/lane.h>
#include <pp/refund.h>
#include <pp/sign.h>

#define PP_SLOT_NONE UINT32_MAX

/* One channel with its lane here. About 400 bytes; the map and the pools add less than 30 while it is idle. */
struct pp_ledger_lane {
    struct pp_lane lane;
    struct pp_earning_lane earning;
    struct pp_channel_id channel_id;
    struct pp_channel_config config;
    struct pp_public_key signer_key;  /* parsed, once it was recovered; no part of the ledger */
    uint64_t voucher_sequence;        /* of the record with the highest voucher; 0: none */
    uint64_t refund_sequence;         /* of the record with the newest signed refund */
    uint64_t leave_sequence;          /* of the record LEFT */
    uint64_t saved_in;                /* the group in which it was saved */
    uint32_t refunds;                 /* its list's place + 1; 0: none */
    bool signer_known;
    bool dirty;                       /* changed since it was last put into a checkpoint */
};

/* Over all lanes, for people. A lane's S is whatever its signer signs, so a sum may not fit: it stays at PP_GRAINS_MAX. */
struct pp_ledger_totals {
    struct pp_grains spent, consumed, refunded, earned;
    uint64_t stamps;
};
static inline void pp_ledger_total_add(struct pp_grains *total, struct pp_grains more)
{
    if (pp_grains_add(*total, more, total) != PP_OK)
        *total = PP_GRAINS_MAX;
}

/* What is small and changes with records; saved whole at the beginning of a group. */
struct pp_ledger_head {
    struct pp_record_opened opened;
    bool is_open;
    uint32_t day;
    uint64_t report_epoch; /* of the newest report; 0: none */
    struct pp_hash report_hash;
    struct pp_congestion congestion;
    struct pp_ledger_totals totals;
    uint32_t lane_count;
    uint32_t refund_lists;
};

struct pp_ledger_save;

struct pp_ledger {
    struct pp_ledger_head head;
    struct pp_ledger_lane *lanes;
    uint32_t lanes_max;
    uint32_t *map; /* slot + 1; open addressing, at most half full */
    uint32_t map_mask;
    uint64_t map_key[2];
    struct pp_holes_pool holes;
    struct pp_refund_list *refund_lists;
    struct pp_earning_book book;
    struct pp_tickets tickets;
    /* undo */
    uint64_t group; /* 0 before the first; odd: open */
    struct pp_ledger_head saved_head;
    struct pp_ledger_save *saves;
    size_t save_count, save_capacity;
    size_t mapped_bytes[4]; /* what _close gives back */
};

/* map_key: any random numbers. */
PP_MUST_CHECK enum pp_error pp_ledger_open(struct pp_ledger *ledger, uint32_t lanes_max, const uint64_t map_key[2]);
void pp_ledger_close(struct pp_ledger *ledger);

/* PP_SLOT_NONE when unknown. */
uint32_t pp_ledger_find(const struct pp_ledger *ledger, const struct pp_channel_id *channel_id);
static inline uint32_t pp_ledger_lane_id(const struct pp_ledger *ledger)
{
    return pp_lane_make(ledger->head.opened.node_id, ledger->head.opened.shard);
}

/* ---- changing it ---- */

/* The fold. */
PP_MUST_CHECK enum pp_error pp_ledger_step(struct pp_ledger *ledger, const struct pp_record *record);

/* Saves the lane, once a group, before it is changed. BUSY: a pool is used up. Does nothing outside a group. */
PP_MUST_CHECK enum pp_error pp_ledger_touch(struct pp_ledger *ledger, uint32_t slot);
/* Carries out an admission that was decided on a draft; the lane was touched. record->sequence is the one it will have.
 * From pp_ledger_reserve on, nothing in it can fail. */
void pp_ledger_charge(struct pp_ledger *ledger, uint32_t slot, const struct pp_lane_draft *draft,
                      const struct pp_record *record);
/* Room for that many stamps in this group; the only call of the group that may allocate. */
PP_MUST_CHECK enum pp_error pp_ledger_reserve(struct pp_ledger *ledger, size_t stamps);

void pp_ledger_begin(struct pp_ledger *ledger);
void pp_ledger_forget(struct pp_ledger *ledger);
void pp_ledger_undo(struct pp_ledger *ledger);

/* ---- looking ---- */

/* NULL: the empty list. */
const struct pp_refund_list *pp_ledger_refunds(const struct pp_ledger *ledger, const struct pp_ledger_lane *lane);
/* The invariants of one lane, and how its parts agree; out_what names the one that is broken. */
PP_MUST_CHECK enum pp_error pp_ledger_check_lane(const struct pp_ledger *ledger, uint32_t slot, const char **out_what);
/* Sums over all lanes. */
void pp_ledger_sum(const struct pp_ledger *ledger, struct pp_ledger_totals *out);

/* Puts a lane into its slot, which must be the next one: for checkpoints. */
PP_MUST_CHECK enum pp_error pp_ledger_lane_add(struct pp_ledger *ledger, const struct pp_channel_id *channel_id,
                                               const struct pp_channel_config *config, uint32_t *out_slot);
/* The lane's refund list, made when missing. */
struct pp_refund_list *pp_ledger_refunds_make(struct pp_ledger *ledger, struct pp_ledger_lane *lane);

#endif
