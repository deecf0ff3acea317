/* A node of several shards as a sender and an operator meet it: one channel with a lane at each, its envelopes, the reports
 * and payouts of both, processes that share a folder, and one that is killed. Method: anvil with the contract, pennypostd as
 * processes, the command. */
#include "cli_run.h"
#include "http_fixture.h"
#include "operator_runs.h"
#include "payer_world.h"
#include "pp_test.h"

#include <pp/abi.h>
#include <pp/chain_rpc.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LANES 2u
static const char *const lane_names[LANES] = {"1280", "1281"};

struct world {
    struct payer_world w;
    char data[300], envelope[300], got[300];
    struct pp_channel_id channel;
};

static void world_make(struct world *world)
{
    payer_world_make(&world->w);
    world->w.shards = "0-1";
    snprintf(world->data, sizeof world->data, "%.280s/data", world->w.dir.path);
    snprintf(world->envelope, sizeof world->envelope, "%.280s/envelope", world->w.dir.path);
    snprintf(world->got, sizeof world->got, "%.280s/got", world->w.dir.path);
    payer_world_blocks_flow(&world->w);
    payer_world_node_start(&world->w);
}

static void channel_open(struct world *world)
{
    json_t *opened =
        PAYER_RUN(&world->w, 0, "open", "--deposit", "30.00", "--lane", "1280:15.00", "--lane", "1281");
    pp_json_bytes(opened, "channel_id", world->channel.bytes, 32);
    json_decref(opened);
}

static uint16_t port_of(const struct world *world)
{
    return (uint16_t)strtoul(strrchr(world->w.node_url, ':') + 1, NULL, 10);
}

static void ask(const struct world *world, const char *path, struct http_reply *out)
{
    http_ask(http_dial(port_of(world)), "GET", path, "", NULL, 0, out);
}

/* Envelope number `seed` on a lane: 20000 bytes that say both. */
static void envelope_send(struct world *world, unsigned lane, unsigned seed)
{
    static char bytes[20000];
    memset(bytes, 'e', sizeof bytes);
    snprintf(bytes, sizeof bytes, "lane %s number %u", lane_names[lane], seed);
    cli_file_make(world->envelope, bytes, sizeof bytes);
    json_decref(PAYER_RUN(&world->w, 0, "send", "--lane", lane_names[lane], "--topic", "test", "--days", "30",
                          world->envelope));
}

/* The topic's first number on a lane, once the index has it. */
static json_int_t first_of_topic(struct world *world, unsigned lane)
{
    for (;;) {
        json_t *list = PAYER_RUN(&world->w, 0, "list", "--topic", "test", "--lane", lane_names[lane]);
        json_int_t sequence = json_integer_value(json_array_get(pp_json_member(list, "sequences"), 0));
        json_decref(list);
        if (sequence > 0)
            return sequence;
        operator_rest(&world->w);
    }
}

/* ---- a sender ---- */

