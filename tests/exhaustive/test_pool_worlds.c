/* Goal: for every input, protocol's share, parts, netted, carried and held sum to the pool, and each part is what largest remainder
 * says. Method: all pools up to 100 units among up to 5 operators with all weights up to 2, by every policy, against the
 * definition; then a million random pools of any size. REW-060, REW-062, REW-100, MONEY-011 */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/pool.h>

#define POOL_MOST 100u
#define OPERATORS 5u
#define WEIGHTS 3u /* 0, 1, 2 */
#define RANDOM_POOLS 1000000u

static struct pp_operator operators[PP_OPERATORS_MAX];
static struct pp_operator_weights weights[PP_OPERATORS_MAX];

static void operators_fill(void)
{
    for (uint32_t i = 0; i < PP_OPERATORS_MAX; i++)
        operators[i] = (struct pp_operator){1 + i, {{(uint8_t)i, (uint8_t)(i >> 8), 7}}, {{9}}};
}

/* ---- the definition ---- */

/* Each is its floor or one more; as many are one more as units are left; and none of them has a smaller remainder than one that is
 * not, nor none at all. */
static void expect_largest_remainder(uint64_t pool, const uint64_t *weigh, const struct pp_units *parts,
                                     size_t count)
{
    uint64_t total = 0, sum = 0, least_up = UINT64_MAX, most_down = 0;
    for (size_t i = 0; i < count; i++)
        total += weigh[i];
    for (size_t i = 0; i < count; i++) {
        uint64_t floor = pool * weigh[i] / total, remainder = pool * weigh[i] % total;
        pp_expect(parts[i].raw == floor || parts[i].raw == floor + 1);
        if (parts[i].raw > floor && remainder < least_up)
            least_up = remainder;
        if (parts[i].raw == floor && remainder > most_down)
            most_down = remainder;
        sum += parts[i].raw;
    }
    pp_expect(sum == pool);
    pp_expect(least_up > 0 && least_up >= most_down);
}

static void expect_carried(const struct pp_split_case *c, const struct pp_distribution *result)
{
    pp_expect(result->carried.raw == c->pool.raw && result->protocol.raw == 0);
    for (size_t i = 0; i < c->count; i++)
        pp_expect(result->parts[i].raw == 0);
}

static void world_of(struct pp_split_case *c, enum pp_policy policy, const uint64_t *weigh, bool any)
{
    struct pp_distribution result;
    c->terms.policy = policy;
    pp_expect(pp_distribute(c, &result) == PP_OK);
    if (!any) {
        expect_carried(c, &result);
        return;
    }
    pp_expect(result.carried.raw == 0);
    pp_expect(result.protocol.raw == c->pool.raw * c->terms.protocol_basis_points / PP_BASIS_POINTS);
    expect_largest_remainder(c->pool.raw - result.protocol.raw, weigh, result.parts, c->count);
}

/* Each column is a split by its policy, and the columns are a split by basis points. */
static void blend_world(struct pp_split_case *c, const uint64_t *stakes, bool any)
{
    static const uint64_t ones[OPERATORS] = {1, 1, 1, 1, 1};
    struct pp_distribution result;
    struct pp_units columns[2] = {{0}, {0}};
    const uint64_t basis_points[2] = {3333, 6667};
    struct pp_split_case blend = *c;
    blend.terms.policy = PP_POLICY_BLEND;
    blend.terms.blend = (struct pp_blend){{{PP_POLICY_EQUAL, 3333}, {PP_POLICY_STAKE, 6667}}, 2};
    pp_expect(pp_distribute(&blend, &result) == PP_OK);
    for (unsigned k = 0; k < 2; k++)
        for (size_t i = 0; i < c->count; i++)
            columns[k].raw += result.by[k][i].raw;
    uint64_t shared = c->pool.raw - result.carried.raw;
    pp_expect(result.protocol.raw == shared * c->terms.protocol_basis_points / PP_BASIS_POINTS);
    pp_expect(columns[0].raw + columns[1].raw + result.protocol.raw == shared);
    expect_largest_remainder(columns[0].raw, ones, result.by[0], c->count);
    if (any) {
        pp_expect(result.carried.raw == 0);
        expect_largest_remainder(columns[1].raw, stakes, result.by[1], c->count);
        expect_largest_remainder(shared - result.protocol.raw, basis_points, columns, 2);
    } else {
        pp_expect(result.carried.raw == (c->pool.raw * 6667 + 3333) / PP_BASIS_POINTS ||
                  result.carried.raw == c->pool.raw * 6667 / PP_BASIS_POINTS);
        pp_expect(columns[1].raw == 0);
    }
}

