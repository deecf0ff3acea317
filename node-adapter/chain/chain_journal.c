#define _GNU_SOURCE
#include "chain/chain_journal.h"

#include <pp/assert.h>
#include <pp/wire.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAP_BYTES_DEFAULT (UINT64_C(1) << 30) /* address space, not disk: some thousand transactions */
#define HEAD_VERSION 1u
#define MACHINE_MAX 72u
#define HEAD_BYTES (1u + 8u + 20u + 20u + 8u + 8u)

enum table {
    HEAD,
    RECORDS,
    LIVE,
    DATA,
    KEYS,
    RAW,
    TABLE_COUNT,
};
static const char *const table_names[TABLE_COUNT] = {"head", "records", "live", "data", "keys", "raw"};

struct chain_journal {
    MDB_env *env;
    MDB_dbi tables[TABLE_COUNT];
    int lock_file;
    bool claimed; /* our machine's name is in it */
    struct chain_journal_owner owner;
};

struct head {
    struct chain_journal_owner owner;
    uint64_t next_id;
    uint64_t next_nonce;
};

static enum pp_error translate(int code)
{
    switch (code) {
    case MDB_SUCCESS:
        return PP_OK;
    case MDB_NOTFOUND:
        return PP_NOT_FOUND;
    case MDB_MAP_FULL:
    case ENOSPC:
        return PP_STORE_FULL;
    case MDB_VERSION_MISMATCH:
        return PP_SCHEMA;
    case MDB_INVALID:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
        return PP_CORRUPT;
    case ENOMEM:
        return PP_NO_MEMORY;
    case EACCES:
    case EROFS:
    default:
        return PP_IO;
    }
}

#define TRY_LMDB(expression) PP_TRY(translate(expression))

/* ---- keys and values ---- */

struct key {
    uint8_t bytes[9];
    MDB_val value;
};

static MDB_val *id_key(struct key *key, uint64_t id, int attempt)
{
    struct pp_writer w;
    size_t length = 0;
    pp_writer_init(&w, key->bytes, sizeof key->bytes);
    pp_write_u64(&w, id);
    if (attempt >= 0)
        pp_write_u8(&w, (uint8_t)attempt);
    enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK);
    key->value = (MDB_val){length, key->bytes};
    return &key->value;
}

static uint64_t id_read(const MDB_val *value)
{
    struct pp_reader r;
    pp_reader_init(&r, value->mv_data, value->mv_size);
    uint64_t id = pp_read_u64(&r);
    return pp_reader_finish(&r) == PP_OK ? id : 0;
}

static MDB_val value_of(const uint8_t *bytes, size_t length)
{
    union {
        const uint8_t *in;
        void *out;
    } pointer = {.in = bytes}; /* LMDB does not write through it */
    return (MDB_val){length, pointer.out};
}

static enum pp_error put(struct chain_journal *journal, MDB_txn *txn, enum table table, MDB_val *key,
                         const uint8_t *bytes, size_t length)
{
    MDB_val value = value_of(bytes, length);
    return translate(mdb_put(txn, journal->tables[table], key, &value, 0));
}

static enum pp_error copy_out(struct chain_journal *journal, MDB_txn *txn, enum table table, MDB_val *key,
                              uint8_t *out, size_t capacity, size_t *out_length)
{
    MDB_val value;
    TRY_LMDB(mdb_get(txn, journal->tables[table], key, &value));
    if (value.mv_size > capacity)
        return PP_CORRUPT;
    memcpy(out, value.mv_data, value.mv_size);
    *out_length = value.mv_size;
    return PP_OK;
}

/* ---- head ---- */

static MDB_val head_key(void)
{
    return value_of((const uint8_t *)"head", 4);
}

