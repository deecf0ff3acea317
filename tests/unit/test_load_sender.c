/* Goal: each request that is due is sent once, in order, at the latest when it can be, and counted once; a lane never has more
 * under way than it may have holes.
 * Method: a sender over traffic that is only numbers, with a clock that the test moves. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <load_sender.h>
#include <stdlib.h>

#define START UINT64_C(1000000)

struct world {
    struct load_traffic traffic;
    struct load_round round;
    struct load_sender *sender;
    _Atomic bool stop;
    uint64_t *due;
};

static void world_make(struct world *w, uint32_t requests, uint32_t lanes, unsigned threads, uint64_t gap_ns)
{
    memset(w, 0, sizeof *w);
    w->due = calloc(requests, sizeof *w->due);
    for (uint32_t i = 0; i < requests; i++)
        w->due[i] = gap_ns * (i + 1);
    w->traffic.count = requests;
    w->traffic.lanes_count = lanes;
    w->traffic.shape.stamps = 1;
    w->round = (struct load_round){.traffic = &w->traffic,
                                   .due_ns = w->due,
                                   .threads = threads,
                                   .stop = &w->stop,
                                   .start_ns = START,
                                   .flows = calloc(lanes, sizeof *w->round.flows)};
    w->sender = calloc(1, sizeof *w->sender);
    w->sender->round = &w->round;
}

static void world_done(struct world *w)
{
    free(w->due);
    free(w->round.flows);
    free(w->sender);
}

static const struct load_verdict admitted = {.admitted = 1}, known = {.known = 1}, lost = {.lost = true},
                                 busy = {.refused = 1, .error = PP_BUSY},
                                 bad = {.refused = 1, .error = PP_BAD_SIGNATURE};

static void take(struct world *w, uint32_t expected_letter, uint64_t expected_due)
{
    uint32_t letter;
    uint64_t due;
    ck_assert(load_sender_take(w->sender, &letter, &due));
    ck_assert_uint_eq(letter, expected_letter);
    ck_assert_uint_eq(due, START + expected_due);
}

static void take_none(struct world *w)
{
    uint32_t letter;
    uint64_t due;
    ck_assert(!load_sender_take(w->sender, &letter, &due));
}

/* LOAD-002: latency from when it was due; lag from when it was due to when it was noticed. */
START_TEST(sender__late_turn__latency_and_lag_from_due)
{
    struct world w;
    world_make(&w, 3, 3, 1, 1000);
    load_sender_notice(w.sender, START + 999);
    take_none(&w);
    load_sender_notice(w.sender, START + 2500); /* two are due: late by 1500 and 500 */
    take(&w, 0, 1000);
    take(&w, 1, 2000);
    take_none(&w);
    ck_assert_uint_eq(w.sender->tally.lag.max_ns, 1500);
    ck_assert_uint_eq(w.sender->tally.lag.min_ns, 500);
    load_sender_answered(w.sender, 0, START + 1000, START + 5000, &admitted);
    ck_assert_uint_eq(w.sender->tally.latency.max_ns, 4000);
    ck_assert_uint_eq(load_sender_wake_ns(w.sender, START + 2500), START + 3000);
    world_done(&w);
}
END_TEST

/* LOAD-003: each outcome in its place, and only what was admitted among the latencies. */
START_TEST(sender__every_outcome__counted_once)
{
    const struct load_verdict partly = {.admitted = 1, .known = 1, .refused = 2, .error = PP_CAP_EXCEEDED};
    const struct load_verdict *const verdicts[] = {&admitted, &known, &lost, &busy, &bad, &partly};
    struct world w;
    world_make(&w, 6, 6, 1, 1000);
    load_sender_notice(w.sender, START + 6000);
    for (uint32_t i = 0; i < 6; i++)
        take(&w, i, 1000 * (i + 1));
    for (uint32_t i = 0; i < 6; i++)
        load_sender_answered(w.sender, i, w.due[i] + START, START + 10000, verdicts[i]);
    const struct load_tally *t = &w.sender->tally;
    ck_assert_uint_eq(t->requests_due, 6);
    ck_assert_uint_eq(t->requests_sent, 6);
    ck_assert_uint_eq(t->requests_admitted, 3);
    ck_assert_uint_eq(t->requests_refused, 2);
    ck_assert_uint_eq(t->requests_lost, 1);
    ck_assert_uint_eq(t->admitted, 2);
    ck_assert_uint_eq(t->known, 2);
    ck_assert_uint_eq(t->refused[PP_BUSY], 1);
    ck_assert_uint_eq(t->refused[PP_BAD_SIGNATURE], 1);
    ck_assert_uint_eq(t->refused[PP_CAP_EXCEEDED], 2);
    ck_assert_uint_eq(load_tally_refused(t), 4);
    ck_assert_uint_eq(t->latency.count, 3);
    ck_assert_uint_eq(w.sender->in_flight, 0);
    ck_assert(!load_sender_goes_on(w.sender, START + 10000));
    world_done(&w);
}
END_TEST

