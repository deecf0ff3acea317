/* Reads. What the ledger says is told by the writer, between two groups, so that it is on disk. */
#include "engine/node.h"

#include <pp/assert.h>

#include <stdlib.h>
#include <string.h>

/* ---- a lane ---- */

/* The newest signed refund stands in one of four kinds of record. */
bool pp_record_refund(const struct pp_record *record, struct pp_signed_refund *out)
{
    switch ((int)record->type) {
    case PP_RECORD_TYPE_DELETED:
        out->refunded = record->deleted.refunded;
        out->reasons = record->deleted.reasons;
        out->signature = record->deleted.refund_signature;
        return true;
    case PP_RECORD_TYPE_CANCELLED:
        out->refunded = record->cancelled.refunded;
        out->reasons = record->cancelled.reasons;
        out->signature = record->cancelled.refund_signature;
        return true;
    case PP_RECORD_TYPE_NOT_REPLICATED:
        out->refunded = record->not_replicated.refunded;
        out->reasons = record->not_replicated.reasons;
        out->signature = record->not_replicated.refund_signature;
        return true;
    case PP_RECORD_TYPE_BOND_RETURNED:
        out->refunded = record->bond_returned.refunded;
        out->reasons = record->bond_returned.reasons;
        out->signature = record->bond_returned.refund_signature;
        return true;
    case PP_RECORD_TYPE_LEFT:
        out->refunded = record->left.refunded;
        out->reasons = record->left.reasons;
        out->signature = record->left.refund_signature;
        return true;
    default:
        return false;
    }
}

enum pp_error pp_lane_refund_find(struct pp_txn *txn, const struct pp_ledger *ledger,
                                  const struct pp_ledger_lane *lane, struct pp_record_room *room,
                                  struct pp_signed_refund *out)
{
    uint64_t sequence = pp_ledger_refund_sequence(ledger, lane);
    struct pp_record record;
    *out = (struct pp_signed_refund){.channel_id = lane->channel_id, .lane = lane->lane.lane};
    if (sequence == 0)
        return PP_OK;
    PP_TRY(pp_journal_find(txn, sequence, room, &record, NULL));
    return pp_record_refund(&record, out) ? PP_OK : PP_CORRUPT;
}

struct refund_read {
    const struct pp_ledger *ledger;
    const struct pp_ledger_lane *lane;
    struct pp_record_room *room;
    struct pp_signed_refund *out;
};

static enum pp_error refund_read_run(void *context, struct pp_txn *txn)
{
    const struct refund_read *read = context;
    return pp_lane_refund_find(txn, read->ledger, read->lane, read->room, read->out);
}

enum pp_error pp_lane_refund_read(struct pp_store *journal, const struct pp_ledger *ledger,
                                  const struct pp_ledger_lane *lane, struct pp_record_room *room,
                                  struct pp_signed_refund *out)
{
    struct refund_read read = {ledger, lane, room, out};
    return pp_store_read(journal, refund_read_run, &read);
}

enum pp_error pp_lane_config_find(struct pp_txn *txn, const struct pp_ledger_lane *lane, struct pp_record_room *room,
                                  struct pp_channel_config *out)
{
    struct pp_record record;
    PP_TRY(pp_journal_find(txn, lane->taught_sequence, room, &record, NULL));
    if (record.type != PP_RECORD_TYPE_CHAIN || !pp_channel_id_eq(&record.chain.channel_id, &lane->channel_id))
        return PP_CORRUPT;
    *out = (struct pp_channel_config){record.chain.payer, record.chain.signer, record.chain.nonce};
    return PP_OK;
}

struct config_read {
    const struct pp_ledger_lane *lane;
    struct pp_record_room *room;
    struct pp_channel_config *out;
};

static enum pp_error config_read_run(void *context, struct pp_txn *txn)
{
    const struct config_read *read = context;
    return pp_lane_config_find(txn, read->lane, read->room, read->out);
}

enum pp_error pp_lane_config_read(struct pp_store *journal, const struct pp_ledger_lane *lane,
                                  struct pp_record_room *room, struct pp_channel_config *out)
{
    struct config_read read = {lane, room, out};
    return pp_store_read(journal, config_read_run, &read);
}

