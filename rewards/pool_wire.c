#include "pool_wire.h"

#define TERMS_BYTES (1u + 2u + 2u + 8u + 8u + 8u + 20u + 1u) /* without the blend's parts */
#define BLEND_PART_BYTES (1u + 2u)

size_t pp_pool_terms_bytes(const struct pp_report *report)
{
    return TERMS_BYTES + report->split.blend.count * BLEND_PART_BYTES;
}

/* The treasury's row is there in every report that was built. */
void pp_pool_terms_write(struct pp_writer *w, const struct pp_report *report)
{
    const struct pp_blend *blend = &report->split.blend;
    pp_write_u8(w, (uint8_t)report->split.policy);
    pp_write_u16(w, (uint16_t)report->split.protocol_basis_points);
    pp_write_u16(w, (uint16_t)report->refund_bound_basis_points);
    pp_write_u64(w, report->received_total.raw);
    pp_write_u64(w, report->minimum_payout.raw);
    pp_write_u64(w, report->before.forfeits.raw);
    pp_write_bytes(w, report->pool.rows[0].payee.bytes, 20);
    pp_write_u8(w, blend->count);
    for (size_t i = 0; i < blend->count; i++) {
        pp_write_u8(w, (uint8_t)blend->parts[i].policy);
        pp_write_u16(w, (uint16_t)blend->parts[i].basis_points);
    }
}

void pp_pool_terms_read(struct pp_reader *r, struct pp_report *out)
{
    struct pp_blend *blend = &out->split.blend;
    out->split.policy = (enum pp_policy)pp_read_u8(r);
    out->split.protocol_basis_points = pp_read_u16(r);
    out->refund_bound_basis_points = pp_read_u16(r);
    out->received_total.raw = pp_read_u64(r);
    out->minimum_payout.raw = pp_read_u64(r);
    out->before.forfeits.raw = pp_read_u64(r);
    pp_read_bytes(r, out->pool.rows[0].payee.bytes, 20);
    uint8_t count = pp_read_u8(r);
    if (count > PP_BLEND_PARTS_MAX)
        pp_reader_fail(r, PP_TOO_MANY);
    blend->count = r->error == PP_OK ? count : 0;
    for (size_t i = 0; i < blend->count; i++) {
        blend->parts[i].policy = (enum pp_policy)pp_read_u8(r);
        blend->parts[i].basis_points = pp_read_u16(r);
    }
}

void pp_pool_terms_skip(struct pp_reader *r)
{
    (void)pp_read_slice(r, TERMS_BYTES - 1);
    size_t count = pp_read_u8(r);
    (void)pp_read_slice(r, count * BLEND_PART_BYTES);
}

void pp_pool_weights_write(struct pp_writer *w, const struct pp_operator_weights *weights)
{
    pp_write_u64(w, weights->stake_units);
    pp_write_u64(w, weights->byte_days);
}

void pp_pool_weights_read(struct pp_reader *r, struct pp_operator_weights *out)
{
    out->stake_units = pp_read_u64(r);
    out->byte_days = pp_read_u64(r);
}

static void write_u128(struct pp_writer *w, pp_u128 value)
{
    pp_write_u64(w, (uint64_t)(value >> 64));
    pp_write_u64(w, (uint64_t)value);
}

static pp_u128 read_u128(struct pp_reader *r)
{
    uint64_t high = pp_read_u64(r);
    return (pp_u128)high << 64 | pp_read_u64(r);
}

size_t pp_pool_before_bytes(uint8_t version)
{
    const size_t bytes = 4u + 20u + 3u * 8u + 2u * 16u;
    return version > PP_REPORT_VERSION_WITHOUT_DRAWN ? bytes + 16u : bytes;
}

void pp_pool_before_write(struct pp_writer *w, const struct pp_pool_table *before, uint8_t version)
{
    pp_write_u16(w, (uint16_t)before->count);
    for (size_t i = 0; i < before->count; i++) {
        const struct pp_pool_row *row = &before->rows[i];
        pp_write_u32(w, row->node_id);
        pp_write_bytes(w, row->payee.bytes, 20);
        pp_write_u64(w, row->paid.raw);
        pp_write_u64(w, row->carry.raw);
        pp_write_u64(w, row->netted.raw);
        write_u128(w, row->took_grains);
        write_u128(w, row->refunded_grains);
        if (version > PP_REPORT_VERSION_WITHOUT_DRAWN)
            write_u128(w, row->byte_days);
    }
}

void pp_pool_before_read(struct pp_reader *r, struct pp_pool_table *out, uint8_t version)
{
    size_t count = pp_read_u16(r);
    if (count > PP_PAYOUTS_MAX)
        pp_reader_fail(r, PP_TOO_MANY);
    out->count = r->error == PP_OK ? count : 0;
    for (size_t i = 0; i < out->count; i++) {
        struct pp_pool_row *row = &out->rows[i];
        row->node_id = pp_read_u32(r);
        pp_read_bytes(r, row->payee.bytes, 20);
        row->paid.raw = pp_read_u64(r);
        row->carry.raw = pp_read_u64(r);
        row->netted.raw = pp_read_u64(r);
        row->took_grains = read_u128(r);
        row->refunded_grains = read_u128(r);
        if (version > PP_REPORT_VERSION_WITHOUT_DRAWN)
            row->byte_days = read_u128(r);
    }
}

void pp_pool_drawn_write(struct pp_writer *w, const struct pp_report *report)
{
    pp_write_u16(w, (uint16_t)report->drawn_count);
    for (size_t i = 0; i < report->drawn_count; i++) {
        pp_write_u32(w, report->drawn[i].node_id);
        pp_write_u64(w, report->drawn[i].units.raw);
    }
}

void pp_pool_drawn_read(struct pp_reader *r, struct pp_report *out)
{
    size_t count = pp_read_u16(r);
    if (count > PP_PAYOUTS_MAX)
        pp_reader_fail(r, PP_TOO_MANY);
    out->drawn_count = r->error == PP_OK ? count : 0;
    for (size_t i = 0; i < out->drawn_count; i++) {
        out->drawn[i].node_id = pp_read_u32(r);
        out->drawn[i].units.raw = pp_read_u64(r);
    }
}

static bool payouts_are(const struct pp_payout_table *a, const struct pp_pool_table *pool)
{
    if (a->count != pool->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->rows[i].node_id != pool->rows[i].node_id || a->rows[i].amount.raw != pool->rows[i].paid.raw ||
            !pp_address_eq(&a->rows[i].payee, &pool->rows[i].payee))
            return false;
    return true;
}

enum pp_error pp_pool_recompute(struct pp_report *report)
{
    const struct pp_pool_terms terms = {.epoch = report->fields.epoch,
                                        .split = report->split,
                                        .received_total = report->received_total,
                                        .minimum_payout = report->minimum_payout,
                                        .refund_bound_basis_points = report->refund_bound_basis_points,
                                        .treasury_payee = report->pool.rows[0].payee,
                                        .operators = report->operators,
                                        .weights = report->weights,
                                        .operator_count = report->operator_count,
                                        .drawn = report->drawn,
                                        .drawn_count = report->drawn_count};
    PP_TRY(pp_pool_share(&terms, &report->before, report->lanes, report->lane_count, &report->pool,
                         &report->shares));
    return payouts_are(&report->payouts, &report->pool) ? PP_OK : PP_CORRUPT;
}
