#define _GNU_SOURCE
#include "payer_world.h"

#include "pp_test.h"

#include <fcntl.h>
#include <pp/chain_rpc.h>
#include <pp/keyfile.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS_MAX 48u
#define KEY_PATH_MAX 300u

static void path_make(const struct payer_world *w, const char *name, char out[KEY_PATH_MAX])
{
    ck_assert_int_lt(snprintf(out, KEY_PATH_MAX, "%s/%s", w->dir.path, name), (int)KEY_PATH_MAX);
}

static void key_make(const struct payer_world *w, const char *path, enum pp_key_kind kind,
                     const uint8_t secret[32], struct pp_address *out)
{
    struct pp_crypto *crypto;
    struct pp_passphrase passphrase;
    struct pp_key key;
    ck_assert_ok(pp_crypto_open(&crypto));
    ck_assert_ok(pp_passphrase_read_file(w->phrase, &passphrase));
    ck_assert_ok(pp_key_from_secret(crypto, kind, secret, &key));
    ck_assert_ok(pp_keyfile_write(path, &key, &passphrase, pp_key_cost_least()));
    if (out)
        *out = key.address;
    pp_key_done(&key);
    pp_crypto_close(crypto);
}

static void keys_make(struct payer_world *w)
{
    static const uint8_t seed[32] = {[0] = 9}, signer[32] = {[31] = 3};
    char path[KEY_PATH_MAX], name[32];
    path_make(w, "phrase", w->phrase);
    cli_file_make(w->phrase, "a test's passphrase\n", 20);
    path_make(w, "operator.key", path);
    key_make(w, path, PP_KEY_SECP256K1, w->operator_key.bytes, NULL);
    path_make(w, "receipt.key", path);
    key_make(w, path, PP_KEY_ED25519, seed, NULL);
    path_make(w, "signer.key", w->signer_key);
    key_make(w, w->signer_key, PP_KEY_SECP256K1, signer, &w->signer);
    for (unsigned i = 0; i < PAYER_WORLD_PAYERS; i++) {
        snprintf(name, sizeof name, "payer%u.key", i);
        path_make(w, name, w->payer_keys[i]);
        key_make(w, w->payer_keys[i], PP_KEY_SECP256K1, w->anvil.keys[i + 1].bytes, NULL);
    }
}

/* Whole or not there: the daemon reads it at any moment. */
static void clock_write(const struct payer_world *w)
{
    char path[KEY_PATH_MAX], beside[KEY_PATH_MAX], text[32];
    path_make(w, "clock", path);
    path_make(w, "clock.new", beside);
    int length = snprintf(text, sizeof text, "%llu\n", (unsigned long long)w->passed_s * 1000);
    cli_file_make(beside, text, (size_t)length);
    ck_assert_int_eq(rename(beside, path), 0);
}

void payer_world_pass(struct payer_world *w, uint64_t seconds)
{
    char params[32];
    snprintf(params, sizeof params, "[%llu]", (unsigned long long)seconds);
    json_decref(pp_anvil_rpc(&w->anvil, "evm_increaseTime", params));
    w->passed_s += seconds;
    clock_write(w);
    json_decref(pp_anvil_rpc(&w->anvil, "anvil_mine", "[\"0x4\"]"));
}

void payer_world_make(struct payer_world *w)
{
    payer_world_make_limited(w, 0);
}

void payer_world_make_limited(struct payer_world *w, uint64_t payout_limit)
{
    struct pp_crypto *crypto;
    struct pp_address operator_address;
    memset(w, 0, sizeof *w);
    pp_temp_dir_make(&w->dir);
    path_make(w, "wallet", w->wallet);
    w->operator_key = (struct pp_secret_key){.bytes = {[31] = 77}};
    ck_assert_ok(pp_crypto_open(&crypto));
    ck_assert_ok(pp_secret_key_address(crypto, &w->operator_key, &operator_address));
    pp_crypto_close(crypto);
    pp_anvil_start(&w->anvil, 0);
    w->anvil.payout_limit = payout_limit;
    pp_anvil_deploy(&w->anvil, &operator_address, &w->anvil.accounts[4]);
    pp_domain_init(&w->domain, PP_ANVIL_CHAIN_ID, &w->anvil.contract);
    keys_make(w);
    clock_write(w);
}

void payer_world_done(struct payer_world *w)
{
    if (w->node)
        payer_world_node_stop(w);
    pp_anvil_stop(&w->anvil);
    pp_temp_dir_remove(&w->dir);
}

/* ---- the daemon ---- */

