/* Everything that somebody signed: vouchers, deletes and leaves by the sender; refunds, releases and reports by the operator. */
#include "node.h"
#include "verify_run.h"

#include <pp/assert.h>
#include <pp/epoch.h>
#include <pp/voucher.h>

#include <stdlib.h>
#include <string.h>

static void signature_check(struct pp_verify_run *run, const struct pp_signature *signature, const struct pp_hash *digest,
                            const struct pp_address *signer, const char *what, uint64_t sequence, uint32_t slot)
{
    run->summary->signatures++;
    enum pp_error error = pp_verify_address(run->crypto, signature, digest, signer, NULL);
    if (error != PP_OK)
        pp_verify_tell(run, PP_INVARIANT, what, sequence, slot, "%s", pp_error_name(error));
}

/* ---- vouchers ---- */

static void voucher_check(struct pp_verify_run *run, const struct pp_record *record, uint32_t slot)
{
    struct pp_ledger_lane *lane = &run->ledger.lanes[slot];
    struct pp_voucher voucher = {
        .channel_id = record->charged.channel_id,
        .lane = record->charged.lane,
        .spent = record->charged.spent,
        .refund_ack = record->charged.refund_ack,
        .signature = record->charged.signature,
    };
    for (uint32_t i = 0; i < record->count; i++)
        run->ids[i] = record->charged_rows[i].stamp_id;
    run->summary->signatures++;
    enum pp_error error = pp_voucher_context((enum pp_stamp_kind)record->charged.kind, run->ids, record->count,
                                             run->scratch, &voucher.context);
    if (error == PP_OK && lane->signer_known) {
        error = pp_voucher_verify(run->crypto, &run->domain, &voucher, &lane->signer_key);
    } else if (error == PP_OK) {
        struct pp_hash digest;
        pp_voucher_typed_digest(&run->domain, &voucher, &digest);
        error = pp_signature_fix_v(run->crypto, &voucher.signature, &digest, &lane->config.signer);
        if (error == PP_OK)
            error = pp_voucher_verify_address(run->crypto, &run->domain, &voucher, &lane->config.signer, &lane->signer_key);
        lane->signer_known = error == PP_OK;
    }
    if (error != PP_OK)
        pp_verify_tell(run, PP_INVARIANT, "voucher signature", record->sequence, slot, "%s", pp_error_name(error));
}

/* ---- refunds and releases ---- */

static void refund_check(struct pp_verify_run *run, const struct pp_record *record, uint32_t slot)
{
    const struct pp_ledger_lane *lane = &run->ledger.lanes[slot];
    struct pp_signed_refund refund;
    struct pp_hash digest;
    if (!pp_record_refund(record, &refund))
        return;
    const struct pp_refund_fields fields = {lane->channel_id, lane->lane.lane, refund.refunded, refund.reasons};
    pp_refund_digest(&run->domain, &fields, &digest);
    signature_check(run, &refund.signature, &digest, &run->ledger.head.opened.operator_address, "refund signature",
                    record->sequence, slot);
}

static void deletes_check(struct pp_verify_run *run, const struct pp_record *record, uint32_t slot)
{
    const struct pp_ledger_lane *lane = &run->ledger.lanes[slot];
    for (uint32_t i = 0; i < record->count; i++) {
        const struct pp_row_deleted *row = &record->deleted_rows[i];
        const struct pp_delete_fields fields = {lane->channel_id, lane->lane.lane, row->stamp_id};
        struct pp_hash digest;
        pp_delete_digest(&run->domain, &fields, &digest);
        signature_check(run, &row->signature, &digest, &lane->config.signer, "delete signature", record->sequence, slot);
    }
}

static void left_check(struct pp_verify_run *run, const struct pp_record *record, uint32_t slot)
{
    const struct pp_ledger_lane *lane = &run->ledger.lanes[slot];
    const struct pp_record_left *left = &record->left;
    const struct pp_leave_fields fields = {lane->channel_id, lane->lane.lane};
    const struct pp_lane_release_fields release = {lane->channel_id, lane->lane.lane, left->old_cap, left->new_cap,
                                                   left->seq};
    struct pp_hash digest;
    pp_leave_digest(&run->domain, &fields, &digest);
    signature_check(run, &left->signature, &digest, &lane->config.signer, "leave signature", record->sequence, slot);
    if (left->new_cap.raw == left->old_cap.raw)
        return;
    pp_lane_release_digest(&run->domain, &release, &digest);
    signature_check(run, &left->release_signature, &digest, &run->ledger.head.opened.operator_address,
                    "release signature", record->sequence, slot);
}

