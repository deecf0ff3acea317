/* table.h - figures as people and machines read them: one JSON object a line, one row of a table.
 *
 * Shape: {"name", "value", "unit", "limit_name", "limit", "ratio", "reach", "reached", "low", "high", "points"}; ratios with
 *        three places; low and high are those of the runs; a quick run says "quick": true, for its numbers are no figures.
 */
#ifndef PP_BENCH_TABLE_H
#define PP_BENCH_TABLE_H

#include "bench.h"

#include <stdbool.h>
#include <stdio.h>

enum bench_verdict {
    BENCH_REACHED,
    BENCH_BELOW,  /* not reached */
    BENCH_SHOWN,  /* nothing to reach, or a quick run */
    BENCH_FAILED, /* no figures */
};

struct bench_result {
    const struct bench_entry *entry;
    bool failed;
    bool quick; /* its numbers are no figures: nothing is judged */
    struct bench_figures figures;
};

uint64_t bench_result_ratio_millis(const struct bench_result *result);
enum bench_verdict bench_result_verdict(const struct bench_result *result);
const char *bench_verdict_name(enum bench_verdict verdict);
/* "12.345"; "at least 0.9", "at most 6", "". */
const char *bench_millis_print(uint64_t millis, char out[32]);
const char *bench_reach_print(const struct bench_entry *entry, char out[48]);
/* "1,234,567". */
const char *bench_number_print(uint64_t number, char out[32]);

void bench_json_print(FILE *out, const struct bench_result *result);
/* A row each, columns wide enough; what failed or is below its reach is told so. */
void bench_table_print(FILE *out, const struct bench_result *results, size_t count);
/* The same as Markdown. */
void bench_table_write(FILE *out, const struct bench_result *results, size_t count);

#endif
