/* pennypost.h - libpennypost: charge postage durably before an envelope is stored.
 *
 * A node is one writer over one data folder. Everything it answers is on disk before it answers (persist, then
 * speak). Two ways to use it:
 *
 *   with the embedded store   pp_node_submit: charge and envelope are one transaction; used by pennypostd.
 *   with the host's own store pp_node_admit reserves durably and gives a ticket an envelope; the host stores, then
 *                             pp_node_commit or pp_node_cancel. After a crash pp_node_open_tickets lists the
 *                             tickets that are still open, for the host to decide.
 *
 * Threads: a node runs one writer thread and some verify threads of its own. Every function may be called from any
 *          thread. Callbacks run on the writer thread and must be short.
 * Own:     requests and their buffers belong to the caller, and must stay until the answer came.
 *          Configuration is copied.
 * Errors:  enum pp_error; refusals of single envelopes are in the response, with the values that disagreed.
 * Source:  specs/node.md, DESIGN section 9.
 */
#ifndef PENNYPOST_H
#define PENNYPOST_H

#include <pp/amount.h>
#include <pp/chain_event.h>
#include <pp/distribution.h>
#include <pp/eip712.h>
#include <pp/limits.h>
#include <pp/quote.h>
#include <pp/rates.h>
#include <pp/receipt.h>
#include <pp/refusal.h>
#include <pp/session.h>
#include <pp/sign.h>
#include <pp/stamp.h>

struct pp_node;

/* Time comes in from outside: unix milliseconds. Must not go backwards by more than the bound (CLOCK). */
struct pp_clock {
    uint64_t (*now_ms)(void *context);
    void *context;
};

/* The wall clock. */
struct pp_clock pp_clock_system(void);

/* Another operator of the network, and the key that signs for it. */
struct pp_node_operator {
    uint32_t node_id;
    struct pp_address address;
};

struct pp_node_config {
    const char *data_dir;       /* made when missing, mode 0700 */
    uint64_t map_bytes;         /* the most that the store may grow to; 0: 16 GiB */
    uint32_t node_id;
    uint8_t shard;
    bool part_of_shards;        /* of pennypost_shards.h: reports are made for all shards together, not by this node alone */
    bool embedded_store;        /* keep the envelopes too */
    bool several_operators;     /* reports are agreed on with others (specs/epochs.md): this node makes none by itself */
    uint32_t lanes_max;         /* pools are made for this many; 0: 65536 */
    uint32_t verify_threads;    /* 0: one per core */
    struct pp_domain domain;    /* chain id and contract */
    struct pp_secret_key operator_key;    /* signs refunds, releases, reports */
    uint8_t receipt_seed[32];             /* Ed25519: signs receipts and quotes */
    const struct pp_rates *rates;         /* versions, by start */
    size_t rates_count;
    uint16_t retention_max_days;          /* 0: PP_RETENTION_MAX_DAYS */
    uint64_t epoch_seconds;
    uint64_t freshness_ms;                /* lanes freeze when the latest block is older */
    uint64_t clock_skew_max_ms;           /* ... or when the clock and the chain differ by more; 0: freshness_ms */
    uint16_t protocol_share_bps;
    struct pp_payout_terms payouts;       /* as the network agreed */
    const struct pp_node_operator *operators; /* the others: a quorum of all must hold a stamp before it earns. Copied */
    size_t operators_count;                   /* 0: nobody is waited for */
    uint64_t replication_ms;                  /* a stamp that they do not hold by then is given back; 0: ten minutes */
    uint64_t bond_window_min_ms;          /* a bond's deadline lies so far behind its quote at least; 0: a day */
    uint64_t bond_window_max_ms;          /* ... and at most; 0: 30 days; PP_BOND_WINDOW_MAX_DAYS */
    struct pp_address payee;    /* of this operator, as registered */
    struct pp_address treasury; /* the protocol's payee */
    struct pp_clock clock;
};

/* Opens or makes the store, recovers (checkpoint and replay), and starts the threads.
 * LOCKED, SCHEMA, CORRUPT (out_reason says record and offset), BAD_CONFIG. out_reason may be NULL. */
PP_MUST_CHECK enum pp_error pp_node_open(const struct pp_node_config *config, struct pp_node **out, char out_reason[256]);
/* Whether another process took the folder over, or its files were replaced: everything is FENCED then, and all that is left
 * is to close the node. out_reason (may be NULL) says who writes the folder now, or what happened to it. */
