/* Goal: what one node does in a round, step by step: whom it answers what, when it signs, and what it never does.
 * Method: the round alone, asked by hand. The whole of it under faults is tests/sim/test_round_sim.c. */
#include "pp_test.h"

#include "epoch/round.h"

#include <stdlib.h>
#include <string.h>

static const struct pp_round_times times = {.turn_ms = 10000, .gather_ms = 2000, .retry_ms = 100};

struct world {
    struct pp_round round;
    struct pp_round_actions actions;
    uint64_t now_ms;
};

static struct pp_hash report(uint8_t number)
{
    return (struct pp_hash){{number}};
}

/* Node at place 1 of 4, in epoch 8: places 0, 1, 2, 3 propose in attempts 0, 1, 2, 3. */
static struct world *world_open(void)
{
    struct world *w = calloc(1, sizeof *w);
    w->now_ms = 1000000;
    pp_round_begin(&w->round, 8, 1, 4, w->now_ms, &times);
    return w;
}

static enum pp_round_reply ask(struct world *w, uint8_t number, uint32_t proposer, uint32_t attempt)
{
    const struct pp_round_ask asked = {report(number), proposer, attempt};
    w->actions.count = 0;
    return pp_round_asked(&w->round, w->now_ms, &asked, &w->actions);
}

static void built(struct world *w, uint8_t number, bool holds)
{
    const struct pp_hash digest = report(number);
    w->actions.count = 0;
    pp_round_built(&w->round, w->now_ms, &digest, holds, &w->actions);
}

static void vote(struct world *w, uint8_t number, uint32_t peer)
{
    const struct pp_hash digest = report(number);
    const struct pp_signature signature = {{(uint8_t)peer}};
    w->actions.count = 0;
    pp_round_vote(&w->round, &digest, peer, &signature, &w->actions);
}

static void saved(struct world *w, uint8_t number)
{
    const struct pp_hash digest = report(number);
    const struct pp_signature signature = {{1}};
    w->actions.count = 0;
    pp_round_saved(&w->round, w->now_ms, &digest, &signature, &w->actions);
}

static bool did(const struct world *w, enum pp_round_action_kind kind)
{
    for (size_t i = 0; i < w->actions.count; i++)
        if (w->actions.list[i].kind == kind)
            return true;
    return false;
}

/* EPOCH-020 */
START_TEST(turns__of_every_epoch__go_round)
{
    for (uint64_t epoch = 0; epoch < 20; epoch++)
        for (uint32_t count = 1; count < 9; count++) {
            bool seen[9] = {false};
            for (uint32_t attempt = 0; attempt < count; attempt++) {
                const uint32_t place = pp_round_proposer(epoch, attempt, count);
                ck_assert_uint_lt(place, count);
                ck_assert(!seen[place]);
                seen[place] = true;
            }
            ck_assert_uint_eq(pp_round_proposer(epoch, 0, count), epoch % count);
            ck_assert_uint_lt(pp_round_proposer(UINT64_MAX, UINT32_MAX, count), count);
        }
}
END_TEST

/* EPOCH-019, EPOCH-025: READY first; a signature only when somebody gave one, and on disk first */
START_TEST(asked__for_what_holds__ready_then_signed)
{
    struct world *w = world_open();
    ck_assert_int_eq(ask(w, 1, 0, 0), PP_REPLY_BUSY);
    ck_assert(did(w, PP_ACTION_BUILD));
    ck_assert_int_eq(ask(w, 1, 0, 0), PP_REPLY_BUSY);
    ck_assert(!did(w, PP_ACTION_BUILD));
    built(w, 1, true);
    ck_assert_int_eq(ask(w, 1, 0, 0), PP_REPLY_READY);
    ck_assert(!did(w, PP_ACTION_SIGN));
    vote(w, 1, 0);
    ck_assert_int_eq(ask(w, 1, 0, 0), PP_REPLY_BUSY); /* EPOCH-028 */
    ck_assert(did(w, PP_ACTION_SIGN));
    saved(w, 1);
    ck_assert_int_eq(ask(w, 1, 0, 0), PP_REPLY_SIGNED);
    ck_assert(!w->round.is_done);
    vote(w, 1, 3);
    ck_assert(did(w, PP_ACTION_FINISH)); /* EPOCH-029: three of four */
    free(w);
}
END_TEST

