/* chain_recent.h - the headers of the newest blocks, each the parent of the next: what the answers of a turn are held against.
 *
 * A turn asks a node many questions, and the chain may be reorganized between any two. Logs are asked for by range, which is
 * one question, and then held against this chain of hashes: an entry of another block, or a block whose bloom says that there
 * are entries and none came, shows that the answer is of another chain or not whole (WATCH-010, WATCH-011).
 *
 * Shape:  blocks[0..count), ascending without a gap, ending with the latest. At most PP_CHAIN_RECENT_BLOCKS, the newest.
 * Own:    the array is made by the first _follow and dropped by _done.
 * Errors: CHAIN_REORG (the chain moved while it was read: ask again), CHAIN_NONSENSE, and those of pp/chain_rpc.h.
 */
#ifndef CHAIN_RECENT_H
#define CHAIN_RECENT_H

#include <pp/chain_rpc.h>

struct chain_recent_block {
    struct pp_chain_block block;
    bool is_vetted; /* its bloom says that there is nothing here for us, or it was looked into */
};

struct chain_recent {
    struct chain_recent_block *blocks;
    size_t count;
};

void chain_recent_done(struct chain_recent *recent);

/* Does the header say that the block has any entries? Some chains write no bloom, or one of nothing but ones. */
bool chain_recent_has_entries(const struct pp_rpc_block *block);
/* Does it say that there may be some of this filter's contract and topics? */
bool chain_recent_announces(const struct pp_rpc_filter *filter, const struct pp_rpc_block *block);

/* Follows the parents of `latest` down to what is held, or to `finalized`, which must be among its ancestors. The filter says
 * whose entries the blooms are looked at for. */
PP_MUST_CHECK enum pp_error chain_recent_follow(struct chain_recent *recent, struct pp_rpc *rpc,
                                                const struct pp_rpc_filter *filter,
                                                const struct pp_rpc_block *latest,
                                                const struct pp_chain_block *finalized);
/* NULL: not held. */
struct chain_recent_block *chain_recent_find(const struct chain_recent *recent, uint64_t number);
/* Forgets the blocks up to `number`. */
void chain_recent_forget(struct chain_recent *recent, uint64_t number);

#endif
