#include <pp/assert.h>
#include <pp/plan.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void expect_topic(struct pp_job_expectation *expectation, unsigned index, const uint8_t topic[32])
{
    memcpy(expectation->topics[index].bytes, topic, 32);
    expectation->mask |= (uint8_t)(1u << index);
}

static void expect_event(struct pp_job_expectation *expectation, enum pp_abi_event event)
{
    struct pp_hash topic;
    pp_abi_topic(event, &topic);
    expect_topic(expectation, 0, topic.bytes);
}

static void expect_number(struct pp_job_expectation *expectation, unsigned index, uint64_t number)
{
    uint8_t word[32] = {0};
    for (unsigned i = 0; i < 8; i++)
        word[31 - i] = (uint8_t)(number >> (8 * i));
    expect_topic(expectation, index, word);
}

/* A settle call of one lane fits one transaction, whatever the tree: 20 static words, the proof with its length, offsets. */
_Static_assert((20u + 1u + PP_LANE_PATH_MAX + 2u) * PP_ABI_WORD + 1024u < PP_TX_MAX_BYTES - PP_TX_EXTRA_BYTES,
               "a settle call would not fit");
_Static_assert(PP_SETTLE_CLAIMS_MAX <= PP_LANE_MANY_MAX, "a batch would have no proof");

#define LABEL(intent, ...) snprintf((intent)->label, sizeof(intent)->label, __VA_ARGS__)

static void post_report(const struct pp_plan_report *report, struct pp_writer *w,
                        struct pp_job_intent *intent)
{
    pp_abi_write_post_report(w, &report->report->fields, report->report->operators,
                             report->report->operator_count, report->report->signatures,
                             report->report->signature_count);
    expect_event(&intent->expectation, PP_LOG_REPORT_POSTED);
    expect_topic(&intent->expectation, 2, report->hash.bytes);
    LABEL(intent, "report of epoch %" PRIu64, report->report->fields.epoch);
}

/* PLAN-013: one lane has a shorter call with a path of its own. */
static enum pp_error settle_one(const struct pp_plan_lane *lane, const struct pp_plan_report *report,
                                struct pp_writer *w)
{
    const struct pp_lane_leaf *leaf;
    struct pp_abi_claim claim = {.config = lane->config, .voucher = lane->voucher, .refund = lane->refund};
    PP_TRY(pp_report_lane(report->report, &lane->channel_id, lane->lane, &leaf));
    claim.leaf = *leaf;
    PP_TRY(pp_lane_tree_prove(report->tree, leaf, &claim.proof));
    PP_TRY(pp_lane_proof_verify(&report->report->fields.lanes_root, leaf, &claim.proof));
    pp_abi_write_settle(w, &report->report->fields, &claim, 1);
    return PP_OK;
}

struct placed {
    struct pp_abi_batch_claim claim;
    size_t place;
};

static int place_order_descending(const void *left, const void *right)
{
    const struct placed *a = left, *b = right;
    return a->place > b->place ? -1 : a->place < b->place;
}

static enum pp_error place_claims(const struct pp_plan_input *input, const struct pp_plan *plan,
                                  const struct pp_plan_action *action, struct placed *out)
{
    const struct pp_plan_report *report = &input->reports[action->report];
    for (size_t i = 0; i < action->lanes_count; i++) {
        const struct pp_plan_lane *lane = &input->lanes[plan->lanes[action->lanes_at + i]];
        out[i].claim = (struct pp_abi_batch_claim){
            .config = &lane->config, .voucher = &lane->voucher, .refund = &lane->refund};
        PP_TRY(pp_report_lane(report->report, &lane->channel_id, lane->lane, &out[i].claim.leaf));
        PP_TRY(pp_lane_tree_place(report->tree, out[i].claim.leaf, &out[i].place));
    }
    qsort(out, action->lanes_count, sizeof *out, place_order_descending);
    return PP_OK;
}

