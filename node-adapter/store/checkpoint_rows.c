/* The bytes of a checkpoint: keys, checksums, the head, lanes and tickets. */
#include "store/checkpoint.h"

#include <pp/assert.h>

#include <string.h>

#define LANE_ROW_VERSION 3u
#define HEAD_ROW_VERSION 4u
#define LANE_RECORD_BARE_BYTES 99u /* without holes: pp/lane.h */
#define STATE_AT 5u                /* in a lane's record: version u8, lane u32, state u8, S, R, E ... */
#define EARNED_AT 30u
#define FALLS_AT (3u * 12u + 2u * 4u) /* in a lane's earnings: how many coming falls u16 */

/* ---- keys and checksums ---- */

static void number_put(uint8_t out[4], uint32_t number)
{
    for (unsigned i = 0; i < 4; i++)
        out[i] = (uint8_t)(number >> (24 - 8 * i));
}

static uint32_t number_get(const uint8_t bytes[4])
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

struct pp_checkpoint_key pp_checkpoint_block_key(uint32_t segment, uint32_t block)
{
    struct pp_checkpoint_key key = {{'b'}, 9};
    number_put(key.bytes + 1, segment);
    number_put(key.bytes + 5, block);
    return key;
}

bool pp_checkpoint_block_of(struct pp_slice key, uint32_t *out_segment, uint32_t *out_block)
{
    if (key.length != 9 || key.bytes[0] != 'b')
        return false;
    *out_segment = number_get(key.bytes + 1);
    *out_block = number_get(key.bytes + 5);
    return true;
}

void pp_checkpoint_seal(struct pp_slice key, struct pp_slice value, uint8_t out[PP_RECORD_CHECKSUM_BYTES])
{
    const struct pp_slice parts[] = {key, value};
    uint8_t digest[32];
    pp_blake2b("pp.checkpoint.v2", parts, 2, digest);
    memcpy(out, digest, PP_RECORD_CHECKSUM_BYTES);
}

bool pp_checkpoint_value_open(struct pp_slice key, struct pp_slice value, struct pp_slice *out_body)
{
    uint8_t checksum[PP_RECORD_CHECKSUM_BYTES];
    if (value.length < sizeof checksum)
        return false;
    *out_body = (struct pp_slice){value.bytes, value.length - sizeof checksum};
    pp_checkpoint_seal(key, *out_body, checksum);
    return memcmp(checksum, value.bytes + out_body->length, sizeof checksum) == 0;
}

/* ---- the head ---- */

static void operators_write(struct pp_writer *w, const struct pp_checkpoint_head *head)
{
    const struct pp_ledger_operators *operators = &head->operators;
    pp_write_u64(w, head->ledger.deadline_ms);
    pp_write_u64(w, head->ledger.acked_next);
    pp_write_u16(w, (uint16_t)operators->count);
    for (uint32_t i = 0; i < operators->count; i++) {
        pp_write_u32(w, operators->list[i].node_id);
        pp_write_bytes(w, operators->list[i].operator_address.bytes, 20);
    }
}

static void operators_read(struct pp_reader *r, struct pp_checkpoint_head *out)
{
    struct pp_ledger_operators *operators = &out->operators;
    out->ledger.deadline_ms = pp_read_u64(r);
    out->ledger.acked_next = pp_read_u64(r);
    operators->count = pp_read_u16(r);
    if (operators->count > PP_OPERATORS_MAX) {
        operators->count = 0;
        pp_reader_fail(r, PP_TOO_MANY);
    }
    for (uint32_t i = 0; i < operators->count; i++) {
        operators->list[i].node_id = pp_read_u32(r);
        pp_read_bytes(r, operators->list[i].operator_address.bytes, 20);
    }
    out->ledger.acks_needed = pp_ledger_acks_needed(operators->count);
}

static void segments_write(struct pp_writer *w, const struct pp_checkpoint_segments *segments)
{
    pp_write_u16(w, (uint16_t)segments->count);
    for (uint32_t i = 0; i < segments->count; i++) {
        pp_write_u32(w, segments->list[i].number);
        pp_write_u32(w, segments->list[i].blocks);
        pp_write_u32(w, segments->list[i].turn);
        pp_write_u32(w, segments->list[i].turn_slot);
    }
}

