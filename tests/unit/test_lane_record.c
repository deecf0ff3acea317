/* Goal: a lane's record comes back as it was, and a damaged one is refused or says exactly what its bytes say. */
#include "lane_fixture.h"
#include "pp_test.h"

static size_t make(struct lane_fixture *f, uint8_t out[PP_LANE_RECORD_MAX_BYTES])
{
    size_t length;
    lane_fixture_init(f, 20);
    lane_fixture_admit(f, 10, 20, 20);
    lane_fixture_admit(f, 30, 40, 90);
    ck_assert_ok(pp_lane_refund(&f->lane, pp_grains(3)));
    ck_assert_ok(pp_lane_earn(&f->lane, pp_grains(4)));
    pp_lane_vested(&f->lane, pp_grains(2));
    ck_assert_ok(pp_lane_release(&f->lane, pp_units(9)));
    ck_assert_ok(pp_lane_encode(&f->lane, out, PP_LANE_RECORD_MAX_BYTES, &length));
    return length;
}

START_TEST(record__there_and_back__the_same_lane)
{
    struct lane_fixture f;
    struct pp_lane lane;
    uint8_t bytes[PP_LANE_RECORD_MAX_BYTES], again[PP_LANE_RECORD_MAX_BYTES];
    size_t length = make(&f, bytes), length_again;
    ck_assert_uint_eq(length, 99 + 2 * 24);
    ck_assert_ok(pp_lane_decode(&lane, bytes, length, &f.pool));
    ck_assert(pp_intervals_eq(&lane.consumed, &f.lane.consumed));
    ck_assert_uint_eq(pp_lane_cap(&lane).raw, 9);
    ck_assert_ok(pp_lane_encode(&lane, again, sizeof again, &length_again));
    ck_assert_uint_eq(length_again, length);
    ck_assert_mem_eq(bytes, again, length);
    pp_lane_done(&lane, &f.pool);
    for (size_t capacity = 0; capacity < length; capacity++)
        ck_assert_error(pp_lane_encode(&f.lane, again, capacity, &length_again), PP_OVERFLOW);
}
END_TEST

START_TEST(record__sixty_four_holes__fits)
{
    struct lane_fixture f;
    struct pp_lane lane;
    uint8_t bytes[PP_LANE_RECORD_MAX_BYTES];
    size_t length;
    lane_fixture_init(&f, 1);
    for (uint64_t i = 0; i < PP_HOLES_MAX; i++)
        lane_fixture_admit(&f, 10 * i + 5, 10 * i + 10, 10 * i + 10);
    ck_assert_ok(pp_lane_encode(&f.lane, bytes, sizeof bytes, &length));
    ck_assert_uint_eq(length, sizeof bytes);
    ck_assert_ok(pp_lane_decode(&lane, bytes, length, &f.pool));
    ck_assert(pp_intervals_eq(&lane.consumed, &f.lane.consumed));
}
END_TEST

/* LANE-070. A block of the pool is never lost to a refused record. */
START_TEST(record__damaged__refused_or_what_its_bytes_say)
{
    struct lane_fixture f;
    struct pp_lane lane;
    uint8_t bytes[PP_LANE_RECORD_MAX_BYTES + 1] = {0}, again[PP_LANE_RECORD_MAX_BYTES];
    size_t length = make(&f, bytes), length_again;
    uint32_t used = f.pool.used;
    for (size_t cut = 0; cut < length; cut++)
        ck_assert_error(pp_lane_decode(&lane, bytes, cut, &f.pool), PP_TRUNCATED);
    ck_assert_error(pp_lane_decode(&lane, bytes, length + 1, &f.pool), PP_TRAILING_BYTES);
    for (size_t bit = 0; bit < 8 * length; bit++) {
        bytes[bit / 8] ^= 1u << bit % 8;
        if (pp_lane_decode(&lane, bytes, length, &f.pool) == PP_OK) {
            if (pp_lane_encode(&lane, again, sizeof again, &length_again) != PP_OK ||
                length_again != length || memcmp(bytes, again, length) != 0)
                ck_abort_msg("bit %zu: another encoding of the same lane", bit);
            pp_lane_done(&lane, &f.pool);
        }
        bytes[bit / 8] ^= 1u << bit % 8;
        ck_assert_uint_eq(f.pool.used, used);
    }
    bytes[0] = 2;
    ck_assert_error(pp_lane_decode(&lane, bytes, length, &f.pool), PP_BAD_VERSION);
    bytes[0] = 1;
    bytes[5] = PP_LANE_STATE_COUNT;
    ck_assert_error(pp_lane_decode(&lane, bytes, length, &f.pool), PP_OUT_OF_RANGE);
    bytes[5] = PP_LANE_STATE_ACTIVE;
    bytes[98] = PP_HOLES_MAX + 1;
    ck_assert_error(pp_lane_decode(&lane, bytes, length, &f.pool), PP_OUT_OF_RANGE);
    bytes[98] = 2;
    memset(bytes + 6, 0, 12); /* S = 0 below the head */
    ck_assert_error(pp_lane_decode(&lane, bytes, length, &f.pool), PP_INVARIANT);
    ck_assert_uint_eq(f.pool.used, used);
}
END_TEST

START_TEST(record__no_block_left__busy)
{
    struct lane_fixture f;
    struct pp_lane lane;
    uint8_t bytes[PP_LANE_RECORD_MAX_BYTES];
    size_t length = make(&f, bytes);
    f.pool.fresh = f.pool.count;
    ck_assert_error(pp_lane_decode(&lane, bytes, length, &f.pool), PP_BUSY);
}
END_TEST

PP_TESTS("lane record")
PP_TEST(record__there_and_back__the_same_lane)
PP_TEST(record__sixty_four_holes__fits)
PP_TEST(record__damaged__refused_or_what_its_bytes_say)
PP_TEST(record__no_block_left__busy)
PP_TESTS_END
