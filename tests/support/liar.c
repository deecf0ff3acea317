#include "liar.h"
#include "pp_test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_MAX (4u << 20)

struct pair {
    const struct liar *liar;
    int sender, node;
};

static unsigned answers; /* of this process, which is the liar's own */

static void *requests_pass(void *context)
{
    struct pair *pair = context;
    char bytes[65536];
    ssize_t got;
    while ((got = recv(pair->sender, bytes, sizeof bytes, 0)) > 0)
        if (send(pair->node, bytes, (size_t)got, MSG_NOSIGNAL) != got)
            break;
    shutdown(pair->node, SHUT_RDWR);
    return NULL;
}

/* A whole answer into bytes; its length, or 0 at the end. *out_head: how much of it is head. */
static size_t answer_read(int node, char *bytes, size_t *out_head)
{
    size_t length = 0, whole = 0;
    *out_head = 0;
    while (whole == 0 || length < whole) {
        ssize_t got = recv(node, bytes + length, ANSWER_MAX - 1 - length, 0);
        if (got <= 0)
            return 0;
        length += (size_t)got;
        bytes[length] = '\0';
        char *end = strstr(bytes, "\r\n\r\n");
        if (whole == 0 && end) {
            const char *field = strstr(bytes, "Content-Length:");
            *out_head = (size_t)(end + 4 - bytes);
            whole = *out_head + (field && field < end ? strtoul(field + 15, NULL, 10) : 0);
        }
    }
    return length;
}

static void answer_change(const struct liar *liar, char *body)
{
    for (size_t i = 0; i < liar->rules_count; i++) {
        char *at = strstr(body, liar->rules[i].behind);
        if (!at)
            continue;
        at += strlen(liar->rules[i].behind);
        if (liar->rules[i].instead)
            memcpy(at, liar->rules[i].instead, strlen(liar->rules[i].instead));
        else
            *at = *at >= '0' && *at <= '8' ? (char)(*at + 1) : *at == '9' ? '8' : *at == 'a' ? 'b' : 'a';
    }
}

static void *connection_serve(void *context)
{
    struct pair *pair = context;
    pthread_t passing;
    char *bytes = malloc(ANSWER_MAX);
    size_t head, length;
    pthread_create(&passing, NULL, requests_pass, pair);
    while ((length = answer_read(pair->node, bytes, &head)) > 0) {
        unsigned number = __atomic_add_fetch(&answers, 1, __ATOMIC_SEQ_CST);
        bool cut = pair->liar->cut_every && number % pair->liar->cut_every == 0;
        answer_change(pair->liar, bytes + head);
        size_t say = cut ? length / 2 : length;
        if (send(pair->sender, bytes, say, MSG_NOSIGNAL) != (ssize_t)say || cut)
            break;
    }
    shutdown(pair->sender, SHUT_RDWR);
    shutdown(pair->node, SHUT_RDWR);
    pthread_join(passing, NULL);
    close(pair->sender);
    close(pair->node);
    free(bytes);
    free(pair);
    return NULL;
}

static int dial(uint16_t port)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons(port)};
    int node = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(node, (struct sockaddr *)&place, sizeof place) == 0)
        return node;
    close(node);
    return -1;
}

_Noreturn static void liar_run(const struct liar *liar, int listener, uint16_t node_port)
{
    for (;;) {
        struct pair *pair = malloc(sizeof *pair);
        pthread_t thread;
        pair->liar = liar;
        pair->sender = accept(listener, NULL, NULL);
        pair->node = dial(node_port);
        if (pair->sender >= 0 && pair->node >= 0 &&
            pthread_create(&thread, NULL, connection_serve, pair) == 0) {
            pthread_detach(thread);
            continue;
        }
        close(pair->sender);
        free(pair);
    }
}

void liar_start(struct liar *liar, uint16_t node_port)
{
    struct sockaddr_in place = {.sin_family = AF_INET};
    socklen_t length = sizeof place;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&place, sizeof place), 0);
    ck_assert_int_eq(listen(listener, 64), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&place, &length), 0);
    liar->port = ntohs(place.sin_port);
    snprintf(liar->url, sizeof liar->url, "http://127.0.0.1:%u", liar->port);
    fflush(NULL);
    liar->pid = fork();
    ck_assert_int_ge(liar->pid, 0);
    if (liar->pid == 0)
        liar_run(liar, listener, node_port);
    close(listener);
}

void liar_stop(struct liar *liar)
{
    int status;
    ck_assert_int_eq(kill(liar->pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(liar->pid, &status, 0), liar->pid);
}
