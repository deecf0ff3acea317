/* Refunds that a sender asks for: early deletion, and leaving. */
#include "engine/node.h"

#include <pp/assert.h>
#include <pp/day.h>

#include <stdlib.h>
#include <string.h>

/* ---- the signed R ---- */

void pp_refund_draft_begin(struct pp_refund_draft *draft, const struct pp_ledger *ledger,
                           const struct pp_ledger_lane *lane)
{
    const struct pp_refund_list *list = pp_ledger_refunds(ledger, lane);
    if (list)
        draft->list = *list;
    else
        pp_refund_list_init(&draft->list);
}

enum pp_error pp_refund_draft_add(struct pp_refund_draft *draft, const struct pp_stamp_id *stamp_id,
                                  struct pp_grains amount, enum pp_refund_reason reason)
{
    const struct pp_refund_leaf leaf = {.stamp_id = *stamp_id, .amount = amount, .reason = (uint8_t)reason};
    return pp_refund_list_append(&draft->list, &leaf);
}

enum pp_error pp_refund_draft_sign(struct pp_refund_draft *draft, const struct pp_node *node,
                                   const struct pp_ledger_lane *lane)
{
    draft->refunded = pp_refund_list_sum(&draft->list);
    pp_refund_list_root(&draft->list, &draft->reasons);
    const struct pp_refund_fields fields = {
        .channel_id = lane->channel_id,
        .lane = lane->lane.lane,
        .refunded = draft->refunded,
        .reasons = draft->reasons,
    };
    struct pp_hash digest;
    pp_refund_digest(&node->config.domain, &fields, &digest);
    return pp_sign(node->crypto, &node->config.operator_key, &digest, &draft->signature);
}

/* ---- rows of stamps ---- */

#define FORFEITED_BIT 0x40u
#define LAPSED_BIT 0x80u /* among the reasons of refunds, of which there are five */

enum pp_error pp_stamp_row_get(struct pp_txn *txn, uint64_t sequence, struct pp_stamp_row *out)
{
    struct pp_key8 key = pp_key8_of(sequence);
    struct pp_slice value;
    struct pp_reader r;
    *out = (struct pp_stamp_row){0};
    enum pp_error error = pp_txn_get(txn, PP_TABLE_STAMPS, pp_slice(key.bytes, 8), &value);
    if (error == PP_NOT_FOUND)
        return PP_OK;
    PP_TRY(error);
    pp_reader_init(&r, value.bytes, value.length);
    uint8_t reasons = pp_read_u8(&r);
    out->refund.reasons = reasons & (uint8_t) ~(LAPSED_BIT | FORFEITED_BIT);
    out->forfeited = (reasons & FORFEITED_BIT) != 0;
    out->lapsed = (reasons & LAPSED_BIT) != 0;
    out->refund.refunded = pp_read_grains(&r);
    out->stored_day = pp_read_u32(&r);
    return pp_reader_finish(&r) == PP_OK ? PP_OK : PP_CORRUPT;
}

enum pp_error pp_stamp_row_put(struct pp_txn *txn, uint64_t sequence, const struct pp_stamp_row *row)
{
    struct pp_key8 key = pp_key8_of(sequence);
    uint8_t bytes[1 + 12 + 4];
    size_t length = 0;
    struct pp_writer w;
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_write_u8(&w, row->refund.reasons | (row->lapsed ? LAPSED_BIT : 0) | (row->forfeited ? FORFEITED_BIT : 0));
    pp_write_grains(&w, row->refund.refunded);
    pp_write_u32(&w, row->stored_day);
    enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK);
    const struct pp_slice part = pp_slice(bytes, length);
    return pp_txn_put(txn, PP_TABLE_STAMPS, pp_slice(key.bytes, 8), &part, 1);
}

/* ---- whose signature ---- */

enum pp_error pp_signer_look_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    (void)txn;
    struct pp_signer_look *look = context;
    uint32_t slot = pp_ledger_find(&node->ledger, look->channel_id);
    if (slot == PP_SLOT_NONE)
        return PP_UNKNOWN_CHANNEL;
    if (look->lane != pp_ledger_lane_id(&node->ledger))
        return PP_UNKNOWN_LANE;
    look->signer = node->ledger.lanes[slot].signer;
    return PP_OK;
}

/* ---- early deletion ---- */

