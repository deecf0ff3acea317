/* GET /v1/terms, /v1/quote, /v1/errors, /v1/status, /v1/health: what a node says of itself. */
#include "http/http_job.h"

#include <pp/assert.h>

void pp_http_serve_terms(struct pp_http_job *job, const struct pp_http_params *params)
{
    (void)params;
    pp_text_add_bytes(pp_http_exchange_answer(job->exchange), job->api->terms.bytes, job->api->terms.length);
    pp_http_job_answer(job);
}

void pp_http_serve_errors(struct pp_http_job *job, const struct pp_http_params *params)
{
    (void)params;
    pp_text_add_bytes(pp_http_exchange_answer(job->exchange), job->api->errors.bytes,
                      job->api->errors.length);
    pp_http_job_answer(job);
}

static void print_number(struct pp_text *out, const char *name, uint64_t number)
{
    pp_text_add(out, name);
    pp_text_number(out, number);
}

static void print_amount(struct pp_text *out, const char *name, struct pp_grains grains)
{
    pp_text_add(out, name);
    pp_text_grains(out, grains);
}

static void print_bool(struct pp_text *out, const char *name, bool value)
{
    pp_text_add(out, name);
    pp_text_add(out, value ? "true" : "false");
}

void pp_http_print_quote(struct pp_text *out, const uint8_t *quote_bytes, size_t quote_length,
                         const struct pp_quote *quote, const struct pp_challenge *challenge)
{
    struct pp_hash id;
    char header[PP_CHALLENGE_HEADER_MAX];
    pp_quote_id(quote, &id);
    pp_text_add(out, "{\"quote\":\"");
    pp_text_base64(out, quote_bytes, quote_length);
    pp_text_add(out, "\",\"quote_id\":");
    pp_text_hex(out, id.bytes, sizeof id.bytes);
    print_number(out, ",\"rate_version\":", quote->rate_version);
    print_amount(out, ",\"base\":", pp_grains(quote->base_grains));
    print_amount(out, ",\"storage\":", pp_grains(quote->storage_grains));
    print_amount(out, ",\"congestion\":", pp_grains(quote->congestion_grains));
    print_number(out, ",\"congestion_units\":", quote->congestion_units);
    pp_text_add(out, ",\"bonds\":[");
    for (uint8_t i = 0; i < quote->bond_count; i++)
        print_amount(out, i == 0 ? "" : ",", pp_grains(quote->bond_grains[i]));
    print_number(out, "],\"issued_ms\":", quote->issued_ms);
    print_number(out, ",\"expires_ms\":", quote->expires_ms);
    pp_text_add(out, ",\"challenge\":");
    pp_text_string(out, pp_challenge_print(challenge, header));
}

void pp_http_serve_quote(struct pp_http_job *job, const struct pp_http_params *params)
{
    const struct pp_http_api *api = job->api;
    struct pp_text *out = pp_http_exchange_answer(job->exchange);
    (void)params;
    const enum pp_error error = pp_http_offer(job->api);
    if (error != PP_OK) {
        pp_http_job_refuse_error(job, error, "quote");
        return;
    }
    pp_http_print_quote(out, api->quote_bytes, api->quote_length, &api->quote, &api->challenge);
    pp_text_add(out, "}");
    pp_text_add(pp_http_exchange_headers(job->exchange), "Cache-Control: no-store\r\n");
    pp_http_job_answer(job);
}

/* HTTP-098: which of them lags, or is full. */
static void print_shards(const struct pp_shards *shards, struct pp_text *out)
{
    struct pp_node_status node;
    for (size_t i = 0; i < pp_shards_count(shards); i++) {
        pp_node_status(pp_shards_node(shards, i), &node);
        print_number(out, i == 0 ? ",\"shards\":[{\"lane\":" : ",{\"lane\":", pp_shards_lane(shards, i));
        print_number(out, ",\"journal_sequence\":", node.journal_sequence);
        print_number(out, ",\"index_sequence\":", node.index_sequence);
        print_number(out, ",\"checkpoint_sequence\":", node.checkpoint_sequence);
        print_number(out, ",\"lanes\":", node.lanes);
        print_number(out, ",\"stamps\":", node.stamps);
        print_bool(out, ",\"fresh\":", node.chain_fresh);
        print_bool(out, ",\"full\":", node.store_full);
        pp_text_add(out, "}");
    }
    pp_text_add(out, "]");
}

