/* load_http.h - requests that go to a node over kept HTTP connections, fit to load it from beside it.
 *
 * Shape:  each sender has its connections and an epoll set; a connection has one request under way. What is read is parsed by
 *         llhttp. No libuv here: its timers count milliseconds, and requests are due by the microsecond.
 * Errors: NODE_DOWN (not connected), BAD_FORMAT (no http:// address), TOO_LONG, NOT_FOUND (the host's name).
 * Limits: LOAD_CONNECTIONS_MAX; an answer of LOAD_ANSWER_MAX_BYTES, in LOAD_ANSWER_NS.
 */
#ifndef CLI_LOAD_HTTP_H
#define CLI_LOAD_HTTP_H

#include "load_sender.h"
#include "wallet_dir.h"

#include <sys/socket.h>

#define LOAD_CONNECTIONS_MAX 4096u
#define LOAD_ANSWER_MAX_BYTES (2u << 20)     /* 1024 refusals, each with its problem details */
#define LOAD_ANSWER_NS UINT64_C(30000000000) /* then the connection is given up */
#define LOAD_REDIAL_NS UINT64_C(100000000)   /* after a connection that could not be made */

/* Where the node is. */
struct load_node {
    char host[CLI_URL_MAX]; /* with the port, as in the URL */
    char path[CLI_URL_MAX]; /* before "/v1" */
    struct sockaddr_storage address;
    socklen_t address_length;
    int family;
    unsigned connections; /* of each sender */
};
PP_MUST_CHECK enum pp_error load_node_find(const char *url, struct load_node *out);

struct load_transport load_http_transport(struct load_node *node);

/* What an answer of this status and body says of a request with so many stamps. */
void load_http_verdict(unsigned status, const char *body, size_t length, uint32_t stamps,
                       struct load_verdict *out);
/* The sequence number of each envelope of an answer that admitted some, 0: it was refused. false: they are not all there. */
bool load_http_sequences(const char *body, size_t length, uint32_t stamps, uint64_t *out);

#endif
