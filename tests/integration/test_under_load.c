/* Goal: what no peer may take from the others: under bad input at full rate, with a disk that is slow and one that fails once,
 * memory stays flat, nothing is asked of the chain, nothing is lost, and honest senders are served; what is over a limit is
 * refused at once, and taken later.
 * Method: the real engine behind the real server in this process, a hook before every commit as the disk, a chain's node
 * that counts its questions, and plain sockets on threads. */
#include "fake_rpc.h"
#include "http_fixture.h"
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"
#include "served_api.h"

#include "http/http_api.h"
#include "http/http_job.h"
#include "engine/node.h"

#include <pp/chain_watch.h>
#include <pp/frame.h>
#include <pp/verify.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FRAME_LINES "Content-Type: " PP_FRAME_MEDIA_TYPE "\r\n"
#define CAP_UNITS 1000000000u

/* Freed memory comes back soon, or the sanitizer's own keeping would look like growth. */
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=8:thread_local_quarantine_size_kb=64";
}

/* ---- the disk ---- */

struct disk {
    atomic_uint delay_us;
    atomic_bool stalled;
    atomic_int fails_with; /* once */
    atomic_uint commits;
};

static void sleep_us(unsigned us)
{
    const struct timespec span = {.tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000};
    nanosleep(&span, NULL);
}

static enum pp_error disk_commit(void *context)
{
    struct disk *disk = context;
    atomic_fetch_add(&disk->commits, 1);
    sleep_us(atomic_load(&disk->delay_us));
    while (atomic_load(&disk->stalled))
        sleep_us(1000);
    return (enum pp_error)atomic_exchange(&disk->fails_with, PP_OK);
}

/* ---- the node ---- */

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct disk disk;
    struct served_api served;
    uint16_t port;
};

static void world_start(struct world *w)
{
    memset(w, 0, sizeof *w);
    signal(SIGPIPE, SIG_IGN);
    pp_temp_dir_make(&w->dir);
    pp_fixture_init(&w->fixture, w->dir.path, true);
    pp_fixture_open(&w->fixture);
    pp_fixture_head(&w->fixture, 0, NULL);
    const struct pp_http_api_config config = {.node = w->fixture.node,
                                              .node_config = &w->fixture.config,
                                              .operator_address = w->fixture.operator_address,
                                              .token_decimals = 6,
                                              .realm = "node.test"};
    served_api_start(&w->served, &config);
    w->port = w->served.port;
}

/* Nothing runs in the store while nobody asks for anything: from here on its commits are the disk's. */
static void world_slow_down(struct world *w)
{
    pp_store_inject(w->fixture.node->data.journal, disk_commit, &w->disk);
}

/* `stamps` were charged, and the whole journal adds up. */
static void world_end(struct world *w, uint64_t stamps)
{
    struct pp_verify_summary summary;
    served_api_stop(&w->served);
    pp_fixture_verify(&w->fixture, &summary);
    ck_assert_uint_eq(summary.stamps, stamps);
    pp_fixture_done(&w->fixture);
    pp_temp_dir_remove(&w->dir);
}

static void sender_make(struct pp_sender *sender, struct world *w, uint64_t number)
{
    pp_sender_init(sender, &w->fixture, number);
    pp_sender_fund(sender, &w->fixture, CAP_UNITS, 1);
}

/* ---- letters ---- */

struct letter {
    uint8_t *bytes;
    size_t length;
};

static struct letter letter_of(const struct pp_request *request)
{
    struct letter letter = {.length = pp_frame_length(request)};
    size_t length;
    letter.bytes = malloc(letter.length);
    ck_assert_ok(pp_frame_encode(request, letter.bytes, letter.length, &length));
    ck_assert_uint_eq(length, letter.length);
    return letter;
}

static struct letter letter_make(struct world *w, struct pp_sender *sender, size_t count, size_t size,
                                 uint64_t seed)
{
    struct pp_made_request made;
    pp_request_make(&made, &w->fixture, sender, count, (struct pp_parcel_of){size, 10}, seed);
    const struct letter letter = letter_of(&made.request);
    pp_request_done(&made);
    return letter;
}

/* What is written is sent at once: head and body of a letter are two pieces. */
static int dial(const struct world *w)
{
    const int one = 1;
    int s = http_dial(w->port);
    ck_assert_int_eq(setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), 0);
    return s;
}

static void post(int s, const struct letter *letter)
{
    char head[200];
    const int length =
        snprintf(head, sizeof head,
                 "POST /v1/envelopes HTTP/1.1\r\nHost: test\r\n" FRAME_LINES "Content-Length: %zu\r\n\r\n",
                 letter->length);
    http_say(s, head, (size_t)length);
    http_say(s, letter->bytes, letter->length);
}