static void segments_read(struct pp_reader *r, struct pp_checkpoint_segments *out)
{
    out->count = pp_read_u16(r);
    if (out->count > PP_CHECKPOINT_SEGMENTS_MAX) {
        out->count = 0;
        pp_reader_fail(r, PP_TOO_MANY);
    }
    for (uint32_t i = 0; i < out->count; i++) {
        struct pp_checkpoint_segment *segment = &out->list[i];
        *segment = (struct pp_checkpoint_segment){.number = pp_read_u32(r)};
        segment->blocks = pp_read_u32(r);
        segment->turn = pp_read_u32(r);
        segment->turn_slot = pp_read_u32(r);
        if (i > 0 && segment->number <= out->list[i - 1].number)
            pp_reader_fail(r, PP_BAD_FORMAT);
    }
}

enum pp_error pp_checkpoint_head_encode(const struct pp_checkpoint_head *head, uint8_t *out, size_t capacity,
                                        size_t *out_length)
{
    const struct pp_ledger_head *ledger = &head->ledger;
    struct pp_writer w;
    pp_writer_init(&w, out, capacity);
    pp_write_u8(&w, HEAD_ROW_VERSION);
    pp_write_u64(&w, head->journal.next_sequence);
    pp_write_u64(&w, head->journal.time_ms);
    pp_write_bytes(&w, head->journal.checksum, sizeof head->journal.checksum);
    pp_write_u32(&w, ledger->opened.node_id);
    pp_write_u8(&w, ledger->opened.shard);
    pp_write_u8(&w, ledger->opened.embedded_store);
    pp_write_u64(&w, ledger->opened.chain_id);
    pp_write_bytes(&w, ledger->opened.contract.bytes, sizeof ledger->opened.contract.bytes);
    pp_write_bytes(&w, ledger->opened.operator_address.bytes, sizeof ledger->opened.operator_address.bytes);
    pp_write_bytes(&w, ledger->opened.receipt_key.bytes, sizeof ledger->opened.receipt_key.bytes);
    pp_write_u32(&w, ledger->day);
    pp_write_u64(&w, ledger->report_epoch);
    pp_write_bytes(&w, ledger->report_hash.bytes, sizeof ledger->report_hash.bytes);
    pp_write_u64(&w, ledger->ended_epoch);
    pp_write_u64(&w, ledger->congestion.minute);
    for (unsigned i = 0; i < PP_CONGESTION_MINUTES; i++)
        pp_write_u32(&w, ledger->congestion.counts[i]);
    pp_write_grains(&w, ledger->totals.spent);
    pp_write_grains(&w, ledger->totals.consumed);
    pp_write_grains(&w, ledger->totals.refunded);
    pp_write_grains(&w, ledger->totals.earned);
    pp_write_u64(&w, ledger->totals.stamps);
    pp_write_u32(&w, ledger->lane_count);
    pp_write_u32(&w, head->tickets);
    pp_write_u32(&w, head->sessions);
    pp_write_u32(&w, head->leaves);
    pp_write_u32(&w, head->bonds);
    pp_earning_total_write(&w, &ledger->earning);
    operators_write(&w, head);
    segments_write(&w, &head->segments);
    return pp_writer_finish(&w, out_length);
}

static void ledger_head_read(struct pp_reader *r, struct pp_ledger_head *ledger)
{
    ledger->is_open = true;
    ledger->opened.type_ = PP_RECORD_TYPE_OPENED;
    ledger->opened.node_id = pp_read_u32(r);
    ledger->opened.shard = pp_read_u8(r);
    ledger->opened.embedded_store = pp_read_u8(r);
    ledger->opened.chain_id = pp_read_u64(r);
    pp_read_bytes(r, ledger->opened.contract.bytes, sizeof ledger->opened.contract.bytes);
    pp_read_bytes(r, ledger->opened.operator_address.bytes, sizeof ledger->opened.operator_address.bytes);
    pp_read_bytes(r, ledger->opened.receipt_key.bytes, sizeof ledger->opened.receipt_key.bytes);
    ledger->day = pp_read_u32(r);
    ledger->report_epoch = pp_read_u64(r);
    pp_read_bytes(r, ledger->report_hash.bytes, sizeof ledger->report_hash.bytes);
    ledger->ended_epoch = pp_read_u64(r);
    ledger->congestion.minute = pp_read_u64(r);
    for (unsigned i = 0; i < PP_CONGESTION_MINUTES; i++)
        ledger->congestion.counts[i] = pp_read_u32(r);
    ledger->totals.spent = pp_read_grains(r);
    ledger->totals.consumed = pp_read_grains(r);
    ledger->totals.refunded = pp_read_grains(r);
    ledger->totals.earned = pp_read_grains(r);
    ledger->totals.stamps = pp_read_u64(r);
    ledger->lane_count = pp_read_u32(r);
}

