#include "http/http_conn.h"

#include <pp/assert.h>

#include <stdio.h>
#include <stdlib.h>

void pp_http_limits_default(struct pp_http_limits *out)
{
    *out = (struct pp_http_limits){
        .connections = 1024,                  /* 32 KiB of buffer each */
        .bodies_bytes = UINT64_C(256) << 20,  /* sixteen of the largest */
        .answers_bytes = UINT64_C(128) << 20, /* some hundred peers that read the largest envelopes slowly */
        .memory_ms = 1000,
        .head_ms = 10000,
        .body_ms = 10000,
        .body_bytes_per_s = 64u << 10,
        .idle_ms = 60000,
        .write_ms = 30000,
        .linger_ms = 2000,
        .stop_ms = 5000,
        .sweep_ms = 250,
    };
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct pp_http_server *server = handle->data;
    server->handles--;
    pp_http_server_conn_gone(server);
}

static struct pp_http_exchange *longest_idle(const struct pp_http_server *server)
{
    struct pp_http_exchange *found = NULL;
    for (struct pp_http_exchange *conn = server->connections; conn != NULL; conn = conn->next)
        if (pp_http_conn_is_idle(conn) && (found == NULL || conn->deadline_ms <= found->deadline_ms))
            found = conn;
    return found;
}

static bool has_room(const struct pp_http_server *server)
{
    return server->counters.open_connections - server->refusing < server->limits.connections;
}

/* HTTP-020: never more connections than the limit. */
static void on_connection(uv_stream_t *listener, int status)
{
    struct pp_http_server *server = listener->data;
    if (status != 0)
        return; /* nothing to accept: the system had no descriptor left, say; the peer is told by its own time-out */
    if (has_room(server)) {
        (void)pp_http_conn_accept(server);
        return;
    }
    struct pp_http_exchange *idle = longest_idle(server);
    if (idle != NULL || server->refusing >= PP_HTTP_REFUSING_MAX) {
        server->accept_waits = true; /* not accepting stops libuv's listener until uv_accept */
        if (idle != NULL)
            pp_http_conn_close(idle);
        return;
    }
    struct pp_http_exchange *conn = pp_http_conn_accept(server); /* HTTP-050 */
    if (conn == NULL)
        return;
    conn->is_refused = true;
    server->refusing++;
    pp_http_conn_refuse(conn);
}

/* Takes the connection that had to wait, when there is room for it. */
static void accept_waiting(struct pp_http_server *server)
{
    if (!server->accept_waits || server->stopping || !has_room(server))
        return;
    server->accept_waits = false;
    (void)pp_http_conn_accept(server);
}

static void on_sweep(uv_timer_t *timer)
{
    struct pp_http_server *server = timer->data;
    const uint64_t now = uv_now(server->loop);
    struct pp_http_exchange *next;
    for (struct pp_http_exchange *conn = server->connections; conn != NULL; conn = next) {
        next = conn->next; /* closing frees later, in a callback */
        if (conn->state != PP_CONN_CLOSED && !conn->waits_for_turn && now >= conn->deadline_ms)
            pp_http_conn_expire(conn);
    }
    accept_waiting(server);
}

void pp_http_server_on_turn(uv_idle_t *turn)
{
    pp_http_conn_take_turns(turn->data);
}

void pp_http_server_conn_gone(struct pp_http_server *server)
{
    accept_waiting(server);
    if (!server->stopping || server->counters.open_connections > 0)
        return;
    if (server->handles > 0 && !uv_is_closing((uv_handle_t *)&server->sweep)) {
        uv_close((uv_handle_t *)&server->sweep, on_handle_closed);
        uv_close((uv_handle_t *)&server->turn, on_handle_closed);
    }
    if (server->handles == 0)
        server->stopped(server->stopped_context);
}

const char *pp_http_server_date(struct pp_http_server *server)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const time_t now_s = time(NULL);
    struct tm utc;
    if (now_s == server->date_s)
        return server->date;
    gmtime_r(&now_s, &utc);
    snprintf(server->date, sizeof server->date, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[utc.tm_wday % 7],
             (unsigned)utc.tm_mday % 100, months[utc.tm_mon % 12], (unsigned)(utc.tm_year + 1900) % 10000,
             (unsigned)utc.tm_hour % 100, (unsigned)utc.tm_min % 100, (unsigned)utc.tm_sec % 100);
    server->date_s = now_s;
    return server->date;
}