bool pp_node_fenced(struct pp_node *node, char out_reason[256]);
/* Answers what is queued, checkpoints, stops. */
void pp_node_close(struct pp_node *node);

/* ---- admission ---- */

struct pp_envelope_view {
    struct pp_leaf leaf;
    const uint8_t *topic;
    size_t topic_length;
    const uint8_t *payload; /* host's own store: may be NULL if leaf.envelope_hash was computed by the host */
    size_t payload_length;
    const uint8_t *mac; /* kind session: PP_SESSION_MAC_BYTES; otherwise not looked at */
};

/* One voucher with its leaves, as it came; or stamps of an open session, which have no voucher: spent, refund_ack and
 * signature are not looked at then. */
struct pp_request {
    struct pp_channel_id channel_id;
    uint32_t lane;
    uint64_t source; /* who brought it: the host's number of the connection; 0: not known */
    enum pp_stamp_kind kind;
    struct pp_grains spent;
    struct pp_grains refund_ack;
    struct pp_signature signature;
    struct pp_hash session_id; /* kind session */
    const uint8_t *quote; /* encoded, with its signature */
    size_t quote_length;
    const struct pp_envelope_view *envelopes;
    size_t count; /* 1..PP_LEAVES_MAX */
};

/* One envelope's answer. */
struct pp_result {
    struct pp_refusal refusal;   /* refusal.error == PP_OK: admitted (now, or before) */
    struct pp_stamp_id stamp_id;
    uint64_t sequence;           /* admitted: the journal's sequence number; also the ticket */
    uint64_t time_ms;            /* admitted: the journal's time of the first admission */
    bool known;                  /* it was admitted before; nothing was charged now */
};

/* The answer to a request: results[count], and one receipt for all that are admitted. */
struct pp_response {
    enum pp_error error;         /* other than OK: the whole request was refused; refusal says why; no results */
    struct pp_refusal refusal;
    const struct pp_result *results;
    size_t count;
    struct pp_receipt receipt;   /* present when at least one is admitted */
    bool has_receipt;
    struct pp_grains spent;      /* the lane after this request: S, R, and what is free of the cap */
    struct pp_grains refunded;
    struct pp_grains free;
};

typedef void pp_submit_done(void *context, const struct pp_response *response);

/* Embedded store. OK: done will be called once, after the charge and the envelopes are on disk, or after all was
 * refused. BUSY, SHUTTING_DOWN: done is not called. */
PP_MUST_CHECK enum pp_error pp_node_submit(struct pp_node *node, const struct pp_request *request, pp_submit_done *done,
                                           void *context);

/* Host's own store. Blocks until the reservation is on disk. results has room for request->count. */
PP_MUST_CHECK enum pp_error pp_node_admit(struct pp_node *node, const struct pp_request *request,
                                          struct pp_result *results, struct pp_refusal *out_refusal);
/* The same without blocking: done as for pp_node_submit; the results' sequences are tickets, and there is no receipt yet. */
PP_MUST_CHECK enum pp_error pp_node_admit_start(struct pp_node *node, const struct pp_request *request,
                                                pp_submit_done *done, void *context);
/* The host stored them: they start to earn. out_receipt covers exactly these. TICKET_UNKNOWN, TICKET_CLOSED. */
PP_MUST_CHECK enum pp_error pp_node_commit(struct pp_node *node, const uint64_t *tickets, size_t count,
                                           struct pp_receipt *out_receipt);
/* The host did not store them: their postage is refunded, all of it (reason NOT_STORED). */
PP_MUST_CHECK enum pp_error pp_node_cancel(struct pp_node *node, const uint64_t *tickets, size_t count);
/* Calls visit for each open ticket, oldest first, until it returns false. */
struct pp_open_ticket {
    uint64_t ticket;
    uint64_t time_ms;
    struct pp_leaf leaf;
};
PP_MUST_CHECK enum pp_error pp_node_open_tickets(struct pp_node *node,
                                                 bool (*visit)(void *context, const struct pp_open_ticket *ticket),
                                                 void *context);

