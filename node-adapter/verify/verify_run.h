/* verify_run.h - what the parts of `verify` share. Not for hosts.
 *
 * Shape:  one record at a time: _record_before (what it says, against the ledger before it), the ledger's step, _record_after
 *         (invariants), _rows (the tables beside the journal, and the indexes). At the end, in one transaction of each file: _end of each.
 *         Errors that these functions return are faults of the disk or of memory; what disagrees is told with
 *         pp_verify_tell.
 */
#ifndef PP_VERIFY_RUN_H
#define PP_VERIFY_RUN_H

#include "store/checkpoint.h"
#include "store/index.h"
#include "store/journal.h"
#include "ledger/ledger.h"
#include "store/tables.h"

#include <pp/eip712.h>
#include <pp/verify.h>
#include <pp/voucher.h>

struct pp_stamp_row; /* node.h */
struct pp_verify_compare;

/* What is known of a sequence number; two bytes each. */
enum pp_verify_mark {
    PP_MARK_ENVELOPE = 1, /* a stamp whose envelope is the node's to keep */
    PP_MARK_TICKET = 2,   /* a stamp whose envelope is the host's */
    PP_MARK_MISSING = 4,  /* its envelope is not there, and not expired */
    PP_MARK_DELETED = 8,
    PP_MARK_STORED = 16,
    PP_MARK_CANCELLED = 32,
    PP_MARK_TOPIC = 64, /* was there, so a row of the index must lead to it */
    PP_MARK_EXPIRY = 128, /* a span leads to it */
    PP_MARK_LAPSED = 256, /* no root covered it in time */
    PP_MARK_NOT_REPLICATED = 512,
    PP_MARK_BOND_RETURNED = 1024,
    PP_MARK_BOND_FORFEITED = 2048,
};

/* Where a lane's grains went, beside what its ledger entry says. */
struct pp_verify_lane {
    struct pp_grains left;   /* refunded because the sender left */
    struct pp_grains lapsed; /* of tickets that were open and leaves that were unsigned when the lane, or their session, ended */
    struct pp_grains bonds;  /* that are held, of stamps that earn; at the end */
    struct pp_grains open;   /* of open tickets and unsigned leaves; at the end */
    bool signer_known;
    struct pp_public_key signer_key;
};

struct pp_verify_report {
    uint64_t epoch, block_number, end_time_s;
    struct pp_hash hash;
};

/* Rows whose order does not matter: two sums that agree are of the same rows, but once in 2^64. */
struct pp_verify_sum {
    uint64_t sum, count;
};

struct pp_verify_run {
    const struct pp_verify_config *config;
    struct pp_verify_summary *summary;
    enum pp_error worst;
    bool stopped;   /* nothing behind this means anything */
    bool caught_up; /* the last walk came to the journal's end */
    struct pp_crypto *crypto;
    struct pp_domain domain;
    struct pp_data data;
    bool part; /* one of several shards: its reports state the lanes of the others, too */
    struct pp_ledger ledger;
    struct pp_journal_head head; /* behind the last record that was taken */
    uint64_t end;                /* of the journal, when last looked at */
    uint32_t last_day;           /* of its last record */
    uint64_t sequence;           /* of the record that is being compared, or 0 */

    struct pp_record_room *room, *found_room;
    struct pp_record found; /* sequence 0: none. The record that was last looked up */
    struct pp_stamp_id *ids;
    struct pp_hash *scratch;
    struct pp_verify_lane *lanes; /* by slot */
    size_t lanes_bytes;
    uint16_t *marks; /* by sequence */
    size_t marks_capacity;
    struct pp_verify_report *reports; /* in order */
    size_t report_count, report_capacity;

    struct pp_verify_epochs *epochs; /* verify_epoch.c */

    uint64_t step_ns;
    /* of the transactions that are open */
    bool is_last; /* they are the last ones */
    struct pp_txn *journal;
    struct pp_txn *derived; /* NULL: there is none */
    struct pp_scan envelopes;
    bool has_envelope; /* the scan stands on one */

