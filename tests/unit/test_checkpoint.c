/* A checkpoint: written whole or by what changed, it loads as the ledger that it was taken from; any changed row is refused.
 * Method: a node makes the ledger; its rows are compared lane by lane with a ledger that was loaded from them. */
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include "store/checkpoint.h"
#include "engine/node.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_sender senders[5];
    struct pp_sender_session sessions[5];
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
    pp_request_make(&made, &world->fixture, &world->senders[sender], 4, (struct pp_parcel_of){100 + seed, 7},
                    seed);
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

/* Opens a session of that sender's; from then on its stamps are sent by _session_send. */
static void session_begin(struct world *world, unsigned sender)
{
    struct pp_sender *of = &world->senders[sender];
    const struct pp_span chunk = {of->head, pp_grains_add_checked(of->head, pp_grains(100000000000))};
    struct pp_session_status status;
    struct pp_refusal refusal;
    pp_session_make(&world->sessions[sender], &world->fixture, of, chunk, 80000000, sender);
    ck_assert_ok(pp_node_session_open(world->fixture.node, &world->sessions[sender].open, &status, &refusal));
}

/* `count` unsigned leaves more. */
static void session_send(struct world *world, unsigned sender, size_t count, unsigned seed)
{
    struct pp_made_request made;
    struct pp_answer answer;
    pp_session_request_make(&made, &world->fixture, &world->senders[sender], &world->sessions[sender], count,
                            (struct pp_parcel_of){100, 7}, seed);
    if (world->fixture.config.embedded_store) {
        pp_submit_wait(world->fixture.node, &made.request, &answer);
        ck_assert_ok(answer.error);
        ck_assert_uint_eq(answer.results[count - 1].refusal.error, PP_OK);
        pp_answer_done(&answer);
    } else {
        struct pp_result *results = calloc(count, sizeof *results);
        struct pp_refusal refusal;
        ck_assert_ok(pp_node_admit(world->fixture.node, &made.request, results, &refusal));
        ck_assert_ok(results[count - 1].refusal.error);
        free(results);
    }
    pp_request_done(&made);
}

/* Between two groups, on the writer's thread: takes a checkpoint, writes it, loads it into another ledger, compares. */
struct compare {
    bool all;
    unsigned threads;
    size_t bytes; /* of the newest segment */
};

static enum pp_error newest_size(void *context, struct pp_txn *txn)
{
    struct compare *compare = context;
    struct pp_scan scan;
    uint32_t newest = 0, segment, block;
    PP_TRY(pp_scan_open(txn, PP_TABLE_CHECKPOINT, &scan));
    enum pp_error error = pp_scan_first(&scan);
    for (; error == PP_OK; error = pp_scan_next(&scan)) {
        if (!pp_checkpoint_block_of(scan.key, &segment, &block))
            continue;
        compare->bytes = segment == newest ? compare->bytes + scan.value.length : scan.value.length;
        newest = segment;
    }
    pp_scan_close(&scan);
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static void sessions_compare(const struct pp_sessions *ours, const struct pp_sessions *theirs)
{
    size_t length = pp_checkpoint_sessions_bytes(ours);
    uint8_t *bytes[2] = {malloc(length + 1), malloc(length + 1)};
    ck_assert_uint_eq(pp_checkpoint_sessions_bytes(theirs), length);
    ck_assert_ok(pp_checkpoint_sessions_write(ours, bytes[0]));
    ck_assert_ok(pp_checkpoint_sessions_write(theirs, bytes[1]));
    ck_assert_mem_eq(bytes[0], bytes[1], length);
    free(bytes[0]);
    free(bytes[1]);
}

static enum pp_error compare_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    static const uint64_t map_key[2] = {3, 5};
    struct compare *compare = context;
    struct pp_ledger loaded;
    struct pp_journal_head head;
    char reason[PP_STORE_REASON_BYTES];
    (void)txn;
    node->checkpoint.all = compare->all;
    ck_assert_ok(pp_checkpoint_write(&node->checkpoint, node->data.derived, &node->head));
    ck_assert_ok(pp_store_read(node->data.derived, newest_size, compare));
    ck_assert_ok(pp_ledger_open(&loaded, 16, map_key));
    ck_assert_ok(pp_checkpoint_load(node->data.derived, &loaded, compare->threads, &head, reason));
    ck_assert_mem_eq(&head, &node->head, sizeof head);
    ck_assert_uint_eq(loaded.head.lane_count, node->ledger.head.lane_count);
    ck_assert_uint_eq(loaded.head.day, node->ledger.head.day);
    ck_assert_uint_eq(loaded.head.totals.stamps, node->ledger.head.totals.stamps);
    ck_assert_uint_eq(loaded.tickets.count, node->ledger.tickets.count);
    sessions_compare(&node->ledger.sessions, &loaded.sessions);
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
    struct compare context = {.all = all, .threads = all ? 1 : 3};
    ck_assert_ok(pp_pipeline_call(world->fixture.node, PP_ITEM_LOOK, compare_run, &context));
    return context.bytes;
}

