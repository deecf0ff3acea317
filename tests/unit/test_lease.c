/* Who may write a folder. Method: real folders, second writers in this process and in others, files deleted and replaced
 * under a writer, and another writer's fence put into the store past all locks, as one would that they do not stop. */
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include "store/lease.h"
#include "store/tables.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

struct world {
    struct pp_temp_dir dir;
    struct pp_data data;
    char reason[PP_STORE_REASON_BYTES];
};

static void world_open(struct world *world)
{
    pp_temp_dir_make(&world->dir);
    ck_assert_ok(pp_data_open(world->dir.path, 64 * MIB, false, &world->data, world->reason));
}

static void world_close(struct world *world)
{
    pp_data_close(&world->data);
    pp_temp_dir_remove(&world->dir);
}

static const char *path_of(const char *dir, const char *name)
{
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

/* What run() gives, in a process of its own. */
static int in_child(int (*run)(void *context), void *context)
{
    int status;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(run(context));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(WIFEXITED(status), 1);
    return WEXITSTATUS(status);
}

static enum pp_error row_put(void *context, struct pp_txn *txn)
{
    const struct pp_slice part = {context, 3};
    return pp_txn_put(txn, PP_TABLE_META, pp_slice("row", 3), &part, 1);
}

static enum pp_error row_get(void *context, struct pp_txn *txn)
{
    struct pp_slice value;
    (void)context;
    return pp_txn_get(txn, PP_TABLE_META, pp_slice("row", 3), &value);
}

static enum pp_error write_once(struct pp_data *data)
{
    static char bytes[] = "abc";
    return pp_store_write(data->journal, PP_STORE_ORDINARY, row_put, bytes);
}

static enum pp_error lease_read(void *context, struct pp_txn *txn)
{
    return pp_lease_get(txn, context);
}

/* ---- the fence ---- */

/* JRN-082: it rises by one; JRN-084: the row says who. */
START_TEST(fence__each_opening__one_more_and_names_the_writer)
{
    struct world world;
    struct pp_lease_row row;
    world_open(&world);
    for (uint64_t i = 1; i <= 3; i++) {
        ck_assert_ok(pp_store_read(world.data.journal, lease_read, &row));
        ck_assert_uint_eq(row.fence, i);
        ck_assert_uint_eq(pp_lease_fence(world.data.lease), i);
        ck_assert_uint_eq(row.process, (uint32_t)getpid());
        ck_assert_uint_eq(row.since, 1);
        ck_assert_uint_gt(row.host_length, 0);
        ck_assert_ok(write_once(&world.data));
        ck_assert(!pp_lease_lost(world.data.lease, NULL));
        pp_data_close(&world.data);
        ck_assert_ok(pp_data_open(world.dir.path, 64 * MIB, false, &world.data, world.reason));
    }
    world_close(&world);
}
END_TEST

struct bytes {
    const uint8_t *at;
    size_t length;
};

static enum pp_error bytes_put(void *context, struct pp_txn *txn)
{
    const struct bytes *bytes = context;
    const struct pp_slice part = {bytes->at, bytes->length};
    return pp_txn_put(txn, PP_TABLE_META, pp_slice("lease", 5), &part, 1);
}

/* JRN-084: the bytes of the table, and no others. */
START_TEST(row__as_specified__read_and_otherwise_corrupt)
{
    struct world world;
    struct pp_lease_row row;
    static const uint8_t good[] = {0, 0, 0, 0, 0, 0, 0, 9, 0, 0,  0,  0,  0,  0,  1,  2,  0, 0,   3,   4,
                                   1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 2, 'h', 'o', 0};
    static const struct {
        size_t length;
        int host;
        enum pp_error error;
    } cases[] = {
        {39, 2, PP_OK}, {40, 2, PP_CORRUPT}, {38, 2, PP_CORRUPT}, {39, 65, PP_CORRUPT}, {0, 2, PP_CORRUPT}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[sizeof good];
        memcpy(bytes, good, sizeof good);
        bytes[36] = (uint8_t)cases[i].host;
        struct bytes put = {bytes, cases[i].length};
        world_open(&world);
        ck_assert_ok(pp_store_write(world.data.journal, PP_STORE_ORDINARY, bytes_put, &put));
        ck_assert_error(pp_store_read(world.data.journal, lease_read, &row), cases[i].error);
        if (cases[i].error == PP_OK) {
            ck_assert(row.fence == 9 && row.since == 0x102 && row.process == 0x304 && row.boot[15] == 16);
            ck_assert(row.host_length == 2 && memcmp(row.host, "ho", 2) == 0);
        }
        pp_data_close(&world.data);
        /* A row that cannot be read is no reason to write on. */
        ck_assert_error(pp_data_open(world.dir.path, 64 * MIB, false, &world.data, world.reason),
                        cases[i].error);
        world_close(&world);
    }
}
END_TEST

/* Past the locks, as on a disk where they do not hold: another writer's fence. */
static enum pp_error fence_steal_run(void *context, struct pp_txn *txn)
{
    struct pp_lease_row row;
    (void)context;
    PP_TRY(pp_lease_get(txn, &row));
    row.fence++;
    row.since = 77;
    row.process = 4711;
    row.host_length = 5;
    memcpy(row.host, "other", 5);
    return pp_lease_put(txn, &row);
}

static int fence_steal(void *context)
{
    static const char *const tables[] = {"meta"};
    const struct pp_store_config config = {
        .path = path_of(context, "journal.mdb"), .map_bytes = 64 * MIB, .tables = tables, .table_count = 1};
    struct pp_store *store;
    char reason[PP_STORE_REASON_BYTES];
    if (pp_store_open(&config, &store, reason) != PP_OK)
        return 1;
    enum pp_error error = pp_store_write(store, PP_STORE_ORDINARY, fence_steal_run, NULL);
    pp_store_close(store);
    return error == PP_OK ? 0 : 2;
}

/* JRN-082, JRN-085 */
START_TEST(fence__raised_by_another__nothing_is_written_any_more)
{
    struct world world;
    char reason[PP_STORE_REASON_BYTES] = "";
    static char bytes[] = "abc";
    world_open(&world);
    ck_assert_ok(pp_lease_check(world.data.lease));
    ck_assert_int_eq(in_child(fence_steal, world.dir.path), 0);
    ck_assert_error(write_once(&world.data), PP_FENCED);
    ck_assert_error(pp_store_read(world.data.journal, row_get, NULL), PP_NOT_FOUND);
    ck_assert_error(pp_store_write(world.data.derived, PP_STORE_ORDINARY, row_put, bytes), PP_FENCED);
    ck_assert_error(pp_lease_check(world.data.lease), PP_FENCED);
    ck_assert(pp_lease_lost(world.data.lease, reason));
    ck_assert_msg(strstr(reason, "process 4711 on other") && strstr(reason, "record 77") &&
                      strstr(reason, "fence 2"),
                  "%s", reason);
    world_close(&world);
}
END_TEST

/* JRN-082: what is derived is guarded by the journal's fence, though nothing was written to the journal since. */
START_TEST(fence__raised_by_another__nothing_derived_is_written)
{
    struct world world;
    static char bytes[] = "abc";
    world_open(&world);
    ck_assert_ok(pp_store_write(world.data.derived, PP_STORE_ORDINARY, row_put, bytes));
    ck_assert_int_eq(in_child(fence_steal, world.dir.path), 0);
    ck_assert_error(pp_store_write(world.data.derived, PP_STORE_ORDINARY, row_put, bytes), PP_FENCED);
    ck_assert_error(write_once(&world.data), PP_FENCED);
    world_close(&world);
}
END_TEST

/* ---- files that are not what they were ---- */

static int open_writer(void *context)
{
    struct pp_data data;
    char reason[PP_STORE_REASON_BYTES] = "";
    return (int)pp_data_open(context, 64 * MIB, false, &data, reason);
}

/* JRN-080: it says who. JRN-081: the lock file is deleted; two writers are impossible all the same. */
START_TEST(lock__deleted_under_a_writer__second_writer_refused)
{
    struct world world;
    struct pp_data other;
    char who[64];
    world_open(&world);
    snprintf(who, sizeof who, "process %d on ", (int)getpid());
    ck_assert_error(pp_data_open(world.dir.path, 64 * MIB, false, &other, world.reason), PP_LOCKED);
    ck_assert_msg(strstr(world.reason, who), "%s", world.reason);
    ck_assert_int_eq(in_child(open_writer, world.dir.path), PP_LOCKED);
    ck_assert_int_eq(unlink(path_of(world.dir.path, "lock")), 0);
    for (unsigned i = 0; i < 2; i++) { /* the first try made a lock file of its own */
        ck_assert_error(pp_data_open(world.dir.path, 64 * MIB, false, &other, world.reason), PP_LOCKED);
        ck_assert_msg(strstr(world.reason, "journal.mdb"), "%s", world.reason);
        ck_assert_int_eq(in_child(open_writer, world.dir.path), PP_LOCKED);
    }
    ck_assert_ok(write_once(&world.data)); /* and the first writes on */
    world_close(&world);
}
END_TEST

/* JRN-081, JRN-083: not even with LMDB's own lock files gone, by which it keeps writers apart. */
START_TEST(lock__all_deleted_under_a_writer__second_refused_and_first_stops)
{
    struct world world;
    struct pp_data other;
    char reason[PP_STORE_REASON_BYTES];
    world_open(&world);
    ck_assert_int_eq(unlink(path_of(world.dir.path, "lock")), 0);
    ck_assert_int_eq(unlink(path_of(world.dir.path, "journal.mdb-lock")), 0);
    ck_assert_int_eq(unlink(path_of(world.dir.path, "derived.mdb-lock")), 0);
    ck_assert_int_eq(in_child(open_writer, world.dir.path), PP_LOCKED);
    ck_assert_error(pp_data_open(world.dir.path, 64 * MIB, false, &other, world.reason), PP_LOCKED);
    ck_assert_error(write_once(&world.data), PP_FENCED);
    ck_assert(pp_lease_lost(world.data.lease, reason));
    ck_assert_msg(strstr(reason, "journal.mdb-lock"), "%s", reason);
    pp_data_close(&world.data);
    ck_assert_ok(pp_data_open(world.dir.path, 64 * MIB, false, &world.data, world.reason));
    ck_assert_ok(write_once(&world.data));
    world_close(&world);
}
END_TEST

static int file_replace(const char *path)
{
    char saved[420];
    snprintf(saved, sizeof saved, "%s.old", path);
    FILE *file = rename(path, saved) == 0 ? fopen(path, "wb") : NULL;
    return file ? fclose(file) : -1;
}

/* JRN-083: what is acknowledged must be in the file that the next start will find. */
START_TEST(files__each_replaced_or_moved__the_writer_stops_and_says_which)
{
    static const char *const names[] = {"journal.mdb", "journal.mdb-lock", "derived.mdb", "derived.mdb-lock"};
    for (size_t i = 0; i < 8; i++) {
        struct world world;
        char reason[PP_STORE_REASON_BYTES] = "", bytes[] = "abc";
        world_open(&world);
        ck_assert_ok(write_once(&world.data));
        const char *path = path_of(world.dir.path, names[i / 2]);
        ck_assert_int_eq(i % 2 == 0 ? file_replace(path) : unlink(path), 0);
        if (i / 2 < 2)
            ck_assert_error(write_once(&world.data), PP_FENCED);
        else
            ck_assert_error(pp_store_write(world.data.derived, PP_STORE_ORDINARY, row_put, bytes), PP_FENCED);
        ck_assert(pp_lease_lost(world.data.lease, reason));
        ck_assert_msg(strstr(reason, names[i / 2]), "%s", reason);
        ck_assert_error(pp_lease_check(world.data.lease), PP_FENCED);
        world_close(&world);
    }
}
END_TEST

static enum pp_error put_while_replaced(void *context, struct pp_txn *txn)
{
    static char bytes[] = "abc";
    PP_TRY(row_put(bytes, txn));
    return file_replace(context) == 0 ? PP_OK : PP_SYSTEM;
}

/* JRN-083: in the middle of a transaction, where a process that was stopped wakes up. */
START_TEST(files__replaced_within_a_transaction__it_does_not_commit)
{
    struct world world;
    char path[400];
    world_open(&world);
    snprintf(path, sizeof path, "%s", path_of(world.dir.path, "journal.mdb-lock"));
    ck_assert_error(pp_store_write(world.data.journal, PP_STORE_ORDINARY, put_while_replaced, path),
                    PP_FENCED);
    ck_assert_error(pp_store_read(world.data.journal, row_get, NULL), PP_NOT_FOUND);
    world_close(&world);
}
END_TEST

/* The folder may be renamed: its files are the same. */
START_TEST(files__folder_renamed__the_writer_goes_on)
{
    struct world world;
    char moved[300];
    world_open(&world);
    snprintf(moved, sizeof moved, "%s.moved", world.dir.path);
    ck_assert_int_eq(rename(world.dir.path, moved), 0);
    ck_assert_ok(write_once(&world.data));
    ck_assert_int_eq(in_child(open_writer, moved), PP_LOCKED);
    ck_assert_int_eq(rename(moved, world.dir.path), 0);
    world_close(&world);
}
END_TEST

/* ---- the node ---- */

/* The other process, made before the node has threads: what they hold while one forks, the child would hold for ever. */
struct thief {
    pid_t process;
    int go;
};

static struct thief thief_make(char *dir)
{
    int ends[2];
    char byte;
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        close(ends[1]);
        _exit(read(ends[0], &byte, 1) == 1 ? fence_steal(dir) : 3);
    }
    close(ends[0]);
    return (struct thief){child, ends[1]};
}

