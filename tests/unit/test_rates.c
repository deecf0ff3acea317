/* Goal: rates move in small steps and never reach a number that others read as negative. Method: each parameter alone, at the
 * edges of what a step allows; a table filled past its end. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/rates.h>

static struct pp_rates sample(void)
{
    return (struct pp_rates){.version = 1,
                             .start_ms = 1000,
                             .base_grains = 100,
                             .storage_grains = 200,
                             .congestion_grains = 7,
                             .target_per_minute = 6000,
                             .bond_count = 2,
                             .bond_grains = {0, 50}};
}

/* FEE-002 */
START_TEST(rates_check__a_value_at_2_63__negative_rate)
{
    struct pp_rates rates = sample();
    uint64_t *const values[] = {&rates.base_grains, &rates.storage_grains, &rates.congestion_grains,
                                &rates.bond_grains[0], &rates.bond_grains[1]};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        uint64_t before = *values[i];
        *values[i] = INT64_MAX;
        ck_assert_ok(pp_rates_check(&rates));
        *values[i] = UINT64_C(1) << 63;
        ck_assert_error(pp_rates_check(&rates), PP_NEGATIVE_RATE);
        *values[i] = UINT64_MAX;
        ck_assert_error(pp_rates_check(&rates), PP_NEGATIVE_RATE);
        *values[i] = before;
    }
}
END_TEST

/* FEE-003 */
START_TEST(rates_check__version_target_or_bonds_out_of_range__refused)
{
    struct pp_rates rates = sample();
    rates.version = 0;
    ck_assert_error(pp_rates_check(&rates), PP_OUT_OF_RANGE);
    rates = sample();
    rates.target_per_minute = 0;
    ck_assert_error(pp_rates_check(&rates), PP_OUT_OF_RANGE);
    rates = sample();
    rates.bond_count = PP_ENVELOPE_KINDS_MAX + 1;
    ck_assert_error(pp_rates_check(&rates), PP_OUT_OF_RANGE);
    rates = sample();
    rates.bond_grains[2] = 1; /* behind the last */
    ck_assert_error(pp_rates_check(&rates), PP_OUT_OF_RANGE);
}
END_TEST

static void set(struct pp_rates *rates, unsigned parameter, uint64_t value)
{
    switch (parameter) {
    case 0:
        rates->base_grains = value;
        break;
    case 1:
        rates->storage_grains = value;
        break;
    case 2:
        rates->congestion_grains = value;
        break;
    case 3:
        rates->bond_grains[1] = value;
        break;
    default:
        rates->target_per_minute = (uint32_t)value;
        break;
    }
}

/* FEE-005 */
START_TEST(rates_step__each_parameter__double_and_half_and_no_further)
{
    static const struct {
        uint64_t old, lowest, highest;
    } steps[] = {{1, 0, 2},
                 {2, 1, 4},
                 {3, 1, 6},
                 {100, 50, 200},
                 {101, 50, 202},
                 {0, 0, 1},
                 {INT64_MAX, INT64_MAX / 2, INT64_MAX}};
    for (unsigned parameter = 0; parameter <= 4; parameter++)
        for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
            struct pp_rates old = sample(), next = sample();
            if (parameter == 4 && (steps[i].old <= 1 || steps[i].old > UINT32_MAX))
                continue; /* a target is at least 1 */
            set(&old, parameter, steps[i].old);
            set(&next, parameter, steps[i].lowest);
            ck_assert_ok(pp_rates_step_check(&old, &next));
            set(&next, parameter, steps[i].highest);
            ck_assert_ok(pp_rates_step_check(&old, &next));
            if (steps[i].highest < INT64_MAX) {
                set(&next, parameter, steps[i].highest + 1);
                ck_assert_error(pp_rates_step_check(&old, &next), PP_RATE_STEP);
            }
            if (steps[i].lowest > 1) {
                set(&next, parameter, steps[i].lowest - 1);
                ck_assert_error(pp_rates_step_check(&old, &next), PP_RATE_STEP);
            }
        }
}
END_TEST

