/* A tower against a real chain, with evidence that was handed over: each event, the last moment, kills between every two steps, a
 * reorganization, no key, a refusal. What counts is what the contract says. */
#include "anvil.h"
#include "cli_run.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/chain_contract.h>
#include <pp/chain_tower.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define LANE (PP_ANVIL_NODE << 8)
#define DEPOSIT UINT64_C(25000000)
#define SPENT UINT64_C(10000000)   /* units */
#define REFUNDED UINT64_C(1000000) /* units */
#define GWEI UINT64_C(1000000000)
#define OWNER 0u
#define PAYER 1u
#define TOWER 3u
#define KILLED 77
#define TURNS_MAX 40u

struct world {
    struct pp_anvil anvil;
    struct pp_temp_dir dir;
    struct pp_crypto *crypto;
    struct pp_domain domain;
    struct pp_secret_key signer, operator, delegate;
    struct pp_tower_evidence evidence;
    char files[300], journal[300];
    struct pp_rpc *rpc;
    struct pp_tower_files *source;
    struct pp_tower *tower;
    unsigned said[4];
    unsigned steps, kill_at; /* 0: never */
    void (*on_sign)(struct world *world);
};

/* ---- what was signed ---- */

static void voucher_sign(struct world *w, const struct pp_secret_key *key, uint64_t spent_units,
                         struct pp_abi_voucher *out)
{
    struct pp_hash digest;
    *out = (struct pp_abi_voucher){.spent = pp_units_to_grains(pp_units(spent_units)),
                                   .refund_ack = pp_units_to_grains(pp_units(REFUNDED))};
    const struct pp_voucher_fields fields = {w->evidence.channel_id, LANE, out->spent, out->refund_ack,
                                             out->context};
    pp_voucher_digest(&w->domain, &fields, &digest);
    ck_assert_ok(pp_sign(w->crypto, key, &digest, &out->signature));
}

static void refund_sign(struct world *w, const struct pp_secret_key *key, struct pp_abi_refund *out)
{
    struct pp_hash digest;
    *out = (struct pp_abi_refund){.refunded = pp_units_to_grains(pp_units(REFUNDED))};
    const struct pp_refund_fields fields = {w->evidence.channel_id, LANE, out->refunded, out->reasons};
    pp_refund_digest(&w->domain, &fields, &digest);
    ck_assert_ok(pp_sign(w->crypto, key, &digest, &out->signature));
}

static void by_delegate(struct world *w, uint64_t not_after)
{
    struct pp_abi_delegation *out = &w->evidence.delegation;
    struct pp_hash digest;
    *out = (struct pp_abi_delegation){
        .max_spent = pp_units_to_grains(pp_units(SPENT)), .lane = LANE, .not_after = not_after, .index = 7};
    ck_assert_ok(pp_secret_key_address(w->crypto, &w->delegate, &out->key));
    const struct pp_delegate_fields fields = {
        w->evidence.channel_id, out->key, out->max_spent, LANE, not_after, 7};
    pp_delegate_digest(&w->domain, &fields, &digest);
    ck_assert_ok(pp_sign(w->crypto, &w->signer, &digest, &out->signature));
    voucher_sign(w, &w->delegate, SPENT, &w->evidence.delegated);
    w->evidence.voucher = (struct pp_abi_voucher){.spent = PP_GRAINS_ZERO};
}

static void evidence_write(struct world *w)
{
    uint8_t bytes[PP_TOWER_RECORD_MAX_BYTES];
    char path[330];
    size_t length;
    ck_assert_ok(pp_tower_encode(&w->domain, &w->evidence, bytes, sizeof bytes, &length));
    snprintf(path, sizeof path, "%s/lane.evidence", w->files);
    cli_file_make(path, (const char *)bytes, length);
}

/* ---- the chain ---- */

#define SEND(w, from, write)                                                                                 \
    do {                                                                                                     \
        uint8_t call_[1024];                                                                                 \
        struct pp_writer q;                                                                                  \
        pp_writer_init(&q, call_, sizeof call_);                                                             \
        write;                                                                                               \
        pp_anvil_send(&(w)->anvil, &(w)->anvil.accounts[from], &(w)->anvil.contract, &q);                    \
    } while (0)

