/* Batches of all sizes, merged in small steps, with a store that fails now and then and a process that ends now and then: every
 * stamp and every topic is found where it is, and the runs stay few. Method: a model keeps what was written; the journal is
 * not there at all. */
#include "pp_fixture.h"
#include "pp_test.h"

#include "store/index.h"
#include "store/tables.h"

#include <stdlib.h>
#include <string.h>

#define STAMPS_MAX 60000u
#define TOPICS 40u
#define DAY_0 20000u

struct stamp {
    uint32_t slot, gone_day;
    uint64_t sequence, from;
    unsigned topic;
};

struct world {
    struct pp_temp_dir dir;
    struct pp_data data;
    struct pp_rng rng;
    struct pp_recent recent;
    struct pp_index *index;
    struct pp_index_batch batch;
    struct stamp *stamps;
    size_t count;
    uint64_t next_sequence;
    uint32_t today;
    unsigned fault_in; /* commits until one fails; 0: none does */
    enum pp_error fault;
};

static enum pp_error fault_answer(void *context)
{
    struct world *world = context;
    if (world->fault_in == 0 || --world->fault_in > 0)
        return PP_OK;
    return world->fault;
}

static void world_begin(struct world *world)
{
    char path[400];
    snprintf(path, sizeof path, "%s/data", world->dir.path);
    ck_assert_ok(pp_data_open(path, UINT64_C(1) << 30, false, &world->data, NULL));
    ck_assert_ok(pp_index_open(world->index, world->data.derived));
    pp_journal_head_init(&world->batch.head);
    enum pp_error error = pp_index_head(world->data.derived, &world->batch.head);
    ck_assert(error == PP_OK || error == PP_NOT_FOUND);
    pp_store_inject(world->data.derived, fault_answer, world);
}

static void world_open(struct world *world, uint64_t seed)
{
    *world = (struct world){.today = DAY_0, .next_sequence = 1};
    pp_rng_init(&world->rng, seed);
    pp_temp_dir_make(&world->dir);
    world->index = malloc(sizeof *world->index);
    world->stamps = calloc(STAMPS_MAX, sizeof *world->stamps);
    ck_assert_ok(pp_recent_open(&world->recent, pp_rng_u64(&world->rng)));
    world_begin(world);
}

static void world_close(struct world *world)
{
    pp_data_close(&world->data);
    pp_recent_close(&world->recent);
    free(world->index);
    free(world->stamps);
    pp_temp_dir_remove(&world->dir);
}

static size_t topic_make(unsigned number, char out[16])
{
    return (size_t)snprintf(out, 16, "topic %u", number);
}

/* ---- deeds ---- */

static void stamp_admit(struct world *world)
{
    struct stamp *stamp = &world->stamps[world->count];
    char topic[16];
    *stamp = (struct stamp){
        .slot = (uint32_t)pp_rng_below(&world->rng, 5000),
        .from = 1000 * world->count,
        .sequence = world->next_sequence,
        .topic = (unsigned)pp_rng_below(&world->rng, TOPICS),
        .gone_day =
            pp_rng_chance(&world->rng, 10) ? 0 : world->today + 1 + (uint32_t)pp_rng_below(&world->rng, 6),
    };
    struct pp_recent_stamp recent = {.from = pp_grains(stamp->from),
                                     .slot = stamp->slot,
                                     .sequence = stamp->sequence,
                                     .gone_day = stamp->gone_day};
    pp_index_topic_key_of(&world->index->secret, (const uint8_t *)topic, topic_make(stamp->topic, topic),
                          recent.topic_key);
    pp_recent_add(&world->recent, &recent);
    world->count++;
    world->next_sequence += 1 + pp_rng_chance(&world->rng, 50);
}

static enum pp_error batch_write(struct world *world)
{
    struct pp_journal_head before = world->batch.head;
    const struct pp_journal_head head = {.next_sequence = world->next_sequence, .time_ms = world->count};
    ck_assert_ok(
        pp_index_gather_recent(&world->batch, &world->recent, world->recent.first, world->recent.end, &head));
    enum pp_error error = pp_index_write(world->index, &world->batch, world->data.derived);
    pp_index_batch_empty(&world->batch);
    if (error == PP_OK)
        pp_recent_drop_below(&world->recent, world->recent.end);
    else
        world->batch.head = before;
    return error;
}

static void deed_admit(struct world *world)
{
    uint64_t count = 1 + pp_rng_below(&world->rng, pp_rng_chance(&world->rng, 8) ? 4000 : 60);
    for (uint64_t i = 0; i < count && world->count < STAMPS_MAX; i++)
        stamp_admit(world);
    enum pp_error error = batch_write(world);
    ck_assert(error == PP_OK || error == world->fault);
    if (error != PP_OK)
        ck_assert_ok(batch_write(world));
}

static bool deed_merge(struct world *world, uint64_t rows)
{
    bool due = false;
    enum pp_error error = pp_index_work(world->index, world->data.derived, rows, world->today, &due);
    ck_assert(error == PP_OK || (error == world->fault && error != PP_STORE_FULL));
    return due || error != PP_OK;
}

/* As a kill leaves it: what is written is written. */
static void deed_restart(struct world *world)
{
    pp_data_close(&world->data);
    memset(world->index, 0xa5, sizeof *world->index);
    world_begin(world);
    ck_assert_uint_eq(world->batch.head.next_sequence, world->count == 0 ? 1 : world->next_sequence);
}

/* ---- what must hold ---- */

