/* POST /v1/envelopes: one envelope with a credential, or a frame; to the engine and back. */
#include "http/http_job.h"

#include "http/problem.h"

#include <pp/assert.h>
#include <pp/frame.h>

#include <stdlib.h>

#define SINGLE_MEDIA_TYPE "application/octet-stream"

static bool is_frame(const struct pp_http_head *head)
{
    return pp_http_text_is(&head->content_type, PP_FRAME_MEDIA_TYPE);
}

enum pp_error pp_http_submit_admit(const struct pp_http_head *head, uint64_t *out_body_max,
                                   struct pp_refusal *out_refusal)
{
    if (is_frame(head)) {
        *out_body_max = PP_BODY_MAX_BYTES;
        return PP_OK;
    }
    if (pp_http_text_is(&head->content_type, SINGLE_MEDIA_TYPE) ||
        (head->content_type.at == NULL && head->content_length == 0)) { /* a credential alone */
        *out_body_max = PP_ENVELOPE_MAX_BYTES;
        return PP_OK;
    }
    pp_refusal_init(out_refusal, PP_UNSUPPORTED_MEDIA, "content-type"); /* HTTP-039 */
    out_refusal->expected = pp_value_text(SINGLE_MEDIA_TYPE " or " PP_FRAME_MEDIA_TYPE);
    return PP_UNSUPPORTED_MEDIA;
}

/* ---- the answer ---- */

static void forget(struct pp_http_job *job)
{
    free(job->many);
    free(job->refusals);
    job->many = NULL;
    job->outcomes = NULL; /* stood behind the envelopes */
    job->refusals = NULL;
    job->refusals_count = job->outcomes_count = 0;
    job->has_receipt = false;
}

static void print_results(const struct pp_http_job *job, struct pp_text *out)
{
    pp_text_add(out, "\"results\":[");
    for (size_t i = 0; i < job->outcomes_count; i++) {
        const struct pp_http_outcome *outcome = &job->outcomes[i];
        if (i > 0)
            pp_text_add(out, ",");
        if (outcome->refusal > 0) {
            pp_text_add(out, "{\"status\":\"refused\",\"problem\":");
            pp_problem_print(&job->refusals[outcome->refusal - 1], NULL, out);
        } else {
            pp_text_add(out, outcome->known ? "{\"status\":\"known\",\"sequence\":"
                                            : "{\"status\":\"admitted\",\"sequence\":");
            pp_text_number(out, outcome->sequence);
            pp_text_add(out, ",\"time_ms\":");
            pp_text_number(out, outcome->time_ms);
        }
        pp_text_add(out, "}");
    }
    pp_text_add(out, "]");
}

static void print_receipt(const struct pp_http_job *job, struct pp_text *out)
{
    uint8_t bytes[PP_RECEIPT_MAX_BYTES];
    struct pp_writer w;
    size_t length;
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_receipt_write(&w, &job->receipt);
    const enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK);
    pp_text_add(out, "\"");
    pp_text_base64(out, bytes, length);
    pp_text_add(out, "\"");
}

/* HTTP-047 */
static void add_payment_receipt(const struct pp_http_job *job)
{
    struct pp_text *headers = pp_http_exchange_headers(job->exchange);
    char value[PP_PAYMENT_RECEIPT_MAX];
    const struct pp_payment_receipt receipt = {
        .channel_id = job->request.channel_id,
        .lane = job->request.lane,
        .stamp_id = job->stamp_id,
        .sequence = job->outcomes[0].sequence,
        .time_ms = job->outcomes[0].time_ms,
        .spent = job->spent,
    };
    pp_text_add(headers, "Payment-Receipt: ");
    pp_text_add(headers, pp_payment_receipt_print(&receipt, value));
    pp_text_add(headers, "\r\nCache-Control: private\r\n");
}

/* HTTP-037: nothing was admitted. The first refusal is the answer; those of a batch follow. */
static void answer_refused(struct pp_http_job *job)
{
    struct pp_refusal first = job->refusals[0];
    if (job->many == NULL) {
        forget(job);
        pp_http_job_refuse(job, &first);
        return;
    }
    struct pp_text results;
    pp_text_init(&results);
    print_results(job, &results);
    forget(job);
    pp_http_job_refuse_with(job, &first, &results);
    pp_text_free(&results);
}

static void submit_finish(struct pp_http_job *job)
{
    struct pp_text *out = pp_http_exchange_answer(job->exchange);
    if (job->error != PP_OK) {
        struct pp_refusal refusal = job->refusal;
        forget(job);
        pp_http_job_refuse(job, &refusal);
        return;
    }
    if (job->refusals_count == job->outcomes_count) {
        answer_refused(job);
        return;
    }
    pp_text_add(out, "{");
    print_results(job, out);
    pp_text_add(out, ",\"receipt\":");
    if (job->has_receipt)
        print_receipt(job, out);
    else
        pp_text_add(out, "null");
    pp_text_add(out, ",\"spent\":");
    pp_text_grains(out, job->spent);
    pp_text_add(out, ",\"refunded\":");
    pp_text_grains(out, job->refunded);
    pp_text_add(out, ",\"free\":");
    pp_text_grains(out, job->free);
    pp_text_add(out, "}");
    if (job->many == NULL)
        add_payment_receipt(job);
    forget(job);
    pp_http_job_answer(job);
}

