/* pp/epoch.h - the report that ends an epoch: built alike by every node, and kept so that proofs can be made later.
 *
 * Shape:  lanes ascending by (channel_id, lane), distinct -> lanesRoot; received_total, the policy, the operators with their
 *         weights and the pool's account of the report before (pp/pool.h) -> payoutRoot, payoutTotal.
 * Own:    a pp_report is about 550 KiB: the caller's heap. `lanes` is borrowed from the caller, who keeps it as long as the
 *         report; pp_report_build sorts it in place.
 * Errors: OUT_OF_RANGE (also a lane that forfeited more than it earned), BAD_FORMAT (a lane twice; operators out of order),
 *         NO_OPERATORS, DEFERRED_EXCEEDED (a lane that owes nothing with E + R > S, or any with E > S), those of pool,
 *         distribution and payout; decoding: those of pp/wire.h, BAD_VERSION, CORRUPT (the roots or the payouts are not those of
 *         the rows).
 * Source: specs/rewards.md (REW-050 to REW-059, REW-120 to REW-124), DESIGN section 7.
 */
#ifndef PP_EPOCH_H
#define PP_EPOCH_H

#include <pp/distribution.h>
#include <pp/eip712.h>
#include <pp/merkle.h>
#include <pp/payout.h>
#include <pp/pool.h>
#include <pp/quorum.h>
#include <pp/wire.h>

/* floor(chain time / epoch length); OUT_OF_RANGE for a length of zero. */
PP_MUST_CHECK enum pp_error pp_epoch_of(uint64_t chain_time_s, uint64_t epoch_s, uint64_t *out_epoch);

#define PP_REPORT_VERSION 3u /* of the bundles that are made; 1 and 2 are still read */
#define PP_REPORT_VERSION_WITHOUT_POOL 1u
#define PP_REPORT_VERSION_WITHOUT_DRAWN 2u

/* What every node must agree on before it builds. */
struct pp_report_terms {
    uint64_t epoch;
    struct pp_hash previous;        /* typed digest of the last unrevoked report; zero for the first */
    uint64_t block_number;          /* the named finalized block */
    uint64_t end_time_s;            /* at most that block's time */
    struct pp_units received_total; /* what the pool has received by that block */
    uint32_t protocol_basis_points;
    enum pp_policy policy;
    struct pp_blend blend;              /* of PP_POLICY_BLEND */
    struct pp_units minimum_payout;     /* zero: everything is paid at once */
    uint32_t refund_bound_basis_points; /* zero: no bound */
    struct pp_address treasury_payee;
    const struct pp_operator *operators;       /* registered at that block; ascending */
    const struct pp_operator_weights *weights; /* in the operators' order; NULL: all zero */
    size_t operator_count;
    const struct pp_drawn *drawn; /* from their stakes by that block, ascending; those that left, too */
    size_t drawn_count;
    const struct pp_pool_table *before; /* of the report before; NULL for the first */
    uint8_t version; /* zero: the newest. 1: as reports were before anything was netted (REW-122) */
};

struct pp_report {
    struct pp_epoch_report_fields fields;
    struct pp_lane_leaf *lanes; /* sorted; the caller's */
    size_t lane_count;
    struct pp_payout_table payouts;
    struct pp_operator operators[PP_OPERATORS_MAX];
    struct pp_operator_weights weights[PP_OPERATORS_MAX];
    size_t operator_count;
    struct pp_drawn drawn[PP_PAYOUTS_MAX];
    size_t drawn_count;
    /* How the payouts came about. Of a bundle of version 1 only `pool` is known, and of it only what was paid. */
    uint8_t version;
    struct pp_split_terms split;
    struct pp_units received_total, minimum_payout;
    uint32_t refund_bound_basis_points;
    struct pp_pool_table before, pool;
    struct pp_pool_epoch shares;
    struct pp_node_signature signatures[PP_OPERATORS_MAX]; /* ascending; none until a quorum has signed */
    size_t signature_count;
};

/* Sorts `lanes`; `nodes` is scratch of PP_LANE_TREE_NODES(count), and holds the tree afterwards (pp_lane_tree_build's form). */
PP_MUST_CHECK enum pp_error pp_report_build(const struct pp_report_terms *terms, struct pp_lane_leaf *lanes,
                                            size_t count, struct pp_hash *nodes, struct pp_report *out);
/* The typed digest: what the quorum signs, the contract's reportHash, and what the next report's `previous` names. */
void pp_report_digest(const struct pp_domain *domain, const struct pp_report *report, struct pp_hash *out);
/* Whether a report may state such a lane: OUT_OF_RANGE, DEFERRED_EXCEEDED. */
PP_MUST_CHECK enum pp_error pp_report_lane_check(const struct pp_lane_leaf *lane);
/* By (channel, lane): below, equal to or above zero. */
int pp_report_lane_order(const struct pp_lane_leaf *left, const struct pp_lane_leaf *right);
/* Binary search. NOT_FOUND. */
PP_MUST_CHECK enum pp_error pp_report_lane(const struct pp_report *report,
                                           const struct pp_channel_id *channel_id, uint32_t lane,
                                           const struct pp_lane_leaf **out);

/* The stored bundle (specs/rewards.md). A report that was read is written in the version that it was read in. */
size_t pp_report_bytes(const struct pp_report *report);
PP_MUST_CHECK enum pp_error pp_report_encode(const struct pp_report *report, uint8_t *bytes, size_t capacity,
                                             size_t *out_length);
/* How many lanes a bundle holds, to size `lanes` and `nodes` by. Never more than its length allows. */
PP_MUST_CHECK enum pp_error pp_report_lane_count(const uint8_t *bytes, size_t length, size_t *out_count);
/* Decoding is strict, recomputes both roots, the total, the operator set and the payouts: CORRUPT when they differ. Signatures are not verified
 * (pp_report_verify does). On failure *out is all zero. `lanes` has room for lane_count, `nodes` for PP_LANE_TREE_NODES(lane_count). */
PP_MUST_CHECK enum pp_error pp_report_decode(const uint8_t *bytes, size_t length, struct pp_lane_leaf *lanes,
                                             size_t lane_count, struct pp_hash *nodes, struct pp_report *out);
/* NO_QUORUM, BAD_SIGNATURE: whether the signatures in the report make it valid. */
PP_MUST_CHECK enum pp_error pp_report_verify(const struct pp_report *report, const struct pp_domain *domain,
                                             const struct pp_crypto *crypto);

#endif
