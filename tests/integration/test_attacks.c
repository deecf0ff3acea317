/* What a thief tries against a whole node, and what must not come of it: free storage, unearned days, a stopped node.
 * Method: a node in a temporary folder with an injected clock; faults of the disk are injected where a commit ends. */
#include "engine/node.h"
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_sender sender;
};

static void world_open_as(struct world *world, bool embedded_store)
{
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, embedded_store);
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
    pp_sender_init(&world->sender, &world->fixture, 1);
    pp_sender_fund(&world->sender, &world->fixture, 25000000, 0);
}

static void world_open(struct world *world)
{
    world_open_as(world, true);
}

static void world_close(struct world *world)
{
    pp_fixture_verify(&world->fixture, NULL);
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

static void world_restart(struct world *world)
{
    pp_fixture_close(&world->fixture);
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
}

static void status_of(const struct world *world, struct pp_lane_status *out)
{
    ck_assert_ok(pp_node_lane_status(world->fixture.node, &world->sender.channel_id, FIXTURE_LANE, out));
}

/* Sends, and all of it must be admitted. */
static void send_all(struct world *world, struct pp_sender *sender, struct pp_made_request *made, size_t count,
                     struct pp_parcel_of parcel, struct pp_answer *answer)
{
    pp_request_make(made, &world->fixture, sender, count, parcel, 7);
    pp_submit_wait(world->fixture.node, &made->request, answer);
    ck_assert_ok(answer->submitted);
    ck_assert_ok(answer->error);
    for (size_t i = 0; i < count; i++)
        ck_assert_ok(answer->results[i].refusal.error);
}

static void sent_done(struct pp_made_request *made, struct pp_answer *answer)
{
    pp_answer_done(answer);
    pp_request_done(made);
}

static void on_envelope(void *context, const struct pp_leaf *leaf, const uint8_t *topic, size_t topic_length,
                        const uint8_t *payload, size_t payload_length)
{
    (void)leaf, (void)topic, (void)topic_length, (void)payload, (void)payload_length;
    ++*(unsigned *)context;
}

/* ---- storage that nobody pays for: NODE-062 ---- */

START_TEST(leave__the_days_came_back__the_envelope_is_gone_the_day_after)
{
    struct world world;
    struct pp_made_request made;
    struct pp_answer answer;
    struct pp_signature signature;
    struct pp_signed_refund refund;
    struct pp_signed_release release;
    unsigned seen = 0;
    world_open(&world);
    send_all(&world, &world.sender, &made, 1, (struct pp_parcel_of){1000, 300}, &answer);
    pp_leave_sign(&world.fixture, &world.sender, &signature);
    ck_assert_ok(pp_node_leave(world.fixture.node, &world.sender.channel_id, FIXTURE_LANE, &signature, &refund, &release));
    ck_assert(pp_grains_eq(refund.refunded, pp_grains(299 * 3000)));
    ck_assert_ok(pp_node_envelope(world.fixture.node, answer.results[0].sequence, on_envelope, &seen)); /* this day is paid */
    world.fixture.now_ms += FIXTURE_DAY_MS;
    pp_fixture_head(&world.fixture, 0, NULL);
    ck_assert_ok(pp_node_tick(world.fixture.node));
    for (unsigned round = 0; round < 2; round++) {
        ck_assert_error(pp_node_envelope(world.fixture.node, answer.results[0].sequence, on_envelope, &seen), PP_NOT_FOUND);
        world_restart(&world);
    }
    ck_assert_uint_eq(seen, 1);
    sent_done(&made, &answer);
    world_close(&world);
}
END_TEST

START_TEST(close__final__the_envelope_of_the_lapsed_postage_is_gone)
{
    struct world world;
    struct pp_made_request made;
    struct pp_answer answer;
    struct pp_chain_event event;
    unsigned seen = 0;
    world_open(&world);
    send_all(&world, &world.sender, &made, 1, (struct pp_parcel_of){1000, 300}, &answer);
    pp_sender_event(&world.sender, PP_CHAIN_CLOSING, 0, 0, &event);
    ck_assert_ok(pp_node_chain_events(world.fixture.node, &event, 1));
    world.fixture.now_ms += 3 * FIXTURE_DAY_MS;
    pp_fixture_head(&world.fixture, 0, NULL);
    ck_assert_ok(pp_node_tick(world.fixture.node));
    /* A close that may be cancelled: what is earned then must have been stored. */
    ck_assert_ok(pp_node_envelope(world.fixture.node, answer.results[0].sequence, on_envelope, &seen));
    pp_sender_event(&world.sender, PP_CHAIN_CLOSED, 0, 0, &event);
    ck_assert_ok(pp_node_chain_events(world.fixture.node, &event, 1));
    ck_assert_error(pp_node_envelope(world.fixture.node, answer.results[0].sequence, on_envelope, &seen), PP_NOT_FOUND);
    sent_done(&made, &answer);
    world_close(&world);
}
END_TEST

/* ---- refunds of what is not one's own, or went back already ---- */

static enum pp_error deleted_as(const struct world *world, const struct pp_delete *delete)
{
    struct pp_delete_result result;
    struct pp_signed_refund refund;
    ck_assert_ok(pp_node_delete(world->fixture.node, delete, 1, &result, &refund));
    return result.refusal.error;
}

/* The signature covers the stamp, not where it stands: another stamp's place must not do. */
START_TEST(delete__another_stamps_place_or_channel__nothing_comes_back)
{
    struct world world;
    struct pp_made_request made, others;
    struct pp_answer answer;
    struct pp_sender other;
    struct pp_delete deletes[2];
    struct pp_delete_result results[2];
    struct pp_signed_refund refund;
    struct pp_lane_status status;
    const struct pp_stamp_id nobodys = {{7}};
    world_open(&world);
    pp_sender_init(&other, &world.fixture, 2);
    pp_sender_fund(&other, &world.fixture, 1000000, 0);
    send_all(&world, &world.sender, &made, 2, (struct pp_parcel_of){1000, 30}, &answer);
    pp_answer_done(&answer);
    send_all(&world, &other, &others, 1, (struct pp_parcel_of){1000, 30}, &answer);
    for (unsigned round = 0; round < 2; round++) { /* from memory, then from the index */
        pp_delete_make(&world.fixture, &world.sender, &made.envelopes[0].leaf, &nobodys, &deletes[0]);
        ck_assert_error(deleted_as(&world, &deletes[0]), PP_NOT_FOUND);
        pp_delete_make(&world.fixture, &world.sender, &made.envelopes[0].leaf, &made.ids[1], &deletes[0]);
        ck_assert_error(deleted_as(&world, &deletes[0]), PP_NOT_FOUND);
        pp_delete_make(&world.fixture, &world.sender, &others.envelopes[0].leaf, &others.ids[0], &deletes[0]);
        ck_assert_error(deleted_as(&world, &deletes[0]), PP_NOT_FOUND); /* the other's stamp, in the own channel */
        pp_delete_make(&world.fixture, &world.sender, &others.envelopes[0].leaf, &others.ids[0], &deletes[0]);
        deletes[0].channel_id = other.channel_id;
        ck_assert_error(deleted_as(&world, &deletes[0]), PP_BAD_SIGNATURE); /* the other's channel, signed by oneself */
        world_restart(&world);
    }
    pp_delete_make(&world.fixture, &world.sender, &made.envelopes[0].leaf, &made.ids[0], &deletes[0]);
    pp_delete_make(&world.fixture, &other, &others.envelopes[0].leaf, &others.ids[0], &deletes[1]);
    ck_assert_error(pp_node_delete(world.fixture.node, deletes, 2, results, &refund), PP_UNKNOWN_LANE);
    status_of(&world, &status);
    ck_assert(pp_grains_is_zero(status.refunded));
    sent_done(&made, &answer);
    pp_request_done(&others);
    world_close(&world);
}
END_TEST

START_TEST(delete__after_leaving_or_the_end__refused_and_the_node_goes_on)
{
    struct world world;
    struct pp_made_request made;
    struct pp_answer answer;
    struct pp_signature signature;
    struct pp_signed_refund refund;
    struct pp_signed_release release;
    struct pp_chain_event closed;
    struct pp_delete delete;
    struct pp_sender other;
    world_open(&world);
    send_all(&world, &world.sender, &made, 1, (struct pp_parcel_of){1000, 30}, &answer);
    pp_leave_sign(&world.fixture, &world.sender, &signature);
    ck_assert_ok(pp_node_leave(world.fixture.node, &world.sender.channel_id, FIXTURE_LANE, &signature, &refund, &release));
    pp_delete_make(&world.fixture, &world.sender, &made.envelopes[0].leaf, &made.ids[0], &delete);
    ck_assert_error(deleted_as(&world, &delete), PP_NOT_DELETABLE);
    pp_sender_event(&world.sender, PP_CHAIN_CLOSED, 0, 0, &closed);
    ck_assert_ok(pp_node_chain_events(world.fixture.node, &closed, 1));
    ck_assert_error(deleted_as(&world, &delete), PP_LANE_SETTLED);
    sent_done(&made, &answer);
    pp_sender_init(&other, &world.fixture, 2);
    pp_sender_fund(&other, &world.fixture, 1000000, 0);
    send_all(&world, &other, &made, 1, (struct pp_parcel_of){1000, 30}, &answer);
    sent_done(&made, &answer);
    world_close(&world);
}
END_TEST

/* ---- days that did not pass, or may not count: NODE-045 ---- */

START_TEST(clock__a_year_ahead_of_the_chain__no_day_is_earned)
{
    struct world world;
    struct pp_made_request made;
    struct pp_answer answer;
    struct pp_lane_status before, after;
    world_open(&world);
    send_all(&world, &world.sender, &made, 1, (struct pp_parcel_of){1000, 300}, &answer);
    status_of(&world, &before);
    world.fixture.now_ms += 365 * FIXTURE_DAY_MS;
    ck_assert_ok(pp_node_tick(world.fixture.node));
    struct pp_sender other;
    pp_sender_init(&other, &world.fixture, 2);
    pp_sender_fund(&other, &world.fixture, 1000000, 0); /* a record that is written meanwhile */
    ck_assert_ok(pp_node_tick(world.fixture.node));
    status_of(&world, &after);
    ck_assert(pp_grains_eq(before.earned, after.earned));
    world.fixture.now_ms -= 365 * FIXTURE_DAY_MS; /* the clock is set right: the node goes on */
    sent_done(&made, &answer);
    send_all(&world, &world.sender, &made, 1, (struct pp_parcel_of){1000, 1}, &answer);
    sent_done(&made, &answer);
    world_close(&world);
}
END_TEST

START_TEST(clock__behind_the_journal__refused_beyond_a_minute)
{
    struct world world;
    struct pp_made_request made;
    struct pp_answer answer;
    world_open(&world);
    send_all(&world, &world.sender, &made, 1, (struct pp_parcel_of){100, 1}, &answer);
    sent_done(&made, &answer);
    for (unsigned late = 0; late < 2; late++) { /* NODE-033 */
        world.fixture.now_ms = FIXTURE_START_MS - 60000 - late;
        pp_fixture_head(&world.fixture, 0, NULL);
        pp_request_make(&made, &world.fixture, &world.sender, 1, (struct pp_parcel_of){100, 1}, 1);
        pp_submit_wait(world.fixture.node, &made.request, &answer);
        ck_assert_error(answer.error, late ? PP_CLOCK : PP_OK);
        sent_done(&made, &answer);
    }
    world.fixture.now_ms = FIXTURE_START_MS;
    world_close(&world);
}
END_TEST

START_TEST(close__requested_while_the_view_was_lost__no_later_day_is_earned)
{
    struct world world;
    struct pp_made_request made;
    struct pp_answer answer;
    struct pp_chain_event event;
    struct pp_lane_status before, after;
    world_open(&world);
    send_all(&world, &world.sender, &made, 1, (struct pp_parcel_of){1000, 300}, &answer);
    status_of(&world, &before);
    for (unsigned day = 0; day < 3; day++) { /* the operator hears nothing of the chain */
        world.fixture.now_ms += FIXTURE_DAY_MS;
        ck_assert_ok(pp_node_tick(world.fixture.node));
    }
    pp_sender_event(&world.sender, PP_CHAIN_CLOSING, 0, 0, &event); /* on the first day */
    ck_assert_ok(pp_node_chain_events(world.fixture.node, &event, 1));
    pp_fixture_head(&world.fixture, 0, NULL);
    ck_assert_ok(pp_node_tick(world.fixture.node));
    status_of(&world, &after);
    ck_assert(pp_grains_eq(before.earned, after.earned));
    pp_sender_event(&world.sender, PP_CHAIN_CLOSE_UNDONE, 0, 0, &event);
    ck_assert_ok(pp_node_chain_events(world.fixture.node, &event, 1));
    status_of(&world, &after);
    ck_assert(pp_grains_eq(after.earned, pp_grains(1000 + 4 * 3000)));
    sent_done(&made, &answer);
    world_close(&world);
}
END_TEST

/* ---- a chain that says what the node cannot take ---- */

/* NODE-044: one event is refused, and neither the others nor the node suffer. */
START_TEST(chain__one_lane_too_many_anothers_or_a_false_one__refused_alone)
{
    struct world world;
    struct pp_made_request made;
    struct pp_answer answer;
    struct pp_sender others[3];
    struct pp_chain_event events[2];
    enum { TOO_MANY, OTHER_LANE, OTHER_CONFIG, UNKNOWN, CASES };
    static const enum pp_error expected[CASES] = {PP_TOO_MANY_LANES, PP_UNKNOWN_LANE, PP_BAD_EVENT, PP_UNKNOWN_CHANNEL};
    pp_temp_dir_make(&world.dir);
    pp_fixture_init(&world.fixture, world.dir.path, true);
    world.fixture.config.lanes_max = 2;
    pp_fixture_open(&world.fixture);
    pp_fixture_head(&world.fixture, 0, NULL);
    pp_sender_init(&world.sender, &world.fixture, 1);
    pp_sender_fund(&world.sender, &world.fixture, 1000000, 0);
    for (unsigned i = 0; i < 3; i++)
        pp_sender_init(&others[i], &world.fixture, 10 + i);
    pp_sender_fund(&others[0], &world.fixture, 1000000, 0);
    for (uint32_t i = 0; i < CASES; i++) {
        pp_sender_event(i == OTHER_CONFIG ? &others[0] : &others[1], i == UNKNOWN ? PP_CHAIN_CLOSING : PP_CHAIN_LANE_FINAL,
                        1000000, 0, &events[0]);
        events[0].lane += i == OTHER_LANE;
        events[0].config.signer.bytes[0] ^= i == OTHER_CONFIG;
        pp_sender_event(&world.sender, PP_CHAIN_LANE_FINAL, 1000001 + i, 1 + i, &events[1]); /* behind it: news of another */
        ck_assert_error(pp_node_chain_events(world.fixture.node, events, 2), expected[i]);
        struct pp_lane_status status;
        status_of(&world, &status);
        ck_assert_uint_eq(status.cap.raw, 1000001 + i);
        send_all(&world, &world.sender, &made, 1, (struct pp_parcel_of){100, 1}, &answer);
        sent_done(&made, &answer);
    }
    world_close(&world);
}
END_TEST

/* ---- a disk that is full ---- */

static enum pp_error always_full(void *context)
{
    (void)context;
    return PP_STORE_FULL;
}

START_TEST(store_full__a_chain_event_on_a_new_day_after_a_start__refused_and_taken_later)
{
    struct world world;
    struct pp_sender other;
    struct pp_chain_event event;
    world_open(&world);
    world_restart(&world);
    world.fixture.now_ms += FIXTURE_DAY_MS;
    pp_fixture_head(&world.fixture, 0, NULL);
    pp_sender_init(&other, &world.fixture, 2);
    pp_sender_event(&other, PP_CHAIN_LANE_FINAL, 1000000, 0, &event);
    pp_store_inject(world.fixture.node->data.journal, always_full, NULL);
    ck_assert_error(pp_node_chain_events(world.fixture.node, &event, 1), PP_STORE_FULL);
    pp_store_inject(world.fixture.node->data.journal, NULL, NULL);
    ck_assert_ok(pp_node_chain_events(world.fixture.node, &event, 1));
    world_close(&world);
}
END_TEST

static enum pp_error full_for_indexer(void *context)
{
    const struct pp_node *node = context;
    return pthread_equal(pthread_self(), node->index_thread) ? PP_STORE_FULL : PP_OK;
}

/* The index thread cannot write its checkpoint; closing can. What only the lost one held must not be lost. */
START_TEST(checkpoint__not_written_before_the_close__the_next_start_has_every_lane)
{
    struct world world;
    struct pp_made_request made;
    struct pp_answer answer;
    struct pp_sender other;
    struct pp_lane_status before, after;
    world_open(&world);
    struct pp_node *node = world.fixture.node;
    pp_sender_init(&other, &world.fixture, 2);
    pp_sender_fund(&other, &world.fixture, 1000000, 0);
    world_restart(&world); /* a checkpoint with both lanes */
    node = world.fixture.node;
    pp_store_inject(node->data.derived, full_for_indexer, node);
    atomic_store(&node->checkpoint_end, node->head.next_sequence - PP_CHECKPOINT_STAMPS); /* one is due */
    send_all(&world, &world.sender, &made, 1, (struct pp_parcel_of){1000, 3}, &answer);
    status_of(&world, &before);
    sent_done(&made, &answer);
    send_all(&world, &other, &made, 1, (struct pp_parcel_of){1000, 3}, &answer);
    sent_done(&made, &answer);
    world_restart(&world);
    status_of(&world, &after);
    ck_assert(pp_grains_eq(before.spent, after.spent));
    ck_assert_uint_eq(after.stamps, 1);
    world_close(&world);
}
END_TEST

static enum pp_error read_forever(void *context, struct pp_txn *txn)
{
    const int *ready = context;
    (void)txn;
    ck_assert_int_eq(write(*ready, "r", 1), 1);
    for (;;)
        pause();
}

/* Another process reads the journal (settle, verify) and is killed in the middle of it. */
static void reader_killed(const struct world *world)
{
    int ends[2], status;
    char byte;
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct pp_data data;
        char reason[PP_STORE_REASON_BYTES];
        if (pp_data_open(world->fixture.dir, 0, true, &data, reason) == PP_OK)
            (void)!pp_store_read(data.journal, read_forever, &ends[1]);
        _exit(1);
    }
    ck_assert_int_eq(read(ends[0], &byte, 1), 1);
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    close(ends[0]);
    close(ends[1]);
}

