#include "send_parts.h"

#include <pp/assert.h>

#include <stdlib.h>

#define RESIGN_MOST 8u
#define BACKOFF_FIRST_MS 100u
#define BACKOFF_MOST_MS 2000u

/* ---- answers ---- */

bool cli_send_is_retryable(const struct pp_refusal *refusal)
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
            error = cli_send_body_frame(s, slot);
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
    bool of_session = cli_send_is_of_session(s, refusal) && ++item->resigned <= RESIGN_MOST;
    if (of_session || cli_send_is_retryable(refusal)) {
        item->due_ms = now + (of_session ? 0 : backoff_ms(0, refusal->retry_after_ms));
        cli_send_queue_put(&s->again, item);
        return PP_OK;
    }
    cli_lane_put_refused(s->config->lane, &item->id, refusal->error);
    s->changed = true;
    enum pp_error error = interval_release(s, item, refusal);
    if (error != PP_OK) {
        cli_problem_set(s->problem, error, "the node refused %s with %s", item->parcel->name,
                        pp_error_name(refusal->error));
        cli_send_item_free(item);
        return error;
    }
    if (!is_resignable(refusal->error) || ++item->resigned > RESIGN_MOST) {
        cli_send_item_refuse(s, item, refusal->error);
        return PP_OK;
    }
    s->quote_stale |= refusal->error != PP_INTERVAL_TAKEN;
    s->summary->resigned++;
    item->stamped = false;
    item->due_ms = now;
    cli_send_queue_put(&s->again, item);
    return PP_OK;
}

/* The whole request was refused, or there was no answer. */
static enum pp_error slot_refused(struct sender *s, struct slot *slot, const struct cli_problem *why,
                                  uint64_t now)
{
    bool may_pass = cli_send_is_retryable(&why->refusal) ||
                    (why->refusal.error == PP_CHALLENGE_INVALID && slot->by_payment);
    if (slot->repeating && may_pass) { /* it is acknowledged already */
        cli_send_slot_empty(slot);
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
            cli_send_item_free(slot->items[i]);
    }
    cli_send_slot_empty(slot);
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
    json_t *line = json_pack(
        "{s:s, s:s?, s:I, s:s, s:I, s:I, s:i}", "name", item->parcel->name, "path", item->parcel->path,
        "sequence", (json_int_t)result->sequence, "stamp_id", hex, "time_ms", (json_int_t)result->time_ms,
        "bytes", (json_int_t)item->parcel->payload_length, "days", (int)item->leaf.retention_days);
    if (line && json_dumpf(line, s->config->receipts, JSON_COMPACT) == 0)
        fputc('\n', s->config->receipts);
    json_decref(line);
}

static void item_acknowledge(struct sender *s, struct item *item, const struct cli_result *result,
                             bool in_session)
{
    struct pp_grains total;
    s->summary->acknowledged++;
    receipt_tell(s, item, result);
    s->summary->known += result->known;
    s->summary->in_sessions += in_session;
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
        cli_send_slot_empty(slot);
        return PP_OK;
    }
    s->requests_done++;
    bool repeat = slot_wants_repeat(s, slot, answer);
    enum pp_error error = PP_OK;
    for (size_t i = 0; i < slot->count; i++) {
        struct item *item = slot->items[i];
        if (answer->results[i].admitted) {
            item_acknowledge(s, item, &answer->results[i], slot->kind == PP_STAMP_SESSION);
            slot->sequences[i] = answer->results[i].sequence;
            s->progress_ms = now;
            if (!repeat)
                cli_send_item_free(item);
        } else if (error == PP_OK) {
            error = item_decide(s, item, &answer->results[i].problem, now);
        } else {
            cli_send_item_free(item);
        }
    }
    if (!repeat) {
        slot->count = 0;
        cli_send_slot_empty(slot);
    } else {
        slot->repeating = true;
        slot->state = SLOT_READY;
    }
    return error;
}

enum pp_error cli_send_slot_ended(struct sender *s, struct slot *slot, uint64_t now)
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
