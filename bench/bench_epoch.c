/* epoch_1e6_lanes_s, epoch_1e6_lanes_mib, audit_1e6_lanes_s, payout_proofs: the end of an epoch, from lanes in any order to the
 * report's bundle and the proof of every payout; and the same recomputed by somebody else from the bundle. By processor time, on
 * one core, with 64 operators, a blend of three policies and rows of an epoch before. */
#include "bench.h"

#include <pp/epoch.h>
#include <pp/hash.h>

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define OPERATORS 64u
#define LANES_FEW 1000u
#define LANES_MOST 1000000u
#define LANES_QUICK 100u
#define LIMIT_MS 10000u
#define LIMIT_MIB 1024u
#define NS_PER_MS 1000000u

struct epoch {
    struct pp_crypto *crypto;
    struct pp_domain domain;
    struct pp_secret_key keys[PP_OPERATORS_MAX];
    struct pp_operator operators[PP_OPERATORS_MAX];
    struct pp_operator_weights weights[PP_OPERATORS_MAX];
    struct pp_pool_table before;
    struct pp_report_terms terms;
    uint32_t lane_count;
    struct pp_lane_leaf *unsorted, *lanes;
    struct pp_hash *nodes;
    struct pp_report *report;
    uint8_t *bundle;
    size_t bundle_length;
};

static void *room(size_t bytes)
{
    void *got = malloc(bytes > 0 ? bytes : 1);
    if (!got)
        bench_fail("room", PP_NO_MEMORY);
    return got;
}

/* ---- an epoch ---- */

static void operators_make(struct epoch *epoch, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        memset(&epoch->keys[i], 0, sizeof epoch->keys[i]);
        epoch->keys[i].bytes[30] = (uint8_t)(1 + (i >> 8));
        epoch->keys[i].bytes[31] = (uint8_t)i;
        epoch->operators[i] = (struct pp_operator){.node_id = 1 + i, .payee = {{1}}};
        BENCH_OK(pp_secret_key_address(epoch->crypto, &epoch->keys[i], &epoch->operators[i].key));
        epoch->weights[i] = (struct pp_operator_weights){1000000 + 977 * i, 1000000000 - 12345 * i};
        epoch->before.rows[1 + i] = (struct pp_pool_row){
            .node_id = 1 + i, .payee = {{1}}, .paid = pp_units(1000 * i), .carry = pp_units(5 * i)};
        epoch->terms.received_total.raw += 1005 * i;
    }
    epoch->before.count = 1 + count;
}

/* Channel ids as they are: hashes; so the lanes come in no order. */
static void lanes_make(struct epoch *epoch)
{
    for (uint32_t i = 0; i < epoch->lane_count; i++) {
        struct pp_lane_leaf *lane = &epoch->unsorted[i];
        memset(lane, 0, sizeof *lane);
        pp_keccak256((const uint8_t *)&i, sizeof i, lane->channel_id.bytes);
        lane->lane = pp_lane_make(1 + i % (uint32_t)epoch->terms.operator_count, 0);
        lane->spent = pp_grains(UINT64_C(1000000000) + i);
        lane->refunded = pp_grains(1000 + i % 7);
        lane->earned = pp_grains(UINT64_C(900000000) + i);
        lane->owed = pp_grains(i % 1000 == 0 ? 2500000 : 0);
    }
}

static void epoch_make(struct epoch *epoch, uint32_t lanes, uint32_t operators)
{
    memset(epoch, 0, sizeof *epoch);
    BENCH_OK(pp_crypto_open(&epoch->crypto));
    pp_domain_init(&epoch->domain, 31337, &(struct pp_address){{7}});
    epoch->terms = (struct pp_report_terms){
        .epoch = 40000,
        .block_number = 1000,
        .end_time_s = 1000000,
        .received_total = pp_units(UINT64_C(123456789012)),
        .protocol_basis_points = 250,
        .policy = PP_POLICY_BLEND,
        .blend = {{{PP_POLICY_EQUAL, 3000}, {PP_POLICY_STAKE, 3000}, {PP_POLICY_WORK, 4000}}, 3},
        .minimum_payout = pp_units(1000),
        .refund_bound_basis_points = 500,
        .operators = epoch->operators,
        .weights = epoch->weights,
        .operator_count = operators,
        .before = &epoch->before};
    operators_make(epoch, operators);
    epoch->lane_count = lanes;
    epoch->unsorted = room(lanes * sizeof *epoch->unsorted);
    epoch->lanes = room(lanes * sizeof *epoch->lanes);
    epoch->nodes = room(PP_LANE_TREE_NODES(lanes) * sizeof *epoch->nodes);
    epoch->report = room(sizeof *epoch->report);
    lanes_make(epoch);
}

