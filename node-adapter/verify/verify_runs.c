/* The runs of an index: every block of them is one, every row leads to its own stamp, and the rows that must be there are there.
 * Which they are was summed while the journal was walked; only when the sums differ the rows are looked at one by one. */
#include "engine/node.h"
#include "verify/verify_run.h"

#include "engine/memory.h"

#include <pp/assert.h>
#include <pp/day.h>

#include <stdlib.h>
#include <string.h>

struct runs {
    struct pp_verify_run *run;
    enum pp_index_kind kind;
    enum pp_verify_check check;
    const char *what;
    uint64_t end;
    struct pp_run_list list;
    uint64_t found[PP_RUNS_MAX]; /* rows of each */
    uint8_t *seen;               /* a bit for each sequence */
    struct pp_verify_sum stamps;
    struct pp_verify_sum *topics; /* by day */
    bool compare;                 /* the second time: one by one */
    struct pp_run_row before;     /* of the same run */
    uint64_t before_run;
};

static bool seen_get(const struct runs *runs, uint64_t sequence)
{
    return runs->seen[sequence / 8] & 1u << sequence % 8;
}

static uint64_t sequence_of(const struct runs *runs, const struct pp_run_row *row)
{
    return runs->kind == PP_INDEX_STAMPS ? pp_index_stamp_row_sequence(row)
                                         : pp_index_topic_row_sequence(row);
}

static const char *row_print(const struct pp_run_row *row, char out[2 * PP_RUN_ROW_BYTES + 1])
{
    uint8_t bytes[PP_RUN_ROW_BYTES];
    for (unsigned i = 0; i < 3; i++) {
        struct pp_key8 word = pp_key8_of(row->words[i]);
        memcpy(bytes + (size_t)8 * i, word.bytes, 8);
    }
    return pp_hex_print(bytes, sizeof bytes, out);
}

static void row_tell(struct runs *runs, const struct pp_run_row *row, const char *what)
{
    char text[2 * PP_RUN_ROW_BYTES + 1];
    runs->run->sequence = sequence_of(runs, row);
    pp_verify_tell(runs->run, runs->check, PP_CORRUPT, runs->what, PP_SLOT_NONE, "the row %s %s",
                   row_print(row, text), what);
}

static bool leads_somewhere(const struct runs *runs, const struct pp_run_row *row)
{
    uint64_t sequence = sequence_of(runs, row);
    unsigned marks = runs->kind == PP_INDEX_STAMPS ? PP_MARK_ENVELOPE | PP_MARK_TICKET : PP_MARK_ENVELOPE;
    return sequence < runs->end && sequence < runs->run->head.next_sequence &&
           runs->run->marks[sequence] & marks;
}

/* ---- the first time ---- */

static void row_sum(struct runs *runs, const struct pp_run_row *row)
{
    struct pp_verify_run *run = runs->run;
    uint64_t sequence = sequence_of(runs, row);
    if (!leads_somewhere(runs, row)) {
        row_tell(runs, row, runs->kind == PP_INDEX_STAMPS ? "leads to no stamp" : "leads to no envelope");
    } else if (seen_get(runs, sequence)) {
        row_tell(runs, row, "is a second one");
    } else {
        runs->seen[sequence / 8] |= (uint8_t)(1u << sequence % 8);
        if (runs->kind == PP_INDEX_STAMPS) {
            pp_verify_sum_add(run, &runs->stamps, row);
        } else if (run->marks[sequence] & PP_MARK_TOPIC) {
            uint32_t day = pp_index_topic_row_day(row);
            pp_verify_sum_add(run, &runs->topics[day < PP_VERIFY_DAYS ? day : PP_VERIFY_DAYS - 1], row);
        }
    }
}

/* ---- the second time ---- */

static enum pp_error stamp_expected(struct runs *runs, uint64_t sequence, struct pp_run_row *out)
{
    const struct pp_record *record;
    const struct pp_row_charged *stamp;
    PP_TRY(pp_verify_stamp(runs->run, sequence, &record, &stamp));
    if (!stamp)
        return PP_NOT_FOUND;
    pp_index_stamp_row_of(pp_ledger_find(&runs->run->ledger, &record->charged.channel_id), stamp->leaf.from,
                          sequence, out);
    return PP_OK;
}

