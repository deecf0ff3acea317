/* signer.h - --signer-command: signatures by a command, for keys that this process never sees. Instead of a key file. */
#ifndef CLI_SIGNER_H
#define CLI_SIGNER_H

#include "options.h"

#include <pp/chain_signer.h>

struct cli_signer {
    const char *command; /* NULL: a key file signs */
    const char *address;
    uint64_t timeout_s;
    struct pp_signer_command made;
    struct pp_chain_signer signer; /* over made: stays where it is */
};
#define CLI_SIGNER_DEFAULTS                                                                                  \
    {                                                                                                        \
        .timeout_s = PP_SIGNER_TIMEOUT_MS / 1000                                                             \
    }
#define CLI_SIGNER_OPTIONS(s)                                                                                \
    {"signer-command",                                                                                       \
     "COMMAND",                                                                                              \
     CLI_TEXT,                                                                                               \
     &(s).command,                                                                                           \
     0,                                                                                                      \
     0,                                                                                                      \
     "instead of a key file: asked for every signature (specs/cli.md)",                                      \
     NULL},                                                                                                  \
        {"signer-address", "ADDRESS", CLI_TEXT, &(s).address, 0, 0, "the account that it signs for", NULL},  \
    {                                                                                                        \
        "signer-timeout", "SECONDS", CLI_NUMBER, &(s).timeout_s, 1, 3600, "how long it may take (120)", NULL \
    }

/* What is wrong with the options, or NULL. */
const char *cli_signer_wrong(const struct cli_signer *s, const char *key_file);
/* False: told. */
bool cli_signer_make(struct cli *cli, struct cli_signer *s);

#endif
