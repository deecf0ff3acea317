/* postgres_single, postgres_batch: charges, against the same charge in PostgreSQL: an insert of the charge's row and an update
 * of the lane's counters in one transaction, with fsync.
 *
 * Method: ours keeps charges only (a host with a store of its own). Single stamps: with 32 clients and one transaction an
 * envelope there, and without the signature's cost here, which PostgreSQL does not pay either: secp256k1_ecdsa_verify answers
 * at once (bench_signatures_free). Batches: 1000 stamps under one voucher, whose signature ours does verify, and whose
 * envelopes of 256 bytes it hashes, as for single stamps; 1000 rows a statement there, computed inside the server, so that they cost it no parsing.
 * There the two writes are one statement, prepared once: one round trip; there is one index, the primary key. */
#include "batch.h"
#include "postgres.h"

#include <stdio.h>
#include <stdlib.h>

#define LANES 16384u
#define LANES_QUICK 32u
#define STAMPS_OF_LANE 8u
#define PAYLOAD_BYTES 256u
#define WINDOW 4096u
#define CLIENTS 32u
#define SECONDS 3u
#define BATCH 1000u
#define BATCH_STAMPS 200000u
#define SCRIPT_ROOM 4096u

/* A row has what a row of our journal has; the voucher's part is empty in a batch, where it stands once. */
static const char schema[] = "create table lane (id int primary key, spent bigint not null, head bigint not "
                             "null, stamps bigint not null) "
                             "with (fillfactor = 50);"
                             "insert into lane select i, 0, 0, 0 from generate_series(1, 16384) i;"
                             "create table charge (sequence bigint generated always as identity primary key, "
                             "lane int not null, spent bigint not null, "
                             "quote bytea, signature bytea, leaf bytea not null);"
                             "checkpoint";

static const char *hex_of(size_t bytes, char out[512])
{
    for (size_t i = 0; i < 2 * bytes; i++)
        out[i] = "0123456789abcdef"[(i * 7 + i / 16) % 16];
    out[2 * bytes] = '\0';
    return out;
}

static void single_script(char out[SCRIPT_ROOM])
{
    char quote[512], signature[512], leaf[512];
    snprintf(
        out, SCRIPT_ROOM,
        "\\set lane random(1, 16384)\n"
        "with l as (update lane set spent = spent + 1803, head = head + 1803, stamps = stamps + 1 where id = "
        ":lane "
        "returning id, spent) insert into charge (lane, spent, quote, signature, leaf) select id, spent, "
        "'\\x%s'::bytea, '\\x%s'::bytea, '\\x%s'::bytea from l;\n",
        hex_of(32, quote), hex_of(65, signature), hex_of(PP_LEAF_SHORT_BYTES, leaf));
}

static void batch_script(char out[SCRIPT_ROOM])
{
    char leaf[512];
    snprintf(
        out, SCRIPT_ROOM,
        "\\set lane random(1, 16384)\n"
        "with l as (update lane set spent = spent + 1803000, head = head + 1803000, stamps = stamps + %u "
        "where id = :lane returning id, spent) insert into charge (lane, spent, leaf) select id, spent, "
        "'\\x%s'::bytea "
        "from l, generate_series(1, %u);\n",
        BATCH, hex_of(PP_LEAF_SHORT_BYTES, leaf), BATCH);
}

struct peer {
    const struct bench_options *options;
    struct postgres server;
    char script[SCRIPT_ROOM];
    struct traffic traffic;
    struct batch batch;
};

static uint64_t peer_rate(const struct peer *peer)
{
    postgres_run(&peer->server, "truncate charge");
    postgres_run(&peer->server, "checkpoint");
    return postgres_bench(&peer->server, peer->script, CLIENTS, bench_size(peer->options, SECONDS, 2));
}

static uint64_t single_limit(void *context)
{
    return peer_rate(context);
}

static uint64_t batch_limit(void *context)
{
    return BATCH * peer_rate(context);
}

/* The first stamp of each lane is verified, and not counted. */
static uint64_t single_rate(void *context)
{
    struct peer *peer = context;
    const struct traffic_shape *shape = &peer->traffic.shape;
    const uint32_t counted = shape->requests - shape->lanes;
    char *dir = bench_path(peer->options, "node");
    struct pp_node *node = traffic_open(&peer->traffic, dir);
    traffic_fund(&peer->traffic, node, 0, shape->lanes);
    (void)traffic_run_ns(&peer->traffic, node, 0, shape->lanes, WINDOW);
    bench_signatures_free(true);
    const uint64_t elapsed_ns = traffic_run_ns(&peer->traffic, node, shape->lanes, counted, WINDOW);
    bench_signatures_free(false);
    pp_node_close(node);
    bench_remove(dir);
    free(dir);
    return bench_per_second(counted, elapsed_ns);
}

static uint64_t ours_batch_rate(void *context)
{
    struct peer *peer = context;
    return batch_rate(&peer->batch);
}

void bench_postgres_single(const struct bench_options *options, struct bench_figures *out)
{
    struct peer peer = {0};
    const uint32_t lanes = bench_size(options, LANES, LANES_QUICK);
    peer.options = options;
    single_script(peer.script);
    traffic_make(&peer.traffic, &(struct traffic_shape){.lanes = lanes,
                                                        .requests = lanes * (1 + STAMPS_OF_LANE),
                                                        .stamps = 1,
                                                        .payload_bytes = PAYLOAD_BYTES,
                                                        .host_store = true});
    postgres_start(&peer.server, options);
    postgres_run(&peer.server, schema);
    bench_in_turns(options, single_rate, single_limit, &peer, out);
    postgres_stop(&peer.server);
    traffic_done(&peer.traffic);
}

void bench_postgres_batch(const struct bench_options *options, struct bench_figures *out)
{
    struct peer peer = {0};
    peer.options = options;
    batch_script(peer.script);
    batch_make(&peer.batch, options, bench_size(options, BATCH_STAMPS, 2 * BATCH),
               &(struct traffic_shape){.stamps = BATCH, .payload_bytes = PAYLOAD_BYTES, .host_store = true});
    postgres_start(&peer.server, options);
    postgres_run(&peer.server, schema);
    bench_in_turns(options, ours_batch_rate, batch_limit, &peer, out);
    postgres_stop(&peer.server);
    batch_done(&peer.batch);
}
