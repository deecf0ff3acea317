/* The embedding interface, end to end over a real store: every call, and what it answers.
 * Method: a node in a temporary folder with an injected clock; balances are predicted by hand. */
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_sender sender;
};

static void world_open(struct world *world, bool embedded_store)
{
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, embedded_store);
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
    pp_sender_init(&world->sender, &world->fixture, 1);
    pp_sender_fund(&world->sender, &world->fixture, 25000000, 0);
}

static void world_close(struct world *world)
{
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

static void world_restart(struct world *world)
{
    pp_fixture_close(&world->fixture);
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
}

START_TEST(submit__single_and_batch__admitted_with_receipts)
{
    struct world world;
    world_open(&world, true);
    for (unsigned round = 0; round < 2; round++) {
        struct pp_made_request made;
        struct pp_answer answer;
        size_t count = round == 0 ? 1 : 64;
        pp_request_make(&made, &world.fixture, &world.sender, count, (struct pp_parcel_of){1000, 3}, round);
        pp_submit_wait(world.fixture.node, &made.request, &answer);
        ck_assert_ok(answer.submitted);
        ck_assert_msg(answer.error == PP_OK, "%s", pp_error_name(answer.error));
        ck_assert_uint_eq(answer.count, count);
        for (size_t i = 0; i < count; i++) {
            ck_assert_ok(answer.results[i].refusal.error);
            ck_assert(!answer.results[i].known);
        }
        pp_answer_check(&answer, &world.fixture, &made.request);
        ck_assert(pp_grains_eq(answer.spent, world.sender.head));
        pp_answer_done(&answer);
        pp_request_done(&made);
    }
    world_close(&world);
}
END_TEST

START_TEST(submit__again_also_after_restart__the_old_receipt_and_no_charge)
{
    struct world world;
    struct pp_made_request made;
    struct pp_answer first, again;
    world_open(&world, true);
    pp_request_make(&made, &world.fixture, &world.sender, 5, (struct pp_parcel_of){100, 1}, 9);
    pp_submit_wait(world.fixture.node, &made.request, &first);
    pp_answer_check(&first, &world.fixture, &made.request);
    for (unsigned round = 0; round < 3; round++) {
        if (round > 0)
            world_restart(&world);
        pp_submit_wait(world.fixture.node, &made.request, &again);
        ck_assert_ok(again.error);
        for (size_t i = 0; i < 5; i++) {
            ck_assert_ok(again.results[i].refusal.error);
            ck_assert(again.results[i].known);
            ck_assert_uint_eq(again.results[i].sequence, first.results[i].sequence);
            ck_assert_uint_eq(again.results[i].time_ms, first.results[i].time_ms);
        }
        pp_answer_check(&again, &world.fixture, &made.request);
        ck_assert(pp_grains_eq(again.spent, first.spent));
        pp_answer_done(&again);
    }
    struct pp_lane_status status;
    ck_assert_ok(pp_node_lane_status(world.fixture.node, &world.sender.channel_id, FIXTURE_LANE, &status));
    ck_assert_uint_eq(status.stamps, 5);
    ck_assert(pp_grains_eq(status.spent, world.sender.head));
    pp_answer_done(&first);
    pp_request_done(&made);
    world_close(&world);
}
END_TEST

PP_TESTS("node")
PP_TEST(submit__single_and_batch__admitted_with_receipts)
PP_TEST(submit__again_also_after_restart__the_old_receipt_and_no_charge)
PP_TESTS_END
