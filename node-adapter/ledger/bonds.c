#include "ledger/bonds.h"

#include "engine/memory.h"
#include "engine/places.h"

#include <pp/assert.h>

#include <stdlib.h>

#define CHAINS (2u * PP_BONDS_MAX)

enum pp_error pp_bonds_open(struct pp_bonds *bonds, uint64_t key)
{
    *bonds = (struct pp_bonds){.key = key};
    PP_TRY(pp_memory_map(PP_BONDS_MAX * sizeof *bonds->places, (void **)&bonds->places));
    PP_TRY(pp_memory_map(CHAINS * sizeof *bonds->chains, (void **)&bonds->chains));
    return pp_memory_map((PP_BONDS_MAX + 1u) * sizeof *bonds->heap, (void **)&bonds->heap);
}

void pp_bonds_close(struct pp_bonds *bonds)
{
    pp_memory_unmap(bonds->places, PP_BONDS_MAX * sizeof *bonds->places);
    pp_memory_unmap(bonds->chains, CHAINS * sizeof *bonds->chains);
    pp_memory_unmap(bonds->heap, (PP_BONDS_MAX + 1u) * sizeof *bonds->heap);
    free(bonds->changes);
    *bonds = (struct pp_bonds){0};
}

/* ---- the heap: the earliest deadline is at 1 ---- */

static bool is_before(const struct pp_bonds *bonds, uint32_t a, uint32_t b)
{
    const struct pp_bond *x = &bonds->places[a - 1], *y = &bonds->places[b - 1];
    return x->deadline_ms != y->deadline_ms ? x->deadline_ms < y->deadline_ms : x->sequence < y->sequence;
}

static void heap_set(struct pp_bonds *bonds, uint32_t at, uint32_t place)
{
    bonds->heap[at] = place;
    bonds->places[place - 1].heap_at = at;
}

static void heap_up(struct pp_bonds *bonds, uint32_t at)
{
    const uint32_t place = bonds->heap[at];
    for (; at > 1 && is_before(bonds, place, bonds->heap[at / 2]); at /= 2)
        heap_set(bonds, at, bonds->heap[at / 2]);
    heap_set(bonds, at, place);
}

static void heap_down(struct pp_bonds *bonds, uint32_t at)
{
    const uint32_t place = bonds->heap[at];
    for (uint32_t below = 2 * at; below <= bonds->armed; below = 2 * at) {
        if (below < bonds->armed && is_before(bonds, bonds->heap[below + 1], bonds->heap[below]))
            below++;
        if (!is_before(bonds, bonds->heap[below], place))
            break;
        heap_set(bonds, at, bonds->heap[below]);
        at = below;
    }
    heap_set(bonds, at, place);
}

static void heap_put(struct pp_bonds *bonds, struct pp_bond *bond)
{
    heap_set(bonds, ++bonds->armed, (uint32_t)(bond - bonds->places) + 1);
    heap_up(bonds, bonds->armed);
}

static void heap_take(struct pp_bonds *bonds, struct pp_bond *bond)
{
    const uint32_t at = bond->heap_at, last = bonds->heap[bonds->armed];
    bonds->heap[bonds->armed--] = 0;
    bond->heap_at = 0;
    if (at > bonds->armed)
        return;
    heap_set(bonds, at, last);
    heap_up(bonds, at);
    heap_down(bonds, bonds->places[last - 1].heap_at);
}

/* ---- places ---- */

static uint32_t *chain_of(const struct pp_bonds *bonds, uint64_t sequence)
{
    return &bonds->chains[pp_place_hash(sequence, bonds->key) % CHAINS];
}

static struct pp_bond *find(const struct pp_bonds *bonds, uint64_t sequence)
{
    uint32_t at = *chain_of(bonds, sequence);
    while (at != 0 && bonds->places[at - 1].sequence != sequence)
        at = bonds->places[at - 1].next;
    return at == 0 ? NULL : &bonds->places[at - 1];
}

static void put(struct pp_bonds *bonds, const struct pp_bond *bond)
{
    uint32_t *chain = chain_of(bonds, bond->sequence);
    uint32_t place = bonds->free_place > 0 ? bonds->free_place - 1 : bonds->used++;
    struct pp_bond *out = &bonds->places[place];
    if (bonds->free_place > 0)
        bonds->free_place = out->next;
    *out = *bond;
    out->next = *chain;
    out->heap_at = 0;
    *chain = place + 1;
    bonds->count++;
    if (!out->waits)
        heap_put(bonds, out);
}

static void take(struct pp_bonds *bonds, struct pp_bond *bond)
{
    const uint32_t place = (uint32_t)(bond - bonds->places);
    uint32_t *at = chain_of(bonds, bond->sequence);
    while (*at != place + 1)
        at = &bonds->places[*at - 1].next;
    *at = bond->next;
    if (!bond->waits)
        heap_take(bonds, bond);
    *bond = (struct pp_bond){.next = bonds->free_place};
    bonds->free_place = place + 1;
    bonds->count--;
}

/* ---- changes that can be taken back ---- */

