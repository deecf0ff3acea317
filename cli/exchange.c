#include "exchange.h"

#include <pp/assert.h>

#include <curl/curl.h>
#include <pp/fields.h>
#include <pp/limits.h>
#include <pp/payment.h>
#include <stdlib.h>

#define URL_MAX 1024
#define HEADER_MAX (PP_CREDENTIAL_HEADER_MAX + 64)
#define KEPT_MAX PP_CHALLENGE_HEADER_MAX
#define CONNECT_TIMEOUT_MS 5000L

struct cli_exchange {
    CURL *easy;
    struct curl_slist *headers;
    char base[URL_MAX / 2];
    char error_text[CURL_ERROR_SIZE];
    char kept[CLI_HEADER_COUNT][KEPT_MAX];
    uint8_t *body;
    size_t body_length, body_room;
    bool body_too_long;
    CURLcode result;
    long status;
    void *context;
};

struct cli_exchanges {
    CURLM *multi;
};

/* ---- libcurl ---- */

static size_t body_take(char *bytes, size_t size, size_t count, void *context)
{
    struct cli_exchange *exchange = context;
    size_t length = size * count;
    if (exchange->body_length + length > CLI_ANSWER_MAX_BYTES) {
        exchange->body_too_long = true;
        return 0; /* ends the transfer */
    }
    if (exchange->body_length + length + 1 > exchange->body_room) {
        size_t room = (exchange->body_length + length + 1) * 2;
        uint8_t *grown = realloc(exchange->body, room);
        if (!grown)
            return 0;
        exchange->body = grown;
        exchange->body_room = room;
    }
    memcpy(exchange->body + exchange->body_length, bytes, length);
    exchange->body_length += length;
    exchange->body[exchange->body_length] = '\0';
    return length;
}

static const char *const header_names[CLI_HEADER_COUNT] = {
    [CLI_HEADER_CHALLENGE] = "www-authenticate:",
    [CLI_HEADER_LEAF] = "pennypost-leaf:",
    [CLI_HEADER_TOPIC] = "pennypost-topic:",
    [CLI_HEADER_RECEIPT] = "payment-receipt:",
};

static void header_keep(struct cli_exchange *exchange, enum cli_header header, const char *value,
                        size_t length)
{
    while (length > 0 && (*value == ' ' || *value == '\t')) {
        value++;
        length--;
    }
    while (length > 0 && (value[length - 1] == '\r' || value[length - 1] == '\n'))
        length--;
    if (length >= KEPT_MAX)
        return;
    memcpy(exchange->kept[header], value, length);
    exchange->kept[header][length] = '\0';
}

static size_t header_take(char *line, size_t size, size_t count, void *context)
{
    size_t length = size * count;
    for (int i = 0; i < CLI_HEADER_COUNT; i++) {
        size_t name = strlen(header_names[i]);
        if (length > name && strncasecmp(line, header_names[i], name) == 0)
            header_keep(context, (enum cli_header)i, line + name, length - name);
    }
    return length;
}

static bool url_is_plain(const char *url)
{
    for (const char *c = url; *c; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c > 126)
            return false;
    return strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
}

enum pp_error cli_exchange_open(const char *base_url, struct cli_exchange **out)
{
    struct cli_exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange)
        return PP_NO_MEMORY;
    enum pp_error error = url_is_plain(base_url) ? PP_OK : PP_BAD_FORMAT;
    if (error == PP_OK &&
        snprintf(exchange->base, sizeof exchange->base, "%s", base_url) >= (int)sizeof exchange->base)
        error = PP_TOO_LONG;
    for (size_t n = strlen(exchange->base); error == PP_OK && n > 0 && exchange->base[n - 1] == '/'; n--)
        exchange->base[n - 1] = '\0';
    if (error == PP_OK &&
        (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(exchange->easy = curl_easy_init())))
        error = PP_NO_MEMORY;
    if (error == PP_OK)
        *out = exchange;
    else
        cli_exchange_close(exchange);
    return error;
}

void cli_exchange_close(struct cli_exchange *exchange)
{
    if (!exchange)
        return;
    if (exchange->easy) {
        curl_easy_cleanup(exchange->easy);
        curl_global_cleanup(); /* counted */
    }
    curl_slist_free_all(exchange->headers);
    free(exchange->body);
    free(exchange);
}

static enum pp_error header_add(struct cli_exchange *exchange, const char *name, const char *value)
{
    char line[HEADER_MAX];
    if (snprintf(line, sizeof line, "%s%s", name, value) >= (int)sizeof line)
        return PP_TOO_LONG;
    struct curl_slist *grown = curl_slist_append(exchange->headers, line);
    if (!grown)
        return PP_NO_MEMORY;
    exchange->headers = grown;
    return PP_OK;
}

#define SET(option, value)                                                                                   \
    do {                                                                                                     \
        if (curl_easy_setopt(exchange->easy, option, value) != CURLE_OK)                                     \
            return PP_SYSTEM;                                                                                \
    } while (0)

