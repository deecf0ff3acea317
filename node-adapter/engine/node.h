/* node.h - the inside of struct pp_node, shared by the engine's files. Not for hosts.
 *
 * Shape of an admission:
 *
 *     pp_node_submit --ring--> verify threads --ring--> writer thread: group { decide, append } commit, sign, answer
 *                                                         |
 *                                                         +--> index thread: index, checkpoint
 *
 *         The writer is the only one that changes the ledger. It holds `state` exclusively while it does; verify threads
 *         hold it shared to look whether a signature is worth verifying; the index thread to find a lane's slot.
 *         What the writer's memory is ahead of the disk is told to nobody: answers, status and reads of the ledger are
 *         given by the writer, between two groups.
 * Source: specs/node.md.
 */
#ifndef PP_NODE_H
#define PP_NODE_H

#include "store/checkpoint.h"
#include "engine/fair_queue.h"
#include "store/index.h"
#include "store/journal.h"
#include "ledger/ledger.h"
#include "engine/recent.h"
#include "engine/signers.h"
#include "engine/sources.h"
#include "store/tables.h"

#include <pennypost.h>
#include <pp/rates.h>
#include <pp/voucher.h>

#include <pthread.h>
#include <stdatomic.h>

#define PP_VERIFY_THREADS_MAX 64u
#define PP_QUEUE_REQUESTS_MAX 8192u          /* requests between submit and answer: a fifth of a second of signatures */
#define PP_QUEUE_STAMPS_MAX 65536u           /* their stamps */
#define PP_SUSPECT_REQUESTS_MAX 256u         /* the same of suspect sources: they wait long enough as it is */
#define PP_SUSPECT_STAMPS_MAX 4096u
#define PP_SUSPECT_PART 16u                  /* they get one in so many parts of the verification while others wait */
#define PP_SUSPECT_TRICKLE_MAX 32u           /* one a millisecond when nobody else waits, so many at once */
#define PP_SUSPECT_TRICKLE_CALL 4u           /* of that, an opening or a root: it is a call to the writer, too, and is rare */
#define PP_SUSPECT_TRICKLE_STAMPS 128u       /* leaves of a root that cost as much as a signature: a tree over them */
#define PP_SUSPECT_RETRY_MS 1000u            /* by then half of what a source did is forgotten */
#define PP_QUEUE_CALLS_MAX 1024u             /* deletes, leaves, looks: each has a thread of the host waiting */
#define PP_VERIFY_TAKE_MAX 8u                /* requests that a verify thread takes at once from a long queue */
#define PP_GROUP_BYTES_MAX (UINT64_C(32) << 20) /* dirty pages of one transaction stay below LMDB's limit of 512 MiB */
#define PP_GROUP_WAIT_MAX_NS UINT64_C(1000000)   /* how long a group waits for requests that are being verified ... */
#define PP_GROUP_FLOOD_MAX_NS UINT64_C(10000000) /* ... and in a flood, whose requests wait for longer as it is */
#define PP_GROUP_FLOOD_PART 16u              /* a flood: a group holds less than this part of what is being verified */
#define PP_ITEMS_KEPT 1024u                  /* items of single stamps that are kept for the next: a MiB */
#define PP_CHECKPOINT_STAMPS (1u << 18)      /* what a recovery replays at most, about: a second or two */
#define PP_QUOTE_CACHE 256u                  /* verified quotes: more than a node issues in PP_QUOTE_LIFE_MS */
#define PP_CLOCK_BACK_MAX_MS 60000u          /* how far the clock may go back before the node stops admitting */
#define PP_LOOK_ROWS_KNOWN (4u * PP_LEAVES_MAX)    /* journal rows read for one request's known stamps: a batch that was
                                                    * sent before stands in one record, or in few; some milliseconds */
#define PP_LOOK_SEARCH_ROWS 2u               /* what a search in the index counts for: a whole batch may be searched, once */
#define PP_LOOK_ROWS_DELETED (64u * PP_LEAVES_MAX) /* for one request's deletes: about what their signatures cost */
#define PP_FULL_RETRY_MS 1000u               /* how long a full store is left alone */

struct pp_node;
struct pp_item;

/* What became of one stamp, before it is told. */
struct pp_outcome {
    uint64_t sequence; /* 0: refused */
    uint64_t time_ms;
    uint32_t refusal; /* place + 1 in the item's refusals */
    bool known;
};

