/* verify_checkpoint.h - what the two parts of comparing a checkpoint share: its rows, and when and in which steps. */
#ifndef PP_VERIFY_CHECKPOINT_H
#define PP_VERIFY_CHECKPOINT_H

#include "engine/node.h"
#include "verify/verify_run.h"

/* What was seen of a checkpoint so far: of the ledger as it stands, nothing of the store. */
struct pp_verify_seen {
    uint64_t *lanes; /* a bit a lane whose newest row was compared */
    uint32_t tickets;
    struct pp_ticket *list;    /* the ledger's, and those that wait for the quorum, ascending */
    uint32_t list_count;
    uint32_t bonds;
    struct pp_bond *bond_list; /* the ledger's, ascending */
    struct pp_reader sessions; /* the ledger's rows of sessions that no row was compared with yet */
    uint8_t *sessions_bytes;   /* ... which stand here */
    uint32_t session_rows;     /* of sessions and leaves */
};

/* The ledger does not change until _done, which is called after an error, too. NO_MEMORY. */
PP_MUST_CHECK enum pp_error pp_verify_seen_begin(const struct pp_verify_run *run, struct pp_verify_seen *out);
void pp_verify_seen_done(struct pp_verify_seen *seen);

void pp_verify_head_row(struct pp_verify_run *run, const struct pp_checkpoint_head *found,
                        struct pp_slice body);
/* One block, of the newest segment first. newest: it is of that one. */
PP_MUST_CHECK enum pp_error pp_verify_block(struct pp_verify_run *run, struct pp_verify_seen *seen,
                                            uint32_t segment, uint32_t block, bool newest);
/* Tells the rows that are missing. */
void pp_verify_seen_end(struct pp_verify_run *run, const struct pp_verify_seen *seen);

#endif