/* PLAN-014: a proof that does not lead to the report's root would revert for all lanes, so it is not sent. */
static enum pp_error settle_many(const struct pp_plan_input *input, const struct pp_plan *plan,
                                 const struct pp_plan_action *action, struct pp_writer *w)
{
    const struct pp_plan_report *report = &input->reports[action->report];
    size_t count = action->lanes_count, places[PP_SETTLE_CLAIMS_MAX];
    struct placed placed[PP_SETTLE_CLAIMS_MAX];
    struct pp_abi_batch_claim claims[PP_SETTLE_CLAIMS_MAX];
    struct pp_hash hashes[PP_SETTLE_CLAIMS_MAX];
    struct pp_lane_multiproof proof;
    PP_TRY(place_claims(input, plan, action, placed));
    for (size_t i = 0; i < count; i++) {
        claims[i] = placed[i].claim;
        places[i] = placed[i].place;
        pp_lane_leaf_hash(claims[i].leaf, &hashes[i]);
    }
    PP_TRY(pp_lane_tree_prove_many(report->tree, places, count, &proof));
    PP_TRY(pp_lane_multiproof_verify(&report->report->fields.lanes_root, hashes, count, &proof));
    pp_abi_write_settle_batch(w, &report->report->fields, claims, count, &proof);
    return PP_OK;
}

static enum pp_error settle(const struct pp_plan_input *input, const struct pp_plan *plan,
                            const struct pp_plan_action *action, struct pp_writer *w,
                            struct pp_job_intent *intent)
{
    const struct pp_plan_report *report = &input->reports[action->report];
    PP_ASSERT(action->lanes_count > 0 && action->lanes_count <= PP_SETTLE_CLAIMS_MAX);
    if (action->lanes_count == 1)
        PP_TRY(settle_one(&input->lanes[plan->lanes[action->lanes_at]], report, w));
    else
        PP_TRY(settle_many(input, plan, action, w));
    expect_event(&intent->expectation, PP_LOG_LANE_SETTLED);
    expect_topic(&intent->expectation, 3, report->hash.bytes);
    LABEL(intent, "settle %zu lane%s by the report of epoch %" PRIu64, action->lanes_count,
          action->lanes_count == 1 ? "" : "s", report->report->fields.epoch);
    return PP_OK;
}

static void release(const struct pp_plan_lane *lane, struct pp_writer *w, struct pp_job_intent *intent)
{
    pp_abi_write_release(w, &lane->config, &lane->release, 1);
    expect_event(&intent->expectation, PP_LOG_LANE_CAP_CHANGED);
    expect_topic(&intent->expectation, 1, lane->channel_id.bytes);
    LABEL(intent, "release lane %" PRIu32 " down to %" PRIu64 " units", lane->lane,
          lane->release.new_cap.raw);
}

static void post_refund(const struct pp_plan_lane *lane, struct pp_writer *w, struct pp_job_intent *intent)
{
    pp_abi_write_post_refund(w, &lane->config, lane->lane, &lane->refund);
    expect_event(&intent->expectation, PP_LOG_REFUND_POSTED);
    expect_topic(&intent->expectation, 1, lane->channel_id.bytes);
    LABEL(intent, "refund of lane %" PRIu32, lane->lane);
}

static enum pp_error claim_payout(const struct pp_plan_report *report, uint32_t node_id, struct pp_writer *w,
                                  struct pp_job_intent *intent)
{
    const struct pp_payout *payout;
    struct pp_payout_proof proof;
    PP_TRY(pp_payout_find(&report->report->payouts, node_id, &payout));
    PP_TRY(pp_payout_prove(&report->report->payouts, node_id, &proof));
    pp_abi_write_claim_payout(w, &report->report->fields, payout, &proof);
    expect_event(&intent->expectation, PP_LOG_PAYOUT_CLAIMED);
    expect_number(&intent->expectation, 1, node_id);
    if (node_id == PP_TREASURY_NODE_ID)
        LABEL(intent, "payout of the treasury by the report of epoch %" PRIu64, report->report->fields.epoch);
    else
        LABEL(intent, "payout of node %" PRIu32 " by the report of epoch %" PRIu64, node_id,
              report->report->fields.epoch);
    return PP_OK;
}

/* PLAN-014 */
static enum pp_error collect_owed(const struct pp_plan_debt *debt, const struct pp_plan_report *report,
                                  struct pp_writer *w, struct pp_job_intent *intent)
{
    const struct pp_lane_leaf *leaf = debt->leaf;
    struct pp_lane_proof proof;
    PP_TRY(pp_lane_tree_prove(report->tree, leaf, &proof));
    PP_TRY(pp_lane_proof_verify(&report->report->fields.lanes_root, leaf, &proof));
    pp_abi_write_collect_owed(w, &report->report->fields, &debt->config, leaf, &proof);
    expect_event(&intent->expectation, PP_LOG_OWED_COLLECTED);
    expect_topic(&intent->expectation, 1, leaf->channel_id.bytes);
    LABEL(intent, "what node %" PRIu32 " owes for lane %" PRIu32 ", from its stake", pp_lane_node(leaf->lane),
          leaf->lane);
    return PP_OK;
}

