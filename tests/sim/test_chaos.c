/* Chaos in virtual time (chaos_world.h): seeded runs of node, watch and job on a simulated chain.
 *
 *     test_chaos                      the first 200 seeds, as tests
 *     test_chaos --runs N [--from S]  seeds S, S + 1, ... (from 1): the last line is "N passed, N failed"
 *     test_chaos --seed S             one run, and what happened in it
 *
 * A seed that fails says how to replay it. Each run is a process of its own. */
#define _GNU_SOURCE
#include "chaos_world.h"
#include "pp_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BATCHES 20
#define BATCH_SEEDS                                                                                          \
    10u /* in one process: its end, with the search for leaks, costs as much as a tenth of a run */
#define SEEDS (BATCHES * BATCH_SEEDS)
#define FIRST_SEED 1u
#define WORKERS_MOST 4
#define SHARED "PP_CHAOS_TALLY" /* the environment holds the address: tests are processes */

/* What all runs together came to. */
struct tally {
    struct chaos_summary sum;
    unsigned passed[BATCHES]; /* runs; the next one is the one that failed */
};

static void tally_add(struct tally *tally, const struct chaos_summary *s)
{
    for (unsigned i = 0; i < PP_JOB_STATE_COUNT; i++)
        tally->sum.found_in[i] += s->found_in[i];
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++)
        tally->sum.faults[i] += s->faults[i];
    tally->sum.questions += s->questions;
    tally->sum.reorgs += s->reorgs;
    tally->sum.surges += s->surges;
    tally->sum.foreigners += s->foreigners;
    tally->sum.copies += s->copies;
    tally->sum.job_kills += s->job_kills;
    tally->sum.node_kills += s->node_kills;
    tally->sum.watch_kills += s->watch_kills;
    tally->sum.pool_units += s->pool_units;
    tally->sum.stamps += s->stamps;
    if (s->deepest_reorg > tally->sum.deepest_reorg)
        tally->sum.deepest_reorg = s->deepest_reorg;
}

static struct tally *tally_shared(void)
{
    void *address = NULL;
    ck_assert_int_eq(sscanf(getenv(SHARED), "%p", &address), 1);
    return address;
}

static void summary_print(const struct chaos_summary *s)
{
    printf("%zu stamps, %lu units to the pool\n", s->stamps, s->pool_units);
    printf("%u questions; %u reorganizations, the deepest of %u blocks; %u fee surges; %u foreign "
           "transactions\n",
           s->questions, s->reorgs, s->deepest_reorg, s->surges, s->foreigners);
    printf("killed: the job %u times, the node %u, and %u in the watch's turn\n", s->job_kills, s->node_kills,
           s->watch_kills);
    printf("records, as the next job found them:");
    for (unsigned i = 0; i < PP_JOB_STATE_COUNT; i++)
        printf(" %s %u", pp_job_state_name((enum pp_job_state)i), s->found_in[i]);
    printf("\nfaults:");
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++)
        printf(" %s %u", sim_fault_name((enum sim_fault)i), s->faults[i]);
    printf("\n");
}

/* Goal: whatever fails and whoever dies, nothing is done twice, nothing is lost, and every balance is as predicted from the
 * inputs (CHAOS-001 to CHAOS-004). */
START_TEST(chaos__seeded_runs__every_balance_as_predicted)
{
    struct tally *tally = tally_shared();
    for (unsigned i = (unsigned)_i * BATCH_SEEDS; i < ((unsigned)_i + 1) * BATCH_SEEDS; i++) {
        struct chaos_summary summary;
        chaos_run(FIRST_SEED + i, &summary);
        tally_add(tally, &summary);
        tally->passed[_i]++;
    }
}
END_TEST

/* Goal: the runs together met every fault, and died in every state of the journal (CHAOS-005). */
START_TEST(chaos__all_runs__every_fault_and_every_state)
{
    const struct tally *tally = tally_shared();
    for (unsigned i = 0; i < PP_JOB_STATE_COUNT; i++)
        ck_assert_msg(tally->sum.found_in[i] > 0, "no job found a record in state %s",
                      pp_job_state_name((enum pp_job_state)i));
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++)
        ck_assert_msg(tally->sum.faults[i] > 0, "never happened: %s", sim_fault_name((enum sim_fault)i));
    ck_assert_uint_gt(tally->sum.deepest_reorg, 3);
    ck_assert_uint_gt(tally->sum.watch_kills, 0);
    ck_assert_uint_gt(tally->sum.node_kills, tally->sum.watch_kills);
    ck_assert_uint_gt(tally->sum.job_kills, 200);
    ck_assert_uint_gt(tally->sum.surges, 0);
    ck_assert_uint_gt(tally->sum.foreigners, 0);
    ck_assert_uint_gt(tally->sum.copies, 0);
    summary_print(&tally->sum);
}
END_TEST

