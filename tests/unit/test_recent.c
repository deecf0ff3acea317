/* The stamps that are not indexed yet, against a plain list. */
#include "pp_fixture.h"
#include "pp_test.h"

#include "engine/recent.h"

#include <stdlib.h>

#define MODEL 4096u

/* JRN-050, NODE-025 */
START_TEST(recent__random_adds_and_drops_at_both_ends__as_a_plain_list)
{
    struct pp_recent recent;
    struct pp_rng rng;
    static struct pp_recent_stamp model[MODEL];
    uint64_t first = 0, next = 0, sequence = 1;
    pp_rng_init(&rng, 9);
    ck_assert_ok(pp_recent_open(&recent, 0x1234567890abcdef));
    for (unsigned round = 0; round < 3000; round++) {
        uint64_t choice = pp_rng_below(&rng, 10);
        for (unsigned i = 0; choice < 6 && i < 5 && next - first < 500 && next < MODEL; i++) {
            struct pp_recent_stamp stamp = {.from = pp_grains(1000 * next),
                                            .slot = (uint32_t)pp_rng_below(&rng, 3),
                                            .sequence = sequence++};
            stamp.stamp_id.bytes[0] = (uint8_t)next;
            pp_recent_add(&recent, &stamp);
            model[next++] = stamp;
        }
        if (choice >= 6 && choice < 8 && first < next) {
            uint64_t end = model[first].sequence + pp_rng_below(&rng, 8);
            while (first < next && model[first].sequence < end)
                first++;
            pp_recent_drop_below(&recent, first);
        } else if (choice >= 8 && first < next) {
            uint64_t start = model[next - 1].sequence - pp_rng_below(&rng, 4);
            pp_recent_drop_from(&recent, start);
            while (next > first && model[next - 1].sequence >= start)
                next--;
        }
        ck_assert_uint_eq(pp_recent_count(&recent), next - first);
        for (uint64_t i = first > 20 ? first - 20 : 0; i < next; i += 1 + pp_rng_below(&rng, 7)) {
            const struct pp_recent_stamp *found = pp_recent_find(&recent, model[i].slot, model[i].from);
            ck_assert_int_eq(found != NULL, i >= first);
            if (found) {
                ck_assert_uint_eq(found->sequence, model[i].sequence);
                ck_assert_ptr_eq(found, pp_recent_at(&recent, i));
            }
            ck_assert_ptr_null(pp_recent_find(&recent, model[i].slot + 3, model[i].from));
        }
    }
    pp_recent_close(&recent);
}
END_TEST

START_TEST(recent__full_and_filled_on__every_one_found)
{
    struct pp_recent recent;
    ck_assert_ok(pp_recent_open(&recent, 0x1234567890abcdef));
    for (uint64_t i = 0; i < PP_RECENT_MAX + PP_RECENT_MAX / 2; i++) {
        if (pp_recent_count(&recent) == PP_RECENT_MAX)
            pp_recent_drop_below(&recent, recent.first + 1);
        pp_recent_add(&recent,
                      &(struct pp_recent_stamp){.from = pp_grains(i * 4096), .slot = 0, .sequence = i + 1});
    }
    for (uint64_t i = PP_RECENT_MAX / 2; i < PP_RECENT_MAX + PP_RECENT_MAX / 2; i += 97)
        ck_assert_ptr_nonnull(pp_recent_find(&recent, 0, pp_grains(i * 4096)));
    ck_assert_ptr_null(pp_recent_find(&recent, 0, pp_grains(0)));
    pp_recent_close(&recent);
}
END_TEST

/* JRN-051: the last undone across the border of two chunks, and admitted again. */
START_TEST(recent__undone_across_chunks__as_if_never_there)
{
    struct pp_recent recent;
    const uint64_t border = 3 * PP_RECENT_CHUNK_STAMPS;
    ck_assert_ok(pp_recent_open(&recent, 3));
    for (uint64_t i = 0; i < border + 5; i++)
        pp_recent_add(&recent, &(struct pp_recent_stamp){.from = pp_grains(i), .slot = 2, .sequence = i + 1});
    for (unsigned times = 0; times < 200; times++) {
        pp_recent_drop_from(&recent, border - 4);
        ck_assert_uint_eq(pp_recent_count(&recent), border - 5);
        ck_assert_ptr_null(pp_recent_find(&recent, 2, pp_grains(border - 5)));
        ck_assert_ptr_nonnull(pp_recent_find(&recent, 2, pp_grains(border - 6)));
        for (uint64_t i = border - 5; i < border + 5; i++)
            pp_recent_add(&recent,
                          &(struct pp_recent_stamp){.from = pp_grains(i), .slot = 2, .sequence = i + 1});
    }
    for (uint64_t i = 0; i < border + 5; i++)
        ck_assert_uint_eq(pp_recent_find(&recent, 2, pp_grains(i))->sequence, i + 1);
    ck_assert_uint_le(recent.fresh, 4);
    pp_recent_drop_below(&recent, recent.end);
    pp_recent_drop_from(&recent, 0);
    ck_assert_uint_eq(pp_recent_count(&recent), 0);
    pp_recent_close(&recent);
}
END_TEST

/* What was used last is used again first: memory is touched as far as the index lags behind, and no further. */
START_TEST(recent__a_long_life_with_a_short_lag__touches_few_places)
{
    struct pp_recent recent;
    ck_assert_ok(pp_recent_open(&recent, 7));
    for (uint64_t i = 1; i < 100000; i++) {
        pp_recent_add(&recent,
                      &(struct pp_recent_stamp){.from = pp_grains(i * 512), .slot = 1, .sequence = i});
        if (i % 100 == 0)
            pp_recent_drop_below(&recent, i - 50);
    }
    ck_assert_uint_le(recent.fresh, 2);
    pp_recent_close(&recent);
}
END_TEST

PP_TESTS("recent")
PP_TEST(recent__random_adds_and_drops_at_both_ends__as_a_plain_list)
PP_TEST(recent__full_and_filled_on__every_one_found)
PP_TEST(recent__undone_across_chunks__as_if_never_there)
PP_TEST(recent__a_long_life_with_a_short_lag__touches_few_places)
PP_TESTS_END
