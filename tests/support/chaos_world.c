#include "chaos_parts.h"

#include "pp_test.h"

#include <pp/day.h>
#include <pp/price.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define UNIT UINT64_C(1000000)
#define CYCLES_LEAST 1u
#define CYCLES_MORE 2u
#define CALM_CYCLES_MOST 24u
#define KILLS_MOST 8u
#define KILL_MOMENTS 90u /* what a run with two or three transactions takes */
#define RETENTION_DAYS_MOST 2u
#define DAY_S 86400u

/* ---- what the parts share ---- */

uint64_t chaos_any(struct chaos *c, uint64_t below)
{
    return pp_rng_below(&c->rng, below);
}

static void clock_set(struct chaos *c)
{
    atomic_store(&c->fixture.now_ms, c->chain.time_ms);
}

void chaos_pass(struct chaos *c, uint64_t ms)
{
    sim_chain_pass(&c->chain, ms);
    clock_set(c);
}

void chaos_skip(struct chaos *c, uint64_t seconds)
{
    sim_chain_skip(&c->chain, seconds);
    clock_set(c);
}

void chaos_calm(struct chaos *c, bool calm)
{
    c->chain.calm = calm;
    c->watch_line.network.calm = calm;
    c->job_line.network.calm = calm;
}

void chaos_folder(struct chaos *c, const char *name, char out[280])
{
    ck_assert_int_lt(snprintf(out, 280, "%.200s/%s-%u", c->dir.path, name, c->folders++), 280);
    ck_assert_int_eq(mkdir(out, 0700), 0);
}

void chaos_file_copy(const char *from_dir, const char *to_dir, const char *name, bool must)
{
    char path[400];
    size_t length;
    snprintf(path, sizeof path, "%s/%s", from_dir, name);
    struct stat status;
    if (!must && stat(path, &status) != 0)
        return;
    char *bytes = pp_file_load(path, &length);
    snprintf(path, sizeof path, "%s/%s", to_dir, name);
    FILE *out = fopen(path, "wb");
    ck_assert_ptr_nonnull(out);
    ck_assert_uint_eq(fwrite(bytes, 1, length, out), length);
    ck_assert_int_eq(fclose(out), 0);
    free(bytes);
}

uint32_t chaos_day(const struct chaos *c)
{
    return pp_day_of(c->chain.time_ms);
}

const struct sim_escrow *chaos_escrow(const struct chaos *c)
{
    return &c->chain.main.blocks[c->chain.main.count - 1]->escrow;
}

/* ---- the beginning ---- */

static void line_carry(void *context, const char *url, const char *question, struct pp_rpc_reply *out)
{
    struct chaos_line *line = context;
    sim_network_carry(&line->network, url, question, out);
    clock_set(line->chaos);
}

static struct sim_profile profile_draw(struct chaos *c)
{
    static const uint64_t block_ms[] = {50, 250, 1000, 2000, 12000, 60000, 150000};
    static const unsigned rare[] = {0, 200, 60, 20, 8};
    return (struct sim_profile){
        .block_ms = block_ms[chaos_any(c, sizeof block_ms / sizeof block_ms[0])],
        .finality = 2 + chaos_any(c, 7),
        .reorg_one_in = rare[chaos_any(c, 5)],
        .surge_one_in = rare[chaos_any(c, 4)],
        .foreign_one_in = rare[chaos_any(c, 4)],
        .copied_one_in = rare[chaos_any(c, 5)],
        .forget_one_in = rare[chaos_any(c, 4)],
        .has_bloom = chaos_any(c, 4) != 0,
        .pool_is_strict = chaos_any(c, 2) != 0,
    };
}

/* The weather: some kinds of faults often, others seldom, others never. */
static void line_init(struct chaos *c, struct chaos_line *line)
{
    static const unsigned per_mille[] = {0, 0, 2, 10, 40};
    line->chaos = c;
    line->carrier = (struct pp_rpc_carrier){line_carry, line};
    sim_network_init(&line->network, &c->chain, pp_rng_u64(&c->rng));
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++)
        line->network.faults_per_mille[i] = per_mille[chaos_any(c, sizeof per_mille / sizeof per_mille[0])];
    const uint64_t ten_blocks = 10 * c->chain.profile.block_ms;
    line->network.timeout_ms = ten_blocks < 1000 ? 1000 : ten_blocks < 10000 ? ten_blocks : 10000;
}

