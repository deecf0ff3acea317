/* Goal: a refusal over HTTP says everything that the refusal says, under the status that the specification gives.
 * Method: the two tables of specs/http.md against the code's, row by row; one refusal of each kind of value as JSON. */
#include "pp_fixture.h"
#include "pp_test.h"

#include "http/problem.h"

#include <stdlib.h>

static json_t *print(const struct pp_refusal *refusal, const struct pp_text *more)
{
    struct pp_text text;
    pp_text_init(&text);
    pp_problem_print(refusal, more, &text);
    json_t *object = json_loadb(text.bytes, text.length, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(object != NULL, "%.*s", (int)text.length, text.bytes);
    pp_text_free(&text);
    return object;
}

/* HTTP-081 */
START_TEST(status__tables_of_the_specification__same)
{
    struct pp_spec_table table;
    size_t count;
    const struct pp_problem_row *rows = pp_problem_rows(&count);
    pp_spec_table_load("http.md", "code", &table);
    ck_assert_uint_eq(table.rows, count);
    for (size_t i = 0; i < count; i++) {
        ck_assert_str_eq(pp_spec_cell(&table, i, 0), pp_error_name(rows[i].error));
        ck_assert_uint_eq(strtoul(pp_spec_cell(&table, i, 1), NULL, 10), rows[i].status);
        ck_assert_uint_eq(strtoul(pp_spec_cell(&table, i, 2), NULL, 10), rows[i].retry_after_ms);
    }
    pp_spec_table_done(&table);
    pp_spec_table_load("http.md", "class", &table);
    ck_assert_uint_eq(table.rows, 4);
    for (size_t i = 0; i < table.rows; i++)
        for (int class_ = PP_CLASS_NONE; class_ <= PP_CLASS_FAULT; class_++)
            if (strcmp(pp_error_class_name((enum pp_error_class)class_), pp_spec_cell(&table, i, 0)) == 0)
                ck_assert_uint_eq(strtoul(pp_spec_cell(&table, i, 1), NULL, 10),
                                  pp_problem_class_status((enum pp_error_class)class_));
    pp_spec_table_done(&table);
}
END_TEST

/* Each error has a status that the server has words for, and none of a sender's mistakes is the server's fault. */
START_TEST(status__every_error__known)
{
    static const unsigned known[] = {200, 400, 402, 404, 405, 408, 409, 411, 413, 415, 500, 503};
    unsigned count;
    const struct pp_error_row *table = pp_error_table(&count);
    for (unsigned i = 0; i < count; i++) {
        bool found = false;
        for (size_t k = 0; k < sizeof known / sizeof known[0]; k++)
            found = found || known[k] == pp_problem_status(table[i].error);
        ck_assert_msg(found, "%s", table[i].name);
        ck_assert_msg(table[i].class_ != PP_CLASS_INPUT || pp_problem_status(table[i].error) < 500, "%s",
                      table[i].name);
    }
}
END_TEST

/* HTTP-080 HTTP-082 */
START_TEST(problem__everything_said__every_member)
{
    struct pp_refusal refusal;
    pp_refusal_init(&refusal, PP_INTERVAL_TAKEN, "from");
    refusal.expected = pp_value_range(pp_grains(5), PP_GRAINS_MAX);
    refusal.actual = pp_value_text("a \"quoted\" \\ text\n\x01\xff");
    refusal.shortfall = pp_grains(77);
    refusal.retry_after_ms = 1500;
    refusal.consumed_count = 2;
    refusal.consumed[0].to = pp_grains(10);
    refusal.consumed[1].from = pp_grains(20);
    refusal.consumed[1].to = PP_GRAINS_MAX;
    json_t *object = print(&refusal, NULL);
    ck_assert_str_eq(pp_json_text(object, "type"), "/v1/errors#INTERVAL_TAKEN");
    ck_assert_str_eq(pp_json_text(object, "title"), pp_error_sentence(PP_INTERVAL_TAKEN));
    ck_assert_uint_eq(pp_json_u64(object, "status"), 409);
    ck_assert_str_eq(pp_json_text(object, "code"), "INTERVAL_TAKEN");
    ck_assert_uint_eq(pp_json_u64(object, "number"), PP_INTERVAL_TAKEN);
    ck_assert_str_eq(pp_json_text(object, "class"), "INPUT");
    ck_assert_str_eq(pp_json_text(object, "field"), "from");
    ck_assert_str_eq(pp_json_text(object, "expected"), "5..79228162514264337593543950335");
    ck_assert_str_eq(pp_json_text(object, "actual"), "a \"quoted\" \\ text\n\x01\xc3\xbf");
    ck_assert_str_eq(pp_json_text(object, "shortfall"), "77");
    ck_assert_uint_eq(pp_json_u64(object, "retry_after_ms"), 1500);
    ck_assert_str_eq(pp_json_text(object, "next"), pp_error_next(PP_INTERVAL_TAKEN));
    const json_t *consumed = json_object_get(object, "consumed");
    ck_assert_uint_eq(json_array_size(consumed), 2);
    ck_assert_str_eq(pp_json_text(json_array_get(consumed, 1), "from"), "20");
    ck_assert_str_eq(pp_json_text(json_array_get(consumed, 1), "to"), "79228162514264337593543950335");
    json_decref(object);
}
END_TEST

START_TEST(problem__nothing_said__null_and_none)
{
    struct pp_refusal refusal;
    struct pp_text more;
    pp_refusal_init(&refusal, PP_BUSY, NULL);
    pp_text_init(&more);
    pp_text_add(&more, "\"results\":[1]");
    json_t *object = print(&refusal, &more);
    ck_assert(json_is_null(json_object_get(object, "field")));
    ck_assert(json_is_null(json_object_get(object, "expected")));
    ck_assert(json_is_null(json_object_get(object, "actual")));
    ck_assert_ptr_null(json_object_get(object, "shortfall"));
    ck_assert_ptr_null(json_object_get(object, "consumed"));
    ck_assert_uint_eq(pp_json_u64(object, "retry_after_ms"),
                      200); /* the table's, since the refusal names none */
    ck_assert_uint_eq(json_array_size(json_object_get(object, "results")), 1);
    json_decref(object);
    pp_text_free(&more);
}
END_TEST

PP_TESTS("problem")
PP_TEST(status__tables_of_the_specification__same)
PP_TEST(status__every_error__known)
PP_TEST(problem__everything_said__every_member)
PP_TEST(problem__nothing_said__null_and_none)
PP_TESTS_END
