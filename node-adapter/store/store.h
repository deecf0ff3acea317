/* store.h - tables of bytes on disk, in transactions that are callbacks.
 *
 * Shape:  a store is one LMDB environment: a file with named tables, keys in byte order (integers are big-endian).
 *         A transaction commits when its callback returns PP_OK, and otherwise never happened.
 * Own:    one process writes (lease.h), others may read meanwhile. Values that a read gives are
 *         borrowed until the transaction ends, or until the next write of the same transaction.
 * Errors: STORE_FULL (map, disk, quota), NOT_FOUND, CORRUPT, SCHEMA, IO, NO_MEMORY, BUSY (readers), SYSTEM.
 * Limits: see PP_STORE_*.
 * Source: specs/journal.md (JRN-001 and following).
 */
#ifndef PP_STORE_H
#define PP_STORE_H

#include <pp/error.h>
#include <pp/hash.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PP_STORE_TABLES_MAX 8u
#define PP_STORE_READERS_MAX 512u     /* threads and processes that read at once */
#define PP_STORE_KEY_MAX_BYTES 64u
#define PP_STORE_REASON_BYTES 256u

struct pp_store;
struct pp_txn;

struct pp_store_config {
    const char *path;               /* of the file; its folder exists */
    uint64_t map_bytes;             /* the most that it may grow to */
    bool read_only;
    bool make;                      /* writers: make it when missing */
    const char *const *tables;      /* their numbers are their places here */
    unsigned table_count;
};

/* Who may use the last room. With RESERVE the map grows for this one transaction, by PP_STORE_RESERVE_BYTES: what frees
 * room, or ends a day, is possible in a full store. */
enum pp_store_room {
    PP_STORE_ORDINARY,
    PP_STORE_RESERVE,
    PP_STORE_RESERVE_IF_FULL, /* without it first: the callback may be called twice */
};
#define PP_STORE_RESERVE_BYTES (UINT64_C(16) << 20)

typedef enum pp_error pp_txn_run(void *context, struct pp_txn *txn);

/* out_reason has PP_STORE_REASON_BYTES or is NULL. */
PP_MUST_CHECK enum pp_error pp_store_open(const struct pp_store_config *config, struct pp_store **out, char *out_reason);
void pp_store_close(struct pp_store *store);

/* Writes wait for each other. In a callback: no other write of the same store. */
PP_MUST_CHECK enum pp_error pp_store_write(struct pp_store *store, enum pp_store_room room, pp_txn_run *run, void *context);
PP_MUST_CHECK enum pp_error pp_store_read(struct pp_store *store, pp_txn_run *run, void *context);

/* The value is the parts, one after the other. Keys of _append must ascend. */
PP_MUST_CHECK enum pp_error pp_txn_put(struct pp_txn *txn, unsigned table, struct pp_slice key,
                                       const struct pp_slice *parts, size_t count);
PP_MUST_CHECK enum pp_error pp_txn_append(struct pp_txn *txn, unsigned table, struct pp_slice key,
                                          const struct pp_slice *parts, size_t count);
PP_MUST_CHECK enum pp_error pp_txn_get(struct pp_txn *txn, unsigned table, struct pp_slice key, struct pp_slice *out);
/* Lets the disk bring a large value into the system's cache, without waiting: _get itself reads only what leads to it. */
void pp_txn_will_read(struct pp_slice value);
/* NOT_FOUND when it was not there. */
PP_MUST_CHECK enum pp_error pp_txn_delete(struct pp_txn *txn, unsigned table, struct pp_slice key);
PP_MUST_CHECK enum pp_error pp_txn_clear(struct pp_txn *txn, unsigned table);
PP_MUST_CHECK enum pp_error pp_txn_count(struct pp_txn *txn, unsigned table, uint64_t *out);

/* A walk over a table in key order. Close it before the transaction ends. */
struct pp_scan {
    void *cursor;
    struct pp_slice key;
    struct pp_slice value;
};
PP_MUST_CHECK enum pp_error pp_scan_open(struct pp_txn *txn, unsigned table, struct pp_scan *out);
void pp_scan_close(struct pp_scan *scan);
/* Each sets key and value, or says NOT_FOUND. */
PP_MUST_CHECK enum pp_error pp_scan_first_from(struct pp_scan *scan, struct pp_slice key); /* the first key >= */
PP_MUST_CHECK enum pp_error pp_scan_last_to(struct pp_scan *scan, struct pp_slice key);    /* the last key <= */
PP_MUST_CHECK enum pp_error pp_scan_first(struct pp_scan *scan);
PP_MUST_CHECK enum pp_error pp_scan_last(struct pp_scan *scan);
PP_MUST_CHECK enum pp_error pp_scan_next(struct pp_scan *scan);
PP_MUST_CHECK enum pp_error pp_scan_previous(struct pp_scan *scan);
/* The row on which it stands goes, in a write; then it stands on the next one. */
PP_MUST_CHECK enum pp_error pp_scan_delete(struct pp_scan *scan);

/* What a number of LMDB or the system means to us. */
enum pp_error pp_store_error_of(int status);

struct pp_store_usage {
    uint64_t used_bytes;
    uint64_t map_bytes;
};
void pp_store_usage(struct pp_store *store, struct pp_store_usage *out);
/* Frees the places of readers whose process is gone. */
void pp_store_sweep_readers(struct pp_store *store);

/* For tests: asked before every commit, on the thread that commits; what it returns other than OK is what the commit answers. It may
 * sleep: the disk is slow then. To be set while nothing is written. NULL: none. */
typedef enum pp_error pp_store_fault(void *context);
void pp_store_inject(struct pp_store *store, pp_store_fault *fault, void *context);

/* Who may write: `begin` runs inside every writing transaction before its callback, `commit` directly before it commits; what
 * they return other than OK is the transaction's answer. */
struct pp_store_guard {
    pp_txn_run *begin;
    pp_store_fault *commit;
    void *context;
};
void pp_store_guard(struct pp_store *store, const struct pp_store_guard *guard);

static inline struct pp_slice pp_slice(const void *bytes, size_t length)
{
    return (struct pp_slice){bytes, length};
}

/* Integer keys, big-endian. */
struct pp_key8 {
    uint8_t bytes[8];
};
struct pp_key8 pp_key8_of(uint64_t number);
uint64_t pp_key8_number(const uint8_t bytes[8]);

#endif
