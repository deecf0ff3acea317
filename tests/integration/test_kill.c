/* SIGKILL at any moment: nothing that was acknowledged is missing, nothing is charged twice, open tickets are resolved.
 * Method: a child runs a node with several senders in threads, and writes every acknowledgement into a pipe; the parent kills
 * it after a random number of them, verifies the folder, and starts the next child where the acknowledgements end. Messages
 * are made from their numbers, so that a message that was sent twice is the very same. An auditor of its own predicts the
 * balances from the numbers alone. */
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/verify.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SENDERS 6u
#define MESSAGES 120u /* of each sender */
#define CAP_UNITS UINT64_C(4000000)

/* ---- what message number m of sender s is ---- */

static size_t count_of(unsigned sender, unsigned message)
{
    return message % 3 == sender % 3 ? 1 : 1 + (message * 7 + sender) % 20;
}

static struct pp_parcel_of parcel_of(unsigned sender, unsigned message)
{
    return (struct pp_parcel_of){200 + (message * 131 + sender * 17) % 1500, (uint16_t)(1 + (message + sender) % 30)};
}

static struct pp_grains postage_of(unsigned sender, unsigned message)
{
    struct pp_parcel_of parcel = parcel_of(sender, message);
    struct pp_grains each, all;
    ck_assert_ok(pp_grains_add(pp_grains(1000), pp_grains(3 * parcel.size * parcel.days), &each));
    ck_assert_ok(pp_grains_mul(each, count_of(sender, message), &all));
    return all;
}

/* The auditor: the line up to a message, and how many stamps. */
static struct pp_grains line_of(unsigned sender, unsigned messages, uint64_t *out_stamps)
{
    struct pp_grains sum = PP_GRAINS_ZERO;
    *out_stamps = 0;
    for (unsigned i = 0; i < messages; i++) {
        ck_assert_ok(pp_grains_add(sum, postage_of(sender, i), &sum));
        *out_stamps += count_of(sender, i);
    }
    return sum;
}

static void message_make(struct pp_made_request *made, struct pp_fixture *fixture, unsigned sender, unsigned message)
{
    struct pp_sender from;
    uint64_t stamps;
    pp_sender_init(&from, fixture, sender);
    from.head = line_of(sender, message, &stamps);
    pp_request_make(made, fixture, &from, count_of(sender, message), parcel_of(sender, message), message * 64 + sender);
}

/* ---- the child ---- */

struct acknowledgement {
    uint32_t sender;
    uint32_t message;
    uint64_t sequence; /* of its first stamp */
};

struct child {
    struct pp_fixture *fixture;
    unsigned sender;
    unsigned first;
    bool host;
    const char *store;
    int pipe;
};

/* The host's store: one file a ticket. A ticket is stored when its file is there. */
static void host_path(const struct child *child, uint64_t ticket, char out[400])
{
    snprintf(out, 400, "%s/%llu", child->store, (unsigned long long)ticket);
}

static uint64_t host_send(const struct child *child, const struct pp_request *request)
{
    struct pp_result results[32];
    struct pp_refusal refusal;
    struct pp_receipt receipt;
    uint64_t tickets[32];
    ck_assert_ok(pp_node_admit(child->fixture->node, request, results, &refusal));
    for (size_t i = 0; i < request->count; i++) {
        char path[400];
        /* Closed: a start after a crash found nothing stored, and cancelled it. */
        if (results[i].refusal.error == PP_TICKET_CLOSED)
            return 0;
        ck_assert_ok(results[i].refusal.error);
        tickets[i] = results[i].sequence;
        host_path(child, tickets[i], path);
        FILE *file = fopen(path, "wb");
        ck_assert_ptr_nonnull(file);
        fclose(file);
    }
    ck_assert_ok(pp_node_commit(child->fixture->node, tickets, request->count, &receipt));
    return tickets[0];
}

