/* The writer's decision on a request, in the order of LANE-030, and the record of what was admitted. */
#include "engine/node.h"

#include <pp/assert.h>
#include <pp/day.h>

#include <stdlib.h>
#include <string.h>

#define RETRY_UNKNOWN_MS 5000u /* an opening takes some blocks to be seen and to be final */
#define RETRY_BUSY_MS 200u
#define RETRY_BONDS_MS 60000u /* a bond ends by a word or a deadline, not by waiting a moment */

/* ---- refusals ---- */

void pp_item_refuse_whole(struct pp_item *item, enum pp_error error, const char *field,
                          struct pp_value expected, struct pp_value actual, uint32_t retry_after_ms)
{
    pp_refusal_init(&item->refusal, error, field);
    item->refusal.expected = expected;
    item->refusal.actual = actual;
    item->refusal.retry_after_ms = retry_after_ms;
    item->error = error;
    item->admitted = item->known = 0;
}

/* Keeps a refusal of this item; its number is its place + 1. */
static enum pp_error refusal_keep(struct pp_item *item, const struct pp_refusal *refusal)
{
    if (item->refusal_count == item->refusal_capacity) {
        uint32_t capacity = item->refusal_capacity == 0 ? 1 : 4 * item->refusal_capacity;
        struct pp_refusal *grown = realloc(item->refusals, capacity * sizeof *grown);
        if (!grown)
            return PP_NO_MEMORY;
        item->refusals = grown;
        item->refusal_capacity = capacity;
    }
    item->refusals[item->refusal_count++] = *refusal;
    return PP_OK;
}

/* What the lane cannot know of a refusal. */
static void refusal_complete(const struct pp_node *node, const struct pp_item *item, size_t index,
                             uint32_t slot, struct pp_refusal *refusal)
{
    const struct pp_envelope_view *envelope = &item->request->envelopes[index];
    struct pp_hash hash;
    switch ((int)refusal->error) {
    case PP_CONTENT_MISMATCH:
        if (envelope->payload_length != envelope->leaf.size) {
            refusal->field = "size";
            refusal->expected = pp_value_number(envelope->leaf.size);
            refusal->actual = pp_value_number(envelope->payload_length);
        } else {
            pp_envelope_hash(envelope->topic, envelope->topic_length, envelope->payload,
                             envelope->payload_length, &hash);
            refusal->field = "envelope_hash";
            refusal->expected = pp_value_bytes(envelope->leaf.envelope_hash.bytes, 32);
            refusal->actual = pp_value_bytes(hash.bytes, 32);
        }
        break;
    case PP_QUOTE_EXPIRED:
        refusal->field = "quote";
        refusal->expected = pp_value_number(item->quote.expires_ms);
        refusal->actual = pp_value_number(node->group_time_ms);
        break;
    case PP_RETENTION_TOO_LONG:
        refusal->field = "retention_days";
        refusal->expected = pp_value_number(node->config.retention_max_days);
        refusal->actual = pp_value_number(envelope->leaf.retention_days);
        break;
    case PP_BOND_NOT_OFFERED:
    case PP_BOND_TOPIC:
    case PP_BOND_KEY:
    case PP_BOND_DEADLINE:
        (void)!pp_bond_offer_check(item, envelope, refusal); /* the same again, with the values */
        break;
    case PP_TOO_MANY_BONDS:
        refusal->field = "bond";
        refusal->expected = pp_value_number(PP_BONDS_MAX);
        refusal->actual = pp_value_number((uint64_t)node->ledger.bonds.count + item->bonds + 1);
        refusal->retry_after_ms = RETRY_BONDS_MS;
        break;
    case PP_QUOTE_INVALID:
        refusal->field = "quote";
        refusal->expected = pp_value_number(node->config.node_id);
        refusal->actual = pp_value_bytes(envelope->leaf.quote_id.bytes, 32);
        break;
    case PP_BAD_SIGNATURE:
    case PP_SIGNATURE_NOT_LOW_S:
        refusal->field = "signature";
        refusal->expected = pp_value_bytes(node->ledger.lanes[slot].signer.bytes, 20);
        refusal->actual = pp_value_bytes(item->voucher.signature.bytes, 32); /* r: enough to tell which */
        break;
    default:
        break;
    }
}

/* ---- known stamps ---- */

