#include "load_histogram.h"

#include <pp/assert.h>

#include <string.h>

#define HALF (1u << LOAD_HISTOGRAM_HALF_BITS)

void load_histogram_init(struct load_histogram *histogram)
{
    memset(histogram, 0, sizeof *histogram);
}

/* How far a value is shifted to the right so that it is below 2 x HALF. */
static unsigned shift_of(uint64_t value_ns)
{
    unsigned bits = value_ns == 0 ? 0 : 64u - (unsigned)__builtin_clzll(value_ns);
    return bits <= LOAD_HISTOGRAM_HALF_BITS + 1 ? 0 : bits - LOAD_HISTOGRAM_HALF_BITS - 1;
}

size_t load_histogram_index(uint64_t value_ns)
{
    const uint64_t value = value_ns > LOAD_HISTOGRAM_MAX_NS ? LOAD_HISTOGRAM_MAX_NS : value_ns;
    const unsigned shift = shift_of(value);
    return (size_t)shift * HALF + (size_t)(value >> shift);
}

void load_histogram_bounds(size_t index, uint64_t *out_low_ns, uint64_t *out_high_ns)
{
    PP_ASSERT(index < LOAD_HISTOGRAM_BUCKETS);
    const unsigned shift = index < 2 * HALF ? 0 : (unsigned)(index / HALF) - 1;
    const uint64_t low = (uint64_t)(index - (size_t)shift * HALF) << shift;
    *out_low_ns = low;
    *out_high_ns = low + (UINT64_C(1) << shift) - 1;
}

static void sum_add(struct load_histogram *histogram, uint64_t low, uint64_t high)
{
    histogram->sum_low += low;
    histogram->sum_high += high + (histogram->sum_low < low);
}

static void range_take(struct load_histogram *histogram, uint64_t min_ns, uint64_t max_ns)
{
    if (histogram->count == 0 || min_ns < histogram->min_ns)
        histogram->min_ns = min_ns;
    if (max_ns > histogram->max_ns)
        histogram->max_ns = max_ns;
}

void load_histogram_add(struct load_histogram *histogram, uint64_t value_ns)
{
    range_take(histogram, value_ns, value_ns);
    histogram->count++;
    histogram->buckets[load_histogram_index(value_ns)]++;
    sum_add(histogram, value_ns, 0);
}

void load_histogram_merge(struct load_histogram *into, const struct load_histogram *from)
{
    if (from->count == 0)
        return;
    range_take(into, from->min_ns, from->max_ns);
    into->count += from->count;
    sum_add(into, from->sum_low, from->sum_high);
    for (size_t i = 0; i < LOAD_HISTOGRAM_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
}

static uint64_t rank_of(uint64_t count, uint32_t part)
{
    const unsigned __int128 product = (unsigned __int128)count * part;
    return (uint64_t)((product + 99999) / 100000);
}

uint64_t load_histogram_percentile(const struct load_histogram *histogram, uint32_t part)
{
    uint64_t seen = 0, low, high = 0;
    PP_ASSERT(part >= 1 && part <= 100000);
    if (histogram->count == 0)
        return 0;
    const uint64_t rank = rank_of(histogram->count, part);
    for (size_t i = 0; i < LOAD_HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen < rank)
            continue;
        load_histogram_bounds(i, &low, &high);
        return i == LOAD_HISTOGRAM_BUCKETS - 1 || high > histogram->max_ns ? histogram->max_ns : high;
    }
    return histogram->max_ns;
}

uint64_t load_histogram_mean_floor(const struct load_histogram *histogram)
{
    const unsigned __int128 sum = (unsigned __int128)histogram->sum_high << 64 | histogram->sum_low;
    return histogram->count == 0 ? 0 : (uint64_t)(sum / histogram->count);
}

uint64_t load_histogram_count_to(const struct load_histogram *histogram, uint64_t value_ns)
{
    uint64_t seen = 0, low, high;
    for (size_t i = 0; i < LOAD_HISTOGRAM_BUCKETS; i++) {
        load_histogram_bounds(i, &low, &high);
        if (high > value_ns)
            break;
        seen += histogram->buckets[i];
    }
    return seen;
}

int load_histogram_next(const struct load_histogram *histogram, size_t *inout_index, struct load_bucket *out)
{
    for (size_t i = *inout_index; i < LOAD_HISTOGRAM_BUCKETS; i++) {
        if (histogram->buckets[i] == 0)
            continue;
        load_histogram_bounds(i, &out->low_ns, &out->high_ns);
        out->count = histogram->buckets[i];
        *inout_index = i + 1;
        return 1;
    }
    return 0;
}