static void thief_go(struct thief thief)
{
    int status;
    ck_assert_int_eq(write(thief.go, "x", 1), 1);
    ck_assert_int_eq(waitpid(thief.process, &status, 0), thief.process);
    ck_assert_int_eq(status, 0);
    close(thief.go);
}

/* JRN-085, JRN-086: it takes nothing, answers nothing as admitted, says why, and leaves no checkpoint behind. */
START_TEST(node__fenced__takes_no_work_and_says_why)
{
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_sender sender;
    struct pp_made_request made[2];
    struct pp_answer answer;
    char reason[256] = "";
    pp_temp_dir_make(&dir);
    pp_fixture_init(&fixture, dir.path, true);
    struct thief thief = thief_make(fixture.dir);
    pp_fixture_open(&fixture);
    pp_fixture_head(&fixture, 0, NULL);
    pp_sender_init(&sender, &fixture, 1);
    pp_sender_fund(&sender, &fixture, 1000000, 0);
    for (unsigned i = 0; i < 2; i++)
        pp_request_make(&made[i], &fixture, &sender, 1, (struct pp_parcel_of){300, 3}, i);
    pp_submit_wait(fixture.node, &made[0].request, &answer);
    ck_assert_ok(answer.error);
    pp_answer_done(&answer);
    ck_assert(!pp_node_fenced(fixture.node, reason));
    thief_go(thief);
    pp_submit_wait(fixture.node, &made[1].request, &answer);
    /* It finds out by its own commit, unless the index thread found out before. */
    ck_assert_error(answer.submitted == PP_OK ? answer.error : answer.submitted, PP_FENCED);
    pp_answer_done(&answer);
    for (unsigned i = 0; i < 2; i++) { /* a known stamp neither: it is for the one who writes now to say */
        pp_submit_wait(fixture.node, &made[i].request, &answer);
        ck_assert_error(answer.submitted, PP_FENCED);
        pp_answer_done(&answer);
    }
    ck_assert_error(pp_node_tick(fixture.node), PP_FENCED);
    struct pp_chain_event event;
    pp_sender_event(&sender, PP_CHAIN_LANE_FINAL, 2000000, 1, &event);
    ck_assert_error(pp_node_chain_events(fixture.node, &event, 1), PP_FENCED);
    ck_assert(pp_node_fenced(fixture.node, reason));
    ck_assert_msg(strstr(reason, "process 4711 on other"), "%s", reason);
    struct pp_verify_summary *none = NULL;
    pp_fixture_verify(&fixture, none);
    for (unsigned i = 0; i < 2; i++)
        pp_request_done(&made[i]);
    pp_fixture_done(&fixture);
    pp_temp_dir_remove(&dir);
}
END_TEST