/* Goal: a seed that failed fails again (CHAOS-006). Method: one seed twice, and all that was counted. */
START_TEST(chaos__same_seed__same_run)
{
    struct chaos_summary first, again;
    memset(&first, 0, sizeof first);
    memset(&again, 0, sizeof again);
    chaos_run(FIRST_SEED, &first);
    chaos_run(FIRST_SEED, &again);
    ck_assert_int_eq(memcmp(&first, &again, sizeof first), 0);
}
END_TEST

static int run_as_tests(void)
{
    char address[32];
    struct tally *tally =
        mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tally == MAP_FAILED)
        return 1;
    snprintf(address, sizeof address, "%p", (void *)tally);
    setenv(SHARED, address, 1);
    Suite *suite = suite_create("chaos");
    TCase *runs = tcase_create("chaos");
    tcase_set_timeout(runs, PP_TEST_TIMEOUT_S);
    tcase_add_loop_test(runs, chaos__seeded_runs__every_balance_as_predicted, 0, BATCHES);
    tcase_add_test(runs, chaos__same_seed__same_run);
    tcase_add_test(runs, chaos__all_runs__every_fault_and_every_state);
    suite_add_tcase(suite, runs);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    for (unsigned i = 0; i < BATCHES; i++)
        if (tally->passed[i] < BATCH_SEEDS)
            printf("failed; replay: ./dev chaos --seed %u\n",
                   FIRST_SEED + i * BATCH_SEEDS + tally->passed[i]);
    return failed == 0 ? 0 : 1;
}

/* ---- by hand ---- */

#define SEED "PP_CHAOS_SEED"

START_TEST(chaos__one_seed)
{
    struct chaos_summary summary;
    chaos_run(strtoull(getenv(SEED), NULL, 10), &summary);
    if (getenv("PP_CHAOS_TELL"))
        summary_print(&summary);
}
END_TEST

/* In this process. 0: it passed. */
static int run_seed(uint64_t seed, bool tell)
{
    char text[32];
    snprintf(text, sizeof text, "%lu", seed);
    setenv(SEED, text, 1);
    if (tell)
        setenv("PP_CHAOS_TELL", "1", 1);
    Suite *suite = suite_create("chaos");
    TCase *run = tcase_create("chaos");
    tcase_add_test(run, chaos__one_seed);
    suite_add_tcase(suite, run);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_SILENT);
    const int failed = srunner_ntests_failed(runner);
    if (failed)
        srunner_print(runner, CK_NORMAL);
    srunner_free(runner);
    if (failed)
        printf("failed; replay: ./dev chaos --seed %lu\n", seed);
    return failed ? 1 : 0;
}

static pid_t seed_start(uint64_t seed)
{
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0)
        exit(run_seed(seed, false));
    return child;
}

static int run_seeds(uint64_t from, uint64_t count)
{
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    const uint64_t workers = processors < 1              ? 1
                             : processors < WORKERS_MOST ? (uint64_t)processors
                                                         : WORKERS_MOST;
    uint64_t started = 0, passed = 0, failed = 0;
    while (passed + failed < count) {
        int status;
        while (started < count && started - passed - failed < workers)
            if (seed_start(from + started++) < 0)
                return 1;
        if (wait(&status) < 0 && errno != EINTR)
            return 1;
        if (status == 0)
            passed++;
        else
            failed++;
    }
    printf("%lu passed, %lu failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}

/* Runs write and sync thousands of small files: in memory, where there is room. */
static void folders_in_memory(void)
{
    struct stat status;
    if (!getenv("TMPDIR") && stat("/dev/shm", &status) == 0)
        setenv("TMPDIR", "/dev/shm", 1);
}

static bool number_of(const char *text, uint64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && *text >= '0' && *text <= '9' && *end == '\0';
}

int main(int argc, char **argv)
{
    uint64_t seed = 0, runs = 0, from = FIRST_SEED;
    folders_in_memory();
    if (argc == 1)
        return run_as_tests();
    for (int i = 1; i < argc; i += 2) {
        uint64_t *option = strcmp(argv[i], "--seed") == 0   ? &seed
                           : strcmp(argv[i], "--runs") == 0 ? &runs
                           : strcmp(argv[i], "--from") == 0 ? &from
                                                            : NULL;
        if (!option || i + 1 == argc || !number_of(argv[i + 1], option)) {
            fprintf(stderr, "test_chaos [--runs N [--from SEED] | --seed SEED]\n");
            return 2;
        }
    }
    return seed ? run_seed(seed, true) : run_seeds(from, runs);
}
