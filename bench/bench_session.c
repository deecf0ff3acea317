/* session_verify: the cryptography of a session stamp of 1 KiB as a verify thread does it, on one core; against the hash of the
 * envelope and a MAC, bare. session_durable: session stamps of 1 KiB, charges only, acknowledged when they are on disk, with a
 * root for each 1024; against the smaller of the records' append and the bare cryptography on all cores. */
#include "bench.h"

#include <pp/session.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define LANES 60u /* times 1024 stamps: below what a host may have in flight */
#define LANES_QUICK 2u
#define STAMPS 64u
#define REQUESTS_OF_ROOT (PP_SESSION_UNSIGNED_MAX / STAMPS)
#define ROOTS 2u /* of each session */
#define PAYLOAD_BYTES 1024u
#define CHECKS 131072u
#define GROUP 1024u

struct lane_session {
    struct pp_session_open open;
    struct pp_session_key key;
    struct pp_hash id;
    struct pp_session_root roots[ROOTS];
};

struct session {
    const struct bench_options *options;
    struct traffic traffic;
    uint32_t lanes;
    struct lane_session *of_lane;
    uint8_t *macs;          /* PP_SESSION_MAC_BYTES for each stamp */
    struct answer *answers; /* one a request */
    _Atomic uint32_t in_flight;
};

struct answer {
    struct session *session;
    uint64_t sequence; /* of its first stamp */
};

/* ---- making it ---- */

static void opening_make(struct session *session, uint32_t lane)
{
    struct lane_session *of = &session->of_lane[lane];
    const struct traffic *traffic = &session->traffic;
    const uint32_t last = traffic->shape.requests - session->lanes + lane;
    const uint8_t nonce[32] = {1};
    struct pp_session_secret node_secret, secret;
    struct pp_secret_key key;
    struct pp_voucher voucher;
    struct pp_session_opening *opening = &of->open.opening;
    traffic_lane_key(traffic, lane, &key);
    *opening =
        (struct pp_session_opening){.channel_id = traffic->requests[lane].channel_id, .lane = TRAFFIC_LANE};
    opening->chunk.to = traffic->requests[last].spent;
    opening->not_after_ms = traffic->requests[lane].envelopes->leaf.not_after_ms;
    pp_session_node_secret(traffic->config.receipt_seed, &node_secret);
    pp_session_public(&node_secret, &opening->node_key);
    pp_session_sender_secret(&key, nonce, &secret);
    pp_session_public(&secret, &opening->sender_key);
    pp_session_id(opening, &of->id);
    pp_session_voucher(opening, &voucher);
    BENCH_OK(pp_voucher_sign(traffic->crypto, &traffic->config.domain, &key, &voucher));
    of->open.signature = voucher.signature;
    BENCH_OK(pp_session_key_agree(opening, &secret, false, &of->key));
}

/* The batches' requests as stamps of a session: a MAC each instead of a signature for all. */
static void request_turn(struct session *session, uint32_t number)
{
    struct pp_request *request = &session->traffic.requests[number];
    const struct lane_session *of = &session->of_lane[number % session->lanes];
    struct pp_envelope_view *envelopes = session->traffic.envelopes + (size_t)number * STAMPS;
    request->kind = PP_STAMP_SESSION;
    request->session_id = of->id;
    for (uint32_t i = 0; i < STAMPS; i++) {
        uint8_t *mac = session->macs + ((size_t)number * STAMPS + i) * PP_SESSION_MAC_BYTES;
        struct pp_stamp_id id;
        pp_leaf_id(&envelopes[i].leaf, &id);
        pp_session_mac(&of->key, &id, mac);
        envelopes[i].mac = mac;
    }
}

