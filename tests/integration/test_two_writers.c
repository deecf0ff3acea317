/* Two writers of one lane are impossible, though each tries at full rate: one that hangs, one that was killed, and, with locks
 * that a file system only pretends to keep, two that both opened the folder.
 * Method: writers are processes with a thread a sender; both sign their own envelopes on the same intervals of the same lanes,
 * and tell each acknowledgement into a pipe. The parent stops, continues and kills them at random moments. An interval that
 * both acknowledged would be a lane with two writers; an acknowledgement that the journal does not have, a lost one. */
#define _GNU_SOURCE
#include "engine/node.h"
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/verify.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SENDERS 3u
#define MESSAGES 4000u /* of each sender: more than it gets to */
#define ROUNDS 12u
#define READY UINT32_MAX

/* ---- locks that say yes to everyone ---- */

static bool locks_lie;

int flock(int file, int operation)
{
    return locks_lie ? 0 : (int)syscall(SYS_flock, file, operation);
}

int fcntl(int file, int command, ...)
{
    va_list more;
    va_start(more, command);
    void *argument = va_arg(more, void *);
    va_end(more);
    return locks_lie && command == F_OFD_SETLK ? 0 : (int)syscall(SYS_fcntl, file, command, argument);
}

/* ---- a writer ---- */

struct told {
    uint32_t sender; /* READY: it opened, sequence is the first that it may write */
    uint32_t message;
    uint32_t error;
    uint64_t sequence, fence;
};

struct writer {
    struct pp_fixture *fixture;
    unsigned sender;
    uint64_t seed; /* makes its envelopes others than those of another writer */
    int pipe;
};

static void message_make(struct pp_made_request *made, struct pp_fixture *fixture, unsigned sender,
                         unsigned message, uint64_t seed)
{
    struct pp_sender from;
    pp_sender_init(&from, fixture, sender);
    /* Each costs the same: 1000 and 3 a byte and day. */
    ck_assert_ok(pp_grains_mul(pp_grains(1000 + 3 * 300 * 2), message, &from.head));
    pp_request_make(made, fixture, &from, 1, (struct pp_parcel_of){300, 2}, seed + message);
}

/* Every third one pauses between messages, so that whoever stops it nearly always finds it outside of a transaction. */
static bool is_slow(uint64_t seed)
{
    return seed / 1000000 % 3 == 0;
}

static void *writer_thread(void *context)
{
    const struct writer *writer = context;
    for (unsigned i = 0; i < MESSAGES; i++) {
        struct pp_made_request made;
        struct pp_answer answer;
        message_make(&made, writer->fixture, writer->sender, i, writer->seed);
        pp_submit_wait(writer->fixture->node, &made.request, &answer);
        struct told told = {writer->sender, i, (uint32_t)answer.submitted, 0, 0};
        if (answer.submitted == PP_OK)
            told.error = (uint32_t)(answer.error != PP_OK ? answer.error : answer.results[0].refusal.error);
        if (told.error == PP_OK)
            told.sequence = answer.results[0].sequence;
        pp_answer_done(&answer);
        pp_request_done(&made);
        if (write(writer->pipe, &told, sizeof told) != sizeof told)
            _exit(3);
        if (told.error == PP_FENCED)
            break;
        if (is_slow(writer->seed))
            nanosleep(&(struct timespec){.tv_nsec = 30 * 1000 * 1000}, NULL);
    }
    return NULL;
}

static enum pp_error lease_read(void *context, struct pp_txn *txn)
{
    return pp_lease_get(txn, context);
}

/* Opens, tells that it did, sends until it has sent all or is fenced. Never closes the node. */
static void writer_main(struct pp_fixture *fixture, uint64_t seed, int pipe_end)
{
    pthread_t threads[SENDERS];
    struct writer writers[SENDERS];
    struct pp_lease_row row;
    pp_fixture_open(fixture);
    ck_assert_ok(pp_store_read(fixture->node->data.journal, lease_read, &row));
    struct told ready = {READY, 0, PP_OK, row.since, pp_lease_fence(fixture->node->data.lease)};
    if (write(pipe_end, &ready, sizeof ready) != sizeof ready)
        _exit(3);
    pp_fixture_head(fixture, 0, NULL);
    for (unsigned i = 0; i < SENDERS; i++) {
        struct pp_sender sender;
        struct pp_chain_event event;
        pp_sender_init(&sender, fixture, i);
        pp_sender_event(&sender, PP_CHAIN_LANE_FINAL, 1000000, 0, &event);
        if (pp_node_chain_events(fixture->node, &event, 1) == PP_FENCED)
            _exit(0);
        writers[i] = (struct writer){fixture, i, seed, pipe_end};
    }
    for (unsigned i = 0; i < SENDERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, writer_thread, &writers[i]), 0);
    for (unsigned i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    char reason[256];
    _exit(pp_node_fenced(fixture->node, reason) ? 0 : 4);
}

