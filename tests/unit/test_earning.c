/* Goal: every grain of storage is earned on its day, exactly, whatever is deleted, stopped or undone. Method: every retention and
 * every day of deletion against a sum day by day; long random histories of many lanes against an auditor that knows the stamps
 * and nothing of rates and falls. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/earning.h>
#include <pp/refund.h>

#include <stdlib.h>

#define START 20000u

/* In loops of millions: Check notes every assertion that passes, in a file. */
#define require(condition)                                                                                   \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            ck_abort_msg("%s", #condition);                                                                  \
    } while (0)

static void book_open(struct pp_earning_book *book, size_t events)
{
    ck_assert_ok(pp_earning_open(book, 16));
    ck_assert_ok(pp_earning_reserve(book, events));
}

static uint64_t earned_until(uint64_t storage, uint64_t days, uint64_t day)
{
    uint64_t sum = 0;
    for (uint64_t i = 1; i <= day && i <= days; i++)
        sum += storage / days + (i <= storage % days);
    return sum;
}

/* REW-031, REW-032, REW-036, REW-037: exhaustive. */
START_TEST(earning__every_retention_and_deletion_day__exact)
{
    struct pp_earning_book book;
    book_open(&book, 4);
    for (uint16_t days = 1; days <= PP_RETENTION_MAX_DAYS; days++) {
        uint32_t slot = 0; /* a lane of its own for each round */
        const uint64_t amounts[] = {0, 1, days - 1u, days, days + 1u, 2u * days - 1u, 1000003, INT64_MAX};
        for (size_t a = 0; a < sizeof amounts / sizeof amounts[0]; a++, slot++) {
            const struct pp_storage_term term = {amounts[a], days, START};
            struct pp_earning_lane lane;
            uint64_t expected = 0;
            require(pp_earning_reserve(&book, 4) == PP_OK);
            pp_earning_begin(&book);
            pp_earning_lane_init(&lane, START);
            require(pp_earning_charge(&book, slot, &lane, pp_grains(7), &term) == PP_OK);
            for (uint32_t day = 1; day <= days + 2u; day++) {
                pp_earning_catch_up(&book, slot, &lane, START + day - 1);
                if (day <= days)
                    expected += amounts[a] / days + (day <= amounts[a] % days);
                require(pp_earning_earned(&lane).raw == expected + 7);
                if (day % 32 == 1) /* it walks to the end: not on every day */
                    require(pp_earning_expected(&book, slot, &lane).raw == amounts[a] - expected);

                struct pp_earning_book deleted = book; /* shares the table; the log is put back */
                struct pp_earning_lane without = lane;
                uint64_t refund;
                pp_earning_begin(&deleted);
                require(pp_earning_refund(&deleted, slot, &without, &term, START + day - 1, &refund) ==
                        PP_OK);
                require(refund == amounts[a] - expected);
                require(without.rate.raw == 0 || day >= days);
                pp_earning_catch_up(&deleted, slot, &without, START + days + 5u);
                require(pp_earning_earned(&without).raw + refund == amounts[a] + 7);
                pp_earning_undo(&deleted);
                book.count = deleted.count;
            }
            require(expected == amounts[a]);
            require(lane.rate.raw == 0);
        }
        pp_earning_close(&book);
        book_open(&book, 4);
    }
    pp_earning_close(&book);
}
END_TEST

/* The example of specs/rewards.md. REW-031, REW-033, REW-034 */
START_TEST(earning__the_worked_example__as_written)
{
    static const struct {
        uint32_t day;
        uint64_t earned;
    } rows[] = {{20000, 15}, {20001, 30}, {20002, 44}, {20006, 100}, {20007, 100}};
    const struct pp_storage_term term = {100, 7, 20000};
    struct pp_earning_book book;
    struct pp_earning_lane lane;
    book_open(&book, 1);
    pp_earning_lane_init(&lane, 20000);
    ck_assert_ok(pp_earning_charge(&book, 5, &lane, PP_GRAINS_ZERO, &term));
    ck_assert_uint_eq(book.change_count, 2);
    ck_assert(lane.rate.raw == 15);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        pp_earning_catch_up(&book, 5, &lane, rows[i].day);
        ck_assert(lane.earned.raw == rows[i].earned);
        ck_assert_ok(pp_earning_check(&book, 5, &lane));
    }
    pp_earning_close(&book);
}
END_TEST

