/* The tables beside the journal: envelopes, and what happened to stamps. */
#include "engine/node.h"
#include "verify/verify_run.h"

#include <pp/assert.h>
#include <pp/day.h>

#include <stdlib.h>
#include <string.h>

#define BIT_OF(reason) (1u << ((unsigned)(reason)-1))

/* ---- marks ---- */

/* Grown with the journal, so never more than is on disk. */
static enum pp_error marks_reserve(struct pp_verify_run *run, uint64_t end)
{
    if (end <= run->marks_capacity)
        return PP_OK;
    if (end > SIZE_MAX / 8)
        return PP_NO_MEMORY;
    size_t capacity = 2 * (size_t)end + 65536;
    uint16_t *grown = realloc(run->marks, capacity * sizeof *grown);
    if (!grown)
        return PP_NO_MEMORY;
    memset(grown + run->marks_capacity, 0, (capacity - run->marks_capacity) * sizeof *grown);
    run->marks = grown;
    run->marks_capacity = capacity;
    return PP_OK;
}

/* ---- looking up ---- */

enum pp_error pp_verify_stamp(struct pp_verify_run *run, uint64_t sequence,
                              const struct pp_record **out_record, const struct pp_row_charged **out_row)
{
    struct pp_record *found = &run->found;
    *out_record = found;
    *out_row = NULL;
    if (sequence == 0)
        return PP_OK;
    if (found->sequence == 0 || sequence < found->sequence ||
        sequence - found->sequence >= pp_record_span(found)) {
        found->sequence = 0;
        enum pp_error error = pp_journal_find(run->journal, sequence, run->found_room, found, NULL);
        if (error != PP_OK) {
            found->sequence = 0;
            return error == PP_NOT_FOUND || error == PP_CORRUPT ? PP_OK : error;
        }
    }
    if (pp_record_is_charge(found))
        *out_row = pp_journal_row(found, sequence);
    return PP_OK;
}

enum pp_error pp_verify_stamp_row(struct pp_verify_run *run, uint64_t sequence, struct pp_stamp_row *out)
{
    enum pp_error error = pp_stamp_row_get(run->journal, sequence, out);
    if (error != PP_CORRUPT)
        return error;
    *out = (struct pp_stamp_row){0};
    pp_verify_tell(run, PP_VERIFY_STAMPS, error, "stamps row", PP_SLOT_NONE,
                   "the row of stamp %llu is no row", (unsigned long long)sequence);
    return PP_OK;
}

/* ---- envelopes ---- */

/* Takes the row that was found, or the next one whose key is a number; tells what stands in between. after: the number before it,
 * NULL for the first. */
static enum pp_error envelope_next(struct pp_verify_run *run, enum pp_error found, const uint64_t *after)
{
    run->has_envelope = false;
    while (found == PP_OK) {
        if (run->envelopes.key.length != 8) {
            pp_verify_tell(run, PP_VERIFY_ENVELOPES, PP_CORRUPT, "envelope key", PP_SLOT_NONE,
                           "%zu bytes long", run->envelopes.key.length);
        } else if (!after || pp_key8_number(run->envelopes.key.bytes) > *after) {
            run->has_envelope = true;
            return PP_OK;
        } else {
            return PP_CORRUPT; /* keys that do not ascend: pages that lead in a circle */
        }
        found = pp_scan_next(&run->envelopes);
    }
    return found == PP_NOT_FOUND ? PP_OK : found;
}

enum pp_error pp_verify_rows_begin(struct pp_verify_run *run)
{
    struct pp_key8 key = pp_key8_of(run->head.next_sequence);
    run->has_envelope = false;
    PP_TRY(pp_scan_open(run->journal, PP_TABLE_ENVELOPES, &run->envelopes));
    /* In the first pass from the very first row, whatever its key is. */
    enum pp_error found = run->head.next_sequence == 1
                              ? pp_scan_first(&run->envelopes)
                              : pp_scan_first_from(&run->envelopes, pp_slice(key.bytes, 8));
    return envelope_next(run, found, NULL);
}

