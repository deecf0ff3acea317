/* Goal: arguments become values of the right type and range, or a usage error and nothing else.
 * Method: a verb of the test's own, its table with every kind of option. */
#include "pp_test.h"

#include <options.h>
#include <stdlib.h>
#include <string.h>

struct given {
    bool flag, number_given;
    const char *text;
    uint64_t number;
    struct pp_grains grains;
    struct cli_list list;
};

struct parsed {
    struct cli cli;
    struct given given;
    char **operands;
    size_t count;
    int status;
    bool go_on;
    char *out, *err;
    size_t out_length, err_length;
    char *argv[32], *owned[32]; /* parsing moves argv's elements */
};

static const struct cli_verb verb = {"test", "[options]", "a test", NULL};

static void parse(struct parsed *p, const char *const *arguments)
{
    memset(p, 0, sizeof *p);
    const struct cli_option options[] = {
        {"flag", NULL, CLI_FLAG, &p->given.flag, 0, 0, "a flag", NULL},
        {"text", "T", CLI_TEXT, &p->given.text, 0, 0, "a text", NULL},
        {"number", "N", CLI_NUMBER, &p->given.number, 2, 1000, "a number", &p->given.number_given},
        {"grains", "G", CLI_GRAINS, &p->given.grains, 0, 0, "an amount", NULL},
        {"item", "I", CLI_LIST, &p->given.list, 0, 0, "an item", NULL},
    };
    const struct cli_syntax syntax = {options, sizeof options / sizeof options[0], 0, 2, "more"};
    p->cli = (struct cli){.passphrase_descriptor = -1,
                          .out = open_memstream(&p->out, &p->out_length),
                          .err = open_memstream(&p->err, &p->err_length),
                          .verb = &verb};
    int argc = 1;
    p->argv[0] = strdup("test");
    for (; arguments[argc - 1]; argc++)
        p->argv[argc] = strdup(arguments[argc - 1]);
    memcpy(p->owned, p->argv, sizeof p->owned);
    p->go_on = cli_parse(&p->cli, &syntax, argc, p->argv, &p->operands, &p->count, &p->status);
    fclose(p->cli.out);
    fclose(p->cli.err);
}

static void parsed_done(struct parsed *p)
{
    for (size_t i = 0; p->owned[i]; i++)
        free(p->owned[i]);
    free(p->out);
    free(p->err);
}
#define PARSE(p, ...) parse(p, (const char *const[]){__VA_ARGS__, NULL})

START_TEST(options__each_kind__value_taken)
{
    struct parsed p;
    PARSE(&p, "one", "--flag", "--text", "a b", "--number=1000", "--grains", "79228162514264337593543950335",
          "--item", "x", "two", "--item=y", "--wallet", "w", "--json", "--passphrase-fd", "0");
    ck_assert(p.go_on);
    ck_assert(p.given.flag && p.given.number_given && p.cli.json);
    ck_assert_str_eq(p.given.text, "a b");
    ck_assert_uint_eq(p.given.number, 1000);
    ck_assert(pp_grains_eq(p.given.grains, PP_GRAINS_MAX));
    ck_assert_uint_eq(p.given.list.count, 2);
    ck_assert_str_eq(p.given.list.values[1], "y");
    ck_assert_str_eq(p.cli.wallet_dir, "w");
    ck_assert_int_eq(p.cli.passphrase_descriptor, 0);
    ck_assert_uint_eq(p.count, 2);
    ck_assert_str_eq(p.operands[0], "one");
    ck_assert_str_eq(p.operands[1], "two");
    parsed_done(&p);
}
END_TEST

