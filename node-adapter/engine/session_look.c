/* What is told of open sessions: in a lane's status, and to a sender that does not know any more what it sent. */
#include "engine/node.h"

#include <pp/assert.h>

#include <string.h>

void pp_session_status_of(const struct pp_session *session, struct pp_session_status *out)
{
    *out = (struct pp_session_status){
        .id = session->id,
        .from = session->chunk.from,
        .to = session->chunk.to,
        .not_after_ms = session->not_after_ms,
        .unsigned_count = session->leaves.count,
        .root = session->root,
    };
}

void pp_session_status_take(const struct pp_node *node, uint32_t slot, struct pp_lane_status *out,
                            struct pp_hash *ids)
{
    const struct pp_sessions *sessions = &node->ledger.sessions;
    out->sessions_count = 0;
    for (const struct pp_session *one = NULL; (one = pp_sessions_of_lane(sessions, slot, one)) != NULL;) {
        PP_ASSERT(out->sessions_count < PP_LANE_SESSIONS_MAX);
        pp_session_status_of(one, &out->sessions[out->sessions_count++]);
        for (uint32_t i = 0; i < one->leaves.count; i++)
            memcpy((ids++)->bytes, pp_leaf_at(&sessions->leaves, &one->leaves, i)->stamp_id.bytes,
                   sizeof ids->bytes);
    }
}

void pp_session_status_finish(struct pp_lane_status *status, struct pp_hash *ids)
{
    for (uint32_t i = 0; i < status->sessions_count; i++) {
        struct pp_session_status *session = &status->sessions[i];
        struct pp_hash root;
        if (session->unsigned_count == 0)
            continue;
        pp_tree_root(ids, session->unsigned_count, &root);
        pp_context(PP_STAMP_SESSION, session->unsigned_count, &root, &session->unsigned_context);
        ids += session->unsigned_count;
    }
}

struct look_run {
    const struct pp_channel_id *channel_id;
    uint32_t lane;
    const struct pp_hash *session_id;
    struct pp_stamp_id *ids;
    struct pp_session_status *out;
};

static enum pp_error look_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    (void)txn;
    const struct look_run *run = context;
    const struct pp_session *session = pp_sessions_find(&node->ledger.sessions, run->session_id);
    uint32_t slot = pp_ledger_find(&node->ledger, run->channel_id);
    if (slot == PP_SLOT_NONE)
        return PP_UNKNOWN_CHANNEL;
    if (run->lane != pp_ledger_lane_id(&node->ledger))
        return PP_UNKNOWN_LANE;
    if (!session || session->slot != slot)
        return PP_SESSION_UNKNOWN;
    pp_session_status_of(session, run->out);
    for (uint32_t i = 0; i < session->leaves.count; i++)
        run->ids[i] = pp_leaf_at(&node->ledger.sessions.leaves, &session->leaves, i)->stamp_id;
    return PP_OK;
}

enum pp_error pp_node_session_look(struct pp_node *node, const struct pp_channel_id *channel_id,
                                   uint32_t lane, const struct pp_hash *session_id, struct pp_stamp_id *ids,
                                   struct pp_session_status *out)
{
    struct look_run run = {channel_id, lane, session_id, ids, out};
    struct pp_hash scratch[PP_SESSION_UNSIGNED_MAX];
    PP_TRY(pp_pipeline_call(node, PP_ITEM_LOOK, look_run, &run));
    if (out->unsigned_count == 0)
        return PP_OK;
    return pp_voucher_context(PP_STAMP_SESSION, ids, out->unsigned_count, scratch, &out->unsigned_context);
}
