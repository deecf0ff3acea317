/* Several writers behind one routing table. Method: real folders, a sender a lane, and for what belongs to another process a
 * process of its own. */
#include "bond_fixture.h"
#include "engine/node.h"
#include "pp_fixture.h"
#include "pp_test.h"
#include "shards_fixture.h"

#include <pp/claims.h>
#include <pp/verify.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHARDS 3u
static const uint8_t all_shards[SHARDS] = {0, 1, 2};

struct world {
    struct pp_temp_dir dir;
    struct pp_shards_fixture fixture;
    struct pp_sender senders[SHARDS];
};

static void world_make(struct world *world, bool embedded_store)
{
    *world = (struct world){0};
    pp_temp_dir_make(&world->dir);
    pp_shards_fixture_init(&world->fixture, world->dir.path, embedded_store);
}

static void world_fund(struct world *world)
{
    pp_shards_fixture_head(&world->fixture);
    for (uint8_t i = 0; i < SHARDS; i++) {
        pp_sender_init(&world->senders[i], &world->fixture.base, i);
        pp_shards_fund(&world->fixture, &world->senders[i], i, 1000000);
    }
}

static void world_open(struct world *world, bool embedded_store)
{
    world_make(world, embedded_store);
    pp_shards_fixture_open(&world->fixture, all_shards, SHARDS);
    world_fund(world);
}

