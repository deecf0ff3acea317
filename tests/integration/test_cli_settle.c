/* Goal: what a node earned reaches its account, to the last unit, by the operator's job alone. Method: anvil with the contract,
 * pennypostd, a sender, and `pennypost settle` as a timer would run it: time moves, the job runs. The chain is asked at the end. */
#define _GNU_SOURCE
#include "operator_runs.h"
#include "payer_world.h"
#include "pp_test.h"

#include <pp/abi.h>
#include <pp/chain_settle.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEPOSIT "25.00"
#define TURNS_MAX 40u

struct world {
    struct payer_world w;
    char gas_key[300], data[300], envelope[300];
    struct pp_channel_id channel;
};

static void world_make_limited(struct world *world, uint64_t payout_limit)
{
    payer_world_make_limited(&world->w, payout_limit);
    payer_world_node_start(&world->w);
    snprintf(world->gas_key, sizeof world->gas_key, "%s", operator_gas_key(&world->w));
    snprintf(world->data, sizeof world->data, "%.280s/data", world->w.dir.path);
    snprintf(world->envelope, sizeof world->envelope, "%.280s/envelope", world->w.dir.path);
    json_t *opened = PAYER_RUN(&world->w, 0, "open", "--deposit", DEPOSIT);
    pp_json_bytes(opened, "channel_id", world->channel.bytes, 32);
    json_decref(opened);
}

static void world_make(struct world *world)
{
    world_make_limited(world, 0);
}

/* Runs a verb with these arguments and those that every verb takes. */
static json_t *verb_run(struct world *world, const char *const *arguments, int *out_status)
{
    const char *all[40];
    const char *const common[] = {"--passphrase-file", world->w.phrase, "--json", NULL};
    struct cli_run result;
    size_t count = 0;
    for (size_t i = 0; arguments[i]; i++)
        all[count++] = arguments[i];
    for (size_t i = 0; common[i]; i++)
        all[count++] = common[i];
    all[count] = NULL;
    cli_run(&result, all);
    *out_status = result.status;
    json_t *answer = cli_run_json(&result);
    if (result.status != 0 && result.status != 3)
        ck_abort_msg("%s: status %d\n%s\n%s", arguments[0], result.status, result.out, result.err);
    cli_run_done(&result);
    return answer;
}
#define VERB(world, out_status, ...) verb_run(world, (const char *const[]){__VA_ARGS__, NULL}, out_status)

/* Envelopes enough for some whole units. */
static void envelopes_send(struct world *world, unsigned count)
{
    static char bytes[20000];
    int status;
    memset(bytes, 'e', sizeof bytes);
    for (unsigned i = 0; i < count; i++) {
        bytes[0] = (char)('a' + i);
        cli_file_make(world->envelope, bytes, sizeof bytes);
        json_decref(VERB(world, &status, "send", "--wallet", world->w.wallet, "--key", world->w.signer_key,
                         "--topic", "test", "--days", "30", world->envelope));
        ck_assert_int_eq(status, 0);
    }
}

static struct pp_chain_pool pool_of(const struct world *world)
{
    uint8_t call[8], bytes[64];
    char hex[17], to[41], params[256];
    struct pp_writer question;
    struct pp_chain_pool pool;
    pp_writer_init(&question, call, sizeof call);
    pp_abi_write_call(&question, PP_ABI_POOL);
    snprintf(params, sizeof params, "[{\"to\":\"0x%s\",\"data\":\"0x%s\"},\"latest\"]",
             pp_hex_print(world->w.anvil.contract.bytes, 20, to), pp_hex_print(call, question.length, hex));
    json_t *result = pp_anvil_rpc(&world->w.anvil, "eth_call", params);
    pp_bytes_of(json_string_value(result), bytes, sizeof bytes);
    json_decref(result);
    ck_assert_ok(pp_abi_read_pool(bytes, sizeof bytes, &pool));
    return pool;
}

