#include <pp/assert.h>
#include <pp/job.h>

static const char *const state_names[] = {
#define X(name) [PP_JOB_STATE_##name] = #name,
    PP_JOB_STATES(X)
#undef X
};
static const char *const event_names[] = {
#define X(name) [PP_JOB_ON_##name] = #name,
    PP_JOB_EVENTS(X)
#undef X
};
static const char *const action_names[] = {
#define X(name) [PP_JOB_DO_##name] = #name,
    PP_JOB_ACTIONS(X)
#undef X
};

const char *pp_job_state_name(enum pp_job_state state)
{
    return state < PP_JOB_STATE_COUNT ? state_names[state] : "unknown";
}

const char *pp_job_event_name(enum pp_job_event event)
{
    return event < PP_JOB_ON_COUNT ? event_names[event] : "unknown";
}

const char *pp_job_action_name(enum pp_job_action action)
{
    return action < PP_JOB_DO_COUNT ? action_names[action] : "unknown";
}

const char *pp_job_kind_name(enum pp_job_kind kind)
{
    switch (kind) {
#define X(upper, number, name)                                                                               \
    case PP_JOB_##upper:                                                                                     \
        return name;
        PP_JOB_KINDS(X)
#undef X
    }
    return "unknown";
}

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

#define GO_TO(next_, action_)                                                                                \
    {                                                                                                        \
        .kind = GOING, .next = PP_JOB_STATE_##next_, .action = PP_JOB_DO_##action_                           \
    }
#define REFUSE(error_)                                                                                       \
    {                                                                                                        \
        .kind = REFUSING, .error = PP_##error_                                                               \
    }
#define ON(event) [PP_JOB_ON_##event]

/* Nothing happens any more to a transaction that is over. */
#define OVER                                                                                                 \
    {                                                                                                        \
        ON(SIMULATION_REVERTED) = REFUSE(BAD_EVENT), ON(NOT_WORTH_IT) = REFUSE(BAD_EVENT),                   \
        ON(BYTES_STORED) = REFUSE(BAD_EVENT),                                                                \
        ON(ACCEPTED) = REFUSE(BAD_EVENT), ON(NOT_ACCEPTED) = REFUSE(BAD_EVENT),                              \
        ON(RECEIPT_SEEN) = REFUSE(BAD_EVENT), ON(RECEIPT_GONE) = REFUSE(BAD_EVENT),                          \
        ON(FINALIZED) = REFUSE(BAD_EVENT), ON(FINALIZED_EMPTY) = REFUSE(BAD_EVENT),                          \
        ON(NUMBER_TAKEN) = REFUSE(BAD_EVENT),                                                                \
    }

