/* pp/channel_state.h - the states of a channel, a lane, a stamp's postage and its bond: four tables.
 *
 * Shape:  M(STATES), M(EVENTS), M(ACTIONS) lists per machine; a cell of the table is GO_TO(next, action) or REFUSE(error).
 *         States are participles, events past tense, actions imperative. An action never changes the state.
 * Errors: what the cell says; the state is then unchanged.
 * Source: specs/channel-states.md holds the same tables; a test compares every cell.
 */
#ifndef PP_CHANNEL_STATE_H
#define PP_CHANNEL_STATE_H

#include <pp/error.h>

/* clang-format off */

/* ---- channel: what the chain says of it ---- */
#define PP_CHANNEL_STATES(X) X(NONE) X(OPEN) X(CLOSING) X(CLOSED)
#define PP_CHANNEL_EVENTS(X)                                                                                 \
    X(OPENED)          /* the opening is in a block */                                                       \
    X(OPENING_UNDONE)  /* and was reorganized away before it was final */                                    \
    X(TOPPED_UP)       /* deposit or a cap was raised, final */                                              \
    X(CLOSE_REQUESTED) /* in the latest block */                                                             \
    X(CLOSE_UNDONE)    /* reorganized away, or cancelled */                                                  \
    X(CLOSE_FINALIZED) /* the money is back at the payer, final */
#define PP_CHANNEL_ACTIONS(X) X(NOTHING) X(LEARN) X(FORGET) X(RAISE) X(STOP_LANES) X(RESUME_LANES) X(SETTLE_LANES)

/* ---- lane: what its node does with it ---- */
#define PP_LANE_STATES(X)                                                                                    \
    X(PENDING)  /* its opening is not final */                                                               \
    X(ACTIVE)   /* admits stamps */                                                                          \
    X(FROZEN)   /* admits none until the view of the chain is good again */                                  \
    X(DRAINING) /* close requested: admits none; what was stored by then is still earned or refunded */      \
    X(CLAIMING) /* S, R and E stand; what is left to do is on chain */                                       \
    X(SETTLED)  /* final */
#define PP_LANE_EVENTS(X)                                                                                    \
    X(FUNDED)          /* the opening, or a raised cap, is final */                                          \
    X(VIEW_LOST)       /* the latest block is too old, or the view is in conflict */                         \
    X(VIEW_RESTORED)                                                                                         \
    X(CLOSE_REQUESTED)                                                                                       \
    X(CLOSE_UNDONE)                                                                                          \
    X(SENDER_LEFT)     /* the signer signed Leave */                                                         \
    X(EARNING_ENDED)   /* the close request is final and the last day that counts was booked */              \
    X(CLOSE_FINALIZED)
#define PP_LANE_ACTIONS(X)                                                                                   \
    X(NOTHING) X(START_ADMISSION) X(STOP_ADMISSION) X(REFUND_AND_RELEASE) X(POST_CLAIM) X(SETTLE)

/* ---- postage of one stamp ---- */
#define PP_POSTAGE_STATES(X) X(ADMITTED) X(REPLICATED) X(EARNING) X(EARNED) X(ENDED) X(REFUNDED) X(LAPSED)
#define PP_POSTAGE_EVENTS(X)                                                                                 \
    X(REPLICATED)     /* stored, and acknowledged by the quorum */                                           \
    X(NOT_STORED)     /* rejected, cancelled, or not replicated in time */                                   \
    X(DAY_BEGAN)      /* a day of its retention, not the last */                                             \
    X(LAST_DAY_BEGAN)                                                                                        \
    X(DELETED)        /* the sender's signed delete */                                                       \
    X(SENDER_LEFT)    /* the sender's signed Leave */                                                        \
    X(CHANNEL_CLOSED) /* the channel was closed under it */
#define PP_POSTAGE_ACTIONS(X)                                                                                \
    X(NOTHING)                                                                                               \
    X(EARN_BASE)      /* base and congestion */                                                              \
    X(EARN_DAY)                                                                                              \
    X(REFUND_ALL)                                                                                            \
    X(REFUND_DAYS)    /* the storage of the days that did not begin */                                       \
    X(LAPSE)          /* what is deferred goes back with the payer's money */

