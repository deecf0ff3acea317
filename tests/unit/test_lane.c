/* Goal: the counters move as specs/lane.md says, caps follow the chain and the releases, and a saved lane comes back. */
#include "lane_fixture.h"
#include "pp_test.h"

#include <stddef.h>

#define UNIT UINT64_C(1000000)

/* The interface promises an idle lane well under 256 bytes (lane_idle_bytes counts everything around it). */
START_TEST(lane__idle__small)
{
    ck_assert_uint_le(sizeof(struct pp_lane), 160);
    ck_assert_uint_eq(sizeof(struct pp_claim), 121);
}
END_TEST

/* LANE-003, LANE-050, LANE-051. */
START_TEST(refund_and_earn__together__at_most_what_was_consumed)
{
    struct lane_fixture f;
    lane_fixture_init(&f, 1);
    lane_fixture_admit(&f, 0, 100, 500); /* 400 are authorized and not used */
    ck_assert(pp_grains_eq(pp_lane_refundable(&f.lane), pp_grains(100)));
    ck_assert(pp_grains_eq(pp_lane_deferred(&f.lane), pp_grains(500)));
    ck_assert_ok(pp_lane_earn(&f.lane, pp_grains(60)));
    ck_assert_error(pp_lane_refund(&f.lane, pp_grains(41)), PP_DEFERRED_EXCEEDED);
    ck_assert_ok(pp_lane_refund(&f.lane, pp_grains(40)));
    ck_assert_error(pp_lane_refund(&f.lane, pp_grains(1)), PP_DEFERRED_EXCEEDED);
    ck_assert_error(pp_lane_earn(&f.lane, pp_grains(1)), PP_DEFERRED_EXCEEDED);
    ck_assert_ok(pp_lane_refund(&f.lane, PP_GRAINS_ZERO));
    ck_assert(pp_grains_eq(f.lane.refunded, pp_grains(40)));
    ck_assert(pp_grains_eq(f.lane.earned, pp_grains(60)));
    lane_fixture_admit(&f, 100, 110, 500);
    ck_assert_ok(pp_lane_refund(&f.lane, pp_grains(10)));
    ck_assert_ok(pp_lane_check_invariants(&f.lane, NULL));
}
END_TEST

/* LANE-052, LANE-001. */
START_TEST(settled_lane__takes_no_refund_and_no_earning)
{
    struct lane_fixture f;
    enum pp_lane_action action;
    lane_fixture_init(&f, 1);
    lane_fixture_admit(&f, 0, 100, 100);
    ck_assert_ok(pp_lane_event(&f.lane, PP_LANE_ON_CLOSE_FINALIZED, &action));
    ck_assert_int_eq(action, PP_LANE_DO_SETTLE);
    ck_assert_error(pp_lane_refund(&f.lane, pp_grains(1)), PP_LANE_SETTLED);
    ck_assert_error(pp_lane_earn(&f.lane, pp_grains(1)), PP_LANE_SETTLED);
    ck_assert_error(pp_lane_release(&f.lane, pp_units(1)), PP_LANE_SETTLED);
    ck_assert_error(pp_lane_funded(&f.lane, pp_units(9), 9), PP_LANE_SETTLED);
    ck_assert_uint_eq(pp_lane_cap(&f.lane).raw, 1);
    pp_lane_vested(&f.lane, pp_grains(50));
    pp_lane_vested(&f.lane, pp_grains(40)); /* merged by maximum */
    ck_assert(pp_grains_eq(f.lane.vested, pp_grains(50)));
}
END_TEST

/* LANE-040, LANE-041. */
START_TEST(funded__sequence_numbers__decide)
{
    struct pp_lane lane;
    pp_lane_init(&lane, LANE_FIXTURE_ID);
    ck_assert_error(pp_lane_admits(&lane), PP_LANE_PENDING);
    ck_assert_ok(
        pp_lane_funded(&lane, pp_units(10), 3)); /* the first that is learnt of, whatever its number */
    ck_assert_ok(pp_lane_admits(&lane));
    ck_assert_ok(pp_lane_funded(&lane, pp_units(10), 3)); /* again */
    ck_assert_error(pp_lane_funded(&lane, pp_units(11), 3), PP_CHAIN_REORG);
    ck_assert_ok(pp_lane_funded(&lane, pp_units(99), 2)); /* stale */
    ck_assert_uint_eq(pp_lane_cap(&lane).raw, 10);
    ck_assert_ok(pp_lane_funded(&lane, pp_units(20), 4));
    ck_assert_uint_eq(pp_lane_cap(&lane).raw, 20);
    ck_assert_uint_eq(lane.seq, 4);
}
END_TEST

