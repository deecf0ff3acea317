#include "ledger/session_leaves.h"

#include "engine/memory.h"

#include <pp/assert.h>

_Static_assert(PP_SESSION_UNSIGNED_MAX % PP_LEAF_PIECE == 0, "a ring is whole pieces");

/* A ring has at most two pieces that are not full: the one that fills and the one that empties. */
#define PIECES_MAX (PP_SESSION_LEAVES_MAX / PP_LEAF_PIECE + 2u * PP_SESSIONS_MAX)

enum pp_error pp_leaf_pool_open(struct pp_leaf_pool *pool)
{
    *pool = (struct pp_leaf_pool){0};
    PP_TRY(pp_memory_map(PIECES_MAX * sizeof *pool->pieces, (void **)&pool->pieces));
    pp_memory_dense(pool->pieces, PIECES_MAX * sizeof *pool->pieces);
    return PP_OK;
}

void pp_leaf_pool_close(struct pp_leaf_pool *pool)
{
    pp_memory_unmap(pool->pieces, PIECES_MAX * sizeof *pool->pieces);
    *pool = (struct pp_leaf_pool){0};
}

/* ---- pieces ---- */

static struct pp_leaf_piece *piece_take(struct pp_leaf_pool *pool, uint32_t *out)
{
    PP_ASSERT(pool->free_piece > 0 || pool->used < PIECES_MAX);
    uint32_t place = pool->free_piece > 0 ? pool->free_piece - 1 : pool->used++;
    struct pp_leaf_piece *piece = &pool->pieces[place];
    if (pool->free_piece > 0)
        pool->free_piece = piece->next_free;
    piece->used = 0;
    *out = place + 1;
    return piece;
}

static struct pp_session_leaf *place_take(struct pp_leaf_pool *pool, struct pp_leaf_ring *ring, uint32_t at)
{
    uint32_t *number = &ring->pieces[at / PP_LEAF_PIECE];
    struct pp_leaf_piece *piece = *number > 0 ? &pool->pieces[*number - 1] : piece_take(pool, number);
    piece->used++;
    return &piece->leaves[at % PP_LEAF_PIECE];
}

static void place_give(struct pp_leaf_pool *pool, struct pp_leaf_ring *ring, uint32_t at)
{
    uint32_t *number = &ring->pieces[at / PP_LEAF_PIECE];
    struct pp_leaf_piece *piece = &pool->pieces[*number - 1];
    if (--piece->used > 0)
        return;
    piece->next_free = pool->free_piece;
    pool->free_piece = *number;
    *number = 0;
}

/* ---- looking ---- */

struct pp_session_leaf *pp_leaf_at(const struct pp_leaf_pool *pool, const struct pp_leaf_ring *ring, uint32_t i)
{
    PP_ASSERT(i < ring->count);
    uint32_t at = (ring->head + i) % PP_SESSION_UNSIGNED_MAX;
    return &pool->pieces[ring->pieces[at / PP_LEAF_PIECE] - 1].leaves[at % PP_LEAF_PIECE];
}

/* Sequence numbers ascend. Mostly they follow each other, and then the first look finds it. */
struct pp_session_leaf *pp_leaf_find(const struct pp_leaf_pool *pool, const struct pp_leaf_ring *ring,
                                     uint64_t sequence)
{
    uint32_t low = 0, high = ring->count;
    if (ring->count == 0 || sequence < pp_leaf_at(pool, ring, 0)->sequence)
        return NULL;
    uint64_t farthest = sequence - pp_leaf_at(pool, ring, 0)->sequence;
    uint32_t look = farthest < high ? (uint32_t)farthest : high - 1;
    while (low < high) {
        struct pp_session_leaf *leaf = pp_leaf_at(pool, ring, look);
        if (leaf->sequence == sequence)
            return leaf;
        if (leaf->sequence < sequence)
            low = look + 1;
        else
            high = look;
        look = low + (high - low) / 2;
    }
    return NULL;
}

/* ---- changing ---- */

void pp_leaf_push(struct pp_leaf_pool *pool, struct pp_leaf_ring *ring, const struct pp_session_leaf *leaf)
{
    PP_ASSERT(ring->count < PP_SESSION_UNSIGNED_MAX);
    *place_take(pool, ring, (ring->head + ring->count) % PP_SESSION_UNSIGNED_MAX) = *leaf;
    ring->count++;
}

void pp_leaf_pop(struct pp_leaf_pool *pool, struct pp_leaf_ring *ring, struct pp_session_leaf *out)
{
    *out = *pp_leaf_at(pool, ring, 0);
    place_give(pool, ring, ring->head);
    ring->head = (ring->head + 1) % PP_SESSION_UNSIGNED_MAX;
    ring->count--;
}

void pp_leaf_unpush(struct pp_leaf_pool *pool, struct pp_leaf_ring *ring)
{
    PP_ASSERT(ring->count > 0);
    ring->count--;
    place_give(pool, ring, (ring->head + ring->count) % PP_SESSION_UNSIGNED_MAX);
}

void pp_leaf_unpop(struct pp_leaf_pool *pool, struct pp_leaf_ring *ring, const struct pp_session_leaf *leaf)
{
    PP_ASSERT(ring->count < PP_SESSION_UNSIGNED_MAX);
    ring->head = (ring->head + PP_SESSION_UNSIGNED_MAX - 1) % PP_SESSION_UNSIGNED_MAX;
    *place_take(pool, ring, ring->head) = *leaf;
    ring->count++;
}
