/* Goal: a payer opens one channel, tops it up and leaves, whatever is down, missing or lying; and the chain has every unit.
 * Method: anvil with the contract, pennypostd, and the command; a relay before the chain that lies. */
#include "chain_relay.h"
#include "payer_world.h"
#include "pp_test.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#define OPEN(w, status, ...) PAYER_RUN(w, status, "open", __VA_ARGS__)

static struct pp_channel_id channel_of(const json_t *object)
{
    struct pp_channel_id id;
    pp_json_bytes(object, "channel_id", id.bytes, sizeof id.bytes);
    return id;
}

/* Runs it, expects a refusal; its error, which json_decref() gives back with the rest. */
static json_t *refused(struct payer_world *w, const char *name, const char *const *arguments)
{
    json_t *object = payer_run(w, 1, arguments);
    ck_assert_str_eq(cli_run_error(object), name);
    json_t *error = json_incref(json_object_get(object, "error"));
    json_decref(object);
    return error;
}
#define REFUSED(w, name, ...) refused(w, name, (const char *const[]){__VA_ARGS__, NULL})

static struct pp_channel_id opened(struct payer_world *w, const char *deposit)
{
    json_t *object = OPEN(w, 0, "--deposit", deposit, "--another", "--wait", "0");
    struct pp_channel_id id = channel_of(object);
    json_decref(object);
    return id;
}

/* ---- open ---- */

START_TEST(open__all_is_well__channel_is_final_and_active)
{
    struct payer_world w;
    payer_world_make(&w);
    payer_world_node_start(&w);
    payer_world_blocks_flow(&w);
    json_t *object = OPEN(&w, 0, "--deposit", "25.00");
    struct pp_channel_id id = channel_of(object);
    struct pp_chain_channel channel = payer_world_channel(&w, &id);
    const json_t *lane = json_array_get(json_object_get(object, "lanes"), 0);
    ck_assert_int_eq(channel.state, PP_CHANNEL_CHAIN_OPEN);
    ck_assert_uint_eq(channel.deposit.raw, 25000000);
    ck_assert_uint_eq(payer_world_lane(&w, &id).cap.raw, 25000000);
    ck_assert_uint_eq(pp_anvil_balance(&w.anvil, &w.anvil.accounts[1]).raw, PAYER_WORLD_TOKENS - 25000000);
    ck_assert_str_eq(pp_json_text(lane, "state"), "ACTIVE");
    ck_assert_str_eq(pp_json_text(lane, "cap_units"), "25000000");
    ck_assert_uint_eq(pp_json_u64(lane, "lane"), PAYER_WORLD_LANE);
    ck_assert_str_eq(pp_json_text(object, "deposit_units"), "25000000");
    ck_assert(!pp_json_bool(object, "existed") && !pp_json_bool(object, "resumed"));
    json_decref(object);
    /* What was opened is what other verbs work with. */
    json_t *status = PAYER_RUN(&w, 0, "status");
    ck_assert_str_eq(pp_json_text(pp_json_member(status, "chain"), "deposit_grains"), "25000000000000");
    json_decref(status);
    payer_world_done(&w);
}
END_TEST

START_TEST(open__again__finds_the_open_channel)
{
    struct payer_world w;
    payer_world_make(&w);
    payer_world_node_start(&w);
    json_t *first = OPEN(&w, 0, "--deposit", "25.00", "--wait", "0");
    json_t *again = OPEN(&w, 0, "--deposit", "25", "--wait", "0");
    ck_assert(pp_json_bool(again, "existed"));
    ck_assert_str_eq(pp_json_text(first, "channel_id"), pp_json_text(again, "channel_id"));
    json_decref(REFUSED(&w, "EXISTS", "open", "--deposit", "30.00", "--wait", "0"));
    ck_assert_uint_eq(payer_world_nonce(&w, 0), 1);
    json_t *another = OPEN(&w, 0, "--deposit", "30.00", "--wait", "0", "--another");
    ck_assert_str_ne(pp_json_text(first, "channel_id"), pp_json_text(another, "channel_id"));
    ck_assert_uint_eq(payer_world_nonce(&w, 0), 2);
    json_decref(first);
    json_decref(again);
    json_decref(another);
    payer_world_done(&w);
}
END_TEST

