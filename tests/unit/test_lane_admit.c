/* Goal: admission refuses in the documented order, each refusal with its numbers, and charges exactly what it admitted. */
#include "lane_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <stdio.h>

#define UNIT UINT64_C(1000000)

/* ---- the order ---- */

static struct pp_spec_table order;

/* The row of LANE-030's table that names the error. */
static size_t step_of(const char *error)
{
    char cell[512], wanted[96];
    snprintf(wanted, sizeof wanted, " %s,", error);
    for (size_t row = 0; row < order.rows; row++) {
        snprintf(cell, sizeof cell, " %s,", pp_spec_cell(&order, row, 2));
        if (strstr(cell, wanted))
            return row;
    }
    ck_abort_msg("specs/lane.md has no step for %s", error);
    return 0;
}

static void walk(struct lane_fixture *f, enum pp_error expected, size_t *step)
{
    struct pp_lane before = f->lane;
    ck_assert_int_eq(lane_fixture_submit(f), PP_LANE_REFUSE);
    ck_assert_error(f->refusal.error, expected);
    ck_assert_mem_eq(&before, &f->lane, sizeof before); /* LANE-035 */
    size_t row = step_of(pp_error_name(expected));
    ck_assert_msg(row >= *step, "%s is told after a later step's error", pp_error_name(expected));
    *step = row;
}

/* LANE-030, LANE-034, LANE-035. One offer with every fault at once: each is repaired when it has been told. */
START_TEST(check__every_fault_at_once__told_in_the_documented_order)
{
    struct lane_fixture f;
    size_t step = 0;
    pp_spec_table_load("lane.md", "step", &order);
    lane_fixture_init(&f, 1);
    lane_fixture_admit(&f, 0, 100, 100);
    lane_fixture_offer(&f, 50, 150, 100);
    f.request.kind = 9;
    f.request.count = PP_LEAVES_MAX + 1;
    f.voucher.lane++;
    f.leaf.channel_id.bytes[31] ^= 1;
    f.leaf.lane += 2;
    f.facts.content_error = PP_CONTENT_MISMATCH;
    f.leaf.size = 0;
    f.facts.not_known = true;
    f.lane.state = PP_LANE_STATE_DRAINING;
    f.request.view_stale = true;
    f.leaf.not_after_ms = LANE_FIXTURE_NOW_MS - 1;
    f.facts.quote_error = PP_QUOTE_EXPIRED;
    f.facts.quoted.base_grains = 2 * UNIT;
    f.voucher.refund_ack = pp_grains(1);
    f.request.voucher_error = PP_BAD_SIGNATURE;
    struct pp_lane_session session = {.error = PP_SESSION_UNKNOWN,
                                      .chunk = {pp_grains(90), pp_grains(2 * UNIT)},
                                      .unsigned_count = PP_SESSION_UNSIGNED_MAX,
                                      .room = 1};
    f.request.session = &session;
    f.facts.mac_error = PP_BAD_MAC;

    walk(&f, PP_BAD_KIND, &step);
    f.request.kind = PP_STAMP_BATCH;
    walk(&f, PP_TOO_MANY_LEAVES, &step);
    f.request.count = 1;
    walk(&f, PP_UNKNOWN_LANE, &step);
    f.voucher.lane--;
    walk(&f, PP_UNKNOWN_CHANNEL, &step);
    f.leaf.channel_id.bytes[31] ^= 1;
    walk(&f, PP_UNKNOWN_LANE, &step);
    f.leaf.lane -= 2;
    walk(&f, PP_CONTENT_MISMATCH, &step);
    f.facts.content_error = PP_OK;
    walk(&f, PP_ZERO_SIZE, &step);
    f.leaf.size = 1;
    f.facts.not_known = false;
    ck_assert_int_eq(lane_fixture_submit(&f), PP_LANE_LOOK_UP); /* LANE-031: before the lane's state */
    f.facts.not_known = true;
    walk(&f, PP_LANE_CLOSING, &step);
    f.lane.state = PP_LANE_STATE_ACTIVE;
    walk(&f, PP_LANE_FROZEN, &step);
    f.request.view_stale = false;
    walk(&f, PP_SESSION_UNKNOWN, &step);
    session.error = PP_SESSION_EXPIRED;
    walk(&f, PP_SESSION_EXPIRED, &step);
    session.error = PP_OK;
    walk(&f, PP_STAMP_EXPIRED, &step);
    f.leaf.not_after_ms = LANE_FIXTURE_NOW_MS;
    walk(&f, PP_SESSION_CHUNK, &step);
    session.chunk.from = pp_grains(50);
    walk(&f, PP_INTERVAL_TAKEN, &step);
    f.leaf.from = pp_grains(UNIT);
    f.leaf.postage.base_grains = 0;
    walk(&f, PP_EMPTY_INTERVAL, &step);
    f.leaf.postage.base_grains = 100;
    walk(&f, PP_OVER_SPENT, &step);
    f.voucher.spent = pp_grains(UNIT + 100);
    walk(&f, PP_CAP_EXCEEDED, &step);
    f.leaf.from = pp_grains(100);
    walk(&f, PP_QUOTE_EXPIRED, &step);
    f.facts.quote_error = PP_OK;
    walk(&f, PP_PRICE_TOO_LOW, &step);
    f.facts.quoted.base_grains = 100;
    walk(&f, PP_REFUND_ACK_UNKNOWN, &step);
    f.voucher.refund_ack = PP_GRAINS_ZERO;
    walk(&f, PP_BAD_SIGNATURE, &step);
    f.request.voucher_error = PP_OK;
    walk(&f, PP_SESSION_UNSIGNED, &step);
    session.unsigned_count--;
    walk(&f, PP_BAD_MAC, &step);
    f.facts.mac_error = PP_OK;
    ck_assert_int_eq(lane_fixture_submit(&f), PP_LANE_ADMIT);
    ck_assert_uint_eq(step, order.rows - 1);
    pp_spec_table_done(&order);
}
END_TEST

