/* tickets.h - the open tickets of a node whose host stores the envelopes: reserved, not yet stored, not cancelled.
 *
 * Shape:  a table by ticket, which is the stamp's sequence number. Changes since _begin can be undone.
 * Own:    memory is mapped when it opens.
 * Errors: TICKET_UNKNOWN; BUSY when PP_TICKETS_MAX are open.
 * Source: specs/node.md (NODE-050 and following).
 */
#ifndef PP_TICKETS_H
#define PP_TICKETS_H

#include <pp/ids.h>
#include <pp/postage.h>

#define PP_TICKETS_MAX 65536u /* what a host may have in flight; 12 MiB then */

struct pp_ticket {
    uint64_t sequence; /* 0: an empty place */
    uint64_t time_ms;
    struct pp_postage postage;
    struct pp_stamp_id stamp_id;
    uint64_t ready; /* of the record behind which it waits for the quorum (ledger/waiting.h); 0: an open ticket */
    uint32_t slot;
    uint32_t stored_day; /* 0: an open ticket */
    uint16_t retention_days;
};

struct pp_ticket_change {
    struct pp_ticket ticket;
    bool added; /* false: removed */
};

struct pp_tickets {
    struct pp_ticket *places; /* twice PP_TICKETS_MAX, open addressing */
    uint32_t count;
    uint64_t key; /* of places */
    struct pp_ticket_change *changes;
    size_t change_count, change_capacity;
};

/* key: any random number. */
PP_MUST_CHECK enum pp_error pp_tickets_open(struct pp_tickets *tickets, uint64_t key);
void pp_tickets_close(struct pp_tickets *tickets);
/* Room for that many changes. NO_MEMORY. */
PP_MUST_CHECK enum pp_error pp_tickets_reserve(struct pp_tickets *tickets, size_t changes);
void pp_tickets_begin(struct pp_tickets *tickets);
void pp_tickets_undo(struct pp_tickets *tickets);

/* BUSY. The sequence must be new. */
PP_MUST_CHECK enum pp_error pp_tickets_add(struct pp_tickets *tickets, const struct pp_ticket *ticket);
PP_MUST_CHECK enum pp_error pp_tickets_find(const struct pp_tickets *tickets, uint64_t sequence, struct pp_ticket *out);
PP_MUST_CHECK enum pp_error pp_tickets_remove(struct pp_tickets *tickets, uint64_t sequence);
/* Removes all of one lane: for a lane that ends. Reads the whole table. */
PP_MUST_CHECK enum pp_error pp_tickets_drop(struct pp_tickets *tickets, uint32_t slot);
/* Room for tickets->count; _list ascending, _copy in any order. */
void pp_tickets_copy(const struct pp_tickets *tickets, struct pp_ticket *out);
void pp_tickets_sort(struct pp_ticket *list, uint32_t count);
void pp_tickets_list(const struct pp_tickets *tickets, struct pp_ticket *out);

#endif
