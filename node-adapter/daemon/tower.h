/* tower.h - the daemon's watchtower: over the lanes of its own shards, with a key for gas or without one.
 *
 * Own:    nodes and log must stay until _close.
 * Errors: those of pp/chain_tower.h, and of the key file.
 * Source: specs/watchtower.md (TOWER-020 and following), specs/http.md (HTTP-090).
 */
#ifndef PP_DAEMON_TOWER_H
#define PP_DAEMON_TOWER_H

#include "daemon/config.h"

#include <pennypost.h>
#include <pp/chain_tower.h>
#include <pp/log.h>
#include <pp/sign.h>

struct pp_daemon_tower;

/* One shard of the daemon. */
struct pp_daemon_tower_shard {
    struct pp_node *node;
    uint32_t lane;
};

/* *out is NULL with tower = off. */
PP_MUST_CHECK enum pp_error
pp_daemon_tower_open(const struct pp_daemon_config *config, const struct pp_crypto *crypto,
                     const struct pp_domain *domain, const struct pp_daemon_tower_shard *shards, size_t count,
                     struct pp_log *log, struct pp_daemon_tower **out, char out_reason[PP_CONFIG_REASON_MAX]);
void pp_daemon_tower_close(struct pp_daemon_tower *tower);
/* Any thread. False: there is none. */
bool pp_daemon_tower_status(struct pp_daemon_tower *tower, struct pp_tower_status *out);

#endif
