/* The tower's decision, from one lane: what is held, what the contract has, what happened. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/tower.h>

#define LANE 0x0500u
#define NOW 100000u
#define UNIT UINT64_C(1000000)
#define CHALLENGE 1600u
#define VESTING 400u

struct world {
    struct pp_tower_evidence held;
    struct pp_tower_chain chain;
    struct pp_tower_input input;
};

/* Held: a voucher for 50 units and a refund of 10. On chain: a cap of 100 units, nothing else. */
static void world_make(struct world *w)
{
    *w = (struct world){.held = {.lane = LANE,
                                 .voucher = {.spent = pp_grains(50 * UNIT),
                                             .refund_ack = pp_grains(4 * UNIT),
                                             .signature = {{[64] = 27}}},
                                 .refund = {.refunded = pp_grains(10 * UNIT), .signature = {{[64] = 28}}}},
                        .chain =
                            {
                                .channel = {.state = PP_CHANNEL_CHAIN_OPEN, .deposit = pp_units(100)},
                                .lane = {.cap = pp_units(100)},
                                .operator= {.state = PP_OPERATOR_CHAIN_ACTIVE} },
                                .input = {.now_s = NOW,
                                          .timers = {.challenge = CHALLENGE, .vesting = VESTING},
                                          .least = pp_units(1)},
                        };
    w->input.evidence = &w->held;
    w->input.chain = &w->chain;
}

static struct pp_tower_verdict judge(const struct world *w)
{
    struct pp_tower_verdict verdict;
    memset(&verdict, 0xee, sizeof verdict);
    pp_tower_judge(&w->input, &verdict);
    return verdict;
}

static void by_delegate(struct world *w, uint64_t not_after)
{
    w->held.delegated = w->held.voucher;
    w->held.voucher = (struct pp_abi_voucher){.spent = PP_GRAINS_ZERO};
    w->held.delegation =
        (struct pp_abi_delegation){.max_spent = pp_grains(60 * UNIT), .lane = LANE, .not_after = not_after};
}

/* ---- what happened, by its name in the specification ---- */

static void happen(struct world *w, const char *what)
{
#define IS(text) (strcmp(what, text) == 0)
    struct pp_tower_chain *chain = &w->chain;
    if (IS("CLOSE"))
        chain->channel = (struct pp_chain_channel){
            .state = PP_CHANNEL_CHAIN_CLOSING, .deposit = pp_units(100), .closable_at_s = NOW + 100};
    else if (IS("THAW below what is signed"))
        chain->thaw = (struct pp_chain_thaw){pp_units(0), NOW + 100};
    else if (IS("THAW above what is signed"))
        chain->thaw = (struct pp_chain_thaw){pp_units(60), NOW + 100};
    else if (IS("REPORT, first three quarters"))
        w->input.vests_at_s = NOW + VESTING / 4 + 1;
    else if (IS("REPORT, last quarter") || IS("REPORT, last quarter, own lane"))
        w->input.vests_at_s = NOW + VESTING / 4;
    else if (IS("REPORT, vested"))
        w->input.vests_at_s = NOW;
    else if (IS("DELEGATE in time"))
        by_delegate(w, NOW + 1);
    else if (IS("DELEGATE over"))
        by_delegate(w, NOW);
    else if (IS("DELEGATE ended"))
        by_delegate(w, NOW - CHALLENGE - 1);
    else if (IS("DELEGATE revoked")) {
        by_delegate(w, NOW + 5000);
        chain->revoked_until_s = NOW;
    } else if (IS("OPERATOR leaves")) {
        chain->operator.state = PP_OPERATOR_CHAIN_REMOVING;
        chain->operator.change_at_s = NOW + 100;
    } else if (IS("channel CLOSED"))
        chain->channel.state = PP_CHANNEL_CHAIN_CLOSED;
    else
        ck_assert_str_eq(what, "none");
    if (IS("REPORT, last quarter, own lane")) {
        w->held.own = true;
        w->held.earned = pp_grains(40 * UNIT);
    }
#undef IS
}

