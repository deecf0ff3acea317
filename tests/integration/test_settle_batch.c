/* Many lanes, settled as a batch with one proof and one by one, on a real chain: the same lanes, the same pool, and one bad claim
 * holds nothing up. What the plan makes is what is sent; anvil is taken back between the two. */
#include "anvil.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/chain_contract.h>
#include <pp/plan.h>
#include <pp/voucher.h>

#include <stdio.h>
#include <stdlib.h>

#define LANE (PP_ANVIL_NODE << 8)
#define LANES 40u
#define PAYER 1u
#define SIGNER 2u
#define OPERATOR 3u
#define CAP UINT64_C(1000000)
#define UNIT UINT64_C(1000000)

struct world {
    struct pp_anvil anvil;
    struct pp_crypto *crypto;
    struct pp_rpc *rpc;
    struct pp_contract contract;
    struct pp_domain domain;
    struct pp_operator operator;
    struct pp_plan_lane lanes[LANES];
    struct pp_lane_leaf leaves[LANES];
    struct pp_hash nodes[2 * LANES];
    struct pp_lane_tree tree;
    struct pp_report report;
    struct pp_plan_report planned;
    struct pp_plan_input input;
    struct pp_plan plan;
    uint32_t room[2 * LANES];
    struct pp_plan_gain gains[LANES];
    uint8_t buffer[PP_TX_MAX_BYTES];
    char snapshot[80];
};

static uint64_t now_s(const struct world *world)
{
    struct pp_rpc_block block;
    ck_assert_ok(pp_rpc_block(world->rpc, PP_RPC_LATEST, &block));
    return block.block.time_s;
}

static void channels_open(struct world *world)
{
    uint8_t data[1024];
    struct pp_writer w;
    uint32_t lane = LANE;
    const struct pp_units cap = pp_units(CAP);
    const struct pp_abi_caps caps = {&lane, &cap, 1};
    pp_writer_init(&w, data, sizeof data);
    pp_abi_write_approve(&w, &world->anvil.contract, pp_units(LANES * CAP));
    pp_anvil_send(&world->anvil, &world->anvil.accounts[PAYER], &world->anvil.token, &w);
    for (unsigned i = 0; i < LANES; i++) {
        const struct pp_channel_config config = {world->anvil.accounts[PAYER], world->anvil.accounts[SIGNER],
                                                 i};
        world->lanes[i].config = config;
        world->lanes[i].lane = LANE;
        const struct pp_channel_fields fields = {config.payer, config.signer, config.nonce};
        pp_channel_id_of(&world->domain, &fields, &world->lanes[i].channel_id);
        pp_writer_init(&w, data, sizeof data);
        pp_abi_write_deposit(&w, PP_ABI_OPEN, &config, cap, &caps);
        pp_anvil_send(&world->anvil, &world->anvil.accounts[PAYER], &world->anvil.contract, &w);
    }
}

/* Each lane spends and earns other amounts; every third has a refund that its voucher acknowledges. */
static void claims_make(struct world *world)
{
    for (unsigned i = 0; i < LANES; i++) {
        struct pp_plan_lane *lane = &world->lanes[i];
        struct pp_hash digest;
        uint64_t spent = (50 + i) * UNIT + i, refunded = i % 3 == 0 ? 2 * UNIT : 0;
        struct pp_voucher voucher = {.channel_id = lane->channel_id,
                                     .lane = LANE,
                                     .spent = pp_grains(spent),
                                     .refund_ack = pp_grains(refunded)};
        ck_assert_ok(pp_voucher_sign(world->crypto, &world->domain, &world->anvil.keys[SIGNER], &voucher));
        lane->voucher =
            (struct pp_abi_voucher){voucher.spent, voucher.refund_ack, voucher.context, voucher.signature};
        if (refunded > 0) {
            const struct pp_refund_fields fields = {
                .channel_id = lane->channel_id, .lane = LANE, .refunded = pp_grains(refunded)};
            pp_refund_digest(&world->domain, &fields, &digest);
            lane->refund.refunded = fields.refunded;
            ck_assert_ok(
                pp_sign(world->crypto, &world->anvil.keys[OPERATOR], &digest, &lane->refund.signature));
        }
        world->leaves[i] = (struct pp_lane_leaf){.channel_id = lane->channel_id,
                                                 .lane = LANE,
                                                 .spent = pp_grains(spent),
                                                 .refunded = pp_grains(refunded),
                                                 .earned = pp_grains((10 + i) * UNIT + 7)};
    }
}

