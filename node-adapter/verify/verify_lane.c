/* The invariants of lanes, and where every grain of them went. */
#include "engine/node.h"
#include "verify/verify_run.h"

#include <pp/assert.h>

#include <stdlib.h>

/* ---- one lane ---- */

/* JRN-066: after every record that touched it. */
void pp_verify_lane(struct pp_verify_run *run, uint32_t slot)
{
    const struct pp_lane now = pp_ledger_now(&run->ledger, &run->ledger.lanes[slot]), *lane = &now;
    const char *what = "lane";
    pp_verify_count(run, PP_VERIFY_LANES);
    if (pp_ledger_check_lane(&run->ledger, slot, &what) == PP_OK)
        return;
    char texts[6][PP_AMOUNT_TEXT_MAX];
    pp_verify_tell(run, PP_VERIFY_LANES, PP_INVARIANT, what, slot,
                   "S %s, R %s, E %s, consumed %s, vested %s, cap %s units",
                   pp_grains_print(lane->spent, texts[0]), pp_grains_print(lane->refunded, texts[1]),
                   pp_grains_print(lane->earned, texts[2]),
                   pp_grains_print(pp_intervals_total(&lane->consumed), texts[3]),
                   pp_grains_print(lane->vested, texts[4]), pp_units_print(lane->cap, texts[5]));
}

/* ---- booking ---- */

/* Calls visit for each bond that is held of a stamp that earns: of one that waits, its ticket says it. */
static void bonds_visit(struct pp_verify_run *run,
                        void (*visit)(struct pp_verify_run *run, uint32_t slot, const struct pp_bond *bond),
                        uint32_t slot)
{
    const struct pp_bonds *bonds = &run->ledger.bonds;
    for (uint32_t i = 0; i < bonds->used; i++)
        if (bonds->places[i].sequence != 0 && !bonds->places[i].waits)
            visit(run, slot, &bonds->places[i]);
}

static void bond_lapse(struct pp_verify_run *run, uint32_t slot, const struct pp_bond *bond)
{
    if (bond->slot == slot)
        pp_ledger_total_add(&run->lanes[slot].lapsed, pp_grains(bond->grains));
}

static void bond_held(struct pp_verify_run *run, uint32_t slot, const struct pp_bond *bond)
{
    (void)slot;
    pp_ledger_total_add(&run->lanes[bond->slot].bonds, pp_grains(bond->grains));
}

/* Calls visit for each open ticket, and each stamp that waits for the quorum. */
static enum pp_error tickets_visit(struct pp_verify_run *run,
                                   void (*visit)(struct pp_verify_run *run, uint32_t slot,
                                                 const struct pp_ticket *ticket),
                                   uint32_t slot)
{
    const uint32_t open = run->ledger.tickets.count, count = open + run->ledger.waiting.count;
    if (count == 0)
        return PP_OK;
    struct pp_ticket *list = malloc(count * sizeof *list);
    if (!list)
        return PP_NO_MEMORY;
    pp_tickets_copy(&run->ledger.tickets, list);
    pp_waiting_copy(&run->ledger.waiting, list + open);
    for (uint32_t i = 0; i < count; i++)
        visit(run, slot, &list[i]);
    free(list);
    return PP_OK;
}

static void ticket_add(struct pp_grains *sum, const struct pp_ticket *ticket)
{
    struct pp_grains total;
    if (pp_postage_total(&ticket->postage, &total) == PP_OK)
        pp_ledger_total_add(sum, total);
}

static void ticket_lapse(struct pp_verify_run *run, uint32_t slot, const struct pp_ticket *ticket)
{
    if (ticket->slot == slot)
        ticket_add(&run->lanes[slot].lapsed, ticket);
}

static void ticket_open(struct pp_verify_run *run, uint32_t slot, const struct pp_ticket *ticket)
{
    (void)slot;
    ticket_add(&run->lanes[ticket->slot].open, ticket);
}

static void unsigned_lapse(struct pp_verify_run *run, uint32_t slot, const struct pp_postage *postage)
{
    struct pp_grains total;
    if (pp_postage_total(postage, &total) == PP_OK)
        pp_ledger_total_add(&run->lanes[slot].lapsed, total);
}

static void unsigned_open(struct pp_verify_run *run, uint32_t slot, const struct pp_postage *postage)
{
    struct pp_grains total;
    if (pp_postage_total(postage, &total) == PP_OK)
        pp_ledger_total_add(&run->lanes[slot].open, total);
}

static enum pp_error lapse_book(struct pp_verify_run *run, const struct pp_channel_id *channel_id,
                                struct pp_grains left)
{
    uint32_t slot = pp_ledger_find(&run->ledger, channel_id);
    if (slot == PP_SLOT_NONE)
        return PP_OK;
    pp_ledger_total_add(&run->lanes[slot].left, left);
    pp_verify_unsigned(run, slot, NULL, UINT32_MAX, unsigned_lapse);
    bonds_visit(run, bond_lapse, slot);
    return tickets_visit(run, ticket_lapse, slot);
}

