/* The job against a real chain: killed between every two steps, against lost answers, stuck fees, reorganizations and another
 * owner of the account. What counts is what the chain says: balances, and how many transactions the account has sent. */
#include "anvil.h"
#include "fake_rpc.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/chain_job.h>
#include <pp/hash.h>

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define LANE (PP_ANVIL_NODE << 8)
#define DEPOSIT UINT64_C(25000000)
#define GWEI UINT64_C(1000000000)
#define PAYER 1u
#define KILLED 77

struct world {
    struct pp_anvil anvil;
    struct pp_temp_dir dir;
    char journal[300];
    char snapshot[80];
    struct pp_chain_job_config config;
    struct pp_chain_job *job;
    unsigned rests;      /* so far */
    unsigned rests_most; /* then enough; 0: never */
    unsigned steps;      /* so far */
    unsigned kill_at;    /* 0: never */
    bool still;          /* resting mines no blocks */
};

static bool rest_and_mine(void *context)
{
    struct world *world = context;
    if (!world->still)
        pp_anvil_mine(&world->anvil, 1, 1);
    return ++world->rests != world->rests_most;
}

static void count_steps(void *context, const char *next)
{
    struct world *world = context;
    (void)next;
    if (++world->steps == world->kill_at)
        _exit(KILLED);
}

static void snapshot_take(struct world *world)
{
    json_t *id = pp_anvil_rpc(&world->anvil, "evm_snapshot", "[]");
    snprintf(world->snapshot, sizeof world->snapshot, "[\"%s\"]", json_string_value(id));
    json_decref(id);
}

static void snapshot_revert(struct world *world)
{
    json_decref(pp_anvil_rpc(&world->anvil, "evm_revert", world->snapshot));
    snapshot_take(world);
}

static void world_start(struct world *world)
{
    struct pp_address nobody = {{[0] = 9}};
    *world = (struct world){0};
    pp_temp_dir_make(&world->dir);
    snprintf(world->journal, sizeof world->journal, "%s/job", world->dir.path);
    pp_anvil_start(&world->anvil, 2);
    pp_anvil_deploy(&world->anvil, &nobody, &nobody);
    snapshot_take(world);
    world->config = (struct pp_chain_job_config){
        .dir = world->journal,
        .rpc_url = world->anvil.url,
        .timeout_ms = 5000,
        .chain_id = PP_ANVIL_CHAIN_ID,
        .contract = world->anvil.contract,
        .key = &world->anvil.keys[PAYER],
        .fees = {.most = 1000 * GWEI, .stuck_after = 3},
        .rest = rest_and_mine,
        .step = count_steps,
        .context = world,
    };
}

static void world_stop(struct world *world)
{
    pp_anvil_stop(&world->anvil);
    pp_temp_dir_remove(&world->dir);
}

static void job_open(struct world *world)
{
    char reason[PP_RPC_TEXT_MAX] = "";
    enum pp_error error = pp_chain_job_open(&world->config, &world->job, reason);
    ck_assert_msg(error == PP_OK, "%s: %s", pp_error_name(error), reason);
}

static void job_finish(struct world *world)
{
    enum pp_error error = pp_chain_job_finish(world->job);
    ck_assert_msg(error == PP_OK, "%s: %s", pp_error_name(error), pp_chain_job_reason(world->job));
}

/* ---- what is wanted: an allowance, and a channel ---- */

static struct pp_job_intent intent_of(enum pp_job_kind kind, const struct pp_address *to, const uint8_t *data,
                                      size_t length)
{
    struct pp_job_intent intent = {
        .kind = kind, .to = *to, .data = data, .data_length = length, .label = "test"};
    pp_job_key(kind, to, data, length, &intent.key);
    return intent;
}

static enum pp_error queue_approve_for(struct world *world, uint64_t amount, struct pp_job_stake stake,
                                       struct pp_job_record *out)
{
    uint8_t data[128];
    struct pp_writer w;
    pp_writer_init(&w, data, sizeof data);
    pp_abi_write_approve(&w, &world->anvil.contract, pp_units(amount));
    struct pp_job_intent intent = intent_of(PP_JOB_APPROVE, &world->anvil.token, data, w.length);
    static const char signature[] = "Approval(address,address,uint256)";
    pp_keccak256((const uint8_t *)signature, sizeof signature - 1, intent.expectation.topics[0].bytes);
    intent.expectation.mask = 1;
    intent.stake = stake;
    return pp_chain_job_queue(world->job, &intent, out);
}

static enum pp_error queue_approve(struct world *world, uint64_t amount, struct pp_job_record *out)
{
    return queue_approve_for(world, amount, (struct pp_job_stake){.known = false}, out);
}