/* What ended before its time, in the order of the journal: a host may drop these envelopes. */
enum pp_lapse_kind {
    PP_LAPSE_STAMP = 1, /* no quorum held it in time: refunded whole */
    PP_LAPSE_SESSION,   /* nobody signed these stamps: what the host stored under the session and no root covers */
    PP_LAPSE_LANE,      /* its sender left, or its channel closed: all of the channel, from the day after last_day on */
};
struct pp_lapse {
    enum pp_lapse_kind kind;
    uint64_t sequence; /* of the record that says so */
    struct pp_channel_id channel_id;
    uint64_t ticket;           /* STAMP */
    struct pp_hash session_id; /* SESSION */
    uint32_t last_day;         /* LANE: days since 1970; open and waiting tickets of it are over at once */
};
/* From the record behind `after` on (0: from the first), until visit returns false, or some ten thousand sequence numbers were read. *out_after
 * is where to go on: keep it with what was dropped. *out_after = after: there is nothing more yet. Any thread. */
PP_MUST_CHECK enum pp_error pp_node_lapsed(struct pp_node *node, uint64_t after,
                                           bool (*visit)(void *context, const struct pp_lapse *lapse), void *context,
                                           uint64_t *out_after);

/* ---- sessions (specs/sessions.md) ---- */

/* What a sender needs before it opens one: the node's session key, signed by its receipt key. */
void pp_node_session_key(const struct pp_node *node, struct pp_session_public *out_key,
                         struct pp_receipt_signature *out_signature);

/* An opening voucher, as it came: spent is opening.chunk.to. */
struct pp_session_open {
    struct pp_session_opening opening;
    struct pp_grains refund_ack;
    struct pp_signature signature;
    uint64_t source; /* as in struct pp_request */
};

/* A root: a voucher over the oldest `count` unsigned leaves. */
struct pp_session_root {
    struct pp_channel_id channel_id;
    uint32_t lane;
    struct pp_hash session_id;
    uint32_t count;
    struct pp_grains spent; /* the highest `to` of these leaves */
    struct pp_grains refund_ack;
    struct pp_hash context;
    struct pp_signature signature;
    uint64_t source; /* as in struct pp_request */
};

struct pp_session_status {
    struct pp_hash id;
    struct pp_grains from, to;
    uint64_t not_after_ms;
    uint32_t unsigned_count;
    struct pp_hash unsigned_context; /* over all that is unsigned; zero when nothing is */
    struct pp_hash root;             /* the context of the newest root; zero: none */
};

/* Both block until on disk, and answer the same when asked the same again. out_refusal says why not; out is the session as
 * it is then, without unsigned_context. BUSY: also when its source brought too much that does not hold (NODE-049). */
PP_MUST_CHECK enum pp_error pp_node_session_open(struct pp_node *node, const struct pp_session_open *open,
                                                 struct pp_session_status *out, struct pp_refusal *out_refusal);
PP_MUST_CHECK enum pp_error pp_node_session_sign(struct pp_node *node, const struct pp_session_root *root,
                                                 struct pp_session_status *out, struct pp_refusal *out_refusal);

/* An open session with the identities of its unsigned leaves, the oldest first; ids has room for PP_SESSION_UNSIGNED_MAX.
 * For a sender that does not know any more what it sent. SESSION_UNKNOWN. */
PP_MUST_CHECK enum pp_error pp_node_session_look(struct pp_node *node, const struct pp_channel_id *channel_id,
                                                 uint32_t lane, const struct pp_hash *session_id,
                                                 struct pp_stamp_id *ids, struct pp_session_status *out);

/* ---- quotes ---- */

/* A quote of this moment, encoded with its signature, and decoded. */
PP_MUST_CHECK enum pp_error pp_node_quote(struct pp_node *node, uint8_t out[PP_QUOTE_MAX_BYTES], size_t *out_length,
                                          struct pp_quote *out_quote);

/* ---- bonds (specs/rewards.md) ---- */

/* The quote of a topic, by pp_topic_hash: it names the acceptance key that its recipient registered, if any. An envelope of a kind
 * that has a bond needs it. */
PP_MUST_CHECK enum pp_error pp_node_topic_quote(struct pp_node *node, const struct pp_hash *topic,
                                                uint8_t out[PP_QUOTE_MAX_BYTES], size_t *out_length,
                                                struct pp_quote *out_quote);

/* A recipient's word on the key of its topic (RegisterTopic): signed by the topic's owner here, who is the key that was
 * registered last; the first time by the key itself. A key of zeros takes it away; its owner stays. */
