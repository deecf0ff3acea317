/* Goal: the settlement function is the formula of specs/lane.md, everywhere. Method: all small cases and random ones
 * against a second computation in wide signed integers, written from the specification's prose. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/settle.h>

__extension__ typedef __int128 wide; /* amounts are below 2^96: sums and differences never overflow */

static wide middle(wide a, wide low, wide high)
{
    return a < low ? low : a > high ? high : a;
}

/* LANE-060 ... LANE-064. */
static void compare(const struct pp_settle_input *in)
{
    struct pp_settlement out;
    wide cap = (wide)in->cap.raw * 1000000, s = (wide)in->spent.raw, r = (wide)in->refunded.raw,
         e = (wide)in->earned.raw, vested = (wide)in->vested.raw;
    wide net = middle(s - r, 0, cap);
    wide earned_and_paid = e < net ? e : net;
    wide pool = vested > earned_and_paid ? vested : earned_and_paid;
    wide attested = e < s ? e : s, kept = vested > net ? vested : net;
    wide owed = attested > kept ? attested - kept : 0;
    /* One assertion a case: Check writes each of them to a pipe. */
    if (pp_settle(in, &out) != PP_OK || out.pool.raw != (pp_u128)pool || out.owed.raw != (pp_u128)owed)
        ck_abort_msg("pool or owed is not the formula's");
    if (out.pool_units.raw != (uint64_t)(pool / 1000000) ||
        out.pool_units.raw + out.payer_units.raw != in->cap.raw)
        ck_abort_msg("the units do not add up to the cap");
    if (pool < vested || pool > cap || (vested == 0 && (pool > s || pool > (s > r ? s - r : 0) || pool > e)))
        ck_abort_msg("pool is outside its bounds");
}

START_TEST(settle__all_small_cases__the_formula)
{
    static const uint64_t amounts[] = {0, 1, 999999, 1000000, 1000001, 2000000, 2999999, 3000001};
    enum { N = sizeof amounts / sizeof amounts[0] };
    struct pp_settle_input in;
    for (uint64_t cap = 0; cap < 4; cap++)
        for (size_t i = 0; i < N * N * N * N; i++) {
            in.cap = pp_units(cap);
            in.spent = pp_grains(amounts[i % N]);
            in.refunded = pp_grains(amounts[i / N % N]);
            in.earned = pp_grains(amounts[i / N / N % N]);
            in.vested = pp_grains(amounts[i / N / N / N]);
            if (in.vested.raw <= (pp_u128)cap * 1000000)
                compare(&in);
        }
}
END_TEST

START_TEST(settle__random_and_extreme_amounts__the_formula)
{
    struct pp_rng rng;
    struct pp_settle_input in;
    pp_rng_init(&rng, 20260701);
    for (int i = 0; i < 300000; i++) {
        in.cap = pp_units(pp_rng_edge_u64(&rng));
        in.spent = pp_rng_edge_grains(&rng);
        in.refunded = pp_rng_edge_grains(&rng);
        in.earned = pp_rng_edge_grains(&rng);
        in.vested = pp_grains_min(pp_rng_edge_grains(&rng), pp_units_to_grains(in.cap));
        compare(&in);
    }
}
END_TEST

/* LANE-062. */
START_TEST(settle__vested_above_the_cap__refused_and_output_untouched)
{
    struct pp_settlement out = {.pool = pp_grains(77)};
    struct pp_settle_input in = {.cap = pp_units(1), .vested = pp_grains(1000001)};
    ck_assert_error(pp_settle(&in, &out), PP_CAP_BELOW_VESTED);
    ck_assert(pp_grains_eq(out.pool, pp_grains(77)));
    in.vested = pp_grains(1000000);
    ck_assert_ok(pp_settle(&in, &out));
}
END_TEST

/* The example of specs/lane.md. */
START_TEST(settle__example_of_the_specification__its_numbers)
{
    const struct pp_settle_input in = {.cap = pp_units(25),
                                       .spent = pp_grains(12300000),
                                       .refunded = pp_grains(1300000),
                                       .earned = pp_grains(9999999)};
    struct pp_settlement out;
    ck_assert_ok(pp_settle(&in, &out));
    ck_assert(pp_grains_eq(out.pool, pp_grains(9999999)));
    ck_assert(pp_grains_is_zero(out.owed));
    ck_assert_uint_eq(out.pool_units.raw, 9);
    ck_assert_uint_eq(out.payer_units.raw, 16);
}
END_TEST

PP_TESTS("settle")
PP_TEST(settle__all_small_cases__the_formula)
PP_TEST(settle__random_and_extreme_amounts__the_formula)
PP_TEST(settle__vested_above_the_cap__refused_and_output_untouched)
PP_TEST(settle__example_of_the_specification__its_numbers)
PP_TESTS_END
