/* `verify` sees each planted fault, and names it.
 * Method: a folder with one of everything, closed; one change by LMDB itself, behind the engine's back; then verify. */
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include "store/checkpoint.h"
#include "store/index.h"
#include "store/journal.h"
#include "store/tables.h"

#include <pp/refund.h>
#include <pp/verify.h>
#include <pp/voucher.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_channel_id channels[2];
    struct pp_verify_finding first;
    unsigned findings;
    struct pp_delete lapsed; /* a delete of a leaf that lapsed, which no node would take */
};

/* Vouchers, a delete, days, a report, a leave; a checkpoint and indexes. */
static void world_make(struct world *world)
{
    struct pp_sender senders[2];
    struct pp_made_request made;
    struct pp_answer answer;
    struct pp_delete delete;
    struct pp_delete_result result;
    struct pp_signed_refund refund;
    struct pp_signed_release release;
    struct pp_signature signature;
    *world = (struct world){0};
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, true);
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
    for (unsigned i = 0; i < 2; i++) {
        pp_sender_init(&senders[i], &world->fixture, i);
        world->channels[i] = senders[i].channel_id;
        pp_sender_fund(&senders[i], &world->fixture, 1000000, 0);
        pp_request_make(&made, &world->fixture, &senders[i], 3, (struct pp_parcel_of){500, 6}, i);
        pp_submit_wait(world->fixture.node, &made.request, &answer);
        ck_assert_ok(answer.error);
        pp_answer_done(&answer);
        if (i == 0) {
            pp_delete_make(&world->fixture, &senders[0], &made.envelopes[1].leaf, &made.ids[1], &delete);
            ck_assert_ok(pp_node_delete(world->fixture.node, &delete, 1, &result, &refund));
            ck_assert_ok(result.refusal.error);
        }
        pp_request_done(&made);
    }
    atomic_fetch_add(&world->fixture.now_ms, FIXTURE_DAY_MS);
    ck_assert_ok(pp_node_tick(world->fixture.node));
    pp_fixture_head(&world->fixture, 0, NULL);
    ck_assert_ok(pp_node_tick(world->fixture.node));
    pp_leave_sign(&world->fixture, &senders[1], &signature);
    ck_assert_ok(pp_node_leave(world->fixture.node, &senders[1].channel_id, FIXTURE_LANE, &signature, &refund,
                               &release));
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

static enum pp_error verify(struct world *world, struct pp_verify_summary *out)
{
    const struct pp_verify_config config = {.finding = on_finding, .context = world};
    world->findings = 0;
    return pp_verify_dir(world->fixture.dir, &config, out);
}

/* ---- faults ---- */

enum fault {
    FLIP,
    DROP,
    ADD,    /* the row once more, under another key */
    RESEAL, /* FLIP, and a good checksum: of a checkpoint's row, of an index's */
    MOVE,   /* ADD, in another run and with a good checksum */
};

struct plant {
    bool derived;
    unsigned table;
    enum fault fault;
    unsigned row;  /* counted from the first */
    size_t offset; /* FLIP: from the value's end when negative_offset */
    bool from_end;
    enum pp_verify_check check; /* of the first finding */
    const char *what;
    const char *detail; /* how its detail begins; NULL: any */
};

static void reseal(struct pp_slice key, uint8_t *value, size_t length)
{
    const struct pp_slice parts[] = {key, pp_slice(value, length)};
    uint8_t digest[32];
    pp_blake2b("pp.checkpoint.v2", parts, 2, digest);
    memcpy(value + length, digest, PP_RECORD_CHECKSUM_BYTES);
}

/* The last eight bytes of an index's row. */
static void index_reseal(unsigned table, struct pp_slice key, uint8_t *value, size_t end)
{
    struct pp_key8 seal;
    if (table == PP_TABLE_INDEX_STAMP || table == PP_TABLE_INDEX_TOPIC) {
        struct pp_run_row rows[PP_RUN_BLOCK_ROWS];
        for (size_t i = 0; i < end / 8; i++)
            rows[i / 3].words[i % 3] = pp_key8_number(value + 8 * i);
        seal = pp_key8_of(pp_run_block_seal(pp_key8_number(key.bytes), rows, end / PP_RUN_ROW_BYTES));
    } else {
        seal = pp_key8_of(pp_run_seal(key, pp_slice(value, end)));
    }
    memcpy(value + end, seal.bytes, sizeof seal.bytes);
}

static enum pp_error plant_run(void *context, struct pp_txn *txn)
{
    const struct plant *plant = context;
    struct pp_scan scan;
    uint8_t key[64], value[16384] = {0};
    PP_TRY(pp_scan_open(txn, plant->table, &scan));
    enum pp_error error = pp_scan_first(&scan);
    for (unsigned i = 0; i < plant->row && error == PP_OK; i++)
        error = pp_scan_next(&scan);
    ck_assert_ok(error);
    size_t key_length = scan.key.length, length = scan.value.length;
    memcpy(key, scan.key.bytes, key_length);
    ck_assert_uint_le(length, sizeof value);
    memcpy(value, scan.value.bytes, length);
    pp_scan_close(&scan);
    bool index = plant->derived && plant->table != PP_TABLE_CHECKPOINT;
    bool sealed = plant->fault == RESEAL || plant->fault == MOVE;
    size_t end = !sealed ? length : length - (index ? 8 : PP_RECORD_CHECKSUM_BYTES);
    if (plant->fault == DROP)
        return pp_txn_delete(txn, plant->table, pp_slice(key, key_length));
    if (plant->fault == ADD)
        key[key_length - 1] ^= 0x40;
    else if (plant->fault == MOVE)
        key[7] ^= 0x40;
    else
        value[plant->from_end ? end - 1 - plant->offset : plant->offset] ^= 1;
    if (sealed && index)
        index_reseal(plant->table, pp_slice(key, key_length), value, end);
    else if (sealed)
        reseal(pp_slice(key, key_length), value, end);
    const struct pp_slice part = pp_slice(value, length);
    return pp_txn_put(txn, plant->table, pp_slice(key, key_length), &part, 1);
}

static void plant_put(struct world *world, struct plant plant)
{
    struct pp_data data;
    char reason[PP_STORE_REASON_BYTES];
    ck_assert_ok(pp_data_open(world->fixture.dir, UINT64_C(1) << 30, false, &data, reason));
    ck_assert_ok(
        pp_store_write(plant.derived ? data.derived : data.journal, PP_STORE_ORDINARY, plant_run, &plant));
    pp_data_close(&data);
}

