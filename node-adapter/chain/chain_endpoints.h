/* chain_endpoints.h - the endpoints of one pp_rpc: their order, their health, and which one is asked.
 *
 * Pure: no network, no clock. A back-off is counted in turns: an endpoint that failed n times in a row rests for 2^n turns, at
 * most RPC_REST_TURNS_MAX. Source: specs/settlement.md (RPC-012 and following).
 */
#ifndef CHAIN_ENDPOINTS_H
#define CHAIN_ENDPOINTS_H

#include <pp/chain_rpc.h>

#define RPC_REST_TURNS_MAX 64u

struct rpc_endpoint {
    char *url;
    bool is_of_chain; /* it was asked for its chain, and has not failed since */
    struct pp_rpc_endpoint health;
};

struct rpc_endpoints {
    struct rpc_endpoint list[PP_RPC_ENDPOINTS_MAX];
    size_t count;
    size_t current;
};

/* "URL[,URL...]". BAD_CONFIG, NO_MEMORY; then _done is still right. */
PP_MUST_CHECK enum pp_error rpc_endpoints_init(struct rpc_endpoints *all, const char *urls);
void rpc_endpoints_done(struct rpc_endpoints *all);

/* One turn more has passed for those that rest; the first that does not is current, or, when all rest, the one that does so for
 * the shortest time. */
void rpc_endpoints_choose(struct rpc_endpoints *all);
/* The next in order, before the first that was asked comes again; those that rest are passed over unless even they will do.
 * False: there is none. */
bool rpc_endpoints_next(struct rpc_endpoints *all, size_t first, bool even_resting);
void rpc_endpoint_failed(struct rpc_endpoint *endpoint, enum pp_error error);
void rpc_endpoint_answered(struct rpc_endpoint *endpoint, uint64_t took_ms);

#endif