enum pp_error pp_checkpoint_head_decode(struct pp_slice body, struct pp_checkpoint_head *out)
{
    struct pp_reader r;
    *out = (struct pp_checkpoint_head){0};
    pp_reader_init(&r, body.bytes, body.length);
    if (pp_read_u8(&r) != HEAD_ROW_VERSION)
        return PP_BAD_VERSION;
    out->journal.next_sequence = pp_read_u64(&r);
    out->journal.time_ms = pp_read_u64(&r);
    pp_read_bytes(&r, out->journal.checksum, sizeof out->journal.checksum);
    ledger_head_read(&r, &out->ledger);
    out->tickets = pp_read_u32(&r);
    out->sessions = pp_read_u32(&r);
    out->leaves = pp_read_u32(&r);
    out->bonds = pp_read_u32(&r);
    pp_earning_total_read(&r, &out->ledger.earning);
    operators_read(&r, out);
    segments_read(&r, &out->segments);
    PP_TRY(pp_reader_finish(&r));
    return out->ledger.earning.day == out->ledger.day ? PP_OK : PP_OUT_OF_RANGE;
}

/* ---- tickets ---- */

void pp_checkpoint_ticket_write(struct pp_writer *w, const struct pp_ticket *ticket)
{
    pp_write_u64(w, ticket->sequence);
    pp_write_u64(w, ticket->time_ms);
    pp_write_u64(w, ticket->postage.base_grains);
    pp_write_u64(w, ticket->postage.storage_grains);
    pp_write_u64(w, ticket->postage.congestion_grains);
    pp_write_u64(w, ticket->postage.bond_grains);
    pp_write_bytes(w, ticket->stamp_id.bytes, sizeof ticket->stamp_id.bytes);
    pp_write_u32(w, ticket->slot);
    pp_write_u16(w, ticket->retention_days);
    pp_write_u64(w, ticket->ready);
    pp_write_u32(w, ticket->stored_day);
}

void pp_checkpoint_ticket_read(struct pp_reader *r, struct pp_ticket *out)
{
    *out = (struct pp_ticket){.sequence = pp_read_u64(r)};
    out->time_ms = pp_read_u64(r);
    out->postage.base_grains = pp_read_u64(r);
    out->postage.storage_grains = pp_read_u64(r);
    out->postage.congestion_grains = pp_read_u64(r);
    out->postage.bond_grains = pp_read_u64(r);
    pp_read_bytes(r, out->stamp_id.bytes, sizeof out->stamp_id.bytes);
    out->slot = pp_read_u32(r);
    out->retention_days = pp_read_u16(r);
    out->ready = pp_read_u64(r);
    out->stored_day = pp_read_u32(r);
}

/* ---- bonds ---- */

void pp_checkpoint_bond_write(struct pp_writer *w, const struct pp_bond *bond)
{
    pp_write_u64(w, bond->sequence);
    pp_write_u64(w, bond->grains);
    pp_write_u64(w, bond->deadline_ms);
    pp_write_bytes(w, bond->stamp_id.bytes, sizeof bond->stamp_id.bytes);
    pp_write_bytes(w, bond->accept_key.bytes, sizeof bond->accept_key.bytes);
    pp_write_u32(w, bond->slot);
    pp_write_u8(w, bond->waits);
}

void pp_checkpoint_bond_read(struct pp_reader *r, struct pp_bond *out)
{
    *out = (struct pp_bond){.sequence = pp_read_u64(r)};
    out->grains = pp_read_u64(r);
    out->deadline_ms = pp_read_u64(r);
    pp_read_bytes(r, out->stamp_id.bytes, sizeof out->stamp_id.bytes);
    pp_read_bytes(r, out->accept_key.bytes, sizeof out->accept_key.bytes);
    out->slot = pp_read_u32(r);
    uint8_t waits = pp_read_u8(r);
    if (waits > 1)
        pp_reader_fail(r, PP_OUT_OF_RANGE);
    out->waits = waits == 1;
}

/* ---- lanes ---- */

bool pp_checkpoint_lane_next(struct pp_reader *r, uint32_t *out_slot, struct pp_slice *out_row)
{
    if (r->error != PP_OK || pp_reader_left(r) == 0)
        return false;
    *out_slot = pp_read_u32(r);
    out_row->length = pp_read_u16(r);
    out_row->bytes = pp_read_slice(r, out_row->length);
    return r->error == PP_OK;
}

static void refunds_write(struct pp_writer *w, const struct pp_ledger *ledger,
                          const struct pp_ledger_lane *lane)
{
    pp_write_u8(w, lane->refunds != 0);
    if (lane->refunds == 0)
        return;
    const struct pp_ledger_refunds *refunds = &ledger->refund_lists[lane->refunds - 1];
    pp_write_u64(w, refunds->refund_sequence);
    pp_write_u64(w, refunds->leave_sequence);
    pp_write_grains(w, refunds->bonds_held);
    pp_write_grains(w, refunds->bonds_returned);
    pp_write_grains(w, refunds->forfeited);
    pp_refund_list_write(w, &refunds->list);
}

