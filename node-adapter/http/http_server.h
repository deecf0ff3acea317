/* http_server.h - HTTP/1.1 on libuv: connections, limits, and one request at a time per connection.
 *
 * Own:     the loop is the caller's; the server puts a listener, a timer and its connections on it. All functions are
 *          for the loop's thread. An exchange belongs to the application from `serve` until pp_http_answer, also when the
 *          peer has gone; the request's bytes stay in place until then.
 * Limits:  struct pp_http_limits, and http_conn.h. One exchange a connection: bytes of the next request wait in the connection's
 *          buffer, and when that is full the socket is not read. At the limit of connections the longest idle one is closed;
 *          where none is idle, a new one is told so and closed. Bodies and answers have a budget each, for all connections. A
 *          connection with many requests at once gets its turn among the others.
 * Stop:    no new connections; idle ones are closed; requests that began are answered, within stop_ms but for those
 *          that the application still has; then all handles are closed, and stopped is called.
 * Errors:  SYSTEM, with the system's words.
 * Source:  specs/http.md (HTTP-001 to HTTP-029).
 */
#ifndef PP_HTTP_SERVER_H
#define PP_HTTP_SERVER_H

#include "http/http_head.h"
#include "http/text.h"

#include <uv.h>

struct pp_http_limits {
    uint32_t connections;   /* at once */
    uint64_t bodies_bytes;  /* memory for the bodies that are being received or served */
    uint64_t answers_bytes; /* memory for large answers that wait for their peers to take them */
    uint32_t memory_ms;     /* how long a body waits for memory */
    uint32_t head_ms;       /* from a request's first byte to the end of its head */
    uint32_t
        body_ms; /* from the head's end to the body's, and for each body_bytes_per_s that came one second more */
    uint32_t body_bytes_per_s;
    uint32_t idle_ms;   /* between requests */
    uint32_t write_ms;  /* for the peer to take the answer */
    uint32_t linger_ms; /* for the peer to read a last answer before the connection is closed */
    uint32_t stop_ms;   /* for requests under way when the server stops */
    uint32_t sweep_ms;  /* how often the above are looked at */
};
void pp_http_limits_default(struct pp_http_limits *out);

struct pp_http_server;
struct pp_http_exchange;

struct pp_http_app {
    void *context;
    size_t room_bytes; /* the application's own memory in each exchange, zero at the connection's start */
    /* After the head: how large may the body be? An error refuses the request before its body is read. */
    enum pp_error (*admit)(void *context, const struct pp_http_head *head, uint64_t *out_body_max,
                           struct pp_refusal *out_refusal);
    void (*serve)(void *context, struct pp_http_exchange *exchange);
};

struct pp_http_counters {
    uint64_t connections; /* accepted so far */
    uint64_t requests;    /* served so far */
    uint64_t refused;     /* by this layer: form, limits */
    uint64_t timed_out;
    uint32_t open_connections; /* now */
    uint32_t in_flight;        /* exchanges that the application has, now */
    uint32_t waiting_bodies;   /* connections that wait for memory, now */
    uint64_t bodies_bytes;     /* of the limits' bodies_bytes, now */
    uint64_t answers_bytes;    /* of the limits' answers_bytes, now */
};

/* address: an IPv4 or IPv6 literal; port 0: any free one. */
PP_MUST_CHECK enum pp_error pp_http_server_open(uv_loop_t *loop, const char *address, uint16_t port,
                                                const struct pp_http_limits *limits,
                                                const struct pp_http_app *app, struct pp_http_server **out,
                                                char out_reason[128]);
uint16_t pp_http_server_port(const struct pp_http_server *server);
void pp_http_server_counters(const struct pp_http_server *server, struct pp_http_counters *out);
/* Once. `stopped` may free the server. */
void pp_http_server_stop(struct pp_http_server *server, void (*stopped)(void *context), void *context);
void pp_http_server_free(struct pp_http_server *server);

const struct pp_http_head *pp_http_exchange_head(const struct pp_http_exchange *exchange);
const uint8_t *pp_http_exchange_body(const struct pp_http_exchange *exchange, size_t *out_length);
void *pp_http_exchange_room(struct pp_http_exchange *exchange);
/* The number of its connection: from 1, in the order in which they were taken. */
uint64_t pp_http_exchange_connection(const struct pp_http_exchange *exchange);
struct pp_http_server *pp_http_exchange_server(struct pp_http_exchange *exchange);

/* The two texts of the answer, empty, to be filled before pp_http_answer: header lines, each with CR LF, and body. */
struct pp_text *pp_http_exchange_headers(struct pp_http_exchange *exchange);
struct pp_text *pp_http_exchange_answer(struct pp_http_exchange *exchange);
/* Sends status, the header lines and the body of media_type. Once per exchange. */
void pp_http_answer(struct pp_http_exchange *exchange, unsigned status, const char *media_type);
/* Sends the problem details of a refusal, with Retry-After where there is something to wait for. `more` (may be NULL) are
 * further members of the object. */
void pp_http_refuse(struct pp_http_exchange *exchange, const struct pp_refusal *refusal,
                    const struct pp_text *more);

#endif
