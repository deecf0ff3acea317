/* The three indexes: what must be there is summed, stamp by stamp, as the walk comes by; at the end what was indexed since, and
 * all that is there. */
#include "engine/node.h"
#include "verify/verify_run.h"

#include "engine/memory.h"

#include <pp/assert.h>
#include <pp/day.h>

#include <sodium.h>
#include <string.h>

enum pp_error pp_verify_index_look(struct pp_verify_run *run)
{
    struct pp_journal_head head;
    if (!run->topic_rows)
        PP_TRY(pp_memory_map(PP_VERIFY_DAYS * sizeof *run->topic_rows, (void **)&run->topic_rows));
    if (!run->has_topic_secret) /* never changed; without it no row of a topic is found */
        run->has_topic_secret = pp_index_secret_in(run->derived, &run->topic_secret) == PP_OK;
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

void pp_verify_sum_add(const struct pp_verify_run *run, struct pp_verify_sum *sum,
                       const struct pp_run_row *row)
{
    uint8_t digest[crypto_shorthash_BYTES], bytes[PP_RUN_ROW_BYTES];
    _Static_assert(sizeof run->row_key == crypto_shorthash_KEYBYTES && sizeof digest == 8,
                   "eight bytes, by a key");
    memcpy(bytes, row->words, sizeof bytes);
    crypto_shorthash(digest, bytes, sizeof bytes, run->row_key);
    sum->sum += pp_key8_number(digest);
    sum->count++;
}

struct pp_verify_sum *pp_verify_topic_sum(struct pp_verify_run *run, uint32_t day)
{
    return &run->topic_rows[day < PP_VERIFY_DAYS ? day : PP_VERIFY_DAYS - 1];
}

static bool span_is_known(const struct pp_index_spans *spans, uint32_t day, uint64_t sequence)
{
    uint32_t low = 0, high = spans->count;
    while (low < high) { /* the first that begins behind it */
        uint32_t middle = low + (high - low) / 2;
        if (spans->spans[middle].first <= sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && spans->day == day &&
           sequence - spans->spans[low - 1].first < spans->spans[low - 1].length;
}

/* The row that begins last before it, on that day. */
static enum pp_error span_find(struct pp_verify_run *run, uint32_t day, uint64_t sequence, bool *out_found)
{
    struct pp_index_expiry_key key;
    struct pp_scan scan;
    *out_found = span_is_known(&run->spans, day, sequence); /* neighbours stand in one */
    if (*out_found)
        return PP_OK;
    pp_index_expiry_key_of(day, sequence, &key);
    PP_TRY(pp_scan_open(run->derived, PP_TABLE_INDEX_EXPIRY, &scan));
    enum pp_error error = pp_scan_last_to(&scan, pp_slice(key.bytes, sizeof key.bytes));
    if (error == PP_OK && pp_index_spans_read(scan.key, scan.value, &run->spans) != PP_OK)
        run->spans.count = 0; /* the end says what is wrong with it */
    pp_scan_close(&scan);
    *out_found = error == PP_OK && span_is_known(&run->spans, day, sequence);
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static enum pp_error envelope_rows(struct pp_verify_run *run, uint32_t gone_day, uint64_t sequence,
                                   uint32_t slot, struct pp_slice topic)
{
    struct pp_run_row row;
    uint8_t key[PP_TOPIC_KEY_BYTES];
    bool found;
    pp_index_topic_key_of(&run->topic_secret, topic.bytes, topic.length, key);
    pp_index_topic_row_of(key, sequence, gone_day, &row);
    pp_verify_sum_add(run, pp_verify_topic_sum(run, gone_day), &row);
    pp_verify_count(run, PP_VERIFY_INDEX_TOPIC);
    run->marks[sequence] |= PP_MARK_TOPIC;
    pp_verify_count(run, PP_VERIFY_INDEX_EXPIRY);
    PP_TRY(span_find(run, gone_day, sequence, &found));
    if (!found)
        pp_verify_tell(run, PP_VERIFY_INDEX_EXPIRY, PP_CORRUPT, "index_expiry", slot,
                       "the row that leads here is missing");
    return PP_OK;
}

enum pp_error pp_verify_index_stamp(struct pp_verify_run *run, uint64_t time_ms, const struct pp_leaf *leaf,
                                    uint64_t sequence, struct pp_slice topic)
{
    struct pp_run_row row;
    uint32_t slot = pp_ledger_find(&run->ledger, &leaf->channel_id);
    PP_ASSERT(slot != PP_SLOT_NONE); /* the ledger took it */
    uint32_t gone_day = pp_day_of(time_ms) + leaf->retention_days;
    pp_index_stamp_row_of(slot, leaf->from, sequence, &row);
    pp_verify_sum_add(run, &run->stamp_rows, &row);
    pp_verify_count(run, PP_VERIFY_INDEX_STAMP);
    /* The host's; gone: what is left of its rows does no harm; or expired: its rows may go before it does. */
    if (topic.length == 0 || gone_day <= run->last_day)
        return PP_OK;
    return envelope_rows(run, gone_day, sequence, slot, topic);
}

/* ---- what was indexed since the walk came by ---- */

struct tail {
    struct pp_verify_run *run;
    struct pp_journal_head indexed; /* what the index says of itself */
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
        if (sequence < tail->indexed.next_sequence) {
            if (!pp_record_reserves(record))
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
        if (pp_record_is_charge(&record))
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

/* ---- spans that lead nowhere ---- */

static void span_end(struct pp_verify_run *run, uint64_t first, uint64_t length, uint64_t end)
{
    for (uint64_t sequence = first; sequence - first < length; sequence++) {
        bool there =
            sequence < end && sequence < run->head.next_sequence && run->marks[sequence] & PP_MARK_ENVELOPE;
        if (there && !(run->marks[sequence] & PP_MARK_EXPIRY)) {
            run->marks[sequence] |= PP_MARK_EXPIRY;
            continue;
        }
        run->sequence = sequence;
        pp_verify_tell(run, PP_VERIFY_INDEX_EXPIRY, PP_CORRUPT, "index_expiry", PP_SLOT_NONE,
                       there ? "the span from %llu is a second one"
                             : "the span from %llu leads to no envelope",
                       (unsigned long long)first);
        return;
    }
}

static void spans_end(struct pp_verify_run *run, const struct pp_scan *scan, uint64_t end)
{
    char text[2 * 16 + 1];
    run->sequence = 0;
    if (pp_index_spans_read(scan->key, scan->value, &run->spans) == PP_OK) {
        for (uint32_t i = 0; i < run->spans.count; i++)
            span_end(run, run->spans.spans[i].first, run->spans.spans[i].length, end);
        return;
    }
    run->spans.count = 0;
    pp_verify_tell(run, PP_VERIFY_INDEX_EXPIRY, PP_CORRUPT, "index_expiry", PP_SLOT_NONE,
                   "the row %s is no row",
                   pp_hex_print(scan->key.bytes, scan->key.length < 16 ? scan->key.length : 16, text));
}

static enum pp_error expiry_end(struct pp_verify_run *run, uint64_t end)
{
    struct pp_scan scan;
    uint64_t left; /* pages that lead in a circle end here */
    PP_TRY(pp_txn_count(run->derived, PP_TABLE_INDEX_EXPIRY, &left));
    PP_TRY(pp_scan_open(run->derived, PP_TABLE_INDEX_EXPIRY, &scan));
    enum pp_error error = pp_scan_first(&scan);
    for (; error == PP_OK && left > 0; left--) {
        spans_end(run, &scan, end);
        error = pp_scan_next(&scan);
    }
    pp_scan_close(&scan);
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static bool is_head_key(struct pp_slice key)
{
    static const char *const known[] = {"indexed", "schema", "stamps", "topic key", "topics"};
    for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strlen(known[i]) == key.length && memcmp(known[i], key.bytes, key.length) == 0)
            return true;
    return false;
}

static enum pp_error head_rows_end(struct pp_verify_run *run)
{
    struct pp_scan scan;
    uint64_t left;
    char text[2 * 16 + 1];
    PP_TRY(pp_txn_count(run->derived, PP_TABLE_INDEX_HEAD, &left));
    PP_TRY(pp_scan_open(run->derived, PP_TABLE_INDEX_HEAD, &scan));
    enum pp_error error = pp_scan_first(&scan);
    for (; error == PP_OK && left > 0; left--, error = pp_scan_next(&scan))
        if (!is_head_key(scan.key))
            pp_verify_tell(run, PP_VERIFY_INDEX_STAMP, PP_CORRUPT, "index_head", PP_SLOT_NONE,
                           "the row %s says nothing",
                           pp_hex_print(scan.key.bytes, scan.key.length < 16 ? scan.key.length : 16, text));
    pp_scan_close(&scan);
    return error == PP_NOT_FOUND ? PP_OK : error;
}

/* ---- the end ---- */

enum pp_error pp_verify_index_end(struct pp_verify_run *run)
{
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
    PP_TRY(head_rows_end(run));
    PP_TRY(pp_verify_runs_end(run, PP_INDEX_STAMPS, tail.indexed.next_sequence));
    PP_TRY(pp_verify_runs_end(run, PP_INDEX_TOPICS, tail.indexed.next_sequence));
    PP_TRY(expiry_end(run, tail.indexed.next_sequence));
    run->sequence = 0;
    return PP_OK;
}

void pp_verify_index_close(struct pp_verify_run *run)
{
    pp_memory_unmap(run->topic_rows, PP_VERIFY_DAYS * sizeof *run->topic_rows);
}