enum pp_item_kind {
    PP_ITEM_REQUEST, /* stamps to admit */
    PP_ITEM_WRITE,   /* a change that takes part in a group: run inside its transaction */
    PP_ITEM_LOOK,    /* run between two groups */
};

typedef enum pp_error pp_item_run(struct pp_node *node, struct pp_txn *txn, void *context);

struct pp_item {
    struct pp_item *next;
    struct pp_fair_entry wait; /* REQUEST: in the line of its flow, and what it counts for until it is answered */
    enum pp_item_kind kind;
    enum pp_error error;
    uint32_t stamps; /* what it counts for in the queues; the request itself is the caller's again once it is answered */
    /* WRITE, LOOK: the caller waits */
    pp_item_run *run;
    void *run_context;
    bool answered;
    /* REQUEST */
    const struct pp_request *request;
    pp_submit_done *done;
    void *done_context;
    bool host;              /* reserve tickets; the host stores */
    bool suspect;           /* it waits among those of suspect sources */
    bool forged;            /* signature, quote or content do not hold: its source pays */
    bool searched;          /* the writer looked for its stamps in the journal */
    bool examined;          /* content, price, identities: only once */
    bool must_verify;       /* the writer found it worth a signature */
    bool verified;          /* its signature was examined */
    uint32_t slot;          /* of the lane, as a verify thread found it; PP_SLOT_NONE */
    enum pp_error voucher_error;
    bool has_key;           /* signer_key was recovered from it */
    struct pp_public_key signer_key;
    struct pp_voucher voucher;
    struct pp_quote quote;
    struct pp_stamp_id *ids;
    struct pp_postage *quoted;
    enum pp_error *content_errors;
    enum pp_error *quote_errors;
    enum pp_error *mac_errors; /* of a session's stamps */
    struct pp_outcome *outcomes;
    uint32_t admitted, known;
    uint32_t bonds;         /* admitted ones that have one */
    uint64_t bytes;         /* of its payloads */
    struct pp_refusal refusal; /* of the whole request */
    struct pp_refusal *refusals;
    uint32_t refusal_count, refusal_capacity;
    struct pp_grains spent, refunded, free; /* the lane afterwards */
};

struct pp_item_queue {
    struct pp_item *first, *last;
};

struct pp_quote_cache_entry {
    struct pp_hash id;
    bool used;
};

/* The newest head of the chain's view; not journaled: after a start the view is stale until it says something. */
struct pp_view {
    bool known, conflict;
    struct pp_chain_event head;
};

/* What the other operators acknowledged, until a record holds it. Any thread; under its lock. */
struct pp_replication {
    pthread_mutex_t lock;
    struct pp_ledger_operators set; /* as configured, this one among them; count 0: nobody is waited for */
    uint64_t deadline_ms;
    struct pp_replication_peer {
        struct pp_row_ack ack; /* the newest; next 0: none */
        uint64_t came_ms;
    } peers[PP_OPERATORS_MAX]; /* in the set's order */
    uint64_t opened_ms;        /* when the node began to listen */
    uint64_t written_ms;       /* when a record was last made of them */
};

struct pp_node {
    struct pp_node_config config;
    struct pp_rate_table rates;
    struct pp_crypto *crypto;
    struct pp_address operator_address;
    struct pp_receipt_secret receipt_secret;
    struct pp_receipt_key receipt_key;
    struct pp_session_secret session_secret;
    struct pp_session_public session_key;
    struct pp_data data;
    struct pp_replication replication;

    /* of the writer */
    pthread_rwlock_t state;
    struct pp_ledger ledger;
    struct pp_signers signers;
    struct pp_journal_head head;
    struct pp_recent recent;
    struct pp_view view;
    struct pp_lane_draft *draft;
    struct pp_record_room *room;
    struct pp_journal_look look; /* of one item; its room is the one above */
    struct pp_row_charged *rows; /* PP_RECORD_ROWS_MAX: the record that is being made */
    uint8_t *buffer;             /* PP_RECORD_MAX_BYTES */
    struct pp_result *results;   /* PP_LEAVES_MAX: one answer at a time */
    struct pp_hash *scratch;     /* PP_LEAVES_MAX */
    struct pp_hash *roots;       /* PP_GROUP_MAX */
    struct pp_receipt *receipts; /* PP_GROUP_MAX */
    struct pp_item **group;      /* PP_GROUP_MAX: the items of the group */
    uint64_t group_time_ms;
    uint32_t lapse_day; /* up to this day no session lapses, or all did that may; 0: no day began since the start */
    bool group_stale;            /* the view was, when the group began */
    uint64_t flush_ns;           /* how long a commit takes, about */
    _Atomic uint64_t full_until_ms; /* until then no stamp is written; those that are known need no room */
    bool group_is_lost;          /* the store was full: of this group only what is known is answered */
    _Atomic int failed;          /* enum pp_error: a fault after which nothing is taken */

