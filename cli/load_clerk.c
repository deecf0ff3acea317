#include "load_clerk.h"

#include <pp/assert.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

struct load_clerk {
    struct pp_node *node;
    const struct load_round *round;
    pthread_t thread;
    bool is_started;
    pthread_mutex_t lock;
    pthread_cond_t work, idle;
    bool ends, is_busy;
    /* under the lock */
    uint32_t *lanes; /* whose roots are wanted: a ring of room */
    uint32_t lanes_first, lanes_count;
    struct load_rooted *rooted; /* answered: the same room */
    uint32_t rooted_first, rooted_count;
    uint32_t room;
    uint64_t *tickets; /* in the order of their answers */
    size_t tickets_done, tickets_count, tickets_room;
    uint64_t stored, failed;
    /* the thread's own */
    struct pp_hash scratch[PP_LEAVES_MAX];
};

/* ---- the thread ---- */

static bool has_work(const struct load_clerk *clerk)
{
    return clerk->lanes_count > 0 || clerk->tickets_done < clerk->tickets_count;
}

static void root_do(struct load_clerk *clerk)
{
    const uint32_t lane = clerk->lanes[clerk->lanes_first];
    struct pp_session_root root;
    struct pp_session_status status;
    struct pp_refusal refusal;
    clerk->lanes_first = (clerk->lanes_first + 1) % clerk->room;
    clerk->lanes_count--;
    pthread_mutex_unlock(&clerk->lock);
    enum pp_error error =
        load_root_make(clerk->round->traffic, lane, &clerk->round->tails[lane], clerk->scratch, &root);
    if (error == PP_OK)
        error = pp_node_session_sign(clerk->node, &root, &status, &refusal);
    const uint64_t answered_ns = load_now_ns();
    pthread_mutex_lock(&clerk->lock);
    clerk->rooted[(clerk->rooted_first + clerk->rooted_count++) % clerk->room] =
        (struct load_rooted){lane, error, answered_ns};
}

static void tickets_do(struct load_clerk *clerk)
{
    const size_t first = clerk->tickets_done;
    size_t count = clerk->tickets_count - first;
    struct pp_receipt receipt;
    if (count > PP_LEAVES_MAX)
        count = PP_LEAVES_MAX;
    clerk->tickets_done += count;
    pthread_mutex_unlock(&clerk->lock);
    const enum pp_error error = pp_node_commit(clerk->node, clerk->tickets + first, count, &receipt);
    pthread_mutex_lock(&clerk->lock);
    clerk->stored += error == PP_OK ? count : 0;
    clerk->failed += error == PP_OK ? 0 : count;
}

static void *clerk_main(void *context)
{
    struct load_clerk *clerk = context;
    prctl(PR_SET_NAME, "load-clerk", 0, 0, 0);
    pthread_mutex_lock(&clerk->lock);
    while (!clerk->ends) {
        if (!has_work(clerk)) {
            clerk->is_busy = false;
            pthread_cond_signal(&clerk->idle);
            pthread_cond_wait(&clerk->work, &clerk->lock);
            continue;
        }
        clerk->is_busy = true;
        if (clerk->lanes_count > 0) /* a lane waits for it; nobody waits for a ticket */
            root_do(clerk);
        else
            tickets_do(clerk);
    }
    pthread_mutex_unlock(&clerk->lock);
    return NULL;
}

/* ---- the sender's side ---- */

void load_clerk_root(struct load_clerk *clerk, uint32_t lane)
{
    pthread_mutex_lock(&clerk->lock);
    PP_ASSERT(clerk->lanes_count < clerk->room);
    clerk->lanes[(clerk->lanes_first + clerk->lanes_count++) % clerk->room] = lane;
    pthread_cond_signal(&clerk->work);
    pthread_mutex_unlock(&clerk->lock);
}

bool load_clerk_next(struct load_clerk *clerk, struct load_rooted *out)
{
    pthread_mutex_lock(&clerk->lock);
    const bool found = clerk->rooted_count > 0;
    if (found) {
        *out = clerk->rooted[clerk->rooted_first];
        clerk->rooted_first = (clerk->rooted_first + 1) % clerk->room;
        clerk->rooted_count--;
    }
    pthread_mutex_unlock(&clerk->lock);
    return found;
}

void load_clerk_tickets(struct load_clerk *clerk, const uint64_t *tickets, uint32_t count)
{
    pthread_mutex_lock(&clerk->lock);
    for (uint32_t i = 0; i < count; i++) {
        if (tickets[i] == 0)
            continue;
        PP_ASSERT(clerk->tickets_count < clerk->tickets_room);
        clerk->tickets[clerk->tickets_count++] = tickets[i];
    }
    pthread_cond_signal(&clerk->work);
    pthread_mutex_unlock(&clerk->lock);
}

void load_clerk_finish(struct load_clerk *clerk, struct load_tally *tally)
{
    struct timespec used = {0, 0};
    clockid_t clock;
    pthread_mutex_lock(&clerk->lock);
    while (has_work(clerk) || clerk->is_busy)
        pthread_cond_wait(&clerk->idle, &clerk->lock);
    tally->tickets_stored += clerk->stored;
    tally->tickets_failed += clerk->failed;
    if (pthread_getcpuclockid(clerk->thread, &clock) == 0)
        (void)clock_gettime(clock, &used);
    tally->sender_cpu_ns += (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
    pthread_mutex_unlock(&clerk->lock);
}

/* ---- opening ---- */

static enum pp_error clerk_make(struct load_clerk *clerk)
{
    const struct load_traffic *traffic = clerk->round->traffic;
    clerk->room = traffic->lanes_count;
    clerk->lanes = calloc(clerk->room, sizeof *clerk->lanes);
    clerk->rooted = calloc(clerk->room, sizeof *clerk->rooted);
    if (traffic->shape.charges)
        clerk->tickets_room = (size_t)traffic->count * traffic->shape.stamps;
    clerk->tickets = calloc(clerk->tickets_room + 1, sizeof *clerk->tickets);
    if (!clerk->lanes || !clerk->rooted || !clerk->tickets)
        return PP_NO_MEMORY;
    if (pthread_create(&clerk->thread, NULL, clerk_main, clerk) != 0)
        return PP_SYSTEM;
    clerk->is_started = true;
    return PP_OK;
}

enum pp_error load_clerk_open(struct pp_node *node, const struct load_round *round, struct load_clerk **out)
{
    struct load_clerk *clerk = calloc(1, sizeof *clerk);
    if (!clerk)
        return PP_NO_MEMORY;
    clerk->node = node;
    clerk->round = round;
    pthread_mutex_init(&clerk->lock, NULL);
    pthread_cond_init(&clerk->work, NULL);
    pthread_cond_init(&clerk->idle, NULL);
    const enum pp_error error = clerk_make(clerk);
    if (error == PP_OK)
        *out = clerk;
    else
        load_clerk_close(clerk);
    return error;
}

void load_clerk_close(struct load_clerk *clerk)
{
    if (!clerk)
        return;
    if (clerk->is_started) {
        pthread_mutex_lock(&clerk->lock);
        clerk->ends = true;
        pthread_cond_signal(&clerk->work);
        pthread_mutex_unlock(&clerk->lock);
        pthread_join(clerk->thread, NULL);
    }
    pthread_cond_destroy(&clerk->idle);
    pthread_cond_destroy(&clerk->work);
    pthread_mutex_destroy(&clerk->lock);
    free(clerk->lanes);
    free(clerk->rooted);
    free(clerk->tickets);
    free(clerk);
}
