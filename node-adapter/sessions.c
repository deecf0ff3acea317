#include "sessions.h"

#include "memory.h"
#include "places.h"

#include <pp/assert.h>

#include <sodium.h>
#include <stdlib.h>

#define BUCKETS (2u * PP_SESSIONS_MAX)
#define LEAF_PLACES (2u * PP_SESSION_LEAVES_MAX)
#define ALL_LANES UINT32_MAX

enum pp_error pp_sessions_open(struct pp_sessions *sessions, uint64_t key)
{
    *sessions = (struct pp_sessions){.key = key};
    PP_TRY(pp_memory_map(PP_SESSIONS_MAX * sizeof *sessions->places, (void **)&sessions->places));
    PP_TRY(pp_memory_map(BUCKETS * sizeof *sessions->by_id, (void **)&sessions->by_id));
    PP_TRY(pp_memory_map(BUCKETS * sizeof *sessions->by_slot, (void **)&sessions->by_slot));
    return pp_memory_map(LEAF_PLACES * sizeof *sessions->leaves, (void **)&sessions->leaves);
}

void pp_sessions_close(struct pp_sessions *sessions)
{
    for (uint32_t i = 0; sessions->places && i < sessions->used; i++)
        pp_session_key_done(&sessions->places[i].key);
    for (size_t i = 0; i < sessions->change_capacity; i++)
        pp_session_key_done(&sessions->changes[i].session.key);
    pp_memory_unmap(sessions->places, PP_SESSIONS_MAX * sizeof *sessions->places);
    pp_memory_unmap(sessions->by_id, BUCKETS * sizeof *sessions->by_id);
    pp_memory_unmap(sessions->by_slot, BUCKETS * sizeof *sessions->by_slot);
    pp_memory_unmap(sessions->leaves, LEAF_PLACES * sizeof *sessions->leaves);
    free(sessions->changes);
    free(sessions->leaf_changes);
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

static enum pp_error leaf_changes_reserve(struct pp_sessions *sessions, size_t more)
{
    size_t needed = sessions->leaf_change_count + more;
    if (needed <= sessions->leaf_change_capacity)
        return PP_OK;
    struct pp_session_leaf_change *grown = realloc(sessions->leaf_changes, 2 * needed * sizeof *grown);
    if (!grown)
        return PP_NO_MEMORY;
    sessions->leaf_changes = grown;
    sessions->leaf_change_capacity = 2 * needed;
    return PP_OK;
}

enum pp_error pp_sessions_reserve(struct pp_sessions *sessions, size_t stamps)
{
    /* Each open session is saved once a group, whatever becomes of it. */
    PP_TRY(changes_reserve(sessions, stamps < sessions->count ? stamps : sessions->count));
    return leaf_changes_reserve(sessions, 2 * stamps); /* a leaf, and the link to it */
}

void pp_sessions_begin(struct pp_sessions *sessions)
{
    sessions->group++;
    sessions->change_count = 0;
    sessions->leaf_change_count = 0;
}

static enum pp_error note(struct pp_sessions *sessions, enum pp_session_change_kind kind,
                          const struct pp_session *session)
{
    PP_TRY(changes_reserve(sessions, 1));
    sessions->changes[sessions->change_count++] = (struct pp_session_change){kind, *session};
    return PP_OK;
}

static enum pp_error leaf_note(struct pp_sessions *sessions, enum pp_session_change_kind kind,
                               const struct pp_session_leaf *leaf)
{
    PP_TRY(leaf_changes_reserve(sessions, 1));
    sessions->leaf_changes[sessions->leaf_change_count++] = (struct pp_session_leaf_change){kind, *leaf};
    return PP_OK;
}

/* Before the first change of an open session in this group. */
static enum pp_error touch(struct pp_sessions *sessions, struct pp_session *session)
{
    if (session->saved_in == sessions->group)
        return PP_OK;
    PP_TRY(note(sessions, PP_SESSION_CHANGED, session));
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

static uint32_t leaf_home(const struct pp_sessions *sessions, uint64_t sequence)
{
    return (uint32_t)(pp_place_hash(sequence, sessions->key) % LEAF_PLACES);
}

static struct pp_session_leaf *leaf_place(const struct pp_sessions *sessions, uint64_t sequence)
{
    uint32_t at = leaf_home(sessions, sequence);
    while (sessions->leaves[at].sequence != 0 && sessions->leaves[at].sequence != sequence)
        at = (at + 1) % LEAF_PLACES;
    return &sessions->leaves[at];
}

static void leaf_put(struct pp_sessions *sessions, const struct pp_session_leaf *leaf)
{
    struct pp_session_leaf *place = leaf_place(sessions, leaf->sequence);
    sessions->leaf_count += place->sequence == 0;
    *place = *leaf;
}

/* Takes a place out and moves up whoever would no longer be found. */
static void leaf_out(struct pp_sessions *sessions, uint64_t sequence)
{
    struct pp_session_leaf *leaves = sessions->leaves;
    uint32_t hole = (uint32_t)(leaf_place(sessions, sequence) - leaves);
    PP_ASSERT(leaves[hole].sequence == sequence);
    sessions->leaf_count--;
    for (uint32_t next = (hole + 1) % LEAF_PLACES; leaves[next].sequence != 0;
         next = (next + 1) % LEAF_PLACES) {
        uint32_t home = leaf_home(sessions, leaves[next].sequence);
        if ((next + LEAF_PLACES - home) % LEAF_PLACES < (next + LEAF_PLACES - hole) % LEAF_PLACES)
            continue;
        leaves[hole] = leaves[next];
        hole = next;
    }
    leaves[hole].sequence = 0;
}

const struct pp_session_leaf *pp_sessions_leaf(const struct pp_sessions *sessions, uint64_t sequence)
{
    const struct pp_session_leaf *place = leaf_place(sessions, sequence);
    return sequence != 0 && place->sequence == sequence ? place : NULL;
}

void pp_sessions_context(const struct pp_sessions *sessions, const struct pp_session *session, uint32_t count,
                         struct pp_hash *scratch, struct pp_hash *out_context, struct pp_grains *out_highest)
{
    uint64_t at = session->first;
    struct pp_hash root;
    PP_ASSERT(count >= 1 && count <= session->unsigned_count);
    *out_highest = PP_GRAINS_ZERO;
    for (uint32_t i = 0; i < count; i++) {
        const struct pp_session_leaf *leaf = pp_sessions_leaf(sessions, at);
        PP_ASSERT(leaf != NULL);
        memcpy(scratch[i].bytes, leaf->stamp_id.bytes, sizeof scratch[i].bytes);
        *out_highest = pp_grains_max(*out_highest, leaf->to);
        at = leaf->next;
    }
    pp_tree_root(scratch, count, &root);
    pp_context(PP_STAMP_SESSION, count, &root, out_context);
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
    struct pp_session made = *session;
    made.first = made.last = 0;
    made.unsigned_count = 0;
    PP_TRY(note(sessions, PP_SESSION_ADDED, &made));
    made.saved_in = sessions->group; /* to undo it is to forget it */
    put(sessions, &made);
    return PP_OK;
}

enum pp_error pp_sessions_leaf_add(struct pp_sessions *sessions, struct pp_session *session,
                                   const struct pp_session_leaf *leaf)
{
    struct pp_session_leaf made = *leaf;
    PP_ASSERT(leaf->sequence > session->last);
    if (session->unsigned_count >= PP_SESSION_UNSIGNED_MAX)
        return PP_SESSION_UNSIGNED;
    if (sessions->leaf_count >= PP_SESSION_LEAVES_MAX)
        return PP_BUSY;
    PP_TRY(touch(sessions, session));
    if (session->last != 0) {
        struct pp_session_leaf *before = leaf_place(sessions, session->last);
        PP_TRY(leaf_note(sessions, PP_SESSION_CHANGED, before));
        before->next = leaf->sequence;
    } else {
        session->first = leaf->sequence;
    }
    made.next = 0;
    PP_TRY(leaf_note(sessions, PP_SESSION_ADDED, &made));
    leaf_put(sessions, &made);
    session->last = leaf->sequence;
    session->unsigned_count++;
    return PP_OK;
}

enum pp_error pp_sessions_leaf_stored(struct pp_sessions *sessions, uint64_t sequence, uint32_t day)
{
    struct pp_session_leaf *leaf = leaf_place(sessions, sequence);
    if (leaf->sequence != sequence || leaf->stored_day != 0)
        return PP_INVARIANT;
    PP_TRY(leaf_note(sessions, PP_SESSION_CHANGED, leaf));
    leaf->stored_day = day;
    return PP_OK;
}

enum pp_error pp_sessions_leaf_take(struct pp_sessions *sessions, struct pp_session *session,
                                    struct pp_session_leaf *out)
{
    const struct pp_session_leaf *leaf = pp_sessions_leaf(sessions, session->first);
    if (!leaf)
        return PP_INVARIANT;
    PP_TRY(touch(sessions, session));
    PP_TRY(leaf_note(sessions, PP_SESSION_REMOVED, leaf));
    *out = *leaf;
    leaf_out(sessions, out->sequence);
    session->first = out->next;
    session->unsigned_count--;
    if (out->next == 0)
        session->last = 0;
    return PP_OK;
}

enum pp_error pp_sessions_root_set(struct pp_sessions *sessions, struct pp_session *session,
                                   const struct pp_hash *root)
{
    PP_TRY(touch(sessions, session));
    session->root = *root;
    return PP_OK;
}

static enum pp_error end(struct pp_sessions *sessions, struct pp_session *session)
{
    while (session->unsigned_count > 0) {
        struct pp_session_leaf leaf;
        PP_TRY(pp_sessions_leaf_take(sessions, session, &leaf));
    }
    PP_TRY(note(sessions, PP_SESSION_REMOVED, session));
    take(sessions, session);
    return PP_OK;
}

bool pp_sessions_unsigned_of(const struct pp_sessions *sessions, uint32_t slot)
{
    const struct pp_session *one = pp_sessions_of_lane(sessions, slot, NULL);
    while (one && one->unsigned_count == 0)
        one = pp_sessions_of_lane(sessions, slot, one);
    return one != NULL;
}

enum pp_error pp_sessions_drop(struct pp_sessions *sessions, uint32_t slot)
{
    struct pp_session *session;
    while ((session = pp_sessions_of_lane(sessions, slot, NULL)) != NULL)
        PP_TRY(end(sessions, session));
    return PP_OK;
}

static bool is_over(const struct pp_session *session, uint64_t time_ms)
{
    return session->sequence != 0 && session->unsigned_count == 0 && session->not_after_ms < time_ms;
}

enum pp_error pp_sessions_expire(struct pp_sessions *sessions, uint32_t slot, uint64_t time_ms)
{
    if (slot == ALL_LANES) {
        for (uint32_t i = 0; i < sessions->used; i++)
            if (is_over(&sessions->places[i], time_ms))
                PP_TRY(end(sessions, &sessions->places[i]));
        return PP_OK;
    }
    struct pp_session *one = pp_sessions_of_lane(sessions, slot, NULL);
    while (one) {
        struct pp_session *next = pp_sessions_of_lane(sessions, slot, one);
        if (is_over(one, time_ms))
            PP_TRY(end(sessions, one));
        one = next;
    }
    return PP_OK;
}

/* ---- undo ---- */

void pp_sessions_undo(struct pp_sessions *sessions)
{
    while (sessions->leaf_change_count > 0) {
        const struct pp_session_leaf_change *change = &sessions->leaf_changes[--sessions->leaf_change_count];
        if (change->kind == PP_SESSION_ADDED)
            leaf_out(sessions, change->leaf.sequence);
        else
            leaf_put(sessions, &change->leaf);
    }
    while (sessions->change_count > 0) {
        const struct pp_session_change *change = &sessions->changes[--sessions->change_count];
        struct pp_session *session = pp_sessions_find(sessions, &change->session.id);
        PP_ASSERT((session == NULL) == (change->kind == PP_SESSION_REMOVED));
        if (change->kind == PP_SESSION_REMOVED) {
            put(sessions, &change->session);
        } else if (change->kind == PP_SESSION_ADDED) {
            take(sessions, session);
        } else {
            const uint32_t links[2] = {session->next_by_id, session->next_by_slot};
            *session = change->session;
            session->next_by_id = links[0];
            session->next_by_slot = links[1];
        }
    }
}
