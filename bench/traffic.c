#include "bench.h"

#include "engine/tickets.h"

#include <pp/price.h>
#include <pp/voucher.h>

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_MS UINT64_C(1760054400000) /* the beginning of a day */
#define CLOCK_STANDS_MS (PP_QUOTE_LIFE_MS / 2)
#define CAP_UNITS UINT64_C(1000000000)
#define POOL_BYTES (1u << 20)
#define TOPICS 1000u
#define TOPIC_ROOM 16u
#define EVENTS_AT_ONCE 512u
#define TICKETS_AT_ONCE (PP_TICKETS_MAX - PP_LEAVES_MAX)

struct traffic_lane {
    struct pp_secret_key key;
    struct pp_channel_config config;
    struct pp_channel_id channel_id;
    struct pp_grains head;
};

/* Outlives every run: an answer may look at it after the last one woke the submitter. */
struct traffic_run {
    const struct traffic *traffic;
    pthread_mutex_t lock;
    pthread_cond_t room;
    _Atomic uint32_t unanswered;
    _Atomic uint32_t resume_at; /* the submitter sleeps until so few are left */
};

/* Stands still before the quote expires, however slow the machine is. */
static uint64_t traffic_now_ms(void *context)
{
    const struct traffic *traffic = context;
    const uint64_t elapsed_ms = (bench_now_ns() - traffic->started_ns) / 1000000;
    return START_MS + traffic->extra_ms + (elapsed_ms < CLOCK_STANDS_MS ? elapsed_ms : CLOCK_STANDS_MS);
}

static uint16_t retention_of(const struct traffic *traffic)
{
    return traffic->shape.retention_days > 0 ? traffic->shape.retention_days : 1;
}

static void *room_for(size_t count, size_t size)
{
    void *room = calloc(count, size);
    if (!room)
        bench_fail("traffic", PP_NO_MEMORY);
    return room;
}

/* ---- making it ---- */

static void config_make(struct traffic *traffic)
{
    static const struct pp_address contract = {{0xc0, 0x01}};
    traffic->rates = (struct pp_rates){.version = 1,
                                       .base_grains = 1000,
                                       .storage_grains = 3,
                                       .congestion_grains = 10,
                                       .target_per_minute = 1000000000};
    traffic->config = (struct pp_node_config){
        .node_id = TRAFFIC_NODE_ID,
        .embedded_store = !traffic->shape.host_store,
        .lanes_max = 1u << 17,
        .operator_key = {{0x11, 0x22}},
        .receipt_seed = {0x44},
        .rates = &traffic->rates,
        .rates_count = 1,
        .epoch_seconds = 43200,
        .freshness_ms = 600000,
        .clock = {traffic_now_ms, traffic},
    };
    pp_domain_init(&traffic->config.domain, 31337, &contract);
}

static void quote_make(struct traffic *traffic, struct pp_quote *out)
{
    struct pp_signed_quote quote;
    struct pp_receipt_secret secret;
    struct pp_receipt_key key;
    pp_receipt_secret_from_seed(traffic->config.receipt_seed, &secret, &key);
    pp_quote_make(&traffic->rates, TRAFFIC_NODE_ID, 0, START_MS, out);
    pp_quote_sign(out, &secret, &quote);
    BENCH_OK(pp_signed_quote_encode(&quote, traffic->quote, sizeof traffic->quote, &traffic->quote_length));
}

struct maker {
    pthread_t thread;
    struct traffic *traffic;
    const struct pp_quote *quote;
    struct pp_postage postage;
    struct pp_hash quote_id;
    unsigned part, parts;
};

static void lane_make(const struct traffic *traffic, uint32_t number, struct traffic_lane *lane)
{
    *lane = (struct traffic_lane){.key = {{0x77}}};
    for (unsigned i = 0; i < 4; i++)
        lane->key.bytes[31 - i] = (uint8_t)((number + 1) >> (8 * i));
    memcpy(lane->config.payer.bytes + 12, lane->key.bytes + 24, 8);
    BENCH_OK(pp_secret_key_address(traffic->crypto, &lane->key, &lane->config.signer));
    const struct pp_channel_fields fields = {lane->config.payer, lane->config.signer, 0};
    pp_channel_id_of(&traffic->config.domain, &fields, &lane->channel_id);
}

