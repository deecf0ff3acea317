#include "node_fixture.h"

#include "pp_fixture.h"
#include "pp_test.h"

#include "evidence/ack.h"
#include "evidence/publish.h"

#include <pp/claims.h>
#include <pp/price.h>
#include <pp/refund.h>
#include <pp/verify.h>
#include <pp/voucher.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_LOOKS_MOST 20000000u

static uint64_t fixture_now(void *context)
{
    struct pp_fixture *fixture = context;
    return atomic_load(&fixture->now_ms);
}

void pp_fixture_init(struct pp_fixture *fixture, const char *dir, bool embedded_store)
{
    static const struct pp_address contract = {{0xc0, 0x01}};
    *fixture = (struct pp_fixture){0};
    ck_assert_int_lt(snprintf(fixture->dir, sizeof fixture->dir, "%s/data", dir), (int)sizeof fixture->dir);
    atomic_store(&fixture->now_ms, FIXTURE_START_MS);
    fixture->rates = (struct pp_rates){
        .version = 1,
        .base_grains = 1000,
        .storage_grains = 3,
        .congestion_grains = 10,
        .target_per_minute = 1000000000,
    };
    fixture->config = (struct pp_node_config){
        .data_dir = fixture->dir,
        .map_bytes = UINT64_C(1) << 30,
        .node_id = FIXTURE_NODE_ID,
        .shard = FIXTURE_SHARD,
        .embedded_store = embedded_store,
        .lanes_max = 1024,
        .verify_threads = 2,
        .operator_key = {{0x11, 0x22, 0x33}},
        .receipt_seed = {0x44, 0x55},
        .rates = &fixture->rates,
        .rates_count = 1,
        .epoch_seconds = 43200,
        .freshness_ms = 600000,
        .protocol_share_bps = 500,
        .payee = {{0xaa}},
        .treasury = {{0xbb}},
        .clock = {fixture_now, fixture},
    };
    pp_domain_init(&fixture->config.domain, 31337, &contract);
    struct pp_receipt_secret secret;
    pp_receipt_secret_from_seed(fixture->config.receipt_seed, &secret, &fixture->receipt_key);
    ck_assert_ok(pp_crypto_open(&fixture->crypto));
    ck_assert_ok(pp_secret_key_address(fixture->crypto, &fixture->config.operator_key, &fixture->operator_address));
}

void pp_fixture_done(struct pp_fixture *fixture)
{
    pp_fixture_close(fixture);
    pp_crypto_close(fixture->crypto);
}

void pp_fixture_open(struct pp_fixture *fixture)
{
    char reason[256] = "";
    enum pp_error error = pp_node_open(&fixture->config, &fixture->node, reason);
    ck_assert_msg(error == PP_OK, "pp_node_open: %s: %s", pp_error_name(error), reason);
}

void pp_fixture_close(struct pp_fixture *fixture)
{
    pp_node_close(fixture->node);
    fixture->node = NULL;
}

/* ---- other operators ---- */

static struct pp_secret_key peer_key(unsigned peer)
{
    return (struct pp_secret_key){{0x99, (uint8_t)(peer + 1)}};
}

void pp_fixture_peers(struct pp_fixture *fixture, size_t count, uint64_t deadline_ms)
{
    ck_assert_uint_le(count, FIXTURE_PEERS_MAX);
    for (unsigned i = 0; i < count; i++) {
        const struct pp_secret_key key = peer_key(i);
        fixture->peers[i].node_id = FIXTURE_PEER_ID + i;
        ck_assert_ok(pp_secret_key_address(fixture->crypto, &key, &fixture->peers[i].address));
    }
    fixture->config.operators = fixture->peers;
    fixture->config.operators_count = count;
    fixture->config.replication_ms = deadline_ms;
}

