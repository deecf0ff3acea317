#include "node_process.h"
#include "pp_test.h"

#include "http/http_api.h"
#include <pennypost.h>
#include <pp/time.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS 200
#define FRESHNESS_MS (100 * PP_DAY_MS)

/* The child's world. */
struct child {
    struct node_process *node;
    struct pp_node *engine;
    struct pp_http_api *api;
    struct pp_http_server *server;
    uv_loop_t loop;
    uv_signal_t terminate;
    uv_timer_t tick;
};

void node_process_init(struct node_process *node, const char *data_dir)
{
    memset(node, 0, sizeof *node);
    snprintf(node->data_dir, sizeof node->data_dir, "%s", data_dir);
    node->node_id = 1;
    memset(node->operator_key.bytes, 0x0e, sizeof node->operator_key.bytes);
    memset(node->receipt_seed, 0x5e, sizeof node->receipt_seed);
    memset(node->contract.bytes, 0xc0, sizeof node->contract.bytes);
    node->clock_offset_ms =
        mmap(NULL, sizeof *node->clock_offset_ms, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(node->clock_offset_ms, MAP_FAILED);
}

void node_process_domain(const struct node_process *node, struct pp_domain *out)
{
    pp_domain_init(out, NODE_CHAIN_ID, &node->contract);
}

struct pp_channel_id node_process_lane(struct node_process *node, const struct pp_channel_config *config,
                                       struct pp_units cap)
{
    struct pp_domain domain;
    struct pp_channel_id id;
    const struct pp_channel_fields fields = {config->payer, config->signer, config->nonce};
    ck_assert_uint_lt(node->lanes_count, NODE_LANES_MAX);
    node->lanes[node->lanes_count].config = *config;
    node->lanes[node->lanes_count++].cap = cap;
    node_process_domain(node, &domain);
    pp_channel_id_of(&domain, &fields, &id);
    return id;
}

void node_process_pass_days(struct node_process *node, uint64_t days)
{
    __atomic_add_fetch(node->clock_offset_ms, days * PP_DAY_MS, __ATOMIC_SEQ_CST);
}

static uint64_t clock_now_ms(void *context)
{
    const struct node_process *node = context;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000 +
           __atomic_load_n(node->clock_offset_ms, __ATOMIC_SEQ_CST);
}

/* ---- the child ---- */

#define MUST(expression)                                                                                     \
    do {                                                                                                     \
        enum pp_error error_ = (expression);                                                                 \
        if (error_ != PP_OK) {                                                                               \
            fprintf(stderr, "node process: %s: %s\n", #expression, pp_error_name(error_));                   \
            _exit(1);                                                                                        \
        }                                                                                                    \
    } while (0)

static void events_tell(struct child *c, bool lanes)
{
    const struct node_process *node = c->node;
    struct pp_chain_event events[NODE_LANES_MAX + 1];
    uint64_t time_s = clock_now_ms(c->node) / 1000;
    size_t count = 0;
    struct pp_domain domain;
    node_process_domain(node, &domain);
    memset(events, 0, sizeof events);
    events[count++] = (struct pp_chain_event){.kind = PP_CHAIN_HEAD,
                                              .block_number = 10 + time_s,
                                              .time_s = time_s,
                                              .finalized_number = 8 + time_s,
                                              .finalized_time_s = time_s};
    for (size_t i = 0; lanes && i < node->lanes_count; i++) {
        const struct pp_channel_fields fields = {node->lanes[i].config.payer, node->lanes[i].config.signer,
                                                 node->lanes[i].config.nonce};
        events[count] = (struct pp_chain_event){.kind = PP_CHAIN_LANE_FINAL,
                                                .lane = pp_lane_make(node->node_id, 0),
                                                .config = node->lanes[i].config,
                                                .cap = node->lanes[i].cap,
                                                .block_number = 8,
                                                .time_s = time_s};
        pp_channel_id_of(&domain, &fields, &events[count++].channel_id);
    }
    MUST(pp_node_chain_events(c->engine, events, count));
}

static void on_tick(uv_timer_t *timer)
{
    struct child *c = timer->data;
    events_tell(c, false);
    MUST(pp_node_tick(c->engine));
}

static void on_api_closed(void *context)
{
    struct child *c = context;
    pp_http_api_free(c->api);
    uv_close((uv_handle_t *)&c->tick, NULL);
    uv_close((uv_handle_t *)&c->terminate, NULL);
}

static void on_server_stopped(void *context)
{
    struct child *c = context;
    pp_http_server_free(c->server);
    pp_http_api_close(c->api, on_api_closed, c);
}

static void on_terminate(uv_signal_t *handle, int number)
{
    struct child *c = handle->data;
    (void)number;
    uv_signal_stop(handle);
    uv_timer_stop(&c->tick);
    pp_http_server_stop(c->server, on_server_stopped, c);
}

static void engine_open(struct child *c, const struct pp_node_config *config)
{
    char reason[256] = "";
    enum pp_error error = pp_node_open(config, &c->engine, reason);
    if (error != PP_OK) {
        fprintf(stderr, "node process: %s: %s\n", pp_error_name(error), reason);
        _exit(1);
    }
}

static void server_open(struct child *c, const struct pp_node_config *config)
{
    struct pp_http_api_config api = {
        .node = c->engine, .node_config = config, .token_decimals = 6, .realm = "test"};
    struct pp_http_limits limits;
    struct pp_http_app app;
    struct pp_crypto *crypto;
    char reason[128] = "";
    MUST(pp_crypto_open(&crypto));
    MUST(pp_secret_key_address(crypto, &config->operator_key, &api.operator_address));
    pp_crypto_close(crypto);
    MUST(pp_http_api_open(&c->loop, &api, &c->api));
    pp_http_limits_default(&limits);
    app = pp_http_api_app(c->api);
    MUST(pp_http_server_open(&c->loop, "127.0.0.1", c->node->port, &limits, &app, &c->server, reason));
}

_Noreturn static void child_run(struct node_process *node, int report)
{
    struct child c = {.node = node};
    const struct pp_rates rates = {.version = 1,
                                   .base_grains = 12000000,
                                   .storage_grains = 22,
                                   .congestion_grains = 0,
                                   .target_per_minute = 1000000};
    struct pp_node_config config = {
        .data_dir = node->data_dir,
        .map_bytes = node->map_bytes ? node->map_bytes : 256u << 20,
        .node_id = node->node_id,
        .embedded_store = true,
        .lanes_max = 64,
        .verify_threads = 2,
        .operator_key = node->operator_key,
        .rates = &rates,
        .rates_count = 1,
        .epoch_seconds = 43200,
        .freshness_ms = FRESHNESS_MS,
        .clock_skew_max_ms = FRESHNESS_MS,
        .clock = {clock_now_ms, node},
    };
    memset(config.payee.bytes, 0x0a, sizeof config.payee.bytes);
    memset(config.treasury.bytes, 0x0b, sizeof config.treasury.bytes);
    memcpy(config.receipt_seed, node->receipt_seed, sizeof config.receipt_seed);
    node_process_domain(node, &config.domain);
    engine_open(&c, &config);
    events_tell(&c, true);
    uv_loop_init(&c.loop);
    server_open(&c, &config);
    uv_signal_init(&c.loop, &c.terminate);
    uv_timer_init(&c.loop, &c.tick);
    c.terminate.data = c.tick.data = &c;
    uv_signal_start(&c.terminate, on_terminate, SIGTERM);
    uv_timer_start(&c.tick, on_tick, TICK_MS, TICK_MS);
    uint16_t port = pp_http_server_port(c.server);
    if (write(report, &port, sizeof port) != sizeof port)
        _exit(1);
    close(report);
    uv_run(&c.loop, UV_RUN_DEFAULT);
    int left = uv_loop_close(&c.loop);
    pp_node_close(c.engine);
    _exit(left == 0 ? 0 : 1);
}

/* ---- the parent ---- */

void node_process_start(struct node_process *node)
{
    int ends[2];
    uint16_t port = 0;
    ck_assert_int_eq(node->pid, 0);
    ck_assert_int_eq(pipe(ends), 0);
    fflush(NULL);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        close(ends[0]);
        child_run(node, ends[1]);
    }
    close(ends[1]);
    ck_assert_msg(read(ends[0], &port, sizeof port) == sizeof port, "the node did not start");
    close(ends[0]);
    node->pid = pid;
    node->port = port;
    snprintf(node->url, sizeof node->url, "http://127.0.0.1:%u", port);
}

void node_process_kill(struct node_process *node)
{
    int status;
    ck_assert_int_eq(kill(node->pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(node->pid, &status, 0), node->pid);
    node->pid = 0;
}

void node_process_stop(struct node_process *node)
{
    int status;
    ck_assert_int_eq(kill(node->pid, SIGTERM), 0);
    ck_assert_int_eq(waitpid(node->pid, &status, 0), node->pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the node ended with %x", status);
    node->pid = 0;
}

void node_process_done(struct node_process *node)
{
    if (node->pid)
        node_process_stop(node);
    munmap(node->clock_offset_ms, sizeof *node->clock_offset_ms);
}
