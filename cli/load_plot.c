/* Latencies as a picture of characters. */
#include "load_report.h"

#include <inttypes.h>

#define BAR_MAX 26u
#define ROWS_MAX 96u /* two for each power of two of 40 bits, and some */

char *load_duration_print(uint64_t ns, char out[LOAD_DURATION_MAX])
{
    static const struct {
        uint64_t from, unit;
        const char *name;
    } rows[] = {{1000000000, 1000000000, "s"}, {1000000, 1000000, "ms"}, {1000, 1000, "us"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (ns < rows[i].from)
            continue;
        const double value = (double)ns / (double)rows[i].unit;
        snprintf(out, LOAD_DURATION_MAX,
                 value < 10    ? "%.3f %s"
                 : value < 100 ? "%.2f %s"
                               : "%.1f %s",
                 value, rows[i].name);
        return out;
    }
    snprintf(out, LOAD_DURATION_MAX, "%" PRIu64 " ns", ns);
    return out;
}

/* Row 2k begins at 2^k, row 2k + 1 at 1.5 x 2^k: both begin a bucket. */
static uint64_t row_begin(unsigned row)
{
    const uint64_t power = UINT64_C(1) << (row / 2);
    return row % 2 == 0 ? power : power + power / 2;
}

static unsigned row_of(uint64_t ns)
{
    unsigned row = 2 * (63u - (unsigned)__builtin_clzll(ns | 2));
    return ns >= row_begin(row + 1) ? row + 1 : row;
}

/* One character for each of a few counts, then for each doubling or so: the tail is seen beside the bulk. */
static unsigned bar_of(uint64_t count, uint64_t most)
{
    unsigned length = 0, full = 0;
    for (uint64_t c = count; c > 0; c = c * 2 / 3)
        length++;
    for (uint64_t c = most; c > 0; c = c * 2 / 3)
        full++;
    return full <= BAR_MAX ? length : (length * BAR_MAX + full - 1) / full;
}

void load_plot_print(const struct load_histogram *histogram, FILE *out)
{
    uint64_t rows[ROWS_MAX] = {0}, most = 0, seen = 0;
    unsigned first = ROWS_MAX, last = 0;
    struct load_bucket bucket;
    for (size_t at = 0; load_histogram_next(histogram, &at, &bucket);) {
        const unsigned row = row_of(bucket.low_ns);
        rows[row] += bucket.count;
        most = rows[row] > most ? rows[row] : most;
        first = row < first ? row : first;
        last = row;
    }
    if (histogram->count == 0)
        return;
    fprintf(out, "latency from when a request was due; bars by the logarithm of the count\n");
    for (unsigned row = first; row <= last; row++) {
        char from[LOAD_DURATION_MAX], to[LOAD_DURATION_MAX];
        const unsigned bar = bar_of(rows[row], most);
        seen += rows[row];
        fprintf(out, "%10s .. %-10s |%.*s%*s %9" PRIu64 " %8.3f %%\n",
                load_duration_print(row_begin(row), from), load_duration_print(row_begin(row + 1), to),
                (int)bar, "##############################", (int)(BAR_MAX - bar), "", rows[row],
                100.0 * (double)seen / (double)histogram->count);
    }
    fprintf(out, "\n");
}
