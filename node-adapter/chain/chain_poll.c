#include "chain/chain_poll.h"

#include "chain/chain_agree.h"
#include "chain/chain_logs.h"
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
    const struct pp_contract at = pp_contract_in(&poll->contract, &poll->finalized.hash);
    PP_TRY(pp_contract_lane(&at, &event->channel_id, event->lane, &lane));
    event->vested = lane.vested;
    event->refunded = lane.refunded;
    return PP_OK;
}

enum pp_error chain_poll_gather(void *context, const struct pp_chain_event *event)
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

/* ---- the turn ---- */

static enum pp_error contract_check(struct chain_poll *poll)
{
    const struct pp_chain_expected *expected = &poll->config.expected;
    const struct pp_contract at = pp_contract_in(&poll->contract, &poll->latest.hash);
    struct pp_rpc *rpc = poll->contract.rpc;
    size_t code_length;
    if (poll->contract_checked)
        return PP_OK;
    PP_TRY(pp_rpc_code(rpc, &poll->contract.address, &poll->latest.hash, &poll->code, &code_length));
    if (code_length == 0) /* WATCH-030 */
        return rpc_fail(rpc, PP_CONTRACT_MISMATCH, "there is no contract at the configured address");
    PP_TRY(pp_contract_timers(&at, &poll->timers));
    PP_TRY(pp_contract_token(&at, &poll->token));
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
        PP_TRY(pp_contract_protocol_share(&at, &share));
        if (share != expected->protocol_share_bps)
            return rpc_fail(rpc, PP_CONTRACT_MISMATCH,
                            "the contract's protocol share is %" PRIu64
                            " basis points, the configured one %u",
                            share, expected->protocol_share_bps);
    }
    if (expected->node_id) {
        struct pp_chain_operator operator;
        PP_TRY(pp_contract_operator(&at, expected->node_id, &operator));
        if (!pp_address_eq(&operator.key, &expected->operator_key))
            return rpc_fail(rpc, PP_CONTRACT_MISMATCH,
                            "node %u is registered with another operator key, or not at all",
                            expected->node_id);
    }
    poll->contract_checked = true;
    return PP_OK;
}

static enum pp_error anchor_ask(struct chain_poll *poll, struct pp_rpc_block *out)
{
    struct pp_rpc *rpc = poll->contract.rpc;
    if (!poll->view.has_final)
        return PP_OK;
    enum pp_error error = pp_rpc_block_at(rpc, poll->view.final.number, out);
    return error == PP_NOT_FOUND
               ? rpc_fail(rpc, PP_CHAIN_STALE,
                          "the node does not have block %" PRIu64 ", which was final before",
                          poll->view.final.number)
               : error;
}

static enum pp_error blocks_ask(struct chain_poll *poll, struct pp_rpc_block *out_latest)
{
    struct pp_rpc *rpc = poll->contract.rpc;
    struct pp_rpc_block finalized, anchor;
    PP_TRY(pp_rpc_block(rpc, PP_RPC_LATEST, out_latest));
    PP_TRY(pp_rpc_block(rpc, PP_RPC_FINALIZED, &finalized));
    PP_TRY(anchor_ask(poll, &anchor));
    poll->latest = out_latest->block;
    poll->finalized = finalized.block;
    enum pp_error error = pp_chain_view_check(&poll->view, &poll->latest, &finalized.block, &anchor.block,
                                              chain_poll_gather, poll);
    if (error == PP_CHAIN_REORG) {
        PP_TRY(hand_over(poll));
        return rpc_fail(rpc, error, "block %" PRIu64 " was final, and is another one now",
                        poll->view.final.number);
    }
    if (error == PP_CHAIN_STALE)
        return rpc_fail(rpc, error, "the node's finalized block is %" PRIu64 ", known is %" PRIu64,
                        finalized.block.number, poll->view.final.number);
    if (error == PP_CHAIN_NONSENSE)
        return rpc_fail(rpc, error,
                        "the latest block %" PRIu64 " does not follow the finalized block %" PRIu64,
                        poll->latest.number, finalized.block.number);
    return error;
}

