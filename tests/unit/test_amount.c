/* Goal: money is exact up to the last grain, and every error leaves its output alone.
 * Method: schoolbook arithmetic in base 2^16, written here, as an independent oracle; every small world whole; random
 * numbers with a taste for the edges of powers of two. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/amount.h>
#include <pp/limits.h>

#include <stdio.h>
#include <stdlib.h>

/* ---- the oracle: numbers of 16 digits in base 2^16, lowest first ---- */

#define DIGITS 16

struct big {
    uint32_t digit[DIGITS];
};

static struct big big_of(pp_u128 value)
{
    struct big out = {{0}};
    for (unsigned i = 0; i < 8; i++)
        out.digit[i] = (uint32_t)(value >> 16 * i) & 0xffff;
    return out;
}

static int big_compare(const struct big *a, const struct big *b)
{
    for (unsigned i = DIGITS; i-- > 0;)
        if (a->digit[i] != b->digit[i])
            return a->digit[i] < b->digit[i] ? -1 : 1;
    return 0;
}

static struct big big_mul(const struct big *a, const struct big *b)
{
    struct big out = {{0}};
    for (unsigned i = 0; i < DIGITS; i++) {
        uint64_t carry = 0;
        for (unsigned j = 0; i + j < DIGITS; j++) {
            carry += out.digit[i + j] + (uint64_t)a->digit[i] * b->digit[j];
            out.digit[i + j] = carry & 0xffff;
            carry >>= 16;
        }
    }
    return out;
}

static struct big big_add(const struct big *a, const struct big *b)
{
    struct big out;
    uint32_t carry = 0;
    for (unsigned i = 0; i < DIGITS; i++) {
        carry += a->digit[i] + b->digit[i];
        out.digit[i] = carry & 0xffff;
        carry >>= 16;
    }
    return out;
}

static bool big_fits(const struct big *a, unsigned bits)
{
    for (unsigned i = bits / 16; i < DIGITS; i++)
        if (a->digit[i] != 0)
            return false;
    return true;
}

/* Whether q is floor(product / d) (up: ceil), told by multiplying back: q d <= product < (q + 1) d. */
static bool is_quotient(const struct big *q, const struct big *product, const struct big *d, bool up)
{
    const struct big one = big_of(1);
    struct big low = big_mul(q, d);
    if (up && big_compare(&low, product) >= 0) {
        if (big_compare(q, &(struct big){{0}}) == 0)
            return big_compare(&low, product) == 0;
        struct big below = big_add(product, d); /* (q - 1) d < product, that is q d < product + d */
        return big_compare(&low, &below) < 0;
    }
    struct big next = big_add(q, &one);
    struct big high = big_mul(&next, d);
    return !up && big_compare(&low, product) <= 0 && big_compare(product, &high) < 0;
}

/* ---- ratios ---- */

static void ratio_check(struct pp_grains a, uint64_t numerator, uint64_t denominator)
{
    const struct big limit = big_of((pp_u128)1 << 96);
    struct big big_a = big_of(a.raw), n = big_of(numerator), d = big_of(denominator);
    struct big product = big_mul(&big_a, &n);
    struct big limit_product = big_mul(&limit, &d); /* floor(p / d) >= 2^96 when p >= 2^96 d */
    struct pp_grains out = pp_grains(77);
    enum pp_error error = pp_grains_ratio_floor(a, numerator, denominator, &out);
    if (big_compare(&product, &limit_product) >= 0) {
        ck_assert_error(error, PP_OVERFLOW);
        pp_expect(out.raw == 77);
    } else {
        struct big quotient = big_of(out.raw);
        ck_assert_ok(error);
        pp_expect(big_fits(&quotient, 96));
        pp_expect(is_quotient(&quotient, &product, &d, false));
    }

    /* ceil(p / d) >= 2^96 when p > (2^96 - 1) d */
    const struct big most = big_of(PP_GRAINS_MAX.raw);
    struct big most_product = big_mul(&most, &d);
    out = pp_grains(77);
    error = pp_grains_ratio_ceil(a, numerator, denominator, &out);
    if (big_compare(&product, &most_product) > 0) {
        ck_assert_error(error, PP_OVERFLOW);
        pp_expect(out.raw == 77);
    } else {
        struct big quotient = big_of(out.raw);
        ck_assert_ok(error);
        pp_expect(is_quotient(&quotient, &product, &d, true));
    }
}