static enum pp_error queue_open(struct world *world, uint64_t nonce, struct pp_job_record *out)
{
    uint8_t data[1024];
    struct pp_writer w;
    uint32_t lane = LANE;
    struct pp_units cap = pp_units(DEPOSIT);
    const struct pp_channel_config config = {world->anvil.accounts[PAYER], world->anvil.accounts[2], nonce};
    const struct pp_abi_caps caps = {&lane, &cap, 1};
    pp_writer_init(&w, data, sizeof data);
    pp_abi_write_deposit(&w, PP_ABI_OPEN, &config, pp_units(DEPOSIT), &caps);
    struct pp_job_intent intent = intent_of(PP_JOB_OPEN, &world->anvil.contract, data, w.length);
    pp_abi_topic(PP_LOG_CHANNEL_OPENED, &intent.expectation.topics[0]);
    intent.expectation.mask = 1;
    return pp_chain_job_queue(world->job, &intent, out);
}

static void want_both(struct world *world)
{
    struct pp_job_record record;
    enum pp_error error = queue_approve(world, DEPOSIT, &record);
    ck_assert(error == PP_OK || error == PP_EXISTS);
    error = queue_open(world, 0, &record);
    ck_assert(error == PP_OK || error == PP_EXISTS);
}

static uint64_t sent_count(const struct world *world)
{
    char params[80], hex[41];
    snprintf(params, sizeof params, "[\"0x%s\",\"latest\"]",
             pp_hex_print(world->anvil.accounts[PAYER].bytes, 20, hex));
    json_t *count = pp_anvil_rpc(&world->anvil, "eth_getTransactionCount", params);
    uint64_t value = strtoull(json_string_value(count), NULL, 16);
    json_decref(count);
    return value;
}

static struct pp_job_record record_get(struct world *world, uint64_t id)
{
    struct pp_job_record record;
    ck_assert_ok(pp_chain_job_record(world->job, id, &record));
    return record;
}

static void expect_state(struct world *world, uint64_t id, enum pp_job_state state)
{
    struct pp_job_record record = record_get(world, id);
    ck_assert_str_eq(pp_job_state_name(record.state), pp_job_state_name(state));
}

/* ---- the tests ---- */

/* One run in a process of its own. False: it was killed. */
static bool run_in_child(struct world *world, unsigned kill_at)
{
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        world->steps = 0;
        world->kill_at = kill_at;
        job_open(world);
        want_both(world);
        job_finish(world);
        pp_chain_job_close(world->job);
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    ck_assert_msg(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == KILLED, "status %d", status);
    return WEXITSTATUS(status) == 0;
}

/* Goal: a kill between any two steps loses nothing and sends nothing twice (JOB-001, JOB-002). Method: two transactions;
 * the run is killed at its first step, its second, ... and run again; then the chain is asked. */
START_TEST(job__killed_between_any_two_steps__sends_once)
{
    struct world world;
    unsigned kill_at = 1;
    world_start(&world);
    struct pp_units rich = pp_anvil_balance(&world.anvil, &world.anvil.accounts[PAYER]);
    for (bool finished = false; !finished; kill_at++) {
        snprintf(world.journal, sizeof world.journal, "%s/job-%u", world.dir.path, kill_at);
        snapshot_revert(&world);
        finished = run_in_child(&world, kill_at);
        if (!finished)
            ck_assert(run_in_child(&world, 0));
        ck_assert_msg(sent_count(&world) == 2, "killed at step %u: %lu transactions", kill_at,
                      sent_count(&world));
        struct pp_units now = pp_anvil_balance(&world.anvil, &world.anvil.accounts[PAYER]);
        ck_assert_uint_eq(rich.raw - now.raw, DEPOSIT);
        ck_assert_uint_eq(pp_anvil_balance(&world.anvil, &world.anvil.contract).raw, DEPOSIT);
    }
    ck_assert_uint_gt(kill_at, 20);
    world_stop(&world);
}
END_TEST

/* Goal: success is the finalized receipt with the event, and a second wish is the first (JOB-006, JOB-008). */
START_TEST(job__two_transactions__final_with_events)
{
    struct world world;
    struct pp_job_record approve, open, again;
    world_start(&world);
    job_open(&world);
    ck_assert_ok(queue_approve(&world, DEPOSIT, &approve));
    ck_assert_ok(queue_open(&world, 0, &open));
    ck_assert_error(queue_open(&world, 0, &again), PP_EXISTS);
    ck_assert_uint_eq(again.id, open.id);
    ck_assert_ok(pp_chain_job_round(world.job));
    expect_state(&world, approve.id, PP_JOB_STATE_SENT);
    expect_state(&world, open.id, PP_JOB_STATE_QUEUED);
    job_finish(&world);
    expect_state(&world, approve.id, PP_JOB_STATE_FINAL);
    expect_state(&world, open.id, PP_JOB_STATE_FINAL);
    open = record_get(&world, open.id);
    ck_assert_uint_eq(open.events, 1);
    ck_assert_uint_gt(open.gas_used, 21000);
    ck_assert_uint_eq(open.nonce, 1);
    ck_assert_error(queue_open(&world, 0, &again), PP_EXISTS);
    struct pp_chain_job *second;
    ck_assert_error(pp_chain_job_open(&world.config, &second, NULL), PP_LOCKED);
    pp_chain_job_close(world.job);
    world.config.key = &world.anvil.keys[2];
    ck_assert_error(pp_chain_job_open(&world.config, &second, NULL), PP_WRONG_DOMAIN);
    world_stop(&world);
}
END_TEST

