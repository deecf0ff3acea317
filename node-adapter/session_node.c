/* Openings and roots: signatures are examined on the caller's thread, the rest by the writer, inside a group. */
#include "node.h"

#include <pp/assert.h>

#include <sodium.h>
#include <string.h>

void pp_node_session_key(const struct pp_node *node, struct pp_session_public *out_key,
                         struct pp_receipt_signature *out_signature)
{
    *out_key = node->session_key;
    pp_session_node_sign(&node->receipt_secret, node->config.node_id, &node->session_key, out_signature);
}

/* ---- refusals ---- */

static enum pp_error refuse(struct pp_refusal *refusal, enum pp_error error, const char *field,
                            struct pp_value expected, struct pp_value actual)
{
    pp_refusal_init(refusal, error, field);
    refusal->expected = expected;
    refusal->actual = actual;
    return error;
}

static enum pp_error refuse_plainly(struct pp_refusal *refusal, enum pp_error error, const char *field)
{
    pp_refusal_init(refusal, error, field);
    return error;
}

static enum pp_error refuse_numbers(struct pp_refusal *refusal, enum pp_error error, const char *field,
                                    uint64_t expected, uint64_t actual)
{
    return refuse(refusal, error, field, pp_value_number(expected), pp_value_number(actual));
}

static enum pp_error refuse_grains(struct pp_refusal *refusal, enum pp_error error, const char *field,
                                   struct pp_grains expected, struct pp_grains actual)
{
    return refuse(refusal, error, field, pp_value_grains(expected), pp_value_grains(actual));
}

/* ---- whose signature ---- */

/* v may be wrong (NODE-081): then the other one is tried. */
static enum pp_error signed_by(const struct pp_node *node, const struct pp_voucher *voucher,
                               const struct pp_address *signer)
{
    struct pp_signature other = voucher->signature;
    struct pp_hash digest;
    enum pp_error error =
        pp_voucher_verify_address(node->crypto, &node->config.domain, voucher, signer, NULL);
    if (error != PP_BAD_SIGNATURE)
        return error;
    pp_voucher_typed_digest(&node->config.domain, voucher, &digest);
    return pp_signature_fix_v(node->crypto, &other, &digest, signer);
}

/* OK, or refused and told. */
static enum pp_error signature_check(struct pp_node *node, const struct pp_voucher *voucher,
                                     struct pp_refusal *refusal)
{
    struct pp_signer_look look = {.channel_id = &voucher->channel_id, .lane = voucher->lane};
    enum pp_error error = pp_pipeline_call(node, PP_ITEM_LOOK, pp_signer_look_run, &look);
    if (error != PP_OK)
        return refuse_plainly(refusal, error, error == PP_UNKNOWN_LANE ? "lane" : "channel_id");
    error = signed_by(node, voucher, &look.signer);
    if (error == PP_OK)
        return PP_OK;
    return refuse(refusal, error == PP_SIGNATURE_NOT_LOW_S ? error : PP_BAD_SIGNATURE, "signature",
                  pp_value_bytes(look.signer.bytes, 20), pp_value_bytes(voucher->signature.bytes, 32));
}

static void status_of(const struct pp_session *session, struct pp_session_status *out)
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

/* ---- opening ---- */

struct open_run {
    const struct pp_session_open *open;
    struct pp_hash id;
    struct pp_session_key key;
    struct pp_session_status *out;
    struct pp_refusal *refusal;
};

static enum pp_error state_check(const struct pp_node *node, const struct pp_ledger_lane *lane,
                                 struct pp_refusal *refusal)
{
    enum pp_error error = pp_lane_admits(&lane->lane);
    if (error == PP_OK && node->group_stale)
        error = PP_LANE_FROZEN;
    if (error == PP_OK && pp_store_is_full(node))
        error = PP_STORE_FULL;
    if (error == PP_OK)
        return PP_OK;
    refuse_plainly(refusal, error, error == PP_STORE_FULL ? NULL : "lane");
    refusal->retry_after_ms = error == PP_LANE_PENDING  ? PP_RETRY_PENDING_MS
                              : error == PP_LANE_FROZEN ? PP_RETRY_FROZEN_MS
                              : error == PP_STORE_FULL  ? PP_FULL_RETRY_MS
                                                        : 0;
    return error;
}

/* SESSION-016: those that are over go when this one comes. */
static enum pp_error count_check(const struct pp_node *node, uint32_t slot, struct pp_refusal *refusal)
{
    const struct pp_sessions *sessions = &node->ledger.sessions;
    uint32_t open = 0, over = 0;
    for (const struct pp_session *one = NULL; (one = pp_sessions_of_lane(sessions, slot, one)) != NULL;)
        if (one->leaves.count == 0 && one->not_after_ms < node->group_time_ms)
            over++;
        else
            open++;
    if (open >= PP_LANE_SESSIONS_MAX)
        return refuse_numbers(refusal, PP_TOO_MANY_SESSIONS, "lane", PP_LANE_SESSIONS_MAX, open);
    if (sessions->count - over < PP_SESSIONS_MAX)
        return PP_OK;
    refuse_numbers(refusal, PP_BUSY, "sessions", PP_SESSIONS_MAX, sessions->count);
    refusal->retry_after_ms = PP_RETRY_BUSY_MS;
    return PP_BUSY;
}

