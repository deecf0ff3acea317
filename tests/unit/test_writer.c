/* Groups, days, load, the chain's news, and what may be seen while a commit is not done.
 * Method: a node with an injected clock; where an order of threads matters, a gate before the commit. */
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include "engine/node.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_sender sender;
};

static void world_open(struct world *world)
{
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, true);
    world->fixture.rates.target_per_minute = 10;
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
    pp_sender_init(&world->sender, &world->fixture, 1);
    pp_sender_fund(&world->sender, &world->fixture, 10000000, 0);
}

static void world_close(struct world *world)
{
    pp_fixture_verify(&world->fixture, NULL);
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

static enum pp_error send(struct world *world, size_t count, unsigned seed)
{
    struct pp_made_request made;
    struct pp_answer answer;
    struct pp_sender before = world->sender;
    pp_request_make(&made, &world->fixture, &world->sender, count, (struct pp_parcel_of){60, 3}, seed);
    pp_submit_wait(world->fixture.node, &made.request, &answer);
    ck_assert_ok(answer.submitted);
    enum pp_error error = answer.error != PP_OK ? answer.error : answer.results[0].refusal.error;
    if (error != PP_OK)
        world->sender = before;
    pp_answer_done(&answer);
    pp_request_done(&made);
    return error;
}

static void tell(struct world *world, enum pp_chain_event_kind kind, uint64_t cap, uint32_t seq, enum pp_error expected)
{
    struct pp_chain_event event;
    pp_sender_event(&world->sender, kind, cap, seq, &event);
    event.time_s = world->fixture.now_ms / 1000;
    ck_assert_error(pp_node_chain_events(world->fixture.node, &event, 1), expected);
}

static struct pp_lane_status lane_of(struct world *world)
{
    struct pp_lane_status status;
    ck_assert_ok(pp_node_lane_status(world->fixture.node, &world->sender.channel_id, FIXTURE_LANE, &status));
    return status;
}

static struct pp_node_status node_of(struct world *world)
{
    struct pp_node_status status;
    pp_node_status(world->fixture.node, &status);
    return status;
}

/* NODE-029: nothing is being verified, so nothing is waited for, however late the deadline is. */
START_TEST(group__alone__does_not_wait_for_company)
{
    struct world world;
    world_open(&world);
    ck_assert_ptr_null(
        pp_pipeline_next_for(world.fixture.node, pp_monotonic_ns() + UINT64_C(1000000000000), 1));
    ck_assert_uint_le(PP_GROUP_WAIT_MAX_NS, 2000000);
    world_close(&world);
}
END_TEST

/* NODE-030, NODE-031 */
START_TEST(day__turns__begins_by_its_record_before_anything_of_it)
{
    struct world world;
    world_open(&world);
    ck_assert_ok(send(&world, 1, 1));
    ck_assert(pp_grains_eq(lane_of(&world).earned, pp_grains(1000 + 180)));
    world.fixture.now_ms += FIXTURE_DAY_MS;
    pp_fixture_head(&world.fixture, 0, NULL);
    uint64_t sequence = node_of(&world).journal_sequence;
    ck_assert_ok(send(&world, 1, 2)); /* no tick: the stamp itself brings the day */
    ck_assert_uint_eq(node_of(&world).journal_sequence, sequence + 2);
    ck_assert_uint_eq(node_of(&world).day, FIXTURE_START_MS / FIXTURE_DAY_MS + 1);
    ck_assert(pp_grains_eq(lane_of(&world).earned, pp_grains(2 * 1000 + 3 * 180)));
    world.fixture.now_ms += 5 * FIXTURE_DAY_MS; /* several at once are one record */
    pp_fixture_head(&world.fixture, 0, NULL);
    ck_assert_ok(pp_node_tick(world.fixture.node));
    ck_assert_uint_eq(node_of(&world).journal_sequence, sequence + 3 + 1); /* and the report of the epoch */
    ck_assert(pp_grains_eq(lane_of(&world).earned, pp_grains(2 * 1000 + 6 * 180)));
    world_close(&world);
}
END_TEST

static uint32_t units_now(struct world *world)
{
    uint8_t bytes[PP_QUOTE_MAX_BYTES];
    size_t length;
    struct pp_quote quote;
    ck_assert_ok(pp_node_quote(world->fixture.node, bytes, &length, &quote));
    return quote.congestion_units;
}

/* NODE-032: ten a minute are the target; fifteen are the top. */
START_TEST(load__admitted_stamps_only__also_after_a_restart)
{
    struct world world;
    world_open(&world);
    ck_assert_uint_eq(units_now(&world), 0);
    ck_assert_ok(send(&world, 10, 1));
    ck_assert_uint_eq(units_now(&world), 0);
    world.sender.refund_ack = pp_grains(5);
    ck_assert_error(send(&world, 20, 2), PP_REFUND_ACK_UNKNOWN); /* refused: no load */
    world.sender.refund_ack = PP_GRAINS_ZERO;
    ck_assert_uint_eq(units_now(&world), 0);
    ck_assert_ok(send(&world, 30, 3)); /* at the price before it */
    ck_assert_uint_eq(units_now(&world), 100);
    pp_fixture_close(&world.fixture);
    pp_fixture_open(&world.fixture);
    pp_fixture_head(&world.fixture, 0, NULL);
    ck_assert_uint_eq(units_now(&world), 100);
    world.fixture.now_ms += 6 * 60000;
    ck_assert_uint_eq(units_now(&world), 0);
    world_close(&world);
}
END_TEST

/* NODE-033 */
START_TEST(clock__behind_the_journal__refused_until_it_is_right)
{
    struct world world;
    world_open(&world);
    world.fixture.now_ms += 100000;
    pp_fixture_head(&world.fixture, 0, NULL);
    ck_assert_ok(send(&world, 1, 1));
    world.fixture.now_ms -= 50000; /* within the bound */
    ck_assert_ok(send(&world, 1, 2));
    world.fixture.now_ms -= 20000;
    ck_assert_error(send(&world, 1, 3), PP_CLOCK);
    world.fixture.now_ms += 70000;
    ck_assert_ok(send(&world, 1, 4));
    world_close(&world);
}
END_TEST

/* NODE-040, NODE-041, NODE-044 */
START_TEST(chain__the_same_news_again__not_journaled)
{
    struct world world;
    struct pp_sender stranger;
    struct pp_chain_event events[3];
    world_open(&world);
    ck_assert_ok(send(&world, 1, 1));
    static const struct {
        enum pp_chain_event_kind kind;
        uint64_t cap;
        uint32_t seq;
        unsigned records;
    } news[] = {
        {PP_CHAIN_LANE_SEEN, 0, 0, 0},         {PP_CHAIN_LANE_FINAL, 10000000, 0, 0}, {PP_CHAIN_LANE_FINAL, 20000000, 1, 1},
        {PP_CHAIN_LANE_FINAL, 20000000, 1, 0}, {PP_CHAIN_LANE_FINAL, 10000000, 0, 0}, {PP_CHAIN_CAP_LOWERED, 19000000, 2, 1},
        {PP_CHAIN_CAP_LOWERED, 19000000, 2, 0}, {PP_CHAIN_LOWERING_UNDONE, 0, 0, 1}, {PP_CHAIN_LOWERING_UNDONE, 0, 0, 0},
        {PP_CHAIN_CAP_LOWERED, 19000000, 2, 1}, {PP_CHAIN_LANE_FINAL, 19000000, 2, 1}, {PP_CHAIN_SETTLED, 0, 0, 0},
        {PP_CHAIN_CLOSE_UNDONE, 0, 0, 0},      {PP_CHAIN_CLOSING, 0, 0, 1},           {PP_CHAIN_CLOSING, 0, 0, 0},
        {PP_CHAIN_CLOSE_UNDONE, 0, 0, 1},      {PP_CHAIN_CLOSE_UNDONE, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof news / sizeof news[0]; i++) {
        uint64_t before = node_of(&world).journal_sequence;
        tell(&world, news[i].kind, news[i].cap, news[i].seq, PP_OK);
        ck_assert_msg(node_of(&world).journal_sequence == before + news[i].records, "news %zu", i);
    }
    ck_assert_uint_eq(lane_of(&world).cap.raw, 19000000);
    ck_assert_ok(send(&world, 1, 2));

    /* One of another lane number, one of a channel that nobody opened, and one that is right. */
    pp_sender_init(&stranger, &world.fixture, 5);
    pp_sender_event(&stranger, PP_CHAIN_LANE_FINAL, 5, 0, &events[0]);
    events[0].lane++;
    pp_sender_event(&stranger, PP_CHAIN_CLOSING, 0, 0, &events[1]);
    pp_sender_event(&world.sender, PP_CHAIN_LANE_FINAL, 30000000, 3, &events[2]);
    ck_assert_error(pp_node_chain_events(world.fixture.node, events, 3), PP_UNKNOWN_LANE);
    ck_assert_uint_eq(lane_of(&world).cap.raw, 30000000);

    /* The same seq with another cap. */
    tell(&world, PP_CHAIN_LANE_FINAL, 31000000, 3, PP_OK);
    ck_assert_str_eq(lane_of(&world).state, "FROZEN");
    ck_assert_error(send(&world, 1, 3), PP_LANE_FROZEN);
    tell(&world, PP_CHAIN_CLOSED, 0, 0, PP_OK);
    ck_assert_error(send(&world, 1, 3), PP_LANE_SETTLED);
    tell(&world, PP_CHAIN_CLOSED, 0, 0, PP_OK);
    tell(&world, PP_CHAIN_LANE_FINAL, 40000000, 4, PP_OK);
    ck_assert_uint_eq(lane_of(&world).cap.raw, 30000000);
    world_close(&world);
}
END_TEST

/* NODE-034, NODE-043 */
START_TEST(view__unknown_stale_ahead_or_in_conflict__frozen_until_it_is_right)
{
    struct world world;
    struct pp_chain_event conflict = {.kind = PP_CHAIN_CONFLICT};
    world_open(&world);
    ck_assert_ok(send(&world, 1, 1));
    pp_fixture_close(&world.fixture);
    pp_fixture_open(&world.fixture); /* nothing was heard since */
    ck_assert_error(send(&world, 1, 2), PP_LANE_FROZEN);
    ck_assert_str_eq(lane_of(&world).state, "FROZEN");
    ck_assert(!node_of(&world).chain_fresh);
    pp_fixture_head(&world.fixture, 0, NULL);
    ck_assert_ok(send(&world, 1, 2));
    world.fixture.now_ms += world.fixture.config.freshness_ms;
    ck_assert_ok(send(&world, 1, 3));
    world.fixture.now_ms += 1001;
    ck_assert_error(send(&world, 1, 4), PP_LANE_FROZEN);
    pp_fixture_head(&world.fixture, 0, NULL);
    ck_assert_ok(send(&world, 1, 4));
    ck_assert_ok(pp_node_chain_events(world.fixture.node, &conflict, 1));
    ck_assert_error(send(&world, 1, 5), PP_LANE_FROZEN);
    pp_fixture_head(&world.fixture, 0, NULL);
    ck_assert_ok(send(&world, 1, 5));
    world.fixture.now_ms += world.fixture.config.freshness_ms + 60000;
    pp_fixture_head(&world.fixture, 0, NULL);
    world.fixture.now_ms -= world.fixture.config.freshness_ms + 2000; /* the chain is ahead of the clock */
    ck_assert_error(send(&world, 1, 6), PP_LANE_FROZEN);
    world.sender.channel_id.bytes[0] ^= 1;
    ck_assert_error(send(&world, 1, 6), PP_UNKNOWN_CHANNEL);
    world_close(&world);
}
END_TEST

/* NODE-042 */
START_TEST(close__requested_and_undone__the_days_between_are_earned)
{
    struct world world;
    world_open(&world);
    ck_assert_ok(send(&world, 1, 1));
    tell(&world, PP_CHAIN_CLOSING, 0, 0, PP_OK);
    ck_assert_error(send(&world, 1, 2), PP_LANE_CLOSING);
    world.fixture.now_ms += FIXTURE_DAY_MS;
    pp_fixture_head(&world.fixture, 0, NULL);
    ck_assert_ok(pp_node_tick(world.fixture.node));
    ck_assert(pp_grains_eq(lane_of(&world).earned, pp_grains(1000 + 180)));
    tell(&world, PP_CHAIN_CLOSE_UNDONE, 0, 0, PP_OK);
    ck_assert(pp_grains_eq(lane_of(&world).earned, pp_grains(1000 + 2 * 180)));
    ck_assert_ok(send(&world, 1, 2));
    world_close(&world);
}
END_TEST

/* ---- what may be seen while a commit is not done ---- */

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool shut;
    unsigned waiting;
    enum pp_error answer;
};

static enum pp_error gate_pass(void *context)
{
    struct gate *gate = context;
    pthread_mutex_lock(&gate->lock);
    gate->waiting++;
    pthread_cond_broadcast(&gate->moved);
    while (gate->shut)
        pthread_cond_wait(&gate->moved, &gate->lock);
    enum pp_error answer = gate->answer;
    pthread_mutex_unlock(&gate->lock);
    return answer;
}

struct look {
    struct world *world;
    enum pp_error sent;
    struct pp_lane_status status;
};

static void *send_main(void *context)
{
    struct look *look = context;
    look->sent = send(look->world, 1, 2);
    return NULL;
}

static void *look_main(void *context)
{
    struct look *look = context;
    look->status = lane_of(look->world);
    return NULL;
}

/* NODE-060, NODE-020 */
START_TEST(status__during_a_commit_that_fails__never_shows_it)
{
    struct world world;
    struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, true, 0, PP_IO};
    struct look look = {.world = &world};
    pthread_t sender, looker;
    world_open(&world);
    ck_assert_ok(send(&world, 1, 1));
    pp_store_inject(world.fixture.node->data.journal, gate_pass, &gate);
    ck_assert_int_eq(pthread_create(&sender, NULL, send_main, &look), 0);
    pthread_mutex_lock(&gate.lock);
    while (gate.waiting == 0)
        pthread_cond_wait(&gate.moved, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
    ck_assert_int_eq(pthread_create(&looker, NULL, look_main, &look), 0);
    for (bool asked = false; !asked;) {
        pthread_mutex_lock(&world.fixture.node->lock);
        asked = world.fixture.node->to_write.first != NULL;
        pthread_mutex_unlock(&world.fixture.node->lock);
        sched_yield();
    }
    pthread_mutex_lock(&gate.lock);
    gate.shut = false;
    pthread_cond_broadcast(&gate.moved);
    pthread_mutex_unlock(&gate.lock);
    pthread_join(sender, NULL);
    pthread_join(looker, NULL);
    ck_assert_error(look.sent, PP_IO);
    ck_assert_uint_eq(look.status.stamps, 1);
    pp_store_inject(world.fixture.node->data.journal, NULL, NULL);
    ck_assert_ok(send(&world, 1, 2));
    world_close(&world);
}
END_TEST

/* NODE-091: what is touched of the pools by a lane that never sends; bench measures the same on the process. */
START_TEST(lane__idle__costs_at_most_512_bytes)
{
    ck_assert_uint_le(sizeof(struct pp_ledger_lane) + 4 * sizeof(uint32_t), 512);
}
END_TEST

PP_TESTS("writer")
PP_TEST(group__alone__does_not_wait_for_company)
PP_TEST(day__turns__begins_by_its_record_before_anything_of_it)
PP_TEST(load__admitted_stamps_only__also_after_a_restart)
PP_TEST(clock__behind_the_journal__refused_until_it_is_right)
PP_TEST(chain__the_same_news_again__not_journaled)
PP_TEST(view__unknown_stale_ahead_or_in_conflict__frozen_until_it_is_right)
PP_TEST(close__requested_and_undone__the_days_between_are_earned)
PP_TEST(status__during_a_commit_that_fails__never_shows_it)
PP_TEST(lane__idle__costs_at_most_512_bytes)
PP_TESTS_END
