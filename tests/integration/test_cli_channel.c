/* Goal: what a payer, an operator and the contract's owner may ask of the escrow works from the command, once, and says what is not
 * due, refused or wrong. Method: anvil with the contract, no node; the chain is asked after each step. */
#include "atomic_file.h"
#include "payer_world.h"
#include "pp_test.h"

#include <pp/chain_contract.h>
#include <pp/chain_rpc.h>
#include <pp/keyfile.h>

#include <stdio.h>
#include <stdlib.h>

#define CAP UINT64_C(20000000)

struct world {
    struct payer_world w;
    struct pp_channel_id channel;
    char contract[43];
};

static void world_make(struct world *world)
{
    payer_world_make(&world->w);
    payer_world_node_start(&world->w);
    json_t *opened = PAYER_RUN(&world->w, 0, "open", "--deposit", "25.00", "--lane", "1280:20.00");
    pp_json_bytes(opened, "channel_id", world->channel.bytes, 32);
    json_decref(opened);
    payer_world_node_stop(&world->w);
    world->w.node_url[0] = '\0';
    memcpy(world->contract, "0x", 2);
    pp_hex_print(world->w.anvil.contract.bytes, 20, world->contract + 2);
}

static struct pp_chain_lane lane_now(const struct world *world)
{
    return payer_world_lane(&world->w, &world->channel);
}

static enum pp_channel_chain_state state_now(const struct world *world)
{
    return payer_world_channel(&world->w, &world->channel).state;
}

static void expect_refused(struct world *world, const char *error, const char *const *arguments)
{
    json_t *answer = payer_run(&world->w, strcmp(error, "USAGE") == 0 ? 2 : 1, arguments);
    ck_assert_str_eq(cli_run_error(answer), error);
    json_decref(answer);
}
#define EXPECT_REFUSED(world, error, ...)                                                                    \
    expect_refused(world, error, (const char *const[]){__VA_ARGS__, NULL})
#define DO(world, ...) json_decref(PAYER_RUN(&(world)->w, 0, __VA_ARGS__))
#define NOT_DUE(world, ...) json_decref(PAYER_RUN(&(world)->w, 3, __VA_ARGS__))

/* Goal: a thaw is asked for, taken back, asked for again and finished, each once (PAYER-020, PAYER-021); a trial sends nothing
 * (PAYER-025). */
START_TEST(channel__thaw_from_beginning_to_end__cap_falls)
{
    struct world world;
    world_make(&world);
    json_t *answer = PAYER_RUN(&world.w, 0, "channel", "thaw", "--amount", "5.00", "--dry-run");
    ck_assert_str_eq(pp_json_text(answer, "would_send"), "requestThaw");
    ck_assert_uint_gt(pp_json_u64(answer, "gas"), 20000);
    json_decref(answer);
    ck_assert_uint_eq(lane_now(&world).seq, 0);
    NOT_DUE(&world, "channel", "cancel-thaw");
    answer = PAYER_RUN(&world.w, 0, "channel", "thaw", "--amount", "5.00");
    ck_assert_uint_eq(pp_json_u64(answer, "thaw_target_units"), 5000000);
    ck_assert_uint_gt(pp_json_u64(answer, "thaw_at_s"), 0);
    json_decref(answer);
    NOT_DUE(&world, "channel", "thaw", "--amount", "5.00");
    EXPECT_REFUSED(&world, "CHAIN_REVERTED", "channel", "thaw", "--amount", "4.00");
    EXPECT_REFUSED(&world, "CHAIN_REVERTED", "channel", "allocate", "--amount", "25.00");
    NOT_DUE(&world, "channel", "finish-thaw");
    DO(&world, "channel", "cancel-thaw");
    DO(&world, "channel", "thaw", "--amount", "5.00"); /* the same call once more */
    payer_world_pass(&world.w, PP_ANVIL_CHALLENGE_S);
    json_decref(PAYER_RUN(&world.w, 0, "channel", "finish-thaw", "--payer-key", world.w.payer_keys[1]));
    ck_assert_uint_eq(lane_now(&world).cap.raw, 5000000);
    DO(&world, "channel", "allocate", "--amount", "25.00");
    ck_assert_uint_eq(lane_now(&world).cap.raw, 25000000);
    NOT_DUE(&world, "channel", "allocate", "--amount", "25.00");
    EXPECT_REFUSED(&world, "CHAIN_REVERTED", "channel", "allocate", "--amount", "26.00");
    payer_world_done(&world.w);
}
END_TEST