static const uint64_t edges_64[] = {0,
                                    1,
                                    2,
                                    3,
                                    7,
                                    999999,
                                    1000000,
                                    1000001,
                                    UINT32_MAX - 1,
                                    UINT32_MAX,
                                    UINT64_C(1) << 32,
                                    (UINT64_C(1) << 32) + 1,
                                    (UINT64_C(1) << 63) - 1,
                                    UINT64_C(1) << 63,
                                    (UINT64_C(1) << 63) + 1,
                                    UINT64_MAX - 2,
                                    UINT64_MAX - 1,
                                    UINT64_MAX};
#define EDGES (sizeof edges_64 / sizeof edges_64[0])

/* Goal: the edges (MONEY-005, MONEY-006, MONEY-007). Method: every triple of edge values, the amount also near 2^96. */
START_TEST(grains_ratio__every_triple_of_edges__as_the_oracle)
{
    for (unsigned top = 0; top < 3; top++)
        for (size_t i = 0; i < EDGES; i++) {
            struct pp_grains a = {edges_64[i]};
            if (top == 1)
                a.raw = PP_GRAINS_MAX.raw - edges_64[i];
            if (top == 2)
                a.raw = ((pp_u128)1 << 64) * (edges_64[i] & UINT32_MAX) + edges_64[EDGES - 1 - i];
            for (size_t n = 0; n < EDGES; n++)
                for (size_t d = 1; d < EDGES; d++)
                    ratio_check(a, edges_64[n], edges_64[d]);
        }
}
END_TEST

START_TEST(grains_ratio__random_edges__as_the_oracle)
{
    struct pp_rng rng;
    pp_rng_init(&rng, 1);
    for (unsigned i = 0; i < 30000; i++) {
        struct pp_grains a = pp_rng_edge_grains(&rng);
        uint64_t numerator = pp_rng_edge_u64(&rng);
        uint64_t denominator = pp_rng_edge_u64(&rng);
        if (pp_rng_chance(&rng, 4))
            numerator = denominator - pp_rng_below(&rng, 3); /* quotients just beside a */
        ratio_check(a, numerator, denominator ? denominator : 1);
    }
}
END_TEST

/* Goal: the example of specs/money.md: only the quotient has to fit (MONEY-006). */
START_TEST(grains_ratio__product_of_160_bits__quotient_fits)
{
    struct pp_grains out;
    ck_assert_ok(pp_grains_ratio_floor(PP_GRAINS_MAX, UINT64_MAX, UINT64_MAX, &out));
    pp_expect(pp_grains_eq(out, PP_GRAINS_MAX));
    ck_assert_ok(pp_grains_ratio_ceil(PP_GRAINS_MAX, UINT64_MAX - 1, UINT64_MAX, &out));
    pp_expect(out.raw == PP_GRAINS_MAX.raw - ((pp_u128)1 << 32));
    ck_assert_error(pp_grains_ratio_floor(PP_GRAINS_MAX, UINT64_MAX, UINT64_MAX - 1, &out), PP_OVERFLOW);
}
END_TEST

START_TEST(ratio__denominator_zero__division_by_zero)
{
    struct pp_grains grains = pp_grains(9);
    struct pp_units units = pp_units(9);
    ck_assert_error(pp_grains_ratio_floor(pp_grains(1), 1, 0, &grains), PP_DIVISION_BY_ZERO); /* MONEY-005 */
    ck_assert_error(pp_grains_ratio_ceil(pp_grains(0), 0, 0, &grains), PP_DIVISION_BY_ZERO);
    ck_assert_error(pp_units_ratio_floor(pp_units(1), 1, 0, &units), PP_DIVISION_BY_ZERO);
    pp_expect(grains.raw == 9 && units.raw == 9);
}
END_TEST