/* ---- single checks, at both sides of their borders ---- */

/* LANE-032, STATE-003. */
START_TEST(check__every_state_but_active__its_refusal)
{
    static const struct {
        enum pp_lane_state state;
        enum pp_error error;
        uint32_t retry_after_ms;
    } cases[] = {
        {PP_LANE_STATE_PENDING, PP_LANE_PENDING, PP_RETRY_PENDING_MS},
        {PP_LANE_STATE_FROZEN, PP_LANE_FROZEN, PP_RETRY_FROZEN_MS},
        {PP_LANE_STATE_DRAINING, PP_LANE_CLOSING, 0},
        {PP_LANE_STATE_CLAIMING, PP_LANE_CLOSING, 0},
        {PP_LANE_STATE_SETTLED, PP_LANE_SETTLED, 0},
    };
    struct lane_fixture f;
    lane_fixture_init(&f, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        f.lane.state = (uint8_t)cases[i].state;
        lane_fixture_offer(&f, 0, 10, 10);
        lane_fixture_refused(&f, cases[i].error);
        ck_assert_uint_eq(f.refusal.retry_after_ms, cases[i].retry_after_ms);
        ck_assert_str_eq(f.refusal.expected.text, "ACTIVE");
        ck_assert_str_eq(f.refusal.actual.text, pp_lane_state_name(cases[i].state));
    }
}
END_TEST

static void session_offer(struct lane_fixture *f, struct pp_lane_session *session, uint64_t from, uint64_t to)
{
    lane_fixture_offer(f, from, to, 1000);
    f->request.kind = PP_STAMP_SESSION;
    f->request.session = session;
}