void pp_verify_rows_close(struct pp_verify_run *run)
{
    pp_scan_close(&run->envelopes);
    run->has_envelope = false;
}

static enum pp_error orphan_tell(struct pp_verify_run *run, uint64_t sequence)
{
    uint64_t told_with = run->sequence;
    run->sequence = sequence;
    pp_verify_tell(run, PP_VERIFY_ENVELOPES, PP_CORRUPT, "envelope", PP_SLOT_NONE,
                   "%zu bytes that no stamp of this node's paid for", run->envelopes.value.length);
    run->sequence = told_with;
    return envelope_next(run, pp_scan_next(&run->envelopes), &sequence);
}

/* Every row up to `end` that was not asked for. */
static enum pp_error orphans_tell(struct pp_verify_run *run, uint64_t end)
{
    while (run->has_envelope && pp_key8_number(run->envelopes.key.bytes) < end)
        PP_TRY(orphan_tell(run, pp_key8_number(run->envelopes.key.bytes)));
    return PP_OK;
}

/* JRN-068. The scan stands on it. */
static enum pp_error envelope_compare(struct pp_verify_run *run, const struct pp_leaf *leaf, uint32_t slot,
                                      struct pp_slice *out_topic)
{
    struct pp_envelope_row row;
    struct pp_hash hash;
    uint64_t sequence = pp_key8_number(run->envelopes.key.bytes);
    run->summary->envelopes++;
    if (pp_envelope_row_read(run->envelopes.value, &row) != PP_OK) {
        pp_verify_tell(run, PP_VERIFY_ENVELOPES, PP_CORRUPT, "envelope", slot, "%zu bytes that are no row",
                       run->envelopes.value.length);
    } else {
        pp_envelope_hash(row.topic.bytes, row.topic.length, row.payload.bytes, row.payload.length, &hash);
        pp_verify_bytes(run, PP_VERIFY_ENVELOPES, "envelope", slot, leaf->envelope_hash.bytes, hash.bytes,
                        32);
        pp_verify_number(run, PP_VERIFY_ENVELOPES, "envelope size", slot, leaf->size, row.payload.length);
        *out_topic = row.topic;
    }
    return envelope_next(run, pp_scan_next(&run->envelopes), &sequence);
}

/* Whether the bytes may go by now: the node keeps them to the end of their last day. */
static bool is_expired(const struct pp_verify_run *run, uint64_t time_ms, const struct pp_leaf *leaf)
{
    return pp_day_of(time_ms) + leaf->retention_days <= run->last_day;
}

static enum pp_error envelope_look(struct pp_verify_run *run, const struct pp_record *record,
                                   const struct pp_leaf *leaf, uint64_t sequence, uint32_t slot,
                                   struct pp_slice *out_topic)
{
    PP_TRY(orphans_tell(run, sequence));
    pp_verify_count(run, PP_VERIFY_ENVELOPES);
    if (run->has_envelope && pp_key8_number(run->envelopes.key.bytes) == sequence)
        return envelope_compare(run, leaf, slot, out_topic);
    if (is_expired(run, record->time_ms, leaf))
        run->summary->envelopes_gone++;
    else
        run->marks[sequence] |= PP_MARK_MISSING; /* it may have been deleted: later records say */
    return PP_OK;
}

/* ---- CHARGED ---- */

static enum pp_error charged_rows(struct pp_verify_run *run, const struct pp_record *record)
{
    uint32_t slot = pp_ledger_find(&run->ledger, &record->charged.channel_id);
    uint64_t sequence = record->sequence;
    for (uint32_t i = 0; i < record->count; i++) {
        const struct pp_row_charged *row = &record->charged_rows[i];
        struct pp_slice topic = {NULL, 0};
        if (!row->admitted)
            continue;
        run->sequence = sequence;
        run->marks[sequence] |= pp_record_reserves(record) ? PP_MARK_TICKET : PP_MARK_ENVELOPE;
        if (!pp_record_reserves(record))
            PP_TRY(envelope_look(run, record, &row->leaf, sequence, slot, &topic));
        if (!run->index_has_tail)
            PP_TRY(pp_verify_index_stamp(run, record->time_ms, &row->leaf, sequence, topic));
        sequence++;
    }
    return PP_OK;
}

