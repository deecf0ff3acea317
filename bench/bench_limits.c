/* The limits: what the machine does when nothing of ours is in the way. */
#include "bench.h"

#include "ledger/records.h"

#include <pp/voucher.h>

#include <lmdb.h>
#include <pthread.h>
#include <secp256k1.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VERIFIES 10000u /* a core */
#define VERIFIES_QUICK 20u
#define SEGMENT_BYTES 8192u /* payloads are other bytes each time, as they are in a node */
#define POOL_BYTES (1u << 20)

/* ---- signatures ---- */

#define VOUCHERS 256u /* in turns: with one and the same the processor foresees each branch */

struct signed_voucher {
    struct pp_voucher voucher;
    secp256k1_pubkey key;
    secp256k1_ecdsa_signature signature;
};

struct verifier {
    pthread_t thread;
    unsigned count;
    uint32_t stamps, payload_bytes;
    bool root; /* a session's stamps with the signature of their root */
    const uint8_t *pool;
    struct pp_domain domain;
    secp256k1_context *context;
    struct signed_voucher vouchers[VOUCHERS];
};

/* What one voucher costs, bare. */
static void voucher_verify(const struct verifier *v, unsigned number)
{
    const struct signed_voucher *one = &v->vouchers[number % VOUCHERS];
    struct pp_hash digest;
    pp_voucher_typed_digest(&v->domain, &one->voucher, &digest);
    if (secp256k1_ecdsa_verify(v->context, &one->signature, digest.bytes, &one->key) != 1)
        bench_fail("secp256k1_ecdsa_verify", PP_BAD_SIGNATURE);
}

static void *verify_main(void *context)
{
    const struct verifier *v = context;
    for (unsigned i = 0; i < v->count; i++)
        voucher_verify(v, i);
    return NULL;
}

/* What a batch costs, bare. */
static void *batch_main(void *context)
{
    const struct verifier *v = context;
    static const uint8_t topic[] = "topic/500";
    struct pp_leaf leaf = {.channel_id = v->vouchers[0].voucher.channel_id,
                           .lane = TRAFFIC_LANE,
                           .size = v->payload_bytes,
                           .retention_days = 1};
    struct pp_stamp_id ids[PP_LEAVES_MAX];
    struct pp_hash scratch[PP_LEAVES_MAX], root;
    for (unsigned i = 0; i < v->count; i++) {
        for (uint32_t k = 0; k < v->stamps; k++) {
            const uint8_t *payload =
                v->pool + ((uint64_t)i * v->stamps + k) * SEGMENT_BYTES % (POOL_BYTES - v->payload_bytes);
            pp_envelope_hash(topic, sizeof topic - 1, payload, v->payload_bytes, &leaf.envelope_hash);
            pp_leaf_id(&leaf, &ids[k]);
        }
        BENCH_OK(pp_voucher_context(PP_STAMP_BATCH, ids, v->stamps, scratch, &root));
        voucher_verify(v, i);
    }
    return NULL;
}

/* What the stamps under a session's root cost, bare. */
static void *session_main(void *context)
{
    const struct verifier *v = context;
    static const uint8_t topic[] = "topic/500";
    const uint8_t key[crypto_generichash_KEYBYTES] = {7};
    for (unsigned i = 0; i < v->count; i++) {
        for (uint32_t k = 0; k < v->stamps; k++) {
            struct pp_hash hash;
            uint8_t mac[PP_SESSION_MAC_BYTES];
            const uint8_t *payload =
                v->pool + ((uint64_t)i * v->stamps + k) * SEGMENT_BYTES % (POOL_BYTES - v->payload_bytes);
            pp_envelope_hash(topic, sizeof topic - 1, payload, v->payload_bytes, &hash);
            if (crypto_generichash(mac, sizeof mac, hash.bytes, sizeof hash.bytes, key, sizeof key) != 0)
                bench_fail("crypto_generichash", PP_SYSTEM);
        }
        if (v->root)
            voucher_verify(v, i);
    }
    return NULL;
}

