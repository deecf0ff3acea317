/* plot.h - a line plot as SVG: logarithmic axes, units, a legend. For the pages of results, not for the product.
 *
 * Limits: values below 1 are drawn at 1, for both axes are logarithmic; at most PLOT_LINES_MAX lines.
 */
#ifndef PP_BENCH_PLOT_H
#define PP_BENCH_PLOT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PLOT_LINES_MAX 4u

struct plot_point {
    uint64_t x, y;
};
struct plot_line {
    const char *name;
    const struct plot_point *points; /* by rising x */
    size_t count;
};
struct plot {
    const char *title, *x_label, *y_label; /* labels name their units */
    const struct plot_line *lines;
    size_t lines_count;
};

void plot_write(FILE *out, const struct plot *plot);
/* "1k", "20M"; of a number with few digits, as axes have. */
const char *plot_number_print(uint64_t number, char out[32]);

#endif
