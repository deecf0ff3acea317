#include "daemon/daemon.h"

#include "daemon/clock_file.h"
#include "daemon/epochs.h"
#include "daemon/peers.h"
#include "daemon/shard_list.h"
#include "daemon/tower.h"
#include "http/http_api.h"

#include <pp/assert.h>
#include <pp/chain_watch.h>
#include <pp/keyfile.h>

#include <stdlib.h>
#include <unistd.h>

#define MARK_FILE "chain-mark.json"

/* One watch a shard: each follows its own lane, from its own mark, at the pace of its own journal. */
struct watched {
    struct daemon *daemon;
    struct pp_node *node;
    struct pp_chain_watch *watch;
    bool lost, told_lost; /* the quorum */
    struct pp_replication_status replication;
};

struct daemon {
    const struct pp_daemon_config *config;
    struct pp_log log;
    struct pp_clock_file *clock_file;
    struct pp_clock clock;
    struct pp_crypto *crypto;
    struct pp_rate_table rates;
    struct pp_node_config node_config; /* holds secrets: wiped */
    struct pp_address operator_address;
    struct pp_shards *shards; /* NULL: one shard, in data_dir itself */
    struct pp_node *node;     /* that one, or the first of the shards */
    struct watched *watched;
    size_t watched_count;
    struct pp_daemon_peers *peers; /* NULL: none */
    struct pp_daemon_tower *tower; /* NULL: none */
    struct pp_daemon_epochs *epochs; /* NULL: reports are this node's own */
    char address[PP_CONFIG_TEXT_MAX];
    uint16_t port;

    uv_loop_t loop;
    uv_signal_t terminate, interrupt;
    uv_timer_t tick;
    uv_work_t tick_work;
    bool ticking;
    enum pp_error tick_error; /* of the last one */
    enum pp_error told_error; /* the one that the log knows */
    enum pp_error report_error, told_report_error;
    char report_reason[PP_SHARDS_REASON_BYTES];
    bool stopping;
    struct pp_http_api *api;
    struct pp_http_server *server;
    enum pp_error outcome;
};

static void say_error(struct daemon *d, const char *event, enum pp_error error, const char *reason)
{
    pp_log(&d->log, PP_LOG_ERROR, event, pp_log_error(error),
           pp_log_text("sentence", pp_error_sentence(error)), pp_log_text("reason", reason),
           pp_log_text("next", pp_error_next(error)));
}

/* ---- what is needed before the node ---- */

static enum pp_error read_key(struct daemon *d, const char *path, enum pp_key_kind kind,
                              const struct pp_passphrase *passphrase, struct pp_key *out)
{
    const enum pp_error error = pp_keyfile_read(d->crypto, path, kind, passphrase, out);
    if (error != PP_OK)
        say_error(d, "key file", error, path);
    return error;
}

static enum pp_error read_keys(struct daemon *d)
{
    struct pp_passphrase passphrase;
    struct pp_key operator_key = {0}, receipt_key = {0};
    enum pp_error error = pp_passphrase_read_file(d->config->passphrase_file, &passphrase);
    if (error != PP_OK) {
        say_error(d, "passphrase file", error, d->config->passphrase_file);
        return error;
    }
    error = read_key(d, d->config->operator_key, PP_KEY_SECP256K1, &passphrase, &operator_key);
    if (error == PP_OK)
        error = read_key(d, d->config->receipt_key, PP_KEY_ED25519, &passphrase, &receipt_key);
    pp_passphrase_done(&passphrase);
    if (error == PP_OK) {
        pp_key_secret_copy(&operator_key, &d->node_config.operator_key);
        memcpy(d->node_config.receipt_seed, receipt_key.secret, sizeof d->node_config.receipt_seed);
        d->operator_address = operator_key.address;
    }
    pp_key_done(&operator_key);
    pp_key_done(&receipt_key);
    return error;
}

