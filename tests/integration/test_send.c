/* Goal: what a sender sends is stored and paid exactly once, whatever is killed, lost or refused on the way (SEND-001 to SEND-007).
 * Method: the command against a whole node in another process; SIGKILL to either at many moments; the node's own counters and the
 * bytes that it gives back are what is believed. */
#include "pp_test.h"
#include "sender_world.h"

#include <lane_log.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PLENTY pp_units(25000000)
#define MANY 1500u

static json_t *status_of(struct sender_world *w)
{
    return SENDER_RUN(w, 0, "status");
}

static uint64_t node_number(struct sender_world *w, const char *key)
{
    json_t *object = status_of(w);
    uint64_t value = pp_json_u64(pp_json_member(object, "node"), key);
    json_decref(object);
    return value;
}

static struct pp_grains side_grains(struct sender_world *w, const char *side, const char *key)
{
    json_t *object = status_of(w);
    struct pp_grains value = pp_json_grains(pp_json_member(object, side), key);
    json_decref(object);
    return value;
}

/* By a plain question: quick enough to watch a sender at work. */
static uint64_t node_stamps(struct sender_world *w)
{
    return node_number(w, "stamps");
}

/* Stored once each, paid once each: the node's count and S are those of the wallet's receipts, and every envelope in the wallet's
 * log reads back as the file that it was. */
static void world_check(struct sender_world *w, uint64_t stamps)
{
    ck_assert_uint_eq(node_number(w, "stamps"), stamps);
    json_t *object = SENDER_RUN(w, 0, "list", "--sent");
    const json_t *list = pp_json_member(object, "sent");
    struct pp_grains sum = PP_GRAINS_ZERO;
    uint64_t stored = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        if (strcmp(pp_json_text(row, "state"), "stored") != 0)
            continue;
        stored++;
        sum = pp_grains_add_checked(sum, pp_json_grains(row, "postage_grains"));
    }
    json_decref(object);
    ck_assert_uint_eq(stored, stamps);
    json_t *status = status_of(w);
    struct pp_grains deferred = pp_json_grains(pp_json_member(status, "node"), "deferred_grains");
    struct pp_grains earned = pp_json_grains(pp_json_member(status, "node"), "earned_grains");
    struct pp_grains acknowledged = pp_json_grains(pp_json_member(status, "wallet"), "acknowledged_grains");
    json_decref(status);
    ck_assert(pp_grains_eq(acknowledged, sum));
    ck_assert(!pp_grains_lt(pp_grains_add_checked(deferred, earned), sum));
    json_t *verified = SENDER_RUN(w, 0, "verify", "--data", w->node.data_dir);
    ck_assert_uint_eq(pp_json_u64(verified, "stamps"), stamps);
    ck_assert_uint_eq(pp_json_u64(verified, "envelopes"), stamps);
    ck_assert_uint_eq(pp_json_u64(verified, "findings_count"), 0);
    ck_assert(pp_grains_eq(pp_json_grains(verified, "consumed_grains"), sum));
    json_decref(verified);
}

static void envelope_check(struct sender_world *w, uint64_t sequence, const char *file)
{
    char number[24], out[400];
    size_t sent_length, read_length;
    snprintf(number, sizeof number, "%llu", (unsigned long long)sequence);
    snprintf(out, sizeof out, "%s/read", w->dir.path);
    json_decref(SENDER_RUN(w, 0, "read", number, "--out", out));
    char *sent = pp_file_load(file, &sent_length), *read_back = pp_file_load(out, &read_length);
    ck_assert_uint_eq(read_length, sent_length);
    ck_assert_mem_eq(read_back, sent, sent_length);
    free(sent);
    free(read_back);
}

START_TEST(send__batches_over_connections__all_acknowledged_and_read_back)
{
    struct sender_world w;
    char receipts[400], line[1000];
    sender_world_make(&w, PLENTY);
    sender_world_files(&w, 300, 1, 3000);
    snprintf(receipts, sizeof receipts, "%s/receipts", w.dir.path);
    json_t *answer = SENDER_RUN(&w, 0, "send", w.folder, "--topic", "letters", "--days", "30", "--batch",
                                "16", "--connections", "4", "--receipts", receipts);
    ck_assert_uint_eq(pp_json_u64(answer, "acknowledged"), 300);
    ck_assert_uint_eq(pp_json_u64(answer, "unsent"), 0);
    ck_assert(
        pp_grains_eq(pp_json_grains(answer, "postage_grains"), side_grains(&w, "node", "spent_grains")));
    json_decref(answer);
    world_check(&w, 300);
    FILE *file = fopen(receipts, "r");
    size_t lines = 0;
    for (; fgets(line, sizeof line, file); lines++)
        if (lines % 37 == 0) {
            json_t *row = json_loads(line, 0, NULL);
            envelope_check(&w, pp_json_u64(row, "sequence"), pp_json_text(row, "name"));
            json_decref(row);
        }
    fclose(file);
    ck_assert_uint_eq(lines, 300);
    size_t listed = 0;
    for (int i = 0; i < 500 && listed < 300; i++) { /* the index follows the acknowledgement */
        json_t *topic = SENDER_RUN(&w, 0, "list", "--topic", "letters");
        listed = json_array_size(pp_json_member(topic, "sequences"));
        json_decref(topic);
    }
    ck_assert_uint_eq(listed, 300);
    sender_world_done(&w);
}
END_TEST