/* Over the requests of a lane, in this order. */
static void root_make(const struct session *session, uint32_t lane, const uint32_t numbers[REQUESTS_OF_ROOT],
                      struct pp_session_root *out)
{
    const struct traffic *traffic = &session->traffic;
    struct pp_stamp_id ids[PP_SESSION_UNSIGNED_MAX];
    struct pp_hash scratch[PP_SESSION_UNSIGNED_MAX];
    struct pp_secret_key key;
    struct pp_voucher voucher = {.channel_id = traffic->requests[lane].channel_id, .lane = TRAFFIC_LANE};
    traffic_lane_key(traffic, lane, &key);
    for (uint32_t i = 0; i < REQUESTS_OF_ROOT; i++) {
        const struct pp_request *request = &traffic->requests[numbers[i]];
        if (pp_grains_lt(voucher.spent, request->spent))
            voucher.spent = request->spent;
        for (uint32_t k = 0; k < STAMPS; k++)
            pp_leaf_id(&request->envelopes[k].leaf, &ids[i * STAMPS + k]);
    }
    BENCH_OK(pp_voucher_context(PP_STAMP_SESSION, ids, PP_SESSION_UNSIGNED_MAX, scratch, &voucher.context));
    BENCH_OK(pp_voucher_sign(traffic->crypto, &traffic->config.domain, &key, &voucher));
    *out = (struct pp_session_root){.channel_id = voucher.channel_id,
                                    .lane = TRAFFIC_LANE,
                                    .session_id = session->of_lane[lane].id,
                                    .count = PP_SESSION_UNSIGNED_MAX,
                                    .spent = voucher.spent,
                                    .context = voucher.context,
                                    .signature = voucher.signature};
}

static void numbers_of(const struct session *session, uint32_t lane, uint32_t root,
                       uint32_t out[REQUESTS_OF_ROOT])
{
    for (uint32_t i = 0; i < REQUESTS_OF_ROOT; i++)
        out[i] = (root * REQUESTS_OF_ROOT + i) * session->lanes + lane;
}

static void session_make(struct session *session, const struct bench_options *options)
{
    *session = (struct session){.options = options, .lanes = bench_size(options, LANES, LANES_QUICK)};
    const uint32_t requests = session->lanes * REQUESTS_OF_ROOT * ROOTS;
    traffic_make(&session->traffic, &(struct traffic_shape){.lanes = session->lanes,
                                                            .requests = requests,
                                                            .stamps = STAMPS,
                                                            .payload_bytes = PAYLOAD_BYTES,
                                                            .host_store = true});
    session->of_lane = calloc(session->lanes, sizeof *session->of_lane);
    session->macs = calloc((size_t)requests * STAMPS, PP_SESSION_MAC_BYTES);
    session->answers = calloc(requests, sizeof *session->answers);
    if (!session->of_lane || !session->macs || !session->answers)
        bench_fail("sessions", PP_NO_MEMORY);
    for (uint32_t lane = 0; lane < session->lanes; lane++)
        opening_make(session, lane);
    for (uint32_t i = 0; i < requests; i++)
        request_turn(session, i);
    for (uint32_t lane = 0; lane < session->lanes; lane++)
        for (uint32_t root = 0; root < ROOTS; root++) {
            uint32_t numbers[REQUESTS_OF_ROOT];
            numbers_of(session, lane, root, numbers);
            root_make(session, lane, numbers, &session->of_lane[lane].roots[root]);
        }
}

static void session_done(struct session *session)
{
    free(session->of_lane);
    free(session->macs);
    free(session->answers);
    traffic_done(&session->traffic);
}

/* ---- running it ---- */

static void on_answer(void *context, const struct pp_response *response)
{
    struct answer *answer = context;
    traffic_expect_admitted(&answer->session->traffic, response);
    answer->sequence = response->results[0].sequence;
    atomic_fetch_sub(&answer->session->in_flight, 1);
}

static void wait_below(const struct session *session, uint32_t in_flight)
{
    const struct timespec pause = {.tv_nsec = 20000};
    while (atomic_load(&session->in_flight) >= in_flight)
        nanosleep(&pause, NULL);
}

static void stamps_send(struct session *session, struct pp_node *node, uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++) {
        wait_below(session, session->lanes); /* one a lane: so the journal has the order of sending */
        session->answers[i].session = session;
        atomic_fetch_add(&session->in_flight, 1);
        BENCH_OK(traffic_submit(&session->traffic, node, i, on_answer, &session->answers[i]));
    }
    wait_below(session, 1);
}

/* By the order of the journal, which mostly is that of sending. */
static bool numbers_sort(const struct session *session, uint32_t numbers[REQUESTS_OF_ROOT])
{
    bool moved = false;
    for (uint32_t i = 1; i < REQUESTS_OF_ROOT; i++)
        for (uint32_t k = i;
             k > 0 && session->answers[numbers[k - 1]].sequence > session->answers[numbers[k]].sequence;
             k--) {
            const uint32_t number = numbers[k];
            numbers[k] = numbers[k - 1];
            numbers[k - 1] = number;
            moved = true;
        }
    return moved;
}

