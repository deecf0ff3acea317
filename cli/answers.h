/* answers.h - what a node answers, read from JSON into structs; shapes by specs/http.md.
 *
 * Own:    plain values, but where said. Members that are not known are ignored: a newer node may say more.
 * Errors: NODE_NONSENSE, the member in *problem.
 */
#ifndef CLI_ANSWERS_H
#define CLI_ANSWERS_H

#include "exchange.h"
#include "wallet_dir.h"

#include <pp/interval.h>
#include <pp/limits.h>
#include <pp/payment.h>
#include <pp/quote.h>
#include <pp/receipt.h>
#include <pp/refusal.h>

#include <pennypost.h>

#define CLI_NODE_LANES_MAX 256u /* a node's shards */

struct cli_terms {
    struct cli_node_terms node; /* what gets pinned */
    uint8_t shard;
    uint32_t lane;                      /* the first that answers there */
    uint32_t lanes[CLI_NODE_LANES_MAX]; /* all of them, ascending: one a shard */
    size_t lanes_count;
    struct pp_address token;
    uint8_t token_decimals;
    uint16_t retention_max_days;
    uint16_t protocol_share_bps;
    uint64_t epoch_seconds, freshness_ms;
    uint64_t body_max_bytes, envelope_max_bytes;
    bool has_session; /* the node takes sessions; its key is verified by whoever uses it */
    struct pp_session_public session_key;
    struct pp_receipt_signature session_signature;
};
PP_MUST_CHECK enum pp_error cli_terms_read(const json_t *object, struct cli_terms *out,
                                           struct cli_problem *problem);

/* Whether that lane is written there. */
bool cli_terms_serve(const struct cli_terms *terms, uint32_t lane);

/* A quote as it travels, and decoded; verified against the pinned key. */
struct cli_quote {
    uint8_t bytes[PP_QUOTE_MAX_BYTES];
    size_t length;
    struct pp_quote quote;
    struct pp_hash id;
    struct pp_challenge challenge; /* with the same quote; only by cli_quote_read */
    bool has_challenge;
};
PP_MUST_CHECK enum pp_error cli_quote_take(const uint8_t *bytes, size_t length,
                                           const struct cli_node_terms *node, struct cli_quote *out,
                                           struct cli_problem *problem);
PP_MUST_CHECK enum pp_error cli_quote_read(const json_t *object, const struct cli_node_terms *node,
                                           struct cli_quote *out, struct cli_problem *problem);

/* One envelope's answer. */
struct cli_result {
    bool admitted;
    bool known;
    uint64_t sequence;
    uint64_t time_ms;
    struct cli_problem problem; /* when not admitted */
};
struct cli_submitted {
    struct cli_result *results; /* count; freed by _done */
    size_t count;
    struct pp_receipt receipt;
    bool has_receipt;
};
/* Whether an answer, a refusal perhaps, has one result per envelope. */
bool cli_submitted_has_results(const json_t *object);
/* Exactly count results are expected. */
PP_MUST_CHECK enum pp_error cli_submitted_read(const json_t *object, size_t count, struct cli_submitted *out,
                                               struct cli_problem *problem);
void cli_submitted_done(struct cli_submitted *submitted);

/* A lane as its node sees it. */
struct cli_lane_view {
    char state[16];
    struct pp_channel_config config;
    struct pp_units cap;
    uint64_t seq;
    struct pp_grains spent, refunded, earned, vested, deferred, free, head;
    struct pp_span holes[PP_HOLES_MAX];
    uint32_t holes_count;
    bool has_refund;
    struct pp_refund_fields refund;
    struct pp_signature refund_signature;
    bool has_voucher;
    struct pp_voucher voucher; /* the highest that the node holds; not verified */
    uint64_t stamps;
    uint64_t chain_block, chain_time_s;
};
PP_MUST_CHECK enum pp_error cli_lane_view_read(const json_t *object, const struct pp_channel_id *channel_id,
                                               uint32_t lane, struct cli_lane_view *out,
                                               struct cli_problem *problem);

/* F of specs/http.md; false when it is null. */
PP_MUST_CHECK enum pp_error cli_refund_read(const json_t *object, const struct pp_channel_id *channel_id,
                                            uint32_t lane, struct pp_refund_fields *out,
                                            struct pp_signature *out_signature, bool *out_there,
                                            struct cli_problem *problem);

/* What a node signed for a sender that leaves; signatures are not verified here. */
struct cli_left {
    bool has_refund;
    struct pp_refund_fields refund;
    struct pp_signature refund_signature;
    struct pp_lane_release_fields
        release; /* new_cap = old_cap: there is nothing to release, and no signature */
    struct pp_signature release_signature;
};
PP_MUST_CHECK enum pp_error cli_left_read(const json_t *object, const struct pp_channel_id *channel_id,
                                          uint32_t lane, struct cli_left *out, struct cli_problem *problem);

/* One deletion's answer. */
struct cli_deleted {
    bool deleted;
    struct pp_grains refunded;
    struct cli_problem problem; /* when not deleted */
};
PP_MUST_CHECK enum pp_error cli_deleted_read(const json_t *object, size_t count, struct cli_deleted *out,
                                             struct cli_problem *problem);

/* An open session at its node, and its unsigned leaves, the oldest first: ids has room for PP_SESSION_UNSIGNED_MAX. */
PP_MUST_CHECK enum pp_error cli_session_read(const json_t *object, struct pp_stamp_id *ids,
                                             uint32_t *out_count, struct cli_problem *problem);

/* GET, by path. */
PP_MUST_CHECK enum pp_error cli_terms_get(struct cli_exchange *exchange, struct cli_terms *out,
                                          struct cli_problem *problem);
PP_MUST_CHECK enum pp_error cli_quote_get(struct cli_exchange *exchange, const struct cli_node_terms *node,
                                          struct cli_quote *out, struct cli_problem *problem);
PP_MUST_CHECK enum pp_error cli_lane_view_get(struct cli_exchange *exchange,
                                              const struct pp_channel_id *channel_id, uint32_t lane,
                                              struct cli_lane_view *out, struct cli_problem *problem);

#endif