void pp_fixture_ack_make(struct pp_fixture *fixture, unsigned peer, uint64_t next, uint8_t *out)
{
    uint8_t *bytes = malloc(PP_SEGMENT_MAX_BYTES);
    struct pp_segment segment;
    struct pp_record_room *room = malloc(sizeof *room);
    struct pp_segment_walk walk;
    struct pp_record record;
    size_t length;
    const struct pp_secret_key key = peer_key(peer);
    struct pp_ack ack = {.lane = FIXTURE_LANE, .node_id = FIXTURE_PEER_ID + peer,
                         .time_ms = atomic_load(&fixture->now_ms)};
    ck_assert_ok(pp_node_evidence(fixture->node, next == 0 ? UINT64_MAX : next - 1, bytes, PP_SEGMENT_MAX_BYTES, &length));
    ck_assert_ok(pp_segment_decode(pp_slice(bytes, length), &segment));
    pp_segment_walk_begin(&segment, room, &walk);
    if (next != 0)
        ck_assert_ok(pp_segment_walk_next(&walk, &record));
    ack.next = walk.head.next_sequence;
    memcpy(ack.checksum.bytes, walk.head.checksum, sizeof ack.checksum.bytes);
    ck_assert_ok(pp_ack_sign(fixture->crypto, &fixture->config.domain, &key, &ack));
    pp_ack_encode(&ack, out);
    free(bytes);
    free(room);
}

enum pp_error pp_fixture_ack(struct pp_fixture *fixture, unsigned peer, uint64_t next)
{
    uint8_t bytes[PP_ACK_BYTES];
    uint64_t known;
    pp_fixture_ack_make(fixture, peer, next, bytes);
    return pp_node_acknowledge(fixture->node, bytes, sizeof bytes, 0, &known);
}

static void on_finding(void *context, const struct pp_verify_finding *finding)
{
    (void)context;
    fprintf(stderr, "finding: %s: %s: record %llu, lane %lld: %s\n", pp_error_name(finding->error), finding->what,
            (unsigned long long)finding->sequence, (long long)finding->lane_slot, finding->detail);
}

/* E of one charge by the definition (REW-030, REW-031): another way than the book's. */
static pp_u128 charge_earned(const struct pp_charge_entry *charge, const struct pp_entries *entries, uint32_t last_day)
{
    uint64_t days = 0;
    if (charge->is_unsigned || charge->is_waiting || charge->stored_day == 0)
        return 0;
    for (size_t i = 0; i < entries->refund_count; i++)
        if (entries->refunds[i].reason == PP_REFUND_EARLY_DELETE && entries->refunds[i].day < last_day &&
            memcmp(&entries->refunds[i].stamp_id, &charge->stamp_id, sizeof charge->stamp_id) == 0)
            last_day = entries->refunds[i].day;
    if (last_day >= charge->stored_day)
        days = last_day - charge->stored_day + 1u;
    days = days < charge->retention_days ? days : charge->retention_days;
    const uint64_t rest = charge->postage.storage_grains % charge->retention_days;
    return (pp_u128)charge->postage.base_grains + charge->postage.congestion_grains +
           (pp_u128)(charge->postage.storage_grains / charge->retention_days) * days + (days < rest ? days : rest);
}

static void leaf_expect(const struct pp_lane_leaf *leaf, const struct pp_entries *entries)
{
    pp_u128 refunded = 0, earned = 0;
    uint32_t last_day;
    ck_assert_ok(pp_entries_last_day(entries, &leaf->channel_id, &last_day));
    for (size_t i = 0; i < entries->refund_count; i++)
        if (pp_channel_id_eq(&entries->refunds[i].channel_id, &leaf->channel_id))
            refunded += entries->refunds[i].amount.raw;
    for (size_t i = 0; i < entries->charge_count; i++)
        if (pp_channel_id_eq(&entries->charges[i].channel_id, &leaf->channel_id))
            earned += charge_earned(&entries->charges[i], entries, last_day);
    pp_u128 forfeited = 0;
    for (size_t i = 0; i < entries->forfeit_count; i++)
        if (pp_channel_id_eq(&entries->forfeits[i].channel_id, &leaf->channel_id))
            forfeited += entries->forfeits[i].amount.raw;
    earned += forfeited;
    pp_expect(forfeited == leaf->forfeited.raw);
    pp_expect(refunded == leaf->refunded.raw);
    pp_expect(earned == leaf->earned.raw);
}