/* What a dead reader saw must not be kept for it: every commit would take new pages of the file. */
START_TEST(reader__killed_while_it_read__the_file_does_not_grow_for_it)
{
    struct world world;
    struct pp_made_request made;
    struct pp_answer answer;
    struct pp_node_status before, after;
    world_open(&world);
    reader_killed(&world);
    ck_assert_ok(pp_node_tick(world.fixture.node));
    pp_node_status(world.fixture.node, &before);
    for (unsigned i = 0; i < 300; i++) {
        send_all(&world, &world.sender, &made, 1, (struct pp_parcel_of){100, 1}, &answer);
        sent_done(&made, &answer);
    }
    pp_node_status(world.fixture.node, &after);
    ck_assert_uint_lt(after.store_used_bytes - before.store_used_bytes, 1000000);
    world_close(&world);
}
END_TEST

static void file_copy(const char *from_dir, const char *to_dir, const char *name)
{
    char from[400], to[400];
    uint8_t bytes[65536];
    size_t length;
    snprintf(from, sizeof from, "%s/%s", from_dir, name);
    snprintf(to, sizeof to, "%s/%s", to_dir, name);
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    ck_assert(in != NULL && out != NULL);
    while ((length = fread(bytes, 1, sizeof bytes, in)) > 0)
        ck_assert_uint_eq(fwrite(bytes, 1, length, out), length);
    fclose(in);
    ck_assert_int_eq(fclose(out), 0);
}