static const struct cell cells[PP_JOB_STATE_COUNT][PP_JOB_ON_COUNT] =
    {
        [PP_JOB_STATE_QUEUED] =
            {
                ON(SIMULATION_REVERTED) = GO_TO(DROPPED, REPORT),
                ON(NOT_WORTH_IT) = GO_TO(DROPPED, REPORT),
                ON(BYTES_STORED) = GO_TO(SIGNED, BROADCAST),
                ON(ACCEPTED) = REFUSE(BAD_EVENT),
                ON(NOT_ACCEPTED) = REFUSE(BAD_EVENT),
                ON(RECEIPT_SEEN) = REFUSE(BAD_EVENT),
                ON(RECEIPT_GONE) = REFUSE(BAD_EVENT),
                ON(FINALIZED) = REFUSE(BAD_EVENT),
                ON(FINALIZED_EMPTY) = REFUSE(BAD_EVENT),
                ON(NUMBER_TAKEN) = REFUSE(BAD_EVENT),
            },
        [PP_JOB_STATE_SIGNED] =
            {
                ON(SIMULATION_REVERTED) = REFUSE(BAD_EVENT),
                ON(NOT_WORTH_IT) = REFUSE(BAD_EVENT),
                ON(BYTES_STORED) = REFUSE(BAD_EVENT),
                ON(ACCEPTED) = GO_TO(SENT, LOOK),
                ON(NOT_ACCEPTED) = GO_TO(UNKNOWN, LOOK),
                ON(RECEIPT_SEEN) = GO_TO(MINED, AWAIT_FINALITY),
                ON(RECEIPT_GONE) = REFUSE(BAD_EVENT),
                ON(FINALIZED) = REFUSE(BAD_EVENT),
                ON(FINALIZED_EMPTY) = REFUSE(BAD_EVENT),
                ON(NUMBER_TAKEN) = GO_TO(REPLACED, REPORT),
            },
        [PP_JOB_STATE_SENT] =
            {
                ON(SIMULATION_REVERTED) = REFUSE(BAD_EVENT),
                ON(NOT_WORTH_IT) = REFUSE(BAD_EVENT),
                ON(BYTES_STORED) = GO_TO(SIGNED, BROADCAST),
                ON(ACCEPTED) = GO_TO(SENT, LOOK),
                ON(NOT_ACCEPTED) = GO_TO(UNKNOWN, LOOK),
                ON(RECEIPT_SEEN) = GO_TO(MINED, AWAIT_FINALITY),
                ON(RECEIPT_GONE) = REFUSE(BAD_EVENT),
                ON(FINALIZED) = REFUSE(BAD_EVENT),
                ON(FINALIZED_EMPTY) = REFUSE(BAD_EVENT),
                ON(NUMBER_TAKEN) = GO_TO(REPLACED, REPORT),
            },
        [PP_JOB_STATE_MINED] =
            {
                ON(SIMULATION_REVERTED) = REFUSE(BAD_EVENT),
                ON(NOT_WORTH_IT) = REFUSE(BAD_EVENT),
                ON(BYTES_STORED) = REFUSE(BAD_EVENT),
                ON(ACCEPTED) = REFUSE(BAD_EVENT),
                ON(NOT_ACCEPTED) = REFUSE(BAD_EVENT),
                ON(RECEIPT_SEEN) = GO_TO(MINED, AWAIT_FINALITY),
                ON(RECEIPT_GONE) = GO_TO(UNKNOWN, LOOK),
                ON(FINALIZED) = GO_TO(FINAL, REPORT),
                ON(FINALIZED_EMPTY) = GO_TO(DROPPED, REPORT),
                ON(NUMBER_TAKEN) = REFUSE(BAD_EVENT),
            },
        [PP_JOB_STATE_FINAL] = OVER,
        [PP_JOB_STATE_REPLACED] = OVER,
        [PP_JOB_STATE_DROPPED] = OVER,
        [PP_JOB_STATE_UNKNOWN] =
            {
                ON(SIMULATION_REVERTED) = REFUSE(BAD_EVENT),
                ON(NOT_WORTH_IT) = REFUSE(BAD_EVENT),
                ON(BYTES_STORED) = GO_TO(SIGNED, BROADCAST),
                ON(ACCEPTED) = GO_TO(SENT, LOOK),
                ON(NOT_ACCEPTED) = GO_TO(UNKNOWN, LOOK),
                ON(RECEIPT_SEEN) = GO_TO(MINED, AWAIT_FINALITY),
                ON(RECEIPT_GONE) = REFUSE(BAD_EVENT),
                ON(FINALIZED) = REFUSE(BAD_EVENT),
                ON(FINALIZED_EMPTY) = REFUSE(BAD_EVENT),
                ON(NUMBER_TAKEN) = GO_TO(REPLACED, REPORT),
            },
};

enum pp_error pp_job_next(enum pp_job_state state, enum pp_job_event event, enum pp_job_state *out_state,
                          enum pp_job_action *out_action)
{
    PP_ASSERT(state < PP_JOB_STATE_COUNT && event < PP_JOB_ON_COUNT);
    const struct cell *cell = &cells[state][event];
    PP_ASSERT(cell->kind != FORGOTTEN);
    if (cell->kind == REFUSING)
        return (enum pp_error)cell->error;
    *out_state = (enum pp_job_state)cell->next;
    *out_action = (enum pp_job_action)cell->action;
    return PP_OK;
}

enum pp_job_action pp_job_due(enum pp_job_state state)
{
    switch (state) {
    case PP_JOB_STATE_QUEUED:
        return PP_JOB_DO_SIGN;
    case PP_JOB_STATE_SIGNED: /* killed before or after it was sent: look first, then send the same bytes */
    case PP_JOB_STATE_SENT:
    case PP_JOB_STATE_UNKNOWN:
        return PP_JOB_DO_LOOK;
    case PP_JOB_STATE_MINED:
        return PP_JOB_DO_AWAIT_FINALITY;
    case PP_JOB_STATE_FINAL:
    case PP_JOB_STATE_REPLACED:
    case PP_JOB_STATE_DROPPED:
    case PP_JOB_STATE_COUNT:
        break;
    }
    return PP_JOB_DO_REPORT;
}

bool pp_job_is_over(enum pp_job_state state)
{
    return pp_job_due(state) == PP_JOB_DO_REPORT;
}

bool pp_job_is_expected(const struct pp_job_expectation *expectation, const struct pp_chain_log *log)
{
    for (unsigned i = 0; i < PP_LOG_TOPICS_MAX; i++) {
        if (!(expectation->mask & 1u << i))
            continue;
        if (i >= log->topic_count || !pp_hash_eq(&expectation->topics[i], &log->topics[i]))
            return false;
    }
    return true;
}
