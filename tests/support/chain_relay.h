/* chain_relay.h - passes questions on to the test chain, counts them, lies where it is told to, and kills the asker at one of
 * them.
 *
 * Threads: the relay answers on a thread of its own.
 */
#ifndef CHAIN_RELAY_H
#define CHAIN_RELAY_H

#include "fake_rpc.h"
#include "payer_world.h"

#include <stdatomic.h>

struct chain_relay {
    struct payer_world *world;
    struct pp_fake_rpc *rpc;
    const char *url;
    atomic_uint questions;
    atomic_uint kill_at; /* 0: never */
    atomic_int victim;
    const char *lie_to; /* calls whose data begin so ... */
    const char *lie;    /* ... are answered with this JSON */
};

void chain_relay_start(struct chain_relay *relay, struct payer_world *w);
void chain_relay_stop(struct chain_relay *relay);
/* Runs the command, with --rpc of the relay, and kills it at its nth question. A transaction reaches the chain before the kill, any
 * other question does not: its asker has taken all answers before it. False: it ended before, and well. */
bool chain_relay_killed(struct chain_relay *relay, unsigned question, const char *const *arguments);

#endif