START_TEST(units_ratio_floor__every_triple_of_edges__as_the_oracle)
{
    for (size_t i = 0; i < EDGES; i++)
        for (size_t n = 0; n < EDGES; n++)
            for (size_t d = 1; d < EDGES; d++) {
                struct big a = big_of(edges_64[i]), numerator = big_of(edges_64[n]),
                           denominator = big_of(edges_64[d]);
                struct big product = big_mul(&a, &numerator);
                const struct big limit = big_of((pp_u128)1 << 64);
                struct big limit_product = big_mul(&limit, &denominator);
                struct pp_units out = pp_units(77);
                enum pp_error error =
                    pp_units_ratio_floor(pp_units(edges_64[i]), edges_64[n], edges_64[d], &out);
                if (big_compare(&product, &limit_product) >= 0) {
                    ck_assert_error(error, PP_OVERFLOW); /* MONEY-002 */
                    pp_expect(out.raw == 77);
                } else {
                    struct big quotient = big_of(out.raw);
                    ck_assert_ok(error);
                    pp_expect(is_quotient(&quotient, &product, &denominator, false));
                }
            }
}
END_TEST

/* ---- sums, differences, products ---- */

/* MONEY-001, MONEY-003, MONEY-004. */
START_TEST(grains_add_sub_mul__random_edges__as_the_oracle)
{
    struct pp_rng rng;
    pp_rng_init(&rng, 2);
    for (unsigned i = 0; i < 50000; i++) {
        struct pp_grains a = pp_rng_edge_grains(&rng), b = pp_rng_edge_grains(&rng);
        uint64_t factor = pp_rng_edge_u64(&rng);
        struct big big_a = big_of(a.raw), big_b = big_of(b.raw), big_factor = big_of(factor);
        struct big sum = big_add(&big_a, &big_b), product = big_mul(&big_a, &big_factor);
        struct pp_grains out = pp_grains(77);
        ck_assert_error(pp_grains_add(a, b, &out), big_fits(&sum, 96) ? PP_OK : PP_OVERFLOW);
        struct big got = big_of(out.raw);
        pp_expect(big_fits(&sum, 96) ? big_compare(&got, &sum) == 0 : out.raw == 77);
        out = pp_grains(77);
        ck_assert_error(pp_grains_mul(a, factor, &out), big_fits(&product, 96) ? PP_OK : PP_OVERFLOW);
        got = big_of(out.raw);
        pp_expect(big_fits(&product, 96) ? big_compare(&got, &product) == 0 : out.raw == 77);

        int order = big_compare(&big_a, &big_b);
        pp_expect(pp_grains_compare(a, b) == order);
        pp_expect(pp_grains_lt(a, b) == (order < 0) && pp_grains_eq(a, b) == (order == 0));
        pp_expect(pp_grains_eq(pp_grains_min(a, b), order < 0 ? a : b));
        pp_expect(pp_grains_eq(pp_grains_max(a, b), order > 0 ? a : b));
        out = pp_grains(77);
        ck_assert_error(pp_grains_sub(a, b, &out), order < 0 ? PP_UNDERFLOW : PP_OK);
        if (order < 0) {
            pp_expect(out.raw == 77);
            pp_expect(pp_grains_is_zero(pp_grains_sub_clamped(a, b)));
        } else {
            struct big difference = big_of(out.raw);
            struct big back = big_add(&difference, &big_b);
            pp_expect(big_compare(&back, &big_a) == 0);
            pp_expect(pp_grains_eq(pp_grains_sub_clamped(a, b), out));
            pp_expect(pp_grains_eq(pp_grains_sub_checked(a, b), out));
            pp_expect(pp_grains_eq(pp_grains_add_checked(out, b), a));
        }
    }
}
END_TEST

