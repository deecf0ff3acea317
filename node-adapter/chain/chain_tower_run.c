/* A tower on a thread of its own: a turn, a rest, a turn. */
#include <pp/chain_tower.h>

#include "chain/chain_poll.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define POLL_MS_DEFAULT 2000u

struct pp_tower_run {
    struct pp_tower *tower; /* the thread's */
    void (*trouble)(void *context, enum pp_error error, const char *reason);
    void *context;
    uint32_t poll_ms;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;
    bool stopping;
    uint64_t failures; /* in a row */
    uint64_t rest_ms;  /* when all is well, and nothing is on its way */
    struct pp_tower_status status;
};

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void status_take(struct pp_tower_run *run)
{
    struct pp_tower_status status;
    pp_tower_status_get(run->tower, &status);
    pthread_mutex_lock(&run->lock);
    run->status = status;
    run->failures = status.error == PP_OK ? 0 : run->failures + 1;
    run->rest_ms = pp_tower_rest_ms(run->tower, run->poll_ms);
    pthread_mutex_unlock(&run->lock);
}

/* False: time to stop. */
static bool rest(struct pp_tower_run *run)
{
    struct timespec until;
    pthread_mutex_lock(&run->lock);
    uint64_t wait_ms = run->failures > 0 || run->status.on_way > 0 || !run->status.complete
                           ? chain_poll_wait_ms(run->poll_ms, run->failures)
                           : run->rest_ms;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    while (!run->stopping && pthread_cond_timedwait(&run->wake, &run->lock, &until) == 0)
        continue;
    bool go_on = !run->stopping;
    pthread_mutex_unlock(&run->lock);
    return go_on;
}

static void trouble_tell(struct pp_tower_run *run, enum pp_error *told, enum pp_error error)
{
    if (*told == error)
        return;
    *told = error;
    if (run->trouble)
        run->trouble(run->context, error, pp_tower_reason(run->tower));
}

static void *run_thread(void *context)
{
    struct pp_tower_run *run = context;
    enum pp_error told = PP_OK;
    uint64_t last_ms = now_ms();
    do {
        uint64_t at_ms = now_ms();
        enum pp_error error = pp_tower_turn(run->tower, at_ms - last_ms);
        last_ms = at_ms;
        status_take(run);
        trouble_tell(run, &told, error);
    } while (rest(run));
    return NULL;
}

static enum pp_error thread_start(struct pp_tower_run *run)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return PP_SYSTEM;
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    bool made = pthread_cond_init(&run->wake, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    if (!made)
        return PP_SYSTEM;
    pthread_mutex_init(&run->lock, NULL);
    if (pthread_create(&run->thread, NULL, run_thread, run) == 0)
        return PP_OK;
    pthread_mutex_destroy(&run->lock);
    pthread_cond_destroy(&run->wake);
    return PP_SYSTEM;
}

enum pp_error pp_tower_run_open(const struct pp_tower_config *config, uint32_t poll_ms,
                                void (*trouble)(void *context, enum pp_error error, const char *reason),
                                struct pp_tower_run **out, char out_reason[PP_RPC_TEXT_MAX])
{
    struct pp_tower_run *run = calloc(1, sizeof *run);
    if (!run)
        return PP_NO_MEMORY;
    run->trouble = trouble;
    run->context = config->context;
    run->poll_ms = poll_ms ? poll_ms : POLL_MS_DEFAULT;
    enum pp_error error = pp_tower_open(config, &run->tower, out_reason);
    if (error == PP_OK) {
        pp_tower_status_get(run->tower, &run->status);
        error = thread_start(run);
    }
    if (error != PP_OK) {
        pp_tower_close(run->tower);
        free(run);
        return error;
    }
    *out = run;
    return PP_OK;
}

void pp_tower_run_close(struct pp_tower_run *run)
{
    if (!run)
        return;
    pthread_mutex_lock(&run->lock);
    run->stopping = true;
    pthread_cond_signal(&run->wake);
    pthread_mutex_unlock(&run->lock);
    pp_tower_interrupt(run->tower);
    pthread_join(run->thread, NULL);
    pthread_mutex_destroy(&run->lock);
    pthread_cond_destroy(&run->wake);
    pp_tower_close(run->tower);
    free(run);
}

void pp_tower_run_status(struct pp_tower_run *run, struct pp_tower_status *out)
{
    pthread_mutex_lock(&run->lock);
    *out = run->status;
    pthread_mutex_unlock(&run->lock);
}
