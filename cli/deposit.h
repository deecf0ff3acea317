/* deposit.h - money on its way into the escrow: is it there, may the escrow take it, and what does the chain have now. */
#ifndef CLI_DEPOSIT_H
#define CLI_DEPOSIT_H

#include "chain_send.h"

struct cli_deposit {
    struct pp_address token;
    unsigned decimals;
    struct pp_units amount;
};
/* TOKEN_FUNDS (expected, actual, shortfall) when the payer has less. */
PP_MUST_CHECK enum pp_error cli_deposit_check(const struct cli_payer *payer,
                                              const struct cli_deposit *deposit, struct cli_problem *problem);
/* Lets the escrow take exactly the amount, when it may not yet. *out_hash is zero when nothing was sent. */
PP_MUST_CHECK enum pp_error cli_deposit_approve(struct cli_payer *payer, const struct cli_deposit *deposit,
                                                struct pp_hash *out_hash, struct cli_problem *problem);

/* Deposit and caps of the channel as a block has them; the lanes are those of *channel. */
PP_MUST_CHECK enum pp_error cli_channel_refresh(const struct cli_contract *contract, uint64_t at,
                                                struct cli_channel *channel, struct cli_problem *problem);

/* Sets error, field and the two values, as texts that are copied. Returns the error. */
enum pp_error cli_problem_values(struct cli_problem *problem, enum pp_error error, const char *field,
                                 const char *expected, const char *actual);

#endif
