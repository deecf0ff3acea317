/* Goal: texts from the network (heads, credentials, base64) are refused or read in one way only. */
#include "pp_fuzz.h"
#include "pp_test.h"

#include "http/http_guard.h"
#include "http/http_head.h"

#include <pp/fields.h>
#include <pp/payment.h>

#include <stdlib.h>

/* ---- base64url ---- */

#define BASE64_BYTES 120

struct bytes {
    uint8_t at[BASE64_BYTES];
    size_t length;
};

static size_t base64_make(void *state, struct pp_rng *rng, uint8_t *out)
{
    struct bytes *bytes = state;
    char text[PP_BASE64_LENGTH(BASE64_BYTES) + 1];
    bytes->length = 1 + pp_rng_below(rng, BASE64_BYTES - 10);
    pp_rng_bytes(rng, bytes->at, bytes->length);
    size_t length = pp_base64_print(bytes->at, bytes->length, text);
    memcpy(out, text, length);
    return length;
}

static enum pp_error base64_decode(void *state, const uint8_t *text, size_t length)
{
    struct bytes *bytes = state;
    return pp_base64_parse((const char *)text, length, bytes->at, sizeof bytes->at, &bytes->length);
}

static size_t base64_encode(void *state, uint8_t *out, size_t capacity)
{
    struct bytes *bytes = state;
    char text[PP_BASE64_LENGTH(BASE64_BYTES) + 1];
    size_t length = pp_base64_print(bytes->at, bytes->length, text);
    pp_expect(length <= capacity);
    memcpy(out, text, length);
    return length;
}

START_TEST(base64__mutated__refused_or_itself)
{
    struct bytes bytes;
    pp_fuzz_run(&(struct pp_fuzz_message){.most = 400,
                                          .state = &bytes,
                                          .make = base64_make,
                                          .decode = base64_decode,
                                          .encode = base64_encode,
                                          .open_ended = true},
                1, 40);
}
END_TEST

/* ---- credential ---- */

static void credential_random(struct pp_rng *rng, struct pp_credential *out)
{
    struct pp_challenge_key key = {{1}};
    struct pp_challenge_terms terms;
    memset(out, 0, sizeof *out);
    memset(&terms, 0, sizeof terms);
    terms.chain_id = 31337;
    terms.node_id = 1;
    terms.lane = 256;
    terms.amount_grains = 1 + pp_rng_below(rng, 1000000);
    terms.quote_length = 1 + pp_rng_below(rng, PP_QUOTE_MAX_BYTES);
    pp_rng_bytes(rng, terms.quote, terms.quote_length);
    ck_assert_ok(pp_challenge_make(&key, "node.example:8080", &terms,
                                   1700000000000 + pp_rng_below(rng, 100000000), &out->challenge));
    out->action = PP_ACTION_VOUCHER;
    pp_rng_bytes(rng, out->channel_id.bytes, 32);
    out->lane = 256;
    pp_rng_bytes(rng, out->signature.bytes, 64);
    out->signature.bytes[64] = 27;
    out->spent = pp_rng_edge_grains(rng);
    out->refund_ack = pp_rng_edge_grains(rng);
    out->leaf.channel_id = out->channel_id;
    out->leaf.lane = out->lane;
    pp_rng_bytes(rng, out->leaf.envelope_hash.bytes, 32);
    out->leaf.from.raw = pp_rng_edge_grains(rng).raw >> 1;
    out->leaf.postage.base_grains = pp_rng_edge_u64(rng) >> 4;
    out->leaf.size = 1 + (uint32_t)pp_rng_below(rng, 10000);
    out->leaf.retention_days = (uint16_t)(1 + pp_rng_below(rng, 90));
    out->leaf.not_after_ms = pp_rng_below(rng, UINT64_C(1) << 53);
    out->topic_length = 1 + pp_rng_below(rng, PP_TOPIC_MAX_BYTES);
    pp_rng_bytes(rng, out->topic, out->topic_length);
}

/* Parses, prints, parses, prints: the two texts are one. */
static bool credential_again(const char *text, size_t length)
{
    static struct pp_credential first, second;
    static char printed[PP_CREDENTIAL_HEADER_MAX], again[PP_CREDENTIAL_HEADER_MAX];
    struct pp_refusal refusal;
    char *exact = malloc(length ? length : 1);
    pp_expect(exact != NULL);
    memcpy(exact, text, length);
    pp_refusal_init(&refusal, PP_OK, NULL);
    enum pp_error error = pp_credential_parse(exact, length, &first, &refusal);
    free(exact);
    pp_expect(error == refusal.error); /* ERR-005 */
    if (error != PP_OK)
        return false;
    pp_credential_print(&first, printed);
    ck_assert_ok(pp_credential_parse(printed, strlen(printed), &second, &refusal));
    pp_expect(strcmp(printed, pp_credential_print(&second, again)) == 0);
    return true;
}

