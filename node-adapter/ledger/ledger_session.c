/* What openings, roots and ends of sessions do to the ledger. As with every record: what cannot have been is INVARIANT. */
#include "ledger/ledger.h"

#include <pp/assert.h>
#include <pp/day.h>

/* ---- opening ---- */

/* SESSION-013, but for what needs keys or a contract. */
static enum pp_error opening_check(const struct pp_ledger *ledger, const struct pp_record *record,
                                   uint32_t slot)
{
    const struct pp_record_session_opened *opened = &record->session_opened;
    if (slot == PP_SLOT_NONE || opened->lane != pp_ledger_lane_id(ledger) ||
        pp_day_of(record->time_ms) != ledger->head.day)
        return PP_INVARIANT;
    if (opened->not_after_ms < record->time_ms ||
        opened->not_after_ms - record->time_ms > PP_SESSION_LIFE_MAX_MS ||
        pp_grains_lt(ledger->lanes[slot].lane.refunded, opened->refund_ack))
        return PP_INVARIANT;
    return PP_OK;
}

/* SESSION-014. */
static enum pp_error authorize(struct pp_ledger *ledger, struct pp_ledger_lane *lane,
                               const struct pp_record *record)
{
    struct pp_grains before = lane->lane.spent;
    bool highest;
    if (pp_lane_authorize(&lane->lane, record->session_opened.to, &highest) != PP_OK)
        return PP_INVARIANT;
    if (highest)
        lane->voucher_sequence = record->sequence;
    pp_ledger_total_add(&ledger->head.totals.spent, pp_grains_sub_checked(lane->lane.spent, before));
    return PP_OK;
}

enum pp_error pp_ledger_session_open(struct pp_ledger *ledger, const struct pp_record *record)
{
    const struct pp_record_session_opened *opened = &record->session_opened;
    struct pp_session_opening opening;
    uint32_t slot = pp_ledger_find(ledger, &opened->channel_id);
    PP_TRY(opening_check(ledger, record, slot));
    struct pp_session session = {
        .sequence = record->sequence,
        .chunk = {opened->from, opened->to},
        .not_after_ms = opened->not_after_ms,
        .slot = slot,
    };
    pp_record_opening(opened, &opening);
    pp_session_id(&opening, &session.id);
    session.node_key = opening.node_key;
    session.sender_key = opening.sender_key;
    PP_TRY(pp_ledger_touch(ledger, slot));
    PP_TRY(pp_sessions_expire(&ledger->sessions, slot, record->time_ms));
    PP_TRY(authorize(ledger, &ledger->lanes[slot], record));
    enum pp_error error = pp_sessions_add(&ledger->sessions, &session);
    return error == PP_TOO_MANY_SESSIONS ? PP_INVARIANT : error;
}

/* ---- roots ---- */

/* SESSION-034. An open ticket earns when it is stored, a cancelled one was refunded. */
static enum pp_error leaf_earn(struct pp_ledger *ledger, uint32_t slot, const struct pp_session_leaf *leaf,
                               const struct pp_record *record)
{
    const struct pp_ticket stamp = {
        .sequence = leaf->sequence,
        .time_ms = record->time_ms,
        .postage = leaf->postage,
        .stamp_id = leaf->stamp_id,
        .ready = record->sequence,
        .slot = slot,
        .stored_day = leaf->stored_day,
        .retention_days = leaf->retention_days,
    };
    return leaf->stored_day == 0 ? PP_OK : pp_ledger_stored(ledger, &stamp);
}

enum pp_error pp_ledger_session_sign(struct pp_ledger *ledger, const struct pp_record *record)
{
    const struct pp_record_session_signed *root = &record->session_signed;
    struct pp_hash scratch[PP_SESSION_UNSIGNED_MAX], context;
    struct pp_grains highest;
    struct pp_session *session = pp_sessions_find(&ledger->sessions, &root->session_id);
    uint32_t slot = pp_ledger_find(ledger, &root->channel_id);
    if (!session || slot == PP_SLOT_NONE || session->slot != slot ||
        root->lane != pp_ledger_lane_id(ledger) || root->count > session->leaves.count ||
        pp_day_of(record->time_ms) != ledger->head.day ||
        pp_grains_lt(ledger->lanes[slot].lane.refunded, root->refund_ack))
        return PP_INVARIANT;
    pp_sessions_context(&ledger->sessions, session, root->count, scratch, &context, &highest);
    if (!pp_grains_eq(highest, root->spent)) /* SESSION-031 */
        return PP_INVARIANT;
    PP_TRY(pp_ledger_touch(ledger, slot));
    for (uint32_t i = 0; i < root->count; i++) {
        struct pp_session_leaf leaf;
        PP_TRY(pp_sessions_leaf_take(&ledger->sessions, session, &leaf));
        PP_TRY(leaf_earn(ledger, slot, &leaf, record));
    }
    PP_TRY(pp_sessions_root_set(&ledger->sessions, session, &context));
    return pp_ledger_earned_sync(ledger, &ledger->lanes[slot]);
}

/* ---- lapsing ---- */

/* SESSION-046: a ticket that is open may still be stored, or cancelled and refunded. */
static bool has_open_ticket(const struct pp_ledger *ledger, const struct pp_session *session)
{
    for (uint32_t i = 0; i < session->leaves.count; i++) {
        const struct pp_session_leaf *leaf = pp_leaf_at(&ledger->sessions.leaves, &session->leaves, i);
        struct pp_ticket ticket;
        if (leaf->stored_day == 0 && pp_tickets_find(&ledger->tickets, leaf->sequence, &ticket) == PP_OK)
            return true;
    }
    return false;
}

/* SESSION-045 */
static bool may_lapse(const struct pp_ledger *ledger, const struct pp_session *session)
{
    uint64_t last_day = (uint64_t)pp_day_of(session->not_after_ms) + PP_SESSION_GRACE_DAYS;
    return session->sequence != 0 && session->leaves.count > 0 && ledger->head.day > last_day &&
           !has_open_ticket(ledger, session);
}

const struct pp_session *pp_ledger_lapsing(const struct pp_ledger *ledger)
{
    const struct pp_sessions *sessions = &ledger->sessions;
    for (uint32_t i = 0; i < sessions->used; i++)
        if (may_lapse(ledger, &sessions->places[i]))
            return &sessions->places[i];
    return NULL;
}

/* SESSION-047: S, R, E and what is consumed stay as they are: their postage is earned by nobody, and goes back with the rest of
 * what is not earned when the lane ends. */
enum pp_error pp_ledger_session_lapse(struct pp_ledger *ledger, const struct pp_record *record)
{
    const struct pp_record_session_lapsed *lapsed = &record->session_lapsed;
    struct pp_session *session = pp_sessions_find(&ledger->sessions, &lapsed->session_id);
    uint32_t slot = pp_ledger_find(ledger, &lapsed->channel_id);
    if (!session || slot == PP_SLOT_NONE || session->slot != slot ||
        lapsed->lane != pp_ledger_lane_id(ledger) || lapsed->count != session->leaves.count ||
        pp_day_of(record->time_ms) != ledger->head.day || !may_lapse(ledger, session))
        return PP_INVARIANT;
    return pp_sessions_end(&ledger->sessions, session);
}