struct known {
    bool found;
    bool cancelled; /* all of it was given back: nothing is stored */
    uint64_t sequence;
    uint64_t time_ms;
};

static enum pp_error is_given_back(struct pp_txn *txn, uint64_t sequence, bool *out)
{
    struct pp_stamp_row row;
    PP_TRY(pp_stamp_row_get(txn, sequence, &row));
    *out = pp_stamp_is_given_back(&row);
    return PP_OK;
}

/* Without other operators, only tickets may have been: no row of others need be read. */
static bool may_be_given_back(const struct pp_node *node, bool is_ticket)
{
    return is_ticket || node->ledger.operators.count > 0;
}

/* A batch that is sent again stands in one record, in its order: the row behind the one found last needs no search. */
static bool row_is_next(const struct pp_journal_look *look, const struct pp_leaf *leaf, uint64_t *out_sequence)
{
    const struct pp_record *record = &look->record;
    if (!look->there || !pp_record_is_charge(record) || look->last_found + 1 - record->sequence >= record->count ||
        pp_record_span(record) != record->count || !pp_channel_id_eq(&record->charged.channel_id, &leaf->channel_id))
        return false;
    *out_sequence = look->last_found + 1;
    return pp_grains_eq(record->charged_rows[*out_sequence - record->sequence].leaf.from, leaf->from);
}

/* NODE-046: a search counts as the rows that could be read in its time. */
static enum pp_error sequence_find(struct pp_node *node, uint32_t slot, const struct pp_leaf *leaf, uint64_t *out_sequence)
{
    struct pp_journal_look *look = &node->look;
    if (row_is_next(look, leaf, out_sequence))
        return PP_OK;
    if (look->rows_left < PP_LOOK_SEARCH_ROWS)
        return PP_BUSY;
    look->rows_left -= PP_LOOK_SEARCH_ROWS;
    return pp_index_find(node->data.derived, slot, leaf->from, out_sequence);
}

static enum pp_error known_in_journal(struct pp_node *node, struct pp_txn *txn, uint32_t slot,
                                      const struct pp_leaf *leaf, const struct pp_stamp_id *id,
                                      struct known *out)
{
    uint64_t sequence;
    const struct pp_record *record = &node->look.record;
    enum pp_error error = sequence_find(node, slot, leaf, &sequence);
    if (error == PP_NOT_FOUND)
        return PP_OK;
    PP_TRY(error);
    PP_TRY(pp_journal_look(&node->look, txn, sequence));
    node->look.last_found = sequence;
    const struct pp_row_charged *row =
        pp_record_is_charge(record) ? pp_journal_row(record, sequence) : NULL;
    if (!row || !pp_channel_id_eq(&record->charged.channel_id, &leaf->channel_id) ||
        !pp_grains_eq(row->leaf.from, leaf->from))
        return PP_CORRUPT; /* the index leads elsewhere */
    out->found = pp_stamp_id_eq(&row->stamp_id, id);
    out->sequence = sequence;
    out->time_ms = record->time_ms;
    return out->found && may_be_given_back(node, pp_record_reserves(record))
               ? is_given_back(txn, sequence, &out->cancelled)
               : PP_OK;
}

/* The same leaf twice in one request. */
static bool known_in_item(const struct pp_item *item, size_t index, struct known *out)
{
    for (size_t i = 0; i < index; i++)
        if (item->outcomes[i].sequence != 0 && pp_stamp_id_eq(&item->ids[i], &item->ids[index])) {
            *out = (struct known){
                .found = true, .sequence = item->outcomes[i].sequence, .time_ms = item->outcomes[i].time_ms};
            return true;
        }
    return false;
}

static enum pp_error known_find(struct pp_node *node, struct pp_txn *txn, struct pp_item *item,
                                size_t index, uint32_t slot, struct known *out)
{
    const struct pp_leaf *leaf = &item->request->envelopes[index].leaf;
    *out = (struct known){0};
    item->searched = true;
    if (known_in_item(item, index, out))
        return PP_OK;
    const struct pp_recent_stamp *recent = pp_recent_find(&node->recent, slot, leaf->from);
    if (!recent)
        return known_in_journal(node, txn, slot, leaf, &item->ids[index], out);
    out->found = pp_stamp_id_eq(&recent->stamp_id, &item->ids[index]);
    out->sequence = recent->sequence;
    out->time_ms = recent->time_ms;
    return out->found && may_be_given_back(node, recent->ticket)
               ? is_given_back(txn, recent->sequence, &out->cancelled)
               : PP_OK;
}

