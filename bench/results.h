/* results.h - RESULTS.md: a whole run, the machine that it ran on, and plots of how the cost grows. */
#ifndef PP_BENCH_RESULTS_H
#define PP_BENCH_RESULTS_H

#include "table.h"

/* The machine by its parts, one "| part | what |" a line; `dir` is on the file system that was measured. No names of hosts,
 * no paths. */
void bench_machine_write(FILE *out, const char *dir);
/* source/RESULTS.md and source/plots/NAME.svg. Ends the program when a file cannot be written. */
void bench_results_write(const char *source, const char *dir, const struct bench_result *results,
                         size_t count);

#endif
