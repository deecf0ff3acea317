#include "chain/chain_material.h"

#include <stdlib.h>

#define ROUNDS_MAX 16u /* post, settle, release, pay out, and room for a chain that changes meanwhile */

/* ---- carrying out ---- */

static enum pp_error outcome_add(struct material *m, uint64_t id, struct pp_units value,
                                 struct pp_settle_result *out)
{
    struct pp_job_record record;
    PP_TRY(pp_chain_job_record(m->job, id, &record));
    if (out->done_count == PP_SETTLE_DONE_MAX)
        return PP_OK;
    struct pp_settle_outcome *outcome = &out->done[out->done_count++];
    *outcome = (struct pp_settle_outcome){.id = id,
                                          .kind = record.kind,
                                          .state = record.state,
                                          .value = value,
                                          .gas_used = record.gas_used,
                                          .gas_price = record.gas_price,
                                          .skipped = record.skipped};
    memcpy(outcome->label, record.label, sizeof outcome->label);
    memcpy(outcome->reason, record.reason, sizeof outcome->reason);
    if (record.attempt_count > 0)
        outcome->transaction =
            record.attempts[record.mined_attempt < record.attempt_count ? record.mined_attempt : 0].hash;
    return PP_OK;
}

struct queued {
    uint64_t ids[PP_PLAN_ACTIONS_MAX];
    struct pp_units values[PP_PLAN_ACTIONS_MAX];
    size_t count;
};

/* What an earlier run left on its way. */
static enum pp_error leftovers(struct material *m, struct queued *out)
{
    struct pp_job_record record = {.id = 0};
    enum pp_error error = PP_OK;
    out->count = 0;
    while (out->count < PP_PLAN_ACTIONS_MAX &&
           (error = pp_chain_job_next(m->job, record.id, true, &record)) == PP_OK) {
        out->ids[out->count] = record.id;
        out->values[out->count++] = PP_UNITS_ZERO;
    }
    return error == PP_NOT_FOUND ? PP_OK : error;
}

/* PLAN-001 and following, over what is due; out_final: how many came to something. */
static enum pp_error carry_out(struct material *m, const struct queued *queued, struct pp_settle_result *out,
                               size_t *out_final)
{
    enum pp_error error = pp_chain_job_finish(m->job);
    *out_final = 0;
    for (size_t i = 0; i < queued->count; i++) {
        PP_TRY(outcome_add(m, queued->ids[i], queued->values[i], out));
        *out_final += out->done[out->done_count - 1].state == PP_JOB_STATE_FINAL;
    }
    return error;
}

static void outcome_dry(const struct pp_job_intent *intent, struct pp_units value,
                        struct pp_settle_result *out)
{
    if (out->done_count == PP_SETTLE_DONE_MAX)
        return;
    struct pp_settle_outcome *outcome = &out->done[out->done_count++];
    *outcome = (struct pp_settle_outcome){.kind = intent->kind, .state = PP_JOB_STATE_QUEUED, .value = value};
    memcpy(outcome->label, intent->label, sizeof outcome->label);
}

/* One pass of the plan on its way into the journal. */
struct queueing {
    struct material *m;
    const struct pp_settle_options *options;
    struct queued *queued;
    struct pp_settle_result *out;
};

static enum pp_error queue_intent(struct queueing *q, const struct pp_job_intent *intent,
                                  struct pp_units value)
{
    struct pp_job_record record;
    if (q->options->dry) {
        outcome_dry(intent, value, q->out);
        return PP_OK;
    }
    enum pp_error error = pp_chain_job_queue(q->m->job, intent, &record);
    if (error == PP_EXISTS) /* done already; this chain's node is behind */
        return PP_OK;
    PP_TRY(error);
    q->queued->ids[q->queued->count] = record.id;
    q->queued->values[q->queued->count++] = value;
    return PP_OK;
}

/* PLAN-015. Whether the contract would refuse it is not asked here: the job does, and keeps the answer. */
static enum pp_error is_too_large(struct material *m, const struct pp_job_intent *intent, bool *out)
{
    uint64_t gas = 0;
    const struct pp_address account = pp_chain_job_account(m->job);
    const struct pp_rpc_call call = {&account, intent->to, intent->data, intent->data_length,
                                     PP_RPC_AT_LATEST};
    enum pp_error error = pp_rpc_estimate(m->contract.rpc, &call, &gas);
    *out = error == PP_TX_GAS_LIMIT || (error == PP_OK && pp_job_gas(gas) > m->input.gas_most);
    return error == PP_TX_GAS_LIMIT || error == PP_CHAIN_REVERTED ? PP_OK : pp_chain_job_told(m->job, error);
}

static enum pp_error queue_action(struct queueing *q, const struct pp_plan_action *action)
{
    struct material *m = q->m;
    struct pp_job_intent intent;
    struct pp_plan_action halves[2];
    const struct pp_address contract = pp_chain_job_contract(m->job);
    bool large = false;
    if (q->queued->count == PP_PLAN_ACTIONS_MAX)
        return PP_OK; /* the next plan has it again */
    enum pp_error error = pp_plan_intent(&m->input, &m->plan, action, &contract, m->buffer,
                                         PP_TX_MAX_BYTES - PP_TX_EXTRA_BYTES, &intent);
    if (error == PP_OK && action->lanes_count > 1)
        PP_TRY(is_too_large(m, &intent, &large));
    if (action->lanes_count > 1 && (error == PP_OVERFLOW || large)) {
        pp_plan_split(&m->input, &m->plan, action, action->lanes_count / 2, halves);
        PP_TRY(queue_action(q, &halves[0]));
        return queue_action(q, &halves[1]);
    }
    PP_TRY(error);
    return queue_intent(q, &intent, action->value);
}

static enum pp_error queue(struct material *m, const struct pp_settle_options *options, struct queued *queued,
                           struct pp_settle_result *out)
{
    struct queueing q = {m, options, queued, out};
    queued->count = 0;
    for (size_t i = 0; i < m->plan.action_count; i++)
        if (!options->payouts_only || m->plan.actions[i].kind == PP_JOB_CLAIM_PAYOUT)
            PP_TRY(queue_action(&q, &m->plan.actions[i]));
    return PP_OK;
}

static enum pp_error rounds(struct material *m, const struct pp_settle_options *options,
                            struct pp_settle_result *out)
{
    struct queued queued;
    size_t final;
    PP_TRY(leftovers(m, &queued));
    if (!options->dry && queued.count > 0)
        PP_TRY(carry_out(m, &queued, out, &final));
    m->input.dust = options->dust;
    m->gas_most = options->gas_most;
    for (unsigned i = 0; i < ROUNDS_MAX; i++) {
        PP_TRY(material_gather(m));
        pp_plan(&m->input, &m->plan);
        out->latest = m->input.latest;
        out->pool = m->input.pool;
        memcpy(out->waits, m->plan.waits, sizeof out->waits);
        out->wait_count = m->plan.wait_count;
        PP_TRY(queue(m, options, &queued, out));
        if (queued.count == 0)
            return PP_OK;
        PP_TRY(carry_out(m, &queued, out, &final));
        if (final == 0)
            return PP_OK; /* it would be planned, and come to nothing, again */
    }
    return PP_OK;
}

enum pp_error pp_settle_run(struct pp_chain_job *job, const struct pp_claims *claims,
                            const struct pp_settle_options *options, struct pp_settle_result *out)
{
    struct material *m = NULL;
    *out = (struct pp_settle_result){.done_count = 0};
    PP_TRY(material_make(job, claims, &m));
    enum pp_error error = rounds(m, options, out);
    material_free(m);
    return error;
}
