/* Goal: what bench-load tells of a load is what happened: counts are the node's own, a node that stood still is seen in the
 * latencies of all that were due meanwhile, a generator that stood still is told, and no money moves that nobody agreed to.
 * Method: the command against whole nodes in other processes, stopped and killed at fixed moments; an engine in this process; and
 * once against pennypostd with a real chain. */
#include "http_fixture.h"
#include "liar.h"
#include "payer_world.h"
#include "pp_test.h"
#include "sender_world.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PLENTY pp_units(25000000)
#define MS UINT64_C(1000000)

static uint64_t inner(const json_t *object, const char *member, const char *key)
{
    return pp_json_u64(pp_json_member(object, member), key);
}

/* LOAD-003, LOAD-012: every request is somewhere, once; the buckets are the latencies. */
static void answer_check(const json_t *answer)
{
    const json_t *buckets = pp_json_member(pp_json_member(answer, "histogram"), "buckets");
    uint64_t sum = 0, before = 0;
    for (size_t i = 0; i < json_array_size(buckets); i++) {
        const json_t *bucket = json_array_get(buckets, i);
        const uint64_t low = (uint64_t)json_integer_value(json_array_get(bucket, 0));
        const uint64_t high = (uint64_t)json_integer_value(json_array_get(bucket, 1));
        ck_assert(i == 0 || low > before);
        ck_assert_uint_le((high - low) * 1000, low);
        before = high;
        sum += (uint64_t)json_integer_value(json_array_get(bucket, 2));
    }
    ck_assert_uint_eq(sum, inner(answer, "latency_ns", "count"));
    ck_assert_uint_eq(sum, inner(answer, "requests", "admitted"));
    ck_assert_uint_eq(inner(answer, "requests", "due"),
                      inner(answer, "requests", "sent") + inner(answer, "requests", "unsent"));
    ck_assert_uint_eq(inner(answer, "requests", "sent"),
                      inner(answer, "requests", "admitted") + inner(answer, "requests", "refused") +
                          inner(answer, "requests", "lost") + inner(answer, "requests", "unanswered"));
    uint64_t refused = 0;
    const json_t *list = pp_json_member(answer, "refused");
    for (size_t i = 0; i < json_array_size(list); i++)
        refused += pp_json_u64(json_array_get(list, i), "envelopes");
    ck_assert_uint_eq(refused, inner(answer, "envelopes", "refused"));
    ck_assert_uint_eq(inner(answer, "receipts", "wrong"), 0);
}

/* Every member is in the page's table. */
static void members_check(const json_t *answer)
{
    char *page = pp_source_load("specs/load.md", &(size_t){0}), word[80];
    for (void *at = json_object_iter(json_incref((json_t *)(uintptr_t)answer)); at;
         at = json_object_iter_next((json_t *)(uintptr_t)answer, at)) {
        const char *key = json_object_iter_key(at);
        snprintf(word, sizeof word, "`%s`", key);
        ck_assert_msg(strcmp(key, "error") == 0 || strstr(page, word) != NULL, "%s is not in specs/load.md",
                      key);
    }
    free(page);
    json_decref((json_t *)(uintptr_t)answer);
}

static uint64_t count_above(const json_t *answer, uint64_t ns)
{
    const json_t *buckets = pp_json_member(pp_json_member(answer, "histogram"), "buckets");
    uint64_t sum = 0;
    for (size_t i = 0; i < json_array_size(buckets); i++)
        if ((uint64_t)json_integer_value(json_array_get(json_array_get(buckets, i), 0)) >= ns)
            sum += (uint64_t)json_integer_value(json_array_get(json_array_get(buckets, i), 2));
    return sum;
}

/* LOAD-007. Machines that run tests are busy: that the generator was late there is no fault of the test. */
static json_t *load_run(struct sender_world *w, const char *const *arguments)
{
    const char *all[40] = {"bench-load",        "--node",  w->node.url, "--wallet", w->wallet,
                           "--passphrase-file", w->phrase, "--json"};
    struct cli_run run;
    size_t count = 8;
    for (size_t i = 0; arguments[i]; i++)
        all[count++] = arguments[i];
    cli_run(&run, all);
    json_t *answer = cli_run_json(&run);
    ck_assert(pp_json_bool(answer, "ok") == (run.status == 0));
    if (run.status != 0 && json_object_get(answer, "valid") && !json_object_get(answer, "search"))
        ck_assert_msg(json_array_size(pp_json_member(answer, "faults")) > 0, "%s", run.out);
    cli_run_done(&run);
    return answer;
}
#define LOAD_RUN(w, ...) load_run(w, (const char *const[]){__VA_ARGS__, NULL})

