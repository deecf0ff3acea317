/* What each record does to the ledger. Nothing here trusts the record: what cannot have been is INVARIANT. */
#include "ledger/ledger.h"

#include <pp/assert.h>

#include <string.h>

/* ---- earning ---- */

/* E follows the book of earnings; the totals follow E. What the turn of days earned is in both before: the lane was touched. */
static enum pp_error earned_sync(struct pp_ledger *ledger, struct pp_ledger_lane *lane)
{
    struct pp_grains now = pp_earning_earned(&lane->earning), more;
    if (pp_grains_sub(now, lane->lane.earned, &more) != PP_OK)
        return PP_INVARIANT;
    if (pp_grains_is_zero(more))
        return PP_OK;
    if (pp_lane_earn(&lane->lane, more) != PP_OK)
        return PP_INVARIANT;
    pp_earning_total_add(&ledger->head.earning, more);
    ledger->head.totals.earned = pp_earning_total_earned(&ledger->head.earning);
    return PP_OK;
}

enum pp_error pp_ledger_earned_sync(struct pp_ledger *ledger, struct pp_ledger_lane *lane)
{
    return earned_sync(ledger, lane);
}

/* From this day on it earns no more; _resume: it does again. */
static void earning_stop(struct pp_ledger *ledger, struct pp_ledger_lane *lane, uint32_t day)
{
    uint32_t slot = (uint32_t)(lane - ledger->lanes);
    pp_earning_total_leave(&ledger->head.earning, &ledger->book, slot, &lane->earning);
    pp_earning_stop(&lane->earning, day);
    pp_earning_total_join(&ledger->head.earning, &ledger->book, slot, &lane->earning);
}

static void earning_resume(struct pp_ledger *ledger, struct pp_ledger_lane *lane)
{
    uint32_t slot = (uint32_t)(lane - ledger->lanes);
    pp_earning_total_leave(&ledger->head.earning, &ledger->book, slot, &lane->earning);
    pp_earning_resume(&lane->earning);
    pp_earning_total_join(&ledger->head.earning, &ledger->book, slot, &lane->earning);
}

static struct pp_grains at_once_of(const struct pp_postage *postage)
{
    return pp_grains_add_checked(pp_grains(postage->base_grains), pp_grains(postage->congestion_grains));
}

/* NODE-030: from here on the envelope earns. */
static enum pp_error earn(struct pp_ledger *ledger, uint32_t slot, const struct pp_postage *postage,
                          uint16_t retention_days)
{
    struct pp_ledger_lane *lane = &ledger->lanes[slot];
    const struct pp_storage_term term = {postage->storage_grains, retention_days, ledger->head.day};
    PP_TRY(pp_earning_charge(&ledger->book, slot, &lane->earning, at_once_of(postage), &term));
    pp_earning_total_charged(&ledger->head.earning, &lane->earning, &term);
    return PP_OK;
}

/* ---- CHARGED ---- */

/* SESSION-034: it earns when its root is signed. */
static enum pp_error session_leaf_add(struct pp_ledger *ledger, const struct pp_record *record,
                                      const struct pp_row_charged *row, uint64_t sequence)
{
    struct pp_session *session = pp_sessions_find(&ledger->sessions, &record->session_charged.session_id);
    if (!session)
        return PP_INVARIANT;
    struct pp_session_leaf leaf = {
        .sequence = sequence,
        .stamp_id = row->stamp_id,
        .postage = row->leaf.postage,
        .stored_day = record->session_charged.tickets ? 0 : ledger->head.day,
        .retention_days = row->leaf.retention_days,
    };
    PP_TRY(pp_leaf_to(&row->leaf, &leaf.to));
    enum pp_error error = pp_sessions_leaf_add(&ledger->sessions, session, &leaf);
    return error == PP_SESSION_UNSIGNED ? PP_INVARIANT : error;
}

