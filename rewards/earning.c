#include <pp/earning.h>

#include "earning_book.h"
#include "earning_falls.h"

#include <pp/assert.h>
#include <pp/refund.h>

#include <string.h>

static enum pp_error term_check(const struct pp_storage_term *term)
{
    if (term->retention_days == 0)
        return PP_ZERO_RETENTION;
    if (term->retention_days > PP_RETENTION_MAX_DAYS)
        return PP_RETENTION_TOO_LONG;
    if (term->stored_day == 0 || term->stored_day > PP_DAY_LAST)
        return PP_OUT_OF_RANGE;
    return PP_OK;
}

struct pp_earning_falls pp_earning_falls_of(const struct pp_storage_term *term)
{
    uint64_t daily = term->storage_grains / term->retention_days;
    uint32_t longer = (uint32_t)(term->storage_grains % term->retention_days); /* days with one more */
    struct pp_earning_falls out = {.first = pp_grains(daily + (longer > 0))};
    /* After the first day: one more until `longer` days are over, the daily part until all are. */
    if (longer >= 2) {
        out.falls[out.count].day = term->stored_day + longer;
        out.falls[out.count++].by = pp_grains(1);
    }
    if (term->retention_days >= 2 && daily > 0) {
        out.falls[out.count].day = term->stored_day + term->retention_days;
        out.falls[out.count++].by = pp_grains(daily);
    }
    return out;
}

void pp_earning_lane_init(struct pp_earning_lane *lane, uint32_t day)
{
    *lane = (struct pp_earning_lane){.last_day = day, .stop_day = PP_DAY_NEVER};
}

static void advance(const struct pp_earning_book *book, uint32_t slot, struct pp_earning_lane *lane,
                    uint32_t day)
{
    /* The coming falls sum to the rate: at zero there are none, so this ends within PP_RETENTION_MAX_DAYS turns. */
    while (lane->last_day < day && !pp_grains_is_zero(lane->rate)) {
        lane->last_day++;
        lane->rate = pp_grains_sub_checked(lane->rate, pp_earning_book_get(book, slot, lane->last_day));
        lane->earned = pp_grains_add_checked(lane->earned, lane->rate);
    }
    if (lane->last_day < day)
        lane->last_day = day;
}

static bool is_stop_ahead(const struct pp_earning_lane *lane)
{
    return lane->stop_day != PP_DAY_NEVER && lane->stop_day > lane->last_day;
}

void pp_earning_catch_up(const struct pp_earning_book *book, uint32_t slot, struct pp_earning_lane *lane,
                         uint32_t day)
{
    PP_ASSERT(day <= PP_DAY_LAST);
    if (is_stop_ahead(lane) && day >= lane->stop_day) {
        advance(book, slot, lane, lane->stop_day);
        lane->earned_at_stop = lane->earned;
    }
    advance(book, slot, lane, day);
}

/* Earned now, not by the turn of a day: it counts in a stopped lane, too. */
void pp_earning_add(struct pp_earning_lane *lane, struct pp_grains amount)
{
    lane->earned = pp_grains_add_checked(lane->earned, amount);
    if (lane->stop_day != PP_DAY_NEVER && !is_stop_ahead(lane))
        lane->earned_at_stop = pp_grains_add_checked(lane->earned_at_stop, amount);
}

enum pp_error pp_earning_charge(struct pp_earning_book *book, uint32_t slot, struct pp_earning_lane *lane,
                                struct pp_grains at_once, const struct pp_storage_term *term)
{
    PP_TRY(term_check(term));
    if (term->stored_day < lane->last_day)
        return PP_OUT_OF_RANGE;
    struct pp_earning_falls falls = pp_earning_falls_of(term);
    if (!pp_earning_book_has_room(book, falls.count))
        return PP_TOO_MANY;

    /* From here nothing can fail. */
    pp_earning_catch_up(book, slot, lane, term->stored_day);
    pp_earning_add(lane, at_once);
    if (term->stored_day > lane->stop_day) /* REW-040: the day began after the stop */
        lane->earned = pp_grains_add_checked(lane->earned, falls.first);
    else
        pp_earning_add(lane, falls.first);
    for (unsigned i = 0; i < falls.count; i++) {
        struct pp_grains before = pp_earning_book_get(book, slot, falls.falls[i].day);
        pp_earning_book_set(book, slot, falls.falls[i].day, pp_grains_add_checked(before, falls.falls[i].by));
        lane->rate = pp_grains_add_checked(lane->rate, falls.falls[i].by);
    }
    return PP_OK;
}

