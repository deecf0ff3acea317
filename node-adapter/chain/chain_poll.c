#include "chain/chain_poll.h"

#include "chain/chain_mark.h"
#include "chain/chain_transport.h"

#include <inttypes.h>
#include <stdlib.h>

#define LATEST_MOVES_MAX 3u /* how often the chain may be reorganized under one turn */
#define EVENTS_MAX 4096u    /* handed over at a time */

/* ---- events ---- */

/* WATCH-006: whoever opens one channel too many must not keep the news of all others from the node. */
static bool is_refused_for_good(enum pp_error error)
{
    return error == PP_TOO_MANY_LANES || error == PP_UNKNOWN_LANE || error == PP_UNKNOWN_CHANNEL ||
           error == PP_BAD_EVENT;
}

/* What is not taken stays: the view believes that it was given, and does not give it again. */
static enum pp_error hand_over(struct chain_poll *poll)
{
    enum pp_error error = PP_OK;
    if (poll->event_count > 0)
        error = poll->config.events(poll->config.context, poll->events, poll->event_count);
    if (error != PP_OK && !is_refused_for_good(error))
        return error;
    poll->event_count = 0;
    return PP_OK;
}

static enum pp_error complete(struct chain_poll *poll, struct pp_chain_event *event)
{
    struct pp_chain_lane lane;
    if (!pp_chain_view_wants_state(event))
        return PP_OK;
    PP_TRY(pp_contract_lane(&poll->contract, &event->channel_id, event->lane, &lane));
    event->vested = lane.vested;
    event->refunded = lane.refunded;
    return PP_OK;
}

static enum pp_error gather(void *context, const struct pp_chain_event *event)
{
    struct chain_poll *poll = context;
    if (poll->event_count == EVENTS_MAX)
        PP_TRY(hand_over(poll));
    struct pp_chain_event *room = &poll->events[poll->event_count];
    *room = *event;
    PP_TRY(complete(poll, room));
    poll->event_count++;
    return PP_OK;
}

/* Hands over, then remembers: a crash between the two gives the events again. WATCH-002 */
static enum pp_error commit(struct chain_poll *poll)
{
    PP_TRY(hand_over(poll));
    if (!poll->config.mark_path)
        return PP_OK;
    size_t length;
    size_t capacity = PP_VIEW_MARK_BYTES(poll->view.count);
    uint8_t *mark = malloc(capacity);
    if (!mark)
        return PP_NO_MEMORY;
    enum pp_error error = pp_chain_view_encode(&poll->view, mark, capacity, &length);
    if (error == PP_OK && length == poll->mark_length && memcmp(mark, poll->mark, length) == 0) {
        free(mark);
        return PP_OK;
    }
    if (error == PP_OK)
        error = chain_mark_write(poll->config.mark_path, mark, length);
    free(poll->mark);
    poll->mark = mark;
    poll->mark_length = error == PP_OK ? length : 0;
    return error;
}

/* ---- logs ---- */

struct batch {
    struct pp_chain_log *logs;
    size_t count;
    struct pp_chain_block block; /* the last whose time was asked for */
    bool has_block;
};

static enum pp_error logs_ask(struct chain_poll *poll, uint64_t from, uint64_t to,
                              const struct pp_channel_id *channel, struct batch *out)
{
    static const enum pp_abi_event wanted[] = {
        PP_LOG_CHANNEL_OPENED, PP_LOG_LANE_CAP_CHANGED, PP_LOG_CLOSE_REQUESTED, PP_LOG_CHANNEL_CLOSED,
        PP_LOG_LANE_SETTLED,   PP_LOG_THAW_REQUESTED,   PP_LOG_THAW_CANCELLED,  PP_LOG_CLOSE_CANCELLED};
    struct pp_hash topics[sizeof wanted / sizeof wanted[0]];
    size_t count = channel ? 1 : sizeof wanted / sizeof wanted[0]; /* of one channel: its opening */
    for (size_t i = 0; i < count; i++)
        pp_abi_topic(wanted[i], &topics[i]);
    *out = (struct batch){0};
    const struct pp_rpc_filter filter = {poll->contract.address, topics, count, channel, from, to};
    return from > to ? PP_OK : pp_rpc_logs(poll->contract.rpc, &filter, &out->logs, &out->count);
}

