/* problem.h - a refusal as people and programs get it over HTTP: a status and problem details (RFC 9457).
 *
 * Shape:  application/problem+json; members as specs/http.md lists them. The status follows from the error alone: by its
 *         class, but for the errors in pp_problem_rows.
 * Source: specs/http.md (HTTP-080 and following).
 */
#ifndef PP_PROBLEM_H
#define PP_PROBLEM_H

#include "http/text.h"

#include <pp/refusal.h>

#define PP_PROBLEM_MEDIA_TYPE "application/problem+json"

/* Where an error does not have its class's status, or wants a retry although the refusal names no time. */
struct pp_problem_row {
    enum pp_error error;
    unsigned status;
    uint32_t retry_after_ms;
};
const struct pp_problem_row *pp_problem_rows(size_t *out_count);
unsigned pp_problem_class_status(enum pp_error_class class_);

unsigned pp_problem_status(enum pp_error error);
/* The refusal's own, else the row's; 0: do not retry unchanged. */
uint32_t pp_problem_retry_after_ms(const struct pp_refusal *refusal);
/* The JSON object; `more` (may be NULL) are further members of it. */
void pp_problem_print(const struct pp_refusal *refusal, const struct pp_text *more, struct pp_text *out);

#endif
