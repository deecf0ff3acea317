/* Tickets of a host that stores the envelopes itself: commit, cancel, and what is still open after a crash. */
#include "engine/node.h"

#include <pp/assert.h>

#include <stdlib.h>
#include <string.h>

/* ---- their records ---- */

/* The tickets of a batch stand in one record, and come one after the other: it is read and decoded once. */
struct ticket_record {
    struct pp_record_room *room;
    struct pp_record record;
    uint64_t end; /* sequences from record.sequence; 0: none is read */
};

static enum pp_error record_find(struct ticket_record *reader, struct pp_txn *txn, uint64_t sequence)
{
    if (reader->end != 0 && sequence >= reader->record.sequence && sequence < reader->end)
        return PP_OK;
    reader->end = 0;
    PP_TRY(pp_journal_find(txn, sequence, reader->room, &reader->record, NULL));
    reader->end = reader->record.sequence + pp_record_span(&reader->record);
    return PP_OK;
}

/* ---- what a ticket is now ---- */

enum ticket_state {
    TICKET_OPEN,
    TICKET_STORED,
    TICKET_CANCELLED, /* or given back later, or its lane ended before it was stored */
};

struct ticket_view {
    enum ticket_state state;
    uint32_t slot;
    struct pp_stamp_id stamp_id;
    struct pp_postage postage;
    uint64_t time_ms;
};

static enum pp_error ticket_look(struct pp_node *node, struct pp_txn *txn, struct ticket_record *reader,
                                 uint64_t sequence, struct ticket_view *out)
{
    const struct pp_record *record = &reader->record;
    struct pp_ticket ticket;
    struct pp_stamp_row row;
    if (pp_tickets_find(&node->ledger.tickets, sequence, &ticket) == PP_OK) {
        *out = (struct ticket_view){TICKET_OPEN, ticket.slot, ticket.stamp_id, ticket.postage, ticket.time_ms};
        return PP_OK;
    }
    enum pp_error error = sequence == 0 || sequence >= node->head.next_sequence
                              ? PP_NOT_FOUND
                              : record_find(reader, txn, sequence);
    if (error == PP_NOT_FOUND || (error == PP_OK && (!pp_record_is_charge(record) || !pp_record_reserves(record))))
        return PP_TICKET_UNKNOWN;
    PP_TRY(error);
    const struct pp_row_charged *stamp = pp_journal_row(record, sequence);
    if (!stamp)
        return PP_CORRUPT;
    PP_TRY(pp_stamp_row_get(txn, sequence, &row));
    *out = (struct ticket_view){
        .state = row.stored_day != 0 && !pp_stamp_is_given_back(&row) ? TICKET_STORED : TICKET_CANCELLED,
        .slot = pp_ledger_find(&node->ledger, &record->charged.channel_id),
        .stamp_id = stamp->stamp_id,
        .postage = stamp->leaf.postage,
        .time_ms = record->time_ms,
    };
    return PP_OK;
}

struct tickets_run {
    const uint64_t *tickets;
    size_t count;
    struct ticket_view *views; /* room for count */
    struct pp_row_ticket *rows; /* room for count */
    struct pp_hash *hashes;    /* commit: room for count */
};

static int ascending(const void *a, const void *b)
{
    const uint64_t x = ((const struct pp_row_ticket *)a)->ticket, y = ((const struct pp_row_ticket *)b)->ticket;
    return x < y ? -1 : x > y;
}

/* BAD_FORMAT: an open ticket is there twice. Rows are made anew by whoever writes them. */
static enum pp_error twice_check(const struct tickets_run *run)
{
    size_t rows = 0;
    for (size_t i = 0; i < run->count; i++)
        if (run->views[i].state == TICKET_OPEN)
            run->rows[rows++].ticket = run->tickets[i];
    qsort(run->rows, rows, sizeof *run->rows, ascending);
    for (size_t i = 1; i < rows; i++)
        if (run->rows[i - 1].ticket == run->rows[i].ticket)
            return PP_BAD_FORMAT;
    return PP_OK;
}

