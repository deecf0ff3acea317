/* load_histogram.h - how long things took: counts in buckets that are exact at the low end and within a thousandth above.
 *
 * Shape:  values in nanoseconds. Below 2048 each value has a bucket of its own; above, each power of two is cut in 1024 equal
 *         buckets, so a bucket's width is below a thousandth of its values (three significant digits). Bounds are integers.
 * Own:    plain memory of a fixed size (about 250 KiB): nothing is allocated, nothing can fail.
 * Limits: LOAD_HISTOGRAM_MAX_NS, 18 minutes: what is longer is counted in the last bucket; max is exact up to 2^64 - 1.
 */
#ifndef CLI_LOAD_HISTOGRAM_H
#define CLI_LOAD_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define LOAD_HISTOGRAM_HALF_BITS 10u /* 1024 buckets a power of two */
#define LOAD_HISTOGRAM_TOP_BITS 40u
#define LOAD_HISTOGRAM_MAX_NS ((UINT64_C(1) << LOAD_HISTOGRAM_TOP_BITS) - 1)
#define LOAD_HISTOGRAM_BUCKETS                                                                               \
    ((LOAD_HISTOGRAM_TOP_BITS - LOAD_HISTOGRAM_HALF_BITS + 1u) << LOAD_HISTOGRAM_HALF_BITS)

struct load_histogram {
    uint64_t count;
    uint64_t min_ns, max_ns;    /* exact; both 0 while it is empty */
    uint64_t sum_low, sum_high; /* of all values: 128 bits */
    uint64_t buckets[LOAD_HISTOGRAM_BUCKETS];
};

struct load_bucket {
    uint64_t low_ns, high_ns; /* both inside */
    uint64_t count;
};

void load_histogram_init(struct load_histogram *histogram);
void load_histogram_add(struct load_histogram *histogram, uint64_t value_ns);
/* Into `into`, as if each value had been added there. */
void load_histogram_merge(struct load_histogram *into, const struct load_histogram *from);

/* The nearest rank: of `count` values in order, the one of rank ceil(count x part / 100000), as the highest value of its
 * bucket, never above max. part is 1..100000: 99900 is p99.9. 0 when it is empty. */
uint64_t load_histogram_percentile(const struct load_histogram *histogram, uint32_t part);
uint64_t load_histogram_mean_floor(const struct load_histogram *histogram);
/* How many values are in buckets that end at or below this one. */
uint64_t load_histogram_count_to(const struct load_histogram *histogram, uint64_t value_ns);

/* The bucket that a value is in. */
size_t load_histogram_index(uint64_t value_ns);
void load_histogram_bounds(size_t index, uint64_t *out_low_ns, uint64_t *out_high_ns);
/* The first bucket that is not empty, at or after *inout_index, which moves behind it. 0: none. */
int load_histogram_next(const struct load_histogram *histogram, size_t *inout_index, struct load_bucket *out);

#endif
