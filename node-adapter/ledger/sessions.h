/* sessions.h - the open sessions of a node, and their leaves that no root covers yet.
 *
 * Shape:  sessions stand in places, found by id and by lane, each with its unsigned leaves. Changes since _begin can be undone.
 * Own:    memory is mapped when it opens, and touched when it is used. A session is borrowed until the next change. The MAC
 *         key is no part of the ledger: whoever computed it puts it there.
 * Errors: BUSY when PP_SESSIONS_MAX are open or PP_SESSION_LEAVES_MAX leaves are unsigned; TOO_MANY_SESSIONS of one lane;
 *         INVARIANT for what cannot be; NO_MEMORY.
 * Source: specs/sessions.md.
 */
#ifndef PP_SESSIONS_H
#define PP_SESSIONS_H

#include "ledger/session_leaves.h"

#include <pp/session.h>

struct pp_session {
    uint64_t sequence; /* of the record that opened it; 0: a free place */
    struct pp_hash id;
    struct pp_span chunk;
    uint64_t not_after_ms;
    struct pp_session_public node_key, sender_key;
    struct pp_hash root; /* the context of the newest root; zero: there is none */
    struct pp_leaf_ring leaves; /* unsigned */
    uint32_t slot;
    /* no part of the ledger */
    struct pp_session_key key;
    bool has_key;
    uint64_t saved_in;
    uint32_t next_by_id, next_by_slot; /* places + 1 */
};

enum pp_session_change_kind {
    PP_SESSION_ADDED,
    PP_SESSION_CHANGED,
    PP_SESSION_REMOVED,
    PP_LEAF_ADDED,
    PP_LEAF_STORED,
    PP_LEAF_REMOVED,
};
/* One list, in the order in which they were made: so each is undone where it was done. */
struct pp_session_change {
    enum pp_session_change_kind kind;
    uint32_t place;
    union {
        struct pp_session session;   /* before */
        struct pp_session_leaf leaf; /* REMOVED: as it was */
        uint64_t sequence;           /* STORED */
    };
};

/* A root is checked before its record is written, and again by the ledger that takes it. */
struct pp_session_tree {
    uint64_t session, oldest; /* sequences; 0: none */
    uint32_t count;
    struct pp_hash context;
};

struct pp_sessions {
    struct pp_session *places; /* PP_SESSIONS_MAX */
    uint32_t *by_id, *by_slot; /* chains: place + 1 */
    uint32_t free_place;       /* place + 1; 0: beyond `used` */
    uint32_t used, count;
    struct pp_leaf_pool leaves;
    uint32_t leaf_count;
    struct pp_session_tree tree; /* the newest that was computed in this group */
    uint64_t key; /* of chains */
    uint64_t group;
    struct pp_session_change *changes;
    size_t change_count, change_capacity;
};

/* key: any random number; it says in which chain a session stands, and is no part of what it is. */
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
/* The unsigned leaf of that lane; NULL: none has that sequence. */
const struct pp_session_leaf *pp_sessions_leaf(const struct pp_sessions *sessions, uint32_t slot, uint64_t sequence);
/* The identities of the oldest `count` unsigned leaves, and their highest `to`; 1 <= count <= those there are (asserted). */
void pp_sessions_oldest(const struct pp_sessions *sessions, const struct pp_session *session, uint32_t count,
                        struct pp_hash *out_ids, struct pp_grains *out_highest);
/* The context over the oldest `count` unsigned leaves, and their highest `to`; 1 <= count <= those there are (asserted).
 * scratch has room for count. */
void pp_sessions_context(struct pp_sessions *sessions, const struct pp_session *session, uint32_t count,
                         struct pp_hash *scratch, struct pp_hash *out_context, struct pp_grains *out_highest);

/* ---- changing ---- */

/* sequence, id, chunk, not_after, keys, root and slot count; it begins without leaves. */
PP_MUST_CHECK enum pp_error pp_sessions_add(struct pp_sessions *sessions, const struct pp_session *session);
/* The newest unsigned leaf. SESSION_UNSIGNED at the limit, BUSY. */
PP_MUST_CHECK enum pp_error pp_sessions_leaf_add(struct pp_sessions *sessions, struct pp_session *session,
                                                 const struct pp_session_leaf *leaf);
/* The ticket of an unsigned leaf was stored. */
PP_MUST_CHECK enum pp_error pp_sessions_leaf_stored(struct pp_sessions *sessions, uint32_t slot, uint64_t sequence,
                                                    uint32_t day);
/* Takes out the oldest unsigned leaf, which must exist. */
PP_MUST_CHECK enum pp_error pp_sessions_leaf_take(struct pp_sessions *sessions, struct pp_session *session,
                                                  struct pp_session_leaf *out);
PP_MUST_CHECK enum pp_error pp_sessions_root_set(struct pp_sessions *sessions, struct pp_session *session,
                                                 const struct pp_hash *root);
/* With what is unsigned. */
PP_MUST_CHECK enum pp_error pp_sessions_end(struct pp_sessions *sessions, struct pp_session *session);
/* Whether a session of this lane has an unsigned leaf. */
bool pp_sessions_unsigned_of(const struct pp_sessions *sessions, uint32_t slot);
/* With what is unsigned: all of one lane. */
PP_MUST_CHECK enum pp_error pp_sessions_drop(struct pp_sessions *sessions, uint32_t slot);
/* SESSION-017: those that are over, of one lane, or of all (UINT32_MAX). */
PP_MUST_CHECK enum pp_error pp_sessions_expire(struct pp_sessions *sessions, uint32_t slot, uint64_t time_ms);

#endif
