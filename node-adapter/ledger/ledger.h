/* ledger.h - everything a node knows of its lanes, as a fold over the journal: step(state, record).
 *
 * Shape:  lanes stand in one array, by slot, in the order in which the node learned of them; a slot is never reused.
 *         A map finds the slot of a channel: a data folder serves one lane number, so a channel has at most one lane here.
 *         All memory comes from pools that are mapped when the ledger opens, and touched when it is used.
 * Use:    recovery and verify call pp_ledger_step with every record. The live node decides first, then carries out the
 *         same change: pp_ledger_charge for admissions, pp_ledger_step for all else.
 *         pp_ledger_begin ... pp_ledger_forget or pp_ledger_undo: a group's changes can be taken back.
 * Errors: INVARIANT (the record cannot have been written in this state), TOO_MANY_LANES, BUSY and NO_MEMORY (pools).
 * Limits: lanes_max; PP_TICKETS_MAX open tickets; no I/O, no clock.
 * Source: specs/node.md (NODE-010 and following), specs/journal.md.
 */
#ifndef PP_LEDGER_H
#define PP_LEDGER_H

#include "ledger/bonds.h"
#include "ledger/records.h"
#include "ledger/sessions.h"
#include "ledger/waiting.h"
#include "engine/tickets.h"

#include <pp/congestion.h>
#include <pp/earning_total.h>
#include <pp/lane.h>
#include <pp/refund.h>
#include <pp/sign.h>

#define PP_SLOT_NONE UINT32_MAX

/* One channel with its lane here: 232 bytes; the map and the marks add less than 17 (NODE-091). Payer and nonce, which are
 * asked for seldom, stand in the record that taught the lane. */
struct pp_ledger_lane {
    struct pp_lane lane;
    struct pp_earning_lane earning; /* up to the day of its last change, or a later one: see pp_ledger_now */
    struct pp_channel_id channel_id;
    struct pp_address signer;
    uint32_t refunds;          /* its place + 1 among the refunds; 0: none */
    bool saved;                /* in the group that is open */
    uint64_t taught_sequence;  /* of the record that taught it */
    uint64_t voucher_sequence; /* of the record with the highest voucher; 0: none */
};

_Static_assert(sizeof(struct pp_ledger_lane) == 232, "NODE-091");

