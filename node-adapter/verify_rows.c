/* The tables beside the journal: envelopes, what happened to stamps, checkpoint and indexes. */
#include "node.h"
#include "verify_run.h"

#include <pp/assert.h>

#include <string.h>

/* ---- one stamp ---- */

static enum pp_error stamp_row(struct pp_verify_run *run, uint64_t sequence, struct pp_stamp_row *out)
{
    enum pp_error error = pp_stamp_row_get(run->journal, sequence, out);
    if (error != PP_CORRUPT)
        return error;
    pp_verify_tell(run, error, "stamps row", sequence, PP_VERIFY_NO_LANE, "it is no row");
    return PP_OK;
}

static bool may_be_gone(const struct pp_verify_run *run, const struct pp_record *record, const struct pp_leaf *leaf,
                        const struct pp_stamp_row *row)
{
    bool deleted = row->refund.reasons & 1u << (PP_REFUND_EARLY_DELETE - 1);
    return deleted || pp_day_of(record->time_ms) + leaf->retention_days <= run->last_day;
}

static void envelope_compare(struct pp_verify_run *run, const struct pp_leaf *leaf, uint64_t sequence, uint32_t slot,
                             struct pp_slice value, struct pp_slice *out_topic)
{
    struct pp_envelope_row row;
    struct pp_hash hash;
    run->summary->envelopes++;
    if (pp_envelope_row_read(value, &row) != PP_OK) {
        pp_verify_tell(run, PP_CORRUPT, "envelope", sequence, slot, "it is no row");
        return;
    }
    *out_topic = row.topic;
    pp_envelope_hash(row.topic.bytes, row.topic.length, row.payload.bytes, row.payload.length, &hash);
    if (!pp_hash_eq(&hash, &leaf->envelope_hash) || row.payload.length != leaf->size)
        pp_verify_tell(run, PP_CORRUPT, "envelope", sequence, slot, "%zu bytes that are not the ones its stamp paid for",
                       row.payload.length);
}

static enum pp_error index_row(struct pp_verify_run *run, unsigned table, struct pp_slice key, const char *what,
                               uint64_t sequence, uint32_t slot, struct pp_slice *out)
{
    enum pp_error error = pp_txn_get(run->derived, table, key, out);
    if (error == PP_NOT_FOUND)
        pp_verify_tell(run, PP_CORRUPT, what, sequence, slot, "the row is missing");
    return error;
}

