/* session_leaves.h - the unsigned leaves of each session, in the order of the journal: a ring of pieces out of one pool.
 *
 * Shape:  leaves come in at the end and go out at the front. They stand side by side, so that a root over a thousand of them
 *         reads memory from one end to the other. The other two ends are for taking a change back.
 * Own:    the pool's memory is mapped when it opens, and touched when it is used; a piece that is empty is the next one taken.
 * Errors: none; limits are the caller's (PP_SESSION_UNSIGNED_MAX of a ring, PP_SESSION_LEAVES_MAX and PP_SESSIONS_MAX of a pool).
 * Source: specs/sessions.md.
 */
#ifndef PP_SESSION_LEAVES_H
#define PP_SESSION_LEAVES_H

#include <pp/ids.h>
#include <pp/limits.h>
#include <pp/postage.h>

#define PP_LEAF_PIECE 64u
#define PP_LEAF_PIECES (PP_SESSION_UNSIGNED_MAX / PP_LEAF_PIECE)

struct pp_session_leaf {
    uint64_t sequence;
    struct pp_stamp_id stamp_id;
    struct pp_postage postage;
    struct pp_grains to;
    uint32_t stored_day; /* 0: a ticket that is open, or was cancelled */
    uint16_t retention_days;
};

struct pp_leaf_ring {
    uint32_t count;
    uint32_t head;                   /* where the oldest stands, of PP_SESSION_UNSIGNED_MAX */
    uint32_t pieces[PP_LEAF_PIECES]; /* place in the pool + 1; 0: none */
};

struct pp_leaf_piece {
    uint32_t used;
    uint32_t next_free; /* place + 1 */
    struct pp_session_leaf leaves[PP_LEAF_PIECE];
};
struct pp_leaf_pool {
    struct pp_leaf_piece *pieces;
    uint32_t used, free_piece; /* place + 1; 0: beyond `used` */
};

PP_MUST_CHECK enum pp_error pp_leaf_pool_open(struct pp_leaf_pool *pool);
void pp_leaf_pool_close(struct pp_leaf_pool *pool);

/* i < count (asserted); 0 is the oldest. */
struct pp_session_leaf *pp_leaf_at(const struct pp_leaf_pool *pool, const struct pp_leaf_ring *ring, uint32_t i);
/* NULL: none has that sequence. */
struct pp_session_leaf *pp_leaf_find(const struct pp_leaf_pool *pool, const struct pp_leaf_ring *ring,
                                     uint64_t sequence);

/* count < PP_SESSION_UNSIGNED_MAX (asserted). */
void pp_leaf_push(struct pp_leaf_pool *pool, struct pp_leaf_ring *ring, const struct pp_session_leaf *leaf);
/* The oldest; there is one (asserted). */
void pp_leaf_pop(struct pp_leaf_pool *pool, struct pp_leaf_ring *ring, struct pp_session_leaf *out);
/* What takes back a push, and a pop. */
void pp_leaf_unpush(struct pp_leaf_pool *pool, struct pp_leaf_ring *ring);
void pp_leaf_unpop(struct pp_leaf_pool *pool, struct pp_leaf_ring *ring, const struct pp_session_leaf *leaf);

#endif