static void channel_open(struct world *w)
{
    const uint32_t lane = LANE;
    const struct pp_units cap = {DEPOSIT};
    const struct pp_abi_caps caps = {&lane, &cap, 1};
    uint8_t call[128];
    struct pp_writer approval;
    pp_writer_init(&approval, call, sizeof call);
    pp_abi_write_approve(&approval, &w->anvil.contract, pp_units(DEPOSIT));
    pp_anvil_send(&w->anvil, &w->anvil.accounts[PAYER], &w->anvil.token, &approval);
    w->evidence.lane = LANE;
    w->evidence.config = (struct pp_channel_config){.payer = w->anvil.accounts[PAYER]};
    ck_assert_ok(pp_secret_key_address(w->crypto, &w->signer, &w->evidence.config.signer));
    const struct pp_channel_fields fields = {w->evidence.config.payer, w->evidence.config.signer, 0};
    pp_channel_id_of(&w->domain, &fields, &w->evidence.channel_id);
    SEND(w, PAYER, pp_abi_write_deposit(&q, PP_ABI_OPEN, &w->evidence.config, pp_units(DEPOSIT), &caps));
}

static void thaw_request(struct world *w)
{
    SEND(w, PAYER, pp_abi_write_request_thaw(&q, &w->evidence.config, LANE, PP_UNITS_ZERO));
}

static void thaw_finalize(struct world *w)
{
    SEND(w, TOWER, pp_abi_write_config_part(&q, PP_ABI_FINALIZE_THAW, &w->evidence.config, LANE));
}

static struct pp_chain_lane lane_now(const struct world *w)
{
    const struct pp_contract contract = {w->rpc, w->anvil.contract};
    struct pp_chain_lane lane;
    ck_assert_ok(pp_contract_lane(&contract, &w->evidence.channel_id, LANE, &lane));
    return lane;
}

static uint64_t time_now(const struct world *w)
{
    struct pp_rpc_block block;
    ck_assert_ok(pp_rpc_block(w->rpc, PP_RPC_LATEST, &block));
    return block.block.time_s;
}

static void time_set(const struct world *w, uint64_t time_s)
{
    char params[40];
    snprintf(params, sizeof params, "[%llu]", (unsigned long long)time_s);
    json_decref(pp_anvil_rpc(&w->anvil, "evm_setNextBlockTimestamp", params));
    pp_anvil_mine(&w->anvil, 1, 1);
}

static void snapshot_take(const struct world *w, char out[80])
{
    json_t *id = pp_anvil_rpc(&w->anvil, "evm_snapshot", "[]");
    snprintf(out, 80, "[\"%s\"]", json_string_value(id));
    json_decref(id);
}

static uint64_t sent_by_tower(const struct world *w)
{
    uint64_t count;
    ck_assert_ok(pp_rpc_nonce(w->rpc, &w->anvil.accounts[TOWER], PP_RPC_LATEST, &count));
    return count;
}

static void expect_posted(const struct world *w, uint64_t spent, uint64_t refunded)
{
    const struct pp_chain_lane lane = lane_now(w);
    ck_assert_uint_eq((uint64_t)(lane.spent.raw / PP_GRAINS_PER_UNIT), spent);
    ck_assert_uint_eq((uint64_t)(lane.refunded.raw / PP_GRAINS_PER_UNIT), refunded);
}

/* ---- the world ---- */

static void world_make(struct world *w)
{
    struct pp_address operator;
    *w = (struct world){.signer = {{[31] = 11}}, .operator= {{[31] = 12}}, .delegate = {{[31] = 13}}};
    ck_assert_ok(pp_crypto_open(&w->crypto));
    ck_assert_ok(pp_secret_key_address(w->crypto, &w->operator, & operator));
    pp_temp_dir_make(&w->dir);
    snprintf(w->files, sizeof w->files, "%s", w->dir.path);
    snprintf(w->journal, sizeof w->journal, "%.280s/journal", w->dir.path);
    pp_anvil_start(&w->anvil, 2);
    pp_anvil_deploy(&w->anvil, &operator, & w->anvil.accounts[4]);
    pp_domain_init(&w->domain, PP_ANVIL_CHAIN_ID, &w->anvil.contract);
    ck_assert_ok(pp_rpc_open(w->anvil.url, 0, &w->rpc));
    channel_open(w);
    voucher_sign(w, &w->signer, SPENT, &w->evidence.voucher);
    refund_sign(w, &w->operator, & w->evidence.refund);
    evidence_write(w);
}

static void tower_close(struct world *w)
{
    pp_tower_close(w->tower);
    pp_tower_files_close(w->source);
    w->tower = NULL;
    w->source = NULL;
}