static bool opening_in(const struct batch *batch, const struct pp_channel_id *id,
                       struct pp_channel_config *out)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct pp_log_event event;
        if (pp_abi_read_event(&batch->logs[i], &event) == PP_OK && event.kind == PP_LOG_CHANNEL_OPENED &&
            pp_channel_id_eq(&event.channel_id, id)) {
            *out = event.opened.config;
            return true;
        }
    }
    return false;
}

/* Whether the channel has a lane here, and then what it is made of. NOT_FOUND: it has none. */
static enum pp_error channel_ask(struct chain_poll *poll, const struct batch *batch,
                                 const struct pp_channel_id *id, struct pp_channel_config *out)
{
    struct pp_chain_lane lane;
    struct batch opening;
    PP_TRY(pp_contract_lane(&poll->contract, id, poll->config.lane, &lane));
    if (lane.cap.raw == 0 && lane.seq == 0)
        return PP_NOT_FOUND;
    if (opening_in(batch, id, out))
        return PP_OK;
    PP_TRY(logs_ask(poll, poll->config.start_block, poll->latest.number, id, &opening));
    bool found = opening_in(&opening, id, out);
    free(opening.logs);
    return found
               ? PP_OK
               : rpc_fail(poll->contract.rpc, PP_CHAIN_NONSENSE, "a lane of a channel that was never opened");
}

static enum pp_error time_fill(struct chain_poll *poll, struct batch *batch, struct pp_chain_log *log)
{
    if (!batch->has_block || batch->block.number != log->block_number) {
        struct pp_rpc_block block;
        PP_TRY(pp_rpc_block_at(poll->contract.rpc, log->block_number, &block));
        batch->block = block.block;
        batch->has_block = true;
    }
    if (!pp_hash_eq(&batch->block.hash, &log->block_hash))
        return rpc_fail(poll->contract.rpc, PP_CHAIN_REORG, "block %" PRIu64 " changed while it was read",
                        log->block_number);
    log->time_s = batch->block.time_s;
    return PP_OK;
}

/* Keeps the logs that concern this node's lane, with what the view must know about them. */
static enum pp_error logs_resolve(struct chain_poll *poll, struct batch *batch, struct batch *out)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct pp_channel_id id;
        struct pp_channel_config config;
        enum pp_view_interest interest = pp_chain_view_interest(&poll->view, &batch->logs[i], &id);
        if (interest == PP_VIEW_NO)
            continue;
        if (interest == PP_VIEW_ASK) {
            enum pp_error error = channel_ask(poll, batch, &id, &config);
            if (error == PP_NOT_FOUND)
                continue;
            PP_TRY(error);
            error = pp_chain_view_learn(&poll->view, &id, &config);
            if (error == PP_TOO_MANY_LANES) /* WATCH-006 */
                continue;
            PP_TRY(error);
        }
        out->logs[out->count] = batch->logs[i];
        PP_TRY(time_fill(poll, batch, &out->logs[out->count]));
        out->count++;
    }
    return PP_OK;
}

static enum pp_error logs_relevant(struct chain_poll *poll, uint64_t from, uint64_t to, struct batch *out)
{
    struct batch all;
    *out = (struct batch){0};
    PP_TRY(logs_ask(poll, from, to, NULL, &all));
    out->logs = calloc(all.count + 1, sizeof *out->logs);
    enum pp_error error = out->logs ? logs_resolve(poll, &all, out) : PP_NO_MEMORY;
    free(all.logs);
    if (error != PP_OK) {
        free(out->logs);
        out->logs = NULL;
    }
    return error;
}

/* ---- the turn ---- */

