/* p99_flushes: the 99th percentile of the time from when a stamp was due to its durable acknowledgement, at 70 % of the highest
 * load; against the same percentile of the bare flush of the same bytes.
 *
 * Method: the highest load is what the same node takes when there are always requests waiting. Then stamps fall due at random
 * (exponential gaps, the same ones each time), whether or not those before them are answered: the generator never waits for an
 * answer, and when it is late itself, the lateness counts. The acknowledgements of one flush share a signed receipt, so that
 * flushes can be counted, and with them the bytes of one. The bare flush appends as many bytes to a file: write, fdatasync. */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define LANES 16384u
#define LANES_QUICK 64u
#define PAYLOAD_BYTES 256u
#define TOPIC_AND_KEY_BYTES 20u
#define WINDOW 4096u
#define LOAD_PERCENT 70u
#define FLUSHES 1500u
#define FLUSHES_QUICK 10u
#define REFUSED_NS UINT64_C(10000000000) /* what a refusal counts as: nobody can mistake it */

struct latency;
struct sample {
    struct latency *latency;
    uint64_t due_ns;
    uint64_t took_ns;
};

struct latency {
    const struct bench_options *options;
    struct traffic traffic;
    uint32_t lanes;
    struct sample *samples;
    uint64_t *sorted;
    /* the answers of one run: of the writer's thread, until all are there */
    uint32_t flushes;
    struct pp_receipt_signature last;
    _Atomic uint32_t answered;
    size_t flush_bytes; /* of the run before */
};

static void on_answer(void *context, const struct pp_response *response)
{
    struct sample *sample = context;
    struct latency *latency = sample->latency;
    traffic_expect_admitted(&latency->traffic, response);
    sample->took_ns = bench_now_ns() - sample->due_ns;
    if (memcmp(&latency->last, &response->receipt.signature, sizeof latency->last) != 0) {
        latency->last = response->receipt.signature;
        latency->flushes++;
    }
    atomic_fetch_add(&latency->answered, 1);
}

/* ---- the open loop ---- */

static uint64_t gap_ns(uint64_t *state, double mean_ns)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    const double even = ((double)(*state >> 11) + 1) / 9007199254740993.0; /* in (0, 1) */
    return (uint64_t)(-log(even) * mean_ns);
}

static void sleep_until(uint64_t when_ns)
{
    const struct timespec when = {.tv_sec = (time_t)(when_ns / 1000000000),
                                  .tv_nsec = (long)(when_ns % 1000000000)};
    if (bench_now_ns() < when_ns)
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR)
            ;
}

static void open_loop(struct latency *latency, struct pp_node *node, uint32_t first, uint64_t rate)
{
    const double mean_ns = 1e9 / (double)rate;
    const struct timespec pause = {.tv_nsec = 1000000};
    uint64_t due_ns = bench_now_ns() + 1000000, random = 88172645463325252u;
    uint32_t refused = 0;
    latency->flushes = 0;
    atomic_store(&latency->answered, 0);
    for (uint32_t i = 0; i < latency->lanes; i++) {
        struct sample *sample = &latency->samples[i];
        *sample = (struct sample){latency, due_ns, REFUSED_NS};
        sleep_until(due_ns);
        enum pp_error error = traffic_submit(&latency->traffic, node, first + i, on_answer, sample);
        if (error == PP_BUSY)
            refused++;
        else
            BENCH_OK(error);
        due_ns += gap_ns(&random, mean_ns);
    }
    while (atomic_load(&latency->answered) + refused < latency->lanes)
        nanosleep(&pause, NULL);
}

/* ---- the figures ---- */

/* Each lane's first stamp makes its signer known, the second finds the highest load, the third is measured. */
static uint64_t p99_ns(void *context)
{
    struct latency *latency = context;
    const uint32_t lanes = latency->lanes;
    char *dir = bench_path(latency->options, "node");
    struct pp_node *node = traffic_open(&latency->traffic, dir);
    traffic_fund(&latency->traffic, node, 0, lanes);
    traffic_run(&latency->traffic, node, 0, lanes, WINDOW);
    const uint64_t started_ns = bench_now_ns();
    traffic_run(&latency->traffic, node, lanes, lanes, WINDOW);
    const uint64_t highest = bench_per_second(lanes, bench_now_ns() - started_ns);
    open_loop(latency, node, 2 * lanes, highest * LOAD_PERCENT / 100 + 1);
    pp_node_close(node);
    bench_remove(dir);
    free(dir);
    for (uint32_t i = 0; i < lanes; i++)
        latency->sorted[i] = latency->samples[i].took_ns;
    latency->flush_bytes = (bench_record_bytes(1, false) + PAYLOAD_BYTES + TOPIC_AND_KEY_BYTES) * lanes /
                           (latency->flushes > 0 ? latency->flushes : 1);
    return bench_quantile(latency->sorted, lanes, 990);
}

static uint64_t flush_p99_ns(void *context)
{
    const struct latency *latency = context;
    const uint32_t flushes = bench_size(latency->options, FLUSHES, FLUSHES_QUICK);
    char *path = bench_path(latency->options, "flush");
    uint8_t *bytes = malloc(latency->flush_bytes);
    uint64_t *took_ns = calloc(flushes, sizeof *took_ns);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (!bytes || !took_ns || file < 0)
        bench_fail(path, PP_IO);
    memset(bytes, 0x5a, latency->flush_bytes);
    for (uint32_t i = 0; i < flushes; i++) {
        const uint64_t started_ns = bench_now_ns();
        if (write(file, bytes, latency->flush_bytes) != (ssize_t)latency->flush_bytes || fdatasync(file) != 0)
            bench_fail(path, PP_IO);
        took_ns[i] = bench_now_ns() - started_ns;
    }
    close(file);
    unlink(path);
    const uint64_t p99 = bench_quantile(took_ns, flushes, 990);
    free(took_ns);
    free(bytes);
    free(path);
    return p99;
}

void bench_p99_flushes(const struct bench_options *options, struct bench_figures *out)
{
    struct latency latency = {
        .options = options, .lanes = bench_size(options, LANES, LANES_QUICK), .flush_bytes = 4096};
    traffic_make(&latency.traffic, &(struct traffic_shape){.lanes = latency.lanes,
                                                           .requests = 3 * latency.lanes,
                                                           .stamps = 1,
                                                           .payload_bytes = PAYLOAD_BYTES});
    latency.samples = calloc(latency.lanes, sizeof *latency.samples);
    latency.sorted = calloc(latency.lanes, sizeof *latency.sorted);
    if (!latency.samples || !latency.sorted)
        bench_fail("samples", PP_NO_MEMORY);
    prctl(PR_SET_TIMERSLACK, 1); /* the generator's own lateness would count */
    bench_in_turns(options, p99_ns, flush_p99_ns, &latency, out);
    free(latency.samples);
    free(latency.sorted);
    traffic_done(&latency.traffic);
}