/* EPOCH-024 */
START_TEST(asked__for_another_after_it_signed__never_signs)
{
    struct world *w = world_open();
    ask(w, 1, 0, 0);
    built(w, 1, true);
    vote(w, 1, 0);
    ask(w, 1, 0, 0);
    saved(w, 1);
    w->now_ms += 20000;
    for (unsigned i = 0; i < 50; i++) {
        ck_assert_int_eq(ask(w, 2, 2, 2), PP_REPLY_SIGNED_OTHER);
        ck_assert_uint_eq(w->actions.count, 0);
        vote(w, 2, i % 4 == 1 ? 0 : i % 4); /* even with a quorum */
        ck_assert(!did(w, PP_ACTION_SIGN));
        w->now_ms += 1000;
    }
    ck_assert(!w->round.is_done);
    free(w);
}
END_TEST

/* EPOCH-019 */
START_TEST(asked__for_what_differs__no_and_looked_at_again)
{
    struct world *w = world_open();
    ask(w, 1, 0, 0);
    built(w, 1, false);
    ck_assert_int_eq(ask(w, 1, 0, 0), PP_REPLY_DIFFERS);
    ck_assert(!did(w, PP_ACTION_BUILD)); /* EPOCH-038: not yet */
    w->now_ms += PP_ROUND_GAP_MS;
    ck_assert_int_eq(ask(w, 1, 0, 0), PP_REPLY_DIFFERS);
    ck_assert(did(w, PP_ACTION_BUILD));
    built(w, 1, true);
    ck_assert_int_eq(ask(w, 1, 0, 0), PP_REPLY_READY);
    free(w);
}
END_TEST

/* EPOCH-023, EPOCH-037 */
START_TEST(asked__out_of_turn__not_promised)
{
    struct world *w = world_open();
    ck_assert_int_eq(ask(w, 1, 2, 0), PP_REPLY_NOT_TURN); /* not 2's attempt */
    ask(w, 1, 2, 2); /* its own, but not yet: computed, and promised nothing */
    built(w, 1, true);
    ck_assert_int_eq(ask(w, 1, 2, 2), PP_REPLY_READY);
    ck_assert_uint_eq(w->round.promised, 0);
    w->now_ms += 20000;
    ck_assert_int_eq(ask(w, 1, 2, 2), PP_REPLY_READY);
    ck_assert_uint_eq(w->round.promised, 2);
    ask(w, 2, 0, 0);
    built(w, 2, true);
    ck_assert_int_eq(ask(w, 2, 0, 0), PP_REPLY_NOT_TURN);
    free(w);
}
END_TEST

/* EPOCH-038 */
START_TEST(asked__by_a_flood__computes_one_a_second)
{
    struct world *w = world_open();
    unsigned builds = 0;
    for (unsigned i = 0; i < 1000; i++) {
        struct pp_round_ask asked = {report(1), 0, 0};
        asked.digest.bytes[1] = (uint8_t)(i / 256);
        asked.digest.bytes[2] = (uint8_t)i;
        w->actions.count = 0;
        ck_assert_int_eq(pp_round_asked(&w->round, w->now_ms, &asked, &w->actions), PP_REPLY_BUSY);
        if (did(w, PP_ACTION_BUILD)) {
            builds++;
            w->actions.count = 0;
            pp_round_built(&w->round, w->now_ms, &asked.digest, false, &w->actions);
        }
        w->now_ms += 10;
    }
    ck_assert_uint_le(builds, 10);
    ck_assert_uint_le(w->round.seen_count, PP_ROUND_PER_PROPOSER_MAX);
    free(w);
}
END_TEST

