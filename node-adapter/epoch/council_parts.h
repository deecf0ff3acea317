/* council_parts.h - what the council's files share. */
#ifndef PP_EPOCH_COUNCIL_PARTS_H
#define PP_EPOCH_COUNCIL_PARTS_H

#include "epoch/council.h"

#include <curl/curl.h>
#include <pthread.h>

/* A report of which the proposal is known. */
struct council_known {
    struct pp_hash digest;
    uint8_t *bytes; /* the proposal, encoded */
    size_t length;
    struct pp_epoch_report_fields report;
    uint32_t proposer; /* node id */
    struct pp_dissent dissent; /* error OK: none */
};

/* A question to a peer. */
struct council_ask {
    struct pp_council *council;
    CURL *transfer; /* NULL: none is under way */
    struct curl_slist *headers;
    uint32_t peer;
    bool is_state;
    struct pp_hash digest;
    uint8_t *body;
    char *answer; /* PP_COUNCIL_ANSWER_MAX_BYTES */
    size_t length;
    bool too_large;
};

struct pp_council {
    struct pp_council_config config;
    struct pp_council_peer *peers;
    struct pp_builder builder;
    pthread_mutex_t lock; /* of what follows, up to `thread` */
    bool has_round, stop;
    struct pp_round round;
    struct pp_operator operators[PP_OPERATORS_MAX]; /* of the round */
    struct council_known known[PP_ROUND_REPORTS_MAX];
    size_t known_count;
    struct pp_round_actions jobs; /* to be done on the thread */
    uint64_t seen_epoch;          /* the newest that is over, whether or not this node is of its set */

    pthread_t thread;
    bool started;
    /* of the thread */
    CURLM *multi;
    struct council_ask asks[PP_OPERATORS_MAX];
    struct pp_built *built; /* the last that held */
    uint64_t begin_after_ms;
    uint64_t fetch_after_ms;
    enum pp_error told_error;
};

uint64_t council_now_ms(void);
void council_tell(struct pp_council *council, const char *what, enum pp_error error, uint32_t node_id,
                  const struct pp_hash *digest, const struct pp_dissent *dissent);
const char *council_url(const struct pp_council *council, uint32_t node_id);

/* ---- under the lock ---- */
struct council_known *council_known_find(struct pp_council *council, const struct pp_hash *digest);
/* Keeps a proposal; what nothing is known of any more makes room. NULL: no memory. */
struct council_known *council_known_add(struct pp_council *council, const struct pp_proposal *proposal,
                                        struct pp_slice bytes, const struct pp_hash *digest);
/* Room for what a call may add. */
void council_jobs_add(struct pp_council *council, const struct pp_round_actions *actions);
/* A message of a peer: its proposal, its signatures. Verified here. */
PP_MUST_CHECK enum pp_error council_learn(struct pp_council *council, struct pp_slice message,
                                          struct pp_proposal *out_proposal, struct pp_hash *out_digest,
                                          bool by_asking);
PP_MUST_CHECK enum pp_error council_message(struct pp_council *council, const struct pp_hash *digest,
                                            uint8_t *out, size_t capacity, size_t *out_length);

/* ---- council_wire.c ---- */
const char *council_reply_name(enum pp_round_reply reply);
void council_print_answer(struct pp_council *council, struct pp_text *out, const struct pp_hash *digest,
                          enum pp_round_reply reply);
void council_print_state(struct pp_council *council, struct pp_text *out);
/* What a peer answered; takes from it what can be used. Under the lock. */
void council_take_answer(struct pp_council *council, const struct council_ask *ask, bool reached);

void council_print_leaves(struct pp_text *out, const struct pp_cut *cut, uint64_t from);

/* ---- council_fetch.c: on the thread, not under the lock; waits ---- */
/* EPOCH-018: which leaf of a lane the proposer states otherwise; where it does not say, the lane stays all that is named. */
void council_leaf_name(struct pp_council *council, const struct pp_proposal *proposal,
                       struct pp_dissent *dissent);
/* EPOCH-042: the report that the next one goes on from, of whoever has it. */
void council_before_fetch(struct pp_council *council);

/* ---- council_send.c: on the thread ---- */
void council_send(struct pp_council *council, const struct pp_round_action *action);
void council_transfers(struct pp_council *council, int wait_ms);
void council_transfers_end(struct pp_council *council);

/* ---- council_work.c: on the thread, not under the lock ---- */
void council_work(struct pp_council *council, const struct pp_round_action *action);

#endif
