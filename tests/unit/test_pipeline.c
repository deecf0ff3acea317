/* Who is served first, and who is told to come again: the lines before the verify threads.
 * Method: a node with one verify thread, which the test holds up by the lock that every look at a lane needs. */
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include "engine/node.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

#define HONEST 100u
#define FORGED 120u
#define FORGER UINT64_C(9)

struct order {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    unsigned count;              /* answers so far */
    unsigned forged_before_last; /* answers to the forger when the last honest one came */
    unsigned honest, forged;
};

struct asked {
    struct order *order;
    bool honest;
};

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_sender sender, other;
    struct order order;
};

static void world_open(struct world *world, bool embedded_store)
{
    memset(&world->order, 0, sizeof world->order);
    pthread_mutex_init(&world->order.lock, NULL);
    pthread_cond_init(&world->order.moved, NULL);
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, embedded_store);
    world->fixture.config.verify_threads = 1;
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
    pp_sender_init(&world->sender, &world->fixture, 1);
    pp_sender_fund(&world->sender, &world->fixture, 10000000, 0);
    pp_sender_init(&world->other, &world->fixture, 2);
    pp_sender_fund(&world->other, &world->fixture, 10000000, 0);
}

static void world_close(struct world *world)
{
    pp_fixture_verify(&world->fixture, NULL);
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

static void on_answer(void *context, const struct pp_response *response)
{
    const struct asked *asked = context;
    struct order *order = asked->order;
    enum pp_error told = response->error != PP_OK ? response->error : response->results[0].refusal.error;
    pthread_mutex_lock(&order->lock);
    if (asked->honest ? told != PP_OK : told != PP_BAD_SIGNATURE && told != PP_INTERVAL_TAKEN)
        ck_abort_msg("answered %s", pp_error_name(told));
    order->honest += asked->honest;
    order->forged += !asked->honest;
    if (asked->honest)
        order->forged_before_last = order->forged;
    order->count++;
    pthread_cond_broadcast(&order->moved);
    pthread_mutex_unlock(&order->lock);
}

static void answers_wait(struct order *order, unsigned count)
{
    pthread_mutex_lock(&order->lock);
    while (order->count < count)
        pthread_cond_wait(&order->moved, &order->lock);
    pthread_mutex_unlock(&order->lock);
}

static void requests_make(struct world *world, struct pp_made_request *made, unsigned count,
                          struct pp_sender *sender, uint64_t source)
{
    for (unsigned i = 0; i < count; i++) {
        pp_request_make(&made[i], &world->fixture, sender, 1, (struct pp_parcel_of){20, 1},
                        10000 * source + i);
        made[i].request.source = source;
    }
}

/* A signature of the right form that does not hold. */
static void forge(struct pp_made_request *made, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        made[i].request.signature.bytes[10] ^= 1;
}

static void requests_done(struct pp_made_request *made, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        pp_request_done(&made[i]);
}

/* Makes the forger known by what it sends. */
static void forger_known(struct world *world, const struct pp_made_request *forged)
{
    struct asked asked = {&world->order, false};
    for (unsigned i = 0; i < PP_SOURCE_SUSPECT / PP_SOURCE_FORGED; i++)
        ck_assert_ok(pp_node_submit(world->fixture.node, &forged[i].request, on_answer, &asked));
    answers_wait(&world->order, PP_SOURCE_SUSPECT / PP_SOURCE_FORGED);
}

/* NODE-048: the forger's requests name the honest sender's own channel, and were there first. */
START_TEST(forger__floods_in_another_name__gets_its_small_part_only)
{
    static struct pp_made_request forged[FORGED], honest[HONEST];
    struct world world;
    world_open(&world, true);
    struct asked bad = {&world.order, false}, good = {&world.order, true};
    struct pp_node *node = world.fixture.node;
    struct pp_sender twin = world.sender;
    requests_make(&world, forged, FORGED, &twin, FORGER);
    forge(forged, FORGED);
    requests_make(&world, honest, HONEST, &world.sender, 1);
    forger_known(&world, forged);
    unsigned before = world.order.forged;
    pthread_rwlock_wrlock(&node->state);
    for (unsigned i = 0; i < FORGED; i++)
        ck_assert_ok(pp_node_submit(node, &forged[i].request, on_answer, &bad));
    for (unsigned i = 0; i < HONEST; i++)
        ck_assert_ok(pp_node_submit(node, &honest[i].request, on_answer, &good));
    pthread_rwlock_unlock(&node->state);
    answers_wait(&world.order, before + FORGED + HONEST);
    ck_assert_uint_eq(world.order.honest, HONEST);
    /* Its part, and what a verify thread had taken, or a group held, before the honest ones were there. */
    ck_assert_uint_le(world.order.forged_before_last - before,
                      HONEST / PP_SUSPECT_PART + 2 * PP_VERIFY_TAKE_MAX);
    requests_done(forged, FORGED);
    requests_done(honest, HONEST);
    world_close(&world);
}
END_TEST

static void on_taken(void *context, const struct pp_response *response)
{
    const struct asked *asked = context;
    struct order *order = asked->order;
    pthread_mutex_lock(&order->lock);
    if (response->error != PP_OK || response->results[0].refusal.error != PP_INTERVAL_TAKEN)
        ck_abort_msg("not refused as it should be");
    order->count++;
    pthread_cond_broadcast(&order->moved);
    pthread_mutex_unlock(&order->lock);
}

/* NODE-048: other stamps over intervals that are consumed, unsigned, make the writer search; a retry of what was admitted is
 * no offence. */
START_TEST(source__of_overlapping_stamps_only__suspect_and_one_that_retries_is_not)
{
    static struct pp_made_request honest[8], others[8];
    struct world world;
    world_open(&world, true);
    struct asked asked = {&world.order, true};
    struct pp_node *node = world.fixture.node;
    struct pp_sender twin = world.sender;
    requests_make(&world, honest, 8, &world.sender, 1);
    requests_make(&world, others, 8, &twin, FORGER);
    for (unsigned round = 1; round <= 3; round++) {
        for (unsigned i = 0; i < 8; i++)
            ck_assert_ok(pp_node_submit(node, &honest[i].request, on_answer, &asked));
        answers_wait(&world.order, 8 * round);
    }
    for (unsigned i = 0; i < 8; i++)
        ck_assert_ok(pp_node_submit(node, &others[i].request, on_taken, &asked));
    answers_wait(&world.order, 32);
    pthread_mutex_lock(&node->lock);
    uint64_t now_ms = pp_monotonic_ns() / 1000000;
    ck_assert(pp_source_is_suspect(&node->sources, FORGER, now_ms));
    ck_assert(!pp_source_is_suspect(&node->sources, 1, now_ms));
    pthread_mutex_unlock(&node->lock);
    requests_done(honest, 8);
    requests_done(others, 8);
    world_close(&world);
}
END_TEST

/* NODE-048: what is free is not theirs: the writer needs it. */
START_TEST(forger__alone__one_request_a_millisecond)
{
    static struct pp_made_request forged[FORGED];
    struct world world;
    world_open(&world, true);
    struct asked bad = {&world.order, false};
    struct pp_sender twin = world.sender;
    requests_make(&world, forged, FORGED, &twin, FORGER);
    forge(forged, FORGED);
    forger_known(&world, forged);
    unsigned before = world.order.count;
    uint64_t began_ns = pp_monotonic_ns();
    for (unsigned i = 0; i < FORGED; i++)
        ck_assert_ok(pp_node_submit(world.fixture.node, &forged[i].request, on_answer, &bad));
    answers_wait(&world.order, before + FORGED);
    ck_assert_uint_ge(pp_monotonic_ns() - began_ns, (FORGED - PP_SUSPECT_TRICKLE_MAX - 1) * UINT64_C(1000000));
    requests_done(forged, FORGED);
    world_close(&world);
}
END_TEST

/* NODE-048: its lines are short, the others' are not. */
START_TEST(forger__fills_its_line__busy_while_others_are_taken)
{
    static struct pp_made_request forged[PP_SUSPECT_REQUESTS_MAX], honest[HONEST];
    struct world world;
    world_open(&world, true);
    struct asked bad = {&world.order, false}, good = {&world.order, true};
    struct pp_node *node = world.fixture.node;
    struct pp_sender twin = world.sender;
    unsigned sent = 0;
    requests_make(&world, forged, PP_SUSPECT_REQUESTS_MAX, &twin, FORGER);
    forge(forged, PP_SUSPECT_REQUESTS_MAX);
    requests_make(&world, honest, HONEST, &world.sender, 1);
    forger_known(&world, forged);
    unsigned before = world.order.count;
    pthread_rwlock_wrlock(&node->state);
    while (sent < PP_SUSPECT_REQUESTS_MAX &&
           pp_node_submit(node, &forged[sent].request, on_answer, &bad) == PP_OK)
        sent++;
    ck_assert_uint_eq(sent, PP_SUSPECT_REQUESTS_MAX / 2);
    for (unsigned i = 0; i < HONEST; i++)
        ck_assert_ok(pp_node_submit(node, &honest[i].request, on_answer, &good));
    pthread_rwlock_unlock(&node->state);
    answers_wait(&world.order, before + sent + HONEST);
    ck_assert_uint_eq(world.order.honest, HONEST);
    requests_done(forged, PP_SUSPECT_REQUESTS_MAX);
    requests_done(honest, HONEST);
    world_close(&world);
}
END_TEST

/* NODE-047: one sender's thousand are before another's one. */
START_TEST(sender__behind_a_thousand_of_another__served_in_its_turn)
{
    enum { MANY = 1000 };
    static struct pp_made_request many[MANY], one;
    struct world world;
    world_open(&world, true);
    struct asked first = {&world.order, true}, second = {&world.order, true};
    struct pp_node *node = world.fixture.node;
    requests_make(&world, many, MANY, &world.sender, 1);
    requests_make(&world, &one, 1, &world.other, 1);
    pthread_rwlock_wrlock(&node->state);
    for (unsigned i = 0; i < MANY; i++)
        ck_assert_ok(pp_node_submit(node, &many[i].request, on_answer, &first));
    ck_assert_ok(pp_node_submit(node, &one.request, on_answer, &second));
    pthread_mutex_lock(&node->lock);
    /* Its turn comes within a few of the other's, whatever stands before it. */
    unsigned place = 0;
    for (uint32_t flow = node->clean.first; flow != PP_FLOWS; flow = node->clean.flows[flow].next)
        place++;
    ck_assert_uint_eq(place, 2);
    pthread_mutex_unlock(&node->lock);
    pthread_rwlock_unlock(&node->state);
    answers_wait(&world.order, MANY + 1);
    requests_done(many, MANY);
    requests_done(&one, 1);
    world_close(&world);
}
END_TEST

static enum pp_error nothing_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    (void)node, (void)txn, (void)context;
    return PP_OK;
}

