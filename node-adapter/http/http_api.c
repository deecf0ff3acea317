#include "http/http_job.h"

#include "evidence/ack.h"
#include "http/problem.h"

#include <pp/assert.h>
#include <pp/fields.h>
#include <pp/time.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define OFFER_LIFE_MS 1000u        /* how long one quote is given to everybody */
#define SMALL_BODY_MAX (64u << 10) /* of paths that take no large one */
#define DELETES_BODY_MAX (512u << 10)

/* ---- paths ---- */

static const struct route {
    enum pp_http_method method;
    const char *path; /* "*" stands for a variable part */
    uint64_t body_max;
    bool query;
    void (*serve)(struct pp_http_job *job, const struct pp_http_params *params);
} routes[] = {
    {PP_HTTP_POST, "/v1/envelopes", 0, false, pp_http_serve_submit},
    {PP_HTTP_GET, "/v1/quote", 0, false, pp_http_serve_quote},
    {PP_HTTP_GET, "/v1/terms", 0, false, pp_http_serve_terms},
    {PP_HTTP_GET, "/v1/envelopes/*", 0, true, pp_http_serve_envelope},
    {PP_HTTP_GET, "/v1/topics/*/envelopes", 0, true, pp_http_serve_topic},
    {PP_HTTP_GET, "/v1/topics/*/quote", 0, false, pp_http_serve_topic_quote},
    {PP_HTTP_GET, "/v1/topics/*/key", 0, false, pp_http_serve_topic_key},
    {PP_HTTP_POST, "/v1/registrations", SMALL_BODY_MAX, false, pp_http_serve_registrations},
    {PP_HTTP_POST, "/v1/acceptances", SMALL_BODY_MAX, false, pp_http_serve_acceptances},
    {PP_HTTP_POST, "/v1/complaints", SMALL_BODY_MAX, false, pp_http_serve_complaints},
    {PP_HTTP_POST, "/v1/deletes", DELETES_BODY_MAX, false, pp_http_serve_deletes},
    {PP_HTTP_GET, "/v1/channels/*/lanes/*", 0, false, pp_http_serve_lane},
    {PP_HTTP_POST, "/v1/channels/*/lanes/*/close", SMALL_BODY_MAX, false, pp_http_serve_close},
    {PP_HTTP_POST, "/v1/channels/*/lanes/*/sessions", SMALL_BODY_MAX, false, pp_http_serve_sessions},
    {PP_HTTP_GET, "/v1/channels/*/lanes/*/sessions/*", 0, false, pp_http_serve_session},
    {PP_HTTP_POST, "/v1/channels/*/lanes/*/roots", SMALL_BODY_MAX, false, pp_http_serve_roots},
    {PP_HTTP_GET, "/v1/evidence/*", 0, true, pp_http_serve_evidence},
    {PP_HTTP_POST, "/v1/evidence/*/acknowledgements", PP_ACK_BYTES, false, pp_http_serve_acknowledgements},
    {PP_HTTP_GET, "/v1/epochs/*", 0, false, pp_http_serve_epoch},
    {PP_HTTP_POST, "/v1/epochs/*/proposal", SMALL_BODY_MAX, false, pp_http_serve_proposal},
    {PP_HTTP_GET, "/v1/epochs/*/lanes/*", 0, true, pp_http_serve_leaves},
    {PP_HTTP_GET, "/v1/epochs/*/report", 0, false, pp_http_serve_report},
    {PP_HTTP_GET, "/v1/status", 0, false, pp_http_serve_status},
    {PP_HTTP_GET, "/v1/health", 0, false, pp_http_serve_health},
    {PP_HTTP_GET, "/v1/errors", 0, false, pp_http_serve_errors},
};
#define ROUTES (sizeof routes / sizeof routes[0])