/* PLAN-001 to PLAN-030, over the real thing; CLI-006: operator_settle_until holds the statuses. */
START_TEST(settle__earned_postage__reaches_operator_and_treasury)
{
    struct world world;
    world_make(&world);
    envelopes_send(&world, 3);
    operator_settle_until(&world.w, world.data, "postReport");
    operator_settle_until(&world.w, world.data, "settle");
    struct pp_chain_lane lane = payer_world_lane(&world.w, &world.channel);
    ck_assert(lane.vested.raw >= PP_GRAINS_PER_UNIT);
    struct pp_chain_pool pool = pool_of(&world);
    ck_assert_uint_eq(pool.received.raw, (uint64_t)(lane.vested.raw / PP_GRAINS_PER_UNIT));
    operator_settle_until(&world.w, world.data, "claimPayout");
    pool = pool_of(&world);
    struct pp_units operator= pp_anvil_balance(&world.w.anvil, &world.w.anvil.accounts[4]);
    struct pp_units treasury = pp_anvil_balance(&world.w.anvil, &world.w.anvil.accounts[5]);
    ck_assert_uint_gt(operator.raw, 0);
    ck_assert_uint_eq(operator.raw + treasury.raw, pool.claimed.raw);
    ck_assert_uint_le(pool.claimed.raw, pool.received.raw);

    int status;
    json_t *shown = VERB(&world, &status, "payout", "--data", world.data, "--rpc", world.w.anvil.url);
    ck_assert_int_eq(status, 0);
    const json_t *rows = pp_json_member(shown, "payouts"), *node = json_array_get(rows, 1);
    ck_assert_uint_eq(json_array_size(rows), 2);
    ck_assert_uint_eq(pp_json_u64(node, "node_id"), PP_ANVIL_NODE);
    ck_assert_uint_eq(pp_json_u64(node, "claimed_units"), operator.raw);
    ck_assert_uint_eq(json_array_size(pp_json_member(node, "proof")), 1);
    json_decref(shown);
    payer_world_done(&world.w);
}
END_TEST

/* ---- what goes wrong ---- */

static uint64_t sent_by_gas_key(const struct world *world)
{
    char params[80], hex[41];
    snprintf(params, sizeof params, "[\"0x%s\",\"latest\"]",
             pp_hex_print(world->w.anvil.accounts[3].bytes, 20, hex));
    json_t *count = pp_anvil_rpc(&world->w.anvil, "eth_getTransactionCount", params);
    uint64_t value = strtoull(json_string_value(count), NULL, 16);
    json_decref(count);
    return value;
}

static void expect_error(struct world *world, const char *const *arguments, int status, const char *name)
{
    struct cli_run result;
    (void)world;
    cli_run(&result, arguments);
    json_t *answer = cli_run_json(&result);
    ck_assert_msg(result.status == status, "%s: status %d\n%s", arguments[0], result.status, result.out);
    ck_assert_str_eq(cli_run_error(answer), name);
    json_decref(answer);
    cli_run_done(&result);
}
#define EXPECT_ERROR(world, status, name, ...)                                                               \
    expect_error(world, (const char *const[]){__VA_ARGS__, "--json", NULL}, status, name)

/* PLAN-040: a dry run says all of the call: the chain, asked the same, takes it. */
static void expect_call(const struct world *world, const json_t *row)
{
    char *params, from[41];
    ck_assert_str_eq(pp_json_text(row, "state"), "QUEUED");
    ck_assert_str_eq(pp_json_text(row, "why"), "UNPRICED");
    ck_assert_ptr_null(json_object_get(row, "transaction"));
    ck_assert_int_gt(
        asprintf(&params, "[{\"from\":\"0x%s\",\"to\":\"%s\",\"data\":\"%s\",\"gas\":\"0x%llx\"},\"latest\"]",
                 pp_hex_print(world->w.anvil.accounts[3].bytes, 20, from), pp_json_text(row, "to"),
                 pp_json_text(row, "data"), (unsigned long long)pp_json_u64(row, "gas_limit")),
        0);
    json_decref(pp_anvil_rpc(&world->w.anvil, "eth_call", params));
    free(params);
    pp_u128 most = pp_json_u128(row, "max_fee_per_gas_wei"), cost = pp_json_u128(row, "cost_wei");
    ck_assert(most > 0 && cost > 0 && cost < most * pp_json_u64(row, "gas_limit"));
}

/* Goal: what is missing, wrong, down or of another chain is named, and nothing is sent (CLI-007). A dry run sends nothing either, and the
 * job's journal is one process's, one account's (JOB-003). */
