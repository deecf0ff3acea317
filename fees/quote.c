#include <pp/quote.h>

#include <pp/assert.h>
#include <pp/hash.h>

#include <string.h>

#define NODE_ID_LIMIT (UINT32_C(1) << 24)
#define RATE_LIMIT (UINT64_C(1) << 63)
#define TOPIC_FORM NODE_ID_LIMIT /* in the node id's first byte: older decoders refuse it as out of range */

void pp_quote_make(const struct pp_rates *rates, uint32_t node_id, uint32_t congestion_units, uint64_t now_ms,
                   struct pp_quote *out)
{
    PP_ASSERT(pp_rates_check(rates) == PP_OK && congestion_units <= PP_CONGESTION_UNITS_MAX);
    memset(out, 0, sizeof *out);
    out->node_id = node_id;
    out->rate_version = rates->version;
    out->base_grains = rates->base_grains;
    out->storage_grains = rates->storage_grains;
    out->congestion_grains = rates->congestion_grains;
    out->congestion_units = (uint8_t)congestion_units;
    out->bond_count = rates->bond_count;
    memcpy(out->bond_grains, rates->bond_grains, sizeof out->bond_grains);
    out->issued_ms = now_ms;
    out->expires_ms = now_ms + PP_QUOTE_LIFE_MS;
}

/* FEE-050, FEE-051 */
void pp_quote_for_topic(struct pp_quote *quote, const struct pp_quote_topic *topic)
{
    static const struct pp_address none = {{0}};
    quote->for_topic = true;
    quote->topic = topic->topic;
    if (quote->bond_count == 0 || pp_address_eq(&topic->accept_key, &none)) {
        quote->bond_count = 0;
        memset(quote->bond_grains, 0, sizeof quote->bond_grains);
        return;
    }
    quote->accept_key = topic->accept_key;
    quote->deadline_from_ms = quote->issued_ms + topic->deadline_after_ms;
    quote->deadline_to_ms = quote->issued_ms + topic->deadline_within_ms;
}

/* FEE-051: key and deadlines are there when bonds are, and only in a topic's quote. */
static enum pp_error topic_check(const struct pp_quote *quote)
{
    static const struct pp_address none = {{0}};
    const bool has_key = !pp_address_eq(&quote->accept_key, &none);
    const bool has_deadlines = quote->deadline_from_ms != 0 || quote->deadline_to_ms != 0;
    const bool has_bonds = quote->for_topic && quote->bond_count > 0;
    if (has_key != has_bonds || has_deadlines != has_bonds)
        return PP_OUT_OF_RANGE;
    if (has_bonds && (quote->deadline_from_ms < quote->issued_ms || quote->deadline_to_ms < quote->deadline_from_ms))
        return PP_OUT_OF_RANGE;
    return PP_OK;
}

/* FEE-041: the ranges, in the order of the fields. */
enum pp_error pp_quote_check(const struct pp_quote *quote)
{
    if (quote->node_id == 0 || quote->node_id >= NODE_ID_LIMIT || quote->rate_version == 0)
        return PP_OUT_OF_RANGE;
    if (quote->base_grains >= RATE_LIMIT || quote->storage_grains >= RATE_LIMIT ||
        quote->congestion_grains >= RATE_LIMIT)
        return PP_NEGATIVE_RATE;
    if (quote->congestion_units > PP_CONGESTION_UNITS_MAX || quote->bond_count > PP_ENVELOPE_KINDS_MAX)
        return PP_OUT_OF_RANGE;
    for (unsigned kind = 0; kind < PP_ENVELOPE_KINDS_MAX; kind++) {
        if (quote->bond_grains[kind] >= RATE_LIMIT)
            return PP_NEGATIVE_RATE;
        if (kind >= quote->bond_count && quote->bond_grains[kind] != 0)
            return PP_OUT_OF_RANGE;
    }
    if (quote->expires_ms <= quote->issued_ms || quote->expires_ms - quote->issued_ms > PP_QUOTE_LIFE_MS)
        return PP_OUT_OF_RANGE;
    return topic_check(quote);
}

void pp_quote_write(struct pp_writer *w, const struct pp_quote *quote)
{
    PP_ASSERT(quote->bond_count <= PP_ENVELOPE_KINDS_MAX);
    pp_write_u32(w, quote->node_id | (quote->for_topic ? TOPIC_FORM : 0));
    pp_write_u32(w, quote->rate_version);
    pp_write_u64(w, quote->base_grains);
    pp_write_u64(w, quote->storage_grains);
    pp_write_u64(w, quote->congestion_grains);
    pp_write_u8(w, quote->congestion_units);
    pp_write_u8(w, quote->bond_count);
    for (unsigned kind = 0; kind < quote->bond_count; kind++)
        pp_write_u64(w, quote->bond_grains[kind]);
    pp_write_u64(w, quote->issued_ms);
    pp_write_u64(w, quote->expires_ms);
    if (!quote->for_topic)
        return;
    pp_write_bytes(w, quote->topic.bytes, sizeof quote->topic.bytes);
    pp_write_bytes(w, quote->accept_key.bytes, sizeof quote->accept_key.bytes);
    pp_write_u64(w, quote->deadline_from_ms);
    pp_write_u64(w, quote->deadline_to_ms);
}