static bool match(const char *pattern, const struct pp_http_text *path, struct pp_http_params *params)
{
    const char *at = path->at, *end = path->at + path->length;
    size_t count = 0;
    for (; *pattern != '\0'; pattern++) {
        if (*pattern != '*') {
            if (at == end || *at++ != *pattern)
                return false;
            continue;
        }
        const char *start = at;
        while (at < end && *at != '/')
            at++;
        if (at == start)
            return false;
        PP_ASSERT(count < sizeof params->part / sizeof params->part[0]);
        params->part[count++] = (struct pp_http_text){start, (size_t)(at - start)};
    }
    return at == end;
}

/* NULL: no such path (*out_allowed NULL), or not this method (*out_allowed names the one it takes). */
static const struct route *find_route(const struct pp_http_head *head, struct pp_http_params *params,
                                      const char **out_allowed)
{
    *out_allowed = NULL;
    for (size_t i = 0; i < ROUTES; i++) {
        if (!match(routes[i].path, &head->path, params))
            continue;
        if (routes[i].method == head->method)
            return &routes[i];
        *out_allowed = routes[i].method == PP_HTTP_GET ? "GET" : "POST";
    }
    return NULL;
}

static enum pp_error admit(void *context, const struct pp_http_head *head, uint64_t *out_body_max,
                           struct pp_refusal *out_refusal)
{
    struct pp_http_params params;
    const char *allowed;
    const struct route *route = find_route(head, &params, &allowed);
    (void)context;
    if (route != NULL && route->serve == pp_http_serve_submit)
        return pp_http_submit_admit(head, out_body_max, out_refusal);
    *out_body_max =
        route == NULL ? SMALL_BODY_MAX : route->body_max; /* an unknown path is answered in `serve` */
    return PP_OK;
}

static void serve(void *context, struct pp_http_exchange *exchange)
{
    struct pp_http_job *job = pp_http_job_of(context, exchange);
    const struct pp_http_head *head = pp_http_exchange_head(exchange);
    struct pp_http_params params;
    const char *allowed;
    const struct route *route = find_route(head, &params, &allowed);
    if (route == NULL && allowed == NULL) { /* HTTP-035 */
        pp_http_job_refuse_error(job, PP_NOT_FOUND, "path");
    } else if (route == NULL) {
        struct pp_text *headers = pp_http_exchange_headers(exchange);
        pp_text_add(headers, "Allow: ");
        pp_text_add(headers, allowed);
        pp_text_add(headers, "\r\n");
        pp_refusal_init(&job->refusal, PP_METHOD_NOT_ALLOWED, "method");
        job->refusal.expected = pp_value_text(allowed);
        pp_http_job_refuse(job, &job->refusal);
    } else if (!route->query && head->query.at != NULL) { /* HTTP-036 */
        pp_http_job_refuse_error(job, PP_UNKNOWN_FIELD, "query");
    } else {
        route->serve(job, &params);
    }
}

/* ---- jobs ---- */

struct pp_http_job *pp_http_job_of(struct pp_http_api *api, struct pp_http_exchange *exchange)
{
    struct pp_http_job *job = pp_http_exchange_room(exchange);
    job->api = api;
    job->exchange = exchange;
    return job;
}

uint64_t pp_http_now_ms(const struct pp_http_api *api)
{
    return api->clock.now_ms(api->clock.context);
}

static void on_work(uv_work_t *work)
{
    struct pp_http_job *job = work->data;
    job->run(job);
}

static void on_worked(uv_work_t *work, int status)
{
    struct pp_http_job *job = work->data;
    PP_ASSERT(status == 0); /* never cancelled: every exchange is answered */
    job->api->pool_jobs--;
    job->api->session_jobs -= job->of_session;
    job->finish(job);
}

static void work(struct pp_http_job *job, bool of_session, void (*run)(struct pp_http_job *),
                 void (*finish)(struct pp_http_job *))
{
    struct pp_http_api *api = job->api;
    job->run = run;
    job->finish = finish;
    job->error = PP_OK;
    job->work.data = job;
    job->of_session = of_session;
    if (api->pool_jobs >= PP_HTTP_POOL_MAX ||
        (of_session && api->session_jobs >= PP_HTTP_SESSION_POOL_MAX)) { /* HTTP-057 HTTP-059 */
        job->error = PP_BUSY;
        pp_refusal_init(&job->refusal, PP_BUSY, NULL);
        finish(job);
        return;
    }
    api->pool_jobs++;
    api->session_jobs += of_session;
    const int status = uv_queue_work(api->loop, &job->work, on_work, on_worked);
    PP_ASSERT(status == 0); /* fails only without a callback */
}

