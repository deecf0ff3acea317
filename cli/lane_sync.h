/* lane_sync.h - takes a node's view of a lane into the sender's log: refunds, the line, and what became of old stamps.
 *
 * Believed as far as it is proved: refunds by the operator's signature, a line above what this wallet signed by a voucher of
 * the signer's own (another device, or an old copy of the folder), a line below its receipts not at all.
 * While a stamp of unknown outcome may still be admitted by the node's clock, the line is left as it is.
 * Errors: NODE_DOWN and what the node says once patience is over; NODE_TOLD_OTHERWISE, BAD_SIGNATURE; IO.
 * Source: specs/cli.md (SEND-002, SEND-006), specs/lane.md (SENDER-004, SENDER-007).
 */
#ifndef CLI_LANE_SYNC_H
#define CLI_LANE_SYNC_H

#include "answers.h"
#include "lane_log.h"

struct cli_lane_sync {
    struct cli_exchange *exchange;
    const struct pp_crypto *crypto;
    const struct pp_domain *domain;
    const struct cli_node_terms *node;
    struct cli_lane *lane; /* open for writing; the caller commits */
    uint64_t patience_ms;
};

/* out_view may be NULL. */
PP_MUST_CHECK enum pp_error cli_lane_sync(const struct cli_lane_sync *sync, struct cli_lane_view *out_view,
                                          struct cli_problem *problem);

#endif