/* JRN-060, JRN-067 */
START_TEST(verify__a_sound_folder__no_finding_and_right_sums)
{
    struct world world;
    struct pp_verify_summary summary;
    world_make(&world);
    ck_assert_ok(verify(&world, &summary));
    ck_assert_uint_eq(world.findings, 0);
    ck_assert_uint_eq(summary.lanes, 2);
    ck_assert_uint_eq(summary.stamps, 6);
    ck_assert_uint_eq(summary.envelopes, 5);
    ck_assert_uint_eq(summary.envelopes_gone, 1);
    ck_assert_uint_eq(summary.deletes, 1);
    ck_assert_uint_eq(summary.reports, 1);
    ck_assert_uint_eq(summary.days, 1);
    ck_assert_uint_eq(summary.refunds, 2);
    /* 1000 + 3 x 500 x 6 each; lane 0 deleted one on day 1 of 6, lane 1 left on day 2 of 6. */
    ck_assert(pp_grains_eq(summary.spent, pp_grains(6 * 10000)));
    ck_assert(pp_grains_eq(summary.refunded, pp_grains(5 * 1500 + 3 * 4 * 1500)));
    ck_assert(pp_grains_eq(summary.earned, pp_grains(6 * 1000 + 5 * 2 * 1500 + 1500)));
    ck_assert(summary.complete && summary.has_checkpoint && summary.has_index);
    /* 9 records over 13 numbers; rows: 2 lanes and a head; each of 6 stamps, 5 envelopes */
    ck_assert_uint_eq(summary.checks[PP_VERIFY_RECORDS].count, 9);
    ck_assert_uint_eq(summary.checks[PP_VERIFY_STEPS].count, 9);
    ck_assert_uint_eq(summary.checks[PP_VERIFY_CHANNELS].count, 2);
    ck_assert_uint_eq(summary.checks[PP_VERIFY_VOUCHERS].count, 2);
    ck_assert_uint_eq(summary.checks[PP_VERIFY_DELETIONS].count, 1);
    ck_assert_uint_eq(summary.checks[PP_VERIFY_LEAVES].count, 1);
    ck_assert_uint_eq(summary.checks[PP_VERIFY_REFUNDS].count, 2);
    ck_assert_uint_eq(summary.checks[PP_VERIFY_RELEASES].count, 1);
    ck_assert_uint_eq(summary.checks[PP_VERIFY_REPORTS].count, 1);
    ck_assert_uint_eq(summary.checks[PP_VERIFY_SUMS].count, 3);
    ck_assert_uint_eq(summary.checks[PP_VERIFY_ENVELOPES].count, 6);
    ck_assert_uint_eq(summary.checks[PP_VERIFY_STAMPS].count, 1);
    ck_assert_uint_eq(summary.checks[PP_VERIFY_CHECKPOINT].count, 3);
    ck_assert_uint_eq(summary.checks[PP_VERIFY_INDEX_STAMP].count, 6);
    ck_assert_uint_eq(summary.checks[PP_VERIFY_INDEX_TOPIC].count, 5);
    ck_assert_uint_eq(summary.checks[PP_VERIFY_INDEX_EXPIRY].count, 5);
    world_done(&world);
}
END_TEST

