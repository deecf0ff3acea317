/* Goal: postage that begins to be earned later leaves a lane as if it had begun at once.
 * Method: two lanes of one book, one charged on the day of storing, one k days later, for every small term, with and without
 * a stop in between; compared on every day after, with their coming falls, a deletion, and a resumption. */
#include "pp_test.h"

#include "earning_book.h"

#include <pp/earning.h>

#define START 20000u
#define EARLY 1u
#define LATE 2u

static void ck_same_lane(const struct pp_earning_book *book, const struct pp_earning_lane *early,
                         const struct pp_earning_lane *late)
{
    ck_assert(pp_grains_eq(early->rate, late->rate));
    ck_assert(pp_grains_eq(early->earned, late->earned));
    ck_assert(pp_grains_eq(pp_earning_earned(early), pp_earning_earned(late)));
    for (uint32_t day = late->last_day + 1; day < START + 20; day++)
        ck_assert(pp_grains_eq(pp_earning_book_get(book, EARLY, day), pp_earning_book_get(book, LATE, day)));
    ck_assert_ok(pp_earning_check(book, LATE, late));
}

/* stop: days after START on which a close was requested; above `days + 3`: never. */
static void compare(struct pp_earning_book *book, uint64_t storage, uint16_t days, uint32_t after,
                    uint32_t stop)
{
    const struct pp_storage_term term = {storage, days, START};
    struct pp_earning_lane early, late;
    uint64_t refund[2];
    pp_earning_begin(book);
    pp_earning_lane_init(&early, START);
    pp_earning_lane_init(&late, START);
    ck_assert_ok(pp_earning_charge(book, EARLY, &early, pp_grains(9), &term));
    for (uint32_t day = 0; day <= after; day++) {
        pp_earning_catch_up(book, EARLY, &early, START + day);
        pp_earning_catch_up(book, LATE, &late, START + day);
        if (day == stop) {
            pp_earning_stop(&early, START + day);
            pp_earning_stop(&late, START + day);
        }
    }
    ck_assert_ok(pp_earning_charge_late(book, LATE, &late, pp_grains(9), &term, START + after));
    ck_same_lane(book, &early, &late);
    if (stop % 2 == 0) {
        ck_assert_ok(pp_earning_refund(book, EARLY, &early, &term, START + after, &refund[0]));
        ck_assert_ok(pp_earning_refund(book, LATE, &late, &term, START + after, &refund[1]));
        ck_assert_uint_eq(refund[0], refund[1]);
    }
    for (uint32_t day = after + 1; day <= days + 3u; day++) {
        pp_earning_catch_up(book, EARLY, &early, START + day);
        pp_earning_catch_up(book, LATE, &late, START + day);
        ck_same_lane(book, &early, &late);
    }
    pp_earning_resume(&early);
    pp_earning_resume(&late);
    ck_same_lane(book, &early, &late);
    pp_earning_undo(book);
}

/* REW-048, SESSION-034, SESSION-035. */
START_TEST(charge_late__every_small_term_day_and_stop__as_if_at_once)
{
    struct pp_earning_book book;
    ck_assert_ok(pp_earning_open(&book, 64));
    ck_assert_ok(pp_earning_reserve(&book, 16));
    for (uint16_t days = 1; days <= 7; days++)
        for (uint64_t storage = 0; storage <= 23; storage++)
            for (uint32_t after = 0; after <= days + 2u; after++)
                for (uint32_t stop = 0; stop <= days + 4u; stop++)
                    compare(&book, storage, days, after, stop);
    pp_earning_close(&book);
}
END_TEST

START_TEST(charge_late__a_day_before_the_lanes_newest__out_of_range)
{
    const struct pp_storage_term term = {10, 3, START + 2}, none = {10, 0, START};
    struct pp_earning_book book;
    struct pp_earning_lane lane;
    ck_assert_ok(pp_earning_open(&book, 16));
    ck_assert_ok(pp_earning_reserve(&book, 4));
    pp_earning_begin(&book);
    pp_earning_lane_init(&lane, START + 5);
    ck_assert_error(pp_earning_charge_late(&book, LATE, &lane, PP_GRAINS_ZERO, &term, START + 4),
                    PP_OUT_OF_RANGE);
    ck_assert_error(pp_earning_charge_late(&book, LATE, &lane, PP_GRAINS_ZERO, &term, START + 1),
                    PP_OUT_OF_RANGE);
    ck_assert_error(pp_earning_charge_late(&book, LATE, &lane, PP_GRAINS_ZERO, &none, START + 5),
                    PP_ZERO_RETENTION);
    ck_assert(pp_grains_is_zero(lane.earned));
    pp_earning_close(&book);
}
END_TEST

PP_TESTS("earning_late")
PP_TEST(charge_late__every_small_term_day_and_stop__as_if_at_once)
PP_TEST(charge_late__a_day_before_the_lanes_newest__out_of_range)
PP_TESTS_END