/* The status of the next answer; 0: the connection ended. Only the first bytes of a long answer are kept. */
static unsigned hear_status(int s, char *out, size_t capacity)
{
    size_t have = 0, left = SIZE_MAX;
    char rest[4096];
    while (left > 0) {
        const bool keeps = left == SIZE_MAX;
        const size_t room = keeps ? capacity - 1 - have : left < sizeof rest ? left : sizeof rest;
        const ssize_t count = recv(s, keeps ? out + have : rest, room, 0);
        if (count <= 0)
            return 0;
        if (!keeps) {
            left -= (size_t)count;
            continue;
        }
        have += (size_t)count;
        out[have] = '\0';
        const char *end = strstr(out, "\r\n\r\n"), *length = strstr(out, "Content-Length: ");
        if (end != NULL && length != NULL)
            left = (size_t)(end + 4 - out) + strtoul(length + 16, NULL, 10) - have;
        ck_assert_uint_lt(have, capacity - 1);
    }
    return (unsigned)strtoul(out + 9, NULL, 10);
}

static bool is_readable(int s, int wait_ms)
{
    struct pollfd one = {.fd = s, .events = POLLIN};
    return poll(&one, 1, wait_ms) == 1;
}

/* ---- limits of the queues ---- */

#define BATCHES 72u /* of 1024: more than the engine holds */

/* How many of these have an answer. */
static unsigned count_readable(const int *s, unsigned count)
{
    unsigned readable = 0;
    for (unsigned i = 0; i < count; i++)
        readable += is_readable(s[i], 0);
    return readable;
}

/* HTTP-058: while the disk stands still the engine's room is used up; what is over it hears so at once, on a connection that stays
 * usable, and is taken when it asks again. */
START_TEST(engine__full__busy_at_once_and_admitted_later)
{
    static struct world w;
    static struct pp_sender senders[BATCHES];
    static struct letter letters[BATCHES];
    static bool refused[BATCHES];
    int s[BATCHES];
    unsigned refused_count = 0;
    const unsigned at_least = BATCHES - PP_QUEUE_STAMPS_MAX / PP_LEAVES_MAX;
    struct http_reply reply;
    world_start(&w);
    for (unsigned i = 0; i < BATCHES; i++) {
        sender_make(&senders[i], &w, i);
        letters[i] = letter_make(&w, &senders[i], PP_LEAVES_MAX, 1, i);
    }
    world_slow_down(&w);
    atomic_store(&w.disk.stalled, true);
    for (unsigned i = 0; i < BATCHES; i++) {
        s[i] = dial(&w);
        post(s[i], &letters[i]);
    }
    while (count_readable(s, BATCHES) < at_least)
        sleep_us(10000);
    sleep_us(200000);
    for (unsigned i = 0; i < BATCHES; i++) {
        refused[i] = is_readable(s[i], 0);
        refused_count += refused[i];
        if (!refused[i])
            continue;
        http_hear(s[i], &reply);
        ck_assert_refused(&reply, 503, "BUSY", NULL);
        ck_assert_str_eq(http_header(&reply, "Retry-After"), "1");
        ck_assert(!http_has_header(&reply, "Connection"));
        http_reply_done(&reply);
        http_ask(s[i], "GET", "/v1/terms", "", NULL, 0, &reply);
        ck_assert_uint_eq(reply.status, 200);
        http_reply_done(&reply);
    }
    ck_assert_uint_ge(refused_count, at_least);
    ck_assert_uint_lt(refused_count, BATCHES);
    atomic_store(&w.disk.stalled, false);
    for (unsigned k = 0; k < 2; k++) /* those that were taken, then the others, once more */
        for (unsigned i = 0; i < BATCHES; i++) {
            if (refused[i] != (k == 1))
                continue;
            if (k == 1)
                post(s[i], &letters[i]);
            http_hear(s[i], &reply);
            ck_assert_msg(reply.status == 200, "%u: %.300s", i, (const char *)reply.body);
            const json_t *first = json_array_get(json_object_get(reply.json, "results"), 0);
            ck_assert_str_eq(pp_json_text(first, "status"), "admitted");
            http_reply_done(&reply);
        }
    for (unsigned i = 0; i < BATCHES; i++) {
        close(s[i]);
        free(letters[i].bytes);
    }
    world_end(&w, BATCHES * PP_LEAVES_MAX);
}
END_TEST

#define ASKERS (PP_HTTP_POOL_MAX + 12)

