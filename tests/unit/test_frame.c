/* Goal: a frame is read back as it was written, and nothing else is a frame.
 * Method: a round trip, every truncation, a byte too many, every one-bit flip fails or is written back as itself, and
 * each field out of its range. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/frame.h>
#include <pp/quote.h>

#include <pennypost.h>

#include <stdlib.h>

#define COUNT 3
#define FRAME_MAX 4096

struct world {
    uint8_t quote[PP_QUOTE_MAX_BYTES];
    struct pp_envelope_view envelopes[COUNT];
    uint8_t payloads[COUNT][100];
    struct pp_request request;
    uint8_t frame[FRAME_MAX];
    size_t length;
};

static void make(struct world *w)
{
    struct pp_signed_quote quote = {
        .quote = {.node_id = 1, .rate_version = 1, .base_grains = 5, .issued_ms = 1000, .expires_ms = 61000}};
    struct pp_hash quote_id;
    size_t quote_length;
    memset(w, 0, sizeof *w);
    memset(quote.signature.bytes, 0x99, sizeof quote.signature.bytes);
    ck_assert_ok(pp_signed_quote_encode(&quote, w->quote, sizeof w->quote, &quote_length));
    pp_quote_id(&quote.quote, &quote_id);
    w->request = (struct pp_request){.lane = 256,
                                     .kind = PP_STAMP_BATCH,
                                     .spent = PP_GRAINS_MAX,
                                     .refund_ack = pp_grains(3),
                                     .quote = w->quote,
                                     .quote_length = quote_length,
                                     .envelopes = w->envelopes,
                                     .count = COUNT};
    memset(w->request.channel_id.bytes, 0xca, 32);
    memset(w->request.signature.bytes, 0x51, 65);
    for (size_t i = 0; i < COUNT; i++) {
        struct pp_envelope_view *e = &w->envelopes[i];
        memset(w->payloads[i], (int)i + 1, sizeof w->payloads[i]);
        e->topic = (const uint8_t *)"topics";
        e->topic_length = 1 + i;
        e->payload = w->payloads[i];
        e->payload_length = 10 + 40 * i;
        e->leaf = (struct pp_leaf){.channel_id = w->request.channel_id,
                                   .lane = 256,
                                   .from = pp_grains(100 * i),
                                   .postage = {5, 6, 7, 0},
                                   .size = (uint32_t)e->payload_length,
                                   .retention_days = 30,
                                   .quote_id = quote_id,
                                   .not_after_ms = 99999};
        pp_envelope_hash(e->topic, e->topic_length, e->payload, e->payload_length, &e->leaf.envelope_hash);
    }
    ck_assert_ok(pp_frame_encode(&w->request, w->frame, sizeof w->frame, &w->length));
}

static enum pp_error decode(const uint8_t *bytes, size_t length, struct pp_request *out,
                            struct pp_refusal *refusal)
{
    static struct pp_envelope_view views[PP_LEAVES_MAX];
    uint8_t *exact = malloc(length == 0 ? 1 : length); /* so that the sanitizer sees one byte too far */
    size_t count = 0;
    memcpy(exact, bytes, length);
    *refusal = (struct pp_refusal){PP_OK};
    enum pp_error counted = pp_frame_count(exact, length, &count, refusal);
    struct pp_refusal second = {PP_OK};
    enum pp_error error = pp_frame_decode(exact, length, views, PP_LEAVES_MAX, out, &second);
    ck_assert(counted == PP_OK || error != PP_OK);
    ck_assert(error == PP_OK || (second.error == error && second.field != NULL));
    if (counted == PP_OK)
        *refusal = second;
    free(exact);
    return error;
}

START_TEST(frame__written_and_read__same)
{
    static struct world w;
    static struct pp_envelope_view views[COUNT];
    static uint8_t again[FRAME_MAX];
    struct pp_request read;
    struct pp_refusal refusal;
    size_t length, count;
    make(&w);
    ck_assert_uint_eq(w.length, pp_frame_length(&w.request));
    ck_assert_mem_eq(w.frame, "PPF1", 4);
    ck_assert_ok(pp_frame_count(w.frame, w.length, &count, &refusal));
    ck_assert_uint_eq(count, COUNT);
    ck_assert_ok(pp_frame_decode(w.frame, w.length, views, COUNT, &read, &refusal));
    ck_assert_uint_eq(read.count, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        struct pp_stamp_id id, expected;
        pp_leaf_id(&views[i].leaf, &id);
        pp_leaf_id(&w.envelopes[i].leaf, &expected);
        ck_assert(pp_stamp_id_eq(&id, &expected));
        ck_assert_uint_eq(views[i].topic_length, 1 + i);
        ck_assert_mem_eq(views[i].payload, w.payloads[i], views[i].payload_length);
        ck_assert(views[i].payload > w.frame &&
                  views[i].payload < w.frame + w.length); /* borrowed, not copied */
    }
    ck_assert_ok(pp_frame_encode(&read, again, sizeof again, &length));
    ck_assert_uint_eq(length, w.length);
    ck_assert_mem_eq(again, w.frame, length);
    ck_assert_error(pp_frame_encode(&read, again, w.length - 1, &length), PP_OVERFLOW);
    ck_assert_error(pp_frame_decode(w.frame, w.length, views, COUNT - 1, &read, &refusal),
                    PP_TOO_MANY_LEAVES);
}
END_TEST

