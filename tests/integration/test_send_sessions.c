/* Goal: what is sent with MACs is stored and paid exactly once, and in the end all of it is signed, whatever is killed, lost or
 * interrupted on the way (SESSION-050 to SESSION-054).
 * Method: the command against a whole node in another process; SIGKILL to either at many moments; the node's own word about its
 * lane, and `verify` over its folder, are what is believed. */
#include "pp_test.h"
#include "sender_world.h"

#include <exchange.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PLENTY pp_units(25000000)
#define MANY 2500u

static json_t *lane_of(struct sender_world *w)
{
    static struct cli_problem problem;
    struct cli_exchange *exchange;
    char path[200], hex[65];
    json_t *object = NULL;
    snprintf(path, sizeof path, "/v1/channels/0x%s/lanes/%u", pp_hex_print(w->channel_id.bytes, 32, hex),
             w->lane);
    const struct cli_request request = {.method = "GET", .path = path, .timeout_ms = 10000};
    ck_assert_ok(cli_exchange_open(w->node.url, &exchange));
    ck_assert_ok(cli_exchange_json(exchange, &request, &object, &problem));
    cli_exchange_close(exchange);
    return object;
}

static uint64_t lane_stamps(struct sender_world *w)
{
    json_t *lane = lane_of(w);
    uint64_t stamps = pp_json_u64(lane, "stamps");
    json_decref(lane);
    return stamps;
}

static uint64_t lane_unsigned(struct sender_world *w)
{
    json_t *lane = lane_of(w), *session;
    uint64_t count = 0;
    size_t i;
    json_array_foreach(pp_json_member(lane, "sessions"), i, session) count +=
        pp_json_u64(session, "unsigned");
    json_decref(lane);
    return count;
}

/* Each stored once, paid once, and under a root: nothing that was consumed waits for a signature. */
static void world_check(struct sender_world *w, uint64_t stamps)
{
    ck_assert_uint_eq(lane_stamps(w), stamps);
    ck_assert_uint_eq(lane_unsigned(w), 0);
    json_t *status = SENDER_RUN(w, 0, "status");
    struct pp_grains acknowledged = pp_json_grains(pp_json_member(status, "wallet"), "acknowledged_grains");
    ck_assert(pp_grains_lt(PP_GRAINS_ZERO, pp_json_grains(pp_json_member(status, "node"), "earned_grains")));
    json_decref(status);
    json_t *verified = SENDER_RUN(w, 0, "verify", "--data", w->node.data_dir);
    ck_assert_uint_eq(pp_json_u64(verified, "stamps"), stamps);
    ck_assert_uint_eq(pp_json_u64(verified, "envelopes"), stamps);
    ck_assert_uint_eq(pp_json_u64(verified, "findings_count"), 0);
    ck_assert(pp_grains_eq(pp_json_grains(verified, "consumed_grains"), acknowledged));
    json_decref(verified);
}

/* SESSION-023, SESSION-030, SESSION-054. */
START_TEST(send__by_sessions__acknowledged_and_signed)
{
    struct sender_world w;
    sender_world_make(&w, PLENTY);
    sender_world_files(&w, MANY, 10, 300);
    json_t *answer = SENDER_RUN(&w, 0, "send", w.folder, "--topic", "t", "--days", "3", "--stamp", "session",
                                "--batch", "50", "--repeat", "7");
    ck_assert_uint_eq(pp_json_u64(answer, "acknowledged"), MANY);
    ck_assert_uint_eq(pp_json_u64(answer, "in_sessions"), MANY);
    ck_assert_uint_eq(pp_json_u64(answer, "sessions"), 1);
    ck_assert_uint_ge(pp_json_u64(answer, "roots"), 3);
    ck_assert_uint_gt(pp_json_u64(answer, "repeated"), 5);
    json_decref(answer);
    world_check(&w, MANY);
    sender_world_files(&w, 30, 400, 500); /* the same session, and other kinds beside it */
    answer = SENDER_RUN(&w, 0, "send", w.folder, "--topic", "t", "--days", "3", "--stamp", "session",
                        "--single-every", "3", "--batch", "3");
    ck_assert_uint_gt(pp_json_u64(answer, "in_sessions"), 0);
    ck_assert_uint_lt(pp_json_u64(answer, "in_sessions"), MANY);
    json_decref(answer);
    answer = SENDER_RUN(&w, 0, "send", w.folder, "--topic", "u", "--days", "3", "--stamp", "batch");
    ck_assert_uint_eq(pp_json_u64(answer, "in_sessions"), 0);
    json_decref(answer);
    world_check(&w, 3 * MANY);
    sender_world_done(&w);
}
END_TEST

