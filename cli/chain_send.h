/* chain_send.h - the payer's transactions: tried, signed, kept, sent, and waited for until they are final; one at a time.
 *
 * Shape:  before it leaves, a transaction's signed bytes are in a file (the record), so after a kill at any moment the same
 *         bytes are sent again, and the account's numbering sees to it that it happens once. When it waits for long it is signed
 *         anew, dearer, under the same number; then the file holds both.
 * Own:    cli_payer holds the key (wiped by _close) and DIR/payer.lock: one command of a payer at a time.
 *         A record stays until cli_send_forget: whoever sent it decides when its outcome is taken note of.
 * Errors: LOCKED; CHAIN_REVERTED (the contract's error by name and values, nothing was sent; or it was mined without effect);
 *         TX_FUNDS (expected, actual in wei), TX_UNKNOWN (not final in time: run again), TX_REPLACED (another transaction has its
 *         number: it never happens, and its record is gone), TX_STUCK, TX_UNDERPRICED, TX_REFUSED, CHAIN_*.
 * Source: specs/cli.md.
 */
#ifndef CLI_CHAIN_SEND_H
#define CLI_CHAIN_SEND_H

#include "contract.h"

#define CLI_SEND_NOTE_MAX 64u

/* --payer-key, --payer-passphrase-file, --chain-wait. */
struct cli_payer_options {
    const char *key_file;
    const char *passphrase_file; /* NULL: as for the other key */
    uint64_t wait_s;             /* how long for a final block */
};
#define CLI_CHAIN_WAIT_S 1800u
#define CLI_PAYER_OPTIONS(payer)                                                                             \
    {"payer-key",                                                                                            \
     "FILE",                                                                                                 \
     CLI_TEXT,                                                                                               \
     &(payer).key_file,                                                                                      \
     0,                                                                                                      \
     0,                                                                                                      \
     "the payer's key file: its account holds the tokens and pays for gas",                                  \
     NULL},                                                                                                  \
        {"payer-passphrase-file",                                                                            \
         "FILE",                                                                                             \
         CLI_TEXT,                                                                                           \
         &(payer).passphrase_file,                                                                           \
         0,                                                                                                  \
         0,                                                                                                  \
         "its passphrase, if it is another than the signer's",                                               \
         NULL},                                                                                              \
    {                                                                                                        \
        "chain-wait", "SECONDS", CLI_NUMBER, &(payer).wait_s, 1, 86400,                                      \
            "how long to wait until a transaction is final (1800)", NULL                                     \
    }

struct cli_payer {
    struct cli *cli;
    const struct cli_contract *contract; /* borrowed: the connection */
    struct pp_secret_key key;
    struct pp_address address;
    uint64_t wait_s;
    int lock;
};

/* On a failure it has told the user, and returns false. expected: the account it must be, or NULL. */
bool cli_payer_open(struct cli *cli, const struct cli_wallet *wallet, const struct cli_payer_options *options,
                    const struct cli_contract *contract, const struct pp_address *expected,
                    struct cli_payer *out);
void cli_payer_close(struct cli_payer *payer);

struct cli_send {
    const char *record; /* the file */
    const char *what;   /* "open" */
    const char *note;   /* kept with it: what whoever finds the record must know */
    struct pp_address to;
    const struct pp_writer *data;
    bool mined_is_enough; /* the next one is tried on what this one did, and is final only with it */
};

/* A final transaction. */
struct cli_sent {
    char what[24];
    char note[CLI_SEND_NOTE_MAX];
    struct pp_hash hash;
    struct pp_rpc_receipt receipt; /* with the escrow's events */
};
void cli_sent_done(struct cli_sent *sent);

/* EXISTS when there is a record: resume it first. */
PP_MUST_CHECK enum pp_error cli_send(struct cli_payer *payer, const struct cli_send *send,
                                     struct cli_sent *out, struct cli_problem *problem);
/* Carries on what an earlier run began. NOT_FOUND: there is nothing. TX_REPLACED: it never happens. */
PP_MUST_CHECK enum pp_error cli_send_resume(struct cli_payer *payer, const char *record, struct cli_sent *out,
                                            struct cli_problem *problem);
PP_MUST_CHECK enum pp_error cli_send_forget(const char *record, struct cli_problem *problem);

#endif
