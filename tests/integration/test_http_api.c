/* Goal: what a sender can ask of a node over HTTP: each path, each refusal with its reason, nothing charged for what was
 * refused, and the same answer to the same question.
 * Method: the real engine on a temporary folder with a lane opened by hand, the real server on a free port, plain
 * sockets, and stamps made with the sender's own functions. */
#include "http_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"
#include "served_api.h"

#include "http/http_api.h"

#include <pp/frame.h>
#include <pp/payment.h>
#include <pp/price.h>
#include <pp/session.h>
#include <pp/voucher.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define START_MS UINT64_C(1767323045678)
#define LANE pp_lane_make(1, 0)
#define CAP_UNITS 1000000u
#define BASE 1000u
#define STORAGE 2u

struct world {
    struct pp_temp_dir dir;
    _Atomic uint64_t now_ms;
    struct pp_crypto *crypto;
    struct pp_node_config config;
    struct pp_rates rates;
    struct pp_node *node;
    struct pp_secret_key signer;
    struct pp_channel_config channel;
    struct pp_channel_id channel_id;
    struct pp_receipt_key receipt_key;

    struct served_api served;
    uint16_t port;
};

static uint64_t world_now(void *context)
{
    return atomic_load(&((struct world *)context)->now_ms);
}

static void chain_status(void *context, struct pp_http_chain_status *out)
{
    (void)context;
    *out = (struct pp_http_chain_status){.error = PP_OK, .ready = true};
}

/* The chain's view, fresh as of now. */
static void look_at_chain(struct world *w)
{
    const uint64_t now_s = world_now(w) / 1000;
    const struct pp_chain_event head = {.kind = PP_CHAIN_HEAD,
                                        .block_number = now_s,
                                        .time_s = now_s,
                                        .finalized_number = now_s - 1,
                                        .finalized_time_s = now_s - 1};
    ck_assert_ok(pp_node_chain_events(w->node, &head, 1));
}

static void pass(struct world *w, uint64_t ms)
{
    atomic_fetch_add(&w->now_ms, ms);
    look_at_chain(w);
    ck_assert_ok(pp_node_tick(w->node));
}

static void lane_final(struct world *w, const struct pp_channel_config *channel,
                       enum pp_chain_event_kind kind)
{
    struct pp_channel_fields fields = {
        .payer = channel->payer, .signer = channel->signer, .nonce = channel->nonce};
    struct pp_chain_event event = {.kind = kind,
                                   .lane = LANE,
                                   .config = *channel,
                                   .cap = pp_units(CAP_UNITS),
                                   .block_number = 5,
                                   .time_s = world_now(w) / 1000};
    pp_channel_id_of(&w->config.domain, &fields, &event.channel_id);
    ck_assert_ok(pp_node_chain_events(w->node, &event, 1));
}

static void world_open(struct world *w)
{
    char reason[256] = "";
    ck_assert_msg(pp_node_open(&w->config, &w->node, reason) == PP_OK, "%s", reason);
    look_at_chain(w);
    struct pp_http_api_config api = {.node = w->node,
                                     .node_config = &w->config,
                                     .token_decimals = 6,
                                     .realm = "node.test",
                                     .chain_status = chain_status};
    ck_assert_ok(pp_secret_key_address(w->crypto, &w->config.operator_key, &api.operator_address));
    served_api_start(&w->served, &api);
    w->port = w->served.port;
}

static void world_close(struct world *w)
{
    served_api_stop(&w->served);
    pp_node_close(w->node);
}

static void world_start(struct world *w)
{
    struct pp_address contract;
    struct pp_receipt_secret secret;
    memset(w, 0, sizeof *w);
    pp_temp_dir_make(&w->dir);
    atomic_store(&w->now_ms, START_MS);
    ck_assert_ok(pp_crypto_open(&w->crypto));
    memset(contract.bytes, 0xc0, 20);
    memset(w->signer.bytes, 0x51, 32);
    memset(w->channel.payer.bytes, 0xaa, 20);
    ck_assert_ok(pp_secret_key_address(w->crypto, &w->signer, &w->channel.signer));
    w->rates = (struct pp_rates){
        .version = 1, .base_grains = BASE, .storage_grains = STORAGE, .target_per_minute = 1000000};
    w->config = (struct pp_node_config){.data_dir = w->dir.path,
                                        .map_bytes = UINT64_C(256) << 20,
                                        .node_id = 1,
                                        .embedded_store = true,
                                        .lanes_max = 64,
                                        .verify_threads = 2,
                                        .rates = &w->rates,
                                        .rates_count = 1,
                                        .epoch_seconds = 43200,
                                        .freshness_ms = 600000,
                                        .clock = {world_now, w}};
    pp_domain_init(&w->config.domain, 31337, &contract);
    memset(w->config.operator_key.bytes, 0x0e, 32);
    memset(w->config.receipt_seed, 0x5e, 32);
    memset(w->config.payee.bytes, 0xee, 20);
    memset(w->config.treasury.bytes, 0x77, 20);
    pp_receipt_secret_from_seed(w->config.receipt_seed, &secret, &w->receipt_key);
    struct pp_channel_fields fields = {.payer = w->channel.payer, .signer = w->channel.signer};
    pp_channel_id_of(&w->config.domain, &fields, &w->channel_id);
    world_open(w);
    lane_final(w, &w->channel, PP_CHAIN_LANE_FINAL);
}

static void world_end(struct world *w)
{
    world_close(w);
    pp_crypto_close(w->crypto);
    pp_temp_dir_remove(&w->dir);
}

static void ask(const struct world *w, const char *method, const char *path, const char *lines,
                const void *body, size_t length, struct http_reply *out)
{
    int s = http_dial(w->port);
    http_ask(s, method, path, lines, body, length, out);
    close(s);
}

static void get(const struct world *w, const char *path, struct http_reply *out)
{
    ask(w, "GET", path, "", NULL, 0, out);
}

/* ---- the sender ---- */

struct offer {
    struct pp_challenge challenge;
    struct pp_signed_quote quote;
    uint8_t quote_bytes[PP_QUOTE_MAX_BYTES];
    size_t quote_length;
    struct pp_hash quote_id;
};

static void take_offer(const struct world *w, struct offer *out)
{
    struct http_reply reply;
    get(w, "/v1/quote", &reply);
    ck_assert_uint_eq(reply.status, 200);
    const char *challenge = pp_json_text(reply.json, "challenge"), *quote = pp_json_text(reply.json, "quote");
    ck_assert_ok(pp_challenge_parse(challenge, strlen(challenge), &out->challenge));
    ck_assert_ok(
        pp_base64_parse(quote, strlen(quote), out->quote_bytes, sizeof out->quote_bytes, &out->quote_length));
    ck_assert_ok(pp_signed_quote_decode(out->quote_bytes, out->quote_length, &out->quote));
    ck_assert_ok(pp_signed_quote_verify(&out->quote, 1, &w->receipt_key));
    pp_quote_id(&out->quote.quote, &out->quote_id);
    http_reply_done(&reply);
}

/* One envelope on [from, ..) with its credential; payload is `fill`, `size` times. */
struct parcel {
    struct pp_credential credential;
    struct pp_stamp_id id;
    struct pp_grains to;
    uint8_t *payload;
    size_t size;
};

static void sign_parcel(const struct world *w, struct parcel *p)
{
    struct pp_hash scratch;
    struct pp_voucher voucher = {.channel_id = p->credential.channel_id,
                                 .lane = p->credential.lane,
                                 .spent = p->credential.spent,
                                 .refund_ack = p->credential.refund_ack};
    pp_leaf_id(&p->credential.leaf, &p->id);
    ck_assert_ok(pp_voucher_context(PP_STAMP_SINGLE, &p->id, 1, &scratch, &voucher.context));
    ck_assert_ok(pp_voucher_sign(w->crypto, &w->config.domain, &w->signer, &voucher));
    p->credential.signature = voucher.signature;
}

static void make_parcel(const struct world *w, const struct offer *offer, uint64_t from, size_t size,
                        uint8_t fill, struct parcel *out)
{
    const struct pp_parcel what = {.size_bytes = size, .retention_days = 10};
    memset(out, 0, sizeof *out);
    out->size = size;
    out->payload = malloc(size);
    memset(out->payload, fill, size);
    struct pp_credential *c = &out->credential;
    c->challenge = offer->challenge;
    c->action = PP_ACTION_VOUCHER;
    c->channel_id = w->channel_id;
    c->lane = LANE;
    memcpy(c->topic, "a topic", 7);
    c->topic_length = 7;
    c->leaf = (struct pp_leaf){.channel_id = w->channel_id,
                               .lane = LANE,
                               .from = pp_grains(from),
                               .size = (uint32_t)size,
                               .retention_days = 10,
                               .quote_id = offer->quote_id,
                               .not_after_ms = START_MS + UINT64_C(864000000000)};
    ck_assert_ok(pp_price(&offer->quote.quote, &what, &c->leaf.postage));
    pp_envelope_hash(c->topic, c->topic_length, out->payload, size, &c->leaf.envelope_hash);
    ck_assert_ok(pp_leaf_to(&c->leaf, &out->to));
    c->spent = out->to;
    sign_parcel(w, out);
}

