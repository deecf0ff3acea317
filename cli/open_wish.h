/* open_wish.h - what `open` is asked for: deposit, lanes, caps, and where their nodes answer. */
#ifndef CLI_OPEN_WISH_H
#define CLI_OPEN_WISH_H

#include "answers.h"
#include "options.h"

/* The channel as it is to be, but for payer, signer and number; lanes ascend. Each of `lanes` is NUMBER[:CAP][@URL]; one may go
 * without a cap and gets what the others leave; none given: the lane of the node's terms, with all. Without a URL it is
 * --node's. CLI_OK, or the usage error's status: it is told. */
int cli_open_wish(struct cli *cli, const char *deposit, const struct cli_list *lanes,
                  const struct cli_terms *terms, struct cli_channel *out);

#endif