/* Goal: a close is taken back; a delegation revoked once; a lane retired once its channel is closed (PAYER-020). */
START_TEST(channel__close_delegation_lane__each_once)
{
    struct world world;
    world_make(&world);
    NOT_DUE(&world, "channel", "cancel-close");
    DO(&world, "close", "--alone");
    ck_assert_int_eq(state_now(&world), PP_CHANNEL_CHAIN_CLOSING);
    DO(&world, "channel", "cancel-close");
    ck_assert_int_eq(state_now(&world), PP_CHANNEL_CHAIN_OPEN);
    json_t *answer = PAYER_RUN(&world.w, 0, "channel", "revoke", "--index", "0");
    ck_assert_uint_gt(pp_json_u64(answer, "taken_until_s"), 0);
    json_decref(answer);
    NOT_DUE(&world, "channel", "revoke", "--index", "0");
    DO(&world, "channel", "revoke", "--index", "1");
    EXPECT_REFUSED(&world, "CHAIN_REVERTED", "channel", "retire");
    DO(&world, "close", "--alone");
    payer_world_pass(&world.w, PP_ANVIL_CHALLENGE_S);
    DO(&world, "close");
    ck_assert_int_eq(state_now(&world), PP_CHANNEL_CHAIN_CLOSED);
    DO(&world, "channel", "retire");
    EXPECT_REFUSED(&world, "CHAIN_REVERTED", "channel", "retire");
    payer_world_done(&world.w);
}
END_TEST

/* Goal: what is missing, too much or by another key is told before anything is sent (PAYER-022). */
START_TEST(channel__wrong_in_any_way__nothing_sent)
{
    struct world world;
    world_make(&world);
    EXPECT_REFUSED(&world, "USAGE", "channel");
    EXPECT_REFUSED(&world, "USAGE", "channel", "melt");
    EXPECT_REFUSED(&world, "USAGE", "channel", "thaw");
    EXPECT_REFUSED(&world, "USAGE", "channel", "thaw", "--amount", "1.2345678");
    EXPECT_REFUSED(&world, "USAGE", "channel", "cancel-thaw", "--amount", "1");
    EXPECT_REFUSED(&world, "USAGE", "channel", "revoke");
    EXPECT_REFUSED(&world, "USAGE", "channel", "thaw", "--amount", "1", "--index", "1");
    EXPECT_REFUSED(&world, "USAGE", "channel", "cancel-close", "--lane", "1280");
    EXPECT_REFUSED(&world, "BAD_KEY", "channel", "thaw", "--amount", "1", "--payer-key",
                   world.w.payer_keys[1]);
    EXPECT_REFUSED(&world, "CHAIN_REVERTED", "channel", "thaw", "--amount", "20.00");
    EXPECT_REFUSED(&world, "USAGE", "operator", "stake", "--amount", "1");
    EXPECT_REFUSED(&world, "USAGE", "operator", "unstake", "--contract", "0x12", "--chain-id", "31337",
                   "--node-id", "5");
    EXPECT_REFUSED(&world, "USAGE", "admin", "schedule", "--contract", world.contract, "--chain-id", "31337");
    EXPECT_REFUSED(&world, "CHAIN_WRONG_ID", "admin", "show", "--contract", world.contract, "--chain-id",
                   "1");
    ck_assert_uint_eq(lane_now(&world).cap.raw, CAP);
    payer_world_done(&world.w);
}
END_TEST

#define AT_CONTRACT(world) "--contract", (world)->contract, "--chain-id", "31337"

