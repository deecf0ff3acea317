#include "lane_wait.h"
#include "clock.h"

#include <stdlib.h>

#define PAUSE_MS 200u

static bool is_behind(const struct cli_lane_view *view, const struct cli_channel_lane *lane)
{
    return strcmp(view->state, "PENDING") == 0 || view->cap.raw < lane->cap.raw;
}

static bool may_pass(enum pp_error error, const struct cli_problem *problem)
{
    return error == PP_UNKNOWN_CHANNEL || error == PP_NODE_DOWN || problem->refusal.retry_after_ms > 0;
}

static enum pp_error view_wait(struct cli_exchange *exchange, const struct cli_channel *channel, size_t at,
                               uint64_t until_ms, struct cli_lane_view *view,
                               char out_state[CLI_LANE_STATE_MAX], struct cli_problem *problem)
{
    const struct cli_channel_lane *lane = &channel->lanes[at];
    for (;;) {
        enum pp_error error = cli_lane_view_get(exchange, &channel->id, lane->lane, view, problem);
        if (error == PP_OK)
            memcpy(out_state, view->state, sizeof view->state);
        bool behind = error == PP_OK && is_behind(view, lane);
        if (error == PP_OK && !behind)
            return PP_OK;
        if (!(behind || may_pass(error, problem)) || cli_clock_ms() > until_ms)
            return behind ? cli_problem_set(problem, PP_LANE_PENDING, "the node at %.200s", lane->node_url)
                          : error;
        cli_pause_ms(PAUSE_MS);
    }
}

enum pp_error cli_lane_wait(const struct cli_channel *channel, size_t at, uint64_t until_ms,
                            char out_state[CLI_LANE_STATE_MAX], struct cli_problem *problem)
{
    struct cli_exchange *exchange;
    const char *url = channel->lanes[at].node_url;
    out_state[0] = '\0';
    enum pp_error error = cli_exchange_open(url, &exchange);
    if (error != PP_OK)
        return cli_problem_set(problem, error, "the node's address '%.200s'", url);
    struct cli_lane_view *view = calloc(1, sizeof *view);
    error = view ? view_wait(exchange, channel, at, until_ms, view, out_state, problem)
                 : cli_problem_set(problem, PP_NO_MEMORY, "asking a node");
    free(view);
    cli_exchange_close(exchange);
    return error;
}