START_TEST(open__cut_short_before_its_receipt__waits_and_goes_on)
{
    struct payer_world w;
    payer_world_make(&w);
    payer_world_node_start(&w);
    json_decref(pp_anvil_rpc(&w.anvil, "evm_setAutomine", "[false]"));
    json_t *error =
        REFUSED(&w, "TX_UNKNOWN", "open", "--deposit", "2.00", "--wait", "0", "--chain-wait", "1");
    ck_assert_ptr_nonnull(strstr(pp_json_text(error, "detail"), "same command"));
    json_decref(error);
    json_decref(pp_anvil_rpc(&w.anvil, "evm_setAutomine", "[true]"));
    pp_anvil_mine(&w.anvil, 1, 1);
    json_t *object = OPEN(&w, 0, "--deposit", "2.00", "--wait", "0");
    ck_assert(pp_json_bool(object, "resumed"));
    ck_assert_uint_eq(payer_world_nonce(&w, 0), 1);
    json_decref(object);
    payer_world_done(&w);
}
END_TEST

START_TEST(open__another_command_of_the_payer_runs__locked)
{
    struct payer_world w;
    unsigned waiting = 0;
    payer_world_make(&w);
    payer_world_node_start(&w);
    json_decref(pp_anvil_rpc(&w.anvil, "evm_setAutomine", "[false]"));
    pid_t first = PAYER_SPAWN(&w, "open", "--deposit", "2.00", "--wait", "0");
    while (!waiting) { /* until its first transaction waits to be mined */
        json_t *pool = pp_anvil_rpc(&w.anvil, "txpool_status", "[]");
        waiting = (unsigned)strtoul(pp_json_text(pool, "pending"), NULL, 16);
        json_decref(pool);
    }
    json_decref(REFUSED(&w, "LOCKED", "open", "--deposit", "2.00", "--wait", "0"));
    ck_assert_int_eq(kill(first, SIGKILL), 0);
    ck_assert_int_eq(waitpid(first, NULL, 0), first);
    payer_world_done(&w);
}
END_TEST

/* PAYER-005 */
START_TEST(open__too_few_tokens_or_no_gas__says_what_is_missing)
{
    struct payer_world w;
    char params[128], hex[41];
    payer_world_make(&w);
    payer_world_node_start(&w);
    json_t *error = REFUSED(&w, "TOKEN_FUNDS", "open", "--deposit", "1000000.50", "--wait", "0");
    ck_assert_str_eq(pp_json_text(error, "expected"), "1000000500000");
    ck_assert_str_eq(pp_json_text(error, "actual"), "1000000000000");
    ck_assert_str_eq(pp_json_text(error, "shortfall"), "500000000000"); /* grains */
    json_decref(error);
    snprintf(params, sizeof params, "[\"0x%s\",\"0x5\"]", pp_hex_print(w.anvil.accounts[1].bytes, 20, hex));
    json_decref(pp_anvil_rpc(&w.anvil, "anvil_setBalance", params));
    error = REFUSED(&w, "TX_FUNDS", "open", "--deposit", "1.00", "--wait", "0");
    ck_assert_str_eq(pp_json_text(error, "actual"), "5");
    json_decref(error);
    ck_assert_uint_eq(payer_world_nonce(&w, 0), 0);
    /* Nothing of it is on its way when there is gas again. */
    snprintf(params, sizeof params, "[\"0x%s\",\"0x%llx\"]", hex, 1000000000000000000ull);
    json_decref(pp_anvil_rpc(&w.anvil, "anvil_setBalance", params));
    json_decref(OPEN(&w, 0, "--deposit", "3.00", "--wait", "0"));
    ck_assert_uint_eq(payer_world_nonce(&w, 0), 1);
    payer_world_done(&w);
}
END_TEST

