#include "index.h"

#include "ledger.h"

#include <pp/assert.h>
#include <pp/day.h>

#include <stdlib.h>
#include <string.h>

/* ---- keys ---- */

void pp_index_stamp_key_of(uint32_t slot, struct pp_grains from, struct pp_index_stamp_key *out)
{
    struct pp_writer w;
    size_t length = 0;
    pp_writer_init(&w, out->bytes, sizeof out->bytes);
    pp_write_u32(&w, slot);
    pp_write_grains(&w, from);
    enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK && length == sizeof out->bytes);
}

void pp_index_topic_key_of(const uint8_t *topic, size_t topic_length, uint64_t sequence, struct pp_index_topic_key *out)
{
    uint8_t digest[32];
    struct pp_key8 number = pp_key8_of(sequence);
    pp_blake2b_one("pp.topic.v1", topic, topic_length, digest);
    memcpy(out->bytes, digest, PP_TOPIC_KEY_BYTES);
    memcpy(out->bytes + PP_TOPIC_KEY_BYTES, number.bytes, sizeof number.bytes);
}

void pp_index_expiry_key_of(uint32_t day, uint64_t sequence, struct pp_index_expiry_key *out)
{
    struct pp_key8 number = pp_key8_of(sequence);
    for (unsigned i = 0; i < 4; i++)
        out->bytes[i] = (uint8_t)(day >> (24 - 8 * i));
    memcpy(out->bytes + 4, number.bytes, sizeof number.bytes);
}

enum pp_error pp_envelope_row_read(struct pp_slice value, struct pp_envelope_row *out)
{
    if (value.length < 1 || value.length - 1 < value.bytes[0])
        return PP_CORRUPT;
    out->topic = pp_slice(value.bytes + 1, value.bytes[0]);
    out->payload = pp_slice(value.bytes + 1 + out->topic.length, value.length - 1 - out->topic.length);
    return PP_OK;
}

/* ---- gathering ---- */

enum pp_error pp_index_batch_open(struct pp_index_batch *batch)
{
    size_t capacity = PP_INDEX_BATCH_STAMPS + PP_RECORD_ROWS_MAX; /* a record is never split */
    *batch = (struct pp_index_batch){.capacity = capacity};
    pp_journal_head_init(&batch->head);
    batch->stamps = calloc(capacity, sizeof *batch->stamps);
    batch->topics = calloc(capacity, sizeof *batch->topics);
    batch->expiries = calloc(capacity, sizeof *batch->expiries);
    batch->room = malloc(sizeof *batch->room);
    if (batch->stamps && batch->topics && batch->expiries && batch->room)
        return PP_OK;
    pp_index_batch_close(batch);
    return PP_NO_MEMORY;
}

void pp_index_batch_close(struct pp_index_batch *batch)
{
    free(batch->stamps);
    free(batch->topics);
    free(batch->expiries);
    free(batch->room);
    *batch = (struct pp_index_batch){0};
}

struct gather {
    struct pp_index_batch *batch;
    uint64_t end;
    pp_index_slot_of *slot_of;
    void *context;
    struct pp_scan envelopes;
    bool positioned;
};

/* Envelopes follow each other as their stamps do: a step is cheaper than a search. */
static enum pp_error envelope_seek(struct gather *gather, uint64_t sequence)
{
    struct pp_key8 key = pp_key8_of(sequence);
    enum pp_error error = gather->positioned ? pp_scan_next(&gather->envelopes) : PP_NOT_FOUND;
    if (error == PP_OK && gather->envelopes.key.length == 8 && memcmp(gather->envelopes.key.bytes, key.bytes, 8) == 0)
        return PP_OK;
    gather->positioned = false;
    PP_TRY(pp_scan_first_from(&gather->envelopes, pp_slice(key.bytes, 8)));
    gather->positioned = true;
    return gather->envelopes.key.length == 8 && memcmp(gather->envelopes.key.bytes, key.bytes, 8) == 0 ? PP_OK
                                                                                                        : PP_NOT_FOUND;
}

