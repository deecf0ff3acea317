/* What bonds do to the ledger. As with every record: what cannot have been is INVARIANT. Signatures are not looked at here. */
#include "ledger/ledger.h"

#include <pp/assert.h>

#include <string.h>

enum pp_error pp_ledger_bond_add(struct pp_ledger *ledger, uint32_t slot, const struct pp_row_charged *row,
                                 uint64_t sequence, bool waits)
{
    const struct pp_bond bond = {
        .sequence = sequence,
        .grains = row->leaf.postage.bond_grains,
        .deadline_ms = row->leaf.accept_deadline_ms,
        .stamp_id = row->stamp_id,
        .accept_key = row->leaf.accept_key,
        .slot = slot,
        .waits = waits,
    };
    PP_TRY(pp_bonds_add(&ledger->bonds, &bond));
    struct pp_ledger_refunds *lane = pp_ledger_refunds_make(ledger, &ledger->lanes[slot]);
    lane->bonds_held = pp_grains_add_checked(lane->bonds_held, pp_grains(bond.grains));
    return PP_OK;
}

/* The machine's word on a bond that is held (specs/channel-states.md). */
static enum pp_bond_action event_take(enum pp_bond_event event)
{
    enum pp_bond_state state;
    enum pp_bond_action action;
    enum pp_error error = pp_bond_state_next(PP_BOND_STATE_HELD, event, &state, &action);
    PP_ASSERT(error == PP_OK && state != PP_BOND_STATE_HELD); /* whatever happens to it, it is held no more */
    return action;
}

static enum pp_error release(struct pp_ledger *ledger, uint32_t slot, uint64_t sequence, uint64_t grains)
{
    struct pp_ledger_refunds *lane = pp_ledger_refunds_make(ledger, &ledger->lanes[slot]);
    PP_TRY(pp_bonds_remove(&ledger->bonds, sequence));
    lane->bonds_held = pp_grains_sub_checked(lane->bonds_held, pp_grains(grains));
    return PP_OK;
}

enum pp_error pp_ledger_bond_not_stored(struct pp_ledger *ledger, uint32_t slot, uint64_t sequence)
{
    const struct pp_bond *bond = pp_bonds_find(&ledger->bonds, sequence);
    if (!bond)
        return PP_OK;
    PP_ASSERT(event_take(PP_BOND_ON_NOT_STORED) ==
              PP_BOND_DO_NOTHING); /* REW-011: in the refund of the whole */
    return release(ledger, slot, sequence, bond->grains);
}

enum pp_error pp_ledger_bonds_end(struct pp_ledger *ledger, uint32_t slot, enum pp_bond_event event)
{
    if (pp_grains_is_zero(pp_ledger_bonds_of(ledger, &ledger->lanes[slot]).held))
        return PP_OK;
    PP_ASSERT(event_take(event) == PP_BOND_DO_NOTHING); /* REW-147 */
    PP_TRY(pp_bonds_drop(&ledger->bonds, slot));
    pp_ledger_refunds_make(ledger, &ledger->lanes[slot])->bonds_held = PP_GRAINS_ZERO;
    return PP_OK;
}

/* REW-142 to REW-145: a bond of this lane that is held, whose envelope is stored, for all of it. */
static enum pp_error row_check(const struct pp_ledger *ledger, uint32_t slot, const struct pp_row_bond *row,
                               const struct pp_bond **out)
{
    const struct pp_bond *bond = pp_bonds_find(&ledger->bonds, row->sequence);
    if (!bond || bond->slot != slot || bond->waits || bond->grains != row->amount ||
        !pp_stamp_id_eq(&bond->stamp_id, &row->stamp_id))
        return PP_INVARIANT;
    *out = bond;
    return PP_OK;
}

static bool is_unsigned(const struct pp_row_bond *row)
{
    static const struct pp_signature none = {{0}};
    return memcmp(row->signature.bytes, none.bytes, sizeof none.bytes) == 0;
}

/* REW-144: the deadline is a moment of the journal. */
static enum pp_error returned_one(struct pp_ledger *ledger, uint32_t slot, const struct pp_record *record,
                                  const struct pp_row_bond *row)
{
    const bool by_deadline = record->bond_returned.cause == PP_BOND_CAUSE_DEADLINE;
    const struct pp_bond *bond;
    PP_TRY(row_check(ledger, slot, row, &bond));
    if (by_deadline && (record->time_ms <= bond->deadline_ms || !is_unsigned(row)))
        return PP_INVARIANT;
    PP_ASSERT(event_take(by_deadline ? PP_BOND_ON_DEADLINE_PASSED : PP_BOND_ON_ACCEPTED) ==
              PP_BOND_DO_RETURN_BOND);
    PP_TRY(release(ledger, slot, row->sequence, row->amount));
    struct pp_ledger_refunds *lane = pp_ledger_refunds_make(ledger, &ledger->lanes[slot]);
    pp_ledger_total_add(&lane->bonds_returned, pp_grains(row->amount));
    return pp_ledger_refund_one(ledger, slot, &row->stamp_id, pp_grains(row->amount),
                                PP_REFUND_BOND_RETURNED);
}

enum pp_error pp_ledger_bond_returned(struct pp_ledger *ledger, const struct pp_record *record)
{
    const struct pp_record_bond_returned *returned = &record->bond_returned;
    uint32_t slot = pp_ledger_find(ledger, &returned->channel_id);
    if (slot == PP_SLOT_NONE)
        return PP_INVARIANT;
    PP_TRY(pp_ledger_touch(ledger, slot));
    for (uint32_t i = 0; i < record->count; i++)
        PP_TRY(returned_one(ledger, slot, record, &record->bond_rows[i]));
    return pp_ledger_refund_agrees(ledger, &ledger->lanes[slot], returned->refunded, &returned->reasons,
                                   record->sequence);
}

/* REW-145, REW-146: it is earned, and counted as forfeited. */
static enum pp_error forfeited_one(struct pp_ledger *ledger, uint32_t slot, const struct pp_record *record,
                                   const struct pp_row_bond *row)
{
    struct pp_ledger_lane *lane = &ledger->lanes[slot];
    const struct pp_bond *bond;
    PP_TRY(row_check(ledger, slot, row, &bond));
    if (record->time_ms > bond->deadline_ms)
        return PP_INVARIANT;
    PP_ASSERT(event_take(PP_BOND_ON_COMPLAINED) == PP_BOND_DO_FORFEIT_BOND);
    PP_TRY(release(ledger, slot, row->sequence, row->amount));
    struct pp_ledger_refunds *refunds = pp_ledger_refunds_make(ledger, lane);
    pp_ledger_total_add(&refunds->forfeited, pp_grains(row->amount));
    pp_earning_add(&lane->earning, pp_grains(row->amount));
    return PP_OK;
}

enum pp_error pp_ledger_bond_forfeited(struct pp_ledger *ledger, const struct pp_record *record)
{
    uint32_t slot = pp_ledger_find(ledger, &record->bond_forfeited.channel_id);
    if (slot == PP_SLOT_NONE)
        return PP_INVARIANT;
    PP_TRY(pp_ledger_touch(ledger, slot));
    for (uint32_t i = 0; i < record->count; i++)
        PP_TRY(forfeited_one(ledger, slot, record, &record->bond_rows[i]));
    return pp_ledger_earned_sync(ledger, &ledger->lanes[slot]);
}