/* The columns: what the contract has of the two. */
static const struct {
    uint64_t spent_units, refunded_units;
} on_chain[] = {{0, 0}, {30, 5}, {50, 5}, {0, 10}, {50, 10}};

static const char *post_name(enum pp_tower_post post)
{
    static const char *const names[] = {"nothing", "voucher", "delegated", "refund"};
    return names[post];
}

/* Goal: each cell of the specification, and no other posting (TOWER-002 to TOWER-009). Method: its table. */
START_TEST(tower_judge__every_cell__as_in_the_specification)
{
    struct pp_spec_table table;
    pp_spec_table_load("watchtower.md", "what happened", &table);
    ck_assert_uint_eq(table.rows, 14);
    ck_assert_uint_eq(table.columns, 6);
    for (size_t row = 0; row < table.rows; row++)
        for (size_t column = 0; column < 5; column++) {
            struct world w;
            world_make(&w);
            w.chain.lane.spent = pp_grains(on_chain[column].spent_units * UNIT);
            w.chain.lane.refunded = pp_grains(on_chain[column].refunded_units * UNIT);
            happen(&w, pp_spec_cell(&table, row, 0));
            const char *actual = post_name(judge(&w).post), *expected = pp_spec_cell(&table, row, column + 1);
            ck_assert_msg(strcmp(actual, expected) == 0, "%s, column %zu: %s, not %s",
                          pp_spec_cell(&table, row, 0), column, actual, expected);
        }
    pp_spec_table_done(&table);
}
END_TEST

/* Goal: every event has its row, and the causes of the code are those of the specification. */
START_TEST(tower_cause__names__as_in_the_specification)
{
    struct pp_spec_table table;
    pp_spec_table_load("watchtower.md", "event", &table);
    ck_assert_uint_eq(table.rows + 1, PP_TOWER_CAUSE_COUNT);
    for (size_t row = 0; row < table.rows; row++) {
        enum pp_tower_cause cause = (enum pp_tower_cause)(row + 1);
        ck_assert_str_eq(pp_spec_cell(&table, row, 0), pp_tower_cause_name(cause));
        ck_assert_uint_gt(strlen(pp_tower_cause_sentence(cause)), 10);
    }
    ck_assert_str_eq(pp_tower_cause_name(PP_TOWER_CAUSE_COUNT), "unknown");
    ck_assert_str_eq(pp_tower_cause_sentence(PP_TOWER_CAUSE_COUNT), "unknown");
    pp_spec_table_done(&table);
}
END_TEST

/* Goal: a voucher counts only with the refund that it acknowledges (TOWER-003). Method: without the refund, and with one that is
 * just enough, held or on chain. */
START_TEST(tower_judge__refund_missing__voucher_does_not_count)
{
    struct world w;
    world_make(&w);
    happen(&w, "CLOSE");
    w.held.refund = (struct pp_abi_refund){.refunded = pp_grains(4 * UNIT)};
    ck_assert_int_eq(judge(&w).post, PP_TOWER_POST_NOTHING);
    w.chain.lane.refunded = pp_grains(4 * UNIT - 1);
    ck_assert_int_eq(judge(&w).post, PP_TOWER_POST_NOTHING);
    w.chain.lane.refunded = pp_grains(4 * UNIT);
    ck_assert_int_eq(judge(&w).post, PP_TOWER_POST_VOUCHER);
    w.chain.lane.refunded = PP_GRAINS_ZERO;
    w.held.refund.signature.bytes[64] = 27;
    ck_assert_int_eq(judge(&w).post, PP_TOWER_POST_VOUCHER);
}
END_TEST