/* SESSION-060, SEND-009: a few need no session. */
START_TEST(send__a_few__in_no_session)
{
    struct sender_world w;
    sender_world_make(&w, PLENTY);
    sender_world_files(&w, 100, 10, 100);
    json_t *answer = SENDER_RUN(&w, 0, "send", w.folder, "--topic", "t", "--days", "3");
    ck_assert_uint_eq(pp_json_u64(answer, "acknowledged"), 100);
    ck_assert_uint_eq(pp_json_u64(answer, "sessions"), 0);
    json_decref(answer);
    answer = SENDER_RUN(&w, 2, "send", w.folder, "--topic", "t", "--stamp", "many");
    json_decref(answer);
    world_check(&w, 100);
    sender_world_done(&w);
}
END_TEST

/* SESSION-050: the node dies and comes back while the sender sends; the sender just goes on. */
START_TEST(send__node_killed_in_the_middle__all_signed_in_the_end)
{
    struct sender_world w;
    sender_world_make(&w, PLENTY);
    sender_world_files(&w, MANY, 100, 500);
    pid_t sender = SENDER_SPAWN(&w, "send", w.folder, "--topic", "t", "--days", "3", "--batch", "4",
                                "--connections", "3", "--patience", "60", "--stamp", "session");
    sender_outlives_node(&w, sender, MANY / 6, 4, lane_stamps);
    world_check(&w, MANY);
    sender_world_done(&w);
}
END_TEST

/* SESSION-051, SESSION-052, SESSION-053: killed at ever later moments, until it gets through. */
START_TEST(send__sender_killed_again_and_again__all_signed_in_the_end)
{
    struct sender_world w;
    sender_world_make(&w, PLENTY);
    sender_world_files(&w, MANY, 100, 300);
    sender_gets_through(&w,
                        (const char *const[]){"send", w.folder, "--topic", "t", "--days", "3", "--batch", "3",
                                              "--connections", "3", "--resume", "--stamp", "session", NULL},
                        40, 25);
    world_check(&w, MANY);
    sender_world_done(&w);
}
END_TEST

/* SESSION-054. */
START_TEST(send__interrupted__signs_what_is_unsigned_and_resumes)
{
    struct sender_world w;
    int status;
    sender_world_make(&w, PLENTY);
    sender_world_files(&w, MANY, 100, 300);
    pid_t sender = SENDER_SPAWN(&w, "send", w.folder, "--topic", "t", "--days", "3", "--batch", "2",
                                "--stamp", "session");
    while (lane_stamps(&w) < 100)
        ck_assert_int_eq(waitpid(sender, &status, WNOHANG), 0);
    kill(sender, SIGINT);
    ck_assert_int_eq(waitpid(sender, &status, 0), sender);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 1, "the sender ended with %x", status);
    uint64_t stamps = lane_stamps(&w);
    ck_assert_uint_lt(stamps, MANY);
    world_check(&w, stamps);
    json_t *answer =
        SENDER_RUN(&w, 0, "send", w.folder, "--topic", "t", "--days", "3", "--resume", "--stamp", "session");
    ck_assert_uint_eq(pp_json_u64(answer, "acknowledged") + pp_json_u64(answer, "skipped"), MANY);
    ck_assert_uint_eq(pp_json_u64(answer, "sessions"), 1); /* it is the old one that goes on */
    json_decref(answer);
    world_check(&w, MANY);
    sender_world_done(&w);
}
END_TEST

/* SENDER-002: a session authorizes no more than the cap, and the last of it is sent in batches. */
START_TEST(send__by_session_to_the_cap__stops_there)
{
    struct sender_world w;
    sender_world_make(&w, pp_units(200)); /* 200,000,000 grains: some ten envelopes */
    sender_world_files(&w, 30, 100, 100);
    json_t *answer = SENDER_RUN(&w, 1, "send", w.folder, "--topic", "t", "--days", "1", "--batch", "4",
                                "--stamp", "session");
    ck_assert_str_eq(cli_run_error(answer), "CAP_EXCEEDED");
    uint64_t stored = pp_json_u64(answer, "acknowledged");
    ck_assert_uint_gt(stored, 5);
    ck_assert_uint_lt(stored, 30);
    json_decref(answer);
    world_check(&w, stored);
    sender_world_done(&w);
}
END_TEST

PP_TESTS("send_sessions")
PP_TEST(send__by_sessions__acknowledged_and_signed)
PP_TEST(send__a_few__in_no_session)
PP_TEST(send__node_killed_in_the_middle__all_signed_in_the_end)
PP_TEST(send__sender_killed_again_and_again__all_signed_in_the_end)
PP_TEST(send__interrupted__signs_what_is_unsigned_and_resumes)
PP_TEST(send__by_session_to_the_cap__stops_there)
PP_TESTS_END
