/* Envelopes whose last day is over go, and the spans that lead to them. Their rows in the index of topics go when they are
 * merged. Driven by ticks, some thousand at a time; a reader sees them gone before (NODE-061). */
#include "engine/node.h"

#include <pp/assert.h>

#include <stdlib.h>
#include <string.h>

#define SWEEP_AT_ONCE 4096u /* the writer is kept from stamps for some milliseconds */
#define SWEEP_ROUNDS_MAX 16u
#define SWEEP_ROWS_MAX 1024u
#define SWEEP_SPANS_MAX 4096u

struct sweep {
    uint32_t today;
    /* rows of expiry, and the spans in them */
    size_t row_count, span_count;
    struct pp_index_expiry_key keys[SWEEP_ROWS_MAX];
    size_t ends[SWEEP_ROWS_MAX]; /* of each row's spans */
    struct {
        uint64_t first, end;
    } spans[SWEEP_SPANS_MAX];
    struct pp_index_spans read;
    /* envelopes that are there */
    size_t count, spans_done;
    uint64_t sequences[SWEEP_AT_ONCE];
};

/* ---- what is due ---- */

static enum pp_error due_row(struct sweep *sweep, const struct pp_scan *scan)
{
    size_t row = sweep->row_count++;
    PP_TRY(pp_index_spans_read(scan->key, scan->value, &sweep->read));
    memcpy(sweep->keys[row].bytes, scan->key.bytes, sizeof sweep->keys[row].bytes);
    for (uint32_t i = 0; i < sweep->read.count; i++, sweep->span_count++) {
        sweep->spans[sweep->span_count].first = sweep->read.spans[i].first;
        sweep->spans[sweep->span_count].end = sweep->read.spans[i].first + sweep->read.spans[i].length;
    }
    sweep->ends[row] = sweep->span_count;
    return PP_OK;
}

static enum pp_error due_walk(struct sweep *sweep, struct pp_scan *scan)
{
    struct pp_index_expiry_key end;
    pp_index_expiry_key_of(sweep->today + 1, 0, &end);
    enum pp_error error = pp_scan_first(scan);
    while (error == PP_OK && sweep->row_count < SWEEP_ROWS_MAX &&
           sweep->span_count + PP_INDEX_SPANS_MAX <= SWEEP_SPANS_MAX) {
        if (scan->key.length != sizeof end.bytes)
            return PP_CORRUPT;
        if (memcmp(scan->key.bytes, end.bytes, sizeof end.bytes) >= 0)
            return PP_OK;
        PP_TRY(due_row(sweep, scan));
        error = pp_scan_next(scan);
    }
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static enum pp_error due_run(void *context, struct pp_txn *txn)
{
    struct pp_scan scan;
    PP_TRY(pp_scan_open(txn, PP_TABLE_INDEX_EXPIRY, &scan));
    enum pp_error error = due_walk(context, &scan);
    pp_scan_close(&scan);
    return error;
}

/* ---- what is there of it ---- */

static enum pp_error there_span(struct sweep *sweep, struct pp_scan *scan)
{
    struct pp_key8 first = pp_key8_of(sweep->spans[sweep->spans_done].first);
    enum pp_error error = pp_scan_first_from(scan, pp_slice(first.bytes, sizeof first.bytes));
    for (; error == PP_OK && sweep->count < SWEEP_AT_ONCE; error = pp_scan_next(scan)) {
        if (scan->key.length != sizeof first.bytes)
            return PP_CORRUPT;
        uint64_t sequence = pp_key8_number(scan->key.bytes);
        if (sequence >= sweep->spans[sweep->spans_done].end) {
            error = PP_NOT_FOUND;
            break;
        }
        sweep->sequences[sweep->count++] = sequence;
    }
    if (error == PP_NOT_FOUND)
        sweep->spans_done++; /* to its end */
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static enum pp_error there_run(void *context, struct pp_txn *txn)
{
    struct sweep *sweep = context;
    struct pp_scan scan;
    enum pp_error error = PP_OK;
    PP_TRY(pp_scan_open(txn, PP_TABLE_ENVELOPES, &scan));
    while (error == PP_OK && sweep->spans_done < sweep->span_count && sweep->count < SWEEP_AT_ONCE)
        error = there_span(sweep, &scan);
    pp_scan_close(&scan);
    return error;
}

/* ---- gone ---- */

/* In a group of the writer: no record, the journal says already that they end. */
static enum pp_error envelopes_drop(struct pp_node *node, struct pp_txn *txn, void *context)
{
    const struct sweep *sweep = context;
    (void)node;
    for (size_t i = 0; i < sweep->count; i++) {
        struct pp_key8 key = pp_key8_of(sweep->sequences[i]);
        enum pp_error error = pp_txn_delete(txn, PP_TABLE_ENVELOPES, pp_slice(key.bytes, 8));
        if (error != PP_NOT_FOUND) /* deleted meanwhile */
            PP_TRY(error);
    }
    return PP_OK;
}

static enum pp_error rows_drop(void *context, struct pp_txn *txn)
{
    const struct sweep *sweep = context;
    for (size_t i = 0; i < sweep->row_count && sweep->ends[i] <= sweep->spans_done; i++) {
        enum pp_error error = pp_txn_delete(txn, PP_TABLE_INDEX_EXPIRY,
                                            pp_slice(sweep->keys[i].bytes, sizeof sweep->keys[i].bytes));
        if (error != PP_NOT_FOUND)
            PP_TRY(error);
    }
    return PP_OK;
}

/* *out_more: there is more to do. */
static enum pp_error sweep_once(struct pp_node *node, struct sweep *sweep, bool *out_more)
{
    sweep->row_count = sweep->span_count = sweep->count = sweep->spans_done = 0;
    *out_more = false;
    PP_TRY(pp_store_read(node->data.derived, due_run, sweep));
    if (sweep->row_count == 0)
        return PP_OK;
    PP_TRY(pp_store_read(node->data.journal, there_run, sweep));
    if (sweep->count > 0)
        PP_TRY(pp_pipeline_call(node, PP_ITEM_WRITE, envelopes_drop, sweep));
    *out_more = true;
    /* A kill in between leaves spans that lead to nothing; the next sweep passes over them. */
    return pp_store_write(node->data.derived, PP_STORE_RESERVE_IF_FULL, rows_drop, sweep);
}

static void swept(struct pp_node *node, uint32_t today)
{
    atomic_store(&node->swept_day, today);
    pthread_mutex_lock(&node->index_lock);
    node->merge_due = true; /* runs may be half empty now */
    pthread_cond_signal(&node->index_wake);
    pthread_mutex_unlock(&node->index_lock);
}

enum pp_error pp_sweep(struct pp_node *node, uint32_t today)
{
    struct sweep *sweep = malloc(sizeof *sweep);
    if (!sweep)
        return PP_NO_MEMORY;
    enum pp_error error = PP_OK;
    bool more = true;
    sweep->today = today;
    for (unsigned i = 0; i < SWEEP_ROUNDS_MAX && error == PP_OK && more; i++)
        error = sweep_once(node, sweep, &more);
    free(sweep);
    if (error == PP_OK && !more && atomic_load(&node->swept_day) != today)
        swept(node, today);
    return error;
}
