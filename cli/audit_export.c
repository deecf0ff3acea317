#include "audit_export.h"

#include <stdlib.h>
#include <string.h>

struct writing {
    FILE *out;
    uint8_t seal[32];
    uint64_t lines;
};

static enum pp_error line_put(struct writing *w, const struct audit_line *line)
{
    char *text = audit_line_write(line, w->seal);
    if (!text)
        return PP_NO_MEMORY;
    bool written = fprintf(w->out, "%s\n", text) > 0;
    free(text);
    w->lines++;
    return written ? PP_OK : PP_IO;
}

/* ---- what a report says ---- */

void audit_head_of(const struct pp_domain *domain, const struct pp_report *report, struct audit_head *out)
{
    const struct pp_epoch_report_fields *fields = &report->fields;
    const struct pp_blend_part *parts = report->split.blend.parts;
    *out = (struct audit_head){.version = AUDIT_VERSION,
                               .chain_id = domain->chain_id,
                               .contract = domain->contract,
                               .epoch = fields->epoch,
                               .previous = fields->previous,
                               .block_number = fields->block_number,
                               .end_time_s = fields->end_time,
                               .lanes_root = fields->lanes_root,
                               .payout_root = fields->payout_root,
                               .payout_total_units = fields->payout_total,
                               .operator_set = fields->operator_set,
                               .received_total_units = report->received_total.raw,
                               .forfeits_before_units = report->before.forfeits.raw,
                               .minimum_payout_units = report->minimum_payout.raw,
                               .refund_bound_basis_points = report->refund_bound_basis_points,
                               .treasury = report->pool.rows[0].payee,
                               .protocol_basis_points = report->split.protocol_basis_points,
                               .policy = report->split.policy,
                               .blend_1 = parts[0].policy,
                               .blend_1_basis_points = parts[0].basis_points,
                               .blend_2 = parts[1].policy,
                               .blend_2_basis_points = parts[1].basis_points,
                               .blend_3 = parts[2].policy,
                               .blend_3_basis_points = parts[2].basis_points,
                               .blend_4 = parts[3].policy,
                               .blend_4_basis_points = parts[3].basis_points};
}

void audit_sums_of(const struct pp_pool_sums *sums, struct audit_sums *out)
{
    *out = (struct audit_sums){sums->pool.raw,     sums->given_back.raw, sums->forfeits.raw, sums->shared.raw,
                               sums->protocol.raw, sums->carried.raw,    sums->held.raw};
}

void audit_share_of(const struct pp_pool_line *line, const struct pp_pool_row *before,
                    struct audit_share *out)
{
    *out = (struct audit_share){.node_id = line->node_id,
                                .is_member = line->is_member,
                                .stake_units = line->weights.stake_units,
                                .byte_days = line->weights.byte_days,
                                .byte_days_total = (before ? before->byte_days : 0) + line->weights.byte_days,
                                .paid_before_units = before ? before->paid.raw : 0,
                                .carry_before_units = line->carry_before.raw,
                                .netted_before_units = before ? before->netted.raw : 0,
                                .part_units = line->part.raw,
                                .part_1_units = line->by[0].raw,
                                .part_2_units = line->by[1].raw,
                                .part_3_units = line->by[2].raw,
                                .part_4_units = line->by[3].raw,
                                .given_back_units = line->given_back.raw,
                                .netted_of_carry_units = line->netted_of_carry.raw,
                                .netted_of_part_units = line->netted_of_part.raw,
                                .owed_units = line->owed.raw,
                                .paid_units = line->paid.raw,
                                .carry_units = line->carry.raw,
                                .took_grains = line->took_grains,
                                .refunded_grains = line->refunded_grains,
                                .is_inflated = line->is_inflated};
}

void audit_lane_of(const struct pp_lane_leaf *leaf, struct audit_lane *out)
{
    *out = (struct audit_lane){.lane = leaf->lane,
                               .spent = leaf->spent.raw,
                               .refunded = leaf->refunded.raw,
                               .earned = leaf->earned.raw,
                               .forfeited = leaf->forfeited.raw,
                               .owed = leaf->owed.raw};
    memcpy(out->channel_id.bytes, leaf->channel_id.bytes, 32);
    pp_lane_leaf_hash(leaf, &out->leaf);
}

/* ---- the sections ---- */

static enum pp_error operators_put(struct writing *w, const struct pp_report *report)
{
    for (size_t i = 0; i < report->operator_count; i++) {
        const struct pp_operator *operator= & report->operators[i];
        struct audit_line line = {.kind = AUDIT_OPERATOR};
        line.operator=(struct audit_operator){operator->node_id, operator->key, operator->payee,
                                              report->weights[i].stake_units, report->weights[i].byte_days};
        PP_TRY(line_put(w, &line));
    }
    return PP_OK;
}

static enum pp_error drawn_put(struct writing *w, const struct pp_report *report)
{
    for (size_t i = 0; i < report->drawn_count; i++) {
        struct audit_line line = {.kind = AUDIT_DRAWN};
        line.drawn = (struct audit_drawn){report->drawn[i].node_id, report->drawn[i].units.raw};
        PP_TRY(line_put(w, &line));
    }
    return PP_OK;
}