/* HTTP-057: while the disk stands still every look at the node waits; those over the limit do not. */
START_TEST(pool__full__busy_at_once)
{
    static struct world w;
    struct pp_sender sender;
    struct http_reply reply;
    static const char request[] = "GET /v1/status HTTP/1.1\r\nHost: test\r\n\r\n";
    int s[ASKERS];
    unsigned refused = 0;
    world_start(&w);
    sender_make(&sender, &w, 1);
    struct letter letter = letter_make(&w, &sender, 1, 100, 1);
    world_slow_down(&w);
    atomic_store(&w.disk.stalled, true);
    int busy = dial(&w);
    post(busy, &letter);
    while (atomic_load(&w.disk.commits) == 0)
        sleep_us(1000);
    for (unsigned i = 0; i < ASKERS; i++) {
        s[i] = dial(&w);
        http_say(s[i], request, sizeof request - 1);
    }
    while (count_readable(s, ASKERS) < ASKERS - PP_HTTP_POOL_MAX)
        sleep_us(1000);
    sleep_us(100000);
    ck_assert_uint_eq(count_readable(s, ASKERS), ASKERS - PP_HTTP_POOL_MAX);
    for (unsigned i = 0; i < ASKERS; i++) {
        if (!is_readable(s[i], 0))
            continue;
        http_hear(s[i], &reply);
        ck_assert_refused(&reply, 503, "BUSY", NULL);
        http_reply_done(&reply);
        close(s[i]);
        s[i] = -1;
        refused++;
    }
    ck_assert_uint_eq(refused, ASKERS - PP_HTTP_POOL_MAX);
    atomic_store(&w.disk.stalled, false);
    for (unsigned i = 0; i < ASKERS; i++) {
        if (s[i] < 0)
            continue;
        http_hear(s[i], &reply);
        ck_assert_uint_eq(reply.status, 200);
        http_reply_done(&reply);
        close(s[i]);
    }
    http_hear(busy, &reply);
    ck_assert_uint_eq(reply.status, 200);
    http_reply_done(&reply);
    close(busy);
    free(letter.bytes);
    world_end(&w, 1);
}
END_TEST

/* ---- sessions ---- */

struct session_paths {
    char open[160], roots[160], one[240];
};

static void session_paths_print(struct session_paths *out, const struct pp_sender *sender,
                                const struct pp_sender_session *session)
{
    char lane[120], hex[2][65];
    snprintf(lane, sizeof lane, "/v1/channels/0x%s/lanes/%u", pp_hex_print(sender->channel_id.bytes, 32, hex[0]),
             FIXTURE_LANE);
    snprintf(out->open, sizeof out->open, "%s/sessions", lane);
    snprintf(out->roots, sizeof out->roots, "%s/roots", lane);
    snprintf(out->one, sizeof out->one, "%s/sessions/0x%s", lane, pp_hex_print(session->id.bytes, 32, hex[1]));
}

static struct letter json_letter(const char *path, const char *body)
{
    struct letter letter = {.bytes = malloc(2000)};
    letter.length =
        (size_t)snprintf((char *)letter.bytes, 2000,
                         "POST %s HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: "
                         "%zu\r\n\r\n%s",
                         path, strlen(body), body);
    return letter;
}

static struct letter opening_letter(const struct session_paths *paths, const struct pp_session_open *open)
{
    const struct pp_session_opening *opening = &open->opening;
    char body[1200], hex[3][131], from[PP_AMOUNT_TEXT_MAX], to[PP_AMOUNT_TEXT_MAX];
    snprintf(body, sizeof body,
             "{\"node_key\":\"0x%s\",\"sender_key\":\"0x%s\",\"from\":\"%s\",\"to\":\"%s\",\"not_after_ms\":"
             "%llu,\"refund_ack\":\"0\",\"signature\":\"0x%s\"}",
             pp_hex_print(opening->node_key.bytes, 32, hex[0]), pp_hex_print(opening->sender_key.bytes, 32, hex[1]),
             pp_grains_print(opening->chunk.from, from), pp_grains_print(opening->chunk.to, to),
             (unsigned long long)opening->not_after_ms, pp_hex_print(open->signature.bytes, 65, hex[2]));
    return json_letter(paths->open, body);
}

static struct letter root_letter(const struct session_paths *paths, const struct pp_session_root *root)
{
    char body[1200], hex[3][131], spent[PP_AMOUNT_TEXT_MAX];
    snprintf(body, sizeof body,
             "{\"session_id\":\"0x%s\",\"count\":%u,\"spent\":\"%s\",\"refund_ack\":\"0\",\"context\":\"0x%s\","
             "\"signature\":\"0x%s\"}",
             pp_hex_print(root->session_id.bytes, 32, hex[0]), root->count, pp_grains_print(root->spent, spent),
             pp_hex_print(root->context.bytes, 32, hex[1]), pp_hex_print(root->signature.bytes, 65, hex[2]));
    return json_letter(paths->roots, body);
}

