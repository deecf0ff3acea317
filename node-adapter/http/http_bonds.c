/* POST /v1/registrations, /v1/acceptances and /v1/complaints, GET /v1/topics/{topic}/quote and .../key: what recipients say, and
 * what a sender asks before it puts a bond at stake. */
#include "http/http_job.h"

#include "http/problem.h"

#include <pp/assert.h>
#include <pp/fields.h>

#include <stdlib.h>

static void print_number(struct pp_text *out, const char *name, uint64_t number)
{
    pp_text_add(out, name);
    pp_text_number(out, number);
}

static void print_address(struct pp_text *out, const char *name, const struct pp_address *address)
{
    static const struct pp_address none = {{0}};
    pp_text_add(out, name);
    if (pp_address_eq(address, &none))
        pp_text_add(out, "null");
    else
        pp_text_hex(out, address->bytes, sizeof address->bytes);
}

/* ---- a topic ---- */

/* job->topic_hash; false: refused and answered. */
static bool topic_of_path(struct pp_http_job *job, const struct pp_http_params *params)
{
    const struct pp_http_text *topic = &params->part[0];
    job->topic_length = topic->length / 2;
    if (topic->length > 2 * PP_TOPIC_MAX_BYTES) {
        pp_http_job_refuse_error(job, PP_TOO_LONG, "topic");
        return false;
    }
    if (pp_hex_parse(topic->at, topic->length, job->topic, job->topic_length) != PP_OK ||
        job->topic_length * 2 != topic->length) {
        pp_http_job_refuse_error(job, PP_BAD_FORMAT, "topic");
        return false;
    }
    pp_topic_hash(job->topic, job->topic_length, &job->topic_hash);
    return true;
}

static void topic_quote_run(struct pp_http_job *job)
{
    const struct pp_http_api *api = job->api;
    job->error = api->config.shards != NULL
                     ? pp_shards_topic_quote(api->config.shards, &job->topic_hash, job->quote,
                                             &job->quote_length, &job->topic_quote)
                     : pp_node_topic_quote(api->config.node, &job->topic_hash, job->quote, &job->quote_length,
                                           &job->topic_quote);
}

static void topic_quote_finish(struct pp_http_job *job)
{
    const struct pp_quote *quote = &job->topic_quote;
    struct pp_challenge challenge;
    if (job->error == PP_OK)
        job->error = pp_http_challenge_of(job->api, job->quote, job->quote_length, quote, &challenge);
    if (job->error != PP_OK) {
        pp_http_job_refuse_error(job, job->error, "quote");
        return;
    }
    struct pp_text *out = pp_http_exchange_answer(job->exchange);
    pp_http_print_quote(out, job->quote, job->quote_length, quote, &challenge);
    pp_text_add(out, ",\"topic_hash\":");
    pp_text_hex(out, quote->topic.bytes, sizeof quote->topic.bytes);
    print_address(out, ",\"accept_key\":", &quote->accept_key);
    print_number(out, ",\"deadline_from_ms\":", quote->deadline_from_ms);
    print_number(out, ",\"deadline_to_ms\":", quote->deadline_to_ms);
    pp_text_add(out, "}");
    pp_text_add(pp_http_exchange_headers(job->exchange), "Cache-Control: no-store\r\n");
    pp_http_job_answer(job);
}

void pp_http_serve_topic_quote(struct pp_http_job *job, const struct pp_http_params *params)
{
    if (topic_of_path(job, params))
        pp_http_job_work(job, topic_quote_run, topic_quote_finish);
}

/* Of several shards, the first: each has the same, but for one that is added later. */
static void topic_key_run(struct pp_http_job *job)
{
    job->error = pp_node_topic_key(job->api->config.node, &job->topic_hash, &job->topic_key);
}

static void topic_key_finish(struct pp_http_job *job)
{
    if (job->error != PP_OK) {
        if (job->refusal.error == job->error)
            pp_http_job_refuse(job, &job->refusal);
        else
            pp_http_job_refuse_error(job, job->error, "topic");
        return;
    }
    struct pp_text *out = pp_http_exchange_answer(job->exchange);
    pp_text_add(out, "{\"topic_hash\":");
    pp_text_hex(out, job->topic_hash.bytes, sizeof job->topic_hash.bytes);
    print_address(out, ",\"owner\":", &job->topic_key.owner);
    print_address(out, ",\"key\":", &job->topic_key.key);
    print_number(out, ",\"number\":", job->topic_key.number);
    pp_text_add(out, "}");
    pp_http_job_answer(job);
}

void pp_http_serve_topic_key(struct pp_http_job *job, const struct pp_http_params *params)
{
    if (topic_of_path(job, params))
        pp_http_job_work(job, topic_key_run, topic_key_finish);
}

/* ---- registrations ---- */

static void registration_run(struct pp_http_job *job)
{
    const struct pp_http_api *api = job->api;
    job->error =
        api->config.shards != NULL
            ? pp_shards_topic_register(api->config.shards, &job->registration, &job->topic_key, &job->refusal)
            : pp_node_topic_register(api->config.node, &job->registration, &job->topic_key, &job->refusal);
}

static void registration_read(struct pp_http_job *job, struct pp_fields *f)
{
    struct pp_topic_registration *registration = &job->registration;
    registration->source = pp_http_exchange_connection(job->exchange);
    pp_fields_hex(f, "topic_hash", registration->topic.bytes, sizeof registration->topic.bytes);
    pp_fields_hex(f, "key", registration->key.bytes, sizeof registration->key.bytes);
    registration->number = pp_fields_number(f, "number", 1, (UINT64_C(1) << 53) - 1);
    pp_fields_hex(f, "signature", registration->signature.bytes, sizeof registration->signature.bytes);
}

