/* session.h - what a sender's verb works with: folder, channel, lane, node, domain, log, and the signer when it signs.
 *
 * Own:    everything; _close gives it back and wipes the signer.
 * Errors: told to the user by the functions here; they return false, and *out_status is to be returned.
 */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "answers.h"
#include "lane_log.h"
#include "options.h"
#include "output.h"
#include "wallet_dir.h"

struct cli_session {
    struct cli *cli;
    struct cli_wallet *wallet;
    struct cli_channel channel;
    const struct cli_channel_lane *lane;
    const char *node_url;
    struct cli_node_terms node; /* pinned */
    struct pp_domain domain;
    struct cli_exchange *exchange;
    struct cli_lane *log;
    struct pp_secret_key signer;
    bool has_signer;
};

struct cli_session_need {
    const char *channel; /* id or a beginning; NULL: the only one */
    uint64_t lane;       /* number; 0: the only one */
    bool signer;         /* opens the key file */
    bool write;          /* locks the lane's log */
    const char
        *max_price; /* write: the most that one envelope may cost, in tokens; NULL: nothing is to be signed */
};

bool cli_session_open(struct cli *cli, const struct cli_session_need *need, struct cli_session *out,
                      int *out_status);
void cli_session_close(struct cli_session *session);
/* Asks the node for its terms and compares them with the pinned ones (FOLDER-004). */
PP_MUST_CHECK enum pp_error cli_session_terms(struct cli_session *session, struct cli_terms *out,
                                              struct cli_problem *problem);

/* Terms of the node at --node, pinned in the wallet folder if there is one. */
bool cli_terms_told(struct cli *cli, struct cli_exchange *exchange, struct cli_terms *out, bool *out_pinned,
                    bool *out_first);
/* The exchange with --node, or with the node of the wallet's only channel; a usage error when there is neither. */
bool cli_node_told(struct cli *cli, struct cli_exchange **out, int *out_status);

/* --channel and --lane, for a verb's table. */
#define CLI_CHANNEL_OPTIONS(need)                                                                            \
    {"channel",                                                                                              \
     "ID",                                                                                                   \
     CLI_TEXT,                                                                                               \
     &(need).channel,                                                                                        \
     0,                                                                                                      \
     0,                                                                                                      \
     "the channel's id, or how it begins (default: the only one)",                                           \
     NULL},                                                                                                  \
    {                                                                                                        \
        "lane", "N", CLI_NUMBER, &(need).lane, 1, UINT32_MAX, "the channel's lane (default: the only one)",  \
            NULL                                                                                             \
    }

#endif
