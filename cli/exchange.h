/* exchange.h - one HTTP request to a node and its answer, over libcurl; alone, or many at a time.
 *
 * Own:    an exchange is reused for many requests (its connection is kept). The body is borrowed until the answer came.
 * Errors: NODE_DOWN (no answer: not connected, cut off, timed out), NODE_NONSENSE (an answer that is no answer of a node), and
 *         whatever error the node names in its problem details: its texts are copied into *problem.
 * Limits: answers up to CLI_ANSWER_MAX_BYTES; http and https only; no redirects.
 */
#ifndef CLI_EXCHANGE_H
#define CLI_EXCHANGE_H

#include "cli_problem.h"

#include <jansson.h>

#define CLI_ANSWER_MAX_BYTES (32u << 20)

struct cli_exchange;

/* The base URL without a final slash: http://host:port, perhaps with a path. BAD_FORMAT, TOO_LONG. */
PP_MUST_CHECK enum pp_error cli_exchange_open(const char *base_url, struct cli_exchange **out);
void cli_exchange_close(struct cli_exchange *exchange);

struct cli_request {
    const char *method;        /* "GET", "POST" */
    const char *path;          /* "/v1/quote" */
    const char *content_type;  /* with a body */
    const char *authorization; /* header value, or NULL */
    const void *body;
    size_t body_length;
    uint64_t timeout_ms;
};

/* ---- one at a time ---- */

/* OK for an answer of 2xx. */
PP_MUST_CHECK enum pp_error cli_exchange_run(struct cli_exchange *exchange, const struct cli_request *request,
                                             struct cli_problem *problem);
/* The same, and the body as JSON: the caller owns the reference. */
PP_MUST_CHECK enum pp_error cli_exchange_json(struct cli_exchange *exchange,
                                              const struct cli_request *request, json_t **out,
                                              struct cli_problem *problem);

/* ---- many at a time ---- */

struct cli_exchanges; /* libcurl's multi handle */
PP_MUST_CHECK enum pp_error cli_exchanges_open(struct cli_exchanges **out);
void cli_exchanges_close(struct cli_exchanges *exchanges); /* after its exchanges have ended */
/* Starts; the exchange may not be running. */
PP_MUST_CHECK enum pp_error cli_exchanges_start(struct cli_exchanges *exchanges,
                                                struct cli_exchange *exchange,
                                                const struct cli_request *request);
/* Waits up to timeout_ms for one that ended; NULL: none has. Then look at cli_exchange_result. */
struct cli_exchange *cli_exchanges_next(struct cli_exchanges *exchanges, int timeout_ms);
void cli_exchanges_stop(struct cli_exchanges *exchanges, struct cli_exchange *exchange);
PP_MUST_CHECK enum pp_error cli_exchange_result(struct cli_exchange *exchange, struct cli_problem *problem);

/* ---- the answer, until the next request ---- */

long cli_exchange_status(const struct cli_exchange *exchange); /* 0: none */
const uint8_t *cli_exchange_body(const struct cli_exchange *exchange, size_t *out_length);
/* A node's problem details as a problem. Returns its error; NODE_NONSENSE when it names none that is known. */
enum pp_error cli_problem_read(const json_t *object, struct cli_problem *problem);
/* The value of a header that is kept; "" when there was none. */
enum cli_header {
    CLI_HEADER_CHALLENGE, /* WWW-Authenticate */
    CLI_HEADER_LEAF,      /* Pennypost-Leaf */
    CLI_HEADER_TOPIC,     /* Pennypost-Topic */
    CLI_HEADER_RECEIPT,   /* Payment-Receipt */
    CLI_HEADER_COUNT,
};
const char *cli_exchange_header(const struct cli_exchange *exchange, enum cli_header header);
void cli_exchange_context(struct cli_exchange *exchange, void *context);
void *cli_exchange_context_get(const struct cli_exchange *exchange);

#endif
