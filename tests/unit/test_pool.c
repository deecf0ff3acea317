/* Goal: what the pool received is paid, carried or held to the last unit, and whoever owes pays first. Method: the example of the
 * specification; one case a rule; epochs one after the other, with sets that change. REW-100 to REW-111 */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/pool.h>

#include <stdlib.h>

#define UNIT PP_GRAINS_PER_UNIT
#define OPERATORS 5u

static struct pp_operator operators[OPERATORS];
static struct pp_pool_table before, after;
static struct pp_pool_epoch epoch;

static struct pp_pool_terms terms_make(uint64_t received, size_t count)
{
    for (uint32_t i = 0; i < OPERATORS; i++)
        operators[i] = (struct pp_operator){1 + i, {{(uint8_t)i, 7}}, {{(uint8_t)i, 9}}};
    return (struct pp_pool_terms){.epoch = 12,
                                  .split = {.policy = PP_POLICY_EQUAL},
                                  .received_total = pp_units(received),
                                  .treasury_payee = {{0xaa}},
                                  .operators = operators,
                                  .operator_count = count};
}

static struct pp_lane_leaf lane_of(uint32_t node_id, uint64_t owed_units)
{
    return (struct pp_lane_leaf){.lane = pp_lane_make(node_id, 0), .owed = pp_grains(owed_units * UNIT)};
}

static void before_row(uint32_t node_id, uint64_t paid, uint64_t carry, uint64_t netted)
{
    before.rows[before.count++] = (struct pp_pool_row){.node_id = node_id,
                                                       .payee = {{(uint8_t)node_id}},
                                                       .paid = pp_units(paid),
                                                       .carry = pp_units(carry),
                                                       .netted = pp_units(netted)};
}

static void conserve(const struct pp_pool_terms *terms)
{
    pp_u128 sum = (pp_u128)epoch.sums.held.raw + epoch.sums.carried.raw, parts = 0;
    ck_assert_ok(pp_pool_table_check(&after));
    ck_assert_uint_eq(after.count, epoch.line_count);
    for (size_t i = 0; i < after.count; i++) {
        const struct pp_pool_line *line = &epoch.lines[i];
        sum += (pp_u128)after.rows[i].paid.raw + after.rows[i].carry.raw;
        parts += line->part.raw;
        pp_u128 in = (pp_u128)line->carry_before.raw + line->part.raw + line->given_back.raw +
                     (i == 0 ? epoch.sums.forfeits.raw : 0);
        pp_u128 out =
            (pp_u128)line->netted_of_carry.raw + line->netted_of_part.raw + line->paid.raw + line->carry.raw;
        pp_expect(in == out);
        pp_expect(line->node_id == after.rows[i].node_id);
    }
    pp_expect(sum == terms->received_total.raw);
    pp_expect(parts + epoch.sums.carried.raw == epoch.sums.shared.raw);
}

/* The example of specs/rewards.md. REW-101 ... REW-105 */
START_TEST(share__the_worked_example__as_written)
{
    struct pp_pool_terms terms = terms_make(990 + 170 + 1000, 3);
    struct pp_lane_leaf lanes[3] = {lane_of(2, 300), lane_of(1, 0), lane_of(2, 100)};
    terms.split.protocol_basis_points = 250;
    terms.minimum_payout = pp_units(300);
    lanes[1].forfeited = pp_grains(40 * UNIT + 999999);
    pp_pool_table_init(&before);
    before_row(0, 0, 0, 0);
    before_row(1, 1000, 120, 0);
    before_row(2, 0, 50, 0);
    ck_assert_ok(pp_pool_share(&terms, &before, lanes, 3, &after, &epoch));
    ck_assert_uint_eq(epoch.sums.pool.raw, 990);
    ck_assert_uint_eq(epoch.sums.forfeits.raw, 40);
    ck_assert_uint_eq(epoch.sums.shared.raw, 1000);
    ck_assert_uint_eq(epoch.sums.protocol.raw, 25);
    ck_assert_uint_eq(epoch.sums.held.raw, 325);
    ck_assert_uint_eq(after.rows[0].paid.raw, 65);
    ck_assert_uint_eq(after.rows[1].paid.raw, 1445);
    ck_assert_uint_eq(after.rows[2].paid.raw, 0);
    ck_assert_uint_eq(after.rows[2].carry.raw, 0);
    ck_assert_uint_eq(after.rows[2].netted.raw, 375);
    ck_assert_uint_eq(after.rows[3].paid.raw, 325);
    ck_assert_uint_eq(epoch.lines[2].owed.raw, 25);
    ck_assert_uint_eq(epoch.lines[2].netted_of_carry.raw, 50);
    ck_assert_uint_eq(epoch.lines[2].netted_of_part.raw, 325);
    ck_assert_uint_eq(epoch.lines[1].paid.raw, 445);
    conserve(&terms);

    /* The next epoch shares what was held, and takes the last 25. */
    before = after;
    ck_assert_ok(pp_pool_share(&terms, &before, lanes, 3, &after, &epoch));
    ck_assert_uint_eq(epoch.sums.pool.raw, 325);
    ck_assert_uint_eq(epoch.sums.forfeits.raw, 0);
    ck_assert_uint_eq(epoch.lines[2].netted_of_part.raw, 25);
    ck_assert_uint_eq(epoch.lines[2].owed.raw, 0);
    ck_assert_uint_eq(after.rows[2].netted.raw, 400);
    conserve(&terms);
}
END_TEST

