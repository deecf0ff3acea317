/* evidence/puller.h - fetches what peers publish, segment by segment, and has it verified and stored.
 *
 * Shape:  one thread with one transfer a peer, all of them at once by libcurl's multi interface, so that a slow peer keeps
 *         nobody waiting; what came is verified and stored on the same thread. A peer with more to tell is asked again at once,
 *         one without after poll_ms, one in trouble later and later.
 * Own:    the store and the crypto are the caller's and outlive the puller.
 * Errors: of one peer: NODE_DOWN, NODE_NONSENSE (another media type), BODY_TOO_LARGE, and those of
 *         evidence/replica_store.h. They are told, and stop neither the puller nor another peer.
 * Limits: see PP_PULL_*; lanes_max for each peer.
 *         What is held durably is acknowledged to its owner while stamps of it wait for a quorum: one POST a turn, before the
 *         next question. Whatever becomes of that, the pulling goes on.
 * Source: specs/evidence.md (EVID-070 to EVID-079, EVID-092).
 */
#ifndef PP_EVIDENCE_PULLER_H
#define PP_EVIDENCE_PULLER_H

#include "evidence/ack.h"
#include "evidence/replica_store.h"

#include <pennypost.h>

#define PP_PEERS_MAX 256u       /* lanes of other operators: as many as there may be operators */
#define PP_PULLS_MAX 16u        /* transfers at once: 8 MiB of segments at the most */
#define PP_PULL_TOTAL_MS 30000u /* one segment, at 17 KiB/s */
#define PP_PULL_CONNECT_MS 5000u
#define PP_PULL_RETRY_MAX_MS 60000u /* between two tries of a peer in trouble */
#define PP_ACK_AGAIN_MS 5000u /* what was acknowledged is said again while the peer's stamps still wait: it may have forgotten */
#define PP_PEER_URL_MAX 256u

/* One lane of another operator. */
struct pp_peer {
    uint32_t lane;
    struct pp_address operator_address;
    char url[PP_PEER_URL_MAX]; /* "http://HOST:PORT", what paths are added to */
};

/* Told when it changes: error OK, or what is wrong with the peer; sequence: how far its journal came. On the puller's thread. */
typedef void pp_pull_told(void *context, const struct pp_peer *peer, enum pp_error error, uint64_t sequence);

/* The same of acknowledgements. */
typedef void pp_ack_told(void *context, const struct pp_peer *peer, enum pp_error error, uint64_t sequence);

struct pp_puller_config {
    const struct pp_crypto *crypto;
    const struct pp_domain *domain;
    struct pp_replica_store *store;
    const struct pp_peer *peers; /* copied */
    size_t peer_count;
    uint32_t lanes_max;
    uint32_t poll_ms;
    const struct pp_secret_key *key; /* signs acknowledgements; outlives the puller. NULL: there are none */
    uint32_t node_id;                /* whose key it is */
    struct pp_clock clock;           /* of acknowledgements; with a key */
    pp_pull_told *told;              /* may be NULL */
    pp_ack_told *ack_told;           /* may be NULL */
    void *context;
};

struct pp_puller;

/* Returns at once: replicas are loaded on the puller's thread. TOO_MANY, NO_MEMORY, SYSTEM. */
PP_MUST_CHECK enum pp_error pp_puller_open(const struct pp_puller_config *config, struct pp_puller **out);
/* Ends transfers where they are; what was taken is on disk. NULL: nothing. */
void pp_puller_close(struct pp_puller *puller);

/* Somebody else is said to hold more of a lane: it is asked, too, beside the owner, which may be gone. Any thread. */
void pp_puller_want(struct pp_puller *puller, uint32_t lane, uint64_t next_sequence, const char *url);

struct pp_pull_status {
    enum pp_error error;    /* of the last try; OK */
    enum pp_error stopped;  /* what its operator is convicted of; OK */
    uint64_t next_sequence; /* 0: not loaded yet */
    uint64_t pulls;         /* answers that brought something */
    uint64_t acked_sequence; /* how far it was acknowledged, and the peer took it */
    enum pp_error ack_error; /* of the last acknowledgement; OK */
};
/* Any thread. NOT_FOUND: no such peer. */
PP_MUST_CHECK enum pp_error pp_puller_status(struct pp_puller *puller, uint32_t lane,
                                             struct pp_pull_status *out);

#endif
