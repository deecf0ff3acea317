/* An answer's text: the status line and the fields around what the application gave, and a refusal's problem details. */
#include "http/http_conn.h"

#include "http/problem.h"

static const char *reason_of(unsigned status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 402:
        return "Payment Required";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 408:
        return "Request Timeout";
    case 409:
        return "Conflict";
    case 411:
        return "Length Required";
    case 413:
        return "Content Too Large";
    case 415:
        return "Unsupported Media Type";
    case 503:
        return "Service Unavailable";
    default:
        return "Internal Server Error";
    }
}

void pp_http_print_head(struct pp_http_exchange *conn, unsigned status, const char *media_type)
{
    struct pp_text *out = &conn->out;
    out->length = 0;
    pp_text_add(out, "HTTP/1.1 ");
    pp_text_number(out, status);
    pp_text_add(out, " ");
    pp_text_add(out, reason_of(status));
    pp_text_add(out, "\r\nDate: ");
    pp_text_add(out, pp_http_server_date(conn->server));
    pp_text_add(out, "\r\nContent-Type: ");
    pp_text_add(out, media_type);
    pp_text_add(out, "\r\nContent-Length: ");
    pp_text_number(out, conn->answer.length);
    pp_text_add(out, "\r\n");
    pp_text_add_bytes(out, conn->headers.bytes, conn->headers.length);
    if (conn->close_after || conn->server->stopping)
        pp_text_add(out, "Connection: close\r\n");
    pp_text_add(out, "\r\n");
    conn->answer_apart = conn->answer.length > PP_HTTP_ONE_PIECE_BYTES;
    if (!conn->answer_apart)
        pp_text_add_bytes(out, conn->answer.bytes, conn->answer.length);
}

void pp_http_print_refusal(struct pp_http_exchange *conn, const struct pp_refusal *refusal,
                           const struct pp_text *more)
{
    const uint32_t retry_after_ms = pp_problem_retry_after_ms(refusal);
    conn->answer.length = 0;
    pp_problem_print(refusal, more, &conn->answer);
    if (retry_after_ms > 0) { /* HTTP-083 */
        pp_text_add(&conn->headers, "Retry-After: ");
        pp_text_number(&conn->headers, (retry_after_ms + UINT64_C(999)) / 1000);
        pp_text_add(&conn->headers, "\r\n");
    }
}