/* SEND-005 */
START_TEST(send__single_mixed_repeated_reordered__charged_once)
{
    struct sender_world w;
    sender_world_make(&w, PLENTY);
    sender_world_files(&w, 60, 200, 2000);
    json_t *answer = SENDER_RUN(&w, 0, "send", w.folder, "--topic", "a", "--single", "--repeat", "3",
                                "--connections", "3");
    ck_assert_uint_eq(pp_json_u64(answer, "acknowledged"), 60);
    ck_assert_uint_eq(pp_json_u64(answer, "requests"), 60);
    ck_assert_uint_eq(pp_json_u64(answer, "repeated"), 20);
    json_decref(answer);
    answer = SENDER_RUN(&w, 0, "send", w.folder, "--topic", "b", "--batch", "7", "--single-every", "2",
                        "--repeat", "2", "--reorder", "--connections", "5");
    ck_assert_uint_eq(pp_json_u64(answer, "acknowledged"), 60);
    ck_assert_uint_gt(pp_json_u64(answer, "repeated"), 2);
    json_decref(answer);
    world_check(&w, 120);
    ck_assert_uint_eq(node_number(&w, "holes"), 0);
    sender_world_done(&w);
}
END_TEST

/* SEND-002: the node dies and comes back while the sender sends; the sender just goes on. */
START_TEST(send__node_killed_in_the_middle__stored_and_paid_once)
{
    struct sender_world w;
    sender_world_make(&w, PLENTY);
    sender_world_files(&w, MANY, 100, 2000);
    pid_t sender = SENDER_SPAWN(&w, "send", w.folder, "--topic", "t", "--batch", "2", "--connections", "4",
                                "--patience", "60");
    sender_outlives_node(&w, sender, MANY / 5, 3, node_stamps);
    world_check(&w, MANY);
    sender_world_done(&w);
}
END_TEST

/* SEND-004: killed at ever later moments, until it gets through; then each is there exactly once. */
START_TEST(send__sender_killed_again_and_again__resumed_to_exactly_once)
{
    struct sender_world w;
    sender_world_make(&w, PLENTY);
    sender_world_files(&w, MANY, 100, 1000);
    sender_gets_through(&w,
                        (const char *const[]){"send", w.folder, "--topic", "t", "--batch", "2",
                                              "--connections", "3", "--resume", NULL},
                        30, 10);
    world_check(&w, MANY);
    sender_world_done(&w);
}
END_TEST

/* SEND-008. Two identical files are two envelopes, and are skipped as two. */
START_TEST(send__identical_files_and_resume__each_counts)
{
    struct sender_world w;
    char path[400];
    sender_world_make(&w, PLENTY);
    for (int i = 0; i < 20; i++) {
        snprintf(path, sizeof path, "%s/%02d", w.folder, i);
        cli_file_make(path, "the same", 8);
    }
    json_decref(SENDER_RUN(&w, 0, "send", w.folder, "--topic", "t", "--batch", "3"));
    world_check(&w, 20);
    json_t *answer = SENDER_RUN(&w, 0, "send", w.folder, "--topic", "t", "--resume");
    ck_assert_uint_eq(pp_json_u64(answer, "acknowledged"), 0);
    ck_assert_uint_eq(pp_json_u64(answer, "skipped"), 20);
    json_decref(answer);
    snprintf(path, sizeof path, "%s/one more", w.folder);
    cli_file_make(path, "the same", 8);
    answer = SENDER_RUN(&w, 0, "send", w.folder, "--topic", "t", "--resume");
    ck_assert_uint_eq(pp_json_u64(answer, "acknowledged"), 1);
    json_decref(answer);
    world_check(&w, 21);
    answer = SENDER_RUN(&w, 0, "send", w.folder, "--topic", "t"); /* a new one */
    ck_assert_uint_eq(pp_json_u64(answer, "acknowledged"), 21);
    json_decref(answer);
    world_check(&w, 42);
    sender_world_done(&w);
}
END_TEST

