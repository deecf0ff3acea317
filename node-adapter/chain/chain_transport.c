#include "chain/chain_transport.h"

#include "chain/chain_endpoints.h"
#include "chain/chain_json.h"

#include <pp/assert.h>

#include <curl/curl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TIMEOUT_MS_DEFAULT 10000u
#define CONNECT_MS_MAX 5000u
#define TEXT_SHOWN 120u

struct pp_rpc {
    CURL *curl; /* NULL: carrier */
    struct curl_slist *headers;
    const struct pp_rpc_carrier *carrier;
    struct rpc_endpoints endpoints;
    bool is_turn;      /* one endpoint, and no other, answers */
    size_t first;      /* of the turn, or of the question */
    uint64_t chain_id; /* expected; 0: of any chain */
    long status;       /* of the last answer */
    uint64_t next_id;
    atomic_bool interrupted;
    char *answer;
    size_t answer_length;
    size_t answer_capacity;
    bool answer_too_large;
    struct rpc_refusal refusal;
    char reason[PP_RPC_TEXT_MAX];
};

/* RPC-008: a node's words are shown, so nothing but printable ASCII passes. */
static void copy_printable(char *out, size_t capacity, const char *text)
{
    size_t i = 0;
    for (; text[i] && i + 1 < capacity; i++)
        out[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
    out[i] = '\0';
}

enum pp_error rpc_fail(struct pp_rpc *rpc, enum pp_error error, const char *format, ...)
{
    va_list arguments;
    size_t head = 0;
    if (rpc->endpoints.count > 1)
        head = (size_t)snprintf(rpc->reason, sizeof rpc->reason,
                                "%s: ", rpc->endpoints.list[rpc->endpoints.current].health.name);
    va_start(arguments, format);
    vsnprintf(rpc->reason + head, sizeof rpc->reason - head, format, arguments);
    va_end(arguments);
    return error;
}

enum pp_error rpc_fail_again(struct pp_rpc *rpc, enum pp_error error, const char *reason)
{
    snprintf(rpc->reason, sizeof rpc->reason, "%s", reason);
    return error;
}

const char *pp_rpc_reason(const struct pp_rpc *rpc)
{
    return rpc->reason;
}

const struct rpc_refusal *rpc_refusal(const struct pp_rpc *rpc)
{
    return &rpc->refusal;
}

/* RPC-001: never more than PP_RPC_ANSWER_MAX_BYTES are kept. */
static size_t answer_take(char *bytes, size_t size, size_t count, void *context)
{
    struct pp_rpc *rpc = context;
    size_t length = size * count;
    if (length > PP_RPC_ANSWER_MAX_BYTES - rpc->answer_length) {
        rpc->answer_too_large = true;
        return 0;
    }
    if (rpc->answer_length + length > rpc->answer_capacity) {
        size_t capacity = rpc->answer_capacity ? rpc->answer_capacity : 4096;
        while (capacity < rpc->answer_length + length)
            capacity *= 2;
        char *grown = realloc(rpc->answer, capacity);
        if (!grown)
            return 0;
        rpc->answer = grown;
        rpc->answer_capacity = capacity;
    }
    memcpy(rpc->answer + rpc->answer_length, bytes, length);
    rpc->answer_length += length;
    return length;
}

static int progress(void *context, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal, curl_off_t ulnow)
{
    (void)dltotal, (void)dlnow, (void)ultotal, (void)ulnow;
    struct pp_rpc *rpc = context;
    return atomic_load(&rpc->interrupted) ? 1 : 0;
}

void pp_rpc_interrupt(struct pp_rpc *rpc)
{
    atomic_store(&rpc->interrupted, true);
}

static bool options_set(struct pp_rpc *rpc, uint32_t timeout_ms)
{
    CURL *curl = rpc->curl;
    long total = timeout_ms ? (long)timeout_ms : (long)TIMEOUT_MS_DEFAULT;
    long connect = total < (long)CONNECT_MS_MAX ? total : (long)CONNECT_MS_MAX;
    return curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HTTPHEADER, rpc->headers) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, total) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, connect) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, answer_take) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, rpc) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, progress) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_XFERINFODATA, rpc) == CURLE_OK;
}

static bool http_open(struct pp_rpc *rpc, uint32_t timeout_ms)
{
    rpc->curl = curl_easy_init();
    rpc->headers = curl_slist_append(NULL, "Content-Type: application/json");
    return rpc->curl && rpc->headers && options_set(rpc, timeout_ms);
}

