/* open_wish.h - what `open` is asked for: deposit, lanes, caps, and where their nodes answer. */
#ifndef CLI_OPEN_WISH_H
#define CLI_OPEN_WISH_H

#include "answers.h"
#include "options.h"

/* Which of a node's lanes a signer uses when it is told none: with a channel already one of those that it has, so that the same
 * command finds that channel again though the node got more shards since; else one by its address, so that senders spread
 * over the shards. */
PP_MUST_CHECK enum pp_error cli_lane_choose(const struct cli_wallet *wallet, const struct cli_terms *terms,
                                            const struct pp_address *signer, uint32_t *out);

/* The channel as it is to be, but for payer, signer and number; lanes ascend. Each of `lanes` is NUMBER[:CAP][@URL]; one may go
 * without a cap and gets what the others leave; none given: `lane`, with all. Without a URL it is
 * --node's. CLI_OK, or the usage error's status: it is told. */
int cli_open_wish(struct cli *cli, const char *deposit, const struct cli_list *lanes,
                  const struct cli_terms *terms, uint32_t lane, struct cli_channel *out);

#endif
