#define _GNU_SOURCE /* epoll_pwait2 */
#include "load_http.h"
#include "session_json.h"

#include <pp/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <llhttp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES 65536u
#define BODY_ROOM 2048u /* at first */
#define EVENTS_MAX 256
#define ROOT_HEAD_ROOM (2u * CLI_URL_MAX + 256u)

enum link_state {
    LINK_CLOSED,
    LINK_IDLE,
    LINK_BUSY, /* a request is under way, perhaps still to be connected or written */
};

struct link {
    int s;
    enum link_state state;
    bool watches_room; /* EPOLLOUT */
    bool is_done;      /* the answer is whole */
    bool keeps;        /* ... and the connection stays */
    bool body_is_bad;  /* too long, or no memory for it */
    uint32_t letter;
    bool carries_root;       /* then letter is the lane's number, and root what is sent */
    struct load_letter root; /* freed with its answer */
    uint64_t due_ns, sent_ns, redial_ns;
    size_t written;
    llhttp_t parser;
    char *body; /* with a 0 behind it */
    size_t body_length, body_room;
    uint32_t next_free; /* in the list of its state; the number + 1 */
};

/* A sender's own. */
struct switchboard {
    const struct load_node *node;
    struct load_sender *sender;
    struct link *links;
    unsigned count;
    uint32_t idle, closed; /* lists: number + 1; 0: empty */
    int epoll;
    llhttp_settings_t settings;
    uint64_t looked_ns;      /* for answers that take too long */
    char *read_buffer;       /* READ_BYTES */
    struct pp_hash *scratch; /* PP_LEAVES_MAX: for roots */
};

/* ---- the node's address ---- */

static enum pp_error host_resolve(struct load_node *node, const char *host, const char *port)
{
    struct addrinfo *list = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    if (getaddrinfo(host, port, &hints, &list) != 0 || !list)
        return PP_NOT_FOUND;
    memcpy(&node->address, list->ai_addr, list->ai_addrlen);
    node->address_length = list->ai_addrlen;
    node->family = list->ai_family;
    freeaddrinfo(list);
    return PP_OK;
}

enum pp_error load_node_find(const char *url, struct load_node *out)
{
    static const char scheme[] = "http://";
    char host[CLI_URL_MAX];
    memset(out, 0, sizeof *out);
    if (strncmp(url, scheme, sizeof scheme - 1) != 0)
        return PP_BAD_FORMAT;
    const char *place = url + sizeof scheme - 1;
    const size_t length = strcspn(place, "/");
    if (length == 0 || length >= sizeof out->host || strlen(place) - length >= sizeof out->path)
        return length == 0 ? PP_BAD_FORMAT : PP_TOO_LONG;
    memcpy(out->host, place, length);
    strcpy(out->path, place + length);
    for (size_t n = strlen(out->path); n > 0 && out->path[n - 1] == '/'; n--)
        out->path[n - 1] = '\0';
    strcpy(host, out->host);
    char *colon = strrchr(host, ':'), *bracket = strrchr(host, ']');
    const char *port = "80";
    if (colon && (!bracket || colon > bracket)) {
        *colon = '\0';
        port = colon + 1;
    }
    if (host[0] != '[')
        return host_resolve(out, host, port);
    if (!bracket)
        return PP_BAD_FORMAT;
    *bracket = '\0';
    return host_resolve(out, host + 1, port);
}

/* ---- lists of links ---- */

static void list_put(const struct switchboard *board, uint32_t *list, struct link *link)
{
    link->next_free = *list;
    *list = (uint32_t)(link - board->links) + 1;
}

static struct link *list_take(const struct switchboard *board, uint32_t *list)
{
    if (*list == 0)
        return NULL;
    struct link *link = &board->links[*list - 1];
    *list = link->next_free;
    return link;
}

static void idle_remove(struct switchboard *board, const struct link *link)
{
    uint32_t *at = &board->idle;
    while (*at != 0 && &board->links[*at - 1] != link)
        at = &board->links[*at - 1].next_free;
    if (*at != 0)
        *at = link->next_free;
}

/* ---- one link ---- */

static int on_body(llhttp_t *parser, const char *bytes, size_t length)
{
    struct link *link = parser->data;
    if (link->body_is_bad || link->body_length + length > LOAD_ANSWER_MAX_BYTES) {
        link->body_is_bad = true;
        return 0;
    }
    if (link->body_length + length + 1 > link->body_room) {
        const size_t room = 2 * (link->body_length + length + 1);
        char *grown = realloc(link->body, room);
        if (!grown) {
            link->body_is_bad = true;
            return 0;
        }
        link->body = grown;
        link->body_room = room;
    }
    memcpy(link->body + link->body_length, bytes, length);
    link->body_length += length;
    return 0;
}

