#include "chain/chain_logs.h"

#include "chain/chain_agree.h"
#include "chain/chain_transport.h"

#include <inttypes.h>
#include <stdlib.h>

struct pp_rpc_filter chain_logs_filter(const struct chain_poll *poll,
                                       struct pp_hash topics[CHAIN_LOGS_TOPICS])
{
    static const enum pp_abi_event wanted[CHAIN_LOGS_TOPICS] = {
        PP_LOG_CHANNEL_OPENED, PP_LOG_LANE_CAP_CHANGED, PP_LOG_CLOSE_REQUESTED, PP_LOG_CHANNEL_CLOSED,
        PP_LOG_LANE_SETTLED,   PP_LOG_THAW_REQUESTED,   PP_LOG_THAW_CANCELLED,  PP_LOG_CLOSE_CANCELLED};
    for (size_t i = 0; i < CHAIN_LOGS_TOPICS; i++)
        pp_abi_topic(wanted[i], &topics[i]);
    return (struct pp_rpc_filter){poll->contract.address, topics, CHAIN_LOGS_TOPICS};
}

/* ---- is it of this chain, and is it whole? ---- */

static enum pp_error moved(struct chain_poll *poll, uint64_t number)
{
    return rpc_fail(poll->contract.rpc, PP_CHAIN_REORG, "block %" PRIu64 " changed while it was read",
                    number);
}

/* WATCH-010. Blocks that are not held are final, and are held against their header when their time is asked for. */
static enum pp_error chain_check(struct chain_poll *poll, const struct chain_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct chain_recent_block *held = chain_recent_find(&poll->recent, batch->logs[i].block_number);
        if (held && !pp_hash_eq(&held->block.hash, &batch->logs[i].block_hash))
            return moved(poll, batch->logs[i].block_number);
        if (held)
            held->is_vetted = true;
    }
    return PP_OK;
}

/* A bloom announces entries of ours and none came. It may be wrong by chance: then the block has other entries. */
static enum pp_error block_vet(struct chain_poll *poll, struct chain_recent_block *held)
{
    struct pp_hash topics[CHAIN_LOGS_TOPICS];
    struct pp_rpc_filter filter = chain_logs_filter(poll, topics);
    struct pp_chain_log *logs;
    size_t count, all;
    filter.block = &held->block.hash;
    filter.from = filter.to = held->block.number;
    PP_TRY(pp_rpc_logs(poll->contract.rpc, &filter, &logs, &count));
    free(logs);
    if (count > 0)
        return moved(poll, held->block.number);
    enum pp_error error = pp_rpc_block_entries(poll->contract.rpc, &held->block.hash, &all);
    if (error == PP_OK && all == 0)
        return rpc_fail(poll->contract.rpc, PP_CHAIN_PRUNED,
                        "block %" PRIu64 " has entries, and the node gives none", held->block.number);
    if (error != PP_OK && error != PP_CHAIN_NONSENSE) /* too many to tell: then it has them */
        return error;
    held->is_vetted = true;
    return PP_OK;
}

/* WATCH-011. */
static enum pp_error blooms_check(struct chain_poll *poll, uint64_t from, uint64_t to)
{
    for (size_t i = 0; i < poll->recent.count; i++) {
        struct chain_recent_block *held = &poll->recent.blocks[i];
        if (held->block.number >= from && held->block.number <= to && !held->is_vetted)
            PP_TRY(block_vet(poll, held));
    }
    return PP_OK;
}

/* The node says that it does not have a block that it called final, or one below: does it lag (another machine behind the same
 * address answers), or did it drop the block? */
static enum pp_error block_missing(struct chain_poll *poll, uint64_t number)
{
    struct pp_rpc *rpc = poll->contract.rpc;
    struct pp_rpc_block latest;
    PP_TRY(pp_rpc_block(rpc, PP_RPC_LATEST, &latest));
    if (latest.block.number < number)
        return rpc_fail(rpc, PP_CHAIN_STALE, "the latest block is %" PRIu64 " now, and was %" PRIu64,
                        latest.block.number, poll->latest.number);
    return rpc_fail(rpc, PP_CHAIN_PRUNED, "the node does not have block %" PRIu64, number);
}

