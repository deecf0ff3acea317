/* Goal: a stored lane comes back as it was, or is refused. Method: round trips of random lanes; every truncation; every
 * inconsistency of a record, one at a time; every flipped bit. REW-044 */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/earning.h>

#define START 20000u

static size_t encode(const struct pp_earning_book *book, const struct pp_earning_lane *lane, uint8_t *bytes)
{
    struct pp_writer w;
    size_t length;
    pp_writer_init(&w, bytes, PP_EARNING_LANE_MAX_BYTES);
    pp_earning_lane_write(&w, book, 1, lane);
    ck_assert_ok(pp_writer_finish(&w, &length));
    return length;
}

static enum pp_error decode(const uint8_t *bytes, size_t length, struct pp_earning_book *book,
                            struct pp_earning_lane *out)
{
    struct pp_reader r;
    pp_reader_init(&r, bytes, length);
    pp_earning_lane_read(&r, book, 1, out);
    return pp_reader_finish(&r);
}

static void book_fill(struct pp_earning_book *book, struct pp_earning_lane *lane, struct pp_rng *rng,
                      unsigned stamps)
{
    ck_assert_ok(pp_earning_open(book, 1000));
    ck_assert_ok(pp_earning_reserve(book, stamps));
    pp_earning_lane_init(lane, START);
    for (unsigned i = 0; i < stamps; i++) {
        const struct pp_storage_term term = {pp_rng_below(rng, 1000000),
                                             (uint16_t)(1 + pp_rng_below(rng, 400)), START + i / 10};
        ck_assert_ok(pp_earning_charge(book, 1, lane, pp_grains(3), &term));
    }
}

START_TEST(earning_wire__random_lanes__earn_on_as_before)
{
    struct pp_rng rng;
    pp_rng_init(&rng, 44);
    for (unsigned round = 0; round < 40; round++) {
        struct pp_earning_book book, loaded;
        struct pp_earning_lane lane, back;
        uint8_t bytes[PP_EARNING_LANE_MAX_BYTES], again[PP_EARNING_LANE_MAX_BYTES];
        book_fill(&book, &lane, &rng, round * 10);
        if (round % 3 == 1)
            pp_earning_stop(&lane, lane.last_day + (uint32_t)pp_rng_below(&rng, 3));
        ck_assert_ok(pp_earning_open(&loaded, PP_RETENTION_MAX_DAYS));
        size_t length = encode(&book, &lane, bytes);
        ck_assert_ok(decode(bytes, length, &loaded, &back));
        ck_assert_uint_eq(encode(&loaded, &back, again), length);
        ck_assert_mem_eq(bytes, again, length);
        for (uint32_t day = lane.last_day; day < START + 500; day += 7) {
            pp_earning_catch_up(&book, 1, &lane, day);
            pp_earning_catch_up(&loaded, 1, &back, day);
            ck_assert(pp_grains_eq(pp_earning_earned(&lane), pp_earning_earned(&back)));
        }
        pp_earning_close(&book);
        pp_earning_close(&loaded);
    }
}
END_TEST

START_TEST(earning_wire__every_truncation_and_flipped_bit__refused_or_itself)
{
    struct pp_earning_book book, loaded;
    struct pp_earning_lane lane, back;
    struct pp_rng rng;
    uint8_t bytes[PP_EARNING_LANE_MAX_BYTES], again[PP_EARNING_LANE_MAX_BYTES];
    pp_rng_init(&rng, 45);
    book_fill(&book, &lane, &rng, 20);
    ck_assert_ok(pp_earning_open(&loaded, PP_RETENTION_MAX_DAYS));
    size_t length = encode(&book, &lane, bytes);
    for (size_t i = 0; i < length; i++)
        ck_assert_error(decode(bytes, i, &loaded, &back), PP_TRUNCATED);
    ck_assert_uint_eq(loaded.count, 0);
    for (size_t bit = 0; bit < 8 * length; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (decode(bytes, length, &loaded, &back) == PP_OK) {
            ck_assert_uint_eq(encode(&loaded, &back, again), length);
            ck_assert_mem_eq(bytes, again, length);
        }
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        pp_earning_close(&loaded);
        ck_assert_ok(pp_earning_open(&loaded, PP_RETENTION_MAX_DAYS));
    }
    pp_earning_close(&book);
    pp_earning_close(&loaded);
}
END_TEST

struct record {
    struct pp_earning_lane lane;
    uint16_t count;
    struct {
        uint32_t day;
        struct pp_grains by;
    } falls[2];
};

