/* Goal: exactly the units of the XMTP network, without floating point. Method: every vector made by its own programs, the whole
 * table of the specification, and windows moved by hand. */
#include "congestion_curve.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/congestion.h>

#include <stdlib.h>

static struct pp_congestion window_of(const json_t *counts)
{
    struct pp_congestion window = {0};
    ck_assert_uint_eq(json_array_size(counts), PP_CONGESTION_MINUTES);
    for (unsigned i = 0; i < PP_CONGESTION_MINUTES; i++)
        window.counts[i] = (uint32_t)json_integer_value(json_array_get(counts, i));
    return window;
}

/* FEE-021, FEE-022, FEE-023: units in every vector; the average wherever theirs did not wrap. */
START_TEST(congestion_units__every_vector__equal)
{
    json_t *vectors = pp_vectors_load("xmtp/congestion.json");
    const json_t *cases = pp_json_member(vectors, "cases");
    unsigned compared = 0, wrapped = 0, negative_targets = 0;
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *row = json_array_get(cases, i);
        struct pp_congestion window = window_of(pp_json_member(row, "last5Minutes"));
        int64_t target = json_integer_value(pp_json_member(row, "target"));
        int64_t average = json_integer_value(pp_json_member(row, "average"));
        uint64_t sum = 0;
        for (unsigned minute = 1; minute < PP_CONGESTION_MINUTES; minute++)
            sum += (uint64_t)(PP_CONGESTION_MINUTES - minute) * window.counts[minute];
        if (sum <= INT32_MAX)
            ck_assert_int_eq(pp_congestion_average_floor(&window), average);
        else
            wrapped++; /* their sum is a 32-bit integer */
        ck_assert_uint_eq(pp_congestion_average_floor(&window), sum / 10);
        if (target < 0) { /* cannot be expressed: ours is unsigned, and zero means none */
            negative_targets++;
            target = 0;
        }
        ck_assert_msg(pp_congestion_units(&window, (uint32_t)target) == pp_json_u64(row, "units"),
                      "case %zu: %u units", i, pp_congestion_units(&window, (uint32_t)target));
        compared++;
    }
    ck_assert_uint_eq(compared, 1034);
    ck_assert_uint_gt(wrapped, 0);
    ck_assert_uint_eq(negative_targets, 2);
    json_decref(vectors);
}
END_TEST

START_TEST(congestion_units__thresholds_of_6000__not_one_message_earlier)
{
    json_t *vectors = pp_vectors_load("xmtp/congestion.json");
    const json_t *rows = pp_json_member(vectors, "thresholdsTarget6000");
    ck_assert_uint_eq(json_array_size(rows), PP_CONGESTION_UNITS_MAX);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        uint32_t units = (uint32_t)pp_json_u64(row, "units"), load = (uint32_t)pp_json_u64(row, "minCount");
        ck_assert_uint_eq(pp_congestion_units_of(load, 6000), units);
        ck_assert_uint_eq(pp_congestion_units_of(load - 1, 6000), units - 1);
    }
    json_decref(vectors);
}
END_TEST

/* The ratios of the vectors are doubles; they are compared as their 13 leading digits. */
START_TEST(congestion_curve__ratios_of_the_vectors__equal_to_13_digits)
{
    json_t *vectors = pp_vectors_load("xmtp/congestion.json");
    const json_t *rows = pp_json_member(vectors, "ratioThresholds");
    ck_assert_uint_eq(json_array_size(rows), PP_CONGESTION_UNITS_MAX - 1);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        double ratio = json_real_value(pp_json_member(json_array_get(rows, i), "ratio"));
        ck_assert_uint_le(llabs((long long)(ratio * 1e13) - (long long)(pp_congestion_curve[i] / 100)), 1);
    }
    ck_assert_uint_eq(pp_congestion_curve[PP_CONGESTION_UNITS_MAX - 1], PP_CONGESTION_RATIO_ONE / 2 * 3);
    json_decref(vectors);
}
END_TEST

/* FEE-023 */
START_TEST(congestion_curve__table_of_the_specification__equal)
{
    struct pp_spec_table table;
    pp_spec_table_load("fees.md", "units", &table);
    ck_assert_uint_eq(table.rows, PP_CONGESTION_UNITS_MAX / 5);
    ck_assert_uint_eq(table.columns, 6);
    for (size_t row = 0; row < table.rows; row++) {
        ck_assert_uint_eq(strtoull(pp_spec_cell(&table, row, 0), NULL, 10), 5 * row + 1);
        for (size_t column = 1; column < 6; column++)
            ck_assert_uint_eq(strtoull(pp_spec_cell(&table, row, column), NULL, 10),
                              pp_congestion_curve[5 * row + column - 1]);
    }
    pp_spec_table_done(&table);
}
END_TEST

