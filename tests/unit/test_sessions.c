/* The pool of open sessions and unsigned leaves, against plain lists.
 * Method: random changes in groups, half of which are taken back; after each group everything is compared. Then each limit. */
#include "pp_fixture.h"
#include "pp_test.h"

#include "ledger/sessions.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 3u
#define MODEL 64u
#define LEAVES 200u

struct model_session {
    struct pp_session session;
    uint64_t leaves[LEAVES];
    uint32_t days[LEAVES];
    size_t count;
};

struct model {
    struct model_session list[MODEL];
    size_t count;
};

static struct pp_session session_of(uint64_t sequence, uint32_t slot, uint64_t not_after_ms)
{
    struct pp_session session = {.sequence = sequence,
                                 .chunk = {pp_grains(0), pp_grains(1000000000)},
                                 .not_after_ms = not_after_ms,
                                 .slot = slot};
    memcpy(session.id.bytes + 8, &sequence, sizeof sequence);
    session.id.bytes[0] = (uint8_t)(sequence % 4); /* many in one bucket */
    return session;
}

static struct pp_session_leaf leaf_of(uint64_t sequence)
{
    struct pp_session_leaf leaf = {.sequence = sequence,
                                   .to = pp_grains(sequence * 10),
                                   .postage = {.base_grains = sequence},
                                   .retention_days = 3};
    memcpy(leaf.stamp_id.bytes, &sequence, sizeof sequence);
    return leaf;
}

static void ck_same_session(const struct pp_sessions *sessions, const struct model_session *model)
{
    const struct pp_session *found = pp_sessions_find(sessions, &model->session.id);
    ck_assert_ptr_nonnull(found);
    ck_assert_uint_eq(found->sequence, model->session.sequence);
    ck_assert_uint_eq(found->slot, model->session.slot);
    ck_assert_uint_eq(found->leaves.count, model->count);
    ck_assert_mem_eq(found->root.bytes, model->session.root.bytes, 32);
    for (uint32_t i = 0; i < model->count; i++) {
        const struct pp_session_leaf *leaf = pp_leaf_at(&sessions->leaves, &found->leaves, i);
        ck_assert_uint_eq(leaf->sequence, model->leaves[i]);
        ck_assert_uint_eq(leaf->stored_day, model->days[i]);
        ck_assert_ptr_eq(pp_sessions_leaf(sessions, found->slot, leaf->sequence), leaf);
        ck_assert_ptr_null(pp_sessions_leaf(sessions, found->slot + 1, leaf->sequence));
    }
    ck_assert_ptr_null(pp_sessions_leaf(sessions, found->slot, 0));
    ck_assert_ptr_null(pp_sessions_leaf(sessions, found->slot, UINT64_MAX));
}

static void ck_same(const struct pp_sessions *sessions, const struct model *model)
{
    uint32_t leaves = 0, by_slot[SLOTS] = {0};
    ck_assert_uint_eq(sessions->count, model->count);
    for (size_t i = 0; i < model->count; i++) {
        ck_same_session(sessions, &model->list[i]);
        leaves += (uint32_t)model->list[i].count;
        by_slot[model->list[i].session.slot]++;
    }
    ck_assert_uint_eq(sessions->leaf_count, leaves);
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        ck_assert_uint_eq(pp_sessions_lane_count(sessions, slot), by_slot[slot]);
    const struct pp_session **list = calloc(model->count + 1, sizeof *list);
    pp_sessions_list(sessions, list);
    for (size_t i = 1; i < model->count; i++)
        ck_assert_uint_lt(list[i - 1]->sequence, list[i]->sequence);
    free(list);
}

static void model_drop(struct model *model, size_t at)
{
    memmove(&model->list[at], &model->list[at + 1], (model->count - at - 1) * sizeof model->list[0]);
    model->count--;
}

