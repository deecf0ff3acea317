/* Sessions that nobody signed in time: their unsigned leaves lapse, and make room (SESSION-045 to SESSION-048). A session a
 * group, so that no admission waits longer for it than for a request of 1024 stamps. */
#include "engine/node.h"

#define SESSIONS_AT_ONCE 16u /* a tick: all that a node has room for have lapsed within some minutes */

/* SESSION-046: not on the day on which the node came back, for nobody could sign while it was away. */
bool pp_lapse_is_due(struct pp_node *node)
{
    if (node->lapse_day == 0 && !pp_view_is_stale(node, pp_node_now(node)))
        node->lapse_day = node->ledger.head.day;
    return node->lapse_day != 0 && node->ledger.head.day > node->lapse_day;
}

/* SESSION-048: a leaf that was refunded, because its ticket was cancelled, has its row already, and nothing to lapse. */
static enum pp_error leaf_lapse(struct pp_txn *txn, const struct pp_session_leaf *leaf)
{
    struct pp_key8 key = pp_key8_of(leaf->sequence);
    struct pp_stamp_row row;
    if (leaf->stored_day == 0)
        return PP_OK;
    PP_TRY(pp_stamp_row_get(txn, leaf->sequence, &row));
    row.lapsed = true;
    PP_TRY(pp_stamp_row_put(txn, leaf->sequence, &row));
    enum pp_error error = pp_txn_delete(txn, PP_TABLE_ENVELOPES, pp_slice(key.bytes, 8));
    return error == PP_NOT_FOUND ? PP_OK : error; /* the host's, or its days were over */
}

static enum pp_error session_lapse(struct pp_node *node, struct pp_txn *txn, const struct pp_session *session)
{
    struct pp_record record = {
        .type = PP_RECORD_TYPE_SESSION_LAPSED,
        .session_lapsed = {.channel_id = node->ledger.lanes[session->slot].channel_id,
                           .lane = pp_ledger_lane_id(&node->ledger),
                           .session_id = session->id,
                           .count = session->leaves.count},
    };
    for (uint32_t i = 0; i < session->leaves.count; i++)
        PP_TRY(leaf_lapse(txn, pp_leaf_at(&node->ledger.sessions.leaves, &session->leaves, i)));
    return pp_writer_append(node, txn, &record);
}

static enum pp_error lapse_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    bool *out_more = context;
    const struct pp_session *session = pp_lapse_is_due(node) ? pp_ledger_lapsing(&node->ledger) : NULL;
    *out_more = session != NULL;
    if (session)
        return session_lapse(node, txn, session);
    node->lapse_day = node->ledger.head.day;
    return PP_OK;
}

enum pp_error pp_lapse_some(struct pp_node *node)
{
    bool more = true;
    for (unsigned i = 0; i < SESSIONS_AT_ONCE && more; i++)
        PP_TRY(pp_pipeline_call(node, PP_ITEM_WRITE, lapse_run, &more));
    return PP_OK;
}
