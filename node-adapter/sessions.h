/* sessions.h - the open sessions of a node, and their leaves that no root covers yet.
 *
 * Shape:  sessions stand in places, found by id and by lane; leaves in a table by sequence number, each naming the next one of
 *         its session, so that the oldest are taken first. Changes since _begin can be undone.
 * Own:    memory is mapped when it opens, and touched when it is used. A session is borrowed until the next change. The MAC
 *         key is no part of the ledger: whoever computed it puts it there.
 * Errors: BUSY when PP_SESSIONS_MAX are open or PP_SESSION_LEAVES_MAX leaves are unsigned; TOO_MANY_SESSIONS of one lane;
 *         INVARIANT for what cannot be; NO_MEMORY.
 * Source: specs/sessions.md.
 */
#ifndef PP_SESSIONS_H
#define PP_SESSIONS_H

#include <pp/limits.h>
#include <pp/postage.h>
#include <pp/session.h>

struct pp_session {
    uint64_t sequence; /* of the record that opened it; 0: a free place */
    struct pp_hash id;
    struct pp_span chunk;
    uint64_t not_after_ms;
    struct pp_session_public node_key, sender_key;
    struct pp_hash root;  /* the context of the newest root; zero: there is none */
    uint64_t first, last; /* the oldest and the newest unsigned leaf; 0: none */
    uint32_t unsigned_count;
    uint32_t slot;
    /* no part of the ledger */
    struct pp_session_key key;
    bool has_key;
    uint64_t saved_in;
    uint32_t next_by_id, next_by_slot; /* places + 1 */
};

struct pp_session_leaf {
    uint64_t sequence; /* 0: an empty place */
    uint64_t next;     /* of the same session; 0: the newest */
    struct pp_stamp_id stamp_id;
    struct pp_postage postage;
    struct pp_grains to;
    uint32_t stored_day; /* 0: a ticket that is open, or was cancelled */
    uint16_t retention_days;
};

enum pp_session_change_kind {
    PP_SESSION_ADDED,
    PP_SESSION_CHANGED,
    PP_SESSION_REMOVED,
};
struct pp_session_change {
    enum pp_session_change_kind kind;
    struct pp_session session; /* before */
};
struct pp_session_leaf_change {
    enum pp_session_change_kind kind;
    struct pp_session_leaf leaf; /* before */
};

struct pp_sessions {
    struct pp_session *places; /* PP_SESSIONS_MAX */
    uint32_t *by_id, *by_slot; /* chains: place + 1 */
    uint32_t free_place;       /* place + 1; 0: beyond `used` */
    uint32_t used, count;
    struct pp_session_leaf *leaves; /* open addressing, half full */
    uint32_t leaf_count;
    uint64_t key; /* of places and chains */
    uint64_t group;
    struct pp_session_change *changes;
    size_t change_count, change_capacity;
    struct pp_session_leaf_change *leaf_changes;
    size_t leaf_change_count, leaf_change_capacity;
};

/* key: any random number; it says where things stand, and is no part of what they are. */
PP_MUST_CHECK enum pp_error pp_sessions_open(struct pp_sessions *sessions, uint64_t key);
void pp_sessions_close(struct pp_sessions *sessions);
/* Room for that many stamps. NO_MEMORY. */
PP_MUST_CHECK enum pp_error pp_sessions_reserve(struct pp_sessions *sessions, size_t stamps);
void pp_sessions_begin(struct pp_sessions *sessions);
void pp_sessions_undo(struct pp_sessions *sessions);

/* ---- looking ---- */

/* NULL: none. */
struct pp_session *pp_sessions_find(const struct pp_sessions *sessions, const struct pp_hash *id);
/* Those of one lane, in no order: NULL first, then the one before. */
struct pp_session *pp_sessions_of_lane(const struct pp_sessions *sessions, uint32_t slot,
                                       const struct pp_session *before);
uint32_t pp_sessions_lane_count(const struct pp_sessions *sessions, uint32_t slot);
/* All, by the sequence that opened them; room for sessions->count. */
void pp_sessions_list(const struct pp_sessions *sessions, const struct pp_session **out);
/* An unsigned leaf; NULL: none has that sequence. */
const struct pp_session_leaf *pp_sessions_leaf(const struct pp_sessions *sessions, uint64_t sequence);
/* The context over the oldest `count` unsigned leaves, and their highest `to`; 1 <= count <= unsigned_count (asserted).
 * scratch has room for count. */
void pp_sessions_context(const struct pp_sessions *sessions, const struct pp_session *session, uint32_t count,
                         struct pp_hash *scratch, struct pp_hash *out_context, struct pp_grains *out_highest);

/* ---- changing ---- */

/* sequence, id, chunk, not_after, keys, root and slot count; it begins without leaves. */
PP_MUST_CHECK enum pp_error pp_sessions_add(struct pp_sessions *sessions, const struct pp_session *session);
/* The newest unsigned leaf; `next` is not looked at. SESSION_UNSIGNED at the limit, BUSY. */
PP_MUST_CHECK enum pp_error pp_sessions_leaf_add(struct pp_sessions *sessions, struct pp_session *session,
                                                 const struct pp_session_leaf *leaf);
/* The ticket of an unsigned leaf was stored. */
PP_MUST_CHECK enum pp_error pp_sessions_leaf_stored(struct pp_sessions *sessions, uint64_t sequence,
                                                    uint32_t day);
/* Takes out the oldest unsigned leaf, which must exist. */
PP_MUST_CHECK enum pp_error pp_sessions_leaf_take(struct pp_sessions *sessions, struct pp_session *session,
                                                  struct pp_session_leaf *out);
PP_MUST_CHECK enum pp_error pp_sessions_root_set(struct pp_sessions *sessions, struct pp_session *session,
                                                 const struct pp_hash *root);
/* Whether a session of this lane has an unsigned leaf. */
bool pp_sessions_unsigned_of(const struct pp_sessions *sessions, uint32_t slot);
/* With what is unsigned: all of one lane. */
PP_MUST_CHECK enum pp_error pp_sessions_drop(struct pp_sessions *sessions, uint32_t slot);
/* SESSION-017: those that are over, of one lane, or of all (UINT32_MAX). */
PP_MUST_CHECK enum pp_error pp_sessions_expire(struct pp_sessions *sessions, uint32_t slot, uint64_t time_ms);

#endif