/* SESSION-021, SESSION-023, SESSION-026: both sides of each border. */
START_TEST(check__session__chunk_unsigned_and_room)
{
    struct pp_lane_session session = {.chunk = {pp_grains(100), pp_grains(200)}, .room = 1};
    struct lane_fixture f;
    lane_fixture_init(&f, 1);
    session_offer(&f, &session, 99, 110);
    lane_fixture_refused(&f, PP_SESSION_CHUNK);
    ck_assert(pp_grains_eq(f.refusal.expected.grains, pp_grains(100)));
    ck_assert(pp_grains_eq(f.refusal.expected.grains_to, pp_grains(200)));
    session_offer(&f, &session, 190, 201);
    lane_fixture_refused(&f, PP_SESSION_CHUNK);
    session_offer(&f, &session, 100, 110);
    ck_assert_int_eq(lane_fixture_submit(&f), PP_LANE_ADMIT);
    session.unsigned_count = PP_SESSION_UNSIGNED_MAX;
    session_offer(&f, &session, 190, 200);
    lane_fixture_refused(&f, PP_SESSION_UNSIGNED);
    ck_assert_uint_eq(f.refusal.expected.number, PP_SESSION_UNSIGNED_MAX);
    ck_assert_uint_eq(f.refusal.actual.number, PP_SESSION_UNSIGNED_MAX);
    session.unsigned_count--;
    session.room = 0;
    session_offer(&f, &session, 190, 200);
    lane_fixture_refused(&f, PP_BUSY);
    ck_assert_uint_eq(f.refusal.retry_after_ms, PP_RETRY_BUSY_MS);
    session.room = 1;
    session_offer(&f, &session, 190, 200);
    ck_assert_int_eq(lane_fixture_submit(&f), PP_LANE_ADMIT);
}
END_TEST

/* SESSION-013, SESSION-014. */
START_TEST(authorize__up_to_the_cap__raises_spent_and_consumes_nothing)
{
    struct lane_fixture f;
    bool highest = false;
    lane_fixture_init(&f, 1);
    lane_fixture_admit(&f, 0, 100, 100);
    ck_assert_error(pp_lane_authorize(&f.lane, pp_grains(UNIT + 1), &highest), PP_CAP_EXCEEDED);
    ck_assert(pp_grains_eq(f.lane.spent, pp_grains(100)));
    ck_assert_ok(pp_lane_authorize(&f.lane, pp_grains(UNIT), &highest));
    ck_assert(highest);
    ck_assert(pp_grains_eq(f.lane.spent, pp_grains(UNIT)));
    ck_assert(pp_grains_eq(pp_intervals_total(&f.lane.consumed), pp_grains(100)));
    ck_assert_ok(pp_lane_authorize(&f.lane, pp_grains(500), &highest));
    ck_assert(!highest);
    ck_assert(pp_grains_eq(f.lane.spent, pp_grains(UNIT)));
    f.lane.state = PP_LANE_STATE_DRAINING;
    ck_assert_error(pp_lane_authorize(&f.lane, pp_grains(500), &highest), PP_LANE_CLOSING);
}
END_TEST

START_TEST(check__not_after__admits_up_to_that_moment)
{
    struct lane_fixture f;
    lane_fixture_init(&f, 1);
    lane_fixture_offer(&f, 0, 10, 10);
    f.leaf.not_after_ms = LANE_FIXTURE_NOW_MS - 1;
    lane_fixture_refused(&f, PP_STAMP_EXPIRED);
    ck_assert_uint_eq(f.refusal.expected.number, LANE_FIXTURE_NOW_MS);
    ck_assert_uint_eq(f.refusal.actual.number, LANE_FIXTURE_NOW_MS - 1);
    f.leaf.not_after_ms = LANE_FIXTURE_NOW_MS;
    ck_assert_int_eq(lane_fixture_submit(&f), PP_LANE_ADMIT);
}
END_TEST