static enum pp_error prepare(struct daemon *d)
{
    const struct pp_daemon_config *c = d->config;
    char reason[PP_CONFIG_REASON_MAX];
    enum pp_error error = pp_daemon_listen_parse(c->listen, d->address, sizeof d->address, &d->port);
    if (error != PP_OK) {
        say_error(d, "listen", PP_BAD_CONFIG, c->listen);
        return PP_BAD_CONFIG;
    }
    error = pp_daemon_rates_load(c->rates_file, &d->rates, reason);
    if (error != PP_OK) {
        say_error(d, "rates", error, reason);
        return error;
    }
    d->clock = pp_clock_system();
    if (c->clock_file[0] != '\0') {
        PP_TRY(pp_clock_file_open(c->clock_file, &d->clock_file));
        d->clock = pp_clock_file_clock(d->clock_file);
        pp_log(&d->log, PP_LOG_WARN, "the clock follows a file: for tests only",
               pp_log_text("file", c->clock_file));
    }
    d->log.now_ms = d->clock.now_ms;
    d->log.context = d->clock.context;
    PP_TRY(pp_crypto_open(&d->crypto));
    PP_TRY(read_keys(d));
    d->node_config.data_dir = c->data_dir;
    d->node_config.map_bytes = c->map_mib << 20;
    d->node_config.node_id = (uint32_t)c->node_id;
    d->node_config.shard = (uint8_t)c->shard;
    d->node_config.embedded_store = true;
    d->node_config.lanes_max = (uint32_t)c->lanes_max;
    d->node_config.verify_threads = (uint32_t)c->verify_threads;
    pp_domain_init(&d->node_config.domain, c->chain_id, &c->contract);
    d->node_config.rates = d->rates.rows;
    d->node_config.rates_count = d->rates.count;
    d->node_config.retention_max_days = (uint16_t)c->retention_max_days;
    d->node_config.epoch_seconds = c->epoch_seconds;
    d->node_config.freshness_ms = c->freshness_seconds * 1000;
    d->node_config.clock_skew_max_ms = c->clock_skew_seconds * 1000;
    d->node_config.bond_window_min_ms = c->bond_window_min_seconds * 1000;
    d->node_config.bond_window_max_ms = c->bond_window_max_seconds * 1000;
    d->node_config.protocol_share_bps = (uint16_t)c->protocol_share_bps;
    PP_TRY(pp_policy_find(c->payout_policy, &d->node_config.payouts.policy));
    d->node_config.payouts.minimum_payout = pp_units(c->payout_minimum_units);
    d->node_config.payouts.refund_bound_basis_points = (uint32_t)c->refund_bound_bps;
    d->node_config.payee = c->payee;
    d->node_config.treasury = c->treasury;
    d->node_config.clock = d->clock;
    return PP_OK;
}

/* ---- the chain ---- */

static enum pp_error on_chain_events(void *context, const struct pp_chain_event *events, size_t count)
{
    const struct watched *watched = context;
    struct daemon *d = watched->daemon;
    const enum pp_error error = pp_node_chain_events(watched->node, events, count);
    for (size_t i = 0; i < count; i++)
        if (events[i].kind != PP_CHAIN_HEAD)
            pp_log(&d->log, error == PP_OK ? PP_LOG_INFO : PP_LOG_WARN, "chain event",
                   pp_log_number("kind", (uint64_t)events[i].kind),
                   pp_log_bytes("channel", events[i].channel_id.bytes, sizeof events[i].channel_id.bytes),
                   pp_log_number("lane", events[i].lane), pp_log_number("block", events[i].block_number),
                   pp_log_error(error));
    return error;
}

static void on_chain_trouble(void *context, enum pp_error error, const char *reason)
{
    const struct watched *watched = context;
    struct daemon *d = watched->daemon;
    pp_log(&d->log, error == PP_OK ? PP_LOG_INFO : PP_LOG_WARN,
           error == PP_OK ? "chain in touch" : "chain trouble", pp_log_error(error),
           pp_log_text("reason", reason));
}

static void on_chain_endpoint(void *context, const struct pp_rpc_endpoint *endpoint)
{
    const struct watched *watched = context;
    pp_log(&watched->daemon->log, endpoint->error == PP_OK ? PP_LOG_INFO : PP_LOG_WARN, "chain endpoint",
           pp_log_text("endpoint", endpoint->name), pp_log_error(endpoint->error),
           pp_log_number("failures", endpoint->failures), pp_log_number("latest", endpoint->latest),
           pp_log_number("latency_ms", endpoint->latency_ms));
}

