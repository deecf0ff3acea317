/* What a verify thread does with a request: form, content, price, a look at the lane, and only then a signature. It decides
 * nothing: the writer does, with what is found out here. */
#include "engine/node.h"

#include <pp/assert.h>
#include <pp/price.h>

#include <string.h>

/* ---- the envelope against its leaf ---- */

static enum pp_error content_check(const struct pp_envelope_view *envelope)
{
    struct pp_hash hash;
    if (envelope->topic_length == 0)
        return PP_MISSING_FIELD;
    if (envelope->topic_length > PP_TOPIC_MAX_BYTES || envelope->payload_length > PP_ENVELOPE_MAX_BYTES)
        return PP_TOO_LONG;
    if (envelope->payload_length != envelope->leaf.size)
        return PP_CONTENT_MISMATCH;
    pp_envelope_hash(envelope->topic, envelope->topic_length, envelope->payload, envelope->payload_length,
                     &hash);
    return pp_hash_eq(&hash, &envelope->leaf.envelope_hash) ? PP_OK : PP_CONTENT_MISMATCH;
}

/* NODE-023: what the price is checked against. */
static enum pp_error price_check(const struct pp_node *node, const struct pp_item *item,
                                 const struct pp_envelope_view *envelope, const struct pp_hash *quote_id,
                                 struct pp_postage *out_quoted)
{
    const struct pp_leaf *leaf = &envelope->leaf;
    const struct pp_parcel parcel = {leaf->size, leaf->retention_days, leaf->envelope_kind};
    if (!pp_hash_eq(&leaf->quote_id, quote_id))
        return PP_QUOTE_INVALID;
    if (leaf->retention_days > node->config.retention_max_days)
        return PP_RETENTION_TOO_LONG;
    PP_TRY(pp_bond_offer_check(item, envelope, NULL));
    return pp_price(&item->quote, &parcel, out_quoted);
}

static void envelopes_examine(struct pp_node *node, struct pp_item *item)
{
    const struct pp_request *request = item->request;
    struct pp_hash quote_id;
    enum pp_error quote_error =
        pp_quote_examine(node, request->quote, request->quote_length, &item->quote, &quote_id);
    if (quote_error != PP_OK)
        quote_error = PP_QUOTE_INVALID;
    else
        quote_error = pp_quote_time_check(&item->quote, pp_node_now(node));
    for (size_t i = 0; i < request->count; i++) {
        const struct pp_envelope_view *envelope = &request->envelopes[i];
        bool absent = item->host && !envelope->payload; /* the host computed the hash */
        item->content_errors[i] = absent ? PP_OK : content_check(envelope);
        item->quoted[i] = (struct pp_postage){0};
        item->quote_errors[i] = quote_error != PP_OK
                                    ? quote_error
                                    : price_check(node, item, envelope, &quote_id, &item->quoted[i]);
        item->bytes += envelope->payload_length;
        pp_leaf_id(&envelope->leaf, &item->ids[i]);
    }
}

/* ---- the lane ---- */

struct lane_glance {
    bool worth_it; /* at least one stamp would be admitted, were content, price and signature good */
    struct pp_address signer;
    struct pp_public_key signer_key;
    bool signer_known;
    struct pp_session_glance session; /* kind session */
};

static bool any_is_worth_it(struct pp_node *node, const struct pp_item *item,
                            const struct pp_ledger_lane *lane, struct pp_lane_draft *draft,
                            struct pp_session_glance *session)
{
    const struct pp_request *request = item->request;
    struct pp_lane_request lane_request = {
        .voucher = &item->voucher,
        .kind = (uint8_t)request->kind,
        .count = (uint32_t)request->count,
        .now_ms = pp_node_now(node),
    };
    if (request->kind == PP_STAMP_SESSION) {
        pp_session_look(node, request, item->slot, lane_request.now_ms, session);
        lane_request.session = &session->facts;
    }
    pp_lane_draft_begin(draft, &lane->lane, &lane_request, &node->ledger.holes);
    for (size_t i = 0; i < request->count; i++) {
        struct pp_refusal refusal;
        const struct pp_lane_facts facts = {.leaf = &request->envelopes[i].leaf};
        if (pp_lane_check(draft, &facts, &refusal) == PP_LANE_ADMIT)
            return true;
    }
    return false;
}

