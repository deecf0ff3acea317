/* What a verify thread does with the stamps of a session: a MAC each, no signature. */
#include "engine/node.h"

#include <pp/assert.h>

void pp_session_look(const struct pp_node *node, const struct pp_request *request, uint32_t slot,
                     uint64_t now_ms, struct pp_session_glance *out)
{
    const struct pp_sessions *sessions = &node->ledger.sessions;
    const struct pp_session *session = pp_sessions_find(sessions, &request->session_id);
    out->facts = (struct pp_lane_session){.error = PP_SESSION_UNKNOWN};
    out->has_key = false;
    if (!session || session->slot != slot)
        return;
    out->facts = (struct pp_lane_session){
        .error = session->not_after_ms < now_ms ? PP_SESSION_EXPIRED : PP_OK,
        .chunk = session->chunk,
        .unsigned_count = session->leaves.count,
        .room = PP_SESSION_LEAVES_MAX - sessions->leaf_count,
        .not_after_ms = session->not_after_ms,
    };
    out->opening = (struct pp_session_opening){
        .channel_id = request->channel_id,
        .lane = request->lane,
        .node_key = session->node_key,
        .sender_key = session->sender_key,
        .chunk = session->chunk,
        .not_after_ms = session->not_after_ms,
    };
    out->has_key = session->has_key;
    if (session->has_key)
        out->key = session->key;
}

/* SESSION-028: at once, and not with an admission, which a forger's stamps never come to. */
static void key_make(struct pp_node *node, const struct pp_hash *session_id, struct pp_session_glance *glance)
{
    enum pp_error error = pp_session_key_agree(&glance->opening, &node->session_secret, true, &glance->key);
    PP_ASSERT(error == PP_OK); /* or it had not been opened */
    pp_state_lock(node);
    struct pp_session *session = pp_sessions_find(&node->ledger.sessions, session_id);
    if (session && !session->has_key) { /* it may have ended, or another thread was first */
        session->key = glance->key;
        session->has_key = true;
    }
    pp_state_unlock(node);
}

void pp_session_verify(struct pp_node *node, struct pp_item *item, struct pp_session_glance *glance)
{
    const struct pp_request *request = item->request;
    bool known = glance->facts.error != PP_SESSION_UNKNOWN;
    /* Told before any MAC. But what the writer asks for is verified though the session ran out: by the group's time, at which
     * the writer decides, it may not have. */
    if (glance->facts.error != PP_OK && !(known && item->must_verify))
        return;
    if (!glance->has_key) /* the first since the start: some 50 us */
        key_make(node, &request->session_id, glance);
    for (size_t i = 0; i < request->count; i++) {
        const uint8_t *mac = request->envelopes[i].mac;
        item->mac_errors[i] = mac ? pp_session_mac_check(&glance->key, &item->ids[i], mac) : PP_BAD_MAC;
    }
    item->verified = true;
    item->voucher_error = PP_OK;
    pp_session_key_done(&glance->key);
}

bool pp_session_is_forged(const struct pp_item *item)
{
    if (item->request->kind != PP_STAMP_SESSION)
        return false;
    for (size_t i = 0; i < item->request->count; i++)
        if (item->mac_errors[i] != PP_OK)
            return true;
    return false;
}
