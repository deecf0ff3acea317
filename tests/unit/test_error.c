#include "pp_test.h"

#include <pp/error.h>

#include <string.h>

/* Goal: numbers are unique and every row is complete. Method: walk the table. */
START_TEST(error_table__every_row__unique_and_complete)
{
    unsigned count;
    const struct pp_error_row *rows = pp_error_table(&count);
    ck_assert_uint_gt(count, 50);
    for (unsigned i = 0; i < count; i++) {
        ck_assert_str_eq(pp_error_name(rows[i].error), rows[i].name);
        ck_assert_uint_gt(strlen(rows[i].sentence), 4);
        ck_assert_uint_gt(strlen(rows[i].next), 4);
        for (unsigned j = 0; j < i; j++)
            ck_assert_int_ne(rows[i].error, rows[j].error);
    }
}
END_TEST

PP_TESTS("error")
PP_TEST(error_table__every_row__unique_and_complete)
PP_TESTS_END
