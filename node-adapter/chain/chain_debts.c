/* The debts of a report that its operators' stakes may be drawn for, as the contract has them now. */
#include "chain/chain_material.h"

#include <stdlib.h>

/* The payer, the signer and the nonce of a channel, from the event of its opening: the debt may be another operator's, whose
 * journal is not in this folder. */
static enum pp_error opening_find(const struct pp_contract *contract, const struct pp_channel_id *channel_id,
                                  uint64_t latest, struct pp_channel_config *out)
{
    struct pp_hash topic;
    struct pp_chain_log *logs = NULL;
    struct pp_log_event event;
    size_t count = 0;
    pp_abi_topic(PP_LOG_CHANNEL_OPENED, &topic);
    const struct pp_rpc_filter filter = {contract->address, &topic, 1, channel_id, 0, latest, NULL};
    PP_TRY(pp_rpc_logs(contract->rpc, &filter, &logs, &count));
    enum pp_error error = PP_NOT_FOUND;
    for (size_t i = 0; i < count && error == PP_NOT_FOUND; i++)
        if (pp_abi_read_event(&logs[i], &event) == PP_OK && event.kind == PP_LOG_CHANNEL_OPENED &&
            pp_channel_id_eq(&event.channel_id, channel_id)) {
            *out = event.opened.config;
            error = PP_OK;
        }
    free(logs);
    return error;
}

static enum pp_error debt_ask(struct material *m, struct pp_plan_debt *debt)
{
    const struct pp_contract *contract = &m->contract;
    const struct pp_channel_id *id = &debt->leaf->channel_id;
    const uint32_t lane = debt->leaf->lane;
    PP_TRY(pp_contract_channel(contract, id, &debt->channel));
    PP_TRY(pp_contract_lane(contract, id, lane, &debt->chain));
    PP_TRY(pp_contract_owed_collected(contract, id, lane, &debt->collected));
    return pp_contract_stake_at(contract, pp_lane_node(lane), m->input.latest.number, &debt->stake);
}

static enum pp_error debt_add(struct material *m, const struct pp_lane_leaf *leaf)
{
    struct pp_plan_debt debt = {.leaf = leaf};
    struct pp_units due;
    PP_TRY(debt_ask(m, &debt));
    if (!pp_plan_debt_due(&debt, &due))
        return PP_OK;
    const enum pp_error error =
        opening_find(&m->contract, &leaf->channel_id, m->input.latest.number, &debt.config);
    if (error == PP_NOT_FOUND) /* a leaf of a channel that never was: the contract would refuse it, too */
        return PP_OK;
    PP_TRY(error);
    m->debts[m->input.debt_count++] = debt;
    return PP_OK;
}

enum pp_error material_debts(struct material *m)
{
    size_t newest;
    m->input.debts = m->debts;
    m->input.debt_count = 0;
    if (pp_plan_newest_vested(&m->input, &newest) != PP_OK)
        return PP_OK;
    const struct pp_report *report = m->input.reports[newest].report;
    size_t asked = 0;
    for (size_t i = 0; i < report->lane_count && asked < MATERIAL_DEBTS_ASKED_MAX &&
                       m->input.debt_count < MATERIAL_DEBTS_MAX;
         i++) {
        if (!pp_plan_is_debt(report, &report->lanes[i]))
            continue;
        asked++;
        PP_TRY(pp_chain_job_told(m->job, debt_add(m, &report->lanes[i])));
    }
    return PP_OK;
}
