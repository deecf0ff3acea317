#include "http/http_conn.h"

#include "http/problem.h"

#include <pp/assert.h>

#include <stdlib.h>

static void advance(struct pp_http_exchange *conn);

static uint64_t now_ms(const struct pp_http_exchange *conn)
{
    return uv_now(conn->server->loop);
}

static void set_deadline(struct pp_http_exchange *conn, uint64_t span_ms)
{
    conn->deadline_ms = now_ms(conn) + span_ms;
}

bool pp_http_conn_is_idle(const struct pp_http_exchange *conn)
{
    return conn->state == PP_CONN_HEAD && conn->in_length == 0;
}

/* ---- the end ---- */

static void free_when_done(struct pp_http_exchange *conn)
{
    struct pp_http_server *server = conn->server;
    if (!conn->handle_closed || conn->serving || conn->advancing || conn->waits_for_turn)
        return;
    pp_http_body_drop(conn);
    if (conn->previous != NULL)
        conn->previous->next = conn->next;
    else
        server->connections = conn->next;
    if (conn->next != NULL)
        conn->next->previous = conn->previous;
    if (conn->is_refused)
        server->refusing--;
    pp_text_free(&conn->headers);
    pp_text_free(&conn->answer);
    pp_text_free(&conn->out);
    free(conn->room);
    free(conn);
    server->counters.open_connections--;
    pp_http_bodies_resume(server);
    pp_http_server_conn_gone(server);
}

static void on_closed(uv_handle_t *handle)
{
    struct pp_http_exchange *conn = handle->data;
    conn->handle_closed = true;
    free_when_done(conn);
}

void pp_http_conn_close(struct pp_http_exchange *conn)
{
    if (conn->state == PP_CONN_CLOSED)
        return;
    conn->state = PP_CONN_CLOSED;
    conn->reading = false;
    if (!conn->serving)
        pp_http_body_drop(conn);
    uv_close((uv_handle_t *)&conn->tcp, on_closed);
}

/* ---- reading ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct pp_http_exchange *conn = handle->data;
    (void)suggested;
    if (conn->state == PP_CONN_BODY && conn->body_on_heap)
        *buf = uv_buf_init((char *)conn->body + conn->body_have,
                           (unsigned)(conn->body_capacity - conn->body_have));
    else if (conn->state == PP_CONN_LINGER || conn->state == PP_CONN_SKIP)
        *buf = uv_buf_init(conn->in, sizeof conn->in);
    else
        *buf = uv_buf_init(conn->in + conn->in_length, (unsigned)(sizeof conn->in - conn->in_length));
}

static void stop_reading(struct pp_http_exchange *conn)
{
    if (conn->reading)
        uv_read_stop((uv_stream_t *)&conn->tcp);
    conn->reading = false;
}

static void refuse_and_close(struct pp_http_exchange *conn, const struct pp_refusal *refusal);
static void start_reading(struct pp_http_exchange *conn);

static void expect_head(struct pp_http_exchange *conn)
{
    conn->head_length = 0;
    conn->state = PP_CONN_HEAD;
    pp_http_guard_init(&conn->guard);
    set_deadline(conn, conn->in_length > 0 ? conn->server->limits.head_ms : conn->server->limits.idle_ms);
}

/* The peer sends no more. A request that is not whole is refused; one that is served still gets its answer. */
static void on_end(struct pp_http_exchange *conn)
{
    conn->peer_done = true;
    stop_reading(conn);
    if (conn->state == PP_CONN_LINGER || conn->state == PP_CONN_SKIP || pp_http_conn_is_idle(conn)) {
        pp_http_conn_close(conn);
    } else if (conn->state == PP_CONN_HEAD || conn->state == PP_CONN_BODY) {
        struct pp_refusal refusal;
        pp_refusal_init(&refusal, PP_TRUNCATED, conn->state == PP_CONN_HEAD ? "head" : "body");
        if (conn->state == PP_CONN_BODY) {
            refusal.expected = pp_value_number(conn->head.content_length);
            refusal.actual =
                pp_value_number(conn->body_on_heap ? conn->body_have : conn->in_length - conn->head_length);
        }
        conn->server->counters.refused++;
        refuse_and_close(conn, &refusal);
    }
}

