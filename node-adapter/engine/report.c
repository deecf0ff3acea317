/* The end of an epoch: the report is built from the ledger, signed, and journaled together with its bundle. */
#include "engine/node.h"

#include <pp/assert.h>
#include <pp/epoch.h>

#include <stdlib.h>
#include <string.h>

/* What is needed while a report is made. Big: the heap's. */
struct making {
    struct pp_report report, before;
    struct pp_operator operators[1];
    struct pp_report_terms terms;
    const struct pp_lane_leaf *others; /* of the other shards; borrowed */
    size_t other_count;
    struct pp_lane_leaf *lanes, *before_lanes;
    struct pp_hash *nodes, *before_nodes;
    uint8_t *bundle;
    size_t bundle_length;
};

static void making_free(struct making *making)
{
    free(making->lanes);
    free(making->before_lanes);
    free(making->nodes);
    free(making->before_nodes);
    free(making->bundle);
    free(making);
}

/* ---- the report before ---- */

struct before_look {
    struct pp_node *node;
    struct making *making;
    const struct pp_hash *wanted;
    bool found;
};

static enum pp_error before_decode(const struct before_look *look, struct pp_slice bundle, bool *out_is_it)
{
    struct making *making = look->making;
    struct pp_hash hash;
    size_t count;
    PP_TRY(pp_report_lane_count(bundle.bytes, bundle.length, &count));
    free(making->before_lanes);
    free(making->before_nodes);
    making->before_lanes = calloc(count + 1, sizeof *making->before_lanes);
    making->before_nodes = calloc(PP_LANE_TREE_NODES(count) + 1, sizeof *making->before_nodes);
    if (!making->before_lanes || !making->before_nodes)
        return PP_NO_MEMORY;
    PP_TRY(pp_report_decode(bundle.bytes, bundle.length, making->before_lanes, count, making->before_nodes,
                            &making->before));
    pp_report_digest(&look->node->config.domain, &making->before, &hash);
    *out_is_it = pp_hash_eq(&hash, look->wanted);
    return PP_OK;
}

/* Newest first: it is nearly always the newest, or the one before. */
static enum pp_error before_find(void *context, struct pp_txn *txn)
{
    struct before_look *look = context;
    struct pp_scan scan;
    PP_TRY(pp_scan_open(txn, PP_TABLE_REPORTS, &scan));
    enum pp_error error = pp_scan_last(&scan);
    while (error == PP_OK && !look->found) {
        error = before_decode(look, scan.value, &look->found);
        if (error == PP_OK && !look->found)
            error = pp_scan_previous(&scan);
    }
    pp_scan_close(&scan);
    return error == PP_NOT_FOUND ? PP_OK : error;
}

/* ---- leaves ---- */

static void leaf_of(const struct pp_ledger *ledger, const struct pp_ledger_lane *lane, struct pp_lane_leaf *out)
{
    const struct pp_lane now = pp_ledger_now(ledger, lane);
    struct pp_settlement settlement;
    *out = (struct pp_lane_leaf){
        .channel_id = lane->channel_id,
        .lane = now.lane,
        .spent = now.spent,
        .refunded = now.refunded,
        .earned = now.earned,
        .forfeited = pp_ledger_bonds_of(ledger, lane).forfeited, /* REW-146 */
    };
    /* More vested than the cap: a chain's node once said what cannot be. It must not stop the reports of all lanes, and with
     * so much vested nothing is owed. */
    if (now.state == PP_LANE_STATE_SETTLED && pp_lane_settlement(&now, &settlement) == PP_OK)
        out->owed = settlement.owed;
}

enum pp_error pp_report_leaves(const struct pp_ledger *ledger, struct pp_lane_leaf *out, size_t *out_count)
{
    size_t count = 0;
    for (uint32_t slot = 0; slot < ledger->head.lane_count; slot++)
        if (!pp_grains_is_zero(ledger->lanes[slot].lane.spent))
            leaf_of(ledger, &ledger->lanes[slot], &out[count++]);
    *out_count = count;
    return PP_OK;
}

/* ---- building ---- */

static enum pp_error making_fill(struct pp_node *node, uint64_t epoch, struct making *making)
{
    const struct pp_chain_event *head = &node->view.head;
    static const struct pp_hash none = {{0}};
    struct before_look look = {node, making, &head->last_report, false};
    size_t lanes = node->ledger.head.lane_count + making->other_count, count;
    if (!pp_hash_eq(&head->last_report, &none))
        PP_TRY(pp_store_read(node->data.journal, before_find, &look));
    making->operators[0] = (struct pp_operator){node->config.node_id, node->operator_address, node->config.payee};
    making->terms = (struct pp_report_terms){
        .epoch = epoch,
        .previous = head->last_report,
        .block_number = head->finalized_number,
        .end_time_s = head->finalized_time_s,
        .received_total = head->received_total,
        .protocol_basis_points = node->config.protocol_share_bps,
        .policy = node->config.payouts.policy,
        .blend = node->config.payouts.blend,
        .minimum_payout = node->config.payouts.minimum_payout,
        .refund_bound_basis_points = node->config.payouts.refund_bound_basis_points,
        .treasury_payee = node->config.treasury,
        .operators = making->operators,
        .operator_count = 1,
        .before = look.found ? &making->before.pool : NULL,
    };
    making->lanes = calloc(lanes + 1, sizeof *making->lanes);
    making->nodes = calloc(PP_LANE_TREE_NODES(lanes) + 1, sizeof *making->nodes);
    if (!making->lanes || !making->nodes)
        return PP_NO_MEMORY;
    PP_TRY(pp_report_leaves(&node->ledger, making->lanes, &count));
    if (making->other_count > 0)
        memcpy(making->lanes + count, making->others, making->other_count * sizeof *making->others);
    return pp_report_build(&making->terms, making->lanes, count + making->other_count, making->nodes, &making->report);
}

