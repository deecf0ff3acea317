#include <pp/assert.h>
#include <pp/channel_state.h>

#include <stdint.h>

/* A cell that is all zero was forgotten: the lookup asserts against it. */
enum cell_kind {
    FORGOTTEN,
    GOING,
    REFUSING,
};

struct cell {
    uint8_t kind;
    uint8_t next;
    uint8_t action;
    uint16_t error;
};

/* One line a cell, and cells in columns: the formatter would make a page of each. */
/* clang-format off */
#define REFUSE(error_) {.kind = REFUSING, .error = PP_##error_}

/* ---- channel ---- */

#define GO_TO(next_, action_) {.kind = GOING, .next = PP_CHANNEL_STATE_##next_, .action = PP_CHANNEL_DO_##action_}
#define ON(event) [PP_CHANNEL_ON_##event]

static const struct cell channel_cells[PP_CHANNEL_STATE_COUNT][PP_CHANNEL_ON_COUNT] = {
    [PP_CHANNEL_STATE_NONE] = {
        ON(OPENED) = GO_TO(OPEN, LEARN),
        ON(OPENING_UNDONE) = GO_TO(NONE, NOTHING),
        ON(TOPPED_UP) = REFUSE(UNKNOWN_CHANNEL),
        ON(CLOSE_REQUESTED) = REFUSE(UNKNOWN_CHANNEL),
        ON(CLOSE_UNDONE) = REFUSE(UNKNOWN_CHANNEL),
        ON(CLOSE_FINALIZED) = REFUSE(UNKNOWN_CHANNEL),
    },
    [PP_CHANNEL_STATE_OPEN] = {
        ON(OPENED) = GO_TO(OPEN, NOTHING),
        ON(OPENING_UNDONE) = GO_TO(NONE, FORGET),
        ON(TOPPED_UP) = GO_TO(OPEN, RAISE),
        ON(CLOSE_REQUESTED) = GO_TO(CLOSING, STOP_LANES),
        ON(CLOSE_UNDONE) = GO_TO(OPEN, NOTHING),
        ON(CLOSE_FINALIZED) = GO_TO(CLOSED, SETTLE_LANES),
    },
    [PP_CHANNEL_STATE_CLOSING] = {
        ON(OPENED) = GO_TO(CLOSING, NOTHING),
        ON(OPENING_UNDONE) = GO_TO(NONE, FORGET),
        ON(TOPPED_UP) = GO_TO(CLOSING, RAISE),
        ON(CLOSE_REQUESTED) = GO_TO(CLOSING, NOTHING),
        ON(CLOSE_UNDONE) = GO_TO(OPEN, RESUME_LANES),
        ON(CLOSE_FINALIZED) = GO_TO(CLOSED, SETTLE_LANES),
    },
    [PP_CHANNEL_STATE_CLOSED] = {
        ON(OPENED) = REFUSE(LANE_SETTLED),
        ON(OPENING_UNDONE) = REFUSE(LANE_SETTLED),
        ON(TOPPED_UP) = REFUSE(LANE_SETTLED),
        ON(CLOSE_REQUESTED) = REFUSE(LANE_SETTLED),
        ON(CLOSE_UNDONE) = REFUSE(LANE_SETTLED),
        ON(CLOSE_FINALIZED) = GO_TO(CLOSED, NOTHING),
    },
};
#undef GO_TO
#undef ON

/* ---- lane ---- */

#define GO_TO(next_, action_) {.kind = GOING, .next = PP_LANE_STATE_##next_, .action = PP_LANE_DO_##action_}
#define ON(event) [PP_LANE_ON_##event]

