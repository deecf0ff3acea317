/* Goal: traffic that is signed beforehand is what a node takes: each stamp on its own interval of its lane, each voucher its
 * signer's, in memory that is bounded.
 * Method: everything is verified as a node would, by the product's own checks; wallets with holes and caps. */
#define _GNU_SOURCE /* memmem */
#include "pp_fixture.h"
#include "pp_test.h"

#include <load_traffic.h>
#include <pp/frame.h>
#include <pp/price.h>
#include <pp/voucher.h>
#include <stdlib.h>

#define LANES 3u

struct world {
    struct pp_crypto *crypto;
    struct pp_domain domain;
    struct cli_quote quote;
    struct load_lane lanes[LANES];
    struct pp_public_key keys[LANES];
    struct load_traffic traffic;
    _Atomic bool stop;
};

static void world_make(struct world *w, enum pp_stamp_kind kind, uint32_t stamps, uint32_t count)
{
    static const struct pp_address contract = {{1}};
    struct pp_receipt_secret secret;
    struct pp_receipt_key key;
    struct pp_signed_quote quote;
    const uint8_t seed[32] = {5};
    const struct pp_rates rates = {
        .version = 1, .base_grains = 1000, .storage_grains = 3, .target_per_minute = 1};
    memset(w, 0, sizeof *w);
    ck_assert_ok(pp_crypto_open(&w->crypto));
    pp_domain_init(&w->domain, 1, &contract);
    pp_receipt_secret_from_seed(seed, &secret, &key);
    pp_quote_make(&rates, 7, 0, 1000000, &w->quote.quote);
    pp_quote_sign(&w->quote.quote, &secret, &quote);
    ck_assert_ok(pp_signed_quote_encode(&quote, w->quote.bytes, sizeof w->quote.bytes, &w->quote.length));
    pp_quote_id(&w->quote.quote, &w->quote.id);
    for (uint32_t i = 0; i < LANES; i++) {
        w->lanes[i] = (struct load_lane){.channel_id = {{(uint8_t)(i + 1)}},
                                         .lane = 7 << 8,
                                         .key = {{[31] = (uint8_t)(i + 1)}},
                                         .head = pp_grains(i)};
        ck_assert_ok(pp_public_key_of(w->crypto, &w->lanes[i].key, &w->keys[i]));
    }
    w->traffic = (struct load_traffic){.shape = {kind, stamps, 100, 2, 9},
                                       .crypto = w->crypto,
                                       .domain = &w->domain,
                                       .quote = &w->quote,
                                       .stop = &w->stop,
                                       .lanes = w->lanes,
                                       .lanes_count = LANES,
                                       .count = count};
}

static void world_done(struct world *w)
{
    load_traffic_done(&w->traffic);
    pp_crypto_close(w->crypto);
}

/* The lane's next stamp begins at *head. */
static void request_check(const struct world *w, uint32_t n, struct pp_grains *head)
{
    const struct pp_request *request = &w->traffic.requests[n];
    const uint32_t stamps = w->traffic.shape.stamps;
    struct pp_stamp_id ids[PP_LEAVES_MAX];
    struct pp_hash scratch[PP_LEAVES_MAX], hash;
    struct pp_voucher voucher = {.channel_id = request->channel_id,
                                 .lane = request->lane,
                                 .spent = request->spent,
                                 .refund_ack = request->refund_ack,
                                 .signature = request->signature};
    const struct pp_parcel parcel = {100, 2, 0};
    ck_assert_uint_eq(request->count, stamps);
    ck_assert(pp_channel_id_eq(&request->channel_id, &w->lanes[n % LANES].channel_id));
    for (uint32_t i = 0; i < stamps; i++) {
        const struct pp_envelope_view *envelope = &request->envelopes[i];
        ck_assert_ok(pp_leaf_check(&envelope->leaf));
        ck_assert_ok(pp_price_check(&w->quote.quote, &parcel, &envelope->leaf.postage, NULL));
        ck_assert(pp_grains_eq(envelope->leaf.from, *head));
        ck_assert_ok(pp_leaf_to(&envelope->leaf, head));
        pp_envelope_hash(envelope->topic, envelope->topic_length, envelope->payload, envelope->payload_length,
                         &hash);
        ck_assert(pp_hash_eq(&hash, &envelope->leaf.envelope_hash));
        pp_leaf_id(&envelope->leaf, &ids[i]);
        ck_assert(pp_stamp_id_eq(&ids[i], &w->traffic.ids[(size_t)n * stamps + i]));
    }
    ck_assert(pp_grains_eq(request->spent, *head));
    ck_assert_ok(pp_voucher_context(request->kind, ids, stamps, scratch, &voucher.context));
    ck_assert_ok(pp_voucher_verify(w->crypto, &w->domain, &voucher, &w->keys[n % LANES]));
}