static enum pp_error stamp_book(struct pp_ledger *ledger, uint32_t slot, const struct pp_record *record,
                                const struct pp_row_charged *row, uint64_t sequence)
{
    struct pp_grains total;
    PP_TRY(pp_postage_total(&row->leaf.postage, &total));
    pp_ledger_total_add(&ledger->head.totals.consumed, total);
    ledger->head.totals.stamps++;
    bool is_session = record->type == PP_RECORD_TYPE_SESSION_CHARGED;
    if (row->leaf.postage.bond_grains > 0 && is_session) /* REW-141 */
        return PP_INVARIANT;
    if (row->leaf.postage.bond_grains > 0)
        PP_TRY(pp_ledger_bond_add(ledger, slot, row, sequence,
                                  pp_record_reserves(record) || ledger->head.acks_needed > 0));
    if (is_session)
        PP_TRY(session_leaf_add(ledger, record, row, sequence));
    const bool reserves = pp_record_reserves(record);
    if (!reserves && is_session)
        return PP_OK;
    if (!reserves && ledger->head.acks_needed == 0)
        return earn(ledger, slot, &row->leaf.postage, row->leaf.retention_days);
    const struct pp_ticket stamp = {
        .sequence = sequence,
        .time_ms = record->time_ms,
        .postage = row->leaf.postage,
        .stamp_id = row->stamp_id,
        .ready = reserves ? 0 : sequence,
        .slot = slot,
        .stored_day = reserves ? 0 : ledger->head.day,
        .retention_days = row->leaf.retention_days,
    };
    return reserves ? pp_tickets_add(&ledger->tickets, &stamp) : pp_waiting_add(&ledger->waiting, &stamp);
}

/* What a charge does beside the lane's line: earnings, tickets, totals, the load. */
static enum pp_error charge_book(struct pp_ledger *ledger, uint32_t slot, const struct pp_record *record,
                                 struct pp_grains spent_before, bool highest)
{
    struct pp_ledger_lane *lane = &ledger->lanes[slot];
    uint64_t sequence = record->sequence;
    for (uint32_t i = 0; i < record->count; i++)
        if (record->charged_rows[i].admitted)
            PP_TRY(stamp_book(ledger, slot, record, &record->charged_rows[i], sequence++));
    struct pp_grains more = pp_grains_sub_checked(lane->lane.spent, spent_before);
    pp_ledger_total_add(&ledger->head.totals.spent, more);
    if (highest)
        lane->voucher_sequence = record->sequence;
    pp_congestion_count(&ledger->head.congestion, record->time_ms, (uint32_t)(sequence - record->sequence));
    return earned_sync(ledger, lane);
}

void pp_ledger_charge(struct pp_ledger *ledger, uint32_t slot, const struct pp_lane_draft *draft,
                      const struct pp_record *record)
{
    struct pp_ledger_lane *lane = &ledger->lanes[slot];
    PP_ASSERT(pp_day_of(record->time_ms) == ledger->head.day);
    struct pp_grains before = lane->lane.spent;
    bool highest = pp_lane_charge(&lane->lane, draft, &ledger->holes);
    enum pp_error error = charge_book(ledger, slot, record, before, highest);
    PP_ASSERT(error == PP_OK);
}

/* SESSION-021, SESSION-022: where a session's stamps may lie, and until when. */
static enum pp_error session_span_check(const struct pp_ledger *ledger, uint32_t slot, const struct pp_record *record,
                                        const struct pp_span *span, struct pp_grains *out_spent)
{
    const struct pp_session *session = pp_sessions_find(&ledger->sessions, &record->session_charged.session_id);
    if (!session || session->slot != slot || session->not_after_ms < record->time_ms ||
        pp_grains_lt(span->from, session->chunk.from) || pp_grains_lt(session->chunk.to, span->to))
        return PP_INVARIANT;
    *out_spent = session->chunk.to;
    return PP_OK;
}

