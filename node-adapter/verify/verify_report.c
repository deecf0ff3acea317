/* Reports: recomputed from the ledger as it stands at their record, and compared with the record and the bundle. */
#include "engine/node.h"
#include "epoch/keep.h"
#include "verify/verify_run.h"

#include <pp/assert.h>
#include <pp/epoch.h>

#include <stdlib.h>
#include <string.h>

/* A report with what it borrows. */
struct bundle {
    struct pp_report report;
    struct pp_lane_leaf *lanes;
    struct pp_hash *nodes;
};

/* Big: the heap's. */
struct comparing {
    struct bundle ours, stored, before;
    bool has_stored, has_before;
    bool several;             /* it was agreed on with others: */
    const struct pp_cut *cut; /* this lane as the report has it; NULL: not known any more */
};

static void bundle_done(struct bundle *bundle)
{
    free(bundle->lanes);
    free(bundle->nodes);
    bundle->lanes = NULL;
    bundle->nodes = NULL;
}

static enum pp_error bundle_room(struct bundle *bundle, size_t lanes)
{
    bundle_done(bundle);
    bundle->lanes = calloc(lanes + 1, sizeof *bundle->lanes);
    bundle->nodes = calloc(PP_LANE_TREE_NODES(lanes) + 1, sizeof *bundle->nodes);
    return bundle->lanes && bundle->nodes ? PP_OK : PP_NO_MEMORY;
}

static enum pp_error bundle_decode(struct bundle *bundle, struct pp_slice bytes)
{
    size_t lanes;
    PP_TRY(pp_report_lane_count(bytes.bytes, bytes.length, &lanes));
    PP_TRY(bundle_room(bundle, lanes));
    return pp_report_decode(bytes.bytes, bytes.length, bundle->lanes, lanes, bundle->nodes, &bundle->report);
}

/* What is wrong with a bundle is the caller's to tell; out_fault: of memory or the store. */
static enum pp_error bundle_get(struct pp_verify_run *run, uint64_t epoch, struct bundle *bundle,
                                enum pp_error *out_fault)
{
    struct pp_key8 key = pp_key8_of(epoch);
    struct pp_slice bytes;
    *out_fault = PP_OK;
    enum pp_error error = pp_txn_get(run->journal, PP_TABLE_REPORTS, pp_slice(key.bytes, 8), &bytes);
    if (error != PP_OK && error != PP_NOT_FOUND)
        *out_fault = error;
    if (error == PP_OK)
        error = bundle_decode(bundle, bytes);
    if (error == PP_NO_MEMORY)
        *out_fault = error;
    return error;
}

/* ---- what is stored ---- */

static enum pp_error stored_take(struct pp_verify_run *run, const struct pp_record_reported *reported,
                                 struct comparing *comparing)
{
    struct pp_report *report = &comparing->stored.report;
    struct pp_hash digest;
    enum pp_error fault, error = bundle_get(run, reported->epoch, &comparing->stored, &fault);
    PP_TRY(fault);
    if (error != PP_OK) {
        pp_verify_tell(run, PP_VERIFY_REPORTS, PP_CORRUPT, "report bundle", PP_SLOT_NONE, "of epoch %llu: %s",
                       (unsigned long long)reported->epoch, pp_error_sentence(error));
        return PP_OK;
    }
    comparing->has_stored = true;
    pp_report_digest(&run->domain, report, &digest);
    pp_verify_bytes(run, PP_VERIFY_REPORTS, "report bundle's hash", PP_SLOT_NONE, reported->report_hash.bytes,
                    digest.bytes, 32);
    run->summary->signatures += report->signature_count;
    error = pp_report_verify(report, &run->domain, run->crypto);
    if (error == PP_NO_QUORUM && comparing->several && report->signature_count > 0)
        return PP_OK; /* EPOCH-024: signed here, and not by enough: it binds this node, and nobody else */
    if (error != PP_OK)
        pp_verify_tell(run, PP_VERIFY_REPORTS, PP_INVARIANT, "report quorum", PP_SLOT_NONE,
                       "%zu signatures: %s", report->signature_count, pp_error_sentence(error));
    return PP_OK;
}