enum pp_error pp_record_voucher(const struct pp_record *record, struct pp_voucher *out)
{
    struct pp_stamp_id ids[PP_LEAVES_MAX];
    struct pp_hash scratch[PP_LEAVES_MAX];
    if (record->type == PP_RECORD_TYPE_SESSION_OPENED) { /* SESSION-011 */
        struct pp_session_opening opening;
        pp_record_opening(&record->session_opened, &opening);
        pp_session_voucher(&opening, out);
        out->refund_ack = record->session_opened.refund_ack;
        out->signature = record->session_opened.signature;
        return PP_OK;
    }
    if (record->type != PP_RECORD_TYPE_CHARGED || record->count == 0 || record->count > PP_LEAVES_MAX)
        return PP_CORRUPT;
    for (uint32_t i = 0; i < record->count; i++)
        ids[i] = record->charged_rows[i].stamp_id;
    *out = (struct pp_voucher){.channel_id = record->charged.channel_id,
                               .lane = record->charged.lane,
                               .spent = record->charged.spent,
                               .refund_ack = record->charged.refund_ack,
                               .signature = record->charged.signature};
    return pp_voucher_context((enum pp_stamp_kind)record->charged.kind, ids, record->count, scratch, &out->context);
}

struct voucher_read {
    uint64_t sequence;
    struct pp_record_room *room;
    struct pp_voucher *out;
};

static enum pp_error voucher_read_run(void *context, struct pp_txn *txn)
{
    const struct voucher_read *read = context;
    struct pp_record record;
    PP_TRY(pp_journal_find(txn, read->sequence, read->room, &record, NULL));
    return pp_record_voucher(&record, read->out);
}

enum pp_error pp_lane_voucher_read(struct pp_store *journal, const struct pp_ledger_lane *lane,
                                   struct pp_record_room *room, struct pp_voucher *out, bool *out_there)
{
    struct voucher_read read = {lane->voucher_sequence, room, out};
    *out_there = lane->voucher_sequence != 0;
    return *out_there ? pp_store_read(journal, voucher_read_run, &read) : PP_OK;
}

struct lane_look {
    const struct pp_channel_id *channel_id;
    uint32_t lane;
    struct pp_lane_status *out;
    struct pp_hash *ids; /* of unsigned leaves */
};

static void lane_status_of(const struct pp_node *node, const struct pp_ledger_lane *lane, struct pp_lane_status *out)
{
    enum pp_lane_state state = (enum pp_lane_state)lane->lane.state;
    const struct pp_lane now = pp_ledger_now(&node->ledger, lane);
    const struct pp_ledger_bonds bonds = pp_ledger_bonds_of(&node->ledger, lane);
    if (state == PP_LANE_STATE_ACTIVE && pp_view_is_stale(node, pp_node_now(node)))
        state = PP_LANE_STATE_FROZEN;
    *out = (struct pp_lane_status){
        .state = pp_lane_state_name(state),
        .cap = pp_lane_cap(&lane->lane),
        .seq = lane->lane.seq,
        .spent = lane->lane.spent,
        .refunded = lane->lane.refunded,
        .earned = now.earned,
        .vested = lane->lane.vested,
        .deferred = pp_lane_deferred(&now),
        .bonds_held = bonds.held,
        .bonds_returned = bonds.returned,
        .forfeited = bonds.forfeited,
        .free = pp_lane_free(&lane->lane),
        .consumed_head = lane->lane.consumed.head,
        .holes_count = pp_intervals_holes(&lane->lane.consumed),
        .stamps = lane->lane.stamps,
        .chain_block = node->view.head.finalized_number,
        .chain_time_s = node->view.head.time_s,
    };
    for (uint32_t i = 0; i < out->holes_count; i++) {
        struct pp_span hole = pp_intervals_hole(&lane->lane.consumed, i);
        out->holes[i].from = hole.from;
        out->holes[i].to = hole.to;
    }
}

