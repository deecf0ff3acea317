/* index.h - where a stamp, a topic's envelopes, and what expires stand in the journal. Built behind the acknowledgement.
 *
 * Shape:  stamps and topics are sorted runs (runs.h), whose rows are
 *           stamp   slot u32 | from u96 | sequence u64
 *           topic   first 12 bytes of the topic's hash | sequence u64 | first day on which it is gone u32
 *         and expiry is a table of spans: day u32 | first sequence u64 -> spans of sequences, each (offset u32, length u32).
 *         A batch, from the writer's memory or from the journal, becomes one run of each, in one transaction. Runs of about
 *         one size are merged, PP_INDEX_FAN of them at a time and in bounded steps; what is expired by then is left out.
 *         index_head    "indexed" -> the journal's head up to which it is indexed
 *                       "stamps", "topics" -> lists of runs
 *                       "topic key" -> 16 random bytes: nobody outside can make two topics collide
 * Own:    the index thread alone writes; readers take what a transaction of theirs sees.
 * Errors: those of the store and the journal; NO_MEMORY; CORRUPT.
 * Source: specs/journal.md (JRN-050 and following).
 */
#ifndef PP_INDEX_H
#define PP_INDEX_H

#include "store/journal.h"
#include "engine/recent.h"
#include "store/runs.h"

#include <pp/limits.h>

#define PP_INDEX_BATCH_STAMPS 32768u /* of a batch from the journal: some MiB of rows */
#define PP_INDEX_FAN                                                                                         \
    8u /* runs of a level that become one of the next: a row is written once a level, and a
                                        * search looks into at most so many less one */
#define PP_INDEX_LEVELS 20u                          /* 4096 rows and eight times more each */
#define PP_INDEX_STEP_ROWS (97u * PP_RUN_BLOCK_ROWS) /* merged in one transaction: a millisecond */
#define PP_INDEX_SPANS_MAX 200u                      /* in one row of expiry */
#define PP_INDEX_DAYS (PP_RETENTION_MAX_DAYS + 2u)

/* ---- rows ---- */

struct pp_topic_secret {
    uint8_t bytes[16];
};

void pp_index_stamp_row_of(uint32_t slot, struct pp_grains from, uint64_t sequence, struct pp_run_row *out);
uint64_t pp_index_stamp_row_sequence(const struct pp_run_row *row);
void pp_index_topic_key_of(const struct pp_topic_secret *secret, const uint8_t *topic, size_t topic_length,
                           uint8_t out[PP_TOPIC_KEY_BYTES]);
void pp_index_topic_row_of(const uint8_t key[PP_TOPIC_KEY_BYTES], uint64_t sequence, uint32_t gone_day,
                           struct pp_run_row *out);
uint64_t pp_index_topic_row_sequence(const struct pp_run_row *row);
uint32_t pp_index_topic_row_day(const struct pp_run_row *row);

struct pp_index_expiry_key {
    uint8_t bytes[12];
};
struct pp_index_spans {
    uint32_t day;
    uint32_t count;
    struct {
        uint64_t first, length; /* of sequences; ascending, without touching */
    } spans[PP_INDEX_SPANS_MAX];
};
void pp_index_expiry_key_of(uint32_t day, uint64_t sequence, struct pp_index_expiry_key *out);
PP_MUST_CHECK enum pp_error pp_index_spans_read(struct pp_slice key, struct pp_slice value,
                                                struct pp_index_spans *out);

/* An envelope's row: topic length u8 | topic | payload. CORRUPT. */
struct pp_envelope_row {
    struct pp_slice topic;
    struct pp_slice payload;
};
PP_MUST_CHECK enum pp_error pp_envelope_row_read(struct pp_slice value, struct pp_envelope_row *out);

/* ---- a batch ---- */

struct pp_index_batch {
    struct pp_run_row *stamps, *topics, *scratch;
    struct pp_run_row *spans; /* day, first sequence, length */
    size_t stamp_count, topic_count, span_count;
    struct pp_journal_head head; /* in: where to begin; out: behind the last record gathered */
    char reason[PP_STORE_REASON_BYTES];
};

