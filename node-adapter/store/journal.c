#include "store/journal.h"

#include <pp/assert.h>

#include <stdio.h>
#include <string.h>

void pp_journal_head_init(struct pp_journal_head *head)
{
    *head = (struct pp_journal_head){.next_sequence = 1};
}

/* JRN-020. */
void pp_journal_seal(const uint8_t before[PP_RECORD_CHECKSUM_BYTES], uint64_t sequence, struct pp_slice bytes,
                     uint8_t out[PP_RECORD_CHECKSUM_BYTES])
{
    const struct pp_key8 key = pp_key8_of(sequence);
    const struct pp_slice parts[] = {
        {before, PP_RECORD_CHECKSUM_BYTES},
        {key.bytes, sizeof key.bytes},
        bytes,
    };
    uint8_t digest[32];
    pp_blake2b("pp.journal.v1", parts, sizeof parts / sizeof parts[0], digest);
    memcpy(out, digest, PP_RECORD_CHECKSUM_BYTES);
}

enum pp_error pp_journal_append(struct pp_txn *txn, struct pp_journal_head *head, struct pp_record *record,
                                uint8_t *buffer)
{
    PP_ASSERT(record->time_ms >= head->time_ms);
    record->sequence = head->next_sequence;
    struct pp_writer w;
    size_t length = 0;
    pp_writer_init(&w, buffer, PP_RECORD_MAX_BYTES);
    pp_record_write(&w, record);
    enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK);
    uint8_t checksum[PP_RECORD_CHECKSUM_BYTES];
    const struct pp_slice parts[] = {{buffer, length}, {checksum, sizeof checksum}};
    pp_journal_seal(head->checksum, record->sequence, parts[0], checksum);
    const struct pp_key8 key = pp_key8_of(record->sequence);
    PP_TRY(pp_txn_append(txn, PP_TABLE_RECORDS, pp_slice(key.bytes, sizeof key.bytes), parts, 2));
    head->next_sequence += pp_record_span(record);
    head->time_ms = record->time_ms;
    memcpy(head->checksum, checksum, sizeof checksum);
    return PP_OK;
}

/* ---- reading ---- */

static enum pp_error corrupt(char *reason, uint64_t sequence, uint8_t type, const char *what)
{
    if (reason)
        snprintf(reason, PP_STORE_REASON_BYTES, "journal record %llu (%s): %s", (unsigned long long)sequence,
                 pp_record_type_name(type), what);
    return PP_CORRUPT;
}

/* A record as it stands in the table. before: the checksum of the one before it. */
static enum pp_error record_open(uint64_t sequence, struct pp_slice value, const uint8_t *before,
                                 struct pp_record_room *room, struct pp_record *out, char *reason)
{
    uint8_t type = value.length > 1 ? value.bytes[1] : 0;
    if (value.length <= PP_RECORD_CHECKSUM_BYTES)
        return corrupt(reason, sequence, type, "shorter than a checksum");
    struct pp_slice bytes = {value.bytes, value.length - PP_RECORD_CHECKSUM_BYTES};
    uint8_t checksum[PP_RECORD_CHECKSUM_BYTES];
    pp_journal_seal(before, sequence, bytes, checksum);
    if (memcmp(checksum, bytes.bytes + bytes.length, sizeof checksum) != 0)
        return corrupt(reason, sequence, type, "the checksum is not that of its bytes after the record before");
    struct pp_reader r;
    pp_reader_init(&r, bytes.bytes, bytes.length);
    pp_record_read(&r, room, out);
    size_t offset = r.offset;
    enum pp_error error = pp_reader_finish(&r);
    if (error != PP_OK) {
        char what[96];
        snprintf(what, sizeof what, "%s at byte %zu", pp_error_name(error), offset);
        return corrupt(reason, sequence, type, what);
    }
    out->sequence = sequence;
    return PP_OK;
}

enum pp_error pp_journal_walk_open(struct pp_txn *txn, const struct pp_journal_head *head, struct pp_record_room *room,
                                   struct pp_journal_walk *out)
{
    *out = (struct pp_journal_walk){.head = *head, .room = room};
    return pp_scan_open(txn, PP_TABLE_RECORDS, &out->scan);
}