/* What an audit bundle would say of every lane follows from its charges and refunds. Not of the largest worlds: it looks at every pair
 * of lane and entry. */
static void entries_verify(const struct pp_fixture *fixture)
{
    struct pp_claims *claims;
    struct pp_entries entries;
    struct pp_lane_leaf *leaves;
    size_t count;
    ck_assert_ok(pp_claims_open(fixture->dir, &claims, NULL));
    enum pp_error error = pp_claims_entries(claims, 0, &entries);
    if (error == PP_OK) {
        ck_assert_ok(pp_claims_leaves(claims, &leaves, &count));
        if (count * (entries.charge_count + entries.refund_count) < ENTRIES_LOOKS_MOST &&
            entries.charge_count * entries.refund_count < ENTRIES_LOOKS_MOST)
            for (size_t i = 0; i < count; i++)
                leaf_expect(&leaves[i], &entries);
        free(leaves);
        pp_entries_done(&entries);
    } else {
        ck_assert_error(error, PP_NOT_FOUND); /* one of several shards */
    }
    pp_claims_close(claims);
}

void pp_fixture_verify(struct pp_fixture *fixture, struct pp_verify_summary *out)
{
    struct pp_verify_summary summary;
    const struct pp_verify_config config = {.finding = on_finding};
    pp_fixture_close(fixture);
    ck_assert_ok(pp_verify_dir(fixture->dir, &config, &summary));
    ck_assert_uint_eq(summary.findings, 0);
    if (summary.records > 0)
        entries_verify(fixture);
    if (out)
        *out = summary;
}

void pp_fixture_head(struct pp_fixture *fixture, uint64_t received_units, const struct pp_hash *last_report)
{
    uint64_t time_s = atomic_load(&fixture->now_ms) / 1000;
    struct pp_chain_event event = {
        .kind = PP_CHAIN_HEAD,
        .block_number = time_s,
        .time_s = time_s,
        .finalized_number = time_s - 2,
        .finalized_time_s = time_s - 2,
        .received_total = pp_units(received_units),
    };
    if (last_report)
        event.last_report = *last_report;
    ck_assert_ok(pp_node_chain_events(fixture->node, &event, 1));
}

/* ---- senders ---- */

void pp_sender_init(struct pp_sender *sender, const struct pp_fixture *fixture, uint64_t number)
{
    *sender = (struct pp_sender){.key = {{0x77}}};
    for (unsigned i = 0; i < 8; i++)
        sender->key.bytes[31 - i] = (uint8_t)((number + 1) >> (8 * i));
    sender->config.payer.bytes[0] = 0x50;
    memcpy(sender->config.payer.bytes + 12, sender->key.bytes + 24, 8);
    sender->config.nonce = number;
    ck_assert_ok(pp_secret_key_address(fixture->crypto, &sender->key, &sender->config.signer));
    const struct pp_channel_fields fields = {sender->config.payer, sender->config.signer, sender->config.nonce};
    pp_channel_id_of(&fixture->config.domain, &fields, &sender->channel_id);
}

void pp_sender_event(const struct pp_sender *sender, enum pp_chain_event_kind kind, uint64_t cap_units, uint32_t seq,
                     struct pp_chain_event *out)
{
    *out = (struct pp_chain_event){
        .kind = kind,
        .channel_id = sender->channel_id,
        .lane = FIXTURE_LANE,
        .config = sender->config,
        .cap = pp_units(cap_units),
        .seq = seq,
        .block_number = 100,
        .time_s = FIXTURE_START_MS / 1000,
    };
}

