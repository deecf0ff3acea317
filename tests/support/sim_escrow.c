#include "sim_escrow.h"

#include "pp_test.h"

#include <pp/hash.h>
#include <pp/settle.h>

#include "abi_words.h"

#include <stdlib.h>
#include <string.h>

#define GRAINS_PER_UNIT 1000000u
#define PROOF_MAX 32u

/* What a call works with. */
struct call {
    const struct sim_terms *terms;
    struct sim_escrow *state;
    struct sim_now now;
    struct pp_reader r;
    struct sim_logs *logs;
    struct pp_writer out;
};

struct sim_channel *sim_escrow_channel(struct sim_escrow *state, const struct pp_channel_id *id)
{
    for (uint32_t i = 0; i < state->channel_count; i++)
        if (pp_channel_id_eq(&state->channels[i].id, id))
            return &state->channels[i];
    return NULL;
}

static struct sim_report *report_find(struct sim_escrow *state, const struct pp_hash *hash)
{
    for (uint32_t i = 0; i < state->report_count; i++)
        if (pp_hash_eq(&state->reports[i].hash, hash))
            return &state->reports[i];
    return NULL;
}

/* ---- what a call says ---- */

static bool revert(struct call *c, const char *error, uint64_t a, uint64_t b)
{
    uint8_t hash[32];
    pp_keccak256((const uint8_t *)error, strlen(error), hash);
    c->out.length = 0;
    pp_write_bytes(&c->out, hash, 4);
    if (strstr(error, "()") == NULL) {
        word_write(&c->out, a);
        if (strchr(error, ','))
            word_write(&c->out, b);
    }
    return false;
}

static struct pp_writer log_begin(struct sim_logs *logs, enum pp_abi_event event)
{
    struct pp_writer w;
    pp_expect(logs->count < SIM_LOGS_MAX);
    struct pp_chain_log *log = &logs->at[logs->count];
    memset(log, 0, sizeof *log);
    pp_abi_topic(event, &log->topics[0]);
    log->topic_count = 1;
    pp_writer_init(&w, log->data, sizeof log->data);
    return w;
}

static void log_topic_hash(struct sim_logs *logs, const uint8_t bytes[32])
{
    struct pp_chain_log *log = &logs->at[logs->count];
    memcpy(log->topics[log->topic_count++].bytes, bytes, 32);
}

static void log_topic_number(struct sim_logs *logs, uint64_t number)
{
    uint8_t word[32] = {0};
    for (unsigned i = 0; i < 8; i++)
        word[31 - i] = (uint8_t)(number >> (8 * i));
    log_topic_hash(logs, word);
}

static void log_topic_address(struct sim_logs *logs, const struct pp_address *address)
{
    uint8_t word[32] = {0};
    memcpy(word + 12, address->bytes, 20);
    log_topic_hash(logs, word);
}

static void log_end(struct sim_logs *logs, const struct pp_writer *w)
{
    logs->at[logs->count].data_length = (uint16_t)w->length;
    logs->count++;
}

/* ---- arguments ---- */

static void read_signature(struct pp_reader *r, struct pp_signature *out)
{
    pp_read_bytes(r, out->bytes, 64);
    out->bytes[64] = (uint8_t)word_read(r, 8);
}

static struct pp_channel_config read_config(struct pp_reader *r)
{
    struct pp_channel_config config;
    word_read_address(r, &config.payer);
    word_read_address(r, &config.signer);
    config.nonce = word_read_u64(r);
    return config;
}

static struct pp_abi_voucher read_voucher(struct pp_reader *r)
{
    struct pp_abi_voucher voucher;
    voucher.spent = word_read_grains(r);
    voucher.refund_ack = word_read_grains(r);
    pp_read_bytes(r, voucher.context.bytes, 32);
    read_signature(r, &voucher.signature);
    return voucher;
}

static struct pp_abi_refund read_refund(struct pp_reader *r)
{
    struct pp_abi_refund refund;
    refund.refunded = word_read_grains(r);
    pp_read_bytes(r, refund.reasons.bytes, 32);
    read_signature(r, &refund.signature);
    return refund;
}

static struct pp_epoch_report_fields read_report(struct pp_reader *r)
{
    struct pp_epoch_report_fields report;
    report.epoch = word_read_u64(r);
    pp_read_bytes(r, report.previous.bytes, 32);
    report.block_number = word_read_u64(r);
    pp_read_bytes(r, report.lanes_root.bytes, 32);
    pp_read_bytes(r, report.payout_root.bytes, 32);
    report.payout_total = word_read(r, 128);
    pp_read_bytes(r, report.operator_set.bytes, 32);
    report.end_time = word_read_u64(r);
    return report;
}

/* Offsets are not followed: the product writes its arrays in order, without gaps, and a test of its own holds it to that. */
static void skip_words(struct pp_reader *r, size_t count)
{
    (void)pp_read_slice(r, count * PP_ABI_WORD);
}

static void config_id(const struct sim_terms *terms, const struct pp_channel_config *config,
                      struct pp_channel_id *out)
{
    const struct pp_channel_fields fields = {config->payer, config->signer, config->nonce};
    pp_channel_id_of(&terms->domain, &fields, out);
}