/* SESSION-013, what depends on the lane. */
static enum pp_error open_check(const struct pp_node *node, uint32_t slot, const struct open_run *run)
{
    const struct pp_ledger_lane *lane = &node->ledger.lanes[slot];
    const struct pp_session_opening *opening = &run->open->opening;
    uint64_t now_ms = node->group_time_ms;
    struct pp_grains cap = pp_units_to_grains(pp_lane_cap(&lane->lane));
    struct pp_grains held = pp_grains_sub_clamped(opening->chunk.to, lane->lane.refunded);
    PP_TRY(state_check(node, lane, run->refusal));
    if (opening->not_after_ms < now_ms)
        return refuse_numbers(run->refusal, PP_SESSION_EXPIRED, "not_after", now_ms, opening->not_after_ms);
    if (opening->not_after_ms - now_ms > PP_SESSION_LIFE_MAX_MS)
        return refuse_numbers(run->refusal, PP_OUT_OF_RANGE, "not_after", now_ms + PP_SESSION_LIFE_MAX_MS,
                              opening->not_after_ms);
    PP_TRY(count_check(node, slot, run->refusal));
    if (pp_grains_lt(cap, held)) {
        refuse_grains(run->refusal, PP_CAP_EXCEEDED, "cap", cap, held);
        run->refusal->shortfall = pp_grains_sub_checked(held, cap);
        return PP_CAP_EXCEEDED;
    }
    if (pp_grains_lt(lane->lane.refunded, run->open->refund_ack))
        return refuse_grains(run->refusal, PP_REFUND_ACK_UNKNOWN, "refund_ack", lane->lane.refunded,
                             run->open->refund_ack);
    return PP_OK;
}

static void key_keep(struct pp_node *node, const struct open_run *run)
{
    pthread_rwlock_wrlock(&node->state);
    struct pp_session *session = pp_sessions_find(&node->ledger.sessions, &run->id);
    PP_ASSERT(session != NULL);
    session->key = run->key;
    session->has_key = true;
    pthread_rwlock_unlock(&node->state);
}

static enum pp_error open_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    const struct open_run *run = context;
    const struct pp_session_opening *opening = &run->open->opening;
    pp_refusal_init(run->refusal, PP_OK, NULL); /* it may run again, after its group was undone */
    uint32_t slot = pp_ledger_find(&node->ledger, &opening->channel_id);
    const struct pp_session *known = pp_sessions_find(&node->ledger.sessions, &run->id);
    if (known) { /* SESSION-015 */
        status_of(known, run->out);
        return PP_OK;
    }
    if (slot == PP_SLOT_NONE) { /* it became known in a group that did not reach the disk */
        refuse_plainly(run->refusal, PP_UNKNOWN_CHANNEL, "channel_id");
        return PP_OK;
    }
    if (open_check(node, slot, run) != PP_OK)
        return PP_OK;
    struct pp_record record = {.type = PP_RECORD_TYPE_SESSION_OPENED};
    pp_record_of_opening(opening, &record.session_opened);
    record.session_opened.refund_ack = run->open->refund_ack;
    record.session_opened.signature = run->open->signature;
    PP_TRY(pp_writer_append(node, txn, &record));
    key_keep(node, run);
    status_of(pp_sessions_find(&node->ledger.sessions, &run->id), run->out);
    return PP_OK;
}

static enum pp_error takes_work(struct pp_node *node, struct pp_refusal *refusal)
{
    enum pp_error error = (enum pp_error)atomic_load(&node->failed);
    return error == PP_OK ? PP_OK : refuse_plainly(refusal, error, NULL);
}

static enum pp_error written(enum pp_error error, struct pp_refusal *refusal)
{
    if (error != PP_OK)
        return refuse_plainly(refusal, error, NULL);
    return refusal->error;
}

enum pp_error pp_node_session_open(struct pp_node *node, const struct pp_session_open *open,
                                   struct pp_session_status *out, struct pp_refusal *out_refusal)
{
    const struct pp_session_opening *opening = &open->opening;
    struct open_run run = {.open = open, .out = out, .refusal = out_refusal};
    struct pp_voucher voucher;
    pp_refusal_init(out_refusal, PP_OK, NULL);
    PP_TRY(takes_work(node, out_refusal));
    if (!pp_grains_lt(opening->chunk.from, opening->chunk.to))
        return refuse(out_refusal, PP_EMPTY_INTERVAL, "to", (struct pp_value){0},
                      pp_value_range(opening->chunk.from, opening->chunk.to));
    if (memcmp(opening->node_key.bytes, node->session_key.bytes, sizeof node->session_key.bytes) != 0)
        return refuse(out_refusal, PP_BAD_KEY, "node_key", pp_value_bytes(node->session_key.bytes, 32),
                      pp_value_bytes(opening->node_key.bytes, 32));
    if (pp_session_key_agree(opening, &node->session_secret, true, &run.key) != PP_OK) /* SESSION-004 */
        return refuse(out_refusal, PP_BAD_KEY, "sender_key", (struct pp_value){0},
                      pp_value_bytes(opening->sender_key.bytes, 32));
    pp_session_id(opening, &run.id);
    pp_session_voucher(opening, &voucher);
    voucher.refund_ack = open->refund_ack;
    voucher.signature = open->signature;
    enum pp_error error = signature_check(node, &voucher, out_refusal);
    if (error == PP_OK)
        error = written(pp_pipeline_call(node, PP_ITEM_WRITE, open_run, &run), out_refusal);
    pp_session_key_done(&run.key);
    return error;
}