    /* queues */
    pthread_mutex_t lock;
    pthread_cond_t verify_wake, writer_wake, answered;
    struct pp_fair_queue clean, suspect; /* to verify */
    uint32_t suspect_credit;     /* work that was done for others and not yet, in its part, for suspects */
    uint32_t suspect_trickle;    /* requests of theirs that may be taken while nobody else waits ... */
    uint64_t suspect_trickled_ms; /* ... counted up to then */
    bool suspect_refused;        /* a call of theirs was, so that they earn their part though none waits in line */
    struct pp_sources sources;
    uint64_t flow_key;
    struct pp_item_queue to_write;
    uint32_t calls;              /* WRITE and LOOK items between call and answer */
    uint32_t verify_idle;        /* verify threads that sleep */
    uint32_t verifying;          /* requests that wait for a verify thread, or in its hands */
    uint32_t waiting_stamps;     /* in to_write */
    bool writer_idle, stopping, verify_stop;
    unsigned verify_count;
    pthread_t verify_threads[PP_VERIFY_THREADS_MAX];
    pthread_t writer_thread, index_thread;
    bool writer_started, index_started;
    pthread_mutex_t kept_lock;
    struct pp_item *kept;        /* items for single stamps, to be used again */
    uint32_t kept_count;

    /* of the index thread */
    pthread_mutex_t index_lock;
    pthread_cond_t index_wake, index_done;
    struct pp_index index;
    struct pp_index_batch batch;
    uint64_t index_position;     /* in recent: what stands before it is indexed */
    uint64_t memory_from;        /* stamps from this sequence on are in recent, until they are indexed */
    struct pp_checkpoint checkpoint;
    bool checkpoint_ready;       /* begun by the writer, not yet written: it is the index thread's */
    bool index_flush;            /* somebody waits: do not wait for more */
    bool index_stop;
    enum pp_error index_error;
    uint64_t durable_end;        /* the next sequence behind what is on disk */
    struct pp_journal_head durable_head;
    uint64_t durable_position;   /* and in recent */
    _Atomic uint64_t indexed_position; /* in recent: the writer may drop what stands before it */
    _Atomic uint32_t swept_day;  /* what is gone on that day was swept */
    bool merge_due;              /* runs wait to be merged */
    _Atomic uint64_t indexed_end, checkpoint_end;

    /* quotes */
    pthread_mutex_t quote_lock;
    struct pp_quote_cache_entry quotes[PP_QUOTE_CACHE];
    struct pp_signed_quote issued;
    uint8_t issued_bytes[PP_QUOTE_MAX_BYTES];
    size_t issued_length;
    struct pp_congestion load;   /* a copy of the ledger's, as of the last group */
};

/* ---- state_lock.c: `state`, for holds of a microsecond; the hot path's ---- */
void pp_state_lock_shared(struct pp_node *node);
void pp_state_lock(struct pp_node *node);
void pp_state_unlock(struct pp_node *node);

/* ---- pipeline.c ---- */
void pp_thread_name(const char *name);
void pp_pipeline_init(struct pp_node *node);
void pp_pipeline_done(struct pp_node *node);
PP_MUST_CHECK enum pp_error pp_pipeline_start(struct pp_node *node);
/* Answers what is queued, then ends the threads. */
void pp_pipeline_stop(struct pp_node *node);
PP_MUST_CHECK enum pp_error pp_item_make(struct pp_node *node, const struct pp_request *request, struct pp_item **out);
void pp_item_free(struct pp_node *node, struct pp_item *item);
PP_MUST_CHECK enum pp_error pp_pipeline_submit(struct pp_node *node, struct pp_item *item);
/* Hands WRITE and LOOK items to the writer and waits. SHUTTING_DOWN, BUSY. */
PP_MUST_CHECK enum pp_error pp_pipeline_call(struct pp_node *node, enum pp_item_kind kind, pp_item_run *run,
                                             void *context);
