#include "results.h"

#include "plot.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define PATH_ROOM 4096u

static FILE *file_open(const char *path)
{
    FILE *file = fopen(path, "w");
    if (!file)
        bench_fail(path, PP_IO);
    return file;
}

static void file_close(FILE *file, const char *path)
{
    if (fflush(file) != 0 || ferror(file) || fclose(file) != 0)
        bench_fail(path, PP_IO);
}

/* ---- plots ---- */

/* What a curve's axes and lines are called. */
struct curve {
    const char *name, *title, *x_label, *y_label, *value_name, *limit_name;
};
static const struct curve curves[] = {
    {"curve_batch", "Charges by batch size", "stamps in a batch", "stamps per second", "pennypost", "limit"},
    {"lanes_1e7", "Charges by number of lanes", "lanes, 1 % of them busy", "stamps per second", "pennypost",
     "limit"},
    {"epoch_1e6_lanes_s", "Report and payout proofs by number of lanes", "lanes", "milliseconds of a core",
     "pennypost", "its hashes alone"},
    {"epoch_1e6_lanes_mib", "Memory of a report by number of lanes", "lanes", "MiB", "pennypost", "limit"},
    {"audit_1e6_lanes_s", "Recomputing a report by number of lanes", "lanes", "milliseconds of a core",
     "pennypost", "its hashes alone"},
    {"payout_proofs", "All payout proofs by number of operators", "operators", "microseconds", "pennypost",
     "the tree's hashes, once"},
};

static const struct curve *curve_of(const struct bench_result *result)
{
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++)
        if (!result->failed && result->figures.points_count > 0 &&
            strcmp(curves[i].name, result->entry->name) == 0)
            return &curves[i];
    return NULL;
}

static void curve_plot(const char *source, const struct curve *curve, const struct bench_figures *figures)
{
    char path[PATH_ROOM];
    struct plot_point values[BENCH_POINTS_MAX], limits[BENCH_POINTS_MAX];
    size_t limits_count = 0;
    for (uint32_t i = 0; i < figures->points_count; i++) {
        const struct bench_point *point = &figures->points[i];
        values[i] = (struct plot_point){point->x, point->value};
        if (point->limit > 0)
            limits[limits_count++] = (struct plot_point){point->x, point->limit};
    }
    const struct plot_line lines[] = {{curve->value_name, values, figures->points_count},
                                      {curve->limit_name, limits, limits_count}};
    const struct plot plot = {curve->title, curve->x_label, curve->y_label, lines, limits_count > 0 ? 2 : 1};
    snprintf(path, sizeof path, "%s/plots/%s.svg", source, curve->name);
    FILE *file = file_open(path);
    plot_write(file, &plot);
    file_close(file, path);
}

static void curve_write(FILE *out, const struct curve *curve, const struct bench_figures *figures)
{
    char number[32];
    fprintf(out, "\n## %s\n\n![%s](plots/%s.svg)\n\n| %s | %s, %s | %s |\n|---:|---:|---:|\n", curve->title,
            curve->title, curve->name, curve->x_label, curve->value_name, curve->y_label, curve->limit_name);
    for (uint32_t i = 0; i < figures->points_count; i++) {
        const struct bench_point *point = &figures->points[i];
        fprintf(out, "| %s | ", bench_number_print(point->x, number));
        fprintf(out, "%s | ", bench_number_print(point->value, number));
        fprintf(out, "%s |\n", point->limit > 0 ? bench_number_print(point->limit, number) : "");
    }
}

/* ---- the page ---- */

static void head_write(FILE *out)
{
    char day[32] = "";
    time_t now = time(NULL);
    struct tm parts;
    if (gmtime_r(&now, &parts))
        strftime(day, sizeof day, "%Y-%m-%d", &parts);
    fprintf(out,
            "# Results\n\nWritten by `./dev bench --write-results`, last on %s. What each name means, and how it "
            "is measured: "
            "[README.md](README.md).\nValue and limit are medians of %u runs, taken in turns; the ratio is "
            "the median of the "
            "runs' ratios, and *runs* the lowest\nand the highest of them. Absolute figures differ from "
            "machine to machine and "
            "from hour to hour; ratios much less.\n\n## The machine\n\n",
            day, BENCH_RUNS);
}

/* What was left out is named, so that nobody takes a part for the whole. */
static void left_out_write(FILE *out, const struct bench_result *results, size_t count)
{
    bool some = false;
    for (size_t i = 0; i < bench_entries_count; i++) {
        bool there = false;
        for (size_t k = 0; k < count && !there; k++)
            there = results[k].entry == &bench_entries[i];
        if (there)
            continue;
        fprintf(out, "%s`%s`", some ? ", " : "\nNot measured: ", bench_entries[i].name);
        some = true;
    }
    if (some)
        fputs(".\n", out);
}

void bench_results_write(const char *source, const char *dir, const struct bench_result *results,
                         size_t count)
{
    char path[PATH_ROOM];
    snprintf(path, sizeof path, "%s/plots", source);
    (void)mkdir(path, 0777); /* there already, mostly; otherwise the first plot says so */
    snprintf(path, sizeof path, "%s/RESULTS.md", source);
    FILE *file = file_open(path);
    head_write(file);
    bench_machine_write(file, dir);
    fputs("\n## Figures\n\n", file);
    if (count > 0 && results[0].quick)
        fputs("**QUICK: one tiny run of each, to see that it runs. These are no figures.**\n\n", file);
    bench_table_write(file, results, count);
    fputs("\n", file);
    for (size_t i = 0; i < count; i++)
        fprintf(file, "- `%s`: against %s\n", results[i].entry->name, results[i].entry->limit_name);
    left_out_write(file, results, count);
    for (size_t i = 0; i < count; i++) {
        const struct curve *curve = curve_of(&results[i]);
        if (!curve)
            continue;
        curve_plot(source, curve, &results[i].figures);
        curve_write(file, curve, &results[i].figures);
    }
    file_close(file, path);
}
