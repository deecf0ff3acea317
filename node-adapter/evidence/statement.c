#include "evidence/statement.h"

#include <pp/assert.h>

#include <stdlib.h>
#include <string.h>

/* ---- writing ---- */

enum pp_error pp_receipt_statement_write(const struct pp_receipt_statement *statement, uint8_t *out,
                                         size_t capacity, size_t *out_length)
{
    struct pp_writer w;
    pp_writer_init(&w, out, capacity);
    pp_write_bytes(&w, statement->channel.payer.bytes, 20);
    pp_write_bytes(&w, statement->channel.signer.bytes, 20);
    pp_write_u64(&w, statement->channel.nonce);
    pp_leaf_write(&w, &statement->leaf);
    pp_write_u64(&w, statement->sequence);
    pp_write_u64(&w, statement->time_ms);
    pp_write_u16(&w, statement->index);
    pp_write_u16(&w, statement->count);
    for (uint16_t i = 0; i < statement->count; i++)
        pp_write_bytes(&w, statement->hashes[i].bytes, 32);
    pp_receipt_write(&w, statement->receipt);
    return pp_writer_finish(&w, out_length);
}

static void finish(struct pp_writer *w, size_t expected)
{
    size_t length = 0;
    enum pp_error error = pp_writer_finish(w, &length);
    PP_ASSERT(error == PP_OK && length == expected);
}

void pp_report_statement_write(const struct pp_epoch_report_fields *fields,
                               const struct pp_signature *signature, uint8_t out[PP_REPORT_STATEMENT_BYTES])
{
    struct pp_writer w;
    pp_writer_init(&w, out, PP_REPORT_STATEMENT_BYTES);
    pp_write_u64(&w, fields->epoch);
    pp_write_bytes(&w, fields->previous.bytes, 32);
    pp_write_u64(&w, fields->block_number);
    pp_write_bytes(&w, fields->lanes_root.bytes, 32);
    pp_write_bytes(&w, fields->payout_root.bytes, 32);
    pp_write_u64(&w, (uint64_t)(fields->payout_total >> 64));
    pp_write_u64(&w, (uint64_t)fields->payout_total);
    pp_write_bytes(&w, fields->operator_set.bytes, 32);
    pp_write_u64(&w, fields->end_time);
    pp_write_bytes(&w, signature->bytes, sizeof signature->bytes);
    finish(&w, PP_REPORT_STATEMENT_BYTES);
}

void pp_voucher_statement_write(const struct pp_voucher *voucher, uint8_t out[PP_VOUCHER_STATEMENT_BYTES])
{
    struct pp_writer w;
    pp_writer_init(&w, out, PP_VOUCHER_STATEMENT_BYTES);
    pp_write_bytes(&w, voucher->channel_id.bytes, 32);
    pp_write_u32(&w, voucher->lane);
    pp_write_grains(&w, voucher->spent);
    pp_write_grains(&w, voucher->refund_ack);
    pp_write_bytes(&w, voucher->context.bytes, 32);
    pp_write_bytes(&w, voucher->signature.bytes, sizeof voucher->signature.bytes);
    finish(&w, PP_VOUCHER_STATEMENT_BYTES);
}

/* ---- opening ---- */

static void signed_by_operator(const struct pp_statement_context *context,
                               const struct pp_signature *signature, struct pp_open_statement *out)
{
    memcpy(out->signature.bytes, signature->bytes, sizeof signature->bytes);
    out->signature.length = sizeof signature->bytes;
    memcpy(out->signature.signer, context->proof->operator_address.bytes, 20);
    out->signature.signer_length = 20;
}

static struct pp_segment_owner owner_of(const struct pp_statement_context *context, uint32_t lane)
{
    return (struct pp_segment_owner){&context->domain, lane, context->proof->operator_address};
}

/* EVID-022: of the operator's lanes, by its number. */
static enum pp_error lane_check(const struct pp_statement_context *context, uint32_t lane)
{
    return pp_lane_node(lane) == context->proof->node_id ? PP_OK : PP_WRONG_OPERATOR;
}