static void config_write(const struct payer_world *w, char out_path[KEY_PATH_MAX])
{
    static const char rates[] =
        "{\"rates\":[{\"version\":1,\"start_ms\":0,\"base\":\"1000000\",\"storage\":\"20\","
        "\"congestion\":\"0\",\"target_per_minute\":100000,\"bonds\":[]}]}";
    char rates_path[KEY_PATH_MAX], *text, contract[41], token[41], payee[41], treasury[41];
    path_make(w, "rates.json", rates_path);
    cli_file_make(rates_path, rates, sizeof rates - 1);
    int length = asprintf(
        &text,
        "data_dir = %s/data\nlisten = 127.0.0.1:0\nrealm = test\nrpc_url = %s\nchain_id = %u\n"
        "contract = 0x%s\nstart_block = %llu\ntoken = 0x%s\nnode_id = %u\n"
        "operator_key = %s/operator.key\nreceipt_key = %s/receipt.key\npassphrase_file = %s\n"
        "payee = 0x%s\ntreasury = 0x%s\nrates_file = %s\nepoch_seconds = %u\n"
        "freshness_seconds = 5\nclock_file = %s/clock\nprotocol_share_bps = %u\nmap_mib = 64\nlanes_max = "
        "64\n"
        "verify_threads = 1\npoll_ms = 50\ntick_ms = 50\n%s",
        w->dir.path, w->anvil.url, PP_ANVIL_CHAIN_ID, pp_hex_print(w->anvil.contract.bytes, 20, contract),
        (unsigned long long)w->anvil.deploy_block, pp_hex_print(w->anvil.token.bytes, 20, token),
        PP_ANVIL_NODE, w->dir.path, w->dir.path, w->phrase,
        pp_hex_print(w->anvil.accounts[4].bytes, 20, payee),
        pp_hex_print(w->anvil.accounts[5].bytes, 20, treasury), rates_path, PP_ANVIL_EPOCH_S, w->dir.path,
        PP_ANVIL_SHARE_BPS, w->more_config ? w->more_config : "");
    ck_assert_int_gt(length, 0);
    path_make(w, "node.conf", out_path);
    cli_file_make(out_path, text, (size_t)length);
    free(text);
}

static void listening_read(struct payer_world *w, int from)
{
    static const char words[] = "listening ";
    char line[128] = "";
    size_t length = 0;
    while (length < sizeof line - 1 && read(from, line + length, 1) == 1 && line[length] != '\n')
        length++;
    ck_assert_msg(strncmp(line, words, sizeof words - 1) == 0, "pennypostd did not start: '%s'", line);
    line[length] = '\0';
    ck_assert_int_lt(snprintf(w->node_url, sizeof w->node_url, "http://%s", line + sizeof words - 1),
                     (int)sizeof w->node_url);
}

