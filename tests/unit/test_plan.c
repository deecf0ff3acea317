/* The plan, from small worlds: one or two lanes, one or two reports. Each test says what the node holds and what the contract
 * has, and expects actions and waits. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/plan.h>

#include <stdlib.h>

#define LANE 0x0500u
#define NOW 10000u
#define LANES_MAX 120u
#define UNIT UINT64_C(1000000)

struct world {
    struct pp_plan_input input;
    struct pp_plan_lane lanes[LANES_MAX];
    struct pp_plan_report reports[3];
    struct pp_report *bodies[3];
    struct pp_lane_leaf leaves[3][LANES_MAX];
    struct pp_hash nodes[3][2 * LANES_MAX];
    struct pp_lane_tree trees[3];
    struct pp_plan_payee payees[2];
    struct pp_operator operator;
    struct pp_plan plan;
    uint32_t room[2 * LANES_MAX];
    struct pp_plan_gain gains[LANES_MAX];
};

static struct world *world_make(void)
{
    struct world *world = calloc(1, sizeof *world);
    ck_assert_ptr_nonnull(world);
    world->operator=(struct pp_operator){.node_id = 5, .key = {{1}}, .payee = {{2}}};
    world->payees[0].node_id = 5;
    world->input = (struct pp_plan_input){
        .latest = {.number = 100, .time_s = NOW},
        .timers = {.epoch = 100, .missed_epochs = 1, .signing = 50, .vesting = 60},
        .lanes = world->lanes,
        .reports = world->reports,
        .payees = world->payees,
        .payee_count = 2,
        .dust = pp_units(1),
    };
    world->plan.lanes = world->room;
    world->plan.gains = world->gains;
    return world;
}

static void world_free(struct world *world)
{
    for (unsigned i = 0; i < 3; i++)
        free(world->bodies[i]);
    free(world);
}

/* A lane with a cap of 100 units on chain, and a voucher for `spent`. */
static struct pp_plan_lane *lane_add(struct world *world, uint64_t spent, uint64_t refunded)
{
    struct pp_plan_lane *lane = &world->lanes[world->input.lane_count];
    lane->channel_id.bytes[0] = (uint8_t)world->input.lane_count++;
    lane->lane = LANE;
    lane->voucher = (struct pp_abi_voucher){.spent = pp_grains(spent), .signature = {{[64] = 27}}};
    lane->refund.refunded = pp_grains(refunded);
    lane->refund.signature.bytes[64] = refunded ? 28 : 0;
    lane->channel = (struct pp_chain_channel){.state = PP_CHANNEL_CHAIN_OPEN, .deposit = pp_units(100)};
    lane->chain.cap = pp_units(100);
    return lane;
}

/* A report of this epoch that says `earned` of every lane, with payouts so far. */
static struct pp_plan_report *report_add(struct world *world, uint64_t epoch, uint64_t earned,
                                         uint64_t received)
{
    size_t i = world->input.report_count++;
    struct pp_plan_report *report = &world->reports[i];
    for (size_t k = 0; k < world->input.lane_count; k++)
        world->leaves[i][k] = (struct pp_lane_leaf){.channel_id = world->lanes[k].channel_id,
                                                    .lane = LANE,
                                                    .spent = world->lanes[k].voucher.spent,
                                                    .earned = pp_grains(earned)};
    world->bodies[i] = calloc(1, sizeof *world->bodies[i]);
    const struct pp_report_terms terms = {.epoch = epoch,
                                          .block_number = 50 + i,
                                          .end_time_s = 100 * (epoch + 1),
                                          .received_total = pp_units(received),
                                          .protocol_basis_points = 500,
                                          .policy = PP_POLICY_EQUAL,
                                          .operators = &world->operator,
                                          .operator_count = 1 };
    ck_assert_ok(pp_report_build(&terms, world->leaves[i], world->input.lane_count, world->nodes[i],
                                 world->bodies[i]));
    world->bodies[i]->signature_count = 1;
    world->bodies[i]->signatures[0] = (struct pp_node_signature){5, {{[64] = 27}}};
    world->trees[i] = (struct pp_lane_tree){world->nodes[i], world->input.lane_count};
    report->report = world->bodies[i];
    report->tree = &world->trees[i];
    report->hash.bytes[0] = (uint8_t)(1 + i);
    return report;
}

static void plan_make(struct world *world)
{
    memset(world->plan.actions, 0xee, sizeof world->plan.actions);
    pp_plan(&world->input, &world->plan);
}