/* A lane whose channel is closed before its opening was final comes back without money until that is. */
START_TEST(funded__closed_before_it_was_final__cap_stays_zero_until_then)
{
    struct lane_fixture f;
    enum pp_lane_action action;
    lane_fixture_init(&f, 0);
    pp_lane_init(&f.lane, LANE_FIXTURE_ID);
    ck_assert_ok(pp_lane_event(&f.lane, PP_LANE_ON_CLOSE_REQUESTED, &action));
    ck_assert_ok(pp_lane_event(&f.lane, PP_LANE_ON_CLOSE_UNDONE, &action));
    ck_assert_ok(pp_lane_event(&f.lane, PP_LANE_ON_VIEW_RESTORED, &action));
    lane_fixture_offer(&f, 0, 10, 10);
    lane_fixture_refused(&f, PP_CAP_EXCEEDED);
    ck_assert_ok(pp_lane_funded(&f.lane, pp_units(1), 0));
    ck_assert_int_eq(lane_fixture_submit(&f), PP_LANE_ADMIT);
}
END_TEST

/* LANE-042. */
START_TEST(cap_lowered__in_the_latest_block__counts_until_a_later_number_is_final)
{
    struct pp_lane lane;
    pp_lane_init(&lane, LANE_FIXTURE_ID);
    ck_assert_ok(pp_lane_funded(&lane, pp_units(100), 5));
    pp_lane_cap_lowered(&lane, pp_units(10), 5); /* not later than what is final: nothing new */
    ck_assert_uint_eq(pp_lane_cap(&lane).raw, 100);
    pp_lane_cap_lowered(&lane, pp_units(60), 6);
    pp_lane_cap_lowered(&lane, pp_units(40), 7);
    pp_lane_cap_lowered(&lane, pp_units(60), 6); /* again */
    ck_assert_uint_eq(pp_lane_cap(&lane).raw, 40);
    ck_assert_ok(pp_lane_funded(&lane, pp_units(60), 6));
    ck_assert_uint_eq(pp_lane_cap(&lane).raw, 40);
    ck_assert_ok(pp_lane_check_invariants(&lane, NULL));
    ck_assert_ok(pp_lane_funded(&lane, pp_units(40), 7));
    ck_assert_uint_eq(pp_lane_cap(&lane).raw, 40);
    ck_assert_uint_eq(lane.low_until_seq, 0);
    ck_assert_ok(pp_lane_funded(&lane, pp_units(90), 8));
    ck_assert_uint_eq(pp_lane_cap(&lane).raw, 90);
    pp_lane_cap_lowered(&lane, pp_units(10), 9);
    ck_assert_uint_eq(pp_lane_cap(&lane).raw, 10);
    pp_lane_lowering_undone(&lane); /* LANE-045 */
    ck_assert_uint_eq(pp_lane_cap(&lane).raw, 90);
    ck_assert_ok(pp_lane_check_invariants(&lane, NULL));
}
END_TEST