static enum pp_error charge_replay(struct pp_ledger *ledger, uint32_t slot, const struct pp_record *record)
{
    struct pp_ledger_lane *lane = &ledger->lanes[slot];
    struct pp_grains before = lane->lane.spent;
    bool any_highest = false;
    for (uint32_t i = 0; i < record->count; i++) {
        const struct pp_row_charged *row = &record->charged_rows[i];
        struct pp_span span = {.from = row->leaf.from};
        bool highest;
        if (!row->admitted)
            continue;
        PP_TRY(pp_leaf_to(&row->leaf, &span.to));
        struct pp_grains spent;
        if (record->type == PP_RECORD_TYPE_SESSION_CHARGED)
            PP_TRY(session_span_check(ledger, slot, record, &span, &spent));
        else
            spent = record->charged.spent;
        PP_TRY(pp_lane_replay(&lane->lane, &span, spent, &ledger->holes, &highest));
        any_highest |= highest;
    }
    return charge_book(ledger, slot, record, before, any_highest);
}

static enum pp_error step_charged(struct pp_ledger *ledger, const struct pp_record *record)
{
    uint32_t slot = pp_ledger_find(ledger, &record->charged.channel_id);
    if (slot == PP_SLOT_NONE || record->charged.lane != pp_ledger_lane_id(ledger) ||
        pp_day_of(record->time_ms) != ledger->head.day)
        return PP_INVARIANT;
    PP_TRY(pp_ledger_touch(ledger, slot));
    if (record->type == PP_RECORD_TYPE_CHARGED &&
        pp_grains_lt(ledger->lanes[slot].lane.refunded, record->charged.refund_ack))
        return PP_INVARIANT;
    return charge_replay(ledger, slot, record);
}

/* ---- refunds ---- */

static enum pp_error refund_one(struct pp_ledger *ledger, uint32_t slot, const struct pp_stamp_id *stamp_id,
                                struct pp_grains amount, enum pp_refund_reason reason)
{
    struct pp_ledger_lane *lane = &ledger->lanes[slot];
    const struct pp_refund_leaf leaf = {.stamp_id = *stamp_id, .amount = amount, .reason = (uint8_t)reason};
    PP_TRY(pp_lane_refund(&lane->lane, amount));
    pp_ledger_total_add(&ledger->head.totals.refunded, amount);
    return pp_refund_list_append(&pp_ledger_refunds_make(ledger, lane)->list, &leaf);
}

/* The refund that the record signs is the one that the ledger computes. */
static enum pp_error refund_agrees(struct pp_ledger *ledger, struct pp_ledger_lane *lane,
                                   struct pp_grains refunded, const struct pp_hash *reasons,
                                   uint64_t sequence)
{
    struct pp_hash root;
    pp_refund_list_root(pp_ledger_refunds(ledger, lane), &root);
    if (!pp_grains_eq(lane->lane.refunded, refunded) || !pp_hash_eq(&root, reasons))
        return PP_INVARIANT;
    pp_ledger_refunds_make(ledger, lane)->refund_sequence = sequence;
    return PP_OK;
}

enum pp_error pp_ledger_refund_one(struct pp_ledger *ledger, uint32_t slot, const struct pp_stamp_id *stamp_id,
                                   struct pp_grains amount, enum pp_refund_reason reason)
{
    return refund_one(ledger, slot, stamp_id, amount, reason);
}

enum pp_error pp_ledger_refund_agrees(struct pp_ledger *ledger, struct pp_ledger_lane *lane,
                                      struct pp_grains refunded, const struct pp_hash *reasons, uint64_t sequence)
{
    return refund_agrees(ledger, lane, refunded, reasons, sequence);
}

static enum pp_error step_deleted(struct pp_ledger *ledger, const struct pp_record *record)
{
    uint32_t slot = pp_ledger_find(ledger, &record->deleted.channel_id);
    if (slot == PP_SLOT_NONE)
        return PP_INVARIANT;
    PP_TRY(pp_ledger_touch(ledger, slot));
    struct pp_ledger_lane *lane = &ledger->lanes[slot];
    for (uint32_t i = 0; i < record->count; i++) {
        const struct pp_row_deleted *row = &record->deleted_rows[i];
        const struct pp_storage_term term = {row->storage_grains, row->retention_days, row->stored_day};
        uint64_t amount;
        struct pp_ticket waiting;
        if (pp_sessions_leaf(&ledger->sessions, slot, row->sequence) || /* SESSION-041: nothing of it is earned yet */
            pp_waiting_find(&ledger->waiting, row->sequence, &waiting) == PP_OK) /* REW-135 */
            return PP_INVARIANT;
        PP_TRY(pp_earning_refund(&ledger->book, slot, &lane->earning, &term, ledger->head.day, &amount));
        pp_earning_total_refunded(&ledger->head.earning, &lane->earning, &term);
        if (amount != row->amount)
            return PP_INVARIANT;
        PP_TRY(refund_one(ledger, slot, &row->stamp_id, pp_grains(amount), PP_REFUND_EARLY_DELETE));
    }
    return refund_agrees(ledger, lane, record->deleted.refunded, &record->deleted.reasons, record->sequence);
}

