#include "checkpoint.h"

#include <pp/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LANE_ROW_VERSION 1u
#define HEAD_ROW_VERSION 1u
#define ROW_MAX_BYTES (PP_CHECKPOINT_LANE_MAX_BYTES + PP_RECORD_CHECKSUM_BYTES)

void pp_checkpoint_init(struct pp_checkpoint *checkpoint)
{
    *checkpoint = (struct pp_checkpoint){0};
}

void pp_checkpoint_done(struct pp_checkpoint *checkpoint)
{
    free(checkpoint->bytes);
    *checkpoint = (struct pp_checkpoint){0};
}

/* ---- rows ---- */

static void seal(struct pp_slice key, struct pp_slice value, uint8_t out[PP_RECORD_CHECKSUM_BYTES])
{
    const struct pp_slice parts[] = {key, value};
    uint8_t digest[32];
    pp_blake2b("pp.checkpoint.v1", parts, 2, digest);
    memcpy(out, digest, PP_RECORD_CHECKSUM_BYTES);
}

static enum pp_error row_add(struct pp_checkpoint *checkpoint, struct pp_slice key, struct pp_slice value)
{
    size_t needed = checkpoint->length + 1 + key.length + 4 + value.length + PP_RECORD_CHECKSUM_BYTES;
    if (needed > checkpoint->capacity) {
        size_t capacity = needed * 2 + 65536;
        uint8_t *grown = realloc(checkpoint->bytes, capacity);
        if (!grown)
            return PP_NO_MEMORY;
        checkpoint->bytes = grown;
        checkpoint->capacity = capacity;
    }
    uint8_t checksum[PP_RECORD_CHECKSUM_BYTES];
    struct pp_writer w;
    size_t length = 0;
    seal(key, value, checksum);
    pp_writer_init(&w, checkpoint->bytes + checkpoint->length, checkpoint->capacity - checkpoint->length);
    pp_write_u8(&w, (uint8_t)key.length);
    pp_write_bytes(&w, key.bytes, key.length);
    pp_write_u32(&w, (uint32_t)(value.length + sizeof checksum));
    pp_write_bytes(&w, value.bytes, value.length);
    pp_write_bytes(&w, checksum, sizeof checksum);
    enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK);
    checkpoint->length += length;
    return PP_OK;
}

struct row_key {
    uint8_t bytes[9];
    size_t length;
};

static struct row_key lane_key(uint32_t slot)
{
    return (struct row_key){
        {'s', (uint8_t)(slot >> 24), (uint8_t)(slot >> 16), (uint8_t)(slot >> 8), (uint8_t)slot}, 5};
}

static struct row_key ticket_key(uint64_t sequence)
{
    struct row_key key = {{'t'}, 9};
    struct pp_key8 number = pp_key8_of(sequence);
    memcpy(key.bytes + 1, number.bytes, sizeof number.bytes);
    return key;
}

/* ---- writing ---- */

enum pp_error pp_checkpoint_lane_encode(const struct pp_ledger *ledger, uint32_t slot, uint8_t *out, size_t capacity,
                                        size_t *out_length)
{
    const struct pp_ledger_lane *lane = &ledger->lanes[slot];
    const struct pp_refund_list *list = pp_ledger_refunds(ledger, lane);
    uint8_t record[PP_LANE_RECORD_MAX_BYTES];
    size_t record_length;
    struct pp_writer w;
    PP_TRY(pp_lane_encode(&lane->lane, record, sizeof record, &record_length));
    pp_writer_init(&w, out, capacity);
    pp_write_u8(&w, LANE_ROW_VERSION);
    pp_write_bytes(&w, lane->channel_id.bytes, sizeof lane->channel_id.bytes);
    pp_write_bytes(&w, lane->config.payer.bytes, sizeof lane->config.payer.bytes);
    pp_write_bytes(&w, lane->config.signer.bytes, sizeof lane->config.signer.bytes);
    pp_write_u64(&w, lane->config.nonce);
    pp_write_u64(&w, lane->voucher_sequence);
    pp_write_u64(&w, lane->refund_sequence);
    pp_write_u64(&w, lane->leave_sequence);
    pp_write_u16(&w, (uint16_t)record_length);
    pp_write_bytes(&w, record, record_length);
    pp_earning_lane_write(&w, &ledger->book, slot, &lane->earning);
    pp_write_u8(&w, list != NULL);
    if (list)
        pp_refund_list_write(&w, list);
    return pp_writer_finish(&w, out_length);
}

