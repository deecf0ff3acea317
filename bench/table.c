#include "table.h"

#include <inttypes.h>
#include <string.h>

uint64_t bench_result_ratio_millis(const struct bench_result *result)
{
    const struct bench_figures *figures = &result->figures;
    return figures->ratio_millis > 0 ? figures->ratio_millis
                                     : bench_ratio_millis(figures->value, figures->limit);
}

enum bench_verdict bench_result_verdict(const struct bench_result *result)
{
    const struct bench_entry *entry = result->entry;
    const uint64_t ratio = bench_result_ratio_millis(result);
    if (result->failed)
        return BENCH_FAILED;
    if (entry->direction == BENCH_NO_REACH || result->quick)
        return BENCH_SHOWN;
    const bool reached =
        entry->direction == BENCH_AT_LEAST ? ratio >= entry->reach_millis : ratio <= entry->reach_millis;
    return reached ? BENCH_REACHED : BENCH_BELOW;
}

const char *bench_verdict_name(enum bench_verdict verdict)
{
    static const char *const names[] = {[BENCH_REACHED] = "reached",
                                        [BENCH_BELOW] = "NOT REACHED",
                                        [BENCH_SHOWN] = "",
                                        [BENCH_FAILED] = "FAILED"};
    return names[verdict];
}

/* ---- numbers ---- */

const char *bench_millis_print(uint64_t millis, char out[32])
{
    snprintf(out, 32, "%" PRIu64 ".%03" PRIu64, millis / 1000, millis % 1000);
    return out;
}

const char *bench_number_print(uint64_t number, char out[32])
{
    char digits[24];
    size_t count = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, number), at = 0;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

const char *bench_reach_print(const struct bench_entry *entry, char out[48])
{
    const char *words = entry->direction == BENCH_AT_LEAST ? "at least" : "at most";
    out[0] = '\0';
    if (entry->direction == BENCH_NO_REACH)
        return out;
    if (entry->reach_millis % 1000 == 0)
        snprintf(out, 48, "%s %u", words, entry->reach_millis / 1000);
    else
        snprintf(out, 48, "%s %u.%02u", words, entry->reach_millis / 1000, entry->reach_millis % 1000 / 10);
    return out;
}

/* ---- JSON ---- */

static void points_print(FILE *out, const struct bench_figures *figures)
{
    fputs(",\"points\":[", out);
    for (uint32_t i = 0; i < figures->points_count; i++)
        fprintf(out, "%s{\"x\":%" PRIu64 ",\"value\":%" PRIu64 ",\"limit\":%" PRIu64 "}", i > 0 ? "," : "",
                figures->points[i].x, figures->points[i].value, figures->points[i].limit);
    fputc(']', out);
}

void bench_json_print(FILE *out, const struct bench_result *result)
{
    const struct bench_entry *entry = result->entry;
    const struct bench_figures *figures = &result->figures;
    const enum bench_verdict verdict = bench_result_verdict(result);
    char ratio[32], low[32], high[32], reach[48];
    fprintf(out, "{\"name\":\"%s\"", entry->name);
    if (result->quick)
        fputs(",\"quick\":true", out);
    if (result->failed) {
        fputs(",\"failed\":true}\n", out);
        fflush(out);
        return;
    }
    fprintf(out,
            ",\"value\":%" PRIu64 ",\"unit\":\"%s\",\"limit_name\":\"%s\",\"limit\":%" PRIu64 ",\"ratio\":%s",
            figures->value, entry->unit, entry->limit_name, figures->limit,
            bench_millis_print(bench_result_ratio_millis(result), ratio));
    if (verdict != BENCH_SHOWN)
        fprintf(out, ",\"reach\":\"%s\",\"reached\":%s", bench_reach_print(entry, reach),
                verdict == BENCH_REACHED ? "true" : "false");
    if (figures->high_millis > 0)
        fprintf(out, ",\"low\":%s,\"high\":%s", bench_millis_print(figures->low_millis, low),
                bench_millis_print(figures->high_millis, high));
    if (figures->points_count > 0)
        points_print(out, figures);
    fputs("}\n", out);
    fflush(out);
}