/* Host's own store, or deleted meanwhile: then there is nothing to find by its topic. */
static enum pp_error envelope_add(struct gather *gather, const struct pp_leaf *leaf, uint32_t day, uint64_t sequence)
{
    struct pp_index_batch *batch = gather->batch;
    struct pp_envelope_row row;
    enum pp_error error = envelope_seek(gather, sequence);
    if (error == PP_NOT_FOUND)
        return PP_OK;
    PP_TRY(error);
    PP_TRY(pp_envelope_row_read(gather->envelopes.value, &row));
    pp_index_topic_key_of(row.topic.bytes, row.topic.length, sequence, &batch->topics[batch->topic_count++]);
    pp_index_expiry_key_of(day + leaf->retention_days, sequence, &batch->expiries[batch->expiry_count++]);
    return PP_OK;
}

static enum pp_error charged_add(struct gather *gather, const struct pp_record *record)
{
    struct pp_index_batch *batch = gather->batch;
    uint32_t slot = gather->slot_of(gather->context, &record->charged.channel_id);
    uint32_t day = pp_day_of(record->time_ms);
    uint64_t sequence = record->sequence;
    if (slot == PP_SLOT_NONE)
        return PP_INVARIANT;
    for (uint32_t i = 0; i < record->count; i++) {
        const struct pp_row_charged *row = &record->charged_rows[i];
        if (!row->admitted)
            continue;
        struct pp_index_stamp_row *stamp = &batch->stamps[batch->stamp_count++];
        pp_index_stamp_key_of(slot, row->leaf.from, &stamp->key);
        stamp->sequence = sequence;
        if (!record->charged.tickets)
            PP_TRY(envelope_add(gather, &row->leaf, day, sequence));
        sequence++;
    }
    return PP_OK;
}

static enum pp_error gather_walk(struct gather *gather, struct pp_journal_walk *walk)
{
    struct pp_index_batch *batch = gather->batch;
    while (batch->stamp_count < PP_INDEX_BATCH_STAMPS && walk->head.next_sequence < gather->end) {
        struct pp_record record;
        enum pp_error error = pp_journal_walk_next(walk, &record);
        if (error == PP_NOT_FOUND)
            break;
        PP_TRY(error);
        if (record.type == PP_RECORD_TYPE_CHARGED)
            PP_TRY(charged_add(gather, &record));
    }
    return PP_OK;
}

static enum pp_error gather_run(void *context, struct pp_txn *txn)
{
    struct gather *gather = context;
    struct pp_index_batch *batch = gather->batch;
    struct pp_journal_walk walk;
    PP_TRY(pp_journal_walk_open(txn, &batch->head, batch->room, &walk));
    enum pp_error error = pp_scan_open(txn, PP_TABLE_ENVELOPES, &gather->envelopes);
    if (error == PP_OK)
        error = gather_walk(gather, &walk);
    pp_scan_close(&gather->envelopes);
    pp_journal_walk_close(&walk);
    if (error == PP_OK)
        batch->head = walk.head;
    else
        memcpy(batch->reason, walk.reason, sizeof batch->reason);
    return error;
}

enum pp_error pp_index_gather(struct pp_index_batch *batch, struct pp_store *journal, uint64_t end,
                              pp_index_slot_of *slot_of, void *context)
{
    struct gather gather = {.batch = batch, .end = end, .slot_of = slot_of, .context = context};
    batch->stamp_count = batch->topic_count = batch->expiry_count = 0;
    batch->reason[0] = 0;
    return pp_store_read(journal, gather_run, &gather);
}

/* ---- writing ---- */

static int by_stamp_key(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct pp_index_stamp_key));
}

static int by_topic_key(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct pp_index_topic_key));
}

static int by_expiry_key(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct pp_index_expiry_key));
}

static enum pp_error head_write(struct pp_txn *txn, const struct pp_journal_head *head)
{
    uint8_t value[8 + 8 + PP_RECORD_CHECKSUM_BYTES];
    struct pp_key8 next = pp_key8_of(head->next_sequence), time = pp_key8_of(head->time_ms);
    memcpy(value, next.bytes, 8);
    memcpy(value + 8, time.bytes, 8);
    memcpy(value + 16, head->checksum, sizeof head->checksum);
    const struct pp_slice part = pp_slice(value, sizeof value);
    return pp_txn_put(txn, PP_TABLE_INDEX_HEAD, pp_slice("indexed", 7), &part, 1);
}