/* LANE-011, LANE-012, LANE-013. */
START_TEST(check__taken_interval__names_the_consumed_ranges)
{
    struct lane_fixture f;
    lane_fixture_init(&f, 1);
    lane_fixture_admit(&f, 10, 20, 20);
    lane_fixture_admit(&f, 30, 40, 40);
    lane_fixture_offer(&f, 15, 35, 40);
    lane_fixture_refused(&f, PP_INTERVAL_TAKEN);
    ck_assert_uint_eq(f.refusal.consumed_count, 2);
    ck_assert(pp_grains_eq(f.refusal.consumed[0].from, pp_grains(10)));
    ck_assert(pp_grains_eq(f.refusal.consumed[0].to, pp_grains(20)));
    ck_assert(pp_grains_eq(f.refusal.consumed[1].from, pp_grains(30)));
    ck_assert(pp_grains_eq(f.refusal.consumed[1].to, pp_grains(40)));
    ck_assert_int_eq(f.refusal.actual.kind, PP_VALUE_RANGE);
    lane_fixture_admit(&f, 20, 30, 40); /* what the refused one would have used is free */
    for (uint64_t i = 0; i < 20; i++)
        lane_fixture_admit(&f, 100 + 10 * i, 105 + 10 * i, 1000);
    lane_fixture_offer(&f, 0, 300, 1000);
    lane_fixture_refused(&f, PP_INTERVAL_TAKEN);
    ck_assert_uint_eq(f.refusal.consumed_count, PP_REFUSAL_RANGES_MAX);
}
END_TEST

START_TEST(check__a_hole_too_many__names_the_lowest)
{
    struct lane_fixture f;
    lane_fixture_init(&f, 1);
    for (uint64_t i = 0; i < PP_HOLES_MAX; i++)
        lane_fixture_admit(&f, 10 * i + 5, 10 * i + 10, 10 * i + 10);
    lane_fixture_offer(&f, 701, 702, 702);
    lane_fixture_refused(&f, PP_TOO_MANY_HOLES);
    ck_assert(pp_grains_eq(f.refusal.expected.grains, pp_grains(0)));
    ck_assert(pp_grains_eq(f.refusal.expected.grains_to, pp_grains(5)));
    lane_fixture_admit(&f, 0, 5, 640);
    lane_fixture_admit(&f, 701, 702, 702);
}
END_TEST

START_TEST(check__pool_without_blocks__busy_for_a_first_hole_only)
{
    struct lane_fixture f;
    lane_fixture_init(&f, 1);
    lane_fixture_admit(&f, 5, 10, 10); /* has its block */
    f.pool.fresh = f.pool.count;       /* the others are elsewhere */
    ck_assert(pp_holes_pool_is_empty(&f.pool));
    lane_fixture_admit(&f, 20, 30, 30);
    struct lane_fixture g;
    lane_fixture_init(&g, 1);
    g.pool.fresh = g.pool.count;
    lane_fixture_offer(&g, 5, 10, 10);
    lane_fixture_refused(&g, PP_BUSY);
    ck_assert_uint_eq(g.refusal.retry_after_ms, PP_RETRY_BUSY_MS);
    lane_fixture_admit(&g, 0, 10, 10);
}
END_TEST

/* LANE-020, LANE-021, LANE-025. */
START_TEST(check__spent_and_cap__exact_to_the_grain)
{
    struct lane_fixture f;
    lane_fixture_init(&f, 2);
    lane_fixture_offer(&f, 0, 101, 100);
    lane_fixture_refused(&f, PP_OVER_SPENT);
    ck_assert(pp_grains_eq(f.refusal.shortfall, pp_grains(1)));
    lane_fixture_admit(&f, 0, 100, 2 * UNIT + 5);
    lane_fixture_admit(&f, 100, 200, 1); /* a voucher below S is valid for its own leaf */
    lane_fixture_offer(&f, 200, 2 * UNIT + 1, 2 * UNIT + 5);
    lane_fixture_refused(&f, PP_CAP_EXCEEDED);
    ck_assert(pp_grains_eq(f.refusal.shortfall, pp_grains(1)));
    ck_assert(pp_grains_eq(f.refusal.expected.grains, pp_grains(2 * UNIT)));
    ck_assert(pp_grains_eq(f.refusal.actual.grains, pp_grains(2 * UNIT + 1)));
    ck_assert_ok(pp_lane_refund(&f.lane, pp_grains(1)));
    ck_assert_int_eq(lane_fixture_submit(&f), PP_LANE_ADMIT); /* a refund frees the cap */
    ck_assert(pp_grains_is_zero(pp_lane_free(&f.lane)));
}
END_TEST

