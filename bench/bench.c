#include "bench.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

uint64_t bench_now_ns(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        bench_fail("clock_gettime", PP_SYSTEM);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t bench_processor_ns(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        bench_fail("getrusage", PP_SYSTEM);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000 +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

uint64_t bench_per_second(uint64_t count, uint64_t elapsed_ns)
{
    return (uint64_t)((unsigned __int128)count * 1000000000 / (elapsed_ns > 0 ? elapsed_ns : 1));
}

uint64_t bench_ratio_millis(uint64_t a, uint64_t b)
{
    return b == 0 ? 0 : (uint64_t)(((unsigned __int128)a * 1000 + b / 2) / b);
}

uint32_t bench_size(const struct bench_options *options, uint32_t full, uint32_t quick)
{
    return options->quick ? quick : full;
}

/* ---- medians ---- */

static int ascending(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

uint64_t bench_quantile(uint64_t *values, size_t count, unsigned of_thousand)
{
    if (count == 0)
        return 0;
    qsort(values, count, sizeof values[0], ascending);
    size_t place = count * of_thousand / 1000;
    return values[place < count ? place : count - 1];
}

uint64_t bench_median(uint64_t values[BENCH_RUNS])
{
    return bench_quantile(values, BENCH_RUNS, 500);
}

void bench_in_turns(const struct bench_options *options, bench_measure *value, bench_measure *limit,
                    void *context, struct bench_figures *out)
{
    uint64_t values[BENCH_RUNS], limits[BENCH_RUNS], ratios[BENCH_RUNS];
    const unsigned runs = options->quick ? 1 : BENCH_RUNS;
    if (!options->quick)
        (void)value(context);
    for (unsigned i = 0; i < runs; i++) {
        limits[i] = limit(context);
        values[i] = value(context);
        ratios[i] = bench_ratio_millis(values[i], limits[i]);
    }
    out->value = bench_quantile(values, runs, 500);
    out->limit = bench_quantile(limits, runs, 500);
    out->ratio_millis = bench_quantile(ratios, runs, 500);
    out->low_millis = ratios[0];
    out->high_millis = ratios[runs - 1];
}

/* ---- the machine and its folders ---- */

unsigned bench_cores(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > (long)BENCH_CORES_MAX ? BENCH_CORES_MAX : (unsigned)cores;
}

void bench_fail(const char *what, enum pp_error error)
{
    fprintf(stderr, "pp_bench: %s: %s: %s\n", what, pp_error_name(error), pp_error_sentence(error));
    exit(1);
}

static char *join(const char *dir, const char *name)
{
    size_t room = strlen(dir) + strlen(name) + 2;
    char *path = malloc(room);
    if (!path)
        bench_fail("path", PP_NO_MEMORY);
    snprintf(path, room, "%s/%s", dir, name);
    return path;
}

char *bench_path(const struct bench_options *options, const char *name)
{
    return join(options->dir, name);
}

void bench_remove(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    while (folder && (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *inner = join(path, entry->d_name);
        if (unlink(inner) != 0)
            bench_remove(inner);
        free(inner);
    }
    if (folder)
        closedir(folder);
    (void)!rmdir(path);
}
