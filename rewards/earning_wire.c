#include <pp/earning.h>

#include "earning_book.h"
#include "earning_falls.h"

#include <pp/assert.h>

void pp_earning_lane_write(struct pp_writer *w, const struct pp_earning_book *book, uint32_t slot,
                           const struct pp_earning_lane *lane)
{
    struct pp_earning_fall falls[PP_RETENTION_MAX_DAYS];
    uint16_t count = pp_earning_falls_ahead(book, slot, lane, falls);
    pp_write_grains(w, lane->rate);
    pp_write_grains(w, lane->earned);
    pp_write_grains(w, lane->earned_at_stop);
    pp_write_u32(w, lane->last_day);
    pp_write_u32(w, lane->stop_day);
    pp_write_u16(w, count);
    for (uint16_t i = 0; i < count; i++) {
        pp_write_u32(w, falls[i].day);
        pp_write_grains(w, falls[i].by);
    }
}

/* REW-044: a record is as untrusted as a message; what it says of the rate must agree with its falls. */
static enum pp_error lane_check(const struct pp_earning_lane *lane, const struct pp_earning_fall *falls,
                                uint16_t count)
{
    struct pp_grains sum = PP_GRAINS_ZERO;
    uint32_t before = lane->last_day;
    if (lane->last_day > PP_DAY_LAST)
        return PP_OUT_OF_RANGE;
    for (uint16_t i = 0; i < count; i++) {
        if (falls[i].day <= before || falls[i].day - lane->last_day > PP_RETENTION_MAX_DAYS ||
            pp_grains_is_zero(falls[i].by))
            return PP_OUT_OF_RANGE;
        before = falls[i].day;
        PP_TRY(pp_grains_add(sum, falls[i].by, &sum));
    }
    struct pp_grains most; /* more than it can ever come to: no later sum overflows */
    PP_TRY(pp_grains_mul(lane->rate, PP_RETENTION_MAX_DAYS, &most));
    PP_TRY(pp_grains_add(lane->earned, most, &most));
    if (!pp_grains_eq(sum, lane->rate) || pp_grains_lt(lane->earned, lane->earned_at_stop))
        return PP_OUT_OF_RANGE;
    if (!pp_grains_is_zero(lane->earned_at_stop) &&
        (lane->stop_day == PP_DAY_NEVER || lane->stop_day > lane->last_day))
        return PP_OUT_OF_RANGE;
    return PP_OK;
}

void pp_earning_lane_read(struct pp_reader *r, struct pp_earning_book *book, uint32_t slot,
                          struct pp_earning_lane *out)
{
    struct pp_earning_fall falls[PP_RETENTION_MAX_DAYS];
    struct pp_earning_lane lane;
    lane.rate = pp_read_grains(r);
    lane.earned = pp_read_grains(r);
    lane.earned_at_stop = pp_read_grains(r);
    lane.last_day = pp_read_u32(r);
    lane.stop_day = pp_read_u32(r);
    uint16_t count = pp_read_u16(r);
    if (count > PP_RETENTION_MAX_DAYS) {
        pp_reader_fail(r, PP_OUT_OF_RANGE);
        return;
    }
    for (uint16_t i = 0; i < count; i++) {
        falls[i].day = pp_read_u32(r);
        falls[i].by = pp_read_grains(r);
    }
    if (r->error != PP_OK)
        return;
    enum pp_error error = lane_check(&lane, falls, count);
    if (error == PP_OK && count > 0 && !pp_earning_book_has_places(book, count))
        error = PP_TOO_MANY;
    if (error != PP_OK) {
        pp_reader_fail(r, error);
        return;
    }
    for (uint16_t i = 0; i < count; i++)
        pp_earning_book_load(book, slot, falls[i].day, falls[i].by);
    *out = lane;
}