static struct pp_fake_answer chain_one(void *context, const struct pp_fake_question *question)
{
    (void)context;
    return pp_fake_result(question, "\"0x1\"");
}

static void terms_lies(struct payer_world *w, struct chain_relay *relay, const char *call, const char *answer,
                       const char *field)
{
    relay->lie_to = call;
    relay->lie = answer;
    json_t *error = REFUSED(w, "CONTRACT_MISMATCH", "open", "--deposit", "1.00", "--rpc", relay->url);
    ck_assert_str_eq(pp_json_text(error, "field"), field);
    ck_assert(json_object_get(error, "expected") && json_object_get(error, "actual"));
    json_decref(error);
}

#define WORD(digits) "\"0x" digits "\""
#define ZEROS_62 "00000000000000000000000000000000000000000000000000000000000000"

/* PAYER-004 */
START_TEST(open__chain_is_not_what_the_node_says__refused_before_anything_is_sent)
{
    struct payer_world w;
    struct chain_relay relay;
    struct pp_anvil empty;
    payer_world_make(&w);
    payer_world_node_start(&w);
    struct pp_fake_rpc *other = pp_fake_rpc_start(chain_one, NULL);
    json_t *error =
        REFUSED(&w, "CHAIN_WRONG_ID", "open", "--deposit", "1.00", "--rpc", pp_fake_rpc_url(other));
    ck_assert_str_eq(pp_json_text(error, "expected"), "31337");
    ck_assert_str_eq(pp_json_text(error, "actual"), "1");
    json_decref(error);
    pp_fake_rpc_stop(other);
    json_decref(REFUSED(&w, "CHAIN_DOWN", "open", "--deposit", "1.00", "--rpc", "http://127.0.0.1:1"));
    pp_anvil_start(&empty, 0); /* the same chain id, and no contract */
    json_decref(REFUSED(&w, "CONTRACT_MISMATCH", "open", "--deposit", "1.00", "--rpc", empty.url));
    pp_anvil_stop(&empty);
    chain_relay_start(&relay, &w);
    terms_lies(&w, &relay, "0xfc0c546a", WORD(ZEROS_62 "07"), "token");
    terms_lies(&w, &relay, "0x313ce567", WORD(ZEROS_62 "08"), "token_decimals");
    terms_lies(&w, &relay, "0x04783c00", WORD(ZEROS_62 "09"), "channel_id");
    /* The contract's own refusal, by its name and values. */
    relay.lie_to = "0xed2a2d64";
    relay.lie = WORD(ZEROS_62 "07");
    error = REFUSED(&w, "CHAIN_REVERTED", "open", "--deposit", "1.00", "--rpc", relay.url);
    ck_assert_ptr_nonnull(strstr(pp_json_text(error, "detail"), "WrongNonce(0, 7)"));
    json_decref(error);
    chain_relay_stop(&relay);
    ck_assert_uint_eq(payer_world_nonce(&w, 0), 0);
    payer_world_done(&w);
}
END_TEST

START_TEST(open__bad_arguments__usage)
{
    static const char *const bad[][6] = {
        {"--deposit", "25.0000001"},
        {"--deposit", "0"},
        {"--deposit", "-1"},
        {"--deposit", "25.00", "--lane", "0"},
        {"--deposit", "1.00", "--lane", "1280:2.00"},
        {"--deposit", "1.00", "--lane", "1280:"},
        {"--deposit", "1.00", "--lane", "1280:0.00"},
        {"--deposit", "1.00", "--lane", "1280@"},
        {"--deposit", "1.00", "--lane", "x"},
        {"--deposit", "1.00", "--lane", "4294967296"},
    };
    struct payer_world w;
    payer_world_make(&w);
    payer_world_node_start(&w);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *arguments[8] = {"open"};
        memcpy(arguments + 1, bad[i], sizeof bad[i]);
        json_decref(payer_run(&w, 2, arguments));
    }
    json_decref(OPEN(&w, 2, "--deposit", "1.00", "--lane", "1280", "--lane", "1281"));
    json_decref(OPEN(&w, 2, "--deposit", "1.00", "--lane", "1280:0.50", "--lane", "1280"));
    json_decref(REFUSED(&w, "UNKNOWN_LANE", "open", "--deposit", "1.00", "--lane", "1536"));
    ck_assert_uint_eq(payer_world_nonce(&w, 0), 0);
    payer_world_done(&w);
}
END_TEST

