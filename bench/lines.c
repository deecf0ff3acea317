/* results.jsonl: the figures that RESULTS.md shows, a line each as they were printed. Who measures some anew replaces theirs. */
#include "results.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PATH_ROOM 4096u

static void path_make(const char *source, char out[PATH_ROOM])
{
    snprintf(out, PATH_ROOM, "%s/results.jsonl", source);
}

/* ---- reading ---- */

static uint64_t number_of(const json_t *line, const char *name)
{
    const json_int_t number = json_integer_value(json_object_get(line, name));
    return number > 0 ? (uint64_t)number : 0;
}

static uint64_t millis_of(const json_t *line, const char *name)
{
    const double number = json_number_value(json_object_get(line, name));
    return number > 0 && number < 1e12 ? (uint64_t)llround(number * 1000) : 0;
}

static const struct bench_entry *entry_of(const json_t *line)
{
    const char *name = json_string_value(json_object_get(line, "name"));
    for (size_t i = 0; name && i < bench_entries_count; i++)
        if (strcmp(bench_entries[i].name, name) == 0)
            return &bench_entries[i];
    return NULL; /* a measurement that is no more */
}

static void result_read(const json_t *line, const struct bench_entry *entry, struct bench_result *out)
{
    const json_t *points = json_object_get(line, "points"), *point;
    size_t i;
    *out = (struct bench_result){.entry = entry};
    out->figures = (struct bench_figures){
        .value = number_of(line, "value"),
        .limit = number_of(line, "limit"),
        .ratio_millis = millis_of(line, "ratio"),
        .low_millis = millis_of(line, "low"),
        .high_millis = millis_of(line, "high"),
    };
    json_array_foreach(points, i, point)
    {
        if (i >= BENCH_POINTS_MAX)
            break;
        out->figures.points[out->figures.points_count++] = (struct bench_point){
            number_of(point, "x"), number_of(point, "value"), number_of(point, "limit")};
    }
}

static int by_entry(const void *a, const void *b)
{
    const struct bench_result *x = a, *y = b;
    return (x->entry > y->entry) - (x->entry < y->entry); /* one table */
}

static bool has(const struct bench_result *results, size_t count, const struct bench_entry *entry)
{
    for (size_t i = 0; i < count; i++)
        if (results[i].entry == entry)
            return true;
    return false;
}

size_t bench_lines_add(const char *source, struct bench_result *results, size_t count, size_t room)
{
    char path[PATH_ROOM], *text = NULL;
    size_t text_room = 0;
    path_make(source, path);
    FILE *file = fopen(path, "r");
    if (!file)
        return count; /* the first */
    while (count < room && getline(&text, &text_room, file) > 0) {
        json_t *line = json_loads(text, 0, NULL);
        if (!line)
            bench_fail(path, PP_BAD_FORMAT);
        const struct bench_entry *entry = entry_of(line);
        if (entry && !has(results, count, entry))
            result_read(line, entry, &results[count++]);
        json_decref(line);
    }
    free(text);
    fclose(file);
    qsort(results, count, sizeof *results, by_entry);
    return count;
}

/* ---- writing ---- */

void bench_lines_write(const char *source, const struct bench_result *results, size_t count)
{
    char path[PATH_ROOM];
    path_make(source, path);
    FILE *file = fopen(path, "w");
    if (!file)
        bench_fail(path, PP_IO);
    for (size_t i = 0; i < count; i++)
        if (!results[i].failed)
            bench_json_print(file, &results[i]);
    if (ferror(file) || fclose(file) != 0)
        bench_fail(path, PP_IO);
}
