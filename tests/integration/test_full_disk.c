/* Goal: a store without room refuses new stamps with STORE_FULL and charges nothing for them, keeps and serves all that it
 * acknowledged, and takes stamps again when there is room: after deletions, with a larger map, or when the disk has room,
 * without a restart.
 * Method: senders in threads fill a small map, a file of limited size, and a file system of limited size, all at once. What
 * was acknowledged is remembered here, and everything is compared with that: balances, envelopes, receipts of retries. */
#define _GNU_SOURCE /* unshare */
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/verify.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define SENDERS 8u
#define KEPT_MAX 2048u     /* acknowledged requests of one sender */
#define REFUSALS_WANTED 4u /* of one sender: it goes on after the first, in case room remains for others */
#define CAP_UNITS UINT64_C(1000000000)
#define MIB (UINT64_C(1) << 20)

struct kept {
    struct pp_made_request made;
    struct pp_result *results;
};

struct filler {
    struct world *world;
    pthread_t thread;
    struct pp_sender sender;
    unsigned number;
    struct kept *kept;
    unsigned kept_count;
    unsigned refused;
    uint64_t seed;
};

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct filler fillers[SENDERS];
};

static void world_open_at(struct world *world, const char *path, uint64_t map_bytes)
{
    pp_fixture_init(&world->fixture, path, true);
    world->fixture.config.map_bytes = map_bytes;
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
    for (unsigned i = 0; i < SENDERS; i++) {
        struct filler *filler = &world->fillers[i];
        *filler = (struct filler){.world = world, .number = i, .seed = i * 1000000};
        filler->kept = calloc(KEPT_MAX, sizeof *filler->kept);
        pp_sender_init(&filler->sender, &world->fixture, i);
        pp_sender_fund(&filler->sender, &world->fixture, CAP_UNITS, 0);
    }
}

static void world_open(struct world *world, uint64_t map_bytes)
{
    pp_temp_dir_make(&world->dir);
    world_open_at(world, world->dir.path, map_bytes);
}

static void world_close_fillers(struct world *world)
{
    for (unsigned i = 0; i < SENDERS; i++) {
        struct filler *filler = &world->fillers[i];
        for (unsigned k = 0; k < filler->kept_count; k++) {
            pp_request_done(&filler->kept[k].made);
            free(filler->kept[k].results);
        }
        free(filler->kept);
    }
    pp_fixture_done(&world->fixture);
}

static void world_close(struct world *world)
{
    world_close_fillers(world);
    pp_temp_dir_remove(&world->dir);
}

/* ---- filling ---- */

static void ck_assert_full(const struct pp_answer *answer)
{
    if (answer->submitted != PP_OK) {
        ck_assert_error(answer->submitted, PP_STORE_FULL);
        return;
    }
    ck_assert_error(answer->error, PP_STORE_FULL);
    ck_assert_error(answer->refusal.error, PP_STORE_FULL);
    ck_assert_uint_gt(answer->refusal.retry_after_ms, 0);
    ck_assert(!answer->has_receipt);
}

