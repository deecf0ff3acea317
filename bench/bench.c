#include "bench.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

uint64_t bench_now_ns(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        bench_fail("clock_gettime", PP_SYSTEM);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t bench_per_second(uint64_t count, uint64_t elapsed_ns)
{
    return (uint64_t)((unsigned __int128)count * 1000000000 / (elapsed_ns > 0 ? elapsed_ns : 1));
}

static int ascending(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

uint64_t bench_median(uint64_t values[BENCH_RUNS])
{
    qsort(values, BENCH_RUNS, sizeof values[0], ascending);
    return values[BENCH_RUNS / 2];
}

unsigned bench_cores(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > 64 ? 64 : (unsigned)cores;
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
