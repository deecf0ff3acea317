#include "load_traffic.h"
#include "load_schedule.h"
#include "load_sessions.h"
#include "load_signals.h"

#include <pp/assert.h>
#include <pp/frame.h>
#include <pp/price.h>
#include <pp/voucher.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POOL_BYTES (2u * PP_ENVELOPE_MAX_BYTES)
#define TOPIC_ROOM 24u
#define HEAD_ROOM 512u
#define CREDENTIAL_BYTES 2048u /* about what an Authorization header takes */

/* What one signing thread works with. */
struct maker {
    pthread_t thread;
    struct load_traffic *traffic;
    unsigned part, parts;
    enum pp_error error;
    _Atomic unsigned *running;
    struct pp_credential *credential; /* the challenge is in it */
    char *header;                     /* PP_CREDENTIAL_HEADER_MAX */
    struct pp_hash *scratch;          /* PP_LEAVES_MAX */
};

uint32_t load_traffic_requests_max(const struct load_shape *shape, bool letters)
{
    uint64_t each = sizeof(struct pp_request) + sizeof(struct load_letter) +
                    shape->stamps * (sizeof(struct pp_envelope_view) + sizeof(struct pp_stamp_id) +
                                     PP_SESSION_MAC_BYTES + sizeof(uint64_t));
    if (letters)
        each += HEAD_ROOM + CREDENTIAL_BYTES +
                (uint64_t)shape->stamps * (shape->bytes + PP_LEAF_SHORT_BYTES + TOPIC_ROOM);
    const uint64_t most = LOAD_ROUND_BYTES_MAX / each;
    return most < 1 ? 1 : most > LOAD_ROUND_REQUESTS_MAX ? LOAD_ROUND_REQUESTS_MAX : (uint32_t)most;
}

/* ---- before signing: places on the lines ---- */

static enum pp_error place_take(struct load_lane *lane, const struct pp_postage *postage,
                                struct pp_grains total, struct pp_grains *out_from)
{
    struct pp_span span;
    if (lane->wallet) {
        PP_TRY(pp_wallet_reserve(lane->wallet, postage, &span));
        *out_from = span.from;
        return PP_OK;
    }
    *out_from = lane->head;
    return pp_grains_add(lane->head, total, &lane->head);
}

/* In order, and on one thread: a wallet fills its holes first. */
static enum pp_error places_take(struct load_traffic *traffic)
{
    struct pp_grains total;
    PP_TRY(pp_postage_total(&traffic->postage, &total));
    for (uint32_t n = 0; n < traffic->count; n++)
        for (uint32_t i = 0; i < traffic->shape.stamps; i++)
            PP_TRY(place_take(&traffic->lanes[n % traffic->lanes_count], &traffic->postage, total,
                              &traffic->envelopes[(size_t)n * traffic->shape.stamps + i].leaf.from));
    return PP_OK;
}

static enum pp_error pool_make(struct load_traffic *traffic)
{
    struct load_random random = {traffic->shape.seed};
    traffic->pool = malloc(POOL_BYTES + (size_t)LOAD_TOPICS * TOPIC_ROOM);
    if (!traffic->pool)
        return PP_NO_MEMORY;
    for (size_t i = 0; i < POOL_BYTES; i += sizeof(uint64_t)) {
        const uint64_t word = load_random_next(&random);
        memcpy(traffic->pool + i, &word, sizeof word);
    }
    for (unsigned i = 0; i < LOAD_TOPICS; i++)
        snprintf((char *)traffic->pool + POOL_BYTES + i * TOPIC_ROOM, TOPIC_ROOM, "bench-load/%u", i);
    return PP_OK;
}

/* ---- one request ---- */

static void envelope_make(const struct load_traffic *traffic, uint32_t n, uint32_t i)
{
    const struct load_lane *lane = &traffic->lanes[n % traffic->lanes_count];
    const size_t number = (size_t)n * traffic->shape.stamps + i;
    struct pp_envelope_view *envelope = &traffic->envelopes[number];
    envelope->topic = traffic->pool + POOL_BYTES + number % LOAD_TOPICS * TOPIC_ROOM;
    envelope->topic_length = strlen((const char *)envelope->topic);
    envelope->payload = traffic->pool + number * 7919 % (POOL_BYTES - traffic->shape.bytes);
    envelope->payload_length = traffic->shape.bytes;
    envelope->leaf = (struct pp_leaf){
        .channel_id = lane->channel_id,
        .lane = lane->lane,
        .from = envelope->leaf.from, /* places_take */
        .postage = traffic->postage,
        .size = traffic->shape.bytes,
        .retention_days = traffic->shape.days,
        .quote_id = traffic->quote->id,
        .not_after_ms = traffic->quote->quote.expires_ms,
    };
    pp_envelope_hash(envelope->topic, envelope->topic_length, envelope->payload, envelope->payload_length,
                     &envelope->leaf.envelope_hash);
    pp_leaf_id(&envelope->leaf, &traffic->ids[number]);
}