static enum pp_error open_watch(struct daemon *d, uint32_t lane, const char *folder, struct watched *out)
{
    const struct pp_daemon_config *c = d->config;
    char mark[2 * PP_CONFIG_TEXT_MAX];
    snprintf(mark, sizeof mark, "%s/" MARK_FILE, folder);
    const struct pp_chain_watch_config watch = {
        .rpc_url = c->rpc_url,
        .domain = d->node_config.domain,
        .lane = lane,
        .start_block = c->start_block,
        .mark_path = mark,
        .lanes_max = (uint32_t)c->lanes_max,
        .poll_ms = (uint32_t)c->poll_ms,
        .expected = {.epoch_seconds = c->epoch_seconds,
                     .freshness_seconds = c->freshness_seconds,
                     .has_protocol_share = true,
                     .protocol_share_bps = (uint16_t)c->protocol_share_bps,
                     .node_id = (uint32_t)c->node_id,
                     .operator_key = d->operator_address},
        .events = on_chain_events,
        .trouble = on_chain_trouble,
        .endpoint = on_chain_endpoint,
        .context = out,
    };
    return pp_chain_watch_open(&watch, &out->watch);
}

static enum pp_error open_shard_watch(struct daemon *d, size_t at)
{
    char folder[PP_CONFIG_TEXT_MAX + 16];
    uint32_t lane = pp_shards_lane(d->shards, at);
    PP_TRY(pp_shards_path(d->config->data_dir, pp_lane_shard(lane), folder, sizeof folder));
    d->watched[at] = (struct watched){d, pp_shards_node(d->shards, at), NULL};
    return open_watch(d, lane, folder, &d->watched[at]);
}

static enum pp_error open_watches(struct daemon *d)
{
    const size_t count = d->shards != NULL ? pp_shards_count(d->shards) : 1;
    d->watched = calloc(count, sizeof *d->watched);
    if (d->watched == NULL)
        return PP_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        if (d->shards != NULL) {
            PP_TRY(open_shard_watch(d, i));
        } else {
            d->watched[i] = (struct watched){d, d->node, NULL};
            PP_TRY(open_watch(d, pp_lane_make(d->node_config.node_id, d->node_config.shard),
                              d->config->data_dir, &d->watched[i]));
        }
        d->watched_count++;
    }
    return PP_OK;
}

/* Any thread. With several shards: the one that has trouble, and ready when all are. */
static void chain_status(void *context, struct pp_http_chain_status *out)
{
    struct daemon *d = context;
    *out = (struct pp_http_chain_status){.error = PP_OK, .ready = true};
    for (size_t i = 0; i < d->watched_count; i++) {
        struct pp_chain_watch_status status;
        pp_chain_watch_status(d->watched[i].watch, &status);
        if (i == 0) {
            out->endpoint_count = status.endpoint_count;
            memcpy(out->endpoints, status.endpoints, sizeof out->endpoints);
        }
        if (out->error == PP_OK && status.error != PP_OK) {
            out->error = status.error;
            memcpy(out->reason, status.reason, sizeof out->reason);
        }
        out->ready = out->ready && status.ready;
    }
}

static bool tower_status(void *context, struct pp_tower_status *out)
{
    const struct daemon *d = context;
    return pp_daemon_tower_status(d->tower, out);
}

/* ---- the loop ---- */

static void on_api_closed(void *context)
{
    struct daemon *d = context;
    pp_http_api_free(d->api);
    d->api = NULL;
}

static void on_server_stopped(void *context)
{
    struct daemon *d = context;
    pp_http_server_free(d->server);
    d->server = NULL;
    pp_http_api_close(d->api, on_api_closed, d);
}

/* Idempotent. Closes everything that keeps the loop alive. */
static void stop(struct daemon *d, enum pp_error outcome)
{
    if (d->outcome == PP_OK)
        d->outcome = outcome;
    if (d->stopping)
        return;
    d->stopping = true;
    pp_log(&d->log, PP_LOG_INFO, "stopping", pp_log_error(outcome));
    uv_close((uv_handle_t *)&d->terminate, NULL);
    uv_close((uv_handle_t *)&d->interrupt, NULL);
    uv_close((uv_handle_t *)&d->tick, NULL);
    if (d->server != NULL)
        pp_http_server_stop(d->server, on_server_stopped, d);
    else if (d->api != NULL)
        pp_http_api_close(d->api, on_api_closed, d);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct daemon *d = handle->data;
    pp_log(&d->log, PP_LOG_INFO, "signal", pp_log_number("number", (uint64_t)number));
    stop(d, PP_OK);
}

