#include "http/problem.h"

#include <pp/assert.h>

/* HTTP-081. 402 where a newly signed or better paid envelope is the answer (the scheme asks for a fresh challenge
 * then), 409 where the lane or the envelope stands against it, 503 where only time helps. */
static const struct pp_problem_row rows[] = {
    {PP_OK, 200, 0},
    {PP_TOO_LONG, 400, 0},
    {PP_BODY_TOO_LARGE, 413, 0},
    {PP_NOT_FOUND, 404, 0},
    {PP_TOO_MANY, 400, 0},
    {PP_NO_RATES, 503, 1000},
    {PP_UNKNOWN_CHANNEL, 404, 1000},
    {PP_UNKNOWN_LANE, 404, 0},
    {PP_WRONG_DOMAIN, 402, 0},
    {PP_CONTENT_MISMATCH, 402, 0},
    {PP_INTERVAL_TAKEN, 409, 0},
    {PP_LANE_PENDING, 409, 1000},
    {PP_LANE_FROZEN, 503, 1000},
    {PP_STAMP_EXPIRED, 402, 0},
    {PP_EMPTY_INTERVAL, 402, 0},
    {PP_TOO_MANY_HOLES, 409, 0},
    {PP_OVER_SPENT, 402, 0},
    {PP_CAP_EXCEEDED, 402, 0},
    {PP_QUOTE_INVALID, 402, 0},
    {PP_QUOTE_EXPIRED, 402, 0},
    {PP_PRICE_TOO_LOW, 402, 0},
    {PP_BOND_NOT_OFFERED, 402, 0},
    {PP_BOND_TOPIC, 402, 0},
    {PP_BOND_KEY, 402, 0},
    {PP_BOND_DEADLINE, 402, 0},
    {PP_TOO_MANY_BONDS, 503, 60000},
    {PP_BAD_SIGNATURE, 402, 0},
    {PP_SIGNATURE_NOT_LOW_S, 402, 0},
    {PP_CONTEXT_MISMATCH, 402, 0},
    {PP_TOO_MANY_LEAVES, 400, 0},
    {PP_SESSION_UNKNOWN, 404, 0},
    {PP_SESSION_CHUNK, 402, 0},
    {PP_BAD_MAC, 402, 0},
    {PP_TOO_MANY_SESSIONS, 409, 0},
    {PP_TICKET_UNKNOWN, 404, 0},
    {PP_BUSY, 503, 200},
    {PP_STORE_FULL, 503, 5000},
    {PP_TOO_SLOW, 408, 0},
    {PP_SHUTTING_DOWN, 503, 1000},
    {PP_PAYMENT_REQUIRED, 402, 0},
    {PP_CHALLENGE_INVALID, 402, 0},
    {PP_METHOD_NOT_ALLOWED, 405, 0},
    {PP_LENGTH_REQUIRED, 411, 0},
    {PP_UNSUPPORTED_MEDIA, 415, 0},
    {PP_CHAIN_DOWN, 503, 1000},
    {PP_CHAIN_STALE, 503, 1000},
};
#define ROWS (sizeof rows / sizeof rows[0])

const struct pp_problem_row *pp_problem_rows(size_t *out_count)
{
    *out_count = ROWS;
    return rows;
}

static const struct pp_problem_row *row_of(enum pp_error error)
{
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].error == error)
            return &rows[i];
    return NULL;
}

unsigned pp_problem_class_status(enum pp_error_class class_)
{
    switch (class_) {
    case PP_CLASS_INPUT:
        return 400;
    case PP_CLASS_STATE:
        return 409;
    case PP_CLASS_LIMIT:
        return 503;
    case PP_CLASS_NONE:
    case PP_CLASS_FAULT:
        break;
    }
    return 500;
}

unsigned pp_problem_status(enum pp_error error)
{
    const struct pp_problem_row *row = row_of(error);
    return row != NULL ? row->status : pp_problem_class_status(pp_error_class(error));
}

uint32_t pp_problem_retry_after_ms(const struct pp_refusal *refusal)
{
    const struct pp_problem_row *row = row_of(refusal->error);
    if (refusal->retry_after_ms != 0 || row == NULL)
        return refusal->retry_after_ms;
    return row->retry_after_ms;
}

static void print_value(struct pp_text *out, const char *name, const struct pp_value *value)
{
    char shown[160];
    pp_text_add(out, name);
    if (value->kind == PP_VALUE_NONE)
        pp_text_add(out, "null");
    else
        pp_text_string(out, pp_value_print(value, shown, sizeof shown));
}

void pp_problem_print(const struct pp_refusal *refusal, const struct pp_text *more, struct pp_text *out)
{
    PP_ASSERT(refusal->error != PP_OK);
    pp_text_add(out, "{\"type\":\"/v1/errors#");
    pp_text_add(out, pp_error_name(refusal->error));
    pp_text_add(out, "\",\"title\":");
    pp_text_string(out, pp_error_sentence(refusal->error));
    pp_text_add(out, ",\"status\":");
    pp_text_number(out, pp_problem_status(refusal->error));
    pp_text_add(out, ",\"code\":\"");
    pp_text_add(out, pp_error_name(refusal->error));
    pp_text_add(out, "\",\"number\":");
    pp_text_number(out, (uint64_t)refusal->error);
    pp_text_add(out, ",\"class\":\"");
    pp_text_add(out, pp_error_class_name(pp_error_class(refusal->error)));
    pp_text_add(out, "\",\"field\":");
    if (refusal->field == NULL)
        pp_text_add(out, "null");
    else
        pp_text_string(out, refusal->field);
    print_value(out, ",\"expected\":", &refusal->expected);
    print_value(out, ",\"actual\":", &refusal->actual);
    if (!pp_grains_is_zero(refusal->shortfall)) {
        pp_text_add(out, ",\"shortfall\":");
        pp_text_grains(out, refusal->shortfall);
    }
    if (refusal->consumed_count > 0) {
        pp_text_add(out, ",\"consumed\":[");
        for (uint8_t i = 0; i < refusal->consumed_count; i++) {
            pp_text_add(out, i == 0 ? "{\"from\":" : ",{\"from\":");
            pp_text_grains(out, refusal->consumed[i].from);
            pp_text_add(out, ",\"to\":");
            pp_text_grains(out, refusal->consumed[i].to);
            pp_text_add(out, "}");
        }
        pp_text_add(out, "]");
    }
    pp_text_add(out, ",\"retry_after_ms\":");
    pp_text_number(out, pp_problem_retry_after_ms(refusal));
    pp_text_add(out, ",\"next\":");
    pp_text_string(out, pp_error_next(refusal->error));
    if (more != NULL) {
        pp_text_add(out, ",");
        pp_text_add_bytes(out, more->bytes, more->length);
    }
    pp_text_add(out, "}");
}