/* TOWER-026 */
static void print_tower(const struct pp_http_api *api, struct pp_text *out)
{
    struct pp_tower_status tower;
    if (api->config.tower_status == NULL ||
        !api->config.tower_status(api->config.chain_context, &tower))
        return;
    print_bool(out, ",\"tower\":{\"can_post\":", tower.can_post);
    print_bool(out, ",\"complete\":", tower.complete);
    pp_text_add(out, ",\"error\":");
    pp_text_string(out, pp_error_name(tower.error));
    print_number(out, ",\"lanes\":", tower.lanes);
    print_number(out, ",\"due\":", tower.due);
    print_number(out, ",\"on_way\":", tower.on_way);
    print_number(out, ",\"posted\":", tower.posted);
    print_number(out, ",\"refused\":", tower.refused);
    print_number(out, ",\"next_deadline_s\":", tower.next_deadline_s);
    print_number(out, ",\"settle_by_s\":", tower.settle_by_s);
    pp_text_add(out, ",\"earnings_at_risk_units\":");
    pp_text_units(out, tower.earnings_at_risk);
    pp_text_add(out, ",\"refunds_at_risk_units\":");
    pp_text_units(out, tower.refunds_at_risk);
    pp_text_add(out, "}");
}

/* Addresses by scheme and host only (RPC-004). */
static void print_endpoints(const struct pp_http_chain_status *chain, struct pp_text *out)
{
    for (size_t i = 0; i < chain->endpoint_count; i++) {
        const struct pp_rpc_endpoint *endpoint = &chain->endpoints[i];
        pp_text_add(out, i == 0 ? ",\"endpoints\":[{\"name\":" : ",{\"name\":");
        pp_text_string(out, endpoint->name);
        pp_text_add(out, ",\"error\":");
        pp_text_string(out, pp_error_name(endpoint->error));
        print_number(out, ",\"failures\":", endpoint->failures);
        print_number(out, ",\"latest\":", endpoint->latest);
        print_number(out, ",\"finalized\":", endpoint->finalized);
        print_number(out, ",\"latency_ms\":", endpoint->latency_ms);
        print_number(out, ",\"rests\":", endpoint->rests);
        print_bool(out, ",\"current\":", endpoint->is_current);
        pp_text_add(out, "}");
    }
    pp_text_add(out, chain->endpoint_count > 0 ? "]" : ",\"endpoints\":[]");
}

static void print_replication(struct pp_node *node, uint32_t lane, bool first, struct pp_text *out)
{
    struct pp_replication_status status;
    pp_node_replication(node, &status);
    print_number(out, first ? "{\"lane\":" : ",{\"lane\":", lane);
    print_number(out, ",\"operators\":", status.operators);
    print_number(out, ",\"needed\":", status.needed);
    print_number(out, ",\"deadline_ms\":", status.deadline_ms);
    print_number(out, ",\"waiting\":", status.waiting);
    print_number(out, ",\"oldest_age_ms\":", status.oldest_age_ms);
    print_bool(out, ",\"lost\":", status.lost);
    pp_text_add(out, ",\"peers\":[");
    for (size_t i = 0; i < status.heard_count; i++) {
        print_number(out, i == 0 ? "{\"node_id\":" : ",{\"node_id\":", status.heard[i].node_id);
        print_number(out, ",\"next\":", status.heard[i].next);
        print_number(out, ",\"told_ms\":", status.heard[i].told_ms);
        pp_text_add(out, "}");
    }
    pp_text_add(out, "]}");
}

/* HTTP-114: which peer is missing. */
static void print_replications(const struct pp_http_api *api, struct pp_text *out)
{
    pp_text_add(out, ",\"replication\":[");
    if (api->config.shards == NULL)
        print_replication(api->config.node, api->lane, true, out);
    for (size_t i = 0; api->config.shards != NULL && i < pp_shards_count(api->config.shards); i++)
        print_replication(pp_shards_node(api->config.shards, i), pp_shards_lane(api->config.shards, i), i == 0, out);
    pp_text_add(out, "]");
}