START_TEST(grains_from_u128__around_96_bits__overflow_from_there)
{
    struct pp_grains out = pp_grains(5);
    ck_assert_error(pp_grains_from_u128((pp_u128)1 << 96, &out), PP_OVERFLOW); /* MONEY-001 */
    ck_assert_error(pp_grains_from_u128(~(pp_u128)0, &out), PP_OVERFLOW);
    ck_assert_error(pp_grains_add(PP_GRAINS_MAX, pp_grains(1), &out), PP_OVERFLOW);
    pp_expect(out.raw == 5);
    ck_assert_ok(pp_grains_from_u128(((pp_u128)1 << 96) - 1, &out));
    pp_expect(pp_grains_eq(out, PP_GRAINS_MAX));
    ck_assert_ok(pp_grains_add(PP_GRAINS_MAX, pp_grains(0), &out));
    pp_expect(pp_grains_eq(out, PP_GRAINS_MAX));
}
END_TEST

START_TEST(grains_to_u64__around_64_bits__overflow_from_there)
{
    uint64_t out = 5;
    ck_assert_error(pp_grains_to_u64((struct pp_grains){(pp_u128)1 << 64}, &out), PP_OVERFLOW);
    pp_expect(out == 5);
    ck_assert_ok(pp_grains_to_u64(pp_grains(UINT64_MAX), &out));
    pp_expect(out == UINT64_MAX);
}
END_TEST

START_TEST(units_add_sub__at_the_edges__overflow_and_underflow)
{
    struct pp_units out = pp_units(5);
    ck_assert_error(pp_units_add(pp_units(UINT64_MAX), pp_units(1), &out),
                    PP_OVERFLOW); /* MONEY-002, MONEY-003 */
    ck_assert_error(pp_units_add(pp_units(UINT64_MAX), pp_units(UINT64_MAX), &out), PP_OVERFLOW);
    ck_assert_error(pp_units_sub(pp_units(1), pp_units(2), &out), PP_UNDERFLOW); /* MONEY-004 */
    pp_expect(out.raw == 5);
    ck_assert_ok(pp_units_add(pp_units(UINT64_MAX - 1), pp_units(1), &out));
    pp_expect(out.raw == UINT64_MAX);
    ck_assert_ok(pp_units_sub(pp_units(UINT64_MAX), pp_units(UINT64_MAX), &out));
    pp_expect(out.raw == 0);
}
END_TEST

/* ---- units and grains ---- */

/* Goal: whole units of any amount, and the way back (MONEY-008, MONEY-009). */
START_TEST(grains_to_units__around_every_unit_edge__floor_and_ceil)
{
    for (size_t i = 0; i < EDGES; i++) {
        struct pp_units units = pp_units(edges_64[i]), down = pp_units(77), up = pp_units(77);
        struct pp_grains grains = pp_units_to_grains(units);
        struct big big_units = big_of(units.raw), million = big_of(1000000);
        struct big product = big_mul(&big_units, &million), got = big_of(grains.raw);
        pp_expect(big_compare(&product, &got) == 0);
        ck_assert_ok(pp_grains_to_units_floor(grains, &down));
        ck_assert_ok(pp_grains_to_units_ceil(grains, &up));
        pp_expect(down.raw == units.raw && up.raw == units.raw);
        grains.raw += 1;
        ck_assert_ok(pp_grains_to_units_floor(grains, &down));
        pp_expect(down.raw == units.raw);
        up = pp_units(77);
        ck_assert_error(pp_grains_to_units_ceil(grains, &up), units.raw == UINT64_MAX ? PP_OVERFLOW : PP_OK);
        pp_expect(up.raw == (units.raw == UINT64_MAX ? 77 : units.raw + 1));
        grains.raw += PP_GRAINS_PER_UNIT - 2;
        ck_assert_ok(pp_grains_to_units_floor(grains, &down));
        pp_expect(down.raw == units.raw);
    }
    struct pp_units out = pp_units(77);
    ck_assert_error(pp_grains_to_units_floor(PP_GRAINS_MAX, &out), PP_OVERFLOW);
    ck_assert_error(pp_grains_to_units_ceil(PP_GRAINS_MAX, &out), PP_OVERFLOW);
    ck_assert_error(pp_grains_to_units_floor((struct pp_grains){((pp_u128)1 << 64) * 1000000}, &out),
                    PP_OVERFLOW);
    pp_expect(out.raw == 77);
}
END_TEST

