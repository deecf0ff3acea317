/* Goal: the bench's arithmetic is right where nobody would notice: medians, ratios within a run, what is reached and what is
 * not, and the lines and tables that say so; and its README names what it measures.
 * Method: made-up measurements with known numbers; the JSON is parsed; the table of bench/README.md against the code's. */
#include "pp_fixture.h"
#include "pp_test.h"

#include "plot.h"
#include "results.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(quantile__known_numbers__right_place)
{
    uint64_t values[] = {50, 10, 40, 20, 30};
    ck_assert_uint_eq(bench_median(values), 30);
    ck_assert_uint_eq(bench_quantile(values, 4, 500), 30);
    ck_assert_uint_eq(bench_quantile(values, 1, 990), 10);
    ck_assert_uint_eq(bench_quantile(values, 0, 500), 0);
    uint64_t many[1000];
    for (unsigned i = 0; i < 1000; i++)
        many[i] = 1000 - i;
    ck_assert_uint_eq(bench_quantile(many, 1000, 990), 991);
    ck_assert_uint_eq(bench_quantile(many, 1000, 1000), 1000);
}
END_TEST

START_TEST(rates_and_ratios__edges__rounded_without_overflow)
{
    ck_assert_uint_eq(bench_per_second(10, 2000000000), 5);
    ck_assert_uint_eq(bench_per_second(1, 0), 1000000000);
    ck_assert_uint_eq(bench_ratio_millis(2, 3), 667);
    ck_assert_uint_eq(bench_ratio_millis(1, 3), 333);
    ck_assert_uint_eq(bench_ratio_millis(7, 0), 0);
    ck_assert_uint_eq(bench_ratio_millis(UINT64_MAX / 2, UINT64_MAX / 2), 1000);
}
END_TEST

struct made_up {
    unsigned values, limits; /* asked so often */
    char order[32];
};

static uint64_t value_made(void *context)
{
    static const uint64_t values[] = {999999, 100, 300, 200, 500, 400};
    struct made_up *made = context;
    strcat(made->order, "v");
    return values[made->values++];
}

static uint64_t limit_made(void *context)
{
    static const uint64_t limits[] = {1000, 1000, 1000, 100, 1000};
    struct made_up *made = context;
    strcat(made->order, "l");
    return limits[made->limits++];
}

/* The ratio is the median of 0.1, 0.3, 0.2, 5 and 0.4: of numbers that were measured together. */
START_TEST(turns__five_runs__medians_and_the_ratio_within_a_run)
{
    const struct bench_options options = {0};
    struct made_up made = {0};
    struct bench_figures figures = {0};
    bench_in_turns(&options, value_made, limit_made, &made, &figures);
    ck_assert_str_eq(made.order, "vlvlvlvlvlv"); /* the first one warms up */
    ck_assert_uint_eq(figures.value, 300);
    ck_assert_uint_eq(figures.limit, 1000);
    ck_assert_uint_eq(figures.ratio_millis, 300); /* of 100, 300, 200, 5000, 400 */
    ck_assert_uint_eq(figures.low_millis, 100);
    ck_assert_uint_eq(figures.high_millis, 5000);
}
END_TEST

START_TEST(turns__quick__once)
{
    const struct bench_options options = {.quick = true};
    struct made_up made = {.values = 1};
    struct bench_figures figures = {0};
    bench_in_turns(&options, value_made, limit_made, &made, &figures);
    ck_assert_str_eq(made.order, "lv");
    ck_assert_uint_eq(figures.ratio_millis, 100);
    ck_assert_uint_eq(bench_size(&options, 7, 3), 3);
}
END_TEST

static const struct bench_entry at_least = {"some_rate", "stamps/s", "a limit", BENCH_AT_LEAST, 900, NULL};
static const struct bench_entry at_most = {"some_time", "ns", "a bound", BENCH_AT_MOST, 6000, NULL};
static const struct bench_entry shown = {"some_curve", "stamps/s", "itself", BENCH_NO_REACH, 0, NULL};

