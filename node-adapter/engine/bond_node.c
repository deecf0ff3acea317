/* Acceptances and complaints: whose word it must be is looked up by the writer between two groups; then the signature is examined on
 * the caller's thread, and the writer decides, inside a group, by the bond's state as it is then. */
#include "engine/node.h"

#include <pp/assert.h>
#include <pp/bond.h>

#include <stdlib.h>
#include <string.h>

/* ---- admission ---- */

/* REW-141: a session's stamp has no bond, whatever its quote says. */
enum pp_error pp_bond_offer_check(const struct pp_item *item, const struct pp_envelope_view *envelope,
                                  struct pp_refusal *refusal)
{
    const struct pp_leaf *leaf = &envelope->leaf;
    struct pp_hash topic;
    struct pp_bond_offer offer = {
        .grains = leaf->postage.bond_grains,
        .envelope_kind = leaf->envelope_kind,
        .accept_key = &leaf->accept_key,
        .deadline_ms = leaf->accept_deadline_ms,
    };
    const bool asked =
        leaf->envelope_kind < PP_ENVELOPE_KINDS_MAX && item->quote.bond_grains[leaf->envelope_kind] > 0;
    if (item->request->kind == PP_STAMP_SESSION && (offer.grains > 0 || asked)) {
        if (refusal) {
            pp_refusal_init(refusal, PP_BOND_NOT_OFFERED, "bond");
            refusal->expected = pp_value_number(0);
            refusal->actual = pp_value_number(offer.grains);
        }
        return PP_BOND_NOT_OFFERED;
    }
    if (envelope->topic && envelope->topic_length > 0 && envelope->topic_length <= PP_TOPIC_MAX_BYTES &&
        (item->quote.for_topic || asked)) { /* most envelopes have no use for it */
        pp_topic_hash(envelope->topic, envelope->topic_length, &topic);
        offer.topic = &topic;
    }
    return pp_bond_check(&item->quote, &offer, refusal);
}

/* ---- what a bond is now ---- */

struct bond_view {
    enum pp_bond_state state;
    bool waits; /* HELD, and its envelope is not stored yet */
    uint32_t slot;
    struct pp_address key;
    uint64_t grains, deadline_ms;
};

static void refuse(struct pp_refusal *refusal, enum pp_error error, const char *field,
                   struct pp_value expected, struct pp_value actual)
{
    pp_refusal_init(refusal, error, field);
    refusal->expected = expected;
    refusal->actual = actual;
}

static void not_found(const struct pp_bond_word *word, struct pp_refusal *refusal)
{
    refuse(refusal, PP_NOT_FOUND, "stamp_id", (struct pp_value){0}, pp_value_bytes(word->stamp_id.bytes, 32));
}

/* Of one that is no more held: its stamp's row says what became of it, or else its lane. */
static enum pp_error state_of_ended(const struct pp_node *node, struct pp_txn *txn, uint64_t sequence,
                                    uint32_t slot, enum pp_bond_state *out)
{
    const struct pp_ledger_lane *lane = &node->ledger.lanes[slot];
    const bool ended =
        lane->lane.state == PP_LANE_STATE_SETTLED || pp_ledger_leave_sequence(&node->ledger, lane) != 0;
    const uint8_t returned = 1u << (PP_REFUND_BOND_RETURNED - 1) | 1u << (PP_REFUND_NOT_STORED - 1) |
                             1u << (PP_REFUND_NOT_REPLICATED - 1);
    struct pp_stamp_row row;
    PP_TRY(pp_stamp_row_get(txn, sequence, &row));
    if (!row.forfeited && !(row.refund.reasons & returned) && !ended)
        return PP_CORRUPT;
    *out = row.forfeited ? PP_BOND_STATE_FORFEITED : PP_BOND_STATE_RETURNED;
    return PP_OK;
}

