/* load_sender.h - one thread that sends what is due, whatever carries it: the schedule's side, the lanes' side, and the tally.
 *
 * Open loop: a request is due at a time that was fixed beforehand; its latency counts from then, also when it had to wait for
 * a free connection or for its lane. What the generator itself is late by is kept apart, as `lag`.
 * A stamp that the node refused, but would take later, leaves a hole in its lane's line; the next request that is due on this lane carries it
 * again, so that the lane never has more holes than requests under way.
 * A lane that may not send now (it is full, or a root is due) is passed by what is due on others, and goes on where it stopped.
 *
 * Use (a transport's drive function):
 *     while (load_sender_goes_on(s, now)) { load_sender_notice(s, now);
 *         while (load_sender_root_take(s, &lane)) start it; while (load_sender_take(s, &letter, &due)) start it;
 *         wait until load_sender_wake_ns, or an answer; load_sender_answered(...), load_sender_rooted(...) for each }
 * Own:    a sender is used by its own thread alone. Times are of the monotonic clock, in nanoseconds.
 */
#ifndef CLI_LOAD_SENDER_H
#define CLI_LOAD_SENDER_H

#include "load_histogram.h"
#include "load_roots.h"
#include "load_traffic.h"

#define LOAD_THREADS_MAX 16u
#define LOAD_LANE_FLIGHT_MAX                                                                                 \
    32u /* requests under way on a lane: half of PP_HOLES_MAX, which a lane may have of holes */
#define LOAD_ERRORS 256u       /* error numbers are below */
#define LOAD_SAMPLES_MAX 4096u /* receipts kept for checking: a quarter of a second of Ed25519 */
#define LOAD_DRAIN_NS                                                                                        \
    UINT64_C(10000000000)                 /* how long answers are waited for after the last request was due */
#define LOAD_STOP_NS UINT64_C(2000000000) /* the same, after Ctrl-C */
#define LOAD_TURN_MAX_NS UINT64_C(50000000) /* how long a sender sleeps at most: it looks for Ctrl-C */

/* What was counted. Envelopes, where not said otherwise. */
struct load_tally {
    struct load_histogram latency; /* of requests of which at least one envelope was admitted */
    struct load_histogram lag;     /* how late the generator noticed that a request was due */
    uint64_t requests_due, requests_sent, requests_admitted, requests_refused;
    uint64_t requests_lost;       /* sent, and the connection broke */
    uint64_t requests_unanswered; /* sent, and no answer by the end */
    uint64_t requests_unsent;     /* due, and no connection or lane was free by the end */
    uint64_t admitted, known;
    uint64_t refused[LOAD_ERRORS]; /* by error number; a request's under its first error */
    uint64_t connections_lost, connections_failed;
    uint64_t checked, checks_failed;    /* receipts */
    struct load_histogram root_latency; /* of roots, from when they left to when they were taken */
    uint64_t roots_sent, roots_taken, roots_refused;
    uint64_t leaves_unsigned;                /* admitted, and under no root at the end */
    uint64_t tickets_stored, tickets_failed; /* of the host's own store: committed, or not */
    uint64_t last_answer_ns;                 /* since the start */
    uint64_t sender_cpu_ns;                  /* of the sending threads */
};
void load_tally_init(struct load_tally *tally);
/* `from` ran after `into`, or beside it. */
void load_tally_merge(struct load_tally *into, const struct load_tally *from);
uint64_t load_tally_refused(const struct load_tally *tally);

/* An answer that is checked after the clock has stopped: as JSON, or as it was. */
struct load_sample {
    uint8_t *json; /* with a 0 behind it */
    size_t json_length;
    struct pp_receipt_body *bodies;
    uint32_t bodies_count;
    struct pp_receipt receipt;
};

/* What became of one request. */
struct load_verdict {
    uint32_t admitted, known, refused; /* envelopes */
    enum pp_error error;               /* of the first that was refused */
    bool lost;                         /* no answer: nobody knows */
};

/* A request that the lane's next one that is due carries. */
struct load_again {
    uint32_t letter;
    bool lost; /* whether it was admitted is not known */
};

struct load_flow {  /* of one lane */
    uint32_t taken; /* of its own requests, so far */
    uint32_t in_flight;
    struct load_again again[LOAD_LANE_FLIGHT_MAX]; /* the oldest first */
    uint32_t again_count, lost_count;
    uint32_t passed, passed_first; /* arrivals that could not leave when others did; the first of them */
    bool is_ready;                 /* in the list: it has passed ones, and may send */
    uint32_t next_ready, next_root;
};