/* JRN-061, JRN-062, JRN-068 to JRN-070, JRN-072 */
START_TEST(verify__one_fault_anywhere__found_and_named)
{
    static const struct plant plants[] = {
        {false, PP_TABLE_ENVELOPES, FLIP, 2, 100, false, PP_VERIFY_ENVELOPES, "envelope", "expected "},
        {false, PP_TABLE_ENVELOPES, FLIP, 0, 0, false, PP_VERIFY_ENVELOPES, "envelope", "expected "},
        {false, PP_TABLE_ENVELOPES, DROP, 1, 0, false, PP_VERIFY_ENVELOPES, "envelope", "it is missing"},
        {false, PP_TABLE_ENVELOPES, ADD, 1, 0, false, PP_VERIFY_ENVELOPES, "envelope",
         "508 bytes that no stamp"},
        {false, PP_TABLE_STAMPS, FLIP, 0, 0, false, PP_VERIFY_STAMPS, "stamps row, reasons",
         "expected 2, found 3"},
        {false, PP_TABLE_STAMPS, FLIP, 0, 12, false, PP_VERIFY_STAMPS, "stamps row, refunded",
         "expected 7500, found 7501"},
        {false, PP_TABLE_STAMPS, FLIP, 0, 0, true, PP_VERIFY_STAMPS, "stamps row, stored day",
         "expected 0, found 1"},
        {false, PP_TABLE_STAMPS, DROP, 0, 0, false, PP_VERIFY_STAMPS, "stamps row, reasons",
         "expected 2, found 0"},
        {false, PP_TABLE_STAMPS, ADD, 0, 0, false, PP_VERIFY_STAMPS, "stamps row",
         "no record did anything to it"},
        {false, PP_TABLE_REPORTS, FLIP, 0, 40, false, PP_VERIFY_REPORTS, "report bundle's hash", "expected "},
        {false, PP_TABLE_REPORTS, FLIP, 0, 3, true, PP_VERIFY_REPORTS, "report bundle", "of epoch 40742"},
        {false, PP_TABLE_REPORTS, DROP, 0, 0, false, PP_VERIFY_REPORTS, "report bundle", "of epoch 40742"},
        {false, PP_TABLE_REPORTS, ADD, 0, 0, false, PP_VERIFY_REPORTS, "report bundle", "0000000000009f66"},
        {false, PP_TABLE_RECORDS, FLIP, 2, 3, false, PP_VERIFY_RECORDS, "record",
         "journal record 3 (CHARGED): the checksum"},
        {false, PP_TABLE_RECORDS, DROP, 3, 0, false, PP_VERIFY_RECORDS, "record",
         "journal record 6 (UNKNOWN): it is missing"},
        /* a block with two lanes, then the head; a row begins 7 bytes into the block, S 78 bytes into it, R 90 */
        {true, PP_TABLE_CHECKPOINT, FLIP, 0, 50, false, PP_VERIFY_CHECKPOINT, "checkpoint block",
         "block 0 of segment 1: the checksum"},
        {true, PP_TABLE_CHECKPOINT, FLIP, 1, 3, true, PP_VERIFY_CHECKPOINT, "checkpoint head",
         "the checksum"},
        {true, PP_TABLE_CHECKPOINT, DROP, 0, 0, false, PP_VERIFY_CHECKPOINT, "checkpoint block",
         "block 0 of segment 1 is missing"},
        {true, PP_TABLE_CHECKPOINT, DROP, 1, 0, false, PP_VERIFY_CHECKPOINT, "checkpoint head",
         "it is missing"},
        {true, PP_TABLE_CHECKPOINT, ADD, 0, 0, false, PP_VERIFY_CHECKPOINT, "checkpoint row",
         "620000000100000040 belongs to no"},
        {true, PP_TABLE_CHECKPOINT, RESEAL, 1, 210, false, PP_VERIFY_CHECKPOINT, "checkpoint head",
         "total spent: expected 60000, found 60001"},
        {true, PP_TABLE_CHECKPOINT, RESEAL, 0, 95, false, PP_VERIFY_CHECKPOINT, "checkpoint lane",
         "spent: expected 30000, found 30001"},
        {true, PP_TABLE_CHECKPOINT, RESEAL, 0, 107, false, PP_VERIFY_CHECKPOINT, "checkpoint lane",
         "refunded: expected 7500, found 7501"},
        {true, PP_TABLE_CHECKPOINT, RESEAL, 0, 4, false, PP_VERIFY_CHECKPOINT, "checkpoint lane",
         "channel id: expected "},
        {true, PP_TABLE_CHECKPOINT, RESEAL, 0, 3, false, PP_VERIFY_CHECKPOINT, "checkpoint row",
         "lane 256: there are only 2"},
        {true, PP_TABLE_CHECKPOINT, RESEAL, 0, 6, false, PP_VERIFY_CHECKPOINT, "checkpoint lane", ""},
        {true, PP_TABLE_CHECKPOINT, RESEAL, 0, 0, false, PP_VERIFY_CHECKPOINT, "checkpoint block",
         "block 0 of segment 1 is of an unknown kind 0"},
        {true, PP_TABLE_CHECKPOINT, RESEAL, 0, 1, true, PP_VERIFY_CHECKPOINT, "checkpoint lane",
         "what follows its fields"},
        {true, PP_TABLE_CHECKPOINT, RESEAL, 1, 8, false, PP_VERIFY_CHECKPOINT, "checkpoint head",
         "it stands before 15"},
        {true, PP_TABLE_INDEX_STAMP, FLIP, 0, 7, false, PP_VERIFY_INDEX_STAMP, "index_stamp", "the block "},
        {true, PP_TABLE_INDEX_STAMP, DROP, 0, 0, false, PP_VERIFY_INDEX_STAMP, "index_stamp", "expected "},
        {true, PP_TABLE_INDEX_STAMP, ADD, 0, 0, false, PP_VERIFY_INDEX_STAMP, "index_stamp", "the block "},
        {true, PP_TABLE_INDEX_STAMP, MOVE, 0, 0, false, PP_VERIFY_INDEX_STAMP, "index_stamp",
         "the block 0000000000000041"},
        {true, PP_TABLE_INDEX_TOPIC, FLIP, 0, 7, false, PP_VERIFY_INDEX_TOPIC, "index_topic", "the block "},
        {true, PP_TABLE_INDEX_TOPIC, DROP, 0, 0, false, PP_VERIFY_INDEX_TOPIC, "index_topic", "expected "},
        {true, PP_TABLE_INDEX_TOPIC, ADD, 0, 0, false, PP_VERIFY_INDEX_TOPIC, "index_topic", "the block "},
        {true, PP_TABLE_INDEX_TOPIC, MOVE, 0, 0, false, PP_VERIFY_INDEX_TOPIC, "index_topic",
         "the block 0000000000000041"},
        {true, PP_TABLE_INDEX_STAMP, RESEAL, 0, 39, false, PP_VERIFY_INDEX_STAMP, "index_stamp",
         "the row 00000000000000000000000000002711000000000000000"},
        {true, PP_TABLE_INDEX_STAMP, RESEAL, 0, 47, false, PP_VERIFY_INDEX_STAMP, "index_stamp", "the row "},
        /* The third of a topic: the second may be of the envelope that was deleted, whose row nobody needs. */
        {true, PP_TABLE_INDEX_TOPIC, RESEAL, 0, 55, false, PP_VERIFY_INDEX_TOPIC, "index_topic", "the row "},
        {true, PP_TABLE_INDEX_TOPIC, RESEAL, 0, 71, false, PP_VERIFY_INDEX_TOPIC, "index_topic", "the row "},
        {true, PP_TABLE_INDEX_EXPIRY, DROP, 0, 0, false, PP_VERIFY_INDEX_EXPIRY, "index_expiry",
         "the row that leads here is missing"},
        {true, PP_TABLE_INDEX_EXPIRY, FLIP, 0, 7, false, PP_VERIFY_INDEX_EXPIRY, "index_expiry",
         "the row that leads here is missing"},
        {true, PP_TABLE_INDEX_EXPIRY, RESEAL, 0, 7, false, PP_VERIFY_INDEX_EXPIRY, "index_expiry",
         "the row that leads here is missing"},
        {true, PP_TABLE_INDEX_EXPIRY, ADD, 0, 0, false, PP_VERIFY_INDEX_EXPIRY, "index_expiry", "the row "},
        {true, PP_TABLE_INDEX_HEAD, FLIP, 0, 7, false, PP_VERIFY_INDEX_STAMP, "index_head",
         "it stands before record 15"},
        {true, PP_TABLE_INDEX_HEAD, FLIP, 0, 20, false, PP_VERIFY_INDEX_STAMP, "index_head checksum",
         "expected "},
        {true, PP_TABLE_INDEX_HEAD, DROP, 0, 0, false, PP_VERIFY_INDEX_STAMP, "index_stamp", "the row "},
        {true, PP_TABLE_INDEX_HEAD, ADD, 2, 0, false, PP_VERIFY_INDEX_STAMP, "index_head",
         "the row 7374616d7033 says nothing"},
        {true, PP_TABLE_INDEX_HEAD, FLIP, 2, 9, false, PP_VERIFY_INDEX_STAMP, "index_stamp",
         "the list of its runs is no list"},
        {true, PP_TABLE_INDEX_HEAD, RESEAL, 2, 23, false, PP_VERIFY_INDEX_STAMP, "index_stamp", "expected "},
        {true, PP_TABLE_INDEX_HEAD, RESEAL, 2, 28, false, PP_VERIFY_INDEX_STAMP, "index_stamp",
         "the row that leads here is missing"},
        {true, PP_TABLE_INDEX_HEAD, DROP, 2, 0, false, PP_VERIFY_INDEX_STAMP, "index_stamp", "the block "},
        {true, PP_TABLE_INDEX_HEAD, FLIP, 3, 0, false, PP_VERIFY_INDEX_TOPIC, "index_topic", "the row "},
        {true, PP_TABLE_INDEX_HEAD, FLIP, 4, 9, false, PP_VERIFY_INDEX_TOPIC, "index_topic",
         "the list of its runs is no list"},
        {true, PP_TABLE_INDEX_HEAD, RESEAL, 4, 28, false, PP_VERIFY_INDEX_TOPIC, "index_topic",
         "the row that leads here is missing"},
        {true, PP_TABLE_INDEX_HEAD, DROP, 4, 0, false, PP_VERIFY_INDEX_TOPIC, "index_topic", "the block "},
    };
    for (size_t i = 0; i < sizeof plants / sizeof plants[0]; i++) {
        struct world world;
        struct pp_verify_summary summary;
        world_make(&world);
        plant_put(&world, plants[i]);
        enum pp_error error = verify(&world, &summary);
        ck_assert_msg(error == PP_CORRUPT || error == PP_INVARIANT, "plant %zu: %s", i, pp_error_name(error));
        ck_assert_msg(world.first.check == plants[i].check && strcmp(world.first.what, plants[i].what) == 0 &&
                          strncmp(world.first.detail, plants[i].detail, strlen(plants[i].detail)) == 0,
                      "plant %zu: %s: %s: %s, expected %s: %s", i, pp_verify_check_name(world.first.check),
                      world.first.what, world.first.detail, plants[i].what, plants[i].detail);
        ck_assert_uint_eq(summary.findings, world.findings);
        ck_assert_uint_gt(summary.checks[plants[i].check].findings, 0);
        ck_assert_int_eq(summary.complete, plants[i].table != PP_TABLE_RECORDS || plants[i].derived);
        world_done(&world);
    }
}
END_TEST