static uint64_t node_stamps(struct sender_world *w)
{
    json_t *status = SENDER_RUN(w, 0, "status");
    const uint64_t stamps = inner(status, "node", "stamps");
    json_decref(status);
    return stamps;
}

static void verify_check(struct sender_world *w, uint64_t stamps)
{
    json_t *verified = SENDER_RUN(w, 0, "verify", "--data", w->node.data_dir);
    ck_assert_uint_eq(pp_json_u64(verified, "stamps"), stamps);
    ck_assert_uint_eq(pp_json_u64(verified, "findings_count"), 0);
    json_decref(verified);
}

START_TEST(bench_load__singles_and_batches__counts_are_the_nodes)
{
    struct sender_world w;
    char report[400], pid[16];
    size_t length;
    sender_world_make(&w, PLENTY);
    snprintf(report, sizeof report, "%s/report.json", w.dir.path);
    snprintf(pid, sizeof pid, "%d", (int)w.node.pid);
    json_t *answer = LOAD_RUN(&w, "--rate", "150", "--seconds", "2", "--yes", "--check", "10", "--report",
                              report, "--node-pid", pid);
    answer_check(answer);
    ck_assert_uint_eq(inner(answer, "requests", "admitted"), 300);
    ck_assert_uint_eq(inner(answer, "envelopes", "admitted"), 300);
    ck_assert_uint_eq(inner(answer, "receipts", "checked"), 30);
    ck_assert_uint_eq(node_stamps(&w), 300);
    members_check(answer);
    ck_assert_uint_gt(pp_json_u64(answer, "target_cpu_ns"), 0);
    char *text = pp_file_load(report, &length);
    json_t *written = json_loads(text, 0, NULL);
    ck_assert(json_equal(written, answer));
    json_decref(written);
    free(text);
    json_decref(answer);

    answer =
        LOAD_RUN(&w, "--rate", "20", "--seconds", "2", "--stamp", "batch", "--batch", "9", "--check", "100",
                 "--arrivals", "uniform", "--max-cost", "24", "--connections", "3", "--bytes", "100");
    answer_check(answer);
    ck_assert_uint_eq(inner(answer, "requests", "admitted"), 40);
    ck_assert_uint_eq(inner(answer, "envelopes", "admitted"), 360);
    ck_assert_uint_eq(inner(answer, "receipts", "checked"), 40);
    json_decref(answer);
    ck_assert_uint_eq(node_stamps(&w), 660);
    verify_check(&w, 660);

    /* LOAD-011: the lane goes on behind it, without a hole. */
    sender_world_files(&w, 5, 10, 20);
    json_decref(SENDER_RUN(&w, 0, "send", w.folder, "--topic", "t"));
    json_t *status = SENDER_RUN(&w, 0, "status");
    ck_assert_uint_eq(inner(status, "node", "holes"), 0);
    ck_assert_uint_eq(inner(status, "node", "stamps"), 665);
    json_decref(status);
    sender_world_done(&w);
}
END_TEST

/* LOAD-004: and nothing is signed. */
START_TEST(bench_load__cost_not_agreed_to__refused_before_signing)
{
    struct sender_world w;
    sender_world_make(&w, PLENTY);
    json_t *answer = LOAD_RUN(&w, "--rate", "100", "--seconds", "1");
    ck_assert_str_eq(cli_run_error(answer), "PRICE_ABOVE_MAX");
    json_decref(answer);
    answer = LOAD_RUN(&w, "--rate", "100", "--seconds", "1", "--max-cost", "0.0001");
    ck_assert_str_eq(cli_run_error(answer), "PRICE_ABOVE_MAX");
    json_decref(answer);
    json_t *status = SENDER_RUN(&w, 0, "status");
    ck_assert(pp_grains_is_zero(pp_json_grains(pp_json_member(status, "wallet"), "spent_grains")));
    json_decref(status);
    answer = LOAD_RUN(&w, "--rate", "100000", "--seconds", "60", "--yes");
    ck_assert_str_eq(cli_run_error(answer), "CAP_EXCEEDED");
    json_decref(answer);
    /* An envelope costs 12,022,528 grains: a budget of 2.5 envelopes is a search of at most two. */
    answer = LOAD_RUN(&w, "--search", "--rate", "2", "--seconds", "2", "--max-cost", "0.000035");
    ck_assert(pp_json_bool(answer, "out_of_money"));
    ck_assert(!pp_json_bool(answer, "ok"));
    ck_assert_uint_eq(inner(answer, "requests", "sent"), 2);
    json_decref(answer);
    ck_assert_uint_le(node_stamps(&w), 2);
    sender_world_done(&w);
}
END_TEST

