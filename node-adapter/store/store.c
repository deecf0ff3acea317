#include "store/store.h"

#include <pp/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define READERS_BYTES                                                                                        \
    (4096 + 64 * (off_t)PP_STORE_READERS_MAX) /* LMDB's table: a head, and a cache line each */

struct pp_store {
    MDB_env *env;
    MDB_dbi tables[PP_STORE_TABLES_MAX];
    unsigned table_count;
    uint64_t map_bytes;
    bool read_only;
    pthread_mutex_t write_lock;
    pthread_rwlock_t map_lock; /* shared: a read uses the map; exclusive: the map is replaced */
    pp_store_fault *fault;
    void *fault_context;
    struct pp_store_guard guard; /* begin NULL: none */
};

struct pp_txn {
    struct pp_store *store;
    MDB_txn *handle;
    MDB_cursor *appenders[PP_STORE_TABLES_MAX];
};

/* The one place that knows what LMDB's numbers mean to us (JRN-004). */
enum pp_error pp_store_error_of(int status)
{
    switch (status) {
    case MDB_SUCCESS:
        return PP_OK;
    case MDB_NOTFOUND:
        return PP_NOT_FOUND;
    case MDB_MAP_FULL:
    case ENOSPC:
    case EFBIG:
    case EDQUOT:
        return PP_STORE_FULL;
    case MDB_TXN_FULL:
        return PP_TOO_MANY;
    case MDB_READERS_FULL:
        return PP_BUSY;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
        return PP_CORRUPT;
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
        return PP_SCHEMA;
    case ENOMEM:
        return PP_NO_MEMORY;
    case EIO:
    case MDB_PANIC:
        return PP_IO;
    default:
        return PP_SYSTEM;
    }
}

static MDB_val val_of(struct pp_slice slice)
{
    /* LMDB's type has no const; it does not write through keys and values that it is given. */
    union {
        const uint8_t *bytes;
        void *data;
    } pointer = {.bytes = slice.bytes};
    return (MDB_val){.mv_size = slice.length, .mv_data = pointer.data};
}

static struct pp_slice slice_of(const MDB_val *val)
{
    return (struct pp_slice){.bytes = val->mv_data, .length = val->mv_size};
}

/* ---- opening ---- */

static enum pp_error refuse(int status, const char *path, const char *doing, char *out_reason)
{
    if (out_reason)
        snprintf(out_reason, PP_STORE_REASON_BYTES, "%s: %s: %s", path, doing, mdb_strerror(status));
    return status == ENOENT ? PP_NOT_FOUND : pp_store_error_of(status);
}

/* A new file is only there after a crash when its folder was flushed, too (JRN-003). */
static int folder_flush(const char *path)
{
    char copy[4096];
    if (strlen(path) >= sizeof copy)
        return ENAMETOOLONG;
    strcpy(copy, path);
    int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return errno;
    int status = fsync(folder) == 0 ? 0 : errno;
    close(folder);
    return status;
}

/* LMDB's table of readers is a sparse file that is mapped: on a full disk, the first touch of a page of it would end the
 * process (JRN-008). Before LMDB opens it: to close a file takes every lock on it from this process, LMDB's too. */
static int readers_reserve(const char *path)
{
    char lock[4096];
    if (snprintf(lock, sizeof lock, "%s-lock", path) >= (int)sizeof lock)
        return ENAMETOOLONG;
    int file = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0)
        return errno;
    int status = posix_fallocate(file, 0, READERS_BYTES);
    close(file);
    return status;
}

static int tables_open(struct pp_store *store, const struct pp_store_config *config)
{
    MDB_txn *txn;
    int status = mdb_txn_begin(store->env, NULL, config->read_only ? MDB_RDONLY : 0, &txn);
    if (status)
        return status;
    for (unsigned i = 0; i < config->table_count && !status; i++)
        status = mdb_dbi_open(txn, config->tables[i], config->read_only ? 0 : MDB_CREATE, &store->tables[i]);
    if (status) {
        mdb_txn_abort(txn);
        return status;
    }
    return mdb_txn_commit(txn);
}

static int env_open(struct pp_store *store, const struct pp_store_config *config)
{
    int status = mdb_env_create(&store->env);
    if (status)
        return status;
    if ((status = mdb_env_set_mapsize(store->env, config->read_only ? 0 : config->map_bytes)) ||
        (status = mdb_env_set_maxdbs(store->env, PP_STORE_TABLES_MAX)) ||
        (status = mdb_env_set_maxreaders(store->env, PP_STORE_READERS_MAX)))
        return status;
    unsigned flags = MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD | (config->read_only ? MDB_RDONLY : 0u);
    if (!config->read_only && (status = readers_reserve(config->path)))
        return status;
    if ((status = mdb_env_open(store->env, config->path, flags, 0600)))
        return status;
    if (!config->read_only && (status = folder_flush(config->path)))
        return status;
    return tables_open(store, config);
}

