/* Goal: what is told of a load says when it must not be believed, fits a terminal, and reads a node's answers as they are.
 * Method: tallies and answers made by hand, hostile ones among them. */
#include "cli_run.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <load_http.h>
#include <load_report.h>
#include <stdlib.h>

#define MS UINT64_C(1000000)

static struct load_tally *tally_new(uint64_t latency_ns, uint64_t lag_ns)
{
    struct load_tally *tally = malloc(sizeof *tally);
    load_tally_init(tally);
    for (unsigned i = 0; i < 1000; i++) {
        load_histogram_add(&tally->latency, latency_ns);
        load_histogram_add(&tally->lag, lag_ns);
    }
    tally->requests_admitted = tally->admitted = 1000;
    return tally;
}

/* LOAD-005: late is late only against what is measured, and by one of a hundred. */
START_TEST(load_faults__generator_late__not_valid)
{
    static const struct {
        uint64_t latency_ns, lag_ns;
        unsigned faults;
    } rows[] = {{5 * MS, 0, 0},
                {5 * MS, MS, 0},
                {5 * MS, MS + 2000, LOAD_FAULT_BEHIND},
                {100 * MS, 9 * MS, 0},
                {100 * MS, 11 * MS, LOAD_FAULT_BEHIND}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct load_tally *tally = tally_new(rows[i].latency_ns, rows[i].lag_ns);
        ck_assert_uint_eq(load_faults(tally), rows[i].faults);
        free(tally);
    }
    struct load_tally *tally = tally_new(5 * MS, 0);
    for (unsigned i = 0; i < 10; i++)
        load_histogram_add(&tally->lag, 50 * MS); /* not yet one of a hundred */
    ck_assert_uint_eq(load_faults(tally), 0);
    load_histogram_add(&tally->lag, 50 * MS);
    ck_assert_uint_eq(load_faults(tally), LOAD_FAULT_BEHIND);
    free(tally);
}
END_TEST

/* LOAD-006 */
START_TEST(load_faults__no_answer_or_wrong_receipt__not_valid)
{
    struct load_tally *tally = tally_new(MS, 0);
    uint64_t *const unanswered[] = {&tally->requests_lost, &tally->requests_unanswered,
                                    &tally->requests_unsent};
    for (size_t i = 0; i < 3; i++) {
        *unanswered[i] = 1;
        ck_assert_uint_eq(load_faults(tally), LOAD_FAULT_UNANSWERED);
        *unanswered[i] = 0;
    }
    tally->checks_failed = 1;
    ck_assert_uint_eq(load_faults(tally), LOAD_FAULT_RECEIPTS);
    tally->checks_failed = 0;
    tally->refused[PP_BUSY] = 500;
    ck_assert_uint_eq(load_faults(tally), 0); /* an answer, if not the one hoped for */
    tally->requests_admitted = 0;
    ck_assert_uint_eq(load_faults(tally), LOAD_FAULT_NOTHING);
    free(tally);
}
END_TEST

START_TEST(load_duration__magnitudes__four_digits)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } rows[] = {{0, "0 ns"},          {999, "999 ns"},       {1000, "1.000 us"},     {12345, "12.35 us"},
                {999949, "999.9 us"}, {1000000, "1.000 ms"}, {45678901, "45.68 ms"}, {1234567890, "1.235 s"}};
    char out[LOAD_DURATION_MAX];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_str_eq(load_duration_print(rows[i].ns, out), rows[i].text);
}
END_TEST

static char *plot(const struct load_histogram *histogram)
{
    char *text = NULL;
    size_t length;
    FILE *file = open_memstream(&text, &length);
    load_plot_print(histogram, file);
    fclose(file);
    return text;
}

