/* The three indexes, stamp by stamp as the walk comes by; at the end what was indexed since, and rows that lead nowhere. */
#include "node.h"
#include "verify_run.h"

#include <pp/assert.h>
#include <pp/day.h>

#include <string.h>

enum pp_error pp_verify_index_look(struct pp_verify_run *run)
{
    struct pp_journal_head head;
    enum pp_error error = pp_index_head_in(run->derived, &head);
    if (error == PP_NOT_FOUND || error == PP_CORRUPT) { /* told at the end */
        run->indexed_end = 1;
        return PP_OK;
    }
    PP_TRY(error);
    run->indexed_end = head.next_sequence;
    return PP_OK;
}

/* ---- one stamp ---- */

static enum pp_error row_find(struct pp_verify_run *run, enum pp_verify_check check, unsigned table,
                              struct pp_slice key, const char *what, uint32_t slot, struct pp_slice *out)
{
    pp_verify_count(run, check);
    enum pp_error error = pp_txn_get(run->derived, table, key, out);
    if (error == PP_NOT_FOUND)
        pp_verify_tell(run, check, PP_CORRUPT, what, slot, "the row that leads here is missing");
    return error;
}

static enum pp_error stamp_row(struct pp_verify_run *run, const struct pp_leaf *leaf, uint64_t sequence,
                               uint32_t slot)
{
    struct pp_index_stamp_key key;
    struct pp_slice value;
    pp_index_stamp_key_of(slot, leaf->from, &key);
    enum pp_error error = row_find(run, PP_VERIFY_INDEX_STAMP, PP_TABLE_INDEX_STAMP,
                                   pp_slice(key.bytes, sizeof key.bytes), "index_stamp", slot, &value);
    if (error != PP_OK)
        return error == PP_NOT_FOUND ? PP_OK : error;
    if (value.length != 8)
        pp_verify_tell(run, PP_VERIFY_INDEX_STAMP, PP_CORRUPT, "index_stamp", slot, "a row of %zu bytes",
                       value.length);
    else if (pp_key8_number(value.bytes) != sequence)
        pp_verify_tell(run, PP_VERIFY_INDEX_STAMP, PP_CORRUPT, "index_stamp", slot,
                       "expected %llu, found %llu", (unsigned long long)sequence,
                       (unsigned long long)pp_key8_number(value.bytes));
    return PP_OK;
}

static enum pp_error envelope_rows(struct pp_verify_run *run, uint32_t gone_day, uint64_t sequence,
                                   uint32_t slot, struct pp_slice topic)
{
    struct pp_index_topic_key topic_key;
    struct pp_index_expiry_key expiry_key;
    struct pp_slice value;
    pp_index_topic_key_of(topic.bytes, topic.length, sequence, &topic_key);
    enum pp_error error =
        row_find(run, PP_VERIFY_INDEX_TOPIC, PP_TABLE_INDEX_TOPIC,
                 pp_slice(topic_key.bytes, sizeof topic_key.bytes), "index_topic", slot, &value);
    if (error != PP_OK && error != PP_NOT_FOUND)
        return error;
    pp_index_expiry_key_of(gone_day, sequence, &expiry_key);
    error = row_find(run, PP_VERIFY_INDEX_EXPIRY, PP_TABLE_INDEX_EXPIRY,
                     pp_slice(expiry_key.bytes, sizeof expiry_key.bytes), "index_expiry", slot, &value);
    return error == PP_NOT_FOUND ? PP_OK : error;
}

enum pp_error pp_verify_index_stamp(struct pp_verify_run *run, uint64_t time_ms, const struct pp_leaf *leaf,
                                    uint64_t sequence, struct pp_slice topic)
{
    uint32_t slot = pp_ledger_find(&run->ledger, &leaf->channel_id);
    PP_ASSERT(slot != PP_SLOT_NONE); /* the ledger took it */
    uint32_t gone_day = pp_day_of(time_ms) + leaf->retention_days;
    PP_TRY(stamp_row(run, leaf, sequence, slot));
    /* The host's; gone: what is left of its rows does no harm; or expired: its rows may go before it does. */
    if (topic.length == 0 || gone_day <= run->last_day)
        return PP_OK;
    return envelope_rows(run, gone_day, sequence, slot, topic);
}

/* ---- what was indexed since the walk came by ---- */

struct tail {
    struct pp_verify_run *run;
    struct pp_journal_head indexed; /* what the index says of itself */
    uint64_t beyond;                /* stamps that it need not know */
    bool met;                       /* a record ends where it says it stands */
};

