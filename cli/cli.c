#include "options.h"
#include "output.h"
#include "verbs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct cli_verb verbs[] = {
#define ROW(suffix, name, synopsis, help) {name, synopsis, help, cli_verb_##suffix},
    CLI_VERBS(ROW)
#undef ROW
};

const struct cli_verb *cli_verbs(size_t *out_count)
{
    *out_count = sizeof verbs / sizeof verbs[0];
    return verbs;
}

const struct cli_verb *cli_verb_find(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

bool cli_verb_shares_line(const struct cli_verb *verb)
{
    return strncmp(verb->help, CLI_SAME_LINE, strlen(CLI_SAME_LINE)) == 0;
}

const char *cli_verb_help(const struct cli_verb *verb)
{
    return verb->help + (cli_verb_shares_line(verb) ? strlen(CLI_SAME_LINE) : 0);
}

/* A line for one verb, or for one and those that share its line. Returns the next verb. */
static size_t overview_line(FILE *out, size_t first, size_t count)
{
    char names[64], help[256];
    size_t next = first + 1;
    snprintf(names, sizeof names, "%s", verbs[first].name);
    snprintf(help, sizeof help, "%s", cli_verb_help(&verbs[first]));
    for (; next < count && cli_verb_shares_line(&verbs[next]); next++) {
        snprintf(names + strlen(names), sizeof names - strlen(names), ", %s", verbs[next].name);
        snprintf(help + strlen(help), sizeof help - strlen(help), "; %s", cli_verb_help(&verbs[next]));
    }
    fprintf(out, "  %-12s %s\n", names, help);
    return next;
}

void cli_overview(FILE *out)
{
    size_t count = sizeof verbs / sizeof verbs[0];
    fprintf(out, "pennypost VERB [options]: pay postage for messages from a channel opened once\n\n");
    for (size_t i = 0; i < count;)
        i = overview_line(out, i, count);
    fprintf(out, "\nEvery verb takes --json, --wallet FOLDER, --node URL, --rpc URL, --key FILE; --help.\n"
                 "Exit status: 0 done, 1 refused or failed, 2 not understood, 3 nothing due.\n");
}

static int verb_run(struct cli *cli, int argc, char **argv)
{
    enum pp_error error = pp_crypto_open(&cli->crypto);
    if (error != PP_OK)
        return cli_fail(cli, error, "starting the cryptographic library");
    int status = cli->verb->run(cli, argc, argv);
    pp_crypto_close(cli->crypto);
    cli->crypto = NULL;
    /* What could not be written was not said. */
    if (fflush(cli->out) != 0 || ferror(cli->out)) {
        fprintf(cli->err, "pennypost: the output could not be written\n");
        return CLI_FAILED;
    }
    return status;
}

int cli_main(struct cli *cli, int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        cli_overview(cli->out);
        return argc < 2 ? CLI_USAGE : CLI_OK;
    }
    cli->verb = cli_verb_find(argv[1]);
    if (!cli->verb) {
        for (int i = 1; i < argc; i++)
            cli->json |= strcmp(argv[i], "--json") == 0;
        return cli_usage(cli, "there is no verb '%s'", argv[1]);
    }
    return verb_run(cli, argc - 1, argv + 1);
}

bool cli_passphrase_read(struct cli *cli, const char *what_for, bool confirm, struct pp_passphrase *out)
{
    char prompt[256];
    enum pp_error error;
    const char *where = "the terminal";
    snprintf(prompt, sizeof prompt, "Passphrase for %s: ", what_for);
    if (cli->passphrase_file) {
        where = cli->passphrase_file;
        error = pp_passphrase_read_file(cli->passphrase_file, out);
    } else if (cli->passphrase_descriptor >= 0) {
        where = "the given descriptor";
        error = pp_passphrase_read_descriptor(cli->passphrase_descriptor, out);
    } else {
        error = pp_passphrase_ask(prompt, confirm, out);
    }
    if (error == PP_NOT_FOUND && !cli->passphrase_file)
        cli_fail(cli, error,
                 "there is no terminal to ask for the passphrase: give --passphrase-file or --passphrase-fd");
    else if (error != PP_OK)
        cli_fail(cli, error, "the passphrase, from %s", where);
    return error == PP_OK;
}

bool cli_key_open(struct cli *cli, const char *path, enum pp_key_kind kind, struct pp_key *out)
{
    struct pp_passphrase passphrase;
    struct pp_key claimed;
    /* A file that is no key file is told before anyone types a passphrase. */
    enum pp_error error = pp_keyfile_read_public(path, &claimed);
    if (error == PP_OK && claimed.kind != kind)
        error = PP_BAD_TYPE;
    if (error == PP_OK) {
        if (!cli_passphrase_read(cli, path, false, &passphrase))
            return false;
        error = pp_keyfile_read(cli->crypto, path, kind, &passphrase, out);
        pp_passphrase_done(&passphrase);
    }
    if (error != PP_OK)
        cli_fail(cli, error, "%s key file %s", pp_key_kind_name(kind), path);
    return error == PP_OK;
}
