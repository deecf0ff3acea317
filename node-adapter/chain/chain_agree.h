/* chain_agree.h - whether the endpoints of a chain say the same about what is final.
 *
 * One endpoint is read in a turn. Before anything final is taken from it, each other one that does not rest is asked for the
 * block at the finalized height, once for the contract's code, and for the entries of every final range.
 * Errors: ENDPOINTS_DISAGREE, with CONFLICT among the poll's events; whatever else is wrong with another endpoint is noted in
 *         its health and stops nothing.
 * Source: specs/settlement.md (WATCH-020 and following).
 */
#ifndef CHAIN_AGREE_H
#define CHAIN_AGREE_H

#include "chain/chain_poll.h"

/* Another endpoint whose latest block is so much later than the current one's: the current one is behind. */
#define CHAIN_LAG_S_MAX 120u

/* At the beginning of a turn, with poll->latest and poll->finalized. */
PP_MUST_CHECK enum pp_error chain_agree_blocks(struct chain_poll *poll);
/* logs: what the current endpoint gave for the filter, all of it final. */
PP_MUST_CHECK enum pp_error chain_agree_logs(struct chain_poll *poll, const struct pp_rpc_filter *filter,
                                             const struct pp_chain_log *logs, size_t count);

#endif