void pp_http_job_work(struct pp_http_job *job, void (*run)(struct pp_http_job *),
                      void (*finish)(struct pp_http_job *))
{
    work(job, false, run, finish);
}

void pp_http_job_session_work(struct pp_http_job *job, void (*run)(struct pp_http_job *),
                              void (*finish)(struct pp_http_job *))
{
    work(job, true, run, finish);
}

void pp_http_job_post(struct pp_http_job *job)
{
    struct pp_http_api *api = job->api;
    uv_mutex_lock(&api->mail_lock);
    job->next = api->posted;
    api->posted = job;
    /* Inside the lock: once it is open the loop may answer, stop and close the mailbox. */
    const int status = uv_async_send(&api->mail);
    uv_mutex_unlock(&api->mail_lock);
    PP_ASSERT(status == 0);
}

static void on_mail(uv_async_t *mail)
{
    struct pp_http_api *api = mail->data;
    struct pp_http_job *posted, *in_order = NULL;
    uv_mutex_lock(&api->mail_lock);
    posted = api->posted;
    api->posted = NULL;
    uv_mutex_unlock(&api->mail_lock);
    while (posted != NULL) {
        struct pp_http_job *next = posted->next;
        posted->next = in_order;
        in_order = posted;
        posted = next;
    }
    while (in_order != NULL) {
        struct pp_http_job *next = in_order->next; /* finishing may free the job */
        in_order->finish(in_order);
        in_order = next;
    }
}

/* ---- shards ---- */

struct pp_node *pp_http_owner(const struct pp_http_api *api, uint32_t lane)
{
    struct pp_node *owner;
    if (api->config.shards == NULL || pp_shards_find(api->config.shards, lane, &owner) != PP_OK)
        return api->config.node;
    return owner;
}

void pp_http_node_status(const struct pp_http_api *api, struct pp_node_status *out)
{
    if (api->config.shards != NULL)
        pp_shards_status(api->config.shards, out);
    else
        pp_node_status(api->config.node, out);
}

/* ---- answers ---- */

enum pp_error pp_http_challenge_of(const struct pp_http_api *api, const uint8_t *quote_bytes, size_t quote_length,
                                   const struct pp_quote *quote, struct pp_challenge *out)
{
    struct pp_challenge_terms terms = {
        .chain_id = api->domain.chain_id,
        .contract = api->domain.contract,
        .token = api->config.token,
        .operator_address = api->config.operator_address,
        .node_id = api->node_id,
        .lane = api->lane,
        .amount_grains = quote->base_grains,
        .quote_length = quote_length,
    };
    memcpy(terms.quote, quote_bytes, quote_length);
    return pp_challenge_make(&api->challenge_key, api->realm, &terms, quote->expires_ms, out);
}

enum pp_error pp_http_offer(struct pp_http_api *api)
{
    const uint64_t now_ms = pp_http_now_ms(api);
    uint8_t bytes[PP_QUOTE_MAX_BYTES];
    size_t length;
    if (api->has_offer && now_ms >= api->offer_ms && now_ms - api->offer_ms < OFFER_LIFE_MS)
        return PP_OK;
    PP_TRY(api->config.shards != NULL
               ? pp_shards_quote(api->config.shards, bytes, &length, &api->quote)
               : pp_node_quote(api->config.node, bytes, &length, &api->quote));
    PP_TRY(pp_http_challenge_of(api, bytes, length, &api->quote, &api->challenge));
    memcpy(api->quote_bytes, bytes, length);
    api->quote_length = length;
    api->offer_ms = now_ms;
    api->has_offer = true;
    return PP_OK;
}

