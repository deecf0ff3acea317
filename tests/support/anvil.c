#define _GNU_SOURCE
#include "anvil.h"

#include "pp_fixture.h"
#include "pp_test.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The well-known keys of test chains ("test test ... junk"). */
static const char *const key_texts[PP_ANVIL_ACCOUNTS] = {
    "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
    "47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
    "8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba",
};

static unsigned short free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int probe = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(probe, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(getsockname(probe, (struct sockaddr *)&address, &size), 0);
    close(probe);
    return ntohs(address.sin_port);
}

static void binary_path(char out[512])
{
    struct utsname machine;
    uname(&machine);
    bool arm = strcmp(machine.machine, "aarch64") == 0;
    snprintf(out, 512, "%s/node_modules/@foundry-rs/anvil-linux-%s/bin/anvil", PP_SOURCE_DIR,
             arm ? "arm64" : "amd64");
    ck_assert_msg(access(out, X_OK) == 0, "%s is missing: run npm ci", out);
}

struct answer {
    char *bytes;
    size_t length;
};

static size_t take(char *bytes, size_t size, size_t count, void *context)
{
    struct answer *answer = context;
    answer->bytes = realloc(answer->bytes, answer->length + size * count + 1);
    ck_assert_ptr_nonnull(answer->bytes);
    memcpy(answer->bytes + answer->length, bytes, size * count);
    answer->length += size * count;
    answer->bytes[answer->length] = '\0';
    return size * count;
}

/* NULL: no answer. */
static json_t *ask(const struct pp_anvil *anvil, const char *method, const char *params)
{
    char *body;
    struct answer answer = {0};
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    ck_assert_int_gt(
        asprintf(&body, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}", method, params), 0);
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, anvil->url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    free(body);
    json_t *json = code == CURLE_OK && answer.bytes ? json_loads(answer.bytes, 0, NULL) : NULL;
    free(answer.bytes);
    return json;
}

json_t *pp_anvil_rpc(const struct pp_anvil *anvil, const char *method, const char *params)
{
    json_t *json = ask(anvil, method, params);
    ck_assert_msg(json != NULL, "%s: no answer", method);
    json_t *error = json_object_get(json, "error");
    ck_assert_msg(error == NULL, "%s %.300s: %s", method, params,
                  json_string_value(json_object_get(error, "message")));
    json_t *result = json_incref(json_object_get(json, "result"));
    json_decref(json);
    return result;
}

static void wait_ready(const struct pp_anvil *anvil)
{
    for (unsigned i = 0; i < 1000; i++) {
        json_t *json = ask(anvil, "eth_chainId", "[]");
        json_decref(json);
        if (json)
            return;
        ck_assert_msg(waitpid(anvil->pid, NULL, WNOHANG) == 0, "anvil has ended");
        nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    }
    ck_abort_msg("anvil does not answer");
}

void pp_anvil_start(struct pp_anvil *anvil, unsigned finality_blocks)
{
    char binary[512], port_text[16], slots_text[16];
    struct pp_crypto *crypto;
    *anvil = (struct pp_anvil){0};
    binary_path(binary);
    unsigned short port = free_port();
    snprintf(port_text, sizeof port_text, "%u", port);
    snprintf(slots_text, sizeof slots_text, "%u", finality_blocks / 2);
    snprintf(anvil->url, sizeof anvil->url, "http://127.0.0.1:%u", port);
    ck_assert_ok(pp_crypto_open(&crypto));
    for (unsigned i = 0; i < PP_ANVIL_ACCOUNTS; i++) {
        pp_bytes_of(key_texts[i], anvil->keys[i].bytes, 32);
        ck_assert_ok(pp_secret_key_address(crypto, &anvil->keys[i], &anvil->accounts[i]));
    }
    pp_crypto_close(crypto);
    pid_t parent = getpid();
    anvil->pid = fork();
    ck_assert_int_ge(anvil->pid, 0);
    if (anvil->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0);
        dup2(null, 1);
        dup2(null, 2);
        execl(binary, "anvil", "--host", "127.0.0.1", "--port", port_text, "--silent", "--slots-in-an-epoch",
              slots_text, (char *)NULL);
        _exit(127);
    }
    wait_ready(anvil);
}

void pp_anvil_stop(struct pp_anvil *anvil)
{
    kill(anvil->pid, SIGKILL);
    ck_assert_int_eq(waitpid(anvil->pid, NULL, 0), anvil->pid);
}

void pp_anvil_mine(const struct pp_anvil *anvil, unsigned blocks, unsigned seconds)
{
    char params[64];
    snprintf(params, sizeof params, "[\"0x%x\",\"0x%x\"]", blocks, seconds);
    json_decref(pp_anvil_rpc(anvil, "anvil_mine", params));
}

static char *run_node(const char *command)
{
    FILE *pipe = popen(command, "r");
    ck_assert_ptr_nonnull(pipe);
    char *text = malloc(65536);
    ck_assert_ptr_nonnull(text);
    size_t length = fread(text, 1, 65535, pipe);
    text[length] = '\0';
    ck_assert_msg(pclose(pipe) == 0, "failed: %s", command);
    return text;
}

