/* pp/interval.h - which part of a lane's money line is consumed.
 *
 * Shape:  the line is consumed from 0 to `head`, except for at most PP_HOLES_MAX holes. A lane without holes costs a
 *         number and a pointer; the block that holds the holes comes from a pool made at start.
 * Own:    the pool and its blocks belong to the caller. A set with holes owns one block of the pool that was given to
 *         pp_intervals_consume; the same pool must be given to every call that changes this set.
 * Errors: EMPTY_INTERVAL, INTERVAL_TAKEN, TOO_MANY_HOLES; BUSY when the pool has no block left. Nothing changes on error.
 * Limits: nothing here allocates; every call is linear in the number of holes.
 * Source: specs/lane.md (LANE-010 and following), DESIGN section 3.
 */
#ifndef PP_INTERVAL_H
#define PP_INTERVAL_H

#include <pp/amount.h>
#include <pp/limits.h>

/* [from, to) */
struct pp_span {
    struct pp_grains from;
    struct pp_grains to;
};

/* Ascending, not empty, not touching each other, all below the head. */
struct pp_holes {
    struct pp_span spans[PP_HOLES_MAX];
    uint32_t count;
    uint32_t next_free; /* the pool's chain of free blocks */
};

struct pp_holes_pool {
    struct pp_holes *blocks;
    uint32_t count;
    uint32_t first_free; /* index + 1; 0: none */
    uint32_t
        fresh; /* blocks from here on were never used: the pool's memory is not touched before it is needed */
    uint32_t used;
};
void pp_holes_pool_init(struct pp_holes_pool *pool, struct pp_holes *blocks, uint32_t count);
bool pp_holes_pool_is_empty(const struct pp_holes_pool *pool); /* no block left to take */

struct pp_intervals {
    struct pp_grains head;
    struct pp_holes *holes; /* NULL: none */
};

void pp_intervals_init(struct pp_intervals *set);
/* Gives the block back. */
void pp_intervals_done(struct pp_intervals *set, struct pp_holes_pool *pool);

/* Whether no part of the span is consumed. */
bool pp_intervals_is_free(const struct pp_intervals *set, const struct pp_span *span);
/* Whether all of the span is consumed. */
bool pp_intervals_is_consumed(const struct pp_intervals *set, const struct pp_span *span);
/* Whether pp_intervals_consume would do it. */
PP_MUST_CHECK enum pp_error pp_intervals_check(const struct pp_intervals *set, const struct pp_span *span,
                                               const struct pp_holes_pool *pool);
PP_MUST_CHECK enum pp_error pp_intervals_consume(struct pp_intervals *set, const struct pp_span *span,
                                                 struct pp_holes_pool *pool);
/* The reverse, for the sender's side: makes a consumed span free again. INTERVAL_TAKEN when it is not all consumed. */
PP_MUST_CHECK enum pp_error pp_intervals_give_back(struct pp_intervals *set, const struct pp_span *span,
                                                   struct pp_holes_pool *pool);

/* Head minus holes: the sum of all that was consumed. */
struct pp_grains pp_intervals_total(const struct pp_intervals *set);
uint32_t pp_intervals_holes(const struct pp_intervals *set);
/* Hole `index`, ascending; index < pp_intervals_holes. */
struct pp_span pp_intervals_hole(const struct pp_intervals *set, uint32_t index);
/* The lowest hole of at least `length`; false when there is none. */
bool pp_intervals_find_hole(const struct pp_intervals *set, struct pp_grains length,
                            struct pp_span *out_hole);
/* The consumed ranges, ascending; writes at most `capacity`, returns how many there are. */
uint32_t pp_intervals_ranges(const struct pp_intervals *set, struct pp_span *out, uint32_t capacity);
/* The consumed ranges that share a grain with the span; as above. */
uint32_t pp_intervals_touching(const struct pp_intervals *set, const struct pp_span *span,
                               struct pp_span *out, uint32_t capacity);

/* From outside (a checkpoint, a node's answer): head and holes. BAD_FORMAT when they are no such set; TOO_MANY_HOLES,
 * BUSY. `set` must have been initialised; what it held is given back. */
PP_MUST_CHECK enum pp_error pp_intervals_load(struct pp_intervals *set, struct pp_grains head,
                                              const struct pp_span *holes, uint32_t count,
                                              struct pp_holes_pool *pool);
/* Copies into a set of the same pool, which must have been initialised. BUSY. */
PP_MUST_CHECK enum pp_error pp_intervals_copy(struct pp_intervals *to, const struct pp_intervals *from,
                                              struct pp_holes_pool *pool);
bool pp_intervals_eq(const struct pp_intervals *a, const struct pp_intervals *b);
/* Asserts the shape that pp_holes states. */
void pp_intervals_check_invariants(const struct pp_intervals *set);

#endif
