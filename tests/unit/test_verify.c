/* `verify` sees each planted fault, and names it.
 * Method: a folder with one of everything, closed; one change by LMDB itself, behind the engine's back; then verify. */
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include "journal.h"
#include "tables.h"

#include <pp/verify.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_verify_finding first;
    unsigned findings;
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
    ck_assert_ok(pp_node_leave(world->fixture.node, &senders[1].channel_id, FIXTURE_LANE, &signature, &refund, &release));
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
    ADD,
};

struct plant {
    bool derived;
    unsigned table;
    enum fault fault;
    unsigned row;   /* counted from the first */
    size_t offset;  /* FLIP: from the value's end when negative_offset */
    bool from_end;
    const char *what; /* of the first finding; NULL: any */
};

static enum pp_error plant_run(void *context, struct pp_txn *txn)
{
    const struct plant *plant = context;
    struct pp_scan scan;
    uint8_t key[64], value[8192] = {0};
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
    if (plant->fault == DROP)
        return pp_txn_delete(txn, plant->table, pp_slice(key, key_length));
    if (plant->fault == ADD)
        key[key_length - 1] ^= 0x40;
    else
        value[plant->from_end ? length - 1 - plant->offset : plant->offset] ^= 1;
    const struct pp_slice part = pp_slice(value, length);
    return pp_txn_put(txn, plant->table, pp_slice(key, key_length), &part, 1);
}

static void plant_put(struct world *world, struct plant plant)
{
    struct pp_data data;
    char reason[PP_STORE_REASON_BYTES];
    ck_assert_ok(pp_data_open(world->fixture.dir, UINT64_C(1) << 30, false, &data, reason));
    ck_assert_ok(pp_store_write(plant.derived ? data.derived : data.journal, PP_STORE_ORDINARY, plant_run, &plant));
    pp_data_close(&data);
}

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
    world_done(&world);
}
END_TEST

START_TEST(verify__one_fault_anywhere__found_and_named)
{
    static const struct plant plants[] = {
        {false, PP_TABLE_ENVELOPES, FLIP, 2, 100, false, "envelope"},
        {false, PP_TABLE_ENVELOPES, FLIP, 0, 0, false, "envelope"},
        {false, PP_TABLE_ENVELOPES, DROP, 1, 0, false, "envelope"},
        {false, PP_TABLE_ENVELOPES, ADD, 1, 0, false, "envelopes"},
        {false, PP_TABLE_STAMPS, FLIP, 0, 5, false, "stamps row"},
        {false, PP_TABLE_STAMPS, DROP, 0, 0, false, "envelope"},
        {false, PP_TABLE_STAMPS, ADD, 0, 0, false, "stamps"},
        {false, PP_TABLE_REPORTS, FLIP, 0, 40, false, "report"},
        {false, PP_TABLE_REPORTS, FLIP, 0, 3, true, "report"},
        {false, PP_TABLE_REPORTS, DROP, 0, 0, false, "report"},
        {false, PP_TABLE_RECORDS, FLIP, 2, 3, false, "record"},
        {false, PP_TABLE_RECORDS, DROP, 3, 0, false, "record"},
        {true, PP_TABLE_CHECKPOINT, FLIP, 1, 50, false, "checkpoint"},
        {true, PP_TABLE_CHECKPOINT, FLIP, 0, 3, true, "checkpoint"},
        {true, PP_TABLE_CHECKPOINT, DROP, 2, 0, false, "checkpoint"},
        {true, PP_TABLE_INDEX_STAMP, FLIP, 1, 7, false, "index_stamp"},
        {true, PP_TABLE_INDEX_STAMP, DROP, 1, 0, false, "index_stamp"},
        {true, PP_TABLE_INDEX_STAMP, ADD, 1, 0, false, "index_stamp"},
        {true, PP_TABLE_INDEX_TOPIC, DROP, 1, 0, false, "index_topic"},
        {true, PP_TABLE_INDEX_EXPIRY, DROP, 1, 0, false, "index_expiry"},
        {true, PP_TABLE_INDEX_HEAD, FLIP, 0, 0, false, "derived"},
    };
    for (size_t i = 0; i < sizeof plants / sizeof plants[0]; i++) {
        struct world world;
        struct pp_verify_summary summary;
        world_make(&world);
        plant_put(&world, plants[i]);
        enum pp_error error = verify(&world, &summary);
        ck_assert_msg(error == PP_CORRUPT || error == PP_INVARIANT, "plant %zu: %s", i, pp_error_name(error));
        ck_assert_msg(strcmp(world.first.what, plants[i].what) == 0, "plant %zu: %s: %s, expected %s", i,
                      world.first.what, world.first.detail, plants[i].what);
        world_done(&world);
    }
}
END_TEST

/* A record that was altered and sealed again by somebody who knows how: only what it says can give it away. */
struct forge {
    uint64_t sequence;
    void (*change)(struct pp_record *record, struct pp_record_room *room);
};

