/* Indexes and the sweep: every stamp and every envelope found, also while they are not indexed; what expired goes. */
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include "store/index.h"
#include "engine/node.h"

#include <pp/verify.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
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
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
    pp_sender_init(&world->sender, &world->fixture, 1);
    pp_sender_fund(&world->sender, &world->fixture, 10000000, 0);
}

static void world_close(struct world *world, struct pp_verify_summary *out)
{
    pp_fixture_verify(&world->fixture, out);
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

static void send(struct world *world, size_t count, uint16_t days, unsigned topic,
                 struct pp_made_request *made)
{
    struct pp_answer answer;
    pp_request_make(made, &world->fixture, &world->sender, count, (struct pp_parcel_of){60, days}, topic);
    pp_submit_wait(world->fixture.node, &made->request, &answer);
    ck_assert_ok(answer.error);
    for (size_t i = 0; i < count; i++)
        ck_assert_ok(answer.results[i].refusal.error);
    pp_answer_done(&answer);
}

static size_t topic_count(struct world *world, const struct pp_made_request *made, uint64_t *sequences,
                          size_t capacity)
{
    size_t count;
    ck_assert_ok(pp_node_topic(world->fixture.node, (const uint8_t *)made->topic, strlen(made->topic), 0,
                               sequences, capacity, &count));
    return count;
}

/* JRN-050, JRN-053 */
START_TEST(index__stamps_and_topics__each_found_where_it_is)
{
    struct world world;
    struct pp_made_request made[6];
    uint64_t sequences[64], sequence, next = 3;
    world_open(&world);
    for (unsigned i = 0; i < 6; i++)
        send(&world, 1 + i, 5, i % 2, &made[i]);
    ck_assert_ok(pp_indexer_flush(world.fixture.node));
    for (unsigned i = 0; i < 6; i++)
        for (unsigned k = 0; k < 1 + i; k++) {
            struct pp_grains from = made[i].envelopes[k].leaf.from, inside;
            ck_assert_ok(pp_index_find(world.fixture.node->data.derived, 0, from, &sequence));
            ck_assert_uint_eq(sequence, next++);
            ck_assert_ok(pp_grains_add(from, pp_grains(1), &inside));
            ck_assert_error(pp_index_find(world.fixture.node->data.derived, 0, inside, &sequence),
                            PP_NOT_FOUND);
            ck_assert_error(pp_index_find(world.fixture.node->data.derived, 1, from, &sequence),
                            PP_NOT_FOUND);
        }
    ck_assert_uint_eq(topic_count(&world, &made[0], sequences, 64), 1 + 3 + 5);
    ck_assert_uint_eq(topic_count(&world, &made[1], sequences, 64), 2 + 4 + 6);
    for (unsigned i = 1; i < 12; i++)
        ck_assert_uint_lt(sequences[i - 1], sequences[i]);
    ck_assert_uint_eq(topic_count(&world, &made[1], sequences, 5), 5);
    for (unsigned i = 0; i < 6; i++)
        pp_request_done(&made[i]);
    world_close(&world, NULL);
}
END_TEST

/* JRN-052 */
START_TEST(open__index_behind_or_gone__complete_before_the_first_request)
{
    struct world world;
    struct pp_made_request made;
    struct pp_node_status status;
    uint64_t sequences[8];
    world_open(&world);
    send(&world, 5, 5, 1, &made);
    pp_fixture_close(&world.fixture);
    char path[400];
    snprintf(path, sizeof path, "%s/derived.mdb", world.fixture.dir);
    ck_assert_int_eq(remove(path), 0);
    pp_fixture_open(&world.fixture);
    pp_node_status(world.fixture.node, &status);
    ck_assert_uint_eq(status.index_sequence, status.journal_sequence);
    ck_assert_uint_eq(topic_count(&world, &made, sequences, 8), 5);
    pp_request_done(&made);
    world_close(&world, NULL);
}
END_TEST

/* As an older program left it: no number, and rows of a form of its own. */
static enum pp_error derived_age(void *context, struct pp_txn *txn)
{
    const bool *has_number = context;
    static const uint8_t row[24] = {1, 2, 3};
    const struct pp_slice number = pp_slice("\0\0\0\1", 4), none = pp_slice(NULL, 0);
    PP_TRY(*has_number ? pp_txn_put(txn, PP_TABLE_INDEX_HEAD, pp_slice("schema", 6), &number, 1)
                       : pp_txn_delete(txn, PP_TABLE_INDEX_HEAD, pp_slice("schema", 6)));
    PP_TRY(pp_txn_put(txn, PP_TABLE_INDEX_TOPIC, pp_slice(row, sizeof row), &none, 1));
    return pp_txn_put(txn, PP_TABLE_CHECKPOINT, pp_slice(row, 5), &none, 1);
}

/* JRN-045 */
START_TEST(open__derived_of_another_form__refused_to_readers_and_built_again)
{
    for (int has_number = 0; has_number < 2; has_number++) {
        struct world world;
        struct pp_made_request made;
        struct pp_node_status status;
        struct pp_data data;
        uint64_t sequences[8];
        bool number = has_number;
        world_open(&world);
        send(&world, 5, 5, 1, &made);
        pp_fixture_close(&world.fixture);
        ck_assert_ok(pp_data_open(world.fixture.dir, UINT64_C(1) << 30, false, &data, NULL));
        ck_assert_ok(pp_store_write(data.derived, PP_STORE_ORDINARY, derived_age, &number));
        pp_data_close(&data);
        ck_assert_error(pp_data_open(world.fixture.dir, 0, true, &data, NULL), PP_SCHEMA);
        pp_fixture_open(&world.fixture);
        pp_node_status(world.fixture.node, &status);
        ck_assert_uint_eq(status.index_sequence, status.journal_sequence);
        ck_assert_uint_eq(topic_count(&world, &made, sequences, 8), 5);
        pp_request_done(&made);
        world_close(&world, NULL);
    }
}
END_TEST

/* ---- the index thread stands still ---- */

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool shut;
    unsigned waiting;
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
    pthread_mutex_unlock(&gate->lock);
    return PP_OK;
}

