/* Queues and threads: submit -> verify threads -> writer. Items are answered by the writer. */
#include "node.h"

#include <pp/assert.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define GATHER_STAMPS 2048u /* so many waiting: the writer need not wait for more */

/* What profilers and `top -H` show. */
void pp_thread_name(const char *name)
{
    (void)prctl(PR_SET_NAME, name, 0, 0, 0);
}

/* ---- items ---- */

/* One block: the item, then what it has per stamp. */
enum pp_error pp_item_make(const struct pp_request *request, struct pp_item **out)
{
    size_t count = request->count;
    size_t per_stamp = sizeof(struct pp_outcome) + sizeof(struct pp_postage) + sizeof(struct pp_stamp_id) +
                       2 * sizeof(enum pp_error);
    struct pp_item *item = malloc(sizeof *item + count * per_stamp);
    if (!item)
        return PP_NO_MEMORY;
    memset(item, 0, sizeof *item);
    uint8_t *at = (uint8_t *)(item + 1);
    item->kind = PP_ITEM_REQUEST;
    item->request = request;
    item->stamps = (uint32_t)count;
    item->outcomes = (struct pp_outcome *)(void *)at;
    at += count * sizeof *item->outcomes;
    item->quoted = (struct pp_postage *)(void *)at;
    at += count * sizeof *item->quoted;
    item->content_errors = (enum pp_error *)(void *)at;
    at += count * sizeof *item->content_errors;
    item->quote_errors = (enum pp_error *)(void *)at;
    at += count * sizeof *item->quote_errors;
    item->ids = (struct pp_stamp_id *)(void *)at;
    *out = item;
    return PP_OK;
}

void pp_item_free(struct pp_item *item)
{
    if (!item)
        return;
    free(item->refusals);
    free(item);
}

static void queue_put(struct pp_item_queue *queue, struct pp_item *item)
{
    item->next = NULL;
    if (queue->last)
        queue->last->next = item;
    else
        queue->first = item;
    queue->last = item;
}

static struct pp_item *queue_take(struct pp_item_queue *queue)
{
    struct pp_item *item = queue->first;
    if (!item)
        return NULL;
    queue->first = item->next;
    if (!queue->first)
        queue->last = NULL;
    return item;
}

/* ---- into the queues ---- */

enum pp_error pp_pipeline_submit(struct pp_node *node, struct pp_item *item)
{
    uint32_t stamps = item->stamps;
    enum pp_error error = PP_OK;
    pthread_mutex_lock(&node->lock);
    if (node->stopping)
        error = PP_SHUTTING_DOWN;
    else if (node->queued_requests >= PP_QUEUE_REQUESTS_MAX || node->queued_stamps + stamps > PP_QUEUE_STAMPS_MAX)
        error = PP_BUSY;
    if (error == PP_OK) {
        node->queued_requests++;
        node->queued_stamps += stamps;
        node->verifying++;
        queue_put(&node->to_verify, item);
        pthread_cond_signal(&node->verify_wake);
    }
    pthread_mutex_unlock(&node->lock);
    return error;
}

void pp_pipeline_reverify(struct pp_node *node, struct pp_item *item)
{
    pthread_mutex_lock(&node->lock);
    node->verifying++;
    queue_put(&node->to_verify, item);
    pthread_cond_signal(&node->verify_wake);
    pthread_mutex_unlock(&node->lock);
}

enum pp_error pp_pipeline_call(struct pp_node *node, enum pp_item_kind kind, pp_item_run *run, void *context)
{
    PP_ASSERT(kind != PP_ITEM_REQUEST);
    PP_ASSERT(!pthread_equal(pthread_self(), node->writer_thread)); /* a callback would wait for itself */
    struct pp_item item = {.kind = kind, .stamps = 1, .run = run, .run_context = context};
    pthread_mutex_lock(&node->lock);
    if (node->stopping) {
        pthread_mutex_unlock(&node->lock);
        return PP_SHUTTING_DOWN;
    }
    node->queued_requests++;
    node->queued_stamps++;
    queue_put(&node->to_write, &item);
    node->waiting_stamps++;
    pthread_cond_signal(&node->writer_wake);
    while (!item.answered)
        pthread_cond_wait(&node->answered, &node->lock);
    pthread_mutex_unlock(&node->lock);
    return item.error;
}

void pp_pipeline_answered(struct pp_node *node, struct pp_item *item)
{
    pthread_mutex_lock(&node->lock);
    node->queued_requests--;
    node->queued_stamps -= item->stamps;
    bool waits = item->kind != PP_ITEM_REQUEST;
    item->answered = true; /* from here on a waiting caller may be gone, and its item with it */
    if (waits)
        pthread_cond_broadcast(&node->answered);
    pthread_mutex_unlock(&node->lock);
}

/* ---- out of the queues ---- */

static struct pp_item *to_write_take(struct pp_node *node)
{
    struct pp_item *item = queue_take(&node->to_write);
    if (item)
        node->waiting_stamps -= item->stamps;
    return item;
}

struct pp_item *pp_pipeline_next(struct pp_node *node, bool wait)
{
    pthread_mutex_lock(&node->lock);
    struct pp_item *item;
    node->writer_idle = true;
    while (!(item = to_write_take(node)) && wait && !(node->stopping && node->verifying == 0))
        pthread_cond_wait(&node->writer_wake, &node->lock);
    node->writer_idle = false;
    pthread_mutex_unlock(&node->lock);
    return item;
}

