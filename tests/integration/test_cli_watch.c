/* Goal: what a node earned reaches its account although its payer closes with an old state on chain. Method: anvil with the contract,
 * pennypostd with its tower or a tower beside it, a sender that leaves alone, the operator's job. The chain is asked at the end. */
#include "operator_runs.h"
#include "payer_world.h"
#include "pp_test.h"

#include <pp/abi.h>
#include <pp/tower.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEPOSIT "25.00"
#define WAITS_MAX 200u

struct world {
    struct payer_world w;
    char data[300], more[400];
    struct pp_channel_id channel;
};

/* more: of the daemon's configuration. */
static void world_make(struct world *world, const char *more)
{
    char envelope[320];
    static char bytes[20000];
    payer_world_make(&world->w);
    snprintf(world->more, sizeof world->more, more, operator_gas_key(&world->w));
    world->w.more_config = world->more;
    payer_world_node_start(&world->w);
    snprintf(world->data, sizeof world->data, "%.280s/data", world->w.dir.path);
    json_t *opened = PAYER_RUN(&world->w, 0, "open", "--deposit", DEPOSIT);
    pp_json_bytes(opened, "channel_id", world->channel.bytes, 32);
    json_decref(opened);
    snprintf(envelope, sizeof envelope, "%.280s/envelope", world->w.dir.path);
    memset(bytes, 'e', sizeof bytes);
    for (unsigned i = 0; i < 3; i++) {
        bytes[0] = (char)('a' + i);
        cli_file_make(envelope, bytes, sizeof bytes);
        json_decref(PAYER_RUN(&world->w, 0, "send", "--topic", "test", "--days", "30", envelope));
    }
}

static json_t *watch(struct world *world, int expected_status, const char *const *arguments)
{
    const char *all[32] = {"watch"};
    struct cli_run run;
    size_t count = 1;
    const char *const common[] = {"--rpc",         world->w.anvil.url, "--passphrase-file",
                                  world->w.phrase, "--json",           NULL};
    for (size_t i = 0; arguments[i]; i++)
        all[count++] = arguments[i];
    for (size_t i = 0; common[i]; i++)
        all[count++] = common[i];
    cli_run(&run, all);
    ck_assert_msg(run.status == expected_status, "watch: status %d\n%s\n%s", run.status, run.out, run.err);
    json_t *answer = cli_run_json(&run);
    cli_run_done(&run);
    return answer;
}
#define WATCH(world, expected, ...) watch(world, expected, (const char *const[]){__VA_ARGS__, NULL})

static struct pp_grains spent_at_node(struct world *world)
{
    json_t *status = PAYER_RUN(&world->w, 0, "status");
    struct pp_grains spent = pp_json_grains(pp_json_member(status, "node"), "spent_grains");
    json_decref(status);
    return spent;
}

/* The operator's account has all that the lane vested, by its share. */
static void expect_collected(struct world *world)
{
    operator_settle_until(&world->w, world->data, "claimPayout");
    struct pp_chain_lane lane = payer_world_lane(&world->w, &world->channel);
    struct pp_units operator= pp_anvil_balance(&world->w.anvil, &world->w.anvil.accounts[4]);
    struct pp_units treasury = pp_anvil_balance(&world->w.anvil, &world->w.anvil.accounts[5]);
    ck_assert(lane.vested.raw >= PP_GRAINS_PER_UNIT);
    ck_assert_uint_gt(operator.raw, 0);
    ck_assert_uint_le(operator.raw + treasury.raw, (uint64_t)(lane.vested.raw / PP_GRAINS_PER_UNIT));
}

static json_t *node_status(struct world *world)
{
    char command[400], text[8192];
    snprintf(command, sizeof command, "curl -s %s/v1/status", world->w.node_url);
    FILE *pipe = popen(command, "r");
    ck_assert_ptr_nonnull(pipe);
    size_t length = fread(text, 1, sizeof text - 1, pipe);
    text[length] = '\0';
    ck_assert_int_eq(pclose(pipe), 0);
    json_t *object = json_loads(text, 0, NULL);
    ck_assert_msg(object != NULL, "%s", text);
    return object;
}

/* Goal: the daemon's tower posts when its payer closes alone; it has the settlement job's key, and neither is in the other's way.
 * The operator collects what it earned, and the status tells of it (TOWER-004, TOWER-026). */
START_TEST(daemon__payer_closes_alone__posts_and_operator_collects)
{
    struct world world;
    world_make(&world, "tower_key = %s\n");
    struct pp_grains spent = spent_at_node(&world);
    json_t *status = node_status(&world);
    const json_t *tower = pp_json_member(status, "tower");
    ck_assert(pp_json_bool(tower, "can_post"));
    json_decref(status);
    json_decref(PAYER_RUN(&world.w, 0, "close", "--alone"));
    struct pp_chain_lane lane = {.seq = 0};
    for (unsigned i = 0; i < WAITS_MAX && lane.spent.raw < spent.raw; i++) {
        operator_rest(&world.w);
        payer_world_pass(&world.w, 0);
        lane = payer_world_lane(&world.w, &world.channel);
    }
    ck_assert(pp_grains_eq(lane.spent, spent));
    operator_settle_until(&world.w, world.data, "settle");
    expect_collected(&world);
    status = node_status(&world);
    tower = pp_json_member(status, "tower");
    ck_assert_uint_ge(pp_json_u64(tower, "posted"), 1);
    ck_assert_uint_eq(pp_json_u64(tower, "due"), 0);
    ck_assert_uint_eq(pp_json_u64(tower, "lanes"), 1);
    ck_assert_str_eq(pp_json_text(tower, "error"), "OK");
    json_decref(status);
    payer_world_done(&world.w);
}
END_TEST

