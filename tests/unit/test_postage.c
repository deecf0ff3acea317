#include "pp_test.h"

#include <pp/postage.h>

#define LIMIT (UINT64_C(1) << 63)

/* Goal: each part and the sum stay below 2^63. */
START_TEST(postage_total__at_the_limit__fee_overflow)
{
    struct pp_grains total = pp_grains(3);
    const struct pp_postage bad[] = {{.base_grains = LIMIT},       {.storage_grains = LIMIT},
                                     {.congestion_grains = LIMIT}, {.bond_grains = LIMIT},
                                     {.base_grains = LIMIT - 1, .bond_grains = 1},
                                     {LIMIT - 1, LIMIT - 1, LIMIT - 1, LIMIT - 1}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_error(pp_postage_total(&bad[i], &total), PP_FEE_OVERFLOW);
    ck_assert(total.raw == 3);
    struct pp_postage good = {LIMIT - 4, 1, 1, 1};
    ck_assert_ok(pp_postage_total(&good, &total));
    ck_assert(total.raw == LIMIT - 1);
}
END_TEST

/* Goal: each part by itself: one more elsewhere does not make up for one less here. */
START_TEST(postage_covers__one_part_less__false)
{
    const struct pp_postage quoted = {1, 2, 3, 4};
    ck_assert(pp_postage_covers(&quoted, &quoted));
    ck_assert(pp_postage_covers(&(struct pp_postage){2, 3, 4, 5}, &quoted));
    ck_assert(!pp_postage_covers(&(struct pp_postage){0, 9, 9, 9}, &quoted));
    ck_assert(!pp_postage_covers(&(struct pp_postage){9, 1, 9, 9}, &quoted));
    ck_assert(!pp_postage_covers(&(struct pp_postage){9, 9, 2, 9}, &quoted));
    ck_assert(!pp_postage_covers(&(struct pp_postage){9, 9, 9, 3}, &quoted));
}
END_TEST

PP_TESTS("postage")
PP_TEST(postage_total__at_the_limit__fee_overflow)
PP_TEST(postage_covers__one_part_less__false)
PP_TESTS_END
