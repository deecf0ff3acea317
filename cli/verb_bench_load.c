#include "load_bench.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY_BYTES (PP_LEAF_SHORT_BYTES + 1u + 32u) /* of a frame, beside the payload */

struct choices {
    bool in_process, http, charges, search, yes;
    uint64_t rate, seconds, p99_limit_ms, batch, bytes, days, connections, threads, lanes, seed, check, pid;
    bool lanes_given, p99_given, batch_given, check_given;
    const char *stamp, *arrivals, *dir, *report, *max_cost, *max_price;
    struct cli_list channels;
};

/* What is open while it runs. */
struct load {
    struct load_bench bench;
    struct load_node node;
    struct load_payers payers;
    struct cli_terms terms;
    struct load_result result;
    struct cli_problem problem;
};

/* ---- what was understood ---- */

/* 0: of none that there is. */
static enum pp_stamp_kind kind_of(const struct choices *c)
{
    return strcmp(c->stamp, "single") == 0    ? PP_STAMP_SINGLE
           : strcmp(c->stamp, "batch") == 0   ? PP_STAMP_BATCH
           : strcmp(c->stamp, "session") == 0 ? PP_STAMP_SESSION
                                              : (enum pp_stamp_kind)0;
}

/* Of one request. A session is for those whose next envelope cannot wait for others: one, if nothing is said. */
static uint64_t stamps_of(const struct choices *c)
{
    if (kind_of(c) == PP_STAMP_SINGLE || (kind_of(c) == PP_STAMP_SESSION && !c->batch_given))
        return 1;
    return c->batch;
}

static int choices_check(struct cli *cli, const struct choices *c, size_t folders)
{
    struct pp_grains ignored;
    if (c->in_process == (cli->node_url != NULL))
        return cli_usage(cli, "either --node URL, or --in-process");
    if (kind_of(c) == 0)
        return cli_usage(cli, "--stamp is single, batch or session, not '%s'", c->stamp);
    if (c->batch_given && kind_of(c) == PP_STAMP_SINGLE)
        return cli_usage(cli, "--batch goes with --stamp batch or session");
    if (stamps_of(c) * (c->bytes + ENTRY_BYTES) > PP_BODY_MAX_BYTES && kind_of(c) != PP_STAMP_SINGLE)
        return cli_usage(
            cli, "a request of %" PRIu64 " x %" PRIu64 " bytes is above the %u bytes that it may have",
            stamps_of(c), c->bytes, PP_BODY_MAX_BYTES);
    if (strcmp(c->arrivals, "poisson") != 0 && strcmp(c->arrivals, "uniform") != 0)
        return cli_usage(cli, "--arrivals is poisson or uniform, not '%s'", c->arrivals);
    if (c->p99_given && !c->search)
        return cli_usage(cli, "--p99-limit goes with --search");
    if (c->lanes_given && !c->in_process)
        return cli_usage(cli,
                         "--lanes goes with --in-process: over HTTP the wallets' channels are the lanes");
    if (c->http && !c->in_process)
        return cli_usage(cli, "--http goes with --in-process");
    if (c->charges && (!c->in_process || c->http))
        return cli_usage(cli, "--charges goes with --in-process, without --http: no node has an API for it");
    if (c->charges && c->check_given)
        return cli_usage(cli, "--check goes without --charges: a ticket has no receipt");
    if (kind_of(c) == PP_STAMP_SESSION && c->in_process && c->lanes > PP_SESSIONS_MAX)
        return cli_usage(cli, "--stamp session has at most %u --lanes: a session each", PP_SESSIONS_MAX);
    if (kind_of(c) == PP_STAMP_SESSION && c->in_process && c->lanes * stamps_of(c) > LOAD_UNSIGNED_MAX)
        return cli_usage(cli, "%" PRIu64 " lanes x %" PRIu64 " stamps are above the %u that may be unsigned",
                         c->lanes, stamps_of(c), LOAD_UNSIGNED_MAX);
    if (c->in_process && (folders > 0 || c->channels.count > 0 || c->max_cost || c->yes || c->pid))
        return cli_usage(cli, "--in-process takes no wallets, and costs nothing");
    if (cli_money_parse(c->max_price, 9, &ignored) != PP_OK ||
        (c->max_cost && cli_money_parse(c->max_cost, 9, &ignored) != PP_OK))
        return cli_usage(cli, "--max-price and --max-cost are token amounts like 0.001");
    return CLI_OK;
}

