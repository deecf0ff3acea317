#include <pp/assert.h>
#include <pp/plan.h>
#include <pp/settle.h>

#include <stdlib.h>

#define NONE SIZE_MAX

const char *pp_plan_reason_name(enum pp_plan_reason reason)
{
    static const char *const names[] = {
#define X(upper, sentence) [PP_PLAN_##upper] = #upper,
        PP_PLAN_REASONS(X)
#undef X
    };
    return reason < PP_PLAN_REASON_COUNT ? names[reason] : "unknown";
}

const char *pp_plan_reason_sentence(enum pp_plan_reason reason)
{
    static const char *const sentences[] = {
#define X(upper, sentence) [PP_PLAN_##upper] = sentence,
        PP_PLAN_REASONS(X)
#undef X
    };
    return reason < PP_PLAN_REASON_COUNT ? sentences[reason] : "unknown";
}

static void act(struct pp_plan *plan, const struct pp_plan_action *action)
{
    if (plan->action_count < PP_PLAN_ACTIONS_MAX)
        plan->actions[plan->action_count++] = *action;
}

static void wait_for(struct pp_plan *plan, const struct pp_plan_wait *wait)
{
    if (plan->wait_count < PP_PLAN_WAITS_MAX)
        plan->waits[plan->wait_count++] = *wait;
}

static void wait_report(struct pp_plan *plan, enum pp_plan_reason reason, const struct pp_plan_report *report,
                        uint64_t until_s)
{
    const struct pp_plan_wait wait = {.kind = PP_JOB_POST_REPORT,
                                      .reason = reason,
                                      .until_s = until_s,
                                      .epoch = report->report->fields.epoch};
    wait_for(plan, &wait);
}

static bool is_none(const struct pp_signature *signature)
{
    return signature->bytes[64] == 0;
}

static bool is_live(const struct pp_plan_lane *lane)
{
    return lane->channel.state == PP_CHANNEL_CHAIN_OPEN || lane->channel.state == PP_CHANNEL_CHAIN_CLOSING;
}

/* ---- reports to post ---- */

/* How long after its end a report may be posted, as the contract counts it. */
static uint64_t report_age_most(const struct pp_chain_timers *timers)
{
    return (1 + (uint64_t)timers->missed_epochs) * timers->epoch + timers->signing;
}

static bool follows(const struct pp_chain_report_head *head, const struct pp_epoch_report_fields *fields)
{
    static const struct pp_hash first;
    if (!pp_hash_eq(&fields->previous, &head->hash))
        return false;
    return pp_hash_eq(&head->hash, &first) ||
           (fields->epoch > head->epoch && fields->block_number > head->block_number &&
            fields->end_time > head->end_time_s);
}

/* PLAN-001: of several reports on the same last one, the newest. */
static size_t report_to_post(const struct pp_plan_input *input)
{
    for (size_t i = input->report_count; i > 0; i--) {
        const struct pp_plan_report *report = &input->reports[i - 1];
        if (report->chain.vests_at_s == 0 && follows(&input->head, &report->report->fields))
            return i - 1;
    }
    return NONE;
}

/* PLAN-003: the same lanes and the same payouts as the one before. */
static bool says_nothing_new(const struct pp_plan_input *input, const struct pp_epoch_report_fields *fields)
{
    for (size_t i = 0; i < input->report_count; i++) {
        const struct pp_plan_report *last = &input->reports[i];
        if (pp_hash_eq(&last->hash, &input->head.hash))
            return pp_hash_eq(&last->report->fields.lanes_root, &fields->lanes_root) &&
                   pp_hash_eq(&last->report->fields.payout_root, &fields->payout_root);
    }
    return false;
}

static struct pp_units report_value(const struct pp_plan_input *input, const struct pp_plan_report *report);

