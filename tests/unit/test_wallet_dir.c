/* Goal: a sender's folder keeps channels and pinned nodes whole, private, and as they were first seen.
 * Method: a folder of the test's own; files changed behind its back. */
#include "cli_run.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <atomic_file.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wallet_dir.h>

struct world {
    struct pp_temp_dir dir;
    char path[300];
    struct cli_wallet *wallet;
};

static void world_make(struct world *w)
{
    pp_temp_dir_make(&w->dir);
    snprintf(w->path, sizeof w->path, "%s/wallet", w->dir.path);
    ck_assert_ok(cli_wallet_open(w->path, true, &w->wallet));
}

static void world_done(struct world *w)
{
    cli_wallet_close(w->wallet);
    pp_temp_dir_remove(&w->dir);
}

static struct cli_channel channel_of(uint64_t nonce)
{
    struct cli_channel channel = {
        .chain_id = 31337, .token_decimals = 6, .deposit = pp_units(25000000), .lanes_count = 1};
    struct pp_domain domain;
    memset(channel.contract.bytes, 0xcc, 20);
    memset(channel.config.payer.bytes, 0xaa, 20);
    memset(channel.config.signer.bytes, 0xbb, 20);
    channel.config.nonce = nonce;
    channel.lanes[0] =
        (struct cli_channel_lane){.lane = 256, .cap = pp_units(25000000), .node_url = "http://127.0.0.1:1"};
    pp_domain_init(&domain, channel.chain_id, &channel.contract);
    const struct pp_channel_fields fields = {channel.config.payer, channel.config.signer, nonce};
    pp_channel_id_of(&domain, &fields, &channel.id);
    return channel;
}

static void channel_path(const struct world *w, const struct cli_channel *channel, char out[600])
{
    char hex[65];
    snprintf(out, 600, "%s/channels/%s/channel.json", w->path, pp_hex_print(channel->id.bytes, 32, hex));
}

START_TEST(wallet_dir__channel_added__found_as_it_was)
{
    struct world w;
    struct cli_channel channel = channel_of(0), found;
    struct stat about;
    char path[600];
    world_make(&w);
    ck_assert_ok(cli_wallet_channel_add(w.wallet, &channel));
    ck_assert_error(cli_wallet_channel_add(w.wallet, &channel), PP_EXISTS);
    memset(&found, 0, sizeof found);
    ck_assert_ok(cli_wallet_channel_find(w.wallet, NULL, &found));
    ck_assert_mem_eq(&found.id, &channel.id, sizeof found.id);
    ck_assert_mem_eq(&found.config.payer, &channel.config.payer, 20);
    ck_assert_uint_eq(found.deposit.raw, 25000000);
    ck_assert_uint_eq(found.lanes[0].lane, 256);
    ck_assert_str_eq(found.lanes[0].node_url, "http://127.0.0.1:1");
    channel_path(&w, &channel, path);
    ck_assert_int_eq(stat(path, &about), 0);
    ck_assert_uint_eq(about.st_mode & 0777, 0600);
    ck_assert_int_eq(stat(w.path, &about), 0);
    ck_assert_uint_eq(about.st_mode & 0777, 0700);
    world_done(&w);
}
END_TEST

/* FOLDER-005 */
START_TEST(wallet_dir__beginning_of_id__names_it_if_only_one)
{
    struct world w;
    struct cli_channel found, channels[40];
    char hex[65], text[70];
    world_make(&w);
    ck_assert_error(cli_wallet_channel_find(w.wallet, NULL, &found), PP_NOT_FOUND);
    for (uint64_t i = 0; i < 40; i++) {
        channels[i] = channel_of(i);
        ck_assert_ok(cli_wallet_channel_add(w.wallet, &channels[i]));
    }
    ck_assert_error(cli_wallet_channel_find(w.wallet, NULL, &found), PP_TOO_MANY);
    size_t ambiguous = 0;
    for (size_t i = 0; i < 40; i++) {
        snprintf(text, sizeof text, "0x%s", pp_hex_print(channels[i].id.bytes, 32, hex));
        ck_assert_ok(cli_wallet_channel_find(w.wallet, text, &found));
        ck_assert(pp_channel_id_eq(&found.id, &channels[i].id));
        hex[1] = '\0'; /* 40 ids have at least three with the same first digit */
        ambiguous += cli_wallet_channel_find(w.wallet, hex, &found) == PP_TOO_MANY;
    }
    ck_assert_uint_gt(ambiguous, 0);
    ck_assert_error(cli_wallet_channel_find(w.wallet, "0xzz", &found), PP_NOT_FOUND);
    world_done(&w);
}
END_TEST

