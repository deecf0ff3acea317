/* startup_1e7: from nothing in memory and nothing in the system's cache until the node takes requests, with 10^7 lanes of
 * which one in a hundred has sent; against reading the file with its checkpoint from one end to the other, as cold. */
#include "many.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LANES_FEW 1000u
#define LANES_SOME 100000u
#define LANES_MOST 10000000u
#define PAYLOAD_BYTES 16u
#define WINDOW 2048u
#define READ_BYTES (1u << 20)

static int file_open(const char *dir, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        bench_fail(path, PP_IO);
    return file;
}

/* Out of the system's cache. */
static void file_cool(const char *dir, const char *name)
{
    int file = file_open(dir, name);
    if (fsync(file) != 0 || posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) != 0)
        bench_fail(name, PP_IO);
    close(file);
}

static void folder_cool(const char *dir)
{
    file_cool(dir, "journal.mdb");
    file_cool(dir, "derived.mdb");
}

static uint64_t read_us(const char *dir)
{
    int file = file_open(dir, "derived.mdb");
    uint8_t *room = malloc(READ_BYTES);
    uint64_t started_ns = bench_now_ns();
    ssize_t length;
    if (!room || posix_fadvise(file, 0, 0, POSIX_FADV_SEQUENTIAL) != 0)
        bench_fail("derived.mdb", PP_NO_MEMORY);
    while ((length = read(file, room, READ_BYTES)) > 0)
        continue;
    if (length < 0)
        bench_fail("derived.mdb", PP_IO);
    uint64_t elapsed_ns = bench_now_ns() - started_ns;
    free(room);
    close(file);
    return elapsed_ns / 1000;
}

static void folder_make(struct traffic *traffic, const char *dir, uint32_t lanes)
{
    uint32_t busy = traffic->shape.lanes;
    struct pp_node *node = traffic_open(traffic, dir);
    many_learn(traffic, node, 0, lanes - busy);
    many_clock(traffic);
    traffic_head(traffic, node);
    traffic_fund(traffic, node, 0, busy);
    traffic_run(traffic, node, 0, busy, WINDOW);
    pp_node_close(node);
}

static uint64_t open_us(struct traffic *traffic, const char *dir)
{
    uint64_t started_ns = bench_now_ns();
    struct pp_node *node = traffic_open(traffic, dir);
    uint64_t elapsed_ns = bench_now_ns() - started_ns;
    pp_node_close(node);
    return elapsed_ns / 1000;
}

void bench_startup_measure(const struct bench_options *options, uint32_t lanes, struct bench_figures *out)
{
    struct traffic traffic;
    uint64_t values[BENCH_RUNS], limits[BENCH_RUNS];
    const struct traffic_shape shape = {
        .lanes = lanes / 100, .requests = lanes / 100, .stamps = 1, .payload_bytes = PAYLOAD_BYTES};
    char *dir = bench_path(options, "node");
    traffic_make(&traffic, &shape);
    many_room(&traffic, lanes);
    folder_make(&traffic, dir, lanes);
    for (unsigned i = 0; i < BENCH_RUNS; i++) {
        folder_cool(dir);
        limits[i] = read_us(dir);
        folder_cool(dir);
        values[i] = open_us(&traffic, dir);
    }
    traffic_done(&traffic);
    bench_remove(dir);
    free(dir);
    *out = (struct bench_figures){bench_median(values), bench_median(limits)};
}

void bench_startup_1e7(const struct bench_options *options, struct bench_figures *out)
{
    static const uint32_t sizes[] = {LANES_FEW, LANES_SOME, LANES_MOST};
    struct bench_point points[3];
    const unsigned count = options->quick ? 1 : 3;
    for (unsigned i = 0; i < count; i++) {
        bench_startup_measure(options, sizes[i], out);
        points[i] = (struct bench_point){sizes[i], out->value, out->limit};
    }
    out->points_count = count;
    memcpy(out->points, points, count * sizeof points[0]);
}