static enum pp_error spent_of(const struct load_traffic *traffic, uint32_t n, struct pp_grains *out)
{
    *out = PP_GRAINS_ZERO;
    for (uint32_t i = 0; i < traffic->shape.stamps; i++) {
        struct pp_grains to;
        PP_TRY(pp_leaf_to(&traffic->envelopes[(size_t)n * traffic->shape.stamps + i].leaf, &to));
        *out = pp_grains_max(*out, to);
    }
    return PP_OK;
}

static enum pp_error request_sign(struct maker *maker, uint32_t n)
{
    const struct load_traffic *traffic = maker->traffic;
    const struct load_lane *lane = &traffic->lanes[n % traffic->lanes_count];
    struct pp_request *request = &traffic->requests[n];
    struct pp_voucher voucher = {
        .channel_id = lane->channel_id, .lane = lane->lane, .refund_ack = lane->refund_ack};
    PP_TRY(spent_of(traffic, n, &voucher.spent));
    PP_TRY(pp_voucher_context(traffic->shape.kind, traffic->ids + (size_t)n * traffic->shape.stamps,
                              traffic->shape.stamps, maker->scratch, &voucher.context));
    PP_TRY(pp_voucher_sign(traffic->crypto, traffic->domain, &lane->key, &voucher));
    request->spent = voucher.spent;
    request->refund_ack = voucher.refund_ack;
    request->signature = voucher.signature;
    return PP_OK;
}

static void request_mac(const struct load_traffic *traffic, uint32_t n)
{
    const struct load_session *session = &traffic->sessions[n % traffic->lanes_count];
    const size_t first = (size_t)n * traffic->shape.stamps;
    traffic->requests[n].session_id = session->id;
    for (size_t i = first; i < first + traffic->shape.stamps; i++) {
        uint8_t *mac = traffic->macs + i * PP_SESSION_MAC_BYTES;
        pp_session_mac(&session->key, &traffic->ids[i], mac);
        traffic->envelopes[i].mac = mac;
    }
}

static enum pp_error request_make(struct maker *maker, uint32_t n)
{
    struct load_traffic *traffic = maker->traffic;
    const struct load_lane *lane = &traffic->lanes[n % traffic->lanes_count];
    for (uint32_t i = 0; i < traffic->shape.stamps; i++)
        envelope_make(traffic, n, i);
    traffic->requests[n] = (struct pp_request){
        .channel_id = lane->channel_id,
        .lane = lane->lane,
        .kind = traffic->shape.kind,
        .quote = traffic->quote->bytes,
        .quote_length = traffic->quote->length,
        .envelopes = traffic->envelopes + (size_t)n * traffic->shape.stamps,
        .count = traffic->shape.stamps,
    };
    if (traffic->shape.kind != PP_STAMP_SESSION)
        return request_sign(maker, n);
    request_mac(traffic, n);
    return PP_OK;
}

/* ---- its letter ---- */

/* By the Payment scheme where the node gave a challenge: that is how single envelopes come. */
static const char *authorization_of(struct maker *maker, const struct pp_request *request)
{
    struct pp_credential *credential = maker->credential;
    const struct pp_envelope_view *envelope = request->envelopes;
    credential->channel_id = request->channel_id;
    credential->lane = request->lane;
    credential->signature = request->signature;
    credential->spent = request->spent;
    credential->refund_ack = request->refund_ack;
    credential->leaf = envelope->leaf;
    credential->topic_length = envelope->topic_length;
    memcpy(credential->topic, envelope->topic, envelope->topic_length);
    return pp_credential_print(credential, maker->header);
}

static enum pp_error letter_make(struct maker *maker, uint32_t n)
{
    const struct load_traffic *traffic = maker->traffic;
    const struct pp_request *request = &traffic->requests[n];
    const bool by_payment = request->kind == PP_STAMP_SINGLE && traffic->quote->has_challenge;
    const char *authorization = by_payment ? authorization_of(maker, request) : NULL;
    const size_t body = by_payment ? request->envelopes->payload_length : pp_frame_length(request);
    const size_t room = HEAD_ROOM + (authorization ? strlen(authorization) : 0) + body;
    struct load_letter *letter = &traffic->letters[n];
    letter->bytes = malloc(room);
    if (!letter->bytes)
        return PP_NO_MEMORY;
    const int head = snprintf((char *)letter->bytes, room,
                              "POST %s/v1/envelopes HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\n%s%s%s"
                              "Content-Length: %zu\r\n\r\n",
                              traffic->address->path, traffic->address->host,
                              by_payment ? "application/octet-stream" : PP_FRAME_MEDIA_TYPE,
                              by_payment ? "Authorization: " : "", by_payment ? authorization : "",
                              by_payment ? "\r\n" : "", body);
    if (head < 0 || (size_t)head + body > room)
        return PP_TOO_LONG;
    letter->length = (size_t)head + body;
    if (!by_payment)
        return pp_frame_encode(request, letter->bytes + head, body, &(size_t){0});
    memcpy(letter->bytes + head, request->envelopes->payload, body);
    return PP_OK;
}

