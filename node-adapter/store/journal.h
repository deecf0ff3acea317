/* journal.h - records on disk, one after the other, each sealed by a checksum that depends on all before it.
 *
 * Shape:  table of records: sequence u64 -> record bytes | checksum 16. The checksum is the first 16 bytes of
 *         H("pp.journal.v1", checksum of the record before | sequence u64 | record bytes); before the first: 16 zero bytes.
 *         The next record's sequence is this one's plus its span, without gaps.
 * Own:    a walk lives inside one transaction.
 * Errors: CORRUPT, with a reason that names the record; NOT_FOUND at the end, or where no record covers a sequence.
 * Source: specs/journal.md (JRN-020 and following).
 */
#ifndef PP_JOURNAL_H
#define PP_JOURNAL_H

#include "ledger/records.h"
#include "store/tables.h"

/* Where the next record goes. */
struct pp_journal_head {
    uint64_t next_sequence; /* 1 in an empty journal */
    uint64_t time_ms;       /* of the last record; times never fall */
    uint8_t checksum[PP_RECORD_CHECKSUM_BYTES];
};
void pp_journal_head_init(struct pp_journal_head *head);
/* JRN-020: the checksum of a record's bytes. */
void pp_journal_seal(const uint8_t before[PP_RECORD_CHECKSUM_BYTES], uint64_t sequence, struct pp_slice bytes,
                     uint8_t out[PP_RECORD_CHECKSUM_BYTES]);

/* Sets record->sequence; time_ms is the caller's. Advances the head. buffer: PP_RECORD_MAX_BYTES, scratch. */
PP_MUST_CHECK enum pp_error pp_journal_append(struct pp_txn *txn, struct pp_journal_head *head, struct pp_record *record,
                                              uint8_t *buffer);

/* NOT_FOUND: this journal never stood there; the head is another one's. The checksum depends on all records before. */
PP_MUST_CHECK enum pp_error pp_journal_has(struct pp_txn *txn, const struct pp_journal_head *head);
/* The head as it was before the record that covers `from`, or as it is now when `from` is behind the end. */
PP_MUST_CHECK enum pp_error pp_journal_head_before(struct pp_txn *txn, uint64_t from, struct pp_record_room *room,
                                                   struct pp_journal_head *out);
/* The same as pp_journal_has, and that a record ends there: NOT_FOUND when it runs across. time_ms is not looked at. */
PP_MUST_CHECK enum pp_error pp_journal_ends_at(struct pp_txn *txn, const struct pp_journal_head *head,
                                               struct pp_record_room *room);

struct pp_journal_walk {
    struct pp_scan scan;
    struct pp_journal_head head; /* behind the record last read */
    struct pp_record_room *room;
    bool started;
    char reason[PP_STORE_REASON_BYTES];
};
/* Begins at head->next_sequence. room is the caller's. */
PP_MUST_CHECK enum pp_error pp_journal_walk_open(struct pp_txn *txn, const struct pp_journal_head *head,
                                                 struct pp_record_room *room, struct pp_journal_walk *out);
/* NOT_FOUND: that was the last. */
PP_MUST_CHECK enum pp_error pp_journal_walk_next(struct pp_journal_walk *walk, struct pp_record *out);
void pp_journal_walk_close(struct pp_journal_walk *walk);

/* The record that covers a sequence number, its checksum verified against the one before. reason may be NULL. */
PP_MUST_CHECK enum pp_error pp_journal_find(struct pp_txn *txn, uint64_t sequence, struct pp_record_room *room,
                                            struct pp_record *out, char *reason);
/* Many searches in one transaction: neighbours stand in one record, which is read once. What is read is limited, for it may
 * be anybody who asks, as often as he likes: BUSY when rows_left is used up. record is the one found last. */
struct pp_journal_look {
    struct pp_record_room *room;
    struct pp_record record;
    uint64_t last_found; /* the caller's: the sequence that it found last */
    uint32_t rows_left;
    bool there;
};
PP_MUST_CHECK enum pp_error pp_journal_look(struct pp_journal_look *look, struct pp_txn *txn, uint64_t sequence);
/* The row of an admitted stamp by its sequence, in a charge that covers it. */
const struct pp_row_charged *pp_journal_row(const struct pp_record *record, uint64_t sequence);

#endif