/* ---- roots ---- */

struct sign_run {
    const struct pp_session_root *root;
    struct pp_session_status *out;
    struct pp_refusal *refusal;
};

/* SESSION-030, SESSION-031. */
static enum pp_error root_check(struct pp_node *node, const struct pp_session *session,
                                const struct sign_run *run)
{
    const struct pp_session_root *root = run->root;
    const struct pp_lane *lane = &node->ledger.lanes[session->slot].lane;
    struct pp_hash context;
    struct pp_grains highest;
    if (root->count == 0 || root->count > session->leaves.count)
        return refuse_numbers(run->refusal, PP_OUT_OF_RANGE, "count", session->leaves.count, root->count);
    pp_sessions_context(&node->ledger.sessions, session, root->count, node->scratch, &context, &highest);
    if (!pp_hash_eq(&context, &root->context))
        return refuse(run->refusal, PP_CONTEXT_MISMATCH, "context", pp_value_bytes(context.bytes, 32),
                      pp_value_bytes(root->context.bytes, 32));
    if (!pp_grains_eq(highest, root->spent))
        return refuse_grains(run->refusal, PP_OVER_SPENT, "spent", highest, root->spent);
    if (pp_grains_lt(lane->refunded, root->refund_ack))
        return refuse_grains(run->refusal, PP_REFUND_ACK_UNKNOWN, "refund_ack", lane->refunded,
                             root->refund_ack);
    return PP_OK;
}

static enum pp_error sign_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    const struct sign_run *run = context;
    const struct pp_session_root *root = run->root;
    pp_refusal_init(run->refusal, PP_OK, NULL); /* as above */
    const struct pp_session *session = pp_sessions_find(&node->ledger.sessions, &root->session_id);
    if (!session || session->slot != pp_ledger_find(&node->ledger, &root->channel_id)) {
        refuse(run->refusal, PP_SESSION_UNKNOWN, "session_id", (struct pp_value){0},
               pp_value_bytes(root->session_id.bytes, 32));
        return PP_OK;
    }
    if (pp_hash_eq(&session->root, &root->context)) { /* SESSION-032 */
        status_of(session, run->out);
        return PP_OK;
    }
    if (root_check(node, session, run) != PP_OK)
        return PP_OK;
    struct pp_record record = {
        .type = PP_RECORD_TYPE_SESSION_SIGNED,
        .session_signed = {.channel_id = root->channel_id,
                           .lane = root->lane,
                           .session_id = root->session_id,
                           .count = root->count,
                           .spent = root->spent,
                           .refund_ack = root->refund_ack,
                           .signature = root->signature},
    };
    PP_TRY(pp_writer_append(node, txn, &record));
    status_of(session, run->out);
    return PP_OK;
}

enum pp_error pp_node_session_sign(struct pp_node *node, const struct pp_session_root *root,
                                   struct pp_session_status *out, struct pp_refusal *out_refusal)
{
    struct sign_run run = {root, out, out_refusal};
    const struct pp_voucher voucher = {root->channel_id, root->lane,    root->spent,
                                       root->refund_ack, root->context, root->signature};
    pp_refusal_init(out_refusal, PP_OK, NULL);
    PP_TRY(takes_work(node, out_refusal));
    PP_TRY(signature_check(node, &voucher, out_refusal));
    return written(pp_pipeline_call(node, PP_ITEM_WRITE, sign_run, &run), out_refusal);
}

/* ---- status ---- */

void pp_session_status_take(const struct pp_node *node, uint32_t slot, struct pp_lane_status *out,
                            struct pp_hash *ids)
{
    const struct pp_sessions *sessions = &node->ledger.sessions;
    out->sessions_count = 0;
    for (const struct pp_session *one = NULL; (one = pp_sessions_of_lane(sessions, slot, one)) != NULL;) {
        PP_ASSERT(out->sessions_count < PP_LANE_SESSIONS_MAX);
        status_of(one, &out->sessions[out->sessions_count++]);
        for (uint32_t i = 0; i < one->leaves.count; i++)
            memcpy((ids++)->bytes, pp_leaf_at(&sessions->leaves, &one->leaves, i)->stamp_id.bytes, sizeof ids->bytes);
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
    status_of(session, run->out);
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
