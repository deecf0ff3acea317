/* One report for all shards: their leaves are gathered on the caller's thread, and shard 0 signs and keeps the report. Shards
 * of this process are asked, those of others are read from disk as the settlement job does. Leaves only grow, and no lane
 * is in two shards, so it does not matter that the shards are looked at one after the other. */
#include "engine/node.h"
#include "engine/shards.h"

#include <pp/assert.h>
#include <pp/claims.h>
#include <pp/epoch.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_MAX_BYTES 4096u

struct fold {
    struct pp_shards *shards;
    struct pp_lane_leaf *leaves;
    size_t count, capacity;
    char *reason;
};

static enum pp_error fold_add(struct fold *fold, const struct pp_lane_leaf *leaves, size_t count)
{
    if (fold->count + count > fold->capacity) {
        size_t capacity = 2 * (fold->count + count);
        struct pp_lane_leaf *grown = realloc(fold->leaves, capacity * sizeof *grown);
        if (!grown)
            return PP_NO_MEMORY;
        fold->leaves = grown;
        fold->capacity = capacity;
    }
    if (count > 0)
        memcpy(fold->leaves + fold->count, leaves, count * sizeof *leaves);
    fold->count += count;
    return PP_OK;
}

/* ---- of this process ---- */

static enum pp_error own_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    struct fold *fold = context;
    size_t count;
    (void)txn;
    struct pp_lane_leaf *leaves = calloc(node->ledger.head.lane_count + 1, sizeof *leaves);
    if (!leaves)
        return PP_NO_MEMORY;
    enum pp_error error = pp_report_leaves(&node->ledger, leaves, &count);
    if (error == PP_OK)
        error = fold_add(fold, leaves, count);
    free(leaves);
    return error;
}

/* ---- of other processes ---- */

/* It must be a shard of this very operator: a folder that was copied here by mistake must not be reported. */
static enum pp_error stranger_check(const struct fold *fold, const struct pp_claims_head *theirs,
                                    uint8_t shard)
{
    const struct pp_node *first = fold->shards->by_shard[0];
    const struct pp_record_opened *ours = &first->ledger.head.opened; /* does not change */
    bool same = theirs->node_id == ours->node_id && theirs->shard == shard &&
                theirs->domain.chain_id == ours->chain_id &&
                pp_address_eq(&theirs->domain.contract, &ours->contract) &&
                pp_address_eq(&theirs->operator_address, &ours->operator_address);
    if (same)
        return PP_OK;
    snprintf(fold->reason, PP_SHARDS_REASON_BYTES, "shard %u: the folder is not of this node", shard);
    return PP_BAD_CONFIG;
}

static enum pp_error claims_fold(struct fold *fold, const struct pp_claims *claims, uint8_t shard)
{
    struct pp_claims_head head;
    struct pp_lane_leaf *leaves;
    size_t count;
    pp_claims_head(claims, &head);
    PP_TRY(stranger_check(fold, &head, shard));
    PP_TRY(pp_claims_leaves(claims, &leaves, &count));
    enum pp_error error = fold_add(fold, leaves, count);
    free(leaves);
    return error;
}

static enum pp_error other_fold(struct fold *fold, uint8_t shard)
{
    char path[PATH_MAX_BYTES], reason[256] = "";
    struct pp_claims *claims;
    PP_TRY(pp_shards_path(fold->shards->root, shard, path, sizeof path));
    enum pp_error error = pp_claims_open(path, &claims, reason);
    if (error == PP_OK) {
        error = claims_fold(fold, claims, shard);
        pp_claims_close(claims);
    }
    if (error != PP_OK && fold->reason[0] == '\0')
        snprintf(fold->reason, PP_SHARDS_REASON_BYTES, "shard %u: %s", shard, reason);
    return error;
}

static enum pp_error gather(struct fold *fold)
{
    uint8_t there[PP_SHARDS_MAX];
    size_t count;
    PP_TRY(pp_shards_whole(fold->shards->root, fold->reason, PP_SHARDS_REASON_BYTES));
    PP_TRY(pp_shards_list(fold->shards->root, there, &count));
    for (size_t i = 0; i < count; i++) {
        struct pp_node *own = fold->shards->by_shard[there[i]];
        if (there[i] != 0)
            PP_TRY(own ? pp_pipeline_call(own, PP_ITEM_LOOK, own_run, fold) : other_fold(fold, there[i]));
    }
    return PP_OK;
}

/* ---- all of it ---- */

enum pp_error pp_shards_report(struct pp_shards *shards, char out_reason[PP_SHARDS_REASON_BYTES])
{
    struct fold fold = {.shards = shards, .reason = out_reason};
    struct pp_node *first = shards->by_shard[0];
    uint64_t now_ms = shards->clock.now_ms(shards->clock.context);
    bool due = false;
    out_reason[0] = '\0';
    if (!first || now_ms < shards->fold_after_ms || first->config.several_operators)
        return PP_OK;
    PP_TRY(pp_report_is_due(first, &due));
    if (!due)
        return PP_OK;
    enum pp_error error = gather(&fold);
    if (error == PP_OK)
        error = pp_report_fold(first, fold.leaves, fold.count);
    free(fold.leaves);
    PP_TRY(pp_report_is_due(first, &due));
    shards->fold_after_ms = due ? now_ms + PP_FOLD_RETRY_MS : 0; /* nothing was ever spent, or it failed */
    return error;
}
