/* The limits: what the machine does when nothing of ours is in the way. */
#include "bench.h"

#include <lmdb.h>
#include <pthread.h>
#include <secp256k1.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VERIFIES 10000u /* a core */

/* ---- signatures ---- */

struct verifier {
    pthread_t thread;
    secp256k1_context *context;
    secp256k1_pubkey key;
    secp256k1_ecdsa_signature signature;
    uint8_t digest[32];
};

static void *verify_main(void *context)
{
    struct verifier *v = context;
    for (unsigned i = 0; i < VERIFIES; i++)
        if (secp256k1_ecdsa_verify(v->context, &v->signature, v->digest, &v->key) != 1)
            bench_fail("secp256k1_ecdsa_verify", PP_BAD_SIGNATURE);
    return NULL;
}

static void verifier_make(struct verifier *v, uint8_t seed)
{
    uint8_t secret[32] = {seed, 1, 2, 3};
    v->context = secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY);
    memset(v->digest, 0x5a ^ seed, sizeof v->digest);
    if (secp256k1_ec_pubkey_create(v->context, &v->key, secret) != 1 ||
        secp256k1_ecdsa_sign(v->context, &v->signature, v->digest, secret, NULL, NULL) != 1)
        bench_fail("secp256k1_ecdsa_sign", PP_BAD_KEY);
}

uint64_t bench_verify_rate(void)
{
    struct verifier verifiers[64];
    unsigned cores = bench_cores();
    for (unsigned i = 0; i < cores; i++)
        verifier_make(&verifiers[i], (uint8_t)(i + 1));
    uint64_t started_ns = bench_now_ns();
    for (unsigned i = 0; i < cores; i++)
        if (pthread_create(&verifiers[i].thread, NULL, verify_main, &verifiers[i]) != 0)
            bench_fail("pthread_create", PP_SYSTEM);
    for (unsigned i = 0; i < cores; i++)
        pthread_join(verifiers[i].thread, NULL);
    uint64_t elapsed_ns = bench_now_ns() - started_ns;
    for (unsigned i = 0; i < cores; i++)
        secp256k1_context_destroy(verifiers[i].context);
    return bench_per_second((uint64_t)cores * VERIFIES, elapsed_ns);
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
