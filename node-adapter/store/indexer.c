/* The index thread: everything that is derived, behind the acknowledgement. It works in large batches, so that a page of an
 * index is written once for many rows, and soon enough that nobody waits for it. */
#include "engine/node.h"

#include <pp/assert.h>

#include <errno.h>
#include <time.h>

#define BATCH_WORTH 32768u                /* so many stamps behind: begin at once */
#define BATCH_WAIT_NS UINT64_C(100000000) /* else after 100 ms */
#define RETRY_NS UINT64_C(1000000000)     /* after an error */
#define MERGED_PER_STAMP 12u /* rows: more than a stamp's two rows cost in all levels that a disk can hold */

static uint32_t slot_of(void *context, const struct pp_channel_id *channel_id)
{
    struct pp_node *node = context;
    pthread_rwlock_rdlock(&node->state);
    uint32_t slot = pp_ledger_find(&node->ledger, channel_id);
    pthread_rwlock_unlock(&node->state);
    return slot;
}

/* What the writer said last. */
struct durable {
    struct pp_journal_head head;
    uint64_t position;
};

/* What was admitted since the start stands in the writer's memory; what is older is read from the journal. */
static enum pp_error gather(struct pp_node *node, const struct durable *durable)
{
    if (node->batch.head.next_sequence >= node->memory_from)
        return pp_index_gather_recent(&node->batch, &node->recent, node->index_position, durable->position,
                                      &durable->head);
    return pp_index_gather(&node->batch, node->data.journal, node->memory_from, &node->index.secret, slot_of,
                           node);
}

/* Before a batch, so that its runs find room in the lists. */
static enum pp_error room_make(struct pp_node *node)
{
    bool due = true;
    while (pp_index_is_crowded(&node->index) && due)
        PP_TRY(pp_index_work(&node->index, node->data.derived, 1, atomic_load(&node->swept_day), &due));
    return due ? PP_OK : PP_STORE_FULL;
}

static void indexed_tell(struct pp_node *node, const struct durable *durable)
{
    uint64_t next = node->batch.head.next_sequence;
    if (next == durable->head.next_sequence)
        node->index_position = durable->position;
    while (node->index_position < durable->position &&
           pp_recent_at(&node->recent, node->index_position)->sequence < next)
        node->index_position++;
    atomic_store(&node->indexed_position, node->index_position);
    atomic_store(&node->indexed_end, next);
}

static enum pp_error index_once(struct pp_node *node, const struct durable *durable, size_t *out_stamps)
{
    struct pp_journal_head before = node->batch.head;
    PP_TRY(room_make(node));
    enum pp_error error = gather(node, durable);
    if (error == PP_OK)
        error = pp_index_write(&node->index, &node->batch, node->data.derived);
    *out_stamps = node->batch.stamp_count;
    pp_index_batch_empty(&node->batch);
    if (error != PP_OK) {
        node->batch.head = before;
        return error;
    }
    indexed_tell(node, durable);
    return PP_OK;
}

/* One step of it: a bounded transaction. */
static enum pp_error checkpoint_once(struct pp_node *node)
{
    uint64_t end;
    PP_TRY(pp_checkpoint_step(&node->checkpoint, node->data.derived, &node->state, &end));
    if (end != 0)
        atomic_store(&node->checkpoint_end, end);
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
        if (node->index_stop || node->checkpoint_ready || behind >= BATCH_WORTH ||
            (behind > 0 && node->index_flush))
            return;
        if (behind == 0 && node->merge_due)
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

/* Under index_lock, but not while it works. *out_stamps: how many were indexed. */
static enum pp_error work(struct pp_node *node, size_t *out_stamps)
{
    const struct durable durable = {node->durable_head, node->durable_position};
    bool checkpoint = node->checkpoint_ready;
    uint64_t behind = durable.head.next_sequence - atomic_load(&node->indexed_end);
    /* In turns: what waits for the index never waits for more than a step. */
    bool index = behind >= BATCH_WORTH || (behind > 0 && (!checkpoint || node->index_flush));
    enum pp_error error = PP_OK;
    *out_stamps = 0;
    pthread_mutex_unlock(&node->index_lock);
    if (index)
        error = index_once(node, &durable, out_stamps);
    if (checkpoint) { /* also when the index fails: a checkpoint may be written where an index finds no room */
        enum pp_error step = checkpoint_once(node);
        error = error == PP_OK ? step : error;
    }
    pthread_mutex_lock(&node->index_lock);
    if (checkpoint && node->checkpoint.stage == PP_CHECKPOINT_NONE)
        node->checkpoint_ready = false;
    return error;
}

/* Under index_lock, but not while it merges. As much as what was indexed will cost in all levels, so that it never falls
 * behind, and no more, so that the next batch need not wait (JRN-056). */
static enum pp_error merge_some(struct pp_node *node, size_t stamps)
{
    bool due;
    pthread_mutex_unlock(&node->index_lock);
    enum pp_error error =
        pp_index_work(&node->index, node->data.derived, 1 + MERGED_PER_STAMP * (uint64_t)stamps,
                      atomic_load(&node->swept_day), &due);
    pthread_mutex_lock(&node->index_lock);
    node->merge_due = due;
    return error;
}

void *pp_indexer_main(void *context)
{
    struct pp_node *node = context;
    size_t stamps;
    pp_thread_name("pp-index");
    pthread_mutex_lock(&node->index_lock);
    for (;;) {
        work_wait(node);
        bool done = !node->checkpoint_ready && node->durable_end == atomic_load(&node->indexed_end);
        if (done && node->index_stop)
            break;
        node->index_error = work(node, &stamps);
        pthread_cond_broadcast(&node->index_done);
        if (node->index_error == PP_OK && !node->index_stop)
            node->index_error = merge_some(node, stamps);
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
    node->durable_head = node->head;
    node->durable_position = node->recent.end;
    if (!node->checkpoint_ready && checkpoint_is_due(node))
        node->checkpoint_ready =
            pp_checkpoint_begin(&node->checkpoint, &node->head) == PP_OK; /* else: next time */
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