START_TEST(open__lanes_with_caps__each_gets_its_own)
{
    struct payer_world w;
    payer_world_make(&w);
    payer_world_node_start(&w);
    char elsewhere[100]; /* the same node by another name: asked for its terms, too */
    snprintf(elsewhere, sizeof elsewhere, "1287@http://localhost%s", strrchr(w.node_url, ':'));
    json_t *object =
        OPEN(&w, 0, "--deposit", "10.00", "--lane", elsewhere, "--lane", "1280:4.00", "--wait", "0");
    struct pp_channel_id id = channel_of(object);
    ck_assert_uint_eq(payer_world_channel(&w, &id).allocated.raw, 10000000);
    ck_assert_uint_eq(payer_world_lane(&w, &id).cap.raw, 4000000);
    const json_t *lane = json_array_get(json_object_get(object, "lanes"), 1);
    ck_assert_uint_eq(pp_json_u64(lane, "lane"), 1287);
    ck_assert_str_eq(pp_json_text(lane, "cap_units"), "6000000");
    ck_assert_str_eq(pp_json_text(lane, "node_url"), elsewhere + 5);
    json_decref(object);
    payer_world_done(&w);
}
END_TEST

/* ---- topup ---- */

START_TEST(topup__raises_deposit_and_cap)
{
    struct payer_world w;
    payer_world_make(&w);
    payer_world_node_start(&w);
    payer_world_blocks_flow(&w);
    json_t *object = OPEN(&w, 0, "--deposit", "25.00");
    struct pp_channel_id id = channel_of(object);
    json_decref(object);
    object = PAYER_RUN(&w, 0, "topup", "--amount", "5.00");
    ck_assert_str_eq(pp_json_text(object, "deposit_units"), "30000000");
    ck_assert_str_eq(pp_json_text(object, "cap_units"), "30000000");
    ck_assert(!pp_json_bool(object, "resumed"));
    ck_assert_uint_eq(payer_world_channel(&w, &id).deposit.raw, 30000000);
    ck_assert_uint_eq(payer_world_lane(&w, &id).cap.raw, 30000000);
    json_decref(object);
    /* The wallet's channel and its node know of it, too. */
    json_t *status = PAYER_RUN(&w, 0, "status");
    ck_assert_str_eq(pp_json_text(pp_json_member(status, "wallet"), "cap_grains"), "30000000000000");
    ck_assert_str_eq(pp_json_text(pp_json_member(status, "node"), "cap_grains"), "30000000000000");
    json_decref(status);
    json_decref(REFUSED(&w, "BAD_KEY", "topup", "--amount", "5.00", "--payer-key", w.payer_keys[1]));
    json_decref(REFUSED(&w, "TOKEN_FUNDS", "topup", "--amount", "999999.00"));
    json_decref(PAYER_RUN(&w, 2, "topup", "--amount", "0.0000001"));
    json_decref(PAYER_RUN(&w, 2, "topup"));
    json_decref(REFUSED(&w, "UNKNOWN_LANE", "topup", "--amount", "5.00", "--lane", "1281"));
    payer_world_done(&w);
}
END_TEST

/* ---- close ---- */

