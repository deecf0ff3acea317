/* single_durable: single stamps, one signature each, from many lanes; counted when their acknowledgement came, which is
 * after the charge and the envelope are on disk. */
#include "bench.h"

#include <stdlib.h>

#define LANES 1024u
#define REQUESTS 49152u /* over a second of it */
#define PAYLOAD_BYTES 256u
#define WINDOW 4096u /* requests in flight: what a few thousand connections give */

static uint64_t run_once(struct traffic *traffic, const struct bench_options *options)
{
    char *dir = bench_path(options, "node");
    struct pp_node *node = traffic_open(traffic, dir);
    traffic_fund(traffic, node, 0, LANES);
    uint64_t started_ns = bench_now_ns();
    traffic_run(traffic, node, 0, REQUESTS, WINDOW);
    uint64_t elapsed_ns = bench_now_ns() - started_ns;
    pp_node_close(node);
    bench_remove(dir);
    free(dir);
    return bench_per_second(REQUESTS, elapsed_ns);
}

void bench_single_durable(const struct bench_options *options, struct bench_figures *out)
{
    struct traffic traffic;
    uint64_t values[BENCH_RUNS], limits[BENCH_RUNS];
    traffic_make(&traffic, &(struct traffic_shape){LANES, REQUESTS, 1, PAYLOAD_BYTES});
    (void)run_once(&traffic, options);
    for (unsigned i = 0; i < BENCH_RUNS; i++) {
        limits[i] = bench_verify_rate();
        values[i] = run_once(&traffic, options);
    }
    traffic_done(&traffic);
    *out = (struct bench_figures){bench_median(values), bench_median(limits)};
}