/* Goal: what the contract would refuse is never signed, and says why (JOB-004); what cannot be paid for waits. */
START_TEST(job__refused_or_poor__not_signed)
{
    struct world world;
    struct pp_job_record open, record;
    world_start(&world);
    job_open(&world);
    ck_assert_ok(queue_open(&world, 7, &open));
    job_finish(&world);
    record = record_get(&world, open.id);
    ck_assert_int_eq(record.state, PP_JOB_STATE_DROPPED);
    ck_assert_str_eq(record.reason, "WrongNonce(0, 7)");
    ck_assert_uint_eq(sent_count(&world), 0);
    ck_assert_ok(queue_open(&world, 7, &record)); /* a wish that came to nothing may come again */
    ck_assert_uint_gt(record.id, open.id);
    job_finish(&world);

    char params[80], hex[41];
    snprintf(params, sizeof params, "[\"0x%s\",\"0x10\"]",
             pp_hex_print(world.anvil.accounts[PAYER].bytes, 20, hex));
    json_decref(pp_anvil_rpc(&world.anvil, "anvil_setBalance", params));
    ck_assert_ok(queue_approve(&world, DEPOSIT, &record));
    ck_assert_error(pp_chain_job_finish(world.job), PP_TX_FUNDS);
    ck_assert_ptr_nonnull(strstr(pp_chain_job_reason(world.job), "cannot pay"));
    expect_state(&world, record.id, PP_JOB_STATE_QUEUED);
    pp_chain_job_close(world.job);
    world_stop(&world);
}
END_TEST

static void next_base_fee(const struct world *world, uint64_t gwei)
{
    char params[64];
    snprintf(params, sizeof params, "[\"0x%llx\"]", (unsigned long long)(gwei * GWEI));
    json_decref(pp_anvil_rpc(&world->anvil, "anvil_setNextBlockBaseFeePerGas", params));
}

static void automine(const struct world *world, bool on)
{
    json_decref(pp_anvil_rpc(&world->anvil, "evm_setAutomine", on ? "[true]" : "[false]"));
}

/* Between the job and the chain: forwards every question, loses some answers, and makes the latest block later. */
struct thief {
    const struct pp_anvil *anvil;
    const char *method;
    unsigned lose;  /* so many answers of it */
    uint64_t later; /* blocks */
};

static void make_later(json_t *block, uint64_t blocks)
{
    char number[32];
    snprintf(number, sizeof number, "0x%llx", strtoull(pp_json_text(block, "number"), NULL, 16) + blocks);
    json_object_set_new(block, "number", json_string(number));
}

