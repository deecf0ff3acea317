#include "sender.h"

#include <pp/assert.h>
#include <pp/frame.h>
#include <pp/payment.h>
#include <pp/price.h>

#include <stdlib.h>
#include <time.h>

#define QUOTE_MARGIN_MS 10000u /* a quote is not used in its last ten seconds */
#define RESIGN_MOST 8u
#define BACKOFF_FIRST_MS 100u
#define BACKOFF_MOST_MS 2000u
#define REQUEST_TIMEOUT_MS 30000u
#define BATCH_MAX_BYTES (8u << 20) /* half of the node's limit: a batch of large envelopes is cut */
#define POLL_MS 200

struct quote {
    struct cli_quote card;
    uint64_t fetched_ms; /* by our monotonic clock: the node's is issued_ms at that moment */
    struct quote *next;
};

struct item {
    struct cli_parcel *parcel;
    bool stamped; /* leaf, id, quote are set */
    struct pp_leaf leaf;
    struct pp_stamp_id id;
    struct quote *quote;
    unsigned resigned;
    uint64_t due_ms;
    struct item *next;
};

struct queue {
    struct item *first;
    struct item *last;
};

enum slot_state {
    SLOT_IDLE,
    SLOT_READY, /* built, to be started after the commit */
    SLOT_RUNNING,
    SLOT_WAITING, /* to be sent again at due_ms */
};

struct slot {
    enum slot_state state;
    struct cli_exchange *exchange;
    struct item **items;
    size_t count;
    struct quote *quote;
    enum pp_stamp_kind kind;
    struct pp_voucher voucher;
    bool by_payment;
    char *authorization;
    uint8_t *body;
    size_t body_length, body_room;
    uint64_t due_ms;
    unsigned attempts;
    bool repeating;
    uint64_t *sequences; /* repeating: what was answered the first time */
};

/* A stamp of an earlier run, to be found by what it paid for. */
struct earlier {
    struct pp_hash envelope_hash;
    uint16_t retention_days;
    uint8_t envelope_kind;
    bool taken;
    struct pp_leaf leaf; /* pending ones only */
    struct pp_stamp_id id;
    struct quote *quote;
};
struct earlier_list {
    struct earlier *rows;
    size_t count;
};

struct sender {
    const struct cli_sender_config *config;
    struct cli_send_summary *summary;
    struct cli_problem *problem;
    struct cli_exchange *exchange; /* for quotes and such */
    struct cli_exchanges *exchanges;
    struct slot *slots;
    struct quote *quotes; /* the newest first; kept to the end */
    bool quote_stale;
    uint64_t quote_due_ms;
    struct queue again; /* to be sent again, or signed anew, or what did not fit: before what is fresh */
    bool source_ended;
    struct earlier_list pending, acknowledged;
    uint64_t progress_ms; /* the last time that something was decided */
    uint64_t requests_done;
    enum pp_error last_error;
    bool changed; /* something is staged in the lane's log */
    struct pp_hash *scratch;
    struct pp_receipt_body *bodies;
    struct pp_leaf *leaves;
    bool *counted;
};

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- items ---- */

static void item_free(struct item *item)
{
    if (!item)
        return;
    cli_parcel_free(item->parcel);
    free(item);
}

static void queue_put(struct queue *queue, struct item *item)
{
    item->next = NULL;
    if (queue->last)
        queue->last->next = item;
    else
        queue->first = item;
    queue->last = item;
}

/* Due at once. */
static void queue_put_first(struct queue *queue, struct item *item)
{
    item->due_ms = 0;
    item->next = queue->first;
    queue->first = item;
    if (!queue->last)
        queue->last = item;
}

static struct item *queue_take(struct queue *queue)
{
    struct item *item = queue->first;
    if (!item)
        return NULL;
    queue->first = item->next;
    if (!queue->first)
        queue->last = NULL;
    item->next = NULL;
    return item;
}

static void refusal_count(struct sender *s, const struct item *item, enum pp_error error)
{
    struct cli_send_summary *summary = s->summary;
    size_t i = 0;
    while (i < summary->refused_kinds && summary->refused[i].error != error)
        i++;
    if (i == CLI_SEND_ERRORS_MAX)
        i--; /* the last row takes what is left over */
    if (i == summary->refused_kinds) {
        summary->refused_kinds++;
        summary->refused[i].error = error;
        snprintf(summary->refused[i].first, sizeof summary->refused[i].first, "%s", item->parcel->name);
    }
    summary->refused[i].count++;
}

/* For good. */
static void item_refuse(struct sender *s, struct item *item, enum pp_error error)
{
    refusal_count(s, item, error);
    s->progress_ms = now_ms();
    s->last_error = error;
    if (error == PP_CAP_EXCEEDED && s->summary->stopped == PP_OK)
        s->summary->stopped = error;
    item_free(item);
}

/* ---- earlier runs ---- */

