/* Openings and roots: what costs little is decided first, by the writer between two groups; then the signature is examined on
 * the caller's thread, and the writer decides again, inside a group. What does not hold is its source's. */
#include "engine/node.h"

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
static enum pp_error signature_check(const struct pp_node *node, const struct pp_voucher *voucher,
                                     const struct pp_address *signer, struct pp_refusal *refusal)
{
    enum pp_error error = signed_by(node, voucher, signer);
    if (error == PP_OK)
        return PP_OK;
    return refuse(refusal, error == PP_SIGNATURE_NOT_LOW_S ? error : PP_BAD_SIGNATURE, "signature",
                  pp_value_bytes(signer->bytes, 20), pp_value_bytes(voucher->signature.bytes, 32));
}

/* Whose lane it is, as it is on disk. Refused and told when it is not known. */
static enum pp_error lane_find(const struct pp_node *node, const struct pp_channel_id *channel_id,
                               uint32_t lane, struct pp_refusal *refusal, uint32_t *out_slot)
{
    *out_slot = pp_ledger_find(&node->ledger, channel_id);
    if (*out_slot == PP_SLOT_NONE)
        return refuse_plainly(refusal, PP_UNKNOWN_CHANNEL, "channel_id");
    if (lane != pp_ledger_lane_id(&node->ledger))
        return refuse_plainly(refusal, PP_UNKNOWN_LANE, "lane");
    return PP_OK;
}

/* ---- sources ---- */

/* NODE-049 */
static enum pp_error turn_take(struct pp_node *node, uint64_t source, uint32_t leaves,
                               struct pp_refusal *refusal)
{
    if (pp_pipeline_source_turn(node, source, leaves) == PP_OK)
        return PP_OK;
    refuse_plainly(refusal, PP_BUSY, "source");
    refusal->retry_after_ms = PP_SUSPECT_RETRY_MS;
    return PP_BUSY;
}

/* Of what was verified, or could not hold whatever the node's state. */
static enum pp_error source_judge(struct pp_node *node, uint64_t source, enum pp_error error)
{
    if (error == PP_OK || pp_error_class(error) == PP_CLASS_INPUT)
        pp_pipeline_source_count(node, source, error != PP_OK);
    return error;
}

static enum pp_error takes_work(struct pp_node *node, struct pp_refusal *refusal)
{
    enum pp_error error = (enum pp_error)atomic_load(&node->failed);
    return error == PP_OK ? PP_OK : refuse_plainly(refusal, error, NULL);
}

/* What a call to the writer came to. */
static enum pp_error told(enum pp_error error, struct pp_refusal *refusal)
{
    if (error != PP_OK)
        return refuse_plainly(refusal, error, NULL);
    return refusal->error;
}

/* ---- opening ---- */

struct open_run {
    const struct pp_session_open *open;
    struct pp_hash id;
    struct pp_session_key key;
    struct pp_address signer; /* of the lane */
    bool known;               /* answered: it is open */
    struct pp_session_status *out;
    struct pp_refusal *refusal;
};

/* When it is decided. */
struct moment {
    uint64_t time_ms;
    bool stale; /* the view of the chain is */
};

