/* A checkpoint: written whole or by what changed, it loads as the ledger that it was taken from; any changed row is refused.
 * Method: a node makes the ledger; its rows are compared lane by lane with a ledger that was loaded from them. */
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include "checkpoint.h"
#include "node.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_sender senders[5];
};

static void world_open(struct world *world, bool host)
{
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, !host);
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
    for (unsigned i = 0; i < 5; i++) {
        pp_sender_init(&world->senders[i], &world->fixture, i);
        pp_sender_fund(&world->senders[i], &world->fixture, 1000000, 0);
    }
}

static void world_close(struct world *world)
{
    pp_fixture_verify(&world->fixture, NULL);
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

static void send(struct world *world, unsigned sender, unsigned seed)
{
    struct pp_made_request made;
    struct pp_answer answer;
    struct pp_result results[4];
    struct pp_refusal refusal;
    pp_request_make(&made, &world->fixture, &world->senders[sender], 4, (struct pp_parcel_of){100 + seed, 7}, seed);
    if (world->fixture.config.embedded_store) {
        pp_submit_wait(world->fixture.node, &made.request, &answer);
        ck_assert_ok(answer.error);
        pp_answer_done(&answer);
    } else {
        ck_assert_ok(pp_node_admit(world->fixture.node, &made.request, results, &refusal));
        ck_assert_ok(pp_node_cancel(world->fixture.node, &results[1].sequence, 1));
    }
    pp_request_done(&made);
}

/* Between two groups, on the writer's thread: takes a checkpoint, writes it, loads it into another ledger, compares. */
struct compare {
    bool all;
    struct pp_checkpoint checkpoint;
};

static enum pp_error compare_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    static const uint64_t map_key[2] = {3, 5};
    struct compare *compare = context;
    struct pp_ledger loaded;
    struct pp_journal_head head;
    char reason[PP_STORE_REASON_BYTES];
    (void)txn;
    ck_assert_ok(pp_checkpoint_take(&compare->checkpoint, &node->ledger, &node->head, compare->all));
    ck_assert_ok(pp_checkpoint_write(&compare->checkpoint, node->data.derived));
    ck_assert_ok(pp_ledger_open(&loaded, 16, map_key));
    ck_assert_ok(pp_checkpoint_load(node->data.derived, &loaded, &head, reason));
    ck_assert_mem_eq(&head, &node->head, sizeof head);
    ck_assert_uint_eq(loaded.head.lane_count, node->ledger.head.lane_count);
    ck_assert_uint_eq(loaded.head.day, node->ledger.head.day);
    ck_assert_uint_eq(loaded.head.totals.stamps, node->ledger.head.totals.stamps);
    ck_assert_uint_eq(loaded.tickets.count, node->ledger.tickets.count);
    for (uint32_t slot = 0; slot < loaded.head.lane_count; slot++) {
        uint8_t ours[PP_CHECKPOINT_LANE_MAX_BYTES], theirs[PP_CHECKPOINT_LANE_MAX_BYTES];
        size_t length, other;
        const char *what = "";
        ck_assert_ok(pp_checkpoint_lane_encode(&node->ledger, slot, ours, sizeof ours, &length));
        ck_assert_ok(pp_checkpoint_lane_encode(&loaded, slot, theirs, sizeof theirs, &other));
        ck_assert_uint_eq(length, other);
        ck_assert_mem_eq(ours, theirs, length);
        ck_assert_msg(pp_ledger_check_lane(&loaded, slot, &what) == PP_OK, "%s", what);
        ck_assert_uint_eq(pp_ledger_find(&loaded, &node->ledger.lanes[slot].channel_id), slot);
    }
    pp_ledger_close(&loaded);
    return PP_OK;
}

static size_t compare(struct world *world, bool all)
{
    struct compare context = {.all = all};
    pp_checkpoint_init(&context.checkpoint);
    ck_assert_ok(pp_pipeline_call(world->fixture.node, PP_ITEM_LOOK, compare_run, &context));
    size_t length = context.checkpoint.length;
    pp_checkpoint_done(&context.checkpoint);
    return length;
}

/* JRN-040, JRN-041 */
START_TEST(checkpoint__whole_and_by_changes__loads_as_the_ledger)
{
    for (unsigned host = 0; host < 2; host++) {
        struct world world;
        world_open(&world, host);
        size_t whole = compare(&world, true);
        for (unsigned i = 0; i < 8; i++) {
            send(&world, i % 3, i);
            if (i % 3 == 2) {
                atomic_fetch_add(&world.fixture.now_ms, FIXTURE_DAY_MS);
                pp_fixture_head(&world.fixture, 0, NULL);
                ck_assert_ok(pp_node_tick(world.fixture.node));
            }
            size_t part = compare(&world, false);
            if (i % 3 == 0 && !host)
                ck_assert_uint_lt(part, whole); /* one lane of five */
        }
        world_close(&world);
    }
}
END_TEST

/* ---- changed rows ---- */

struct flip {
    unsigned row;
    size_t offset;
    bool drop;
};