/* ---- splits ---- */

static pp_u128 weight_total(const struct pp_split_share *shares, size_t count)
{
    pp_u128 total = 0;
    for (size_t i = 0; i < count; i++)
        total += shares[i].weight;
    return total;
}

/* What fixes a largest-remainder split: the sum, floor or one more, and nobody who got one more stands behind one who
 * did not (MONEY-010, MONEY-011, MONEY-012). Products in the oracle's numbers. */
static void split_check(struct pp_units pool, const struct pp_split_share *shares, size_t count)
{
    struct big total = big_of(weight_total(shares, count)), big_pool = big_of(pool.raw);
    struct big remainder[PP_OPERATORS_MAX];
    bool more[PP_OPERATORS_MAX];
    pp_u128 sum = 0;
    for (size_t i = 0; i < count; i++) {
        struct big weight = big_of(shares[i].weight), part = big_of(shares[i].part.raw);
        struct big product = big_mul(&big_pool, &weight), whole = big_mul(&part, &total);
        sum += shares[i].part.raw;
        pp_expect(shares[i].weight > 0 || shares[i].part.raw == 0);
        /* product = part total + remainder, or, with one more, product + total - remainder = part total */
        more[i] = big_compare(&whole, &product) > 0;
        struct big floor = big_of(shares[i].part.raw - more[i]);
        pp_expect(is_quotient(&floor, &product, &total, false));
        /* remainder = product - floor total, by adding up what is missing digit by digit */
        struct big floor_total = big_mul(&floor, &total);
        int64_t borrow = 0;
        for (unsigned k = 0; k < DIGITS; k++) {
            int64_t digit = (int64_t)product.digit[k] - floor_total.digit[k] + borrow;
            borrow = digit < 0 ? -1 : 0;
            remainder[i].digit[k] = (uint32_t)(digit & 0xffff);
        }
    }
    pp_expect(sum == pool.raw);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count && more[i]; j++) {
            if (more[j])
                continue;
            int order = big_compare(&remainder[i], &remainder[j]);
            int tie = memcmp(shares[i].tie, shares[j].tie, sizeof shares[i].tie);
            pp_expect(order > 0 || (order == 0 && (tie < 0 || (tie == 0 && i < j))));
        }
}

/* Goal: the small world whole. Method: every pool up to 100 with every 1 to 5 weights up to 3, ties ascending,
 * descending and equal. The check here is a second, naive one in small integers. */
START_TEST(split__every_small_world__largest_remainder)
{
    for (size_t count = 1; count <= 5; count++) {
        unsigned worlds = 1;
        for (size_t i = 0; i < count; i++)
            worlds *= 4;
        for (unsigned world = 1; world < worlds; world++) {
            struct pp_split_share shares[5] = {0};
            unsigned total = 0;
            for (size_t i = 0; i < count; i++) {
                shares[i].weight = world >> 2 * i & 3;
                total += (unsigned)shares[i].weight;
                shares[i].tie[31] = (uint8_t)(world % 3 == 0 ? 0 : world % 3 == 1 ? i : count - i);
            }
            for (unsigned pool = 0; pool <= 100; pool++) {
                unsigned expected[5], left = pool;
                bool served[5] = {false};
                for (size_t i = 0; i < count; i++)
                    left -= expected[i] = pool * (unsigned)shares[i].weight / total;
                for (; left > 0; left--) {
                    size_t best = count;
                    for (size_t i = 0; i < count; i++) {
                        if (served[i])
                            continue;
                        unsigned here = pool * (unsigned)shares[i].weight % total;
                        unsigned there = best < count ? pool * (unsigned)shares[best].weight % total : 0;
                        if (best == count || here > there ||
                            (here == there && shares[i].tie[31] < shares[best].tie[31]))
                            best = i;
                    }
                    served[best] = true;
                    expected[best]++;
                }
                ck_assert_ok(pp_units_split_by_weight(pp_units(pool), shares, count));
                for (size_t i = 0; i < count; i++)
                    if (shares[i].part.raw != expected[i])
                        ck_abort_msg("world %u of %zu, pool %u, share %zu: %u", world, count, pool, i,
                                     expected[i]);
            }
        }
    }
}
END_TEST

