/* verbs.h - the verbs of `pennypost`: one table, one file a verb (verb_NAME.c).
 *
 * A verb parses its arguments with cli_parse (options.h), does its work, and answers through output.h. It returns
 * an exit status. Results go to stdout, everything else to stderr.
 */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include <pp/keyfile.h>
#include <pp/sign.h>

#include <stdbool.h>
#include <stdio.h>

enum cli_status {
    CLI_OK = 0,      /* done, all of it */
    CLI_FAILED = 1,  /* refused or failed; the error says why and what next */
    CLI_USAGE = 2,   /* the command was not understood; nothing was done */
    CLI_NOT_DUE = 3, /* there was nothing to do now */
    CLI_WAITING = 4, /* it is on its way, or waits for a price or another run: run it again */
    CLI_HUMAN = 5,   /* it will not pass by itself: funds, keys, configuration */
};

/* One run of the command. The options that all verbs share, and where it prints. */
struct cli {
    bool json;                   /* --json: one JSON object on stdout, also for an error */
    const char *wallet_dir;      /* --wallet DIR: a sender's folder; default ~/.pennypost */
    const char *node_url;        /* --node URL: default what the wallet's channel says */
    const char *rpc_url;         /* --rpc URL: the chain's JSON-RPC */
    const char *key_file;        /* --key FILE: default DIR/signer.key */
    const char *passphrase_file; /* --passphrase-file FILE; without it the terminal is asked */
    int passphrase_descriptor;   /* --passphrase-fd N; -1: none */
    FILE *out;
    FILE *err;
    const struct cli_verb *verb;
    struct pp_crypto *crypto;
};

struct cli_verb {
    const char *name;
    const char *synopsis;                               /* what follows the name: "[options] FILE..." */
    const char *help;                                   /* one line */
    int (*run)(struct cli *cli, int argc, char **argv); /* argv[0] is the verb's name */
};

/* Begins the help of a verb that shares the line of the one before it on the help screen. */
#define CLI_SAME_LINE "& "

/* V(function suffix, name, synopsis, one line of help), in the order of the help screen. */
#define CLI_VERBS(V)                                                                                         \
    V(keygen, "keygen", "[--kind KIND] FILE", "make an encrypted key file")                                  \
    V(terms, "terms", "--node URL", "show a node's terms, and pin them")                                     \
    V(quote, "quote", "--node URL [--bytes N --days N]", CLI_SAME_LINE "ask what an envelope costs now")      \
    V(open, "open", "--deposit AMOUNT --node URL --rpc URL --payer-key FILE",                                \
      "lock a deposit, to pay postage from")                                                                 \
    V(topup, "topup", "--amount AMOUNT --rpc URL --payer-key FILE [CHANNEL]",                                \
      "add to a channel's deposit and cap")                                                                  \
    V(send, "send", "[FILE | FOLDER | -]...", "pay for envelopes and send them")                             \
    V(delete, "delete", "[NUMBER | STAMP]...", "delete envelopes early and get the unused days back")        \
    V(read, "read", "NUMBER", "read a stored envelope back")                                                 \
    V(list, "list", "--topic TEXT | --sent", CLI_SAME_LINE "list a topic's, or what this wallet sent")        \
    V(status, "status", "[CHANNEL]", "show a channel: deposited, spent, refunded, deferred, free")           \
    V(settle, "settle", "--data DIR --rpc URL --key FILE",                                                   \
      "a node's job: post reports, settle lanes, claim payouts")                                             \
    V(payout, "payout", "--data DIR [--operator NODE [--csv] | --rpc URL [--key FILE]]",                     \
      "show and claim what the pool owes a node")                                                            \
    V(report, "report", "--data DIR [--epoch N] [--export FILE]",                                            \
      "show an epoch's report, or export it for audit")                                                      \
    V(audit, "audit", "BUNDLE", "recompute an epoch from an exported bundle, offline")                       \
    V(verify, "verify", "--data DIR", "recompute a node's whole ledger from its journal, and compare")       \
    V(evidence, "evidence", "verify FILE | restore URL...",                                                  \
      "check a proof against an operator, or get a lost journal back")                                       \
    V(watch, "watch", "--data DIR | --evidence PATH --rpc URL [--key FILE] [--once] [--report]",              \
      "a watchtower: post what must be on chain in time")                                                    \
    V(close, "close", "--rpc URL [--payer-key FILE] [--alone] [CHANNEL]",                                    \
      "leave a channel, and get the rest back")                                                              \
    V(relay, "relay", "FILE --rpc URL --payer-key FILE",                                                      \
      CLI_SAME_LINE "send what another payer signed")                                                        \
    V(channel, "channel", "ACTION --rpc URL --payer-key FILE [--lane N] [--amount AMOUNT] [CHANNEL]",         \
      "thaw, allocate, take a close back, revoke a delegate, ...")                                           \
    V(operator, "operator", "stake | unstake --node-id N --rpc URL --payer-key FILE",                            \
      CLI_SAME_LINE "an operator's stake")                                                                   \
    V(admin, "admin", "show | schedule | apply | cancel --rpc URL --payer-key FILE",                          \
      CLI_SAME_LINE "its parameters")                                                                        \
    V(bench_load, "bench-load", "--node URL [FOLDER]... | --in-process",                                     \
      "load a node at a fixed rate, and show its latencies")                                                 \
    V(errors, "errors", "[NAME | NUMBER]", "explain an error")

#define CLI_VERB_DECLARE(suffix, name, synopsis, help)                                                       \
    int cli_verb_##suffix(struct cli *cli, int argc, char **argv);
CLI_VERBS(CLI_VERB_DECLARE)
#undef CLI_VERB_DECLARE

const struct cli_verb *cli_verbs(size_t *out_count);
const struct cli_verb *cli_verb_find(const char *name);
/* The verb's line of help, without the mark of a shared line. */
const char *cli_verb_help(const struct cli_verb *verb);
bool cli_verb_shares_line(const struct cli_verb *verb);

/* The whole command; main() without the process. */
int cli_main(struct cli *cli, int argc, char **argv);
/* The one screen of `pennypost` alone. */
void cli_overview(FILE *out);

/* Reads the passphrase as the options say (prompt names what for), opens the key file. On failure it has told the
 * user, and returns false. */
bool cli_key_open(struct cli *cli, const char *path, enum pp_key_kind kind, struct pp_key *out);
bool cli_passphrase_read(struct cli *cli, const char *what_for, bool confirm, struct pp_passphrase *out);

#endif