struct delete_run {
    const struct pp_delete *deletes;
    size_t count;
    struct pp_delete_result *results;
    struct pp_signed_refund *refund;
    struct pp_row_deleted *rows; /* room for count */
};

static void delete_refuse(struct pp_delete_result *result, enum pp_error error, const char *field)
{
    *result = (struct pp_delete_result){0};
    pp_refusal_init(&result->refusal, error, field);
}

/* The stamp's record is node->look.record; *out_sequence 0 when there is none. BUSY: too many records were read. */
static enum pp_error stamp_find(struct pp_node *node, struct pp_txn *txn, uint32_t slot, const struct pp_delete *asked,
                                const struct pp_row_charged **out_row, uint64_t *out_sequence)
{
    const struct pp_recent_stamp *recent = pp_recent_find(&node->recent, slot, asked->from);
    *out_sequence = recent ? recent->sequence : 0;
    if (!recent) {
        enum pp_error error = pp_index_find(node->data.derived, slot, asked->from, out_sequence);
        if (error == PP_NOT_FOUND)
            return PP_OK;
        PP_TRY(error);
    }
    const struct pp_record *record = &node->look.record;
    PP_TRY(pp_journal_look(&node->look, txn, *out_sequence));
    *out_row = pp_record_is_charge(record) ? pp_journal_row(record, *out_sequence) : NULL;
    if (!*out_row)
        return PP_CORRUPT;
    if (!pp_channel_id_eq(&record->charged.channel_id, &asked->channel_id) ||
        !pp_stamp_id_eq(&(*out_row)->stamp_id, &asked->stamp_id))
        *out_sequence = 0;
    return PP_OK;
}

static enum pp_error delete_decide(struct pp_node *node, struct pp_txn *txn, uint32_t slot, const struct pp_delete *asked,
                                   struct pp_row_deleted *out_row, struct pp_delete_result *result)
{
    const struct pp_record *record = &node->look.record;
    const struct pp_row_charged *stamp = NULL;
    struct pp_stamp_row row;
    struct pp_grains amount;
    uint64_t sequence;
    enum pp_error error = stamp_find(node, txn, slot, asked, &stamp, &sequence);
    if (error == PP_BUSY) { /* NODE-046 */
        delete_refuse(result, PP_BUSY, "stamp_id");
        result->refusal.retry_after_ms = PP_RETRY_BUSY_MS;
        return PP_OK;
    }
    PP_TRY(error);
    if (sequence == 0) {
        delete_refuse(result, PP_NOT_FOUND, "stamp_id");
        result->refusal.actual = pp_value_bytes(asked->stamp_id.bytes, 32);
        return PP_OK;
    }
    if (pp_sessions_leaf(&node->ledger.sessions, slot, sequence)) { /* SESSION-041 */
        delete_refuse(result, PP_SESSION_UNSIGNED, "stamp_id");
        return PP_OK;
    }
    struct pp_ticket waiting;
    if (pp_waiting_find(&node->ledger.waiting, sequence, &waiting) == PP_OK) { /* REW-135: soon, or never */
        delete_refuse(result, PP_NOT_DELETABLE, "replication");
        result->refusal.retry_after_ms = PP_RETRY_BUSY_MS;
        return PP_OK;
    }
    PP_TRY(pp_stamp_row_get(txn, sequence, &row));
    uint32_t stored_day = pp_record_reserves(record) ? row.stored_day : pp_day_of(record->time_ms);
    if (stored_day == 0 || row.lapsed) { /* a ticket that is open, or was cancelled; SESSION-048 */
        delete_refuse(result, PP_NOT_DELETABLE, "stamp_id");
        return PP_OK;
    }
    const struct pp_refund_case refund_case = {stamp->leaf.postage, stamp->leaf.retention_days, stored_day,
                                               node->ledger.head.day};
    error = pp_refund_decide(&refund_case, PP_REFUND_EARLY_DELETE, &row.refund, &row.refund, &amount);
    if (error != PP_OK) {
        delete_refuse(result, error, "stamp_id");
        result->refusal.expected = pp_value_number((uint64_t)stored_day + stamp->leaf.retention_days - 1);
        result->refusal.actual = pp_value_number(node->ledger.head.day);
        return PP_OK;
    }
    PP_TRY(pp_stamp_row_put(txn, sequence, &row));
    struct pp_key8 key = pp_key8_of(sequence);
    error = pp_txn_delete(txn, PP_TABLE_ENVELOPES, pp_slice(key.bytes, 8));
    if (error != PP_OK && error != PP_NOT_FOUND)
        return error;
    *out_row = (struct pp_row_deleted){
        .sequence = sequence,
        .stamp_id = asked->stamp_id,
        .storage_grains = stamp->leaf.postage.storage_grains,
        .retention_days = stamp->leaf.retention_days,
        .stored_day = stored_day,
        .signature = asked->signature,
    };
    PP_TRY(pp_grains_to_u64(amount, &out_row->amount));
    result->refunded = amount;
    return PP_OK;
}

