/* results.h - RESULTS.md: the figures, the machine that they were measured on, and plots of how the cost grows.
 *
 * Shape: results.jsonl holds the lines that the page shows. A run that measures some writes theirs anew and keeps the others, so
 *        that a page can be measured in pieces.
 */
#ifndef PP_BENCH_RESULTS_H
#define PP_BENCH_RESULTS_H

#include "table.h"

/* The machine by its parts, one "| part | what |" a line; `dir` is on the file system that was measured. No names of hosts,
 * no paths. */
void bench_machine_write(FILE *out, const char *dir);
/* Adds the lines of source/results.jsonl that are not among the results, as many as there is room for, and sorts them as the
 * table is. The new count. */
size_t bench_lines_add(const char *source, struct bench_result *results, size_t count, size_t room);
void bench_lines_write(const char *source, const struct bench_result *results, size_t count);
/* source/RESULTS.md and source/plots/NAME.svg. Ends the program when a file cannot be written. */
void bench_results_write(const char *source, const char *dir, const struct bench_result *results,
                         size_t count);

#endif
