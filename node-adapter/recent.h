/* recent.h - the stamps that are admitted and not yet in the index: in the order of admission, with a table by interval.
 *
 * Own:    one writer thread; memory is mapped when it opens, and what was used last is used again first, so that no more of
 *         it is touched than the index ever lagged behind.
 * Limits: PP_RECENT_MAX: the writer waits for the index when it is full.
 */
#ifndef PP_RECENT_H
#define PP_RECENT_H

#include <pp/amount.h>
#include <pp/ids.h>

#define PP_RECENT_MAX (1u << 18) /* how far the index may lag behind: some seconds of the highest load */

struct pp_recent_stamp {
    struct pp_grains from;
    struct pp_stamp_id stamp_id;
    uint64_t sequence;
    uint64_t time_ms;
    uint32_t slot;
    uint32_t older, newer; /* places + 1; of a free place newer is the next free one */
    bool ticket;
};

struct pp_recent {
    struct pp_recent_stamp *places;
    uint32_t *table; /* place + 1; open addressing, half full */
    uint64_t key;    /* so that who chooses intervals cannot make them collide */
    uint32_t oldest, newest, free; /* places + 1; 0: none */
    uint32_t fresh;  /* places from here on were never used */
    uint32_t count;
};

/* key: any random number. */
PP_MUST_CHECK enum pp_error pp_recent_open(struct pp_recent *recent, uint64_t key);
void pp_recent_close(struct pp_recent *recent);
static inline uint64_t pp_recent_count(const struct pp_recent *recent)
{
    return recent->count;
}
/* There must be room, and no other that begins there; sequences never fall. older, newer: ignored. */
void pp_recent_add(struct pp_recent *recent, const struct pp_recent_stamp *stamp);
/* NULL: none begins there. */
const struct pp_recent_stamp *pp_recent_find(const struct pp_recent *recent, uint32_t slot, struct pp_grains from);
/* Those with a sequence below `end` are indexed. */
void pp_recent_drop_below(struct pp_recent *recent, uint64_t end);
/* Those from `start` on never were. */
void pp_recent_drop_from(struct pp_recent *recent, uint64_t start);

#endif
