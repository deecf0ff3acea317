/* POST /v1/deletes: early deletions of one lane, and the refund that they come to. */
#include "http/http_job.h"

#include "http/problem.h"

#include <pp/assert.h>

#include <stdlib.h>

static void forget(struct pp_http_job *job)
{
    free(job->deletes);
    free(job->delete_results);
    job->deletes = NULL;
    job->delete_results = NULL;
}

static void deletes_run(struct pp_http_job *job)
{
    job->error = pp_node_delete_from(pp_http_owner(job->api, job->lane), job->source, job->deletes, job->deletes_count,
                                     job->delete_results, &job->signed_refund);
}

static void deletes_finish(struct pp_http_job *job)
{
    struct pp_text *out = pp_http_exchange_answer(job->exchange);
    if (job->error != PP_OK) {
        forget(job);
        pp_http_job_refuse_error(job, job->error, NULL);
        return;
    }
    pp_text_add(out, "{\"results\":[");
    for (size_t i = 0; i < job->deletes_count; i++) {
        const struct pp_delete_result *result = &job->delete_results[i];
        if (i > 0)
            pp_text_add(out, ",");
        if (result->refusal.error != PP_OK) {
            pp_text_add(out, "{\"status\":\"refused\",\"problem\":");
            pp_problem_print(&result->refusal, NULL, out);
        } else {
            pp_text_add(out, "{\"status\":\"deleted\",\"refunded\":");
            pp_text_grains(out, result->refunded);
        }
        pp_text_add(out, "}");
    }
    pp_text_add(out, "],\"refund\":");
    pp_http_print_refund(out, &job->signed_refund);
    pp_text_add(out, "}");
    forget(job);
    pp_http_job_answer(job);
}

static enum pp_error read_delete(struct pp_http_job *job, const json_t *object, struct pp_delete *out,
                                 char *unknown)
{
    struct pp_fields f;
    pp_fields_init(&f, object, "deletes", &job->refusal, unknown);
    pp_fields_hex(&f, "stamp_id", out->stamp_id.bytes, sizeof out->stamp_id.bytes);
    out->from = pp_fields_grains(&f, "from");
    pp_fields_hex(&f, "signature", out->signature.bytes, sizeof out->signature.bytes);
    return pp_fields_finish(&f);
}

static enum pp_error read_deletes(struct pp_http_job *job, const json_t *object, char *unknown)
{
    struct pp_fields f;
    pp_fields_init(&f, object, "body", &job->refusal, unknown);
    pp_fields_hex(&f, "channel_id", job->channel_id.bytes, sizeof job->channel_id.bytes);
    job->lane = (uint32_t)pp_fields_number(&f, "lane", 1, UINT32_MAX);
    const json_t *list = pp_fields_array(&f, "deletes", PP_HTTP_DELETES_MAX);
    if (list != NULL && json_array_size(list) == 0)
        pp_fields_fail(&f, PP_OUT_OF_RANGE, "deletes");
    PP_TRY(pp_fields_finish(&f));
    job->deletes_count = json_array_size(list);
    job->deletes = calloc(job->deletes_count, sizeof *job->deletes);
    job->delete_results = calloc(job->deletes_count, sizeof *job->delete_results);
    if (job->deletes == NULL || job->delete_results == NULL) {
        pp_refusal_init(&job->refusal, PP_BUSY, "body");
        return PP_BUSY;
    }
    for (size_t i = 0; i < job->deletes_count; i++) {
        job->deletes[i].channel_id = job->channel_id;
        job->deletes[i].lane = job->lane;
        PP_TRY(read_delete(job, json_array_get(list, i), &job->deletes[i], unknown));
    }
    return PP_OK;
}

void pp_http_serve_deletes(struct pp_http_job *job, const struct pp_http_params *params)
{
    char unknown[PP_FIELD_NAME_MAX];
    (void)params;
    json_t *object = pp_http_job_json(job);
    if (object == NULL)
        return;
    const enum pp_error error = read_deletes(job, object, unknown);
    json_decref(object);
    if (error == PP_OK) {
        job->source = pp_http_exchange_connection(job->exchange);
        pp_http_job_work(job, deletes_run, deletes_finish);
        return;
    }
    forget(job);
    pp_http_job_refuse(job, &job->refusal);
}
