#include <pp/chain_settle.h>

#include <pp/chain_contract.h>

#include <stdlib.h>

#define ROUNDS_MAX 16u /* post, settle, release, pay out, and room for a chain that changes meanwhile */
#define REPORTS_MAX                                                                                          \
    8u /* kept of a folder: what may be posted, the last one, those whose window is open or just over */
#define REPORTS_LOOK 64u /* looked at, from the newest down */

/* What a plan is made of, and who owns it. */
struct material {
    struct pp_chain_job *job;
    const struct pp_claims *claims;
    struct pp_contract contract;
    struct pp_claims_head head;
    struct pp_claims_report *held[REPORTS_MAX]; /* descending by epoch */
    struct pp_chain_report chain[REPORTS_MAX];
    size_t held_count;
    struct pp_plan_report reports[REPORTS_MAX];
    struct pp_plan_payee payees[2];
    struct pp_plan_lane *lanes;
    size_t lane_capacity;
    struct pp_plan_input input;
    struct pp_plan plan;
    uint8_t *buffer;     /* PP_TX_MAX_BYTES */
    enum pp_error error; /* of a visit */
};

static void reports_drop(struct material *m)
{
    for (size_t i = 0; i < m->held_count; i++)
        pp_claims_report_done(m->held[i]);
    m->held_count = 0;
}

static void material_free(struct material *m)
{
    reports_drop(m);
    free(m->lanes);
    free(m->plan.lanes);
    free(m->buffer);
    free(m);
}

/* ---- reports ---- */

/* The epochs that have a report, the newest REPORTS_LOOK of them, ascending. */
static enum pp_error epochs_newest(const struct pp_claims *claims, uint64_t out[REPORTS_LOOK],
                                   size_t *out_count)
{
    uint64_t page[REPORTS_LOOK], after = 0;
    size_t count;
    *out_count = 0;
    do {
        PP_TRY(pp_claims_epochs(claims, after, page, REPORTS_LOOK, &count));
        size_t keep = REPORTS_LOOK - count < *out_count ? REPORTS_LOOK - count : *out_count;
        memmove(out, out + (*out_count - keep), keep * sizeof *out);
        memcpy(out + keep, page, count * sizeof *out);
        *out_count = keep + count;
        if (count > 0)
            after = page[count - 1];
    } while (count == REPORTS_LOOK);
    return PP_OK;
}

/* Worth keeping: it may follow the contract's last one, or is on chain. */
static bool is_of_use(const struct material *m, const struct pp_claims_report *report,
                      const struct pp_chain_report *chain)
{
    return chain->vests_at_s != 0 || pp_hash_eq(&report->report.fields.previous, &m->input.head.hash);
}

static enum pp_error reports_gather(struct material *m)
{
    uint64_t epochs[REPORTS_LOOK];
    size_t count;
    reports_drop(m);
    PP_TRY(epochs_newest(m->claims, epochs, &count));
    for (size_t i = count; i > 0 && m->held_count < REPORTS_MAX; i--) {
        struct pp_claims_report *report;
        struct pp_chain_report chain;
        PP_TRY(pp_claims_report(m->claims, epochs[i - 1], &report));
        enum pp_error error = pp_contract_report(&m->contract, &report->hash, &chain);
        if (error != PP_OK || !is_of_use(m, report, &chain)) {
            pp_claims_report_done(report);
            PP_TRY(pp_chain_job_told(m->job, error));
            continue;
        }
        m->held[m->held_count] = report;
        m->chain[m->held_count++] = chain;
        if (chain.vests_at_s != 0 && chain.vests_at_s <= m->input.latest.time_s)
            break; /* the newest whose window is over: older ones say less */
    }
    for (size_t i = 0; i < m->held_count; i++) {
        const struct pp_claims_report *report = m->held[m->held_count - 1 - i];
        m->reports[i] = (struct pp_plan_report){&report->report, report->hash, &report->tree,
                                                m->chain[m->held_count - 1 - i]};
    }
    m->input.reports = m->reports;
    m->input.report_count = m->held_count;
    return PP_OK;
}

/* ---- lanes ---- */

/* Whether the chain could owe this lane anything, by what the node knows: spares questions for all the others. */
static bool may_be_due(const struct pp_lane_claim *claim)
{
    if (strcmp(claim->state, "SETTLED") == 0)
        return false;
    bool ending = strcmp(claim->state, "DRAINING") == 0 || strcmp(claim->state, "CLAIMING") == 0;
    return claim->has_release || (ending && claim->has_refund) ||
           pp_grains_compare(claim->earned, claim->vested) > 0;
}

static struct pp_plan_lane lane_of(const struct pp_lane_claim *claim)
{
    struct pp_plan_lane lane = {
        .channel_id = claim->channel_id,
        .config = claim->config,
        .lane = claim->lane,
        .has_release = claim->has_release,
    };
    if (claim->has_voucher)
        lane.voucher = (struct pp_abi_voucher){claim->voucher.spent, claim->voucher.refund_ack,
                                               claim->voucher.context, claim->voucher.signature};
    if (claim->has_refund)
        lane.refund =
            (struct pp_abi_refund){claim->refund.refunded, claim->refund.reasons, claim->refund.signature};
    if (claim->has_release)
        lane.release = (struct pp_abi_release){claim->lane, claim->release.old_cap, claim->release.new_cap,
                                               claim->release.seq, claim->release.signature};
    return lane;
}

