#include "http/http_head.h"

#include "http/http_guard.h"

#include <llhttp.h>
#include <pp/assert.h>

enum known_field {
    FIELD_HOST,
    FIELD_CONTENT_LENGTH,
    FIELD_CONTENT_TYPE,
    FIELD_AUTHORIZATION,
    FIELD_CONNECTION,
    FIELD_EXPECT,
    FIELD_TRANSFER_ENCODING,
    FIELD_CONTENT_ENCODING,
    FIELD_UPGRADE,
    FIELD_TRAILER,
    FIELD_COUNT,
};

/* HTTP-011: those that say where the body ends, or that we act on, may stand once. `refused` may not stand at all: a body has
 * one form, its length; a connection stays HTTP/1.1. */
static const struct {
    const char *name;
    bool refused;
} known[FIELD_COUNT] = {
    [FIELD_HOST] = {"host", false},
    [FIELD_CONTENT_LENGTH] = {"content-length", false},
    [FIELD_CONTENT_TYPE] = {"content-type", false},
    [FIELD_AUTHORIZATION] = {"authorization", false},
    [FIELD_CONNECTION] = {"connection", false},
    [FIELD_EXPECT] = {"expect", false},
    [FIELD_TRANSFER_ENCODING] = {"transfer-encoding", true},
    [FIELD_CONTENT_ENCODING] = {"content-encoding", true},
    [FIELD_UPGRADE] = {"upgrade", true},
    [FIELD_TRAILER] = {"trailer", true},
};

struct parse {
    struct pp_http_text url, name, value;
    struct pp_http_text fields[FIELD_COUNT];
    enum known_field twice; /* FIELD_COUNT: none */
    uint64_t content_length;
    bool has_length;
    bool complete;
};

static bool same_letters(const struct pp_http_text *text, const char *words)
{
    return text->at != NULL && text->length == strlen(words) &&
           strncasecmp(text->at, words, text->length) == 0;
}

bool pp_http_text_is(const struct pp_http_text *text, const char *words)
{
    return text->at != NULL && text->length == strlen(words) && memcmp(text->at, words, text->length) == 0;
}

/* A span may come in pieces; they are neighbours, since the head is one buffer. */
static void extend(struct pp_http_text *text, const char *at, size_t length)
{
    if (text->at == NULL)
        text->at = at;
    text->length = (size_t)(at - text->at) + length;
}

static int on_url(llhttp_t *parser, const char *at, size_t length)
{
    extend(&((struct parse *)parser->data)->url, at, length);
    return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t length)
{
    extend(&((struct parse *)parser->data)->name, at, length);
    return 0;
}

/* Pauses behind the name of a field whose value llhttp need not see. */
static int on_header_field_complete(llhttp_t *parser)
{
    return same_letters(&((struct parse *)parser->data)->name, known[FIELD_AUTHORIZATION].name) ? HPE_PAUSED
                                                                                                : 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t length)
{
    extend(&((struct parse *)parser->data)->value, at, length);
    return 0;
}

static int on_header_value_complete(llhttp_t *parser)
{
    struct parse *parse = parser->data;
    while (parse->value.length > 0 && (parse->value.at[parse->value.length - 1] == ' ' ||
                                       parse->value.at[parse->value.length - 1] == '\t'))
        parse->value.length--;
    if (parse->value.at == NULL)
        parse->value.at = "";
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        if (!same_letters(&parse->name, known[i].name))
            continue;
        if (parse->fields[i].at != NULL && parse->twice == FIELD_COUNT)
            parse->twice = (enum known_field)i;
        parse->fields[i] = parse->value;
    }
    parse->name = parse->value = (struct pp_http_text){0};
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct parse *parse = parser->data;
    parse->has_length = (parser->flags & F_CONTENT_LENGTH) != 0;
    parse->content_length = parse->has_length ? parser->content_length : 0;
    parse->complete = true;
    return 1; /* the body is ours: llhttp ends here */
}

static enum pp_error refuse(struct pp_refusal *refusal, enum pp_error error, const char *field,
                            const char *expected)
{
    pp_refusal_init(refusal, error, field);
    if (expected != NULL)
        refusal->expected = pp_value_text(expected);
    return error;
}