START_TEST(verdict__at_both_sides_of_the_reach__told)
{
    static const struct {
        const struct bench_entry *entry;
        uint64_t value, limit, ratio_millis;
        bool failed, quick;
        enum bench_verdict verdict;
    } cases[] = {
        {&at_least, 900, 1000, 0, false, false, BENCH_REACHED},
        {&at_least, 8994, 10000, 0, false, false, BENCH_BELOW},
        {&at_least, 100, 1000, 950, false, false,
         BENCH_REACHED}, /* the runs' ratio, not that of the medians */
        {&at_least, 5000, 0, 0, false, false, BENCH_BELOW},
        {&at_most, 6000, 1000, 0, false, false, BENCH_REACHED},
        {&at_most, 6001, 1000, 0, false, false, BENCH_BELOW},
        {&at_most, 6001, 1000, 0, false, true, BENCH_SHOWN},
        {&shown, 1, 1000, 0, false, false, BENCH_SHOWN},
        {&shown, 0, 0, 0, true, false, BENCH_FAILED},
        {&at_least, 900, 1000, 0, true, true, BENCH_FAILED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct bench_result result = {.entry = cases[i].entry,
                                            .failed = cases[i].failed,
                                            .quick = cases[i].quick,
                                            .figures = {.value = cases[i].value,
                                                        .limit = cases[i].limit,
                                                        .ratio_millis = cases[i].ratio_millis}};
        ck_assert_msg(bench_result_verdict(&result) == cases[i].verdict, "case %zu: %d", i,
                      (int)bench_result_verdict(&result));
    }
}
END_TEST

/* What a printer writes into a stream. */
static char *printed(void (*print)(FILE *out, const struct bench_result *results),
                     const struct bench_result *results)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    ck_assert_ptr_nonnull(out);
    print(out, results);
    fclose(out);
    return text;
}

static void json_one(FILE *out, const struct bench_result *results)
{
    bench_json_print(out, results);
}

static json_t *json_of(const struct bench_result *result)
{
    char *text = printed(json_one, result);
    ck_assert_ptr_eq(strchr(text, '\n') + 1, text + strlen(text)); /* one line */
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(object != NULL, "%s", text);
    free(text);
    return object;
}

START_TEST(json__a_figure__members_of_old_and_what_was_reached)
{
    const struct bench_result result = {.entry = &at_least,
                                        .figures = {.value = 30,
                                                    .limit = 40,
                                                    .ratio_millis = 754,
                                                    .low_millis = 700,
                                                    .high_millis = 1020,
                                                    .points_count = 2,
                                                    .points = {{1, 10, 20}, {64, 30, 40}}}};
    json_t *object = json_of(&result);
    ck_assert_str_eq(pp_json_text(object, "name"), "some_rate");
    ck_assert_str_eq(pp_json_text(object, "unit"), "stamps/s");
    ck_assert_str_eq(pp_json_text(object, "limit_name"), "a limit");
    ck_assert_uint_eq(pp_json_u64(object, "value"), 30);
    ck_assert_uint_eq(pp_json_u64(object, "limit"), 40);
    ck_assert_double_eq_tol(json_real_value(json_object_get(object, "ratio")), 0.754, 1e-9);
    ck_assert_double_eq_tol(json_real_value(json_object_get(object, "high")), 1.020, 1e-9);
    ck_assert(!pp_json_bool(object, "reached"));
    ck_assert_uint_eq(json_array_size(json_object_get(object, "points")), 2);
    ck_assert_uint_eq(pp_json_u64(json_array_get(json_object_get(object, "points"), 1), "x"), 64);
    ck_assert_ptr_null(json_object_get(object, "quick"));
    json_decref(object);
}
END_TEST