/* Whether the node still has the entries of one old block, seen by a header that says that there are some. */
static enum pp_error history_probe(struct chain_poll *poll, uint64_t number)
{
    struct pp_rpc *rpc = poll->contract.rpc;
    struct pp_rpc_block block;
    size_t count;
    enum pp_error error = pp_rpc_block_at(rpc, number, &block);
    if (error == PP_NOT_FOUND)
        return block_missing(poll, number);
    PP_TRY(error);
    if (!chain_recent_has_entries(&block))
        return PP_OK;
    error = pp_rpc_block_entries(rpc, &block.block.hash, &count);
    if (error == PP_OK && count == 0)
        return rpc_fail(rpc, PP_CHAIN_PRUNED, "block %" PRIu64 " has entries, and the node gives none",
                        number);
    poll->history_proven = error == PP_OK || error == PP_CHAIN_NONSENSE;
    return error == PP_CHAIN_NONSENSE ? PP_OK : error;
}

/* WATCH-012. A node drops its oldest entries first: what has the first block of a range has all of it. */
static enum pp_error history_check(struct chain_poll *poll, uint64_t from, uint64_t to)
{
    if (!poll->history_proven && !chain_recent_find(&poll->recent, from))
        PP_TRY(history_probe(poll, from));
    if (!poll->history_proven && to > from && !chain_recent_find(&poll->recent, to))
        PP_TRY(history_probe(poll, to));
    return PP_OK;
}

/* ---- whose is it? ---- */

static bool is_opening(const struct pp_chain_log *log, const struct pp_channel_id *id)
{
    return log->topic_count > 1 && memcmp(log->topics[1].bytes, id->bytes, 32) == 0;
}

/* Backwards: an opening stands just before the first cap of its lanes. */
static bool opening_in(const struct chain_batch *batch, size_t upto, const struct pp_channel_id *id,
                       struct pp_channel_config *out)
{
    for (size_t i = upto; i-- > 0;) {
        struct pp_log_event event;
        if (is_opening(&batch->logs[i], id) && pp_abi_read_event(&batch->logs[i], &event) == PP_OK &&
            event.kind == PP_LOG_CHANNEL_OPENED) {
            *out = event.opened.config;
            return true;
        }
    }
    return false;
}

static enum pp_error opening_ask(struct chain_poll *poll, const struct pp_channel_id *id,
                                 struct pp_channel_config *out)
{
    struct pp_hash topic;
    struct chain_batch opening;
    pp_abi_topic(PP_LOG_CHANNEL_OPENED, &topic);
    const struct pp_rpc_filter filter = {poll->contract.address, &topic, 1, id, poll->config.start_block,
                                         poll->latest.number};
    PP_TRY(pp_rpc_logs(poll->contract.rpc, &filter, &opening.logs, &opening.count));
    bool found = opening_in(&opening, opening.count, id, out);
    free(opening.logs);
    return found
               ? PP_OK
               : rpc_fail(poll->contract.rpc, PP_CHAIN_NONSENSE, "a lane of a channel that was never opened");
}

/* A close names no lane, so the contract is asked whether the channel has one here. NOT_FOUND: it has none. */
static enum pp_error lane_ask(struct chain_poll *poll, const struct pp_chain_log *log,
                              const struct pp_channel_id *id)
{
    struct pp_log_event event;
    struct pp_chain_lane lane;
    if (pp_abi_read_event(log, &event) == PP_OK && event.kind != PP_LOG_CLOSE_REQUESTED &&
        event.kind != PP_LOG_CLOSE_CANCELLED && event.kind != PP_LOG_CHANNEL_CLOSED)
        return PP_OK; /* it names this lane */
    const struct pp_contract at = pp_contract_in(&poll->contract, &poll->latest.hash);
    PP_TRY(pp_contract_lane(&at, id, poll->config.lane, &lane));
    return lane.cap.raw == 0 && lane.seq == 0 ? PP_NOT_FOUND : PP_OK;
}

