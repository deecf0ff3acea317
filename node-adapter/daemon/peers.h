/* daemon/peers.h - the other operators: who they are, from a file, and pulling what they publish.
 *
 * Shape:  {"peers":[{"node_id", "shard", "operator":"0x...", "url":"http://HOST:PORT"}, ...]}, one entry a lane. What is
 *         held of them stands in DATA_DIR/peers.
 * Own:    the crypto, the domain and the log are the caller's, until _close.
 * Errors: BAD_CONFIG with the file and the field; those of evidence/replica_store.h and evidence/puller.h.
 * Source: specs/evidence.md (EVID-077, EVID-078).
 */
#ifndef PP_DAEMON_PEERS_H
#define PP_DAEMON_PEERS_H

#include "daemon/config.h"

#include "evidence/puller.h"

struct pp_daemon_peers;

#define PP_DAEMON_PEERS_DIR "peers" /* in data_dir */

/* NULL in *out when the configuration names no file. key: signs acknowledgements; the caller's, until _close. */
PP_MUST_CHECK enum pp_error pp_daemon_peers_open(const struct pp_daemon_config *config,
                                                 const struct pp_node_config *node,
                                                 const struct pp_crypto *crypto, struct pp_log *log,
                                                 struct pp_daemon_peers **out,
                                                 char out_reason[PP_CONFIG_REASON_MAX]);
/* Who must hold a stamp before it earns: the peers' operators, each once; *out is the caller's (free), NULL when nobody is waited
 * for. BAD_CONFIG. */
PP_MUST_CHECK enum pp_error pp_daemon_peers_operators(const struct pp_daemon_config *config,
                                                      struct pp_node_operator **out, size_t *out_count,
                                                      char out_reason[PP_CONFIG_REASON_MAX]);
void pp_daemon_peers_close(struct pp_daemon_peers *peers);
/* NULL: nothing is held. */
struct pp_replica_store *pp_daemon_peers_store(const struct pp_daemon_peers *peers);

struct pp_puller *pp_daemon_peers_puller(const struct pp_daemon_peers *peers);
const struct pp_peer *pp_daemon_peers_list(const struct pp_daemon_peers *peers, size_t *out_count);

/* The file by itself; *out is the caller's (free). */
PP_MUST_CHECK enum pp_error pp_daemon_peers_load(const char *path, uint32_t own_node_id, struct pp_peer **out,
                                                 size_t *out_count, char out_reason[PP_CONFIG_REASON_MAX]);

#endif