/* Up to two below where the writer waits: with stamps that the index has, so that it passes over them. */
static enum pp_error recent_fill(struct pp_node *node, struct pp_txn *txn, void *context)
{
    (void)txn;
    (void)context;
    struct pp_recent_stamp stamp = {.slot = 999, .sequence = node->head.next_sequence - 1};
    while (pp_recent_count(&node->recent) < PP_RECENT_MAX - PP_GROUP_MAX - PP_LEAVES_MAX - 2) {
        stamp.from = pp_grains(pp_recent_count(&node->recent));
        pp_recent_add(&node->recent, &stamp);
    }
    return PP_OK;
}

struct late {
    struct world *world;
    struct pp_made_request made;
    _Atomic bool done;
};

static void *late_main(void *context)
{
    struct late *late = context;
    send(late->world, 3, 5, 2, &late->made);
    atomic_store(&late->done, true);
    return NULL;
}

/* JRN-050, JRN-051: stamps that are not indexed are known; when there are too many the writer waits for the index. */
START_TEST(index__stands_still__stamps_are_known_and_the_writer_waits_at_its_limit)
{
    struct world world;
    struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, true, 0};
    struct pp_made_request made, more;
    struct pp_answer answer;
    struct late late = {.world = &world};
    pthread_t thread;
    world_open(&world);
    ck_assert_ok(pp_indexer_flush(world.fixture.node));
    ck_assert_ok(pp_pipeline_call(world.fixture.node, PP_ITEM_LOOK, recent_fill, NULL));
    pp_store_inject(world.fixture.node->data.derived, gate_pass, &gate);
    send(&world, 2, 5, 1, &made);
    pthread_mutex_lock(&gate.lock);
    while (gate.waiting == 0)
        pthread_cond_wait(&gate.moved, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
    pp_submit_wait(world.fixture.node, &made.request, &answer);
    ck_assert(answer.results[0].known && answer.results[1].known);
    pp_answer_done(&answer);

    send(&world, 1, 5, 3, &more);
    ck_assert_int_eq(pthread_create(&thread, NULL, late_main, &late), 0);
    for (bool waits = false; !waits;) { /* the writer asks the index thread to hurry */
        pthread_mutex_lock(&world.fixture.node->index_lock);
        waits = world.fixture.node->index_flush;
        pthread_mutex_unlock(&world.fixture.node->index_lock);
        sched_yield();
    }
    ck_assert(!atomic_load(&late.done));
    pthread_mutex_lock(&gate.lock);
    gate.shut = false;
    pthread_cond_broadcast(&gate.moved);
    pthread_mutex_unlock(&gate.lock);
    pthread_join(thread, NULL);
    ck_assert_uint_le(pp_recent_count(&world.fixture.node->recent), 3);
    ck_assert_ok(pp_indexer_flush(world.fixture.node));
    pp_store_inject(world.fixture.node->data.derived, NULL, NULL);
    pp_request_done(&made);
    pp_request_done(&late.made);
    pp_request_done(&more);
    world_close(&world, NULL);
}
END_TEST