/* LOAD-010: what was refused but would be taken later, or lost, is carried by the lane's next; what was refused for good is not. */
START_TEST(sender__refused_for_now__sent_again_by_the_next_that_is_due)
{
    struct world w;
    world_make(&w, 8, 2, 1, 1000);
    load_sender_notice(w.sender, START + 8000);
    take(&w, 0, 1000);
    take(&w, 1, 2000);
    load_sender_answered(w.sender, 0, START + 1000, START + 9000, &busy);
    load_sender_answered(w.sender, 1, START + 2000, START + 9000, &bad);
    take(&w, 0, 3000);
    take(&w, 3, 4000);
    load_sender_answered(w.sender, 0, START + 3000, START + 9000, &admitted);
    load_sender_answered(w.sender, 3, START + 4000, START + 9000, &lost);
    take(&w, 2, 5000);
    take(&w, 3, 6000);
    take(&w, 4, 7000);
    take(&w, 5, 8000);
    take_none(&w);
    world_done(&w);
}
END_TEST

/* LOAD-010: the lane waits, and with it what is due behind it: that is the node's slowness, counted from when it was due. */
START_TEST(sender__lane_full__waits_for_an_answer)
{
    struct world w;
    const uint32_t count = LOAD_LANE_FLIGHT_MAX + 3;
    world_make(&w, count, 1, 1, 10);
    load_sender_notice(w.sender, START + 10 * count);
    for (uint32_t i = 0; i < LOAD_LANE_FLIGHT_MAX; i++)
        take(&w, i, 10 * (i + 1));
    take_none(&w);
    ck_assert(load_sender_is_waiting(w.sender));
    load_sender_answered(w.sender, 7, START + 80, START + 9000, &admitted);
    take(&w, LOAD_LANE_FLIGHT_MAX, 10 * (LOAD_LANE_FLIGHT_MAX + 1));
    take_none(&w);
    /* All refused, to be taken later: there is room to remember every one. */
    for (uint32_t i = 0; i <= LOAD_LANE_FLIGHT_MAX; i++)
        if (i != 7)
            load_sender_answered(w.sender, i, START + 10 * (i + 1), START + 9000, &busy);
    ck_assert_uint_eq(w.round.flows[0].again_count, LOAD_LANE_FLIGHT_MAX);
    ck_assert(!load_sender_goes_on(w.sender, START + 10 * count + LOAD_DRAIN_NS));
    world_done(&w);
}
END_TEST

/* A thread's arrivals are those of its lanes. */
START_TEST(sender__second_of_two_threads__its_own_lanes_only)
{
    struct world w;
    world_make(&w, 9, 4, 2, 1000);
    w.sender->index = w.sender->noticed = w.sender->next = 1;
    load_sender_notice(w.sender, START + 9000);
    take(&w, 1, 2000);
    take(&w, 3, 4000);
    take(&w, 5, 6000);
    take(&w, 7, 8000);
    take_none(&w);
    ck_assert_uint_eq(w.sender->tally.requests_due, 4);
    world_done(&w);
}
END_TEST

