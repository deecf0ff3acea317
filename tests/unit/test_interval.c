/* Goal: the limits of the consumed set and of its pool, and what is read from outside. What it holds in small worlds is in
 * tests/exhaustive/test_interval_worlds.c. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/interval.h>

static struct pp_span span(uint64_t from, uint64_t to)
{
    return (struct pp_span){pp_grains(from), pp_grains(to)};
}

static enum pp_error consume(struct pp_intervals *set, uint64_t from, uint64_t to, struct pp_holes_pool *pool)
{
    const struct pp_span s = span(from, to);
    enum pp_error checked = pp_intervals_check(set, &s, pool), done = pp_intervals_consume(set, &s, pool);
    ck_assert_error(done, checked);
    return done;
}

/* LANE-010. */
START_TEST(consume__empty_or_backwards__refused)
{
    static struct pp_holes blocks[1];
    struct pp_holes_pool pool;
    struct pp_intervals set;
    pp_holes_pool_init(&pool, blocks, 1);
    pp_intervals_init(&set);
    ck_assert_error(consume(&set, 5, 5, &pool), PP_EMPTY_INTERVAL);
    ck_assert_error(consume(&set, 6, 5, &pool), PP_EMPTY_INTERVAL);
    const struct pp_span empty = span(5, 5);
    ck_assert_error(pp_intervals_give_back(&set, &empty, &pool), PP_EMPTY_INTERVAL);
    ck_assert(pp_grains_is_zero(set.head));
}
END_TEST

/* LANE-012. 64 holes are made; then whatever makes one more is refused and whatever does not is taken. */
START_TEST(consume__sixty_five_holes__refused_until_one_is_filled)
{
    static struct pp_holes blocks[1];
    struct pp_holes_pool pool;
    struct pp_intervals set;
    pp_holes_pool_init(&pool, blocks, 1);
    pp_intervals_init(&set);
    for (uint64_t i = 0; i < PP_HOLES_MAX; i++)
        ck_assert_ok(consume(&set, 10 * i + 5, 10 * i + 10, &pool));
    uint64_t head = 10 * PP_HOLES_MAX;
    ck_assert_uint_eq(pp_intervals_holes(&set), PP_HOLES_MAX);
    ck_assert_error(consume(&set, head + 1, head + 2, &pool), PP_TOO_MANY_HOLES);
    ck_assert_error(consume(&set, 2, 3, &pool), PP_TOO_MANY_HOLES);
    ck_assert_ok(consume(&set, head, head + 5, &pool));
    ck_assert_ok(consume(&set, 0, 2, &pool));
    ck_assert_ok(consume(&set, 4, 5, &pool));
    const struct pp_span middle = span(head + 1, head + 2);
    ck_assert_error(pp_intervals_give_back(&set, &middle, &pool), PP_TOO_MANY_HOLES);
    ck_assert_ok(consume(&set, 2, 4, &pool));
    ck_assert_uint_eq(pp_intervals_holes(&set), PP_HOLES_MAX - 1);
    ck_assert_ok(consume(&set, head + 6, head + 7, &pool));
    ck_assert_error(consume(&set, head + 8, head + 9, &pool), PP_TOO_MANY_HOLES);
    pp_intervals_check_invariants(&set);
}
END_TEST

START_TEST(pool__no_block_left__busy_and_unchanged)
{
    static struct pp_holes blocks[2];
    struct pp_holes_pool pool;
    struct pp_intervals sets[3];
    pp_holes_pool_init(&pool, blocks, 2);
    for (int i = 0; i < 3; i++)
        pp_intervals_init(&sets[i]);
    ck_assert_ok(consume(&sets[0], 10, 20, &pool));
    ck_assert_ok(consume(&sets[1], 10, 20, &pool));
    ck_assert(pp_holes_pool_is_empty(&pool));
    ck_assert_error(consume(&sets[2], 10, 20, &pool), PP_BUSY);
    ck_assert(pp_grains_is_zero(sets[2].head));
    ck_assert_ok(consume(&sets[2], 0, 20, &pool));
    const struct pp_span inner = span(5, 6);
    ck_assert_error(pp_intervals_give_back(&sets[2], &inner, &pool), PP_BUSY);
    ck_assert_error(pp_intervals_copy(&sets[2], &sets[0], &pool), PP_BUSY);
    ck_assert_ok(consume(&sets[0], 0, 10, &pool)); /* the hole is filled: its block is free again */
    ck_assert_uint_eq(pool.used, 1);
    ck_assert_ok(consume(&sets[2], 30, 40, &pool));
    ck_assert_uint_eq(pool.used, 2);
    pp_intervals_done(&sets[1], &pool);
    pp_intervals_done(&sets[2], &pool);
    ck_assert_uint_eq(pool.used, 0);
}
END_TEST

