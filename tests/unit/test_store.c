/* Tables on disk: whole transactions, who may write, what a full map or disk answers, and what a reader sees meanwhile.
 * Method: real LMDB files in temporary folders; a full disk by a limit on the size of a file. */
#include "pp_fixture.h"
#include "pp_test.h"

#include "store/store.h"
#include "store/tables.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

static const char *const table_names[] = {"one", "two"};

struct world {
    struct pp_temp_dir dir;
    char path[300];
    struct pp_store *store;
};

static struct pp_store_config config_of(struct world *world, uint64_t map_bytes)
{
    return (struct pp_store_config){
        .path = world->path, .map_bytes = map_bytes, .make = true, .tables = table_names, .table_count = 2};
}

static void world_open(struct world *world, uint64_t map_bytes)
{
    pp_temp_dir_make(&world->dir);
    snprintf(world->path, sizeof world->path, "%s/store.mdb", world->dir.path);
    const struct pp_store_config config = config_of(world, map_bytes);
    ck_assert_ok(pp_store_open(&config, &world->store, NULL));
}

static void world_close(struct world *world)
{
    pp_store_close(world->store);
    pp_temp_dir_remove(&world->dir);
}

/* ---- what a transaction does ---- */

struct job {
    uint64_t first, count;
    size_t bytes;
    enum pp_error answer; /* what the callback returns in the end */
    bool drop;
};

static enum pp_error put_run(void *context, struct pp_txn *txn)
{
    const struct job *job = context;
    uint8_t *bytes = calloc(1, job->bytes + 1);
    const struct pp_slice parts[] = {{bytes, job->bytes / 2}, {bytes, job->bytes - job->bytes / 2}};
    enum pp_error error = PP_OK;
    for (uint64_t i = job->first; i < job->first + job->count && error == PP_OK; i++) {
        struct pp_key8 key = pp_key8_of(i);
        error = job->drop ? pp_txn_delete(txn, 0, pp_slice(key.bytes, 8))
                          : pp_txn_append(txn, 0, pp_slice(key.bytes, 8), parts, 2);
    }
    free(bytes);
    return error == PP_OK ? job->answer : error;
}

static enum pp_error count_run(void *context, struct pp_txn *txn)
{
    return pp_txn_count(txn, 0, context);
}

static uint64_t count_of(struct pp_store *store)
{
    uint64_t count = UINT64_MAX;
    ck_assert_ok(pp_store_read(store, count_run, &count));
    return count;
}

static enum pp_error put(struct world *world, enum pp_store_room room, struct job job)
{
    return pp_store_write(world->store, room, put_run, &job);
}

/* JRN-001 */
START_TEST(write__the_callback_fails__nothing_of_it_is_there)
{
    struct world world;
    world_open(&world, 64 * MIB);
    ck_assert_ok(put(&world, PP_STORE_ORDINARY, (struct job){0, 10, 100, PP_OK, false}));
    ck_assert_error(put(&world, PP_STORE_ORDINARY, (struct job){10, 10, 100, PP_BUSY, false}), PP_BUSY);
    ck_assert_uint_eq(count_of(world.store), 10);
    ck_assert_ok(put(&world, PP_STORE_ORDINARY, (struct job){10, 10, 100, PP_OK, false}));
    ck_assert_uint_eq(count_of(world.store), 20);
    world_close(&world);
}
END_TEST

static enum pp_error fault_answer(void *context)
{
    return *(enum pp_error *)context;
}

START_TEST(write__a_fault_before_the_commit__nothing_of_it_is_there)
{
    struct world world;
    enum pp_error answer = PP_STORE_FULL;
    world_open(&world, 64 * MIB);
    pp_store_inject(world.store, fault_answer, &answer);
    ck_assert_error(put(&world, PP_STORE_ORDINARY, (struct job){0, 10, 100, PP_OK, false}), PP_STORE_FULL);
    ck_assert_uint_eq(count_of(world.store), 0);
    pp_store_inject(world.store, NULL, NULL);
    ck_assert_ok(put(&world, PP_STORE_ORDINARY, (struct job){0, 10, 100, PP_OK, false}));
    world_close(&world);
}
END_TEST

