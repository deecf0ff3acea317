/* journal_append: the journal's groups in LMDB, against the same bytes in a preallocated log file with one fdatasync a
 * group. specs/journal.md decides by it. */
#include "bench.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GROUP 64u          /* what a flood of single stamps makes */
#define RECORD_BYTES 1344u /* a single stamp's record, and its envelope of 1 KiB */
#define RECORDS 32000u
#define RECORDS_QUICK 128u
#define ZEROS_BYTES (1u << 16)

/* Zeros, so that writing later changes no metadata: what a log in front of a store would do. */
static void preallocate(int file, uint8_t *zeros, uint32_t records)
{
    for (uint64_t at = 0; at < (uint64_t)records * RECORD_BYTES + ZEROS_BYTES; at += ZEROS_BYTES)
        if (write(file, zeros, ZEROS_BYTES) != ZEROS_BYTES)
            bench_fail("log", PP_IO);
    if (fsync(file) != 0)
        bench_fail("log", PP_IO);
}

static uint64_t log_rate(const struct bench_options *options)
{
    const uint32_t records = bench_size(options, RECORDS, RECORDS_QUICK);
    char *path = bench_path(options, "append.log");
    uint8_t *group = calloc(1, GROUP * RECORD_BYTES > ZEROS_BYTES ? GROUP * RECORD_BYTES : ZEROS_BYTES);
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 || !group)
        bench_fail(path, PP_IO);
    preallocate(file, group, records);
    uint64_t started_ns = bench_now_ns();
    for (uint64_t at = 0; at < records; at += GROUP) {
        memset(group, (int)(at / GROUP), GROUP * RECORD_BYTES);
        if (pwrite(file, group, GROUP * RECORD_BYTES, (off_t)(at * RECORD_BYTES)) != GROUP * RECORD_BYTES ||
            fdatasync(file) != 0)
            bench_fail("log", PP_IO);
    }
    uint64_t rate = bench_per_second(records, bench_now_ns() - started_ns);
    close(file);
    unlink(path);
    free(group);
    free(path);
    return rate;
}

static uint64_t append_limit(void *context)
{
    return log_rate(context);
}

static uint64_t append_value(void *context)
{
    const struct bench_options *options = context;
    return bench_append_rate(options, RECORD_BYTES, bench_size(options, RECORDS, RECORDS_QUICK), GROUP);
}

void bench_journal_append(const struct bench_options *options, struct bench_figures *out)
{
    struct bench_options same = *options;
    bench_in_turns(options, append_value, append_limit, &same, out);
}
