#include <pp/chain_watch.h>

#include "chain/chain_poll.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define POLL_MS_DEFAULT 2000u
#define LANES_DEFAULT 65536u

struct pp_chain_watch {
    struct chain_poll poll;
    char *rpc_url;
    char *mark_path;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;
    bool stopping;
    struct pp_chain_watch_status status;
    enum pp_error told; /* the watch's thread only: the trouble that the owner knows of */
};

static void trouble(struct pp_chain_watch *watch, enum pp_error error, const char *reason)
{
    if (watch->told == error)
        return;
    watch->told = error;
    if (watch->poll.config.trouble)
        watch->poll.config.trouble(watch->poll.config.context, error, reason);
}

/* Told when it begins to fail and when it answers again. */
static void endpoints_after(struct pp_chain_watch *watch)
{
    const struct pp_rpc *rpc = watch->poll.contract.rpc;
    struct pp_chain_watch_status *status = &watch->status;
    struct pp_rpc_endpoint changed[PP_RPC_ENDPOINTS_MAX];
    size_t changed_count = 0;
    pthread_mutex_lock(&watch->lock);
    status->endpoint_count = pp_rpc_endpoints(rpc);
    for (size_t i = 0; i < status->endpoint_count; i++) {
        struct pp_rpc_endpoint now;
        pp_rpc_endpoint(rpc, i, &now);
        if (now.error != status->endpoints[i].error)
            changed[changed_count++] = now;
        status->endpoints[i] = now;
    }
    bool tells = watch->poll.config.endpoint && status->endpoint_count > 1 && !watch->stopping;
    pthread_mutex_unlock(&watch->lock);
    for (size_t i = 0; tells && i < changed_count; i++)
        watch->poll.config.endpoint(watch->poll.config.context, &changed[i]);
}

static void status_after(struct pp_chain_watch *watch, enum pp_error error, const char *reason)
{
    struct pp_chain_watch_status *status = &watch->status;
    pthread_mutex_lock(&watch->lock);
    status->error = error;
    status->turns++;
    status->failures = error == PP_OK ? 0 : status->failures + 1;
    memcpy(status->reason, reason, strlen(reason) + 1);
    status->timers = watch->poll.timers;
    status->token = watch->poll.token;
    if (error == PP_OK) {
        status->latest = watch->poll.latest;
        status->finalized = watch->poll.finalized;
        status->ready = true;
    }
    pthread_mutex_unlock(&watch->lock);
}

/* False: time to stop. */
static bool rest(struct pp_chain_watch *watch)
{
    struct timespec until;
    pthread_mutex_lock(&watch->lock);
    uint32_t wait_ms = chain_poll_wait_ms(watch->poll.config.poll_ms, watch->status.failures);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    while (!watch->stopping && pthread_cond_timedwait(&watch->wake, &watch->lock, &until) == 0)
        continue;
    bool go_on = !watch->stopping;
    pthread_mutex_unlock(&watch->lock);
    return go_on;
}

static void *run(void *context)
{
    struct pp_chain_watch *watch = context;
    do {
        enum pp_error error = chain_poll_turn(&watch->poll);
        char reason[PP_RPC_TEXT_MAX] = "";
        if (error != PP_OK) {
            const char *words = pp_rpc_reason(watch->poll.contract.rpc);
            memcpy(reason, words, strlen(words) + 1);
        }
        status_after(watch, error, reason);
        endpoints_after(watch);
        pthread_mutex_lock(&watch->lock);
        bool stopping = watch->stopping;
        pthread_mutex_unlock(&watch->lock);
        if (!stopping)
            trouble(watch, error, reason);
    } while (rest(watch));
    return NULL;
}

static void watch_free(struct pp_chain_watch *watch)
{
    free(watch->rpc_url);
    free(watch->mark_path);
    free(watch);
}

static enum pp_error watch_make(const struct pp_chain_watch_config *config, struct pp_chain_watch *watch)
{
    struct pp_chain_watch_config own = *config;
    bool started_anew = false;
    watch->rpc_url = config->rpc_url ? strdup(config->rpc_url) : NULL;
    watch->mark_path = config->mark_path ? strdup(config->mark_path) : NULL;
    if (!watch->rpc_url)
        return config->rpc_url ? PP_NO_MEMORY : PP_BAD_CONFIG;
    if (config->mark_path && !watch->mark_path)
        return PP_NO_MEMORY;
    own.rpc_url = watch->rpc_url;
    own.mark_path = watch->mark_path;
    own.poll_ms = config->poll_ms ? config->poll_ms : POLL_MS_DEFAULT;
    own.lanes_max = config->lanes_max ? config->lanes_max : LANES_DEFAULT;
    PP_TRY(chain_poll_init(&watch->poll, &own, &started_anew));
    if (started_anew && own.trouble)
        own.trouble(own.context, PP_CORRUPT,
                    "the stored mark is damaged; everything is read from the chain again");
    return PP_OK;
}

static enum pp_error thread_start(struct pp_chain_watch *watch)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return PP_SYSTEM;
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    bool made = pthread_cond_init(&watch->wake, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    if (!made)
        return PP_SYSTEM;
    pthread_mutex_init(&watch->lock, NULL);
    if (pthread_create(&watch->thread, NULL, run, watch) == 0)
        return PP_OK;
    pthread_mutex_destroy(&watch->lock);
    pthread_cond_destroy(&watch->wake);
    return PP_SYSTEM;
}

enum pp_error pp_chain_watch_open(const struct pp_chain_watch_config *config, struct pp_chain_watch **out)
{
    struct pp_chain_watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return PP_NO_MEMORY;
    enum pp_error error = watch_make(config, watch);
    if (error == PP_OK) {
        error = thread_start(watch);
        if (error != PP_OK)
            chain_poll_done(&watch->poll);
    }
    if (error != PP_OK) {
        watch_free(watch);
        return error;
    }
    *out = watch;
    return PP_OK;
}

void pp_chain_watch_close(struct pp_chain_watch *watch)
{
    if (!watch)
        return;
    pthread_mutex_lock(&watch->lock);
    watch->stopping = true;
    pthread_cond_signal(&watch->wake);
    pthread_mutex_unlock(&watch->lock);
    pp_rpc_interrupt(watch->poll.contract.rpc);
    pthread_join(watch->thread, NULL);
    pthread_mutex_destroy(&watch->lock);
    pthread_cond_destroy(&watch->wake);
    chain_poll_done(&watch->poll);
    watch_free(watch);
}

void pp_chain_watch_status(struct pp_chain_watch *watch, struct pp_chain_watch_status *out)
{
    pthread_mutex_lock(&watch->lock);
    *out = watch->status;
    pthread_mutex_unlock(&watch->lock);
}
