/* Goal: the command says what it means, in both of its forms, and never does half of what it did not understand.
 * Method: whole verbs in this process, their output kept. */
#include "cli_run.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <output.h>
#include <stdlib.h>
#include <unistd.h>
#include <verbs.h>

START_TEST(cli__alone__one_screen_with_every_verb)
{
    struct cli_run run;
    size_t count, lines = 0;
    const struct cli_verb *verbs = cli_verbs(&count);
    CLI_RUN(&run, NULL);
    ck_assert_int_eq(run.status, CLI_USAGE);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(strstr(run.out, verbs[i].name) != NULL, "%s", verbs[i].name);
    for (const char *c = run.out; *c; c++)
        lines += *c == '\n';
    ck_assert_uint_le(lines, 24);
    cli_run_done(&run);
}
END_TEST

START_TEST(cli__help_of_each_verb__printed)
{
    size_t count;
    const struct cli_verb *verbs = cli_verbs(&count);
    for (size_t i = 0; i < count; i++) {
        struct cli_run run;
        CLI_RUN(&run, verbs[i].name, "--help");
        ck_assert_int_eq(run.status, CLI_OK);
        ck_assert(strstr(run.out, verbs[i].synopsis) != NULL);
        ck_assert(strstr(run.out, "--passphrase-file FILE") != NULL);
        ck_assert_str_eq(run.err, "");
        cli_run_done(&run);
    }
}
END_TEST

/* CLI-003, CLI-001: status 2, both forms; nothing on the other stream. */
START_TEST(cli__not_understood__usage)
{
    static const char *const cases[][8] = {
        {"fly"},
        {"keygen"},
        {"keygen", "a", "b"},
        {"keygen", "--kind", "rsa", "a"},
        {"keygen", "--kind"},
        {"keygen", "--nothing", "a"},
        {"keygen", "--quick=1", "a"},
        {"keygen", "--kind", "ed25519", "--kind", "ed25519", "a"},
        {"keygen", "--passphrase-fd", "x", "a"},
        {"keygen", "--passphrase-fd", "-1", "a"},
        {"errors", "1", "2"},
        {"terms"},
        {"terms", "x", "--node", "http://127.0.0.1:1"},
        {"quote", "--node", "http://127.0.0.1:1", "--bytes", "0"},
        {"quote", "--node", "http://127.0.0.1:1", "--bytes", "1048577"},
        {"quote", "--node", "http://127.0.0.1:1", "--days", "18446744073709551616"},
        {"quote", "--node", "http://127.0.0.1:1", "--days", "1x"},
        {"send"},
        {"send", "a"},
        {"send", "a", "--topic", ""},
        {"send", "a", "--topic", "t", "--split", "words"},
        {"send", "a", "--topic", "t", "--batch", "1025"},
        {"send", "a", "--topic", "t", "--connections", "0"},
        {"send", "a", "--topic", "t", "--max-price", "1,5"},
        {"delete"},
        {"read"},
        {"read", "one"},
        {"list"},
        {"list", "--topic", "t", "--sent"},
        {"status", "a", "b"},
        {"bench-load"},
        {"bench-load", "--in-process", "--node", "http://127.0.0.1:1"},
        {"bench-load", "--in-process", "--stamp", "triple"},
        {"bench-load", "--in-process", "--batch", "8"},
        {"bench-load", "--in-process", "--arrivals", "never"},
        {"bench-load", "--in-process", "--p99-limit", "5"},
        {"bench-load", "--in-process", "--rate", "0"},
        {"bench-load", "--in-process", "--rate", "1000001"},
        {"bench-load", "--in-process", "--yes"},
        {"bench-load", "--in-process", "folder"},
        {"bench-load", "--in-process", "--stamp", "batch", "--bytes", "1048576"},
        {"bench-load", "--node", "http://127.0.0.1:1", "--http"},
        {"bench-load", "--node", "http://127.0.0.1:1", "--lanes", "4"},
        {"bench-load", "--node", "http://127.0.0.1:1", "--max-cost", "1,5"},
        {"verify"},
        {"verify", "--data", "x", "y"},
    };
    setenv("HOME", "/nonexistent", 1); /* nobody's own wallet is looked at */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cli_run run;
        const char *arguments[10] = {NULL};
        size_t count = 0;
        for (; cases[i][count]; count++)
            arguments[count] = cases[i][count];
        cli_run(&run, arguments);
        ck_assert_msg(run.status == CLI_USAGE, "%s %s: %d\n%s", cases[i][0], cases[i][1], run.status,
                      run.err);
        ck_assert_str_eq(run.out, "");
        ck_assert(strstr(run.err, "pennypost") == run.err);
        cli_run_done(&run);
        arguments[count] = "--json";
        cli_run(&run, arguments);
        if (strcmp(cases[i][count - 1], "--kind") != 0) { /* there --json would be the value */
            ck_assert_int_eq(run.status, CLI_USAGE);
            json_t *object = cli_run_json(&run);
            ck_assert_str_eq(cli_run_error(object), "USAGE");
            ck_assert_str_eq(run.err, "");
            json_decref(object);
        }
        cli_run_done(&run);
    }
}
END_TEST