static void locks_init(struct pp_store *store)
{
    pthread_rwlockattr_t attributes;
    int status = pthread_rwlockattr_init(&attributes);
    PP_ASSERT(status == 0);
    /* Or a stream of readers would keep the map from ever being replaced. No read of a store is inside another of it. */
    status = pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    PP_ASSERT(status == 0);
    status = pthread_rwlock_init(&store->map_lock, &attributes);
    PP_ASSERT(status == 0);
    pthread_rwlockattr_destroy(&attributes);
    status = pthread_mutex_init(&store->write_lock, NULL);
    PP_ASSERT(status == 0);
}

enum pp_error pp_store_open(const struct pp_store_config *config, struct pp_store **out, char *out_reason)
{
    PP_ASSERT(config->table_count <= PP_STORE_TABLES_MAX);
    struct stat existing;
    if ((config->read_only || !config->make) && stat(config->path, &existing) != 0)
        return refuse(errno, config->path, "open", out_reason);
    struct pp_store *store = calloc(1, sizeof *store);
    if (!store)
        return PP_NO_MEMORY;
    locks_init(store);
    store->table_count = config->table_count;
    store->map_bytes = config->map_bytes;
    store->read_only = config->read_only;
    int status = env_open(store, config);
    if (status) {
        pp_store_close(store);
        enum pp_error error = refuse(status, config->path, "open", out_reason);
        return status == MDB_NOTFOUND ? PP_SCHEMA : error; /* a table is missing */
    }
    *out = store;
    return PP_OK;
}

void pp_store_close(struct pp_store *store)
{
    if (!store)
        return;
    if (store->env)
        mdb_env_close(store->env);
    pthread_rwlock_destroy(&store->map_lock);
    pthread_mutex_destroy(&store->write_lock);
    free(store);
}

void pp_store_inject(struct pp_store *store, pp_store_fault *fault, void *context)
{
    store->fault = fault;
    store->fault_context = context;
}

void pp_store_guard(struct pp_store *store, const struct pp_store_guard *guard)
{
    store->guard = *guard;
}

/* ---- transactions ---- */

static void txn_drop_appenders(struct pp_txn *txn)
{
    for (unsigned i = 0; i < txn->store->table_count; i++)
        if (txn->appenders[i])
            mdb_cursor_close(txn->appenders[i]);
}

/* A disk that fills up in the middle of a page gives a short write, which LMDB reports as EIO (JRN-006). */
static enum pp_error commit_error(struct pp_store *store, int status)
{
    if (status != EIO)
        return pp_store_error_of(status);
    int file;
    struct stat stat_now;
    struct statvfs disk;
    struct rlimit size_limit;
    if (mdb_env_get_fd(store->env, &file) != MDB_SUCCESS || fstat(file, &stat_now) != 0)
        return PP_IO;
    if (fstatvfs(file, &disk) == 0 && (uint64_t)disk.f_bavail * disk.f_frsize < PP_STORE_RESERVE_BYTES)
        return PP_STORE_FULL;
    if (getrlimit(RLIMIT_FSIZE, &size_limit) == 0 && size_limit.rlim_cur != RLIM_INFINITY &&
        (uint64_t)stat_now.st_size + PP_STORE_RESERVE_BYTES > size_limit.rlim_cur)
        return PP_STORE_FULL;
    return PP_IO;
}

static enum pp_error write_once(struct pp_store *store, pp_txn_run *run, void *context)
{
    struct pp_txn txn = {.store = store};
    int status = mdb_txn_begin(store->env, NULL, 0, &txn.handle);
    if (status)
        return pp_store_error_of(status);
    const struct pp_store_guard *guard = &store->guard;
    enum pp_error error = guard->begin ? guard->begin(guard->context, &txn) : PP_OK;
    if (error == PP_OK)
        error = run(context, &txn);
    if (error == PP_OK && guard->begin)
        error = guard->commit(guard->context);
    if (error == PP_OK && store->fault)
        error = store->fault(store->fault_context);
    txn_drop_appenders(&txn);
    if (error != PP_OK) {
        mdb_txn_abort(txn.handle);
        return error;
    }
    status = mdb_txn_commit(txn.handle);
    return status ? commit_error(store, status) : PP_OK;
}