static struct pp_fake_answer forward(void *context, const struct pp_fake_question *question)
{
    struct thief *thief = context;
    char *params = json_dumps(question->params, JSON_COMPACT);
    json_t *result = pp_anvil_rpc(thief->anvil, question->method, params);
    if (strcmp(question->method, "eth_getBlockByNumber") == 0 && strstr(params, "latest"))
        make_later(result, thief->later);
    free(params);
    char *text = json_dumps(result, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(result);
    struct pp_fake_answer answer = {.status = 502};
    if (thief->lose > 0 && strcmp(question->method, thief->method) == 0)
        thief->lose--;
    else
        answer = pp_fake_result(question, text);
    free(text);
    return answer;
}

/* Goal: a transaction that is in a pool and not mined gets a dearer version under the same number (JOB-007), and only one of
 * them is mined. Method: blocks go by without it. */
START_TEST(job__not_mined__raised_under_the_same_number)
{
    struct world world;
    struct pp_job_record record;
    world_start(&world);
    struct thief thief = {.anvil = &world.anvil};
    struct pp_fake_rpc *fake = pp_fake_rpc_start(forward, &thief);
    world.config.rpc_url = pp_fake_rpc_url(fake);
    automine(&world, false);
    job_open(&world);
    ck_assert_ok(queue_approve(&world, DEPOSIT, &record));
    ck_assert_ok(pp_chain_job_round(world.job));
    expect_state(&world, record.id, PP_JOB_STATE_SENT);
    thief.later = world.config.fees.stuck_after - 1;
    ck_assert_ok(pp_chain_job_round(world.job));
    ck_assert_uint_eq(record_get(&world, record.id).attempt_count, 1);
    thief.later++;
    ck_assert_ok(pp_chain_job_round(world.job));
    record = record_get(&world, record.id);
    ck_assert_uint_eq(record.attempt_count, 2);
    ck_assert(8 * record.attempts[1].fees.most > 9 * record.attempts[0].fees.most);
    ck_assert(8 * record.attempts[1].fees.priority > 9 * record.attempts[0].fees.priority);
    ck_assert_int_eq(record.state, PP_JOB_STATE_SENT);
    thief.later = 0;
    job_finish(&world);
    record = record_get(&world, record.id);
    ck_assert_int_eq(record.state, PP_JOB_STATE_FINAL);
    ck_assert_uint_eq(record.mined_attempt, 1);
    ck_assert_uint_eq(sent_count(&world), 1);
    pp_chain_job_close(world.job);
    pp_fake_rpc_stop(fake);
    world_stop(&world);
}
END_TEST

static void blocks_of_base_fee(const struct world *world, unsigned blocks, uint64_t gwei)
{
    for (unsigned i = 0; i < blocks; i++) {
        next_base_fee(world, gwei);
        pp_anvil_mine(&world->anvil, 1, 1);
    }
}

/* Goal: a transaction that a pool gave up as too cheap is offered dearer at once (JOB-007). Method: a base fee above what was
 * offered, so that the chain's node drops it. */
START_TEST(job__dropped_as_too_cheap__raised_at_once)
{
    struct world world;
    struct pp_job_record record;
    world_start(&world);
    automine(&world, false);
    job_open(&world);
    ck_assert_ok(queue_approve(&world, DEPOSIT, &record));
    ck_assert_ok(pp_chain_job_round(world.job));
    blocks_of_base_fee(&world, 1, 50);
    ck_assert_ok(pp_chain_job_round(world.job));
    record = record_get(&world, record.id);
    ck_assert_uint_eq(record.attempt_count, 2);
    ck_assert(record.attempts[1].fees.most >= 50 * GWEI);
    job_finish(&world);
    expect_state(&world, record.id, PP_JOB_STATE_FINAL);
    ck_assert_uint_eq(sent_count(&world), 1);
    pp_chain_job_close(world.job);
    world_stop(&world);
}
END_TEST

static uint64_t chain_time_s(const struct world *world)
{
    json_t *block = pp_anvil_rpc(&world->anvil, "eth_getBlockByNumber", "[\"latest\",false]");
    uint64_t time_s = strtoull(pp_json_text(block, "timestamp"), NULL, 16);
    json_decref(block);
    return time_s;
}

/* Goal: a base fee that rises a hundredfold in twenty steps costs some dearer versions under one number, and never more than what
 * is at stake (JOB-007, BUDGET-001). */
START_TEST(job__base_fee_a_hundredfold__mined_within_its_budget)
{
    struct world world;
    struct pp_job_record record;
    world_start(&world);
    automine(&world, false);
    world.config.fees.times = 2;
    world.config.fees.urgent_s = 100;
    job_open(&world);
    next_base_fee(&world, 1);
    pp_anvil_mine(&world.anvil, 1, 1);
    const struct pp_job_stake stake = {true, (pp_u128)75000 * 500 * GWEI,
                                       0}; /* some 500 gwei a gas, 250 while it can wait */
    ck_assert_ok(queue_approve_for(&world, DEPOSIT, stake, &record));
    uint64_t gwei = 1;
    for (unsigned i = 0; i < 20 && gwei < 100; i++) {
        enum pp_error error = pp_chain_job_round(world.job);
        ck_assert_msg(error == PP_OK, "%s: %s", pp_error_name(error), pp_chain_job_reason(world.job));
        gwei = gwei * 5 / 4 + 1 < 100 ? gwei * 5 / 4 + 1 : 100;
        blocks_of_base_fee(&world, 1, gwei * 3); /* always above what was offered */
    }
    ck_assert_ok(pp_chain_job_round(world.job));
    record = record_get(&world, record.id);
    ck_assert_uint_le(record.attempt_count, PP_JOB_ATTEMPTS_MAX);
    ck_assert_uint_gt(record.attempt_count, 1);
    next_base_fee(&world, 100);
    world.rests_most = 0;
    job_finish(&world);
    record = record_get(&world, record.id);
    ck_assert_int_eq(record.state, PP_JOB_STATE_FINAL);
    ck_assert(record.gas_price * record.gas_used <= stake.value_wei);
    ck_assert_uint_eq(sent_count(&world), 1);
    pp_chain_job_close(world.job);
    world_stop(&world);
}
END_TEST

/* Goal: what can wait is not signed at a price above its part of the value, and holds up nothing (JOB-012); what is lost soon is
 * signed at up to all of it, and what is worth less never (BUDGET-001). */
START_TEST(job__gas_above_the_budget__dropped_until_the_deadline_comes_near)
{
    struct world world;
    struct pp_job_record record, other;
    world_start(&world);
    world.config.fees.times = 4;
    world.config.fees.urgent_s = 1000;
    job_open(&world);
    next_base_fee(&world, 50);
    pp_anvil_mine(&world.anvil, 1, 1);
    struct pp_job_stake stake = {true, (pp_u128)75000 * 100 * GWEI,
                                 0}; /* some 100 gwei a gas: 25 while it can wait */
    ck_assert_ok(queue_approve_for(&world, 7, stake, &record));
    ck_assert_ok(queue_approve(&world, 8, &other));
    next_base_fee(&world, 50);
    job_finish(&world);
    record = record_get(&world, record.id);
    ck_assert_int_eq(record.state, PP_JOB_STATE_DROPPED);
    ck_assert_str_eq(record.reason, PP_JOB_NOT_WORTH_ITS_GAS);
    expect_state(&world, other.id, PP_JOB_STATE_FINAL);
    ck_assert_uint_eq(sent_count(&world), 1);

    stake.deadline_s = chain_time_s(&world) + 100; /* nine tenths of the way */
    next_base_fee(&world, 50);
    pp_anvil_mine(&world.anvil, 1, 1);
    ck_assert_ok(queue_approve_for(&world, 7, stake, &record)); /* the first came to nothing: JOB-008 */
    next_base_fee(&world, 50);
    job_finish(&world);
    expect_state(&world, record.id, PP_JOB_STATE_FINAL);
    ck_assert_uint_eq(sent_count(&world), 2);

    stake = (struct pp_job_stake){true, (pp_u128)75000 * 10 * GWEI, chain_time_s(&world) + 10};
    next_base_fee(&world, 50);
    pp_anvil_mine(&world.anvil, 1, 1);
    ck_assert_ok(queue_approve_for(&world, 9, stake, &record));
    next_base_fee(&world, 50);
    job_finish(&world);
    expect_state(&world, record.id, PP_JOB_STATE_DROPPED);
    ck_assert_uint_eq(sent_count(&world), 2);
    pp_chain_job_close(world.job);
    world_stop(&world);
}
END_TEST

/* BUDGET-002: the last version that there may be offers all that it may cost. */
START_TEST(job__last_version__offers_its_whole_budget)
{
    struct world world;
    struct pp_job_record record;
    const struct pp_job_stake stake = {true, (pp_u128)75000 * 40000 * GWEI, 0};
    world_start(&world);
    automine(&world, false);
    world.config.fees.most = 20000 * GWEI;
    job_open(&world);
    ck_assert_ok(queue_approve_for(&world, DEPOSIT, stake, &record));
    ck_assert_ok(pp_chain_job_round(world.job));
    for (unsigned i = 1; i < PP_JOB_ATTEMPTS_MAX; i++) {
        record = record_get(&world, record.id);
        ck_assert_uint_eq(record.attempt_count, i);
        blocks_of_base_fee(&world, 1, (uint64_t)(record.attempts[i - 1].fees.most * 5 / 4 / GWEI) + 1);
        ck_assert_ok(pp_chain_job_round(world.job));
    }
    record = record_get(&world, record.id);
    ck_assert_uint_eq(record.attempt_count, PP_JOB_ATTEMPTS_MAX);
    ck_assert(record.attempts[PP_JOB_ATTEMPTS_MAX - 2].fees.most < 2000 * GWEI);
    ck_assert(record.attempts[PP_JOB_ATTEMPTS_MAX - 1].fees.most ==
              pp_fees_budget(&world.config.fees, &stake, record.gas, 0));
    pp_chain_job_close(world.job);
    world_stop(&world);
}
END_TEST

struct device {
    struct pp_crypto *crypto;
    struct pp_secret_key key;
    unsigned asked;
};

static enum pp_error device_sign(void *context, const struct pp_tx *tx, const struct pp_hash *digest,
                                 struct pp_signature *out, char out_reason[PP_RPC_TEXT_MAX])
{
    struct device *device = context;
    (void)out_reason;
    ck_assert_uint_eq(tx->chain_id, PP_ANVIL_CHAIN_ID);
    device->asked++;
    return pp_sign(device->crypto, &device->key, digest, out);
}

/* Goal: whoever signs, a transaction is the account's or is not sent (JOB-013). */
START_TEST(job__signed_elsewhere__sent_only_with_the_accounts_signature)
{
    struct world world;
    struct pp_job_record record;
    world_start(&world);
    struct device device = {.key = world.anvil.keys[PAYER + 1]};
    ck_assert_ok(pp_crypto_open(&device.crypto));
    const struct pp_chain_signer signer = {world.anvil.accounts[PAYER], device_sign, &device};
    world.config.key = NULL;
    world.config.signer = &signer;
    job_open(&world);
    ck_assert_ok(queue_approve(&world, DEPOSIT, &record));
    ck_assert_error(pp_chain_job_finish(world.job), PP_BAD_SIGNATURE);
    expect_state(&world, record.id, PP_JOB_STATE_QUEUED);
    ck_assert_uint_eq(sent_count(&world), 0);
    device.key = world.anvil.keys[PAYER];
    job_finish(&world);
    expect_state(&world, record.id, PP_JOB_STATE_FINAL);
    ck_assert_uint_eq(sent_count(&world), 1);
    ck_assert_uint_eq(device.asked, 2);
    pp_chain_job_close(world.job);
    pp_crypto_close(device.crypto);
    world_stop(&world);
}
END_TEST

/* Goal: where the fee may not be raised the transaction waits, and says so; it is not given up (JOB-007). */
START_TEST(job__too_cheap_at_the_most__waits)
{
    struct world world;
    struct pp_job_record record;
    world_start(&world);
    automine(&world, false);
    world.config.fees.most = 4 * GWEI;
    job_open(&world);
    ck_assert_ok(queue_approve(&world, DEPOSIT, &record));
    ck_assert_ok(pp_chain_job_round(world.job));
    blocks_of_base_fee(&world, 3, 50);
    ck_assert_error(pp_chain_job_round(world.job), PP_TX_STUCK);
    expect_state(&world, record.id, PP_JOB_STATE_UNKNOWN);
    blocks_of_base_fee(&world, 1, 1);
    job_finish(&world);
    record = record_get(&world, record.id);
    ck_assert_int_eq(record.state, PP_JOB_STATE_FINAL);
    ck_assert_uint_eq(record.attempt_count, 1);
    pp_chain_job_close(world.job);
    world_stop(&world);
}
END_TEST

/* Goal: mined is not yet done: without the event, or reverted, it came to nothing, and says so (JOB-006). */
START_TEST(job__mined_without_effect__dropped_with_the_reason)
{
    struct world world;
    struct pp_job_record record;
    uint8_t data[128];
    struct pp_writer w;
    char params[80], hex[41];
    world_start(&world);
    job_open(&world);
    pp_writer_init(&w, data, sizeof data);
    pp_abi_write_approve(&w, &world.anvil.contract, pp_units(DEPOSIT));
    struct pp_job_intent intent = intent_of(PP_JOB_APPROVE, &world.anvil.token, data, w.length);
    pp_abi_topic(PP_LOG_CHANNEL_OPENED, &intent.expectation.topics[0]); /* an approval opens nothing */
    intent.expectation.mask = 1;
    ck_assert_ok(pp_chain_job_queue(world.job, &intent, &record));
    job_finish(&world);
    record = record_get(&world, record.id);
    ck_assert_int_eq(record.state, PP_JOB_STATE_DROPPED);
    ck_assert_ptr_nonnull(strstr(record.reason, "changed nothing"));

    automine(&world, false);
    ck_assert_ok(queue_open(&world, 0, &record));
    ck_assert_ok(pp_chain_job_round(world.job));
    expect_state(&world, record.id, PP_JOB_STATE_SENT);
    snprintf(params, sizeof params, "[\"0x%s\",\"0x\"]", pp_hex_print(world.anvil.token.bytes, 20, hex));
    json_decref(pp_anvil_rpc(&world.anvil, "anvil_setCode", params)); /* the token is gone */
    job_finish(&world);
    record = record_get(&world, record.id);
    ck_assert_int_eq(record.state, PP_JOB_STATE_DROPPED);
    ck_assert_ptr_nonnull(strstr(record.reason, "reverted"));
    pp_chain_job_close(world.job);
    world_stop(&world);
}
END_TEST

/* Goal: a reorganization that takes the block back is noticed, and the same bytes are sent again (JOB-002). */
START_TEST(job__reorganized__sent_again)
{
    struct world world;
    struct pp_job_record record;
    world_start(&world);
    job_open(&world);
    ck_assert_ok(queue_approve(&world, DEPOSIT, &record));
    for (unsigned i = 0; i < 100 && record.state != PP_JOB_STATE_MINED; i++) {
        ck_assert_ok(pp_chain_job_round(world.job));
        record = record_get(&world, record.id);
    }
    ck_assert_int_eq(record.state, PP_JOB_STATE_MINED);
    snapshot_revert(&world);
    ck_assert_ok(pp_chain_job_round(world.job));
    expect_state(&world, record.id, PP_JOB_STATE_UNKNOWN);
    job_finish(&world);
    struct pp_job_record after = record_get(&world, record.id);
    ck_assert_int_eq(after.state, PP_JOB_STATE_FINAL);
    ck_assert_uint_eq(after.attempt_count, 1);
    ck_assert(pp_hash_eq(&after.attempts[0].hash, &record.attempts[0].hash));
    ck_assert_uint_eq(sent_count(&world), 1);
    pp_chain_job_close(world.job);
    world_stop(&world);
}
END_TEST

/* Goal: where another owner of the account uses the number, the transaction is REPLACED once that is final, not before; and
 * with foreign transactions on their way nothing is signed (JOB-005). */
START_TEST(job__another_owner__replaced_when_final)
{
    struct world world;
    struct pp_job_record record, second;
    char hash[67], params[256], hex[41];
    world_start(&world);
    automine(&world, false);
    job_open(&world);
    ck_assert_ok(queue_approve(&world, DEPOSIT, &record));
    ck_assert_ok(pp_chain_job_round(world.job));
    record = record_get(&world, record.id);
    snprintf(params, sizeof params, "[\"0x%s\"]", pp_hex_print(record.attempts[0].hash.bytes, 32, hash));
    json_decref(pp_anvil_rpc(&world.anvil, "anvil_dropTransaction", params));
    pp_hex_print(world.anvil.accounts[PAYER].bytes, 20, hex);
    snprintf(params, sizeof params, "[{\"from\":\"0x%s\",\"to\":\"0x%s\",\"value\":\"0x1\"}]", hex, hex);
    json_decref(pp_anvil_rpc(&world.anvil, "eth_sendTransaction", params));
    pp_anvil_mine(&world.anvil, 1, 1);
    ck_assert_error(pp_chain_job_round(world.job), PP_TX_UNKNOWN);
    expect_state(&world, record.id, PP_JOB_STATE_SENT);
    pp_anvil_mine(&world.anvil, 2, 1);
    ck_assert_ok(pp_chain_job_round(world.job));
    expect_state(&world, record.id, PP_JOB_STATE_REPLACED);

    json_decref(pp_anvil_rpc(&world.anvil, "eth_sendTransaction", params));
    ck_assert_ok(queue_approve(&world, DEPOSIT, &second));
    ck_assert_error(pp_chain_job_round(world.job), PP_TX_UNKNOWN);
    expect_state(&world, second.id, PP_JOB_STATE_QUEUED);
    job_finish(&world);
    expect_state(&world, second.id, PP_JOB_STATE_FINAL);
    pp_chain_job_close(world.job);
    world_stop(&world);
}
END_TEST

/* Goal: a node that forgets its pool gets the same bytes again, not others (JOB-002). */
START_TEST(job__pool_forgotten__the_same_bytes_again)
{
    struct world world;
    struct pp_job_record record;
    world_start(&world);
    automine(&world, false);
    job_open(&world);
    ck_assert_ok(queue_approve(&world, DEPOSIT, &record));
    ck_assert_ok(pp_chain_job_round(world.job));
    expect_state(&world, record.id, PP_JOB_STATE_SENT);
    for (unsigned i = 0; i < 3; i++) {
        json_decref(pp_anvil_rpc(&world.anvil, "anvil_dropAllTransactions", "[]"));
        ck_assert_ok(pp_chain_job_round(world.job));
        expect_state(&world, record.id, PP_JOB_STATE_SENT);
    }
    job_finish(&world);
    record = record_get(&world, record.id);
    ck_assert_int_eq(record.state, PP_JOB_STATE_FINAL);
    ck_assert_uint_eq(record.attempt_count, 1);
    ck_assert_uint_eq(sent_count(&world), 1);
    pp_chain_job_close(world.job);
    world_stop(&world);
}
END_TEST

/* Goal: without its journal the job signs nothing beside what it had on its way; when that is mined it goes on behind it (JOB-005).
 * What it did is for the chain to say: cli_settle's test loses the journal at every step. */
START_TEST(job__journal_lost__waits_for_what_was_on_its_way)
{
    struct world world;
    struct pp_job_record record;
    char lost[330];
    world_start(&world);
    automine(&world, false);
    job_open(&world);
    ck_assert_ok(queue_approve(&world, 7, &record));
    ck_assert_ok(pp_chain_job_round(world.job));
    pp_chain_job_close(world.job);
    snprintf(lost, sizeof lost, "%.280s/lost", world.dir.path);
    ck_assert_int_eq(rename(world.journal, lost), 0);

    job_open(&world);
    ck_assert_ok(queue_approve(&world, 8, &record));
    ck_assert_error(pp_chain_job_round(world.job), PP_TX_UNKNOWN);
    expect_state(&world, record.id, PP_JOB_STATE_QUEUED);
    job_finish(&world);
    ck_assert_uint_eq(record_get(&world, record.id).nonce, 1);
    ck_assert_uint_eq(sent_count(&world), 2);
    pp_chain_job_close(world.job);
    world_stop(&world);
}
END_TEST

/* Goal: what is in the way and is never mined may be replaced, when the owner says so (JOB-011). Method: a transaction of the same
 * account that pays too little for this chain's blocks. */
START_TEST(job__foreign_transaction_stuck__replaced_only_on_request)
{
    struct world world;
    struct pp_job_record record;
    char params[256], hex[41];
    world_start(&world);
    automine(&world, false);
    pp_hex_print(world.anvil.accounts[PAYER].bytes, 20, hex);
    snprintf(params, sizeof params,
             "[{\"from\":\"0x%s\",\"to\":\"0x%s\",\"value\":\"0x1\",\"maxFeePerGas\":\"0x77359400\","
             "\"maxPriorityFeePerGas\":\"0x1\"}]",
             hex, hex);
    next_base_fee(&world, 1);
    pp_anvil_mine(&world.anvil, 1, 1);
    json_decref(pp_anvil_rpc(&world.anvil, "eth_sendTransaction", params));
    job_open(&world);
    ck_assert_ok(queue_approve(&world, DEPOSIT, &record));
    for (unsigned i = 0; i < 3; i++)
        ck_assert_error(pp_chain_job_round(world.job), PP_TX_UNKNOWN);
    pp_chain_job_close(world.job);

    world.config.take_over = true;
    job_open(&world);
    job_finish(&world);
    record = record_get(&world, record.id);
    ck_assert_int_eq(record.state, PP_JOB_STATE_FINAL);
    ck_assert_uint_eq(record.nonce, 0);
    ck_assert_uint_eq(sent_count(&world), 1);
    pp_chain_job_close(world.job);
    world_stop(&world);
}
END_TEST

/* Goal: two jobs with one key and two journals (a watchtower beside the settlement job) take turns: everything is done once, nothing is
 * lost (JOB-005, JOB-008). */
START_TEST(job__two_journals_of_one_account__both_finish)
{
    struct world world, other;
    struct pp_job_record mine[3], theirs[3];
    world_start(&world);
    other = world;
    snprintf(other.journal, sizeof other.journal, "%.280s/other", world.dir.path);
    other.config.dir = other.journal;
    world.config.dir = world.journal;
    other.config.context = &other;
    job_open(&world);
    job_open(&other);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_ok(queue_approve(&world, 100 + i, &mine[i]));
        ck_assert_ok(queue_approve(&other, 200 + i, &theirs[i]));
    }
    bool done = false;
    for (unsigned turn = 0; turn < 60 && !done; turn++) {
        struct pp_job_record next;
        (void)!pp_chain_job_round(world.job); /* TX_UNKNOWN while the other's is on its way */
        (void)!pp_chain_job_round(other.job);
        pp_anvil_mine(&world.anvil, 1, 1);
        done = pp_chain_job_next(world.job, 0, true, &next) == PP_NOT_FOUND &&
               pp_chain_job_next(other.job, 0, true, &next) == PP_NOT_FOUND;
    }
    ck_assert(done);
    for (unsigned i = 0; i < 3; i++) {
        expect_state(&world, mine[i].id, PP_JOB_STATE_FINAL);
        expect_state(&other, theirs[i].id, PP_JOB_STATE_FINAL);
    }
    ck_assert_uint_eq(sent_count(&world), 6);
    pp_chain_job_close(world.job);
    pp_chain_job_close(other.job);
    world_stop(&world);
}
END_TEST

