/* load_sessions.h - the sessions that a load's stamps are sent in: one a lane, opened before the clock starts.
 *
 * A chunk is what one lane may spend in the whole load, so that rounds and a search's steps share one session; a session that
 * ends before the round would is followed by another.
 * Own:    keys are wiped by _done.
 * Errors: of signing (CAP_EXCEEDED, EMPTY_INTERVAL), of the node (TOO_MANY_SESSIONS, BUSY), BAD_KEY, NO_MEMORY, SYSTEM.
 * Source: specs/load.md (LOAD-014), specs/sessions.md.
 */
#ifndef CLI_LOAD_SESSIONS_H
#define CLI_LOAD_SESSIONS_H

#include "exchange.h"
#include "load_traffic.h"

#define LOAD_SESSION_LIFE_MAX_MS                                                                             \
    86340000u                /* a minute less than the longest that a node takes (SESSION-013) */
#define LOAD_OPENERS_MAX 16u /* openings at a time, so that they share a flush */

struct load_session {
    struct pp_hash id;
    struct pp_session_key key;
    struct pp_span chunk;
    uint64_t not_after_ms; /* by the node's clock; 0: there is none */
    bool is_new;           /* signed, and the node was not asked yet */
};

struct load_sessions {
    struct load_session *list; /* one a lane */
    struct pp_session_open *openings;
    uint32_t count;
    struct pp_session_public node_key;
};

PP_MUST_CHECK enum pp_error load_sessions_init(struct load_sessions *sessions, uint32_t lanes,
                                               const struct pp_session_public *node_key);
void load_sessions_done(struct load_sessions *sessions);
/* None is used again: nobody knows what is unsigned in them. */
void load_sessions_leave(struct load_sessions *sessions);

struct load_sessions_need {
    const struct pp_crypto *crypto;
    const struct pp_domain *domain;
    struct load_lane *lanes;   /* sessions->count */
    uint64_t now_ms, until_ms; /* by the node's clock: none may end before */
    uint64_t life_ms;          /* of a new one: a lane may have four, and the next load wants one, too */
    struct pp_grains share;    /* what each lane may spend */
    struct pp_grains limit;    /* lanes without a wallet: where their line ends */
};
/* Signs an opening for each lane that has no session for so long. */
PP_MUST_CHECK enum pp_error load_sessions_sign(struct load_sessions *sessions,
                                               const struct load_sessions_need *need);
/* What was signed, at an engine in this process or at a node. */
PP_MUST_CHECK enum pp_error load_sessions_open_in(struct load_sessions *sessions, struct pp_node *node,
                                                  struct cli_problem *problem);
PP_MUST_CHECK enum pp_error load_sessions_open_at(struct load_sessions *sessions,
                                                  struct cli_exchange *exchange, struct cli_problem *problem);

/* How many more of this postage fit into every lane's chunk. */
uint32_t load_sessions_room(const struct load_sessions *sessions, const struct load_lane *lanes,
                            struct pp_grains postage);

#endif