/* CLI-002: each verb, with what makes it fail before or after it has asked anything. Nothing listens on port 1. */
START_TEST(cli__failing__json_names_error_and_next_step)
{
    struct pp_temp_dir dir;
    char none[300], phrase[300];
    pp_temp_dir_make(&dir);
    snprintf(none, sizeof none, "%s/none", dir.path);
    snprintf(phrase, sizeof phrase, "%s/phrase", dir.path);
    cli_file_make(phrase, "secret", 6);
    const struct {
        const char *arguments[9];
        const char *error;
    } cases[] = {
        {{"terms", "--node", "http://127.0.0.1:1"}, "NODE_DOWN"},
        {{"terms", "--node", "ftp://127.0.0.1"}, "BAD_FORMAT"},
        {{"terms", "--node", "http://127.0.0.1:1/ x"}, "BAD_FORMAT"},
        {{"quote", "--node", "http://127.0.0.1:1"}, "NODE_DOWN"},
        {{"read", "1", "--node", "http://127.0.0.1:1"}, "NODE_DOWN"},
        {{"list", "--topic", "t", "--node", "http://127.0.0.1:1"}, "NODE_DOWN"},
        {{"bench-load", "--node", "http://127.0.0.1:1"}, "NODE_DOWN"},
        {{"bench-load", "--node", "https://127.0.0.1:1"}, "BAD_FORMAT"},
        {{"bench-load", "--in-process", "--dir", none}, "IO"},
        {{"send", phrase, "--topic", "t", "--wallet", none}, "NOT_FOUND"},
        {{"send", none, "--topic", "t", "--wallet", none}, "NOT_FOUND"},
        {{"send", "--manifest", none, "--wallet", none}, "NOT_FOUND"},
        {{"delete", "1", "--wallet", none}, "NOT_FOUND"},
        {{"status", "--wallet", none}, "NOT_FOUND"},
        {{"read", "1", "--wallet", none}, "NOT_FOUND"},
        {{"keygen", "--passphrase-file", none, none}, "NOT_FOUND"},
        {{"keygen", "--show", phrase}, "BAD_FORMAT"},
        {{"errors", "NO_SUCH"}, "NOT_FOUND"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cli_run run;
        const char *arguments[11] = {NULL};
        size_t count = 0;
        for (; count < 9 && cases[i].arguments[count]; count++)
            arguments[count] = cases[i].arguments[count];
        arguments[count] = "--json";
        cli_run(&run, arguments);
        ck_assert_msg(run.status == CLI_FAILED, "%s", run.out);
        json_t *object = cli_run_json(&run);
        ck_assert_msg(strcmp(cli_run_error(object), cases[i].error) == 0, "%s: %s", arguments[0], run.out);
        json_decref(object);
        cli_run_done(&run);
        arguments[count] = NULL;
        cli_run(&run, arguments);
        ck_assert_int_eq(run.status, CLI_FAILED);
        ck_assert_str_eq(run.out, "");
        ck_assert(strstr(run.err, cases[i].error) != NULL);
        ck_assert(strstr(run.err, "next") != NULL);
        cli_run_done(&run);
    }
    pp_temp_dir_remove(&dir);
}
END_TEST

/* CLI-004: what was put in comes out again only by the passphrase. */
START_TEST(keygen__made_imported_shown__never_prints_the_secret)
{
    static const char secret[] = "0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318";
    static const char address[] = "0x2c7536e3605d9c16a7a3d7b1898e529396a65c23";
    struct pp_temp_dir dir;
    char path[300], phrase[300], plain[300];
    struct cli_run run;
    pp_temp_dir_make(&dir);
    snprintf(path, sizeof path, "%s/a.key", dir.path);
    snprintf(phrase, sizeof phrase, "%s/phrase", dir.path);
    snprintf(plain, sizeof plain, "%s/plain", dir.path);
    cli_file_make(phrase, "swordfish\n", 10);
    cli_file_make(plain, secret, sizeof secret - 1);
    CLI_RUN(&run, "keygen", path, "--import", plain, "--quick", "--passphrase-file", phrase, "--json");
    ck_assert_msg(run.status == CLI_OK, "%s", run.out);
    json_t *object = cli_run_json(&run);
    ck_assert_str_eq(pp_json_text(object, "address"), address);
    ck_assert(strstr(run.out, secret + 2) == NULL);
    json_decref(object);
    cli_run_done(&run);

    size_t length;
    char *file = pp_file_load(path, &length);
    ck_assert(strstr(file, secret + 2) == NULL);
    ck_assert(strstr(file, "swordfish") == NULL);
    free(file);

    CLI_RUN(&run, "keygen", "--show", path);
    ck_assert_int_eq(run.status, CLI_OK);
    ck_assert(strstr(run.out, address) != NULL);
    ck_assert(strstr(run.out, secret + 2) == NULL);
    cli_run_done(&run);

    CLI_RUN(&run, "keygen", path, "--quick", "--passphrase-file", phrase, "--json");
    object = cli_run_json(&run);
    ck_assert_str_eq(cli_run_error(object), "EXISTS");
    json_decref(object);
    cli_run_done(&run);
    pp_temp_dir_remove(&dir);
}
END_TEST

START_TEST(errors__all_and_one__as_the_table)
{
    struct cli_run run;
    unsigned count;
    const struct pp_error_row *rows = pp_error_table(&count);
    CLI_RUN(&run, "errors", "--json");
    json_t *object = cli_run_json(&run);
    ck_assert_uint_eq(json_array_size(json_object_get(object, "errors")), count);
    json_decref(object);
    cli_run_done(&run);
    for (unsigned i = 0; i < count; i += 17) {
        CLI_RUN(&run, "errors", rows[i].name);
        ck_assert(strstr(run.out, rows[i].sentence) != NULL);
        cli_run_done(&run);
    }
}
END_TEST

/* CLI-005 */
START_TEST(money__for_people__token_amounts)
{
    static const struct {
        uint64_t grains;
        const char *text;
    } cases[] = {
        {0, "0.00"},
        {1, "0.000000000001"},
        {1000000000000, "1.00"},
        {10000000000, "0.01"},
        {25000000000000, "25.00"},
        {24999999999999, "24.999999999999"},
        {1500000000000, "1.50"},
    };
    char text[CLI_MONEY_MAX];
    struct pp_grains back;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_str_eq(cli_money_grains(pp_grains(cases[i].grains), 6, text), cases[i].text);
        ck_assert_ok(cli_money_parse(text, 6, &back));
        ck_assert(pp_grains_eq(back, pp_grains(cases[i].grains)));
    }
    ck_assert_str_eq(cli_money_units(pp_units(25000000), 6, text), "25.00");
    ck_assert_str_eq(cli_money_grains(PP_GRAINS_MAX, 6, text), "79228162514264337.593543950335");
    ck_assert_error(cli_money_parse("", 6, &back), PP_BAD_FORMAT);
    ck_assert_error(cli_money_parse(".5", 6, &back), PP_BAD_FORMAT);
    ck_assert_error(cli_money_parse("5.", 6, &back), PP_BAD_FORMAT);
    ck_assert_error(cli_money_parse("-1", 6, &back), PP_BAD_FORMAT);
    ck_assert_error(cli_money_parse("1.2.3", 6, &back), PP_BAD_FORMAT);
    ck_assert_error(cli_money_parse("0.0000000000001", 6, &back), PP_OUT_OF_RANGE);
    ck_assert_error(cli_money_parse("79228162514264338", 6, &back), PP_OVERFLOW);
    ck_assert_error(cli_money_parse("99999999999999999999999999999999999999999999999999999", 6, &back),
                    PP_OVERFLOW);
}
END_TEST

PP_TESTS("cli")
PP_TEST(cli__alone__one_screen_with_every_verb)
PP_TEST(cli__help_of_each_verb__printed)
PP_TEST(cli__not_understood__usage)
PP_TEST(cli__failing__json_names_error_and_next_step)
PP_TEST(keygen__made_imported_shown__never_prints_the_secret)
PP_TEST(errors__all_and_one__as_the_table)
PP_TEST(money__for_people__token_amounts)
PP_TESTS_END