/* REW-101: forfeits come before the split, and wait for what was not received. */
START_TEST(share__forfeits_above_the_pool__the_rest_waits)
{
    struct pp_pool_terms terms = terms_make(30, 2);
    struct pp_lane_leaf lanes[2] = {lane_of(1, 0), lane_of(9, 0)};
    lanes[0].forfeited = pp_grains(70 * UNIT + 600000);
    lanes[1].forfeited = pp_grains(400000); /* of a node that has left: the sum is 71 */
    pp_pool_table_init(&before);
    ck_assert_ok(pp_pool_share(&terms, &before, lanes, 2, &after, &epoch));
    ck_assert_uint_eq(epoch.sums.forfeits.raw, 30);
    ck_assert_uint_eq(after.rows[1].paid.raw, 0);
    before = after;
    terms.received_total = pp_units(81);
    ck_assert_ok(pp_pool_share(&terms, &before, lanes, 2, &after, &epoch));
    ck_assert_uint_eq(epoch.sums.forfeits.raw, 41);
    ck_assert_uint_eq(after.rows[0].paid.raw, 71);
    ck_assert_uint_eq(after.rows[1].paid.raw, 5);
    conserve(&terms);
    before = after;
    lanes[0].forfeited = PP_GRAINS_ZERO; /* a sum that falls takes nothing back */
    ck_assert_ok(pp_pool_share(&terms, &before, lanes, 2, &after, &epoch));
    ck_assert_uint_eq(after.rows[0].paid.raw, 71);
    ck_assert_uint_eq(after.forfeits.raw, 71);
}
END_TEST

/* REW-105, REW-106 */
START_TEST(share__below_the_least_payout__carried_until_it_passes_or_leaves)
{
    struct pp_pool_terms terms = terms_make(0, 2);
    terms.minimum_payout = pp_units(100);
    pp_pool_table_init(&before);
    for (unsigned round = 1; round <= 3; round++) {
        terms.received_total = pp_units(80u * round);
        ck_assert_ok(pp_pool_share(&terms, &before, NULL, 0, &after, &epoch));
        ck_assert_uint_eq(after.rows[1].carry.raw, round < 3 ? 40 * round : 0);
        ck_assert_uint_eq(after.rows[1].paid.raw, round < 3 ? 0 : 120);
        conserve(&terms);
        before = after;
    }
    terms.received_total = pp_units(240 + 198); /* 99 each */
    ck_assert_ok(pp_pool_share(&terms, &before, NULL, 0, &after, &epoch));
    ck_assert_uint_eq(after.rows[2].carry.raw, 99);
    before = after;
    terms.operator_count = 1;
    ck_assert_ok(pp_pool_share(&terms, &before, NULL, 0, &after, &epoch));
    ck_assert_uint_eq(after.rows[2].paid.raw, 120 + 99);
    ck_assert_uint_eq(after.rows[1].carry.raw, 99);
    ck_assert(!epoch.lines[2].is_member);
    conserve(&terms);
}
END_TEST