static void parcel_done(struct parcel *p)
{
    free(p->payload);
}

static void lines_of(const struct pp_credential *credential, char out[16384])
{
    char value[PP_CREDENTIAL_HEADER_MAX];
    snprintf(out, 16384, "Content-Type: application/octet-stream\r\nAuthorization: %s\r\n",
             pp_credential_print(credential, value));
}

static void send_parcel(const struct world *w, const struct parcel *p, struct http_reply *out)
{
    char lines[16384];
    lines_of(&p->credential, lines);
    ask(w, "POST", "/v1/envelopes", lines, p->payload, p->size, out);
}

static json_t *result_of(const struct http_reply *reply, size_t i)
{
    return json_array_get(json_object_get(reply->json, "results"), i);
}

static void lane_view(const struct world *w, struct http_reply *out)
{
    char path[200], hex[65];
    snprintf(path, sizeof path, "/v1/channels/0x%s/lanes/%u", pp_hex_print(w->channel_id.bytes, 32, hex),
             LANE);
    get(w, path, out);
}

static void check_spent(const struct world *w, struct pp_grains expected)
{
    struct http_reply reply;
    lane_view(w, &reply);
    ck_assert_uint_eq(reply.status, 200);
    ck_assert(pp_grains_eq(pp_json_grains(reply.json, "spent"), expected));
    http_reply_done(&reply);
}

/* ---- what a node says of itself ---- */

/* HTTP-035 */
START_TEST(node__asked_about_itself__says_all)
{
    static struct world w;
    struct http_reply reply;
    world_start(&w);
    get(&w, "/v1/terms", &reply);
    ck_assert_uint_eq(reply.status, 200);
    ck_assert_uint_eq(pp_json_u64(reply.json, "chain_id"), 31337);
    ck_assert_uint_eq(pp_json_u64(reply.json, "lane"), LANE);
    ck_assert_str_eq(pp_json_text(reply.json, "realm"), "node.test");
    uint8_t key[32];
    pp_json_bytes(reply.json, "receipt_key", key, 32);
    ck_assert_mem_eq(key, w.receipt_key.bytes, 32);
    ck_assert_uint_eq(pp_json_u64(json_object_get(reply.json, "limits"), "body_bytes"), PP_BODY_MAX_BYTES);
    ck_assert_uint_eq(json_array_size(json_object_get(reply.json, "rates")), 1);
    http_reply_done(&reply);
    get(&w, "/v1/errors", &reply);
    ck_assert_uint_gt(json_array_size(json_object_get(reply.json, "errors")), 50);
    http_reply_done(&reply);
    get(&w, "/v1/health", &reply);
    ck_assert_uint_eq(reply.status, 200);
    http_reply_done(&reply);
    get(&w, "/v1/status", &reply);
    ck_assert_uint_eq(reply.status, 200);
    ck_assert_uint_eq(pp_json_u64(reply.json, "lanes"), 1);
    ck_assert(pp_json_bool(json_object_get(reply.json, "chain"), "fresh"));
    ck_assert_uint_ge(pp_json_u64(json_object_get(reply.json, "http"), "requests"), 4);
    http_reply_done(&reply);
    world_end(&w);
}
END_TEST

/* HTTP-035 HTTP-036 HTTP-039 */
START_TEST(path__wrong__refused)
{
    static const struct {
        const char *method, *path, *lines, *code, *field;
        unsigned status;
    } cases[] = {
        {"GET", "/", "", "NOT_FOUND", "path", 404},
        {"GET", "/v1", "", "NOT_FOUND", "path", 404},
        {"GET", "/v1/terms/", "", "NOT_FOUND", "path", 404},
        {"GET", "/v2/terms", "", "NOT_FOUND", "path", 404},
        {"GET", "//v1/terms", "", "NOT_FOUND", "path", 404},
        {"GET", "/v1/envelopes/", "", "NOT_FOUND", "path", 404},
        {"GET", "/v1/channels/1/2/lanes/1", "", "NOT_FOUND", "path", 404},
        {"POST", "/v1/terms", "", "METHOD_NOT_ALLOWED", "method", 405},
        {"PUT", "/v1/terms", "", "METHOD_NOT_ALLOWED", "method", 405},
        {"GET", "/v1/deletes", "", "METHOD_NOT_ALLOWED", "method", 405},
        {"GET", "/v1/terms?a=1", "", "UNKNOWN_FIELD", "query", 400},
        {"GET", "/v1/terms?", "", "UNKNOWN_FIELD", "query", 400},
        {"GET", "/v1/envelopes/x", "", "BAD_FORMAT", "sequence", 400},
        {"GET", "/v1/envelopes/01", "", "BAD_FORMAT", "sequence", 400},
        {"GET", "/v1/envelopes/-1", "", "BAD_FORMAT", "sequence", 400},
        {"GET", "/v1/envelopes/9999999999999999999", "", "BAD_FORMAT", "sequence", 400},
        {"GET", "/v1/envelopes/999999", "", "NOT_FOUND", "sequence", 404},
        {"GET", "/v1/topics/abc/envelopes", "", "BAD_FORMAT", "topic", 400},
        {"GET", "/v1/topics/0xab/envelopes", "", "BAD_FORMAT", "topic", 400},
        {"GET", "/v1/topics/zz/envelopes", "", "BAD_FORMAT", "topic", 400},
        {"GET", "/v1/topics/ab/envelopes?before=1", "", "UNKNOWN_FIELD", "query", 400},
        {"GET", "/v1/topics/ab/envelopes?after=1&after=1", "", "BAD_FORMAT", "after", 400},
        {"GET", "/v1/topics/ab/envelopes?after=", "", "BAD_FORMAT", "after", 400},
        {"GET", "/v1/topics/ab/envelopes?after", "", "BAD_FORMAT", "after", 400},
        {"GET", "/v1/topics/ab/envelopes?limit=0", "", "OUT_OF_RANGE", "limit", 400},
        {"GET", "/v1/topics/ab/envelopes?limit=1001", "", "OUT_OF_RANGE", "limit", 400},
        {"GET", "/v1/topics/ab/envelopes?limit=1&", "", "UNKNOWN_FIELD", "query", 400},
        {"GET", "/v1/channels/0x12/lanes/256", "", "BAD_FORMAT", "channel_id", 400},
        {"GET", "/v1/channels/0x0000000000000000000000000000000000000000000000000000000000000000/lanes/x", "",
         "BAD_FORMAT", "lane", 400},
        {"GET",
         "/v1/channels/0x0000000000000000000000000000000000000000000000000000000000000000/lanes/4294967296",
         "", "BAD_FORMAT", "lane", 400},
        {"GET", "/v1/channels/0x0000000000000000000000000000000000000000000000000000000000000000/lanes/256",
         "", "UNKNOWN_CHANNEL", NULL, 404},
        {"POST", "/v1/deletes", "", "UNSUPPORTED_MEDIA", "content-type", 415},
        {"POST", "/v1/deletes", "Content-Type: text/plain\r\n", "UNSUPPORTED_MEDIA", "content-type", 415},
        {"POST", "/v1/deletes", "Content-Type: application/json\r\n", "BAD_FORMAT", "json", 400},
        {"POST", "/v1/envelopes", "Content-Type: text/plain\r\n", "UNSUPPORTED_MEDIA", "content-type", 415},
        {"POST", "/v1/envelopes", "Content-Type: application/vnd.pennypost.frame\r\n", "TRUNCATED", "frame",
         400},
        {"POST", "/v1/envelopes", "Content-Type: application/octet-stream\r\n", "PAYMENT_REQUIRED",
         "authorization", 402},
        {"POST", "/v1/envelopes", "", "PAYMENT_REQUIRED", "authorization", 402},
        {"POST", "/v1/envelopes", "Authorization: Bearer abc\r\n", "BAD_FORMAT", "authorization", 400},
        {"POST", "/v1/envelopes", "Authorization: Payment\r\n", "BAD_FORMAT", "authorization", 400},
        {"POST", "/v1/envelopes", "Authorization: Payment e30\r\n", "MISSING_FIELD", "challenge", 400},
    };
    static struct world w;
    world_start(&w);
    int s = http_dial(w.port);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_reply reply;
        int own = strcmp(cases[i].code, "UNSUPPORTED_MEDIA") == 0 ? http_dial(w.port)
                                                                  : s; /* may end the connection */
        http_ask(own, cases[i].method, cases[i].path, cases[i].lines, NULL, 0, &reply);
        const char *code = json_string_value(json_object_get(reply.json, "code"));
        ck_assert_msg(reply.status == cases[i].status && code != NULL && strcmp(code, cases[i].code) == 0,
                      "%s %s: %s", cases[i].method, cases[i].path, (const char *)reply.body);
        ck_assert_refused(&reply, cases[i].status, cases[i].code, cases[i].field);
        if (cases[i].status == 405)
            ck_assert_str_eq(http_header(&reply, "Allow"),
                             strstr(cases[i].path, "deletes") != NULL ? "POST" : "GET");
        http_reply_done(&reply);
        if (own != s)
            close(own);
    }
    close(s);
    check_spent(&w, PP_GRAINS_ZERO);
    world_end(&w);
}
END_TEST

