/* Goal: a file of peers is taken as it is written, or refused with the field that is wrong. */
#include "daemon/peers.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <stdio.h>
#include <stdlib.h>

#define OPERATOR "0x00000000000000000000000000000000000000aa"
#define PEER(node, shard, url)                                                                               \
    "{\"node_id\":" #node ",\"shard\":" #shard ",\"operator\":\"" OPERATOR "\",\"url\":\"" url "\"}"

static enum pp_error load(const char *text, struct pp_peer **out, size_t *out_count,
                          char reason[PP_CONFIG_REASON_MAX])
{
    struct pp_temp_dir dir;
    char path[300];
    pp_temp_dir_make(&dir);
    snprintf(path, sizeof path, "%s/peers.json", dir.path);
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
    const enum pp_error error = pp_daemon_peers_load(path, 7, out, out_count, reason);
    pp_temp_dir_remove(&dir);
    return error;
}

/* EVID-077 */
START_TEST(peers__of_a_good_file__read)
{
    struct pp_peer *peers;
    size_t count;
    char reason[PP_CONFIG_REASON_MAX];
    ck_assert_ok(load("{\"peers\":[" PEER(1, 0, "http://a:1") "," PEER(1, 3, "https://b") "]}", &peers,
                      &count, reason));
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(peers[0].lane, 256);
    ck_assert_uint_eq(peers[1].lane, 259);
    ck_assert_uint_eq(peers[0].operator_address.bytes[19], 0xaa);
    ck_assert_str_eq(peers[1].url, "https://b");
    free(peers);
    ck_assert_ok(load("{\"peers\":[]}", &peers, &count, reason));
    ck_assert_uint_eq(count, 0);
    free(peers);
}
END_TEST

/* EVID-077 */
START_TEST(peers__of_a_bad_file__refused_with_the_field)
{
    static const struct {
        const char *text, *field;
    } cases[] = {
        {"", "json"},
        {"{}", "peers"},
        {"{\"peers\":[],\"more\":1}", "more"},
        {"{\"peers\":[1]}", "peers"},
        {"{\"peers\":[" PEER(0, 0, "http://a") "]}", "node_id"},
        {"{\"peers\":[" PEER(16777216, 0, "http://a") "]}", "node_id"},
        {"{\"peers\":[" PEER(1, 256, "http://a") "]}", "shard"},
        {"{\"peers\":[" PEER(1, 0, "ftp://a") "]}", "url"},
        {"{\"peers\":[" PEER(1, 0, "http://a/") "]}", "url"},
        {"{\"peers\":[" PEER(7, 0, "http://a") "]}", "node_id"}, /* its own */
        {"{\"peers\":[" PEER(1, 0, "http://a") "," PEER(1, 0, "http://b") "]}", "node_id"},
        {"{\"peers\":[{\"node_id\":1,\"shard\":0,\"operator\":\"0x12\",\"url\":\"http://a\"}]}", "operator"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pp_peer *peers;
        size_t count;
        char reason[PP_CONFIG_REASON_MAX] = "";
        ck_assert_error(load(cases[i].text, &peers, &count, reason), PP_BAD_CONFIG);
        ck_assert_msg(strstr(reason, cases[i].field) != NULL, "%zu: %s", i, reason);
    }
    struct pp_peer *peers;
    size_t count;
    char reason[PP_CONFIG_REASON_MAX];
    ck_assert_error(pp_daemon_peers_load("/nowhere", 7, &peers, &count, reason), PP_BAD_CONFIG);
}
END_TEST

/* EVID-079: each operator once, whatever lanes it has; none where nobody is waited for. */
START_TEST(operators__of_a_file__each_once_with_one_key)
{
    static const char other[] = "{\"node_id\":1,\"shard\":2,\"operator\":\"0x00000000000000000000000000000000000000bb\",\"url\":\"http://a\"}";
    struct pp_daemon_config config = {.node_id = 7, .replication_seconds = 600};
    struct pp_node_operator *operators;
    char reason[PP_CONFIG_REASON_MAX] = "", text[1000];
    struct pp_temp_dir dir;
    size_t count;
    pp_temp_dir_make(&dir);
    ck_assert_ok(pp_daemon_peers_operators(&config, &operators, &count, reason));
    ck_assert_uint_eq(count, 0); /* no file */
    ck_assert_int_lt(snprintf(config.peers_file, sizeof config.peers_file, "%s/peers.json", dir.path),
                     (int)sizeof config.peers_file);
    for (unsigned two_keys = 0; two_keys < 2; two_keys++) {
        snprintf(text, sizeof text, "{\"peers\":[%s%s]}", PEER(1, 0, "http://a") "," PEER(1, 1, "http://a") "," PEER(9, 0, "http://b") ",",
                 two_keys ? other : PEER(2, 0, "http://c"));
        FILE *file = fopen(config.peers_file, "w");
        fputs(text, file);
        fclose(file);
        if (two_keys) {
            ck_assert_error(pp_daemon_peers_operators(&config, &operators, &count, reason), PP_BAD_CONFIG);
            ck_assert_ptr_nonnull(strstr(reason, "node 1 has two keys"));
            continue;
        }
        ck_assert_ok(pp_daemon_peers_operators(&config, &operators, &count, reason));
        ck_assert_uint_eq(count, 3);
        ck_assert_uint_eq(operators[1].node_id, 9);
        ck_assert_uint_eq(operators[1].address.bytes[19], 0xaa);
        free(operators);
    }
    config.replication_seconds = 0;
    ck_assert_ok(pp_daemon_peers_operators(&config, &operators, &count, reason));
    ck_assert_uint_eq(count, 0);
    pp_temp_dir_remove(&dir);
}
END_TEST

PP_TESTS("peers")
PP_TEST(peers__of_a_good_file__read)
PP_TEST(peers__of_a_bad_file__refused_with_the_field)
PP_TEST(operators__of_a_file__each_once_with_one_key)
PP_TESTS_END