/* Says it, and hears 200. */
static void say_well(int s, const struct letter *letter)
{
    struct http_reply reply;
    http_say(s, letter->bytes, letter->length);
    http_hear(s, &reply);
    ck_assert_msg(reply.status == 200, "%.300s", (const char *)reply.body);
    http_reply_done(&reply);
}

static void session_begin(struct world *w, struct pp_sender *sender, struct pp_sender_session *session,
                          struct session_paths *paths)
{
    pp_session_make(session, &w->fixture, sender,
                    (struct pp_span){sender->head, pp_grains_add_checked(sender->head, pp_grains(1000000000))},
                    3600000, 1);
    session_paths_print(paths, sender, session);
}

#define SESSION_ASKERS (PP_HTTP_SESSION_POOL_MAX + 9)

/* HTTP-059: while the disk stands still openings and looks at sessions wait up to their own limit; other reads still find room. */
START_TEST(pool__full_of_sessions__busy_at_once_and_reads_wait_well)
{
    static struct world w;
    struct pp_sender sender;
    struct pp_sender_session session;
    struct session_paths paths;
    struct http_reply reply;
    char request[400];
    int s[SESSION_ASKERS];
    unsigned refused = 0;
    world_start(&w);
    sender_make(&sender, &w, 1);
    session_begin(&w, &sender, &session, &paths);
    struct letter letter = letter_make(&w, &sender, 1, 100, 1), opening = opening_letter(&paths, &session.open);
    world_slow_down(&w);
    atomic_store(&w.disk.stalled, true);
    int busy = dial(&w), reader = dial(&w);
    post(busy, &letter);
    while (atomic_load(&w.disk.commits) == 0)
        sleep_us(1000);
    const int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", paths.one);
    for (unsigned i = 0; i < SESSION_ASKERS; i++) {
        s[i] = dial(&w);
        if (i % 2 == 0)
            http_say(s[i], opening.bytes, opening.length);
        else
            http_say(s[i], request, (size_t)length);
    }
    while (count_readable(s, SESSION_ASKERS) < SESSION_ASKERS - PP_HTTP_SESSION_POOL_MAX)
        sleep_us(1000);
    static const char status[] = "GET /v1/status HTTP/1.1\r\nHost: test\r\n\r\n";
    http_say(reader, status, sizeof status - 1);
    sleep_us(100000);
    ck_assert(!is_readable(reader, 0)); /* it waits its turn, and is not refused */
    for (unsigned i = 0; i < SESSION_ASKERS; i++) {
        if (!is_readable(s[i], 0))
            continue;
        http_hear(s[i], &reply);
        ck_assert_refused(&reply, 503, "BUSY", NULL);
        ck_assert_str_eq(http_header(&reply, "Retry-After"), "1");
        http_reply_done(&reply);
        close(s[i]);
        s[i] = -1;
        refused++;
    }
    ck_assert_uint_eq(refused, SESSION_ASKERS - PP_HTTP_SESSION_POOL_MAX);
    atomic_store(&w.disk.stalled, false);
    http_hear(reader, &reply);
    ck_assert_uint_eq(reply.status, 200);
    http_reply_done(&reply);
    for (unsigned i = 0; i < SESSION_ASKERS; i++) {
        if (s[i] < 0)
            continue;
        http_hear(s[i], &reply);
        ck_assert(reply.status == 200 || (i % 2 == 1 && reply.status == 404)); /* a look before it was open */
        http_reply_done(&reply);
        close(s[i]);
    }
    http_hear(busy, &reply);
    ck_assert_uint_eq(reply.status, 200);
    http_reply_done(&reply);
    close(busy);
    close(reader);
    free(letter.bytes);
    free(opening.bytes);
    world_end(&w, 1);
}
END_TEST

struct forger {
    struct world *w;
    struct letter letters[2]; /* an opening and a root that nobody signed */
    atomic_bool over;
    unsigned answers, busy, ok;
    pthread_t thread;
};

/* One connection, many requests in its buffers at once. */
static void *forger_run(void *context)
{
    struct forger *f = context;
    int s = dial(f->w);
    while (!atomic_load(&f->over)) {
        for (unsigned i = 0; i < 16; i++)
            http_say(s, f->letters[i % 2].bytes, f->letters[i % 2].length);
        for (unsigned i = 0; i < 16; i++) {
            struct http_reply reply;
            http_hear(s, &reply);
            f->answers++;
            f->ok += reply.status == 200;
            f->busy += reply.status == 503;
            if (reply.status == 503)
                ck_assert_str_eq(http_header(&reply, "Retry-After"), "1");
            http_reply_done(&reply);
        }
    }
    close(s);
    return NULL;
}

