/* Goal: whatever a node answers becomes values that fit, or a named error; never a guess.
 * Method: one good answer of each kind; then each member missing, of another type, out of range, too long, too short. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <answers.h>
#include <stdlib.h>

#define H32 "0x1111111111111111111111111111111111111111111111111111111111111111"
#define H20 "0x2222222222222222222222222222222222222222"
#define H65                                                                                                  \
    "0x"                                                                                                     \
    "333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333" \
    "33333333333333333333333333"                                                                             \
    "1b"

static const char terms_text[] = "{\"version\":1,\"chain_id\":31337,\"contract\":\"" H20 "\",\"token\":\"" H20
                                 "\",\"token_decimals\":6,\"node_id\":1,\"shard\":0,"
                                 "\"lane\":256,\"operator\":\"" H20 "\",\"receipt_key\":\"" H32
                                 "\",\"epoch_seconds\":43200,\"freshness_ms\":600000,"
                                 "\"protocol_share_bps\":250,\"retention_max_days\":400,\"limits\":{\"body_"
                                 "bytes\":16777216,\"envelope_bytes\":1048576},\"new\":1}";
static const char view_text[] =
    "{\"channel_id\":\"" H32 "\",\"lane\":256,\"state\":\"ACTIVE\",\"payer\":\"" H20 "\",\"signer\":\"" H20
    "\",\"nonce\":0,"
    "\"cap\":\"25\",\"seq\":0,\"spent\":\"9\",\"refunded\":\"1\",\"earned\":\"2\",\"vested\":\"0\","
    "\"deferred\":\"6\",\"free\":\"3\","
    "\"head\":\"9\",\"holes\":[{\"from\":\"1\",\"to\":\"2\"}],\"refund\":{\"channel_id\":\"" H32
    "\",\"lane\":256,\"refunded\":\"1\","
    "\"reasons\":\"" H32 "\",\"signature\":\"" H65 "\"},\"stamps\":4,\"chain_block\":7,\"chain_time_s\":8}";

/* A value that fits no member: of another type, or not in its form. */
static const char *const bad_values[] = {"null",
                                         "[]",
                                         "{}",
                                         "true",
                                         "-1",
                                         "1.5",
                                         "\"\"",
                                         "\"-1\"",
                                         "\"x\"",
                                         "\"0x\"",
                                         "\"79228162514264337593543950336\"",
                                         "99999999999999999999",
                                         "\"" H32 "00\""};

static enum pp_error terms_read(const json_t *object, struct cli_problem *problem)
{
    struct cli_terms terms;
    return cli_terms_read(object, &terms, problem);
}

static enum pp_error view_read(const json_t *object, struct cli_problem *problem)
{
    struct pp_channel_id id;
    struct cli_lane_view view;
    memset(id.bytes, 0x11, sizeof id.bytes);
    return cli_lane_view_read(object, &id, 256, &view, problem);
}

/* Each member of the object at `path` (NULL: the whole), changed in each way. `optional` may be missing, `loose` may be
 * another value. */
static void members_spoil(const char *text, const char *path, const char *const *loose,
                          enum pp_error (*read)(const json_t *, struct cli_problem *))
{
    struct cli_problem problem;
    json_t *whole = json_loads(text, 0, NULL), *part = path ? json_object_get(whole, path) : whole;
    const char *name;
    json_t *value;
    ck_assert(json_is_object(part));
    ck_assert_ok(read(whole, &problem));
    json_t *names = json_deep_copy(part);
    json_object_foreach(names, name, value)
    {
        bool is_loose = false;
        for (size_t i = 0; loose[i]; i++)
            is_loose |= strcmp(loose[i], name) == 0;
        if (is_loose)
            continue;
        json_t *before = json_incref(json_object_get(part, name));
        json_object_del(part, name);
        ck_assert_msg(read(whole, &problem) != PP_OK, "without %s", name);
        ck_assert_msg(strstr(problem.detail, name) != NULL || problem.refusal.error == PP_BAD_VERSION,
                      "%s: %s", name, problem.detail);
        for (size_t i = 0; i < sizeof bad_values / sizeof bad_values[0]; i++) {
            json_object_set_new(part, name, json_loads(bad_values[i], JSON_DECODE_ANY, NULL));
            ck_assert_msg(read(whole, &problem) != PP_OK, "%s = %s", name, bad_values[i]);
        }
        json_object_set_new(part, name, before);
        ck_assert_ok(read(whole, &problem));
    }
    json_decref(names);
    json_decref(whole);
}

START_TEST(terms__each_member_spoilt__error_names_it)
{
    static const char *const loose[] = {"new", NULL};
    members_spoil(terms_text, NULL, loose, terms_read);
    members_spoil(terms_text, "limits", loose, terms_read);
}
END_TEST

