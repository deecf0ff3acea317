#include "chain/chain_appraise.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS_MAX 16u /* post, settle, release, pay out, and room for a chain that changes meanwhile */

const char *pp_settle_why_name(enum pp_settle_why why)
{
    static const char *const names[] = {
#define X(upper, sentence) [PP_SETTLE_##upper] = #upper,
        PP_SETTLE_WHYS(X)
#undef X
    };
    return why < PP_SETTLE_WHY_COUNT ? names[why] : "unknown";
}

const char *pp_settle_why_sentence(enum pp_settle_why why)
{
    static const char *const sentences[] = {
#define X(upper, sentence) [PP_SETTLE_##upper] = sentence,
        PP_SETTLE_WHYS(X)
#undef X
    };
    return why < PP_SETTLE_WHY_COUNT ? sentences[why] : "unknown";
}

void pp_settle_result_done(struct pp_settle_result *result)
{
    for (size_t i = 0; i < result->done_count; i++) {
        free(result->done[i].data);
        result->done[i].data = NULL;
    }
}

/* ---- carrying out ---- */

/* What is known of an intent when it is decided. */
struct decision {
    uint64_t id;
    struct pp_units value;
    struct appraisal appraisal;
};

static struct pp_settle_outcome *outcome_next(struct pp_settle_result *out)
{
    return out->done_count < PP_SETTLE_DONE_MAX ? &out->done[out->done_count++] : NULL;
}

static void outcome_expect(struct pp_settle_outcome *outcome, const struct decision *decision)
{
    const struct appraisal *appraisal = &decision->appraisal;
    outcome->value = decision->value;
    outcome->why = appraisal->why;
    outcome->deadline_s = appraisal->stake.deadline_s;
    outcome->gas_estimate = appraisal->gas;
    outcome->price_estimate = appraisal->price;
    outcome->cost_units = appraisal->cost;
}

static enum pp_error outcome_add(struct material *m, const struct decision *decision,
                                 struct pp_settle_result *out)
{
    struct pp_job_record record;
    PP_TRY(pp_chain_job_record(m->job, decision->id, &record));
    struct pp_settle_outcome *outcome = outcome_next(out);
    if (!outcome)
        return PP_OK;
    *outcome = (struct pp_settle_outcome){.id = decision->id,
                                          .kind = record.kind,
                                          .state = record.state,
                                          .gas_used = record.gas_used,
                                          .gas_price = record.gas_price,
                                          .skipped = record.skipped,
                                          .waits = strcmp(record.reason, PP_JOB_NOT_WORTH_ITS_GAS) == 0};
    outcome_expect(outcome, decision);
    memcpy(outcome->label, record.label, sizeof outcome->label);
    memcpy(outcome->reason, record.reason, sizeof outcome->reason);
    if (record.attempt_count > 0)
        outcome->transaction =
            record.attempts[record.mined_attempt < record.attempt_count ? record.mined_attempt : 0].hash;
    return PP_OK;
}

struct queued {
    struct decision decisions[PP_PLAN_ACTIONS_MAX];
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
        out->decisions[out->count++] =
            (struct decision){.id = record.id, .appraisal = {.why = PP_SETTLE_BEGUN, .stake = record.stake}};
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
        struct pp_job_record record;
        PP_TRY(outcome_add(m, &queued->decisions[i], out));
        PP_TRY(pp_chain_job_record(m->job, queued->decisions[i].id, &record));
        *out_final += record.state == PP_JOB_STATE_FINAL;
    }
    return error;
}

/* One pass of the plan on its way into the journal. */
struct queueing {
    struct material *m;
    const struct pp_settle_options *options;
    struct queued *queued;
    struct pp_settle_result *out;
};

/* PLAN-040: all that would be sent, but its number and its signature. */
static enum pp_error outcome_dry(struct queueing *q, const struct pp_job_intent *intent,
                                 const struct decision *decision)
{
    struct pp_job_record known;
    const struct pp_chain_job_price *price = &q->m->price;
    const struct appraisal *appraisal = &decision->appraisal;
    bool reverts = appraisal->verdict == VERDICT_REVERTS;
    enum pp_error error = pp_chain_job_find(q->m->job, &intent->key, &known);
    if (error == PP_OK && (!pp_job_is_over(known.state) || known.state == PP_JOB_STATE_FINAL))
        return PP_OK; /* JOB-008: it is on its way, and was told of */
    struct pp_settle_outcome *outcome = outcome_next(q->out);
    if (!outcome)
        return PP_OK;
    *outcome = (struct pp_settle_outcome){.kind = intent->kind,
                                          .state = reverts ? PP_JOB_STATE_DROPPED : PP_JOB_STATE_QUEUED,
                                          .to = intent->to,
                                          .gas_limit = reverts ? 0 : pp_job_gas(appraisal->gas)};
    outcome_expect(outcome, decision);
    memcpy(outcome->label, intent->label, sizeof outcome->label);
    if (reverts)
        snprintf(outcome->reason, sizeof outcome->reason, "%.*s", (int)sizeof outcome->reason - 1,
                 appraisal->words);
    struct pp_fee_policy policy = *pp_chain_job_fees(q->m->job);
    policy.most = pp_fees_budget(&policy, &appraisal->stake, outcome->gas_limit, q->m->input.latest.time_s);
    if (pp_fees_first(&policy, price->base_fee, price->priority, &outcome->fees) != PP_OK)
        outcome->fees = (struct pp_tx_fees){0, policy.most}; /* the base fee is above it: it would wait */
    outcome->data = malloc(intent->data_length);
    if (!outcome->data)
        return PP_NO_MEMORY;
    memcpy(outcome->data, intent->data, intent->data_length);
    outcome->data_length = intent->data_length;
    return PP_OK;
}