static void world_close(struct world *world)
{
    pp_shards_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

static const char *path_of(const struct world *world, const char *name)
{
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", world->fixture.base.dir, name);
    return path;
}

/* What the owner of the shard says. */
static enum pp_error send_one(struct world *world, uint8_t shard, uint64_t seed)
{
    struct pp_made_request made;
    struct pp_answer answer;
    struct pp_node *node;
    ck_assert_ok(pp_shards_find(world->fixture.shards, pp_shard_lane(shard), &node));
    pp_shards_request(&made, &world->fixture, &world->senders[shard], shard, 4, seed);
    pp_submit_wait(node, &made.request, &answer);
    ck_assert_ok(answer.submitted);
    enum pp_error error = answer.error;
    pp_answer_done(&answer);
    pp_request_done(&made);
    return error;
}

/* ---- routing ---- */

/* NODE-100 */
START_TEST(find__every_lane_of_every_shard__the_owner_or_unknown)
{
    struct world world;
    world_open(&world, true);
    const struct pp_shards *shards = world.fixture.shards;
    struct pp_node *node;
    ck_assert_uint_eq(pp_shards_count(shards), SHARDS);
    for (unsigned shard = 0; shard < 256; shard++) {
        uint32_t lane = pp_shard_lane((uint8_t)shard);
        if (shard < SHARDS) {
            ck_assert_uint_eq(pp_shards_lane(shards, shard), lane);
            ck_assert_ok(pp_shards_find(shards, lane, &node));
            ck_assert_ptr_eq(node, pp_shards_node(shards, shard));
        } else {
            ck_assert_error(pp_shards_find(shards, lane, &node), PP_UNKNOWN_LANE);
        }
        ck_assert_error(pp_shards_find(shards, lane + 256, &node), PP_UNKNOWN_LANE);
    }
    ck_assert_error(pp_shards_find(shards, 0, &node), PP_UNKNOWN_LANE);
    world_close(&world);
}
END_TEST

static void never(void *context, const struct pp_response *response)
{
    (void)context;
    (void)response;
    abort();
}

/* NODE-100: each charge is in its own shard and in no other. */
START_TEST(submit__each_lane__charged_at_its_owner_only)
{
    struct world world;
    struct pp_made_request made;
    struct pp_node_status status;
    world_open(&world, true);
    for (uint8_t i = 0; i < SHARDS; i++)
        for (unsigned k = 0; k <= i; k++)
            ck_assert_ok(send_one(&world, i, 100 * i + k));
    for (uint8_t i = 0; i < SHARDS; i++) {
        pp_node_status(pp_shards_node(world.fixture.shards, i), &status);
        ck_assert_uint_eq(status.stamps, 4u * (i + 1u));
        ck_assert_uint_eq(status.lanes, 1);
    }
    pp_shards_status(world.fixture.shards, &status);
    ck_assert_uint_eq(status.stamps, 4 * 6);
    ck_assert_uint_eq(status.lanes, 3);
    ck_assert(status.chain_fresh && !status.store_full);
    pp_shards_request(&made, &world.fixture, &world.senders[0], 9, 1, 5);
    ck_assert_error(pp_shards_submit(world.fixture.shards, &made.request, never, NULL), PP_UNKNOWN_LANE);
    pp_request_done(&made);
    pp_shards_fixture_close(&world.fixture);
    for (uint8_t i = 0; i < SHARDS; i++)
        pp_shards_verify(&world.fixture, i, NULL);
    world_close(&world);
}
END_TEST

/* NODE-100: one that is for none keeps out no other. */
START_TEST(events__of_many_lanes__each_to_its_owner_the_head_to_all)
{
    struct world world;
    struct pp_sender sender;
    struct pp_chain_event events[5];
    struct pp_lane_status status;
    world_open(&world, true);
    pp_sender_init(&sender, &world.fixture.base, 50);
    for (uint8_t i = 0; i < 4; i++) {
        pp_sender_event(&sender, PP_CHAIN_LANE_FINAL, 1000 + i, 0, &events[i]);
        events[i].lane = pp_shard_lane(i == 1 ? 77 : i);
    }
    events[3].lane = pp_shard_lane(1);
    events[4] = (struct pp_chain_event){.kind = PP_CHAIN_CONFLICT};
    ck_assert_error(pp_shards_chain_events(world.fixture.shards, events, 5), PP_UNKNOWN_LANE);
    static const uint64_t caps[SHARDS] = {1000, 1003, 1002};
    for (uint8_t i = 0; i < SHARDS; i++) {
        struct pp_node *node = pp_shards_node(world.fixture.shards, i);
        ck_assert_ok(pp_node_lane_status(node, &sender.channel_id, pp_shard_lane(i), &status));
        ck_assert_uint_eq(status.cap.raw, caps[i]);
        ck_assert_ok(send_one(&world, i, 7)); /* no stamp of it is taken: the head of all is in conflict */
        pp_node_status(node, &(struct pp_node_status){0});
    }
    struct pp_node_status sum;
    pp_shards_status(world.fixture.shards, &sum);
    ck_assert(!sum.chain_fresh);
    ck_assert_uint_eq(sum.stamps, 0);
    world_close(&world);
}
END_TEST

static bool ticket_count(void *context, const struct pp_open_ticket *ticket)
{
    unsigned *by_shard = context;
    by_shard[pp_lane_shard(ticket->leaf.lane)]++;
    return by_shard[0] + by_shard[1] + by_shard[2] < 7;
}

/* NODE-107: tickets are numbers of one shard, so each is told with its lane. */
START_TEST(tickets__of_all_shards__each_with_its_lane_until_told_to_stop)
{
    struct world world;
    unsigned by_shard[SHARDS] = {0};
    world_open(&world, false);
    for (uint8_t i = 0; i < SHARDS; i++) {
        struct pp_made_request made;
        struct pp_result results[4];
        struct pp_refusal refusal;
        pp_shards_request(&made, &world.fixture, &world.senders[i], i, 3, i);
        ck_assert_ok(
            pp_node_admit(pp_shards_node(world.fixture.shards, i), &made.request, results, &refusal));
        pp_request_done(&made);
    }
    ck_assert_ok(pp_shards_open_tickets(world.fixture.shards, ticket_count, by_shard));
    ck_assert(by_shard[0] == 3 && by_shard[1] == 3 && by_shard[2] == 1);
    world_close(&world);
}
END_TEST

/* NODE-111: every shard has the registration, and a topic's quote is taken by all. */
START_TEST(register__one_for_all_shards__each_has_it)
{
    struct world world;
    struct pp_recipient recipient;
    struct pp_topic_registration registration;
    struct pp_topic_key key;
    struct pp_refusal refusal;
    struct pp_quote quote;
    uint8_t bytes[PP_QUOTE_MAX_BYTES];
    size_t length;
    world_open(&world, true);
    pp_recipient_init(&recipient, &world.fixture.base, 1);
    pp_registration_make(&world.fixture.base, &recipient, "topic/1", &recipient.address, 1, &registration);
    for (unsigned again = 0; again < 2; again++)
        ck_assert_ok(pp_shards_topic_register(world.fixture.shards, &registration, &key, &refusal));
    for (size_t i = 0; i < SHARDS; i++) {
        ck_assert_ok(pp_node_topic_key(pp_shards_node(world.fixture.shards, i), &registration.topic, &key));
        ck_assert(key.number == 1 && pp_address_eq(&key.key, &recipient.address));
    }
    registration.key.bytes[0] ^= 1;
    registration.number = 2;
    ck_assert_error(pp_shards_topic_register(world.fixture.shards, &registration, &key, &refusal), PP_BAD_SIGNATURE);
    ck_assert_ok(pp_shards_topic_quote(world.fixture.shards, &registration.topic, bytes, &length, &quote));
    ck_assert(quote.for_topic && pp_hash_eq(&quote.topic, &registration.topic));
    world_close(&world);
}
END_TEST

/* NODE-108: a quote of one is good at all, and it is that of the highest load. */
START_TEST(quote__loads_differ__the_highest_and_taken_by_all)
{
    struct world world;
    uint8_t bytes[PP_QUOTE_MAX_BYTES];
    size_t length;
    struct pp_quote quote;
    world_make(&world, true);
    world.fixture.base.rates.target_per_minute = 5;
    pp_shards_fixture_open(&world.fixture, all_shards, SHARDS);
    world_fund(&world);
    for (unsigned k = 0; k < 8; k++)
        ck_assert_ok(send_one(&world, 1, k));
    world.fixture.base.now_ms += 2000; /* a quote is given for a second */
    pp_shards_fixture_head(&world.fixture);
    ck_assert_ok(send_one(&world, 0, 99)); /* with the quote of shard 0 */
    ck_assert_ok(pp_shards_quote(world.fixture.shards, bytes, &length, &quote));
    struct pp_quote first, second;
    uint8_t other[PP_QUOTE_MAX_BYTES];
    size_t other_length;
    ck_assert_ok(pp_node_quote(pp_shards_node(world.fixture.shards, 0), other, &other_length, &first));
    ck_assert_ok(pp_node_quote(pp_shards_node(world.fixture.shards, 1), other, &other_length, &second));
    ck_assert_uint_gt(second.congestion_units, first.congestion_units);
    ck_assert_uint_eq(quote.congestion_units, second.congestion_units);
    ck_assert_uint_eq(length, other_length);
    ck_assert_mem_eq(bytes, other, length);
    ck_assert_ok(send_one(&world, 2, 100)); /* quoted by shard 0, admitted by shard 2 */
    world_close(&world);
}
END_TEST

/* NODE-103 */
START_TEST(threads__shared_out__the_sum_is_what_was_asked_and_each_has_one)
{
    static const struct {
        uint32_t asked;
        unsigned expected[SHARDS];
    } cases[] = {{3, {1, 1, 1}}, {7, {3, 2, 2}}, {8, {3, 3, 2}}, {1, {1, 1, 1}}, {2, {1, 1, 1}}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        struct world world;
        world_make(&world, true);
        world.fixture.base.config.verify_threads = cases[c].asked;
        pp_shards_fixture_open(&world.fixture, all_shards, SHARDS);
        for (unsigned i = 0; i < SHARDS; i++)
            ck_assert_uint_eq(pp_shards_node(world.fixture.shards, i)->verify_count, cases[c].expected[i]);
        world_close(&world);
    }
}
END_TEST

/* ---- folders ---- */

/* NODE-101, NODE-102, NODE-104: what is not one operator's shards is refused with the reason. */
START_TEST(open__what_cannot_be__refused_with_the_reason)
{
    static const struct {
        uint8_t list[3];
        size_t count;
        const char *reason;
    } cases[] = {
        {{0}, 0, "1 to 256 shards"},
        {{1, 0}, 2, "ascending"},
        {{1, 1}, 2, "ascending"},
        {{1, 2}, 2, "shard 0, which reports for all"},
    };
    struct world world;
    char reason[PP_SHARDS_REASON_BYTES];
    world_make(&world, true);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_error(pp_shards_fixture_try(&world.fixture, cases[i].list, cases[i].count, reason),
                        PP_BAD_CONFIG);
        ck_assert_msg(strstr(reason, cases[i].reason), "%s", reason);
    }
    struct pp_fixture *base = &world.fixture.base;
    pp_fixture_open(base); /* a shard by itself, as it ever was */
    pp_fixture_close(base);
    ck_assert_error(pp_shards_fixture_try(&world.fixture, all_shards, 1, reason), PP_BAD_CONFIG);
    ck_assert_msg(strstr(reason, "one shard's own folder"), "%s", reason);
    world_close(&world);
}
END_TEST