/* The rest of a body that was refused (HTTP-053). What is behind it is the next request. */
static void skip(struct pp_http_exchange *conn)
{
    const size_t rest = conn->in_length < conn->skip_bytes ? conn->in_length : (size_t)conn->skip_bytes;
    memmove(conn->in, conn->in + rest, conn->in_length - rest);
    conn->in_length -= rest;
    conn->skip_bytes -= rest;
    conn->body_have += rest;
    conn->deadline_ms = pp_http_body_deadline_ms(conn);
    if (conn->skip_bytes == 0)
        expect_head(conn);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    struct pp_http_exchange *conn = stream->data;
    (void)buf;
    if (count == 0 || conn->state == PP_CONN_CLOSED)
        return;
    if (count == UV_ENOBUFS) { /* the next requests fill the buffer: the socket keeps the rest */
        stop_reading(conn);
        return;
    }
    if (count == UV_EOF) {
        on_end(conn);
        return;
    }
    if (count < 0) {
        pp_http_conn_close(conn);
        return;
    }
    if (conn->state == PP_CONN_LINGER) {
        conn->lingered_bytes += (uint64_t)count;
        if (conn->lingered_bytes > PP_HTTP_LINGER_BYTES)
            pp_http_conn_close(conn);
        return;
    }
    if (pp_http_conn_is_idle(conn))
        set_deadline(conn, conn->server->limits.head_ms);
    if (conn->state == PP_CONN_BODY && conn->body_on_heap) {
        conn->body_have += (size_t)count;
        pp_http_conn_read_body(conn);
    } else {
        conn->in_length += (size_t)count;
    }
    if (conn->state == PP_CONN_SKIP)
        skip(conn);
    if (conn->state == PP_CONN_SERVING || conn->state == PP_CONN_WRITING)
        stop_reading(conn); /* HTTP-022: the next request waits its turn */
    else
        advance(conn);
}

void pp_http_conn_read_body(struct pp_http_exchange *conn)
{
    if (conn->body_on_heap)
        conn->deadline_ms = pp_http_body_deadline_ms(conn);
    if (pp_http_body_make_room(conn)) {
        start_reading(conn);
        return;
    }
    stop_reading(conn); /* HTTP-052: the peer waits for memory, but not for long */
    if (conn->deadline_ms > now_ms(conn) + conn->server->limits.memory_ms)
        set_deadline(conn, conn->server->limits.memory_ms);
}

static void start_reading(struct pp_http_exchange *conn)
{
    if (conn->reading || conn->peer_done || conn->state == PP_CONN_CLOSED)
        return;
    conn->reading = true;
    if (uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read) != 0)
        pp_http_conn_close(conn);
}

/* ---- answering ---- */

static void on_shutdown(uv_shutdown_t *request, int status)
{
    struct pp_http_exchange *conn = request->data;
    if (status != 0)
        pp_http_conn_close(conn);
}

/* HTTP-023: a connection that is closed while the peer still sends would lose the answer, so the peer gets a moment to
 * read it. */
static void linger(struct pp_http_exchange *conn)
{
    conn->state = PP_CONN_LINGER;
    conn->lingered_bytes = 0;
    set_deadline(conn, conn->server->limits.linger_ms);
    conn->shutdown.data = conn;
    if (conn->peer_done || uv_shutdown(&conn->shutdown, (uv_stream_t *)&conn->tcp, on_shutdown) != 0)
        pp_http_conn_close(conn);
    else
        start_reading(conn);
}

static void keep_or_free(struct pp_text *text)
{
    if (text->capacity > PP_HTTP_KEEP_BYTES || text->failed)
        pp_text_free(text);
    text->length = 0;
}

/* The answer has left: on to the next request, which may be in the buffer already. */
static void on_answered(struct pp_http_exchange *conn)
{
    struct pp_http_server *server = conn->server;
    keep_or_free(&conn->headers);
    keep_or_free(&conn->answer);
    keep_or_free(&conn->out);
    server->answers_bytes -= conn->answer_charged_bytes;
    conn->answer_charged_bytes = 0;
    const size_t used = conn->head_length + (conn->body_on_heap ? 0 : conn->head.content_length);
    const bool skips = conn->skips_body;
    conn->skips_body = false;
    pp_http_body_drop(conn);
    pp_http_bodies_resume(server);
    if (conn->state == PP_CONN_CLOSED)
        return;
    if (conn->close_after || server->stopping) {
        linger(conn);
        return;
    }
    const size_t taken = skips ? conn->head_length : used;
    memmove(conn->in, conn->in + taken, conn->in_length - taken);
    conn->in_length -= taken;
    if (skips) {
        conn->state = PP_CONN_SKIP;
        conn->body_started_ms = now_ms(conn);
        skip(conn);
    } else {
        expect_head(conn);
    }
    if (conn->peer_done && (conn->in_length == 0 || conn->state == PP_CONN_SKIP)) {
        pp_http_conn_close(conn);
        return;
    }
    start_reading(conn);
}