static const struct cell lane_cells[PP_LANE_STATE_COUNT][PP_LANE_ON_COUNT] = {
    [PP_LANE_STATE_PENDING] = {
        ON(FUNDED) = GO_TO(ACTIVE, START_ADMISSION),
        ON(VIEW_LOST) = GO_TO(PENDING, NOTHING),
        ON(VIEW_RESTORED) = GO_TO(PENDING, NOTHING),
        ON(CLOSE_REQUESTED) = GO_TO(DRAINING, NOTHING),
        ON(CLOSE_UNDONE) = GO_TO(PENDING, NOTHING),
        ON(SENDER_LEFT) = REFUSE(LANE_PENDING),
        ON(EARNING_ENDED) = REFUSE(BAD_EVENT),
        ON(CLOSE_FINALIZED) = GO_TO(SETTLED, SETTLE),
    },
    [PP_LANE_STATE_ACTIVE] = {
        ON(FUNDED) = GO_TO(ACTIVE, NOTHING),
        ON(VIEW_LOST) = GO_TO(FROZEN, STOP_ADMISSION),
        ON(VIEW_RESTORED) = GO_TO(ACTIVE, NOTHING),
        ON(CLOSE_REQUESTED) = GO_TO(DRAINING, STOP_ADMISSION),
        ON(CLOSE_UNDONE) = GO_TO(ACTIVE, NOTHING),
        ON(SENDER_LEFT) = GO_TO(CLAIMING, REFUND_AND_RELEASE),
        ON(EARNING_ENDED) = REFUSE(BAD_EVENT),
        ON(CLOSE_FINALIZED) = GO_TO(SETTLED, SETTLE),
    },
    [PP_LANE_STATE_FROZEN] = {
        ON(FUNDED) = GO_TO(FROZEN, NOTHING),
        ON(VIEW_LOST) = GO_TO(FROZEN, NOTHING),
        ON(VIEW_RESTORED) = GO_TO(ACTIVE, START_ADMISSION),
        ON(CLOSE_REQUESTED) = GO_TO(DRAINING, NOTHING),
        ON(CLOSE_UNDONE) = GO_TO(FROZEN, NOTHING),
        ON(SENDER_LEFT) = GO_TO(CLAIMING, REFUND_AND_RELEASE),
        ON(EARNING_ENDED) = REFUSE(BAD_EVENT),
        ON(CLOSE_FINALIZED) = GO_TO(SETTLED, SETTLE),
    },
    [PP_LANE_STATE_DRAINING] = {
        ON(FUNDED) = GO_TO(DRAINING, NOTHING),
        ON(VIEW_LOST) = GO_TO(DRAINING, NOTHING),
        ON(VIEW_RESTORED) = GO_TO(DRAINING, NOTHING),
        ON(CLOSE_REQUESTED) = GO_TO(DRAINING, NOTHING),
        ON(CLOSE_UNDONE) = GO_TO(FROZEN, NOTHING),
        ON(SENDER_LEFT) = GO_TO(CLAIMING, REFUND_AND_RELEASE),
        ON(EARNING_ENDED) = GO_TO(CLAIMING, POST_CLAIM),
        ON(CLOSE_FINALIZED) = GO_TO(SETTLED, SETTLE),
    },
    [PP_LANE_STATE_CLAIMING] = {
        ON(FUNDED) = GO_TO(CLAIMING, NOTHING),
        ON(VIEW_LOST) = GO_TO(CLAIMING, NOTHING),
        ON(VIEW_RESTORED) = GO_TO(CLAIMING, NOTHING),
        ON(CLOSE_REQUESTED) = GO_TO(CLAIMING, NOTHING),
        ON(CLOSE_UNDONE) = GO_TO(CLAIMING, NOTHING),
        ON(SENDER_LEFT) = GO_TO(CLAIMING, NOTHING),
        ON(EARNING_ENDED) = GO_TO(CLAIMING, NOTHING),
        ON(CLOSE_FINALIZED) = GO_TO(SETTLED, SETTLE),
    },
    [PP_LANE_STATE_SETTLED] = {
        ON(FUNDED) = REFUSE(LANE_SETTLED),
        ON(VIEW_LOST) = GO_TO(SETTLED, NOTHING),
        ON(VIEW_RESTORED) = GO_TO(SETTLED, NOTHING),
        ON(CLOSE_REQUESTED) = REFUSE(LANE_SETTLED),
        ON(CLOSE_UNDONE) = REFUSE(LANE_SETTLED),
        ON(SENDER_LEFT) = REFUSE(LANE_SETTLED),
        ON(EARNING_ENDED) = REFUSE(LANE_SETTLED),
        ON(CLOSE_FINALIZED) = GO_TO(SETTLED, NOTHING),
    },
};
#undef GO_TO
#undef ON

/* ---- postage ---- */

#define GO_TO(next_, action_) {.kind = GOING, .next = PP_POSTAGE_STATE_##next_, .action = PP_POSTAGE_DO_##action_}
#define ON(event) [PP_POSTAGE_ON_##event]

