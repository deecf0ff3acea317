/* Bonds whose deadline passed without a complaint go back. Driven by ticks: each call of the writer takes a bounded number of them
 * and signs a bounded number of refunds, so that no admission waits longer for it than for a request of 1024 stamps. */
#include "engine/node.h"

#include <pp/assert.h>

#include <stdlib.h>
#include <string.h>

#define CALLS_AT_ONCE 16u /* a tick */
#define LANES_AT_ONCE 32u /* of one call: a signed refund each, some 50 us */
#define BONDS_AT_ONCE PP_RECORD_ROWS_MAX

bool pp_bonds_are_due(const struct pp_node *node)
{
    const struct pp_bond *first = pp_bonds_first(&node->ledger.bonds);
    return first && first->deadline_ms < pp_writer_time(node);
}

/* What is needed for one call. Big: the heap's. */
struct sweep {
    struct pp_bond due[BONDS_AT_ONCE];
    struct pp_row_bond rows[BONDS_AT_ONCE];
    bool more;
};

static int by_lane(const void *a, const void *b)
{
    const struct pp_bond *x = a, *y = b;
    if (x->slot != y->slot)
        return x->slot < y->slot ? -1 : 1;
    return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

/* The bonds of one lane, `count` of them. */
static enum pp_error lane_return(struct pp_node *node, struct pp_txn *txn, const struct pp_bond *bonds,
                                 uint32_t count, struct pp_row_bond *rows)
{
    const struct pp_ledger_lane *lane = &node->ledger.lanes[bonds->slot];
    struct pp_refund_draft draft;
    pp_refund_draft_begin(&draft, &node->ledger, lane);
    for (uint32_t i = 0; i < count; i++) {
        const struct pp_bond *bond = &bonds[i];
        rows[i] = (struct pp_row_bond){
            .sequence = bond->sequence, .stamp_id = bond->stamp_id, .amount = bond->grains};
        PP_TRY(
            pp_refund_draft_add(&draft, &bond->stamp_id, pp_grains(bond->grains), PP_REFUND_BOND_RETURNED));
        PP_TRY(pp_bond_row_return(txn, bond->sequence, bond->grains));
    }
    PP_TRY(pp_refund_draft_sign(&draft, node, lane));
    struct pp_record record = {
        .type = PP_RECORD_TYPE_BOND_RETURNED,
        .count = count,
        .bond_returned = {.channel_id = lane->channel_id,
                          .cause = PP_BOND_CAUSE_DEADLINE,
                          .refunded = draft.refunded,
                          .reasons = draft.reasons,
                          .refund_signature = draft.signature},
        .bond_rows = rows,
    };
    return pp_writer_append(node, txn, &record);
}

static enum pp_error sweep_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    struct sweep *sweep = context;
    const uint32_t count = pp_bonds_due(&node->ledger.bonds, node->group_time_ms, sweep->due, BONDS_AT_ONCE);
    uint32_t lanes = 0, at = 0;
    qsort(sweep->due, count, sizeof *sweep->due, by_lane);
    for (; at < count && lanes < LANES_AT_ONCE; lanes++) {
        uint32_t end = at + 1;
        while (end < count && sweep->due[end].slot == sweep->due[at].slot)
            end++;
        PP_TRY(lane_return(node, txn, &sweep->due[at], end - at, sweep->rows));
        at = end;
    }
    sweep->more = at < count || count == BONDS_AT_ONCE;
    return PP_OK;
}

enum pp_error pp_bonds_sweep(struct pp_node *node)
{
    struct sweep *sweep = malloc(sizeof *sweep);
    if (!sweep)
        return PP_NO_MEMORY;
    enum pp_error error = PP_OK;
    sweep->more = true;
    for (unsigned i = 0; i < CALLS_AT_ONCE && error == PP_OK && sweep->more; i++)
        error = pp_pipeline_call(node, PP_ITEM_WRITE, sweep_run, sweep);
    free(sweep);
    return error;
}