static bool is_signed(const struct call *c, const struct pp_signature *signature,
                      const struct pp_hash *digest, const struct pp_address *by)
{
    return pp_verify_address(c->terms->crypto, signature, digest, by, NULL) == PP_OK;
}

/* Open or closing, or the call reverts. */
static struct sim_channel *live_channel(struct call *c, const struct pp_channel_config *config)
{
    struct pp_channel_id id;
    config_id(c->terms, config, &id);
    struct sim_channel *channel = sim_escrow_channel(c->state, &id);
    if (channel && channel->state != PP_CHANNEL_CHAIN_CLOSED)
        return channel;
    (void)revert(c, "ChannelNotLive(bytes32,uint8)", 0, channel ? channel->state : 0);
    return NULL;
}

/* ---- reports ---- */

static void set_hash(const struct sim_terms *terms, struct pp_hash *out)
{
    uint8_t bytes[6 * PP_ABI_WORD];
    struct pp_writer w;
    pp_writer_init(&w, bytes, sizeof bytes);
    word_write(&w, 2 * PP_ABI_WORD);
    word_write(&w, 4 * PP_ABI_WORD);
    word_write(&w, 1);
    word_write(&w, terms->node_id);
    word_write(&w, 1);
    word_write_address(&w, &terms->operator_key);
    pp_keccak256(bytes, sizeof bytes, out->bytes);
}

static bool succession_check(struct call *c, const struct pp_epoch_report_fields *report)
{
    const struct pp_chain_report_head *head = &c->state->head;
    const struct pp_chain_timers *t = &c->terms->timers;
    const uint64_t now = c->now.time_s, age = (1u + t->missed_epochs) * (uint64_t)t->epoch + t->signing;
    if (!pp_hash_eq(&report->previous, &head->hash))
        return revert(c, "ReportPreviousMismatch(bytes32,bytes32)", 0, 0);
    if (head->block_number != 0 && report->epoch <= head->epoch)
        return revert(c, "ReportEpochNotNewer(uint64,uint64)", head->epoch, report->epoch);
    if (head->block_number != 0 && report->block_number <= head->block_number)
        return revert(c, "ReportBlockNotNewer(uint64,uint64)", head->block_number, report->block_number);
    if (head->block_number != 0 && report->end_time <= head->end_time_s)
        return revert(c, "ReportEndTimeNotNewer(uint64,uint64)", head->end_time_s, report->end_time);
    if (report->epoch > now / t->epoch)
        return revert(c, "ReportEpochInFuture(uint64,uint64)", now / t->epoch, report->epoch);
    if (report->block_number >= c->now.number)
        return revert(c, "ReportBlockInFuture(uint64,uint64)", c->now.number, report->block_number);
    if (report->end_time > now)
        return revert(c, "ReportEndTimeInFuture(uint64,uint64)", now, report->end_time);
    if (report->end_time + age < now)
        return revert(c, "ReportTooOld(uint64,uint64)", now - age, report->end_time);
    return true;
}

static void report_log(struct call *c, const struct pp_epoch_report_fields *report,
                       const struct pp_hash *hash, uint64_t vests_at_s)
{
    struct pp_writer w = log_begin(c->logs, PP_LOG_REPORT_POSTED);
    log_topic_number(c->logs, report->epoch);
    log_topic_hash(c->logs, hash->bytes);
    word_write(&w, report->epoch);
    word_write_hash(&w, report->previous.bytes);
    word_write(&w, report->block_number);
    word_write_hash(&w, report->lanes_root.bytes);
    word_write_hash(&w, report->payout_root.bytes);
    word_write(&w, report->payout_total);
    word_write_hash(&w, report->operator_set.bytes);
    word_write(&w, report->end_time);
    word_write(&w, vests_at_s);
    word_write(&w, 1);
    log_end(c->logs, &w);
}

static bool post_report(struct call *c)
{
    struct sim_escrow *state = c->state;
    struct pp_signature signature;
    struct pp_hash set, hash;
    const struct pp_epoch_report_fields report = read_report(&c->r);
    skip_words(&c->r, 3 + 2 + 2 + 1); /* offsets; one id, one key: what the set's hash is made of; a length */
    read_signature(&c->r, &signature);
    pp_expect(pp_reader_finish(&c->r) == PP_OK);
    if (!succession_check(c, &report))
        return false;
    set_hash(c->terms, &set);
    if (!pp_hash_eq(&set, &report.operator_set))
        return revert(c, "OperatorSetMismatch(bytes32,bytes32)", 0, 0);
    pp_epoch_report_digest(&c->terms->domain, &report, &hash);
    if (!is_signed(c, &signature, &hash, &c->terms->operator_key))
        return revert(c, "QuorumMissing(uint256,uint256,uint256)", 1, 0);
    pp_expect(state->report_count < SIM_REPORTS_MAX);
    const uint64_t vests_at_s = c->now.time_s + c->terms->timers.vesting;
    struct sim_report *before = report_find(state, &state->head.hash);
    if (before)
        before->chain.superseded_at_s = vests_at_s;
    state->reports[state->report_count++] =
        (struct sim_report){hash, {.epoch = report.epoch, .vests_at_s = vests_at_s}};
    state->head = (struct pp_chain_report_head){hash, report.epoch, report.block_number, report.end_time};
    report_log(c, &report, &hash, vests_at_s);
    return true;
}

