/* daemon.h - pennypostd: a node with its store, its HTTP server and its watch of the chain, in one process.
 *
 * Order:  keys, node (recovers), chain watch, server; "listening ADDRESS:PORT" on standard output; then until a signal.
 *         The stop goes the other way: the server answers what it has taken, the watch ends, the node answers, checkpoints
 *         and closes, the loop must be empty (HTTP-092).
 * Errors: whatever a part says, with the reason in the log. */
#ifndef PP_DAEMON_H
#define PP_DAEMON_H

#include "daemon/config.h"

/* Runs until SIGTERM or SIGINT, or until a fault of the store. */
PP_MUST_CHECK enum pp_error pp_daemon_run(const struct pp_daemon_config *config);

#endif
