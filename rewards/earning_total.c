#include <pp/earning_total.h>

#include "earning_falls.h"

#include <string.h>

void pp_earning_total_init(struct pp_earning_total *total, uint32_t day)
{
    *total = (struct pp_earning_total){.day = day};
}

static pp_u128 *fall_at(struct pp_earning_total *total, uint32_t day)
{
    return &total->falls[day % PP_EARNING_TOTAL_DAYS];
}

void pp_earning_total_turn(struct pp_earning_total *total, uint32_t day)
{
    /* As in a lane: at rate zero no fall is ahead, so this ends within PP_RETENTION_MAX_DAYS turns. */
    while (total->day < day && total->rate != 0) {
        pp_u128 *fall = fall_at(total, ++total->day);
        total->rate -= *fall;
        total->earned += total->rate;
        *fall = 0;
    }
    if (total->day < day)
        total->day = day;
}

struct pp_grains pp_earning_total_earned(const struct pp_earning_total *total)
{
    struct pp_grains out;
    return pp_grains_from_u128(total->earned, &out) == PP_OK ? out : PP_GRAINS_MAX;
}

void pp_earning_total_add(struct pp_earning_total *total, struct pp_grains more)
{
    total->earned += more.raw;
}

/* A lane earns up to its stop: what falls later falls on the day after it. One that stopped already earns nothing. */
static void fall_book(struct pp_earning_total *total, const struct pp_earning_lane *lane,
                      const struct pp_earning_fall *fall, bool comes)
{
    uint32_t day =
        lane->stop_day != PP_DAY_NEVER && fall->day > lane->stop_day ? lane->stop_day + 1 : fall->day;
    pp_u128 by = fall->by.raw;
    if (day <= total->day)
        return;
    total->rate += comes ? by : -by;
    *fall_at(total, day) += comes ? by : -by;
}

static void term_book(struct pp_earning_total *total, const struct pp_earning_lane *lane,
                      const struct pp_storage_term *term, bool comes)
{
    struct pp_earning_falls falls = pp_earning_falls_of(term);
    for (unsigned i = 0; i < falls.count; i++)
        if (falls.falls[i].day > total->day)
            fall_book(total, lane, &falls.falls[i], comes);
}

void pp_earning_total_charged(struct pp_earning_total *total, const struct pp_earning_lane *lane,
                              const struct pp_storage_term *term)
{
    term_book(total, lane, term, true);
}

void pp_earning_total_refunded(struct pp_earning_total *total, const struct pp_earning_lane *lane,
                               const struct pp_storage_term *term)
{
    term_book(total, lane, term, false);
}

static void lane_book(struct pp_earning_total *total, const struct pp_earning_book *book, uint32_t slot,
                      const struct pp_earning_lane *lane, bool comes)
{
    struct pp_earning_fall falls[PP_RETENTION_MAX_DAYS];
    uint16_t count = pp_earning_falls_ahead(book, slot, lane, falls);
    for (uint16_t i = 0; i < count; i++)
        fall_book(total, lane, &falls[i], comes);
}

void pp_earning_total_leave(struct pp_earning_total *total, const struct pp_earning_book *book, uint32_t slot,
                            const struct pp_earning_lane *lane)
{
    lane_book(total, book, slot, lane, false);
}

void pp_earning_total_join(struct pp_earning_total *total, const struct pp_earning_book *book, uint32_t slot,
                           const struct pp_earning_lane *lane)
{
    lane_book(total, book, slot, lane, true);
}

/* ---- checkpoints ---- */

static void u128_write(struct pp_writer *w, pp_u128 value)
{
    pp_write_u64(w, (uint64_t)(value >> 64));
    pp_write_u64(w, (uint64_t)value);
}

static pp_u128 u128_read(struct pp_reader *r)
{
    pp_u128 high = pp_read_u64(r);
    return high << 64 | pp_read_u64(r);
}

void pp_earning_total_write(struct pp_writer *w, const struct pp_earning_total *total)
{
    uint16_t count = 0;
    for (uint32_t ahead = 1; ahead <= PP_RETENTION_MAX_DAYS; ahead++)
        count += total->falls[(total->day + ahead) % PP_EARNING_TOTAL_DAYS] != 0;
    u128_write(w, total->earned);
    u128_write(w, total->rate);
    pp_write_u32(w, total->day);
    pp_write_u16(w, count);
    for (uint32_t ahead = 1; ahead <= PP_RETENTION_MAX_DAYS; ahead++) {
        pp_u128 by = total->falls[(total->day + ahead) % PP_EARNING_TOTAL_DAYS];
        if (by == 0)
            continue;
        pp_write_u32(w, total->day + ahead);
        u128_write(w, by);
    }
}

void pp_earning_total_read(struct pp_reader *r, struct pp_earning_total *out)
{
    struct pp_earning_total total = {.earned = u128_read(r), .rate = u128_read(r)};
    pp_u128 sum = 0;
    total.day = pp_read_u32(r);
    uint16_t count = pp_read_u16(r);
    uint32_t before = total.day;
    for (uint16_t i = 0; i < count && r->error == PP_OK; i++) {
        uint32_t day = pp_read_u32(r);
        pp_u128 by = u128_read(r);
        if (day <= before || day - total.day > PP_RETENTION_MAX_DAYS || by == 0) {
            pp_reader_fail(r, PP_OUT_OF_RANGE);
            return;
        }
        *fall_at(&total, day) = by;
        sum += by;
        before = day;
    }
    if (r->error == PP_OK && sum != total.rate)
        pp_reader_fail(r, PP_OUT_OF_RANGE);
    if (r->error == PP_OK)
        *out = total;
}