static void expect(const struct world *world, size_t actions, size_t waits)
{
    ck_assert_uint_eq(world->plan.action_count, actions);
    ck_assert_uint_eq(world->plan.wait_count, waits);
}

static void expect_wait(const struct world *world, size_t at, enum pp_plan_reason reason, uint64_t until_s)
{
    ck_assert_uint_lt(at, world->plan.wait_count);
    ck_assert_str_eq(pp_plan_reason_name(world->plan.waits[at].reason), pp_plan_reason_name(reason));
    ck_assert_uint_eq(world->plan.waits[at].until_s, until_s);
}

/* ---- reports ---- */

/* Goal: the newest report on the contract's last one is posted; none that is signed by too few, too old, or too early
 * (PLAN-001, PLAN-002). */
START_TEST(plan_report__each_condition__posted_or_waits)
{
    struct world *world = world_make();
    lane_add(world, 50 * UNIT, 0);
    report_add(world, 97, UNIT, 0);
    struct pp_plan_report *newest = report_add(world, 98, UNIT, 0);
    plan_make(world);
    expect(world, 1, 0);
    ck_assert_int_eq(world->plan.actions[0].kind, PP_JOB_POST_REPORT);
    ck_assert_uint_eq(world->plan.actions[0].report, 1);

    world->bodies[1]->signature_count = 0;
    plan_make(world);
    expect(world, 0, 1);
    expect_wait(world, 0, PP_PLAN_NO_QUORUM, 0);
    world->bodies[1]->signature_count = 1;

    world->input.latest.time_s = 9900 + 250;
    plan_make(world);
    expect(world, 1, 0);
    world->input.latest.time_s++;
    plan_make(world);
    expect_wait(world, 0, PP_PLAN_TOO_OLD, 0);
    world->input.latest.time_s = 9899;
    plan_make(world);
    expect_wait(world, 0, PP_PLAN_EPOCH_OPEN, 9900);
    world->input.latest.time_s = NOW;
    world->input.latest.number = 51;
    plan_make(world);
    expect_wait(world, 0, PP_PLAN_EPOCH_OPEN, 9900);
    world->input.latest.number = 52;
    plan_make(world);
    expect(world, 1, 0);

    world->input.head = (struct pp_chain_report_head){.hash = {{0x77}}};
    plan_make(world);
    expect(world, 0, 0);
    world->bodies[1]->fields.previous = world->input.head.hash;
    plan_make(world);
    expect(world, 1, 0);
    world->input.head.epoch = 98;
    plan_make(world);
    expect(world, 0, 0);
    world->input.head.epoch = 97;
    world->input.head.block_number = 51;
    plan_make(world);
    expect(world, 0, 0);
    world->input.head.block_number = 50;
    world->input.head.end_time_s = 9900;
    plan_make(world);
    expect(world, 0, 0);
    world->input.head.end_time_s = 9899;
    plan_make(world);
    expect(world, 1, 0);
    newest->chain.vests_at_s = NOW + 7;
    plan_make(world);
    expect(world, 0, 1);
    expect_wait(world, 0, PP_PLAN_VESTING, NOW + 7);
    world_free(world);
}
END_TEST

/* Goal: a report that says what the last one said costs nothing (PLAN-003). */
START_TEST(plan_report__nothing_new__waits)
{
    struct world *world = world_make();
    lane_add(world, 50 * UNIT, 0);
    struct pp_plan_report *last = report_add(world, 97, UNIT, 0);
    report_add(world, 98, UNIT, 0);
    last->chain.vests_at_s = NOW + 60;
    world->input.head = (struct pp_chain_report_head){last->hash, 97, 50, 9800};
    world->bodies[1]->fields.previous = last->hash;
    plan_make(world);
    expect(world, 0, 2);
    expect_wait(world, 0, PP_PLAN_NOTHING_NEW, 0);
    world->bodies[1]->fields.payout_root.bytes[0] ^= 1;
    plan_make(world);
    expect(world, 1, 1);
    world_free(world);
}
END_TEST

/* ---- lanes ---- */

/* Goal: what a lane brings is what the contract would credit, with the highest complete claim; nothing when that is nothing
 * (PLAN-010). Method: earned 30, and cap, refund, refund_ack, vested and state one at a time. */