/* JRN-040, JRN-041 */
START_TEST(checkpoint__whole_and_by_changes__loads_as_the_ledger)
{
    for (unsigned host = 0; host < 2; host++) {
        struct world world;
        world_open(&world, host);
        size_t whole = compare(&world, true);
        session_begin(&world, 4); /* and without a leaf */
        for (unsigned i = 0; i < 8; i++) {
            if (i == 3 || i == 5) {
                session_begin(&world, i - 3);
                for (unsigned n = 0; n < 3;
                     n++) /* some blocks of leaves, each session's between the other's */
                    session_send(&world, i - 3, 300, 1000 + 10 * i + n);
            }
            if (i == 4)
                session_send(&world, 0, 40, 2000);
            send(&world, i % 3, i);
            if (i % 3 == 2) {
                atomic_fetch_add(&world.fixture.now_ms, FIXTURE_DAY_MS);
                pp_fixture_head(&world.fixture, 0, NULL);
                ck_assert_ok(pp_node_tick(world.fixture.node));
            }
            size_t part = compare(&world, false);
            if (i == 0 && !host)
                ck_assert_uint_lt(part, whole); /* two lanes of five: one that changed, and one in its turn */
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
    uint8_t key[16], value[65536];
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

/* JRN-040: rows are a block of lanes, one of tickets, one of sessions, "head". */
START_TEST(open__a_row_changed_or_missing__stops_and_names_it)
{
    struct world world;
    char reason[256];
    world_open(&world, true);
    for (unsigned i = 0; i < 5; i++)
        send(&world, i, i);
    session_begin(&world, 0);
    session_send(&world, 0, 3, 9);
    pp_fixture_close(&world.fixture);
    for (unsigned row = 0; row < 4; row++)
        for (unsigned n = 0; n < 5; n++) {
            struct pp_data data;
            struct flip flip = {row, 13u * n * n + n, n == 4};
            ck_assert_ok(pp_data_open(world.fixture.dir, UINT64_C(1) << 30, false, &data, NULL));
            if (!flip.drop || row < 3) /* without a head there is no checkpoint, which is allowed */
                ck_assert_ok(pp_store_write(data.derived, PP_STORE_ORDINARY, flip_run, &flip));
            pp_data_close(&data);
            if (!flip.drop || row < 3) {
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
    struct pp_journal_head head = node->head;
    const uint64_t *ahead = context;
    head.next_sequence += *ahead;
    ck_assert_ok(pp_checkpoint_write(&node->checkpoint, node->data.derived, &head));
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

/* ---- a checkpoint of many lanes, cut off anywhere ---- */

#define CROWD 14000u /* several steps */
#define CROWD_ROOM 32768u

static void crowd_learn(struct world *world)
{
    struct pp_chain_event *events = calloc(CROWD, sizeof *events);
    for (uint32_t i = 0; i < CROWD; i++) {
        events[i] =
            (struct pp_chain_event){.kind = PP_CHAIN_LANE_FINAL,
                                    .lane = world->fixture.config.node_id << 8 | world->fixture.config.shard,
                                    .cap = pp_units(1000)};
        struct pp_channel_fields fields = {.nonce = i};
        memcpy(fields.payer.bytes, &i, sizeof i);
        pp_channel_id_of(&world->fixture.config.domain, &fields, &events[i].channel_id);
        events[i].config = (struct pp_channel_config){fields.payer, fields.signer, fields.nonce};
    }
    ck_assert_ok(pp_node_chain_events(world->fixture.node, events, CROWD));
    free(events);
}

static void ledger_digest(const struct pp_ledger *ledger, struct pp_hash *out)
{
    *out = (struct pp_hash){{0}};
    for (uint32_t slot = 0; slot < ledger->head.lane_count; slot++) {
        uint8_t row[PP_CHECKPOINT_LANE_MAX_BYTES];
        size_t length;
        ck_assert_ok(pp_checkpoint_lane_encode(ledger, slot, row, sizeof row, &length));
        const struct pp_slice parts[] = {pp_slice(out->bytes, 32), pp_slice(row, length)};
        pp_blake2b("pp.test.v1", parts, 2, out->bytes);
    }
    size_t length = pp_checkpoint_sessions_bytes(&ledger->sessions);
    uint8_t *sessions = malloc(length + 1);
    ck_assert_ok(pp_checkpoint_sessions_write(&ledger->sessions, sessions));
    const struct pp_slice parts[] = {
        pp_slice(out->bytes, 32), pp_slice(&ledger->head.totals, sizeof ledger->head.totals),
        pp_slice(&ledger->head.earning, sizeof ledger->head.earning), pp_slice(sessions, length)};
    pp_blake2b("pp.test.v1", parts, 4, out->bytes);
    free(sessions);
}

struct drive {
    bool begin;
    unsigned steps;
    struct pp_hash live, stored; /* of the node's ledger; of the one that loads */
    uint64_t live_next, stored_next;
    enum pp_checkpoint_stage stage;
};

/* On the writer's thread, with the index thread at rest: what it would do beside the writer, here in between. */
static enum pp_error drive_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    static const uint64_t map_key[2] = {7, 9};
    struct drive *drive = context;
    struct pp_ledger loaded;
    struct pp_journal_head head;
    char reason[PP_STORE_REASON_BYTES];
    (void)txn;
    if (drive->begin)
        ck_assert_ok(pp_checkpoint_begin(&node->checkpoint, &node->head));
    for (unsigned i = 0; i < drive->steps; i++) {
        uint64_t end;
        ck_assert_ok(pp_checkpoint_step(&node->checkpoint, node->data.derived, &node->state, &end));
    }
    ledger_digest(&node->ledger, &drive->live);
    drive->live_next = node->head.next_sequence;
    drive->stage = node->checkpoint.stage;
    ck_assert_ok(pp_ledger_open(&loaded, CROWD_ROOM, map_key));
    ck_assert_ok(pp_checkpoint_load(node->data.derived, &loaded, 2, &head, reason));
    ledger_digest(&loaded, &drive->stored);
    drive->stored_next = head.next_sequence;
    pp_ledger_close(&loaded);
    return PP_OK;
}

static struct drive drive(struct world *world, bool begin, unsigned steps)
{
    struct drive context = {.begin = begin, .steps = steps};
    ck_assert_ok(pp_pipeline_call(world->fixture.node, PP_ITEM_LOOK, drive_run, &context));
    return context;
}

static void crowd_open(struct world *world)
{
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, true);
    world->fixture.config.lanes_max = CROWD_ROOM;
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
    for (unsigned i = 0; i < 5; i++) {
        pp_sender_init(&world->senders[i], &world->fixture, i);
        if (i < 2)
            pp_sender_fund(&world->senders[i], &world->fixture, 1000000, 0);
    }
    crowd_learn(world);
    for (unsigned i = 2; i < 5; i++) /* these come last into the walk */
        pp_sender_fund(&world->senders[i], &world->fixture, 1000000, 0);
    for (unsigned i = 0; i < 5; i++)
        send(world, i, i);
    for (unsigned i = 0; i < 3; i++) {
        session_begin(world, i);
        session_send(world, i, 200 * (i + 1), 700 + i);
    }
    pp_fixture_close(&world->fixture); /* a first checkpoint */
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
}

static void new_day(struct world *world)
{
    atomic_fetch_add(&world->fixture.now_ms, FIXTURE_DAY_MS);
    pp_fixture_head(&world->fixture, 0, NULL);
    ck_assert_ok(pp_node_tick(world->fixture.node));
}

/* JRN-046, JRN-047, NODE-013: stamps are admitted and days begin while one is under way, and it is of the moment when it began;
 * until its head is written the one before counts; then this one. */
START_TEST(checkpoint__under_way_while_lanes_change__is_of_the_moment_when_it_began)
{
    struct world world;
    crowd_open(&world);
    for (unsigned round = 0; round < 3; round++) {
        send(&world, round, 50 + round);
        world.fixture.node->checkpoint.all = round == 0; /* all lanes: many steps; then only what changed */
        struct drive begun = drive(&world, true, 0), now = begun;
        unsigned steps = 0;
        while (now.stage != PP_CHECKPOINT_NONE) {
            send(&world, steps % 5, 100 * (round + 1) + steps);
            if (round == 0 && steps < 2) /* a day later it is over */
                session_send(&world, steps % 3, 5, 900 + steps);
            if (steps == 1)
                new_day(&world);
            now = drive(&world, false, 1);
            steps++;
            bool whole = now.stage == PP_CHECKPOINT_CLEARED || now.stage == PP_CHECKPOINT_NONE;
            const struct pp_hash *expected = whole ? &begun.live : &begun.stored;
            ck_assert_uint_eq(now.stored_next, whole ? begun.live_next : begun.stored_next);
            ck_assert(pp_hash_eq(&now.stored, expected));
            ck_assert(!pp_hash_eq(&now.live, &begun.live));
        }
        ck_assert_uint_ge(steps, round == 0 ? 6 : 4);
    }
    world_close(&world);
}
END_TEST

/* JRN-046: the node is killed after any of its transactions: the next start has everything, and its checkpoint is whole. */
START_TEST(checkpoint__cut_off_after_any_step__the_next_start_has_everything)
{
    struct world world;
    crowd_open(&world);
    for (unsigned steps = 0; steps < 9; steps++) {
        world.fixture.node->checkpoint.all = steps % 2 == 0;
        struct drive begun = drive(&world, true, steps / 2);
        send(&world, steps % 5, 30 + steps);
        session_send(&world, steps % 3, 5, 800 + steps);
        struct drive last = drive(&world, false, steps - steps / 2);
        ck_assert_uint_ge(last.live_next, begun.live_next + 4);
        atomic_store(&world.fixture.node->failed,
                     PP_INVARIANT); /* closing writes nothing, as a kill would not */
        pp_fixture_close(&world.fixture);
        pp_fixture_open(&world.fixture);
        pp_fixture_head(&world.fixture, 0, NULL);
        struct drive again = drive(&world, false, 0);
        ck_assert(pp_hash_eq(&again.live, &last.live));
        ck_assert_uint_eq(again.stored_next, last.stored_next);
        pp_fixture_verify(&world.fixture, NULL); /* closes, over what was left of it */
        pp_fixture_open(&world.fixture);
        pp_fixture_head(&world.fixture, 0, NULL);
    }
    world_close(&world);
}
END_TEST

/* JRN-048: so many images that they are given up: the next one takes all lanes. */
START_TEST(checkpoint__given_up__the_next_takes_all_lanes)
{
    struct world world;
    crowd_open(&world);
    send(&world, 0, 20);
    struct drive begun = drive(&world, true, 1);
    world.fixture.node->checkpoint.lost = true;
    send(&world, 4, 21);
    struct drive after = drive(&world, false, 1);
    ck_assert_int_eq(after.stage, PP_CHECKPOINT_NONE);
    ck_assert(pp_hash_eq(&after.stored, &begun.stored) && world.fixture.node->checkpoint.all);
    for (uint32_t slot = 0; slot < CROWD; slot++)
        ck_assert(!pp_mark_is_set(world.fixture.node->ledger.marks.kept, slot));
    after = drive(&world, true, 20);
    ck_assert_int_eq(after.stage, PP_CHECKPOINT_NONE);
    ck_assert(pp_hash_eq(&after.stored, &after.live));
    ck_assert_uint_eq(world.fixture.node->checkpoint.segments.count, 1);
    world_close(&world);
}
END_TEST

/* JRN-048: however many checkpoints there were, the segments that count are few, and every lane is in one of them. */
START_TEST(checkpoint__many_in_a_row__old_segments_go)
{
    struct world world;
    uint32_t most = 0;
    world_open(&world, false);
    for (unsigned i = 0; i < 150; i++) {
        if (i % 10 == 0)
            send(&world, i % 3, i);
        (void)compare(&world, false);
        uint32_t count = world.fixture.node->checkpoint.segments.count;
        most = most > count ? most : count;
    }
    ck_assert_uint_le(most, 6); /* of five lanes one at least is written again each time */
    world_close(&world);
}
END_TEST

/* ---- what is read from the record that taught a lane ---- */

/* NODE-093 */
START_TEST(lane__after_a_start__payer_and_nonce_as_the_chain_said_and_no_others_taken)
{
    struct world world;
    struct pp_lane_status status;
    struct pp_chain_event event;
    world_open(&world, false);
    send(&world, 3, 0);
    pp_fixture_close(&world.fixture);
    pp_fixture_open(&world.fixture);
    for (unsigned i = 2; i < 5; i++) {
        const struct pp_sender *sender = &world.senders[i];
        ck_assert_ok(pp_node_lane_status(world.fixture.node, &sender->channel_id, FIXTURE_LANE, &status));
        ck_assert(pp_address_eq(&status.config.payer, &sender->config.payer));
        ck_assert(pp_address_eq(&status.config.signer, &sender->config.signer));
        ck_assert_uint_eq(status.config.nonce, sender->config.nonce);
        for (unsigned lie = 0; lie < 3; lie++) {
            pp_sender_event(sender, PP_CHAIN_LANE_FINAL, 2000000, 1, &event);
            event.config.payer.bytes[3] ^= lie == 0;
            event.config.signer.bytes[3] ^= lie == 1;
            event.config.nonce ^= lie == 2;
            ck_assert_error(pp_node_chain_events(world.fixture.node, &event, 1), PP_BAD_EVENT);
        }
    }
    world_close(&world);
}
END_TEST

PP_TESTS("checkpoint")
PP_TEST(lane__after_a_start__payer_and_nonce_as_the_chain_said_and_no_others_taken)
PP_TEST(checkpoint__under_way_while_lanes_change__is_of_the_moment_when_it_began)
PP_TEST(checkpoint__cut_off_after_any_step__the_next_start_has_everything)
PP_TEST(checkpoint__given_up__the_next_takes_all_lanes)
PP_TEST(checkpoint__many_in_a_row__old_segments_go)
PP_TEST(checkpoint__whole_and_by_changes__loads_as_the_ledger)
PP_TEST(open__a_row_changed_or_missing__stops_and_names_it)
PP_TEST(open__a_checkpoint_ahead_of_the_journal__refused)
PP_TEST(writer__many_stamps_since_the_last__hands_over_a_checkpoint)
PP_TESTS_END