void pp_sender_fund(const struct pp_sender *sender, struct pp_fixture *fixture, uint64_t cap_units, uint32_t seq)
{
    struct pp_chain_event event;
    pp_sender_event(sender, PP_CHAIN_LANE_FINAL, cap_units, seq, &event);
    ck_assert_ok(pp_node_chain_events(fixture->node, &event, 1));
}

/* ---- requests ---- */

static void leaf_fill(struct pp_leaf *leaf, const struct pp_fixture *fixture, struct pp_sender *sender,
                      const struct pp_quote *quote, struct pp_parcel_of parcel)
{
    const struct pp_parcel priced = {parcel.size, parcel.days, 0};
    *leaf = (struct pp_leaf){
        .channel_id = sender->channel_id,
        .lane = FIXTURE_LANE,
        .from = sender->head,
        .size = (uint32_t)parcel.size,
        .retention_days = parcel.days,
        .not_after_ms = quote->expires_ms + 3600000,
    };
    (void)fixture;
    pp_quote_id(quote, &leaf->quote_id);
    ck_assert_ok(pp_price(quote, &priced, &leaf->postage));
    ck_assert_ok(pp_leaf_to(leaf, &sender->head));
}

void pp_request_sign(struct pp_made_request *made, struct pp_fixture *fixture, const struct pp_sender *sender)
{
    struct pp_request *request = &made->request;
    struct pp_hash *scratch = calloc(request->count, sizeof *scratch);
    struct pp_voucher voucher = {
        .channel_id = request->channel_id,
        .lane = request->lane,
        .refund_ack = request->refund_ack,
    };
    for (size_t i = 0; i < request->count; i++) {
        struct pp_grains to;
        ck_assert_ok(pp_leaf_to(&made->envelopes[i].leaf, &to));
        voucher.spent = pp_grains_max(voucher.spent, to);
        pp_leaf_id(&made->envelopes[i].leaf, &made->ids[i]);
    }
    ck_assert_ok(pp_voucher_context(request->kind, made->ids, request->count, scratch, &voucher.context));
    ck_assert_ok(pp_voucher_sign(fixture->crypto, &fixture->config.domain, &sender->key, &voucher));
    request->spent = voucher.spent;
    request->signature = voucher.signature;
    free(scratch);
}

void pp_request_make(struct pp_made_request *made, struct pp_fixture *fixture, struct pp_sender *sender, size_t count,
                     struct pp_parcel_of parcel, uint64_t seed)
{
    struct pp_quote quote;
    struct pp_rng rng;
    *made = (struct pp_made_request){0};
    ck_assert_ok(pp_node_quote(fixture->node, made->quote, &made->request.quote_length, &quote));
    made->envelopes = calloc(count, sizeof *made->envelopes);
    made->ids = calloc(count, sizeof *made->ids);
    made->payloads = malloc(count * parcel.size);
    made->topic = malloc(32);
    snprintf(made->topic, 32, "topic/%llu", (unsigned long long)(seed % 1000));
    pp_rng_init(&rng, seed);
    pp_rng_bytes(&rng, made->payloads, count * parcel.size);
    for (size_t i = 0; i < count; i++) {
        struct pp_envelope_view *envelope = &made->envelopes[i];
        envelope->topic = (const uint8_t *)made->topic;
        envelope->topic_length = strlen(made->topic);
        envelope->payload = made->payloads + i * parcel.size;
        envelope->payload_length = parcel.size;
        leaf_fill(&envelope->leaf, fixture, sender, &quote, parcel);
        pp_envelope_hash(envelope->topic, envelope->topic_length, envelope->payload, envelope->payload_length,
                         &envelope->leaf.envelope_hash);
    }
    made->request.channel_id = sender->channel_id;
    made->request.lane = FIXTURE_LANE;
    made->request.kind = count == 1 ? PP_STAMP_SINGLE : PP_STAMP_BATCH;
    made->request.refund_ack = sender->refund_ack;
    made->request.quote = made->quote;
    made->request.envelopes = made->envelopes;
    made->request.count = count;
    pp_request_sign(made, fixture, sender);
}

