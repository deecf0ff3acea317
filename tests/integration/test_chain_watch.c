/* The watch against a real chain: what it tells of channels, when, and what it does when the chain misbehaves. */
#include "anvil.h"
#include "chain/chain_poll.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/chain_watch.h>
#include <pp/hash.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define LANE (PP_ANVIL_NODE << 8)
#define EVENTS 256u

struct world {
    struct pp_anvil anvil;
    struct pp_temp_dir dir;
    struct pp_secret_key operator_key;
    struct pp_address operator_address;
    struct pp_chain_watch_config config;
    char mark[300];
    struct chain_poll poll;
    struct pp_chain_event events[EVENTS]; /* without HEAD */
    size_t count;
    struct pp_chain_event head;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum pp_error told;
    unsigned told_count;
};

static enum pp_error take(void *context, const struct pp_chain_event *events, size_t count)
{
    struct world *world = context;
    pthread_mutex_lock(&world->lock);
    for (size_t i = 0; i < count; i++) {
        if (events[i].kind == PP_CHAIN_HEAD)
            world->head = events[i];
        else
            world->events[world->count++ % EVENTS] = events[i];
    }
    pthread_cond_broadcast(&world->changed);
    pthread_mutex_unlock(&world->lock);
    return PP_OK;
}

static void trouble(void *context, enum pp_error error, const char *reason)
{
    struct world *world = context;
    (void)reason;
    pthread_mutex_lock(&world->lock);
    world->told = error;
    world->told_count++;
    pthread_cond_broadcast(&world->changed);
    pthread_mutex_unlock(&world->lock);
}