/* ---- one stamp ---- */

static enum pp_error stamp_refused(struct pp_node *node, struct pp_item *item, size_t index, uint32_t slot,
                                   struct pp_refusal *refusal)
{
    refusal_complete(node, item, index, slot, refusal);
    PP_TRY(refusal_keep(item, refusal));
    item->outcomes[index] = (struct pp_outcome){.refusal = item->refusal_count};
    return PP_OK;
}

static void stamp_known(struct pp_item *item, size_t index, const struct known *known)
{
    item->outcomes[index] =
        (struct pp_outcome){.sequence = known->sequence, .time_ms = known->time_ms, .known = true};
    item->known++;
}

static enum pp_error stamp_decide(struct pp_node *node, struct pp_txn *txn, struct pp_item *item,
                                  size_t index, uint32_t slot, bool *out_again)
{
    struct pp_lane_facts facts = {
        .leaf = &item->request->envelopes[index].leaf,
        .quoted = item->quoted[index],
        .content_error = item->content_errors[index],
        .quote_error = item->quote_errors[index],
        .mac_error = item->verified && item->request->kind == PP_STAMP_SESSION ? item->mac_errors[index] : PP_OK,
    };
    const bool has_bond = facts.leaf->postage.bond_grains > 0;
    struct pp_refusal refusal;
    struct known known;
    if (has_bond && facts.quote_error == PP_OK && node->ledger.bonds.count + item->bonds >= PP_BONDS_MAX) /* REW-148 */
        facts.quote_error = PP_TOO_MANY_BONDS;
    enum pp_lane_answer answer = pp_lane_check(node->draft, &facts, &refusal);
    if (answer == PP_LANE_LOOK_UP) {
        enum pp_error error = known_find(node, txn, item, index, slot, &known);
        if (error == PP_BUSY) { /* NODE-046: its neighbours took all the searching that one request gets */
            pp_refusal_init(&refusal, PP_BUSY, "from");
            refusal.retry_after_ms = RETRY_BUSY_MS;
            return stamp_refused(node, item, index, slot, &refusal);
        }
        PP_TRY(error);
        if (known.found && known.cancelled) {
            pp_refusal_init(&refusal, PP_TICKET_CLOSED, "from");
            return stamp_refused(node, item, index, slot, &refusal);
        }
        if (known.found) {
            stamp_known(item, index, &known);
            return PP_OK;
        }
        facts.not_known = true;
        answer = pp_lane_check(node->draft, &facts, &refusal);
    }
    if (answer == PP_LANE_REFUSE)
        return stamp_refused(node, item, index, slot, &refusal);
    PP_ASSERT(answer == PP_LANE_ADMIT);
    *out_again = !item->verified;
    item->bonds += has_bond;
    item->outcomes[index] = (struct pp_outcome){
        .sequence = node->head.next_sequence + item->admitted++,
        .time_ms = node->group_time_ms,
    };
    return PP_OK;
}

/* ---- the record ---- */

static bool is_admitted_now(const struct pp_outcome *outcome)
{
    return outcome->sequence != 0 && !outcome->known;
}

static void record_make(const struct pp_node *node, const struct pp_item *item, struct pp_record *out)
{
    const struct pp_request *request = item->request;
    for (size_t i = 0; i < request->count; i++) {
        struct pp_row_charged *row = &node->rows[i];
        row->admitted = is_admitted_now(&item->outcomes[i]);
        row->stamp_id = item->ids[i];
        if (row->admitted)
            row->leaf = request->envelopes[i].leaf;
    }
    *out = (struct pp_record){
        .type = PP_RECORD_TYPE_CHARGED,
        .sequence = node->head.next_sequence,
        .time_ms = node->group_time_ms,
        .count = (uint32_t)request->count,
        .charged = {.channel_id = request->channel_id,
                    .lane = request->lane,
                    .kind = (uint8_t)request->kind,
                    .spent = request->spent,
                    .refund_ack = request->refund_ack,
                    .signature = request->signature,
                    .tickets = item->host},
        .charged_rows = node->rows,
    };
    for (size_t i = 0; i < request->count; i++)
        if (node->rows[i].admitted) {
            out->charged.quote_id = node->rows[i].leaf.quote_id; /* of all alike: the price check saw to it */
            break;
        }
}

