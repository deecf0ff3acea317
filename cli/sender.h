/* sender.h - sends parcels over a lane: prices, signs, persists, posts, retries, verifies receipts.
 *
 * Every voucher is in the lane's log, synced, before it leaves the process; every receipt is verified, and synced, before its
 * envelope counts as acknowledged. So the sender may be killed at any moment: a stamp whose outcome is not known is sent again
 * as it is, which charges once.
 *
 * What happens to a refusal:
 *   no answer, BUSY, STORE_FULL, LANE_FROZEN ... (whatever carries a retry time)   the same stamp again, until patience ends
 *   QUOTE_EXPIRED, STAMP_EXPIRED, PRICE_TOO_LOW, INTERVAL_TAKEN                     signed anew, at the newest quote
 *   CAP_EXCEEDED                                                                    nothing more is begun
 *   SESSION_UNSIGNED, SESSION_UNKNOWN and the like                                  the same stamp, under a voucher or another session
 *   any other                                                                       the envelope is refused, and counted
 * Source: specs/cli.md (SEND-001 and following).
 */
#ifndef CLI_SENDER_H
#define CLI_SENDER_H

#include "answers.h"
#include "lane_log.h"
#include "parcels.h"

#define CLI_SEND_ERRORS_MAX 32u
#define CLI_CONNECTIONS_MAX 64u

struct cli_send_refused {
    enum pp_error error;
    uint64_t count;
    char first[128]; /* the name of the first */
};

struct cli_send_summary {
    uint64_t total;        /* 0: not known before the end */
    uint64_t taken;        /* from the source */
    uint64_t acknowledged; /* in this run */
    uint64_t skipped;      /* acknowledged by an earlier run of the same send */
    uint64_t known;        /* of the acknowledged: the node had them already */
    uint64_t bytes;
    struct pp_grains postage;
    uint64_t requests;
    uint64_t retried;  /* requests sent again, as they were */
    uint64_t resigned; /* envelopes signed anew */
    uint64_t repeated; /* requests sent again on purpose, and answered the same */
    uint64_t quotes;
    uint64_t sessions;    /* opened */
    uint64_t roots;       /* signed and taken */
    uint64_t in_sessions; /* of the acknowledged: sent with a MAC */
    uint64_t unsent;      /* taken or waiting, and neither acknowledged nor refused */
    struct cli_send_refused refused[CLI_SEND_ERRORS_MAX];
    size_t refused_kinds;
    enum pp_error stopped; /* why it ended early; OK: it did not */
};

enum cli_stamp_choice {
    CLI_STAMP_AUTO, /* by what is at hand: SESSION-060 */
    CLI_STAMP_SINGLE,
    CLI_STAMP_BATCH,
    CLI_STAMP_SESSION,
};

struct cli_sender_config {
    const char *node_url;
    const struct pp_crypto *crypto;
    const struct pp_domain *domain;
    const struct pp_secret_key *signer;
    const struct cli_node_terms *node;
    struct cli_lane *lane;
    struct cli_parcels *parcels;
    size_t batch;                /* 1..PP_LEAVES_MAX */
    enum cli_stamp_choice stamp; /* SINGLE: each envelope alone, by the Payment scheme */
    unsigned single_every;       /* every Nth request is a single one; 0: none */
    unsigned connections;        /* 1..CLI_CONNECTIONS_MAX */
    uint64_t patience_ms;        /* how long without any answer that helps */
    unsigned repeat_every;       /* every Nth request is sent twice; 0: none */
    bool reorder;                /* sends in another order than it signed */
    bool resume;                 /* goes on with the newest send: skips what it had acknowledged */
    FILE *receipts;              /* a JSON line for each envelope acknowledged; or NULL */
    void (*progress)(void *context, const struct cli_send_summary *summary); /* or NULL */
    void *context;
};

/* OK: it ran to its end, and the summary says how it went (all acknowledged: stopped OK, nothing refused or unsent).
 * Else *problem says what made it stop at once; the summary is of what was done. */
PP_MUST_CHECK enum pp_error cli_sender_run(const struct cli_sender_config *config,
                                           struct cli_send_summary *summary, struct cli_problem *problem);

/* Signs what an earlier send left unsigned, as far as its receipts go: before a sender leaves its lane. Of the configuration
 * only node_url, crypto, domain, signer, node, lane and patience_ms are looked at. */
PP_MUST_CHECK enum pp_error cli_sender_settle(const struct cli_sender_config *config,
                                              struct cli_problem *problem);

#endif