static const struct cell postage_cells[PP_POSTAGE_STATE_COUNT][PP_POSTAGE_ON_COUNT] = {
    [PP_POSTAGE_STATE_ADMITTED] = {
        ON(REPLICATED) = GO_TO(REPLICATED, EARN_BASE),
        ON(NOT_STORED) = GO_TO(REFUNDED, REFUND_ALL),
        ON(DAY_BEGAN) = GO_TO(ADMITTED, NOTHING),
        ON(LAST_DAY_BEGAN) = GO_TO(ADMITTED, NOTHING),
        ON(DELETED) = REFUSE(NOT_DELETABLE),
        ON(SENDER_LEFT) = GO_TO(REFUNDED, REFUND_ALL),
        ON(CHANNEL_CLOSED) = GO_TO(LAPSED, LAPSE),
    },
    [PP_POSTAGE_STATE_REPLICATED] = {
        ON(REPLICATED) = GO_TO(REPLICATED, NOTHING),
        ON(NOT_STORED) = REFUSE(TICKET_CLOSED),
        ON(DAY_BEGAN) = GO_TO(EARNING, EARN_DAY),
        ON(LAST_DAY_BEGAN) = GO_TO(EARNED, EARN_DAY),
        ON(DELETED) = GO_TO(ENDED, REFUND_DAYS),
        ON(SENDER_LEFT) = GO_TO(ENDED, REFUND_DAYS),
        ON(CHANNEL_CLOSED) = GO_TO(LAPSED, LAPSE),
    },
    [PP_POSTAGE_STATE_EARNING] = {
        ON(REPLICATED) = GO_TO(EARNING, NOTHING),
        ON(NOT_STORED) = REFUSE(TICKET_CLOSED),
        ON(DAY_BEGAN) = GO_TO(EARNING, EARN_DAY),
        ON(LAST_DAY_BEGAN) = GO_TO(EARNED, EARN_DAY),
        ON(DELETED) = GO_TO(ENDED, REFUND_DAYS),
        ON(SENDER_LEFT) = GO_TO(ENDED, REFUND_DAYS),
        ON(CHANNEL_CLOSED) = GO_TO(LAPSED, LAPSE),
    },
    [PP_POSTAGE_STATE_EARNED] = {
        ON(REPLICATED) = GO_TO(EARNED, NOTHING),
        ON(NOT_STORED) = REFUSE(TICKET_CLOSED),
        ON(DAY_BEGAN) = REFUSE(BAD_EVENT),
        ON(LAST_DAY_BEGAN) = REFUSE(BAD_EVENT),
        ON(DELETED) = REFUSE(NOT_DELETABLE),
        ON(SENDER_LEFT) = GO_TO(EARNED, NOTHING),
        ON(CHANNEL_CLOSED) = GO_TO(EARNED, NOTHING),
    },
    [PP_POSTAGE_STATE_ENDED] = {
        ON(REPLICATED) = GO_TO(ENDED, NOTHING),
        ON(NOT_STORED) = REFUSE(TICKET_CLOSED),
        ON(DAY_BEGAN) = GO_TO(ENDED, NOTHING),
        ON(LAST_DAY_BEGAN) = GO_TO(ENDED, NOTHING),
        ON(DELETED) = REFUSE(ALREADY_DELETED),
        ON(SENDER_LEFT) = GO_TO(ENDED, NOTHING),
        ON(CHANNEL_CLOSED) = GO_TO(ENDED, NOTHING),
    },
    [PP_POSTAGE_STATE_REFUNDED] = {
        ON(REPLICATED) = REFUSE(TICKET_CLOSED),
        ON(NOT_STORED) = REFUSE(TICKET_CLOSED),
        ON(DAY_BEGAN) = GO_TO(REFUNDED, NOTHING),
        ON(LAST_DAY_BEGAN) = GO_TO(REFUNDED, NOTHING),
        ON(DELETED) = REFUSE(NOT_DELETABLE),
        ON(SENDER_LEFT) = GO_TO(REFUNDED, NOTHING),
        ON(CHANNEL_CLOSED) = GO_TO(REFUNDED, NOTHING),
    },
    [PP_POSTAGE_STATE_LAPSED] = {
        ON(REPLICATED) = REFUSE(LANE_SETTLED),
        ON(NOT_STORED) = REFUSE(LANE_SETTLED),
        ON(DAY_BEGAN) = GO_TO(LAPSED, NOTHING),
        ON(LAST_DAY_BEGAN) = GO_TO(LAPSED, NOTHING),
        ON(DELETED) = REFUSE(LANE_SETTLED),
        ON(SENDER_LEFT) = GO_TO(LAPSED, NOTHING),
        ON(CHANNEL_CLOSED) = GO_TO(LAPSED, NOTHING),
    },
};
#undef GO_TO
#undef ON

