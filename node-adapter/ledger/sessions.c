#include "ledger/sessions.h"

#include "engine/memory.h"
#include "engine/places.h"

#include <pp/assert.h>

#include <sodium.h>
#include <stdlib.h>

#define BUCKETS (2u * PP_SESSIONS_MAX)
#define ALL_LANES UINT32_MAX

enum pp_error pp_sessions_open(struct pp_sessions *sessions, uint64_t key)
{
    *sessions = (struct pp_sessions){.key = key};
    PP_TRY(pp_memory_map(PP_SESSIONS_MAX * sizeof *sessions->places, (void **)&sessions->places));
    PP_TRY(pp_memory_map(BUCKETS * sizeof *sessions->by_id, (void **)&sessions->by_id));
    PP_TRY(pp_memory_map(BUCKETS * sizeof *sessions->by_slot, (void **)&sessions->by_slot));
    return pp_leaf_pool_open(&sessions->leaves);
}

void pp_sessions_close(struct pp_sessions *sessions)
{
    for (uint32_t i = 0; sessions->places && i < sessions->used; i++)
        pp_session_key_done(&sessions->places[i].key);
    if (sessions->changes) /* sessions' keys */
        sodium_memzero(sessions->changes, sessions->change_capacity * sizeof *sessions->changes);
    pp_memory_unmap(sessions->places, PP_SESSIONS_MAX * sizeof *sessions->places);
    pp_memory_unmap(sessions->by_id, BUCKETS * sizeof *sessions->by_id);
    pp_memory_unmap(sessions->by_slot, BUCKETS * sizeof *sessions->by_slot);
    pp_leaf_pool_close(&sessions->leaves);
    free(sessions->changes);
    *sessions = (struct pp_sessions){0};
}

/* ---- changes that can be taken back ---- */

static enum pp_error changes_reserve(struct pp_sessions *sessions, size_t more)
{
    size_t needed = sessions->change_count + more;
    if (needed <= sessions->change_capacity)
        return PP_OK;
    struct pp_session_change *grown = calloc(2 * needed, sizeof *grown);
    if (!grown)
        return PP_NO_MEMORY;
    if (sessions->change_count > 0)
        memcpy(grown, sessions->changes, sessions->change_count * sizeof *grown);
    if (sessions->changes)
        sodium_memzero(sessions->changes, sessions->change_capacity * sizeof *grown);
    free(sessions->changes);
    sessions->changes = grown;
    sessions->change_capacity = 2 * needed;
    return PP_OK;
}

enum pp_error pp_sessions_reserve(struct pp_sessions *sessions, size_t stamps)
{
    /* Each open session is saved once a group, whatever becomes of it. */
    return changes_reserve(sessions, stamps + (stamps < sessions->count ? stamps : sessions->count));
}

void pp_sessions_begin(struct pp_sessions *sessions)
{
    sessions->group++;
    sessions->tree = (struct pp_session_tree){0}; /* a group that was undone may have had other leaves by these numbers */
    sessions->change_count = 0;
}

/* For the caller to fill in. NULL: NO_MEMORY. */
static struct pp_session_change *note(struct pp_sessions *sessions, enum pp_session_change_kind kind,
                                      const struct pp_session *session)
{
    if (changes_reserve(sessions, 1) != PP_OK)
        return NULL;
    struct pp_session_change *change = &sessions->changes[sessions->change_count++];
    change->kind = kind;
    change->place = (uint32_t)(session - sessions->places);
    return change;
}

static enum pp_error session_note(struct pp_sessions *sessions, enum pp_session_change_kind kind,
                                  const struct pp_session *session)
{
    struct pp_session_change *change = note(sessions, kind, session);
    if (!change)
        return PP_NO_MEMORY;
    change->session = *session;
    return PP_OK;
}

/* Before the first change of an open session in this group. */
static enum pp_error touch(struct pp_sessions *sessions, struct pp_session *session)
{
    if (session->saved_in == sessions->group)
        return PP_OK;
    PP_TRY(session_note(sessions, PP_SESSION_CHANGED, session));
    session->saved_in = sessions->group;
    return PP_OK;
}

/* ---- places ---- */

static uint32_t bucket_of_id(const struct pp_sessions *sessions, const struct pp_hash *id)
{
    uint64_t word; /* a hash already, but one that a sender may grind */
    memcpy(&word, id->bytes, sizeof word);
    return (uint32_t)(pp_place_hash(word, sessions->key) % BUCKETS);
}