/* The daemon, a real chain, and two channels that pay in turn. */
START_TEST(bench_load__daemon_with_two_channels__both_pay)
{
    struct payer_world w;
    char data[400];
    int status;
    payer_world_make(&w);
    payer_world_node_start(&w);
    payer_world_blocks_flow(&w);
    json_t *first = PAYER_RUN(&w, 0, "open", "--deposit", "25.00");
    json_t *second = PAYER_RUN(&w, 0, "open", "--deposit", "15.00", "--another");
    json_t *answer =
        payer_run_any(&w, &status,
                      (const char *const[]){"bench-load", "--rate", "60", "--seconds", "2", "--yes",
                                            "--check", "100", "--threads", "2", "--connections", "8", NULL});
    answer_check(answer);
    ck_assert_uint_eq(inner(answer, "requests", "admitted"), 120);
    ck_assert_uint_eq(inner(answer, "receipts", "checked"), 120);
    ck_assert_uint_eq(pp_json_u64(answer, "lanes"), 2);
    ck_assert_uint_eq(pp_json_u64(answer, "threads"), 2);
    struct pp_grains paid = PP_GRAINS_ZERO;
    const json_t *const channels[] = {first, second};
    for (size_t i = 0; i < 2; i++) {
        json_t *told = PAYER_RUN(&w, 0, "status", pp_json_text(channels[i], "channel_id"));
        ck_assert_uint_eq(inner(told, "node", "stamps"), 60);
        ck_assert_uint_eq(inner(told, "node", "holes"), 0);
        paid = pp_grains_add_checked(paid, pp_json_grains(pp_json_member(told, "node"), "spent_grains"));
        json_decref(told);
    }
    ck_assert(pp_grains_eq(paid, pp_json_grains(answer, "postage_grains")));
    json_decref(answer);
    payer_world_node_stop(&w);
    snprintf(data, sizeof data, "%s/data", w.dir.path);
    answer = PAYER_RUN(&w, 0, "verify", "--data", data);
    ck_assert_uint_eq(pp_json_u64(answer, "stamps"), 120);
    ck_assert_uint_eq(pp_json_u64(answer, "findings_count"), 0);
    json_decref(answer);
    json_decref(first);
    json_decref(second);
    payer_world_done(&w);
}
END_TEST

/* In a process of its own: stops `pid` after a while, for a while. */
static pid_t stopper_start(pid_t pid, int signal_first, long after_ms, long for_ms)
{
    const pid_t stopper = fork();
    ck_assert_int_ge(stopper, 0);
    if (stopper != 0)
        return stopper;
    const struct timespec after = {after_ms / 1000, after_ms % 1000 * 1000000},
                          until = {for_ms / 1000, for_ms % 1000 * 1000000};
    nanosleep(&after, NULL);
    kill(pid, signal_first);
    nanosleep(&until, NULL);
    kill(pid, SIGCONT);
    _exit(0);
}

static void stopper_wait(pid_t stopper)
{
    ck_assert_int_eq(waitpid(stopper, NULL, 0), stopper);
}

/* LOAD-002: a node that stands still for 400 ms of 3 s holds up 80 requests, by 200 ms in the mean. A generator that
 * waited for answers would see one request for each connection: four. */