/* Records that were altered and sealed again by somebody who knows how: only what they say can give them away. Who has the keys
 * may sign again, too. */
struct forge {
    uint64_t sequence; /* 0: a record is appended, made of record 6 */
    void (*change)(struct world *world, struct pp_record *record, struct pp_record_room *room);
    const char *what;
    const char *detail;
};

struct forging {
    struct world *world;
    const struct forge *forge;
    struct pp_journal_head head;
    struct pp_record_room *room;
    uint8_t *buffer;
    struct {
        uint64_t sequence;
        size_t length;
        uint8_t bytes[8192];
    } * kept;
    size_t count;
};

static enum pp_error records_keep(struct forging *forging, struct pp_txn *txn)
{
    struct pp_scan scan;
    PP_TRY(pp_scan_open(txn, PP_TABLE_RECORDS, &scan));
    for (enum pp_error error = pp_scan_first(&scan); error == PP_OK; error = pp_scan_next(&scan)) {
        forging->kept[forging->count].length = scan.value.length;
        forging->kept[forging->count].sequence = pp_key8_number(scan.key.bytes);
        memcpy(forging->kept[forging->count++].bytes, scan.value.bytes, scan.value.length);
    }
    pp_scan_close(&scan);
    return pp_txn_clear(txn, PP_TABLE_RECORDS);
}

static enum pp_error record_put(struct forging *forging, struct pp_txn *txn, size_t i, bool change)
{
    struct pp_record record;
    struct pp_reader r;
    pp_reader_init(&r, forging->kept[i].bytes, forging->kept[i].length - PP_RECORD_CHECKSUM_BYTES);
    pp_record_read(&r, forging->room, &record);
    PP_TRY(pp_reader_finish(&r));
    if (change) {
        record.time_ms = record.time_ms > forging->head.time_ms ? record.time_ms : forging->head.time_ms;
        forging->forge->change(forging->world, &record, forging->room);
    }
    return pp_journal_append(txn, &forging->head, &record, forging->buffer);
}

static enum pp_error forge_run(void *context, struct pp_txn *txn)
{
    struct forging *forging = context;
    size_t deleted = 0;
    PP_TRY(records_keep(forging, txn));
    pp_journal_head_init(&forging->head);
    for (size_t i = 0; i < forging->count; i++) {
        if (forging->kept[i].sequence == 6)
            deleted = i;
        PP_TRY(record_put(forging, txn, i, forging->kept[i].sequence == forging->forge->sequence));
    }
    return forging->forge->sequence == 0 ? record_put(forging, txn, deleted, true) : PP_OK;
}

static void sign_as_operator(struct world *world, const struct pp_hash *digest, struct pp_signature *out)
{
    ck_assert_ok(pp_sign(world->fixture.crypto, &world->fixture.config.operator_key, digest, out));
}

static void forge_voucher(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->charged.spent = pp_grains_add_checked(record->charged.spent, pp_grains(1));
}

static void forge_kind(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->charged.kind = PP_STAMP_SINGLE;
}

static void forge_leaf(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)record;
    room->charged[1].leaf.size++;
}

static void voucher_sign_again(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    struct pp_stamp_id ids[8];
    struct pp_hash scratch[8];
    struct pp_sender sender;
    struct pp_voucher voucher = {
        .channel_id = record->charged.channel_id,
        .lane = record->charged.lane,
        .spent = record->charged.spent,
        .refund_ack = record->charged.refund_ack,
    };
    pp_sender_init(&sender, &world->fixture, 0);
    for (uint32_t i = 0; i < record->count; i++)
        pp_leaf_id(&room->charged[i].leaf, &ids[i]);
    ck_assert_ok(pp_voucher_context((enum pp_stamp_kind)record->charged.kind, ids, record->count, scratch,
                                    &voucher.context));
    ck_assert_ok(
        pp_voucher_sign(world->fixture.crypto, &world->fixture.config.domain, &sender.key, &voucher));
    record->charged.signature = voucher.signature;
}

static void forge_spent(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    record->charged.spent = pp_grains(20000);
    voucher_sign_again(world, record, room);
}

static void forge_interval(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    room->charged[2].leaf.from = room->charged[1].leaf.from;
    voucher_sign_again(world, record, room);
}

static void forge_ack(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    record->charged.refund_ack = pp_grains(1);
    voucher_sign_again(world, record, room);
}

static void forge_late(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    room->charged[2].leaf.not_after_ms = record->time_ms - 1;
    voucher_sign_again(world, record, room);
}

static void forge_content(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    room->charged[2].leaf.envelope_hash.bytes[0] ^= 1;
    voucher_sign_again(world, record, room);
}

static void forge_delete(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)record;
    room->deleted[0].signature.bytes[7] ^= 1;
}

static void forge_refund(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->deleted.refunded = pp_grains_add_checked(record->deleted.refunded, pp_grains(1));
}

static void forge_reasons(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->deleted.reasons.bytes[9] ^= 1;
}

