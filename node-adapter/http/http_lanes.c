/* GET /v1/channels/{id}/lanes/{lane}, POST .../close, and the credential actions open, topUp and close. */
#include "http/http_job.h"

#include <pp/assert.h>

static bool read_number(const struct pp_http_text *text, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    if (text->length == 0 || text->length > 19 || (text->length > 1 && text->at[0] == '0'))
        return false;
    for (size_t i = 0; i < text->length; i++) {
        if (text->at[i] < '0' || text->at[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text->at[i] - '0');
    }
    *out = value;
    return value <= max;
}

/* The lane of the path; false: refused and answered. */
static bool read_lane(struct pp_http_job *job, const struct pp_http_params *params)
{
    const struct pp_http_text *id = &params->part[0];
    uint64_t lane;
    if (id->length != 2 + 2 * sizeof job->channel_id.bytes ||
        pp_hex_parse(id->at, id->length, job->channel_id.bytes, sizeof job->channel_id.bytes) != PP_OK) {
        pp_http_job_refuse_error(job, PP_BAD_FORMAT, "channel_id");
        return false;
    }
    if (!read_number(&params->part[1], UINT32_MAX, &lane)) {
        pp_http_job_refuse_error(job, PP_BAD_FORMAT, "lane");
        return false;
    }
    job->lane = (uint32_t)lane;
    return true;
}

bool pp_http_lane_of_path(struct pp_http_job *job, const struct pp_http_params *params)
{
    return read_lane(job, params);
}

static void print_amount(struct pp_text *out, const char *name, struct pp_grains grains)
{
    pp_text_add(out, name);
    pp_text_grains(out, grains);
}

static void print_number(struct pp_text *out, const char *name, uint64_t number)
{
    pp_text_add(out, name);
    pp_text_number(out, number);
}

static void print_voucher(const struct pp_lane_status *status, struct pp_text *out)
{
    if (!status->has_voucher) {
        pp_text_add(out, "null");
        return;
    }
    const struct pp_voucher *voucher = &status->voucher;
    print_amount(out, "{\"spent\":", voucher->spent);
    print_amount(out, ",\"refund_ack\":", voucher->refund_ack);
    pp_text_add(out, ",\"context\":");
    pp_text_hex(out, voucher->context.bytes, sizeof voucher->context.bytes);
    pp_text_add(out, ",\"signature\":");
    pp_text_hex(out, voucher->signature.bytes, sizeof voucher->signature.bytes);
    pp_text_add(out, "}");
}

static void print_lane(const struct pp_http_job *job, struct pp_text *out)
{
    const struct pp_lane_status *status = &job->status;
    pp_text_add(out, "{\"channel_id\":");
    pp_text_hex(out, job->channel_id.bytes, sizeof job->channel_id.bytes);
    print_number(out, ",\"lane\":", job->lane);
    pp_text_add(out, ",\"state\":");
    pp_text_string(out, status->state);
    pp_text_add(out, ",\"payer\":");
    pp_text_hex(out, status->config.payer.bytes, sizeof status->config.payer.bytes);
    pp_text_add(out, ",\"signer\":");
    pp_text_hex(out, status->config.signer.bytes, sizeof status->config.signer.bytes);
    print_number(out, ",\"nonce\":", status->config.nonce);
    pp_text_add(out, ",\"cap\":");
    pp_text_units(out, status->cap);
    print_number(out, ",\"seq\":", status->seq);
    print_amount(out, ",\"spent\":", status->spent);
    print_amount(out, ",\"refunded\":", status->refunded);
    print_amount(out, ",\"earned\":", status->earned);
    print_amount(out, ",\"vested\":", status->vested);
    print_amount(out, ",\"deferred\":", status->deferred);
    print_amount(out, ",\"bonds\":{\"held\":", status->bonds_held);
    print_amount(out, ",\"returned\":", status->bonds_returned);
    print_amount(out, ",\"forfeited\":", status->forfeited);
    pp_text_add(out, "}");
    print_amount(out, ",\"free\":", status->free);
    print_amount(out, ",\"head\":", status->consumed_head);
    pp_text_add(out, ",\"holes\":[");
    for (uint32_t i = 0; i < status->holes_count; i++) {
        print_amount(out, i == 0 ? "{\"from\":" : ",{\"from\":", status->holes[i].from);
        print_amount(out, ",\"to\":", status->holes[i].to);
        pp_text_add(out, "}");
    }
    pp_text_add(out, "],\"refund\":");
    pp_http_print_refund(out, &status->refund);
    pp_text_add(out, ",\"voucher\":");
    print_voucher(status, out);
    print_number(out, ",\"stamps\":", status->stamps);
    pp_text_add(out, ",\"sessions\":[");
    for (uint32_t i = 0; i < status->sessions_count; i++) {
        pp_text_add(out, i == 0 ? "" : ",");
        pp_http_print_session(out, &status->sessions[i]);
    }
    pp_text_add(out, "]");
    print_number(out, ",\"chain_block\":", status->chain_block);
    print_number(out, ",\"chain_time_s\":", status->chain_time_s);
    pp_text_add(out, "}");
}

static void lane_run(struct pp_http_job *job)
{
    job->error = pp_node_lane_status(pp_http_owner(job->api, job->lane), &job->channel_id, job->lane, &job->status);
}

static void lane_finish(struct pp_http_job *job)
{
    if (job->error != PP_OK) {
        pp_http_job_refuse_error(job, job->error, "channel_id");
        return;
    }
    print_lane(job, pp_http_exchange_answer(job->exchange));
    pp_http_job_answer(job);
}

void pp_http_serve_lane(struct pp_http_job *job, const struct pp_http_params *params)
{
    if (read_lane(job, params))
        pp_http_job_session_work(job, lane_run, lane_finish); /* it tells the roots of its open sessions */
}

/* HTTP-048 */
static void confirm_finish(struct pp_http_job *job)
{
    if (job->error == PP_OK && strcmp(job->status.state, "PENDING") == 0)
        job->error = PP_LANE_PENDING;
    lane_finish(job);
}

void pp_http_lane_confirm(struct pp_http_job *job)
{
    pp_http_job_session_work(job, lane_run, confirm_finish);
}

static void leave_run(struct pp_http_job *job)
{
    job->error = pp_node_leave_from(pp_http_owner(job->api, job->lane), job->source, &job->channel_id, job->lane,
                                    &job->signature, &job->signed_refund, &job->release);
}

static void leave_finish(struct pp_http_job *job)
{
    struct pp_text *out = pp_http_exchange_answer(job->exchange);
    const struct pp_signed_release *release = &job->release;
    if (job->error != PP_OK) {
        const bool signature = job->error == PP_BAD_SIGNATURE || job->error == PP_SIGNATURE_NOT_LOW_S;
        pp_http_job_refuse_error(job, job->error, signature ? "signature" : "channel_id");
        return;
    }
    pp_text_add(out, "{\"refund\":");
    pp_http_print_refund(out, &job->signed_refund);
    pp_text_add(out, ",\"release\":{\"channel_id\":");
    pp_text_hex(out, release->channel_id.bytes, sizeof release->channel_id.bytes);
    print_number(out, ",\"lane\":", release->lane);
    pp_text_add(out, ",\"old_cap\":");
    pp_text_units(out, release->old_cap);
    pp_text_add(out, ",\"new_cap\":");
    pp_text_units(out, release->new_cap);
    print_number(out, ",\"seq\":", release->seq);
    pp_text_add(out, ",\"signature\":");
    pp_text_hex(out, release->signature.bytes, sizeof release->signature.bytes);
    pp_text_add(out, "}}");
    pp_http_job_answer(job);
}

void pp_http_lane_leave(struct pp_http_job *job)
{
    job->source = pp_http_exchange_connection(job->exchange);
    pp_http_job_work(job, leave_run, leave_finish);
}

void pp_http_serve_close(struct pp_http_job *job, const struct pp_http_params *params)
{
    struct pp_fields f;
    char unknown[PP_FIELD_NAME_MAX];
    if (!read_lane(job, params))
        return;
    json_t *object = pp_http_job_json(job);
    if (object == NULL)
        return;
    pp_fields_init(&f, object, "body", &job->refusal, unknown);
    pp_fields_hex(&f, "signature", job->signature.bytes, sizeof job->signature.bytes);
    const enum pp_error error = pp_fields_finish(&f);
    json_decref(object);
    if (error != PP_OK)
        pp_http_job_refuse(job, &job->refusal);
    else
        pp_http_lane_leave(job);
}
