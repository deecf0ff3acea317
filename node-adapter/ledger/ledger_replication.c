/* What the fold does with the operators of a network and with what they acknowledged. As with every record: what cannot have been is
 * INVARIANT. Signatures and checksums of acknowledgements are for those who verify: evidence/replica_check.c, verify. */
#include "ledger/ledger.h"

#include <pp/day.h>
#include <pp/quorum.h>

/* ---- who ---- */

/* REW-131: more than two thirds of all by count, the lane's own operator being one of them. */
uint32_t pp_ledger_acks_needed(uint32_t operators)
{
    return operators <= 1 ? 0 : (uint32_t)pp_quorum_needed(operators) - 1;
}

static const struct pp_row_operator *operator_find(const struct pp_ledger_operators *operators,
                                                   uint32_t node_id)
{
    for (uint32_t i = 0; i < operators->count; i++)
        if (operators->list[i].node_id == node_id)
            return &operators->list[i];
    return NULL;
}

/* Ascending, and this lane's own operator is one of them. */
static bool set_is_one(const struct pp_ledger *ledger, const struct pp_record *record)
{
    const struct pp_record_opened *own = &ledger->head.opened;
    bool has_own = false;
    for (uint32_t i = 0; i < record->count; i++) {
        const struct pp_row_operator *row = &record->operator_rows[i];
        if (row->node_id == 0 || row->node_id >= 1u << 24 ||
            (i > 0 && row->node_id <= record->operator_rows[i - 1].node_id))
            return false;
        has_own |=
            row->node_id == own->node_id && pp_address_eq(&row->operator_address, &own->operator_address);
    }
    return has_own;
}

/* REW-130: from here on this set counts, also for what waits already. */
enum pp_error pp_ledger_operators_set(struct pp_ledger *ledger, const struct pp_record *record)
{
    if (!set_is_one(ledger, record))
        return PP_INVARIANT;
    if (!ledger->operators_changed)
        ledger->saved_operators = ledger->operators;
    ledger->operators_changed = true;
    ledger->operators.count = record->count;
    for (uint32_t i = 0; i < record->count; i++)
        ledger->operators.list[i] = record->operator_rows[i];
    ledger->head.acks_needed = pp_ledger_acks_needed(record->count);
    ledger->head.deadline_ms = record->operators.deadline_ms;
    return PP_OK;
}

/* ---- earning ---- */

/* REW-048: as if it had earned since it was stored. */
static enum pp_error earn_late(struct pp_ledger *ledger, const struct pp_ticket *stamp)
{
    const struct pp_storage_term term = {stamp->postage.storage_grains, stamp->retention_days,
                                         stamp->stored_day};
    const struct pp_grains at_once = pp_grains_add_checked(pp_grains(stamp->postage.base_grains),
                                                           pp_grains(stamp->postage.congestion_grains));
    struct pp_earning_lane *earning = &ledger->lanes[stamp->slot].earning;
    PP_TRY(pp_earning_charge_late(&ledger->book, stamp->slot, earning, at_once, &term, ledger->head.day));
    pp_earning_total_charged(&ledger->head.earning, earning, &term); /* only its days that are ahead */
    return pp_bonds_arm(&ledger->bonds, stamp->sequence);            /* REW-149 */
}

enum pp_error pp_ledger_stored(struct pp_ledger *ledger, const struct pp_ticket *stamp)
{
    return ledger->head.acks_needed > 0 ? pp_waiting_add(&ledger->waiting, stamp) : earn_late(ledger, stamp);
}

/* ---- what was acknowledged ---- */

/* REW-131: each of the set once, not the lane's own, and enough of them. How far all of them reach. */
static enum pp_error acks_take(struct pp_ledger *ledger, const struct pp_record *record)
{
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < record->count; i++) {
        const struct pp_row_ack *ack = &record->ack_rows[i];
        if ((i > 0 && ack->node_id <= record->ack_rows[i - 1].node_id) || ack->next > record->sequence ||
            ack->node_id == ledger->head.opened.node_id || !operator_find(&ledger->operators, ack->node_id))
            return PP_INVARIANT;
        next = ack->next < next ? ack->next : next;
    }
    if (record->count < ledger->head.acks_needed || next <= ledger->head.acked_next)
        return PP_INVARIANT;
    ledger->head.acked_next = next;
    return PP_OK;
}

static enum pp_error oldest_earn(struct pp_ledger *ledger, uint64_t next)
{
    uint64_t position = 0;
    const struct pp_ticket *oldest = pp_waiting_next(&ledger->waiting, &position);
    if (!oldest || oldest->ready >= next)
        return PP_INVARIANT;
    const struct pp_ticket stamp = *oldest;
    PP_TRY(pp_waiting_remove(&ledger->waiting, stamp.sequence));
    PP_TRY(pp_ledger_touch(ledger, stamp.slot));
    PP_TRY(earn_late(ledger, &stamp));
    return pp_ledger_earned_sync(ledger, &ledger->lanes[stamp.slot]);
}

/* REW-132: exactly the stamps that stand below, in the journal's order. */
enum pp_error pp_ledger_replicated(struct pp_ledger *ledger, const struct pp_record *record)
{
    const struct pp_record_replicated *replicated = &record->replicated;
    uint64_t position = 0;
    if (pp_day_of(record->time_ms) != ledger->head.day)
        return PP_INVARIANT;
    if (record->count > 0)
        PP_TRY(acks_take(ledger, record));
    if (replicated->next > ledger->head.acked_next)
        return PP_INVARIANT;
    for (uint32_t i = 0; i < replicated->count; i++)
        PP_TRY(oldest_earn(ledger, replicated->next));
    const struct pp_ticket *left = pp_waiting_next(&ledger->waiting, &position);
    return left && left->ready < replicated->next ? PP_INVARIANT : PP_OK;
}