START_TEST(json__quick_or_failed__never_looks_like_a_figure)
{
    const struct bench_result quick = {
        .entry = &at_least, .quick = true, .figures = {.value = 99, .limit = 10}};
    const struct bench_result failed = {.entry = &at_least, .failed = true};
    json_t *object = json_of(&quick);
    ck_assert(pp_json_bool(object, "quick"));
    ck_assert_ptr_null(json_object_get(object, "reached"));
    json_decref(object);
    object = json_of(&failed);
    ck_assert(pp_json_bool(object, "failed"));
    ck_assert_ptr_null(json_object_get(object, "value"));
    json_decref(object);
}
END_TEST

static void table_three(FILE *out, const struct bench_result *results)
{
    bench_table_print(out, results, 3);
}

START_TEST(table__below_its_reach__said_so)
{
    const struct bench_result results[] = {
        {.entry = &at_least, .figures = {.value = 1234567, .limit = 1000}},
        {.entry = &at_most, .figures = {.value = 9000, .limit = 1000}},
        {.entry = &at_least, .failed = true},
    };
    char *text = printed(table_three, results);
    ck_assert_ptr_nonnull(strstr(text, "1,234,567"));
    ck_assert_ptr_nonnull(strstr(text, "1234.567"));
    ck_assert_ptr_nonnull(strstr(text, "at least 0.90"));
    ck_assert_ptr_nonnull(strstr(text, "at most 6"));
    ck_assert_ptr_nonnull(strstr(text, "NOT REACHED"));
    ck_assert_ptr_nonnull(strstr(text, "FAILED"));
    ck_assert_ptr_null(strstr(text, "QUICK"));
    free(text);
}
END_TEST

START_TEST(readme__its_table__is_the_programs)
{
    struct pp_spec_table table;
    char reach[48];
    pp_spec_table_load("../bench/README.md", "name", &table);
    ck_assert_uint_eq(table.rows, bench_entries_count);
    for (size_t i = 0; i < table.rows; i++) {
        const struct bench_entry *entry = &bench_entries[i];
        ck_assert_str_eq(pp_spec_cell(&table, i, 0), entry->name);
        ck_assert_str_eq(pp_spec_cell(&table, i, 1), entry->unit);
        ck_assert_str_eq(pp_spec_cell(&table, i, 2), entry->limit_name);
        ck_assert_str_eq(pp_spec_cell(&table, i, 3), bench_reach_print(entry, reach));
        ck_assert_ptr_nonnull(entry->run);
    }
    pp_spec_table_done(&table);
}
END_TEST

/* Every name has a paragraph that says how it is measured. */
START_TEST(readme__every_measurement__has_its_method)
{
    char heading[64];
    char *text = pp_source_load("bench/README.md", NULL);
    for (size_t i = 0; i < bench_entries_count; i++) {
        snprintf(heading, sizeof heading, "**`%s`**", bench_entries[i].name);
        ck_assert_msg(strstr(text, heading) != NULL, "%s", heading);
    }
    free(text);
}
END_TEST

static char *plotted(const struct plot *plot)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    ck_assert_ptr_nonnull(out);
    plot_write(out, plot);
    fclose(out);
    return text;
}

/* Both axes are logarithmic: 1, 10, 100 on one and 10, 100, 1000 on the other are a straight line between the corners. */
START_TEST(plot__powers_of_ten__a_straight_line_between_the_corners)
{
    static const struct plot_point points[] = {{1, 10}, {10, 100}, {100, 1000}};
    const struct plot_line line = {"a < b", points, 3};
    const struct plot plot = {"A title", "x, s", "y, 1/s", &line, 1};
    char *text = plotted(&plot);
    ck_assert_ptr_nonnull(strstr(text, "points=\"86.0,376.0 328.0,214.0 570.0,52.0\""));
    ck_assert_ptr_nonnull(strstr(text, "a &lt; b"));
    free(text);
}
END_TEST

