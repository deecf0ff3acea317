#include "recent.h"

#include "memory.h"

#include <pp/assert.h>

#define PLACES (2u * PP_RECENT_MAX)

enum pp_error pp_recent_open(struct pp_recent *recent, uint64_t key)
{
    *recent = (struct pp_recent){.key = key};
    PP_TRY(pp_memory_map(PP_RECENT_MAX * sizeof *recent->places, (void **)&recent->places));
    enum pp_error error = pp_memory_map(PLACES * sizeof *recent->table, (void **)&recent->table);
    if (error != PP_OK)
        pp_recent_close(recent);
    return error;
}

void pp_recent_close(struct pp_recent *recent)
{
    pp_memory_unmap(recent->places, PP_RECENT_MAX * sizeof *recent->places);
    pp_memory_unmap(recent->table, PLACES * sizeof *recent->table);
    *recent = (struct pp_recent){0};
}

/* ---- the table ---- */

static uint32_t home_of(const struct pp_recent *recent, uint32_t slot, struct pp_grains from)
{
    uint64_t low = (uint64_t)from.raw ^ recent->key;
    uint64_t high = ((uint64_t)(from.raw >> 64) << 32 | slot) ^ (recent->key >> 32 | recent->key << 32);
    pp_u128 product = (pp_u128)low * (high | 1);
    return (uint32_t)((uint64_t)(product >> 64) ^ (uint64_t)product) % PLACES;
}

static struct pp_recent_stamp *stamp_at(const struct pp_recent *recent, uint32_t place)
{
    return &recent->places[place - 1];
}

static uint32_t table_find(const struct pp_recent *recent, uint32_t slot, struct pp_grains from)
{
    uint32_t at = home_of(recent, slot, from);
    while (recent->table[at] != 0) {
        const struct pp_recent_stamp *stamp = stamp_at(recent, recent->table[at]);
        if (stamp->slot == slot && pp_grains_eq(stamp->from, from))
            break;
        at = (at + 1) % PLACES;
    }
    return at;
}

/* Takes an entry out and moves up whoever would no longer be found. */
static void table_take(struct pp_recent *recent, const struct pp_recent_stamp *stamp)
{
    uint32_t hole = table_find(recent, stamp->slot, stamp->from);
    PP_ASSERT(recent->table[hole] != 0);
    for (uint32_t next = (hole + 1) % PLACES; recent->table[next] != 0; next = (next + 1) % PLACES) {
        const struct pp_recent_stamp *moved = stamp_at(recent, recent->table[next]);
        uint32_t home = home_of(recent, moved->slot, moved->from);
        if ((next + PLACES - home) % PLACES < (next + PLACES - hole) % PLACES)
            continue;
        recent->table[hole] = recent->table[next];
        hole = next;
    }
    recent->table[hole] = 0;
}

/* ---- places ---- */

static uint32_t place_take(struct pp_recent *recent)
{
    uint32_t place = recent->free;
    if (place == 0)
        return ++recent->fresh;
    recent->free = stamp_at(recent, place)->newer;
    return place;
}

static void place_give_back(struct pp_recent *recent, uint32_t place)
{
    stamp_at(recent, place)->newer = recent->free;
    recent->free = place;
    recent->count--;
}

void pp_recent_add(struct pp_recent *recent, const struct pp_recent_stamp *stamp)
{
    PP_ASSERT(recent->count < PP_RECENT_MAX);
    uint32_t at = table_find(recent, stamp->slot, stamp->from);
    PP_ASSERT(recent->table[at] == 0);
    uint32_t place = place_take(recent);
    struct pp_recent_stamp *added = stamp_at(recent, place);
    *added = *stamp;
    added->older = recent->newest;
    added->newer = 0;
    if (recent->newest != 0)
        stamp_at(recent, recent->newest)->newer = place;
    else
        recent->oldest = place;
    recent->newest = place;
    recent->table[at] = place;
    recent->count++;
}

const struct pp_recent_stamp *pp_recent_find(const struct pp_recent *recent, uint32_t slot, struct pp_grains from)
{
    uint32_t at = table_find(recent, slot, from);
    return recent->table[at] == 0 ? NULL : stamp_at(recent, recent->table[at]);
}

void pp_recent_drop_below(struct pp_recent *recent, uint64_t end)
{
    while (recent->oldest != 0 && stamp_at(recent, recent->oldest)->sequence < end) {
        uint32_t place = recent->oldest;
        struct pp_recent_stamp *stamp = stamp_at(recent, place);
        table_take(recent, stamp);
        recent->oldest = stamp->newer;
        if (recent->oldest != 0)
            stamp_at(recent, recent->oldest)->older = 0;
        else
            recent->newest = 0;
        place_give_back(recent, place);
    }
}

void pp_recent_drop_from(struct pp_recent *recent, uint64_t start)
{
    while (recent->newest != 0 && stamp_at(recent, recent->newest)->sequence >= start) {
        uint32_t place = recent->newest;
        struct pp_recent_stamp *stamp = stamp_at(recent, place);
        table_take(recent, stamp);
        recent->newest = stamp->older;
        if (recent->newest != 0)
            stamp_at(recent, recent->newest)->newer = 0;
        else
            recent->oldest = 0;
        place_give_back(recent, place);
    }
}