START_TEST(plan_settle__claims__as_the_contract_would)
{
    struct world *world = world_make();
    struct pp_plan_lane *lane = lane_add(world, 50 * UNIT, 0);
    struct pp_plan_report *report = report_add(world, 98, 30 * UNIT + 5, 0);
    report->chain.vests_at_s = NOW + 1;
    plan_make(world);
    expect(world, 0, 1);
    expect_wait(world, 0, PP_PLAN_VESTING, NOW + 1);
    ck_assert_uint_eq(world->plan.waits[0].count, 1);
    ck_assert_uint_eq(world->plan.waits[0].value.raw, 30);
    report->chain.vests_at_s = NOW;
    plan_make(world);
    expect(world, 1, 0);
    ck_assert_int_eq(world->plan.actions[0].kind, PP_JOB_SETTLE);
    ck_assert_uint_eq(world->plan.actions[0].value.raw, 30);
    ck_assert_uint_eq(world->plan.actions[0].lanes_count, 1);

    lane->refund = (struct pp_abi_refund){.refunded = pp_grains(25 * UNIT), .signature = {{[64] = 27}}};
    plan_make(world);
    ck_assert_uint_eq(world->plan.actions[0].value.raw, 25);
    lane->voucher.refund_ack = pp_grains(26 * UNIT);
    plan_make(world);
    expect(world, 0, 0);
    lane->chain.spent = pp_grains(40 * UNIT);
    plan_make(world);
    ck_assert_uint_eq(world->plan.actions[0].value.raw, 15);
    lane->chain.refunded = pp_grains(26 * UNIT);
    plan_make(world);
    ck_assert_uint_eq(world->plan.actions[0].value.raw, 24);
    lane->chain.vested = pp_grains(24 * UNIT);
    plan_make(world);
    expect(world, 0, 0);
    lane->chain.vested = PP_GRAINS_ZERO;
    lane->chain.cap = pp_units(3);
    plan_make(world);
    ck_assert_uint_eq(world->plan.actions[0].value.raw, 3);
    lane->channel.state = PP_CHANNEL_CHAIN_CLOSED;
    plan_make(world);
    expect(world, 0, 0);
    world_free(world);
}
END_TEST

/* Goal: dust waits and is shown, unless the lane leaves or closes (PLAN-011). */
START_TEST(plan_settle__dust__waits_unless_it_ends)
{
    struct world *world = world_make();
    struct pp_plan_lane *lane = lane_add(world, 50 * UNIT, 0);
    report_add(world, 98, 9 * UNIT, 0)->chain.vests_at_s = NOW;
    world->input.dust = pp_units(10);
    plan_make(world);
    expect(world, 0, 1);
    expect_wait(world, 0, PP_PLAN_DUST, 0);
    ck_assert_uint_eq(world->plan.waits[0].value.raw, 9);
    lane->channel.state = PP_CHANNEL_CHAIN_CLOSING;
    plan_make(world);
    expect(world, 1, 0);
    lane->channel.state = PP_CHANNEL_CHAIN_OPEN;
    lane->has_release = true;
    plan_make(world);
    expect(world, 1, 0);
    lane->has_release = false;
    world->input.dust = pp_units(9);
    plan_make(world);
    expect(world, 1, 0);
    lane->chain.vested = pp_grains(9 * UNIT - 1);
    world->input.dust = PP_UNITS_ZERO;
    plan_make(world);
    ck_assert_uint_eq(world->plan.actions[0].value.raw, 1);
    lane->chain.vested = pp_grains(8 * UNIT);
    lane->chain.cap = pp_units(8); /* capped: nothing more */
    plan_make(world);
    expect(world, 0, 0);
    world_free(world);
}
END_TEST

/* Goal: many lanes go in batches of the limit, each lane once. */
START_TEST(plan_settle__many_lanes__batches)
{
    struct world *world = world_make();
    bool seen[LANES_MAX] = {false};
    for (unsigned i = 0; i < 120; i++)
        lane_add(world, 50 * UNIT, 0);
    report_add(world, 98, 9 * UNIT, 0)->chain.vests_at_s = NOW;
    plan_make(world);
    expect(world, 2, 0);
    world->input.gas_most = 3200000; /* 48 lanes, by the upper bound of specs/gas.md */
    plan_make(world);
    expect(world, 3, 0);
    size_t total = 0;
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_uint_le(world->plan.actions[i].lanes_count, 48);
        ck_assert_uint_eq(world->plan.actions[i].value.raw, 9 * world->plan.actions[i].lanes_count);
        for (size_t k = 0; k < world->plan.actions[i].lanes_count; k++, total++) {
            uint32_t lane = world->plan.lanes[world->plan.actions[i].lanes_at + k];
            ck_assert(!seen[lane]);
            seen[lane] = true;
        }
    }
    ck_assert_uint_eq(total, 120);
    world->input.gas_most =
        1; /* a chain with blocks too small for any: one lane a call, and its node says no */
    plan_make(world);
    expect(world, PP_PLAN_ACTIONS_MAX, 0);
    ck_assert_uint_eq(world->plan.actions[0].lanes_count, 1);
    world_free(world);
}
END_TEST