/* --- the auditor --- */

#define LANES 12u
#define STAMPS 600u

struct audited_stamp {
    unsigned lane;
    uint64_t at_once;
    struct pp_storage_term term;
    uint32_t deleted_day; /* PP_DAY_NEVER */
};

/* What a lane has earned on a day, from its stamps alone; days after stop_day do not count. */
static pp_u128 audit(const struct audited_stamp *stamps, size_t count, unsigned lane, uint32_t today,
                     uint32_t stop_day)
{
    pp_u128 sum = 0;
    for (size_t i = 0; i < count; i++) {
        const struct audited_stamp *stamp = &stamps[i];
        if (stamp->lane != lane)
            continue;
        uint32_t last = today < stop_day ? today : stop_day;
        if (stamp->deleted_day < last)
            last = stamp->deleted_day;
        sum += stamp->at_once;
        if (last >= stamp->term.stored_day)
            sum += earned_until(stamp->term.storage_grains, stamp->term.retention_days,
                                last - stamp->term.stored_day + 1);
    }
    return sum;
}

static struct audited_stamp random_stamp(struct pp_rng *rng, uint32_t today)
{
    return (struct audited_stamp){
        .lane = (unsigned)pp_rng_below(rng, LANES),
        .at_once = pp_rng_below(rng, 1000),
        .term = {.storage_grains = pp_rng_chance(rng, 3) ? pp_rng_below(rng, 50) : pp_rng_edge_u64(rng) >> 1,
                 .retention_days =
                     (uint16_t)(1 + pp_rng_below(rng, pp_rng_chance(rng, 2) ? 12 : PP_RETENTION_MAX_DAYS)),
                 .stored_day = today},
        .deleted_day = PP_DAY_NEVER,
    };
}

struct world {
    struct pp_rng rng;
    struct pp_earning_book book;
    struct pp_earning_lane lanes[LANES];
    struct audited_stamp stamps[STAMPS];
    size_t stamp_count;
    uint32_t today;
};

static void one_event(struct world *world)
{
    if (pp_rng_chance(&world->rng, 3) && world->stamp_count > 0) {
        struct audited_stamp *stamp = &world->stamps[pp_rng_below(&world->rng, world->stamp_count)];
        uint64_t refund;
        if (stamp->deleted_day != PP_DAY_NEVER)
            return;
        ck_assert_ok(pp_earning_refund(&world->book, stamp->lane, &world->lanes[stamp->lane], &stamp->term,
                                       world->today, &refund));
        stamp->deleted_day = world->today;
        ck_assert_uint_eq(refund, stamp->term.storage_grains -
                                      earned_until(stamp->term.storage_grains, stamp->term.retention_days,
                                                   world->today - stamp->term.stored_day + 1));
    } else if (world->stamp_count < STAMPS) {
        struct audited_stamp *stamp = &world->stamps[world->stamp_count++];
        *stamp = random_stamp(&world->rng, world->today);
        ck_assert_ok(pp_earning_charge(&world->book, stamp->lane, &world->lanes[stamp->lane],
                                       pp_grains(stamp->at_once), &stamp->term));
    }
}