static void plan_post(const struct pp_plan_input *input, struct pp_plan *plan)
{
    size_t index = report_to_post(input);
    if (index == NONE)
        return;
    const struct pp_plan_report *report = &input->reports[index];
    const struct pp_epoch_report_fields *fields = &report->report->fields;
    uint64_t now = input->latest.time_s, age = report_age_most(&input->timers);
    uint64_t epoch_start = input->timers.epoch ? fields->epoch * input->timers.epoch : 0;
    if (report->report->signature_count < pp_quorum_needed(report->report->operator_count))
        wait_report(plan, PP_PLAN_NO_QUORUM, report, 0);
    else if (fields->end_time + age < now)
        wait_report(plan, PP_PLAN_TOO_OLD, report, 0);
    else if (fields->block_number >= input->latest.number || fields->end_time > now || epoch_start > now)
        wait_report(plan, PP_PLAN_EPOCH_OPEN, report,
                    epoch_start > fields->end_time ? epoch_start : fields->end_time);
    else if (says_nothing_new(input, fields))
        wait_report(plan, PP_PLAN_NOTHING_NEW, report, 0);
    else
        act(plan, &(struct pp_plan_action){.kind = PP_JOB_POST_REPORT,
                                           .report = index,
                                           .value = report_value(input, report),
                                           .deadline_s = fields->end_time + age});
}

/* ---- lanes to settle ---- */

/* PLAN-010: what the contract would make of the lane with all that the node holds. False: nothing. */
static bool settled_by(const struct pp_plan_lane *lane, const struct pp_lane_leaf *leaf,
                       struct pp_settlement *out, struct pp_units *out_gain)
{
    struct pp_grains refunded = lane->chain.refunded, spent = lane->chain.spent;
    struct pp_units before;
    if (!is_none(&lane->refund.signature))
        refunded = pp_grains_max(refunded, lane->refund.refunded);
    if (!is_none(&lane->voucher.signature) && pp_grains_compare(lane->voucher.refund_ack, refunded) <= 0)
        spent = pp_grains_max(spent, lane->voucher.spent);
    const struct pp_settle_input input = {.spent = spent,
                                          .refunded = refunded,
                                          .earned = leaf->earned,
                                          .cap = lane->chain.cap,
                                          .vested = lane->chain.vested};
    if (pp_settle(&input, out) != PP_OK || pp_grains_eq(out->pool, lane->chain.vested))
        return false;
    if (pp_grains_to_units_floor(lane->chain.vested, &before) != PP_OK)
        return false;
    return pp_units_sub(out->pool_units, before, out_gain) == PP_OK;
}

/* PLAN-011: a lane that leaves or closes is settled to the last grain; any other when it is worth it. */
static bool is_worth(const struct pp_plan_input *input, const struct pp_plan_lane *lane, struct pp_units gain)
{
    uint64_t least = input->dust.raw > 0 ? input->dust.raw : 1;
    return gain.raw >= least || lane->has_release || lane->channel.state == PP_CHANNEL_CHAIN_CLOSING;
}

struct gain {
    struct pp_units total;
    size_t count;
    struct pp_units dust;
    size_t dust_count;
};

static void add(struct pp_units *total, struct pp_units more)
{
    if (pp_units_add(*total, more, total) != PP_OK)
        total->raw = UINT64_MAX; /* for people only */
}

static bool gain_of(const struct pp_plan_input *input, const struct pp_plan_report *report, size_t lane,
                    struct pp_units *out)
{
    const struct pp_plan_lane *l = &input->lanes[lane];
    const struct pp_lane_leaf *leaf;
    struct pp_settlement settlement;
    return is_live(l) && pp_report_lane(report->report, &l->channel_id, l->lane, &leaf) == PP_OK &&
           settled_by(l, leaf, &settlement, out);
}

/* Into plan.gains, where there is a plan; NULL only counts. */
static void lanes_collect(const struct pp_plan_input *input, const struct pp_plan_report *report,
                          struct pp_plan *plan, struct gain *out)
{
    *out = (struct gain){{0}, 0, {0}, 0};
    for (size_t i = 0; i < input->lane_count; i++) {
        const struct pp_plan_lane *lane = &input->lanes[i];
        struct pp_units gain;
        if (!gain_of(input, report, i, &gain))
            continue;
        if (!is_worth(input, lane, gain)) {
            add(&out->dust, gain);
            out->dust_count++;
            continue;
        }
        if (plan)
            plan->gains[out->count] = (struct pp_plan_gain){
                (uint32_t)i, lane->has_release || lane->channel.state == PP_CHANNEL_CHAIN_CLOSING, gain};
        add(&out->total, gain);
        out->count++;
    }
}

