/* Goal: the host that a user would start from keeps its promises: what it committed is stored and charged, what it lost is
 * given back, also after SIGKILL between admit and commit.
 * Method: the real program on frames in files, over a data folder that knows one funded lane. It is stopped
 * in the middle of its store by a named pipe that stands where it wants to write, and killed there. What it did is then
 * read by opening the same folder here. */
#define _GNU_SOURCE /* pipe2 */
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/frame.h>

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STAMPS 3u
#define CAP_UNITS 1000000u

struct world {
    struct pp_temp_dir dir;
    char store[512];
    struct pp_fixture fixture;
    struct pp_sender sender;
    struct pp_made_request made; /* STAMPS in a row */
    char frame[512];             /* the same, as a file */
    uint64_t first;              /* the ticket that its first stamp will have */
};

static void frame_write(const struct world *world)
{
    size_t length = pp_frame_length(&world->made.request);
    uint8_t *bytes = malloc(length);
    FILE *file = fopen(world->frame, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_ok(pp_frame_encode(&world->made.request, bytes, length, &length));
    ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
    ck_assert_int_eq(fclose(file), 0);
    free(bytes);
}

static void fixture_open_now(struct world *world)
{
    atomic_store(&world->fixture.now_ms, (uint64_t)time(NULL) * 1000);
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
}

/* A data folder with the identity of examples/host.c, a lane, and a request that is signed and quoted but not sent. */
static void world_make(struct world *world)
{
    *world = (struct world){0};
    pp_temp_dir_make(&world->dir);
    snprintf(world->store, sizeof world->store, "%s/store", world->dir.path);
    snprintf(world->frame, sizeof world->frame, "%s/frame", world->dir.path);
    ck_assert_int_eq(mkdir(world->store, 0700), 0);
    pp_fixture_init(&world->fixture, world->dir.path, false);
    world->fixture.config.operator_key = (struct pp_secret_key){{1}};
    memset(world->fixture.config.receipt_seed, 0, sizeof world->fixture.config.receipt_seed);
    world->fixture.config.receipt_seed[0] = 2;
    fixture_open_now(world);
    pp_sender_init(&world->sender, &world->fixture, 1);
    pp_sender_fund(&world->sender, &world->fixture, CAP_UNITS, 0);
    pp_request_make(&world->made, &world->fixture, &world->sender, STAMPS, (struct pp_parcel_of){700, 2}, 5);
    frame_write(world);
    struct pp_node_status status;
    pp_node_status(world->fixture.node, &status);
    world->first = status.journal_sequence + 1;
    pp_fixture_close(&world->fixture);
}

static void world_done(struct world *world)
{
    pp_request_done(&world->made);
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

/* ---- the program ---- */

struct host {
    pid_t pid;
    int out;
};

/* frame: NULL or a file. */
static void host_start(const struct world *world, const char *frame, struct host *host)
{
    int out[2];
    ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
    host->pid = fork();
    ck_assert_int_ge(host->pid, 0);
    if (host->pid == 0) {
        dup2(out[1], 1);
        execl(PP_BINARY_DIR "/example_host", "example_host", world->fixture.dir, world->store, frame, NULL);
        _exit(127);
    }
    close(out[1]);
    host->out = out[0];
}

/* Waits for its end, and returns what it said. */
static char *host_end(struct host *host, int expected_status)
{
    char *text = NULL;
    size_t length = 0;
    int status;
    FILE *out = fdopen(host->out, "r");
    ck_assert_ptr_nonnull(out);
    ssize_t got = getdelim(&text, &length, 0, out);
    fclose(out);
    ck_assert_int_eq(waitpid(host->pid, &status, 0), host->pid);
    ck_assert_int_eq(status, expected_status);
    if (got < 0) {
        free(text);
        return strdup("");
    }
    return text;
}

static char *host_run(const struct world *world, const char *frame)
{
    struct host host;
    host_start(world, frame, &host);
    return host_end(&host, 0);
}

static char *stored_path(const struct world *world, uint64_t ticket, const char *suffix, char out[600])
{
    snprintf(out, 600, "%s/%llu%s", world->store, (unsigned long long)ticket, suffix);
    return out;
}

static void ck_assert_stored(const struct world *world, size_t i, bool expected)
{
    char path[600];
    size_t length;
    stored_path(world, world->first + i, "", path);
    ck_assert_int_eq(access(path, F_OK) == 0, expected);
    if (!expected)
        return;
    char *bytes = pp_file_load(path, &length);
    ck_assert_uint_eq(length, world->made.envelopes[i].payload_length);
    ck_assert_mem_eq(bytes, world->made.envelopes[i].payload, length);
    free(bytes);
}

static bool refuse_any(void *context, const struct pp_open_ticket *ticket)
{
    (void)context;
    ck_abort_msg("ticket %llu is still open", (unsigned long long)ticket->ticket);
    return false;
}

/* Spent is all that was signed; refunded is what `cancelled` stamps cost. */
static void ck_assert_books(struct world *world, unsigned cancelled)
{
    struct pp_lane_status status;
    struct pp_grains cost;
    fixture_open_now(world);
    ck_assert_ok(pp_node_open_tickets(world->fixture.node, refuse_any, NULL));
    ck_assert_ok(pp_node_lane_status(world->fixture.node, &world->sender.channel_id, FIXTURE_LANE, &status));
    ck_assert_ok(pp_postage_total(&world->made.envelopes[0].leaf.postage, &cost));
    ck_assert_uint_eq(status.stamps, STAMPS);
    ck_assert(pp_grains_eq(status.spent, world->sender.head));
    ck_assert(status.refunded.raw == cost.raw * cancelled);
    pp_fixture_close(&world->fixture);
}

/* ---- tests ---- */

START_TEST(host__a_frame__stored_committed_and_again_the_same)
{
    struct world world;
    world_make(&world);
    for (unsigned round = 0; round < 2; round++) {
        char *said = host_run(&world, world.frame);
        ck_assert_ptr_nonnull(strstr(said, "frame OK"));
        ck_assert_ptr_null(strstr(said, "cancel"));
        free(said);
        for (size_t i = 0; i < STAMPS; i++)
            ck_assert_stored(&world, i, true);
    }
    ck_assert_books(&world, 0);
    world_done(&world);
}
END_TEST

START_TEST(host__what_it_cannot_store__is_given_back)
{
    struct world world;
    char path[600];
    world_make(&world);
    ck_assert_int_eq(mkdir(stored_path(&world, world.first + 1, ".part", path), 0700), 0);
    char *said = host_run(&world, world.frame);
    ck_assert_ptr_nonnull(strstr(said, "cancel"));
    free(said);
    ck_assert_stored(&world, 0, true);
    ck_assert_stored(&world, 1, false);
    ck_assert_stored(&world, 2, true);
    ck_assert_books(&world, 1);
    world_done(&world);
}
END_TEST

/* A pipe that is full: who writes to it waits. Returns what must stay open for that. */
static int full_pipe_make(const char *path)
{
    static const uint8_t zeros[4096];
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    int pipe_end = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    ck_assert_int_ge(pipe_end, 0);
    while (write(pipe_end, zeros, sizeof zeros) > 0)
        ;
    return pipe_end;
}

/* Runs the host until it opens that path. */
static void host_run_to(const struct world *world, const char *path, struct host *host)
{
    struct inotify_event opened;
    int watch = inotify_init1(IN_CLOEXEC);
    ck_assert_int_ge(inotify_add_watch(watch, path, IN_OPEN), 0);
    host_start(world, world->frame, host);
    ck_assert_int_eq(read(watch, &opened, sizeof opened), sizeof opened);
    close(watch);
}

static void ck_assert_decided(const struct world *world, const char *said, size_t stored)
{
    for (size_t i = 0; i < STAMPS; i++) {
        char line[64];
        snprintf(line, sizeof line, "%s %llu\n", i < stored ? "commit" : "cancel",
                 (unsigned long long)(world->first + i));
        ck_assert_msg(strstr(said, line) != NULL, "no '%s' in: %s", line, said);
        ck_assert_stored(world, i, i < stored);
    }
}

/* Killed while it writes envelope `at`: those before are in the store, and no ticket is decided. */
static void kill_at(size_t at)
{
    struct world world;
    struct host host;
    char path[600];
    world_make(&world);
    int pipe_end = full_pipe_make(stored_path(&world, world.first + at, ".part", path));
    host_run_to(&world, path, &host);
    ck_assert_int_eq(kill(host.pid, SIGKILL), 0);
    free(host_end(&host, SIGKILL));
    close(pipe_end);
    ck_assert_int_eq(unlink(path), 0);

    char *said = host_run(&world, NULL);
    ck_assert_decided(&world, said, at);
    free(said);
    ck_assert_books(&world, STAMPS - (unsigned)at);

    said = host_run(&world, world.frame); /* again: nothing is charged, and what was cancelled is said */
    ck_assert_ptr_nonnull(strstr(said, "refuse 2 TICKET_CLOSED"));
    ck_assert_ptr_nonnull(strstr(said, "frame OK"));
    free(said);
    ck_assert_books(&world, STAMPS - (unsigned)at);
    world_done(&world);
}

START_TEST(host__killed_between_admit_and_commit__the_next_start_decides)
{
    for (size_t at = 0; at < STAMPS; at++)
        kill_at(at);
}
END_TEST

PP_TESTS("example_host")
PP_TEST(host__a_frame__stored_committed_and_again_the_same)
PP_TEST(host__what_it_cannot_store__is_given_back)
PP_TEST(host__killed_between_admit_and_commit__the_next_start_decides)
PP_TESTS_END