static struct sim_report *vested_report(struct call *c, const struct pp_epoch_report_fields *report)
{
    struct pp_hash hash;
    pp_epoch_report_digest(&c->terms->domain, report, &hash);
    struct sim_report *known = report_find(c->state, &hash);
    if (!known)
        (void)revert(c, "ReportUnknown(bytes32)", 0, 0);
    else if (c->now.time_s < known->chain.vests_at_s)
        (void)revert(c, "ReportNotVested(uint64,uint64)", known->chain.vests_at_s, c->now.time_s);
    else
        return known;
    return NULL;
}

/* ---- lanes ---- */

static bool skip(struct call *c, const struct pp_channel_id *id, uint32_t lane, size_t index,
                 enum pp_skip_reason reason)
{
    struct pp_writer w = log_begin(c->logs, PP_LOG_CLAIM_SKIPPED);
    log_topic_hash(c->logs, id->bytes);
    log_topic_number(c->logs, lane);
    log_topic_number(c->logs, index);
    word_write(&w, reason);
    word_write(&w, 0);
    word_write(&w, 0);
    log_end(c->logs, &w);
    return false;
}

static bool refund_is_good(const struct call *c, const struct pp_channel_id *id, uint32_t lane,
                           const struct pp_abi_refund *refund)
{
    struct pp_hash digest;
    const struct pp_refund_fields fields = {*id, lane, refund->refunded, refund->reasons};
    pp_refund_digest(&c->terms->domain, &fields, &digest);
    return is_signed(c, &refund->signature, &digest, &c->terms->operator_key);
}

static bool voucher_is_good(const struct call *c, const struct sim_channel *channel,
                            const struct pp_abi_voucher *voucher)
{
    struct pp_hash digest;
    const struct pp_voucher_fields fields = {channel->id, channel->lane_id, voucher->spent,
                                             voucher->refund_ack, voucher->context};
    pp_voucher_digest(&c->terms->domain, &fields, &digest);
    return is_signed(c, &voucher->signature, &digest, &channel->config.signer);
}

/* Merges the counters into *out: PP_SKIP_NONE, or why not. */
static enum pp_skip_reason merge(const struct call *c, const struct sim_channel *channel,
                                 const struct pp_abi_voucher *voucher, const struct pp_abi_refund *refund,
                                 struct pp_chain_lane *out)
{
    if (refund->signature.bytes[64] != 0 && pp_grains_lt(out->refunded, refund->refunded)) {
        if (!refund_is_good(c, &channel->id, channel->lane_id, refund))
            return PP_SKIP_REFUND_SIGNATURE;
        out->refunded = refund->refunded;
    }
    if (voucher->signature.bytes[64] != 0 && pp_grains_lt(out->spent, voucher->spent)) {
        if (pp_grains_lt(out->refunded, voucher->refund_ack))
            return PP_SKIP_REFUND_MISSING;
        if (!voucher_is_good(c, channel, voucher))
            return PP_SKIP_VOUCHER_SIGNATURE;
        out->spent = voucher->spent;
    }
    return PP_SKIP_NONE;
}

static void settled_log(struct call *c, const struct sim_channel *channel, const struct pp_hash *report,
                        struct pp_grains earned, uint64_t credit)
{
    struct pp_writer w = log_begin(c->logs, PP_LOG_LANE_SETTLED);
    log_topic_hash(c->logs, channel->id.bytes);
    log_topic_number(c->logs, channel->lane_id);
    log_topic_hash(c->logs, report->bytes);
    word_write(&w, channel->lane.spent.raw);
    word_write(&w, channel->lane.refunded.raw);
    word_write(&w, earned.raw);
    word_write(&w, channel->lane.vested.raw);
    word_write(&w, credit);
    log_end(c->logs, &w);
}

static pp_u128 least(pp_u128 a, pp_u128 b)
{
    return a < b ? a : b;
}

/* max(vested, min(E, clamp(S - R, 0, cap))) */
static struct pp_grains pool_of(const struct pp_chain_lane *lane, struct pp_grains earned)
{
    pp_u128 net = lane->spent.raw > lane->refunded.raw ? lane->spent.raw - lane->refunded.raw : 0;
    pp_u128 pool = least(earned.raw, least(net, (pp_u128)lane->cap.raw * GRAINS_PER_UNIT));
    return pool > lane->vested.raw ? pp_grains(pool) : lane->vested;
}

struct claim {
    struct pp_abi_claim of;
    bool proven;
    size_t index;
};

