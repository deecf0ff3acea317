#include <pp/frame.h>

#include <pp/assert.h>

#include <pennypost.h>

size_t pp_frame_length(const struct pp_request *request)
{
    bool session = request->kind == PP_STAMP_SESSION;
    size_t length = (session ? PP_FRAME_SESSION_HEAD_BYTES : PP_FRAME_HEAD_BYTES) + request->quote_length;
    for (size_t i = 0; i < request->count; i++)
        length += PP_LEAF_SHORT_BYTES + (session ? PP_SESSION_MAC_BYTES : 0) + 1 + request->envelopes[i].topic_length +
                  request->envelopes[i].payload_length;
    return length;
}

static void write_entry(struct pp_writer *w, const struct pp_request *request,
                        const struct pp_envelope_view *envelope)
{
    PP_ASSERT(pp_channel_id_eq(&envelope->leaf.channel_id, &request->channel_id));
    PP_ASSERT(envelope->leaf.lane == request->lane);
    PP_ASSERT(envelope->leaf.size == envelope->payload_length);
    pp_leaf_write_short(w, &envelope->leaf);
    if (request->kind == PP_STAMP_SESSION)
        pp_write_bytes(w, envelope->mac, PP_SESSION_MAC_BYTES);
    pp_write_u8(w, (uint8_t)envelope->topic_length);
    pp_write_bytes(w, envelope->topic, envelope->topic_length);
    pp_write_bytes(w, envelope->payload, envelope->payload_length);
}

enum pp_error pp_frame_encode(const struct pp_request *request, uint8_t *out, size_t capacity,
                              size_t *out_length)
{
    struct pp_writer w;
    if (request->count == 0 || request->count > PP_LEAVES_MAX)
        return PP_TOO_MANY_LEAVES;
    if (request->quote_length > PP_QUOTE_MAX_BYTES)
        return PP_TOO_LONG;
    for (size_t i = 0; i < request->count; i++)
        if (request->envelopes[i].topic_length > PP_TOPIC_MAX_BYTES ||
            request->envelopes[i].payload_length > PP_ENVELOPE_MAX_BYTES)
            return PP_TOO_LONG;
    pp_writer_init(&w, out, capacity);
    pp_write_u32(&w, PP_FRAME_MAGIC);
    pp_write_u16(&w, (uint16_t)request->quote_length);
    pp_write_bytes(&w, request->quote, request->quote_length);
    pp_write_bytes(&w, request->channel_id.bytes, sizeof request->channel_id.bytes);
    pp_write_u32(&w, request->lane);
    pp_write_u8(&w, (uint8_t)request->kind);
    if (request->kind == PP_STAMP_SESSION) { /* HTTP-068: what authorizes it */
        pp_write_bytes(&w, request->session_id.bytes, sizeof request->session_id.bytes);
    } else {
        pp_write_grains(&w, request->spent);
        pp_write_grains(&w, request->refund_ack);
        pp_write_bytes(&w, request->signature.bytes, sizeof request->signature.bytes);
    }
    pp_write_u16(&w, (uint16_t)request->count);
    for (size_t i = 0; i < request->count; i++)
        write_entry(&w, request, &request->envelopes[i]);
    return pp_writer_finish(&w, out_length);
}

/* What stands in front of the entries; `quote_id` is what every leaf repeats. */
static enum pp_error read_head(struct pp_reader *r, struct pp_request *request, struct pp_hash *quote_id,
                               struct pp_refusal *refusal)
{
    struct pp_signed_quote quote;
    const uint32_t magic = pp_read_u32(r);
    if (r->error == PP_OK && magic != PP_FRAME_MAGIC) { /* HTTP-061 */
        pp_refusal_init(refusal, PP_BAD_FORMAT, "magic");
        refusal->expected = pp_value_text("PPF1");
        return PP_BAD_FORMAT;
    }
    request->quote_length = pp_read_u16(r);
    if (r->error == PP_OK && request->quote_length > PP_QUOTE_MAX_BYTES) {
        pp_refusal_init(refusal, PP_TOO_LONG, "quote");
        refusal->expected = pp_value_number(PP_QUOTE_MAX_BYTES);
        refusal->actual = pp_value_number(request->quote_length);
        return PP_TOO_LONG;
    }
    request->quote = pp_read_slice(r, request->quote_length);
    pp_read_bytes(r, request->channel_id.bytes, sizeof request->channel_id.bytes);
    request->lane = pp_read_u32(r);
    const uint8_t kind = pp_read_u8(r);
    if (kind == PP_STAMP_SESSION) {
        pp_read_bytes(r, request->session_id.bytes, sizeof request->session_id.bytes);
    } else {
        request->spent = pp_read_grains(r);
        request->refund_ack = pp_read_grains(r);
        pp_read_bytes(r, request->signature.bytes, sizeof request->signature.bytes);
    }
    request->count = pp_read_u16(r);
    if (r->error != PP_OK) {
        pp_refusal_init(refusal, r->error, "frame");
        refusal->expected = pp_value_number(
            (kind == PP_STAMP_SESSION ? PP_FRAME_SESSION_HEAD_BYTES : PP_FRAME_HEAD_BYTES) + request->quote_length);
        refusal->actual = pp_value_number(r->length);
        return r->error;
    }
    const enum pp_error error = pp_signed_quote_decode(request->quote, request->quote_length, &quote);
    if (error != PP_OK) {
        pp_refusal_init(refusal, error, "quote");
        return error;
    }
    pp_quote_id(&quote.quote, quote_id);
    if (kind != PP_STAMP_SINGLE && kind != PP_STAMP_BATCH && kind != PP_STAMP_SESSION) { /* HTTP-063 */
        pp_refusal_init(refusal, PP_BAD_KIND, "kind");
        refusal->expected = pp_value_number(PP_STAMP_BATCH);
        refusal->actual = pp_value_number(kind);
        return PP_BAD_KIND;
    }
    request->kind = (enum pp_stamp_kind)kind;
    if (request->count == 0 || request->count > PP_LEAVES_MAX) { /* HTTP-064 */
        const enum pp_error wrong = request->count == 0 ? PP_OUT_OF_RANGE : PP_TOO_MANY_LEAVES;
        pp_refusal_init(refusal, wrong, "count");
        refusal->expected = pp_value_number(request->count == 0 ? 1 : PP_LEAVES_MAX);
        refusal->actual = pp_value_number(request->count);
        return wrong;
    }
    return PP_OK;
}