static void voucher_make(struct verifier *v, uint8_t seed, uint16_t number)
{
    struct signed_voucher *one = &v->vouchers[number];
    const uint8_t secret[32] = {seed, 1, 2, 3, (uint8_t)(number >> 8), (uint8_t)number};
    struct pp_hash digest;
    one->voucher = (struct pp_voucher){.channel_id = {{seed, (uint8_t)(number >> 8), (uint8_t)number}},
                                       .lane = TRAFFIC_LANE};
    pp_voucher_typed_digest(&v->domain, &one->voucher, &digest);
    if (secp256k1_ec_pubkey_create(v->context, &one->key, secret) != 1)
        bench_fail("secp256k1_ec_pubkey_create", PP_BAD_KEY);
    if (secp256k1_ecdsa_sign(v->context, &one->signature, digest.bytes, secret, NULL, NULL) != 1)
        bench_fail("secp256k1_ecdsa_sign", PP_BAD_KEY);
}

static void verifier_make(struct verifier *v, uint8_t seed)
{
    static const struct pp_address contract = {{0xc0, 0x01}};
    pp_domain_init(&v->domain, 31337, &contract);
    v->context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    for (uint16_t i = 0; i < VOUCHERS; i++)
        voucher_make(v, seed, i);
}

/* So many cores at once: how often a second `turn` is done. */
static uint64_t parallel_rate(const struct verifier *example, unsigned cores, void *(*turn)(void *))
{
    struct verifier *verifiers = calloc(cores, sizeof *verifiers);
    if (!verifiers)
        bench_fail("verifiers", PP_NO_MEMORY);
    for (unsigned i = 0; i < cores; i++) {
        verifiers[i] = *example;
        verifier_make(&verifiers[i], (uint8_t)(i + 1));
    }
    uint64_t started_ns = bench_now_ns();
    for (unsigned i = 0; i < cores; i++)
        if (pthread_create(&verifiers[i].thread, NULL, turn, &verifiers[i]) != 0)
            bench_fail("pthread_create", PP_SYSTEM);
    for (unsigned i = 0; i < cores; i++)
        pthread_join(verifiers[i].thread, NULL);
    uint64_t elapsed_ns = bench_now_ns() - started_ns;
    for (unsigned i = 0; i < cores; i++)
        secp256k1_context_destroy(verifiers[i].context);
    free(verifiers);
    return bench_per_second((uint64_t)cores * example->count, elapsed_ns);
}

uint64_t bench_verify_rate(const struct bench_options *options)
{
    const struct verifier example = {.count = bench_size(options, VERIFIES, VERIFIES_QUICK)};
    return parallel_rate(&example, bench_cores(), verify_main);
}

static uint8_t *pool_make(void)
{
    uint8_t *pool = malloc(POOL_BYTES);
    if (!pool)
        bench_fail("pool", PP_NO_MEMORY);
    randombytes_buf(pool, POOL_BYTES);
    return pool;
}

uint64_t bench_batch_crypto_rate(const struct bench_options *options, uint32_t stamps, uint32_t payload_bytes)
{
    uint8_t *pool = pool_make();
    const struct verifier example = {.count = 1 + bench_size(options, 60000, 100) / stamps,
                                     .stamps = stamps,
                                     .payload_bytes = payload_bytes,
                                     .pool = pool};
    uint64_t rate = parallel_rate(&example, bench_cores(), batch_main) * stamps;
    free(pool);
    return rate;
}

uint64_t bench_session_crypto_rate(const struct bench_options *options, unsigned cores, bool root,
                                   uint32_t payload_bytes)
{
    uint8_t *pool = pool_make();
    const struct verifier example = {.count = bench_size(options, 128, 1),
                                     .stamps = PP_SESSION_UNSIGNED_MAX,
                                     .root = root,
                                     .payload_bytes = payload_bytes,
                                     .pool = pool};
    uint64_t rate = parallel_rate(&example, cores, session_main) * PP_SESSION_UNSIGNED_MAX;
    free(pool);
    return rate;
}