enum pp_error pp_rpc_open_over(const struct pp_rpc_carrier *carrier, const char *url, uint32_t timeout_ms,
                               struct pp_rpc **out)
{
    if (!url)
        return PP_BAD_CONFIG;
    struct pp_rpc *rpc = calloc(1, sizeof *rpc);
    if (!rpc)
        return PP_NO_MEMORY;
    rpc->carrier = carrier;
    enum pp_error error = rpc_endpoints_init(&rpc->endpoints, url);
    if (error == PP_OK && !carrier && !http_open(rpc, timeout_ms))
        error = PP_NO_MEMORY;
    if (error != PP_OK) {
        pp_rpc_close(rpc);
        return error;
    }
    *out = rpc;
    return PP_OK;
}

enum pp_error pp_rpc_open(const char *url, uint32_t timeout_ms, struct pp_rpc **out)
{
    return pp_rpc_open_over(NULL, url, timeout_ms, out);
}

void pp_rpc_close(struct pp_rpc *rpc)
{
    if (!rpc)
        return;
    if (rpc->curl)
        curl_easy_cleanup(rpc->curl);
    curl_slist_free_all(rpc->headers);
    rpc_endpoints_done(&rpc->endpoints);
    free(rpc->answer);
    free(rpc);
}

static enum pp_error too_large(struct pp_rpc *rpc, const char *method)
{
    return rpc_fail(rpc, PP_CHAIN_NONSENSE, "%s: the answer has more than %u bytes", method,
                    PP_RPC_ANSWER_MAX_BYTES);
}

/* RPC-009: what a carrier brings is checked as what HTTP brings. */
static enum pp_error carry(struct pp_rpc *rpc, const char *method, const char *body)
{
    struct pp_rpc_reply reply = {0};
    rpc->carrier->carry(rpc->carrier->context, rpc->endpoints.list[rpc->endpoints.current].url, body, &reply);
    bool fits = reply.length <= PP_RPC_ANSWER_MAX_BYTES;
    if (fits && reply.length > 0)
        (void)answer_take(reply.body, 1, reply.length, rpc);
    free(reply.body);
    rpc->status = reply.status;
    if (!fits)
        return too_large(rpc, method);
    return reply.status == 0 ? rpc_fail(rpc, PP_CHAIN_DOWN, "%s: no answer", method) : PP_OK;
}

/* RPC-002: whatever is not an HTTP answer with a body is a node that is down. */
static enum pp_error post(struct pp_rpc *rpc, const char *method, const char *body)
{
    rpc->answer_length = 0;
    rpc->answer_too_large = false;
    if (rpc->carrier)
        return carry(rpc, method, body);
    if (curl_easy_setopt(rpc->curl, CURLOPT_URL, rpc->endpoints.list[rpc->endpoints.current].url) !=
            CURLE_OK ||
        curl_easy_setopt(rpc->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body)) != CURLE_OK ||
        curl_easy_setopt(rpc->curl, CURLOPT_POSTFIELDS, body) != CURLE_OK)
        return rpc_fail(rpc, PP_NO_MEMORY, "%s", method);
    CURLcode code = curl_easy_perform(rpc->curl);
    if (rpc->answer_too_large)
        return too_large(rpc, method);
    if (code != CURLE_OK)
        return rpc_fail(rpc, PP_CHAIN_DOWN, "%s: %s", method, curl_easy_strerror(code));
    curl_easy_getinfo(rpc->curl, CURLINFO_RESPONSE_CODE, &rpc->status);
    return PP_OK;
}

