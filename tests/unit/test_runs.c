/* Sorted runs: rows in order, found from anywhere, whole or CORRUPT. */
#include "pp_fixture.h"
#include "pp_test.h"

#include "store/runs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS (3u * PP_RUN_BLOCK_ROWS + 17u)

struct world {
    struct pp_temp_dir dir;
    struct pp_store *store;
};

static void world_open(struct world *world)
{
    static const char *const tables[] = {"runs", "lists"};
    char path[400];
    pp_temp_dir_make(&world->dir);
    snprintf(path, sizeof path, "%s/runs.mdb", world->dir.path);
    const struct pp_store_config config = {
        .path = path, .map_bytes = UINT64_C(1) << 28, .make = true, .tables = tables, .table_count = 2};
    ck_assert_ok(pp_store_open(&config, &world->store, NULL));
}

static void world_close(struct world *world)
{
    pp_store_close(world->store);
    pp_temp_dir_remove(&world->dir);
}

static struct pp_run_row row_of(uint64_t number)
{
    return (struct pp_run_row){{number / 50, number % 50 * 7, number}};
}

static int by_row(const void *a, const void *b)
{
    return pp_run_row_below(a, b) ? -1 : pp_run_row_below(b, a) ? 1 : 0;
}

/* ---- sorting ---- */

START_TEST(sort__rows_of_all_shapes__as_qsort_does)
{
    struct pp_rng rng;
    static struct pp_run_row rows[4096], sorted[4096], scratch[4096];
    pp_rng_init(&rng, 4);
    for (unsigned round = 0; round < 60; round++) {
        size_t count = pp_rng_below(&rng, round % 3 == 0 ? 6 : 4096);
        uint64_t masks[3];
        for (unsigned i = 0; i < 3; i++)
            masks[i] = pp_rng_u64(&rng) & pp_rng_u64(&rng) & pp_rng_u64(&rng);
        for (size_t i = 0; i < count; i++)
            for (unsigned k = 0; k < 3; k++)
                rows[i].words[k] = pp_rng_u64(&rng) & masks[k];
        memcpy(sorted, rows, sizeof rows);
        qsort(sorted, count, sizeof *sorted, by_row);
        pp_run_rows_sort(rows, count, round % 2 == 0 ? 24 : (unsigned)pp_rng_below(&rng, 25), scratch);
        ck_assert_mem_eq(rows, sorted, count * sizeof *rows);
    }
}
END_TEST

/* ---- a run ---- */

static enum pp_error runs_write(void *context, struct pp_txn *txn)
{
    (void)context;
    struct pp_run_row rows[ROWS];
    for (uint64_t run = 1; run <= 3; run++) {
        for (uint64_t i = 0; i < ROWS; i++)
            rows[i] = row_of(2 * i + run);
        PP_TRY(pp_run_write(txn, 0, run, rows, ROWS));
    }
    return PP_OK;
}

static enum pp_error seek_all(void *context, struct pp_txn *txn)
{
    (void)context;
    struct pp_run_cursor cursor;
    for (uint64_t from = 0; from <= 2 * ROWS + 2; from++) {
        struct pp_run_row row = row_of(from), expected = row_of(from % 2 == 0 ? from : from + 1);
        expected = from < 2 ? row_of(2) : expected;
        PP_TRY(pp_run_cursor_open(&cursor, txn, 0, 2, &row));
        const struct pp_run_row *found = pp_run_cursor_row(&cursor);
        ck_assert_int_eq(found != NULL, from <= 2 * ROWS);
        if (found)
            ck_assert_mem_eq(found, &expected, sizeof expected);
        pp_run_cursor_close(&cursor);
    }
    const struct pp_run_row any = row_of(0);
    PP_TRY(pp_run_cursor_open(&cursor, txn, 0, 4, &any));
    ck_assert_ptr_null(pp_run_cursor_row(&cursor));
    pp_run_cursor_close(&cursor);
    return PP_OK;
}

