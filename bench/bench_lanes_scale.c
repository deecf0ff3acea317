/* lanes_1e7: envelopes a second with 10^7 lanes, of which one in a hundred sends, against the same with 10^3 lanes. Both nodes
 * are there at once and take turns. Batches of BATCH: with one signature an envelope, signatures would hide what lanes cost.
 * No lane of the large node sends twice: each request finds its lane where nothing was looked at for long. */
#include "many.h"

#include <stdlib.h>
#include <string.h>

#define LANES_FEW 1000u
#define LANES_SOME 100000u
#define LANES_MOST 10000000u
#define BATCH 16u
#define PAYLOAD_BYTES 256u
#define ROUND_QUICK 16u
#define ROUND 8192u /* requests: a second or two */
#define WINDOW 1024u

struct side {
    struct traffic traffic;
    struct pp_node *node;
    char *dir;
};

static uint32_t round_of(const struct bench_options *options)
{
    return bench_size(options, ROUND, ROUND_QUICK);
}

static void side_make(struct side *side, const struct bench_options *options, const char *name,
                      uint32_t lanes)
{
    uint32_t busy = lanes / 100;
    side->dir = bench_path(options, name);
    traffic_make(&side->traffic, &(struct traffic_shape){.lanes = busy,
                                                         .requests = round_of(options) * (BENCH_RUNS + 1),
                                                         .stamps = BATCH,
                                                         .payload_bytes = PAYLOAD_BYTES});
    many_room(&side->traffic, lanes);
    side->node = traffic_open(&side->traffic, side->dir);
    many_learn(&side->traffic, side->node, 0, lanes - busy);
    traffic_fund(&side->traffic, side->node, 0, busy);
}

static void side_done(struct side *side)
{
    pp_node_close(side->node);
    traffic_done(&side->traffic);
    bench_remove(side->dir);
    free(side->dir);
}

static uint64_t side_round(const struct bench_options *options, struct side *side, uint32_t round)
{
    const uint32_t requests = round_of(options);
    many_clock(&side->traffic);
    traffic_head(&side->traffic, side->node);
    uint64_t started_ns = bench_now_ns();
    traffic_run(&side->traffic, side->node, round * requests, requests, WINDOW);
    return bench_per_second((uint64_t)requests * BATCH, bench_now_ns() - started_ns);
}

void bench_lanes_measure(const struct bench_options *options, uint32_t lanes, struct bench_figures *out)
{
    struct side few, many;
    uint64_t values[BENCH_RUNS], limits[BENCH_RUNS];
    side_make(&few, options, "few", LANES_FEW);
    side_make(&many, options, "many", lanes);
    (void)side_round(options, &few, BENCH_RUNS);
    (void)side_round(options, &many, BENCH_RUNS);
    for (unsigned i = 0; i < BENCH_RUNS; i++) {
        limits[i] = side_round(options, &few, i);
        values[i] = side_round(options, &many, i);
    }
    side_done(&few);
    side_done(&many);
    *out = (struct bench_figures){bench_median(values), bench_median(limits)};
}

void bench_lanes_1e7(const struct bench_options *options, struct bench_figures *out)
{
    static const uint32_t sizes[] = {LANES_FEW, LANES_SOME, LANES_MOST};
    struct bench_point points[3];
    const unsigned count = options->quick ? 1 : 3;
    for (unsigned i = 0; i < count; i++) {
        bench_lanes_measure(options, sizes[i], out);
        points[i] = (struct bench_point){sizes[i], out->value, out->limit};
    }
    out->points_count = count;
    memcpy(out->points, points, count * sizeof points[0]);
}