static void envelope_make(const struct maker *maker, uint32_t number, struct traffic_lane *lane)
{
    const struct traffic *traffic = maker->traffic;
    struct pp_envelope_view *envelope = &traffic->envelopes[number];
    const uint32_t bytes = traffic->shape.payload_bytes;
    envelope->topic = traffic->payloads + POOL_BYTES + (number % TOPICS) * TOPIC_ROOM;
    envelope->topic_length = strlen((const char *)envelope->topic);
    envelope->payload = traffic->payloads + (uint64_t)number * 7919 % (POOL_BYTES - bytes);
    envelope->payload_length = bytes;
    envelope->leaf = (struct pp_leaf){
        .channel_id = lane->channel_id,
        .lane = TRAFFIC_LANE,
        .from = lane->head,
        .postage = maker->postage,
        .size = bytes,
        .retention_days = retention_of(traffic),
        .quote_id = maker->quote_id,
        .not_after_ms = START_MS + 3600000,
    };
    pp_envelope_hash(envelope->topic, envelope->topic_length, envelope->payload, bytes,
                     &envelope->leaf.envelope_hash);
    BENCH_OK(pp_leaf_to(&envelope->leaf, &lane->head));
}

static void request_make(const struct maker *maker, uint32_t number, struct traffic_lane *lane)
{
    struct traffic *traffic = maker->traffic;
    const uint32_t stamps = traffic->shape.stamps;
    struct pp_request *request = &traffic->requests[number];
    struct pp_stamp_id ids[PP_LEAVES_MAX];
    struct pp_hash scratch[PP_LEAVES_MAX];
    *request = (struct pp_request){
        .channel_id = lane->channel_id,
        .lane = TRAFFIC_LANE,
        .source = 1 + number % traffic->shape.lanes % TRAFFIC_SOURCES,
        .kind = stamps == 1 ? PP_STAMP_SINGLE : PP_STAMP_BATCH,
        .quote = traffic->quote,
        .quote_length = traffic->quote_length,
        .envelopes = traffic->envelopes + (size_t)number * stamps,
        .count = stamps,
    };
    for (uint32_t i = 0; i < stamps; i++) {
        envelope_make(maker, number * stamps + i, lane);
        pp_leaf_id(&request->envelopes[i].leaf, &ids[i]);
    }
    struct pp_voucher voucher = {.channel_id = lane->channel_id, .lane = TRAFFIC_LANE, .spent = lane->head};
    BENCH_OK(pp_voucher_context(request->kind, ids, stamps, scratch, &voucher.context));
    BENCH_OK(pp_voucher_sign(traffic->crypto, &traffic->config.domain, &lane->key, &voucher));
    request->spent = voucher.spent;
    request->signature = voucher.signature;
}

static void *maker_main(void *context)
{
    const struct maker *maker = context;
    struct traffic *traffic = maker->traffic;
    for (uint32_t lane = maker->part; lane < traffic->shape.lanes; lane += maker->parts) {
        lane_make(traffic, lane, &traffic->lanes_made[lane]);
        for (uint32_t number = lane; number < traffic->shape.requests; number += traffic->shape.lanes)
            request_make(maker, number, &traffic->lanes_made[lane]);
    }
    return NULL;
}

static void payloads_make(struct traffic *traffic)
{
    traffic->payloads = room_for(1, POOL_BYTES + TOPICS * TOPIC_ROOM);
    randombytes_buf(traffic->payloads, POOL_BYTES);
    for (unsigned i = 0; i < TOPICS; i++)
        snprintf((char *)traffic->payloads + POOL_BYTES + i * TOPIC_ROOM, TOPIC_ROOM, "topic/%u", i);
}

