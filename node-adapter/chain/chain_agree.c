#include "chain/chain_agree.h"

#include "chain/chain_transport.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- a dispute ---- */

static enum pp_error dispute_tell(struct chain_poll *poll)
{
    PP_TRY(pp_chain_view_disagree(&poll->view, &poll->latest, chain_poll_gather, poll));
    return rpc_fail_again(poll->contract.rpc, PP_ENDPOINTS_DISAGREE, poll->dispute.reason);
}

/* The current endpoint is asked whatever differs; `other` said something else. */
__attribute__((format(printf, 4, 5))) static enum pp_error dispute(struct chain_poll *poll, size_t current,
                                                                   size_t other, const char *format, ...)
{
    struct pp_rpc_endpoint a, b;
    va_list arguments;
    pp_rpc_endpoint(poll->contract.rpc, current, &a);
    pp_rpc_endpoint(poll->contract.rpc, other, &b);
    poll->dispute = (struct chain_dispute){.is_open = true, .a = current, .b = other};
    int head =
        snprintf(poll->dispute.reason, sizeof poll->dispute.reason, "%.60s and %.60s: ", a.name, b.name);
    va_start(arguments, format);
    vsnprintf(poll->dispute.reason + head, sizeof poll->dispute.reason - (size_t)head, format, arguments);
    va_end(arguments);
    return PP_ENDPOINTS_DISAGREE;
}

/* WATCH-022: silence of one of the two is no agreement. */
static void dispute_close(struct chain_poll *poll, size_t current, bool about_logs)
{
    const struct chain_dispute *open = &poll->dispute;
    if (open->is_open && open->is_about_logs == about_logs && (open->a == current || poll->agrees[open->a]) &&
        (open->b == current || poll->agrees[open->b]))
        poll->dispute.is_open = false;
}

/* ---- one other endpoint, which is the current one for a while ---- */

#define SHORT(hash) (hash)->bytes[0], (hash)->bytes[1], (hash)->bytes[2], (hash)->bytes[3]
#define SHORT_FORMAT "0x%02x%02x%02x%02x"

static enum pp_error chain_compare(struct chain_poll *poll, size_t current, size_t other)
{
    uint64_t chain_id = 0;
    PP_TRY(pp_rpc_chain_id(poll->contract.rpc, &chain_id));
    if (chain_id != poll->config.domain.chain_id)
        return dispute(poll, current, other, "chain %" PRIu64 ", chain %" PRIu64,
                       poll->config.domain.chain_id, chain_id);
    return PP_OK;
}

static enum pp_error code_compare(struct chain_poll *poll, size_t current, size_t other)
{
    struct pp_hash code;
    size_t length;
    if (poll->code_compared[other])
        return PP_OK;
    PP_TRY(pp_rpc_code(poll->contract.rpc, &poll->contract.address, NULL, &code, &length));
    if (!pp_hash_eq(&code, &poll->code))
        return dispute(poll, current, other,
                       "the contract's code has hash " SHORT_FORMAT ", hash " SHORT_FORMAT " (%zu bytes)",
                       SHORT(&poll->code), SHORT(&code), length);
    poll->code_compared[other] = true;
    return PP_OK;
}

/* Its latest block goes to *out. */
static enum pp_error blocks_compare(struct chain_poll *poll, size_t current, size_t other,
                                    struct pp_rpc_block *out)
{
    struct pp_rpc *rpc = poll->contract.rpc;
    struct pp_rpc_block same;
    PP_TRY(pp_rpc_block(rpc, PP_RPC_LATEST, out));
    enum pp_error error = pp_rpc_block_at(rpc, poll->finalized.number, &same);
    if (error == PP_NOT_FOUND)
        return rpc_fail(rpc, PP_CHAIN_STALE, "the latest block is %" PRIu64 ", final is %" PRIu64,
                        out->block.number, poll->finalized.number);
    PP_TRY(error);
    if (!pp_hash_eq(&same.block.hash, &poll->finalized.hash))
        return dispute(poll, current, other,
                       "the final block %" PRIu64 " has hash " SHORT_FORMAT ", hash " SHORT_FORMAT,
                       poll->finalized.number, SHORT(&poll->finalized.hash), SHORT(&same.block.hash));
    return PP_OK;
}