static enum pp_error flip_run(void *context, struct pp_txn *txn)
{
    const struct flip *flip = context;
    struct pp_scan scan;
    uint8_t key[16], value[8192];
    PP_TRY(pp_scan_open(txn, PP_TABLE_CHECKPOINT, &scan));
    enum pp_error error = pp_scan_first(&scan);
    for (unsigned i = 0; i < flip->row && error == PP_OK; i++)
        error = pp_scan_next(&scan);
    ck_assert_ok(error);
    size_t key_length = scan.key.length, length = scan.value.length;
    memcpy(key, scan.key.bytes, key_length);
    memcpy(value, scan.value.bytes, length);
    pp_scan_close(&scan);
    if (flip->drop)
        return pp_txn_delete(txn, PP_TABLE_CHECKPOINT, pp_slice(key, key_length));
    value[flip->offset % length] ^= 4;
    const struct pp_slice part = pp_slice(value, length);
    return pp_txn_put(txn, PP_TABLE_CHECKPOINT, pp_slice(key, key_length), &part, 1);
}

/* JRN-040: rows are "head", five lanes, and with a host's store tickets. */
START_TEST(open__a_row_changed_or_missing__stops_and_names_it)
{
    struct world world;
    char reason[256];
    world_open(&world, true);
    for (unsigned i = 0; i < 5; i++)
        send(&world, i, i);
    pp_fixture_close(&world.fixture);
    for (unsigned row = 0; row < 8; row++)
        for (unsigned n = 0; n < 5; n++) {
            struct pp_data data;
            struct flip flip = {row, 13u * n * n + n, n == 4};
            ck_assert_ok(pp_data_open(world.fixture.dir, UINT64_C(1) << 30, false, &data, NULL));
            if (!flip.drop || row > 0) /* without a head there is no checkpoint, which is allowed */
                ck_assert_ok(pp_store_write(data.derived, PP_STORE_ORDINARY, flip_run, &flip));
            pp_data_close(&data);
            if (!flip.drop || row > 0) {
                ck_assert_error(pp_node_open(&world.fixture.config, &world.fixture.node, reason), PP_CORRUPT);
                ck_assert_msg(strstr(reason, "checkpoint row") != NULL, "%s", reason);
            }
            /* JRN-043: built again. */
            char path[400];
            snprintf(path, sizeof path, "%s/derived.mdb", world.fixture.dir);
            ck_assert_int_eq(unlink(path), 0);
            pp_fixture_open(&world.fixture);
            pp_fixture_close(&world.fixture);
        }
    world.fixture.node = NULL;
    world_close(&world);
}
END_TEST

static enum pp_error ahead_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    (void)txn;
    struct pp_checkpoint checkpoint;
    struct pp_journal_head head = node->head;
    const uint64_t *ahead = context;
    head.next_sequence += *ahead;
    pp_checkpoint_init(&checkpoint);
    ck_assert_ok(pp_checkpoint_take(&checkpoint, &node->ledger, &head, true));
    ck_assert_ok(pp_checkpoint_write(&checkpoint, node->data.derived));
    pp_checkpoint_done(&checkpoint);
    return PP_OK;
}

/* JRN-042: another journal's checkpoint, or a journal that was put back to an older state. */
START_TEST(open__a_checkpoint_ahead_of_the_journal__refused)
{
    struct world world;
    uint64_t ahead = 3;
    char reason[256];
    world_open(&world, false);
    send(&world, 0, 0);
    ck_assert_ok(pp_pipeline_call(world.fixture.node, PP_ITEM_LOOK, ahead_run, &ahead));
    /* Closing writes a right one over it, so end the node as a kill would: mark it as failed. */
    atomic_store(&world.fixture.node->failed, PP_INVARIANT);
    pp_fixture_close(&world.fixture);
    ck_assert_error(pp_node_open(&world.fixture.config, &world.fixture.node, reason), PP_CORRUPT);
    ck_assert_ptr_nonnull(strstr(reason, "which the journal does not have"));
    world.fixture.node = NULL;
    char path[400];
    snprintf(path, sizeof path, "%s/derived.mdb", world.fixture.dir);
    ck_assert_int_eq(unlink(path), 0);
    pp_fixture_open(&world.fixture);
    world_close(&world);
}
END_TEST

/* JRN-044: the writer hands one over when the last one is so far behind. */
START_TEST(writer__many_stamps_since_the_last__hands_over_a_checkpoint)
{
    struct world world;
    struct pp_node_status status;
    world_open(&world, false);
    send(&world, 0, 0);
    ck_assert_ok(pp_indexer_flush(world.fixture.node));
    pp_node_status(world.fixture.node, &status);
    uint64_t next = status.journal_sequence + 1;
    atomic_store(&world.fixture.node->checkpoint_end, next - PP_CHECKPOINT_STAMPS); /* as if */
    send(&world, 1, 1);
    pthread_mutex_lock(&world.fixture.node->index_lock);
    while (world.fixture.node->checkpoint_ready)
        pthread_cond_wait(&world.fixture.node->index_done, &world.fixture.node->index_lock);
    pthread_mutex_unlock(&world.fixture.node->index_lock);
    pp_node_status(world.fixture.node, &status);
    ck_assert_uint_eq(status.checkpoint_sequence, next + 3);
    world_close(&world);
}
END_TEST

PP_TESTS("checkpoint")
PP_TEST(checkpoint__whole_and_by_changes__loads_as_the_ledger)
PP_TEST(open__a_row_changed_or_missing__stops_and_names_it)
PP_TEST(open__a_checkpoint_ahead_of_the_journal__refused)
PP_TEST(writer__many_stamps_since_the_last__hands_over_a_checkpoint)
PP_TESTS_END