static enum pp_error lane_take(struct pp_checkpoint *checkpoint, struct pp_ledger *ledger, uint32_t slot)
{
    uint8_t value[PP_CHECKPOINT_LANE_MAX_BYTES];
    size_t length;
    struct row_key key = lane_key(slot);
    PP_TRY(pp_checkpoint_lane_encode(ledger, slot, value, sizeof value, &length));
    return row_add(checkpoint, pp_slice(key.bytes, key.length), pp_slice(value, length));
}

static enum pp_error tickets_take(struct pp_checkpoint *checkpoint, const struct pp_tickets *tickets)
{
    if (tickets->count == 0)
        return PP_OK;
    struct pp_ticket *list = malloc(tickets->count * sizeof *list);
    if (!list)
        return PP_NO_MEMORY;
    enum pp_error error = PP_OK;
    pp_tickets_list(tickets, list);
    for (uint32_t i = 0; i < tickets->count && error == PP_OK; i++) {
        struct row_key key = ticket_key(list[i].sequence);
        uint8_t value[128];
        size_t length = 0;
        struct pp_writer w;
        pp_writer_init(&w, value, sizeof value);
        pp_write_u64(&w, list[i].time_ms);
        pp_write_u64(&w, list[i].postage.base_grains);
        pp_write_u64(&w, list[i].postage.storage_grains);
        pp_write_u64(&w, list[i].postage.congestion_grains);
        pp_write_u64(&w, list[i].postage.bond_grains);
        pp_write_bytes(&w, list[i].stamp_id.bytes, sizeof list[i].stamp_id.bytes);
        pp_write_u32(&w, list[i].slot);
        pp_write_u16(&w, list[i].retention_days);
        error = pp_writer_finish(&w, &length);
        PP_ASSERT(error == PP_OK);
        error = row_add(checkpoint, pp_slice(key.bytes, key.length), pp_slice(value, length));
    }
    free(list);
    return error;
}

static enum pp_error head_take(struct pp_checkpoint *checkpoint, const struct pp_ledger *ledger)
{
    const struct pp_ledger_head *head = &ledger->head;
    uint8_t value[512];
    size_t length = 0;
    struct pp_writer w;
    pp_writer_init(&w, value, sizeof value);
    pp_write_u8(&w, HEAD_ROW_VERSION);
    pp_write_u64(&w, checkpoint->journal.next_sequence);
    pp_write_u64(&w, checkpoint->journal.time_ms);
    pp_write_bytes(&w, checkpoint->journal.checksum, sizeof checkpoint->journal.checksum);
    pp_write_u32(&w, head->opened.node_id);
    pp_write_u8(&w, head->opened.shard);
    pp_write_u8(&w, head->opened.embedded_store);
    pp_write_u64(&w, head->opened.chain_id);
    pp_write_bytes(&w, head->opened.contract.bytes, sizeof head->opened.contract.bytes);
    pp_write_bytes(&w, head->opened.operator_address.bytes, sizeof head->opened.operator_address.bytes);
    pp_write_bytes(&w, head->opened.receipt_key.bytes, sizeof head->opened.receipt_key.bytes);
    pp_write_u32(&w, head->day);
    pp_write_u64(&w, head->report_epoch);
    pp_write_bytes(&w, head->report_hash.bytes, sizeof head->report_hash.bytes);
    pp_write_u64(&w, head->congestion.minute);
    for (unsigned i = 0; i < PP_CONGESTION_MINUTES; i++)
        pp_write_u32(&w, head->congestion.counts[i]);
    pp_write_grains(&w, head->totals.spent);
    pp_write_grains(&w, head->totals.consumed);
    pp_write_grains(&w, head->totals.refunded);
    pp_write_grains(&w, head->totals.earned);
    pp_write_u64(&w, head->totals.stamps);
    pp_write_u32(&w, head->lane_count);
    pp_write_u32(&w, ledger->tickets.count);
    enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK);
    return row_add(checkpoint, pp_slice("head", 4), pp_slice(value, length));
}