static int listen_on(struct pp_http_server *server, const char *address, uint16_t port)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } place;
    int status = uv_ip4_addr(address, port, &place.v4);
    if (status != 0)
        status = uv_ip6_addr(address, port, &place.v6);
    if (status == 0)
        status = uv_tcp_bind(&server->listener, &place.any, 0);
    if (status == 0)
        status = uv_listen((uv_stream_t *)&server->listener, PP_HTTP_BACKLOG, on_connection);
    return status;
}

static void on_failed_handle_closed(uv_handle_t *handle)
{
    struct pp_http_server *server = handle->data;
    if (--server->handles == 0)
        free(server);
}

enum pp_error pp_http_server_open(uv_loop_t *loop, const char *address, uint16_t port,
                                  const struct pp_http_limits *limits, const struct pp_http_app *app,
                                  struct pp_http_server **out, char out_reason[128])
{
    struct pp_http_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return PP_NO_MEMORY;
    PP_ASSERT(limits->connections > 0 && limits->body_bytes_per_s > 0 && limits->sweep_ms > 0);
    server->loop = loop;
    server->limits = *limits;
    server->app = *app;
    int status = uv_tcp_init(loop, &server->listener);
    if (status == 0)
        status = uv_timer_init(loop, &server->sweep);
    if (status == 0)
        status = uv_idle_init(loop, &server->turn);
    PP_ASSERT(status == 0);
    server->listener.data = server->sweep.data = server->turn.data = server;
    server->turns_end = &server->turns;
    server->handles = 3;
    status = listen_on(server, address, port);
    if (status == 0)
        status = uv_timer_start(&server->sweep, on_sweep, limits->sweep_ms, limits->sweep_ms);
    if (status != 0) {
        snprintf(out_reason, 128, "listen on %s port %u: %s", address, port, uv_strerror(status));
        uv_close((uv_handle_t *)&server->listener, on_failed_handle_closed); /* freed when the loop runs */
        uv_close((uv_handle_t *)&server->sweep, on_failed_handle_closed);
        uv_close((uv_handle_t *)&server->turn, on_failed_handle_closed);
        return PP_SYSTEM;
    }
    *out = server;
    return PP_OK;
}

uint16_t pp_http_server_port(const struct pp_http_server *server)
{
    struct sockaddr_storage place;
    int length = sizeof place;
    if (uv_tcp_getsockname(&server->listener, (struct sockaddr *)&place, &length) != 0)
        return 0;
    if (place.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&place)->sin6_port);
    return ntohs(((const struct sockaddr_in *)&place)->sin_port);
}

void pp_http_server_counters(const struct pp_http_server *server, struct pp_http_counters *out)
{
    *out = server->counters;
    out->waiting_bodies = server->bodies_waiting;
    out->bodies_bytes = server->bodies_bytes;
    out->answers_bytes = server->answers_bytes;
}

/* HTTP-027 */
void pp_http_server_stop(struct pp_http_server *server, void (*stopped)(void *context), void *context)
{
    struct pp_http_exchange *next;
    const uint64_t last_ms = uv_now(server->loop) + server->limits.stop_ms;
    PP_ASSERT(!server->stopping);
    server->stopping = true;
    server->stopped = stopped;
    server->stopped_context = context;
    uv_close((uv_handle_t *)&server->listener, on_handle_closed);
    for (struct pp_http_exchange *conn = server->connections; conn != NULL; conn = next) {
        next = conn->next;
        if (pp_http_conn_is_idle(conn))
            pp_http_conn_close(conn);
        else if (conn->state != PP_CONN_SERVING && conn->deadline_ms > last_ms)
            conn->deadline_ms = last_ms;
    }
}

void pp_http_server_free(struct pp_http_server *server)
{
    PP_ASSERT(server->handles == 0 && server->connections == NULL);
    free(server);
}