/* Goal: an answer that is lost is UNKNOWN, never a failure, and nothing is sent twice (JOB-002, JOB-006). */
START_TEST(job__answer_lost__unknown_then_final)
{
    struct world world;
    struct pp_job_record record;
    world_start(&world);
    struct thief thief = {.anvil = &world.anvil, .method = "eth_sendRawTransaction", .lose = 1};
    struct pp_fake_rpc *fake = pp_fake_rpc_start(forward, &thief);
    world.config.rpc_url = pp_fake_rpc_url(fake);
    job_open(&world);
    ck_assert_ok(queue_approve(&world, DEPOSIT, &record));
    ck_assert_error(pp_chain_job_round(world.job), PP_CHAIN_DOWN);
    record = record_get(&world, record.id);
    ck_assert_int_eq(record.state, PP_JOB_STATE_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(record.reason, "502"));
    job_finish(&world);
    expect_state(&world, record.id, PP_JOB_STATE_FINAL);
    ck_assert_uint_eq(sent_count(&world), 1);
    pp_chain_job_close(world.job);
    pp_fake_rpc_stop(fake);
    world_stop(&world);
}
END_TEST

/* Goal: with the chain down the job waits as long as it is let, keeps what was decided, and goes on later. */
START_TEST(job__chain_down__waits_and_goes_on)
{
    struct world world;
    struct pp_job_record record;
    world_start(&world);
    const char *url = world.config.rpc_url;
    world.config.rpc_url = "http://127.0.0.1:1";
    world.still = true;
    world.rests_most = 3;
    job_open(&world);
    ck_assert_ok(queue_approve(&world, DEPOSIT, &record));
    ck_assert_error(pp_chain_job_finish(world.job), PP_CHAIN_DOWN);
    ck_assert_uint_eq(world.rests, 3);
    pp_chain_job_close(world.job);
    world.config.rpc_url = url;
    world.config.chain_id = 1;
    ck_assert_error(pp_chain_job_open(&world.config, &world.job, NULL), PP_WRONG_DOMAIN);
    world.config.chain_id = PP_ANVIL_CHAIN_ID;
    world.still = false;
    world.rests_most = 0;
    job_open(&world);
    job_finish(&world);
    expect_state(&world, record.id, PP_JOB_STATE_FINAL);
    pp_chain_job_close(world.job);
    snprintf(world.journal, sizeof world.journal, "%s/other", world.dir.path);
    world.config.chain_id = 1;
    job_open(&world);
    ck_assert_error(pp_chain_job_finish(world.job), PP_CHAIN_WRONG_ID);
    pp_chain_job_close(world.job);
    world_stop(&world);
}
END_TEST

