/* pp_bench: prints one JSON object a line for each measurement. */
#include "bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    const char *name;
    const char *unit;
    const char *limit_name;
    void (*run)(const struct bench_options *options, struct bench_figures *out);
};

static const struct entry entries[] = {
    {"single_durable", "stamps/s", "bare secp256k1_ecdsa_verify on the same cores, per second",
     bench_single_durable},
    {"batch64_store", "envelopes/s", "LMDB append of the same bytes in groups of 1024, per second",
     bench_batch64_store},
    {"http_single", "stamps/s of a core", "1 / (1 / empty handler + 1 / verify), per second of a core", bench_http_single},
    {"lane_idle_bytes", "bytes", "at most", bench_lane_idle_bytes},
    {"journal_append", "records/s", "a preallocated log, one fdatasync a group of 64, per second", bench_journal_append},
};
#define ENTRIES (sizeof entries / sizeof entries[0])

static int usage(FILE *out)
{
    fprintf(
        out,
        "pp_bench [--only NAME] [--dir FOLDER]\n\n"
        "Measures, and prints one JSON object a line: value and limit are medians of %u runs, taken in "
        "turns;\n"
        "ratio = value / limit. FOLDER is on the disk to measure (default: /var/tmp).\n\nNAME is one of\n",
        BENCH_RUNS);
    for (size_t i = 0; i < ENTRIES; i++)
        fprintf(out, "  %-18s %s; limit: %s\n", entries[i].name, entries[i].unit, entries[i].limit_name);
    return out == stdout ? 0 : 2;
}

static void entry_run(const struct entry *entry, const char *base)
{
    struct bench_figures figures;
    char dir[4096];
    if (snprintf(dir, sizeof dir, "%s/pp-bench.XXXXXX", base) >= (int)sizeof dir || !mkdtemp(dir))
        bench_fail(base, PP_IO);
    const struct bench_options options = {dir};
    entry->run(&options, &figures);
    bench_remove(dir);
    uint64_t thousandths =
        figures.limit == 0 ? 0 : (1000 * figures.value + figures.limit / 2) / figures.limit;
    printf("{\"name\":\"%s\",\"value\":%" PRIu64 ",\"unit\":\"%s\",\"limit_name\":\"%s\",\"limit\":%" PRIu64
           ",\"ratio\":%" PRIu64 ".%03" PRIu64 "}\n",
           entry->name, figures.value, entry->unit, entry->limit_name, figures.limit, thousandths / 1000,
           thousandths % 1000);
    fflush(stdout);
}

int main(int count, char **arguments)
{
    const char *only = NULL, *base = "/var/tmp";
    for (int i = 1; i < count; i++) {
        if (strcmp(arguments[i], "--help") == 0)
            return usage(stdout);
        if (i + 1 < count && strcmp(arguments[i], "--only") == 0)
            only = arguments[++i];
        else if (i + 1 < count && strcmp(arguments[i], "--dir") == 0)
            base = arguments[++i];
        else
            return usage(stderr);
    }
    size_t ran = 0;
    for (size_t i = 0; i < ENTRIES; i++)
        if (!only || strcmp(only, entries[i].name) == 0) {
            entry_run(&entries[i], base);
            ran++;
        }
    return ran > 0 ? 0 : usage(stderr);
}
