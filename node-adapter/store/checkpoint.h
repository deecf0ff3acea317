/* checkpoint.h - the ledger as it stood behind one record, so that recovery need not begin at the first.
 *
 * Shape:  in derived.mdb blocks of rows, in numbered segments, one segment a checkpoint; and "head", which names the
 *         segments that count. A lane is what its row in the newest of them says. Each value ends in 16 bytes of
 *         H("pp.checkpoint.v2", key | value), since the store has no checksums of its own.
 * Use:    the writer begins it between two groups: that costs no walk over lanes. Another thread calls _step until it is
 *         done: each call takes some lanes, under `state` shared, and writes one bounded transaction. A lane that is about
 *         to change is kept as it was (pp_ledger_touch). The head comes last: until then the checkpoint before counts.
 *         With each checkpoint a part of the unchanged lanes is written again, so that old segments can go.
 * Errors: CORRUPT with a reason that names the block; NOT_FOUND: there is none; NO_MEMORY, and those of the store. After
 *         an error of _step the same step is tried again.
 * Source: specs/journal.md (JRN-040 and following).
 */
#ifndef PP_CHECKPOINT_H
#define PP_CHECKPOINT_H

#include "store/journal.h"
#include "ledger/ledger.h"

#include <pthread.h>

/* One line a limit. */
/* clang-format off */
#define PP_CHECKPOINT_BLOCK_BYTES 61000u      /* rows of a block: fifteen pages, of which little is lost */
#define PP_CHECKPOINT_STEP_BYTES (2u << 20)   /* of one transaction: some milliseconds of a disk */
#define PP_CHECKPOINT_ROWS_AT_ONCE 64u        /* taken under one hold of the lock: some 50 us */
#define PP_CHECKPOINT_WORDS_AT_ONCE 8192u     /* marks looked through under one hold: some 10 us */
#define PP_CHECKPOINT_IMAGES_MAX_BYTES (64u << 20) /* of lanes that changed before they were taken; then it is given up */
#define PP_CHECKPOINT_PARTS 64u               /* all lanes are written again within as many checkpoints */
#define PP_CHECKPOINT_SEGMENTS_MAX 192u       /* three times that: lanes may double meanwhile, more than once */
#define PP_CHECKPOINT_CLEAR_AT_ONCE 256u      /* blocks removed in one transaction */
#define PP_CHECKPOINT_THREADS_MAX 16u         /* that load */
/* clang-format on */

#define PP_CHECKPOINT_LANE_MAX_BYTES                                                                         \
    (256u + PP_LANE_RECORD_MAX_BYTES + PP_EARNING_LANE_MAX_BYTES + 8u + PP_REFUND_PEAKS_MAX * 44u)
#define PP_CHECKPOINT_TICKET_BYTES 98u
#define PP_CHECKPOINT_BOND_BYTES 81u
#define PP_CHECKPOINT_SESSION_BYTES 177u
#define PP_CHECKPOINT_LEAF_BYTES 99u
#define PP_CHECKPOINT_HEAD_MAX_BYTES                                                                         \
    (512u + PP_EARNING_TOTAL_MAX_BYTES + 24u * PP_OPERATORS_MAX + 8u + 16u * PP_CHECKPOINT_SEGMENTS_MAX)

/* All lanes are written again, in turns, from the first slot to the last: where that stood when the segment ended. */
struct pp_checkpoint_segment {
    uint32_t number;
    uint32_t blocks;
    uint32_t turn, turn_slot;
};

struct pp_checkpoint_segments {
    struct pp_checkpoint_segment list[PP_CHECKPOINT_SEGMENTS_MAX]; /* ascending */
    uint32_t count;
};

/* What a head row says. */
struct pp_checkpoint_head {
    struct pp_journal_head journal;
    struct pp_ledger_head ledger;
    struct pp_ledger_operators operators;
    uint32_t tickets;            /* open, or waiting for the quorum */
    uint32_t sessions, leaves; /* open; unsigned */
    uint32_t bonds;            /* held */
    struct pp_checkpoint_segments segments;
};

/* Rows in the making: blocks, one after the other. */
struct pp_checkpoint_rows {
    uint8_t *bytes;
    size_t length, capacity;
    size_t starts[3 + (PP_CHECKPOINT_STEP_BYTES + PP_CHECKPOINT_ROWS_AT_ONCE * PP_CHECKPOINT_LANE_MAX_BYTES) /
                          (PP_CHECKPOINT_BLOCK_BYTES - PP_CHECKPOINT_LANE_MAX_BYTES)];
    uint32_t blocks;
};

struct pp_checkpoint_images {
    uint8_t *bytes; /* slot u32, length u16, row */
    size_t length, capacity;
};

enum pp_checkpoint_stage {
    PP_CHECKPOINT_NONE,
    PP_CHECKPOINT_CLEARING, /* what an attempt left that came to no end */
    PP_CHECKPOINT_WALKING,
    PP_CHECKPOINT_HEADING,
    PP_CHECKPOINT_CLEARED, /* segments that no longer count go */
};

struct pp_checkpoint {
    struct pp_ledger *ledger;
    enum pp_checkpoint_stage stage;
    struct pp_checkpoint_segments segments; /* of the last one that is whole */
    bool all;                               /* the next one takes every lane: the marks were lost */

    /* of the one that is under way */
    struct pp_checkpoint_head *head;
    struct pp_checkpoint_segment next;
    struct pp_ticket *tickets; /* open ones, and stamps that wait for the quorum */
    uint32_t tickets_taken;
    struct pp_bond *bonds;
    uint32_t bonds_taken;
    uint8_t *sessions; /* their rows, and those of unsigned leaves */
    size_t sessions_length, sessions_taken;
    uint32_t words_walked; /* of marks */
    bool walked;
    struct pp_checkpoint_rows rows;
    struct pp_checkpoint_images images, taken; /* of the writer; of the walk */
    size_t taken_at;
    bool lost; /* too many images */
};

