/* http_conn.h - one connection: its handle, its buffers, its place in the exchange of requests and answers.
 *
 * Shape:  state says what the next bytes are. The buffer `in` holds the head of the request that is being read or served,
 *         a body that fits behind it, and what came after; a larger body has memory of its own.
 * Own:    freed by the last of: the handle's close callback, the end of the exchange (pp_http_answer).
 */
#ifndef PP_HTTP_CONN_H
#define PP_HTTP_CONN_H

#include "http/http_guard.h"
#include "http/http_server.h"

#include <pp/limits.h>

#include <time.h>

/* One line a limit. */
/* clang-format off */
#define PP_HTTP_IN_BYTES (2 * PP_HEADER_MAX_BYTES) /* a head, and as much of what follows it */
#define PP_HTTP_LINGER_BYTES (4u << 20)      /* what a refused peer may still send before it is cut off */
#define PP_HTTP_ONE_PIECE_BYTES 4096u        /* an answer up to here is copied behind its head: one piece for the system */
#define PP_HTTP_KEEP_BYTES (8u << 10)        /* an answer's memory is kept for the next one up to here */
#define PP_HTTP_BODY_FIRST_BYTES (64u << 10) /* a body's first: 1024 that do not come hold a quarter of the budget */
#define PP_HTTP_TURN_REQUESTS 16u            /* of one connection before the others have their turn: a tenth of a millisecond */
#define PP_HTTP_REFUSING_MAX 64u             /* connections above the limit that are told so; more wait in the kernel */
#define PP_HTTP_BACKLOG 511                  /* the kernel's queue of connections that nobody took yet */
/* clang-format on */

enum pp_http_conn_state {
    PP_CONN_HEAD,    /* reading a head; idle while no byte of it has come */
    PP_CONN_BODY,    /* reading a body, or waiting for memory to do so */
    PP_CONN_SERVING, /* the application has the exchange */
    PP_CONN_WRITING,
    PP_CONN_SKIP,   /* the request is refused and answered; the rest of its body is thrown away */
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
    bool is_refused;  /* there are too many connections */
    bool waits_for_turn;
    unsigned turn_requests; /* served since others had their turn */
    struct pp_http_exchange *next_turn;
    uint64_t number; /* of the connection, from 1 */
    uint64_t deadline_ms;
    uint64_t lingered_bytes;

    struct pp_http_guard guard;
    struct pp_http_head head;
    size_t in_length;   /* bytes in `in` */
    size_t head_length; /* of the present request, once its head is whole */
    uint8_t *body;      /* in `in`, or heap */
    bool body_on_heap;
    size_t body_have;     /* heap, or thrown away */
    size_t body_capacity; /* heap only: of the server's bodies_bytes */
    uint64_t body_started_ms, paused_ms;
    bool waits_for_memory; /* the socket is not read */
    bool skips_body;       /* this answer refuses a body that is still to come: skip_bytes */
    uint64_t skip_bytes;

    struct pp_text headers, answer, out; /* out: status line and headers as sent */
    bool answer_apart;                   /* not copied behind `out` */
    size_t answer_charged_bytes;         /* of the server\'s answers_bytes */
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
    uint64_t answers_bytes;               /* of answers that wait for their peers, now */
    unsigned bodies_waiting;              /* connections whose body waits for memory */
    unsigned refusing;                    /* connections above the limit, which hear so */
    uv_idle_t turn;                       /* runs while a connection has had its turn and has more */
    struct pp_http_exchange *turns, **turns_end;
    unsigned handles; /* listener and the like, not yet closed */
    time_t date_s;    /* of `date` */
    char date[32];
    bool accept_waits;
    bool stopping;
    void (*stopped)(void *context);
    void *stopped_context;
};

/* Takes the listener's next connection; NULL: there is no memory, and it waits. */
struct pp_http_exchange *pp_http_conn_accept(struct pp_http_server *server);
/* Says BUSY before any request is read, and closes (HTTP-050). */
void pp_http_conn_refuse(struct pp_http_exchange *conn);
/* Those that have had their turn go on. */
void pp_http_conn_take_turns(struct pp_http_server *server);
void pp_http_server_on_turn(uv_idle_t *turn);
/* Closes the handle; idempotent. */
void pp_http_conn_close(struct pp_http_exchange *conn);
/* Its time is up: says so where the peer waits for an answer. */
void pp_http_conn_expire(struct pp_http_exchange *conn);
bool pp_http_conn_is_idle(const struct pp_http_exchange *conn);
/* The wall clock as HTTP writes it, to the second (RFC 9110, 5.6.7). */
const char *pp_http_server_date(struct pp_http_server *server);
/* Reads on when there is memory for more of the body, or pauses. */
void pp_http_conn_read_body(struct pp_http_exchange *conn);

/* ---- http_answer.c ---- */
/* Into `out`, with a small answer behind it. */
void pp_http_print_head(struct pp_http_exchange *conn, unsigned status, const char *media_type);
/* Problem details into the answer, Retry-After into the header lines. */
void pp_http_print_refusal(struct pp_http_exchange *conn, const struct pp_refusal *refusal,
                           const struct pp_text *more);

/* ---- http_body.c ---- */
void pp_http_body_begin(struct pp_http_exchange *conn); /* of the head that was read */
/* False: there is no memory for the next bytes, and the connection waits for some. */
bool pp_http_body_make_room(struct pp_http_exchange *conn);
bool pp_http_body_is_whole(const struct pp_http_exchange *conn);
uint64_t pp_http_body_deadline_ms(const struct pp_http_exchange *conn);
void pp_http_body_drop(struct pp_http_exchange *conn);
/* Memory came back: gives it to those that wait. */
void pp_http_bodies_resume(struct pp_http_server *server);

/* A connection was freed: a waiting one may be accepted, a stop may be complete. */
void pp_http_server_conn_gone(struct pp_http_server *server);

#endif