/* The cheap checks, before anything is hashed. False: the lane is not known; the writer says so. */
static bool lane_look(struct pp_node *node, struct pp_item *item, struct pp_lane_draft *draft,
                      struct lane_glance *out)
{
    const struct pp_request *request = item->request;
    pp_state_lock_shared(node);
    item->slot = pp_ledger_find(&node->ledger, &request->channel_id);
    bool known = item->slot != PP_SLOT_NONE && request->lane == pp_ledger_lane_id(&node->ledger);
    if (known) {
        const struct pp_ledger_lane *lane = &node->ledger.lanes[item->slot];
        bool worth_it = any_is_worth_it(node, item, lane, draft, &out->session);
        out->worth_it = item->must_verify || worth_it;
        out->signer = lane->signer;
        out->signer_known = pp_signers_find(&node->signers, item->slot, &out->signer_key);
    }
    pp_state_unlock(node);
    return known;
}

static bool any_is_sound(const struct pp_item *item)
{
    for (size_t i = 0; i < item->request->count; i++)
        if (item->content_errors[i] == PP_OK && item->quote_errors[i] == PP_OK &&
            pp_postage_covers(&item->request->envelopes[i].leaf.postage, &item->quoted[i]))
            return true;
    return false;
}

/* Recovers the key. With a parsed key v is not looked at, so it is not here either: the same voucher must not be refused
 * before the signer is known and taken after (NODE-081). */
static enum pp_error first_voucher_verify(struct pp_node *node, const struct pp_voucher *voucher,
                                          const struct pp_address *signer, struct pp_public_key *out_key)
{
    struct pp_voucher other = *voucher;
    struct pp_hash digest;
    enum pp_error error = pp_voucher_verify_address(node->crypto, &node->config.domain, voucher, signer, out_key);
    if (error != PP_BAD_SIGNATURE)
        return error;
    pp_voucher_typed_digest(&node->config.domain, voucher, &digest);
    PP_TRY(pp_signature_fix_v(node->crypto, &other.signature, &digest, signer));
    return pp_voucher_verify_address(node->crypto, &node->config.domain, &other, signer, out_key);
}

static void voucher_verify(struct pp_node *node, struct pp_item *item, const struct lane_glance *glance,
                           struct pp_hash *scratch)
{
    const struct pp_request *request = item->request;
    enum pp_error error =
        pp_voucher_context(request->kind, item->ids, request->count, scratch, &item->voucher.context);
    if (error == PP_OK && glance->signer_known)
        error = pp_voucher_verify(node->crypto, &node->config.domain, &item->voucher, &glance->signer_key);
    else if (error == PP_OK) {
        error = first_voucher_verify(node, &item->voucher, &glance->signer, &item->signer_key);
        item->has_key = error == PP_OK;
    }
    item->verified = true;
    item->voucher_error = error == PP_OK || error == PP_SIGNATURE_NOT_LOW_S ? error : PP_BAD_SIGNATURE;
}

/* NODE-048: what costs work and was made up. A quote that ran out, or a price that moved, is nobody's fault. */
static bool is_forged(const struct pp_item *item)
{
    for (size_t i = 0; i < item->request->count; i++)
        if (item->content_errors[i] != PP_OK || item->quote_errors[i] == PP_QUOTE_INVALID)
            return true;
    return item->verified && (item->voucher_error != PP_OK || pp_session_is_forged(item));
}

static void item_begin(struct pp_item *item)
{
    const struct pp_request *request = item->request;
    item->voucher = (struct pp_voucher){
        .channel_id = request->channel_id,
        .lane = request->lane,
        .spent = request->spent,
        .refund_ack = request->refund_ack,
        .signature = request->signature,
    };
    if (request->kind == PP_STAMP_SESSION) /* its opening authorized it */
        item->voucher.spent = item->voucher.refund_ack = PP_GRAINS_ZERO;
}

void pp_examine(struct pp_node *node, struct pp_item *item, struct pp_lane_draft *draft,
                struct pp_hash *scratch)
{
    struct lane_glance glance;
    item_begin(item);
    if (!lane_look(node, item, draft, &glance))
        return;
    if (!item->examined) {
        item->examined = true;
        envelopes_examine(node, item);
    }
    if (!item->verified && glance.worth_it && (item->must_verify || any_is_sound(item)) &&
        !pp_store_is_full(node)) {
        if (item->request->kind == PP_STAMP_SESSION)
            pp_session_verify(node, item, &glance.session);
        else
            voucher_verify(node, item, &glance, scratch);
    }
    item->forged = is_forged(item);
}
