/* verify_run.h - what the parts of `verify` share. Not for hosts. */
#ifndef PP_VERIFY_RUN_H
#define PP_VERIFY_RUN_H

#include "checkpoint.h"
#include "index.h"
#include "journal.h"
#include "ledger.h"
#include "tables.h"

#include <pp/eip712.h>
#include <pp/verify.h>

#define PP_VERIFY_NO_LANE UINT64_MAX

struct pp_verify_run {
    const struct pp_verify_config *config;
    struct pp_verify_summary *summary;
    struct pp_data data;
    struct pp_ledger ledger;
    struct pp_crypto *crypto;
    struct pp_domain domain;
    struct pp_record_room *room, *other_room;
    struct pp_stamp_id *ids;   /* PP_LEAVES_MAX */
    struct pp_hash *scratch;   /* PP_LEAVES_MAX */
    struct pp_txn *journal;    /* one snapshot of each file */
    struct pp_txn *derived;    /* NULL: there is none */
    uint64_t end;              /* behind the last record */
    uint32_t last_day;         /* of the snapshot */
    struct pp_journal_head indexed, checkpoint; /* next_sequence 1: none */
    uint64_t checkpoint_lanes;
    uint64_t indexed_stamps;   /* that the index must hold */
    uint64_t stamp_rows;       /* that the table of stamps must hold */
    enum pp_error worst;
    char reason[PP_STORE_REASON_BYTES];
};

/* Tells a finding. detail is printf's. */
__attribute__((format(printf, 6, 7))) void pp_verify_tell(struct pp_verify_run *run, enum pp_error error,
                                                          const char *what, uint64_t sequence, uint64_t lane_slot,
                                                          const char *detail, ...);

/* verify_rows.c: after the record's step. Errors are those of the store. */
PP_MUST_CHECK enum pp_error pp_verify_rows_charged(struct pp_verify_run *run, const struct pp_record *record, uint32_t slot);
PP_MUST_CHECK enum pp_error pp_verify_rows_deleted(struct pp_verify_run *run, const struct pp_record *record, uint32_t slot);
PP_MUST_CHECK enum pp_error pp_verify_rows_tickets(struct pp_verify_run *run, const struct pp_record *record);
/* How many rows each table has in the end. */
PP_MUST_CHECK enum pp_error pp_verify_rows_end(struct pp_verify_run *run);
/* When the walk stands where the checkpoint was taken. */
PP_MUST_CHECK enum pp_error pp_verify_checkpoint(struct pp_verify_run *run);

/* verify_signed.c */
PP_MUST_CHECK enum pp_error pp_verify_signed(struct pp_verify_run *run, const struct pp_record *record, uint32_t slot);
PP_MUST_CHECK enum pp_error pp_verify_report(struct pp_verify_run *run, const struct pp_record *record);

#endif