/* Goal: any pool and weights, also where products have 128 bits (MONEY-010, MONEY-011, MONEY-012). */
START_TEST(split__random_edges__largest_remainder)
{
    struct pp_rng rng;
    static struct pp_split_share shares[PP_OPERATORS_MAX];
    pp_rng_init(&rng, 3);
    for (unsigned round = 0; round < 400; round++) {
        size_t count = 1 + pp_rng_below(&rng, round % 20 == 0 ? PP_OPERATORS_MAX : 12);
        bool equal_weights = pp_rng_chance(&rng, 4);
        uint64_t weight = pp_rng_edge_u64(&rng) | 1;
        for (size_t i = 0; i < count; i++) {
            shares[i].weight = equal_weights ? weight : pp_rng_edge_u64(&rng);
            memset(shares[i].tie, 0, sizeof shares[i].tie);
            shares[i].tie[pp_rng_below(&rng, 32)] = (uint8_t)pp_rng_below(&rng, 3);
        }
        shares[0].weight |= 1;
        struct pp_units pool = pp_units(pp_rng_edge_u64(&rng));
        ck_assert_ok(pp_units_split_by_weight(pool, shares, count));
        split_check(pool, shares, count);
    }
}
END_TEST

START_TEST(split__most_shares_of_most_weight_and_pool__sums_exactly)
{
    static struct pp_split_share shares[PP_OPERATORS_MAX];
    for (size_t i = 0; i < PP_OPERATORS_MAX; i++) {
        shares[i].weight = UINT64_MAX;
        shares[i].tie[0] = (uint8_t)(255 - i);
    }
    ck_assert_ok(pp_units_split_by_weight(pp_units(UINT64_MAX), shares, PP_OPERATORS_MAX));
    split_check(pp_units(UINT64_MAX), shares, PP_OPERATORS_MAX);
    pp_expect(shares[0].part.raw == UINT64_MAX / 256); /* the one with the largest tie went without */
    pp_expect(shares[1].part.raw == UINT64_MAX / 256 + 1);
}
END_TEST

/* The examples of specs/money.md. */
START_TEST(split__examples_of_the_specification__as_written)
{
    struct pp_split_share three[3] = {
        {.weight = 1, .tie = {2}}, {.weight = 1, .tie = {1}}, {.weight = 1, .tie = {3}}};
    ck_assert_ok(pp_units_split_by_weight(pp_units(100), three, 3));
    pp_expect(three[0].part.raw == 33 && three[1].part.raw == 34 && three[2].part.raw == 33);
    struct pp_split_share weighted[3] = {{.weight = 2}, {.weight = 0}, {.weight = 1}};
    ck_assert_ok(pp_units_split_by_weight(pp_units(5), weighted, 3));
    pp_expect(weighted[0].part.raw == 3 && weighted[1].part.raw == 0 && weighted[2].part.raw == 2);
}
END_TEST

/* MONEY-013. */
START_TEST(split__no_weight_or_too_many_shares__refused_and_untouched)
{
    static struct pp_split_share shares[PP_OPERATORS_MAX + 1];
    for (size_t i = 0; i <= PP_OPERATORS_MAX; i++)
        shares[i].part = pp_units(7);
    ck_assert_error(pp_units_split_by_weight(pp_units(5), shares, 0), PP_NOT_FOUND);
    ck_assert_error(pp_units_split_by_weight(pp_units(5), shares, PP_OPERATORS_MAX), PP_NOT_FOUND);
    ck_assert_error(pp_units_split_by_weight(pp_units(0), shares, 3), PP_NOT_FOUND);
    shares[0].weight = 1;
    ck_assert_error(pp_units_split_by_weight(pp_units(5), shares, PP_OPERATORS_MAX + 1), PP_TOO_MANY);
    for (size_t i = 0; i <= PP_OPERATORS_MAX; i++)
        pp_expect(shares[i].part.raw == 7);
}
END_TEST