/* ---- the sweep ---- */

struct count {
    unsigned table;
    uint64_t rows;
};

static enum pp_error count_run(void *context, struct pp_txn *txn)
{
    struct count *count = context;
    return pp_txn_count(txn, count->table, &count->rows);
}

static uint64_t rows_of(struct pp_store *store, unsigned table)
{
    struct count count = {table, 0};
    ck_assert_ok(pp_store_read(store, count_run, &count));
    return count.rows;
}

struct live {
    uint64_t rows;
    struct pp_run_list list;
};

static enum pp_error live_run(void *context, struct pp_txn *txn)
{
    struct live *live = context;
    live->rows = 0;
    PP_TRY(pp_run_list_get(txn, PP_TABLE_INDEX_HEAD, pp_index_list_key(PP_INDEX_TOPICS), &live->list));
    for (uint32_t i = 0; i < live->list.count; i++)
        live->rows += live->list.runs[i].state == PP_RUN_LIVE ? live->list.runs[i].rows : 0;
    return PP_OK;
}

/* Behind the sweep: in the end no more than half of the rows lead to nothing. */
static void topic_rows_wait(struct pp_store *derived, uint64_t most)
{
    struct live live;
    do {
        sched_yield();
        ck_assert_ok(pp_store_read(derived, live_run, &live));
    } while (live.rows > most);
}

/* JRN-054, NODE-061 */
START_TEST(sweep__days_end__expired_envelopes_and_their_rows_go)
{
    struct world world;
    struct pp_made_request made[3];
    struct pp_verify_summary summary;
    uint64_t sequences[16];
    world_open(&world);
    for (unsigned i = 0; i < 3; i++)
        send(&world, 4, (uint16_t)(1 + i), 1, &made[i]);
    ck_assert_ok(pp_indexer_flush(world.fixture.node));
    for (unsigned day = 0; day <= 3; day++) {
        const struct pp_data *data = &world.fixture.node->data;
        ck_assert_ok(pp_node_tick(world.fixture.node));
        ck_assert_uint_eq(rows_of(data->journal, PP_TABLE_ENVELOPES), 4 * (3 - day));
        ck_assert_uint_eq(rows_of(data->derived, PP_TABLE_INDEX_EXPIRY), 3 - day);
        topic_rows_wait(data->derived, 2 * 4 * (3 - day));
        ck_assert_uint_eq(topic_count(&world, &made[0], sequences, 16), 4 * (3 - day));
        atomic_fetch_add(&world.fixture.now_ms, FIXTURE_DAY_MS);
        pp_fixture_head(&world.fixture, 0, NULL);
    }
    for (unsigned i = 0; i < 3; i++) {
        struct pp_answer answer; /* a retry still gets its receipt */
        pp_submit_wait(world.fixture.node, &made[i].request, &answer);
        ck_assert(answer.results[3].known);
        pp_answer_done(&answer);
        pp_request_done(&made[i]);
    }
    world_close(&world, &summary);
    ck_assert_uint_eq(summary.envelopes, 0);
}
END_TEST

PP_TESTS("index")
PP_TEST(index__stamps_and_topics__each_found_where_it_is)
PP_TEST(open__index_behind_or_gone__complete_before_the_first_request)
PP_TEST(open__derived_of_another_form__refused_to_readers_and_built_again)
PP_TEST(index__stands_still__stamps_are_known_and_the_writer_waits_at_its_limit)
PP_TEST(sweep__days_end__expired_envelopes_and_their_rows_go)
PP_TESTS_END
