/* payer_world.h - a chain with the contracts, the daemon of node 5, and a payer with keys and tokens.
 *
 * Shape:  node 5 writes lane 1280. payers[0..2] are accounts[1..3] of the chain, with a million test dollars each.
 * Own:    everything ends with the test, whatever happens.
 */
#ifndef PAYER_WORLD_H
#define PAYER_WORLD_H

#include "anvil.h"
#include "cli_run.h"
#include "pp_fixture.h"

#define PAYER_WORLD_LANE (PP_ANVIL_NODE << 8)
#define PAYER_WORLD_PAYERS 3u
#define PAYER_WORLD_TOKENS UINT64_C(1000000000000)

struct payer_world {
    struct pp_temp_dir dir;
    struct pp_anvil anvil;
    struct pp_domain domain;
    char wallet[300], phrase[300], signer_key[300], payer_keys[PAYER_WORLD_PAYERS][300];
    struct pp_address signer;
    struct pp_secret_key operator_key;
    uint64_t passed_s; /* by payer_world_pass */
    const char *shards; /* NULL: one, in the data folder itself */
    const char *more_config; /* lines for the daemon's configuration; NULL: none */
    pid_t node;        /* 0: not running */
    char node_url[64];
};

/* Blocks come with transactions, and are final at once. */
void payer_world_make(struct payer_world *w);
/* With a limit on the payouts of an epoch. */
void payer_world_make_limited(struct payer_world *w, uint64_t payout_limit);
void payer_world_done(struct payer_world *w);
/* From now on a block comes every second: the node's view stays fresh. */
void payer_world_blocks_flow(struct payer_world *w);
/* pennypostd, ready to take requests. */
void payer_world_node_start(struct payer_world *w);
void payer_world_node_stop(struct payer_world *w);

/* Moves the chain's and the daemon's time forward, four blocks. */
void payer_world_pass(struct payer_world *w, uint64_t seconds);

/* Runs a verb with --wallet, --rpc, --node (when there is one), --passphrase-file, --json, and --payer-key of payers[0] where
 * the verb takes it. An option given in arguments comes instead. */
json_t *payer_run(struct payer_world *w, int expected_status, const char *const *arguments);
#define PAYER_RUN(w, expected, ...) payer_run(w, expected, (const char *const[]){__VA_ARGS__, NULL})
json_t *payer_run_any(struct payer_world *w, int *out_status, const char *const *arguments);
/* The same as a process of its own. */
pid_t payer_spawn(struct payer_world *w, const char *const *arguments);
#define PAYER_SPAWN(w, ...) payer_spawn(w, (const char *const[]){__VA_ARGS__, NULL})

/* A word of a contract's answer, as a number. */
uint64_t payer_world_nonce(const struct payer_world *w, unsigned payer);
struct pp_chain_channel payer_world_channel(const struct payer_world *w, const struct pp_channel_id *id);
struct pp_chain_lane payer_world_lane(const struct payer_world *w, const struct pp_channel_id *id);

#endif
