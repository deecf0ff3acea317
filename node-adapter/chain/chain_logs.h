/* chain_logs.h - the contract's entries of a range of blocks that concern this node, each held against the chain of headers.
 *
 * Errors: CHAIN_REORG (an entry of a block that is not of the chain being read, or entries that a header's bloom announces and
 *         that did not come: the chain moved, or the node's index is behind), CHAIN_PRUNED (the node lost its old entries),
 *         TOO_MANY (ask for fewer blocks), and those of pp/chain_rpc.h.
 * Source: specs/settlement.md (WATCH-010 and following).
 */
#ifndef CHAIN_LOGS_H
#define CHAIN_LOGS_H

#include "chain/chain_poll.h"

struct chain_batch {
    struct pp_chain_log *logs; /* with their times; free */
    size_t count;
};

/* The filter for everything that the watch wants; topics is its room. */
#define CHAIN_LOGS_TOPICS 8u
struct pp_rpc_filter chain_logs_filter(const struct chain_poll *poll,
                                       struct pp_hash topics[CHAIN_LOGS_TOPICS]);

/* from..to, both included. from above to: none. is_final: the other endpoints must say the same. On an error *out is empty. */
PP_MUST_CHECK enum pp_error chain_logs_read(struct chain_poll *poll, uint64_t from, uint64_t to, bool is_final,
                                            struct chain_batch *out);

#endif
