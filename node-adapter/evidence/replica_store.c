#include "evidence/replica_store.h"

#include "evidence/proof_file.h"

#include <pp/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum table {
    TABLE_META,     /* "schema" -> u32 */
    TABLE_SEGMENTS, /* lane u32, next u64 -> a segment as it came */
    TABLE_DELETED,  /* lane u32, sequence u64 of a stamp -> nothing: its storage was given back */
    TABLE_EPOCHS,   /* lane u32, epoch u64 -> the lanes at that epoch's end: epoch/cut.h */
    TABLE_STOPPED,  /* lane u32 -> error u32, kind u8, sequence_a u64, sequence_b u64, proof */
    TABLES,
};
static const char *const tables[TABLES] = {"meta", "segments", "deleted", "epochs", "stopped"};

#define SCHEMA_NUMBER 1u
#define STOP_HEAD_BYTES (4u + 1u + 8u + 8u)

struct pp_replica_store {
    struct pp_store *store;
    int lock;
    char dir[PP_PATH_MAX];
};

struct key {
    uint8_t bytes[12];
};

static struct key key_of(uint32_t lane, uint64_t number)
{
    struct key key;
    const struct pp_key8 low = pp_key8_of(number), high = pp_key8_of(lane);
    memcpy(key.bytes, high.bytes + 4, 4);
    memcpy(key.bytes + 4, low.bytes, 8);
    return key;
}

static struct pp_slice slice_of(const struct key *key)
{
    return pp_slice(key->bytes, sizeof key->bytes);
}

/* ---- opening ---- */

static enum pp_error schema_take(void *context, struct pp_txn *txn)
{
    static const uint8_t number[4] = {0, 0, 0, SCHEMA_NUMBER};
    const struct pp_slice part = pp_slice(number, sizeof number);
    struct pp_slice value;
    (void)context;
    enum pp_error error = pp_txn_get(txn, TABLE_META, pp_slice("schema", 6), &value);
    if (error == PP_NOT_FOUND)
        return pp_txn_put(txn, TABLE_META, pp_slice("schema", 6), &part, 1);
    PP_TRY(error);
    return value.length == sizeof number && memcmp(value.bytes, number, sizeof number) == 0 ? PP_OK
                                                                                            : PP_SCHEMA;
}

/* EVID-060: one process writes them. */
static enum pp_error folder_lock(struct pp_replica_store *store, char *out_reason)
{
    char path[PP_PATH_MAX];
    if (mkdir(store->dir, 0700) != 0 && errno != EEXIST) {
        snprintf(out_reason, PP_STORE_REASON_BYTES, "%.150s: %s", store->dir, strerror(errno));
        return PP_SYSTEM;
    }
    PP_TRY(pp_data_path(store->dir, "lock", path));
    store->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock >= 0 && flock(store->lock, LOCK_EX | LOCK_NB) == 0)
        return PP_OK;
    snprintf(out_reason, PP_STORE_REASON_BYTES, "%.150s: %s", path, strerror(errno));
    return errno == EWOULDBLOCK ? PP_LOCKED : PP_SYSTEM;
}

static enum pp_error proofs_export(struct pp_replica_store *store);

static enum pp_error store_start(struct pp_replica_store *store, uint64_t map_bytes, char *out_reason)
{
    char path[PP_PATH_MAX];
    PP_TRY(folder_lock(store, out_reason));
    PP_TRY(pp_data_path(store->dir, "replicas.mdb", path));
    const struct pp_store_config config = {
        .path = path, .map_bytes = map_bytes, .make = true, .tables = tables, .table_count = TABLES};
    PP_TRY(pp_store_open(&config, &store->store, out_reason));
    PP_TRY(pp_store_write(store->store, PP_STORE_RESERVE_IF_FULL, schema_take, NULL));
    return proofs_export(store);
}

enum pp_error pp_replica_store_open(const char *dir, uint64_t map_bytes, struct pp_replica_store **out,
                                    char out_reason[PP_STORE_REASON_BYTES])
{
    struct pp_replica_store *store = calloc(1, sizeof *store);
    out_reason[0] = '\0';
    if (!store)
        return PP_NO_MEMORY;
    store->lock = -1;
    enum pp_error error = strlen(dir) < sizeof store->dir ? PP_OK : PP_BAD_CONFIG;
    if (error == PP_OK) {
        memcpy(store->dir, dir, strlen(dir) + 1);
        error = store_start(store, map_bytes, out_reason);
    }
    if (error != PP_OK) {
        pp_replica_store_close(store);
        return error;
    }
    *out = store;
    return PP_OK;
}

