/* Envelopes whose last day is over go, and their rows in the indexes with them. Driven by ticks, some thousand at a time; a
 * reader sees them gone before (NODE-061). */
#include "node.h"

#include <pp/assert.h>

#include <stdlib.h>
#include <string.h>

#define SWEEP_AT_ONCE 4096u /* the writer is kept from stamps for some milliseconds */
#define SWEEP_ROUNDS_MAX 16u

struct sweep {
    uint32_t today;
    size_t count;
    struct pp_index_expiry_key expiries[SWEEP_AT_ONCE];
    struct pp_index_topic_key topics[SWEEP_AT_ONCE];
    bool has_topic[SWEEP_AT_ONCE];
};

static uint64_t sequence_of(const struct pp_index_expiry_key *key)
{
    return pp_key8_number(key->bytes + 4);
}

static enum pp_error due_walk(struct sweep *sweep, struct pp_scan *scan)
{
    struct pp_index_expiry_key end;
    pp_index_expiry_key_of(sweep->today + 1, 0, &end);
    enum pp_error error = pp_scan_first(scan);
    while (error == PP_OK && sweep->count < SWEEP_AT_ONCE) {
        if (scan->key.length != sizeof end.bytes)
            return PP_CORRUPT;
        if (memcmp(scan->key.bytes, end.bytes, sizeof end.bytes) >= 0)
            return PP_OK;
        memcpy(sweep->expiries[sweep->count++].bytes, scan->key.bytes, sizeof end.bytes);
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

/* In a group of the writer: no record, the journal says already that they end. */
static enum pp_error envelopes_drop(struct pp_node *node, struct pp_txn *txn, void *context)
{
    struct sweep *sweep = context;
    (void)node;
    for (size_t i = 0; i < sweep->count; i++) {
        struct pp_key8 key = pp_key8_of(sequence_of(&sweep->expiries[i]));
        struct pp_slice value;
        struct pp_envelope_row row;
        enum pp_error error = pp_txn_get(txn, PP_TABLE_ENVELOPES, pp_slice(key.bytes, 8), &value);
        sweep->has_topic[i] = false;
        if (error == PP_NOT_FOUND)
            continue; /* deleted before */
        PP_TRY(error);
        sweep->has_topic[i] = pp_envelope_row_read(value, &row) == PP_OK;
        if (sweep->has_topic[i])
            pp_index_topic_key_of(row.topic.bytes, row.topic.length, sequence_of(&sweep->expiries[i]), &sweep->topics[i]);
        PP_TRY(pp_txn_delete(txn, PP_TABLE_ENVELOPES, pp_slice(key.bytes, 8)));
    }
    return PP_OK;
}

static enum pp_error row_drop(struct pp_txn *txn, unsigned table, const uint8_t *key, size_t length)
{
    enum pp_error error = pp_txn_delete(txn, table, pp_slice(key, length));
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static enum pp_error rows_drop(void *context, struct pp_txn *txn)
{
    const struct sweep *sweep = context;
    for (size_t i = 0; i < sweep->count; i++) {
        PP_TRY(row_drop(txn, PP_TABLE_INDEX_EXPIRY, sweep->expiries[i].bytes, sizeof sweep->expiries[i].bytes));
        if (sweep->has_topic[i])
            PP_TRY(row_drop(txn, PP_TABLE_INDEX_TOPIC, sweep->topics[i].bytes, sizeof sweep->topics[i].bytes));
    }
    return PP_OK;
}

static enum pp_error sweep_once(struct pp_node *node, struct sweep *sweep)
{
    sweep->count = 0;
    PP_TRY(pp_store_read(node->data.derived, due_run, sweep));
    if (sweep->count == 0)
        return PP_OK;
    PP_TRY(pp_pipeline_call(node, PP_ITEM_WRITE, envelopes_drop, sweep));
    /* A kill in between leaves rows that lead to nothing; readers pass over them. */
    return pp_store_write(node->data.derived, PP_STORE_RESERVE_IF_FULL, rows_drop, sweep);
}

enum pp_error pp_sweep(struct pp_node *node, uint32_t today)
{
    struct sweep *sweep = malloc(sizeof *sweep);
    if (!sweep)
        return PP_NO_MEMORY;
    enum pp_error error = PP_OK;
    sweep->today = today;
    sweep->count = SWEEP_AT_ONCE;
    for (unsigned i = 0; i < SWEEP_ROUNDS_MAX && error == PP_OK && sweep->count == SWEEP_AT_ONCE; i++)
        error = sweep_once(node, sweep);
    free(sweep);
    return error;
}
