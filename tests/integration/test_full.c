/* A full map, a full disk, a disk that fails: stamps are refused, what was acknowledged stays, and work goes on when there
 * is room. A corrupt record: the node stops and names it.
 * Method: a real folder; small maps, a limit on file sizes, and faults that are injected before a commit. */
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include "engine/node.h"

#include <pp/verify.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)
#define BATCH 16u

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_sender sender;
    struct pp_grains acknowledged; /* the end of what was admitted */
    uint64_t stamps;
    unsigned batches;
};

static void world_open(struct world *world, uint64_t map_bytes)
{
    *world = (struct world){0};
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, true);
    world->fixture.config.map_bytes = map_bytes;
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
    pp_sender_init(&world->sender, &world->fixture, 1);
    pp_sender_fund(&world->sender, &world->fixture, 2000000000, 0);
}

static void world_close(struct world *world)
{
    struct pp_verify_summary summary;
    pp_fixture_verify(&world->fixture, &summary);
    ck_assert_uint_eq(summary.stamps, world->stamps);
    ck_assert(pp_grains_eq(summary.spent, world->acknowledged));
    ck_assert(pp_grains_eq(summary.consumed, world->acknowledged));
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

/* Sends the batch that comes next. A refused one is made again the next time, on the same interval. */
static enum pp_error batch_send(struct world *world, size_t bytes, struct pp_made_request *out)
{
    struct pp_made_request made;
    struct pp_answer answer;
    world->sender.head = world->acknowledged;
    pp_request_make(&made, &world->fixture, &world->sender, BATCH, (struct pp_parcel_of){bytes, 30}, world->batches);
    pp_submit_wait(world->fixture.node, &made.request, &answer);
    enum pp_error error = answer.submitted != PP_OK ? answer.submitted : answer.error;
    if (error == PP_OK) {
        for (unsigned i = 0; i < BATCH; i++)
            ck_assert_ok(answer.results[i].refusal.error);
        pp_answer_check(&answer, &world->fixture, &made.request);
        world->acknowledged = world->sender.head;
        world->stamps += BATCH;
        world->batches++;
    } else {
        ck_assert(!answer.has_receipt);
    }
    pp_answer_done(&answer);
    if (out && error == PP_OK)
        *out = made;
    else
        pp_request_done(&made);
    return error;
}

static void lane_check(struct world *world)
{
    struct pp_lane_status status;
    ck_assert_ok(pp_node_lane_status(world->fixture.node, &world->sender.channel_id, FIXTURE_LANE, &status));
    ck_assert_uint_eq(status.stamps, world->stamps);
    ck_assert(pp_grains_eq(status.spent, world->acknowledged));
    ck_assert(pp_grains_eq(status.consumed_head, world->acknowledged));
}

/* NODE-025, NODE-028, JRN-005 */
START_TEST(map__full__stamps_refused_deletes_taken_and_then_stamps_again)
{
    struct world world;
    struct pp_made_request kept[16];
    unsigned count = 0;
    enum pp_error error;
    world_open(&world, 4 * MIB);
    while ((error = batch_send(&world, 8000, &kept[count])) == PP_OK)
        if (count < 15)
            count++;
        else
            pp_request_done(&kept[count]);
    ck_assert_error(error, PP_STORE_FULL);
    lane_check(&world);
    ck_assert_error(batch_send(&world, 8000, NULL), PP_STORE_FULL); /* left alone for a second */
    struct pp_node_status status;
    pp_node_status(world.fixture.node, &status);
    ck_assert(status.store_full);
    world.fixture.now_ms += 1001;
    ck_assert_error(batch_send(&world, 8000, NULL), PP_STORE_FULL); /* asked the store again */
    lane_check(&world);

    for (unsigned i = 0; i < count; i++) {
        struct pp_delete deletes[BATCH];
        struct pp_delete_result results[BATCH];
        struct pp_signed_refund refund;
        for (unsigned k = 0; k < BATCH; k++)
            pp_delete_make(&world.fixture, &world.sender, &kept[i].envelopes[k].leaf, &kept[i].ids[k], &deletes[k]);
        ck_assert_ok(pp_node_delete(world.fixture.node, deletes, BATCH, results, &refund));
        for (unsigned k = 0; k < BATCH; k++)
            ck_assert_ok(results[k].refusal.error);
        pp_request_done(&kept[i]);
    }
    /* Days begin, too, in a full store. */
    world.fixture.now_ms += FIXTURE_DAY_MS;
    ck_assert_ok(pp_node_tick(world.fixture.node));
    pp_fixture_head(&world.fixture, 0, NULL);
    ck_assert_ok(batch_send(&world, 8000, NULL));
    ck_assert_ok(batch_send(&world, 8000, NULL));
    lane_check(&world);
    world_close(&world);
}
END_TEST

/* NODE-025, NODE-028, JRN-006 */
START_TEST(disk__full__stamps_refused_and_taken_again_without_a_restart)
{
    struct world world;
    struct rlimit limit, small;
    enum pp_error error;
    world_open(&world, 256 * MIB);
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    for (unsigned round = 0; round < 3; round++) {
        small.rlim_cur = (2 + round) * MIB + round * 1365;
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
        while ((error = batch_send(&world, 3000, NULL)) == PP_OK)
            ;
        ck_assert_error(error, PP_STORE_FULL);
        lane_check(&world);
        world.fixture.now_ms += 1001;
        ck_assert_error(batch_send(&world, 3000, NULL), PP_STORE_FULL);
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        world.fixture.now_ms += 1001;
        ck_assert_ok(batch_send(&world, 3000, NULL));
        lane_check(&world);
    }
    world_close(&world);
}
END_TEST

/* ---- injected faults ---- */

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
    gate->waiting--;
    enum pp_error answer = gate->answer;
    pthread_mutex_unlock(&gate->lock);
    return answer;
}