static size_t record_write(const struct record *record, uint8_t *bytes)
{
    struct pp_writer w;
    size_t length;
    pp_writer_init(&w, bytes, PP_EARNING_LANE_MAX_BYTES);
    pp_write_grains(&w, record->lane.rate);
    pp_write_grains(&w, record->lane.earned);
    pp_write_grains(&w, record->lane.earned_at_stop);
    pp_write_u32(&w, record->lane.last_day);
    pp_write_u32(&w, record->lane.stop_day);
    pp_write_u16(&w, record->count);
    for (unsigned i = 0; i < 2; i++) {
        pp_write_u32(&w, record->falls[i].day);
        pp_write_grains(&w, record->falls[i].by);
    }
    ck_assert_ok(pp_writer_finish(&w, &length));
    return length;
}

START_TEST(earning_wire__a_record_that_contradicts_itself__refused)
{
    const struct record good = {.lane = {.rate = pp_grains(30),
                                         .earned = pp_grains(100),
                                         .earned_at_stop = pp_grains(90),
                                         .last_day = START,
                                         .stop_day = START - 1},
                                .count = 2,
                                .falls = {{START + 1, pp_grains(10)}, {START + 400, pp_grains(20)}}};
    struct record record;
    struct pp_earning_book book;
    struct pp_earning_lane out;
    uint8_t bytes[PP_EARNING_LANE_MAX_BYTES];
#define CHECK(change, error)                                                                                 \
    do {                                                                                                     \
        record = good;                                                                                       \
        change;                                                                                              \
        ck_assert_ok(pp_earning_open(&book, 16));                                                            \
        ck_assert_error(decode(bytes, record_write(&record, bytes), &book, &out), error);                    \
        pp_earning_close(&book);                                                                             \
    } while (0)
    CHECK((void)0, PP_OK);
    CHECK(record.lane.rate = pp_grains(31), PP_OUT_OF_RANGE);
    CHECK(record.lane.earned_at_stop = pp_grains(101), PP_OUT_OF_RANGE);
    CHECK(record.lane.stop_day = PP_DAY_NEVER, PP_OUT_OF_RANGE);
    CHECK(record.lane.stop_day = START + 1, PP_OUT_OF_RANGE);
    CHECK((record.lane.stop_day = START + 1, record.lane.earned_at_stop = PP_GRAINS_ZERO), PP_OK);
    CHECK(record.lane.last_day = PP_DAY_LAST + 1, PP_OUT_OF_RANGE);
    CHECK(record.falls[0].day = START, PP_OUT_OF_RANGE);
    CHECK(record.falls[1].day = START + 1, PP_OUT_OF_RANGE);
    CHECK(record.falls[1].day = START + 401, PP_OUT_OF_RANGE);
    CHECK((record.falls[0].by = PP_GRAINS_ZERO, record.lane.rate = pp_grains(20)), PP_OUT_OF_RANGE);
    CHECK(record.falls[0].by = PP_GRAINS_MAX, PP_OVERFLOW);
    CHECK(record.count = PP_RETENTION_MAX_DAYS + 1, PP_OUT_OF_RANGE);
    CHECK(record.count = 1, PP_OUT_OF_RANGE);
    CHECK(record.count = 3, PP_TRUNCATED);
#undef CHECK
}
END_TEST

START_TEST(earning_wire__a_book_without_places__too_many)
{
    struct pp_earning_book book, small;
    struct pp_earning_lane lane, back;
    uint8_t bytes[PP_EARNING_LANE_MAX_BYTES];
    struct pp_rng rng;
    pp_rng_init(&rng, 46);
    book_fill(&book, &lane, &rng, 200);
    size_t length = encode(&book, &lane, bytes);
    ck_assert_ok(pp_earning_open(&small, 1));
    ck_assert_error(decode(bytes, length, &small, &back), PP_TOO_MANY);
    ck_assert_uint_eq(small.count, 0);
    ck_assert_ok(pp_earning_reserve(&small, PP_RETENTION_MAX_DAYS / 2));
    ck_assert_ok(decode(bytes, length, &small, &back));
    pp_earning_close(&book);
    pp_earning_close(&small);
}
END_TEST

PP_TESTS("earning_wire")
PP_TEST(earning_wire__random_lanes__earn_on_as_before)
PP_TEST(earning_wire__every_truncation_and_flipped_bit__refused_or_itself)
PP_TEST(earning_wire__a_record_that_contradicts_itself__refused)
PP_TEST(earning_wire__a_book_without_places__too_many)
PP_TESTS_END