static void tick_run(uv_work_t *work)
{
    struct daemon *d = work->data;
    d->tick_error = d->shards != NULL ? pp_shards_tick(d->shards, &d->report_error, d->report_reason)
                                      : pp_node_tick(d->node);
    for (size_t i = 0; i < d->watched_count && d->peers != NULL; i++) {
        pp_node_replication(d->watched[i].node, &d->watched[i].replication);
        d->watched[i].lost = d->watched[i].replication.lost;
    }
}

/* EVID-097: whose acknowledgements do not reach the oldest stamp that waits. */
static void say_quorum(struct daemon *d, struct watched *watched)
{
    const struct pp_replication_status *status = &watched->replication;
    char missing[256] = "";
    size_t length = 0;
    if (watched->lost == watched->told_lost)
        return;
    watched->told_lost = watched->lost;
    for (size_t i = 0; i < status->heard_count && watched->lost && length + 12 < sizeof missing; i++)
        if (status->heard[i].next <= status->oldest_sequence)
            length += (size_t)snprintf(missing + length, sizeof missing - length, "%s%u", length == 0 ? "" : " ",
                                       status->heard[i].node_id);
    pp_log(&d->log, watched->lost ? PP_LOG_ERROR : PP_LOG_INFO, watched->lost ? "quorum lost" : "quorum regained",
           pp_log_number("waiting", status->waiting), pp_log_number("oldest_age_ms", status->oldest_age_ms),
           pp_log_number("needed", status->needed), pp_log_text("missing", missing));
}

/* A ledger that is not what it must be takes no more work: better no node than a wrong one. */
static bool is_fatal(enum pp_error error)
{
    return error == PP_CORRUPT || error == PP_INVARIANT || error == PP_DEFERRED_EXCEEDED ||
           error == PP_FENCED;
}

/* JRN-085: who has it now, or what became of its files. */
static void say_fenced(struct daemon *d)
{
    char reason[256];
    for (size_t i = 0; i < d->watched_count; i++)
        if (pp_node_fenced(d->watched[i].node, reason))
            say_error(d, "fenced", PP_FENCED, reason);
}

/* NODE-105: what keeps a report back is told once; the node goes on. */
static void say_report(struct daemon *d)
{
    if (d->report_error == d->told_report_error)
        return;
    d->told_report_error = d->report_error;
    if (d->report_error != PP_OK)
        say_error(d, "report", d->report_error, d->report_reason);
}

static void tick_done(uv_work_t *work, int status)
{
    struct daemon *d = work->data;
    (void)status;
    d->ticking = false;
    if (d->tick_error != d->told_error) {
        pp_log(&d->log, d->tick_error == PP_OK ? PP_LOG_INFO : PP_LOG_ERROR, "tick",
               pp_log_error(d->tick_error), pp_log_text("sentence", pp_error_sentence(d->tick_error)));
        d->told_error = d->tick_error;
    }
    say_report(d);
    for (size_t i = 0; i < d->watched_count; i++)
        say_quorum(d, &d->watched[i]);
    if (d->tick_error == PP_FENCED)
        say_fenced(d);
    if (is_fatal(d->tick_error))
        stop(d, d->tick_error);
}

static void on_tick(uv_timer_t *timer)
{
    struct daemon *d = timer->data;
    if (d->ticking)
        return;
    d->ticking = true;
    d->tick_work.data = d;
    const int status = uv_queue_work(&d->loop, &d->tick_work, tick_run, tick_done);
    PP_ASSERT(status == 0);
}

static enum pp_error open_server(struct daemon *d)
{
    struct pp_http_limits limits;
    char reason[128], realm[PP_CONFIG_TEXT_MAX];
    snprintf(realm, sizeof realm, "%s", d->config->realm[0] != '\0' ? d->config->realm : d->config->listen);
    const struct pp_http_api_config api = {
        .node = d->node,
        .shards = d->shards,
        .node_config = &d->node_config,
        .operator_address = d->operator_address,
        .token = d->config->token,
        .token_decimals = (uint8_t)d->config->token_decimals,
        .realm = realm,
        .chain_status = chain_status,
        .chain_context = d,
        .tower_status = tower_status,
        .replicas = pp_daemon_peers_store(d->peers),
        .council = pp_daemon_epochs_council(d->epochs),
    };
    PP_TRY(pp_http_api_open(&d->loop, &api, &d->api));
    const struct pp_http_app app = pp_http_api_app(d->api);
    pp_http_limits_default(&limits);
    limits.connections = (uint32_t)d->config->connections;
    const enum pp_error error =
        pp_http_server_open(&d->loop, d->address, d->port, &limits, &app, &d->server, reason);
    if (error != PP_OK)
        say_error(d, "listen", error, reason);
    return error;
}

