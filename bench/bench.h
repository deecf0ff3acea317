/* bench.h - what the measurements share: the list of them, runs and medians, limits, traffic that was signed beforehand.
 *
 * Use:    a benchmark is a function in a file bench_NAME.c, and a line in the table of entries.c. It measures itself and its
 *         limit in turns (BENCH_RUNS times), so that a machine that changes speed changes both. It runs in a process of its
 *         own: what it leaves in memory, and how it ends, is nobody else's.
 * Errors: none. What goes wrong ends that process with a sentence: a wrong figure is worse than none.
 */
#ifndef PP_BENCH_H
#define PP_BENCH_H

#include <pennypost.h>

#include <stddef.h>
#include <stdint.h>

#define BENCH_RUNS 5u /* medians of these; a first one warms up and is thrown away */
#define BENCH_POINTS_MAX 12u
#define BENCH_CORES_MAX 64u

struct bench_options {
    const char *dir;    /* an empty folder on a real disk */
    const char *source; /* where bench/ stands: the peers' scripts */
    bool quick;         /* everything once and tiny: shows that it runs, measures nothing */
};

/* How the cost grows: the value and the limit at some size. */
struct bench_point {
    uint64_t x, value, limit;
};

/* In the units of the table's line. */
struct bench_figures {
    uint64_t value;
    uint64_t limit;
    uint64_t ratio_millis;            /* the median of the runs' ratios; 0: of the two numbers above */
    uint64_t low_millis, high_millis; /* the lowest and the highest of them; 0: not known */
    uint32_t points_count;
    struct bench_point points[BENCH_POINTS_MAX];
};

enum bench_direction {
    BENCH_AT_LEAST,
    BENCH_AT_MOST,
    BENCH_NO_REACH, /* shown, not judged */
};

typedef void bench_run(const struct bench_options *options, struct bench_figures *out);

struct bench_entry {
    const char *name;
    const char *unit;
    const char *limit_name;
    enum bench_direction direction;
    uint32_t reach_millis; /* what the ratio should be, in thousandths */
    bench_run *run;
    const char *group; /* a name for several of them, or NULL */
};

/* entries.c */
extern const struct bench_entry bench_entries[];
extern const size_t bench_entries_count;

bench_run bench_single_durable, bench_session_verify, bench_session_durable, bench_batch64_store, bench_batch64_charges, bench_http_single,
    bench_lane_idle_bytes, bench_lane_busy_bytes,
    bench_startup_1e7, bench_lanes_1e7, bench_p99_flushes, bench_postgres_single, bench_postgres_batch, bench_mppx_http,
    bench_flood_honest, bench_journal_append, bench_curve_batch, bench_epoch_1e6_lanes_s, bench_epoch_1e6_lanes_mib,
    bench_audit_1e6_lanes_s, bench_payout_proofs;
/* The same with other numbers of lanes: for curves. */
void bench_startup_measure(const struct bench_options *options, uint32_t lanes, struct bench_figures *out);
void bench_lanes_measure(const struct bench_options *options, uint32_t lanes, struct bench_figures *out);

/* ---- bench.c: runs ---- */

uint64_t bench_now_ns(void);
uint64_t bench_processor_ns(void); /* of this process, all its threads, and the kernel's work for it */
uint64_t bench_per_second(uint64_t count, uint64_t elapsed_ns);
uint64_t bench_median(uint64_t values[BENCH_RUNS]); /* sorts them */
/* The value below which so many of a thousand are. Sorts them. */
uint64_t bench_quantile(uint64_t *values, size_t count, unsigned of_thousand);
unsigned bench_cores(void);
/* The size for a figure, or the tiny one of a quick run. */
uint32_t bench_size(const struct bench_options *options, uint32_t full, uint32_t quick);
/* 1000 a / b, rounded; 0 when b is. */
uint64_t bench_ratio_millis(uint64_t a, uint64_t b);
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

/* Value once to warm up, then limit and value in turns. */
typedef uint64_t bench_measure(void *context);
void bench_in_turns(const struct bench_options *options, bench_measure *value, bench_measure *limit,
                    void *context, struct bench_figures *out);

/* ---- bench_limits.c ---- */

/* secp256k1_ecdsa_verify with a parsed key, behind the EIP-712 digest of the voucher; on all cores at once, a second. */
uint64_t bench_verify_rate(const struct bench_options *options);
/* The cryptography of a batch, bare, on all cores at once; stamps a second: the hash of each envelope and of its leaf, the
 * tree, and for the batch one digest and one verification. */
uint64_t bench_batch_crypto_rate(const struct bench_options *options, uint32_t stamps,
                                 uint32_t payload_bytes);
/* The cryptography of a session's stamps, bare, on so many cores at once; stamps a second: the hash of each envelope and a MAC;
 * root: with the digest and the verification of a root for each 1024. */
uint64_t bench_session_crypto_rate(const struct bench_options *options, unsigned cores, bool root,
                                   uint32_t payload_bytes);
/* Values of these bytes, appended to LMDB with ascending keys, `group` in a transaction, flushed; a second. */
uint64_t bench_append_rate(const struct bench_options *options, size_t value_bytes, size_t count,
                           size_t group);
/* A record of so many stamps, as the journal holds it: CHARGED, or SESSION_CHARGED. */
size_t bench_record_bytes(uint32_t stamps, bool session);
/* While true, secp256k1_ecdsa_verify says yes at once: what a stamp costs beside its signature. Only this program is
 * linked so (part.cmake). */
void bench_signatures_free(bool free);

/* ---- traffic.c: a node, its senders, and what they send ---- */

#define TRAFFIC_NODE_ID 7u
#define TRAFFIC_LANE (TRAFFIC_NODE_ID << 8)
#define TRAFFIC_SOURCES 1024u /* connections that the senders come by, 1 to this; a lane keeps to one */

struct traffic_shape {
    uint32_t lanes;
    uint32_t requests; /* given to the lanes in turn */
    uint32_t stamps;   /* in each */
    uint32_t payload_bytes;
    bool host_store; /* charges only: tickets */
    uint16_t retention_days; /* 0: one */
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
void traffic_lane_key(const struct traffic *traffic, uint32_t lane, struct pp_secret_key *out);
/* The host says that it stored whatever is reserved. */
void traffic_commit(struct pp_node *node);
/* Hands one request over, to the store of the traffic's shape. */
PP_MUST_CHECK enum pp_error traffic_submit(const struct traffic *traffic, struct pp_node *node,
                                           uint32_t number, pp_submit_done *done, void *context);
/* Ends the program when an answer is no admission. */
void traffic_expect_admitted(const struct traffic *traffic, const struct pp_response *response);
/* Submits requests [first, first + count) with at most `window` unanswered, until every stamp is acknowledged. */
void traffic_run(const struct traffic *traffic, struct pp_node *node, uint32_t first, uint32_t count,
                 uint32_t window);
/* The time that traffic_run takes. A host's store may have only so many tickets open: it says in between, while the clock
 * stands, that it stored them. */
uint64_t traffic_run_ns(const struct traffic *traffic, struct pp_node *node, uint32_t first, uint32_t count,
                        uint32_t window);

#endif