static enum pp_error views_take(struct pp_node *node, struct pp_txn *txn, const struct tickets_run *run,
                                enum ticket_state refused)
{
    struct ticket_record reader = {.room = node->room};
    for (size_t i = 0; i < run->count; i++) {
        PP_TRY(ticket_look(node, txn, &reader, run->tickets[i], &run->views[i]));
        if (run->views[i].state == refused)
            return PP_TICKET_CLOSED;
    }
    return twice_check(run);
}

/* ---- commit ---- */

static enum pp_error commit_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    const struct tickets_run *run = context;
    const struct pp_stamp_row row = {.stored_day = node->ledger.head.day};
    size_t rows = 0;
    PP_TRY(views_take(node, txn, run, TICKET_CANCELLED));
    for (size_t i = 0; i < run->count; i++)
        if (run->views[i].state == TICKET_OPEN)
            run->rows[rows++].ticket = run->tickets[i];
    if (rows == 0)
        return PP_OK;
    if (!pp_replication_has_room(node, rows))
        return PP_BUSY; /* REW-136 */
    struct pp_record record = {.type = PP_RECORD_TYPE_STORED, .count = (uint32_t)rows, .ticket_rows = run->rows};
    for (size_t i = 0; i < rows; i++)
        PP_TRY(pp_stamp_row_put(txn, run->rows[i].ticket, &row));
    return pp_writer_append(node, txn, &record);
}

static void receipt_make(struct pp_node *node, const struct tickets_run *run, struct pp_receipt *out)
{
    struct pp_hash root;
    pthread_rwlock_rdlock(&node->state);
    for (size_t i = 0; i < run->count; i++) {
        const struct pp_receipt_body body = {
            .channel_id = node->ledger.lanes[run->views[i].slot].channel_id,
            .lane = pp_ledger_lane_id(&node->ledger),
            .stamp_id = run->views[i].stamp_id,
            .sequence = run->tickets[i],
            .time_ms = run->views[i].time_ms,
        };
        pp_receipt_body_hash(&body, &run->hashes[i]);
    }
    pthread_rwlock_unlock(&node->state);
    pp_tree_root(run->hashes, run->count, &root);
    pp_receipt_group_sign(&node->receipt_secret, node->config.node_id, &root, 1, out);
}

static void run_done(struct tickets_run *run)
{
    free(run->views);
    free(run->rows);
    free(run->hashes);
}

static enum pp_error run_begin(struct tickets_run *run, const uint64_t *tickets, size_t count)
{
    *run = (struct tickets_run){tickets, count, NULL, NULL, NULL};
    if (count == 0)
        return PP_MISSING_FIELD;
    if (count > PP_RECORD_ROWS_MAX)
        return PP_TOO_MANY;
    run->views = calloc(count, sizeof *run->views);
    run->rows = calloc(count, sizeof *run->rows);
    run->hashes = calloc(count, sizeof *run->hashes);
    if (run->views && run->rows && run->hashes)
        return PP_OK;
    run_done(run);
    return PP_NO_MEMORY;
}

enum pp_error pp_node_commit(struct pp_node *node, const uint64_t *tickets, size_t count, struct pp_receipt *out_receipt)
{
    struct tickets_run run;
    PP_TRY(run_begin(&run, tickets, count));
    enum pp_error error = pp_pipeline_call(node, PP_ITEM_WRITE, commit_run, &run);
    if (error == PP_OK)
        receipt_make(node, &run, out_receipt);
    run_done(&run);
    return error;
}

/* ---- cancel ---- */

