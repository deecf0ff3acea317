/* Goal: a configuration is taken whole or refused with the place that is wrong (HTTP-090).
 * Method: a good file, then one change at a time. */
#include "pp_fixture.h"
#include "pp_test.h"

#include "daemon/clock_file.h"
#include "daemon/config.h"

#include <stdio.h>
#include <unistd.h>

#define ADDRESS "0x00000000000000000000000000000000000000aB"
static const char good[] = "# a node\n"
                           "data_dir = /var/lib/pennypost\n"
                           "  rpc_url=http://127.0.0.1:8545   # anvil\n"
                           "chain_id = 31337\r\n"
                           "contract = " ADDRESS "\n"
                           "token = " ADDRESS "\n"
                           "payee = " ADDRESS "\n"
                           "treasury = " ADDRESS "\n"
                           "\n"
                           "node_id = 7\n"
                           "operator_key = op.key\n"
                           "receipt_key = rc.key\n"
                           "passphrase_file = pass\n"
                           "rates_file = rates.json\n";

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static enum pp_error load(const char *text, const char *argument, struct pp_daemon_config *out, char *reason)
{
    struct pp_temp_dir dir;
    char path[512];
    pp_temp_dir_make(&dir);
    snprintf(path, sizeof path, "%s/node.conf", dir.path);
    write_file(path, text);
    char copy[256] = "";
    strncpy(copy, argument == NULL ? "" : argument, sizeof copy - 1);
    char *arguments[] = {path, copy};
    enum pp_error error = pp_daemon_config_load(argument == NULL ? 1 : 2, arguments, out, reason);
    pp_temp_dir_remove(&dir);
    return error;
}

START_TEST(config__good_file__read)
{
    struct pp_daemon_config config;
    char reason[PP_CONFIG_REASON_MAX] = "";
    ck_assert_msg(load(good, NULL, &config, reason) == PP_OK, "%s", reason);
    ck_assert_str_eq(config.data_dir, "/var/lib/pennypost");
    ck_assert_str_eq(config.rpc_url, "http://127.0.0.1:8545");
    ck_assert_uint_eq(config.chain_id, 31337);
    ck_assert_uint_eq(config.node_id, 7);
    ck_assert_uint_eq(config.contract.bytes[19], 0xab);
    ck_assert_uint_eq(config.epoch_seconds, 43200);
    ck_assert_str_eq(config.listen, "127.0.0.1:8480");
    ck_assert_str_eq(config.clock_file, "");
    ck_assert_str_eq(config.payout_policy, "equal");
    ck_assert_uint_eq(config.payout_minimum_units, 0);
    ck_assert_ok(load(good, "--node-id=9", &config, reason));
    ck_assert_uint_eq(config.node_id, 9);
    ck_assert_ok(load(good, "--clock-file=/tmp/x", &config, reason));
    ck_assert_str_eq(config.clock_file, "/tmp/x");
    char text[2048];
    snprintf(text, sizeof text, "%srpc_url = https://a/k,https://b\n", good);
    ck_assert_ok(load(text, NULL, &config, reason));
    ck_assert_str_eq(config.rpc_url, "http://127.0.0.1:8545,https://a/k,https://b");
    ck_assert_ok(load(text, "--rpc-url=http://c,http://d", &config, reason));
    ck_assert_str_eq(config.rpc_url, "http://c,http://d");
}
END_TEST

START_TEST(config__one_thing_wrong__place_named)
{
    static const struct {
        const char *more, *argument, *reason;
    } cases[] = {
        {"colour = red\n", NULL, "node.conf:15: colour: not a known key"},
        {"node_id = 8\n", NULL, "node.conf:15: node_id: given twice"},
        {"rpc_url =\n", NULL, "node.conf:15: rpc_url: empty"},
        {"just words\n", NULL, "node.conf:15: just words: no \"=\""},
        {"shards = 0-1\nshard = 3\n", NULL, "shards: shard = 3 is given, too"},
        {"payout_policy = work\n", NULL, "payout_policy: equal or xmtp-equal, not work"},
        {"payout_policy = fair\n", NULL, "payout_policy: equal or xmtp-equal, not fair"},
        {"refund_bound_bps = 10001\n", NULL, "refund_bound_bps: 10001 is not between 0 and 10000"},
        {"shards = 1-\n", NULL, "not an ascending list"},
        {"", "--shards=256", "not an ascending list"},
        {"shard = 256\n", NULL, "node.conf:15: shard: 256 is not between 0 and 255"},
        {"shard = x\n", NULL, "node.conf:15: shard: not a number"},
        {"shard =\n", NULL, "node.conf:15: shard: not a number"},
        {"shard = -1\n", NULL, "node.conf:15: shard: not a number"},
        {"shard = 1 2\n", NULL, "node.conf:15: shard: not a number"},
        {"shard = 99999999999999999999999\n", NULL, "node.conf:15: shard: not a number"},
        {"", "--colour=red", "argument --colour: not a known key"},
        {"", "--node-id", "argument --node_id: no value"},
        {"", "--node-id=0", "argument --node_id: 0 is not between 1 and 16777215"},
        {"", "--token=0x12", "argument --token: not an address"},
        {"", "--token=00000000000000000000000000000000000000000g", "argument --token: not an address"},
        {"", "other.conf", "two configuration files"},
    };
    struct pp_daemon_config config;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[2048], reason[PP_CONFIG_REASON_MAX] = "";
        snprintf(text, sizeof text, "%s%s", good, cases[i].more);
        ck_assert_error(load(text, cases[i].argument, &config, reason), PP_BAD_CONFIG);
        ck_assert_msg(strstr(reason, cases[i].reason) != NULL, "%s", reason);
    }
}
END_TEST

