/* The report that a node signs at the end of an epoch: which lanes it states, with what numbers, and whom it pays on top of
 * what. Method: a whole node; the bundle is read back as the settlement job reads it, and every number is predicted. */
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/claims.h>

#include <stdlib.h>
#include <string.h>

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    uint64_t received;
    struct pp_hash last;
};

static void world_open(struct world *world)
{
    *world = (struct world){0};
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, true);
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
}

static void world_close(struct world *world)
{
    pp_fixture_verify(&world->fixture, NULL);
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

static void send(struct world *world, struct pp_sender *sender, size_t count, struct pp_made_request *made)
{
    struct pp_answer answer;
    pp_request_make(made, &world->fixture, sender, count, (struct pp_parcel_of){1000, 5}, 1); /* 1000 + 5 x 3000 grains */
    pp_submit_wait(world->fixture.node, &made->request, &answer);
    ck_assert_ok(answer.error);
    for (size_t i = 0; i < count; i++)
        ck_assert_ok(answer.results[i].refusal.error);
    pp_answer_done(&answer);
}

/* An epoch passes; the chain has received so much, and its last report is the world's. */
static void epoch_pass(struct world *world)
{
    static const struct pp_hash none = {{0}};
    world->fixture.now_ms += world->fixture.config.epoch_seconds * 1000;
    pp_fixture_head(&world->fixture, world->received, memcmp(&world->last, &none, sizeof none) ? &world->last : NULL);
    ck_assert_ok(pp_node_tick(world->fixture.node));
}

static uint64_t epoch_before_now(const struct world *world)
{
    return (world->fixture.now_ms / 1000 - 2) / world->fixture.config.epoch_seconds - 1; /* the final block is 2 s old */
}

static struct pp_claims_report *report_read(const struct world *world, uint64_t epoch)
{
    struct pp_claims *claims;
    struct pp_claims_report *report;
    char reason[256];
    ck_assert_ok(pp_claims_open(world->fixture.dir, &claims, reason));
    ck_assert_ok(pp_claims_report(claims, epoch, &report));
    ck_assert_ok(pp_report_verify(&report->report, &world->fixture.config.domain, world->fixture.crypto));
    pp_claims_close(claims);
    return report;
}

static uint64_t paid(const struct pp_claims_report *report, uint32_t node_id)
{
    const struct pp_payout *payout;
    ck_assert_ok(pp_payout_find(&report->report.payouts, node_id, &payout));
    return payout->amount.raw;
}

/* Goal: every lane that ever spent is stated, with S, R and E of the journal and E + R <= S; one that never did is not, and
 * one that ended stays as it ended. */
START_TEST(report__lanes_of_every_state__those_that_spent)
{
    struct world world;
    struct pp_sender senders[4]; /* sends; never does; is not final; ends */
    struct pp_made_request made;
    struct pp_chain_event event;
    struct pp_delete delete;
    struct pp_delete_result result;
    struct pp_signed_refund refund;
    world_open(&world);
    for (unsigned i = 0; i < 4; i++) {
        pp_sender_init(&senders[i], &world.fixture, i);
        pp_sender_event(&senders[i], i == 2 ? PP_CHAIN_LANE_SEEN : PP_CHAIN_LANE_FINAL, 1000000, 0, &event);
        ck_assert_ok(pp_node_chain_events(world.fixture.node, &event, 1));
    }
    send(&world, &senders[3], 1, &made);
    pp_request_done(&made);
    pp_sender_event(&senders[3], PP_CHAIN_CLOSED, 0, 0, &event);
    ck_assert_ok(pp_node_chain_events(world.fixture.node, &event, 1));
    send(&world, &senders[0], 2, &made);
    pp_delete_make(&world.fixture, &senders[0], &made.envelopes[0].leaf, &made.ids[0], &delete);
    ck_assert_ok(pp_node_delete(world.fixture.node, &delete, 1, &result, &refund));
    ck_assert_ok(result.refusal.error);
    pp_request_done(&made);
    epoch_pass(&world);
    epoch_pass(&world); /* the next day */
    struct pp_claims_report *report = report_read(&world, epoch_before_now(&world));
    ck_assert_uint_eq(report->report.lane_count, 2);
    const struct pp_lane_leaf *leaf;
    ck_assert_ok(pp_report_lane(&report->report, &senders[0].channel_id, FIXTURE_LANE, &leaf));
    ck_assert(pp_grains_eq(leaf->spent, pp_grains(2 * 16000)));
    ck_assert(pp_grains_eq(leaf->refunded, pp_grains(4 * 3000)));
    ck_assert(pp_grains_eq(leaf->earned, pp_grains(2 * 1000 + 3000 + 2 * 3000)));
    ck_assert(pp_grains_is_zero(leaf->owed));
    ck_assert_ok(pp_report_lane(&report->report, &senders[3].channel_id, FIXTURE_LANE, &leaf));
    ck_assert(pp_grains_eq(leaf->earned, pp_grains(1000 + 3000))); /* nothing after its end */
    ck_assert_error(pp_report_lane(&report->report, &senders[1].channel_id, FIXTURE_LANE, &leaf), PP_NOT_FOUND);
    ck_assert_error(pp_report_lane(&report->report, &senders[2].channel_id, FIXTURE_LANE, &leaf), PP_NOT_FOUND);
    pp_claims_report_done(report);
    world_close(&world);
}
END_TEST

/* Goal: a chain's node that once said of one lane what cannot be does not stop the reports of all. */
START_TEST(report__more_vested_than_the_cap__stated_all_the_same)
{
    struct world world;
    struct pp_sender sender;
    struct pp_made_request made;
    struct pp_chain_event event;
    const struct pp_lane_leaf *leaf;
    world_open(&world);
    pp_sender_init(&sender, &world.fixture, 1);
    pp_sender_fund(&sender, &world.fixture, 25000000, 0);
    send(&world, &sender, 1, &made);
    pp_request_done(&made);
    pp_sender_event(&sender, PP_CHAIN_CLOSED, 0, 0, &event);
    event.vested = PP_GRAINS_MAX;
    ck_assert_ok(pp_node_chain_events(world.fixture.node, &event, 1));
    epoch_pass(&world);
    struct pp_claims_report *report = report_read(&world, epoch_before_now(&world));
    ck_assert_ok(pp_report_lane(&report->report, &sender.channel_id, FIXTURE_LANE, &leaf));
    ck_assert(pp_grains_eq(leaf->earned, pp_grains(4000)));
    ck_assert(pp_grains_is_zero(leaf->owed));
    pp_claims_report_done(report);
    pp_fixture_done(&world.fixture); /* verify rightly complains */
    pp_temp_dir_remove(&world.dir);
}
END_TEST

/* Goal: payouts are on top of what the chain's last report paid, also when reports between were never posted (NODE-072), and
 * never above what the pool received. Method: 5 % to the treasury; three epochs, of which the second's is not posted. */
START_TEST(report__on_top_of_the_last_posted__cumulative)
{
    struct world world;
    struct pp_sender sender;
    struct pp_made_request made;
    world_open(&world);
    pp_sender_init(&sender, &world.fixture, 1);
    pp_sender_fund(&sender, &world.fixture, 25000000, 0);
    send(&world, &sender, 1, &made);
    pp_request_done(&made);
    world.received = 1000;
    epoch_pass(&world);
    struct pp_claims_report *first = report_read(&world, epoch_before_now(&world));
    ck_assert_uint_eq(paid(first, PP_TREASURY_NODE_ID), 50);
    ck_assert_uint_eq(paid(first, FIXTURE_NODE_ID), 950);
    world.last = first->hash; /* posted */
    world.received = 1030;
    epoch_pass(&world);
    struct pp_claims_report *second = report_read(&world, epoch_before_now(&world));
    ck_assert_uint_eq(paid(second, PP_TREASURY_NODE_ID), 51); /* floor(30 x 5 %) = 1 */
    ck_assert_uint_eq(paid(second, FIXTURE_NODE_ID), 979);
    ck_assert_mem_eq(&second->report.fields.previous, &first->hash, 32);
    world.received = 1060;
    epoch_pass(&world); /* the chain's last is still the first */
    struct pp_claims_report *third = report_read(&world, epoch_before_now(&world));
    ck_assert_uint_eq(paid(third, PP_TREASURY_NODE_ID), 53); /* floor(60 x 5 %) = 3 */
    ck_assert_uint_eq(paid(third, FIXTURE_NODE_ID), 1007);
    ck_assert_mem_eq(&third->report.fields.previous, &first->hash, 32);
    ck_assert(third->report.fields.payout_total == 1060);
    ck_assert_uint_gt(third->report.fields.block_number, second->report.fields.block_number);
    pp_claims_report_done(first);
    pp_claims_report_done(second);
    pp_claims_report_done(third);
    world_close(&world);
}
END_TEST

/* Goal: nothing is signed while the view is stale or in conflict: neither block nor pool is known then. */
START_TEST(report__view_stale_or_in_conflict__none)
{
    struct world world;
    struct pp_sender sender;
    struct pp_made_request made;
    struct pp_node_status before, after;
    const struct pp_chain_event conflict = {.kind = PP_CHAIN_CONFLICT};
    world_open(&world);
    pp_sender_init(&sender, &world.fixture, 1);
    pp_sender_fund(&sender, &world.fixture, 25000000, 0);
    send(&world, &sender, 1, &made);
    pp_request_done(&made);
    pp_node_status(world.fixture.node, &before);
    world.fixture.now_ms += world.fixture.config.epoch_seconds * 1000;
    ck_assert_ok(pp_node_tick(world.fixture.node)); /* stale */
    pp_fixture_head(&world.fixture, 0, NULL);
    ck_assert_ok(pp_node_chain_events(world.fixture.node, &conflict, 1));
    ck_assert_ok(pp_node_tick(world.fixture.node));
    pp_node_status(world.fixture.node, &after);
    ck_assert_uint_eq(before.journal_sequence, after.journal_sequence);
    pp_fixture_head(&world.fixture, 0, NULL);
    ck_assert_ok(pp_node_tick(world.fixture.node));
    pp_node_status(world.fixture.node, &after);
    ck_assert_uint_gt(after.journal_sequence, before.journal_sequence);
    world_close(&world);
}
END_TEST

PP_TESTS("report")
PP_TEST(report__lanes_of_every_state__those_that_spent)
PP_TEST(report__more_vested_than_the_cap__stated_all_the_same)
PP_TEST(report__on_top_of_the_last_posted__cumulative)
PP_TEST(report__view_stale_or_in_conflict__none)
PP_TESTS_END
