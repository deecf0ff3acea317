#include "ledger/records.h"

#include <pp/assert.h>

/* ---- one writer and one reader per kind of field ---- */

#define write_U8(w, value) pp_write_u8(w, value)
#define write_U16(w, value) pp_write_u16(w, value)
#define write_U32(w, value) pp_write_u32(w, value)
#define write_U64(w, value) pp_write_u64(w, value)
#define write_GRAINS(w, value) pp_write_grains(w, value)
#define write_UNITS(w, value) pp_write_u64(w, (value).raw)
#define write_CHANNEL(w, value) pp_write_bytes(w, (value).bytes, sizeof(value).bytes)
#define write_STAMP write_CHANNEL
#define write_HASH write_CHANNEL
#define write_ADDRESS write_CHANNEL
#define write_SIGNATURE write_CHANNEL
#define write_CHECKSUM write_CHANNEL

#define read_U8(r, value) ((value) = pp_read_u8(r))
#define read_U16(r, value) ((value) = pp_read_u16(r))
#define read_U32(r, value) ((value) = pp_read_u32(r))
#define read_U64(r, value) ((value) = pp_read_u64(r))
#define read_GRAINS(r, value) ((value) = pp_read_grains(r))
#define read_UNITS(r, value) ((value).raw = pp_read_u64(r))
#define read_CHANNEL(r, value) pp_read_bytes(r, (value).bytes, sizeof(value).bytes)
#define read_STAMP read_CHANNEL
#define read_HASH read_CHANNEL
#define read_ADDRESS read_CHANNEL
#define read_SIGNATURE read_CHANNEL
#define read_CHECKSUM read_CHANNEL

#define PP_WRITE_FIELD(kind, name) write_##kind(w, from->name);
#define PP_READ_FIELD(kind, name) read_##kind(r, out->name);

#define PP_X(upper, lower, number, head, rows)                                                               \
    static void lower##_head_write(struct pp_writer *w, const struct pp_record_##lower *from)                \
    {                                                                                                        \
        (void)w;                                                                                             \
        (void)from;                                                                                          \
        head(PP_WRITE_FIELD)                                                                                 \
    }                                                                                                        \
    static void lower##_head_read(struct pp_reader *r, struct pp_record_##lower *out)                        \
    {                                                                                                        \
        (void)r;                                                                                             \
        out->type_ = number;                                                                                 \
        head(PP_READ_FIELD)                                                                                  \
    }
PP_RECORDS(PP_X)
#undef PP_X

/* ---- rows ---- */

static void charged_row_write(struct pp_writer *w, const struct pp_row_charged *from)
{
    pp_write_u8(w, from->admitted);
    if (from->admitted)
        pp_leaf_write_short(w, &from->leaf);
    else
        pp_write_bytes(w, from->stamp_id.bytes, sizeof from->stamp_id.bytes);
}

/* A session's rows: each was admitted. */
static void session_row_write(struct pp_writer *w, const struct pp_row_charged *from)
{
    PP_ASSERT(from->admitted);
    pp_leaf_write_short(w, &from->leaf);
}

static void session_row_read(struct pp_reader *r, const struct pp_record_session_charged *head,
                             struct pp_row_charged *out)
{
    out->admitted = 1;
    out->leaf.channel_id = head->channel_id;
    out->leaf.lane = head->lane;
    out->leaf.quote_id = head->quote_id;
    pp_leaf_read_short(r, &out->leaf);
    if (r->error == PP_OK)
        pp_leaf_id(&out->leaf, &out->stamp_id);
}

static void charged_row_read(struct pp_reader *r, const struct pp_record_charged *head, struct pp_row_charged *out)
{
    out->admitted = pp_read_u8(r);
    if (out->admitted > 1)
        pp_reader_fail(r, PP_OUT_OF_RANGE);
    if (out->admitted != 1) {
        pp_read_bytes(r, out->stamp_id.bytes, sizeof out->stamp_id.bytes);
        return;
    }
    out->leaf.channel_id = head->channel_id;
    out->leaf.lane = head->lane;
    out->leaf.quote_id = head->quote_id;
    pp_leaf_read_short(r, &out->leaf);
    if (r->error == PP_OK)
        pp_leaf_id(&out->leaf, &out->stamp_id);
}

static void ticket_row_write(struct pp_writer *w, const struct pp_row_ticket *from)
{
    PP_ROWS_STORED(PP_WRITE_FIELD)
}