static void report_post(struct world *world)
{
    uint8_t data[4096];
    struct pp_writer w;
    struct pp_rpc_block block;
    ck_assert_ok(pp_rpc_block(world->rpc, PP_RPC_LATEST, &block));
    const struct pp_report_terms terms = {.epoch = block.block.time_s / PP_ANVIL_EPOCH_S,
                                          .block_number = block.block.number,
                                          .end_time_s = block.block.time_s,
                                          .received_total = pp_units(300),
                                          .protocol_basis_points = PP_ANVIL_SHARE_BPS,
                                          .policy = PP_POLICY_EQUAL,
                                          .treasury_payee = world->anvil.accounts[5],
                                          .operators = &world->operator,
                                          .operator_count = 1 };
    ck_assert_ok(pp_report_build(&terms, world->leaves, LANES, world->nodes, &world->report));
    world->tree = (struct pp_lane_tree){world->nodes, LANES};
    struct pp_hash *hash = &world->planned.hash;
    pp_report_digest(&world->domain, &world->report, hash);
    world->report.signature_count = 1;
    world->report.signatures[0].node_id = PP_ANVIL_NODE;
    ck_assert_ok(
        pp_sign(world->crypto, &world->anvil.keys[OPERATOR], hash, &world->report.signatures[0].signature));
    pp_anvil_mine(&world->anvil, 2, 1);
    pp_writer_init(&w, data, sizeof data);
    pp_abi_write_post_report(&w, &world->report.fields, &world->operator, 1, world->report.signatures, 1);
    pp_anvil_send(&world->anvil, &world->anvil.accounts[0], &world->anvil.contract, &w);
    pp_anvil_mine(&world->anvil, 1, PP_ANVIL_VESTING_S + 1);
    pp_anvil_mine(&world->anvil, 1, 1);
}

static void snapshot_take(struct world *world)
{
    json_t *id = pp_anvil_rpc(&world->anvil, "evm_snapshot", "[]");
    snprintf(world->snapshot, sizeof world->snapshot, "[\"%s\"]", json_string_value(id));
    json_decref(id);
}

static void snapshot_revert(struct world *world)
{
    json_decref(pp_anvil_rpc(&world->anvil, "evm_revert", world->snapshot));
    snapshot_take(world);
}

static struct world *world_start(void)
{
    struct world *world = calloc(1, sizeof *world);
    ck_assert_ptr_nonnull(world);
    ck_assert_ok(pp_crypto_open(&world->crypto));
    pp_anvil_start(&world->anvil, 2);
    pp_anvil_deploy(&world->anvil, &world->anvil.accounts[OPERATOR], &world->anvil.accounts[4]);
    ck_assert_ok(pp_rpc_open(world->anvil.url, 5000, &world->rpc));
    world->contract = (struct pp_contract){world->rpc, world->anvil.contract};
    pp_domain_init(&world->domain, PP_ANVIL_CHAIN_ID, &world->anvil.contract);
    world->operator=(struct pp_operator){
        .node_id = PP_ANVIL_NODE, .key = world->anvil.accounts[OPERATOR], .payee = world->anvil.accounts[4]};
    channels_open(world);
    claims_make(world);
    report_post(world);
    snapshot_take(world);
    return world;
}

static void world_stop(struct world *world)
{
    pp_rpc_close(world->rpc);
    pp_anvil_stop(&world->anvil);
    pp_crypto_close(world->crypto);
    free(world);
}

/* As the job would: what the contract says now, then the plan. */
static void plan_make(struct world *world)
{
    struct pp_plan_report *planned = &world->planned;
    planned->report = &world->report;
    planned->tree = &world->tree;
    ck_assert_ok(pp_contract_report(&world->contract, &planned->hash, &planned->chain));
    for (unsigned i = 0; i < LANES; i++) {
        struct pp_plan_lane *lane = &world->lanes[i];
        ck_assert_ok(pp_contract_channel(&world->contract, &lane->channel_id, &lane->channel));
        ck_assert_ok(pp_contract_lane(&world->contract, &lane->channel_id, LANE, &lane->chain));
    }
    world->input.latest.time_s = now_s(world);
    world->input.lanes = world->lanes;
    world->input.lane_count = LANES;
    world->input.reports = planned;
    world->input.report_count = 1;
    world->input.dust = pp_units(1);
    world->plan.lanes = world->room;
    world->plan.gains = world->gains;
    pp_plan(&world->input, &world->plan);
}

