/* checkpoint.h - the ledger as it stood behind one record, so that recovery need not begin at the first.
 *
 * Shape:  rows in derived.mdb: "head"; 's' and slot u32: a lane; 't' and sequence u64: an open ticket. Each row ends in
 *         16 bytes of H("pp.checkpoint.v1", key | value), since the store has no checksums of its own.
 * Use:    the writer takes it between two groups (only lanes that changed since the last one); another thread writes it.
 * Errors: CORRUPT with a reason that names the row; NOT_FOUND: there is none; NO_MEMORY, and those of the store.
 * Source: specs/journal.md (JRN-040 and following).
 */
#ifndef PP_CHECKPOINT_H
#define PP_CHECKPOINT_H

#include "journal.h"
#include "ledger.h"

struct pp_checkpoint {
    struct pp_journal_head journal;
    uint8_t *bytes; /* rows: key length u8, key, value length u32, value */
    size_t length, capacity;
    bool complete; /* of all lanes: rows that are in the store but not in here are of no more use */
};

void pp_checkpoint_init(struct pp_checkpoint *checkpoint);
void pp_checkpoint_done(struct pp_checkpoint *checkpoint);
/* Takes the dirty lanes (or all) and clears their mark. Call with no group open. On an error every lane stays dirty. */
PP_MUST_CHECK enum pp_error pp_checkpoint_take(struct pp_checkpoint *checkpoint, struct pp_ledger *ledger,
                                               const struct pp_journal_head *journal, bool all);
PP_MUST_CHECK enum pp_error pp_checkpoint_write(const struct pp_checkpoint *checkpoint, struct pp_store *derived);
/* Into a ledger that was just opened. out_reason: PP_STORE_REASON_BYTES. */
PP_MUST_CHECK enum pp_error pp_checkpoint_load(struct pp_store *derived, struct pp_ledger *ledger,
                                               struct pp_journal_head *out_journal, char *out_reason);
/* The rows that were taken, one by one: from a reader over checkpoint->bytes. */
void pp_checkpoint_row_next(struct pp_reader *r, struct pp_slice *out_key, struct pp_slice *out_value);
/* Whether a stored row ends in the checksum of its bytes. */
bool pp_checkpoint_row_is_whole(struct pp_slice key, struct pp_slice value);
/* One lane's row, for comparing two ledgers; room for PP_CHECKPOINT_LANE_MAX_BYTES. */
PP_MUST_CHECK enum pp_error pp_checkpoint_lane_encode(const struct pp_ledger *ledger, uint32_t slot, uint8_t *out,
                                                      size_t capacity, size_t *out_length);
#define PP_CHECKPOINT_LANE_MAX_BYTES                                                                         \
    (256u + PP_LANE_RECORD_MAX_BYTES + PP_EARNING_LANE_MAX_BYTES + 8u + PP_REFUND_PEAKS_MAX * 44u)

#endif