START_TEST(terms__lane_of_another_node__nonsense)
{
    struct cli_problem problem;
    json_t *object = json_loads(terms_text, 0, NULL);
    json_object_set_new(object, "lane", json_integer(257));
    ck_assert_error(terms_read(object, &problem), PP_NODE_NONSENSE);
    json_object_set_new(object, "lane", json_integer(0));
    json_object_set_new(object, "node_id", json_integer(0));
    ck_assert_error(terms_read(object, &problem), PP_NODE_NONSENSE);
    json_decref(object);
}
END_TEST

START_TEST(lane_view__each_member_spoilt__refused)
{
    /* A state may be any short word; null refunds are allowed, and a refund is looked at below. */
    static const char *const loose[] = {"state", "refund", "holes", NULL}, *const none[] = {NULL};
    members_spoil(view_text, NULL, loose, view_read);
    members_spoil(view_text, "refund", none, view_read);
    struct cli_problem problem;
    json_t *object = json_loads(view_text, 0, NULL);
    json_object_set_new(object, "state", json_string("A STATE THAT IS NONE"));
    ck_assert_error(view_read(object, &problem), PP_NODE_NONSENSE);
    json_object_set_new(object, "state", json_string("ACTIVE"));
    json_t *holes = json_array();
    for (size_t i = 0; i <= PP_HOLES_MAX; i++)
        json_array_append_new(holes, json_pack("{s:s, s:s}", "from", "1", "to", "2"));
    json_object_set_new(object, "holes", holes);
    ck_assert_error(view_read(object, &problem), PP_NODE_NONSENSE);
    json_object_set_new(object, "holes", json_loads("[{\"from\":\"1\"}]", 0, NULL));
    ck_assert_error(view_read(object, &problem), PP_NODE_NONSENSE);
    json_object_set_new(object, "holes", json_array());
    json_object_set_new(object, "refund", json_null());
    ck_assert_ok(view_read(object, &problem));
    json_decref(object);
}
END_TEST

START_TEST(submitted__counts_and_statuses__exactly_as_asked)
{
    static const struct {
        const char *text;
        enum pp_error expected;
    } cases[] = {
        {"{\"results\":[{\"status\":\"admitted\",\"sequence\":1,\"time_ms\":2},{\"status\":\"known\","
         "\"sequence\":3,\"time_ms\":4}],"
         "\"receipt\":null}",
         PP_OK},
        {"{\"results\":[{\"status\":\"admitted\",\"sequence\":1,\"time_ms\":2}]}", PP_NODE_NONSENSE},
        {"{\"results\":[{},{}]}", PP_NODE_NONSENSE},
        {"{\"results\":{}}", PP_NODE_NONSENSE},
        {"{}", PP_NODE_NONSENSE},
        {"{\"results\":[{\"status\":\"admitted\",\"sequence\":1},{\"status\":\"known\",\"sequence\":3,\"time_"
         "ms\":4}]}",
         PP_NODE_NONSENSE},
        {"{\"results\":[{\"status\":\"admitted\",\"sequence\":-1,\"time_ms\":2},{\"status\":\"known\","
         "\"sequence\":3,\"time_ms\":4}]}",
         PP_NODE_NONSENSE},
        {"{\"results\":[{\"status\":\"maybe\",\"sequence\":1,\"time_ms\":2},{\"status\":\"known\","
         "\"sequence\":3,\"time_ms\":4}]}",
         PP_NODE_NONSENSE},
        {"{\"results\":[{\"status\":\"refused\"},{\"status\":\"known\",\"sequence\":3,\"time_ms\":4}]}",
         PP_NODE_NONSENSE},
        {"{\"results\":[{\"status\":\"refused\",\"problem\":{\"number\":80,\"retry_after_ms\":200}},"
         "{\"status\":\"known\",\"sequence\":3,\"time_ms\":4}],\"receipt\":null}",
         PP_OK},
        {"{\"results\":[{\"status\":\"admitted\",\"sequence\":1,\"time_ms\":2},{\"status\":\"known\","
         "\"sequence\":3,\"time_ms\":4}],"
         "\"receipt\":\"AAAA\"}",
         PP_NODE_NONSENSE},
        {"{\"results\":[{\"status\":\"admitted\",\"sequence\":1,\"time_ms\":2},{\"status\":\"known\","
         "\"sequence\":3,\"time_ms\":4}],"
         "\"receipt\":\"!\"}",
         PP_NODE_NONSENSE},
        {"{\"results\":[{\"status\":\"admitted\",\"sequence\":1,\"time_ms\":2},{\"status\":\"known\","
         "\"sequence\":3,\"time_ms\":4}],"
         "\"receipt\":7}",
         PP_NODE_NONSENSE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cli_submitted answer;
        struct cli_problem problem;
        json_t *object = json_loads(cases[i].text, 0, NULL);
        ck_assert_msg(object != NULL, "%zu", i);
        enum pp_error error = cli_submitted_read(object, 2, &answer, &problem);
        ck_assert_msg(error == cases[i].expected, "%s: %s", cases[i].text, pp_error_name(error));
        if (error == PP_OK) {
            ck_assert(answer.results[1].admitted && answer.results[1].known);
            ck_assert_uint_eq(answer.results[1].sequence, 3);
            cli_submitted_done(&answer);
        }
        json_decref(object);
    }
}
END_TEST

/* A refusal's texts are copied; a number that is no error is nonsense. */
START_TEST(problem__of_a_node__as_it_said)
{
    struct cli_problem problem;
    json_t *object = json_loads(
        "{\"code\":\"INTERVAL_TAKEN\",\"number\":44,\"field\":\"from\",\"expected\":\"9\",\"actual\":\"5\","
        "\"shortfall\":\"4\",\"retry_after_ms\":0,\"consumed\":[{\"from\":\"0\",\"to\":\"9\"},{\"from\":"
        "\"x\"}]}",
        0, NULL);
    ck_assert_error(cli_problem_read(object, &problem), PP_INTERVAL_TAKEN);
    ck_assert_str_eq(problem.refusal.field, "from");
    ck_assert_str_eq(problem.refusal.expected.text, "9");
    ck_assert_str_eq(problem.refusal.actual.text, "5");
    ck_assert(pp_grains_eq(problem.refusal.shortfall, pp_grains(4)));
    ck_assert_uint_eq(problem.refusal.consumed_count, 1);
    ck_assert(pp_grains_eq(problem.refusal.consumed[0].to, pp_grains(9)));
    json_decref(object);
    static const char *const nonsense[] = {"{}", "{\"number\":0}", "{\"number\":99999}",
                                           "{\"number\":\"44\"}", "{\"number\":-1}"};
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        object = json_loads(nonsense[i], 0, NULL);
        ck_assert_error(cli_problem_read(object, &problem), PP_NODE_NONSENSE);
        json_decref(object);
    }
}
END_TEST