/* ---- one envelope ---- */

/* HTTP-037 HTTP-038 HTTP-046 HTTP-047 */
START_TEST(single__paid__stored_and_receipted)
{
    static struct world w;
    struct offer offer;
    struct parcel p;
    struct http_reply reply;
    world_start(&w);
    ask(&w, "POST", "/v1/envelopes", "Content-Type: application/octet-stream\r\n", "hello", 5, &reply);
    ck_assert_refused(&reply, 402, "PAYMENT_REQUIRED", "authorization");
    ck_assert_str_eq(http_header(&reply, "Cache-Control"), "no-store");
    take_offer(&w, &offer);
    struct pp_challenge challenge; /* the one in the refusal is as good */
    const char *value = http_header(&reply, "WWW-Authenticate");
    ck_assert_ok(pp_challenge_parse(value, strlen(value), &challenge));
    ck_assert_str_eq(challenge.id, offer.challenge.id);
    ck_assert_uint_eq(challenge.expires_ms, offer.quote.quote.expires_ms);
    http_reply_done(&reply);

    make_parcel(&w, &offer, 0, 300, 'a', &p);
    for (int again = 0; again < 3; again++) {
        struct pp_payment_receipt header;
        send_parcel(&w, &p, &reply);
        ck_assert_msg(reply.status == 200, "%s", (const char *)reply.body);
        json_t *result = result_of(&reply, 0);
        ck_assert_str_eq(pp_json_text(result, "status"), again == 0 ? "admitted" : "known");
        value = http_header(&reply, "Payment-Receipt");
        ck_assert_ok(pp_payment_receipt_parse(value, strlen(value), &header));
        ck_assert(pp_stamp_id_eq(&header.stamp_id, &p.id));
        ck_assert_uint_eq(header.sequence, pp_json_u64(result, "sequence"));
        ck_assert_str_eq(http_header(&reply, "Cache-Control"), "private");

        uint8_t bytes[PP_RECEIPT_MAX_BYTES];
        size_t length;
        struct pp_reader r;
        struct pp_receipt receipt;
        struct pp_hash scratch;
        const char *text = pp_json_text(reply.json, "receipt");
        const struct pp_receipt_body body = {.channel_id = w.channel_id,
                                             .lane = LANE,
                                             .stamp_id = p.id,
                                             .sequence = header.sequence,
                                             .time_ms = pp_json_u64(result, "time_ms")};
        ck_assert_ok(pp_base64_parse(text, strlen(text), bytes, sizeof bytes, &length));
        pp_reader_init(&r, bytes, length);
        pp_receipt_read(&r, &receipt);
        ck_assert_ok(pp_reader_finish(&r));
        ck_assert_ok(pp_receipt_check(&receipt, 1, &w.receipt_key, &body, 1, &scratch));
        ck_assert(pp_grains_eq(pp_json_grains(reply.json, "spent"), p.to));
        http_reply_done(&reply);
    }
    check_spent(&w, p.to);
    parcel_done(&p);
    world_end(&w);
}
END_TEST

/* What must fail fails with its own error, and charges nothing. */
START_TEST(single__not_rightly_paid__refused_and_free)
{
    static struct world w;
    static struct offer offer;
    static struct parcel good, p;
    struct http_reply reply;
    world_start(&w);
    take_offer(&w, &offer);
    make_parcel(&w, &offer, 0, 300, 'a', &good);
    send_parcel(&w, &good, &reply);
    ck_assert_uint_eq(reply.status, 200);
    http_reply_done(&reply);
    const uint64_t next = (uint64_t)good.to.raw;

    make_parcel(&w, &offer, next, 300, 'b', &p); /* other bytes of the same length */
    p.payload[299] ^= 1;
    send_parcel(&w, &p, &reply);
    ck_assert_refused(&reply, 402, "CONTENT_MISMATCH", NULL);
    http_reply_done(&reply);
    p.payload[299] ^= 1;
    p.size = 299; /* HTTP-049: fewer bytes than the stamp says */
    send_parcel(&w, &p, &reply);
    ck_assert_refused(&reply, 402, "CONTENT_MISMATCH", "size");
    ck_assert_str_eq(pp_json_text(reply.json, "expected"), "300");
    ck_assert_str_eq(pp_json_text(reply.json, "actual"), "299");
    http_reply_done(&reply);
    p.size = 300;
    p.credential.signature.bytes[40] ^= 1; /* forged */
    send_parcel(&w, &p, &reply);
    ck_assert_refused(&reply, 402, "BAD_SIGNATURE", NULL);
    http_reply_done(&reply);
    parcel_done(&p);

    make_parcel(&w, &offer, next, 300, 'b', &p); /* too cheap */
    p.credential.leaf.postage.storage_grains -= 1;
    p.credential.spent = pp_grains((uint64_t)p.credential.spent.raw - 1);
    sign_parcel(&w, &p);
    send_parcel(&w, &p, &reply);
    ck_assert_refused(&reply, 402, "PRICE_TOO_LOW", "storage");
    ck_assert_str_eq(pp_json_text(reply.json, "shortfall"), "1");
    http_reply_done(&reply);
    parcel_done(&p);

    make_parcel(&w, &offer, next - 10, 300, 'c', &p); /* another's interval */
    send_parcel(&w, &p, &reply);
    ck_assert_refused(&reply, 409, "INTERVAL_TAKEN", NULL);
    json_t *consumed = json_array_get(json_object_get(reply.json, "consumed"), 0);
    ck_assert_str_eq(pp_json_text(consumed, "from"), "0");
    ck_assert_uint_eq(pp_json_u128(consumed, "to"), next);
    http_reply_done(&reply);
    parcel_done(&p);

    const uint64_t cap = UINT64_C(1000000) * CAP_UNITS; /* more than the cap */
    make_parcel(&w, &offer, cap - 10, 300, 'd', &p);
    send_parcel(&w, &p, &reply);
    ck_assert_refused(&reply, 402, "CAP_EXCEEDED", NULL);
    ck_assert_uint_eq(pp_json_u128(reply.json, "shortfall"), (uint64_t)p.to.raw - cap);
    http_reply_done(&reply);
    parcel_done(&p);

    make_parcel(&w, &offer, next, 300, 'e', &p); /* unknown channel; a lane of another node */
    p.credential.channel_id.bytes[0] ^= 1;
    send_parcel(&w, &p, &reply);
    ck_assert_refused(&reply, 404, "UNKNOWN_CHANNEL", NULL);
    http_reply_done(&reply);
    p.credential.channel_id.bytes[0] ^= 1;
    p.credential.lane = LANE + 256;
    send_parcel(&w, &p, &reply);
    ck_assert_uint_eq(reply.status, 404);
    http_reply_done(&reply);
    parcel_done(&p);

    make_parcel(&w, &offer, next, 300, 'f', &p); /* signed for another contract */
    struct pp_domain domain = w.config.domain;
    struct pp_address contract = {{1}};
    pp_domain_init(&w.config.domain, 31337, &contract);
    sign_parcel(&w, &p);
    w.config.domain = domain;
    send_parcel(&w, &p, &reply);
    ck_assert_refused(&reply, 402, "BAD_SIGNATURE", NULL);
    http_reply_done(&reply);
    sign_parcel(&w, &p);
    p.credential.challenge.id[3] ^= 1; /* HTTP-043 */
    send_parcel(&w, &p, &reply);
    ck_assert_refused(&reply, 402, "CHALLENGE_INVALID", "id");
    http_reply_done(&reply);
    p.credential.challenge.id[3] ^= 1;
    pass(&w, PP_QUOTE_LIFE_MS); /* HTTP-044: nothing new, but a retry is answered as ever */
    send_parcel(&w, &p, &reply);
    ck_assert_refused(&reply, 402, "QUOTE_EXPIRED", NULL);
    http_reply_done(&reply);
    send_parcel(&w, &good, &reply);
    ck_assert_msg(reply.status == 200, "%s", (const char *)reply.body);
    ck_assert_str_eq(pp_json_text(result_of(&reply, 0), "status"), "known");
    http_reply_done(&reply);
    p.credential.action = PP_ACTION_OPEN;
    char lines[16384];
    lines_of(&p.credential, lines);
    ask(&w, "POST", "/v1/envelopes", lines, NULL, 0, &reply);
    ck_assert_refused(&reply, 402, "CHALLENGE_INVALID", "expires");
    http_reply_done(&reply);
    parcel_done(&p);
    check_spent(&w, good.to);
    parcel_done(&good);
    world_end(&w);
}
END_TEST

