#include "load_signals.h"

#include <pthread.h>
#include <time.h>

#define LOOK_NS 20000000 /* how long a thread's end may go unnoticed */

static void set_make(sigset_t *out)
{
    sigemptyset(out);
    sigaddset(out, SIGINT);
    sigaddset(out, SIGTERM);
}

void load_signals_block(sigset_t *out_before)
{
    sigset_t signals;
    set_make(&signals);
    pthread_sigmask(SIG_BLOCK, &signals, out_before);
}

void load_signals_restore(const sigset_t *before)
{
    const struct timespec now = {0, 0};
    sigset_t signals;
    set_make(&signals);
    while (sigtimedwait(&signals, NULL, &now) > 0)
        ;
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

void load_signals_watch(const _Atomic unsigned *running, _Atomic bool *stop)
{
    const struct timespec look = {.tv_nsec = LOOK_NS};
    sigset_t signals;
    set_make(&signals);
    while (atomic_load(running) > 0)
        if (sigtimedwait(&signals, NULL, &look) > 0)
            atomic_store(stop, true);
}
