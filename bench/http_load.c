#define _GNU_SOURCE
#include "http_load.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_ROOM 8192u
#define EVENTS_AT_ONCE 64
#define PATIENCE_MS 30000

struct client {
    int s;
    size_t have;
    char answer[ANSWER_ROOM];
};

static _Noreturn void client_fail(const char *what)
{
    fprintf(stderr, "pp_bench: client: %s\n", what);
    _exit(1);
}

static void send_letter(struct client *c, const struct letter *letter)
{
    c->have = 0;
    if (send(c->s, letter->bytes, letter->length, MSG_NOSIGNAL) !=
        (ssize_t)letter->length) /* fits any socket's buffer */
        client_fail("send");
}

/* Whether the answer is whole. */
static bool hear(struct client *c)
{
    ssize_t count = recv(c->s, c->answer + c->have, sizeof c->answer - 1 - c->have, 0);
    if (count <= 0)
        client_fail("the server closed");
    c->have += (size_t)count;
    c->answer[c->have] = '\0';
    const char *end = strstr(c->answer, "\r\n\r\n"), *length = strcasestr(c->answer, "Content-Length: ");
    if (end == NULL || length == NULL)
        return false;
    if (strncmp(c->answer, "HTTP/1.1 200", 12) != 0)
        client_fail(c->answer);
    return c->have == (size_t)(end + 4 - c->answer) + strtoul(length + 16, NULL, 10);
}

static void dial(struct client *c, uint16_t port)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons(port)};
    const int one = 1;
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->s = socket(AF_INET, SOCK_STREAM, 0);
    if (c->s < 0 || connect(c->s, (struct sockaddr *)&place, sizeof place) != 0)
        client_fail("connect");
    setsockopt(c->s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static _Noreturn void clients_run(uint16_t port, const struct http_load *load)
{
    struct client *clients = calloc(load->connections, sizeof *clients);
    size_t next = 0, done = 0;
    int epoll = epoll_create1(0);
    if (!clients || epoll < 0)
        client_fail("no memory");
    for (uint32_t i = 0; i < load->connections; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        dial(&clients[i], port);
        epoll_ctl(epoll, EPOLL_CTL_ADD, clients[i].s, &event);
        send_letter(&clients[i], &load->letters[load->step * next++]);
    }
    while (done < load->count) {
        struct epoll_event events[EVENTS_AT_ONCE];
        int ready = epoll_wait(epoll, events, EVENTS_AT_ONCE, PATIENCE_MS);
        if (ready <= 0)
            client_fail("no answer");
        for (int i = 0; i < ready; i++) {
            struct client *c = &clients[events[i].data.u32];
            if (!hear(c))
                continue;
            done++;
            if (next < load->count)
                send_letter(c, &load->letters[load->step * next++]);
        }
    }
    _exit(0);
}

void http_clients_fork(struct http_clients *clients, const struct http_load *load)
{
    int ends[2];
    if (pipe(ends) != 0 || (clients->pid = fork()) < 0)
        bench_fail("fork", PP_SYSTEM);
    if (clients->pid == 0) {
        uint16_t port;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ends[1]);
        if (read(ends[0], &port, sizeof port) != sizeof port)
            _exit(1);
        clients_run(port, load);
    }
    close(ends[0]);
    clients->port_pipe = ends[1];
}

void http_clients_run(struct http_clients *clients, uint16_t port)
{
    int status = 0;
    if (write(clients->port_pipe, &port, sizeof port) != sizeof port)
        bench_fail("clients", PP_SYSTEM);
    close(clients->port_pipe);
    waitpid(clients->pid, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        bench_fail("clients", PP_SYSTEM);
}