static bool settle_lane(struct call *c, const struct claim *claim, const struct sim_report *report)
{
    const struct pp_lane_leaf *leaf = &claim->of.leaf;
    struct sim_channel *channel = sim_escrow_channel(c->state, &leaf->channel_id);
    if (!channel || channel->lane_id != leaf->lane)
        return skip(c, &leaf->channel_id, leaf->lane, claim->index, PP_SKIP_CHANNEL_UNKNOWN);
    if (channel->state == PP_CHANNEL_CHAIN_CLOSED)
        return skip(c, &channel->id, leaf->lane, claim->index, PP_SKIP_CHANNEL_CLOSED);
    if (!claim->proven)
        return skip(c, &channel->id, leaf->lane, claim->index, PP_SKIP_BAD_PROOF);
    struct pp_chain_lane next = channel->lane;
    enum pp_skip_reason reason = merge(c, channel, &claim->of.voucher, &claim->of.refund, &next);
    if (reason != PP_SKIP_NONE)
        return skip(c, &channel->id, leaf->lane, claim->index, reason);
    next.vested = pool_of(&next, leaf->earned);
    if (memcmp(&next, &channel->lane, sizeof next) == 0)
        return skip(c, &channel->id, leaf->lane, claim->index, PP_SKIP_NO_CHANGE);
    const uint64_t credit =
        (uint64_t)(next.vested.raw / GRAINS_PER_UNIT - channel->lane.vested.raw / GRAINS_PER_UNIT);
    channel->lane = next;
    channel->credited += credit;
    channel->has_dust = next.vested.raw % GRAINS_PER_UNIT != 0;
    c->state->received += credit;
    settled_log(c, channel, &report->hash, leaf->earned, credit);
    return true;
}

static void read_claim(struct call *c, struct claim *out)
{
    struct pp_lane_leaf *leaf = &out->of.leaf;
    out->of.config = read_config(&c->r);
    config_id(c->terms, &out->of.config, &leaf->channel_id);
    leaf->lane = word_read_u32(&c->r);
    out->of.voucher = read_voucher(&c->r);
    out->of.refund = read_refund(&c->r);
    leaf->spent = word_read_grains(&c->r);
    leaf->refunded = word_read_grains(&c->r);
    leaf->earned = word_read_grains(&c->r);
    leaf->forfeited = word_read_grains(&c->r);
    leaf->owed = word_read_grains(&c->r);
}

static void read_proof(struct call *c, const struct pp_epoch_report_fields *report, struct claim *out)
{
    skip_words(&c->r, 1);
    const uint64_t length = word_read_u64(&c->r);
    pp_expect(length <= PROOF_MAX);
    out->of.proof.length = (uint8_t)length;
    for (size_t i = 0; i < length; i++)
        pp_read_bytes(&c->r, out->of.proof.path[i].bytes, 32);
    out->proven = pp_lane_proof_verify(&report->lanes_root, &out->of.leaf, &out->of.proof) == PP_OK;
}

static bool settle(struct call *c)
{
    const struct pp_epoch_report_fields report = read_report(&c->r);
    skip_words(&c->r, 1);
    const uint64_t count = word_read_u64(&c->r);
    pp_expect(count <= SIM_CALL_LANES_MAX);
    skip_words(&c->r, count);
    const struct sim_report *vested = vested_report(c, &report);
    if (!vested)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct claim claim = {.index = i};
        read_claim(c, &claim);
        read_proof(c, &report, &claim);
        pp_expect(c->r.error == PP_OK);
        (void)settle_lane(c, &claim, vested);
    }
    return true;
}

static bool batch_is_proven(struct call *c, const struct pp_epoch_report_fields *report,
                            const struct claim *claims, size_t count)
{
    struct pp_hash path[PROOF_MAX], leaves[SIM_CALL_LANES_MAX];
    struct pp_lane_multiproof *proof = calloc(1, sizeof *proof);
    pp_expect(proof != NULL);
    proof->path_length = word_read_u64(&c->r);
    pp_expect(proof->path_length <= PROOF_MAX);
    for (size_t i = 0; i < proof->path_length; i++) {
        pp_read_bytes(&c->r, path[i].bytes, 32);
        proof->path[i] = &path[i];
    }
    proof->flag_count = word_read_u64(&c->r);
    pp_expect(proof->flag_count <= PROOF_MAX);
    for (size_t i = 0; i < proof->flag_count; i++)
        proof->flags[i] = word_read(&c->r, 1) != 0;
    pp_expect(pp_reader_finish(&c->r) == PP_OK);
    for (size_t i = 0; i < count; i++)
        pp_lane_leaf_hash(&claims[i].of.leaf, &leaves[i]);
    const bool proven = pp_lane_multiproof_verify(&report->lanes_root, leaves, count, proof) == PP_OK;
    free(proof);
    return proven;
}

static bool settle_batch(struct call *c)
{
    struct claim claims[SIM_CALL_LANES_MAX];
    const struct pp_epoch_report_fields report = read_report(&c->r);
    skip_words(&c->r, 3);
    const uint64_t count = word_read_u64(&c->r);
    pp_expect(count <= SIM_CALL_LANES_MAX);
    for (size_t i = 0; i < count; i++) {
        claims[i] = (struct claim){.index = i, .proven = true};
        read_claim(c, &claims[i]);
    }
    const bool proven = batch_is_proven(c, &report, claims, count);
    const struct sim_report *vested = vested_report(c, &report);
    if (!vested)
        return false;
    if (!proven)
        return revert(c, "BatchProofInvalid(bytes32,bytes32)", 0, 0);
    for (size_t i = 0; i < count; i++)
        (void)settle_lane(c, &claims[i], vested);
    return true;
}