/* HTTP-048 HTTP-049 */
START_TEST(credential__other_actions__answered)
{
    static struct world w;
    static struct offer offer;
    static struct parcel p;
    struct http_reply reply;
    char lines[16384];
    world_start(&w);
    take_offer(&w, &offer);
    make_parcel(&w, &offer, 0, 10, 'a', &p);
    p.credential.action = PP_ACTION_OPEN;
    lines_of(&p.credential, lines);
    ask(&w, "POST", "/v1/envelopes", lines, NULL, 0, &reply);
    ck_assert_uint_eq(reply.status, 200);
    ck_assert_str_eq(pp_json_text(reply.json, "state"), "ACTIVE");
    http_reply_done(&reply);
    ask(&w, "POST", "/v1/envelopes", lines, "x", 1, &reply);
    ck_assert_refused(&reply, 413, "BODY_TOO_LARGE", "body");
    http_reply_done(&reply);
    struct pp_channel_config other = w.channel;
    struct pp_channel_fields fields = {.payer = other.payer, .signer = other.signer, .nonce = 1};
    other.nonce = 1;
    pp_channel_id_of(&w.config.domain, &fields, &p.credential.channel_id);
    p.credential.action = PP_ACTION_TOP_UP;
    lines_of(&p.credential, lines);
    ask(&w, "POST", "/v1/envelopes", lines, NULL, 0, &reply);
    ck_assert_refused(&reply, 404, "UNKNOWN_CHANNEL", NULL);
    http_reply_done(&reply);
    lane_final(&w, &other, PP_CHAIN_LANE_SEEN);
    ask(&w, "POST", "/v1/envelopes", lines, NULL, 0, &reply);
    ck_assert_refused(&reply, 409, "LANE_PENDING", NULL);
    http_reply_done(&reply);
    lane_final(&w, &other, PP_CHAIN_LANE_FINAL);
    ask(&w, "POST", "/v1/envelopes", lines, NULL, 0, &reply);
    ck_assert_uint_eq(reply.status, 200);
    http_reply_done(&reply);
    parcel_done(&p);
    world_end(&w);
}
END_TEST

/* HTTP-042: a challenge and an envelope outlive the process. */
START_TEST(single__after_a_restart__known_by_the_old_challenge)
{
    static struct world w;
    static struct offer offer;
    static struct parcel p;
    struct http_reply reply;
    world_start(&w);
    take_offer(&w, &offer);
    make_parcel(&w, &offer, 0, 1000, 'a', &p);
    send_parcel(&w, &p, &reply);
    ck_assert_str_eq(pp_json_text(result_of(&reply, 0), "status"), "admitted");
    const uint64_t sequence = pp_json_u64(result_of(&reply, 0), "sequence");
    http_reply_done(&reply);
    world_close(&w);
    world_open(&w);
    send_parcel(&w, &p, &reply);
    ck_assert_msg(reply.status == 200, "%s", (const char *)reply.body);
    ck_assert_str_eq(pp_json_text(result_of(&reply, 0), "status"), "known");
    ck_assert_uint_eq(pp_json_u64(result_of(&reply, 0), "sequence"), sequence);
    http_reply_done(&reply);
    check_spent(&w, p.to);
    parcel_done(&p);
    world_end(&w);
}
END_TEST

/* ---- frames ---- */

struct batch {
    struct pp_request request;
    struct pp_envelope_view views[8];
    struct parcel parcels[8];
    struct pp_stamp_id ids[8];
    uint8_t *frame;
    size_t length;
};

static void sign_batch(const struct world *w, struct batch *b)
{
    struct pp_hash scratch[8];
    struct pp_voucher voucher = {.channel_id = b->request.channel_id,
                                 .lane = b->request.lane,
                                 .spent = b->request.spent,
                                 .refund_ack = b->request.refund_ack};
    for (size_t i = 0; i < b->request.count; i++)
        pp_leaf_id(&b->views[i].leaf, &b->ids[i]);
    ck_assert_ok(pp_voucher_context(b->request.kind, b->ids, b->request.count, scratch, &voucher.context));
    ck_assert_ok(pp_voucher_sign(w->crypto, &w->config.domain, &w->signer, &voucher));
    b->request.signature = voucher.signature;
    free(b->frame);
    b->frame = malloc(pp_frame_length(&b->request));
    ck_assert_ok(pp_frame_encode(&b->request, b->frame, pp_frame_length(&b->request), &b->length));
}

static void make_batch(const struct world *w, const struct offer *offer, uint64_t from, size_t count,
                       size_t size, struct batch *b)
{
    memset(b, 0, sizeof *b);
    for (size_t i = 0; i < count; i++) {
        make_parcel(w, offer, from, size + i, (uint8_t)(from + i), &b->parcels[i]);
        b->views[i] = (struct pp_envelope_view){b->parcels[i].credential.leaf, b->parcels[i].credential.topic,
                                                7, b->parcels[i].payload, size + i};
        from = (uint64_t)b->parcels[i].to.raw;
    }
    b->request = (struct pp_request){.channel_id = w->channel_id,
                                     .lane = LANE,
                                     .kind = PP_STAMP_BATCH,
                                     .spent = b->parcels[count - 1].to,
                                     .quote = offer->quote_bytes,
                                     .quote_length = offer->quote_length,
                                     .envelopes = b->views,
                                     .count = count};
    sign_batch(w, b);
}

static void batch_done(struct batch *b)
{
    for (size_t i = 0; i < 8; i++)
        free(b->parcels[i].payload);
    free(b->frame);
}

#define FRAME_LINES "Content-Type: " PP_FRAME_MEDIA_TYPE "\r\n"

START_TEST(frame__good_mixed_and_bad__answered_one_by_one)
{
    static struct world w;
    static struct offer offer;
    static struct batch b;
    struct http_reply reply;
    world_start(&w);
    take_offer(&w, &offer);
    make_batch(&w, &offer, 0, 5, 100, &b);
    for (int again = 0; again < 2; again++) {
        struct pp_receipt_body bodies[5];
        struct pp_hash scratch[5];
        struct pp_receipt receipt;
        uint8_t bytes[PP_RECEIPT_MAX_BYTES];
        struct pp_reader r;
        size_t length;
        ask(&w, "POST", "/v1/envelopes", FRAME_LINES, b.frame, b.length, &reply);
        ck_assert_msg(reply.status == 200, "%s", (const char *)reply.body);
        for (size_t i = 0; i < 5; i++) {
            json_t *result = result_of(&reply, i);
            ck_assert_str_eq(pp_json_text(result, "status"), again ? "known" : "admitted");
            bodies[i] =
                (struct pp_receipt_body){w.channel_id, LANE, b.ids[i], pp_json_u64(result, "sequence"),
                                         pp_json_u64(result, "time_ms")};
        }
        const char *text = pp_json_text(reply.json, "receipt");
        ck_assert_ok(pp_base64_parse(text, strlen(text), bytes, sizeof bytes, &length));
        pp_reader_init(&r, bytes, length);
        pp_receipt_read(&r, &receipt);
        ck_assert_ok(pp_receipt_check(&receipt, 1, &w.receipt_key, bodies, 5, scratch));
        http_reply_done(&reply);
    }
    const struct pp_grains first_end = b.request.spent;
    check_spent(&w, first_end);
    batch_done(&b);

    make_batch(&w, &offer, (uint64_t)first_end.raw, 3, 100, &b); /* the second on an interval that is taken */
    b.views[1].leaf.from = pp_grains(1);
    sign_batch(&w, &b);
    ask(&w, "POST", "/v1/envelopes", FRAME_LINES, b.frame, b.length, &reply);
    ck_assert_msg(reply.status == 200, "%s", (const char *)reply.body);
    ck_assert_str_eq(pp_json_text(result_of(&reply, 0), "status"), "admitted");
    ck_assert_str_eq(pp_json_text(result_of(&reply, 1), "status"), "refused");
    ck_assert_str_eq(pp_json_text(json_object_get(result_of(&reply, 1), "problem"), "code"),
                     "INTERVAL_TAKEN");
    ck_assert_str_eq(pp_json_text(result_of(&reply, 2), "status"), "admitted");
    http_reply_done(&reply);
    batch_done(&b);

    make_batch(&w, &offer, 1, 3, 50, &b); /* all of them taken: a refusal, and what each came to */
    ask(&w, "POST", "/v1/envelopes", FRAME_LINES, b.frame, b.length, &reply);
    ck_assert_refused(&reply, 409, "INTERVAL_TAKEN", NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(reply.json, "results")), 3);
    http_reply_done(&reply);
    batch_done(&b);
    world_end(&w);
}
END_TEST