static void forge_refund_signature(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)room;
    struct pp_hash digest = {{1}};
    sign_as_operator(world, &digest, &record->deleted.refund_signature);
}

static void forge_amount(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)record;
    room->deleted[0].amount--;
}

static void forge_other_stamp(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)record;
    room->deleted[0].sequence--;
}

static void forge_no_stamp(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)record;
    room->deleted[0].sequence = 9;
}

/* The same once more, on the second day, all signed: R grows by the four days left, which other stamps still pay for. */
static void forge_second_delete(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    struct pp_refund_list list;
    struct pp_refund_leaf leaf = {room->deleted[0].stamp_id, pp_grains(7500), PP_REFUND_EARLY_DELETE};
    struct pp_hash digest;
    pp_refund_list_init(&list);
    ck_assert_ok(pp_refund_list_append(&list, &leaf));
    leaf.amount = pp_grains(6000);
    ck_assert_ok(pp_refund_list_append(&list, &leaf));
    room->deleted[0].amount = 6000;
    record->deleted.refunded = pp_refund_list_sum(&list);
    pp_refund_list_root(&list, &record->deleted.reasons);
    const struct pp_refund_fields fields = {record->deleted.channel_id, FIXTURE_LANE,
                                            record->deleted.refunded, record->deleted.reasons};
    pp_refund_digest(&world->fixture.config.domain, &fields, &digest);
    sign_as_operator(world, &digest, &record->deleted.refund_signature);
}

static void forge_day(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->day.day++;
}

static void forge_old_day(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->day.day--;
    record->time_ms -= FIXTURE_DAY_MS;
}

static void forge_report(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->reported.lanes_root.bytes[0] ^= 1;
}

static void forge_received(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->reported.received_total.raw = 1000;
}

static void forge_previous(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->reported.previous.bytes[31] = 1;
}

static void forge_epoch(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->reported.epoch++;
}

static void forge_report_signature(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)room;
    struct pp_hash digest = {{1}};
    sign_as_operator(world, &digest, &record->reported.signature);
}

static void forge_leave(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->left.signature.bytes[7] ^= 1;
}

static void forge_leave_amount(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->left.amount = pp_grains(1);
}

static void forge_release(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->left.new_cap.raw++;
}

static void forge_old_cap(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->left.old_cap.raw++;
}

static void forge_seq(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->left.seq++;
}

static void forge_chain(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->chain.nonce++;
}

static void forge_cap(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->chain.cap.raw = 0;
}

static void forge_pending(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->chain.kind = PP_CHAIN_LANE_SEEN;
}

static void forge_vested(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->chain.kind = PP_CHAIN_SETTLED;
    record->chain.vested = pp_grains(30001);
    record->chain.channel_id = world->channels[0];
}

static void forge_domain(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->opened.chain_id++;
}

static void forge_operator(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->opened.operator_address.bytes[0] ^= 1;
}

static void forge(struct world *world, const struct forge *forge)
{
    struct forging forging = {
        .world = world,
        .forge = forge,
        .room = malloc(sizeof *forging.room),
        .buffer = malloc(PP_RECORD_MAX_BYTES),
        .kept = calloc(64, sizeof *forging.kept),
    };
    struct pp_data data;
    char path[400];
    ck_assert_ok(pp_data_open(world->fixture.dir, UINT64_C(1) << 30, false, &data, NULL));
    ck_assert_ok(pp_store_write(data.journal, PP_STORE_ORDINARY, forge_run, &forging));
    pp_data_close(&data);
    snprintf(path, sizeof path, "%s/derived.mdb", world->fixture.dir); /* so that only the journal speaks */
    ck_assert_int_eq(unlink(path), 0);
    free(forging.kept);
    free(forging.room);
    free(forging.buffer);
}

/* JRN-060, JRN-062, JRN-064 to JRN-067, JRN-072 */
START_TEST(verify__a_forged_record_with_good_checksums__found_with_both_values)
{
    /* 1 OPENED, 2 CHAIN, 3-5 CHARGED, 6 DELETED, 7 CHAIN, 8-10 CHARGED, 11 DAY, 12 REPORTED, 13 LEFT */
    static const struct forge forges[] = {
        {1, forge_domain, "channel id", "expected "},
        {1, forge_operator, "refund signature", "expected by "},
        {2, forge_cap, "consumed - R <= cap", "expected 0, found 10000"},
        {2, forge_pending, "lane state", "[0, 10000) is charged to a lane that is PENDING"},
        {3, forge_voucher, "voucher signature", "BAD_SIGNATURE: not by signer"},
        {3, forge_kind, "voucher context", "kind 1 with 3 leaves"},
        {3, forge_leaf, "voucher signature", "BAD_SIGNATURE: not by signer"},
        {3, forge_spent, "consumed <= S", "expected 20000, found 30000"},
        {3, forge_interval, "interval", "[10000, 20000) was consumed before"},
        {3, forge_ack, "refund_ack <= R", "expected 0, found 1"},
        {3, forge_late, "not_after", "until 1760054399999, admitted at 1760054400000"},
        {3, forge_content, "envelope", "expected "},
        {6, forge_delete, "delete signature", ""},
        {6, forge_refund, "refunded", "expected 7500, found 7501"},
        {6, forge_reasons, "reasons", "expected "},
        {6, forge_refund_signature, "refund signature", "expected by "},
        {6, forge_amount, "amount of a deletion", "expected 7500, found 7499"},
        {6, forge_other_stamp, "stamp of a deletion", "expected "},
        {6, forge_no_stamp, "stamp of a deletion", "there is no stamp 9"},
        {0, forge_second_delete, "deleted twice", "stamp 4"},
        {7, forge_chain, "channel id", "expected "},
        {7, forge_vested, "nothing vests above S", "S 30000, R 7500"},
        {11, forge_day, "day", "expected 20372, found 20373"},
        {11, forge_old_day, "days in order", "DAY: the ledger refuses it"},
        {12, forge_report, "lanes root", "expected "},
        {12, forge_received, "report payout", "node 0: expected 50, found 0"},
        {12, forge_previous, "report before", "00000000"},
        {12, forge_epoch, "report bundle", "of epoch 40743"},
        {12, forge_report_signature, "report signature", "expected by "},
        {13, forge_leave, "leave signature", ""},
        {13, forge_leave_amount, "amount of a leave", "expected 18000, found 1"},
        {13, forge_release, "release signature", "expected by "},
        {13, forge_old_cap, "old cap of a release", "expected 1000000, found 1000001"},
        {13, forge_seq, "seq of a release", "expected 0, found 1"},
    };
    for (size_t i = 0; i < sizeof forges / sizeof forges[0]; i++) {
        struct world world;
        struct pp_verify_summary summary;
        world_make(&world);
        forge(&world, &forges[i]);
        enum pp_error error = verify(&world, &summary);
        ck_assert_msg(error == PP_INVARIANT || error == PP_CORRUPT, "forge %zu: %s", i, pp_error_name(error));
        ck_assert_msg(strcmp(world.first.what, forges[i].what) == 0 &&
                          strncmp(world.first.detail, forges[i].detail, strlen(forges[i].detail)) == 0,
                      "forge %zu: %s: %s, expected %s: %s", i, world.first.what, world.first.detail,
                      forges[i].what, forges[i].detail);
        ck_assert(!summary.has_checkpoint && !summary.has_index);
        world_done(&world);
    }
}
END_TEST