/* NODE-071: a quorum of one; the code takes n. */
static enum pp_error making_sign(struct pp_node *node, struct making *making)
{
    struct pp_quorum *quorum = malloc(sizeof *quorum);
    struct pp_hash digest;
    struct pp_signature signature;
    if (!quorum)
        return PP_NO_MEMORY;
    pp_report_digest(&node->config.domain, &making->report, &digest);
    enum pp_error error = pp_quorum_init(quorum, making->operators, 1, &digest);
    if (error == PP_OK)
        error = pp_sign(node->crypto, &node->config.operator_key, &digest, &signature);
    if (error == PP_OK)
        error = pp_quorum_add(quorum, node->crypto, node->config.node_id, &signature);
    if (error == PP_OK)
        error = pp_quorum_collect(quorum, making->report.signatures, &making->report.signature_count);
    free(quorum);
    return error;
}

static enum pp_error making_encode(struct making *making)
{
    size_t capacity = pp_report_bytes(&making->report);
    making->bundle = malloc(capacity);
    if (!making->bundle)
        return PP_NO_MEMORY;
    return pp_report_encode(&making->report, making->bundle, capacity, &making->bundle_length);
}

static enum pp_error bundle_put(void *context, struct pp_txn *txn)
{
    const struct making *making = context;
    struct pp_key8 key = pp_key8_of(making->report.fields.epoch);
    const struct pp_slice part = {making->bundle, making->bundle_length};
    return pp_txn_append(txn, PP_TABLE_REPORTS, pp_slice(key.bytes, 8), &part, 1);
}

static enum pp_error making_journal(struct pp_node *node, struct making *making)
{
    struct pp_record record = {
        .type = PP_RECORD_TYPE_REPORTED,
        .time_ms = pp_writer_time(node),
        .reported = {.epoch = making->report.fields.epoch,
                     .previous = making->report.fields.previous,
                     .block_number = making->report.fields.block_number,
                     .end_time_s = making->report.fields.end_time,
                     .received_total = making->terms.received_total,
                     .protocol_basis_points = node->config.protocol_share_bps,
                     .policy = (uint8_t)making->terms.policy,
                     .payee = node->config.payee,
                     .treasury = node->config.treasury,
                     .lanes_root = making->report.fields.lanes_root,
                     .payout_root = making->report.fields.payout_root,
                     .signature = making->report.signatures[0].signature},
    };
    pp_report_digest(&node->config.domain, &making->report, &record.reported.report_hash);
    return pp_writer_append_alone(node, &record, bundle_put, making);
}

static enum pp_error report_make(struct pp_node *node, uint64_t epoch, struct making *making)
{
    PP_TRY(making_fill(node, epoch, making));
    PP_TRY(making_sign(node, making));
    PP_TRY(making_encode(making));
    return making_journal(node, making);
}

/* NODE-070: once an epoch is over by the finalized block's time. Missed epochs have no report. */
static enum pp_error due_look(const struct pp_node *node, uint64_t *out_epoch, bool *out_due)
{
    *out_due = false;
    if (!node->view.known || node->view.conflict || pp_view_is_stale(node, pp_node_now(node)))
        return PP_OK;
    PP_TRY(pp_epoch_of(node->view.head.finalized_time_s, node->config.epoch_seconds, out_epoch));
    *out_due = *out_epoch >= 2 && *out_epoch - 1 > node->ledger.head.report_epoch;
    return PP_OK;
}

static enum pp_error report_if_due(struct pp_node *node, const struct pp_lane_leaf *others, size_t other_count)
{
    uint64_t epoch;
    bool due;
    PP_TRY(due_look(node, &epoch, &due));
    if (!due || (node->ledger.head.totals.stamps == 0 && other_count == 0))
        return PP_OK;
    struct making *making = calloc(1, sizeof *making);
    if (!making)
        return PP_NO_MEMORY;
    making->others = others;
    making->other_count = other_count;
    enum pp_error error = report_make(node, epoch - 1, making);
    making_free(making);
    return error;
}

/* NODE-104: a shard never reports for itself alone. */
enum pp_error pp_report_epoch_end(struct pp_node *node)
{
    if (node->config.several_operators)
        return pp_epoch_end_if_due(node);
    return node->config.part_of_shards ? PP_OK : report_if_due(node, NULL, 0);
}

/* ---- for all shards ---- */

struct fold_look {
    const struct pp_lane_leaf *others;
    size_t other_count;
    bool due;
};

static enum pp_error is_due_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    struct fold_look *look = context;
    uint64_t epoch;
    (void)txn;
    return due_look(node, &epoch, &look->due);
}

enum pp_error pp_report_is_due(struct pp_node *node, bool *out)
{
    struct fold_look look = {0};
    PP_TRY(pp_pipeline_call(node, PP_ITEM_LOOK, is_due_run, &look));
    *out = look.due;
    return PP_OK;
}

static enum pp_error fold_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    const struct fold_look *look = context;
    (void)txn;
    return report_if_due(node, look->others, look->other_count);
}

enum pp_error pp_report_fold(struct pp_node *node, const struct pp_lane_leaf *others, size_t count)
{
    struct fold_look look = {others, count, false};
    PP_ASSERT(node->config.part_of_shards);
    return pp_pipeline_call(node, PP_ITEM_LOOK, fold_run, &look);
}