START_TEST(frame__wrong_as_a_whole__refused_and_free)
{
    static struct world w;
    static struct offer offer;
    static struct batch b;
    struct http_reply reply;
    char lines[200];
    world_start(&w);
    take_offer(&w, &offer);
    make_batch(&w, &offer, 0, 3, 100, &b);
    ask(&w, "POST", "/v1/envelopes", FRAME_LINES, b.frame, b.length - 1, &reply);
    ck_assert_refused(&reply, 400, "TRUNCATED", "payload");
    http_reply_done(&reply);
    b.frame[0] ^= 1;
    ask(&w, "POST", "/v1/envelopes", FRAME_LINES, b.frame, b.length, &reply);
    ck_assert_refused(&reply, 400, "BAD_FORMAT", "magic");
    http_reply_done(&reply);
    b.frame[0] ^= 1;
    b.request.signature.bytes[9] ^= 1;
    ck_assert_ok(pp_frame_encode(&b.request, b.frame, b.length, &b.length));
    ask(&w, "POST", "/v1/envelopes", FRAME_LINES, b.frame, b.length, &reply);
    ck_assert_refused(&reply, 402, "BAD_SIGNATURE", NULL);
    http_reply_done(&reply);
    b.request.signature.bytes[9] ^= 1;
    b.frame[20 + offer.quote_length] ^= 1; /* another channel */
    ck_assert_ok(pp_frame_encode(&b.request, b.frame, b.length, &b.length));
    b.frame[6 + offer.quote_length] ^= 1;
    ask(&w, "POST", "/v1/envelopes", FRAME_LINES, b.frame, b.length, &reply);
    ck_assert_refused(&reply, 404, "UNKNOWN_CHANNEL", NULL);
    http_reply_done(&reply);
    b.frame[6 + offer.quote_length] ^= 1;
    b.frame[6 + 15] ^= 1; /* another base fee: a quote that nobody signed */
    ask(&w, "POST", "/v1/envelopes", FRAME_LINES, b.frame, b.length, &reply);
    ck_assert_refused(&reply, 402, "QUOTE_INVALID", NULL);
    http_reply_done(&reply);
    /* HTTP-024: 16 MiB and a byte, announced only. */
    int s = http_dial(w.port);
    snprintf(lines, sizeof lines,
             "POST /v1/envelopes HTTP/1.1\r\nHost: x\r\n" FRAME_LINES "Content-Length: %u\r\n\r\n",
             PP_BODY_MAX_BYTES + 1);
    http_say(s, lines, strlen(lines));
    http_hear(s, &reply);
    ck_assert_refused(&reply, 413, "BODY_TOO_LARGE", "content-length");
    http_reply_done(&reply);
    close(s);
    check_spent(&w, PP_GRAINS_ZERO);
    batch_done(&b);
    world_end(&w);
}
END_TEST

/* ---- reading, deleting, leaving ---- */

START_TEST(envelopes__stored__read_back_byte_for_byte)
{
    static struct world w;
    static struct offer offer;
    static struct batch b;
    struct http_reply reply;
    char path[200], topic[2 * 7 + 1];
    uint64_t sequences[5];
    world_start(&w);
    take_offer(&w, &offer);
    make_batch(&w, &offer, 0, 5, 60000, &b);
    ask(&w, "POST", "/v1/envelopes", FRAME_LINES, b.frame, b.length, &reply);
    ck_assert_uint_eq(reply.status, 200);
    for (size_t i = 0; i < 5; i++)
        sequences[i] = pp_json_u64(result_of(&reply, i), "sequence");
    http_reply_done(&reply);
    for (size_t i = 0; i < 5; i++) {
        uint8_t bytes[PP_LEAF_BYTES];
        size_t length;
        struct pp_reader r;
        struct pp_leaf leaf;
        struct pp_stamp_id id;
        snprintf(path, sizeof path, "/v1/envelopes/%llu", (unsigned long long)sequences[i]);
        get(&w, path, &reply);
        ck_assert_uint_eq(reply.status, 200);
        ck_assert_str_eq(http_header(&reply, "Content-Type"), "application/octet-stream");
        ck_assert_uint_eq(reply.body_length, 60000 + i);
        ck_assert_mem_eq(reply.body, b.parcels[i].payload, 60000 + i);
        const char *text = http_header(&reply, "Pennypost-Leaf");
        ck_assert_ok(pp_base64_parse(text, strlen(text), bytes, sizeof bytes, &length));
        pp_reader_init(&r, bytes, length);
        pp_leaf_read(&r, &leaf);
        ck_assert_ok(pp_reader_finish(&r));
        pp_leaf_id(&leaf, &id);
        ck_assert(pp_stamp_id_eq(&id, &b.ids[i]));
        ck_assert_str_eq(http_header(&reply, "Pennypost-Topic"), "YSB0b3BpYw");
        http_reply_done(&reply);
    }
    pp_hex_print((const uint8_t *)"a topic", 7, topic);
    size_t seen = 0;
    for (uint64_t after = 0; seen < 5;) { /* indexes are built behind the acknowledgement */
        snprintf(path, sizeof path, "/v1/topics/%s/envelopes?after=%llu&limit=2", topic,
                 (unsigned long long)after);
        get(&w, path, &reply);
        ck_assert_uint_eq(reply.status, 200);
        json_t *page = json_object_get(reply.json, "sequences");
        ck_assert_uint_le(json_array_size(page), 2);
        ck_assert_int_eq(json_is_null(json_object_get(reply.json, "next")), json_array_size(page) < 2);
        for (size_t i = 0; i < json_array_size(page); i++) {
            after = (uint64_t)json_integer_value(json_array_get(page, i));
            ck_assert_uint_eq(after, sequences[seen]);
            seen++;
        }
        http_reply_done(&reply);
    }
    batch_done(&b);
    world_end(&w);
}
END_TEST

static json_t *delete_json(const struct world *w, const struct batch *b, size_t count)
{
    char hex[2 * 65 + 3] = "0x";
    json_t *object = json_object(), *list = json_array();
    pp_hex_print(w->channel_id.bytes, 32, hex + 2);
    json_object_set_new(object, "channel_id", json_string(hex));
    json_object_set_new(object, "lane", json_integer(LANE));
    for (size_t i = 0; i < count; i++) {
        struct pp_delete_fields fields = {.channel_id = w->channel_id, .lane = LANE, .stamp_id = b->ids[i]};
        struct pp_hash digest;
        struct pp_signature signature;
        char digits[PP_AMOUNT_TEXT_MAX];
        json_t *item = json_object();
        pp_delete_digest(&w->config.domain, &fields, &digest);
        ck_assert_ok(pp_sign(w->crypto, &w->signer, &digest, &signature));
        pp_hex_print(b->ids[i].bytes, 32, hex + 2);
        json_object_set_new(item, "stamp_id", json_string(hex));
        json_object_set_new(item, "from", json_string(pp_grains_print(b->views[i].leaf.from, digits)));
        pp_hex_print(signature.bytes, 65, hex + 2);
        json_object_set_new(item, "signature", json_string(hex));
        json_array_append_new(list, item);
    }
    json_object_set_new(object, "deletes", list);
    return object;
}

static void post_json(const struct world *w, const char *path, const json_t *object, struct http_reply *out)
{
    char *text = json_dumps(object, JSON_COMPACT);
    ask(w, "POST", path, "Content-Type: application/json\r\n", text, strlen(text), out);
    free(text);
}

static void check_refund(const struct world *w, const json_t *json, struct pp_grains expected)
{
    struct pp_refund_fields fields = {.channel_id = w->channel_id, .lane = LANE, .refunded = expected};
    struct pp_signature signature;
    struct pp_address operator_address;
    struct pp_hash digest;
    ck_assert(pp_grains_eq(pp_json_grains(json, "refunded"), expected));
    pp_json_bytes(json, "reasons", fields.reasons.bytes, 32);
    pp_json_bytes(json, "signature", signature.bytes, 65);
    pp_refund_digest(&w->config.domain, &fields, &digest);
    ck_assert_ok(pp_secret_key_address(w->crypto, &w->config.operator_key, &operator_address));
    ck_assert_ok(pp_verify_address(w->crypto, &signature, &digest, &operator_address, NULL));
}

