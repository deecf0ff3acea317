/* The ring of stamps that wait for the quorum, against a model that is a plain array.
 * Method: random additions, removals and drops in groups, of which half are undone; sequences that meet in the table. */
#include "pp_fixture.h"
#include "pp_test.h"

#include "ledger/waiting.h"

#include <stdlib.h>
#include <string.h>

#define MOST 600u

struct model {
    struct pp_ticket list[MOST];
    uint32_t count;
};

static void ck_same(const struct pp_waiting *waiting, const struct model *model)
{
    const struct pp_ticket *stamp;
    struct pp_ticket one, *copy = calloc(model->count + 1u, sizeof *copy);
    uint64_t position = 0;
    uint32_t at = 0;
    ck_assert_uint_eq(waiting->count, model->count);
    for (; (stamp = pp_waiting_next(waiting, &position)) != NULL; at++) {
        ck_assert_uint_lt(at, model->count);
        ck_assert_uint_eq(stamp->sequence, model->list[at].sequence);
        ck_assert_ok(pp_waiting_find(waiting, stamp->sequence, &one));
        ck_assert_uint_eq(one.ready, model->list[at].ready);
    }
    ck_assert_uint_eq(at, model->count);
    pp_waiting_copy(waiting, copy);
    for (uint32_t i = 0; i < model->count; i++)
        ck_assert_uint_eq(copy[i].sequence, model->list[i].sequence);
    free(copy);
}

static void model_take(struct model *model, uint32_t at)
{
    memmove(&model->list[at], &model->list[at + 1], (model->count - at - 1) * sizeof model->list[0]);
    model->count--;
}

START_TEST(waiting__random_groups_half_undone__as_the_model)
{
    static struct model model, before;
    struct pp_waiting waiting;
    struct pp_rng rng;
    struct pp_ticket one;
    uint64_t next = 1;
    pp_rng_init(&rng, 1);
    ck_assert_ok(pp_waiting_open(&waiting, 0x5eed));
    for (unsigned group = 0; group < 3000; group++) {
        before = model;
        pp_waiting_begin(&waiting);
        for (uint64_t i = pp_rng_below(&rng, 12); i > 0; i--) {
            const uint32_t at = model.count ? (uint32_t)pp_rng_below(&rng, model.count) : 0;
            if (pp_rng_chance(&rng, 2) && model.count < MOST) {
                /* Numbers that meet at the same places: the table has 2 x PP_WAITING_MAX. */
                const struct pp_ticket stamp = {.sequence = next + 2u * PP_WAITING_MAX * pp_rng_below(&rng, 3),
                                                .ready = next, .slot = (uint32_t)pp_rng_below(&rng, 5)};
                next++;
                ck_assert_ok(pp_waiting_add(&waiting, &stamp));
                model.list[model.count++] = stamp;
            } else if (pp_rng_chance(&rng, 40)) {
                const uint32_t slot = (uint32_t)pp_rng_below(&rng, 5);
                ck_assert_ok(pp_waiting_drop(&waiting, slot));
                for (uint32_t j = 0; j < model.count;)
                    if (model.list[j].slot == slot)
                        model_take(&model, j);
                    else
                        j++;
            } else if (model.count > 0) {
                const uint64_t sequence = model.list[pp_rng_chance(&rng, 2) ? 0 : at].sequence;
                ck_assert_ok(pp_waiting_remove(&waiting, sequence));
                ck_assert_error(pp_waiting_remove(&waiting, sequence), PP_TICKET_UNKNOWN);
                ck_assert_error(pp_waiting_find(&waiting, sequence, &one), PP_TICKET_UNKNOWN);
                for (uint32_t j = 0; j < model.count; j++)
                    if (model.list[j].sequence == sequence)
                        model_take(&model, j);
            }
        }
        ck_same(&waiting, &model);
        if (group % 2 == 1) {
            pp_waiting_undo(&waiting);
            model = before;
            ck_same(&waiting, &model);
        }
    }
    pp_waiting_close(&waiting);
}
END_TEST

/* REW-136: what leaves in a group makes room only for the next one, for it may come back. */
START_TEST(waiting__full__busy_until_the_group_is_over)
{
    struct pp_waiting waiting;
    ck_assert_ok(pp_waiting_open(&waiting, 7));
    pp_waiting_begin(&waiting);
    for (uint64_t i = 1; i <= PP_WAITING_MAX; i++)
        ck_assert_ok(pp_waiting_add(&waiting, &(struct pp_ticket){.sequence = i, .ready = i}));
    ck_assert_error(pp_waiting_add(&waiting, &(struct pp_ticket){.sequence = 1u << 20, .ready = 1u << 20}), PP_BUSY);
    pp_waiting_begin(&waiting);
    for (uint64_t i = 1; i <= 10; i++)
        ck_assert_ok(pp_waiting_remove(&waiting, i));
    ck_assert_uint_eq(pp_waiting_room(&waiting), 0);
    pp_waiting_undo(&waiting);
    ck_assert_uint_eq(waiting.count, PP_WAITING_MAX);
    pp_waiting_begin(&waiting);
    for (uint64_t i = 1; i <= 10; i++)
        ck_assert_ok(pp_waiting_remove(&waiting, i));
    pp_waiting_begin(&waiting);
    ck_assert_uint_eq(pp_waiting_room(&waiting), 10);
    ck_assert_ok(pp_waiting_add(&waiting, &(struct pp_ticket){.sequence = 1u << 20, .ready = 1u << 20}));
    pp_waiting_close(&waiting);
}
END_TEST

/* A checkpoint's blocks are loaded in any order. */
START_TEST(waiting__added_in_any_order__sorted_by_where_they_stand)
{
    struct pp_waiting waiting;
    struct pp_ticket one;
    const struct pp_ticket *stamp;
    uint64_t position = 0, last = 0, count = 0;
    ck_assert_ok(pp_waiting_open(&waiting, 7));
    pp_waiting_sort(&waiting); /* of none */
    for (uint64_t i = 0; i < 1000; i++) {
        const uint64_t number = 1 + i * 701 % 1000;
        ck_assert_ok(pp_waiting_add(&waiting, &(struct pp_ticket){.sequence = number, .ready = 1 + number / 10}));
    }
    pp_waiting_sort(&waiting);
    for (; (stamp = pp_waiting_next(&waiting, &position)) != NULL; count++) {
        ck_assert_uint_eq(stamp->sequence, last + 1);
        last = stamp->sequence;
        ck_assert_ok(pp_waiting_find(&waiting, last, &one));
    }
    ck_assert_uint_eq(count, 1000);
    pp_waiting_close(&waiting);
}
END_TEST

PP_TESTS("waiting")
PP_TEST(waiting__random_groups_half_undone__as_the_model)
PP_TEST(waiting__full__busy_until_the_group_is_over)
PP_TEST(waiting__added_in_any_order__sorted_by_where_they_stand)
PP_TESTS_END