void pp_request_done(struct pp_made_request *made)
{
    free(made->envelopes);
    free(made->ids);
    free(made->payloads);
    free(made->macs);
    free(made->topic);
    *made = (struct pp_made_request){0};
}

/* ---- sessions ---- */

void pp_session_resign(struct pp_sender_session *session, const struct pp_fixture *fixture,
                       const struct pp_sender *sender)
{
    struct pp_voucher voucher;
    pp_session_id(&session->open.opening, &session->id);
    pp_session_voucher(&session->open.opening, &voucher);
    voucher.refund_ack = session->open.refund_ack;
    ck_assert_ok(pp_voucher_sign(fixture->crypto, &fixture->config.domain, &sender->key, &voucher));
    session->open.signature = voucher.signature;
}

void pp_session_make(struct pp_sender_session *session, const struct pp_fixture *fixture, const struct pp_sender *sender,
                     struct pp_span chunk, uint64_t life_ms, uint64_t seed)
{
    struct pp_session_secret node_secret, secret;
    uint8_t nonce[32] = {0};
    memcpy(nonce, &seed, sizeof seed);
    *session = (struct pp_sender_session){
        .open = {.opening = {.channel_id = sender->channel_id,
                             .lane = FIXTURE_LANE,
                             .chunk = chunk,
                             .not_after_ms = atomic_load(&fixture->now_ms) + life_ms},
                 .refund_ack = sender->refund_ack}};
    pp_session_node_secret(fixture->config.receipt_seed, &node_secret);
    pp_session_public(&node_secret, &session->open.opening.node_key);
    pp_session_sender_secret(&sender->key, nonce, &secret);
    pp_session_public(&secret, &session->open.opening.sender_key);
    pp_session_resign(session, fixture, sender);
    ck_assert_ok(pp_session_key_agree(&session->open.opening, &secret, false, &session->key));
}

void pp_session_request_sign(struct pp_made_request *made, const struct pp_sender_session *session)
{
    for (size_t i = 0; i < made->request.count; i++) {
        pp_leaf_id(&made->envelopes[i].leaf, &made->ids[i]);
        made->envelopes[i].mac = made->macs + i * PP_SESSION_MAC_BYTES;
        pp_session_mac(&session->key, &made->ids[i], made->macs + i * PP_SESSION_MAC_BYTES);
    }
}

void pp_session_request_make(struct pp_made_request *made, struct pp_fixture *fixture, struct pp_sender *sender,
                             const struct pp_sender_session *session, size_t count, struct pp_parcel_of parcel,
                             uint64_t seed)
{
    pp_request_make(made, fixture, sender, count, parcel, seed);
    made->macs = malloc(count * PP_SESSION_MAC_BYTES);
    made->request.kind = PP_STAMP_SESSION;
    made->request.session_id = session->id;
    pp_session_request_sign(made, session);
}

void pp_session_root_make(const struct pp_fixture *fixture, const struct pp_sender *sender,
                          const struct pp_sender_session *session, const struct pp_stamp_id *ids, size_t count,
                          struct pp_grains spent, struct pp_session_root *out)
{
    struct pp_hash *scratch = calloc(count, sizeof *scratch);
    struct pp_voucher voucher = {.channel_id = sender->channel_id,
                                 .lane = FIXTURE_LANE,
                                 .spent = spent,
                                 .refund_ack = sender->refund_ack};
    ck_assert_ok(pp_voucher_context(PP_STAMP_SESSION, ids, count, scratch, &voucher.context));
    ck_assert_ok(pp_voucher_sign(fixture->crypto, &fixture->config.domain, &sender->key, &voucher));
    *out = (struct pp_session_root){.channel_id = sender->channel_id,
                                    .lane = FIXTURE_LANE,
                                    .session_id = session->id,
                                    .count = (uint32_t)count,
                                    .spent = spent,
                                    .refund_ack = sender->refund_ack,
                                    .context = voucher.context,
                                    .signature = voucher.signature};
    free(scratch);
}

