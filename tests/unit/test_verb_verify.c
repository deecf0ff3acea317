/* Goal: `pennypost verify` says what it found, in both forms, beside a running node, and of any bytes whatever.
 * Method: a small node's folder in this process; the verb in this process too (it reads in a child of its own). */
#include "cli_run.h"
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include "store/tables.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <verbs.h>

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_sender sender;
};

static void world_open(struct world *world)
{
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, true);
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
    pp_sender_init(&world->sender, &world->fixture, 1);
    pp_sender_fund(&world->sender, &world->fixture, 25000000, 0);
    for (unsigned i = 0; i < 20; i++) {
        struct pp_made_request made;
        struct pp_answer answer;
        pp_request_make(&made, &world->fixture, &world->sender, 1 + i, (struct pp_parcel_of){3000, 9}, i);
        pp_submit_wait(world->fixture.node, &made.request, &answer);
        ck_assert_ok(answer.error);
        pp_answer_done(&answer);
        pp_request_done(&made);
    }
}

static void world_close(struct world *world)
{
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

static json_t *verify(const struct world *world, int expected)
{
    struct cli_run run;
    CLI_RUN(&run, "verify", "--data", world->fixture.dir, "--json");
    ck_assert_msg(run.status == expected, "%d, expected %d\n%s\n%s", run.status, expected, run.out, run.err);
    json_t *object = cli_run_json(&run);
    ck_assert(json_is_true(json_object_get(object, "ok")) == (expected == CLI_OK));
    if (expected != CLI_OK)
        (void)cli_run_error(object);
    cli_run_done(&run);
    return object;
}

START_TEST(verify__a_sound_folder_with_and_without_its_node__nothing_disagrees)
{
    struct world world;
    struct cli_run run;
    world_open(&world);
    for (unsigned round = 0; round < 2; round++) {
        json_t *object = verify(&world, CLI_OK);
        ck_assert_uint_eq(pp_json_u64(object, "stamps"), 210);
        ck_assert_uint_eq(pp_json_u64(object, "envelopes"), 210);
        ck_assert_uint_eq(pp_json_u64(object, "lanes"), 1);
        ck_assert_uint_eq(pp_json_u64(object, "findings_count"), 0);
        ck_assert(pp_grains_eq(pp_json_grains(object, "spent_grains"), world.sender.head));
        json_decref(object);
        CLI_RUN(&run, "verify", "--data", world.fixture.dir);
        ck_assert_int_eq(run.status, CLI_OK);
        ck_assert_ptr_nonnull(strstr(run.out, "nothing disagrees"));
        ck_assert_str_eq(run.err, "");
        cli_run_done(&run);
        pp_fixture_close(&world.fixture);
    }
    world_close(&world);
}
END_TEST

struct traffic {
    struct world *world;
    _Atomic bool stop;
    uint64_t stamps;
};

static void *traffic_main(void *context)
{
    struct traffic *traffic = context;
    for (unsigned i = 0; !atomic_load(&traffic->stop); i++) {
        struct pp_made_request made;
        struct pp_answer answer;
        struct pp_delete delete;
        struct pp_delete_result result;
        struct pp_signed_refund refund;
        pp_request_make(&made, &traffic->world->fixture, &traffic->world->sender, 1 + i % 7,
                        (struct pp_parcel_of){500, 4}, i);
        pp_submit_wait(traffic->world->fixture.node, &made.request, &answer);
        ck_assert_ok(answer.error);
        traffic->stamps += made.request.count;
        if (i % 3 == 0) {
            pp_delete_make(&traffic->world->fixture, &traffic->world->sender, &made.envelopes[0].leaf,
                           &made.ids[0], &delete);
            ck_assert_ok(pp_node_delete(traffic->world->fixture.node, &delete, 1, &result, &refund));
            ck_assert_ok(result.refusal.error);
        }
        pp_answer_done(&answer);
        pp_request_done(&made);
    }
    return NULL;
}

/* JRN-063: stamps, deletions, indexes and a checkpoint are written while it reads. */
START_TEST(verify__while_the_node_writes_on__nothing_disagrees)
{
    struct world world;
    world_open(&world);
    struct traffic traffic = {.world = &world};
    pthread_t thread;
    uint64_t seen = 0;
    ck_assert_int_eq(pthread_create(&thread, NULL, traffic_main, &traffic), 0);
    for (unsigned round = 0; round < 8; round++) {
        json_t *object = verify(&world, CLI_OK);
        ck_assert_uint_ge(pp_json_u64(object, "stamps"), seen);
        seen = pp_json_u64(object, "stamps");
        json_decref(object);
    }
    atomic_store(&traffic.stop, true);
    pthread_join(thread, NULL);
    pp_fixture_close(&world.fixture);
    json_t *object = verify(&world, CLI_OK);
    ck_assert_uint_eq(pp_json_u64(object, "stamps"), 210 + traffic.stamps);
    json_decref(object);
    world_close(&world);
}
END_TEST

static enum pp_error record_flip(void *context, struct pp_txn *txn)
{
    uint8_t value[8192];
    struct pp_key8 key = pp_key8_of(3);
    struct pp_slice stored;
    (void)context;
    PP_TRY(pp_txn_get(txn, PP_TABLE_RECORDS, pp_slice(key.bytes, 8), &stored));
    ck_assert_uint_le(stored.length, sizeof value);
    memcpy(value, stored.bytes, stored.length);
    value[40] ^= 1;
    const struct pp_slice part = pp_slice(value, stored.length);
    return pp_txn_put(txn, PP_TABLE_RECORDS, pp_slice(key.bytes, 8), &part, 1);
}

START_TEST(verify__a_record_was_altered__told_with_its_number)
{
    struct world world;
    struct cli_run run;
    struct pp_data data;
    world_open(&world);
    pp_fixture_close(&world.fixture);
    ck_assert_ok(pp_data_open(world.fixture.dir, UINT64_C(1) << 30, false, &data, NULL));
    ck_assert_ok(pp_store_write(data.journal, PP_STORE_ORDINARY, record_flip, NULL));
    pp_data_close(&data);
    json_t *object = verify(&world, CLI_FAILED);
    ck_assert_str_eq(cli_run_error(object), "CORRUPT");
    const json_t *finding = json_array_get(pp_json_member(object, "findings"), 0);
    ck_assert_uint_eq(pp_json_u64(finding, "sequence"), 3);
    ck_assert_str_eq(pp_json_text(finding, "error"), "CORRUPT");
    json_decref(object);
    CLI_RUN(&run, "verify", "--data", world.fixture.dir);
    ck_assert_int_eq(run.status, CLI_FAILED);
    ck_assert_ptr_nonnull(strstr(run.out, "record 3"));
    cli_run_done(&run);
    world_close(&world);
}
END_TEST

/* Writes random bytes over a part of a file. */
static void smash(const char *path, struct pp_rng *rng, off_t from, size_t length)
{
    uint8_t *bytes = malloc(length);
    int file = open(path, O_WRONLY);
    ck_assert_int_ge(file, 0);
    pp_rng_bytes(rng, bytes, length);
    ck_assert_int_eq(pwrite(file, bytes, length, from), (ssize_t)length);
    close(file);
    free(bytes);
}

/* JRN-071: pages that lead nowhere end the child, not the command; and it is said. */
START_TEST(verify__smashed_pages__found_and_the_command_lives)
{
    static const char *const names[] = {"journal.mdb", "derived.mdb"};
    struct pp_rng rng;
    pp_rng_init(&rng, 77);
    for (unsigned round = 0; round < 6; round++) {
        struct world world;
        struct stat status;
        char path[400];
        world_open(&world);
        pp_fixture_close(&world.fixture);
        snprintf(path, sizeof path, "%s/%s", world.fixture.dir, names[round % 2]);
        ck_assert_int_eq(stat(path, &status), 0);
        /* everything behind the two meta pages; or these, too; or the file is cut */
        if (round < 2)
            smash(path, &rng, 8192, (size_t)status.st_size - 8192);
        else if (round < 4)
            smash(path, &rng, 0, (size_t)status.st_size);
        else
            ck_assert_int_eq(truncate(path, 8192), 0);
        json_t *object = verify(&world, CLI_FAILED);
        ck_assert_str_ne(cli_run_error(object), "OK");
        json_decref(object);
        world_close(&world);
    }
}
END_TEST

START_TEST(verify__no_folder__told)
{
    struct cli_run run;
    CLI_RUN(&run, "verify", "--data", "/nowhere/at/all", "--json");
    ck_assert_int_eq(run.status, CLI_FAILED);
    json_t *object = cli_run_json(&run);
    ck_assert_str_eq(cli_run_error(object), "NOT_FOUND");
    json_decref(object);
    cli_run_done(&run);
    CLI_RUN(&run, "verify");
    ck_assert_int_eq(run.status, CLI_USAGE);
    cli_run_done(&run);
}
END_TEST

PP_TESTS("verb_verify")
PP_TEST(verify__a_sound_folder_with_and_without_its_node__nothing_disagrees)
PP_TEST(verify__while_the_node_writes_on__nothing_disagrees)
PP_TEST(verify__a_record_was_altered__told_with_its_number)
PP_TEST(verify__smashed_pages__found_and_the_command_lives)
PP_TEST(verify__no_folder__told)
PP_TESTS_END