enum pp_error pp_verify_signed(struct pp_verify_run *run, const struct pp_record *record, uint32_t slot)
{
    if (slot == PP_SLOT_NONE)
        return PP_OK;
    refund_check(run, record, slot);
    if (record->type == PP_RECORD_TYPE_CHARGED)
        voucher_check(run, record, slot);
    else if (record->type == PP_RECORD_TYPE_DELETED)
        deletes_check(run, record, slot);
    else if (record->type == PP_RECORD_TYPE_LEFT)
        left_check(run, record, slot);
    return PP_OK;
}

/* ---- reports ---- */

struct rebuilt {
    struct pp_report report, stored, before;
    struct pp_lane_leaf *lanes;
    struct pp_hash *nodes;
    struct pp_operator operators[1];
};

/* The bundle of an epoch. lanes and nodes: made here, the caller's to free. */
static enum pp_error bundle_read(struct pp_verify_run *run, struct pp_slice bundle, struct pp_report *out,
                                 struct pp_lane_leaf **out_lanes, struct pp_hash **out_nodes)
{
    size_t count;
    PP_TRY(pp_report_lane_count(bundle.bytes, bundle.length, &count));
    *out_lanes = calloc(count + 1, sizeof **out_lanes);
    *out_nodes = calloc(PP_LANE_TREE_NODES(count) + 1, sizeof **out_nodes);
    if (!*out_lanes || !*out_nodes)
        return PP_NO_MEMORY;
    PP_TRY(pp_report_decode(bundle.bytes, bundle.length, *out_lanes, count, *out_nodes, out));
    return pp_report_verify(out, &run->domain, run->crypto);
}

static enum pp_error stored_check(struct pp_verify_run *run, const struct pp_record *record, struct rebuilt *rebuilt)
{
    struct pp_key8 key = pp_key8_of(record->reported.epoch);
    struct pp_lane_leaf *lanes = NULL;
    struct pp_hash *nodes = NULL, digest;
    struct pp_slice bundle;
    enum pp_error error = pp_txn_get(run->journal, PP_TABLE_REPORTS, pp_slice(key.bytes, 8), &bundle);
    if (error == PP_OK)
        error = bundle_read(run, bundle, &rebuilt->stored, &lanes, &nodes);
    free(lanes);
    free(nodes);
    if (error == PP_NO_MEMORY)
        return error;
    if (error != PP_OK) {
        pp_verify_tell(run, PP_CORRUPT, "report", record->sequence, PP_VERIFY_NO_LANE, "its bundle: %s",
                       pp_error_name(error));
        return PP_OK;
    }
    pp_report_digest(&run->domain, &rebuilt->stored, &digest);
    if (!pp_hash_eq(&digest, &record->reported.report_hash))
        pp_verify_tell(run, PP_CORRUPT, "report", record->sequence, PP_VERIFY_NO_LANE, "its bundle is another report's");
    return PP_OK;
}

static enum pp_error before_find(struct pp_verify_run *run, const struct pp_record *record, struct pp_report *out,
                                 bool *out_found)
{
    struct pp_scan scan;
    PP_TRY(pp_scan_open(run->journal, PP_TABLE_REPORTS, &scan));
    enum pp_error error = pp_scan_first(&scan);
    while (error == PP_OK && !*out_found && pp_key8_number(scan.key.bytes) < record->reported.epoch) {
        struct pp_lane_leaf *lanes = NULL;
        struct pp_hash *nodes = NULL, digest;
        if (bundle_read(run, scan.value, out, &lanes, &nodes) == PP_OK) {
            pp_report_digest(&run->domain, out, &digest);
            *out_found = pp_hash_eq(&digest, &record->reported.previous);
        }
        free(lanes);
        free(nodes);
        error = pp_scan_next(&scan);
    }
    pp_scan_close(&scan);
    return error == PP_NOT_FOUND ? PP_OK : error;
}