START_TEST(plot__one_point_or_none__still_an_axis)
{
    static const struct plot_point point = {5, 0};
    const struct plot_line lines[] = {{"one", &point, 1}, {"none", NULL, 0}};
    const struct plot plot = {"t", "x", "y", lines, 2};
    char *text = plotted(&plot);
    ck_assert_ptr_null(strstr(text, "nan"));
    ck_assert_ptr_null(strstr(text, "inf"));
    free(text);
}
END_TEST

START_TEST(numbers__of_axes_and_tables__short_and_exact)
{
    char text[32];
    ck_assert_str_eq(plot_number_print(1, text), "1");
    ck_assert_str_eq(plot_number_print(500, text), "500");
    ck_assert_str_eq(plot_number_print(20000, text), "20k");
    ck_assert_str_eq(plot_number_print(10000000, text), "10M");
    ck_assert_str_eq(plot_number_print(1500, text), "1500");
    ck_assert_str_eq(bench_number_print(0, text), "0");
    ck_assert_str_eq(bench_number_print(999, text), "999");
    ck_assert_str_eq(bench_number_print(1000, text), "1,000");
    ck_assert_str_eq(bench_number_print(UINT64_MAX, text), "18,446,744,073,709,551,615");
}
END_TEST

static struct bench_result result_of(size_t entry, uint64_t value)
{
    return (struct bench_result){.entry = &bench_entries[entry],
                                 .figures = {.value = value,
                                             .limit = 1000,
                                             .ratio_millis = value,
                                             .low_millis = 12,
                                             .high_millis = 13456,
                                             .points_count = 2,
                                             .points = {{1, 2, 3}, {4, 5, 0}}}};
}

START_TEST(lines__measured_in_pieces__the_newest_of_each_in_order)
{
    struct pp_temp_dir dir;
    struct bench_result kept[3] = {result_of(1, 111), result_of(4, 444), result_of(6, 666)}, all[8];
    char path[512];
    pp_temp_dir_make(&dir);
    all[0] = result_of(4, 999);
    ck_assert_uint_eq(bench_lines_add(dir.path, all, 1, 8), 1);
    bench_lines_write(dir.path, kept, 3);
    snprintf(path, sizeof path, "%s/results.jsonl", dir.path);
    FILE *file = fopen(path, "a");
    fputs("{\"name\":\"measured_no_more\",\"value\":1}\n", file);
    fclose(file);
    ck_assert_uint_eq(bench_lines_add(dir.path, all, 1, 8), 3);
    ck_assert_ptr_eq(all[0].entry, kept[0].entry);
    ck_assert_mem_eq(&all[0].figures, &kept[0].figures, sizeof all[0].figures);
    ck_assert_uint_eq(all[1].figures.value, 999);
    ck_assert_mem_eq(&all[2].figures, &kept[2].figures, sizeof all[2].figures);
    ck_assert_uint_eq(bench_lines_add(dir.path, all, 0, 2), 2);
    pp_temp_dir_remove(&dir);
}
END_TEST

PP_TESTS("bench")
PP_TEST(lines__measured_in_pieces__the_newest_of_each_in_order)
PP_TEST(quantile__known_numbers__right_place)
PP_TEST(rates_and_ratios__edges__rounded_without_overflow)
PP_TEST(turns__five_runs__medians_and_the_ratio_within_a_run)
PP_TEST(turns__quick__once)
PP_TEST(verdict__at_both_sides_of_the_reach__told)
PP_TEST(json__a_figure__members_of_old_and_what_was_reached)
PP_TEST(json__quick_or_failed__never_looks_like_a_figure)
PP_TEST(table__below_its_reach__said_so)
PP_TEST(readme__its_table__is_the_programs)
PP_TEST(readme__every_measurement__has_its_method)
PP_TEST(plot__powers_of_ten__a_straight_line_between_the_corners)
PP_TEST(plot__one_point_or_none__still_an_axis)
PP_TEST(numbers__of_axes_and_tables__short_and_exact)
PP_TESTS_END