static void terms_set(const struct pp_fixture *fixture, struct sim_terms *out)
{
    static const struct pp_address token = {{0x70, 0x01}};
    *out = (struct sim_terms){
        .domain = fixture->config.domain,
        .crypto = fixture->crypto,
        .timers = {600, 600, (uint32_t)fixture->config.epoch_seconds, 1, 3600, DAY_S, 21600, 3 * DAY_S},
        .node_id = FIXTURE_NODE_ID,
        .operator_key = fixture->operator_address,
        .payee = fixture->config.payee,
        .treasury = fixture->config.treasury,
        .token = token,
        .protocol_share_bps = fixture->config.protocol_share_bps,
    };
    sim_terms_finish(out);
}

static void fixture_begin(struct chaos *c)
{
    chaos_folder(c, "node", c->node_dir);
    pp_fixture_init(&c->fixture, c->node_dir, true);
    c->fixture.rates.base_grains = 600007;
    c->fixture.rates.storage_grains = 1009;
    c->fixture.config.map_bytes = UINT64_C(64) << 20;
    c->fixture.config.lanes_max = 16;
    c->fixture.config.verify_threads = 1;
}

static void chain_begin(struct chaos *c)
{
    struct sim_terms terms;
    struct pp_address account;
    c->gas_key = (struct pp_secret_key){{0x5e, 0x77}};
    ck_assert_ok(pp_secret_key_address(c->fixture.crypto, &c->gas_key, &account));
    terms_set(&c->fixture, &terms);
    const struct sim_profile profile = profile_draw(c);
    sim_chain_init(&c->chain, &terms, &account, &profile, pp_rng_u64(&c->rng),
                   FIXTURE_START_MS + 3600000 + chaos_any(c, 43200000));
    c->poll_ms = (uint32_t)(profile.block_ms < 500 ? 500 : profile.block_ms);
    c->fees =
        (struct pp_fee_policy){.most = 1000 * SIM_GWEI, .stuck_after = profile.block_ms < 1000 ? 40 : 4};
    clock_set(c);
}

static void payers_begin(struct chaos *c)
{
    c->payer_count = 1 + (unsigned)chaos_any(c, CHAOS_PAYERS);
    for (unsigned i = 0; i < c->payer_count; i++) {
        struct chaos_payer *payer = &c->payers[i];
        pp_sender_init(&payer->sender, &c->fixture, i);
        audit_lane_init(&payer->lane);
        payer->deposit = 2000 + chaos_any(c, 8000);
        sim_chain_wish(&c->chain,
                       &(struct sim_wish){SIM_DEED_OPEN, payer->sender.config, FIXTURE_LANE, payer->deposit});
    }
}

static void begin(struct chaos *c, uint64_t seed, struct chaos_summary *summary)
{
    *c = (struct chaos){.seed = seed, .summary = summary, .rests_most = 400};
    *summary = (struct chaos_summary){0};
    pp_rng_init(&c->rng, seed);
    pp_temp_dir_make(&c->dir);
    fixture_begin(c);
    chain_begin(c);
    line_init(c, &c->watch_line);
    line_init(c, &c->job_line);
    chaos_folder(c, "job", c->job_dir);
    payers_begin(c);
    chaos_node_start(c);
}

/* ---- what payers do ---- */

static void send(struct chaos *c, struct chaos_payer *payer)
{
    struct pp_made_request made;
    struct pp_answer answer;
    struct pp_sender trial = payer->sender;
    const size_t count = 1 + chaos_any(c, 4);
    if (payer->lane.count + count > AUDIT_STAMPS_MAX)
        return;
    const struct pp_parcel_of parcel = {1 + chaos_any(c, 2000),
                                        (uint16_t)(1 + chaos_any(c, RETENTION_DAYS_MOST))};
    pp_request_make(&made, &c->fixture, &trial, count, parcel, pp_rng_u64(&c->rng));
    pp_submit_wait(c->fixture.node, &made.request, &answer);
    for (size_t i = 0; answer.submitted == PP_OK && answer.error == PP_OK && i < count; i++) {
        if (answer.results[i].refusal.error != PP_OK)
            continue; /* it is not open yet, closing, or its view is old */
        audit_store(&payer->lane, &made.envelopes[i].leaf, &made.ids[i], chaos_day(c));
        ck_assert_ok(pp_leaf_to(&made.envelopes[i].leaf, &payer->sender.head));
    }
    pp_answer_done(&answer);
    pp_request_done(&made);
}