static void action_send(struct world *world, const struct pp_plan_action *action)
{
    struct pp_job_intent intent;
    struct pp_writer w;
    ck_assert_ok(pp_plan_intent(&world->input, &world->plan, action, &world->anvil.contract, world->buffer,
                                sizeof world->buffer, &intent));
    pp_writer_init(&w, world->buffer, sizeof world->buffer);
    w.length = intent.data_length;
    pp_anvil_send(&world->anvil, &world->anvil.accounts[0], &world->anvil.contract, &w);
}

struct outcome {
    struct pp_chain_lane lanes[LANES];
    struct pp_chain_channel channels[LANES];
    struct pp_chain_pool pool;
};

static void outcome_read(const struct world *world, struct outcome *out)
{
    memset(out, 0, sizeof *out);
    for (unsigned i = 0; i < LANES; i++) {
        ck_assert_ok(pp_contract_lane(&world->contract, &world->lanes[i].channel_id, LANE, &out->lanes[i]));
        ck_assert_ok(pp_contract_channel(&world->contract, &world->lanes[i].channel_id, &out->channels[i]));
    }
    ck_assert_ok(pp_contract_pool(&world->contract, PP_RPC_AT_LATEST, &out->pool));
}

/* Everything that is planned, in transactions of at most so many lanes. */
static unsigned settle_all(struct world *world, size_t lanes_most)
{
    unsigned sent = 0;
    plan_make(world);
    ck_assert_uint_eq(world->plan.action_count, 1);
    struct pp_plan_action rest = world->plan.actions[0], cut[2];
    for (; rest.lanes_count > lanes_most; rest = cut[1], sent++) {
        pp_plan_split(&world->input, &world->plan, &rest, lanes_most, cut);
        action_send(world, &cut[0]);
    }
    action_send(world, &rest);
    return sent + 1;
}

static void expect_same(const struct outcome *a, const struct outcome *b)
{
    ck_assert_mem_eq(a->lanes, b->lanes, sizeof a->lanes);
    ck_assert_mem_eq(a->channels, b->channels, sizeof a->channels);
    ck_assert_uint_eq(a->pool.received.raw, b->pool.received.raw);
}

/* PLAN-013, CHAIN-038 */
START_TEST(settle__as_a_batch_and_one_by_one__same_lanes_and_pool)
{
    static struct outcome single, batch;
    struct world *world = world_start();
    ck_assert_uint_eq(settle_all(world, 1), LANES);
    outcome_read(world, &single);
    uint64_t credited = 0;
    for (unsigned i = 0; i < LANES; i++) {
        ck_assert(single.lanes[i].vested.raw == (10 + i) * UNIT + 7);
        credited += 10 + i;
    }
    ck_assert_uint_eq(single.pool.received.raw, credited);
    static const size_t sizes[] = {LANES, 7, 2};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        snapshot_revert(world);
        settle_all(world, sizes[i]);
        outcome_read(world, &batch);
        expect_same(&single, &batch);
        plan_make(world);
        ck_assert_uint_eq(world->plan.action_count, 0);
    }
    world_stop(world);
}
END_TEST

/* PLAN-014: what one claim lacks costs that lane alone: a forged voucher, a refund that is not the operator's. */
START_TEST(settle__bad_claims_in_a_batch__the_others_are_credited)
{
    static struct outcome before, after;
    struct world *world = world_start();
    outcome_read(world, &before);
    world->lanes[7].voucher.signature.bytes[5] ^= 1;
    world->lanes[9].refund.signature = world->lanes[12].refund.signature;
    ck_assert_uint_eq(settle_all(world, LANES), 1);
    outcome_read(world, &after);
    for (unsigned i = 0; i < LANES; i++) {
        bool bad = i == 7 || i == 9;
        ck_assert(after.lanes[i].vested.raw == (bad ? 0 : (10 + i) * UNIT + 7));
        if (bad)
            ck_assert_mem_eq(&before.lanes[i], &after.lanes[i], sizeof after.lanes[i]);
    }
    world_stop(world);
}
END_TEST

PP_TESTS("settle_batch")
PP_TEST(settle__as_a_batch_and_one_by_one__same_lanes_and_pool)
PP_TEST(settle__bad_claims_in_a_batch__the_others_are_credited)
PP_TESTS_END