/* JRN-085: a node with nothing to do finds out by its tick. */
START_TEST(node__idle_and_fenced__the_tick_finds_out)
{
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    pp_temp_dir_make(&dir);
    pp_fixture_init(&fixture, dir.path, true);
    struct thief thief = thief_make(fixture.dir);
    pp_fixture_open(&fixture);
    pp_fixture_head(&fixture, 0, NULL);
    ck_assert_ok(pp_node_tick(fixture.node));
    thief_go(thief);
    ck_assert_error(pp_node_tick(fixture.node), PP_FENCED);
    pp_fixture_done(&fixture);
    pp_temp_dir_remove(&dir);
}
END_TEST

PP_TESTS("lease")
PP_TEST(fence__each_opening__one_more_and_names_the_writer)
PP_TEST(row__as_specified__read_and_otherwise_corrupt)
PP_TEST(fence__raised_by_another__nothing_is_written_any_more)
PP_TEST(fence__raised_by_another__nothing_derived_is_written)
PP_TEST(lock__deleted_under_a_writer__second_writer_refused)
PP_TEST(lock__all_deleted_under_a_writer__second_refused_and_first_stops)
PP_TEST(files__each_replaced_or_moved__the_writer_stops_and_says_which)
PP_TEST(files__replaced_within_a_transaction__it_does_not_commit)
PP_TEST(files__folder_renamed__the_writer_goes_on)
PP_TEST(node__fenced__takes_no_work_and_says_why)
PP_TEST(node__idle_and_fenced__the_tick_finds_out)
PP_TESTS_END