static enum pp_error ended_look(struct pp_node *node, struct pp_txn *txn, const struct pp_bond_word *word,
                                uint32_t slot, struct bond_view *out, struct pp_refusal *refusal)
{
    if (word->sequence == 0 || word->sequence >= node->head.next_sequence) {
        not_found(word, refusal);
        return PP_OK;
    }
    enum pp_error error = pp_journal_look(&node->look, txn, word->sequence);
    if (error == PP_BUSY) { /* NODE-046 */
        refuse(refusal, PP_BUSY, "sequence", (struct pp_value){0}, (struct pp_value){0});
        refusal->retry_after_ms = PP_RETRY_BUSY_MS;
        return PP_OK;
    }
    PP_TRY(error);
    const struct pp_record *record = &node->look.record;
    const struct pp_row_charged *row =
        pp_record_is_charge(record) ? pp_journal_row(record, word->sequence) : NULL;
    if (!row || !pp_channel_id_eq(&record->charged.channel_id, &word->channel_id) ||
        !pp_stamp_id_eq(&row->stamp_id, &word->stamp_id)) {
        not_found(word, refusal);
        return PP_OK;
    }
    if (row->leaf.postage.bond_grains == 0) {
        refuse(refusal, PP_BOND_NOT_HELD, "stamp_id", (struct pp_value){0},
               pp_value_bytes(word->stamp_id.bytes, 32));
        return PP_OK;
    }
    *out = (struct bond_view){.slot = slot,
                              .key = row->leaf.accept_key,
                              .grains = row->leaf.postage.bond_grains,
                              .deadline_ms = row->leaf.accept_deadline_ms};
    return state_of_ended(node, txn, word->sequence, slot, &out->state);
}

/* OK: refusal says whether there is one. */
static enum pp_error bond_look(struct pp_node *node, struct pp_txn *txn, const struct pp_bond_word *word,
                               struct bond_view *out, struct pp_refusal *refusal)
{
    const uint32_t lane = pp_ledger_lane_id(&node->ledger),
                   slot = pp_ledger_find(&node->ledger, &word->channel_id);
    pp_refusal_init(refusal, PP_OK, NULL);
    if (word->lane != lane)
        refuse(refusal, PP_UNKNOWN_LANE, "lane", pp_value_number(lane), pp_value_number(word->lane));
    else if (slot == PP_SLOT_NONE)
        refuse(refusal, PP_UNKNOWN_CHANNEL, "channel_id", (struct pp_value){0},
               pp_value_bytes(word->channel_id.bytes, 32));
    if (refusal->error != PP_OK)
        return PP_OK;
    const struct pp_bond *bond = pp_bonds_find(&node->ledger.bonds, word->sequence);
    if (!bond)
        return ended_look(node, txn, word, slot, out, refusal);
    if (bond->slot != slot || !pp_stamp_id_eq(&bond->stamp_id, &word->stamp_id)) {
        not_found(word, refusal);
        return PP_OK;
    }
    *out = (struct bond_view){PP_BOND_STATE_HELD, bond->waits,  slot,
                              bond->accept_key,   bond->grains, bond->deadline_ms};
    return PP_OK;
}

/* ---- words ---- */

struct words_run {
    struct pp_node *node;
    enum pp_bond_event event;
    const struct pp_bond_word *words;
    size_t count;
    struct pp_bond_result *results;
    struct bond_view views[PP_BOND_EVENTS_MAX];
    struct pp_refusal refusals[PP_BOND_EVENTS_MAX]; /* of the signature, before anything is decided */
    bool does[PP_BOND_EVENTS_MAX];                  /* this word ends a bond that is held */
    struct pp_row_bond rows[PP_BOND_EVENTS_MAX];
};

static enum pp_error look_txn(void *context, struct pp_txn *txn)
{
    struct words_run *run = context;
    run->node->look = (struct pp_journal_look){.room = run->node->room, .rows_left = PP_LOOK_ROWS_DELETED};
    for (size_t i = 0; i < run->count; i++)
        PP_TRY(bond_look(run->node, txn, &run->words[i], &run->views[i], &run->refusals[i]));
    return PP_OK;
}

static enum pp_error look_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    (void)txn;
    return pp_store_read(node->data.journal, look_txn, context);
}