static int on_complete(llhttp_t *parser)
{
    struct link *link = parser->data;
    link->is_done = true;
    link->keeps = llhttp_should_keep_alive(parser) != 0;
    return HPE_PAUSED; /* nothing may follow */
}

static void link_shut(struct switchboard *board, struct link *link)
{
    if (link->s >= 0)
        close(link->s); /* leaves the epoll set, too */
    link->s = -1;
    link->state = LINK_CLOSED;
    link->watches_room = false;
    list_put(board, &board->closed, link);
}

static void root_done(struct switchboard *board, struct link *link, enum pp_error error)
{
    free(link->root.bytes);
    link->root.bytes = NULL;
    link->carries_root = false;
    load_sender_rooted(board->sender, link->letter, error, load_now_ns());
}

/* The request was sent, perhaps, and nobody knows what became of it. */
static void link_lost(struct switchboard *board, struct link *link)
{
    const struct load_verdict lost = {.lost = true};
    board->sender->tally.connections_lost++;
    link_shut(board, link);
    if (link->carries_root)
        root_done(board, link, PP_NODE_DOWN);
    else
        load_sender_answered(board->sender, link->letter, link->due_ns, load_now_ns(), &lost);
}

static bool link_watch(const struct switchboard *board, struct link *link, bool room, int operation)
{
    struct epoll_event event = {.events = EPOLLIN | (room ? (uint32_t)EPOLLOUT : 0u),
                                .data.u32 = (uint32_t)(link - board->links)};
    link->watches_room = room;
    return epoll_ctl(board->epoll, operation, link->s, &event) == 0;
}

