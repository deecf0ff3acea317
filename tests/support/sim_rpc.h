/* sim_rpc.h - JSON-RPC over a simulated chain: what a node answers that shows this view of it. */
#ifndef SIM_RPC_H
#define SIM_RPC_H

#include "sim_chain.h"

/* The whole answer, as text; the caller frees it. A question that no node has fails the test. out_method: borrowed from the
 * table of methods. */
char *sim_rpc_answer(struct sim_chain *chain, const struct sim_view *view, const char *question,
                     const char **out_method);

#endif
