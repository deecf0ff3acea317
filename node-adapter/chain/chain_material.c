#include "chain/chain_material.h"

#include <stdlib.h>

#define REPORTS_LOOK 64u /* looked at, from the newest down */

static void reports_drop(struct material *m)
{
    for (size_t i = 0; i < m->held_count; i++)
        pp_claims_report_done(m->held[i]);
    m->held_count = 0;
}

void material_free(struct material *m)
{
    if (!m)
        return;
    reports_drop(m);
    free(m->lanes);
    free(m->plan.lanes);
    free(m->plan.gains);
    free(m->buffer);
    free(m);
}

enum pp_error material_make(struct pp_chain_job *job, const struct pp_claims *claims, struct material **out)
{
    struct material *m = calloc(1, sizeof *m);
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
        *out = m;
    else
        material_free(m);
    return error;
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
    for (size_t i = count; i > 0 && m->held_count < MATERIAL_REPORTS_MAX; i--) {
        struct pp_claims_report *report;
        struct pp_chain_report chain;
        PP_TRY(pp_claims_report(m->claims, epochs[i - 1], &report));
        if (report->report.signature_count < pp_quorum_needed(report->report.operator_count)) {
            pp_claims_report_done(report); /* EPOCH-033: signed here, and not yet by enough */
            continue;
        }
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
    free(m->plan.gains);
    m->plan.lanes = calloc(2 * m->input.lane_count + 1, sizeof *m->plan.lanes);
    m->plan.gains = calloc(m->input.lane_count + 1, sizeof *m->plan.gains);
    return m->plan.lanes && m->plan.gains ? PP_OK : PP_NO_MEMORY;
}

/* ---- the rest ---- */

/* PLAN-015: a call of more than half a block waits for an empty one. A node that does not say its limit sets none. */
static uint64_t gas_bound(uint64_t configured, uint64_t block_limit)
{
    uint64_t most = configured && configured < PP_TX_GAS_MAX ? configured : PP_TX_GAS_MAX;
    return block_limit > 0 && block_limit / 2 < most ? block_limit / 2 : most;
}

#define GAS_OF_LANE 38000u /* of a lane among many, that settled before: specs/gas.md */

/* PLAN-018: a lane that adds less than it costs makes no batch worth more. */
static struct pp_units dust_of(const struct material *m)
{
    const struct pp_fee_policy *policy = pp_chain_job_fees(m->job);
    struct pp_units cost =
        pp_wei_to_units_ceil(pp_fees_cost(GAS_OF_LANE, m->price.base_fee), m->units_per_coin);
    uint64_t times = policy->times ? policy->times : 1;
    uint64_t least = cost.raw > UINT64_MAX / times ? UINT64_MAX : cost.raw * times;
    return pp_units(least > m->dust.raw ? least : m->dust.raw);
}

static enum pp_error chain_gather(struct material *m)
{
    struct pp_rpc_block latest;
    PP_TRY(pp_rpc_expect_chain(m->contract.rpc, pp_chain_job_chain_id(m->job)));
    PP_TRY(pp_rpc_block(m->contract.rpc, PP_RPC_LATEST, &latest));
    m->input.latest = latest.block;
    PP_TRY(pp_chain_job_price(m->job, &m->price));
    m->input.dust = m->units_per_coin > 0 ? dust_of(m) : m->dust;
    m->input.gas_most = gas_bound(m->gas_most, latest.gas_limit);
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

enum pp_error material_gather(struct material *m)
{
    PP_TRY(pp_chain_job_told(m->job, chain_gather(m)));
    PP_TRY(reports_gather(m));
    PP_TRY(material_debts(m));
    return lanes_gather(m);
}