static uint64_t next_final(const struct chain_poll *poll)
{
    uint64_t from = poll->view.has_final ? poll->view.final.number + 1 : poll->config.start_block;
    return from < poll->config.start_block ? poll->config.start_block : from;
}

/* The last block of a range, and its header. */
static enum pp_error range_end(struct chain_poll *poll, uint64_t from, uint64_t span,
                               struct pp_chain_block *out)
{
    struct pp_rpc_block block = {.block = poll->finalized};
    if (from < poll->finalized.number && poll->finalized.number - from >= span)
        PP_TRY(pp_rpc_block_at(poll->contract.rpc, from + span - 1, &block));
    *out = block.block;
    return PP_OK;
}

/* A range with more entries than memory is set aside for is taken in smaller parts. */
static enum pp_error final_range(struct chain_poll *poll)
{
    struct chain_batch batch;
    struct pp_chain_block upto;
    uint64_t from = next_final(poll), span = PP_CHAIN_RANGE_BLOCKS;
    enum pp_error error;
    do {
        PP_TRY(range_end(poll, from, span, &upto));
        error = chain_logs_read(poll, from, upto.number, true, &batch);
        span /= 2;
    } while (error == PP_TOO_MANY && span > 0);
    PP_TRY(error);
    error = pp_chain_view_final(&poll->view, &upto, batch.logs, batch.count, chain_poll_gather, poll);
    free(batch.logs);
    PP_TRY(error);
    return commit(poll);
}

static enum pp_error final_ranges(struct chain_poll *poll)
{
    while (!poll->view.has_final || poll->view.final.number < poll->finalized.number)
        PP_TRY(final_range(poll));
    return PP_OK;
}

static enum pp_error recent_part(struct chain_poll *poll, uint64_t from, uint64_t *out_upto)
{
    struct chain_batch batch;
    uint64_t span = PP_CHAIN_RANGE_BLOCKS;
    enum pp_error error;
    do {
        *out_upto = poll->latest.number - from < span ? poll->latest.number : from + span - 1;
        error = chain_logs_read(poll, from, *out_upto, false, &batch);
        span /= 2;
    } while (error == PP_TOO_MANY && span > 0);
    PP_TRY(error);
    error =
        pp_chain_view_recent(&poll->view, &poll->latest, batch.logs, batch.count, chain_poll_gather, poll);
    free(batch.logs);
    return error;
}

/* Blocks that are not held as headers are looked at once more: the chain may have moved meanwhile. */
static enum pp_error latest_check(struct chain_poll *poll)
{
    struct pp_rpc_block again;
    uint64_t number = poll->view.final.number + 1;
    if (number > poll->latest.number || chain_recent_find(&poll->recent, number))
        return PP_OK;
    PP_TRY(pp_rpc_block_at(poll->contract.rpc, poll->latest.number, &again));
    return pp_hash_eq(&again.block.hash, &poll->latest.hash)
               ? PP_OK
               : rpc_fail(poll->contract.rpc, PP_CHAIN_REORG, "block %" PRIu64 " changed while it was read",
                          poll->latest.number);
}

static enum pp_error recent_ranges(struct chain_poll *poll)
{
    pp_chain_view_recent_begin(&poll->view);
    for (uint64_t from = poll->view.final.number + 1, upto; from <= poll->latest.number; from = upto + 1)
        PP_TRY(recent_part(poll, from, &upto));
    PP_TRY(latest_check(poll));
    PP_TRY(pp_chain_view_recent_end(&poll->view, &poll->latest, chain_poll_gather, poll));
    return commit(poll);
}

