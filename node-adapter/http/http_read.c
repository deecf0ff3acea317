/* GET /v1/envelopes/{sequence} and /v1/topics/{topic}/envelopes: what is stored. */
#include "http/http_job.h"

#include <pp/assert.h>

/* What a query may say; each path takes some of it. */
enum { QUERY_AFTER = 1, QUERY_LIMIT = 2, QUERY_LANE = 4 };

static bool read_query(struct pp_http_job *job, unsigned taken);

static bool read_number(const char *at, size_t length, uint64_t *out)
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
    return true;
}

/* ---- one envelope ---- */

static void add_header(struct pp_text *headers, const char *name, const uint8_t *bytes, size_t length)
{
    pp_text_add(headers, name);
    pp_text_base64(headers, bytes, length);
    pp_text_add(headers, "\r\n");
}

/* Borrows from the store: all is copied into the answer here. */
static void on_envelope(void *context, const struct pp_leaf *leaf, const uint8_t *topic, size_t topic_length,
                        const uint8_t *payload, size_t payload_length)
{
    struct pp_http_job *job = context;
    struct pp_text *headers = pp_http_exchange_headers(job->exchange);
    uint8_t bytes[PP_LEAF_BYTES];
    struct pp_writer w;
    size_t length;
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_leaf_write(&w, leaf);
    const enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK);
    add_header(headers, "Pennypost-Leaf: ", bytes, length);
    add_header(headers, "Pennypost-Topic: ", topic, topic_length);
    pp_text_add_bytes(pp_http_exchange_answer(job->exchange), (const char *)payload, payload_length);
}

static void envelope_run(struct pp_http_job *job)
{
    job->error = pp_node_envelope(pp_http_owner(job->api, job->lane), job->number, on_envelope, job);
}

static void envelope_finish(struct pp_http_job *job)
{
    if (job->error != PP_OK) {
        pp_http_exchange_headers(job->exchange)->length = 0;
        pp_http_job_refuse_error(job, job->error, "sequence");
        return;
    }
    pp_http_answer(job->exchange, 200, "application/octet-stream");
}

void pp_http_serve_envelope(struct pp_http_job *job, const struct pp_http_params *params)
{
    if (!read_number(params->part[0].at, params->part[0].length, &job->number))
        pp_http_job_refuse_error(job, PP_BAD_FORMAT, "sequence");
    else if (read_query(job, QUERY_LANE))
        pp_http_job_work(job, envelope_run, envelope_finish);
}

/* ---- a topic ---- */

static void topic_run(struct pp_http_job *job)
{
    uint64_t sequences[PP_HTTP_TOPIC_PAGE];
    size_t count;
    struct pp_text *out = pp_http_exchange_answer(job->exchange);
    job->error = pp_node_topic(pp_http_owner(job->api, job->lane), job->topic, job->topic_length, job->number,
                               sequences, job->limit, &count);
    if (job->error != PP_OK)
        return;
    pp_text_add(out, "{\"sequences\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            pp_text_add(out, ",");
        pp_text_number(out, sequences[i]);
    }
    pp_text_add(out, "],\"next\":");
    if (count == job->limit)
        pp_text_number(out, sequences[count - 1]);
    else
        pp_text_add(out, "null");
    pp_text_add(out, "}");
}

static void topic_finish(struct pp_http_job *job)
{
    if (job->error != PP_OK)
        pp_http_job_refuse_error(job, job->error, "topic");
    else
        pp_http_job_answer(job);
}