void payer_world_node_start(struct payer_world *w)
{
    char config[KEY_PATH_MAX], log[KEY_PATH_MAX];
    int ends[2];
    config_write(w, config);
    path_make(w, "node.log", log);
    ck_assert_int_eq(pipe(ends), 0);
    pid_t parent = getpid();
    fflush(NULL);
    w->node = fork();
    ck_assert_int_ge(w->node, 0);
    if (w->node == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int err = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(ends[1], STDOUT_FILENO);
        dup2(err, STDERR_FILENO);
        if (getppid() == parent)
            execl(PP_BINARY_DIR "/pennypostd", "pennypostd", config, w->shards ? "--shards" : NULL, w->shards,
                  (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    listening_read(w, ends[0]);
    close(ends[0]);
}

void payer_world_blocks_flow(struct payer_world *w)
{
    json_decref(pp_anvil_rpc(&w->anvil, "evm_setIntervalMining", "[1]"));
}

void payer_world_node_stop(struct payer_world *w)
{
    int status;
    ck_assert_int_eq(kill(w->node, SIGTERM), 0);
    ck_assert_int_eq(waitpid(w->node, &status, 0), w->node);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "pennypostd ended with %x", status);
    w->node = 0;
}

/* ---- the command ---- */

static bool is_given(const char *const *arguments, const char *name)
{
    for (size_t i = 0; arguments[i]; i++)
        if (strcmp(arguments[i], name) == 0)
            return true;
    return false;
}

static bool is_payers(const char *verb)
{
    static const char *const payers[] = {"open", "topup", "close", "channel", "operator", "admin", "relay"};
    for (size_t i = 0; i < sizeof payers / sizeof payers[0]; i++)
        if (strcmp(verb, payers[i]) == 0)
            return true;
    return false;
}

static void arguments_make(struct payer_world *w, const char *const *arguments,
                           const char *out[ARGUMENTS_MAX])
{
    const char *const more[][2] = {{"--wallet", w->wallet},
                                   {"--rpc", w->anvil.url},
                                   {"--key", w->signer_key},
                                   {"--passphrase-file", w->phrase},
                                   {"--payer-key", is_payers(arguments[0]) ? w->payer_keys[0] : ""},
                                   {"--node", w->node_url}};
    size_t count = 0;
    for (; arguments[count]; count++) {
        ck_assert_uint_lt(count, ARGUMENTS_MAX - 2 * sizeof more / sizeof more[0] - 2);
        out[count] = arguments[count];
    }
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++)
        if (!is_given(arguments, more[i][0]) && more[i][1][0]) {
            out[count++] = more[i][0];
            out[count++] = more[i][1];
        }
    out[count++] = "--json";
    out[count] = NULL;
}

json_t *payer_run_any(struct payer_world *w, int *out_status, const char *const *arguments)
{
    const char *all[ARGUMENTS_MAX];
    struct cli_run run;
    arguments_make(w, arguments, all);
    cli_run(&run, all);
    *out_status = run.status;
    json_t *object = cli_run_json(&run);
    cli_run_done(&run);
    return object;
}

json_t *payer_run(struct payer_world *w, int expected_status, const char *const *arguments)
{
    int status;
    json_t *object = payer_run_any(w, &status, arguments);
    if (status != expected_status) {
        char *text = json_dumps(object, JSON_INDENT(1));
        ck_abort_msg("%s: status %d, not %d\n%s", arguments[0], status, expected_status, text);
    }
    return object;
}

pid_t payer_spawn(struct payer_world *w, const char *const *arguments)
{
    const char *all[ARGUMENTS_MAX];
    char *argv[ARGUMENTS_MAX + 1] = {strdup("pennypost")};
    size_t count = 1;
    pid_t parent = getpid();
    arguments_make(w, arguments, all);
    for (; all[count - 1]; count++)
        argv[count] = strdup(all[count - 1]);
    fflush(NULL);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int nowhere = open("/dev/null", O_RDWR);
        dup2(nowhere, STDIN_FILENO);
        dup2(nowhere, STDOUT_FILENO);
        if (getppid() == parent)
            execv(PP_BINARY_DIR "/pennypost", argv);
        _exit(127);
    }
    for (size_t i = 0; i < count; i++)
        free(argv[i]);
    return pid;
}

/* ---- the chain ---- */

static size_t ask(const struct payer_world *w, const struct pp_writer *question, uint8_t out[512])
{
    struct pp_rpc *rpc;
    size_t length;
    const struct pp_rpc_call call = {.to = w->anvil.contract,
                                     .data = question->bytes,
                                     .data_length = question->length,
                                     .at = PP_RPC_AT_LATEST};
    ck_assert_ok(question->error);
    ck_assert_ok(pp_rpc_open(w->anvil.url, 0, &rpc));
    ck_assert_ok(pp_rpc_call(rpc, &call, out, 512, &length));
    pp_rpc_close(rpc);
    return length;
}

uint64_t payer_world_nonce(const struct payer_world *w, unsigned payer)
{
    uint8_t call[64], out[512];
    struct pp_writer question;
    uint64_t nonce;
    pp_writer_init(&question, call, sizeof call);
    pp_abi_write_call_address(&question, PP_ABI_NONCE_OF, &w->anvil.accounts[payer + 1]);
    ck_assert_ok(pp_abi_read_u64(out, ask(w, &question, out), &nonce));
    return nonce;
}

struct pp_chain_channel payer_world_channel(const struct payer_world *w, const struct pp_channel_id *id)
{
    uint8_t call[64], out[512];
    struct pp_writer question;
    struct pp_chain_channel channel;
    pp_writer_init(&question, call, sizeof call);
    pp_abi_write_call_hash(&question, PP_ABI_CHANNEL_OF, id->bytes);
    ck_assert_ok(pp_abi_read_channel(out, ask(w, &question, out), &channel));
    return channel;
}

struct pp_chain_lane payer_world_lane(const struct payer_world *w, const struct pp_channel_id *id)
{
    uint8_t call[128], out[512];
    struct pp_writer question;
    struct pp_chain_lane lane;
    pp_writer_init(&question, call, sizeof call);
    pp_abi_write_lane_of(&question, id, PAYER_WORLD_LANE);
    ck_assert_ok(pp_abi_read_lane(out, ask(w, &question, out), &lane));
    return lane;
}
