/* Goal: one way of writing a request is taken, every other is refused and the connection ends; slow, silent and greedy
 * peers cost no more than their limits; the server stops in order.
 * Method: a server with an application that answers what it was sent, on a thread of its own, and plain sockets. */
#define _GNU_SOURCE
#include "pp_fixture.h"
#include "pp_test.h"

#include "http/http_conn.h"
#include "http/http_job.h"
#include "engine/node.h"

#include <pp/limits.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define REPLY_MAX 65536

struct world {
    uv_loop_t loop;
    uv_async_t stop, release, look, block;
    uv_sem_t looked, blocked, unblocked;
    struct pp_http_counters counters; /* as of the last look */
    struct pp_http_server *server;
    struct pp_http_limits limits;
    pthread_t thread;
    uint16_t port;
    unsigned served;
    unsigned served_before_other;  /* requests before the one for /other */
    struct pp_http_exchange *held; /* a request for /hold, unanswered */
    bool loop_closed_clean;
};

static enum pp_error app_admit(void *context, const struct pp_http_head *head, uint64_t *out_body_max,
                               struct pp_refusal *out_refusal)
{
    (void)context;
    if (head->method == PP_HTTP_OTHER) {
        pp_refusal_init(out_refusal, PP_METHOD_NOT_ALLOWED, "method");
        return PP_METHOD_NOT_ALLOWED;
    }
    *out_body_max = PP_ENVELOPE_MAX_BYTES;
    return PP_OK;
}

/* Answers with "PATH?QUERY BODY". */
static void app_serve(void *context, struct pp_http_exchange *exchange)
{
    struct world *w = context;
    const struct pp_http_head *head = pp_http_exchange_head(exchange);
    size_t length;
    const uint8_t *body = pp_http_exchange_body(exchange, &length);
    struct pp_text *answer = pp_http_exchange_answer(exchange);
    if (pp_http_text_is(&head->path, "/other"))
        w->served_before_other = w->served;
    w->served++;
    if (pp_http_text_is(&head->path, "/hold")) {
        w->held = exchange;
        return;
    }
    pp_text_add_bytes(answer, head->path.at, head->path.length);
    pp_text_add(answer, "?");
    pp_text_add_bytes(answer, head->query.at, head->query.length);
    pp_text_add(answer, " ");
    pp_text_add_bytes(answer, (const char *)body, length);
    if (pp_http_text_is(&head->path, "/big"))
        for (unsigned i = 0; i < 1u << 16; i++)
            pp_text_add(answer, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    pp_http_answer(exchange, 200, "text/plain");
}

static void on_stopped(void *context)
{
    struct world *w = context;
    uv_close((uv_handle_t *)&w->stop, NULL);
    uv_close((uv_handle_t *)&w->release, NULL);
    uv_close((uv_handle_t *)&w->look, NULL);
    uv_close((uv_handle_t *)&w->block, NULL);
}

static void on_stop(uv_async_t *async)
{
    struct world *w = async->data;
    pp_http_server_stop(w->server, on_stopped, w);
}

static void on_release(uv_async_t *async)
{
    struct world *w = async->data;
    if (w->held != NULL) {
        pp_text_add(pp_http_exchange_answer(w->held), "released");
        pp_http_answer(w->held, 200, "text/plain");
        w->held = NULL;
    }
}

static void on_look(uv_async_t *async)
{
    struct world *w = async->data;
    pp_http_server_counters(w->server, &w->counters);
    uv_sem_post(&w->looked);
}

/* The loop stands still, so that what is sent meanwhile is there at once. */
static void on_block(uv_async_t *async)
{
    struct world *w = async->data;
    uv_sem_post(&w->blocked);
    uv_sem_wait(&w->unblocked);
}

static void block(struct world *w)
{
    uv_async_send(&w->block);
    uv_sem_wait(&w->blocked);
}

static void unblock(struct world *w)
{
    uv_sem_post(&w->unblocked);
}

/* The counters belong to the loop's thread: it is asked for them. */
static struct pp_http_counters look(struct world *w)
{
    uv_async_send(&w->look);
    uv_sem_wait(&w->looked);
    return w->counters;
}

static void *run(void *context)
{
    struct world *w = context;
    uv_run(&w->loop, UV_RUN_DEFAULT);
    pp_http_server_free(w->server);
    w->loop_closed_clean = uv_loop_close(&w->loop) == 0;
    return NULL;
}

static void world_start(struct world *w, void (*adjust)(struct pp_http_limits *limits))
{
    char reason[128];
    const struct pp_http_app app = {w, 16, app_admit, app_serve};
    memset(w, 0, sizeof *w);
    pp_http_limits_default(&w->limits);
    w->limits.sweep_ms = 5;
    if (adjust != NULL)
        adjust(&w->limits);
    ck_assert_int_eq(uv_loop_init(&w->loop), 0);
    uv_async_init(&w->loop, &w->stop, on_stop);
    uv_async_init(&w->loop, &w->release, on_release);
    uv_async_init(&w->loop, &w->look, on_look);
    uv_async_init(&w->loop, &w->block, on_block);
    uv_sem_init(&w->looked, 0);
    uv_sem_init(&w->blocked, 0);
    uv_sem_init(&w->unblocked, 0);
    w->stop.data = w->release.data = w->look.data = w->block.data = w;
    ck_assert_ok(pp_http_server_open(&w->loop, "127.0.0.1", 0, &w->limits, &app, &w->server, reason));
    w->port = pp_http_server_port(w->server);
    ck_assert_uint_ne(w->port, 0);
    ck_assert_int_eq(pthread_create(&w->thread, NULL, run, w), 0);
}

static void world_end(struct world *w)
{
    uv_async_send(&w->stop);
    pthread_join(w->thread, NULL);
    ck_assert(w->loop_closed_clean); /* HTTP-027 */
}

static int dial(const struct world *w)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons(w->port)};
    struct timeval limit = {.tv_sec = 30};
    int s = socket(AF_INET, SOCK_STREAM, 0);
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_ge(s, 0);
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ck_assert_int_eq(connect(s, (struct sockaddr *)&place, sizeof place), 0);
    return s;
}