/* LANE-043, LANE-044. */
START_TEST(release__signed__binds_at_once_and_never_below_what_is_kept)
{
    struct lane_fixture f;
    lane_fixture_init(&f, 10);
    lane_fixture_admit(&f, 0, 3 * UNIT + 1, 3 * UNIT + 1);
    ck_assert_uint_eq(pp_lane_release_floor(&f.lane).raw, 4);
    ck_assert_error(pp_lane_release(&f.lane, pp_units(3)), PP_CAP_BELOW_VESTED);
    ck_assert_error(pp_lane_release(&f.lane, pp_units(10)), PP_OUT_OF_RANGE);
    ck_assert_ok(pp_lane_refund(&f.lane, pp_grains(2 * UNIT + 1)));
    ck_assert_uint_eq(pp_lane_release_floor(&f.lane).raw, 1);
    pp_lane_vested(&f.lane, pp_grains(UNIT + 1));
    ck_assert_uint_eq(pp_lane_release_floor(&f.lane).raw, 2);
    ck_assert_error(pp_lane_release(&f.lane, pp_units(1)), PP_CAP_BELOW_VESTED);
    ck_assert_ok(pp_lane_release(&f.lane, pp_units(2)));
    ck_assert_uint_eq(pp_lane_cap(&f.lane).raw, 2);
    ck_assert_error(pp_lane_release(&f.lane, pp_units(2)), PP_OUT_OF_RANGE);
    lane_fixture_offer(&f, 3 * UNIT + 1, 4 * UNIT + 2, 9 * UNIT);
    lane_fixture_refused(&f, PP_CAP_EXCEEDED);
    ck_assert_ok(
        pp_lane_funded(&f.lane, pp_units(10), 0)); /* the old number again: the release still binds */
    ck_assert_uint_eq(pp_lane_cap(&f.lane).raw, 2);
    ck_assert_ok(pp_lane_funded(&f.lane, pp_units(12), 1)); /* the chain went another way: void */
    ck_assert_uint_eq(pp_lane_cap(&f.lane).raw, 12);
    f.lane.seq = UINT32_MAX;
    ck_assert_error(pp_lane_release(&f.lane, pp_units(3)), PP_OUT_OF_RANGE);
}
END_TEST

START_TEST(event__refused__lane_unchanged)
{
    struct pp_lane lane, before;
    enum pp_lane_action action;
    pp_lane_init(&lane, LANE_FIXTURE_ID);
    before = lane;
    ck_assert_error(pp_lane_event(&lane, PP_LANE_ON_SENDER_LEFT, &action), PP_LANE_PENDING);
    ck_assert_error(pp_lane_event(&lane, PP_LANE_ON_EARNING_ENDED, &action), PP_BAD_EVENT);
    ck_assert_mem_eq(&lane, &before, sizeof lane);
    ck_assert_ok(pp_lane_funded(&lane, pp_units(1), 0));
    ck_assert_ok(pp_lane_event(&lane, PP_LANE_ON_SENDER_LEFT, &action));
    ck_assert_int_eq(action, PP_LANE_DO_REFUND_AND_RELEASE);
    ck_assert_error(pp_lane_admits(&lane), PP_LANE_CLOSING);
    ck_assert_ok(pp_lane_event(&lane, PP_LANE_ON_SENDER_LEFT, &action));
    ck_assert_int_eq(action, PP_LANE_DO_NOTHING);
}
END_TEST

/* LANE-071. The pool's blocks are counted: none is lost, none is given twice. */
START_TEST(save__restored_or_forgotten__as_before_and_no_block_lost)
{
    struct lane_fixture f;
    struct pp_lane_save save;
    struct pp_intervals before;
    lane_fixture_init(&f, 1);
    pp_intervals_init(&before);

    ck_assert_ok(pp_lane_save(&f.lane, &save, &f.pool)); /* without holes: no block */
    ck_assert_uint_eq(f.pool.used, 0);
    lane_fixture_admit(&f, 10, 20, 20);
    ck_assert_uint_eq(f.pool.used, 1);
    pp_lane_restore(&f.lane, &save, &f.pool);
    ck_assert_uint_eq(f.pool.used, 0);
    ck_assert(pp_grains_is_zero(f.lane.spent));
    ck_assert_uint_eq(f.lane.stamps, 0);

    lane_fixture_admit(&f, 10, 20, 20);
    lane_fixture_admit(&f, 40, 50, 50);
    ck_assert_ok(pp_intervals_copy(&before, &f.lane.consumed, &f.pool));
    ck_assert_ok(pp_lane_save(&f.lane, &save, &f.pool));
    ck_assert_uint_eq(f.pool.used, 3);
    lane_fixture_admit(&f, 0, 10, 50);
    lane_fixture_admit(&f, 20, 40, 50);
    ck_assert_ok(pp_lane_refund(&f.lane, pp_grains(5)));
    ck_assert_uint_eq(f.pool.used, 2); /* the lane has no holes any more */
    pp_lane_restore(&f.lane, &save, &f.pool);
    ck_assert_uint_eq(f.pool.used, 2);
    ck_assert(pp_intervals_eq(&f.lane.consumed, &before));
    ck_assert(pp_grains_is_zero(f.lane.refunded));
    ck_assert_uint_eq(f.lane.stamps, 2);
    lane_fixture_admit(&f, 0, 10, 50); /* it works on */

    ck_assert_ok(pp_lane_save(&f.lane, &save, &f.pool));
    ck_assert_uint_eq(f.pool.used, 3);
    pp_lane_forget(&save, &f.pool);
    ck_assert_uint_eq(f.pool.used, 2);

    struct pp_lane_save more[LANE_FIXTURE_BLOCKS];
    size_t saved = 0;
    while (!pp_holes_pool_is_empty(&f.pool))
        ck_assert_ok(pp_lane_save(&f.lane, &more[saved++], &f.pool));
    ck_assert_error(pp_lane_save(&f.lane, &save, &f.pool), PP_BUSY);
    while (saved > 0)
        pp_lane_forget(&more[--saved], &f.pool);
    pp_intervals_done(&before, &f.pool);
    pp_lane_done(&f.lane, &f.pool);
    ck_assert_uint_eq(f.pool.used, 0);
}
END_TEST