static enum pp_error write_run(void *context, struct pp_txn *txn)
{
    const struct pp_index_batch *batch = context;
    for (size_t i = 0; i < batch->stamp_count; i++) {
        struct pp_key8 sequence = pp_key8_of(batch->stamps[i].sequence);
        const struct pp_slice part = pp_slice(sequence.bytes, 8);
        PP_TRY(pp_txn_put(txn, PP_TABLE_INDEX_STAMP, pp_slice(batch->stamps[i].key.bytes, 16), &part, 1));
    }
    for (size_t i = 0; i < batch->topic_count; i++)
        PP_TRY(pp_txn_put(txn, PP_TABLE_INDEX_TOPIC, pp_slice(batch->topics[i].bytes, sizeof batch->topics[i].bytes),
                          NULL, 0));
    for (size_t i = 0; i < batch->expiry_count; i++)
        PP_TRY(pp_txn_put(txn, PP_TABLE_INDEX_EXPIRY,
                          pp_slice(batch->expiries[i].bytes, sizeof batch->expiries[i].bytes), NULL, 0));
    return head_write(txn, &batch->head);
}

enum pp_error pp_index_write(struct pp_index_batch *batch, struct pp_store *derived)
{
    qsort(batch->stamps, batch->stamp_count, sizeof *batch->stamps, by_stamp_key);
    qsort(batch->topics, batch->topic_count, sizeof *batch->topics, by_topic_key);
    qsort(batch->expiries, batch->expiry_count, sizeof *batch->expiries, by_expiry_key);
    return pp_store_write(derived, PP_STORE_ORDINARY, write_run, batch);
}

/* ---- looking ---- */

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

struct find {
    struct pp_index_stamp_key key;
    uint64_t sequence;
};

static enum pp_error find_run(void *context, struct pp_txn *txn)
{
    struct find *find = context;
    struct pp_slice value;
    PP_TRY(pp_txn_get(txn, PP_TABLE_INDEX_STAMP, pp_slice(find->key.bytes, sizeof find->key.bytes), &value));
    if (value.length != 8)
        return PP_CORRUPT;
    find->sequence = pp_key8_number(value.bytes);
    return PP_OK;
}

enum pp_error pp_index_find(struct pp_store *derived, uint32_t slot, struct pp_grains from, uint64_t *out_sequence)
{
    struct find find;
    pp_index_stamp_key_of(slot, from, &find.key);
    PP_TRY(pp_store_read(derived, find_run, &find));
    *out_sequence = find.sequence;
    return PP_OK;
}

struct topic {
    struct pp_index_topic_key from;
    uint64_t *out;
    size_t capacity, count;
};

static enum pp_error topic_walk(struct topic *topic, struct pp_scan *scan)
{
    enum pp_error error = pp_scan_first_from(scan, pp_slice(topic->from.bytes, sizeof topic->from.bytes));
    while (error == PP_OK && topic->count < topic->capacity && scan->key.length == sizeof topic->from.bytes &&
           memcmp(scan->key.bytes, topic->from.bytes, PP_TOPIC_KEY_BYTES) == 0) {
        topic->out[topic->count++] = pp_key8_number(scan->key.bytes + PP_TOPIC_KEY_BYTES);
        error = pp_scan_next(scan);
    }
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static enum pp_error topic_run(void *context, struct pp_txn *txn)
{
    struct pp_scan scan;
    PP_TRY(pp_scan_open(txn, PP_TABLE_INDEX_TOPIC, &scan));
    enum pp_error error = topic_walk(context, &scan);
    pp_scan_close(&scan);
    return error;
}

enum pp_error pp_index_topic(struct pp_store *derived, const uint8_t *topic_bytes, size_t topic_length, uint64_t after,
                             uint64_t *out_sequences, size_t capacity, size_t *out_count)
{
    struct topic topic = {.out = out_sequences, .capacity = capacity};
    *out_count = 0;
    if (after == UINT64_MAX)
        return PP_OK;
    pp_index_topic_key_of(topic_bytes, topic_length, after + 1, &topic.from);
    PP_TRY(pp_store_read(derived, topic_run, &topic));
    *out_count = topic.count;
    return PP_OK;
}