static void ticket_row_read(struct pp_reader *r, struct pp_row_ticket *out)
{
    PP_ROWS_STORED(PP_READ_FIELD)
}

static void deleted_row_write(struct pp_writer *w, const struct pp_row_deleted *from)
{
    PP_ROWS_DELETED(PP_WRITE_FIELD)
}

static void deleted_row_read(struct pp_reader *r, struct pp_row_deleted *out)
{
    PP_ROWS_DELETED(PP_READ_FIELD)
}

static void bond_row_write(struct pp_writer *w, const struct pp_row_bond *from)
{
    PP_ROWS_BOND(PP_WRITE_FIELD)
}

static void bond_row_read(struct pp_reader *r, struct pp_row_bond *out)
{
    PP_ROWS_BOND(PP_READ_FIELD)
}

static bool has_bond_rows(enum pp_record_type type)
{
    return type == PP_RECORD_TYPE_BOND_RETURNED || type == PP_RECORD_TYPE_BOND_FORFEITED;
}

static void operator_row_write(struct pp_writer *w, const struct pp_row_operator *from)
{
    PP_ROWS_OPERATORS(PP_WRITE_FIELD)
}

static void operator_row_read(struct pp_reader *r, struct pp_row_operator *out)
{
    PP_ROWS_OPERATORS(PP_READ_FIELD)
}

static void ack_row_write(struct pp_writer *w, const struct pp_row_ack *from)
{
    PP_ROWS_REPLICATED(PP_WRITE_FIELD)
}

static void ack_row_read(struct pp_reader *r, struct pp_row_ack *out)
{
    PP_ROWS_REPLICATED(PP_READ_FIELD)
}

/* How many a record may have; 0: its kind has none. */
static uint32_t rows_max(enum pp_record_type type)
{
    switch ((int)type) {
    case PP_RECORD_TYPE_CHARGED:
    case PP_RECORD_TYPE_SESSION_CHARGED:
    case PP_RECORD_TYPE_STORED:
    case PP_RECORD_TYPE_CANCELLED:
    case PP_RECORD_TYPE_DELETED:
    case PP_RECORD_TYPE_NOT_REPLICATED:
    case PP_RECORD_TYPE_BOND_RETURNED:
    case PP_RECORD_TYPE_BOND_FORFEITED:
        return PP_RECORD_ROWS_MAX;
    case PP_RECORD_TYPE_OPERATORS:
    case PP_RECORD_TYPE_REPLICATED:
        return PP_OPERATORS_MAX;
    default:
        return 0;
    }
}

static uint32_t rows_min(enum pp_record_type type)
{
    return type == PP_RECORD_TYPE_REPLICATED ? 0 : 1;
}

static void rows_write(struct pp_writer *w, const struct pp_record *record)
{
    PP_ASSERT(record->count >= rows_min(record->type) && record->count <= rows_max(record->type));
    pp_write_u16(w, (uint16_t)record->count);
    for (uint32_t i = 0; i < record->count; i++)
        if (record->type == PP_RECORD_TYPE_CHARGED)
            charged_row_write(w, &record->charged_rows[i]);
        else if (record->type == PP_RECORD_TYPE_SESSION_CHARGED)
            session_row_write(w, &record->charged_rows[i]);
        else if (record->type == PP_RECORD_TYPE_DELETED)
            deleted_row_write(w, &record->deleted_rows[i]);
        else if (record->type == PP_RECORD_TYPE_OPERATORS)
            operator_row_write(w, &record->operator_rows[i]);
        else if (record->type == PP_RECORD_TYPE_REPLICATED)
            ack_row_write(w, &record->ack_rows[i]);
        else if (has_bond_rows(record->type))
            bond_row_write(w, &record->bond_rows[i]);
        else
            ticket_row_write(w, &record->ticket_rows[i]);
}

