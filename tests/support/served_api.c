#include "served_api.h"
#include "pp_test.h"

static void on_api_closed(void *context)
{
    struct served_api *served = context;
    pp_http_api_free(served->api);
}

static void on_stopped(void *context)
{
    struct served_api *served = context;
    pp_http_server_free(served->server);
    pp_http_api_close(served->api, on_api_closed, served);
    uv_close((uv_handle_t *)&served->stop, NULL);
}

static void on_stop(uv_async_t *async)
{
    struct served_api *served = async->data;
    pp_http_server_stop(served->server, on_stopped, served);
}

static void *run(void *context)
{
    struct served_api *served = context;
    uv_run(&served->loop, UV_RUN_DEFAULT);
    served->clean = uv_loop_close(&served->loop) == 0;
    return NULL;
}

void served_api_start(struct served_api *served, const struct pp_http_api_config *config)
{
    char reason[128] = "";
    struct pp_http_limits limits;
    ck_assert_int_eq(uv_loop_init(&served->loop), 0);
    uv_async_init(&served->loop, &served->stop, on_stop);
    served->stop.data = served;
    ck_assert_ok(pp_http_api_open(&served->loop, config, &served->api));
    const struct pp_http_app app = pp_http_api_app(served->api);
    pp_http_limits_default(&limits);
    ck_assert_msg(
        pp_http_server_open(&served->loop, "127.0.0.1", 0, &limits, &app, &served->server, reason) == PP_OK,
        "%s", reason);
    served->port = pp_http_server_port(served->server);
    ck_assert_int_eq(pthread_create(&served->thread, NULL, run, served), 0);
}

void served_api_stop(struct served_api *served)
{
    uv_async_send(&served->stop);
    pthread_join(served->thread, NULL);
    ck_assert(served->clean);
}