/* PAYER-007 */
START_TEST(close_alone__before_and_after_the_challenge__all_comes_back)
{
    struct payer_world w;
    payer_world_make(&w);
    payer_world_node_start(&w);
    struct pp_channel_id id = opened(&w, "25.00");
    payer_world_node_stop(&w); /* it answers no more */
    json_t *object = PAYER_RUN(&w, 0, "close", "--alone");
    ck_assert_str_eq(pp_json_text(object, "state"), "CLOSING");
    ck_assert_uint_eq(pp_json_u64(object, "closable_at_s"), payer_world_channel(&w, &id).closable_at_s);
    ck_assert_uint_le(pp_json_u64(object, "seconds_left"), PP_ANVIL_CHALLENGE_S);
    json_decref(object);
    object = PAYER_RUN(&w, 3, "close", "--alone");
    ck_assert_str_eq(cli_run_error(object), "NOT_DUE");
    json_decref(object);
    json_decref(PAYER_RUN(&w, 3, "close"));
    payer_world_pass(&w, PP_ANVIL_CHALLENGE_S);
    object = PAYER_RUN(&w, 0, "close", "--alone");
    ck_assert_str_eq(pp_json_text(object, "state"), "CLOSED");
    ck_assert_str_eq(pp_json_text(object, "returned_units"), "25000000");
    ck_assert_str_eq(pp_json_text(object, "to_pool_units"), "0");
    json_decref(object);
    ck_assert_uint_eq(pp_anvil_balance(&w.anvil, &w.anvil.accounts[1]).raw, PAYER_WORLD_TOKENS);
    object = PAYER_RUN(&w, 0, "close"); /* and says so as often as it is asked */
    ck_assert(pp_json_bool(object, "closed"));
    json_decref(object);
    json_decref(REFUSED(&w, "LANE_SETTLED", "topup", "--amount", "1.00"));
    payer_world_done(&w);
}
END_TEST

START_TEST(close__node_does_not_answer__says_how_to_leave_alone)
{
    struct payer_world w;
    payer_world_make(&w);
    payer_world_node_start(&w);
    struct pp_channel_id id = opened(&w, "25.00");
    payer_world_node_stop(&w);
    json_t *error = REFUSED(&w, "NODE_DOWN", "close");
    ck_assert_ptr_nonnull(strstr(pp_json_text(error, "detail"), "--alone"));
    json_decref(error);
    ck_assert_int_eq(payer_world_channel(&w, &id).state, PP_CHANNEL_CHAIN_OPEN);
    payer_world_done(&w);
}
END_TEST

START_TEST(close__nothing_was_spent__closes_at_once)
{
    struct payer_world w;
    payer_world_make(&w);
    payer_world_node_start(&w);
    payer_world_blocks_flow(&w);
    json_decref(OPEN(&w, 0, "--deposit", "25.00"));
    json_t *object = PAYER_RUN(&w, 0, "close");
    ck_assert_str_eq(pp_json_text(object, "state"), "CLOSED");
    ck_assert_str_eq(pp_json_text(object, "returned_units"), "25000000");
    ck_assert_uint_eq(json_array_size(json_object_get(object, "transactions")), 2);
    json_decref(object);
    ck_assert_uint_eq(pp_anvil_balance(&w.anvil, &w.anvil.accounts[1]).raw, PAYER_WORLD_TOKENS);
    payer_world_done(&w);
}
END_TEST

/* ---- leaving after envelopes were sent ---- */

static void envelopes_send(struct payer_world *w, unsigned count)
{
    char path[400];
    const char *arguments[16] = {"send", "--topic", "greetings", "--days", "30"};
    ck_assert_uint_le(count, 8);
    for (unsigned i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/envelope%u", w->dir.path, i);
        cli_file_make(path, "an envelope of twenty-four bytes", 25 + i);
        arguments[5 + i] = strdup(path);
    }
    json_decref(payer_run(w, 0, arguments));
    for (unsigned i = 0; i < count; i++)
        free((void *)(uintptr_t)arguments[5 + i]);
}

