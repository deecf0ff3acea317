/* Goal: whatever a peer answers, or does not, it is told by name, and neither the puller nor another peer waits for it.
 * Method: one peer of each bad kind beside a good one, as servers on loopback, over a store on disk. */
#include "evidence/puller.h"
#include "evidence_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/refund.h>

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define GOOD_LANE ((FIXTURE_NODE_ID << 8) | 9u)
#define GOOD_SEGMENTS 6u
#define SEGMENTS_MAX 8u

/* ---- a peer ---- */

enum manner {
    GOOD,
    TRUNCATED, /* half of the answer, which says that it is all */
    CUT_OFF,   /* half of what the head promised, then the end */
    CHANGED,
    REORDERED, /* the second one first */
    REPLAYED,  /* the first one for ever */
    OTHER_KEY,
    OTHER_LANE,
    OTHER_TYPE,
    TOO_LARGE,
    UNKNOWN,
    BROKEN,
    DRIPPING,
    SILENT,
    CLOSED, /* nobody listens */
};

struct peer {
    enum manner manner;
    int listener;
    uint16_t port;
    pthread_t thread;
    _Atomic bool stop;
    struct {
        uint8_t *bytes;
        size_t length;
        uint64_t first, next;
    } segments[SEGMENTS_MAX];
    unsigned count;
};