/* ---- DELETED ---- */

static void row_compare(struct pp_verify_run *run, uint32_t slot, const struct pp_stamp_row *expected,
                        const struct pp_stamp_row *actual)
{
    pp_verify_count(run, PP_VERIFY_STAMPS);
    pp_verify_number(run, PP_VERIFY_STAMPS, "stamps row, reasons", slot, expected->refund.reasons,
                     actual->refund.reasons);
    pp_verify_grains(run, PP_VERIFY_STAMPS, "stamps row, refunded", slot, expected->refund.refunded,
                     actual->refund.refunded);
    pp_verify_number(run, PP_VERIFY_STAMPS, "stamps row, stored day", slot, expected->stored_day,
                     actual->stored_day);
}

/* What a bond gave back is compared where it did. */
static void row_without_bond(struct pp_stamp_row *row, const struct pp_row_charged *stamp)
{
    row->forfeited = false;
    if (!(row->refund.reasons & BIT_OF(PP_REFUND_BOND_RETURNED)))
        return;
    row->refund.reasons &= (uint8_t)~BIT_OF(PP_REFUND_BOND_RETURNED);
    row->refund.refunded =
        pp_grains_sub_clamped(row->refund.refunded, pp_grains(stamp ? stamp->leaf.postage.bond_grains : 0));
}

/* JRN-064: what is deleted is a stamp of this lane that was stored, and it is deleted once. */
static void deletion_compare(struct pp_verify_run *run, uint32_t slot, const struct pp_row_deleted *deleted,
                             const struct pp_record *record, const struct pp_row_charged *stamp,
                             uint32_t stored_day)
{
    uint16_t *mark = &run->marks[deleted->sequence];
    const enum pp_verify_check check = PP_VERIFY_DELETIONS;
    const struct pp_channel_id *channel_id = &run->ledger.lanes[slot].channel_id;
    pp_verify_bytes(run, check, "channel of a deletion", slot, record->charged.channel_id.bytes,
                    channel_id->bytes, 32);
    pp_verify_bytes(run, check, "stamp of a deletion", slot, stamp->stamp_id.bytes, deleted->stamp_id.bytes,
                    32);
    pp_verify_number(run, check, "storage of a deletion", slot, stamp->leaf.postage.storage_grains,
                     deleted->storage_grains);
    pp_verify_number(run, check, "days of a deletion", slot, stamp->leaf.retention_days,
                     deleted->retention_days);
    pp_verify_number(run, check, "stored day of a deletion", slot, stored_day, deleted->stored_day);
    if (*mark & PP_MARK_DELETED)
        pp_verify_tell(run, check, PP_INVARIANT, "deleted twice", slot, "stamp %llu",
                       (unsigned long long)deleted->sequence);
    if (*mark & PP_MARK_TICKET && !(*mark & PP_MARK_STORED))
        pp_verify_tell(run, check, PP_INVARIANT, "deleted, never stored", slot, "ticket %llu",
                       (unsigned long long)deleted->sequence);
    if (*mark & PP_MARK_LAPSED)
        pp_verify_tell(run, check, PP_INVARIANT, "deleted, lapsed before", slot, "stamp %llu",
                       (unsigned long long)deleted->sequence);
    *mark |= PP_MARK_DELETED;
}