static struct pp_grains wallet_grains(struct payer_world *w, const char *key)
{
    json_t *status = PAYER_RUN(w, 0, "status");
    struct pp_grains amount = pp_json_grains(pp_json_member(status, "wallet"), key);
    json_decref(status);
    return amount;
}

/* Until the node's view has the chain's time: reports are built on what it sees. */
static void node_follow(struct payer_world *w)
{
    uint64_t seen = 0;
    json_t *block = pp_anvil_rpc(&w->anvil, "eth_getBlockByNumber", "[\"latest\",false]");
    uint64_t now = strtoull(pp_json_text(block, "timestamp"), NULL, 16);
    json_decref(block);
    while (seen < now) {
        json_t *status = PAYER_RUN(w, 0, "status");
        seen = pp_json_u64(pp_json_member(status, "node"), "chain_time_s");
        json_decref(status);
    }
}

/* The operator's job, and time, until close has something to do: status 0. */
static json_t *closed_after_settling(struct payer_world *w)
{
    char data[300];
    snprintf(data, sizeof data, "%s/data", w->dir.path);
    for (unsigned turn = 0; turn < 40; turn++) {
        const char *const settle[] = {"settle", "--data", data, "--key", w->payer_keys[2], NULL};
        const char *const close[] = {"close", NULL};
        int status;
        payer_world_pass(w, PP_ANVIL_EPOCH_S);
        node_follow(w);
        json_decref(payer_run_any(w, &status, settle));
        ck_assert(status == 0 || status == 3);
        json_t *object = payer_run_any(w, &status, close);
        if (status == 0)
            return object;
        ck_assert_int_eq(status, 3);
        json_decref(object);
    }
    ck_abort_msg("the channel did not close");
}

START_TEST(close__envelopes_were_sent__closes_when_they_have_vested)
{
    struct payer_world w;
    payer_world_make(&w);
    payer_world_node_start(&w);
    payer_world_blocks_flow(&w);
    json_t *object = OPEN(&w, 0, "--deposit", "25.00");
    struct pp_channel_id id = channel_of(object);
    json_decref(object);
    envelopes_send(&w, 5);
    object = PAYER_RUN(&w, 0, "close");
    ck_assert_str_eq(pp_json_text(object, "state"), "LEAVING");
    ck_assert(!pp_json_bool(object, "closed"));
    json_decref(object);
    struct pp_grains kept =
        pp_grains_sub_checked(wallet_grains(&w, "spent_grains"), wallet_grains(&w, "refunded_grains"));
    struct pp_units pool;
    ck_assert_ok(pp_grains_to_units_floor(kept, &pool));
    ck_assert_uint_gt(pool.raw, 0);
    json_decref(PAYER_RUN(&w, 3, "close"));
    json_decref(REFUSED(&w, "LANE_CLOSING", "topup", "--amount", "1.00"));
    object = closed_after_settling(&w);
    ck_assert_str_eq(pp_json_text(object, "state"), "CLOSED");
    ck_assert_uint_eq(pp_json_u64(object, "to_pool_units"), pool.raw);
    ck_assert_uint_eq(pp_json_u64(object, "returned_units"), 25000000 - pool.raw);
    json_decref(object);
    ck_assert_uint_eq(payer_world_channel(&w, &id).credited.raw, pool.raw);
    ck_assert_uint_eq(pp_anvil_balance(&w.anvil, &w.anvil.accounts[1]).raw, PAYER_WORLD_TOKENS - pool.raw);
    payer_world_done(&w);
}
END_TEST