/* EPOCH-030: one that a quorum signed without this node. */
struct others_look {
    struct pp_verify_run *run;
    const struct pp_record_reported *reported;
    struct comparing *comparing;
};

static enum pp_error others_visit(void *context, uint64_t epoch, struct pp_slice bytes, bool *out_done)
{
    struct others_look *look = context;
    struct pp_hash digest;
    if (epoch >= look->reported->epoch)
        return PP_OK;
    const enum pp_error error = bundle_decode(&look->comparing->before, bytes);
    if (error == PP_NO_MEMORY)
        return error;
    if (error != PP_OK)
        return PP_OK; /* told where it is looked at by itself */
    pp_report_digest(&look->run->domain, &look->comparing->before.report, &digest);
    *out_done = look->comparing->has_before = pp_hash_eq(&digest, &look->reported->previous);
    return PP_OK;
}

static enum pp_error before_of_others(struct pp_verify_run *run, const struct pp_record_reported *reported,
                                      struct comparing *comparing)
{
    struct others_look look = {run, reported, comparing};
    return pp_keep_bundles(run->journal, others_visit, &look);
}

/* The one that `previous` names: of it the payouts go on. */
static enum pp_error before_take(struct pp_verify_run *run, const struct pp_record_reported *reported,
                                 struct comparing *comparing)
{
    static const struct pp_hash none = {{0}};
    char hex[2 * 32 + 1];
    if (pp_hash_eq(&reported->previous, &none))
        return PP_OK;
    for (size_t i = run->report_count; i-- > 0;) {
        enum pp_error fault, error;
        if (!pp_hash_eq(&run->reports[i].hash, &reported->previous))
            continue;
        error = bundle_get(run, run->reports[i].epoch, &comparing->before, &fault);
        comparing->has_before = error == PP_OK;
        return fault; /* a bad bundle was told at its own record */
    }
    if (comparing->several)
        PP_TRY(before_of_others(run, reported, comparing));
    if (comparing->has_before)
        return PP_OK;
    pp_verify_tell(run, PP_VERIFY_REPORTS, PP_INVARIANT, "report before", PP_SLOT_NONE,
                   "%s is none of the earlier ones", pp_hex_print(reported->previous.bytes, 32, hex));
    return PP_OK;
}

/* ---- what it should be ---- */

/* The set is the bundle's, which the contract checks at the named block; this node is in it. */
static size_t operators_of(const struct pp_verify_run *run, const struct pp_record_reported *reported,
                           const struct comparing *comparing, struct pp_operator out[PP_OPERATORS_MAX])
{
    const struct pp_record_opened *opened = &run->ledger.head.opened;
    if (comparing->has_stored) {
        memcpy(out, comparing->stored.report.operators, sizeof comparing->stored.report.operators);
        return comparing->stored.report.operator_count;
    }
    out[0] = (struct pp_operator){opened->node_id, opened->operator_address, reported->payee};
    return 1;
}

static void membership_compare(struct pp_verify_run *run, const struct pp_record_reported *reported,
                               const struct pp_operator *operators, size_t count)
{
    const struct pp_record_opened *opened = &run->ledger.head.opened;
    for (size_t i = 0; i < count; i++)
        if (operators[i].node_id == opened->node_id) {
            pp_verify_bytes(run, PP_VERIFY_REPORTS, "report's operator", PP_SLOT_NONE,
                            opened->operator_address.bytes, operators[i].key.bytes, 20);
            pp_verify_bytes(run, PP_VERIFY_REPORTS, "report's payee", PP_SLOT_NONE, reported->payee.bytes,
                            operators[i].payee.bytes, 20);
            return;
        }
    pp_verify_tell(run, PP_VERIFY_REPORTS, PP_INVARIANT, "report's operators", PP_SLOT_NONE,
                   "node %u is not among them", opened->node_id);
}