static enum pp_error queue_intent(struct queueing *q, const struct pp_job_intent *intent,
                                  const struct decision *decision)
{
    struct pp_job_record record;
    if (q->options->dry)
        return outcome_dry(q, intent, decision);
    enum pp_error error = pp_chain_job_queue(q->m->job, intent, &record);
    if (error == PP_EXISTS) /* done already; this chain's node is behind */
        return PP_OK;
    PP_TRY(error);
    q->queued->decisions[q->queued->count] = *decision;
    q->queued->decisions[q->queued->count++].id = record.id;
    return PP_OK;
}

static void wait_add(struct queueing *q, const struct pp_plan_action *action,
                     const struct appraisal *appraisal)
{
    if (q->out->wait_count == PP_PLAN_WAITS_MAX)
        return;
    q->out->waits[q->out->wait_count++] = (struct pp_plan_wait){
        .kind = action->kind,
        .reason = appraisal->verdict == VERDICT_LIMIT ? PP_PLAN_PAYOUT_LIMIT : PP_PLAN_UNPROFITABLE,
        .until_s = appraisal->until_s,
        .epoch = action->kind == PP_JOB_POST_REPORT || action->kind == PP_JOB_SETTLE ||
                         action->kind == PP_JOB_CLAIM_PAYOUT
                     ? q->m->input.reports[action->report].report->fields.epoch
                     : 0,
        .count = action->lanes_count,
        .value = action->value,
        .cost = appraisal->cost};
}

static enum pp_error queue_action(struct queueing *q, const struct pp_plan_action *action);

/* PLAN-015 */
static enum pp_error queue_halves(struct queueing *q, const struct pp_plan_action *action)
{
    struct pp_plan_action halves[2];
    pp_plan_split(&q->m->input, &q->m->plan, action, action->lanes_count / 2, halves);
    PP_TRY(queue_action(q, &halves[0]));
    return queue_action(q, &halves[1]);
}

static enum pp_error queue_action(struct queueing *q, const struct pp_plan_action *action)
{
    struct material *m = q->m;
    struct pp_job_intent intent;
    struct decision decision = {.value = action->value};
    const struct pp_address contract = pp_chain_job_contract(m->job);
    bool divides = action->kind == PP_JOB_SETTLE && action->lanes_count > 1;
    if (q->queued->count == PP_PLAN_ACTIONS_MAX)
        return PP_OK; /* the next plan has it again */
    enum pp_error error = pp_plan_intent(&m->input, &m->plan, action, &contract, m->buffer,
                                         PP_TX_MAX_BYTES - PP_TX_EXTRA_BYTES, &intent);
    if (error == PP_OVERFLOW && divides)
        return queue_halves(q, action);
    PP_TRY(error);
    PP_TRY(appraise(m, action, &intent, &decision.appraisal));
    switch (decision.appraisal.verdict) {
    case VERDICT_TOO_LARGE:
        if (divides)
            return queue_halves(q, action);
        break; /* the job says that no block has room for it */
    case VERDICT_UNPROFITABLE:
    case VERDICT_LIMIT:
        wait_add(q, action, &decision.appraisal);
        return PP_OK;
    case VERDICT_SEND:
    case VERDICT_REVERTS:
        break;
    }
    intent.stake = decision.appraisal.stake;
    return queue_intent(q, &intent, &decision);
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
    for (size_t i = 0; options->dry && i < queued.count; i++)
        PP_TRY(outcome_add(m, &queued.decisions[i], out));
    if (!options->dry && queued.count > 0)
        PP_TRY(carry_out(m, &queued, out, &final));
    m->dust = options->dust;
    m->gas_most = options->gas_most;
    m->units_per_coin = options->units_per_coin;
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