struct pp_topic_registration {
    struct pp_hash topic;
    struct pp_address key;
    uint64_t number; /* above the last one's; at least 1 */
    struct pp_signature signature;
    uint64_t source; /* as in struct pp_request */
};
struct pp_topic_key {
    struct pp_address owner; /* zero: nobody registered yet */
    struct pp_address key;   /* zero: no bonds are asked */
    uint64_t number;
};
/* Blocks until on disk; the same again changes nothing. TOO_MANY_TOPICS, TOPIC_CHANGED, BAD_SIGNATURE. */
PP_MUST_CHECK enum pp_error pp_node_topic_register(struct pp_node *node, const struct pp_topic_registration *registration,
                                                   struct pp_topic_key *out, struct pp_refusal *out_refusal);
PP_MUST_CHECK enum pp_error pp_node_topic_key(struct pp_node *node, const struct pp_hash *topic, struct pp_topic_key *out);

/* The word of a bond's key on one stamp: Accept, or Complain. */
struct pp_bond_word {
    struct pp_channel_id channel_id;
    uint32_t lane;
    struct pp_stamp_id stamp_id;
    uint64_t sequence; /* of the stamp, as pp_node_topic tells it */
    struct pp_signature signature;
};
struct pp_bond_result {
    struct pp_refusal refusal; /* PP_OK: what is asked is so, now or before */
    bool known;                /* it was before */
    uint64_t grains;           /* of the bond */
};
/* Both block until on disk. 1 to PP_BOND_EVENTS_MAX words, of any lanes of this node; what a bond's state refuses is in its
 * result. BUSY: its source brought too much that does not hold (NODE-049). */
PP_MUST_CHECK enum pp_error pp_node_accept(struct pp_node *node, const struct pp_bond_word *words, size_t count,
                                           uint64_t source, struct pp_bond_result *results);
PP_MUST_CHECK enum pp_error pp_node_complain(struct pp_node *node, const struct pp_bond_word *words, size_t count,
                                             uint64_t source, struct pp_bond_result *results);

/* ---- refunds and leaving ---- */

struct pp_delete {
    struct pp_channel_id channel_id;
    uint32_t lane;
    struct pp_stamp_id stamp_id;
    struct pp_grains from; /* where the stamp stands on the line: finds it without a search */
    struct pp_signature signature;
};

struct pp_delete_result {
    struct pp_refusal refusal;  /* PP_OK: deleted */
    struct pp_grains refunded;  /* by this deletion */
};

/* The operator's signed cumulative refund of a lane. */
struct pp_signed_refund {
    struct pp_channel_id channel_id;
    uint32_t lane;
    struct pp_grains refunded;
    struct pp_hash reasons;
    struct pp_signature signature;
};

/* Blocks until the refunds are on disk. All deletes are of one lane. */
PP_MUST_CHECK enum pp_error pp_node_delete(struct pp_node *node, const struct pp_delete *deletes, size_t count,
                                           struct pp_delete_result *results, struct pp_signed_refund *out_refund);
/* The same, for who is named by `source` (pp_request.source): BUSY for one that brought forged signatures; of a list that it has begun, what is left has BUSY in its results. */
PP_MUST_CHECK enum pp_error pp_node_delete_from(struct pp_node *node, uint64_t source, const struct pp_delete *deletes,
                                                size_t count, struct pp_delete_result *results,
                                                struct pp_signed_refund *out_refund);

/* The operator's signed lowering of a cap. */
struct pp_signed_release {
    struct pp_channel_id channel_id;
    uint32_t lane;
    struct pp_units old_cap;
    struct pp_units new_cap;
    uint64_t seq;
    struct pp_signature signature;
};

/* The sender leaves (signed Leave): admission stops, what is not earned is refunded, and a release of the cap down
 * to what is earned is signed, to be posted after the next report vested. Blocks until on disk. Again: the same. */
PP_MUST_CHECK enum pp_error pp_node_leave(struct pp_node *node, const struct pp_channel_id *channel_id, uint32_t lane,
                                          const struct pp_signature *signature, struct pp_signed_refund *out_refund,
                                          struct pp_signed_release *out_release);
/* The same, for who is named by `source`; BUSY as above. */
PP_MUST_CHECK enum pp_error pp_node_leave_from(struct pp_node *node, uint64_t source,
                                               const struct pp_channel_id *channel_id, uint32_t lane,
                                               const struct pp_signature *signature, struct pp_signed_refund *out_refund,
                                               struct pp_signed_release *out_release);

