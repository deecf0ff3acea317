#include "store/runs.h"

#include <pp/assert.h>

#include <string.h>

#define KEY_BYTES (8u + PP_RUN_ROW_BYTES)
#define SEAL_BYTES 8u
#define LIST_RUN_BYTES 21u

_Static_assert(PP_RUN_BLOCK_ROWS *PP_RUN_ROW_BYTES + SEAL_BYTES <= 4080,
               "a block takes one page of 4096 bytes");
_Static_assert(8 + PP_RUNS_MAX * LIST_RUN_BYTES + SEAL_BYTES <= 4080, "a list, too");

static inline uint64_t word_read(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static inline void word_write(uint8_t *bytes, uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    memcpy(bytes, &word, sizeof word);
}

/* ---- seals ---- */

/* Four streams, so that their multiplications overlap. Each step is a bijection of the word and of what came before: one
 * word that differs is always seen. */
struct seal {
    uint64_t streams[4];
};

#define SEAL_FACTOR UINT64_C(0x9e3779b97f4a7c15)

static inline uint64_t seal_step(uint64_t state, uint64_t word)
{
    uint64_t product = (state ^ word) * SEAL_FACTOR;
    return product << 29 | product >> 35;
}

static void seal_init(struct seal *seal, uint64_t length)
{
    for (unsigned i = 0; i < 4; i++)
        seal->streams[i] = seal_step(length, i + 1);
}

static void seal_words(struct seal *seal, const uint64_t *words, size_t count)
{
    size_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (unsigned k = 0; k < 4; k++)
            seal->streams[k] = seal_step(seal->streams[k], words[i + k]);
    for (; i < count; i++)
        seal->streams[i % 4] = seal_step(seal->streams[i % 4], words[i]);
}

static uint64_t seal_finish(const struct seal *seal)
{
    uint64_t state = 0;
    for (unsigned i = 0; i < 4; i++)
        state = seal_step(state, seal->streams[i]);
    return state;
}

uint64_t pp_run_block_seal(uint64_t run, const struct pp_run_row *rows, size_t count)
{
    struct seal seal;
    seal_init(&seal, run);
    seal_words(&seal, rows->words, 3 * count);
    return seal_finish(&seal);
}

static void seal_bytes(struct seal *seal, struct pp_slice bytes)
{
    size_t i = 0;
    for (; i + 8 <= bytes.length; i += 8) {
        uint64_t word = word_read(bytes.bytes + i);
        seal_words(seal, &word, 1);
    }
    uint64_t last = bytes.length;
    for (; i < bytes.length; i++)
        last = last << 8 | bytes.bytes[i];
    seal_words(seal, &last, 1);
}

uint64_t pp_run_seal(struct pp_slice key, struct pp_slice value)
{
    struct seal seal;
    seal_init(&seal, key.length);
    seal_bytes(&seal, key);
    seal_bytes(&seal, value);
    return seal_finish(&seal);
}

/* ---- sorting ---- */

/* By one byte, keeping the order of those that have it in common. */
static void sort_pass(const struct pp_run_row *from, struct pp_run_row *to, size_t count, unsigned word,
                      unsigned shift)
{
    size_t places[256] = {0}, sum = 0;
    for (size_t i = 0; i < count; i++)
        places[(uint8_t)(from[i].words[word] >> shift)]++;
    for (unsigned value = 0; value < 256; value++) {
        size_t here = places[value];
        places[value] = sum;
        sum += here;
    }
    for (size_t i = 0; i < count; i++)
        to[places[(uint8_t)(from[i].words[word] >> shift)]++] = from[i];
}

/* What the passes left: rows that have the bytes in common by which they went. */
static void sort_rest(struct pp_run_row *rows, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct pp_run_row row = rows[i];
        size_t at = i;
        for (; at > 0 && pp_run_row_below(&row, &rows[at - 1]); at--)
            rows[at] = rows[at - 1];
        rows[at] = row;
    }
}