static enum pp_error rows_take(struct pp_checkpoint *checkpoint, struct pp_ledger *ledger)
{
    for (uint32_t slot = 0; slot < ledger->head.lane_count; slot++)
        if (checkpoint->complete || ledger->lanes[slot].dirty)
            PP_TRY(lane_take(checkpoint, ledger, slot));
    PP_TRY(tickets_take(checkpoint, &ledger->tickets));
    return head_take(checkpoint, ledger);
}

enum pp_error pp_checkpoint_take(struct pp_checkpoint *checkpoint, struct pp_ledger *ledger,
                                 const struct pp_journal_head *journal, bool all)
{
    PP_ASSERT(ledger->group % 2 == 0);
    checkpoint->journal = *journal;
    checkpoint->length = 0;
    checkpoint->complete = all;
    PP_TRY(rows_take(checkpoint, ledger));
    for (uint32_t slot = 0; slot < ledger->head.lane_count; slot++)
        ledger->lanes[slot].dirty = false;
    return PP_OK;
}

/* All rows of a kind, which stand together. */
static enum pp_error rows_drop(struct pp_txn *txn, uint8_t kind)
{
    struct pp_scan scan;
    for (;;) {
        uint8_t key[16];
        PP_TRY(pp_scan_open(txn, PP_TABLE_CHECKPOINT, &scan));
        enum pp_error error = pp_scan_first_from(&scan, pp_slice(&kind, 1));
        size_t length = error == PP_OK ? scan.key.length : 0;
        bool more = error == PP_OK && length <= sizeof key && length > 0 && scan.key.bytes[0] == kind;
        if (more)
            memcpy(key, scan.key.bytes, length);
        pp_scan_close(&scan);
        if (error != PP_OK && error != PP_NOT_FOUND)
            return error;
        if (!more)
            return PP_OK;
        PP_TRY(pp_txn_delete(txn, PP_TABLE_CHECKPOINT, pp_slice(key, length)));
    }
}

void pp_checkpoint_row_next(struct pp_reader *r, struct pp_slice *out_key, struct pp_slice *out_value)
{
    out_key->length = pp_read_u8(r);
    out_key->bytes = pp_read_slice(r, out_key->length);
    out_value->length = pp_read_u32(r);
    out_value->bytes = pp_read_slice(r, out_value->length);
    PP_ASSERT(r->error == PP_OK);
}

static enum pp_error rows_write(void *context, struct pp_txn *txn)
{
    const struct pp_checkpoint *checkpoint = context;
    struct pp_reader r;
    if (checkpoint->complete)
        PP_TRY(pp_txn_clear(txn, PP_TABLE_CHECKPOINT));
    PP_TRY(rows_drop(txn, 't'));
    pp_reader_init(&r, checkpoint->bytes, checkpoint->length);
    while (pp_reader_left(&r) > 0) {
        struct pp_slice key, part;
        pp_checkpoint_row_next(&r, &key, &part);
        PP_TRY(pp_txn_put(txn, PP_TABLE_CHECKPOINT, key, &part, 1));
    }
    return PP_OK;
}

enum pp_error pp_checkpoint_write(const struct pp_checkpoint *checkpoint, struct pp_store *derived)
{
    union {
        const struct pp_checkpoint *in;
        void *out;
    } context = {.in = checkpoint};
    return pp_store_write(derived, PP_STORE_RESERVE_IF_FULL, rows_write, context.out);
}

/* ---- loading ---- */

struct load {
    struct pp_ledger *ledger;
    struct pp_journal_head *journal;
    char *reason;
};

static enum pp_error corrupt(const struct load *load, const char *row, uint64_t number, const char *what)
{
    snprintf(load->reason, PP_STORE_REASON_BYTES, "checkpoint row %s %llu: %s", row, (unsigned long long)number, what);
    return PP_CORRUPT;
}

bool pp_checkpoint_row_is_whole(struct pp_slice key, struct pp_slice value)
{
    uint8_t checksum[PP_RECORD_CHECKSUM_BYTES];
    if (value.length < sizeof checksum)
        return false;
    value.length -= sizeof checksum;
    seal(key, value, checksum);
    return memcmp(checksum, value.bytes + value.length, sizeof checksum) == 0;
}

