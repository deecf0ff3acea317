/* load_clerk.h - a thread beside a sender, for what the engine's interface does only by waiting: roots of sessions, and the
 * committing of tickets, as a host commits what it stored.
 *
 * Own:    used by one sender. What is handed over stays as it is until its answer was taken.
 * Limits: one root a lane, and as many tickets as the round has stamps: both are allocated when it opens.
 */
#ifndef CLI_LOAD_CLERK_H
#define CLI_LOAD_CLERK_H

#include "load_sender.h"

struct load_clerk;

PP_MUST_CHECK enum pp_error load_clerk_open(struct pp_node *node, const struct load_round *round,
                                            struct load_clerk **out);
/* Ends the thread, whatever is left to be done. */
void load_clerk_close(struct load_clerk *clerk);

/* The lane's tail is the clerk's until load_clerk_next told of it. */
void load_clerk_root(struct load_clerk *clerk, uint32_t lane);
/* A root that was answered. false: none was since. */
struct load_rooted {
    uint32_t lane;
    enum pp_error error;
    uint64_t answered_ns;
};
bool load_clerk_next(struct load_clerk *clerk, struct load_rooted *out);

/* Those that are not 0. */
void load_clerk_tickets(struct load_clerk *clerk, const uint64_t *tickets, uint32_t count);
/* Waits until everything that was handed over is done; adds what came of tickets, and the thread's processor time. */
void load_clerk_finish(struct load_clerk *clerk, struct load_tally *tally);

#endif