static bool post_refund(struct call *c)
{
    const struct pp_channel_config config = read_config(&c->r);
    const uint32_t lane = word_read_u32(&c->r);
    const struct pp_abi_refund refund = read_refund(&c->r);
    pp_expect(pp_reader_finish(&c->r) == PP_OK);
    struct sim_channel *channel = live_channel(c, &config);
    if (!channel)
        return false;
    if (lane != channel->lane_id || !pp_grains_lt(channel->lane.refunded, refund.refunded))
        return revert(c, "NotHigher(uint96,uint96)", (uint64_t)channel->lane.refunded.raw,
                      (uint64_t)refund.refunded.raw);
    if (!refund_is_good(c, &channel->id, lane, &refund))
        return revert(c, "InvalidSignature(address,address)", 0, 0);
    channel->lane.refunded = refund.refunded;
    struct pp_writer w = log_begin(c->logs, PP_LOG_REFUND_POSTED);
    log_topic_hash(c->logs, channel->id.bytes);
    log_topic_number(c->logs, lane);
    word_write(&w, refund.refunded.raw);
    word_write_hash(&w, refund.reasons.bytes);
    log_end(c->logs, &w);
    return true;
}

static bool post_voucher(struct call *c)
{
    const struct pp_channel_config config = read_config(&c->r);
    const uint32_t lane = word_read_u32(&c->r);
    const struct pp_abi_voucher voucher = read_voucher(&c->r);
    const struct pp_abi_refund refund = read_refund(&c->r);
    pp_expect(pp_reader_finish(&c->r) == PP_OK);
    struct sim_channel *channel = live_channel(c, &config);
    if (!channel)
        return false;
    if (lane != channel->lane_id || !pp_grains_lt(channel->lane.spent, voucher.spent))
        return revert(c, "NotHigher(uint96,uint96)", (uint64_t)channel->lane.spent.raw,
                      (uint64_t)voucher.spent.raw);
    struct pp_chain_lane next = channel->lane;
    enum pp_skip_reason reason = merge(c, channel, &voucher, &refund, &next);
    if (reason == PP_SKIP_REFUND_MISSING)
        return revert(c, "RefundMissing(uint96,uint96)", (uint64_t)voucher.refund_ack.raw,
                      (uint64_t)next.refunded.raw);
    if (reason != PP_SKIP_NONE)
        return revert(c, "InvalidSignature(address,address)", 0, 0);
    channel->lane = next;
    struct pp_writer w = log_begin(c->logs, PP_LOG_VOUCHER_POSTED);
    log_topic_hash(c->logs, channel->id.bytes);
    log_topic_number(c->logs, lane);
    word_write(&w, voucher.spent.raw);
    word_write(&w, voucher.refund_ack.raw);
    word_write_hash(&w, voucher.context.bytes);
    log_end(c->logs, &w);
    return true;
}

/* ---- caps ---- */

static void cap_change(struct sim_logs *logs, struct sim_channel *channel, uint64_t cap)
{
    struct pp_writer w = log_begin(logs, PP_LOG_LANE_CAP_CHANGED);
    log_topic_hash(logs, channel->id.bytes);
    log_topic_number(logs, channel->lane_id);
    word_write(&w, channel->lane.cap.raw);
    word_write(&w, cap);
    word_write(&w, ++channel->lane.seq);
    log_end(logs, &w);
    channel->allocated = cap;
    channel->lane.cap = pp_units(cap);
}

static bool release(struct call *c)
{
    const struct pp_channel_config config = read_config(&c->r);
    skip_words(&c->r, 1);
    pp_expect(word_read_u64(&c->r) == 1);
    const uint32_t lane = word_read_u32(&c->r);
    const uint64_t old_cap = word_read_u64(&c->r), new_cap = word_read_u64(&c->r), seq = word_read_u64(&c->r);
    struct pp_signature signature;
    struct pp_hash digest;
    read_signature(&c->r, &signature);
    pp_expect(pp_reader_finish(&c->r) == PP_OK);
    struct sim_channel *channel = live_channel(c, &config);
    if (!channel)
        return false;
    if (lane != channel->lane_id || old_cap != channel->lane.cap.raw || seq != channel->lane.seq)
        return revert(c, "ReleaseStale(uint32,uint64,uint96,uint64,uint64)", lane, channel->lane.cap.raw);
    if (new_cap >= channel->lane.cap.raw)
        return revert(c, "CapNotLowered(uint32,uint64,uint96)", lane, new_cap);
    if ((pp_u128)new_cap * GRAINS_PER_UNIT < channel->lane.vested.raw)
        return revert(c, "CapBelowVested(uint32,uint256,uint96)", lane, new_cap);
    const struct pp_lane_release_fields fields = {channel->id, lane, pp_units(old_cap), pp_units(new_cap),
                                                  seq};
    pp_lane_release_digest(&c->terms->domain, &fields, &digest);
    if (!is_signed(c, &signature, &digest, &c->terms->operator_key))
        return revert(c, "InvalidSignature(address,address)", 0, 0);
    cap_change(c->logs, channel, new_cap);
    return true;
}

