/* http_job.h - what the parts of the API share: the API itself, one job per exchange, the mailbox.
 *
 * Shape:  a handler answers at once, or calls pp_http_job_work (a call that may wait, in libuv's pool), or submits to the
 *         engine, which calls pp_http_job_post from its thread. In both cases `finish` then runs on the loop's thread.
 */
#ifndef PP_HTTP_JOB_H
#define PP_HTTP_JOB_H

#include "http/http_api.h"
#include "http/payment_quick.h"

#define PP_HTTP_CHALLENGES_MAX 16u /* challenges that need no second look: those of the last seconds */

#define PP_HTTP_POOL_MAX                                                                                     \
    128u /* calls that wait for one of libuv's four threads: some reads of the disk each */
#define PP_HTTP_SESSION_POOL_MAX                                                                             \
    32u /* of these of sessions, which cost a signature or a tree: a quarter, so that others find room */

/* A challenge that was verified once, and the quote in it. */
struct pp_http_verified {
    struct pp_challenge challenge;
    struct pp_challenge_seen seen; /* its text in credentials */
    uint8_t quote[PP_QUOTE_MAX_BYTES];
    size_t quote_length;
    struct pp_hash quote_id;
};

struct pp_http_api {
    uv_loop_t *loop;
    struct pp_http_api_config config; /* node_config is not to be used: it may be gone */
    struct pp_clock clock;
    struct pp_domain domain;
    uint32_t node_id, lane;
    uint8_t shard;
    char realm[PP_REALM_MAX + 1];
    struct pp_challenge_key challenge_key;
    struct pp_text terms, errors; /* JSON, made once */

    bool has_offer; /* the newest quote and challenge, given to all for a second */
    uint64_t offer_ms;
    struct pp_quote quote;
    struct pp_challenge challenge;
    uint8_t quote_bytes[PP_QUOTE_MAX_BYTES];
    size_t quote_length;

    struct pp_http_verified verified[PP_HTTP_CHALLENGES_MAX];
    unsigned verified_count, verified_next;

    unsigned pool_jobs; /* given to libuv's pool, not yet finished */
    unsigned session_jobs; /* of these */

    uv_async_t mail;
    uv_mutex_t mail_lock;
    struct pp_http_job *posted; /* newest first; under mail_lock */
    void (*closed)(void *context);
    void *closed_context;
};

/* A path's variable parts. */
struct pp_http_params {
    struct pp_http_text part[3];
};

/* What one envelope came to: what a response says, without the room for ranges. */
struct pp_http_outcome {
    uint64_t sequence;
    uint64_t time_ms;
    uint32_t refusal; /* 1 + index in refusals; 0: admitted */
    bool known;
};

struct pp_http_job {
    struct pp_http_api *api;
    struct pp_http_exchange *exchange;
    struct pp_http_job *next; /* in the mailbox */
    uv_work_t work;
    bool of_session; /* counts among session_jobs while it is in the pool */
    void (*run)(struct pp_http_job *job);    /* in the pool */
    void (*finish)(struct pp_http_job *job); /* on the loop's thread; answers */
    enum pp_error error;                     /* of run */
    struct pp_refusal refusal;

    /* POST /v1/envelopes */
    struct pp_credential credential;
    struct pp_request request;
    struct pp_envelope_view one;       /* of a single */
    struct pp_envelope_view *many;     /* of a batch: heap */
    uint8_t quote[PP_QUOTE_MAX_BYTES]; /* of a single */
    struct pp_http_outcome outcome_one;
    struct pp_http_outcome *outcomes; /* outcome_one or heap */
    size_t outcomes_count;
    struct pp_refusal *refusals; /* heap, or NULL */
    size_t refusals_count;
    struct pp_receipt receipt;
    bool has_receipt;
    struct pp_stamp_id stamp_id; /* of the first envelope */
    struct pp_grains spent, refunded, free;

    /* the others */
    struct pp_channel_id channel_id;
    uint32_t lane;
    struct pp_signature signature;
    uint64_t source; /* the connection, for what it brings */
    uint64_t number, limit; /* a sequence; where a page begins, its length */
    uint8_t topic[PP_TOPIC_MAX_BYTES];
    size_t topic_length;
    struct pp_delete *deletes;               /* heap */
    struct pp_delete_result *delete_results; /* heap */
    size_t deletes_count;
    struct pp_signed_refund signed_refund;
    struct pp_signed_release release;
    struct pp_lane_status status; /* holes: some kilobytes */
    struct pp_session_open session_open;
    struct pp_session_root session_root;
    struct pp_session_status session;
    struct pp_hash session_id;
    struct pp_stamp_id *unsigned_ids; /* heap */
    /* bonds */
    struct pp_hash topic_hash;
    struct pp_quote topic_quote; /* its bytes: quote */
    size_t quote_length;
    struct pp_topic_registration registration;
    struct pp_topic_key topic_key;
    struct pp_bond_word *words;          /* heap */
    struct pp_bond_result *word_results; /* heap */
    size_t words_count;
    bool accepts; /* else they complain */
};