static enum pp_error exchange_prepare(struct cli_exchange *exchange, const struct cli_request *request)
{
    char url[URL_MAX];
    if (snprintf(url, sizeof url, "%s%s", exchange->base, request->path) >= (int)sizeof url)
        return PP_TOO_LONG;
    curl_easy_reset(exchange->easy); /* the connection is kept */
    curl_slist_free_all(exchange->headers);
    exchange->headers = NULL;
    exchange->body_length = 0;
    exchange->body_too_long = false;
    exchange->status = 0;
    exchange->error_text[0] = '\0';
    for (int i = 0; i < CLI_HEADER_COUNT; i++)
        exchange->kept[i][0] = '\0';
    PP_TRY(header_add(exchange, "Expect:", "")); /* one round trip, not two */
    PP_TRY(header_add(exchange, "Accept: ", "application/json, application/octet-stream"));
    if (request->content_type)
        PP_TRY(header_add(exchange, "Content-Type: ", request->content_type));
    if (request->authorization)
        PP_TRY(header_add(exchange, "Authorization: ", request->authorization));
    SET(CURLOPT_URL, url);
    SET(CURLOPT_ERRORBUFFER, exchange->error_text);
    SET(CURLOPT_PRIVATE, exchange);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_NOPROXY, "localhost,127.0.0.1,[::1]");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    SET(CURLOPT_TIMEOUT_MS, (long)(request->timeout_ms ? request->timeout_ms : 30000));
    SET(CURLOPT_WRITEFUNCTION, body_take);
    SET(CURLOPT_WRITEDATA, exchange);
    SET(CURLOPT_HEADERFUNCTION, header_take);
    SET(CURLOPT_HEADERDATA, exchange);
    SET(CURLOPT_HTTPHEADER, exchange->headers);
    if (strcmp(request->method, "POST") == 0) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
        SET(CURLOPT_POSTFIELDS, request->body ? request->body : "");
    }
    return PP_OK;
}

/* ---- what came back ---- */

static void text_take(const json_t *object, const char *name, char *out, size_t capacity,
                      struct pp_value *value)
{
    const json_t *member = json_object_get(object, name);
    if (!json_is_string(member))
        return;
    snprintf(out, capacity, "%s", json_string_value(member));
    *value = pp_value_text(out);
}

static bool grains_take(const json_t *object, const char *name, struct pp_grains *out)
{
    const json_t *member = json_object_get(object, name);
    return json_is_string(member) &&
           pp_grains_parse(json_string_value(member), json_string_length(member), out) == PP_OK;
}

static bool error_known(json_int_t number)
{
    unsigned count;
    const struct pp_error_row *rows = pp_error_table(&count);
    for (unsigned i = 0; i < count; i++)
        if ((json_int_t)rows[i].error == number && number != PP_OK)
            return true;
    return false;
}

static void consumed_take(const json_t *object, struct pp_refusal *refusal)
{
    const json_t *list = json_object_get(object, "consumed"), *range;
    size_t index;
    json_array_foreach(list, index, range)
    {
        if (refusal->consumed_count == PP_REFUSAL_RANGES_MAX ||
            !grains_take(range, "from", &refusal->consumed[refusal->consumed_count].from) ||
            !grains_take(range, "to", &refusal->consumed[refusal->consumed_count].to))
            return;
        refusal->consumed_count++;
    }
}

enum pp_error cli_problem_read(const json_t *object, struct cli_problem *problem)
{
    const json_t *number = json_object_get(object, "number"),
                 *retry = json_object_get(object, "retry_after_ms");
    struct pp_value field = {.kind = PP_VALUE_NONE};
    problem->detail[0] = '\0';
    if (!json_is_integer(number) || !error_known(json_integer_value(number)))
        return cli_problem_set(problem, PP_NODE_NONSENSE,
                               "the node refused without an error that is known here");
    pp_refusal_init(&problem->refusal, (enum pp_error)json_integer_value(number), NULL);
    text_take(object, "field", problem->field, sizeof problem->field, &field);
    problem->refusal.field = field.kind == PP_VALUE_TEXT ? problem->field : NULL;
    text_take(object, "expected", problem->expected, sizeof problem->expected, &problem->refusal.expected);
    text_take(object, "actual", problem->actual, sizeof problem->actual, &problem->refusal.actual);
    (void)grains_take(object, "shortfall", &problem->refusal.shortfall);
    if (json_is_integer(retry) && json_integer_value(retry) > 0 && json_integer_value(retry) <= UINT32_MAX)
        problem->refusal.retry_after_ms = (uint32_t)json_integer_value(retry);
    consumed_take(object, &problem->refusal);
    return problem->refusal.error;
}

static enum pp_error nonsense(const struct cli_exchange *exchange, struct cli_problem *problem)
{
    return cli_problem_set(problem, PP_NODE_NONSENSE, "%s answered with status %ld and %zu bytes",
                           exchange->base, exchange->status, exchange->body_length);
}