/* On the caller's thread. NODE-049: each signature counts. */
static void words_verify(struct pp_node *node, struct words_run *run, uint64_t source)
{
    for (size_t i = 0; i < run->count; i++) {
        const struct pp_bond_word *word = &run->words[i];
        const struct pp_accept_fields accept = {word->channel_id, word->lane, word->stamp_id};
        const struct pp_complain_fields complain = {word->channel_id, word->lane, word->stamp_id};
        struct pp_hash digest;
        if (run->refusals[i].error != PP_OK) {
            if (run->refusals[i].error == PP_NOT_FOUND) /* made up: it cost a search */
                pp_pipeline_source_count(node, source, true);
            continue;
        }
        if (run->event == PP_BOND_ON_ACCEPTED)
            pp_accept_digest(&node->config.domain, &accept, &digest);
        else
            pp_complain_digest(&node->config.domain, &complain, &digest);
        enum pp_error error =
            pp_verify_address(node->crypto, &word->signature, &digest, &run->views[i].key, NULL);
        pp_pipeline_source_count(node, source, error != PP_OK);
        if (error != PP_OK)
            refuse(&run->refusals[i], error == PP_SIGNATURE_NOT_LOW_S ? error : PP_BAD_SIGNATURE, "signature",
                   pp_value_bytes(run->views[i].key.bytes, 20), pp_value_bytes(word->signature.bytes, 32));
    }
}

/* Whether a word before it in the request ends the same bond. */
static bool is_repeated(const struct words_run *run, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (run->does[i] && run->words[i].sequence == run->words[index].sequence)
            return true;
    return false;
}

/* REW-142 to REW-146, by the table of states. */
static void word_decide(const struct pp_node *node, struct words_run *run, size_t index)
{
    const struct bond_view *view = &run->views[index];
    struct pp_bond_result *result = &run->results[index];
    enum pp_bond_state state;
    enum pp_bond_action action;
    enum pp_error error = pp_bond_state_next(view->state, run->event, &state, &action);
    result->grains = view->grains;
    if (error != PP_OK)
        refuse(&result->refusal, error, "stamp_id", pp_value_text(pp_bond_state_name(PP_BOND_STATE_HELD)),
               pp_value_text(pp_bond_state_name(view->state)));
    else if (view->waits)
        refuse(&result->refusal, PP_BOND_NOT_HELD, "stamp_id", (struct pp_value){0}, (struct pp_value){0});
    else if (action == PP_BOND_DO_FORFEIT_BOND && node->group_time_ms > view->deadline_ms)
        refuse(&result->refusal, PP_BOND_OVER, "accept_deadline_ms", pp_value_number(view->deadline_ms),
               pp_value_number(node->group_time_ms));
    else if (action == PP_BOND_DO_NOTHING || is_repeated(run, index))
        result->known = true;
    else
        run->does[index] = true;
}

enum pp_error pp_bond_row_return(struct pp_txn *txn, uint64_t sequence, uint64_t grains)
{
    struct pp_stamp_row row;
    PP_TRY(pp_stamp_row_get(txn, sequence, &row));
    row.refund.reasons |= 1u << (PP_REFUND_BOND_RETURNED - 1);
    PP_TRY(pp_grains_add(row.refund.refunded, pp_grains(grains), &row.refund.refunded));
    return pp_stamp_row_put(txn, sequence, &row);
}

static enum pp_error row_forfeit(struct pp_txn *txn, uint64_t sequence)
{
    struct pp_stamp_row row;
    PP_TRY(pp_stamp_row_get(txn, sequence, &row));
    row.forfeited = true;
    return pp_stamp_row_put(txn, sequence, &row);
}

/* All words of one lane, beginning with `first`, that end a bond; marks them as done. */
static size_t lane_rows(struct words_run *run, size_t first)
{
    const uint32_t slot = run->views[first].slot;
    size_t rows = 0;
    for (size_t i = first; i < run->count; i++) {
        if (!run->does[i] || run->views[i].slot != slot)
            continue;
        run->rows[rows++] = (struct pp_row_bond){.sequence = run->words[i].sequence,
                                                 .stamp_id = run->words[i].stamp_id,
                                                 .amount = run->views[i].grains,
                                                 .signature = run->words[i].signature};
        run->does[i] = false;
    }
    return rows;
}

