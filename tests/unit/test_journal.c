/* The chain of records on disk: what was appended is read in order; anything changed, dropped or moved is named.
 * Method: a journal of DAY and STORED records in a real store; one change behind its back; a walk and a search. */
#include "pp_fixture.h"
#include "pp_test.h"

#include "store/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORDS 12u

struct world {
    struct pp_temp_dir dir;
    struct pp_data data;
    struct pp_record_room *room;
    uint8_t *buffer;
    struct pp_journal_head head;
};

static enum pp_error append_run(void *context, struct pp_txn *txn)
{
    struct world *world = context;
    for (uint32_t i = 0; i < RECORDS; i++) {
        const struct pp_row_ticket row = {i};
        struct pp_record record = {.type = i % 2 ? PP_RECORD_TYPE_STORED : PP_RECORD_TYPE_DAY,
                                   .time_ms = 1000 + i / 3,
                                   .count = 1,
                                   .day = {.day = i},
                                   .ticket_rows = &row};
        PP_TRY(pp_journal_append(txn, &world->head, &record, world->buffer));
        ck_assert_uint_eq(record.sequence, i + 1); /* JRN-013 */
    }
    return PP_OK;
}

static void world_open(struct world *world)
{
    char reason[PP_STORE_REASON_BYTES];
    pp_temp_dir_make(&world->dir);
    world->room = malloc(sizeof *world->room);
    world->buffer = malloc(PP_RECORD_MAX_BYTES);
    pp_journal_head_init(&world->head);
    ck_assert_ok(pp_data_open(world->dir.path, UINT64_C(64) << 20, false, &world->data, reason));
    ck_assert_ok(pp_store_write(world->data.journal, PP_STORE_ORDINARY, append_run, world));
}

static void world_close(struct world *world)
{
    pp_data_close(&world->data);
    free(world->room);
    free(world->buffer);
    pp_temp_dir_remove(&world->dir);
}

struct walked {
    struct world *world;
    unsigned count;
    char reason[PP_STORE_REASON_BYTES];
};

static enum pp_error walk_run(void *context, struct pp_txn *txn)
{
    struct walked *walked = context;
    struct pp_journal_head head;
    struct pp_journal_walk walk;
    struct pp_record record;
    enum pp_error error;
    pp_journal_head_init(&head);
    PP_TRY(pp_journal_walk_open(txn, &head, walked->world->room, &walk));
    while ((error = pp_journal_walk_next(&walk, &record)) == PP_OK)
        walked->count++;
    pp_journal_walk_close(&walk);
    memcpy(walked->reason, walk.reason, sizeof walked->reason);
    if (error == PP_NOT_FOUND)
        ck_assert_mem_eq(&walk.head, &walked->world->head, sizeof walk.head);
    return error;
}

static enum pp_error walk_all(struct world *world, struct walked *walked)
{
    *walked = (struct walked){.world = world};
    return pp_store_read(world->data.journal, walk_run, walked);
}

/* ---- changes behind its back ---- */

struct change {
    uint64_t sequence;
    size_t bit; /* SIZE_MAX: drop it */
    uint64_t move_to;
    size_t cut;
};

static enum pp_error change_run(void *context, struct pp_txn *txn)
{
    const struct change *change = context;
    struct pp_key8 key = pp_key8_of(change->sequence), other = pp_key8_of(change->move_to);
    struct pp_slice value;
    uint8_t copy[1024];
    PP_TRY(pp_txn_get(txn, PP_TABLE_RECORDS, pp_slice(key.bytes, 8), &value));
    size_t length = value.length;
    memcpy(copy, value.bytes, length);
    if (change->bit == SIZE_MAX || change->move_to)
        PP_TRY(pp_txn_delete(txn, PP_TABLE_RECORDS, pp_slice(key.bytes, 8)));
    if (change->bit == SIZE_MAX && !change->move_to)
        return PP_OK;
    if (!change->move_to)
        copy[change->bit / 8 % length] ^= (uint8_t)(1u << change->bit % 8);
    const struct pp_slice part = pp_slice(copy, length - change->cut);
    return pp_txn_put(txn, PP_TABLE_RECORDS, pp_slice(change->move_to ? other.bytes : key.bytes, 8), &part, 1);
}

static size_t length_of(unsigned sequence)
{
    return (sequence % 2 ? 10 + 4 : 10 + 2 + 8) + PP_RECORD_CHECKSUM_BYTES;
}

/* JRN-020 */
START_TEST(walk__as_it_was_written__every_record)
{
    struct world world;
    struct walked walked;
    world_open(&world);
    ck_assert_error(walk_all(&world, &walked), PP_NOT_FOUND);
    ck_assert_uint_eq(walked.count, RECORDS);
    world_close(&world);
}
END_TEST

/* JRN-020, JRN-021: every bit of every record, put back after each. */
START_TEST(walk__any_bit_flipped__stops_there_and_names_it)
{
    struct world world;
    struct walked walked;
    world_open(&world);
    for (unsigned sequence = 1; sequence <= RECORDS; sequence++)
        for (size_t bit = 0; bit < 8 * length_of(sequence); bit += 3) {
            struct change change = {sequence, bit, 0, 0};
            char name[40];
            ck_assert_ok(pp_store_write(world.data.journal, PP_STORE_ORDINARY, change_run, &change));
            ck_assert_error(walk_all(&world, &walked), PP_CORRUPT);
            ck_assert_uint_eq(walked.count, sequence - 1);
            snprintf(name, sizeof name, "journal record %u (", sequence);
            ck_assert_msg(strncmp(walked.reason, name, strlen(name)) == 0, "%s", walked.reason);
            ck_assert_ok(pp_store_write(world.data.journal, PP_STORE_ORDINARY, change_run, &change));
        }
    ck_assert_error(walk_all(&world, &walked), PP_NOT_FOUND);
    world_close(&world);
}
END_TEST