/* A commit group: sometimes it fails, and then nothing of it has happened. */
static void one_group(struct world *world)
{
    static struct audited_stamp stamps_before[STAMPS];
    struct pp_earning_lane lanes_before[LANES];
    size_t count_before = world->stamp_count;
    memcpy(stamps_before, world->stamps, sizeof stamps_before);
    memcpy(lanes_before, world->lanes, sizeof lanes_before);
    ck_assert_ok(pp_earning_reserve(&world->book, 8));
    pp_earning_begin(&world->book);
    for (unsigned i = 0; i < 8; i++)
        one_event(world);
    if (pp_rng_chance(&world->rng, 4)) {
        pp_earning_undo(&world->book);
        memcpy(world->lanes, lanes_before, sizeof lanes_before);
        memcpy(world->stamps, stamps_before, sizeof stamps_before);
        world->stamp_count = count_before;
    }
}

static void compare(struct world *world)
{
    for (unsigned i = 0; i < LANES; i++) {
        pp_earning_catch_up(&world->book, i, &world->lanes[i], world->today);
        ck_assert(pp_earning_earned(&world->lanes[i]).raw ==
                  audit(world->stamps, world->stamp_count, i, world->today, PP_DAY_NEVER));
        ck_assert_ok(pp_earning_check(&world->book, i, &world->lanes[i]));
    }
    pp_earning_sweep(&world->book, world->today); /* REW-039 */
}

/* REW-030, REW-032, REW-035, REW-037, REW-039 */
START_TEST(earning__random_histories__as_the_auditor_says)
{
    static struct world world;
    for (unsigned seed = 0; seed < 30; seed++) {
        memset(&world, 0, sizeof world);
        pp_rng_init(&world.rng, seed);
        ck_assert_ok(pp_earning_open(&world.book, 1));
        world.today = START;
        for (unsigned i = 0; i < LANES; i++)
            pp_earning_lane_init(&world.lanes[i], START);
        for (unsigned round = 0; round < 60; round++) {
            one_group(&world);
            if (pp_rng_chance(&world.rng, 2))
                world.today += (uint32_t)pp_rng_below(&world.rng, pp_rng_chance(&world.rng, 5) ? 500 : 4);
            if (pp_rng_chance(&world.rng, 3))
                compare(&world);
        }
        compare(&world);
        world.today += PP_RETENTION_MAX_DAYS;
        compare(&world);
        for (unsigned i = 0; i < LANES; i++)
            ck_assert(world.lanes[i].rate.raw == 0);
        pp_earning_close(&world.book);
    }
}
END_TEST

/* REW-035 */
START_TEST(earning_catch_up__one_step_or_many__the_same)
{
    struct pp_earning_book book;
    struct pp_earning_lane lane, stepwise;
    struct pp_rng rng;
    pp_rng_init(&rng, 35);
    book_open(&book, 50);
    pp_earning_lane_init(&lane, START);
    for (unsigned i = 0; i < 50; i++) {
        const struct pp_storage_term term = {pp_rng_below(&rng, 100000),
                                             (uint16_t)(1 + pp_rng_below(&rng, 90)), START};
        ck_assert_ok(pp_earning_charge(&book, 3, &lane, pp_grains(1), &term));
    }
    stepwise = lane;
    for (uint32_t day = START; day <= START + 100; day++) {
        struct pp_earning_lane jump = lane;
        pp_earning_catch_up(&book, 3, &stepwise, day);
        pp_earning_catch_up(&book, 3, &jump, day);
        ck_assert(pp_grains_eq(stepwise.earned, jump.earned));
        ck_assert(pp_grains_eq(stepwise.rate, jump.rate));
        pp_earning_catch_up(&book, 3, &stepwise, day - 1); /* a day that has passed */
        ck_assert_uint_eq(stepwise.last_day, day);
        ck_assert(pp_grains_eq(stepwise.earned, jump.earned));
    }
    pp_earning_close(&book);
}
END_TEST