/* HTTP-097, NODE-107: both shards have an envelope number; each is read by its lane, and never guessed. */
START_TEST(read__the_same_number_of_two_shards__each_by_its_lane)
{
    struct world world;
    struct http_reply reply;
    char path[80];
    world_make(&world);
    channel_open(&world);
    for (unsigned lane = 0; lane < LANES; lane++)
        envelope_send(&world, lane, 7);
    json_int_t sequence = first_of_topic(&world, 0);
    ck_assert_int_eq(first_of_topic(&world, 1), sequence);
    for (unsigned lane = 0; lane < LANES; lane++) {
        char number[24], expected[64];
        size_t length;
        snprintf(number, sizeof number, "%lld", (long long)sequence);
        json_decref(PAYER_RUN(&world.w, 0, "read", number, "--lane", lane_names[lane], "--out", world.got));
        char *bytes = pp_file_load(world.got, &length);
        snprintf(expected, sizeof expected, "lane %s number 7", lane_names[lane]);
        ck_assert_uint_eq(length, 20000);
        ck_assert_str_eq(bytes, expected);
        free(bytes);
    }
    static const struct {
        const char *query, *code, *field;
        unsigned status;
    } cases[] = {
        {"", "MISSING_FIELD", "lane", 400},          {"?lane=1290", "UNKNOWN_LANE", "lane", 404},
        {"?lane=1024", "UNKNOWN_LANE", "lane", 404}, {"?lane=x", "BAD_FORMAT", "lane", 400},
        {"?lane=0", "OUT_OF_RANGE", "lane", 400},    {"?lane=4294967296", "OUT_OF_RANGE", "lane", 400},
        {"?limit=1", "UNKNOWN_FIELD", "query", 400}, {"?lane=1280&lane=1280", "BAD_FORMAT", "lane", 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(path, sizeof path, "/v1/envelopes/%lld%s", (long long)sequence, cases[i].query);
        ask(&world, path, &reply);
        ck_assert_refused(&reply, cases[i].status, cases[i].code, cases[i].field);
        http_reply_done(&reply);
    }
    ask(&world, "/v1/topics/74657374/envelopes?after=0", &reply);
    ck_assert_refused(&reply, 400, "MISSING_FIELD", "lane");
    http_reply_done(&reply);
    ask(&world, "/v1/topics/74657374/envelopes?lane=1281&limit=1", &reply);
    ck_assert_uint_eq(reply.status, 200);
    http_reply_done(&reply);
    payer_world_done(&world.w);
}
END_TEST

/* HTTP-098: what the node says of itself: sums, and each of them. And its terms list the lanes. */
START_TEST(status__two_shards__sums_and_each)
{
    struct world world;
    struct http_reply reply;
    world_make(&world);
    channel_open(&world);
    envelope_send(&world, 0, 1);
    envelope_send(&world, 1, 1);
    envelope_send(&world, 1, 2);
    ask(&world, "/v1/status", &reply);
    ck_assert_uint_eq(reply.status, 200);
    const json_t *shards = pp_json_member(reply.json, "shards");
    ck_assert_uint_eq(json_array_size(shards), LANES);
    uint64_t records = 0;
    for (unsigned i = 0; i < LANES; i++) {
        const json_t *shard = json_array_get(shards, i);
        ck_assert_uint_eq(pp_json_u64(shard, "lane"), 1280 + i);
        ck_assert_uint_eq(pp_json_u64(shard, "stamps"), 1 + i);
        ck_assert_uint_eq(pp_json_u64(shard, "lanes"), 1);
        ck_assert(pp_json_bool(shard, "fresh") && !pp_json_bool(shard, "full"));
        records += pp_json_u64(shard, "journal_sequence");
    }
    ck_assert_uint_eq(pp_json_u64(reply.json, "stamps"), 3);
    ck_assert_uint_eq(pp_json_u64(reply.json, "lanes"), 2);
    ck_assert_uint_eq(pp_json_u64(reply.json, "journal_sequence"), records);
    http_reply_done(&reply);
    ask(&world, "/v1/health", &reply);
    ck_assert_uint_eq(reply.status, 200);
    http_reply_done(&reply);
    json_t *terms = PAYER_RUN(&world.w, 0, "terms");
    ck_assert_uint_eq(pp_json_u64(terms, "lane"), 1280);
    ck_assert_uint_eq(json_array_size(pp_json_member(terms, "lanes")), LANES);
    json_decref(terms);
    payer_world_done(&world.w);
}
END_TEST

/* A sender that names no lane gets one by its signer, the same when it asks again, though the node has more shards by then. */
START_TEST(open__no_lane_named__one_by_the_signer_and_kept)
{
    struct world world;
    world_make(&world);
    uint32_t number = 0;
    for (size_t i = 0; i < 4; i++)
        number = number << 8 | world.w.signer.bytes[i];
    json_t *first = PAYER_RUN(&world.w, 0, "open", "--deposit", "5.00");
    uint64_t lane = pp_json_u64(json_array_get(pp_json_member(first, "lanes"), 0), "lane");
    ck_assert_uint_eq(lane, 1280 + number % 2);
    payer_world_node_stop(&world.w);
    world.w.shards = "0-4";
    payer_world_node_start(&world.w);
    ck_assert_uint_ne(lane, 1280 + number % 5); /* where a new channel of the signer would be */
    json_t *again = PAYER_RUN(&world.w, 0, "open", "--deposit", "5.00");
    ck_assert_str_eq(pp_json_text(again, "channel_id"), pp_json_text(first, "channel_id"));
    json_decref(first);
    json_decref(again);
    payer_world_done(&world.w);
}
END_TEST

/* ---- the operator ---- */

static struct pp_chain_lane lane_on_chain(const struct world *world, uint32_t lane)
{
    uint8_t call[128], out[512];
    struct pp_writer question;
    struct pp_chain_lane found;
    struct pp_rpc *rpc;
    size_t length;
    pp_writer_init(&question, call, sizeof call);
    pp_abi_write_lane_of(&question, &world->channel, lane);
    const struct pp_rpc_call ask_lane = {.to = world->w.anvil.contract,
                                         .data = question.bytes,
                                         .data_length = question.length,
                                         .at = PP_RPC_AT_LATEST};
    ck_assert_ok(pp_rpc_open(world->w.anvil.url, 0, &rpc));
    ck_assert_ok(pp_rpc_call(rpc, &ask_lane, out, sizeof out, &length));
    pp_rpc_close(rpc);
    ck_assert_ok(pp_abi_read_lane(out, length, &found));
    return found;
}

/* NODE-105, NODE-109, NODE-115: one report settles the lanes of both shards; verify finds nothing in either; one shard by itself is not
 * settled, for it would leave out the others. */
START_TEST(settle__two_shards__both_lanes_by_one_report)
{
    struct world world;
    char one[330];
    int status;
    world_make(&world);
    channel_open(&world);
    for (unsigned i = 0; i < 3; i++)
        for (unsigned lane = 0; lane < LANES; lane++)
            envelope_send(&world, lane, i);
    operator_settle_until(&world.w, world.data, "postReport");
    operator_settle_until(&world.w, world.data, "settle");
    struct pp_chain_lane lanes[LANES];
    for (unsigned i = 0; i < LANES; i++) {
        lanes[i] = lane_on_chain(&world, 1280 + i);
        ck_assert(lanes[i].vested.raw >= PP_GRAINS_PER_UNIT);
    }
    operator_settle_until(&world.w, world.data, "claimPayout");
    snprintf(one, sizeof one, "%s/shard-001", world.data);
    json_t *answer = operator_run(&world.w, "settle", one, &status);
    ck_assert_int_eq(status, 1);
    ck_assert_str_eq(cli_run_error(answer), "BAD_CONFIG");
    json_decref(answer);
    answer = operator_run(&world.w, "verify", world.data, &status); /* beside the node */
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(pp_json_u64(answer, "stamps"), 6);
    ck_assert_uint_ge(pp_json_u64(answer, "reports"), 1);
    json_decref(answer);
    snprintf(one, sizeof one, "%s/shard-002", world.data); /* NODE-115: what it can is done, and what it cannot is told */
    ck_assert_int_eq(mkdir(one, 0700), 0);
    answer = operator_run(&world.w, "settle", world.data, &status);
    ck_assert_int_eq(status, 1);
    ck_assert_ptr_nonnull(strstr(pp_json_text(answer, "left_out"), "shard-002"));
    json_decref(answer);
    ck_assert_int_eq(rmdir(one), 0);
    answer = operator_run(&world.w, "settle", world.data, &status);
    ck_assert_int_ne(status, 1);
    json_decref(answer);
    payer_world_done(&world.w);
}
END_TEST

/* ---- processes ---- */

/* Another pennypostd on the same folder. Its exit status and what it logged, once it ended or listens (status -1). */
static pid_t daemon_start(const struct world *world, const char *shards, const char *log, bool *out_listens)
{
    char config[400], byte;
    int ends[2];
    pid_t parent = getpid();
    snprintf(config, sizeof config, "%s/node.conf", world->w.dir.path);
    ck_assert_int_eq(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int err = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(ends[1], STDOUT_FILENO);
        dup2(err, STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        if (getppid() == parent)
            execl(PP_BINARY_DIR "/pennypostd", "pennypostd", config, "--shards", shards, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    *out_listens = read(ends[0], &byte, 1) == 1;
    close(ends[0]);
    return child;
}

static void daemon_end(pid_t child, int number, int expected)
{
    int status;
    if (number != 0)
        ck_assert_int_eq(kill(child, number), 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    if (number == SIGKILL)
        return;
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == expected, "status %x", status);
}

static void log_has(const char *log, const char *words)
{
    size_t length;
    char *text = pp_file_load(log, &length);
    ck_assert_msg(strstr(text, words) != NULL, "no '%s' in:\n%s", words, text);
    free(text);
}

/* NODE-101: disjoint lists side by side; where lists overlap the second says who has it; a killed one is followed at once,
 * also one that was stopped before it was killed. */
START_TEST(daemons__one_folder__disjoint_lists_work_and_overlapping_are_refused)
{
    struct world world;
    char log[300], who[64];
    bool listens;
    int status;
    world_make(&world);
    channel_open(&world);
    snprintf(log, sizeof log, "%.280s/other.log", world.w.dir.path);
    snprintf(who, sizeof who, "process %d on ", (int)world.w.node);
    pid_t child = daemon_start(&world, "1-2", log, &listens);
    ck_assert(!listens);
    daemon_end(child, 0, 1);
    log_has(log, "LOCKED");
    log_has(log, "shard 1: ");
    log_has(log, who);
    pid_t other = daemon_start(&world, "2-3", log, &listens);
    ck_assert(listens);
    for (unsigned lane = 0; lane < LANES; lane++)
        envelope_send(&world, lane, 1);
    ck_assert_int_eq(kill(world.w.node, SIGSTOP), 0); /* it hangs: nobody gets in */
    child = daemon_start(&world, "0-1", log, &listens);
    ck_assert(!listens);
    daemon_end(child, 0, 1);
    log_has(log, who);
    daemon_end(world.w.node, SIGKILL, 0); /* until it is ended */
    payer_world_node_start(&world.w);
    for (unsigned lane = 0; lane < LANES; lane++)
        envelope_send(&world, lane, 2);
    daemon_end(other, SIGTERM, 0);
    payer_world_node_stop(&world.w);
    json_t *answer = operator_run(&world.w, "verify", world.data, &status);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(pp_json_u64(answer, "stamps"), 4);
    json_decref(answer);
    world.w.shards = NULL; /* a shard by itself in a folder of several: neither would be reported right */
    child = daemon_start(&world, "", log, &listens);
    ck_assert(!listens);
    daemon_end(child, 0, 1);
    log_has(log, "there are shards in it");
    payer_world_done(&world.w);
}
END_TEST

PP_TESTS("cli_shards")
PP_TEST(read__the_same_number_of_two_shards__each_by_its_lane)
PP_TEST(status__two_shards__sums_and_each)
PP_TEST(open__no_lane_named__one_by_the_signer_and_kept)
PP_TEST(settle__two_shards__both_lanes_by_one_report)
PP_TEST(daemons__one_folder__disjoint_lists_work_and_overlapping_are_refused)
PP_TESTS_END