static enum pp_error open_loop(struct daemon *d)
{
    int status = uv_loop_init(&d->loop);
    PP_ASSERT(status == 0);
    status = uv_signal_init(&d->loop, &d->terminate) | uv_signal_init(&d->loop, &d->interrupt) |
             uv_timer_init(&d->loop, &d->tick);
    PP_ASSERT(status == 0);
    d->terminate.data = d->interrupt.data = d->tick.data = d;
    status = uv_signal_start(&d->terminate, on_signal, SIGTERM);
    if (status == 0)
        status = uv_signal_start(&d->interrupt, on_signal, SIGINT);
    if (status == 0)
        status = uv_timer_start(&d->tick, on_tick, 0, d->config->tick_ms);
    return status == 0 ? PP_OK : PP_SYSTEM;
}

static void say_listening(struct daemon *d)
{
    const bool v6 = strchr(d->address, ':') != NULL;
    printf("listening %s%s%s:%u\n", v6 ? "[" : "", d->address, v6 ? "]" : "",
           pp_http_server_port(d->server)); /* HTTP-091 */
    fflush(stdout);
    pp_log(&d->log, PP_LOG_INFO, "listening", pp_log_text("address", d->address),
           pp_log_number("port", pp_http_server_port(d->server)), pp_log_number("node", d->config->node_id),
           pp_log_number("shard", d->node_config.shard),
           pp_log_number("shards", d->shards != NULL ? pp_shards_count(d->shards) : 1));
}

static enum pp_error serve(struct daemon *d)
{
    enum pp_error error = open_loop(d);
    if (error == PP_OK)
        error = open_server(d);
    if (error == PP_OK)
        say_listening(d);
    else
        stop(d, error);
    uv_run(&d->loop, UV_RUN_DEFAULT);
    return d->outcome;
}

static enum pp_error open_shards(struct daemon *d)
{
    uint8_t list[PP_SHARDS_MAX];
    char reason[PP_SHARDS_REASON_BYTES] = "";
    struct pp_shards_config config = {.node = d->node_config, .shards = list};
    PP_TRY(pp_shard_list_parse(d->config->shards, list, &config.count));
    enum pp_error error = pp_shards_open(&config, &d->shards, reason);
    pp_secret_key_done(&config.node.operator_key);
    explicit_bzero(config.node.receipt_seed, sizeof config.node.receipt_seed);
    if (error != PP_OK) {
        say_error(d, "node", error, reason);
        return error;
    }
    d->node = pp_shards_node(d->shards, 0);
    d->node_config.shard = list[0];
    return PP_OK;
}

static enum pp_error open_node(struct daemon *d)
{
    char reason[256] = "";
    uint8_t list[PP_SHARDS_MAX];
    size_t count;
    enum pp_error error = pp_shards_list(d->config->data_dir, list, &count);
    if (count > 0) { /* or its lanes would be reported without those of the shards in it */
        say_error(d, "node", PP_BAD_CONFIG, "data_dir: there are shards in it: give shards = ...");
        return PP_BAD_CONFIG;
    }
    error = pp_node_open(&d->node_config, &d->node, reason);
    if (error != PP_OK)
        say_error(d, "node", error, reason);
    return error;
}

static enum pp_error open_peers(struct daemon *d)
{
    char reason[PP_CONFIG_REASON_MAX];
    const enum pp_error error =
        pp_daemon_peers_open(d->config, &d->node_config, d->crypto, &d->log, &d->peers, reason);
    if (error != PP_OK)
        say_error(d, "peers", error, reason);
    return error;
}

/* With the operators that it waits for; it keeps a copy of them. */
static enum pp_error open_nodes(struct daemon *d)
{
    char reason[PP_CONFIG_REASON_MAX] = "";
    struct pp_node_operator *operators;
    enum pp_error error =
        pp_daemon_peers_operators(d->config, &operators, &d->node_config.operators_count, reason);
    if (error != PP_OK) {
        say_error(d, "peers", error, reason);
        return error;
    }
    d->node_config.operators = operators;
    d->node_config.replication_ms = d->config->replication_seconds * 1000;
    error = d->config->shards[0] != '\0' ? open_shards(d) : open_node(d);
    d->node_config.operators = NULL;
    free(operators);
    return error;
}