/* NODE-104: a folder cannot become the other kind, or its lanes would be reported twice or never. */
START_TEST(open__a_folder_of_the_other_kind__refused)
{
    struct world world;
    char reason[PP_SHARDS_REASON_BYTES] = "", path[400];
    world_make(&world, true);
    pp_shards_fixture_open(&world.fixture, all_shards, 2);
    pp_shards_fixture_close(&world.fixture);
    struct pp_node_config config = world.fixture.base.config;
    snprintf(path, sizeof path, "%s", path_of(&world, "shard-001"));
    config.data_dir = path;
    config.shard = 1;
    ck_assert_error(pp_node_open(&config, &world.fixture.base.node, reason), PP_BAD_CONFIG);
    ck_assert_msg(strstr(reason, "one of several shards"), "%s", reason);
    snprintf(path, sizeof path, "%s", path_of(&world, "shard-002"));
    config.shard = 2;
    ck_assert_ok(pp_node_open(&config, &world.fixture.base.node, reason));
    pp_node_close(world.fixture.base.node);
    world.fixture.base.node = NULL;
    ck_assert_error(pp_shards_fixture_try(&world.fixture, all_shards, 3, reason), PP_BAD_CONFIG);
    ck_assert_msg(strstr(reason, "shard 2: ") && strstr(reason, "by itself"), "%s", reason);
    world_close(&world);
}
END_TEST