static void chain_out(struct pp_sessions *sessions, uint32_t *at, uint32_t place, bool by_id)
{
    while (*at != place + 1) {
        PP_ASSERT(*at != 0);
        struct pp_session *one = &sessions->places[*at - 1];
        at = by_id ? &one->next_by_id : &one->next_by_slot;
    }
    *at = by_id ? sessions->places[place].next_by_id : sessions->places[place].next_by_slot;
}

static struct pp_session *put(struct pp_sessions *sessions, const struct pp_session *session)
{
    uint32_t place = sessions->free_place > 0 ? sessions->free_place - 1 : sessions->used++;
    struct pp_session *out = &sessions->places[place];
    if (sessions->free_place > 0)
        sessions->free_place = out->next_by_id;
    uint32_t *by_id = &sessions->by_id[bucket_of_id(sessions, &session->id)];
    uint32_t *by_slot = &sessions->by_slot[session->slot % BUCKETS];
    *out = *session;
    out->next_by_id = *by_id;
    out->next_by_slot = *by_slot;
    *by_id = *by_slot = place + 1;
    sessions->count++;
    return out;
}

static void take(struct pp_sessions *sessions, struct pp_session *session)
{
    uint32_t place = (uint32_t)(session - sessions->places);
    chain_out(sessions, &sessions->by_id[bucket_of_id(sessions, &session->id)], place, true);
    chain_out(sessions, &sessions->by_slot[session->slot % BUCKETS], place, false);
    pp_session_key_done(&session->key);
    *session = (struct pp_session){.next_by_id = sessions->free_place};
    sessions->free_place = place + 1;
    sessions->count--;
}

struct pp_session *pp_sessions_find(const struct pp_sessions *sessions, const struct pp_hash *id)
{
    uint32_t at = sessions->by_id[bucket_of_id(sessions, id)];
    while (at != 0 && !pp_hash_eq(&sessions->places[at - 1].id, id))
        at = sessions->places[at - 1].next_by_id;
    return at == 0 ? NULL : &sessions->places[at - 1];
}

struct pp_session *pp_sessions_of_lane(const struct pp_sessions *sessions, uint32_t slot,
                                       const struct pp_session *before)
{
    uint32_t at = before ? before->next_by_slot : sessions->by_slot[slot % BUCKETS];
    while (at != 0 && sessions->places[at - 1].slot != slot)
        at = sessions->places[at - 1].next_by_slot;
    return at == 0 ? NULL : &sessions->places[at - 1];
}

uint32_t pp_sessions_lane_count(const struct pp_sessions *sessions, uint32_t slot)
{
    uint32_t count = 0;
    for (const struct pp_session *one = NULL; (one = pp_sessions_of_lane(sessions, slot, one)) != NULL;)
        count++;
    return count;
}

static int by_sequence(const void *a, const void *b)
{
    const struct pp_session *const *x = a, *const *y = b;
    return (*x)->sequence < (*y)->sequence ? -1 : (*x)->sequence > (*y)->sequence;
}

void pp_sessions_list(const struct pp_sessions *sessions, const struct pp_session **out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < sessions->used; i++)
        if (sessions->places[i].sequence != 0)
            out[count++] = &sessions->places[i];
    PP_ASSERT(count == sessions->count);
    qsort(out, count, sizeof *out, by_sequence);
}

/* ---- leaves ---- */

static struct pp_session_leaf *leaf_of(const struct pp_sessions *sessions, uint32_t slot, uint64_t sequence,
                                       const struct pp_session **out_session)
{
    const struct pp_session *one = NULL;
    struct pp_session_leaf *leaf = NULL;
    while (!leaf && (one = pp_sessions_of_lane(sessions, slot, one)) != NULL)
        leaf = pp_leaf_find(&sessions->leaves, &one->leaves, sequence);
    *out_session = one;
    return leaf;
}

const struct pp_session_leaf *pp_sessions_leaf(const struct pp_sessions *sessions, uint32_t slot, uint64_t sequence)
{
    const struct pp_session *session;
    return leaf_of(sessions, slot, sequence, &session);
}

static void ids_take(const struct pp_sessions *sessions, const struct pp_session *session, uint32_t count,
                     struct pp_hash *out)
{
    for (uint32_t i = 0; i < count; i++)
        memcpy(out[i].bytes, pp_leaf_at(&sessions->leaves, &session->leaves, i)->stamp_id.bytes, sizeof out[i].bytes);
}