static enum pp_error segment_open(const struct pp_statement_context *context, struct pp_slice bytes,
                                  struct pp_open_statement *out)
{
    PP_TRY(pp_segment_decode(bytes, &out->segment));
    PP_TRY(lane_check(context, out->segment.head.lane));
    const struct pp_segment_owner owner = owner_of(context, out->segment.head.lane);
    PP_TRY(pp_segment_check(&out->segment, &owner, context->crypto));
    out->lane = out->segment.head.lane;
    signed_by_operator(context, &out->segment.head.signature, out);
    out->room = malloc(sizeof *out->room);
    return out->room ? PP_OK : PP_NO_MEMORY;
}

static enum pp_error head_open(const struct pp_statement_context *context, struct pp_slice bytes,
                               struct pp_open_statement *out)
{
    struct pp_reader r;
    pp_reader_init(&r, bytes.bytes, bytes.length);
    pp_segment_head_read(&r, &out->segment.head);
    PP_TRY(pp_reader_finish(&r));
    PP_TRY(lane_check(context, out->segment.head.lane));
    const struct pp_segment_owner owner = owner_of(context, out->segment.head.lane);
    PP_TRY(pp_segment_head_check(&out->segment.head, &owner, context->crypto));
    out->lane = out->segment.head.lane;
    signed_by_operator(context, &out->segment.head.signature, out);
    return PP_OK;
}

/* EVID-024: the body's hash stands at its place among those of the request, and the operator's receipt key signed them. */
static enum pp_error receipt_root(struct pp_reader *r, const struct pp_receipt_body *body,
                                  struct pp_hash *out_root)
{
    struct pp_hash hashes[PP_LEAVES_MAX], own;
    const uint16_t index = pp_read_u16(r), count = pp_read_u16(r);
    if (r->error == PP_OK && (count == 0 || count > PP_LEAVES_MAX || index >= count))
        pp_reader_fail(r, PP_OUT_OF_RANGE);
    if (r->error != PP_OK)
        return r->error;
    for (uint16_t i = 0; i < count; i++)
        pp_read_bytes(r, hashes[i].bytes, 32);
    if (r->error != PP_OK)
        return r->error;
    pp_receipt_body_hash(body, &own);
    if (!pp_hash_eq(&own, &hashes[index]))
        return PP_BAD_PROOF;
    pp_tree_root(hashes, count, out_root);
    return PP_OK;
}

static enum pp_error receipt_open(const struct pp_statement_context *context, struct pp_slice bytes,
                                  struct pp_open_statement *out)
{
    struct pp_reader r;
    struct pp_receipt receipt;
    struct pp_hash root;
    struct pp_channel_fields channel;
    struct pp_channel_id id;
    pp_reader_init(&r, bytes.bytes, bytes.length);
    pp_read_bytes(&r, channel.payer.bytes, 20);
    pp_read_bytes(&r, channel.signer.bytes, 20);
    channel.nonce = pp_read_u64(&r);
    pp_leaf_read(&r, &out->leaf);
    const uint64_t sequence = pp_read_u64(&r), time_ms = pp_read_u64(&r);
    if (r.error != PP_OK)
        return r.error;
    out->receipt_body =
        (struct pp_receipt_body){out->leaf.channel_id, out->leaf.lane, {{0}}, sequence, time_ms};
    pp_leaf_id(&out->leaf, &out->receipt_body.stamp_id);
    PP_TRY(receipt_root(&r, &out->receipt_body, &root));
    pp_receipt_read(&r, &receipt);
    PP_TRY(pp_reader_finish(&r));
    PP_TRY(lane_check(context, out->leaf.lane));
    pp_channel_id_of(&context->domain, &channel, &id);
    if (!pp_channel_id_eq(
            &id, &out->leaf.channel_id)) /* EVID-025: or it is of another network of the same operator */
        return PP_WRONG_DOMAIN;
    if (!context->has_receipt_key)
        return PP_MISSING_FIELD;
    PP_TRY(pp_receipt_check_root(&receipt, context->proof->node_id, &context->receipt_key, &root));
    out->lane = out->leaf.lane;
    memcpy(out->signature.bytes, receipt.signature.bytes, sizeof receipt.signature.bytes);
    out->signature.length = sizeof receipt.signature.bytes;
    memcpy(out->signature.signer, context->receipt_key.bytes, sizeof context->receipt_key.bytes);
    out->signature.signer_length = sizeof context->receipt_key.bytes;
    return PP_OK;
}