/* Goal: a stake is raised to what is asked for, once, and leaves only when the contract lets it (PAYER-023). */
START_TEST(operator__stake__raised_to_the_amount)
{
    struct world world;
    world_make(&world);
    struct pp_units before = pp_anvil_balance(&world.w.anvil, &world.w.anvil.accounts[1]);
    DO(&world, "operator", "stake", AT_CONTRACT(&world), "--node-id", "5", "--amount", "100.00");
    NOT_DUE(&world, "operator", "stake", AT_CONTRACT(&world), "--node-id", "5", "--amount", "100.00");
    json_t *answer = PAYER_RUN(&world.w, 0, "operator", "stake", AT_CONTRACT(&world), "--node-id", "5",
                               "--amount", "150.00");
    ck_assert_uint_eq(pp_json_u64(answer, "stake_units"), 150000000);
    json_decref(answer);
    struct pp_units after = pp_anvil_balance(&world.w.anvil, &world.w.anvil.accounts[1]);
    ck_assert_uint_eq(before.raw - after.raw, 150000000);
    EXPECT_REFUSED(&world, "CHAIN_REVERTED", "operator", "unstake", AT_CONTRACT(&world), "--node-id", "5");
    NOT_DUE(&world, "operator", "unstake", AT_CONTRACT(&world), "--node-id", "6");
    EXPECT_REFUSED(&world, "TOKEN_FUNDS", "operator", "stake", AT_CONTRACT(&world), "--node-id", "5",
                   "--amount", "2000000.00");
    payer_world_done(&world.w);
}
END_TEST

static void owner_key_make(struct world *world, char out[300])
{
    struct pp_crypto *crypto;
    struct pp_passphrase passphrase;
    struct pp_key key;
    snprintf(out, 300, "%.280s/owner.key", world->w.dir.path);
    ck_assert_ok(pp_crypto_open(&crypto));
    ck_assert_ok(pp_passphrase_read_file(world->w.phrase, &passphrase));
    ck_assert_ok(pp_key_from_secret(crypto, PP_KEY_SECP256K1, world->w.anvil.keys[0].bytes, &key));
    ck_assert_ok(pp_keyfile_write(out, &key, &passphrase, pp_key_cost_least()));
    pp_key_done(&key);
    pp_passphrase_done(&passphrase);
    pp_crypto_close(crypto);
}

/* Goal: parameters are announced, taken back, announced again and put in force in their time; a step that is too large, or by
 * somebody else, is refused by the contract's own words (PAYER-024). */
START_TEST(admin__parameters__announced_and_applied)
{
    struct world world;
    char owner[300];
    world_make(&world);
    owner_key_make(&world, owner);
    json_t *shown = PAYER_RUN(&world.w, 0, "admin", "show", AT_CONTRACT(&world));
    const json_t *now = pp_json_member(shown, "parameters");
    ck_assert_uint_eq(pp_json_u64(now, "challenge"), PP_ANVIL_CHALLENGE_S);
    ck_assert_uint_eq(pp_json_u64(shown, "change_at_s"), 0);
    json_decref(shown);
    NOT_DUE(&world, "admin", "apply", AT_CONTRACT(&world));
    NOT_DUE(&world, "admin", "cancel", AT_CONTRACT(&world));
    EXPECT_REFUSED(&world, "CHAIN_REVERTED", "admin", "schedule", AT_CONTRACT(&world), "--set",
                   "challenge=90");
    EXPECT_REFUSED(&world, "CHAIN_REVERTED", "admin", "schedule", AT_CONTRACT(&world), "--payer-key", owner,
                   "--set", "challenge=121");
    EXPECT_REFUSED(&world, "USAGE", "admin", "schedule", AT_CONTRACT(&world), "--set", "patience=1");
    EXPECT_REFUSED(&world, "USAGE", "admin", "schedule", AT_CONTRACT(&world), "--set",
                   "challenge=4294967296");
    DO(&world, "admin", "schedule", AT_CONTRACT(&world), "--payer-key", owner, "--set", "challenge=90");
    NOT_DUE(&world, "admin", "schedule", AT_CONTRACT(&world), "--payer-key", owner, "--set", "challenge=90");
    NOT_DUE(&world, "admin", "apply", AT_CONTRACT(&world));
    DO(&world, "admin", "cancel", AT_CONTRACT(&world), "--payer-key", owner);
    DO(&world, "admin", "schedule", AT_CONTRACT(&world), "--payer-key", owner, "--set", "challenge=90");
    payer_world_pass(&world.w, 90 + PP_ANVIL_EPOCH_S);
    DO(&world, "admin", "apply", AT_CONTRACT(&world));
    shown = PAYER_RUN(&world.w, 0, "admin", "show", AT_CONTRACT(&world));
    ck_assert_uint_eq(pp_json_u64(pp_json_member(shown, "parameters"), "challenge"), 90);
    json_decref(shown);
    payer_world_done(&world.w);
}
END_TEST