/* Every key that has no standard value must be given. */
START_TEST(config__key_missing__named)
{
    static const char *const names[] = {"data_dir",    "rpc_url",         "chain_id",   "contract",
                                        "token",       "payee",           "treasury",   "operator_key",
                                        "receipt_key", "passphrase_file", "rates_file", "node_id"};
    struct pp_daemon_config config;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char text[2048], reason[PP_CONFIG_REASON_MAX] = "", want[64];
        strcpy(text, good);
        char *line = strstr(text, names[i]);
        ck_assert_ptr_nonnull(line);
        *line = '#';
        ck_assert_error(load(text, NULL, &config, reason), PP_BAD_CONFIG);
        snprintf(want, sizeof want, "%s: missing", names[i]);
        ck_assert_msg(strstr(reason, want) != NULL, "%s", reason);
    }
    char reason[PP_CONFIG_REASON_MAX];
    char *nowhere[] = {(char[]){"/nonexistent/node.conf"}};
    ck_assert_error(pp_daemon_config_load(1, nowhere, &config, reason), PP_BAD_CONFIG);
    ck_assert_ptr_nonnull(strstr(reason, "No such file"));
    static char long_line[3000];
    memset(long_line, 'a', sizeof long_line - 2);
    long_line[sizeof long_line - 2] = '\n';
    ck_assert_error(load(long_line, NULL, &config, reason), PP_BAD_CONFIG);
    ck_assert_ptr_nonnull(strstr(reason, "node.conf:1: line: too long"));
}
END_TEST

START_TEST(listen__text__address_and_port)
{
    static const struct {
        const char *text, *address;
        uint16_t port;
    } cases[] = {
        {"127.0.0.1:0", "127.0.0.1", 0}, {"[::1]:8480", "::1", 8480}, {"0.0.0.0:65535", "0.0.0.0", 65535}};
    static const char *const wrong[] = {
        "", ":", "127.0.0.1", "127.0.0.1:", ":80", "127.0.0.1:65536", "127.0.0.1:8x", "[]:1"};
    char address[64];
    uint16_t port;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_ok(pp_daemon_listen_parse(cases[i].text, address, sizeof address, &port));
        ck_assert_str_eq(address, cases[i].address);
        ck_assert_uint_eq(port, cases[i].port);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_msg(pp_daemon_listen_parse(wrong[i], address, sizeof address, &port) == PP_BAD_FORMAT, "%s",
                      wrong[i]);
    ck_assert_error(pp_daemon_listen_parse("127.0.0.1:1", address, 9, &port), PP_BAD_FORMAT);
}
END_TEST

#define RATES(more)                                                                                          \
    "{\"rates\":[{\"version\":1,\"start_ms\":0,\"base\":\"10\",\"storage\":\"2\",\"congestion\":\"3\","      \
    "\"target_per_minute\":600,\"bonds\":[\"0\",\"9223372036854775807\"]}" more "]}"

