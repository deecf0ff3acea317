/* A folder of several shards: each is verified by itself, and then what shard 0 reported for the others is held against their
 * ledgers. */
#include "engine/node.h"
#include "verify/verify_run.h"

#include <pennypost_shards.h>
#include <pp/claims.h>

#include <stdio.h>
#include <stdlib.h>

struct walk {
    const struct pp_verify_config *config;
    struct pp_verify_summary *sum;
    enum pp_error worst;
    int shard; /* being verified */
};

static void on_finding(void *context, const struct pp_verify_finding *finding)
{
    const struct walk *walk = context;
    struct pp_verify_finding told = *finding;
    told.shard = walk->shard;
    walk->config->finding(walk->config->context, &told);
}

static void on_progress(void *context, const struct pp_verify_progress *progress)
{
    const struct walk *walk = context;
    if (walk->config->progress)
        walk->config->progress(walk->config->context, progress);
}

/* ---- sums ---- */

static void counts_add(struct pp_verify_summary *sum, const struct pp_verify_summary *one)
{
    for (unsigned i = 0; i < PP_VERIFY_CHECK_COUNT; i++) {
        sum->checks[i].count += one->checks[i].count;
        sum->checks[i].findings += one->checks[i].findings;
    }
    sum->findings += one->findings;
    sum->records += one->records;
    sum->stamps += one->stamps;
    sum->lanes += one->lanes;
    sum->envelopes += one->envelopes;
    sum->envelopes_gone += one->envelopes_gone;
    sum->signatures += one->signatures;
    sum->deletes += one->deletes;
    sum->refunds += one->refunds;
    sum->reports += one->reports;
    sum->open_tickets += one->open_tickets;
    sum->days += one->days;
}

static void summary_add(struct pp_verify_summary *sum, const struct pp_verify_summary *one)
{
    counts_add(sum, one);
    sum->complete = sum->complete && one->complete;
    sum->has_checkpoint = sum->has_checkpoint && one->has_checkpoint;
    sum->has_index = sum->has_index && one->has_index;
    pp_ledger_total_add(&sum->spent, one->spent);
    pp_ledger_total_add(&sum->consumed, one->consumed);
    pp_ledger_total_add(&sum->refunded, one->refunded);
    pp_ledger_total_add(&sum->earned, one->earned);
    pp_ledger_total_add(&sum->vested, one->vested);
}

/* ---- the report ---- */

static void leaf_tell(const struct walk *walk, const struct pp_lane_leaf *leaf, uint64_t epoch,
                      const char *why)
{
    char hex[2 * 32 + 1];
    struct pp_verify_finding finding = {
        .check = PP_VERIFY_REPORTS,
        .error = PP_INVARIANT,
        .what = "report lane of another shard",
        .lane_slot = UINT64_MAX,
        .shard = pp_lane_shard(leaf->lane),
    };
    snprintf(finding.detail, sizeof finding.detail, "epoch %llu states lane %u of channel 0x%s: %s",
             (unsigned long long)epoch, leaf->lane, pp_hex_print(leaf->channel_id.bytes, 32, hex), why);
    walk->sum->findings++;
    walk->sum->checks[PP_VERIFY_REPORTS].findings++;
    walk->config->finding(walk->config->context, &finding);
}

/* NODE-109: what was reported once is never undone. */
static void leaf_compare(struct walk *walk, const struct pp_claims *claims, const struct pp_lane_leaf *leaf,
                         uint64_t epoch)
{
    struct pp_lane_claim claim;
    const char *why = NULL;
    walk->sum->checks[PP_VERIFY_REPORTS].count++;
    enum pp_error error = pp_claims_lane(claims, &leaf->channel_id, leaf->lane, &claim);
    if (error != PP_OK)
        why = error == PP_NOT_FOUND ? "its shard does not know it" : pp_error_sentence(error);
    else if (pp_grains_lt(claim.spent, leaf->spent) || pp_grains_lt(claim.refunded, leaf->refunded) ||
             pp_grains_lt(claim.earned, leaf->earned))
        why = "S, R or E is above what its shard's journal says";
    if (!why)
        return;
    leaf_tell(walk, leaf, epoch, why);
    walk->worst = PP_INVARIANT;
}

static enum pp_error report_compare(struct walk *walk, const struct pp_claims *claims)
{
    struct pp_claims_head head;
    struct pp_claims_report *report;
    pp_claims_head(claims, &head);
    if (head.reports == 0)
        return PP_OK;
    enum pp_error error = pp_claims_report(claims, head.newest_epoch, &report);
    if (error != PP_OK)
        return error == PP_NO_MEMORY ? error : PP_OK; /* told when shard 0 was verified */
    for (size_t i = 0; i < report->report.lane_count; i++)
        if (pp_lane_shard(report->lanes[i].lane) != head.shard)
            leaf_compare(walk, claims, &report->lanes[i], head.newest_epoch);
    pp_claims_report_done(report);
    return PP_OK;
}

/* Only where every shard reads well: else that was told, and says more. */
static enum pp_error reports_check(struct walk *walk, const char *root)
{
    struct pp_claims *claims;
    if (walk->worst != PP_OK)
        return PP_OK;
    PP_TRY(pp_claims_open(root, &claims, walk->sum->reason));
    enum pp_error error = report_compare(walk, claims);
    pp_claims_close(claims);
    return error;
}

/* ---- all of them ---- */

static enum pp_error shard_verify(struct walk *walk, const char *root, uint8_t shard)
{
    struct pp_verify_summary one;
    const struct pp_verify_config config = {on_finding, on_progress, walk, walk->config->step_ns};
    char path[PP_PATH_MAX];
    PP_TRY(pp_shards_path(root, shard, path, sizeof path));
    walk->shard = shard;
    enum pp_error error = pp_verify_folder(path, &config, &one);
    summary_add(walk->sum, &one);
    if (error == PP_OK || one.findings > 0) { /* what it found was told */
        walk->worst = walk->worst == PP_OK ? error : walk->worst;
        return PP_OK;
    }
    snprintf(walk->sum->reason, sizeof walk->sum->reason, "shard %u: %.230s", shard, one.reason);
    return error;
}

enum pp_error pp_verify_dir(const char *data_dir, const struct pp_verify_config *config,
                            struct pp_verify_summary *out)
{
    uint8_t shards[PP_SHARDS_MAX];
    size_t count = 0;
    struct walk walk = {.config = config, .sum = out};
    enum pp_error error = pp_shards_list(data_dir, shards, &count);
    if (error == PP_BAD_CONFIG) {
        *out = (struct pp_verify_summary){.reason =
                                              "there are shards in it, and the journal of a shard by itself"};
        return error;
    }
    if (count == 0)
        return pp_verify_folder(data_dir, config, out);
    *out = (struct pp_verify_summary){.complete = true, .has_checkpoint = true, .has_index = true};
    PP_TRY(pp_shards_whole(data_dir, out->reason, sizeof out->reason));
    for (size_t i = 0; i < count; i++)
        PP_TRY(shard_verify(&walk, data_dir, shards[i]));
    PP_TRY(reports_check(&walk, data_dir));
    return walk.worst;
}