static enum pp_error step_stored(struct pp_ledger *ledger, const struct pp_record *record)
{
    for (uint32_t i = 0; i < record->count; i++) {
        struct pp_ticket ticket;
        PP_TRY(pp_tickets_find(&ledger->tickets, record->ticket_rows[i].ticket, &ticket));
        PP_TRY(pp_tickets_remove(&ledger->tickets, ticket.sequence));
        PP_TRY(pp_ledger_touch(ledger, ticket.slot));
        if (pp_sessions_leaf(&ledger->sessions, ticket.slot, ticket.sequence)) { /* SESSION-034: it waits for its root */
            PP_TRY(pp_sessions_leaf_stored(&ledger->sessions, ticket.slot, ticket.sequence, ledger->head.day));
            continue;
        }
        ticket.time_ms = record->time_ms;
        ticket.ready = record->sequence;
        ticket.stored_day = ledger->head.day;
        PP_TRY(pp_ledger_stored(ledger, &ticket));
        PP_TRY(earned_sync(ledger, &ledger->lanes[ticket.slot]));
    }
    return PP_OK;
}

static enum pp_error step_cancelled(struct pp_ledger *ledger, const struct pp_record *record)
{
    uint32_t slot = pp_ledger_find(ledger, &record->cancelled.channel_id);
    if (slot == PP_SLOT_NONE)
        return PP_INVARIANT;
    PP_TRY(pp_ledger_touch(ledger, slot));
    for (uint32_t i = 0; i < record->count; i++) {
        struct pp_ticket ticket;
        struct pp_grains total;
        PP_TRY(pp_tickets_find(&ledger->tickets, record->ticket_rows[i].ticket, &ticket));
        if (ticket.slot != slot)
            return PP_INVARIANT;
        PP_TRY(pp_tickets_remove(&ledger->tickets, ticket.sequence));
        PP_TRY(pp_ledger_bond_not_stored(ledger, slot, ticket.sequence));
        PP_TRY(pp_postage_total(&ticket.postage, &total));
        PP_TRY(refund_one(ledger, slot, &ticket.stamp_id, total, PP_REFUND_NOT_STORED));
    }
    return refund_agrees(ledger, &ledger->lanes[slot], record->cancelled.refunded, &record->cancelled.reasons,
                         record->sequence);
}

/* REW-133, REW-134: the quorum did not acknowledge it by its deadline, and now it no longer counts whether it does. */
static enum pp_error step_not_replicated(struct pp_ledger *ledger, const struct pp_record *record)
{
    uint32_t slot = pp_ledger_find(ledger, &record->not_replicated.channel_id);
    if (slot == PP_SLOT_NONE)
        return PP_INVARIANT;
    PP_TRY(pp_ledger_touch(ledger, slot));
    for (uint32_t i = 0; i < record->count; i++) {
        struct pp_ticket stamp;
        struct pp_grains total;
        PP_TRY(pp_waiting_find(&ledger->waiting, record->ticket_rows[i].ticket, &stamp));
        if (stamp.slot != slot || record->time_ms < stamp.time_ms ||
            record->time_ms - stamp.time_ms < ledger->head.deadline_ms)
            return PP_INVARIANT;
        PP_TRY(pp_waiting_remove(&ledger->waiting, stamp.sequence));
        PP_TRY(pp_ledger_bond_not_stored(ledger, slot, stamp.sequence));
        PP_TRY(pp_postage_total(&stamp.postage, &total));
        PP_TRY(refund_one(ledger, slot, &stamp.stamp_id, total, PP_REFUND_NOT_REPLICATED));
    }
    return refund_agrees(ledger, &ledger->lanes[slot], record->not_replicated.refunded,
                         &record->not_replicated.reasons, record->sequence);
}

