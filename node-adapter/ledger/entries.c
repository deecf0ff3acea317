#include "ledger/entries.h"

#include "epoch/keep.h"
#include "engine/node.h"

#include <pp/refund.h>

#include <stdlib.h>
#include <string.h>

struct entries_look {
    struct pp_ledger ledger;
    struct pp_record_room *room;
    uint64_t epoch;
    bool found;
    uint64_t stop_at; /* where a report that was agreed on with others has this lane; 0: at the report's record */
    size_t unsigned_first; /* no unsigned charge stands before it */
    struct pp_entries *out;
};

/* ---- keeping ---- */

static enum pp_error room_make(void **array, size_t item, size_t count, size_t *room)
{
    if (count < *room)
        return PP_OK;
    size_t wanted = *room ? 2 * *room : 1024;
    void *grown = realloc(*array, item * wanted);
    if (!grown)
        return PP_NO_MEMORY;
    *array = grown;
    *room = wanted;
    return PP_OK;
}

static enum pp_error charge_keep(struct entries_look *look, const struct pp_charge_entry *charge)
{
    struct pp_entries *out = look->out;
    PP_TRY(room_make((void **)&out->charges, sizeof *charge, out->charge_count, &out->charge_room));
    out->charges[out->charge_count++] = *charge;
    return PP_OK;
}

static enum pp_error refund_keep(struct entries_look *look, const struct pp_refund_entry *refund)
{
    struct pp_entries *out = look->out;
    PP_TRY(room_make((void **)&out->refunds, sizeof *refund, out->refund_count, &out->refund_room));
    out->refunds[out->refund_count++] = *refund;
    return PP_OK;
}