/* Twice the time of sending, for signing takes time, too; where that is not enough, another session follows. */
static uint64_t session_life_ms(const struct choices *c)
{
    const uint64_t life_ms = (c->seconds * (c->search ? LOAD_STEPS_MAX : 1) * 2 + 120) * 1000;
    return life_ms < LOAD_SESSION_LIFE_MAX_MS ? life_ms : LOAD_SESSION_LIFE_MAX_MS;
}

static void bench_fill(struct cli *cli, const struct choices *c, struct load *load)
{
    load->bench.cli = cli;
    load->bench.shape = (struct load_shape){.kind = kind_of(c),
                                            .stamps = (uint32_t)stamps_of(c),
                                            .bytes = (uint32_t)c->bytes,
                                            .days = (uint16_t)c->days,
                                            .seed = c->seed,
                                            .charges = c->charges};
    load->bench.arrivals = strcmp(c->arrivals, "uniform") == 0 ? LOAD_UNIFORM : LOAD_POISSON;
    load->bench.seed = c->seed;
    load->bench.session_life_ms = session_life_ms(c);
    load->bench.check_percent = c->charges ? 0 : (unsigned)c->check;
    load->bench.target_pid = c->pid;
}

/* A lane belongs to one thread: so many threads that they share the lanes evenly. */
static unsigned threads_of(uint64_t wanted, uint32_t lanes)
{
    unsigned threads = (unsigned)wanted;
    while (lanes % threads != 0)
        threads--;
    return threads;
}

static void result_fill(const struct choices *c, struct load *load, const char *target, unsigned decimals)
{
    const struct load_bench *bench = &load->bench;
    load->result = (struct load_result){.target = target,
                                        .in_process = c->in_process,
                                        .shape = bench->shape,
                                        .arrivals = c->arrivals,
                                        .seed = c->seed,
                                        .lanes = bench->lanes_count,
                                        .threads = bench->threads,
                                        .connections = load->node.connections * bench->threads,
                                        .decimals = decimals};
}

/* ---- running ---- */

static int load_run(struct cli *cli, const struct choices *c, struct load *load)
{
    sigset_t before;
    load_signals_block(&before);
    const enum pp_error error =
        c->search ? load_bench_search(&load->bench, c->rate, c->seconds, c->p99_limit_ms * 1000000,
                                      &load->result, &load->problem)
                  : load_bench_run(&load->bench, c->rate, c->seconds, &load->result, &load->problem);
    load_signals_restore(&before);
    if (error != PP_OK && load->result.rounds == 0)
        return cli_problem_tell(cli, &load->problem);
    if (error != PP_OK) /* what was measured before is told */
        cli_warn(cli, "it ended early: %s: %s", pp_error_name(error), load->problem.detail);
    const int status = load_report_tell(cli, &load->result, c->report);
    return error == PP_OK ? status : CLI_FAILED;
}

/* ---- sessions ---- */

/* SESSION-002: a key that the node's receipt key did not sign is somebody's between. terms NULL: the engine's own. */
static int sessions_make(struct cli *cli, struct load *load, const struct cli_terms *terms)
{
    struct pp_session_public key;
    struct pp_receipt_signature signature;
    if (load->bench.shape.kind != PP_STAMP_SESSION)
        return CLI_OK;
    if (terms && !terms->has_session)
        return cli_fail(cli, PP_NOT_FOUND, "the node takes no sessions");
    if (terms) {
        key = terms->session_key;
        signature = terms->session_signature;
    } else {
        pp_node_session_key(load_place_node(load->bench.place), &key, &signature);
    }
    enum pp_error error =
        pp_session_node_check(&load->bench.terms->receipt_key, load->bench.terms->node_id, &key, &signature);
    if (error == PP_OK)
        error = load_bench_sessions(&load->bench, &key);
    return error == PP_OK ? CLI_OK : cli_fail(cli, error, "the node's session key");
}

/* ---- in process ---- */

