/* The stored bundle of a report: REW-058, REW-059, REW-120 to REW-123. */
#include <pp/epoch.h>

#include "pool_wire.h"

#include <pp/assert.h>

#include <string.h>

#define FIELDS_BYTES (8u + 32u + 8u + 32u + 32u + 16u + 32u + 8u)
#define OPERATOR_BYTES (4u + 20u + 20u)
#define PAYOUT_BYTES (4u + 20u + 8u)
#define SIGNATURE_BYTES (4u + 65u)
#define LANE_BYTES (32u + 4u + 5u * 12u)

static bool has_pool(const struct pp_report *report)
{
    return report->version > PP_REPORT_VERSION_WITHOUT_POOL;
}

/* REW-123 */
static bool has_drawn(const struct pp_report *report)
{
    return report->version > PP_REPORT_VERSION_WITHOUT_DRAWN;
}

size_t pp_report_bytes(const struct pp_report *report)
{
    size_t bytes = 1u + FIELDS_BYTES + 2u + report->operator_count * OPERATOR_BYTES + 2u +
                   report->payouts.count * PAYOUT_BYTES + 2u + report->signature_count * SIGNATURE_BYTES +
                   4u + report->lane_count * LANE_BYTES;
    if (has_pool(report))
        bytes += pp_pool_terms_bytes(report) + report->operator_count * PP_POOL_WEIGHTS_BYTES + 2u +
                 report->before.count * pp_pool_before_bytes(report->version);
    if (has_drawn(report))
        bytes += 2u + report->drawn_count * PP_POOL_DRAWN_BYTES;
    return bytes;
}

static void write_fields(struct pp_writer *w, const struct pp_epoch_report_fields *fields)
{
    pp_write_u64(w, fields->epoch);
    pp_write_bytes(w, fields->previous.bytes, 32);
    pp_write_u64(w, fields->block_number);
    pp_write_bytes(w, fields->lanes_root.bytes, 32);
    pp_write_bytes(w, fields->payout_root.bytes, 32);
    pp_write_u64(w, (uint64_t)(fields->payout_total >> 64));
    pp_write_u64(w, (uint64_t)fields->payout_total);
    pp_write_bytes(w, fields->operator_set.bytes, 32);
    pp_write_u64(w, fields->end_time);
}

static void read_fields(struct pp_reader *r, struct pp_epoch_report_fields *out)
{
    out->epoch = pp_read_u64(r);
    pp_read_bytes(r, out->previous.bytes, 32);
    out->block_number = pp_read_u64(r);
    pp_read_bytes(r, out->lanes_root.bytes, 32);
    pp_read_bytes(r, out->payout_root.bytes, 32);
    uint64_t high = pp_read_u64(r);
    out->payout_total = (pp_u128)high << 64 | pp_read_u64(r);
    pp_read_bytes(r, out->operator_set.bytes, 32);
    out->end_time = pp_read_u64(r);
}

static void write_lane(struct pp_writer *w, const struct pp_lane_leaf *lane)
{
    pp_write_bytes(w, lane->channel_id.bytes, 32);
    pp_write_u32(w, lane->lane);
    pp_write_grains(w, lane->spent);
    pp_write_grains(w, lane->refunded);
    pp_write_grains(w, lane->earned);
    pp_write_grains(w, lane->forfeited);
    pp_write_grains(w, lane->owed);
}

static void read_lane(struct pp_reader *r, struct pp_lane_leaf *out)
{
    pp_read_bytes(r, out->channel_id.bytes, 32);
    out->lane = pp_read_u32(r);
    out->spent = pp_read_grains(r);
    out->refunded = pp_read_grains(r);
    out->earned = pp_read_grains(r);
    out->forfeited = pp_read_grains(r);
    out->owed = pp_read_grains(r);
}

static void write_operators(struct pp_writer *w, const struct pp_report *report)
{
    pp_write_u16(w, (uint16_t)report->operator_count);
    for (size_t i = 0; i < report->operator_count; i++) {
        pp_write_u32(w, report->operators[i].node_id);
        pp_write_bytes(w, report->operators[i].key.bytes, 20);
        pp_write_bytes(w, report->operators[i].payee.bytes, 20);
        if (has_pool(report))
            pp_pool_weights_write(w, &report->weights[i]);
    }
}