void pp_journal_walk_close(struct pp_journal_walk *walk)
{
    pp_scan_close(&walk->scan);
}

static enum pp_error walk_step(struct pp_journal_walk *walk)
{
    if (walk->started)
        return pp_scan_next(&walk->scan);
    walk->started = true;
    const struct pp_key8 key = pp_key8_of(walk->head.next_sequence);
    return pp_scan_first_from(&walk->scan, pp_slice(key.bytes, sizeof key.bytes));
}

enum pp_error pp_journal_walk_next(struct pp_journal_walk *walk, struct pp_record *out)
{
    PP_TRY(walk_step(walk));
    uint64_t expected = walk->head.next_sequence;
    if (walk->scan.key.length != 8 || pp_key8_number(walk->scan.key.bytes) != expected)
        return corrupt(walk->reason, expected, 0, "it is missing");
    PP_TRY(record_open(expected, walk->scan.value, walk->head.checksum, walk->room, out, walk->reason));
    if (out->time_ms < walk->head.time_ms)
        return corrupt(walk->reason, expected, (uint8_t)out->type, "its time is before that of the record before");
    walk->head.next_sequence += pp_record_span(out);
    walk->head.time_ms = out->time_ms;
    memcpy(walk->head.checksum, walk->scan.value.bytes + walk->scan.value.length - PP_RECORD_CHECKSUM_BYTES,
           PP_RECORD_CHECKSUM_BYTES);
    return PP_OK;
}

static enum pp_error last_is(struct pp_scan *scan, const struct pp_journal_head *head)
{
    const struct pp_key8 key = pp_key8_of(head->next_sequence - 1);
    PP_TRY(pp_scan_last_to(scan, pp_slice(key.bytes, sizeof key.bytes)));
    const struct pp_slice value = scan->value;
    bool same = value.length >= sizeof head->checksum &&
                memcmp(value.bytes + value.length - sizeof head->checksum, head->checksum, sizeof head->checksum) == 0;
    return same ? PP_OK : PP_NOT_FOUND;
}

enum pp_error pp_journal_has(struct pp_txn *txn, const struct pp_journal_head *head)
{
    struct pp_scan scan;
    if (head->next_sequence <= 1)
        return PP_OK;
    PP_TRY(pp_scan_open(txn, PP_TABLE_RECORDS, &scan));
    enum pp_error error = last_is(&scan, head);
    pp_scan_close(&scan);
    return error;
}

static enum pp_error find_in(struct pp_scan *scan, uint64_t sequence, struct pp_record_room *room, struct pp_record *out,
                             char *reason)
{
    const struct pp_key8 key = pp_key8_of(sequence);
    PP_TRY(pp_scan_last_to(scan, pp_slice(key.bytes, sizeof key.bytes)));
    if (scan->key.length != 8)
        return corrupt(reason, sequence, 0, "its key is not a sequence number");
    uint64_t first = pp_key8_number(scan->key.bytes);
    struct pp_slice value = scan->value;
    uint8_t before[PP_RECORD_CHECKSUM_BYTES] = {0};
    enum pp_error error = pp_scan_previous(scan);
    if (error == PP_OK) {
        if (scan->value.length < sizeof before)
            return corrupt(reason, first, 0, "the record before it is shorter than a checksum");
        memcpy(before, scan->value.bytes + scan->value.length - sizeof before, sizeof before);
    } else if (error != PP_NOT_FOUND) {
        return error;
    }
    PP_TRY(record_open(first, value, before, room, out, reason));
    return sequence - first < pp_record_span(out) ? PP_OK : PP_NOT_FOUND;
}

enum pp_error pp_journal_find(struct pp_txn *txn, uint64_t sequence, struct pp_record_room *room, struct pp_record *out,
                              char *reason)
{
    struct pp_scan scan;
    PP_TRY(pp_scan_open(txn, PP_TABLE_RECORDS, &scan));
    enum pp_error error = find_in(&scan, sequence, room, out, reason);
    pp_scan_close(&scan);
    return error;
}