/* ---- answers ---- */

struct wait {
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool answered;
    struct pp_answer *answer;
};

static void on_answer(void *context, const struct pp_response *response)
{
    struct wait *wait = context;
    struct pp_answer *answer = wait->answer;
    pthread_mutex_lock(&wait->lock);
    answer->error = response->error;
    answer->refusal = response->refusal;
    answer->count = response->count;
    answer->receipt = response->receipt;
    answer->has_receipt = response->has_receipt;
    answer->spent = response->spent;
    answer->refunded = response->refunded;
    answer->free = response->free;
    if (response->error == PP_OK) {
        answer->results = malloc(response->count * sizeof *answer->results);
        memcpy(answer->results, response->results, response->count * sizeof *answer->results);
    }
    wait->answered = true;
    pthread_cond_signal(&wait->done);
    pthread_mutex_unlock(&wait->lock);
}

void pp_submit_wait(struct pp_node *node, const struct pp_request *request, struct pp_answer *out)
{
    struct wait wait = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, out};
    *out = (struct pp_answer){0};
    out->submitted = pp_node_submit(node, request, on_answer, &wait);
    if (out->submitted != PP_OK)
        return;
    pthread_mutex_lock(&wait.lock);
    while (!wait.answered)
        pthread_cond_wait(&wait.done, &wait.lock);
    pthread_mutex_unlock(&wait.lock);
}

void pp_answer_done(struct pp_answer *answer)
{
    free(answer->results);
    *answer = (struct pp_answer){0};
}

void pp_answer_check(const struct pp_answer *answer, const struct pp_fixture *fixture, const struct pp_request *request)
{
    struct pp_receipt_body *bodies = calloc(answer->count, sizeof *bodies);
    struct pp_hash *scratch = calloc(answer->count, sizeof *scratch);
    size_t count = 0;
    for (size_t i = 0; i < answer->count; i++)
        if (answer->results[i].refusal.error == PP_OK)
            bodies[count++] = (struct pp_receipt_body){request->channel_id, request->lane, answer->results[i].stamp_id,
                                                       answer->results[i].sequence, answer->results[i].time_ms};
    ck_assert_int_eq(answer->has_receipt, count > 0);
    if (count > 0)
        ck_assert_ok(pp_receipt_check(&answer->receipt, FIXTURE_NODE_ID, &fixture->receipt_key, bodies, count, scratch));
    free(bodies);
    free(scratch);
}

void pp_delete_make(const struct pp_fixture *fixture, const struct pp_sender *sender, const struct pp_leaf *leaf,
                    const struct pp_stamp_id *id, struct pp_delete *out)
{
    const struct pp_delete_fields fields = {sender->channel_id, FIXTURE_LANE, *id};
    struct pp_hash digest;
    *out = (struct pp_delete){.channel_id = sender->channel_id, .lane = FIXTURE_LANE, .stamp_id = *id, .from = leaf->from};
    pp_delete_digest(&fixture->config.domain, &fields, &digest);
    ck_assert_ok(pp_sign(fixture->crypto, &sender->key, &digest, &out->signature));
}

void pp_leave_sign(const struct pp_fixture *fixture, const struct pp_sender *sender, struct pp_signature *out)
{
    const struct pp_leave_fields fields = {sender->channel_id, FIXTURE_LANE};
    struct pp_hash digest;
    pp_leave_digest(&fixture->config.domain, &fields, &digest);
    ck_assert_ok(pp_sign(fixture->crypto, &sender->key, &digest, out));
}
