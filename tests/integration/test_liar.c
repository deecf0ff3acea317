/* Goal: a sender believes nothing of a node but what it can check (SEND-001, SEND-003, SEND-006), and loses nothing over a bad line.
 * Method: a process between the command and a whole node, which changes single members of the node's answers, or cuts them. */
#include "liar.h"
#include "pp_test.h"
#include "sender_world.h"

#include <stdlib.h>
#include <unistd.h>

#define PLENTY pp_units(25000000)

static uint64_t number_of(struct sender_world *w, const char *side, const char *key)
{
    json_t *object = SENDER_RUN(w, 0, "status");
    uint64_t value = pp_json_u64(pp_json_member(object, side), key);
    json_decref(object);
    return value;
}

/* Each lie alone: how the command ends, and that nothing was believed. */
START_TEST(liar__answer_to_send_changed__named_error_and_nothing_counted)
{
    static const struct {
        const char *behind, *instead, *error;
        uint64_t stored; /* by the node all the same */
    } cases[] = {
        {"\"receipt\":\"AAAAAQAAAAEAAAAA", NULL, "BAD_SIGNATURE", 4},
        {"\"receipt\":\"AA", NULL, "NODE_TOLD_OTHERWISE", 4}, /* another node's id */
        {"\"sequence\":", NULL, "BAD_SIGNATURE", 4},          /* not the number that was receipted */
        {"\"time_ms\":", NULL, "BAD_SIGNATURE", 4},
        {"\"quote\":\"AAAAAQAAAAEA", NULL, "QUOTE_INVALID", 0}, /* another price than was signed */
        {"\"quote\":\"", "!", "NODE_NONSENSE", 0},
        {"\"head\":\"", "9", "NODE_TOLD_OTHERWISE", 0}, /* a line that nobody signed */
        {"\"operator\":\"0x", NULL, "NODE_TOLD_OTHERWISE", 0},
        {"\"receipt_key\":\"0x", NULL, "NODE_TOLD_OTHERWISE", 0},
        {"\"contract\":\"0x", NULL, "WRONG_DOMAIN", 0},
        {"\"chain_id\":", NULL, "WRONG_DOMAIN", 0},
        {"\"state\":", "5", "NODE_NONSENSE", 0},
        {"\"version\":", "2", "BAD_VERSION", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sender_world w;
        struct liar liar = {.rules = {{cases[i].behind, cases[i].instead}}, .rules_count = 1};
        sender_world_make(&w, PLENTY);
        sender_world_files(&w, 4, 100, 200);
        json_decref(SENDER_RUN(&w, 0, "terms", "--node", w.node.url)); /* pinned from the honest node */
        liar_start(&liar, w.node.port);
        json_t *answer = SENDER_RUN(&w, 1, "send", w.folder, "--topic", "t", "--node", liar.url, "--patience",
                                    "1", "--connections", "1");
        ck_assert_msg(strcmp(cli_run_error(answer), cases[i].error) == 0, "%s: %s", cases[i].behind,
                      cli_run_error(answer));
        json_decref(answer);
        liar_stop(&liar);
        ck_assert_msg(number_of(&w, "node", "stamps") == cases[i].stored, "%s", cases[i].behind);
        ck_assert_uint_eq(number_of(&w, "wallet", "acknowledged"), 0);
        /* The same again, without the lie: what was stored is known, and paid once. */
        answer = SENDER_RUN(&w, 0, "send", w.folder, "--topic", "t", "--resume");
        ck_assert_uint_eq(pp_json_u64(answer, "acknowledged"), 4);
        json_decref(answer);
        ck_assert_uint_eq(number_of(&w, "node", "stamps"), 4);
        sender_world_done(&w);
    }
}
END_TEST

/* SEND-002, SEND-003: answers that are lost on the way. */
START_TEST(liar__answers_cut__retried_and_charged_once)
{
    struct sender_world w;
    struct liar liar = {.cut_every = 3};
    sender_world_make(&w, PLENTY);
    sender_world_files(&w, 200, 10, 500);
    liar_start(&liar, w.node.port);
    for (int pass = 0; pass < 2; pass++) {
        json_t *answer =
            pass == 0
                ? SENDER_RUN(&w, 0, "send", w.folder, "--topic", "t", "--node", liar.url, "--batch", "5")
                : SENDER_RUN(&w, 0, "send", w.folder, "--topic", "t", "--node", liar.url, "--single");
        ck_assert_uint_eq(pp_json_u64(answer, "acknowledged"), 200);
        ck_assert_uint_gt(pp_json_u64(answer, "retried"), 5);
        ck_assert_uint_gt(pp_json_u64(answer, "known"), 5);
        json_decref(answer);
    }
    liar_stop(&liar);
    ck_assert_uint_eq(number_of(&w, "node", "stamps"), 400);
    ck_assert_uint_eq(number_of(&w, "node", "holes"), 0);
    sender_world_done(&w);
}
END_TEST

START_TEST(liar__refund_changed__not_believed)
{
    static const struct {
        const char *behind, *error;
    } cases[] = {
        {"\"reasons\":\"0x", "BAD_SIGNATURE"},
        {"\"status\":\"deleted\",\"refunded\":\"", "NODE_TOLD_OTHERWISE"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sender_world w;
        struct liar liar = {.rules = {{cases[i].behind, i == 0 ? NULL : "1"}}, .rules_count = 1};
        sender_world_make(&w, PLENTY);
        sender_world_files(&w, 2, 100, 100);
        char receipts[400];
        snprintf(receipts, sizeof receipts, "%s/receipts", w.dir.path);
        json_decref(SENDER_RUN(&w, 0, "send", w.folder, "--topic", "t", "--receipts", receipts));
        liar_start(&liar, w.node.port);
        json_t *answer = SENDER_RUN(&w, 1, "delete", "--list", receipts, "--node", liar.url);
        ck_assert_msg(strcmp(cli_run_error(answer), cases[i].error) == 0, "%s: %s", cases[i].behind,
                      cli_run_error(answer));
        json_decref(answer);
        liar_stop(&liar);
        json_t *status = SENDER_RUN(&w, 0, "status");
        ck_assert(pp_grains_is_zero(pp_json_grains(pp_json_member(status, "wallet"), "refunded_grains")));
        json_decref(status);
        /* Asked again: deleted before, and the refund that was signed is taken over. */
        answer = SENDER_RUN(&w, 0, "delete", "--list", receipts);
        ck_assert_uint_eq(pp_json_u64(answer, "deleted_before"), 2);
        ck_assert(pp_grains_eq(pp_json_grains(answer, "lane_refunded_grains"), pp_grains(2 * 29 * 22 * 100)));
        json_decref(answer);
        sender_world_done(&w);
    }
}
END_TEST

/* A stored envelope comes back as it was, or not at all. */
START_TEST(liar__payload_changed__content_mismatch)
{
    struct sender_world w;
    struct liar liar = {.rules = {{"the payload ", NULL}}, .rules_count = 1};
    char path[400];
    sender_world_make(&w, PLENTY);
    snprintf(path, sizeof path, "%s/a", w.folder);
    cli_file_make(path, "the payload is this", 19);
    json_decref(SENDER_RUN(&w, 0, "send", w.folder, "--topic", "t"));
    json_t *sent = SENDER_RUN(&w, 0, "list", "--sent");
    char number[24];
    snprintf(number, sizeof number, "%llu",
             (unsigned long long)pp_json_u64(json_array_get(pp_json_member(sent, "sent"), 0), "sequence"));
    json_decref(sent);
    liar_start(&liar, w.node.port);
    json_t *answer = SENDER_RUN(&w, 1, "read", number, "--node", liar.url);
    ck_assert_str_eq(cli_run_error(answer), "CONTENT_MISMATCH");
    json_decref(answer);
    liar_stop(&liar);
    answer = SENDER_RUN(&w, 0, "read", number);
    ck_assert_str_eq(pp_json_text(answer, "topic"), "t");
    json_decref(answer);
    sender_world_done(&w);
}
END_TEST

static void log_copy(const struct sender_world *w, const char *from_suffix, const char *to_suffix)
{
    char from[CLI_PATH_MAX], to[CLI_PATH_MAX], hex[65];
    size_t length;
    pp_hex_print(w->channel_id.bytes, 32, hex);
    snprintf(from, sizeof from, "%s/channels/%s/lane-%u.log%s", w->wallet, hex, w->lane, from_suffix);
    snprintf(to, sizeof to, "%s/channels/%s/lane-%u.log%s", w->wallet, hex, w->lane, to_suffix);
    char *bytes = pp_file_load(from, &length);
    cli_file_make(to, bytes, length);
    free(bytes);
}

/* SEND-006: an old copy of the folder goes on, because the node shows a voucher that this signer signed. */
START_TEST(sync__old_copy_of_the_folder__goes_on_without_charging_twice)
{
    struct sender_world w;
    sender_world_make(&w, PLENTY);
    sender_world_files(&w, 10, 100, 100);
    json_decref(SENDER_RUN(&w, 0, "send", w.folder, "--topic", "t"));
    log_copy(&w, "", ".old");
    json_decref(SENDER_RUN(&w, 0, "send", w.folder, "--topic", "t"));
    log_copy(&w, ".old", "");
    json_t *status = SENDER_RUN(&w, 0, "status");
    ck_assert_uint_gt(json_array_size(pp_json_member(status, "warnings")), 0);
    json_decref(status);
    json_t *answer = SENDER_RUN(&w, 0, "send", w.folder, "--topic", "t");
    ck_assert_uint_eq(pp_json_u64(answer, "acknowledged"), 10);
    ck_assert_uint_eq(pp_json_u64(answer, "resigned"), 0);
    json_decref(answer);
    ck_assert_uint_eq(number_of(&w, "node", "stamps"), 30);
    ck_assert_uint_eq(number_of(&w, "node", "holes"), 0);
    status = SENDER_RUN(&w, 0, "status");
    ck_assert_uint_eq(json_array_size(pp_json_member(status, "warnings")), 0);
    json_decref(status);
    sender_world_done(&w);
}
END_TEST

PP_TESTS("liar")
PP_TEST(liar__answer_to_send_changed__named_error_and_nothing_counted)
PP_TEST(liar__answers_cut__retried_and_charged_once)
PP_TEST(liar__refund_changed__not_believed)
PP_TEST(liar__payload_changed__content_mismatch)
PP_TEST(sync__old_copy_of_the_folder__goes_on_without_charging_twice)
PP_TESTS_END
