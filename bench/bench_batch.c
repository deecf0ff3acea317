/* batch64_store: batches of 64 envelopes of 1 KiB into the embedded store; the clock stops when everything is acknowledged and
 * every index has caught up. batch64_charges: the same batches for a host with a store of its own, charges only.
 * curve_batch: charges, as the batch grows from one stamp to 1024. */
#include "batch.h"

#include "engine/node.h"

#include <pp/limits.h>

#include <stdlib.h>

#define LANES 256u
#define BATCH 64u
#define STAMPS 131072u
#define STAMPS_QUICK 1024u
#define CURVE_STAMPS 65536u
#define CURVE_SINGLES 16384u /* each has a signature */
#define PAYLOAD_BYTES 1024u
#define GROUP 1024u /* stamps in one flush of the limit */
#define WINDOW_STAMPS 16384u
#define WINDOW_MAX 2048u
#define KEY_AND_TOPIC_BYTES 16u

/* Requests in flight: the same number of stamps, whatever the batch. */
static uint32_t window_of(const struct traffic_shape *shape)
{
    uint32_t window = WINDOW_STAMPS / shape->stamps;
    return window < 16 ? 16 : window > WINDOW_MAX ? WINDOW_MAX : window;
}

/* The first request of each lane makes its signer known, and is not counted. */
uint64_t batch_rate(void *context)
{
    struct batch *batch = context;
    const struct traffic_shape *shape = &batch->traffic.shape;
    const uint32_t counted = shape->requests - shape->lanes;
    char *dir = bench_path(batch->options, "node");
    struct pp_node *node = traffic_open(&batch->traffic, dir);
    traffic_fund(&batch->traffic, node, 0, shape->lanes);
    (void)traffic_run_ns(&batch->traffic, node, 0, shape->lanes, window_of(shape));
    BENCH_OK(pp_indexer_flush(node));
    uint64_t elapsed_ns = traffic_run_ns(&batch->traffic, node, shape->lanes, counted, window_of(shape));
    if (!shape->host_store) {
        const uint64_t acknowledged_ns = bench_now_ns();
        BENCH_OK(pp_indexer_flush(node));
        elapsed_ns += bench_now_ns() - acknowledged_ns;
    }
    pp_node_close(node);
    bench_remove(dir);
    free(dir);
    return bench_per_second((uint64_t)counted * shape->stamps, elapsed_ns);
}

void batch_make(struct batch *batch, const struct bench_options *options, uint32_t total,
                const struct traffic_shape *shape)
{
    struct traffic_shape whole = *shape;
    const uint32_t batches = total / shape->stamps;
    whole.lanes = batches < LANES ? batches : LANES;
    whole.requests = whole.lanes + batches;
    batch->options = options;
    traffic_make(&batch->traffic, &whole);
}

void batch_done(struct batch *batch)
{
    traffic_done(&batch->traffic);
}

static uint64_t store_limit(void *context)
{
    const struct batch *batch = context;
    return bench_append_rate(batch->options, PAYLOAD_BYTES + KEY_AND_TOPIC_BYTES,
                             bench_size(batch->options, STAMPS, STAMPS_QUICK), GROUP);
}

/* The records' bytes on disk, or the cryptography: whichever takes longer. */
static uint64_t charges_limit(void *context)
{
    const struct batch *batch = context;
    const uint32_t stamps = batch->traffic.shape.stamps;
    const uint32_t records = bench_size(batch->options, STAMPS, STAMPS_QUICK) / stamps;
    const uint64_t append = stamps * bench_append_rate(batch->options, bench_record_bytes(stamps, false),
                                                       records, stamps < GROUP ? GROUP / stamps : 1);
    const uint64_t crypto = bench_batch_crypto_rate(batch->options, stamps, PAYLOAD_BYTES);
    return append < crypto ? append : crypto;
}

static void batch_measure(const struct bench_options *options, uint32_t stamps, uint32_t total,
                          bool host_store, struct bench_figures *out)
{
    struct batch batch;
    batch_make(
        &batch, options, total,
        &(struct traffic_shape){.stamps = stamps, .payload_bytes = PAYLOAD_BYTES, .host_store = host_store});
    bench_in_turns(options, batch_rate, host_store ? charges_limit : store_limit, &batch, out);
    batch_done(&batch);
}

void bench_batch64_store(const struct bench_options *options, struct bench_figures *out)
{
    batch_measure(options, BATCH, bench_size(options, STAMPS, STAMPS_QUICK), false, out);
}

void bench_batch64_charges(const struct bench_options *options, struct bench_figures *out)
{
    batch_measure(options, BATCH, bench_size(options, STAMPS, STAMPS_QUICK), true, out);
}

/* Value and limit of the line: at 1024 stamps and at one, so that their ratio is what batching is worth. */
void bench_curve_batch(const struct bench_options *options, struct bench_figures *out)
{
    *out = (struct bench_figures){0};
    for (uint32_t stamps = 1; stamps <= PP_LEAVES_MAX; stamps *= 4) {
        struct bench_figures at = {0};
        const uint32_t total = stamps == 1 ? CURVE_SINGLES : CURVE_STAMPS;
        batch_measure(options, stamps, bench_size(options, total, STAMPS_QUICK), true, &at);
        out->points[out->points_count++] = (struct bench_point){stamps, at.value, at.limit};
        if (stamps == 1)
            out->limit = at.value;
        out->value = at.value;
    }
}