START_TEST(bench_load__node_stands_still__seen_by_all_that_were_due)
{
    struct sender_world w;
    sender_world_make(&w, PLENTY);
    const pid_t stopper = stopper_start(w.node.pid, SIGSTOP, 1800, 400);
    json_t *answer = LOAD_RUN(&w, "--rate", "200", "--seconds", "3", "--yes", "--connections", "4",
                              "--arrivals", "uniform");
    stopper_wait(stopper);
    answer_check(answer);
    ck_assert_uint_eq(inner(answer, "requests", "admitted"), 600);
    ck_assert_uint_ge(inner(answer, "latency_ns", "p99"), 300 * MS);
    ck_assert_uint_ge(inner(answer, "latency_ns", "max"), 350 * MS);
    ck_assert_uint_ge(count_above(answer, 200 * MS), 30);
    ck_assert_uint_ge(count_above(answer, 100 * MS), 50);
    json_decref(answer);
    sender_world_done(&w);
}
END_TEST

/* LOAD-005: the same with the generator. */
START_TEST(bench_load__generator_stands_still__told_and_not_valid)
{
    const pid_t stopper = stopper_start(getpid(), SIGSTOP, 2000, 400);
    struct cli_run run;
    CLI_RUN(&run, "bench-load", "--in-process", "--rate", "100", "--seconds", "3", "--lanes", "8", "--json");
    stopper_wait(stopper);
    ck_assert_int_eq(run.status, 1);
    json_t *answer = cli_run_json(&run);
    answer_check(answer);
    ck_assert_uint_eq(inner(answer, "requests", "admitted"), 300);
    ck_assert(pp_json_bool(pp_json_member(answer, "generator"), "is_limit"));
    ck_assert(!pp_json_bool(answer, "valid"));
    ck_assert_str_eq(cli_run_error(answer), "TOO_SLOW");
    ck_assert_uint_ge(pp_json_u64(pp_json_member(pp_json_member(answer, "generator"), "lag_ns"), "max"),
                      200 * MS);
    json_decref(answer);
    cli_run_done(&run);
}
END_TEST

/* LOAD-003, LOAD-006: what was under way is lost, what follows finds nobody; what was measured is still told. */
START_TEST(bench_load__node_killed__told_what_was_measured)
{
    struct sender_world w;
    sender_world_make(&w, PLENTY);
    const pid_t stopper = stopper_start(w.node.pid, SIGKILL, 1500, 1);
    struct cli_run run;
    CLI_RUN(&run, "bench-load", "--node", w.node.url, "--wallet", w.wallet, "--passphrase-file", w.phrase,
            "--json", "--rate", "100", "--seconds", "3", "--yes", "--connections", "4");
    stopper_wait(stopper);
    ck_assert_int_eq(run.status, 1);
    json_t *answer = cli_run_json(&run);
    answer_check(answer);
    ck_assert_uint_gt(inner(answer, "requests", "lost"), 0);
    ck_assert_uint_lt(inner(answer, "requests", "admitted"), 300);
    ck_assert_uint_eq(inner(answer, "requests", "due"), 300);
    const uint64_t admitted = inner(answer, "envelopes", "admitted");
    json_decref(answer);
    cli_run_done(&run);
    ck_assert_int_eq(waitpid(w.node.pid, NULL, 0), w.node.pid);
    w.node.pid = 0;
    node_process_start(&w.node);
    ck_assert_uint_ge(node_stamps(&w), admitted); /* acknowledged is there */
    sender_world_files(&w, 5, 10, 20);
    json_decref(SENDER_RUN(&w, 0, "send", w.folder, "--topic", "t"));
    sender_world_done(&w);
}
END_TEST

/* LOAD-006: every answer's sequence number is another than was signed. */
START_TEST(bench_load__receipts_of_a_liar__not_valid)
{
    struct liar liar = {.rules = {{"\"sequence\":", NULL}}, .rules_count = 1};
    struct sender_world w;
    struct cli_run run;
    sender_world_make(&w, PLENTY);
    liar_start(&liar, w.node.port);
    CLI_RUN(&run, "bench-load", "--node", liar.url, "--wallet", w.wallet, "--passphrase-file", w.phrase,
            "--json", "--rate", "30", "--seconds", "1", "--yes", "--check", "100", "--connections", "2");
    ck_assert_int_eq(run.status, 1);
    json_t *answer = cli_run_json(&run);
    ck_assert_str_eq(cli_run_error(answer), "NODE_TOLD_OTHERWISE");
    ck_assert_uint_eq(inner(answer, "requests", "admitted"), 30);
    ck_assert_uint_eq(inner(answer, "receipts", "checked"), 30);
    ck_assert_uint_eq(inner(answer, "receipts", "wrong"), 30);
    json_decref(answer);
    cli_run_done(&run);
    liar_stop(&liar);
    sender_world_done(&w);
}
END_TEST