/* NODE-106: the lanes of the other shards are not in this folder; they are taken as the bundle states them. */
static size_t others_take(const struct pp_verify_run *run, const struct comparing *comparing,
                          struct pp_lane_leaf *out)
{
    const struct pp_record_opened *opened = &run->ledger.head.opened;
    size_t count = 0;
    if (!(run->part || comparing->several) || !comparing->has_stored)
        return 0;
    for (size_t i = 0; i < comparing->stored.report.lane_count; i++) {
        const struct pp_lane_leaf *leaf = &comparing->stored.report.lanes[i];
        const bool same_node = pp_lane_node(leaf->lane) == opened->node_id;
        const bool own = same_node && pp_lane_shard(leaf->lane) == opened->shard;
        if (comparing->several ? !own || !comparing->cut : same_node && !own)
            out[count++] = *leaf;
    }
    return count;
}

static enum pp_error ours_build(struct pp_verify_run *run, const struct pp_record_reported *reported,
                                struct comparing *comparing)
{
    struct pp_operator operators[PP_OPERATORS_MAX];
    const struct pp_report *stored = comparing->has_stored ? &comparing->stored.report : NULL;
    const struct pp_report_terms terms = {
        .epoch = reported->epoch,
        .previous = reported->previous,
        .block_number = reported->block_number,
        .end_time_s = reported->end_time_s,
        .received_total = reported->received_total,
        .protocol_basis_points = reported->protocol_basis_points,
        .policy = (enum pp_policy)reported->policy,
        .blend = stored ? stored->split.blend : (struct pp_blend){.count = 0},
        .minimum_payout = stored ? stored->minimum_payout : PP_UNITS_ZERO,
        .refund_bound_basis_points = stored ? stored->refund_bound_basis_points : 0,
        .treasury_payee = reported->treasury,
        .operators = operators,
        .weights = stored ? stored->weights : NULL,
        .operator_count = operators_of(run, reported, comparing, operators),
        .drawn = stored ? stored->drawn : NULL,
        .drawn_count = stored ? stored->drawn_count : 0,
        .before = comparing->has_before ? &comparing->before.report.pool : NULL,
        .version = stored ? stored->version : 0,
    };
    struct bundle *ours = &comparing->ours;
    size_t count = 0;
    membership_compare(run, reported, operators, terms.operator_count);
    PP_TRY(bundle_room(ours, run->ledger.head.lane_count +
                                 (comparing->has_stored ? comparing->stored.report.lane_count : 0)));
    if (!comparing->several) {
        PP_TRY(pp_report_leaves(&run->ledger, ours->lanes, &count));
    } else if (comparing->cut) {
        count = comparing->cut->count;
        memcpy(ours->lanes, comparing->cut->leaves, count * sizeof *ours->lanes);
    }
    count += others_take(run, comparing, ours->lanes + count);
    return pp_report_build(&terms, ours->lanes, count, ours->nodes, &ours->report);
}

/* ---- comparing ---- */

static void lane_compare(struct pp_verify_run *run, const struct pp_lane_leaf *ours,
                         const struct pp_lane_leaf *stored)
{
    uint32_t slot = pp_ledger_find(&run->ledger, &ours->channel_id);
    pp_verify_grains(run, PP_VERIFY_REPORTS, "report lane, spent", slot, ours->spent, stored->spent);
    pp_verify_grains(run, PP_VERIFY_REPORTS, "report lane, refunded", slot, ours->refunded, stored->refunded);
    pp_verify_grains(run, PP_VERIFY_REPORTS, "report lane, earned", slot, ours->earned, stored->earned);
    pp_verify_grains(run, PP_VERIFY_REPORTS, "report lane, forfeited", slot, ours->forfeited,
                     stored->forfeited);
    pp_verify_grains(run, PP_VERIFY_REPORTS, "report lane, owed", slot, ours->owed, stored->owed);
}