/* Goal: a delegate's voucher counts on its lane, up to its limit, until its end and not a second longer (TOWER-003, TOWER-007). */
START_TEST(tower_judge__delegate_beyond__does_not_count)
{
    struct world w;
    world_make(&w);
    by_delegate(&w, NOW - CHALLENGE);
    struct pp_tower_verdict verdict = judge(&w);
    ck_assert_int_eq(verdict.post, PP_TOWER_POST_DELEGATED);
    ck_assert_int_eq(verdict.cause, PP_TOWER_DELEGATE);
    ck_assert_uint_eq(verdict.deadline_s, NOW);
    w.held.delegation.max_spent = pp_grains(50 * UNIT);
    ck_assert_int_eq(judge(&w).post, PP_TOWER_POST_DELEGATED);
    w.held.delegation.max_spent = pp_grains(50 * UNIT - 1);
    ck_assert_int_eq(judge(&w).post, PP_TOWER_POST_NOTHING);
    w.held.delegation.max_spent = pp_grains(60 * UNIT);
    w.held.delegation.lane = LANE + 1;
    ck_assert_int_eq(judge(&w).post, PP_TOWER_POST_NOTHING);
    w.held.delegation.lane = LANE;
    w.chain.revoked_until_s = NOW - 1;
    ck_assert_int_eq(judge(&w).post, PP_TOWER_POST_NOTHING);
    w.chain.revoked_until_s = NOW;
    ck_assert_int_eq(judge(&w).post, PP_TOWER_POST_DELEGATED);
    w.held.delegation.not_after = UINT64_MAX; /* for ever, but revoked */
    ck_assert_uint_eq(judge(&w).deadline_s, NOW);
    w.chain.revoked_until_s = 0;
    ck_assert_int_eq(judge(&w).post, PP_TOWER_POST_NOTHING);
    ck_assert_uint_eq(judge(&w).due_at_s, UINT64_MAX);
}
END_TEST

/* Goal: the higher of the signer's and the delegate's voucher is posted; once the delegate's has ended, the signer's. */
START_TEST(tower_judge__signer_and_delegate__the_higher_that_counts)
{
    struct world w;
    world_make(&w);
    struct pp_abi_voucher signers = w.held.voucher;
    by_delegate(&w, NOW);
    w.held.voucher = signers;
    happen(&w, "CLOSE");
    ck_assert_int_eq(judge(&w).post, PP_TOWER_POST_VOUCHER);
    w.held.delegated.spent = pp_grains(55 * UNIT);
    ck_assert_int_eq(judge(&w).post, PP_TOWER_POST_DELEGATED);
    w.chain.revoked_until_s = NOW - 1;
    ck_assert_int_eq(judge(&w).post, PP_TOWER_POST_VOUCHER);
}
END_TEST

/* Goal: of several events the first to end is told; what is due now comes before what will be. */
START_TEST(tower_judge__several_events__first_deadline)
{
    struct world w;
    world_make(&w);
    happen(&w, "CLOSE");
    w.chain.thaw = (struct pp_chain_thaw){pp_units(0), NOW + 50};
    struct pp_tower_verdict verdict = judge(&w);
    ck_assert_int_eq(verdict.cause, PP_TOWER_THAW);
    ck_assert_uint_eq(verdict.deadline_s, NOW + 50);
    ck_assert_uint_eq(verdict.settle_by_s, NOW + 100);
    w.chain.lane.vested = pp_grains(40 * UNIT);
    ck_assert_uint_eq(judge(&w).settle_by_s, 0); /* all that could be credited is */
    w.chain.lane.vested = PP_GRAINS_ZERO;
    w.chain.thaw.thaw_at_s = NOW + 200;
    ck_assert_int_eq(judge(&w).cause, PP_TOWER_CLOSE);
    w.input.vests_at_s = NOW + 10;
    ck_assert_int_eq(judge(&w).cause, PP_TOWER_REPORT);

    world_make(&w);
    w.input.vests_at_s = NOW + VESTING;
    verdict = judge(&w);
    ck_assert_int_eq(verdict.post, PP_TOWER_POST_NOTHING);
    ck_assert_int_eq(verdict.cause, PP_TOWER_REPORT);
    ck_assert_uint_eq(verdict.due_at_s, NOW + VESTING - VESTING / 4);
    happen(&w, "OPERATOR leaves");
    w.chain.operator.state = PP_OPERATOR_CHAIN_REMOVED;
    w.chain.operator.change_at_s = 0;
    verdict = judge(&w);
    ck_assert_int_eq(verdict.post, PP_TOWER_POST_VOUCHER);
    ck_assert_int_eq(verdict.cause, PP_TOWER_OPERATOR);
    ck_assert_uint_eq(verdict.deadline_s, 0);
}
END_TEST

