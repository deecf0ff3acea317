/* Debts that no payout covers any more: what their operators' stakes are drawn for. PLAN-050, PLAN-051 */
#include <pp/plan.h>
#include <pp/settle.h>

static const struct pp_pool_line *line_of(const struct pp_report *report, uint32_t node_id)
{
    for (size_t i = 0; i < report->shares.line_count; i++)
        if (report->shares.lines[i].node_id == node_id)
            return &report->shares.lines[i];
    return NULL;
}

/* Whoever is the only operator would pay itself, and its own reports net the same debt from its income: PLAN-053. */
static bool is_alone(const struct pp_report *report, uint32_t node_id)
{
    return report->operator_count == 1 && report->operators[0].node_id == node_id;
}

bool pp_plan_is_debt(const struct pp_report *report, const struct pp_lane_leaf *leaf)
{
    const struct pp_pool_line *line = line_of(report, pp_lane_node(leaf->lane));
    return leaf->owed.raw >= PP_GRAINS_PER_UNIT && line && !is_alone(report, line->node_id) && line->node_id != PP_TREASURY_NODE_ID &&
           line->owed.raw > 0;
}

/* What the contract would draw: CHAIN-103. */
bool pp_plan_debt_due(const struct pp_plan_debt *debt, struct pp_units *out)
{
    const struct pp_settle_input input = {.spent = debt->leaf->spent,
                                          .refunded = debt->chain.refunded,
                                          .earned = debt->leaf->earned,
                                          .cap = debt->chain.cap,
                                          .vested = debt->chain.vested};
    struct pp_settlement settlement;
    struct pp_units owed, due;
    if (debt->channel.state != PP_CHANNEL_CHAIN_CLOSED || pp_settle(&input, &settlement) != PP_OK)
        return false;
    const struct pp_grains least =
        pp_grains_compare(settlement.owed, debt->leaf->owed) < 0 ? settlement.owed : debt->leaf->owed;
    if (pp_grains_to_units_floor(least, &owed) != PP_OK || pp_units_sub(owed, debt->collected, &due) != PP_OK)
        return false;
    *out = due.raw < debt->stake.raw ? due : debt->stake;
    return out->raw > 0;
}