START_TEST(congestion_units__counting_rows_one_by_one__equal)
{
    struct pp_rng rng;
    pp_rng_init(&rng, 23);
    for (unsigned i = 0; i < 20000; i++) {
        uint32_t target = (uint32_t)pp_rng_edge_u64(&rng);
        uint32_t load = pp_rng_chance(&rng, 2)
                            ? (uint32_t)pp_rng_edge_u64(&rng)
                            : target + (uint32_t)pp_rng_below(&rng, (uint64_t)target / 2 + 2);
        unsigned rows = 0;
        for (unsigned u = 0; target > 0 && u < PP_CONGESTION_UNITS_MAX; u++)
            rows += (pp_u128)load * PP_CONGESTION_RATIO_ONE >= (pp_u128)target * pp_congestion_curve[u];
        ck_assert_uint_eq(pp_congestion_units_of(load, target), rows);
    }
    ck_assert_uint_eq(pp_congestion_units_of(UINT32_MAX, 0), 0);
    ck_assert_uint_eq(pp_congestion_units_of(UINT32_MAX, UINT32_MAX), 0);
    ck_assert_uint_eq(pp_congestion_units_of(UINT32_MAX, 1), 100);
}
END_TEST

/* FEE-020, FEE-024: their sequences of messages, with the window that each one saw. */
START_TEST(congestion_window__sequences_of_the_vectors__same_windows_and_units)
{
    json_t *vectors = pp_vectors_load("xmtp/fees.json");
    const json_t *sequences = pp_json_member(vectors, "congestionSequences");
    unsigned messages = 0;
    for (size_t i = 0; i < json_array_size(sequences); i++) {
        const json_t *sequence = json_array_get(sequences, i);
        uint32_t target = (uint32_t)pp_json_u64(sequence, "targetRatePerMinute");
        const json_t *list = pp_json_member(sequence, "messages"),
                     *seed = pp_json_member(sequence, "seedCounts");
        struct pp_congestion window;
        char minute_text[24];
        pp_congestion_init(&window, 0);
        for (uint64_t minute = 1; minute <= 100; minute++) {
            snprintf(minute_text, sizeof minute_text, "%u", (unsigned)minute);
            pp_congestion_count(&window, minute * PP_MINUTE_MS,
                                (uint32_t)json_integer_value(json_object_get(seed, minute_text)));
        }
        for (size_t j = 0; j < json_array_size(list); j++, messages++) {
            const json_t *message = json_array_get(list, j);
            uint64_t now_ms = pp_json_u64(message, "minute") * PP_MINUTE_MS + j;
            struct pp_congestion expected = window_of(pp_json_member(message, "window"));
            pp_congestion_advance(&window, now_ms);
            ck_assert_mem_eq(window.counts, expected.counts, sizeof window.counts);
            ck_assert_uint_eq(pp_congestion_units(&window, target), pp_json_u64(message, "units"));
            ck_assert_uint_eq(pp_json_u64(sequence, "congestionFee") * pp_congestion_units(&window, target),
                              pp_json_u64(message, "fee"));
            pp_congestion_count(&window, now_ms, 1);
        }
    }
    ck_assert_uint_gt(messages, 200);
    json_decref(vectors);
}
END_TEST

/* FEE-020 */
START_TEST(congestion_advance__every_gap__minutes_move_and_old_ones_go)
{
    for (uint64_t gap = 0; gap <= 7; gap++) {
        struct pp_congestion window = {.minute = 1000, .counts = {1, 2, 3, 4, 5}};
        pp_congestion_advance(&window, (1000 + gap) * PP_MINUTE_MS + 59999);
        ck_assert_uint_eq(window.minute, 1000 + gap);
        for (uint64_t i = 0; i < PP_CONGESTION_MINUTES; i++)
            ck_assert_uint_eq(window.counts[i], i < gap ? 0 : i - gap + 1);
    }
    struct pp_congestion window = {.minute = 1000, .counts = {1, 2, 3, 4, 5}};
    pp_congestion_advance(&window, 0); /* the clock went back */
    pp_congestion_count(&window, 999 * PP_MINUTE_MS, 2);
    ck_assert_uint_eq(window.minute, 1000);
    ck_assert_uint_eq(window.counts[0], 3);
    pp_congestion_advance(&window, UINT64_MAX);
    ck_assert_uint_eq(window.counts[4], 0);
}
END_TEST

/* FEE-025 */
START_TEST(congestion_count__past_32_bits__stays)
{
    struct pp_congestion window;
    pp_congestion_init(&window, 60000);
    pp_congestion_count(&window, 60000, UINT32_MAX - 1);
    pp_congestion_count(&window, 60000, 1);
    pp_congestion_count(&window, 60000, 1);
    pp_congestion_count(&window, 60000, UINT32_MAX);
    ck_assert_uint_eq(window.counts[0], UINT32_MAX);
    for (unsigned i = 0; i < PP_CONGESTION_MINUTES; i++)
        window.counts[i] = UINT32_MAX;
    ck_assert_uint_eq(pp_congestion_average_floor(&window), UINT32_MAX);
}
END_TEST

PP_TESTS("congestion")
PP_TEST(congestion_units__every_vector__equal)
PP_TEST(congestion_units__thresholds_of_6000__not_one_message_earlier)
PP_TEST(congestion_curve__ratios_of_the_vectors__equal_to_13_digits)
PP_TEST(congestion_curve__table_of_the_specification__equal)
PP_TEST(congestion_units__counting_rows_one_by_one__equal)
PP_TEST(congestion_window__sequences_of_the_vectors__same_windows_and_units)
PP_TEST(congestion_advance__every_gap__minutes_move_and_old_ones_go)
PP_TEST(congestion_count__past_32_bits__stays)
PP_TESTS_END
