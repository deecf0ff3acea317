/* bench.h - what the measurements share: the list of them, runs and medians, limits, traffic that was signed beforehand.
 *
 * Use:    a benchmark is a function in a file of its own, bench_NAME.c, and a line in the table of main.c. It measures
 *         itself and its limit in turns (BENCH_RUNS times), so that a machine that changes speed changes both.
 * Errors: none. What goes wrong ends the program with a sentence: a wrong figure is worse than none.
 */
#ifndef PP_BENCH_H
#define PP_BENCH_H

#include <pennypost.h>

#include <stddef.h>
#include <stdint.h>

#define BENCH_RUNS 5u /* medians of these; a first one warms up and is thrown away */

struct bench_options {
    const char *dir; /* an empty folder on a real disk */
};

/* In the units of the table's line. */
struct bench_figures {
    uint64_t value;
    uint64_t limit;
};

void bench_single_durable(const struct bench_options *options, struct bench_figures *out);
void bench_batch64_store(const struct bench_options *options, struct bench_figures *out);
void bench_http_single(const struct bench_options *options, struct bench_figures *out);
void bench_journal_append(const struct bench_options *options, struct bench_figures *out);
void bench_lane_idle_bytes(const struct bench_options *options, struct bench_figures *out);

/* ---- bench.c: runs ---- */

uint64_t bench_now_ns(void);
uint64_t bench_per_second(uint64_t count, uint64_t elapsed_ns);
uint64_t bench_median(uint64_t values[BENCH_RUNS]); /* sorts them */
unsigned bench_cores(void);
/* "DIR/NAME"; the caller frees it. */
char *bench_path(const struct bench_options *options, const char *name);
void bench_remove(const char *path); /* a folder with files in it */
_Noreturn void bench_fail(const char *what, enum pp_error error);
#define BENCH_OK(expression)                                                                                 \
    do {                                                                                                     \
        enum pp_error bench_error_ = (expression);                                                           \
        if (bench_error_ != PP_OK)                                                                           \
            bench_fail(#expression, bench_error_);                                                           \
    } while (0)

/* ---- bench_limits.c ---- */

/* secp256k1_ecdsa_verify with a parsed key, on all cores at once, a second. */
uint64_t bench_verify_rate(void);
/* Values of these bytes, appended to LMDB with ascending keys, `group` in a transaction, flushed; a second. */
uint64_t bench_append_rate(const struct bench_options *options, size_t value_bytes, size_t count,
                           size_t group);

/* ---- traffic.c: a node, its senders, and what they send ---- */

#define TRAFFIC_NODE_ID 7u
#define TRAFFIC_LANE (TRAFFIC_NODE_ID << 8)

struct traffic_shape {
    uint32_t lanes;
    uint32_t requests; /* given to the lanes in turn */
    uint32_t stamps;   /* in each */
    uint32_t payload_bytes;
};

struct traffic {
    struct traffic_shape shape;
    struct pp_node_config config; /* all but data_dir, map_bytes, verify_threads */
    struct pp_rates rates;
    struct pp_crypto *crypto;
    struct traffic_lane *lanes_made;
    struct traffic_run *run;
    struct pp_request *requests;
    struct pp_envelope_view *envelopes;
    uint8_t *payloads; /* envelopes borrow pieces of it, each another */
    uint8_t quote[PP_QUOTE_MAX_BYTES];
    size_t quote_length;
    uint64_t started_ns; /* the node's clock begins when it is opened: the quote lives for a minute */
    uint64_t extra_ms;   /* added to the clock */
};

/* Makes and signs everything, on all cores. */
void traffic_make(struct traffic *traffic, const struct traffic_shape *shape);
void traffic_done(struct traffic *traffic);
/* An empty node in that folder, whose clock starts. It knows no lane. */
struct pp_node *traffic_open(struct traffic *traffic, const char *dir);
void traffic_head(const struct traffic *traffic, struct pp_node *node);
/* The chain says that these lanes are open. */
void traffic_fund(const struct traffic *traffic, struct pp_node *node, uint32_t first, uint32_t count);
/* Submits requests [first, first + count) with at most `window` unanswered, until every stamp is acknowledged. */
void traffic_run(const struct traffic *traffic, struct pp_node *node, uint32_t first, uint32_t count,
                 uint32_t window);

#endif