static void on_written(uv_write_t *request, int status)
{
    struct pp_http_exchange *conn = request->data;
    if (status != 0)
        pp_http_conn_close(conn);
    on_answered(conn);
    if (conn->state == PP_CONN_HEAD)
        advance(conn);
}

/* Writes what the socket takes at once, and leaves the rest to libuv. */
static void write_out(struct pp_http_exchange *conn)
{
    uv_buf_t *parts = conn->pending;
    unsigned count = conn->answer_apart ? 2 : 1;
    parts[0] = uv_buf_init(conn->out.bytes, (unsigned)conn->out.length);
    parts[1] = uv_buf_init(conn->answer.bytes, (unsigned)conn->answer.length);
    conn->state = PP_CONN_WRITING;
    int written = uv_try_write((uv_stream_t *)&conn->tcp, parts, count);
    if (written < 0 && written != UV_EAGAIN) {
        pp_http_conn_close(conn);
        on_answered(conn);
        return;
    }
    size_t left = written < 0 ? 0 : (size_t)written;
    while (count > 0 && left >= parts[0].len) {
        left -= parts[0].len;
        parts++;
        count--;
    }
    if (count == 0) {
        on_answered(conn);
        return;
    }
    parts[0].base += left;
    parts[0].len -= left;
    conn->answer_charged_bytes = conn->answer_apart ? conn->answer.capacity : 0;
    conn->server->answers_bytes += conn->answer_charged_bytes;
    set_deadline(conn, conn->server->limits.write_ms);
    conn->write.data = conn;
    if (uv_write(&conn->write, (uv_stream_t *)&conn->tcp, parts, count, on_written) != 0) {
        pp_http_conn_close(conn);
        on_answered(conn);
    }
}

static void send_answer(struct pp_http_exchange *conn, unsigned status, const char *media_type)
{
    const struct pp_http_server *server = conn->server;
    if (conn->answer.length > PP_HTTP_ONE_PIECE_BYTES &&
        conn->answer.capacity > server->limits.answers_bytes - server->answers_bytes) { /* HTTP-055 */
        struct pp_refusal refusal;
        pp_refusal_init(&refusal, PP_BUSY, "answer");
        pp_text_free(&conn->answer);
        conn->headers.length = 0;
        pp_http_print_refusal(conn, &refusal, NULL);
        status = pp_problem_status(refusal.error);
        media_type = PP_PROBLEM_MEDIA_TYPE;
    }
    pp_http_print_head(conn, status, media_type);
    if (conn->out.failed || conn->answer.failed ||
        conn->headers.failed) /* no memory for an answer: none is better than half */
        pp_http_conn_close(conn);
    if (conn->state == PP_CONN_CLOSED)
        on_answered(conn);
    else
        write_out(conn);
}

void pp_http_answer(struct pp_http_exchange *exchange, unsigned status, const char *media_type)
{
    PP_ASSERT(exchange->serving);
    exchange->serving = false;
    exchange->server->counters.in_flight--;
    send_answer(exchange, status, media_type);
    if (exchange->state == PP_CONN_CLOSED)
        free_when_done(exchange);
    else if (exchange->state == PP_CONN_HEAD)
        advance(exchange);
}

void pp_http_refuse(struct pp_http_exchange *exchange, const struct pp_refusal *refusal,
                    const struct pp_text *more)
{
    pp_http_print_refusal(exchange, refusal, more);
    pp_http_answer(exchange, pp_problem_status(refusal->error), PP_PROBLEM_MEDIA_TYPE);
}

/* A request whose form or size is wrong: where the next one begins is not known, so this answer is the last. */
static void refuse_and_close(struct pp_http_exchange *conn, const struct pp_refusal *refusal)
{
    conn->close_after = true;
    conn->headers.length = 0;
    pp_http_print_refusal(conn, refusal, NULL);
    send_answer(conn, pp_problem_status(refusal->error), PP_PROBLEM_MEDIA_TYPE);
}

/* HTTP-025 HTTP-053: there was no memory for this body. The connection stays, unless its peer would not know whether its body is
 * still waited for. */