/* Back for its signature: the writer found it worth it after all. */
void pp_pipeline_reverify(struct pp_node *node, struct pp_item *item);
/* NODE-049, for what a caller's thread verifies: a signature, and what `stamps` leaves cost. BUSY: the source is suspect, and
 * there is nothing left of the suspects' part. */
PP_MUST_CHECK enum pp_error pp_pipeline_source_turn(struct pp_node *node, uint64_t source, uint32_t stamps);
void pp_pipeline_source_count(struct pp_node *node, uint64_t source, bool forged);
/* The next item for the writer. wait: sleep until there is one; NULL when there is none (or the node is stopping and all
 * is answered). */
struct pp_item *pp_pipeline_next(struct pp_node *node, bool wait);
/* The same for a group of so many stamps that began at began_ns (monotonic): waits as long as NODE-029 says. */
struct pp_item *pp_pipeline_next_for(struct pp_node *node, uint64_t began_ns, uint64_t stamps);
/* A WRITE or LOOK item: its caller wakes up. */
void pp_pipeline_called(struct pp_node *node, struct pp_item *item);
/* Requests: their room is free. Before their callbacks, which may bring the next ones. */
void pp_pipeline_release(struct pp_node *node, struct pp_item *const items[], size_t count);

/* ---- examine.c: what a verify thread does with a request ---- */
void pp_examine(struct pp_node *node, struct pp_item *item, struct pp_lane_draft *draft, struct pp_hash *scratch);

/* ---- session_examine.c ---- */
/* A session as a request finds it. */
struct pp_session_glance {
    struct pp_lane_session facts;
    struct pp_session_opening opening;
    struct pp_session_key key;
    bool has_key;
};
/* Under `state`. SESSION_UNKNOWN and SESSION_EXPIRED are among the facts. */
void pp_session_look(const struct pp_node *node, const struct pp_request *request, uint32_t slot, uint64_t now_ms,
                     struct pp_session_glance *out);
/* The MACs of a request whose session is open. */
void pp_session_verify(struct pp_node *node, struct pp_item *item, struct pp_session_glance *glance);

/* A MAC that was made up. */
bool pp_session_is_forged(const struct pp_item *item);

/* ---- session_admit.c ---- */
/* The record of what was admitted; rows are node->rows. */
void pp_session_record_make(const struct pp_node *node, const struct pp_item *item, struct pp_record *out);

/* ---- session_lapse.c ---- */
/* Whether there may be sessions whose unsigned leaves lapse today. On the writer thread. */
bool pp_lapse_is_due(struct pp_node *node);
/* Lets some lapse, each in a group with others. From any thread. */
PP_MUST_CHECK enum pp_error pp_lapse_some(struct pp_node *node);

/* ---- session_look.c ---- */
/* Without the context over what is unsigned. */
void pp_session_status_of(const struct pp_session *session, struct pp_session_status *out);
/* The lane's open sessions; ids has room for PP_LANE_SESSIONS_MAX x PP_SESSION_UNSIGNED_MAX, and takes those of what is
 * unsigned, one session's behind the other's. On the writer thread. */
void pp_session_status_take(const struct pp_node *node, uint32_t slot, struct pp_lane_status *out, struct pp_hash *ids);
/* Fills in the contexts over them; destroys ids. On any thread. */
void pp_session_status_finish(struct pp_lane_status *status, struct pp_hash *ids);

/* ---- admit.c: on the writer thread ---- */
/* Decides and appends. *out_again: it must be verified first; nothing was changed. Errors: of the store; the group is lost. */
PP_MUST_CHECK enum pp_error pp_admit(struct pp_node *node, struct pp_txn *txn, struct pp_item *item, bool *out_again);
void pp_item_refuse_whole(struct pp_item *item, enum pp_error error, const char *field, struct pp_value expected,
                          struct pp_value actual, uint32_t retry_after_ms);
/* Whether the store was full a moment ago: stamps are not tried. */
bool pp_store_is_full(const struct pp_node *node);
bool pp_view_is_stale(const struct pp_node *node, uint64_t now_ms);