/* JRN-021 */
START_TEST(walk__dropped_moved_or_cut__stops_there)
{
    static const struct change changes[] = {
        {5, SIZE_MAX, 0, 0},  {1, SIZE_MAX, 0, 0},       {5, 0, 30, 0},        {12, 0, 13, 0},
        {7, 8 * 200, 0, 1},   {7, 8 * 200, 0, 16},       {7, 8 * 200, 0, 25},
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct world world;
        struct walked walked;
        struct change change = changes[i];
        world_open(&world);
        ck_assert_ok(pp_store_write(world.data.journal, PP_STORE_ORDINARY, change_run, &change));
        ck_assert_error(walk_all(&world, &walked), PP_CORRUPT);
        ck_assert_uint_eq(walked.count, change.sequence - 1);
        world_close(&world);
    }
}
END_TEST

/* ---- times, and searches ---- */

static enum pp_error back_run(void *context, struct pp_txn *txn)
{
    struct world *world = context;
    struct pp_record record = {.type = PP_RECORD_TYPE_DAY, .time_ms = 5, .day = {.day = 1}};
    world->head.time_ms = 0; /* as a writer without a memory would */
    return pp_journal_append(txn, &world->head, &record, world->buffer);
}

/* JRN-014 */
START_TEST(walk__a_time_before_the_last__corrupt)
{
    struct world world;
    struct walked walked;
    world_open(&world);
    ck_assert_ok(pp_store_write(world.data.journal, PP_STORE_ORDINARY, back_run, &world));
    ck_assert_error(walk_all(&world, &walked), PP_CORRUPT);
    ck_assert_uint_eq(walked.count, RECORDS);
    world_close(&world);
}
END_TEST

struct sought {
    struct world *world;
    uint64_t sequence;
    struct pp_record record;
};

static enum pp_error find_run(void *context, struct pp_txn *txn)
{
    struct sought *sought = context;
    char reason[PP_STORE_REASON_BYTES];
    return pp_journal_find(txn, sought->sequence, sought->world->room, &sought->record, reason);
}

static enum pp_error spans_run(void *context, struct pp_txn *txn)
{
    struct world *world = context;
    struct pp_row_charged *rows = calloc(4, sizeof *rows);
    for (unsigned i = 0; i < 4; i++) {
        rows[i].admitted = i != 2;
        rows[i].leaf = (struct pp_leaf){.size = 1, .retention_days = 1, .postage = {.base_grains = 1 + i}};
    }
    struct pp_record record = {.type = PP_RECORD_TYPE_CHARGED,
                               .time_ms = 2000,
                               .count = 4,
                               .charged = {.kind = PP_STAMP_BATCH},
                               .charged_rows = rows};
    enum pp_error error = pp_journal_append(txn, &world->head, &record, world->buffer);
    free(rows);
    return error;
}

/* JRN-013, JRN-021 */
START_TEST(find__a_sequence__the_record_that_covers_it_checked)
{
    struct world world;
    world_open(&world);
    ck_assert_ok(pp_store_write(world.data.journal, PP_STORE_ORDINARY, spans_run, &world));
    ck_assert_uint_eq(world.head.next_sequence, RECORDS + 4);
    for (uint64_t sequence = 0; sequence < RECORDS + 6; sequence++) {
        struct sought sought = {&world, sequence, {0}};
        enum pp_error error = pp_store_read(world.data.journal, find_run, &sought);
        if (sequence == 0 || sequence >= RECORDS + 4) {
            ck_assert_error(error, PP_NOT_FOUND);
            continue;
        }
        ck_assert_ok(error);
        ck_assert_uint_eq(sought.record.sequence, sequence <= RECORDS ? sequence : RECORDS + 1);
        if (sequence > RECORDS) {
            const struct pp_row_charged *row = pp_journal_row(&sought.record, sequence);
            static const uint64_t bases[] = {1, 2, 4};
            ck_assert_uint_eq(row->leaf.postage.base_grains, bases[sequence - RECORDS - 1]);
        }
    }
    struct change change = {7, 50, 0, 0};
    ck_assert_ok(pp_store_write(world.data.journal, PP_STORE_ORDINARY, change_run, &change));
    struct sought sought = {&world, 7, {0}};
    ck_assert_error(pp_store_read(world.data.journal, find_run, &sought), PP_CORRUPT);
    world_close(&world);
}
END_TEST

PP_TESTS("journal")
PP_TEST(walk__as_it_was_written__every_record)
PP_TEST(walk__any_bit_flipped__stops_there_and_names_it)
PP_TEST(walk__dropped_moved_or_cut__stops_there)
PP_TEST(walk__a_time_before_the_last__corrupt)
PP_TEST(find__a_sequence__the_record_that_covers_it_checked)
PP_TESTS_END