static enum pp_error contract_check(struct chain_poll *poll)
{
    const struct pp_chain_expected *expected = &poll->config.expected;
    struct pp_rpc *rpc = poll->contract.rpc;
    if (poll->contract_checked)
        return PP_OK;
    PP_TRY(pp_contract_timers(&poll->contract, &poll->timers));
    PP_TRY(pp_contract_token(&poll->contract, &poll->token));
    if (expected->epoch_seconds && poll->timers.epoch != expected->epoch_seconds)
        return rpc_fail(rpc, PP_CONTRACT_MISMATCH,
                        "the contract's epoch is %u s, the configured one %" PRIu64 " s", poll->timers.epoch,
                        expected->epoch_seconds);
    if (expected->freshness_seconds > poll->timers.freshness)
        return rpc_fail(rpc, PP_CONTRACT_MISMATCH,
                        "the contract's freshness is %u s, the configured one is longer: %" PRIu64 " s",
                        poll->timers.freshness, expected->freshness_seconds);
    if (expected->has_protocol_share) {
        uint64_t share;
        PP_TRY(pp_contract_protocol_share(&poll->contract, &share));
        if (share != expected->protocol_share_bps)
            return rpc_fail(rpc, PP_CONTRACT_MISMATCH,
                            "the contract's protocol share is %" PRIu64
                            " basis points, the configured one %u",
                            share, expected->protocol_share_bps);
    }
    if (expected->node_id) {
        struct pp_chain_operator operator;
        PP_TRY(pp_contract_operator(&poll->contract, expected->node_id, &operator));
        if (!pp_address_eq(&operator.key, &expected->operator_key))
            return rpc_fail(rpc, PP_CONTRACT_MISMATCH,
                            "node %u is registered with another operator key, or not at all",
                            expected->node_id);
    }
    poll->contract_checked = true;
    return PP_OK;
}

static enum pp_error blocks_ask(struct chain_poll *poll)
{
    struct pp_rpc *rpc = poll->contract.rpc;
    struct pp_rpc_block latest, finalized, anchor;
    PP_TRY(pp_rpc_block(rpc, PP_RPC_LATEST, &latest));
    PP_TRY(pp_rpc_block(rpc, PP_RPC_FINALIZED, &finalized));
    if (poll->view.has_final) {
        enum pp_error error = pp_rpc_block_at(rpc, poll->view.final.number, &anchor);
        if (error == PP_NOT_FOUND)
            return rpc_fail(rpc, PP_CHAIN_STALE,
                            "the node does not have block %" PRIu64 ", which was final before",
                            poll->view.final.number);
        PP_TRY(error);
    }
    poll->latest = latest.block;
    poll->finalized = finalized.block;
    enum pp_error error =
        pp_chain_view_check(&poll->view, &latest.block, &finalized.block, &anchor.block, gather, poll);
    if (error == PP_CHAIN_REORG) {
        PP_TRY(hand_over(poll));
        return rpc_fail(rpc, error, "block %" PRIu64 " was final, and is another one now",
                        poll->view.final.number);
    }
    if (error == PP_CHAIN_STALE)
        return rpc_fail(rpc, error, "the node's finalized block is %" PRIu64 ", known is %" PRIu64,
                        finalized.block.number, poll->view.final.number);
    return error;
}

static enum pp_error final_range(struct chain_poll *poll)
{
    struct batch batch;
    uint64_t from = poll->view.has_final ? poll->view.final.number + 1 : poll->config.start_block;
    if (from < poll->config.start_block)
        from = poll->config.start_block;
    struct pp_rpc_block upto = {.block = poll->finalized};
    if (from < poll->finalized.number && poll->finalized.number - from >= PP_CHAIN_RANGE_BLOCKS)
        PP_TRY(pp_rpc_block_at(poll->contract.rpc, from + PP_CHAIN_RANGE_BLOCKS - 1, &upto));
    PP_TRY(logs_relevant(poll, from, upto.block.number, &batch));
    enum pp_error error =
        pp_chain_view_final(&poll->view, &upto.block, batch.logs, batch.count, gather, poll);
    free(batch.logs);
    PP_TRY(error);
    return commit(poll);
}

static enum pp_error recent_range(struct chain_poll *poll)
{
    struct batch batch;
    struct pp_rpc_block again;
    PP_TRY(logs_relevant(poll, poll->view.final.number + 1, poll->latest.number, &batch));
    enum pp_error error = pp_rpc_block_at(poll->contract.rpc, poll->latest.number, &again);
    if (error == PP_OK && !pp_hash_eq(&again.block.hash, &poll->latest.hash))
        error = rpc_fail(poll->contract.rpc, PP_CHAIN_REORG, "block %" PRIu64 " changed while it was read",
                         poll->latest.number);
    if (error == PP_OK)
        error = pp_chain_view_recent(&poll->view, &poll->latest, batch.logs, batch.count, gather, poll);
    free(batch.logs);
    PP_TRY(error);
    return commit(poll);
}