START_TEST(deletes__early__days_left_come_back)
{
    static struct world w;
    static struct offer offer;
    static struct batch b;
    struct http_reply reply;
    world_start(&w);
    take_offer(&w, &offer);
    make_batch(&w, &offer, 0, 4, 100, &b);
    ask(&w, "POST", "/v1/envelopes", FRAME_LINES, b.frame, b.length, &reply);
    ck_assert_uint_eq(reply.status, 200);
    http_reply_done(&reply);
    json_t *object = delete_json(&w, &b, 2);
    json_object_set_new(json_array_get(json_object_get(object, "deletes"), 1), "from", json_string("1"));
    post_json(&w, "/v1/deletes", object, &reply);
    ck_assert_msg(reply.status == 200, "%s", (const char *)reply.body);
    ck_assert_str_eq(pp_json_text(result_of(&reply, 0), "status"), "deleted");
    struct pp_grains refunded = pp_json_grains(result_of(&reply, 0), "refunded");
    ck_assert(!pp_grains_is_zero(refunded));
    ck_assert_str_eq(pp_json_text(result_of(&reply, 1), "status"), "refused");
    ck_assert_ptr_nonnull(json_object_get(json_object_get(result_of(&reply, 1), "problem"), "code"));
    check_refund(&w, json_object_get(reply.json, "refund"), refunded);
    http_reply_done(&reply);
    post_json(&w, "/v1/deletes", object, &reply); /* again: nothing more */
    ck_assert_uint_eq(reply.status, 200);
    check_refund(&w, json_object_get(reply.json, "refund"), refunded);
    http_reply_done(&reply);
    json_decref(object);
    lane_view(&w, &reply);
    check_refund(&w, json_object_get(reply.json, "refund"), refunded);
    ck_assert(pp_grains_eq(pp_json_grains(reply.json, "refunded"), refunded));
    http_reply_done(&reply);
    batch_done(&b);
    world_end(&w);
}
END_TEST

/* HTTP-034: each member of each JSON body: missing, of another type, out of form, too long, too short, repeated, unknown. */
START_TEST(json__each_member_wrong__named)
{
    static const struct {
        const char *where, *name, *value; /* value NULL: missing */
        const char *code;
    } cases[] = {
        {"", "channel_id", NULL, "MISSING_FIELD"},
        {"", "channel_id", "1", "BAD_TYPE"},
        {"", "channel_id", "\"0x12\"", "TRUNCATED"},
        {"", "lane", NULL, "MISSING_FIELD"},
        {"", "lane", "\"256\"", "BAD_TYPE"},
        {"", "lane", "0", "OUT_OF_RANGE"},
        {"", "lane", "4294967296", "OUT_OF_RANGE"},
        {"", "lane", "-1", "OUT_OF_RANGE"},
        {"", "lane", "1.5", "BAD_TYPE"},
        {"", "deletes", NULL, "MISSING_FIELD"},
        {"", "deletes", "{}", "BAD_TYPE"},
        {"", "deletes", "[]", "OUT_OF_RANGE"},
        {"", "deletes", "[1]", "BAD_TYPE"},
        {"", "deletes", "[{}]", "MISSING_FIELD"},
        {"", "more", "1", "UNKNOWN_FIELD"},
        {"i", "stamp_id", NULL, "MISSING_FIELD"},
        {"i", "stamp_id", "null", "BAD_TYPE"},
        {"i", "stamp_id", "\"0x12\"", "TRUNCATED"},
        {"i", "stamp_id", "\"\"", "TRUNCATED"},
        {"i", "from", NULL, "MISSING_FIELD"},
        {"i", "from", "0", "BAD_TYPE"},
        {"i", "from", "\"-1\"", "BAD_FORMAT"},
        {"i", "from", "\"79228162514264337593543950336\"", "OUT_OF_RANGE"},
        {"i", "from", "\"01\"", "BAD_FORMAT"},
        {"i", "signature", NULL, "MISSING_FIELD"},
        {"i", "signature", "\"0x00\"", "TRUNCATED"},
        {"i", "signature", "[]", "BAD_TYPE"},
        {"i", "more", "1", "UNKNOWN_FIELD"},
    };
    static struct world w;
    static struct offer offer;
    static struct batch b;
    struct http_reply reply;
    char path[200], hex[65];
    world_start(&w);
    take_offer(&w, &offer);
    make_batch(&w, &offer, 0, 2, 100, &b);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *object = delete_json(&w, &b, 2);
        json_t *place =
            cases[i].where[0] == '\0' ? object : json_array_get(json_object_get(object, "deletes"), 1);
        json_object_del(place, cases[i].name);
        if (cases[i].value != NULL)
            json_object_set_new(place, cases[i].name, json_loads(cases[i].value, JSON_DECODE_ANY, NULL));
        post_json(&w, "/v1/deletes", object, &reply);
        const char *code = json_string_value(json_object_get(reply.json, "code"));
        ck_assert_msg(code != NULL && strcmp(code, cases[i].code) == 0, "%s = %s: %s", cases[i].name,
                      cases[i].value, (const char *)reply.body);
        ck_assert_uint_eq(reply.status, 400);
        http_reply_done(&reply);
        json_decref(object);
    }
    json_t *many = delete_json(&w, &b, 1);
    for (unsigned i = 0; i < PP_HTTP_DELETES_MAX; i++)
        json_array_append(json_object_get(many, "deletes"),
                          json_array_get(json_object_get(many, "deletes"), 0));
    post_json(&w, "/v1/deletes", many, &reply);
    ck_assert_refused(&reply, 400, "TOO_MANY", "deletes");
    http_reply_done(&reply);
    json_decref(many);
    snprintf(path, sizeof path, "/v1/channels/0x%s/lanes/%u/close", pp_hex_print(w.channel_id.bytes, 32, hex),
             LANE);
    static const struct {
        const char *text, *code;
    } closes[] = {{"{}", "MISSING_FIELD"},
                  {"{\"signature\":1}", "BAD_TYPE"},
                  {"{\"signature\":\"0x\"}", "TRUNCATED"},
                  {"{\"signature\":\"0x\",\"signature\":\"0x\"}", "BAD_FORMAT"},
                  {"{\"signature\":\"0x\"}}", "BAD_FORMAT"},
                  {"", "BAD_FORMAT"},
                  {"[]", "BAD_TYPE"}};
    for (size_t i = 0; i < sizeof closes / sizeof closes[0]; i++) {
        ask(&w, "POST", path, "Content-Type: application/json\r\n", closes[i].text, strlen(closes[i].text),
            &reply);
        ck_assert_refused(&reply, 400, closes[i].code, NULL);
        http_reply_done(&reply);
    }
    lane_view(&w, &reply);
    ck_assert_str_eq(pp_json_text(reply.json, "state"), "ACTIVE");
    http_reply_done(&reply);
    batch_done(&b);
    world_end(&w);
}
END_TEST

START_TEST(close__signed_by_the_signer__refund_and_release)
{
    static struct world w;
    static struct offer offer;
    static struct parcel p, late;
    struct http_reply reply;
    char path[200], hex[2 * 65 + 1], body[200];
    struct pp_leave_fields fields;
    struct pp_hash digest;
    struct pp_signature signature;
    char *first = NULL;
    world_start(&w);
    take_offer(&w, &offer);
    make_parcel(&w, &offer, 0, 300, 'a', &p);
    send_parcel(&w, &p, &reply);
    ck_assert_uint_eq(reply.status, 200);
    http_reply_done(&reply);
    fields = (struct pp_leave_fields){.channel_id = w.channel_id, .lane = LANE};
    pp_leave_digest(&w.config.domain, &fields, &digest);
    ck_assert_ok(pp_sign(w.crypto, &w.signer, &digest, &signature));
    snprintf(path, sizeof path, "/v1/channels/0x%s/lanes/%u/close", pp_hex_print(w.channel_id.bytes, 32, hex),
             LANE);
    signature.bytes[50] ^= 1;
    snprintf(body, sizeof body, "{\"signature\":\"0x%s\"}", pp_hex_print(signature.bytes, 65, hex));
    ask(&w, "POST", path, "Content-Type: application/json\r\n", body, strlen(body), &reply);
    ck_assert_refused(&reply, 402, "BAD_SIGNATURE", "signature");
    http_reply_done(&reply);
    signature.bytes[50] ^= 1;
    snprintf(body, sizeof body, "{\"signature\":\"0x%s\"}", pp_hex_print(signature.bytes, 65, hex));
    for (int again = 0; again < 2; again++) {
        ask(&w, "POST", path, "Content-Type: application/json\r\n", body, strlen(body), &reply);
        ck_assert_msg(reply.status == 200, "%s", (const char *)reply.body);
        const json_t *release = json_object_get(reply.json, "release");
        ck_assert_str_eq(pp_json_text(release, "old_cap"), "1000000");
        check_refund(&w, json_object_get(reply.json, "refund"),
                     pp_json_grains(json_object_get(reply.json, "refund"), "refunded"));
        if (again)
            ck_assert_str_eq((const char *)reply.body, first);
        else
            first = strdup((const char *)reply.body);
        http_reply_done(&reply);
    }
    make_parcel(&w, &offer, (uint64_t)p.to.raw, 300, 'b', &late);
    send_parcel(&w, &late, &reply);
    ck_assert_refused(&reply, 409, "LANE_CLOSING", NULL);
    http_reply_done(&reply);
    free(first);
    parcel_done(&p);
    parcel_done(&late);
    world_end(&w);
}
END_TEST