/* One "name=number" of the query; false: refused and answered. HTTP-036 */
static bool read_parameter(struct pp_http_job *job, const char *at, size_t length, unsigned taken,
                           unsigned *seen)
{
    static const struct {
        const char *name;
        unsigned bit;
        uint64_t min, max;
    } known[] = {{"after", QUERY_AFTER, 0, UINT64_MAX},
                 {"limit", QUERY_LIMIT, 1, PP_HTTP_TOPIC_PAGE},
                 {"lane", QUERY_LANE, 1, UINT32_MAX}};
    const char *equals = memchr(at, '=', length);
    const size_t name_length = equals == NULL ? length : (size_t)(equals - at);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        uint64_t value = 0;
        if ((taken & known[i].bit) == 0 || strlen(known[i].name) != name_length ||
            memcmp(known[i].name, at, name_length) != 0)
            continue;
        if ((*seen & known[i].bit) != 0 || equals == NULL ||
            !read_number(equals + 1, length - name_length - 1, &value)) {
            pp_http_job_refuse_error(job, PP_BAD_FORMAT, known[i].name);
            return false;
        }
        if (value < known[i].min || value > known[i].max) {
            pp_refusal_init(&job->refusal, PP_OUT_OF_RANGE, known[i].name);
            job->refusal.expected = pp_value_number(value < known[i].min ? known[i].min : known[i].max);
            job->refusal.actual = pp_value_number(value);
            pp_http_job_refuse(job, &job->refusal);
            return false;
        }
        *seen |= known[i].bit;
        if (known[i].bit == QUERY_LANE)
            job->lane = (uint32_t)value;
        else
            *(known[i].bit == QUERY_AFTER ? &job->number : &job->limit) = value;
        return true;
    }
    pp_http_job_refuse_error(job, PP_UNKNOWN_FIELD, "query");
    return false;
}

/* HTTP-097: a sequence is a number of one shard. Of another shard it would be another's envelope, so nothing is guessed. */
static bool check_lane(struct pp_http_job *job, bool given)
{
    const struct pp_http_api *api = job->api;
    struct pp_node *owner;
    if (!given && api->config.shards != NULL && pp_shards_count(api->config.shards) > 1) {
        pp_http_job_refuse_error(job, PP_MISSING_FIELD, "lane");
        return false;
    }
    if (!given)
        job->lane = api->lane;
    if (api->config.shards != NULL ? pp_shards_find(api->config.shards, job->lane, &owner) == PP_OK
                                   : job->lane == api->lane)
        return true;
    pp_refusal_init(&job->refusal, PP_UNKNOWN_LANE, "lane");
    job->refusal.expected = pp_value_number(api->lane);
    job->refusal.actual = pp_value_number(job->lane);
    pp_http_job_refuse(job, &job->refusal);
    return false;
}

static bool read_query(struct pp_http_job *job, unsigned taken)
{
    const struct pp_http_text *query = &pp_http_exchange_head(job->exchange)->query;
    const char *at = query->at, *end = query->at + query->length;
    unsigned seen = 0;
    while (at != NULL) {
        const char *separator = memchr(at, '&', (size_t)(end - at));
        const char *stop = separator == NULL ? end : separator;
        if (!read_parameter(job, at, (size_t)(stop - at), taken, &seen))
            return false;
        at = separator == NULL ? NULL : separator + 1;
    }
    return check_lane(job, (seen & QUERY_LANE) != 0);
}

static bool read_page(struct pp_http_job *job)
{
    job->number = 0;
    job->limit = PP_HTTP_TOPIC_PAGE;
    return read_query(job, QUERY_AFTER | QUERY_LIMIT | QUERY_LANE);
}

void pp_http_serve_topic(struct pp_http_job *job, const struct pp_http_params *params)
{
    const struct pp_http_text *topic = &params->part[0];
    job->topic_length = topic->length / 2;
    if (topic->length > 2 * PP_TOPIC_MAX_BYTES)
        pp_http_job_refuse_error(job, PP_TOO_LONG, "topic");
    else if (pp_hex_parse(topic->at, topic->length, job->topic, job->topic_length) != PP_OK ||
             job->topic_length * 2 != topic->length)
        pp_http_job_refuse_error(job, PP_BAD_FORMAT, "topic");
    else if (read_page(job))
        pp_http_job_work(job, topic_run, topic_finish);
}