/* ---- writer.c ---- */
void *pp_writer_main(void *node);
/* Appends a record that is not CHARGED and carries it out, in the group that is open. */
PP_MUST_CHECK enum pp_error pp_writer_append(struct pp_node *node, struct pp_txn *txn, struct pp_record *record);
/* In a group of its own: commits first, then steps. Between two groups. */
PP_MUST_CHECK enum pp_error pp_writer_append_alone(struct pp_node *node, struct pp_record *record, pp_txn_run *also,
                                                   void *context);
/* Begins the day of this time, if it has not begun. Between two groups. */
PP_MUST_CHECK enum pp_error pp_writer_day(struct pp_node *node, uint64_t time_ms);
/* Brings some lanes to a day that began. Between two groups. */
void pp_writer_turn(struct pp_node *node, uint32_t lanes);
uint64_t pp_writer_time(const struct pp_node *node);
uint64_t pp_node_now(const struct pp_node *node);
uint64_t pp_monotonic_ns(void);

/* ---- indexer.c ---- */
void *pp_indexer_main(void *node);
/* The writer says what is on disk, and hands over a checkpoint when one is due. */
void pp_indexer_tell(struct pp_node *node);
/* Waits until everything on disk is indexed. IO and like when the index thread failed. */
PP_MUST_CHECK enum pp_error pp_indexer_flush(struct pp_node *node);

/* ---- quotes.c ---- */
PP_MUST_CHECK enum pp_error pp_quote_examine(struct pp_node *node, const uint8_t *bytes, size_t length,
                                             struct pp_quote *out, struct pp_hash *out_id);

/* ---- recover.c ---- */
/* Checkpoint, then the journal up to its end. threads > 1: nobody else writes to the folder. */
PP_MUST_CHECK enum pp_error pp_recovery_run(const struct pp_data *data, struct pp_ledger *ledger, unsigned threads,
                                            struct pp_record_room *room, struct pp_journal_head *out_head,
                                            uint64_t *out_checkpoint_end, char *out_reason);

/* ---- report.c ---- */
struct pp_lane_leaf;
/* The lanes that a report states: those that ever spent. Room for all. */
PP_MUST_CHECK enum pp_error pp_report_leaves(const struct pp_ledger *ledger, struct pp_lane_leaf *out, size_t *out_count);
PP_MUST_CHECK enum pp_error pp_report_epoch_end(struct pp_node *node);
/* ---- epoch_end.c: the same in a network of several ---- */
PP_MUST_CHECK enum pp_error pp_epoch_end_if_due(struct pp_node *node);
/* Of a node that is part of shards, from any thread: whether an epoch is over that has no report, and that report, with the
 * leaves of the other shards. */
PP_MUST_CHECK enum pp_error pp_report_is_due(struct pp_node *node, bool *out);
PP_MUST_CHECK enum pp_error pp_report_fold(struct pp_node *node, const struct pp_lane_leaf *others, size_t count);

/* ---- sweep.c ---- */
/* Removes what has expired by this day, some thousand at most. On the caller's thread. */
PP_MUST_CHECK enum pp_error pp_sweep(struct pp_node *node, uint32_t today);

/* ---- replication.c ---- */
PP_MUST_CHECK enum pp_error pp_replication_init(struct pp_node *node, const struct pp_node_config *config, char *reason);
void pp_replication_done(struct pp_node *node);
/* When the folder is this node's: names the operators, if they are others than it knows. */
PP_MUST_CHECK enum pp_error pp_replication_open(struct pp_node *node);
/* Whether so many stamps may become stored: on the writer thread. */
bool pp_replication_has_room(const struct pp_node *node, size_t stamps);
/* Makes records of what was acknowledged, and of what was not in time. From any thread. */
PP_MUST_CHECK enum pp_error pp_replication_tick(struct pp_node *node);

/* ---- refunds.c ---- */
/* A LOOK item's: the signer of a lane. UNKNOWN_CHANNEL, UNKNOWN_LANE. */
struct pp_signer_look {
    const struct pp_channel_id *channel_id;
    uint32_t lane;
    struct pp_address signer; /* out */
};
PP_MUST_CHECK enum pp_error pp_signer_look_run(struct pp_node *node, struct pp_txn *txn, void *context);