static enum pp_error deletes_append(struct pp_node *node, struct pp_txn *txn, uint32_t slot, const struct delete_run *run,
                                    size_t rows)
{
    struct pp_ledger_lane *lane = &node->ledger.lanes[slot];
    struct pp_refund_draft draft;
    pp_refund_draft_begin(&draft, &node->ledger, lane);
    for (size_t i = 0; i < rows; i++)
        PP_TRY(pp_refund_draft_add(&draft, &run->rows[i].stamp_id, pp_grains(run->rows[i].amount),
                                   PP_REFUND_EARLY_DELETE));
    PP_TRY(pp_refund_draft_sign(&draft, node, lane));
    struct pp_record record = {
        .type = PP_RECORD_TYPE_DELETED,
        .count = (uint32_t)rows,
        .deleted = {.channel_id = lane->channel_id,
                    .refunded = draft.refunded,
                    .reasons = draft.reasons,
                    .refund_signature = draft.signature},
        .deleted_rows = run->rows,
    };
    PP_TRY(pp_writer_append(node, txn, &record));
    run->refund->refunded = draft.refunded;
    run->refund->reasons = draft.reasons;
    run->refund->signature = draft.signature;
    return PP_OK;
}

static enum pp_error lane_takes_deletes(const struct pp_ledger *ledger, const struct pp_ledger_lane *lane)
{
    if (lane->lane.state == PP_LANE_STATE_SETTLED)
        return PP_LANE_SETTLED;
    return pp_ledger_leave_sequence(ledger, lane) != 0 ? PP_NOT_DELETABLE : PP_OK; /* all that was left went back already */
}

static enum pp_error delete_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    const struct delete_run *run = context;
    uint32_t slot = pp_ledger_find(&node->ledger, &run->deletes[0].channel_id);
    PP_ASSERT(slot != PP_SLOT_NONE); /* its signer was looked up */
    enum pp_error refused = lane_takes_deletes(&node->ledger, &node->ledger.lanes[slot]);
    size_t rows = 0;
    node->look = (struct pp_journal_look){.room = node->room, .rows_left = PP_LOOK_ROWS_DELETED};
    for (size_t i = 0; i < run->count; i++) {
        struct pp_delete_result *result = &run->results[i];
        if (result->refusal.error != PP_OK) /* its signature */
            continue;
        *result = (struct pp_delete_result){0};
        pp_refusal_init(&result->refusal, refused, refused == PP_OK ? NULL : "lane");
        if (refused != PP_OK)
            continue;
        PP_TRY(delete_decide(node, txn, slot, &run->deletes[i], &run->rows[rows], result));
        rows += result->refusal.error == PP_OK;
    }
    if (rows > 0)
        return deletes_append(node, txn, slot, run, rows);
    return pp_lane_refund_find(txn, &node->ledger, &node->ledger.lanes[slot], node->room, run->refund); /* it may be of this very group */
}

#define SIGNATURES_A_TURN 16u /* of a list: so that a forger's is not read to its end */

static void delete_verify(struct pp_node *node, uint64_t source, const struct pp_delete *delete,
                          const struct pp_address *signer, struct pp_delete_result *result)
{
    const struct pp_delete_fields fields = {delete->channel_id, delete->lane, delete->stamp_id};
    struct pp_hash digest;
    pp_delete_digest(&node->config.domain, &fields, &digest);
    enum pp_error error = pp_verify_address(node->crypto, &delete->signature, &digest, signer, NULL);
    delete_refuse(result, error, error == PP_OK ? NULL : "signature");
    if (error != PP_OK) {
        result->refusal.expected = pp_value_bytes(signer->bytes, 20);
        result->refusal.actual = pp_value_bytes(delete->signature.bytes, 32);
    }
    pp_pipeline_source_count(node, source, error != PP_OK);
}