/* Goal: lanes that end go first, then those with the most to gain (PLAN-012); halves have their own values. */
START_TEST(plan_settle__order__what_ends_then_the_most_valuable)
{
    struct world *world = world_make();
    struct pp_plan_action halves[2];
    static const unsigned expected[] = {1, 3, 2, 0};
    for (unsigned i = 0; i < 4; i++)
        lane_add(world, 50 * UNIT, 0);
    report_add(world, 98, 0, 0)->chain.vests_at_s = NOW;
    static const uint64_t earned[] = {3, 1, 5, 7};
    for (unsigned i = 0; i < 4; i++)
        world->bodies[0]->lanes[i].earned = pp_grains(earned[i] * UNIT);
    world->lanes[1].channel.state = PP_CHANNEL_CHAIN_CLOSING;
    plan_make(world);
    expect(world, 1, 0);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_uint_eq(world->plan.lanes[world->plan.actions[0].lanes_at + i], expected[i]);
    ck_assert_uint_eq(world->plan.actions[0].value.raw, 16);
    pp_plan_split(&world->input, &world->plan, &world->plan.actions[0], 1, halves);
    ck_assert_uint_eq(halves[0].lanes_count, 1);
    ck_assert_uint_eq(halves[0].value.raw, 1);
    ck_assert_uint_eq(halves[1].lanes_at, halves[0].lanes_at + 1);
    ck_assert_uint_eq(halves[1].lanes_count, 3);
    ck_assert_uint_eq(halves[1].value.raw, 15);
    world_free(world);
}
END_TEST

/* Goal: a release is posted when what was earned has vested, against the cap and number that it names (PLAN-020). */
START_TEST(plan_release__each_condition__posted_or_not)
{
    struct world *world = world_make();
    struct pp_plan_lane *lane = lane_add(world, 50 * UNIT, 0);
    lane->has_release = true;
    lane->release =
        (struct pp_abi_release){.lane = LANE, .old_cap = pp_units(100), .new_cap = pp_units(10), .seq = 3};
    lane->chain.seq = 3;
    lane->chain.vested = pp_grains(9 * UNIT);
    plan_make(world);
    expect(world, 0, 1);
    expect_wait(world, 0, PP_PLAN_RELEASE_WAITS, 0);
    ck_assert_uint_eq(world->plan.waits[0].value.raw, 90);
    lane->chain.vested = pp_grains(9 * UNIT + 1);
    plan_make(world);
    expect(world, 1, 0);
    ck_assert_int_eq(world->plan.actions[0].kind, PP_JOB_RELEASE);
    ck_assert_uint_eq(world->plan.actions[0].value.raw, 90);
    lane->chain.seq = 4;
    plan_make(world);
    expect(world, 0, 0);
    lane->chain.seq = 3;
    lane->chain.cap = pp_units(99);
    plan_make(world);
    expect(world, 0, 0);
    lane->chain.cap = pp_units(100);
    lane->channel.state = PP_CHANNEL_CHAIN_CLOSED;
    plan_make(world);
    expect(world, 0, 0);
    /* What is settled in this plan is released in the next. */
    lane->channel.state = PP_CHANNEL_CHAIN_OPEN;
    report_add(world, 98, 10 * UNIT, 0)->chain.vests_at_s = NOW;
    plan_make(world);
    expect(world, 1, 0);
    ck_assert_int_eq(world->plan.actions[0].kind, PP_JOB_SETTLE);
    world_free(world);
}
END_TEST

/* Goal: on a close a refund goes to the chain where it counts against a voucher there (PLAN-021). */
START_TEST(plan_refund__closing__posted_where_it_counts)
{
    struct world *world = world_make();
    struct pp_plan_lane *lane = lane_add(world, 50 * UNIT, 7 * UNIT);
    lane->chain.spent = pp_grains(20 * UNIT);
    plan_make(world);
    expect(world, 0, 0);
    lane->channel.state = PP_CHANNEL_CHAIN_CLOSING;
    plan_make(world);
    expect(world, 1, 0);
    ck_assert_int_eq(world->plan.actions[0].kind, PP_JOB_POST_REFUND);
    lane->chain.refunded = pp_grains(7 * UNIT);
    plan_make(world);
    expect(world, 0, 0);
    lane->chain.refunded = PP_GRAINS_ZERO;
    lane->chain.spent = PP_GRAINS_ZERO;
    plan_make(world);
    expect(world, 0, 0);
    world_free(world);
}
END_TEST