/* ---- payouts ---- */

static bool payout_pay(struct call *c, const struct pp_payout *payout, const struct pp_hash *report)
{
    struct sim_escrow *state = c->state;
    uint64_t *claimed_by = payout->node_id == 0 ? &state->claimed_by_treasury : &state->claimed_by_node;
    if (payout->amount.raw <= *claimed_by)
        return revert(c, "NothingToClaim(uint128,uint128)", *claimed_by, payout->amount.raw);
    const uint64_t due = payout->amount.raw - *claimed_by;
    if (state->claimed + due > state->received)
        return revert(c, "PoolExceeded(uint256,uint256)", state->claimed + due, state->received);
    *claimed_by += due;
    state->claimed += due;
    state->balance -= due;
    struct pp_writer w = log_begin(c->logs, PP_LOG_PAYOUT_CLAIMED);
    log_topic_number(c->logs, payout->node_id);
    log_topic_address(c->logs, &payout->payee);
    log_topic_hash(c->logs, report->bytes);
    word_write(&w, due);
    word_write(&w, payout->amount.raw);
    log_end(c->logs, &w);
    return true;
}

static bool claim_payout(struct call *c)
{
    struct pp_payout payout;
    struct pp_payout_proof proof = {0};
    const struct pp_epoch_report_fields report = read_report(&c->r);
    payout.node_id = word_read_u32(&c->r);
    word_read_address(&c->r, &payout.payee);
    payout.amount = word_read_units_u128(&c->r);
    skip_words(&c->r, 1);
    proof.length = (uint8_t)word_read(&c->r, 8);
    pp_expect(proof.length <= PP_PAYOUT_PATH_MAX);
    for (size_t i = 0; i < proof.length; i++) {
        pp_read_bytes(&c->r, proof.path[i].hash.bytes, 32);
        proof.path[i].sum = word_read(&c->r, 128);
        proof.path[i].on_left = word_read(&c->r, 1) != 0;
    }
    pp_expect(pp_reader_finish(&c->r) == PP_OK);
    const struct sim_report *vested = vested_report(c, &report);
    if (!vested)
        return false;
    if (vested->chain.superseded_at_s != 0 && c->now.time_s >= vested->chain.superseded_at_s)
        return revert(c, "ReportSuperseded(uint64,uint64)", vested->chain.superseded_at_s, c->now.time_s);
    const struct pp_address *expected = payout.node_id == 0 ? &c->terms->treasury : &c->terms->payee;
    if ((payout.node_id != 0 && payout.node_id != c->terms->node_id) ||
        !pp_address_eq(&payout.payee, expected))
        return revert(c, "PayeeMismatch(address,address)", 0, 0);
    if (pp_payout_verify(&report.payout_root, report.payout_total, &payout, &proof) != PP_OK)
        return revert(c, "PayoutProofInvalid(bytes32,bytes32)", 0, 0);
    return payout_pay(c, &payout, &vested->hash);
}

/* ---- views ---- */

static void view_channel(struct call *c)
{
    struct pp_channel_id id;
    pp_read_bytes(&c->r, id.bytes, 32);
    const struct sim_channel *channel = sim_escrow_channel(c->state, &id),
                             none = {.state = PP_CHANNEL_CHAIN_NONE};
    channel = channel ? channel : &none;
    word_write(&c->out, channel->state);
    word_write(&c->out, channel->deposit);
    word_write(&c->out, channel->allocated);
    word_write(&c->out, channel->credited);
    word_write(&c->out, channel->credited + channel->has_dust);
    word_write(&c->out, channel->state == PP_CHANNEL_CHAIN_CLOSING ? channel->closable_at_s : 0);
}

static void view_lane(struct call *c)
{
    struct pp_channel_id id;
    pp_read_bytes(&c->r, id.bytes, 32);
    const uint32_t lane_id = word_read_u32(&c->r);
    const struct sim_channel *channel = sim_escrow_channel(c->state, &id);
    const struct pp_chain_lane none = {.seq = 0};
    const struct pp_chain_lane *lane = channel && channel->lane_id == lane_id ? &channel->lane : &none;
    word_write(&c->out, lane->spent.raw);
    word_write(&c->out, lane->refunded.raw);
    word_write(&c->out, lane->cap.raw);
    word_write(&c->out, lane->vested.raw);
    word_write(&c->out, lane->seq);
}

static void view_report(struct call *c)
{
    struct pp_hash hash;
    pp_read_bytes(&c->r, hash.bytes, 32);
    const struct sim_report *report = report_find(c->state, &hash);
    word_write(&c->out, report ? report->chain.epoch : 0);
    word_write(&c->out, report ? report->chain.vests_at_s : 0);
    word_write(&c->out, report ? report->chain.superseded_at_s : 0);
}