/* ---- sessions ---- */

static void json_hex(json_t *object, const char *name, const uint8_t *bytes, size_t length)
{
    char hex[2 * 65 + 3] = "0x";
    ck_assert_uint_le(length, 65);
    pp_hex_print(bytes, length, hex + 2);
    json_object_set_new(object, name, json_string(hex));
}

static void json_grains(json_t *object, const char *name, struct pp_grains grains)
{
    char digits[PP_AMOUNT_TEXT_MAX];
    json_object_set_new(object, name, json_string(pp_grains_print(grains, digits)));
}

static void post_lane(const struct world *w, const char *action, json_t *object, struct http_reply *out)
{
    char path[200], hex[2 * 32 + 1];
    snprintf(path, sizeof path, "/v1/channels/0x%s/lanes/%u/%s", pp_hex_print(w->channel_id.bytes, 32, hex),
             LANE, action);
    post_json(w, path, object, out);
}

/* The opening of a session, as JSON; the key that its stamps are made with. */
static json_t *opening_json(const struct world *w, struct pp_session_opening *opening,
                            struct pp_session_key *key)
{
    static const uint8_t nonce[32] = {7};
    struct http_reply reply;
    struct pp_session_secret secret;
    struct pp_receipt_signature signature;
    struct pp_voucher voucher;
    get(w, "/v1/terms", &reply);
    const json_t *session = json_object_get(reply.json, "session");
    *opening = (struct pp_session_opening){.channel_id = w->channel_id,
                                           .lane = LANE,
                                           .chunk = {PP_GRAINS_ZERO, pp_grains(50000000)},
                                           .not_after_ms = w->now_ms + 3600000};
    pp_json_bytes(session, "key", opening->node_key.bytes, 32);
    pp_json_bytes(session, "signature", signature.bytes, 64);
    http_reply_done(&reply);
    ck_assert_ok(pp_session_node_check(&w->receipt_key, 1, &opening->node_key, &signature)); /* SESSION-002 */
    pp_session_sender_secret(&w->signer, nonce, &secret);
    pp_session_public(&secret, &opening->sender_key);
    ck_assert_ok(pp_session_key_agree(opening, &secret, false, key));
    pp_session_voucher(opening, &voucher);
    ck_assert_ok(pp_voucher_sign(w->crypto, &w->config.domain, &w->signer, &voucher));
    json_t *object = json_object();
    json_hex(object, "node_key", opening->node_key.bytes, 32);
    json_hex(object, "sender_key", opening->sender_key.bytes, 32);
    json_grains(object, "from", opening->chunk.from);
    json_grains(object, "to", opening->chunk.to);
    json_object_set_new(object, "not_after_ms", json_integer((json_int_t)opening->not_after_ms));
    json_grains(object, "refund_ack", PP_GRAINS_ZERO);
    json_hex(object, "signature", voucher.signature.bytes, 65);
    return object;
}

static void session_frame(struct batch *b, const struct pp_hash *session_id, const struct pp_session_key *key)
{
    static uint8_t macs[8][PP_SESSION_MAC_BYTES];
    b->request.kind = PP_STAMP_SESSION;
    b->request.session_id = *session_id;
    for (size_t i = 0; i < b->request.count; i++) {
        pp_session_mac(key, &b->ids[i], macs[i]);
        b->views[i].mac = macs[i];
    }
    free(b->frame);
    b->frame = malloc(pp_frame_length(&b->request));
    ck_assert_ok(pp_frame_encode(&b->request, b->frame, pp_frame_length(&b->request), &b->length));
}

static json_t *root_json(const struct world *w, const struct pp_hash *session_id, const struct batch *b)
{
    struct pp_hash scratch[8];
    struct pp_voucher voucher = {.channel_id = w->channel_id, .lane = LANE, .spent = b->request.spent};
    ck_assert_ok(pp_voucher_context(PP_STAMP_SESSION, b->ids, b->request.count, scratch, &voucher.context));
    ck_assert_ok(pp_voucher_sign(w->crypto, &w->config.domain, &w->signer, &voucher));
    json_t *object = json_object();
    json_hex(object, "session_id", session_id->bytes, 32);
    json_object_set_new(object, "count", json_integer((json_int_t)b->request.count));
    json_grains(object, "spent", voucher.spent);
    json_grains(object, "refund_ack", PP_GRAINS_ZERO);
    json_hex(object, "context", voucher.context.bytes, 32);
    json_hex(object, "signature", voucher.signature.bytes, 65);
    return object;
}

static void check_unsigned(const struct world *w, uint64_t expected, const char *context)
{
    struct http_reply reply;
    lane_view(w, &reply);
    const json_t *session = json_array_get(json_object_get(reply.json, "sessions"), 0);
    ck_assert_uint_eq(pp_json_u64(session, "unsigned"), expected);
    if (context)
        ck_assert_str_eq(pp_json_text(session, "context"), context);
    else
        ck_assert(json_is_null(json_object_get(session, "context")));
    http_reply_done(&reply);
}

static void session_view(const struct world *w, const struct pp_hash *id, struct http_reply *out)
{
    char path[250], hex[2][2 * 32 + 1];
    snprintf(path, sizeof path, "/v1/channels/0x%s/lanes/%u/sessions/0x%s",
             pp_hex_print(w->channel_id.bytes, 32, hex[0]), LANE, pp_hex_print(id->bytes, 32, hex[1]));
    get(w, path, out);
}