/* Two folders that look alike: as many records at the same times. One's derived file must not speak for the other. */
START_TEST(checkpoint__of_another_journal__refused_by_name)
{
    struct world worlds[2];
    struct pp_made_request made;
    struct pp_answer answer;
    struct pp_node *node;
    char reason[256] = "";
    for (unsigned i = 0; i < 2; i++) {
        pp_temp_dir_make(&worlds[i].dir);
        pp_fixture_init(&worlds[i].fixture, worlds[i].dir.path, true);
        pp_fixture_open(&worlds[i].fixture);
        pp_fixture_head(&worlds[i].fixture, 0, NULL);
        pp_sender_init(&worlds[i].sender, &worlds[i].fixture, 1 + i);
        pp_sender_fund(&worlds[i].sender, &worlds[i].fixture, 25000000, 0);
        send_all(&worlds[i], &worlds[i].sender, &made, 1, (struct pp_parcel_of){100, 1}, &answer);
        sent_done(&made, &answer);
        pp_fixture_close(&worlds[i].fixture);
    }
    file_copy(worlds[0].fixture.dir, worlds[1].fixture.dir, "derived.mdb");
    ck_assert_error(pp_node_open(&worlds[1].fixture.config, &node, reason), PP_CORRUPT);
    ck_assert_msg(strstr(reason, "checkpoint") != NULL, "%s", reason);
    for (unsigned i = 0; i < 2; i++) {
        pp_fixture_done(&worlds[i].fixture);
        pp_temp_dir_remove(&worlds[i].dir);
    }
}
END_TEST