struct pp_http_job *pp_http_job_of(struct pp_http_api *api, struct pp_http_exchange *exchange);
/* Where too many wait already, `finish` is called at once, with BUSY, which `refusal` says too. */
void pp_http_job_work(struct pp_http_job *job, void (*run)(struct pp_http_job *),
                      void (*finish)(struct pp_http_job *));
void pp_http_job_session_work(struct pp_http_job *job, void (*run)(struct pp_http_job *),
                              void (*finish)(struct pp_http_job *));
/* Any thread: `finish` will run on the loop's. */
void pp_http_job_post(struct pp_http_job *job);
uint64_t pp_http_now_ms(const struct pp_http_api *api);

/* Answers with a refusal; a 402 with a fresh challenge (HTTP-046). `more` (may be NULL) are further members. */
void pp_http_job_refuse(struct pp_http_job *job, const struct pp_refusal *refusal);
void pp_http_job_refuse_with(struct pp_http_job *job, const struct pp_refusal *refusal,
                             const struct pp_text *more);
void pp_http_job_refuse_error(struct pp_http_job *job, enum pp_error error, const char *field);
/* 200 with JSON. */
void pp_http_job_answer(struct pp_http_job *job);
/* The body as one JSON object, of media type application/json; NULL: refused and answered. */
json_t *pp_http_job_json(struct pp_http_job *job);

/* Who writes the lane; when it is nobody's here, a node that says so. */
struct pp_node *pp_http_owner(const struct pp_http_api *api, uint32_t lane);
void pp_http_node_status(const struct pp_http_api *api, struct pp_node_status *out);

/* A quote and a challenge that are good for about a minute. */
PP_MUST_CHECK enum pp_error pp_http_offer(struct pp_http_api *api);
/* The challenge with another quote. */
PP_MUST_CHECK enum pp_error pp_http_challenge_of(const struct pp_http_api *api, const uint8_t *quote_bytes,
                                                 size_t quote_length, const struct pp_quote *quote,
                                                 struct pp_challenge *out);
/* A quote with its challenge, but for the object's end. */
void pp_http_print_quote(struct pp_text *out, const uint8_t *quote_bytes, size_t quote_length,
                         const struct pp_quote *quote, const struct pp_challenge *challenge);

void pp_http_print_refund(struct pp_text *out, const struct pp_signed_refund *refund);

/* ---- handlers ---- */

#define PP_HTTP_HANDLERS(H)                                                                                  \
    H(terms) H(quote) H(errors) H(status) H(health) H(submit) H(envelope) H(topic) H(lane) H(deletes) H(close)            \
    H(sessions) H(roots) H(session) H(evidence) H(acknowledgements) H(epoch) H(proposal) H(report) H(leaves)         \
    H(topic_quote) H(topic_key) H(registrations) H(acceptances) H(complaints)
#define PP_HTTP_HANDLER(name)                                                                                \
    void pp_http_serve_##name(struct pp_http_job *job, const struct pp_http_params *params);
PP_HTTP_HANDLERS(PP_HTTP_HANDLER)
#undef PP_HTTP_HANDLER

/* The lane of a path, into job->channel_id and job->lane; false: refused and answered. */
bool pp_http_lane_of_path(struct pp_http_job *job, const struct pp_http_params *params);
void pp_http_print_session(struct pp_text *out, const struct pp_session_status *session);

/* The credential actions that a POST to /v1/envelopes may carry instead of an envelope. */
void pp_http_lane_confirm(struct pp_http_job *job); /* channel_id, lane are set */
void pp_http_lane_leave(struct pp_http_job *job);   /* and signature */

/* Largest body of POST /v1/envelopes by its head: BODY_TOO_LARGE and UNSUPPORTED_MEDIA are found before the body is read. */
PP_MUST_CHECK enum pp_error pp_http_submit_admit(const struct pp_http_head *head, uint64_t *out_body_max,
                                                 struct pp_refusal *out_refusal);

#endif
