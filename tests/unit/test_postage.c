#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/postage.h>

#define LIMIT (UINT64_C(1) << 63)

/* Goal: each part and the sum stay below 2^63 (MONEY-016). */
START_TEST(postage_total__at_the_limit__fee_overflow)
{
    struct pp_grains total = pp_grains(3);
    const struct pp_postage bad[] = {{.base_grains = LIMIT},
                                     {.storage_grains = LIMIT},
                                     {.congestion_grains = LIMIT},
                                     {.bond_grains = LIMIT},
                                     {.base_grains = UINT64_MAX},
                                     {.base_grains = LIMIT - 1, .bond_grains = 1},
                                     {LIMIT - 1, LIMIT - 1, LIMIT - 1, LIMIT - 1}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_error(pp_postage_total(&bad[i], &total), PP_FEE_OVERFLOW);
    ck_assert(total.raw == 3);
    struct pp_postage good = {LIMIT - 4, 1, 1, 1};
    ck_assert_ok(pp_postage_total(&good, &total));
    ck_assert(total.raw == LIMIT - 1);
    ck_assert_ok(pp_postage_total(&(struct pp_postage){0}, &total));
    ck_assert(pp_grains_is_zero(total));
}
END_TEST

START_TEST(postage_total__random_edges__sum_of_the_parts)
{
    struct pp_rng rng;
    pp_rng_init(&rng, 1);
    for (unsigned i = 0; i < 20000; i++) {
        struct pp_postage p = {pp_rng_edge_u64(&rng), pp_rng_edge_u64(&rng) >> 2, pp_rng_edge_u64(&rng) >> 2,
                               pp_rng_edge_u64(&rng) >> 3};
        pp_u128 sum = (pp_u128)p.base_grains + p.storage_grains + p.congestion_grains + p.bond_grains;
        struct pp_grains total = pp_grains(3);
        ck_assert_error(pp_postage_total(&p, &total), sum < LIMIT ? PP_OK : PP_FEE_OVERFLOW);
        pp_expect(total.raw == (sum < LIMIT ? sum : 3));
    }
}
END_TEST

/* Goal: each part by itself: one more elsewhere does not make up for one less here (MONEY-017). Method: every pair of
 * postages with parts up to 2. */
START_TEST(postage_covers__every_small_pair__each_part_at_least)
{
    for (unsigned a = 0; a < 81; a++)
        for (unsigned b = 0; b < 81; b++) {
            const struct pp_postage offered = {a % 3, a / 3 % 3, a / 9 % 3, a / 27};
            const struct pp_postage quoted = {b % 3, b / 3 % 3, b / 9 % 3, b / 27};
            bool less = a % 3 < b % 3 || a / 3 % 3 < b / 3 % 3 || a / 9 % 3 < b / 9 % 3 || a / 27 < b / 27;
            pp_expect(pp_postage_covers(&offered, &quoted) == !less);
        }
}
END_TEST

PP_TESTS("postage")
PP_TEST(postage_total__at_the_limit__fee_overflow)
PP_TEST(postage_total__random_edges__sum_of_the_parts)
PP_TEST(postage_covers__every_small_pair__each_part_at_least)
PP_TESTS_END
