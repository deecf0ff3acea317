/* send_parts.h - what the parts of the sender share (sender.h is what others see).
 *
 *   send_items.c     what is to be sent: parcels, what an earlier run left, the queue of what is to be sent again
 *   send_request.c   quotes; building, signing and starting a request
 *   send_answer.c    what a node answered, and what follows from it
 *   send_session.c   sessions: when, opening, roots, what an earlier run left unsigned
 *   sender.c         the loop, its beginning and its end
 */
#ifndef CLI_SEND_PARTS_H
#define CLI_SEND_PARTS_H

#include "clock.h"
#include "sender.h"

#include <signal.h>

struct quote {
    struct cli_quote card;
    uint64_t fetched_ms; /* by our monotonic clock: the node's is issued_ms at that moment */
    struct quote *next;
};

struct item {
    struct cli_parcel *parcel;
    bool stamped; /* leaf, id, quote are set */
    struct pp_leaf leaf;
    struct pp_stamp_id id;
    struct quote *quote;
    unsigned resigned;
    uint64_t due_ms;
    struct item *next;
};

struct queue {
    struct item *first;
    struct item *last;
};

enum slot_state {
    SLOT_IDLE,
    SLOT_READY, /* built, to be started after the commit */
    SLOT_RUNNING,
    SLOT_WAITING, /* to be sent again at due_ms */
};

struct slot {
    enum slot_state state;
    struct cli_exchange *exchange;
    struct item **items;
    size_t count;
    struct quote *quote;
    enum pp_stamp_kind kind;
    struct pp_voucher voucher;
    bool by_payment;
    char *authorization;
    uint8_t *body;
    size_t body_length, body_room;
    uint64_t due_ms;
    unsigned attempts;
    bool repeating;
    uint64_t *sequences; /* repeating: what was answered the first time */
};

/* A stamp of an earlier run, to be found by what it paid for. */
struct earlier {
    struct pp_hash envelope_hash;
    uint16_t retention_days;
    uint8_t envelope_kind;
    bool taken;
    struct pp_leaf leaf; /* pending ones only */
    struct pp_stamp_id id;
    struct quote *quote;
};
struct earlier_list {
    struct earlier *rows;
    size_t count;
};

/* Sending by a session, and whether to. */
struct send_session {
    bool open;
    size_t place; /* in the lane's list */
    struct pp_session_key key;
    struct pp_session_public node_key;
    bool has_node_key;
    bool root_due;                /* the node wants one */
    uint64_t retry_ms;            /* no opening is tried before */
    uint64_t window_ms;           /* since when `taken` counts */
    uint64_t taken, taken_before; /* envelopes of this window and of the one before */
};

struct sender {
    const struct cli_sender_config *config;
    struct send_session session;
    int signals; /* a descriptor from which SIGINT and SIGTERM are read; -1: none (any more) */
    sigset_t signals_before;
    struct cli_send_summary *summary;
    struct cli_problem *problem;
    struct cli_exchange *exchange; /* for quotes and such */
    struct cli_exchanges *exchanges;
    struct slot *slots;
    struct quote *quotes; /* the newest first; kept to the end */
    bool quote_stale;
    uint64_t quote_due_ms;
    struct queue again; /* to be sent again, or signed anew, or what did not fit: before what is fresh */
    bool source_ended;
    struct earlier_list pending, acknowledged;
    uint64_t progress_ms; /* the last time that something was decided */
    uint64_t requests_done;
    enum pp_error last_error;
    bool changed; /* something is staged in the lane's log */
    struct pp_hash *scratch;
    struct pp_receipt_body *bodies;
    struct pp_leaf *leaves;
    bool *counted;
};

/* ---- items ---- */

void cli_send_item_free(struct item *item);
void cli_send_queue_put(struct queue *queue, struct item *item);
void cli_send_queue_put_first(struct queue *queue, struct item *item); /* due at once */
struct item *cli_send_queue_take(struct queue *queue);
/* For good: counted, and freed. */
void cli_send_item_refuse(struct sender *s, struct item *item, enum pp_error error);
/* The next item, wherever it stands: those to be sent again first. NULL: none now. */
PP_MUST_CHECK enum pp_error cli_send_item_next(struct sender *s, uint64_t now, struct item **out);
/* What earlier runs left in the lane's log. */
PP_MUST_CHECK enum pp_error cli_send_earlier_gather(struct sender *s);

/* ---- requests ---- */

/* The newest quote, if it may be used; else asks for another. Errors are the node's, and may pass. */
PP_MUST_CHECK enum pp_error cli_send_quote_need(struct sender *s, uint64_t now);
/* Gathers, signs, and stages in the lane's log: READY, or IDLE when there was nothing to gather. */
PP_MUST_CHECK enum pp_error cli_send_slot_build(struct sender *s, struct slot *slot, uint64_t now);
PP_MUST_CHECK enum pp_error cli_send_body_frame(struct sender *s, struct slot *slot);
PP_MUST_CHECK enum pp_error cli_send_slot_start(struct sender *s, struct slot *slot);
void cli_send_slot_empty(struct slot *slot);

/* ---- sessions ---- */

/* What an earlier run left: roots over what is acknowledged (SESSION-052). Asks the node. */
PP_MUST_CHECK enum pp_error cli_send_sessions_settle(struct sender *s);
/* Whether a root has to be signed before more can be sent; nothing of the session may be under way then. */
bool cli_send_root_is_due(const struct sender *s);
/* Leaves of the session that are sent and not answered. */
size_t cli_send_session_in_flight(const struct sender *s);
/* Signs the root over all that is acknowledged, and waits until the node took it. */
PP_MUST_CHECK enum pp_error cli_send_root(struct sender *s);
/* Counts what was taken, for the choice of the kind. */
void cli_send_session_count(struct sender *s, size_t envelopes, uint64_t now);
/* Whether a session would be worth it, by what was asked for, by how many are at hand, and by the rate. */
bool cli_send_session_is_wanted(const struct sender *s, const struct slot *slot);
/* Whether this gathered request goes by a session; opens one where that is worth it. */
PP_MUST_CHECK enum pp_error cli_send_session_choose(struct sender *s, const struct slot *slot, uint64_t now,
                                                    bool *out);
/* The request's MACs: count x PP_SESSION_MAC_BYTES. */
void cli_send_session_macs(const struct sender *s, const struct slot *slot, uint8_t *out);
const struct cli_lane_session *cli_send_session_now(const struct sender *s);
/* A refusal that is of the session, not of the stamp: the stamp stands. */
bool cli_send_is_of_session(struct sender *s, const struct pp_refusal *refusal);
void cli_send_session_done(struct sender *s);

/* ---- answers ---- */

/* The same stamp again may help: a retry time, no answer, or a fault of which nobody knows what it left. */
bool cli_send_is_retryable(const struct pp_refusal *refusal);
PP_MUST_CHECK enum pp_error cli_send_slot_ended(struct sender *s, struct slot *slot, uint64_t now);

#endif