static enum pp_error envelope_check(struct pp_rpc *rpc, const char *method, const json_t *envelope,
                                    uint64_t id)
{
    const json_t *version = json_object_get(envelope, "jsonrpc"),
                 *answer_id = json_object_get(envelope, "id");
    const json_t *error = json_object_get(envelope, "error"), *result = json_object_get(envelope, "result");
    if (!json_is_object(envelope))
        return rpc_fail(rpc, PP_CHAIN_NONSENSE, "%s: the answer is no JSON object", method);
    if (!json_is_string(version) || strcmp(json_string_value(version), "2.0") != 0)
        return rpc_fail(rpc, PP_CHAIN_NONSENSE, "%s: the answer's jsonrpc is not 2.0", method);
    if (json_is_null(error))
        error = NULL; /* some nodes write both */
    if (error && !json_is_object(error))
        return rpc_fail(rpc, PP_CHAIN_NONSENSE, "%s: the answer's error is no object", method);
    bool id_missing_for_error =
        error && (!answer_id || json_is_null(answer_id)); /* allowed: could not be read */
    if (!id_missing_for_error &&
        (!json_is_integer(answer_id) || (uint64_t)json_integer_value(answer_id) != id))
        return rpc_fail(rpc, PP_CHAIN_NONSENSE, "%s: the answer is to another question", method);
    if ((error == NULL) == (result == NULL))
        return rpc_fail(rpc, PP_CHAIN_NONSENSE, "%s: the answer has no result", method);
    return PP_OK;
}

/* What a call reverted with: "data" is hex, or an object around it. Cut where it is longer than the room. */
static void refusal_data(struct rpc_refusal *refusal, const json_t *data)
{
    if (json_is_object(data))
        data = json_object_get(data, "data");
    const char *text = json_string_value(data);
    if (!text || strncmp(text, "0x", 2) != 0)
        return;
    size_t digits = strlen(text) - 2;
    digits = digits > 2 * sizeof refusal->data ? 2 * sizeof refusal->data : digits;
    if (digits % 2 == 0 && pp_hex_parse(text + 2, digits, refusal->data, digits / 2) == PP_OK) {
        refusal->data_length = digits / 2;
        refusal->has_data = true;
    }
}

static enum pp_error refused(struct pp_rpc *rpc, const char *method, const json_t *error)
{
    rpc->refusal = (struct rpc_refusal){.code = json_integer_value(json_object_get(error, "code"))};
    const char *message = json_string_value(json_object_get(error, "message"));
    copy_printable(rpc->refusal.message, sizeof rpc->refusal.message, message ? message : "no message");
    refusal_data(&rpc->refusal, json_object_get(error, "data"));
    return rpc_fail(rpc, PP_CHAIN_REFUSED, "%s: %.*s", method, (int)TEXT_SHOWN, rpc->refusal.message);
}

static enum pp_error answer_read(struct pp_rpc *rpc, const char *method, uint64_t id, json_t **out_result)
{
    const long status = rpc->status;
    json_error_t parse_error;
    json_t *envelope = rpc->answer_length == 0
                           ? NULL
                           : json_loadb(rpc->answer, rpc->answer_length,
                                        JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &parse_error);
    if (!envelope && status != 200)
        return rpc_fail(rpc, PP_CHAIN_DOWN, "%s: HTTP status %ld", method, status);
    if (!envelope)
        return rpc_fail(rpc, PP_CHAIN_NONSENSE, "%s: the answer is not JSON", method);
    enum pp_error error = envelope_check(rpc, method, envelope, id);
    const json_t *refusal = json_object_get(envelope, "error");
    if (error == PP_OK && refusal && !json_is_null(refusal))
        error = refused(rpc, method, refusal);
    if (error == PP_OK && status != 200)
        error = rpc_fail(rpc, PP_CHAIN_DOWN, "%s: HTTP status %ld", method, status);
    if (error == PP_OK)
        *out_result = json_incref(json_object_get(envelope, "result"));
    json_decref(envelope);
    return error;
}

static uint64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* One question to the current endpoint. params stays the caller's. */
static enum pp_error ask_current(struct pp_rpc *rpc, const char *method, json_t *params, json_t **out_result)
{
    uint64_t id = ++rpc->next_id, began_ms = monotonic_ms();
    json_t *question = json_pack("{s:s, s:I, s:s, s:O}", "jsonrpc", "2.0", "id", (json_int_t)id, "method",
                                 method, "params", params);
    char *body = question ? json_dumps(question, JSON_COMPACT) : NULL;
    json_decref(question);
    if (!body)
        return rpc_fail(rpc, PP_NO_MEMORY, "%s", method);
    enum pp_error error = atomic_load(&rpc->interrupted) ? rpc_fail(rpc, PP_CHAIN_DOWN, "%s: stopped", method)
                                                         : post(rpc, method, body);
    free(body);
    if (error == PP_OK)
        error = answer_read(rpc, method, id, out_result);
    rpc_endpoint_answered(&rpc->endpoints.list[rpc->endpoints.current], monotonic_ms() - began_ms);
    if (error == PP_OK)
        rpc->reason[0] = '\0';
    return error;
}