static enum pp_error changes_reserve(struct pp_bonds *bonds, size_t more)
{
    const size_t needed = bonds->change_count + more;
    if (needed <= bonds->change_capacity)
        return PP_OK;
    const size_t capacity = needed + needed / 2;
    struct pp_bond_change *grown = realloc(bonds->changes, capacity * sizeof *grown);
    if (!grown)
        return PP_NO_MEMORY;
    bonds->changes = grown;
    bonds->change_capacity = capacity;
    return PP_OK;
}

/* A charge brings one change a stamp, and must not fail; what arms and removes makes its own room. */
enum pp_error pp_bonds_reserve(struct pp_bonds *bonds, size_t stamps)
{
    return changes_reserve(bonds, stamps);
}

void pp_bonds_begin(struct pp_bonds *bonds)
{
    bonds->change_count = 0;
}

static enum pp_error note(struct pp_bonds *bonds, enum pp_bond_change_kind kind, const struct pp_bond *bond)
{
    PP_TRY(changes_reserve(bonds, 1));
    bonds->changes[bonds->change_count++] = (struct pp_bond_change){kind, *bond};
    return PP_OK;
}

void pp_bonds_undo(struct pp_bonds *bonds)
{
    while (bonds->change_count > 0) {
        const struct pp_bond_change *change = &bonds->changes[--bonds->change_count];
        struct pp_bond *bond = change->kind == PP_BOND_REMOVED ? NULL : find(bonds, change->bond.sequence);
        PP_ASSERT((bond != NULL) == (change->kind != PP_BOND_REMOVED));
        if (change->kind == PP_BOND_ADDED) {
            take(bonds, bond);
        } else if (change->kind == PP_BOND_ARMED) {
            heap_take(bonds, bond);
            bond->waits = true;
        } else {
            put(bonds, &change->bond);
        }
    }
}

/* ---- looking ---- */

const struct pp_bond *pp_bonds_find(const struct pp_bonds *bonds, uint64_t sequence)
{
    return sequence == 0 ? NULL : find(bonds, sequence);
}

const struct pp_bond *pp_bonds_first(const struct pp_bonds *bonds)
{
    return bonds->armed == 0 ? NULL : &bonds->places[bonds->heap[1] - 1];
}

struct due {
    const struct pp_bonds *bonds;
    uint64_t time_ms;
    struct pp_bond *out;
    uint32_t count, max;
};

/* A part of the heap: what stands below one that is not due is not due. As deep as the heap is, 19 at most. */
static void due_below(struct due *due, uint32_t at)
{
    const struct pp_bonds *bonds = due->bonds;
    if (at > bonds->armed || due->count == due->max ||
        bonds->places[bonds->heap[at] - 1].deadline_ms >= due->time_ms)
        return;
    due->out[due->count++] = bonds->places[bonds->heap[at] - 1];
    due_below(due, 2 * at);
    due_below(due, 2 * at + 1);
}

uint32_t pp_bonds_due(const struct pp_bonds *bonds, uint64_t time_ms, struct pp_bond *out, uint32_t max)
{
    struct due due = {bonds, time_ms, out, 0, max};
    due_below(&due, 1);
    return due.count;
}

static int by_sequence(const void *a, const void *b)
{
    const struct pp_bond *x = a, *y = b;
    return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

void pp_bonds_copy(const struct pp_bonds *bonds, struct pp_bond *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < bonds->used; i++)
        if (bonds->places[i].sequence != 0)
            out[count++] = bonds->places[i];
    PP_ASSERT(count == bonds->count);
}

void pp_bonds_sort(struct pp_bond *list, uint32_t count)
{
    qsort(list, count, sizeof *list, by_sequence);
}

/* ---- changing ---- */

enum pp_error pp_bonds_add(struct pp_bonds *bonds, const struct pp_bond *bond)
{
    PP_ASSERT(bond->sequence != 0 && !find(bonds, bond->sequence));
    if (bonds->count >= PP_BONDS_MAX)
        return PP_TOO_MANY_BONDS;
    PP_TRY(note(bonds, PP_BOND_ADDED, bond));
    put(bonds, bond);
    return PP_OK;
}

enum pp_error pp_bonds_arm(struct pp_bonds *bonds, uint64_t sequence)
{
    struct pp_bond *bond = find(bonds, sequence);
    if (!bond || !bond->waits)
        return PP_OK;
    PP_TRY(note(bonds, PP_BOND_ARMED, bond));
    bond->waits = false;
    heap_put(bonds, bond);
    return PP_OK;
}

enum pp_error pp_bonds_remove(struct pp_bonds *bonds, uint64_t sequence)
{
    struct pp_bond *bond = sequence == 0 ? NULL : find(bonds, sequence);
    if (!bond)
        return PP_INVARIANT;
    PP_TRY(note(bonds, PP_BOND_REMOVED, bond));
    take(bonds, bond);
    return PP_OK;
}

enum pp_error pp_bonds_drop(struct pp_bonds *bonds, uint32_t slot)
{
    for (uint32_t i = 0; bonds->count > 0 && i < bonds->used; i++)
        if (bonds->places[i].sequence != 0 && bonds->places[i].slot == slot)
            PP_TRY(pp_bonds_remove(bonds, bonds->places[i].sequence));
    return PP_OK;
}