/* ---- tables ---- */

#define COLUMNS 7u
#define CELL_ROOM 128u
#define FIRST_RIGHT 2u /* numbers stand right */
#define LAST_RIGHT 4u

static const char *const headings[COLUMNS] = {"name", "unit", "value", "limit", "ratio", "reach", ""};

static void cells_make(const struct bench_result *result, char cells[COLUMNS][CELL_ROOM])
{
    const struct bench_entry *entry = result->entry;
    char text[48];
    memset(cells, 0, COLUMNS * CELL_ROOM);
    snprintf(cells[0], CELL_ROOM, "%s", entry->name);
    snprintf(cells[1], CELL_ROOM, "%s", entry->unit);
    if (!result->failed) {
        snprintf(cells[2], CELL_ROOM, "%s", bench_number_print(result->figures.value, text));
        snprintf(cells[3], CELL_ROOM, "%s", bench_number_print(result->figures.limit, text));
        snprintf(cells[4], CELL_ROOM, "%s", bench_millis_print(bench_result_ratio_millis(result), text));
    }
    snprintf(cells[5], CELL_ROOM, "%s", bench_reach_print(entry, text));
    snprintf(cells[6], CELL_ROOM, "%s", bench_verdict_name(bench_result_verdict(result)));
}

static void row_print(FILE *out, const int widths[COLUMNS], const char cells[COLUMNS][CELL_ROOM])
{
    for (unsigned i = 0; i < COLUMNS; i++)
        fprintf(out, "%s%*s", i > 0 ? "  " : "", i >= FIRST_RIGHT && i <= LAST_RIGHT ? widths[i] : -widths[i],
                cells[i]);
    fputc('\n', out);
}

void bench_table_print(FILE *out, const struct bench_result *results, size_t count)
{
    char cells[COLUMNS][CELL_ROOM];
    int widths[COLUMNS];
    for (unsigned i = 0; i < COLUMNS; i++)
        widths[i] = (int)strlen(headings[i]);
    for (size_t row = 0; row < count; row++) {
        cells_make(&results[row], cells);
        for (unsigned i = 0; i < COLUMNS; i++)
            widths[i] = (int)strlen(cells[i]) > widths[i] ? (int)strlen(cells[i]) : widths[i];
    }
    if (count > 0 && results[0].quick)
        fputs("QUICK: one tiny run of each, to see that it runs. These are no figures.\n", out);
    memset(cells, 0, sizeof cells);
    for (unsigned i = 0; i < COLUMNS; i++)
        snprintf(cells[i], CELL_ROOM, "%s", headings[i]);
    row_print(out, widths, (const char(*)[CELL_ROOM])cells);
    for (size_t row = 0; row < count; row++) {
        cells_make(&results[row], cells);
        row_print(out, widths, (const char(*)[CELL_ROOM])cells);
    }
    fflush(out);
}

void bench_table_write(FILE *out, const struct bench_result *results, size_t count)
{
    char cells[COLUMNS][CELL_ROOM], low[32], high[32];
    fputs("| name | unit | value | limit | ratio | runs | reach | |\n|---|---|---:|---:|---:|---|---|---|\n",
          out);
    for (size_t row = 0; row < count; row++) {
        const struct bench_figures *figures = &results[row].figures;
        cells_make(&results[row], cells);
        fprintf(out, "| `%s` | %s | %s | %s | %s | ", cells[0], cells[1], cells[2], cells[3], cells[4]);
        if (!results[row].failed && figures->high_millis > 0)
            fprintf(out, "%s to %s", bench_millis_print(figures->low_millis, low),
                    bench_millis_print(figures->high_millis, high));
        fprintf(out, " | %s | %s |\n", cells[5], cells[6]);
    }
}