enum pp_error pp_checkpoint_lane_encode_at(const struct pp_ledger *ledger, uint32_t slot, uint32_t day,
                                           uint8_t *out, size_t capacity, size_t *out_length)
{
    const struct pp_ledger_lane *lane = &ledger->lanes[slot];
    uint8_t record[PP_LANE_RECORD_MAX_BYTES];
    size_t record_length;
    struct pp_lane now;
    struct pp_earning_lane earning;
    struct pp_writer w;
    pp_ledger_lane_at(ledger, lane, day, &now, &earning);
    PP_TRY(pp_lane_encode(&now, record, sizeof record, &record_length));
    pp_writer_init(&w, out, capacity);
    pp_write_u8(&w, LANE_ROW_VERSION);
    pp_write_bytes(&w, lane->channel_id.bytes, sizeof lane->channel_id.bytes);
    pp_write_bytes(&w, lane->signer.bytes, sizeof lane->signer.bytes);
    pp_write_u64(&w, lane->taught_sequence);
    pp_write_u64(&w, lane->voucher_sequence);
    pp_write_u16(&w, (uint16_t)record_length);
    pp_write_bytes(&w, record, record_length);
    pp_earning_lane_write(&w, &ledger->book, slot, &earning);
    refunds_write(&w, ledger, lane);
    return pp_writer_finish(&w, out_length);
}

enum pp_error pp_checkpoint_lane_encode(const struct pp_ledger *ledger, uint32_t slot, uint8_t *out,
                                        size_t capacity, size_t *out_length)
{
    return pp_checkpoint_lane_encode_at(ledger, slot, ledger->head.day, out, capacity, out_length);
}

/* What stands before a lane's earnings. */
static void lane_front_read(struct pp_reader *r, struct pp_ledger_lane *lane, struct pp_slice *out_record)
{
    if (pp_read_u8(r) != LANE_ROW_VERSION)
        pp_reader_fail(r, PP_BAD_VERSION);
    pp_read_bytes(r, lane->channel_id.bytes, sizeof lane->channel_id.bytes);
    pp_read_bytes(r, lane->signer.bytes, sizeof lane->signer.bytes);
    lane->taught_sequence = pp_read_u64(r);
    lane->voucher_sequence = pp_read_u64(r);
    out_record->length = pp_read_u16(r);
    out_record->bytes = pp_read_slice(r, out_record->length);
}

static enum pp_error refunds_read(struct pp_reader *r, struct pp_ledger *ledger, struct pp_ledger_lane *lane)
{
    uint8_t has = pp_read_u8(r);
    if (r->error == PP_OK && has > 1)
        return PP_OUT_OF_RANGE;
    if (r->error != PP_OK || has == 0)
        return r->error;
    struct pp_ledger_refunds read = {.refund_sequence = pp_read_u64(r)};
    read.leave_sequence = pp_read_u64(r);
    read.bonds_held = pp_read_grains(r);
    read.bonds_returned = pp_read_grains(r);
    read.forfeited = pp_read_grains(r);
    pp_refund_list_read(r, &read.list);
    if (r->error == PP_OK)
        *pp_ledger_refunds_make(ledger, lane) = read;
    return r->error;
}

/* What lanes share: blocks of holes, the book, lists of refunds. Most lanes have nothing of it. */
static enum pp_error lane_rest_decode(struct pp_ledger *ledger, uint32_t slot, struct pp_slice record,
                                      struct pp_reader *r)
{
    struct pp_ledger_lane *lane = &ledger->lanes[slot];
    PP_TRY(pp_lane_decode(&lane->lane, record.bytes, record.length, &ledger->holes));
    PP_TRY(pp_earning_reserve(&ledger->book, PP_RETENTION_MAX_DAYS));
    pp_earning_lane_read(r, &ledger->book, slot, &lane->earning);
    return refunds_read(r, ledger, lane);
}

static enum pp_error lane_bare_decode(struct pp_ledger *ledger, uint32_t slot, struct pp_slice record,
                                      struct pp_reader *r)
{
    struct pp_ledger_lane *lane = &ledger->lanes[slot];
    PP_TRY(pp_lane_decode(&lane->lane, record.bytes, record.length, &ledger->holes));
    pp_earning_lane_read(r, &ledger->book, slot, &lane->earning);
    return pp_read_u8(r) == 0 ? r->error : PP_OUT_OF_RANGE;
}