void pp_anvil_deploy(struct pp_anvil *anvil, const struct pp_address *operator_key,
                     const struct pp_address *payee)
{
    char *command, *output, hex[6][41], limit[48] = "";
    const struct pp_address *named[6] = {operator_key,        payee,
                                         &anvil->accounts[5], &anvil->accounts[1],
                                         &anvil->accounts[2], &anvil->accounts[3]};
    for (unsigned i = 0; i < 6; i++)
        pp_hex_print(named[i]->bytes, 20, hex[i]);
    if (anvil->payout_limit)
        snprintf(limit, sizeof limit, "\"payoutLimit\":\"%llu\",", (unsigned long long)anvil->payout_limit);
    ck_assert_int_gt(
        asprintf(
            &command,
            "cd '%s' && node settlement/contracts/build.mjs '%s/contracts' --quiet >&2 && "
            "node settlement/contracts/deploy.mjs --rpc %s --build '%s/contracts' --config - <<'END'\n"
            "{%s\"treasury\":\"0x%s\",\"protocolShare\":%u,\"timers\":{\"freshness\":5,\"replication\":1,"
            "\"epoch\":%u,"
            "\"missedEpochs\":1,\"signing\":10,\"vesting\":%u,\"claimMargin\":5,\"challenge\":%u},"
            "\"operators\":[{\"nodeId\":%u,\"operatorKey\":\"0x%s\",\"payee\":\"0x%s\"}],"
            "\"mint\":[{\"to\":\"0x%s\",\"amount\":\"1000000000000\"},{\"to\":\"0x%s\",\"amount\":"
            "\"1000000000000\"},"
            "{\"to\":\"0x%s\",\"amount\":\"1000000000000\"}]}\nEND\n",
            PP_SOURCE_DIR, PP_BINARY_DIR, anvil->url, PP_BINARY_DIR, limit, hex[2], PP_ANVIL_SHARE_BPS,
            PP_ANVIL_EPOCH_S, PP_ANVIL_VESTING_S, PP_ANVIL_CHALLENGE_S, PP_ANVIL_NODE, hex[0], hex[1], hex[3],
            hex[4], hex[5]),
        0);
    output = run_node(command);
    json_t *deployed = json_loads(output, 0, NULL);
    ck_assert_msg(deployed != NULL, "%s", output);
    pp_json_bytes(deployed, "contract", anvil->contract.bytes, 20);
    pp_json_bytes(deployed, "token", anvil->token.bytes, 20);
    anvil->deploy_block = pp_json_u64(deployed, "deployBlock");
    json_decref(deployed);
    free(output);
    free(command);
}

void pp_anvil_send(const struct pp_anvil *anvil, const struct pp_address *from, const struct pp_address *to,
                   const struct pp_writer *data)
{
    char from_hex[41], to_hex[41], *data_hex = malloc(2 * data->length + 1), *params;
    ck_assert_int_eq(data->error, PP_OK);
    ck_assert_ptr_nonnull(data_hex);
    pp_hex_print(from->bytes, 20, from_hex);
    pp_hex_print(to->bytes, 20, to_hex);
    pp_hex_print(data->bytes, data->length, data_hex);
    ck_assert_int_gt(asprintf(&params, "[{\"from\":\"0x%s\",\"to\":\"0x%s\",\"data\":\"0x%s\"}]", from_hex,
                              to_hex, data_hex),
                     0);
    json_t *hash = pp_anvil_rpc(anvil, "eth_sendTransaction", params);
    char receipt_params[80];
    snprintf(receipt_params, sizeof receipt_params, "[\"%s\"]", json_string_value(hash));
    json_t *receipt = pp_anvil_rpc(anvil, "eth_getTransactionReceipt", receipt_params);
    for (unsigned i = 0; i < 1000 && json_is_null(receipt); i++) { /* its block is mined a moment later */
        json_decref(receipt);
        nanosleep(&(struct timespec){.tv_nsec = 5 * 1000 * 1000}, NULL);
        receipt = pp_anvil_rpc(anvil, "eth_getTransactionReceipt", receipt_params);
    }
    ck_assert_str_eq(pp_json_text(receipt, "status"), "0x1");
    json_decref(receipt);
    json_decref(hash);
    free(params);
    free(data_hex);
}

struct pp_units pp_anvil_balance(const struct pp_anvil *anvil, const struct pp_address *owner)
{
    uint8_t data[64], word[32];
    char hex[129], to_hex[41], params[512];
    struct pp_writer w;
    struct pp_units units;
    pp_writer_init(&w, data, sizeof data);
    pp_abi_write_call_address(&w, PP_ABI_ERC20_BALANCE_OF, owner);
    snprintf(params, sizeof params, "[{\"to\":\"0x%s\",\"data\":\"0x%s\"},\"latest\"]",
             pp_hex_print(anvil->token.bytes, 20, to_hex), pp_hex_print(data, w.length, hex));
    json_t *result = pp_anvil_rpc(anvil, "eth_call", params);
    pp_bytes_of(json_string_value(result), word, 32);
    json_decref(result);
    ck_assert_ok(pp_abi_read_units(word, 32, &units));
    return units;
}
