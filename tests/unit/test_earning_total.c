/* What all lanes have earned is, on every day, the sum over lanes that are brought to that day one by one.
 * Method: lanes are charged, also late, get refunds, stop (also ahead) and resume at random; the total is compared with the sum after each
 * deed and each day. It goes through its bytes now and then. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/earning_total.h>
#include <pp/refund.h>

#include <string.h>

#define LANES 6u
#define DAYS 60u
#define TERMS 400u
#define START 20000u

struct term {
    uint32_t slot;
    struct pp_storage_term term;
    bool gone;
};

struct world {
    struct pp_rng rng;
    struct pp_earning_book book;
    struct pp_earning_lane lanes[LANES];
    struct pp_earning_total total;
    struct term terms[TERMS];
    uint32_t term_count, day;
};

static void compare(struct world *w)
{
    struct pp_grains sum = PP_GRAINS_ZERO;
    for (uint32_t slot = 0; slot < LANES; slot++) {
        struct pp_earning_lane lane = w->lanes[slot];
        pp_earning_catch_up(&w->book, slot, &lane, w->day);
        sum = pp_grains_add_checked(sum, pp_earning_earned(&lane));
    }
    ck_assert(pp_grains_eq(sum, pp_earning_total_earned(&w->total)));
}

static void charge(struct world *w, uint32_t slot)
{
    struct pp_earning_lane *lane = &w->lanes[slot];
    const struct pp_storage_term term = {pp_rng_below(&w->rng, 1000),
                                         (uint16_t)(1 + pp_rng_below(&w->rng, 40)), w->day};
    struct pp_grains before = pp_earning_earned(lane);
    ck_assert_ok(pp_earning_charge(&w->book, slot, lane, pp_grains(7), &term));
    pp_earning_total_charged(&w->total, lane, &term);
    pp_earning_total_add(&w->total, pp_grains_sub_checked(pp_earning_earned(lane), before));
    if (w->term_count < TERMS)
        w->terms[w->term_count++] = (struct term){slot, term, false};
}

/* REW-048: as if it had been charged some days ago, maybe before the lane stopped, or all of its days are over. */
static void charge_late(struct world *w, uint32_t slot)
{
    struct pp_earning_lane *lane = &w->lanes[slot];
    const struct pp_storage_term term = {pp_rng_below(&w->rng, 1000),
                                         (uint16_t)(1 + pp_rng_below(&w->rng, 40)),
                                         w->day - (uint32_t)pp_rng_below(&w->rng, 50)};
    struct pp_grains before = pp_earning_earned(lane);
    ck_assert_ok(pp_earning_charge_late(&w->book, slot, lane, pp_grains(5), &term, w->day));
    pp_earning_total_charged(&w->total, lane, &term);
    pp_earning_total_add(&w->total, pp_grains_sub_checked(pp_earning_earned(lane), before));
    if (w->term_count < TERMS)
        w->terms[w->term_count++] = (struct term){slot, term, false};
}

static void refund(struct world *w)
{
    struct term *term = &w->terms[pp_rng_below(&w->rng, w->term_count)];
    uint64_t amount;
    if (term->gone)
        return;
    pp_earning_catch_up(&w->book, term->slot, &w->lanes[term->slot], w->day);
    if (pp_earning_refund(&w->book, term->slot, &w->lanes[term->slot], &term->term, w->day, &amount) != PP_OK)
        return; /* its last day is over */
    pp_earning_total_refunded(&w->total, &w->lanes[term->slot], &term->term);
    term->gone = true;
}

static void stop_or_resume(struct world *w, uint32_t slot)
{
    struct pp_earning_lane *lane = &w->lanes[slot];
    struct pp_grains before = pp_earning_earned(lane);
    bool resume = pp_rng_chance(&w->rng, 2);
    pp_earning_total_leave(&w->total, &w->book, slot, lane);
    if (resume)
        pp_earning_resume(lane);
    else
        pp_earning_stop(lane, w->day + (uint32_t)pp_rng_below(&w->rng, 4));
    pp_earning_total_join(&w->total, &w->book, slot, lane);
    if (resume)
        pp_earning_total_add(&w->total, pp_grains_sub_checked(pp_earning_earned(lane), before));
}