static void epoch_done(struct epoch *epoch)
{
    free(epoch->unsorted);
    free(epoch->lanes);
    free(epoch->nodes);
    free(epoch->report);
    free(epoch->bundle);
    pp_crypto_close(epoch->crypto);
}

/* ---- what is measured ---- */

static void proofs_make(const struct pp_report *report)
{
    struct pp_payout_tree tree;
    pp_payout_tree_build(&report->payouts, &tree);
    for (size_t i = 0; i < report->payouts.count; i++) {
        struct pp_payout_proof proof;
        BENCH_OK(pp_payout_tree_prove(&tree, i, &proof));
        if (proof.length > PP_PAYOUT_PATH_MAX)
            bench_fail("proof", PP_INVARIANT);
    }
}

/* From lanes in any order to the bundle and every payout's proof. */
static uint64_t report_ns(struct epoch *epoch)
{
    memcpy(epoch->lanes, epoch->unsorted, epoch->lane_count * sizeof *epoch->lanes);
    free(epoch->bundle);
    epoch->bundle = NULL;
    uint64_t started_ns = bench_processor_ns();
    BENCH_OK(pp_report_build(&epoch->terms, epoch->lanes, epoch->lane_count, epoch->nodes, epoch->report));
    proofs_make(epoch->report);
    size_t capacity = pp_report_bytes(epoch->report);
    epoch->bundle = room(capacity);
    BENCH_OK(pp_report_encode(epoch->report, epoch->bundle, capacity, &epoch->bundle_length));
    return bench_processor_ns() - started_ns;
}

/* As many as are needed, and a bundle with them. */
static void report_sign(struct epoch *epoch)
{
    struct pp_report *report = epoch->report;
    struct pp_hash digest;
    (void)report_ns(epoch);
    pp_report_digest(&epoch->domain, report, &digest);
    report->signature_count = pp_quorum_needed(report->operator_count);
    for (size_t i = 0; i < report->signature_count; i++) {
        report->signatures[i].node_id = report->operators[i].node_id;
        BENCH_OK(pp_sign(epoch->crypto, &epoch->keys[i], &digest, &report->signatures[i].signature));
    }
    free(epoch->bundle);
    size_t capacity = pp_report_bytes(report);
    epoch->bundle = room(capacity);
    BENCH_OK(pp_report_encode(report, epoch->bundle, capacity, &epoch->bundle_length));
}

/* From the bundle: roots, payouts and quorum, all computed again. */
static uint64_t audit_ns(struct epoch *epoch)
{
    size_t count;
    uint64_t started_ns = bench_processor_ns();
    BENCH_OK(pp_report_lane_count(epoch->bundle, epoch->bundle_length, &count));
    BENCH_OK(pp_report_decode(epoch->bundle, epoch->bundle_length, epoch->lanes, count, epoch->nodes,
                              epoch->report));
    BENCH_OK(pp_report_verify(epoch->report, &epoch->domain, epoch->crypto));
    return bench_processor_ns() - started_ns;
}

/* The hashes that such a tree has, and nothing else: of each leaf 224 bytes and 32, of each inner node 64. */
static uint64_t hashes_ns(struct epoch *epoch)
{
    uint8_t bytes[224] = {0}, hash[32];
    uint64_t started_ns = bench_processor_ns();
    for (uint32_t i = 0; i < epoch->lane_count; i++) {
        memcpy(bytes, &i, sizeof i);
        pp_keccak256(bytes, 224, hash);
        pp_keccak256(hash, 32, bytes);
        pp_keccak256(bytes, 64, bytes);
    }
    return bench_processor_ns() - started_ns;
}