/* EPOCH-035 */
START_TEST(operator__that_signs_two__convicted)
{
    struct world *w = world_open();
    vote(w, 1, 3);
    ck_assert(!did(w, PP_ACTION_CONVICT));
    vote(w, 1, 3);
    ck_assert(!did(w, PP_ACTION_CONVICT));
    vote(w, 2, 3);
    ck_assert(did(w, PP_ACTION_CONVICT));
    ck_assert_uint_eq(w->actions.list[0].peer, 3);
    free(w);
}
END_TEST

/* EPOCH-030: a quorum that it learns of late */
START_TEST(quorum__learned_late__computed_signed_and_kept)
{
    struct world *w = world_open();
    const struct pp_hash digest = report(1);
    for (uint32_t peer = 0; peer < 4; peer++)
        if (peer != 1)
            vote(w, 1, peer);
    ck_assert(!did(w, PP_ACTION_FINISH));
    w->actions.count = 0;
    pp_round_known(&w->round, w->now_ms, &digest, 0, &w->actions);
    ck_assert(did(w, PP_ACTION_BUILD));
    built(w, 1, true);
    ck_assert(did(w, PP_ACTION_SIGN));
    saved(w, 1);
    ck_assert(did(w, PP_ACTION_FINISH));
    free(w);
}
END_TEST

/* EPOCH-017 */
START_TEST(report__carried_by_more_than_a_third__computed_again)
{
    struct world *w = world_open();
    const struct pp_hash digest = report(1);
    vote(w, 1, 0);
    ck_assert(!pp_round_is_carried(&w->round, &digest));
    ask(w, 1, 0, 0);
    built(w, 1, false);
    vote(w, 1, 2);
    ck_assert(pp_round_is_carried(&w->round, &digest));
    vote(w, 1, 3);
    ck_assert(did(w, PP_ACTION_BUILD));
    built(w, 1, true);
    ck_assert(did(w, PP_ACTION_SIGN));
    free(w);
}
END_TEST

static void answered(struct world *w, uint32_t peer, enum pp_round_reply reply)
{
    w->actions.count = 0;
    pp_round_answered(&w->round, w->now_ms, peer, &w->round.mine, reply, false, &w->actions);
}

static void tick(struct world *w, bool caught_up)
{
    w->actions.count = 0;
    pp_round_tick(&w->round, w->now_ms, caught_up, &w->actions);
}

/* Place 1 in its turn, with a draft that the others are asked about. */
static struct world *proposing(void)
{
    struct world *w = world_open();
    const struct pp_hash digest = report(5);
    tick(w, true);
    ck_assert_uint_eq(w->actions.count, 0); /* the turn of 0 */
    w->now_ms += 10000;
    tick(w, true);
    ck_assert(did(w, PP_ACTION_ASK_STATE)); /* EPOCH-034, EPOCH-022 */
    for (uint32_t peer = 0; peer < 4; peer++)
        if (peer != 1)
            pp_round_told(&w->round, w->now_ms, peer, true);
    tick(w, true);
    ck_assert(did(w, PP_ACTION_DRAFT));
    pp_round_drafted(&w->round, w->now_ms, &digest);
    tick(w, true);
    ck_assert(did(w, PP_ACTION_ASK));
    return w;
}