static void through_bytes(struct world *w)
{
    uint8_t bytes[PP_EARNING_TOTAL_MAX_BYTES];
    struct pp_earning_total read;
    struct pp_writer writer;
    struct pp_reader reader;
    size_t length;
    pp_writer_init(&writer, bytes, sizeof bytes);
    pp_earning_total_write(&writer, &w->total);
    ck_assert_ok(pp_writer_finish(&writer, &length));
    pp_reader_init(&reader, bytes, length);
    pp_earning_total_read(&reader, &read);
    ck_assert_ok(pp_reader_finish(&reader));
    ck_assert_mem_eq(&read, &w->total, sizeof read);
    bytes[31] ^= 1; /* the rate is the sum of the falls */
    pp_reader_init(&reader, bytes, length);
    pp_earning_total_read(&reader, &read);
    ck_assert_error(pp_reader_finish(&reader), PP_OUT_OF_RANGE);
}

static void deed(struct world *w)
{
    uint32_t slot = (uint32_t)pp_rng_below(&w->rng, LANES);
    uint64_t what = pp_rng_below(&w->rng, 8);
    ck_assert_ok(pp_earning_reserve(&w->book, 2));
    pp_earning_begin(&w->book);
    pp_earning_catch_up(&w->book, slot, &w->lanes[slot],
                        w->day); /* as the ledger does with a lane that it touches */
    if (what < 3)
        charge(w, slot);
    else if (what < 5)
        charge_late(w, slot);
    else if (what < 7 && w->term_count > 0)
        refund(w);
    else
        stop_or_resume(w, slot);
}

static void world_run(struct world *w, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    pp_rng_init(&w->rng, seed);
    w->day = START;
    ck_assert_ok(pp_earning_open(&w->book, 64));
    pp_earning_total_init(&w->total, START);
    for (uint32_t slot = 0; slot < LANES; slot++)
        pp_earning_lane_init(&w->lanes[slot], START);
    for (uint32_t i = 0; i < DAYS; i++) {
        for (uint64_t deeds = pp_rng_below(&w->rng, 6); deeds > 0; deeds--) {
            deed(w);
            compare(w);
        }
        w->day += 1 + (uint32_t)pp_rng_below(&w->rng, 3) * (uint32_t)pp_rng_below(&w->rng, 30) / 20;
        pp_earning_total_turn(&w->total, w->day);
        compare(w);
        if (i % 8 == 0)
            through_bytes(w);
    }
    w->day += PP_RETENTION_MAX_DAYS;
    pp_earning_total_turn(&w->total, w->day);
    compare(w);
    ck_assert(w->total.rate == 0);
    pp_earning_close(&w->book);
}

/* REW-045, REW-046, REW-047, REW-048 */
START_TEST(total__any_deeds_and_days__the_sum_over_lanes_that_were_brought_to_the_day)
{
    static struct world world;
    for (uint64_t seed = 1; seed <= 200; seed++)
        world_run(&world, seed);
}
END_TEST

/* REW-045: at rate zero no number of days takes long. */
START_TEST(turn__far_ahead__ends_at_once)
{
    static struct pp_earning_total total;
    pp_earning_total_init(&total, 1);
    pp_earning_total_turn(&total, PP_DAY_LAST);
    ck_assert_uint_eq(total.day, PP_DAY_LAST);
    ck_assert(pp_grains_is_zero(pp_earning_total_earned(&total)));
    for (unsigned i = 0; i < 3; i++)
        pp_earning_total_add(&total, PP_GRAINS_MAX);
    ck_assert(pp_grains_eq(pp_earning_total_earned(&total), PP_GRAINS_MAX));
}
END_TEST

PP_TESTS("earning_total")
PP_TEST(total__any_deeds_and_days__the_sum_over_lanes_that_were_brought_to_the_day)
PP_TEST(turn__far_ahead__ends_at_once)
PP_TESTS_END
