/* index.h - where a stamp, a topic's envelopes, and what expires stand in the journal. Built behind the acknowledgement.
 *
 * Shape:  index_stamp   slot u32 | from u96             -> sequence u64
 *         index_topic   first 16 bytes of H("pp.topic.v1", topic) | sequence u64
 *         index_expiry  first day on which it is gone u32 | sequence u64
 *         index_head    "indexed" -> the next sequence to index u64
 *         A batch is gathered from the journal and written in one transaction, sorted by key, so that a page that many
 *         keys share is written once.
 * Own:    a batch's memory is its own, reused from one to the next.
 * Errors: those of the store and the journal; NO_MEMORY.
 * Source: specs/journal.md (JRN-050 and following).
 */
#ifndef PP_INDEX_H
#define PP_INDEX_H

#include "journal.h"

#define PP_INDEX_BATCH_STAMPS 16384u /* a few MiB of keys: a page is written once for many of them */
#define PP_TOPIC_KEY_BYTES 16u

struct pp_index_stamp_key {
    uint8_t bytes[16];
};
struct pp_index_topic_key {
    uint8_t bytes[PP_TOPIC_KEY_BYTES + 8];
};
struct pp_index_expiry_key {
    uint8_t bytes[12];
};

struct pp_index_stamp_row {
    struct pp_index_stamp_key key;
    uint64_t sequence;
};

struct pp_index_batch {
    struct pp_index_stamp_row *stamps;
    struct pp_index_topic_key *topics;
    struct pp_index_expiry_key *expiries;
    size_t stamp_count, topic_count, expiry_count, capacity;
    struct pp_journal_head head; /* in: where to begin; out: behind the last record gathered */
    struct pp_record_room *room;
    char reason[PP_STORE_REASON_BYTES];
};

/* Which slot a channel has; PP_SLOT_NONE when it has none. May be called on any thread. */
typedef uint32_t pp_index_slot_of(void *context, const struct pp_channel_id *channel_id);

PP_MUST_CHECK enum pp_error pp_index_batch_open(struct pp_index_batch *batch);
void pp_index_batch_close(struct pp_index_batch *batch);
/* Records from batch->head on, until there are no more below `end`, or the batch is full. */
PP_MUST_CHECK enum pp_error pp_index_gather(struct pp_index_batch *batch, struct pp_store *journal, uint64_t end,
                                            pp_index_slot_of *slot_of, void *context);
PP_MUST_CHECK enum pp_error pp_index_write(struct pp_index_batch *batch, struct pp_store *derived);

/* The head of the journal up to which it is indexed: NOT_FOUND when nothing is. */
PP_MUST_CHECK enum pp_error pp_index_head(struct pp_store *derived, struct pp_journal_head *out);
PP_MUST_CHECK enum pp_error pp_index_head_in(struct pp_txn *txn, struct pp_journal_head *out);
/* NOT_FOUND: no stamp that begins there is indexed. */
PP_MUST_CHECK enum pp_error pp_index_find(struct pp_store *derived, uint32_t slot, struct pp_grains from,
                                          uint64_t *out_sequence);
PP_MUST_CHECK enum pp_error pp_index_topic(struct pp_store *derived, const uint8_t *topic, size_t topic_length,
                                           uint64_t after, uint64_t *out_sequences, size_t capacity, size_t *out_count);

void pp_index_stamp_key_of(uint32_t slot, struct pp_grains from, struct pp_index_stamp_key *out);
void pp_index_topic_key_of(const uint8_t *topic, size_t topic_length, uint64_t sequence, struct pp_index_topic_key *out);
void pp_index_expiry_key_of(uint32_t day, uint64_t sequence, struct pp_index_expiry_key *out);

/* An envelope's row: topic length u8 | topic | payload. CORRUPT. */
struct pp_envelope_row {
    struct pp_slice topic;
    struct pp_slice payload;
};
PP_MUST_CHECK enum pp_error pp_envelope_row_read(struct pp_slice value, struct pp_envelope_row *out);

#endif