START_TEST(load__what_is_no_set__refused)
{
    static struct pp_holes blocks[1];
    static struct pp_span many[PP_HOLES_MAX + 1];
    struct pp_holes_pool pool;
    struct pp_intervals set;
    const struct {
        struct pp_span holes[2];
        uint32_t count;
        enum pp_error expected;
    } cases[] = {
        {{span(0, 5), span(7, 9)}, 2, PP_OK},
        {{span(0, 5), span(5, 9)}, 2, PP_BAD_FORMAT}, /* touching: one hole */
        {{span(7, 9), span(0, 5)}, 2, PP_BAD_FORMAT}, /* descending */
        {{span(0, 5), span(3, 9)}, 2, PP_BAD_FORMAT}, /* overlapping */
        {{span(4, 4)}, 1, PP_BAD_FORMAT},             /* empty */
        {{span(5, 4)}, 1, PP_BAD_FORMAT},             /* backwards */
        {{span(4, 10)}, 1, PP_BAD_FORMAT},            /* touches the head */
        {{span(4, 11)}, 1, PP_BAD_FORMAT},            /* above the head */
    };
    pp_holes_pool_init(&pool, blocks, 1);
    pp_intervals_init(&set);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_error(pp_intervals_load(&set, pp_grains(10), cases[i].holes, cases[i].count, &pool),
                        cases[i].expected);
        ck_assert_uint_eq(pp_intervals_holes(&set), 2); /* what the first one loaded */
    }
    for (uint64_t i = 0; i <= PP_HOLES_MAX; i++)
        many[i] = span(2 * i, 2 * i + 1);
    ck_assert_error(pp_intervals_load(&set, pp_grains(1000), many, PP_HOLES_MAX + 1, &pool),
                    PP_TOO_MANY_HOLES);
    ck_assert_ok(pp_intervals_load(&set, pp_grains(1000), many, PP_HOLES_MAX, &pool));
    ck_assert_ok(pp_intervals_load(&set, pp_grains(1000), NULL, 0, &pool));
    ck_assert_uint_eq(pool.used, 0);
}
END_TEST

/* At the end of the line: 2^96 - 1 is the last grain's end. */
START_TEST(consume__at_the_end_of_the_line__exact)
{
    static struct pp_holes blocks[1];
    struct pp_holes_pool pool;
    struct pp_intervals set;
    const struct pp_span last = {{PP_GRAINS_MAX.raw - 1}, PP_GRAINS_MAX};
    pp_holes_pool_init(&pool, blocks, 1);
    pp_intervals_init(&set);
    ck_assert_ok(pp_intervals_consume(&set, &last, &pool));
    ck_assert(pp_grains_eq(set.head, PP_GRAINS_MAX));
    ck_assert(pp_grains_eq(pp_intervals_total(&set), pp_grains(1)));
    ck_assert_error(pp_intervals_consume(&set, &last, &pool), PP_INTERVAL_TAKEN);
}
END_TEST

PP_TESTS("interval")
PP_TEST(consume__empty_or_backwards__refused)
PP_TEST(consume__sixty_five_holes__refused_until_one_is_filled)
PP_TEST(pool__no_block_left__busy_and_unchanged)
PP_TEST(load__what_is_no_set__refused)
PP_TEST(consume__at_the_end_of_the_line__exact)
PP_TESTS_END