/* ---- text ---- */

/* Goal: what is printed is read back, and nothing else is (MONEY-014). */
START_TEST(amount_text__random_edges__round_trip)
{
    struct pp_rng rng;
    pp_rng_init(&rng, 4);
    for (unsigned i = 0; i < 20000; i++) {
        char text[PP_AMOUNT_TEXT_MAX];
        struct pp_grains grains = pp_rng_edge_grains(&rng), grains_back;
        pp_grains_print(grains, text);
        ck_assert_ok(pp_grains_parse(text, strlen(text), &grains_back));
        pp_expect(pp_grains_eq(grains, grains_back));
        struct pp_units units = pp_units(pp_rng_edge_u64(&rng)), units_back;
        char expected[PP_AMOUNT_TEXT_MAX];
        snprintf(expected, sizeof expected, "%llu", (unsigned long long)units.raw);
        ck_assert_str_eq(pp_units_print(units, text), expected);
        ck_assert_ok(pp_units_parse(text, strlen(text), &units_back));
        pp_expect(units.raw == units_back.raw);
        unsigned decimals = (unsigned)pp_rng_below(&rng, 19);
        pp_units_print_decimal(units, decimals, text);
        ck_assert_uint_lt(strlen(text), PP_AMOUNT_TEXT_MAX);
        ck_assert_ok(pp_units_parse_decimal(text, decimals, &units_back));
        pp_expect(units.raw == units_back.raw);
    }
}
END_TEST

/* MONEY-014. */
START_TEST(grains_parse__each_bad_form__refused_and_untouched)
{
    static const char *const bad[] = {"",
                                      " 1",
                                      "1 ",
                                      "+1",
                                      "-1",
                                      "01",
                                      "00",
                                      "1.0",
                                      "0x1",
                                      "1e3",
                                      "a",
                                      "1\n",
                                      "79228162514264337593543950336x"};
    static const char *const large[] = {"79228162514264337593543950336", "79228162514264337593543950340",
                                        "340282366920938463463374607431768211456",
                                        "99999999999999999999999999999999999999999999999999999999999999"};
    struct pp_grains out = pp_grains(5);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(pp_grains_parse(bad[i], strlen(bad[i]), &out) == PP_BAD_FORMAT, "\"%s\"", bad[i]);
    for (size_t i = 0; i < sizeof large / sizeof large[0]; i++)
        ck_assert_msg(pp_grains_parse(large[i], strlen(large[i]), &out) == PP_OVERFLOW, "\"%s\"", large[i]);
    pp_expect(out.raw == 5);
    ck_assert_ok(pp_grains_parse("79228162514264337593543950335", 29, &out));
    pp_expect(pp_grains_eq(out, PP_GRAINS_MAX));
    ck_assert_ok(pp_grains_parse("12345", 2, &out)); /* exactly the length given */
    pp_expect(out.raw == 12);
    struct pp_units units = pp_units(5);
    ck_assert_error(pp_units_parse("18446744073709551616", 20, &units), PP_OVERFLOW);
    ck_assert_error(pp_units_parse("1 ", 2, &units), PP_BAD_FORMAT);
    pp_expect(units.raw == 5);
    ck_assert_ok(pp_units_parse("18446744073709551615", 20, &units));
    pp_expect(units.raw == UINT64_MAX);
    ck_assert_ok(pp_units_parse("0", 1, &units));
    pp_expect(units.raw == 0);
}
END_TEST

