#include "store/index.h"

#include "ledger/ledger.h"

#include <pp/assert.h>
#include <pp/day.h>

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define TOPIC_SORT_BYTES 5u /* of the keyed hash: rows of two topics that have these in common are few */
#define STAMP_SORT_BYTES 16u

/* ---- rows ---- */

void pp_index_stamp_row_of(uint32_t slot, struct pp_grains from, uint64_t sequence, struct pp_run_row *out)
{
    *out = (struct pp_run_row){
        {(uint64_t)slot << 32 | (uint64_t)(from.raw >> 64), (uint64_t)from.raw, sequence}};
}

uint64_t pp_index_stamp_row_sequence(const struct pp_run_row *row)
{
    return row->words[2];
}

void pp_index_topic_key_of(const struct pp_topic_secret *secret, const uint8_t *topic, size_t topic_length,
                           uint8_t out[PP_TOPIC_KEY_BYTES])
{
    uint8_t digest[crypto_shorthash_siphashx24_BYTES];
    _Static_assert(sizeof secret->bytes == crypto_shorthash_siphashx24_KEYBYTES, "the secret is a key");
    crypto_shorthash_siphashx24(digest, topic, topic_length, secret->bytes);
    memcpy(out, digest, PP_TOPIC_KEY_BYTES);
}

void pp_index_topic_row_of(const uint8_t key[PP_TOPIC_KEY_BYTES], uint64_t sequence, uint32_t gone_day,
                           struct pp_run_row *out)
{
    uint64_t low = (uint64_t)key[8] << 24 | (uint64_t)key[9] << 16 | (uint64_t)key[10] << 8 | key[11];
    *out = (struct pp_run_row){{pp_key8_number(key), low << 32 | sequence >> 32, sequence << 32 | gone_day}};
}

uint64_t pp_index_topic_row_sequence(const struct pp_run_row *row)
{
    return row->words[1] << 32 | row->words[2] >> 32;
}

uint32_t pp_index_topic_row_day(const struct pp_run_row *row)
{
    return (uint32_t)row->words[2];
}

void pp_index_expiry_key_of(uint32_t day, uint64_t sequence, struct pp_index_expiry_key *out)
{
    struct pp_key8 number = pp_key8_of(sequence);
    for (unsigned i = 0; i < 4; i++)
        out->bytes[i] = (uint8_t)(day >> (24 - 8 * i));
    memcpy(out->bytes + 4, number.bytes, sizeof number.bytes);
}