static enum pp_error lane_return(struct pp_node *node, struct pp_txn *txn, const struct words_run *run,
                                 const struct pp_ledger_lane *lane, size_t rows)
{
    struct pp_refund_draft draft;
    pp_refund_draft_begin(&draft, &node->ledger, lane);
    for (size_t i = 0; i < rows; i++) {
        PP_TRY(pp_refund_draft_add(&draft, &run->rows[i].stamp_id, pp_grains(run->rows[i].amount),
                                   PP_REFUND_BOND_RETURNED));
        PP_TRY(pp_bond_row_return(txn, run->rows[i].sequence, run->rows[i].amount));
    }
    PP_TRY(pp_refund_draft_sign(&draft, node, lane));
    struct pp_record record = {
        .type = PP_RECORD_TYPE_BOND_RETURNED,
        .count = (uint32_t)rows,
        .bond_returned = {.channel_id = lane->channel_id,
                          .cause = PP_BOND_CAUSE_ACCEPTED,
                          .refunded = draft.refunded,
                          .reasons = draft.reasons,
                          .refund_signature = draft.signature},
        .bond_rows = run->rows,
    };
    return pp_writer_append(node, txn, &record);
}

static enum pp_error lane_forfeit(struct pp_node *node, struct pp_txn *txn, const struct words_run *run,
                                  const struct pp_ledger_lane *lane, size_t rows)
{
    struct pp_record record = {
        .type = PP_RECORD_TYPE_BOND_FORFEITED,
        .count = (uint32_t)rows,
        .bond_forfeited = {.channel_id = lane->channel_id},
        .bond_rows = run->rows,
    };
    for (size_t i = 0; i < rows; i++)
        PP_TRY(row_forfeit(txn, run->rows[i].sequence));
    return pp_writer_append(node, txn, &record);
}

static enum pp_error words_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    struct words_run *run = context;
    node->look = (struct pp_journal_look){.room = node->room, .rows_left = PP_LOOK_ROWS_DELETED};
    for (size_t i = 0; i < run->count; i++) {
        run->does[i] = false;
        run->results[i] = (struct pp_bond_result){.refusal = run->refusals[i]};
        if (run->refusals[i].error == PP_OK)
            PP_TRY(bond_look(node, txn, &run->words[i], &run->views[i], &run->results[i].refusal));
        if (run->results[i].refusal.error == PP_OK)
            word_decide(node, run, i);
    }
    for (size_t i = 0; i < run->count; i++) {
        if (!run->does[i])
            continue;
        const struct pp_ledger_lane *lane = &node->ledger.lanes[run->views[i].slot];
        size_t rows = lane_rows(run, i);
        PP_TRY(run->event == PP_BOND_ON_ACCEPTED ? lane_return(node, txn, run, lane, rows)
                                                 : lane_forfeit(node, txn, run, lane, rows));
    }
    return PP_OK;
}

static enum pp_error words_do(struct pp_node *node, struct words_run *run, uint64_t source)
{
    PP_TRY(pp_pipeline_call(node, PP_ITEM_LOOK, look_run, run));
    words_verify(node, run, source);
    return pp_pipeline_call(node, PP_ITEM_WRITE, words_run, run);
}

static enum pp_error words_take(struct pp_node *node, enum pp_bond_event event,
                                const struct pp_bond_word *words, size_t count, uint64_t source,
                                struct pp_bond_result *results)
{
    if (count == 0)
        return PP_MISSING_FIELD;
    if (count > PP_BOND_EVENTS_MAX)
        return PP_TOO_MANY;
    PP_TRY((enum pp_error)atomic_load(&node->failed));
    for (size_t i = 0; i < count; i++) /* NODE-049 */
        PP_TRY(pp_pipeline_source_turn(node, source, 0));
    struct words_run *run = calloc(1, sizeof *run); /* some 50 KiB */
    if (!run)
        return PP_NO_MEMORY;
    run->node = node;
    run->event = event;
    run->words = words;
    run->count = count;
    run->results = results;
    enum pp_error error = words_do(node, run, source);
    free(run);
    return error;
}

enum pp_error pp_node_accept(struct pp_node *node, const struct pp_bond_word *words, size_t count,
                             uint64_t source, struct pp_bond_result *results)
{
    return words_take(node, PP_BOND_ON_ACCEPTED, words, count, source, results);
}

enum pp_error pp_node_complain(struct pp_node *node, const struct pp_bond_word *words, size_t count,
                               uint64_t source, struct pp_bond_result *results)
{
    return words_take(node, PP_BOND_ON_COMPLAINED, words, count, source, results);
}
