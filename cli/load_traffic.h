/* load_traffic.h - requests that are made and signed before the clock starts, on all cores.
 *
 * Shape:  request n belongs to lane n % lanes_count; a lane's requests follow each other on its money line. With an address,
 *         each request is also a letter: the bytes of its HTTP request, head and body.
 * Own:    the lanes, their wallets and the domain are the caller's and outlive the traffic. _done frees the rest; after a
 *         failed _make, too.
 * Errors: of the wallet (CAP_EXCEEDED, PRICE_ABOVE_MAX), of pricing, NO_MEMORY, SHUTTING_DOWN (*stop was set).
 * Limits: LOAD_ROUND_REQUESTS_MAX requests, about LOAD_ROUND_BYTES_MAX of memory (load_traffic_requests_max).
 */
#ifndef CLI_LOAD_TRAFFIC_H
#define CLI_LOAD_TRAFFIC_H

#include "answers.h"

#include <pennypost.h>
#include <pp/wallet.h>

#include <stdatomic.h>

#define LOAD_ROUND_REQUESTS_MAX 400000u            /* signed in some seconds: the quote binds for a minute */
#define LOAD_ROUND_BYTES_MAX (UINT64_C(512) << 20) /* what a laptop has to spare */
#define LOAD_LANES_MAX 1048576u                    /* generated ones, in process: 200 MiB in the node */
#define LOAD_SIGNERS_MAX 64u                       /* threads that sign */
#define LOAD_TOPICS 1000u

/* What each request is like. */
struct load_shape {
    enum pp_stamp_kind kind; /* SINGLE: one stamp each; BATCH; SESSION: a MAC a stamp */
    uint32_t stamps;         /* 1..PP_LEAVES_MAX */
    uint32_t bytes;          /* of each payload */
    uint16_t days;
    uint64_t seed; /* makes payloads */
    bool charges;  /* the envelopes are the host's: tickets instead of receipts */
};

/* Who pays. */
struct load_lane {
    struct pp_channel_id channel_id;
    uint32_t lane;
    struct pp_secret_key key;
    struct pp_grains refund_ack;
    struct pp_grains head;    /* without a wallet: where its next stamp begins */
    struct pp_wallet *wallet; /* NULL: a generated lane, which nobody will use again */
};

struct load_session; /* load_sessions.h */

struct load_letter {
    uint8_t *bytes;
    size_t length;
};

/* Where letters go: what stands in their heads. */
struct load_address {
    const char *host; /* with the port */
    const char *path; /* of the node, before "/v1": mostly "" */
};

struct load_traffic {
    struct load_shape shape;
    const struct pp_crypto *crypto;
    const struct pp_domain *domain;
    const struct cli_quote *quote;
    const struct load_address *address; /* NULL: no letters */
    _Atomic bool *stop;                 /* signals set it (load_signals.h) */
    struct load_lane *lanes;
    const struct load_session *sessions; /* one a lane; only of kind SESSION */
    uint32_t lanes_count, count;
    /* made */
    struct pp_postage postage;
    struct pp_request *requests;
    struct pp_envelope_view *envelopes; /* count x shape.stamps */
    struct pp_stamp_id *ids;            /* the same */
    struct load_letter *letters;
    uint8_t *macs; /* of kind SESSION: PP_SESSION_MAC_BYTES a stamp */
    uint8_t *pool; /* payloads are pieces of it, topics stand behind it */
};

/* How many requests of this shape fit the limits above; at least 1. */
uint32_t load_traffic_requests_max(const struct load_shape *shape, bool letters);
/* The fields above "made" are filled by the caller. */
PP_MUST_CHECK enum pp_error load_traffic_make(struct load_traffic *traffic);
void load_traffic_done(struct load_traffic *traffic);

#endif
