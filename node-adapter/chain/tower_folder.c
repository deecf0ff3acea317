/* Evidence from a node's data folder, beside the node: a snapshot, taken anew when it is older than it took to take, twenty times. */
#include <pp/chain_tower.h>
#include <pp/claims.h>

#include <stdlib.h>
#include <time.h>

#define REST_FACTOR 20u

struct pp_tower_folder {
    char *data_dir;
    struct pp_domain domain;
    struct pp_tower_evidence *lanes;
    size_t count, capacity;
    uint64_t next_ms; /* when a snapshot is due */
    enum pp_error error;
};

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static struct pp_tower_evidence evidence_of(const struct pp_lane_claim *claim)
{
    struct pp_tower_evidence evidence = {.channel_id = claim->channel_id,
                                         .config = claim->config,
                                         .lane = claim->lane,
                                         .own = true,
                                         .earned = claim->earned};
    if (claim->has_voucher)
        evidence.voucher = (struct pp_abi_voucher){claim->voucher.spent, claim->voucher.refund_ack,
                                                   claim->voucher.context, claim->voucher.signature};
    if (claim->has_refund)
        evidence.refund =
            (struct pp_abi_refund){claim->refund.refunded, claim->refund.reasons, claim->refund.signature};
    return evidence;
}

static enum pp_error room(struct pp_tower_folder *folder)
{
    if (folder->count < folder->capacity)
        return PP_OK;
    if (folder->count >= PP_TOWER_LANES_MAX)
        return PP_TOO_MANY_LANES;
    size_t capacity = folder->capacity ? 2 * folder->capacity : 64;
    struct pp_tower_evidence *grown = realloc(folder->lanes, capacity * sizeof *grown);
    if (!grown)
        return PP_NO_MEMORY;
    folder->lanes = grown;
    folder->capacity = capacity;
    return PP_OK;
}

static bool lane_take(void *context, const struct pp_lane_claim *claim)
{
    struct pp_tower_folder *folder = context;
    folder->error = room(folder);
    if (folder->error != PP_OK)
        return false;
    folder->lanes[folder->count++] = evidence_of(claim);
    return true;
}

static enum pp_error snapshot_take(struct pp_tower_folder *folder, char *reason)
{
    struct pp_claims *claims;
    struct pp_claims_head head;
    PP_TRY(pp_claims_open(folder->data_dir, &claims, reason));
    pp_claims_head(claims, &head);
    folder->domain = head.domain;
    folder->count = 0;
    folder->error = PP_OK;
    enum pp_error error = pp_claims_lanes(claims, lane_take, folder);
    pp_claims_close(claims);
    return error == PP_OK ? folder->error : error;
}

static enum pp_error refresh(void *context, size_t *out_count, bool *out_moved)
{
    struct pp_tower_folder *folder = context;
    uint64_t began_ms = now_ms();
    *out_moved = false;
    if (began_ms >= folder->next_ms) {
        size_t before = folder->count;
        const struct pp_channel_id last =
            before > 0 ? folder->lanes[before - 1].channel_id : (struct pp_channel_id){{0}};
        PP_TRY(snapshot_take(folder, NULL));
        /* A shard's lanes keep their order; new ones of a shard before it move them all. */
        *out_moved = folder->count < before ||
                     (before > 0 && !pp_channel_id_eq(&folder->lanes[before - 1].channel_id, &last));
        folder->next_ms = now_ms() + REST_FACTOR * (now_ms() - began_ms);
    }
    *out_count = folder->count;
    return PP_OK;
}

static enum pp_error lane_get(void *context, size_t index, struct pp_tower_evidence *out)
{
    const struct pp_tower_folder *folder = context;
    if (index >= folder->count)
        return PP_NOT_FOUND;
    *out = folder->lanes[index];
    return PP_OK;
}

struct pp_tower_source pp_tower_folder_source(struct pp_tower_folder *folder)
{
    return (struct pp_tower_source){refresh, lane_get, folder};
}

void pp_tower_folder_domain(const struct pp_tower_folder *folder, struct pp_domain *out)
{
    *out = folder->domain;
}

enum pp_error pp_tower_folder_open(const char *data_dir, struct pp_tower_folder **out, char out_reason[256])
{
    struct pp_tower_folder *folder = calloc(1, sizeof *folder);
    if (!folder)
        return PP_NO_MEMORY;
    folder->data_dir = strdup(data_dir);
    enum pp_error error = folder->data_dir ? snapshot_take(folder, out_reason) : PP_NO_MEMORY;
    if (error != PP_OK) {
        pp_tower_folder_close(folder);
        return error;
    }
    *out = folder;
    return PP_OK;
}

void pp_tower_folder_close(struct pp_tower_folder *folder)
{
    if (!folder)
        return;
    free(folder->data_dir);
    free(folder->lanes);
    free(folder);
}