/* ---- sessions ---- */

/* 14 SESSION_OPENED, 15-17 SESSION_CHARGED, 18 SESSION_SIGNED, 19-20 SESSION_CHARGED */
static void sessions_make(struct world *world)
{
    struct pp_fixture *fixture = &world->fixture;
    struct pp_sender sender;
    struct pp_sender_session session;
    struct pp_session_status status;
    struct pp_session_root root;
    struct pp_refusal refusal;
    world_make(world);
    pp_fixture_open(fixture);
    pp_fixture_head(fixture, 0, NULL);
    pp_sender_init(&sender, fixture, 0);
    sender.head = pp_grains(100000);
    pp_session_make(&session, fixture, &sender, (struct pp_span){pp_grains(100000), pp_grains(200000)},
                    3600000, 1);
    ck_assert_ok(pp_node_session_open(fixture->node, &session.open, &status, &refusal));
    for (size_t count = 3; count >= 2; count--) {
        struct pp_made_request made;
        struct pp_answer answer;
        pp_session_request_make(&made, fixture, &sender, &session, count, (struct pp_parcel_of){500, 6},
                                70 + count);
        pp_submit_wait(fixture->node, &made.request, &answer);
        ck_assert_ok(answer.error);
        ck_assert_ok(answer.results[0].refusal.error);
        pp_answer_done(&answer);
        pp_delete_make(fixture, &sender, &made.envelopes[0].leaf, &made.ids[0], &world->lapsed); /* 19, in the end */
        if (count == 3) {
            pp_session_root_make(fixture, &sender, &session, made.ids, 3, sender.head, &root);
            ck_assert_ok(pp_node_session_sign(fixture->node, &root, &status, &refusal));
        }
        pp_request_done(&made);
    }
    pp_fixture_close(fixture);
}

static void forge_opening(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->session_opened.to = pp_grains_add_checked(record->session_opened.to, pp_grains(1));
}

static void forge_opening_late(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->session_opened.not_after_ms = record->time_ms + PP_SESSION_LIFE_MAX_MS + 1;
}

static void forge_session_leaf(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)record;
    room->charged[1].leaf.not_after_ms++; /* another stamp: the root is not over it */
}

static void forge_session_chunk(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)record;
    room->charged[0].leaf.from = pp_grains(90000);
}

static void forge_session_of(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->session_charged.session_id.bytes[0] ^= 1;
}

static void forge_root(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->session_signed.signature.bytes[7] ^= 1;
}

static void forge_root_spent(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->session_signed.spent = pp_grains_add_checked(record->session_signed.spent, pp_grains(1));
}

static void forge_root_more(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->session_signed.count = 4;
}

static void forge_root_session(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->session_signed.session_id.bytes[0] ^= 1;
}

/* JRN-073, JRN-060 */
START_TEST(verify__a_forged_session__found)
{
    static const struct forge forges[] = {
        {14, forge_opening, "opening signature", "BAD_SIGNATURE: not by signer"},
        {14, forge_opening_late, "opening signature", "BAD_SIGNATURE: not by signer"},
        {15, forge_session_leaf, "root signature", "BAD_SIGNATURE: not by signer"},
        {15, forge_session_chunk, "step", "SESSION_CHARGED: the ledger refuses it"},
        {15, forge_session_of, "step", "SESSION_CHARGED: the ledger refuses it"},
        {18, forge_root, "root signature", "BAD_SIGNATURE: not by signer"},
        {18, forge_root_spent, "spent of a root", "expected 130000, found 130001"},
        {18, forge_root_more, "leaves of a root", "expected 3, found 4"},
        {18, forge_root_session, "session of a root", ""},
    };
    struct world world;
    struct pp_verify_summary summary;
    sessions_make(&world);
    ck_assert_ok(verify(&world, &summary));
    ck_assert_uint_eq(summary.findings, 0);
    ck_assert(summary.has_checkpoint && summary.has_index);
    world_done(&world);
    for (size_t i = 0; i < sizeof forges / sizeof forges[0]; i++) {
        sessions_make(&world);
        forge(&world, &forges[i]);
        enum pp_error error = verify(&world, &summary);
        ck_assert_msg(error == PP_INVARIANT || error == PP_CORRUPT, "forge %zu: %s", i, pp_error_name(error));
        ck_assert_msg(strcmp(world.first.what, forges[i].what) == 0 &&
                          strncmp(world.first.detail, forges[i].detail, strlen(forges[i].detail)) == 0,
                      "forge %zu: %s: %s, expected %s: %s", i, world.first.what, world.first.detail,
                      forges[i].what, forges[i].detail);
        world_done(&world);
    }
}
END_TEST

/* ---- leaves that lapsed ---- */

static enum pp_error lapsed_find(void *context, struct pp_txn *txn)
{
    uint64_t *out_sequence = context;
    struct pp_scan scan;
    PP_TRY(pp_scan_open(txn, PP_TABLE_RECORDS, &scan));
    enum pp_error error = pp_scan_first(&scan);
    while (error == PP_OK && scan.value.bytes[1] != PP_RECORD_TYPE_SESSION_LAPSED)
        error = pp_scan_next(&scan);
    if (error == PP_OK)
        *out_sequence = pp_key8_number(scan.key.bytes);
    pp_scan_close(&scan);
    return error;
}

