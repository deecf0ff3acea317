/* Goal: a percentile is what a sorted list of all values would say, within a thousandth; counts are never lost.
 * Method: every bucket's bounds; the edges; random values of every magnitude against a sorted array. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <load_histogram.h>
#include <stdlib.h>

static struct load_histogram *histogram_new(void)
{
    struct load_histogram *histogram = malloc(sizeof *histogram);
    ck_assert_ptr_nonnull(histogram);
    load_histogram_init(histogram);
    return histogram;
}

START_TEST(histogram_bounds__every_bucket__adjoin_and_are_a_thousandth_wide)
{
    uint64_t expected_low = 0, low, high;
    for (size_t i = 0; i < LOAD_HISTOGRAM_BUCKETS; i++) {
        load_histogram_bounds(i, &low, &high);
        pp_expect(low == expected_low);
        pp_expect(high >= low);
        pp_expect(load_histogram_index(low) == i);
        pp_expect(load_histogram_index(high) == i);
        pp_expect((high - low) * 1000 <= low);
        expected_low = high + 1;
    }
    ck_assert_uint_eq(expected_low, LOAD_HISTOGRAM_MAX_NS + 1);
}
END_TEST

START_TEST(histogram__empty__zeros)
{
    struct load_histogram *h = histogram_new();
    struct load_bucket bucket;
    size_t at = 0;
    ck_assert_uint_eq(load_histogram_percentile(h, 1), 0);
    ck_assert_uint_eq(load_histogram_percentile(h, 100000), 0);
    ck_assert_uint_eq(load_histogram_mean_floor(h), 0);
    ck_assert_uint_eq(load_histogram_count_to(h, UINT64_MAX), 0);
    ck_assert_int_eq(load_histogram_next(h, &at, &bucket), 0);
    free(h);
}
END_TEST

START_TEST(histogram__one_value__every_percentile_is_it)
{
    static const uint64_t values[] = {0, 1, 2047, 2048, 2049, 1000000, 123456789, LOAD_HISTOGRAM_MAX_NS};
    struct load_histogram *h = histogram_new();
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        load_histogram_init(h);
        load_histogram_add(h, values[i]);
        ck_assert_uint_eq(load_histogram_percentile(h, 1), values[i]);
        ck_assert_uint_eq(load_histogram_percentile(h, 50000), values[i]);
        ck_assert_uint_eq(load_histogram_percentile(h, 100000), values[i]);
        ck_assert_uint_eq(load_histogram_mean_floor(h), values[i]);
        ck_assert_uint_eq(h->min_ns, values[i]);
        ck_assert_uint_eq(h->max_ns, values[i]);
    }
    free(h);
}
END_TEST

/* What is longer than the last bucket's end is counted there; the maximum and the sum stay exact. */
START_TEST(histogram__above_the_top__counted_last_and_max_exact)
{
    struct load_histogram *h = histogram_new();
    load_histogram_add(h, 5);
    load_histogram_add(h, UINT64_MAX);
    load_histogram_add(h, UINT64_MAX);
    ck_assert_uint_eq(h->count, 3);
    ck_assert_uint_eq(h->buckets[LOAD_HISTOGRAM_BUCKETS - 1], 2);
    ck_assert_uint_eq(load_histogram_percentile(h, 99999), UINT64_MAX);
    ck_assert_uint_eq(load_histogram_percentile(h, 33333), 5);
    ck_assert_uint_eq(load_histogram_mean_floor(h), (uint64_t)(((unsigned __int128)UINT64_MAX * 2 + 5) / 3));
    free(h);
}
END_TEST

static int ascending(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* One value of any magnitude within the range. */
static uint64_t any_value(struct pp_rng *rng)
{
    return pp_rng_u64(rng) >> (24 + pp_rng_below(rng, 40));
}

START_TEST(histogram_percentile__random_values__that_of_the_sorted_array)
{
    struct load_histogram *h = histogram_new();
    uint64_t values[2000], low, high;
    struct pp_rng rng;
    pp_rng_init(&rng, 7);
    for (unsigned world = 0; world < 200; world++) {
        const size_t count = 1 + pp_rng_below(&rng, 2000);
        load_histogram_init(h);
        for (size_t i = 0; i < count; i++) {
            values[i] = any_value(&rng);
            load_histogram_add(h, values[i]);
        }
        qsort(values, count, sizeof values[0], ascending);
        for (unsigned k = 0; k < 50; k++) {
            const uint32_t part = k == 0 ? 100000 : 1 + (uint32_t)pp_rng_below(&rng, 100000);
            const uint64_t exact = values[(count * part + 99999) / 100000 - 1];
            const uint64_t told = load_histogram_percentile(h, part);
            load_histogram_bounds(load_histogram_index(exact), &low, &high);
            pp_expect(told >= exact);
            pp_expect(told <= high);
            pp_expect(told <= values[count - 1]);
        }
        pp_expect(h->min_ns == values[0]);
        pp_expect(h->max_ns == values[count - 1]);
    }
    free(h);
}
END_TEST

START_TEST(histogram_merge__parts__the_same_as_the_whole)
{
    struct load_histogram *whole = histogram_new(), *parts[3], *merged = histogram_new();
    struct pp_rng rng;
    pp_rng_init(&rng, 9);
    for (unsigned i = 0; i < 3; i++)
        parts[i] = histogram_new(); /* the last one stays empty */
    for (unsigned i = 0; i < 5000; i++) {
        const uint64_t value = i % 1000 == 0 ? UINT64_MAX - i : any_value(&rng);
        load_histogram_add(whole, value);
        load_histogram_add(parts[i % 2], value);
    }
    for (unsigned i = 0; i < 3; i++) {
        load_histogram_merge(merged, parts[i]);
        free(parts[i]);
    }
    ck_assert_mem_eq(merged, whole, sizeof *whole);
    free(merged);
    free(whole);
}
END_TEST

START_TEST(histogram_next__all_buckets__sum_to_the_count)
{
    struct load_histogram *h = histogram_new();
    struct load_bucket bucket;
    struct pp_rng rng;
    uint64_t sum = 0, before = 0;
    pp_rng_init(&rng, 11);
    for (unsigned i = 0; i < 3000; i++)
        load_histogram_add(h, any_value(&rng));
    for (size_t at = 0; load_histogram_next(h, &at, &bucket);) {
        ck_assert_uint_gt(bucket.count, 0);
        ck_assert(sum == 0 || bucket.low_ns > before);
        before = bucket.high_ns;
        sum += bucket.count;
        ck_assert_uint_eq(load_histogram_count_to(h, bucket.high_ns), sum);
    }
    ck_assert_uint_eq(sum, h->count);
    free(h);
}
END_TEST

PP_TESTS("load_histogram")
PP_TEST(histogram_bounds__every_bucket__adjoin_and_are_a_thousandth_wide)
PP_TEST(histogram__empty__zeros)
PP_TEST(histogram__one_value__every_percentile_is_it)
PP_TEST(histogram__above_the_top__counted_last_and_max_exact)
PP_TEST(histogram_percentile__random_values__that_of_the_sorted_array)
PP_TEST(histogram_merge__parts__the_same_as_the_whole)
PP_TEST(histogram_next__all_buckets__sum_to_the_count)
PP_TESTS_END
