/* epoch/council.h - agreeing with the other operators on each epoch's report: a thread that carries out what epoch/round.h
 * decides, over HTTP.
 *
 * Shape:  the round is pure; here are its clock, its peers, its builder and its disk. What comes over HTTP is answered at once from
 *         the round, under a lock; reports are built, and signed, on the council's thread, one at a time.
 * Own:    everything in the configuration is the caller's and outlives the council, but lists and the URLs, which are copied.
 * Threads: pp_council_ask and the like: any.
 * Errors: EPOCH_NOT_OVER, EPOCH_PAST, NOT_FOUND (the proposer is none of the set; this node is none), those of epoch/proposal.h.
 *         Of the work itself: told, and tried again.
 * Limits: PP_COUNCIL_*; those of the round.
 * Source: specs/epochs.md (EPOCH-020 to EPOCH-049).
 */
#ifndef PP_EPOCH_COUNCIL_H
#define PP_EPOCH_COUNCIL_H

#include "epoch/attest.h"
#include "epoch/round.h"
#include "http/text.h"

#define PP_COUNCIL_ANSWER_MAX_BYTES (1u << 20)   /* a peer's state: two messages in hex, and its lanes */
#define PP_COUNCIL_BUNDLE_MAX_BYTES (100u << 20) /* a report that is fetched: most of a million lanes */
#define PP_COUNCIL_ASK_MS 10000u                 /* one question */
#define PP_COUNCIL_LEAVES_PAGE 1000u

/* Where an operator is asked. */
struct pp_council_peer {
    uint32_t node_id;
    char url[PP_PEER_URL_MAX];
};

/* For the log. term: what it is about; NULL: nothing. */
struct pp_council_event {
    const char *what; /* "round", "draft", "dissent", "signed", "attested", "convicted", "trouble" */
    uint64_t epoch;
    uint32_t node_id;
    enum pp_error error;
    const struct pp_hash *digest;
    const struct pp_dissent *dissent;
    size_t signatures;
};

struct pp_council_config {
    const struct pp_crypto *crypto;
    const struct pp_domain *domain;
    const struct pp_secret_key *operator_key;
    uint32_t node_id;
    struct pp_node *node;          /* signs, and keeps the reports */
    const struct pp_holdings *holdings;
    struct pp_puller *puller;      /* NULL: none */
    const char *proof_dir;         /* where proofs stand */
    const struct pp_council_peer *peers;
    size_t peer_count;
    struct pp_round_times times;
    enum pp_error (*terms_at)(void *context, uint64_t block, struct pp_epoch_terms *out);
    void *terms_context;
    void (*told)(void *context, const struct pp_council_event *event);
    void *told_context;
};

struct pp_council;

PP_MUST_CHECK enum pp_error pp_council_open(const struct pp_council_config *config, struct pp_council **out);
void pp_council_close(struct pp_council *council);

/* POST /v1/epochs/EPOCH/proposal: a message; the answer as JSON. */
PP_MUST_CHECK enum pp_error pp_council_ask(struct pp_council *council, uint64_t epoch, struct pp_slice body,
                                           struct pp_text *out);
/* GET /v1/epochs/EPOCH */
PP_MUST_CHECK enum pp_error pp_council_state(struct pp_council *council, uint64_t epoch, struct pp_text *out);
/* GET /v1/epochs/EPOCH/lanes/LANE?from=N: leaves of a lane where its epoch ended, ascending, from that place on. */
PP_MUST_CHECK enum pp_error pp_council_leaves(struct pp_council *council, uint64_t epoch, uint32_t lane,
                                              uint64_t from, struct pp_text *out);
/* GET /v1/epochs/EPOCH/report: a bundle that a quorum signed. NOT_FOUND, TOO_LONG. */
PP_MUST_CHECK enum pp_error pp_council_bundle(struct pp_council *council, uint64_t epoch, struct pp_text *out);

#endif