void pp_http_serve_registrations(struct pp_http_job *job, const struct pp_http_params *params)
{
    struct pp_fields f;
    char unknown[PP_FIELD_NAME_MAX];
    (void)params;
    json_t *object = pp_http_job_json(job);
    if (object == NULL)
        return;
    pp_fields_init(&f, object, "body", &job->refusal, unknown);
    registration_read(job, &f);
    const enum pp_error error = pp_fields_finish(&f);
    json_decref(object);
    job->topic_hash = job->registration.topic;
    if (error == PP_OK)
        pp_http_job_session_work(job, registration_run, topic_key_finish);
    else
        pp_http_job_refuse(job, &job->refusal);
}

/* ---- words on bonds ---- */

static void forget(struct pp_http_job *job)
{
    free(job->words);
    free(job->word_results);
    job->words = NULL;
    job->word_results = NULL;
}

static void words_run(struct pp_http_job *job)
{
    struct pp_node *owner = pp_http_owner(job->api, job->lane);
    const uint64_t source = pp_http_exchange_connection(job->exchange);
    job->error = job->accepts
                     ? pp_node_accept(owner, job->words, job->words_count, source, job->word_results)
                     : pp_node_complain(owner, job->words, job->words_count, source, job->word_results);
}

static void word_print(const struct pp_http_job *job, const struct pp_bond_result *result,
                       struct pp_text *out)
{
    if (result->refusal.error != PP_OK) {
        pp_text_add(out, "{\"status\":\"refused\",\"problem\":");
        pp_problem_print(&result->refusal, NULL, out);
    } else {
        pp_text_add(out, job->accepts ? "{\"status\":\"returned\",\"known\":"
                                      : "{\"status\":\"forfeited\",\"known\":");
        pp_text_add(out, result->known ? "true,\"bond\":" : "false,\"bond\":");
        pp_text_grains(out, pp_grains(result->grains));
    }
    pp_text_add(out, "}");
}

static void words_finish(struct pp_http_job *job)
{
    if (job->error != PP_OK) {
        forget(job);
        pp_http_job_refuse_error(job, job->error, NULL);
        return;
    }
    struct pp_text *out = pp_http_exchange_answer(job->exchange);
    pp_text_add(out, "{\"results\":[");
    for (size_t i = 0; i < job->words_count; i++) {
        if (i > 0)
            pp_text_add(out, ",");
        word_print(job, &job->word_results[i], out);
    }
    pp_text_add(out, "]}");
    forget(job);
    pp_http_job_answer(job);
}

static enum pp_error word_read(struct pp_http_job *job, const json_t *object, struct pp_bond_word *out,
                               char *unknown)
{
    struct pp_fields f;
    pp_fields_init(&f, object, "words", &job->refusal, unknown);
    pp_fields_hex(&f, "channel_id", out->channel_id.bytes, sizeof out->channel_id.bytes);
    pp_fields_hex(&f, "stamp_id", out->stamp_id.bytes, sizeof out->stamp_id.bytes);
    out->sequence = pp_fields_number(&f, "sequence", 1, (UINT64_C(1) << 53) - 1);
    pp_fields_hex(&f, "signature", out->signature.bytes, sizeof out->signature.bytes);
    return pp_fields_finish(&f);
}

static enum pp_error words_read(struct pp_http_job *job, const json_t *object, char *unknown)
{
    struct pp_fields f;
    pp_fields_init(&f, object, "body", &job->refusal, unknown);
    job->lane = (uint32_t)pp_fields_number(&f, "lane", 1, UINT32_MAX);
    const json_t *list = pp_fields_array(&f, "words", PP_BOND_EVENTS_MAX);
    if (list != NULL && json_array_size(list) == 0)
        pp_fields_fail(&f, PP_OUT_OF_RANGE, "words");
    PP_TRY(pp_fields_finish(&f));
    job->words_count = json_array_size(list);
    job->words = calloc(job->words_count, sizeof *job->words);
    job->word_results = calloc(job->words_count, sizeof *job->word_results);
    if (job->words == NULL || job->word_results == NULL) {
        pp_refusal_init(&job->refusal, PP_BUSY, "body");
        return PP_BUSY;
    }
    for (size_t i = 0; i < job->words_count; i++) {
        job->words[i].lane = job->lane;
        PP_TRY(word_read(job, json_array_get(list, i), &job->words[i], unknown));
    }
    return PP_OK;
}

static void words_serve(struct pp_http_job *job, bool accepts)
{
    char unknown[PP_FIELD_NAME_MAX];
    json_t *object = pp_http_job_json(job);
    if (object == NULL)
        return;
    job->accepts = accepts;
    const enum pp_error error = words_read(job, object, unknown);
    json_decref(object);
    if (error == PP_OK) {
        pp_http_job_session_work(job, words_run, words_finish);
        return;
    }
    forget(job);
    pp_http_job_refuse(job, &job->refusal);
}

void pp_http_serve_acceptances(struct pp_http_job *job, const struct pp_http_params *params)
{
    (void)params;
    words_serve(job, true);
}

void pp_http_serve_complaints(struct pp_http_job *job, const struct pp_http_params *params)
{
    (void)params;
    words_serve(job, false);
}