enum pp_error pp_index_spans_read(struct pp_slice key, struct pp_slice value, struct pp_index_spans *out)
{
    if (key.length != 12 || value.length < 16 || value.length % 8 != 0 ||
        value.length / 8 - 1 > PP_INDEX_SPANS_MAX)
        return PP_CORRUPT;
    size_t body = value.length - 8;
    if (pp_run_seal(key, pp_slice(value.bytes, body)) != pp_key8_number(value.bytes + body))
        return PP_CORRUPT;
    uint64_t first = pp_key8_number(key.bytes + 4), end = 0;
    out->day = (uint32_t)(pp_key8_number(key.bytes) >> 32);
    out->count = (uint32_t)(body / 8);
    for (uint32_t i = 0; i < out->count; i++) {
        uint64_t pair = pp_key8_number(value.bytes + (size_t)8 * i);
        if (first > UINT64_MAX - (pair >> 32) - (uint32_t)pair || (uint32_t)pair == 0 ||
            first + (pair >> 32) < end || (i == 0 && pair >> 32 != 0))
            return PP_CORRUPT;
        out->spans[i].first = first + (pair >> 32);
        out->spans[i].length = (uint32_t)pair;
        end = out->spans[i].first + (uint32_t)pair;
    }
    return PP_OK;
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

/* Only as long as it is worked on: how much it needs depends on how far the index lags behind. */
static enum pp_error batch_take(struct pp_index_batch *batch, size_t stamps)
{
    batch->stamp_count = batch->topic_count = batch->span_count = 0;
    batch->reason[0] = 0;
    if (stamps == 0)
        return PP_OK;
    batch->stamps = malloc(4 * stamps * sizeof *batch->stamps);
    if (!batch->stamps)
        return PP_NO_MEMORY;
    batch->topics = batch->stamps + stamps;
    batch->spans = batch->topics + stamps;
    batch->scratch = batch->spans + stamps;
    return PP_OK;
}

void pp_index_batch_empty(struct pp_index_batch *batch)
{
    free(batch->stamps);
    batch->stamps = batch->topics = batch->spans = batch->scratch = NULL;
    batch->stamp_count = batch->topic_count = batch->span_count = 0;
}

static void stamp_put(struct pp_index_batch *batch, uint32_t slot, struct pp_grains from, uint64_t sequence)
{
    pp_index_stamp_row_of(slot, from, sequence, &batch->stamps[batch->stamp_count++]);
}

static void envelope_put(struct pp_index_batch *batch, const uint8_t key[PP_TOPIC_KEY_BYTES],
                         uint64_t sequence, uint32_t gone_day)
{
    pp_index_topic_row_of(key, sequence, gone_day, &batch->topics[batch->topic_count++]);
    if (batch->span_count > 0) {
        struct pp_run_row *last = &batch->spans[batch->span_count - 1];
        if (last->words[0] == gone_day && last->words[1] + last->words[2] == sequence) {
            last->words[2]++;
            return;
        }
    }
    batch->spans[batch->span_count++] = (struct pp_run_row){{gone_day, sequence, 1}};
}

enum pp_error pp_index_gather_recent(struct pp_index_batch *batch, const struct pp_recent *recent,
                                     uint64_t from, uint64_t to, const struct pp_journal_head *head)
{
    uint64_t next = batch->head.next_sequence;
    PP_TRY(batch_take(batch, to - from));
    for (uint64_t position = from; position < to; position++) {
        const struct pp_recent_stamp *stamp = pp_recent_at(recent, position);
        if (stamp->sequence < next)
            continue;
        next = stamp->sequence + 1;
        stamp_put(batch, stamp->slot, stamp->from, stamp->sequence);
        if (stamp->gone_day != 0)
            envelope_put(batch, stamp->topic_key, stamp->sequence, stamp->gone_day);
    }
    batch->head = *head;
    return PP_OK;
}

/* ---- gathering from the journal ---- */

struct gather {
    struct pp_index_batch *batch;
    uint64_t end;
    const struct pp_topic_secret *secret;
    pp_index_slot_of *slot_of;
    void *context;
    struct pp_record_room *room;
    struct pp_scan envelopes;
    bool positioned;
};

/* Envelopes follow each other as their stamps do: a step is cheaper than a search. */
static enum pp_error envelope_seek(struct gather *gather, uint64_t sequence)
{
    struct pp_key8 key = pp_key8_of(sequence);
    enum pp_error error = gather->positioned ? pp_scan_next(&gather->envelopes) : PP_NOT_FOUND;
    if (error == PP_OK && gather->envelopes.key.length == 8 &&
        memcmp(gather->envelopes.key.bytes, key.bytes, 8) == 0)
        return PP_OK;
    gather->positioned = false;
    PP_TRY(pp_scan_first_from(&gather->envelopes, pp_slice(key.bytes, 8)));
    gather->positioned = true;
    return gather->envelopes.key.length == 8 && memcmp(gather->envelopes.key.bytes, key.bytes, 8) == 0
               ? PP_OK
               : PP_NOT_FOUND;
}

/* Host's own store, or deleted meanwhile: then there is nothing to find by its topic. */
static enum pp_error envelope_add(struct gather *gather, const struct pp_leaf *leaf, uint32_t day,
                                  uint64_t sequence)
{
    struct pp_envelope_row row;
    uint8_t key[PP_TOPIC_KEY_BYTES];
    enum pp_error error = envelope_seek(gather, sequence);
    if (error == PP_NOT_FOUND)
        return PP_OK;
    PP_TRY(error);
    PP_TRY(pp_envelope_row_read(gather->envelopes.value, &row));
    pp_index_topic_key_of(gather->secret, row.topic.bytes, row.topic.length, key);
    envelope_put(gather->batch, key, sequence, day + leaf->retention_days);
    return PP_OK;
}

static enum pp_error charged_add(struct gather *gather, const struct pp_record *record)
{
    uint32_t slot = gather->slot_of(gather->context, &record->charged.channel_id);
    uint32_t day = pp_day_of(record->time_ms);
    uint64_t sequence = record->sequence;
    if (slot == PP_SLOT_NONE)
        return PP_INVARIANT;
    for (uint32_t i = 0; i < record->count; i++) {
        const struct pp_row_charged *row = &record->charged_rows[i];
        if (!row->admitted)
            continue;
        stamp_put(gather->batch, slot, row->leaf.from, sequence);
        if (!pp_record_reserves(record))
            PP_TRY(envelope_add(gather, &row->leaf, day, sequence));
        sequence++;
    }
    return PP_OK;
}

static enum pp_error gather_walk(struct gather *gather, struct pp_journal_walk *walk)
{
    while (gather->batch->stamp_count < PP_INDEX_BATCH_STAMPS && walk->head.next_sequence < gather->end) {
        struct pp_record record;
        enum pp_error error = pp_journal_walk_next(walk, &record);
        if (error == PP_NOT_FOUND)
            break;
        PP_TRY(error);
        if (pp_record_is_charge(&record))
            PP_TRY(charged_add(gather, &record));
    }
    return PP_OK;
}

static enum pp_error gather_run(void *context, struct pp_txn *txn)
{
    struct gather *gather = context;
    struct pp_index_batch *batch = gather->batch;
    struct pp_journal_walk walk;
    PP_TRY(pp_journal_walk_open(txn, &batch->head, gather->room, &walk));
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
                              const struct pp_topic_secret *secret, pp_index_slot_of *slot_of, void *context)
{
    struct gather gather = {
        .batch = batch, .end = end, .secret = secret, .slot_of = slot_of, .context = context};
    PP_TRY(batch_take(batch, PP_INDEX_BATCH_STAMPS + PP_RECORD_ROWS_MAX)); /* a record is never split */
    gather.room = malloc(sizeof *gather.room);
    enum pp_error error = gather.room ? pp_store_read(journal, gather_run, &gather) : PP_NO_MEMORY;
    free(gather.room);
    return error;
}

/* ---- writing ---- */

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

/* Spans of one day, as many as fit. */
static enum pp_error spans_write(struct pp_txn *txn, const struct pp_run_row *spans, size_t count)
{
    struct pp_index_expiry_key key;
    uint8_t value[8 * PP_INDEX_SPANS_MAX + 8];
    pp_index_expiry_key_of((uint32_t)spans[0].words[0], spans[0].words[1], &key);
    for (size_t i = 0; i < count; i++) {
        struct pp_key8 pair = pp_key8_of((spans[i].words[1] - spans[0].words[1]) << 32 | spans[i].words[2]);
        memcpy(value + 8 * i, pair.bytes, 8);
    }
    struct pp_key8 seal =
        pp_key8_of(pp_run_seal(pp_slice(key.bytes, sizeof key.bytes), pp_slice(value, 8 * count)));
    memcpy(value + 8 * count, seal.bytes, 8);
    const struct pp_slice part = pp_slice(value, 8 * count + 8);
    return pp_txn_put(txn, PP_TABLE_INDEX_EXPIRY, pp_slice(key.bytes, sizeof key.bytes), &part, 1);
}

/* In the order of the days. */
static enum pp_error expiry_write(struct pp_txn *txn, const struct pp_index_batch *batch)
{
    for (size_t at = 0; at < batch->span_count;) {
        const struct pp_run_row *spans = &batch->spans[at];
        size_t count = 1;
        while (at + count < batch->span_count && count < PP_INDEX_SPANS_MAX &&
               spans[count].words[0] == spans[0].words[0] &&
               spans[count].words[1] - spans[0].words[1] <= UINT32_MAX)
            count++;
        PP_TRY(spans_write(txn, spans, count));
        at += count;
    }
    return PP_OK;
}

/* On which day half of them are gone. */
static uint32_t half_day_of(const struct pp_run_row *topics, size_t count)
{
    uint64_t days[PP_INDEX_DAYS] = {0}, gone = 0;
    uint32_t base = UINT32_MAX;
    for (size_t i = 0; i < count; i++)
        base = pp_index_topic_row_day(&topics[i]) < base ? pp_index_topic_row_day(&topics[i]) : base;
    for (size_t i = 0; i < count; i++) {
        uint32_t day = pp_index_topic_row_day(&topics[i]) - base;
        days[day < PP_INDEX_DAYS ? day : PP_INDEX_DAYS - 1]++;
    }
    for (uint32_t day = 0; day < PP_INDEX_DAYS; day++)
        if (2 * (gone += days[day]) >= count)
            return base + day;
    return PP_RUN_DAY_NONE;
}

static enum pp_error run_put(struct pp_txn *txn, struct pp_run_list *list, enum pp_index_kind kind,
                             const struct pp_run_row *rows, size_t count)
{
    if (count == 0)
        return PP_OK;
    struct pp_run *run = pp_run_list_add(list, PP_RUN_LIVE);
    run->rows = count;
    if (kind == PP_INDEX_TOPICS)
        run->half_day = half_day_of(rows, count);
    PP_TRY(pp_run_write(txn, pp_index_table(kind), run->number, rows, count));
    return pp_run_list_put(txn, PP_TABLE_INDEX_HEAD, pp_index_list_key(kind), list);
}

struct write {
    struct pp_run_list *lists;
    const struct pp_index_batch *batch;
};

static enum pp_error write_run(void *context, struct pp_txn *txn)
{
    const struct write *write = context;
    const struct pp_index_batch *batch = write->batch;
    PP_TRY(run_put(txn, &write->lists[PP_INDEX_STAMPS], PP_INDEX_STAMPS, batch->stamps, batch->stamp_count));
    PP_TRY(run_put(txn, &write->lists[PP_INDEX_TOPICS], PP_INDEX_TOPICS, batch->topics, batch->topic_count));
    PP_TRY(expiry_write(txn, batch));
    return head_write(txn, &batch->head);
}

enum pp_error pp_index_write(struct pp_index *index, struct pp_index_batch *batch, struct pp_store *derived)
{
    struct pp_run_list lists[PP_INDEX_KINDS];
    struct write write = {lists, batch};
    memcpy(lists, index->lists, sizeof lists);
    pp_run_rows_sort(batch->stamps, batch->stamp_count, STAMP_SORT_BYTES, batch->scratch);
    pp_run_rows_sort(batch->topics, batch->topic_count, TOPIC_SORT_BYTES, batch->scratch);
    pp_run_rows_sort(batch->spans, batch->span_count, PP_RUN_ROW_BYTES, batch->scratch);
    PP_TRY(pp_store_write(derived, PP_STORE_ORDINARY, write_run, &write));
    memcpy(index->lists, lists, sizeof lists);
    index->stuck = false;
    return PP_OK;
}
