/* Goal: the code's table and that of specs/settlement.md are the same, cell by cell, both ways. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/job.h>

#include <stdio.h>

START_TEST(job_next__every_cell__as_in_the_specification)
{
    struct pp_spec_table table;
    pp_spec_table_load("settlement.md", "job event", &table);
    ck_assert_uint_eq(table.rows, PP_JOB_ON_COUNT);
    ck_assert_uint_eq(table.columns, PP_JOB_STATE_COUNT + 1);
    for (unsigned event = 0; event < PP_JOB_ON_COUNT; event++) {
        ck_assert_str_eq(pp_spec_cell(&table, event, 0), pp_job_event_name((enum pp_job_event)event));
        for (unsigned state = 0; state < PP_JOB_STATE_COUNT; state++) {
            char cell[96];
            enum pp_job_state next;
            enum pp_job_action action;
            enum pp_error error =
                pp_job_next((enum pp_job_state)state, (enum pp_job_event)event, &next, &action);
            if (error != PP_OK)
                snprintf(cell, sizeof cell, "refuse %s", pp_error_name(error));
            else
                snprintf(cell, sizeof cell, "%s: %s", pp_job_state_name(next), pp_job_action_name(action));
            ck_assert_msg(strcmp(cell, pp_spec_cell(&table, event, state + 1)) == 0, "%s in %s: %s, not %s",
                          pp_job_event_name((enum pp_job_event)event),
                          pp_job_state_name((enum pp_job_state)state), cell,
                          pp_spec_cell(&table, event, state + 1));
        }
    }
    pp_spec_table_done(&table);
}
END_TEST

/* The order of the columns is that of the states, and each has its meaning. */
START_TEST(job_state__names__as_in_the_specification)
{
    struct pp_spec_table table;
    pp_spec_table_load("settlement.md", "state", &table);
    ck_assert_uint_eq(table.rows, PP_JOB_STATE_COUNT);
    for (unsigned state = 0; state < PP_JOB_STATE_COUNT; state++)
        ck_assert_str_eq(pp_spec_cell(&table, state, 0), pp_job_state_name((enum pp_job_state)state));
    pp_spec_table_done(&table);
}
END_TEST

/* Goal: nothing leads out of a state that is over, and every other state has something to do. */
START_TEST(job_due__every_state__over_or_something_to_do)
{
    for (unsigned state = 0; state < PP_JOB_STATE_COUNT; state++) {
        bool leads_out = false;
        for (unsigned event = 0; event < PP_JOB_ON_COUNT; event++) {
            enum pp_job_state next;
            enum pp_job_action action;
            leads_out |=
                pp_job_next((enum pp_job_state)state, (enum pp_job_event)event, &next, &action) == PP_OK;
        }
        ck_assert_int_eq(leads_out, !pp_job_is_over((enum pp_job_state)state));
    }
}
END_TEST

/* Goal: only an entry with all the expected topics is the event. */
START_TEST(job_is_expected__topics__all_of_the_mask)
{
    struct pp_job_expectation expectation = {.topics = {{{1}}, {{2}}, {{3}}}, .mask = 1 | 4};
    struct pp_chain_log log = {.topics = {{{1}}, {{9}}, {{3}}}, .topic_count = 3};
    ck_assert(pp_job_is_expected(&expectation, &log));
    log.topics[2].bytes[31] = 1;
    ck_assert(!pp_job_is_expected(&expectation, &log));
    log.topics[2].bytes[31] = 0;
    log.topic_count = 2;
    ck_assert(!pp_job_is_expected(&expectation, &log));
    expectation.mask = 1;
    ck_assert(pp_job_is_expected(&expectation, &log));
    expectation.mask = 3;
    ck_assert(!pp_job_is_expected(&expectation, &log));
}
END_TEST

PP_TESTS("job_state")
PP_TEST(job_next__every_cell__as_in_the_specification)
PP_TEST(job_state__names__as_in_the_specification)
PP_TEST(job_due__every_state__over_or_something_to_do)
PP_TEST(job_is_expected__topics__all_of_the_mask)
PP_TESTS_END