static enum pp_error deletion_rows(struct pp_verify_run *run, uint32_t slot,
                                   const struct pp_row_deleted *deleted)
{
    const struct pp_record *record;
    const struct pp_row_charged *stamp = NULL;
    struct pp_stamp_row row, expected = {{BIT_OF(PP_REFUND_EARLY_DELETE), pp_grains(deleted->amount)}, 0};
    if (deleted->sequence < run->sequence)
        PP_TRY(pp_verify_stamp(run, deleted->sequence, &record, &stamp));
    if (!stamp) {
        pp_verify_tell(run, PP_VERIFY_DELETIONS, PP_INVARIANT, "stamp of a deletion", slot,
                       "there is no stamp %llu", (unsigned long long)deleted->sequence);
        return PP_OK;
    }
    PP_TRY(pp_verify_stamp_row(run, deleted->sequence, &row));
    row_without_bond(&row, stamp);
    if (pp_record_reserves(record))
        expected.stored_day = row.stored_day; /* compared when it was stored */
    deletion_compare(run, slot, deleted, record, stamp,
                     pp_record_reserves(record) ? row.stored_day : pp_day_of(record->time_ms));
    row_compare(run, slot, &expected, &row);
    return PP_OK;
}

static enum pp_error deleted_rows(struct pp_verify_run *run, const struct pp_record *record)
{
    uint32_t slot = pp_ledger_find(&run->ledger, &record->deleted.channel_id);
    for (uint32_t i = 0; i < record->count; i++)
        PP_TRY(deletion_rows(run, slot, &record->deleted_rows[i]));
    return PP_OK;
}

/* ---- STORED, CANCELLED ---- */

static enum pp_error ticket_rows(struct pp_verify_run *run, const struct pp_record *record)
{
    bool stored = record->type == PP_RECORD_TYPE_STORED;
    uint32_t last_slot = PP_SLOT_NONE;
    for (uint32_t i = 0; i < record->count; i++) {
        uint64_t ticket = record->ticket_rows[i].ticket; /* it was open, so it is below, and a stamp */
        const struct pp_record *charged;
        const struct pp_row_charged *stamp;
        struct pp_stamp_row row, expected = {0};
        PP_TRY(pp_verify_stamp(run, ticket, &charged, &stamp));
        PP_TRY(pp_verify_stamp_row(run, ticket, &row));
        uint32_t slot = stamp ? pp_ledger_find(&run->ledger, &charged->charged.channel_id) : PP_SLOT_NONE;
        run->marks[ticket] |= stored ? PP_MARK_STORED : PP_MARK_CANCELLED;
        row_without_bond(&row, stamp);
        if (stored) {
            expected.stored_day = run->ledger.head.day;
            if (row.refund.reasons == BIT_OF(PP_REFUND_EARLY_DELETE) ||
                row.refund.reasons == BIT_OF(PP_REFUND_NOT_REPLICATED))
                expected.refund = row.refund; /* refunded since: compared there */
            if (slot != PP_SLOT_NONE && slot != last_slot)
                pp_verify_lane(run, slot);
            last_slot = slot;
        } else {
            expected.refund.reasons = BIT_OF(PP_REFUND_NOT_STORED);
            if (stamp && pp_postage_total(&stamp->leaf.postage, &expected.refund.refunded) != PP_OK)
                expected.refund.refunded = PP_GRAINS_MAX;
        }
        row_compare(run, slot, &expected, &row);
    }
    return PP_OK;
}

static enum pp_error not_replicated_rows(struct pp_verify_run *run, const struct pp_record *record)
{
    const uint32_t slot = pp_ledger_find(&run->ledger, &record->not_replicated.channel_id);
    for (uint32_t i = 0; i < record->count; i++) {
        const uint64_t sequence = record->ticket_rows[i].ticket; /* it waited, so it is below, and a stamp */
        const struct pp_record *charged;
        const struct pp_row_charged *stamp;
        struct pp_stamp_row row, expected = {{BIT_OF(PP_REFUND_NOT_REPLICATED), PP_GRAINS_MAX}, 0};
        PP_TRY(pp_verify_stamp(run, sequence, &charged, &stamp));
        PP_TRY(pp_verify_stamp_row(run, sequence, &row));
        if (stamp)
            (void)!pp_postage_total(&stamp->leaf.postage, &expected.refund.refunded);
        expected.stored_day = row.stored_day; /* of a ticket: compared when it was stored */
        run->marks[sequence] |= PP_MARK_NOT_REPLICATED;
        row_compare(run, slot, &expected, &row);
    }
    return PP_OK;
}

