/* sim_network.h - the way to a simulated chain: its nodes answer JSON-RPC, and the network between loses, delays, doubles,
 * mixes up and spoils. It is a carrier (pp/chain_rpc.h): what the product asks of HTTP it asks of this.
 *
 * A question takes virtual time, in which blocks come. Faults come by the seed, as often as the weather says.
 */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include "sim_chain.h"

#include <pp/chain_rpc.h>

/* X(name): what may happen to a question. */
#define SIM_FAULTS(X)                                                                                        \
    X(QUESTION_LOST)                                                                                         \
    X(ANSWER_LOST)                                                                                           \
    X(LATE)     /* just within the time limit */                                                             \
    X(DOUBLED)  /* the node gets it twice */                                                                 \
    X(MIXED_UP) /* the answer to an earlier question */                                                      \
    X(CUT)      /* an answer that ends too early */                                                          \
    X(SPOILED)  /* a byte of it is another one */                                                            \
    X(HTML)                                                                                                  \
    X(BUSY)  /* 429, 503 */                                                                                  \
    X(STALE) /* from a node that is blocks behind */                                                         \
    X(SIDE)  /* from a node that still follows a branch that lost */
enum sim_fault {
#define X(name) SIM_##name,
    SIM_FAULTS(X)
#undef X
        SIM_FAULT_COUNT,
};
const char *sim_fault_name(enum sim_fault fault);

struct sim_network {
    struct sim_chain *chain;
    struct pp_rng rng;
    unsigned faults_per_mille[SIM_FAULT_COUNT];
    bool calm; /* no faults */
    bool cut;  /* nothing gets through: whoever asks is dead */
    uint64_t rtt_ms, timeout_ms;
    char *earlier; /* answer */
    unsigned happened[SIM_FAULT_COUNT];
    unsigned questions;
    /* Called when a question has arrived and its answer is not yet on its way; may set cut. NULL: nobody cares. */
    void (*arrived)(void *context, const char *method);
    void *context;
};

void sim_network_init(struct sim_network *network, struct sim_chain *chain, uint64_t seed);
void sim_network_done(struct sim_network *network);
/* pp_rpc_carrier.carry, with a struct sim_network as its context. */
void sim_network_carry(void *context, const char *url, const char *question, struct pp_rpc_reply *out);

#endif