/* ---- bond ---- */

#define GO_TO(next_, action_) {.kind = GOING, .next = PP_BOND_STATE_##next_, .action = PP_BOND_DO_##action_}
#define ON(event) [PP_BOND_ON_##event]

static const struct cell bond_cells[PP_BOND_STATE_COUNT][PP_BOND_ON_COUNT] = {
    [PP_BOND_STATE_HELD] = {
        ON(ACCEPTED) = GO_TO(RETURNED, RETURN_BOND),
        ON(COMPLAINED) = GO_TO(FORFEITED, FORFEIT_BOND),
        ON(DEADLINE_PASSED) = GO_TO(RETURNED, RETURN_BOND),
        ON(NOT_STORED) = GO_TO(RETURNED, NOTHING),
        ON(SENDER_LEFT) = GO_TO(RETURNED, NOTHING),
        ON(CHANNEL_CLOSED) = GO_TO(RETURNED, NOTHING),
    },
    [PP_BOND_STATE_RETURNED] = {
        ON(ACCEPTED) = GO_TO(RETURNED, NOTHING),
        ON(COMPLAINED) = REFUSE(BOND_RETURNED),
        ON(DEADLINE_PASSED) = GO_TO(RETURNED, NOTHING),
        ON(NOT_STORED) = GO_TO(RETURNED, NOTHING),
        ON(SENDER_LEFT) = GO_TO(RETURNED, NOTHING),
        ON(CHANNEL_CLOSED) = GO_TO(RETURNED, NOTHING),
    },
    [PP_BOND_STATE_FORFEITED] = {
        ON(ACCEPTED) = REFUSE(BOND_FORFEITED),
        ON(COMPLAINED) = GO_TO(FORFEITED, NOTHING),
        ON(DEADLINE_PASSED) = GO_TO(FORFEITED, NOTHING),
        ON(NOT_STORED) = REFUSE(BAD_EVENT),
        ON(SENDER_LEFT) = GO_TO(FORFEITED, NOTHING),
        ON(CHANNEL_CLOSED) = GO_TO(FORFEITED, NOTHING),
    },
};
#undef GO_TO
#undef ON

/* clang-format on */

/* ---- the lookup, and the names ---- */

#define PP_X(upper, lower)                                                                                   \
    enum pp_error pp_##lower##_state_next(enum pp_##lower##_state state, enum pp_##lower##_event event,      \
                                          enum pp_##lower##_state *out_state,                                \
                                          enum pp_##lower##_action *out_action)                              \
    {                                                                                                        \
        PP_ASSERT((unsigned)state < PP_##upper##_STATE_COUNT && (unsigned)event < PP_##upper##_ON_COUNT);    \
        const struct cell *cell = &lower##_cells[state][event];                                              \
        PP_ASSERT(cell->kind != FORGOTTEN);                                                                  \
        if (cell->kind == REFUSING)                                                                          \
            return (enum pp_error)cell->error;                                                               \
        *out_state = (enum pp_##lower##_state)cell->next;                                                    \
        *out_action = (enum pp_##lower##_action)cell->action;                                                \
        return PP_OK;                                                                                        \
    }
PP_MACHINES(PP_X)
#undef PP_X

#define NAME(name) #name,
#define NAMES_OF(upper, LIST, lower, kind, COUNT)                                                            \
    const char *pp_##lower##_##kind##_name(enum pp_##lower##_##kind value)                                   \
    {                                                                                                        \
        static const char *const names[] = {PP_##upper##_##LIST(NAME)};                                      \
        PP_ASSERT((unsigned)value < PP_##upper##_##COUNT);                                                   \
        return names[value];                                                                                 \
    }
#define PP_X(upper, lower)                                                                                   \
    NAMES_OF(upper, STATES, lower, state, STATE_COUNT)                                                       \
    NAMES_OF(upper, EVENTS, lower, event, ON_COUNT)                                                          \
    NAMES_OF(upper, ACTIONS, lower, action, DO_COUNT)
PP_MACHINES(PP_X)
#undef PP_X
