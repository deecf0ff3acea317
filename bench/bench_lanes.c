/* lane_idle_bytes, lane_busy_bytes: real memory of a lane: anonymous resident memory of the process, before and after LANES
 * lanes came. An idle lane has sent, and all that it stored has expired; checkpoints were written meanwhile, and what they
 * leave in memory counts. A busy one has sent just now, and holds days to come.
 * What every node has whatever its lanes (rings, groups, threads, the keys of the lanes that sent last) is touched by other
 * lanes before. */
#include "many.h"

#include <stdlib.h>

#define IDLE_LIMIT_BYTES 256u
#define BUSY_LIMIT_BYTES 1024u
#define WARM_LANES (1u << 17) /* as many as the node keeps keys of */
#define LANES_QUICK 64u
#define LANES 131072u
#define PAYLOAD_BYTES 16u
#define WINDOW 2048u
#define DAY_MS UINT64_C(86400000)

static void settle(struct traffic *traffic, struct pp_node *node)
{
    const uint32_t all = traffic->shape.lanes;
    traffic->extra_ms += 3 * DAY_MS;
    traffic_head(traffic, node);
    traffic_fund(traffic, node, 0, 1); /* again, which says nothing new; but the days before it begin */
    for (uint32_t lanes = 0; lanes < all; lanes += 1024)
        BENCH_OK(pp_node_tick(node)); /* and lanes are brought to them */
}

static uint64_t run_once(struct traffic *traffic, const struct bench_options *options, bool idle)
{
    const uint32_t count = bench_size(options, LANES, LANES_QUICK), warm = traffic->shape.lanes - count;
    char *dir = bench_path(options, "node");
    many_room(traffic, 0);
    struct pp_node *node = traffic_open(traffic, dir);
    traffic_fund(traffic, node, 0, warm);
    traffic_run(traffic, node, 0, warm, WINDOW);
    uint64_t before = many_resident_bytes();
    traffic_fund(traffic, node, warm, count);
    traffic_run(traffic, node, warm, count, WINDOW);
    if (idle)
        settle(traffic, node);
    uint64_t after = many_resident_bytes();
    pp_node_close(node);
    bench_remove(dir);
    free(dir);
    return after > before ? (after - before + count - 1) / count : 0;
}

static void measure(const struct bench_options *options, bool idle, uint64_t limit, struct bench_figures *out)
{
    struct traffic traffic;
    uint64_t values[BENCH_RUNS];
    const uint32_t lanes =
        bench_size(options, WARM_LANES, LANES_QUICK) + bench_size(options, LANES, LANES_QUICK);
    const struct traffic_shape shape = {.lanes = lanes,
                                        .requests = lanes,
                                        .stamps = 1,
                                        .payload_bytes = PAYLOAD_BYTES,
                                        .retention_days = idle ? 1 : 30};
    traffic_make(&traffic, &shape);
    for (unsigned i = 0; i < BENCH_RUNS; i++)
        values[i] = run_once(&traffic, options, idle);
    traffic_done(&traffic);
    *out = (struct bench_figures){bench_median(values), limit};
}

void bench_lane_idle_bytes(const struct bench_options *options, struct bench_figures *out)
{
    measure(options, true, IDLE_LIMIT_BYTES, out);
}

void bench_lane_busy_bytes(const struct bench_options *options, struct bench_figures *out)
{
    measure(options, false, BUSY_LIMIT_BYTES, out);
}