static void refuse_body(struct pp_http_exchange *conn)
{
    const struct pp_http_server *server = conn->server;
    struct pp_refusal refusal;
    pp_refusal_init(&refusal, PP_BUSY, "body");
    refusal.expected = pp_value_number(server->limits.bodies_bytes - server->bodies_bytes);
    refusal.actual = pp_value_number(conn->head.content_length);
    conn->server->counters.refused++;
    if (conn->close_after || conn->head.expect_continue) {
        refuse_and_close(conn, &refusal);
        return;
    }
    conn->skips_body = true;
    conn->skip_bytes = conn->head.content_length - conn->body_have;
    conn->headers.length = 0;
    pp_http_print_refusal(conn, &refusal, NULL);
    send_answer(conn, pp_problem_status(refusal.error), PP_PROBLEM_MEDIA_TYPE);
    if (conn->state == PP_CONN_HEAD)
        advance(conn);
}

/* ---- from bytes to requests ---- */

static enum pp_error begin_request(struct pp_http_exchange *conn, struct pp_refusal *refusal)
{
    struct pp_http_server *server = conn->server;
    uint64_t body_max = 0;
    conn->head_length = conn->guard.length;
    PP_TRY(pp_http_head_parse(conn->in, conn->head_length, &conn->head, refusal));
    conn->close_after = conn->head.close;
    PP_TRY(server->app.admit(server->app.context, &conn->head, &body_max, refusal));
    if (conn->head.content_length > body_max) { /* HTTP-024 */
        pp_refusal_init(refusal, PP_BODY_TOO_LARGE, "content-length");
        refusal->expected = pp_value_number(body_max);
        refusal->actual = pp_value_number(conn->head.content_length);
        return PP_BODY_TOO_LARGE;
    }
    pp_http_body_begin(conn);
    conn->state = PP_CONN_BODY;
    conn->deadline_ms = pp_http_body_deadline_ms(conn);
    if (conn->body_on_heap)
        pp_http_conn_read_body(conn);
    if (conn->head.expect_continue && conn->head.content_length > 0 &&
        !conn->waits_for_memory) { /* a client that hears nothing goes on by itself */
        static const char words[] = "HTTP/1.1 100 Continue\r\n\r\n";
        uv_buf_t buf = uv_buf_init((char *)(uintptr_t)words, sizeof words - 1);
        (void)uv_try_write((uv_stream_t *)&conn->tcp, &buf, 1);
    }
    return PP_OK;
}

/* One step on; false when more bytes are needed, or somebody else moves. */
static bool step(struct pp_http_exchange *conn)
{
    struct pp_refusal refusal;
    enum pp_error error;
    size_t used;
    if (conn->state == PP_CONN_HEAD) {
        if (conn->in_length == conn->guard.length)
            return false;
        error = pp_http_guard_feed(&conn->guard, conn->in + conn->guard.length,
                                   conn->in_length - conn->guard.length, &used, &refusal);
        if (error == PP_OK && conn->guard.state != PP_GUARD_DONE)
            return false;
        if (error == PP_OK)
            error = begin_request(conn, &refusal);
        if (error != PP_OK) {
            conn->server->counters.refused++;
            refuse_and_close(conn, &refusal);
            return false;
        }
        return true;
    }
    if (conn->state != PP_CONN_BODY || !pp_http_body_is_whole(conn))
        return false;
    conn->state = PP_CONN_SERVING;
    conn->serving = true;
    conn->turn_requests++;
    conn->deadline_ms = UINT64_MAX;
    conn->server->counters.requests++;
    conn->server->counters.in_flight++;
    conn->server->app.serve(conn->server->app.context, conn);
    return true;
}

/* ---- turns (HTTP-056) ---- */

static void wait_for_turn(struct pp_http_exchange *conn)
{
    struct pp_http_server *server = conn->server;
    stop_reading(conn);
    conn->waits_for_turn = true;
    conn->next_turn = NULL;
    *server->turns_end = conn;
    server->turns_end = &conn->next_turn;
    uv_idle_start(&server->turn, pp_http_server_on_turn);
}

void pp_http_conn_take_turns(struct pp_http_server *server)
{
    struct pp_http_exchange *conn = server->turns, *next;
    server->turns = NULL;
    server->turns_end = &server->turns;
    uv_idle_stop(&server->turn);
    for (; conn != NULL; conn = next) {
        next = conn->next_turn;
        conn->waits_for_turn = false;
        conn->turn_requests = 0;
        start_reading(conn);
        advance(conn); /* frees it when it was closed meanwhile */
    }
}

