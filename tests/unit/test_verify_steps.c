/* Goal: a checkpoint is compared in steps between which the node may write, take another checkpoint and drop the blocks of this one:
 * what is told is never of two checkpoints, and a fault in any block is found.
 * Method: a folder whose checkpoint has several blocks; steps as short as can be; between two of them a child process that opens the
 * node and takes stamps, or moves the checkpoint's blocks behind the same record. */
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include "store/checkpoint.h"
#include "store/journal.h"
#include "store/tables.h"

#include <pp/verify.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LANES 1500u
#define EVENTS_AT_ONCE 500u
#define BLOCKS_LEAST 3u
#define SHORTEST_NS 1u
#define VALUE_MAX 65536u

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_sender sender;                /* a lane that is used */
    void (*meanwhile)(struct world *world); /* in a child, once, when the walk stands at the first end */
    unsigned steps, findings;
    struct pp_verify_finding first;
};

static void lanes_fund(struct world *world)
{
    static struct pp_chain_event events[EVENTS_AT_ONCE];
    for (uint32_t first = 1; first < LANES; first += EVENTS_AT_ONCE) {
        uint32_t count = 0;
        for (; count < EVENTS_AT_ONCE && first + count < LANES; count++) {
            struct pp_sender sender = world->sender; /* the same signer: keys take time */
            sender.config.nonce += first + count;
            const struct pp_channel_fields fields = {sender.config.payer, sender.config.signer,
                                                     sender.config.nonce};
            pp_channel_id_of(&world->fixture.config.domain, &fields, &sender.channel_id);
            pp_sender_event(&sender, PP_CHAIN_LANE_FINAL, 1000, 0, &events[count]);
        }
        ck_assert_ok(pp_node_chain_events(world->fixture.node, events, count));
    }
}

static void stamps_take(struct world *world, unsigned count)
{
    struct pp_made_request made;
    struct pp_answer answer;
    pp_request_make(&made, &world->fixture, &world->sender, count, (struct pp_parcel_of){100, 6}, 1);
    pp_submit_wait(world->fixture.node, &made.request, &answer);
    ck_assert_ok(answer.error);
    pp_answer_done(&answer);
    pp_request_done(&made);
}

/* Its checkpoint stands at the journal's end. */
static void world_make(struct world *world)
{
    memset(world, 0, sizeof *world);
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, true);
    world->fixture.config.lanes_max = 2048;
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
    pp_sender_init(&world->sender, &world->fixture, 0);
    pp_sender_fund(&world->sender, &world->fixture, 1000000, 0);
    lanes_fund(world);
    stamps_take(world, 3);
    pp_fixture_close(&world->fixture);
}

static void world_done(struct world *world)
{
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

static void on_finding(void *context, const struct pp_verify_finding *finding)
{
    struct world *world = context;
    if (world->findings++ == 0)
        world->first = *finding;
}

static void on_step(void *context, const struct pp_verify_progress *progress)
{
    struct world *world = context;
    int status;
    world->steps++;
    if (!world->meanwhile || progress->sequence < progress->sequence_end)
        return;
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        world->meanwhile(world);
        _exit(0);
    }
    world->meanwhile = NULL;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(status == 0, "the child ended with %x", status);
}

static enum pp_error verify(struct world *world, struct pp_verify_summary *out)
{
    const struct pp_verify_config config = {
        .finding = on_finding, .progress = on_step, .context = world, .step_ns = SHORTEST_NS};
    world->findings = world->steps = 0;
    return pp_verify_dir(world->fixture.dir, &config, out);
}

/* ---- the checkpoint's rows ---- */

static void derived_write(struct world *world, pp_txn_run *run)
{
    struct pp_data data;
    char reason[PP_STORE_REASON_BYTES];
    ck_assert_ok(pp_data_open(world->fixture.dir, UINT64_C(1) << 30, false, &data, reason));
    ck_assert_ok(pp_store_write(data.derived, PP_STORE_ORDINARY, run, world));
    pp_data_close(&data);
}

static enum pp_error row_put(struct pp_txn *txn, struct pp_slice key, const uint8_t *body, size_t length)
{
    uint8_t seal[PP_RECORD_CHECKSUM_BYTES];
    pp_checkpoint_seal(key, pp_slice(body, length), seal);
    const struct pp_slice parts[] = {pp_slice(body, length), pp_slice(seal, sizeof seal)};
    return pp_txn_put(txn, PP_TABLE_CHECKPOINT, key, parts, 2);
}

static enum pp_error head_get(struct pp_txn *txn, struct pp_checkpoint_head *out)
{
    const struct pp_slice key = pp_slice("head", 4);
    struct pp_slice value, body;
    PP_TRY(pp_txn_get(txn, PP_TABLE_CHECKPOINT, key, &value));
    ck_assert(pp_checkpoint_value_open(key, value, &body));
    return pp_checkpoint_head_decode(body, out);
}