/* LANE-022. */
START_TEST(check__each_part_of_the_price__at_least_the_quotes)
{
    struct lane_fixture f;
    const struct pp_postage quoted = {
        .base_grains = 10, .storage_grains = 20, .congestion_grains = 30, .bond_grains = 40};
    static const char *const fields[] = {"base", "storage", "congestion", "bond"};
    for (int part = 0; part < 4; part++) {
        lane_fixture_init(&f, 1);
        lane_fixture_offer(&f, 0, 1, 1000);
        memset(f.leaf.accept_key.bytes, 1, 20);
        f.leaf.accept_deadline_ms = LANE_FIXTURE_NOW_MS;
        f.facts.quoted = quoted;
        f.leaf.postage = quoted;
        uint64_t *parts[] = {&f.leaf.postage.base_grains, &f.leaf.postage.storage_grains,
                             &f.leaf.postage.congestion_grains, &f.leaf.postage.bond_grains};
        (*parts[part])--;
        *parts[(part + 1) % 4] += 100; /* more of another part is no substitute */
        lane_fixture_refused(&f, PP_PRICE_TOO_LOW);
        ck_assert_str_eq(f.refusal.field, fields[part]);
        ck_assert(pp_grains_eq(f.refusal.shortfall, pp_grains(1)));
        (*parts[part])++;
        ck_assert_int_eq(lane_fixture_submit(&f), PP_LANE_ADMIT);
    }
    lane_fixture_init(&f, 1);
    lane_fixture_offer(&f, 0, 5, 5);
    f.facts.quoted = (struct pp_postage){.base_grains = 7, .storage_grains = 8, .congestion_grains = 9};
    lane_fixture_refused(&f, PP_PRICE_TOO_LOW);
    ck_assert(pp_grains_eq(f.refusal.shortfall, pp_grains(2 + 8 + 9)));
}
END_TEST

/* LANE-023. */
START_TEST(check__acknowledged_refund__at_most_the_known_one)
{
    struct lane_fixture f;
    lane_fixture_init(&f, 1);
    lane_fixture_admit(&f, 0, 100, 100);
    ck_assert_ok(pp_lane_refund(&f.lane, pp_grains(30)));
    lane_fixture_offer(&f, 100, 110, 110);
    f.voucher.refund_ack = pp_grains(31);
    lane_fixture_refused(&f, PP_REFUND_ACK_UNKNOWN);
    ck_assert(pp_grains_eq(f.refusal.shortfall, pp_grains(1)));
    f.voucher.refund_ack = pp_grains(30);
    ck_assert_int_eq(lane_fixture_submit(&f), PP_LANE_ADMIT);
}
END_TEST

/* LANE-024. An unverified request is only looked at; a verified one tells the fault of its voucher. */
START_TEST(check__voucher__examined_last)
{
    static const enum pp_error faults[] = {PP_CONTEXT_MISMATCH, PP_BAD_SIGNATURE, PP_SIGNATURE_NOT_LOW_S};
    struct lane_fixture f;
    lane_fixture_init(&f, 1);
    lane_fixture_offer(&f, 0, 10, 10);
    for (size_t i = 0; i < 3; i++) {
        f.request.voucher_error = faults[i];
        lane_fixture_refused(&f, faults[i]);
    }
    f.request.verified = false;
    pp_lane_draft_begin(&f.draft, &f.lane, &f.request, &f.pool);
    ck_assert_int_eq(pp_lane_check(&f.draft, &f.facts, &f.refusal), PP_LANE_ADMIT);
    ck_assert(pp_grains_is_zero(f.lane.spent));
}
END_TEST