static enum pp_error envelopes_append(struct pp_txn *txn, const struct pp_item *item)
{
    for (size_t i = 0; i < item->request->count; i++) {
        const struct pp_envelope_view *envelope = &item->request->envelopes[i];
        if (!is_admitted_now(&item->outcomes[i]))
            continue;
        struct pp_key8 key = pp_key8_of(item->outcomes[i].sequence);
        uint8_t topic_length = (uint8_t)envelope->topic_length;
        const struct pp_slice parts[] = {
            {&topic_length, 1},
            {envelope->topic, envelope->topic_length},
            {envelope->payload, envelope->payload_length},
        };
        PP_TRY(pp_txn_append(txn, PP_TABLE_ENVELOPES, pp_slice(key.bytes, 8), parts, 3));
    }
    return PP_OK;
}

static void recent_add(struct pp_node *node, const struct pp_item *item, uint32_t slot)
{
    for (size_t i = 0; i < item->request->count; i++) {
        const struct pp_outcome *outcome = &item->outcomes[i];
        if (!is_admitted_now(outcome))
            continue;
        const struct pp_envelope_view *envelope = &item->request->envelopes[i];
        struct pp_recent_stamp stamp = {
            .from = envelope->leaf.from,
            .stamp_id = item->ids[i],
            .sequence = outcome->sequence,
            .time_ms = outcome->time_ms,
            .slot = slot,
            .ticket = item->host,
        };
        if (!item->host) {
            stamp.gone_day = pp_day_of(outcome->time_ms) + envelope->leaf.retention_days;
            pp_index_topic_key_of(&node->index.secret, envelope->topic, envelope->topic_length, stamp.topic_key);
        }
        pp_recent_add(&node->recent, &stamp);
    }
}

/* Readers wait for nothing else of an admission: one short hold. BUSY, NO_MEMORY: nothing was changed. */
static enum pp_error ledger_charge(struct pp_node *node, const struct pp_item *item, uint32_t slot,
                                   const struct pp_record *record)
{
    pp_state_lock(node);
    enum pp_error error = pp_ledger_touch(&node->ledger, slot);
    if (error == PP_OK) {
        pp_ledger_charge(&node->ledger, slot, node->draft, record);
        if (item->has_key)
            pp_signers_add(&node->signers, slot, &item->signer_key);
    }
    pp_state_unlock(node);
    return error;
}

/* From the charge on, nothing of ours can fail; the store can, and then the whole group is undone. */
static enum pp_error charge(struct pp_node *node, struct pp_txn *txn, struct pp_item *item, uint32_t slot)
{
    struct pp_record record;
    struct pp_value none = {0};
    if (item->request->kind == PP_STAMP_SESSION)
        pp_session_record_make(node, item, &record);
    else
        record_make(node, item, &record);
    if (ledger_charge(node, item, slot, &record) != PP_OK) {
        pp_item_refuse_whole(item, PP_BUSY, "holes", none, none, RETRY_BUSY_MS);
        return PP_OK;
    }
    PP_TRY(pp_journal_append(txn, &node->head, &record, node->buffer));
    if (!item->host)
        PP_TRY(envelopes_append(txn, item));
    recent_add(node, item, slot);
    return PP_OK;
}

/* ---- the request ---- */

bool pp_store_is_full(const struct pp_node *node)
{
    uint64_t until_ms = atomic_load(&node->full_until_ms);
    if (until_ms == 0)
        return false;
    uint64_t now_ms = pp_node_now(node);
    return now_ms < until_ms && until_ms - now_ms <= PP_FULL_RETRY_MS; /* else the clock was set back */
}

bool pp_view_is_stale(const struct pp_node *node, uint64_t now_ms)
{
    const struct pp_view *view = &node->view;
    if (!view->known || view->conflict)
        return true;
    uint64_t block_ms = view->head.time_s <= UINT64_MAX / 1000 ? view->head.time_s * 1000 : UINT64_MAX;
    return block_ms < now_ms ? now_ms - block_ms > node->config.freshness_ms
                             : block_ms - now_ms > node->config.clock_skew_max_ms;
}

/* Slots are never used again, but a lane that its group lost gave its slot up: so the channel is compared. */
static uint32_t lane_slot(const struct pp_node *node, const struct pp_item *item)
{
    const struct pp_channel_id *channel_id = &item->request->channel_id;
    uint32_t slot = item->slot;
    if (slot < node->ledger.head.lane_count &&
        pp_channel_id_eq(&node->ledger.lanes[slot].channel_id, channel_id))
        return slot;
    return pp_ledger_find(&node->ledger, channel_id);
}