/* ---- the engine's answer, on its writer thread: copied, since it is lent ---- */

static enum pp_error copy_results(struct pp_http_job *job, const struct pp_response *response)
{
    size_t refused = 0;
    PP_ASSERT(response->count == job->request.count);
    for (size_t i = 0; i < response->count; i++)
        refused += response->results[i].refusal.error != PP_OK;
    if (refused > 0) {
        job->refusals = malloc(refused * sizeof *job->refusals);
        if (job->refusals == NULL)
            return PP_NO_MEMORY; /* what was charged is kept: the sender asks again and hears it */
    }
    for (size_t i = 0; i < response->count; i++) {
        const struct pp_result *result = &response->results[i];
        struct pp_http_outcome *outcome = &job->outcomes[i];
        *outcome = (struct pp_http_outcome){result->sequence, result->time_ms, 0, result->known};
        if (result->refusal.error != PP_OK) {
            job->refusals[job->refusals_count++] = result->refusal;
            outcome->refusal = (uint32_t)job->refusals_count;
        }
    }
    job->outcomes_count = response->count;
    job->stamp_id = response->results[0].stamp_id;
    return PP_OK;
}

static void on_done(void *context, const struct pp_response *response)
{
    struct pp_http_job *job = context;
    job->error = response->error;
    if (job->error != PP_OK)
        job->refusal = response->refusal;
    else
        job->error = copy_results(job, response);
    if (job->error != PP_OK && job->refusal.error != job->error)
        pp_refusal_init(&job->refusal, job->error, NULL);
    job->has_receipt = response->has_receipt;
    if (response->has_receipt)
        job->receipt = response->receipt;
    job->spent = response->spent;
    job->refunded = response->refunded;
    job->free = response->free;
    pp_http_job_post(job);
}

static void submit(struct pp_http_job *job)
{
    job->finish = submit_finish;
    job->refusal.error = PP_OK;
    job->request.source = pp_http_exchange_connection(job->exchange);
    const enum pp_error error =
        pp_node_submit(pp_http_owner(job->api, job->request.lane), &job->request, on_done, job);
    if (error != PP_OK) {
        forget(job);
        pp_http_job_refuse_error(job, error, NULL);
    }
}

/* ---- a frame ---- */

static void serve_frame(struct pp_http_job *job)
{
    size_t length, count = 0;
    const uint8_t *body = pp_http_exchange_body(job->exchange, &length);
    if (pp_frame_count(body, length, &count, &job->refusal) != PP_OK) {
        pp_http_job_refuse(job, &job->refusal);
        return;
    }
    job->many = malloc(count * (sizeof *job->many + sizeof *job->outcomes));
    if (job->many == NULL) {
        pp_http_job_refuse_error(job, PP_BUSY, "body");
        return;
    }
    job->outcomes = (struct pp_http_outcome *)(job->many + count);
    if (pp_frame_decode(body, length, job->many, count, &job->request, &job->refusal) != PP_OK) {
        struct pp_refusal refusal = job->refusal;
        forget(job);
        pp_http_job_refuse(job, &refusal);
        return;
    }
    submit(job);
}

/* ---- one envelope with a credential ---- */

static bool same_challenge(const struct pp_challenge *a, const struct pp_challenge *b)
{
    return memcmp(a->id, b->id, sizeof a->id) == 0 && strcmp(a->realm, b->realm) == 0 &&
           strcmp(a->request, b->request) == 0 && strcmp(a->expires, b->expires) == 0;
}

/* The quote in a challenge that this node made; a challenge comes with many envelopes, so the last few are remembered. */
static enum pp_error verified_quote(struct pp_http_api *api, const struct pp_challenge *challenge,
                                    struct pp_http_verified **out, struct pp_refusal *refusal)
{
    struct pp_challenge_terms terms;
    struct pp_signed_quote quote;
    for (unsigned i = 0; i < api->verified_count; i++)
        if (same_challenge(&api->verified[i].challenge, challenge)) {
            *out = &api->verified[i];
            return PP_OK;
        }
    PP_TRY(pp_challenge_verify(&api->challenge_key, challenge, 0, refusal)); /* its time is looked at later */
    PP_TRY(pp_challenge_terms_read(challenge, &terms, refusal));
    if (terms.chain_id != api->domain.chain_id || !pp_address_eq(&terms.contract, &api->domain.contract) ||
        pp_signed_quote_decode(terms.quote, terms.quote_length, &quote) != PP_OK) {
        pp_refusal_init(refusal, PP_CHALLENGE_INVALID,
                        "request"); /* of this node before it was configured anew */
        return PP_CHALLENGE_INVALID;
    }
    struct pp_http_verified *place = &api->verified[api->verified_next];
    api->verified_next = (api->verified_next + 1) % PP_HTTP_CHALLENGES_MAX;
    if (api->verified_count < PP_HTTP_CHALLENGES_MAX)
        api->verified_count++;
    place->challenge = *challenge;
    place->seen.text_length = 0;
    memcpy(place->quote, terms.quote, terms.quote_length);
    place->quote_length = terms.quote_length;
    pp_quote_id(&quote.quote, &place->quote_id);
    *out = place;
    return PP_OK;
}