static void send_all(int socket_, const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    while (length > 0) {
        const ssize_t sent = send(socket_, at, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        at += sent;
        length -= (size_t)sent;
    }
}

static void answer(int socket_, const char *status, const char *type, size_t says, const uint8_t *bytes,
                   size_t length)
{
    char head[256];
    const int head_length =
        snprintf(head, sizeof head,
                 "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
                 status, type, says);
    send_all(socket_, head, (size_t)head_length);
    send_all(socket_, bytes, length);
}

static unsigned segment_for(const struct peer *peer, uint64_t from)
{
    for (unsigned i = 0; i < peer->count; i++)
        if (from < peer->segments[i].next)
            return i;
    return peer->count - 1; /* a head */
}

static void wait_until_stopped(const struct peer *peer, int socket_)
{
    for (unsigned i = 0; !atomic_load(&peer->stop); i++) {
        struct pollfd look = {socket_, POLLIN, 0};
        if (peer->manner == DRIPPING)
            send_all(socket_, "x", 1);
        char ignored[64];
        if (poll(&look, 1, 20) > 0 && recv(socket_, ignored, sizeof ignored, 0) <= 0)
            return;
    }
}

static void serve_one(struct peer *peer, int socket_)
{
    char request[2048];
    ssize_t length = recv(socket_, request, sizeof request - 1, 0);
    if (length <= 0)
        return;
    request[length] = '\0';
    const char *from = strstr(request, "?from=");
    ck_assert_ptr_nonnull(from);
    unsigned at = segment_for(peer, strtoull(from + 6, NULL, 10));
    if (peer->manner == REORDERED && at == 0)
        at = 1;
    if (peer->manner == REPLAYED && at > 0)
        at = 0;
    uint8_t *bytes = peer->segments[at].bytes;
    const size_t whole = peer->segments[at].length;
    switch (peer->manner) {
    case TRUNCATED:
        answer(socket_, "200 OK", PP_SEGMENT_MEDIA_TYPE, whole / 2, bytes, whole / 2);
        return;
    case CUT_OFF:
        answer(socket_, "200 OK", PP_SEGMENT_MEDIA_TYPE, whole, bytes, whole / 2);
        return;
    case OTHER_TYPE:
        answer(socket_, "200 OK", "text/html", whole, bytes, whole);
        return;
    case UNKNOWN:
        answer(socket_, "404 Not Found", "application/problem+json", 2, (const uint8_t *)"{}", 2);
        return;
    case BROKEN:
        answer(socket_, "503 Service Unavailable", "application/problem+json", 2, (const uint8_t *)"{}", 2);
        return;
    case TOO_LARGE: {
        uint8_t *large = calloc(1, 2 * PP_SEGMENT_MAX_BYTES);
        answer(socket_, "200 OK", PP_SEGMENT_MEDIA_TYPE, 2 * PP_SEGMENT_MAX_BYTES, large,
               2 * PP_SEGMENT_MAX_BYTES);
        free(large);
        return;
    }
    case DRIPPING:
        answer(socket_, "200 OK", PP_SEGMENT_MEDIA_TYPE, whole, bytes, 1);
        wait_until_stopped(peer, socket_);
        return;
    case SILENT:
        wait_until_stopped(peer, socket_);
        return;
    case GOOD:
    case CHANGED:
    case REORDERED:
    case REPLAYED:
    case OTHER_KEY:
    case OTHER_LANE:
    case CLOSED:
        answer(socket_, "200 OK", PP_SEGMENT_MEDIA_TYPE, whole, bytes, whole);
    }
}

static void *peer_run(void *context)
{
    struct peer *peer = context;
    while (!atomic_load(&peer->stop)) {
        struct pollfd look = {peer->listener, POLLIN, 0};
        if (poll(&look, 1, 20) <= 0)
            continue;
        const int socket_ = accept(peer->listener, NULL, NULL);
        if (socket_ < 0)
            continue;
        serve_one(peer, socket_);
        close(socket_);
    }
    return NULL;
}

static void peer_start(struct peer *peer, enum manner manner)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    peer->manner = manner;
    peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(peer->listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(getsockname(peer->listener, (struct sockaddr *)&address, &length), 0);
    peer->port = ntohs(address.sin_port);
    atomic_store(&peer->stop, false);
    if (manner == CLOSED) {
        close(peer->listener);
        peer->listener = -1;
        return;
    }
    ck_assert_int_eq(listen(peer->listener, 16), 0);
    ck_assert_int_eq(pthread_create(&peer->thread, NULL, peer_run, peer), 0);
}

static void peer_stop(struct peer *peer)
{
    if (peer->listener >= 0) {
        atomic_store(&peer->stop, true);
        pthread_join(peer->thread, NULL);
        close(peer->listener);
    }
    for (unsigned i = 0; i < peer->count; i++)
        free(peer->segments[i].bytes);
}

/* ---- the world ---- */

struct world {
    struct pp_temp_dir dir;
    char path[300];
    struct pp_fixture fixture;
    struct pp_sender sender;
    struct pp_forge forge;
    struct peer good, bad;
    struct pp_replica_store *store;
    struct pp_puller *puller;
    struct pp_refund_list list;
};

static void segment_add(struct pp_forge *forge, struct peer *peer)
{
    uint8_t *bytes = malloc(PP_SEGMENT_MAX_BYTES);
    ck_assert_uint_lt(peer->count, SEGMENTS_MAX);
    peer->segments[peer->count].first = forge->segment.head.first;
    peer->segments[peer->count].next = forge->head.next_sequence;
    peer->segments[peer->count].length = pp_forge_end(forge, bytes);
    peer->segments[peer->count].bytes = malloc(peer->segments[peer->count].length);
    memcpy(peer->segments[peer->count].bytes, bytes, peer->segments[peer->count].length);
    peer->count++;
    free(bytes);
}

static void charge(struct world *world, struct pp_forge *forge, uint64_t from, uint64_t number)
{
    struct pp_leaf leaf;
    pp_forge_leaf(&world->sender, from, number, &leaf);
    leaf.lane = forge->lane;
    pp_forge_charged(forge, &world->sender, &leaf, &world->sender.key);
}

/* A journal in segments of one charge each, and a head. */
static void journal_make(struct world *world, struct pp_forge *forge, struct peer *peer, unsigned segments)
{
    pp_forge_opened(forge);
    pp_forge_funded(forge, &world->sender, 100000);
    for (unsigned i = 0; i < segments; i++) {
        charge(world, forge, 1300 * i, i);
        segment_add(forge, peer);
    }
}

static void world_open(struct world *world)
{
    struct pp_forge good;
    *world = (struct world){0};
    pp_temp_dir_make(&world->dir);
    snprintf(world->path, sizeof world->path, "%s/peers", world->dir.path);
    pp_fixture_init(&world->fixture, world->dir.path, true);
    pp_sender_init(&world->sender, &world->fixture, 1);
    pp_forge_init(&world->forge, &world->fixture);
    pp_refund_list_init(&world->list);
    pp_forge_init(&good, &world->fixture);
    good.lane = GOOD_LANE;
    pp_forge_begin(&good);
    journal_make(world, &good, &world->good, GOOD_SEGMENTS);
    segment_add(&good, &world->good);
    pp_forge_done(&good);
}

static void pull_start(struct world *world)
{
    char reason[PP_STORE_REASON_BYTES];
    struct pp_peer peers[2] = {{.lane = FIXTURE_LANE, .operator_address = world->fixture.operator_address},
                               {.lane = GOOD_LANE, .operator_address = world->fixture.operator_address}};
    snprintf(peers[0].url, sizeof peers[0].url, "http://127.0.0.1:%u", world->bad.port);
    snprintf(peers[1].url, sizeof peers[1].url, "http://127.0.0.1:%u", world->good.port);
    ck_assert_ok(pp_replica_store_open(world->path, UINT64_C(64) << 20, &world->store, reason));
    const struct pp_puller_config config = {
        .crypto = world->fixture.crypto,
        .domain = &world->fixture.config.domain,
        .store = world->store,
        .peers = peers,
        .peer_count = 2,
        .lanes_max = 64,
        .poll_ms = 20,
    };
    ck_assert_ok(pp_puller_open(&config, &world->puller));
}

static void pull_stop(struct world *world)
{
    pp_puller_close(world->puller);
    pp_replica_store_close(world->store);
}

static void world_close(struct world *world)
{
    pull_stop(world);
    peer_stop(&world->good);
    peer_stop(&world->bad);
    pp_forge_done(&world->forge);
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

static struct pp_pull_status status_of(const struct world *world, uint32_t lane)
{
    struct pp_pull_status status;
    ck_assert_ok(pp_puller_status(world->puller, lane, &status));
    return status;
}

/* Until the good peer's journal is held, and the bad one is told with that error. */
static void both_until(const struct world *world, enum pp_error expected)
{
    struct pp_pull_status good = {0}, bad = {0};
    for (unsigned i = 0; i < 3000; i++) {
        good = status_of(world, GOOD_LANE);
        bad = status_of(world, FIXTURE_LANE);
        if (good.next_sequence == 3 + GOOD_SEGMENTS && (expected == PP_OK || bad.error == expected))
            return;
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    ck_abort_msg("the good peer came to %llu with %s, the bad one is told with %s, expected %s",
                 (unsigned long long)good.next_sequence, pp_error_name(good.error), pp_error_name(bad.error),
                 pp_error_name(expected));
}

/* EVID-070, EVID-071, EVID-072, EVID-074, EVID-075 */
START_TEST(puller__each_bad_peer__told_by_name_and_kept_from_nobody)
{
    static const struct {
        enum manner manner;
        enum pp_error expected; /* OK: it hangs, and nothing is told yet */
    } cases[] = {
        {TRUNCATED, PP_TRUNCATED},
        {CUT_OFF, PP_NODE_DOWN},
        {CHANGED, PP_CONTENT_MISMATCH},
        {REORDERED, PP_EVIDENCE_GAP},
        {REPLAYED, PP_EVIDENCE_BEHIND},
        {OTHER_KEY, PP_BAD_SIGNATURE},
        {OTHER_LANE, PP_WRONG_OPERATOR},
        {OTHER_TYPE, PP_NODE_NONSENSE},
        {TOO_LARGE, PP_BODY_TOO_LARGE},
        {UNKNOWN, PP_NOT_FOUND},
        {BROKEN, PP_NODE_DOWN},
        {CLOSED, PP_NODE_DOWN},
        {DRIPPING, PP_OK},
        {SILENT, PP_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world world;
        world_open(&world);
        if (cases[i].manner == OTHER_KEY)
            world.forge.key.bytes[3] ^= 1;
        if (cases[i].manner == OTHER_LANE) {
            world.forge.lane++;
            pp_forge_begin(&world.forge);
        }
        journal_make(&world, &world.forge, &world.bad, 3);
        charge(&world, &world.forge, 1300 * 3, 3);
        segment_add(&world.forge, &world.bad);
        if (cases[i].manner == CHANGED)
            world.bad.segments[0].bytes[world.bad.segments[0].length - 1] ^= 1;
        peer_start(&world.good, GOOD);
        peer_start(&world.bad, cases[i].manner);
        pull_start(&world);
        both_until(&world, cases[i].expected);
        ck_assert_ok(status_of(&world, FIXTURE_LANE).stopped); /* it says nothing against the operator */
        const uint64_t next = status_of(&world, FIXTURE_LANE).next_sequence;
        ck_assert_uint_eq(next, cases[i].manner == REPLAYED ? world.bad.segments[0].next : 1);
        world_close(&world);
    }
}
END_TEST

/* EVID-076: true signatures over what cannot be. */
START_TEST(puller__impossible_contents__convict_and_stop_only_that_lane)
{
    static const enum pp_error expected[] = {PP_INTERVAL_TAKEN, PP_REFUND_EXCEEDS, PP_REFUND_FELL,
                                             PP_VOUCHER_FORGED, PP_EVIDENCE_FORK,  PP_EVIDENCE_IMPOSSIBLE};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        struct world world;
        struct pp_leaf leaf;
        struct pp_sender other;
        uint8_t *proof = malloc(PP_PROOF_MAX_BYTES);
        size_t length;
        world_open(&world);
        pp_sender_init(&other, &world.fixture, 2);
        journal_make(&world, &world.forge, &world.bad, 2); /* charges at 3 and 4 */
        pp_forge_leaf(&world.sender, 0, 0, &leaf);
        const struct pp_journal_head honest = world.forge.head;
        if (expected[i] == PP_INTERVAL_TAKEN) {
            charge(&world, &world.forge, 2000, 9);
        } else if (expected[i] == PP_REFUND_EXCEEDS) {
            pp_forge_deleted(&world.forge, &world.sender, &leaf, 3, 301, &world.list, 301);
        } else if (expected[i] == PP_REFUND_FELL) {
            pp_forge_deleted(&world.forge, &world.sender, &leaf, 3, 200, &world.list, 200);
            pp_forge_leaf(&world.sender, 1300, 1, &leaf);
            pp_forge_deleted(&world.forge, &world.sender, &leaf, 4, 200, &world.list, 100);
        } else if (expected[i] == PP_VOUCHER_FORGED) {
            pp_forge_leaf(&world.sender, 2600, 9, &leaf);
            pp_forge_charged(&world.forge, &world.sender, &leaf, &other.key);
        } else if (expected[i] == PP_EVIDENCE_FORK) {
            world.forge.head.checksum[0] ^= 1; /* as if another record stood before */
            pp_forge_begin(&world.forge);
            charge(&world, &world.forge, 2600, 9);
        } else {
            pp_forge_deleted(&world.forge, &world.sender, &leaf, 3, 200, &world.list, 250);
        }
        segment_add(&world.forge, &world.bad);
        peer_start(&world.good, GOOD);
        peer_start(&world.bad, GOOD);
        pull_start(&world);
        both_until(&world, expected[i]);
        for (unsigned round = 0; round < 2; round++) { /* and again, behind a restart */
            ck_assert_error(status_of(&world, FIXTURE_LANE).stopped, expected[i]);
            ck_assert_uint_eq(status_of(&world, FIXTURE_LANE).next_sequence, honest.next_sequence);
            pull_stop(&world);
            pull_start(&world);
            both_until(&world, expected[i]);
        }
        const enum pp_error error =
            pp_replica_store_proof(world.store, FIXTURE_LANE, proof, PP_PROOF_MAX_BYTES, &length);
        ck_assert_error(error, expected[i] == PP_EVIDENCE_IMPOSSIBLE ? PP_NOT_FOUND : PP_OK);
        if (error == PP_OK) {
            struct pp_proof decoded;
            struct pp_proof_verdict verdict;
            ck_assert_ok(pp_proof_decode((struct pp_slice){proof, length}, &decoded));
            ck_assert_ok(pp_proof_check(&decoded, world.fixture.crypto, &verdict));
        }
        free(proof);
        world_close(&world);
    }
}
END_TEST

/* EVID-073: a peer that was in trouble is asked again; nothing is fetched twice. */
START_TEST(puller__a_peer_that_comes_back__goes_on_where_it_was)
{
    struct world world;
    world_open(&world);
    journal_make(&world, &world.forge, &world.bad, 4);
    world.bad.count = 2; /* the rest comes later */
    peer_start(&world.good, GOOD);
    peer_start(&world.bad, REPLAYED);
    pull_start(&world);
    both_until(&world, PP_EVIDENCE_BEHIND);
    world.bad.manner = GOOD;
    world.bad.count = 4;
    for (unsigned i = 0;
         i < 3000 && status_of(&world, FIXTURE_LANE).next_sequence < world.bad.segments[3].next; i++)
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    const struct pp_pull_status status = status_of(&world, FIXTURE_LANE);
    ck_assert_uint_eq(status.next_sequence, world.bad.segments[3].next);
    ck_assert_uint_eq(status.pulls, 4);
    world_close(&world);
}
END_TEST

/* EVID-099: the owner is gone, somebody else has its journal */
START_TEST(puller__a_lane_that_another_holds_more_of__asked_of_both)
{
    struct world world;
    char url[64];
    world_open(&world);
    journal_make(&world, &world.forge, &world.bad, 3);
    struct peer third;
    memcpy(&third, &world.bad, sizeof third);
    world.bad.count = 0; /* they are the third's now */
    peer_start(&world.good, GOOD);
    peer_start(&world.bad, CLOSED);
    peer_start(&third, GOOD);
    pull_start(&world);
    both_until(&world, PP_NODE_DOWN);
    const uint64_t end = third.segments[third.count - 1].next;
    snprintf(url, sizeof url, "http://127.0.0.1:%u", third.port);
    pp_puller_want(world.puller, FIXTURE_LANE, end, "http://127.0.0.1:1"); /* who does not answer is given up */
    for (unsigned i = 0; i < 3000 && status_of(&world, FIXTURE_LANE).next_sequence < end; i++) {
        if (i % 10 == 0)
            pp_puller_want(world.puller, FIXTURE_LANE, end, url);
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    ck_assert_uint_eq(status_of(&world, FIXTURE_LANE).next_sequence, end);
    peer_stop(&third);
    world_close(&world);
}
END_TEST

PP_TESTS("puller")
PP_TEST(puller__each_bad_peer__told_by_name_and_kept_from_nobody)
PP_TEST(puller__impossible_contents__convict_and_stop_only_that_lane)
PP_TEST(puller__a_peer_that_comes_back__goes_on_where_it_was)
PP_TEST(puller__a_lane_that_another_holds_more_of__asked_of_both)
PP_TESTS_END