static enum pp_error index_compare(struct pp_verify_run *run, const struct pp_leaf *leaf, uint64_t sequence, uint32_t day,
                                   uint32_t slot, struct pp_slice topic)
{
    struct pp_index_stamp_key stamp_key;
    struct pp_index_topic_key topic_key;
    struct pp_index_expiry_key expiry_key;
    struct pp_slice value;
    pp_index_stamp_key_of(slot, leaf->from, &stamp_key);
    enum pp_error error = index_row(run, PP_TABLE_INDEX_STAMP, pp_slice(stamp_key.bytes, sizeof stamp_key.bytes),
                                    "index_stamp", sequence, slot, &value);
    if (error == PP_OK && (value.length != 8 || pp_key8_number(value.bytes) != sequence))
        pp_verify_tell(run, PP_CORRUPT, "index_stamp", sequence, slot, "the row leads elsewhere");
    run->indexed_stamps++;
    if ((error != PP_OK && error != PP_NOT_FOUND) || topic.length == 0)
        return error == PP_NOT_FOUND ? PP_OK : error;
    pp_index_topic_key_of(topic.bytes, topic.length, sequence, &topic_key);
    error = index_row(run, PP_TABLE_INDEX_TOPIC, pp_slice(topic_key.bytes, sizeof topic_key.bytes), "index_topic",
                      sequence, slot, &value);
    if (error != PP_OK && error != PP_NOT_FOUND)
        return error;
    pp_index_expiry_key_of(day + leaf->retention_days, sequence, &expiry_key);
    error = index_row(run, PP_TABLE_INDEX_EXPIRY, pp_slice(expiry_key.bytes, sizeof expiry_key.bytes), "index_expiry",
                      sequence, slot, &value);
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static enum pp_error stamp_compare(struct pp_verify_run *run, const struct pp_record *record,
                                   const struct pp_row_charged *stamp, uint64_t sequence, uint32_t slot)
{
    struct pp_key8 key = pp_key8_of(sequence);
    struct pp_slice value, topic = {NULL, 0};
    struct pp_stamp_row row;
    PP_TRY(stamp_row(run, sequence, &row));
    enum pp_error error = pp_txn_get(run->journal, PP_TABLE_ENVELOPES, pp_slice(key.bytes, 8), &value);
    if (error == PP_OK && record->charged.tickets)
        pp_verify_tell(run, PP_INVARIANT, "envelope", sequence, slot, "the host keeps it, but there is a row");
    else if (error == PP_OK)
        envelope_compare(run, &stamp->leaf, sequence, slot, value, &topic);
    else if (error != PP_NOT_FOUND)
        return error;
    else if (!record->charged.tickets && may_be_gone(run, record, &stamp->leaf, &row))
        run->summary->envelopes_gone++;
    else if (!record->charged.tickets)
        pp_verify_tell(run, PP_CORRUPT, "envelope", sequence, slot, "it is missing");
    if (!run->derived || sequence >= run->indexed.next_sequence)
        return PP_OK;
    return index_compare(run, &stamp->leaf, sequence, pp_day_of(record->time_ms), slot, topic);
}

enum pp_error pp_verify_rows_charged(struct pp_verify_run *run, const struct pp_record *record, uint32_t slot)
{
    uint64_t sequence = record->sequence;
    for (uint32_t i = 0; i < record->count; i++)
        if (record->charged_rows[i].admitted)
            PP_TRY(stamp_compare(run, record, &record->charged_rows[i], sequence++, slot));
    return PP_OK;
}

/* ---- what happened to stamps ---- */

/* The stamp's own record; *out_row NULL when there is none. */
static enum pp_error original_find(struct pp_verify_run *run, uint64_t sequence, struct pp_record *out,
                                   const struct pp_row_charged **out_row)
{
    *out_row = NULL;
    enum pp_error error = pp_journal_find(run->journal, sequence, run->other_room, out, NULL);
    if (error == PP_OK && out->type == PP_RECORD_TYPE_CHARGED)
        *out_row = pp_journal_row(out, sequence);
    return error == PP_NOT_FOUND || error == PP_CORRUPT ? PP_OK : error;
}

static enum pp_error deleted_compare(struct pp_verify_run *run, const struct pp_record *record,
                                     const struct pp_row_deleted *deleted, uint32_t slot)
{
    struct pp_record original;
    const struct pp_row_charged *stamp;
    struct pp_stamp_row row;
    PP_TRY(original_find(run, deleted->sequence, &original, &stamp));
    PP_TRY(stamp_row(run, deleted->sequence, &row));
    if (!stamp || deleted->sequence >= record->sequence) {
        pp_verify_tell(run, PP_INVARIANT, "deleted stamp", record->sequence, slot, "there is no stamp %llu",
                       (unsigned long long)deleted->sequence);
        return PP_OK;
    }
    uint32_t stored_day = original.charged.tickets ? row.stored_day : pp_day_of(original.time_ms);
    if (!pp_stamp_id_eq(&stamp->stamp_id, &deleted->stamp_id) || stored_day != deleted->stored_day ||
        stamp->leaf.postage.storage_grains != deleted->storage_grains ||
        stamp->leaf.retention_days != deleted->retention_days)
        pp_verify_tell(run, PP_INVARIANT, "deleted stamp", record->sequence, slot, "it is not what stamp %llu is",
                       (unsigned long long)deleted->sequence);
    if (row.refund.reasons != 1u << (PP_REFUND_EARLY_DELETE - 1) ||
        !pp_grains_eq(row.refund.refunded, pp_grains(deleted->amount)))
        pp_verify_tell(run, PP_CORRUPT, "stamps row", deleted->sequence, slot, "it does not say what record %llu refunded",
                       (unsigned long long)record->sequence);
    if (!original.charged.tickets)
        run->stamp_rows++;
    return PP_OK;
}

enum pp_error pp_verify_rows_deleted(struct pp_verify_run *run, const struct pp_record *record, uint32_t slot)
{
    for (uint32_t i = 0; i < record->count; i++)
        PP_TRY(deleted_compare(run, record, &record->deleted_rows[i], slot));
    return PP_OK;
}

enum pp_error pp_verify_rows_tickets(struct pp_verify_run *run, const struct pp_record *record)
{
    bool stored = record->type == PP_RECORD_TYPE_STORED;
    for (uint32_t i = 0; i < record->count; i++) {
        struct pp_stamp_row row;
        uint64_t ticket = record->ticket_rows[i].ticket;
        PP_TRY(stamp_row(run, ticket, &row));
        bool cancelled = row.refund.reasons & 1u << (PP_REFUND_NOT_STORED - 1);
        if (stored ? row.stored_day != pp_day_of(record->time_ms) : !cancelled)
            pp_verify_tell(run, PP_CORRUPT, "stamps row", ticket, PP_VERIFY_NO_LANE, "it does not say what record %llu did",
                           (unsigned long long)record->sequence);
        run->stamp_rows++;
    }
    return PP_OK;
}

/* ---- the checkpoint ---- */

static enum pp_error lane_compare(struct pp_verify_run *run, uint32_t slot)
{
    uint8_t ours[PP_CHECKPOINT_LANE_MAX_BYTES];
    size_t length;
    struct pp_slice stored;
    PP_TRY(pp_checkpoint_lane_encode(&run->ledger, slot, ours, sizeof ours, &length));
    enum pp_error error = pp_checkpoint_lane_row(run->derived, slot, &stored);
    if (error == PP_NOT_FOUND)
        stored = pp_slice(NULL, 0);
    else
        PP_TRY(error);
    if (stored.length != length || memcmp(stored.bytes, ours, length) != 0)
        pp_verify_tell(run, PP_CORRUPT, "checkpoint", run->checkpoint.next_sequence - 1, slot,
                       "the lane's row is not what the journal says");
    return PP_OK;
}

enum pp_error pp_verify_checkpoint(struct pp_verify_run *run)
{
    if (run->checkpoint_lanes != run->ledger.head.lane_count)
        pp_verify_tell(run, PP_CORRUPT, "checkpoint", run->checkpoint.next_sequence - 1, PP_VERIFY_NO_LANE,
                       "%llu lanes, the journal says %u", (unsigned long long)run->checkpoint_lanes,
                       run->ledger.head.lane_count);
    for (uint32_t slot = 0; slot < run->ledger.head.lane_count; slot++)
        PP_TRY(lane_compare(run, slot));
    return PP_OK;
}

/* ---- how many ---- */

static enum pp_error count_compare(struct pp_verify_run *run, struct pp_txn *txn, unsigned table, const char *what,
                                   uint64_t expected)
{
    uint64_t actual;
    PP_TRY(pp_txn_count(txn, table, &actual));
    if (actual != expected)
        pp_verify_tell(run, PP_CORRUPT, what, 0, PP_VERIFY_NO_LANE, "%llu rows, the journal says %llu",
                       (unsigned long long)actual, (unsigned long long)expected);
    return PP_OK;
}

enum pp_error pp_verify_rows_end(struct pp_verify_run *run)
{
    PP_TRY(count_compare(run, run->journal, PP_TABLE_ENVELOPES, "envelopes", run->summary->envelopes));
    PP_TRY(count_compare(run, run->journal, PP_TABLE_STAMPS, "stamps", run->stamp_rows));
    PP_TRY(count_compare(run, run->journal, PP_TABLE_REPORTS, "reports", run->summary->reports));
    if (!run->derived)
        return PP_OK;
    return count_compare(run, run->derived, PP_TABLE_INDEX_STAMP, "index_stamp", run->indexed_stamps);
}