START_TEST(settle__wrong_in_any_way__named_and_nothing_sent)
{
    struct world world;
    struct pp_chain_job *job;
    char journal[330], other[330];
    int status;
    world_make(&world);
    envelopes_send(&world, 3);
    const char *data = world.data, *key = world.gas_key, *rpc = world.w.anvil.url, *phrase = world.w.phrase;
    EXPECT_ERROR(&world, 2, "USAGE", "settle", "--data", data, "--rpc", rpc);
    EXPECT_ERROR(&world, 2, "USAGE", "settle", "--key", key, "--rpc", rpc);
    EXPECT_ERROR(&world, 2, "USAGE", "settle", "--data", data, "--key", key);
    EXPECT_ERROR(&world, 2, "USAGE", "payout", "--data", data, "--key", key);
    EXPECT_ERROR(&world, 2, "USAGE", "settle", "--data", data, "--key", key, "--rpc", rpc, "--dust", "0");
    EXPECT_ERROR(&world, 1, "NOT_FOUND", "settle", "--data", "/nowhere", "--key", key, "--rpc", rpc,
                 "--passphrase-file", phrase);
    EXPECT_ERROR(&world, 5, "NOT_FOUND", "settle", "--data", data, "--key", "/nowhere", "--rpc", rpc,
                 "--passphrase-file", phrase);
    EXPECT_ERROR(&world, 5, "BAD_CONFIG", "settle", "--data", data, "--key", key, "--rpc", "ftp://x",
                 "--passphrase-file", phrase);
    EXPECT_ERROR(&world, 1, "CHAIN_DOWN", "settle", "--data", data, "--key", key, "--rpc",
                 "http://127.0.0.1:1", "--passphrase-file", phrase, "--chain-wait", "0");

    snprintf(journal, sizeof journal, "%.280s/settlement", data);
    snprintf(other, sizeof other, "%.280s/other", data);
    const struct pp_chain_job_config config = {.dir = journal,
                                               .rpc_url = rpc,
                                               .chain_id = PP_ANVIL_CHAIN_ID,
                                               .contract = world.w.anvil.contract,
                                               .key = &world.w.anvil.keys[3]};
    ck_assert_ok(pp_chain_job_open(&config, &job, NULL));
    EXPECT_ERROR(&world, 4, "LOCKED", "settle", "--data", data, "--key", key, "--rpc", rpc,
                 "--passphrase-file", phrase);
    pp_chain_job_close(job);
    EXPECT_ERROR(&world, 5, "WRONG_DOMAIN", "settle", "--data", data, "--key", world.w.payer_keys[1], "--rpc",
                 rpc, "--passphrase-file", phrase);

    uint64_t before = sent_by_gas_key(&world);
    bool planned = false;
    for (unsigned i = 0; i < TURNS_MAX && !planned; i++) {
        payer_world_pass(&world.w, PP_ANVIL_EPOCH_S);
        operator_rest(&world.w);
        payer_world_pass(&world.w, 1); /* the report names a block: that one must be over */
        json_t *answer = VERB(&world, &status, "settle", "--data", data, "--key", key, "--rpc", rpc,
                              "--journal", other, "--dry-run");
        planned = operator_count(answer, "done", "postReport") > 0;
        if (planned)
            expect_call(&world, json_array_get(pp_json_member(answer, "done"), 0));
        ck_assert_int_eq(status, planned ? 0 : 3);
        json_decref(answer);
    }
    ck_assert(planned);
    ck_assert_uint_eq(sent_by_gas_key(&world), before);
    ck_assert_int_ne(access(other, F_OK), 0); /* PLAN-040: nothing was written */
    /* with a report to ask the chain about */
    EXPECT_ERROR(&world, 1, "CHAIN_DOWN", "payout", "--data", data, "--rpc", "http://127.0.0.1:1");
    json_t *shown = VERB(&world, &status, "payout", "--data", data);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_gt(pp_json_u64(shown, "epoch"), 0);
    json_decref(shown);
    payer_world_done(&world.w);
}
END_TEST

/* ---- killed ---- */

#define KILLED 77

struct killing {
    struct world *world;
    unsigned steps, kill_at;
};

static void step_or_die(void *context, const char *next)
{
    struct killing *killing = context;
    (void)next;
    if (++killing->steps == killing->kill_at)
        _exit(KILLED);
}

static bool rest_and_mine(void *context)
{
    const struct killing *killing = context;
    pp_anvil_mine(&killing->world->w.anvil, 1, 1);
    return true;
}

static uint64_t latest_time(const struct world *world)
{
    json_t *block = pp_anvil_rpc(&world->w.anvil, "eth_getBlockByNumber", "[\"latest\",false]");
    uint64_t time_s = strtoull(pp_json_text(block, "timestamp"), NULL, 16);
    json_decref(block);
    return time_s;
}

/* The next block, and the calls before it, are at this time. */
static void time_set(const struct world *world, uint64_t time_s)
{
    char params[40];
    snprintf(params, sizeof params, "[%llu]", (unsigned long long)time_s);
    json_decref(pp_anvil_rpc(&world->w.anvil, "evm_setNextBlockTimestamp", params));
    pp_anvil_mine(&world->w.anvil, 1, 1);
}