START_TEST(load_traffic__singles_and_batches__as_a_node_takes_them)
{
    static const uint32_t stamps[] = {1, 5};
    for (size_t k = 0; k < 2; k++) {
        struct world w;
        struct pp_grains heads[LANES];
        world_make(&w, k == 0 ? PP_STAMP_SINGLE : PP_STAMP_BATCH, stamps[k], 20);
        ck_assert_ok(load_traffic_make(&w.traffic));
        for (uint32_t i = 0; i < LANES; i++)
            heads[i] = pp_grains(i);
        for (uint32_t n = 0; n < 20; n++)
            request_check(&w, n, &heads[n % LANES]);
        for (uint32_t i = 0; i < LANES; i++)
            ck_assert(pp_grains_eq(heads[i], w.lanes[i].head));
        world_done(&w);
    }
}
END_TEST

/* A letter without a challenge is a frame: head and body as a server reads them. */
START_TEST(load_traffic__letters__frames_of_the_same_requests)
{
    struct world w;
    static const char start[] = "POST /x/v1/envelopes HTTP/1.1\r\nHost: node:1\r\n";
    const struct load_address address = {"node:1", "/x"};
    struct pp_envelope_view envelopes[4];
    struct pp_request decoded;
    struct pp_refusal refusal;
    world_make(&w, PP_STAMP_BATCH, 4, 6);
    w.traffic.address = &address;
    ck_assert_ok(load_traffic_make(&w.traffic));
    for (uint32_t n = 0; n < 6; n++) {
        const struct load_letter *letter = &w.traffic.letters[n];
        const char *head = (const char *)letter->bytes;
        const uint8_t *body = (const uint8_t *)memmem(head, letter->length, "\r\n\r\n", 4) + 4;
        const size_t length = letter->length - (size_t)(body - letter->bytes);
        ck_assert(strncmp(head, start, sizeof start - 1) == 0);
        const char *told = memmem(head, letter->length, "Content-Length: ", 16);
        ck_assert_uint_eq(strtoul(told + 16, NULL, 10), length);
        ck_assert_ok(pp_frame_decode(body, length, envelopes, 4, &decoded, &refusal));
        ck_assert(pp_grains_eq(decoded.spent, w.traffic.requests[n].spent));
        ck_assert_mem_eq(&decoded.signature, &w.traffic.requests[n].signature, sizeof decoded.signature);
    }
    world_done(&w);
}
END_TEST

/* A wallet's holes come first, and its cap ends it. */
START_TEST(load_traffic__wallet__fills_holes_and_ends_at_the_cap)
{
    struct world w;
    struct pp_span span;
    struct pp_wallet *wallet = calloc(1, sizeof *wallet);
    const struct pp_postage postage = {.base_grains = 1000, .storage_grains = 600};
    world_make(&w, PP_STAMP_SINGLE, 1, 4);
    const struct pp_wallet_config config = {.channel_id = w.lanes[0].channel_id,
                                            .lane = w.lanes[0].lane,
                                            .cap = pp_units(1),
                                            .max_postage = pp_grains(1600)};
    pp_wallet_init(wallet, &config);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_ok(pp_wallet_reserve(wallet, &postage, &span));
    ck_assert_ok(pp_wallet_give_back(wallet, &(struct pp_span){pp_grains(1600), pp_grains(3200)}));
    w.lanes[0].wallet = wallet;
    w.traffic.lanes_count = 1;
    ck_assert_ok(load_traffic_make(&w.traffic));
    ck_assert(pp_grains_eq(w.traffic.requests[0].spent, pp_grains(3200)));
    ck_assert(pp_grains_eq(w.traffic.requests[1].spent, pp_grains(6400)));
    load_traffic_done(&w.traffic);
    w.traffic.count = 625; /* 10^6 grains are a unit: 625 stamps, six of which are there */
    ck_assert_error(load_traffic_make(&w.traffic), PP_CAP_EXCEEDED);
    world_done(&w);
    free(wallet);
}
END_TEST

/* LOAD-009: Ctrl-C while it signs. */
START_TEST(load_traffic__stopped__ends_early)
{
    struct world w;
    world_make(&w, PP_STAMP_SINGLE, 1, 50);
    w.stop = true;
    ck_assert_error(load_traffic_make(&w.traffic), PP_SHUTTING_DOWN);
    world_done(&w);
}
END_TEST

START_TEST(load_traffic_requests_max__any_shape__within_the_limits)
{
    static const uint32_t sizes[] = {1, 1024, PP_ENVELOPE_MAX_BYTES}, counts[] = {1, 64, PP_LEAVES_MAX};
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 3; k++) {
            const struct load_shape shape = {PP_STAMP_BATCH, counts[k], sizes[i], 1, 1};
            const uint64_t most = load_traffic_requests_max(&shape, true);
            ck_assert_uint_ge(most, 1);
            ck_assert_uint_le(most, LOAD_ROUND_REQUESTS_MAX);
            ck_assert(most == 1 || most * counts[k] * sizes[i] <= LOAD_ROUND_BYTES_MAX);
        }
}
END_TEST

PP_TESTS("load_traffic")
PP_TEST(load_traffic__singles_and_batches__as_a_node_takes_them)
PP_TEST(load_traffic__letters__frames_of_the_same_requests)
PP_TEST(load_traffic__wallet__fills_holes_and_ends_at_the_cap)
PP_TEST(load_traffic__stopped__ends_early)
PP_TEST(load_traffic_requests_max__any_shape__within_the_limits)
PP_TESTS_END