static enum pp_error head(struct chain_poll *poll)
{
    const struct pp_contract latest = pp_contract_in(&poll->contract, &poll->latest.hash),
                             finalized = pp_contract_in(&poll->contract, &poll->finalized.hash);
    struct pp_chain_pool pool = {{0}, {0}};
    struct pp_chain_report_head report = {.hash = {{0}}};
    if (poll->finalized.number >= poll->config.start_block)
        PP_TRY(pp_contract_pool(&finalized, PP_RPC_AT_LATEST, &pool));
    PP_TRY(pp_contract_last_report(&latest, PP_RPC_AT_LATEST, &report));
    PP_TRY(pp_chain_view_head(&poll->view, &poll->latest, &pool, &report, chain_poll_gather, poll));
    return hand_over(poll);
}

/* WATCH-010: everything of a turn is of the chain that ends with its latest block. */
static enum pp_error look(struct chain_poll *poll)
{
    struct pp_hash topics[CHAIN_LOGS_TOPICS];
    const struct pp_rpc_filter filter = chain_logs_filter(poll, topics);
    struct pp_rpc_block latest;
    PP_TRY(blocks_ask(poll, &latest));
    PP_TRY(contract_check(poll));
    PP_TRY(chain_agree_blocks(poll));
    if (poll->finalized.number > next_final(poll) &&
        poll->finalized.number - next_final(poll) >=
            PP_CHAIN_RANGE_BLOCKS) { /* takes its time: what was the latest is old then */
        PP_TRY(final_ranges(poll));
        PP_TRY(blocks_ask(poll, &latest));
    }
    return chain_recent_follow(&poll->recent, poll->contract.rpc, &filter, &latest, &poll->finalized);
}

static enum pp_error turn(struct chain_poll *poll)
{
    PP_TRY(hand_over(poll)); /* left over from a turn that failed */
    PP_TRY(pp_rpc_expect_chain(poll->contract.rpc, poll->config.domain.chain_id)); /* WATCH-001 */
    PP_TRY(look(poll));
    PP_TRY(final_ranges(poll));
    chain_recent_forget(&poll->recent, poll->view.final.number);
    PP_TRY(recent_ranges(poll));
    return head(poll);
}

static enum pp_error turn_steady(struct chain_poll *poll)
{
    enum pp_error error = PP_OK;
    for (unsigned i = 0; i < LATEST_MOVES_MAX; i++) {
        error = turn(poll);
        if (error != PP_CHAIN_REORG || poll->view.conflict)
            break;
    }
    if (error != PP_OK)
        poll->contract_checked = poll->history_proven =
            false; /* the next answer may come from another node */
    return error;
}

/* What another endpoint may do better. */
static bool is_of_endpoint(const struct chain_poll *poll, enum pp_error error)
{
    return error == PP_CHAIN_DOWN || error == PP_CHAIN_NONSENSE || error == PP_CHAIN_REFUSED ||
           error == PP_CHAIN_STALE || error == PP_CHAIN_PRUNED ||
           (error == PP_CHAIN_REORG && !poll->view.conflict);
}

/* WATCH-021: one endpoint for a turn, the most preferred that does not rest. */
enum pp_error chain_poll_turn(struct chain_poll *poll)
{
    struct pp_rpc *rpc = poll->contract.rpc;
    enum pp_error error;
    pp_rpc_choose(rpc);
    do {
        error = turn_steady(poll);
        if (error == PP_OK)
            pp_rpc_judge(rpc, PP_OK, poll->latest.number, poll->finalized.number);
        else if (is_of_endpoint(poll, error))
            pp_rpc_judge(rpc, error, 0, 0);
    } while (is_of_endpoint(poll, error) && pp_rpc_choose_next(rpc));
    if (error == PP_ENDPOINTS_DISAGREE)
        PP_TRY(hand_over(poll));
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
    chain_recent_done(&poll->recent);
    free(poll->events);
    free(poll->mark);
    *poll = (struct chain_poll){0};
}
