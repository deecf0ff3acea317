/* http_single: envelopes that the daemon's HTTP side takes one by one, each with a voucher of its own and a durable
 * acknowledgement, for each second of processor time; against 1 / (1 / empty handler + 1 / verify), counted alike.
 *
 * Method: server and node run in this process, the clients in a forked one (http_load.h). The empty handler answers the same
 * POST of 1 KiB without a credential. */
#include "http_load.h"

#include "http/http_api.h"

#include <pp/payment.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LANES 256u
#define CONNECTIONS 256u
#define REQUESTS 8192u
#define QUICK 32u
#define PAYLOAD_BYTES 1024u
#define VERIFIES 4000u
#define REQUEST_ROOM 8192u

/* ---- a server on a thread of its own ---- */

struct host {
    uv_loop_t loop;
    uv_async_t stop;
    struct pp_http_server *server;
    struct pp_http_api *api; /* NULL: the empty handler */
    pthread_t thread;
    uint16_t port;
};

static void on_api_closed(void *context)
{
    struct host *host = context;
    pp_http_api_free(host->api);
}

static void on_stopped(void *context)
{
    struct host *host = context;
    pp_http_server_free(host->server);
    if (host->api != NULL)
        pp_http_api_close(host->api, on_api_closed, host);
    uv_close((uv_handle_t *)&host->stop, NULL);
}

static void on_stop(uv_async_t *async)
{
    struct host *host = async->data;
    pp_http_server_stop(host->server, on_stopped, host);
}

static void *host_run(void *context)
{
    struct host *host = context;
    uv_run(&host->loop, UV_RUN_DEFAULT);
    uv_loop_close(&host->loop);
    return NULL;
}

static enum pp_error empty_admit(void *context, const struct pp_http_head *head, uint64_t *out_body_max,
                                 struct pp_refusal *out_refusal)
{
    (void)context;
    (void)head;
    (void)out_refusal;
    *out_body_max = PP_ENVELOPE_MAX_BYTES;
    return PP_OK;
}

static void empty_serve(void *context, struct pp_http_exchange *exchange)
{
    (void)context;
    pp_http_answer(exchange, 200, "text/plain");
}

static void host_open(struct host *host, const struct pp_http_api_config *config)
{
    struct pp_http_limits limits;
    struct pp_http_app app = {NULL, 0, empty_admit, empty_serve};
    char reason[128];
    memset(host, 0, sizeof *host);
    if (uv_loop_init(&host->loop) != 0 || uv_async_init(&host->loop, &host->stop, on_stop) != 0)
        bench_fail("loop", PP_SYSTEM);
    host->stop.data = host;
    if (config != NULL) {
        BENCH_OK(pp_http_api_open(&host->loop, config, &host->api));
        app = pp_http_api_app(host->api);
    }
    pp_http_limits_default(&limits);
    BENCH_OK(pp_http_server_open(&host->loop, "127.0.0.1", 0, &limits, &app, &host->server, reason));
    host->port = pp_http_server_port(host->server);
    if (pthread_create(&host->thread, NULL, host_run, host) != 0)
        bench_fail("thread", PP_SYSTEM);
}

static void host_close(struct host *host)
{
    uv_async_send(&host->stop);
    pthread_join(host->thread, NULL);
}

/* ---- what is sent ---- */

static struct letter letter_of(const char *authorization, const uint8_t *payload)
{
    struct letter letter = {malloc(REQUEST_ROOM), 0};
    if (letter.bytes == NULL)
        bench_fail("letter", PP_NO_MEMORY);
    int head =
        snprintf(letter.bytes, REQUEST_ROOM,
                 "POST /v1/envelopes HTTP/1.1\r\nHost: bench\r\nContent-Type: application/octet-stream\r\n"
                 "%s%s%sContent-Length: %u\r\n\r\n",
                 authorization == NULL ? "" : "Authorization: ", authorization == NULL ? "" : authorization,
                 authorization == NULL ? "" : "\r\n", PAYLOAD_BYTES);
    memcpy(letter.bytes + head, payload, PAYLOAD_BYTES);
    letter.length = (size_t)head + PAYLOAD_BYTES;
    return letter;
}