/* SEND-007, and SEND-003: what was not stored costs nothing, and its interval is used by the next. */
START_TEST(send__price_or_cap_too_low__refused_and_not_charged)
{
    struct sender_world w;
    sender_world_make(&w, pp_units(200)); /* 200,000,000 grains: some ten envelopes */
    sender_world_files(&w, 30, 100, 100);
    json_t *answer = SENDER_RUN(&w, 1, "send", w.folder, "--topic", "t", "--max-price", "0.000001");
    ck_assert_str_eq(cli_run_error(answer), "PRICE_ABOVE_MAX");
    ck_assert_uint_eq(pp_json_u64(answer, "acknowledged"), 0);
    json_decref(answer);
    ck_assert_uint_eq(node_number(&w, "stamps"), 0);
    answer = SENDER_RUN(&w, 1, "send", w.folder, "--topic", "t", "--days", "1", "--batch", "4");
    ck_assert_str_eq(cli_run_error(answer), "CAP_EXCEEDED");
    uint64_t stored = pp_json_u64(answer, "acknowledged");
    ck_assert_uint_gt(stored, 5);
    ck_assert_uint_lt(stored, 30);
    json_decref(answer);
    world_check(&w, stored);
    struct pp_grains spent = side_grains(&w, "node", "spent_grains");
    ck_assert(!pp_grains_lt(pp_units_to_grains(pp_units(200)), spent));
    sender_world_done(&w);
}
END_TEST

/* FOLDER-004: told before anything is signed. */
START_TEST(send__node_with_other_keys__told_otherwise)
{
    struct sender_world w;
    sender_world_make(&w, PLENTY);
    sender_world_files(&w, 5, 10, 10);
    json_decref(SENDER_RUN(&w, 0, "send", w.folder, "--topic", "t"));
    node_process_stop(&w.node);
    strcat(w.node.data_dir, "-impostor");
    w.node.receipt_seed[0] ^= 1;
    node_process_start(&w.node);
    json_t *answer = SENDER_RUN(&w, 1, "send", w.folder, "--topic", "t");
    ck_assert_str_eq(cli_run_error(answer), "NODE_TOLD_OTHERWISE");
    ck_assert_str_eq(pp_json_text(pp_json_member(answer, "error"), "field"), "receipt_key");
    json_decref(answer);
    json_t *sent = SENDER_RUN(&w, 0, "list", "--sent");
    ck_assert_uint_eq(json_array_size(pp_json_member(sent, "sent")), 5);
    json_decref(sent);
    sender_world_done(&w);
}
END_TEST

/* SEND-006: a node that lost what it acknowledged (another folder, the same keys) gets no further voucher. */
START_TEST(send__node_lost_everything__told_otherwise)
{
    struct sender_world w;
    sender_world_make(&w, PLENTY);
    sender_world_files(&w, 5, 10, 10);
    json_decref(SENDER_RUN(&w, 0, "send", w.folder, "--topic", "t"));
    node_process_stop(&w.node);
    strcat(w.node.data_dir, "-empty");
    node_process_start(&w.node);
    json_t *answer = SENDER_RUN(&w, 1, "send", w.folder, "--topic", "t");
    ck_assert_str_eq(cli_run_error(answer), "NODE_TOLD_OTHERWISE");
    json_decref(answer);
    ck_assert_uint_eq(node_number(&w, "stamps"), 0);
    sender_world_done(&w);
}
END_TEST

START_TEST(send__node_down__patience_ends_and_resume_goes_on)
{
    struct sender_world w;
    sender_world_make(&w, PLENTY);
    sender_world_files(&w, 10, 10, 10);
    node_process_kill(&w.node);
    json_t *answer = SENDER_RUN(&w, 1, "send", w.folder, "--topic", "t", "--patience", "1");
    json_decref(answer);
    node_process_start(&w.node);
    answer = SENDER_RUN(&w, 0, "send", w.folder, "--topic", "t", "--resume");
    ck_assert_uint_eq(pp_json_u64(answer, "acknowledged"), 10);
    json_decref(answer);
    world_check(&w, 10);
    sender_world_done(&w);
}
END_TEST