struct signer {
    pthread_t thread;
    const struct session *session;
    struct pp_node *node;
    uint32_t lane, root;
};

static void *signer_main(void *context)
{
    const struct signer *signer = context;
    uint32_t numbers[REQUESTS_OF_ROOT];
    struct pp_session_root root = signer->session->of_lane[signer->lane].roots[signer->root];
    struct pp_session_status status;
    struct pp_refusal refusal;
    numbers_of(signer->session, signer->lane, signer->root, numbers);
    if (numbers_sort(signer->session, numbers))
        root_make(signer->session, signer->lane, numbers, &root);
    BENCH_OK(pp_node_session_sign(signer->node, &root, &status, &refusal));
    return NULL;
}

/* Each sender by itself: they share flushes, as requests do. */
static void roots_send(const struct session *session, struct pp_node *node, uint32_t root)
{
    struct signer signers[LANES];
    for (uint32_t lane = 0; lane < session->lanes; lane++) {
        signers[lane] = (struct signer){.session = session, .node = node, .lane = lane, .root = root};
        if (pthread_create(&signers[lane].thread, NULL, signer_main, &signers[lane]) != 0)
            bench_fail("pthread_create", PP_SYSTEM);
    }
    for (uint32_t lane = 0; lane < session->lanes; lane++)
        pthread_join(signers[lane].thread, NULL);
}

static uint64_t durable_rate(void *context)
{
    struct session *session = context;
    const uint32_t requests = session->lanes * REQUESTS_OF_ROOT;
    char *dir = bench_path(session->options, "node");
    uint64_t elapsed_ns = 0;
    struct pp_node *node = traffic_open(&session->traffic, dir);
    traffic_fund(&session->traffic, node, 0, session->lanes);
    for (uint32_t lane = 0; lane < session->lanes; lane++) {
        struct pp_session_status status;
        struct pp_refusal refusal;
        BENCH_OK(pp_node_session_open(node, &session->of_lane[lane].open, &status, &refusal));
    }
    for (uint32_t root = 0; root < ROOTS; root++) {
        const uint64_t started_ns = bench_now_ns();
        stamps_send(session, node, root * requests, requests);
        roots_send(session, node, root);
        elapsed_ns += bench_now_ns() - started_ns;
        traffic_commit(node);
    }
    pp_node_close(node);
    bench_remove(dir);
    free(dir);
    return bench_per_second((uint64_t)ROOTS * requests * STAMPS, elapsed_ns);
}

static uint64_t durable_limit(void *context)
{
    const struct session *session = context;
    const uint64_t append = STAMPS * bench_append_rate(session->options, bench_record_bytes(STAMPS, true),
                                                       session->traffic.shape.requests, GROUP / STAMPS);
    const uint64_t crypto = bench_session_crypto_rate(session->options, bench_cores(), true, PAYLOAD_BYTES);
    return append < crypto ? append : crypto;
}

void bench_session_durable(const struct bench_options *options, struct bench_figures *out)
{
    struct session session;
    session_make(&session, options);
    bench_in_turns(options, durable_rate, durable_limit, &session, out);
    session_done(&session);
}

/* ---- one core, no store ---- */

static uint64_t check_rate(void *context)
{
    const struct session *session = context;
    const uint32_t made = session->traffic.shape.requests * STAMPS;
    const uint32_t count = bench_size(session->options, CHECKS, STAMPS);
    const uint64_t started_ns = bench_now_ns();
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t at = i % made;
        const struct pp_envelope_view *envelope = &session->traffic.envelopes[at];
        const struct pp_slice topic = {envelope->topic, envelope->topic_length};
        const struct pp_slice payload = {envelope->payload, envelope->payload_length};
        struct pp_stamp_id id;
        BENCH_OK(pp_session_stamp_check(&session->of_lane[at / STAMPS % session->lanes].key, &envelope->leaf,
                                        &topic, &payload, envelope->mac, &id));
    }
    return bench_per_second(count, bench_now_ns() - started_ns);
}

static uint64_t check_limit(void *context)
{
    const struct session *session = context;
    return bench_session_crypto_rate(session->options, 1, false, PAYLOAD_BYTES);
}

void bench_session_verify(const struct bench_options *options, struct bench_figures *out)
{
    struct session session;
    session_make(&session, options);
    bench_in_turns(options, check_rate, check_limit, &session, out);
    session_done(&session);
}