static enum pp_error write_action(const struct pp_plan_input *input, const struct pp_plan *plan,
                                  const struct pp_plan_action *action, struct pp_writer *w,
                                  struct pp_job_intent *intent)
{
    switch (action->kind) {
    case PP_JOB_POST_REPORT:
        post_report(&input->reports[action->report], w, intent);
        return PP_OK;
    case PP_JOB_SETTLE:
        return settle(input, plan, action, w, intent);
    case PP_JOB_RELEASE:
        release(&input->lanes[plan->lanes[action->lanes_at]], w, intent);
        return PP_OK;
    case PP_JOB_POST_REFUND:
        post_refund(&input->lanes[plan->lanes[action->lanes_at]], w, intent);
        return PP_OK;
    case PP_JOB_CLAIM_PAYOUT:
        return claim_payout(&input->reports[action->report], input->payees[action->payee].node_id, w, intent);
    case PP_JOB_COLLECT_OWED:
        return collect_owed(&input->debts[action->debt], &input->reports[action->report], w, intent);
    case PP_JOB_APPROVE:
    case PP_JOB_OPEN:
    case PP_JOB_TOP_UP:
    case PP_JOB_REQUEST_CLOSE:
    case PP_JOB_FINALIZE_CLOSE:
    case PP_JOB_POST_VOUCHER:
    case PP_JOB_POST_DELEGATED_VOUCHER:
    case PP_JOB_REQUEST_THAW:
    case PP_JOB_CANCEL_THAW:
    case PP_JOB_FINALIZE_THAW:
    case PP_JOB_ALLOCATE:
    case PP_JOB_CANCEL_CLOSE:
    case PP_JOB_REVOKE_DELEGATE:
    case PP_JOB_RETIRE_LANES:
    case PP_JOB_DEPOSIT_STAKE:
    case PP_JOB_WITHDRAW_STAKE:
    case PP_JOB_SCHEDULE_PARAMETERS:
    case PP_JOB_APPLY_PARAMETERS:
    case PP_JOB_CANCEL_PARAMETERS:
    case PP_JOB_OPEN_WITH_AUTHORIZATION:
    case PP_JOB_TOP_UP_WITH_AUTHORIZATION:
        break;
    }
    PP_ASSERT(!"an action that no plan makes");
    return PP_BAD_KIND;
}

/* JOB-009: what the contract had before is part of what is wanted. The same call does something again after a payout that was
 * paid in part, or after a lane's cap was raised. */
static void key_make(const struct pp_plan_input *input, const struct pp_plan *plan,
                     const struct pp_plan_action *action, struct pp_job_intent *intent)
{
    uint8_t before[PP_SETTLE_CLAIMS_MAX * 16];
    size_t length = 0;
    struct pp_writer w;
    pp_writer_init(&w, before, sizeof before);
    if (action->kind == PP_JOB_CLAIM_PAYOUT)
        pp_write_u64(&w, input->payees[action->payee].claimed.raw);
    if (action->kind == PP_JOB_COLLECT_OWED)
        pp_write_u64(&w, input->debts[action->debt].collected.raw);
    for (size_t i = 0; action->kind == PP_JOB_SETTLE && i < action->lanes_count; i++) {
        pp_u128 vested = input->lanes[plan->lanes[action->lanes_at + i]].chain.vested.raw;
        pp_write_u64(&w, (uint64_t)(vested >> 64));
        pp_write_u64(&w, (uint64_t)vested);
    }
    enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK);
    pp_job_key_after(intent, before, length, &intent->key);
}

enum pp_error pp_plan_intent(const struct pp_plan_input *input, const struct pp_plan *plan,
                             const struct pp_plan_action *action, const struct pp_address *contract,
                             uint8_t *buffer, size_t capacity, struct pp_job_intent *out)
{
    struct pp_job_intent intent = {.kind = action->kind, .to = *contract, .data = buffer};
    struct pp_writer w;
    pp_writer_init(&w, buffer, capacity);
    PP_TRY(write_action(input, plan, action, &w, &intent));
    PP_TRY(pp_writer_finish(&w, &intent.data_length));
    key_make(input, plan, action, &intent);
    *out = intent;
    return PP_OK;
}
