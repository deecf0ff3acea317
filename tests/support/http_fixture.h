/* http_fixture.h - a plain HTTP client over a socket, for tests: it writes what it is told and reads one answer. */
#ifndef HTTP_FIXTURE_H
#define HTTP_FIXTURE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_reply {
    unsigned status;
    char *head;    /* with a 0 behind it */
    uint8_t *body; /* the same */
    size_t body_length;
    json_t *json; /* when the body is JSON; else NULL */
};

int http_dial(uint16_t port);
void http_say(int s, const void *bytes, size_t length);
/* One answer, by its Content-Length; fails the test when the connection ends before. */
void http_hear(int s, struct http_reply *out);
void http_reply_done(struct http_reply *reply);
/* The value of a header field; fails the test when it is not there. Valid until the next call. */
const char *http_header(const struct http_reply *reply, const char *name);
bool http_has_header(const struct http_reply *reply, const char *name);

/* A request with these header lines (each with CR LF; may be ""), and its answer, on a connection of its own when s is
 * negative: then port is dialled. */
void http_ask(int s, const char *method, const char *path, const char *lines, const void *body, size_t length,
              struct http_reply *out);

/* The answer is a refusal with this code, in every form in which it says so. */
void http_check_refused(const struct http_reply *reply, unsigned status, const char *code, const char *field);
#define ck_assert_refused(reply, status, code, field) http_check_refused(reply, status, code, field)

#endif