/* REW-040, REW-041, REW-042: every day of stopping, before or after it is known, and every day of looking. */
START_TEST(earning_stop__every_day__earns_to_it_and_resumes_without_a_trace)
{
    struct pp_earning_book book;
    const struct pp_storage_term term = {1003, 10, START};
    book_open(&book, 4);
    for (uint32_t known = 0; known <= 12; known++)
        for (uint32_t stop = 0; stop <= 12; stop++)
            for (uint32_t look = known; look <= 14; look++) {
                struct pp_earning_lane lane, resumed;
                uint32_t effective = stop > known ? stop : known; /* what was earned stays */
                pp_earning_begin(&book);
                pp_earning_lane_init(&lane, START);
                ck_assert_ok(pp_earning_charge(&book, 1, &lane, pp_grains(5), &term));
                pp_earning_catch_up(&book, 1, &lane, START + known);
                pp_earning_stop(&lane, START + stop);
                pp_earning_catch_up(&book, 1, &lane, START + look);
                uint32_t days = 1 + (look < effective ? look : effective);
                ck_assert(pp_earning_earned(&lane).raw == 5 + earned_until(1003, 10, days));
                ck_assert_ok(pp_earning_check(&book, 1, &lane));

                resumed = lane;
                pp_earning_resume(&resumed);
                ck_assert(pp_earning_earned(&resumed).raw == 5 + earned_until(1003, 10, 1 + look));

                pp_earning_stop(&lane, START + effective + 1); /* a later stop changes nothing */
                ck_assert_uint_eq(lane.stop_day, START + effective);
                pp_earning_undo(&book);
            }
    pp_earning_close(&book);
}
END_TEST

/* REW-040, REW-030: what is earned at once counts in a stopped lane; a first day that began after the stop does not. */
START_TEST(earning_stop__charge_and_forfeit_after_it__only_what_is_earned_at_once)
{
    struct pp_earning_book book;
    struct pp_earning_lane lane;
    book_open(&book, 4);
    pp_earning_lane_init(&lane, START);
    pp_earning_stop(&lane, START);
    ck_assert_ok(pp_earning_charge(&book, 1, &lane, pp_grains(5), &(struct pp_storage_term){100, 10, START}));
    ck_assert(pp_earning_earned(&lane).raw == 15);
    ck_assert_ok(
        pp_earning_charge(&book, 1, &lane, pp_grains(3), &(struct pp_storage_term){100, 10, START + 1}));
    ck_assert(pp_earning_earned(&lane).raw == 18);
    pp_earning_add(&lane, pp_grains(1000));
    ck_assert(pp_earning_earned(&lane).raw == 1018);
    pp_earning_resume(&lane);
    ck_assert(pp_earning_earned(&lane).raw == 5 + 20 + 3 + 10 + 1000);
    pp_earning_stop(&lane, START + 3); /* ahead: an amount between now and then is not counted twice */
    pp_earning_add(&lane, pp_grains(1));
    pp_earning_catch_up(&book, 1, &lane, START + 9);
    ck_assert(pp_earning_earned(&lane).raw == 5 + 40 + 3 + 30 + 1001);
    pp_earning_close(&book);
}
END_TEST