/* NODE-038 */
static enum pp_error turn_take(struct pp_node *node, uint64_t source, size_t signatures)
{
    return pp_pipeline_source_turn(node, source, (uint32_t)(PP_FAIR_SIGNATURE_COST * (signatures - 1)));
}

/* The turn for the first of them was taken. */
static void deletes_verify(struct pp_node *node, uint64_t source, const struct pp_delete *deletes, size_t count,
                           const struct pp_address *signer, struct pp_delete_result *results)
{
    for (size_t i = 0; i < count; i++) {
        size_t left = count - i < SIGNATURES_A_TURN ? count - i : SIGNATURES_A_TURN;
        if (i % SIGNATURES_A_TURN == 0 && i > 0 && turn_take(node, source, left) != PP_OK) {
            for (; i < count; i++) {
                delete_refuse(&results[i], PP_BUSY, "source");
                results[i].refusal.retry_after_ms = PP_SUSPECT_RETRY_MS;
            }
            return;
        }
        delete_verify(node, source, &deletes[i], signer, &results[i]);
    }
}

static enum pp_error deletes_do(struct pp_node *node, const struct pp_delete *deletes, size_t count,
                                struct pp_delete_result *results, struct pp_signed_refund *out_refund)
{
    struct delete_run run = {deletes, count, results, out_refund, calloc(count, sizeof *run.rows)};
    if (!run.rows)
        return PP_NO_MEMORY;
    enum pp_error error = pp_pipeline_call(node, PP_ITEM_WRITE, delete_run, &run);
    free(run.rows);
    return error;
}

enum pp_error pp_node_delete(struct pp_node *node, const struct pp_delete *deletes, size_t count,
                             struct pp_delete_result *results, struct pp_signed_refund *out_refund)
{
    return pp_node_delete_from(node, 0, deletes, count, results, out_refund);
}

enum pp_error pp_node_delete_from(struct pp_node *node, uint64_t source, const struct pp_delete *deletes, size_t count,
                                  struct pp_delete_result *results, struct pp_signed_refund *out_refund)
{
    if (count == 0)
        return PP_MISSING_FIELD;
    struct pp_signer_look look = {.channel_id = &deletes[0].channel_id, .lane = deletes[0].lane};
    for (size_t i = 1; i < count; i++)
        if (!pp_channel_id_eq(&deletes[i].channel_id, look.channel_id) || deletes[i].lane != look.lane)
            return PP_UNKNOWN_LANE;
    PP_TRY(turn_take(node, source, count < SIGNATURES_A_TURN ? count : SIGNATURES_A_TURN));
    PP_TRY(pp_pipeline_call(node, PP_ITEM_LOOK, pp_signer_look_run, &look));
    struct pp_signed_refund refund = {.channel_id = *look.channel_id, .lane = look.lane};
    for (size_t at = 0; at < count; at += PP_RECORD_ROWS_MAX) {
        size_t part = count - at < PP_RECORD_ROWS_MAX ? count - at : PP_RECORD_ROWS_MAX;
        deletes_verify(node, source, deletes + at, part, &look.signer, results + at);
        PP_TRY(deletes_do(node, deletes + at, part, results + at, &refund));
    }
    *out_refund = refund;
    return PP_OK;
}

/* ---- leaving ---- */

struct leave_run {
    const struct pp_channel_id *channel_id;
    const struct pp_signature *signature;
    struct pp_signed_refund *refund;
    struct pp_signed_release *release;
};

static void left_tell(const struct pp_record_left *left, const struct pp_ledger_lane *lane, const struct leave_run *run)
{
    *run->refund = (struct pp_signed_refund){lane->channel_id, lane->lane.lane, left->refunded, left->reasons,
                                             left->refund_signature};
    *run->release = (struct pp_signed_release){lane->channel_id, lane->lane.lane, left->old_cap, left->new_cap, left->seq,
                                               left->release_signature};
}

static enum pp_error release_sign(const struct pp_node *node, const struct pp_ledger_lane *lane,
                                  struct pp_record_left *left)
{
    struct pp_grains kept = pp_grains_max(
        lane->lane.vested, pp_grains_sub_checked(pp_intervals_total(&lane->lane.consumed), left->refunded));
    left->old_cap = left->new_cap = lane->lane.cap;
    left->seq = lane->lane.seq;
    struct pp_units floor_units;
    PP_TRY(pp_grains_to_units_ceil(kept, &floor_units));
    if (floor_units.raw >= pp_lane_cap(&lane->lane).raw)
        return PP_OK; /* all of the cap is earned */
    left->new_cap = floor_units;
    const struct pp_lane_release_fields fields = {lane->channel_id, lane->lane.lane, left->old_cap, left->new_cap,
                                                  left->seq};
    struct pp_hash digest;
    pp_lane_release_digest(&node->config.domain, &fields, &digest);
    return pp_sign(node->crypto, &node->config.operator_key, &digest, &left->release_signature);
}