void pp_replica_store_close(struct pp_replica_store *store)
{
    if (!store)
        return;
    pp_store_close(store->store);
    if (store->lock >= 0)
        close(store->lock); /* after the store: whoever opens it next finds it whole */
    free(store);
}

void pp_replica_store_inject(struct pp_replica_store *store, pp_store_fault *fault, void *context)
{
    pp_store_inject(store->store, fault, context);
}

/* ---- segments ---- */

static bool is_of_lane(struct pp_slice key, uint32_t lane)
{
    const struct key expected = key_of(lane, 0);
    return key.length == sizeof expected.bytes && memcmp(key.bytes, expected.bytes, 4) == 0;
}

/* The one that covers a sequence: the first that ends behind it. */
static enum pp_error segment_find(struct pp_txn *txn, uint32_t lane, uint64_t sequence, struct pp_slice *out)
{
    struct pp_scan scan;
    if (sequence == UINT64_MAX)
        return PP_NOT_FOUND;
    const struct key key = key_of(lane, sequence + 1);
    PP_TRY(pp_scan_open(txn, TABLE_SEGMENTS, &scan));
    enum pp_error error = pp_scan_first_from(&scan, slice_of(&key));
    if (error == PP_OK && !is_of_lane(scan.key, lane))
        error = PP_NOT_FOUND;
    if (error == PP_OK)
        *out = scan.value;
    pp_scan_close(&scan);
    return error;
}

struct loading {
    struct pp_replica *replica;
    enum pp_error stopped;
};

static enum pp_error segments_replay(struct loading *loading, struct pp_scan *scan)
{
    const uint32_t lane = loading->replica->config.owner.lane;
    const struct key first = key_of(lane, 0);
    enum pp_error error = pp_scan_first_from(scan, slice_of(&first));
    for (; error == PP_OK && is_of_lane(scan->key, lane); error = pp_scan_next(scan)) {
        struct pp_segment segment;
        if (pp_segment_decode(scan->value, &segment) != PP_OK)
            return PP_CORRUPT;
        PP_TRY(pp_replica_replay(loading->replica, &segment));
    }
    return error == PP_NOT_FOUND ? PP_OK : error;
}

struct stop {
    uint32_t error;
    uint8_t kind;
    uint64_t sequence_a, sequence_b;
    struct pp_slice proof;
};

static enum pp_error stop_get(struct pp_txn *txn, uint32_t lane, struct stop *out)
{
    const struct key key = key_of(lane, 0);
    struct pp_slice value;
    struct pp_reader r;
    PP_TRY(pp_txn_get(txn, TABLE_STOPPED, pp_slice(key.bytes, 4), &value));
    pp_reader_init(&r, value.bytes, value.length);
    out->error = pp_read_u32(&r);
    out->kind = pp_read_u8(&r);
    out->sequence_a = pp_read_u64(&r);
    out->sequence_b = pp_read_u64(&r);
    out->proof.length = pp_reader_left(&r);
    out->proof.bytes = pp_read_slice(&r, out->proof.length);
    return pp_reader_finish(&r) == PP_OK && pp_replica_error_convicts((enum pp_error)out->error) ? PP_OK
                                                                                                 : PP_CORRUPT;
}

static enum pp_error load_run(void *context, struct pp_txn *txn)
{
    struct loading *loading = context;
    struct pp_scan scan;
    struct stop stop = {0};
    enum pp_error error = stop_get(txn, loading->replica->config.owner.lane, &stop);
    if (error != PP_NOT_FOUND)
        PP_TRY(error);
    loading->stopped = (enum pp_error)stop.error;
    PP_TRY(pp_scan_open(txn, TABLE_SEGMENTS, &scan));
    error = segments_replay(loading, &scan);
    pp_scan_close(&scan);
    return error;
}

enum pp_error pp_replica_store_load(struct pp_replica_store *store, struct pp_replica *replica,
                                    enum pp_error *out_stopped)
{
    struct loading loading = {.replica = replica};
    PP_TRY(pp_replica_reset(replica));
    enum pp_error error = pp_store_read(store->store, load_run, &loading);
    replica->spoiled = error != PP_OK;
    if (error == PP_OK)
        *out_stopped = loading.stopped;
    return error;
}

/* ---- taking ---- */