static enum pp_error lane_room(struct material *m)
{
    if (m->input.lane_count < m->lane_capacity)
        return PP_OK;
    size_t capacity = m->lane_capacity ? 2 * m->lane_capacity : 64;
    struct pp_plan_lane *grown = realloc(m->lanes, capacity * sizeof *grown);
    if (!grown)
        return PP_NO_MEMORY;
    m->lanes = grown;
    m->lane_capacity = capacity;
    return PP_OK;
}

static enum pp_error lane_add(struct material *m, const struct pp_lane_claim *claim)
{
    PP_TRY(lane_room(m));
    struct pp_plan_lane lane = lane_of(claim);
    PP_TRY(pp_chain_job_told(m->job, pp_contract_channel(&m->contract, &lane.channel_id, &lane.channel)));
    PP_TRY(
        pp_chain_job_told(m->job, pp_contract_lane(&m->contract, &lane.channel_id, lane.lane, &lane.chain)));
    m->lanes[m->input.lane_count++] = lane;
    return PP_OK;
}

static bool lane_visit(void *context, const struct pp_lane_claim *claim)
{
    struct material *m = context;
    if (may_be_due(claim))
        m->error = lane_add(m, claim);
    return m->error == PP_OK;
}

static enum pp_error lanes_gather(struct material *m)
{
    m->input.lane_count = 0;
    m->error = PP_OK;
    PP_TRY(pp_claims_lanes(m->claims, lane_visit, m));
    PP_TRY(m->error);
    m->input.lanes = m->lanes;
    free(m->plan.lanes);
    m->plan.lanes = calloc(2 * m->input.lane_count + 1, sizeof *m->plan.lanes);
    return m->plan.lanes ? PP_OK : PP_NO_MEMORY;
}

/* ---- the rest ---- */

static enum pp_error chain_gather(struct material *m)
{
    struct pp_rpc_block latest;
    PP_TRY(pp_rpc_expect_chain(m->contract.rpc, pp_chain_job_chain_id(m->job)));
    PP_TRY(pp_rpc_block(m->contract.rpc, PP_RPC_LATEST, &latest));
    m->input.latest = latest.block;
    PP_TRY(pp_contract_timers(&m->contract, &m->input.timers));
    PP_TRY(pp_contract_last_report(&m->contract, PP_RPC_AT_LATEST, &m->input.head));
    PP_TRY(pp_contract_pool(&m->contract, PP_RPC_AT_LATEST, &m->input.pool));
    m->payees[0].node_id = m->head.node_id;
    m->payees[1].node_id = PP_TREASURY_NODE_ID;
    for (size_t i = 0; i < 2; i++)
        PP_TRY(pp_contract_payout_claimed(&m->contract, m->payees[i].node_id, &m->payees[i].claimed));
    m->input.payees = m->payees;
    m->input.payee_count = 2;
    return PP_OK;
}

static enum pp_error gather(struct material *m)
{
    PP_TRY(pp_chain_job_told(m->job, chain_gather(m)));
    PP_TRY(reports_gather(m));
    return lanes_gather(m);
}

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

static enum pp_error queue(struct material *m, const struct pp_settle_options *options, struct queued *queued,
                           struct pp_settle_result *out)
{
    const struct pp_address contract = pp_chain_job_contract(m->job);
    queued->count = 0;
    for (size_t i = 0; i < m->plan.action_count; i++) {
        const struct pp_plan_action *action = &m->plan.actions[i];
        struct pp_job_intent intent;
        struct pp_job_record record;
        if (options->payouts_only && action->kind != PP_JOB_CLAIM_PAYOUT)
            continue;
        PP_TRY(pp_plan_intent(&m->input, &m->plan, action, &contract, m->buffer, PP_TX_MAX_BYTES, &intent));
        if (options->dry) {
            outcome_dry(&intent, action->value, out);
            continue;
        }
        enum pp_error error = pp_chain_job_queue(m->job, &intent, &record);
        if (error == PP_EXISTS) /* done already; this chain's node is behind */
            continue;
        PP_TRY(error);
        queued->ids[queued->count] = record.id;
        queued->values[queued->count++] = action->value;
    }
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
    for (unsigned i = 0; i < ROUNDS_MAX; i++) {
        PP_TRY(gather(m));
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
    struct material *m = calloc(1, sizeof *m);
    *out = (struct pp_settle_result){.done_count = 0};
    if (!m)
        return PP_NO_MEMORY;
    m->job = job;
    m->claims = claims;
    m->contract = (struct pp_contract){pp_chain_job_rpc(job), pp_chain_job_contract(job)};
    m->buffer = malloc(PP_TX_MAX_BYTES);
    pp_claims_head(claims, &m->head);
    enum pp_error error = m->buffer ? PP_OK : PP_NO_MEMORY;
    if (m->head.domain.chain_id != pp_chain_job_chain_id(job) ||
        !pp_address_eq(&m->head.domain.contract, &m->contract.address))
        error = PP_CONTRACT_MISMATCH;
    if (error == PP_OK)
        error = rounds(m, options, out);
    material_free(m);
    return error;
}