/* Digits only, no sign, no leading zero, no list; below 2^63. */
static bool read_length(const struct pp_http_text *text, uint64_t *out)
{
    uint64_t value = 0;
    if (text->length == 0 || text->length > 18 || (text->length > 1 && text->at[0] == '0'))
        return false;
    for (size_t i = 0; i < text->length; i++) {
        if (text->at[i] < '0' || text->at[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text->at[i] - '0');
    }
    *out = value;
    return true;
}

/* HTTP-010 to HTTP-014: what the fields say of the body, and that llhttp reads the same. */
static enum pp_error check_framing(const struct parse *parse, struct pp_http_head *head,
                                   struct pp_refusal *refusal)
{
    const struct pp_http_text *length = &parse->fields[FIELD_CONTENT_LENGTH];
    if (parse->twice != FIELD_COUNT)
        return refuse(refusal, PP_BAD_FORMAT, known[parse->twice].name, "at most once");
    for (unsigned i = 0; i < FIELD_COUNT; i++)
        if (known[i].refused && parse->fields[i].at != NULL)
            return refuse(refusal, PP_BAD_FORMAT, known[i].name, "not there");
    if (parse->fields[FIELD_HOST].length == 0)
        return refuse(refusal, PP_MISSING_FIELD, "host", "exactly once");
    if (length->at == NULL && head->method == PP_HTTP_POST)
        return refuse(refusal, PP_LENGTH_REQUIRED, "content-length", "exactly once");
    if (length->at != NULL && !read_length(length, &head->content_length))
        return refuse(refusal, PP_BAD_FORMAT, "content-length", "digits");
    if (parse->has_length != (length->at != NULL) || parse->content_length != head->content_length)
        return refuse(refusal, PP_BAD_FORMAT, "content-length", "one reading");
    if (head->method != PP_HTTP_POST && head->content_length != 0)
        return refuse(refusal, PP_BAD_FORMAT, "content-length", "0");
    return PP_OK;
}

static enum pp_error check_options(const struct parse *parse, struct pp_http_head *head,
                                   struct pp_refusal *refusal)
{
    const struct pp_http_text *connection = &parse->fields[FIELD_CONNECTION];
    const struct pp_http_text *expect = &parse->fields[FIELD_EXPECT];
    if (connection->at != NULL) {
        head->close = same_letters(connection, "close");
        if (!head->close && !same_letters(connection, "keep-alive"))
            return refuse(refusal, PP_BAD_FORMAT, "connection", "close or keep-alive");
    }
    if (expect->at != NULL) {
        head->expect_continue = same_letters(expect, "100-continue");
        if (!head->expect_continue)
            return refuse(refusal, PP_BAD_FORMAT, "expect", "100-continue");
    }
    return PP_OK;
}

static struct pp_http_text up_to(const struct pp_http_text *text, char separator)
{
    struct pp_http_text part = *text;
    const char *end = text->at == NULL ? NULL : memchr(text->at, separator, text->length);
    if (end != NULL)
        part.length = (size_t)(end - text->at);
    return part;
}

/* A credential is most of a head and means nothing to its framing. llhttp gets the first and the last byte of its value; what
 * is between them are printable characters and tabs, as the guard has seen, which leave llhttp in its state. */
static llhttp_errno_t execute(llhttp_t *parser, const char *at, const char *end)
{
    llhttp_errno_t status = llhttp_execute(parser, at, (size_t)(end - at));
    while (status == HPE_PAUSED) {
        const char *first = llhttp_get_error_pos(parser); /* behind the colon */
        const char *line_end = memchr(first, '\r', (size_t)(end - first));
        const char *last = line_end == NULL ? end : line_end - 1;
        at = first;
        while (first < last && (*first == ' ' || *first == '\t'))
            first++;
        llhttp_resume(parser);
        status = HPE_OK;
        if (first < last) {
            status = llhttp_execute(parser, at, (size_t)(first + 1 - at));
            at = last;
        }
        if (status == HPE_OK)
            status = llhttp_execute(parser, at, (size_t)(end - at));
    }
    return status;
}

enum pp_error pp_http_head_parse(const char *bytes, size_t length, struct pp_http_head *out,
                                 struct pp_refusal *out_refusal)
{
    llhttp_t parser;
    llhttp_settings_t settings;
    struct parse parse = {.twice = FIELD_COUNT};
    struct pp_http_head head = {0};
    llhttp_settings_init(&settings);
    settings.on_url = on_url;
    settings.on_header_field = on_header_field;
    settings.on_header_field_complete = on_header_field_complete;
    settings.on_header_value = on_header_value;
    settings.on_header_value_complete = on_header_value_complete;
    settings.on_headers_complete = on_headers_complete;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = &parse;
    const llhttp_errno_t status = execute(&parser, bytes, bytes + length);
    /* HTTP-015: a length that llhttp refuses is named by the check below, as is Transfer-Encoding. */
    if (parse.twice == FIELD_COUNT && status != HPE_OK && status != HPE_PAUSED_UPGRADE) {
        const char *field = status == HPE_UNEXPECTED_CONTENT_LENGTH || status == HPE_INVALID_CONTENT_LENGTH
                                ? "content-length"
                            : status == HPE_INVALID_TRANSFER_ENCODING ? "transfer-encoding"
                                                                      : "head";
        return refuse(out_refusal, PP_BAD_FORMAT, field, NULL);
    }
    if (!parse.complete && parse.twice == FIELD_COUNT)
        return refuse(out_refusal, PP_BAD_FORMAT, "head", NULL);
    head.method = parser.method == HTTP_GET    ? PP_HTTP_GET
                  : parser.method == HTTP_POST ? PP_HTTP_POST
                                               : PP_HTTP_OTHER;
    PP_TRY(check_framing(&parse, &head, out_refusal));
    PP_TRY(check_options(&parse, &head, out_refusal));
    head.path = up_to(&parse.url, '?');
    if (head.path.length < parse.url.length)
        head.query = (struct pp_http_text){head.path.at + head.path.length + 1,
                                           parse.url.length - head.path.length - 1};
    head.authorization = parse.fields[FIELD_AUTHORIZATION];
    head.content_type = up_to(&parse.fields[FIELD_CONTENT_TYPE], ';');
    while (head.content_type.length > 0 && head.content_type.at[head.content_type.length - 1] == ' ')
        head.content_type.length--;
    *out = head;
    return PP_OK;
}