/* RPC-013: whoever answers must be of the chain, also the one that takes another's place. */
static enum pp_error chain_ensure(struct pp_rpc *rpc)
{
    struct rpc_endpoint *endpoint = &rpc->endpoints.list[rpc->endpoints.current];
    uint64_t chain_id;
    json_t *result, *none = json_array();
    if (rpc->chain_id == 0 || endpoint->is_of_chain) {
        json_decref(none);
        return PP_OK;
    }
    enum pp_error error = ask_current(rpc, "eth_chainId", none, &result);
    json_decref(none);
    PP_TRY(error);
    bool good = chain_value_u64(result, &chain_id);
    json_decref(result);
    if (!good)
        return rpc_fail(rpc, PP_CHAIN_NONSENSE, "eth_chainId: the number is not as it must be");
    if (chain_id != rpc->chain_id)
        return rpc_fail(rpc, PP_CHAIN_WRONG_ID,
                        "the configured chain is %" PRIu64 ", the node is of chain %" PRIu64, rpc->chain_id,
                        chain_id);
    endpoint->is_of_chain = true;
    return PP_OK;
}

enum pp_error rpc_expect_chain(struct pp_rpc *rpc, uint64_t chain_id)
{
    rpc->chain_id = chain_id;
    rpc->endpoints.list[rpc->endpoints.current].is_of_chain = false;
    return chain_ensure(rpc);
}

/* RPC-012: outside a turn a question that is not answered goes to the next endpoint. */
enum pp_error rpc_ask(struct pp_rpc *rpc, const char *method, json_t *params, json_t **out_result)
{
    if (!params)
        return rpc_fail(rpc, PP_NO_MEMORY, "%s", method);
    if (!rpc->is_turn)
        rpc->first = rpc->endpoints.current;
    enum pp_error error;
    for (;;) {
        error = chain_ensure(rpc);
        if (error == PP_OK)
            error = ask_current(rpc, method, params, out_result);
        if (rpc->is_turn || rpc->endpoints.count == 1 || atomic_load(&rpc->interrupted) ||
            (error != PP_CHAIN_DOWN && error != PP_CHAIN_WRONG_ID))
            break;
        rpc_endpoint_failed(&rpc->endpoints.list[rpc->endpoints.current], error);
        if (!rpc_endpoints_next(&rpc->endpoints, rpc->first, true))
            break;
    }
    json_decref(params);
    return error;
}

/* ---- turns ---- */

bool rpc_pin(struct pp_rpc *rpc, bool is_turn)
{
    bool was = rpc->is_turn;
    rpc->is_turn = is_turn;
    return was;
}

size_t pp_rpc_endpoints(const struct pp_rpc *rpc)
{
    return rpc->endpoints.count;
}

void pp_rpc_endpoint(const struct pp_rpc *rpc, size_t at, struct pp_rpc_endpoint *out)
{
    PP_ASSERT(at < rpc->endpoints.count);
    *out = rpc->endpoints.list[at].health;
    out->is_current = at == rpc->endpoints.current;
}

void pp_rpc_choose(struct pp_rpc *rpc)
{
    rpc_endpoints_choose(&rpc->endpoints);
    rpc->first = rpc->endpoints.current;
    rpc->is_turn = true;
}

bool pp_rpc_choose_next(struct pp_rpc *rpc)
{
    return rpc_endpoints_next(&rpc->endpoints, rpc->first, false);
}

size_t pp_rpc_current(const struct pp_rpc *rpc)
{
    return rpc->endpoints.current;
}

void pp_rpc_use(struct pp_rpc *rpc, size_t at)
{
    PP_ASSERT(at < rpc->endpoints.count);
    rpc->endpoints.current = at;
}

void pp_rpc_judge(struct pp_rpc *rpc, enum pp_error error, uint64_t latest, uint64_t finalized)
{
    struct rpc_endpoint *endpoint = &rpc->endpoints.list[rpc->endpoints.current];
    if (error != PP_OK) {
        rpc_endpoint_failed(endpoint, error);
        return;
    }
    endpoint->health.error = PP_OK;
    endpoint->health.failures = 0;
    endpoint->health.rests = 0;
    endpoint->health.latest = latest;
    if (finalized != 0)
        endpoint->health.finalized = finalized;
}