static void status_run(struct pp_http_job *job)
{
    struct pp_node_status node;
    struct pp_http_chain_status chain = {.error = PP_OK};
    struct pp_text *out = pp_http_exchange_answer(job->exchange);
    const struct pp_http_api *api = job->api;
    pp_http_node_status(api, &node);
    if (api->config.chain_status != NULL)
        api->config.chain_status(api->config.chain_context, &chain);
    print_number(out, "{\"version\":1,\"node_id\":", api->node_id);
    print_number(out, ",\"shard\":", api->shard);
    print_number(out, ",\"time_ms\":", pp_http_now_ms(api));
    print_number(out, ",\"journal_sequence\":", node.journal_sequence);
    print_number(out, ",\"index_sequence\":", node.index_sequence);
    print_number(out, ",\"checkpoint_sequence\":", node.checkpoint_sequence);
    print_number(out, ",\"lanes\":", node.lanes);
    print_number(out, ",\"stamps\":", node.stamps);
    print_number(out, ",\"open_tickets\":", node.open_tickets);
    print_number(out, ",\"bonds\":", node.bonds);
    print_number(out, ",\"epoch\":", node.epoch);
    print_number(out, ",\"day\":", node.day);
    print_amount(out, ",\"spent\":", node.spent);
    print_amount(out, ",\"refunded\":", node.refunded);
    print_amount(out, ",\"earned\":", node.earned);
    print_number(out, ",\"chain\":{\"block\":", node.chain_block);
    print_number(out, ",\"time_s\":", node.chain_time_s);
    print_bool(out, ",\"fresh\":", node.chain_fresh);
    print_bool(out, ",\"ready\":", chain.ready);
    pp_text_add(out, ",\"error\":");
    pp_text_string(out, pp_error_name(chain.error));
    pp_text_add(out, ",\"reason\":");
    pp_text_string(out, chain.reason);
    print_endpoints(&chain, out);
    print_number(out, "},\"store\":{\"used_bytes\":", node.store_used_bytes);
    print_number(out, ",\"map_bytes\":", node.store_map_bytes);
    print_bool(out, ",\"full\":", node.store_full);
    pp_text_add(out, "}");
    print_tower(api, out);
    print_replications(api, out);
    if (api->config.shards != NULL)
        print_shards(api->config.shards, out);
}

static void status_finish(struct pp_http_job *job)
{
    struct pp_http_counters http;
    struct pp_text *out = pp_http_exchange_answer(job->exchange);
    if (job->error != PP_OK) {
        pp_http_job_refuse_error(job, job->error, NULL);
        return;
    }
    pp_http_server_counters(pp_http_exchange_server(job->exchange), &http);
    print_number(out, ",\"http\":{\"connections\":", http.connections);
    print_number(out, ",\"open_connections\":", http.open_connections);
    print_number(out, ",\"requests\":", http.requests);
    print_number(out, ",\"refused\":", http.refused);
    print_number(out, ",\"timed_out\":", http.timed_out);
    print_number(out, ",\"in_flight\":", http.in_flight);
    pp_text_add(out, "}}");
    pp_http_job_answer(job);
}

void pp_http_serve_status(struct pp_http_job *job, const struct pp_http_params *params)
{
    (void)params;
    pp_http_job_work(job, status_run, status_finish);
}

static void health_run(struct pp_http_job *job)
{
    struct pp_node_status node;
    pp_http_node_status(job->api, &node);
    job->error = node.store_full ? PP_STORE_FULL : !node.chain_fresh ? PP_CHAIN_STALE : PP_OK;
}

static void health_finish(struct pp_http_job *job)
{
    if (job->error != PP_OK) {
        pp_http_job_refuse_error(job, job->error, NULL);
        return;
    }
    pp_text_add(pp_http_exchange_answer(job->exchange), "{\"ok\":true}");
    pp_http_job_answer(job);
}

void pp_http_serve_health(struct pp_http_job *job, const struct pp_http_params *params)
{
    (void)params;
    pp_http_job_work(job, health_run, health_finish);
}