static enum pp_error head(struct chain_poll *poll)
{
    struct pp_chain_pool pool = {{0}, {0}};
    struct pp_chain_report_head report = {.hash = {{0}}};
    if (poll->finalized.number >= poll->config.start_block)
        PP_TRY(pp_contract_pool(&poll->contract, poll->finalized.number, &pool));
    PP_TRY(pp_contract_last_report(&poll->contract, poll->latest.number, &report));
    PP_TRY(pp_chain_view_head(&poll->view, &poll->latest, &pool, &report, gather, poll));
    return hand_over(poll);
}

static enum pp_error turn(struct chain_poll *poll)
{
    PP_TRY(hand_over(poll)); /* left over from a turn that failed */
    PP_TRY(pp_rpc_expect_chain(poll->contract.rpc, poll->config.domain.chain_id)); /* WATCH-001 */
    PP_TRY(contract_check(poll));
    PP_TRY(blocks_ask(poll));
    while (!poll->view.has_final || poll->view.final.number < poll->finalized.number)
        PP_TRY(final_range(poll));
    PP_TRY(recent_range(poll));
    return head(poll);
}

enum pp_error chain_poll_turn(struct chain_poll *poll)
{
    enum pp_error error = PP_OK;
    for (unsigned i = 0; i < LATEST_MOVES_MAX; i++) {
        error = turn(poll);
        if (error != PP_CHAIN_REORG || poll->view.conflict)
            break;
    }
    if (error != PP_OK)
        poll->contract_checked = false; /* the next answer may come from another node */
    return error;
}

/* WATCH-005. A rest that is longer than the most by itself stays as it is. */
uint32_t chain_poll_wait_ms(uint32_t poll_ms, uint64_t failures)
{
    uint64_t wait = poll_ms;
    for (uint64_t i = 0; i < failures && wait < CHAIN_POLL_WAIT_MS_MAX; i++)
        wait *= 2;
    uint64_t most = poll_ms > CHAIN_POLL_WAIT_MS_MAX ? poll_ms : CHAIN_POLL_WAIT_MS_MAX;
    return (uint32_t)(wait < most ? wait : most);
}

/* ---- the view's beginning ---- */

static enum pp_error mark_load(struct chain_poll *poll, bool *out_started_anew)
{
    uint8_t *bytes;
    size_t length;
    *out_started_anew = false;
    if (!poll->config.mark_path)
        return PP_OK;
    enum pp_error error = chain_mark_read(poll->config.mark_path, &bytes, &length);
    if (error == PP_NOT_FOUND)
        return PP_OK;
    PP_TRY(error);
    error = pp_chain_view_decode(&poll->view, bytes, length);
    free(bytes);
    if (error == PP_OK || error == PP_WRONG_DOMAIN || error == PP_BAD_VERSION)
        return error;
    /* WATCH-003: what it says can be read from the chain again. */
    *out_started_anew = true;
    pp_chain_view_done(&poll->view);
    return pp_chain_view_init(&poll->view, &poll->config.domain, poll->config.lane, poll->config.lanes_max);
}

enum pp_error chain_poll_init(struct chain_poll *poll, const struct pp_chain_watch_config *config,
                              bool *out_started_anew)
{
    *poll = (struct chain_poll){.config = *config, .contract = {.address = config->domain.contract}};
    enum pp_error error = config->events && config->lane ? PP_OK : PP_BAD_CONFIG;
    poll->events = calloc(EVENTS_MAX, sizeof *poll->events);
    if (error == PP_OK && !poll->events)
        error = PP_NO_MEMORY;
    if (error == PP_OK)
        error = pp_rpc_open_over(config->carrier, config->rpc_url, config->timeout_ms, &poll->contract.rpc);
    if (error == PP_OK)
        error = pp_chain_view_init(&poll->view, &config->domain, config->lane, config->lanes_max);
    if (error == PP_OK)
        error = mark_load(poll, out_started_anew);
    if (error != PP_OK)
        chain_poll_done(poll);
    return error;
}

void chain_poll_done(struct chain_poll *poll)
{
    pp_rpc_close(poll->contract.rpc);
    pp_chain_view_done(&poll->view);
    free(poll->events);
    free(poll->mark);
    *poll = (struct chain_poll){0};
}