enum pp_error cli_exchange_result(struct cli_exchange *exchange, struct cli_problem *problem)
{
    if (exchange->body_too_long)
        return nonsense(exchange, problem);
    if (exchange->result != CURLE_OK)
        return cli_problem_set(problem, PP_NODE_DOWN, "%s: %s", exchange->base,
                               exchange->error_text[0] ? exchange->error_text
                                                       : curl_easy_strerror(exchange->result));
    if (exchange->status >= 200 && exchange->status < 300)
        return PP_OK;
    json_t *object = exchange->body_length ? json_loadb((const char *)exchange->body, exchange->body_length,
                                                        JSON_REJECT_DUPLICATES, NULL)
                                           : NULL;
    enum pp_error error =
        json_is_object(object) ? cli_problem_read(object, problem) : nonsense(exchange, problem);
    json_decref(object);
    return error;
}

static void exchange_ended(struct cli_exchange *exchange, CURLcode result)
{
    exchange->result = result;
    if (curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &exchange->status) != CURLE_OK)
        exchange->status = 0;
}

enum pp_error cli_exchange_run(struct cli_exchange *exchange, const struct cli_request *request,
                               struct cli_problem *problem)
{
    enum pp_error error = exchange_prepare(exchange, request);
    if (error != PP_OK)
        return cli_problem_set(problem, error, "%s%s", exchange->base, request->path);
    exchange_ended(exchange, curl_easy_perform(exchange->easy));
    return cli_exchange_result(exchange, problem);
}

enum pp_error cli_exchange_json(struct cli_exchange *exchange, const struct cli_request *request,
                                json_t **out, struct cli_problem *problem)
{
    PP_TRY(cli_exchange_run(exchange, request, problem));
    json_t *object =
        json_loadb((const char *)exchange->body, exchange->body_length, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(object)) {
        json_decref(object);
        return nonsense(exchange, problem);
    }
    *out = object;
    return PP_OK;
}

/* ---- many at a time ---- */

enum pp_error cli_exchanges_open(struct cli_exchanges **out)
{
    struct cli_exchanges *exchanges = calloc(1, sizeof *exchanges);
    if (!exchanges)
        return PP_NO_MEMORY;
    exchanges->multi = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_multi_init() : NULL;
    if (!exchanges->multi) {
        free(exchanges);
        return PP_NO_MEMORY;
    }
    *out = exchanges;
    return PP_OK;
}

void cli_exchanges_close(struct cli_exchanges *exchanges)
{
    if (!exchanges)
        return;
    curl_multi_cleanup(exchanges->multi);
    curl_global_cleanup();
    free(exchanges);
}

enum pp_error cli_exchanges_start(struct cli_exchanges *exchanges, struct cli_exchange *exchange,
                                  const struct cli_request *request)
{
    PP_TRY(exchange_prepare(exchange, request));
    return curl_multi_add_handle(exchanges->multi, exchange->easy) == CURLM_OK ? PP_OK : PP_SYSTEM;
}

static struct cli_exchange *ended_next(struct cli_exchanges *exchanges)
{
    int left;
    void *private_data = NULL;
    for (CURLMsg *message = curl_multi_info_read(exchanges->multi, &left); message;
         message = curl_multi_info_read(exchanges->multi, &left)) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURL *easy = message->easy_handle;
        CURLcode result = message->data.result;
        if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private_data) != CURLE_OK || !private_data)
            continue;
        struct cli_exchange *exchange = private_data;
        exchange_ended(exchange, result);
        curl_multi_remove_handle(exchanges->multi, easy);
        return exchange;
    }
    return NULL;
}

struct cli_exchange *cli_exchanges_next(struct cli_exchanges *exchanges, int timeout_ms)
{
    int running = 0;
    struct cli_exchange *ended = ended_next(exchanges);
    if (ended)
        return ended;
    if (curl_multi_perform(exchanges->multi, &running) != CURLM_OK)
        return NULL;
    ended = ended_next(exchanges);
    if (ended || timeout_ms <= 0)
        return ended;
    if (curl_multi_poll(exchanges->multi, NULL, 0, timeout_ms, NULL) != CURLM_OK ||
        curl_multi_perform(exchanges->multi, &running) != CURLM_OK)
        return NULL;
    return ended_next(exchanges);
}

void cli_exchanges_stop(struct cli_exchanges *exchanges, struct cli_exchange *exchange)
{
    curl_multi_remove_handle(exchanges->multi, exchange->easy);
}

/* ---- the answer ---- */

long cli_exchange_status(const struct cli_exchange *exchange)
{
    return exchange->status;
}

const uint8_t *cli_exchange_body(const struct cli_exchange *exchange, size_t *out_length)
{
    *out_length = exchange->body_length;
    return exchange->body;
}

const char *cli_exchange_header(const struct cli_exchange *exchange, enum cli_header header)
{
    return exchange->kept[header];
}

void cli_exchange_context(struct cli_exchange *exchange, void *context)
{
    exchange->context = context;
}

void *cli_exchange_context_get(const struct cli_exchange *exchange)
{
    return exchange->context;
}