static void lapsed_book(struct pp_verify_run *run, const struct pp_record_session_lapsed *lapsed)
{
    const struct pp_session *session = pp_sessions_find(&run->ledger.sessions, &lapsed->session_id);
    if (session)
        pp_verify_unsigned(run, session->slot, session, UINT32_MAX, unsigned_lapse);
}

enum pp_error pp_verify_lane_book(struct pp_verify_run *run, const struct pp_record *record)
{
    switch (record->type) {
    case PP_RECORD_TYPE_LEFT:
        return lapse_book(run, &record->left.channel_id, record->left.amount);
    case PP_RECORD_TYPE_CHAIN:
        return record->chain.kind == PP_CHAIN_CLOSED
                   ? lapse_book(run, &record->chain.channel_id, PP_GRAINS_ZERO)
                   : PP_OK;
    case PP_RECORD_TYPE_SESSION_LAPSED:
        lapsed_book(run, &record->session_lapsed);
        return PP_OK;
    case PP_RECORD_TYPE_REPLICATED:
    case PP_RECORD_TYPE_OPERATORS:
    case PP_RECORD_TYPE_NOT_REPLICATED: /* its money is refunded, all of it */
    case PP_RECORD_TYPE_CHARGED:
    case PP_RECORD_TYPE_STORED:
    case PP_RECORD_TYPE_BOND_RETURNED:
    case PP_RECORD_TYPE_BOND_FORFEITED:
    case PP_RECORD_TYPE_SESSION_SIGNED:
    case PP_RECORD_TYPE_SESSION_OPENED:
    case PP_RECORD_TYPE_SESSION_CHARGED:
    case PP_RECORD_TYPE_OPENED:
    case PP_RECORD_TYPE_CANCELLED:
    case PP_RECORD_TYPE_DELETED:
    case PP_RECORD_TYPE_DAY:
    case PP_RECORD_TYPE_REPORTED:
    case PP_RECORD_TYPE_EPOCH_ENDED:
        break;
    }
    return PP_OK;
}

/* ---- the end ---- */

/* JRN-067: what was consumed = earned, as if nothing had stopped it + still to come + refunded, but for what leaving gave back
 * of the two before + open tickets + what lapsed with the lane or a session + bonds that are held. */
static void lane_sum(struct pp_verify_run *run, uint32_t slot)
{
    const struct pp_ledger_lane *lane = &run->ledger.lanes[slot];
    const struct pp_verify_lane *also = &run->lanes[slot];
    struct pp_grains sum = lane->earning.earned;
    pp_verify_count(run, PP_VERIFY_SUMS);
    pp_ledger_total_add(&sum, pp_earning_expected(&run->ledger.book, slot, &lane->earning));
    pp_ledger_total_add(&sum, pp_grains_sub_clamped(lane->lane.refunded, also->left));
    pp_ledger_total_add(&sum, also->open);
    pp_ledger_total_add(&sum, also->lapsed);
    pp_ledger_total_add(&sum, also->bonds);
    pp_verify_grains(run, PP_VERIFY_SUMS, "consumed = earned + to come + refunded + held", slot,
                     pp_intervals_total(&lane->lane.consumed), sum);
}

static void totals_sum(struct pp_verify_run *run)
{
    const struct pp_ledger_totals *kept = &run->ledger.head.totals;
    struct pp_ledger_totals sum;
    pp_ledger_sum(&run->ledger, &sum);
    pp_verify_count(run, PP_VERIFY_SUMS);
    pp_verify_grains(run, PP_VERIFY_SUMS, "total spent", PP_SLOT_NONE, sum.spent, kept->spent);
    pp_verify_grains(run, PP_VERIFY_SUMS, "total consumed", PP_SLOT_NONE, sum.consumed, kept->consumed);
    pp_verify_grains(run, PP_VERIFY_SUMS, "total refunded", PP_SLOT_NONE, sum.refunded, kept->refunded);
    pp_verify_grains(run, PP_VERIFY_SUMS, "total earned", PP_SLOT_NONE, sum.earned, kept->earned);
    pp_verify_number(run, PP_VERIFY_SUMS, "total stamps", PP_SLOT_NONE, sum.stamps, kept->stamps);
}

enum pp_error pp_verify_lanes_end(struct pp_verify_run *run)
{
    PP_TRY(tickets_visit(run, ticket_open, PP_SLOT_NONE));
    bonds_visit(run, bond_held, PP_SLOT_NONE);
    for (uint32_t slot = 0; slot < run->ledger.head.lane_count; slot++) {
        pp_verify_lane(run, slot);
        pp_verify_unsigned(run, slot, NULL, UINT32_MAX, unsigned_open);
        lane_sum(run, slot);
    }
    totals_sum(run);
    return PP_OK;
}
