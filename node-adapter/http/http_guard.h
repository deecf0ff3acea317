/* http_guard.h - the bytes of a request's head, before any parser sees them.
 *
 * Two parsers that read one request differently are how requests are smuggled. So only one way of writing a head is let
 * through: lines end with CR LF, each bare CR or LF is refused; no byte outside printable ASCII, but a tab inside a field
 * value; no line that continues the one before; a method, a path and HTTP/1.1 with one blank between; each field a
 * name of token characters, a colon directly behind it, a value.
 *
 * Shape:  incremental: a head may come byte by byte, and is refused at its first wrong byte.
 * Errors: BAD_FORMAT (field says where: "request line", "header name", ...), BAD_VERSION, TOO_LONG (the head), TOO_MANY.
 * Limits: PP_HEADER_MAX_BYTES, PP_HTTP_FIELDS_MAX, PP_HTTP_TARGET_MAX.
 * Source: specs/http.md (HTTP-001 and following).
 */
#ifndef PP_HTTP_GUARD_H
#define PP_HTTP_GUARD_H

#include <pp/refusal.h>

#define PP_HTTP_FIELDS_MAX 64u
#define PP_HTTP_TARGET_MAX 512u
#define PP_HTTP_METHOD_MAX 16u

enum pp_http_guard_state {
    PP_GUARD_METHOD,
    PP_GUARD_TARGET,
    PP_GUARD_VERSION,
    PP_GUARD_NAME_START,
    PP_GUARD_NAME,
    PP_GUARD_VALUE,
    PP_GUARD_LINE_END, /* a CR came: only LF may follow */
    PP_GUARD_HEAD_END, /* the CR of the empty line came */
    PP_GUARD_DONE,
};

struct pp_http_guard {
    enum pp_http_guard_state state;
    size_t length; /* bytes of the head so far */
    size_t part;   /* bytes of the present part */
    unsigned fields;
};

void pp_http_guard_init(struct pp_http_guard *guard);
/* Takes bytes up to the head's end; *out_used says how many. state is DONE then. */
PP_MUST_CHECK enum pp_error pp_http_guard_feed(struct pp_http_guard *guard, const char *bytes, size_t length,
                                               size_t *out_used, struct pp_refusal *out_refusal);

#endif
