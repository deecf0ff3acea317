#include "send_parts.h"

#include <pp/assert.h>
#include <pp/frame.h>
#include <pp/payment.h>
#include <pp/price.h>

#include <stdlib.h>

#define QUOTE_MARGIN_MS 10000u /* a quote is not used in its last ten seconds */
#define REQUEST_TIMEOUT_MS 30000u
#define BATCH_MAX_BYTES (8u << 20) /* half of the node's limit: a batch of large envelopes is cut */

/* ---- quotes ---- */

static bool quote_is_good(const struct sender *s, uint64_t now)
{
    const struct quote *q = s->quotes;
    if (!q || s->quote_stale || q->fetched_ms == 0)
        return false;
    uint64_t node_now = q->card.quote.issued_ms + (now - q->fetched_ms);
    return node_now + QUOTE_MARGIN_MS < q->card.quote.expires_ms;
}

/* The newest quote, if it may be used; else asks for another. Errors are the node's, and may pass. */
enum pp_error cli_send_quote_need(struct sender *s, uint64_t now)
{
    struct cli_quote card;
    if (quote_is_good(s, now))
        return PP_OK;
    PP_TRY(cli_quote_get(s->exchange, s->config->node, &card, s->problem));
    struct quote *q = calloc(1, sizeof *q);
    if (!q)
        return cli_problem_set(s->problem, PP_NO_MEMORY, "a quote");
    q->card = card;
    q->fetched_ms = now;
    q->next = s->quotes;
    s->quotes = q;
    s->quote_stale = false;
    s->summary->quotes++;
    return PP_OK;
}

/* ---- building a request ---- */

static enum pp_error item_stamp(struct sender *s, struct item *item)
{
    const struct quote *quote = s->quotes;
    const struct pp_parcel parcel = {.size_bytes = item->parcel->payload_length,
                                     .retention_days = item->parcel->retention_days,
                                     .envelope_kind = item->parcel->envelope_kind};
    struct pp_wallet *wallet = cli_lane_wallet(s->config->lane);
    struct pp_postage postage;
    struct pp_span span;
    PP_TRY(pp_price(&quote->card.quote, &parcel, &postage));
    if (postage.bond_grains > 0)
        return PP_BOND_NOT_OFFERED; /* needs the recipient's key, which this version does not ask for */
    PP_TRY(pp_wallet_reserve(wallet, &postage, &span));
    item->leaf = (struct pp_leaf){
        .channel_id = wallet->config.channel_id,
        .lane = wallet->config.lane,
        .envelope_hash = item->parcel->envelope_hash,
        .from = span.from,
        .postage = postage,
        .size = (uint32_t)item->parcel->payload_length,
        .retention_days = item->parcel->retention_days,
        .envelope_kind = item->parcel->envelope_kind,
        .quote_id = quote->card.id,
        .not_after_ms = quote->card.quote.expires_ms, /* the quote would refuse it from then on anyway */
    };
    pp_leaf_id(&item->leaf, &item->id);
    item->quote = s->quotes;
    item->stamped = true;
    return PP_OK;
}

static size_t item_bytes(const struct item *item)
{
    return PP_LEAF_SHORT_BYTES + 1 + item->parcel->topic_length + item->parcel->payload_length;
}

/* Gathers items that go into one request: all of one quote. What does not fit comes first in the next. */
static enum pp_error slot_gather(struct sender *s, struct slot *slot, size_t most, uint64_t now)
{
    size_t bytes = 0;
    slot->count = 0;
    while (slot->count < most) {
        struct item *item;
        PP_TRY(cli_send_item_next(s, now, &item));
        if (!item)
            break;
        enum pp_error error = cli_parcel_load(item->parcel);
        if (error == PP_OK && !item->stamped)
            error = item_stamp(s, item);
        if (error != PP_OK) {
            cli_send_item_refuse(s, item, error);
            continue;
        }
        if (slot->count > 0 && (item->quote != slot->quote || bytes + item_bytes(item) > BATCH_MAX_BYTES)) {
            cli_send_queue_put_first(&s->again, item);
            break;
        }
        slot->quote = item->quote;
        bytes += item_bytes(item);
        slot->items[slot->count++] = item;
    }
    return PP_OK;
}

static enum pp_error body_reserve(struct slot *slot, size_t length)
{
    if (length <= slot->body_room)
        return PP_OK;
    uint8_t *grown = realloc(slot->body, length);
    if (!grown)
        return PP_NO_MEMORY;
    slot->body = grown;
    slot->body_room = length;
    return PP_OK;
}

enum pp_error cli_send_body_frame(struct sender *s, struct slot *slot)
{
    struct pp_envelope_view *views = calloc(slot->count, sizeof *views + PP_SESSION_MAC_BYTES);
    if (!views)
        return PP_NO_MEMORY;
    uint8_t *macs = (uint8_t *)(views + slot->count);
    bool session = slot->kind == PP_STAMP_SESSION;
    if (session)
        cli_send_session_macs(s, slot, macs);
    for (size_t i = 0; i < slot->count; i++)
        views[i] = (struct pp_envelope_view){.leaf = slot->items[i]->leaf,
                                             .topic = slot->items[i]->parcel->topic,
                                             .topic_length = slot->items[i]->parcel->topic_length,
                                             .payload = slot->items[i]->parcel->payload,
                                             .payload_length = slot->items[i]->parcel->payload_length,
                                             .mac = session ? macs + i * PP_SESSION_MAC_BYTES : NULL};
    const struct pp_request request = {.channel_id = slot->voucher.channel_id,
                                       .lane = slot->voucher.lane,
                                       .kind = slot->kind,
                                       .spent = slot->voucher.spent,
                                       .refund_ack = slot->voucher.refund_ack,
                                       .signature = slot->voucher.signature,
                                       .session_id = slot->voucher.context, /* kind session */
                                       .quote = slot->quote->card.bytes,
                                       .quote_length = slot->quote->card.length,
                                       .envelopes = views,
                                       .count = slot->count};
    size_t length = pp_frame_length(&request);
    enum pp_error error = body_reserve(slot, length);
    if (error == PP_OK)
        error = pp_frame_encode(&request, slot->body, slot->body_room, &slot->body_length);
    free(views);
    return error;
}