/* What refuses the request as a whole. OK: go on, *out_slot is its lane. */
static bool refused_whole(struct pp_node *node, struct pp_item *item, uint32_t *out_slot)
{
    const struct pp_request *request = item->request;
    struct pp_value none = {0};
    uint32_t slot = lane_slot(node, item);
    uint64_t now_ms = pp_node_now(node);
    if (slot == PP_SLOT_NONE)
        pp_item_refuse_whole(item, PP_UNKNOWN_CHANNEL, "channel_id", none,
                             pp_value_bytes(request->channel_id.bytes, 32), RETRY_UNKNOWN_MS);
    else if (request->lane != pp_ledger_lane_id(&node->ledger))
        pp_item_refuse_whole(item, PP_UNKNOWN_LANE, "lane", pp_value_number(pp_ledger_lane_id(&node->ledger)),
                             pp_value_number(request->lane), 0);
    else if (node->head.time_ms > now_ms && node->head.time_ms - now_ms > PP_CLOCK_BACK_MAX_MS)
        pp_item_refuse_whole(item, PP_CLOCK, "time_ms", pp_value_number(node->head.time_ms),
                             pp_value_number(now_ms), RETRY_UNKNOWN_MS);
    else if (item->host && node->ledger.tickets.count + request->count > PP_TICKETS_MAX)
        pp_item_refuse_whole(item, PP_BUSY, "tickets", pp_value_number(PP_TICKETS_MAX),
                             pp_value_number(node->ledger.tickets.count), RETRY_BUSY_MS);
    else if (!item->host && request->kind != PP_STAMP_SESSION && !pp_replication_has_room(node, request->count))
        pp_item_refuse_whole(item, PP_BUSY, "replication", pp_value_number(PP_WAITING_MAX),
                             pp_value_number(node->ledger.waiting.count), PP_RETRY_FROZEN_MS); /* REW-136 */
    else
        item->error = PP_OK;
    *out_slot = slot;
    return item->error != PP_OK;
}

enum pp_error pp_admit(struct pp_node *node, struct pp_txn *txn, struct pp_item *item, bool *out_again)
{
    const struct pp_request *request = item->request;
    uint32_t slot;
    *out_again = false;
    item->admitted = item->known = item->refusal_count = item->bonds = 0;
    item->error = PP_OK;
    node->look = (struct pp_journal_look){.room = node->room, .rows_left = PP_LOOK_ROWS_KNOWN};
    if (refused_whole(node, item, &slot))
        return PP_OK;
    if (!item->examined) { /* the lane became known since */
        *out_again = true;
        return PP_OK;
    }
    struct pp_session_glance session;
    struct pp_lane_request lane_request = {
        .voucher = &item->voucher,
        .kind = (uint8_t)request->kind,
        .count = (uint32_t)request->count,
        .now_ms = node->group_time_ms,
        .view_stale = node->group_stale,
        .verified = item->verified,
        .voucher_error = item->voucher_error,
    };
    if (request->kind == PP_STAMP_SESSION) {
        pp_session_look(node, request, slot, node->group_time_ms, &session);
        lane_request.session = &session.facts;
    }
    struct pp_ledger_lane *lane = &node->ledger.lanes[slot];
    pp_lane_draft_begin(node->draft, &lane->lane, &lane_request, &node->ledger.holes);
    for (size_t i = 0; i < request->count && !*out_again; i++)
        PP_TRY(stamp_decide(node, txn, item, i, slot, out_again));
    if ((*out_again || item->admitted > 0) && (node->group_is_lost || pp_store_is_full(node))) {
        struct pp_value none = {0};
        *out_again = false;
        pp_item_refuse_whole(item, PP_STORE_FULL, NULL, none, none, PP_FULL_RETRY_MS);
        return PP_OK;
    }
    if (*out_again) {
        item->must_verify = true;
        return PP_OK;
    }
    if (item->admitted > 0)
        PP_TRY(charge(node, txn, item, slot));
    item->spent = lane->lane.spent;
    item->refunded = lane->lane.refunded;
    item->free = pp_lane_free(&lane->lane);
    return PP_OK;
}
