/* What the chain says, and the turn of days and epochs. */
#include "engine/node.h"

#include <pp/assert.h>

#include <string.h>

struct events {
    const struct pp_chain_event *events;
    size_t count;
};

static bool is_of_view(const struct pp_chain_event *event)
{
    return event->kind == PP_CHAIN_HEAD || event->kind == PP_CHAIN_CONFLICT;
}

/* ---- the view: volatile ---- */

static enum pp_error view_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    (void)txn;
    const struct events *events = context;
    pthread_rwlock_wrlock(&node->state);
    for (size_t i = 0; i < events->count; i++) {
        const struct pp_chain_event *event = &events->events[i];
        if (event->kind == PP_CHAIN_CONFLICT) {
            node->view.conflict = true;
        } else if (event->kind == PP_CHAIN_HEAD) {
            node->view.head = *event;
            node->view.known = true;
            node->view.conflict = false;
        }
    }
    pthread_rwlock_unlock(&node->state);
    return PP_OK;
}

/* ---- lanes: journaled, unless it is no news ---- */

static bool opens(const struct pp_chain_event *event)
{
    return event->kind == PP_CHAIN_LANE_SEEN || event->kind == PP_CHAIN_LANE_FINAL;
}

/* The view tells again what it told before: after a start, and when it is not sure. */
static bool is_news(const struct pp_ledger *ledger, const struct pp_ledger_lane *lane,
                    const struct pp_chain_event *event)
{
    bool settled = lane->lane.state == PP_LANE_STATE_SETTLED;
    switch (event->kind) {
    case PP_CHAIN_LANE_SEEN:
        return false;
    case PP_CHAIN_LANE_FINAL:
        return !settled && (lane->lane.state == PP_LANE_STATE_PENDING || event->seq > lane->lane.seq ||
                            (event->seq == lane->lane.seq && event->cap.raw != lane->lane.cap.raw &&
                             lane->lane.state != PP_LANE_STATE_FROZEN));
    case PP_CHAIN_CAP_LOWERED:
        return !settled && event->seq > lane->lane.seq &&
               (lane->lane.low_until_seq < event->seq || event->cap.raw < lane->lane.low_cap.raw);
    case PP_CHAIN_LOWERING_UNDONE:
        return lane->lane.low_until_seq > 0 && !settled && pp_ledger_leave_sequence(ledger, lane) == 0;
    case PP_CHAIN_CLOSING:
        return lane->lane.state != PP_LANE_STATE_DRAINING && lane->lane.state != PP_LANE_STATE_CLAIMING &&
               !settled;
    case PP_CHAIN_CLOSE_UNDONE:
        return lane->lane.state == PP_LANE_STATE_DRAINING && pp_ledger_leave_sequence(ledger, lane) == 0;
    case PP_CHAIN_SETTLED:
        return pp_grains_lt(lane->lane.vested, event->vested) ||
               (pp_grains_lt(lane->lane.refunded, event->refunded) &&
                lane->lane.state == PP_LANE_STATE_ACTIVE);
    case PP_CHAIN_CLOSED:
        return !settled;
    case PP_CHAIN_HEAD:
    case PP_CHAIN_CONFLICT:
        return false;
    }
    return false;
}

static enum pp_error channel_check(struct pp_node *node, struct pp_txn *txn,
                                   const struct pp_ledger_lane *lane, const struct pp_chain_event *event)
{
    struct pp_channel_config config;
    PP_TRY(pp_lane_config_find(txn, lane, node->room, &config));
    bool same = pp_address_eq(&config.payer, &event->config.payer) &&
                pp_address_eq(&config.signer, &event->config.signer) && config.nonce == event->config.nonce;
    return same ? PP_OK : PP_BAD_EVENT;
}