/* The story of sessions, and two days on which nobody signed the last two leaves. The sequence of SESSION_LAPSED. */
static uint64_t lapsed_make(struct world *world)
{
    struct pp_fixture *fixture = &world->fixture;
    struct pp_data data;
    uint64_t sequence = 0;
    sessions_make(world);
    pp_fixture_open(fixture);
    for (unsigned day = 0; day < 3; day++) {
        pp_fixture_head(fixture, 0, NULL);
        ck_assert_ok(pp_node_tick(fixture->node));
        atomic_fetch_add(&fixture->now_ms, day < 2 ? FIXTURE_DAY_MS : 0);
    }
    pp_fixture_close(fixture);
    ck_assert_ok(pp_data_open(fixture->dir, 0, true, &data, NULL));
    ck_assert_ok(pp_store_read(data.journal, lapsed_find, &sequence));
    pp_data_close(&data);
    return sequence;
}

static void forge_lapsed_count(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->session_lapsed.count = 1;
}

static void forge_lapsed_session(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    (void)world, (void)room;
    record->session_lapsed.session_id.bytes[0] ^= 1;
}

/* An operator that pays out for what never earned: all signatures are good. */
static void forge_lapsed_delete(struct world *world, struct pp_record *record, struct pp_record_room *room)
{
    struct pp_refund_list list;
    struct pp_refund_leaf leaf = {room->deleted[0].stamp_id, pp_grains(7500), PP_REFUND_EARLY_DELETE};
    struct pp_hash digest;
    pp_refund_list_init(&list);
    ck_assert_ok(pp_refund_list_append(&list, &leaf));
    room->deleted[0].sequence = 19;
    room->deleted[0].stamp_id = leaf.stamp_id = world->lapsed.stamp_id;
    room->deleted[0].signature = world->lapsed.signature;
    room->deleted[0].stored_day += 1; /* the session is of the second day */
    room->deleted[0].amount = 4500;
    leaf.amount = pp_grains(4500);
    ck_assert_ok(pp_refund_list_append(&list, &leaf));
    record->deleted.refunded = pp_refund_list_sum(&list);
    pp_refund_list_root(&list, &record->deleted.reasons);
    const struct pp_refund_fields fields = {record->deleted.channel_id, FIXTURE_LANE,
                                            record->deleted.refunded, record->deleted.reasons};
    pp_refund_digest(&world->fixture.config.domain, &fields, &digest);
    sign_as_operator(world, &digest, &record->deleted.refund_signature);
}

/* SESSION-045 to SESSION-048, JRN-060, JRN-067 */
START_TEST(verify__leaves_that_lapsed__sound_and_every_forgery_found)
{
    struct world world;
    struct pp_verify_summary summary;
    uint64_t sequence = lapsed_make(&world);
    ck_assert_ok(verify(&world, &summary));
    ck_assert_uint_eq(summary.findings, 0);
    ck_assert(summary.has_checkpoint && summary.has_index);
    ck_assert_uint_eq(summary.envelopes_gone, 1 + 2);
    world_done(&world);
    const struct forge forges[] = {
        {sequence, forge_lapsed_count, "step", "SESSION_LAPSED: the ledger refuses it"},
        {sequence, forge_lapsed_session, "step", "SESSION_LAPSED: the ledger refuses it"},
        {0, forge_lapsed_delete, "deleted, lapsed before", "stamp 19"},
    };
    for (size_t i = 0; i < sizeof forges / sizeof forges[0]; i++) {
        lapsed_make(&world);
        forge(&world, &forges[i]);
        enum pp_error error = verify(&world, &summary);
        ck_assert_msg(error == PP_INVARIANT || error == PP_CORRUPT, "forge %zu: %s", i, pp_error_name(error));
        ck_assert_msg(strcmp(world.first.what, forges[i].what) == 0 &&
                          strncmp(world.first.detail, forges[i].detail, strlen(forges[i].detail)) == 0,
                      "forge %zu: %s: %s, expected %s: %s", i, world.first.what, world.first.detail,
                      forges[i].what, forges[i].detail);
        world_done(&world);
    }
}
END_TEST

static enum pp_error lapsed_row_drop(void *context, struct pp_txn *txn)
{
    (void)context;
    struct pp_key8 key = pp_key8_of(20);
    return pp_txn_delete(txn, PP_TABLE_STAMPS, pp_slice(key.bytes, 8));
}

/* As if it had been deleted, and not lapsed. */
static enum pp_error lapsed_row_clear(void *context, struct pp_txn *txn)
{
    (void)context;
    static const uint8_t row[1 + 12 + 4] = {0};
    struct pp_key8 key = pp_key8_of(20);
    const struct pp_slice part = pp_slice(row, sizeof row);
    return pp_txn_put(txn, PP_TABLE_STAMPS, pp_slice(key.bytes, 8), &part, 1);
}

/* A stamp that was signed, as if it had lapsed. */
static enum pp_error lapsed_row_add(void *context, struct pp_txn *txn)
{
    (void)context;
    static const uint8_t row[1 + 12 + 4] = {0x80};
    struct pp_key8 key = pp_key8_of(15);
    const struct pp_slice part = pp_slice(row, sizeof row);
    return pp_txn_put(txn, PP_TABLE_STAMPS, pp_slice(key.bytes, 8), &part, 1);
}

/* The envelope of stamp 17 in the place of a lapsed one. */
static enum pp_error lapsed_envelope_add(void *context, struct pp_txn *txn)
{
    (void)context;
    static uint8_t bytes[4096];
    struct pp_key8 from = pp_key8_of(17), to = pp_key8_of(20);
    struct pp_slice value;
    PP_TRY(pp_txn_get(txn, PP_TABLE_ENVELOPES, pp_slice(from.bytes, 8), &value));
    ck_assert_uint_le(value.length, sizeof bytes);
    memcpy(bytes, value.bytes, value.length);
    const struct pp_slice part = pp_slice(bytes, value.length);
    return pp_txn_put(txn, PP_TABLE_ENVELOPES, pp_slice(to.bytes, 8), &part, 1);
}

static enum pp_error signed_envelope_drop(void *context, struct pp_txn *txn)
{
    (void)context;
    struct pp_key8 key = pp_key8_of(15);
    return pp_txn_delete(txn, PP_TABLE_ENVELOPES, pp_slice(key.bytes, 8));
}