static enum pp_error pass(struct killing *killing, struct pp_chain_job *job, const struct pp_claims *claims)
{
    static const struct pp_settle_options options = {.dust = {1}};
    struct pp_settle_result *result = calloc(1, sizeof *result);
    ck_assert_ptr_nonnull(result);
    enum pp_error error = pp_settle_run(job, claims, &options, result);
    for (size_t i = 0; error == PP_OK && i < result->done_count; i++)
        ck_assert_msg(result->done[i].state == PP_JOB_STATE_FINAL, "%s: %s %s", result->done[i].label,
                      pp_job_state_name(result->done[i].state), result->done[i].reason);
    free(result);
    (void)killing;
    return error;
}

/* Posts the report, lets it vest, settles. */
static void whole_job(struct killing *killing, const char *journal)
{
    struct world *world = killing->world;
    struct pp_claims *claims;
    struct pp_chain_job *job;
    const struct pp_chain_job_config config = {.dir = journal,
                                               .rpc_url = world->w.anvil.url,
                                               .chain_id = PP_ANVIL_CHAIN_ID,
                                               .contract = world->w.anvil.contract,
                                               .key = &world->w.anvil.keys[3],
                                               .fees = {.most = 1000000000000, .stuck_after = 10},
                                               .rest = rest_and_mine,
                                               .step = step_or_die,
                                               .context = killing};
    ck_assert_ok(pp_claims_open(world->data, &claims, NULL));
    ck_assert_ok(pp_chain_job_open(&config, &job, NULL));
    for (unsigned i = 0; i < 2; i++) {
        enum pp_error error = pass(killing, job, claims);
        ck_assert_msg(error == PP_OK, "%s: %s", pp_error_name(error), pp_chain_job_reason(job));
        time_set(world, latest_time(world) + PP_ANVIL_VESTING_S + 1);
    }
    pp_chain_job_close(job);
    pp_claims_close(claims);
}

static bool job_in_child(struct world *world, const char *journal, unsigned kill_at)
{
    int status;
    struct killing killing = {.world = world, .kill_at = kill_at};
    fflush(NULL);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        whole_job(&killing, journal);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == KILLED),
                  "status %x", status);
    return WEXITSTATUS(status) == 0;
}

static void snapshot_take(const struct world *world, char out[80])
{
    json_t *id = pp_anvil_rpc(&world->w.anvil, "evm_snapshot", "[]");
    snprintf(out, 80, "[\"%s\"]", json_string_value(id));
    json_decref(id);
}

/* Lost: the folder is renamed, as if a disk had gone. */
static void journal_lose(const char *journal)
{
    char lost[350];
    snprintf(lost, sizeof lost, "%.330s-lost", journal);
    ck_assert(rename(journal, lost) == 0 || errno == ENOENT);
}

/* The job killed at every step and run again, with its journal or without. */
static void kill_at_every_step(bool lose)
{
    struct world world;
    char snapshot[80], journal[330];
    unsigned kill_at = 1;
    pp_u128 vested = 0;
    world_make(&world);
    envelopes_send(&world, 3);
    for (uint64_t epochs = 0; epochs == 0;) { /* until the node has a report */
        struct pp_claims *claims;
        struct pp_claims_head head;
        payer_world_pass(&world.w, PP_ANVIL_EPOCH_S);
        operator_rest(&world.w);
        ck_assert_ok(pp_claims_open(world.data, &claims, NULL));
        pp_claims_head(claims, &head);
        epochs = head.reports;
        pp_claims_close(claims);
    }
    payer_world_node_stop(&world.w);
    json_decref(pp_anvil_rpc(&world.w.anvil, "evm_setIntervalMining", "[0]"));
    json_decref(pp_anvil_rpc(&world.w.anvil, "evm_setAutomine", "[true]"));
    json_decref(pp_anvil_rpc(&world.w.anvil, "anvil_setBlockTimestampInterval", "[1]"));
    pp_anvil_mine(&world.w.anvil, 1, 1);
    snapshot_take(&world, snapshot);
    for (bool finished = false; !finished; kill_at++) {
        snprintf(journal, sizeof journal, "%.280s/job-%u", world.w.dir.path, kill_at);
        json_decref(pp_anvil_rpc(&world.w.anvil, "evm_revert", snapshot));
        snapshot_take(&world, snapshot);
        uint64_t before = sent_by_gas_key(&world);
        finished = job_in_child(&world, journal, kill_at);
        if (!finished && lose)
            journal_lose(journal);
        if (!finished)
            ck_assert(job_in_child(&world, journal, 0));
        ck_assert_msg(sent_by_gas_key(&world) == before + 2, "killed at step %u: %d transactions", kill_at,
                      (int)(sent_by_gas_key(&world) - before));
        struct pp_chain_lane lane = payer_world_lane(&world.w, &world.channel);
        ck_assert(lane.vested.raw > 0 && (vested == 0 || lane.vested.raw == vested));
        vested = lane.vested.raw;
        ck_assert_uint_eq(pool_of(&world).received.raw, (uint64_t)(vested / PP_GRAINS_PER_UNIT));
    }
    ck_assert_uint_gt(kill_at, 15);
    payer_world_done(&world.w);
}