#define SESSION_ROUNDS 40u
#define ROUND_STAMPS 4u

/* NODE-049: openings and roots that nobody signed, at full rate by one connection; a sender by another one opens, sends and signs
 * on, and is never told to wait. */
START_TEST(sessions__forged_at_full_rate_by_one__another_is_served)
{
    static struct world w;
    static struct forger f;
    struct pp_sender sender;
    struct pp_sender_session session, opening;
    struct session_paths paths;
    struct pp_session_root root;
    struct pp_made_request made;
    uint64_t slowest_ms = 0, began_ms = 0;
    world_start(&w);
    sender_make(&sender, &w, 1);
    session_begin(&w, &sender, &session, &paths);
    int s = dial(&w);
    struct letter letter = opening_letter(&paths, &session.open);
    say_well(s, &letter);
    free(letter.bytes);
    pp_session_make(&opening, &w.fixture, &sender, session.open.opening.chunk, 3600000, 9);
    opening.open.signature.bytes[7] ^= 1;
    f = (struct forger){.w = &w};
    f.letters[0] = opening_letter(&paths, &opening.open);
    for (unsigned i = 0; i < SESSION_ROUNDS; i++) {
        pp_session_request_make(&made, &w.fixture, &sender, &session, ROUND_STAMPS, (struct pp_parcel_of){100, 5}, i);
        pp_session_root_make(&w.fixture, &sender, &session, made.ids, ROUND_STAMPS, sender.head, &root);
        if (i == 0) {
            struct pp_session_root forged = root;
            forged.count = PP_SESSION_UNSIGNED_MAX; /* what costs most, so that the forger's part is soon used up */
            forged.signature.bytes[7] ^= 1;
            forged.context.bytes[7] ^= 1; /* or it would be the newest one, again, for a while */
            f.letters[1] = root_letter(&paths, &forged);
            began_ms = pp_monotonic_ns() / 1000000;
            ck_assert_int_eq(pthread_create(&f.thread, NULL, forger_run, &f), 0);
            sleep_us(200000);
        }
        const uint64_t began = pp_monotonic_ns() / 1000000;
        struct http_reply reply;
        letter = letter_of(&made.request);
        post(s, &letter);
        http_hear(s, &reply);
        ck_assert_msg(reply.status == 200, "%.300s", (const char *)reply.body);
        http_reply_done(&reply);
        free(letter.bytes);
        letter = root_letter(&paths, &root);
        say_well(s, &letter);
        free(letter.bytes);
        const uint64_t took = pp_monotonic_ns() / 1000000 - began;
        slowest_ms = took > slowest_ms ? took : slowest_ms;
        pp_request_done(&made);
    }
    atomic_store(&f.over, true);
    pthread_join(f.thread, NULL);
    ck_assert_uint_eq(f.ok, 0);
    ck_assert_uint_gt(f.busy, 0);
    const uint64_t forged_ms = pp_monotonic_ns() / 1000000 - began_ms; /* each costs at least four of its milliseconds */
    ck_assert_uint_le(f.answers - f.busy, 5 + (PP_SUSPECT_TRICKLE_MAX + forged_ms) / PP_SUSPECT_TRICKLE_CALL);
    ck_assert_uint_lt(slowest_ms, 2000);
    if (getenv("PP_TEST_TELL") != NULL)
        printf("forger: %u answers, %u busy; slowest round %llu ms\n", f.answers, f.busy,
               (unsigned long long)slowest_ms);
    for (unsigned i = 0; i < 2; i++)
        free(f.letters[i].bytes);
    close(s);
    world_end(&w, SESSION_ROUNDS * ROUND_STAMPS);
}
END_TEST

/* ---- a disk that fails once ---- */

/* NODE-025 NODE-026: the group is refused and undone, the next one is as if nothing had been. */
START_TEST(disk__fails_once__group_refused_and_nothing_lost)
{
    static struct world w;
    struct pp_sender sender;
    struct letter letters[3];
    struct http_reply reply;
    world_start(&w);
    sender_make(&sender, &w, 1);
    for (unsigned i = 0; i < 3; i++)
        letters[i] = letter_make(&w, &sender, 2, 100, i);
    world_slow_down(&w);
    int s = dial(&w);
    for (unsigned i = 0; i < 3; i++) {
        atomic_store(&w.disk.fails_with, PP_IO);
        post(s, &letters[i]);
        http_hear(s, &reply);
        ck_assert_refused(&reply, 500, "IO", NULL);
        http_reply_done(&reply);
        for (unsigned again = 0; again < 2; again++) {
            post(s, &letters[i]);
            http_hear(s, &reply);
            ck_assert_uint_eq(reply.status, 200);
            const json_t *first = json_array_get(json_object_get(reply.json, "results"), 0);
            ck_assert_str_eq(pp_json_text(first, "status"), again == 0 ? "admitted" : "known");
            http_reply_done(&reply);
        }
        free(letters[i].bytes);
    }
    close(s);
    struct pp_lane_status lane;
    ck_assert_ok(pp_node_lane_status(w.fixture.node, &sender.channel_id, FIXTURE_LANE, &lane));
    ck_assert(pp_grains_eq(lane.spent, sender.head)); /* each charged once */
    world_end(&w, 6);
}
END_TEST