static enum pp_error merge_all(void *context, struct pp_txn *txn)
{
    (void)context;
    struct pp_run_cursor cursors[3];
    struct pp_run_merge merge = {cursors, 3};
    struct pp_run_row first = {{0}}, row, before = {{0}};
    uint64_t count = 0;
    for (uint64_t run = 1; run <= 3; run++)
        PP_TRY(pp_run_cursor_open(&cursors[run - 1], txn, 0, run, &first));
    while (pp_run_merge_next(&merge, &row) == PP_OK) {
        ck_assert(!pp_run_row_below(&row, &before));
        before = row;
        count++;
    }
    ck_assert_uint_eq(count, 3 * ROWS);
    for (unsigned i = 0; i < 3; i++)
        pp_run_cursor_close(&cursors[i]);
    return PP_OK;
}

static enum pp_error erase_some(void *context, struct pp_txn *txn)
{
    (void)context;
    uint64_t count;
    ck_assert_ok(pp_run_erase(txn, 0, 2, 3));
    PP_TRY(pp_txn_count(txn, 0, &count));
    ck_assert_uint_eq(count, 9);
    ck_assert_error(pp_run_erase(txn, 0, 2, 3), PP_NOT_FOUND);
    PP_TRY(pp_txn_count(txn, 0, &count));
    ck_assert_uint_eq(count, 8);
    ck_assert_error(pp_run_erase(txn, 0, 2, 3), PP_NOT_FOUND);
    ck_assert_error(pp_run_erase(txn, 0, 3, 100), PP_NOT_FOUND);
    PP_TRY(pp_txn_count(txn, 0, &count));
    ck_assert_uint_eq(count, 4);
    return PP_OK;
}

/* JRN-055 */
START_TEST(run__written__found_from_anywhere_merged_and_erased)
{
    struct world world;
    world_open(&world);
    ck_assert_ok(pp_store_write(world.store, PP_STORE_ORDINARY, runs_write, NULL));
    ck_assert_ok(pp_store_read(world.store, seek_all, NULL));
    ck_assert_ok(pp_store_read(world.store, merge_all, NULL));
    ck_assert_ok(pp_store_write(world.store, PP_STORE_ORDINARY, erase_some, NULL));
    world_close(&world);
}
END_TEST

/* ---- what the disk does to it ---- */

struct copy {
    uint8_t key[64], value[4096];
    size_t key_length, length;
};

static enum pp_error first_copy(void *context, struct pp_txn *txn)
{
    struct copy *copy = context;
    struct pp_scan scan;
    PP_TRY(pp_scan_open(txn, 0, &scan));
    PP_TRY(pp_scan_first(&scan));
    copy->key_length = scan.key.length;
    copy->length = scan.value.length;
    memcpy(copy->key, scan.key.bytes, scan.key.length);
    memcpy(copy->value, scan.value.bytes, scan.value.length);
    pp_scan_close(&scan);
    return PP_OK;
}

static enum pp_error copy_read(const struct copy *copy)
{
    struct pp_run_row rows[PP_RUN_BLOCK_ROWS];
    uint64_t run;
    uint32_t count;
    return pp_run_block_read(pp_slice(copy->key, copy->key_length), pp_slice(copy->value, copy->length), &run,
                             rows, &count);
}

/* JRN-058 */
START_TEST(block__every_bit_flipped_and_every_length__corrupt)
{
    struct world world;
    struct copy copy;
    world_open(&world);
    ck_assert_ok(pp_store_write(world.store, PP_STORE_ORDINARY, runs_write, NULL));
    ck_assert_ok(pp_store_read(world.store, first_copy, &copy));
    ck_assert_ok(copy_read(&copy));
    ck_assert_uint_eq(copy.length, PP_RUN_BLOCK_ROWS * PP_RUN_ROW_BYTES + 8);
    for (size_t bit = 0; bit < 8 * (copy.key_length + copy.length); bit++) {
        uint8_t *byte =
            bit / 8 < copy.key_length ? &copy.key[bit / 8] : &copy.value[bit / 8 - copy.key_length];
        *byte ^= (uint8_t)(1u << bit % 8);
        ck_assert_error(copy_read(&copy), PP_CORRUPT);
        *byte ^= (uint8_t)(1u << bit % 8);
    }
    size_t length = copy.length;
    for (copy.length = 0; copy.length < 4090; copy.length++)
        if (copy.length != length)
            ck_assert_error(copy_read(&copy), PP_CORRUPT);
    world_close(&world);
}
END_TEST