static enum pp_error before_put(struct writing *w, const struct pp_report *report)
{
    for (size_t i = 0; i < report->before.count; i++) {
        const struct pp_pool_row *row = &report->before.rows[i];
        struct audit_line line = {.kind = AUDIT_BEFORE};
        line.before =
            (struct audit_before){row->node_id,    row->payee,       row->paid.raw,        row->carry.raw,
                                  row->netted.raw, row->took_grains, row->refunded_grains, row->byte_days};
        PP_TRY(line_put(w, &line));
    }
    return PP_OK;
}

static enum pp_error shares_put(struct writing *w, const struct pp_report *report)
{
    struct audit_line line = {.kind = AUDIT_SUMS};
    audit_sums_of(&report->shares.sums, &line.sums);
    PP_TRY(line_put(w, &line));
    for (size_t i = 0; i < report->shares.line_count; i++) {
        const struct pp_pool_row *before = NULL;
        line = (struct audit_line){.kind = AUDIT_SHARE};
        if (pp_pool_find(&report->before, report->shares.lines[i].node_id, &before) != PP_OK)
            before = NULL;
        audit_share_of(&report->shares.lines[i], before, &line.share);
        PP_TRY(line_put(w, &line));
    }
    return PP_OK;
}

static enum pp_error payouts_put(struct writing *w, const struct pp_report *report)
{
    for (size_t i = 0; i < report->payouts.count; i++) {
        const struct pp_payout *row = &report->payouts.rows[i];
        struct audit_line line = {.kind = AUDIT_PAYOUT};
        line.payout = (struct audit_payout){row->node_id, row->payee, row->amount.raw};
        PP_TRY(line_put(w, &line));
    }
    for (size_t i = 0; i < report->signature_count; i++) {
        struct audit_line line = {.kind = AUDIT_SIGNATURE};
        line.signature =
            (struct audit_signature){report->signatures[i].node_id, report->signatures[i].signature};
        PP_TRY(line_put(w, &line));
    }
    return PP_OK;
}

static enum pp_error lanes_put(struct writing *w, const struct pp_report *report,
                               const struct pp_entries *entries)
{
    for (size_t i = 0; i < report->lane_count; i++) {
        const struct pp_lane_leaf *leaf = &report->lanes[i];
        struct audit_line line = {.kind = AUDIT_LANE};
        uint32_t last_day = 0;
        audit_lane_of(leaf, &line.lane);
        line.lane.has_entries = leaf->lane == entries->lane &&
                                pp_entries_last_day(entries, &leaf->channel_id, &last_day) == PP_OK;
        line.lane.last_day = last_day;
        PP_TRY(line_put(w, &line));
    }
    return PP_OK;
}

static enum pp_error charges_put(struct writing *w, const struct pp_entries *entries)
{
    for (size_t i = 0; i < entries->charge_count; i++) {
        const struct pp_charge_entry *from = &entries->charges[i];
        struct audit_line line = {.kind = AUDIT_CHARGE};
        line.charge = (struct audit_charge){.lane = entries->lane,
                                            .from = from->from.raw,
                                            .to = from->to.raw,
                                            .base = from->postage.base_grains,
                                            .storage = from->postage.storage_grains,
                                            .congestion = from->postage.congestion_grains,
                                            .bond = from->postage.bond_grains,
                                            .retention_days = from->retention_days,
                                            .stored_day = from->is_unsigned || from->is_waiting ? 0 : from->stored_day};
        memcpy(line.charge.channel_id.bytes, from->channel_id.bytes, 32);
        memcpy(line.charge.stamp_id.bytes, from->stamp_id.bytes, 32);
        PP_TRY(line_put(w, &line));
    }
    return PP_OK;
}

static enum pp_error refunds_put(struct writing *w, const struct pp_entries *entries)
{
    for (size_t i = 0; i < entries->refund_count; i++) {
        const struct pp_refund_entry *from = &entries->refunds[i];
        struct audit_line line = {.kind = AUDIT_REFUND};
        line.refund = (struct audit_refund){
            .lane = entries->lane, .amount = from->amount.raw, .reason = from->reason, .day = from->day};
        memcpy(line.refund.channel_id.bytes, from->channel_id.bytes, 32);
        memcpy(line.refund.stamp_id.bytes, from->stamp_id.bytes, 32);
        PP_TRY(line_put(w, &line));
    }
    return PP_OK;
}

enum pp_error audit_export(const struct pp_domain *domain, const struct pp_report *report,
                           const struct pp_entries *entries, FILE *out)
{
    static const struct pp_entries none;
    struct writing w = {.out = out};
    struct audit_line line = {.kind = AUDIT_HEAD};
    if (report->version == PP_REPORT_VERSION_WITHOUT_POOL)
        return PP_BAD_VERSION;
    if (!entries)
        entries = &none;
    audit_head_of(domain, report, &line.head);
    PP_TRY(line_put(&w, &line));
    PP_TRY(operators_put(&w, report));
    PP_TRY(drawn_put(&w, report));
    PP_TRY(before_put(&w, report));
    PP_TRY(shares_put(&w, report));
    PP_TRY(payouts_put(&w, report));
    PP_TRY(lanes_put(&w, report, entries));
    PP_TRY(charges_put(&w, entries));
    PP_TRY(refunds_put(&w, entries));
    line = (struct audit_line){.kind = AUDIT_END};
    line.end.lines = w.lines + 1;
    PP_TRY(line_put(&w, &line));
    return fflush(out) == 0 && !ferror(out) ? PP_OK : PP_IO;
}