/* ---- bad input at full rate ---- */

enum attack {
    MALFORMED_FRAMES,
    MALFORMED_HEADS,
    UNKNOWN_CHANNELS,
    STALE,       /* an interval that is consumed, for another envelope */
    DUPLICATE,   /* a stamp that is known */
    OVERLAPPING, /* half of a consumed interval, half free */
    FORGED,      /* a free interval, and no signature of the channel's */
    ATTACKS,
};

#define WIDTH 16u          /* connections of an attack */
#define ATTACK_BYTES 4000u /* of its payloads: what is kept of them would be seen */

struct tally {
    atomic_uint answers, ok, busy, faults, others;
};

struct attacker {
    struct world *w;
    enum attack kind;
    struct letter letter;
    atomic_bool *over;
    struct tally tally;
    pthread_t thread;
};

static void count_answer(struct tally *tally, unsigned status)
{
    atomic_fetch_add(&tally->answers, 1);
    atomic_fetch_add(status == 200   ? &tally->ok
                     : status == 503 ? &tally->busy
                     : status == 500 ? &tally->faults
                                     : &tally->others,
                     1);
}

/* One more of its kind, never the same twice where that can be. */
static void spoil(struct attacker *a, struct pp_rng *rng, struct letter *out)
{
    memcpy(out->bytes, a->letter.bytes, a->letter.length);
    out->length = a->letter.length;
    switch (a->kind) {
    case MALFORMED_FRAMES:
        if (pp_rng_chance(rng, 2))
            out->length = pp_rng_below(rng, a->letter.length);
        else
            out->bytes[pp_rng_below(rng, 6)] ^= (uint8_t)(1 + pp_rng_below(rng, 255));
        break;
    case UNKNOWN_CHANNELS:
        pp_rng_bytes(rng, out->bytes + PP_FRAME_HEAD_BYTES - 128 + (out->bytes[4] << 8 | out->bytes[5]), 32);
        break;
    case FORGED: /* the signature, in front of the count */
        pp_rng_bytes(rng, out->bytes + 67 + (out->bytes[4] << 8 | out->bytes[5]), 64);
        break;
    case MALFORMED_HEADS:
    case STALE:
    case DUPLICATE:
    case OVERLAPPING:
    case ATTACKS:
        break;
    }
}

static void attack_say(struct attacker *a, int s, struct pp_rng *rng, struct letter *letter)
{
    static const char head[] = "POST /v1/envelopes HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\n";
    if (a->kind == MALFORMED_HEADS) {
        http_say(s, head, sizeof head - 1);
        return;
    }
    spoil(a, rng, letter);
    post(s, letter);
}

/* WIDTH requests at once, again and again: one connection has one at the engine. */
static void *attack_run(void *context)
{
    struct attacker *a = context;
    struct letter letter = {.bytes = malloc(a->letter.length)};
    char answer[16384];
    struct pp_rng rng;
    int s[WIDTH];
    pp_rng_init(&rng, (uint64_t)a->kind);
    for (unsigned i = 0; i < WIDTH; i++)
        s[i] = dial(a->w);
    while (!atomic_load(a->over)) {
        for (unsigned i = 0; i < WIDTH; i++)
            attack_say(a, s[i], &rng, &letter);
        for (unsigned i = 0; i < WIDTH; i++) {
            const unsigned status = hear_status(s[i], answer, sizeof answer);
            if (status != 0)
                count_answer(&a->tally, status);
            if (status != 0 && a->kind != MALFORMED_HEADS)
                continue;
            close(s[i]);
            s[i] = dial(a->w);
        }
    }
    for (unsigned i = 0; i < WIDTH; i++)
        close(s[i]);
    free(letter.bytes);
    return NULL;
}

