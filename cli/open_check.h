/* open_check.h - whether the network is what its nodes say, before a deposit goes there.
 *
 * Errors: CHAIN_WRONG_ID, CONTRACT_MISMATCH, WRONG_DOMAIN (another network's node), UNKNOWN_LANE, NODE_TOLD_OTHERWISE; what a node
 *         or the chain answers. Each in *problem, with both values.
 * Source: specs/cli.md (PAYER-004).
 */
#ifndef CLI_OPEN_CHECK_H
#define CLI_OPEN_CHECK_H

#include "answers.h"
#include "contract.h"

struct cli_open_check {
    struct cli *cli;
    struct cli_wallet *wallet;
    const struct cli_terms *terms;     /* of --node */
    const struct cli_channel *channel; /* as it is to be */
    struct cli_contract *contract;     /* opened by cli_open_check */
    bool *served;                      /* for each lane: its node was asked, and writes it */
    struct cli_problem *problem;
};

/* A node's terms, pinned. */
PP_MUST_CHECK enum pp_error cli_open_terms(struct cli_open_check *check, const char *url,
                                           struct cli_terms *out);
/* The chain answers for this chain id; the contract holds this token, with these decimals; and knows the operator of each lane's
 * node by the key that the node's terms name. */
PP_MUST_CHECK enum pp_error cli_open_check(struct cli_open_check *check);

#endif