static void change(struct pp_sessions *sessions, struct model *model, struct pp_rng *rng, uint64_t *next)
{
    uint64_t what = pp_rng_below(rng, 12);
    struct model_session *one = model->count ? &model->list[pp_rng_below(rng, model->count)] : NULL;
    struct pp_session *session = one ? pp_sessions_find(sessions, &one->session.id) : NULL;
    if (what == 0 || !one) {
        struct pp_session made =
            session_of((*next)++, (uint32_t)pp_rng_below(rng, SLOTS), 100 + pp_rng_below(rng, 100));
        enum pp_error error = pp_sessions_add(sessions, &made);
        if (pp_sessions_lane_count(sessions, made.slot) == PP_LANE_SESSIONS_MAX && error != PP_OK) {
            ck_assert_error(error, PP_TOO_MANY_SESSIONS);
        } else {
            ck_assert_ok(error);
            ck_assert_error(pp_sessions_add(sessions, &made), PP_INVARIANT);
            model->list[model->count++] = (struct model_session){.session = made};
        }
    } else if (what < 6 && one->count < LEAVES) {
        struct pp_session_leaf leaf = leaf_of((*next)++);
        ck_assert_ok(pp_sessions_leaf_add(sessions, session, &leaf));
        one->leaves[one->count] = leaf.sequence;
        one->days[one->count++] = 0;
    } else if (what < 9 && one->count > 0) {
        struct pp_session_leaf leaf;
        ck_assert_ok(pp_sessions_leaf_take(sessions, session, &leaf));
        ck_assert_uint_eq(leaf.sequence, one->leaves[0]);
        one->count--;
        memmove(one->leaves, one->leaves + 1, one->count * sizeof one->leaves[0]);
        memmove(one->days, one->days + 1, one->count * sizeof one->days[0]);
    } else if (what == 9 && one->count > 0) {
        size_t at = pp_rng_below(rng, one->count);
        ck_assert_error(pp_sessions_leaf_stored(sessions, one->session.slot, one->leaves[at], 77),
                        one->days[at] == 0 ? PP_OK : PP_INVARIANT);
        one->days[at] = 77;
    } else if (what == 10) {
        memset(one->session.root.bytes, (int)*next, 32);
        ck_assert_ok(pp_sessions_root_set(sessions, session, &one->session.root));
    } else {
        uint32_t slot = (uint32_t)pp_rng_below(rng, SLOTS);
        bool all = pp_rng_chance(rng, 2), drop = pp_rng_chance(rng, 4);
        uint64_t now = pp_rng_below(rng, 250);
        ck_assert_ok(drop ? pp_sessions_drop(sessions, slot)
                          : pp_sessions_expire(sessions, all ? UINT32_MAX : slot, now));
        for (size_t i = model->count; i-- > 0;) {
            const struct model_session *m = &model->list[i];
            bool here = m->session.slot == slot, over = m->count == 0 && m->session.not_after_ms < now;
            if (drop ? here : over && (all || here))
                model_drop(model, i);
        }
    }
}

/* SESSION-016, SESSION-017, SESSION-034; NODE-025 */
START_TEST(sessions__random_changes_and_undo__as_plain_lists)
{
    static struct model model, saved;
    struct pp_sessions sessions;
    struct pp_rng rng;
    uint64_t next = 1;
    pp_rng_init(&rng, 11);
    ck_assert_ok(pp_sessions_open(&sessions, 0x5eed));
    for (unsigned group = 0; group < 1500; group++) {
        uint64_t saved_next = next;
        saved = model;
        ck_assert_ok(pp_sessions_reserve(&sessions, 40));
        pp_sessions_begin(&sessions);
        for (uint64_t i = pp_rng_below(&rng, 40); i > 0; i--)
            change(&sessions, &model, &rng, &next);
        if (pp_rng_chance(&rng, 2)) {
            pp_sessions_undo(&sessions);
            model = saved;
            next = saved_next;
        }
        ck_same(&sessions, &model);
    }
    pp_sessions_close(&sessions);
}
END_TEST

/* SESSION-016, SESSION-023, SESSION-026: every limit, and that what was refused changed nothing. */
START_TEST(sessions__each_limit__refused)
{
    struct pp_sessions sessions;
    struct pp_session_leaf leaf;
    struct pp_hash *scratch = calloc(PP_SESSION_UNSIGNED_MAX, sizeof *scratch), context;
    struct pp_grains highest;
    uint64_t next = 1;
    ck_assert_ok(pp_sessions_open(&sessions, 0x5eed));
    for (uint32_t i = 0; i < PP_SESSIONS_MAX; i++) {
        struct pp_session made = session_of(next++, i, 1);
        ck_assert_ok(pp_sessions_add(&sessions, &made));
    }
    struct pp_session more = session_of(next++, PP_SESSIONS_MAX, 1);
    ck_assert_error(pp_sessions_add(&sessions, &more), PP_BUSY);
    for (uint32_t i = 0; i < PP_SESSION_LEAVES_MAX; i++) {
        struct pp_session one = session_of(1 + i / PP_SESSION_UNSIGNED_MAX, 0, 1);
        leaf = leaf_of(next++);
        ck_assert_ok(pp_sessions_leaf_add(&sessions, pp_sessions_find(&sessions, &one.id), &leaf));
    }
    struct pp_session first = session_of(1, 0, 1), last = session_of(PP_SESSIONS_MAX, 0, 1);
    leaf = leaf_of(next++);
    ck_assert_error(pp_sessions_leaf_add(&sessions, pp_sessions_find(&sessions, &last.id), &leaf), PP_BUSY);
    struct pp_session *full = pp_sessions_find(&sessions, &first.id);
    ck_assert_error(pp_sessions_leaf_add(&sessions, full, &leaf), PP_SESSION_UNSIGNED);
    ck_assert_uint_eq(sessions.leaf_count, PP_SESSION_LEAVES_MAX);
    pp_sessions_context(&sessions, full, PP_SESSION_UNSIGNED_MAX, scratch, &context, &highest);
    ck_assert(pp_grains_eq(highest, pp_grains(pp_leaf_at(&sessions.leaves, &full->leaves, PP_SESSION_UNSIGNED_MAX - 1)->sequence * 10)));
    ck_assert_ok(pp_sessions_leaf_take(&sessions, full, &leaf));
    leaf = leaf_of(next++);
    ck_assert_ok(pp_sessions_leaf_add(&sessions, full, &leaf));
    free(scratch);
    pp_sessions_close(&sessions);
}
END_TEST

