/* The order, the names and the rests of endpoints; pure. What is asked of whom is in test_chain_rpc.c and test_chain_poll.c. */
#include "chain/chain_endpoints.h"
#include "pp_test.h"

/* Goal: lists are split, and nothing but scheme, host and port is shown (RPC-004). */
START_TEST(endpoints_init__lists__split_and_named)
{
    static const struct {
        const char *urls;
        enum pp_error error;
        const char *first, *last;
    } cases[] = {
        {"http://a", PP_OK, "endpoint 1 (http://a)", "endpoint 1 (http://a)"},
        {"https://a/key, http://b:8545/key?x=1", PP_OK, "endpoint 1 (https://a)",
         "endpoint 2 (http://b:8545)"},
        {"https://user:secret@a.example:1/key", PP_OK, "endpoint 1 (https://a.example:1)", NULL},
        {"https://us@er:secret@a", PP_OK, "endpoint 1 (https://a)", NULL},
        {"https://a#key", PP_OK, "endpoint 1 (https://a)", NULL},
        {"https://a\x01", PP_OK, "endpoint 1 (https://a?)", NULL},
        {"", PP_BAD_CONFIG, NULL, NULL},
        {"http://a,", PP_BAD_CONFIG, NULL, NULL},
        {"http://a,,http://b", PP_BAD_CONFIG, NULL, NULL},
        {"http://a,file:///x", PP_BAD_CONFIG, NULL, NULL},
        {"http://1,http://2,http://3,http://4,http://5,http://6,http://7,http://8,http://9", PP_BAD_CONFIG,
         NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rpc_endpoints all;
        ck_assert_error(rpc_endpoints_init(&all, cases[i].urls), cases[i].error);
        if (cases[i].first)
            ck_assert_str_eq(all.list[0].health.name, cases[i].first);
        if (cases[i].last)
            ck_assert_str_eq(all.list[all.count - 1].health.name, cases[i].last);
        rpc_endpoints_done(&all);
    }
    struct rpc_endpoints all;
    char url[600] = "https://";
    memset(url + 8, 'a', sizeof url - 9);
    ck_assert_ok(rpc_endpoints_init(&all, url));
    ck_assert_uint_lt(strlen(all.list[0].health.name), PP_RPC_NAME_MAX);
    rpc_endpoints_done(&all);
}
END_TEST

/* Goal: who failed n times rests for 2^n turns, at most 64; the preferred of those awake is asked, and somebody always is
 * (RPC-015). */
START_TEST(endpoints_choose__failures__rest_and_return)
{
    struct rpc_endpoints all;
    ck_assert_ok(rpc_endpoints_init(&all, "http://a,http://b,http://c"));
    rpc_endpoints_choose(&all);
    ck_assert_uint_eq(all.current, 0);
    rpc_endpoint_failed(&all.list[0], PP_CHAIN_DOWN);
    ck_assert_uint_eq(all.list[0].health.rests, 2);
    ck_assert(rpc_endpoints_next(&all, 0, false));
    ck_assert_uint_eq(all.current, 1);
    rpc_endpoint_failed(&all.list[1], PP_CHAIN_DOWN);
    rpc_endpoint_failed(&all.list[1], PP_CHAIN_DOWN);
    ck_assert_uint_eq(all.list[1].health.rests, 4);
    ck_assert(rpc_endpoints_next(&all, 0, false));
    ck_assert_uint_eq(all.current, 2);
    ck_assert(!rpc_endpoints_next(&all, 0, true));
    rpc_endpoints_choose(&all);
    ck_assert_uint_eq(all.current, 2);
    rpc_endpoints_choose(&all);
    ck_assert_uint_eq(all.current, 0);
    for (unsigned i = 0; i < 100; i++)
        for (size_t j = 0; j < 3; j++)
            rpc_endpoint_failed(&all.list[j], PP_CHAIN_DOWN);
    all.list[1].health.rests = 9;
    ck_assert_uint_eq(all.list[0].health.rests, RPC_REST_TURNS_MAX);
    rpc_endpoints_choose(&all);
    ck_assert_uint_eq(all.current, 1);
    rpc_endpoints_done(&all);
}
END_TEST

PP_TESTS("chain_endpoints")
PP_TEST(endpoints_init__lists__split_and_named)
PP_TEST(endpoints_choose__failures__rest_and_return)
PP_TESTS_END