/* JRN-005 */
START_TEST(write__a_full_map__refused_but_the_reserve_still_frees_room)
{
    struct world world;
    uint64_t rows = 0;
    enum pp_error error;
    world_open(&world, 2 * MIB);
    while ((error = put(&world, PP_STORE_ORDINARY, (struct job){rows, 50, 1000, PP_OK, false})) == PP_OK)
        rows += 50;
    ck_assert_error(error, PP_STORE_FULL);
    ck_assert_uint_gt(rows, 1000);
    ck_assert_uint_eq(count_of(world.store), rows);
    ck_assert_ok(put(&world, PP_STORE_RESERVE, (struct job){0, rows, 0, PP_OK, true}));
    ck_assert_uint_eq(count_of(world.store), 0);
    ck_assert_ok(put(&world, PP_STORE_RESERVE, (struct job){0, 1, 10, PP_OK, false})); /* LMDB reuses pages a commit later */
    ck_assert_ok(put(&world, PP_STORE_ORDINARY, (struct job){1, 500, 1000, PP_OK, false}));
    world_close(&world);
}
END_TEST

/* JRN-004, JRN-006 */
START_TEST(write__a_full_disk__refused_kept_and_taken_again_when_there_is_room)
{
    struct world world;
    uint64_t rows = 0;
    enum pp_error error;
    struct rlimit limit, small;
    world_open(&world, 256 * MIB);
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    for (unsigned odd = 0; odd < 3; odd++) { /* at, before and behind the middle of a page */
        small.rlim_cur = (odd + 2) * MIB + odd * 1365;
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
        while ((error = put(&world, PP_STORE_ORDINARY, (struct job){rows, 64, 3000, PP_OK, false})) == PP_OK)
            rows += 64;
        ck_assert_error(error, PP_STORE_FULL);
        ck_assert_uint_eq(count_of(world.store), rows);
        ck_assert_error(put(&world, PP_STORE_ORDINARY, (struct job){rows, 64, 3000, PP_OK, false}), PP_STORE_FULL);
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        ck_assert_ok(put(&world, PP_STORE_ORDINARY, (struct job){rows, 64, 3000, PP_OK, false}));
        rows += 64;
    }
    ck_assert_uint_eq(count_of(world.store), rows);
    world_close(&world);
}
END_TEST

/* JRN-004 */
START_TEST(error__each_answer_of_lmdb__as_the_table_says)
{
    static const struct {
        const char *name;
        int status;
    } answers[] = {
        {"MDB_NOTFOUND", MDB_NOTFOUND},
        {"MDB_MAP_FULL", MDB_MAP_FULL},
        {"ENOSPC", ENOSPC},
        {"EFBIG", EFBIG},
        {"EDQUOT", EDQUOT},
        {"MDB_TXN_FULL", MDB_TXN_FULL},
        {"MDB_READERS_FULL", MDB_READERS_FULL},
        {"MDB_CORRUPTED", MDB_CORRUPTED},
        {"MDB_PAGE_NOTFOUND", MDB_PAGE_NOTFOUND},
        {"MDB_INVALID", MDB_INVALID},
        {"MDB_VERSION_MISMATCH", MDB_VERSION_MISMATCH},
        {"MDB_INCOMPATIBLE", MDB_INCOMPATIBLE},
        {"ENOMEM", ENOMEM},
        {"EIO", EIO},
        {"MDB_PANIC", MDB_PANIC},
        {"anything else", MDB_BAD_DBI},
    };
    struct pp_spec_table table;
    pp_spec_table_load("journal.md", "answer", &table);
    ck_assert_uint_eq(table.rows, sizeof answers / sizeof answers[0]);
    for (size_t i = 0; i < table.rows; i++) {
        ck_assert_str_eq(pp_spec_cell(&table, i, 0), answers[i].name);
        ck_assert_str_eq(pp_spec_cell(&table, i, 1), pp_error_name(pp_store_error_of(answers[i].status)));
    }
    pp_spec_table_done(&table);
    ck_assert_ok(pp_store_error_of(MDB_SUCCESS));
}
END_TEST