static void say_bytes(int s, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(s, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* the server has had enough: what it answered tells why */
        bytes += sent;
        length -= (size_t)sent;
    }
}

static void say(int s, const char *words)
{
    say_bytes(s, words, strlen(words));
}

/* All that comes until the server closes. */
static size_t hear_all(int s, char out[REPLY_MAX])
{
    size_t length = 0;
    ssize_t count;
    while (length < REPLY_MAX - 1 && (count = recv(s, out + length, REPLY_MAX - 1 - length, 0)) > 0)
        length += (size_t)count;
    out[length] = '\0';
    return length;
}

/* One answer, by its Content-Length; its status. */
static unsigned hear_one(int s, char out[REPLY_MAX])
{
    size_t length = 0, want = SIZE_MAX;
    while (length < want) {
        ssize_t count = recv(s, out + length, want == SIZE_MAX ? 1 : want - length, 0);
        ck_assert_msg(count > 0, "the answer ends after %zu bytes", length);
        length += (size_t)count;
        out[length] = '\0';
        if (want == SIZE_MAX && length >= 4 && strcmp(out + length - 4, "\r\n\r\n") == 0) {
            const char *field = strstr(out, "Content-Length: ");
            ck_assert_ptr_nonnull(field);
            want = length + strtoul(field + 16, NULL, 10);
            ck_assert_uint_lt(want, REPLY_MAX);
        }
    }
    return (unsigned)strtoul(out + 9, NULL, 10);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST(fields, body) "POST /a HTTP/1.1\r\nHost: x\r\n" fields "\r\n" body

/* Each is refused, with the code and the field, and nothing that follows it on the connection is served: the tail is a
 * second request, which would be the smuggled one. */
static const struct {
    const char *name, *request;
    unsigned status;
    const char *code, *field;
} probes[] = {
    {"CL and TE", POST("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400, "BAD_FORMAT",
     "content-length"},
    {"TE and CL", POST("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "0\r\n\r\n"), 400, "BAD_FORMAT",
     "content-length"},
    {"TE alone", POST("Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400, "BAD_FORMAT", "transfer-encoding"},
    {"TE identity", POST("Transfer-Encoding: identity\r\n", ""), 400, "BAD_FORMAT", "transfer-encoding"},
    {"TE on GET", "GET /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
     "BAD_FORMAT", "transfer-encoding"},
    {"TE hidden by a tab", POST("Transfer-Encoding:\tchunked\r\n", "0\r\n\r\n"), 400, "BAD_FORMAT",
     "transfer-encoding"},
    {"double CL", POST("Content-Length: 4\r\nContent-Length: 4\r\n", "abcd"), 400, "BAD_FORMAT",
     "content-length"},
    {"two CL that differ", POST("Content-Length: 4\r\nContent-Length: 0\r\n", "abcd"), 400, "BAD_FORMAT",
     "content-length"},
    {"CL list", POST("Content-Length: 4, 4\r\n", "abcd"), 400, "BAD_FORMAT", "content-length"},
    {"CL negative", POST("Content-Length: -4\r\n", "abcd"), 400, "BAD_FORMAT", "content-length"},
    {"CL with plus", POST("Content-Length: +4\r\n", "abcd"), 400, "BAD_FORMAT", "content-length"},
    {"CL hex", POST("Content-Length: 0x4\r\n", "abcd"), 400, "BAD_FORMAT", "content-length"},
    {"CL with leading zero", POST("Content-Length: 04\r\n", "abcd"), 400, "BAD_FORMAT", "content-length"},
    {"CL with blank inside", POST("Content-Length: 4 4\r\n", "abcd"), 400, "BAD_FORMAT", "content-length"},
    {"CL empty", POST("Content-Length:\r\n", "abcd"), 400, "BAD_FORMAT", "content-length"},
    {"CL above 2^64", POST("Content-Length: 18446744073709551620\r\n", "abcd"), 400, "BAD_FORMAT",
     "content-length"},
    {"CL above the limit", POST("Content-Length: 1048577\r\n", "abcd"), 413, "BODY_TOO_LARGE",
     "content-length"},
    {"CL huge", POST("Content-Length: 999999999999999999\r\n", "abcd"), 413, "BODY_TOO_LARGE",
     "content-length"},
    {"no CL", POST("", ""), 411, "LENGTH_REQUIRED", "content-length"},
    {"CL on GET", "GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nabcd", 400, "BAD_FORMAT",
     "content-length"},
    {"blank before colon", POST("Content-Length : 4\r\n", "abcd"), 400, "BAD_FORMAT", "header name"},
    {"tab before colon", POST("Content-Length\t: 4\r\n", "abcd"), 400, "BAD_FORMAT", "header name"},
    {"folded line", POST("X: a\r\n b\r\nContent-Length: 0\r\n", ""), 400, "BAD_FORMAT", "folded line"},
    {"folded by a tab", POST("X: a\r\n\tb\r\nContent-Length: 0\r\n", ""), 400, "BAD_FORMAT", "folded line"},
    {"folded first line", "GET /a HTTP/1.1\r\n Host: x\r\n\r\n", 400, "BAD_FORMAT", "folded line"},
    {"bare CR in value", POST("X: a\rContent-Length: 4\r\n", ""), 400, "BAD_FORMAT", "line end"},
    {"bare CR in name", POST("X\rY: a\r\nContent-Length: 0\r\n", ""), 400, "BAD_FORMAT", "header name"},
    {"bare CR after head", "GET /a HTTP/1.1\r\nHost: x\r\n\rGET /b HTTP/1.1", 400, "BAD_FORMAT", "line end"},
    {"CR CR LF", "GET /a HTTP/1.1\r\r\nHost: x\r\n\r\n", 400, "BAD_FORMAT", "line end"},
    {"LF only", "GET /a HTTP/1.1\nHost: x\n\n", 400, "BAD_FORMAT", "request line"},
    {"LF after a field", "GET /a HTTP/1.1\r\nHost: x\n\r\n", 400, "BAD_FORMAT", "header value"},
    {"empty line first", "\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n", 400, "BAD_FORMAT", "method"},
    {"byte above ASCII", "GET /a HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n", 400, "BAD_FORMAT", "header value"},
    {"escape in value", "GET /a HTTP/1.1\r\nHost: x\x1b[2J\r\n\r\n", 400, "BAD_FORMAT", "header value"},
    {"name without letters", "GET /a HTTP/1.1\r\n: x\r\n\r\n", 400, "BAD_FORMAT", "header name"},
    {"name with brackets", "GET /a HTTP/1.1\r\nHo[s]t: x\r\n\r\n", 400, "BAD_FORMAT", "header name"},
    {"line without colon", "GET /a HTTP/1.1\r\nHost\r\n\r\n", 400, "BAD_FORMAT", "header name"},
    {"no host", "GET /a HTTP/1.1\r\n\r\n", 400, "MISSING_FIELD", "host"},
    {"two hosts", "GET /a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400, "BAD_FORMAT", "host"},
    {"HTTP/1.0", "GET /a HTTP/1.0\r\nHost: x\r\n\r\n", 400, "BAD_VERSION", "version"},
    {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "BAD_FORMAT", "target"},
    {"HTTP/0.9", "GET /a\r\n\r\n", 400, "BAD_FORMAT", "target"},
    {"two blanks", "GET  /a HTTP/1.1\r\nHost: x\r\n\r\n", 400, "BAD_FORMAT", "target"},
    {"blank after version", "GET /a HTTP/1.1 \r\nHost: x\r\n\r\n", 400, "BAD_FORMAT", "request line"},
    {"absolute target", "GET http://x/a HTTP/1.1\r\nHost: x\r\n\r\n", 400, "BAD_FORMAT", "target"},
    {"percent in target", "GET /a%0d%0aX:b HTTP/1.1\r\nHost: x\r\n\r\n", 400, "BAD_FORMAT", "target"},
    {"fragment in target", "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", 400, "BAD_FORMAT", "target"},
    {"lower case method", "get /a HTTP/1.1\r\nHost: x\r\n\r\n", 400, "BAD_FORMAT", "method"},
    {"endless method", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA /a HTTP/1.1\r\nHost: x\r\n\r\n", 400, "TOO_LONG",
     "method"},
    {"CONNECT", "CONNECT /a HTTP/1.1\r\nHost: x\r\n\r\n", 405, "METHOD_NOT_ALLOWED", "method"},
    {"upgrade", "GET /a HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", 400,
     "BAD_FORMAT", "upgrade"},
    {"upgrade to h2c", "GET /a HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\n\r\n", 400, "BAD_FORMAT", "upgrade"},
    {"connection with a list", "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close, host\r\n\r\n", 400,
     "BAD_FORMAT", "connection"},
    {"other expectation", POST("Content-Length: 0\r\nExpect: tea\r\n", ""), 400, "BAD_FORMAT", "expect"},
    {"content encoding", POST("Content-Length: 0\r\nContent-Encoding: gzip\r\n", ""), 400, "BAD_FORMAT",
     "content-encoding"},
    {"trailer", POST("Content-Length: 0\r\nTrailer: x\r\n", ""), 400, "BAD_FORMAT", "trailer"},
    {"two authorizations", "GET /a HTTP/1.1\r\nHost: x\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n", 400,
     "BAD_FORMAT", "authorization"},
    {"other method", "DELETE /a HTTP/1.1\r\nHost: x\r\n\r\n", 405, "METHOD_NOT_ALLOWED", "method"},
};

static void check_refused(struct world *w, const char *name, const char *bytes, size_t length,
                          unsigned status, const char *code, const char *field)
{
    char reply[REPLY_MAX], want[128];
    int s = dial(w);
    say_bytes(s, bytes, length);
    shutdown(s, SHUT_WR);
    hear_all(s, reply);
    close(s);
    snprintf(want, sizeof want, "HTTP/1.1 %u ", status);
    ck_assert_msg(strncmp(reply, want, strlen(want)) == 0, "%s: %.300s", name, reply);
    snprintf(want, sizeof want, "\"code\":\"%s\"", code);
    ck_assert_msg(strstr(reply, want) != NULL, "%s: %.600s", name, reply);
    snprintf(want, sizeof want, "\"field\":\"%s\"", field);
    ck_assert_msg(strstr(reply, want) != NULL, "%s: %.600s", name, reply);
    ck_assert_msg(strstr(reply, "Connection: close\r\n") != NULL, "%s", name);
    ck_assert_msg(strstr(reply + 1, "HTTP/1.1 ") == NULL, "%s: two answers: %s", name, reply);
}

/* HTTP-001 HTTP-002 HTTP-003 HTTP-004 HTTP-005 HTTP-006 HTTP-010 HTTP-011 HTTP-012 HTTP-013 HTTP-014 HTTP-015 HTTP-024 */
START_TEST(request__in_another_form__refused_and_closed)
{
    struct world w;
    world_start(&w, NULL);
    for (size_t i = 0; i < sizeof probes / sizeof probes[0]; i++) {
        char bytes[2048];
        int length = snprintf(bytes, sizeof bytes, "%s%s", probes[i].request, GET("/smuggled"));
        check_refused(&w, probes[i].name, bytes, (size_t)length, probes[i].status, probes[i].code,
                      probes[i].field);
    }
    ck_assert_uint_eq(w.served, 0);
    world_end(&w);
}
END_TEST

START_TEST(request__with_nul__refused)
{
    static const char in_value[] = "GET /a HTTP/1.1\r\nHost: x\0y\r\n\r\n",
                      in_name[] = "GET /a HTTP/1.1\r\nHo\0st: x\r\n\r\n",
                      in_target[] = "GET /a\0 HTTP/1.1\r\nHost: x\r\n\r\n";
    struct world w;
    world_start(&w, NULL);
    check_refused(&w, "NUL in value", in_value, sizeof in_value - 1, 400, "BAD_FORMAT", "header value");
    check_refused(&w, "NUL in name", in_name, sizeof in_name - 1, 400, "BAD_FORMAT", "header name");
    check_refused(&w, "NUL in target", in_target, sizeof in_target - 1, 400, "BAD_FORMAT", "target");
    ck_assert_uint_eq(w.served, 0);
    world_end(&w);
}
END_TEST

/* HTTP-007 */
START_TEST(head__over_its_limits__refused)
{
    static char bytes[PP_HEADER_MAX_BYTES + 64];
    struct world w;
    world_start(&w, NULL);
    size_t length = (size_t)snprintf(bytes, sizeof bytes, "GET /a HTTP/1.1\r\nHost: x\r\nX: ");
    memset(bytes + length, 'a', sizeof bytes - length);
    check_refused(&w, "large head", bytes, sizeof bytes, 400, "TOO_LONG", "head");
    length = (size_t)snprintf(bytes, sizeof bytes, "GET /a HTTP/1.1\r\nHost: x\r\n");
    for (unsigned i = 0; i < 64; i++)
        length += (size_t)snprintf(bytes + length, sizeof bytes - length, "X: a\r\n");
    length += (size_t)snprintf(bytes + length, sizeof bytes - length, "\r\n");
    check_refused(&w, "many fields", bytes, length, 400, "TOO_MANY", "header fields");
    length = (size_t)snprintf(bytes, sizeof bytes, "GET /");
    memset(bytes + length, 'a', 600);
    check_refused(&w, "long target", bytes, length + 600, 400, "TOO_LONG", "target");
    ck_assert_uint_eq(w.served, 0);
    world_end(&w);
}
END_TEST

/* HTTP-021 HTTP-022: many requests on one connection, cut anywhere, answered in their order. */
START_TEST(requests__in_one_packet_or_in_pieces__answered_in_order)
{
    static const char three[] =
        GET("/one") "POST /two?q=1 HTTP/1.1\r\nHost: x\r\ncontent-length:  4 \r\n\r\nbody" GET("/three");
    char reply[REPLY_MAX];
    struct world w;
    world_start(&w, NULL);
    int s = dial(&w);
    say(s, three);
    ck_assert_uint_eq(hear_one(s, reply), 200);
    ck_assert_ptr_nonnull(strstr(reply, "\r\n\r\n/one? "));
    struct tm date = {0}; /* as the C library reads it */
    const char *rest = strptime(strstr(reply, "\r\nDate: ") + 8, "%a, %d %b %Y %H:%M:%S GMT", &date);
    ck_assert_ptr_nonnull(rest);
    ck_assert_mem_eq(rest, "\r\n", 2);
    ck_assert_int_le(llabs((long long)timegm(&date) - (long long)time(NULL)), 60);
    ck_assert_uint_eq(hear_one(s, reply), 200);
    ck_assert_ptr_nonnull(strstr(reply, "\r\n\r\n/two?q=1 body"));
    ck_assert_uint_eq(hear_one(s, reply), 200);
    ck_assert_ptr_nonnull(strstr(reply, "\r\n\r\n/three? "));
    for (size_t i = 0; i + 1 < sizeof three; i++)
        say_bytes(s, three + i, 1);
    for (int i = 0; i < 3; i++)
        ck_assert_msg(hear_one(s, reply) == 200, "%d: %s", i, reply);
    ck_assert_ptr_nonnull(strstr(reply, "/three? "));
    close(s);
    ck_assert_uint_eq(w.served, 6);
    world_end(&w);
}
END_TEST

START_TEST(requests__far_more_than_the_buffer_holds__all_answered)
{
    enum { COUNT = 3000 };
    char reply[REPLY_MAX];
    struct world w;
    world_start(&w, NULL);
    int s = dial(&w);
    if (fork() == 0) { /* writes while this process reads */
        for (int i = 0; i < COUNT; i++)
            say(s, GET("/a"));
        _exit(0);
    }
    for (int i = 0; i < COUNT; i++)
        ck_assert_uint_eq(hear_one(s, reply), 200);
    close(s);
    world_end(&w);
}
END_TEST

START_TEST(body__of_any_size_up_to_the_limit__arrives_whole)
{
    static const size_t sizes[] = {0, 1, 1000, 32000, 32768, 33000, 60000};
    static char body[60000], reply[REPLY_MAX];
    struct world w;
    world_start(&w, NULL);
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (char)('a' + i % 23);
    int s = dial(&w);
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof sizes[0]; i++) {
        char head[128];
        const size_t size = sizes[i / 2];
        const int length =
            snprintf(head, sizeof head, "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", size);
        if (i % 2 == 0) { /* by itself, or in one piece with the body's beginning */
            say(s, head);
            say_bytes(s, body, size);
        } else {
            static char whole[sizeof body + sizeof head];
            memcpy(whole, head, (size_t)length);
            memcpy(whole + length, body, size);
            say_bytes(s, whole, (size_t)length + size);
        }
        ck_assert_uint_eq(hear_one(s, reply), 200);
        const char *got = strstr(reply, "/b? ");
        ck_assert_ptr_nonnull(got);
        ck_assert_uint_eq(strlen(got + 4), size);
        ck_assert_mem_eq(got + 4, body, size);
    }
    close(s);
    world_end(&w);
}
END_TEST

START_TEST(body__after_expectation__invited)
{
    char reply[REPLY_MAX] = "";
    struct world w;
    world_start(&w, NULL);
    int s = dial(&w);
    say(s, "POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    ck_assert_int_eq(recv(s, reply, 25, MSG_WAITALL), 25);
    ck_assert_str_eq(reply, "HTTP/1.1 100 Continue\r\n\r\n");
    say(s, "hi");
    ck_assert_uint_eq(hear_one(s, reply), 200);
    ck_assert_ptr_nonnull(strstr(reply, "/a? hi"));
    close(s);
    world_end(&w);
}
END_TEST

START_TEST(connection__close_asked_for__closed_after_the_answer)
{
    char reply[REPLY_MAX];
    struct world w;
    world_start(&w, NULL);
    int s = dial(&w);
    say(s, "GET /a HTTP/1.1\r\nHost: x\r\nConnection: Close\r\n\r\n" GET("/b"));
    hear_all(s, reply);
    ck_assert_ptr_nonnull(strstr(reply, "Connection: close\r\n"));
    ck_assert_ptr_null(strstr(reply + 1, "HTTP/1.1 "));
    close(s);
    ck_assert_uint_eq(w.served, 1);
    world_end(&w);
}
END_TEST

/* The peer half-closes: a whole request is answered, a part of one is refused. */
START_TEST(connection__half_closed__whole_requests_answered)
{
    char reply[REPLY_MAX];
    struct world w;
    world_start(&w, NULL);
    int s = dial(&w);
    say(s, GET("/a") GET("/b"));
    shutdown(s, SHUT_WR);
    hear_all(s, reply);
    close(s);
    ck_assert_ptr_nonnull(strstr(reply, "/a? "));
    ck_assert_ptr_nonnull(strstr(reply, "/b? "));
    check_refused(&w, "body shorter than its length",
                  "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nfour", 53, 400, "TRUNCATED",
                  "body");
    check_refused(&w, "half a head", "GET /a HTT", 10, 400, "TRUNCATED", "head");
    check_refused(&w, "large body cut", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\nfour",
                  57, 400, "TRUNCATED", "body");
    s = dial(&w);
    shutdown(s, SHUT_WR);
    ck_assert_uint_eq(hear_all(s, reply), 0);
    close(s);
    world_end(&w);
}
END_TEST

static void hurry(struct pp_http_limits *limits)
{
    limits->head_ms = limits->body_ms = limits->idle_ms = limits->write_ms = limits->linger_ms = 100;
    limits->stop_ms = 100;
    limits->body_bytes_per_s = 1u << 30;
}

/* HTTP-026: a byte now and then does not keep a request alive. */
START_TEST(peer__slow_or_silent__told_and_closed)
{
    char reply[REPLY_MAX];
    struct world w;
    world_start(&w, hurry);
    static const char *const starts[] = {
        "GET /a HTTP/1.1\r\nHost: x\r\nX: ", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        int s = dial(&w);
        struct timeval drip = {.tv_usec = 10000};
        setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &drip, sizeof drip);
        say(s, starts[i]);
        size_t length = 0;
        ssize_t count;
        do { /* drips until the server hangs up */
            say(s, "a");
            count = recv(s, reply + length, REPLY_MAX - 1 - length, 0);
            length += count > 0 ? (size_t)count : 0;
        } while (count != 0 && (count > 0 || errno == EAGAIN));
        reply[length] = '\0';
        ck_assert_msg(strncmp(reply, "HTTP/1.1 408 ", 13) == 0, "%s", reply);
        ck_assert_ptr_nonnull(strstr(reply, "TOO_SLOW"));
        close(s);
    }
    int idle = dial(&w);
    ck_assert_uint_eq(hear_all(idle, reply), 0); /* nothing was asked: nothing is said */
    close(idle);
    ck_assert_uint_eq(w.served, 0);
    world_end(&w);
}
END_TEST

START_TEST(peer__that_does_not_read__cut_off)
{
    struct world w;
    struct pp_http_counters counters;
    world_start(&w, hurry);
    int s = dial(&w);
    say(s, GET("/big"));
    int other = dial(&w);
    char reply[REPLY_MAX];
    ck_assert_uint_eq(hear_all(other, reply), 0); /* idle for as long as the other may write */
    do
        counters = look(&w);
    while (counters.open_connections != 0);
    close(s);
    close(other);
    world_end(&w);
}
END_TEST

/* HTTP-023: a refused peer that goes on sending still gets its answer. */
START_TEST(peer__sends_on_after_refusal__hears_why)
{
    static char junk[1 << 20], reply[REPLY_MAX];
    struct world w;
    world_start(&w, NULL);
    memset(junk, 'j', sizeof junk);
    int s = dial(&w);
    say(s, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n");
    say_bytes(s, junk, sizeof junk);
    shutdown(s, SHUT_WR);
    hear_all(s, reply);
    ck_assert_ptr_nonnull(strstr(reply, "BODY_TOO_LARGE"));
    ck_assert_ptr_nonnull(strstr(reply, "\"expected\":\"1048576\",\"actual\":\"2000000\""));
    close(s);
    world_end(&w);
}
END_TEST

static void few(struct pp_http_limits *limits)
{
    limits->connections = 3;
    limits->bodies_bytes = 100000;
}

/* HTTP-020: the fourth takes the place of the longest idle one. */
START_TEST(connections__over_the_limit__longest_idle_closed)
{
    char reply[REPLY_MAX];
    int s[5];
    struct world w;
    world_start(&w, few);
    for (int i = 0; i < 3; i++) {
        s[i] = dial(&w);
        say(s[i], GET("/a"));
        ck_assert_uint_eq(hear_one(s[i], reply), 200);
    }
    say(s[0], "GET /a HT"); /* busy: not to be closed */
    s[3] = dial(&w);
    say(s[3], GET("/a"));
    ck_assert_uint_eq(hear_one(s[3], reply), 200);
    ck_assert_uint_eq(hear_all(s[1], reply), 0);
    say(s[0], "TP/1.1\r\nHost: x\r\n\r\n");
    ck_assert_uint_eq(hear_one(s[0], reply), 200);
    for (int i = 0; i < 4; i++)
        close(s[i]);
    world_end(&w);
}
END_TEST

/* HTTP-025 */
START_TEST(bodies__over_the_memory_limit__busy)
{
    char reply[REPLY_MAX];
    struct world w;
    world_start(&w, few);
    int first = dial(&w), second = dial(&w);
    say(first, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\nExpect: 100-continue\r\n\r\n");
    ck_assert_int_eq(recv(first, reply, 25, MSG_WAITALL), 25);
    say(second, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n");
    ck_assert_uint_eq(hear_one(second, reply), 503);
    ck_assert_ptr_nonnull(strstr(reply, "\"code\":\"BUSY\""));
    ck_assert_ptr_nonnull(strstr(reply, "\r\nRetry-After: 1\r\n")); /* HTTP-083 */
    close(first);
    close(second);
    world_end(&w);
}
END_TEST

/* ---- limits ---- */

/* A refusal that says when to ask again. */
static void check_busy(const char *reply, const char *field)
{
    char want[64];
    snprintf(want, sizeof want, "\"field\":\"%s\"", field);
    ck_assert_msg(strncmp(reply, "HTTP/1.1 503 ", 13) == 0, "%.300s", reply);
    ck_assert_msg(strstr(reply, "\"code\":\"BUSY\"") != NULL, "%s", reply);
    ck_assert_msg(strstr(reply, want) != NULL, "%s", reply);
    ck_assert_msg(strstr(reply, "\r\nRetry-After: 1\r\n") != NULL, "%s", reply);
    ck_assert_msg(strstr(reply, "application/problem+json") != NULL, "%s", reply);
}

/* HTTP-020 HTTP-050 */
START_TEST(connections__over_the_limit_and_none_idle__told_busy)
{
    char reply[REPLY_MAX];
    int s[3];
    struct world w;
    world_start(&w, few);
    for (int i = 0; i < 3; i++) {
        s[i] = dial(&w);
        say(s[i], GET("/a") "GET /a HT"); /* not idle when it is answered */
        ck_assert_uint_eq(hear_one(s[i], reply), 200);
    }
    for (int i = 0; i < 10; i++) { /* more than the limit, one after the other */
        int more = dial(&w);
        hear_all(more, reply); /* before anything is asked */
        check_busy(reply, "connections");
        ck_assert_ptr_nonnull(strstr(reply, "Connection: close\r\n"));
        close(more);
    }
    ck_assert_uint_le(look(&w).open_connections, 4);
    say(s[1], "TP/1.1\r\nHost: x\r\n\r\n"); /* idle afterwards: a new one takes its place */
    ck_assert_uint_eq(hear_one(s[1], reply), 200);
    int more = dial(&w);
    say(more, GET("/a"));
    ck_assert_uint_eq(hear_one(more, reply), 200);
    close(more);
    for (int i = 0; i < 3; i++)
        close(s[i]);
    world_end(&w);
}
END_TEST

static void little_memory(struct pp_http_limits *limits)
{
    limits->bodies_bytes = 4 * 65536;
    limits->memory_ms = 20000;
}

static const char announce_all[] = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n";

/* HTTP-051: what is announced and not sent leaves room for what is sent. */
START_TEST(bodies__announced_only__hold_one_piece_each)
{
    static char body[120000], reply[REPLY_MAX];
    int s[3];
    struct world w;
    world_start(&w, little_memory);
    for (int i = 0; i < 3; i++) {
        s[i] = dial(&w);
        say(s[i], announce_all);
        say_bytes(s[i], body, 100);
    }
    int other = dial(&w);
    memset(body, 'b', sizeof body);
    say(other, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n");
    say_bytes(other, body, 60000);
    ck_assert_uint_eq(hear_one(other, reply), 200);
    close(other);
    for (int i = 0; i < 3; i++)
        close(s[i]);
    world_end(&w);
}
END_TEST

/* HTTP-052: it waits for memory, and goes on when there is some. */
START_TEST(body__waits_for_memory__goes_on_when_there_is_some)
{
    static char body[1 << 20], reply[REPLY_MAX];
    struct world w;
    struct pp_http_counters counters;
    world_start(&w, little_memory);
    memset(body, 'b', sizeof body);
    int first = dial(&w), second = dial(&w);
    say(first, announce_all);
    say_bytes(first, body, 200000); /* 64 + 64 + 128 KiB: all there is */
    do
        counters = look(&w);
    while (counters.bodies_bytes != 4 * 65536);
    say(second, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n");
    say_bytes(second, body, 60000);
    do
        counters = look(&w);
    while (counters.waiting_bodies != 1);
    ck_assert_uint_eq(counters.refused, 0);
    close(first); /* its memory comes back */
    ck_assert_uint_eq(hear_one(second, reply), 200);
    ck_assert_uint_eq(strlen(strstr(reply, "\r\n\r\n") + 4), 4 + 60000);
    counters = look(&w);
    ck_assert_uint_eq(counters.bodies_bytes, 0);
    ck_assert_uint_eq(counters.waiting_bodies, 0);
    close(second);
    world_end(&w);
}
END_TEST

static void little_memory_and_patience(struct pp_http_limits *limits)
{
    limits->bodies_bytes = 4 * 65536;
    limits->memory_ms = 20;
}

/* HTTP-025 HTTP-052 HTTP-053: refused in time, the rest of its body thrown away, the connection as before. */
START_TEST(body__without_memory__busy_and_the_connection_stays)
{
    static char body[1 << 20], reply[REPLY_MAX];
    struct world w;
    world_start(&w, little_memory_and_patience);
    memset(body, 'b', sizeof body);
    int s = dial(&w);
    for (int i = 0; i < 3; i++) {
        say(s, announce_all); /* itself more than all there is: it holds 256 KiB when it is refused */
        say_bytes(s, body, sizeof body);
        say(s, GET("/next"));
        ck_assert_uint_eq(hear_one(s, reply), 503);
        check_busy(reply, "body");
        ck_assert_ptr_null(strstr(reply, "Connection: close"));
        ck_assert_uint_eq(hear_one(s, reply), 200);
        ck_assert_ptr_nonnull(strstr(reply, "/next? "));
    }
    ck_assert_uint_eq(look(&w).bodies_bytes, 0);
    /* A peer that waits to be asked for its body is told, and closed. */
    say(s, "POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1048576\r\n\r\n");
    say_bytes(s, body, 300000);
    hear_all(s, reply);
    check_busy(reply, "body");
    ck_assert_ptr_nonnull(strstr(reply, "Connection: close\r\n"));
    close(s);
    world_end(&w);
}
END_TEST

static void slow_rate(struct pp_http_limits *limits)
{
    limits->body_ms = 100;
    limits->body_bytes_per_s = 1000;
    limits->linger_ms = 100;
}

/* HTTP-054: announcing a thousand seconds' worth of bytes buys no time. */
START_TEST(body__announced_and_not_sent__too_slow_soon)
{
    char reply[REPLY_MAX];
    struct world w;
    world_start(&w, slow_rate);
    int s = dial(&w);
    const time_t started_s = time(NULL);
    say(s, announce_all);
    hear_all(s, reply);
    ck_assert_msg(strncmp(reply, "HTTP/1.1 408 ", 13) == 0, "%s", reply);
    ck_assert_int_le(time(NULL) - started_s, 20);
    close(s);
    world_end(&w);
}
END_TEST

static void one_big_answer(struct pp_http_limits *limits)
{
    limits->answers_bytes = 12u << 20; /* the answer to /big takes 8 */
}

static void drain_one(int s)
{
    static char rest[1 << 16];
    char reply[REPLY_MAX];
    size_t length = 0;
    do {
        ck_assert_int_eq(recv(s, reply + length, 1, 0), 1);
        reply[++length] = '\0';
    } while (length < 4 || strcmp(reply + length - 4, "\r\n\r\n") != 0);
    ck_assert_msg(strncmp(reply, "HTTP/1.1 200 ", 13) == 0, "%s", reply);
    size_t left = strtoul(strstr(reply, "Content-Length: ") + 16, NULL, 10);
    ck_assert_uint_gt(left, 4u << 20);
    while (left > 0) {
        ssize_t count = recv(s, rest, left < sizeof rest ? left : sizeof rest, 0);
        ck_assert_int_gt(count, 0);
        left -= (size_t)count;
    }
}

/* HTTP-055: a peer that does not read holds an answer; the next large one has no room, small ones have, and when the first was
 * taken there is room again. */
START_TEST(answers__over_the_memory_limit__busy_in_their_place)
{
    char reply[REPLY_MAX];
    struct world w;
    struct pp_http_counters counters;
    world_start(&w, one_big_answer);
    int slow = dial(&w), other = dial(&w);
    const int small = 65536; /* or the system itself takes most of the answer */
    ck_assert_int_eq(setsockopt(slow, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    say(slow, GET("/big"));
    do
        counters = look(&w);
    while (counters.answers_bytes == 0);
    ck_assert_uint_le(counters.answers_bytes, 12u << 20);
    for (int i = 0; i < 3; i++) {
        say(other, GET("/big"));
        ck_assert_uint_eq(hear_one(other, reply), 503);
        check_busy(reply, "answer");
        say(other, GET("/a"));
        ck_assert_uint_eq(hear_one(other, reply), 200);
    }
    drain_one(slow);
    say(other, GET("/big"));
    drain_one(other);
    ck_assert_uint_eq(look(&w).answers_bytes, 0);
    close(slow);
    close(other);
    world_end(&w);
}
END_TEST

/* HTTP-056: a thousand requests of one connection are there, and one of another: it need not wait for them. */
START_TEST(requests__many_of_one_connection__others_have_their_turn)
{
    enum { COUNT = 1000 };
    static char requests[COUNT * sizeof GET("/a")];
    char reply[REPLY_MAX];
    struct world w;
    for (int i = 0; i < COUNT; i++)
        strcat(requests + (size_t)i * (sizeof GET("/a") - 1), GET("/a"));
    world_start(&w, NULL);
    signal(SIGPIPE, SIG_IGN); /* a peer that resets its connection is none of the host's business */
    int many = dial(&w), other = dial(&w);
    say(other, GET("/a"));
    ck_assert_uint_eq(hear_one(other, reply), 200); /* both are connected */
    block(&w);
    say(many, requests); /* at once: what is sent in pieces waits for the peer's acknowledgements */
    say(other, GET("/other"));
    unblock(&w);
    ck_assert_uint_eq(hear_one(other, reply), 200);
    ck_assert_uint_le(w.served_before_other, 1 + 2 * 16);
    for (int i = 0; i < COUNT; i++)
        ck_assert_uint_eq(hear_one(many, reply), 200);
    ck_assert_uint_eq(w.served, COUNT + 2);
    /* The same, gone before it is answered, and in the middle of the server's stop. */
    block(&w);
    say(many, requests);
    close(many);
    unblock(&w);
    say(other, GET("/other"));
    ck_assert_uint_eq(hear_one(other, reply), 200);
    close(other);
    world_end(&w);
}
END_TEST

static uint64_t limit_of(const struct pp_spec_table *table, const char *name)
{
    for (size_t i = 0; i < table->rows; i++)
        if (strcmp(pp_spec_cell(table, i, 0), name) == 0)
            return strtoull(pp_spec_cell(table, i, 1), NULL, 10);
    ck_abort_msg("no limit \"%s\" in specs/http.md", name);
    return 0;
}

START_TEST(limits__of_the_specification__are_those_of_the_code)
{
    struct pp_spec_table table;
    struct pp_http_limits limits;
    pp_http_limits_default(&limits);
    pp_spec_table_load("http.md", "what waits or is held", &table);
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"connections", limits.connections},
        {"connections that are told BUSY", PP_HTTP_REFUSING_MAX},
        {"the kernel's queue of connections", PP_HTTP_BACKLOG},
        {"requests of one connection, served at once", 1},
        {"buffer of one connection", PP_HTTP_IN_BYTES},
        {"requests of one connection in a turn", PP_HTTP_TURN_REQUESTS},
        {"memory for bodies, of all connections", limits.bodies_bytes},
        {"a body's first piece of that memory", PP_HTTP_BODY_FIRST_BYTES},
        {"waiting for that memory", limits.memory_ms},
        {"memory for answers that wait for their peers", limits.answers_bytes},
        {"an answer's memory kept for the next one", PP_HTTP_KEEP_BYTES},
        {"calls waiting for a thread that reads the disk", PP_HTTP_POOL_MAX},
        {"of these, openings, roots and looks of sessions, registrations, acceptances and complaints",
         PP_HTTP_SESSION_POOL_MAX},
        {"requests at the engine", PP_QUEUE_REQUESTS_MAX},
        {"stamps at the engine", PP_QUEUE_STAMPS_MAX},
        {"head", limits.head_ms},
        {"body", limits.body_ms},
        {"bytes of a body for which it has one second more", limits.body_bytes_per_s},
        {"between requests", limits.idle_ms},
        {"taking the answer", limits.write_ms},
        {"reading a last answer", limits.linger_ms},
        {"what a refused peer sends meanwhile", PP_HTTP_LINGER_BYTES},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_msg(limit_of(&table, rows[i].name) == rows[i].value, "%s: %llu", rows[i].name,
                      (unsigned long long)rows[i].value);
    ck_assert_uint_eq(table.rows, sizeof rows / sizeof rows[0]);
    pp_spec_table_done(&table);
}
END_TEST

/* HTTP-027: what was begun is answered; the rest is closed. */
START_TEST(server__stopped_under_load__answers_and_closes)
{
    char reply[REPLY_MAX];
    struct world w;
    struct pp_http_counters counters;
    world_start(&w, hurry);
    int held = dial(&w), idle = dial(&w), half = dial(&w);
    say(half,
        GET("/a") "GET /a"); /* read with what is answered: half a request is there when the server stops */
    ck_assert_uint_eq(hear_one(half, reply), 200);
    say(held, GET("/hold") GET("/after"));
    do
        counters = look(&w);
    while (counters.in_flight != 1 || counters.open_connections != 3);
    uv_async_send(&w.stop);
    ck_assert_uint_eq(hear_all(idle, reply), 0);
    hear_all(half, reply);
    ck_assert_ptr_nonnull(strstr(reply, "TOO_SLOW"));
    uv_async_send(&w.release);
    hear_all(held, reply);
    ck_assert_ptr_nonnull(strstr(reply, "released"));
    ck_assert_ptr_nonnull(strstr(reply, "Connection: close\r\n"));
    ck_assert_ptr_null(strstr(reply, "/after"));
    pthread_join(w.thread, NULL);
    ck_assert(w.loop_closed_clean);
    close(held);
    close(idle);
    close(half);
}
END_TEST

/* The peer goes while its request is served: the exchange lives on until it is answered, and then both are gone. */
START_TEST(peer__gone_while_served__answer_dropped)
{
    struct world w;
    struct pp_http_counters counters;
    world_start(&w, NULL);
    int s = dial(&w);
    struct linger hard = {1, 0};
    say(s, GET("/hold"));
    do
        counters = look(&w);
    while (counters.in_flight != 1);
    setsockopt(s, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(s); /* a reset */
    char reply[REPLY_MAX];
    int other = dial(&w);
    say(other, GET("/a"));
    ck_assert_uint_eq(hear_one(other, reply), 200);
    uv_async_send(&w.release);
    do
        counters = look(&w);
    while (counters.in_flight != 0 || counters.open_connections != 1);
    close(other);
    world_end(&w);
}
END_TEST

START_TEST(server__address_in_use_or_wrong__says_so)
{
    struct world w;
    uv_loop_t loop;
    char reason[128];
    struct pp_http_server *server;
    const struct pp_http_app app = {NULL, 0, app_admit, app_serve};
    world_start(&w, NULL);
    uv_loop_init(&loop);
    ck_assert_error(pp_http_server_open(&loop, "127.0.0.1", w.port, &w.limits, &app, &server, reason),
                    PP_SYSTEM);
    ck_assert_ptr_nonnull(strstr(reason, "in use"));
    ck_assert_error(pp_http_server_open(&loop, "localhost?", 0, &w.limits, &app, &server, reason), PP_SYSTEM);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    world_end(&w);
}
END_TEST

PP_TESTS("http_server")
PP_TEST(request__in_another_form__refused_and_closed)
PP_TEST(request__with_nul__refused)
PP_TEST(head__over_its_limits__refused)
PP_TEST(requests__in_one_packet_or_in_pieces__answered_in_order)
PP_TEST(requests__far_more_than_the_buffer_holds__all_answered)
PP_TEST(body__of_any_size_up_to_the_limit__arrives_whole)
PP_TEST(body__after_expectation__invited)
PP_TEST(connection__close_asked_for__closed_after_the_answer)
PP_TEST(connection__half_closed__whole_requests_answered)
PP_TEST(peer__slow_or_silent__told_and_closed)
PP_TEST(peer__that_does_not_read__cut_off)
PP_TEST(peer__sends_on_after_refusal__hears_why)
PP_TEST(connections__over_the_limit__longest_idle_closed)
PP_TEST(bodies__over_the_memory_limit__busy)
PP_TEST(connections__over_the_limit_and_none_idle__told_busy)
PP_TEST(bodies__announced_only__hold_one_piece_each)
PP_TEST(body__waits_for_memory__goes_on_when_there_is_some)
PP_TEST(body__without_memory__busy_and_the_connection_stays)
PP_TEST(body__announced_and_not_sent__too_slow_soon)
PP_TEST(answers__over_the_memory_limit__busy_in_their_place)
PP_TEST(requests__many_of_one_connection__others_have_their_turn)
PP_TEST(limits__of_the_specification__are_those_of_the_code)
PP_TEST(server__stopped_under_load__answers_and_closes)
PP_TEST(peer__gone_while_served__answer_dropped)
PP_TEST(server__address_in_use_or_wrong__says_so)
PP_TESTS_END