/* LMDB lets a map be replaced only while no transaction of this process uses it. */
static enum pp_error map_resize(struct pp_store *store, uint64_t bytes)
{
    pthread_rwlock_wrlock(&store->map_lock);
    int status = mdb_env_set_mapsize(store->env, bytes);
    pthread_rwlock_unlock(&store->map_lock);
    return pp_store_error_of(status);
}

/* The map never shrinks below what is used, so what was taken of the reserve stays usable (JRN-005). */
static enum pp_error write_with_reserve(struct pp_store *store, pp_txn_run *run, void *context)
{
    PP_TRY(map_resize(store, store->map_bytes + PP_STORE_RESERVE_BYTES));
    enum pp_error error = write_once(store, run, context);
    enum pp_error back = map_resize(store, store->map_bytes);
    return error == PP_OK ? back : error;
}

enum pp_error pp_store_write(struct pp_store *store, enum pp_store_room room, pp_txn_run *run, void *context)
{
    PP_ASSERT(!store->read_only);
    pthread_mutex_lock(&store->write_lock);
    enum pp_error error =
        room == PP_STORE_RESERVE ? write_with_reserve(store, run, context) : write_once(store, run, context);
    if (error == PP_STORE_FULL && room == PP_STORE_RESERVE_IF_FULL)
        error = write_with_reserve(store, run, context);
    pthread_mutex_unlock(&store->write_lock);
    return error;
}

static enum pp_error read_once(struct pp_store *store, pp_txn_run *run, void *context, bool *out_resized)
{
    struct pp_txn txn = {.store = store};
    int status = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn.handle);
    *out_resized = status == MDB_MAP_RESIZED;
    if (status)
        return pp_store_error_of(status);
    enum pp_error error = run(context, &txn);
    mdb_txn_abort(txn.handle);
    return error;
}

enum pp_error pp_store_read(struct pp_store *store, pp_txn_run *run, void *context)
{
    bool resized;
    pthread_rwlock_rdlock(&store->map_lock);
    enum pp_error error = read_once(store, run, context, &resized);
    pthread_rwlock_unlock(&store->map_lock);
    if (!resized)
        return error;
    PP_TRY(map_resize(store, 0)); /* another process let the map grow: take its size */
    pthread_rwlock_rdlock(&store->map_lock);
    error = read_once(store, run, context, &resized);
    pthread_rwlock_unlock(&store->map_lock);
    return error;
}

/* ---- values ---- */

static size_t parts_length(const struct pp_slice *parts, size_t count)
{
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        length += parts[i].length;
    return length;
}

static void parts_copy(void *to, const struct pp_slice *parts, size_t count)
{
    uint8_t *at = to;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].length > 0)
            memcpy(at, parts[i].bytes, parts[i].length);
        at += parts[i].length;
    }
}

enum pp_error pp_txn_put(struct pp_txn *txn, unsigned table, struct pp_slice key,
                         const struct pp_slice *parts, size_t count)
{
    MDB_val key_val = val_of(key);
    MDB_val value = {.mv_size = parts_length(parts, count)};
    PP_TRY(pp_store_error_of(mdb_put(txn->handle, txn->store->tables[table], &key_val, &value, MDB_RESERVE)));
    parts_copy(value.mv_data, parts, count);
    return PP_OK;
}

enum pp_error pp_txn_append(struct pp_txn *txn, unsigned table, struct pp_slice key,
                            const struct pp_slice *parts, size_t count)
{
    MDB_cursor **cursor = &txn->appenders[table];
    if (!*cursor)
        PP_TRY(pp_store_error_of(mdb_cursor_open(txn->handle, txn->store->tables[table], cursor)));
    MDB_val key_val = val_of(key);
    MDB_val value = {.mv_size = parts_length(parts, count)};
    int status = mdb_cursor_put(*cursor, &key_val, &value, MDB_RESERVE | MDB_APPEND);
    if (status == MDB_KEYEXIST)
        return PP_INVARIANT;
    PP_TRY(pp_store_error_of(status));
    parts_copy(value.mv_data, parts, count);
    return PP_OK;
}

enum pp_error pp_txn_get(struct pp_txn *txn, unsigned table, struct pp_slice key, struct pp_slice *out)
{
    MDB_val key_val = val_of(key);
    MDB_val value;
    PP_TRY(pp_store_error_of(mdb_get(txn->handle, txn->store->tables[table], &key_val, &value)));
    *out = slice_of(&value);
    return PP_OK;
}

