/* load_roots.h - what a lane's session has acknowledged and unsigned, and the root over it.
 *
 * A root is over the oldest leaves in the order of the node's journal (SESSION-030), which the answers' sequence numbers tell. So
 * it can be made only when nothing of the lane is under way, and nothing lost: until then the lane sends no new stamps, and they
 * wait in the schedule.
 * Own:    a tail is used by its lane's sender; while its root is under way it does not change, and another thread may make it.
 * Limits: LOAD_UNSIGNED_MAX leaves of all lanes together, PP_SESSION_UNSIGNED_MAX of one.
 */
#ifndef CLI_LOAD_ROOTS_H
#define CLI_LOAD_ROOTS_H

#include "load_traffic.h"

#define LOAD_UNSIGNED_MAX 262144u /* of a node (SESSION-026) */

struct load_leaf {
    uint64_t sequence;
    uint32_t number; /* of traffic->ids */
};

struct load_tail {
    struct load_leaf *leaves; /* room for load_tail_limit */
    uint32_t count;
    uint32_t limit; /* with this many, under way ones among them, the next root is due */
    bool wanted;    /* a root is due */
    bool is_queued; /* it may leave */
    bool busy;      /* it left */
    uint64_t sent_ns;
};

/* The most that one lane may have unsigned; at least the stamps of one request. */
uint32_t load_tail_limit(uint32_t lanes, uint32_t stamps);
/* One a lane. Their first roots come at different times: lanes that get their turns evenly would sign all at once otherwise. */
PP_MUST_CHECK enum pp_error load_tails_make(uint32_t lanes, uint32_t stamps, struct load_tail **out);
void load_tails_done(struct load_tail *tails, uint32_t lanes);

/* What was acknowledged of a request: sequences[count], 0 where it was not. */
void load_tail_put(struct load_tail *tail, uint32_t first_number, const uint64_t *sequences, uint32_t count);

/* Over all that is in the tail, which gets sorted. scratch has room for PP_LEAVES_MAX. */
PP_MUST_CHECK enum pp_error load_root_make(const struct load_traffic *traffic, uint32_t lane,
                                           struct load_tail *tail, struct pp_hash *scratch,
                                           struct pp_session_root *out);

#endif