static void delete_one(struct chaos *c, struct chaos_payer *payer)
{
    struct pp_delete delete;
    struct pp_delete_result result;
    struct pp_signed_refund refund;
    if (payer->lane.count == 0 || payer->closing)
        return;
    const size_t at = chaos_any(c, payer->lane.count);
    const struct audit_stamp *stamp = &payer->lane.stamps[at];
    if (!audit_may_delete(&payer->lane, at, chaos_day(c)))
        return;
    pp_delete_make(&c->fixture, &payer->sender, &stamp->leaf, &stamp->id, &delete);
    ck_assert_ok(pp_node_delete(c->fixture.node, &delete, 1, &result, &refund));
    ck_assert_ok(result.refusal.error);
    ck_assert_uint_eq((uint64_t)result.refunded.raw, audit_delete(&payer->lane, at, chaos_day(c)));
    if (chaos_any(c, 2))
        payer->sender.refund_ack = refund.refunded;
}

static void leave(struct chaos *c, struct chaos_payer *payer)
{
    struct pp_signature signature;
    struct pp_signed_refund refund;
    struct pp_signed_release release;
    if (payer->lane.count == 0 || payer->closing || payer->left)
        return;
    pp_leave_sign(&c->fixture, &payer->sender, &signature);
    ck_assert_ok(pp_node_leave(c->fixture.node, &payer->sender.channel_id, FIXTURE_LANE, &signature, &refund,
                               &release));
    payer->left = true;
    payer->lane.stop_day = chaos_day(c);
    payer->lane.refunded = audit_spent(&payer->lane) - audit_earned(&payer->lane, AUDIT_NEVER);
    ck_assert_uint_eq((uint64_t)refund.refunded.raw, payer->lane.refunded);
}

static void wish(struct chaos *c, const struct chaos_payer *payer, enum sim_deed deed, uint64_t amount)
{
    sim_chain_wish(&c->chain, &(struct sim_wish){deed, payer->sender.config, FIXTURE_LANE, amount});
}

/* A close is asked for well within a day: a reorganization may move it by some blocks, not into another day. */
static bool is_midday(const struct chaos *c)
{
    const uint64_t hour = c->chain.time_ms / 3600000 % 24;
    return hour >= 3 && hour < 20;
}

static void close_wish(struct chaos *c, struct chaos_payer *payer)
{
    if (payer->closing || payer->left || !is_midday(c))
        return;
    wish(c, payer, SIM_DEED_REQUEST_CLOSE, 0);
    payer->closing = true;
    payer->close_wished_s = c->chain.time_ms / 1000;
    payer->lane.stop_day = chaos_day(c);
}

static void top_up(struct chaos *c, struct chaos_payer *payer)
{
    const uint64_t more = 1 + chaos_any(c, 500);
    if (payer->closing || payer->left)
        return;
    wish(c, payer, SIM_DEED_TOP_UP, more);
    payer->deposit += more;
}

/* One at most: their order on the chain is not certain. */
static void deed_on_chain(struct chaos *c, struct chaos_payer *payer, bool first)
{
    const uint64_t draw = chaos_any(c, 12);
    if (first)
        return; /* it may not be open yet */
    if (draw < 3)
        top_up(c, payer);
    else if (draw < 5)
        close_wish(c, payer);
    else if (draw < 7)
        leave(c, payer);
}

static void deeds(struct chaos *c, bool first)
{
    for (unsigned i = 0; i < c->payer_count; i++) {
        struct chaos_payer *payer = &c->payers[i];
        for (uint64_t sends = chaos_any(c, 4); sends > 0 && !payer->closing; sends--)
            send(c, payer);
        if (chaos_any(c, 2))
            delete_one(c, payer);
        deed_on_chain(c, payer, first);
    }
}

/* ---- a cycle: things happen, time passes, the job runs ---- */

/* Killed again and again, each time a little further on; the last one is let finish, in calm weather. */
static void job_runs(struct chaos *c)
{
    bool done = false;
    chaos_claims_open(c);
    for (unsigned i = 0; i < KILLS_MOST && !done; i++) {
        c->job_kill_at = 1 + (unsigned)chaos_any(c, KILL_MOMENTS);
        done = chaos_settle(c);
    }
    c->job_kill_at = 0;
    chaos_calm(c, true);
    ck_assert_msg(done || chaos_settle(c), "seed %lu: the job does not finish", c->seed);
    chaos_claims_close(c);
}