/* REW-048. The coming falls are those of the whole term, so that a deletion finds them. */
enum pp_error pp_earning_charge_late(struct pp_earning_book *book, uint32_t slot,
                                     struct pp_earning_lane *lane, struct pp_grains at_once,
                                     const struct pp_storage_term *term, uint32_t today)
{
    uint64_t left, left_at_stop = term->storage_grains;
    PP_TRY(term_check(term));
    PP_TRY(pp_storage_left(term, today, &left));
    if (today < lane->last_day || today > PP_DAY_LAST)
        return PP_OUT_OF_RANGE;
    struct pp_earning_falls falls = pp_earning_falls_of(term);
    if (!pp_earning_book_has_room(book, falls.count))
        return PP_TOO_MANY;
    uint32_t last_counted = today < lane->stop_day ? today : lane->stop_day;
    if (last_counted >= term->stored_day)
        PP_TRY(pp_storage_left(term, last_counted, &left_at_stop));

    /* From here nothing can fail. */
    pp_earning_catch_up(book, slot, lane, today);
    pp_earning_add(lane, pp_grains_add_checked(at_once, pp_grains(term->storage_grains - left_at_stop)));
    lane->earned =
        pp_grains_add_checked(lane->earned, pp_grains(left_at_stop - left)); /* as if it never stopped */
    for (unsigned i = 0; i < falls.count; i++) {
        if (falls.falls[i].day <= today)
            continue;
        struct pp_grains before = pp_earning_book_get(book, slot, falls.falls[i].day);
        pp_earning_book_set(book, slot, falls.falls[i].day, pp_grains_add_checked(before, falls.falls[i].by));
        lane->rate = pp_grains_add_checked(lane->rate, falls.falls[i].by);
    }
    return PP_OK;
}

enum pp_error pp_earning_refund(struct pp_earning_book *book, uint32_t slot, struct pp_earning_lane *lane,
                                const struct pp_storage_term *term, uint32_t today, uint64_t *out_grains)
{
    uint64_t left;
    PP_TRY(term_check(term));
    PP_TRY(pp_storage_left(term, today, &left));
    if (today < lane->last_day || today > PP_DAY_LAST)
        return PP_OUT_OF_RANGE;
    struct pp_earning_falls falls = pp_earning_falls_of(term);
    if (!pp_earning_book_has_room(book, falls.count))
        return PP_TOO_MANY;
    for (unsigned i = 0; i < falls.count; i++)
        if (falls.falls[i].day > today &&
            pp_grains_lt(pp_earning_book_get(book, slot, falls.falls[i].day), falls.falls[i].by))
            return PP_INVARIANT;

    /* From here nothing can fail. */
    pp_earning_catch_up(book, slot, lane, today);
    for (unsigned i = 0; i < falls.count; i++) {
        if (falls.falls[i].day <= today) /* it has happened */
            continue;
        struct pp_grains before = pp_earning_book_get(book, slot, falls.falls[i].day);
        pp_earning_book_set(book, slot, falls.falls[i].day, pp_grains_sub_checked(before, falls.falls[i].by));
        lane->rate = pp_grains_sub_checked(lane->rate, falls.falls[i].by);
    }
    *out_grains = left;
    return PP_OK;
}

void pp_earning_stop(struct pp_earning_lane *lane, uint32_t day)
{
    /* REW-041: what is earned stays earned; of two stops the earlier one counts. */
    uint32_t stop = day > lane->last_day ? day : lane->last_day;
    if (lane->stop_day <= stop)
        return;
    lane->stop_day = stop;
    lane->earned_at_stop = stop == lane->last_day ? lane->earned : PP_GRAINS_ZERO;
}

void pp_earning_resume(struct pp_earning_lane *lane)
{
    lane->stop_day = PP_DAY_NEVER;
    lane->earned_at_stop = PP_GRAINS_ZERO;
}

struct pp_grains pp_earning_earned(const struct pp_earning_lane *lane)
{
    return lane->stop_day == PP_DAY_NEVER || is_stop_ahead(lane) ? lane->earned : lane->earned_at_stop;
}

struct pp_grains pp_earning_expected(const struct pp_earning_book *book, uint32_t slot,
                                     const struct pp_earning_lane *lane)
{
    struct pp_earning_lane end = *lane;
    advance(book, slot, &end, lane->last_day + PP_RETENTION_MAX_DAYS);
    return pp_grains_sub_checked(end.earned, lane->earned);
}

/* Looking for them ends where they sum to the rate: a lane that earns no storage costs no look at all. */
uint16_t pp_earning_falls_ahead(const struct pp_earning_book *book, uint32_t slot,
                                const struct pp_earning_lane *lane, struct pp_earning_fall *out)
{
    struct pp_grains left = lane->rate;
    uint16_t count = 0;
    for (uint32_t ahead = 1; ahead <= PP_RETENTION_MAX_DAYS && !pp_grains_is_zero(left); ahead++) {
        struct pp_grains by = pp_earning_book_get(book, slot, lane->last_day + ahead);
        if (pp_grains_is_zero(by))
            continue;
        out[count++] = (struct pp_earning_fall){lane->last_day + ahead, by};
        left = pp_grains_sub_clamped(left, by);
    }
    return count;
}

enum pp_error pp_earning_check(const struct pp_earning_book *book, uint32_t slot,
                               const struct pp_earning_lane *lane)
{
    struct pp_grains sum = PP_GRAINS_ZERO;
    for (uint32_t ahead = 1; ahead <= PP_RETENTION_MAX_DAYS; ahead++)
        if (pp_grains_add(sum, pp_earning_book_get(book, slot, lane->last_day + ahead), &sum) != PP_OK)
            return PP_INVARIANT;
    if (!pp_grains_eq(sum, lane->rate) || pp_grains_lt(lane->earned, lane->earned_at_stop))
        return PP_INVARIANT;
    return PP_OK;
}