static void lanes_compare(struct pp_verify_run *run, const struct pp_report *ours,
                          const struct pp_report *stored)
{
    pp_verify_number(run, PP_VERIFY_REPORTS, "report lanes", PP_SLOT_NONE, ours->lane_count,
                     stored->lane_count);
    for (size_t i = 0; i < ours->lane_count; i++) {
        const struct pp_lane_leaf *lane = &ours->lanes[i], *found;
        if (pp_report_lane(stored, &lane->channel_id, lane->lane, &found) == PP_OK)
            lane_compare(run, lane, found);
        else
            pp_verify_tell(run, PP_VERIFY_REPORTS, PP_INVARIANT, "report lane",
                           pp_ledger_find(&run->ledger, &lane->channel_id), "the bundle does not have it");
    }
}

static void payouts_compare(struct pp_verify_run *run, const struct pp_report *ours,
                            const struct pp_report *stored)
{
    pp_verify_number(run, PP_VERIFY_REPORTS, "report payouts", PP_SLOT_NONE, ours->payouts.count,
                     stored->payouts.count);
    for (size_t i = 0; i < ours->payouts.count; i++) {
        const struct pp_payout *row = &ours->payouts.rows[i], *found;
        if (pp_payout_find(&stored->payouts, row->node_id, &found) != PP_OK)
            pp_verify_tell(run, PP_VERIFY_REPORTS, PP_INVARIANT, "report payout", PP_SLOT_NONE,
                           "node %u has none", row->node_id);
        else if (found->amount.raw != row->amount.raw)
            pp_verify_tell(run, PP_VERIFY_REPORTS, PP_INVARIANT, "report payout", PP_SLOT_NONE,
                           "node %u: expected %llu, found %llu", row->node_id,
                           (unsigned long long)row->amount.raw, (unsigned long long)found->amount.raw);
    }
}

static void report_compare(struct pp_verify_run *run, const struct pp_record_reported *reported,
                           const struct comparing *comparing)
{
    const struct pp_report *ours = &comparing->ours.report;
    const enum pp_verify_check check = PP_VERIFY_REPORTS;
    struct pp_hash digest;
    struct pp_units total;
    pp_report_digest(&run->domain, ours, &digest);
    if (comparing->has_stored) {
        lanes_compare(run, ours, &comparing->stored.report);
        payouts_compare(run, ours, &comparing->stored.report);
    }
    pp_verify_bytes(run, check, "lanes root", PP_SLOT_NONE, ours->fields.lanes_root.bytes,
                    reported->lanes_root.bytes, 32);
    pp_verify_bytes(run, check, "payout root", PP_SLOT_NONE, ours->fields.payout_root.bytes,
                    reported->payout_root.bytes, 32);
    pp_verify_bytes(run, check, "report hash", PP_SLOT_NONE, digest.bytes, reported->report_hash.bytes, 32);
    if (pp_payout_total(&ours->payouts, &total) != PP_OK || total.raw > reported->received_total.raw)
        pp_verify_tell(run, check, PP_INVARIANT, "paid out <= received", PP_SLOT_NONE, "received %llu",
                       (unsigned long long)reported->received_total.raw);
}

/* ---- order ---- */

static void order_compare(struct pp_verify_run *run, const struct pp_record_reported *reported)
{
    if (run->report_count == 0)
        return;
    const struct pp_verify_report *before = &run->reports[run->report_count - 1];
    if (reported->epoch <= before->epoch || reported->block_number <= before->block_number ||
        reported->end_time_s <= before->end_time_s)
        pp_verify_tell(run, PP_VERIFY_REPORTS, PP_INVARIANT, "reports in order", PP_SLOT_NONE,
                       "epoch %llu, block %llu, end %llu, after epoch %llu, block %llu, end %llu",
                       (unsigned long long)reported->epoch, (unsigned long long)reported->block_number,
                       (unsigned long long)reported->end_time_s, (unsigned long long)before->epoch,
                       (unsigned long long)before->block_number, (unsigned long long)before->end_time_s);
}