/* ---- leaving ---- */

static enum pp_error step_left(struct pp_ledger *ledger, const struct pp_record *record)
{
    static const struct pp_stamp_id no_stamp = {{0}};
    const struct pp_record_left *left = &record->left;
    uint32_t slot = pp_ledger_find(ledger, &left->channel_id);
    enum pp_lane_action action = PP_LANE_DO_NOTHING;
    if (slot == PP_SLOT_NONE)
        return PP_INVARIANT;
    PP_TRY(pp_ledger_touch(ledger, slot));
    struct pp_ledger_lane *lane = &ledger->lanes[slot];
    PP_TRY(pp_lane_event(&lane->lane, PP_LANE_ON_SENDER_LEFT, &action));
    if (action != PP_LANE_DO_REFUND_AND_RELEASE ||
        !pp_grains_eq(left->amount, pp_lane_refundable(&lane->lane)))
        return PP_INVARIANT;
    earning_stop(ledger, lane, ledger->head.day);
    PP_TRY(pp_tickets_drop(&ledger->tickets, slot)); /* their money goes back with all the rest */
    PP_TRY(pp_waiting_drop(&ledger->waiting, slot));
    if (pp_sessions_unsigned_of(&ledger->sessions, slot)) /* SESSION-042 */
        return PP_INVARIANT;
    PP_TRY(pp_sessions_drop(&ledger->sessions, slot));
    PP_TRY(pp_ledger_bonds_end(ledger, slot, PP_BOND_ON_SENDER_LEFT));
    if (!pp_grains_is_zero(left->amount))
        PP_TRY(refund_one(ledger, slot, &no_stamp, left->amount, PP_REFUND_LEAVING));
    if (left->new_cap.raw != left->old_cap.raw) {
        if (left->old_cap.raw != lane->lane.cap.raw || left->seq != lane->lane.seq)
            return PP_INVARIANT;
        PP_TRY(pp_lane_release(&lane->lane, left->new_cap));
    }
    pp_ledger_refunds_make(ledger, lane)->leave_sequence = record->sequence;
    return refund_agrees(ledger, lane, left->refunded, &left->reasons, record->sequence);
}

/* ---- the chain ---- */

/* Payer and nonce need not be compared: the channel id is the hash of all three (node.md). */
static enum pp_error lane_learn(struct pp_ledger *ledger, const struct pp_record *record, uint32_t *out_slot)
{
    const struct pp_record_chain *chain = &record->chain;
    *out_slot = pp_ledger_find(ledger, &chain->channel_id);
    if (*out_slot == PP_SLOT_NONE)
        return pp_ledger_lane_add(ledger, &chain->channel_id, &chain->signer, record->sequence, out_slot);
    return pp_address_eq(&ledger->lanes[*out_slot].signer, &chain->signer) ? PP_OK : PP_INVARIANT;
}

/* The chain says what cannot follow from what it said before: no new stamps until somebody looked (NODE-041). */
static void freeze(struct pp_ledger_lane *lane)
{
    enum pp_lane_action action;
    enum pp_error error = pp_lane_event(&lane->lane, PP_LANE_ON_VIEW_LOST, &action);
    PP_ASSERT(error == PP_OK);
}

static void lane_funded(struct pp_ledger_lane *lane, const struct pp_record_chain *chain)
{
    if (pp_lane_funded(&lane->lane, chain->cap, chain->seq) == PP_CHAIN_REORG)
        freeze(lane); /* any other refusal: the lane is settled, and stays so */
}

/* No day that begins after the request is earned (NODE-042). */
static void lane_closing(struct pp_ledger *ledger, struct pp_ledger_lane *lane, uint64_t time_s)
{
    enum pp_lane_action action;
    uint64_t time_ms = time_s <= UINT64_MAX / 1000 ? time_s * 1000 : UINT64_MAX;
    if (pp_lane_event(&lane->lane, PP_LANE_ON_CLOSE_REQUESTED, &action) == PP_OK)
        earning_stop(ledger, lane, pp_day_of(time_ms));
}