static enum pp_error forge_run(void *context, struct pp_txn *txn)
{
    const struct forge *forge = context;
    struct pp_record_room *room = malloc(sizeof *room);
    uint8_t *buffer = malloc(PP_RECORD_MAX_BYTES);
    struct kept {
        size_t length;
        uint8_t bytes[8192];
        uint64_t sequence;
    } *kept = calloc(64, sizeof *kept);
    struct pp_scan scan;
    size_t count = 0;
    PP_TRY(pp_scan_open(txn, PP_TABLE_RECORDS, &scan));
    for (enum pp_error error = pp_scan_first(&scan); error == PP_OK; error = pp_scan_next(&scan)) {
        kept[count].length = scan.value.length;
        kept[count].sequence = pp_key8_number(scan.key.bytes);
        memcpy(kept[count++].bytes, scan.value.bytes, scan.value.length);
    }
    pp_scan_close(&scan);
    PP_TRY(pp_txn_clear(txn, PP_TABLE_RECORDS));
    struct pp_journal_head head;
    pp_journal_head_init(&head);
    for (size_t i = 0; i < count; i++) {
        struct pp_record record;
        struct pp_reader r;
        pp_reader_init(&r, kept[i].bytes, kept[i].length - PP_RECORD_CHECKSUM_BYTES);
        pp_record_read(&r, room, &record);
        PP_TRY(pp_reader_finish(&r));
        if (kept[i].sequence == forge->sequence)
            forge->change(&record, room);
        head.next_sequence = kept[i].sequence;
        PP_TRY(pp_journal_append(txn, &head, &record, buffer));
    }
    free(kept);
    free(room);
    free(buffer);
    return PP_OK;
}

static void forge_voucher(struct pp_record *record, struct pp_record_room *room)
{
    (void)room;
    record->charged.spent = pp_grains_add_checked(record->charged.spent, pp_grains(1));
}

static void forge_leaf(struct pp_record *record, struct pp_record_room *room)
{
    (void)record;
    room->charged[1].leaf.size++;
}

static void forge_price(struct pp_record *record, struct pp_record_room *room)
{
    (void)record;
    room->charged[0].leaf.postage.base_grains++;
}

static void forge_delete(struct pp_record *record, struct pp_record_room *room)
{
    (void)record;
    room->deleted[0].signature.bytes[7] ^= 1;
}

static void forge_refund(struct pp_record *record, struct pp_record_room *room)
{
    (void)room;
    record->deleted.refunded = pp_grains_add_checked(record->deleted.refunded, pp_grains(1));
}

static void forge_amount(struct pp_record *record, struct pp_record_room *room)
{
    (void)record;
    room->deleted[0].amount--;
}

static void forge_day(struct pp_record *record, struct pp_record_room *room)
{
    (void)room;
    record->day.day++;
}

static void forge_report(struct pp_record *record, struct pp_record_room *room)
{
    (void)room;
    record->reported.lanes_root.bytes[0] ^= 1;
}

static void forge_leave(struct pp_record *record, struct pp_record_room *room)
{
    (void)room;
    record->left.signature.bytes[7] ^= 1;
}

static void forge_release(struct pp_record *record, struct pp_record_room *room)
{
    (void)room;
    record->left.new_cap.raw++;
}

static void forge_chain(struct pp_record *record, struct pp_record_room *room)
{
    (void)room;
    record->chain.nonce++;
}

START_TEST(verify__a_forged_record_with_good_checksums__found)
{
    /* 1 OPENED, 2 CHAIN, 3-5 CHARGED, 6 DELETED, 7 CHAIN, 8-10 CHARGED, 11 DAY, 12 REPORTED, 13 LEFT */
    static const struct forge forges[] = {
        {3, forge_voucher}, {3, forge_leaf}, {3, forge_price},   {6, forge_delete}, {6, forge_refund}, {6, forge_amount},
        {11, forge_day},    {12, forge_report}, {13, forge_leave}, {13, forge_release}, {7, forge_chain},
    };
    for (size_t i = 0; i < sizeof forges / sizeof forges[0]; i++) {
        struct world world;
        struct pp_verify_summary summary;
        struct pp_data data;
        struct forge forge = forges[i];
        char path[400];
        world_make(&world);
        ck_assert_ok(pp_data_open(world.fixture.dir, UINT64_C(1) << 30, false, &data, NULL));
        ck_assert_ok(pp_store_write(data.journal, PP_STORE_ORDINARY, forge_run, &forge));
        pp_data_close(&data);
        snprintf(path, sizeof path, "%s/derived.mdb", world.fixture.dir); /* so that only the journal speaks */
        ck_assert_int_eq(unlink(path), 0);
        enum pp_error error = verify(&world, &summary);
        ck_assert_msg(error == PP_INVARIANT || error == PP_CORRUPT, "forge %zu: %s", i, pp_error_name(error));
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
PP_TEST(verify__a_forged_record_with_good_checksums__found)
PP_TEST(verify__no_folder__said_so)
PP_TESTS_END