/* NOT_FOUND: it needs no row (any more). */
static enum pp_error topic_expected(struct runs *runs, uint64_t sequence, struct pp_run_row *out)
{
    struct pp_verify_run *run = runs->run;
    const struct pp_record *record;
    const struct pp_row_charged *stamp;
    struct pp_envelope_row row;
    struct pp_slice value;
    struct pp_key8 key = pp_key8_of(sequence);
    uint8_t topic_key[PP_TOPIC_KEY_BYTES];
    if (!(run->marks[sequence] & PP_MARK_TOPIC))
        return PP_NOT_FOUND;
    PP_TRY(pp_verify_stamp(run, sequence, &record, &stamp));
    if (!stamp)
        return PP_NOT_FOUND;
    uint32_t gone_day = pp_day_of(record->time_ms) + stamp->leaf.retention_days;
    PP_TRY(pp_txn_get(run->journal, PP_TABLE_ENVELOPES, pp_slice(key.bytes, 8), &value));
    if (gone_day <= run->last_day || pp_envelope_row_read(value, &row) != PP_OK)
        return PP_NOT_FOUND;
    pp_index_topic_key_of(&run->topic_secret, row.topic.bytes, row.topic.length, topic_key);
    pp_index_topic_row_of(topic_key, sequence, gone_day, out);
    return PP_OK;
}

static enum pp_error expected(struct runs *runs, uint64_t sequence, struct pp_run_row *out)
{
    return runs->kind == PP_INDEX_STAMPS ? stamp_expected(runs, sequence, out)
                                         : topic_expected(runs, sequence, out);
}

static enum pp_error row_compare(struct runs *runs, const struct pp_run_row *row)
{
    struct pp_run_row right;
    if (!leads_somewhere(runs, row))
        return PP_OK; /* told before */
    enum pp_error error = expected(runs, sequence_of(runs, row), &right);
    if (error == PP_OK && memcmp(&right, row, sizeof right) != 0)
        row_tell(runs, row, "leads to another place");
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static enum pp_error missing_tell(struct runs *runs)
{
    struct pp_verify_run *run = runs->run;
    uint64_t end = runs->end < run->head.next_sequence ? runs->end : run->head.next_sequence;
    unsigned marks = runs->kind == PP_INDEX_STAMPS ? PP_MARK_ENVELOPE | PP_MARK_TICKET : PP_MARK_TOPIC;
    for (uint64_t sequence = 1; sequence < end; sequence++) {
        struct pp_run_row row;
        if (!(run->marks[sequence] & marks) || seen_get(runs, sequence))
            continue;
        enum pp_error error = expected(runs, sequence, &row);
        run->sequence = sequence;
        if (error == PP_OK)
            pp_verify_tell(run, runs->check, PP_CORRUPT, runs->what, PP_SLOT_NONE,
                           "the row that leads here is missing");
        else if (error != PP_NOT_FOUND)
            return error;
    }
    return PP_OK;
}

/* ---- blocks ---- */

static enum pp_error rows_walk(struct runs *runs, uint64_t number, const struct pp_run_row *rows,
                               uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!runs->compare) {
            if (runs->before_run == number && !pp_run_row_below(&runs->before, &rows[i]))
                row_tell(runs, &rows[i], "is not above the one before");
            row_sum(runs, &rows[i]);
        } else {
            PP_TRY(row_compare(runs, &rows[i]));
        }
        runs->before = rows[i];
        runs->before_run = number;
    }
    return PP_OK;
}

/* Blocks of runs that are being made or dropped are read by nobody. */
static enum pp_error block_walk(struct runs *runs, const struct pp_scan *scan)
{
    struct pp_run_row rows[PP_RUN_BLOCK_ROWS];
    uint32_t count;
    uint64_t number;
    char text[2 * 32 + 1];
    bool is_block = pp_run_block_read(scan->key, scan->value, &number, rows, &count) == PP_OK;
    const struct pp_run *run = is_block ? pp_run_list_find(&runs->list, number) : NULL;
    if (run && run->state != PP_RUN_LIVE)
        return PP_OK;
    if (run) {
        if (!runs->compare)
            runs->found[run - runs->list.runs] += count;
        return rows_walk(runs, number, rows, count);
    }
    runs->run->sequence = 0;
    if (!runs->compare)
        pp_verify_tell(runs->run, runs->check, PP_CORRUPT, runs->what, PP_SLOT_NONE,
                       is_block ? "the block %s is of no run" : "the block %s is no block",
                       pp_hex_print(scan->key.bytes, scan->key.length < 32 ? scan->key.length : 32, text));
    return PP_OK;
}