/* What R will be after these: lists[0] is the lane's list, copied and appended to. Signs it. */
struct pp_refund_draft {
    struct pp_refund_list list;
    struct pp_grains refunded;
    struct pp_hash reasons;
    struct pp_signature signature;
};
void pp_refund_draft_begin(struct pp_refund_draft *draft, const struct pp_ledger *ledger,
                           const struct pp_ledger_lane *lane);
PP_MUST_CHECK enum pp_error pp_refund_draft_add(struct pp_refund_draft *draft, const struct pp_stamp_id *stamp_id,
                                                struct pp_grains amount, enum pp_refund_reason reason);
PP_MUST_CHECK enum pp_error pp_refund_draft_sign(struct pp_refund_draft *draft, const struct pp_node *node,
                                                 const struct pp_ledger_lane *lane);

/* What happened to a stamp since its admission: a row of PP_TABLE_STAMPS. All zero when there is none. */
struct pp_stamp_row {
    struct pp_refund_state refund;
    uint32_t stored_day; /* tickets only; 0: not stored */
    bool forfeited;      /* its bond was */
    bool lapsed;         /* no root covered it in time: it earns nothing, and nothing of it is stored */
};
/* Whole: nothing of it is stored. */
static inline bool pp_stamp_is_given_back(const struct pp_stamp_row *row)
{
    return (row->refund.reasons & (1u << (PP_REFUND_NOT_STORED - 1) | 1u << (PP_REFUND_NOT_REPLICATED - 1))) != 0;
}
PP_MUST_CHECK enum pp_error pp_stamp_row_get(struct pp_txn *txn, uint64_t sequence, struct pp_stamp_row *out);
PP_MUST_CHECK enum pp_error pp_stamp_row_put(struct pp_txn *txn, uint64_t sequence, const struct pp_stamp_row *row);

/* ---- bond_node.c ---- */
/* The bond of an envelope against its item's quote (pp/bond.h); refusal may be NULL. */
PP_MUST_CHECK enum pp_error pp_bond_offer_check(const struct pp_item *item, const struct pp_envelope_view *envelope,
                                                struct pp_refusal *refusal);

/* What a bond that goes back does to its stamp's row. */
PP_MUST_CHECK enum pp_error pp_bond_row_return(struct pp_txn *txn, uint64_t sequence, uint64_t grains);

/* ---- bond_sweep.c ---- */
/* On the writer thread: whether a bond's deadline has passed. */
bool pp_bonds_are_due(const struct pp_node *node);
/* Returns some of them, each lane's in a record, in groups with others. From any thread. */
PP_MUST_CHECK enum pp_error pp_bonds_sweep(struct pp_node *node);

/* ---- look.c ---- */
/* The signed refund in a record of a kind that has one. channel_id and lane are the caller's. */
bool pp_record_refund(const struct pp_record *record, struct pp_signed_refund *out);
/* The voucher of a CHARGED record: its context follows from the rows. */
PP_MUST_CHECK enum pp_error pp_record_voucher(const struct pp_record *record, struct pp_voucher *out);
/* The lane's highest; *out_there says whether there is one. */
/* Payer, signer and nonce, from the record that taught the lane. */
PP_MUST_CHECK enum pp_error pp_lane_config_find(struct pp_txn *txn, const struct pp_ledger_lane *lane,
                                                struct pp_record_room *room, struct pp_channel_config *out);
PP_MUST_CHECK enum pp_error pp_lane_config_read(struct pp_store *journal, const struct pp_ledger_lane *lane,
                                                struct pp_record_room *room, struct pp_channel_config *out);
PP_MUST_CHECK enum pp_error pp_lane_voucher_read(struct pp_store *journal, const struct pp_ledger_lane *lane,
                                                 struct pp_record_room *room, struct pp_voucher *out,
                                                 bool *out_there);
/* The same inside a transaction, which sees the records of its own group. */
PP_MUST_CHECK enum pp_error pp_lane_refund_find(struct pp_txn *txn, const struct pp_ledger *ledger,
                                                const struct pp_ledger_lane *lane, struct pp_record_room *room,
                                                struct pp_signed_refund *out);
PP_MUST_CHECK enum pp_error pp_lane_refund_read(struct pp_store *journal, const struct pp_ledger *ledger,
                                                const struct pp_ledger_lane *lane, struct pp_record_room *room,
                                                struct pp_signed_refund *out);

#endif
