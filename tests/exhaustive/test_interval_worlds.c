/* Goal: the consumed set is right after every history of consuming and giving back on a short line.
 * Method: the oracle is a set of bits, one a cell. A set has one representation only (asserted for each state reached), so
 * it is enough to try every operation in every reachable state: whatever history led there, the next step is covered.
 * Whole histories of four operations are tried as well, without that argument. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/interval.h>

#define CELLS 11u /* 2048 sets, 66 spans */
#define HISTORY_CELLS 5u
#define HISTORY_LENGTH 4u

static uint32_t bits_of(uint32_t from, uint32_t to)
{
    return ((1u << to) - 1) & ~((1u << from) - 1);
}

static struct pp_span span_of(uint32_t from, uint32_t to)
{
    return (struct pp_span){pp_grains(from), pp_grains(to)};
}

static uint32_t head_of(uint32_t bits)
{
    return bits == 0 ? 0 : 32u - (uint32_t)__builtin_clz(bits);
}

/* Maximal runs of cells that are set (or clear), below the highest set cell. */
static uint32_t runs_of(uint32_t bits, bool set, struct pp_span *out)
{
    uint32_t count = 0, head = head_of(bits);
    for (uint32_t i = 0; i < head; i++) {
        if ((bits >> i & 1) != set)
            continue;
        uint32_t end = i;
        while (end < head && (bits >> end & 1) == set)
            end++;
        out[count++] = span_of(i, end);
        i = end;
    }
    return count;
}

static void load(struct pp_intervals *set, uint32_t bits, struct pp_holes_pool *pool)
{
    struct pp_span holes[CELLS];
    uint32_t count = runs_of(bits, false, holes);
    pp_intervals_init(set);
    ck_assert_ok(pp_intervals_load(set, pp_grains(head_of(bits)), holes, count, pool));
}

static bool spans_eq(const struct pp_span *a, const struct pp_span *b)
{
    return pp_grains_eq(a->from, b->from) && pp_grains_eq(a->to, b->to);
}

#define MUST(condition)                                                                                      \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            ck_abort_msg("set %#x: " #condition, bits);                                                      \
    } while (0)

/* Head, holes and pool are those of the bits: the one representation. */
static void must_be(const struct pp_intervals *set, uint32_t bits, const struct pp_holes_pool *pool)
{
    struct pp_span holes[CELLS], ranges[CELLS], told[CELLS];
    uint32_t hole_count = runs_of(bits, false, holes), range_count = runs_of(bits, true, ranges);
    pp_intervals_check_invariants(set);
    MUST(set->head.raw == head_of(bits));
    MUST(pp_intervals_holes(set) == hole_count);
    for (uint32_t i = 0; i < hole_count; i++) {
        struct pp_span hole = pp_intervals_hole(set, i);
        MUST(spans_eq(&hole, &holes[i]));
    }
    MUST(pp_intervals_ranges(set, told, CELLS) == range_count);
    for (uint32_t i = 0; i < range_count; i++)
        MUST(spans_eq(&told[i], &ranges[i]));
    MUST(pp_intervals_total(set).raw == (pp_u128)__builtin_popcount(bits));
    MUST(pool->used == (hole_count > 0 ? 1u : 0u));
}

static void questions(const struct pp_intervals *set, uint32_t bits, uint32_t from, uint32_t to)
{
    const struct pp_span span = span_of(from, to);
    struct pp_span ranges[CELLS], touching[CELLS], told[CELLS];
    uint32_t asked = bits_of(from, to), all = runs_of(bits, true, ranges), count = 0;
    MUST(pp_intervals_is_free(set, &span) == ((bits & asked) == 0));
    MUST(pp_intervals_is_consumed(set, &span) == ((bits & asked) == asked));
    for (uint32_t i = 0; i < all; i++)
        if (ranges[i].from.raw < to && ranges[i].to.raw > from)
            touching[count++] = ranges[i];
    MUST(pp_intervals_touching(set, &span, told, CELLS) == count);
    for (uint32_t i = 0; i < count; i++)
        MUST(spans_eq(&told[i], &touching[i]));
    MUST(pp_intervals_touching(set, &span, told, 0) == count);
}