static void gate_wait(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    while (gate->waiting == 0)
        pthread_cond_wait(&gate->moved, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

static void gate_open(struct gate *gate, enum pp_error answer)
{
    pthread_mutex_lock(&gate->lock);
    gate->shut = false;
    gate->answer = answer;
    pthread_cond_broadcast(&gate->moved);
    pthread_mutex_unlock(&gate->lock);
}

struct answers {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    unsigned count;
    struct {
        enum pp_error error;
        bool known;
        uint64_t sequence;
        struct pp_receipt receipt;
        bool has_receipt;
    } of[66];
};

struct asked {
    struct answers *answers;
    unsigned number;
};

static void on_answer(void *context, const struct pp_response *response)
{
    const struct asked *asked = context;
    struct answers *answers = asked->answers;
    pthread_mutex_lock(&answers->lock);
    answers->of[asked->number].error = response->error;
    if (response->error == PP_OK) {
        answers->of[asked->number].known = response->results[0].known;
        answers->of[asked->number].sequence = response->results[0].sequence;
        answers->of[asked->number].receipt = response->receipt;
        answers->of[asked->number].has_receipt = response->has_receipt;
    }
    answers->count++;
    pthread_cond_broadcast(&answers->moved);
    pthread_mutex_unlock(&answers->lock);
}

static void answers_wait(struct answers *answers, unsigned count)
{
    pthread_mutex_lock(&answers->lock);
    while (answers->count < count)
        pthread_cond_wait(&answers->moved, &answers->lock);
    pthread_mutex_unlock(&answers->lock);
}

#define GATE {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, true, 0, PP_OK}
#define ANSWERS {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, {{0}}}

/* Waits until the writer has all: nothing is being verified any more. */
static void verified_wait(struct pp_node *node, unsigned waiting)
{
    for (bool all = false; !all;) {
        pthread_mutex_lock(&node->lock);
        all = node->verifying == 0 && node->waiting_stamps >= waiting;
        pthread_mutex_unlock(&node->lock);
        if (!all)
            sched_yield();
    }
}

/* A commit that stands at the gate while others queue up behind it: they are one group afterwards.
 * NODE-020, NODE-021, NODE-022 */
START_TEST(commit__not_done__nothing_is_told_and_equal_requests_are_charged_once)
{
    struct world world;
    struct gate gate = GATE;
    struct answers answers = ANSWERS;
    struct pp_made_request made[8];
    struct asked asked[9];
    world_open(&world, 256 * MIB);
    pp_store_inject(world.fixture.node->data.journal, gate_pass, &gate);
    for (unsigned i = 0; i < 8; i++)
        pp_request_make(&made[i], &world.fixture, &world.sender, 1, (struct pp_parcel_of){50, 1}, i);
    for (unsigned i = 0; i < 9; i++) {
        asked[i] = (struct asked){&answers, i};
        /* The last one is the very same as the one before it. */
        ck_assert_ok(pp_node_submit(world.fixture.node, &made[i < 8 ? i : 7].request, on_answer, &asked[i]));
        if (i == 0)
            gate_wait(&gate);
    }
    verified_wait(world.fixture.node, 8);
    ck_assert_uint_eq(answers.count, 0);
    gate_open(&gate, PP_OK);
    answers_wait(&answers, 9);
    for (unsigned i = 0; i < 9; i++) {
        ck_assert_ok(answers.of[i].error);
        ck_assert(answers.of[i].has_receipt);
        if (i > 0) {
            ck_assert_uint_eq(answers.of[i].receipt.count, 8);
            ck_assert_mem_eq(&answers.of[i].receipt.signature, &answers.of[1].receipt.signature, 64);
        }
    }
    ck_assert(answers.of[8].known && !answers.of[7].known);
    ck_assert_uint_eq(answers.of[8].sequence, answers.of[7].sequence);
    pp_store_inject(world.fixture.node->data.journal, NULL, NULL);
    world.stamps = 8;
    world.acknowledged = world.sender.head;
    lane_check(&world);
    for (unsigned i = 0; i < 8; i++)
        pp_request_done(&made[i]);
    world_close(&world);
}
END_TEST

/* NODE-025: several lanes in one group, holes, a delete and a new lane: all undone. */
START_TEST(commit__fails__the_whole_group_is_undone_and_can_be_sent_again)
{
    static const enum pp_error faults[] = {PP_STORE_FULL, PP_IO, PP_TOO_MANY};
    struct world world;
    struct pp_made_request made[6];
    struct pp_sender other, third;
    world_open(&world, 256 * MIB);
    ck_assert_ok(batch_send(&world, 100, NULL));
    pp_sender_init(&other, &world.fixture, 2);
    pp_sender_fund(&other, &world.fixture, 1000000, 0);
    pp_sender_init(&third, &world.fixture, 3);
    for (unsigned i = 0; i < 6; i++)
        pp_request_make(&made[i], &world.fixture, i % 2 ? &other : &world.sender, 1 + i, (struct pp_parcel_of){70, 3}, i);
    for (unsigned f = 0; f < sizeof faults / sizeof faults[0]; f++) {
        struct gate gate = GATE;
        struct answers answers = ANSWERS;
        struct asked asked[6];
        pp_store_inject(world.fixture.node->data.journal, gate_pass, &gate);
        /* Out of order, so that there are holes to undo. */
        for (unsigned i = 0; i < 6; i++) {
            asked[i] = (struct asked){&answers, i};
            ck_assert_ok(pp_node_submit(world.fixture.node, &made[(i * 5 + 3) % 6].request, on_answer, &asked[i]));
        }
        gate_wait(&gate);
        gate_open(&gate, faults[f]);
        answers_wait(&answers, 6);
        for (unsigned i = 0; i < 6; i++)
            ck_assert_error(answers.of[i].error, faults[f]);
        pp_store_inject(world.fixture.node->data.journal, NULL, NULL);
        lane_check(&world);
        world.fixture.now_ms += 1001;
    }
    struct pp_lane_status status;
    ck_assert_ok(pp_node_lane_status(world.fixture.node, &other.channel_id, FIXTURE_LANE, &status));
    ck_assert_uint_eq(status.stamps, 0);
    ck_assert(pp_grains_is_zero(status.spent) && pp_grains_is_zero(status.earned));
    for (unsigned i = 0; i < 6; i++) {
        struct pp_answer answer;
        pp_submit_wait(world.fixture.node, &made[i].request, &answer);
        ck_assert_ok(answer.error);
        for (unsigned k = 0; k < 1 + i; k++)
            ck_assert(answer.results[k].refusal.error == PP_OK && !answer.results[k].known);
        pp_answer_done(&answer);
        pp_request_done(&made[i]);
    }
    struct pp_verify_summary summary;
    pp_fixture_verify(&world.fixture, &summary);
    ck_assert_uint_eq(summary.stamps, BATCH + 1 + 2 + 3 + 4 + 5 + 6);
    pp_fixture_done(&world.fixture);
    pp_temp_dir_remove(&world.dir);
}
END_TEST

/* NODE-027, NODE-047: the writer stands at the gate, requests pile up; one sender gets half of the room, the next one half of
 * what is left. */
START_TEST(queue__full__busy_and_taken_again_when_it_moves)
{
    static struct pp_made_request first, made, next;
    struct pp_sender other;
    struct world world;
    struct gate gate = GATE;
    struct answers answers = ANSWERS;
    struct asked asked[66];
    unsigned sent = 0;
    enum pp_error error;
    world_open(&world, 256 * MIB);
    pp_sender_init(&other, &world.fixture, 2);
    pp_sender_fund(&other, &world.fixture, 1000000, 0);
    pp_request_make(&next, &world.fixture, &other, PP_LEAVES_MAX, (struct pp_parcel_of){10, 1}, 9);
    pp_request_make(&first, &world.fixture, &world.sender, 1, (struct pp_parcel_of){10, 1}, 7);
    pp_request_make(&made, &world.fixture, &world.sender, PP_LEAVES_MAX, (struct pp_parcel_of){10, 1}, 8);
    pp_store_inject(world.fixture.node->data.journal, gate_pass, &gate);
    asked[sent] = (struct asked){&answers, sent};
    ck_assert_ok(pp_node_submit(world.fixture.node, &first.request, on_answer, &asked[sent]));
    sent++;
    gate_wait(&gate);
    for (;;) { /* the same batch again and again: 64 of them are 65536 stamps */
        asked[sent] = (struct asked){&answers, sent};
        error = pp_node_submit(world.fixture.node, &made.request, on_answer, &asked[sent]);
        if (error != PP_OK)
            break;
        sent++;
        ck_assert_uint_lt(sent, 64 + 1);
    }
    ck_assert_error(error, PP_BUSY);
    ck_assert_uint_eq(sent, 33); /* one stamp, and batches until they hold as much as is free */
    for (;;) {
        asked[sent] = (struct asked){&answers, sent};
        error = pp_node_submit(world.fixture.node, &next.request, on_answer, &asked[sent]);
        if (error != PP_OK)
            break;
        sent++;
    }
    ck_assert_error(error, PP_BUSY);
    ck_assert_uint_eq(sent, 33 + 16);
    gate_open(&gate, PP_OK);
    answers_wait(&answers, sent);
    pp_store_inject(world.fixture.node->data.journal, NULL, NULL);
    unsigned charged = 0;
    for (unsigned i = 0; i < sent; i++) {
        ck_assert_ok(answers.of[i].error);
        charged += !answers.of[i].known;
    }
    ck_assert_uint_eq(charged, 3); /* a stamp, and a batch of each */
    world.stamps = 1 + PP_LEAVES_MAX;
    world.acknowledged = world.sender.head;
    lane_check(&world);
    world.stamps += PP_LEAVES_MAX;
    world.acknowledged = pp_grains_add_checked(world.acknowledged, other.head);
    pp_request_done(&first);
    pp_request_done(&made);
    pp_request_done(&next);
    world_close(&world);
}
END_TEST

/* ---- corrupt records ---- */

struct flip {
    unsigned table;
    uint64_t sequence;
    size_t offset;
};

static enum pp_error flip_run(void *context, struct pp_txn *txn)
{
    const struct flip *flip = context;
    struct pp_key8 key = pp_key8_of(flip->sequence);
    struct pp_slice value;
    uint8_t copy[16384];
    PP_TRY(pp_txn_get(txn, flip->table, pp_slice(key.bytes, 8), &value));
    size_t length = value.length;
    memcpy(copy, value.bytes, length);
    copy[flip->offset] ^= 0x10;
    const struct pp_slice part = pp_slice(copy, length);
    return pp_txn_put(txn, flip->table, pp_slice(key.bytes, 8), &part, 1);
}

static void derived_remove(struct world *world)
{
    char path[400];
    snprintf(path, sizeof path, "%s/derived.mdb", world->fixture.dir);
    ck_assert_int_eq(unlink(path), 0);
}

static void flip_at_rest(struct world *world, struct flip flip)
{
    struct pp_data data;
    ck_assert_ok(pp_data_open(world->fixture.dir, 256 * MIB, false, &data, NULL));
    ck_assert_ok(pp_store_write(data.journal, PP_STORE_ORDINARY, flip_run, &flip));
    pp_data_close(&data);
}

/* JRN-021, JRN-043 */
START_TEST(open__a_corrupt_record__stops_with_its_number_and_starts_when_it_is_mended)
{
    struct world world;
    char reason[256];
    world_open(&world, 256 * MIB);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_ok(batch_send(&world, 100, NULL));
    pp_fixture_close(&world.fixture);
    const struct flip flip = {PP_TABLE_RECORDS, 3 + BATCH, 77};
    flip_at_rest(&world, flip);
    derived_remove(&world);
    ck_assert_error(pp_node_open(&world.fixture.config, &world.fixture.node, reason), PP_CORRUPT);
    ck_assert_ptr_nonnull(strstr(reason, "journal record 19 (CHARGED)"));
    world.fixture.node = NULL;
    flip_at_rest(&world, flip);
    pp_fixture_open(&world.fixture);
    pp_fixture_head(&world.fixture, 0, NULL);
    lane_check(&world);
    ck_assert_ok(batch_send(&world, 100, NULL));
    world_close(&world);
}
END_TEST

/* NODE-026, JRN-021, JRN-023: found while it runs. */
START_TEST(run__a_corrupt_record_is_met__all_work_is_refused)
{
    struct world world;
    struct pp_made_request made;
    struct pp_answer answer;
    world_open(&world, 256 * MIB);
    ck_assert_ok(batch_send(&world, 100, &made));
    pp_fixture_close(&world.fixture);
    pp_fixture_open(&world.fixture); /* so that the stamps are in the index, and no longer in memory */
    pp_fixture_head(&world.fixture, 0, NULL);
    struct flip envelope = {PP_TABLE_ENVELOPES, 4, 50}, record = {PP_TABLE_RECORDS, 3, 60};
    ck_assert_ok(pp_store_write(world.fixture.node->data.journal, PP_STORE_ORDINARY, flip_run, &envelope));
    ck_assert_error(pp_node_envelope(world.fixture.node, 4, NULL, NULL), PP_CORRUPT);
    ck_assert_ok(pp_store_write(world.fixture.node->data.journal, PP_STORE_ORDINARY, flip_run, &record));
    pp_submit_wait(world.fixture.node, &made.request, &answer);
    ck_assert_error(answer.error, PP_CORRUPT);
    ck_assert_error(batch_send(&world, 100, NULL), PP_CORRUPT);
    pp_fixture_done(&world.fixture);
    pp_request_done(&made);
    pp_temp_dir_remove(&world.dir);
}
END_TEST

PP_TESTS("full")
PP_TEST(map__full__stamps_refused_deletes_taken_and_then_stamps_again)
PP_TEST(disk__full__stamps_refused_and_taken_again_without_a_restart)
PP_TEST(commit__not_done__nothing_is_told_and_equal_requests_are_charged_once)
PP_TEST(commit__fails__the_whole_group_is_undone_and_can_be_sent_again)
PP_TEST(queue__full__busy_and_taken_again_when_it_moves)
PP_TEST(open__a_corrupt_record__stops_with_its_number_and_starts_when_it_is_mended)
PP_TEST(run__a_corrupt_record_is_met__all_work_is_refused)
PP_TESTS_END
