/* load_payers.h - the channels that pay for a load over HTTP: every one of the given wallet folders that has the node's lane.
 *
 * The money is real. What is to be signed is reserved in the wallets, and on disk (LOG-001, the wallet alone: who sends no
 * envelope that anybody waits for needs no list of them), before the first request leaves. Afterwards the node's view is taken:
 * what it did not consume may be signed again.
 * Own:    the lanes' logs are locked until _close, which wipes the signers.
 * Errors: told to the user; functions that return false set *out_status, or *problem.
 */
#ifndef CLI_LOAD_PAYERS_H
#define CLI_LOAD_PAYERS_H

#include "load_traffic.h"
#include "session.h"

#define LOAD_CHANNELS_MAX 64u /* each opens a log and a key */

struct load_payers {
    struct cli *cli;
    struct cli_session *sessions; /* count */
    struct load_lane *lanes;      /* count */
    uint32_t count;
};

struct load_payers_config {
    const char *const *folders; /* at least one */
    size_t folders_count;
    const struct cli_list *channels; /* ids or beginnings of ids; none: all */
    const struct cli_terms *terms;   /* of the node */
    const char *max_price;
};

bool load_payers_open(struct cli *cli, const struct load_payers_config *config, struct load_payers *out,
                      int *out_status);
void load_payers_close(struct load_payers *payers);
/* The node's view of each lane, into the wallets and onto the disk. */
PP_MUST_CHECK enum pp_error load_payers_sync(struct load_payers *payers, struct cli_problem *problem);
/* Of this postage, stamps of which each request has `stamps`: how many requests all lanes can pay, each its turn. */
uint32_t load_payers_affordable(const struct load_payers *payers, struct pp_grains postage, uint32_t stamps);
/* The wallets as they are, onto the disk. */
PP_MUST_CHECK enum pp_error load_payers_keep(struct load_payers *payers);
/* The wallets as they are, with what `traffic` signed, onto the disk. */
PP_MUST_CHECK enum pp_error load_payers_commit(struct load_payers *payers,
                                               const struct load_traffic *traffic);

#endif
