#include <pp/assert.h>
#include <pp/interval.h>

#include <string.h>

/* ---- the pool ---- */

void pp_holes_pool_init(struct pp_holes_pool *pool, struct pp_holes *blocks, uint32_t count)
{
    *pool = (struct pp_holes_pool){.blocks = blocks, .count = count};
}

bool pp_holes_pool_is_empty(const struct pp_holes_pool *pool)
{
    return pool->first_free == 0 && pool->fresh == pool->count;
}

static struct pp_holes *pool_take(struct pp_holes_pool *pool)
{
    PP_ASSERT(!pp_holes_pool_is_empty(pool));
    struct pp_holes *block;
    if (pool->first_free > 0) {
        block = &pool->blocks[pool->first_free - 1];
        pool->first_free = block->next_free;
    } else {
        block = &pool->blocks[pool->fresh++];
    }
    block->count = 0;
    block->next_free = 0;
    pool->used++;
    return block;
}

static void pool_give(struct pp_holes_pool *pool, struct pp_holes *block)
{
    PP_ASSERT(block >= pool->blocks && block < pool->blocks + pool->count && pool->used > 0);
    block->next_free = pool->first_free;
    pool->first_free = (uint32_t)(block - pool->blocks) + 1;
    pool->used--;
}

/* ---- the set ---- */

void pp_intervals_init(struct pp_intervals *set)
{
    *set = (struct pp_intervals){0};
}

void pp_intervals_done(struct pp_intervals *set, struct pp_holes_pool *pool)
{
    if (set->holes)
        pool_give(pool, set->holes);
    pp_intervals_init(set);
}

uint32_t pp_intervals_holes(const struct pp_intervals *set)
{
    return set->holes ? set->holes->count : 0;
}

struct pp_span pp_intervals_hole(const struct pp_intervals *set, uint32_t index)
{
    PP_ASSERT(index < pp_intervals_holes(set));
    return set->holes->spans[index];
}

static bool is_empty(const struct pp_span *span)
{
    return !pp_grains_lt(span->from, span->to);
}

static bool is_inside(const struct pp_span *inner, const struct pp_span *outer)
{
    return !pp_grains_lt(inner->from, outer->from) && !pp_grains_lt(outer->to, inner->to);
}

/* The first hole that ends above `at`: the only one that can hold a span that begins there. */
static uint32_t hole_above(const struct pp_intervals *set, struct pp_grains at)
{
    uint32_t count = pp_intervals_holes(set), i = 0;
    while (i < count && !pp_grains_lt(at, set->holes->spans[i].to))
        i++;
    return i;
}

bool pp_intervals_is_free(const struct pp_intervals *set, const struct pp_span *span)
{
    if (is_empty(span) || !pp_grains_lt(span->from, set->head))
        return true;
    uint32_t i = hole_above(set, span->from);
    return i < pp_intervals_holes(set) && is_inside(span, &set->holes->spans[i]);
}

bool pp_intervals_is_consumed(const struct pp_intervals *set, const struct pp_span *span)
{
    if (is_empty(span))
        return true;
    if (pp_grains_lt(set->head, span->to))
        return false;
    uint32_t i = hole_above(set, span->from);
    return i == pp_intervals_holes(set) || !pp_grains_lt(set->holes->spans[i].from, span->to);
}

/* How many holes more there are after consuming a free span: -1, 0 or 1. */
static int holes_more(const struct pp_intervals *set, const struct pp_span *span)
{
    if (!pp_grains_lt(span->from, set->head))
        return pp_grains_eq(span->from, set->head) ? 0 : 1;
    const struct pp_span *hole = &set->holes->spans[hole_above(set, span->from)];
    return 1 - (int)pp_grains_eq(span->from, hole->from) - (int)pp_grains_eq(span->to, hole->to);
}

/* LANE-010 ... LANE-013. */
enum pp_error pp_intervals_check(const struct pp_intervals *set, const struct pp_span *span,
                                 const struct pp_holes_pool *pool)
{
    if (is_empty(span))
        return PP_EMPTY_INTERVAL;
    if (!pp_intervals_is_free(set, span))
        return PP_INTERVAL_TAKEN;
    if (holes_more(set, span) > 0) {
        if (pp_intervals_holes(set) == PP_HOLES_MAX)
            return PP_TOO_MANY_HOLES;
        if (!set->holes && pp_holes_pool_is_empty(pool))
            return PP_BUSY;
    }
    return PP_OK;
}

