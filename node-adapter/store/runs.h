/* runs.h - sorted runs of rows: what a batch adds to an index, written once and in order, and merged later.
 *
 * Shape:  a row is 24 bytes, three words, compared as bytes are. Rows of one run stand in blocks of up to PP_RUN_BLOCK_ROWS:
 *         run u64 | first row 24 -> rows | seal u64. A list names the runs of an index and what state each is in; it is one
 *         row, so that a transaction sees all of it or nothing.
 *         A run is never changed: it is made, live, and dropped when a merge put its rows into another one. Blocks of a run
 *         that is not live are read by nobody.
 *         A seal finds every change of one word, and any other but one in 2^64: against a disk, not against a person.
 * Own:    a cursor lives inside one transaction.
 * Errors: CORRUPT: a block or a list that cannot be, rows out of order; those of the store.
 * Source: specs/journal.md (JRN-055 and following).
 */
#ifndef PP_RUNS_H
#define PP_RUNS_H

#include "store/store.h"

#define PP_RUN_BLOCK_ROWS                                                                                    \
    169u                 /* with its seal just below the 4080 bytes that LMDB keeps in a page of their own */
#define PP_RUNS_MAX 192u /* more than merging ever leaves: eight of each level, and what is being dropped */
#define PP_RUN_ROW_BYTES 24u
#define PP_RUN_DAY_NONE UINT32_MAX

struct pp_run_row {
    uint64_t words[3];
};

static inline bool pp_run_row_below(const struct pp_run_row *a, const struct pp_run_row *b)
{
    if (a->words[0] != b->words[0])
        return a->words[0] < b->words[0];
    if (a->words[1] != b->words[1])
        return a->words[1] < b->words[1];
    return a->words[2] < b->words[2];
}

/* Ascending, in memory. scratch: room for as many. Fast when few rows have their first key_bytes in common and stand in the
 * wrong order. */
void pp_run_rows_sort(struct pp_run_row *rows, size_t count, unsigned key_bytes, struct pp_run_row *scratch);

/* ---- the list ---- */

enum pp_run_state {
    PP_RUN_MAKING = 1, /* its blocks come in several transactions */
    PP_RUN_LIVE = 2,
    PP_RUN_DROPPED = 3, /* its blocks go in several transactions */
};

struct pp_run {
    uint64_t number;
    uint64_t rows;     /* of one that is live */
    uint32_t half_day; /* on that day half of its rows lead to nothing; PP_RUN_DAY_NONE: they all stay */
    uint8_t state;
};

struct pp_run_list {
    uint64_t next_number;
    uint32_t count;
    struct pp_run runs[PP_RUNS_MAX]; /* numbers ascend */
};

/* No row: an empty list. */
PP_MUST_CHECK enum pp_error pp_run_list_get(struct pp_txn *txn, unsigned table, struct pp_slice key,
                                            struct pp_run_list *out);
PP_MUST_CHECK enum pp_error pp_run_list_put(struct pp_txn *txn, unsigned table, struct pp_slice key,
                                            const struct pp_run_list *list);
/* There is room. */
struct pp_run *pp_run_list_add(struct pp_run_list *list, enum pp_run_state state);
/* NULL: it has no such run. */
struct pp_run *pp_run_list_find(struct pp_run_list *list, uint64_t number);
void pp_run_list_remove(struct pp_run_list *list, uint64_t number);

/* ---- writing ---- */

/* Rows ascend, and are above all that the run has. */
PP_MUST_CHECK enum pp_error pp_run_write(struct pp_txn *txn, unsigned table, uint64_t run,
                                         const struct pp_run_row *rows, size_t count);
/* Some of its blocks; NOT_FOUND: there are no more. */
PP_MUST_CHECK enum pp_error pp_run_erase(struct pp_txn *txn, unsigned table, uint64_t run, unsigned blocks);

/* ---- reading ---- */

struct pp_run_cursor {
    struct pp_scan scan;
    uint64_t run;
    struct pp_run_row rows[PP_RUN_BLOCK_ROWS];
    uint32_t at, count; /* the same: behind the last row */
};

/* Stands on the first row that is not below `from`. */
PP_MUST_CHECK enum pp_error pp_run_cursor_open(struct pp_run_cursor *cursor, struct pp_txn *txn,
                                               unsigned table, uint64_t run, const struct pp_run_row *from);
void pp_run_cursor_close(struct pp_run_cursor *cursor);
PP_MUST_CHECK enum pp_error pp_run_cursor_next(struct pp_run_cursor *cursor);
/* NULL: behind the last. */
static inline const struct pp_run_row *pp_run_cursor_row(const struct pp_run_cursor *cursor)
{
    return cursor->at < cursor->count ? &cursor->rows[cursor->at] : NULL;
}

/* Several runs as if they were one. */
struct pp_run_merge {
    struct pp_run_cursor *cursors; /* the caller's, open */
    size_t count;
};
/* The least row, and its cursor moves on. NOT_FOUND: none is left. */
PP_MUST_CHECK enum pp_error pp_run_merge_next(struct pp_run_merge *merge, struct pp_run_row *out);

/* A block as it stands in the table: CORRUPT unless it is one. out_rows: PP_RUN_BLOCK_ROWS. */
PP_MUST_CHECK enum pp_error pp_run_block_read(struct pp_slice key, struct pp_slice value, uint64_t *out_run,
                                              struct pp_run_row *out_rows, uint32_t *out_count);

uint64_t pp_run_block_seal(uint64_t run, const struct pp_run_row *rows, size_t count);
/* The seal of a row that is not a block: over key and value. */
uint64_t pp_run_seal(struct pp_slice key, struct pp_slice value);

#endif
