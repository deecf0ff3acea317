/* batch.h - batches through a node: the traffic, and the rate at which it is taken. */
#ifndef PP_BENCH_BATCH_H
#define PP_BENCH_BATCH_H

#include "bench.h"

struct batch {
    const struct bench_options *options;
    struct traffic traffic;
};

/* `total` stamps in batches, from a few hundred lanes whose signers are known when the clock starts. Of the shape, stamps,
 * payload_bytes and host_store count; the rest follows. */
void batch_make(struct batch *batch, const struct bench_options *options, uint32_t total,
                const struct traffic_shape *shape);
void batch_done(struct batch *batch);
/* Stamps a second. A bench_measure over a struct batch. */
uint64_t batch_rate(void *context);

#endif
