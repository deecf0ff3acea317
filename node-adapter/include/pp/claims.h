/* pp/claims.h - what a node's data folder holds for the chain: the highest voucher, refund and release of every lane,
 * and the signed reports. For the settlement job: it reads while the node runs, and never writes.
 *
 * Shape:  pp_claims_open takes a snapshot: it loads the node's checkpoint and replays the journal up to what is on disk
 *         now. Open again to see more. Reports are kept as bundles (pp/epoch.h) and decoded on demand.
 *         Of a folder with several shards (pennypost_shards.h) it takes one of each: the lanes are those of all, the reports
 *         those of shard 0, which state them all. Shard 0 comes first, so that no lane is older than its report.
 * Own:    the snapshot owns everything that visits borrow; a pp_claims_report is the caller's, until _report_done.
 * Errors: NOT_FOUND (no such folder, lane or report), BAD_CONFIG (shards of different nodes in one folder), SCHEMA, CORRUPT (out_reason names the record), IO, NO_MEMORY.
 * Source: specs/node.md (NODE-080 and following).
 */
#ifndef PP_CLAIMS_H
#define PP_CLAIMS_H

#include <pp/chain_event.h>
#include <pp/eip712.h>
#include <pp/entries.h>
#include <pp/epoch.h>
#include <pp/stamp.h>

#include <pennypost.h>

struct pp_claims;

/* out_reason may be NULL. */
PP_MUST_CHECK enum pp_error pp_claims_open(const char *data_dir, struct pp_claims **out, char out_reason[256]);
void pp_claims_close(struct pp_claims *claims);

/* Whose folder it is, and how far the snapshot goes. */
struct pp_claims_head {
    uint32_t node_id;
    uint8_t shard;
    struct pp_domain domain;
    struct pp_address operator_address;
    uint64_t sequence; /* of the journal's last record */
    uint64_t time_ms;  /* its time */
    uint64_t lanes;
    uint64_t reports;
    uint64_t newest_epoch; /* of the newest report; zero when there is none */
    bool part;             /* one of several shards, and the others are not here: the reports are not of these lanes */
};
void pp_claims_head(const struct pp_claims *claims, struct pp_claims_head *out);

/* One lane. The signatures are ready for the contract: v is right. */
struct pp_lane_claim {
    struct pp_channel_id channel_id;
    struct pp_channel_config config;
    uint32_t lane;
    const char *state; /* the lane state's name, at the node */
    struct pp_units cap;
    uint32_t seq;
    struct pp_grains spent, refunded, earned, vested; /* as the node has them */
    bool has_voucher, has_refund, has_release;
    struct pp_voucher voucher;        /* the highest spent */
    struct pp_signed_refund refund;   /* the highest R; its amount is at least voucher.refund_ack */
    struct pp_signed_release release; /* after a Leave: to be posted once what was earned has vested */
};

/* Every lane in the order in which the node learned of them, until visit returns false. */
PP_MUST_CHECK enum pp_error pp_claims_lanes(const struct pp_claims *claims,
                                            bool (*visit)(void *context, const struct pp_lane_claim *claim),
                                            void *context);
PP_MUST_CHECK enum pp_error pp_claims_lane(const struct pp_claims *claims, const struct pp_channel_id *channel_id,
                                           uint32_t lane, struct pp_lane_claim *out);

/* The lanes of one folder, of the first shard where there are several, as a report states them; free() the list. */
PP_MUST_CHECK enum pp_error pp_claims_leaves(const struct pp_claims *claims, struct pp_lane_leaf **out,
                                             size_t *out_count);

/* What the lanes of a report follow from; epoch 0: as they stand at the journal's end. NOT_FOUND: no such report; or one of several shards, whose journals a report does not
 * divide alike. */
PP_MUST_CHECK enum pp_error pp_claims_entries(const struct pp_claims *claims, uint64_t epoch, struct pp_entries *out);

/* A report with its lanes, its tree and its payouts, decoded and recomputed: ready for pp_lane_tree_prove (over `tree`),
 * pp_payout_prove (over report.payouts) and pp_quorum. report.signatures hold the quorum's. */
struct pp_claims_report {
    struct pp_report report;
    struct pp_hash hash; /* pp_report_digest: what the contract calls the report's hash */
    struct pp_lane_leaf *lanes;
    struct pp_hash *nodes;
    struct pp_lane_tree tree;
};
/* The report of an epoch; NOT_FOUND. On success call pp_claims_report_done. */
PP_MUST_CHECK enum pp_error pp_claims_report(const struct pp_claims *claims, uint64_t epoch, struct pp_claims_report **out);
void pp_claims_report_done(struct pp_claims_report *report);
/* The epochs that have a report and are above `after`, ascending, at most capacity. To see all, begin with 0: no report
 * has epoch 0. */
PP_MUST_CHECK enum pp_error pp_claims_epochs(const struct pp_claims *claims, uint64_t after, uint64_t *out_epochs,
                                             size_t capacity, size_t *out_count);

#endif