static struct pp_grains highest_of(const struct pp_sessions *sessions, const struct pp_session *session, uint32_t count)
{
    struct pp_grains highest = PP_GRAINS_ZERO;
    for (uint32_t i = 0; i < count; i++)
        highest = pp_grains_max(highest, pp_leaf_at(&sessions->leaves, &session->leaves, i)->to);
    return highest;
}

void pp_sessions_oldest(const struct pp_sessions *sessions, const struct pp_session *session, uint32_t count,
                        struct pp_hash *out_ids, struct pp_grains *out_highest)
{
    PP_ASSERT(count >= 1 && count <= session->leaves.count);
    ids_take(sessions, session, count, out_ids);
    *out_highest = highest_of(sessions, session, count);
}

/* Leaves do not change while they stand, so the same place and number of leaves is the same tree as long as the group lasts. */
static const struct pp_hash *tree_of(struct pp_sessions *sessions, const struct pp_session *session, uint32_t count,
                                     struct pp_hash *scratch)
{
    const uint64_t oldest = pp_leaf_at(&sessions->leaves, &session->leaves, 0)->sequence;
    struct pp_session_tree *tree = &sessions->tree;
    struct pp_hash root;
    if (tree->session == session->sequence && tree->oldest == oldest && tree->count == count)
        return &tree->context;
    ids_take(sessions, session, count, scratch);
    pp_tree_root(scratch, count, &root);
    *tree = (struct pp_session_tree){.session = session->sequence, .oldest = oldest, .count = count};
    pp_context(PP_STAMP_SESSION, count, &root, &tree->context);
    return &tree->context;
}

void pp_sessions_context(struct pp_sessions *sessions, const struct pp_session *session, uint32_t count,
                         struct pp_hash *scratch, struct pp_hash *out_context, struct pp_grains *out_highest)
{
    PP_ASSERT(count >= 1 && count <= session->leaves.count);
    *out_context = *tree_of(sessions, session, count, scratch);
    *out_highest = highest_of(sessions, session, count);
}

/* ---- changing ---- */

enum pp_error pp_sessions_add(struct pp_sessions *sessions, const struct pp_session *session)
{
    PP_ASSERT(session->sequence != 0);
    if (pp_sessions_find(sessions, &session->id))
        return PP_INVARIANT;
    if (pp_sessions_lane_count(sessions, session->slot) >= PP_LANE_SESSIONS_MAX)
        return PP_TOO_MANY_SESSIONS;
    if (sessions->count >= PP_SESSIONS_MAX)
        return PP_BUSY;
    PP_TRY(changes_reserve(sessions, 1));
    struct pp_session *made = put(sessions, session);
    made->leaves = (struct pp_leaf_ring){0};
    made->saved_in = sessions->group; /* to undo it is to forget it */
    (void)note(sessions, PP_SESSION_ADDED, made); /* there is room */
    return PP_OK;
}

enum pp_error pp_sessions_leaf_add(struct pp_sessions *sessions, struct pp_session *session,
                                   const struct pp_session_leaf *leaf)
{
    struct pp_leaf_ring *ring = &session->leaves;
    PP_ASSERT(ring->count == 0 || leaf->sequence > pp_leaf_at(&sessions->leaves, ring, ring->count - 1)->sequence);
    if (ring->count >= PP_SESSION_UNSIGNED_MAX)
        return PP_SESSION_UNSIGNED;
    if (sessions->leaf_count >= PP_SESSION_LEAVES_MAX)
        return PP_BUSY;
    PP_TRY(touch(sessions, session));
    if (!note(sessions, PP_LEAF_ADDED, session))
        return PP_NO_MEMORY;
    pp_leaf_push(&sessions->leaves, ring, leaf);
    sessions->leaf_count++;
    return PP_OK;
}

enum pp_error pp_sessions_leaf_stored(struct pp_sessions *sessions, uint32_t slot, uint64_t sequence, uint32_t day)
{
    const struct pp_session *session;
    struct pp_session_leaf *leaf = leaf_of(sessions, slot, sequence, &session);
    if (!leaf || leaf->stored_day != 0)
        return PP_INVARIANT;
    struct pp_session_change *change = note(sessions, PP_LEAF_STORED, session);
    if (!change)
        return PP_NO_MEMORY;
    change->sequence = sequence;
    leaf->stored_day = day;
    return PP_OK;
}