START_TEST(options__after_two_dashes__operands)
{
    struct parsed p;
    PARSE(&p, "--", "--flag", "--json");
    ck_assert(p.go_on);
    ck_assert(!p.given.flag && !p.cli.json && !p.given.number_given);
    ck_assert_uint_eq(p.count, 2);
    ck_assert_str_eq(p.operands[0], "--flag");
    ck_assert_int_eq(p.cli.passphrase_descriptor, -1);
    parsed_done(&p);
    PARSE(&p, "-"); /* standard input is an operand */
    ck_assert(p.go_on);
    ck_assert_str_eq(p.operands[0], "-");
    parsed_done(&p);
    PARSE(&p, "--text", "--flag"); /* a value may look like an option */
    ck_assert(p.go_on && !p.given.flag);
    ck_assert_str_eq(p.given.text, "--flag");
    parsed_done(&p);
    PARSE(&p, "--text=");
    ck_assert(p.go_on);
    ck_assert_str_eq(p.given.text, "");
    parsed_done(&p);
}
END_TEST

/* CLI-003 */
START_TEST(options__wrong__usage_that_names_it)
{
    static const struct {
        const char *arguments[6];
        const char *said;
    } cases[] = {
        {{"--nothing"}, "no option '--nothing'"},
        {{"--fla"}, "no option '--fla'"},
        {{"--flags"}, "no option '--flags'"},
        {{"--flag=1"}, "takes no value"},
        {{"--flag", "--flag"}, "given twice"},
        {{"--text"}, "needs a value: T"},
        {{"--number", "1"}, "from 2 to 1000, not '1'"},
        {{"--number", "1001"}, "from 2 to 1000"},
        {{"--number", "18446744073709551618"}, "from 2 to 1000"},
        {{"--number", ""}, "from 2 to 1000"},
        {{"--number", "-2"}, "from 2 to 1000"},
        {{"--number", "2 "}, "from 2 to 1000"},
        {{"--number", "0x2"}, "from 2 to 1000"},
        {{"--grains", "79228162514264337593543950336"}, "below 2^96"},
        {{"--grains", "1.5"}, "below 2^96"},
        {{"a", "b", "c"}, "too many"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct parsed p;
        parse(&p, cases[i].arguments);
        ck_assert(!p.go_on);
        ck_assert_int_eq(p.status, CLI_USAGE);
        ck_assert_msg(strstr(p.err, cases[i].said) != NULL, "%s: %s", cases[i].said, p.err);
        ck_assert_str_eq(p.out, "");
        parsed_done(&p);
    }
}
END_TEST

START_TEST(options__list_too_long__usage)
{
    struct cli_list list = {.count = CLI_LIST_MAX - 1};
    const struct cli_option option = {"item", "I", CLI_LIST, &list, 0, 0, "an item", NULL};
    const struct cli_syntax syntax = {&option, 1, 0, 0, NULL};
    char name[] = "test", first[] = "--item=x", second[] = "--item=y", *argv[] = {name, first, second, NULL};
    char *err, *out, **operands;
    size_t err_length, out_length, count;
    int status = 0;
    struct cli cli = {
        .out = open_memstream(&out, &out_length), .err = open_memstream(&err, &err_length), .verb = &verb};
    ck_assert(cli_parse(&cli, &syntax, 2, argv, &operands, &count, &status));
    ck_assert(!cli_parse(&cli, &syntax, 3, argv, &operands, &count, &status));
    ck_assert_int_eq(status, CLI_USAGE);
    fclose(cli.out);
    fclose(cli.err);
    ck_assert(strstr(err, "at most 64 times") != NULL);
    free(out);
    free(err);
}
END_TEST

START_TEST(options__help__every_option_and_status_zero)
{
    struct parsed p;
    PARSE(&p, "--number", "5", "--help", "--nonsense");
    ck_assert(!p.go_on);
    ck_assert_int_eq(p.status, CLI_OK);
    static const char *const named[] = {"--flag",   "--text T", "--number N", "--grains G",
                                        "--item I", "--json",   "--rpc URL",  "more"};
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++)
        ck_assert_msg(strstr(p.out, named[i]) != NULL, "%s", named[i]);
    parsed_done(&p);
}
END_TEST

PP_TESTS("options")
PP_TEST(options__each_kind__value_taken)
PP_TEST(options__after_two_dashes__operands)
PP_TEST(options__wrong__usage_that_names_it)
PP_TEST(options__list_too_long__usage)
PP_TEST(options__help__every_option_and_status_zero)
PP_TESTS_END