/* The close never happened: the days that began meanwhile are earned. A lane whose sender left stays left. */
static enum pp_error lane_close_undone(struct pp_ledger *ledger, struct pp_ledger_lane *lane)
{
    enum pp_lane_action action;
    if (lane->lane.state != PP_LANE_STATE_DRAINING || pp_ledger_leave_sequence(ledger, lane) != 0)
        return PP_OK;
    PP_TRY(pp_lane_event(&lane->lane, PP_LANE_ON_CLOSE_UNDONE, &action));
    PP_TRY(pp_lane_event(&lane->lane, PP_LANE_ON_VIEW_RESTORED, &action));
    earning_resume(ledger, lane);
    return earned_sync(ledger, lane);
}

static enum pp_error lane_closed(struct pp_ledger *ledger, struct pp_ledger_lane *lane)
{
    enum pp_lane_action action;
    PP_TRY(pp_tickets_drop(&ledger->tickets, (uint32_t)(lane - ledger->lanes)));
    PP_TRY(pp_waiting_drop(&ledger->waiting, (uint32_t)(lane - ledger->lanes)));
    PP_TRY(pp_sessions_drop(&ledger->sessions, (uint32_t)(lane - ledger->lanes)));
    PP_TRY(pp_ledger_bonds_end(ledger, (uint32_t)(lane - ledger->lanes), PP_BOND_ON_CHANNEL_CLOSED));
    earning_stop(ledger, lane, ledger->head.day);
    if (lane->lane.state != PP_LANE_STATE_SETTLED)
        PP_TRY(earned_sync(ledger, lane));
    return pp_lane_event(&lane->lane, PP_LANE_ON_CLOSE_FINALIZED, &action);
}

static enum pp_error lane_told(struct pp_ledger *ledger, struct pp_ledger_lane *lane,
                               const struct pp_record_chain *chain)
{
    switch (chain->kind) {
    case PP_CHAIN_LANE_SEEN:
        return PP_OK;
    case PP_CHAIN_LANE_FINAL:
        lane_funded(lane, chain);
        return PP_OK;
    case PP_CHAIN_CAP_LOWERED:
        pp_lane_cap_lowered(&lane->lane, chain->cap, chain->seq);
        return PP_OK;
    case PP_CHAIN_LOWERING_UNDONE:
        if (pp_ledger_leave_sequence(ledger, lane) == 0) /* or its release is signed, and counts */
            pp_lane_lowering_undone(&lane->lane);
        return PP_OK;
    case PP_CHAIN_CLOSING:
        lane_closing(ledger, lane, chain->time_s);
        return PP_OK;
    case PP_CHAIN_CLOSE_UNDONE:
        return lane_close_undone(ledger, lane);
    case PP_CHAIN_SETTLED:
    case PP_CHAIN_CLOSED:
        pp_lane_vested(&lane->lane, chain->vested);
        if (pp_grains_lt(lane->lane.refunded, chain->refunded))
            freeze(lane);
        return chain->kind == PP_CHAIN_CLOSED ? lane_closed(ledger, lane) : PP_OK;
    default:
        return PP_INVARIANT;
    }
}

static enum pp_error step_chain(struct pp_ledger *ledger, const struct pp_record *record)
{
    const struct pp_record_chain *chain = &record->chain;
    bool opens = chain->kind == PP_CHAIN_LANE_SEEN || chain->kind == PP_CHAIN_LANE_FINAL;
    uint32_t slot = pp_ledger_find(ledger, &chain->channel_id);
    if (chain->lane != pp_ledger_lane_id(ledger))
        return PP_INVARIANT;
    if (opens)
        PP_TRY(lane_learn(ledger, record, &slot));
    if (slot == PP_SLOT_NONE)
        return PP_INVARIANT;
    PP_TRY(pp_ledger_touch(ledger, slot));
    return lane_told(ledger, &ledger->lanes[slot], chain);
}

