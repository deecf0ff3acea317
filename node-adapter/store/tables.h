/* tables.h - the two files of a data folder and their tables. Numbers are places in the lists of tables.c.
 *
 *     journal.mdb   the truth: records, envelopes, what was refunded of a stamp, reports
 *     derived.mdb   what can be computed from it: checkpoint, indexes. May be deleted while no node runs.
 *     lock          held by the node that writes; its text says who that is
 */
#ifndef PP_TABLES_H
#define PP_TABLES_H

#include "store/lease.h"

enum pp_journal_table {
    PP_TABLE_META,      /* "schema" -> u32, "lease" -> who writes, "part" -> u8: one of several shards */
    PP_TABLE_RECORDS,   /* sequence u64 -> record */
    PP_TABLE_ENVELOPES, /* sequence u64 -> topic length u8, topic, payload */
    PP_TABLE_STAMPS,    /* sequence u64 -> what happened to a stamp since: reasons u8, refunded u96, stored day u32 */
    PP_TABLE_REPORTS,   /* epoch u64 -> bundle */
    PP_TABLE_EPOCHS,    /* kind u8, epoch u64 -> what is kept of the newest epochs: epoch/keep.h */
    PP_JOURNAL_TABLES,
};

enum pp_derived_table {
    PP_TABLE_CHECKPOINT,   /* "head" -> ledger, and segments that count; segment u32, block u32 -> rows */
    PP_TABLE_INDEX_HEAD,   /* "schema" -> u32, of this file; what the indexes say of themselves: index.h */
    PP_TABLE_INDEX_STAMP,  /* blocks of runs: runs.h */
    PP_TABLE_INDEX_TOPIC,  /* likewise */
    PP_TABLE_INDEX_EXPIRY, /* day u32, first sequence u64 -> spans of sequences */
    PP_DERIVED_TABLES,
};

#define PP_SCHEMA_NUMBER 1u
#define PP_DERIVED_NUMBER 6u /* of derived.mdb: one of another form is emptied, and built again */

#define PP_PATH_MAX 4096u
/* "DIR/NAME"; BAD_CONFIG when it does not fit. */
PP_MUST_CHECK enum pp_error pp_data_path(const char *dir, const char *name, char out[PP_PATH_MAX]);

struct pp_data {
    struct pp_store *journal;
    struct pp_store *derived; /* NULL: read-only, and there is none yet */
    struct pp_lease *lease;   /* NULL: read-only */
};

/* Writer: makes the folder (mode 0700) and the files when missing, and takes the lease: LOCKED. Reader: NOT_FOUND. */
PP_MUST_CHECK enum pp_error pp_data_open(const char *dir, uint64_t map_bytes, bool read_only, struct pp_data *out,
                                         char out_reason[PP_STORE_REASON_BYTES]);
void pp_data_close(struct pp_data *data);

/* NODE-104: whether the folder is one of several shards, so that its lanes are reported together with theirs. CORRUPT. */
PP_MUST_CHECK enum pp_error pp_part_get(struct pp_store *journal, bool *out);
/* A pp_txn_run, for the transaction that writes the first record. */
PP_MUST_CHECK enum pp_error pp_part_put(void *context, struct pp_txn *txn);

#endif
