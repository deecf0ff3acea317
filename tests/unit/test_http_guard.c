/* Goal: the guard knows one way of writing a head, whatever pieces it comes in, and what it lets through the parser
 * reads as we do.
 * Method: a head with each byte replaced by each other byte, at every cut; the words of a head by hand. */
#include "pp_fixture.h"
#include "pp_test.h"

#include "http/http_guard.h"
#include "http/http_head.h"

#include <pp/limits.h>

#include <stdlib.h>

static const char head[] = "POST /v1/a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nX-y:\tz \r\n\r\n";

static enum pp_error feed(const char *bytes, size_t length, size_t piece, struct pp_http_guard *guard,
                          struct pp_refusal *refusal)
{
    size_t at = 0;
    pp_http_guard_init(guard);
    while (at < length && guard->state != PP_GUARD_DONE) {
        size_t used, count = length - at < piece ? length - at : piece;
        PP_TRY(pp_http_guard_feed(guard, bytes + at, count, &used, refusal));
        at += used;
    }
    return PP_OK;
}

/* HTTP-001 */
START_TEST(guard__head_in_pieces__same_as_whole)
{
    struct pp_http_guard guard;
    struct pp_refusal refusal;
    for (size_t piece = 1; piece <= sizeof head; piece++) {
        ck_assert_ok(feed(head, sizeof head - 1, piece, &guard, &refusal));
        ck_assert_int_eq(guard.state, PP_GUARD_DONE);
        ck_assert_uint_eq(guard.length, sizeof head - 1);
    }
    for (size_t length = 0; length < sizeof head - 1; length++) {
        ck_assert_ok(feed(head, length, sizeof head, &guard, &refusal));
        ck_assert_int_ne(guard.state, PP_GUARD_DONE);
    }
    /* What follows a head is not looked at. */
    size_t used;
    pp_http_guard_init(&guard);
    char more[sizeof head + 4];
    memcpy(more, head, sizeof head - 1);
    memset(more + sizeof head - 1, 0, 5);
    ck_assert_ok(pp_http_guard_feed(&guard, more, sizeof more, &used, &refusal));
    ck_assert_uint_eq(used, sizeof head - 1);
}
END_TEST

/* HTTP-003 HTTP-006: of all heads that differ in one byte, those that pass hold no byte that another parser might take for
 * an end of line, and have one reading of their length. */
START_TEST(guard__each_byte_replaced_by_each__refused_or_read_alike)
{
    unsigned passed = 0, refused = 0;
    for (size_t at = 0; at < sizeof head - 1; at++)
        for (int byte = 0; byte < 256; byte++) {
            struct pp_http_guard guard;
            struct pp_http_head parsed;
            struct pp_refusal refusal = {PP_OK};
            char changed[sizeof head - 1];
            memcpy(changed, head, sizeof changed);
            changed[at] = (char)byte;
            if (feed(changed, sizeof changed, sizeof changed, &guard, &refusal) != PP_OK) {
                ck_assert_ptr_nonnull(refusal.field);
                ck_assert_uint_lt(refusal.actual.number, sizeof changed);
                refused++;
                continue;
            }
            for (size_t i = 0; i < guard.length; i++) {
                ck_assert(changed[i] != '\n' || (i > 0 && changed[i - 1] == '\r'));
                ck_assert(changed[i] != '\r' || (i + 1 < guard.length && changed[i + 1] == '\n'));
                ck_assert(changed[i] == '\r' || changed[i] == '\n' || changed[i] == '\t' ||
                          (changed[i] >= 0x20 && changed[i] < 0x7f));
            }
            passed++;
            if (guard.state != PP_GUARD_DONE ||
                pp_http_head_parse(changed, guard.length, &parsed, &refusal) != PP_OK)
                continue;
            const char *field = strstr(head, "Content-Length: ") + 16;
            uint64_t expected = field == head + at ? (uint64_t)(byte - '0') : 5;
            if (head + at == field - 1 && byte >= '1' && byte <= '9') /* no blank, one digit more */
                expected += 10 * (uint64_t)(byte - '0');
            if (parsed.method == PP_HTTP_POST)
                ck_assert_uint_eq(parsed.content_length, expected);
        }
    ck_assert_uint_gt(passed, 1000);
    ck_assert_uint_gt(refused, 5000);
}
END_TEST

/* HTTP-006: a value is read eight bytes at a time; each wrong byte is found where it stands. */
START_TEST(guard__each_byte_of_a_long_value_replaced__found_at_its_place)
{
    static const char start[] = "GET /a HTTP/1.1\r\nHost: ";
    enum { VALUE = 41 }; /* also its last byte: CR CR LF */
    char bytes[sizeof start + VALUE + 8];
    struct pp_http_guard guard;
    struct pp_refusal refusal;
    for (size_t at = 0; at < VALUE; at++)
        for (int byte = 0; byte < 256; byte++) {
            const size_t place = sizeof start - 1 + at;
            memcpy(bytes, start, sizeof start - 1);
            memset(bytes + sizeof start - 1, ' ' + (int)at, VALUE);
            memcpy(bytes + sizeof start - 1 + VALUE, "\r\n\r\n", 4);
            bytes[place] = (char)byte;
            const size_t length = sizeof start - 1 + VALUE + 4;
            enum pp_error error = feed(bytes, length, 1 + at % 24, &guard, &refusal);
            const bool good = (byte >= 0x20 && byte < 0x7f) || byte == '\t';
            if (good) {
                ck_assert_ok(error);
                continue;
            }
            ck_assert_error(error, PP_BAD_FORMAT); /* of a bare CR the byte behind it is wrong */
            ck_assert_uint_eq(refusal.actual.number, byte == '\r' ? place + 1 : place);
        }
}
END_TEST