/* ---- time ---- */

static enum pp_error step_day(struct pp_ledger *ledger, const struct pp_record *record)
{
    uint32_t day = record->day.day;
    if (day <= ledger->head.day || day != pp_day_of(record->time_ms))
        return PP_INVARIANT;
    ledger->head.day = day;
    pp_earning_total_turn(&ledger->head.earning,
                          day); /* the lanes: when they are touched, or looked at (NODE-013) */
    ledger->head.totals.earned = pp_earning_total_earned(&ledger->head.earning);
    PP_TRY(pp_sessions_expire(&ledger->sessions, PP_SLOT_NONE, record->time_ms));
    return PP_OK;
}

static enum pp_error step_opened(struct pp_ledger *ledger, const struct pp_record *record)
{
    if (ledger->head.is_open || record->sequence != 1)
        return PP_INVARIANT;
    ledger->head.opened = record->opened;
    ledger->head.is_open = true;
    ledger->head.day = pp_day_of(record->time_ms);
    pp_earning_total_init(&ledger->head.earning, ledger->head.day);
    pp_congestion_init(&ledger->head.congestion, record->time_ms);
    return PP_OK;
}

static enum pp_error step_reported(struct pp_ledger *ledger, const struct pp_record *record)
{
    if (record->reported.epoch <= ledger->head.report_epoch)
        return PP_INVARIANT;
    ledger->head.report_epoch = record->reported.epoch;
    ledger->head.report_hash = record->reported.report_hash;
    return PP_OK;
}

static enum pp_error step_epoch_ended(struct pp_ledger *ledger, const struct pp_record *record)
{
    if (record->epoch_ended.epoch <= ledger->head.ended_epoch)
        return PP_INVARIANT;
    ledger->head.ended_epoch = record->epoch_ended.epoch;
    return PP_OK;
}

enum pp_error pp_ledger_step(struct pp_ledger *ledger, const struct pp_record *record)
{
    if (!ledger->head.is_open && record->type != PP_RECORD_TYPE_OPENED)
        return PP_INVARIANT;
    switch (record->type) {
    case PP_RECORD_TYPE_OPENED:
        return step_opened(ledger, record);
    case PP_RECORD_TYPE_CHAIN:
        return step_chain(ledger, record);
    case PP_RECORD_TYPE_CHARGED:
    case PP_RECORD_TYPE_SESSION_CHARGED:
        return step_charged(ledger, record);
    case PP_RECORD_TYPE_SESSION_OPENED:
        return pp_ledger_session_open(ledger, record);
    case PP_RECORD_TYPE_SESSION_SIGNED:
        return pp_ledger_session_sign(ledger, record);
    case PP_RECORD_TYPE_SESSION_LAPSED:
        return pp_ledger_session_lapse(ledger, record);
    case PP_RECORD_TYPE_STORED:
        return step_stored(ledger, record);
    case PP_RECORD_TYPE_CANCELLED:
        return step_cancelled(ledger, record);
    case PP_RECORD_TYPE_DELETED:
        return step_deleted(ledger, record);
    case PP_RECORD_TYPE_LEFT:
        return step_left(ledger, record);
    case PP_RECORD_TYPE_BOND_RETURNED:
        return pp_ledger_bond_returned(ledger, record);
    case PP_RECORD_TYPE_BOND_FORFEITED:
        return pp_ledger_bond_forfeited(ledger, record);
    case PP_RECORD_TYPE_DAY:
        return step_day(ledger, record);
    case PP_RECORD_TYPE_REPORTED:
        return step_reported(ledger, record);
    case PP_RECORD_TYPE_OPERATORS:
        return pp_ledger_operators_set(ledger, record);
    case PP_RECORD_TYPE_REPLICATED:
        return pp_ledger_replicated(ledger, record);
    case PP_RECORD_TYPE_NOT_REPLICATED:
        return step_not_replicated(ledger, record);
    case PP_RECORD_TYPE_EPOCH_ENDED:
        return step_epoch_ended(ledger, record);
    }
    return PP_INVARIANT;
}