static int earlier_compare(const void *a, const void *b)
{
    const struct earlier *left = a, *right = b;
    int order =
        memcmp(left->envelope_hash.bytes, right->envelope_hash.bytes, sizeof left->envelope_hash.bytes);
    return order ? order : memcmp(left->id.bytes, right->id.bytes, sizeof left->id.bytes);
}

/* Sorted, and each stamp once: a stamp that was sent again stands in the log under each of its vouchers. */
static void earlier_sort(struct earlier_list *list)
{
    size_t kept = 0;
    if (list->count == 0)
        return;
    qsort(list->rows, list->count, sizeof *list->rows, earlier_compare);
    for (size_t i = 1; i < list->count; i++)
        if (!pp_stamp_id_eq(&list->rows[kept].id, &list->rows[i].id))
            list->rows[++kept] = list->rows[i];
    list->count = kept + 1;
}

/* The first row, not taken, that paid for exactly this; marks it. */
static struct earlier *earlier_take(struct earlier_list *list, const struct cli_parcel *parcel)
{
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(list->rows[middle].envelope_hash.bytes, parcel->envelope_hash.bytes, 32) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < list->count && pp_hash_eq(&list->rows[low].envelope_hash, &parcel->envelope_hash); low++) {
        struct earlier *row = &list->rows[low];
        if (!row->taken && row->retention_days == parcel->retention_days &&
            row->envelope_kind == parcel->envelope_kind) {
            row->taken = true;
            return row;
        }
    }
    return NULL;
}

static struct quote *quote_keep(struct sender *s, const struct cli_quote *card)
{
    for (struct quote *q = s->quotes; q; q = q->next)
        if (pp_hash_eq(&q->card.id, &card->id))
            return q;
    struct quote *q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    q->card = *card;
    q->next = s->quotes;
    s->quotes = q;
    return q;
}

static size_t pending_leaves(const struct cli_lane *lane)
{
    size_t count = 0;
    for (size_t i = 0; i < cli_lane_pending(lane); i++)
        count += cli_lane_pending_request(lane, i)->count;
    return count;
}

static enum pp_error pending_gather(struct sender *s)
{
    const struct cli_lane *lane = s->config->lane;
    struct cli_problem ignored;
    size_t most = pending_leaves(lane);
    if (most == 0)
        return PP_OK;
    s->pending.rows = calloc(most, sizeof *s->pending.rows);
    if (!s->pending.rows)
        return PP_NO_MEMORY;
    for (size_t i = 0; i < cli_lane_pending(lane); i++) {
        const struct cli_signed *request = cli_lane_pending_request(lane, i);
        struct cli_quote card;
        if (cli_quote_take(request->quote, request->quote_length, s->config->node, &card, &ignored) != PP_OK)
            return PP_CORRUPT;
        struct quote *quote = quote_keep(s, &card);
        if (!quote)
            return PP_NO_MEMORY;
        for (size_t j = 0; j < request->count; j++) {
            const struct cli_stamp *stamp = cli_lane_find(lane, &request->ids[j]);
            if (stamp && stamp->state == CLI_STAMP_SIGNED)
                s->pending.rows[s->pending.count++] =
                    (struct earlier){.envelope_hash = stamp->envelope_hash,
                                     .retention_days = stamp->retention_days,
                                     .envelope_kind = stamp->envelope_kind,
                                     .leaf = request->leaves[j],
                                     .id = request->ids[j],
                                     .quote = quote};
        }
    }
    earlier_sort(&s->pending);
    return PP_OK;
}

static enum pp_error acknowledged_gather(struct sender *s)
{
    const struct cli_lane *lane = s->config->lane;
    if (!s->config->resume || cli_lane_job_ended(lane) || cli_lane_stamps(lane) == 0)
        return PP_OK;
    s->acknowledged.rows = calloc(cli_lane_stamps(lane), sizeof *s->acknowledged.rows);
    if (!s->acknowledged.rows)
        return PP_NO_MEMORY;
    for (size_t i = 0; i < cli_lane_stamps(lane); i++) {
        const struct cli_stamp *stamp = cli_lane_stamp(lane, i);
        if (stamp->job == cli_lane_job(lane) &&
            (stamp->state == CLI_STAMP_STORED || stamp->state == CLI_STAMP_DELETED))
            s->acknowledged.rows[s->acknowledged.count++] =
                (struct earlier){.envelope_hash = stamp->envelope_hash,
                                 .retention_days = stamp->retention_days,
                                 .envelope_kind = stamp->envelope_kind,
                                 .id = stamp->id};
    }
    earlier_sort(&s->acknowledged);
    return PP_OK;
}

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
static enum pp_error quote_need(struct sender *s, uint64_t now)
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

/* ---- taking parcels ---- */