static enum pp_error leave_append(struct pp_node *node, struct pp_txn *txn, const struct pp_ledger_lane *lane,
                                  const struct leave_run *run)
{
    static const struct pp_stamp_id no_stamp = {{0}};
    struct pp_record record = {.type = PP_RECORD_TYPE_LEFT};
    struct pp_record_left *left = &record.left;
    struct pp_refund_draft draft;
    *left = (struct pp_record_left){.channel_id = lane->channel_id, .signature = *run->signature};
    const struct pp_lane now = pp_ledger_now(&node->ledger, lane);
    left->amount = pp_lane_refundable(&now);
    pp_refund_draft_begin(&draft, &node->ledger, lane);
    if (!pp_grains_is_zero(left->amount))
        PP_TRY(pp_refund_draft_add(&draft, &no_stamp, left->amount, PP_REFUND_LEAVING));
    PP_TRY(pp_refund_draft_sign(&draft, node, lane));
    left->refunded = draft.refunded;
    left->reasons = draft.reasons;
    left->refund_signature = draft.signature;
    PP_TRY(release_sign(node, lane, left));
    PP_TRY(pp_writer_append(node, txn, &record));
    left_tell(left, lane, run);
    return PP_OK;
}

static enum pp_error leave_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    const struct leave_run *run = context;
    uint32_t slot = pp_ledger_find(&node->ledger, run->channel_id);
    PP_ASSERT(slot != PP_SLOT_NONE);
    const struct pp_ledger_lane *lane = &node->ledger.lanes[slot];
    enum pp_lane_state state;
    enum pp_lane_action action;
    uint64_t leave_sequence = pp_ledger_leave_sequence(&node->ledger, lane);
    if (leave_sequence != 0) {
        struct pp_record record;
        PP_TRY(pp_journal_find(txn, leave_sequence, node->room, &record, NULL));
        if (record.type != PP_RECORD_TYPE_LEFT)
            return PP_CORRUPT;
        left_tell(&record.left, lane, run);
        return PP_OK;
    }
    PP_TRY(pp_lane_state_next((enum pp_lane_state)lane->lane.state, PP_LANE_ON_SENDER_LEFT, &state, &action));
    if (action != PP_LANE_DO_REFUND_AND_RELEASE)
        return PP_BAD_EVENT;
    if (pp_sessions_unsigned_of(&node->ledger.sessions, slot)) /* SESSION-042 */
        return PP_SESSION_UNSIGNED;
    return leave_append(node, txn, lane, run);
}

enum pp_error pp_node_leave(struct pp_node *node, const struct pp_channel_id *channel_id, uint32_t lane,
                            const struct pp_signature *signature, struct pp_signed_refund *out_refund,
                            struct pp_signed_release *out_release)
{
    return pp_node_leave_from(node, 0, channel_id, lane, signature, out_refund, out_release);
}

enum pp_error pp_node_leave_from(struct pp_node *node, uint64_t source, const struct pp_channel_id *channel_id,
                                 uint32_t lane, const struct pp_signature *signature,
                                 struct pp_signed_refund *out_refund, struct pp_signed_release *out_release)
{
    struct pp_signer_look look = {.channel_id = channel_id, .lane = lane};
    const struct pp_leave_fields fields = {*channel_id, lane};
    struct leave_run run = {channel_id, signature, out_refund, out_release};
    struct pp_hash digest;
    PP_TRY(turn_take(node, source, 1));
    PP_TRY(pp_pipeline_call(node, PP_ITEM_LOOK, pp_signer_look_run, &look));
    pp_leave_digest(&node->config.domain, &fields, &digest);
    enum pp_error error = pp_verify_address(node->crypto, signature, &digest, &look.signer, NULL);
    pp_pipeline_source_count(node, source, error != PP_OK);
    PP_TRY(error);
    return pp_pipeline_call(node, PP_ITEM_WRITE, leave_run, &run);
}