/* The same report, from the ledger as it stands at this record. */
static enum pp_error rebuild(struct pp_verify_run *run, const struct pp_record *record, struct rebuilt *rebuilt)
{
    const struct pp_record_reported *reported = &record->reported;
    const struct pp_record_opened *opened = &run->ledger.head.opened;
    size_t lanes = run->ledger.head.lane_count, count;
    bool has_before = false;
    PP_TRY(before_find(run, record, &rebuilt->before, &has_before));
    rebuilt->operators[0] = (struct pp_operator){opened->node_id, opened->operator_address, reported->payee};
    const struct pp_report_terms terms = {
        .epoch = reported->epoch,
        .previous = reported->previous,
        .block_number = reported->block_number,
        .end_time_s = reported->end_time_s,
        .received_total = reported->received_total,
        .protocol_basis_points = reported->protocol_basis_points,
        .policy = (enum pp_policy)reported->policy,
        .treasury_payee = reported->treasury,
        .operators = rebuilt->operators,
        .operator_count = 1,
        .paid = has_before ? &rebuilt->before.payouts : NULL,
    };
    rebuilt->lanes = calloc(lanes + 1, sizeof *rebuilt->lanes);
    rebuilt->nodes = calloc(PP_LANE_TREE_NODES(lanes) + 1, sizeof *rebuilt->nodes);
    if (!rebuilt->lanes || !rebuilt->nodes)
        return PP_NO_MEMORY;
    PP_TRY(pp_report_leaves(&run->ledger, rebuilt->lanes, &count));
    return pp_report_build(&terms, rebuilt->lanes, count, rebuilt->nodes, &rebuilt->report);
}

static void rebuilt_compare(struct pp_verify_run *run, const struct pp_record *record, const struct rebuilt *rebuilt)
{
    const struct pp_record_reported *reported = &record->reported;
    struct pp_hash digest;
    struct pp_units total;
    pp_report_digest(&run->domain, &rebuilt->report, &digest);
    if (!pp_hash_eq(&rebuilt->report.fields.lanes_root, &reported->lanes_root))
        pp_verify_tell(run, PP_INVARIANT, "report lanes", record->sequence, PP_VERIFY_NO_LANE,
                       "the root is not that of the ledger's lanes");
    if (!pp_hash_eq(&rebuilt->report.fields.payout_root, &reported->payout_root))
        pp_verify_tell(run, PP_INVARIANT, "report payouts", record->sequence, PP_VERIFY_NO_LANE,
                       "the parts are not those of the pool");
    if (!pp_hash_eq(&digest, &reported->report_hash))
        pp_verify_tell(run, PP_INVARIANT, "report", record->sequence, PP_VERIFY_NO_LANE, "its hash is another one");
    if (pp_payout_total(&rebuilt->report.payouts, &total) != PP_OK || total.raw > reported->received_total.raw)
        pp_verify_tell(run, PP_INVARIANT, "report payouts", record->sequence, PP_VERIFY_NO_LANE,
                       "more is paid out than was received");
    signature_check(run, &reported->signature, &digest, &run->ledger.head.opened.operator_address, "report signature",
                    record->sequence, PP_SLOT_NONE);
}

enum pp_error pp_verify_report(struct pp_verify_run *run, const struct pp_record *record)
{
    struct rebuilt *rebuilt = calloc(1, sizeof *rebuilt);
    if (!rebuilt)
        return PP_NO_MEMORY;
    enum pp_error error = rebuild(run, record, rebuilt);
    if (error == PP_OK)
        rebuilt_compare(run, record, rebuilt);
    else if (error != PP_NO_MEMORY)
        pp_verify_tell(run, PP_INVARIANT, "report", record->sequence, PP_VERIFY_NO_LANE, "it cannot be built: %s",
                       pp_error_name(error));
    if (error != PP_NO_MEMORY)
        error = stored_check(run, record, rebuilt);
    free(rebuilt->lanes);
    free(rebuilt->nodes);
    free(rebuilt);
    return error;
}