static enum pp_error blocks_walk(struct runs *runs)
{
    struct pp_txn *txn = runs->run->derived;
    struct pp_scan scan;
    uint64_t left; /* pages that lead in a circle end here */
    runs->before_run = 0;
    PP_TRY(pp_txn_count(txn, pp_index_table(runs->kind), &left));
    PP_TRY(pp_scan_open(txn, pp_index_table(runs->kind), &scan));
    enum pp_error error = pp_scan_first(&scan);
    for (; error == PP_OK && left > 0; left--) {
        error = block_walk(runs, &scan);
        if (error == PP_OK)
            error = pp_scan_next(&scan);
    }
    pp_scan_close(&scan);
    return error == PP_NOT_FOUND ? PP_OK : error;
}

/* ---- all of them ---- */

static enum pp_error list_take(struct runs *runs)
{
    struct pp_slice key = pp_index_list_key(runs->kind);
    enum pp_error error = pp_run_list_get(runs->run->derived, PP_TABLE_INDEX_HEAD, key, &runs->list);
    if (error != PP_CORRUPT)
        return error;
    runs->list.count = 0;
    runs->run->sequence = 0;
    pp_verify_tell(runs->run, runs->check, error, runs->what, PP_SLOT_NONE,
                   "the list of its runs is no list");
    return PP_OK;
}

bool pp_verify_topics_differ(const struct pp_verify_run *run, const struct pp_verify_sum *sums)
{
    for (uint32_t day = 0; day < PP_VERIFY_DAYS; day++)
        if (day > run->last_day && memcmp(&run->topic_rows[day], &sums[day], sizeof sums[day]) != 0)
            return true;
    return false;
}

static enum pp_error runs_compare(struct runs *runs)
{
    struct pp_verify_run *run = runs->run;
    PP_TRY(list_take(runs));
    PP_TRY(blocks_walk(runs));
    for (uint32_t i = 0; i < runs->list.count; i++) {
        run->sequence = 0;
        if (runs->list.runs[i].state == PP_RUN_LIVE)
            pp_verify_number(run, runs->check, runs->what, PP_SLOT_NONE, runs->list.runs[i].rows,
                             runs->found[i]);
    }
    bool differ = runs->kind == PP_INDEX_STAMPS
                      ? memcmp(&runs->stamps, &run->stamp_rows, sizeof runs->stamps) != 0
                      : pp_verify_topics_differ(run, runs->topics);
    if (!differ)
        return PP_OK;
    uint64_t told = run->summary->findings;
    runs->compare = true;
    PP_TRY(blocks_walk(runs));
    PP_TRY(missing_tell(runs));
    run->sequence = 0;
    if (run->summary->findings == told)
        pp_verify_tell(run, runs->check, PP_CORRUPT, runs->what, PP_SLOT_NONE,
                       "its rows are not those that must be there");
    return PP_OK;
}

enum pp_error pp_verify_runs_end(struct pp_verify_run *run, enum pp_index_kind kind, uint64_t end)
{
    struct runs *runs = calloc(1, sizeof *runs);
    enum pp_error error = PP_NO_MEMORY;
    if (runs) {
        *runs = (struct runs){
            .run = run,
            .kind = kind,
            .check = kind == PP_INDEX_STAMPS ? PP_VERIFY_INDEX_STAMP : PP_VERIFY_INDEX_TOPIC,
            .what = kind == PP_INDEX_STAMPS ? "index_stamp" : "index_topic",
            .end = end,
            .seen = calloc(run->head.next_sequence / 8 + 1, 1),
        };
        if (runs->seen)
            error = pp_memory_map(PP_VERIFY_DAYS * sizeof *runs->topics, (void **)&runs->topics);
        if (error == PP_OK)
            error = runs_compare(runs);
        pp_memory_unmap(runs->topics, PP_VERIFY_DAYS * sizeof *runs->topics);
        free(runs->seen);
    }
    free(runs);
    return error;
}