static uint64_t embedded_send(const struct child *child, const struct pp_request *request)
{
    struct pp_answer answer;
    pp_submit_wait(child->fixture->node, request, &answer);
    ck_assert_ok(answer.submitted);
    ck_assert_msg(answer.error == PP_OK, "%s", pp_error_name(answer.error));
    for (size_t i = 0; i < request->count; i++)
        ck_assert_ok(answer.results[i].refusal.error);
    pp_answer_check(&answer, child->fixture, request);
    uint64_t sequence = answer.results[0].sequence;
    pp_answer_done(&answer);
    return sequence;
}

static void *child_thread(void *context)
{
    const struct child *child = context;
    for (unsigned i = child->first; i < MESSAGES; i++) {
        struct pp_made_request made;
        message_make(&made, child->fixture, child->sender, i);
        const struct acknowledgement done = {child->sender, i,
                                             (child->host ? host_send : embedded_send)(child, &made.request)};
        pp_request_done(&made);
        if (write(child->pipe, &done, sizeof done) != sizeof done)
            _exit(3);
    }
    return NULL;
}

static bool on_open(void *context, const struct pp_open_ticket *ticket)
{
    uint64_t **next = context;
    *(*next)++ = ticket->ticket;
    return true;
}

static void tickets_resolve(const struct child *child)
{
    static uint64_t tickets[65536];
    uint64_t *end = tickets;
    struct pp_receipt receipt;
    ck_assert_ok(pp_node_open_tickets(child->fixture->node, on_open, &end));
    for (uint64_t *ticket = tickets; ticket < end; ticket++) {
        char path[400];
        struct stat file;
        host_path(child, *ticket, path);
        if (stat(path, &file) == 0)
            ck_assert_ok(pp_node_commit(child->fixture->node, ticket, 1, &receipt));
        else
            ck_assert_ok(pp_node_cancel(child->fixture->node, ticket, 1));
    }
}

static void child_main(struct pp_fixture *fixture, const unsigned first[SENDERS], bool host, const char *store, int pipe)
{
    pthread_t threads[SENDERS];
    struct child children[SENDERS];
    pp_fixture_open(fixture);
    pp_fixture_head(fixture, 0, NULL);
    for (unsigned i = 0; i < SENDERS; i++) {
        struct pp_sender sender;
        pp_sender_init(&sender, fixture, i);
        pp_sender_fund(&sender, fixture, CAP_UNITS, 0);
        children[i] = (struct child){fixture, i, first[i], host, store, pipe};
    }
    if (host)
        tickets_resolve(&children[0]);
    for (unsigned i = 0; i < SENDERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, child_thread, &children[i]), 0);
    for (unsigned i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    pp_fixture_close(fixture);
    _exit(0);
}

/* ---- the parent ---- */

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    bool host;
    char store[300];
    unsigned acknowledged[SENDERS];
    uint64_t sequences[SENDERS][MESSAGES];
    struct pp_rng rng;
};

static void acknowledge(struct world *world, const struct acknowledgement *done)
{
    ck_assert_uint_lt(done->sender, SENDERS);
    ck_assert_uint_eq(done->message, world->acknowledged[done->sender]);
    world->sequences[done->sender][done->message] = done->sequence;
    world->acknowledged[done->sender]++;
}

/* True: it ran to the end. */
static bool round_run(struct world *world, unsigned kill_after)
{
    int ends[2], status;
    struct acknowledgement done;
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        close(ends[0]);
        child_main(&world->fixture, world->acknowledged, world->host, world->store, ends[1]);
    }
    close(ends[1]);
    for (unsigned i = 0; i < kill_after && read(ends[0], &done, sizeof done) == sizeof done; i++)
        acknowledge(world, &done);
    kill(child, SIGKILL);
    while (read(ends[0], &done, sizeof done) == sizeof done) /* said before it died */
        acknowledge(world, &done);
    close(ends[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0, "status %x", status);
    unsigned total = 0;
    for (unsigned i = 0; i < SENDERS; i++)
        total += world->acknowledged[i];
    return total == SENDERS * MESSAGES;
}

