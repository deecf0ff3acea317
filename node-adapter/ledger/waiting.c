#include "ledger/waiting.h"

#include "engine/memory.h"
#include "engine/places.h"

#include <pp/assert.h>

#include <stdlib.h>
#include <string.h>

#define PLACES (2u * PP_WAITING_MAX)
#define PLACE_OF_RING(position) ((uint32_t)((position) % PP_WAITING_MAX))

enum pp_error pp_waiting_open(struct pp_waiting *waiting, uint64_t key)
{
    *waiting = (struct pp_waiting){.key = key};
    PP_TRY(pp_memory_map(PP_WAITING_MAX * sizeof *waiting->ring, (void **)&waiting->ring));
    enum pp_error error = pp_memory_map(PLACES * sizeof *waiting->places, (void **)&waiting->places);
    if (error != PP_OK)
        pp_waiting_close(waiting);
    return error;
}

void pp_waiting_close(struct pp_waiting *waiting)
{
    pp_memory_unmap(waiting->ring, PP_WAITING_MAX * sizeof *waiting->ring);
    pp_memory_unmap(waiting->places, PLACES * sizeof *waiting->places);
    free(waiting->gone);
    *waiting = (struct pp_waiting){0};
}

/* ---- the table ---- */

static uint32_t home_of(const struct pp_waiting *waiting, uint64_t sequence)
{
    return pp_place_of(sequence, waiting->key, PLACES);
}

static uint32_t place_find(const struct pp_waiting *waiting, uint64_t sequence)
{
    uint32_t at = home_of(waiting, sequence);
    while (waiting->places[at] != 0 && waiting->ring[waiting->places[at] - 1].sequence != sequence)
        at = (at + 1) % PLACES;
    return at;
}

static void place_put(struct pp_waiting *waiting, uint64_t position)
{
    const uint32_t in_ring = PLACE_OF_RING(position);
    const uint32_t at = place_find(waiting, waiting->ring[in_ring].sequence);
    PP_ASSERT(waiting->places[at] == 0);
    waiting->places[at] = in_ring + 1;
    waiting->count++;
}

/* Takes a place out and moves up whoever would no longer be found. Their stamps must still be in the ring. */
static void place_take(struct pp_waiting *waiting, uint32_t at)
{
    uint32_t hole = at;
    waiting->count--;
    for (uint32_t next = (at + 1) % PLACES; waiting->places[next] != 0; next = (next + 1) % PLACES) {
        const uint32_t home = home_of(waiting, waiting->ring[waiting->places[next] - 1].sequence);
        if ((next + PLACES - home) % PLACES < (next + PLACES - hole) % PLACES)
            continue;
        waiting->places[hole] = waiting->places[next];
        hole = next;
    }
    waiting->places[hole] = 0;
}

/* ---- groups ---- */

void pp_waiting_begin(struct pp_waiting *waiting)
{
    waiting->first_before = waiting->first;
    waiting->end_before = waiting->end;
    waiting->gone_count = 0;
}

/* What was there before the group stands in the ring still: room is counted from first_before. */
void pp_waiting_undo(struct pp_waiting *waiting)
{
    while (waiting->end > waiting->end_before) {
        struct pp_ticket *stamp = &waiting->ring[PLACE_OF_RING(--waiting->end)];
        if (stamp->sequence != 0)
            place_take(waiting, place_find(waiting, stamp->sequence));
        stamp->sequence = 0;
    }
    waiting->first = waiting->first_before;
    while (waiting->gone_count > 0) {
        const struct pp_waiting_gone *gone = &waiting->gone[--waiting->gone_count];
        if (gone->position >= waiting->end_before)
            continue;
        waiting->ring[PLACE_OF_RING(gone->position)].sequence = gone->sequence;
        place_put(waiting, gone->position);
    }
}

static enum pp_error gone_reserve(struct pp_waiting *waiting)
{
    if (waiting->gone_count < waiting->gone_capacity)
        return PP_OK;
    const size_t capacity = 2 * waiting->gone_capacity + 1024;
    struct pp_waiting_gone *grown = realloc(waiting->gone, capacity * sizeof *grown);
    if (!grown)
        return PP_NO_MEMORY;
    waiting->gone = grown;
    waiting->gone_capacity = capacity;
    return PP_OK;
}

/* ---- changes ---- */

