/* ledger/waiting.h - stamps that are stored and not yet replicated to the quorum: they earn nothing until they are.
 *
 * Shape:  a ring in the order of the journal: each stamp stands behind the record that says that it is stored (`ready`). What the
 *         quorum acknowledges is a beginning of the journal, and deadlines pass in its order, too, so nearly all that leaves,
 *         leaves at the front. A table finds a stamp by its sequence. Changes since _begin can be undone.
 * Own:    memory is mapped when it opens, and touched when it is used.
 * Errors: BUSY when there is no room; TICKET_UNKNOWN.
 * Limits: PP_WAITING_MAX.
 * Source: specs/rewards.md (REW-130 and following).
 */
#ifndef PP_WAITING_H
#define PP_WAITING_H

#include "engine/tickets.h"

/* Some seconds of a flood, or some minutes without a quorum at a few hundred stamps a second; beyond it a node takes no stamps
 * that it may have to give back. 27 MiB. */
#define PP_WAITING_MAX (1u << 18)

struct pp_waiting_gone {
    uint64_t position, sequence;
};

struct pp_waiting {
    struct pp_ticket *ring; /* a position's place is its low bits; sequence 0: it is gone */
    uint32_t *places;       /* place in the ring + 1, by sequence: open addressing */
    uint64_t first, end;    /* positions; there is a stamp at `first`, or none at all */
    uint32_t count;
    uint64_t key;
    /* undo */
    uint64_t first_before, end_before;
    struct pp_waiting_gone *gone;
    size_t gone_count, gone_capacity;
};

/* key: any random number. NO_MEMORY. */
PP_MUST_CHECK enum pp_error pp_waiting_open(struct pp_waiting *waiting, uint64_t key);
void pp_waiting_close(struct pp_waiting *waiting);
void pp_waiting_begin(struct pp_waiting *waiting);
void pp_waiting_undo(struct pp_waiting *waiting);

/* How many more it takes in this group. */
uint32_t pp_waiting_room(const struct pp_waiting *waiting);
/* Behind all others; ready must not be below theirs, but while a checkpoint is loaded: then pp_waiting_sort. BUSY. */
PP_MUST_CHECK enum pp_error pp_waiting_add(struct pp_waiting *waiting, const struct pp_ticket *stamp);
void pp_waiting_sort(struct pp_waiting *waiting);
/* TICKET_UNKNOWN. */
PP_MUST_CHECK enum pp_error pp_waiting_find(const struct pp_waiting *waiting, uint64_t sequence,
                                            struct pp_ticket *out);
/* TICKET_UNKNOWN, NO_MEMORY. */
PP_MUST_CHECK enum pp_error pp_waiting_remove(struct pp_waiting *waiting, uint64_t sequence);
/* All of one lane: for a lane that ends. Reads the whole ring. */
PP_MUST_CHECK enum pp_error pp_waiting_drop(struct pp_waiting *waiting, uint32_t slot);
/* From the oldest on: begin with *position = 0. NULL: that was the last. */
const struct pp_ticket *pp_waiting_next(const struct pp_waiting *waiting, uint64_t *position);
/* Room for `count`; in the order of the ring. */
void pp_waiting_copy(const struct pp_waiting *waiting, struct pp_ticket *out);

#endif