/* As if all had been written again: the same rows in a segment with another number, the old blocks gone. */
static enum pp_error blocks_move(void *context, struct pp_txn *txn)
{
    static struct pp_checkpoint_head head;
    static uint8_t body[VALUE_MAX];
    size_t length;
    (void)context;
    PP_TRY(head_get(txn, &head));
    ck_assert_uint_eq(head.segments.count, 1);
    ck_assert_uint_ge(head.segments.list[0].blocks, BLOCKS_LEAST);
    for (uint32_t block = 0; block < head.segments.list[0].blocks; block++) {
        const struct pp_checkpoint_key from = pp_checkpoint_block_key(head.segments.list[0].number, block),
                                       to = pp_checkpoint_block_key(head.segments.list[0].number + 1, block);
        struct pp_slice value;
        PP_TRY(pp_txn_get(txn, PP_TABLE_CHECKPOINT, pp_slice(from.bytes, from.length), &value));
        length = value.length - PP_RECORD_CHECKSUM_BYTES;
        memcpy(body, value.bytes, length);
        PP_TRY(row_put(txn, pp_slice(to.bytes, to.length), body, length));
        PP_TRY(pp_txn_delete(txn, PP_TABLE_CHECKPOINT, pp_slice(from.bytes, from.length)));
    }
    head.segments.list[0].number++;
    PP_TRY(pp_checkpoint_head_encode(&head, body, sizeof body, &length));
    return row_put(txn, pp_slice("head", 4), body, length);
}

/* One byte of the last lane's row, and a good checksum. */
static enum pp_error last_block_change(void *context, struct pp_txn *txn)
{
    static struct pp_checkpoint_head head;
    static uint8_t body[VALUE_MAX];
    struct pp_slice value;
    (void)context;
    PP_TRY(head_get(txn, &head));
    for (uint32_t block = head.segments.list[0].blocks; block-- > 0;) {
        const struct pp_checkpoint_key key = pp_checkpoint_block_key(head.segments.list[0].number, block);
        PP_TRY(pp_txn_get(txn, PP_TABLE_CHECKPOINT, pp_slice(key.bytes, key.length), &value));
        const size_t length = value.length - PP_RECORD_CHECKSUM_BYTES;
        if (value.bytes[0] != PP_CHECKPOINT_LANES_BLOCK)
            continue;
        memcpy(body, value.bytes, length);
        body[1 + 6 + 1 + 5] ^= 1; /* kind; slot and length; version: into the channel id */
        return row_put(txn, pp_slice(key.bytes, key.length), body, length);
    }
    return PP_NOT_FOUND;
}

/* ---- the tests ---- */

/* JRN-061, JRN-063: a step a block, and nothing is left out. */
START_TEST(verify__steps_as_short_as_can_be__all_compared)
{
    struct world world;
    struct pp_verify_summary summary;
    world_make(&world);
    ck_assert_ok(verify(&world, &summary));
    ck_assert_uint_eq(world.findings, 0);
    ck_assert(summary.complete && summary.has_checkpoint);
    ck_assert_uint_eq(summary.lanes, LANES);
    ck_assert_uint_eq(summary.checks[PP_VERIFY_CHECKPOINT].count, 1 + LANES);
    ck_assert_uint_ge(world.steps, summary.records + 2 * BLOCKS_LEAST); /* blocks, and their keys */
    world_done(&world);
}
END_TEST

/* JRN-062, JRN-069: in a step that is not the first. */
START_TEST(verify__fault_in_the_last_block__found)
{
    struct world world;
    struct pp_verify_summary summary;
    world_make(&world);
    derived_write(&world, last_block_change);
    ck_assert_error(verify(&world, &summary), PP_CORRUPT);
    ck_assert_uint_eq(world.findings, 1);
    ck_assert_int_eq(world.first.check, PP_VERIFY_CHECKPOINT);
    ck_assert_str_eq(world.first.what, "checkpoint lane");
    ck_assert(strncmp(world.first.detail, "channel id: expected ", 21) == 0);
    world_done(&world);
}
END_TEST

static void node_runs(struct world *world)
{
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
    for (unsigned i = 0; i < 4; i++)
        stamps_take(world, 2);
    pp_fixture_close(&world->fixture);
}

/* JRN-063, JRN-069: another checkpoint, further on, while this one is compared: the walk goes on to it. */
START_TEST(verify__another_checkpoint_meanwhile__that_one_is_compared)
{
    struct world world;
    struct pp_verify_summary summary;
    world_make(&world);
    world.meanwhile = node_runs;
    ck_assert_ok(verify(&world, &summary));
    ck_assert_ptr_null(world.meanwhile);
    ck_assert_uint_eq(world.findings, 0);
    ck_assert_uint_eq(summary.stamps, 11);
    ck_assert(summary.complete && summary.has_checkpoint);
    ck_assert_uint_gt(summary.checks[PP_VERIFY_CHECKPOINT].count,
                      1 + LANES); /* of the first one only a part */
    ck_assert_uint_lt(summary.checks[PP_VERIFY_CHECKPOINT].count, 2 * (1 + LANES));
    world_done(&world);
}
END_TEST

static void blocks_are_moved(struct world *world)
{
    derived_write(world, blocks_move);
}

/* JRN-069: what went with the head before is not missing. */
START_TEST(verify__other_blocks_behind_the_same_record__begun_again)
{
    struct world world;
    struct pp_verify_summary summary;
    world_make(&world);
    world.meanwhile = blocks_are_moved;
    ck_assert_ok(verify(&world, &summary));
    ck_assert_ptr_null(world.meanwhile);
    ck_assert_uint_eq(world.findings, 0);
    ck_assert(summary.complete && summary.has_checkpoint);
    ck_assert_uint_gt(summary.checks[PP_VERIFY_CHECKPOINT].count, 1 + LANES);
    world_done(&world);
}
END_TEST

PP_TESTS("verify_steps")
PP_TEST(verify__steps_as_short_as_can_be__all_compared)
PP_TEST(verify__fault_in_the_last_block__found)
PP_TEST(verify__another_checkpoint_meanwhile__that_one_is_compared)
PP_TEST(verify__other_blocks_behind_the_same_record__begun_again)
PP_TESTS_END