static enum pp_error head_read(struct chain_journal *journal, MDB_txn *txn, struct head *out)
{
    uint8_t bytes[HEAD_BYTES];
    size_t length;
    struct pp_reader r;
    MDB_val key = head_key();
    PP_TRY(copy_out(journal, txn, HEAD, &key, bytes, sizeof bytes, &length));
    pp_reader_init(&r, bytes, length);
    if (pp_read_u8(&r) != HEAD_VERSION)
        return PP_SCHEMA;
    out->owner.chain_id = pp_read_u64(&r);
    pp_read_bytes(&r, out->owner.contract.bytes, 20);
    pp_read_bytes(&r, out->owner.account.bytes, 20);
    out->next_id = pp_read_u64(&r);
    out->next_nonce = pp_read_u64(&r);
    return pp_reader_finish(&r) == PP_OK && out->next_id > 0 ? PP_OK : PP_CORRUPT;
}

static enum pp_error head_write(struct chain_journal *journal, MDB_txn *txn, const struct head *head)
{
    uint8_t bytes[HEAD_BYTES];
    size_t length;
    struct pp_writer w;
    MDB_val key = head_key();
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_write_u8(&w, HEAD_VERSION);
    pp_write_u64(&w, head->owner.chain_id);
    pp_write_bytes(&w, head->owner.contract.bytes, 20);
    pp_write_bytes(&w, head->owner.account.bytes, 20);
    pp_write_u64(&w, head->next_id);
    pp_write_u64(&w, head->next_nonce);
    PP_TRY(pp_writer_finish(&w, &length));
    return put(journal, txn, HEAD, &key, bytes, length);
}

static bool same_owner(const struct chain_journal_owner *a, const struct chain_journal_owner *b)
{
    return a->chain_id == b->chain_id && pp_address_eq(&a->contract, &b->contract) &&
           pp_address_eq(&a->account, &b->account);
}

/* ---- transactions: committed on OK, aborted otherwise ---- */

typedef enum pp_error journal_work(struct chain_journal *journal, MDB_txn *txn, void *context);

static enum pp_error in_transaction(struct chain_journal *journal, bool writing, journal_work *work,
                                    void *context)
{
    MDB_txn *txn;
    TRY_LMDB(mdb_txn_begin(journal->env, NULL, writing ? 0 : MDB_RDONLY, &txn));
    enum pp_error error = work(journal, txn, context);
    if (error != PP_OK || !writing) {
        mdb_txn_abort(txn);
        return error;
    }
    return translate(mdb_txn_commit(txn));
}

/* ---- opening ---- */

static enum pp_error begin(struct chain_journal *journal, MDB_txn *txn, void *context)
{
    (void)context;
    struct head head;
    for (unsigned i = 0; i < TABLE_COUNT; i++)
        TRY_LMDB(mdb_dbi_open(txn, table_names[i], MDB_CREATE, &journal->tables[i]));
    enum pp_error error = head_read(journal, txn, &head);
    if (error == PP_NOT_FOUND) {
        head = (struct head){.owner = journal->owner, .next_id = 1};
        return head_write(journal, txn, &head);
    }
    PP_TRY(error);
    return same_owner(&head.owner, &journal->owner) ? PP_OK : PP_WRONG_DOMAIN; /* JOB-003 */
}

/* Of this machine, whatever process: the id that systemd made for it, else its name. */
static void machine_name(char out[MACHINE_MAX])
{
    memset(out, 0, MACHINE_MAX);
    int file = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
    ssize_t got = file >= 0 ? read(file, out, MACHINE_MAX - 1) : -1;
    if (file >= 0)
        close(file);
    if (got <= 1 && gethostname(out, MACHINE_MAX - 1) != 0)
        out[0] = '?';
    out[strcspn(out, "\n")] = '\0';
}

/* JOB-010: a lock of the file system holds off processes of this machine; on a folder that machines share it may not hold off
 * others. A claim that was not taken back is of one that runs, or crashed: only its owner knows. */