/* Reads which segments count. */
PP_MUST_CHECK enum pp_error pp_checkpoint_open(struct pp_checkpoint *checkpoint, struct pp_ledger *ledger,
                                               struct pp_store *derived);
void pp_checkpoint_close(struct pp_checkpoint *checkpoint);
/* Between two groups, and with none under way. */
PP_MUST_CHECK enum pp_error pp_checkpoint_begin(struct pp_checkpoint *checkpoint,
                                                const struct pp_journal_head *journal);
/* state: NULL when nobody else uses the ledger. *out_end: where a checkpoint became whole in this step, or 0. The stage is NONE when it
 * is done, or was given up. */
PP_MUST_CHECK enum pp_error pp_checkpoint_step(struct pp_checkpoint *checkpoint, struct pp_store *derived,
                                               pthread_rwlock_t *state, uint64_t *out_end);
/* All steps at once, of the one under way, if any, and of a new one: nobody else uses the ledger. */
PP_MUST_CHECK enum pp_error pp_checkpoint_write(struct pp_checkpoint *checkpoint, struct pp_store *derived,
                                                const struct pp_journal_head *journal);

/* ---- checkpoint_load.c ---- */
/* Into a ledger that was just opened. threads > 1: nobody writes to the store meanwhile. out_reason: PP_STORE_REASON_BYTES. */
PP_MUST_CHECK enum pp_error pp_checkpoint_load(struct pp_store *derived, struct pp_ledger *ledger,
                                               unsigned threads, struct pp_journal_head *out_journal,
                                               char *out_reason);

/* ---- checkpoint_rows.c ---- */
struct pp_checkpoint_key {
    uint8_t bytes[9];
    size_t length;
};
struct pp_checkpoint_key pp_checkpoint_block_key(uint32_t segment, uint32_t block);
/* False: no block's key. */
bool pp_checkpoint_block_of(struct pp_slice key, uint32_t *out_segment, uint32_t *out_block);
void pp_checkpoint_seal(struct pp_slice key, struct pp_slice value, uint8_t out[PP_RECORD_CHECKSUM_BYTES]);
/* Whether a stored value ends in the checksum of its bytes; *out_body is what stands before it. */
bool pp_checkpoint_value_open(struct pp_slice key, struct pp_slice value, struct pp_slice *out_body);
/* A head without its checksum. */
PP_MUST_CHECK enum pp_error pp_checkpoint_head_encode(const struct pp_checkpoint_head *head, uint8_t *out,
                                                      size_t capacity, size_t *out_length);
PP_MUST_CHECK enum pp_error pp_checkpoint_head_decode(struct pp_slice body, struct pp_checkpoint_head *out);

#define PP_CHECKPOINT_LANES_BLOCK 1u
#define PP_CHECKPOINT_TICKETS_BLOCK 2u
#define PP_CHECKPOINT_SESSIONS_BLOCK 3u
#define PP_CHECKPOINT_BONDS_BLOCK 4u
/* One row of lanes: slot u32, length u16, row. False at the end; r->error when it is none. */
bool pp_checkpoint_lane_next(struct pp_reader *r, uint32_t *out_slot, struct pp_slice *out_row);
void pp_checkpoint_ticket_write(struct pp_writer *w, const struct pp_ticket *ticket);
void pp_checkpoint_ticket_read(struct pp_reader *r, struct pp_ticket *out);
void pp_checkpoint_bond_write(struct pp_writer *w, const struct pp_bond *bond);
void pp_checkpoint_bond_read(struct pp_reader *r, struct pp_bond *out);

/* One lane's row as of the ledger's day, or of another; room for PP_CHECKPOINT_LANE_MAX_BYTES. */
PP_MUST_CHECK enum pp_error pp_checkpoint_lane_encode(const struct pp_ledger *ledger, uint32_t slot,
                                                      uint8_t *out, size_t capacity, size_t *out_length);
PP_MUST_CHECK enum pp_error pp_checkpoint_lane_encode_at(const struct pp_ledger *ledger, uint32_t slot,
                                                         uint32_t day, uint8_t *out, size_t capacity,
                                                         size_t *out_length);
/* The same row as of a later day, by itself. OUT_OF_RANGE: it is of a day after that. */
PP_MUST_CHECK enum pp_error pp_checkpoint_row_at(struct pp_slice row, uint32_t day, uint8_t *out,
                                                 size_t capacity, size_t *out_length);
/* Fills the slot. pools: held while something is taken that lanes share; NULL: nobody else loads. */
PP_MUST_CHECK enum pp_error pp_checkpoint_lane_decode(struct pp_ledger *ledger, uint32_t slot,
                                                      struct pp_slice row, pthread_mutex_t *pools);

/* ---- checkpoint_sessions.c ---- */
/* All open sessions in the order of their opening, each followed by its unsigned leaves. */
size_t pp_checkpoint_sessions_bytes(const struct pp_sessions *sessions);
/* out has room for as many. NO_MEMORY. */
PP_MUST_CHECK enum pp_error pp_checkpoint_sessions_write(const struct pp_sessions *sessions, uint8_t *out);
/* One row. False at the end; r->error when it is none. */
bool pp_checkpoint_session_next(struct pp_reader *r, struct pp_slice *out_row);
/* From the newest segment, when all lanes are there: the blocks of sessions are its last. */
PP_MUST_CHECK enum pp_error pp_checkpoint_sessions_load(struct pp_txn *txn,
                                                        const struct pp_checkpoint_segment *newest,
                                                        struct pp_ledger *ledger, char *out_reason);

#endif