/* LOAD-004, FOLDER-004: another receipt key than at first sight. */
START_TEST(bench_load__another_node_than_pinned__nothing_is_signed)
{
    struct liar liar = {.rules = {{"\"receipt_key\":\"0x", NULL}}, .rules_count = 1};
    struct sender_world w;
    struct cli_run run;
    sender_world_make(&w, PLENTY);
    json_decref(SENDER_RUN(&w, 0, "terms", "--node", w.node.url)); /* pinned from the honest node */
    liar_start(&liar, w.node.port);
    CLI_RUN(&run, "bench-load", "--node", liar.url, "--wallet", w.wallet, "--passphrase-file", w.phrase,
            "--json", "--rate", "30", "--seconds", "1", "--yes");
    ck_assert_int_eq(run.status, 1);
    json_t *answer = cli_run_json(&run);
    ck_assert_str_eq(cli_run_error(answer), "NODE_TOLD_OTHERWISE");
    json_decref(answer);
    cli_run_done(&run);
    liar_stop(&liar);
    json_t *status = SENDER_RUN(&w, 0, "status");
    ck_assert(pp_grains_is_zero(pp_json_grains(pp_json_member(status, "wallet"), "spent_grains")));
    json_decref(status);
    sender_world_done(&w);
}
END_TEST

/* Each third answer is cut off with its connection: lost, dialled again, and carried by the next (LOAD-010). */
START_TEST(bench_load__connections_cut__lost_and_carried_by_the_next)
{
    struct liar liar = {.cut_every = 3};
    struct sender_world w;
    struct cli_run run;
    sender_world_make(&w, PLENTY);
    liar_start(&liar, w.node.port);
    CLI_RUN(&run, "bench-load", "--node", liar.url, "--wallet", w.wallet, "--passphrase-file", w.phrase,
            "--json", "--rate", "30", "--seconds", "2", "--yes", "--connections", "2");
    json_t *answer = cli_run_json(&run);
    if (json_object_get(answer, "requests")) { /* else the quote or the terms were cut */
        answer_check(answer);
        ck_assert_int_eq(run.status, 1);
        ck_assert_uint_ge(inner(answer, "requests", "lost"), 10);
        ck_assert_uint_ge(inner(answer, "envelopes", "known"), 5);
        ck_assert_uint_le(node_stamps(&w), 60);
    }
    json_decref(answer);
    cli_run_done(&run);
    liar_stop(&liar);
    sender_world_done(&w);
}
END_TEST

/* LOAD-009 */
START_TEST(bench_load__interrupted__told_what_was_measured)
{
    const pid_t stopper = stopper_start(getpid(), SIGINT, 2000, 1);
    struct cli_run run;
    CLI_RUN(&run, "bench-load", "--in-process", "--rate", "50", "--seconds", "60", "--lanes", "8", "--json");
    stopper_wait(stopper);
    json_t *answer = cli_run_json(&run);
    answer_check(answer);
    ck_assert(pp_json_bool(answer, "interrupted"));
    ck_assert_uint_lt(inner(answer, "requests", "due"), 1000);
    json_decref(answer);
    cli_run_done(&run);
}
END_TEST