void pp_http_job_refuse_with(struct pp_http_job *job, const struct pp_refusal *refusal,
                             const struct pp_text *more)
{
    if (pp_problem_status(refusal->error) == 402) { /* HTTP-046 */
        char value[PP_CHALLENGE_HEADER_MAX];
        struct pp_text *headers = pp_http_exchange_headers(job->exchange);
        const enum pp_error error = pp_http_offer(job->api);
        if (error != PP_OK) { /* a node without rates, say, cannot say what it wants */
            struct pp_refusal instead;
            pp_refusal_init(&instead, error, "quote");
            pp_http_refuse(job->exchange, &instead, NULL);
            return;
        }
        pp_text_add(headers, "WWW-Authenticate: ");
        pp_text_add(headers, pp_challenge_print(&job->api->challenge, value));
        pp_text_add(headers, "\r\nCache-Control: no-store\r\n");
    }
    pp_http_refuse(job->exchange, refusal, more);
}

void pp_http_job_refuse(struct pp_http_job *job, const struct pp_refusal *refusal)
{
    pp_http_job_refuse_with(job, refusal, NULL);
}

void pp_http_job_refuse_error(struct pp_http_job *job, enum pp_error error, const char *field)
{
    pp_refusal_init(&job->refusal, error, field);
    pp_http_job_refuse(job, &job->refusal);
}

void pp_http_job_answer(struct pp_http_job *job)
{
    pp_http_answer(job->exchange, 200, "application/json");
}

json_t *pp_http_job_json(struct pp_http_job *job)
{
    size_t length;
    const uint8_t *body = pp_http_exchange_body(job->exchange, &length);
    if (!pp_http_text_is(&pp_http_exchange_head(job->exchange)->content_type,
                         "application/json")) { /* HTTP-039 */
        pp_refusal_init(&job->refusal, PP_UNSUPPORTED_MEDIA, "content-type");
        job->refusal.expected = pp_value_text("application/json");
        pp_http_job_refuse(job, &job->refusal);
        return NULL;
    }
    json_t *object = pp_json_load((const char *)body, length, &job->refusal);
    if (object == NULL)
        pp_http_job_refuse(job, &job->refusal);
    return object;
}

void pp_http_print_refund(struct pp_text *out, const struct pp_signed_refund *refund)
{
    if (pp_grains_is_zero(refund->refunded)) {
        pp_text_add(out, "null");
        return;
    }
    pp_text_add(out, "{\"channel_id\":");
    pp_text_hex(out, refund->channel_id.bytes, sizeof refund->channel_id.bytes);
    pp_text_add(out, ",\"lane\":");
    pp_text_number(out, refund->lane);
    pp_text_add(out, ",\"refunded\":");
    pp_text_grains(out, refund->refunded);
    pp_text_add(out, ",\"reasons\":");
    pp_text_hex(out, refund->reasons.bytes, sizeof refund->reasons.bytes);
    pp_text_add(out, ",\"signature\":");
    pp_text_hex(out, refund->signature.bytes, sizeof refund->signature.bytes);
    pp_text_add(out, "}");
}

/* ---- open and close ---- */

static void print_amount(struct pp_text *out, const char *name, uint64_t grains)
{
    pp_text_add(out, name);
    pp_text_grains(out, pp_grains(grains));
}

static void print_rates(struct pp_text *out, const struct pp_rates *rates)
{
    pp_text_add(out, "{\"version\":");
    pp_text_number(out, rates->version);
    pp_text_add(out, ",\"start_ms\":");
    pp_text_number(out, rates->start_ms);
    print_amount(out, ",\"base\":", rates->base_grains);
    print_amount(out, ",\"storage\":", rates->storage_grains);
    print_amount(out, ",\"congestion\":", rates->congestion_grains);
    pp_text_add(out, ",\"target_per_minute\":");
    pp_text_number(out, rates->target_per_minute);
    pp_text_add(out, ",\"bonds\":[");
    for (uint8_t i = 0; i < rates->bond_count; i++)
        print_amount(out, i == 0 ? "" : ",", rates->bond_grains[i]);
    pp_text_add(out, "]}");
}