static void write_payouts(struct pp_writer *w, const struct pp_payout_table *payouts)
{
    pp_write_u16(w, (uint16_t)payouts->count);
    for (size_t i = 0; i < payouts->count; i++) {
        pp_write_u32(w, payouts->rows[i].node_id);
        pp_write_bytes(w, payouts->rows[i].payee.bytes, 20);
        pp_write_u64(w, payouts->rows[i].amount.raw);
    }
}

static void write_signatures(struct pp_writer *w, const struct pp_report *report)
{
    pp_write_u16(w, (uint16_t)report->signature_count);
    for (size_t i = 0; i < report->signature_count; i++) {
        pp_write_u32(w, report->signatures[i].node_id);
        pp_write_bytes(w, report->signatures[i].signature.bytes, 65);
    }
}

enum pp_error pp_report_encode(const struct pp_report *report, uint8_t *bytes, size_t capacity,
                               size_t *out_length)
{
    struct pp_writer w;
    pp_writer_init(&w, bytes, capacity);
    pp_write_u8(&w, report->version);
    write_fields(&w, &report->fields);
    if (has_pool(report))
        pp_pool_terms_write(&w, report);
    write_operators(&w, report);
    if (has_drawn(report))
        pp_pool_drawn_write(&w, report);
    if (has_pool(report))
        pp_pool_before_write(&w, &report->before, report->version);
    write_payouts(&w, &report->payouts);
    write_signatures(&w, report);
    pp_write_u32(&w, (uint32_t)report->lane_count);
    for (size_t i = 0; i < report->lane_count; i++)
        write_lane(&w, &report->lanes[i]);
    return pp_writer_finish(&w, out_length);
}

/* REW-122 */
static uint8_t read_version(struct pp_reader *r)
{
    uint8_t version = pp_read_u8(r);
    if (version < PP_REPORT_VERSION_WITHOUT_POOL || version > PP_REPORT_VERSION)
        pp_reader_fail(r, PP_BAD_VERSION);
    return version;
}

/* A count that cannot be right stops the reader, before a loop believes it. */
static size_t read_count(struct pp_reader *r, size_t limit)
{
    size_t count = pp_read_u16(r);
    if (count > limit)
        pp_reader_fail(r, PP_TOO_MANY);
    return r->error == PP_OK ? count : 0;
}

static void read_operators(struct pp_reader *r, struct pp_report *out)
{
    out->operator_count = read_count(r, PP_OPERATORS_MAX);
    for (size_t i = 0; i < out->operator_count; i++) {
        out->operators[i].node_id = pp_read_u32(r);
        pp_read_bytes(r, out->operators[i].key.bytes, 20);
        pp_read_bytes(r, out->operators[i].payee.bytes, 20);
        if (has_pool(out))
            pp_pool_weights_read(r, &out->weights[i]);
    }
}

static void read_payouts(struct pp_reader *r, struct pp_report *out)
{
    out->payouts.count = read_count(r, PP_PAYOUTS_MAX);
    for (size_t i = 0; i < out->payouts.count; i++) {
        out->payouts.rows[i].node_id = pp_read_u32(r);
        pp_read_bytes(r, out->payouts.rows[i].payee.bytes, 20);
        out->payouts.rows[i].amount.raw = pp_read_u64(r);
    }
}

static void read_signatures(struct pp_reader *r, struct pp_report *out)
{
    out->signature_count = read_count(r, PP_OPERATORS_MAX);
    for (size_t i = 0; i < out->signature_count; i++) {
        out->signatures[i].node_id = pp_read_u32(r);
        pp_read_bytes(r, out->signatures[i].signature.bytes, 65);
        if (i > 0 && out->signatures[i].node_id <= out->signatures[i - 1].node_id)
            pp_reader_fail(r, PP_BAD_FORMAT);
    }
}

/* All that stands before the lanes; returns how many follow. */
static size_t read_head(struct pp_reader *r, struct pp_report *out)
{
    out->version = read_version(r);
    read_fields(r, &out->fields);
    if (has_pool(out))
        pp_pool_terms_read(r, out);
    read_operators(r, out);
    if (has_drawn(out))
        pp_pool_drawn_read(r, out);
    if (has_pool(out))
        pp_pool_before_read(r, &out->before, out->version);
    read_payouts(r, out);
    read_signatures(r, out);
    size_t count = pp_read_u32(r);
    if (r->error == PP_OK && count > pp_reader_left(r) / LANE_BYTES)
        pp_reader_fail(r, PP_TRUNCATED);
    return r->error == PP_OK ? count : 0;
}