/* NODE-027 */
START_TEST(calls__as_many_as_there_may_be__busy_and_then_again)
{
    struct world world;
    world_open(&world, true);
    struct pp_node *node = world.fixture.node;
    pthread_mutex_lock(&node->lock);
    node->calls += PP_QUEUE_CALLS_MAX;
    pthread_mutex_unlock(&node->lock);
    ck_assert_error(pp_pipeline_call(node, PP_ITEM_LOOK, nothing_run, NULL), PP_BUSY);
    pthread_mutex_lock(&node->lock);
    node->calls -= PP_QUEUE_CALLS_MAX;
    pthread_mutex_unlock(&node->lock);
    ck_assert_ok(pp_pipeline_call(node, PP_ITEM_LOOK, nothing_run, NULL));
    world_close(&world);
}
END_TEST

/* NODE-029: in a flood a group waits for a part of what is being verified, ten milliseconds at the most. */
START_TEST(group__in_a_flood__gathers_and_gives_up_in_time)
{
    struct world world;
    world_open(&world, true);
    struct pp_node *node = world.fixture.node;
    pthread_mutex_lock(&node->lock);
    node->verifying += 1000; /* they never come */
    pthread_mutex_unlock(&node->lock);
    uint64_t began_ns = pp_monotonic_ns();
    ck_assert_ptr_null(pp_pipeline_next_for(node, began_ns, 1));
    ck_assert_uint_ge(pp_monotonic_ns() - began_ns, PP_GROUP_FLOOD_MAX_NS);
    /* One that holds its part already does not wait for more than the ordinary time. */
    ck_assert_ptr_null(
        pp_pipeline_next_for(node, pp_monotonic_ns() - PP_GROUP_WAIT_MAX_NS, 1000 / PP_GROUP_FLOOD_PART + 1));
    pthread_mutex_lock(&node->lock);
    node->verifying -= 1000;
    pthread_mutex_unlock(&node->lock);
    world_close(&world);
}
END_TEST