/* PAYER-008 */
START_TEST(close_alone__refund_is_known__posted_first)
{
    struct payer_world w;
    payer_world_make(&w);
    payer_world_node_start(&w);
    payer_world_blocks_flow(&w);
    json_t *object = OPEN(&w, 0, "--deposit", "25.00");
    struct pp_channel_id id = channel_of(object);
    json_decref(object);
    envelopes_send(&w, 3);
    object = PAYER_RUN(&w, 0, "list", "--sent");
    json_t *first = json_array_get(pp_json_member(object, "sent"), 0);
    char number[24];
    snprintf(number, sizeof number, "%llu", (unsigned long long)pp_json_u64(first, "sequence"));
    json_decref(object);
    json_decref(PAYER_RUN(&w, 0, "delete", number));
    struct pp_grains refunded = wallet_grains(&w, "refunded_grains");
    ck_assert(!pp_grains_is_zero(refunded));
    payer_world_node_stop(&w);
    object = PAYER_RUN(&w, 0, "close", "--alone");
    ck_assert_uint_eq(json_array_size(json_object_get(object, "transactions")), 2);
    json_decref(object);
    ck_assert(pp_grains_eq(payer_world_lane(&w, &id).refunded, refunded));
    payer_world_pass(&w, PP_ANVIL_CHALLENGE_S);
    object = PAYER_RUN(&w, 0, "close");
    ck_assert_str_eq(pp_json_text(object, "returned_units"), "25000000");
    json_decref(object);
    payer_world_done(&w);
}
END_TEST

/* Another operator's address in the pinned terms: what the node signs is then not its operator's. */
static void pinned_change(const struct payer_world *w)
{
    char path[500], contract[41];
    snprintf(path, sizeof path, "%s/nodes/%u-%s-%u.json", w->wallet, PP_ANVIL_CHAIN_ID,
             pp_hex_print(w->anvil.contract.bytes, 20, contract), PP_ANVIL_NODE);
    json_t *object = json_load_file(path, 0, NULL);
    ck_assert_ptr_nonnull(object);
    json_object_set_new(object, "operator_address",
                        json_string("0x0102030405060708090a0b0c0d0e0f1011121314"));
    ck_assert_int_eq(json_dump_file(object, path, 0), 0);
    json_decref(object);
}

/* PAYER-006 */
START_TEST(close__not_signed_by_the_pinned_operator__nothing_is_kept_or_sent)
{
    struct payer_world w;
    payer_world_make(&w);
    payer_world_node_start(&w);
    payer_world_blocks_flow(&w);
    json_t *object = OPEN(&w, 0, "--deposit", "25.00");
    struct pp_channel_id id = channel_of(object);
    json_decref(object);
    pinned_change(&w);
    json_decref(REFUSED(&w, "BAD_SIGNATURE", "close"));
    json_decref(REFUSED(&w, "BAD_SIGNATURE", "close"));
    ck_assert_int_eq(payer_world_channel(&w, &id).state, PP_CHANNEL_CHAIN_OPEN);
    payer_world_done(&w);
}
END_TEST

PP_TESTS("cli_payer")
PP_TEST(open__all_is_well__channel_is_final_and_active)
PP_TEST(open__again__finds_the_open_channel)
PP_TEST(open__cut_short_before_its_receipt__waits_and_goes_on)
PP_TEST(open__another_command_of_the_payer_runs__locked)
PP_TEST(open__too_few_tokens_or_no_gas__says_what_is_missing)
PP_TEST(open__chain_is_not_what_the_node_says__refused_before_anything_is_sent)
PP_TEST(open__bad_arguments__usage)
PP_TEST(open__lanes_with_caps__each_gets_its_own)
PP_TEST(topup__raises_deposit_and_cap)
PP_TEST(close_alone__before_and_after_the_challenge__all_comes_back)
PP_TEST(close__node_does_not_answer__says_how_to_leave_alone)
PP_TEST(close__nothing_was_spent__closes_at_once)
PP_TEST(close__envelopes_were_sent__closes_when_they_have_vested)
PP_TEST(close_alone__refund_is_known__posted_first)
PP_TEST(close__not_signed_by_the_pinned_operator__nothing_is_kept_or_sent)
PP_TESTS_END
