/* single_durable: single stamps, one signature each, every stamp on another lane; counted when their acknowledgement came,
 * which is after the charge and the envelope are on disk. Against the digest and the verification of as many vouchers, bare,
 * on all cores.
 *
 * Method: each lane sent one stamp before the clock starts, so its signer is known, as that of a sender who comes back is. */
#include "bench.h"

#include <stdlib.h>

#define LANES 24576u /* nearly a second of it */
#define LANES_QUICK 64u
#define PAYLOAD_BYTES 256u
#define WINDOW 4096u /* requests in flight: what a few thousand connections give */

struct single {
    const struct bench_options *options;
    struct traffic traffic;
    uint32_t lanes;
};

static uint64_t single_rate(void *context)
{
    struct single *single = context;
    char *dir = bench_path(single->options, "node");
    struct pp_node *node = traffic_open(&single->traffic, dir);
    traffic_fund(&single->traffic, node, 0, single->lanes);
    traffic_run(&single->traffic, node, 0, single->lanes, WINDOW);
    uint64_t started_ns = bench_now_ns();
    traffic_run(&single->traffic, node, single->lanes, single->lanes, WINDOW);
    uint64_t elapsed_ns = bench_now_ns() - started_ns;
    pp_node_close(node);
    bench_remove(dir);
    free(dir);
    return bench_per_second(single->lanes, elapsed_ns);
}

static uint64_t limit_rate(void *context)
{
    const struct single *single = context;
    return bench_verify_rate(single->options);
}

void bench_single_durable(const struct bench_options *options, struct bench_figures *out)
{
    struct single single = {.options = options, .lanes = bench_size(options, LANES, LANES_QUICK)};
    traffic_make(&single.traffic, &(struct traffic_shape){.lanes = single.lanes,
                                                          .requests = 2 * single.lanes,
                                                          .stamps = 1,
                                                          .payload_bytes = PAYLOAD_BYTES});
    bench_in_turns(options, single_rate, limit_rate, &single, out);
    traffic_done(&single.traffic);
}