static enum pp_error machine_claim(struct chain_journal *journal)
{
    char ours[MACHINE_MAX], there[MACHINE_MAX] = "";
    machine_name(ours);
    ssize_t got = pread(journal->lock_file, there, sizeof there - 1, 0);
    if (got < 0)
        return PP_IO;
    if (got > 0 && strcmp(there, ours) != 0 && !journal->owner.takes_over)
        return PP_LOCKED;
    size_t length = strlen(ours);
    if (ftruncate(journal->lock_file, 0) != 0 ||
        pwrite(journal->lock_file, ours, length, 0) != (ssize_t)length || fsync(journal->lock_file) != 0)
        return PP_IO;
    journal->claimed = true;
    return PP_OK;
}

static enum pp_error folder_open(struct chain_journal *journal, const char *dir)
{
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s/job.lock", dir) >= sizeof path)
        return PP_TOO_LONG;
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return PP_IO;
    journal->lock_file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (journal->lock_file < 0)
        return PP_IO;
    if (flock(journal->lock_file, LOCK_EX | LOCK_NB) != 0)
        return PP_LOCKED;
    return machine_claim(journal);
}

static enum pp_error environment_open(struct chain_journal *journal, const char *dir, uint64_t map_bytes)
{
    TRY_LMDB(mdb_env_create(&journal->env));
    TRY_LMDB(mdb_env_set_maxdbs(journal->env, TABLE_COUNT));
    TRY_LMDB(mdb_env_set_mapsize(journal->env, map_bytes ? map_bytes : MAP_BYTES_DEFAULT));
    TRY_LMDB(mdb_env_open(journal->env, dir, 0, 0600));
    return in_transaction(journal, true, begin, NULL);
}

enum pp_error chain_journal_open(const char *dir, const struct chain_journal_owner *owner, uint64_t map_bytes,
                                 struct chain_journal **out)
{
    struct chain_journal *journal = calloc(1, sizeof *journal);
    if (!journal)
        return PP_NO_MEMORY;
    journal->lock_file = -1;
    journal->owner = *owner;
    enum pp_error error = folder_open(journal, dir);
    if (error == PP_OK)
        error = environment_open(journal, dir, map_bytes);
    if (error != PP_OK) {
        chain_journal_close(journal);
        return error;
    }
    *out = journal;
    return PP_OK;
}

static enum pp_error begin_reading(struct chain_journal *journal, MDB_txn *txn)
{
    struct head head;
    for (unsigned i = 0; i < TABLE_COUNT; i++)
        TRY_LMDB(mdb_dbi_open(txn, table_names[i], 0, &journal->tables[i]));
    PP_TRY(head_read(journal, txn, &head));
    return same_owner(&head.owner, &journal->owner) ? PP_OK : PP_WRONG_DOMAIN;
}

/* The tables stay open only if the transaction that opened them is committed; a reading one writes nothing by that. */
static enum pp_error environment_open_read(struct chain_journal *journal, const char *dir)
{
    MDB_txn *txn;
    TRY_LMDB(mdb_env_create(&journal->env));
    TRY_LMDB(mdb_env_set_maxdbs(journal->env, TABLE_COUNT));
    TRY_LMDB(mdb_env_open(journal->env, dir, MDB_RDONLY, 0600));
    TRY_LMDB(mdb_txn_begin(journal->env, NULL, MDB_RDONLY, &txn));
    enum pp_error error = begin_reading(journal, txn);
    if (error != PP_OK) {
        mdb_txn_abort(txn);
        return error;
    }
    return translate(mdb_txn_commit(txn));
}

enum pp_error chain_journal_open_read(const char *dir, const struct chain_journal_owner *owner,
                                      struct chain_journal **out)
{
    char path[PATH_MAX];
    struct stat about;
    if ((size_t)snprintf(path, sizeof path, "%s/data.mdb", dir) >= sizeof path)
        return PP_TOO_LONG;
    if (stat(path, &about) != 0)
        return errno == ENOENT || errno == ENOTDIR ? PP_NOT_FOUND : PP_IO;
    struct chain_journal *journal = calloc(1, sizeof *journal);
    if (!journal)
        return PP_NO_MEMORY;
    journal->lock_file = -1;
    journal->owner = *owner;
    enum pp_error error = environment_open_read(journal, dir);
    if (error != PP_OK) {
        chain_journal_close(journal);
        return error;
    }
    *out = journal;
    return PP_OK;
}

