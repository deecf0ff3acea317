/* POST /v1/channels/{id}/lanes/{lane}/sessions and .../roots: openings of sessions, and roots over their leaves. */
#include "http/http_job.h"

#include <pp/assert.h>
#include <pp/fields.h>

#include <stdlib.h>

static void print_hash_or_null(struct pp_text *out, const char *name, const struct pp_hash *hash)
{
    static const struct pp_hash none = {{0}};
    pp_text_add(out, name);
    if (pp_hash_eq(hash, &none))
        pp_text_add(out, "null");
    else
        pp_text_hex(out, hash->bytes, sizeof hash->bytes);
}

void pp_http_print_session(struct pp_text *out, const struct pp_session_status *session)
{
    pp_text_add(out, "{\"session_id\":");
    pp_text_hex(out, session->id.bytes, sizeof session->id.bytes);
    pp_text_add(out, ",\"from\":");
    pp_text_grains(out, session->from);
    pp_text_add(out, ",\"to\":");
    pp_text_grains(out, session->to);
    pp_text_add(out, ",\"not_after_ms\":");
    pp_text_number(out, session->not_after_ms);
    pp_text_add(out, ",\"unsigned\":");
    pp_text_number(out, session->unsigned_count);
    print_hash_or_null(out, ",\"context\":", &session->unsigned_context);
    print_hash_or_null(out, ",\"root\":", &session->root);
    pp_text_add(out, "}");
}

/* HTTP-069 */
static void session_finish(struct pp_http_job *job)
{
    struct pp_text *out;
    if (job->error != PP_OK) {
        PP_ASSERT(job->refusal.error == job->error);
        pp_http_job_refuse(job, &job->refusal);
        return;
    }
    out = pp_http_exchange_answer(job->exchange);
    pp_text_add(out, "{\"session\":");
    pp_http_print_session(out, &job->session);
    pp_text_add(out, "}");
    pp_http_job_answer(job);
}

static void open_run(struct pp_http_job *job)
{
    job->error = pp_node_session_open(pp_http_owner(job->api, job->lane), &job->session_open, &job->session,
                                      &job->refusal);
}

static void root_run(struct pp_http_job *job)
{
    job->error = pp_node_session_sign(pp_http_owner(job->api, job->lane), &job->session_root, &job->session,
                                      &job->refusal);
}

/* The body's members, once the lane of the path is known. False: refused and answered. */
static bool body_read(struct pp_http_job *job, const struct pp_http_params *params,
                      void (*read)(struct pp_http_job *job, struct pp_fields *f))
{
    struct pp_fields f;
    char unknown[PP_FIELD_NAME_MAX];
    if (!pp_http_lane_of_path(job, params))
        return false;
    json_t *object = pp_http_job_json(job);
    if (object == NULL)
        return false;
    pp_fields_init(&f, object, "body", &job->refusal, unknown);
    read(job, &f);
    const enum pp_error error = pp_fields_finish(&f);
    json_decref(object);
    if (error != PP_OK)
        pp_http_job_refuse(job, &job->refusal);
    return error == PP_OK;
}

static void open_read(struct pp_http_job *job, struct pp_fields *f)
{
    struct pp_session_opening *opening = &job->session_open.opening;
    job->session_open.source = pp_http_exchange_connection(job->exchange);
    opening->channel_id = job->channel_id;
    opening->lane = job->lane;
    pp_fields_hex(f, "node_key", opening->node_key.bytes, sizeof opening->node_key.bytes);
    pp_fields_hex(f, "sender_key", opening->sender_key.bytes, sizeof opening->sender_key.bytes);
    opening->chunk.from = pp_fields_grains(f, "from");
    opening->chunk.to = pp_fields_grains(f, "to");
    opening->not_after_ms = pp_fields_number(f, "not_after_ms", 0, (UINT64_C(1) << 53) - 1);
    job->session_open.refund_ack = pp_fields_grains(f, "refund_ack");
    pp_fields_hex(f, "signature", job->session_open.signature.bytes,
                  sizeof job->session_open.signature.bytes);
}

void pp_http_serve_sessions(struct pp_http_job *job, const struct pp_http_params *params)
{
    if (body_read(job, params, open_read))
        pp_http_job_session_work(job, open_run, session_finish);
}

static void root_read(struct pp_http_job *job, struct pp_fields *f)
{
    struct pp_session_root *root = &job->session_root;
    root->source = pp_http_exchange_connection(job->exchange);
    root->channel_id = job->channel_id;
    root->lane = job->lane;
    pp_fields_hex(f, "session_id", root->session_id.bytes, sizeof root->session_id.bytes);
    root->count = (uint32_t)pp_fields_number(f, "count", 1, PP_SESSION_UNSIGNED_MAX);
    root->spent = pp_fields_grains(f, "spent");
    root->refund_ack = pp_fields_grains(f, "refund_ack");
    pp_fields_hex(f, "context", root->context.bytes, sizeof root->context.bytes);
    pp_fields_hex(f, "signature", root->signature.bytes, sizeof root->signature.bytes);
}

void pp_http_serve_roots(struct pp_http_job *job, const struct pp_http_params *params)
{
    if (body_read(job, params, root_read))
        pp_http_job_session_work(job, root_run, session_finish);
}

/* ---- GET .../sessions/{id} ---- */

static void look_run(struct pp_http_job *job)
{
    job->unsigned_ids = calloc(PP_SESSION_UNSIGNED_MAX, sizeof *job->unsigned_ids);
    job->error = job->unsigned_ids == NULL
                     ? PP_BUSY
                     : pp_node_session_look(pp_http_owner(job->api, job->lane), &job->channel_id, job->lane,
                                            &job->session_id, job->unsigned_ids, &job->session);
}

static void look_finish(struct pp_http_job *job)
{
    struct pp_text *out;
    if (job->error == PP_OK) {
        out = pp_http_exchange_answer(job->exchange);
        pp_text_add(out, "{\"session\":");
        pp_http_print_session(out, &job->session);
        pp_text_add(out, ",\"unsigned\":[");
        for (uint32_t i = 0; i < job->session.unsigned_count; i++) {
            pp_text_add(out, i == 0 ? "" : ",");
            pp_text_hex(out, job->unsigned_ids[i].bytes, sizeof job->unsigned_ids[i].bytes);
        }
        pp_text_add(out, "]}");
    }
    free(job->unsigned_ids);
    job->unsigned_ids = NULL;
    if (job->error == PP_OK)
        pp_http_job_answer(job);
    else
        pp_http_job_refuse_error(job, job->error,
                                 job->error == PP_SESSION_UNKNOWN ? "session_id" : "channel_id");
}

void pp_http_serve_session(struct pp_http_job *job, const struct pp_http_params *params)
{
    const struct pp_http_text *id = &params->part[2];
    if (!pp_http_lane_of_path(job, params))
        return;
    if (id->length != 2 + 2 * sizeof job->session_id.bytes ||
        pp_hex_parse(id->at, id->length, job->session_id.bytes, sizeof job->session_id.bytes) != PP_OK)
        pp_http_job_refuse_error(job, PP_BAD_FORMAT, "session_id");
    else
        pp_http_job_session_work(job, look_run, look_finish);
}