/* NODE-029: suspects that stand in line are nothing to wait for. */
START_TEST(group__only_suspects_wait__not_waited_for)
{
    struct world world;
    world_open(&world, true);
    struct pp_node *node = world.fixture.node;
    pthread_mutex_lock(&node->lock);
    node->verifying += 100;
    node->suspect.waiting += 100;
    pthread_mutex_unlock(&node->lock);
    ck_assert_ptr_null(pp_pipeline_next_for(node, pp_monotonic_ns() + UINT64_C(1000000000000), 1));
    pthread_mutex_lock(&node->lock);
    node->verifying -= 100;
    node->suspect.waiting -= 100;
    pthread_mutex_unlock(&node->lock);
    world_close(&world);
}
END_TEST

/* NODE-050: answered by a callback, with tickets. */
START_TEST(admit_start__two_at_once__their_tickets_are_open)
{
    static struct pp_made_request made[2];
    struct world world;
    struct pp_node_status status;
    world_open(&world, false);
    struct asked good = {&world.order, true};
    requests_make(&world, made, 2, &world.sender, 1);
    for (unsigned i = 0; i < 2; i++)
        ck_assert_ok(pp_node_admit_start(world.fixture.node, &made[i].request, on_answer, &good));
    answers_wait(&world.order, 2);
    pp_node_status(world.fixture.node, &status);
    ck_assert_uint_eq(status.open_tickets, 2);
    ck_assert_error(pp_node_submit(world.fixture.node, &made[0].request, on_answer, &good), PP_BAD_CONFIG);
    requests_done(made, 2);
    world_close(&world);
}
END_TEST

PP_TESTS("pipeline")
PP_TEST(forger__floods_in_another_name__gets_its_small_part_only)
PP_TEST(forger__alone__one_request_a_millisecond)
PP_TEST(forger__fills_its_line__busy_while_others_are_taken)
PP_TEST(source__of_overlapping_stamps_only__suspect_and_one_that_retries_is_not)
PP_TEST(sender__behind_a_thousand_of_another__served_in_its_turn)
PP_TEST(calls__as_many_as_there_may_be__busy_and_then_again)
PP_TEST(group__in_a_flood__gathers_and_gives_up_in_time)
PP_TEST(group__only_suspects_wait__not_waited_for)
PP_TEST(admit_start__two_at_once__their_tickets_are_open)
PP_TESTS_END