/* ---- bonds ---- */

static enum pp_error bond_rows(struct pp_verify_run *run, const struct pp_record *record)
{
    const bool forfeits = record->type == PP_RECORD_TYPE_BOND_FORFEITED;
    uint32_t slot = pp_ledger_find(&run->ledger, forfeits ? &record->bond_forfeited.channel_id
                                                          : &record->bond_returned.channel_id);
    for (uint32_t i = 0; i < record->count; i++) {
        const uint64_t sequence = record->bond_rows[i].sequence; /* its bond was held, so it is below, and a stamp */
        struct pp_stamp_row row;
        PP_TRY(pp_verify_stamp_row(run, sequence, &row));
        run->marks[sequence] |= forfeits ? PP_MARK_BOND_FORFEITED : PP_MARK_BOND_RETURNED;
        pp_verify_count(run, PP_VERIFY_STAMPS);
        if (!forfeits && row.refund.reasons == BIT_OF(PP_REFUND_BOND_RETURNED)) /* else with the deletion */
            pp_verify_grains(run, PP_VERIFY_STAMPS, "stamps row, refunded", slot,
                             pp_grains(record->bond_rows[i].amount), row.refund.refunded);
    }
    return PP_OK;
}

enum pp_error pp_verify_rows(struct pp_verify_run *run, const struct pp_record *record)
{
    uint64_t end = record->sequence + pp_record_span(record);
    PP_TRY(marks_reserve(run, end));
    if (pp_record_is_charge(record))
        PP_TRY(charged_rows(run, record));
    PP_TRY(orphans_tell(run, end));
    if (record->type == PP_RECORD_TYPE_DELETED)
        return deleted_rows(run, record);
    if (record->type == PP_RECORD_TYPE_STORED || record->type == PP_RECORD_TYPE_CANCELLED)
        return ticket_rows(run, record);
    if (record->type == PP_RECORD_TYPE_BOND_RETURNED || record->type == PP_RECORD_TYPE_BOND_FORFEITED)
        return bond_rows(run, record);
    return record->type == PP_RECORD_TYPE_NOT_REPLICATED ? not_replicated_rows(run, record) : PP_OK;
}

/* ---- the end ---- */

static void stamp_row_end(struct pp_verify_run *run, uint64_t sequence, const struct pp_stamp_row *row)
{
    uint16_t mark = sequence < run->head.next_sequence ? run->marks[sequence] : 0;
    const uint16_t touched = PP_MARK_DELETED | PP_MARK_STORED | PP_MARK_CANCELLED | PP_MARK_LAPSED |
                             PP_MARK_NOT_REPLICATED | PP_MARK_BOND_RETURNED | PP_MARK_BOND_FORFEITED;
    uint8_t reasons = (uint8_t)((mark & PP_MARK_DELETED ? BIT_OF(PP_REFUND_EARLY_DELETE) : 0) |
                                (mark & PP_MARK_CANCELLED ? BIT_OF(PP_REFUND_NOT_STORED) : 0) |
                                (mark & PP_MARK_NOT_REPLICATED ? BIT_OF(PP_REFUND_NOT_REPLICATED) : 0) |
                                (mark & PP_MARK_BOND_RETURNED ? BIT_OF(PP_REFUND_BOND_RETURNED) : 0));
    run->sequence = sequence;
    if (!(mark & touched))
        pp_verify_tell(run, PP_VERIFY_STAMPS, PP_CORRUPT, "stamps row", PP_SLOT_NONE,
                       "no record did anything to it");
    else if (row->refund.reasons != reasons || row->lapsed != ((mark & PP_MARK_LAPSED) != 0) ||
             row->forfeited != ((mark & PP_MARK_BOND_FORFEITED) != 0) ||
             (row->stored_day != 0) != ((mark & PP_MARK_STORED) != 0))
        pp_verify_tell(run, PP_VERIFY_STAMPS, PP_CORRUPT, "stamps row", PP_SLOT_NONE,
                       "expected reasons %u, found %u; stored day %u; %s%s", reasons, row->refund.reasons,
                       row->stored_day, row->lapsed ? "lapsed" : "not lapsed", row->forfeited ? "; its bond forfeited" : "");
}

