/* leave.h - leaving together: the node's signed refund of what it has not earned, and release of the rest of the cap.
 *
 * Shape:  DIR/channels/ID/leave-LANE.json holds the node's answer, verified before it is kept.
 * Errors: NODE_DOWN, what the node refuses with; BAD_SIGNATURE and NODE_TOLD_OTHERWISE: not what the pinned operator owes.
 * Source: specs/cli.md (PAYER-006 and following).
 */
#ifndef CLI_LEAVE_H
#define CLI_LEAVE_H

#include "session.h"

/* Verifies what the node signed against the wallet's operator; raises the wallet's R; and compares the release with what the wallet
 * signed and was not refunded. On an error the wallet is not to be stored. */
PP_MUST_CHECK enum pp_error cli_left_take(const struct pp_crypto *crypto, const struct pp_domain *domain,
                                          const struct cli_left *left, struct pp_wallet *wallet,
                                          struct cli_problem *problem);
/* NOT_FOUND: this lane was not left. */
PP_MUST_CHECK enum pp_error cli_leave_read(const struct cli_wallet *wallet, const struct cli_channel *channel,
                                           uint32_t lane, struct cli_left *out, struct cli_problem *problem);
/* The session signs, and writes its log: the refund is in it, and the answer in its file, when this returns OK. */
PP_MUST_CHECK enum pp_error cli_leave_ask(struct cli_session *session, struct cli_left *out,
                                          struct cli_problem *problem);

#endif
