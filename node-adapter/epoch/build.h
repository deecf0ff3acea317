/* epoch/build.h - a report made from a proposal's heads, by this node itself; or from its own, to be proposed.
 *
 * Shape:  what the chain says at the named block (the caller's terms_at), the leaves of every lane at its head, and the pool's account
 *         of the report that `previous` names, give the report. It is compared with the proposed one in this order: terms, heads,
 *         leaves, payouts; the first difference is the dissent.
 * Own:    a pp_built is on the heap (pp_built_free).
 * Errors: those of terms_at, holdings and pp/epoch.h; NOT_FOUND: the report before is not here. In a dissent: OPERATORS_DIFFER,
 *         TERMS_DIFFER, UNKNOWN_LANE, MISSING_FIELD (a lane that is held and not named), EVIDENCE_GAP, EVIDENCE_BEHIND,
 *         EVIDENCE_FORK, REPORT_DIFFERS.
 * Source: specs/epochs.md (EPOCH-013 to EPOCH-019).
 */
#ifndef PP_EPOCH_BUILD_H
#define PP_EPOCH_BUILD_H

#include "epoch/holdings.h"

#include <pp/epoch.h>

/* What every operator reads alike at one block. 300 KiB: the heap's. */
struct pp_epoch_terms {
    struct pp_report_terms terms; /* operators, weights, drawn and before point into this struct */
    struct pp_operator operators[PP_OPERATORS_MAX];
    struct pp_operator_weights weights[PP_OPERATORS_MAX];
    struct pp_drawn drawn[PP_PAYOUTS_MAX];
    struct pp_pool_table before;
    uint64_t previous_epoch; /* of the report that terms.previous names; 0: none */
};

struct pp_builder {
    const struct pp_holdings *holdings;
    const struct pp_domain *domain;
    struct pp_store *journal; /* of the node that keeps reports */
    /* Fills all but epoch and before. block 0: the newest finalized one. CHAIN_STALE: it is not final here. */
    enum pp_error (*terms_at)(void *context, uint64_t block, struct pp_epoch_terms *out);
    void *context;
};

/* Why a node does not sign. What stands in it is for people. */
struct pp_dissent {
    enum pp_error error;
    char term[24];                /* what differs: "received", "earned", ...; "" */
    char expected[80], actual[80]; /* as proposed; as it is here */
    uint32_t lane;                /* 0: of no lane */
    bool has_channel;
    struct pp_channel_id channel_id;
    struct pp_cut_head held; /* of that lane, here */
};

struct pp_built {
    struct pp_epoch_terms terms;
    struct pp_report report;
    struct pp_lane_leaf *leaves;
    struct pp_hash *nodes;
    struct pp_proposal proposal; /* unsigned when it is a draft: heads, seals, report */
    struct pp_hash digest;
};
void pp_built_free(struct pp_built *built);

/* From what is held: proposal.proposer and attempt are the caller's. */
PP_MUST_CHECK enum pp_error pp_build_draft(const struct pp_builder *builder, uint64_t epoch,
                                           struct pp_built **out);
/* carried: a head below what is held here is no dissent (EPOCH-017).
 * OK with out_dissent->error OK: the same digest; out is the report. OK with another: it is not signed. */
PP_MUST_CHECK enum pp_error pp_build_check(const struct pp_builder *builder,
                                           const struct pp_proposal *proposal, bool carried,
                                           struct pp_built **out,
                                           struct pp_dissent *out_dissent);
/* EPOCH-018: the first leaf, by channel, in which two lists of one lane differ; both ascending. */
void pp_dissent_leaf(const struct pp_lane_leaf *proposed, size_t proposed_count,
                     const struct pp_lane_leaf *own, size_t own_count, struct pp_dissent *out);

#endif