/* ---- the parent ---- */

struct process {
    pid_t pid;
    int pipe;
    uint64_t since, fence;
    unsigned acknowledged, fenced;
};

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_rng rng;
    /* who acknowledged what: the seed of the writer and the sequence; 0: nobody */
    uint64_t seeds[SENDERS][MESSAGES], sequences[SENDERS][MESSAGES];
    unsigned acknowledged;
};

static void process_start(struct world *world, struct process *process, uint64_t seed)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        close(ends[0]);
        writer_main(&world->fixture, seed, ends[1]);
    }
    close(ends[1]);
    *process = (struct process){.pid = child, .pipe = ends[0]};
}

/* The next that it says within the time; false: nothing, or it is gone. */
static bool process_hear(const struct process *process, struct told *out, int wait_ms)
{
    struct pollfd end = {.fd = process->pipe, .events = POLLIN};
    int ready = poll(&end, 1, wait_ms);
    return ready == 1 && read(process->pipe, out, sizeof *out) == sizeof *out;
}

static bool process_ready(struct process *process, int wait_ms)
{
    struct told told;
    if (!process_hear(process, &told, wait_ms))
        return false;
    ck_assert_uint_eq(told.sender, READY);
    process->since = told.sequence;
    process->fence = told.fence;
    return true;
}

/* What it said. An acknowledgement is of an interval that nobody else had, and stands before `end`. */
static void take(struct world *world, struct process *process, const struct told *told, uint64_t seed,
                 uint64_t end)
{
    ck_assert_uint_lt(told->sender, SENDERS);
    if (told->error == PP_FENCED)
        process->fenced++;
    if (told->error != PP_OK) {
        ck_assert_msg(told->error == PP_FENCED || told->error == PP_INTERVAL_TAKEN, "%s",
                      pp_error_name((enum pp_error)told->error));
        return;
    }
    uint64_t *by = &world->seeds[told->sender][told->message];
    ck_assert_msg(*by == 0, "sender %u, message %u: acknowledged by %llu and by %llu", told->sender,
                  told->message, (unsigned long long)*by, (unsigned long long)seed);
    ck_assert_msg(told->sequence < end, "acknowledged %llu, after another wrote from %llu on",
                  (unsigned long long)told->sequence, (unsigned long long)end);
    ck_assert_uint_ge(told->sequence, process->since);
    *by = seed;
    world->sequences[told->sender][told->message] = told->sequence;
    process->acknowledged++;
    world->acknowledged++;
}

static void hear(struct world *world, struct process *process, uint64_t seed, unsigned acknowledgements,
                 uint64_t end)
{
    struct told told;
    unsigned until = process->acknowledged + acknowledgements;
    while (process->acknowledged < until && process_hear(process, &told, 20000))
        take(world, process, &told, seed, end);
    ck_assert_uint_ge(process->acknowledged, until);
}

/* All that is left, until it is gone. */
static void hear_out(struct world *world, struct process *process, uint64_t seed, uint64_t end, bool killed)
{
    struct told told;
    int status;
    while (process_hear(process, &told, 60000))
        take(world, process, &told, seed, end);
    close(process->pipe);
    ck_assert_int_eq(waitpid(process->pid, &status, 0), process->pid);
    ck_assert_msg(killed ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL
                         : WIFEXITED(status) && WEXITSTATUS(status) == 0,
                  "status %x", status);
}

static void world_make(struct world *world, uint64_t seed)
{
    memset(world, 0, sizeof *world);
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, true);
    pp_rng_init(&world->rng, seed);
}

/* The folder verifies, and every acknowledged message is known under its number, charged once. */
static void world_audit(struct world *world)
{
    struct pp_verify_summary summary;
    uint64_t known = 0;
    pp_fixture_verify(&world->fixture, &summary);
    ck_assert_uint_ge(summary.stamps, world->acknowledged);
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
    for (unsigned sender = 0; sender < SENDERS; sender++)
        for (unsigned i = 0; i < MESSAGES; i++) {
            struct pp_made_request made;
            struct pp_answer answer;
            if (world->seeds[sender][i] == 0)
                continue;
            message_make(&made, &world->fixture, sender, i, world->seeds[sender][i]);
            pp_submit_wait(world->fixture.node, &made.request, &answer);
            ck_assert_ok(answer.error);
            ck_assert_ok(answer.results[0].refusal.error);
            ck_assert(answer.results[0].known);
            ck_assert_uint_eq(answer.results[0].sequence, world->sequences[sender][i]);
            pp_answer_done(&answer);
            pp_request_done(&made);
            known++;
        }
    pp_fixture_close(&world->fixture);
    ck_assert_uint_eq(known, world->acknowledged);
}

