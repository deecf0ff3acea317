/* chain_poll.h - one turn of looking at the chain: ask, check, give events, remember how far. No thread, no waiting. */
#ifndef CHAIN_POLL_H
#define CHAIN_POLL_H

#include "chain/chain_recent.h"

#include <pp/chain_watch.h>

#include <pp/chain_contract.h>

/* Two endpoints that disagreed: nothing is believed until both were heard, and agree. */
struct chain_dispute {
    bool is_open;
    bool is_about_logs;
    size_t a, b;
    char reason[PP_RPC_TEXT_MAX];
};

struct chain_poll {
    struct pp_chain_watch_config config; /* strings are the owner's */
    struct pp_contract contract;
    struct pp_chain_view view;
    struct pp_chain_event *events; /* gathered, not yet handed over */
    size_t event_count;
    size_t event_capacity;
    bool contract_checked;
    struct pp_chain_timers timers;
    struct pp_address token;
    struct pp_chain_block latest; /* of the turn */
    struct pp_chain_block finalized;
    struct chain_recent recent;        /* headers: the latest and what is below it */
    bool history_proven;               /* the node was seen to have old entries */
    struct pp_hash code;               /* of the contract, as the current endpoint has it */
    bool agrees[PP_RPC_ENDPOINTS_MAX]; /* in this turn, with the current one, about the finalized block */
    bool code_compared[PP_RPC_ENDPOINTS_MAX]; /* with poll->code */
    struct chain_dispute dispute;
    uint8_t *mark; /* as last stored */
    size_t mark_length;
};

/* The config's strings must stay. Reads the mark; out_started_anew: there was one that could not be used. */
PP_MUST_CHECK enum pp_error
chain_poll_init(struct chain_poll *poll, const struct pp_chain_watch_config *config, bool *out_started_anew);
void chain_poll_done(struct chain_poll *poll);

/* The view's sink; context: the poll. */
enum pp_error chain_poll_gather(void *context, const struct pp_chain_event *event);

/* One turn. On an error pp_rpc_reason(poll->contract.rpc) may say more. */
PP_MUST_CHECK enum pp_error chain_poll_turn(struct chain_poll *poll);

/* How long to rest after so many failures in a row. */
#define CHAIN_POLL_WAIT_MS_MAX 60000u
uint32_t chain_poll_wait_ms(uint32_t poll_ms, uint64_t failures);

#endif
