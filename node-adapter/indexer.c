/* The index thread: everything that is derived, behind the acknowledgement. It works in large batches, so that a page of an
 * index is written once for many rows, and soon enough that nobody waits for it. */
#include "node.h"

#include <pp/assert.h>

#include <errno.h>
#include <time.h>

#define BATCH_WORTH 8192u              /* so many stamps behind: begin at once */
#define BATCH_WAIT_NS UINT64_C(100000000) /* else after 100 ms */
#define RETRY_NS UINT64_C(1000000000)  /* after an error */

static uint32_t slot_of(void *context, const struct pp_channel_id *channel_id)
{
    struct pp_node *node = context;
    pthread_rwlock_rdlock(&node->state);
    uint32_t slot = pp_ledger_find(&node->ledger, channel_id);
    pthread_rwlock_unlock(&node->state);
    return slot;
}

static enum pp_error index_once(struct pp_node *node, uint64_t end)
{
    struct pp_journal_head before = node->batch.head;
    PP_TRY(pp_index_gather(&node->batch, node->data.journal, end, slot_of, node));
    enum pp_error error = pp_index_write(&node->batch, node->data.derived);
    if (error != PP_OK) {
        node->batch.head = before;
        return error;
    }
    atomic_store(&node->indexed_end, node->batch.head.next_sequence);
    return PP_OK;
}

static enum pp_error checkpoint_once(struct pp_node *node)
{
    PP_TRY(pp_checkpoint_write(&node->checkpoint, node->data.derived));
    atomic_store(&node->checkpoint_end, node->checkpoint.journal.next_sequence);
    return PP_OK;
}

static void sleep_until(struct pp_node *node, uint64_t deadline_ns)
{
    const struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / 1000000000),
                                      .tv_nsec = (long)(deadline_ns % 1000000000)};
    (void)pthread_cond_timedwait(&node->index_wake, &node->index_lock, &deadline);
}

/* Under index_lock. Until there is enough to do, somebody waits for it, or it waited long enough. */
static void work_wait(struct pp_node *node)
{
    uint64_t since_ns = 0;
    for (;;) {
        uint64_t now_ns = pp_monotonic_ns();
        uint64_t behind = node->durable_end - atomic_load(&node->indexed_end);
        if (node->index_stop || node->checkpoint_ready || behind >= BATCH_WORTH || (behind > 0 && node->index_flush))
            return;
        if (behind == 0) {
            since_ns = 0;
            pthread_cond_wait(&node->index_wake, &node->index_lock);
            continue;
        }
        since_ns = since_ns == 0 ? now_ns : since_ns;
        if (now_ns - since_ns >= BATCH_WAIT_NS)
            return;
        sleep_until(node, since_ns + BATCH_WAIT_NS);
    }
}

/* Under index_lock, but not while it works. */
static enum pp_error work(struct pp_node *node)
{
    uint64_t end = node->durable_end;
    bool checkpoint = node->checkpoint_ready;
    enum pp_error error = PP_OK;
    pthread_mutex_unlock(&node->index_lock);
    if (checkpoint)
        error = checkpoint_once(node);
    if (error == PP_OK && atomic_load(&node->indexed_end) < end)
        error = index_once(node, end);
    pthread_mutex_lock(&node->index_lock);
    if (checkpoint && atomic_load(&node->checkpoint_end) == node->checkpoint.journal.next_sequence)
        node->checkpoint_ready = false;
    return error;
}

void *pp_indexer_main(void *context)
{
    struct pp_node *node = context;
    pp_thread_name("pp-index");
    pthread_mutex_lock(&node->index_lock);
    for (;;) {
        work_wait(node);
        bool done = !node->checkpoint_ready && node->durable_end == atomic_load(&node->indexed_end);
        if (done && node->index_stop)
            break;
        node->index_error = work(node);
        pthread_cond_broadcast(&node->index_done);
        if (node->index_error != PP_OK && node->index_stop)
            break; /* the next start makes up for it */
        if (node->index_error != PP_OK)
            sleep_until(node, pp_monotonic_ns() + RETRY_NS);
    }
    pthread_mutex_unlock(&node->index_lock);
    return NULL;
}

/* On the writer thread. */
static bool checkpoint_is_due(const struct pp_node *node)
{
    return node->head.next_sequence - atomic_load(&node->checkpoint_end) >= PP_CHECKPOINT_STAMPS;
}

void pp_indexer_tell(struct pp_node *node)
{
    pthread_mutex_lock(&node->index_lock);
    bool idle = node->durable_end == atomic_load(&node->indexed_end);
    node->durable_end = node->head.next_sequence;
    if (!node->checkpoint_ready && checkpoint_is_due(node))
        node->checkpoint_ready =
            pp_checkpoint_take(&node->checkpoint, &node->ledger, &node->head, false) == PP_OK; /* else: next time */
    if (idle || node->checkpoint_ready || node->durable_end - atomic_load(&node->indexed_end) >= BATCH_WORTH)
        pthread_cond_signal(&node->index_wake);
    pthread_mutex_unlock(&node->index_lock);
}

enum pp_error pp_indexer_flush(struct pp_node *node)
{
    pthread_mutex_lock(&node->index_lock);
    uint64_t end = node->durable_end;
    node->index_flush = true;
    node->index_error = PP_OK;
    pthread_cond_signal(&node->index_wake);
    while (atomic_load(&node->indexed_end) < end && node->index_error == PP_OK)
        pthread_cond_wait(&node->index_done, &node->index_lock);
    enum pp_error error = atomic_load(&node->indexed_end) < end ? node->index_error : PP_OK;
    node->index_flush = false;
    pthread_mutex_unlock(&node->index_lock);
    return error;
}