/* MONEY-015. */
START_TEST(units_parse_decimal__each_form__value_or_error)
{
    static const struct {
        const char *text;
        unsigned decimals;
        enum pp_error error;
        uint64_t value;
    } cases[] = {
        {"25.00", 6, PP_OK, 25000000},
        {"25", 6, PP_OK, 25000000},
        {"0.000001", 6, PP_OK, 1},
        {"0.0000010", 6, PP_BAD_FORMAT, 0},
        {"0", 6, PP_OK, 0},
        {"7", 0, PP_OK, 7},
        {"7.", 0, PP_BAD_FORMAT, 0},
        {"7.0", 0, PP_BAD_FORMAT, 0},
        {"7.", 6, PP_BAD_FORMAT, 0},
        {".7", 6, PP_BAD_FORMAT, 0},
        {".", 6, PP_BAD_FORMAT, 0},
        {"", 6, PP_BAD_FORMAT, 0},
        {"1.2.3", 6, PP_BAD_FORMAT, 0},
        {"-1", 6, PP_BAD_FORMAT, 0},
        {"+1.5", 6, PP_BAD_FORMAT, 0},
        {" 1", 6, PP_BAD_FORMAT, 0},
        {"1 ", 6, PP_BAD_FORMAT, 0},
        {"1. 5", 6, PP_BAD_FORMAT, 0},
        {"1,5", 6, PP_BAD_FORMAT, 0},
        {"01.5", 6, PP_BAD_FORMAT, 0},
        {"1e6", 6, PP_BAD_FORMAT, 0},
        {"18446744073709.551615", 6, PP_OK, UINT64_MAX},
        {"18446744073709.551616", 6, PP_OVERFLOW, 0},
        {"18446744073710", 6, PP_OVERFLOW, 0},
        {"18.446744073709551615", 18, PP_OK, UINT64_MAX},
        {"18446744073709551616", 0, PP_OVERFLOW, 0},
        {"99999999999999999999999999999999999999999999", 6, PP_OVERFLOW, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pp_units out = pp_units(77);
        enum pp_error error = pp_units_parse_decimal(cases[i].text, cases[i].decimals, &out);
        ck_assert_msg(error == cases[i].error, "\"%s\": %s", cases[i].text, pp_error_name(error));
        pp_expect(out.raw == (error == PP_OK ? cases[i].value : 77));
    }
    char text[PP_AMOUNT_TEXT_MAX];
    ck_assert_str_eq(pp_units_print_decimal(pp_units(25000000), 6, text), "25.000000");
    ck_assert_str_eq(pp_units_print_decimal(pp_units(1), 6, text), "0.000001");
    ck_assert_str_eq(pp_units_print_decimal(pp_units(UINT64_MAX), 0, text), "18446744073709551615");
}
END_TEST

PP_TESTS("amount")
PP_TEST(grains_ratio__every_triple_of_edges__as_the_oracle)
PP_TEST(grains_ratio__random_edges__as_the_oracle)
PP_TEST(grains_ratio__product_of_160_bits__quotient_fits)
PP_TEST(ratio__denominator_zero__division_by_zero)
PP_TEST(units_ratio_floor__every_triple_of_edges__as_the_oracle)
PP_TEST(grains_add_sub_mul__random_edges__as_the_oracle)
PP_TEST(grains_from_u128__around_96_bits__overflow_from_there)
PP_TEST(grains_to_u64__around_64_bits__overflow_from_there)
PP_TEST(units_add_sub__at_the_edges__overflow_and_underflow)
PP_TEST(grains_to_units__around_every_unit_edge__floor_and_ceil)
PP_TEST(split__every_small_world__largest_remainder)
PP_TEST(split__random_edges__largest_remainder)
PP_TEST(split__most_shares_of_most_weight_and_pool__sums_exactly)
PP_TEST(split__examples_of_the_specification__as_written)
PP_TEST(split__no_weight_or_too_many_shares__refused_and_untouched)
PP_TEST(amount_text__random_edges__round_trip)
PP_TEST(grains_parse__each_bad_form__refused_and_untouched)
PP_TEST(units_parse_decimal__each_form__value_or_error)
PP_TESTS_END