typedef uint64_t epoch_measure(struct epoch *epoch);

static uint64_t median_of(const struct bench_options *options, struct epoch *epoch, epoch_measure *measure)
{
    uint64_t values[BENCH_RUNS];
    const unsigned runs = options->quick ? 1 : BENCH_RUNS;
    if (!options->quick)
        (void)measure(epoch);
    for (unsigned i = 0; i < runs; i++)
        values[i] = measure(epoch);
    return bench_quantile(values, runs, 500);
}

/* From 10^3 lanes to 10^6; the figure is that of the most. Milliseconds, rounded up. */
static void by_lanes(const struct bench_options *options, epoch_measure *measure, bool sign,
                     struct bench_figures *out)
{
    const uint32_t most = bench_size(options, LANES_MOST, LANES_QUICK);
    for (uint32_t lanes = options->quick ? most : LANES_FEW; lanes <= most; lanes *= 10) {
        struct epoch epoch;
        epoch_make(&epoch, lanes, OPERATORS);
        if (sign)
            report_sign(&epoch);
        const uint64_t value_ns = median_of(options, &epoch, measure);
        const uint64_t hashes = median_of(options, &epoch, hashes_ns);
        out->value = (value_ns + NS_PER_MS - 1) / NS_PER_MS;
        out->points[out->points_count++] =
            (struct bench_point){lanes, out->value, (hashes + NS_PER_MS - 1) / NS_PER_MS};
        epoch_done(&epoch);
    }
    out->limit = LIMIT_MS;
}

void bench_epoch_1e6_lanes_s(const struct bench_options *options, struct bench_figures *out)
{
    by_lanes(options, report_ns, false, out);
}

void bench_audit_1e6_lanes_s(const struct bench_options *options, struct bench_figures *out)
{
    by_lanes(options, audit_ns, true, out);
}

static uint64_t most_resident_mib(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        bench_fail("getrusage", PP_SYSTEM);
    return ((uint64_t)usage.ru_maxrss + 1023) / 1024;
}

/* The most that the process ever held, the lanes included; sizes ascend, so each point is its own. */
void bench_epoch_1e6_lanes_mib(const struct bench_options *options, struct bench_figures *out)
{
    const uint32_t most = bench_size(options, LANES_MOST, LANES_QUICK);
    for (uint32_t lanes = options->quick ? most : LANES_FEW; lanes <= most; lanes *= 10) {
        struct epoch epoch;
        epoch_make(&epoch, lanes, OPERATORS);
        (void)report_ns(&epoch);
        out->value = most_resident_mib();
        out->points[out->points_count++] = (struct bench_point){lanes, out->value, 0};
        epoch_done(&epoch);
    }
    out->limit = LIMIT_MIB;
}

/* ---- by operators ---- */

static uint64_t proofs_ns(struct epoch *epoch)
{
    uint64_t started_ns = bench_now_ns();
    proofs_make(epoch->report);
    return bench_now_ns() - started_ns;
}

/* A leaf and an inner node for each row, once. */
static uint64_t rows_ns(struct epoch *epoch)
{
    uint8_t bytes[97] = {0};
    uint64_t started_ns = bench_now_ns();
    for (size_t i = 0; i < epoch->report->payouts.count; i++) {
        pp_keccak256(bytes, 41, bytes);
        pp_keccak256(bytes, sizeof bytes, bytes);
    }
    return bench_now_ns() - started_ns;
}

void bench_payout_proofs(const struct bench_options *options, struct bench_figures *out)
{
    static const uint32_t sizes[] = {1, 4, 16, OPERATORS, PP_OPERATORS_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct epoch epoch;
        epoch_make(&epoch, LANES_QUICK, sizes[i]);
        (void)report_ns(&epoch);
        const uint64_t value = (median_of(options, &epoch, proofs_ns) + 999) / 1000,
                       limit = (median_of(options, &epoch, rows_ns) + 999) / 1000;
        out->points[out->points_count++] = (struct bench_point){sizes[i], value, limit};
        if (sizes[i] == OPERATORS) {
            out->value = value;
            out->limit = limit;
        }
        epoch_done(&epoch);
    }
}