START_TEST(settlement__of_a_lane__is_settle_of_its_counters)
{
    struct lane_fixture f;
    struct pp_settlement out;
    lane_fixture_init(&f, 25);
    lane_fixture_admit(&f, 0, 12300000, 12300000);
    ck_assert_ok(pp_lane_earn(&f.lane, pp_grains(9999999)));
    ck_assert_ok(pp_lane_refund(&f.lane, pp_grains(1300000)));
    ck_assert_ok(pp_lane_settlement(&f.lane, &out));
    ck_assert(pp_grains_eq(out.pool, pp_grains(9999999)));
    ck_assert_uint_eq(out.pool_units.raw, 9);
    ck_assert_uint_eq(out.payer_units.raw, 16);
}
END_TEST

/* LANE-002, LANE-003: each broken one is found. */
START_TEST(invariants__broken_by_hand__named)
{
    struct lane_fixture f;
    const char *what;
#define BREAK(change)                                                                                        \
    do {                                                                                                     \
        lane_fixture_init(&f, 1);                                                                            \
        lane_fixture_admit(&f, 0, 100, 100);                                                                 \
        what = NULL;                                                                                         \
        change;                                                                                              \
        ck_assert_error(pp_lane_check_invariants(&f.lane, &what), PP_INVARIANT);                             \
        ck_assert_ptr_nonnull(what);                                                                         \
    } while (0)
    BREAK(f.lane.state = PP_LANE_STATE_COUNT);
    BREAK(f.lane.spent = pp_grains(99));
    BREAK(f.lane.refunded = pp_grains(101));
    BREAK((f.lane.refunded = pp_grains(50), f.lane.earned = pp_grains(51)));
    BREAK((f.lane.refunded = PP_GRAINS_MAX, f.lane.earned = PP_GRAINS_MAX));
    BREAK(f.lane.stamps = 0);
    BREAK(f.lane.low_cap = pp_units(1));
    BREAK((f.lane.seq = 4, f.lane.low_until_seq = 4));
#undef BREAK
}
END_TEST

PP_TESTS("lane")
PP_TEST(lane__idle__small)
PP_TEST(refund_and_earn__together__at_most_what_was_consumed)
PP_TEST(settled_lane__takes_no_refund_and_no_earning)
PP_TEST(funded__sequence_numbers__decide)
PP_TEST(funded__closed_before_it_was_final__cap_stays_zero_until_then)
PP_TEST(cap_lowered__in_the_latest_block__counts_until_a_later_number_is_final)
PP_TEST(release__signed__binds_at_once_and_never_below_what_is_kept)
PP_TEST(event__refused__lane_unchanged)
PP_TEST(save__restored_or_forgotten__as_before_and_no_block_lost)
PP_TEST(settlement__of_a_lane__is_settle_of_its_counters)
PP_TEST(invariants__broken_by_hand__named)
PP_TESTS_END