static void print_number(struct pp_text *out, const char *name, uint64_t number)
{
    pp_text_add(out, name);
    pp_text_number(out, number);
}

static void print_lanes(const struct pp_http_api *api, struct pp_text *out)
{
    const struct pp_shards *shards = api->config.shards;
    print_number(out, ",\"lanes\":[", shards != NULL ? pp_shards_lane(shards, 0) : api->lane);
    for (size_t i = 1; shards != NULL && i < pp_shards_count(shards); i++)
        print_number(out, ",", pp_shards_lane(shards, i));
    pp_text_add(out, "]");
}

/* SESSION-002. */
static void print_session_key(struct pp_text *out, const struct pp_node *node)
{
    struct pp_session_public key;
    struct pp_receipt_signature signature;
    pp_node_session_key(node, &key, &signature);
    pp_text_add(out, ",\"session\":{\"key\":");
    pp_text_hex(out, key.bytes, sizeof key.bytes);
    pp_text_add(out, ",\"signature\":");
    pp_text_hex(out, signature.bytes, sizeof signature.bytes);
    pp_text_add(out, "}");
}

static void print_terms(struct pp_http_api *api, const struct pp_node_config *node)
{
    struct pp_text *out = &api->terms;
    struct pp_receipt_secret secret;
    struct pp_receipt_key key;
    pp_receipt_secret_from_seed(node->receipt_seed, &secret, &key);
    pp_receipt_secret_done(&secret);
    print_number(out, "{\"version\":1,\"chain_id\":", node->domain.chain_id);
    pp_text_add(out, ",\"contract\":");
    pp_text_hex(out, node->domain.contract.bytes, sizeof node->domain.contract.bytes);
    pp_text_add(out, ",\"token\":");
    pp_text_hex(out, api->config.token.bytes, sizeof api->config.token.bytes);
    print_number(out, ",\"token_decimals\":", api->config.token_decimals);
    print_number(out, ",\"node_id\":", node->node_id);
    print_number(out, ",\"shard\":", node->shard);
    print_number(out, ",\"lane\":", api->lane);
    print_lanes(api, out);
    pp_text_add(out, ",\"realm\":");
    pp_text_string(out, api->realm);
    pp_text_add(out, ",\"operator\":");
    pp_text_hex(out, api->config.operator_address.bytes, sizeof api->config.operator_address.bytes);
    pp_text_add(out, ",\"receipt_key\":");
    pp_text_hex(out, key.bytes, sizeof key.bytes);
    print_session_key(out, pp_http_owner(api, api->lane));
    print_number(out, ",\"epoch_seconds\":", node->epoch_seconds);
    print_number(out, ",\"freshness_ms\":", node->freshness_ms);
    print_number(out, ",\"protocol_share_bps\":", node->protocol_share_bps);
    print_number(out, ",\"bond_window\":{\"min_ms\":",
                 node->bond_window_min_ms == 0 ? PP_DAY_MS : node->bond_window_min_ms);
    print_number(out, ",\"max_ms\":",
                 node->bond_window_max_ms == 0 ? PP_BOND_WINDOW_DAYS_DEFAULT * PP_DAY_MS : node->bond_window_max_ms);
    pp_text_add(out, "}");
    print_number(out, ",\"retention_max_days\":",
                 node->retention_max_days == 0 ? PP_RETENTION_MAX_DAYS : node->retention_max_days);
    pp_text_add(out, ",\"rates\":[");
    for (size_t i = 0; i < node->rates_count; i++) {
        if (i > 0)
            pp_text_add(out, ",");
        print_rates(out, &node->rates[i]);
    }
    print_number(out, "],\"limits\":{\"body_bytes\":", PP_BODY_MAX_BYTES);
    print_number(out, ",\"envelope_bytes\":", PP_ENVELOPE_MAX_BYTES);
    print_number(out, ",\"topic_bytes\":", PP_TOPIC_MAX_BYTES);
    print_number(out, ",\"header_bytes\":", PP_HEADER_MAX_BYTES);
    print_number(out, ",\"leaves\":", PP_LEAVES_MAX);
    print_number(out, ",\"deletes\":", PP_HTTP_DELETES_MAX);
    print_number(out, ",\"holes\":", PP_HOLES_MAX);
    print_number(out, ",\"topic_page\":", PP_HTTP_TOPIC_PAGE);
    print_number(out, ",\"quote_life_ms\":", PP_QUOTE_LIFE_MS);
    pp_text_add(out, "}}");
}