static enum pp_error topic_read(struct pp_verify_run *run, uint64_t sequence, struct pp_slice *out)
{
    struct pp_key8 key = pp_key8_of(sequence);
    struct pp_envelope_row row;
    struct pp_slice value;
    enum pp_error error = pp_txn_get(run->journal, PP_TABLE_ENVELOPES, pp_slice(key.bytes, 8), &value);
    if (error == PP_OK && pp_envelope_row_read(value, &row) == PP_OK)
        *out = row.topic;
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static enum pp_error tail_record(struct tail *tail, const struct pp_record *record)
{
    uint64_t sequence = record->sequence;
    for (uint32_t i = 0; i < record->count; i++) {
        struct pp_slice topic = {NULL, 0};
        if (!record->charged_rows[i].admitted)
            continue;
        tail->run->sequence = sequence;
        if (sequence >= tail->indexed.next_sequence) {
            tail->beyond++;
        } else {
            if (!record->charged.tickets)
                PP_TRY(topic_read(tail->run, sequence, &topic));
            PP_TRY(pp_verify_index_stamp(tail->run, record->time_ms, &record->charged_rows[i].leaf, sequence,
                                         topic));
        }
        sequence++;
    }
    return PP_OK;
}

/* JRN-070: the index stands behind a record, and knows which. */
static void head_compare(struct tail *tail, const struct pp_journal_head *here)
{
    struct pp_verify_run *run = tail->run;
    if (here->next_sequence != tail->indexed.next_sequence)
        return;
    tail->met = true;
    run->sequence = here->next_sequence - 1;
    pp_verify_bytes(run, PP_VERIFY_INDEX_STAMP, "index_head checksum", PP_SLOT_NONE, here->checksum,
                    tail->indexed.checksum, PP_RECORD_CHECKSUM_BYTES);
    pp_verify_number(run, PP_VERIFY_INDEX_STAMP, "index_head time", PP_SLOT_NONE, here->time_ms,
                     tail->indexed.time_ms);
}

static enum pp_error tail_walk(struct tail *tail, struct pp_journal_walk *walk)
{
    struct pp_record record;
    for (;;) {
        head_compare(tail, &walk->head);
        enum pp_error error = pp_journal_walk_next(walk, &record);
        if (error == PP_NOT_FOUND)
            return PP_OK;
        PP_TRY(error); /* the same records were read before */
        if (record.type == PP_RECORD_TYPE_CHARGED)
            PP_TRY(tail_record(tail, &record));
    }
}

static enum pp_error tail_compare(struct tail *tail)
{
    struct pp_verify_run *run = tail->run;
    struct pp_journal_walk walk;
    PP_TRY(pp_journal_walk_open(run->journal, &run->index_tail, run->room, &walk));
    enum pp_error error = tail_walk(tail, &walk);
    pp_journal_walk_close(&walk);
    run->sequence = 0;
    if (error == PP_OK && !tail->met)
        pp_verify_tell(run, PP_VERIFY_INDEX_STAMP, PP_CORRUPT, "index_head", PP_SLOT_NONE,
                       "it stands before record %llu; the journal has no such place, and ends before %llu",
                       (unsigned long long)tail->indexed.next_sequence,
                       (unsigned long long)run->head.next_sequence);
    return error;
}

/* ---- rows that lead nowhere ---- */

static enum pp_error stamp_key_tell(struct pp_verify_run *run, const struct pp_scan *scan, uint64_t end)
{
    const struct pp_record *record;
    const struct pp_row_charged *row = NULL;
    struct pp_index_stamp_key key;
    uint64_t sequence = scan->value.length == 8 ? pp_key8_number(scan->value.bytes) : 0;
    char text[2 * 16 + 1];
    if (sequence != 0 && sequence < end)
        PP_TRY(pp_verify_stamp(run, sequence, &record, &row));
    if (row && scan->key.length == sizeof key.bytes) {
        pp_index_stamp_key_of(pp_ledger_find(&run->ledger, &row->leaf.channel_id), row->leaf.from, &key);
        if (memcmp(key.bytes, scan->key.bytes, sizeof key.bytes) == 0)
            return PP_OK;
    }
    run->sequence = sequence;
    pp_verify_tell(run, PP_VERIFY_INDEX_STAMP, PP_CORRUPT, "index_stamp", PP_SLOT_NONE,
                   "the row %s leads to another place",
                   pp_hex_print(scan->key.bytes, scan->key.length < 16 ? scan->key.length : 16, text));
    return PP_OK;
}

static enum pp_error stamp_keys_tell(struct pp_verify_run *run, uint64_t end)
{
    struct pp_scan scan;
    PP_TRY(pp_scan_open(run->derived, PP_TABLE_INDEX_STAMP, &scan));
    uint64_t left;
    enum pp_error error = pp_txn_count(run->derived, PP_TABLE_INDEX_STAMP, &left);
    if (error == PP_OK)
        error = pp_scan_first(&scan);
    for (; error == PP_OK && left > 0; left--) {
        error = stamp_key_tell(run, &scan, end);
        if (error == PP_OK)
            error = pp_scan_next(&scan);
    }
    pp_scan_close(&scan);
    return error == PP_NOT_FOUND ? PP_OK : error;
}

/* Every stamp was found by its key: were there as many rows as stamps, there are no others. */
static enum pp_error stamp_rows_end(const struct tail *tail)
{
    struct pp_verify_run *run = tail->run;
    uint64_t rows, expected = run->ledger.head.totals.stamps - tail->beyond;
    PP_TRY(pp_txn_count(run->derived, PP_TABLE_INDEX_STAMP, &rows));
    run->sequence = 0;
    pp_verify_number(run, PP_VERIFY_INDEX_STAMP, "index_stamp rows", PP_SLOT_NONE, expected, rows);
    return rows > expected ? stamp_keys_tell(run, tail->indexed.next_sequence) : PP_OK;
}

struct keys {
    enum pp_verify_check check;
    unsigned table;
    const char *what;
    size_t length; /* of a key; its last 8 bytes are a sequence number */
    enum pp_verify_mark mark;
};

/* JRN-070: each leads to an envelope that was stored, and no two to the same one. */
static void key_end(struct pp_verify_run *run, const struct keys *keys, const struct pp_scan *scan,
                    uint64_t end)
{
    char text[2 * 32 + 1];
    pp_hex_print(scan->key.bytes, scan->key.length < 32 ? scan->key.length : 32, text);
    run->sequence = 0;
    if (scan->key.length != keys->length || scan->value.length != 0) {
        pp_verify_tell(run, keys->check, PP_CORRUPT, keys->what, PP_SLOT_NONE, "the row %s is no row", text);
        return;
    }
    uint64_t sequence = pp_key8_number(scan->key.bytes + keys->length - 8);
    run->sequence = sequence;
    if (sequence >= end || sequence >= run->head.next_sequence || !(run->marks[sequence] & PP_MARK_ENVELOPE))
        pp_verify_tell(run, keys->check, PP_CORRUPT, keys->what, PP_SLOT_NONE,
                       "the row %s leads to no envelope", text);
    else if (run->marks[sequence] & keys->mark)
        pp_verify_tell(run, keys->check, PP_CORRUPT, keys->what, PP_SLOT_NONE, "the row %s is a second one",
                       text);
    else
        run->marks[sequence] |= (uint8_t)keys->mark;
}

static enum pp_error keys_end(struct pp_verify_run *run, const struct keys *keys, uint64_t end)
{
    struct pp_scan scan;
    uint64_t left; /* pages that lead in a circle end here */
    PP_TRY(pp_txn_count(run->derived, keys->table, &left));
    PP_TRY(pp_scan_open(run->derived, keys->table, &scan));
    enum pp_error error = pp_scan_first(&scan);
    for (; error == PP_OK && left > 0; left--) {
        key_end(run, keys, &scan, end);
        error = pp_scan_next(&scan);
    }
    pp_scan_close(&scan);
    return error == PP_NOT_FOUND ? PP_OK : error;
}

/* ---- the end ---- */

enum pp_error pp_verify_index_end(struct pp_verify_run *run)
{
    static const struct keys topics = {PP_VERIFY_INDEX_TOPIC, PP_TABLE_INDEX_TOPIC, "index_topic",
                                       PP_TOPIC_KEY_BYTES + 8, PP_MARK_TOPIC};
    static const struct keys expiries = {PP_VERIFY_INDEX_EXPIRY, PP_TABLE_INDEX_EXPIRY, "index_expiry", 12,
                                         PP_MARK_EXPIRY};
    struct tail tail = {.run = run};
    enum pp_error error = pp_index_head_in(run->derived, &tail.indexed);
    if (error == PP_CORRUPT)
        pp_verify_tell(run, PP_VERIFY_INDEX_STAMP, PP_CORRUPT, "index_head", PP_SLOT_NONE,
                       "the row is no head");
    if (error == PP_CORRUPT || error == PP_NOT_FOUND)
        pp_journal_head_init(&tail.indexed); /* it knows nothing: then it holds nothing */
    else
        PP_TRY(error);
    run->summary->has_index = error == PP_OK;
    if (!run->index_has_tail) {
        run->index_has_tail = true;
        run->index_tail = run->head;
    }
    PP_TRY(tail_compare(&tail));
    PP_TRY(stamp_rows_end(&tail));
    PP_TRY(keys_end(run, &topics, tail.indexed.next_sequence));
    PP_TRY(keys_end(run, &expiries, tail.indexed.next_sequence));
    run->sequence = 0;
    return PP_OK;
}
