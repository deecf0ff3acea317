/* batch64_store: batches of 64 envelopes of 1 KiB into the embedded store. The clock stops when everything is acknowledged
 * and every index has caught up. */
#include "bench.h"

#include <stdlib.h>
#include <time.h>

#define LANES 256u
#define BATCH 64u
#define REQUESTS 2048u
#define PAYLOAD_BYTES 1024u
#define GROUP 1024u
#define WINDOW 256u
#define KEY_AND_TOPIC_BYTES 16u

static void index_wait(struct pp_node *node)
{
    for (;;) {
        struct pp_node_status status;
        const struct timespec pause = {.tv_nsec = 500000};
        pp_node_status(node, &status);
        if (status.index_sequence >= status.journal_sequence)
            return;
        nanosleep(&pause, NULL);
    }
}

static uint64_t run_once(struct traffic *traffic, const struct bench_options *options)
{
    char *dir = bench_path(options, "node");
    struct pp_node *node = traffic_open(traffic, dir);
    traffic_fund(traffic, node, 0, LANES);
    uint64_t started_ns = bench_now_ns();
    traffic_run(traffic, node, 0, REQUESTS, WINDOW);
    index_wait(node);
    uint64_t elapsed_ns = bench_now_ns() - started_ns;
    pp_node_close(node);
    bench_remove(dir);
    free(dir);
    return bench_per_second((uint64_t)REQUESTS * BATCH, elapsed_ns);
}

void bench_batch64_store(const struct bench_options *options, struct bench_figures *out)
{
    struct traffic traffic;
    uint64_t values[BENCH_RUNS], limits[BENCH_RUNS];
    traffic_make(&traffic, &(struct traffic_shape){LANES, REQUESTS, BATCH, PAYLOAD_BYTES});
    (void)run_once(&traffic, options);
    for (unsigned i = 0; i < BENCH_RUNS; i++) {
        limits[i] =
            bench_append_rate(options, PAYLOAD_BYTES + KEY_AND_TOPIC_BYTES, (size_t)REQUESTS * BATCH, GROUP);
        values[i] = run_once(&traffic, options);
    }
    traffic_done(&traffic);
    *out = (struct bench_figures){bench_median(values), bench_median(limits)};
}