/* Goal: the whole job, killed at its first step, its second, ..., and run again, sends each transaction once, and the lane is
 * settled to the same grain (JOB-001, JOB-002). Method: the node has made a report and is stopped; the chain goes back to there
 * for every kill. */
START_TEST(settle__killed_between_any_two_steps__settles_once)
{
    kill_at_every_step(false);
}
END_TEST

/* Goal: the same without the journal of the run that was killed: the chain says what was done (JOB-011). */
START_TEST(settle__killed_and_journal_lost_at_any_step__settles_once)
{
    kill_at_every_step(true);
}
END_TEST

/* Goal: where payouts have a limit, a payout comes in parts, an epoch each, without a word from anyone (CHAIN-055, JOB-009, PLAN-031). */
START_TEST(settle__payouts_have_a_limit__paid_in_parts)
{
    struct world world;
    uint64_t parts = 0, claimed = 0, limited = 0;
    int status;
    world_make_limited(&world, 1);
    envelopes_send(&world, 3);
    operator_settle_until(&world.w, world.data, "settle");
    for (unsigned i = 0; i < TURNS_MAX && parts < 2; i++) {
        json_t *answer = operator_run(&world.w, "settle", world.data, &status);
        ck_assert_msg(status == 0 || status == 3, "status %d", status);
        size_t index;
        const json_t *row;
        parts += operator_count(answer, "done", "claimPayout");
        json_array_foreach(pp_json_member(answer, "waiting"), index,
                           row) if (strcmp(pp_json_text(row, "reason"), "PAYOUT_LIMIT") == 0)
        {
            limited++;
            ck_assert_uint_le(pp_json_u64(row, "seconds_left"), PP_ANVIL_EPOCH_S);
        }
        json_decref(answer);
        claimed = pool_of(&world).claimed.raw;
        ck_assert_uint_eq(claimed, parts);
        payer_world_pass(&world.w, PP_ANVIL_EPOCH_S);
        operator_rest(&world.w);
        payer_world_pass(&world.w, 1); /* behind the block of the report */
    }
    ck_assert_uint_ge(parts, 2);
    ck_assert_uint_gt(limited, 0);
    payer_world_done(&world.w);
}
END_TEST

/* A key that the job never sees: another implementation makes the same digest of the fields, and signs (KEY-021, KEY-024). */
START_TEST(settle__signed_by_a_command__posted)
{
    struct world world;
    char *command, account[43] = "0x", key[67] = "0x";
    int status = 3;
    world_make(&world);
    envelopes_send(&world, 3);
    pp_hex_print(world.w.anvil.accounts[3].bytes, 20, account + 2);
    pp_hex_print(world.w.anvil.keys[3].bytes, 32, key + 2);
    ck_assert_int_gt(asprintf(&command, "node '%s/tests/support/chain/sign.mjs' %s", PP_SOURCE_DIR, key), 0);
    EXPECT_ERROR(&world, 2, "USAGE", "settle", "--data", world.data, "--rpc", world.w.anvil.url,
                 "--signer-command", command);
    EXPECT_ERROR(&world, 2, "USAGE", "settle", "--data", world.data, "--rpc", world.w.anvil.url,
                 "--signer-command", command, "--signer-address", account, "--key", world.gas_key);
    EXPECT_ERROR(&world, 5, "BAD_FORMAT", "settle", "--data", world.data, "--rpc", world.w.anvil.url,
                 "--signer-command", command, "--signer-address", "0x12");
    for (unsigned i = 0; i < TURNS_MAX && status == 3; i++) {
        payer_world_pass(&world.w, PP_ANVIL_EPOCH_S);
        operator_rest(&world.w);
        payer_world_pass(&world.w, 1);
        json_t *answer = VERB(&world, &status, "settle", "--data", world.data, "--rpc", world.w.anvil.url,
                              "--signer-command", command, "--signer-address", account);
        if (status == 0)
            ck_assert_uint_eq(operator_count(answer, "done", "postReport"), 1);
        json_decref(answer);
    }
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(sent_by_gas_key(&world), 1);
    payer_world_done(&world.w);
    free(command);
}
END_TEST