/* FOLDER-003 */
START_TEST(wallet_dir__channel_file_changed__bad_format)
{
    static const struct {
        const char *name, *json;
        enum pp_error expected;
    } cases[] = {
        {"nonce", "1", PP_BAD_FORMAT},
        {"chain_id", "1", PP_BAD_FORMAT},
        {"payer", "\"0xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"", PP_BAD_FORMAT},
        {"contract", "\"0xcc\"", PP_BAD_FORMAT},
        {"deposit", "25", PP_BAD_FORMAT},
        {"deposit", "\"-1\"", PP_BAD_FORMAT},
        {"deposit", "\"18446744073709551616\"", PP_OVERFLOW},
        {"lanes", "[]", PP_BAD_FORMAT},
        {"lanes", "[{\"lane\":256,\"cap\":\"1\"}]", PP_BAD_FORMAT},
        {"lanes", "[{\"lane\":4294967296,\"cap\":\"1\",\"node_url\":\"\"}]", PP_OUT_OF_RANGE},
        {"version", "2", PP_BAD_VERSION},
        {"token_decimals", "19", PP_OUT_OF_RANGE},
    };
    struct world w;
    struct cli_channel channel = channel_of(0), found;
    char path[600];
    world_make(&w);
    ck_assert_ok(cli_wallet_channel_add(w.wallet, &channel));
    channel_path(&w, &channel, path);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *object = json_load_file(path, 0, NULL);
        json_t *before = json_deep_copy(object);
        json_object_set_new(object, cases[i].name, json_loads(cases[i].json, JSON_DECODE_ANY, NULL));
        ck_assert_int_eq(json_dump_file(object, path, 0), 0);
        enum pp_error error = cli_wallet_channel_find(w.wallet, NULL, &found);
        ck_assert_msg(error == cases[i].expected, "%s = %s: %s", cases[i].name, cases[i].json,
                      pp_error_name(error));
        ck_assert_int_eq(json_dump_file(before, path, 0), 0);
        json_decref(object);
        json_decref(before);
    }
    ck_assert_ok(cli_wallet_channel_find(w.wallet, NULL, &found));
    cli_file_make(path, "{", 1);
    ck_assert_error(cli_wallet_channel_find(w.wallet, NULL, &found), PP_BAD_FORMAT);
    world_done(&w);
}
END_TEST

START_TEST(wallet_dir__topped_up__updated)
{
    struct world w;
    struct cli_channel channel = channel_of(0), found;
    world_make(&w);
    ck_assert_error(cli_wallet_channel_update(w.wallet, &channel), PP_NOT_FOUND);
    ck_assert_ok(cli_wallet_channel_add(w.wallet, &channel));
    channel.deposit = pp_units(30000000);
    channel.lanes[0].cap = pp_units(28000000);
    ck_assert_ok(cli_wallet_channel_update(w.wallet, &channel));
    ck_assert_ok(cli_wallet_channel_find(w.wallet, NULL, &found));
    ck_assert_uint_eq(found.deposit.raw, 30000000);
    ck_assert_uint_eq(found.lanes[0].cap.raw, 28000000);
    channel.config.nonce = 7; /* not its id any more */
    struct cli_channel other = channel;
    ck_assert_error(cli_wallet_channel_add(w.wallet, &other), PP_BAD_FORMAT);
    world_done(&w);
}
END_TEST