static void serve_voucher(struct pp_http_job *job, const struct pp_http_verified *verified)
{
    struct pp_credential *credential = &job->credential;
    size_t length;
    const uint8_t *body = pp_http_exchange_body(job->exchange, &length);
    memcpy(job->quote, verified->quote,
           verified->quote_length); /* the place may be taken while the engine works */
    credential->leaf.quote_id = verified->quote_id;
    job->one = (struct pp_envelope_view){
        .leaf = credential->leaf,
        .topic = credential->topic,
        .topic_length = credential->topic_length,
        .payload = body,
        .payload_length = length,
    };
    job->request = (struct pp_request){
        .channel_id = credential->channel_id,
        .lane = credential->lane,
        .kind = PP_STAMP_SINGLE,
        .spent = credential->spent,
        .refund_ack = credential->refund_ack,
        .signature = credential->signature,
        .quote = job->quote,
        .quote_length = verified->quote_length,
        .envelopes = &job->one,
        .count = 1,
    };
    job->outcomes = &job->outcome_one;
    submit(job);
}

/* The challenge was verified before, in the text in which it comes now. */
static bool known_challenge(struct pp_http_job *job, const char *text, size_t length,
                            const struct pp_http_verified **out)
{
    const struct pp_http_api *api = job->api;
    memset(&job->credential, 0, sizeof job->credential);
    for (unsigned i = 0; i < api->verified_count; i++)
        if (pp_credential_seen(&api->verified[i].seen, text, length, &job->credential)) {
            *out = &api->verified[i];
            return true;
        }
    return false;
}

static enum pp_error read_credential(struct pp_http_job *job, const struct pp_http_text *value,
                                     const struct pp_http_verified **out)
{
    struct pp_http_verified *verified;
    const char *text;
    size_t length;
    const bool is_text = pp_credential_text(value->at, value->length, &text, &length) == PP_OK;
    if (is_text && known_challenge(job, text, length, out))
        return PP_OK;
    PP_TRY(pp_credential_parse(value->at, value->length, &job->credential, &job->refusal));
    PP_TRY(verified_quote(job->api, &job->credential.challenge, &verified, &job->refusal));
    pp_challenge_see(text, length, &verified->seen);
    *out = verified;
    return PP_OK;
}

static void serve_single(struct pp_http_job *job)
{
    const struct pp_http_head *head = pp_http_exchange_head(job->exchange);
    const struct pp_http_verified *verified;
    struct pp_credential *credential = &job->credential;
    if (head->authorization.at == NULL) {
        pp_http_job_refuse_error(job, PP_PAYMENT_REQUIRED, "authorization");
        return;
    }
    if (read_credential(job, &head->authorization, &verified) != PP_OK) {
        pp_http_job_refuse(job, &job->refusal);
        return;
    }
    if (credential->action ==
        PP_ACTION_VOUCHER) {          /* HTTP-044: an old stamp's receipt is given for ever; a new one's */
        serve_voucher(job, verified); /* time is its quote's, which the admission looks at */
        return;
    }
    if (pp_http_now_ms(job->api) >= credential->challenge.expires_ms) {
        pp_http_job_refuse_error(job, PP_CHALLENGE_INVALID, "expires");
        return;
    }
    if (head->content_length > 0) { /* HTTP-049 */
        pp_refusal_init(&job->refusal, PP_BODY_TOO_LARGE, "body");
        job->refusal.expected = pp_value_number(0);
        job->refusal.actual = pp_value_number(head->content_length);
        pp_http_job_refuse(job, &job->refusal);
        return;
    }
    job->channel_id = credential->channel_id;
    job->lane = credential->lane;
    job->signature = credential->signature;
    if (credential->action == PP_ACTION_CLOSE)
        pp_http_lane_leave(job);
    else
        pp_http_lane_confirm(job);
}

void pp_http_serve_submit(struct pp_http_job *job, const struct pp_http_params *params)
{
    (void)params;
    if (is_frame(pp_http_exchange_head(job->exchange)))
        serve_frame(job);
    else
        serve_single(job);
}