static void stamps_check(struct world *world, size_t step)
{
    for (size_t i = pp_rng_below(&world->rng, step); i < world->count;
         i += 1 + pp_rng_below(&world->rng, step)) {
        const struct stamp *stamp = &world->stamps[i];
        uint64_t sequence;
        ck_assert_ok(pp_index_find(world->data.derived, stamp->slot, pp_grains(stamp->from), &sequence));
        ck_assert_uint_eq(sequence, stamp->sequence);
        ck_assert_error(
            pp_index_find(world->data.derived, stamp->slot, pp_grains(stamp->from + 1), &sequence),
            PP_NOT_FOUND);
        ck_assert_error(
            pp_index_find(world->data.derived, stamp->slot + 1, pp_grains(stamp->from), &sequence),
            PP_NOT_FOUND);
    }
}

static void topic_check(struct world *world, unsigned topic)
{
    char name[16];
    size_t length = topic_make(topic, name), asked = 1 + pp_rng_below(&world->rng, 200), count = 0, at = 0;
    uint64_t sequences[200], after = 0;
    for (size_t i = 0; i < world->count; i++) {
        const struct stamp *stamp = &world->stamps[i];
        if (stamp->topic != topic || stamp->gone_day <= world->today)
            continue;
        if (at == count) {
            ck_assert_ok(pp_index_topic(world->data.derived, pp_slice(name, length), after, world->today,
                                        sequences, asked, &count));
            at = 0;
        }
        ck_assert_uint_lt(at, count);
        ck_assert_uint_eq(sequences[at], stamp->sequence);
        after = sequences[at++];
    }
    ck_assert_ok(pp_index_topic(world->data.derived, pp_slice(name, length), after, world->today, sequences,
                                asked, &count));
    ck_assert_uint_eq(count, 0);
}

struct tables {
    struct pp_run_list list;
    uint64_t blocks, live, rows;
};

static enum pp_error tables_run(void *context, struct pp_txn *txn)
{
    struct tables *tables = context;
    for (unsigned kind = 0; kind < PP_INDEX_KINDS; kind++) {
        PP_TRY(pp_run_list_get(txn, PP_TABLE_INDEX_HEAD, pp_index_list_key((enum pp_index_kind)kind),
                               &tables[kind].list));
        PP_TRY(pp_txn_count(txn, pp_index_table((enum pp_index_kind)kind), &tables[kind].blocks));
        for (uint32_t i = 0; i < tables[kind].list.count; i++)
            if (tables[kind].list.runs[i].state == PP_RUN_LIVE) {
                tables[kind].live++;
                tables[kind].rows += tables[kind].list.runs[i].rows;
            }
    }
    return PP_OK;
}

/* Everything merged that is due: few runs, no blocks of others, and of topics no more than twice what is not gone. */
static void rest_check(struct world *world)
{
    struct tables *tables = calloc(PP_INDEX_KINDS, sizeof *tables);
    size_t there = 0;
    world->fault_in = 0;
    while (deed_merge(world, 100000))
        ;
    ck_assert_ok(pp_store_read(world->data.derived, tables_run, tables));
    for (size_t i = 0; i < world->count; i++)
        there += world->stamps[i].gone_day > world->today;
    for (unsigned kind = 0; kind < PP_INDEX_KINDS; kind++) {
        ck_assert_uint_eq(tables[kind].live, tables[kind].list.count);
        ck_assert_uint_le(tables[kind].live, 3 * (PP_INDEX_FAN - 1)); /* of three levels */
        ck_assert_uint_le(tables[kind].blocks,
                          tables[kind].rows / PP_RUN_BLOCK_ROWS + tables[kind].live + 30);
    }
    ck_assert_uint_eq(tables[PP_INDEX_STAMPS].rows, world->count);
    ck_assert_uint_ge(tables[PP_INDEX_TOPICS].rows, there);
    ck_assert_uint_le(tables[PP_INDEX_TOPICS].rows, 2 * there + tables[PP_INDEX_TOPICS].live);
    free(tables);
}

static void deed_any(struct world *world)
{
    static const enum pp_error faults[] = {PP_STORE_FULL, PP_IO};
    world->fault_in = pp_rng_chance(&world->rng, 4) ? 1 + (unsigned)pp_rng_below(&world->rng, 5) : 0;
    world->fault = faults[pp_rng_below(&world->rng, 2)];
    uint64_t which = pp_rng_below(&world->rng, 20);
    if (which < 12)
        deed_admit(world);
    else if (which < 17)
        (void)deed_merge(world, 1 + pp_rng_below(&world->rng, 30000));
    else if (which == 17)
        deed_restart(world);
    else if (which == 18)
        world->today++;
    else
        topic_check(world, (unsigned)pp_rng_below(&world->rng, TOPICS));
    stamps_check(world, 1 + world->count / 4);
}

/* JRN-050, JRN-053, JRN-055, JRN-056, JRN-057 */
START_TEST(index__batches_merges_faults_and_restarts__everything_found)
{
    struct world world;
    world_open(&world, 77 + (uint64_t)_i);
    for (unsigned i = 0; i < 300; i++)
        deed_any(&world);
    rest_check(&world);
    stamps_check(&world, 20);
    for (unsigned topic = 0; topic < TOPICS; topic++)
        topic_check(&world, topic);
    deed_restart(&world);
    rest_check(&world);
    world.today += 7;
    rest_check(&world);
    stamps_check(&world, 20);
    world_close(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("index_merge");
    TCase *tests = tcase_create("index_merge");
    tcase_set_timeout(tests, PP_TEST_TIMEOUT_S);
    tcase_add_loop_test(tests, index__batches_merges_faults_and_restarts__everything_found, 0, 2);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