/* ---- a list ---- */

static const uint8_t list_key[] = "runs";

static enum pp_error list_put(void *context, struct pp_txn *txn)
{
    return pp_run_list_put(txn, 1, pp_slice(list_key, 4), context);
}

static enum pp_error list_get(void *context, struct pp_txn *txn)
{
    return pp_run_list_get(txn, 1, pp_slice(list_key, 4), context);
}

static enum pp_error copy_put(void *context, struct pp_txn *txn)
{
    const struct copy *copy = context;
    const struct pp_slice part = pp_slice(copy->value, copy->length);
    return pp_txn_put(txn, 1, pp_slice(list_key, 4), &part, 1);
}

static enum pp_error list_copy(void *context, struct pp_txn *txn)
{
    struct copy *copy = context;
    struct pp_slice value;
    PP_TRY(pp_txn_get(txn, 1, pp_slice(list_key, 4), &value));
    copy->length = value.length;
    memcpy(copy->value, value.bytes, value.length);
    return PP_OK;
}

/* JRN-058 */
START_TEST(list__full__read_as_written_or_corrupt)
{
    struct world world;
    static struct pp_run_list list, read;
    struct copy copy;
    world_open(&world);
    ck_assert_ok(pp_store_read(world.store, list_get, &list));
    ck_assert_uint_eq(list.count, 0);
    for (uint32_t i = 0; i < PP_RUNS_MAX; i++) {
        struct pp_run *run = pp_run_list_add(&list, i % 3 == 0 ? PP_RUN_MAKING : PP_RUN_LIVE);
        run->rows = (uint64_t)i << 40;
        run->half_day = i << 20;
    }
    ck_assert_ok(pp_store_write(world.store, PP_STORE_ORDINARY, list_put, &list));
    ck_assert_ok(pp_store_read(world.store, list_get, &read));
    ck_assert_uint_eq(read.count, PP_RUNS_MAX);
    ck_assert_uint_eq(read.next_number, list.next_number);
    for (uint32_t i = 0; i < PP_RUNS_MAX; i++)
        ck_assert(read.runs[i].number == list.runs[i].number && read.runs[i].rows == list.runs[i].rows &&
                  read.runs[i].half_day == list.runs[i].half_day && read.runs[i].state == list.runs[i].state);
    pp_run_list_remove(&list, 7);
    ck_assert_ptr_null(pp_run_list_find(&list, 7));
    ck_assert_uint_eq(pp_run_list_find(&list, 8)->number, 8);
    ck_assert_ok(pp_store_read(world.store, list_copy, &copy));
    for (unsigned i = 0; i < 400; i++) {
        struct copy bad = copy;
        if (i < 60)
            bad.length = i;
        else
            bad.value[(size_t)i * 997 % bad.length] ^= (uint8_t)(1u << i % 8);
        ck_assert_ok(pp_store_write(world.store, PP_STORE_ORDINARY, copy_put, &bad));
        ck_assert_error(pp_store_read(world.store, list_get, &read), PP_CORRUPT);
    }
    world_close(&world);
}
END_TEST

PP_TESTS("runs")
PP_TEST(sort__rows_of_all_shapes__as_qsort_does)
PP_TEST(run__written__found_from_anywhere_merged_and_erased)
PP_TEST(block__every_bit_flipped_and_every_length__corrupt)
PP_TEST(list__full__read_as_written_or_corrupt)
PP_TESTS_END
