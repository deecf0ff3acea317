/* http_api.h - the sender's API of a node: from requests to calls of libpennypost, and back to answers.
 *
 * Own:     the node, the loop and the clock are the caller's and outlive the API. An exchange's room is one job; buffers
 *          stay until the engine has called back.
 * Threads: everything runs on the loop's thread, but calls that wait for the disk (libuv's pool) and the engine's answers
 *          (its writer thread), which are handed to the loop through a mailbox.
 * Source:  specs/http.md (HTTP-030 to HTTP-067).
 */
#ifndef PP_HTTP_API_H
#define PP_HTTP_API_H

#include "http/http_server.h"

#include <pennypost_shards.h>
#include <pp/chain_rpc.h>
#include <pp/chain_tower.h>

#define PP_HTTP_DELETES_MAX PP_LEAVES_MAX
#define PP_HTTP_TOPIC_PAGE 1000u

struct pp_http_api;
struct pp_replica_store;
struct pp_council;

/* What a watch of the chain has to say; for /v1/status. */
struct pp_http_chain_status {
    enum pp_error error;
    bool ready;
    char reason[PP_RPC_TEXT_MAX];
    struct pp_rpc_endpoint endpoints[PP_RPC_ENDPOINTS_MAX];
    size_t endpoint_count;
};

struct pp_http_api_config {
    struct pp_node *node;
    struct pp_shards *shards; /* NULL: node alone. Else each lane's owner is asked, and node is the first of them */
    const struct pp_node_config *node_config; /* as the node was opened with; read while opening only */
    struct pp_address operator_address;
    struct pp_address token;
    uint8_t token_decimals;
    const char *realm;
    void (*chain_status)(void *context, struct pp_http_chain_status *out); /* may be NULL */
    /* The watchtower's, where there is one; may be NULL. */
    bool (*tower_status)(void *context, struct pp_tower_status *out);
    void *chain_context;
    struct pp_council *council; /* with whom reports are agreed on; NULL: with nobody */
    struct pp_replica_store *replicas; /* what is held of other operators' lanes; NULL: nothing */
};

PP_MUST_CHECK enum pp_error pp_http_api_open(uv_loop_t *loop, const struct pp_http_api_config *config,
                                             struct pp_http_api **out);
/* What the server is opened with. */
struct pp_http_app pp_http_api_app(struct pp_http_api *api);
/* After the server has stopped: closes the mailbox; `closed` may free the API. */
void pp_http_api_close(struct pp_http_api *api, void (*closed)(void *context), void *context);
void pp_http_api_free(struct pp_http_api *api);

#endif