/* Refunds of the days left, signed by the pinned operator, and usable at once. */
START_TEST(delete__on_the_third_day__storage_of_the_days_left)
{
    struct sender_world w;
    sender_world_make(&w, PLENTY);
    sender_world_files(&w, 6, 1000, 1000);
    json_decref(SENDER_RUN(&w, 0, "send", w.folder, "--topic", "t", "--days", "10"));
    json_t *sent = SENDER_RUN(&w, 0, "list", "--sent");
    const json_t *rows = pp_json_member(sent, "sent");
    char first[24], second[80];
    snprintf(first, sizeof first, "%llu",
             (unsigned long long)pp_json_u64(json_array_get(rows, 0), "sequence"));
    snprintf(second, sizeof second, "%s", pp_json_text(json_array_get(rows, 1), "stamp_id"));
    struct pp_grains earned_at_once = side_grains(&w, "node", "earned_grains");
    node_process_pass_days(&w.node, 2);
    while (pp_grains_is_zero(pp_grains_sub_clamped(side_grains(&w, "node", "earned_grains"), earned_at_once)))
        ; /* the node begins the day by its own tick */
    struct pp_grains free_before = side_grains(&w, "node", "free_grains");
    json_t *answer = SENDER_RUN(&w, 0, "delete", first, second, first);
    ck_assert_uint_eq(pp_json_u64(answer, "deleted"), 2);
    /* 1000 bytes, 22 grains a byte and day: day 3 of 10 has begun, 7 are left. */
    ck_assert(pp_grains_eq(pp_json_grains(answer, "refunded_grains"), pp_grains(2 * 7 * 22 * 1000)));
    ck_assert(pp_grains_eq(pp_json_grains(answer, "lane_refunded_grains"), pp_grains(2 * 7 * 22 * 1000)));
    json_decref(answer);
    struct pp_grains free_after = side_grains(&w, "node", "free_grains");
    ck_assert(pp_grains_eq(pp_grains_sub_checked(free_after, free_before), pp_grains(2 * 7 * 22 * 1000)));
    ck_assert(pp_grains_eq(side_grains(&w, "wallet", "refunded_grains"),
                           side_grains(&w, "node", "refunded_grains")));

    answer = SENDER_RUN(&w, 0, "delete", first);
    ck_assert_uint_eq(pp_json_u64(answer, "deleted"), 0);
    ck_assert_uint_eq(pp_json_u64(answer, "deleted_before"), 1);
    json_decref(answer);
    answer = SENDER_RUN(&w, 1, "read", first);
    ck_assert_str_eq(cli_run_error(answer), "NOT_FOUND");
    json_decref(answer);
    answer = SENDER_RUN(&w, 1, "delete", "999999");
    ck_assert_str_eq(cli_run_error(answer), "NOT_FOUND");
    json_decref(answer);
    json_decref(sent);
    sender_world_done(&w);
}
END_TEST

START_TEST(terms_and_quote__of_a_node__what_it_says)
{
    struct sender_world w;
    sender_world_make(&w, PLENTY);
    json_t *answer = SENDER_RUN(&w, 0, "terms", "--node", w.node.url);
    ck_assert_uint_eq(pp_json_u64(answer, "node_id"), 1);
    ck_assert(pp_json_bool(answer, "first_sight"));
    json_decref(answer);
    answer = SENDER_RUN(&w, 0, "terms", "--node", w.node.url);
    ck_assert(!pp_json_bool(answer, "first_sight"));
    ck_assert(pp_json_bool(answer, "pinned"));
    json_decref(answer);
    answer = SENDER_RUN(&w, 0, "quote", "--node", w.node.url, "--bytes", "1024", "--days", "30");
    ck_assert(
        pp_grains_eq(pp_json_grains(answer, "postage_grains"), pp_grains(12000000 + 22ull * 1024 * 30)));
    json_decref(answer);
    sender_world_done(&w);
}
END_TEST

/* The log's folder on a disk that is full is not something a test can make; a log that is no file is. */
START_TEST(send__log_not_writable__nothing_leaves)
{
    struct sender_world w;
    char path[CLI_PATH_MAX], hex[65];
    sender_world_make(&w, PLENTY);
    sender_world_files(&w, 3, 10, 10);
    snprintf(path, sizeof path, "%s/channels/%s/lane-%u.log", w.wallet,
             pp_hex_print(w.channel_id.bytes, 32, hex), w.lane);
    ck_assert_int_eq(symlink("/dev/full", path), 0);
    json_t *answer = SENDER_RUN(&w, 1, "send", w.folder, "--topic", "t");
    json_decref(answer);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_uint_eq(node_number(&w, "stamps"), 0);
    sender_world_done(&w);
}
END_TEST