/* LANE-011. */
START_TEST(intervals__every_operation_in_every_state__as_the_bits)
{
    static struct pp_holes block;
    struct pp_holes_pool pool;
    struct pp_intervals set;
    for (uint32_t bits = 0; bits < 1u << CELLS; bits++)
        for (uint32_t from = 0; from < CELLS; from++)
            for (uint32_t to = from + 1; to <= CELLS; to++) {
                const struct pp_span span = span_of(from, to);
                uint32_t asked = bits_of(from, to);
                pp_holes_pool_init(&pool, &block, 1);
                load(&set, bits, &pool);
                must_be(&set, bits, &pool);
                questions(&set, bits, from, to);

                enum pp_error expected = (bits & asked) == 0 ? PP_OK : PP_INTERVAL_TAKEN;
                MUST(pp_intervals_check(&set, &span, &pool) == expected);
                MUST(pp_intervals_consume(&set, &span, &pool) == expected);
                must_be(&set, expected == PP_OK ? bits | asked : bits, &pool);

                load(&set, bits, (pp_holes_pool_init(&pool, &block, 1), &pool));
                expected = (bits & asked) == asked ? PP_OK : PP_INTERVAL_TAKEN;
                MUST(pp_intervals_give_back(&set, &span, &pool) == expected);
                must_be(&set, expected == PP_OK ? bits & ~asked : bits, &pool);
                pp_intervals_done(&set, &pool);
                MUST(pool.used == 0);
            }
}
END_TEST

/* SENDER-003: the lowest hole that fits. */
START_TEST(find_hole__every_state_and_length__the_lowest_that_fits)
{
    static struct pp_holes block;
    struct pp_holes_pool pool;
    struct pp_intervals set;
    for (uint32_t bits = 0; bits < 1u << CELLS; bits++) {
        struct pp_span holes[CELLS], found;
        uint32_t count = runs_of(bits, false, holes);
        pp_holes_pool_init(&pool, &block, 1);
        load(&set, bits, &pool);
        for (uint32_t length = 1; length <= CELLS; length++) {
            uint32_t i = 0;
            while (i < count && holes[i].to.raw - holes[i].from.raw < length)
                i++;
            MUST(pp_intervals_find_hole(&set, pp_grains(length), &found) == (i < count));
            if (i < count)
                MUST(spans_eq(&found, &holes[i]));
        }
    }
}
END_TEST

struct history {
    struct pp_intervals set;
    struct pp_holes_pool pool;
    struct pp_holes block;
};

static void try_histories(const struct history *before, uint32_t bits, uint32_t left)
{
    for (uint32_t from = 0; from < HISTORY_CELLS; from++)
        for (uint32_t to = from + 1; to <= HISTORY_CELLS; to++)
            for (int back = 0; back < 2; back++) {
                struct history now;
                const struct pp_span span = span_of(from, to);
                uint32_t asked = bits_of(from, to), after = back ? bits & ~asked : bits | asked;
                bool possible = (bits & asked) == (back ? asked : 0);
                pp_holes_pool_init(&now.pool, &now.block, 1);
                pp_intervals_init(&now.set);
                MUST(pp_intervals_copy(&now.set, &before->set, &now.pool) == PP_OK);
                MUST(pp_intervals_eq(&now.set, &before->set));
                enum pp_error error = back ? pp_intervals_give_back(&now.set, &span, &now.pool)
                                           : pp_intervals_consume(&now.set, &span, &now.pool);
                MUST(error == (possible ? PP_OK : PP_INTERVAL_TAKEN));
                must_be(&now.set, possible ? after : bits, &now.pool);
                if (possible && left > 1)
                    try_histories(&now, after, left - 1);
            }
}

START_TEST(intervals__every_short_history__as_the_bits)
{
    struct history start;
    pp_holes_pool_init(&start.pool, &start.block, 1);
    pp_intervals_init(&start.set);
    try_histories(&start, 0, HISTORY_LENGTH);
}
END_TEST

PP_TESTS("interval worlds")
PP_TEST(intervals__every_operation_in_every_state__as_the_bits)
PP_TEST(find_hole__every_state_and_length__the_lowest_that_fits)
PP_TEST(intervals__every_short_history__as_the_bits)
PP_TESTS_END