static char *metrics_read(const char *path)
{
    static char text[16384];
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    size_t length = fread(text, 1, sizeof text - 1, file);
    text[length] = '\0';
    fclose(file);
    return text;
}

/* The coin's price decides (PLAN-016, PLAN-017): too dear, the report waits, and is told with its cost; near the time at which the
 * contract would refuse it, it is posted if it is worth its cost; and the run's numbers are there to be collected (CLI-008). */
START_TEST(settle__price_of_gas__weighed_and_told)
{
    struct world world;
    char metrics[330];
    int status = 0;
    bool waits = false;
    world_make(&world);
    envelopes_send(&world, 3);
    snprintf(metrics, sizeof metrics, "%.280s/job.prom", world.w.dir.path);
    for (unsigned i = 0; i < TURNS_MAX && !waits; i++) {
        payer_world_pass(&world.w, PP_ANVIL_EPOCH_S);
        operator_rest(&world.w);
        payer_world_pass(&world.w, 1);
        json_t *answer = VERB(&world, &status, "settle", "--data", world.data, "--key", world.gas_key,
                              "--rpc", world.w.anvil.url, "--coin-units", "1000000000000000000", "--urgent",
                              "0", "--metrics", metrics);
        ck_assert_int_eq(status, 3);
        size_t index;
        const json_t *row;
        json_array_foreach(pp_json_member(answer, "waiting"), index,
                           row) if (strcmp(pp_json_text(row, "reason"), "UNPROFITABLE") == 0)
        {
            waits = true;
            ck_assert_str_eq(pp_json_text(row, "kind"), "postReport");
            ck_assert_uint_gt(pp_json_u64(row, "cost_units"), pp_json_u64(row, "value_units"));
        }
        json_decref(answer);
    }
    ck_assert(waits);
    ck_assert_uint_eq(sent_by_gas_key(&world), 0);
    char *text = metrics_read(metrics);
    ck_assert_ptr_nonnull(strstr(text, "\npennypost_settle_last_status 3\n"));
    ck_assert_ptr_nonnull(strstr(text, "# TYPE pennypost_settle_waiting_units gauge\n"));
    ck_assert_ptr_null(strstr(text, "waiting_units{reason=\"UNPROFITABLE\"} 0\n"));
    ck_assert_ptr_nonnull(strstr(text, "\npennypost_settle_balance_wei 1"));

    json_t *answer = NULL;
    for (unsigned i = 0; i < TURNS_MAX && status == 3; i++) { /* the node may have made another report meanwhile: once its epoch is over */
        payer_world_pass(&world.w, i == 0 ? 1 : PP_ANVIL_EPOCH_S);
        json_decref(answer);
        answer = VERB(&world, &status, "settle", "--data", world.data, "--key", world.gas_key, "--rpc",
                      world.w.anvil.url, "--coin-units", "1000", "--metrics", metrics);
    }
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(operator_count(answer, "done", "postReport"), 1);
    ck_assert_str_eq(pp_json_text(json_array_get(pp_json_member(answer, "done"), 0), "why"), "WORTH_IT");
    json_decref(answer);
    text = metrics_read(metrics);
    ck_assert_ptr_nonnull(strstr(text, "\npennypost_settle_last_status 0\n"));
    ck_assert_ptr_nonnull(strstr(text, "\npennypost_settle_transactions{state=\"FINAL\"} 1\n"));
    payer_world_done(&world.w);
}
END_TEST

PP_TESTS("cli_settle")
PP_TEST(settle__payouts_have_a_limit__paid_in_parts)
PP_TEST(settle__price_of_gas__weighed_and_told)
PP_TEST(settle__signed_by_a_command__posted)
PP_TEST(settle__wrong_in_any_way__named_and_nothing_sent)
PP_TEST(settle__killed_between_any_two_steps__settles_once)
PP_TEST(settle__killed_and_journal_lost_at_any_step__settles_once)
PP_TEST(settle__earned_postage__reaches_operator_and_treasury)
PP_TESTS_END