/* A queue in an array. Each step is one of the four ends; rings go round many times, in pieces that all of them share. */
START_TEST(leaf_ring__random_ends__as_queue)
{
    enum { RINGS = 3, STEPS = 60000 };
    static uint64_t queue[RINGS][STEPS];
    uint32_t first[RINGS] = {0}, end[RINGS] = {0};
    struct pp_leaf_ring rings[RINGS] = {{0}};
    struct pp_leaf_pool pool;
    struct pp_rng rng;
    uint64_t next = 1;
    pp_rng_init(&rng, 12);
    ck_assert_ok(pp_leaf_pool_open(&pool));
    for (unsigned step = 0; step < STEPS; step++) {
        const unsigned r = (unsigned)pp_rng_below(&rng, RINGS);
        const uint64_t what = pp_rng_below(&rng, 100);
        struct pp_leaf_ring *ring = &rings[r];
        struct pp_session_leaf leaf;
        if (what < 48 && ring->count < PP_SESSION_UNSIGNED_MAX) {
            leaf = leaf_of(next);
            next += 1 + pp_rng_below(&rng, 3);
            queue[r][end[r]++] = leaf.sequence;
            pp_leaf_push(&pool, ring, &leaf);
        } else if (what < 90 && ring->count > 0) {
            pp_leaf_pop(&pool, ring, &leaf);
            ck_assert_uint_eq(leaf.sequence, queue[r][first[r]++]);
        } else if (what < 95 && ring->count > 0) {
            pp_leaf_unpush(&pool, ring);
            end[r]--;
        } else if (first[r] > 0 && ring->count < PP_SESSION_UNSIGNED_MAX) {
            leaf = leaf_of(queue[r][--first[r]]);
            pp_leaf_unpop(&pool, ring, &leaf);
        }
        ck_assert_uint_eq(ring->count, end[r] - first[r]);
        if (ring->count == 0)
            continue;
        const uint32_t i = (uint32_t)pp_rng_below(&rng, ring->count);
        const uint64_t sequence = queue[r][first[r] + i];
        ck_assert_uint_eq(pp_leaf_at(&pool, ring, i)->sequence, sequence);
        ck_assert_ptr_eq(pp_leaf_find(&pool, ring, sequence), pp_leaf_at(&pool, ring, i));
        if (i > 0 && queue[r][first[r] + i - 1] != sequence - 1)
            ck_assert_ptr_null(pp_leaf_find(&pool, ring, sequence - 1));
    }
    ck_assert_uint_lt(pool.used, 3 * (PP_LEAF_PIECES + 2)); /* empty pieces were taken again */
    ck_assert_uint_gt(end[0], 4 * PP_SESSION_UNSIGNED_MAX);
    pp_leaf_pool_close(&pool);
}
END_TEST

/* SESSION-030: after a group that did not reach the disk, the same numbers may be other leaves. */
START_TEST(context__leaves_after_an_undone_group__of_the_new_ones)
{
    struct pp_sessions sessions;
    struct pp_hash scratch[2], contexts[3];
    struct pp_grains highest;
    const struct pp_session made = session_of(1, 0, 100);
    ck_assert_ok(pp_sessions_open(&sessions, 0x5eed));
    pp_sessions_begin(&sessions);
    ck_assert_ok(pp_sessions_add(&sessions, &made));
    struct pp_session *session = pp_sessions_find(&sessions, &made.id);
    for (unsigned group = 0; group < 2; group++) {
        struct pp_session_leaf leaf = leaf_of(2);
        pp_sessions_begin(&sessions);
        leaf.stamp_id.bytes[31] = (uint8_t)group;
        ck_assert_ok(pp_sessions_leaf_add(&sessions, session, &leaf));
        pp_sessions_context(&sessions, session, 1, scratch, &contexts[group], &highest);
        pp_sessions_context(&sessions, session, 1, scratch, &contexts[2], &highest);
        ck_assert_mem_eq(contexts[2].bytes, contexts[group].bytes, 32);
        pp_sessions_undo(&sessions);
    }
    ck_assert_mem_ne(contexts[0].bytes, contexts[1].bytes, 32);
    pp_sessions_close(&sessions);
}
END_TEST

PP_TESTS("sessions")
PP_TEST(context__leaves_after_an_undone_group__of_the_new_ones)
PP_TEST(leaf_ring__random_ends__as_queue)
PP_TEST(sessions__random_changes_and_undo__as_plain_lists)
PP_TEST(sessions__each_limit__refused)
PP_TESTS_END