/* FEE-001 */
START_TEST(rate_table__wrong_version_or_start__refused_and_unchanged)
{
    struct pp_rate_table table;
    struct pp_rates next = sample();
    pp_rate_table_init(&table);
    ck_assert_ok(pp_rate_table_add(&table, &next));
    next.start_ms = 2000;
    ck_assert_error(pp_rate_table_add(&table, &next), PP_BAD_VERSION);
    next.version = 3;
    ck_assert_error(pp_rate_table_add(&table, &next), PP_BAD_VERSION);
    next.version = 2;
    next.start_ms = 1000;
    ck_assert_error(pp_rate_table_add(&table, &next), PP_OUT_OF_RANGE);
    next.start_ms = 1001;
    next.base_grains = 201;
    ck_assert_error(pp_rate_table_add(&table, &next), PP_RATE_STEP);
    ck_assert_uint_eq(table.count, 1);
    next.base_grains = 200;
    ck_assert_ok(pp_rate_table_add(&table, &next));
    ck_assert_uint_eq(table.count, 2);
}
END_TEST

/* FEE-004 */
START_TEST(rate_table__a_time__the_newest_that_has_started)
{
    struct pp_rate_table table;
    struct pp_rates next = sample();
    const struct pp_rates *found = NULL;
    pp_rate_table_init(&table);
    ck_assert_error(pp_rate_table_at(&table, UINT64_MAX, &found), PP_NO_RATES);
    ck_assert_ok(pp_rate_table_add(&table, &next));
    next.version = 2;
    next.start_ms = 5000;
    ck_assert_ok(pp_rate_table_add(&table, &next));
    ck_assert_error(pp_rate_table_at(&table, 999, &found), PP_NO_RATES);
    ck_assert_ptr_null(found);
    ck_assert_ok(pp_rate_table_at(&table, 1000, &found));
    ck_assert_uint_eq(found->version, 1);
    ck_assert_ok(pp_rate_table_at(&table, 4999, &found));
    ck_assert_uint_eq(found->version, 1);
    ck_assert_ok(pp_rate_table_at(&table, 5000, &found));
    ck_assert_uint_eq(found->version, 2);
    ck_assert_ok(pp_rate_table_find(&table, 1, &found));
    ck_assert_uint_eq(found->start_ms, 1000);
    ck_assert_error(pp_rate_table_find(&table, 3, &found), PP_NOT_FOUND);
}
END_TEST

/* FEE-006 */
START_TEST(rate_table__past_its_end__keeps_the_newest)
{
    struct pp_rate_table table;
    struct pp_rates next = sample();
    const struct pp_rates *found;
    pp_rate_table_init(&table);
    for (unsigned i = 0; i < PP_RATE_VERSIONS_MAX + 3; i++) {
        ck_assert_ok(pp_rate_table_add(&table, &next));
        next.version++;
        next.start_ms++;
    }
    ck_assert_uint_eq(table.count, PP_RATE_VERSIONS_MAX);
    ck_assert_error(pp_rate_table_find(&table, 3, &found), PP_NOT_FOUND);
    ck_assert_ok(pp_rate_table_find(&table, 4, &found));
    ck_assert_ok(pp_rate_table_at(&table, UINT64_MAX, &found));
    ck_assert_uint_eq(found->version, PP_RATE_VERSIONS_MAX + 3);
    next.version = 0;
    table.rows[table.count - 1].version = UINT32_MAX;
    next.version = UINT32_MAX;
    ck_assert_error(pp_rate_table_add(&table, &next), PP_BAD_VERSION);
}
END_TEST

PP_TESTS("rates")
PP_TEST(rates_check__a_value_at_2_63__negative_rate)
PP_TEST(rates_check__version_target_or_bonds_out_of_range__refused)
PP_TEST(rates_step__each_parameter__double_and_half_and_no_further)
PP_TEST(rate_table__wrong_version_or_start__refused_and_unchanged)
PP_TEST(rate_table__a_time__the_newest_that_has_started)
PP_TEST(rate_table__past_its_end__keeps_the_newest)
PP_TESTS_END
