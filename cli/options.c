#include "options.h"
#include "output.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define COMMON_MAX 8
#define OPTIONS_MAX 64

struct table {
    const struct cli_option *rows[OPTIONS_MAX];
    bool seen[OPTIONS_MAX];
    size_t count;
};

static size_t common_options(struct cli *cli, uint64_t *descriptor, struct cli_option out[COMMON_MAX])
{
    const struct cli_option common[] = {
        {"json", NULL, CLI_FLAG, &cli->json, 0, 0, "answer with one JSON object", NULL},
        {"wallet", "FOLDER", CLI_TEXT, &cli->wallet_dir, 0, 0, "the sender's folder (~/.pennypost)", NULL},
        {"node", "URL", CLI_TEXT, &cli->node_url, 0, 0, "the node (default: what the wallet says)", NULL},
        {"rpc", "URL", CLI_TEXT, &cli->rpc_url, 0, 0, "JSON-RPC of the chain", NULL},
        {"key", "FILE", CLI_TEXT, &cli->key_file, 0, 0, "the key file (default: signer.key of the wallet)",
         NULL},
        {"passphrase-file", "FILE", CLI_TEXT, &cli->passphrase_file, 0, 0, "a file that holds the passphrase",
         NULL},
        {"passphrase-fd", "N", CLI_NUMBER, descriptor, 0, 1023, "a descriptor to read the passphrase from",
         NULL},
    };
    memcpy(out, common, sizeof common);
    return sizeof common / sizeof common[0];
}

static void row_print(FILE *out, const struct cli_option *row)
{
    char left[64];
    snprintf(left, sizeof left, "--%s%s%s", row->name, row->value ? " " : "", row->value ? row->value : "");
    fprintf(out, "  %-26s %s\n", left, row->help);
}

static void help_print(struct cli *cli, const struct cli_syntax *syntax, const struct cli_option *common,
                       size_t common_count)
{
    fprintf(cli->out, "pennypost %s %s\n%s\n\n", cli->verb->name, cli->verb->synopsis,
            cli_verb_help(cli->verb));
    for (size_t i = 0; i < syntax->options_count; i++)
        row_print(cli->out, &syntax->options[i]);
    for (size_t i = 0; i < common_count; i++)
        row_print(cli->out, &common[i]);
    if (syntax->more)
        fprintf(cli->out, "\n%s\n", syntax->more);
}

static size_t row_find(const struct table *table, const char *name, size_t length)
{
    size_t i = 0;
    while (i < table->count &&
           (strlen(table->rows[i]->name) != length || memcmp(table->rows[i]->name, name, length) != 0))
        i++;
    return i;
}

static enum pp_error number_parse(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
    struct pp_units number; /* digits only, 64 bits: the same syntax */
    enum pp_error error = pp_units_parse(text, strlen(text), &number);
    if (error == PP_OVERFLOW)
        return PP_OUT_OF_RANGE;
    PP_TRY(error);
    if (number.raw < least || number.raw > most)
        return PP_OUT_OF_RANGE;
    *out = number.raw;
    return PP_OK;
}

static enum pp_error value_store(const struct cli_option *row, const char *text)
{
    switch (row->kind) {
    case CLI_FLAG:
        *(bool *)row->target = true;
        return PP_OK;
    case CLI_TEXT:
        *(const char **)row->target = text;
        return PP_OK;
    case CLI_NUMBER:
        return number_parse(text, row->least, row->most, row->target);
    case CLI_GRAINS:
        return pp_grains_parse(text, strlen(text), row->target);
    case CLI_LIST: {
        struct cli_list *list = row->target;
        if (list->count == CLI_LIST_MAX)
            return PP_TOO_MANY;
        list->values[list->count++] = text;
        return PP_OK;
    }
    }
    return PP_BAD_TYPE;
}

static int value_usage(struct cli *cli, const struct cli_option *row, const char *text)
{
    if (row->kind == CLI_NUMBER)
        return cli_usage(cli, "--%s takes a number from %" PRIu64 " to %" PRIu64 ", not '%s'", row->name,
                         row->least, row->most, text);
    if (row->kind == CLI_LIST)
        return cli_usage(cli, "--%s may be given at most %d times", row->name, CLI_LIST_MAX);
    return cli_usage(cli, "--%s takes digits below 2^96, not '%s'", row->name, text);
}

/* One argument that begins with "--". *index moves past a value that stands apart. */
static int option_take(struct cli *cli, struct table *table, int argc, char **argv, int *index)
{
    const char *name = argv[*index] + 2;
    const char *equals = strchr(name, '=');
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    const char *text = equals ? equals + 1 : NULL;
    size_t at = row_find(table, name, length);
    if (at == table->count)
        return cli_usage(cli, "there is no option '--%.*s'", (int)length, name);
    const struct cli_option *row = table->rows[at];
    if (table->seen[at] && row->kind != CLI_LIST)
        return cli_usage(cli, "--%s was given twice", row->name);
    table->seen[at] = true;
    if (row->kind == CLI_FLAG && text)
        return cli_usage(cli, "--%s takes no value", row->name);
    if (row->kind != CLI_FLAG && !text) {
        if (*index + 1 >= argc)
            return cli_usage(cli, "--%s needs a value: %s", row->name, row->value);
        text = argv[++*index];
    }
    if (value_store(row, text) != PP_OK)
        return value_usage(cli, row, text);
    if (row->given)
        *row->given = true;
    return CLI_OK;
}

bool cli_parse(struct cli *cli, const struct cli_syntax *syntax, int argc, char **argv, char ***out_operands,
               size_t *out_count, int *out_status)
{
    struct cli_option common[COMMON_MAX];
    uint64_t descriptor = UINT64_MAX;
    size_t common_count = common_options(cli, &descriptor, common);
    struct table table = {.count = 0};
    for (size_t i = 0; i < syntax->options_count; i++)
        table.rows[table.count++] = &syntax->options[i];
    for (size_t i = 0; i < common_count; i++)
        table.rows[table.count++] = &common[i];

    /* First of all, so that a usage error is told in the form that was asked for. */
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        cli->json |= strcmp(argv[i], "--json") == 0;
    size_t operands = 0;
    bool ended = false;
    for (int i = 1; i < argc; i++) {
        if (!ended && strcmp(argv[i], "--") == 0) {
            ended = true;
        } else if (!ended && strcmp(argv[i], "--help") == 0) {
            help_print(cli, syntax, common, common_count);
            *out_status = CLI_OK;
            return false;
        } else if (!ended && strncmp(argv[i], "--", 2) == 0) {
            *out_status = option_take(cli, &table, argc, argv, &i);
            if (*out_status != CLI_OK)
                return false;
        } else {
            argv[1 + operands++] = argv[i];
        }
    }
    if (descriptor != UINT64_MAX)
        cli->passphrase_descriptor = (int)descriptor;
    if (operands < syntax->operands_min || operands > syntax->operands_max) {
        *out_status = cli_usage(cli,
                                operands < syntax->operands_min ? "something is missing: %s %s"
                                                                : "there is something too many: %s %s",
                                cli->verb->name, cli->verb->synopsis);
        return false;
    }
    *out_operands = argv + 1;
    *out_count = operands;
    return true;
}