void pp_txn_will_read(struct pp_slice value)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)value.bytes / page * page;
    union {
        uintptr_t number;
        void *memory;
    } start = {.number = from};
    (void)madvise(start.memory, (uintptr_t)value.bytes + value.length - from,
                  MADV_WILLNEED); /* if not: it is slower */
}

enum pp_error pp_txn_delete(struct pp_txn *txn, unsigned table, struct pp_slice key)
{
    MDB_val key_val = val_of(key);
    return pp_store_error_of(mdb_del(txn->handle, txn->store->tables[table], &key_val, NULL));
}

enum pp_error pp_txn_clear(struct pp_txn *txn, unsigned table)
{
    return pp_store_error_of(mdb_drop(txn->handle, txn->store->tables[table], 0));
}

enum pp_error pp_txn_count(struct pp_txn *txn, unsigned table, uint64_t *out)
{
    MDB_stat stat_now;
    PP_TRY(pp_store_error_of(mdb_stat(txn->handle, txn->store->tables[table], &stat_now)));
    *out = stat_now.ms_entries;
    return PP_OK;
}

/* ---- walks ---- */

enum pp_error pp_scan_open(struct pp_txn *txn, unsigned table, struct pp_scan *out)
{
    MDB_cursor *cursor;
    PP_TRY(pp_store_error_of(mdb_cursor_open(txn->handle, txn->store->tables[table], &cursor)));
    *out = (struct pp_scan){.cursor = cursor};
    return PP_OK;
}

void pp_scan_close(struct pp_scan *scan)
{
    if (scan->cursor)
        mdb_cursor_close(scan->cursor);
    *scan = (struct pp_scan){0};
}

static enum pp_error scan_move(struct pp_scan *scan, struct pp_slice from, MDB_cursor_op op)
{
    MDB_val key = val_of(from);
    MDB_val value;
    PP_TRY(pp_store_error_of(mdb_cursor_get(scan->cursor, &key, &value, op)));
    scan->key = slice_of(&key);
    scan->value = slice_of(&value);
    return PP_OK;
}

enum pp_error pp_scan_first_from(struct pp_scan *scan, struct pp_slice key)
{
    return scan_move(scan, key, MDB_SET_RANGE);
}

enum pp_error pp_scan_last_to(struct pp_scan *scan, struct pp_slice key)
{
    enum pp_error error = scan_move(scan, key, MDB_SET_RANGE);
    if (error == PP_NOT_FOUND)
        return pp_scan_last(scan);
    PP_TRY(error);
    if (scan->key.length == key.length && memcmp(scan->key.bytes, key.bytes, key.length) == 0)
        return PP_OK;
    return pp_scan_previous(scan);
}

enum pp_error pp_scan_first(struct pp_scan *scan)
{
    return scan_move(scan, pp_slice(NULL, 0), MDB_FIRST);
}

enum pp_error pp_scan_last(struct pp_scan *scan)
{
    return scan_move(scan, pp_slice(NULL, 0), MDB_LAST);
}

enum pp_error pp_scan_next(struct pp_scan *scan)
{
    return scan_move(scan, pp_slice(NULL, 0), MDB_NEXT);
}

enum pp_error pp_scan_previous(struct pp_scan *scan)
{
    return scan_move(scan, pp_slice(NULL, 0), MDB_PREV);
}

enum pp_error pp_scan_delete(struct pp_scan *scan)
{
    PP_TRY(pp_store_error_of(mdb_cursor_del(scan->cursor, 0)));
    return pp_scan_next(scan);
}

/* ---- looking ---- */

void pp_store_usage(struct pp_store *store, struct pp_store_usage *out)
{
    MDB_envinfo info;
    MDB_stat stat_now;
    *out = (struct pp_store_usage){.map_bytes = store->map_bytes};
    if (mdb_env_info(store->env, &info) == MDB_SUCCESS && mdb_env_stat(store->env, &stat_now) == MDB_SUCCESS)
        out->used_bytes = (uint64_t)(info.me_last_pgno + 1) * stat_now.ms_psize;
}

void pp_store_sweep_readers(struct pp_store *store)
{
    int dead;
    (void)mdb_reader_check(store->env, &dead);
}

struct pp_key8 pp_key8_of(uint64_t number)
{
    struct pp_key8 key;
    for (unsigned i = 0; i < 8; i++)
        key.bytes[i] = (uint8_t)(number >> (56 - 8 * i));
    return key;
}

uint64_t pp_key8_number(const uint8_t bytes[8])
{
    uint64_t number = 0;
    for (unsigned i = 0; i < 8; i++)
        number = number << 8 | bytes[i];
    return number;
}