/* ---- two at once ---- */

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool entered, open;
    struct pp_node *node;
};

static enum pp_error gate_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    struct gate *gate = context;
    (void)node, (void)txn;
    pthread_mutex_lock(&gate->lock);
    gate->entered = true;
    pthread_cond_broadcast(&gate->moved);
    while (!gate->open)
        pthread_cond_wait(&gate->moved, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
    return PP_OK;
}

static void *gate_thread(void *context)
{
    struct gate *gate = context;
    ck_assert_ok(pp_pipeline_call(gate->node, PP_ITEM_LOOK, gate_run, gate));
    return NULL;
}

static void gate_close(struct gate *gate, struct pp_node *node, pthread_t *thread)
{
    *gate = (struct gate){PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false, node};
    ck_assert_int_eq(pthread_create(thread, NULL, gate_thread, gate), 0);
    pthread_mutex_lock(&gate->lock);
    while (!gate->entered)
        pthread_cond_wait(&gate->moved, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

/* Until so many items wait for the writer. */
static void gate_wait(struct gate *gate, uint32_t waiting)
{
    for (bool there = false; !there;) {
        pthread_mutex_lock(&gate->node->lock);
        there = gate->node->waiting_stamps >= waiting;
        pthread_mutex_unlock(&gate->node->lock);
        sched_yield();
    }
}

static void gate_open_when(struct gate *gate, uint32_t waiting, pthread_t thread)
{
    gate_wait(gate, waiting);
    pthread_mutex_lock(&gate->lock);
    gate->open = true;
    pthread_cond_broadcast(&gate->moved);
    pthread_mutex_unlock(&gate->lock);
    pthread_join(thread, NULL);
}

struct delete_call {
    struct pp_node *node;
    struct pp_delete delete;
    struct pp_delete_result result;
    struct pp_signed_refund refund;
    enum pp_error error;
};

static void *delete_thread(void *context)
{
    struct delete_call *call = context;
    call->error = pp_node_delete(call->node, &call->delete, 1, &call->result, &call->refund);
    return NULL;
}

START_TEST(delete__twice_in_one_group__one_refund_and_both_hear_of_it)
{
    struct world world;
    struct pp_made_request made;
    struct pp_answer answer;
    struct gate gate;
    struct delete_call calls[2];
    pthread_t gate_id, ids[2];
    world_open(&world);
    send_all(&world, &world.sender, &made, 1, (struct pp_parcel_of){100, 5}, &answer);
    gate_close(&gate, world.fixture.node, &gate_id);
    for (unsigned i = 0; i < 2; i++) {
        calls[i] = (struct delete_call){.node = world.fixture.node};
        pp_delete_make(&world.fixture, &world.sender, &made.envelopes[0].leaf, &made.ids[0], &calls[i].delete);
        ck_assert_int_eq(pthread_create(&ids[i], NULL, delete_thread, &calls[i]), 0);
    }
    gate_open_when(&gate, 2, gate_id); /* both look up the signer: two looks; then both write */
    for (unsigned i = 0; i < 2; i++)
        pthread_join(ids[i], NULL);
    unsigned first = calls[0].result.refusal.error == PP_OK ? 0 : 1;
    ck_assert_ok(calls[first].error);
    ck_assert_ok(calls[first].result.refusal.error);
    ck_assert_ok(calls[!first].error);
    ck_assert_error(calls[!first].result.refusal.error, PP_ALREADY_DELETED);
    ck_assert(pp_grains_eq(calls[!first].refund.refunded, pp_grains(4 * 300)));
    sent_done(&made, &answer);
    world_close(&world);
}
END_TEST

struct submit_call {
    struct pp_node *node;
    const struct pp_request *request;
    struct pp_answer answer;
};

static void *submit_thread(void *context)
{
    struct submit_call *call = context;
    pp_submit_wait(call->node, call->request, &call->answer);
    return NULL;
}

struct event_call {
    struct pp_node *node;
    struct pp_chain_event event;
};

static void *event_thread(void *context)
{
    struct event_call *call = context;
    ck_assert_ok(pp_node_chain_events(call->node, &call->event, 1));
    return NULL;
}

/* Looked at before its cap was raised, a stamp is not worth a signature; at the writer it would be admitted. */
START_TEST(submit__admissible_only_at_the_writer__its_signature_is_examined)
{
    for (unsigned forged = 0; forged < 2; forged++) {
        struct world world;
        struct pp_made_request made;
        struct gate gate;
        pthread_t gate_id, event_id, submit_id;
        world_open(&world);
        pp_request_make(&made, &world.fixture, &world.sender, 1, (struct pp_parcel_of){100, 1}, 3);
        made.envelopes[0].leaf.from = pp_grains(UINT64_C(25000000) * 1000000);
        pp_request_sign(&made, &world.fixture, &world.sender);
        made.request.signature.bytes[40] ^= (uint8_t)forged;
        gate_close(&gate, world.fixture.node, &gate_id);
        struct event_call raise = {.node = world.fixture.node};
        pp_sender_event(&world.sender, PP_CHAIN_LANE_FINAL, 26000000, 1, &raise.event);
        ck_assert_int_eq(pthread_create(&event_id, NULL, event_thread, &raise), 0);
        gate_wait(&gate, 1);
        struct submit_call call = {.node = world.fixture.node, .request = &made.request};
        ck_assert_int_eq(pthread_create(&submit_id, NULL, submit_thread, &call), 0);
        gate_open_when(&gate, 2, gate_id);
        pthread_join(event_id, NULL);
        pthread_join(submit_id, NULL);
        ck_assert_ok(call.answer.error);
        ck_assert_error(call.answer.results[0].refusal.error, forged ? PP_BAD_SIGNATURE : PP_OK);
        pp_answer_done(&call.answer);
        pp_request_done(&made);
        world_close(&world);
    }
}
END_TEST

/* ---- the host's tickets ---- */

/* The sender left while the host was storing: what it stored is not paid, and the node goes on. */
START_TEST(host__its_sender_left_meanwhile__nothing_to_commit)
{
    struct world world;
    struct pp_made_request made;
    struct pp_result results[2];
    struct pp_refusal refusal;
    struct pp_lane_status status;
    struct pp_signature signature;
    struct pp_signed_refund refund;
    struct pp_signed_release release;
    struct pp_receipt receipt;
    world_open_as(&world, false);
    pp_request_make(&made, &world.fixture, &world.sender, 2, (struct pp_parcel_of){100, 4}, 1);
    ck_assert_ok(pp_node_admit(world.fixture.node, &made.request, results, &refusal));
    ck_assert_ok(pp_node_commit(world.fixture.node, &results[0].sequence, 1, &receipt));
    pp_leave_sign(&world.fixture, &world.sender, &signature);
    ck_assert_ok(pp_node_leave(world.fixture.node, &world.sender.channel_id, FIXTURE_LANE, &signature, &refund, &release));
    ck_assert(pp_grains_eq(refund.refunded, pp_grains(1000 + 4 * 300 + 3 * 300)));
    for (unsigned round = 0; round < 2; round++) {
        ck_assert_error(pp_node_commit(world.fixture.node, &results[1].sequence, 1, &receipt), PP_TICKET_CLOSED);
        ck_assert_ok(pp_node_cancel(world.fixture.node, &results[1].sequence, 1));
        status_of(&world, &status);
        ck_assert(pp_grains_eq(status.earned, pp_grains(1000 + 300)));
        ck_assert(pp_grains_eq(status.refunded, refund.refunded));
        world_restart(&world);
    }
    pp_request_done(&made);
    world_close(&world);
}
END_TEST

START_TEST(host__admitted_again_after_its_cancel__no_second_ticket)
{
    struct world world;
    struct pp_made_request made;
    struct pp_result results[2];
    struct pp_refusal refusal;
    struct pp_lane_status status;
    world_open_as(&world, false);
    pp_request_make(&made, &world.fixture, &world.sender, 2, (struct pp_parcel_of){100, 4}, 1);
    ck_assert_ok(pp_node_admit(world.fixture.node, &made.request, results, &refusal));
    ck_assert_ok(pp_node_cancel(world.fixture.node, &results[0].sequence, 1));
    ck_assert_ok(pp_node_admit(world.fixture.node, &made.request, results, &refusal));
    ck_assert_error(results[0].refusal.error, PP_TICKET_CLOSED); /* NODE-053 */
    ck_assert(results[1].known);
    status_of(&world, &status);
    ck_assert_uint_eq(status.stamps, 2);
    ck_assert(pp_grains_eq(status.refunded, pp_grains(1000 + 4 * 300)));
    pp_request_done(&made);
    world_close(&world);
}
END_TEST

/* ---- the writer's time: NODE-046 ---- */

/* Leaves of two large records, in turn: each costs the writer a thousand rows, and nobody signs for it. */
START_TEST(submit__known_stamps_out_of_order__the_search_ends_early)
{
    struct world world;
    struct pp_made_request made[2], mixed;
    struct pp_answer answer;
    world_open(&world);
    for (unsigned i = 0; i < 2; i++) {
        send_all(&world, &world.sender, &made[i], PP_LEAVES_MAX, (struct pp_parcel_of){20, 1}, &answer);
        pp_answer_done(&answer);
    }
    world_restart(&world); /* so that all is indexed */
    pp_submit_wait(world.fixture.node, &made[1].request, &answer);
    ck_assert_ok(answer.error);
    for (unsigned i = 0; i < PP_LEAVES_MAX; i++)
        ck_assert(answer.results[i].known);
    pp_answer_done(&answer);
    mixed = made[0];
    mixed.envelopes = calloc(PP_LEAVES_MAX, sizeof *mixed.envelopes);
    for (unsigned i = 0; i < PP_LEAVES_MAX; i++)
        mixed.envelopes[i] = made[i % 2].envelopes[i];
    mixed.request.envelopes = mixed.envelopes;
    pp_submit_wait(world.fixture.node, &mixed.request, &answer);
    ck_assert_ok(answer.error);
    ck_assert(answer.results[0].known && answer.results[1].known);
    unsigned known = 0;
    for (unsigned i = 0; i < PP_LEAVES_MAX; i++)
        if (answer.results[i].refusal.error == PP_OK)
            known++;
        else
            ck_assert_error(answer.results[i].refusal.error, PP_BUSY);
    ck_assert_uint_le(known, PP_LEAVES_MAX / 2 + PP_LOOK_ROWS_KNOWN / PP_LEAVES_MAX); /* those of the record at hand */
    pp_answer_done(&answer);
    free(mixed.envelopes);
    pp_request_done(&made[0]);
    pp_request_done(&made[1]);
    world_close(&world);
}
END_TEST

PP_TESTS("attacks")
PP_TEST(leave__the_days_came_back__the_envelope_is_gone_the_day_after)
PP_TEST(close__final__the_envelope_of_the_lapsed_postage_is_gone)
PP_TEST(delete__another_stamps_place_or_channel__nothing_comes_back)
PP_TEST(delete__after_leaving_or_the_end__refused_and_the_node_goes_on)
PP_TEST(clock__a_year_ahead_of_the_chain__no_day_is_earned)
PP_TEST(close__requested_while_the_view_was_lost__no_later_day_is_earned)
PP_TEST(chain__one_lane_too_many_anothers_or_a_false_one__refused_alone)
PP_TEST(store_full__a_chain_event_on_a_new_day_after_a_start__refused_and_taken_later)
PP_TEST(checkpoint__not_written_before_the_close__the_next_start_has_every_lane)
PP_TEST(checkpoint__of_another_journal__refused_by_name)
PP_TEST(reader__killed_while_it_read__the_file_does_not_grow_for_it)
PP_TEST(delete__twice_in_one_group__one_refund_and_both_hear_of_it)
PP_TEST(clock__behind_the_journal__refused_beyond_a_minute)
PP_TEST(submit__admissible_only_at_the_writer__its_signature_is_examined)
PP_TEST(host__its_sender_left_meanwhile__nothing_to_commit)
PP_TEST(host__admitted_again_after_its_cancel__no_second_ticket)
PP_TEST(submit__known_stamps_out_of_order__the_search_ends_early)
PP_TESTS_END