/* LOAD-009 */
START_TEST(sender__stopped__takes_nothing_more_and_waits_a_little)
{
    struct world w;
    world_make(&w, 5, 5, 1, 1000);
    load_sender_notice(w.sender, START + 2000);
    take(&w, 0, 1000);
    w.stop = true;
    ck_assert(load_sender_goes_on(w.sender, START + 2100));
    load_sender_notice(w.sender, START + 5000);
    take_none(&w);
    ck_assert_uint_eq(w.sender->tally.requests_due, 2);
    ck_assert(load_sender_goes_on(w.sender, START + 2100 + LOAD_STOP_NS - 1));
    ck_assert(!load_sender_goes_on(w.sender, START + 2100 + LOAD_STOP_NS));
    load_sender_answered(w.sender, 0, START + 1000, START + 6000, &admitted);
    ck_assert(!load_sender_goes_on(w.sender, START + 6000));
    world_done(&w);
}
END_TEST

/* Answers that nobody gave: the end comes anyhow. */
START_TEST(sender__no_answer__ends_when_the_drain_does)
{
    struct world w;
    world_make(&w, 2, 2, 1, 1000);
    load_sender_notice(w.sender, START + 2000);
    take(&w, 0, 1000);
    take(&w, 1, 2000);
    ck_assert(load_sender_goes_on(w.sender, START + 2000 + LOAD_DRAIN_NS - 1));
    ck_assert(!load_sender_goes_on(w.sender, START + 2000 + LOAD_DRAIN_NS));
    ck_assert_uint_eq(load_sender_wake_ns(w.sender, START + 2000), START + 2000 + LOAD_TURN_MAX_NS);
    world_done(&w);
}
END_TEST

/* What is due on other lanes does not wait for a lane that is full. */
START_TEST(sender__one_lane_full__others_pass_it)
{
    struct world w;
    const uint32_t count = 2 * (LOAD_LANE_FLIGHT_MAX + 3);
    world_make(&w, count, 2, 1, 10);
    load_sender_notice(w.sender, START + 10 * count);
    for (uint32_t i = 0; i < 2 * LOAD_LANE_FLIGHT_MAX; i++)
        take(&w, i, 10 * (i + 1));
    take_none(&w);
    load_sender_answered(w.sender, 1, START + 20, START + 9000, &admitted);
    load_sender_answered(w.sender, 3, START + 40, START + 9000, &admitted);
    take(&w, 65, 660); /* of the second lane, in order */
    take(&w, 67, 680);
    take_none(&w);
    load_sender_answered(w.sender, 0, START + 10, START + 9000, &admitted);
    take(&w, 64, 650);
    take_none(&w);
    ck_assert_uint_eq(w.sender->passed, 3);
    ck_assert(load_sender_is_waiting(w.sender));
    world_done(&w);
}
END_TEST

/* ---- sessions ---- */

static void world_of_sessions(struct world *w, uint32_t requests, uint32_t lanes, uint32_t limit)
{
    world_make(w, requests, lanes, 1, 10);
    w->round.sequences = calloc(requests, sizeof *w->round.sequences);
    ck_assert_ok(load_tails_make(lanes, 1, &w->round.tails));
    for (uint32_t i = 0; i < lanes; i++)
        w->round.tails[i].limit = limit;
    load_sender_notice(w->sender, START + 10 * requests);
}

static void world_of_sessions_done(struct world *w)
{
    load_tails_done(w->round.tails, w->traffic.lanes_count);
    free(w->round.sequences);
    world_done(w);
}

static void answer(struct world *w, uint32_t letter, uint64_t sequence)
{
    *load_sender_sequences(w->sender, letter) = sequence;
    load_sender_answered(w->sender, letter, START, START + 9000, &admitted);
}

static void root_take(struct world *w, uint32_t expected_lane, uint32_t expected_count)
{
    uint32_t lane;
    ck_assert(load_sender_root_take(w->sender, &lane));
    ck_assert_uint_eq(lane, expected_lane);
    ck_assert_uint_eq(w->round.tails[lane].count, expected_count);
    ck_assert(!load_sender_root_take(w->sender, &lane));
}

static void root_none(struct world *w)
{
    uint32_t lane;
    ck_assert(!load_sender_root_take(w->sender, &lane));
}