/* Goal: both layers. Method: changes to the header's text, and to the JSON below its base64. */
START_TEST(credential__mutated__refused_or_read_in_one_way)
{
    static const char scheme[] = "Payment ";
    static struct pp_credential credential;
    static char header[PP_CREDENTIAL_HEADER_MAX];
    static uint8_t json[PP_CREDENTIAL_HEADER_MAX], mutant[PP_CREDENTIAL_HEADER_MAX];
    static char text[sizeof scheme + PP_BASE64_LENGTH(PP_CREDENTIAL_HEADER_MAX)];
    struct pp_rng rng;
    unsigned accepted = 0;
    pp_rng_init(&rng, 2);
    for (unsigned round = 0; round < 12; round++) {
        size_t json_length;
        credential_random(&rng, &credential);
        pp_credential_print(&credential, header);
        size_t length = strlen(header);
        pp_expect(credential_again(header, length));
        for (unsigned i = 0; i < 100; i++) {
            memcpy(mutant, header, length);
            size_t mutant_length = pp_fuzz_mutate(&rng, mutant, length, sizeof mutant);
            accepted += credential_again((const char *)mutant, mutant_length);
        }
        ck_assert_int_eq(strncmp(header, scheme, 8), 0);
        ck_assert_ok(pp_base64_parse(header + 8, length - 8, json, sizeof json, &json_length));
        for (unsigned i = 0; i < 300; i++) {
            memcpy(mutant, json, json_length);
            size_t mutant_length = pp_fuzz_mutate(&rng, mutant, json_length, json_length + 64);
            memcpy(text, scheme, 8);
            accepted += credential_again(text, 8 + pp_base64_print(mutant, mutant_length, text + 8));
        }
    }
    ck_assert_uint_gt(accepted, 10); /* so not everything ended at the first check */
}
END_TEST

/* ---- heads ---- */

static const char *const heads[] = {
    "GET /v1/terms HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /v1/envelopes HTTP/1.1\r\nHost: a:1\r\nContent-Length: 12\r\nContent-Type: "
    "application/octet-stream\r\n"
    "Authorization: Payment eyJhIjoxfQ\r\nConnection: close\r\n\r\n",
    "POST /v1/envelopes?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\nX-A:\tb "
    "c\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
};

struct guarded {
    enum pp_error error;
    enum pp_http_guard_state state;
    size_t used;
};

/* Feeds in pieces of at most `piece` bytes, each in a buffer of just its size. */
static struct guarded guard_feed(const uint8_t *bytes, size_t length, size_t piece)
{
    struct pp_http_guard guard;
    struct pp_refusal refusal;
    struct guarded out = {PP_OK, PP_GUARD_METHOD, 0};
    pp_http_guard_init(&guard);
    pp_refusal_init(&refusal, PP_OK, NULL);
    while (out.error == PP_OK && guard.state != PP_GUARD_DONE && out.used < length) {
        size_t used = 0, count = length - out.used < piece ? length - out.used : piece;
        char *exact = malloc(count);
        pp_expect(exact != NULL);
        memcpy(exact, bytes + out.used, count);
        out.error = pp_http_guard_feed(&guard, exact, count, &used, &refusal);
        free(exact);
        pp_expect(out.error != PP_OK || used == count || guard.state == PP_GUARD_DONE);
        if (out.error == PP_OK)
            out.used += used;
    }
    pp_expect(out.error == refusal.error);
    out.state = guard.state;
    return out;
}

static bool has_field(const uint8_t *bytes, size_t length, const char *name)
{
    size_t name_length = strlen(name);
    for (size_t i = 0; i + name_length + 1 < length; i++) {
        size_t same = 0;
        while (same < name_length && (bytes[i + same] | 0x20) == (name[same] | 0x20))
            same++;
        if (same == name_length && i >= 2 && bytes[i - 1] == '\n' && bytes[i + same] == ':')
            return true;
    }
    return false;
}

/* Goal: however the bytes arrive, the guard says the same; and what passes guard and parser has no bare CR or LF, no
 * Transfer-Encoding, and one meaning of its length. */
START_TEST(head__mutated_and_cut__one_reading)
{
    struct pp_rng rng;
    unsigned passed = 0;
    pp_rng_init(&rng, 3);
    for (unsigned round = 0; round < 6000; round++) {
        uint8_t bytes[1024];
        const char *head = heads[pp_rng_below(&rng, sizeof heads / sizeof heads[0])];
        size_t length = strlen(head);
        memcpy(bytes, head, length);
        for (uint64_t changes = pp_rng_below(&rng, 3); changes > 0; changes--)
            length = pp_fuzz_mutate(&rng, bytes, length, sizeof bytes);
        struct guarded whole = guard_feed(bytes, length, length ? length : 1);
        struct guarded single = guard_feed(bytes, length, 1);
        struct guarded pieces = guard_feed(bytes, length, 1 + pp_rng_below(&rng, 20));
        pp_expect(whole.error == single.error && whole.error == pieces.error);
        if (whole.error != PP_OK || whole.state != PP_GUARD_DONE)
            continue;
        pp_expect(whole.used == single.used && whole.used == pieces.used);
        pp_expect(single.state == PP_GUARD_DONE && pieces.state == PP_GUARD_DONE);
        for (size_t i = 0; i < whole.used; i++) {
            pp_expect(bytes[i] != '\n' || (i > 0 && bytes[i - 1] == '\r'));
            pp_expect(bytes[i] != '\r' || (i + 1 < whole.used && bytes[i + 1] == '\n'));
        }
        struct pp_http_head parsed;
        struct pp_refusal refusal;
        char *exact = malloc(whole.used);
        pp_expect(exact != NULL);
        memcpy(exact, bytes, whole.used);
        pp_refusal_init(&refusal, PP_OK, NULL);
        enum pp_error error = pp_http_head_parse(exact, whole.used, &parsed, &refusal);
        pp_expect(error == refusal.error);
        if (error == PP_OK) {
            passed++;
            pp_expect(!has_field(bytes, whole.used, "transfer-encoding"));
            pp_expect(parsed.method != PP_HTTP_POST || has_field(bytes, whole.used, "content-length"));
            pp_expect(parsed.path.at >= exact && parsed.path.at + parsed.path.length <= exact + whole.used);
        }
        free(exact);
    }
    ck_assert_uint_gt(passed, 500);
}
END_TEST

PP_TESTS("fuzz_text")
PP_TEST(base64__mutated__refused_or_itself)
PP_TEST(credential__mutated__refused_or_read_in_one_way)
PP_TEST(head__mutated_and_cut__one_reading)
PP_TESTS_END
