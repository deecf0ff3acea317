/* http_conn.h - one connection: its handle, its buffers, its place in the exchange of requests and answers.
 *
 * Shape:  state says what the next bytes are. The buffer `in` holds the head of the request that is being read or served,
 *         a body that fits behind it, and what came after; a larger body has memory of its own.
 * Own:    freed by the last of: the handle's close callback, the end of the exchange (pp_http_answer).
 */
#ifndef PP_HTTP_CONN_H
#define PP_HTTP_CONN_H

#include "http_guard.h"
#include "http_server.h"

#include <pp/limits.h>

#include <time.h>

#define PP_HTTP_IN_BYTES (2 * PP_HEADER_MAX_BYTES)
#define PP_HTTP_LINGER_BYTES (4u << 20) /* what a refused peer may still send before it is cut off */
#define PP_HTTP_ONE_PIECE_BYTES                                                                              \
    4096u /* an answer up to here is copied behind its head: one piece for the system */
#define PP_HTTP_KEEP_BYTES (64u << 10) /* an answer's memory is kept for the next one up to here */

enum pp_http_conn_state {
    PP_CONN_HEAD, /* reading a head; idle while no byte of it has come */
    PP_CONN_BODY,
    PP_CONN_SERVING, /* the application has the exchange */
    PP_CONN_WRITING,
    PP_CONN_LINGER, /* the last answer is written; what comes is thrown away */
    PP_CONN_CLOSED, /* the handle is closing or closed; freed when no exchange is open */
};

struct pp_http_exchange {
    uv_tcp_t tcp;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct pp_http_server *server;
    struct pp_http_exchange *next, *previous; /* the server's list */
    enum pp_http_conn_state state;
    bool handle_closed;
    bool reading;
    bool advancing;   /* pp_http_conn_advance is on the stack */
    bool serving;     /* the application has the exchange */
    bool close_after; /* this answer is the last */
    bool peer_done;   /* the peer sends no more */
    uint64_t deadline_ms;
    uint64_t lingered_bytes;

    struct pp_http_guard guard;
    struct pp_http_head head;
    size_t in_length;   /* bytes in `in` */
    size_t head_length; /* of the present request, once its head is whole */
    uint8_t *body;      /* in `in`, or heap */
    bool body_on_heap;
    size_t body_have; /* heap only */

    struct pp_text headers, answer, out; /* out: status line and headers as sent */
    bool answer_apart;                   /* not copied behind `out` */
    uv_buf_t pending[2];
    void *room;
    char in[PP_HTTP_IN_BYTES]; /* the last member: not cleared */
};

struct pp_http_server {
    uv_loop_t *loop;
    uv_tcp_t listener;
    uv_timer_t sweep;
    struct pp_http_limits limits;
    struct pp_http_app app;
    struct pp_http_counters counters;
    struct pp_http_exchange *connections; /* newest first */
    uint64_t bodies_bytes;                /* of heap bodies, now */
    unsigned handles;                     /* listener and timer, not yet closed */
    time_t date_s;                        /* of `date` */
    char date[32];
    bool accept_waits;
    bool stopping;
    void (*stopped)(void *context);
    void *stopped_context;
};

/* Takes the listener's next connection. */
void pp_http_conn_accept(struct pp_http_server *server);
/* Closes the handle; idempotent. */
void pp_http_conn_close(struct pp_http_exchange *conn);
/* Its time is up: says so where the peer waits for an answer. */
void pp_http_conn_expire(struct pp_http_exchange *conn);
bool pp_http_conn_is_idle(const struct pp_http_exchange *conn);
/* The wall clock as HTTP writes it, to the second (RFC 9110, 5.6.7). */
const char *pp_http_server_date(struct pp_http_server *server);
/* A connection was freed: a waiting one may be accepted, a stop may be complete. */
void pp_http_server_conn_gone(struct pp_http_server *server);

#endif