/* LOAD-015: a root is due at the limit, and leaves when nothing of its lane is under way; the other lane goes on. */
START_TEST(sender__unsigned_limit__root_first_and_others_pass)
{
    struct world w;
    world_of_sessions(&w, 10, 2, 3);
    w.round.tails[1].limit = 5;
    for (uint32_t i = 0; i < 6; i++)
        take(&w, i, 10 * (i + 1));
    answer(&w, 2, 11);
    answer(&w, 0, 12);
    take(&w, 7, 80); /* the seventh arrival is the first lane's fourth: it waits */
    root_none(&w);   /* one is under way */
    answer(&w, 4, 10);
    root_take(&w, 0, 3);
    take(&w, 9, 100);
    take_none(&w);
    load_sender_rooted(w.sender, 0, PP_OK, load_now_ns());
    take(&w, 6, 70);
    take(&w, 8, 90);
    take_none(&w);
    ck_assert_uint_eq(w.sender->tally.roots_taken, 1);
    ck_assert_uint_eq(w.sender->tally.root_latency.count, 1);
    world_of_sessions_done(&w);
}
END_TEST

/* LOAD-015: a lost stamp may be among those that the root is over: it is sent again before. */
START_TEST(sender__lost_at_the_limit__sent_again_before_the_root)
{
    struct world w;
    world_of_sessions(&w, 6, 1, 3);
    for (uint32_t i = 0; i < 3; i++)
        take(&w, i, 10 * (i + 1));
    take_none(&w);
    load_sender_answered(w.sender, 1, START, START + 9000, &lost);
    answer(&w, 0, 5);
    answer(&w, 2, 7);
    root_none(&w);
    take(&w, 1, 40);
    take_none(&w);
    *load_sender_sequences(w.sender, 1) = 6;
    load_sender_answered(w.sender, 1, START, START + 9000, &known);
    root_take(&w, 0, 3);
    load_sender_rooted(w.sender, 0, PP_BUSY, load_now_ns()); /* it leaves again later */
    take_none(&w);
    root_take(&w, 0, 3);
    load_sender_rooted(w.sender, 0, PP_NODE_DOWN, load_now_ns());
    root_take(&w, 0, 3);
    load_sender_rooted(w.sender, 0, PP_OK, load_now_ns());
    ck_assert_uint_eq(w.sender->tally.roots_sent, 3);
    take(&w, 3, 50);
    world_of_sessions_done(&w);
}
END_TEST

/* LOAD-015, LOAD-017: the rest is signed at the end, also after Ctrl-C; a root that is refused is told. */
START_TEST(sender__end_of_a_round__last_roots)
{
    for (unsigned stopped = 0; stopped < 2; stopped++) {
        struct world w;
        world_of_sessions(&w, 4, 2, 100);
        for (uint32_t i = 0; i < 4; i++)
            take(&w, i, 10 * (i + 1));
        w.stop = stopped == 1;
        for (uint32_t i = 0; i < 4; i++)
            answer(&w, i, i + 1);
        ck_assert_uint_eq(load_sender_unsigned(w.sender), 4);
        ck_assert(load_sender_goes_on(w.sender, START + 100));
        uint32_t lane;
        ck_assert(load_sender_root_take(w.sender, &lane));
        root_take(&w, 1, 2);
        ck_assert(load_sender_goes_on(w.sender, START + 100));
        load_sender_rooted(w.sender, 0, PP_OK, load_now_ns());
        load_sender_rooted(w.sender, 1, PP_CONTEXT_MISMATCH, load_now_ns());
        ck_assert(!load_sender_goes_on(w.sender, START + 100));
        ck_assert_uint_eq(w.sender->tally.roots_taken, 1);
        ck_assert_uint_eq(w.sender->tally.roots_refused, 1);
        world_of_sessions_done(&w);
    }
}
END_TEST

PP_TESTS("load_sender")
PP_TEST(sender__late_turn__latency_and_lag_from_due)
PP_TEST(sender__every_outcome__counted_once)
PP_TEST(sender__refused_for_now__sent_again_by_the_next_that_is_due)
PP_TEST(sender__lane_full__waits_for_an_answer)
PP_TEST(sender__second_of_two_threads__its_own_lanes_only)
PP_TEST(sender__stopped__takes_nothing_more_and_waits_a_little)
PP_TEST(sender__no_answer__ends_when_the_drain_does)
PP_TEST(sender__one_lane_full__others_pass_it)
PP_TEST(sender__unsigned_limit__root_first_and_others_pass)
PP_TEST(sender__lost_at_the_limit__sent_again_before_the_root)
PP_TEST(sender__end_of_a_round__last_roots)
PP_TESTS_END