/* The open tickets of one lane, beginning with ticket `first`; marks them as done. */
static enum pp_error lane_cancel(struct pp_node *node, struct pp_txn *txn, const struct tickets_run *run, size_t first)
{
    uint32_t slot = run->views[first].slot;
    const struct pp_ledger_lane *lane = &node->ledger.lanes[slot];
    struct pp_refund_draft draft;
    size_t rows = 0;
    pp_refund_draft_begin(&draft, &node->ledger, lane);
    for (size_t i = first; i < run->count; i++) {
        struct ticket_view *view = &run->views[i];
        struct pp_stamp_row row = {.refund = {.reasons = 1u << (PP_REFUND_NOT_STORED - 1)}};
        if (view->slot != slot || view->state != TICKET_OPEN)
            continue;
        view->state = TICKET_CANCELLED;
        PP_TRY(pp_postage_total(&view->postage, &row.refund.refunded));
        PP_TRY(pp_refund_draft_add(&draft, &view->stamp_id, row.refund.refunded, PP_REFUND_NOT_STORED));
        PP_TRY(pp_stamp_row_put(txn, run->tickets[i], &row));
        run->rows[rows++].ticket = run->tickets[i];
    }
    PP_TRY(pp_refund_draft_sign(&draft, node, lane));
    struct pp_record record = {
        .type = PP_RECORD_TYPE_CANCELLED,
        .count = (uint32_t)rows,
        .cancelled = {.channel_id = lane->channel_id,
                      .refunded = draft.refunded,
                      .reasons = draft.reasons,
                      .refund_signature = draft.signature},
        .ticket_rows = run->rows,
    };
    return pp_writer_append(node, txn, &record);
}

static enum pp_error cancel_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    const struct tickets_run *run = context;
    PP_TRY(views_take(node, txn, run, TICKET_STORED));
    for (size_t i = 0; i < run->count; i++)
        if (run->views[i].state == TICKET_OPEN)
            PP_TRY(lane_cancel(node, txn, run, i));
    return PP_OK;
}

enum pp_error pp_node_cancel(struct pp_node *node, const uint64_t *tickets, size_t count)
{
    struct tickets_run run;
    PP_TRY(run_begin(&run, tickets, count));
    enum pp_error error = pp_pipeline_call(node, PP_ITEM_WRITE, cancel_run, &run);
    run_done(&run);
    return error;
}

/* ---- what is open ---- */

struct open_look {
    struct pp_ticket *list;
    uint32_t count;
};

static enum pp_error open_look_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    (void)txn;
    struct open_look *look = context;
    look->count = node->ledger.tickets.count;
    look->list = malloc((look->count + 1) * sizeof *look->list);
    if (!look->list)
        return PP_NO_MEMORY;
    pp_tickets_list(&node->ledger.tickets, look->list);
    return PP_OK;
}

struct open_visit {
    const struct open_look *look;
    struct ticket_record reader;
    bool (*visit)(void *context, const struct pp_open_ticket *ticket);
    void *context;
};

static enum pp_error open_visit_run(void *context, struct pp_txn *txn)
{
    struct open_visit *visit = context;
    const struct pp_record *record = &visit->reader.record;
    bool more = true;
    for (uint32_t i = 0; i < visit->look->count && more; i++) {
        const struct pp_ticket *ticket = &visit->look->list[i];
        PP_TRY(record_find(&visit->reader, txn, ticket->sequence));
        const struct pp_row_charged *row =
            pp_record_is_charge(record) ? pp_journal_row(record, ticket->sequence) : NULL;
        if (!row)
            return PP_CORRUPT;
        const struct pp_open_ticket open = {ticket->sequence, ticket->time_ms, row->leaf};
        more = visit->visit(visit->context, &open);
    }
    return PP_OK;
}

enum pp_error pp_node_open_tickets(struct pp_node *node,
                                   bool (*visit)(void *context, const struct pp_open_ticket *ticket), void *context)
{
    struct open_look look = {0};
    PP_TRY(pp_pipeline_call(node, PP_ITEM_LOOK, open_look_run, &look));
    struct open_visit run = {&look, {.room = malloc(sizeof *run.reader.room)}, visit, context};
    enum pp_error error =
        run.reader.room ? pp_store_read(node->data.journal, open_visit_run, &run) : PP_NO_MEMORY;
    free(run.reader.room);
    free(look.list);
    return error;
}