/* Of the rest of a row: no holes, no coming falls, no refunds. */
static bool is_bare(const struct pp_slice *record, const struct pp_reader *r)
{
    const uint8_t *rest = r->bytes + r->offset;
    return record->length == LANE_RECORD_BARE_BYTES && pp_reader_left(r) == FALLS_AT + 2 + 1 &&
           rest[FALLS_AT] == 0 && rest[FALLS_AT + 1] == 0 && rest[FALLS_AT + 2] == 0;
}

static enum pp_error lane_agrees(const struct pp_ledger *ledger, const struct pp_ledger_lane *lane)
{
    if (lane->earning.last_day > ledger->head.day)
        return PP_OUT_OF_RANGE;
    if (lane->lane.state != PP_LANE_STATE_SETTLED &&
        !pp_grains_eq(pp_earning_earned(&lane->earning), lane->lane.earned))
        return PP_INVARIANT;
    return PP_OK;
}

enum pp_error pp_checkpoint_lane_decode(struct pp_ledger *ledger, uint32_t slot, struct pp_slice row,
                                        pthread_mutex_t *pools)
{
    struct pp_ledger_lane *lane = &ledger->lanes[slot];
    struct pp_slice record;
    struct pp_reader r;
    enum pp_error error;
    *lane = (struct pp_ledger_lane){0};
    pp_reader_init(&r, row.bytes, row.length);
    lane_front_read(&r, lane, &record);
    if (r.error != PP_OK)
        return r.error;
    pp_lane_init(&lane->lane, 0);
    if (is_bare(&record, &r)) {
        error = lane_bare_decode(ledger, slot, record, &r);
    } else {
        if (pools)
            pthread_mutex_lock(pools);
        error = lane_rest_decode(ledger, slot, record, &r);
        if (pools)
            pthread_mutex_unlock(pools);
    }
    PP_TRY(error);
    PP_TRY(pp_reader_finish(&r));
    return lane_agrees(ledger, lane);
}

/* ---- a row by itself ---- */

/* E of a lane's record, by what its earnings say more. */
static enum pp_error record_earn(uint8_t *record, struct pp_grains before, struct pp_grains after)
{
    struct pp_reader r;
    struct pp_writer w;
    struct pp_grains earned, more;
    size_t length;
    if (record[STATE_AT] == PP_LANE_STATE_SETTLED)
        return PP_OK;
    pp_reader_init(&r, record + EARNED_AT, 12);
    earned = pp_read_grains(&r);
    PP_TRY(pp_grains_sub(after, before, &more));
    PP_TRY(pp_grains_add(earned, more, &earned));
    pp_writer_init(&w, record + EARNED_AT, 12);
    pp_write_grains(&w, earned);
    return pp_writer_finish(&w, &length);
}

static enum pp_error row_turn(struct pp_reader *r, struct pp_earning_book *book, size_t record_at,
                              uint32_t day, struct pp_writer *w)
{
    struct pp_earning_lane earning = {0};
    pp_earning_lane_read(r, book, 0, &earning);
    if (r->error != PP_OK)
        return r->error;
    if (earning.last_day > day)
        return PP_OUT_OF_RANGE;
    struct pp_grains before = pp_earning_earned(&earning);
    pp_earning_catch_up(book, 0, &earning, day);
    PP_TRY(record_earn(w->bytes + record_at, before, pp_earning_earned(&earning)));
    pp_earning_lane_write(w, book, 0, &earning);
    size_t left = pp_reader_left(r);
    pp_write_bytes(w, pp_read_slice(r, left), left);
    return PP_OK;
}

enum pp_error pp_checkpoint_row_at(struct pp_slice row, uint32_t day, uint8_t *out, size_t capacity,
                                   size_t *out_length)
{
    struct pp_ledger_lane front;
    struct pp_earning_book book;
    struct pp_slice record;
    struct pp_reader r;
    struct pp_writer w;
    pp_reader_init(&r, row.bytes, row.length);
    lane_front_read(&r, &front, &record);
    if (r.error != PP_OK || record.length < LANE_RECORD_BARE_BYTES)
        return PP_TRUNCATED;
    pp_writer_init(&w, out, capacity);
    pp_write_bytes(&w, row.bytes, r.offset);
    if (w.error != PP_OK)
        return w.error;
    PP_TRY(pp_earning_open(&book, PP_RETENTION_MAX_DAYS));
    enum pp_error error = row_turn(&r, &book, r.offset - record.length, day, &w);
    pp_earning_close(&book);
    PP_TRY(error);
    return pp_writer_finish(&w, out_length);
}