static void topic_read(struct pp_reader *r, struct pp_quote *quote)
{
    pp_read_bytes(r, quote->topic.bytes, sizeof quote->topic.bytes);
    pp_read_bytes(r, quote->accept_key.bytes, sizeof quote->accept_key.bytes);
    quote->deadline_from_ms = pp_read_u64(r);
    quote->deadline_to_ms = pp_read_u64(r);
}

void pp_quote_read(struct pp_reader *r, struct pp_quote *out)
{
    struct pp_quote quote = {0};
    quote.node_id = pp_read_u32(r);
    quote.for_topic = (quote.node_id & TOPIC_FORM) != 0;
    quote.node_id &= ~TOPIC_FORM;
    if (r->error == PP_OK && (quote.node_id == 0 || quote.node_id >= NODE_ID_LIMIT)) /* another form */
        pp_reader_fail(r, PP_OUT_OF_RANGE);
    quote.rate_version = pp_read_u32(r);
    quote.base_grains = pp_read_u64(r);
    quote.storage_grains = pp_read_u64(r);
    quote.congestion_grains = pp_read_u64(r);
    quote.congestion_units = pp_read_u8(r);
    quote.bond_count = pp_read_u8(r);
    if (quote.bond_count > PP_ENVELOPE_KINDS_MAX)
        pp_reader_fail(r, PP_OUT_OF_RANGE);
    for (unsigned kind = 0; kind < PP_ENVELOPE_KINDS_MAX && kind < quote.bond_count; kind++)
        quote.bond_grains[kind] = pp_read_u64(r);
    quote.issued_ms = pp_read_u64(r);
    quote.expires_ms = pp_read_u64(r);
    if (quote.for_topic)
        topic_read(r, &quote);
    enum pp_error error = r->error == PP_OK ? pp_quote_check(&quote) : r->error;
    if (error == PP_OK)
        *out = quote;
    else
        pp_reader_fail(r, error);
}

void pp_quote_id(const struct pp_quote *quote, struct pp_hash *out)
{
    uint8_t bytes[PP_QUOTE_BODY_MAX_BYTES];
    struct pp_writer w;
    size_t length;
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_quote_write(&w, quote);
    enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK);
    pp_blake2b_one(quote->for_topic ? "pp.quote.v2" : "pp.quote.v1", bytes, length, out->bytes);
}

void pp_quote_sign(const struct pp_quote *quote, const struct pp_receipt_secret *secret,
                   struct pp_signed_quote *out)
{
    struct pp_hash id;
    pp_quote_id(quote, &id);
    out->quote = *quote;
    pp_receipt_sign(secret, &id, &out->signature);
}

enum pp_error pp_signed_quote_encode(const struct pp_signed_quote *quote, uint8_t *bytes, size_t capacity,
                                     size_t *out_length)
{
    struct pp_writer w;
    pp_writer_init(&w, bytes, capacity);
    pp_quote_write(&w, &quote->quote);
    pp_write_bytes(&w, quote->signature.bytes, sizeof quote->signature.bytes);
    return pp_writer_finish(&w, out_length);
}

enum pp_error pp_signed_quote_decode(const uint8_t *bytes, size_t length, struct pp_signed_quote *out)
{
    struct pp_signed_quote quote;
    struct pp_reader r;
    pp_reader_init(&r, bytes, length);
    pp_quote_read(&r, &quote.quote);
    pp_read_bytes(&r, quote.signature.bytes, sizeof quote.signature.bytes);
    PP_TRY(pp_reader_finish(&r));
    *out = quote;
    return PP_OK;
}

enum pp_error pp_signed_quote_verify(const struct pp_signed_quote *quote, uint32_t node_id,
                                     const struct pp_receipt_key *key)
{
    struct pp_hash id;
    if (quote->quote.node_id != node_id || pp_quote_check(&quote->quote) != PP_OK)
        return PP_QUOTE_INVALID;
    pp_quote_id(&quote->quote, &id);
    return pp_receipt_verify(key, &id, &quote->signature) == PP_OK ? PP_OK : PP_QUOTE_INVALID;
}

enum pp_error pp_quote_time_check(const struct pp_quote *quote, uint64_t now_ms)
{
    return now_ms < quote->expires_ms ? PP_OK : PP_QUOTE_EXPIRED;
}
