/* authorize.h - a deposit that somebody else carries to the chain: signed by the payer, kept in a file, sent by `relay`.
 *
 * Shape:  a JSON file {version, chain_id, contract, channel_id, function, valid_before_s, call}; the call is complete, and its
 *         signature covers all of it, so the file needs no protection but against being lost.
 * Errors: each is in *problem.
 * Source: specs/cli.md (PAYER-030 and following).
 */
#ifndef CLI_AUTHORIZE_H
#define CLI_AUTHORIZE_H

#include "chain_send.h"

#include <pp/authorization.h>

#define CLI_AUTHORIZE_VALID_S 86400u
#define CLI_AUTHORIZE_OPTIONS(target, seconds)                                                               \
    {"authorize",                                                                                            \
     "FILE",                                                                                                 \
     CLI_TEXT,                                                                                               \
     &(target),                                                                                              \
     0,                                                                                                      \
     0,                                                                                                      \
     "sign it for somebody else to send (`relay`), without gas, and write FILE",                             \
     NULL},                                                                                                  \
    {                                                                                                        \
        "valid", "SECONDS", CLI_NUMBER, &(seconds), 60, 31536000,                                            \
            "with --authorize: how long it may be sent (86400)", NULL                                        \
    }

struct cli_authorization {
    bool opens;
    const struct cli_channel *channel;
    struct pp_address token;
    struct pp_units amount;
    const struct pp_abi_caps *caps;
    uint64_t valid_s; /* from the latest block on */
    const char *file;
};

/* The --payer-key of `options` signs; its account needs no gas. *out_valid_before_s: until when it may be sent. */
PP_MUST_CHECK enum pp_error cli_authorize(struct cli *cli, const struct cli_contract *contract,
                                          const struct cli_payer_options *options,
                                          const struct cli_authorization *authorization,
                                          uint64_t *out_valid_before_s, struct cli_problem *problem);
/* Tells that the file is there, and what to do with it. Returns the exit status. */
int cli_authorized_print(struct cli *cli, const struct cli_authorization *authorization,
                         uint64_t valid_before_s);

#define CLI_AUTHORIZED_CALL_MAX 8192u
struct cli_authorized {
    uint64_t chain_id;
    struct pp_address contract;
    struct pp_channel_id channel_id;
    enum pp_job_kind kind;
    uint64_t valid_before_s;
    uint8_t call[CLI_AUTHORIZED_CALL_MAX];
    size_t call_length;
};
PP_MUST_CHECK enum pp_error cli_authorized_read(const char *path, struct cli_authorized *out,
                                                struct cli_problem *problem);

#endif
