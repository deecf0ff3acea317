#include "http/http_api.h"

#include <pp/assert.h>
#include <pp/http_service.h>

#include <pthread.h>
#include <stdlib.h>

struct pp_http_service {
    uv_loop_t loop;
    uv_async_t stop;
    struct pp_http_server *server;
    struct pp_http_api *api;
    pthread_t thread;
    uint16_t port;
};

/* ---- stopping: the server, then the API, then the loop has nothing left ---- */

static void on_api_closed(void *context)
{
    struct pp_http_service *service = context;
    pp_http_api_free(service->api);
}

static void on_server_stopped(void *context)
{
    struct pp_http_service *service = context;
    pp_http_server_free(service->server);
    pp_http_api_close(service->api, on_api_closed, service);
    uv_close((uv_handle_t *)&service->stop, NULL);
}

static void on_stop(uv_async_t *async)
{
    struct pp_http_service *service = async->data;
    pp_http_server_stop(service->server, on_server_stopped, service);
}

static void *service_main(void *context)
{
    struct pp_http_service *service = context;
    uv_run(&service->loop, UV_RUN_DEFAULT);
    const int left = uv_loop_close(&service->loop);
    PP_ASSERT(left == 0);
    return NULL;
}

void pp_http_service_close(struct pp_http_service *service)
{
    uv_async_send(&service->stop);
    pthread_join(service->thread, NULL);
    free(service);
}

/* ---- opening; what was opened is undone in the same order as above, on this thread ---- */

static enum pp_error server_open(struct pp_http_service *service, const struct pp_http_service_config *config,
                                 char *out_reason)
{
    struct pp_http_limits limits;
    const struct pp_http_app app = pp_http_api_app(service->api);
    pp_http_limits_default(&limits);
    PP_TRY(pp_http_server_open(&service->loop, config->address, config->port, &limits, &app, &service->server,
                               out_reason));
    service->port = pp_http_server_port(service->server);
    return PP_OK;
}

static enum pp_error parts_open(struct pp_http_service *service, const struct pp_http_service_config *config,
                                char *out_reason)
{
    const struct pp_http_api_config api = {.node = config->node,
                                           .node_config = config->node_config,
                                           .operator_address = config->operator_address,
                                           .token = config->token,
                                           .token_decimals = config->token_decimals,
                                           .realm = config->realm};
    PP_TRY(pp_http_api_open(&service->loop, &api, &service->api));
    enum pp_error error = server_open(service, config, out_reason);
    if (error != PP_OK) {
        pp_http_api_close(service->api, on_api_closed, service);
        return error;
    }
    if (pthread_create(&service->thread, NULL, service_main, service) == 0)
        return PP_OK;
    pp_http_server_stop(service->server, on_server_stopped, service);
    return PP_SYSTEM;
}

enum pp_error pp_http_service_open(const struct pp_http_service_config *config, struct pp_http_service **out,
                                   char out_reason[128])
{
    struct pp_http_service *service = calloc(1, sizeof *service);
    out_reason[0] = '\0';
    if (!service)
        return PP_NO_MEMORY;
    if (uv_loop_init(&service->loop) != 0) {
        free(service);
        return PP_SYSTEM;
    }
    const int failed = uv_async_init(&service->loop, &service->stop, on_stop);
    PP_ASSERT(failed == 0); /* its only failure is a loop that is none */
    service->stop.data = service;
    const enum pp_error error = parts_open(service, config, out_reason);
    if (error == PP_OK) {
        *out = service;
        return PP_OK;
    }
    if (!service->server) /* else on_server_stopped does */
        uv_close((uv_handle_t *)&service->stop, NULL);
    uv_run(&service->loop, UV_RUN_DEFAULT);
    uv_loop_close(&service->loop);
    free(service);
    return error;
}

uint16_t pp_http_service_port(const struct pp_http_service *service)
{
    return service->port;
}
