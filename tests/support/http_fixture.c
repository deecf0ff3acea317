#include "http_fixture.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX 65536u

int http_dial(uint16_t port)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval limit = {.tv_sec = 60};
    int s = socket(AF_INET, SOCK_STREAM, 0);
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_ge(s, 0);
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ck_assert_int_eq(connect(s, (struct sockaddr *)&place, sizeof place), 0);
    return s;
}

void http_say(int s, const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length > 0) {
        ssize_t sent = send(s, at, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* the server has had enough: its answer tells why */
        at += sent;
        length -= (size_t)sent;
    }
}

void http_hear(int s, struct http_reply *out)
{
    size_t length = 0;
    memset(out, 0, sizeof *out);
    out->head = malloc(HEAD_MAX);
    do {
        ssize_t count = recv(s, out->head + length, 1, 0);
        ck_assert_msg(count == 1, "the answer ends after %zu bytes", length);
        out->head[++length] = '\0';
        ck_assert_uint_lt(length + 1, HEAD_MAX);
    } while (length < 4 || strcmp(out->head + length - 4, "\r\n\r\n") != 0);
    ck_assert_msg(strncmp(out->head, "HTTP/1.1 ", 9) == 0, "%s", out->head);
    out->status = (unsigned)strtoul(out->head + 9, NULL, 10);
    out->body_length = strtoul(http_header(out, "Content-Length"), NULL, 10);
    out->body = calloc(1, out->body_length + 1);
    for (size_t have = 0; have < out->body_length;) {
        ssize_t count = recv(s, out->body + have, out->body_length - have, 0);
        ck_assert_msg(count > 0, "the body ends after %zu of %zu bytes", have, out->body_length);
        have += (size_t)count;
    }
    if (strstr(http_header(out, "Content-Type"), "json") != NULL) {
        out->json = json_loadb((const char *)out->body, out->body_length, JSON_REJECT_DUPLICATES, NULL);
        ck_assert_msg(out->json != NULL, "no JSON: %.400s", (const char *)out->body);
    }
}

void http_reply_done(struct http_reply *reply)
{
    free(reply->head);
    free(reply->body);
    json_decref(reply->json);
    memset(reply, 0, sizeof *reply);
}

static const char *find(const struct http_reply *reply, const char *name)
{
    char line[128];
    snprintf(line, sizeof line, "\r\n%s: ", name);
    const char *at = strstr(reply->head, line);
    return at == NULL ? NULL : at + strlen(line);
}

bool http_has_header(const struct http_reply *reply, const char *name)
{
    return find(reply, name) != NULL;
}

const char *http_header(const struct http_reply *reply, const char *name)
{
    static _Thread_local char value[16384];
    const char *at = find(reply, name);
    ck_assert_msg(at != NULL, "no %s in %s", name, reply->head);
    size_t length = (size_t)(strstr(at, "\r\n") - at);
    ck_assert_uint_lt(length, sizeof value);
    memcpy(value, at, length);
    value[length] = '\0';
    return value;
}

void http_ask(int s, const char *method, const char *path, const char *lines, const void *body, size_t length,
              struct http_reply *out)
{
    static _Thread_local char head[20000];
    char length_line[64] = "";
    if (strcmp(method, "POST") == 0)
        snprintf(length_line, sizeof length_line, "Content-Length: %zu\r\n", length);
    int count = snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: test\r\n%s%s\r\n", method, path, lines,
                         length_line);
    ck_assert_int_lt(count, (int)sizeof head);
    http_say(s, head, (size_t)count);
    http_say(s, body, length);
    http_hear(s, out);
}

void http_check_refused(const struct http_reply *reply, unsigned status, const char *code, const char *field)
{
    const char *body = (const char *)reply->body;
    ck_assert_msg(reply->status == status, "%u %s", reply->status, body);
    ck_assert_msg(strcmp(http_header(reply, "Content-Type"), "application/problem+json") == 0, "%s", body);
    const char *got = json_string_value(json_object_get(reply->json, "code"));
    ck_assert_msg(got != NULL && strcmp(got, code) == 0, "%s", body);
    ck_assert_msg(json_integer_value(json_object_get(reply->json, "status")) == (json_int_t)status, "%s",
                  body);
    got = json_string_value(json_object_get(reply->json, "field"));
    ck_assert_msg(field == NULL || (got != NULL && strcmp(got, field) == 0), "%s", body);
    ck_assert_msg(json_is_string(json_object_get(reply->json, "next")), "%s", body);
    json_int_t retry = json_integer_value(json_object_get(reply->json, "retry_after_ms"));
    ck_assert_msg(http_has_header(reply, "Retry-After") == (retry > 0), "%s", reply->head);
    ck_assert_msg(http_has_header(reply, "WWW-Authenticate") == (status == 402), "%s", reply->head);
}