/* ---- bond of one stamp ---- */
#define PP_BOND_STATES(X) X(HELD) X(RETURNED) X(FORFEITED)
#define PP_BOND_EVENTS(X)                                                                                    \
    X(ACCEPTED)        /* signed by the key in the leaf */                                                   \
    X(COMPLAINED)      /* signed by the key in the leaf */                                                   \
    X(DEADLINE_PASSED) /* without a complaint */                                                             \
    X(NOT_STORED)      /* all of the postage goes back, the bond with it */                                  \
    X(SENDER_LEFT)     /* all that is not earned goes back, the bond with it */                              \
    X(CHANNEL_CLOSED)  /* what is not earned goes back with the payer's money */
#define PP_BOND_ACTIONS(X) X(NOTHING) X(RETURN_BOND) X(FORFEIT_BOND)

/* clang-format on */

/* enum pp_lane_state {PP_LANE_STATE_PENDING...}, pp_lane_event {PP_LANE_ON_FUNDED...}, pp_lane_action {PP_LANE_DO_NOTHING...};
 * the same for channel, postage and bond. */
#define PP_MACHINES(M) M(CHANNEL, channel) M(LANE, lane) M(POSTAGE, postage) M(BOND, bond)

#define PP_X(name) PP_CHANNEL_STATE_##name,
enum pp_channel_state { PP_CHANNEL_STATES(PP_X) PP_CHANNEL_STATE_COUNT };
#undef PP_X
#define PP_X(name) PP_CHANNEL_ON_##name,
enum pp_channel_event { PP_CHANNEL_EVENTS(PP_X) PP_CHANNEL_ON_COUNT };
#undef PP_X
#define PP_X(name) PP_CHANNEL_DO_##name,
enum pp_channel_action { PP_CHANNEL_ACTIONS(PP_X) PP_CHANNEL_DO_COUNT };
#undef PP_X
#define PP_X(name) PP_LANE_STATE_##name,
enum pp_lane_state { PP_LANE_STATES(PP_X) PP_LANE_STATE_COUNT };
#undef PP_X
#define PP_X(name) PP_LANE_ON_##name,
enum pp_lane_event { PP_LANE_EVENTS(PP_X) PP_LANE_ON_COUNT };
#undef PP_X
#define PP_X(name) PP_LANE_DO_##name,
enum pp_lane_action { PP_LANE_ACTIONS(PP_X) PP_LANE_DO_COUNT };
#undef PP_X
#define PP_X(name) PP_POSTAGE_STATE_##name,
enum pp_postage_state { PP_POSTAGE_STATES(PP_X) PP_POSTAGE_STATE_COUNT };
#undef PP_X
#define PP_X(name) PP_POSTAGE_ON_##name,
enum pp_postage_event { PP_POSTAGE_EVENTS(PP_X) PP_POSTAGE_ON_COUNT };
#undef PP_X
#define PP_X(name) PP_POSTAGE_DO_##name,
enum pp_postage_action { PP_POSTAGE_ACTIONS(PP_X) PP_POSTAGE_DO_COUNT };
#undef PP_X
#define PP_X(name) PP_BOND_STATE_##name,
enum pp_bond_state { PP_BOND_STATES(PP_X) PP_BOND_STATE_COUNT };
#undef PP_X
#define PP_X(name) PP_BOND_ON_##name,
enum pp_bond_event { PP_BOND_EVENTS(PP_X) PP_BOND_ON_COUNT };
#undef PP_X
#define PP_X(name) PP_BOND_DO_##name,
enum pp_bond_action { PP_BOND_ACTIONS(PP_X) PP_BOND_DO_COUNT };
#undef PP_X

/* The next state and what to do; on a refusal both outputs stay as they are.
 *     PP_TRY(pp_lane_state_next(lane->state, PP_LANE_ON_FUNDED, &state, &action)); */
#define PP_X(upper, lower)                                                                                   \
    PP_MUST_CHECK enum pp_error pp_##lower##_state_next(                                                     \
        enum pp_##lower##_state state, enum pp_##lower##_event event, enum pp_##lower##_state *out_state,    \
        enum pp_##lower##_action *out_action);                                                               \
    const char *pp_##lower##_state_name(enum pp_##lower##_state state);                                      \
    const char *pp_##lower##_event_name(enum pp_##lower##_event event);                                      \
    const char *pp_##lower##_action_name(enum pp_##lower##_action action);
PP_MACHINES(PP_X)
#undef PP_X

#endif