enum pp_error pp_journal_look(struct pp_journal_look *look, struct pp_txn *txn, uint64_t sequence)
{
    const struct pp_record *record = &look->record;
    if (look->there && sequence >= record->sequence && sequence - record->sequence < pp_record_span(record))
        return PP_OK;
    if (look->rows_left == 0)
        return PP_BUSY;
    look->there = false;
    PP_TRY(pp_journal_find(txn, sequence, look->room, &look->record, NULL));
    look->there = true;
    look->rows_left -= record->count + 1 < look->rows_left ? record->count + 1 : look->rows_left;
    return PP_OK;
}

const struct pp_row_charged *pp_journal_row(const struct pp_record *record, uint64_t sequence)
{
    PP_ASSERT(pp_record_is_charge(record) && sequence >= record->sequence);
    uint64_t index = sequence - record->sequence;
    if (index < record->count && pp_record_span(record) == record->count) /* as nearly always: all were admitted */
        return &record->charged_rows[index];
    for (uint32_t i = 0; i < record->count; i++)
        if (record->charged_rows[i].admitted && index-- == 0)
            return &record->charged_rows[i];
    return NULL;
}

enum pp_error pp_journal_ends_at(struct pp_txn *txn, const struct pp_journal_head *head, struct pp_record_room *room)
{
    struct pp_record record;
    if (head->next_sequence <= 1)
        return PP_NOT_FOUND;
    PP_TRY(pp_journal_has(txn, head));
    PP_TRY(pp_journal_find(txn, head->next_sequence - 1, room, &record, NULL));
    return record.sequence + pp_record_span(&record) == head->next_sequence ? PP_OK : PP_NOT_FOUND;
}

/* ---- heads of the past ---- */

static enum pp_error last_sequence(struct pp_txn *txn, uint64_t *out)
{
    struct pp_scan scan;
    PP_TRY(pp_scan_open(txn, PP_TABLE_RECORDS, &scan));
    enum pp_error error = pp_scan_last(&scan);
    if (error == PP_OK && scan.key.length != 8)
        error = PP_CORRUPT;
    if (error == PP_OK)
        *out = pp_key8_number(scan.key.bytes);
    pp_scan_close(&scan);
    return error;
}

static enum pp_error head_behind(struct pp_txn *txn, const struct pp_record *record,
                                 struct pp_journal_head *out)
{
    const struct pp_key8 key = pp_key8_of(record->sequence);
    struct pp_slice value;
    PP_TRY(pp_txn_get(txn, PP_TABLE_RECORDS, pp_slice(key.bytes, sizeof key.bytes), &value));
    if (value.length < sizeof out->checksum)
        return PP_CORRUPT;
    out->next_sequence = record->sequence + pp_record_span(record);
    out->time_ms = record->time_ms;
    memcpy(out->checksum, value.bytes + value.length - sizeof out->checksum, sizeof out->checksum);
    return PP_OK;
}

/* The head of the journal as it was before the record that covers `from`, or as it is now. */
enum pp_error pp_journal_head_before(struct pp_txn *txn, uint64_t from, struct pp_record_room *room,
                                     struct pp_journal_head *out)
{
    struct pp_record record;
    uint64_t last;
    pp_journal_head_init(out);
    if (from <= 1)
        return PP_OK;
    enum pp_error error = pp_journal_find(txn, from - 1, room, &record, NULL);
    if (error == PP_NOT_FOUND) { /* behind the end */
        error = last_sequence(txn, &last);
        if (error == PP_NOT_FOUND)
            return PP_OK;
        PP_TRY(error);
        error = pp_journal_find(txn, last, room, &record, NULL);
    }
    PP_TRY(error);
    if (record.sequence + pp_record_span(&record) <= from)
        return head_behind(txn, &record, out);
    if (record.sequence == 1) /* inside the first record */
        return PP_OK;
    PP_TRY(pp_journal_find(txn, record.sequence - 1, room, &record, NULL));
    return head_behind(txn, &record, out);
}