/* The same envelopes as stamps of a session. */
static void make_session(struct world *w)
{
    static const uint8_t mac[PP_SESSION_MAC_BYTES] = {0xac, 1, 2, 3};
    make(w);
    w->request.kind = PP_STAMP_SESSION;
    w->request.spent = w->request.refund_ack = PP_GRAINS_ZERO;
    memset(w->request.signature.bytes, 0, sizeof w->request.signature.bytes);
    memset(w->request.session_id.bytes, 0x5e, sizeof w->request.session_id.bytes);
    for (size_t i = 0; i < COUNT; i++)
        w->envelopes[i].mac = mac;
    ck_assert_ok(pp_frame_encode(&w->request, w->frame, sizeof w->frame, &w->length));
    ck_assert_uint_eq(w->length, pp_frame_length(&w->request));
}

/* HTTP-068, HTTP-062 */
START_TEST(session_frame__cut_longer_or_flipped__refused_or_its_own_encoding)
{
    static struct world w;
    static struct pp_envelope_view views[PP_LEAVES_MAX];
    static uint8_t again[FRAME_MAX];
    struct pp_request read;
    struct pp_refusal refusal;
    size_t length;
    make_session(&w);
    ck_assert_ok(pp_frame_decode(w.frame, w.length, views, COUNT, &read, &refusal));
    ck_assert_int_eq(read.kind, PP_STAMP_SESSION);
    ck_assert(pp_hash_eq(&read.session_id, &w.request.session_id));
    for (size_t i = 0; i < COUNT; i++)
        ck_assert_mem_eq(views[i].mac, w.envelopes[i].mac, PP_SESSION_MAC_BYTES);
    ck_assert_ok(pp_frame_encode(&read, again, sizeof again, &length));
    ck_assert_uint_eq(length, w.length);
    ck_assert_mem_eq(again, w.frame, length);
    for (size_t cut = 0; cut < w.length; cut++)
        ck_assert_error(decode(w.frame, cut, &read, &refusal), PP_TRUNCATED);
    w.frame[w.length] = 0;
    ck_assert_error(decode(w.frame, w.length + 1, &read, &refusal), PP_TRAILING_BYTES);
    for (size_t bit = 0; bit < 8 * w.length; bit++) {
        w.frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (pp_frame_decode(w.frame, w.length, views, PP_LEAVES_MAX, &read, &refusal) == PP_OK) {
            ck_assert_ok(pp_frame_encode(&read, again, sizeof again, &length));
            ck_assert_uint_eq(length, w.length);
            ck_assert_mem_eq(again, w.frame, length);
        }
        w.frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}
END_TEST

/* HTTP-062 */
START_TEST(frame__cut_or_longer__refused)
{
    static struct world w;
    struct pp_request read;
    struct pp_refusal refusal;
    make(&w);
    for (size_t length = 0; length < w.length; length++)
        ck_assert_error(decode(w.frame, length, &read, &refusal), PP_TRUNCATED);
    w.frame[w.length] = 0;
    ck_assert_error(decode(w.frame, w.length + 1, &read, &refusal), PP_TRAILING_BYTES);
    ck_assert_uint_eq(refusal.expected.number, w.length);
    ck_assert_uint_eq(refusal.actual.number, w.length + 1);
}
END_TEST

START_TEST(frame__one_bit_flipped__refused_or_its_own_encoding)
{
    static struct world w;
    static struct pp_envelope_view views[PP_LEAVES_MAX];
    static uint8_t again[FRAME_MAX];
    struct pp_request read;
    struct pp_refusal refusal;
    size_t length;
    make(&w);
    for (size_t bit = 0; bit < 8 * w.length; bit++) {
        w.frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (pp_frame_decode(w.frame, w.length, views, PP_LEAVES_MAX, &read, &refusal) == PP_OK) {
            ck_assert_ok(pp_frame_encode(&read, again, sizeof again, &length));
            ck_assert_uint_eq(length, w.length);
            ck_assert_mem_eq(again, w.frame, length);
        }
        w.frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}
END_TEST

/* HTTP-061 HTTP-063 HTTP-064 HTTP-065 HTTP-066 HTTP-067 */
START_TEST(frame__field_out_of_range__named)
{
    static struct world w;
    make(&w);
    const size_t q = w.request.quote_length, entry = PP_FRAME_HEAD_BYTES + q;
    const struct {
        size_t at;
        uint32_t value;
        unsigned bytes;
        enum pp_error expected;
        const char *field;
    } cases[] = {
        {0, 0x50504632, 4, PP_BAD_FORMAT, "magic"},
        {4, PP_QUOTE_MAX_BYTES + 1, 2, PP_TOO_LONG, "quote"},
        {4, 0xffff, 2, PP_TOO_LONG, "quote"},
        {6, 0, 4, PP_OUT_OF_RANGE, "quote"}, /* node 0 */
        {42 + q, 0, 1, PP_BAD_KIND, "kind"},
        {42 + q, 4, 1, PP_BAD_KIND, "kind"},
        {42 + q, 255, 1, PP_BAD_KIND, "kind"},
        {132 + q, 0, 2, PP_OUT_OF_RANGE, "count"},
        {132 + q, PP_LEAVES_MAX + 1, 2, PP_TOO_MANY_LEAVES, "count"},
        {132 + q, 0xffff, 2, PP_TOO_MANY_LEAVES, "count"},
        {132 + q, PP_LEAVES_MAX, 2, PP_TRUNCATED, "frame"},
        {132 + q, COUNT - 1, 2, PP_TRAILING_BYTES, "frame"},
        {132 + q, COUNT + 1, 2, PP_TRUNCATED, "leaf"},
        {entry + PP_LEAF_SHORT_BYTES, 0, 1, PP_OUT_OF_RANGE, "topic"},
        {entry + PP_LEAF_SHORT_BYTES, PP_TOPIC_MAX_BYTES + 1, 1, PP_TOO_LONG, "topic"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pp_request read;
        struct pp_refusal refusal;
        make(&w);
        for (unsigned b = 0; b < cases[i].bytes; b++)
            w.frame[cases[i].at + b] = (uint8_t)(cases[i].value >> 8 * (cases[i].bytes - 1 - b));
        enum pp_error error = decode(w.frame, w.length, &read, &refusal);
        ck_assert_msg(error == cases[i].expected, "case %zu: %s", i, pp_error_name(error));
        ck_assert_msg(strcmp(refusal.field, cases[i].field) == 0, "case %zu: %s", i, refusal.field);
    }
}
END_TEST

/* HTTP-066: the size of the first entry, wherever the leaf keeps it. */
START_TEST(frame__size_zero_or_huge__refused)
{
    static struct world w;
    struct pp_request read;
    struct pp_refusal refusal;
    static const uint32_t sizes[] = {0, PP_ENVELOPE_MAX_BYTES + 1, UINT32_MAX, 11};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        make(&w);
        struct pp_writer writer;
        struct pp_leaf leaf = w.envelopes[0].leaf;
        size_t length;
        leaf.size = 0x01020304; /* where does it stand? */
        uint8_t bytes[PP_LEAF_SHORT_BYTES];
        pp_writer_init(&writer, bytes, sizeof bytes);
        pp_leaf_write_short(&writer, &leaf);
        ck_assert_ok(pp_writer_finish(&writer, &length));
        uint8_t *entry = w.frame + PP_FRAME_HEAD_BYTES + w.request.quote_length;
        for (size_t at = 0; at + 4 <= length; at++)
            if (memcmp(bytes + at, "\x01\x02\x03\x04", 4) == 0)
                for (unsigned b = 0; b < 4; b++)
                    entry[at + b] = (uint8_t)(sizes[i] >> (24 - 8 * b));
        enum pp_error error = decode(w.frame, w.length, &read, &refusal);
        ck_assert_msg(error == PP_ZERO_SIZE || error == PP_TOO_LONG || error == PP_OUT_OF_RANGE || i == 3,
                      "%u: %s", sizes[i], pp_error_name(error));
        ck_assert(error != PP_OK);
    }
}
END_TEST

START_TEST(encoder__beyond_the_limits__refused)
{
    static struct world w;
    size_t length;
    make(&w);
    w.request.count = 0;
    ck_assert_error(pp_frame_encode(&w.request, w.frame, sizeof w.frame, &length), PP_TOO_MANY_LEAVES);
    w.request.count = PP_LEAVES_MAX + 1;
    ck_assert_error(pp_frame_encode(&w.request, w.frame, sizeof w.frame, &length), PP_TOO_MANY_LEAVES);
    make(&w);
    w.envelopes[1].topic_length = PP_TOPIC_MAX_BYTES + 1;
    ck_assert_error(pp_frame_encode(&w.request, w.frame, sizeof w.frame, &length), PP_TOO_LONG);
    make(&w);
    w.request.quote_length = PP_QUOTE_MAX_BYTES + 1;
    ck_assert_error(pp_frame_encode(&w.request, w.frame, sizeof w.frame, &length), PP_TOO_LONG);
}
END_TEST

PP_TESTS("frame")
PP_TEST(frame__written_and_read__same)
PP_TEST(frame__cut_or_longer__refused)
PP_TEST(session_frame__cut_longer_or_flipped__refused_or_its_own_encoding)
PP_TEST(frame__one_bit_flipped__refused_or_its_own_encoding)
PP_TEST(frame__field_out_of_range__named)
PP_TEST(frame__size_zero_or_huge__refused)
PP_TEST(encoder__beyond_the_limits__refused)
PP_TESTS_END