/* Goal: of a lane that leaves the refund is on chain before the release opens the way out (PLAN-021). */
START_TEST(plan_refund__leaving__posted_before_the_release)
{
    struct world *world = world_make();
    struct pp_plan_lane *lane = lane_add(world, 50 * UNIT, 7 * UNIT);
    lane->has_release = true;
    lane->release =
        (struct pp_abi_release){.lane = LANE, .old_cap = pp_units(100), .new_cap = pp_units(10), .seq = 3};
    lane->chain.seq = 3;
    lane->chain.spent = pp_grains(50 * UNIT);
    lane->chain.vested = pp_grains(10 * UNIT);
    plan_make(world);
    expect(world, 2, 0);
    ck_assert_int_eq(world->plan.actions[0].kind, PP_JOB_POST_REFUND);
    ck_assert_int_eq(world->plan.actions[1].kind, PP_JOB_RELEASE);
    lane->channel.state = PP_CHANNEL_CHAIN_CLOSED;
    plan_make(world);
    expect(world, 0, 0);
    world_free(world);
}
END_TEST

/* ---- payouts ---- */

/* Goal: payouts by the newest vested report, as far as the pool has money (PLAN-030). */
START_TEST(plan_payouts__pool_and_claims__due_or_wait)
{
    struct world *world = world_make();
    lane_add(world, 50 * UNIT, 0);
    world->lanes[0].chain.vested = pp_grains(50 * UNIT);
    struct pp_plan_report *report = report_add(world, 98, 50 * UNIT, 1000);
    report->chain.vests_at_s = NOW;
    world->input.pool = (struct pp_chain_pool){pp_units(1000), pp_units(0)};
    plan_make(world);
    expect(world, 2, 0);
    ck_assert_int_eq(world->plan.actions[0].kind, PP_JOB_CLAIM_PAYOUT);
    ck_assert_uint_eq(world->plan.actions[0].value.raw, 950);
    ck_assert_uint_eq(world->plan.actions[1].value.raw, 50);
    world->input.pool.received = pp_units(960);
    plan_make(world);
    expect(world, 1, 1);
    expect_wait(world, 0, PP_PLAN_POOL_EMPTY, 0);
    world->input.pool = (struct pp_chain_pool){pp_units(1000), pp_units(950)};
    world->payees[0].claimed = pp_units(950);
    plan_make(world);
    expect(world, 1, 0);
    ck_assert_uint_eq(world->plan.actions[0].payee, 1);
    world->input.dust = pp_units(51);
    plan_make(world);
    expect(world, 0, 1);
    expect_wait(world, 0, PP_PLAN_DUST, 0);
    world->input.dust = pp_units(1);
    world->payees[1].claimed = pp_units(51); /* the contract paid more: by a newer report */
    plan_make(world);
    expect(world, 0, 0);
    world->payees[1].claimed = PP_UNITS_ZERO;
    report->chain.superseded_at_s = NOW;
    plan_make(world);
    expect(world, 0, 0);
    report->chain.superseded_at_s = NOW + 1;
    plan_make(world);
    expect(world, 1, 0);
    world_free(world);
}
END_TEST

/* ---- intents ---- */