static void watch_runs(struct chaos *c)
{
    c->watch_moments = 0;
    c->watch_kill_at = chaos_any(c, 6) == 0 ? 1 + (unsigned)chaos_any(c, 40) : 0;
    (void)chaos_watch(c, 2);
    c->watch_kill_at = 0;
}

/* The node hears of the chain before a day begins for it: only then what a close leaves is known beforehand. */
static void hear(struct chaos *c)
{
    chaos_calm(c, true);
    ck_assert_msg(chaos_watch(c, 8), "seed %lu: the watch finds no peace", c->seed);
    chaos_tick(c);
    ck_assert_msg(chaos_watch(c, 8), "seed %lu: the watch finds no peace", c->seed);
}

static void cycle(struct chaos *c, bool first)
{
    chaos_calm(c, false);
    watch_runs(c);
    hear(c);
    deeds(c, first);
    chaos_calm(c, false);
    chaos_pass(c, 3 * c->chain.profile.block_ms);
    watch_runs(c);
    if (chaos_any(c, 8) == 0)
        chaos_node_kill(c);
    chaos_skip(c, 3600 * (9 + chaos_any(c, 9)));
    watch_runs(c);
    hear(c);
    chaos_calm(c, false);
    job_runs(c);
}

/* ---- the end ---- */

static uint64_t expected_vested(const struct chaos_payer *payer)
{
    return audit_earned(&payer->lane, AUDIT_NEVER);
}

/* Less than a unit may stay behind: it would be worth nothing to the pool (PLAN-011). */
static bool is_vested(const struct chaos_payer *payer, const struct sim_channel *channel)
{
    const uint64_t vested = (uint64_t)channel->lane.vested.raw, expected = expected_vested(payer);
    return vested <= expected && vested / UNIT == expected / UNIT;
}

static const struct sim_channel *channel_of(const struct chaos *c, const struct chaos_payer *payer)
{
    const struct sim_escrow *escrow = chaos_escrow(c);
    for (uint32_t i = 0; i < escrow->channel_count; i++)
        if (pp_channel_id_eq(&escrow->channels[i].id, &payer->sender.channel_id))
            return &escrow->channels[i];
    ck_abort_msg("seed %lu: a channel was never opened", c->seed);
}

static uint64_t all_credited(const struct chaos *c)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < c->payer_count; i++)
        sum += expected_vested(&c->payers[i]) / UNIT;
    return sum;
}

static bool is_settled(const struct chaos *c)
{
    const struct sim_escrow *escrow = chaos_escrow(c);
    bool all = escrow->received == all_credited(c) && escrow->claimed == escrow->received;
    for (unsigned i = 0; i < c->payer_count; i++) {
        const struct sim_channel *channel = channel_of(c, &c->payers[i]);
        all &= is_vested(&c->payers[i], channel);
        all &= !c->payers[i].closing || channel->state == PP_CHANNEL_CHAIN_CLOSED;
        all &=
            !c->payers[i].left || channel->lane.cap.raw == (expected_vested(&c->payers[i]) + UNIT - 1) / UNIT;
    }
    return all;
}

static void closes_finalize(struct chaos *c)
{
    const uint64_t challenge_s = c->chain.terms.timers.challenge;
    for (unsigned i = 0; i < c->payer_count; i++)
        if (c->payers[i].closing &&
            c->chain.time_ms / 1000 > c->payers[i].close_wished_s + challenge_s + 3600 &&
            channel_of(c, &c->payers[i])->state == PP_CHANNEL_CHAIN_CLOSING)
            wish(c, &c->payers[i], SIM_DEED_FINALIZE_CLOSE, 0);
}

static void calm_cycle(struct chaos *c)
{
    closes_finalize(c);
    chaos_skip(c, 3600 * 50);
    hear(c);
    chaos_claims_open(c);
    ck_assert_msg(chaos_settle(c), "seed %lu: the job does not finish", c->seed);
    chaos_claims_close(c);
}