static void view_operator(struct call *c)
{
    const bool known = word_read_u32(&c->r) == c->terms->node_id;
    const struct pp_address nobody = {{0}};
    word_write(&c->out, known ? PP_OPERATOR_CHAIN_ACTIVE : PP_OPERATOR_CHAIN_NONE);
    word_write_address(&c->out, known ? &c->terms->operator_key : &nobody);
    word_write_address(&c->out, known ? &c->terms->payee : &nobody);
    word_write(&c->out, 0);
}

static void view_timers(struct call *c)
{
    const struct pp_chain_timers *t = &c->terms->timers;
    const uint32_t all[] = {t->freshness, t->replication, t->epoch,        t->missed_epochs,
                            t->signing,   t->vesting,     t->claim_margin, t->challenge};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        word_write(&c->out, all[i]);
}

static void view_head(struct call *c)
{
    word_write_hash(&c->out, c->state->head.hash.bytes);
    word_write(&c->out, c->state->head.epoch);
    word_write(&c->out, c->state->head.block_number);
    word_write(&c->out, c->state->head.end_time_s);
}

static void view_pool(struct call *c)
{
    word_write(&c->out, c->state->received);
    word_write(&c->out, c->state->claimed);
}

static void view_claimed(struct call *c)
{
    const uint32_t node_id = word_read_u32(&c->r);
    word_write(&c->out, node_id == 0                   ? c->state->claimed_by_treasury
                        : node_id == c->terms->node_id ? c->state->claimed_by_node
                                                       : 0);
}

static void view_token(struct call *c)
{
    word_write_address(&c->out, &c->terms->token);
}

static void view_treasury(struct call *c)
{
    word_write_address(&c->out, &c->terms->treasury);
}

static void view_share(struct call *c)
{
    word_write(&c->out, c->terms->protocol_share_bps);
}

/* ---- which function ---- */

static bool dispatch(struct call *c, enum pp_abi_function function)
{
    static bool (*const changes[PP_ABI_FUNCTION_COUNT])(struct call *) = {
        [PP_ABI_POST_REPORT] = post_report,   [PP_ABI_SETTLE] = settle,
        [PP_ABI_SETTLE_BATCH] = settle_batch, [PP_ABI_POST_REFUND] = post_refund,
        [PP_ABI_POST_VOUCHER] = post_voucher, [PP_ABI_RELEASE] = release,
        [PP_ABI_CLAIM_PAYOUT] = claim_payout,
    };
    static void (*const views[PP_ABI_FUNCTION_COUNT])(struct call *) = {
        [PP_ABI_CHANNEL_OF] = view_channel,
        [PP_ABI_LANE_OF] = view_lane,
        [PP_ABI_REPORT_OF] = view_report,
        [PP_ABI_OPERATOR_OF] = view_operator,
        [PP_ABI_TIMERS] = view_timers,
        [PP_ABI_LAST_REPORT] = view_head,
        [PP_ABI_POOL] = view_pool,
        [PP_ABI_PAYOUT_CLAIMED] = view_claimed,
        [PP_ABI_TOKEN] = view_token,
        [PP_ABI_TREASURY] = view_treasury,
        [PP_ABI_PROTOCOL_SHARE] = view_share,
    };
    if (changes[function])
        return changes[function](c);
    pp_expect(views[function] != NULL); /* a call that the model does not have */
    views[function](c);
    pp_expect(pp_reader_finish(&c->r) == PP_OK);
    return true;
}

/* Thirty hashes: once, not at every call. */
void sim_terms_finish(struct sim_terms *terms)
{
    for (unsigned i = 0; i < PP_ABI_FUNCTION_COUNT; i++)
        pp_abi_selector((enum pp_abi_function)i, terms->selectors[i]);
}

static enum pp_abi_function function_of(const struct sim_terms *terms, const uint8_t selector[4])
{
    unsigned i = 0;
    while (i < PP_ABI_FUNCTION_COUNT && memcmp(terms->selectors[i], selector, 4) != 0)
        i++;
    return (enum pp_abi_function)i;
}

bool sim_escrow_call(const struct sim_terms *terms, struct sim_escrow *state, struct sim_now now,
                     const uint8_t *data, size_t length, struct sim_logs *logs, struct sim_result *out_result)
{
    const struct sim_escrow before = *state;
    struct call c = {.terms = terms, .state = state, .now = now, .logs = logs};
    pp_writer_init(&c.out, out_result->bytes, sizeof out_result->bytes);
    enum pp_abi_function function = length >= 4 ? function_of(terms, data) : PP_ABI_FUNCTION_COUNT;
    bool done = false;
    logs->count = 0;
    if (function != PP_ABI_FUNCTION_COUNT) {
        pp_reader_init(&c.r, data + 4, length - 4);
        done = dispatch(&c, function);
    }
    if (!done) {
        *state = before;
        logs->count = 0;
    }
    out_result->length = c.out.length;
    return done;
}

/* ---- what payers do ---- */