/* FOLDER-004 */
START_TEST(wallet_dir__node_changed_its_keys__told_with_both)
{
    struct world w;
    struct pp_refusal refusal;
    struct cli_node_terms terms = {.chain_id = 31337, .node_id = 1}, pinned;
    bool first;
    world_make(&w);
    ck_assert_error(cli_wallet_pinned(w.wallet, 31337, &terms.contract, 1, &pinned), PP_NOT_FOUND);
    ck_assert_ok(cli_wallet_pin(w.wallet, &terms, &refusal, &first));
    ck_assert(first);
    ck_assert_ok(cli_wallet_pin(w.wallet, &terms, &refusal, &first));
    ck_assert(!first);
    for (int field = 0; field < 2; field++) {
        struct cli_node_terms changed = terms;
        changed.receipt_key.bytes[31] ^= field == 0;
        changed.operator_address.bytes[19] ^= field == 1;
        ck_assert_error(cli_wallet_pin(w.wallet, &changed, &refusal, &first), PP_NODE_TOLD_OTHERWISE);
        ck_assert_str_eq(refusal.field, field == 0 ? "receipt_key" : "operator_address");
        ck_assert_int_eq(refusal.expected.kind, PP_VALUE_BYTES);
        ck_assert_int_eq(refusal.actual.bytes[field == 0 ? 31 : 19], 1);
    }
    ck_assert_ok(cli_wallet_pinned(w.wallet, 31337, &terms.contract, 1, &pinned));
    ck_assert_mem_eq(&pinned.receipt_key, &terms.receipt_key, 32);
    struct cli_node_terms other = terms; /* another node, chain or contract is another pin */
    other.node_id = 2;
    other.receipt_key.bytes[0] = 9;
    ck_assert_ok(cli_wallet_pin(w.wallet, &other, &refusal, &first));
    ck_assert(first);
    world_done(&w);
}
END_TEST

/* FOLDER-001 */
START_TEST(wallet_dir__exposed_missing_or_file__refused)
{
    struct world w;
    struct cli_wallet *wallet;
    char path[400];
    world_make(&w);
    ck_assert_int_eq(chmod(w.path, 0750), 0);
    ck_assert_error(cli_wallet_open(w.path, true, &wallet), PP_EXPOSED);
    ck_assert_int_eq(chmod(w.path, 0700), 0);
    snprintf(path, sizeof path, "%s/none", w.dir.path);
    ck_assert_error(cli_wallet_open(path, false, &wallet), PP_NOT_FOUND);
    snprintf(path, sizeof path, "%s/none/deeper", w.dir.path);
    ck_assert_error(cli_wallet_open(path, true, &wallet), PP_NOT_FOUND);
    world_done(&w);
}
END_TEST

/* FOLDER-002: nothing half-written stands under the name, and nothing is left beside it. */
START_TEST(atomic_file__replaced__whole_and_private)
{
    struct pp_temp_dir dir;
    struct stat about;
    char path[300], *text;
    size_t length;
    pp_temp_dir_make(&dir);
    snprintf(path, sizeof path, "%s/a", dir.path);
    ck_assert_error(cli_file_read(path, 100, &text, &length), PP_NOT_FOUND);
    ck_assert_ok(cli_file_replace(path, "first", 5));
    ck_assert_ok(cli_file_replace(path, "second one", 10));
    ck_assert_ok(cli_file_read(path, 10, &text, &length));
    ck_assert_uint_eq(length, 10);
    ck_assert_str_eq(text, "second one");
    free(text);
    ck_assert_error(cli_file_read(path, 9, &text, &length), PP_TOO_LONG);
    ck_assert_int_eq(stat(path, &about), 0);
    ck_assert_uint_eq(about.st_mode & 0777, 0600);
    char missing[400];
    snprintf(missing, sizeof missing, "%s/no/such", dir.path);
    ck_assert_error(cli_file_replace(missing, "x", 1), PP_IO);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(dir.path), 0); /* nothing else was in it */
    ck_assert_int_eq(mkdir(dir.path, 0700), 0);
    pp_temp_dir_remove(&dir);
}
END_TEST

PP_TESTS("wallet_dir")
PP_TEST(wallet_dir__channel_added__found_as_it_was)
PP_TEST(wallet_dir__beginning_of_id__names_it_if_only_one)
PP_TEST(wallet_dir__channel_file_changed__bad_format)
PP_TEST(wallet_dir__topped_up__updated)
PP_TEST(wallet_dir__node_changed_its_keys__told_with_both)
PP_TEST(wallet_dir__exposed_missing_or_file__refused)
PP_TEST(atomic_file__replaced__whole_and_private)
PP_TESTS_END