/* The auditor's bounds: all that was acknowledged, and at most one message more of each sender. */
static void folder_audit(struct world *world)
{
    struct pp_verify_summary summary;
    struct pp_grains least = PP_GRAINS_ZERO, most = PP_GRAINS_ZERO;
    uint64_t least_stamps = 0, most_stamps = 0, stamps;
    for (unsigned i = 0; i < SENDERS; i++) {
        unsigned next = world->acknowledged[i] < MESSAGES ? world->acknowledged[i] + 1 : MESSAGES;
        ck_assert_ok(pp_grains_add(least, line_of(i, world->acknowledged[i], &stamps), &least));
        least_stamps += stamps;
        ck_assert_ok(pp_grains_add(most, line_of(i, next, &stamps), &most));
        most_stamps += stamps;
    }
    pp_fixture_verify(&world->fixture, &summary);
    ck_assert(!pp_grains_lt(summary.consumed, least) && !pp_grains_lt(most, summary.consumed));
    ck_assert_uint_ge(summary.stamps, least_stamps);
    ck_assert_uint_le(summary.stamps, most_stamps);
}

/* Each acknowledged message again: the old answer. */
static void messages_audit(struct world *world, unsigned step)
{
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
    for (unsigned i = 0; i < SENDERS; i++)
        for (unsigned k = world->acknowledged[i]; k > 0; k = k > step ? k - step : 0) {
            struct pp_made_request made;
            struct pp_answer answer;
            message_make(&made, &world->fixture, i, k - 1);
            pp_submit_wait(world->fixture.node, &made.request, &answer);
            ck_assert_ok(answer.error);
            for (size_t n = 0; n < answer.count; n++) {
                ck_assert_ok(answer.results[n].refusal.error);
                ck_assert(answer.results[n].known);
            }
            ck_assert_uint_eq(answer.results[0].sequence, world->sequences[i][k - 1]);
            pp_answer_done(&answer);
            pp_request_done(&made);
        }
    pp_fixture_close(&world->fixture);
}

static void world_make(struct world *world, bool host, uint64_t seed)
{
    *world = (struct world){.host = host};
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, !host);
    snprintf(world->store, sizeof world->store, "%s/store", world->dir.path);
    ck_assert_int_eq(mkdir(world->store, 0700), 0);
    pp_rng_init(&world->rng, seed);
}

static void world_done(struct world *world)
{
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

static void balances_audit(struct world *world)
{
    struct pp_verify_summary summary;
    pp_fixture_verify(&world->fixture, &summary);
    uint64_t stamps = 0, all = 0;
    struct pp_grains consumed = PP_GRAINS_ZERO;
    for (unsigned i = 0; i < SENDERS; i++) {
        ck_assert_ok(pp_grains_add(consumed, line_of(i, MESSAGES, &stamps), &consumed));
        all += stamps;
    }
    ck_assert(pp_grains_eq(summary.consumed, consumed));
    ck_assert(pp_grains_eq(summary.spent, consumed));
    ck_assert_uint_eq(summary.stamps, all);
    ck_assert_uint_eq(summary.open_tickets, 0);
}

START_TEST(kill__at_random_moments__all_acknowledged_there_nothing_charged_twice)
{
    static struct world world;
    world_make(&world, false, 20251121);
    for (unsigned round = 0; round < 60; round++) {
        bool done = round_run(&world, round == 59 ? UINT32_MAX : (unsigned)pp_rng_below(&world.rng, 90));
        folder_audit(&world);
        messages_audit(&world, 17);
        if (done)
            break;
    }
    messages_audit(&world, 1);
    balances_audit(&world);
    world_done(&world);
}
END_TEST

START_TEST(kill__with_the_hosts_own_store__every_ticket_resolved)
{
    static struct world world;
    world_make(&world, true, 7);
    for (unsigned round = 0; round < 60; round++) {
        bool done = round_run(&world, round == 59 ? UINT32_MAX : (unsigned)pp_rng_below(&world.rng, 90));
        folder_audit(&world);
        if (done)
            break;
    }
    balances_audit(&world);
    world_done(&world);
}
END_TEST

PP_TESTS("kill")
PP_TEST(kill__at_random_moments__all_acknowledged_there_nothing_charged_twice)
PP_TEST(kill__with_the_hosts_own_store__every_ticket_resolved)
PP_TESTS_END