/* The generated node, as any other over HTTP. */
static int run_served(struct cli *cli, const struct choices *c, struct load *load, const char *url)
{
    enum pp_error error = load_node_find(url, &load->node);
    if (error == PP_OK)
        error = cli_exchange_open(url, &load->bench.exchange);
    if (error != PP_OK)
        return cli_fail(cli, error, "%s", url);
    load->bench.node = &load->node;
    load->node.connections = ((unsigned)c->connections + load->bench.threads - 1) / load->bench.threads;
    result_fill(c, load, url, 6);
    const int status = load_run(cli, c, load);
    cli_exchange_close(load->bench.exchange);
    return status;
}

static int run_in_process(struct cli *cli, const struct choices *c, struct load *load)
{
    const struct load_place_config config = {.dir = c->dir,
                                             .lanes = (uint32_t)c->lanes,
                                             .serves = c->http,
                                             .charges = c->charges,
                                             .crypto = cli->crypto};
    struct load_place *place;
    char reason[512];
    const enum pp_error error = load_place_open(&config, &place, reason);
    if (error != PP_OK)
        return cli_fail(cli, error, "%s", reason);
    load->bench.place = place;
    load->bench.lanes = load_place_lanes(place);
    load->bench.lanes_count = (uint32_t)c->lanes;
    load->bench.threads = threads_of(c->threads, load->bench.lanes_count);
    load->bench.domain = load_place_domain(place);
    load->bench.terms = load_place_terms(place);
    int status = sessions_make(cli, load, NULL);
    if (status == CLI_OK && c->http) {
        status = run_served(cli, c, load, load_place_url(place));
    } else if (status == CLI_OK) {
        result_fill(c, load, load_place_path(place), 6);
        status = load_run(cli, c, load);
    }
    load_place_close(place);
    return status;
}

/* ---- over HTTP ---- */

static struct pp_grains caps_free(const struct load_payers *payers)
{
    struct pp_grains sum = PP_GRAINS_ZERO;
    for (uint32_t i = 0; i < payers->count; i++)
        sum = pp_grains_add_checked(sum, pp_wallet_free(payers->lanes[i].wallet));
    return sum;
}

/* The most that it costs: of a search, all that the channels have. */
static enum pp_error cost_most(const struct choices *c, struct load *load, struct pp_grains *out)
{
    struct cli_quote quote;
    struct pp_grains postage;
    const struct pp_grains all = caps_free(&load->payers);
    PP_TRY(load_bench_quote(&load->bench, &quote, &load->problem));
    const enum pp_error error = load_bench_postage(&load->bench, &quote, &postage);
    if (error != PP_OK)
        return cli_problem_set(&load->problem, error, "the price of these envelopes");
    *out = all;
    const uint64_t lanes = load->bench.lanes_count;
    uint64_t requests = c->rate * c->seconds;
    if (load->bench.shape.kind == PP_STAMP_SESSION) /* the chunks of all lanes are alike */
        requests = (requests + lanes - 1) / lanes * lanes;
    if (!c->search && pp_grains_mul(postage, requests * load->bench.shape.stamps, out) != PP_OK)
        *out = all;
    return PP_OK;
}

/* LOAD-004: nothing is signed that nobody agreed to. */
static int money_check(struct cli *cli, const struct choices *c, struct load *load)
{
    struct pp_refusal refusal;
    struct pp_grains cost, agreed;
    char money[CLI_MONEY_MAX];
    const unsigned decimals = load->terms.token_decimals;
    if (cost_most(c, load, &cost) != PP_OK)
        return cli_problem_tell(cli, &load->problem);
    cli_note(cli, "this pays real postage, at most %s %s", cli_money_grains(cost, decimals, money),
             c->search ? "(all that the channels may still spend)" : "(at the price of now)");
    const struct pp_grains left = caps_free(&load->payers);
    if (pp_grains_lt(left, cost)) {
        pp_refusal_init(&refusal, PP_CAP_EXCEEDED, "cap");
        refusal.expected = pp_value_grains(left);
        refusal.actual = pp_value_grains(cost);
        return cli_refuse(cli, &refusal, "the channels cannot pay for all of it: ask for less, or top up");
    }
    load->bench.budget = cost;
    if (c->max_cost && cli_money_parse(c->max_cost, decimals, &agreed) != PP_OK)
        return cli_fail(cli, PP_OUT_OF_RANGE, "--max-cost %s, of a token with %u decimals", c->max_cost,
                        decimals);
    if (c->max_cost) /* prices may rise while it runs, up to this; a search ends when it is spent */
        load->bench.budget = agreed;
    if (c->max_cost ? c->search || !pp_grains_lt(agreed, cost) : c->yes)
        return CLI_OK;
    pp_refusal_init(&refusal, PP_PRICE_ABOVE_MAX, "max_cost");
    refusal.expected = pp_value_grains(c->max_cost ? agreed : PP_GRAINS_ZERO);
    refusal.actual = pp_value_grains(cost);
    return cli_refuse(cli, &refusal, "give --max-cost %s or more%s", money, c->max_cost ? "" : ", or --yes");
}