void chain_journal_close(struct chain_journal *journal)
{
    if (!journal)
        return;
    if (journal->env)
        mdb_env_close(journal->env);
    if (journal->claimed && ftruncate(journal->lock_file, 0) == 0)
        (void)fsync(journal->lock_file); /* else it stays claimed: no more than a question to the owner */
    if (journal->lock_file >= 0)
        close(journal->lock_file);
    free(journal);
}

/* ---- records ---- */

static enum pp_error record_write(struct chain_journal *journal, MDB_txn *txn,
                                  const struct pp_job_record *record)
{
    uint8_t bytes[PP_JOB_RECORD_MAX_BYTES];
    size_t length;
    struct key key;
    PP_TRY(pp_job_encode(record, bytes, sizeof bytes, &length));
    PP_TRY(put(journal, txn, RECORDS, id_key(&key, record->id, -1), bytes, length));
    if (!pp_job_is_over(record->state))
        return put(journal, txn, LIVE, id_key(&key, record->id, -1), bytes, 0);
    int code = mdb_del(txn, journal->tables[LIVE], id_key(&key, record->id, -1), NULL);
    return code == MDB_NOTFOUND ? PP_OK : translate(code);
}

struct add {
    const struct pp_job_intent *intent;
    struct pp_job_record *out;
};

static enum pp_error add(struct chain_journal *journal, MDB_txn *txn, void *context)
{
    struct add *add = context;
    const struct pp_job_intent *intent = add->intent;
    struct head head;
    struct key key;
    uint8_t id_bytes[8];
    PP_TRY(head_read(journal, txn, &head));
    struct pp_job_record record = {
        .id = head.next_id++,
        .kind = intent->kind,
        .state = PP_JOB_STATE_QUEUED,
        .key = intent->key,
        .to = intent->to,
        .expectation = intent->expectation,
        .stake = intent->stake,
    };
    memcpy(record.label, intent->label, sizeof record.label);
    PP_TRY(head_write(journal, txn, &head));
    PP_TRY(record_write(journal, txn, &record));
    PP_TRY(put(journal, txn, DATA, id_key(&key, record.id, -1), intent->data, intent->data_length));
    memcpy(id_bytes, id_key(&key, record.id, -1)->mv_data, sizeof id_bytes);
    MDB_val by_key = value_of(intent->key.bytes, 32);
    PP_TRY(put(journal, txn, KEYS, &by_key, id_bytes, sizeof id_bytes));
    *add->out = record;
    return PP_OK;
}

enum pp_error chain_journal_add(struct chain_journal *journal, const struct pp_job_intent *intent,
                                struct pp_job_record *out)
{
    struct pp_job_record record;
    struct add context = {intent, &record};
    PP_TRY(in_transaction(journal, true, add, &context));
    *out = record;
    return PP_OK;
}

struct put_record {
    const struct pp_job_record *record;
    const uint8_t *raw;
    size_t raw_length;
};

static enum pp_error put_record(struct chain_journal *journal, MDB_txn *txn, void *context)
{
    const struct put_record *put_context = context;
    const struct pp_job_record *record = put_context->record;
    struct key key;
    PP_TRY(record_write(journal, txn, record));
    if (!put_context->raw)
        return PP_OK;
    PP_ASSERT(record->attempt_count > 0);
    PP_TRY(put(journal, txn, RAW, id_key(&key, record->id, (int)record->attempt_count - 1), put_context->raw,
               put_context->raw_length));
    struct head head;
    PP_TRY(head_read(journal, txn, &head));
    if (record->nonce < head.next_nonce)
        return PP_OK;
    head.next_nonce = record->nonce + 1;
    return head_write(journal, txn, &head);
}