/* Goal: a payer without gas opens and tops up, by an authorization that another account sends, once; a changed one is refused
 * (PAYER-030, PAYER-031, PAYER-032). */
START_TEST(relay__payer_without_gas__opens_and_tops_up)
{
    struct world world;
    char file[330], params[120], hex[41], *text;
    size_t length;
    payer_world_make(&world.w);
    payer_world_node_start(&world.w);
    snprintf(file, sizeof file, "%.280s/signed.json", world.w.dir.path);
    snprintf(params, sizeof params, "[\"0x%s\",\"0x0\"]",
             pp_hex_print(world.w.anvil.accounts[1].bytes, 20, hex));
    json_decref(pp_anvil_rpc(&world.w.anvil, "anvil_setBalance", params));
    json_t *answer = PAYER_RUN(&world.w, 0, "open", "--deposit", "25.00", "--authorize", file);
    pp_json_bytes(answer, "channel_id", world.channel.bytes, 32);
    ck_assert_uint_gt(pp_json_u64(answer, "valid_before_s"), 0);
    json_decref(answer);
    ck_assert_int_eq(state_now(&world), PP_CHANNEL_CHAIN_NONE);
    answer = PAYER_RUN(&world.w, 0, "relay", file, "--dry-run", "--payer-key", world.w.payer_keys[1]);
    ck_assert_str_eq(pp_json_text(answer, "would_send"), "openWithAuthorization");
    json_decref(answer);
    DO(&world, "relay", file, "--payer-key", world.w.payer_keys[1]);
    ck_assert_int_eq(state_now(&world), PP_CHANNEL_CHAIN_OPEN);
    answer = PAYER_RUN(&world.w, 0, "relay", file, "--payer-key", world.w.payer_keys[1]);
    ck_assert(pp_json_bool(answer, "before"));
    json_decref(answer);
    EXPECT_REFUSED(&world, "CHAIN_REVERTED", "relay", file, "--payer-key", world.w.payer_keys[2]);
    DO(&world, "open", "--deposit", "25.00");

    DO(&world, "topup", "--amount", "5.00", "--authorize", file, "--wait", "0");
    DO(&world, "relay", file, "--payer-key", world.w.payer_keys[1]);
    ck_assert_uint_eq(lane_now(&world).cap.raw, 30000000);
    answer = PAYER_RUN(&world.w, 0, "channel", "refresh");
    ck_assert_uint_eq(pp_json_u64(answer, "deposit_units"), 30000000);
    ck_assert_uint_eq(pp_json_u64(answer, "cap_units"), 30000000);
    json_decref(answer);

    DO(&world, "topup", "--amount", "1.00", "--authorize", file, "--wait", "0");
    ck_assert_ok(cli_file_read(file, 100000, &text, &length));
    char *digit = strstr(text, "\"call\": \"0x") + 11 + 8 + 64 * 4 - 1; /* the amount's last digit */
    *digit = *digit == '0' ? '1' : '0';
    cli_file_make(file, text, length);
    EXPECT_REFUSED(&world, "CHAIN_REVERTED", "relay", file, "--payer-key", world.w.payer_keys[1]);
    memcpy(strstr(text, "\"call\": \"0x") + 11, "00000000", 8);
    cli_file_make(file, text, length);
    EXPECT_REFUSED(&world, "BAD_FORMAT", "relay", file, "--payer-key", world.w.payer_keys[1]);
    free(text);
    ck_assert_uint_eq(lane_now(&world).cap.raw, 30000000);
    payer_world_done(&world.w);
}
END_TEST

PP_TESTS("cli_channel")
PP_TEST(channel__thaw_from_beginning_to_end__cap_falls)
PP_TEST(channel__close_delegation_lane__each_once)
PP_TEST(channel__wrong_in_any_way__nothing_sent)
PP_TEST(operator__stake__raised_to_the_amount)
PP_TEST(admin__parameters__announced_and_applied)
PP_TEST(relay__payer_without_gas__opens_and_tops_up)
PP_TESTS_END