static void hole_insert(struct pp_intervals *set, uint32_t at, const struct pp_span *hole,
                        struct pp_holes_pool *pool)
{
    if (!set->holes)
        set->holes = pool_take(pool);
    struct pp_holes *holes = set->holes;
    PP_ASSERT(at <= holes->count && holes->count < PP_HOLES_MAX);
    memmove(&holes->spans[at + 1], &holes->spans[at], (holes->count - at) * sizeof holes->spans[0]);
    holes->spans[at] = *hole;
    holes->count++;
}

static void hole_remove(struct pp_intervals *set, uint32_t at, struct pp_holes_pool *pool)
{
    struct pp_holes *holes = set->holes;
    PP_ASSERT(at < holes->count);
    holes->count--;
    memmove(&holes->spans[at], &holes->spans[at + 1], (holes->count - at) * sizeof holes->spans[0]);
    if (holes->count == 0) {
        pool_give(pool, holes);
        set->holes = NULL;
    }
}

static void consume_above_head(struct pp_intervals *set, const struct pp_span *span,
                               struct pp_holes_pool *pool)
{
    if (pp_grains_lt(set->head, span->from))
        hole_insert(set, pp_intervals_holes(set), &(struct pp_span){set->head, span->from}, pool);
    set->head = span->to;
}

static void consume_in_hole(struct pp_intervals *set, const struct pp_span *span, struct pp_holes_pool *pool)
{
    uint32_t i = hole_above(set, span->from);
    struct pp_span *hole = &set->holes->spans[i];
    const struct pp_span left = {hole->from, span->from}, right = {span->to, hole->to};
    if (is_empty(&left) && is_empty(&right)) {
        hole_remove(set, i, pool);
    } else if (is_empty(&left)) {
        *hole = right;
    } else {
        *hole = left;
        if (!is_empty(&right))
            hole_insert(set, i + 1, &right, pool);
    }
}

enum pp_error pp_intervals_consume(struct pp_intervals *set, const struct pp_span *span,
                                   struct pp_holes_pool *pool)
{
    PP_TRY(pp_intervals_check(set, span, pool));
    /* From here nothing can fail. */
    if (pp_grains_lt(span->from, set->head))
        consume_in_hole(set, span, pool);
    else
        consume_above_head(set, span, pool);
    return PP_OK;
}

/* The head comes down, and below a hole that now touches it. */
static void head_lower(struct pp_intervals *set, struct pp_grains head, struct pp_holes_pool *pool)
{
    uint32_t count = pp_intervals_holes(set);
    set->head = head;
    if (count > 0 && pp_grains_eq(set->holes->spans[count - 1].to, head)) {
        set->head = set->holes->spans[count - 1].from;
        hole_remove(set, count - 1, pool);
    }
}

enum pp_error pp_intervals_give_back(struct pp_intervals *set, const struct pp_span *span,
                                     struct pp_holes_pool *pool)
{
    if (is_empty(span))
        return PP_EMPTY_INTERVAL;
    if (!pp_intervals_is_consumed(set, span))
        return PP_INTERVAL_TAKEN;
    if (pp_grains_eq(span->to, set->head)) {
        head_lower(set, span->from, pool);
        return PP_OK;
    }
    uint32_t count = pp_intervals_holes(set), i = hole_above(set, span->from);
    struct pp_span *spans = set->holes ? set->holes->spans : NULL;
    bool joins_left = i > 0 && pp_grains_eq(spans[i - 1].to, span->from);
    bool joins_right = i < count && pp_grains_eq(spans[i].from, span->to);
    if (!joins_left && !joins_right) {
        if (count == PP_HOLES_MAX)
            return PP_TOO_MANY_HOLES;
        if (!set->holes && pp_holes_pool_is_empty(pool))
            return PP_BUSY;
        hole_insert(set, i, span, pool);
    } else if (joins_left && joins_right) {
        spans[i - 1].to = spans[i].to;
        hole_remove(set, i, pool);
    } else if (joins_left) {
        spans[i - 1].to = span->to;
    } else {
        spans[i].from = span->from;
    }
    return PP_OK;
}