static void print_errors(struct pp_text *out)
{
    unsigned count;
    const struct pp_error_row *table = pp_error_table(&count);
    pp_text_add(out, "{\"errors\":[");
    for (unsigned i = 0; i < count; i++) {
        pp_text_add(out, i == 0 ? "{\"code\":\"" : ",{\"code\":\"");
        pp_text_add(out, table[i].name);
        print_number(out, "\",\"number\":", (uint64_t)table[i].error);
        pp_text_add(out, ",\"class\":\"");
        pp_text_add(out, pp_error_class_name(table[i].class_));
        print_number(out, "\",\"status\":", pp_problem_status(table[i].error));
        pp_text_add(out, ",\"title\":");
        pp_text_string(out, table[i].sentence);
        pp_text_add(out, ",\"next\":");
        pp_text_string(out, table[i].next);
        pp_text_add(out, "}");
    }
    pp_text_add(out, "]}");
}

enum pp_error pp_http_api_open(uv_loop_t *loop, const struct pp_http_api_config *config,
                               struct pp_http_api **out)
{
    const struct pp_node_config *node = config->node_config;
    if (strlen(config->realm) > PP_REALM_MAX)
        return PP_TOO_LONG;
    struct pp_http_api *api = calloc(1, sizeof *api);
    if (api == NULL)
        return PP_NO_MEMORY;
    api->loop = loop;
    api->config = *config;
    api->config.node_config = NULL;
    api->clock = node->clock;
    api->domain = node->domain;
    api->node_id = node->node_id;
    api->shard = node->shard;
    api->lane = pp_lane_make(node->node_id, node->shard);
    memcpy(api->realm, config->realm, strlen(config->realm) + 1);
    api->config.realm = api->realm;
    pp_challenge_key_derive(node->receipt_seed, &api->challenge_key);
    pp_text_init(&api->terms);
    pp_text_init(&api->errors);
    print_terms(api, node);
    print_errors(&api->errors);
    if (api->terms.failed || api->errors.failed || uv_mutex_init(&api->mail_lock) != 0) {
        pp_text_free(&api->terms);
        pp_text_free(&api->errors);
        free(api);
        return PP_NO_MEMORY;
    }
    api->mail.data = api;
    if (uv_async_init(loop, &api->mail, on_mail) != 0) {
        pp_http_api_free(api);
        return PP_SYSTEM;
    }
    *out = api;
    return PP_OK;
}

struct pp_http_app pp_http_api_app(struct pp_http_api *api)
{
    return (struct pp_http_app){api, sizeof(struct pp_http_job), admit, serve};
}

static void on_mail_closed(uv_handle_t *handle)
{
    struct pp_http_api *api = handle->data;
    api->closed(api->closed_context);
}

void pp_http_api_close(struct pp_http_api *api, void (*closed)(void *context), void *context)
{
    api->closed = closed;
    api->closed_context = context;
    uv_close((uv_handle_t *)&api->mail, on_mail_closed);
}

void pp_http_api_free(struct pp_http_api *api)
{
    PP_ASSERT(api->posted == NULL);
    uv_mutex_destroy(&api->mail_lock);
    pp_text_free(&api->terms);
    pp_text_free(&api->errors);
    sodium_memzero(&api->challenge_key, sizeof api->challenge_key);
    free(api);
}
