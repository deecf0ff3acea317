/* Goal: quotes and frames from outside are refused, or are exactly what they say. */
#include "pp_fuzz.h"
#include "pp_test.h"

#include <pennypost.h>
#include <pp/frame.h>
#include <pp/quote.h>

/* ---- quote ---- */

static void quote_random(struct pp_rng *rng, struct pp_signed_quote *out)
{
    memset(out, 0, sizeof *out);
    out->quote.node_id = 1 + (uint32_t)pp_rng_below(rng, 0xffffff);
    out->quote.rate_version = 1 + (uint32_t)pp_rng_below(rng, UINT32_MAX);
    out->quote.base_grains = pp_rng_edge_u64(rng) >> 1;
    out->quote.storage_grains = pp_rng_edge_u64(rng) >> 1;
    out->quote.congestion_grains = pp_rng_edge_u64(rng) >> 1;
    out->quote.congestion_units = (uint8_t)pp_rng_below(rng, PP_CONGESTION_UNITS_MAX + 1);
    out->quote.bond_count = (uint8_t)pp_rng_below(rng, PP_ENVELOPE_KINDS_MAX + 1);
    for (unsigned kind = 0; kind < out->quote.bond_count; kind++)
        out->quote.bond_grains[kind] = pp_rng_edge_u64(rng) >> 1;
    out->quote.issued_ms = pp_rng_edge_u64(rng) >> 1;
    out->quote.expires_ms = out->quote.issued_ms + 1 + pp_rng_below(rng, PP_QUOTE_LIFE_MS);
    pp_rng_bytes(rng, out->signature.bytes, sizeof out->signature.bytes);
}

static size_t quote_make(void *state, struct pp_rng *rng, uint8_t *out)
{
    size_t length = 0;
    quote_random(rng, state);
    ck_assert_ok(pp_signed_quote_encode(state, out, PP_QUOTE_SIGNED_MAX_BYTES, &length));
    return length;
}

static enum pp_error quote_decode(void *state, const uint8_t *bytes, size_t length)
{
    return pp_signed_quote_decode(bytes, length, state);
}

static size_t quote_encode(void *state, uint8_t *out, size_t capacity)
{
    struct pp_signed_quote *quote = state;
    size_t length = 0;
    ck_assert_ok(pp_quote_check(&quote->quote));
    ck_assert_ok(pp_signed_quote_encode(quote, out, capacity, &length));
    return length;
}

START_TEST(quote__mutated__refused_or_itself)
{
    struct pp_signed_quote quote;
    pp_fuzz_run(&(struct pp_fuzz_message){.most = PP_QUOTE_SIGNED_MAX_BYTES + 64,
                                          .state = &quote,
                                          .make = quote_make,
                                          .decode = quote_decode,
                                          .encode = quote_encode},
                1, 40);
}
END_TEST

/* ---- frame ---- */

#define ENTRIES_MAX 4
#define PAYLOAD_MAX 60
#define FRAME_MAX                                                                                            \
    (PP_FRAME_HEAD_BYTES + PP_QUOTE_MAX_BYTES + 64 * (PP_LEAF_SHORT_BYTES + 1 + 255 + PAYLOAD_MAX))

struct frame_state {
    struct pp_envelope_view envelopes[PP_LEAVES_MAX];
    struct pp_request request;
};

static size_t frame_make(void *state, struct pp_rng *rng, uint8_t *out)
{
    static const uint8_t bytes[PP_TOPIC_MAX_BYTES + PAYLOAD_MAX] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct pp_signed_quote quote;
    struct pp_envelope_view envelopes[ENTRIES_MAX];
    struct pp_request request;
    uint8_t quote_bytes[PP_QUOTE_MAX_BYTES];
    struct pp_hash quote_id;
    size_t length = 0;
    (void)state;
    memset(&request, 0, sizeof request);
    memset(envelopes, 0, sizeof envelopes);
    quote_random(rng, &quote);
    ck_assert_ok(pp_signed_quote_encode(&quote, quote_bytes, sizeof quote_bytes, &request.quote_length));
    pp_quote_id(&quote.quote, &quote_id);
    request.quote = quote_bytes;
    request.envelopes = envelopes;
    request.kind = (enum pp_stamp_kind)(PP_STAMP_SINGLE + pp_rng_below(rng, 3));
    pp_rng_bytes(rng, request.session_id.bytes, 32);
    request.count = 1 + pp_rng_below(rng, ENTRIES_MAX);
    request.lane = (uint32_t)pp_rng_edge_u64(rng);
    request.spent = pp_rng_edge_grains(rng);
    request.refund_ack = pp_rng_edge_grains(rng);
    pp_rng_bytes(rng, request.channel_id.bytes, 32);
    pp_rng_bytes(rng, request.signature.bytes, 65);
    for (size_t i = 0; i < request.count; i++) {
        struct pp_envelope_view *envelope = &envelopes[i];
        envelope->mac = bytes;
        envelope->topic = bytes;
        envelope->topic_length = 1 + pp_rng_below(rng, 20);
        envelope->payload = bytes;
        envelope->payload_length = 1 + pp_rng_below(rng, PAYLOAD_MAX);
        envelope->leaf.channel_id = request.channel_id;
        envelope->leaf.lane = request.lane;
        envelope->leaf.quote_id = quote_id;
        envelope->leaf.from.raw = pp_rng_edge_grains(rng).raw >> 1;
        envelope->leaf.postage.base_grains = pp_rng_edge_u64(rng) >> 4;
        envelope->leaf.size = (uint32_t)envelope->payload_length;
        envelope->leaf.retention_days = (uint16_t)(1 + pp_rng_below(rng, PP_RETENTION_MAX_DAYS));
    }
    ck_assert_ok(pp_frame_encode(&request, out, FRAME_MAX, &length));
    return length;
}

static enum pp_error frame_decode(void *state, const uint8_t *bytes, size_t length)
{
    struct frame_state *frame = state;
    struct pp_refusal refusal;
    pp_refusal_init(&refusal, PP_OK, NULL);
    enum pp_error error =
        pp_frame_decode(bytes, length, frame->envelopes, PP_LEAVES_MAX, &frame->request, &refusal);
    pp_expect(error == refusal.error); /* ERR-005: whoever refuses says why */
    return error;
}

static size_t frame_encode(void *state, uint8_t *out, size_t capacity)
{
    struct frame_state *frame = state;
    size_t length = 0;
    ck_assert_ok(pp_frame_encode(&frame->request, out, capacity, &length));
    pp_expect(length == pp_frame_length(&frame->request));
    return length;
}

START_TEST(frame__mutated__refused_or_itself)
{
    static struct frame_state frame;
    pp_fuzz_run(&(struct pp_fuzz_message){.most = FRAME_MAX,
                                          .state = &frame,
                                          .make = frame_make,
                                          .decode = frame_decode,
                                          .encode = frame_encode},
                2, 40);
}
END_TEST

PP_TESTS("fuzz_frame")
PP_TEST(quote__mutated__refused_or_itself)
PP_TEST(frame__mutated__refused_or_itself)
PP_TESTS_END