struct pp_item *pp_pipeline_next_until(struct pp_node *node, uint64_t deadline_ns)
{
    const struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / 1000000000),
                                      .tv_nsec = (long)(deadline_ns % 1000000000)};
    pthread_mutex_lock(&node->lock);
    struct pp_item *item = to_write_take(node);
    if (!item) {
        int status = 0;
        while (node->verifying > 0 && node->waiting_stamps < GATHER_STAMPS && status != ETIMEDOUT)
            status = pthread_cond_timedwait(&node->writer_wake, &node->lock, &deadline);
        item = to_write_take(node);
    }
    pthread_mutex_unlock(&node->lock);
    return item;
}

/* ---- verify threads ---- */

/* The writer is woken for the first item when it has nothing to do, and while it gathers a group only when waiting longer
 * brings nothing. */
static void to_write_put(struct pp_node *node, struct pp_item *item)
{
    queue_put(&node->to_write, item);
    node->waiting_stamps += item->stamps;
    node->verifying--;
    if (node->writer_idle || node->verifying == 0 || node->waiting_stamps >= GATHER_STAMPS)
        pthread_cond_signal(&node->writer_wake);
}

static void verify_loop(struct pp_node *node, struct pp_lane_draft *draft, struct pp_hash *scratch)
{
    pthread_mutex_lock(&node->lock);
    for (;;) {
        struct pp_item *item = queue_take(&node->to_verify);
        if (!item && node->verify_stop)
            break;
        if (!item) {
            pthread_cond_wait(&node->verify_wake, &node->lock);
            continue;
        }
        pthread_mutex_unlock(&node->lock);
        pp_examine(node, item, draft, scratch);
        pthread_mutex_lock(&node->lock);
        to_write_put(node, item);
    }
    pthread_mutex_unlock(&node->lock);
}

static void *verify_main(void *context)
{
    struct pp_node *node = context;
    struct pp_lane_draft *draft = malloc(sizeof *draft);
    struct pp_hash *scratch = malloc(PP_LEAVES_MAX * sizeof *scratch);
    PP_ASSERT(draft && scratch); /* a few KiB, at the start */
    pp_thread_name("pp-verify");
    verify_loop(node, draft, scratch);
    free(draft);
    free(scratch);
    return NULL;
}

/* ---- start and stop ---- */

static void cond_init_monotonic(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    int status = pthread_condattr_init(&attributes);
    PP_ASSERT(status == 0);
    status = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    PP_ASSERT(status == 0);
    status = pthread_cond_init(cond, &attributes);
    PP_ASSERT(status == 0);
    pthread_condattr_destroy(&attributes);
}

void pp_pipeline_init(struct pp_node *node)
{
    pthread_rwlockattr_t attributes;
    int status = pthread_rwlockattr_init(&attributes);
    PP_ASSERT(status == 0);
    /* Or a flood of verify threads that look would keep the writer out. */
    status = pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    PP_ASSERT(status == 0);
    status = pthread_rwlock_init(&node->state, &attributes);
    PP_ASSERT(status == 0);
    pthread_rwlockattr_destroy(&attributes);
    status = pthread_mutex_init(&node->lock, NULL) | pthread_mutex_init(&node->index_lock, NULL) |
             pthread_mutex_init(&node->quote_lock, NULL);
    PP_ASSERT(status == 0);
    cond_init_monotonic(&node->verify_wake);
    cond_init_monotonic(&node->writer_wake);
    cond_init_monotonic(&node->answered);
    cond_init_monotonic(&node->index_wake);
    cond_init_monotonic(&node->index_done);
}

void pp_pipeline_done(struct pp_node *node)
{
    pthread_rwlock_destroy(&node->state);
    pthread_mutex_destroy(&node->lock);
    pthread_mutex_destroy(&node->index_lock);
    pthread_mutex_destroy(&node->quote_lock);
    pthread_cond_destroy(&node->verify_wake);
    pthread_cond_destroy(&node->writer_wake);
    pthread_cond_destroy(&node->answered);
    pthread_cond_destroy(&node->index_wake);
    pthread_cond_destroy(&node->index_done);
}

static unsigned verify_threads_of(const struct pp_node_config *config)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned count = config->verify_threads > 0 ? config->verify_threads : cores > 0 ? (unsigned)cores : 1;
    return count < PP_VERIFY_THREADS_MAX ? count : PP_VERIFY_THREADS_MAX;
}

enum pp_error pp_pipeline_start(struct pp_node *node)
{
    unsigned wanted = verify_threads_of(&node->config);
    if (pthread_create(&node->index_thread, NULL, pp_indexer_main, node) != 0)
        return PP_SYSTEM;
    node->index_started = true;
    if (pthread_create(&node->writer_thread, NULL, pp_writer_main, node) != 0)
        return PP_SYSTEM;
    node->writer_started = true;
    while (node->verify_count < wanted) {
        if (pthread_create(&node->verify_threads[node->verify_count], NULL, verify_main, node) != 0)
            return PP_SYSTEM;
        node->verify_count++;
    }
    return PP_OK;
}

/* In this order: no new items; the writer ends when all are answered; nothing is left to verify or to index. */
void pp_pipeline_stop(struct pp_node *node)
{
    pthread_mutex_lock(&node->lock);
    node->stopping = true;
    pthread_cond_broadcast(&node->writer_wake);
    pthread_mutex_unlock(&node->lock);
    if (node->writer_started)
        pthread_join(node->writer_thread, NULL);
    pthread_mutex_lock(&node->lock);
    node->verify_stop = true;
    pthread_cond_broadcast(&node->verify_wake);
    pthread_mutex_unlock(&node->lock);
    for (unsigned i = 0; i < node->verify_count; i++)
        pthread_join(node->verify_threads[i], NULL);
    pthread_mutex_lock(&node->index_lock);
    node->index_stop = true;
    pthread_cond_broadcast(&node->index_wake);
    pthread_mutex_unlock(&node->index_lock);
    if (node->index_started)
        pthread_join(node->index_thread, NULL);
}