static size_t entries_of(const char *path)
{
    DIR *folder = opendir(path);
    size_t count = 0;
    ck_assert_ptr_nonnull(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count - 2;
}

/* LOAD-013: batches by two threads; the folder is gone afterwards. */
START_TEST(bench_load__in_process__sums_and_leaves_nothing)
{
    struct pp_temp_dir dir;
    struct cli_run run;
    pp_temp_dir_make(&dir);
    CLI_RUN(&run, "bench-load", "--in-process", "--rate", "50", "--seconds", "2", "--lanes", "6", "--threads",
            "2", "--stamp", "batch", "--batch", "5", "--check", "100", "--dir", dir.path, "--json");
    json_t *answer = cli_run_json(&run);
    answer_check(answer);
    ck_assert_str_eq(pp_json_text(answer, "mode"), "in-process");
    ck_assert_uint_eq(pp_json_u64(answer, "threads"), 2);
    ck_assert_uint_eq(inner(answer, "requests", "admitted"), 100);
    ck_assert_uint_eq(inner(answer, "envelopes", "admitted"), 500);
    ck_assert_uint_eq(inner(answer, "receipts", "checked"), 100);
    ck_assert_uint_eq(entries_of(dir.path), 0);
    json_decref(answer);
    cli_run_done(&run);
    pp_temp_dir_remove(&dir);
}
END_TEST

/* Singles by the Payment scheme and batches in frames, over HTTP, from lanes that nobody had to open. */
START_TEST(bench_load__in_process_over_http__all_admitted)
{
    static const char *const stamps[] = {"single", "batch"};
    for (size_t i = 0; i < 2; i++) {
        struct cli_run run;
        CLI_RUN(&run, "bench-load", "--in-process", "--http", "--rate", "50", "--seconds", "2", "--lanes",
                "8", "--threads", "2", "--connections", "5", "--check", "100", "--stamp", stamps[i],
                "--json");
        json_t *answer = cli_run_json(&run);
        answer_check(answer);
        ck_assert_str_eq(pp_json_text(answer, "mode"), "in-process-http");
        ck_assert_uint_eq(pp_json_u64(answer, "connections"), 6); /* three a thread */
        ck_assert_uint_eq(inner(answer, "requests", "admitted"), 100);
        ck_assert_uint_eq(inner(answer, "envelopes", "admitted"), i == 0 ? 100 : 6400);
        ck_assert_uint_eq(inner(answer, "receipts", "checked"), 100);
        json_decref(answer);
        cli_run_done(&run);
    }
}
END_TEST

/* LOAD-015: every lane's stamps are under roots, more than one each, and other lanes pass a lane that waits for its own. */
START_TEST(bench_load__sessions_in_process__all_under_roots)
{
    static const char *const ways[] = {NULL, "--http", "--charges"};
    for (size_t i = 0; i < 3; i++) {
        struct cli_run run;
        CLI_RUN(&run, "bench-load", "--in-process", "--rate", "300", "--seconds", "2", "--lanes", "2",
                "--threads", "2", "--connections", "8", "--stamp", "session", "--batch", "10", "--json",
                ways[i]);
        json_t *answer = cli_run_json(&run);
        answer_check(answer);
        members_check(answer);
        ck_assert_str_eq(pp_json_text(answer, "stamp"), "session");
        ck_assert_uint_eq(inner(answer, "requests", "admitted"), 600);
        ck_assert_uint_eq(inner(answer, "envelopes", "admitted"), 6000);
        ck_assert_uint_ge(inner(answer, "roots", "taken"), 6); /* 3000 of each lane, 1024 a root */
        ck_assert_uint_eq(inner(answer, "roots", "refused"), 0);
        ck_assert_uint_eq(inner(answer, "roots", "leaves_unsigned"), 0);
        if (i == 2)
            ck_assert_uint_eq(inner(answer, "tickets", "committed"), 6000);
        else
            ck_assert_uint_gt(inner(answer, "receipts", "checked"), 0);
        json_decref(answer);
        cli_run_done(&run);
    }
}
END_TEST

/* LOAD-016: a host's own store, and its tickets; LOAD-013. */
START_TEST(bench_load__charges_in_process__every_ticket_committed)
{
    static const char *const stamps[] = {"single", "batch"};
    struct pp_temp_dir dir;
    pp_temp_dir_make(&dir);
    for (size_t i = 0; i < 2; i++) {
        struct cli_run run;
        CLI_RUN(&run, "bench-load", "--in-process", "--charges", "--rate", "100", "--seconds", "2", "--lanes",
                "6", "--threads", "2", "--stamp", stamps[i], "--dir", dir.path, "--json");
        json_t *answer = cli_run_json(&run);
        const uint64_t envelopes = i == 0 ? 200 : 200 * 64;
        answer_check(answer);
        members_check(answer);
        ck_assert_str_eq(pp_json_text(answer, "mode"), "in-process-charges");
        ck_assert_uint_eq(inner(answer, "envelopes", "admitted"), envelopes);
        ck_assert_uint_eq(inner(answer, "tickets", "committed"), envelopes);
        ck_assert_uint_eq(inner(answer, "tickets", "failed"), 0);
        ck_assert_uint_eq(inner(answer, "receipts", "checked"), 0);
        ck_assert_uint_eq(entries_of(dir.path), 0);
        json_decref(answer);
        cli_run_done(&run);
    }
    pp_temp_dir_remove(&dir);
}
END_TEST

/* LOAD-014, LOAD-015: with real money; what the node counted is what was told, and nothing is left unsigned. */
START_TEST(bench_load__sessions_of_a_wallet__nothing_left_unsigned)
{
    struct sender_world w;
    sender_world_make(&w, PLENTY);
    json_t *answer = LOAD_RUN(&w, "--rate", "100", "--seconds", "2", "--stamp", "session", "--check", "10");
    ck_assert_str_eq(cli_run_error(answer), "PRICE_ABOVE_MAX"); /* LOAD-004 */
    json_decref(answer);
    ck_assert_uint_eq(node_stamps(&w), 0);
    for (unsigned i = 1; i <= 2; i++) { /* the second load opens another session on the lane */
        answer = LOAD_RUN(&w, "--rate", "100", "--seconds", "2", "--stamp", "session", "--batch", "8",
                          "--yes", "--check", "10");
        answer_check(answer);
        ck_assert_uint_eq(inner(answer, "envelopes", "admitted"), 1600);
        ck_assert_uint_ge(inner(answer, "roots", "taken"), 2);
        ck_assert_uint_eq(inner(answer, "roots", "leaves_unsigned"), 0);
        ck_assert(!pp_json_bool(answer, "out_of_money"));
        json_decref(answer);
        ck_assert_uint_eq(node_stamps(&w), 1600 * i);
    }
    sender_world_files(&w, 5, 10, 20);
    json_decref(SENDER_RUN(&w, 0, "send", w.folder, "--topic", "t"));
    json_t *status = SENDER_RUN(&w, 0, "status");
    ck_assert_uint_eq(inner(status, "node", "holes"), 0);
    json_decref(status);
    verify_check(&w, 3205);
    sender_world_done(&w);
}
END_TEST

/* LOAD-014: a search's steps share one session: a lane may have four. */
START_TEST(bench_load__search_with_sessions__one_opening_for_all_steps)
{
    struct sender_world w;
    struct http_reply reply;
    char path[200], hex[65];
    sender_world_make(&w, PLENTY);
    json_t *answer = LOAD_RUN(&w, "--search", "--rate", "4", "--seconds", "1", "--stamp", "session",
                              "--max-cost", "0.003"); /* some 249 envelopes: 4, 8, 16 ... until it is spent */
    ck_assert_uint_ge(json_array_size(pp_json_member(pp_json_member(answer, "search"), "steps")), 2);
    ck_assert_uint_eq(inner(answer, "envelopes", "refused"), 0);
    json_decref(answer);
    ck_assert_uint_le(node_stamps(&w), 249);
    const int s = http_dial(w.node.port);
    snprintf(path, sizeof path, "/v1/channels/0x%s/lanes/%u", pp_hex_print(w.channel_id.bytes, 32, hex),
             w.lane);
    http_ask(s, "GET", path, "", NULL, 0, &reply);
    const json_t *sessions = pp_json_member(reply.json, "sessions");
    ck_assert_uint_eq(json_array_size(sessions), 1);
    ck_assert_uint_eq(pp_json_u64(json_array_get(sessions, 0), "unsigned"), 0);
    http_reply_done(&reply);
    close(s);
    sender_world_done(&w);
}
END_TEST

/* LOAD-017: lost answers leave stamps of which nobody knows whether they are unsigned. */
START_TEST(bench_load__session_with_connections_cut__lost_stamps_are_told)
{
    struct liar liar = {.cut_every = 3};
    struct sender_world w;
    struct cli_run run;
    sender_world_make(&w, PLENTY);
    liar_start(&liar, w.node.port);
    CLI_RUN(&run, "bench-load", "--node", liar.url, "--wallet", w.wallet, "--passphrase-file", w.phrase,
            "--json", "--rate", "30", "--seconds", "2", "--yes", "--connections", "2", "--stamp", "session");
    json_t *answer = cli_run_json(&run);
    if (json_object_get(answer, "requests")) { /* else the quote, the terms or the opening were cut */
        answer_check(answer);
        ck_assert_int_eq(run.status, 1);
        ck_assert_uint_eq(inner(answer, "roots", "refused"), 0);
        ck_assert_uint_le(node_stamps(&w), 60);
    }
    json_decref(answer);
    cli_run_done(&run);
    liar_stop(&liar);
    sender_world_done(&w);
}
END_TEST

START_TEST(bench_load__combinations_without_sense__usage)
{
    static const char *const rows[][8] = {
        {"--in-process", "--stamp", "cheque"},
        {"--in-process", "--batch", "2"},
        {"--in-process", "--http", "--charges"},
        {"--node", "http://127.0.0.1:9", "--charges"},
        {"--in-process", "--charges", "--check", "3"},
        {"--in-process", "--stamp", "session", "--lanes", "4097"},
        {"--in-process", "--stamp", "session", "--lanes", "1024", "--batch", "257"},
        {"--in-process", "--stamp", "session", "--lanes", "1", "--batch", "9"}, /* this makes sense */
        {"--in-process", "--stamp", "session", "--bytes", "1048576", "--batch", "64"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *all[16] = {"bench-load", "--rate", "1", "--seconds", "1"};
        struct cli_run run;
        for (size_t k = 0; k < 7 && rows[i][k]; k++)
            all[5 + k] = rows[i][k];
        cli_run(&run, all);
        ck_assert_msg((run.status == 2) == (i != 7), "row %zu: %d %s", i, run.status, run.out);
        cli_run_done(&run);
    }
}
END_TEST

/* LOAD-008: a search ends, and its result is a rate that it tried. */
START_TEST(bench_load__search__rate_is_one_that_held)
{
    struct cli_run run;
    CLI_RUN(&run, "bench-load", "--in-process", "--search", "--rate", "200", "--seconds", "1", "--p99-limit",
            "2", "--lanes", "32", "--json");
    json_t *answer = cli_run_json(&run);
    const json_t *search = pp_json_member(answer, "search"), *steps = pp_json_member(search, "steps");
    const bool found = pp_json_bool(search, "found");
    bool tried = false;
    ck_assert_int_eq(run.status, found && pp_json_bool(answer, "valid") ? 0 : 1);
    ck_assert_uint_ge(json_array_size(steps), 1);
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const json_t *step = json_array_get(steps, i);
        const bool held = pp_json_bool(step, "held");
        ck_assert(!held || pp_json_u64(step, "p99_ns") <= 2 * MS);
        tried |= held && pp_json_u64(step, "rate") == pp_json_u64(search, "rate");
    }
    ck_assert(tried == found);
    json_decref(answer);
    cli_run_done(&run);
}
END_TEST

PP_TESTS("bench_load")
PP_TEST(bench_load__singles_and_batches__counts_are_the_nodes)
PP_TEST(bench_load__daemon_with_two_channels__both_pay)
PP_TEST(bench_load__cost_not_agreed_to__refused_before_signing)
PP_TEST(bench_load__node_stands_still__seen_by_all_that_were_due)
PP_TEST(bench_load__generator_stands_still__told_and_not_valid)
PP_TEST(bench_load__node_killed__told_what_was_measured)
PP_TEST(bench_load__receipts_of_a_liar__not_valid)
PP_TEST(bench_load__another_node_than_pinned__nothing_is_signed)
PP_TEST(bench_load__connections_cut__lost_and_carried_by_the_next)
PP_TEST(bench_load__interrupted__told_what_was_measured)
PP_TEST(bench_load__in_process__sums_and_leaves_nothing)
PP_TEST(bench_load__in_process_over_http__all_admitted)
PP_TEST(bench_load__sessions_in_process__all_under_roots)
PP_TEST(bench_load__charges_in_process__every_ticket_committed)
PP_TEST(bench_load__sessions_of_a_wallet__nothing_left_unsigned)
PP_TEST(bench_load__search_with_sessions__one_opening_for_all_steps)
PP_TEST(bench_load__session_with_connections_cut__lost_stamps_are_told)
PP_TEST(bench_load__combinations_without_sense__usage)
PP_TEST(bench_load__search__rate_is_one_that_held)
PP_TESTS_END
