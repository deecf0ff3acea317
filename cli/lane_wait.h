/* lane_wait.h - waiting until a lane's node has seen what the chain has: the channel, and the cap. */
#ifndef CLI_LANE_WAIT_H
#define CLI_LANE_WAIT_H

#include "answers.h"

#define CLI_LANE_STATE_MAX 16u

/* Lane `at` of the channel, until cli_clock_ms says until_ms. out_state: what the node said last; "" when it said nothing.
 * LANE_PENDING when its view stays behind; what the node refuses with; NODE_DOWN. */
PP_MUST_CHECK enum pp_error cli_lane_wait(const struct cli_channel *channel, size_t at, uint64_t until_ms,
                                          char out_state[CLI_LANE_STATE_MAX], struct cli_problem *problem);

#endif
