#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/error.h>

#include <stdio.h>

/* Goal: numbers and names are unique and every row is complete (ERR-002). Method: walk the table. */
START_TEST(error_table__every_row__unique_and_complete)
{
    unsigned count;
    const struct pp_error_row *rows = pp_error_table(&count);
    ck_assert_uint_gt(count, 50);
    for (unsigned i = 0; i < count; i++) {
        ck_assert_str_eq(pp_error_name(rows[i].error), rows[i].name);
        ck_assert_str_eq(pp_error_sentence(rows[i].error), rows[i].sentence);
        ck_assert_str_eq(pp_error_next(rows[i].error), rows[i].next);
        ck_assert_int_eq(pp_error_class(rows[i].error), rows[i].class_);
        ck_assert_uint_gt(strlen(rows[i].sentence), 4);
        ck_assert_uint_gt(strlen(rows[i].next), 4);
        ck_assert_int_eq(rows[i].class_ == PP_CLASS_NONE, rows[i].error == PP_OK);
        for (unsigned j = 0; j < i; j++) {
            ck_assert_int_ne(rows[i].error, rows[j].error);
            ck_assert_str_ne(rows[i].name, rows[j].name);
        }
    }
}
END_TEST

/* Goal: specs/errors.md says what the code says, so a number that changes its meaning is seen (ERR-001). */
START_TEST(error_table__against_the_specification__every_cell_equal)
{
    unsigned count;
    const struct pp_error_row *rows = pp_error_table(&count);
    struct pp_spec_table table;
    pp_spec_table_load("errors.md", "number", &table);
    for (unsigned i = 0; i < count && i < table.rows; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", (int)rows[i].error);
        ck_assert_str_eq(pp_spec_cell(&table, i, 0), number);
        ck_assert_str_eq(pp_spec_cell(&table, i, 1), rows[i].name);
        ck_assert_str_eq(pp_spec_cell(&table, i, 2), pp_error_class_name(rows[i].class_));
        ck_assert_str_eq(pp_spec_cell(&table, i, 3), rows[i].sentence);
        ck_assert_str_eq(pp_spec_cell(&table, i, 4), rows[i].next);
    }
    ck_assert_msg(table.rows == count,
                  "specs/errors.md has %zu rows, base/error.def %u: run "
                  "tests/support/errors_table.py",
                  table.rows, count);
    pp_spec_table_done(&table);
}
END_TEST

/* Goal: the numbers that are already on disks and wires (ERR-001). Method: some of each group, by hand. */
START_TEST(error_number__some_of_each_group__never_changes)
{
    ck_assert_int_eq(PP_OK, 0);
    ck_assert_int_eq(PP_TRUNCATED, 1);
    ck_assert_int_eq(PP_OVERFLOW, 20);
    ck_assert_int_eq(PP_FEE_OVERFLOW, 23);
    ck_assert_int_eq(PP_UNKNOWN_CHANNEL, 40);
    ck_assert_int_eq(PP_INTERVAL_TAKEN, 44);
    ck_assert_int_eq(PP_BAD_SIGNATURE, 58);
    ck_assert_int_eq(PP_BUSY, 80);
    ck_assert_int_eq(PP_CORRUPT, 101);
    ck_assert_int_eq(PP_CHAIN_DOWN, 130);
    ck_assert_int_eq(PP_BAD_PROOF, 160);
}
END_TEST

/* Goal: a number of a newer program stops the work rather than pass for something else (ERR-004). */
START_TEST(error_number__not_in_the_table__unknown_fault)
{
    enum pp_error unknown = (enum pp_error)9999;
    ck_assert_str_eq(pp_error_name(unknown), "UNKNOWN_ERROR");
    ck_assert_int_eq(pp_error_class(unknown), PP_CLASS_FAULT);
    ck_assert_uint_gt(strlen(pp_error_sentence(unknown)), 4);
    ck_assert_uint_gt(strlen(pp_error_next(unknown)), 4);
    ck_assert_str_eq(pp_error_class_name((enum pp_error_class)77), "FAULT");
}
END_TEST

PP_TESTS("error")
PP_TEST(error_table__every_row__unique_and_complete)
PP_TEST(error_table__against_the_specification__every_cell_equal)
PP_TEST(error_number__some_of_each_group__never_changes)
PP_TEST(error_number__not_in_the_table__unknown_fault)
PP_TESTS_END