static enum pp_error lane_look_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    (void)txn;
    const struct lane_look *look = context;
    uint32_t slot = pp_ledger_find(&node->ledger, look->channel_id);
    struct pp_lane_status status;
    if (slot == PP_SLOT_NONE)
        return PP_UNKNOWN_CHANNEL;
    if (look->lane != pp_ledger_lane_id(&node->ledger))
        return PP_UNKNOWN_LANE;
    const struct pp_ledger_lane *lane = &node->ledger.lanes[slot];
    lane_status_of(node, lane, &status);
    PP_TRY(pp_lane_config_read(node->data.journal, lane, node->room, &status.config));
    PP_TRY(pp_lane_refund_read(node->data.journal, &node->ledger, lane, node->room, &status.refund));
    PP_TRY(pp_lane_voucher_read(node->data.journal, lane, node->room, &status.voucher, &status.has_voucher));
    pp_session_status_take(node, slot, &status, look->ids);
    *look->out = status;
    return PP_OK;
}

enum pp_error pp_node_lane_status(struct pp_node *node, const struct pp_channel_id *channel_id, uint32_t lane,
                                  struct pp_lane_status *out)
{
    struct lane_look look = {channel_id, lane, out,
                             calloc((size_t)PP_LANE_SESSIONS_MAX * PP_SESSION_UNSIGNED_MAX, sizeof *look.ids)};
    if (!look.ids)
        return PP_NO_MEMORY;
    enum pp_error error = pp_pipeline_call(node, PP_ITEM_LOOK, lane_look_run, &look);
    if (error == PP_OK)
        pp_session_status_finish(out, look.ids);
    free(look.ids);
    return error;
}

struct channel_look {
    uint64_t index;
    struct pp_channel_id *out;
};

static enum pp_error channel_look_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    (void)txn;
    const struct channel_look *look = context;
    if (look->index >= node->ledger.head.lane_count)
        return PP_NOT_FOUND;
    *look->out = node->ledger.lanes[look->index].channel_id;
    return PP_OK;
}

enum pp_error pp_node_channel_at(struct pp_node *node, uint64_t index, struct pp_channel_id *out)
{
    struct channel_look look = {index, out};
    return pp_pipeline_call(node, PP_ITEM_LOOK, channel_look_run, &look);
}

/* ---- the node ---- */

static enum pp_error status_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    (void)txn;
    struct pp_node_status *out = context;
    const struct pp_ledger_head *head = &node->ledger.head;
    struct pp_store_usage usage;
    pp_store_usage(node->data.journal, &usage);
    *out = (struct pp_node_status){
        .journal_sequence = node->head.next_sequence - 1,
        .index_sequence = atomic_load(&node->indexed_end) - 1,
        .checkpoint_sequence = atomic_load(&node->checkpoint_end) - 1,
        .lanes = head->lane_count,
        .stamps = head->totals.stamps,
        .open_tickets = node->ledger.tickets.count,
        .bonds = node->ledger.bonds.count,
        .epoch = node->view.known ? node->view.head.time_s / node->config.epoch_seconds : 0,
        .day = head->day,
        .spent = head->totals.spent,
        .refunded = head->totals.refunded,
        .earned = head->totals.earned,
        .chain_block = node->view.head.finalized_number,
        .chain_time_s = node->view.head.time_s,
        .chain_fresh = !pp_view_is_stale(node, pp_node_now(node)),
        .store_full = pp_store_is_full(node),
        .store_used_bytes = usage.used_bytes,
        .store_map_bytes = usage.map_bytes,
    };
    return PP_OK;
}

void pp_node_status(struct pp_node *node, struct pp_node_status *out)
{
    *out = (struct pp_node_status){0};
    (void)!pp_pipeline_call(node, PP_ITEM_LOOK, status_run, out); /* stopping: all zero */
}

/* ---- envelopes: from any thread, in a transaction of its own ---- */

struct envelope_look {
    struct pp_node *node;
    uint64_t sequence;
    struct pp_record_room *room;
    uint32_t today;
    void (*visit)(void *context, const struct pp_leaf *leaf, const uint8_t *topic, size_t topic_length,
                  const uint8_t *payload, size_t payload_length);
    void *context;
};