struct pp_grains pp_intervals_total(const struct pp_intervals *set)
{
    struct pp_grains total = set->head;
    for (uint32_t i = 0; i < pp_intervals_holes(set); i++) {
        const struct pp_span *hole = &set->holes->spans[i];
        total = pp_grains_sub_checked(total, pp_grains_sub_checked(hole->to, hole->from));
    }
    return total;
}

bool pp_intervals_find_hole(const struct pp_intervals *set, struct pp_grains length, struct pp_span *out_hole)
{
    for (uint32_t i = 0; i < pp_intervals_holes(set); i++) {
        const struct pp_span *hole = &set->holes->spans[i];
        if (!pp_grains_lt(pp_grains_sub_checked(hole->to, hole->from), length)) {
            *out_hole = *hole;
            return true;
        }
    }
    return false;
}

/* Consumed range `index`: what lies between hole index - 1 and hole index. Empty when the first hole begins at 0. */
static struct pp_span range_at(const struct pp_intervals *set, uint32_t index)
{
    uint32_t count = pp_intervals_holes(set);
    return (struct pp_span){index == 0 ? PP_GRAINS_ZERO : set->holes->spans[index - 1].to,
                            index == count ? set->head : set->holes->spans[index].from};
}

uint32_t pp_intervals_touching(const struct pp_intervals *set, const struct pp_span *span,
                               struct pp_span *out, uint32_t capacity)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i <= pp_intervals_holes(set); i++) {
        struct pp_span range = range_at(set, i);
        if (is_empty(&range) || !pp_grains_lt(range.from, span->to) || !pp_grains_lt(span->from, range.to))
            continue;
        if (found < capacity)
            out[found] = range;
        found++;
    }
    return found;
}

uint32_t pp_intervals_ranges(const struct pp_intervals *set, struct pp_span *out, uint32_t capacity)
{
    return pp_intervals_touching(set, &(struct pp_span){PP_GRAINS_ZERO, set->head}, out, capacity);
}

enum pp_error pp_intervals_load(struct pp_intervals *set, struct pp_grains head, const struct pp_span *holes,
                                uint32_t count, struct pp_holes_pool *pool)
{
    if (count > PP_HOLES_MAX)
        return PP_TOO_MANY_HOLES;
    for (uint32_t i = 0; i < count; i++)
        if (is_empty(&holes[i]) || !pp_grains_lt(holes[i].to, i + 1 < count ? holes[i + 1].from : head))
            return PP_BAD_FORMAT;
    if (count > 0 && !set->holes && pp_holes_pool_is_empty(pool))
        return PP_BUSY;
    /* From here nothing can fail. */
    pp_intervals_done(set, pool);
    set->head = head;
    if (count > 0) {
        set->holes = pool_take(pool);
        memcpy(set->holes->spans, holes, count * sizeof holes[0]);
        set->holes->count = count;
    }
    return PP_OK;
}

enum pp_error pp_intervals_copy(struct pp_intervals *to, const struct pp_intervals *from,
                                struct pp_holes_pool *pool)
{
    return pp_intervals_load(to, from->head, from->holes ? from->holes->spans : NULL,
                             pp_intervals_holes(from), pool);
}

bool pp_intervals_eq(const struct pp_intervals *a, const struct pp_intervals *b)
{
    uint32_t count = pp_intervals_holes(a);
    if (!pp_grains_eq(a->head, b->head) || count != pp_intervals_holes(b))
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (!pp_grains_eq(a->holes->spans[i].from, b->holes->spans[i].from) ||
            !pp_grains_eq(a->holes->spans[i].to, b->holes->spans[i].to))
            return false;
    return true;
}

void pp_intervals_check_invariants(const struct pp_intervals *set)
{
    if (!set->holes)
        return;
    uint32_t count = set->holes->count;
    PP_ASSERT(count > 0 && count <= PP_HOLES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        PP_ASSERT(!is_empty(&set->holes->spans[i]));
        PP_ASSERT(
            pp_grains_lt(set->holes->spans[i].to, i + 1 < count ? set->holes->spans[i + 1].from : set->head));
    }
}