/* Byte by byte from the last: a batch has most bytes of its keys in common, and those cost nothing. */
void pp_run_rows_sort(struct pp_run_row *rows, size_t count, unsigned key_bytes, struct pp_run_row *scratch)
{
    PP_ASSERT(key_bytes <= PP_RUN_ROW_BYTES);
    struct pp_run_row differ = {{0}};
    struct pp_run_row *from = rows, *to = scratch;
    for (size_t i = 1; i < count; i++)
        for (unsigned word = 0; word < 3; word++)
            differ.words[word] |= rows[i].words[word] ^ rows[0].words[word];
    for (unsigned byte = key_bytes; byte-- > 0;) {
        unsigned word = byte / 8, shift = 56 - byte % 8 * 8;
        if ((uint8_t)(differ.words[word] >> shift) == 0)
            continue;
        sort_pass(from, to, count, word, shift);
        struct pp_run_row *sorted = to;
        to = from;
        from = sorted;
    }
    if (from != rows)
        memcpy(rows, from, count * sizeof *rows);
    sort_rest(rows, count);
}

/* ---- the list ---- */

static enum pp_error list_read(struct pp_slice key, struct pp_slice value, struct pp_run_list *out)
{
    if (value.length < 8 + SEAL_BYTES || (value.length - 8 - SEAL_BYTES) % LIST_RUN_BYTES != 0 ||
        (value.length - 8 - SEAL_BYTES) / LIST_RUN_BYTES > PP_RUNS_MAX)
        return PP_CORRUPT;
    size_t body = value.length - SEAL_BYTES;
    if (pp_run_seal(key, pp_slice(value.bytes, body)) != word_read(value.bytes + body))
        return PP_CORRUPT;
    out->next_number = word_read(value.bytes);
    out->count = (uint32_t)((body - 8) / LIST_RUN_BYTES);
    for (uint32_t i = 0; i < out->count; i++) {
        const uint8_t *bytes = value.bytes + 8 + (size_t)i * LIST_RUN_BYTES;
        struct pp_run *run = &out->runs[i];
        run->number = word_read(bytes);
        run->rows = word_read(bytes + 8);
        run->half_day =
            (uint32_t)bytes[16] << 24 | (uint32_t)bytes[17] << 16 | (uint32_t)bytes[18] << 8 | bytes[19];
        run->state = bytes[20];
        if (run->state < PP_RUN_MAKING || run->state > PP_RUN_DROPPED || run->number >= out->next_number ||
            (i > 0 && run->number <= out->runs[i - 1].number))
            return PP_CORRUPT;
    }
    return PP_OK;
}

enum pp_error pp_run_list_get(struct pp_txn *txn, unsigned table, struct pp_slice key,
                              struct pp_run_list *out)
{
    struct pp_slice value;
    enum pp_error error = pp_txn_get(txn, table, key, &value);
    if (error == PP_NOT_FOUND) {
        out->next_number = 1;
        out->count = 0;
        return PP_OK;
    }
    PP_TRY(error);
    return list_read(key, value, out);
}

enum pp_error pp_run_list_put(struct pp_txn *txn, unsigned table, struct pp_slice key,
                              const struct pp_run_list *list)
{
    uint8_t value[8 + PP_RUNS_MAX * LIST_RUN_BYTES + SEAL_BYTES];
    size_t body = 8;
    word_write(value, list->next_number);
    for (uint32_t i = 0; i < list->count; i++, body += LIST_RUN_BYTES) {
        const struct pp_run *run = &list->runs[i];
        word_write(value + body, run->number);
        word_write(value + body + 8, run->rows);
        for (unsigned k = 0; k < 4; k++)
            value[body + 16 + k] = (uint8_t)(run->half_day >> (24 - 8 * k));
        value[body + 20] = run->state;
    }
    word_write(value + body, pp_run_seal(key, pp_slice(value, body)));
    const struct pp_slice part = pp_slice(value, body + SEAL_BYTES);
    return pp_txn_put(txn, table, key, &part, 1);
}