/* ---- all of them ---- */

static enum pp_error maker_make(struct maker *maker)
{
    const struct load_traffic *traffic = maker->traffic;
    for (uint32_t n = maker->part; n < traffic->count; n += maker->parts) {
        if (atomic_load_explicit(traffic->stop, memory_order_relaxed))
            return PP_SHUTTING_DOWN;
        PP_TRY(request_make(maker, n));
        if (traffic->address)
            PP_TRY(letter_make(maker, n));
    }
    return PP_OK;
}

static void *maker_main(void *context)
{
    struct maker *maker = context;
    maker->credential = calloc(1, sizeof *maker->credential);
    maker->header = malloc(PP_CREDENTIAL_HEADER_MAX);
    maker->scratch = calloc(PP_LEAVES_MAX, sizeof *maker->scratch);
    maker->error = PP_NO_MEMORY;
    if (maker->credential && maker->header && maker->scratch) {
        maker->credential->action = PP_ACTION_VOUCHER;
        maker->credential->challenge = maker->traffic->quote->challenge;
        maker->error = maker_make(maker);
    }
    free(maker->credential);
    free(maker->header);
    free(maker->scratch);
    atomic_fetch_sub(maker->running, 1);
    return NULL;
}

static enum pp_error sign_all(struct load_traffic *traffic)
{
    struct maker makers[LOAD_SIGNERS_MAX];
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const unsigned parts = cores < 1                        ? 1
                           : cores > (long)LOAD_SIGNERS_MAX ? LOAD_SIGNERS_MAX
                                                            : (unsigned)cores;
    enum pp_error error = PP_OK;
    _Atomic unsigned running = 0;
    unsigned started = 0;
    for (; started < parts; started++) {
        makers[started] =
            (struct maker){.traffic = traffic, .part = started, .parts = parts, .running = &running};
        atomic_fetch_add(&running, 1);
        if (pthread_create(&makers[started].thread, NULL, maker_main, &makers[started]) != 0) {
            atomic_fetch_sub(&running, 1);
            error = PP_SYSTEM;
            break;
        }
    }
    load_signals_watch(&running, traffic->stop);
    for (unsigned i = 0; i < started; i++) {
        pthread_join(makers[i].thread, NULL);
        if (error == PP_OK)
            error = makers[i].error;
    }
    return error;
}

enum pp_error load_traffic_make(struct load_traffic *traffic)
{
    const struct load_shape *shape = &traffic->shape;
    const size_t stamps = (size_t)traffic->count * shape->stamps;
    const struct pp_parcel parcel = {shape->bytes, shape->days, 0};
    PP_ASSERT(shape->bytes <= PP_ENVELOPE_MAX_BYTES && traffic->lanes_count > 0);
    traffic->pool = NULL;
    traffic->macs = NULL;
    traffic->requests = calloc(traffic->count, sizeof *traffic->requests);
    traffic->envelopes = calloc(stamps, sizeof *traffic->envelopes);
    traffic->ids = calloc(stamps, sizeof *traffic->ids);
    traffic->letters = calloc(traffic->count, sizeof *traffic->letters);
    if (shape->kind == PP_STAMP_SESSION)
        traffic->macs = calloc(stamps, PP_SESSION_MAC_BYTES);
    if (!traffic->requests || !traffic->envelopes || !traffic->ids || !traffic->letters ||
        (shape->kind == PP_STAMP_SESSION && !traffic->macs))
        return PP_NO_MEMORY;
    PP_TRY(pool_make(traffic));
    PP_TRY(pp_price(&traffic->quote->quote, &parcel, &traffic->postage));
    PP_TRY(places_take(traffic));
    return sign_all(traffic);
}

void load_traffic_done(struct load_traffic *traffic)
{
    for (uint32_t n = 0; traffic->letters && n < traffic->count; n++)
        free(traffic->letters[n].bytes);
    free(traffic->letters);
    free(traffic->requests);
    free(traffic->envelopes);
    free(traffic->ids);
    free(traffic->macs);
    free(traffic->pool);
    traffic->macs = NULL;
    traffic->letters = NULL;
    traffic->requests = NULL;
    traffic->envelopes = NULL;
    traffic->ids = NULL;
    traffic->pool = NULL;
}