/* ---- known stamps, batches, charging ---- */

/* LANE-031. */
START_TEST(check__known_stamp__looked_up_whatever_else_changed)
{
    struct lane_fixture f;
    lane_fixture_init(&f, 1);
    lane_fixture_admit(&f, 0, 10, 10);
    struct pp_lane before = f.lane;
    f.lane.state = PP_LANE_STATE_SETTLED;
    f.request.now_ms = UINT64_MAX;
    f.request.voucher_error = PP_BAD_SIGNATURE;
    f.facts.quote_error = PP_QUOTE_EXPIRED;
    f.voucher.refund_ack = pp_grains(1000);
    ck_assert_int_eq(lane_fixture_submit(&f), PP_LANE_LOOK_UP);
    f.lane.state = PP_LANE_STATE_ACTIVE;
    ck_assert_mem_eq(&before, &f.lane, sizeof before);
    f.facts.content_error = PP_CONTENT_MISMATCH; /* replayed on other bytes: no receipt */
    ck_assert_int_eq(lane_fixture_submit(&f), PP_LANE_REFUSE);
    ck_assert_error(f.refusal.error, PP_CONTENT_MISMATCH);
}
END_TEST

/* LANE-004, LANE-033. */
START_TEST(batch__some_refused__each_its_own_answer_and_the_rest_is_charged)
{
    static const struct {
        uint64_t from, to;
        enum pp_lane_answer answer;
    } leaves[] = {
        {0, 10, PP_LANE_ADMIT},
        {10, 20, PP_LANE_ADMIT},
        {15, 25, PP_LANE_LOOK_UP},
        {40, 50, PP_LANE_ADMIT},
        {20, 30, PP_LANE_ADMIT},
        {60, 71, PP_LANE_REFUSE} /* above spent */,
        {0, 10, PP_LANE_LOOK_UP} /* the same again */,
        {30, 40, PP_LANE_ADMIT},
    };
    struct lane_fixture f;
    lane_fixture_init(&f, 1);
    f.request.kind = PP_STAMP_BATCH;
    f.request.count = sizeof leaves / sizeof leaves[0];
    f.voucher.spent = pp_grains(70);
    pp_lane_draft_begin(&f.draft, &f.lane, &f.request, &f.pool);
    for (size_t i = 0; i < f.request.count; i++) {
        lane_fixture_offer(&f, leaves[i].from, leaves[i].to, 70);
        ck_assert_int_eq(pp_lane_check(&f.draft, &f.facts, &f.refusal), leaves[i].answer);
        if (leaves[i].answer != PP_LANE_LOOK_UP)
            continue;
        f.facts.not_known = true;
        ck_assert_int_eq(pp_lane_check(&f.draft, &f.facts, &f.refusal), PP_LANE_REFUSE);
        ck_assert_error(f.refusal.error, PP_INTERVAL_TAKEN);
    }
    ck_assert_uint_eq(f.lane.stamps, 0);
    ck_assert(pp_grains_is_zero(f.lane.consumed.head));
    ck_assert_uint_eq(f.pool.used, 0);
    ck_assert_uint_eq(f.draft.admitted, 5);
    ck_assert(pp_lane_charge(&f.lane, &f.draft, &f.pool));
    ck_assert_uint_eq(f.lane.stamps, 5);
    ck_assert(pp_grains_eq(f.lane.spent, pp_grains(70)));
    ck_assert(pp_grains_eq(f.lane.consumed.head, pp_grains(50)));
    ck_assert_uint_eq(f.pool.used, 0);
}
END_TEST