/* Lanes in a queue, linked through their flows: number + 1, 0: none. */
struct load_queue {
    uint32_t first, last;
};

/* One run over traffic that is signed: shared by its senders. */
struct load_round {
    const struct load_traffic *traffic;
    const uint64_t *due_ns; /* traffic->count, from the start */
    unsigned threads;       /* divides traffic->lanes_count */
    uint32_t check_every;   /* a receipt of so many is checked; 0: none */
    const _Atomic bool *stop;
    uint64_t start_ns;
    struct load_flow *flows;     /* traffic->lanes_count */
    struct load_tail *tails;     /* the same; NULL: not of kind SESSION */
    uint64_t *sequences;         /* one a stamp, 0: not admitted; NULL: nobody needs them */
    struct load_sample *samples; /* count / check_every + 1 */
};

struct load_sender {
    const struct load_round *round;
    unsigned index;
    uint32_t noticed, next; /* arrivals: index, index + threads ... */
    uint32_t in_flight;
    uint32_t passed;         /* arrivals, of all its lanes */
    struct load_queue ready; /* lanes that have passed ones and may send */
    struct load_queue roots; /* lanes whose root may leave */
    uint32_t roots_queued, roots_under_way;
    bool is_closing;     /* only last roots are left */
    uint64_t stopped_ns; /* 0: not */
    struct load_tally tally;
    void *transport; /* the drive function's own */
};

uint64_t load_now_ns(void);

bool load_sender_goes_on(struct load_sender *sender, uint64_t now_ns);
void load_sender_notice(struct load_sender *sender, uint64_t now_ns);
/* The next request that is due and may leave. false: there is none, or the lanes of all have LOAD_LANE_FLIGHT_MAX under way
 * or wait for their roots. */
bool load_sender_take(struct load_sender *sender, uint32_t *out_letter, uint64_t *out_due_ns);
void load_sender_answered(struct load_sender *sender, uint32_t letter, uint64_t due_ns, uint64_t now_ns,
                          const struct load_verdict *verdict);
/* What came of letters of kind SESSION: before load_sender_answered, sequences into load_sender_sequences. */
uint64_t *load_sender_sequences(const struct load_sender *sender,
                                uint32_t letter); /* NULL: nobody needs them */
/* The next lane whose root may leave (load_root_make, of round->tails). */
bool load_sender_root_take(struct load_sender *sender, uint32_t *out_lane);
/* PP_OK: taken. Of the class LIMIT, or lost (NODE_DOWN): it may leave again. */
void load_sender_rooted(struct load_sender *sender, uint32_t lane, enum pp_error error, uint64_t now_ns);
/* How many leaves of its lanes are under no root. */
uint64_t load_sender_unsigned(const struct load_sender *sender);
/* Whether a request waits that was due before now, for a connection or for its lane. */
bool load_sender_is_waiting(const struct load_sender *sender);
/* When it must look again, at the latest. */
uint64_t load_sender_wake_ns(const struct load_sender *sender, uint64_t now_ns);
/* Where the answer to this letter is kept; NULL: it is not to be checked. */
struct load_sample *load_sender_sample(const struct load_sender *sender, uint32_t letter);

/* ---- a round ---- */

/* How requests travel. */
struct load_transport {
    void *context;
    /* Before the clock starts: *sender is one of `threads`. */
    enum pp_error (*open)(void *context, struct load_sender *sender);
    void (*drive)(struct load_sender *sender); /* on its thread, until load_sender_goes_on says no */
    void (*close)(struct load_sender *sender); /* also of those that were not opened: transport is NULL */
};

/* Sends everything, and waits. Adds to *tally. Signals (load_signals.h) set *stop meanwhile.
 * Samples are checked, with this node's key. Errors: NO_MEMORY, SYSTEM, and the transport's when opening. */
struct load_round_config {
    const struct load_traffic *traffic;
    const uint64_t *due_ns;
    unsigned threads;
    unsigned check_percent;
    _Atomic bool *stop;
    const struct load_transport *transport;
    uint32_t node_id;
    const struct pp_receipt_key *receipt_key;
};
PP_MUST_CHECK enum pp_error load_round_run(const struct load_round_config *config, struct load_tally *tally);

#endif