START_TEST(split__all_small_pools_and_weights__as_defined)
{
    static const uint32_t shares[] = {0, 250, 3333, 10000};
    static const uint64_t ones[OPERATORS] = {1, 1, 1, 1, 1};
    unsigned worlds = 0;
    operators_fill();
    for (size_t count = 1, combinations = WEIGHTS; count <= OPERATORS; count++, combinations *= WEIGHTS)
        for (size_t combination = 0; combination < combinations; combination++) {
            uint64_t weigh[OPERATORS] = {0};
            bool any = false;
            for (size_t i = 0, left = combination; i < count; i++, left /= WEIGHTS) {
                weigh[i] = left % WEIGHTS;
                weights[i] = (struct pp_operator_weights){weigh[i], weigh[i]};
                any = any || weigh[i] > 0;
            }
            for (uint64_t pool = 0; pool <= POOL_MOST; pool++) {
                struct pp_split_case c = {{.protocol_basis_points = shares[(pool + combination) % 4]},
                                          pool,
                                          pp_units(pool),
                                          operators,
                                          weights,
                                          count};
                world_of(&c, PP_POLICY_EQUAL, ones, true);
                world_of(&c, pool % 2 ? PP_POLICY_STAKE : PP_POLICY_WORK, weigh, any);
                blend_world(&c, weigh, any);
                worlds++;
            }
        }
    ck_assert_uint_eq(worlds, (3 + 9 + 27 + 81 + 243) * (POOL_MOST + 1));
}
END_TEST

/* ---- any pool ---- */

/* A number of any size up to `most`, small ones as often as large ones. */
static uint64_t up_to(struct pp_rng *rng, uint64_t most)
{
    uint64_t number = pp_rng_u64(rng) >> pp_rng_below(rng, 64);
    return most == UINT64_MAX ? number : number % (most + 1);
}

static void terms_random(struct pp_rng *rng, struct pp_pool_terms *terms)
{
    static const struct pp_blend blend = {
        {{PP_POLICY_EQUAL, 2500}, {PP_POLICY_WORK, 5000}, {PP_POLICY_STAKE, 2499}, {PP_POLICY_XMTP_EQUAL, 1}},
        4};
    const size_t first = pp_rng_below(rng, 3);
    terms->split.policy = (enum pp_policy)(1 + pp_rng_below(rng, PP_POLICY_XMTP_EQUAL));
    terms->split.blend = terms->split.policy == PP_POLICY_BLEND ? blend : (struct pp_blend){.count = 0};
    terms->split.protocol_basis_points = (uint32_t)pp_rng_below(rng, PP_BASIS_POINTS + 1);
    terms->refund_bound_basis_points = (uint32_t)pp_rng_below(rng, PP_BASIS_POINTS + 1);
    terms->minimum_payout = pp_units(pp_rng_chance(rng, 2) ? 0 : up_to(rng, UINT64_MAX));
    terms->operators = operators + first;
    terms->weights = weights + first;
    terms->operator_count = 1 + pp_rng_below(rng, 4);
    for (size_t i = 0; i < 7; i++)
        weights[i] = (struct pp_operator_weights){pp_rng_chance(rng, 3) ? 0 : up_to(rng, UINT64_MAX),
                                                  pp_rng_chance(rng, 3) ? 0 : up_to(rng, UINT64_MAX)};
}

