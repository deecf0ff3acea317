/* The bonds that are held, against a plain list.
 * Method: random changes in groups, half of which are taken back; after each group everything is compared, and what is due at some
 * time is found by looking at all. Then the limit. */
#include "pp_fixture.h"
#include "pp_test.h"

#include "ledger/bonds.h"

#include <stdlib.h>
#include <string.h>

#define MODEL 300u

struct model {
    struct pp_bond list[MODEL];
    size_t count;
};

static struct pp_bond bond_of(struct pp_rng *rng, uint64_t sequence)
{
    return (struct pp_bond){.sequence = sequence,
                            .grains = 1 + pp_rng_below(rng, 1000),
                            .deadline_ms = pp_rng_below(rng, 40), /* many on one moment */
                            .slot = (uint32_t)pp_rng_below(rng, 4),
                            .waits = pp_rng_chance(rng, 3)};
}

static bool same(const struct pp_bond *a, const struct pp_bond *b)
{
    return a->sequence == b->sequence && a->grains == b->grains && a->deadline_ms == b->deadline_ms &&
           a->slot == b->slot && a->waits == b->waits;
}

static void ck_same(const struct pp_bonds *bonds, const struct model *model)
{
    struct pp_bond list[MODEL];
    const struct pp_bond *first = NULL;
    uint32_t armed = 0;
    ck_assert_uint_eq(bonds->count, model->count);
    pp_bonds_copy(bonds, list);
    pp_bonds_sort(list, bonds->count);
    for (size_t i = 0; i < model->count; i++) {
        const struct pp_bond *one = &model->list[i];
        pp_expect(same(&list[i], one));
        pp_expect(pp_bonds_find(bonds, one->sequence) && same(pp_bonds_find(bonds, one->sequence), one));
        armed += !one->waits;
        if (!one->waits && (!first || one->deadline_ms < first->deadline_ms))
            first = one;
    }
    ck_assert_uint_eq(bonds->armed, armed);
    pp_expect(first ? pp_bonds_first(bonds) && same(pp_bonds_first(bonds), first) : !pp_bonds_first(bonds));
}

/* REW-144: what is due, and no other. */
static void ck_due(const struct pp_bonds *bonds, const struct model *model, uint64_t time_ms)
{
    struct pp_bond due[MODEL];
    uint32_t expected = 0;
    for (size_t i = 0; i < model->count; i++)
        expected += !model->list[i].waits && model->list[i].deadline_ms < time_ms;
    uint32_t count = pp_bonds_due(bonds, time_ms, due, MODEL);
    ck_assert_uint_eq(count, expected);
    for (uint32_t i = 0; i < count; i++)
        pp_expect(due[i].deadline_ms < time_ms && !due[i].waits && pp_bonds_find(bonds, due[i].sequence));
    if (expected > 3)
        ck_assert_uint_eq(pp_bonds_due(bonds, time_ms, due, 3), 3);
}

static void model_remove(struct model *model, size_t at)
{
    memmove(&model->list[at], &model->list[at + 1], (model->count - at - 1) * sizeof model->list[0]);
    model->count--;
}

static void change(struct pp_bonds *bonds, struct model *model, struct pp_rng *rng, uint64_t *sequence)
{
    const size_t at = model->count > 0 ? (size_t)pp_rng_below(rng, model->count) : 0;
    const uint64_t dice = pp_rng_below(rng, 20);
    if (model->count == 0 || (dice < 11 && model->count < MODEL)) {
        struct pp_bond bond = bond_of(rng, ++*sequence);
        ck_assert_ok(pp_bonds_add(bonds, &bond));
        model->list[model->count++] = bond;
    } else if (dice < 14) {
        ck_assert_ok(pp_bonds_arm(bonds, model->list[at].sequence));
        model->list[at].waits = false;
    } else if (dice < 19) {
        ck_assert_ok(pp_bonds_remove(bonds, model->list[at].sequence));
        model_remove(model, at);
    } else {
        const uint32_t slot = (uint32_t)pp_rng_below(rng, 4);
        ck_assert_ok(pp_bonds_drop(bonds, slot));
        for (size_t i = model->count; i-- > 0;)
            if (model->list[i].slot == slot)
                model_remove(model, i);
    }
}