static void world_done(struct world *w)
{
    tower_close(w);
    pp_rpc_close(w->rpc);
    pp_crypto_close(w->crypto);
    pp_anvil_stop(&w->anvil);
    pp_temp_dir_remove(&w->dir);
}

static void on_saying(void *context, const struct pp_tower_saying *saying)
{
    struct world *w = context;
    w->said[saying->word]++;
}

static void on_step(void *context, const char *next)
{
    struct world *w = context;
    if (w->on_sign && strcmp(next, "SIGN") == 0)
        w->on_sign(w);
    if (++w->steps == w->kill_at)
        _exit(KILLED);
}

static enum pp_error tower_try(struct world *w, bool with_key)
{
    char reason[PP_RPC_TEXT_MAX] = "";
    ck_assert_ok(pp_tower_files_open(w->files, &w->source, NULL));
    const struct pp_tower_config config = {.rpc_url = w->anvil.url,
                                           .domain = w->domain,
                                           .source = pp_tower_files_source(w->source),
                                           .key = with_key ? &w->anvil.keys[TOWER] : NULL,
                                           .journal_dir = w->journal,
                                           .fees = {.most = 1000 * GWEI, .stuck_after = 3},
                                           .least = pp_units(1),
                                           .say = on_saying,
                                           .step = on_step,
                                           .context = w};
    return pp_tower_open(&config, &w->tower, reason);
}

static void tower_open(struct world *w, bool with_key)
{
    ck_assert_ok(tower_try(w, with_key));
}

static struct pp_tower_status turn(struct world *w, uint64_t elapsed_ms)
{
    struct pp_tower_status status;
    enum pp_error error = pp_tower_turn(w->tower, elapsed_ms);
    ck_assert_msg(error == PP_OK, "%s: %s", pp_error_name(error), pp_tower_reason(w->tower));
    pp_tower_status_get(w->tower, &status);
    return status;
}

/* Turns until nothing is due, and all that was posted is final. */
static void until_quiet(struct world *w)
{
    for (unsigned i = 0; i < TURNS_MAX; i++) {
        const struct pp_tower_status status = turn(w, 1000);
        if (status.complete && status.on_way == 0 && status.due == 0)
            return;
        pp_anvil_mine(&w->anvil, 1, 1);
    }
    ck_abort_msg("something is due after %u turns", TURNS_MAX);
}

static void until_posted(struct world *w)
{
    until_quiet(w);
    ck_assert_uint_gt(w->said[PP_TOWER_SAYS_POSTED], 0);
}

/* ---- events ---- */

/* Goal: a sender thaws its whole cap with an old state on chain; the tower, down until three seconds before the end, posts in
 * time, and what was signed stays (TOWER-005). Without it, the same chain gives the payer everything back. */
START_TEST(watchtower__thaw_to_nothing__posted_at_the_last_moment)
{
    struct world w;
    char snapshot[80];
    world_make(&w);
    thaw_request(&w);
    uint64_t thaw_at = time_now(&w) + PP_ANVIL_CHALLENGE_S;
    snapshot_take(&w, snapshot);
    time_set(&w, thaw_at);
    thaw_finalize(&w);
    ck_assert_uint_eq(lane_now(&w).cap.raw, 0);
    json_decref(pp_anvil_rpc(&w.anvil, "evm_revert", snapshot));

    time_set(&w, thaw_at - 4);
    tower_open(&w, true);
    struct pp_tower_status status = turn(&w, UINT64_MAX);
    ck_assert_uint_eq(status.due, 1);
    ck_assert_uint_eq(status.next_deadline_s, thaw_at);
    ck_assert_uint_eq(w.said[PP_TOWER_SAYS_POSTING], 1);
    ck_assert_uint_lt(time_now(&w), thaw_at);
    expect_posted(&w, SPENT, REFUNDED);
    until_posted(&w);
    time_set(&w, thaw_at + 60);
    thaw_finalize(&w);
    ck_assert_uint_eq(lane_now(&w).cap.raw, SPENT - REFUNDED);
    ck_assert_uint_eq(sent_by_tower(&w), 2); /* the posting, and the test's own finalizeThaw */
    world_done(&w);
}
END_TEST

static void close_request(struct world *w)
{
    SEND(w, PAYER, pp_abi_write_call_config(&q, PP_ABI_REQUEST_CLOSE, &w->evidence.config));
}

