/* Goal: the code's tables and those of specs/channel-states.md are the same, cell by cell, both ways. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/channel_state.h>

#include <stdio.h>
#include <string.h>

/* One machine seen as numbers and names, so that one test serves all. */
struct machine {
    const char *heading;
    unsigned states, events;
    const char *(*state_name)(unsigned);
    const char *(*event_name)(unsigned);
    /* "NEXT: ACTION" or "refuse ERROR" */
    void (*cell)(unsigned state, unsigned event, char out[96]);
};

#define PP_X(upper, lower)                                                                                   \
    static const char *lower##_state_text(unsigned n)                                                        \
    {                                                                                                        \
        return pp_##lower##_state_name((enum pp_##lower##_state)n);                                          \
    }                                                                                                        \
    static const char *lower##_event_text(unsigned n)                                                        \
    {                                                                                                        \
        return pp_##lower##_event_name((enum pp_##lower##_event)n);                                          \
    }                                                                                                        \
    static void lower##_cell(unsigned state, unsigned event, char out[96])                                   \
    {                                                                                                        \
        enum pp_##lower##_state next;                                                                        \
        enum pp_##lower##_action action;                                                                     \
        enum pp_error error = pp_##lower##_state_next((enum pp_##lower##_state)state,                        \
                                                      (enum pp_##lower##_event)event, &next, &action);       \
        if (error != PP_OK)                                                                                  \
            snprintf(out, 96, "refuse %s", pp_error_name(error));                                            \
        else                                                                                                 \
            snprintf(out, 96, "%s: %s", pp_##lower##_state_name(next), pp_##lower##_action_name(action));    \
    }
PP_MACHINES(PP_X)
#undef PP_X

static const struct machine machines[] = {
#define PP_X(upper, lower)                                                                                   \
    {#lower " event",    PP_##upper##_STATE_COUNT, PP_##upper##_ON_COUNT,                                    \
     lower##_state_text, lower##_event_text,       lower##_cell},
    PP_MACHINES(PP_X)
#undef PP_X
};

/* STATE-001. */
START_TEST(tables__every_cell__as_in_the_specification)
{
    for (size_t m = 0; m < sizeof machines / sizeof machines[0]; m++) {
        const struct machine *machine = &machines[m];
        struct pp_spec_table table;
        pp_spec_table_load("channel-states.md", machine->heading, &table);
        ck_assert_uint_eq(table.rows, machine->events);
        ck_assert_uint_eq(table.columns, machine->states + 1);
        for (unsigned event = 0; event < machine->events; event++) {
            ck_assert_str_eq(pp_spec_cell(&table, event, 0), machine->event_name(event));
            for (unsigned state = 0; state < machine->states; state++) {
                char cell[96];
                machine->cell(state, event, cell);
                ck_assert_msg(strcmp(cell, pp_spec_cell(&table, event, state + 1)) == 0,
                              "%s, %s in %s: %s, not %s", machine->heading, machine->event_name(event),
                              machine->state_name(state), cell, pp_spec_cell(&table, event, state + 1));
            }
        }
        pp_spec_table_done(&table);
    }
}
END_TEST

/* The columns' order is that of the code's states. */
START_TEST(tables__headings__as_in_the_specification)
{
    size_t length;
    char *text = pp_source_load("specs/channel-states.md", &length);
    for (size_t m = 0; m < sizeof machines / sizeof machines[0]; m++) {
        char heading[256];
        int used = snprintf(heading, sizeof heading, "| %s |", machines[m].heading);
        for (unsigned state = 0; state < machines[m].states; state++)
            used += snprintf(heading + used, sizeof heading - (size_t)used, " %s |",
                             machines[m].state_name(state));
        ck_assert_msg(strstr(text, heading) != NULL, "no heading %s", heading);
    }
    free(text);
}
END_TEST

/* STATE-002. What the chain says, said twice: the second time nothing is to be done. */
START_TEST(lane__chain_event_twice__second_does_nothing)
{
    static const enum pp_lane_event told[] = {PP_LANE_ON_FUNDED,        PP_LANE_ON_VIEW_LOST,
                                              PP_LANE_ON_VIEW_RESTORED, PP_LANE_ON_CLOSE_REQUESTED,
                                              PP_LANE_ON_CLOSE_UNDONE,  PP_LANE_ON_CLOSE_FINALIZED};
    for (unsigned state = 0; state < PP_LANE_STATE_COUNT; state++)
        for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
            enum pp_lane_state once, twice;
            enum pp_lane_action action;
            if (pp_lane_state_next((enum pp_lane_state)state, told[i], &once, &action) != PP_OK)
                continue;
            ck_assert_ok(pp_lane_state_next(once, told[i], &twice, &action));
            ck_assert_int_eq(once, twice);
            ck_assert_int_eq(action, PP_LANE_DO_NOTHING);
        }
}
END_TEST

/* STATE-004. */
START_TEST(settled_and_closed__any_event__stay)
{
    for (unsigned event = 0; event < PP_LANE_ON_COUNT; event++) {
        enum pp_lane_state next = PP_LANE_STATE_SETTLED;
        enum pp_lane_action action = PP_LANE_DO_NOTHING;
        enum pp_error error =
            pp_lane_state_next(PP_LANE_STATE_SETTLED, (enum pp_lane_event)event, &next, &action);
        ck_assert(error == PP_OK || error == PP_LANE_SETTLED);
        ck_assert_int_eq(next, PP_LANE_STATE_SETTLED);
        ck_assert_int_eq(action, PP_LANE_DO_NOTHING);
    }
    for (unsigned event = 0; event < PP_CHANNEL_ON_COUNT; event++) {
        enum pp_channel_state next = PP_CHANNEL_STATE_CLOSED;
        enum pp_channel_action action = PP_CHANNEL_DO_NOTHING;
        (void)!pp_channel_state_next(PP_CHANNEL_STATE_CLOSED, (enum pp_channel_event)event, &next, &action);
        ck_assert_int_eq(next, PP_CHANNEL_STATE_CLOSED);
        ck_assert_int_eq(action, PP_CHANNEL_DO_NOTHING);
    }
}
END_TEST

PP_TESTS("channel_state")
PP_TEST(tables__every_cell__as_in_the_specification)
PP_TEST(tables__headings__as_in_the_specification)
PP_TEST(lane__chain_event_twice__second_does_nothing)
PP_TEST(settled_and_closed__any_event__stay)
PP_TESTS_END
