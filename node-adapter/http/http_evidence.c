/* GET /v1/evidence/{lane}?from=SEQUENCE: a segment of a lane's journal, for other operators; and what they say of it:
 * POST /v1/evidence/{lane}/acknowledgements. */
#include "http/http_job.h"

#include "evidence/ack.h"
#include "evidence/publish.h"
#include "evidence/replica_store.h"

#include <stdlib.h>

static bool read_number(const char *at, size_t length, uint64_t most, uint64_t *out)
{
    uint64_t value = 0;
    if (length == 0 || length > 18 || (length > 1 && at[0] == '0'))
        return false;
    for (size_t i = 0; i < length; i++) {
        if (at[i] < '0' || at[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(at[i] - '0');
    }
    *out = value;
    return value <= most;
}

static struct pp_node *writer_of(const struct pp_http_api *api, uint32_t lane)
{
    struct pp_node *owner;
    if (api->config.shards == NULL)
        return lane == api->lane ? api->config.node : NULL;
    return pp_shards_find(api->config.shards, lane, &owner) == PP_OK ? owner : NULL;
}

static enum pp_error evidence_read(struct pp_http_job *job, uint8_t *bytes, size_t *out_length)
{
    struct pp_node *node = writer_of(job->api, job->lane);
    if (node != NULL)
        return pp_node_evidence(node, job->number, bytes, PP_SEGMENT_MAX_BYTES, out_length);
    if (job->api->config.replicas == NULL)
        return PP_UNKNOWN_LANE;
    return pp_replica_store_get(job->api->config.replicas, job->lane, job->number, bytes,
                                PP_SEGMENT_MAX_BYTES, out_length);
}

static void evidence_run(struct pp_http_job *job)
{
    uint8_t *bytes = malloc(PP_SEGMENT_MAX_BYTES);
    size_t length = 0;
    job->error = bytes == NULL ? PP_NO_MEMORY : evidence_read(job, bytes, &length);
    if (job->error == PP_OK)
        pp_text_add_bytes(pp_http_exchange_answer(job->exchange), (const char *)bytes, length);
    free(bytes);
}

static void evidence_finish(struct pp_http_job *job)
{
    if (job->error != PP_OK)
        pp_http_job_refuse_error(job, job->error, job->error == PP_NOT_FOUND ? "from" : "lane");
    else
        pp_http_answer(job->exchange, 200, PP_SEGMENT_MEDIA_TYPE);
}

/* HTTP-036: exactly "from=NUMBER", or nothing. */
static bool read_from(struct pp_http_job *job)
{
    static const char name[] = "from=";
    const struct pp_http_text *query = &pp_http_exchange_head(job->exchange)->query;
    job->number = 1;
    if (query->at == NULL)
        return true;
    if (query->length < sizeof name - 1 || memcmp(query->at, name, sizeof name - 1) != 0) {
        pp_http_job_refuse_error(job, PP_UNKNOWN_FIELD, "query");
        return false;
    }
    if (read_number(query->at + sizeof name - 1, query->length - (sizeof name - 1), UINT64_MAX, &job->number))
        return true;
    pp_http_job_refuse_error(job, PP_BAD_FORMAT, "from");
    return false;
}

static bool read_lane(struct pp_http_job *job, const struct pp_http_params *params)
{
    uint64_t lane;
    if (!read_number(params->part[0].at, params->part[0].length, UINT32_MAX, &lane)) {
        pp_http_job_refuse_error(job, PP_BAD_FORMAT, "lane");
        return false;
    }
    job->lane = (uint32_t)lane;
    return true;
}

void pp_http_serve_evidence(struct pp_http_job *job, const struct pp_http_params *params)
{
    if (read_lane(job, params) && read_from(job))
        pp_http_job_work(job, evidence_run, evidence_finish);
}

/* ---- acknowledgements ---- */

static void ack_run(struct pp_http_job *job)
{
    struct pp_node *node = writer_of(job->api, job->lane);
    size_t length;
    const uint8_t *bytes = pp_http_exchange_body(job->exchange, &length);
    job->error = node == NULL ? PP_UNKNOWN_LANE
                              : pp_node_acknowledge(node, bytes, length, job->number, &job->limit);
}

static void ack_finish(struct pp_http_job *job)
{
    struct pp_text *out = pp_http_exchange_answer(job->exchange);
    if (job->error != PP_OK) {
        pp_http_job_refuse_error(job, job->error, job->error == PP_UNKNOWN_LANE ? "lane" : "acknowledgement");
        return;
    }
    pp_text_add(out, "{\"lane\":");
    pp_text_number(out, job->lane);
    pp_text_add(out, ",\"next\":");
    pp_text_number(out, job->limit);
    pp_text_add(out, "}");
    pp_http_job_answer(job);
}

/* HTTP-112 */
void pp_http_serve_acknowledgements(struct pp_http_job *job, const struct pp_http_params *params)
{
    if (!read_lane(job, params))
        return;
    if (!pp_http_text_is(&pp_http_exchange_head(job->exchange)->content_type, PP_ACK_MEDIA_TYPE)) {
        pp_http_job_refuse_error(job, PP_UNSUPPORTED_MEDIA, "content_type");
        return;
    }
    job->number = pp_http_exchange_connection(job->exchange);
    pp_http_job_work(job, ack_run, ack_finish);
}
