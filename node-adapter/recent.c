#include "recent.h"

#include "memory.h"

#include <pp/assert.h>

#define PLACES (2u * PP_RECENT_MAX)

enum pp_error pp_recent_open(struct pp_recent *recent)
{
    *recent = (struct pp_recent){0};
    PP_TRY(pp_memory_map(PP_RECENT_MAX * sizeof *recent->ring, (void **)&recent->ring));
    enum pp_error error = pp_memory_map(PLACES * sizeof *recent->table, (void **)&recent->table);
    if (error != PP_OK)
        pp_recent_close(recent);
    return error;
}

void pp_recent_close(struct pp_recent *recent)
{
    pp_memory_unmap(recent->ring, PP_RECENT_MAX * sizeof *recent->ring);
    pp_memory_unmap(recent->table, PLACES * sizeof *recent->table);
    *recent = (struct pp_recent){0};
}

static uint32_t home_of(uint32_t slot, struct pp_grains from)
{
    uint64_t mixed = ((uint64_t)from.raw ^ (uint64_t)slot << 40 ^ (uint64_t)(from.raw >> 64)) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(mixed >> 40) % PLACES;
}

static const struct pp_recent_stamp *ring_at(const struct pp_recent *recent, uint32_t place)
{
    return &recent->ring[recent->table[place] - 1];
}

static uint32_t place_find(const struct pp_recent *recent, uint32_t slot, struct pp_grains from)
{
    uint32_t at = home_of(slot, from);
    while (recent->table[at] != 0 && (ring_at(recent, at)->slot != slot || !pp_grains_eq(ring_at(recent, at)->from, from)))
        at = (at + 1) % PLACES;
    return at;
}

void pp_recent_add(struct pp_recent *recent, const struct pp_recent_stamp *stamp)
{
    PP_ASSERT(pp_recent_count(recent) < PP_RECENT_MAX);
    uint32_t place = place_find(recent, stamp->slot, stamp->from);
    uint32_t at = (uint32_t)(recent->next % PP_RECENT_MAX);
    PP_ASSERT(recent->table[place] == 0);
    recent->ring[at] = *stamp;
    recent->table[place] = at + 1;
    recent->next++;
}

const struct pp_recent_stamp *pp_recent_find(const struct pp_recent *recent, uint32_t slot, struct pp_grains from)
{
    uint32_t place = place_find(recent, slot, from);
    return recent->table[place] == 0 ? NULL : ring_at(recent, place);
}

static void table_take(struct pp_recent *recent, const struct pp_recent_stamp *stamp)
{
    uint32_t hole = place_find(recent, stamp->slot, stamp->from);
    PP_ASSERT(recent->table[hole] != 0);
    for (uint32_t next = (hole + 1) % PLACES; recent->table[next] != 0; next = (next + 1) % PLACES) {
        uint32_t home = home_of(ring_at(recent, next)->slot, ring_at(recent, next)->from);
        if ((next + PLACES - home) % PLACES < (next + PLACES - hole) % PLACES)
            continue;
        recent->table[hole] = recent->table[next];
        hole = next;
    }
    recent->table[hole] = 0;
}

void pp_recent_drop_below(struct pp_recent *recent, uint64_t end)
{
    while (recent->first < recent->next && recent->ring[recent->first % PP_RECENT_MAX].sequence < end)
        table_take(recent, &recent->ring[recent->first++ % PP_RECENT_MAX]);
}

void pp_recent_drop_from(struct pp_recent *recent, uint64_t start)
{
    while (recent->first < recent->next && recent->ring[(recent->next - 1) % PP_RECENT_MAX].sequence >= start)
        table_take(recent, &recent->ring[--recent->next % PP_RECENT_MAX]);
}