/* The node's folder, wrong in one byte: told with the record, and the status says so. */
START_TEST(verify__one_byte_wrong__finding_and_status)
{
    struct sender_world w;
    char path[400];
    size_t length, damaged = 0;
    sender_world_make(&w, PLENTY);
    sender_world_files(&w, 20, 400, 400);
    json_decref(SENDER_RUN(&w, 0, "send", w.folder, "--topic", "t"));
    node_process_stop(&w.node);
    json_decref(SENDER_RUN(&w, 0, "verify", "--data", w.node.data_dir));
    snprintf(path, sizeof path, "%s/00007", w.folder);
    char *wanted = pp_file_load(path, &length);
    snprintf(path, sizeof path, "%s/journal.mdb", w.node.data_dir);
    char *store = pp_file_load(path, &length);
    for (size_t i = 0; i + 64 < length; i++)
        if (memcmp(store + i, wanted, 64) == 0) {
            store[i + 5] ^= 1;
            damaged++;
        }
    ck_assert_uint_gt(damaged, 0);
    cli_file_make(path, store, length);
    free(store);
    free(wanted);
    json_t *answer = SENDER_RUN(&w, 1, "verify", "--data", w.node.data_dir);
    ck_assert_uint_gt(pp_json_u64(answer, "findings_count"), 0);
    ck_assert_uint_gt(pp_json_u64(json_array_get(pp_json_member(answer, "findings"), 0), "sequence"), 0);
    json_decref(answer);
    node_process_start(&w.node);
    sender_world_done(&w);
}
END_TEST

/* A store that is full takes no more and keeps what it acknowledged; with room again, the sender goes on. */
START_TEST(send__store_full__stopped_and_resumed)
{
    struct sender_world w;
    sender_world_make(&w, PLENTY);
    node_process_stop(&w.node);
    strcat(w.node.data_dir, "-small");
    w.node.map_bytes = 2u << 20;
    node_process_start(&w.node);
    sender_world_files(&w, 60, 60000, 60000);
    json_t *answer =
        SENDER_RUN(&w, 1, "send", w.folder, "--topic", "t", "--batch", "4", "--patience", "2", "--days", "1");
    ck_assert_str_eq(cli_run_error(answer), "STORE_FULL");
    uint64_t stored = pp_json_u64(answer, "acknowledged");
    ck_assert_uint_lt(stored, 60);
    ck_assert_uint_eq(pp_json_u64(answer, "unsent"), 60 - stored);
    json_decref(answer);
    ck_assert_uint_eq(node_number(&w, "stamps"), stored);
    node_process_stop(&w.node);
    w.node.map_bytes = 64u << 20;
    node_process_start(&w.node);
    answer = SENDER_RUN(&w, 0, "send", w.folder, "--topic", "t", "--days", "1", "--resume");
    ck_assert_uint_eq(pp_json_u64(answer, "acknowledged"), 60 - stored);
    json_decref(answer);
    world_check(&w, 60);
    sender_world_done(&w);
}
END_TEST

/* --node may be left out when the wallet knows it. */
START_TEST(quote__without_node__of_the_only_channel)
{
    struct sender_world w;
    sender_world_make(&w, PLENTY);
    json_t *answer = SENDER_RUN(&w, 0, "quote", "--bytes", "1", "--days", "1");
    ck_assert(pp_grains_eq(pp_json_grains(answer, "postage_grains"), pp_grains(12000022)));
    json_decref(answer);
    sender_world_done(&w);
}
END_TEST

PP_TESTS("send")
PP_TEST(send__store_full__stopped_and_resumed)
PP_TEST(quote__without_node__of_the_only_channel)
PP_TEST(verify__one_byte_wrong__finding_and_status)
PP_TEST(send__batches_over_connections__all_acknowledged_and_read_back)
PP_TEST(send__single_mixed_repeated_reordered__charged_once)
PP_TEST(send__node_killed_in_the_middle__stored_and_paid_once)
PP_TEST(send__sender_killed_again_and_again__resumed_to_exactly_once)
PP_TEST(send__identical_files_and_resume__each_counts)
PP_TEST(send__price_or_cap_too_low__refused_and_not_charged)
PP_TEST(send__node_with_other_keys__told_otherwise)
PP_TEST(send__node_lost_everything__told_otherwise)
PP_TEST(send__node_down__patience_ends_and_resume_goes_on)
PP_TEST(delete__on_the_third_day__storage_of_the_days_left)
PP_TEST(terms_and_quote__of_a_node__what_it_says)
PP_TEST(send__log_not_writable__nothing_leaves)
PP_TESTS_END