#define ENTRY_MIN_BYTES (PP_LEAF_SHORT_BYTES + 1u + 1u + 1u)

enum pp_error pp_frame_count(const uint8_t *bytes, size_t length, size_t *out_count,
                             struct pp_refusal *out_refusal)
{
    struct pp_request request = {0};
    struct pp_hash quote_id;
    struct pp_reader r;
    pp_reader_init(&r, bytes, length);
    PP_TRY(read_head(&r, &request, &quote_id, out_refusal));
    if (pp_reader_left(&r) / ENTRY_MIN_BYTES < request.count) {
        pp_refusal_init(out_refusal, PP_TRUNCATED, "frame");
        out_refusal->expected = pp_value_number(r.offset + request.count * ENTRY_MIN_BYTES);
        out_refusal->actual = pp_value_number(length);
        return PP_TRUNCATED;
    }
    *out_count = request.count;
    return PP_OK;
}

static enum pp_error refuse_entry(struct pp_refusal *refusal, enum pp_error error, const char *field,
                                  size_t index)
{
    pp_refusal_init(refusal, error, field);
    refusal->actual = pp_value_number(index);
    return error;
}

static enum pp_error read_entry(struct pp_reader *r, const struct pp_request *request,
                                const struct pp_hash *quote_id, size_t index, struct pp_envelope_view *out,
                                struct pp_refusal *refusal)
{
    out->leaf.channel_id = request->channel_id;
    out->leaf.lane = request->lane;
    out->leaf.quote_id = *quote_id;
    pp_leaf_read_short(r, &out->leaf);
    if (r->error != PP_OK)
        return refuse_entry(refusal, r->error, "leaf", index);
    out->mac = request->kind == PP_STAMP_SESSION ? pp_read_slice(r, PP_SESSION_MAC_BYTES) : NULL;
    if (r->error != PP_OK)
        return refuse_entry(refusal, r->error, "mac", index);
    if (out->leaf.size == 0) /* HTTP-066 */
        return refuse_entry(refusal, PP_ZERO_SIZE, "size", index);
    if (out->leaf.size > PP_ENVELOPE_MAX_BYTES)
        return refuse_entry(refusal, PP_TOO_LONG, "size", index);
    out->topic_length = pp_read_u8(r);
    if (r->error == PP_OK &&
        (out->topic_length == 0 || out->topic_length > PP_TOPIC_MAX_BYTES)) /* HTTP-065 */
        return refuse_entry(refusal, out->topic_length == 0 ? PP_OUT_OF_RANGE : PP_TOO_LONG, "topic", index);
    out->topic = pp_read_slice(r, out->topic_length);
    out->payload_length = out->leaf.size;
    out->payload = pp_read_slice(r, out->payload_length);
    if (r->error != PP_OK)
        return refuse_entry(refusal, r->error, "payload", index);
    return PP_OK;
}

enum pp_error pp_frame_decode(const uint8_t *bytes, size_t length, struct pp_envelope_view *envelopes,
                              size_t capacity, struct pp_request *out, struct pp_refusal *out_refusal)
{
    struct pp_request request = {.envelopes = envelopes};
    struct pp_hash quote_id;
    struct pp_reader r;
    pp_reader_init(&r, bytes, length);
    PP_TRY(read_head(&r, &request, &quote_id, out_refusal));
    if (request.count > capacity) {
        pp_refusal_init(out_refusal, PP_TOO_MANY_LEAVES, "count");
        out_refusal->expected = pp_value_number(capacity);
        out_refusal->actual = pp_value_number(request.count);
        return PP_TOO_MANY_LEAVES;
    }
    for (size_t i = 0; i < request.count; i++)
        PP_TRY(read_entry(&r, &request, &quote_id, i, &envelopes[i], out_refusal));
    const enum pp_error error = pp_reader_finish(&r); /* HTTP-062 */
    if (error != PP_OK) {
        pp_refusal_init(out_refusal, error, "frame");
        out_refusal->expected = pp_value_number(r.offset);
        out_refusal->actual = pp_value_number(length);
        return error;
    }
    *out = request;
    return PP_OK;
}