/* Goal: each action becomes the call of its kind, with an event that says that it worked, and a key of its own. */
START_TEST(plan_intent__every_kind__call_and_event)
{
    struct world *world = world_make();
    struct pp_plan_lane *lane = lane_add(world, 50 * UNIT, 7 * UNIT);
    static uint8_t buffer[65536];
    struct pp_address contract = {{9}};
    struct pp_hash keys[8] = {0};
    report_add(world, 97, 30 * UNIT, 1000)->chain.vests_at_s = NOW;
    struct pp_plan_report *next = report_add(world, 98, 40 * UNIT, 1000);
    world->input.head = (struct pp_chain_report_head){world->reports[0].hash, 97, 50, 9800};
    world->bodies[1]->fields.previous = world->reports[0].hash;
    world->input.pool.received = pp_units(1000);
    (void)next;
    struct pp_plan_lane *leaving = lane_add(world, 5 * UNIT, 0),
                        *closing = lane_add(world, 5 * UNIT, 2 * UNIT);
    leaving->has_release = true;
    leaving->release =
        (struct pp_abi_release){.lane = LANE, .old_cap = pp_units(100), .new_cap = pp_units(0)};
    closing->channel.state = PP_CHANNEL_CHAIN_CLOSING;
    closing->chain.spent = pp_grains(UNIT);
    plan_make(world);
    static const enum pp_job_kind kinds[] = {PP_JOB_POST_REPORT, PP_JOB_SETTLE,       PP_JOB_POST_REFUND,
                                             PP_JOB_RELEASE,     PP_JOB_CLAIM_PAYOUT, PP_JOB_CLAIM_PAYOUT};
    static const enum pp_abi_function calls[] = {PP_ABI_POST_REPORT,  PP_ABI_SETTLE,
                                                 PP_ABI_POST_REFUND,  PP_ABI_RELEASE,
                                                 PP_ABI_CLAIM_PAYOUT, PP_ABI_CLAIM_PAYOUT};
    static const enum pp_abi_event events[] = {PP_LOG_REPORT_POSTED,  PP_LOG_LANE_SETTLED,
                                               PP_LOG_REFUND_POSTED,  PP_LOG_LANE_CAP_CHANGED,
                                               PP_LOG_PAYOUT_CLAIMED, PP_LOG_PAYOUT_CLAIMED};
    ck_assert_uint_eq(world->plan.action_count, 6);
    for (unsigned i = 0; i < 6; i++) {
        struct pp_job_intent intent;
        struct pp_hash topic;
        uint8_t selector[4];
        ck_assert_int_eq(world->plan.actions[i].kind, kinds[i]);
        ck_assert_ok(pp_plan_intent(&world->input, &world->plan, &world->plan.actions[i], &contract, buffer,
                                    sizeof buffer, &intent));
        pp_abi_selector(calls[i], selector);
        ck_assert_mem_eq(intent.data, selector, 4);
        pp_abi_topic(events[i], &topic);
        ck_assert(pp_hash_eq(&intent.expectation.topics[0], &topic));
        ck_assert_uint_gt(intent.expectation.mask, 1);
        ck_assert_uint_gt(strlen(intent.label), 5);
        for (unsigned k = 0; k < i; k++)
            ck_assert(!pp_hash_eq(&keys[k], &intent.key));
        keys[i] = intent.key;
        ck_assert_error(pp_plan_intent(&world->input, &world->plan, &world->plan.actions[i], &contract,
                                       buffer, intent.data_length - 1, &intent),
                        PP_OVERFLOW);
    }
    (void)lane;
    world_free(world);
}
END_TEST

/* A report of one operator, where node 6 has left and owes 20 units of its lane, which closed with 50 spent, 40 earned and
 * 30 refunded, of which 20 vested; 90 are in its stake, 3 were collected. */
static void debt_make(struct world *world, struct pp_plan_debt *debt, uint64_t carry)
{
    static struct pp_pool_table before;
    before.count = 2;
    before.rows[0] = (struct pp_pool_row){.node_id = 0};
    before.rows[1] = (struct pp_pool_row){.node_id = 6, .carry = pp_units(carry)};
    world->leaves[0][0] = (struct pp_lane_leaf){.channel_id = {{7}},
                                                .lane = pp_lane_make(6, 0),
                                                .spent = pp_grains(50 * UNIT),
                                                .refunded = pp_grains(30 * UNIT),
                                                .earned = pp_grains(40 * UNIT),
                                                .owed = pp_grains(20 * UNIT + 1)};
    world->bodies[0] = calloc(1, sizeof *world->bodies[0]);
    const struct pp_report_terms terms = {.epoch = 97,
                                          .block_number = 50,
                                          .end_time_s = 9800,
                                          .received_total = pp_units(100),
                                          .policy = PP_POLICY_EQUAL,
                                          .operators = &world->operator,
                                          .operator_count = 1,
                                          .before = &before};
    ck_assert_ok(pp_report_build(&terms, world->leaves[0], 1, world->nodes[0], world->bodies[0]));
    world->trees[0] = (struct pp_lane_tree){world->nodes[0], 1};
    world->reports[0] = (struct pp_plan_report){
        .report = world->bodies[0], .tree = &world->trees[0], .hash = {{1}}, .chain = {.vests_at_s = NOW}};
    world->input.report_count = 1;
    world->input.payee_count = 0;
    *debt = (struct pp_plan_debt){.leaf = &world->leaves[0][0],
                                  .channel = {.state = PP_CHANNEL_CHAIN_CLOSED},
                                  .chain = {.spent = pp_grains(50 * UNIT),
                                            .refunded = pp_grains(30 * UNIT),
                                            .cap = pp_units(60),
                                            .vested = pp_grains(20 * UNIT)},
                                  .collected = pp_units(3),
                                  .stake = pp_units(90)};
    world->input.debts = debt;
    world->input.debt_count = 1;
}