static void advance(struct pp_http_exchange *conn)
{
    if (conn->advancing || conn->waits_for_turn)
        return;
    conn->advancing = true;
    while (conn->turn_requests < PP_HTTP_TURN_REQUESTS && step(conn))
        ;
    conn->advancing = false;
    const bool reads = conn->state == PP_CONN_HEAD || conn->state == PP_CONN_BODY;
    if (conn->turn_requests >= PP_HTTP_TURN_REQUESTS && reads && conn->in_length > 0) {
        wait_for_turn(conn);
        return;
    }
    conn->turn_requests = 0;
    if (conn->peer_done && conn->state == PP_CONN_HEAD)
        on_end(conn); /* it sent a part of a request, and its end, while the one before was served */
    free_when_done(conn);
}

/* ---- beginning, and time ---- */

void pp_http_conn_expire(struct pp_http_exchange *conn)
{
    if (conn->waits_for_memory) {
        refuse_body(conn);
        return;
    }
    conn->server->counters.timed_out++;
    if (!pp_http_conn_is_idle(conn) && (conn->state == PP_CONN_HEAD || conn->state == PP_CONN_BODY)) {
        struct pp_refusal refusal; /* HTTP-026 */
        pp_refusal_init(&refusal, PP_TOO_SLOW, conn->state == PP_CONN_HEAD ? "head" : "body");
        conn->server->counters.refused++;
        refuse_and_close(conn, &refusal);
        return;
    }
    pp_http_conn_close(conn);
}

void pp_http_conn_refuse(struct pp_http_exchange *conn)
{
    struct pp_refusal refusal;
    if (conn->state == PP_CONN_CLOSED)
        return;
    pp_refusal_init(&refusal, PP_BUSY, "connections");
    refusal.expected = pp_value_number(conn->server->limits.connections);
    conn->server->counters.refused++;
    refuse_and_close(conn, &refusal);
}

struct pp_http_exchange *pp_http_conn_accept(struct pp_http_server *server)
{
    struct pp_http_exchange *conn = malloc(sizeof *conn);
    void *room = conn == NULL || server->app.room_bytes == 0 ? NULL : calloc(1, server->app.room_bytes);
    if (conn == NULL || (room == NULL && server->app.room_bytes > 0)) {
        free(conn);
        server->accept_waits = true;
        return NULL;
    }
    memset(conn, 0,
           offsetof(struct pp_http_exchange, in)); /* memory that no request needs is never touched */
    conn->server = server;
    conn->room = room;
    pp_text_init(&conn->headers);
    pp_text_init(&conn->answer);
    pp_text_init(&conn->out);
    pp_http_guard_init(&conn->guard);
    conn->next = server->connections;
    if (conn->next != NULL)
        conn->next->previous = conn;
    server->connections = conn;
    server->counters.open_connections++;
    conn->number = ++server->counters.connections;
    const int initialized = uv_tcp_init(server->loop, &conn->tcp);
    PP_ASSERT(initialized == 0); /* takes no resources before there is a socket */
    conn->tcp.data = conn;
    if (uv_accept((uv_stream_t *)&server->listener, (uv_stream_t *)&conn->tcp) != 0) {
        pp_http_conn_close(conn);
        return conn;
    }
    uv_tcp_nodelay(&conn->tcp, 1);
    set_deadline(conn, server->limits.idle_ms);
    start_reading(conn);
    return conn;
}

const struct pp_http_head *pp_http_exchange_head(const struct pp_http_exchange *exchange)
{
    return &exchange->head;
}

const uint8_t *pp_http_exchange_body(const struct pp_http_exchange *exchange, size_t *out_length)
{
    *out_length = exchange->head.content_length;
    return exchange->body;
}

void *pp_http_exchange_room(struct pp_http_exchange *exchange)
{
    return exchange->room;
}

uint64_t pp_http_exchange_connection(const struct pp_http_exchange *exchange)
{
    return exchange->number;
}

struct pp_http_server *pp_http_exchange_server(struct pp_http_exchange *exchange)
{
    return exchange->server;
}

struct pp_text *pp_http_exchange_headers(struct pp_http_exchange *exchange)
{
    return &exchange->headers;
}

struct pp_text *pp_http_exchange_answer(struct pp_http_exchange *exchange)
{
    return &exchange->answer;
}