static struct pp_charge_entry *charge_of(const struct pp_entries *entries, uint64_t sequence)
{
    size_t low = 0, high = entries->charge_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (entries->charges[middle].sequence < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low < entries->charge_count && entries->charges[low].sequence == sequence ? &entries->charges[low]
                                                                                     : NULL;
}

/* ---- records ---- */

static enum pp_error charged_note(struct entries_look *look, const struct pp_record *record)
{
    const bool is_session = record->type == PP_RECORD_TYPE_SESSION_CHARGED;
    uint64_t sequence = record->sequence;
    for (uint32_t i = 0; i < record->count; i++) {
        const struct pp_row_charged *row = &record->charged_rows[i];
        if (!row->admitted)
            continue;
        struct pp_charge_entry charge = {.channel_id = record->charged.channel_id,
                                         .sequence = sequence++,
                                         .stamp_id = row->stamp_id,
                                         .from = row->leaf.from,
                                         .postage = row->leaf.postage,
                                         .retention_days = row->leaf.retention_days,
                                         .stored_day = pp_record_reserves(record) ? 0 : look->ledger.head.day,
                                         .is_unsigned = is_session,
                                         .is_waiting = look->ledger.head.acks_needed > 0};
        if (is_session)
            charge.session_id = record->session_charged.session_id;
        PP_TRY(pp_leaf_to(&row->leaf, &charge.to));
        PP_TRY(charge_keep(look, &charge));
    }
    return PP_OK;
}

/* The oldest of the session come first. */
static void signed_note(struct entries_look *look, const struct pp_record_session_signed *root)
{
    struct pp_entries *out = look->out;
    uint32_t left = root->count;
    for (size_t i = look->unsigned_first; i < out->charge_count && left > 0; i++)
        if (out->charges[i].is_unsigned && pp_hash_eq(&out->charges[i].session_id, &root->session_id)) {
            out->charges[i].is_unsigned = false;
            out->charges[i].is_waiting = look->ledger.head.acks_needed > 0;
            left--;
        }
    while (look->unsigned_first < out->charge_count && !out->charges[look->unsigned_first].is_unsigned)
        look->unsigned_first++;
}

static enum pp_error cancelled_note(struct entries_look *look, const struct pp_record *record)
{
    for (uint32_t i = 0; i < record->count; i++) {
        const struct pp_charge_entry *charge = charge_of(look->out, record->ticket_rows[i].ticket);
        struct pp_refund_entry refund = {.channel_id = record->cancelled.channel_id,
                                         .reason = PP_REFUND_NOT_STORED,
                                         .day = look->ledger.head.day};
        if (!charge)
            return PP_CORRUPT;
        refund.stamp_id = charge->stamp_id;
        PP_TRY(pp_postage_total(&charge->postage, &refund.amount));
        PP_TRY(refund_keep(look, &refund));
    }
    return PP_OK;
}

static enum pp_error deleted_note(struct entries_look *look, const struct pp_record *record)
{
    for (uint32_t i = 0; i < record->count; i++) {
        const struct pp_refund_entry refund = {.channel_id = record->deleted.channel_id,
                                               .stamp_id = record->deleted_rows[i].stamp_id,
                                               .amount = pp_grains(record->deleted_rows[i].amount),
                                               .reason = PP_REFUND_EARLY_DELETE,
                                               .day = look->ledger.head.day};
        PP_TRY(refund_keep(look, &refund));
    }
    return PP_OK;
}

static enum pp_error returned_note(struct entries_look *look, const struct pp_record *record)
{
    for (uint32_t i = 0; i < record->count; i++) {
        const struct pp_refund_entry refund = {.channel_id = record->bond_returned.channel_id,
                                               .stamp_id = record->bond_rows[i].stamp_id,
                                               .amount = pp_grains(record->bond_rows[i].amount),
                                               .reason = PP_REFUND_BOND_RETURNED,
                                               .day = look->ledger.head.day};
        PP_TRY(refund_keep(look, &refund));
    }
    return PP_OK;
}

static enum pp_error forfeited_note(struct entries_look *look, const struct pp_record *record)
{
    struct pp_entries *out = look->out;
    for (uint32_t i = 0; i < record->count; i++) {
        PP_TRY(room_make((void **)&out->forfeits, sizeof *out->forfeits, out->forfeit_count, &out->forfeit_room));
        out->forfeits[out->forfeit_count++] =
            (struct pp_forfeit_entry){record->bond_forfeited.channel_id, record->bond_rows[i].stamp_id,
                                      pp_grains(record->bond_rows[i].amount)};
    }
    return PP_OK;
}

static enum pp_error left_note(struct entries_look *look, const struct pp_record_left *left)
{
    const struct pp_refund_entry refund = {.channel_id = left->channel_id,
                                           .amount = left->amount,
                                           .reason = PP_REFUND_LEAVING,
                                           .day = look->ledger.head.day};
    return pp_grains_is_zero(left->amount) ? PP_OK : refund_keep(look, &refund);
}

static enum pp_error stored_note(struct entries_look *look, const struct pp_record *record)
{
    for (uint32_t i = 0; i < record->count; i++) {
        struct pp_charge_entry *charge = charge_of(look->out, record->ticket_rows[i].ticket);
        if (!charge)
            return PP_CORRUPT;
        charge->stored_day = look->ledger.head.day;
        charge->is_waiting = look->ledger.head.acks_needed > 0;
    }
    return PP_OK;
}

static enum pp_error not_replicated_note(struct entries_look *look, const struct pp_record *record)
{
    for (uint32_t i = 0; i < record->count; i++) {
        const struct pp_charge_entry *charge = charge_of(look->out, record->ticket_rows[i].ticket);
        struct pp_refund_entry refund = {.channel_id = record->not_replicated.channel_id,
                                         .reason = PP_REFUND_NOT_REPLICATED,
                                         .day = look->ledger.head.day};
        if (!charge)
            return PP_CORRUPT;
        refund.stamp_id = charge->stamp_id;
        PP_TRY(pp_postage_total(&charge->postage, &refund.amount));
        PP_TRY(refund_keep(look, &refund));
    }
    return PP_OK;
}

/* Before the step, which takes the same ones: the oldest. */
static enum pp_error replicated_note(struct entries_look *look, const struct pp_record_replicated *replicated)
{
    uint64_t position = 0;
    for (uint32_t i = 0; i < replicated->count; i++) {
        const struct pp_ticket *stamp = pp_waiting_next(&look->ledger.waiting, &position);
        struct pp_charge_entry *charge = stamp ? charge_of(look->out, stamp->sequence) : NULL;
        if (!charge)
            return PP_CORRUPT;
        charge->is_waiting = false;
    }
    return PP_OK;
}

/* After the ledger's step: what the record says fits. */
static enum pp_error record_note(struct entries_look *look, const struct pp_record *record)
{
    switch (record->type) {
    case PP_RECORD_TYPE_CHARGED:
    case PP_RECORD_TYPE_SESSION_CHARGED:
        return charged_note(look, record);
    case PP_RECORD_TYPE_SESSION_SIGNED:
        signed_note(look, &record->session_signed);
        return PP_OK;
    case PP_RECORD_TYPE_STORED:
        return stored_note(look, record);
    case PP_RECORD_TYPE_CANCELLED:
        return cancelled_note(look, record);
    case PP_RECORD_TYPE_DELETED:
        return deleted_note(look, record);
    case PP_RECORD_TYPE_LEFT:
        return left_note(look, &record->left);
    case PP_RECORD_TYPE_NOT_REPLICATED:
        return not_replicated_note(look, record);
    case PP_RECORD_TYPE_BOND_RETURNED:
        return returned_note(look, record);
    case PP_RECORD_TYPE_BOND_FORFEITED:
        return forfeited_note(look, record);
    case PP_RECORD_TYPE_REPORTED:
        look->found = record->reported.epoch == look->epoch;
        return PP_OK;
    case PP_RECORD_TYPE_OPENED:
    case PP_RECORD_TYPE_OPERATORS:
    case PP_RECORD_TYPE_REPLICATED: /* before the step */
    case PP_RECORD_TYPE_CHAIN:
    case PP_RECORD_TYPE_DAY:
    case PP_RECORD_TYPE_SESSION_OPENED:
    case PP_RECORD_TYPE_EPOCH_ENDED:
    case PP_RECORD_TYPE_SESSION_LAPSED: /* its leaves stay unsigned, and earn nothing */
    default:
        return PP_OK;
    }
}

/* ---- the journal ---- */

static enum pp_error record_take(struct entries_look *look, const struct pp_record *record)
{
    PP_TRY(pp_ledger_reserve(&look->ledger, pp_record_events(record)));
    if (record->type == PP_RECORD_TYPE_REPLICATED)
        PP_TRY(replicated_note(look, &record->replicated));
    pp_ledger_begin(&look->ledger);
    enum pp_error error = pp_ledger_step(&look->ledger, record);
    pp_ledger_forget(&look->ledger);
    return error == PP_OK ? record_note(look, record) : error;
}

/* EPOCH-041 */
static enum pp_error stop_look(struct entries_look *look, struct pp_txn *txn)
{
    struct pp_cut_head head = {.lane = 0};
    const enum pp_error error =
        pp_keep_signed_head(txn, look->epoch, pp_ledger_lane_id(&look->ledger), &head);
    look->stop_at = head.next_sequence;
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static enum pp_error journal_walk(void *context, struct pp_txn *txn)
{
    struct entries_look *look = context;
    struct pp_journal_head head;
    struct pp_journal_walk walk;
    struct pp_record record;
    enum pp_error error = PP_OK;
    pp_journal_head_init(&head);
    PP_TRY(pp_journal_walk_open(txn, &head, look->room, &walk));
    while (error == PP_OK && !look->found) {
        error = pp_journal_walk_next(&walk, &record);
        if (error == PP_OK)
            error = record_take(look, &record);
        if (error == PP_OK && record.type == PP_RECORD_TYPE_OPENED && look->epoch > 0)
            error = stop_look(look, txn);
        look->found |= look->stop_at > 0 && walk.head.next_sequence >= look->stop_at;
    }
    pp_journal_walk_close(&walk);
    return error == PP_NOT_FOUND && look->epoch == 0 ? PP_OK : error;
}

static int days_order(const void *a, const void *b)
{
    const struct pp_lane_days *left = a, *right = b;
    return memcmp(left->channel_id.bytes, right->channel_id.bytes, 32);
}

static enum pp_error days_take(struct entries_look *look)
{
    struct pp_entries *out = look->out;
    const struct pp_ledger_head *head = &look->ledger.head;
    out->lane = pp_ledger_lane_id(&look->ledger);
    out->lanes = calloc((size_t)head->lane_count + 1, sizeof *out->lanes);
    if (!out->lanes)
        return PP_NO_MEMORY;
    for (uint32_t slot = 0; slot < head->lane_count; slot++) {
        const struct pp_ledger_lane *lane = &look->ledger.lanes[slot];
        const uint32_t stop_day = lane->earning.stop_day;
        out->lanes[out->lane_count++] =
            (struct pp_lane_days){lane->channel_id, stop_day < head->day ? stop_day : head->day};
    }
    qsort(out->lanes, out->lane_count, sizeof *out->lanes, days_order);
    return PP_OK;
}

enum pp_error pp_entries_read(struct pp_store *journal, uint32_t lanes_max, uint64_t epoch,
                              struct pp_entries *out)
{
    static const uint64_t map_key[2] = {1, 2}; /* channel ids of one's own journal: nobody chooses them now */
    struct entries_look look = {.room = malloc(sizeof *look.room), .epoch = epoch, .out = out};
    *out = (struct pp_entries){.lane = 0};
    enum pp_error error = look.room ? pp_ledger_open(&look.ledger, lanes_max, map_key) : PP_NO_MEMORY;
    if (error == PP_OK) {
        error = pp_store_read(journal, journal_walk, &look);
        if (error == PP_OK)
            error = days_take(&look);
        pp_ledger_close(&look.ledger);
    }
    free(look.room);
    if (error != PP_OK)
        pp_entries_done(out);
    return error;
}

void pp_entries_done(struct pp_entries *entries)
{
    free(entries->charges);
    free(entries->refunds);
    free(entries->forfeits);
    free(entries->lanes);
    *entries = (struct pp_entries){.lane = 0};
}

enum pp_error pp_entries_last_day(const struct pp_entries *entries, const struct pp_channel_id *channel_id,
                                  uint32_t *out)
{
    const struct pp_lane_days key = {*channel_id, 0};
    if (entries->lane_count == 0)
        return PP_NOT_FOUND;
    const struct pp_lane_days *found =
        bsearch(&key, entries->lanes, entries->lane_count, sizeof key, days_order);
    if (!found)
        return PP_NOT_FOUND;
    *out = found->last_day;
    return PP_OK;
}