/* The traffic's requests as a sender would write them. */
static struct letter *letters_make(const struct traffic *traffic, uint32_t count)
{
    struct letter *letters = calloc(count, sizeof *letters);
    struct pp_challenge_key key;
    struct pp_challenge_terms terms = {.chain_id = traffic->config.domain.chain_id,
                                       .contract = traffic->config.domain.contract,
                                       .node_id = TRAFFIC_NODE_ID,
                                       .lane = TRAFFIC_LANE,
                                       .quote_length = traffic->quote_length};
    struct pp_signed_quote quote;
    struct pp_credential credential = {.action = PP_ACTION_VOUCHER};
    char value[PP_CREDENTIAL_HEADER_MAX];
    if (letters == NULL)
        bench_fail("letters", PP_NO_MEMORY);
    memcpy(terms.quote, traffic->quote, traffic->quote_length);
    BENCH_OK(pp_signed_quote_decode(traffic->quote, traffic->quote_length, &quote));
    pp_challenge_key_derive(traffic->config.receipt_seed, &key);
    BENCH_OK(pp_challenge_make(&key, "bench", &terms, quote.quote.expires_ms, &credential.challenge));
    for (uint32_t i = 0; i < count; i++) {
        const struct pp_request *request = &traffic->requests[i];
        const struct pp_envelope_view *envelope = request->envelopes;
        credential.channel_id = request->channel_id;
        credential.lane = request->lane;
        credential.signature = request->signature;
        credential.spent = request->spent;
        credential.refund_ack = request->refund_ack;
        credential.leaf = envelope->leaf;
        memcpy(credential.topic, envelope->topic, envelope->topic_length);
        credential.topic_length = envelope->topic_length;
        letters[i] = letter_of(pp_credential_print(&credential, value), envelope->payload);
    }
    return letters;
}

/* ---- the rates, each for a second of processor time ---- */

void http_ours_make(struct http_ours *ours, const struct bench_options *options)
{
    const uint32_t lanes = bench_size(options, LANES, QUICK);
    *ours = (struct http_ours){.options = options,
                               .requests = bench_size(options, REQUESTS, QUICK),
                               .connections = bench_size(options, CONNECTIONS, 4)};
    traffic_make(&ours->traffic, &(struct traffic_shape){.lanes = lanes,
                                                         .requests = ours->requests,
                                                         .stamps = 1,
                                                         .payload_bytes = PAYLOAD_BYTES});
    ours->letters = letters_make(&ours->traffic, ours->requests);
}

void http_ours_done(struct http_ours *ours)
{
    for (uint32_t i = 0; i < ours->requests; i++)
        free(ours->letters[i].bytes);
    free(ours->letters);
    traffic_done(&ours->traffic);
}

uint64_t http_ours_rate(void *context)
{
    struct http_ours *ours = context;
    static struct host host;
    struct http_clients clients;
    const struct http_load load = {ours->letters, 1, ours->requests, ours->connections};
    char *dir = bench_path(ours->options, "node");
    http_clients_fork(&clients, &load);
    struct pp_node *node = traffic_open(&ours->traffic, dir);
    traffic_fund(&ours->traffic, node, 0, ours->traffic.shape.lanes);
    const struct pp_http_api_config config = {
        .node = node, .node_config = &ours->traffic.config, .token_decimals = 6, .realm = "bench"};
    host_open(&host, &config);
    const uint64_t started_ns = bench_processor_ns();
    http_clients_run(&clients, host.port);
    const uint64_t rate = bench_per_second(load.count, bench_processor_ns() - started_ns);
    host_close(&host);
    pp_node_close(node);
    bench_remove(dir);
    free(dir);
    return rate;
}

static uint64_t empty_rate(const struct http_load *load)
{
    static struct host host;
    struct http_clients clients;
    http_clients_fork(&clients, load);
    host_open(&host, NULL);
    const uint64_t started_ns = bench_processor_ns();
    http_clients_run(&clients, host.port);
    const uint64_t rate = bench_per_second(load->count, bench_processor_ns() - started_ns);
    host_close(&host);
    return rate;
}

static uint64_t verify_rate(const struct http_ours *ours)
{
    const uint32_t count = bench_size(ours->options, VERIFIES, QUICK);
    const struct pp_secret_key secret = {{1, 2, 3}};
    const struct pp_hash digest = {{7}};
    struct pp_signature signature;
    struct pp_public_key key;
    BENCH_OK(pp_sign(ours->traffic.crypto, &secret, &digest, &signature));
    BENCH_OK(pp_public_key_of(ours->traffic.crypto, &secret, &key));
    const uint64_t started_ns = bench_processor_ns();
    for (uint32_t i = 0; i < count; i++)
        BENCH_OK(pp_verify(ours->traffic.crypto, &signature, &digest, &key));
    return bench_per_second(count, bench_processor_ns() - started_ns);
}

static uint64_t limit_rate(void *context)
{
    const struct http_ours *ours = context;
    struct letter plain = letter_of(NULL, ours->traffic.requests[0].envelopes->payload);
    const uint64_t empty = empty_rate(&(struct http_load){&plain, 0, ours->requests, ours->connections});
    const uint64_t verify = verify_rate(ours);
    free(plain.bytes);
    return empty * verify / (empty + verify);
}

void bench_http_single(const struct bench_options *options, struct bench_figures *out)
{
    struct http_ours ours;
    http_ours_make(&ours, options);
    bench_in_turns(options, http_ours_rate, limit_rate, &ours, out);
    http_ours_done(&ours);
}