/* The next parcel that has to be sent; NULL at the end. */
static enum pp_error source_next(struct sender *s, struct item **out)
{
    *out = NULL;
    while (!s->source_ended) {
        struct cli_parcel *parcel;
        PP_TRY(cli_parcels_next(s->config->parcels, &parcel, s->problem));
        if (!parcel) {
            s->source_ended = true;
            break;
        }
        s->summary->taken++;
        struct item *item = calloc(1, sizeof *item);
        if (!item) {
            cli_parcel_free(parcel);
            return cli_problem_set(s->problem, PP_NO_MEMORY, "an envelope");
        }
        item->parcel = parcel;
        if (parcel->error != PP_OK) {
            item_refuse(s, item, parcel->error);
            continue;
        }
        if (earlier_take(&s->acknowledged, parcel)) {
            s->summary->skipped++;
            item_free(item);
            continue;
        }
        struct earlier *pending = earlier_take(&s->pending, parcel);
        if (pending) {
            item->stamped = true;
            item->leaf = pending->leaf;
            item->id = pending->id;
            item->quote = pending->quote;
        }
        *out = item;
        return PP_OK;
    }
    return PP_OK;
}

/* The next item, wherever it stands: those to be sent again first. */
static enum pp_error item_next(struct sender *s, uint64_t now, struct item **out)
{
    if (s->again.first && s->again.first->due_ms <= now) {
        *out = queue_take(&s->again);
        return PP_OK;
    }
    if (s->summary->stopped != PP_OK) {
        *out = NULL;
        return PP_OK;
    }
    return source_next(s, out);
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
        PP_TRY(item_next(s, now, &item));
        if (!item)
            break;
        enum pp_error error = cli_parcel_load(item->parcel);
        if (error == PP_OK && !item->stamped)
            error = item_stamp(s, item);
        if (error != PP_OK) {
            item_refuse(s, item, error);
            continue;
        }
        if (slot->count > 0 && (item->quote != slot->quote || bytes + item_bytes(item) > BATCH_MAX_BYTES)) {
            queue_put_first(&s->again, item);
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

static enum pp_error body_frame(struct sender *s, struct slot *slot)
{
    struct pp_envelope_view *views = calloc(slot->count, sizeof *views);
    if (!views)
        return PP_NO_MEMORY;
    for (size_t i = 0; i < slot->count; i++)
        views[i] = (struct pp_envelope_view){.leaf = slot->items[i]->leaf,
                                             .topic = slot->items[i]->parcel->topic,
                                             .topic_length = slot->items[i]->parcel->topic_length,
                                             .payload = slot->items[i]->parcel->payload,
                                             .payload_length = slot->items[i]->parcel->payload_length};
    const struct pp_request request = {.channel_id = slot->voucher.channel_id,
                                       .lane = slot->voucher.lane,
                                       .kind = slot->kind,
                                       .spent = slot->voucher.spent,
                                       .refund_ack = slot->voucher.refund_ack,
                                       .signature = slot->voucher.signature,
                                       .quote = slot->quote->card.bytes,
                                       .quote_length = slot->quote->card.length,
                                       .envelopes = views,
                                       .count = slot->count};
    size_t length = pp_frame_length(&request);
    enum pp_error error = body_reserve(slot, length);
    if (error == PP_OK)
        error = pp_frame_encode(&request, slot->body, slot->body_room, &slot->body_length);
    free(views);
    (void)s;
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
static enum pp_error slot_sign(struct sender *s, struct slot *slot)
{
    struct cli_signed *request = cli_signed_new(slot->count);
    if (!request)
        return PP_NO_MEMORY;
    for (size_t i = 0; i < slot->count; i++) {
        request->leaves[i] = slot->items[i]->leaf;
        request->ids[i] = slot->items[i]->id;
    }
    slot->kind = slot->count == 1 ? PP_STAMP_SINGLE : PP_STAMP_BATCH;
    enum pp_error error = pp_wallet_sign(cli_lane_wallet(s->config->lane), s->config->crypto,
                                         s->config->domain, s->config->signer, slot->kind, request->leaves,
                                         request->ids, slot->count, s->scratch, &slot->voucher);
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

static void slot_empty(struct slot *slot)
{
    for (size_t i = 0; i < slot->count; i++)
        item_free(slot->items[i]);
    slot->count = 0;
    slot->state = SLOT_IDLE;
    slot->repeating = false;
    slot->attempts = 0;
}

static enum pp_error slot_build(struct sender *s, struct slot *slot, uint64_t now)
{
    unsigned every = s->config->single_every;
    bool single = s->config->single || (every && (s->summary->requests + 1) % every == 0);
    PP_TRY(slot_gather(s, slot, single ? 1 : s->config->batch, now));
    if (slot->count == 0)
        return PP_OK;
    enum pp_error error = slot_sign(s, slot);
    slot->by_payment = single && slot->quote->card.has_challenge;
    if (error == PP_OK)
        error = slot->by_payment ? body_payment(slot) : body_frame(s, slot);
    if (error != PP_OK)
        return cli_problem_set(s->problem, error, "signing %s", slot->items[0]->parcel->name);
    for (size_t i = 0; i < slot->count; i++)
        cli_parcel_unload(slot->items[i]->parcel); /* the body has it */
    slot->state = SLOT_READY;
    slot->attempts = 0;
    s->summary->requests++;
    return PP_OK;
}

static enum pp_error slot_start(struct sender *s, struct slot *slot)
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

/* ---- answers ---- */

static bool is_retryable(const struct pp_refusal *refusal)
{
    return refusal->retry_after_ms > 0 || refusal->error == PP_TOO_MANY_HOLES ||
           refusal->error == PP_NODE_DOWN || refusal->error == PP_NODE_NONSENSE ||
           refusal->error == PP_TOO_SLOW ||
           pp_error_class(refusal->error) == PP_CLASS_FAULT; /* nobody knows then whether it was stored */
}

/* Signing again helps. */
static bool is_resignable(enum pp_error error)
{
    switch ((int)error) {
    case PP_QUOTE_EXPIRED:
    case PP_STAMP_EXPIRED:
    case PP_PRICE_TOO_LOW:
    case PP_QUOTE_INVALID:
    case PP_INTERVAL_TAKEN:
        return true;
    default:
        return false;
    }
}

static uint64_t backoff_ms(unsigned attempts, uint32_t asked_ms)
{
    uint64_t wait = (uint64_t)BACKOFF_FIRST_MS << (attempts < 5 ? attempts : 5);
    if (wait > BACKOFF_MOST_MS)
        wait = BACKOFF_MOST_MS;
    return wait > asked_ms ? wait : asked_ms < BACKOFF_MOST_MS ? asked_ms : BACKOFF_MOST_MS;
}

/* The same bytes again, later. A challenge that has expired meanwhile does not stand in the way: the frame needs none. */
static enum pp_error slot_wait(struct sender *s, struct slot *slot, const struct pp_refusal *refusal,
                               uint64_t now)
{
    s->last_error = refusal->error;
    if (refusal->error == PP_CHALLENGE_INVALID) {
        enum pp_error error = cli_parcel_load(slot->items[0]->parcel);
        slot->by_payment = false;
        if (error == PP_OK)
            error = body_frame(s, slot);
        if (error != PP_OK)
            return cli_problem_set(s->problem, error, "%s", slot->items[0]->parcel->name);
        cli_parcel_unload(slot->items[0]->parcel);
        slot->due_ms = now;
    } else {
        slot->due_ms = now + backoff_ms(slot->attempts, refusal->retry_after_ms);
    }
    slot->attempts++;
    slot->state = SLOT_WAITING;
    return PP_OK;
}

static enum pp_error interval_release(struct sender *s, const struct item *item,
                                      const struct pp_refusal *refusal)
{
    struct pp_wallet *wallet = cli_lane_wallet(s->config->lane);
    struct pp_span span = {.from = item->leaf.from};
    if (refusal->error == PP_INTERVAL_TAKEN) {
        struct pp_span consumed[PP_REFUSAL_RANGES_MAX];
        for (size_t i = 0; i < refusal->consumed_count; i++)
            consumed[i] = (struct pp_span){refusal->consumed[i].from, refusal->consumed[i].to};
        return pp_wallet_taken(wallet, consumed, refusal->consumed_count);
    }
    PP_TRY(pp_leaf_to(&item->leaf, &span.to));
    enum pp_error error = pp_wallet_give_back(wallet, &span);
    return error == PP_TOO_MANY_HOLES ? PP_OK : error; /* the next start finds it again */
}

/* One envelope was refused. Takes the item. */
static enum pp_error item_decide(struct sender *s, struct item *item, const struct cli_problem *why,
                                 uint64_t now)
{
    const struct pp_refusal *refusal = &why->refusal;
    s->last_error = refusal->error;
    if (is_retryable(refusal)) {
        item->due_ms = now + backoff_ms(0, refusal->retry_after_ms);
        queue_put(&s->again, item);
        return PP_OK;
    }
    cli_lane_put_refused(s->config->lane, &item->id, refusal->error);
    s->changed = true;
    enum pp_error error = interval_release(s, item, refusal);
    if (error != PP_OK) {
        cli_problem_set(s->problem, error, "the node refused %s with %s", item->parcel->name,
                        pp_error_name(refusal->error));
        item_free(item);
        return error;
    }
    if (!is_resignable(refusal->error) || ++item->resigned > RESIGN_MOST) {
        item_refuse(s, item, refusal->error);
        return PP_OK;
    }
    s->quote_stale |= refusal->error != PP_INTERVAL_TAKEN;
    s->summary->resigned++;
    item->stamped = false;
    item->due_ms = now;
    queue_put(&s->again, item);
    return PP_OK;
}

/* The whole request was refused, or there was no answer. */
static enum pp_error slot_refused(struct sender *s, struct slot *slot, const struct cli_problem *why,
                                  uint64_t now)
{
    bool may_pass =
        is_retryable(&why->refusal) || (why->refusal.error == PP_CHALLENGE_INVALID && slot->by_payment);
    if (slot->repeating && may_pass) { /* it is acknowledged already */
        slot_empty(slot);
        return PP_OK;
    }
    if (slot->repeating)
        return cli_problem_set(s->problem, PP_NODE_TOLD_OTHERWISE,
                               "%s was acknowledged, then refused with %s", slot->items[0]->parcel->name,
                               pp_error_name(why->refusal.error));
    if (may_pass) {
        s->summary->retried++;
        return slot_wait(s, slot, &why->refusal, now);
    }
    enum pp_error error = PP_OK;
    size_t count = slot->count;
    slot->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (error == PP_OK)
            error = item_decide(s, slot->items[i], why, now);
        else
            item_free(slot->items[i]);
    }
    slot_empty(slot);
    return error;
}

/* SEND-001: a receipt is verified against the pinned key over bodies that we build ourselves, then believed. */
static enum pp_error receipt_verify(struct sender *s, struct slot *slot, const struct cli_submitted *answer)
{
    const struct cli_lane *lane = s->config->lane;
    size_t count = 0;
    for (size_t i = 0; i < slot->count; i++) {
        if (!answer->results[i].admitted)
            continue;
        const struct item *item = slot->items[i];
        const struct cli_stamp *stamp = cli_lane_find(lane, &item->id);
        PP_ASSERT(stamp != NULL);
        s->bodies[count] = (struct pp_receipt_body){.channel_id = slot->voucher.channel_id,
                                                    .lane = slot->voucher.lane,
                                                    .stamp_id = item->id,
                                                    .sequence = answer->results[i].sequence,
                                                    .time_ms = answer->results[i].time_ms};
        s->leaves[count] = item->leaf;
        s->counted[count] = stamp->state == CLI_STAMP_STORED || stamp->state == CLI_STAMP_DELETED;
        count++;
    }
    if (count == 0)
        return PP_OK;
    if (!answer->has_receipt)
        return cli_problem_set(s->problem, PP_NODE_TOLD_OTHERWISE,
                               "the node admitted envelopes and gave no receipt");
    enum pp_error error = pp_wallet_receipt(cli_lane_wallet(s->config->lane), &answer->receipt, s->bodies,
                                            s->leaves, s->counted, count, s->scratch);
    if (error != PP_OK)
        return cli_problem_set(s->problem, error, "the node's receipt for %s", slot->items[0]->parcel->name);
    cli_lane_put_receipt(s->config->lane, &answer->receipt, s->bodies, count);
    s->changed = true;
    return PP_OK;
}

/* For whoever wants to delete or read them later. The lane's log has them too: this file is a convenience. */
static void receipt_tell(const struct sender *s, const struct item *item, const struct cli_result *result)
{
    char hex[2 + 64 + 1] = "0x";
    if (!s->config->receipts)
        return;
    pp_hex_print(item->id.bytes, sizeof item->id.bytes, hex + 2);
    json_t *line =
        json_pack("{s:s, s:I, s:s, s:I, s:I, s:i}", "name", item->parcel->name, "sequence",
                  (json_int_t)result->sequence, "stamp_id", hex, "time_ms", (json_int_t)result->time_ms,
                  "bytes", (json_int_t)item->parcel->payload_length, "days", (int)item->leaf.retention_days);
    if (line && json_dumpf(line, s->config->receipts, JSON_COMPACT) == 0)
        fputc('\n', s->config->receipts);
    json_decref(line);
}

static void item_acknowledge(struct sender *s, struct item *item, const struct cli_result *result)
{
    struct pp_grains total;
    s->summary->acknowledged++;
    receipt_tell(s, item, result);
    s->summary->known += result->known;
    s->summary->bytes += item->parcel->payload_length;
    if (pp_postage_total(&item->leaf.postage, &total) == PP_OK)
        s->summary->postage = pp_grains_add_checked(s->summary->postage, total);
}

/* SEND-005: a retry is answered as the first time was. */
static enum pp_error repeat_check(struct sender *s, struct slot *slot, const struct cli_submitted *answer)
{
    for (size_t i = 0; i < slot->count; i++)
        if (!answer->results[i].admitted || !answer->results[i].known ||
            answer->results[i].sequence != slot->sequences[i])
            return cli_problem_set(s->problem, PP_NODE_TOLD_OTHERWISE,
                                   "%s was sent twice: first it was number %llu, then %s %llu",
                                   slot->items[i]->parcel->name, (unsigned long long)slot->sequences[i],
                                   answer->results[i].admitted ? "number" : "refused, number",
                                   (unsigned long long)answer->results[i].sequence);
    s->summary->repeated++;
    return PP_OK;
}

static bool slot_wants_repeat(const struct sender *s, const struct slot *slot,
                              const struct cli_submitted *answer)
{
    if (!s->config->repeat_every || s->requests_done % s->config->repeat_every != 0)
        return false;
    for (size_t i = 0; i < slot->count; i++)
        if (!answer->results[i].admitted)
            return false;
    return true;
}

static enum pp_error slot_answered(struct sender *s, struct slot *slot, const struct cli_submitted *answer,
                                   uint64_t now)
{
    PP_TRY(receipt_verify(s, slot, answer));
    if (slot->repeating) {
        PP_TRY(repeat_check(s, slot, answer));
        slot_empty(slot);
        return PP_OK;
    }
    s->requests_done++;
    bool repeat = slot_wants_repeat(s, slot, answer);
    enum pp_error error = PP_OK;
    for (size_t i = 0; i < slot->count; i++) {
        struct item *item = slot->items[i];
        if (answer->results[i].admitted) {
            item_acknowledge(s, item, &answer->results[i]);
            slot->sequences[i] = answer->results[i].sequence;
            s->progress_ms = now;
            if (!repeat)
                item_free(item);
        } else if (error == PP_OK) {
            error = item_decide(s, item, &answer->results[i].problem, now);
        } else {
            item_free(item);
        }
    }
    if (!repeat) {
        slot->count = 0;
        slot_empty(slot);
    } else {
        slot->repeating = true;
        slot->state = SLOT_READY;
    }
    return error;
}

static enum pp_error slot_ended(struct sender *s, struct slot *slot, uint64_t now)
{
    struct cli_problem *why = calloc(1, sizeof *why);
    struct cli_submitted answer;
    size_t length;
    if (!why)
        return cli_problem_set(s->problem, PP_NO_MEMORY, "an answer");
    enum pp_error error = cli_exchange_result(slot->exchange, why);
    const uint8_t *body = cli_exchange_body(slot->exchange, &length);
    json_t *object = length ? json_loadb((const char *)body, length, JSON_REJECT_DUPLICATES, NULL) : NULL;
    /* A batch of which everything was refused is a problem with results. */
    if (error == PP_OK || (cli_exchange_status(slot->exchange) != 0 && cli_submitted_has_results(object)))
        error = cli_submitted_read(object, slot->count, &answer, why);
    json_decref(object);
    if (error != PP_OK) {
        error = slot_refused(s, slot, why, now);
    } else {
        error = slot_answered(s, slot, &answer, now);
        cli_submitted_done(&answer);
    }
    free(why);
    return error;
}

/* ---- the loop ---- */

static enum pp_error log_commit(struct sender *s)
{
    if (!s->changed)
        return PP_OK;
    s->changed = false;
    enum pp_error error = cli_lane_commit(s->config->lane);
    return error == PP_OK ? PP_OK
                          : cli_problem_set(s->problem, error,
                                            "the lane's log could not be written; nothing more was sent");
}

static bool is_transient(const struct cli_problem *problem)
{
    return is_retryable(&problem->refusal);
}

static bool has_work(const struct sender *s, uint64_t now)
{
    return (s->again.first && s->again.first->due_ms <= now) ||
           (!s->source_ended && s->summary->stopped == PP_OK);
}

static enum pp_error slots_fill(struct sender *s, uint64_t now)
{
    for (unsigned i = 0; i < s->config->connections; i++) {
        struct slot *slot = &s->slots[i];
        if (slot->state == SLOT_WAITING && slot->due_ms <= now)
            slot->state = SLOT_READY;
        if (slot->state != SLOT_IDLE || !has_work(s, now) || now < s->quote_due_ms)
            continue;
        enum pp_error error = quote_need(s, now);
        if (error != PP_OK && !is_transient(s->problem))
            return error;
        if (error != PP_OK) { /* the node is away: ask again soon */
            s->last_error = error;
            s->quote_due_ms = now + BACKOFF_FIRST_MS * 2;
            continue;
        }
        PP_TRY(slot_build(s, slot, now));
    }
    return PP_OK;
}

static enum pp_error slots_start(struct sender *s)
{
    for (unsigned i = 0; i < s->config->connections; i++) {
        struct slot *slot = &s->slots[s->config->reorder ? s->config->connections - 1 - i : i];
        if (slot->state == SLOT_READY)
            PP_TRY(slot_start(s, slot));
    }
    return PP_OK;
}

static bool is_done(const struct sender *s)
{
    for (unsigned i = 0; i < s->config->connections; i++)
        if (s->slots[i].state != SLOT_IDLE)
            return false;
    return !s->again.first && (s->source_ended || s->summary->stopped != PP_OK);
}

static bool has_running(const struct sender *s)
{
    for (unsigned i = 0; i < s->config->connections; i++)
        if (s->slots[i].state == SLOT_RUNNING)
            return true;
    return false;
}

static struct slot *slot_of(struct sender *s, const struct cli_exchange *exchange)
{
    for (unsigned i = 0; i < s->config->connections; i++)
        if (s->slots[i].exchange == exchange)
            return &s->slots[i];
    return NULL;
}

/* Waits for one answer, then takes all that are there. */
static enum pp_error answers_take(struct sender *s)
{
    struct cli_exchange *ended;
    if (!has_running(s)) {
        const struct timespec pause = {
            .tv_nsec = 20 * 1000000L}; /* nothing under way: something waits for its time */
        nanosleep(&pause, NULL);
        return PP_OK;
    }
    for (int wait = POLL_MS; (ended = cli_exchanges_next(s->exchanges, wait)) != NULL; wait = 0) {
        struct slot *slot = slot_of(s, ended);
        PP_ASSERT(slot != NULL && slot->state == SLOT_RUNNING);
        PP_TRY(slot_ended(s, slot, now_ms()));
    }
    return PP_OK;
}

static enum pp_error sender_loop(struct sender *s)
{
    s->progress_ms = now_ms();
    while (!is_done(s)) {
        uint64_t now = now_ms();
        if (now - s->progress_ms > s->config->patience_ms) {
            s->summary->stopped = s->last_error != PP_OK ? s->last_error : PP_NODE_DOWN;
            return PP_OK;
        }
        PP_TRY(slots_fill(s, now));
        PP_TRY(log_commit(s)); /* LOG-001: what is in the log may leave */
        PP_TRY(slots_start(s));
        if (s->config->progress)
            s->config->progress(s->config->context, s->summary);
        if (!is_done(s))
            PP_TRY(answers_take(s));
    }
    return log_commit(s);
}

/* ---- beginning and end ---- */

/* Whether a signed stamp may still be admitted, by the node's clock. */
static bool pending_is_live(const struct sender *s, uint64_t node_now_ms)
{
    for (size_t i = 0; i < s->pending.count; i++)
        if (s->pending.rows[i].leaf.not_after_ms > node_now_ms)
            return true;
    return false;
}

/* Stamps that can no longer be admitted, and were not: they are settled. */
static void expired_settle(struct sender *s)
{
    struct pp_wallet *wallet = cli_lane_wallet(s->config->lane);
    size_t kept = 0;
    for (size_t i = 0; i < s->pending.count; i++) {
        struct earlier *row = &s->pending.rows[i];
        struct pp_span span = {.from = row->leaf.from};
        if (pp_leaf_to(&row->leaf, &span.to) == PP_OK && !pp_intervals_is_consumed(&wallet->used, &span))
            cli_lane_put_refused(s->config->lane, &row->id, PP_STAMP_EXPIRED);
        else
            s->pending.rows[kept++] = *row;
    }
    s->pending.count = kept;
}

static enum pp_error refund_take(struct sender *s, const struct cli_lane_view *view)
{
    if (!view->has_refund)
        return PP_OK;
    enum pp_error error = pp_wallet_refund(cli_lane_wallet(s->config->lane), s->config->crypto,
                                           s->config->domain, &view->refund, &view->refund_signature);
    return error == PP_OK
               ? PP_OK
               : cli_problem_set(s->problem, error, "the node's refund of lane %u", view->refund.lane);
}

/* SEND-006: what the node has of the lane. Waits for the node as long as patience lasts. */
static enum pp_error view_get(struct sender *s, struct cli_lane_view *out)
{
    const struct pp_wallet_config *wallet = &cli_lane_wallet(s->config->lane)->config;
    uint64_t until = now_ms() + s->config->patience_ms;
    for (unsigned attempt = 0;; attempt++) {
        enum pp_error error =
            cli_lane_view_get(s->exchange, &wallet->channel_id, wallet->lane, out, s->problem);
        if (error == PP_OK || !is_transient(s->problem) || error == PP_NODE_NONSENSE || now_ms() > until)
            return error;
        uint64_t wait = backoff_ms(attempt, s->problem->refusal.retry_after_ms);
        const struct timespec pause = {.tv_sec = (time_t)(wait / 1000),
                                       .tv_nsec = (long)(wait % 1000) * 1000000L};
        nanosleep(&pause, NULL);
    }
}

static enum pp_error lane_begin(struct sender *s)
{
    struct cli_lane *lane = s->config->lane;
    struct cli_lane_view *view = calloc(1, sizeof *view);
    struct cli_quote card;
    if (!view)
        return cli_problem_set(s->problem, PP_NO_MEMORY, "the lane's view");
    enum pp_error error = view_get(s, view);
    if (error == PP_OK)
        error = refund_take(s, view);
    if (error == PP_OK)
        error = cli_quote_get(s->exchange, s->config->node, &card, s->problem);
    if (error == PP_OK && !pending_is_live(s, card.quote.issued_ms)) {
        bool ahead = pp_grains_lt(cli_lane_wallet(lane)->spent, view->head);
        const struct pp_wallet_view told = {
            .head = view->head,
            .holes = view->holes,
            .holes_count = view->holes_count,
            .voucher = ahead && view->has_voucher ? &view->voucher : NULL};
        error = pp_wallet_import(cli_lane_wallet(lane), s->config->crypto, s->config->domain, &told);
        if (error != PP_OK)
            cli_problem_set(s->problem, error,
                            "the node's view of lane %u: head %llu of what this wallet signed",
                            cli_lane_wallet(lane)->config.lane, (unsigned long long)view->head.raw);
        else
            expired_settle(s);
    }
    if (error == PP_OK) {
        if (!s->config->resume || cli_lane_job_ended(lane))
            cli_lane_put_job_begin(lane);
        s->changed = true;
        error = log_commit(s);
    }
    free(view);
    return error;
}

static enum pp_error sender_open(struct sender *s)
{
    const struct cli_sender_config *config = s->config;
    s->slots = calloc(config->connections, sizeof *s->slots);
    s->scratch = calloc(PP_LEAVES_MAX, sizeof *s->scratch);
    s->bodies = calloc(PP_LEAVES_MAX, sizeof *s->bodies);
    s->leaves = calloc(PP_LEAVES_MAX, sizeof *s->leaves);
    s->counted = calloc(PP_LEAVES_MAX, sizeof *s->counted);
    if (!s->slots || !s->scratch || !s->bodies || !s->leaves || !s->counted)
        return PP_NO_MEMORY;
    PP_TRY(cli_exchange_open(config->node_url, &s->exchange));
    PP_TRY(cli_exchanges_open(&s->exchanges));
    for (unsigned i = 0; i < config->connections; i++) {
        struct slot *slot = &s->slots[i];
        slot->items = calloc(PP_LEAVES_MAX, sizeof(struct item *));
        slot->sequences = calloc(PP_LEAVES_MAX, sizeof *slot->sequences);
        if (!slot->items || !slot->sequences)
            return PP_NO_MEMORY;
        PP_TRY(cli_exchange_open(config->node_url, &slot->exchange));
    }
    PP_TRY(acknowledged_gather(s));
    return pending_gather(s);
}

static void sender_close(struct sender *s)
{
    for (unsigned i = 0; s->slots && i < s->config->connections; i++) {
        struct slot *slot = &s->slots[i];
        if (slot->state == SLOT_RUNNING)
            cli_exchanges_stop(s->exchanges, slot->exchange);
        slot_empty(slot);
        cli_exchange_close(slot->exchange);
        free(slot->items);
        free(slot->sequences);
        free(slot->authorization);
        free(slot->body);
    }
    cli_exchanges_close(s->exchanges);
    cli_exchange_close(s->exchange);
    for (struct item *item = queue_take(&s->again); item; item = queue_take(&s->again))
        item_free(item);
    while (s->quotes) {
        struct quote *next = s->quotes->next;
        free(s->quotes);
        s->quotes = next;
    }
    free(s->pending.rows);
    free(s->acknowledged.rows);
    free(s->slots);
    free(s->scratch);
    free(s->bodies);
    free(s->leaves);
    free(s->counted);
}

static uint64_t refused_total(const struct cli_send_summary *summary)
{
    uint64_t count = 0;
    for (size_t i = 0; i < summary->refused_kinds; i++)
        count += summary->refused[i].count;
    return count;
}

static void summary_finish(struct sender *s)
{
    struct cli_send_summary *summary = s->summary;
    uint64_t decided = summary->acknowledged + summary->skipped + refused_total(summary);
    uint64_t total = summary->total > summary->taken ? summary->total : summary->taken;
    summary->unsent = total > decided ? total - decided : 0;
}

enum pp_error cli_sender_run(const struct cli_sender_config *config, struct cli_send_summary *summary,
                             struct cli_problem *problem)
{
    struct sender *s = calloc(1, sizeof *s);
    PP_ASSERT(config->connections >= 1 && config->connections <= CLI_CONNECTIONS_MAX);
    PP_ASSERT(config->batch >= 1 && config->batch <= PP_LEAVES_MAX);
    if (!s)
        return cli_problem_set(problem, PP_NO_MEMORY, "the sender");
    memset(summary, 0, sizeof *summary);
    s->config = config;
    s->summary = summary;
    s->problem = problem;
    summary->total = cli_parcels_total(config->parcels);
    enum pp_error error = sender_open(s);
    if (error != PP_OK)
        cli_problem_set(problem, error, "the sender, for %s", config->node_url);
    if (error == PP_OK)
        error = lane_begin(s);
    if (error == PP_OK)
        error = sender_loop(s);
    summary_finish(s);
    if (error == PP_OK && summary->unsent == 0 && summary->refused_kinds == 0 && summary->stopped == PP_OK) {
        cli_lane_put_job_end(config->lane);
        s->changed = true;
        error = log_commit(s);
    }
    sender_close(s);
    free(s);
    return error;
}
