/* recent.h - the stamps that are admitted and not yet in the index, in the order of admission, each found by its interval;
 * and what the index needs to know of them, so that it does not read the journal again.
 *
 * Shape:  stamps have positions, which count up from 0. They stand in chunks, each with a small table of its own: to add one
 *         touches one chunk, and a chunk goes as a whole when all its stamps are indexed.
 * Own:    one writer thread. The index thread reads those at positions that the writer published (under a lock of theirs) and
 *         that are not dropped. Memory is mapped when it opens, and the chunk used last is used again first, so that no more
 *         of it is touched than the index ever lagged behind.
 * Limits: PP_RECENT_MAX: the writer waits for the index when it is full.
 */
#ifndef PP_RECENT_H
#define PP_RECENT_H

#include <pp/amount.h>
#include <pp/ids.h>

#define PP_RECENT_MAX (1u << 18) /* how far the index may lag behind: some seconds of the highest load */
#define PP_RECENT_CHUNK_STAMPS 4096u
#define PP_RECENT_CHUNKS                                                                                     \
    (PP_RECENT_MAX / PP_RECENT_CHUNK_STAMPS + 1) /* the first and the last are used in part */
#define PP_TOPIC_KEY_BYTES 12u

struct pp_recent_stamp {
    struct pp_grains from;
    struct pp_stamp_id stamp_id;
    uint64_t sequence;
    uint64_t time_ms;
    uint32_t slot;
    uint32_t gone_day; /* of its envelope; 0: the host's, or it is found through the journal */
    uint8_t topic_key[PP_TOPIC_KEY_BYTES];
    bool ticket;
};

struct pp_recent_chunk;

struct pp_recent {
    struct pp_recent_chunk *chunks;
    uint64_t key;                     /* so that who chooses intervals cannot make them collide */
    uint64_t first, end;              /* positions */
    uint8_t places[PP_RECENT_CHUNKS]; /* of the chunk with that number, modulo PP_RECENT_CHUNKS */
    uint8_t free[PP_RECENT_CHUNKS];   /* a stack */
    uint32_t free_count;
    uint32_t fresh; /* chunks from here on were never used */
};

/* key: any random number. */
PP_MUST_CHECK enum pp_error pp_recent_open(struct pp_recent *recent, uint64_t key);
void pp_recent_close(struct pp_recent *recent);
static inline uint64_t pp_recent_count(const struct pp_recent *recent)
{
    return recent->end - recent->first;
}
/* There must be room, and no other that begins there; sequences ascend. */
void pp_recent_add(struct pp_recent *recent, const struct pp_recent_stamp *stamp);
/* NULL: none begins there. */
const struct pp_recent_stamp *pp_recent_find(const struct pp_recent *recent, uint32_t slot,
                                             struct pp_grains from);
/* The one at a position from first to end. */
const struct pp_recent_stamp *pp_recent_at(const struct pp_recent *recent, uint64_t position);
/* Those below this position are indexed. */
void pp_recent_drop_below(struct pp_recent *recent, uint64_t position);
/* Those from sequence `start` on never were. */
void pp_recent_drop_from(struct pp_recent *recent, uint64_t start);

#endif