    uint64_t checkpoint_end;      /* where the checkpoint stands; 0: there is none */
    uint64_t checkpoint_compared; /* the same, of the one that was compared */
    struct pp_verify_compare *compare; /* of the checkpoint, between two steps; NULL: none. The walk stands still */
    unsigned checkpoint_begins;        /* how often, with another head behind the same record */
    uint64_t checkpoint_asked;    /* where the walk last stood when it was asked for */
    uint64_t indexed_end;         /* stamps below are indexed */
    bool index_has_tail;
    struct pp_journal_head index_tail; /* records from here on were not compared with the index */
    uint8_t row_key[16];               /* random: of the sums */
    bool has_topic_secret;
    struct pp_topic_secret topic_secret;
    struct pp_verify_sum stamp_rows;  /* that must be there */
    struct pp_verify_sum *topic_rows; /* likewise, by the day on which they are gone */
    struct pp_index_spans spans;      /* looked at last */
};

/* ---- verify.c ---- */

/* detail is printf's. slot: PP_SLOT_NONE when it is of no lane. Told with run->sequence. */
__attribute__((format(printf, 6, 7))) void pp_verify_tell(struct pp_verify_run *run,
                                                          enum pp_verify_check check, enum pp_error error,
                                                          const char *what, uint32_t slot, const char *detail,
                                                          ...);
void pp_verify_count(struct pp_verify_run *run, enum pp_verify_check check);
/* INVARIANT when they differ. */
void pp_verify_grains(struct pp_verify_run *run, enum pp_verify_check check, const char *what, uint32_t slot,
                      struct pp_grains expected, struct pp_grains actual);
void pp_verify_number(struct pp_verify_run *run, enum pp_verify_check check, const char *what, uint32_t slot,
                      uint64_t expected, uint64_t actual);
void pp_verify_bytes(struct pp_verify_run *run, enum pp_verify_check check, const char *what, uint32_t slot,
                     const uint8_t *expected, const uint8_t *actual, size_t length);
/* Whether that account signed. */
void pp_verify_signer(struct pp_verify_run *run, enum pp_verify_check check, const char *what, uint32_t slot,
                      const struct pp_hash *digest, const struct pp_signature *signature,
                      const struct pp_address *signer);

/* One data folder, whichever form it has. */
PP_MUST_CHECK enum pp_error pp_verify_folder(const char *data_dir, const struct pp_verify_config *config,
                                             struct pp_verify_summary *out);

/* ---- verify_record.c ---- */
PP_MUST_CHECK enum pp_error pp_verify_record_before(struct pp_verify_run *run,
                                                    const struct pp_record *record);
/* The ledger refused it, and was put back. */
void pp_verify_record_refused(struct pp_verify_run *run, const struct pp_record *record, enum pp_error error);
void pp_verify_record_after(struct pp_verify_run *run, const struct pp_record *record);

/* Whether the lane's signer signed it. */
PP_MUST_CHECK enum pp_error pp_verify_voucher(struct pp_verify_run *run, const struct pp_voucher *voucher,
                                              uint32_t slot);

/* ---- verify_replication.c ---- */
PP_MUST_CHECK enum pp_error pp_verify_replicated(struct pp_verify_run *run, const struct pp_record *record);

/* ---- verify_epoch.c ---- */
struct pp_cut;
/* What reports have of this lane, as far as it is on disk now. */
PP_MUST_CHECK enum pp_error pp_verify_epochs_look(struct pp_verify_run *run);
/* The head is behind the record. */
PP_MUST_CHECK enum pp_error pp_verify_epochs_after(struct pp_verify_run *run, const struct pp_record *record);
/* Whether a report was agreed on with others, and the lane as it has it; NULL: it is not known any more. */
PP_MUST_CHECK enum pp_error pp_verify_epochs_cut(struct pp_verify_run *run, uint64_t epoch, bool *out_several,
                                                 const struct pp_cut **out);
void pp_verify_epochs_close(struct pp_verify_run *run);

/* ---- verify_session.c ---- */
PP_MUST_CHECK enum pp_error pp_verify_session_before(struct pp_verify_run *run, const struct pp_record *record);
/* Calls visit for the postage of each leaf that a root over the oldest `count` would make earn; of all sessions of the lane
 * with session NULL. */