struct taking {
    struct pp_replica *replica;
    struct pp_slice bytes;
    struct pp_segment segment;
    struct pp_replica_fault fault;
    struct pp_txn *txn;
    bool reached; /* the replica was offered it */
};

static enum pp_error past_segment(void *context, uint64_t sequence, struct pp_segment *out)
{
    const struct taking *taking = context;
    struct pp_slice bytes;
    PP_TRY(segment_find(taking->txn, taking->replica->config.owner.lane, sequence, &bytes));
    return pp_segment_decode(bytes, out) == PP_OK ? PP_OK : PP_CORRUPT;
}

static enum pp_error past_is_deleted(void *context, uint64_t sequence, bool *out)
{
    const struct taking *taking = context;
    const struct key key = key_of(taking->replica->config.owner.lane, sequence);
    struct pp_slice value;
    enum pp_error error = pp_txn_get(taking->txn, TABLE_DELETED, slice_of(&key), &value);
    *out = error == PP_OK;
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static enum pp_error past_set_deleted(void *context, uint64_t sequence)
{
    const struct taking *taking = context;
    const struct key key = key_of(taking->replica->config.owner.lane, sequence);
    static const uint8_t yes = 1;
    const struct pp_slice part = {&yes, 1};
    return pp_txn_put(taking->txn, TABLE_DELETED, slice_of(&key), &part, 1);
}

/* EPOCH-003: in the transaction of its segment. */
static enum pp_error past_epoch_ended(void *context, uint64_t epoch, const struct pp_journal_head *head)
{
    const struct taking *taking = context;
    const struct key key = key_of(taking->replica->config.owner.lane, 0);
    struct pp_cut cut;
    PP_TRY(pp_cut_take(&taking->replica->ledger, head, epoch, &cut));
    const enum pp_error error = pp_cut_put(taking->txn, TABLE_EPOCHS, pp_slice(key.bytes, 4), &cut);
    pp_cut_done(&cut);
    return error;
}

/* EVID-061: the segment, and what it deleted, in one transaction. */
static enum pp_error take_run(void *context, struct pp_txn *txn)
{
    struct taking *taking = context;
    const struct pp_replica_past past = {past_segment, past_is_deleted, past_set_deleted, past_epoch_ended,
                                         taking};
    const uint64_t before = taking->replica->head.next_sequence;
    taking->txn = txn;
    taking->reached = true;
    PP_TRY(pp_replica_take(taking->replica, &taking->segment, &past, &taking->fault));
    if (taking->replica->head.next_sequence == before)
        return PP_OK;
    const struct key key = key_of(taking->segment.head.lane, taking->segment.head.next);
    return pp_txn_put(txn, TABLE_SEGMENTS, slice_of(&key), &taking->bytes, 1);
}

struct stopping {
    const struct taking *taking;
    uint8_t *proof; /* PP_PROOF_MAX_BYTES */
    size_t proof_length;
};

/* The entry before stands in what is held, or in the refused segment itself. */
static enum pp_error proof_make(struct stopping *stopping, struct pp_txn *txn)
{
    const struct taking *taking = stopping->taking;
    const struct pp_replica_fault *fault = &taking->fault;
    const struct pp_segment_owner *owner = &taking->replica->config.owner;
    const uint64_t at = fault->kind == PP_PROOF_FORK ? fault->sequence_a - 1 : fault->sequence_a;
    struct pp_slice before;
    enum pp_error error = segment_find(txn, owner->lane, at, &before);
    if (error == PP_NOT_FOUND)
        before = taking->bytes;
    else
        PP_TRY(error);
    const struct pp_proof proof = {
        .kind = fault->kind,
        .chain_id = owner->domain->chain_id,
        .contract = owner->domain->contract,
        .operator_address = owner->operator_address,
        .node_id = pp_lane_node(owner->lane),
        .sequence_a = fault->sequence_a,
        .sequence_b = fault->sequence_b,
        .count = 2,
        .statements = {{PP_STATEMENT_SEGMENT, before}, {PP_STATEMENT_SEGMENT, taking->bytes}},
    };
    return pp_proof_encode(&proof, stopping->proof, PP_PROOF_MAX_BYTES, &stopping->proof_length);
}

/* EVID-062 */
static enum pp_error stop_run(void *context, struct pp_txn *txn)
{
    struct stopping *stopping = context;
    const struct pp_replica_fault *fault = &stopping->taking->fault;
    uint8_t head[STOP_HEAD_BYTES];
    struct pp_writer w;
    size_t length = 0;
    stopping->proof_length = 0;
    if (fault->kind != 0)
        PP_TRY(proof_make(stopping, txn));
    pp_writer_init(&w, head, sizeof head);
    pp_write_u32(&w, (uint32_t)fault->error);
    pp_write_u8(&w, fault->kind);
    pp_write_u64(&w, fault->sequence_a);
    pp_write_u64(&w, fault->sequence_b);
    PP_TRY(pp_writer_finish(&w, &length));
    const struct pp_slice parts[] = {{head, length}, {stopping->proof, stopping->proof_length}};
    const struct key key = key_of(stopping->taking->replica->config.owner.lane, 0);
    return pp_txn_put(txn, TABLE_STOPPED, pp_slice(key.bytes, 4), parts, 2);
}

static enum pp_error stop_write(struct pp_replica_store *store, const struct taking *taking)
{
    struct stopping stopping = {.taking = taking, .proof = malloc(PP_PROOF_MAX_BYTES)};
    const struct pp_replica_fault *fault = &taking->fault;
    if (!stopping.proof)
        return PP_NO_MEMORY;
    enum pp_error error = pp_store_write(store->store, PP_STORE_RESERVE_IF_FULL, stop_run, &stopping);
    if (error == PP_OK && stopping.proof_length > 0)
        error =
            pp_proof_file_write(store->dir, taking->replica->config.owner.lane, fault->kind,
                                fault->sequence_b, (struct pp_slice){stopping.proof, stopping.proof_length});
    free(stopping.proof);
    return error;
}

/* The replica went ahead of the disk, or half-way: back to what is held. */
static enum pp_error back(struct pp_replica_store *store, struct pp_replica *replica, uint64_t before)
{
    enum pp_error stopped;
    if (!replica->spoiled && replica->head.next_sequence == before)
        return PP_OK;
    return pp_replica_store_load(store, replica, &stopped);
}

enum pp_error pp_replica_store_take(struct pp_replica_store *store, struct pp_replica *replica,
                                    struct pp_slice bytes, struct pp_replica_fault *out_fault)
{
    struct taking taking = {.replica = replica, .bytes = bytes};
    const uint64_t before = replica->head.next_sequence;
    enum pp_error error = pp_segment_decode(bytes, &taking.segment);
    if (error == PP_OK)
        error = pp_store_write(store->store, PP_STORE_ORDINARY, take_run, &taking);
    taking.fault.error = error;
    if (error != PP_OK && taking.reached)
        PP_TRY(back(store, replica, before));
    if (pp_replica_error_convicts(error))
        PP_TRY(stop_write(store, &taking));
    *out_fault = taking.fault;
    return error;
}

/* ---- reading ---- */

struct getting {
    uint32_t lane;
    uint64_t sequence;
    uint8_t *out;
    size_t capacity, length;
};

static enum pp_error copy_out(struct getting *getting, struct pp_slice value)
{
    if (value.length > getting->capacity)
        return PP_OVERFLOW;
    memcpy(getting->out, value.bytes, value.length);
    getting->length = value.length;
    return PP_OK;
}

static enum pp_error get_run(void *context, struct pp_txn *txn)
{
    struct getting *getting = context;
    struct pp_slice value;
    PP_TRY(segment_find(txn, getting->lane, getting->sequence, &value));
    return copy_out(getting, value);
}

enum pp_error pp_replica_store_get(struct pp_replica_store *store, uint32_t lane, uint64_t sequence,
                                   uint8_t *out, size_t capacity, size_t *out_length)
{
    struct getting getting = {lane, sequence, out, capacity, 0};
    PP_TRY(pp_store_read(store->store, get_run, &getting));
    *out_length = getting.length;
    return PP_OK;
}

static enum pp_error proof_run(void *context, struct pp_txn *txn)
{
    struct getting *getting = context;
    struct stop stop;
    PP_TRY(stop_get(txn, getting->lane, &stop));
    return stop.proof.length > 0 ? copy_out(getting, stop.proof) : PP_NOT_FOUND;
}

enum pp_error pp_replica_store_proof(struct pp_replica_store *store, uint32_t lane, uint8_t *out,
                                     size_t capacity, size_t *out_length)
{
    struct getting getting = {lane, 0, out, capacity, 0};
    PP_TRY(pp_store_read(store->store, proof_run, &getting));
    *out_length = getting.length;
    return PP_OK;
}

/* ---- where a lane stood ---- */

struct cut_look {
    uint32_t lane;
    uint64_t epoch;
    const struct pp_cut_head *head; /* NULL: by epoch */
    struct pp_cut *out;
    struct pp_cut_head *out_head; /* instead of out */
};

static enum pp_error cut_run(void *context, struct pp_txn *txn)
{
    const struct cut_look *look = context;
    const struct key key = key_of(look->lane, 0);
    const struct pp_slice prefix = pp_slice(key.bytes, 4);
    if (look->out_head)
        return pp_cut_head_get(txn, TABLE_EPOCHS, prefix, look->epoch, look->out_head);
    return look->head ? pp_cut_find(txn, TABLE_EPOCHS, prefix, look->head, look->out)
                      : pp_cut_get(txn, TABLE_EPOCHS, prefix, look->epoch, look->out);
}

enum pp_error pp_replica_store_cut(struct pp_replica_store *store, uint32_t lane, uint64_t epoch,
                                   struct pp_cut *out)
{
    struct cut_look look = {lane, epoch, NULL, out, NULL};
    return pp_store_read(store->store, cut_run, &look);
}

enum pp_error pp_replica_store_cut_head(struct pp_replica_store *store, uint32_t lane, uint64_t epoch,
                                        struct pp_cut_head *out)
{
    struct cut_look look = {lane, epoch, NULL, NULL, out};
    return pp_store_read(store->store, cut_run, &look);
}

enum pp_error pp_replica_store_cut_find(struct pp_replica_store *store, const struct pp_cut_head *head,
                                        struct pp_cut *out)
{
    struct cut_look look = {head->lane, 0, head, out, NULL};
    return pp_store_read(store->store, cut_run, &look);
}

struct end_look {
    struct pp_cut_head *out;
    enum pp_error stopped;
};

static enum pp_error end_run(void *context, struct pp_txn *txn)
{
    struct end_look *look = context;
    const struct key last = key_of(look->out->lane, UINT64_MAX);
    struct pp_segment segment;
    struct pp_scan scan;
    struct stop stop = {0};
    enum pp_error error = stop_get(txn, look->out->lane, &stop);
    if (error != PP_NOT_FOUND)
        PP_TRY(error);
    look->stopped = (enum pp_error)stop.error;
    PP_TRY(pp_scan_open(txn, TABLE_SEGMENTS, &scan));
    error = pp_scan_last_to(&scan, slice_of(&last));
    if (error == PP_OK && is_of_lane(scan.key, look->out->lane)) {
        error = pp_segment_decode(scan.value, &segment) == PP_OK ? PP_OK : PP_CORRUPT;
        if (error == PP_OK) {
            look->out->next_sequence = segment.head.next;
            memcpy(look->out->checksum, segment.head.after, sizeof look->out->checksum);
        }
    }
    pp_scan_close(&scan);
    return error == PP_NOT_FOUND ? PP_OK : error;
}

enum pp_error pp_replica_store_end(struct pp_replica_store *store, uint32_t lane, struct pp_cut_head *out,
                                   enum pp_error *out_stopped)
{
    struct pp_cut_head head = {.lane = lane, .next_sequence = 1};
    struct end_look look = {&head, PP_OK};
    PP_TRY(pp_store_read(store->store, end_run, &look));
    *out = head;
    *out_stopped = look.stopped;
    return PP_OK;
}

/* ---- proofs as files ---- */

static enum pp_error proofs_walk(const struct pp_replica_store *store, struct pp_txn *txn,
                                 struct pp_scan *scan)
{
    enum pp_error error = pp_scan_first(scan);
    for (; error == PP_OK; error = pp_scan_next(scan)) {
        struct stop stop;
        uint8_t wide[8] = {0};
        if (scan->key.length != 4)
            return PP_CORRUPT;
        memcpy(wide + 4, scan->key.bytes, 4);
        const uint32_t lane = (uint32_t)pp_key8_number(wide);
        PP_TRY(stop_get(txn, lane, &stop));
        if (stop.proof.length > 0)
            PP_TRY(pp_proof_file_write(store->dir, lane, stop.kind, stop.sequence_b, stop.proof));
    }
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static enum pp_error proofs_run(void *context, struct pp_txn *txn)
{
    struct pp_scan scan;
    PP_TRY(pp_scan_open(txn, TABLE_STOPPED, &scan));
    enum pp_error error = proofs_walk(context, txn, &scan);
    pp_scan_close(&scan);
    return error;
}

/* A kill between the table and the file: the file is made again. */
static enum pp_error proofs_export(struct pp_replica_store *store)
{
    return pp_store_read(store->store, proofs_run, store);
}