/* ---- walks ---- */

static enum pp_error walk_run(void *context, struct pp_txn *txn)
{
    struct pp_scan scan;
    struct pp_key8 key = pp_key8_of(15);
    (void)context;
    ck_assert_ok(pp_scan_open(txn, 0, &scan));
    ck_assert_ok(pp_scan_first_from(&scan, pp_slice(key.bytes, 8)));
    ck_assert_uint_eq(pp_key8_number(scan.key.bytes), 20);
    ck_assert_ok(pp_scan_last_to(&scan, pp_slice(key.bytes, 8)));
    ck_assert_uint_eq(pp_key8_number(scan.key.bytes), 10);
    key = pp_key8_of(20);
    ck_assert_ok(pp_scan_last_to(&scan, pp_slice(key.bytes, 8)));
    ck_assert_uint_eq(pp_key8_number(scan.key.bytes), 20);
    key = pp_key8_of(99);
    ck_assert_ok(pp_scan_last_to(&scan, pp_slice(key.bytes, 8)));
    ck_assert_uint_eq(pp_key8_number(scan.key.bytes), 30);
    ck_assert_error(pp_scan_first_from(&scan, pp_slice(key.bytes, 8)), PP_NOT_FOUND);
    key = pp_key8_of(5);
    ck_assert_error(pp_scan_last_to(&scan, pp_slice(key.bytes, 8)), PP_NOT_FOUND);
    ck_assert_ok(pp_scan_first(&scan));
    ck_assert_error(pp_scan_previous(&scan), PP_NOT_FOUND);
    ck_assert_ok(pp_scan_last(&scan));
    ck_assert_uint_eq(scan.value.length, 7);
    ck_assert_error(pp_scan_next(&scan), PP_NOT_FOUND);
    pp_scan_close(&scan);
    ck_assert_ok(pp_scan_open(txn, 1, &scan));
    ck_assert_error(pp_scan_last(&scan), PP_NOT_FOUND);
    ck_assert_error(pp_scan_last_to(&scan, pp_slice(key.bytes, 8)), PP_NOT_FOUND);
    pp_scan_close(&scan);
    return PP_OK;
}

START_TEST(scan__from_to_first_last__the_keys_in_order)
{
    struct world world;
    world_open(&world, 64 * MIB);
    for (uint64_t i = 1; i <= 3; i++)
        ck_assert_ok(put(&world, PP_STORE_ORDINARY, (struct job){10 * i, 1, 7, PP_OK, false}));
    ck_assert_error(put(&world, PP_STORE_ORDINARY, (struct job){20, 1, 7, PP_OK, false}), PP_INVARIANT); /* not ascending */
    ck_assert_ok(pp_store_read(world.store, walk_run, NULL));
    world_close(&world);
}
END_TEST

/* ---- folders ---- */

