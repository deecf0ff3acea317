#include "pp_test.h"

#include <pp/amount.h>

/* Goal: an error leaves the output alone. */
START_TEST(grains_add__past_96_bits__overflow_and_output_untouched)
{
    struct pp_grains out = pp_grains(5);
    ck_assert_error(pp_grains_add(PP_GRAINS_MAX, pp_grains(1), &out), PP_OVERFLOW);
    ck_assert(out.raw == 5);
    ck_assert_ok(pp_grains_add(PP_GRAINS_MAX, pp_grains(0), &out));
    ck_assert(pp_grains_eq(out, PP_GRAINS_MAX));
}
END_TEST

PP_TESTS("amount")
PP_TEST(grains_add__past_96_bits__overflow_and_output_untouched)
PP_TESTS_END