/* ---- the chain, and time ---- */

/* What the chain view found. Journaled; idempotent. Blocks until on disk (HEAD: at once). */
PP_MUST_CHECK enum pp_error pp_node_chain_events(struct pp_node *node, const struct pp_chain_event *events, size_t count);
/* Begins a day or ends an epoch that is due by the clock and the chain's time. Called by the host every second or so;
 * the daemon does it by itself. */
PP_MUST_CHECK enum pp_error pp_node_tick(struct pp_node *node);

/* ---- looking ---- */

enum pp_lane_state;
struct pp_lane_status {
    struct pp_channel_config config;
    const char *state;           /* the lane state's name */
    struct pp_units cap;
    uint32_t seq;
    struct pp_grains spent, refunded, earned, vested;
    struct pp_grains deferred;   /* spent - refunded - earned */
    struct pp_grains bonds_held, bonds_returned, forfeited; /* in `deferred`; a part of `refunded`, of `earned` */
    struct pp_grains free;       /* what may still be charged under the cap */
    struct pp_grains consumed_head;     /* end of the consumed line */
    struct {
        struct pp_grains from, to;
    } holes[PP_HOLES_MAX];
    uint32_t holes_count;
    struct pp_signed_refund refund; /* the newest; zero amount when none */
    bool has_voucher;
    struct pp_voucher voucher;   /* the highest: what proves the line to a sender whose wallet is old */
    uint64_t stamps;             /* admitted so far */
    struct pp_session_status sessions[PP_LANE_SESSIONS_MAX]; /* those that are open */
    uint32_t sessions_count;
    uint64_t chain_block;        /* the view's finalized block, its latest block's time */
    uint64_t chain_time_s;
};
PP_MUST_CHECK enum pp_error pp_node_lane_status(struct pp_node *node, const struct pp_channel_id *channel_id,
                                                uint32_t lane, struct pp_lane_status *out);

/* The channel of the lane with this number, from 0, in the order in which the node learned of them. NOT_FOUND. */
PP_MUST_CHECK enum pp_error pp_node_channel_at(struct pp_node *node, uint64_t index, struct pp_channel_id *out);

struct pp_node_status {
    uint64_t journal_sequence, index_sequence, checkpoint_sequence;
    uint64_t lanes, stamps, open_tickets, bonds;
    uint64_t epoch, day;
    struct pp_grains spent, refunded, earned;
    uint64_t chain_block, chain_time_s;
    bool chain_fresh, store_full;
    uint64_t store_used_bytes, store_map_bytes;
};
void pp_node_status(struct pp_node *node, struct pp_node_status *out);

/* How far the other operators hold the lane's journal, and what waits for them. */
struct pp_replication_heard {
    uint32_t node_id;
    uint64_t next;    /* the first sequence that it has not acknowledged; 0: it said nothing since the start */
    uint64_t told_ms; /* when it last said something new */
};
struct pp_replication_status {
    uint32_t operators; /* of the network, this one among them; 0 or 1: nobody is waited for */
    uint32_t needed;    /* of the others */
    uint64_t deadline_ms;
    uint64_t waiting;         /* stamps */
    uint64_t oldest_sequence; /* behind which record the oldest of them stands; 0: none waits */
    uint64_t oldest_age_ms;   /* how long it has waited */
    bool lost;                /* for longer than half of the deadline: the quorum is not there */
    size_t heard_count;
    struct pp_replication_heard heard[PP_OPERATORS_MAX];
};
void pp_node_replication(struct pp_node *node, struct pp_replication_status *out);

/* Embedded store: reads a stored envelope back; NOT_FOUND after deletion or expiry. The callback borrows the bytes,
 * which were checked against the stamp's envelope hash. */
PP_MUST_CHECK enum pp_error pp_node_envelope(struct pp_node *node, uint64_t sequence,
                                             void (*visit)(void *context, const struct pp_leaf *leaf,
                                                           const uint8_t *topic, size_t topic_length,
                                                           const uint8_t *payload, size_t payload_length),
                                             void *context);
/* Sequence numbers of a topic's envelopes above `after`, ascending, at most capacity. */
PP_MUST_CHECK enum pp_error pp_node_topic(struct pp_node *node, const uint8_t *topic, size_t topic_length,
                                          uint64_t after, uint64_t *out_sequences, size_t capacity, size_t *out_count);

#endif
