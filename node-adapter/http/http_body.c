/* A body's memory: taken as its bytes come, out of one budget for all connections (HTTP-025, HTTP-051 to HTTP-053). */
#include "http/http_conn.h"

#include <stdlib.h>

bool pp_http_body_is_whole(const struct pp_http_exchange *conn)
{
    return conn->body_on_heap ? conn->body_have == conn->head.content_length
                              : conn->in_length - conn->head_length >= conn->head.content_length;
}

/* What is left of its time: a peer that sends nothing has body_ms, and each body_bytes_per_s that came give one second
 * more, so that a large body that is only announced holds nothing for long (HTTP-026). */
uint64_t pp_http_body_deadline_ms(const struct pp_http_exchange *conn)
{
    const struct pp_http_limits *limits = &conn->server->limits;
    return conn->body_started_ms + limits->body_ms +
           conn->body_have / limits->body_bytes_per_s * UINT64_C(1000);
}

/* Memory for the next bytes of a body on the heap; false: there is none, nothing was changed. */
static bool grow(struct pp_http_exchange *conn)
{
    struct pp_http_server *server = conn->server;
    const uint64_t length = conn->head.content_length;
    uint64_t wanted = conn->body_capacity == 0 ? PP_HTTP_BODY_FIRST_BYTES : 2 * conn->body_capacity;
    if (wanted > length)
        wanted = length;
    const uint64_t more = wanted - conn->body_capacity;
    if (more > server->limits.bodies_bytes - server->bodies_bytes)
        return false;
    uint8_t *grown = realloc(conn->body, wanted);
    if (grown == NULL)
        return false;
    if (conn->body_capacity == 0) { /* what came with the head */
        conn->body_have = conn->in_length - conn->head_length;
        memcpy(grown, conn->in + conn->head_length, conn->body_have);
        conn->in_length = conn->head_length;
    }
    conn->body = grown;
    conn->body_capacity = wanted;
    server->bodies_bytes += more;
    return true;
}

bool pp_http_body_make_room(struct pp_http_exchange *conn)
{
    struct pp_http_server *server = conn->server;
    if (!conn->body_on_heap || conn->body_have < conn->body_capacity || pp_http_body_is_whole(conn) ||
        grow(conn))
        return true;
    conn->waits_for_memory = true;
    conn->paused_ms = uv_now(server->loop);
    server->bodies_waiting++;
    return false;
}

void pp_http_body_begin(struct pp_http_exchange *conn)
{
    conn->body_started_ms = uv_now(conn->server->loop);
    conn->body_have = 0;
    conn->body_on_heap = conn->head.content_length > sizeof conn->in - conn->head_length;
    conn->body = conn->body_on_heap ? NULL : (uint8_t *)conn->in + conn->head_length;
    conn->body_capacity = 0;
}

void pp_http_body_drop(struct pp_http_exchange *conn)
{
    uint8_t *heap = conn->body_on_heap ? conn->body : NULL;
    if (conn->waits_for_memory)
        conn->server->bodies_waiting--;
    conn->waits_for_memory = false;
    conn->server->bodies_bytes -= conn->body_capacity;
    conn->body = NULL;
    conn->body_on_heap = false;
    conn->body_have = 0;
    conn->body_capacity = 0;
    free(heap);
}

/* Oldest connections first. */
void pp_http_bodies_resume(struct pp_http_server *server)
{
    struct pp_http_exchange *conn = server->bodies_waiting == 0 ? NULL : server->connections;
    while (conn != NULL && conn->next != NULL)
        conn = conn->next;
    for (; conn != NULL && server->bodies_waiting > 0; conn = conn->previous) {
        if (!conn->waits_for_memory)
            continue;
        if (!grow(conn))
            return; /* the next in turn gets it, or its time is over */
        conn->waits_for_memory = false;
        server->bodies_waiting--;
        conn->body_started_ms += uv_now(server->loop) - conn->paused_ms; /* that was not the peer's delay */
        pp_http_conn_read_body(conn);
    }
}
