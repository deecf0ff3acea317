#include "operator_runs.h"
#include "pp_test.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TURNS_MAX 40u
#define REST_NS 300000000
#define RESTS_MAX 500u /* 15 s, and what the answers take */

struct pp_test_text {
    char bytes[32768];
    size_t length;
};

const char *operator_gas_key(const struct payer_world *w)
{
    return w->payer_keys[2];
}

json_t *operator_run(struct payer_world *w, const char *verb, const char *data, int *out_status)
{
    struct cli_run run;
    const bool verify = strcmp(verb, "verify") == 0;
    CLI_RUN(&run, verb, "--data", data, "--json", verify ? NULL : "--key", operator_gas_key(w), "--rpc",
            w->anvil.url, "--passphrase-file", w->phrase);
    *out_status = run.status;
    json_t *answer = cli_run_json(&run);
    cli_run_done(&run);
    return answer;
}

uint64_t operator_count(const json_t *answer, const char *list, const char *kind)
{
    size_t index;
    const json_t *row;
    uint64_t count = 0;
    json_array_foreach(pp_json_member(answer, list), index, row) count +=
        strcmp(pp_json_text(row, "kind"), kind) == 0;
    return count;
}

void operator_settle_until(struct payer_world *w, const char *data, const char *kind)
{
    for (unsigned i = 0; i < TURNS_MAX; i++) {
        int status;
        json_t *answer = operator_run(w, "settle", data, &status);
        ck_assert_msg(status == 0 || status == 3, "settle: %d", status);
        const uint64_t done = operator_count(answer, "done", kind);
        ck_assert_int_eq(status, json_array_size(pp_json_member(answer, "done")) > 0 ? 0 : 3);
        ck_assert(pp_json_bool(answer, "all_final"));
        json_decref(answer);
        if (done > 0)
            return;
        payer_world_pass(w, PP_ANVIL_VESTING_S + 1);
        operator_rest(w);
        payer_world_pass(w, 1); /* behind the block of the report */
    }
    ck_abort_msg("no %s in %u runs of the job", kind, TURNS_MAX);
}

static size_t text_take(char *bytes, size_t size, size_t count, void *context)
{
    struct pp_test_text *text = context;
    const size_t room = sizeof text->bytes - 1 - text->length, length = size * count < room ? size * count : room;
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    return size * count;
}

/* The newest block that the node knows of; false: it does not answer. */
static bool node_block(const struct payer_world *w, uint64_t *out)
{
    struct pp_test_text text = {.length = 0};
    char url[96];
    CURL *curl = curl_easy_init();
    snprintf(url, sizeof url, "%s/v1/status", w->node_url);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 5000L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, text_take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &text);
    const bool answered = curl_easy_perform(curl) == CURLE_OK;
    curl_easy_cleanup(curl);
    json_t *status = answered ? json_loadb(text.bytes, text.length, 0, NULL) : NULL;
    const json_t *block = json_object_get(json_object_get(status, "chain"), "block");
    *out = (uint64_t)json_integer_value(block);
    json_decref(status);
    return block != NULL;
}

void operator_rest(struct payer_world *w)
{
    json_t *answer = pp_anvil_rpc(&w->anvil, "eth_blockNumber", "[]");
    const uint64_t newest = strtoull(json_string_value(answer), NULL, 16);
    uint64_t seen;
    json_decref(answer);
    for (unsigned i = 0; i < RESTS_MAX && node_block(w, &seen) && seen < newest; i++)
        nanosleep(&(struct timespec){.tv_nsec = REST_NS / 10}, NULL);
    nanosleep(&(struct timespec){.tv_nsec = REST_NS}, NULL); /* and makes its report */
}
