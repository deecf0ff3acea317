/* escrow_act.h - calls to the escrow that are of no channel: an operator's stake, the contract's parameters.
 *
 * Shape:  as channel_act.h: a table of actions, each due or not by the chain's state alone.
 * Source: specs/cli.md (PAYER-020 and following), specs/chain.md.
 */
#ifndef CLI_ESCROW_ACT_H
#define CLI_ESCROW_ACT_H

#include "chain_send.h"
#include "options.h"
#include "output.h"

struct cli_escrow_act {
    struct cli *cli;
    const char *action;
    const char *data_dir; /* of a node: chain, contract and node id are its; or these three: */
    const char *contract;
    uint64_t chain_id, node_id;
    const char *amount;   /* stake */
    struct cli_list sets; /* schedule: NAME=VALUE each */
    bool dry;
    struct cli_payer_options payer;
};

/* verb: "operator" or "admin". Returns the exit status; all was told. */
int cli_escrow_act(const char *verb, struct cli_escrow_act *act);

#endif
