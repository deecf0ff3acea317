/* Goal: the API on a thread answers while it is open, and leaves nothing behind when it could not be opened or is closed.
 * Method: a node of the fixture, plain sockets; sanitizers look for what is left. */
#include "http_fixture.h"
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/http_service.h>
#include <unistd.h>

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_http_service_config config;
};

static void world_make(struct world *w)
{
    pp_temp_dir_make(&w->dir);
    pp_fixture_init(&w->fixture, w->dir.path, true);
    pp_fixture_open(&w->fixture);
    w->config = (struct pp_http_service_config){.node = w->fixture.node,
                                                .node_config = &w->fixture.config,
                                                .operator_address = w->fixture.operator_address,
                                                .token_decimals = 6,
                                                .realm = "test",
                                                .address = "127.0.0.1"};
}

static void world_done(struct world *w)
{
    pp_fixture_close(&w->fixture);
    pp_fixture_done(&w->fixture);
    pp_temp_dir_remove(&w->dir);
}

START_TEST(http_service__opened__answers_until_closed)
{
    struct world w;
    struct pp_http_service *service;
    struct http_reply reply;
    char reason[128];
    world_make(&w);
    ck_assert_ok(pp_http_service_open(&w.config, &service, reason));
    const int s = http_dial(pp_http_service_port(service));
    for (unsigned i = 0; i < 3; i++) {
        http_ask(s, "GET", "/v1/terms", "", "", 0, &reply);
        ck_assert_uint_eq(reply.status, 200);
        ck_assert_str_eq(pp_json_text(reply.json, "realm"), "test");
        http_reply_done(&reply);
    }
    pp_http_service_close(service);
    char byte;
    ck_assert_int_le(read(s, &byte, 1), 0);
    close(s);
    world_done(&w);
}
END_TEST

START_TEST(http_service__cannot_listen__says_why_and_leaves_nothing)
{
    struct world w;
    struct pp_http_service *service, *second;
    char reason[128] = "";
    world_make(&w);
    w.config.address = "not an address";
    ck_assert(pp_http_service_open(&w.config, &service, reason) != PP_OK);
    w.config.address = "127.0.0.1";
    ck_assert_ok(pp_http_service_open(&w.config, &service, reason));
    w.config.port = pp_http_service_port(service);
    ck_assert(pp_http_service_open(&w.config, &second, reason) != PP_OK);
    ck_assert_str_ne(reason, "");
    pp_http_service_close(service);
    world_done(&w);
}
END_TEST

PP_TESTS("http_service")
PP_TEST(http_service__opened__answers_until_closed)
PP_TEST(http_service__cannot_listen__says_why_and_leaves_nothing)
PP_TESTS_END