/* SESSION-048, JRN-068: a folder whose rows say otherwise than its journal. */
START_TEST(verify__rows_of_leaves_that_lapsed__found_and_named)
{
    static const struct {
        pp_txn_run *plant;
        const char *what, *detail;
    } plants[] = {
        {lapsed_row_drop, "stamps row, lapsed", "stamp 20 lapsed here"},
        {lapsed_row_clear, "stamps row, lapsed", "stamp 20 lapsed here"},
        {lapsed_row_add, "stamps row", "no record did anything to it"},
        {lapsed_envelope_add, "envelope", ""},
        {signed_envelope_drop, "envelope", "it is missing, neither deleted nor expired"},
    };
    for (size_t i = 0; i < sizeof plants / sizeof plants[0]; i++) {
        struct world world;
        struct pp_verify_summary summary;
        struct pp_data data;
        lapsed_make(&world);
        ck_assert_ok(pp_data_open(world.fixture.dir, UINT64_C(1) << 30, false, &data, NULL));
        ck_assert_ok(pp_store_write(data.journal, PP_STORE_ORDINARY, plants[i].plant, NULL));
        pp_data_close(&data);
        enum pp_error error = verify(&world, &summary);
        ck_assert_msg(error == PP_CORRUPT || error == PP_INVARIANT, "plant %zu: %s", i, pp_error_name(error));
        ck_assert_msg(strcmp(world.first.what, plants[i].what) == 0 &&
                          strncmp(world.first.detail, plants[i].detail, strlen(plants[i].detail)) == 0,
                      "plant %zu: %s: %s", i, world.first.what, world.first.detail);
        world_done(&world);
    }
}
END_TEST

enum session_fault {
    CHANGE_BYTE,
    CUT_LEAF,
    ADD_LEAF,
};
struct session_plant {
    enum session_fault fault;
    size_t offset;
    const char *what, *detail;
};

/* The block: its kind, the session, two leaves. */
static enum pp_error session_plant_run(void *context, struct pp_txn *txn)
{
    const struct session_plant *plant = context;
    struct pp_scan scan;
    uint8_t key[9], value[1024];
    PP_TRY(pp_scan_open(txn, PP_TABLE_CHECKPOINT, &scan));
    enum pp_error error = pp_scan_first(&scan);
    while (error == PP_OK && scan.value.bytes[0] != PP_CHECKPOINT_SESSIONS_BLOCK)
        error = pp_scan_next(&scan);
    ck_assert_ok(error);
    ck_assert_uint_eq(scan.key.length, sizeof key);
    size_t end = scan.value.length - PP_RECORD_CHECKSUM_BYTES;
    ck_assert_uint_eq(end, 1 + PP_CHECKPOINT_SESSION_BYTES + 2 * PP_CHECKPOINT_LEAF_BYTES);
    memcpy(key, scan.key.bytes, sizeof key);
    memcpy(value, scan.value.bytes, end);
    pp_scan_close(&scan);
    if (plant->fault == CHANGE_BYTE)
        value[plant->offset] ^= 1;
    else if (plant->fault == ADD_LEAF)
        memcpy(value + end, value + end - PP_CHECKPOINT_LEAF_BYTES, PP_CHECKPOINT_LEAF_BYTES);
    end += plant->fault == ADD_LEAF ? PP_CHECKPOINT_LEAF_BYTES : 0;
    end -= plant->fault == CUT_LEAF ? PP_CHECKPOINT_LEAF_BYTES : 0;
    reseal(pp_slice(key, sizeof key), value, end);
    const struct pp_slice part = pp_slice(value, end + PP_RECORD_CHECKSUM_BYTES);
    return pp_txn_put(txn, PP_TABLE_CHECKPOINT, pp_slice(key, sizeof key), &part, 1);
}

/* JRN-061, JRN-069. And the node does not start from them: JRN-040. */
START_TEST(verify__wrong_missing_and_additional_rows_of_sessions__found_and_named)
{
    static const struct session_plant plants[] = {
        {CHANGE_BYTE, 1 + 8, "checkpoint session", "sequence: expected 14, found 15"},
        {CHANGE_BYTE, 1 + 9 + 32 + 11, "checkpoint session", "from: expected 100000, found 100001"},
        {CHANGE_BYTE, 1 + 177 + 9 + 32 + 7, "checkpoint unsigned leaf", "base: expected 1000, found 1001"},
        {CHANGE_BYTE, 1 + 177 + 99 + 98, "checkpoint unsigned leaf", "session: expected 14, found 15"},
        {CHANGE_BYTE, 1 + 177, "checkpoint row", "not rows of sessions"},
        {CUT_LEAF, 0, "checkpoint session", "expected 3, found 2"},
        {ADD_LEAF, 0, "checkpoint session", "expected 3, found 4"},
    };
    for (size_t i = 0; i < sizeof plants / sizeof plants[0]; i++) {
        struct world world;
        struct pp_verify_summary summary;
        struct session_plant plant = plants[i];
        struct pp_data data;
        char reason[PP_STORE_REASON_BYTES];
        sessions_make(&world);
        ck_assert_ok(pp_data_open(world.fixture.dir, UINT64_C(1) << 30, false, &data, reason));
        ck_assert_ok(pp_store_write(data.derived, PP_STORE_ORDINARY, session_plant_run, &plant));
        pp_data_close(&data);
        enum pp_error error = verify(&world, &summary);
        ck_assert_msg(error == PP_CORRUPT || error == PP_INVARIANT, "plant %zu: %s", i, pp_error_name(error));
        ck_assert_msg(strcmp(world.first.what, plant.what) == 0 &&
                          strncmp(world.first.detail, plant.detail, strlen(plant.detail)) == 0,
                      "plant %zu: %s: %s, expected %s: %s", i, world.first.what, world.first.detail,
                      plant.what, plant.detail);
        if (plant.fault != CHANGE_BYTE || plant.offset == 1 + 177 || plant.offset == 1 + 177 + 99 + 98)
            ck_assert_error(pp_node_open(&world.fixture.config, &world.fixture.node, reason), PP_CORRUPT);
        world.fixture.node = NULL;
        world_done(&world);
    }
}
END_TEST

START_TEST(verify__no_folder__said_so)
{
    struct world world = {0};
    struct pp_verify_summary summary;
    pp_temp_dir_make(&world.dir);
    snprintf(world.fixture.dir, sizeof world.fixture.dir, "%s/none", world.dir.path);
    ck_assert_error(verify(&world, &summary), PP_NOT_FOUND);
    pp_temp_dir_remove(&world.dir);
}
END_TEST

PP_TESTS("verify")
PP_TEST(verify__a_sound_folder__no_finding_and_right_sums)
PP_TEST(verify__one_fault_anywhere__found_and_named)
PP_TEST(verify__a_forged_record_with_good_checksums__found_with_both_values)
PP_TEST(verify__a_forged_session__found)
PP_TEST(verify__leaves_that_lapsed__sound_and_every_forgery_found)
PP_TEST(verify__rows_of_leaves_that_lapsed__found_and_named)
PP_TEST(verify__wrong_missing_and_additional_rows_of_sessions__found_and_named)
PP_TEST(verify__no_folder__said_so)
PP_TESTS_END
