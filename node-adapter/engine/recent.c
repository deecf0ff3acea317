#include "engine/recent.h"

#include "engine/memory.h"

#include <pp/assert.h>

#include <string.h>

#define PLACES (2u * PP_RECENT_CHUNK_STAMPS) /* half full at most */

struct pp_recent_chunk {
    uint16_t table[PLACES]; /* place in stamps + 1; open addressing */
    struct pp_recent_stamp stamps[PP_RECENT_CHUNK_STAMPS];
};

enum pp_error pp_recent_open(struct pp_recent *recent, uint64_t key)
{
    *recent = (struct pp_recent){.key = key};
    return pp_memory_map(PP_RECENT_CHUNKS * sizeof *recent->chunks, (void **)&recent->chunks);
}

void pp_recent_close(struct pp_recent *recent)
{
    pp_memory_unmap(recent->chunks, PP_RECENT_CHUNKS * sizeof *recent->chunks);
    *recent = (struct pp_recent){0};
}

/* ---- a chunk's table ---- */

static uint32_t home_of(const struct pp_recent *recent, uint32_t slot, struct pp_grains from)
{
    uint64_t low = (uint64_t)from.raw ^ recent->key;
    uint64_t high = ((uint64_t)(from.raw >> 64) << 32 | slot) ^ (recent->key >> 32 | recent->key << 32);
    pp_u128 product = (pp_u128)low * (high | 1);
    return (uint32_t)((uint64_t)(product >> 64) ^ (uint64_t)product) % PLACES;
}

static uint32_t table_find(const struct pp_recent_chunk *chunk, uint32_t home, uint32_t slot,
                           struct pp_grains from)
{
    uint32_t at = home;
    while (chunk->table[at] != 0) {
        const struct pp_recent_stamp *stamp = &chunk->stamps[chunk->table[at] - 1];
        if (stamp->slot == slot && pp_grains_eq(stamp->from, from))
            break;
        at = (at + 1) % PLACES;
    }
    return at;
}

/* Takes an entry out and moves up whoever would no longer be found. */
static void table_take(const struct pp_recent *recent, struct pp_recent_chunk *chunk,
                       const struct pp_recent_stamp *stamp)
{
    uint32_t hole = table_find(chunk, home_of(recent, stamp->slot, stamp->from), stamp->slot, stamp->from);
    PP_ASSERT(chunk->table[hole] != 0);
    for (uint32_t next = (hole + 1) % PLACES; chunk->table[next] != 0; next = (next + 1) % PLACES) {
        const struct pp_recent_stamp *moved = &chunk->stamps[chunk->table[next] - 1];
        uint32_t home = home_of(recent, moved->slot, moved->from);
        if ((next + PLACES - home) % PLACES < (next + PLACES - hole) % PLACES)
            continue;
        chunk->table[hole] = chunk->table[next];
        hole = next;
    }
    chunk->table[hole] = 0;
}

/* ---- chunks ---- */

static struct pp_recent_chunk *chunk_of(const struct pp_recent *recent, uint64_t position)
{
    return &recent->chunks[recent->places[position / PP_RECENT_CHUNK_STAMPS % PP_RECENT_CHUNKS]];
}

static void chunk_take(struct pp_recent *recent, uint64_t number)
{
    uint32_t place = recent->free_count > 0 ? recent->free[--recent->free_count] : recent->fresh++;
    PP_ASSERT(place < PP_RECENT_CHUNKS);
    recent->places[number % PP_RECENT_CHUNKS] = (uint8_t)place;
}

static void chunk_give_back(struct pp_recent *recent, uint64_t number)
{
    uint8_t place = recent->places[number % PP_RECENT_CHUNKS];
    memset(recent->chunks[place].table, 0, sizeof recent->chunks[place].table);
    recent->free[recent->free_count++] = place;
}

const struct pp_recent_stamp *pp_recent_at(const struct pp_recent *recent, uint64_t position)
{
    return &chunk_of(recent, position)->stamps[position % PP_RECENT_CHUNK_STAMPS];
}

void pp_recent_add(struct pp_recent *recent, const struct pp_recent_stamp *stamp)
{
    PP_ASSERT(pp_recent_count(recent) < PP_RECENT_MAX);
    uint32_t place = recent->end % PP_RECENT_CHUNK_STAMPS;
    if (place == 0)
        chunk_take(recent, recent->end / PP_RECENT_CHUNK_STAMPS);
    struct pp_recent_chunk *chunk = chunk_of(recent, recent->end);
    uint32_t at = home_of(recent, stamp->slot, stamp->from);
    while (chunk->table[at] != 0) /* another one: intervals are admitted once */
        at = (at + 1) % PLACES;
    chunk->stamps[place] = *stamp;
    chunk->table[at] = (uint16_t)(place + 1);
    recent->end++;
}

const struct pp_recent_stamp *pp_recent_find(const struct pp_recent *recent, uint32_t slot,
                                             struct pp_grains from)
{
    if (recent->first == recent->end)
        return NULL;
    uint32_t home = home_of(recent, slot, from);
    uint64_t last = (recent->end - 1) / PP_RECENT_CHUNK_STAMPS,
             first = recent->first / PP_RECENT_CHUNK_STAMPS;
    for (uint64_t number = last;; number--) {
        const struct pp_recent_chunk *chunk = chunk_of(recent, number * PP_RECENT_CHUNK_STAMPS);
        uint32_t at = table_find(chunk, home, slot, from);
        if (chunk->table[at] != 0) {
            uint64_t position = number * PP_RECENT_CHUNK_STAMPS + chunk->table[at] - 1;
            return position < recent->first ? NULL : &chunk->stamps[chunk->table[at] - 1];
        }
        if (number == first)
            return NULL;
    }
}

void pp_recent_drop_below(struct pp_recent *recent, uint64_t position)
{
    PP_ASSERT(position <= recent->end);
    while (recent->first < position) {
        uint64_t number = recent->first / PP_RECENT_CHUNK_STAMPS,
                 next = (number + 1) * PP_RECENT_CHUNK_STAMPS;
        if (next <= position)
            chunk_give_back(recent, number);
        recent->first = next <= position ? next : position;
    }
}

void pp_recent_drop_from(struct pp_recent *recent, uint64_t start)
{
    while (recent->end > recent->first && pp_recent_at(recent, recent->end - 1)->sequence >= start) {
        struct pp_recent_chunk *chunk = chunk_of(recent, --recent->end);
        table_take(recent, chunk, &chunk->stamps[recent->end % PP_RECENT_CHUNK_STAMPS]);
        if (recent->end % PP_RECENT_CHUNK_STAMPS == 0)
            chunk_give_back(recent, recent->end / PP_RECENT_CHUNK_STAMPS);
    }
}