struct pp_run *pp_run_list_add(struct pp_run_list *list, enum pp_run_state state)
{
    PP_ASSERT(list->count < PP_RUNS_MAX);
    struct pp_run *run = &list->runs[list->count++];
    *run =
        (struct pp_run){.number = list->next_number++, .half_day = PP_RUN_DAY_NONE, .state = (uint8_t)state};
    return run;
}

struct pp_run *pp_run_list_find(struct pp_run_list *list, uint64_t number)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (list->runs[i].number == number)
            return &list->runs[i];
    return NULL;
}

void pp_run_list_remove(struct pp_run_list *list, uint64_t number)
{
    struct pp_run *run = pp_run_list_find(list, number);
    PP_ASSERT(run);
    size_t behind = list->count - (size_t)(run - list->runs) - 1;
    memmove(run, run + 1, behind * sizeof *run);
    list->count--;
}

/* ---- blocks ---- */

static void key_of(uint64_t run, const struct pp_run_row *row, uint8_t out[KEY_BYTES])
{
    word_write(out, run);
    for (unsigned i = 0; i < 3; i++)
        word_write(out + 8 + (size_t)8 * i, row->words[i]);
}

static enum pp_error block_write(struct pp_txn *txn, unsigned table, uint64_t run,
                                 const struct pp_run_row *rows, size_t count)
{
    uint8_t key[KEY_BYTES], value[PP_RUN_BLOCK_ROWS * PP_RUN_ROW_BYTES + SEAL_BYTES];
    const uint64_t *words = rows->words;
    key_of(run, rows, key);
    for (size_t i = 0; i < 3 * count; i++)
        word_write(value + 8 * i, words[i]);
    word_write(value + 24 * count, pp_run_block_seal(run, rows, count));
    const struct pp_slice part = pp_slice(value, count * PP_RUN_ROW_BYTES + SEAL_BYTES);
    return pp_txn_put(txn, table, pp_slice(key, sizeof key), &part, 1);
}

enum pp_error pp_run_write(struct pp_txn *txn, unsigned table, uint64_t run, const struct pp_run_row *rows,
                           size_t count)
{
    for (size_t at = 0; at < count; at += PP_RUN_BLOCK_ROWS)
        PP_TRY(block_write(txn, table, run, rows + at,
                           count - at < PP_RUN_BLOCK_ROWS ? count - at : PP_RUN_BLOCK_ROWS));
    return PP_OK;
}

static bool is_of_run(struct pp_slice key, uint64_t run)
{
    return key.length >= 8 && word_read(key.bytes) == run;
}

static enum pp_error erase_walk(struct pp_scan *scan, uint64_t run, unsigned blocks)
{
    const struct pp_key8 key = pp_key8_of(run);
    enum pp_error error = pp_scan_first_from(scan, pp_slice(key.bytes, sizeof key.bytes));
    for (; error == PP_OK && is_of_run(scan->key, run); blocks--) {
        if (blocks == 0)
            return PP_OK;
        error = pp_scan_delete(scan);
    }
    return error == PP_OK ? PP_NOT_FOUND : error;
}

enum pp_error pp_run_erase(struct pp_txn *txn, unsigned table, uint64_t run, unsigned blocks)
{
    struct pp_scan scan;
    PP_TRY(pp_scan_open(txn, table, &scan));
    enum pp_error error = erase_walk(&scan, run, blocks);
    pp_scan_close(&scan);
    return error;
}