enum pp_error pp_sessions_leaf_take(struct pp_sessions *sessions, struct pp_session *session,
                                    struct pp_session_leaf *out)
{
    if (session->leaves.count == 0)
        return PP_INVARIANT;
    PP_TRY(touch(sessions, session));
    struct pp_session_change *change = note(sessions, PP_LEAF_REMOVED, session);
    if (!change)
        return PP_NO_MEMORY;
    pp_leaf_pop(&sessions->leaves, &session->leaves, out);
    sessions->leaf_count--;
    change->leaf = *out;
    return PP_OK;
}

enum pp_error pp_sessions_root_set(struct pp_sessions *sessions, struct pp_session *session,
                                   const struct pp_hash *root)
{
    PP_TRY(touch(sessions, session));
    session->root = *root;
    return PP_OK;
}

enum pp_error pp_sessions_end(struct pp_sessions *sessions, struct pp_session *session)
{
    while (session->leaves.count > 0) {
        struct pp_session_leaf leaf;
        PP_TRY(pp_sessions_leaf_take(sessions, session, &leaf));
    }
    PP_TRY(session_note(sessions, PP_SESSION_REMOVED, session));
    take(sessions, session);
    return PP_OK;
}

bool pp_sessions_unsigned_of(const struct pp_sessions *sessions, uint32_t slot)
{
    const struct pp_session *one = pp_sessions_of_lane(sessions, slot, NULL);
    while (one && one->leaves.count == 0)
        one = pp_sessions_of_lane(sessions, slot, one);
    return one != NULL;
}

enum pp_error pp_sessions_drop(struct pp_sessions *sessions, uint32_t slot)
{
    struct pp_session *session;
    while ((session = pp_sessions_of_lane(sessions, slot, NULL)) != NULL)
        PP_TRY(pp_sessions_end(sessions, session));
    return PP_OK;
}

static bool is_over(const struct pp_session *session, uint64_t time_ms)
{
    return session->sequence != 0 && session->leaves.count == 0 && session->not_after_ms < time_ms;
}

enum pp_error pp_sessions_expire(struct pp_sessions *sessions, uint32_t slot, uint64_t time_ms)
{
    if (slot == ALL_LANES) {
        for (uint32_t i = 0; i < sessions->used; i++)
            if (is_over(&sessions->places[i], time_ms))
                PP_TRY(pp_sessions_end(sessions, &sessions->places[i]));
        return PP_OK;
    }
    struct pp_session *one = pp_sessions_of_lane(sessions, slot, NULL);
    while (one) {
        struct pp_session *next = pp_sessions_of_lane(sessions, slot, one);
        if (is_over(one, time_ms))
            PP_TRY(pp_sessions_end(sessions, one));
        one = next;
    }
    return PP_OK;
}

/* ---- undo ---- */

/* Links and leaves stand as they are: other changes made them, and take them back. */
static void session_restore(struct pp_session *session, const struct pp_session *before)
{
    const struct pp_leaf_ring leaves = session->leaves;
    const uint32_t links[2] = {session->next_by_id, session->next_by_slot};
    *session = *before;
    session->leaves = leaves;
    session->next_by_id = links[0];
    session->next_by_slot = links[1];
}

static void change_undo(struct pp_sessions *sessions, const struct pp_session_change *change)
{
    struct pp_session *session = &sessions->places[change->place];
    switch (change->kind) {
    case PP_SESSION_ADDED:
        take(sessions, session);
        break;
    case PP_SESSION_CHANGED:
        session_restore(session, &change->session);
        break;
    case PP_SESSION_REMOVED: /* its place was the last to become free */
        session = put(sessions, &change->session);
        PP_ASSERT(session == &sessions->places[change->place]);
        break;
    case PP_LEAF_ADDED:
        pp_leaf_unpush(&sessions->leaves, &session->leaves);
        sessions->leaf_count--;
        break;
    case PP_LEAF_STORED:
        pp_leaf_find(&sessions->leaves, &session->leaves, change->sequence)->stored_day = 0;
        break;
    case PP_LEAF_REMOVED:
        pp_leaf_unpop(&sessions->leaves, &session->leaves, &change->leaf);
        sessions->leaf_count++;
        break;
    }
}

void pp_sessions_undo(struct pp_sessions *sessions)
{
    while (sessions->change_count > 0)
        change_undo(sessions, &sessions->changes[--sessions->change_count]);
}
