/* sim_chain.h - a chain in virtual time: blocks, a pool, a base fee, numbers of one account, reorganizations down to the
 * finalized block, and branches that compete. What runs on it is the escrow's model (sim_escrow.h).
 *
 * Nothing happens by itself: sim_chain_pass lets time go by, and blocks come as it does. The same seed gives the same chain.
 *
 * Own: the chain owns its blocks and transactions until sim_chain_done; blocks never change, branches share them.
 */
#ifndef SIM_CHAIN_H
#define SIM_CHAIN_H

#include "pp_fixture.h"
#include "sim_escrow.h"

#include <pp/chain_view.h>

#define SIM_BLOCK_TXS_MAX 12u
#define SIM_POOL_MAX 64u
#define SIM_GWEI UINT64_C(1000000000)

/* How this chain behaves. One in zero: never. */
struct sim_profile {
    uint64_t block_ms;       /* between two blocks */
    uint64_t finality;       /* blocks from the latest to the finalized one */
    unsigned reorg_one_in;   /* blocks */
    unsigned surge_one_in;   /* blocks: the base fee a hundredfold, for a while */
    unsigned foreign_one_in; /* blocks: somebody else uses the job's key */
    unsigned
        copied_one_in; /* blocks: anybody sends first what waits in the pool, from an account of its own */
    unsigned forget_one_in; /* blocks: the pool is lost */
    bool has_bloom;         /* in its headers */
    bool pool_is_strict;    /* refuses what is below the base fee; others keep it */
};

struct sim_block;
struct sim_tx {
    struct pp_hash hash;
    bool is_accounts; /* of the job's account, whoever signed it */
    bool is_foreign;  /* not the job's own */
    uint64_t nonce;
    uint64_t most, priority;
    bool to_escrow;
    uint8_t *data;
    size_t length;
    struct sim_wish wish;        /* of a payer */
    const struct sim_block **in; /* the blocks that it is in, of all branches */
    size_t in_count;
    struct sim_tx *next;
};

struct sim_entry {
    struct sim_tx *tx;
    bool succeeded;
    uint64_t gas_used, gas_price;
    uint32_t logs_at, logs_count;
};

struct sim_block {
    struct pp_chain_block block;
    uint64_t base_fee;
    struct sim_entry entries[SIM_BLOCK_TXS_MAX];
    uint32_t entry_count;
    struct pp_chain_log *logs;
    uint32_t log_count;
    struct sim_escrow escrow; /* after it */
    uint64_t account_nonce;
    struct sim_block *older; /* of all that were made */
};

struct sim_branch {
    struct sim_block **blocks; /* by number */
    uint64_t count;
};

struct sim_chain {
    struct sim_terms terms;
    struct pp_address account; /* the job's */
    struct sim_profile profile;
    struct pp_rng rng;
    bool calm; /* no reorganization, no surge, nobody else, nothing forgotten */
    struct sim_branch main, side;
    uint64_t side_until_ms; /* some nodes still follow the side */
    uint64_t final;
    uint64_t time_ms, next_block_ms;
    uint64_t surge_left;
    struct sim_tx *pool[SIM_POOL_MAX];
    size_t pool_count;
    struct sim_tx *txs;
    struct sim_block *made;
    unsigned reorgs, surges, foreigners, copies, deepest;
};

void sim_chain_init(struct sim_chain *chain, const struct sim_terms *terms, const struct pp_address *account,
                    const struct sim_profile *profile, uint64_t seed, uint64_t time_ms);
void sim_chain_done(struct sim_chain *chain);
void sim_chain_pass(struct sim_chain *chain, uint64_t ms);
/* Much time and few blocks; then as many as usual, until the finalized one is young again. */
void sim_chain_skip(struct sim_chain *chain, uint64_t seconds);
/* A payer's transaction, into the pool. */
void sim_chain_wish(struct sim_chain *chain, const struct sim_wish *wish);
/* NULL: taken; else what a node says. */
const char *sim_chain_send(struct sim_chain *chain, const uint8_t *raw, size_t length,
                           struct pp_hash *out_hash);

/* What one node shows: the main branch, an older head, or the side. */
struct sim_view {
    const struct sim_branch *branch;
    uint64_t head, final;
};
struct sim_view sim_chain_view(const struct sim_chain *chain, uint64_t lag, bool side);
/* NULL: the node does not have it. */
const struct sim_block *sim_view_block(const struct sim_view *view, uint64_t number);
const struct sim_block *sim_view_head(const struct sim_view *view);
const struct sim_tx *sim_chain_find(const struct sim_chain *chain, const struct pp_hash *hash);
/* NULL: not mined on this branch. */
const struct sim_block *sim_view_mined(const struct sim_view *view, const struct sim_tx *tx,
                                       size_t *out_entry);
bool sim_chain_pools(const struct sim_chain *chain, const struct sim_tx *tx);
uint64_t sim_chain_pending(const struct sim_chain *chain, const struct sim_view *view);

#endif