/* HTTP-069, HTTP-068, SESSION-044 */
START_TEST(session__opened_used_and_signed__each_answered_and_again)
{
    static struct world w;
    static struct offer offer;
    static struct batch b;
    struct http_reply reply;
    struct pp_session_opening opening;
    struct pp_session_key key;
    struct pp_hash id;
    world_start(&w);
    take_offer(&w, &offer);
    json_t *open = opening_json(&w, &opening, &key);
    pp_session_id(&opening, &id);
    for (unsigned again = 0; again < 2; again++) {
        post_lane(&w, "sessions", open, &reply);
        ck_assert_msg(reply.status == 200, "%s", (const char *)reply.body);
        ck_assert_uint_eq(pp_json_u64(json_object_get(reply.json, "session"), "unsigned"), 0);
        http_reply_done(&reply);
    }
    check_spent(&w, opening.chunk.to);
    make_batch(&w, &offer, 0, 3, 100, &b);
    session_frame(&b, &id, &key);
    for (unsigned again = 0; again < 2; again++) {
        ask(&w, "POST", "/v1/envelopes", FRAME_LINES, b.frame, b.length, &reply);
        ck_assert_msg(reply.status == 200, "%s", (const char *)reply.body);
        for (size_t i = 0; i < 3; i++)
            ck_assert_str_eq(pp_json_text(result_of(&reply, i), "status"), again ? "known" : "admitted");
        http_reply_done(&reply);
    }
    json_t *root = root_json(&w, &id, &b);
    check_unsigned(&w, 3, pp_json_text(root, "context"));
    session_view(&w, &id, &reply);
    const json_t *listed = json_object_get(reply.json, "unsigned");
    ck_assert_uint_eq(json_array_size(listed), 3);
    for (size_t i = 0; i < 3; i++) {
        char text[2 * 32 + 3] = "0x";
        pp_hex_print(b.ids[i].bytes, 32, text + 2);
        ck_assert_str_eq(json_string_value(json_array_get(listed, i)), text);
    }
    ck_assert_str_eq(pp_json_text(json_object_get(reply.json, "session"), "context"),
                     pp_json_text(root, "context"));
    http_reply_done(&reply);
    json_t *wrong = json_deep_copy(root);
    json_object_set_new(wrong, "count", json_integer(2));
    post_lane(&w, "roots", wrong, &reply);
    ck_assert_refused(&reply, 402, "CONTEXT_MISMATCH", "context");
    http_reply_done(&reply);
    json_object_set_new(wrong, "count", json_integer(PP_SESSION_UNSIGNED_MAX + 1));
    post_lane(&w, "roots", wrong, &reply);
    ck_assert_refused(&reply, 400, "OUT_OF_RANGE", "count");
    http_reply_done(&reply);
    json_object_del(wrong, "context");
    json_object_set_new(wrong, "count", json_integer(3));
    post_lane(&w, "roots", wrong, &reply);
    ck_assert_refused(&reply, 400, "MISSING_FIELD", "context");
    http_reply_done(&reply);
    for (unsigned again = 0; again < 2; again++) {
        post_lane(&w, "roots", root, &reply);
        ck_assert_msg(reply.status == 200, "%s", (const char *)reply.body);
        ck_assert_str_eq(pp_json_text(json_object_get(reply.json, "session"), "root"),
                         pp_json_text(root, "context"));
        http_reply_done(&reply);
    }
    check_unsigned(&w, 0, NULL);
    uint64_t end = (uint64_t)b.request.spent.raw;
    batch_done(&b);
    make_batch(&w, &offer, end, 2, 100, &b);
    struct pp_session_key forged = key;
    forged.bytes[0] ^= 1;
    session_frame(&b, &id, &forged);
    ask(&w, "POST", "/v1/envelopes", FRAME_LINES, b.frame, b.length, &reply);
    ck_assert_refused(&reply, 402, "BAD_MAC", "mac");
    http_reply_done(&reply);
    id.bytes[0] ^= 1;
    session_view(&w, &id, &reply);
    ck_assert_refused(&reply, 404, "SESSION_UNKNOWN", "session_id");
    http_reply_done(&reply);
    session_frame(&b, &id, &key);
    ask(&w, "POST", "/v1/envelopes", FRAME_LINES, b.frame, b.length, &reply);
    ck_assert_refused(&reply, 404, "SESSION_UNKNOWN", "session_id");
    http_reply_done(&reply);
    json_object_set_new(open, "from", json_string("50000000"));
    post_lane(&w, "sessions", open, &reply);
    ck_assert_refused(&reply, 402, "EMPTY_INTERVAL", "to");
    http_reply_done(&reply);
    batch_done(&b);
    json_decref(open);
    json_decref(root);
    json_decref(wrong);
    world_end(&w);
}
END_TEST

/* ---- a node that cannot ---- */

START_TEST(node__chain_view_stale__lane_frozen_but_old_receipts_given)
{
    static struct world w;
    static struct offer offer;
    static struct parcel p, late;
    struct http_reply reply;
    world_start(&w);
    take_offer(&w, &offer);
    make_parcel(&w, &offer, 0, 300, 'a', &p);
    make_parcel(&w, &offer, (uint64_t)p.to.raw, 300, 'b', &late);
    send_parcel(&w, &p, &reply);
    ck_assert_uint_eq(reply.status, 200);
    http_reply_done(&reply);
    atomic_fetch_add(&w.now_ms, w.config.freshness_ms + 1000); /* time passes, no block comes */
    ck_assert_ok(pp_node_tick(w.node));
    send_parcel(&w, &late, &reply);
    ck_assert_refused(&reply, 503, "LANE_FROZEN", NULL);
    http_reply_done(&reply);
    send_parcel(&w, &p, &reply);
    ck_assert_uint_eq(reply.status, 200);
    ck_assert_str_eq(pp_json_text(result_of(&reply, 0), "status"), "known");
    http_reply_done(&reply);
    get(&w, "/v1/health", &reply);
    ck_assert_refused(&reply, 503, "CHAIN_STALE", NULL);
    http_reply_done(&reply);
    look_at_chain(&w);
    get(&w, "/v1/health", &reply);
    ck_assert_uint_eq(reply.status, 200);
    http_reply_done(&reply);
    parcel_done(&p);
    parcel_done(&late);
    world_end(&w);
}
END_TEST

START_TEST(node__store_full__refuses_new_and_keeps_old)
{
    static struct world w;
    static struct offer offer;
    static struct parcel p;
    struct http_reply reply;
    uint64_t from = 0, sequence = 0;
    bool full = false;
    world_start(&w);
    world_close(&w);
    w.config.map_bytes = UINT64_C(8) << 20;
    world_open(&w);
    take_offer(&w, &offer);
    for (unsigned i = 0; !full; i++) {
        ck_assert_uint_lt(i, 100);
        make_parcel(&w, &offer, from, 500000, (uint8_t)i, &p);
        send_parcel(&w, &p, &reply);
        full = reply.status != 200;
        if (full) {
            ck_assert_refused(&reply, 503, "STORE_FULL", NULL);
        } else {
            from = (uint64_t)p.to.raw;
            sequence = pp_json_u64(result_of(&reply, 0), "sequence");
        }
        http_reply_done(&reply);
        parcel_done(&p);
    }
    ck_assert_uint_gt(from, 0);
    get(&w, "/v1/health", &reply);
    ck_assert_refused(&reply, 503, "STORE_FULL", NULL);
    http_reply_done(&reply);
    check_spent(&w, pp_grains(from)); /* what was refused was not charged, what was acknowledged is kept */
    char path[64];
    snprintf(path, sizeof path, "/v1/envelopes/%llu", (unsigned long long)sequence);
    get(&w, path, &reply);
    ck_assert_uint_eq(reply.body_length, 500000);
    http_reply_done(&reply);
    world_end(&w);
}
END_TEST

/* ---- many at once ---- */

struct worker {
    pthread_t thread;
    const struct world *w;
    const struct offer *offer;
    unsigned number, admitted;
};
enum { WORKERS = 6, EACH = 20 };

static void *work(void *context)
{
    struct worker *worker = context;
    static _Thread_local char lines[16384];
    int s = http_dial(worker->w->port);
    for (unsigned i = 0; i < EACH; i++) {
        struct parcel *p = malloc(sizeof *p);
        struct http_reply reply;
        const uint64_t width = BASE + STORAGE * 50 * 10;
        make_parcel(worker->w, worker->offer, (i * WORKERS + worker->number) * width, 50, (uint8_t)i, p);
        lines_of(&p->credential, lines);
        http_ask(s, "POST", "/v1/envelopes", lines, p->payload, p->size, &reply);
        ck_assert_msg(reply.status == 200, "%s", (const char *)reply.body);
        worker->admitted++;
        http_reply_done(&reply);
        parcel_done(p);
        free(p);
    }
    close(s);
    return NULL;
}

START_TEST(singles__over_many_connections__each_charged_once)
{
    static struct world w;
    static struct offer offer;
    static struct worker workers[WORKERS];
    struct http_reply reply;
    world_start(&w);
    take_offer(&w, &offer);
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){.w = &w, .offer = &offer, .number = i};
        ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
        ck_assert_uint_eq(workers[i].admitted, EACH);
    }
    lane_view(&w, &reply);
    ck_assert_uint_eq(pp_json_u128(reply.json, "head"), WORKERS * EACH * (BASE + STORAGE * 50 * 10));
    ck_assert_uint_eq(json_array_size(json_object_get(reply.json, "holes")), 0);
    ck_assert_uint_eq(pp_json_u64(reply.json, "stamps"), WORKERS * EACH);
    http_reply_done(&reply);
    world_end(&w);
}
END_TEST

PP_TESTS("http_api")
PP_TEST(node__asked_about_itself__says_all)
PP_TEST(path__wrong__refused)
PP_TEST(single__paid__stored_and_receipted)
PP_TEST(single__not_rightly_paid__refused_and_free)
PP_TEST(credential__other_actions__answered)
PP_TEST(single__after_a_restart__known_by_the_old_challenge)
PP_TEST(frame__good_mixed_and_bad__answered_one_by_one)
PP_TEST(frame__wrong_as_a_whole__refused_and_free)
PP_TEST(envelopes__stored__read_back_byte_for_byte)
PP_TEST(deletes__early__days_left_come_back)
PP_TEST(json__each_member_wrong__named)
PP_TEST(close__signed_by_the_signer__refund_and_release)
PP_TEST(session__opened_used_and_signed__each_answered_and_again)
PP_TEST(node__chain_view_stale__lane_frozen_but_old_receipts_given)
PP_TEST(node__store_full__refuses_new_and_keeps_old)
PP_TEST(singles__over_many_connections__each_charged_once)
PP_TESTS_END