static enum pp_error report_open(const struct pp_statement_context *context, struct pp_slice bytes,
                                 struct pp_open_statement *out)
{
    struct pp_reader r;
    struct pp_signature signature;
    struct pp_epoch_report_fields *fields = &out->report;
    pp_reader_init(&r, bytes.bytes, bytes.length);
    fields->epoch = pp_read_u64(&r);
    pp_read_bytes(&r, fields->previous.bytes, 32);
    fields->block_number = pp_read_u64(&r);
    pp_read_bytes(&r, fields->lanes_root.bytes, 32);
    pp_read_bytes(&r, fields->payout_root.bytes, 32);
    const uint64_t high = pp_read_u64(&r), low = pp_read_u64(&r);
    fields->payout_total = (pp_u128)high << 64 | low;
    pp_read_bytes(&r, fields->operator_set.bytes, 32);
    fields->end_time = pp_read_u64(&r);
    pp_read_bytes(&r, signature.bytes, sizeof signature.bytes);
    PP_TRY(pp_reader_finish(&r));
    pp_epoch_report_digest(&context->domain, fields, &out->report_digest);
    PP_TRY(pp_verify_address(context->crypto, &signature, &out->report_digest,
                             &context->proof->operator_address, NULL));
    signed_by_operator(context, &signature, out);
    return PP_OK;
}

enum pp_error pp_statement_open(const struct pp_statement_context *context,
                                const struct pp_statement *statement, struct pp_open_statement *out)
{
    enum pp_error error = PP_BAD_TYPE;
    *out = (struct pp_open_statement){.type = statement->type};
    switch ((enum pp_statement_type)statement->type) {
    case PP_STATEMENT_SEGMENT:
        error = segment_open(context, statement->bytes, out);
        break;
    case PP_STATEMENT_HEAD:
        error = head_open(context, statement->bytes, out);
        break;
    case PP_STATEMENT_RECEIPT:
        error = receipt_open(context, statement->bytes, out);
        break;
    case PP_STATEMENT_REPORT:
        error = report_open(context, statement->bytes, out);
        break;
    case PP_STATEMENT_VOUCHER: /* EVID-021 */
        error = PP_PROVES_NOTHING;
        break;
    }
    if (error != PP_OK)
        pp_statement_close(out);
    return error;
}

void pp_statement_close(struct pp_open_statement *statement)
{
    free(statement->room);
    statement->room = NULL;
}

/* ---- entries ---- */

enum pp_error pp_statement_record(const struct pp_open_statement *statement, uint64_t sequence,
                                  struct pp_record *out)
{
    struct pp_segment_walk walk;
    struct pp_record record;
    enum pp_error error;
    bool found = false;
    if (statement->type != PP_STATEMENT_SEGMENT)
        return PP_BAD_KIND;
    pp_segment_walk_begin(&statement->segment, statement->room, &walk);
    while (!found && (error = pp_segment_walk_next(&walk, &record)) == PP_OK)
        found = sequence >= record.sequence && sequence - record.sequence < pp_record_span(&record);
    if (!found)
        return error;
    *out = record;
    return PP_OK;
}

enum pp_error pp_statement_stamp(const struct pp_open_statement *statement, uint64_t sequence,
                                 struct pp_statement_stamp *out)
{
    struct pp_record record;
    if (statement->type == PP_STATEMENT_RECEIPT) {
        if (sequence != statement->receipt_body.sequence)
            return PP_NOT_FOUND;
        *out = (struct pp_statement_stamp){statement->leaf, statement->receipt_body.stamp_id, sequence,
                                           statement->receipt_body.time_ms};
        return PP_OK;
    }
    PP_TRY(pp_statement_record(statement, sequence, &record));
    const struct pp_row_charged *row =
        pp_record_is_charge(&record) ? pp_journal_row(&record, sequence) : NULL;
    if (row == NULL)
        return PP_NOT_FOUND;
    *out = (struct pp_statement_stamp){row->leaf, row->stamp_id, sequence, record.time_ms};
    return PP_OK;
}