static enum pp_error body_payment(struct slot *slot)
{
    const struct item *item = slot->items[0];
    struct pp_credential *credential = calloc(1, sizeof *credential);
    if (!slot->authorization)
        slot->authorization = malloc(PP_CREDENTIAL_HEADER_MAX);
    if (!credential || !slot->authorization) {
        free(credential);
        return PP_NO_MEMORY;
    }
    credential->challenge = slot->quote->card.challenge;
    credential->action = PP_ACTION_VOUCHER;
    credential->channel_id = slot->voucher.channel_id;
    credential->lane = slot->voucher.lane;
    credential->signature = slot->voucher.signature;
    credential->spent = slot->voucher.spent;
    credential->refund_ack = slot->voucher.refund_ack;
    credential->leaf = item->leaf;
    credential->topic_length = item->parcel->topic_length;
    memcpy(credential->topic, item->parcel->topic, item->parcel->topic_length);
    pp_credential_print(credential, slot->authorization);
    free(credential);
    PP_TRY(body_reserve(slot, item->parcel->payload_length));
    memcpy(slot->body, item->parcel->payload, item->parcel->payload_length);
    slot->body_length = item->parcel->payload_length;
    return PP_OK;
}

/* LOG-001: signed, and in the log; the caller commits before it leaves. */
static enum pp_error slot_sign(struct sender *s, struct slot *slot, bool session)
{
    struct cli_signed *request = cli_signed_new(slot->count);
    if (!request)
        return PP_NO_MEMORY;
    for (size_t i = 0; i < slot->count; i++) {
        request->leaves[i] = slot->items[i]->leaf;
        request->ids[i] = slot->items[i]->id;
    }
    enum pp_error error = PP_OK;
    const struct pp_wallet_config *config = &cli_lane_wallet(s->config->lane)->config;
    slot->kind = session ? PP_STAMP_SESSION : slot->count == 1 ? PP_STAMP_SINGLE : PP_STAMP_BATCH;
    if (session) /* its opening authorized it; the context says which one */
        slot->voucher = (struct pp_voucher){
            .channel_id = config->channel_id, .lane = config->lane, .context = cli_send_session_now(s)->id};
    else
        error = pp_wallet_sign(cli_lane_wallet(s->config->lane), s->config->crypto, s->config->domain,
                               s->config->signer, slot->kind, request->leaves, request->ids, slot->count,
                               s->scratch, &slot->voucher);
    if (error == PP_OK) {
        request->kind = slot->kind;
        request->voucher = slot->voucher;
        memcpy(request->quote, slot->quote->card.bytes, slot->quote->card.length);
        request->quote_length = slot->quote->card.length;
        cli_lane_put_signed(s->config->lane, request);
        s->changed = true;
    }
    cli_signed_free(request);
    return error;
}

void cli_send_slot_empty(struct slot *slot)
{
    for (size_t i = 0; i < slot->count; i++)
        cli_send_item_free(slot->items[i]);
    slot->count = 0;
    slot->state = SLOT_IDLE;
    slot->repeating = false;
    slot->attempts = 0;
}

enum pp_error cli_send_slot_build(struct sender *s, struct slot *slot, uint64_t now)
{
    unsigned every = s->config->single_every;
    bool single = s->config->stamp == CLI_STAMP_SINGLE || (every && (s->summary->requests + 1) % every == 0);
    bool session = false;
    PP_TRY(slot_gather(s, slot, single ? 1 : s->config->batch, now));
    if (slot->count == 0)
        return PP_OK;
    cli_send_session_count(s, slot->count, now);
    if (!single)
        PP_TRY(cli_send_session_choose(s, slot, now, &session));
    enum pp_error error = slot_sign(s, slot, session);
    slot->by_payment = single && slot->quote->card.has_challenge;
    if (error == PP_OK)
        error = slot->by_payment ? body_payment(slot) : cli_send_body_frame(s, slot);
    if (error != PP_OK)
        return cli_problem_set(s->problem, error, "signing %s", slot->items[0]->parcel->name);
    for (size_t i = 0; i < slot->count; i++)
        cli_parcel_unload(slot->items[i]->parcel); /* the body has it */
    slot->state = SLOT_READY;
    slot->attempts = 0;
    s->summary->requests++;
    return PP_OK;
}

enum pp_error cli_send_slot_start(struct sender *s, struct slot *slot)
{
    const struct cli_request request = {
        .method = "POST",
        .path = "/v1/envelopes",
        .content_type = slot->by_payment ? "application/octet-stream" : PP_FRAME_MEDIA_TYPE,
        .authorization = slot->by_payment ? slot->authorization : NULL,
        .body = slot->body,
        .body_length = slot->body_length,
        .timeout_ms = REQUEST_TIMEOUT_MS,
    };
    enum pp_error error = cli_exchanges_start(s->exchanges, slot->exchange, &request);
    if (error != PP_OK)
        return cli_problem_set(s->problem, error, "starting a request");
    slot->state = SLOT_RUNNING;
    return PP_OK;
}
