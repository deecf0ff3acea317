/* fake_rpc.h - a chain's node that lies: an HTTP server on a free loopback port whose every answer the test writes.
 *
 * One connection at a time, one answer a connection. The handler runs on the server's thread.
 */
#ifndef FAKE_RPC_H
#define FAKE_RPC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct pp_fake_question {
    const char *method;
    long long id;
    const json_t *params;
};

struct pp_fake_answer {
    int status;     /* 0: 200 */
    char *body;     /* malloc; NULL: see below */
    size_t length;  /* 0: strlen(body) */
    size_t claimed; /* Content-Length; 0: the truth */
    bool hang;      /* never answer, until the server stops */
};

typedef struct pp_fake_answer pp_fake_handler(void *context, const struct pp_fake_question *question);

struct pp_fake_rpc;
struct pp_fake_rpc *pp_fake_rpc_start(pp_fake_handler *handler, void *context);
const char *pp_fake_rpc_url(const struct pp_fake_rpc *fake);
unsigned pp_fake_rpc_count(const struct pp_fake_rpc *fake); /* questions so far */
void pp_fake_rpc_stop(struct pp_fake_rpc *fake);

/* A well-formed answer; `result` is JSON text. */
struct pp_fake_answer pp_fake_result(const struct pp_fake_question *question, const char *result);
/* A well-formed error; data may be NULL. */
struct pp_fake_answer pp_fake_error(const struct pp_fake_question *question, int code, const char *message,
                                    const char *data);

#endif