static enum pp_error state_check(const struct pp_node *node, const struct pp_ledger_lane *lane, bool stale,
                                 struct pp_refusal *refusal)
{
    enum pp_error error = pp_lane_admits(&lane->lane);
    if (error == PP_OK && stale)
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
static enum pp_error count_check(const struct pp_node *node, uint32_t slot, uint64_t now_ms,
                                 struct pp_refusal *refusal)
{
    const struct pp_sessions *sessions = &node->ledger.sessions;
    uint32_t open = 0, over = 0;
    for (const struct pp_session *one = NULL; (one = pp_sessions_of_lane(sessions, slot, one)) != NULL;)
        if (one->leaves.count == 0 && one->not_after_ms < now_ms)
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
static enum pp_error open_check(const struct pp_node *node, uint32_t slot, const struct moment *moment,
                                const struct open_run *run)
{
    const struct pp_ledger_lane *lane = &node->ledger.lanes[slot];
    const struct pp_session_opening *opening = &run->open->opening;
    uint64_t now_ms = moment->time_ms;
    struct pp_grains cap = pp_units_to_grains(pp_lane_cap(&lane->lane));
    struct pp_grains held = pp_grains_sub_clamped(opening->chunk.to, lane->lane.refunded);
    PP_TRY(state_check(node, lane, moment->stale, run->refusal));
    if (opening->not_after_ms < now_ms)
        return refuse_numbers(run->refusal, PP_SESSION_EXPIRED, "not_after", now_ms, opening->not_after_ms);
    if (opening->not_after_ms - now_ms > PP_SESSION_LIFE_MAX_MS)
        return refuse_numbers(run->refusal, PP_OUT_OF_RANGE, "not_after", now_ms + PP_SESSION_LIFE_MAX_MS,
                              opening->not_after_ms);
    PP_TRY(count_check(node, slot, now_ms, run->refusal));
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

/* SESSION-015 */
static bool is_known(const struct pp_node *node, const struct open_run *run)
{
    const struct pp_session *known = pp_sessions_find(&node->ledger.sessions, &run->id);
    if (known)
        pp_session_status_of(known, run->out);
    return known != NULL;
}

/* SESSION-018: all that needs no signature, and whose it must be. */
static enum pp_error open_look(struct pp_node *node, struct pp_txn *txn, void *context)
{
    (void)txn;
    struct open_run *run = context;
    const struct pp_session_opening *opening = &run->open->opening;
    struct moment moment = {pp_writer_time(node), pp_view_is_stale(node, pp_node_now(node))};
    uint32_t slot;
    if (lane_find(node, &opening->channel_id, opening->lane, run->refusal, &slot) != PP_OK)
        return PP_OK;
    run->signer = node->ledger.lanes[slot].signer;
    run->known = is_known(node, run);
    if (!run->known)
        (void)open_check(node, slot, &moment, run); /* told by its refusal */
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
    const struct moment moment = {node->group_time_ms, node->group_stale};
    if (is_known(node, run))
        return PP_OK;
    if (slot == PP_SLOT_NONE) { /* it became known in a group that did not reach the disk */
        refuse_plainly(run->refusal, PP_UNKNOWN_CHANNEL, "channel_id");
        return PP_OK;
    }
    if (open_check(node, slot, &moment, run) != PP_OK)
        return PP_OK;
    struct pp_record record = {.type = PP_RECORD_TYPE_SESSION_OPENED};
    pp_record_of_opening(opening, &record.session_opened);
    record.session_opened.refund_ack = run->open->refund_ack;
    record.session_opened.signature = run->open->signature;
    PP_TRY(pp_writer_append(node, txn, &record));
    key_keep(node, run);
    pp_session_status_of(pp_sessions_find(&node->ledger.sessions, &run->id), run->out);
    return PP_OK;
}

/* Its form: nothing of the node's state is needed. */
static enum pp_error open_form(const struct pp_node *node, const struct open_run *run)
{
    const struct pp_session_opening *opening = &run->open->opening;
    if (!pp_grains_lt(opening->chunk.from, opening->chunk.to))
        return refuse(run->refusal, PP_EMPTY_INTERVAL, "to", (struct pp_value){0},
                      pp_value_range(opening->chunk.from, opening->chunk.to));
    if (memcmp(opening->node_key.bytes, node->session_key.bytes, sizeof node->session_key.bytes) != 0)
        return refuse(run->refusal, PP_BAD_KEY, "node_key", pp_value_bytes(node->session_key.bytes, 32),
                      pp_value_bytes(opening->node_key.bytes, 32));
    return PP_OK;
}

/* From cheap to dear: what can be compared, a signature, and for its owner alone an agreement. */
static enum pp_error open_examine(struct pp_node *node, struct open_run *run)
{
    const struct pp_session_opening *opening = &run->open->opening;
    struct pp_voucher voucher;
    PP_TRY(open_form(node, run));
    pp_session_id(opening, &run->id);
    PP_TRY(told(pp_pipeline_call(node, PP_ITEM_LOOK, open_look, run), run->refusal));
    if (run->known)
        return PP_OK;
    pp_session_voucher(opening, &voucher);
    voucher.refund_ack = run->open->refund_ack;
    voucher.signature = run->open->signature;
    PP_TRY(signature_check(node, &voucher, &run->signer, run->refusal));
    if (pp_session_key_agree(opening, &node->session_secret, true, &run->key) != PP_OK) /* SESSION-004 */
        return refuse(run->refusal, PP_BAD_KEY, "sender_key", (struct pp_value){0},
                      pp_value_bytes(opening->sender_key.bytes, 32));
    return PP_OK;
}

enum pp_error pp_node_session_open(struct pp_node *node, const struct pp_session_open *open,
                                   struct pp_session_status *out, struct pp_refusal *out_refusal)
{
    struct open_run run = {.open = open, .out = out, .refusal = out_refusal};
    pp_refusal_init(out_refusal, PP_OK, NULL);
    PP_TRY(takes_work(node, out_refusal));
    PP_TRY(turn_take(node, open->source, 0, out_refusal));
    enum pp_error error = open_examine(node, &run);
    if (run.known)
        return PP_OK;
    PP_TRY(source_judge(node, open->source, error));
    error = told(pp_pipeline_call(node, PP_ITEM_WRITE, open_run, &run), out_refusal);
    pp_session_key_done(&run.key);
    return error;
}

/* ---- roots ---- */

struct sign_run {
    const struct pp_session_root *root;
    struct pp_address signer; /* of the lane */
    bool known;               /* answered: it is the newest */
    struct pp_session_status *out;
    struct pp_refusal *refusal;
};

/* SESSION-036: what takes no tree. No leaf ends outside of the chunk (SESSION-021). */
static enum pp_error root_compare(const struct pp_node *node, const struct pp_session *session,
                                  const struct sign_run *run)
{
    const struct pp_session_root *root = run->root;
    const struct pp_lane *lane = &node->ledger.lanes[session->slot].lane;
    if (root->count == 0 || root->count > session->leaves.count)
        return refuse_numbers(run->refusal, PP_OUT_OF_RANGE, "count", session->leaves.count, root->count);
    if (pp_grains_lt(session->chunk.to, root->spent) || !pp_grains_lt(session->chunk.from, root->spent))
        return refuse_grains(run->refusal, PP_OVER_SPENT, "spent", session->chunk.to, root->spent);
    if (pp_grains_lt(lane->refunded, root->refund_ack))
        return refuse_grains(run->refusal, PP_REFUND_ACK_UNKNOWN, "refund_ack", lane->refunded,
                             root->refund_ack);
    return PP_OK;
}

/* SESSION-030, SESSION-031. */
static enum pp_error context_compare(const struct sign_run *run, const struct pp_hash *context,
                                     struct pp_grains highest)
{
    const struct pp_session_root *root = run->root;
    if (!pp_hash_eq(context, &root->context))
        return refuse(run->refusal, PP_CONTEXT_MISMATCH, "context", pp_value_bytes(context->bytes, 32),
                      pp_value_bytes(root->context.bytes, 32));
    if (!pp_grains_eq(highest, root->spent))
        return refuse_grains(run->refusal, PP_OVER_SPENT, "spent", highest, root->spent);
    return PP_OK;
}

static enum pp_error root_check(struct pp_node *node, const struct pp_session *session,
                                const struct sign_run *run)
{
    struct pp_hash context;
    struct pp_grains highest;
    PP_TRY(root_compare(node, session, run));
    pp_sessions_context(&node->ledger.sessions, session, run->root->count, node->scratch, &context, &highest);
    return context_compare(run, &context, highest);
}

/* NULL: refused and told. */
static const struct pp_session *root_session(const struct pp_node *node, const struct sign_run *run)
{
    const struct pp_session_root *root = run->root;
    const struct pp_session *session = pp_sessions_find(&node->ledger.sessions, &root->session_id);
    if (session && session->slot == pp_ledger_find(&node->ledger, &root->channel_id))
        return session;
    (void)refuse(run->refusal, PP_SESSION_UNKNOWN, "session_id", (struct pp_value){0},
                 pp_value_bytes(root->session_id.bytes, 32));
    return NULL;
}

static enum pp_error sign_look(struct pp_node *node, struct pp_txn *txn, void *context)
{
    (void)txn;
    struct sign_run *run = context;
    uint32_t slot;
    if (lane_find(node, &run->root->channel_id, run->root->lane, run->refusal, &slot) != PP_OK)
        return PP_OK;
    const struct pp_session *session = root_session(node, run);
    if (!session)
        return PP_OK;
    run->signer = node->ledger.lanes[slot].signer;
    run->known = pp_hash_eq(&session->root, &run->root->context); /* SESSION-032 */
    if (run->known)
        pp_session_status_of(session, run->out);
    else
        (void)root_compare(node, session, run); /* told by its refusal */
    return PP_OK;
}

/* The tree, on the caller's thread, over the leaves as they are: it only spares the writer what cannot hold. */
static enum pp_error tree_check(struct pp_node *node, const struct sign_run *run)
{
    const struct pp_session_root *root = run->root;
    struct pp_hash ids[PP_SESSION_UNSIGNED_MAX], tree, context;
    struct pp_grains highest;
    pp_state_lock_shared(node);
    const struct pp_session *session = pp_sessions_find(&node->ledger.sessions, &root->session_id);
    bool comparable =
        session && root->count <= session->leaves.count && !pp_hash_eq(&session->root, &root->context);
    if (comparable)
        pp_sessions_oldest(&node->ledger.sessions, session, root->count, ids, &highest);
    pp_state_unlock(node);
    if (!comparable) /* another one is on its way: the writer says what becomes of both */
        return PP_OK;
    pp_tree_root(ids, root->count, &tree);
    pp_context(PP_STAMP_SESSION, root->count, &tree, &context);
    return context_compare(run, &context, highest);
}

static enum pp_error sign_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    const struct sign_run *run = context;
    const struct pp_session_root *root = run->root;
    pp_refusal_init(run->refusal, PP_OK, NULL); /* as above */
    const struct pp_session *session = root_session(node, run);
    if (!session)
        return PP_OK;
    if (pp_hash_eq(&session->root, &root->context)) { /* SESSION-032 */
        pp_session_status_of(session, run->out);
        return PP_OK;
    }
    if (root_check(node, session, run) != PP_OK)
        return PP_OK;
    if (!pp_replication_has_room(node, root->count)) { /* REW-136 */
        (void)refuse_numbers(run->refusal, PP_BUSY, "replication", PP_WAITING_MAX, node->ledger.waiting.count);
        return PP_OK;
    }
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
    pp_session_status_of(session, run->out);
    return PP_OK;
}

static enum pp_error sign_examine(struct pp_node *node, struct sign_run *run)
{
    const struct pp_session_root *root = run->root;
    const struct pp_voucher voucher = {root->channel_id, root->lane,    root->spent,
                                       root->refund_ack, root->context, root->signature};
    PP_TRY(told(pp_pipeline_call(node, PP_ITEM_LOOK, sign_look, run), run->refusal));
    if (run->known)
        return PP_OK;
    PP_TRY(signature_check(node, &voucher, &run->signer, run->refusal));
    return tree_check(node, run);
}

enum pp_error pp_node_session_sign(struct pp_node *node, const struct pp_session_root *root,
                                   struct pp_session_status *out, struct pp_refusal *out_refusal)
{
    struct sign_run run = {.root = root, .out = out, .refusal = out_refusal};
    pp_refusal_init(out_refusal, PP_OK, NULL);
    PP_TRY(takes_work(node, out_refusal));
    PP_TRY(
        turn_take(node, root->source, root->count <= PP_SESSION_UNSIGNED_MAX ? root->count : 0, out_refusal));
    enum pp_error error = sign_examine(node, &run);
    if (run.known)
        return PP_OK;
    PP_TRY(source_judge(node, root->source, error));
    return told(pp_pipeline_call(node, PP_ITEM_WRITE, sign_run, &run), out_refusal);
}