/* Every value in a row, the last row at 100 %, no line above 80 columns: whatever the values. */
START_TEST(load_plot__any_values__fits_and_sums)
{
    struct load_histogram *h = malloc(sizeof *h);
    struct pp_rng rng;
    pp_rng_init(&rng, 3);
    load_histogram_init(h);
    char *text = plot(h);
    ck_assert_str_eq(text, "");
    free(text);
    for (unsigned world = 0; world < 50; world++) {
        load_histogram_init(h);
        const unsigned count = 1 + (unsigned)pp_rng_below(&rng, 3000),
                       shift = (unsigned)pp_rng_below(&rng, 40);
        for (unsigned i = 0; i < count; i++)
            load_histogram_add(h, world == 0 ? i % 4
                                             : (pp_rng_u64(&rng) >> 24) >> pp_rng_below(&rng, shift + 1));
        text = plot(h);
        uint64_t sum = 0;
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
            ck_assert_uint_le(strlen(line), 80);
            const char *bar = strrchr(line, '|');
            if (bar)
                sum += strtoull(bar + 1 + strspn(bar + 1, "# "), NULL, 10);
        }
        ck_assert_uint_eq(sum, count);
        free(text);
    }
    free(h);
}
END_TEST

#define ADMITTED "{\"status\":\"admitted\",\"sequence\":1,\"time_ms\":2}"
#define SPACED "{\"status\": \"admitted\", \"sequence\": 1, \"time_ms\": 2}"
#define KNOWN "{\"status\":\"known\",\"sequence\":1,\"time_ms\":2}"
#define REFUSED "{\"status\":\"refused\",\"problem\":{\"code\":\"CAP_EXCEEDED\"}}"

