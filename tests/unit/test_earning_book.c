/* Goal: the table of falls keeps every key through growing, sweeping and undoing. Method: a plain array beside it, with random
 * changes. */
#include "earning_book.h"
#include "pp_fixture.h"
#include "pp_test.h"

#define SLOTS 40u
#define DAYS 50u
#define FIRST_DAY 100u

struct world {
    struct pp_rng rng;
    struct pp_earning_book book;
    uint64_t falls[SLOTS][DAYS], before[SLOTS][DAYS];
    uint32_t floor_day;
};

static void compare(const struct world *world)
{
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        for (uint32_t day = 0; day < DAYS; day++)
            if (FIRST_DAY + day > world->floor_day)
                ck_assert(pp_earning_book_get(&world->book, slot, FIRST_DAY + day).raw ==
                          world->falls[slot][day]);
}

/* REW-037, REW-039 */
START_TEST(earning_book__random_changes__as_a_plain_array)
{
    static struct world world;
    pp_rng_init(&world.rng, 7);
    ck_assert_ok(pp_earning_open(&world.book, 0));
    for (unsigned round = 0; round < 400; round++) {
        size_t events = 1 + pp_rng_below(&world.rng, 20);
        ck_assert_ok(pp_earning_reserve(&world.book, events));
        pp_earning_begin(&world.book);
        memcpy(world.before, world.falls, sizeof world.before);
        for (size_t i = 0; i < 2 * events; i++) {
            uint32_t slot = (uint32_t)pp_rng_below(&world.rng, SLOTS),
                     day = (uint32_t)pp_rng_below(&world.rng, DAYS);
            uint64_t fall = pp_rng_chance(&world.rng, 3) ? 0 : pp_rng_u64(&world.rng);
            if (FIRST_DAY + day <= world.floor_day)
                continue;
            pp_earning_book_set(&world.book, slot, FIRST_DAY + day, pp_grains(fall));
            world.falls[slot][day] = fall;
        }
        if (pp_rng_chance(&world.rng, 3)) {
            pp_earning_undo(&world.book);
            memcpy(world.falls, world.before, sizeof world.before);
        }
        if (round % 20 == 0)
            pp_earning_sweep(&world.book, world.floor_day = FIRST_DAY + round / 20);
        compare(&world);
    }
    ck_assert_uint_le(world.book.count, world.book.capacity / 4 * 3);
    pp_earning_close(&world.book);
    ck_assert_ptr_null(world.book.entries);
}
END_TEST

/* REW-038 */
START_TEST(earning_book__room__as_reserved_and_not_more)
{
    struct pp_earning_book book;
    ck_assert_ok(pp_earning_open(&book, 10));
    ck_assert(!pp_earning_book_has_room(&book, 1)); /* places, but no log */
    ck_assert_ok(pp_earning_reserve(&book, 3));
    ck_assert(pp_earning_book_has_room(&book, 6));
    ck_assert(!pp_earning_book_has_room(&book, 7));
    pp_earning_book_set(&book, 1, 5, pp_grains(1));
    ck_assert(!pp_earning_book_has_room(&book, 6));
    ck_assert_ok(pp_earning_reserve(&book, 3)); /* keeps what was logged */
    pp_earning_undo(&book);
    ck_assert(pp_earning_book_get(&book, 1, 5).raw == 0);
    ck_assert_error(pp_earning_reserve(&book, SIZE_MAX / 4), PP_NO_MEMORY);
    ck_assert_error(pp_earning_open(&book, SIZE_MAX), PP_NO_MEMORY);
    pp_earning_close(&book);
}
END_TEST

/* A full cycle of days must not make the table grow without end. */
START_TEST(earning_book__years_of_sweeping__capacity_stays)
{
    struct pp_earning_book book;
    ck_assert_ok(pp_earning_open(&book, 100));
    for (uint32_t day = 1; day <= 3000; day++) {
        ck_assert_ok(pp_earning_reserve(&book, 5));
        pp_earning_begin(&book);
        for (uint32_t slot = 0; slot < 10; slot++)
            pp_earning_book_set(&book, slot, day + 3, pp_grains(1));
        pp_earning_sweep(&book, day);
    }
    ck_assert_uint_le(book.capacity, 256);
    pp_earning_sweep(&book, 5); /* going back changes nothing */
    ck_assert_uint_eq(book.swept_day, 3000);
    pp_earning_close(&book);
}
END_TEST

/* REW-037, REW-039: a day that is undone may still be needed, also when the table grew meanwhile. */
START_TEST(earning_book__swept_in_a_group_that_failed__falls_are_still_there)
{
    struct pp_earning_book book;
    ck_assert_ok(pp_earning_open(&book, 4));
    ck_assert_ok(pp_earning_reserve(&book, 1));
    pp_earning_begin(&book);
    pp_earning_book_set(&book, 1, 10, pp_grains(7));
    pp_earning_begin(&book);
    pp_earning_sweep(&book, 10);
    ck_assert_ok(pp_earning_reserve(&book, 1000)); /* rebuilt */
    ck_assert(pp_earning_book_get(&book, 1, 10).raw == 7);
    pp_earning_undo(&book);
    pp_earning_begin(&book);
    ck_assert_ok(pp_earning_reserve(&book, 10000));
    ck_assert(pp_earning_book_get(&book, 1, 10).raw == 7);
    pp_earning_sweep(&book, 10);
    pp_earning_begin(&book);
    ck_assert_ok(pp_earning_reserve(&book, 100000));
    ck_assert(pp_earning_book_get(&book, 1, 10).raw == 0);
    pp_earning_close(&book);
}
END_TEST

PP_TESTS("earning_book")
PP_TEST(earning_book__random_changes__as_a_plain_array)
PP_TEST(earning_book__room__as_reserved_and_not_more)
PP_TEST(earning_book__years_of_sweeping__capacity_stays)
PP_TEST(earning_book__swept_in_a_group_that_failed__falls_are_still_there)
PP_TESTS_END
