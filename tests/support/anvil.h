/* anvil.h - a real chain for a test: anvil on a free loopback port, with the contracts and a test dollar deployed.
 *
 * The chain ends with the test, whatever happens. Blocks come one a transaction, and by pp_anvil_mine.
 * finality_blocks: how many blocks the finalized one is behind the latest (0, or an even number).
 */
#ifndef ANVIL_H
#define ANVIL_H

#include <jansson.h>
#include <pp/abi.h>
#include <pp/sign.h>
#include <sys/types.h>

#define PP_ANVIL_ACCOUNTS 6u
#define PP_ANVIL_CHAIN_ID 31337u

struct pp_anvil {
    pid_t pid;
    char url[64];
    struct pp_address accounts[PP_ANVIL_ACCOUNTS]; /* unlocked, rich; 0 deploys and owns */
    struct pp_secret_key keys[PP_ANVIL_ACCOUNTS];
    struct pp_address contract;
    struct pp_address token;
    uint64_t deploy_block;
    uint64_t payout_limit; /* of one epoch, for the deployment; 0: none */
};

void pp_anvil_start(struct pp_anvil *anvil, unsigned finality_blocks);
void pp_anvil_stop(struct pp_anvil *anvil);

/* params: JSON text of an array. The result is the caller's. Fails the test on an error. */
json_t *pp_anvil_rpc(const struct pp_anvil *anvil, const char *method, const char *params);
/* Mines blocks, `seconds` apart. */
void pp_anvil_mine(const struct pp_anvil *anvil, unsigned blocks, unsigned seconds);

/* Timers of the test deployments, in seconds. */
#define PP_ANVIL_EPOCH_S 10u
#define PP_ANVIL_VESTING_S 6u
#define PP_ANVIL_CHALLENGE_S 60u
#define PP_ANVIL_SHARE_BPS 500u

/* Node 5 with this operator key and payee; accounts[1..3] have a million test dollars; treasury is accounts[5]. */
#define PP_ANVIL_NODE 5u
void pp_anvil_deploy(struct pp_anvil *anvil, const struct pp_address *operator_key,
                     const struct pp_address *payee);

/* From an unlocked account; mined when it returns, and must succeed. */
void pp_anvil_send(const struct pp_anvil *anvil, const struct pp_address *from, const struct pp_address *to,
                   const struct pp_writer *data);
struct pp_units pp_anvil_balance(const struct pp_anvil *anvil,
                                 const struct pp_address *owner); /* of the token */

#endif