static int channels_check(struct cli *cli, const struct choices *c, struct load *load)
{
    if (load_payers_sync(&load->payers, &load->problem) != PP_OK)
        return cli_problem_tell(cli, &load->problem);
    load->bench.payers = &load->payers;
    load->bench.lanes = load->payers.lanes;
    load->bench.lanes_count = load->payers.count;
    load->bench.domain = &load->payers.sessions[0].domain;
    load->bench.threads = threads_of(c->threads, load->payers.count);
    load->node.connections = ((unsigned)c->connections + load->bench.threads - 1) / load->bench.threads;
    const uint64_t reach = (uint64_t)load->payers.count * LOAD_LANE_FLIGHT_MAX;
    if (c->connections > reach)
        cli_note(cli, "%" PRIu32 " lanes keep at most %" PRIu64 " requests under way: more connections idle",
                 load->payers.count, reach);
    return money_check(cli, c, load);
}

static int run_channels(struct cli *cli, const struct choices *c, struct load *load,
                        const char *const *folders, size_t folders_count)
{
    char dir[CLI_PATH_MAX];
    const char *const usual[] = {dir};
    int status;
    if (folders_count == 0 && !cli_wallet_dir_of(cli, dir))
        return cli_fail(cli, PP_NOT_FOUND, "there is no home folder: give --wallet");
    const struct load_payers_config config = {.folders = folders_count ? folders : usual,
                                              .folders_count = folders_count ? folders_count : 1,
                                              .channels = &c->channels,
                                              .terms = &load->terms,
                                              .max_price = c->max_price};
    if (!load_payers_open(cli, &config, &load->payers, &status))
        return status;
    status = channels_check(cli, c, load);
    if (status == CLI_OK)
        status = sessions_make(cli, load, &load->terms);
    if (status == CLI_OK) {
        result_fill(c, load, cli->node_url, load->terms.token_decimals);
        status = load_run(cli, c, load);
    }
    load_payers_close(&load->payers);
    return status;
}

static int run_http(struct cli *cli, const struct choices *c, struct load *load, const char *const *folders,
                    size_t folders_count)
{
    struct cli_exchange *exchange;
    int status = CLI_FAILED;
    enum pp_error error = load_node_find(cli->node_url, &load->node);
    if (error == PP_OK)
        error = cli_exchange_open(cli->node_url, &exchange);
    if (error != PP_OK)
        return cli_fail(cli, error, "the node's address '%s' (http:// only)", cli->node_url);
    load->bench.exchange = exchange;
    load->bench.node = &load->node;
    load->bench.terms = &load->terms.node;
    if (cli_terms_get(exchange, &load->terms, &load->problem) != PP_OK)
        status = cli_problem_tell(cli, &load->problem);
    else
        status = run_channels(cli, c, load, folders, folders_count);
    cli_exchange_close(exchange);
    return status;
}

