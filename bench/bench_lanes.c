/* lane_idle_bytes: real memory of a lane that has sent, and is idle: anonymous resident memory of the process, before and
 * after LANES lanes were learned and charged, and all that they stored has expired.
 * What every node has whatever its lanes (rings, groups, threads) is touched by other lanes before. */
#include "bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_BYTES 512u
#define WARM_LANES 4096u
#define LANES 100000u
#define PAYLOAD_BYTES 16u
#define WINDOW 2048u
#define DAY_MS UINT64_C(86400000)

static uint64_t resident_bytes(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    uint64_t kib = 0;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "RssAnon: %" SCNu64, &kib) == 1)
            break;
    if (!file || kib == 0)
        bench_fail("/proc/self/status", PP_IO);
    fclose(file);
    return kib * 1024;
}

static void settle(struct traffic *traffic, struct pp_node *node)
{
    traffic->extra_ms += 3 * DAY_MS;
    traffic_head(traffic, node);
    traffic_fund(traffic, node, 0, 1); /* again, which says nothing new; but the days before it begin */
}

static uint64_t run_once(struct traffic *traffic, const struct bench_options *options)
{
    char *dir = bench_path(options, "node");
    struct pp_node *node = traffic_open(traffic, dir);
    traffic_fund(traffic, node, 0, WARM_LANES);
    traffic_run(traffic, node, 0, WARM_LANES, WINDOW);
    uint64_t before = resident_bytes();
    traffic_fund(traffic, node, WARM_LANES, LANES);
    traffic_run(traffic, node, WARM_LANES, LANES, WINDOW);
    settle(traffic, node);
    uint64_t after = resident_bytes();
    pp_node_close(node);
    bench_remove(dir);
    free(dir);
    return (after - before + LANES - 1) / LANES;
}

void bench_lane_idle_bytes(const struct bench_options *options, struct bench_figures *out)
{
    struct traffic traffic;
    uint64_t values[BENCH_RUNS];
    traffic_make(&traffic, &(struct traffic_shape){WARM_LANES + LANES, WARM_LANES + LANES, 1, PAYLOAD_BYTES});
    for (unsigned i = 0; i < BENCH_RUNS; i++)
        values[i] = run_once(&traffic, options);
    traffic_done(&traffic);
    *out = (struct bench_figures){bench_median(values), LIMIT_BYTES};
}
