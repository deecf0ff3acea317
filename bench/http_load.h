/* http_load.h - clients of an HTTP server in a process of their own, over loopback and kept connections.
 *
 * Method: the next letter goes out on a connection when the answer to the one before has come; what is counted is the server's
 *         processor time (all its threads, and the kernel's work for it), so that neither the clients nor the neighbours on a
 *         shared machine count.
 * Errors: an answer other than 200 ends the program.
 */
#ifndef PP_BENCH_HTTP_LOAD_H
#define PP_BENCH_HTTP_LOAD_H

#include "bench.h"

#include <sys/types.h>

/* A request as it goes over the wire. */
struct letter {
    char *bytes;
    size_t length;
};

struct http_load {
    const struct letter *letters;
    size_t step; /* 0: every letter is the first one */
    uint32_t count, connections;
};

struct http_clients {
    pid_t pid;
    int port_pipe;
};

/* Forked before this process has threads; they begin when they are told the port. */
void http_clients_fork(struct http_clients *clients, const struct http_load *load);
/* Tells them the port, and waits until every letter is answered. */
void http_clients_run(struct http_clients *clients, uint16_t port);

/* ---- bench_http.c: ours, for each second of processor time ---- */

struct http_ours {
    const struct bench_options *options;
    struct traffic traffic;
    struct letter *letters;
    uint32_t requests, connections;
};
void http_ours_make(struct http_ours *ours, const struct bench_options *options);
void http_ours_done(struct http_ours *ours);
/* A bench_measure over a struct http_ours. */
uint64_t http_ours_rate(void *context);

#endif
