/* The lock of the ledger, where it is held for a microsecond and asked for a hundred thousand times a second: to sleep and to be
 * woken costs several times the hold, on both sides. So it is tried for a while first. Who tries does not count as waiting, so
 * that a writer that tries keeps no reader out; one that tried in vain waits, and then goes before the readers. */
#include "engine/node.h"

#include <pp/assert.h>

#define TRIES 256u /* some microseconds: a few holds */

static void pause_a_moment(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

void pp_state_lock_shared(struct pp_node *node)
{
    for (unsigned i = 0; i < TRIES; i++) {
        if (pthread_rwlock_tryrdlock(&node->state) == 0)
            return;
        pause_a_moment();
    }
    int status = pthread_rwlock_rdlock(&node->state);
    PP_ASSERT(status == 0);
}

void pp_state_lock(struct pp_node *node)
{
    for (unsigned i = 0; i < TRIES; i++) {
        if (pthread_rwlock_trywrlock(&node->state) == 0)
            return;
        pause_a_moment();
    }
    int status = pthread_rwlock_wrlock(&node->state);
    PP_ASSERT(status == 0);
}

void pp_state_unlock(struct pp_node *node)
{
    int status = pthread_rwlock_unlock(&node->state);
    PP_ASSERT(status == 0);
}
