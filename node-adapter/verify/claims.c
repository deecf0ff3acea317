#include <pp/claims.h>

#include "ledger/entries.h"
#include "engine/node.h"

#include <pennypost_shards.h>
#include <pp/assert.h>
#include <pp/voucher.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LANES_FIRST 65536u

struct pp_claims {
    struct pp_data data;
    struct pp_ledger ledger;
    struct pp_journal_head head;
    struct pp_record_room *room;
    struct pp_crypto *crypto;
    struct pp_domain domain;
    bool part;
    struct pp_claims *next; /* the next shard of the same folder */
};

/* ---- opening ---- */

/* How many lanes there are is known only afterwards: more room, until it is enough. */
static enum pp_error snapshot_take(struct pp_claims *claims, char *reason)
{
    uint64_t map_key[2], checkpoint_end;
    for (uint32_t lanes = LANES_FIRST;; lanes *= 4) {
        randombytes_buf(map_key, sizeof map_key);
        PP_TRY(pp_ledger_open(&claims->ledger, lanes, map_key));
        enum pp_error error =
            pp_recovery_run(&claims->data, &claims->ledger, 1, claims->room, &claims->head, &checkpoint_end, reason);
        if (error != PP_TOO_MANY_LANES || lanes > UINT32_MAX / 64)
            return error;
        pp_ledger_close(&claims->ledger);
    }
}

static enum pp_error claims_start(struct pp_claims *claims, const char *data_dir, char *reason)
{
    claims->room = malloc(sizeof *claims->room);
    if (!claims->room)
        return PP_NO_MEMORY;
    PP_TRY(pp_crypto_open(&claims->crypto));
    PP_TRY(pp_data_open(data_dir, 0, true, &claims->data, reason));
    PP_TRY(snapshot_take(claims, reason));
    if (!claims->ledger.head.is_open)
        return PP_NOT_FOUND; /* a folder whose node never got to its first record */
    pp_domain_init(&claims->domain, claims->ledger.head.opened.chain_id, &claims->ledger.head.opened.contract);
    return pp_part_get(claims->data.journal, &claims->part);
}

static enum pp_error claims_open_one(const char *data_dir, struct pp_claims **out, char out_reason[256])
{
    char reason[PP_STORE_REASON_BYTES] = "";
    struct pp_claims *claims = calloc(1, sizeof *claims);
    if (!claims || sodium_init() < 0) {
        free(claims);
        return PP_NO_MEMORY;
    }
    enum pp_error error = claims_start(claims, data_dir, reason);
    if (error != PP_OK) {
        if (out_reason)
            memcpy(out_reason, reason, sizeof reason);
        pp_claims_close(claims);
        return error;
    }
    *out = claims;
    return PP_OK;
}

/* Of one operator, or they would be claimed under another one's name. */
static bool is_shard_of(const struct pp_claims *claims, const struct pp_claims *first, uint8_t shard)
{
    const struct pp_record_opened *ours = &claims->ledger.head.opened, *theirs = &first->ledger.head.opened;
    return claims->part && ours->shard == shard && ours->node_id == theirs->node_id &&
           ours->chain_id == theirs->chain_id && pp_address_eq(&ours->contract, &theirs->contract) &&
           pp_address_eq(&ours->operator_address, &theirs->operator_address);
}

static enum pp_error shards_open(const char *root, const uint8_t *shards, size_t count, struct pp_claims **out,
                                 char *reason)
{
    struct pp_claims **next = out;
    char path[PP_PATH_MAX];
    if (shards[0] != 0) {
        snprintf(reason, PP_STORE_REASON_BYTES, "shard-000, which reports for all, is not there");
        return PP_BAD_CONFIG;
    }
    for (size_t i = 0; i < count; i++) {
        PP_TRY(pp_shards_path(root, shards[i], path, sizeof path));
        PP_TRY(claims_open_one(path, next, reason));
        if (!is_shard_of(*next, *out, shards[i])) {
            snprintf(reason, PP_STORE_REASON_BYTES, "shard-%03u is not of this node, or not of several", shards[i]);
            return PP_BAD_CONFIG;
        }
        next = &(*next)->next;
    }
    (*out)->part = false; /* the others are here */
    return PP_OK;
}