static void world_done(struct world *world)
{
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

/* ---- real locks ---- */

static int rival_open(struct world *world)
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        char reason[256] = "";
        _exit((int)pp_node_open(&world->fixture.config, &world->fixture.node, reason));
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* JRN-002, JRN-080, JRN-081: while it hangs, wherever it was stopped, with its lock file there or deleted, nobody gets in and
 * nobody waits; when it is killed the next one starts at once, one fence higher, and has all that was acknowledged. */
START_TEST(stopped__at_random_moments__nobody_gets_in_until_it_is_killed)
{
    static struct world world;
    world_make(&world, 20261128);
    for (unsigned round = 1; round <= ROUNDS; round++) {
        struct process process;
        char lock[400];
        process_start(&world, &process, round * 1000000);
        ck_assert(process_ready(&process, 20000));
        ck_assert_uint_eq(process.fence, round);
        hear(&world, &process, round * 1000000, 1 + (unsigned)pp_rng_below(&world.rng, 40), UINT64_MAX);
        ck_assert_int_eq(kill(process.pid, SIGSTOP), 0);
        ck_assert_int_eq(rival_open(&world), PP_LOCKED);
        snprintf(lock, sizeof lock, "%s/lock", world.fixture.dir);
        ck_assert_int_eq(unlink(lock), 0);
        ck_assert_int_eq(rival_open(&world), PP_LOCKED);
        if (round % 2 == 0) { /* it goes on, as if nothing had been */
            ck_assert_int_eq(kill(process.pid, SIGCONT), 0);
            hear(&world, &process, round * 1000000, 20, UINT64_MAX);
            ck_assert_int_eq(rival_open(&world), PP_LOCKED);
        }
        ck_assert_int_eq(kill(process.pid, SIGKILL), 0);
        hear_out(&world, &process, round * 1000000, UINT64_MAX, true);
    }
    world_audit(&world);
    world_done(&world);
}
END_TEST

/* ---- locks that lie ---- */

/* JRN-082, JRN-086: both are in. The second took the fence, so the first acknowledges nothing behind it, whether it was stopped
 * meanwhile or in the middle of sending; and then the first is followed by a third. */
START_TEST(locks_lie__two_writers_at_full_rate__only_the_last_one_acknowledges)
{
    static struct world world;
    unsigned while_stopped = 0, fenced = 0;
    locks_lie = true;
    world_make(&world, 7);
    struct process writer;
    process_start(&world, &writer, 1000000);
    ck_assert(process_ready(&writer, 20000));
    for (unsigned round = 2; round <= ROUNDS; round++) {
        const uint64_t seed = round * UINT64_C(1000000), before = seed - 1000000;
        struct process next;
        hear(&world, &writer, before, 1 + (unsigned)pp_rng_below(&world.rng, 30), UINT64_MAX);
        bool stop = round % 3 != 0;
        if (stop)
            ck_assert_int_eq(kill(writer.pid, SIGSTOP), 0);
        process_start(&world, &next, seed);
        /* Stopped within a transaction it keeps everybody out: then it has to go on first. */
        bool ready = process_ready(&next, is_slow(before) ? 10000 : 1500);
        while_stopped += stop && ready;
        if (stop && ready) {
            hear(&world, &next, seed, 10, UINT64_MAX); /* the lane is the next one's now */
            ck_assert_int_eq(kill(writer.pid, SIGCONT), 0);
        } else if (stop) {
            ck_assert_int_eq(kill(writer.pid, SIGCONT), 0);
        }
        if (!ready)
            ck_assert(process_ready(&next, 20000));
        ck_assert_uint_eq(next.fence, round);
        hear_out(&world, &writer, before, next.since, false);
        fenced += writer.fenced;
        writer = next;
    }
    hear(&world, &writer, ROUNDS * UINT64_C(1000000), 20, UINT64_MAX);
    ck_assert_int_eq(kill(writer.pid, SIGKILL), 0);
    hear_out(&world, &writer, ROUNDS * UINT64_C(1000000), UINT64_MAX, true);
    ck_assert_uint_ge(fenced,
                      SENDERS * (ROUNDS - 1)); /* every thread of every writer but the last was told */
    ck_assert_uint_gt(while_stopped, 0);       /* the case that this is about did happen */
    locks_lie = false;
    world_audit(&world);
    world_done(&world);
}
END_TEST

PP_TESTS("two_writers")
PP_TEST(stopped__at_random_moments__nobody_gets_in_until_it_is_killed)
PP_TEST(locks_lie__two_writers_at_full_rate__only_the_last_one_acknowledges)
PP_TESTS_END