START_TEST(list__other_names_and_empty_folders__left_out)
{
    static const char *const names[] = {"shard-005", "shard-01",   "shard-256", "shard-0001",
                                        "shard-00x", "xshard-001", "shard--01", "shard-+01"};
    struct world world;
    uint8_t list[PP_SHARDS_MAX];
    size_t count = 9;
    world_make(&world, true);
    ck_assert_error(pp_shards_list(world.fixture.base.dir, list, &count), PP_NOT_FOUND);
    static const uint8_t some[] = {0, 7};
    pp_shards_fixture_open(&world.fixture, some, 2);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ck_assert_int_eq(mkdir(path_of(&world, names[i]), 0700), 0);
        if (i > 0)
            fclose(fopen(path_of(&world, "x"), "w"));
    }
    ck_assert_ok(pp_shards_list(world.fixture.base.dir, list, &count));
    ck_assert_uint_eq(count, 2);
    ck_assert(list[0] == 0 && list[1] == 7);
    world_close(&world);
}
END_TEST

/* ---- owners ---- */

struct rival {
    struct world *world;
    const uint8_t *list;
    size_t count;
};

static int rival_run(const struct rival *rival)
{
    char reason[PP_SHARDS_REASON_BYTES] = "", who[64];
    const struct pp_shards_config config = {rival->world->fixture.base.config, rival->list, rival->count};
    struct pp_shards *shards;
    enum pp_error error = pp_shards_open(&config, &shards, reason);
    snprintf(who, sizeof who, "process %d on ", (int)getppid());
    return error == PP_OK                                       ? 0
           : error != PP_LOCKED                                 ? 2
           : strstr(reason, "shard 1: ") && strstr(reason, who) ? 1
                                                                : 3;
}