static void rows_read(struct pp_reader *r, struct pp_record_room *room, struct pp_record *out)
{
    out->count = pp_read_u16(r);
    if (r->error == PP_OK && (out->count < rows_min(out->type) || out->count > rows_max(out->type)))
        pp_reader_fail(r, PP_TOO_MANY);
    if (r->error != PP_OK)
        out->count = 0;
    for (uint32_t i = 0; i < out->count && r->error == PP_OK; i++)
        if (out->type == PP_RECORD_TYPE_CHARGED)
            charged_row_read(r, &out->charged, &room->charged[i]);
        else if (out->type == PP_RECORD_TYPE_SESSION_CHARGED)
            session_row_read(r, &out->session_charged, &room->charged[i]);
        else if (out->type == PP_RECORD_TYPE_DELETED)
            deleted_row_read(r, &room->deleted[i]);
        else if (out->type == PP_RECORD_TYPE_OPERATORS)
            operator_row_read(r, &room->operators[i]);
        else if (out->type == PP_RECORD_TYPE_REPLICATED)
            ack_row_read(r, &room->acks[i]);
        else if (has_bond_rows(out->type))
            bond_row_read(r, &room->bonds[i]);
        else
            ticket_row_read(r, &room->tickets[i]);
    out->charged_rows = room->charged; /* every member of the two unions is at the same place */
}

/* ---- records ---- */

void pp_record_write(struct pp_writer *w, const struct pp_record *record)
{
    pp_write_u8(w, PP_RECORD_VERSION);
    pp_write_u8(w, (uint8_t)record->type);
    pp_write_u64(w, record->time_ms);
    switch (record->type) {
#define PP_X(upper, lower, number, head, rows)                                                               \
    case PP_RECORD_TYPE_##upper:                                                                             \
        lower##_head_write(w, &record->lower);                                                               \
        break;
        PP_RECORDS(PP_X)
#undef PP_X
    }
    if (rows_max(record->type) > 0)
        rows_write(w, record);
}

static enum pp_error head_read(struct pp_reader *r, uint8_t type, struct pp_record *out)
{
    switch (type) {
#define PP_X(upper, lower, number, head, rows)                                                               \
    case PP_RECORD_TYPE_##upper:                                                                             \
        out->type = PP_RECORD_TYPE_##upper;                                                                  \
        lower##_head_read(r, &out->lower);                                                                   \
        return PP_OK;
        PP_RECORDS(PP_X)
#undef PP_X
    default:
        return PP_BAD_TYPE;
    }
}

/* A decoded head may still hold numbers that no writer wrote. */
static bool head_is_in_range(const struct pp_record *record)
{
    switch (record->type) {
    case PP_RECORD_TYPE_OPENED:
        return record->opened.embedded_store <= 1 && record->opened.node_id > 0 && record->opened.node_id < 1u << 24;
    case PP_RECORD_TYPE_CHAIN:
        return (record->chain.kind >= PP_CHAIN_LANE_SEEN && record->chain.kind <= PP_CHAIN_CLOSED) ||
               record->chain.kind == PP_CHAIN_LOWERING_UNDONE;
    case PP_RECORD_TYPE_CHARGED:
        return record->charged.tickets <= 1 &&
               (record->charged.kind == PP_STAMP_SINGLE || record->charged.kind == PP_STAMP_BATCH);
    case PP_RECORD_TYPE_SESSION_OPENED:
        return pp_grains_lt(record->session_opened.from, record->session_opened.to);
    case PP_RECORD_TYPE_SESSION_CHARGED:
        return record->session_charged.tickets <= 1;
    case PP_RECORD_TYPE_SESSION_SIGNED:
        return record->session_signed.count >= 1 && record->session_signed.count <= PP_SESSION_UNSIGNED_MAX;
    case PP_RECORD_TYPE_SESSION_LAPSED:
        return record->session_lapsed.count >= 1 && record->session_lapsed.count <= PP_SESSION_UNSIGNED_MAX;
    case PP_RECORD_TYPE_OPERATORS:
        return record->operators.deadline_ms >= 1 && record->operators.deadline_ms <= PP_REPLICATION_MAX_MS;
    case PP_RECORD_TYPE_REPLICATED:
        return record->replicated.count >= 1 && record->replicated.count <= PP_REPLICATED_MAX;
    case PP_RECORD_TYPE_BOND_RETURNED:
        return record->bond_returned.cause == PP_BOND_CAUSE_ACCEPTED ||
               record->bond_returned.cause == PP_BOND_CAUSE_DEADLINE;
    case PP_RECORD_TYPE_BOND_FORFEITED:
    case PP_RECORD_TYPE_STORED:
    case PP_RECORD_TYPE_CANCELLED:
    case PP_RECORD_TYPE_DELETED:
    case PP_RECORD_TYPE_LEFT:
    case PP_RECORD_TYPE_DAY:
    case PP_RECORD_TYPE_REPORTED:
    case PP_RECORD_TYPE_NOT_REPLICATED:
    case PP_RECORD_TYPE_EPOCH_ENDED:
        break;
    }
    return true;
}