PP_TESTS("chain_job")
PP_TEST(job__killed_between_any_two_steps__sends_once)
PP_TEST(job__two_transactions__final_with_events)
PP_TEST(job__refused_or_poor__not_signed)
PP_TEST(job__not_mined__raised_under_the_same_number)
PP_TEST(job__dropped_as_too_cheap__raised_at_once)
PP_TEST(job__too_cheap_at_the_most__waits)
PP_TEST(job__last_version__offers_its_whole_budget)
PP_TEST(job__signed_elsewhere__sent_only_with_the_accounts_signature)
PP_TEST(job__base_fee_a_hundredfold__mined_within_its_budget)
PP_TEST(job__gas_above_the_budget__dropped_until_the_deadline_comes_near)
PP_TEST(job__mined_without_effect__dropped_with_the_reason)
PP_TEST(job__reorganized__sent_again)
PP_TEST(job__another_owner__replaced_when_final)
PP_TEST(job__pool_forgotten__the_same_bytes_again)
PP_TEST(job__journal_lost__waits_for_what_was_on_its_way)
PP_TEST(job__foreign_transaction_stuck__replaced_only_on_request)
PP_TEST(job__two_journals_of_one_account__both_finish)
PP_TEST(job__answer_lost__unknown_then_final)
PP_TEST(job__chain_down__waits_and_goes_on)
PP_TESTS_END