/* What is heard of it is its health; only a disagreement is an error here. */
static enum pp_error other_hear(struct chain_poll *poll, size_t current, size_t other,
                                uint64_t *latest_time_s)
{
    struct pp_rpc *rpc = poll->contract.rpc;
    struct pp_rpc_block latest = {.block = {0}};
    pp_rpc_use(rpc, other);
    enum pp_error error = chain_compare(poll, current, other);
    if (error == PP_OK)
        error = blocks_compare(poll, current, other, &latest);
    if (error == PP_OK)
        error = code_compare(poll, current, other);
    pp_rpc_judge(rpc, error, latest.block.number, 0);
    pp_rpc_use(rpc, current);
    poll->agrees[other] = error == PP_OK;
    poll->code_compared[other] = poll->code_compared[other] && error == PP_OK;
    if (error == PP_OK && latest.block.time_s > *latest_time_s)
        *latest_time_s = latest.block.time_s;
    return error == PP_ENDPOINTS_DISAGREE ? error : PP_OK;
}

static bool is_to_be_asked(const struct chain_poll *poll, size_t other)
{
    struct pp_rpc_endpoint health;
    pp_rpc_endpoint(poll->contract.rpc, other, &health);
    bool is_disputed = poll->dispute.is_open && (poll->dispute.a == other || poll->dispute.b == other);
    return !health.is_current && (health.rests == 0 || is_disputed);
}

enum pp_error chain_agree_blocks(struct chain_poll *poll)
{
    struct pp_rpc *rpc = poll->contract.rpc;
    size_t current = pp_rpc_current(rpc);
    uint64_t latest_time_s = poll->latest.time_s;
    memset(poll->agrees, 0, sizeof poll->agrees);
    for (size_t i = 0; i < pp_rpc_endpoints(rpc); i++)
        if (is_to_be_asked(poll, i) && other_hear(poll, current, i, &latest_time_s) != PP_OK)
            return dispute_tell(poll);
    dispute_close(poll, current, false);
    if (poll->dispute.is_open && !poll->dispute.is_about_logs)
        return dispute_tell(poll);
    if (latest_time_s - poll->latest.time_s > CHAIN_LAG_S_MAX) /* WATCH-023 */
        return rpc_fail(rpc, PP_CHAIN_STALE, "its latest block %" PRIu64 " is %" PRIu64 " s behind another's",
                        poll->latest.number, latest_time_s - poll->latest.time_s);
    return PP_OK;
}

/* ---- entries ---- */

static bool logs_equal(const struct pp_chain_log *a, const struct pp_chain_log *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (a[i].block_number != b[i].block_number || a[i].index != b[i].index ||
            !pp_hash_eq(&a[i].block_hash, &b[i].block_hash) || a[i].topic_count != b[i].topic_count ||
            memcmp(a[i].topics, b[i].topics, sizeof a[i].topics) != 0 ||
            a[i].data_length != b[i].data_length || memcmp(a[i].data, b[i].data, a[i].data_length) != 0)
            return false;
    return true;
}

enum pp_error chain_agree_logs(struct chain_poll *poll, const struct pp_rpc_filter *filter,
                               const struct pp_chain_log *logs, size_t count)
{
    struct pp_rpc *rpc = poll->contract.rpc;
    size_t current = pp_rpc_current(rpc);
    for (size_t i = 0; i < pp_rpc_endpoints(rpc); i++) {
        struct pp_chain_log *others = NULL;
        size_t other_count = 0;
        if (!poll->agrees[i])
            continue;
        pp_rpc_use(rpc, i);
        enum pp_error error = pp_rpc_logs(rpc, filter, &others, &other_count);
        if (error == PP_OK && (other_count != count || !logs_equal(logs, others, count)))
            error = dispute(poll, current, i, "%zu, %zu entries in the final blocks %" PRIu64 " to %" PRIu64,
                            count, other_count, filter->from, filter->to);
        free(others);
        if (error != PP_OK)
            pp_rpc_judge(rpc, error, 0, 0);
        pp_rpc_use(rpc, current);
        poll->agrees[i] = error == PP_OK;
        if (error == PP_ENDPOINTS_DISAGREE) {
            poll->dispute.is_about_logs = true;
            return dispute_tell(poll);
        }
    }
    dispute_close(poll, current, true);
    return poll->dispute.is_open ? dispute_tell(poll) : PP_OK;
}