enum pp_error chain_journal_put(struct chain_journal *journal, const struct pp_job_record *record,
                                const uint8_t *raw, size_t raw_length)
{
    struct put_record context = {record, raw, raw_length};
    return in_transaction(journal, true, put_record, &context);
}

struct get {
    enum table table;
    MDB_val *key;
    uint8_t *out;
    size_t capacity;
    size_t *out_length;
};

static enum pp_error get(struct chain_journal *journal, MDB_txn *txn, void *context)
{
    const struct get *get_context = context;
    return copy_out(journal, txn, get_context->table, get_context->key, get_context->out,
                    get_context->capacity, get_context->out_length);
}

enum pp_error chain_journal_get(struct chain_journal *journal, uint64_t id, struct pp_job_record *out)
{
    uint8_t bytes[PP_JOB_RECORD_MAX_BYTES];
    size_t length;
    struct key key;
    struct get context = {RECORDS, id_key(&key, id, -1), bytes, sizeof bytes, &length};
    PP_TRY(in_transaction(journal, false, get, &context));
    struct pp_job_record record;
    PP_TRY(pp_job_decode(&record, bytes, length));
    if (record.id != id)
        return PP_CORRUPT;
    *out = record;
    return PP_OK;
}

enum pp_error chain_journal_find(struct chain_journal *journal, const struct pp_hash *key,
                                 struct pp_job_record *out)
{
    uint8_t bytes[8];
    size_t length;
    MDB_val by_key = value_of(key->bytes, 32);
    struct get context = {KEYS, &by_key, bytes, sizeof bytes, &length};
    PP_TRY(in_transaction(journal, false, get, &context));
    const MDB_val value = {length, bytes};
    uint64_t id = id_read(&value);
    return id == 0 ? PP_CORRUPT : chain_journal_get(journal, id, out);
}

enum pp_error chain_journal_data(struct chain_journal *journal, uint64_t id, uint8_t *out, size_t capacity,
                                 size_t *out_length)
{
    struct key key;
    struct get context = {DATA, id_key(&key, id, -1), out, capacity, out_length};
    return in_transaction(journal, false, get, &context);
}

enum pp_error chain_journal_raw(struct chain_journal *journal, uint64_t id, uint32_t attempt, uint8_t *out,
                                size_t capacity, size_t *out_length)
{
    struct key key;
    struct get context = {RAW, id_key(&key, id, (int)attempt), out, capacity, out_length};
    return in_transaction(journal, false, get, &context);
}

struct after {
    uint64_t after;
    enum table table;
    uint64_t id;
};

static enum pp_error find_after(struct chain_journal *journal, MDB_txn *txn, void *context)
{
    struct after *after = context;
    struct key key;
    MDB_cursor *cursor;
    MDB_val found = *id_key(&key, after->after + 1, -1), value;
    TRY_LMDB(mdb_cursor_open(txn, journal->tables[after->table], &cursor));
    enum pp_error error = translate(mdb_cursor_get(cursor, &found, &value, MDB_SET_RANGE));
    if (error == PP_OK) {
        after->id = id_read(&found);
        error = after->id == 0 ? PP_CORRUPT : PP_OK;
    }
    mdb_cursor_close(cursor);
    return error;
}

enum pp_error chain_journal_after(struct chain_journal *journal, uint64_t after, bool live_only,
                                  uint64_t *out_id)
{
    struct after context = {after, live_only ? LIVE : RECORDS, 0};
    PP_TRY(in_transaction(journal, false, find_after, &context));
    *out_id = context.id;
    return PP_OK;
}

static enum pp_error head_get(struct chain_journal *journal, MDB_txn *txn, void *context)
{
    return head_read(journal, txn, context);
}

enum pp_error chain_journal_next_nonce(struct chain_journal *journal, uint64_t *out)
{
    struct head head;
    PP_TRY(in_transaction(journal, false, head_get, &head));
    *out = head.next_nonce;
    return PP_OK;
}