/* REW-038, REW-043 */
START_TEST(earning__a_term_that_cannot_be__named_error_and_nothing_changed)
{
    struct pp_earning_book book;
    struct pp_earning_lane lane, before;
    uint64_t refund = 9;
    const struct pp_storage_term good = {100, 10, START};
    book_open(&book, 1);
    pp_earning_lane_init(&lane, START);
    before = lane;
    const struct {
        struct pp_storage_term term;
        enum pp_error error;
    } cases[] = {
        {{1, 0, START}, PP_ZERO_RETENTION},
        {{1, PP_RETENTION_MAX_DAYS + 1, START}, PP_RETENTION_TOO_LONG},
        {{1, 1, 0}, PP_OUT_OF_RANGE},
        {{1, 1, START - 1}, PP_OUT_OF_RANGE},
        {{1, 1, PP_DAY_LAST + 1}, PP_OUT_OF_RANGE},
        {{1, 1, PP_DAY_NEVER}, PP_OUT_OF_RANGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_error(pp_earning_charge(&book, 1, &lane, pp_grains(1), &cases[i].term), cases[i].error);
    ck_assert_error(pp_earning_refund(&book, 1, &lane, &good, START, &refund),
                    PP_INVARIANT); /* never charged */
    ck_assert_error(pp_earning_refund(&book, 1, &lane, &good, START - 1, &refund), PP_OUT_OF_RANGE);
    ck_assert_error(pp_earning_refund(&book, 1, &lane, &good, PP_DAY_NEVER, &refund), PP_OUT_OF_RANGE);
    ck_assert_error(pp_earning_refund(&book, 1, &lane, &cases[0].term, START, &refund), PP_ZERO_RETENTION);
    ck_assert_error(pp_earning_refund(&book, 1, &lane, &cases[1].term, START, &refund),
                    PP_RETENTION_TOO_LONG);
    ck_assert_mem_eq(&lane, &before, sizeof lane);

    ck_assert_ok(
        pp_earning_charge(&book, 1, &lane, PP_GRAINS_ZERO, &(struct pp_storage_term){102, 10, START}));
    before = lane;
    ck_assert_error(pp_earning_charge(&book, 1, &lane, pp_grains(1), &good),
                    PP_TOO_MANY); /* reserved for one event */
    ck_assert_error(pp_earning_refund(&book, 1, &lane, &good, START, &refund), PP_TOO_MANY);
    ck_assert_mem_eq(&lane, &before, sizeof lane);
    ck_assert_ok(pp_earning_reserve(&book, 2));
    pp_earning_catch_up(&book, 1, &lane, START + 2);
    ck_assert_error(pp_earning_refund(&book, 1, &lane, &good, START + 1, &refund), PP_OUT_OF_RANGE);
    ck_assert_uint_eq(refund, 9);
    lane.rate.raw++;
    ck_assert_error(pp_earning_check(&book, 1, &lane), PP_INVARIANT);
    lane.rate.raw--;
    lane.earned_at_stop.raw = lane.earned.raw + 1;
    ck_assert_error(pp_earning_check(&book, 1, &lane), PP_INVARIANT);
    pp_earning_close(&book);
}
END_TEST

/* REW-034: a term touches two falls at the most, whatever it is. */
START_TEST(earning__every_small_term__at_most_two_changes)
{
    struct pp_earning_book book;
    book_open(&book, 1);
    for (uint16_t days = 1; days <= 40; days++)
        for (uint64_t storage = 0; storage <= 200; storage++) {
            struct pp_earning_lane lane;
            uint64_t refund;
            ck_assert_ok(pp_earning_reserve(&book, 2));
            pp_earning_begin(&book);
            pp_earning_lane_init(&lane, START);
            ck_assert_ok(pp_earning_charge(&book, 1, &lane, PP_GRAINS_ZERO,
                                           &(struct pp_storage_term){storage, days, START}));
            ck_assert_uint_le(book.change_count, 2);
            ck_assert_uint_eq(book.change_count, (storage % days >= 2) + (days >= 2 && storage >= days));
            ck_assert_ok(pp_earning_refund(&book, 1, &lane, &(struct pp_storage_term){storage, days, START},
                                           START, &refund));
            ck_assert_uint_le(book.change_count, 4);
            ck_assert(lane.rate.raw == 0);
            pp_earning_undo(&book);
        }
    pp_earning_close(&book);
}
END_TEST

PP_TESTS("earning")
PP_TEST(earning__every_retention_and_deletion_day__exact)
PP_TEST(earning__the_worked_example__as_written)
PP_TEST(earning__random_histories__as_the_auditor_says)
PP_TEST(earning_catch_up__one_step_or_many__the_same)
PP_TEST(earning_stop__every_day__earns_to_it_and_resumes_without_a_trace)
PP_TEST(earning_stop__charge_and_forfeit_after_it__only_what_is_earned_at_once)
PP_TEST(earning__a_term_that_cannot_be__named_error_and_nothing_changed)
PP_TEST(earning__every_small_term__at_most_two_changes)
PP_TESTS_END
