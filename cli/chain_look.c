#include "chain_look.h"

#include <pp/chain_rpc.h>

#define RESULT_MAX 512u

struct look {
    struct pp_rpc *rpc;
    const struct cli_channel *channel;
    uint32_t lane;
    uint64_t block;
};

static enum pp_error view_call(const struct look *look, const struct pp_writer *call, uint8_t out[RESULT_MAX],
                               size_t *out_length)
{
    struct pp_writer w = *call;
    size_t length;
    PP_TRY(pp_writer_finish(&w, &length));
    const struct pp_rpc_call request = {
        .to = look->channel->contract, .data = call->bytes, .data_length = length, .at = look->block};
    return pp_rpc_call(look->rpc, &request, out, RESULT_MAX, out_length);
}

/* Both at one block, or they could disagree. */
static enum pp_error look_take(const struct look *look, struct cli_chain_look *out)
{
    uint8_t call[128], result[RESULT_MAX];
    struct pp_writer w;
    size_t length;
    pp_writer_init(&w, call, sizeof call);
    pp_abi_write_call_hash(&w, PP_ABI_CHANNEL_OF, look->channel->id.bytes);
    PP_TRY(view_call(look, &w, result, &length));
    PP_TRY(pp_abi_read_channel(result, length, &out->channel));
    pp_writer_init(&w, call, sizeof call);
    pp_abi_write_lane_of(&w, &look->channel->id, look->lane);
    PP_TRY(view_call(look, &w, result, &length));
    return pp_abi_read_lane(result, length, &out->lane);
}

enum pp_error cli_chain_look(const char *rpc_url, const struct cli_channel *channel, uint32_t lane,
                             struct cli_chain_look *out, struct cli_problem *problem)
{
    struct look look = {.channel = channel, .lane = lane};
    struct pp_rpc_block block;
    struct cli_chain_look seen = {.block_number = 0};
    enum pp_error error = pp_rpc_open(rpc_url, 0, &look.rpc);
    if (error != PP_OK)
        return cli_problem_set(problem, error, "the address of the chain's node");
    error = pp_rpc_expect_chain(look.rpc, channel->chain_id);
    if (error == PP_OK)
        error = pp_rpc_block(look.rpc, PP_RPC_LATEST, &block);
    if (error == PP_OK) {
        look.block = seen.block_number = block.block.number;
        seen.block_time_s = block.block.time_s;
        error = look_take(&look, &seen);
    }
    if (error == PP_OK)
        *out = seen;
    else
        cli_problem_set(problem, error, "the chain: %s", pp_rpc_reason(look.rpc));
    pp_rpc_close(look.rpc);
    return error;
}

const char *cli_chain_state_name(enum pp_channel_chain_state state)
{
    static const char *const names[] = {"NONE", "OPEN", "CLOSING", "CLOSED"};
    return (unsigned)state < sizeof names / sizeof names[0] ? names[state] : "?";
}