enum pp_error pp_claims_open(const char *data_dir, struct pp_claims **out, char out_reason[256])
{
    uint8_t shards[PP_SHARDS_MAX];
    char ignored[PP_STORE_REASON_BYTES];
    struct pp_claims *claims = NULL;
    size_t count = 0;
    char *reason = out_reason ? out_reason : ignored;
    enum pp_error error = pp_shards_list(data_dir, shards, &count);
    if (count == 0)
        return claims_open_one(data_dir, out, out_reason);
    if (error == PP_OK)
        error = shards_open(data_dir, shards, count, &claims, reason);
    else
        snprintf(reason, PP_STORE_REASON_BYTES, "there are shards in it, and the journal of a shard by itself");
    if (error == PP_OK)
        *out = claims;
    else
        pp_claims_close(claims);
    return error;
}

void pp_claims_close(struct pp_claims *claims)
{
    if (!claims)
        return;
    pp_claims_close(claims->next);
    pp_ledger_close(&claims->ledger);
    pp_data_close(&claims->data);
    if (claims->crypto)
        pp_crypto_close(claims->crypto);
    free(claims->room);
    free(claims);
}

/* ---- reports ---- */

static enum pp_error report_decode(const struct pp_claims *claims, struct pp_slice bundle, struct pp_claims_report *out)
{
    size_t count;
    PP_TRY(pp_report_lane_count(bundle.bytes, bundle.length, &count));
    out->lanes = calloc(count + 1, sizeof *out->lanes);
    out->nodes = calloc(PP_LANE_TREE_NODES(count) + 1, sizeof *out->nodes);
    if (!out->lanes || !out->nodes)
        return PP_NO_MEMORY;
    PP_TRY(pp_report_decode(bundle.bytes, bundle.length, out->lanes, count, out->nodes, &out->report));
    out->tree = (struct pp_lane_tree){out->nodes, count};
    pp_report_digest(&claims->domain, &out->report, &out->hash);
    return PP_OK;
}

struct report_look {
    const struct pp_claims *claims;
    uint64_t epoch;
    struct pp_claims_report *out;
};

static enum pp_error report_look_run(void *context, struct pp_txn *txn)
{
    const struct report_look *look = context;
    struct pp_key8 key = pp_key8_of(look->epoch);
    struct pp_slice bundle;
    PP_TRY(pp_txn_get(txn, PP_TABLE_REPORTS, pp_slice(key.bytes, 8), &bundle));
    return report_decode(look->claims, bundle, look->out);
}

enum pp_error pp_claims_report(const struct pp_claims *claims, uint64_t epoch, struct pp_claims_report **out)
{
    struct pp_claims_report *report = calloc(1, sizeof *report);
    if (!report)
        return PP_NO_MEMORY;
    struct report_look look = {claims, epoch, report};
    enum pp_error error = pp_store_read(claims->data.journal, report_look_run, &look);
    if (error != PP_OK) {
        pp_claims_report_done(report);
        return error;
    }
    *out = report;
    return PP_OK;
}

void pp_claims_report_done(struct pp_claims_report *report)
{
    if (!report)
        return;
    free(report->lanes);
    free(report->nodes);
    free(report);
}

struct epochs_look {
    uint64_t after;
    uint64_t *out; /* NULL: only count, and the newest */
    size_t capacity, count;
    uint64_t newest;
};

