/* pp/chain_view.h - what a node may believe of the chain: blocks, logs and state in, pp_chain_event out.
 *
 * The finality rule (VIEW-001, VIEW-002): what adds money (a channel, a raised cap) becomes an event when its block is
 * final; what takes it away (a lowered cap, a close) as soon as it is in the latest block, and is undone when a
 * reorganization takes it back.
 *
 * One turn, by whoever does the asking (pp/chain_watch.h):
 *
 *     pp_chain_view_check     may this latest and this finalized block follow what is known?
 *     pp_chain_view_final     for each range of final blocks, in order: its logs
 *     pp_chain_view_recent    the logs above the finalized block, all of them, every turn, between _begin and _end
 *     pp_chain_view_head      the turn's HEAD event
 *
 * Events go to a sink, which may refuse: then the turn is over, and the next one gives the same events again.
 * A view that is made anew from a stored mark gives events again that were given before; applying them twice changes nothing.
 *
 * Shape:  logs in the order of the chain. Logs of channels without a lane of this node are ignored, except that
 *         closes name no lane: the asker finds out whether a channel is ours (pp_chain_view_interest, _learn).
 * Own:    the view owns its table of channels, made by _init and dropped by _done. Nothing else is allocated.
 * Errors: CHAIN_NONSENSE (blocks or logs that cannot be), CHAIN_REORG (below the finalized block), CHAIN_STALE (an
 *         endpoint that is behind what was final before), TOO_MANY_LANES, and whatever the sink answers.
 * Source: specs/settlement.md (VIEW-001 and following), DESIGN section 8 "Finality rule".
 */
#ifndef PP_CHAIN_VIEW_H
#define PP_CHAIN_VIEW_H

#include <pp/abi.h>

struct pp_chain_block {
    uint64_t number;
    struct pp_hash hash;
    struct pp_hash parent;
    uint64_t time_s;
};

/* Lowerings of a cap that are not final: the lowest cap, and the highest of their numbers. */
struct pp_view_low {
    bool is_given;
    struct pp_units cap;
    uint32_t seq;
    uint64_t block_number; /* of the last of them */
    uint64_t time_s;
};

/* A channel with a lane of this node, as far as it matters here. */
struct pp_view_channel {
    struct pp_channel_id id;
    struct pp_channel_config config;
    bool used;
    bool seen; /* LANE_SEEN was given */
    struct pp_view_low low_given; /* what CAP_LOWERED said, until it is final or gone */
    struct pp_view_low low_now;   /* found in this turn */
    bool closing_given; /* CLOSING was given ... */
    bool closing_final; /* ... and its block is final */
    bool closing_now;   /* found again in this turn */
    bool closed;        /* CLOSED was given */
};

struct pp_chain_view {
    struct pp_domain domain;
    uint32_t lane;
    struct pp_chain_block final; /* every log up to here was given; number 0 and hash zero: none yet */
    bool has_final;
    bool conflict;                    /* CONFLICT was given, and not yet resolved */
    bool disagreement;                /* the same, of two that tell of the chain */
    struct pp_view_channel *channels; /* open addressing */
    size_t capacity;
    size_t count;
};

typedef enum pp_error pp_chain_sink(void *context, const struct pp_chain_event *event);

/* Logs are wanted from block `start` on: the contract's deployment, or one above a stored mark. NO_MEMORY. */
PP_MUST_CHECK enum pp_error pp_chain_view_init(struct pp_chain_view *view, const struct pp_domain *domain,
                                               uint32_t lane, size_t lanes_max);
void pp_chain_view_done(struct pp_chain_view *view);
/* Continues after a block that was final when it was stored. */
void pp_chain_view_resume(struct pp_chain_view *view, const struct pp_chain_block *mark);

/* latest, finalized: as the chain's node has them now. anchor: the block that it has now at view->final.number; NULL when
 * the view has none. OK: the turn may go on. CHAIN_REORG gives CONFLICT, once, to the sink. */
PP_MUST_CHECK enum pp_error pp_chain_view_check(struct pp_chain_view *view,
                                                const struct pp_chain_block *latest,
                                                const struct pp_chain_block *finalized,
                                                const struct pp_chain_block *anchor, pp_chain_sink *sink,
                                                void *context);

/* Two that tell of the chain say different things about what is final: gives CONFLICT, once until the next HEAD. */
PP_MUST_CHECK enum pp_error pp_chain_view_disagree(struct pp_chain_view *view,
                                                   const struct pp_chain_block *latest, pp_chain_sink *sink,
                                                   void *context);

/* Is this log about a lane of this node, or may it be? NO: ignore it. YES: fill in its time. ASK: a channel that the view does
 * not know; learn it, if laneOf has anything there, before the log is given. */
enum pp_view_interest {
    PP_VIEW_NO,
    PP_VIEW_YES,
    PP_VIEW_ASK,
};
enum pp_view_interest pp_chain_view_interest(const struct pp_chain_view *view, const struct pp_chain_log *log,
                                             struct pp_channel_id *out_channel);
/* A channel with a lane of this node. CHAIN_NONSENSE when the id is not that of the config; TOO_MANY_LANES. */
PP_MUST_CHECK enum pp_error pp_chain_view_learn(struct pp_chain_view *view, const struct pp_channel_id *id,
                                                const struct pp_channel_config *config);

/* Final logs of the blocks above view->final up to `upto`; then view->final = upto. When it fails some events may have been
 * given, and will be again. */
PP_MUST_CHECK enum pp_error pp_chain_view_final(struct pp_chain_view *view, const struct pp_chain_block *upto,
                                                const struct pp_chain_log *logs, size_t count,
                                                pp_chain_sink *sink, void *context);
/* All logs above view->final up to the latest block: begin, the logs in one or more parts, end. What was given before, is not
 * final and did not come again is undone by _end. */
void pp_chain_view_recent_begin(struct pp_chain_view *view);
PP_MUST_CHECK enum pp_error pp_chain_view_recent_end(struct pp_chain_view *view,
                                                     const struct pp_chain_block *latest, pp_chain_sink *sink,
                                                     void *context);
PP_MUST_CHECK enum pp_error pp_chain_view_recent(struct pp_chain_view *view,
                                                 const struct pp_chain_block *latest,
                                                 const struct pp_chain_log *logs, size_t count,
                                                 pp_chain_sink *sink, void *context);
/* pool at the finalized block, report at the latest. */
PP_MUST_CHECK enum pp_error pp_chain_view_head(struct pp_chain_view *view,
                                               const struct pp_chain_block *latest,
                                               const struct pp_chain_pool *pool,
                                               const struct pp_chain_report_head *report, pp_chain_sink *sink,
                                               void *context);
/* CLOSED carries what the contract has vested and refunded, which its log does not say: the asker fills them in. */
bool pp_chain_view_wants_state(const struct pp_chain_event *event);

/* What to store, so that a later view can go on: the final block, the channels that are closing, and the lowerings that were
 * given and are not final. OVERFLOW when the room is too small for them. */
#define PP_VIEW_MARK_BYTES(channels) (149u + 93u * (size_t)(channels))
PP_MUST_CHECK enum pp_error pp_chain_view_encode(const struct pp_chain_view *view, uint8_t *out,
                                                 size_t capacity, size_t *out_length);
/* Into a view that was just made. BAD_VERSION, CORRUPT, WRONG_DOMAIN (another chain, contract or lane). */
PP_MUST_CHECK enum pp_error pp_chain_view_decode(struct pp_chain_view *view, const uint8_t *bytes,
                                                 size_t length);

#endif