void pp_record_read(struct pp_reader *r, struct pp_record_room *room, struct pp_record *out)
{
    uint8_t version = pp_read_u8(r);
    if (r->error == PP_OK && version != PP_RECORD_VERSION)
        pp_reader_fail(r, PP_BAD_VERSION);
    uint8_t type = pp_read_u8(r);
    out->time_ms = pp_read_u64(r);
    out->count = 0;
    if (r->error != PP_OK)
        return;
    enum pp_error error = head_read(r, type, out);
    if (error == PP_OK && r->error == PP_OK && !head_is_in_range(out))
        error = PP_OUT_OF_RANGE;
    if (error != PP_OK)
        pp_reader_fail(r, error);
    if (r->error == PP_OK && rows_max(out->type) > 0)
        rows_read(r, room, out);
    /* A record that charges nothing is never written. */
    if (r->error == PP_OK && out->type == PP_RECORD_TYPE_CHARGED && pp_record_span(out) == 0)
        pp_reader_fail(r, PP_OUT_OF_RANGE);
}

uint64_t pp_record_span(const struct pp_record *record)
{
    if (record->type == PP_RECORD_TYPE_SESSION_CHARGED)
        return record->count;
    if (record->type != PP_RECORD_TYPE_CHARGED)
        return 1;
    uint64_t admitted = 0;
    for (uint32_t i = 0; i < record->count; i++)
        admitted += record->charged_rows[i].admitted;
    return admitted;
}

const char *pp_record_type_name(unsigned type)
{
    switch (type) {
#define PP_X(upper, lower, number, head, rows)                                                               \
    case PP_RECORD_TYPE_##upper:                                                                             \
        return #upper;
        PP_RECORDS(PP_X)
#undef PP_X
    default:
        return "UNKNOWN";
    }
}

void pp_record_of_event(const struct pp_chain_event *event, struct pp_record_chain *out)
{
    *out = (struct pp_record_chain){
        .type_ = PP_RECORD_TYPE_CHAIN,
        .kind = (uint8_t)event->kind,
        .channel_id = event->channel_id,
        .lane = event->lane,
        .payer = event->config.payer,
        .signer = event->config.signer,
        .nonce = event->config.nonce,
        .cap = event->cap,
        .seq = event->seq,
        .vested = event->vested,
        .refunded = event->refunded,
        .block_number = event->block_number,
        .time_s = event->time_s,
    };
}

void pp_record_event(const struct pp_record_chain *record, struct pp_chain_event *out)
{
    *out = (struct pp_chain_event){
        .kind = (enum pp_chain_event_kind)record->kind,
        .channel_id = record->channel_id,
        .lane = record->lane,
        .config = {.payer = record->payer, .signer = record->signer, .nonce = record->nonce},
        .cap = record->cap,
        .seq = record->seq,
        .vested = record->vested,
        .refunded = record->refunded,
        .block_number = record->block_number,
        .time_s = record->time_s,
    };
}

void pp_record_opening(const struct pp_record_session_opened *record, struct pp_session_opening *out)
{
    *out = (struct pp_session_opening){
        .channel_id = record->channel_id,
        .lane = record->lane,
        .chunk = {record->from, record->to},
        .not_after_ms = record->not_after_ms,
    };
    memcpy(out->node_key.bytes, record->node_key.bytes, sizeof out->node_key.bytes);
    memcpy(out->sender_key.bytes, record->sender_key.bytes, sizeof out->sender_key.bytes);
}

void pp_record_of_opening(const struct pp_session_opening *opening, struct pp_record_session_opened *out)
{
    *out = (struct pp_record_session_opened){
        .type_ = PP_RECORD_TYPE_SESSION_OPENED,
        .channel_id = opening->channel_id,
        .lane = opening->lane,
        .from = opening->chunk.from,
        .to = opening->chunk.to,
        .not_after_ms = opening->not_after_ms,
    };
    memcpy(out->node_key.bytes, opening->node_key.bytes, sizeof out->node_key.bytes);
    memcpy(out->sender_key.bytes, opening->sender_key.bytes, sizeof out->sender_key.bytes);
}
