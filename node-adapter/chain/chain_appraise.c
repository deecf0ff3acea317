#include "chain/chain_appraise.h"

#include <inttypes.h>
#include <stdio.h>

/* PLAN-031: "PayoutBreakerOpen(limit, until)" is no failure, it is a time to wait for. */
static bool is_breaker(const char *words, uint64_t *out_until_s)
{
    uint64_t limit;
    return sscanf(words, "PayoutBreakerOpen(%" SCNu64 ", %" SCNu64 ")", &limit, out_until_s) == 2;
}

static enum pp_error gas_ask(struct material *m, const struct pp_job_intent *intent, struct appraisal *out)
{
    const struct pp_address account = pp_chain_job_account(m->job);
    const struct pp_rpc_call call = {&account, intent->to, intent->data, intent->data_length,
                                     PP_RPC_AT_LATEST};
    enum pp_error error = pp_rpc_estimate(m->contract.rpc, &call, &out->gas);
    snprintf(out->words, sizeof out->words, "%s", pp_rpc_reason(m->contract.rpc));
    if (error == PP_TX_GAS_LIMIT)
        out->verdict = VERDICT_TOO_LARGE;
    else if (error == PP_CHAIN_REVERTED)
        out->verdict = is_breaker(out->words, &out->until_s) ? VERDICT_LIMIT : VERDICT_REVERTS;
    else if (error != PP_OK)
        return pp_chain_job_told(m->job, error);
    else if (pp_job_gas(out->gas) > m->input.gas_most)
        out->verdict = VERDICT_TOO_LARGE;
    return PP_OK;
}

/* What somebody else was promised is not weighed. */
static bool is_promise(enum pp_job_kind kind)
{
    return kind == PP_JOB_RELEASE || kind == PP_JOB_POST_REFUND;
}

/* PLAN-016, PLAN-017: worth it when what it costs now is within its budget of now. */
static void weigh(struct material *m, const struct pp_plan_action *action, struct appraisal *out)
{
    const struct pp_fee_policy *policy = pp_chain_job_fees(m->job);
    pp_u128 cost = pp_fees_cost(pp_job_gas(out->gas), out->price);
    out->why = is_promise(action->kind) ? PP_SETTLE_PROMISED : PP_SETTLE_UNPRICED;
    if (m->units_per_coin == 0)
        return;
    out->cost = pp_wei_to_units_ceil(cost, m->units_per_coin);
    if (is_promise(action->kind))
        return;
    out->stake = (struct pp_job_stake){true, pp_units_to_wei_floor(action->value, m->units_per_coin),
                                       action->deadline_s};
    struct pp_job_stake calm = out->stake;
    calm.deadline_s = 0;
    uint64_t now_s = m->input.latest.time_s, gas = pp_job_gas(out->gas);
    pp_u128 budget = pp_fees_budget(policy, &out->stake, gas, now_s);
    out->why =
        out->price <= pp_fees_budget(policy, &calm, gas, now_s) ? PP_SETTLE_WORTH_IT : PP_SETTLE_DEADLINE;
    if (out->price <= budget || budget == pp_fees_budget(policy, &(struct pp_job_stake){false}, gas, now_s))
        return; /* or only the configured most is in the way: the job waits for the price */
    out->verdict = VERDICT_UNPROFITABLE;
    out->until_s = action->deadline_s > policy->urgent_s ? action->deadline_s - policy->urgent_s : 0;
}

enum pp_error appraise(struct material *m, const struct pp_plan_action *action,
                       const struct pp_job_intent *intent, struct appraisal *out)
{
    *out = (struct appraisal){.verdict = VERDICT_SEND};
    PP_TRY(gas_ask(m, intent, out));
    if (out->gas == 0)
        return PP_OK;
    out->price = m->price.base_fee > PP_GRAINS_MAX.raw || m->price.priority > PP_GRAINS_MAX.raw
                     ? PP_GRAINS_MAX.raw
                     : m->price.base_fee + m->price.priority;
    if (out->verdict == VERDICT_SEND)
        weigh(m, action, out);
    return PP_OK;
}
