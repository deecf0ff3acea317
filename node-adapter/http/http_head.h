/* http_head.h - a request's head, parsed: method, path, query, and the few fields that this server knows.
 *
 * Shape:  slices of the head's bytes, which the caller keeps. llhttp parses; what it says of framing must be what the fields
 *         say, read here once more, or the request is refused.
 * Errors: BAD_FORMAT, LENGTH_REQUIRED, METHOD_NOT_ALLOWED (never by the method's name alone: routes decide), MISSING_FIELD.
 * Source: specs/http.md (HTTP-010 and following).
 */
#ifndef PP_HTTP_HEAD_H
#define PP_HTTP_HEAD_H

#include <pp/refusal.h>

struct pp_http_text {
    const char *at; /* NULL: not there */
    size_t length;
};

enum pp_http_method {
    PP_HTTP_OTHER, /* well formed, but no path takes it */
    PP_HTTP_GET,
    PP_HTTP_POST,
};

struct pp_http_head {
    enum pp_http_method method;
    struct pp_http_text path;
    struct pp_http_text query; /* behind the question mark */
    struct pp_http_text authorization;
    struct pp_http_text content_type; /* without parameters */
    uint64_t content_length;          /* 0 when there is none: only POST needs one */
    bool close;                       /* Connection: close */
    bool expect_continue;
};

/* Parses a head that the guard let through; length includes the empty line. */
PP_MUST_CHECK enum pp_error pp_http_head_parse(const char *bytes, size_t length, struct pp_http_head *out,
                                               struct pp_refusal *out_refusal);

bool pp_http_text_is(const struct pp_http_text *text, const char *words);

#endif