/* LANE-004. */
START_TEST(charge__voucher__highest_only_when_higher)
{
    struct lane_fixture f;
    lane_fixture_init(&f, 1);
    static const struct {
        uint64_t from, to, spent;
        bool highest;
    } steps[] = {
        {0, 10, 10, true}, {10, 20, 50, true}, {20, 30, 50, false}, {30, 40, 40, false}, {40, 51, 51, true}};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        lane_fixture_offer(&f, steps[i].from, steps[i].to, steps[i].spent);
        pp_lane_draft_begin(&f.draft, &f.lane, &f.request, &f.pool);
        ck_assert_int_eq(pp_lane_check(&f.draft, &f.facts, &f.refusal), PP_LANE_ADMIT);
        ck_assert(pp_lane_charge(&f.lane, &f.draft, &f.pool) == steps[i].highest);
    }
    ck_assert(pp_grains_eq(f.lane.spent, pp_grains(51)));
    ck_assert_uint_eq(f.lane.stamps, 5);
}
END_TEST

/* The journal's entries lead to the same lane, and what cannot have been is told. */
START_TEST(replay__what_was_admitted__the_same_lane)
{
    struct lane_fixture f, again;
    static const uint64_t steps[][3] = {{0, 10, 10}, {20, 30, 30}, {40, 50, 60}, {10, 15, 40}, {15, 20, 60}};
    lane_fixture_init(&f, 1);
    lane_fixture_init(&again, 1);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        const struct pp_span span = {pp_grains(steps[i][0]), pp_grains(steps[i][1])};
        bool highest;
        lane_fixture_admit(&f, steps[i][0], steps[i][1], steps[i][2]);
        ck_assert_ok(pp_lane_replay(&again.lane, &span, pp_grains(steps[i][2]), &again.pool, &highest));
        ck_assert_error(pp_lane_replay(&again.lane, &span, pp_grains(steps[i][2]), &again.pool, &highest),
                        PP_INVARIANT);
    }
    ck_assert(pp_intervals_eq(&f.lane.consumed, &again.lane.consumed));
    ck_assert(pp_grains_eq(f.lane.spent, again.lane.spent));
    ck_assert_uint_eq(f.lane.stamps, again.lane.stamps);
    bool highest;
    const struct pp_span above_spent = {pp_grains(60), pp_grains(70)},
                         above_cap = {pp_grains(60), pp_grains(UNIT + 1)};
    ck_assert_error(pp_lane_replay(&again.lane, &above_spent, pp_grains(69), &again.pool, &highest),
                    PP_INVARIANT);
    ck_assert_error(pp_lane_replay(&again.lane, &above_cap, pp_grains(2 * UNIT), &again.pool, &highest),
                    PP_INVARIANT);
    again.lane.state = PP_LANE_STATE_DRAINING;
    ck_assert_error(pp_lane_replay(&again.lane, &above_spent, pp_grains(70), &again.pool, &highest),
                    PP_INVARIANT);
}
END_TEST

PP_TESTS("lane admission")
PP_TEST(check__every_fault_at_once__told_in_the_documented_order)
PP_TEST(check__every_state_but_active__its_refusal)
PP_TEST(check__session__chunk_unsigned_and_room)
PP_TEST(authorize__up_to_the_cap__raises_spent_and_consumes_nothing)
PP_TEST(check__not_after__admits_up_to_that_moment)
PP_TEST(check__taken_interval__names_the_consumed_ranges)
PP_TEST(check__a_hole_too_many__names_the_lowest)
PP_TEST(check__pool_without_blocks__busy_for_a_first_hole_only)
PP_TEST(check__spent_and_cap__exact_to_the_grain)
PP_TEST(check__each_part_of_the_price__at_least_the_quotes)
PP_TEST(check__acknowledged_refund__at_most_the_known_one)
PP_TEST(check__voucher__examined_last)
PP_TEST(check__known_stamp__looked_up_whatever_else_changed)
PP_TEST(batch__some_refused__each_its_own_answer_and_the_rest_is_charged)
PP_TEST(charge__voucher__highest_only_when_higher)
PP_TEST(replay__what_was_admitted__the_same_lane)
PP_TESTS_END
