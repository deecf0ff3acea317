/* daemon/epochs.h - the daemon's part in agreeing on reports: its lanes and its peers', the chain's terms, and the log.
 *
 * Own:    what the configuration names is the daemon's, until _close.
 * Errors: BAD_CONFIG (a lane twice), those of epoch/council.h.
 * Source: specs/epochs.md.
 */
#ifndef PP_DAEMON_EPOCHS_H
#define PP_DAEMON_EPOCHS_H

#include "daemon/peers.h"

#include "epoch/council.h"

#include <pennypost_shards.h>

struct pp_daemon_epochs;

struct pp_daemon_epochs_config {
    const struct pp_daemon_config *config;
    const struct pp_node_config *node_config;
    const struct pp_crypto *crypto;
    struct pp_address operator_address;
    struct pp_node *node;     /* keeps the reports: the only one, or shard 0 */
    struct pp_shards *shards; /* NULL: the only one */
    struct pp_daemon_peers *peers;
    struct pp_log *log;
};

/* NULL in *out where there is nobody to agree with, or another process has shard 0. */
PP_MUST_CHECK enum pp_error pp_daemon_epochs_open(const struct pp_daemon_epochs_config *config,
                                                  struct pp_daemon_epochs **out,
                                                  char out_reason[PP_CONFIG_REASON_MAX]);
void pp_daemon_epochs_close(struct pp_daemon_epochs *epochs);
/* NULL: none. */
struct pp_council *pp_daemon_epochs_council(const struct pp_daemon_epochs *epochs);

#endif