static bool open_channel(const struct sim_terms *terms, struct sim_escrow *state, const struct sim_wish *wish,
                         const struct pp_channel_id *id, struct sim_logs *logs)
{
    pp_expect(state->channel_count < SIM_CHANNELS_MAX);
    struct sim_channel *channel = &state->channels[state->channel_count++];
    (void)terms;
    *channel = (struct sim_channel){.id = *id,
                                    .config = wish->config,
                                    .state = PP_CHANNEL_CHAIN_OPEN,
                                    .deposit = wish->amount,
                                    .lane_id = wish->lane_id};
    state->balance += wish->amount;
    struct pp_writer w = log_begin(logs, PP_LOG_CHANNEL_OPENED);
    log_topic_hash(logs, id->bytes);
    log_topic_address(logs, &wish->config.payer);
    log_topic_address(logs, &wish->config.signer);
    word_write(&w, wish->config.nonce);
    word_write(&w, wish->amount);
    log_end(logs, &w);
    cap_change(logs, channel, wish->amount);
    return true;
}

static bool top_up(struct sim_escrow *state, struct sim_channel *channel, uint64_t amount,
                   struct sim_logs *logs)
{
    if (channel->state != PP_CHANNEL_CHAIN_OPEN)
        return false;
    channel->deposit += amount;
    state->balance += amount;
    struct pp_writer w = log_begin(logs, PP_LOG_CHANNEL_TOPPED_UP);
    log_topic_hash(logs, channel->id.bytes);
    word_write(&w, amount);
    word_write(&w, channel->deposit);
    log_end(logs, &w);
    cap_change(logs, channel, channel->lane.cap.raw + amount);
    return true;
}

static bool is_spent(const struct sim_channel *channel)
{
    return channel->allocated == channel->credited + channel->has_dust;
}

static bool close_now(struct sim_escrow *state, struct sim_channel *channel, struct sim_logs *logs)
{
    channel->returned = channel->deposit - channel->credited;
    channel->state = PP_CHANNEL_CHAIN_CLOSED;
    state->balance -= channel->returned;
    struct pp_writer w = log_begin(logs, PP_LOG_CHANNEL_CLOSED);
    log_topic_hash(logs, channel->id.bytes);
    log_topic_address(logs, &channel->config.payer);
    word_write(&w, channel->credited);
    word_write(&w, channel->returned);
    log_end(logs, &w);
    return true;
}

static bool request_close(const struct sim_terms *terms, struct sim_escrow *state,
                          struct sim_channel *channel, struct sim_now now, struct sim_logs *logs)
{
    if (channel->state != PP_CHANNEL_CHAIN_OPEN)
        return false;
    const uint64_t closable_at_s = now.time_s + terms->timers.challenge;
    struct pp_writer w = log_begin(logs, PP_LOG_CLOSE_REQUESTED);
    log_topic_hash(logs, channel->id.bytes);
    word_write(&w, closable_at_s);
    log_end(logs, &w);
    if (is_spent(channel))
        return close_now(state, channel, logs);
    channel->state = PP_CHANNEL_CHAIN_CLOSING;
    channel->closable_at_s = closable_at_s;
    return true;
}

static bool cancel_close(struct sim_channel *channel, struct sim_logs *logs)
{
    if (channel->state != PP_CHANNEL_CHAIN_CLOSING)
        return false;
    channel->state = PP_CHANNEL_CHAIN_OPEN;
    channel->closable_at_s = 0;
    struct pp_writer w = log_begin(logs, PP_LOG_CLOSE_CANCELLED);
    log_topic_hash(logs, channel->id.bytes);
    log_end(logs, &w);
    return true;
}

static bool finalize_close(struct sim_escrow *state, struct sim_channel *channel, struct sim_now now,
                           struct sim_logs *logs)
{
    if (channel->state != PP_CHANNEL_CHAIN_CLOSING ||
        (now.time_s < channel->closable_at_s && !is_spent(channel)))
        return false;
    return close_now(state, channel, logs);
}

bool sim_escrow_do(const struct sim_terms *terms, struct sim_escrow *state, struct sim_now now,
                   const struct sim_wish *wish, struct sim_logs *logs)
{
    struct pp_channel_id id;
    logs->count = 0;
    if (wish->deed == SIM_DEED_NONE)
        return true;
    config_id(terms, &wish->config, &id);
    struct sim_channel *channel = sim_escrow_channel(state, &id);
    if (wish->deed == SIM_DEED_OPEN)
        return !channel && open_channel(terms, state, wish, &id, logs);
    if (!channel)
        return false;
    switch (wish->deed) {
    case SIM_DEED_TOP_UP:
        return top_up(state, channel, wish->amount, logs);
    case SIM_DEED_REQUEST_CLOSE:
        return request_close(terms, state, channel, now, logs);
    case SIM_DEED_CANCEL_CLOSE:
        return cancel_close(channel, logs);
    case SIM_DEED_FINALIZE_CLOSE:
        return finalize_close(state, channel, now, logs);
    case SIM_DEED_NONE:
    case SIM_DEED_OPEN:
        break;
    }
    return false;
}