int cli_verb_bench_load(struct cli *cli, int argc, char **argv)
{
    struct choices c = {.rate = 1000,
                        .seconds = 10,
                        .batch = 64,
                        .bytes = 1024,
                        .days = 1,
                        .connections = 64,
                        .threads = 1,
                        .lanes = 1024,
                        .seed = 1,
                        .check = 1,
                        .stamp = "single",
                        .arrivals = "poisson",
                        .dir = "/var/tmp",
                        .max_price = "0.1"};
    const struct cli_option options[] = {
        {"rate", "N", CLI_NUMBER, &c.rate, 1, LOAD_RATE_MAX, "requests/s; of a search, the first (1000)",
         NULL},
        {"seconds", "N", CLI_NUMBER, &c.seconds, 1, 86400, "how long, or each step of a search (10)", NULL},
        {"search", NULL, CLI_FLAG, &c.search, 0, 0, "find the highest rate that is sustained", NULL},
        {"p99-limit", "MS", CLI_NUMBER, &c.p99_limit_ms, 1, 60000, "... with a p99 of at most so many ms",
         &c.p99_given},
        {"stamp", "KIND", CLI_TEXT, &c.stamp, 0, 0, "single, batch or session (single)", NULL},
        {"batch", "N", CLI_NUMBER, &c.batch, 1, PP_LEAVES_MAX, "envelopes of a request (64; of a session 1)",
         &c.batch_given},
        {"bytes", "N", CLI_NUMBER, &c.bytes, 1, PP_ENVELOPE_MAX_BYTES, "of each envelope (1024)", NULL},
        {"days", "N", CLI_NUMBER, &c.days, 1, PP_RETENTION_MAX_DAYS, "retention (1)", NULL},
        {"arrivals", "HOW", CLI_TEXT, &c.arrivals, 0, 0, "poisson or uniform (poisson)", NULL},
        {"seed", "N", CLI_NUMBER, &c.seed, 0, UINT64_MAX, "of arrivals and payloads (1)", NULL},
        {"connections", "N", CLI_NUMBER, &c.connections, 1, LOAD_CONNECTIONS_MAX, "kept open, together (64)",
         NULL},
        {"threads", "N", CLI_NUMBER, &c.threads, 1, LOAD_THREADS_MAX, "that send (1)", NULL},
        {"check", "PERCENT", CLI_NUMBER, &c.check, 0, 100, "verify so many of the receipts (1)",
         &c.check_given},
        {"report", "FILE", CLI_TEXT, &c.report, 0, 0, "write the JSON object there, too", NULL},
        {"channel", "ID", CLI_LIST, &c.channels, 0, 0, "only this one; may be repeated (default: all)", NULL},
        {"max-price", "AMOUNT", CLI_TEXT, &c.max_price, 0, 0, "the most that one envelope may cost (0.1)",
         NULL},
        {"max-cost", "AMOUNT", CLI_TEXT, &c.max_cost, 0, 0, "the most that all of it may cost", NULL},
        {"yes", NULL, CLI_FLAG, &c.yes, 0, 0, "pay what it says that it will cost", NULL},
        {"node-pid", "N", CLI_NUMBER, &c.pid, 1, INT32_MAX, "the node's process: shows its processor time",
         NULL},
        {"in-process", NULL, CLI_FLAG, &c.in_process, 0, 0, "load an engine in this process; costs nothing",
         NULL},
        {"http", NULL, CLI_FLAG, &c.http, 0, 0, "... through its HTTP API, on loopback", NULL},
        {"charges", NULL, CLI_FLAG, &c.charges, 0, 0, "... charges only: the store is the host's own", NULL},
        {"lanes", "N", CLI_NUMBER, &c.lanes, 1, LOAD_LANES_MAX, "in process: lanes that pay in turn (1024)",
         &c.lanes_given},
        {"dir", "FOLDER", CLI_TEXT, &c.dir, 0, 0, "in process: on the disk to measure (/var/tmp)", NULL},
    };
    const struct cli_syntax syntax = {
        options, sizeof options / sizeof options[0], 0, LOAD_CHANNELS_MAX,
        "Requests are due at times fixed beforehand; latency counts from then (open loop). All is signed "
        "before\n"
        "the clock starts. Over HTTP every channel of the wallet folders that has the node's lane pays in "
        "turn.\n"
        "Ctrl-C ends it early, and tells what was measured. Ends with 0 only if the latencies are valid."};
    char **operands;
    size_t count;
    int status;
    if (!cli_parse(cli, &syntax, argc, argv, &operands, &count, &status))
        return status;
    status = choices_check(cli, &c, count);
    if (status != CLI_OK)
        return status;
    struct load *load = calloc(1, sizeof *load);
    if (!load)
        return cli_fail(cli, PP_NO_MEMORY, "a load");
    bench_fill(cli, &c, load);
    status = c.in_process ? run_in_process(cli, &c, load)
                          : run_http(cli, &c, load, (const char *const *)operands, count);
    load_sessions_done(&load->bench.sessions);
    free(load);
    return status;
}