static int in_child(int (*run)(const struct rival *rival), const struct rival *rival)
{
    int status;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(run(rival));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* NODE-101: lists of two processes that overlap: the second is refused, and told by whom. */
START_TEST(open__overlapping_lists__the_second_refused_and_told_who)
{
    struct world world;
    static const uint8_t mine[] = {0, 1}, others[] = {1, 2}, free_one[] = {2, 3};
    char reason[PP_SHARDS_REASON_BYTES] = "";
    struct pp_shards *second;
    world_make(&world, true);
    pp_shards_fixture_open(&world.fixture, mine, 2);
    const struct pp_shards_config again = {world.fixture.base.config, others, 2};
    ck_assert_error(pp_shards_open(&again, &second, reason), PP_LOCKED);
    ck_assert_int_eq(in_child(rival_run, &(struct rival){&world, others, 2}), 1);
    ck_assert_int_eq(in_child(rival_run, &(struct rival){&world, free_one, 2}), 0);
    world_close(&world);
}
END_TEST

/* ---- reports ---- */

static void next_epoch(struct world *world)
{
    world->fixture.base.now_ms += UINT64_C(43200000);
    pp_shards_fixture_head(&world->fixture);
}

static void tick(struct world *world, enum pp_error expected)
{
    char reason[PP_SHARDS_REASON_BYTES];
    enum pp_error report;
    ck_assert_ok(pp_shards_tick(world->fixture.shards, &report, reason));
    ck_assert_msg(report == expected, "%s: %s", pp_error_name(report), reason);
}

/* The lanes that the newest report of a shard states; 0: it has none. */
static size_t reported(const struct world *world, uint8_t shard, unsigned lanes_of[SHARDS + 1],
                       uint64_t *out_reports)
{
    char path[400];
    struct pp_claims *claims;
    struct pp_claims_head head;
    struct pp_claims_report *report;
    ck_assert_ok(pp_shards_path(world->fixture.base.dir, shard, path, sizeof path));
    ck_assert_ok(pp_claims_open(path, &claims, NULL));
    pp_claims_head(claims, &head);
    size_t count = 0;
    *out_reports = head.reports;
    if (head.reports > 0) {
        ck_assert_ok(pp_claims_report(claims, head.newest_epoch, &report));
        count = report->report.lane_count;
        for (size_t i = 0; i < count; i++)
            lanes_of[pp_lane_shard(report->lanes[i].lane)]++;
        pp_claims_report_done(report);
    }
    pp_claims_close(claims);
    return count;
}

/* NODE-105, NODE-106: one report for all, by shard 0, whatever ticks the others get; its folder verifies. */
START_TEST(report__an_epoch_is_over__one_for_all_lanes_by_shard_0)
{
    struct world world;
    struct pp_verify_summary summary;
    unsigned lanes_of[SHARDS + 1] = {0};
    uint64_t reports;
    world_open(&world, true);
    for (uint8_t i = 0; i < SHARDS; i++)
        ck_assert_ok(send_one(&world, i, i));
    tick(&world, PP_OK);
    for (unsigned round = 0; round < 2; round++) {
        next_epoch(&world);
        for (unsigned i = SHARDS; i-- > 0;)
            ck_assert_ok(pp_node_tick(pp_shards_node(world.fixture.shards, i)));
        for (unsigned i = 0; i < 3; i++) /* made once */
            tick(&world, PP_OK);
        ck_assert_ok(send_one(&world, 1, 10 + round));
    }
    pp_shards_fixture_close(&world.fixture);
    ck_assert_uint_eq(reported(&world, 0, lanes_of, &reports), SHARDS);
    ck_assert_uint_eq(reports, 3); /* the epoch before the first one, too */
    ck_assert(lanes_of[0] == 1 && lanes_of[1] == 1 && lanes_of[2] == 1);
    for (uint8_t i = 0; i < SHARDS; i++) {
        pp_shards_verify(&world.fixture, i, &summary);
        ck_assert_uint_eq(summary.reports, i == 0 ? 3 : 0);
    }
    world_close(&world);
}
END_TEST

/* NODE-105: nothing was spent at shard 0, and something elsewhere; and before anything was, nothing is reported. */
START_TEST(report__only_another_shard_was_paid__reported_all_the_same)
{
    struct world world;
    unsigned lanes_of[SHARDS + 1] = {0};
    uint64_t reports;
    world_open(&world, true);
    next_epoch(&world);
    tick(&world, PP_OK);
    ck_assert_ok(send_one(&world, 2, 1));
    tick(&world, PP_OK); /* not tried again before a minute is over */
    world.fixture.base.now_ms += 60000;
    pp_shards_fixture_head(&world.fixture);
    tick(&world, PP_OK);
    pp_shards_fixture_close(&world.fixture);
    ck_assert_uint_eq(reported(&world, 0, lanes_of, &reports), 1);
    ck_assert_uint_eq(reports, 1);
    ck_assert_uint_eq(lanes_of[2], 1);
    pp_shards_verify(&world.fixture, 0, NULL);
    world_close(&world);
}
END_TEST

/* A process that writes shard 2 alone, and is then killed: no close, no checkpoint. */
static int other_process(const struct rival *rival)
{
    struct world *world = rival->world;
    pp_shards_fixture_open(&world->fixture, rival->list, rival->count);
    pp_shards_fixture_head(&world->fixture);
    pp_sender_init(&world->senders[2], &world->fixture.base, 2);
    pp_shards_fund(&world->fixture, &world->senders[2], 2, 1000000);
    return send_one(world, 2, 33) == PP_OK ? 0 : 1;
}

/* NODE-105: shards of other processes are read from disk; one that cannot be read keeps the report back. */
START_TEST(report__shards_of_another_process__read_from_disk_or_not_reported)
{
    struct world world;
    static const uint8_t mine[] = {0, 1}, others[] = {2};
    unsigned lanes_of[SHARDS + 1] = {0};
    uint64_t reports;
    world_make(&world, true);
    pp_shards_fixture_open(&world.fixture, mine, 2);
    pp_shards_fixture_close(&world.fixture);
    ck_assert_int_eq(in_child(other_process, &(struct rival){&world, others, 1}), 0);
    pp_shards_fixture_open(&world.fixture, mine, 2);
    pp_shards_fixture_head(&world.fixture);
    pp_sender_init(&world.senders[0], &world.fixture.base, 0);
    pp_shards_fund(&world.fixture, &world.senders[0], 0, 1000000);
    ck_assert_ok(send_one(&world, 0, 1));
    next_epoch(&world);
    char path[400], kept[420];
    snprintf(path, sizeof path, "%s", path_of(&world, "shard-002/journal.mdb"));
    snprintf(kept, sizeof kept, "%s.kept", path);
    ck_assert_int_eq(rename(path, kept), 0);
    FILE *file = fopen(path, "wb");
    for (unsigned i = 0; i < 20000; i++)
        fputc((int)(i * 7), file);
    fclose(file);
    tick(&world, PP_CORRUPT);
    ck_assert_int_eq(rename(kept, path), 0);
    tick(&world, PP_OK); /* a minute later */
    world.fixture.base.now_ms += 60000;
    pp_shards_fixture_head(&world.fixture);
    tick(&world, PP_OK);
    pp_shards_fixture_close(&world.fixture);
    ck_assert_uint_eq(reported(&world, 0, lanes_of, &reports), 2);
    ck_assert_uint_eq(reports, 1);
    ck_assert(lanes_of[0] == 1 && lanes_of[2] == 1);
    for (uint8_t i = 0; i < SHARDS; i++)
        pp_shards_verify(&world.fixture, i, NULL);
    world_close(&world);
}
END_TEST

static void finding_keep(void *context, const struct pp_verify_finding *finding)
{
    *(struct pp_verify_finding *)context = *finding;
}

/* NODE-110: a shard whose journal is gone is told by name, and not left out; so in `verify`. */
START_TEST(report__a_folder_without_a_journal__none_and_told_which)
{
    struct world world;
    struct pp_verify_summary summary;
    char reason[PP_SHARDS_REASON_BYTES], path[400], kept[420];
    unsigned lanes_of[SHARDS + 1] = {0};
    static const uint8_t mine[] = {0, 1};
    struct pp_verify_finding finding;
    const struct pp_verify_config config = {.finding = finding_keep, .context = &finding};
    enum pp_error report;
    uint64_t reports;
    world_open(&world, true);
    for (uint8_t i = 0; i < SHARDS; i++)
        ck_assert_ok(send_one(&world, i, i));
    pp_shards_fixture_close(&world.fixture);
    snprintf(path, sizeof path, "%s", path_of(&world, "shard-002/journal.mdb"));
    snprintf(kept, sizeof kept, "%s.kept", path);
    ck_assert_int_eq(rename(path, kept), 0);
    pp_shards_fixture_open(&world.fixture, mine, 2);
    pp_shards_fixture_head(&world.fixture);
    next_epoch(&world);
    ck_assert_ok(pp_shards_tick(world.fixture.shards, &report, reason));
    ck_assert_error(report, PP_BAD_CONFIG);
    ck_assert_msg(strstr(reason, "shard-002 has no journal.mdb") && strstr(reason, "put its journal back"), "%s",
                  reason);
    pp_shards_fixture_close(&world.fixture);
    ck_assert_error(pp_verify_dir(world.fixture.base.dir, &config, &summary), PP_BAD_CONFIG);
    ck_assert_msg(strstr(summary.reason, "shard-002 has no journal.mdb"), "%s", summary.reason);
    ck_assert_uint_eq(reported(&world, 0, lanes_of, &reports), 0);
    ck_assert_int_eq(rename(kept, path), 0);
    pp_shards_fixture_open(&world.fixture, mine, 2);
    pp_shards_fixture_head(&world.fixture);
    tick(&world, PP_OK);
    pp_shards_fixture_close(&world.fixture);
    ck_assert_uint_eq(reported(&world, 0, lanes_of, &reports), SHARDS);
    world_close(&world);
}
END_TEST

/* ---- the folder as a whole ---- */

static bool lane_seen(void *context, const struct pp_lane_claim *claim)
{
    unsigned *lanes_of = context;
    ck_assert(claim->has_voucher);
    lanes_of[pp_lane_shard(claim->lane)]++;
    return true;
}

/* NODE-109: claims are those of all lanes, beside the reports of shard 0. */
START_TEST(claims__of_the_folder__every_lane_and_the_reports)
{
    struct world world;
    struct pp_claims *claims;
    struct pp_claims_head head;
    struct pp_lane_claim claim;
    unsigned lanes_of[SHARDS] = {0};
    char reason[256] = "";
    world_open(&world, true);
    for (uint8_t i = 0; i < SHARDS; i++)
        ck_assert_ok(send_one(&world, i, i));
    tick(&world, PP_OK);
    pp_shards_fixture_close(&world.fixture);
    ck_assert_msg(pp_claims_open(world.fixture.base.dir, &claims, reason) == PP_OK, "%s", reason);
    pp_claims_head(claims, &head);
    ck_assert(head.lanes == SHARDS && head.reports == 1 && head.shard == 0 && !head.part);
    ck_assert_ok(pp_claims_lanes(claims, lane_seen, lanes_of));
    for (uint8_t i = 0; i < SHARDS; i++) {
        ck_assert_uint_eq(lanes_of[i], 1);
        ck_assert_ok(pp_claims_lane(claims, &world.senders[i].channel_id, pp_shard_lane(i), &claim));
        ck_assert_error(pp_claims_lane(claims, &world.senders[i].channel_id, pp_shard_lane(i + 1), &claim),
                        PP_NOT_FOUND);
    }
    pp_claims_close(claims);
    ck_assert_ok(pp_claims_open(path_of(&world, "shard-001"), &claims, reason));
    pp_claims_head(claims, &head);
    ck_assert(head.part && head.reports == 0);
    pp_claims_close(claims);
    char from[400], to[400];
    snprintf(from, sizeof from, "%s", path_of(&world, "shard-000"));
    snprintf(to, sizeof to, "%s", path_of(&world, "away"));
    ck_assert_int_eq(rename(from, to), 0);
    ck_assert_error(pp_claims_open(world.fixture.base.dir, &claims, reason), PP_BAD_CONFIG);
    ck_assert_msg(strstr(reason, "shard-000"), "%s", reason);
    snprintf(from, sizeof from, "%s", path_of(&world, "shard-001"));
    snprintf(to, sizeof to, "%s", path_of(&world, "shard-000"));
    ck_assert_int_eq(rename(from, to), 0); /* under another one's number */
    ck_assert_error(pp_claims_open(world.fixture.base.dir, &claims, reason), PP_BAD_CONFIG);
    ck_assert_msg(strstr(reason, "shard-000"), "%s", reason);
    world_close(&world);
}
END_TEST

static void folder_copy(const struct world *world, const char *from, const char *to)
{
    char command[1000];
    int length =
        snprintf(command, sizeof command, "rm -rf '%s/%s' && cp -a '%s/%s' '%s/%s'", world->fixture.base.dir,
                 to, world->fixture.base.dir, from, world->fixture.base.dir, to);
    ck_assert_int_lt(length, (int)sizeof command);
    ck_assert_int_eq(system(command), 0);
}

/* NODE-109: a shard that was put back from before it was reported; nothing in its own folder shows that. */
START_TEST(verify__of_the_folder__sums_and_what_was_reported_and_is_gone)
{
    struct world world;
    struct pp_verify_summary summary;
    struct pp_verify_finding finding = {0};
    const struct pp_verify_config config = {.finding = finding_keep, .context = &finding};
    world_open(&world, true);
    for (uint8_t i = 0; i < SHARDS; i++)
        ck_assert_ok(send_one(&world, i, i));
    pp_shards_fixture_close(&world.fixture);
    folder_copy(&world, "shard-002", "kept");
    pp_shards_fixture_open(&world.fixture, all_shards, SHARDS);
    pp_shards_fixture_head(&world.fixture);
    ck_assert_ok(send_one(&world, 2, 9));
    tick(&world, PP_OK);
    pp_shards_fixture_close(&world.fixture);
    ck_assert_ok(pp_verify_dir(world.fixture.base.dir, &config, &summary));
    ck_assert(summary.complete && summary.findings == 0 && summary.stamps == 16 && summary.lanes == 3);
    ck_assert_uint_eq(summary.reports, 1);
    struct pp_grains sum = PP_GRAINS_ZERO;
    for (uint8_t i = 0; i < SHARDS; i++) {
        struct pp_verify_summary one;
        pp_shards_verify(&world.fixture, i, &one);
        ck_assert_ok(pp_grains_add(sum, one.consumed, &sum));
    }
    ck_assert(pp_grains_eq(sum, summary.consumed));
    folder_copy(&world, "kept", "shard-002");
    ck_assert_error(pp_verify_dir(world.fixture.base.dir, &config, &summary), PP_INVARIANT);
    ck_assert_uint_eq(summary.findings, 1);
    ck_assert(finding.check == PP_VERIFY_REPORTS && finding.shard == 2);
    ck_assert_msg(strstr(finding.detail, "above what its shard"), "%s", finding.detail);
    world_close(&world);
}
END_TEST

static enum pp_error reported_put(void *context, struct pp_txn *txn)
{
    const struct pp_slice part = {context, 1};
    return pp_txn_put(txn, PP_TABLE_META, pp_slice("part", 4), &part, 1);
}

/* NODE-104, NODE-106: a report that another shard than 0 made, and a mark of the folder that is none. */
START_TEST(verify__a_report_by_another_shard__told)
{
    struct world world;
    struct pp_verify_summary summary;
    struct pp_verify_finding finding = {0};
    const struct pp_verify_config config = {.finding = finding_keep, .context = &finding};
    struct pp_data data;
    char reason[PP_STORE_REASON_BYTES];
    uint8_t mark = 1;
    world_make(&world, true);
    struct pp_fixture *base = &world.fixture.base; /* shard 1, by itself */
    pp_fixture_open(base);
    pp_fixture_head(base, 0, NULL);
    pp_sender_init(&world.senders[1], base, 1);
    pp_sender_fund(&world.senders[1], base, 1000000, 0);
    struct pp_made_request made;
    struct pp_answer answer;
    pp_request_make(&made, base, &world.senders[1], 2, (struct pp_parcel_of){300, 5}, 3);
    pp_submit_wait(base->node, &made.request, &answer);
    ck_assert_ok(answer.error);
    pp_answer_done(&answer);
    pp_request_done(&made);
    ck_assert_ok(pp_node_tick(base->node));
    pp_fixture_close(base);
    ck_assert_ok(pp_verify_dir(base->dir, &config, &summary));
    ck_assert_uint_eq(summary.reports, 1);
    for (unsigned round = 0; round < 2; round++, mark = 2) {
        ck_assert_ok(pp_data_open(base->dir, UINT64_C(1) << 30, false, &data, reason));
        ck_assert_ok(pp_store_write(data.journal, PP_STORE_ORDINARY, reported_put, &mark));
        pp_data_close(&data);
        ck_assert_error(pp_verify_dir(base->dir, &config, &summary), round == 0 ? PP_INVARIANT : PP_CORRUPT);
    }
    ck_assert_str_eq(finding.what, "report");
    ck_assert_msg(strstr(finding.detail, "shard 1 made it"), "%s", finding.detail);
    world_close(&world);
}
END_TEST

PP_TESTS("shards")
PP_TEST(find__every_lane_of_every_shard__the_owner_or_unknown)
PP_TEST(submit__each_lane__charged_at_its_owner_only)
PP_TEST(events__of_many_lanes__each_to_its_owner_the_head_to_all)
PP_TEST(tickets__of_all_shards__each_with_its_lane_until_told_to_stop)
PP_TEST(quote__loads_differ__the_highest_and_taken_by_all)
PP_TEST(register__one_for_all_shards__each_has_it)
PP_TEST(threads__shared_out__the_sum_is_what_was_asked_and_each_has_one)
PP_TEST(open__what_cannot_be__refused_with_the_reason)
PP_TEST(open__a_folder_of_the_other_kind__refused)
PP_TEST(list__other_names_and_empty_folders__left_out)
PP_TEST(open__overlapping_lists__the_second_refused_and_told_who)
PP_TEST(report__an_epoch_is_over__one_for_all_lanes_by_shard_0)
PP_TEST(report__only_another_shard_was_paid__reported_all_the_same)
PP_TEST(report__shards_of_another_process__read_from_disk_or_not_reported)
PP_TEST(report__a_folder_without_a_journal__none_and_told_which)
PP_TEST(claims__of_the_folder__every_lane_and_the_reports)
PP_TEST(verify__of_the_folder__sums_and_what_was_reported_and_is_gone)
PP_TEST(verify__a_report_by_another_shard__told)
PP_TESTS_END