/* ---- records ---- */

size_t bench_record_bytes(uint32_t stamps, bool session)
{
    struct pp_row_charged *rows = calloc(stamps, sizeof *rows);
    uint8_t *buffer = malloc(PP_RECORD_MAX_BYTES);
    struct pp_writer w;
    if (!rows || !buffer)
        bench_fail("record", PP_NO_MEMORY);
    for (uint32_t i = 0; i < stamps; i++)
        rows[i] = (struct pp_row_charged){.admitted = 1, .leaf = {.size = 1, .retention_days = 1}};
    struct pp_record record = {.type = PP_RECORD_TYPE_CHARGED, .count = stamps, .charged_rows = rows};
    if (session)
        record.type = PP_RECORD_TYPE_SESSION_CHARGED;
    else
        record.charged.kind = PP_STAMP_BATCH;
    size_t length = 0;
    pp_writer_init(&w, buffer, PP_RECORD_MAX_BYTES);
    pp_record_write(&w, &record);
    BENCH_OK(pp_writer_finish(&w, &length));
    free(rows);
    free(buffer);
    return length + PP_RECORD_CHECKSUM_BYTES;
}

/* ---- appending ---- */

static void lmdb_ok(int status, const char *what)
{
    if (status != MDB_SUCCESS)
        bench_fail(what, PP_IO);
}

static void append_group(MDB_env *env, MDB_dbi table, const uint8_t *pool, size_t value_bytes, uint64_t first,
                         size_t count)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    lmdb_ok(mdb_txn_begin(env, NULL, 0, &txn), "mdb_txn_begin");
    lmdb_ok(mdb_cursor_open(txn, table, &cursor), "mdb_cursor_open");
    for (uint64_t number = first; number < first + count; number++) {
        uint8_t key_bytes[8];
        for (unsigned i = 0; i < 8; i++)
            key_bytes[i] = (uint8_t)(number >> (56 - 8 * i));
        MDB_val key = {8, key_bytes};
        MDB_val value = {.mv_size = value_bytes};
        lmdb_ok(mdb_cursor_put(cursor, &key, &value, MDB_RESERVE | MDB_APPEND), "mdb_cursor_put");
        memcpy(value.mv_data, pool + number % 4096, value_bytes);
    }
    mdb_cursor_close(cursor);
    lmdb_ok(mdb_txn_commit(txn), "mdb_txn_commit");
}

uint64_t bench_append_rate(const struct bench_options *options, size_t value_bytes, size_t count,
                           size_t group)
{
    char *path = bench_path(options, "limit.mdb"), *lock = bench_path(options, "limit.mdb-lock");
    uint8_t *pool = malloc(4096 + value_bytes);
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi table;
    if (!pool)
        bench_fail("pool", PP_NO_MEMORY);
    randombytes_buf(pool, 4096 + value_bytes);
    lmdb_ok(mdb_env_create(&env), "mdb_env_create");
    lmdb_ok(mdb_env_set_mapsize(env, (size_t)16 << 30), "mdb_env_set_mapsize");
    lmdb_ok(mdb_env_open(env, path, MDB_NOSUBDIR, 0600), "mdb_env_open");
    lmdb_ok(mdb_txn_begin(env, NULL, 0, &txn), "mdb_txn_begin");
    lmdb_ok(mdb_dbi_open(txn, NULL, 0, &table), "mdb_dbi_open");
    lmdb_ok(mdb_txn_commit(txn), "mdb_txn_commit");
    uint64_t started_ns = bench_now_ns();
    for (size_t done = 0; done < count; done += group)
        append_group(env, table, pool, value_bytes, done, count - done < group ? count - done : group);
    uint64_t elapsed_ns = bench_now_ns() - started_ns;
    mdb_env_close(env);
    unlink(path);
    unlink(lock);
    free(pool);
    free(path);
    free(lock);
    return bench_per_second(count, elapsed_ns);
}
