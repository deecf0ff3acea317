/* pp/chain_watch.h - follows the contract over JSON-RPC, on a thread of its own, and hands events to the node.
 *
 *     struct pp_chain_watch *watch;
 *     pp_chain_watch_open(&config, &watch);      the thread starts; a chain that is down is no failure to open
 *     ... config.events is called with events in order; its OK means that they are on disk ...
 *     pp_chain_watch_close(watch);
 *
 * A chain that does not answer, is another one, answers nonsense, or whose contract is not the configured one, is told by
 * config.trouble, once when it starts and once (PP_OK) when it is over; the watch goes on trying, at growing intervals.
 * Meanwhile no HEAD comes, so the node's lanes freeze by staleness.
 *
 * Threads: callbacks run on the watch's thread. _status and _close from any thread; not from a callback.
 * Own:     strings of the configuration are copied.
 * Errors:  ENDPOINTS_DISAGREE, CHAIN_PRUNED, CHAIN_DOWN, CHAIN_WRONG_ID, CHAIN_NONSENSE, CHAIN_STALE, CHAIN_REORG, CONTRACT_MISMATCH, BAD_CONFIG, IO.
 * Limits:  PP_RPC_ANSWER_MAX_BYTES, PP_CHAIN_LOGS_MAX, PP_CHAIN_RANGE_BLOCKS.
 * Source:  specs/settlement.md (WATCH-001 and following).
 */
#ifndef PP_CHAIN_WATCH_H
#define PP_CHAIN_WATCH_H

#include <pp/chain_event.h>
#include <pp/chain_rpc.h>
#include <pp/chain_view.h>
#include <pp/limits.h>

struct pp_chain_watch;
struct pp_rpc_carrier;

/* What the contract must say of itself. A zero (or false) is not compared. */
struct pp_chain_expected {
    uint64_t epoch_seconds;
    uint64_t freshness_seconds; /* the node's own bound must not be above the contract's */
    bool has_protocol_share;
    uint16_t protocol_share_bps;
    uint32_t node_id;               /* registered ... */
    struct pp_address operator_key; /* ... with this key */
};

struct pp_chain_watch_config {
    const char *rpc_url; /* several, the preferred first, are separated by commas */
    const struct pp_rpc_carrier *carrier; /* NULL: HTTP; must stay */
    struct pp_domain domain;
    uint32_t lane;         /* node_id << 8 | shard */
    uint64_t start_block;  /* the contract's deployment; ignored where mark_path holds a later one */
    const char *mark_path; /* where to go on after a restart; NULL: from start_block every time */
    uint32_t lanes_max;
    uint32_t poll_ms;    /* between two turns; 0: 2000 */
    uint32_t timeout_ms; /* of one question; 0: 10000 */
    struct pp_chain_expected expected;

    /* TOO_MANY_LANES, UNKNOWN_LANE, UNKNOWN_CHANNEL, BAD_EVENT: some of them are not for this ledger, and never will be; they
     * are not told again (WATCH-006). Any other answer than these and OK: the turn is repeated later. */
    enum pp_error (*events)(void *context, const struct pp_chain_event *events, size_t count);
    /* reason: for people, one line. May be NULL. */
    void (*trouble)(void *context, enum pp_error error, const char *reason);
    /* An endpoint of several fails, or answers again. May be NULL. */
    void (*endpoint)(void *context, const struct pp_rpc_endpoint *endpoint);
    void *context;
};

struct pp_chain_watch_status {
    enum pp_error error; /* of the last turn; OK: in touch */
    char reason[PP_RPC_TEXT_MAX];
    uint64_t turns;               /* finished, good or bad */
    uint64_t failures;            /* in a row */
    struct pp_chain_block latest; /* of the last good turn */
    struct pp_chain_block finalized;
    struct pp_chain_timers timers; /* the contract's; zero until it was read */
    struct pp_address token;
    bool ready; /* the contract was checked, and every final log was given */
    struct pp_rpc_endpoint endpoints[PP_RPC_ENDPOINTS_MAX];
    size_t endpoint_count;
};

PP_MUST_CHECK enum pp_error pp_chain_watch_open(const struct pp_chain_watch_config *config,
                                                struct pp_chain_watch **out);
/* Ends the thread; a question in flight is broken off. */
void pp_chain_watch_close(struct pp_chain_watch *watch);
void pp_chain_watch_status(struct pp_chain_watch *watch, struct pp_chain_watch_status *out);

#endif