struct honest {
    struct world *w;
    struct pp_sender sender;
    atomic_bool *over;
    atomic_uint admitted;
    unsigned asked_again;
    uint64_t slowest_ms;
    pthread_t thread;
};

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* One envelope after the other, each until it is admitted. */
static void *honest_run(void *context)
{
    struct honest *h = context;
    char answer[16384];
    int s = dial(h->w);
    while (!atomic_load(h->over)) {
        struct letter letter = letter_make(h->w, &h->sender, 1, 1000,
                                           atomic_load(&h->admitted) + h->sender.config.nonce * 1000000);
        const uint64_t began_ms = now_ms();
        unsigned status;
        do {
            post(s, &letter);
            status = hear_status(s, answer, sizeof answer);
            ck_assert_msg(status == 200 || status == 503 || status == 500, "%s", answer);
            h->asked_again += status != 200;
        } while (status != 200);
        const uint64_t took_ms = now_ms() - began_ms;
        h->slowest_ms = took_ms > h->slowest_ms ? took_ms : h->slowest_ms;
        atomic_fetch_add(&h->admitted, 1);
        free(letter.bytes);
    }
    close(s);
    return NULL;
}

/* Memory that is no file's. */
static uint64_t memory_kib(void)
{
    char line[256];
    unsigned long long kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "RssAnon: %llu kB", &kib) == 1)
            break;
    fclose(file);
    ck_assert_uint_gt(kib, 0);
    return kib;
}

/* A stamp that is admitted before the attack, and what the attack makes of its interval. */
static struct letter attack_letter(struct world *w, enum attack kind)
{
    struct pp_sender sender;
    struct pp_made_request made;
    struct http_reply reply;
    sender_make(&sender, w, 1000 + kind);
    pp_request_make(&made, &w->fixture, &sender, 1, (struct pp_parcel_of){ATTACK_BYTES, 10}, kind);
    struct letter letter = letter_of(&made.request);
    if (kind == STALE || kind == DUPLICATE || kind == OVERLAPPING) {
        int s = dial(w);
        post(s, &letter);
        http_hear(s, &reply);
        ck_assert_uint_eq(reply.status, 200);
        http_reply_done(&reply);
        close(s);
    }
    if (kind == STALE || kind == OVERLAPPING) {
        struct pp_leaf *leaf = &made.envelopes[0].leaf;
        made.payloads[0] ^= 1;
        pp_envelope_hash((const uint8_t *)made.topic, strlen(made.topic), made.payloads, ATTACK_BYTES,
                         &leaf->envelope_hash);
        if (kind == OVERLAPPING)
            ck_assert_ok(pp_grains_add(leaf->from, pp_grains(leaf->postage.base_grains), &leaf->from));
        pp_request_sign(&made, &w->fixture, &sender);
        free(letter.bytes);
        letter = letter_of(&made.request);
    }
    pp_request_done(&made);
    return letter;
}

static struct pp_fake_answer chain_is_down(void *context, const struct pp_fake_question *question)
{
    (void)context;
    return pp_fake_error(question, -32000, "down", NULL);
}

static enum pp_error chain_events(void *context, const struct pp_chain_event *events, size_t count)
{
    struct world *w = context;
    return pp_node_chain_events(w->fixture.node, events, count);
}

static struct pp_chain_watch *watch_open(struct world *w, const struct pp_fake_rpc *rpc)
{
    struct pp_chain_watch *watch;
    struct pp_chain_watch_status status;
    const struct pp_chain_watch_config config = {.rpc_url = pp_fake_rpc_url(rpc),
                                                 .domain = w->fixture.config.domain,
                                                 .lane = FIXTURE_LANE,
                                                 .lanes_max = 1024,
                                                 .poll_ms = 600000, /* once, and not again in this test */
                                                 .events = chain_events,
                                                 .context = w};
    ck_assert_ok(pp_chain_watch_open(&config, &watch));
    do {
        sleep_us(1000);
        pp_chain_watch_status(watch, &status);
    } while (status.turns == 0);
    return watch;
}

#define LAZY 4u /* peers that ask for much and read nothing */
#define HONEST 2u
#define WARM_UP_US 1500000u
#define PHASE_US 1000000u
#define PHASES 3u
#define GROWTH_MAX_KIB 12288u