static void world_start(struct world *world, unsigned finality_blocks)
{
    struct pp_crypto *crypto;
    *world = (struct world){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    ck_assert_ok(pp_crypto_open(&crypto));
    world->operator_key = (struct pp_secret_key){.bytes = {[31] = 77}};
    ck_assert_ok(pp_secret_key_address(crypto, &world->operator_key, &world->operator_address));
    pp_crypto_close(crypto);
    pp_temp_dir_make(&world->dir);
    snprintf(world->mark, sizeof world->mark, "%s/mark", world->dir.path);
    pp_anvil_start(&world->anvil, finality_blocks);
    pp_anvil_deploy(&world->anvil, &world->operator_address, &world->anvil.accounts[4]);
    world->config = (struct pp_chain_watch_config){
        .rpc_url = world->anvil.url,
        .lane = LANE,
        .start_block = world->anvil.deploy_block,
        .mark_path = world->mark,
        .lanes_max = 16,
        .poll_ms = 20,
        .timeout_ms = 5000,
        .expected = {.epoch_seconds = PP_ANVIL_EPOCH_S,
                     .has_protocol_share = true,
                     .protocol_share_bps = PP_ANVIL_SHARE_BPS,
                     .node_id = PP_ANVIL_NODE,
                     .operator_key = world->operator_address},
        .events = take,
        .trouble = trouble,
        .context = world,
    };
    pp_domain_init(&world->config.domain, PP_ANVIL_CHAIN_ID, &world->anvil.contract);
}

static void world_stop(struct world *world)
{
    pp_anvil_stop(&world->anvil);
    pp_temp_dir_remove(&world->dir);
}

static void poll_begin(struct world *world)
{
    bool anew;
    ck_assert_ok(chain_poll_init(&world->poll, &world->config, &anew));
    ck_assert(!anew);
}

static void turn(struct world *world)
{
    world->count = 0;
    enum pp_error error = chain_poll_turn(&world->poll);
    ck_assert_msg(error == PP_OK, "%s: %s", pp_error_name(error), pp_rpc_reason(world->poll.contract.rpc));
}

static void expect(const struct world *world, size_t at, enum pp_chain_event_kind kind)
{
    ck_assert_msg(at < world->count, "there are only %zu events", world->count);
    ck_assert_int_eq(world->events[at].kind, kind);
    ck_assert_uint_eq(world->events[at].lane, LANE);
}

/* ---- the payer's side: accounts[1], signer accounts[2] ---- */

static struct pp_channel_config config_of(const struct world *world, uint64_t nonce)
{
    return (struct pp_channel_config){world->anvil.accounts[1], world->anvil.accounts[2], nonce};
}

static void payer_sends(const struct world *world, const struct pp_writer *w)
{
    pp_anvil_send(&world->anvil, &world->anvil.accounts[1], &world->anvil.contract, w);
}

static void deposit(const struct world *world, enum pp_abi_function function, uint64_t nonce, uint64_t amount,
                    uint64_t cap)
{
    uint8_t data[1024];
    struct pp_writer w;
    uint32_t lane = LANE;
    struct pp_units units = pp_units(cap);
    struct pp_channel_config config = config_of(world, nonce);
    const struct pp_abi_caps caps = {&lane, &units, 1};
    pp_writer_init(&w, data, sizeof data);
    pp_abi_write_approve(&w, &world->anvil.contract, pp_units(amount));
    pp_anvil_send(&world->anvil, &world->anvil.accounts[1], &world->anvil.token, &w);
    pp_writer_init(&w, data, sizeof data);
    pp_abi_write_deposit(&w, function, &config, pp_units(amount), &caps);
    payer_sends(world, &w);
}

static void close_call(const struct world *world, enum pp_abi_function function, uint64_t nonce)
{
    uint8_t data[256];
    struct pp_writer w;
    struct pp_channel_config config = config_of(world, nonce);
    pp_writer_init(&w, data, sizeof data);
    pp_abi_write_call_config(&w, function, &config);
    payer_sends(world, &w);
}

/* Goal: one channel's life, as the ledger hears of it (WATCH-001, WATCH-002, VIEW-001, VIEW-002). Method: finality four
 * blocks behind; every step of the channel, turn by turn; a restart in the middle. */
START_TEST(watch__life_of_a_channel__events_by_finality)
{
    struct world world;
    world_start(&world, 4);
    poll_begin(&world);
    turn(&world);
    ck_assert_uint_eq(world.count, 0);
    ck_assert_int_eq(world.head.kind, PP_CHAIN_HEAD);

    deposit(&world, PP_ABI_OPEN, 0, 25000000, 20000000);
    turn(&world);
    ck_assert_uint_eq(world.count, 1);
    expect(&world, 0, PP_CHAIN_LANE_SEEN);
    ck_assert_uint_eq(world.events[0].cap.raw, 20000000);
    ck_assert(pp_address_eq(&world.events[0].config.payer, &world.anvil.accounts[1]));
    pp_anvil_mine(&world.anvil, 3, 1);
    turn(&world);
    ck_assert_uint_eq(world.count, 0);
    pp_anvil_mine(&world.anvil, 1, 1);
    turn(&world);
    ck_assert_uint_eq(world.count, 1);
    expect(&world, 0, PP_CHAIN_LANE_FINAL);
    ck_assert_uint_eq(world.events[0].seq, 0);

    chain_poll_done(&world.poll);
    poll_begin(&world);
    turn(&world);
    ck_assert_uint_eq(world.count, 0);

    deposit(&world, PP_ABI_TOP_UP, 0, 5000000, 30000000);
    pp_anvil_mine(&world.anvil, 4, 1);
    turn(&world);
    ck_assert_uint_eq(world.count, 1);
    expect(&world, 0, PP_CHAIN_LANE_FINAL);
    ck_assert_uint_eq(world.events[0].cap.raw, 30000000);
    ck_assert_uint_eq(world.events[0].seq, 1);
    ck_assert_uint_eq(world.events[0].config.nonce, 0);

    close_call(&world, PP_ABI_REQUEST_CLOSE, 0);
    turn(&world);
    ck_assert_uint_eq(world.count, 1);
    expect(&world, 0, PP_CHAIN_CLOSING);
    ck_assert_uint_eq(world.events[0].time_s, world.head.time_s);
    chain_poll_done(&world.poll);
    poll_begin(&world);
    pp_anvil_mine(&world.anvil, 5, PP_ANVIL_CHALLENGE_S);
    close_call(&world, PP_ABI_FINALIZE_CLOSE, 0);
    pp_anvil_mine(&world.anvil, 4, 1);
    turn(&world);
    ck_assert_uint_eq(world.count, 1);
    expect(&world, 0, PP_CHAIN_CLOSED);
    ck_assert(world.events[0].vested.raw == 0);
    chain_poll_done(&world.poll);
    world_stop(&world);
}
END_TEST

/* Goal: a close that a reorganization takes back is undone; a changed final block is a conflict (VIEW-003, VIEW-011).
 * Method: snapshots of the chain, and another history after them. */
START_TEST(watch__reorganizations__undone_and_conflict)
{
    struct world world;
    world_start(&world, 4);
    poll_begin(&world);
    deposit(&world, PP_ABI_OPEN, 0, 25000000, 20000000);
    pp_anvil_mine(&world.anvil, 5, 1);
    turn(&world);
    expect(&world, 0, PP_CHAIN_LANE_FINAL);
    json_t *snapshot = pp_anvil_rpc(&world.anvil, "evm_snapshot", "[]");
    char revert[80];
    snprintf(revert, sizeof revert, "[\"%s\"]", json_string_value(snapshot));
    json_decref(snapshot);
    close_call(&world, PP_ABI_REQUEST_CLOSE, 0);
    pp_anvil_mine(&world.anvil, 1, 1);
    turn(&world);
    expect(&world, 0, PP_CHAIN_CLOSING);
    json_decref(pp_anvil_rpc(&world.anvil, "evm_revert", revert));
    pp_anvil_mine(&world.anvil, 3, 2);
    turn(&world);
    ck_assert_uint_eq(world.count, 1);
    expect(&world, 0, PP_CHAIN_CLOSE_UNDONE);

    snapshot = pp_anvil_rpc(&world.anvil, "evm_snapshot", "[]");
    snprintf(revert, sizeof revert, "[\"%s\"]", json_string_value(snapshot));
    json_decref(snapshot);
    pp_anvil_mine(&world.anvil, 9, 1);
    turn(&world);
    json_decref(pp_anvil_rpc(&world.anvil, "evm_revert", revert));
    world.count = 0;
    ck_assert_error(chain_poll_turn(&world.poll), PP_CHAIN_STALE);
    pp_anvil_mine(&world.anvil, 20, 3);
    ck_assert_error(chain_poll_turn(&world.poll), PP_CHAIN_REORG);
    ck_assert_error(chain_poll_turn(&world.poll), PP_CHAIN_REORG);
    ck_assert_uint_eq(world.count, 1);
    ck_assert_int_eq(world.events[0].kind, PP_CHAIN_CONFLICT);
    chain_poll_done(&world.poll);
    world_stop(&world);
}
END_TEST

static void thaw(const struct world *world, uint64_t nonce, uint64_t target)
{
    uint8_t data[512];
    struct pp_writer w;
    struct pp_channel_config config = config_of(world, nonce);
    struct pp_hash selector;
    pp_keccak256((const uint8_t *)"requestThaw((address,address,uint64),uint32,uint64)", 51, selector.bytes);
    pp_writer_init(&w, data, sizeof data);
    pp_write_bytes(&w, selector.bytes, 4);
    for (unsigned i = 0; i < 2; i++) {
        pp_write_bytes(&w, (const uint8_t[12]){0}, 12);
        pp_write_bytes(&w, i == 0 ? config.payer.bytes : config.signer.bytes, 20);
    }
    for (unsigned i = 0; i < 3; i++) {
        pp_write_bytes(&w, (const uint8_t[24]){0}, 24);
        pp_write_u64(&w, i == 0 ? nonce : i == 1 ? LANE : target);
    }
    payer_sends(world, &w);
}

static void chain_back(const struct world *world, char snapshot[80])
{
    json_decref(pp_anvil_rpc(&world->anvil, "evm_revert", snapshot)); /* which forgets the snapshot */
}

static void chain_save(const struct world *world, char snapshot[80])
{
    json_t *result = pp_anvil_rpc(&world->anvil, "evm_snapshot", "[]");
    snprintf(snapshot, 80, "[\"%s\"]", json_string_value(result));
    json_decref(result);
}

/* Goal: a reorganization of every depth down to the finalized block takes back what it took out of the chain and gives what it
 * brought, and each turn has its head (VIEW-003, VIEW-006, WATCH-010). Method: three competing chains above one block: one
 * with a close, one with a thaw, one with nothing; a turn on each, at every depth. */
START_TEST(watch__reorganizations_of_every_depth__as_the_chain_is)
{
    struct world world;
    char snapshot[80];
    const unsigned finality = 6;
    world_start(&world, finality);
    poll_begin(&world);
    deposit(&world, PP_ABI_OPEN, 0, 25000000, 20000000);
    pp_anvil_mine(&world.anvil, finality, 1);
    turn(&world);
    for (unsigned depth = 1; depth <= finality; depth++) {
        chain_save(&world, snapshot);
        close_call(&world, PP_ABI_REQUEST_CLOSE, 0);
        if (depth > 1)
            pp_anvil_mine(&world.anvil, depth - 1, 1);
        turn(&world);
        ck_assert_uint_eq(world.count, 1);
        expect(&world, 0, PP_CHAIN_CLOSING);
        uint64_t latest = world.head.block_number;

        chain_back(&world, snapshot);
        chain_save(&world, snapshot);
        thaw(&world, 0, 5000000);
        pp_anvil_mine(&world.anvil, depth, 2);
        turn(&world);
        ck_assert_uint_eq(world.count, 2);
        bool is_final = depth == finality; /* the thaw's block, by then */
        expect(&world, is_final ? 1 : 0, PP_CHAIN_CLOSE_UNDONE);
        expect(&world, is_final ? 0 : 1, is_final ? PP_CHAIN_LANE_FINAL : PP_CHAIN_CAP_LOWERED);
        ck_assert_uint_eq(world.events[is_final ? 0 : 1].cap.raw, 5000000);
        ck_assert_uint_eq(world.head.block_number, latest + 1);
        turn(&world);
        ck_assert_uint_eq(world.count, 0);
        if (is_final)
            break; /* and must stay */

        chain_back(&world, snapshot);
        pp_anvil_mine(&world.anvil, depth + 1, 3);
        turn(&world);
        ck_assert_uint_eq(world.count, 1);
        expect(&world, 0, PP_CHAIN_LOWERING_UNDONE);
        ck_assert_uint_eq(world.head.block_number, latest + 1);
    }
    chain_poll_done(&world.poll);
    world_stop(&world);
}
END_TEST

static enum pp_error turn_with(struct world *world)
{
    bool anew;
    ck_assert_ok(chain_poll_init(&world->poll, &world->config, &anew));
    enum pp_error error = chain_poll_turn(&world->poll);
    chain_poll_done(&world->poll);
    return error;
}

/* Goal: a contract that is not the configured one is named, parameter by parameter; so is a chain (WATCH-001). */
START_TEST(watch__other_contract_or_chain__named_error)
{
    struct world world;
    world_start(&world, 0);
    world.config.mark_path = NULL;
    ck_assert_ok(turn_with(&world));
    const struct pp_chain_watch_config right = world.config;
    world.config.expected.epoch_seconds++;
    ck_assert_error(turn_with(&world), PP_CONTRACT_MISMATCH);
    world.config = right;
    world.config.expected.protocol_share_bps++;
    ck_assert_error(turn_with(&world), PP_CONTRACT_MISMATCH);
    world.config = right;
    world.config.expected.operator_key = world.anvil.accounts[3];
    ck_assert_error(turn_with(&world), PP_CONTRACT_MISMATCH);
    world.config = right;
    world.config.expected.node_id++;
    ck_assert_error(turn_with(&world), PP_CONTRACT_MISMATCH);
    world.config = right;
    world.config.expected.freshness_seconds = 6;
    ck_assert_error(turn_with(&world), PP_CONTRACT_MISMATCH);
    world.config = right;
    pp_domain_init(&world.config.domain, PP_ANVIL_CHAIN_ID, &world.anvil.accounts[3]);
    ck_assert_error(turn_with(&world), PP_CONTRACT_MISMATCH);
    world.config = right;
    pp_domain_init(&world.config.domain, PP_ANVIL_CHAIN_ID + 1, &world.anvil.contract);
    ck_assert_error(turn_with(&world), PP_CHAIN_WRONG_ID);
    world.config = right;
    world.config.lane = 0;
    bool anew;
    ck_assert_error(chain_poll_init(&world.poll, &world.config, &anew), PP_BAD_CONFIG);
    world_stop(&world);
}
END_TEST

/* Goal: a damaged mark is read anew from the chain, one of another lane is refused (WATCH-003). */
START_TEST(watch__damaged_mark__started_anew)
{
    struct world world;
    world_start(&world, 0);
    poll_begin(&world);
    deposit(&world, PP_ABI_OPEN, 0, 25000000, 20000000);
    turn(&world);
    ck_assert_uint_eq(world.count, 1);
    chain_poll_done(&world.poll);
    FILE *file = fopen(world.mark, "r+b");
    ck_assert_ptr_nonnull(file);
    fseek(file, 40, SEEK_SET);
    fputc(0x5a, file);
    fclose(file);
    bool anew;
    ck_assert_ok(chain_poll_init(&world.poll, &world.config, &anew));
    ck_assert(anew);
    turn(&world);
    ck_assert_uint_eq(world.count, 1);
    expect(&world, 0, PP_CHAIN_LANE_FINAL);
    chain_poll_done(&world.poll);
    world.config.lane++;
    ck_assert_error(chain_poll_init(&world.poll, &world.config, &anew), PP_WRONG_DOMAIN);
    world_stop(&world);
}
END_TEST

static void wait_told(struct world *world, enum pp_error error)
{
    pthread_mutex_lock(&world->lock);
    while (world->told != error)
        pthread_cond_wait(&world->changed, &world->lock);
    pthread_mutex_unlock(&world->lock);
}

/* Goal: the watch outlives a chain that goes down, tells it once, and stops at once (WATCH-004).
 * Method: the real thread; the test's own time-out is the only clock. */
START_TEST(watch__chain_down__told_once_and_close_at_once)
{
    struct world world;
    struct pp_chain_watch *watch;
    struct pp_chain_watch_status status;
    world_start(&world, 0);
    ck_assert_ok(pp_chain_watch_open(&world.config, &watch));
    pthread_mutex_lock(&world.lock);
    while (world.head.kind != PP_CHAIN_HEAD)
        pthread_cond_wait(&world.changed, &world.lock);
    pthread_mutex_unlock(&world.lock);
    kill(world.anvil.pid, SIGKILL);
    wait_told(&world, PP_CHAIN_DOWN);
    pp_chain_watch_status(watch, &status);
    ck_assert_int_eq(status.error, PP_CHAIN_DOWN);
    ck_assert(status.ready);
    ck_assert_uint_gt(status.failures, 0);
    ck_assert_uint_eq(status.timers.challenge, PP_ANVIL_CHALLENGE_S);
    ck_assert_uint_eq(world.told_count, 1);
    pp_chain_watch_close(watch);
    world_stop(&world);
}
END_TEST

PP_TESTS("chain_watch")
PP_TEST(watch__life_of_a_channel__events_by_finality)
PP_TEST(watch__reorganizations__undone_and_conflict)
PP_TEST(watch__reorganizations_of_every_depth__as_the_chain_is)
PP_TEST(watch__other_contract_or_chain__named_error)
PP_TEST(watch__damaged_mark__started_anew)
PP_TEST(watch__chain_down__told_once_and_close_at_once)
PP_TESTS_END