/* CHAOS-002, CHAOS-003: what was asked for is what the chain holds. */
static void balances_check(const struct chaos *c)
{
    const struct sim_escrow *escrow = chaos_escrow(c);
    uint64_t deposits = 0, returned = 0;
    for (unsigned i = 0; i < c->payer_count; i++) {
        const struct chaos_payer *payer = &c->payers[i];
        const struct sim_channel *channel = channel_of(c, payer);
        const uint64_t vested = expected_vested(payer);
        ck_assert_msg(is_vested(payer, channel), "seed %lu: payer %u: vested %lu, expected %lu", c->seed, i,
                      (uint64_t)channel->lane.vested.raw, vested);
        ck_assert_msg(channel->credited == vested / UNIT && channel->deposit == payer->deposit,
                      "seed %lu: payer %u: credited %lu, deposit %lu", c->seed, i, channel->credited,
                      channel->deposit);
        ck_assert_msg(!payer->closing || channel->returned == payer->deposit - vested / UNIT,
                      "seed %lu: payer %u: returned %lu", c->seed, i, channel->returned);
        deposits += payer->deposit;
        returned += channel->returned;
    }
    ck_assert_msg(escrow->received == all_credited(c), "seed %lu: the pool received %lu, expected %lu",
                  c->seed, escrow->received, all_credited(c));
    ck_assert_msg(escrow->claimed_by_node + escrow->claimed_by_treasury == escrow->received,
                  "seed %lu: paid out %lu and %lu of %lu", c->seed, escrow->claimed_by_node,
                  escrow->claimed_by_treasury, escrow->received);
    ck_assert_uint_eq(escrow->balance, deposits - returned - escrow->claimed);
    const uint64_t share = escrow->received * c->chain.terms.protocol_share_bps / 10000;
    ck_assert_msg(
        escrow->claimed_by_treasury <= share && escrow->claimed_by_treasury + escrow->report_count >= share,
        "seed %lu: the treasury has %lu of %lu", c->seed, escrow->claimed_by_treasury, escrow->received);
}

static void node_check(struct chaos *c)
{
    for (unsigned i = 0; i < c->payer_count; i++) {
        const struct chaos_payer *payer = &c->payers[i];
        struct pp_lane_status status;
        if (payer->lane.count == 0)
            continue;
        ck_assert_ok(pp_node_lane_status(c->fixture.node, &payer->sender.channel_id, FIXTURE_LANE, &status));
        ck_assert_msg((uint64_t)status.earned.raw == expected_vested(payer) &&
                          (uint64_t)status.spent.raw == audit_spent(&payer->lane),
                      "seed %lu: payer %u: the node has S %lu, E %lu", c->seed, i, (uint64_t)status.spent.raw,
                      (uint64_t)status.earned.raw);
        ck_assert_uint_eq((uint64_t)status.refunded.raw, payer->lane.refunded);
    }
}

static void summary_fill(struct chaos *c)
{
    struct chaos_summary *s = c->summary;
    const struct sim_network *lines[] = {&c->watch_line.network, &c->job_line.network};
    for (unsigned i = 0; i < 2; i++) {
        s->questions += lines[i]->questions;
        for (unsigned k = 0; k < SIM_FAULT_COUNT; k++)
            s->faults[k] += lines[i]->happened[k];
    }
    s->reorgs = c->chain.reorgs;
    s->deepest_reorg = c->chain.deepest;
    s->surges = c->chain.surges;
    s->foreigners = c->chain.foreigners;
    s->copies = c->chain.copies;
    s->pool_units = chaos_escrow(c)->received;
    for (unsigned i = 0; i < c->payer_count; i++)
        s->stamps += c->payers[i].lane.count;
}

static void end(struct chaos *c)
{
    summary_fill(c);
    chain_poll_done(&c->poll);
    pp_fixture_verify(&c->fixture, NULL); /* CHAOS-004 */
    sim_network_done(&c->watch_line.network);
    sim_network_done(&c->job_line.network);
    sim_chain_done(&c->chain);
    pp_fixture_done(&c->fixture);
    pp_temp_dir_remove(&c->dir);
}

void chaos_run(uint64_t seed, struct chaos_summary *out)
{
    struct chaos *c = malloc(sizeof *c);
    ck_assert_ptr_nonnull(c);
    begin(c, seed, out);
    const unsigned cycles = CYCLES_LEAST + (unsigned)chaos_any(c, CYCLES_MORE);
    for (unsigned i = 0; i < cycles; i++)
        cycle(c, i == 0);
    for (unsigned i = 0; i < CALM_CYCLES_MOST && !is_settled(c); i++)
        calm_cycle(c);
    balances_check(c);
    node_check(c);
    chaos_effects_check(c);
    end(c);
    free(c);
}