static void delegate_revoke(struct world *w)
{
    by_delegate(w, UINT64_MAX);
    evidence_write(w);
    SEND(w, PAYER, pp_abi_write_config_part(&q, PP_ABI_REVOKE_DELEGATE, &w->evidence.config, 7));
}

static void delegate_ends(struct world *w)
{
    by_delegate(w, time_now(w));
    evidence_write(w);
}

/* scheduleOperatorRemove(uint32), which the product does not call. */
static void operator_removal(struct world *w)
{
    static const uint8_t selector[4] = {0xb9, 0xff, 0x73, 0x04};
    static const uint8_t none[28];
    SEND(w, OWNER, {
        pp_write_bytes(&q, selector, 4);
        pp_write_bytes(&q, none, 28);
        pp_write_u32(&q, PP_ANVIL_NODE);
    });
}

/* Goal: each event is answered with what its row says, once: a second run of the tower finds nothing to do (TOWER-004, TOWER-007,
 * TOWER-008, TOWER-009). */
START_TEST(watchtower__each_event__posted_once)
{
    static void (*const events[])(struct world *) = {close_request, thaw_request, delegate_revoke,
                                                     delegate_ends, operator_removal};
    static const enum pp_tower_cause causes[] = {PP_TOWER_CLOSE, PP_TOWER_THAW, PP_TOWER_DELEGATE,
                                                 PP_TOWER_DELEGATE, PP_TOWER_OPERATOR};
    struct world w;
    char snapshot[80];
    world_make(&w);
    const struct pp_tower_evidence evidence = w.evidence;
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        struct pp_tower_lane_view view;
        snapshot_take(&w, snapshot);
        w.evidence = evidence;
        evidence_write(&w);
        events[i](&w);
        snprintf(w.journal, sizeof w.journal, "%.280s/journal%zu", w.dir.path, i);
        tower_open(&w, false);
        (void)turn(&w, UINT64_MAX);
        ck_assert_ok(pp_tower_look(w.tower, 0, &view));
        ck_assert_str_eq(pp_tower_cause_name(view.verdict.cause), pp_tower_cause_name(causes[i]));
        tower_close(&w);
        tower_open(&w, true);
        until_posted(&w);
        expect_posted(&w, SPENT, REFUNDED);
        tower_close(&w);
        uint64_t before = sent_by_tower(&w);
        tower_open(&w, true);
        for (unsigned k = 0; k < 3; k++)
            ck_assert_uint_eq(turn(&w, UINT64_MAX).due, 0);
        ck_assert_uint_eq(sent_by_tower(&w), before);
        tower_close(&w);
        json_decref(pp_anvil_rpc(&w.anvil, "evm_revert", snapshot));
    }
    world_done(&w);
}
END_TEST

/* Goal: with nothing asked for, nothing is posted, and what is at risk is told (TOWER-001, TOWER-010). */
START_TEST(watchtower__nothing_happened__nothing_posted_and_risk_told)
{
    struct world w;
    world_make(&w);
    tower_open(&w, true);
    struct pp_tower_status status = turn(&w, UINT64_MAX);
    ck_assert(status.complete && status.can_post);
    ck_assert_uint_eq(status.due, 0);
    ck_assert_uint_eq(status.earnings_at_risk.raw, SPENT - REFUNDED);
    ck_assert_uint_eq(status.refunds_at_risk.raw, REFUNDED);
    ck_assert_uint_eq(status.challenge_s, PP_ANVIL_CHALLENGE_S);
    ck_assert_uint_eq(sent_by_tower(&w), 0);
    world_done(&w);
}
END_TEST

/* ---- what goes wrong ---- */

static bool tower_in_child(struct world *w, unsigned kill_at)
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        w->kill_at = kill_at;
        tower_open(w, true);
        until_quiet(w);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == KILLED),
                  "status %x", status);
    return WEXITSTATUS(status) == 0;
}

/* Goal: killed at its first step, its second, ..., and run again, it posts once, whatever was on its way (TOWER-021). */
START_TEST(watchtower__killed_between_any_two_steps__posts_once)
{
    struct world w;
    char snapshot[80];
    unsigned kill_at = 0;
    world_make(&w);
    thaw_request(&w);
    for (bool whole = false; !whole;) {
        snapshot_take(&w, snapshot);
        snprintf(w.journal, sizeof w.journal, "%.280s/killed%u", w.dir.path, ++kill_at);
        whole = tower_in_child(&w, kill_at);
        if (!whole)
            ck_assert(tower_in_child(&w, 0));
        expect_posted(&w, SPENT, REFUNDED);
        ck_assert_uint_eq(sent_by_tower(&w), 1);
        json_decref(pp_anvil_rpc(&w.anvil, "evm_revert", snapshot));
    }
    ck_assert_uint_gt(kill_at, 6);
    world_done(&w);
}
END_TEST