/* Goal: both amounts of TOWER-010, to the unit. Method: the numbers of the world, with E unknown, known, and with what is on
 * chain and has vested. */
START_TEST(tower_judge__at_stake__exact)
{
    struct world w;
    world_make(&w);
    struct pp_tower_verdict verdict = judge(&w);
    ck_assert_uint_eq(verdict.earnings.raw, 40); /* 50 - 10 */
    ck_assert_uint_eq(verdict.refunds.raw, 10);
    w.held.own = true;
    w.held.earned = pp_grains(25 * UNIT + 999999);
    verdict = judge(&w);
    ck_assert_uint_eq(verdict.earnings.raw, 25);
    ck_assert_uint_eq(verdict.refunds.raw, 0); /* 25 are earned with either refund */
    w.chain.lane.spent = pp_grains(30 * UNIT);
    w.chain.lane.refunded = pp_grains(10 * UNIT);
    verdict = judge(&w);
    ck_assert_uint_eq(verdict.earnings.raw, 5); /* 25 of 40, and 20 of 20 */
    w.chain.lane.vested = pp_grains(24 * UNIT);
    ck_assert_uint_eq(judge(&w).earnings.raw, 1);
    w.chain.lane.vested = pp_grains(100 * UNIT);
    ck_assert_uint_eq(judge(&w).earnings.raw, 0);
    w.chain.channel.state = PP_CHANNEL_CHAIN_NONE;
    w.chain.lane = (struct pp_chain_lane){.seq = 0};
    ck_assert_uint_eq(judge(&w).earnings.raw, 0);
}
END_TEST

/* Goal: what changes less than the least amount is not posted (TOWER-009). */
START_TEST(tower_judge__below_the_least__nothing)
{
    struct world w;
    world_make(&w);
    happen(&w, "CLOSE");
    w.input.least = pp_units(40);
    ck_assert_int_eq(judge(&w).post, PP_TOWER_POST_VOUCHER);
    w.input.least = pp_units(41);
    ck_assert_int_eq(judge(&w).post, PP_TOWER_POST_NOTHING);
    w.input.least = pp_units(0); /* counts as one */
    w.chain.lane.spent = pp_grains(50 * UNIT - 1);
    w.chain.lane.refunded = pp_grains(10 * UNIT);
    w.held.voucher.spent = pp_grains(50 * UNIT - 0);
    ck_assert_int_eq(judge(&w).post, PP_TOWER_POST_VOUCHER); /* the last grain makes a unit */
    w.held.voucher.spent = pp_grains(50 * UNIT + 1);
    w.chain.lane.spent = pp_grains(50 * UNIT);
    ck_assert_int_eq(judge(&w).post, PP_TOWER_POST_NOTHING);
}
END_TEST

PP_TESTS("tower")
PP_TEST(tower_judge__every_cell__as_in_the_specification)
PP_TEST(tower_cause__names__as_in_the_specification)
PP_TEST(tower_judge__refund_missing__voucher_does_not_count)
PP_TEST(tower_judge__delegate_beyond__does_not_count)
PP_TEST(tower_judge__signer_and_delegate__the_higher_that_counts)
PP_TEST(tower_judge__several_events__first_deadline)
PP_TEST(tower_judge__at_stake__exact)
PP_TEST(tower_judge__below_the_least__nothing)
PP_TESTS_END