/* Rows that no record asked for. */
static enum pp_error stamp_rows_end(struct pp_verify_run *run, struct pp_scan *scan)
{
    uint64_t before = 0;
    enum pp_error error = pp_scan_first(scan);
    for (bool first = true; error == PP_OK; error = pp_scan_next(scan), first = false) {
        struct pp_stamp_row row;
        run->sequence = 0;
        if (scan->key.length != 8) {
            pp_verify_tell(run, PP_VERIFY_STAMPS, PP_CORRUPT, "stamps key", PP_SLOT_NONE, "%zu bytes long",
                           scan->key.length);
            continue;
        }
        uint64_t sequence = pp_key8_number(scan->key.bytes);
        if (!first && sequence <= before)
            return PP_CORRUPT;
        before = sequence;
        PP_TRY(pp_verify_stamp_row(run, sequence, &row));
        stamp_row_end(run, sequence, &row);
    }
    return error == PP_NOT_FOUND ? PP_OK : error;
}

/* JRN-068, SESSION-048, REW-134: gone is what was deleted, lapsed or given back, and nothing else; and what was is gone. */
static enum pp_error envelope_end(struct pp_verify_run *run, uint64_t sequence)
{
    struct pp_key8 key = pp_key8_of(sequence);
    struct pp_slice value;
    uint16_t mark = run->marks[sequence], gone = mark & (PP_MARK_DELETED | PP_MARK_LAPSED | PP_MARK_NOT_REPLICATED);
    run->sequence = sequence;
    if (mark & PP_MARK_MISSING) {
        run->summary->envelopes_gone += gone != 0;
        if (!gone)
            pp_verify_tell(run, PP_VERIFY_ENVELOPES, PP_CORRUPT, "envelope", PP_SLOT_NONE,
                           "it is missing, neither deleted nor expired");
        return PP_OK;
    }
    if (!gone || !(mark & PP_MARK_ENVELOPE))
        return PP_OK;
    enum pp_error error = pp_txn_get(run->journal, PP_TABLE_ENVELOPES, pp_slice(key.bytes, 8), &value);
    if (error == PP_OK)
        pp_verify_tell(run, PP_VERIFY_ENVELOPES, PP_CORRUPT, "envelope", PP_SLOT_NONE,
                       mark & PP_MARK_LAPSED           ? "it lapsed, and is there"
                       : mark & PP_MARK_NOT_REPLICATED ? "it was given back, and is there"
                                                       : "it was deleted, and is there");
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static enum pp_error envelopes_beyond(struct pp_verify_run *run)
{
    enum pp_error error = pp_verify_rows_begin(run);
    while (error == PP_OK && run->has_envelope)
        error = orphan_tell(run, pp_key8_number(run->envelopes.key.bytes));
    pp_verify_rows_close(run);
    return error;
}

enum pp_error pp_verify_rows_end(struct pp_verify_run *run)
{
    struct pp_scan scan;
    PP_TRY(pp_scan_open(run->journal, PP_TABLE_STAMPS, &scan));
    enum pp_error error = stamp_rows_end(run, &scan);
    pp_scan_close(&scan);
    PP_TRY(error);
    for (uint64_t sequence = 1; sequence < run->head.next_sequence; sequence++)
        PP_TRY(envelope_end(run, sequence));
    PP_TRY(envelopes_beyond(run));
    run->sequence = 0;
    return PP_OK;
}
