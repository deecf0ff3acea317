#define _GNU_SOURCE
#include "fake_rpc.h"

#include "pp_test.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUESTION_MAX (1u << 20)

struct pp_fake_rpc {
    pp_fake_handler *handler;
    void *context;
    int listener;
    int stop[2]; /* a pipe: readable means stop */
    pthread_t thread;
    char url[64];
    atomic_uint count;
};

/* False: time to stop. */
static bool wait_readable(struct pp_fake_rpc *fake, int descriptor)
{
    struct pollfd wait[2] = {{descriptor, POLLIN, 0}, {fake->stop[0], POLLIN, 0}};
    return poll(wait, 2, -1) > 0 && !(wait[1].revents & POLLIN);
}

static char *question_receive(struct pp_fake_rpc *fake, int connection)
{
    char *text = malloc(QUESTION_MAX + 1);
    size_t length = 0, body_at = 0, body_length = 0;
    while (text && wait_readable(fake, connection)) {
        ssize_t got = recv(connection, text + length, QUESTION_MAX - length, 0);
        if (got <= 0)
            break;
        length += (size_t)got;
        text[length] = '\0';
        char *end = body_at ? NULL : strstr(text, "\r\n\r\n"), *header = strcasestr(text, "content-length:");
        if (end && header) {
            body_at = (size_t)(end - text) + 4;
            body_length = strtoul(header + 15, NULL, 10);
        }
        if (body_at && length >= body_at + body_length) {
            memmove(text, text + body_at, body_length + 1);
            return text;
        }
    }
    free(text);
    return NULL;
}

static void send_all(int connection, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(connection, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        bytes += sent;
        length -= (size_t)sent;
    }
}

static void answer_send(struct pp_fake_rpc *fake, int connection, const struct pp_fake_answer *answer)
{
    char head[256];
    size_t length = answer->length ? answer->length : answer->body ? strlen(answer->body) : 0;
    if (answer->hang) {
        (void)wait_readable(fake, fake->stop[0]);
        return;
    }
    int size = snprintf(head, sizeof head,
                        "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                        "Connection: close\r\n\r\n",
                        answer->status ? answer->status : 200, answer->claimed ? answer->claimed : length);
    send_all(connection, head, (size_t)size);
    if (answer->body)
        send_all(connection, answer->body, length);
}

static void serve(struct pp_fake_rpc *fake, int connection)
{
    char *text = question_receive(fake, connection);
    json_t *json = text ? json_loads(text, 0, NULL) : NULL;
    if (json) {
        struct pp_fake_question question = {json_string_value(json_object_get(json, "method")),
                                            json_integer_value(json_object_get(json, "id")),
                                            json_object_get(json, "params")};
        atomic_fetch_add(&fake->count, 1);
        struct pp_fake_answer answer = fake->handler(fake->context, &question);
        answer_send(fake, connection, &answer);
        free(answer.body);
    }
    json_decref(json);
    free(text);
}

static void *run(void *context)
{
    struct pp_fake_rpc *fake = context;
    while (wait_readable(fake, fake->listener)) {
        int connection = accept(fake->listener, NULL, NULL);
        if (connection < 0)
            continue;
        serve(fake, connection);
        close(connection);
    }
    return NULL;
}

struct pp_fake_rpc *pp_fake_rpc_start(pp_fake_handler *handler, void *context)
{
    struct pp_fake_rpc *fake = calloc(1, sizeof *fake);
    ck_assert_ptr_nonnull(fake);
    fake->handler = handler;
    fake->context = context;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    fake->listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_ge(fake->listener, 0);
    ck_assert_int_eq(bind(fake->listener, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(fake->listener, 8), 0);
    ck_assert_int_eq(getsockname(fake->listener, (struct sockaddr *)&address, &size), 0);
    snprintf(fake->url, sizeof fake->url, "http://127.0.0.1:%u/secret-key", ntohs(address.sin_port));
    ck_assert_int_eq(pipe(fake->stop), 0);
    ck_assert_int_eq(pthread_create(&fake->thread, NULL, run, fake), 0);
    return fake;
}

const char *pp_fake_rpc_url(const struct pp_fake_rpc *fake)
{
    return fake->url;
}

unsigned pp_fake_rpc_count(const struct pp_fake_rpc *fake)
{
    return atomic_load(&fake->count);
}

void pp_fake_rpc_stop(struct pp_fake_rpc *fake)
{
    ck_assert_int_eq(write(fake->stop[1], "x", 1), 1);
    ck_assert_int_eq(pthread_join(fake->thread, NULL), 0);
    close(fake->listener);
    close(fake->stop[0]);
    close(fake->stop[1]);
    free(fake);
}

struct pp_fake_answer pp_fake_result(const struct pp_fake_question *question, const char *result)
{
    struct pp_fake_answer answer = {0};
    ck_assert_int_gt(
        asprintf(&answer.body, "{\"jsonrpc\":\"2.0\",\"id\":%lld,\"result\":%s}", question->id, result), 0);
    return answer;
}

struct pp_fake_answer pp_fake_error(const struct pp_fake_question *question, int code, const char *message,
                                    const char *data)
{
    struct pp_fake_answer answer = {0};
    ck_assert_int_gt(
        asprintf(&answer.body,
                 "{\"jsonrpc\":\"2.0\",\"id\":%lld,\"error\":{\"code\":%d,\"message\":\"%s\"%s%s%s}}",
                 question->id, code, message, data ? ",\"data\":\"" : "", data ? data : "", data ? "\"" : ""),
        0);
    return answer;
}