START_TEST(bonds__random_groups_of_which_some_are_undone__as_a_list)
{
    static struct model model, before;
    struct pp_bonds bonds;
    struct pp_rng rng;
    uint64_t sequence = 0;
    pp_rng_init(&rng, 1);
    ck_assert_ok(pp_bonds_open(&bonds, 77));
    for (unsigned group = 0; group < 3000; group++) {
        const uint64_t changes = 1 + pp_rng_below(&rng, 12);
        before = model;
        pp_bonds_begin(&bonds);
        ck_assert_ok(pp_bonds_reserve(&bonds, changes));
        for (uint64_t i = 0; i < changes; i++)
            change(&bonds, &model, &rng, &sequence);
        if (pp_rng_chance(&rng, 2)) {
            pp_bonds_undo(&bonds);
            model = before;
        }
        ck_same(&bonds, &model);
        ck_due(&bonds, &model, pp_rng_below(&rng, 42));
    }
    pp_bonds_close(&bonds);
}
END_TEST

START_TEST(bonds__none_of_that_number__not_removed_and_nothing_to_arm)
{
    struct pp_bonds bonds;
    ck_assert_ok(pp_bonds_open(&bonds, 1));
    pp_bonds_begin(&bonds);
    ck_assert_ptr_null(pp_bonds_find(&bonds, 0));
    ck_assert_ptr_null(pp_bonds_find(&bonds, 5));
    ck_assert_ptr_null(pp_bonds_first(&bonds));
    ck_assert_error(pp_bonds_remove(&bonds, 0), PP_INVARIANT);
    ck_assert_error(pp_bonds_remove(&bonds, 5), PP_INVARIANT);
    ck_assert_ok(pp_bonds_arm(&bonds, 5));
    pp_bonds_close(&bonds);
}
END_TEST

/* REW-148: the last one that is taken, and the one after it; all are still there. */
START_TEST(bonds__as_many_as_there_may_be__the_next_is_too_many)
{
    struct pp_bonds bonds;
    struct pp_bond bond = {.grains = 1}, due[1];
    ck_assert_ok(pp_bonds_open(&bonds, 3));
    pp_bonds_begin(&bonds);
    for (uint32_t i = 0; i < PP_BONDS_MAX; i++) {
        bond.sequence = i + 1;
        bond.deadline_ms = (i * UINT64_C(2654435761)) % 1000003;
        pp_expect(pp_bonds_add(&bonds, &bond) == PP_OK);
    }
    bond.sequence = PP_BONDS_MAX + 1;
    ck_assert_error(pp_bonds_add(&bonds, &bond), PP_TOO_MANY_BONDS);
    ck_assert_uint_eq(bonds.count, PP_BONDS_MAX);
    uint64_t last = 0;
    for (uint32_t i = 0; i < PP_BONDS_MAX; i++) { /* in the order of deadlines */
        const struct pp_bond *first = pp_bonds_first(&bonds);
        pp_expect(first && first->deadline_ms >= last);
        last = first->deadline_ms;
        pp_expect(pp_bonds_due(&bonds, last + 1, due, 1) == 1);
        pp_expect(pp_bonds_remove(&bonds, first->sequence) == PP_OK);
    }
    ck_assert_uint_eq(bonds.count, 0);
    pp_bonds_close(&bonds);
}
END_TEST

PP_TESTS("bonds")
PP_TEST(bonds__random_groups_of_which_some_are_undone__as_a_list)
PP_TEST(bonds__none_of_that_number__not_removed_and_nothing_to_arm)
PP_TEST(bonds__as_many_as_there_may_be__the_next_is_too_many)
PP_TESTS_END