static void make_all(struct traffic *traffic, const struct pp_quote *quote)
{
    struct maker makers[64];
    const struct pp_parcel parcel = {traffic->shape.payload_bytes, retention_of(traffic), 0};
    unsigned cores = bench_cores();
    for (unsigned i = 0; i < cores; i++) {
        makers[i] = (struct maker){.traffic = traffic, .quote = quote, .part = i, .parts = cores};
        pp_quote_id(quote, &makers[i].quote_id);
        BENCH_OK(pp_price(quote, &parcel, &makers[i].postage));
        if (pthread_create(&makers[i].thread, NULL, maker_main, &makers[i]) != 0)
            bench_fail("pthread_create", PP_SYSTEM);
    }
    for (unsigned i = 0; i < cores; i++)
        pthread_join(makers[i].thread, NULL);
}

void traffic_make(struct traffic *traffic, const struct traffic_shape *shape)
{
    struct pp_quote quote;
    *traffic = (struct traffic){.shape = *shape};
    if (sodium_init() < 0)
        bench_fail("sodium_init", PP_SYSTEM);
    BENCH_OK(pp_crypto_open(&traffic->crypto));
    config_make(traffic);
    quote_make(traffic, &quote);
    payloads_make(traffic);
    traffic->lanes_made = room_for(shape->lanes, sizeof *traffic->lanes_made);
    traffic->requests = room_for(shape->requests, sizeof *traffic->requests);
    traffic->envelopes = room_for((size_t)shape->requests * shape->stamps, sizeof *traffic->envelopes);
    traffic->run = room_for(1, sizeof *traffic->run);
    *traffic->run = (struct traffic_run){.traffic = traffic,
                                         .lock = PTHREAD_MUTEX_INITIALIZER,
                                         .room = PTHREAD_COND_INITIALIZER,
                                         .resume_at = UINT32_MAX};
    make_all(traffic, &quote);
}

void traffic_lane_key(const struct traffic *traffic, uint32_t lane, struct pp_secret_key *out)
{
    *out = traffic->lanes_made[lane].key;
}

void traffic_done(struct traffic *traffic)
{
    free(traffic->run);
    free(traffic->lanes_made);
    free(traffic->requests);
    free(traffic->envelopes);
    free(traffic->payloads);
    pp_crypto_close(traffic->crypto);
}

/* ---- the node ---- */

struct pp_node *traffic_open(struct traffic *traffic, const char *dir)
{
    struct pp_node *node;
    char reason[256] = "";
    traffic->started_ns = bench_now_ns();
    traffic->extra_ms = 0;
    traffic->config.data_dir = dir;
    enum pp_error error = pp_node_open(&traffic->config, &node, reason);
    if (error != PP_OK)
        bench_fail(reason, error);
    traffic_head(traffic, node);
    return node;
}

void traffic_head(const struct traffic *traffic, struct pp_node *node)
{
    const struct pp_chain_event head = {
        .kind = PP_CHAIN_HEAD,
        .block_number = 1,
        .time_s = traffic->config.clock.now_ms(traffic->config.clock.context) / 1000};
    BENCH_OK(pp_node_chain_events(node, &head, 1));
}

void traffic_fund(const struct traffic *traffic, struct pp_node *node, uint32_t first, uint32_t count)
{
    struct pp_chain_event events[EVENTS_AT_ONCE];
    uint32_t filled = 0;
    for (uint32_t i = first; i < first + count; i++) {
        events[filled++] = (struct pp_chain_event){
            .kind = PP_CHAIN_LANE_FINAL,
            .channel_id = traffic->lanes_made[i].channel_id,
            .lane = TRAFFIC_LANE,
            .config = traffic->lanes_made[i].config,
            .cap = pp_units(CAP_UNITS),
            .block_number = 1,
            .time_s = START_MS / 1000,
        };
        if (filled < EVENTS_AT_ONCE && i + 1 < first + count)
            continue;
        BENCH_OK(pp_node_chain_events(node, events, filled));
        filled = 0;
    }
}

/* ---- running it ---- */