/* LOAD-015: roots are over what these say, so none is guessed. */
START_TEST(load_http_sequences__answers__one_of_each_envelope)
{
    static const struct {
        const char *body;
        uint32_t stamps;
        bool good;
        uint64_t expected[3];
    } rows[] = {
        {"{\"results\":[" ADMITTED "]}", 1, true, {1}},
        {"{\"results\":[" ADMITTED "," KNOWN "]}", 2, true, {1, 1}},
        {"{\"results\":[" REFUSED "," ADMITTED "," REFUSED "]}", 3, true, {0, 1, 0}},
        {"{\"results\": [" SPACED ", " REFUSED "]}", 2, true, {1, 0}},
        {"{\"results\":[" ADMITTED "]}", 2, false, {0}},
        {"{\"results\":[" ADMITTED "," ADMITTED "]}", 1, false, {0}},
        {"{\"results\":[{\"status\":\"admitted\",\"sequence\":0}]}", 1, false, {0}},
        {"{\"results\":[{\"status\":\"admitted\",\"sequence\":\"x\"}]}", 1, false, {0}},
        {"{\"results\":[{\"status\":\"refused\",\"sequence\":4}, 1]}", 2, false, {0}},
        {"", 1, false, {0}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t told[3] = {0};
        const bool good = load_http_sequences(rows[i].body, strlen(rows[i].body), rows[i].stamps, told);
        ck_assert_msg(good == rows[i].good, "row %zu", i);
        for (uint32_t k = 0; good && k < rows[i].stamps; k++)
            ck_assert_msg(told[k] == rows[i].expected[k], "row %zu, envelope %u", i, k);
    }
}
END_TEST

START_TEST(load_http_verdict__answers__counted_by_envelope)
{
    static const struct {
        unsigned status;
        const char *body;
        uint32_t stamps;
        struct load_verdict expected;
    } rows[] = {
        {200, "{\"results\":[" ADMITTED "]}", 1, {1, 0, 0, PP_OK, false}},
        {200, "{\"results\":[" KNOWN "]}", 1, {0, 1, 0, PP_OK, false}},
        {200, "{\"results\":[" ADMITTED "," KNOWN "," REFUSED "]}", 3, {1, 1, 1, PP_CAP_EXCEEDED, false}},
        {200, "{\"results\": [" SPACED ", " REFUSED "]}", 2, {1, 0, 1, PP_CAP_EXCEEDED, false}},
        {200, "{\"results\":[" ADMITTED "]}", 2, {0, 0, 2, PP_NODE_NONSENSE, false}},
        {200,
         "{\"results\":[" ADMITTED "," ADMITTED "," ADMITTED "]}",
         2,
         {0, 0, 2, PP_NODE_NONSENSE, false}},
        {200, "", 4, {0, 0, 4, PP_NODE_NONSENSE, false}},
        {200, "{\"results\":[1, 2]}", 2, {0, 0, 2, PP_NODE_NONSENSE, false}},
        {503, "{\"code\":\"BUSY\",\"number\":80}", 3, {0, 0, 3, PP_BUSY, false}},
        {503, "{\"code\" : \"BUSY\"}", 3, {0, 0, 3, PP_BUSY, false}},
        {402,
         "{\"code\":\"CAP_EXCEEDED\",\"results\":[" REFUSED "," REFUSED "]}",
         2,
         {0, 0, 2, PP_CAP_EXCEEDED, false}},
        {500, "{\"code\":\"OK\"}", 1, {0, 0, 1, PP_NODE_NONSENSE, false}},
        {500, "{\"code\":\"", 1, {0, 0, 1, PP_NODE_NONSENSE, false}},
        {502, "<html>", 1, {0, 0, 1, PP_NODE_NONSENSE, false}},
        {204, "", 1, {0, 0, 1, PP_NODE_NONSENSE, false}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct load_verdict verdict;
        load_http_verdict(rows[i].status, rows[i].body, strlen(rows[i].body), rows[i].stamps, &verdict);
        ck_assert_msg(verdict.admitted == rows[i].expected.admitted &&
                          verdict.known == rows[i].expected.known &&
                          verdict.refused == rows[i].expected.refused &&
                          verdict.error == rows[i].expected.error && !verdict.lost,
                      "row %zu: %u %u %u %s", i, verdict.admitted, verdict.known, verdict.refused,
                      pp_error_name(verdict.error));
    }
}
END_TEST

START_TEST(load_node_find__addresses__host_port_and_path)
{
    static const struct {
        const char *url;
        enum pp_error error;
        const char *host, *path;
    } rows[] = {
        {"http://127.0.0.1:8080", PP_OK, "127.0.0.1:8080", ""},
        {"http://127.0.0.1:8080/", PP_OK, "127.0.0.1:8080", ""},
        {"http://127.0.0.1/node/7/", PP_OK, "127.0.0.1", "/node/7"},
        {"http://[::1]:99/x", PP_OK, "[::1]:99", "/x"},
        {"https://127.0.0.1", PP_BAD_FORMAT, NULL, NULL},
        {"http://", PP_BAD_FORMAT, NULL, NULL},
        {"http:///x", PP_BAD_FORMAT, NULL, NULL},
        {"http://[::1", PP_BAD_FORMAT, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct load_node node;
        ck_assert_error(load_node_find(rows[i].url, &node), rows[i].error);
        if (rows[i].error == PP_OK) {
            ck_assert_str_eq(node.host, rows[i].host);
            ck_assert_str_eq(node.path, rows[i].path);
        }
    }
}
END_TEST

/* The table of the page is the help's. */
START_TEST(bench_load_help__options__those_of_the_page)
{
    struct pp_spec_table table;
    struct cli_run run;
    char word[64];
    size_t listed = 0;
    pp_spec_table_load("load.md", "option", &table);
    CLI_RUN(&run, "bench-load", "--help");
    for (size_t i = 0; i < table.rows; i++) {
        snprintf(word, sizeof word, "  %s ", pp_spec_cell(&table, i, 0));
        const char *row = strstr(run.out, word);
        ck_assert_msg(row != NULL, "%s is not in the help", word);
        const char *usual = pp_spec_cell(&table, i, 1);
        snprintf(word, sizeof word, "(%s", usual);
        const char *end = strchr(row + 1, '\n'), *told = strstr(row, word);
        ck_assert_msg(!*usual || strcmp(usual, "all") == 0 || (told && told < end), "%s: %s",
                      pp_spec_cell(&table, i, 0), usual);
    }
    for (const char *at = run.out; (at = strstr(at, "\n  --")) != NULL; at++)
        listed++;
    ck_assert_uint_eq(listed, table.rows + 7); /* and those that every verb takes */
    pp_spec_table_done(&table);
    cli_run_done(&run);
}
END_TEST

PP_TESTS("load_report")
PP_TEST(load_faults__generator_late__not_valid)
PP_TEST(load_faults__no_answer_or_wrong_receipt__not_valid)
PP_TEST(load_duration__magnitudes__four_digits)
PP_TEST(load_plot__any_values__fits_and_sums)
PP_TEST(load_http_sequences__answers__one_of_each_envelope)
PP_TEST(load_http_verdict__answers__counted_by_envelope)
PP_TEST(load_node_find__addresses__host_port_and_path)
PP_TEST(bench_load_help__options__those_of_the_page)
PP_TESTS_END