static bool link_dial(struct switchboard *board, struct link *link)
{
    const int one = 1;
    link->s = socket(board->node->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (link->s < 0)
        return false;
    setsockopt(link->s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    llhttp_init(&link->parser, HTTP_RESPONSE, &board->settings);
    link->parser.data = link;
    const struct sockaddr *address = (const struct sockaddr *)&board->node->address;
    if (connect(link->s, address, board->node->address_length) != 0 && errno != EINPROGRESS)
        return false;
    return link_watch(board, link, true, EPOLL_CTL_ADD);
}

/* Writes what is left of the letter. false: the connection is broken. */
static bool link_write(struct switchboard *board, struct link *link)
{
    const struct load_letter *letter =
        link->carries_root ? &link->root : &board->sender->round->traffic->letters[link->letter];
    while (link->written < letter->length) {
        const ssize_t count =
            send(link->s, letter->bytes + link->written, letter->length - link->written, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && (errno == EAGAIN || errno == ENOTCONN))
            return link->watches_room || link_watch(board, link, true, EPOLL_CTL_MOD);
        if (count <= 0)
            return false;
        link->written += (size_t)count;
    }
    return !link->watches_room || link_watch(board, link, false, EPOLL_CTL_MOD);
}

static void sample_take(const struct load_sender *sender, const struct link *link)
{
    struct load_sample *sample = load_sender_sample(sender, link->letter);
    if (!sample || sample->json)
        return;
    sample->json = malloc(link->body_length + 1);
    if (!sample->json)
        return; /* one receipt less is checked */
    memcpy(sample->json, link->body, link->body_length + 1);
    sample->json_length = link->body_length;
}

static void request_answered(const struct switchboard *board, const struct link *link)
{
    struct load_sender *sender = board->sender;
    const uint32_t stamps = sender->round->traffic->shape.stamps;
    const uint64_t now_ns = load_now_ns();
    uint64_t *sequences = load_sender_sequences(sender, link->letter);
    struct load_verdict verdict = {.refused = stamps, .error = PP_NODE_NONSENSE};
    if (!link->body_is_bad)
        load_http_verdict(link->parser.status_code, link->body, link->body_length, stamps, &verdict);
    if (sequences && verdict.admitted + verdict.known > 0 &&
        !load_http_sequences(link->body, link->body_length, stamps, sequences))
        verdict = (struct load_verdict){.refused = stamps, .error = PP_NODE_NONSENSE};
    if (verdict.admitted + verdict.known > 0)
        sample_take(sender, link);
    load_sender_answered(sender, link->letter, link->due_ns, now_ns, &verdict);
}

static void root_answered(struct switchboard *board, struct link *link)
{
    struct load_verdict verdict = {.error = PP_OK};
    if (link->body_is_bad)
        verdict.error = PP_NODE_NONSENSE;
    else if (link->parser.status_code != 200)
        load_http_verdict(link->parser.status_code, link->body, link->body_length, 1, &verdict);
    root_done(board, link, verdict.error);
}

static void link_answered(struct switchboard *board, struct link *link)
{
    link->body[link->body_length] = '\0';
    if (link->carries_root)
        root_answered(board, link);
    else
        request_answered(board, link);
    if (!link->keeps) {
        link_shut(board, link);
        return;
    }
    llhttp_init(&link->parser, HTTP_RESPONSE, &board->settings);
    link->parser.data = link;
    link->state = LINK_IDLE;
    list_put(board, &board->idle, link);
}

/* An idle connection that the node closes is dialled again when it is needed. */
static void idle_closed(struct switchboard *board, struct link *link)
{
    idle_remove(board, link);
    link_shut(board, link);
}

static void link_read(struct switchboard *board, struct link *link)
{
    const ssize_t count = recv(link->s, board->read_buffer, READ_BYTES, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (link->state == LINK_IDLE) {
        idle_closed(board, link); /* or it speaks unasked */
        return;
    }
    if (count <= 0) {
        link_lost(board, link);
        return;
    }
    const llhttp_errno_t error = llhttp_execute(&link->parser, board->read_buffer, (size_t)count);
    if (link->is_done)
        link_answered(board, link);
    else if (error != HPE_OK)
        link_lost(board, link);
}

static void link_event(struct switchboard *board, struct link *link, uint32_t events)
{
    if (link->state == LINK_CLOSED)
        return; /* shut by an event before */
    if (link->state == LINK_BUSY && (events & EPOLLOUT) && !link_write(board, link)) {
        link->redial_ns = load_now_ns() + LOAD_REDIAL_NS;
        link_lost(board, link);
        return;
    }
    if (link->state == LINK_IDLE && (events & EPOLLOUT))
        (void)link_watch(board, link, false, EPOLL_CTL_MOD); /* connected, before the clock starts */
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        link_read(board, link);
}

/* ---- the sender's loop ---- */

/* A connection for the next request: one that is idle, or one that may be dialled now. */
static struct link *link_free(struct switchboard *board, uint64_t now_ns)
{
    struct link *link = list_take(board, &board->idle);
    if (link || board->closed == 0 || board->links[board->closed - 1].redial_ns > now_ns)
        return link;
    link = list_take(board, &board->closed);
    if (link_dial(board, link))
        return link;
    board->sender->tally.connections_failed++;
    link->redial_ns = now_ns + LOAD_REDIAL_NS;
    link_shut(board, link);
    return NULL;
}

static void link_unused(struct switchboard *board, struct link *link)
{
    link->state = LINK_IDLE;
    list_put(board, &board->idle, link);
}

static void link_send(struct switchboard *board, struct link *link, uint64_t now_ns)
{
    link->state = LINK_BUSY;
    link->written = 0;
    link->body_length = 0;
    link->body_is_bad = link->is_done = false;
    link->sent_ns = now_ns;
    if (!link_write(board, link))
        link_lost(board, link);
}

/* A root, as a letter. */
static enum pp_error root_write(const struct switchboard *board, uint32_t lane, struct load_letter *out)
{
    const struct load_traffic *traffic = board->sender->round->traffic;
    struct pp_session_root root;
    char hex[65];
    PP_TRY(load_root_make(traffic, lane, &board->sender->round->tails[lane], board->scratch, &root));
    json_t *object = cli_session_root_json(&root);
    char *body = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    out->bytes = body ? malloc(ROOT_HEAD_ROOM + strlen(body)) : NULL;
    if (out->bytes)
        out->length =
            (size_t)snprintf((char *)out->bytes, ROOT_HEAD_ROOM + strlen(body),
                             "POST %s/v1/channels/0x%s/lanes/%" PRIu32 "/roots HTTP/1.1\r\nHost: %s\r\n"
                             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                             board->node->path, pp_hex_print(root.channel_id.bytes, 32, hex), root.lane,
                             board->node->host, strlen(body), body);
    free(body);
    return out->bytes ? PP_OK : PP_NO_MEMORY;
}

/* LOAD-015: before what is due, which may wait for them. */
static void roots_send(struct switchboard *board, uint64_t now_ns)
{
    uint32_t lane;
    while (board->sender->roots.first != 0) {
        struct link *link = link_free(board, now_ns);
        if (!link)
            return;
        if (!load_sender_root_take(board->sender, &lane)) {
            link_unused(board, link);
            return;
        }
        const enum pp_error error = root_write(board, lane, &link->root);
        if (error != PP_OK) {
            link_unused(board, link);
            load_sender_rooted(board->sender, lane, error, load_now_ns());
            continue;
        }
        link->letter = lane;
        link->carries_root = true;
        link_send(board, link, now_ns);
    }
}

static void due_send(struct switchboard *board, uint64_t now_ns)
{
    struct load_sender *sender = board->sender;
    while (load_sender_is_waiting(sender)) {
        struct link *link = link_free(board, now_ns);
        if (!link)
            return;
        if (!load_sender_take(sender, &link->letter, &link->due_ns)) {
            link_unused(board, link);
            return;
        }
        link_send(board, link, now_ns);
        now_ns = load_now_ns();
        load_sender_notice(sender, now_ns);
    }
}

/* Now and then: answers that take too long. */
static void slow_drop(struct switchboard *board, uint64_t now_ns)
{
    if (now_ns < board->looked_ns + LOAD_ANSWER_NS / 16)
        return;
    board->looked_ns = now_ns;
    for (unsigned i = 0; i < board->count; i++)
        if (board->links[i].state == LINK_BUSY && now_ns > board->links[i].sent_ns + LOAD_ANSWER_NS)
            link_lost(board, &board->links[i]);
}

static void events_take(struct switchboard *board, uint64_t now_ns)
{
    struct epoll_event events[EVENTS_MAX];
    uint64_t wake_ns = load_sender_wake_ns(board->sender, now_ns);
    if ((load_sender_is_waiting(board->sender) || board->sender->roots_queued > 0) &&
        wake_ns > now_ns + LOAD_REDIAL_NS)
        wake_ns = now_ns + LOAD_REDIAL_NS;
    const uint64_t wait_ns = wake_ns > now_ns ? wake_ns - now_ns : 0;
    const struct timespec wait = {(time_t)(wait_ns / 1000000000), (long)(wait_ns % 1000000000)};
    const int count = epoll_pwait2(board->epoll, events, EVENTS_MAX, &wait, NULL);
    for (int i = 0; i < count; i++)
        link_event(board, &board->links[events[i].data.u32], events[i].events);
}

static void http_drive(struct load_sender *sender)
{
    struct switchboard *board = sender->transport;
    uint64_t now_ns = load_now_ns();
    while (load_sender_goes_on(sender, now_ns)) {
        load_sender_notice(sender, now_ns);
        roots_send(board, now_ns);
        due_send(board, now_ns);
        slow_drop(board, now_ns);
        now_ns = load_now_ns();
        events_take(board, now_ns);
        now_ns = load_now_ns();
    }
}

/* ---- opening ---- */

static bool link_make(struct link *link)
{
    *link = (struct link){.s = -1, .body = malloc(BODY_ROOM), .body_room = BODY_ROOM};
    return link->body != NULL;
}

/* The first one waits until it is connected: a node that is not there is told before the clock starts. */
static enum pp_error first_dial(struct switchboard *board)
{
    const int s = socket(board->node->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s < 0)
        return PP_SYSTEM;
    const int failed =
        connect(s, (const struct sockaddr *)&board->node->address, board->node->address_length);
    close(s);
    return failed ? PP_NODE_DOWN : PP_OK;
}

static enum pp_error board_open(struct switchboard *board)
{
    board->links = calloc(board->node->connections, sizeof *board->links);
    board->read_buffer = malloc(READ_BYTES);
    board->scratch = calloc(PP_LEAVES_MAX, sizeof *board->scratch);
    board->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!board->links || !board->read_buffer || !board->scratch)
        return PP_NO_MEMORY;
    if (board->epoll < 0)
        return PP_SYSTEM;
    llhttp_settings_init(&board->settings);
    board->settings.on_body = on_body;
    board->settings.on_message_complete = on_complete;
    PP_TRY(first_dial(board));
    for (; board->count < board->node->connections; board->count++) {
        struct link *link = &board->links[board->count];
        if (!link_make(link))
            return PP_NO_MEMORY;
        if (!link_dial(board, link))
            link_shut(board, link);
        else
            link_unused(board, link);
    }
    return PP_OK;
}

static enum pp_error http_open(void *context, struct load_sender *sender)
{
    struct switchboard *board = calloc(1, sizeof *board);
    sender->transport = board;
    if (!board)
        return PP_NO_MEMORY;
    board->node = context;
    board->sender = sender;
    board->epoll = -1;
    return board_open(board);
}

static void http_close(struct load_sender *sender)
{
    struct switchboard *board = sender->transport;
    if (!board)
        return;
    for (unsigned i = 0; i < board->count; i++) {
        if (board->links[i].s >= 0)
            close(board->links[i].s);
        free(board->links[i].body);
        free(board->links[i].root.bytes);
    }
    if (board->epoll >= 0)
        close(board->epoll);
    free(board->read_buffer);
    free(board->scratch);
    free(board->links);
    free(board);
}

struct load_transport load_http_transport(struct load_node *node)
{
    return (struct load_transport){node, http_open, http_drive, http_close};
}
