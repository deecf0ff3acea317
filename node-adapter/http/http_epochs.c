/* /v1/epochs/{epoch}: how an epoch's report stands here, a proposal to be signed, and the report itself; for other operators. */
#include "http/http_job.h"

#include "epoch/council.h"

#define REPORT_MEDIA_TYPE "application/vnd.pennypost.report"

static bool read_number(const struct pp_http_text *text, uint64_t *out)
{
    *out = 0;
    bool well = text->length >= 1 && text->length <= 15 && (text->length == 1 || text->at[0] != '0');
    for (size_t i = 0; i < text->length && well; i++) {
        well = text->at[i] >= '0' && text->at[i] <= '9';
        *out = *out * 10 + (uint64_t)(text->at[i] - '0');
    }
    return well;
}

static bool epoch_of_path(struct pp_http_job *job, const struct pp_http_params *params)
{
    const bool well = read_number(&params->part[0], &job->number);
    if (!well)
        pp_http_job_refuse_error(job, PP_BAD_FORMAT, "epoch");
    else if (job->api->config.council == NULL)
        pp_http_job_refuse_error(job, PP_NOT_FOUND, "epoch");
    return well && job->api->config.council != NULL;
}

static void json_finish(struct pp_http_job *job)
{
    if (job->error != PP_OK)
        pp_http_job_refuse_error(job, job->error, "epoch");
    else
        pp_http_job_answer(job);
}

static void state_run(struct pp_http_job *job)
{
    job->error =
        pp_council_state(job->api->config.council, job->number, pp_http_exchange_answer(job->exchange));
}

void pp_http_serve_epoch(struct pp_http_job *job, const struct pp_http_params *params)
{
    if (epoch_of_path(job, params))
        pp_http_job_work(job, state_run, json_finish);
}

static void proposal_run(struct pp_http_job *job)
{
    struct pp_slice body;
    body.bytes = pp_http_exchange_body(job->exchange, &body.length);
    job->error =
        pp_council_ask(job->api->config.council, job->number, body, pp_http_exchange_answer(job->exchange));
}

void pp_http_serve_proposal(struct pp_http_job *job, const struct pp_http_params *params)
{
    if (!epoch_of_path(job, params))
        return;
    if (!pp_http_text_is(&pp_http_exchange_head(job->exchange)->content_type, PP_PROPOSAL_MEDIA_TYPE)) {
        pp_refusal_init(&job->refusal, PP_UNSUPPORTED_MEDIA, "content-type");
        job->refusal.expected = pp_value_text(PP_PROPOSAL_MEDIA_TYPE);
        pp_http_job_refuse(job, &job->refusal);
        return;
    }
    pp_http_job_work(job, proposal_run, json_finish);
}

static void report_run(struct pp_http_job *job)
{
    job->error =
        pp_council_bundle(job->api->config.council, job->number, pp_http_exchange_answer(job->exchange));
}

static void report_finish(struct pp_http_job *job)
{
    if (job->error != PP_OK)
        pp_http_job_refuse_error(job, job->error, "epoch");
    else
        pp_http_answer(job->exchange, 200, REPORT_MEDIA_TYPE);
}

void pp_http_serve_report(struct pp_http_job *job, const struct pp_http_params *params)
{
    if (epoch_of_path(job, params))
        pp_http_job_work(job, report_run, report_finish);
}

static void leaves_run(struct pp_http_job *job)
{
    job->error = pp_council_leaves(job->api->config.council, job->number, job->lane, job->limit,
                                   pp_http_exchange_answer(job->exchange));
}

/* HTTP-036: exactly "from=NUMBER", or nothing. */
static bool read_from(struct pp_http_job *job)
{
    static const char name[] = "from=";
    const struct pp_http_text *query = &pp_http_exchange_head(job->exchange)->query;
    const size_t length = sizeof name - 1;
    job->limit = 0;
    if (query->at == NULL)
        return true;
    if (query->length < length || memcmp(query->at, name, length) != 0) {
        pp_http_job_refuse_error(job, PP_UNKNOWN_FIELD, "query");
        return false;
    }
    const struct pp_http_text value = {query->at + length, query->length - length};
    if (read_number(&value, &job->limit))
        return true;
    pp_http_job_refuse_error(job, PP_BAD_FORMAT, "from");
    return false;
}

void pp_http_serve_leaves(struct pp_http_job *job, const struct pp_http_params *params)
{
    uint64_t lane;
    if (!epoch_of_path(job, params))
        return;
    if (!read_number(&params->part[1], &lane) || lane > UINT32_MAX) {
        pp_http_job_refuse_error(job, PP_BAD_FORMAT, "lane");
        return;
    }
    job->lane = (uint32_t)lane;
    if (read_from(job))
        pp_http_job_work(job, leaves_run, json_finish);
}