/* Goal: a reorganization takes the posting away; it is sent again and becomes final (TOWER-021). */
START_TEST(watchtower__reorganized_away__posted_again)
{
    struct world w;
    char snapshot[80];
    world_make(&w);
    thaw_request(&w);
    pp_anvil_mine(&w.anvil, 4, 1);
    snapshot_take(&w, snapshot);
    tower_open(&w, true);
    (void)turn(&w, UINT64_MAX);
    expect_posted(&w, SPENT, REFUNDED);
    (void)turn(&w, UINT64_MAX); /* it saw it mined */
    json_decref(pp_anvil_rpc(&w.anvil, "evm_revert", snapshot));
    expect_posted(&w, 0, 0);
    pp_anvil_mine(&w.anvil, 1, 1);
    until_posted(&w);
    expect_posted(&w, SPENT, REFUNDED);
    ck_assert_uint_eq(w.said[PP_TOWER_SAYS_POSTING], 1);
    ck_assert_uint_eq(w.said[PP_TOWER_SAYS_POSTED], 1);
    world_done(&w);
}
END_TEST

/* Goal: without a key it says what it cannot do, once, and sends nothing (TOWER-022); a second tower on a journal is refused
 * (TOWER-024). */
START_TEST(watchtower__no_key_or_second_tower__said_and_refused)
{
    struct world w, second;
    world_make(&w);
    close_request(&w);
    tower_open(&w, false);
    for (unsigned i = 0; i < 3; i++) {
        const struct pp_tower_status status = turn(&w, UINT64_MAX);
        ck_assert(!status.can_post);
        ck_assert_uint_eq(status.due, 1);
        ck_assert_uint_gt(status.settle_by_s, time_now(&w));
    }
    ck_assert_uint_eq(w.said[PP_TOWER_SAYS_CANNOT], 1);
    ck_assert_uint_eq(sent_by_tower(&w), 0);
    tower_close(&w);
    tower_open(&w, true);
    second = w;
    ck_assert_error(tower_try(&second, true), PP_LOCKED);
    pp_tower_files_close(second.source);
    world_done(&w);
}
END_TEST

/* Every call to the contract reverts. */
static void contract_break(struct world *w)
{
    char params[120], hex[41];
    snprintf(params, sizeof params, "[\"0x%s\",\"0x60006000fd\"]",
             pp_hex_print(w->anvil.contract.bytes, 20, hex));
    json_decref(pp_anvil_rpc(&w->anvil, "anvil_setCode", params));
}

/* Goal: what the contract refuses is not tried again before the lane's next turn, and then it is (TOWER-023). Method: the
 * contract is broken between the decision and its trial. */
START_TEST(watchtower__refused__waits_for_the_next_turn)
{
    struct world w;
    char params[120], hex[41], *whole;
    world_make(&w);
    thaw_request(&w);
    snprintf(params, sizeof params, "[\"0x%s\",\"latest\"]", pp_hex_print(w.anvil.contract.bytes, 20, hex));
    json_t *code = pp_anvil_rpc(&w.anvil, "eth_getCode", params);
    size_t length = strlen(json_string_value(code)) + 100;
    whole = malloc(length);
    ck_assert_ptr_nonnull(whole);
    snprintf(whole, length, "[\"0x%s\",\"%s\"]", hex, json_string_value(code));
    json_decref(code);

    w.on_sign = contract_break;
    tower_open(&w, true);
    (void)turn(&w, UINT64_MAX);
    w.on_sign = NULL;
    json_decref(pp_anvil_rpc(&w.anvil, "anvil_setCode", whole));
    free(whole);
    ck_assert_uint_eq(w.said[PP_TOWER_SAYS_REFUSED], 1);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_uint_eq(turn(&w, UINT64_MAX).due, 1);
    ck_assert_uint_eq(w.said[PP_TOWER_SAYS_POSTING], 1);
    ck_assert_uint_eq(sent_by_tower(&w), 0);
    time_set(&w, time_now(&w) + 10); /* a turn over all lanes takes no longer */
    until_posted(&w);
    ck_assert_uint_eq(w.said[PP_TOWER_SAYS_POSTING], 2);
    expect_posted(&w, SPENT, REFUNDED);
    world_done(&w);
}
END_TEST