START_TEST(rates__file__read_or_refused)
{
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {RATES(""), NULL},
        {RATES(",{\"version\":2,\"start_ms\":5,\"base\":\"20\",\"storage\":\"1\",\"congestion\":\"3\","
               "\"target_per_minute\":600,"
               "\"bonds\":[\"0\",\"9223372036854775807\"]}"),
         NULL},
        {RATES(",{\"version\":2,\"start_ms\":5,\"base\":\"21\",\"storage\":\"1\",\"congestion\":\"3\","
               "\"target_per_minute\":600,"
               "\"bonds\":[\"0\",\"9223372036854775807\"]}"),
         "double or halve"},
        {"{\"rates\":[]}", "no rates"},
        {"{}", "rates: a required field is missing"},
        {"{\"rates\":[{}]}", "version: a required field is missing"},
        {"{\"rates\":[{\"version\":1,\"start_ms\":0,\"base\":10,\"storage\":\"2\",\"congestion\":\"3\","
         "\"target_per_minute\":600,\"bonds\":[]}]}",
         "base: a field has the wrong type"},
        {"{\"rates\":[{\"version\":1,\"start_ms\":0,\"base\":\"1\",\"storage\":\"2\",\"congestion\":\"3\","
         "\"target_per_minute\":600,\"bonds\":[1]}]}",
         "bonds: "},
        {"{\"rates\":[],\"more\":1}", "not known: more"},
        {"", "json: "},
        {"{", "json: "},
    };
    struct pp_temp_dir dir;
    char path[512], reason[PP_CONFIG_REASON_MAX];
    struct pp_rate_table table;
    pp_temp_dir_make(&dir);
    snprintf(path, sizeof path, "%s/rates.json", dir.path);
    ck_assert_error(pp_daemon_rates_load(path, &table, reason), PP_BAD_CONFIG);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file(path, cases[i].text);
        enum pp_error error = pp_daemon_rates_load(path, &table, reason);
        ck_assert_msg((error == PP_OK) == (cases[i].reason == NULL), "case %zu: %s", i, pp_error_name(error));
        if (cases[i].reason != NULL)
            ck_assert_msg(strstr(reason, cases[i].reason) != NULL, "%s", reason);
        else
            ck_assert_uint_eq(table.count, i + 1);
    }
    ck_assert_uint_eq(table.rows[1].base_grains, 20);
    ck_assert_uint_eq(table.rows[0].bond_grains[1], INT64_MAX);
    pp_temp_dir_remove(&dir);
}
END_TEST

/* HTTP-095 */
START_TEST(clock_file__changed__clock_follows)
{
    struct pp_temp_dir dir;
    struct pp_clock_file *file;
    char path[512];
    const struct pp_clock wall = pp_clock_system();
    const uint64_t day_ms = 86400000;
    pp_temp_dir_make(&dir);
    snprintf(path, sizeof path, "%s/clock", dir.path);
    ck_assert_ok(pp_clock_file_open(path, &file));
    const struct pp_clock clock = pp_clock_file_clock(file);
    uint64_t before_ms = wall.now_ms(wall.context), now_ms = clock.now_ms(clock.context);
    ck_assert_uint_ge(now_ms, before_ms);
    ck_assert_uint_lt(now_ms, before_ms + day_ms / 2);
    write_file(path, "8640000000\n");
    do /* until it looks again */
        now_ms = clock.now_ms(clock.context);
    while (now_ms < before_ms + 99 * day_ms);
    ck_assert_uint_lt(now_ms, before_ms + 101 * day_ms);
    write_file(path, "-5");
    before_ms = wall.now_ms(wall.context);
    while (wall.now_ms(wall.context) < before_ms + 3 * PP_CLOCK_FILE_MS)
        now_ms = clock.now_ms(clock.context);
    ck_assert_uint_gt(now_ms, before_ms + 99 * day_ms);
    pp_clock_file_close(file);
    pp_temp_dir_remove(&dir);
}
END_TEST

/* What a newcomer copies is right but for what is marked. */
START_TEST(examples__configuration_and_rates__taken)
{
    struct pp_daemon_config config;
    struct pp_rate_table table;
    char reason[PP_CONFIG_REASON_MAX] = "";
    char *arguments[] = {(char[]){PP_SOURCE_DIR "/examples/pennypostd.conf"}};
    ck_assert_msg(pp_daemon_config_load(1, arguments, &config, reason) == PP_OK, "%s", reason);
    ck_assert_uint_eq(config.node_id, 1);
    ck_assert_msg(pp_daemon_rates_load(PP_SOURCE_DIR "/examples/rates.json", &table, reason) == PP_OK, "%s",
                  reason);
    ck_assert_uint_eq(table.count, 1);
}
END_TEST

PP_TESTS("daemon_config")
PP_TEST(config__good_file__read)
PP_TEST(config__one_thing_wrong__place_named)
PP_TEST(config__key_missing__named)
PP_TEST(listen__text__address_and_port)
PP_TEST(rates__file__read_or_refused)
PP_TEST(examples__configuration_and_rates__taken)
PP_TEST(clock_file__changed__clock_follows)
PP_TESTS_END