static enum pp_error epochs_walk(struct epochs_look *look, struct pp_scan *scan)
{
    struct pp_key8 key = pp_key8_of(look->after + 1);
    enum pp_error error = pp_scan_first_from(scan, pp_slice(key.bytes, 8));
    while (error == PP_OK && (!look->out || look->count < look->capacity)) {
        if (scan->key.length != 8)
            return PP_CORRUPT;
        look->newest = pp_key8_number(scan->key.bytes);
        if (look->out)
            look->out[look->count] = look->newest;
        look->count++;
        error = pp_scan_next(scan);
    }
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static enum pp_error epochs_look_run(void *context, struct pp_txn *txn)
{
    struct pp_scan scan;
    PP_TRY(pp_scan_open(txn, PP_TABLE_REPORTS, &scan));
    enum pp_error error = epochs_walk(context, &scan);
    pp_scan_close(&scan);
    return error;
}

enum pp_error pp_claims_epochs(const struct pp_claims *claims, uint64_t after, uint64_t *out_epochs, size_t capacity,
                               size_t *out_count)
{
    struct epochs_look look = {.after = after, .out = out_epochs, .capacity = capacity};
    if (after < UINT64_MAX && capacity > 0)
        PP_TRY(pp_store_read(claims->data.journal, epochs_look_run, &look));
    *out_count = look.count;
    return PP_OK;
}

void pp_claims_head(const struct pp_claims *claims, struct pp_claims_head *out)
{
    const struct pp_ledger_head *head = &claims->ledger.head;
    struct epochs_look look = {0};
    enum pp_error error = pp_store_read(claims->data.journal, epochs_look_run, &look);
    *out = (struct pp_claims_head){
        .node_id = head->opened.node_id,
        .shard = head->opened.shard,
        .domain = claims->domain,
        .operator_address = head->opened.operator_address,
        .sequence = claims->head.next_sequence - 1,
        .time_ms = claims->head.time_ms,
        .lanes = head->lane_count,
        .reports = error == PP_OK ? look.count : 0,
        .newest_epoch = head->report_epoch,
        .part = claims->part,
    };
    for (const struct pp_claims *next = claims->next; next; next = next->next)
        out->lanes += next->ledger.head.lane_count;
}

/* ---- lanes ---- */

struct lane_look {
    const struct pp_claims *claims;
    const struct pp_ledger_lane *lane;
    struct pp_lane_claim *out;
};

static enum pp_error voucher_fill(struct pp_txn *txn, const struct lane_look *look)
{
    const struct pp_ledger_lane *lane = look->lane;
    struct pp_voucher *voucher = &look->out->voucher;
    struct pp_hash digest;
    struct pp_record record;
    if (lane->voucher_sequence == 0)
        return PP_OK;
    PP_TRY(pp_journal_find(txn, lane->voucher_sequence, look->claims->room, &record, NULL));
    PP_TRY(pp_record_voucher(&record, voucher));
    if (!pp_grains_eq(voucher->spent, lane->lane.spent))
        return PP_CORRUPT;
    pp_voucher_typed_digest(&look->claims->domain, voucher, &digest);
    /* Admission does not look at v, the contract does. */
    PP_TRY(pp_signature_fix_v(look->claims->crypto, &voucher->signature, &digest, &lane->signer));
    look->out->has_voucher = true;
    return PP_OK;
}

static enum pp_error refund_fill(struct pp_txn *txn, const struct lane_look *look)
{
    const struct pp_ledger_lane *lane = look->lane;
    struct pp_record record;
    uint64_t sequence = pp_ledger_refund_sequence(&look->claims->ledger, lane);
    if (sequence == 0)
        return PP_OK;
    PP_TRY(pp_journal_find(txn, sequence, look->claims->room, &record, NULL));
    look->out->refund = (struct pp_signed_refund){.channel_id = lane->channel_id, .lane = lane->lane.lane};
    if (!pp_record_refund(&record, &look->out->refund))
        return PP_CORRUPT;
    look->out->has_refund = !pp_grains_is_zero(look->out->refund.refunded);
    return PP_OK;
}

static enum pp_error release_fill(struct pp_txn *txn, const struct lane_look *look)
{
    const struct pp_ledger_lane *lane = look->lane;
    struct pp_record record;
    uint64_t sequence = pp_ledger_leave_sequence(&look->claims->ledger, lane);
    if (sequence == 0)
        return PP_OK;
    PP_TRY(pp_journal_find(txn, sequence, look->claims->room, &record, NULL));
    if (record.type != PP_RECORD_TYPE_LEFT)
        return PP_CORRUPT;
    look->out->release = (struct pp_signed_release){
        lane->channel_id,     lane->lane.lane, record.left.old_cap,
        record.left.new_cap, record.left.seq, record.left.release_signature,
    };
    look->out->has_release = record.left.new_cap.raw != record.left.old_cap.raw;
    return PP_OK;
}

static enum pp_error lane_look_run(void *context, struct pp_txn *txn)
{
    const struct lane_look *look = context;
    const struct pp_ledger_lane *lane = look->lane;
    const struct pp_lane now = pp_ledger_now(&look->claims->ledger, lane);
    *look->out = (struct pp_lane_claim){
        .channel_id = lane->channel_id,
        .lane = lane->lane.lane,
        .state = pp_lane_state_name((enum pp_lane_state)lane->lane.state),
        .cap = lane->lane.cap,
        .seq = lane->lane.seq,
        .spent = lane->lane.spent,
        .refunded = lane->lane.refunded,
        .earned = now.earned,
        .vested = lane->lane.vested,
    };
    PP_TRY(pp_lane_config_find(txn, lane, look->claims->room, &look->out->config));
    PP_TRY(voucher_fill(txn, look));
    PP_TRY(refund_fill(txn, look));
    return release_fill(txn, look);
}

static enum pp_error lane_claim(const struct pp_claims *claims, uint32_t slot, struct pp_lane_claim *out)
{
    struct lane_look look = {claims, &claims->ledger.lanes[slot], out};
    return pp_store_read(claims->data.journal, lane_look_run, &look);
}

enum pp_error pp_claims_lanes(const struct pp_claims *claims,
                              bool (*visit)(void *context, const struct pp_lane_claim *claim), void *context)
{
    bool more = true;
    for (; claims && more; claims = claims->next)
        for (uint32_t slot = 0; slot < claims->ledger.head.lane_count && more; slot++) {
            struct pp_lane_claim claim;
            PP_TRY(lane_claim(claims, slot, &claim));
            more = visit(context, &claim);
        }
    return PP_OK;
}

enum pp_error pp_claims_lane(const struct pp_claims *claims, const struct pp_channel_id *channel_id, uint32_t lane,
                             struct pp_lane_claim *out)
{
    while (claims && lane != pp_ledger_lane_id(&claims->ledger))
        claims = claims->next;
    uint32_t slot = claims ? pp_ledger_find(&claims->ledger, channel_id) : PP_SLOT_NONE;
    return slot == PP_SLOT_NONE ? PP_NOT_FOUND : lane_claim(claims, slot, out);
}

enum pp_error pp_claims_leaves(const struct pp_claims *claims, struct pp_lane_leaf **out, size_t *out_count)
{
    struct pp_lane_leaf *leaves = calloc((size_t)claims->ledger.head.lane_count + 1, sizeof *leaves);
    if (!leaves)
        return PP_NO_MEMORY;
    enum pp_error error = pp_report_leaves(&claims->ledger, leaves, out_count);
    if (error == PP_OK)
        *out = leaves;
    else
        free(leaves);
    return error;
}

enum pp_error pp_claims_entries(const struct pp_claims *claims, uint64_t epoch, struct pp_entries *out)
{
    if (claims->next || claims->part)
        return PP_NOT_FOUND;
    return pp_entries_read(claims->data.journal, claims->ledger.head.lane_count + 1, epoch, out);
}