/* The value of a row without its checksum. */
static enum pp_error row_open(const struct load *load, struct pp_slice key, struct pp_slice value, const char *row,
                              uint64_t number, struct pp_slice *out)
{
    if (value.length < PP_RECORD_CHECKSUM_BYTES)
        return corrupt(load, row, number, "shorter than a checksum");
    if (!pp_checkpoint_row_is_whole(key, value))
        return corrupt(load, row, number, "the checksum is not that of its bytes");
    *out = pp_slice(value.bytes, value.length - PP_RECORD_CHECKSUM_BYTES);
    return PP_OK;
}

static void head_read(struct pp_reader *r, struct pp_ledger_head *head, struct pp_journal_head *journal,
                      uint32_t *out_lanes, uint32_t *out_tickets)
{
    if (pp_read_u8(r) != HEAD_ROW_VERSION)
        pp_reader_fail(r, PP_BAD_VERSION);
    journal->next_sequence = pp_read_u64(r);
    journal->time_ms = pp_read_u64(r);
    pp_read_bytes(r, journal->checksum, sizeof journal->checksum);
    head->is_open = true;
    head->opened.type_ = PP_RECORD_TYPE_OPENED;
    head->opened.node_id = pp_read_u32(r);
    head->opened.shard = pp_read_u8(r);
    head->opened.embedded_store = pp_read_u8(r);
    head->opened.chain_id = pp_read_u64(r);
    pp_read_bytes(r, head->opened.contract.bytes, sizeof head->opened.contract.bytes);
    pp_read_bytes(r, head->opened.operator_address.bytes, sizeof head->opened.operator_address.bytes);
    pp_read_bytes(r, head->opened.receipt_key.bytes, sizeof head->opened.receipt_key.bytes);
    head->day = pp_read_u32(r);
    head->report_epoch = pp_read_u64(r);
    pp_read_bytes(r, head->report_hash.bytes, sizeof head->report_hash.bytes);
    head->congestion.minute = pp_read_u64(r);
    for (unsigned i = 0; i < PP_CONGESTION_MINUTES; i++)
        head->congestion.counts[i] = pp_read_u32(r);
    head->totals.spent = pp_read_grains(r);
    head->totals.consumed = pp_read_grains(r);
    head->totals.refunded = pp_read_grains(r);
    head->totals.earned = pp_read_grains(r);
    head->totals.stamps = pp_read_u64(r);
    *out_lanes = pp_read_u32(r);
    *out_tickets = pp_read_u32(r);
}

static enum pp_error lane_read(struct pp_ledger *ledger, struct pp_slice value)
{
    struct pp_reader r;
    struct pp_channel_id channel_id;
    struct pp_channel_config config;
    uint64_t sequences[3];
    uint32_t slot;
    pp_reader_init(&r, value.bytes, value.length);
    if (pp_read_u8(&r) != LANE_ROW_VERSION)
        return PP_BAD_VERSION;
    pp_read_bytes(&r, channel_id.bytes, sizeof channel_id.bytes);
    pp_read_bytes(&r, config.payer.bytes, sizeof config.payer.bytes);
    pp_read_bytes(&r, config.signer.bytes, sizeof config.signer.bytes);
    config.nonce = pp_read_u64(&r);
    for (unsigned i = 0; i < 3; i++)
        sequences[i] = pp_read_u64(&r);
    size_t length = pp_read_u16(&r);
    const uint8_t *record = pp_read_slice(&r, length);
    if (r.error != PP_OK)
        return r.error;
    PP_TRY(pp_ledger_lane_add(ledger, &channel_id, &config, &slot));
    struct pp_ledger_lane *lane = &ledger->lanes[slot];
    PP_TRY(pp_lane_decode(&lane->lane, record, length, &ledger->holes));
    PP_TRY(pp_earning_reserve(&ledger->book, PP_RETENTION_MAX_DAYS));
    pp_earning_lane_read(&r, &ledger->book, slot, &lane->earning);
    uint8_t has_list = pp_read_u8(&r);
    if (r.error == PP_OK && has_list > 1)
        return PP_OUT_OF_RANGE;
    if (r.error == PP_OK && has_list)
        pp_refund_list_read(&r, pp_ledger_refunds_make(ledger, lane));
    PP_TRY(pp_reader_finish(&r));
    lane->voucher_sequence = sequences[0];
    lane->refund_sequence = sequences[1];
    lane->leave_sequence = sequences[2];
    lane->dirty = false;
    return PP_OK;
}

