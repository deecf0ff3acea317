#include "lane_sync.h"
#include "clock.h"

#include <stdlib.h>

#define AGAIN_MS 200u

/* A node that is starting, or whose view of the chain is behind, is asked again. */
static enum pp_error view_get(const struct cli_lane_sync *sync, struct cli_lane_view *out,
                              struct cli_quote *quote, struct cli_problem *problem)
{
    const struct pp_wallet_config *wallet = &cli_lane_wallet(sync->lane)->config;
    uint64_t until = cli_clock_ms() + sync->patience_ms;
    for (;;) {
        enum pp_error error =
            cli_lane_view_get(sync->exchange, &wallet->channel_id, wallet->lane, out, problem);
        if (error == PP_OK)
            error = cli_quote_get(sync->exchange, sync->node, quote, problem); /* carries the node's clock */
        if (error == PP_OK)
            return PP_OK;
        if ((error != PP_NODE_DOWN && problem->refusal.retry_after_ms == 0) || cli_clock_ms() > until)
            return error;
        cli_pause_ms(AGAIN_MS);
    }
}

static enum pp_error refund_take(const struct cli_lane_sync *sync, const struct cli_lane_view *view,
                                 struct cli_problem *problem)
{
    if (!view->has_refund)
        return PP_OK;
    enum pp_error error = pp_wallet_refund(cli_lane_wallet(sync->lane), sync->crypto, sync->domain,
                                           &view->refund, &view->refund_signature);
    if (error != PP_OK)
        return cli_problem_set(problem, error, "the node's refund of lane %u, against the pinned operator",
                               view->refund.lane);
    return PP_OK;
}

static bool is_open(const struct cli_lane *lane, const struct pp_stamp_id *id)
{
    const struct cli_stamp *stamp = cli_lane_find(lane, id);
    return stamp && stamp->state == CLI_STAMP_SIGNED;
}

/* Whether a stamp of unknown outcome may still be admitted. */
static bool pending_is_live(const struct cli_lane *lane, uint64_t node_now_ms)
{
    for (size_t i = 0; i < cli_lane_pending(lane); i++) {
        const struct cli_signed *request = cli_lane_pending_request(lane, i);
        for (size_t j = 0; j < request->count; j++)
            if (request->leaves[j].not_after_ms > node_now_ms && is_open(lane, &request->ids[j]))
                return true;
    }
    return false;
}

/* SEND-002: stamps that can no longer be admitted, and were not, are settled. */
static void expired_settle(const struct cli_lane_sync *sync)
{
    const struct pp_intervals *used = &cli_lane_wallet(sync->lane)->used;
    for (size_t i = 0; i < cli_lane_pending(sync->lane); i++) {
        const struct cli_signed *request = cli_lane_pending_request(sync->lane, i);
        for (size_t j = 0; j < request->count; j++) {
            struct pp_span span = {.from = request->leaves[j].from};
            if (is_open(sync->lane, &request->ids[j]) && pp_leaf_to(&request->leaves[j], &span.to) == PP_OK &&
                !pp_intervals_is_consumed(used, &span))
                cli_lane_put_refused(sync->lane, &request->ids[j], PP_STAMP_EXPIRED);
        }
    }
}

static enum pp_error line_take(const struct cli_lane_sync *sync, const struct cli_lane_view *view,
                               struct cli_problem *problem)
{
    struct pp_wallet *wallet = cli_lane_wallet(sync->lane);
    bool ahead = pp_grains_lt(wallet->spent, view->head);
    const struct pp_wallet_view told = {.head = view->head,
                                        .holes = view->holes,
                                        .holes_count = view->holes_count,
                                        .voucher = ahead && view->has_voucher ? &view->voucher : NULL};
    struct pp_refusal refusal;
    enum pp_error error = pp_wallet_import(wallet, sync->crypto, sync->domain, &told);
    if (error == PP_OK)
        return PP_OK;
    pp_refusal_init(&refusal, error, "head");
    refusal.expected = pp_value_grains(ahead ? wallet->spent : wallet->receipted);
    refusal.actual = pp_value_grains(view->head);
    return cli_problem_refusal(problem, &refusal,
                               ahead ? "the node's line is above what the signer signed"
                                     : "the node consumed less than it gave receipts for");
}

static enum pp_error view_take(const struct cli_lane_sync *sync, struct cli_lane_view *view,
                               struct cli_problem *problem)
{
    struct cli_quote quote;
    PP_TRY(view_get(sync, view, &quote, problem));
    PP_TRY(refund_take(sync, view, problem));
    if (pending_is_live(sync->lane, quote.quote.issued_ms))
        return PP_OK;
    PP_TRY(line_take(sync, view, problem));
    expired_settle(sync);
    return PP_OK;
}

enum pp_error cli_lane_sync(const struct cli_lane_sync *sync, struct cli_lane_view *out_view,
                            struct cli_problem *problem)
{
    struct cli_lane_view *view = calloc(1, sizeof *view);
    if (!view)
        return cli_problem_set(problem, PP_NO_MEMORY, "the node's view of the lane");
    enum pp_error error = view_take(sync, view, problem);
    if (error == PP_OK && out_view)
        *out_view = *view;
    free(view);
    return error;
}
