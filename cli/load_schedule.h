/* load_schedule.h - when requests are due: times that are fixed before the first one leaves.
 *
 * Open loop: the rate and the seed alone decide; no answer, late or early, moves a request. The same seed gives the same times on
 * every machine: exponential gaps are computed in integers.
 */
#ifndef CLI_LOAD_SCHEDULE_H
#define CLI_LOAD_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

#define LOAD_RATE_MAX 1000000u /* requests/s: a gap is still 1000 ns */

enum load_arrivals {
    LOAD_POISSON, /* independent senders: exponential gaps */
    LOAD_UNIFORM, /* equal gaps */
};

/* A stream of random numbers (splitmix64): for what need not be secret. */
struct load_random {
    uint64_t state;
};
uint64_t load_random_next(struct load_random *random);

struct load_schedule {
    enum load_arrivals arrivals;
    uint64_t gap_q16;  /* the mean gap, in 2^-16 ns */
    uint64_t time_q16; /* when the last one was due */
    struct load_random random;
};

/* 1 <= rate <= LOAD_RATE_MAX (asserted). */
void load_schedule_init(struct load_schedule *schedule, enum load_arrivals arrivals, uint32_t rate,
                        uint64_t seed);
/* The next `count` times, in nanoseconds from the start, ascending. */
void load_schedule_fill(struct load_schedule *schedule, uint64_t *out_due_ns, size_t count);

#endif