START_TEST(deleted__statuses__as_asked)
{
    struct cli_deleted results[2];
    struct cli_problem problem;
    json_t *object = json_loads("{\"results\":[{\"status\":\"deleted\",\"refunded\":\"5\"},"
                                "{\"status\":\"refused\",\"problem\":{\"number\":64}}]}",
                                0, NULL);
    ck_assert_ok(cli_deleted_read(object, 2, results, &problem));
    ck_assert(results[0].deleted && pp_grains_eq(results[0].refunded, pp_grains(5)));
    ck_assert_int_eq(results[1].problem.refusal.error, PP_NOT_DELETABLE);
    ck_assert_error(cli_deleted_read(object, 1, results, &problem), PP_NODE_NONSENSE);
    json_decref(object);
    object = json_loads("{\"results\":[{\"status\":\"deleted\",\"refunded\":5}]}", 0, NULL);
    ck_assert_error(cli_deleted_read(object, 1, results, &problem), PP_NODE_NONSENSE);
    json_decref(object);
}
END_TEST

static const char left_text[] =
    "{\"refund\":{\"channel_id\":\"" H32 "\",\"lane\":256,\"refunded\":\"1\",\"reasons\":\"" H32
    "\",\"signature\":\"" H65 "\"},\"release\":{\"channel_id\":\"" H32
    "\",\"lane\":256,\"old_cap\":\"25\",\"new_cap\":\"9\",\"seq\":3,\"signature\":\"" H65 "\"}}";

static enum pp_error left_read(const json_t *object, struct cli_problem *problem)
{
    struct pp_channel_id id;
    struct cli_left left;
    memset(id.bytes, 0x11, sizeof id.bytes);
    return cli_left_read(object, &id, 256, &left, problem);
}

START_TEST(left__each_member_spoilt__refused)
{
    static const char *const none[] = {NULL};
    members_spoil(left_text, "refund", none, left_read);
    members_spoil(left_text, "release", none, left_read);
    struct cli_problem problem;
    json_t *object = json_loads(left_text, 0, NULL), *release = json_object_get(object, "release");
    json_object_set_new(object, "refund", json_null()); /* nothing was refunded */
    ck_assert_ok(left_read(object, &problem));
    json_object_set_new(release, "new_cap", json_string("26"));
    ck_assert_error(left_read(object, &problem), PP_NODE_TOLD_OTHERWISE);
    json_object_set_new(release, "new_cap", json_string("25"));
    ck_assert_ok(left_read(object, &problem));
    json_object_set_new(release, "lane", json_integer(257));
    ck_assert_error(left_read(object, &problem), PP_NODE_TOLD_OTHERWISE);
    json_object_set_new(object, "release", json_null());
    ck_assert_error(left_read(object, &problem), PP_NODE_NONSENSE);
    json_decref(object);
}
END_TEST

PP_TESTS("answers")
PP_TEST(terms__each_member_spoilt__error_names_it)
PP_TEST(terms__lane_of_another_node__nonsense)
PP_TEST(lane_view__each_member_spoilt__refused)
PP_TEST(submitted__counts_and_statuses__exactly_as_asked)
PP_TEST(problem__of_a_node__as_it_said)
PP_TEST(deleted__statuses__as_asked)
PP_TEST(left__each_member_spoilt__refused)
PP_TESTS_END