/* Goal: a refund that the operator did not sign is not used, and keeps nothing else from being posted (TOWER-012). */
START_TEST(watchtower__refund_of_a_stranger__not_used)
{
    struct world w;
    world_make(&w);
    refund_sign(&w, &w.delegate, &w.evidence.refund);
    w.evidence.voucher.refund_ack = PP_GRAINS_ZERO;
    const struct pp_voucher_fields fields = {w.evidence.channel_id, LANE, w.evidence.voucher.spent,
                                             PP_GRAINS_ZERO, w.evidence.voucher.context};
    struct pp_hash digest;
    pp_voucher_digest(&w.domain, &fields, &digest);
    ck_assert_ok(pp_sign(w.crypto, &w.signer, &digest, &w.evidence.voucher.signature));
    evidence_write(&w);
    thaw_request(&w);
    tower_open(&w, true);
    until_posted(&w);
    expect_posted(&w, SPENT, 0);
    world_done(&w);
}
END_TEST

/* ---- many lanes ---- */

#define STRANGERS 600u

/* Evidence of channels that are not on chain, in a file of its own. */
static void strangers_write(struct world *w)
{
    uint8_t *bytes = malloc((size_t)STRANGERS * PP_TOWER_RECORD_MAX_BYTES);
    char path[330];
    size_t total = 0, length;
    const struct pp_tower_evidence own = w->evidence;
    ck_assert_ptr_nonnull(bytes);
    for (unsigned i = 0; i < STRANGERS; i++) {
        w->evidence.config.nonce = 1000 + i;
        const struct pp_channel_fields fields = {own.config.payer, own.config.signer, 1000 + i};
        pp_channel_id_of(&w->domain, &fields, &w->evidence.channel_id);
        voucher_sign(w, &w->signer, SPENT, &w->evidence.voucher);
        ck_assert_ok(
            pp_tower_encode(&w->domain, &w->evidence, bytes + total, PP_TOWER_RECORD_MAX_BYTES, &length));
        total += length;
    }
    w->evidence = own;
    snprintf(path, sizeof path, "%s/strangers.evidence", w->files);
    cli_file_make(path, (const char *)bytes, total);
    free(bytes);
}

/* Goal: among many lanes all are looked at in a few turns, and one that an entry names in the turn after it (TOWER-020). Damaged
 * and foreign records are left out, the others kept (TOWER-011, TOWER-013). */
START_TEST(watchtower__many_lanes__named_one_at_once)
{
    struct world w;
    char path[330];
    world_make(&w);
    strangers_write(&w);
    snprintf(path, sizeof path, "%s/damaged.evidence", w.files);
    cli_file_make(path, "\1nothing", 8);
    snprintf(path, sizeof path, "%s/other.txt", w.files);
    cli_file_make(path, "not looked at", 13);
    tower_open(&w, true);
    ck_assert_uint_eq(pp_tower_files_left_out(w.source), 1);
    struct pp_tower_status status = turn(&w, 0);
    ck_assert_uint_eq(status.lanes, STRANGERS + 1);
    ck_assert(!status.complete);
    status = turn(&w, 0);
    ck_assert(status.complete);
    thaw_request(&w);
    (void)turn(&w, 0); /* two lanes, and the one that is named */
    ck_assert_uint_eq(w.said[PP_TOWER_SAYS_POSTING], 1);
    until_posted(&w);
    expect_posted(&w, SPENT, REFUNDED);
    ck_assert_uint_eq(pp_tower_rest_ms(w.tower, 50), 50); /* the test's timers are short */
    world_done(&w);
}
END_TEST

PP_TESTS("watchtower")
PP_TEST(watchtower__thaw_to_nothing__posted_at_the_last_moment)
PP_TEST(watchtower__each_event__posted_once)
PP_TEST(watchtower__nothing_happened__nothing_posted_and_risk_told)
PP_TEST(watchtower__killed_between_any_two_steps__posts_once)
PP_TEST(watchtower__reorganized_away__posted_again)
PP_TEST(watchtower__no_key_or_second_tower__said_and_refused)
PP_TEST(watchtower__refused__waits_for_the_next_turn)
PP_TEST(watchtower__refund_of_a_stranger__not_used)
PP_TEST(watchtower__many_lanes__named_one_at_once)
PP_TESTS_END