/* One request. Refused: the sender's line is where it was, for the interval of a refused stamp may be signed again. */
static bool send_one(struct filler *filler, size_t count, size_t bytes)
{
    struct pp_fixture *fixture = &filler->world->fixture;
    ck_assert_uint_lt(filler->kept_count, KEPT_MAX);
    struct kept *kept = &filler->kept[filler->kept_count]; /* made where it stays: it points into itself */
    struct pp_answer answer;
    struct pp_grains head = filler->sender.head;
    pp_request_make(&kept->made, fixture, &filler->sender, count, (struct pp_parcel_of){bytes, 3},
                    filler->seed++);
    pp_submit_wait(fixture->node, &kept->made.request, &answer);
    if (answer.submitted != PP_OK || answer.error != PP_OK) {
        ck_assert_full(&answer);
        filler->sender.head = head;
        pp_request_done(&kept->made);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        ck_assert_ok(answer.results[i].refusal.error);
    pp_answer_check(&answer, fixture, &kept->made.request);
    kept->results = answer.results; /* free() is ours */
    filler->kept_count++;
    return true;
}

static void clock_move(struct world *world, uint64_t by_ms)
{
    atomic_fetch_add(&world->fixture.now_ms, by_ms);
}

static void *fill_main(void *context)
{
    struct filler *filler = context;
    filler->refused = 0;
    while (filler->refused < REFUSALS_WANTED)
        if (!send_one(filler, 1 + filler->seed % 7, 500 + 900 * (filler->seed % 9))) {
            filler->refused++;
            clock_move(filler->world,
                       400); /* some tries while the node leaves its store alone, and some after */
        }
    return NULL;
}

static void fill(struct world *world)
{
    for (unsigned i = 0; i < SENDERS; i++)
        ck_assert_int_eq(pthread_create(&world->fillers[i].thread, NULL, fill_main, &world->fillers[i]), 0);
    for (unsigned i = 0; i < SENDERS; i++)
        pthread_join(world->fillers[i].thread, NULL);
    while (send_one(&world->fillers[0], 7, 8000)) /* what the last of them left */
        ;
}

/* ---- looking ---- */

struct compare {
    const struct pp_envelope_view *expected;
    bool seen;
};

static void on_envelope(void *context, const struct pp_leaf *leaf, const uint8_t *topic, size_t topic_length,
                        const uint8_t *payload, size_t payload_length)
{
    struct compare *compare = context;
    (void)leaf;
    ck_assert_uint_eq(topic_length, compare->expected->topic_length);
    ck_assert_mem_eq(topic, compare->expected->topic, topic_length);
    ck_assert_uint_eq(payload_length, compare->expected->payload_length);
    ck_assert_mem_eq(payload, compare->expected->payload, payload_length);
    compare->seen = true;
}

static void ck_assert_again(struct pp_fixture *fixture, const struct kept *kept)
{
    struct pp_answer answer;
    pp_submit_wait(fixture->node, &kept->made.request, &answer);
    ck_assert_ok(answer.submitted);
    ck_assert_ok(answer.error);
    for (size_t i = 0; i < kept->made.request.count; i++) {
        ck_assert_ok(answer.results[i].refusal.error);
        ck_assert(answer.results[i].known);
        ck_assert_uint_eq(answer.results[i].sequence, kept->results[i].sequence);
        ck_assert_uint_eq(answer.results[i].time_ms, kept->results[i].time_ms);
    }
    pp_answer_check(&answer, fixture, &kept->made.request);
    pp_answer_done(&answer);
}

/* Everything of a sender that was acknowledged is there, and paid for once. */
static void filler_audit(struct filler *filler)
{
    struct pp_fixture *fixture = &filler->world->fixture;
    struct pp_lane_status status;
    uint64_t stamps = 0;
    for (unsigned k = 0; k < filler->kept_count; k++) {
        const struct kept *kept = &filler->kept[k];
        for (size_t i = 0; i < kept->made.request.count; i++) {
            struct compare compare = {&kept->made.envelopes[i], false};
            ck_assert_ok(pp_node_envelope(fixture->node, kept->results[i].sequence, on_envelope, &compare));
            ck_assert(compare.seen);
        }
        stamps += kept->made.request.count;
        if (k % 5 == 0)
            ck_assert_again(fixture, kept);
    }
    ck_assert_ok(pp_node_lane_status(fixture->node, &filler->sender.channel_id, FIXTURE_LANE, &status));
    ck_assert_uint_eq(status.stamps, stamps);
    ck_assert(pp_grains_eq(status.spent, filler->sender.head));
    ck_assert(pp_grains_eq(status.consumed_head, filler->sender.head));
    ck_assert_uint_eq(status.holes_count, 0);
}

static uint64_t world_audit(struct world *world)
{
    uint64_t kept = 0;
    for (unsigned i = 0; i < SENDERS; i++) {
        filler_audit(&world->fillers[i]);
        kept += world->fillers[i].kept_count;
    }
    return kept;
}

static bool is_full(const struct world *world)
{
    struct pp_node_status status;
    pp_node_status(world->fixture.node, &status);
    return status.store_full;
}

static void ck_assert_takes(struct world *world)
{
    clock_move(world, 2000);
    for (unsigned i = 0; i < SENDERS; i++)
        ck_assert(send_one(&world->fillers[i], 3, 800));
    ck_assert(!is_full(world));
}

/* A new life, and the journal from its first record. */
static void world_restart(struct world *world, uint64_t map_bytes)
{
    struct pp_verify_summary summary;
    pp_fixture_verify(&world->fixture, &summary);
    world->fixture.config.map_bytes = map_bytes;
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
}

/* ---- tests ---- */

/* NODE-025, NODE-028. */
START_TEST(full_map__filled_by_many_at_once__refused_kept_and_served)
{
    static struct world world;
    world_open(&world, 6 * MIB);
    fill(&world);
    ck_assert(is_full(&world));
    ck_assert_uint_gt(world_audit(&world), 50);
    world_restart(&world, 6 * MIB);
    (void)world_audit(&world);
    world_close(&world);
}
END_TEST

START_TEST(full_map__larger_at_the_next_start__goes_on)
{
    static struct world world;
    world_open(&world, 4 * MIB);
    fill(&world);
    world_restart(&world, 12 * MIB);
    ck_assert_takes(&world);
    (void)world_audit(&world);
    fill(&world);
    (void)world_audit(&world);
    world_close(&world);
}
END_TEST

/* Deletes every second request of a sender, while the store is full. Those leave its list. */
static void filler_delete_half(struct filler *filler)
{
    struct pp_fixture *fixture = &filler->world->fixture;
    unsigned left = 0;
    for (unsigned k = 0; k < filler->kept_count; k++) {
        struct kept *kept = &filler->kept[k];
        if (k % 2 == 0) {
            left++;
            continue;
        }
        struct pp_delete deletes[8];
        struct pp_delete_result results[8];
        struct pp_signed_refund refund;
        size_t count = kept->made.request.count;
        for (size_t i = 0; i < count; i++)
            pp_delete_make(fixture, &filler->sender, &kept->made.envelopes[i].leaf, &kept->made.ids[i],
                           &deletes[i]);
        ck_assert_ok(pp_node_delete(fixture->node, deletes, count, results, &refund));
        for (size_t i = 0; i < count; i++) {
            ck_assert_ok(results[i].refusal.error);
            ck_assert_error(pp_node_envelope(fixture->node, kept->results[i].sequence, on_envelope, NULL),
                            PP_NOT_FOUND);
        }
    }
    ck_assert_uint_lt(left, filler->kept_count);
}

/* JRN-005. */
START_TEST(full_map__envelopes_deleted__goes_on_without_a_restart)
{
    static struct world world;
    world_open(&world, 6 * MIB);
    fill(&world);
    ck_assert(is_full(&world));
    for (unsigned i = 0; i < SENDERS; i++)
        filler_delete_half(&world.fillers[i]);
    ck_assert_takes(&world);
    world_restart(&world, 6 * MIB);
    ck_assert_takes(&world);
    pp_fixture_verify(&world.fixture, NULL);
    world_close(&world);
}
END_TEST

/* NODE-061. The days that were paid for are over, and the store has room again. */
START_TEST(full_map__envelopes_expired__goes_on_without_a_restart)
{
    static struct world world;
    world_open(&world, 6 * MIB);
    fill(&world);
    ck_assert(is_full(&world));
    for (unsigned day = 0; day < 4; day++) {
        clock_move(&world, FIXTURE_DAY_MS);
        pp_fixture_head(&world.fixture, 0, NULL);
        ck_assert_ok(pp_node_tick(world.fixture.node));
    }
    for (unsigned i = 0; i < SENDERS; i++) {
        const struct kept *kept = &world.fillers[i].kept[0];
        ck_assert_error(pp_node_envelope(world.fixture.node, kept->results[0].sequence, on_envelope, NULL),
                        PP_NOT_FOUND);
        ck_assert_again(&world.fixture, kept); /* gone, but paid: the old receipt */
    }
    ck_assert_takes(&world);
    pp_fixture_verify(&world.fixture, NULL);
    world_close(&world);
}
END_TEST

static void file_size_limit(rlim_t bytes)
{
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* JRN-006. The limit of a file's size: the kernel refuses what is above it, in the middle of a page or between two. */
START_TEST(full_disk__files_of_limited_size__goes_on_when_the_limit_is_lifted)
{
    static struct world world;
    ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    world_open(&world, 1024 * MIB);
    for (unsigned round = 0; round < 3; round++) {
        file_size_limit((4 + 2 * round) * MIB + 1234 * round);
        fill(&world);
        ck_assert(is_full(&world));
        (void)world_audit(&world);
        file_size_limit(RLIM_INFINITY);
        ck_assert_takes(&world);
    }
    ck_assert_uint_gt(world_audit(&world), 100);
    file_size_limit(8 * MIB + 99); /* and full again, at the end and at the start */
    fill(&world);
    world_restart(&world, 1024 * MIB);
    (void)world_audit(&world);
    file_size_limit(RLIM_INFINITY);
    ck_assert_takes(&world);
    pp_fixture_verify(&world.fixture, NULL);
    world_close(&world);
}
END_TEST

static void line_write(const char *path, const char *line)
{
    FILE *file = fopen(path, "w");
    if (file) {
        fputs(line, file);
        fclose(file);
    }
}

/* As whoever we are, but with the right to mount. */
static bool user_namespace_enter(void)
{
    char uid[64], gid[64];
    snprintf(uid, sizeof uid, "0 %u 1", getuid());
    snprintf(gid, sizeof gid, "0 %u 1", getgid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return false;
    line_write("/proc/self/setgroups", "deny");
    line_write("/proc/self/uid_map", uid);
    line_write("/proc/self/gid_map", gid);
    return true;
}

/* A small file system of our own, where we may have one: as root, or in a user namespace. */
static bool small_disk_mount(const char *path, unsigned mib)
{
    char size[32];
    snprintf(size, sizeof size, "size=%um", mib);
    if (unshare(CLONE_NEWNS) != 0 && !user_namespace_enter())
        return false;
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", path, "tmpfs", 0, size) == 0;
}

/* Takes what is left of the disk, but for a little. */
static void ballast_make(const char *path)
{
    static uint8_t bytes[4096];
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    setbuf(file, NULL);
    while (fwrite(bytes, 1, sizeof bytes, file) == sizeof bytes)
        ;
    fclose(file);
}

/* JRN-008. As many readers at once as do not fit into one page of the store's table of readers. */
#define READERS 100u
struct reader {
    pthread_t thread;
    struct pp_fixture *fixture;
    uint64_t sequence;
    pthread_barrier_t *all_read;
};

static void on_read(void *context, const struct pp_leaf *leaf, const uint8_t *topic, size_t topic_length,
                    const uint8_t *payload, size_t payload_length)
{
    const struct reader *reader = context;
    (void)leaf, (void)topic, (void)topic_length, (void)payload, (void)payload_length;
    pthread_barrier_wait(reader->all_read);
}

static void *read_main(void *context)
{
    struct reader *reader = context;
    ck_assert_ok(pp_node_envelope(reader->fixture->node, reader->sequence, on_read, reader));
    return NULL;
}

static void read_at_once(struct pp_fixture *fixture, uint64_t sequence)
{
    struct reader readers[READERS];
    pthread_barrier_t all_read;
    ck_assert_int_eq(pthread_barrier_init(&all_read, NULL, READERS), 0);
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.fixture = fixture, .sequence = sequence, .all_read = &all_read};
        ck_assert_int_eq(pthread_create(&readers[i].thread, NULL, read_main, &readers[i]), 0);
    }
    for (unsigned i = 0; i < READERS; i++)
        pthread_join(readers[i].thread, NULL);
    pthread_barrier_destroy(&all_read);
}

START_TEST(full_disk__a_small_file_system__goes_on_when_there_is_room)
{
    static struct world world;
    char disk[512], ballast[600];
    struct pp_temp_dir dir;
    pp_temp_dir_make(&dir);
    snprintf(disk, sizeof disk, "%s/disk", dir.path);
    snprintf(ballast, sizeof ballast, "%s/ballast", disk);
    ck_assert_int_eq(mkdir(disk, 0700), 0);
    bool small = small_disk_mount(disk, 12);
    if (!small) { /* no right to mount anywhere here: the limit of a file's size stands for it */
        ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
        file_size_limit(5 * MIB);
    }
    world_open_at(&world, disk, 1024 * MIB);
    ck_assert(send_one(&world.fillers[0], 2, 5000));
    if (small)
        ballast_make(ballast);
    fill(&world);
    read_at_once(&world.fixture, world.fillers[0].kept[0].results[0].sequence);
    (void)world_audit(&world);
    world_restart(&world, 1024 * MIB);
    fill(&world);
    (void)world_audit(&world);
    if (small)
        ck_assert_int_eq(unlink(ballast), 0);
    else
        file_size_limit(RLIM_INFINITY);
    ck_assert_takes(&world);
    (void)world_audit(&world);
    pp_fixture_verify(&world.fixture, NULL);
    world_close_fillers(&world);
    if (small)
        ck_assert_int_eq(umount(disk), 0);
    pp_temp_dir_remove(&dir);
}
END_TEST

PP_TESTS("full_disk")
PP_TEST(full_map__filled_by_many_at_once__refused_kept_and_served)
PP_TEST(full_map__larger_at_the_next_start__goes_on)
PP_TEST(full_map__envelopes_deleted__goes_on_without_a_restart)
PP_TEST(full_map__envelopes_expired__goes_on_without_a_restart)
PP_TEST(full_disk__files_of_limited_size__goes_on_when_the_limit_is_lifted)
PP_TEST(full_disk__a_small_file_system__goes_on_when_there_is_room)
PP_TESTS_END