static void lazy_dial(int *s, const struct world *w)
{
    static const char request[] = "GET /v1/errors HTTP/1.1\r\nHost: x\r\n\r\n";
    for (unsigned i = 0; i < LAZY; i++) {
        s[i] = dial(w);
        for (unsigned k = 0; k < 1000; k++)
            if (send(s[i], request, sizeof request - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
                break;
    }
}

/* HTTP-055 HTTP-056 HTTP-058 NODE-025 NODE-034 */
START_TEST(attacks__of_every_kind_on_a_slow_disk__flat_and_fair)
{
    static struct world w;
    static struct attacker attackers[ATTACKS];
    static struct honest honest[HONEST];
    int lazy[LAZY];
    atomic_bool over = false;
    uint64_t stamps = 3; /* of the letters for STALE, DUPLICATE and OVERLAPPING */
    unsigned faults = 0, before[HONEST];
    world_start(&w);
    struct pp_fake_rpc *rpc = pp_fake_rpc_start(chain_is_down, NULL);
    struct pp_chain_watch *watch = watch_open(&w, rpc);
    for (unsigned i = 0; i < ATTACKS; i++)
        attackers[i] = (struct attacker){
            .w = &w, .kind = (enum attack)i, .letter = attack_letter(&w, (enum attack)i), .over = &over};
    for (unsigned i = 0; i < HONEST; i++) {
        honest[i] = (struct honest){.w = &w, .over = &over};
        sender_make(&honest[i].sender, &w, i);
    }
    const unsigned questions = pp_fake_rpc_count(rpc);
    world_slow_down(&w);
    atomic_store(&w.disk.delay_us, 3000);
    lazy_dial(lazy, &w);
    for (unsigned i = 0; i < ATTACKS; i++)
        ck_assert_int_eq(pthread_create(&attackers[i].thread, NULL, attack_run, &attackers[i]), 0);
    for (unsigned i = 0; i < HONEST; i++)
        ck_assert_int_eq(pthread_create(&honest[i].thread, NULL, honest_run, &honest[i]), 0);
    sleep_us(WARM_UP_US);
    const uint64_t warm_kib = memory_kib();
    for (unsigned phase = 0; phase < PHASES; phase++) {
        for (unsigned i = 0; i < HONEST; i++)
            before[i] = atomic_load(&honest[i].admitted);
        if (phase == 1)
            atomic_store(&w.disk.fails_with, PP_IO);
        sleep_us(PHASE_US);
        for (unsigned i = 0; i < HONEST; i++) /* each is served in each phase */
            ck_assert_uint_gt(atomic_load(&honest[i].admitted), before[i]);
    }
    const uint64_t end_kib = memory_kib();
    atomic_store(&over, true);
    for (unsigned i = 0; i < HONEST; i++) {
        pthread_join(honest[i].thread, NULL);
        stamps += atomic_load(&honest[i].admitted);
        ck_assert_uint_lt(honest[i].slowest_ms, 5000);
    }
    for (unsigned i = 0; i < ATTACKS; i++) {
        struct attacker *a = &attackers[i];
        pthread_join(a->thread, NULL);
        faults += atomic_load(&a->tally.faults);
        ck_assert_msg(atomic_load(&a->tally.answers) > 10, "attack %u was answered %u times", i,
                      atomic_load(&a->tally.answers));
        if (a->kind != DUPLICATE) /* nothing of it was ever taken */
            ck_assert_msg(atomic_load(&a->tally.ok) == 0, "attack %u", i);
        free(a->letter.bytes);
    }
    ck_assert_uint_le(faults, ATTACKS * WIDTH); /* of the one group that the disk refused */
    ck_assert_int_eq(atomic_load(&w.disk.fails_with), PP_OK);
    ck_assert_uint_eq(pp_fake_rpc_count(rpc), questions);
    ck_assert_msg(end_kib <= warm_kib + GROWTH_MAX_KIB, "%llu KiB, then %llu KiB",
                  (unsigned long long)warm_kib, (unsigned long long)end_kib);
    for (unsigned i = 0; i < LAZY; i++)
        close(lazy[i]);
    if (getenv("PP_TEST_TELL") != NULL) {
        for (unsigned i = 0; i < ATTACKS; i++)
            printf("attack %u: %u answers, %u ok, %u busy, %u faults\n", i, attackers[i].tally.answers,
                   attackers[i].tally.ok, attackers[i].tally.busy, attackers[i].tally.faults);
        printf("honest %u and %u, slowest %llu ms; memory %llu KiB then %llu KiB; commits %u\n",
               honest[0].admitted, honest[1].admitted, (unsigned long long)honest[0].slowest_ms,
               (unsigned long long)warm_kib, (unsigned long long)end_kib, w.disk.commits);
    }
    pp_chain_watch_close(watch);
    pp_fake_rpc_stop(rpc);
    world_end(&w, stamps);
}
END_TEST

PP_TESTS("under_load")
PP_TEST(engine__full__busy_at_once_and_admitted_later)
PP_TEST(pool__full__busy_at_once)
PP_TEST(pool__full_of_sessions__busy_at_once_and_reads_wait_well)
PP_TEST(sessions__forged_at_full_rate_by_one__another_is_served)
PP_TEST(disk__fails_once__group_refused_and_nothing_lost)
PP_TEST(attacks__of_every_kind_on_a_slow_disk__flat_and_fair)
PP_TESTS_END
