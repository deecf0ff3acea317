#include "load_schedule.h"

#include <pp/assert.h>

#define LN2_Q32 UINT64_C(2977044472) /* ln 2 x 2^32, rounded */

uint64_t load_random_next(struct load_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* -log2(u / 2^64) in 2^-32, for u > 0: the exponent by counting zeros, then a bit of the fraction for each squaring. */
static uint64_t minus_log2_q32(uint64_t u)
{
    const unsigned zeros = (unsigned)__builtin_clzll(u);
    uint64_t x = u << zeros, fraction = 0; /* x in [1, 2), in 2^-63 */
    for (unsigned i = 0; i < 32; i++) {
        const unsigned __int128 square = (unsigned __int128)x * x >> 63;
        const unsigned bit = square >> 64 != 0; /* at least 2 */
        x = (uint64_t)(square >> bit);
        fraction = fraction << 1 | bit;
    }
    return ((uint64_t)(zeros + 1) << 32) - fraction;
}

/* Exponential, of mean 1, in 2^-32. */
static uint64_t exponential_q32(struct load_random *random)
{
    const uint64_t u = load_random_next(random);
    return (uint64_t)((unsigned __int128)minus_log2_q32(u == 0 ? 1 : u) * LN2_Q32 >> 32);
}

void load_schedule_init(struct load_schedule *schedule, enum load_arrivals arrivals, uint32_t rate,
                        uint64_t seed)
{
    PP_ASSERT(rate >= 1 && rate <= LOAD_RATE_MAX);
    *schedule = (struct load_schedule){
        .arrivals = arrivals, .gap_q16 = (UINT64_C(1000000000) << 16) / rate, .random = {seed}};
}

void load_schedule_fill(struct load_schedule *schedule, uint64_t *out_due_ns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t gap = schedule->gap_q16;
        if (schedule->arrivals == LOAD_POISSON)
            gap = (uint64_t)((unsigned __int128)gap * exponential_q32(&schedule->random) >> 32);
        schedule->time_q16 += gap;
        out_due_ns[i] = schedule->time_q16 >> 16;
    }
}