static enum pp_error lanes_load(const struct load *load, struct pp_txn *txn, uint32_t count)
{
    for (uint32_t slot = 0; slot < count; slot++) {
        struct row_key key = lane_key(slot);
        struct pp_slice value;
        enum pp_error error = pp_txn_get(txn, PP_TABLE_CHECKPOINT, pp_slice(key.bytes, key.length), &value);
        if (error == PP_NOT_FOUND)
            return corrupt(load, "lane", slot, "it is missing");
        PP_TRY(error);
        PP_TRY(row_open(load, pp_slice(key.bytes, key.length), value, "lane", slot, &value));
        error = lane_read(load->ledger, value);
        if (error == PP_TOO_MANY_LANES || error == PP_NO_MEMORY || error == PP_BUSY)
            return error;
        if (error != PP_OK)
            return corrupt(load, "lane", slot, pp_error_name(error));
    }
    return PP_OK;
}

static enum pp_error ticket_load(const struct load *load, const struct pp_scan *row, uint64_t sequence)
{
    struct pp_slice value;
    struct pp_ticket ticket = {.sequence = sequence};
    struct pp_reader r;
    PP_TRY(row_open(load, row->key, row->value, "ticket", sequence, &value));
    pp_reader_init(&r, value.bytes, value.length);
    ticket.time_ms = pp_read_u64(&r);
    ticket.postage.base_grains = pp_read_u64(&r);
    ticket.postage.storage_grains = pp_read_u64(&r);
    ticket.postage.congestion_grains = pp_read_u64(&r);
    ticket.postage.bond_grains = pp_read_u64(&r);
    pp_read_bytes(&r, ticket.stamp_id.bytes, sizeof ticket.stamp_id.bytes);
    ticket.slot = pp_read_u32(&r);
    ticket.retention_days = pp_read_u16(&r);
    if (pp_reader_finish(&r) != PP_OK || sequence == 0 || ticket.slot >= load->ledger->head.lane_count)
        return corrupt(load, "ticket", sequence, "not a ticket");
    return pp_tickets_add(&load->ledger->tickets, &ticket);
}

static enum pp_error tickets_load(const struct load *load, struct pp_txn *txn, uint32_t count)
{
    struct pp_scan scan;
    PP_TRY(pp_scan_open(txn, PP_TABLE_CHECKPOINT, &scan));
    enum pp_error error = pp_scan_first_from(&scan, pp_slice("t", 1));
    while (error == PP_OK && scan.key.length == 9 && scan.key.bytes[0] == 't') {
        error = ticket_load(load, &scan, pp_key8_number(scan.key.bytes + 1));
        if (error == PP_OK)
            error = pp_scan_next(&scan);
    }
    pp_scan_close(&scan);
    if (error != PP_OK && error != PP_NOT_FOUND)
        return error;
    return load->ledger->tickets.count == count ? PP_OK : corrupt(load, "ticket", count, "not as many as the head says");
}

static enum pp_error load_run(void *context, struct pp_txn *txn)
{
    const struct load *load = context;
    struct pp_slice value;
    struct pp_reader r;
    uint32_t lanes, tickets;
    PP_TRY(pp_txn_get(txn, PP_TABLE_CHECKPOINT, pp_slice("head", 4), &value));
    PP_TRY(row_open(load, pp_slice("head", 4), value, "head", 0, &value));
    pp_reader_init(&r, value.bytes, value.length);
    head_read(&r, &load->ledger->head, load->journal, &lanes, &tickets);
    if (pp_reader_finish(&r) != PP_OK)
        return corrupt(load, "head", 0, "not a head");
    PP_TRY(lanes_load(load, txn, lanes));
    return tickets_load(load, txn, tickets);
}

enum pp_error pp_checkpoint_load(struct pp_store *derived, struct pp_ledger *ledger, struct pp_journal_head *out_journal,
                                 char *out_reason)
{
    struct load load = {ledger, out_journal, out_reason};
    return pp_store_read(derived, load_run, &load);
}
