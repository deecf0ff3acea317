/* Who forges is suspect, for some seconds; who does not, is not. */
#include "pp_test.h"

#include "engine/sources.h"

#include <string.h>

static struct pp_sources sources;

static void begin(void)
{
    memset(&sources, 0, sizeof sources);
}

static void count(uint64_t source, bool forged, unsigned times, uint64_t now_ms)
{
    for (unsigned i = 0; i < times; i++)
        pp_source_count(&sources, source, forged, now_ms);
}

/* NODE-048 */
START_TEST(suspect__four_forged_in_a_second__and_clean_again_after_some)
{
    begin();
    count(7, true, 3, 1000);
    ck_assert(!pp_source_is_suspect(&sources, 7, 1000));
    count(7, true, 1, 1500);
    ck_assert(pp_source_is_suspect(&sources, 7, 1500));
    ck_assert(!pp_source_is_suspect(&sources, 8, 1500));
    ck_assert(!pp_source_is_suspect(&sources, 7, 2100)); /* the score halved */
    count(7, true, 1000, 3000);
    ck_assert(pp_source_is_suspect(&sources, 7, 3000 + 4999)); /* the top is forgotten after five halvings */
    ck_assert(!pp_source_is_suspect(&sources, 7, 3000 + 5000));
    ck_assert(!pp_source_is_suspect(&sources, 7, UINT64_MAX));
}
END_TEST

/* NODE-048: one forged request now and then, as one broken client behind an honest proxy sends them. */
START_TEST(suspect__one_forged_in_sixteen_good__never)
{
    begin();
    for (unsigned i = 0; i < 10000; i++) {
        count(9, true, 1, 5000);
        ck_assert(!pp_source_is_suspect(&sources, 9, 5000));
        count(9, false, PP_SOURCE_FORGED, 5000);
    }
}
END_TEST

START_TEST(suspect__nobody__never_and_takes_no_place)
{
    static const struct pp_sources empty;
    begin();
    count(0, true, 100, 1000);
    count(5, false, 100, 1000); /* good ones are remembered of nobody */
    ck_assert(!pp_source_is_suspect(&sources, 0, 1000));
    ck_assert_mem_eq(&sources, &empty, sizeof sources);
}
END_TEST

/* A crowd of forgers pushes out the one with the least to its name, never one that is worse. */
START_TEST(suspect__more_forgers_than_places__the_worst_are_kept)
{
    begin();
    for (uint64_t source = 1; source <= 100000; source++) {
        count(424242, true, 5, 1000); /* it goes on */
        count(source, true, 1, 1000);
        ck_assert(pp_source_is_suspect(&sources, 424242, 1000));
    }
}
END_TEST

START_TEST(suspect__clock_stands_or_steps_back__no_sum_wraps)
{
    begin();
    count(3, true, 4, 9000);
    ck_assert(pp_source_is_suspect(&sources, 3, 100));
    count(3, true, UINT16_MAX, 100);
    ck_assert(pp_source_is_suspect(&sources, 3, 9000));
    count(3, false, PP_SOURCE_SCORE_MAX + 1, 9000);
    ck_assert(!pp_source_is_suspect(&sources, 3, 9000));
    count(3, false, 10, 9000);
    ck_assert(!pp_source_is_suspect(&sources, 3, 9000));
}
END_TEST

PP_TESTS("sources")
PP_TEST(suspect__four_forged_in_a_second__and_clean_again_after_some)
PP_TEST(suspect__one_forged_in_sixteen_good__never)
PP_TEST(suspect__nobody__never_and_takes_no_place)
PP_TEST(suspect__more_forgers_than_places__the_worst_are_kept)
PP_TEST(suspect__clock_stands_or_steps_back__no_sum_wraps)
PP_TESTS_END
