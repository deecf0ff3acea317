/* bonds.h - the bonds that a node holds: charged, neither returned nor forfeited.
 *
 * Shape:  a bond is found by its stamp's sequence number, and those that may end by their deadline stand in a heap, so that the
 *         next one that is due is the first. A bond whose stamp earns nothing yet (an open ticket) waits: it is held, and in no
 *         heap. Changes since _begin can be undone.
 * Own:    memory is mapped when it opens, and touched when it is used. A bond is borrowed until the next change.
 * Errors: TOO_MANY_BONDS when PP_BONDS_MAX are held; INVARIANT for what cannot be; NO_MEMORY.
 * Source: specs/rewards.md (REW-140 and following).
 */
#ifndef PP_BONDS_H
#define PP_BONDS_H

#include <pp/ids.h>
#include <pp/limits.h>

#include <stdbool.h>
#include <stddef.h>

struct pp_bond {
    uint64_t sequence; /* of the stamp; 0: a free place */
    uint64_t grains;
    uint64_t deadline_ms;
    struct pp_stamp_id stamp_id;
    struct pp_address accept_key;
    uint32_t slot;
    bool waits; /* its ticket is open */
    /* no part of the ledger */
    uint32_t next;    /* in its chain: place + 1 */
    uint32_t heap_at; /* place in the heap + 1; 0: it waits */
};

enum pp_bond_change_kind {
    PP_BOND_ADDED,
    PP_BOND_ARMED,
    PP_BOND_REMOVED,
};
struct pp_bond_change {
    enum pp_bond_change_kind kind;
    struct pp_bond bond; /* as it was */
};

struct pp_bonds {
    struct pp_bond *places; /* PP_BONDS_MAX */
    uint32_t *chains;       /* place + 1 */
    uint32_t *heap;         /* place + 1, from index 1 on */
    uint32_t used, count, armed;
    uint32_t free_place; /* place + 1; 0: beyond `used` */
    uint64_t key;        /* of chains */
    struct pp_bond_change *changes;
    size_t change_count, change_capacity;
};

/* key: any random number. */
PP_MUST_CHECK enum pp_error pp_bonds_open(struct pp_bonds *bonds, uint64_t key);
void pp_bonds_close(struct pp_bonds *bonds);
/* Room for that many stamps that come. NO_MEMORY. */
PP_MUST_CHECK enum pp_error pp_bonds_reserve(struct pp_bonds *bonds, size_t stamps);
void pp_bonds_begin(struct pp_bonds *bonds);
void pp_bonds_undo(struct pp_bonds *bonds);

/* NULL: none of that stamp is held. */
const struct pp_bond *pp_bonds_find(const struct pp_bonds *bonds, uint64_t sequence);
/* Of those that do not wait, the one whose deadline comes first, of several the oldest; NULL: there is none. */
const struct pp_bond *pp_bonds_first(const struct pp_bonds *bonds);
/* Those whose deadline is before this time, in no order, at most `max`. Returns how many. */
uint32_t pp_bonds_due(const struct pp_bonds *bonds, uint64_t time_ms, struct pp_bond *out, uint32_t max);
/* All, in no order; room for bonds->count. */
void pp_bonds_copy(const struct pp_bonds *bonds, struct pp_bond *out);
void pp_bonds_sort(struct pp_bond *list, uint32_t count);

/* The sequence must be new (asserted). */
PP_MUST_CHECK enum pp_error pp_bonds_add(struct pp_bonds *bonds, const struct pp_bond *bond);
/* Its stamp earns from now on; one that has no bond is no error. */
PP_MUST_CHECK enum pp_error pp_bonds_arm(struct pp_bonds *bonds, uint64_t sequence);
/* INVARIANT: there is none. */
PP_MUST_CHECK enum pp_error pp_bonds_remove(struct pp_bonds *bonds, uint64_t sequence);
/* All of one lane that ends. Reads all that are held. */
PP_MUST_CHECK enum pp_error pp_bonds_drop(struct pp_bonds *bonds, uint32_t slot);

#endif