/* Which slot a channel has; PP_SLOT_NONE when it has none. May be called on any thread. */
typedef uint32_t pp_index_slot_of(void *context, const struct pp_channel_id *channel_id);

/* Records from batch->head on, until there are no more below `end`, or the batch is full. */
PP_MUST_CHECK enum pp_error pp_index_gather(struct pp_index_batch *batch, struct pp_store *journal,
                                            uint64_t end, const struct pp_topic_secret *secret,
                                            pp_index_slot_of *slot_of, void *context);
/* The same from the writer's memory: the stamps from position `from` to `to`, behind which the journal stands at head.
 * Those that batch->head is beyond are passed over. */
PP_MUST_CHECK enum pp_error pp_index_gather_recent(struct pp_index_batch *batch,
                                                   const struct pp_recent *recent, uint64_t from, uint64_t to,
                                                   const struct pp_journal_head *head);
/* Frees what a gathering took; the head stays. */
void pp_index_batch_empty(struct pp_index_batch *batch);

/* ---- writing ---- */

enum pp_index_kind {
    PP_INDEX_STAMPS,
    PP_INDEX_TOPICS,
    PP_INDEX_KINDS,
};
unsigned pp_index_table(enum pp_index_kind kind);
struct pp_slice pp_index_list_key(enum pp_index_kind kind);

struct pp_index_merge {
    bool runs; /* else: nothing of this level is being merged */
    uint32_t count;
    uint64_t sources[PP_INDEX_FAN];
    uint64_t target;
    uint64_t rows;          /* written */
    struct pp_run_row last; /* read; has_last */
    bool has_last;
    uint32_t base_day; /* rows of days up to here are left out; days[i]: rows of base_day + i */
    uint64_t days[PP_INDEX_DAYS];
};

/* What the index thread knows of the runs. */
struct pp_index {
    struct pp_run_list lists[PP_INDEX_KINDS];
    struct pp_index_merge merges[PP_INDEX_KINDS][PP_INDEX_LEVELS];
    struct pp_topic_secret secret;
    bool stuck; /* there was no room to merge: not before something was written */
};

/* There is hardly room in the lists: merge before the next write. */
bool pp_index_is_crowded(const struct pp_index *index);
/* Makes the secret when there is none; what was not finished when the last node ended is dropped. */
PP_MUST_CHECK enum pp_error pp_index_open(struct pp_index *index, struct pp_store *derived);
PP_MUST_CHECK enum pp_error pp_index_write(struct pp_index *index, struct pp_index_batch *batch,
                                           struct pp_store *derived);
/* Merges and drops, until about so many rows were written or nothing is due: then *out_due is false. today: what is gone on
 * that day is left out. */
PP_MUST_CHECK enum pp_error pp_index_work(struct pp_index *index, struct pp_store *derived, uint64_t rows,
                                          uint32_t today, bool *out_due);

/* ---- reading ---- */

/* The head of the journal up to which it is indexed: NOT_FOUND when nothing is. */
PP_MUST_CHECK enum pp_error pp_index_head(struct pp_store *derived, struct pp_journal_head *out);
PP_MUST_CHECK enum pp_error pp_index_head_in(struct pp_txn *txn, struct pp_journal_head *out);
/* NOT_FOUND: there is none yet. */
PP_MUST_CHECK enum pp_error pp_index_secret_in(struct pp_txn *txn, struct pp_topic_secret *out);
/* NOT_FOUND: no stamp that begins there is indexed. */
PP_MUST_CHECK enum pp_error pp_index_find(struct pp_store *derived, uint32_t slot, struct pp_grains from,
                                          uint64_t *out_sequence);
/* Of envelopes that are not gone by that day; those that were deleted may be among them. */
PP_MUST_CHECK enum pp_error pp_index_topic(struct pp_store *derived, struct pp_slice topic, uint64_t after,
                                           uint32_t today, uint64_t *out_sequences, size_t capacity,
                                           size_t *out_count);

#endif