enum pp_error pp_plan_newest_vested(const struct pp_plan_input *input, size_t *out_report)
{
    for (size_t i = input->report_count; i > 0; i--) {
        uint64_t vests_at = input->reports[i - 1].chain.vests_at_s;
        if (vests_at == 0 || vests_at > input->latest.time_s)
            continue;
        *out_report = i - 1;
        return PP_OK;
    }
    return PP_NOT_FOUND;
}

/* What the report lets this node settle and claim: that is lost while there is no report. */
static struct pp_units report_value(const struct pp_plan_input *input, const struct pp_plan_report *report)
{
    struct gain gain;
    lanes_collect(input, report, NULL, &gain);
    add(&gain.total, gain.dust);
    for (size_t i = 0; i < input->payee_count; i++) {
        const struct pp_payout *payout;
        struct pp_units due;
        if (pp_payout_find(&report->report->payouts, input->payees[i].node_id, &payout) == PP_OK &&
            pp_units_sub(payout->amount, input->payees[i].claimed, &due) == PP_OK)
            add(&gain.total, due);
    }
    return gain.total;
}

static void plan_vesting(const struct pp_plan_input *input, struct pp_plan *plan)
{
    for (size_t i = 0; i < input->report_count; i++) {
        const struct pp_plan_report *report = &input->reports[i];
        struct gain gain;
        if (report->chain.vests_at_s <= input->latest.time_s)
            continue;
        lanes_collect(input, report, NULL, &gain);
        const struct pp_plan_wait wait = {.kind = PP_JOB_SETTLE,
                                          .reason = PP_PLAN_VESTING,
                                          .until_s = report->chain.vests_at_s,
                                          .epoch = report->report->fields.epoch,
                                          .count = gain.count,
                                          .value = gain.total};
        wait_for(plan, &wait);
    }
}

static bool is_settled_now(const struct pp_plan *plan, size_t lane)
{
    for (size_t i = 0; i < plan->action_count; i++)
        for (size_t j = 0; plan->actions[i].kind == PP_JOB_SETTLE && j < plan->actions[i].lanes_count; j++)
            if (plan->lanes[plan->actions[i].lanes_at + j] == lane)
                return true;
    return false;
}

/* What ends goes first, then the most valuable; PLAN-012. */
static int gain_order(const void *left, const void *right)
{
    const struct pp_plan_gain *a = left, *b = right;
    if (a->ends != b->ends)
        return a->ends ? -1 : 1;
    if (a->value.raw != b->value.raw)
        return a->value.raw > b->value.raw ? -1 : 1;
    return a->lane < b->lane ? -1 : a->lane > b->lane;
}

/* Upper bounds of specs/gas.md, for a lane that settles for the first time and brings a refund; a tree of many lanes costs more,
 * and what turns out too large is split. */
#define GAS_OF_CALL 80000u
#define GAS_OF_LANE 64000u

static size_t lanes_most(const struct pp_plan_input *input)
{
    uint64_t gas = input->gas_most ? input->gas_most : PP_TX_GAS_MAX;
    uint64_t lanes = gas > GAS_OF_CALL ? (gas - GAS_OF_CALL) / GAS_OF_LANE : 0;
    return lanes == 0 ? 1 : lanes < PP_SETTLE_CLAIMS_MAX ? (size_t)lanes : PP_SETTLE_CLAIMS_MAX;
}

/* A channel that closes pays back what is not settled by then. */
static uint64_t lanes_deadline_s(const struct pp_plan_input *input, const struct pp_plan *plan,
                                 const struct pp_plan_action *action)
{
    uint64_t first = 0;
    for (size_t i = 0; i < action->lanes_count; i++) {
        const struct pp_plan_lane *lane = &input->lanes[plan->lanes[action->lanes_at + i]];
        uint64_t closable = lane->channel.state == PP_CHANNEL_CHAIN_CLOSING ? lane->channel.closable_at_s : 0;
        if (closable > 0 && (first == 0 || closable < first))
            first = closable;
    }
    return first;
}

