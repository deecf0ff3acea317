/* chain_look.h - a channel and a lane as the contract has them in the latest block. */
#ifndef CLI_CHAIN_LOOK_H
#define CLI_CHAIN_LOOK_H

#include "cli_problem.h"
#include "wallet_dir.h"

#include <pp/abi.h>

struct cli_chain_look {
    struct pp_chain_channel channel;
    struct pp_chain_lane lane;
    uint64_t block_number, block_time_s;
};

/* CHAIN_WRONG_ID when the node is of another chain than the channel's. */
PP_MUST_CHECK enum pp_error cli_chain_look(const char *rpc_url, const struct cli_channel *channel,
                                           uint32_t lane, struct cli_chain_look *out,
                                           struct cli_problem *problem);
const char *cli_chain_state_name(enum pp_channel_chain_state state);

#endif