static void lanes_random(struct pp_rng *rng, struct pp_lane_leaf lanes[3])
{
    for (unsigned i = 0; i < 3; i++) {
        lanes[i].lane = pp_lane_make(1 + (uint32_t)pp_rng_below(rng, 6), 0);
        lanes[i].owed.raw = pp_rng_chance(rng, 2) ? 0 : (pp_u128)up_to(rng, UINT64_MAX) * up_to(rng, 2000000);
        lanes[i].forfeited.raw =
            pp_rng_chance(rng, 2) ? 0 : (pp_u128)up_to(rng, UINT64_MAX) * up_to(rng, 2000000);
    }
}

/* What came in for a row went out of it. */
static void expect_lines(const struct pp_pool_table *after, const struct pp_pool_epoch *epoch)
{
    for (size_t i = 0; i < after->count; i++) {
        const struct pp_pool_line *line = &epoch->lines[i];
        pp_u128 in = (pp_u128)line->carry_before.raw + line->part.raw, by = 0;
        if (i == 0)
            in += epoch->sums.forfeits.raw;
        for (size_t k = 0; k < PP_BLEND_PARTS_MAX; k++)
            by += line->by[k].raw;
        pp_expect(in == (pp_u128)line->netted_of_carry.raw + line->netted_of_part.raw + line->paid.raw +
                            line->carry.raw);
        pp_expect(i == 0 || by == line->part.raw);
    }
}

START_TEST(pool__a_million_at_random__sums_to_what_was_received)
{
    static struct pp_pool_table tables[2];
    static struct pp_pool_epoch epoch;
    struct pp_pool_terms terms = {.treasury_payee = {{1}}};
    struct pp_lane_leaf lanes[3] = {{.lane = 0}};
    struct pp_rng rng;
    unsigned refused = 0, netted = 0, held = 0, carried = 0;
    pp_rng_init(&rng, 1000000);
    operators_fill();
    for (unsigned round = 0; round < RANDOM_POOLS; round++) {
        struct pp_pool_table *before = &tables[round % 2], *after = &tables[1 - round % 2];
        pp_u128 sum = 0, gone = 0;
        if (round % 16 == 0) {
            before->count = 0;
            before->forfeits = PP_UNITS_ZERO;
            terms.received_total = PP_UNITS_ZERO;
        }
        terms.epoch = round;
        terms.received_total.raw += up_to(&rng, UINT64_MAX - terms.received_total.raw);
        terms_random(&rng, &terms);
        lanes_random(&rng, lanes);
        enum pp_error error = pp_pool_share(&terms, before, lanes, 3, after, &epoch);
        if (error == PP_OVERFLOW) { /* what was netted in all: REW-107 */
            *after = *before;
            refused++;
            continue;
        }
        pp_expect(error == PP_OK);
        for (size_t i = 0; i < before->count; i++)
            gone += (pp_u128)before->rows[i].paid.raw + before->rows[i].carry.raw;
        for (size_t i = 0; i < after->count; i++)
            sum += (pp_u128)after->rows[i].paid.raw + after->rows[i].carry.raw;
        pp_expect(epoch.sums.pool.raw == terms.received_total.raw - gone);
        pp_expect(sum + epoch.sums.held.raw + epoch.sums.carried.raw == terms.received_total.raw);
        expect_lines(after, &epoch);
        netted += epoch.sums.shared.raw > epoch.sums.pool.raw - epoch.sums.forfeits.raw;
        held += epoch.sums.held.raw > 0;
        carried += epoch.sums.carried.raw > 0;
    }
    ck_assert_uint_lt(refused, RANDOM_POOLS / 10);
    ck_assert_uint_gt(netted, 1000); /* the worlds are not all alike */
    ck_assert_uint_gt(held, 1000);
    ck_assert_uint_gt(carried, 1000);
}
END_TEST

PP_TESTS("pool_worlds")
PP_TEST(split__all_small_pools_and_weights__as_defined)
PP_TEST(pool__a_million_at_random__sums_to_what_was_received)
PP_TESTS_END
