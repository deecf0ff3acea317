/* chain_send.h - the payer's transactions: tried, decided, sent, and waited for until they are final.
 *
 * Shape:  each account has a journal in the wallet's folder (pp/chain_job.h): DIR/sent/CHAIN-CONTRACT-ACCOUNT. What is decided is in
 *         it, synced, before it leaves; after a kill at any moment the same bytes are sent again, and the same call is not made
 *         twice. What an earlier run decided is carried to its end before anything new is.
 * Own:    cli_payer holds the key (wiped by _close) and the journal, locked: one command of a payer and folder at a time.
 * Errors: LOCKED; CHAIN_REVERTED (the contract's error by name and values; or mined without effect); TX_FUNDS (expected and
 *         actual in wei); TX_UNKNOWN (not final in time: run again); TX_REPLACED; CHAIN_*.
 * Source: specs/cli.md (PAYER-001 and following).
 */
#ifndef CLI_CHAIN_SEND_H
#define CLI_CHAIN_SEND_H

#include "contract.h"
#include "signer.h"

#include <pp/chain_job.h>

/* --payer-key, --payer-passphrase-file, --max-gas-price, --chain-wait. */
struct cli_payer_options {
    const char *key_file;
    const char *passphrase_file; /* NULL: as for the other key */
    uint64_t max_gas_price;      /* gwei: 10^9 wei */
    uint64_t wait_s;             /* how long for a final block */
    struct cli_signer signer;    /* instead of key_file */
};
/* A key file or a signer's command was given. */
bool cli_payer_given(const struct cli_payer_options *options);
#define CLI_PAYER_DEFAULTS                                                                                   \
    {                                                                                                        \
        .max_gas_price = 200, .wait_s = 1800, .signer = CLI_SIGNER_DEFAULTS                                  \
    }
#define CLI_PAYER_OPTIONS(payer)                                                                             \
    CLI_SIGNER_OPTIONS((payer).signer),                                                                      \
        {"payer-key",                                                                                        \
         "FILE",                                                                                             \
         CLI_TEXT,                                                                                           \
         &(payer).key_file,                                                                                  \
         0,                                                                                                  \
         0,                                                                                                  \
         "the payer's key file: its account holds the tokens and pays for gas",                              \
         NULL},                                                                                              \
        {"payer-passphrase-file",                                                                            \
         "FILE",                                                                                             \
         CLI_TEXT,                                                                                           \
         &(payer).passphrase_file,                                                                           \
         0,                                                                                                  \
         0,                                                                                                  \
         "its passphrase, if it is another than the signer's",                                               \
         NULL},                                                                                              \
        {"max-gas-price",                                                                                    \
         "GWEI",                                                                                             \
         CLI_NUMBER,                                                                                         \
         &(payer).max_gas_price,                                                                             \
         1,                                                                                                  \
         1000000,                                                                                            \
         "the most to pay for gas, in 10^9 wei (200)",                                                       \
         NULL},                                                                                              \
    {                                                                                                        \
        "chain-wait", "SECONDS", CLI_NUMBER, &(payer).wait_s, 1, 86400,                                      \
            "how long to wait until a transaction is final (1800)", NULL                                     \
    }

/* The key of --payer-key, for what is signed here and sent by somebody else. False: told. */
bool cli_payer_key_open(struct cli *cli, const struct cli_payer_options *options, struct pp_key *out);

struct cli_payer {
    struct cli *cli;
    const struct cli_contract *contract; /* borrowed */
    struct pp_chain_job *job;
    struct pp_address address;
    struct pp_fee_policy fees;
    uint64_t wait_s;
};

/* On a failure it has told the user, and returns false. expected: the account it must be, or NULL. The options must stay: a signer is
 * in them. */
bool cli_payer_open(struct cli *cli, const struct cli_wallet *wallet, struct cli_payer_options *options,
                    const struct cli_contract *contract, const struct pp_address *expected,
                    struct cli_payer *out);
void cli_payer_close(struct cli_payer *payer);

/* What earlier runs decided is carried to its end, whatever that is: then the chain says how things stand. out_any: there was
 * something. */
PP_MUST_CHECK enum pp_error cli_send_rest(struct cli_payer *payer, bool *out_any,
                                          struct cli_problem *problem);

struct cli_send {
    enum pp_job_kind kind;
    struct pp_address to;
    const struct pp_channel_id *channel; /* whose event says that it worked; NULL: none's */
    const struct pp_writer *data;
    uint64_t time; /* the same call may be made again: 1, 2, ... */
};
struct cli_sent {
    struct pp_hash hash;
    uint64_t block;
    bool before; /* it was final already: nothing was sent */
};
/* Once: a call that is on its way is carried on, one that is final is not made again. */
PP_MUST_CHECK enum pp_error cli_send(struct cli_payer *payer, const struct cli_send *send,
                                     struct cli_sent *out, struct cli_problem *problem);
/* Whether the contract would take it now, and for how much gas; nothing is decided. */
PP_MUST_CHECK enum pp_error cli_send_try(struct cli_payer *payer, const struct cli_send *send,
                                         uint64_t *out_gas, struct cli_problem *problem);
/* A call that may be made again, after another one in between (a close, once it was taken back): sets send->time so that it is one
 * that was not made yet. Only where the chain says that it is due. TOO_MANY. */
PP_MUST_CHECK enum pp_error cli_send_anew(struct cli_payer *payer, struct cli_send *send,
                                          struct cli_problem *problem);
/* The same call, if it is final. NOT_FOUND: it was not made from here. */
PP_MUST_CHECK enum pp_error cli_send_find(struct cli_payer *payer, const struct cli_send *send,
                                          struct cli_sent *out, struct cli_problem *problem);

#endif