enum pp_error traffic_submit(const struct traffic *traffic, struct pp_node *node, uint32_t number,
                             pp_submit_done *done, void *context)
{
    const struct pp_request *request = &traffic->requests[number];
    return traffic->shape.host_store ? pp_node_admit_start(node, request, done, context)
                                     : pp_node_submit(node, request, done, context);
}

void traffic_expect_admitted(const struct traffic *traffic, const struct pp_response *response)
{
    if (response->error != PP_OK)
        bench_fail("request", response->error);
    for (size_t i = 0; i < response->count; i++)
        if (response->results[i].refusal.error != PP_OK || response->results[i].known)
            bench_fail("stamp", response->results[i].refusal.error);
    if (!traffic->shape.host_store && !response->has_receipt)
        bench_fail("receipt", PP_INVARIANT);
}

static void on_answer(void *context, const struct pp_response *response)
{
    struct traffic_run *run = context;
    traffic_expect_admitted(run->traffic, response);
    if (atomic_fetch_sub(&run->unanswered, 1) - 1 != atomic_load(&run->resume_at))
        return;
    pthread_mutex_lock(&run->lock);
    pthread_cond_signal(&run->room);
    pthread_mutex_unlock(&run->lock);
}

static void sleep_to(struct traffic_run *run, uint32_t left)
{
    pthread_mutex_lock(&run->lock);
    atomic_store(&run->resume_at, left);
    while (atomic_load(&run->unanswered) > left)
        pthread_cond_wait(&run->room, &run->lock);
    atomic_store(&run->resume_at, UINT32_MAX);
    pthread_mutex_unlock(&run->lock);
}

void traffic_run(const struct traffic *traffic, struct pp_node *node, uint32_t first, uint32_t count,
                 uint32_t window)
{
    struct traffic_run *run = traffic->run;
    for (uint32_t i = first; i < first + count; i++) {
        if (atomic_load(&run->unanswered) >= window)
            sleep_to(run, window - window / 4);
        atomic_fetch_add(&run->unanswered, 1);
        enum pp_error error = traffic_submit(traffic, node, i, on_answer, run);
        if (error == PP_BUSY &&
            atomic_load(&run->unanswered) > 1) { /* its queue is shorter than the window */
            atomic_fetch_sub(&run->unanswered, 1);
            sleep_to(run, atomic_load(&run->unanswered) / 2);
            i--;
        } else
            BENCH_OK(error);
    }
    sleep_to(run, 0);
}

/* ---- the host's own store ---- */

struct open_tickets {
    uint64_t *tickets;
    size_t count;
};

static bool ticket_visit(void *context, const struct pp_open_ticket *ticket)
{
    struct open_tickets *open = context;
    open->tickets[open->count++] = ticket->ticket;
    return open->count < PP_TICKETS_MAX;
}

void traffic_commit(struct pp_node *node)
{
    struct open_tickets open = {room_for(PP_TICKETS_MAX, sizeof *open.tickets), 0};
    struct pp_receipt receipt;
    BENCH_OK(pp_node_open_tickets(node, ticket_visit, &open));
    for (size_t done = 0; done < open.count; done += PP_LEAVES_MAX) {
        const size_t left = open.count - done;
        BENCH_OK(
            pp_node_commit(node, open.tickets + done, left < PP_LEAVES_MAX ? left : PP_LEAVES_MAX, &receipt));
    }
    free(open.tickets);
}

uint64_t traffic_run_ns(const struct traffic *traffic, struct pp_node *node, uint32_t first, uint32_t count,
                        uint32_t window)
{
    const uint32_t piece = traffic->shape.host_store ? TICKETS_AT_ONCE / traffic->shape.stamps : count;
    uint64_t elapsed_ns = 0;
    for (uint32_t done = 0; done < count; done += piece) {
        const uint64_t started_ns = bench_now_ns();
        traffic_run(traffic, node, first + done, count - done < piece ? count - done : piece, window);
        elapsed_ns += bench_now_ns() - started_ns;
        if (traffic->shape.host_store)
            traffic_commit(node);
    }
    return elapsed_ns;
}