static enum pp_error report_keep(struct pp_verify_run *run, const struct pp_record_reported *reported)
{
    if (run->report_count == run->report_capacity) {
        size_t capacity = 2 * run->report_capacity + 64;
        struct pp_verify_report *grown = realloc(run->reports, capacity * sizeof *grown);
        if (!grown)
            return PP_NO_MEMORY;
        run->reports = grown;
        run->report_capacity = capacity;
    }
    run->reports[run->report_count++] = (struct pp_verify_report){
        reported->epoch, reported->block_number, reported->end_time_s, reported->report_hash};
    return PP_OK;
}

/* ---- all of it ---- */

static enum pp_error compare(struct pp_verify_run *run, const struct pp_record_reported *reported,
                             struct comparing *comparing)
{
    PP_TRY(pp_verify_epochs_cut(run, reported->epoch, &comparing->several, &comparing->cut));
    PP_TRY(stored_take(run, reported, comparing));
    PP_TRY(before_take(run, reported, comparing));
    enum pp_error error = ours_build(run, reported, comparing);
    if (error == PP_NO_MEMORY)
        return error;
    if (error == PP_OK)
        report_compare(run, reported, comparing);
    else
        pp_verify_tell(run, PP_VERIFY_REPORTS, PP_INVARIANT, "report", PP_SLOT_NONE,
                       "it cannot be built: %s: %s", pp_error_name(error), pp_error_sentence(error));
    return PP_OK;
}

enum pp_error pp_verify_report(struct pp_verify_run *run, const struct pp_record *record)
{
    const struct pp_record_reported *reported = &record->reported;
    struct comparing *comparing = calloc(1, sizeof *comparing);
    if (!comparing)
        return PP_NO_MEMORY;
    pp_verify_count(run, PP_VERIFY_REPORTS);
    order_compare(run, reported);
    if (run->part && run->ledger.head.opened.shard != 0)
        pp_verify_tell(run, PP_VERIFY_REPORTS, PP_INVARIANT, "report", PP_SLOT_NONE,
                       "shard %u made it, though shard 0 reports for all", run->ledger.head.opened.shard);
    pp_verify_signer(run, PP_VERIFY_REPORTS, "report signature", PP_SLOT_NONE, &reported->report_hash,
                     &reported->signature, &run->ledger.head.opened.operator_address);
    enum pp_error error = compare(run, reported, comparing);
    bundle_done(&comparing->ours);
    bundle_done(&comparing->stored);
    bundle_done(&comparing->before);
    free(comparing);
    return error == PP_OK ? report_keep(run, reported) : error;
}

/* Bundles that no record made. */
enum pp_error pp_verify_reports_end(struct pp_verify_run *run)
{
    struct pp_scan scan;
    uint64_t left;
    size_t next = 0;
    char text[2 * 32 + 1];
    PP_TRY(pp_txn_count(run->journal, PP_TABLE_REPORTS, &left));
    PP_TRY(pp_scan_open(run->journal, PP_TABLE_REPORTS, &scan));
    enum pp_error error = pp_scan_first(&scan);
    for (; error == PP_OK && left > 0; left--) {
        uint64_t epoch = scan.key.length == 8 ? pp_key8_number(scan.key.bytes) : 0;
        while (next < run->report_count && run->reports[next].epoch < epoch)
            next++; /* its bundle is missing: told at its record */
        if (scan.key.length != 8 || next == run->report_count || run->reports[next].epoch != epoch)
            pp_verify_tell(run, PP_VERIFY_REPORTS, PP_CORRUPT, "report bundle", PP_SLOT_NONE,
                           "%s: no record says that this report was made",
                           pp_hex_print(scan.key.bytes, scan.key.length < 32 ? scan.key.length : 32, text));
        error = pp_scan_next(&scan);
    }
    pp_scan_close(&scan);
    return error == PP_NOT_FOUND ? PP_OK : error;
}