/* A list of u16 count and so many bytes each. */
static void skip_list(struct pp_reader *r, size_t bytes)
{
    size_t count = pp_read_u16(r);
    (void)pp_read_slice(r, count * bytes);
}

enum pp_error pp_report_lane_count(const uint8_t *bytes, size_t length, size_t *out_count)
{
    struct pp_reader r;
    pp_reader_init(&r, bytes, length);
    const uint8_t version = read_version(&r);
    const bool pool = version > PP_REPORT_VERSION_WITHOUT_POOL;
    (void)pp_read_slice(&r, FIELDS_BYTES);
    if (pool)
        pp_pool_terms_skip(&r);
    skip_list(&r, OPERATOR_BYTES + (pool ? PP_POOL_WEIGHTS_BYTES : 0));
    if (version > PP_REPORT_VERSION_WITHOUT_DRAWN)
        skip_list(&r, PP_POOL_DRAWN_BYTES);
    if (pool)
        skip_list(&r, pp_pool_before_bytes(version));
    skip_list(&r, PAYOUT_BYTES);
    skip_list(&r, SIGNATURE_BYTES);
    size_t count = pp_read_u32(&r);
    if (r.error == PP_OK && count > pp_reader_left(&r) / LANE_BYTES)
        pp_reader_fail(&r, PP_TRUNCATED);
    (void)pp_read_slice(&r, r.error == PP_OK ? count * LANE_BYTES : 0);
    PP_TRY(pp_reader_finish(&r));
    *out_count = count;
    return PP_OK;
}

/* REW-059: what the report says of its rows is computed again, never believed. */
static enum pp_error roots_check(const struct pp_report *report, struct pp_hash *nodes)
{
    struct pp_hash lanes_root, payout_root, operator_set;
    struct pp_lane_tree tree;
    pp_u128 total;
    for (size_t i = 1; i < report->lane_count; i++) {
        const struct pp_lane_leaf *a = &report->lanes[i - 1], *b = &report->lanes[i];
        int order = memcmp(a->channel_id.bytes, b->channel_id.bytes, 32);
        if (order > 0 || (order == 0 && a->lane >= b->lane))
            return PP_BAD_FORMAT;
    }
    if (report->operator_count == 0)
        return PP_NO_OPERATORS;
    PP_TRY(pp_operators_check(report->operators, report->operator_count));
    PP_TRY(pp_payout_table_check(&report->payouts));
    PP_TRY(pp_operators_hash(report->operators, report->operator_count, &operator_set));
    PP_TRY(pp_lane_tree_build(report->lanes, report->lane_count, nodes, &tree));
    pp_lane_tree_root(&tree, &lanes_root);
    pp_payout_root(&report->payouts, &payout_root, &total);
    if (!pp_hash_eq(&lanes_root, &report->fields.lanes_root) ||
        !pp_hash_eq(&payout_root, &report->fields.payout_root) || total != report->fields.payout_total ||
        !pp_hash_eq(&operator_set, &report->fields.operator_set))
        return PP_CORRUPT;
    return PP_OK;
}

static enum pp_error decode(const uint8_t *bytes, size_t length, size_t lane_count, struct pp_hash *nodes,
                            struct pp_report *out)
{
    struct pp_reader r;
    pp_reader_init(&r, bytes, length);
    out->lane_count = read_head(&r, out);
    if (r.error == PP_OK && out->lane_count != lane_count)
        pp_reader_fail(&r, PP_OUT_OF_RANGE);
    for (size_t i = 0; r.error == PP_OK && i < lane_count; i++)
        read_lane(&r, &out->lanes[i]);
    PP_TRY(pp_reader_finish(&r));
    PP_TRY(roots_check(out, nodes));
    if (has_pool(out))
        return pp_pool_recompute(out);
    pp_pool_of_payouts(&out->payouts, &out->pool);
    return PP_OK;
}

enum pp_error pp_report_decode(const uint8_t *bytes, size_t length, struct pp_lane_leaf *lanes,
                               size_t lane_count, struct pp_hash *nodes, struct pp_report *out)
{
    memset(out, 0, sizeof *out);
    out->lanes = lanes;
    enum pp_error error = decode(bytes, length, lane_count, nodes, out);
    if (error != PP_OK)
        memset(out, 0, sizeof *out);
    return error;
}
