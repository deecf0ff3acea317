/* What a host may drop before its time: read from the journal, from where the host stopped reading it (NODE-057). */
#include "engine/node.h"

#include <pp/assert.h>
#include <pp/day.h>

#include <stdlib.h>

#define STAMPS_AT_ONCE 65536u /* sequence numbers of one call: some tens of milliseconds */

struct lapsed {
    struct pp_node *node;
    bool (*visit)(void *context, const struct pp_lapse *lapse);
    void *context;
    struct pp_record_room *room;
    uint64_t after;
};

/* A lane that ended earns up to its last day: as the ledger has it by now. */
static uint32_t last_day_of(struct pp_node *node, const struct pp_channel_id *channel_id, uint32_t day)
{
    pthread_rwlock_rdlock(&node->state);
    const uint32_t slot = pp_ledger_find(&node->ledger, channel_id);
    if (slot != PP_SLOT_NONE && node->ledger.lanes[slot].earning.stop_day < day)
        day = node->ledger.lanes[slot].earning.stop_day;
    pthread_rwlock_unlock(&node->state);
    return day;
}

static bool lane_tell(const struct lapsed *lapsed, const struct pp_record *record,
                      const struct pp_channel_id *channel_id)
{
    const struct pp_lapse lapse = {.kind = PP_LAPSE_LANE,
                                   .sequence = record->sequence,
                                   .channel_id = *channel_id,
                                   .last_day =
                                       last_day_of(lapsed->node, channel_id, pp_day_of(record->time_ms))};
    return lapsed->visit(lapsed->context, &lapse);
}

/* All of one record, or none of it: the host goes on behind whole records. */
static bool stamps_tell(const struct lapsed *lapsed, const struct pp_record *record)
{
    bool goes_on = true;
    for (uint32_t i = 0; i < record->count; i++) {
        const struct pp_lapse lapse = {.kind = PP_LAPSE_STAMP,
                                       .sequence = record->sequence,
                                       .channel_id = record->not_replicated.channel_id,
                                       .ticket = record->ticket_rows[i].ticket};
        goes_on &= lapsed->visit(lapsed->context, &lapse);
    }
    return goes_on;
}

static bool record_tell(const struct lapsed *lapsed, const struct pp_record *record)
{
    struct pp_lapse session = {.kind = PP_LAPSE_SESSION, .sequence = record->sequence};
    switch ((int)record->type) {
    case PP_RECORD_TYPE_NOT_REPLICATED:
        return stamps_tell(lapsed, record);
    case PP_RECORD_TYPE_SESSION_LAPSED:
        session.channel_id = record->session_lapsed.channel_id;
        session.session_id = record->session_lapsed.session_id;
        return lapsed->visit(lapsed->context, &session);
    case PP_RECORD_TYPE_LEFT:
        return lane_tell(lapsed, record, &record->left.channel_id);
    case PP_RECORD_TYPE_CHAIN:
        return record->chain.kind != PP_CHAIN_CLOSED || lane_tell(lapsed, record, &record->chain.channel_id);
    default:
        return true;
    }
}

static enum pp_error records_walk(struct lapsed *lapsed, struct pp_journal_walk *walk)
{
    struct pp_record record;
    enum pp_error error = PP_OK;
    bool goes_on = true;
    const uint64_t end = walk->head.next_sequence + STAMPS_AT_ONCE;
    while (goes_on && walk->head.next_sequence < end) {
        error = pp_journal_walk_next(walk, &record);
        if (error != PP_OK)
            break;
        goes_on = record_tell(lapsed, &record);
        lapsed->after = walk->head.next_sequence - 1;
    }
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static enum pp_error lapsed_run(void *context, struct pp_txn *txn)
{
    struct lapsed *lapsed = context;
    struct pp_journal_head head;
    struct pp_journal_walk walk;
    PP_TRY(pp_journal_head_before(txn, lapsed->after + 1, lapsed->room, &head));
    PP_TRY(pp_journal_walk_open(txn, &head, lapsed->room, &walk));
    const enum pp_error error = records_walk(lapsed, &walk);
    pp_journal_walk_close(&walk);
    return error;
}

enum pp_error pp_node_lapsed(struct pp_node *node, uint64_t after,
                             bool (*visit)(void *context, const struct pp_lapse *lapse), void *context,
                             uint64_t *out_after)
{
    struct lapsed lapsed = {node, visit, context, malloc(sizeof *lapsed.room), after};
    if (!lapsed.room)
        return PP_NO_MEMORY;
    if (after > UINT64_MAX - 2)
        lapsed.after = UINT64_MAX - 2; /* behind any end */
    const enum pp_error error = pp_store_read(node->data.journal, lapsed_run, &lapsed);
    free(lapsed.room);
    PP_TRY(error);
    *out_after = lapsed.after;
    return PP_OK;
}