/* Goal: the stake is drawn for what no payout covers, as the contract would, once. Method: one debt, one condition at a time.
 * PLAN-050 to PLAN-053, JOB-009 */
START_TEST(plan_debts__each_condition__collected_or_not)
{
    struct world *world = world_make();
    struct pp_plan_debt debt;
    struct pp_job_intent intent, again;
    struct pp_address contract = {{9}};
    static uint8_t buffer[4096];
    uint8_t selector[4];
    debt_make(world, &debt, 5); /* 5 of 20 are netted of the carry */
    plan_make(world);
    expect(world, 1, 0);
    ck_assert_int_eq(world->plan.actions[0].kind, PP_JOB_COLLECT_OWED);
    ck_assert_uint_eq(world->plan.actions[0].value.raw, 17);
    ck_assert_ok(pp_plan_intent(&world->input, &world->plan, &world->plan.actions[0], &contract, buffer,
                                sizeof buffer, &intent));
    pp_abi_selector(PP_ABI_COLLECT_OWED, selector);
    ck_assert_mem_eq(intent.data, selector, 4);
    debt.collected = pp_units(4); /* the same call does something again */
    ck_assert_ok(pp_plan_intent(&world->input, &world->plan, &world->plan.actions[0], &contract, buffer,
                                sizeof buffer, &again));
    ck_assert(!pp_hash_eq(&intent.key, &again.key));
#define NONE_WHEN(change)                                                                                    \
    do {                                                                                                     \
        free(world->bodies[0]);                                                                              \
        debt_make(world, &debt, 5);                                                                          \
        change;                                                                                              \
        plan_make(world);                                                                                    \
        expect(world, 0, 0);                                                                                 \
    } while (0)
    NONE_WHEN(debt.channel.state = PP_CHANNEL_CHAIN_CLOSING);
    NONE_WHEN(debt.collected = pp_units(20));
    NONE_WHEN(debt.collected = pp_units(21));
    NONE_WHEN(debt.stake = pp_units(0));
    NONE_WHEN(debt.chain.vested = pp_grains(40 * UNIT)); /* by the contract's numbers nothing is owed */
    ck_assert(pp_plan_is_debt(world->bodies[0], debt.leaf));
    world->bodies[0]->operators[0].node_id = 6; /* alone, and in debt to itself */
    ck_assert(!pp_plan_is_debt(world->bodies[0], debt.leaf));
    free(world->bodies[0]);
    debt_make(world, &debt, 5);
    world->reports[0].chain.vests_at_s = NOW + 1;
    plan_make(world);
    expect(world, 0, 1);
    expect_wait(world, 0, PP_PLAN_VESTING, NOW + 1);
    free(world->bodies[0]);
    debt_make(world, &debt, 20); /* its carry covers it */
    plan_make(world);
    expect(world, 0, 0);
    free(world->bodies[0]);
    debt_make(world, &debt, 5);
    debt.stake = pp_units(7);
    world->input.dust = pp_units(8);
    plan_make(world);
    expect(world, 0, 1);
    expect_wait(world, 0, PP_PLAN_DUST, 0);
    ck_assert_uint_eq(world->plan.waits[0].value.raw, 7);
    world_free(world);
#undef NONE_WHEN
}
END_TEST

/* Goal: the page and the code have the same reasons. */
START_TEST(plan_reasons__table__as_in_the_specification)
{
    struct pp_spec_table table;
    pp_spec_table_load("settlement.md", "reason to wait", &table);
    ck_assert_uint_eq(table.rows, PP_PLAN_REASON_COUNT);
    for (unsigned i = 0; i < PP_PLAN_REASON_COUNT; i++) {
        ck_assert_str_eq(pp_spec_cell(&table, i, 0), pp_plan_reason_name((enum pp_plan_reason)i));
        ck_assert_str_eq(pp_spec_cell(&table, i, 1), pp_plan_reason_sentence((enum pp_plan_reason)i));
    }
    pp_spec_table_done(&table);
}
END_TEST

/* Goal: several lanes are one settleBatch, whose proof was checked (PLAN-013, PLAN-014): a tree that is not the report's is
 * refused before it is sent. One lane is a settle; a buffer too small says so. */