static struct pp_units lanes_value(const struct pp_plan_input *input, const struct pp_plan *plan,
                                   const struct pp_plan_action *action)
{
    struct pp_units total = PP_UNITS_ZERO, gain;
    for (size_t i = 0; i < action->lanes_count; i++)
        if (gain_of(input, &input->reports[action->report], plan->lanes[action->lanes_at + i], &gain))
            add(&total, gain);
    return total;
}

void pp_plan_split(const struct pp_plan_input *input, const struct pp_plan *plan,
                   const struct pp_plan_action *action, size_t count, struct pp_plan_action out[2])
{
    PP_ASSERT(action->kind == PP_JOB_SETTLE && count > 0 && count < action->lanes_count);
    out[0] = out[1] = *action;
    out[0].lanes_count = count;
    out[1].lanes_at += count;
    out[1].lanes_count -= count;
    for (unsigned i = 0; i < 2; i++) {
        out[i].value = lanes_value(input, plan, &out[i]);
        out[i].deadline_s = lanes_deadline_s(input, plan, &out[i]);
    }
}

static void plan_settle(const struct pp_plan_input *input, size_t index, struct pp_plan *plan)
{
    struct gain gain;
    size_t at = plan->lane_count, most = lanes_most(input);
    lanes_collect(input, &input->reports[index], plan, &gain);
    if (gain.count > 0)
        qsort(plan->gains, gain.count, sizeof *plan->gains, gain_order);
    for (size_t i = 0; i < gain.count; i++)
        plan->lanes[plan->lane_count++] = plan->gains[i].lane;
    for (size_t done = 0; done < gain.count; done += most) {
        size_t left = gain.count - done;
        struct pp_plan_action action = {.kind = PP_JOB_SETTLE,
                                        .report = index,
                                        .lanes_at = at + done,
                                        .lanes_count = left < most ? left : most};
        action.value = lanes_value(input, plan, &action);
        action.deadline_s = lanes_deadline_s(input, plan, &action);
        act(plan, &action);
    }
    if (gain.dust_count > 0) {
        const struct pp_plan_wait wait = {.kind = PP_JOB_SETTLE,
                                          .reason = PP_PLAN_DUST,
                                          .count = gain.dust_count,
                                          .epoch = input->reports[index].report->fields.epoch,
                                          .value = gain.dust};
        wait_for(plan, &wait);
    }
}

/* ---- lanes that leave ---- */

static bool release_is_due(const struct pp_plan_lane *lane)
{
    struct pp_units vested;
    return pp_grains_to_units_ceil(lane->chain.vested, &vested) == PP_OK &&
           vested.raw == lane->release.new_cap.raw;
}

static void lane_act(struct pp_plan *plan, enum pp_job_kind kind, size_t lane, struct pp_units value)
{
    const struct pp_plan_action action = {
        .kind = kind, .lanes_at = plan->lane_count, .lanes_count = 1, .value = value};
    if (plan->action_count == PP_PLAN_ACTIONS_MAX)
        return;
    plan->lanes[plan->lane_count++] = (uint32_t)lane;
    act(plan, &action);
}

/* PLAN-021: of a lane that leaves or closes the refund is posted where a voucher is on chain that it counts against, and no
 * settlement brings it. Of one that leaves, before the release: afterwards its payer may close at once. */
static void plan_refund(const struct pp_plan_input *input, struct pp_plan *plan)
{
    for (size_t i = 0; i < input->lane_count; i++) {
        const struct pp_plan_lane *lane = &input->lanes[i];
        bool leaves = lane->channel.state == PP_CHANNEL_CHAIN_CLOSING || (lane->has_release && is_live(lane));
        if (!leaves || is_none(&lane->refund.signature) ||
            pp_grains_compare(lane->refund.refunded, lane->chain.refunded) <= 0 ||
            pp_grains_is_zero(lane->chain.spent) || is_settled_now(plan, i))
            continue;
        lane_act(plan, PP_JOB_POST_REFUND, i, PP_UNITS_ZERO);
    }
}

