#include "engine/tickets.h"

#include "engine/memory.h"
#include "engine/places.h"

#include <pp/assert.h>

#include <stdlib.h>

#define PLACES (2u * PP_TICKETS_MAX)

enum pp_error pp_tickets_open(struct pp_tickets *tickets, uint64_t key)
{
    *tickets = (struct pp_tickets){.key = key};
    PP_TRY(pp_memory_map(PLACES * sizeof *tickets->places, (void **)&tickets->places));
    pp_memory_dense(tickets->places, PLACES * sizeof *tickets->places);
    return PP_OK;
}

void pp_tickets_close(struct pp_tickets *tickets)
{
    pp_memory_unmap(tickets->places, PLACES * sizeof *tickets->places);
    free(tickets->changes);
    *tickets = (struct pp_tickets){0};
}

enum pp_error pp_tickets_reserve(struct pp_tickets *tickets, size_t changes)
{
    size_t needed = tickets->change_count + changes;
    if (needed <= tickets->change_capacity)
        return PP_OK;
    struct pp_ticket_change *grown = realloc(tickets->changes, 2 * needed * sizeof *grown);
    if (!grown)
        return PP_NO_MEMORY;
    tickets->changes = grown;
    tickets->change_capacity = 2 * needed;
    return PP_OK;
}

void pp_tickets_begin(struct pp_tickets *tickets)
{
    tickets->change_count = 0;
}

static uint32_t place_of(const struct pp_tickets *tickets, uint64_t sequence)
{
    return pp_place_of(sequence, tickets->key, PLACES);
}

static uint32_t place_find(const struct pp_tickets *tickets, uint64_t sequence)
{
    uint32_t at = place_of(tickets, sequence);
    while (tickets->places[at].sequence != 0 && tickets->places[at].sequence != sequence)
        at = (at + 1) % PLACES;
    return at;
}

static void put(struct pp_tickets *tickets, const struct pp_ticket *ticket)
{
    uint32_t at = place_find(tickets, ticket->sequence);
    PP_ASSERT(tickets->places[at].sequence == 0);
    tickets->places[at] = *ticket;
    tickets->count++;
}

/* Takes a place out and moves up whoever would no longer be found. */
static void take(struct pp_tickets *tickets, uint32_t at)
{
    tickets->count--;
    uint32_t hole = at;
    for (uint32_t next = (at + 1) % PLACES; tickets->places[next].sequence != 0; next = (next + 1) % PLACES) {
        uint32_t home = place_of(tickets, tickets->places[next].sequence);
        if ((next + PLACES - home) % PLACES < (next + PLACES - hole) % PLACES)
            continue;
        tickets->places[hole] = tickets->places[next];
        hole = next;
    }
    tickets->places[hole].sequence = 0;
}

static void note(struct pp_tickets *tickets, const struct pp_ticket *ticket, bool added)
{
    PP_ASSERT(tickets->change_count < tickets->change_capacity);
    tickets->changes[tickets->change_count++] = (struct pp_ticket_change){*ticket, added};
}

enum pp_error pp_tickets_add(struct pp_tickets *tickets, const struct pp_ticket *ticket)
{
    PP_ASSERT(ticket->sequence != 0);
    if (tickets->count >= PP_TICKETS_MAX)
        return PP_BUSY;
    PP_TRY(pp_tickets_reserve(tickets, 1));
    put(tickets, ticket);
    note(tickets, ticket, true);
    return PP_OK;
}

enum pp_error pp_tickets_find(const struct pp_tickets *tickets, uint64_t sequence, struct pp_ticket *out)
{
    uint32_t at = place_find(tickets, sequence);
    if (sequence == 0 || tickets->places[at].sequence == 0)
        return PP_TICKET_UNKNOWN;
    *out = tickets->places[at];
    return PP_OK;
}

enum pp_error pp_tickets_remove(struct pp_tickets *tickets, uint64_t sequence)
{
    uint32_t at = place_find(tickets, sequence);
    if (sequence == 0 || tickets->places[at].sequence == 0)
        return PP_TICKET_UNKNOWN;
    PP_TRY(pp_tickets_reserve(tickets, 1));
    note(tickets, &tickets->places[at], false);
    take(tickets, at);
    return PP_OK;
}

enum pp_error pp_tickets_drop(struct pp_tickets *tickets, uint32_t slot)
{
    PP_TRY(pp_tickets_reserve(tickets, tickets->count));
    for (uint32_t i = 0; tickets->count > 0 && i < PLACES;) {
        if (tickets->places[i].sequence == 0 || tickets->places[i].slot != slot) {
            i++;
            continue;
        }
        note(tickets, &tickets->places[i], false);
        take(tickets, i); /* another one may have moved up to here: look again */
    }
    return PP_OK;
}

void pp_tickets_undo(struct pp_tickets *tickets)
{
    while (tickets->change_count > 0) {
        const struct pp_ticket_change *change = &tickets->changes[--tickets->change_count];
        if (change->added)
            take(tickets, place_find(tickets, change->ticket.sequence));
        else
            put(tickets, &change->ticket);
    }
}

static int by_sequence(const void *a, const void *b)
{
    const struct pp_ticket *x = a, *y = b;
    return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

void pp_tickets_copy(const struct pp_tickets *tickets, struct pp_ticket *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < PLACES; i++)
        if (tickets->places[i].sequence != 0)
            out[count++] = tickets->places[i];
    PP_ASSERT(count == tickets->count);
}

void pp_tickets_sort(struct pp_ticket *list, uint32_t count)
{
    qsort(list, count, sizeof *list, by_sequence);
}

void pp_tickets_list(const struct pp_tickets *tickets, struct pp_ticket *out)
{
    pp_tickets_copy(tickets, out);
    pp_tickets_sort(out, tickets->count);
}
