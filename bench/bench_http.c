/* http_single: envelopes that the daemon's HTTP side takes one by one, each with a voucher of its own and a durable
 * acknowledgement, for each second of processor time; against 1 / (1 / empty handler + 1 / verify), counted alike.
 *
 * Method: server and node run in this process, the clients in a forked one, over loopback and kept connections. What is
 * counted is this process's processor time, all its threads and the kernel's work for it, so that neither the clients nor
 * the neighbours on a shared machine count. The empty handler answers the same POST of 1 KiB without a credential. */
#include "bench.h"

#include "http_api.h"

#include <pp/payment.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LANES 256u
#define CONNECTIONS 256u
#define REQUESTS 8192u
#define PAYLOAD_BYTES 1024u
#define VERIFIES 4000u
#define REQUEST_ROOM 8192u
#define ANSWER_ROOM 4096u
#define PATIENCE_MS 30000

/* ---- the clients' process ---- */

struct letter {
    char *bytes;
    size_t length;
};

struct client {
    int s;
    size_t have;
    char answer[ANSWER_ROOM];
};

static _Noreturn void client_fail(const char *what)
{
    fprintf(stderr, "pp_bench: client: %s\n", what);
    _exit(1);
}

static void send_letter(struct client *c, const struct letter *letter)
{
    c->have = 0;
    if (send(c->s, letter->bytes, letter->length, MSG_NOSIGNAL) !=
        (ssize_t)letter->length) /* fits any socket's buffer */
        client_fail("send");
}

/* Whether the answer is whole. */
static bool hear(struct client *c)
{
    ssize_t count = recv(c->s, c->answer + c->have, sizeof c->answer - 1 - c->have, 0);
    if (count <= 0)
        client_fail("the server closed");
    c->have += (size_t)count;
    c->answer[c->have] = '\0';
    const char *end = strstr(c->answer, "\r\n\r\n"), *length = strstr(c->answer, "Content-Length: ");
    if (end == NULL || length == NULL)
        return false;
    if (strncmp(c->answer, "HTTP/1.1 200", 12) != 0)
        client_fail(c->answer);
    return c->have == (size_t)(end + 4 - c->answer) + strtoul(length + 16, NULL, 10);
}

static void dial(struct client *c, uint16_t port)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons(port)};
    const int one = 1;
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->s = socket(AF_INET, SOCK_STREAM, 0);
    if (c->s < 0 || connect(c->s, (struct sockaddr *)&place, sizeof place) != 0)
        client_fail("connect");
    setsockopt(c->s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/* step 0: every letter is the first one. */
static _Noreturn void clients_run(uint16_t port, const struct letter *letters, size_t step)
{
    struct client *clients = calloc(CONNECTIONS, sizeof *clients);
    size_t next = 0, done = 0;
    int epoll = epoll_create1(0);
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        dial(&clients[i], port);
        epoll_ctl(epoll, EPOLL_CTL_ADD, clients[i].s, &event);
        send_letter(&clients[i], &letters[step * next++]);
    }
    while (done < REQUESTS) {
        struct epoll_event events[CONNECTIONS];
        int ready = epoll_wait(epoll, events, CONNECTIONS, PATIENCE_MS);
        if (ready <= 0)
            client_fail("no answer");
        for (int i = 0; i < ready; i++) {
            struct client *c = &clients[events[i].data.u32];
            if (!hear(c))
                continue;
            done++;
            if (next < REQUESTS)
                send_letter(c, &letters[step * next++]);
        }
    }
    _exit(0);
}

struct clients {
    pid_t pid;
    int port_pipe;
};

/* Forked before the server has threads; they begin when they are told the port. */
static void clients_fork(struct clients *clients, const struct letter *letters, size_t step)
{
    int ends[2];
    if (pipe(ends) != 0 || (clients->pid = fork()) < 0)
        bench_fail("fork", PP_SYSTEM);
    if (clients->pid == 0) {
        uint16_t port;
        close(ends[1]);
        if (read(ends[0], &port, sizeof port) != sizeof port)
            _exit(1);
        clients_run(port, letters, step);
    }
    close(ends[0]);
    clients->port_pipe = ends[1];
}

static uint64_t processor_ns(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000 +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

/* Requests for each second of this process's processor time. */
static uint64_t clients_rate(struct clients *clients, uint16_t port)
{
    int status = 0;
    const uint64_t started_ns = processor_ns();
    if (write(clients->port_pipe, &port, sizeof port) != sizeof port)
        bench_fail("clients", PP_SYSTEM);
    close(clients->port_pipe);
    waitpid(clients->pid, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        bench_fail("clients", PP_SYSTEM);
    return bench_per_second(REQUESTS, processor_ns() - started_ns);
}

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
static struct letter *letters_make(const struct traffic *traffic)
{
    struct letter *letters = calloc(REQUESTS, sizeof *letters);
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
    for (uint32_t i = 0; i < REQUESTS; i++) {
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

static uint64_t single_rate(struct traffic *traffic, const struct letter *letters,
                            const struct bench_options *options)
{
    static struct host host;
    struct clients clients;
    char *dir = bench_path(options, "node");
    clients_fork(&clients, letters, 1);
    struct pp_node *node = traffic_open(traffic, dir);
    traffic_fund(traffic, node, 0, LANES);
    const struct pp_http_api_config config = {
        .node = node, .node_config = &traffic->config, .token_decimals = 6, .realm = "bench"};
    host_open(&host, &config);
    const uint64_t rate = clients_rate(&clients, host.port);
    host_close(&host);
    pp_node_close(node);
    bench_remove(dir);
    free(dir);
    return rate;
}

static uint64_t empty_rate(const struct letter *plain)
{
    static struct host host;
    struct clients clients;
    clients_fork(&clients, plain, 0);
    host_open(&host, NULL);
    const uint64_t rate = clients_rate(&clients, host.port);
    host_close(&host);
    return rate;
}

static uint64_t verify_rate(const struct traffic *traffic)
{
    const struct pp_secret_key secret = {{1, 2, 3}};
    const struct pp_hash digest = {{7}};
    struct pp_signature signature;
    struct pp_public_key key;
    BENCH_OK(pp_sign(traffic->crypto, &secret, &digest, &signature));
    BENCH_OK(pp_public_key_of(traffic->crypto, &secret, &key));
    const uint64_t started_ns = processor_ns();
    for (unsigned i = 0; i < VERIFIES; i++)
        BENCH_OK(pp_verify(traffic->crypto, &signature, &digest, &key));
    return bench_per_second(VERIFIES, processor_ns() - started_ns);
}

void bench_http_single(const struct bench_options *options, struct bench_figures *out)
{
    struct traffic traffic;
    uint64_t values[BENCH_RUNS], limits[BENCH_RUNS];
    traffic_make(&traffic, &(struct traffic_shape){LANES, REQUESTS, 1, PAYLOAD_BYTES});
    struct letter *letters = letters_make(&traffic);
    struct letter plain = letter_of(NULL, traffic.requests[0].envelopes->payload);
    (void)single_rate(&traffic, letters, options);
    for (unsigned i = 0; i < BENCH_RUNS; i++) {
        const uint64_t empty = empty_rate(&plain), verify = verify_rate(&traffic);
        limits[i] = empty * verify / (empty + verify);
        values[i] = single_rate(&traffic, letters, options);
    }
    for (uint32_t i = 0; i < REQUESTS; i++)
        free(letters[i].bytes);
    free(letters);
    free(plain.bytes);
    traffic_done(&traffic);
    *out = (struct bench_figures){bench_median(values), bench_median(limits)};
}
