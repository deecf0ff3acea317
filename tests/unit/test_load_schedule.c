/* Goal: requests are due at times that follow from rate and seed alone, at the rate that was asked for.
 * Method: the same seed twice, in pieces and whole; means, and the share of gaps that an exponential distribution has. */
#include "pp_test.h"

#include <load_schedule.h>
#include <stdlib.h>
#include <string.h>

#define MANY 200000u

static uint64_t *times_make(enum load_arrivals arrivals, uint32_t rate, uint64_t seed, size_t piece)
{
    uint64_t *times = calloc(MANY, sizeof *times);
    struct load_schedule schedule;
    ck_assert_ptr_nonnull(times);
    load_schedule_init(&schedule, arrivals, rate, seed);
    for (size_t i = 0; i < MANY; i += piece)
        load_schedule_fill(&schedule, times + i, MANY - i < piece ? MANY - i : piece);
    return times;
}

/* LOAD-001 */
START_TEST(schedule__same_seed__same_times)
{
    uint64_t *whole = times_make(LOAD_POISSON, 5000, 1, MANY),
             *pieces = times_make(LOAD_POISSON, 5000, 1, 777),
             *other = times_make(LOAD_POISSON, 5000, 2, MANY);
    ck_assert_mem_eq(whole, pieces, MANY * sizeof *whole);
    ck_assert(memcmp(whole, other, MANY * sizeof *whole) != 0);
    /* On every machine. From Python: splitmix64 of seed 1, -math.log(u / 2**64) * 200000, summed. */
    ck_assert_uint_eq(whole[0], 113633);
    ck_assert_uint_eq(whole[1], 172298);
    ck_assert_uint_eq(whole[2], 178183);
    free(whole);
    free(pieces);
    free(other);
}
END_TEST

START_TEST(schedule__any_rate__mean_is_the_rate)
{
    static const uint32_t rates[] = {1, 3, 1000, 20000, 33333, LOAD_RATE_MAX};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++)
        for (int arrivals = LOAD_POISSON; arrivals <= LOAD_UNIFORM; arrivals++) {
            uint64_t *times = times_make((enum load_arrivals)arrivals, rates[i], 3, MANY);
            const uint64_t expected = (uint64_t)((unsigned __int128)MANY * 1000000000 / rates[i]);
            const uint64_t slack = arrivals == LOAD_UNIFORM ? expected / 1000000 + 2 : expected / 100;
            ck_assert_uint_ge(times[MANY - 1] + slack, expected);
            ck_assert_uint_le(times[MANY - 1], expected + slack);
            free(times);
        }
}
END_TEST

START_TEST(schedule__uniform__equal_gaps)
{
    uint64_t *times = times_make(LOAD_UNIFORM, 4000, 3, MANY);
    for (size_t i = 0; i < MANY; i++)
        pp_expect(times[i] == 250000 * (i + 1));
    free(times);
}
END_TEST

/* Of exponential gaps e^-k are longer than k means: 0.36788, 0.13534, 0.04979, 0.01832; and half are below ln 2 of one. */
START_TEST(schedule__poisson__gaps_are_exponential)
{
    static const struct {
        uint64_t above_thousandths, expected_100000;
    } rows[] = {{1000, 36788}, {2000, 13534}, {3000, 4979}, {4000, 1832}, {693, 50007}, {100, 90484}};
    uint64_t *times = times_make(LOAD_POISSON, 1000, 5, MANY);
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        uint64_t longer = 0;
        for (size_t i = 1; i < MANY; i++) {
            pp_expect(times[i] >= times[i - 1]);
            longer += times[i] - times[i - 1] > rows[row].above_thousandths * 1000;
        }
        const uint64_t share = longer * 100000 / (MANY - 1);
        ck_assert_uint_ge(share + 400, rows[row].expected_100000);
        ck_assert_uint_le(share, rows[row].expected_100000 + 400);
    }
    free(times);
}
END_TEST

PP_TESTS("load_schedule")
PP_TEST(schedule__same_seed__same_times)
PP_TEST(schedule__any_rate__mean_is_the_rate)
PP_TEST(schedule__uniform__equal_gaps)
PP_TEST(schedule__poisson__gaps_are_exponential)
PP_TESTS_END