START_TEST(plan_intent__several_lanes__one_call_with_a_proof_that_leads_to_the_root)
{
    struct world *world = world_make();
    struct pp_address contract = {{9}};
    struct pp_job_intent intent;
    static uint8_t buffer[65536];
    uint8_t selector[4];
    for (unsigned i = 0; i < 9; i++)
        lane_add(world, 50 * UNIT, 0);
    report_add(world, 98, 9 * UNIT, 0)->chain.vests_at_s = NOW;
    plan_make(world);
    expect(world, 1, 0);
    struct pp_plan_action action = world->plan.actions[0];
    ck_assert_ok(
        pp_plan_intent(&world->input, &world->plan, &action, &contract, buffer, sizeof buffer, &intent));
    pp_abi_selector(PP_ABI_SETTLE_BATCH, selector);
    ck_assert_mem_eq(buffer, selector, 4);
    ck_assert_error(pp_plan_intent(&world->input, &world->plan, &action, &contract, buffer,
                                   intent.data_length - 1, &intent),
                    PP_OVERFLOW);
    world->bodies[0]->fields.lanes_root.bytes[3] ^= 1;
    ck_assert_error(
        pp_plan_intent(&world->input, &world->plan, &action, &contract, buffer, sizeof buffer, &intent),
        PP_BAD_PROOF);
    action.lanes_count = 1;
    ck_assert_error(
        pp_plan_intent(&world->input, &world->plan, &action, &contract, buffer, sizeof buffer, &intent),
        PP_BAD_PROOF);
    world->bodies[0]->fields.lanes_root.bytes[3] ^= 1;
    ck_assert_ok(
        pp_plan_intent(&world->input, &world->plan, &action, &contract, buffer, sizeof buffer, &intent));
    pp_abi_selector(PP_ABI_SETTLE, selector);
    ck_assert_mem_eq(buffer, selector, 4);
    world_free(world);
}
END_TEST

static struct pp_hash key_of_first(struct world *world)
{
    struct pp_address contract = {{9}};
    struct pp_job_intent intent;
    static uint8_t buffer[65536];
    plan_make(world);
    ck_assert_uint_ge(world->plan.action_count, 1);
    ck_assert_ok(pp_plan_intent(&world->input, &world->plan, &world->plan.actions[0], &contract, buffer,
                                sizeof buffer, &intent));
    return intent.key;
}

/* Goal: a payout that was paid in part, and a lane whose cap was raised, are wanted again by the same call (JOB-009); while nothing
 * happened they are one. */
START_TEST(plan_intent__the_same_call_after_an_effect__another_key)
{
    struct world *world = world_make();
    struct pp_plan_lane *lane = lane_add(world, 50 * UNIT, 0);
    report_add(world, 98, 9 * UNIT, 60)->chain.vests_at_s = NOW;
    lane->chain.cap = pp_units(5);
    struct pp_hash settle = key_of_first(world), again = key_of_first(world);
    ck_assert(pp_hash_eq(&settle, &again));
    lane->chain.vested = pp_grains(5 * UNIT);
    lane->chain.cap = pp_units(100);
    again = key_of_first(world);
    ck_assert(!pp_hash_eq(&settle, &again));
    lane->chain.vested = pp_grains(9 * UNIT);
    world->input.pool.received = pp_units(60);
    struct pp_hash payout = key_of_first(world);
    ck_assert_int_eq(world->plan.actions[0].kind, PP_JOB_CLAIM_PAYOUT);
    again = key_of_first(world);
    ck_assert(pp_hash_eq(&payout, &again));
    world->payees[0].claimed = pp_units(20);
    again = key_of_first(world);
    ck_assert_int_eq(world->plan.actions[0].kind, PP_JOB_CLAIM_PAYOUT);
    ck_assert(!pp_hash_eq(&payout, &again));
    world_free(world);
}
END_TEST

PP_TESTS("plan")
PP_TEST(plan_report__each_condition__posted_or_waits)
PP_TEST(plan_report__nothing_new__waits)
PP_TEST(plan_settle__claims__as_the_contract_would)
PP_TEST(plan_settle__dust__waits_unless_it_ends)
PP_TEST(plan_settle__many_lanes__batches)
PP_TEST(plan_settle__order__what_ends_then_the_most_valuable)
PP_TEST(plan_intent__several_lanes__one_call_with_a_proof_that_leads_to_the_root)
PP_TEST(plan_intent__the_same_call_after_an_effect__another_key)
PP_TEST(plan_release__each_condition__posted_or_not)
PP_TEST(plan_refund__closing__posted_where_it_counts)
PP_TEST(plan_refund__leaving__posted_before_the_release)
PP_TEST(plan_payouts__pool_and_claims__due_or_wait)
PP_TEST(plan_intent__every_kind__call_and_event)
PP_TEST(plan_debts__each_condition__collected_or_not)
PP_TEST(plan_reasons__table__as_in_the_specification)
PP_TESTS_END