/* NODE-062: the days that a sender got back, because it left or its channel closed, are not stored for nothing. */
static bool is_paid(struct pp_node *node, const struct pp_channel_id *channel_id, uint32_t today)
{
    pthread_rwlock_rdlock(&node->state);
    uint32_t slot = pp_ledger_find(&node->ledger, channel_id);
    const struct pp_ledger_lane *lane = slot == PP_SLOT_NONE ? NULL : &node->ledger.lanes[slot];
    bool ended = lane && (pp_ledger_leave_sequence(&node->ledger, lane) != 0 || lane->lane.state == PP_LANE_STATE_SETTLED);
    bool paid = !ended || today <= lane->earning.stop_day;
    pthread_rwlock_unlock(&node->state);
    return paid;
}

static enum pp_error envelope_look_run(void *context, struct pp_txn *txn)
{
    const struct envelope_look *look = context;
    struct pp_key8 key = pp_key8_of(look->sequence);
    struct pp_slice value;
    struct pp_envelope_row row;
    struct pp_record record;
    struct pp_hash hash;
    PP_TRY(pp_txn_get(txn, PP_TABLE_ENVELOPES, pp_slice(key.bytes, 8), &value));
    PP_TRY(pp_envelope_row_read(value, &row));
    PP_TRY(pp_journal_find(txn, look->sequence, look->room, &record, NULL));
    const struct pp_row_charged *stamp =
        pp_record_is_charge(&record) ? pp_journal_row(&record, look->sequence) : NULL;
    if (!stamp)
        return PP_CORRUPT;
    if (pp_day_of(record.time_ms) + stamp->leaf.retention_days <= look->today)
        return PP_NOT_FOUND; /* its last day is over; the bytes go when the sweep comes by */
    if (!is_paid(look->node, &record.charged.channel_id, look->today))
        return PP_NOT_FOUND;
    pp_envelope_hash(row.topic.bytes, row.topic.length, row.payload.bytes, row.payload.length, &hash);
    if (!pp_hash_eq(&hash, &stamp->leaf.envelope_hash))
        return PP_CORRUPT;
    look->visit(look->context, &stamp->leaf, row.topic.bytes, row.topic.length, row.payload.bytes, row.payload.length);
    return PP_OK;
}

enum pp_error pp_node_envelope(struct pp_node *node, uint64_t sequence,
                               void (*visit)(void *context, const struct pp_leaf *leaf, const uint8_t *topic,
                                             size_t topic_length, const uint8_t *payload, size_t payload_length),
                               void *context)
{
    struct envelope_look look = {
        .node = node,
        .sequence = sequence,
        .room = malloc(sizeof *look.room),
        .today = pp_day_of(pp_node_now(node)),
        .visit = visit,
        .context = context,
    };
    if (!look.room)
        return PP_NO_MEMORY;
    enum pp_error error = pp_store_read(node->data.journal, envelope_look_run, &look);
    free(look.room);
    return error;
}

/* ---- topics ---- */

struct present {
    uint64_t *sequences;
    size_t count, kept;
};

static enum pp_error present_run(void *context, struct pp_txn *txn)
{
    struct present *present = context;
    for (size_t i = 0; i < present->count; i++) {
        struct pp_key8 key = pp_key8_of(present->sequences[i]);
        struct pp_slice value;
        enum pp_error error = pp_txn_get(txn, PP_TABLE_ENVELOPES, pp_slice(key.bytes, 8), &value);
        if (error == PP_OK)
            present->sequences[present->kept++] = present->sequences[i];
        else if (error != PP_NOT_FOUND)
            return error;
    }
    return PP_OK;
}

/* The index keeps rows of envelopes that were deleted since: asks on until it has enough that are there. */
enum pp_error pp_node_topic(struct pp_node *node, const uint8_t *topic, size_t topic_length, uint64_t after,
                            uint64_t *out_sequences, size_t capacity, size_t *out_count)
{
    size_t kept = 0;
    while (kept < capacity) {
        size_t found;
        PP_TRY(pp_index_topic(node->data.derived, pp_slice(topic, topic_length), after, pp_day_of(pp_node_now(node)),
                              out_sequences + kept, capacity - kept, &found));
        if (found == 0)
            break;
        after = out_sequences[kept + found - 1];
        struct present present = {out_sequences + kept, found, 0};
        PP_TRY(pp_store_read(node->data.journal, present_run, &present));
        kept += present.kept;
    }
    *out_count = kept;
    return PP_OK;
}