static enum pp_error open_tower(struct daemon *d)
{
    struct pp_daemon_tower_shard shards[PP_SHARDS_MAX];
    char reason[PP_CONFIG_REASON_MAX];
    for (size_t i = 0; i < d->watched_count; i++)
        shards[i] = (struct pp_daemon_tower_shard){
            d->watched[i].node,
            d->shards != NULL ? pp_shards_lane(d->shards, i)
                              : pp_lane_make(d->node_config.node_id, d->node_config.shard)};
    const enum pp_error error = pp_daemon_tower_open(d->config, d->crypto, &d->node_config.domain, shards,
                                                     d->watched_count, &d->log, &d->tower, reason);
    if (error != PP_OK)
        say_error(d, "tower", error, reason);
    return error;
}

static enum pp_error open_epochs(struct daemon *d)
{
    char reason[PP_CONFIG_REASON_MAX];
    const struct pp_daemon_epochs_config config = {
        .config = d->config,
        .node_config = &d->node_config,
        .crypto = d->crypto,
        .operator_address = d->operator_address,
        .node = d->node,
        .shards = d->shards,
        .peers = d->peers,
        .log = &d->log,
    };
    const enum pp_error error = pp_daemon_epochs_open(&config, &d->epochs, reason);
    if (error != PP_OK)
        say_error(d, "epochs", error, reason);
    return error;
}

/* Before the node: whether it makes reports by itself depends on it. */
static enum pp_error look_for_peers(struct daemon *d)
{
    char reason[PP_CONFIG_REASON_MAX];
    struct pp_peer *list = NULL;
    size_t count = 0;
    if (d->config->peers_file[0] == '\0')
        return PP_OK;
    const enum pp_error error =
        pp_daemon_peers_load(d->config->peers_file, (uint32_t)d->config->node_id, &list, &count, reason);
    free(list);
    if (error != PP_OK)
        say_error(d, "peers", error, reason);
    d->node_config.several_operators = count > 0;
    return error;
}

static enum pp_error open_parts(struct daemon *d)
{
    PP_TRY(prepare(d));
    PP_TRY(look_for_peers(d));
    PP_TRY(open_nodes(d));
    enum pp_error error = open_watches(d);
    if (error != PP_OK)
        say_error(d, "chain watch", error, "rpc_url: one to eight addresses, http or https, separated by commas");
    if (error == PP_OK)
        error = open_peers(d);
    if (error == PP_OK)
        error = open_epochs(d);
    return error == PP_OK ? open_tower(d) : error;
}

static void close_parts(struct daemon *d)
{
    pp_daemon_tower_close(d->tower);
    pp_daemon_epochs_close(d->epochs);
    pp_daemon_peers_close(d->peers);
    for (size_t i = 0; i < d->watched_count; i++)
        pp_chain_watch_close(d->watched[i].watch);
    free(d->watched);
    if (d->shards != NULL)
        pp_shards_close(d->shards);
    else
        pp_node_close(d->node);
}

enum pp_error pp_daemon_run(const struct pp_daemon_config *config)
{
    struct daemon *d = calloc(1, sizeof *d);
    bool looped = false;
    if (d == NULL)
        return PP_NO_MEMORY;
    d->config = config;
    d->log = (struct pp_log){.out = stderr, .level = PP_LOG_INFO};
    enum pp_error error = pp_log_level_parse(config->log_level, &d->log.level);
    if (error != PP_OK)
        say_error(d, "log_level", PP_BAD_CONFIG, config->log_level);
    else
        error = open_parts(d);
    if (error == PP_OK) {
        looped = true;
        error = serve(d);
    }
    close_parts(d);
    if (looped && uv_loop_close(&d->loop) != 0 && error == PP_OK)
        error = PP_SYSTEM;
    pp_log(&d->log, error == PP_OK ? PP_LOG_INFO : PP_LOG_ERROR, "stopped", pp_log_error(error));
    pp_crypto_close(d->crypto);
    pp_clock_file_close(d->clock_file);
    pp_secret_key_done(&d->node_config.operator_key);
    explicit_bzero(d->node_config.receipt_seed, sizeof d->node_config.receipt_seed);
    free(d);
    return error;
}