/* What few lanes have. */
struct pp_ledger_refunds {
    struct pp_refund_list list;
    uint64_t refund_sequence; /* of the record with the newest signed refund */
    uint64_t leave_sequence;  /* of the record LEFT; 0: none */
    struct pp_grains bonds_held, bonds_returned; /* returned by themselves: not with all the rest */
    struct pp_grains forfeited;                  /* of E */
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

/* Whose acknowledgements count: ascending, the lane's own operator among them. None: it has no peers, and waits for nobody. */
struct pp_ledger_operators {
    uint32_t count;
    struct pp_row_operator list[PP_OPERATORS_MAX];
};

/* What is small and changes with records; saved whole at the beginning of a group. */
struct pp_ledger_head {
    struct pp_record_opened opened;
    bool is_open;
    uint32_t day;
    uint64_t report_epoch; /* of the newest report; 0: none */
    struct pp_hash report_hash;
    uint64_t ended_epoch; /* of the newest EPOCH_ENDED; 0: none */
    struct pp_congestion congestion;
    struct pp_ledger_totals totals; /* earned: of all lanes, as of `day` */
    struct pp_earning_total earning;
    uint32_t lane_count;
    uint32_t refund_lists;
    uint32_t acks_needed; /* of the other operators, before a stamp earns */
    uint64_t deadline_ms; /* after that, a stamp without them may be given back */
    uint64_t acked_next;  /* so far they acknowledged the journal, as it says itself */
};

struct pp_ledger_save;

/* A bit a lane, and who wants to see a lane before it changes: see checkpoint.h. */
struct pp_ledger_marks {
    uint64_t *dirty; /* changed since the last checkpoint began */
    uint64_t *kept;  /* the checkpoint that is under way still needs it as it is */
    void (*keep)(void *context, uint32_t slot);
    void *context;
};
static inline bool pp_mark_is_set(const uint64_t *marks, uint32_t slot)
{
    return (marks[slot / 64] >> slot % 64 & 1) != 0;
}
static inline void pp_mark_set(uint64_t *marks, uint32_t slot)
{
    marks[slot / 64] |= UINT64_C(1) << slot % 64;
}
static inline void pp_mark_clear(uint64_t *marks, uint32_t slot)
{
    marks[slot / 64] &= ~(UINT64_C(1) << slot % 64);
}

struct pp_ledger {
    struct pp_ledger_head head;
    struct pp_ledger_lane *lanes;
    uint32_t lanes_max;
    uint32_t *map; /* slot + 1; open addressing, at most half full */
    uint32_t map_mask;
    uint64_t map_key[2];
    struct pp_holes_pool holes;
    struct pp_ledger_refunds *refund_lists;
    struct pp_ledger_marks marks;
    uint64_t *marks_memory;
    struct pp_earning_book book;
    struct pp_tickets tickets;
    struct pp_waiting waiting;
    struct pp_sessions sessions;
    struct pp_ledger_operators operators;
    struct pp_bonds bonds;
    /* undo */
    struct pp_ledger_operators saved_operators; /* when they changed in the group */
    bool operators_changed;
    uint64_t group; /* 0 before the first; odd: open */
    struct pp_ledger_head saved_head;
    struct pp_ledger_save *saves;
    size_t save_count, save_capacity;
    uint32_t turn_slot, turn_end; /* lanes from here to there are not yet brought to turn_day */
    uint32_t turn_day;
    size_t mapped_bytes[5]; /* what _close gives back */
};

/* map_key: any random numbers. */
PP_MUST_CHECK enum pp_error pp_ledger_open(struct pp_ledger *ledger, uint32_t lanes_max,
                                           const uint64_t map_key[2]);
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

/* Before a lane is changed: saves it, once a group; brings it to the ledger's day; marks it. BUSY: a pool is used up.
 * Outside a group nothing is saved. */
PP_MUST_CHECK enum pp_error pp_ledger_touch(struct pp_ledger *ledger, uint32_t slot);
/* Carries out an admission that was decided on a draft; the lane was touched. record->sequence is the one it will have.
 * From pp_ledger_reserve on, nothing in it can fail. */
void pp_ledger_charge(struct pp_ledger *ledger, uint32_t slot, const struct pp_lane_draft *draft,
                      const struct pp_record *record);
/* What the fold does with openings and roots: ledger_session.c. */
PP_MUST_CHECK enum pp_error pp_ledger_session_open(struct pp_ledger *ledger, const struct pp_record *record);
PP_MUST_CHECK enum pp_error pp_ledger_session_sign(struct pp_ledger *ledger, const struct pp_record *record);
PP_MUST_CHECK enum pp_error pp_ledger_session_lapse(struct pp_ledger *ledger, const struct pp_record *record);
/* A session that may lapse on the ledger's day; NULL: none may. */
const struct pp_session *pp_ledger_lapsing(const struct pp_ledger *ledger);
/* What it does with operators and what they acknowledged: ledger_replication.c. */
PP_MUST_CHECK enum pp_error pp_ledger_operators_set(struct pp_ledger *ledger, const struct pp_record *record);
PP_MUST_CHECK enum pp_error pp_ledger_replicated(struct pp_ledger *ledger, const struct pp_record *record);
/* A stamp is stored: it earns from its stored day on, or waits for the quorum first. The lane was touched. BUSY. */
PP_MUST_CHECK enum pp_error pp_ledger_stored(struct pp_ledger *ledger, const struct pp_ticket *stamp);
/* How many of the others must acknowledge, of so many operators. */
uint32_t pp_ledger_acks_needed(uint32_t operators);
/* What it does with bonds: ledger_bond.c. The lane was touched. */
PP_MUST_CHECK enum pp_error pp_ledger_bond_add(struct pp_ledger *ledger, uint32_t slot,
                                               const struct pp_row_charged *row, uint64_t sequence, bool waits);
/* Its postage goes back as a whole; a stamp without a bond is no error. */
PP_MUST_CHECK enum pp_error pp_ledger_bond_not_stored(struct pp_ledger *ledger, uint32_t slot, uint64_t sequence);
/* All of a lane that ends: they go back with what is not earned. event: SENDER_LEFT or CHANNEL_CLOSED. */
PP_MUST_CHECK enum pp_error pp_ledger_bonds_end(struct pp_ledger *ledger, uint32_t slot, enum pp_bond_event event);
PP_MUST_CHECK enum pp_error pp_ledger_bond_returned(struct pp_ledger *ledger, const struct pp_record *record);
PP_MUST_CHECK enum pp_error pp_ledger_bond_forfeited(struct pp_ledger *ledger, const struct pp_record *record);
/* An entry in the lane's list of refunds; R follows. */
PP_MUST_CHECK enum pp_error pp_ledger_refund_one(struct pp_ledger *ledger, uint32_t slot,
                                                 const struct pp_stamp_id *stamp_id, struct pp_grains amount,
                                                 enum pp_refund_reason reason);
/* The refund that a record signs is the one that the ledger computes. */
PP_MUST_CHECK enum pp_error pp_ledger_refund_agrees(struct pp_ledger *ledger, struct pp_ledger_lane *lane,
                                                    struct pp_grains refunded, const struct pp_hash *reasons,
                                                    uint64_t sequence);
/* E follows the book of earnings; the totals follow E. */
PP_MUST_CHECK enum pp_error pp_ledger_earned_sync(struct pp_ledger *ledger, struct pp_ledger_lane *lane);
/* Room for that many stamps in this group; the only call of the group that may allocate. */
PP_MUST_CHECK enum pp_error pp_ledger_reserve(struct pp_ledger *ledger, size_t stamps);

void pp_ledger_begin(struct pp_ledger *ledger);
void pp_ledger_forget(struct pp_ledger *ledger);
void pp_ledger_undo(struct pp_ledger *ledger);

/* A day begins without looking at any lane (NODE-013). This brings some of them to it, so that the book can forget what is
 * over: at most `count`, from where the last call ended. Not while a checkpoint is under way. */
bool pp_ledger_turn_is_over(const struct pp_ledger *ledger);
void pp_ledger_turn_some(struct pp_ledger *ledger, uint32_t count);

/* ---- looking ---- */

/* The lane with E as of the ledger's day. A copy to read from, while the ledger does not change: it shares its holes. */
struct pp_lane pp_ledger_now(const struct pp_ledger *ledger, const struct pp_ledger_lane *lane);
/* As of a day that is not before its last change: for checkpoints. */
void pp_ledger_lane_at(const struct pp_ledger *ledger, const struct pp_ledger_lane *lane, uint32_t day,
                       struct pp_lane *out_lane, struct pp_earning_lane *out_earning);
/* NULL: the empty list. */
const struct pp_refund_list *pp_ledger_refunds(const struct pp_ledger *ledger,
                                               const struct pp_ledger_lane *lane);
uint64_t pp_ledger_refund_sequence(const struct pp_ledger *ledger, const struct pp_ledger_lane *lane);
uint64_t pp_ledger_leave_sequence(const struct pp_ledger *ledger, const struct pp_ledger_lane *lane);
/* Of its bonds: held, returned, forfeited. */
struct pp_ledger_bonds {
    struct pp_grains held, returned, forfeited;
};
struct pp_ledger_bonds pp_ledger_bonds_of(const struct pp_ledger *ledger, const struct pp_ledger_lane *lane);
/* The invariants of one lane, and how its parts agree; out_what names the one that is broken. */
PP_MUST_CHECK enum pp_error pp_ledger_check_lane(const struct pp_ledger *ledger, uint32_t slot,
                                                 const char **out_what);
/* Sums over all lanes. */
void pp_ledger_sum(const struct pp_ledger *ledger, struct pp_ledger_totals *out);

/* A new lane, in the next slot. */
PP_MUST_CHECK enum pp_error pp_ledger_lane_add(struct pp_ledger *ledger,
                                               const struct pp_channel_id *channel_id,
                                               const struct pp_address *signer, uint64_t taught_sequence,
                                               uint32_t *out_slot);
/* The lane's refunds, made when missing. */
struct pp_ledger_refunds *pp_ledger_refunds_make(struct pp_ledger *ledger, struct pp_ledger_lane *lane);
/* For loading: finds the place of lanes [from, to), which are filled in, in the map. Several threads may do so at once, each
 * its own lanes, while nothing else does. INVARIANT: two lanes have the same channel. */
void pp_ledger_map_expect(struct pp_ledger *ledger, uint32_t lanes); /* before: so many will come */
PP_MUST_CHECK enum pp_error pp_ledger_map_lanes(struct pp_ledger *ledger, uint32_t from, uint32_t to);

#endif
