/* The end of an epoch in a network of several: the journal says where it was, and keeps the lanes as they stood. */
#include "engine/node.h"

#include "epoch/cut.h"
#include "epoch/keep.h"

#include <pp/epoch.h>

#include <string.h>

struct ending {
    struct pp_node *node;
    const struct pp_record *record;
};

/* The journal's head behind the record that this very transaction appended. */
static enum pp_error head_behind(struct pp_txn *txn, const struct pp_record *record,
                                 struct pp_journal_head *out)
{
    const struct pp_key8 key = pp_key8_of(record->sequence);
    struct pp_slice value;
    PP_TRY(pp_txn_get(txn, PP_TABLE_RECORDS, pp_slice(key.bytes, sizeof key.bytes), &value));
    if (value.length < sizeof out->checksum)
        return PP_CORRUPT;
    *out = (struct pp_journal_head){record->sequence + 1, record->time_ms, {0}};
    memcpy(out->checksum, value.bytes + value.length - sizeof out->checksum, sizeof out->checksum);
    return PP_OK;
}

/* EPOCH-002: the record and its cut are one transaction. The record changes no lane. */
static enum pp_error ending_put(void *context, struct pp_txn *txn)
{
    const struct ending *ending = context;
    const struct pp_node *node = ending->node;
    struct pp_journal_head head;
    struct pp_cut cut;
    PP_TRY(head_behind(txn, ending->record, &head));
    PP_TRY(pp_cut_take(&node->ledger, &head, ending->record->epoch_ended.epoch, &cut));
    const enum pp_error error = pp_keep_cut_put(txn, &cut);
    pp_cut_done(&cut);
    return error;
}

/* EPOCH-001: by the finalized block's time, as NODE-070. */
enum pp_error pp_epoch_end_if_due(struct pp_node *node)
{
    uint64_t now_epoch;
    if (!node->view.known || node->view.conflict || pp_view_is_stale(node, pp_node_now(node)))
        return PP_OK;
    PP_TRY(pp_epoch_of(node->view.head.finalized_time_s, node->config.epoch_seconds, &now_epoch));
    if (now_epoch < 2 || now_epoch - 1 <= node->ledger.head.ended_epoch)
        return PP_OK;
    struct pp_record record = {.type = PP_RECORD_TYPE_EPOCH_ENDED,
                               .time_ms = pp_writer_time(node),
                               .epoch_ended = {.epoch = now_epoch - 1}};
    struct ending ending = {node, &record};
    return pp_writer_append_alone(node, &record, ending_put, &ending);
}
