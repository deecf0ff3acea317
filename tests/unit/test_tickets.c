/* The table of open tickets, against a plain list. */
#include "pp_fixture.h"
#include "pp_test.h"

#include "engine/tickets.h"

#include <stdlib.h>
#include <string.h>

#define MODEL 600u

struct model {
    uint64_t open[MODEL];
    uint32_t slots[MODEL];
    size_t count;
};

static void ck_same(const struct pp_tickets *tickets, const struct model *model)
{
    struct pp_ticket *list = calloc(tickets->count + 1u, sizeof *list), one;
    ck_assert_uint_eq(tickets->count, model->count);
    pp_tickets_list(tickets, list);
    for (size_t i = 0; i < model->count; i++) {
        ck_assert_ok(pp_tickets_find(tickets, model->open[i], &one));
        ck_assert_uint_eq(one.sequence, model->open[i]);
        ck_assert_uint_eq(one.slot, model->slots[i]);
        if (i > 0)
            ck_assert_uint_lt(list[i - 1].sequence, list[i].sequence);
    }
    free(list);
}

static void model_drop(struct model *model, size_t at)
{
    model->open[at] = model->open[--model->count];
    model->slots[at] = model->slots[model->count];
}

/* NODE-054, NODE-055, NODE-025 */
START_TEST(tickets__random_changes_and_undo__as_a_plain_list)
{
    struct pp_tickets tickets;
    struct pp_rng rng;
    static struct model model, saved;
    struct pp_ticket one;
    uint64_t next = 1;
    pp_rng_init(&rng, 5);
    ck_assert_ok(pp_tickets_open(&tickets, 0x5eed));
    for (unsigned group = 0; group < 400; group++) {
        saved = model;
        pp_tickets_begin(&tickets);
        for (unsigned i = 0; i < 12; i++) {
            /* Numbers that meet at the same places: the table has 2 x PP_TICKETS_MAX. */
            uint64_t sequence = pp_rng_chance(&rng, 3) ? next + 2u * PP_TICKETS_MAX * pp_rng_below(&rng, 3) : next;
            uint32_t slot = (uint32_t)pp_rng_below(&rng, 5);
            if (model.count < 500 && pp_rng_chance(&rng, 2)) {
                if (pp_tickets_find(&tickets, sequence, &one) == PP_OK)
                    continue;
                ck_assert_ok(pp_tickets_add(&tickets, &(struct pp_ticket){.sequence = sequence, .slot = slot}));
                model.open[model.count] = sequence;
                model.slots[model.count++] = slot;
                next += 1 + pp_rng_below(&rng, 2);
            } else if (model.count > 0 && !pp_rng_chance(&rng, 40)) {
                size_t at = pp_rng_below(&rng, model.count);
                ck_assert_ok(pp_tickets_remove(&tickets, model.open[at]));
                ck_assert_error(pp_tickets_remove(&tickets, model.open[at]), PP_TICKET_UNKNOWN);
                model_drop(&model, at);
            } else {
                ck_assert_ok(pp_tickets_drop(&tickets, slot));
                for (size_t k = model.count; k-- > 0;)
                    if (model.slots[k] == slot)
                        model_drop(&model, k);
            }
        }
        if (pp_rng_chance(&rng, 3)) {
            pp_tickets_undo(&tickets);
            model = saved;
        }
        ck_same(&tickets, &model);
    }
    pp_tickets_close(&tickets);
}
END_TEST

START_TEST(tickets__as_many_as_there_may_be__then_busy)
{
    struct pp_tickets tickets;
    struct pp_ticket one;
    ck_assert_ok(pp_tickets_open(&tickets, 0x5eed));
    for (uint64_t i = 1; i <= PP_TICKETS_MAX; i++)
        ck_assert_ok(pp_tickets_add(&tickets, &(struct pp_ticket){.sequence = i, .slot = 1}));
    ck_assert_error(pp_tickets_add(&tickets, &(struct pp_ticket){.sequence = 99999999, .slot = 1}), PP_BUSY);
    ck_assert_error(pp_tickets_find(&tickets, 0, &one), PP_TICKET_UNKNOWN);
    ck_assert_ok(pp_tickets_drop(&tickets, 1));
    ck_assert_uint_eq(tickets.count, 0);
    pp_tickets_close(&tickets);
}
END_TEST

/* As many as there may be, with numbers in a row, taken oldest first: a run of places would make each removal walk along all of
 * the rest. Counted as places passed, not as time. */
START_TEST(tickets__all_there_may_be_in_a_row__stand_apart)
{
    struct pp_tickets tickets;
    ck_assert_ok(pp_tickets_open(&tickets, 0x5eed));
    ck_assert_ok(pp_tickets_reserve(&tickets, 2 * PP_TICKETS_MAX));
    pp_tickets_begin(&tickets);
    for (uint64_t i = 1; i <= PP_TICKETS_MAX; i++)
        ck_assert_ok(pp_tickets_add(&tickets, &(struct pp_ticket){.sequence = i, .slot = 1}));
    uint32_t run = 0, longest = 0;
    for (uint32_t at = 0; at < 2 * PP_TICKETS_MAX; at++) {
        run = tickets.places[at].sequence != 0 ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    ck_assert_uint_lt(longest, 200);
    for (uint64_t i = 1; i <= PP_TICKETS_MAX; i++)
        ck_assert_ok(pp_tickets_remove(&tickets, i));
    ck_assert_uint_eq(tickets.count, 0);
    pp_tickets_close(&tickets);
}
END_TEST

PP_TESTS("tickets")
PP_TEST(tickets__all_there_may_be_in_a_row__stand_apart)
PP_TEST(tickets__random_changes_and_undo__as_a_plain_list)
PP_TEST(tickets__as_many_as_there_may_be__then_busy)
PP_TESTS_END