START_TEST(proposer__signs_first_when_enough_are_ready)
{
    struct world *w = proposing();
    answered(w, 0, PP_REPLY_READY);
    ck_assert(!did(w, PP_ACTION_SIGN));
    answered(w, 2, PP_REPLY_BUSY);
    ck_assert(!did(w, PP_ACTION_SIGN));
    answered(w, 3, PP_REPLY_READY);
    ck_assert(did(w, PP_ACTION_SIGN));
    saved(w, 5);
    w->now_ms += 100;
    tick(w, true);
    ck_assert(did(w, PP_ACTION_ASK));
    vote(w, 5, 0);
    answered(w, 0, PP_REPLY_SIGNED);
    answered(w, 2, PP_REPLY_BUSY);
    vote(w, 5, 3);
    ck_assert(did(w, PP_ACTION_FINISH));
    w->now_ms += 10000;
    tick(w, true);
    ck_assert_uint_eq(w->actions.count, 0);
    w->now_ms += 30000; /* its turn again: EPOCH-031 */
    tick(w, true);
    ck_assert(did(w, PP_ACTION_ASK));
    free(w);
}
END_TEST

/* EPOCH-026 */
START_TEST(proposer__that_hears_of_a_signature__goes_on_with_that)
{
    struct world *w = proposing();
    const struct pp_hash other = report(6);
    vote(w, 6, 0);
    pp_round_known(&w->round, w->now_ms, &other, 0, &w->actions);
    answered(w, 0, PP_REPLY_SIGNED_OTHER);
    w->now_ms += 1000;
    tick(w, true);
    for (uint32_t peer = 0; peer < 4; peer++)
        if (peer != 1)
            pp_round_told(&w->round, w->now_ms, peer, true);
    tick(w, true);
    ck_assert(did(w, PP_ACTION_BUILD));
    built(w, 6, true);
    tick(w, true);
    ck_assert(did(w, PP_ACTION_ADOPT));
    free(w);
}
END_TEST

/* EPOCH-027 */
START_TEST(proposer__when_a_signed_report_cannot_be_enough__drafts_anew)
{
    struct world *w = world_open();
    vote(w, 6, 0);
    vote(w, 7, 2);
    vote(w, 7, 3);
    const struct pp_hash six = report(6);
    pp_round_known(&w->round, w->now_ms, &six, 0, &w->actions);
    w->now_ms += 10000;
    tick(w, true);
    for (uint32_t peer = 0; peer < 4; peer++)
        if (peer != 1)
            pp_round_told(&w->round, w->now_ms, peer, true);
    tick(w, true);
    ck_assert(!did(w, PP_ACTION_ADOPT));
    for (size_t i = 0; i < w->actions.count; i++)
        ck_assert(w->actions.list[i].kind != PP_ACTION_BUILD ||
                  !pp_hash_eq(&w->actions.list[i].digest, &six));
    free(w);
}
END_TEST

/* EPOCH-022: who is silent is not waited for */
START_TEST(proposer__with_silent_peers__drafts_after_a_while)
{
    struct world *w = world_open();
    w->now_ms += 10000;
    tick(w, false);
    pp_round_told(&w->round, w->now_ms, 0, true);
    w->now_ms += 1999;
    tick(w, false);
    ck_assert(!did(w, PP_ACTION_DRAFT));
    w->now_ms += 1;
    tick(w, false);
    ck_assert(did(w, PP_ACTION_DRAFT));
    free(w);
}
END_TEST

PP_TESTS("round")
PP_TEST(turns__of_every_epoch__go_round)
PP_TEST(asked__for_what_holds__ready_then_signed)
PP_TEST(asked__for_another_after_it_signed__never_signs)
PP_TEST(asked__for_what_differs__no_and_looked_at_again)
PP_TEST(asked__out_of_turn__not_promised)
PP_TEST(asked__by_a_flood__computes_one_a_second)
PP_TEST(operator__that_signs_two__convicted)
PP_TEST(quorum__learned_late__computed_signed_and_kept)
PP_TEST(report__carried_by_more_than_a_third__computed_again)
PP_TEST(proposer__signs_first_when_enough_are_ready)
PP_TEST(proposer__that_hears_of_a_signature__goes_on_with_that)
PP_TEST(proposer__when_a_signed_report_cannot_be_enough__drafts_anew)
PP_TEST(proposer__with_silent_peers__drafts_after_a_while)
PP_TESTS_END