START_TEST(head__words__taken_apart)
{
    static const char full[] =
        "GET /v1/topics/00ff/envelopes?after=1&limit=2 HTTP/1.1\r\nhost: x:1\r\n"
        "AUTHORIZATION:  Payment abc  \r\nContent-type: application/json; charset=utf-8\r\n"
        "Connection: CLOSE\r\nContent-Length: 0\r\nX:\r\n\r\n";
    struct pp_http_head parsed;
    struct pp_refusal refusal;
    ck_assert_ok(pp_http_head_parse(full, sizeof full - 1, &parsed, &refusal));
    ck_assert_int_eq(parsed.method, PP_HTTP_GET);
    ck_assert(pp_http_text_is(&parsed.path, "/v1/topics/00ff/envelopes"));
    ck_assert(pp_http_text_is(&parsed.query, "after=1&limit=2"));
    ck_assert(pp_http_text_is(&parsed.authorization, "Payment abc"));
    ck_assert(pp_http_text_is(&parsed.content_type, "application/json"));
    ck_assert(parsed.close);
    ck_assert(!parsed.expect_continue);
    ck_assert_ok(pp_http_head_parse(head, sizeof head - 1, &parsed, &refusal));
    ck_assert_int_eq(parsed.method, PP_HTTP_POST);
    ck_assert_uint_eq(parsed.content_length, 5);
    ck_assert_ptr_null(parsed.authorization.at);
    ck_assert(!parsed.close);
    ck_assert_ok(pp_http_head_parse("PUT /a? HTTP/1.1\r\nHost: x\r\n\r\n", 29, &parsed, &refusal));
    ck_assert_int_eq(parsed.method, PP_HTTP_OTHER);
    ck_assert_ptr_nonnull(parsed.query.at);
    ck_assert_uint_eq(parsed.query.length, 0);
}
END_TEST

/* llhttp is not shown the middle of a credential; what is around it is read as ever. HTTP-011 HTTP-015 */
START_TEST(head__authorization_of_each_form__taken_and_the_rest_read)
{
    static const struct {
        const char *written, *read;
    } values[] = {
        {"", ""},
        {" ", ""},
        {" \t ", ""},
        {"a", "a"},
        {" a", "a"},
        {" a ", "a"},
        {"ab", "ab"},
        {"\tabc\t", "abc"},
        {" a b ", "a b"},
        {" Payment e30", "Payment e30"},
        {" Transfer-Encoding: chunked", "Transfer-Encoding: chunked"},
        {": Content-Length: 7:", ": Content-Length: 7:"},
    };
    static const char *const forms[] = {
        "POST /a HTTP/1.1\r\nHost: x\r\nAuthorization:%s\r\nContent-Length: 5\r\n\r\n",
        "POST /a HTTP/1.1\r\nauthorization:%s\r\nContent-Length: 5\r\nHost: x\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nAUTHORIZATION:%s\r\n\r\n"};
    struct pp_http_head parsed;
    struct pp_refusal refusal;
    char bytes[400];
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        for (size_t k = 0; k < sizeof forms / sizeof forms[0]; k++) {
            const int length = snprintf(bytes, sizeof bytes, forms[k], values[i].written);
            ck_assert_ok(pp_http_head_parse(bytes, (size_t)length, &parsed, &refusal));
            ck_assert_uint_eq(parsed.content_length, 5);
            ck_assert_msg(pp_http_text_is(&parsed.authorization, values[i].read), "%zu: %.*s", i,
                          (int)parsed.authorization.length, parsed.authorization.at);
        }
        const int length = snprintf(
            bytes, sizeof bytes, "GET /a HTTP/1.1\r\nHost: x\r\nAuthorization:%s\r\nauthorization:%s\r\n\r\n",
            values[i].written, values[i].written);
        ck_assert_error(pp_http_head_parse(bytes, (size_t)length, &parsed, &refusal), PP_BAD_FORMAT);
        ck_assert_str_eq(refusal.field, "authorization");
    }
}
END_TEST

PP_TESTS("http_guard")
PP_TEST(head__authorization_of_each_form__taken_and_the_rest_read)
PP_TEST(guard__head_in_pieces__same_as_whole)
PP_TEST(guard__each_byte_replaced_by_each__refused_or_read_alike)
PP_TEST(guard__each_byte_of_a_long_value_replaced__found_at_its_place)
PP_TEST(head__words__taken_apart)
PP_TESTS_END