/* REW-102: of whoever left, too, and never back. */
START_TEST(share__owed_by_one_that_left_or_less_than_before__nothing_below_zero)
{
    struct pp_pool_terms terms = terms_make(1000, 1);
    const struct pp_lane_leaf lanes[2] = {lane_of(1, 3), lane_of(4, 60)};
    pp_pool_table_init(&before);
    before_row(1, 0, 0, 10); /* more was netted than is owed now */
    before_row(4, 0, 50, 0);
    ck_assert_ok(pp_pool_share(&terms, &before, lanes, 2, &after, &epoch));
    ck_assert_uint_eq(after.rows[1].netted.raw, 10);
    ck_assert_uint_eq(after.rows[1].paid.raw, 1000);
    ck_assert_uint_eq(after.rows[2].netted.raw, 50);
    ck_assert_uint_eq(after.rows[2].carry.raw, 0);
    ck_assert_uint_eq(epoch.lines[2].owed.raw, 10);
    conserve(&terms);
}
END_TEST

/* REW-102, REW-107: amounts at the edges. */
START_TEST(share__at_the_edges__exact_or_overflow)
{
    struct pp_pool_terms terms = terms_make(UINT64_MAX, 2);
    struct pp_lane_leaf lanes[3] = {lane_of(1, 0), lane_of(1, 0), lane_of(2, 0)};
    for (unsigned i = 0; i < 3; i++)
        lanes[i].owed = lanes[i].spent = lanes[i].refunded = PP_GRAINS_MAX;
    terms.refund_bound_basis_points = 10000;
    pp_pool_table_init(&before);
    ck_assert_ok(pp_pool_share(&terms, &before, lanes, 3, &after, &epoch));
    ck_assert_uint_eq(epoch.sums.held.raw, UINT64_MAX);
    ck_assert_uint_eq(epoch.lines[1].owed.raw, UINT64_MAX); /* shown at the edge of its type */
    ck_assert(!epoch.lines[1].is_inflated);
    ck_assert(epoch.lines[1].took_grains == 2 * (((pp_u128)1 << 96) - 1));
    conserve(&terms);
    before = after;
    before.rows[1].netted = pp_units(UINT64_MAX - 5);
    ck_assert_error(pp_pool_share(&terms, &before, lanes, 3, &after, &epoch), PP_OVERFLOW);
    before.rows[1].netted = before.rows[2].netted = PP_UNITS_ZERO;
    lanes[0].forfeited = lanes[1].forfeited = PP_GRAINS_MAX;
    terms.received_total = pp_units(9);
    ck_assert_ok(pp_pool_share(&terms, &before, lanes, 3, &after, &epoch));
    ck_assert_uint_eq(after.rows[0].paid.raw, 9);
}
END_TEST