uint32_t pp_waiting_room(const struct pp_waiting *waiting)
{
    return PP_WAITING_MAX - (uint32_t)(waiting->end - waiting->first_before);
}

enum pp_error pp_waiting_add(struct pp_waiting *waiting, const struct pp_ticket *stamp)
{
    PP_ASSERT(stamp->sequence != 0 && stamp->ready != 0);
    if (pp_waiting_room(waiting) == 0)
        return PP_BUSY;
    waiting->ring[PLACE_OF_RING(waiting->end)] = *stamp;
    place_put(waiting, waiting->end++);
    return PP_OK;
}

/* The position of a place in the ring: those that are in use are fewer than it has. */
static uint64_t position_of(const struct pp_waiting *waiting, uint32_t in_ring)
{
    return waiting->first + (in_ring - waiting->first) % PP_WAITING_MAX;
}

static void first_move(struct pp_waiting *waiting)
{
    while (waiting->first < waiting->end && waiting->ring[PLACE_OF_RING(waiting->first)].sequence == 0)
        waiting->first++;
}

static enum pp_error remove_at(struct pp_waiting *waiting, uint32_t at)
{
    PP_TRY(gone_reserve(waiting));
    const uint32_t in_ring = waiting->places[at] - 1;
    struct pp_ticket *stamp = &waiting->ring[in_ring];
    waiting->gone[waiting->gone_count++] =
        (struct pp_waiting_gone){position_of(waiting, in_ring), stamp->sequence};
    place_take(waiting, at);
    stamp->sequence = 0;
    return PP_OK;
}

enum pp_error pp_waiting_remove(struct pp_waiting *waiting, uint64_t sequence)
{
    const uint32_t at = place_find(waiting, sequence);
    if (sequence == 0 || waiting->places[at] == 0)
        return PP_TICKET_UNKNOWN;
    PP_TRY(remove_at(waiting, at));
    first_move(waiting);
    return PP_OK;
}

enum pp_error pp_waiting_drop(struct pp_waiting *waiting, uint32_t slot)
{
    for (uint64_t position = waiting->first; waiting->count > 0 && position < waiting->end; position++) {
        const struct pp_ticket *stamp = &waiting->ring[PLACE_OF_RING(position)];
        if (stamp->sequence != 0 && stamp->slot == slot)
            PP_TRY(remove_at(waiting, place_find(waiting, stamp->sequence)));
    }
    first_move(waiting);
    return PP_OK;
}

static int by_ready(const void *a, const void *b)
{
    const struct pp_ticket *x = a, *y = b;
    if (x->ready != y->ready)
        return x->ready < y->ready ? -1 : 1;
    return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

void pp_waiting_sort(struct pp_waiting *waiting)
{
    PP_ASSERT(waiting->first == 0 && waiting->end == waiting->count); /* nothing but additions yet */
    if (waiting->end == 0)
        return;
    memset(waiting->places, 0, PLACES * sizeof *waiting->places);
    waiting->count = 0;
    qsort(waiting->ring, (size_t)waiting->end, sizeof *waiting->ring, by_ready);
    for (uint64_t position = 0; position < waiting->end; position++)
        place_put(waiting, position);
}

/* ---- looking ---- */

enum pp_error pp_waiting_find(const struct pp_waiting *waiting, uint64_t sequence, struct pp_ticket *out)
{
    const uint32_t at = place_find(waiting, sequence);
    if (sequence == 0 || waiting->places[at] == 0)
        return PP_TICKET_UNKNOWN;
    *out = waiting->ring[waiting->places[at] - 1];
    return PP_OK;
}

const struct pp_ticket *pp_waiting_next(const struct pp_waiting *waiting, uint64_t *position)
{
    if (*position < waiting->first)
        *position = waiting->first;
    while (*position < waiting->end) {
        const struct pp_ticket *stamp = &waiting->ring[PLACE_OF_RING((*position)++)];
        if (stamp->sequence != 0)
            return stamp;
    }
    return NULL;
}

void pp_waiting_copy(const struct pp_waiting *waiting, struct pp_ticket *out)
{
    uint64_t position = 0;
    uint32_t count = 0;
    for (const struct pp_ticket *stamp; (stamp = pp_waiting_next(waiting, &position)) != NULL;)
        out[count++] = *stamp;
    PP_ASSERT(count == waiting->count);
}