/* What the view must know before it is given the log. NOT_FOUND: the log does not concern this node. */
static enum pp_error channel_learn(struct chain_poll *poll, const struct chain_batch *batch, size_t at)
{
    struct pp_channel_id id;
    struct pp_channel_config config;
    switch (pp_chain_view_interest(&poll->view, &batch->logs[at], &id)) {
    case PP_VIEW_NO:
        return PP_NOT_FOUND;
    case PP_VIEW_YES:
        return PP_OK;
    case PP_VIEW_ASK:
        break;
    }
    PP_TRY(lane_ask(poll, &batch->logs[at], &id));
    if (!opening_in(batch, at, &id, &config))
        PP_TRY(opening_ask(poll, &id, &config));
    enum pp_error error = pp_chain_view_learn(&poll->view, &id, &config);
    return error == PP_TOO_MANY_LANES ? PP_NOT_FOUND : error; /* WATCH-006 */
}

static enum pp_error time_fill(struct chain_poll *poll, struct pp_chain_block *known,
                               struct pp_chain_log *log)
{
    const struct chain_recent_block *held = chain_recent_find(&poll->recent, log->block_number);
    if (held) {
        log->time_s = held->block.time_s;
        return PP_OK;
    }
    if (known->number != log->block_number || known->time_s == 0) {
        struct pp_rpc_block block;
        enum pp_error error = pp_rpc_block_at(poll->contract.rpc, log->block_number, &block);
        if (error == PP_NOT_FOUND)
            return moved(poll, log->block_number);
        PP_TRY(error);
        *known = block.block;
    }
    if (!pp_hash_eq(&known->hash, &log->block_hash))
        return moved(poll, log->block_number);
    log->time_s = known->time_s;
    return PP_OK;
}

/* Openings stay in the list as long as they may be looked for; then what concerns nobody here is left out. */
static enum pp_error logs_resolve(struct chain_poll *poll, struct chain_batch *batch)
{
    struct pp_chain_block known = {0};
    bool *keep = calloc(batch->count + 1, sizeof *keep);
    enum pp_error error = keep ? PP_OK : PP_NO_MEMORY;
    size_t kept = 0;
    for (size_t i = 0; error == PP_OK && i < batch->count; i++) {
        error = channel_learn(poll, batch, i);
        keep[i] = error == PP_OK;
        if (error == PP_OK)
            error = time_fill(poll, &known, &batch->logs[i]);
        else if (error == PP_NOT_FOUND)
            error = PP_OK;
    }
    for (size_t i = 0; error == PP_OK && i < batch->count; i++)
        if (keep[i])
            batch->logs[kept++] = batch->logs[i];
    batch->count = kept;
    free(keep);
    return error;
}

enum pp_error chain_logs_read(struct chain_poll *poll, uint64_t from, uint64_t to, bool is_final,
                              struct chain_batch *out)
{
    struct pp_hash topics[CHAIN_LOGS_TOPICS];
    struct pp_rpc_filter filter = chain_logs_filter(poll, topics);
    *out = (struct chain_batch){0};
    if (from > to)
        return PP_OK;
    filter.from = from;
    filter.to = to;
    PP_TRY(history_check(poll, from, to));
    PP_TRY(pp_rpc_logs(poll->contract.rpc, &filter, &out->logs, &out->count));
    enum pp_error error = chain_check(poll, out);
    if (error == PP_OK)
        error = blooms_check(poll, from, to);
    if (error == PP_OK && is_final)
        error = chain_agree_logs(poll, &filter, out->logs, out->count);
    if (error == PP_OK)
        error = logs_resolve(poll, out);
    if (error != PP_OK) {
        free(out->logs);
        *out = (struct chain_batch){0};
    }
    return error;
}
