#include "http/http_guard.h"

#include <pp/assert.h>
#include <pp/limits.h>

static const char version[] = "HTTP/1.1";

void pp_http_guard_init(struct pp_http_guard *guard)
{
    *guard = (struct pp_http_guard){.state = PP_GUARD_METHOD};
}

static bool is_token(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* Letters, digits and what our paths and queries are made of: nothing that another parser might decode. */
static bool is_target(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("/-._~?&=", c) != NULL);
}

struct fault {
    enum pp_error error;
    const char *field;
    uint64_t limit; /* of TOO_LONG and TOO_MANY */
};

static const struct fault none = {PP_OK, NULL, 0};

/* Counts a byte of the present part. */
static struct fault grow(struct pp_http_guard *guard, size_t limit, const char *field)
{
    return ++guard->part <= limit ? none : (struct fault){PP_TOO_LONG, field, limit};
}

static void enter(struct pp_http_guard *guard, enum pp_http_guard_state state)
{
    guard->state = state;
    guard->part = 0;
}

static struct fault step(struct pp_http_guard *guard, unsigned char c)
{
    switch (guard->state) {
    case PP_GUARD_METHOD: /* HTTP-002 */
        if (c == ' ' && guard->part > 0) {
            enter(guard, PP_GUARD_TARGET);
            return none;
        }
        if (c < 'A' || c > 'Z')
            return (struct fault){PP_BAD_FORMAT, "method", 0};
        return grow(guard, PP_HTTP_METHOD_MAX, "method");
    case PP_GUARD_TARGET:
        if (c == ' ' && guard->part > 0) {
            enter(guard, PP_GUARD_VERSION);
            return none;
        }
        if (guard->part == 0 ? c != '/' : !is_target(c))
            return (struct fault){PP_BAD_FORMAT, "target", 0};
        return grow(guard, PP_HTTP_TARGET_MAX, "target");
    case PP_GUARD_VERSION:
        if (guard->part == sizeof version - 1) {
            if (c != '\r')
                return (struct fault){PP_BAD_FORMAT, "request line", 0};
            enter(guard, PP_GUARD_LINE_END);
            return none;
        }
        if (c != (unsigned char)version[guard->part])
            return (struct fault){guard->part < 5 ? PP_BAD_FORMAT : PP_BAD_VERSION, "version", 0};
        guard->part++;
        return none;
    case PP_GUARD_LINE_END:
        if (c != '\n') /* HTTP-003: a CR that no LF follows */
            return (struct fault){PP_BAD_FORMAT, "line end", 0};
        enter(guard, PP_GUARD_NAME_START);
        return none;
    case PP_GUARD_NAME_START:
        if (c == '\r') {
            enter(guard, PP_GUARD_HEAD_END);
            return none;
        }
        if (c == ' ' || c == '\t') /* HTTP-004: a line that continues the one before */
            return (struct fault){PP_BAD_FORMAT, "folded line", 0};
        if (++guard->fields > PP_HTTP_FIELDS_MAX)
            return (struct fault){PP_TOO_MANY, "header fields", PP_HTTP_FIELDS_MAX};
        if (!is_token(c))
            return (struct fault){PP_BAD_FORMAT, "header name", 0};
        enter(guard, PP_GUARD_NAME);
        return none;
    case PP_GUARD_NAME:
        if (c == ':')
            enter(guard, PP_GUARD_VALUE);
        else if (!is_token(c)) /* HTTP-005: also the blank before a colon */
            return (struct fault){PP_BAD_FORMAT, "header name", 0};
        return none;
    case PP_GUARD_VALUE:
        if (c == '\r')
            enter(guard, PP_GUARD_LINE_END);
        else if (c != '\t' &&
                 (c < 0x20 || c > 0x7e)) /* HTTP-006: NUL, controls, bare LF, bytes that are no ASCII */
            return (struct fault){PP_BAD_FORMAT, "header value", 0};
        return none;
    case PP_GUARD_HEAD_END:
        if (c != '\n')
            return (struct fault){PP_BAD_FORMAT, "line end", 0};
        enter(guard, PP_GUARD_DONE);
        return none;
    case PP_GUARD_DONE:
        break;
    }
    PP_ASSERT(!"fed after the end");
    return none;
}

/* How many of the bytes are printable ASCII, before the first that is not. Eight at a time: the highest bit of a byte says
 * that it, or one before it, is below 0x20 (b - 0x20), 0x7f (b + 1) or above (b). */
static size_t printable_length(const char *bytes, size_t length)
{
    static const uint64_t ones = UINT64_C(0x0101010101010101);
    size_t at = 0;
    uint64_t eight;
    while (length - at >= sizeof eight) {
        memcpy(&eight, bytes + at, sizeof eight);
        if ((((eight - 0x20 * ones) | (eight + ones) | eight) & 0x80 * ones) != 0)
            break;
        at += sizeof eight;
    }
    while (at < length && bytes[at] >= 0x20 && bytes[at] < 0x7f)
        at++;
    return at;
}

enum pp_error pp_http_guard_feed(struct pp_http_guard *guard, const char *bytes, size_t length,
                                 size_t *out_used, struct pp_refusal *out_refusal)
{
    size_t used = 0;
    while (used < length && guard->state != PP_GUARD_DONE) {
        if (guard->state == PP_GUARD_VALUE) { /* most bytes are printable ones of a value: a credential's */
            const size_t room = PP_HEADER_MAX_BYTES - guard->length,
                         end = length - used < room ? length : used + room;
            const size_t printable = printable_length(bytes + used, end - used);
            guard->length += printable;
            used += printable;
            if (used == length)
                break;
        }
        struct fault fault = step(guard, (unsigned char)bytes[used]);
        if (fault.error == PP_OK && ++guard->length > PP_HEADER_MAX_BYTES) /* HTTP-007 */
            fault = (struct fault){PP_TOO_LONG, "head", PP_HEADER_MAX_BYTES};
        if (fault.error != PP_OK) {
            pp_refusal_init(out_refusal, fault.error, fault.field);
            if (fault.limit != 0)
                out_refusal->expected = pp_value_number(fault.limit);
            out_refusal->actual = pp_value_number(guard->length); /* the offset of the wrong byte */
            return fault.error;
        }
        used++;
    }
    *out_used = used;
    return PP_OK;
}
