/* What the index says, in a transaction of the one who asks. */
#include "store/index.h"

#include <stdlib.h>
#include <string.h>

enum pp_error pp_index_head_in(struct pp_txn *txn, struct pp_journal_head *out)
{
    struct pp_slice value;
    PP_TRY(pp_txn_get(txn, PP_TABLE_INDEX_HEAD, pp_slice("indexed", 7), &value));
    if (value.length != 16 + PP_RECORD_CHECKSUM_BYTES)
        return PP_CORRUPT;
    out->next_sequence = pp_key8_number(value.bytes);
    out->time_ms = pp_key8_number(value.bytes + 8);
    memcpy(out->checksum, value.bytes + 16, sizeof out->checksum);
    return PP_OK;
}

static enum pp_error head_run(void *context, struct pp_txn *txn)
{
    return pp_index_head_in(txn, context);
}

enum pp_error pp_index_head(struct pp_store *derived, struct pp_journal_head *out)
{
    return pp_store_read(derived, head_run, out);
}

enum pp_error pp_index_secret_in(struct pp_txn *txn, struct pp_topic_secret *out)
{
    struct pp_slice value;
    PP_TRY(pp_txn_get(txn, PP_TABLE_INDEX_HEAD, pp_slice("topic key", 9), &value));
    if (value.length != sizeof out->bytes)
        return PP_CORRUPT;
    memcpy(out->bytes, value.bytes, sizeof out->bytes);
    return PP_OK;
}

/* ---- a stamp ---- */

struct find {
    struct pp_run_row from;
    uint64_t sequence;
    struct pp_run_list list;
    struct pp_run_cursor cursor;
};

static enum pp_error find_in(struct find *find, struct pp_txn *txn, uint64_t run)
{
    PP_TRY(pp_run_cursor_open(&find->cursor, txn, PP_TABLE_INDEX_STAMP, run, &find->from));
    const struct pp_run_row *row = pp_run_cursor_row(&find->cursor);
    bool found = row && row->words[0] == find->from.words[0] && row->words[1] == find->from.words[1];
    if (found)
        find->sequence = pp_index_stamp_row_sequence(row);
    pp_run_cursor_close(&find->cursor);
    return found ? PP_OK : PP_NOT_FOUND;
}

/* The newest first: what is asked for twice was mostly asked for a moment ago. */
static enum pp_error find_run(void *context, struct pp_txn *txn)
{
    struct find *find = context;
    PP_TRY(pp_run_list_get(txn, PP_TABLE_INDEX_HEAD, pp_index_list_key(PP_INDEX_STAMPS), &find->list));
    for (uint32_t i = find->list.count; i-- > 0;) {
        if (find->list.runs[i].state != PP_RUN_LIVE)
            continue;
        enum pp_error error = find_in(find, txn, find->list.runs[i].number);
        if (error != PP_NOT_FOUND)
            return error;
    }
    return PP_NOT_FOUND;
}

enum pp_error pp_index_find(struct pp_store *derived, uint32_t slot, struct pp_grains from,
                            uint64_t *out_sequence)
{
    struct find find;
    pp_index_stamp_row_of(slot, from, 0, &find.from);
    PP_TRY(pp_store_read(derived, find_run, &find));
    *out_sequence = find.sequence;
    return PP_OK;
}

/* ---- a topic ---- */

struct topic {
    struct pp_slice topic;
    uint64_t after;
    uint32_t today;
    uint64_t *out;
    size_t capacity, count;
    struct pp_run_list list;
    struct pp_run_cursor *cursors;
};

static enum pp_error cursors_open(struct topic *topic, struct pp_txn *txn, const struct pp_run_row *from,
                                  struct pp_run_merge *merge)
{
    *merge = (struct pp_run_merge){.cursors = topic->cursors};
    for (uint32_t i = 0; i < topic->list.count; i++) {
        if (topic->list.runs[i].state != PP_RUN_LIVE)
            continue;
        PP_TRY(pp_run_cursor_open(&merge->cursors[merge->count], txn, PP_TABLE_INDEX_TOPIC,
                                  topic->list.runs[i].number, from));
        merge->count++;
    }
    return PP_OK;
}

/* Bytes of the topic, of the sequence's upper half. */
static bool is_of_topic(const struct pp_run_row *row, const struct pp_run_row *from)
{
    return row->words[0] == from->words[0] && row->words[1] >> 32 == from->words[1] >> 32;
}

static enum pp_error topic_walk(struct topic *topic, struct pp_run_merge *merge,
                                const struct pp_run_row *from)
{
    uint64_t before = topic->after;
    while (topic->count < topic->capacity) {
        struct pp_run_row row;
        enum pp_error error = pp_run_merge_next(merge, &row);
        if (error == PP_NOT_FOUND || (error == PP_OK && !is_of_topic(&row, from)))
            return PP_OK;
        PP_TRY(error);
        uint64_t sequence = pp_index_topic_row_sequence(&row);
        if (sequence <= before)
            return PP_CORRUPT;
        before = sequence;
        if (pp_index_topic_row_day(&row) > topic->today)
            topic->out[topic->count++] = sequence;
    }
    return PP_OK;
}

static enum pp_error topic_run(void *context, struct pp_txn *txn)
{
    struct topic *topic = context;
    struct pp_topic_secret secret;
    struct pp_run_merge merge;
    struct pp_run_row from;
    uint8_t key[PP_TOPIC_KEY_BYTES];
    enum pp_error error = pp_index_secret_in(txn, &secret);
    if (error == PP_NOT_FOUND)
        return PP_OK; /* nothing is indexed */
    PP_TRY(error);
    PP_TRY(pp_run_list_get(txn, PP_TABLE_INDEX_HEAD, pp_index_list_key(PP_INDEX_TOPICS), &topic->list));
    topic->cursors = malloc((topic->list.count + 1) * sizeof *topic->cursors);
    if (!topic->cursors)
        return PP_NO_MEMORY;
    pp_index_topic_key_of(&secret, topic->topic.bytes, topic->topic.length, key);
    pp_index_topic_row_of(key, topic->after + 1, 0, &from);
    error = cursors_open(topic, txn, &from, &merge);
    if (error == PP_OK)
        error = topic_walk(topic, &merge, &from);
    while (merge.count > 0)
        pp_run_cursor_close(&merge.cursors[--merge.count]);
    free(topic->cursors);
    return error;
}

enum pp_error pp_index_topic(struct pp_store *derived, struct pp_slice topic_bytes, uint64_t after,
                             uint32_t today, uint64_t *out_sequences, size_t capacity, size_t *out_count)
{
    struct topic topic = {
        .topic = topic_bytes, .after = after, .today = today, .out = out_sequences, .capacity = capacity};
    *out_count = 0;
    if (after == UINT64_MAX)
        return PP_OK;
    PP_TRY(pp_store_read(derived, topic_run, &topic));
    *out_count = topic.count;
    return PP_OK;
}
