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

PP_TESTS("peers")
PP_TEST(peers__of_a_good_file__read)
PP_TEST(peers__of_a_bad_file__refused_with_the_field)
PP_TESTS_END
