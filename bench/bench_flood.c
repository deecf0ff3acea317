/* flood_honest: what honest senders get while one connection sends forged signatures as fast as it can; against what they get
 * without it.
 *
 * Method: single stamps, each on another lane whose signer is known, always as many waiting as the window has. The attacker
 * comes by one connection (pp_request.source), on a lane of its own that is open and funded: each of its vouchers is free,
 * priced and in form, so that nothing but the signature shows that it is forged. It keeps its window full, and tries again a
 * millisecond later when it is refused at the door: thousands still wait then, and what it costs the attacker to look more often
 * is not to be counted against the node, though they share the processor here. */
#include "bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define LANES 16384u
#define LANES_QUICK 64u
#define PAYLOAD_BYTES 256u
#define WINDOW 2048u
#define FORGED 8192u /* in flight at most: as many as the node takes at all; each with another signature */
#define ATTACKER_SOURCE (TRAFFIC_SOURCES + 1)

struct flood {
    const struct bench_options *options;
    struct traffic traffic;
    uint32_t lanes;            /* honest ones; the attacker's comes behind them */
    struct pp_request *forged; /* FORGED */
    struct pp_node *node;
    pthread_t thread;
    _Atomic uint32_t in_flight;
    atomic_bool stop;
};

static void on_forged(void *context, const struct pp_response *response)
{
    struct flood *flood = context;
    if (response->error == PP_OK && response->results[0].refusal.error == PP_OK)
        bench_fail("a forged signature was taken", PP_INVARIANT);
    atomic_fetch_sub(&flood->in_flight, 1);
}

static void *attack_main(void *context)
{
    struct flood *flood = context;
    const struct timespec pause = {.tv_nsec = 1000000};
    for (uint32_t i = 0; !atomic_load(&flood->stop); i++) {
        atomic_fetch_add(&flood->in_flight, 1);
        enum pp_error error = atomic_load(&flood->in_flight) > FORGED
                                  ? PP_BUSY
                                  : pp_node_submit(flood->node, &flood->forged[i % FORGED], on_forged, flood);
        if (error == PP_OK)
            continue;
        atomic_fetch_sub(&flood->in_flight, 1);
        if (error != PP_BUSY)
            bench_fail("attack", error);
        nanosleep(&pause, NULL);
    }
    while (atomic_load(&flood->in_flight) > 0)
        nanosleep(&pause, NULL);
    return NULL;
}

static uint64_t honest_rate(struct flood *flood, bool attacked)
{
    const uint32_t lanes = flood->lanes;
    char *dir = bench_path(flood->options, "node");
    flood->node = traffic_open(&flood->traffic, dir);
    traffic_fund(&flood->traffic, flood->node, 0, lanes + 1);
    traffic_run(&flood->traffic, flood->node, 0, lanes + 1, WINDOW);
    atomic_store(&flood->stop, false);
    if (attacked && pthread_create(&flood->thread, NULL, attack_main, flood) != 0)
        bench_fail("pthread_create", PP_SYSTEM);
    const uint64_t started_ns = bench_now_ns();
    traffic_run(&flood->traffic, flood->node, lanes + 1, lanes, WINDOW);
    const uint64_t elapsed_ns = bench_now_ns() - started_ns;
    atomic_store(&flood->stop, true);
    if (attacked)
        pthread_join(flood->thread, NULL);
    pp_node_close(flood->node);
    bench_remove(dir);
    free(dir);
    return bench_per_second(lanes, elapsed_ns);
}

static uint64_t attacked_rate(void *context)
{
    return honest_rate(context, true);
}

static uint64_t alone_rate(void *context)
{
    return honest_rate(context, false);
}

/* The attacker's next request, with signatures that others gave for something else. */
static void forge(struct flood *flood)
{
    const struct pp_request *requests = flood->traffic.requests;
    flood->forged = calloc(FORGED, sizeof *flood->forged);
    if (!flood->forged)
        bench_fail("forged", PP_NO_MEMORY);
    for (uint32_t i = 0; i < FORGED; i++) {
        flood->forged[i] = requests[2 * flood->lanes + 1];
        flood->forged[i].source = ATTACKER_SOURCE;
        flood->forged[i].signature = requests[i % flood->lanes].signature;
    }
}

void bench_flood_honest(const struct bench_options *options, struct bench_figures *out)
{
    struct flood flood = {.options = options, .lanes = bench_size(options, LANES, LANES_QUICK)};
    traffic_make(&flood.traffic, &(struct traffic_shape){.lanes = flood.lanes + 1,
                                                         .requests = 2 * (flood.lanes + 1),
                                                         .stamps = 1,
                                                         .payload_bytes = PAYLOAD_BYTES});
    forge(&flood);
    bench_in_turns(options, attacked_rate, alone_rate, &flood, out);
    traffic_done(&flood.traffic);
    free(flood.forged);
}
