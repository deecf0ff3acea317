/* served_api.h - the API of a node that is open, on a free port of this process: a loop on a thread, and its orderly end.
 *
 * Own: plain memory of the test's, at rest until _stop; the node outlives it.
 */
#ifndef SERVED_API_H
#define SERVED_API_H

#include "http/http_api.h"

#include <pthread.h>

struct served_api {
    uv_loop_t loop;
    uv_async_t stop;
    struct pp_http_api *api;
    struct pp_http_server *server;
    pthread_t thread;
    uint16_t port;
    bool clean;
};

/* With the default limits; fails the test when it cannot. */
void served_api_start(struct served_api *served, const struct pp_http_api_config *config);
/* Fails the test when a handle is left open. */
void served_api_stop(struct served_api *served);

#endif