/* PLAN-020: a release counts against the cap and the number that it names; a stale one is no work at all. */
static void plan_release(const struct pp_plan_input *input, struct pp_plan *plan)
{
    for (size_t i = 0; i < input->lane_count; i++) {
        const struct pp_plan_lane *lane = &input->lanes[i];
        if (!lane->has_release || !is_live(lane) || lane->release.old_cap.raw != lane->chain.cap.raw ||
            lane->release.seq != lane->chain.seq || lane->release.new_cap.raw >= lane->chain.cap.raw ||
            is_settled_now(plan, i))
            continue;
        const struct pp_units freed = pp_units(lane->chain.cap.raw - lane->release.new_cap.raw);
        const struct pp_plan_wait wait = {
            .kind = PP_JOB_RELEASE, .reason = PP_PLAN_RELEASE_WAITS, .count = 1, .value = freed};
        if (release_is_due(lane))
            lane_act(plan, PP_JOB_RELEASE, i, freed);
        else
            wait_for(plan, &wait);
    }
}

/* ---- debts ---- */

/* PLAN-050 ... PLAN-052: whatever of it was netted before, the next report gives back. */
static void plan_debts(const struct pp_plan_input *input, size_t index, struct pp_plan *plan)
{
    const uint64_t least = input->dust.raw > 0 ? input->dust.raw : 1;
    for (size_t i = 0; i < input->debt_count; i++) {
        struct pp_units due;
        if (!pp_plan_is_debt(input->reports[index].report, input->debts[i].leaf) ||
            !pp_plan_debt_due(&input->debts[i], &due))
            continue;
        const struct pp_plan_wait wait = {.kind = PP_JOB_COLLECT_OWED,
                                          .reason = PP_PLAN_DUST,
                                          .count = 1,
                                          .value = due,
                                          .epoch = input->reports[index].report->fields.epoch};
        if (due.raw < least)
            wait_for(plan, &wait);
        else
            act(plan, &(struct pp_plan_action){
                          .kind = PP_JOB_COLLECT_OWED, .report = index, .debt = i, .value = due});
    }
}

/* ---- payouts ---- */

/* PLAN-030: by the newest report past its window, and only what the pool has. */
static void plan_payouts(const struct pp_plan_input *input, size_t index, struct pp_plan *plan)
{
    const struct pp_plan_report *report = &input->reports[index];
    uint64_t superseded = report->chain.superseded_at_s, least = input->dust.raw > 0 ? input->dust.raw : 1;
    uint64_t left = input->pool.received.raw > input->pool.claimed.raw
                        ? input->pool.received.raw - input->pool.claimed.raw
                        : 0;
    if (superseded != 0 && superseded <= input->latest.time_s)
        return; /* by a report that this node does not hold */
    for (size_t i = 0; i < input->payee_count; i++) {
        const struct pp_payout *payout;
        struct pp_units due;
        if (pp_payout_find(&report->report->payouts, input->payees[i].node_id, &payout) != PP_OK ||
            pp_units_sub(payout->amount, input->payees[i].claimed, &due) != PP_OK || due.raw == 0)
            continue;
        struct pp_plan_wait wait = {.kind = PP_JOB_CLAIM_PAYOUT,
                                    .reason = PP_PLAN_DUST,
                                    .count = 1,
                                    .value = due,
                                    .epoch = report->report->fields.epoch};
        if (due.raw < least) {
            wait_for(plan, &wait);
            continue;
        }
        if (due.raw > left) {
            wait.reason = PP_PLAN_POOL_EMPTY;
            wait_for(plan, &wait);
            continue;
        }
        left -= due.raw;
        act(plan,
            &(struct pp_plan_action){.kind = PP_JOB_CLAIM_PAYOUT, .report = index, .payee = i, .value = due});
    }
}

void pp_plan(const struct pp_plan_input *input, struct pp_plan *plan)
{
    plan->action_count = 0;
    plan->wait_count = 0;
    plan->lane_count = 0;
    size_t vested = 0;
    bool has_vested = pp_plan_newest_vested(input, &vested) == PP_OK;
    plan_post(input, plan);
    if (has_vested)
        plan_settle(input, vested, plan);
    plan_vesting(input, plan);
    plan_refund(input, plan);
    plan_release(input, plan);
    if (has_vested)
        plan_debts(input, vested, plan);
    if (has_vested)
        plan_payouts(input, vested, plan);
}