/* REW-110: one grain makes the difference. */
START_TEST(refunds__around_the_bound__reported_above_it)
{
    static const struct {
        uint64_t took, refunded;
        uint32_t bound;
        bool inflated;
    } cases[] = {
        {10000, 500, 500, false}, {10000, 501, 500, true}, {10001, 500, 500, false}, {9999, 500, 500, true},
        {0, 0, 500, false},       {0, 1, 500, true},       {0, 1, 0, false},         {7, 7, 10000, false},
        {7, 8, 10000, true},      {1, 1, 9999, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pp_pool_terms terms = terms_make(10, 2);
        struct pp_lane_leaf lanes[2] = {lane_of(1, 0), lane_of(2, 0)};
        pp_pool_table_init(&before);
        before_row(2, 0, 0, 0);
        before.rows[0].took_grains = 1000;
        before.rows[0].refunded_grains = 900;
        lanes[1].spent = pp_grains(1000 + cases[i].took);
        lanes[1].refunded = pp_grains(900 + cases[i].refunded);
        terms.refund_bound_basis_points = cases[i].bound;
        ck_assert_ok(pp_pool_share(&terms, &before, lanes, 2, &after, &epoch));
        ck_assert_msg(epoch.lines[2].is_inflated == cases[i].inflated, "case %zu", i);
        ck_assert(epoch.lines[2].took_grains == cases[i].took);
        ck_assert(epoch.lines[2].refunded_grains == cases[i].refunded);
        ck_assert(!epoch.lines[1].is_inflated && !epoch.lines[0].is_inflated);
        ck_assert(after.rows[2].took_grains == 1000 + cases[i].took);
    }
}
END_TEST

/* REW-111 */
START_TEST(lanes__of_nodes_without_a_row__nobodys)
{
    struct pp_pool_terms terms = terms_make(100, 1);
    struct pp_lane_leaf lanes[3] = {lane_of(0, 50), lane_of(77, 50), lane_of((1u << 24) - 1, 50)};
    for (unsigned i = 0; i < 3; i++)
        lanes[i].spent = pp_grains(5);
    ck_assert_ok(pp_pool_share(&terms, NULL, lanes, 3, &after, &epoch));
    ck_assert_uint_eq(after.rows[1].paid.raw, 100);
    ck_assert_uint_eq(after.count, 2);
    ck_assert(after.rows[0].took_grains == 0 && after.rows[1].took_grains == 0);
}
END_TEST

/* REW-054, REW-108 */
START_TEST(share__each_bad_input__named_error_and_output_untouched)
{
    struct pp_pool_terms terms;
    after.count = 77;
    epoch.line_count = 77;
#define BAD(change, error)                                                                                   \
    do {                                                                                                     \
        terms = terms_make(1000, 2);                                                                         \
        pp_pool_table_init(&before);                                                                         \
        before_row(0, 10, 0, 0);                                                                             \
        before_row(1, 500, 40, 3);                                                                           \
        change;                                                                                              \
        ck_assert_error(pp_pool_share(&terms, &before, NULL, 0, &after, &epoch), error);                     \
        ck_assert_uint_eq(after.count, 77);                                                                  \
        ck_assert_uint_eq(epoch.line_count, 77);                                                             \
    } while (0)
    BAD(terms.received_total = pp_units(549), PP_UNDERFLOW);
    BAD(before.rows[1].carry = pp_units(UINT64_MAX), PP_OVERFLOW);
    BAD(before.rows[0].carry = pp_units(1), PP_BAD_FORMAT);
    BAD(before.rows[0].netted = pp_units(1), PP_BAD_FORMAT);
    BAD(before.rows[0].took_grains = 1, PP_BAD_FORMAT);
    BAD(before.rows[0].refunded_grains = 1, PP_BAD_FORMAT);
    BAD(before.rows[1].node_id = 0, PP_BAD_FORMAT);
    BAD(before.rows[1].node_id = 1u << 24, PP_OUT_OF_RANGE);
    BAD(before.count = PP_PAYOUTS_MAX + 1, PP_TOO_MANY);
    BAD(terms.refund_bound_basis_points = 10001, PP_OUT_OF_RANGE);
    BAD(terms.split.protocol_basis_points = 10001, PP_OUT_OF_RANGE);
    BAD(terms.split.policy = (enum pp_policy)9, PP_BAD_KIND);
    BAD(operators[1].node_id = 1, PP_BAD_FORMAT);
    BAD(operators[1].payee = (struct pp_address){{0}}, PP_MISSING_FIELD);
    ck_assert_error(pp_pool_share(&terms, NULL, NULL, (size_t)UINT32_MAX + 1, &after, &epoch), PP_TOO_MANY);
    terms = terms_make(1000, 2);
    pp_pool_table_init(&before);
    for (uint32_t i = 0; i < PP_PAYOUTS_MAX; i++)
        before_row(100 + i, 0, 0, 0); /* full, without those of the set */
    ck_assert_error(pp_pool_share(&terms, &before, NULL, 0, &after, &epoch), PP_TOO_MANY);
#undef BAD
    const struct pp_pool_row *row;
    ck_assert_ok(pp_pool_find(&before, 100, &row));
    ck_assert_ok(pp_pool_find(&before, 100 + PP_PAYOUTS_MAX - 1, &row));
    ck_assert_error(pp_pool_find(&before, 99, &row), PP_NOT_FOUND);
}
END_TEST

START_TEST(payouts__there_and_back__what_was_paid)
{
    static struct pp_payout_table payouts;
    static struct pp_pool_table back;
    struct pp_pool_terms terms = terms_make(1000, 3);
    ck_assert_ok(pp_pool_share(&terms, NULL, NULL, 0, &after, &epoch));
    pp_pool_payouts(&after, &payouts);
    ck_assert_ok(pp_payout_table_check(&payouts));
    pp_pool_of_payouts(&payouts, &back);
    ck_assert_uint_eq(back.count, 4);
    ck_assert_uint_eq(back.rows[3].paid.raw, after.rows[3].paid.raw);
    ck_assert(pp_address_eq(&back.rows[3].payee, &operators[2].payee));
    ck_assert_uint_eq(back.rows[3].carry.raw, 0);
}
END_TEST

/* Over many epochs with sets, debts and forfeits that change: no unit is lost, nobody's payout falls, nothing is netted that was not
 * owed, and once nothing is owed and nobody carries, what was paid is what was received. REW-100 */
START_TEST(share__many_epochs__everything_is_paid_in_the_end)
{
    struct pp_pool_terms terms = terms_make(0, 3);
    struct pp_lane_leaf lanes[OPERATORS];
    struct pp_rng rng;
    uint64_t received = 0;
    pp_rng_init(&rng, 100);
    pp_pool_table_init(&before);
    for (uint32_t i = 0; i < OPERATORS; i++)
        lanes[i] = lane_of(1 + i, 0);
    for (unsigned round = 0; round < 3000; round++) {
        size_t first = pp_rng_below(&rng, 3);
        struct pp_lane_leaf *lane = &lanes[pp_rng_below(&rng, OPERATORS)];
        received += pp_rng_chance(&rng, 3) ? 0 : pp_rng_below(&rng, 5000);
        terms.epoch = round;
        terms.received_total = pp_units(received);
        terms.minimum_payout = pp_units(pp_rng_below(&rng, 3000));
        terms.operators = operators + first;
        terms.operator_count = 1 + pp_rng_below(&rng, OPERATORS - first);
        terms.split.protocol_basis_points = (uint32_t)pp_rng_below(&rng, 1000);
        lane->owed.raw += pp_rng_chance(&rng, 4) ? pp_rng_below(&rng, 2000 * UNIT) : 0;
        lane->forfeited.raw += pp_rng_chance(&rng, 4) ? pp_rng_below(&rng, 50 * UNIT) : 0;
        ck_assert_ok(pp_pool_share(&terms, &before, lanes, OPERATORS, &after, &epoch));
        conserve(&terms);
        for (size_t i = 0; i < before.count; i++) {
            const struct pp_pool_row *row;
            pp_expect(pp_pool_find(&after, before.rows[i].node_id, &row) == PP_OK);
            pp_expect(row->paid.raw >= before.rows[i].paid.raw);
            pp_expect(row->node_id == 0 || row->netted.raw <= lanes[row->node_id - 1].owed.raw / UNIT);
        }
        before = after;
    }
    terms = terms_make(received, OPERATORS);
    for (unsigned round = 0; round < 1000; round++) {
        ck_assert_ok(pp_pool_share(&terms, &before, NULL, 0, &after, &epoch));
        before = after;
    }
    uint64_t paid = 0;
    for (size_t i = 0; i < after.count; i++)
        paid += after.rows[i].paid.raw;
    ck_assert_uint_eq(paid, received);
}
END_TEST

/* REW-112, REW-113: whichever comes first, nothing is collected twice. */
START_TEST(drawn__before_and_after_netting__once)
{
    struct pp_pool_terms terms = terms_make(300, 3);
    struct pp_lane_leaf lane = lane_of(2, 120);
    struct pp_drawn drawn = {2, {50}};
    pp_pool_table_init(&before);
    terms.drawn = &drawn; /* drawn first: the rest is netted */
    terms.drawn_count = 1;
    ck_assert_ok(pp_pool_share(&terms, &before, &lane, 1, &after, &epoch));
    ck_assert_uint_eq(epoch.lines[2].netted_of_part.raw, 70);
    ck_assert_uint_eq(epoch.lines[2].owed.raw, 0);
    ck_assert_uint_eq(epoch.lines[2].paid.raw, 30);
    conserve(&terms);
    before =
        after; /* and drawn once more, by a report that did not know: 70 go back, out of the 70 that came in */
    drawn.units.raw = 120;
    terms.received_total.raw += 70;
    ck_assert_ok(pp_pool_share(&terms, &before, &lane, 1, &after, &epoch));
    ck_assert_uint_eq(epoch.sums.pool.raw, 140); /* 70 were held */
    ck_assert_uint_eq(epoch.sums.given_back.raw, 70);
    ck_assert_uint_eq(epoch.sums.shared.raw, 70);
    ck_assert_uint_eq(epoch.lines[2].given_back.raw, 70);
    ck_assert_uint_eq(epoch.lines[2].paid.raw, 70 + epoch.lines[2].part.raw);
    ck_assert_uint_eq(after.rows[2].netted.raw, 0);
    conserve(&terms);
    before = after; /* one that left is given back, too */
    terms.operator_count = 1;
    before.rows[2].netted = pp_units(20);
    terms.received_total.raw += 20;
    lane.owed = pp_grains(120 * UNIT);
    ck_assert_ok(pp_pool_share(&terms, &before, &lane, 1, &after, &epoch));
    ck_assert_uint_eq(epoch.lines[2].paid.raw, 20);
    conserve(&terms);
}
END_TEST

/* What a debt of node 2 comes to when reports net it and the contract draws it, in one order. The contract knows the leaf of
 * any report that vested, and not what was netted. */
struct debt {
    uint64_t owed, leaf, drawn, stake, received;
};

static void debt_report(struct debt *debt, uint64_t income)
{
    struct pp_pool_terms terms = terms_make(debt->received += income, 3);
    const struct pp_lane_leaf lane = lane_of(2, debt->owed);
    const struct pp_drawn drawn = {2, {debt->drawn}};
    terms.drawn = &drawn;
    terms.drawn_count = debt->drawn > 0;
    ck_assert_ok(pp_pool_share(&terms, &before, &lane, 1, &after, &epoch));
    conserve(&terms);
    before = after;
    debt->leaf = debt->owed;
    /* Never twice, and never forgotten. */
    pp_expect(after.rows[2].netted.raw + debt->drawn <= debt->owed);
    pp_expect(after.rows[2].netted.raw + debt->drawn + epoch.lines[2].owed.raw == debt->owed);
}

static void debt_draw(struct debt *debt)
{
    uint64_t due = debt->leaf > debt->drawn ? debt->leaf - debt->drawn : 0;
    due = due < debt->stake ? due : debt->stake;
    debt->drawn += due;
    debt->stake -= due;
    debt->received += due;
}

/* Goal: a debt is collected once, whatever collects it first. Method: every order of six steps - a report without income, with
 * some, with much; what a stake has is drawn; the debt grows; the stake grows - with an invariant after every report. REW-112,
 * REW-113 */
START_TEST(drawn__every_interleaving__collected_once)
{
    for (unsigned order = 0; order < 46656; order++) { /* 6^6 */
        struct debt debt = {.owed = 100, .stake = 60};
        pp_pool_table_init(&before);
        for (unsigned step = 0, rest = order; step < 6; step++, rest /= 6) {
            switch (rest % 6) {
            case 0:
                debt_report(&debt, 0);
                break;
            case 1:
                debt_report(&debt, 91);
                break;
            case 2:
                debt_report(&debt, 1000);
                break;
            case 3:
                debt_draw(&debt);
                break;
            case 4:
                debt.owed += 37;
                break;
            default:
                debt.stake += 30;
            }
        }
        debt_report(&debt, 100000); /* with enough income all of it was collected, once */
        ck_assert_uint_eq(after.rows[2].netted.raw + debt.drawn, debt.owed);
        ck_assert_uint_eq(epoch.lines[2].owed.raw, 0);
    }
}
END_TEST

/* REW-114 */
START_TEST(byte_days__of_every_report__summed_in_the_row)
{
    struct pp_pool_terms terms = terms_make(10, 3);
    struct pp_operator_weights weights[3] = {{.byte_days = 5}, {.byte_days = UINT64_MAX}, {.byte_days = 0}};
    terms.weights = weights;
    pp_pool_table_init(&before);
    for (unsigned round = 1; round <= 3; round++) {
        ck_assert_ok(pp_pool_share(&terms, &before, NULL, 0, &after, &epoch));
        ck_assert(after.rows[1].byte_days == 5 * round && after.rows[3].byte_days == 0);
        ck_assert(after.rows[2].byte_days == (pp_u128)UINT64_MAX * round);
        before = after;
    }
    before.rows[2].byte_days = ~(pp_u128)0;
    ck_assert_error(pp_pool_share(&terms, &before, NULL, 0, &after, &epoch), PP_OVERFLOW);
}
END_TEST

PP_TESTS("pool")
PP_TEST(drawn__before_and_after_netting__once)
PP_TEST(drawn__every_interleaving__collected_once)
PP_TEST(byte_days__of_every_report__summed_in_the_row)
PP_TEST(share__the_worked_example__as_written)
PP_TEST(share__forfeits_above_the_pool__the_rest_waits)
PP_TEST(share__below_the_least_payout__carried_until_it_passes_or_leaves)
PP_TEST(share__owed_by_one_that_left_or_less_than_before__nothing_below_zero)
PP_TEST(share__at_the_edges__exact_or_overflow)
PP_TEST(refunds__around_the_bound__reported_above_it)
PP_TEST(lanes__of_nodes_without_a_row__nobodys)
PP_TEST(share__each_bad_input__named_error_and_output_untouched)
PP_TEST(payouts__there_and_back__what_was_paid)
PP_TEST(share__many_epochs__everything_is_paid_in_the_end)
PP_TESTS_END