/* Goal: the command does the same beside a node whose tower has no key, from its folder, and for others from a file of evidence; it
 * says what is at risk, what is due, and ends as a scheduler needs (TOWER-025). */
START_TEST(watch__beside_a_node_and_by_evidence__posts)
{
    struct world world;
    char file[330], journal[330];
    struct stat about;
    world_make(&world, "tower = on\n# %s\n");
    snprintf(file, sizeof file, "%.280s/handed-over.evidence", world.w.dir.path);
    snprintf(journal, sizeof journal, "%.280s/tower-of-others", world.w.dir.path);
    json_t *answer = WATCH(&world, 3, "--data", world.data, "--report");
    ck_assert_uint_eq(json_array_size(pp_json_member(answer, "risks")), 1);
    ck_assert_uint_gt(pp_json_u64(answer, "earnings_at_risk_units"), 0);
    json_decref(answer);
    json_decref(WATCH(&world, 3, "--data", world.data, "--once", "--key", operator_gas_key(&world.w)));
    json_decref(WATCH(&world, 0, "--data", world.data, "--export", file));
    ck_assert_int_eq(stat(file, &about), 0);
    ck_assert_int_le(about.st_size, 400);

    json_decref(PAYER_RUN(&world.w, 0, "close", "--alone"));
    json_decref(WATCH(&world, 1, "--evidence", file, "--once"));
    answer = WATCH(&world, 0, "--evidence", file, "--dry-run");
    const json_t *posting = json_array_get(pp_json_member(answer, "postings"), 0);
    ck_assert_str_eq(pp_json_text(posting, "state"), "CANNOT");
    ck_assert_str_eq(pp_json_text(posting, "cause"), "CLOSE");
    json_decref(answer);
    answer = WATCH(&world, 0, "--evidence", file, "--once", "--journal", journal, "--key",
                   operator_gas_key(&world.w));
    ck_assert_uint_eq(pp_json_u64(answer, "posted"), 1);
    json_decref(answer);
    ck_assert(pp_grains_eq(payer_world_lane(&world.w, &world.channel).spent, spent_at_node(&world)));
    json_decref(WATCH(&world, 3, "--evidence", file, "--once", "--journal", journal, "--key",
                      operator_gas_key(&world.w)));
    json_decref(WATCH(&world, 3, "--data", world.data, "--once", "--key", operator_gas_key(&world.w)));
    operator_settle_until(&world.w, world.data, "settle");
    expect_collected(&world);
    payer_world_done(&world.w);
}
END_TEST

/* Goal: what is missing or wrong is named, and nothing is sent (CLI-003). */
START_TEST(watch__wrong_in_any_way__named)
{
    static const struct {
        const char *arguments[10];
        int status;
        const char *error;
    } cases[] = {
        {{"watch"}, 2, "USAGE"},
        {{"watch", "--data", "/x", "--evidence", "/y", "--rpc", "http://x"}, 2, "USAGE"},
        {{"watch", "--data", "/x"}, 2, "USAGE"},
        {{"watch", "--evidence", "/x", "--export", "/y"}, 2, "USAGE"},
        {{"watch", "--evidence", "/x", "--key", "/y", "--rpc", "http://x"}, 2, "USAGE"},
        {{"watch", "--evidence", "/nowhere", "--rpc", "http://127.0.0.1:1"}, 1, "NOT_FOUND"},
        {{"watch", "--data", "/nowhere", "--rpc", "http://127.0.0.1:1"}, 1, "NOT_FOUND"},
        {{"watch", "--evidence", "/etc/passwd", "--rpc", "http://127.0.0.1:1"}, 1, "CORRUPT"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *all[12];
        struct cli_run run;
        size_t count = 0;
        for (; cases[i].arguments[count]; count++)
            all[count] = cases[i].arguments[count];
        all[count++] = "--json";
        all[count] = NULL;
        cli_run(&run, all);
        json_t *answer = cli_run_json(&run);
        ck_assert_msg(run.status == cases[i].status, "case %zu: %d\n%s", i, run.status, run.out);
        ck_assert_str_eq(cli_run_error(answer), cases[i].error);
        json_decref(answer);
        cli_run_done(&run);
    }
}
END_TEST

/* Goal: it runs until it is stopped, posts meanwhile, and ends well (TOWER-025). */
START_TEST(watch__on_and_on__posts_until_stopped)
{
    struct world world;
    int status;
    world_make(&world, "tower = off\n# %s\n");
    struct pp_grains spent = spent_at_node(&world);
    pid_t pid = PAYER_SPAWN(&world.w, "watch", "--data", world.data, "--poll-ms", "50", "--key",
                            operator_gas_key(&world.w));
    json_decref(PAYER_RUN(&world.w, 0, "close", "--alone"));
    struct pp_chain_lane lane = {.seq = 0};
    for (unsigned i = 0; i < WAITS_MAX && lane.spent.raw < spent.raw; i++) {
        operator_rest(&world.w);
        payer_world_pass(&world.w, 0);
        lane = payer_world_lane(&world.w, &world.channel);
    }
    ck_assert(pp_grains_eq(lane.spent, spent));
    ck_assert_int_eq(kill(pid, SIGTERM), 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "watch ended with %x", status);
    payer_world_done(&world.w);
}
END_TEST

PP_TESTS("cli_watch")
PP_TEST(daemon__payer_closes_alone__posts_and_operator_collects)
PP_TEST(watch__beside_a_node_and_by_evidence__posts)
PP_TEST(watch__wrong_in_any_way__named)
PP_TEST(watch__on_and_on__posts_until_stopped)
PP_TESTS_END
