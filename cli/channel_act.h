/* channel_act.h - what a payer may ask of the escrow beside opening, topping up and closing: one action, one call.
 *
 * Shape:  a table of actions (channel_act.c). Whether one is due follows from the chain's state alone, so a command that was killed
 *         and run again does it once; what an earlier run decided is carried to its end first (PAYER-001).
 * Source: specs/cli.md (PAYER-020 and following), specs/chain.md.
 */
#ifndef CLI_CHANNEL_ACT_H
#define CLI_CHANNEL_ACT_H

#include "chain_send.h"
#include "options.h"
#include "output.h"

struct cli_channel_act {
    struct cli *cli;
    const char *action;  /* as typed */
    const char *channel; /* NULL: the only one */
    const char *amount;  /* NULL: none */
    uint64_t lane;       /* 0: the only one */
    uint64_t index;
    bool has_index, dry;
    struct cli_payer_options payer;
};

/* Returns the exit status; all was told. */
int cli_channel_act(struct cli_channel_act *act);
/* For the help: a line each. */
extern const char *const cli_channel_actions_help;

#endif