enum pp_error pp_run_block_read(struct pp_slice key, struct pp_slice value, uint64_t *out_run,
                                struct pp_run_row *out_rows, uint32_t *out_count)
{
    uint8_t expected[KEY_BYTES];
    if (key.length != KEY_BYTES || value.length < PP_RUN_ROW_BYTES + SEAL_BYTES ||
        (value.length - SEAL_BYTES) % PP_RUN_ROW_BYTES != 0 ||
        (value.length - SEAL_BYTES) / PP_RUN_ROW_BYTES > PP_RUN_BLOCK_ROWS)
        return PP_CORRUPT;
    uint32_t count = (uint32_t)((value.length - SEAL_BYTES) / PP_RUN_ROW_BYTES);
    uint64_t run = word_read(key.bytes);
    for (uint32_t i = 0; i < count; i++)
        for (unsigned word = 0; word < 3; word++)
            out_rows[i].words[word] = word_read(value.bytes + (size_t)24 * i + (size_t)8 * word);
    key_of(run, out_rows, expected);
    if (memcmp(expected, key.bytes, KEY_BYTES) != 0 ||
        pp_run_block_seal(run, out_rows, count) != word_read(value.bytes + (size_t)24 * count))
        return PP_CORRUPT;
    *out_run = run;
    *out_count = count;
    return PP_OK;
}

/* ---- a cursor ---- */

/* The block on which the scan stands; behind the last one there is none. */
static enum pp_error cursor_load(struct pp_run_cursor *cursor, enum pp_error moved)
{
    uint64_t run;
    cursor->at = cursor->count = 0;
    if (moved == PP_NOT_FOUND || (moved == PP_OK && !is_of_run(cursor->scan.key, cursor->run)))
        return PP_OK;
    PP_TRY(moved);
    return pp_run_block_read(cursor->scan.key, cursor->scan.value, &run, cursor->rows, &cursor->count);
}

static enum pp_error cursor_seek(struct pp_run_cursor *cursor, const struct pp_run_row *from)
{
    uint8_t key[KEY_BYTES];
    key_of(cursor->run, from, key);
    enum pp_error error = pp_scan_last_to(&cursor->scan, pp_slice(key, sizeof key));
    if (error == PP_NOT_FOUND || (error == PP_OK && !is_of_run(cursor->scan.key, cursor->run)))
        error = pp_scan_first_from(&cursor->scan, pp_slice(key, sizeof key));
    PP_TRY(cursor_load(cursor, error));
    uint32_t low = 0, high = cursor->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (pp_run_row_below(&cursor->rows[middle], from))
            low = middle + 1;
        else
            high = middle;
    }
    cursor->at = low;
    return cursor->count > 0 && low == cursor->count ? cursor_load(cursor, pp_scan_next(&cursor->scan))
                                                     : PP_OK;
}

enum pp_error pp_run_cursor_open(struct pp_run_cursor *cursor, struct pp_txn *txn, unsigned table,
                                 uint64_t run, const struct pp_run_row *from)
{
    cursor->run = run;
    cursor->at = cursor->count = 0;
    PP_TRY(pp_scan_open(txn, table, &cursor->scan));
    enum pp_error error = cursor_seek(cursor, from);
    if (error != PP_OK)
        pp_run_cursor_close(cursor);
    return error;
}

void pp_run_cursor_close(struct pp_run_cursor *cursor)
{
    pp_scan_close(&cursor->scan);
    cursor->at = cursor->count = 0;
}

enum pp_error pp_run_cursor_next(struct pp_run_cursor *cursor)
{
    PP_ASSERT(cursor->at < cursor->count);
    if (++cursor->at < cursor->count)
        return PP_OK;
    return cursor_load(cursor, pp_scan_next(&cursor->scan));
}

enum pp_error pp_run_merge_next(struct pp_run_merge *merge, struct pp_run_row *out)
{
    struct pp_run_cursor *least = NULL;
    for (size_t i = 0; i < merge->count; i++) {
        struct pp_run_cursor *cursor = &merge->cursors[i];
        if (cursor->at < cursor->count &&
            (!least || pp_run_row_below(&cursor->rows[cursor->at], &least->rows[least->at])))
            least = cursor;
    }
    if (!least)
        return PP_NOT_FOUND;
    *out = least->rows[least->at];
    return pp_run_cursor_next(least);
}