/* NODE-040: only what the ledger can take, and only what changes it. */
static enum pp_error event_take(struct pp_node *node, struct pp_txn *txn, const struct pp_chain_event *event)
{
    uint32_t slot = pp_ledger_find(&node->ledger, &event->channel_id);
    struct pp_record record = {.type = PP_RECORD_TYPE_CHAIN};
    if (is_of_view(event))
        return PP_OK;
    if (event->lane != pp_ledger_lane_id(&node->ledger))
        return PP_UNKNOWN_LANE;
    if (slot == PP_SLOT_NONE && !opens(event))
        return PP_UNKNOWN_CHANNEL;
    if (slot == PP_SLOT_NONE && node->ledger.head.lane_count >= node->ledger.lanes_max)
        return PP_TOO_MANY_LANES;
    if (slot != PP_SLOT_NONE && opens(event))
        PP_TRY(channel_check(node, txn, &node->ledger.lanes[slot], event));
    if (slot != PP_SLOT_NONE && !is_news(&node->ledger, &node->ledger.lanes[slot], event))
        return PP_OK;
    pp_record_of_event(event, &record.chain);
    return pp_writer_append(node, txn, &record);
}

/* One event that cannot be taken does not keep out the others; the first such error is told. */
static enum pp_error events_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    const struct events *events = context;
    enum pp_error first = PP_OK;
    for (size_t i = 0; i < events->count; i++) {
        enum pp_error error = event_take(node, txn, &events->events[i]);
        if (error == PP_STORE_FULL || pp_error_class(error) == PP_CLASS_FAULT)
            return error;
        if (first == PP_OK)
            first = error;
    }
    return first;
}

#define EVENTS_AT_ONCE 4096u /* so that a group with them stays small: below a megabyte */

enum pp_error pp_node_chain_events(struct pp_node *node, const struct pp_chain_event *events, size_t count)
{
    bool has_lanes = false;
    for (size_t i = 0; i < count; i++)
        has_lanes |= !is_of_view(&events[i]);
    enum pp_error first = PP_OK;
    for (size_t at = 0; has_lanes && at < count; at += EVENTS_AT_ONCE) {
        struct events part = {events + at, count - at < EVENTS_AT_ONCE ? count - at : EVENTS_AT_ONCE};
        enum pp_error error = pp_pipeline_call(node, PP_ITEM_WRITE, events_run, &part);
        if (error == PP_STORE_FULL || error == PP_SHUTTING_DOWN || pp_error_class(error) == PP_CLASS_FAULT)
            return error;
        if (first == PP_OK)
            first = error;
    }
    /* The head comes last: it says that all before it was told. */
    struct events all = {events, count};
    PP_TRY(pp_pipeline_call(node, PP_ITEM_LOOK, view_run, &all));
    return first;
}

/* ---- time ---- */

#define LANES_TO_TURN 16384u /* brought to a new day when nothing else is done: below a millisecond */

struct tick {
    uint32_t day;
    bool lapses;
    bool waits; /* stamps do, for the quorum */
    bool bonds; /* of which a deadline has passed */
};

static enum pp_error tick_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    (void)txn;
    struct tick *out = context;
    /* A reader that was killed (settle, verify) would keep every page that it saw from being used again. */
    pp_store_sweep_readers(node->data.journal);
    pp_store_sweep_readers(node->data.derived);
    PP_TRY(pp_lease_check(node->data.lease)); /* JRN-085 */
    PP_TRY(pp_writer_day(node, pp_writer_time(node)));
    pp_writer_turn(node, LANES_TO_TURN);
    *out = (struct tick){node->ledger.head.day, pp_lapse_is_due(node), node->ledger.waiting.count > 0,
                         pp_bonds_are_due(node)};
    return pp_report_epoch_end(node);
}

enum pp_error pp_node_tick(struct pp_node *node)
{
    struct tick tick;
    PP_TRY(pp_pipeline_call(node, PP_ITEM_LOOK, tick_run, &tick));
    if (tick.lapses)
        PP_TRY(pp_lapse_some(node));
    if (tick.waits)
        PP_TRY(pp_replication_tick(node));
    if (tick.bonds)
        PP_TRY(pp_bonds_sweep(node));
    return pp_sweep(node, tick.day);
}