void pp_verify_unsigned(struct pp_verify_run *run, uint32_t slot, const struct pp_session *session, uint32_t count,
                        void (*visit)(struct pp_verify_run *run, uint32_t slot, const struct pp_postage *postage));

/* ---- verify_lane.c ---- */
void pp_verify_lane(struct pp_verify_run *run, uint32_t slot);
/* What goes where, before the step. */
PP_MUST_CHECK enum pp_error pp_verify_lane_book(struct pp_verify_run *run, const struct pp_record *record);
PP_MUST_CHECK enum pp_error pp_verify_lanes_end(struct pp_verify_run *run);

/* ---- verify_rows.c ---- */
PP_MUST_CHECK enum pp_error pp_verify_rows_begin(struct pp_verify_run *run);
void pp_verify_rows_close(struct pp_verify_run *run);
PP_MUST_CHECK enum pp_error pp_verify_rows(struct pp_verify_run *run, const struct pp_record *record);
PP_MUST_CHECK enum pp_error pp_verify_rows_end(struct pp_verify_run *run);
/* The stamp with this number; *out_row NULL when there is none. Borrowed until the next call. */
PP_MUST_CHECK enum pp_error pp_verify_stamp(struct pp_verify_run *run, uint64_t sequence,
                                            const struct pp_record **out_record,
                                            const struct pp_row_charged **out_row);
/* The row of a stamp; all zero when there is none, or it is told as none. */
PP_MUST_CHECK enum pp_error pp_verify_stamp_row(struct pp_verify_run *run, uint64_t sequence,
                                                struct pp_stamp_row *out);

/* ---- verify_report.c ---- */
PP_MUST_CHECK enum pp_error pp_verify_report(struct pp_verify_run *run, const struct pp_record *record);
PP_MUST_CHECK enum pp_error pp_verify_reports_end(struct pp_verify_run *run);

/* ---- verify_checkpoint.c ---- */
/* Where the checkpoint stands. */
PP_MUST_CHECK enum pp_error pp_verify_checkpoint_look(struct pp_verify_run *run);
/* Compares it if the walk stands there: at least a block, then as much as there is time for. run->compare is set until all is. */
PP_MUST_CHECK enum pp_error pp_verify_checkpoint(struct pp_verify_run *run, uint64_t until_ns);
/* Does not compare the rest of it. */
void pp_verify_checkpoint_leave(struct pp_verify_run *run);
void pp_verify_checkpoint_close(struct pp_verify_run *run);
PP_MUST_CHECK enum pp_error pp_verify_checkpoint_end(struct pp_verify_run *run);

/* ---- verify_index.c ---- */
/* How far the index goes. */
PP_MUST_CHECK enum pp_error pp_verify_index_look(struct pp_verify_run *run);
/* One stamp of a record with the index. topic: of its envelope, empty when there is none (any more). */
PP_MUST_CHECK enum pp_error pp_verify_index_stamp(struct pp_verify_run *run, uint64_t time_ms,
                                                  const struct pp_leaf *leaf, uint64_t sequence,
                                                  struct pp_slice topic);
PP_MUST_CHECK enum pp_error pp_verify_index_end(struct pp_verify_run *run);
void pp_verify_index_close(struct pp_verify_run *run);
/* The rows of the runs with those that must be there. end: what is indexed stands below. */
PP_MUST_CHECK enum pp_error pp_verify_runs_end(struct pp_verify_run *run, enum pp_index_kind kind, uint64_t end);
void pp_verify_sum_add(const struct pp_verify_run *run, struct pp_verify_sum *sum, const struct pp_run_row *row);
struct pp_verify_sum *pp_verify_topic_sum(struct pp_verify_run *run, uint32_t day);
/* Whether the sums of rows that must be there differ on a day that is not over. sums: as topic_rows. */
bool pp_verify_topics_differ(const struct pp_verify_run *run, const struct pp_verify_sum *sums);
#define PP_VERIFY_DAYS 65536u /* later ones count as the last */

#endif
