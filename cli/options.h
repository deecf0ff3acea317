/* options.h - the arguments of a verb: a table of options, parsed and checked in one place.
 *
 * Long options only: --name VALUE, --name=VALUE, flags without a value; "--" ends them. The common options (verbs.h)
 * are always understood, and --help prints the table. Each option at most once, unless it is a LIST.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "verbs.h"

#include <pp/amount.h>

enum cli_option_kind {
    CLI_FLAG,   /* bool */
    CLI_TEXT,   /* const char *: borrowed from argv */
    CLI_NUMBER, /* uint64_t, least..most */
    CLI_GRAINS, /* struct pp_grains: digits */
    CLI_LIST,   /* struct cli_list: may be repeated */
};

#define CLI_LIST_MAX 64
struct cli_list {
    const char *values[CLI_LIST_MAX];
    size_t count;
};

struct cli_option {
    const char *name;  /* without the dashes */
    const char *value; /* what the help calls the value; NULL for a flag */
    enum cli_option_kind kind;
    void *target;
    uint64_t least, most; /* NUMBER */
    const char *help;
    bool *given; /* set when the option was there; may be NULL */
};

struct cli_syntax {
    const struct cli_option *options;
    size_t options_count;
    size_t operands_min, operands_max;
    const char *more; /* further help text; may be NULL */
};

/* Operands are moved to the front of argv (after argv[0]); *out_operands points at them. Returns true to go on;
 * false when *out_status is to be returned: --help was printed, or the usage error told. */
bool cli_parse(struct cli *cli, const struct cli_syntax *syntax, int argc, char **argv, char ***out_operands,
               size_t *out_count, int *out_status);

#endif