/* JRN-002: a second writer, here another process, is refused; when the first is gone it is not. */
START_TEST(data__two_writers__the_second_is_locked_out)
{
    struct pp_temp_dir dir;
    struct pp_data data, other;
    char reason[PP_STORE_REASON_BYTES];
    int status;
    pp_temp_dir_make(&dir);
    ck_assert_ok(pp_data_open(dir.path, 64 * MIB, false, &data, reason));
    pid_t child = fork();
    if (child == 0)
        _exit(pp_data_open(dir.path, 64 * MIB, false, &other, reason) == PP_LOCKED && strstr(reason, "lock") ? 0 : 1);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    child = fork();
    if (child == 0) { /* JRN-063: readers are let in */
        _exit(pp_data_open(dir.path, 0, true, &other, reason) == PP_OK ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    pp_data_close(&data);
    ck_assert_ok(pp_data_open(dir.path, 64 * MIB, false, &data, reason)); /* JRN-003 */
    pp_data_close(&data);
    pp_temp_dir_remove(&dir);
}
END_TEST

/* JRN-008: whole at once, not when it is first touched. And the lock on it, by which LMDB knows that it is not alone, is
 * still ours: another process that finds none begins the table anew. */
START_TEST(store__the_table_of_readers__reserved_and_locked)
{
    struct world world;
    struct stat found;
    char path[320];
    int status;
    world_open(&world, 4 * MIB);
    snprintf(path, sizeof path, "%s-lock", world.path);
    ck_assert_int_eq(stat(path, &found), 0);
    ck_assert_int_ge(found.st_blocks * 512, found.st_size);
    ck_assert_int_ge(found.st_size, 64 * (off_t)PP_STORE_READERS_MAX);
    pid_t child = fork();
    if (child == 0) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
        int file = open(path, O_RDWR);
        _exit(fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    world_close(&world);
}
END_TEST

static enum pp_error schema_run(void *context, struct pp_txn *txn)
{
    static const uint8_t other[4] = {0, 0, 0, 9};
    const struct pp_slice part = pp_slice(other, sizeof other);
    (void)context;
    return pp_txn_put(txn, PP_TABLE_META, pp_slice("schema", 6), &part, 1);
}

/* JRN-007 */
START_TEST(data__another_schema__refused_by_writer_and_reader)
{
    struct pp_temp_dir dir;
    struct pp_data data;
    char reason[PP_STORE_REASON_BYTES];
    pp_temp_dir_make(&dir);
    ck_assert_ok(pp_data_open(dir.path, 64 * MIB, false, &data, reason));
    ck_assert_ok(pp_store_write(data.journal, PP_STORE_ORDINARY, schema_run, NULL));
    pp_data_close(&data);
    ck_assert_error(pp_data_open(dir.path, 64 * MIB, false, &data, reason), PP_SCHEMA);
    ck_assert_error(pp_data_open(dir.path, 0, true, &data, reason), PP_SCHEMA);
    pp_temp_dir_remove(&dir);
}
END_TEST

START_TEST(data__not_there_or_no_store__said_so)
{
    struct pp_temp_dir dir;
    struct pp_data data;
    char reason[PP_STORE_REASON_BYTES], path[300];
    pp_temp_dir_make(&dir);
    snprintf(path, sizeof path, "%s/none", dir.path);
    ck_assert_error(pp_data_open(path, 0, true, &data, reason), PP_NOT_FOUND);
    snprintf(path, sizeof path, "%s/a/b", dir.path);
    ck_assert_error(pp_data_open(path, 64 * MIB, false, &data, reason), PP_SYSTEM);
    snprintf(path, sizeof path, "%s/journal.mdb", dir.path);
    FILE *file = fopen(path, "wb");
    for (unsigned i = 0; i < 20000; i++)
        fputc((int)(i * 7), file);
    fclose(file);
    ck_assert_error(pp_data_open(dir.path, 64 * MIB, false, &data, reason), PP_CORRUPT);
    ck_assert_ptr_nonnull(strstr(reason, "journal.mdb"));
    pp_temp_dir_remove(&dir);
}
END_TEST

PP_TESTS("store")
PP_TEST(store__the_table_of_readers__reserved_and_locked)
PP_TEST(write__the_callback_fails__nothing_of_it_is_there)
PP_TEST(write__a_fault_before_the_commit__nothing_of_it_is_there)
PP_TEST(write__a_full_map__refused_but_the_reserve_still_frees_room)
PP_TEST(write__a_full_disk__refused_kept_and_taken_again_when_there_is_room)
PP_TEST(error__each_answer_of_lmdb__as_the_table_says)
PP_TEST(scan__from_to_first_last__the_keys_in_order)
PP_TEST(data__two_writers__the_second_is_locked_out)
PP_TEST(data__another_schema__refused_by_writer_and_reader)
PP_TEST(data__not_there_or_no_store__said_so)
PP_TESTS_END
