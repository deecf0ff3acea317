/* Queues and threads: submit -> verify threads -> writer. Items are answered by the writer. */
#include "engine/node.h"

#include <pp/assert.h>

#include <sodium.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define GATHER_STAMPS 2048u /* so many waiting: the writer need not wait for more */
#define FLUSHES_TO_WAIT 9u  /* waiting nine flushes for company costs a tenth of the flushes' time (LIMITS) */
#define SUSPECT_CREDIT_TURN                                                                                  \
    ((PP_SUSPECT_PART - 1) * (PP_FAIR_SIGNATURE_COST + PP_LEAVES_MAX)) /* enough for the dearest of them */

/* What profilers and `top -H` show. */
void pp_thread_name(const char *name)
{
    (void)prctl(PR_SET_NAME, name, 0, 0, 0);
}

/* ---- items ---- */

/* One block: the item, then what it has per stamp. */
static size_t item_bytes(size_t count)
{
    return sizeof(struct pp_item) + count * (sizeof(struct pp_outcome) + sizeof(struct pp_postage) +
                                             sizeof(struct pp_stamp_id) + 3 * sizeof(enum pp_error));
}

static struct pp_item *kept_take(struct pp_node *node)
{
    pthread_mutex_lock(&node->kept_lock);
    struct pp_item *item = node->kept;
    if (item) {
        node->kept = item->next;
        node->kept_count--;
    }
    pthread_mutex_unlock(&node->kept_lock);
    return item;
}

/* Single stamps come by the tens of thousands a second, are made on one thread and freed on another: what allocators do worst. */
enum pp_error pp_item_make(struct pp_node *node, const struct pp_request *request, struct pp_item **out)
{
    size_t count = request->count;
    struct pp_item *item = count == 1 ? kept_take(node) : NULL;
    if (!item && !(item = malloc(item_bytes(count))))
        return PP_NO_MEMORY;
    memset(item, 0, sizeof *item);
    uint8_t *at = (uint8_t *)(item + 1);
    item->kind = PP_ITEM_REQUEST;
    item->request = request;
    item->stamps = (uint32_t)count;
    item->slot = PP_SLOT_NONE;
    item->outcomes = (struct pp_outcome *)(void *)at;
    at += count * sizeof *item->outcomes;
    item->quoted = (struct pp_postage *)(void *)at;
    at += count * sizeof *item->quoted;
    item->content_errors = (enum pp_error *)(void *)at;
    at += count * sizeof *item->content_errors;
    item->quote_errors = (enum pp_error *)(void *)at;
    at += count * sizeof *item->quote_errors;
    item->mac_errors = (enum pp_error *)(void *)at;
    at += count * sizeof *item->mac_errors;
    item->ids = (struct pp_stamp_id *)(void *)at;
    *out = item;
    return PP_OK;
}

void pp_item_free(struct pp_node *node, struct pp_item *item)
{
    free(item->refusals);
    bool keep = false;
    if (item->stamps == 1) {
        pthread_mutex_lock(&node->kept_lock);
        keep = node->kept_count < PP_ITEMS_KEPT;
        if (keep) {
            item->next = node->kept;
            node->kept = item;
            node->kept_count++;
        }
        pthread_mutex_unlock(&node->kept_lock);
    }
    if (!keep)
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

static struct pp_item *item_of(struct pp_fair_entry *entry)
{
    return (struct pp_item *)(void *)((uint8_t *)entry - offsetof(struct pp_item, wait));
}

static struct pp_fair_queue *queue_of(struct pp_node *node, const struct pp_item *item)
{
    return item->suspect ? &node->suspect : &node->clean;
}

/* NODE-047, NODE-048: a channel's line, unless who brings it forged others: anybody can name a channel. */
static uint32_t flow_of(const struct pp_node *node, const struct pp_item *item)
{
    uint64_t word = item->request->source;
    if (!item->suspect)
        memcpy(&word, item->request->channel_id.bytes, sizeof word);
    pp_u128 product = (pp_u128)(word ^ node->flow_key) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)((uint64_t)(product >> 64) ^ (uint64_t)product);
}

static void verify_wake(struct pp_node *node)
{
    node->verifying++;
    if (node->verify_idle > 0)
        pthread_cond_signal(&node->verify_wake);
}

enum pp_error pp_pipeline_submit(struct pp_node *node, struct pp_item *item)
{
    uint64_t now_ms = pp_monotonic_ns() / 1000000;
    item->wait.stamps = item->stamps;
    item->wait.by_mac = item->request->kind == PP_STAMP_SESSION;
    pthread_mutex_lock(&node->lock);
    item->suspect = pp_source_is_suspect(&node->sources, item->request->source, now_ms);
    enum pp_error error = node->stopping
                              ? PP_SHUTTING_DOWN
                              : pp_fair_queue_put(queue_of(node, item), flow_of(node, item), &item->wait);
    if (error == PP_OK)
        verify_wake(node);
    pthread_mutex_unlock(&node->lock);
    return error;
}

void pp_pipeline_reverify(struct pp_node *node, struct pp_item *item)
{
    pthread_mutex_lock(&node->lock);
    pp_fair_queue_wait_again(queue_of(node, item), &item->wait);
    verify_wake(node);
    pthread_mutex_unlock(&node->lock);
}

enum pp_error pp_pipeline_call(struct pp_node *node, enum pp_item_kind kind, pp_item_run *run, void *context)
{
    PP_ASSERT(kind != PP_ITEM_REQUEST);
    PP_ASSERT(!pthread_equal(pthread_self(), node->writer_thread)); /* a callback would wait for itself */
    struct pp_item item = {.kind = kind, .stamps = 1, .run = run, .run_context = context};
    pthread_mutex_lock(&node->lock);
    if (node->stopping || node->calls >= PP_QUEUE_CALLS_MAX) {
        enum pp_error error = node->stopping ? PP_SHUTTING_DOWN : PP_BUSY;
        pthread_mutex_unlock(&node->lock);
        return error;
    }
    node->calls++;
    queue_put(&node->to_write, &item);
    node->waiting_stamps++;
    pthread_cond_signal(&node->writer_wake);
    while (!item.answered)
        pthread_cond_wait(&node->answered, &node->lock);
    pthread_mutex_unlock(&node->lock);
    return item.error;
}

void pp_pipeline_called(struct pp_node *node, struct pp_item *item)
{
    pthread_mutex_lock(&node->lock);
    node->calls--;
    item->answered = true; /* from here on the waiting caller may be gone, and its item with it */
    pthread_cond_broadcast(&node->answered);
    pthread_mutex_unlock(&node->lock);
}

/* NODE-048: stamps over intervals that others hold, unsigned for all we know, and the writer had to search for each. */
static bool wasted_time(const struct pp_item *item)
{
    return item->searched && !item->verified && item->admitted + item->known == 0;
}

void pp_pipeline_release(struct pp_node *node, struct pp_item *const items[], size_t count)
{
    uint64_t now_ms = pp_monotonic_ns() / 1000000;
    pthread_mutex_lock(&node->lock);
    for (size_t i = 0; i < count; i++) {
        if (items[i]->kind != PP_ITEM_REQUEST)
            continue;
        pp_fair_queue_release(queue_of(node, items[i]), &items[i]->wait);
        if (wasted_time(items[i]))
            pp_source_count(&node->sources, items[i]->request->source, true, now_ms);
    }
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

/* What a commit may wait for: what is being verified, or soon will be. Suspects that stand in line are not. */
static uint32_t awaited_count(const struct pp_node *node)
{
    return node->verifying - node->suspect.waiting;
}

/* NODE-029. Whether a group of so many stamps has waited long enough; if not, *out_deadline_ns says when to look again. */
static bool waited_enough(const struct pp_node *node, uint64_t began_ns, uint64_t stamps,
                          uint64_t *out_deadline_ns)
{
    uint64_t wait_ns = node->flush_ns * FLUSHES_TO_WAIT, now_ns = pp_monotonic_ns();
    uint64_t ordinary_ns = began_ns + (wait_ns < PP_GROUP_WAIT_MAX_NS ? wait_ns : PP_GROUP_WAIT_MAX_NS);
    uint64_t flood_ns = began_ns + PP_GROUP_FLOOD_MAX_NS;
    uint32_t awaited = awaited_count(node);
    bool flood = (stamps + node->waiting_stamps) * PP_GROUP_FLOOD_PART < awaited;
    uint64_t again_ns = now_ns + PP_GROUP_WAIT_MAX_NS;
    *out_deadline_ns = now_ns < ordinary_ns ? ordinary_ns : again_ns < flood_ns ? again_ns : flood_ns;
    return awaited == 0 || node->waiting_stamps >= GATHER_STAMPS || now_ns >= flood_ns ||
           (now_ns >= ordinary_ns && !flood);
}

struct pp_item *pp_pipeline_next_for(struct pp_node *node, uint64_t began_ns, uint64_t stamps)
{
    uint64_t deadline_ns;
    pthread_mutex_lock(&node->lock);
    struct pp_item *item = to_write_take(node);
    while (!item && !waited_enough(node, began_ns, stamps, &deadline_ns)) {
        const struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / 1000000000),
                                          .tv_nsec = (long)(deadline_ns % 1000000000)};
        (void)pthread_cond_timedwait(&node->writer_wake, &node->lock, &deadline);
    }
    if (!item)
        item = to_write_take(node);
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
    if (node->writer_idle || awaited_count(node) == 0 || node->waiting_stamps >= GATHER_STAMPS)
        pthread_cond_signal(&node->writer_wake);
}

/* NODE-048: suspects earn their part by the work that is done for others. When nobody else waits they get a trickle, not all
 * that is free: the writer and the host need the processor, too. */
static bool suspects_turn(struct pp_node *node, uint32_t requests)
{
    if (node->suspect_credit >= SUSPECT_CREDIT_TURN)
        return true;
    if (node->clean.waiting > 0)
        return false;
    uint64_t now_ms = pp_monotonic_ns() / 1000000;
    uint64_t passed_ms = now_ms - node->suspect_trickled_ms;
    node->suspect_trickle += passed_ms < PP_SUSPECT_TRICKLE_MAX ? (uint32_t)passed_ms : PP_SUSPECT_TRICKLE_MAX;
    if (node->suspect_trickle > PP_SUSPECT_TRICKLE_MAX)
        node->suspect_trickle = PP_SUSPECT_TRICKLE_MAX;
    node->suspect_trickled_ms = now_ms;
    if (node->suspect_trickle < requests)
        return false;
    node->suspect_trickle -= requests;
    return true;
}

static void suspects_pay(struct pp_node *node, uint32_t cost)
{
    cost *= PP_SUSPECT_PART - 1;
    node->suspect_credit -= cost < node->suspect_credit ? cost : node->suspect_credit;
}

/* Whether work for others is to be counted: for who waits in line, or for a call that was refused, up to one turn. */
static bool suspects_earn(const struct pp_node *node)
{
    return node->suspect.waiting > 0 ||
           (node->suspect_refused && node->suspect_credit < SUSPECT_CREDIT_TURN);
}

enum pp_error pp_pipeline_source_turn(struct pp_node *node, uint64_t source, uint32_t stamps)
{
    uint64_t now_ms = pp_monotonic_ns() / 1000000;
    enum pp_error error = PP_OK;
    pthread_mutex_lock(&node->lock);
    if (pp_source_is_suspect(&node->sources, source, now_ms)) {
        bool turn = suspects_turn(node, PP_SUSPECT_TRICKLE_CALL + stamps / PP_SUSPECT_TRICKLE_STAMPS);
        node->suspect_refused = !turn;
        if (turn)
            suspects_pay(node, PP_FAIR_SIGNATURE_COST + stamps);
        error = turn ? PP_OK : PP_BUSY;
    }
    pthread_mutex_unlock(&node->lock);
    return error;
}

void pp_pipeline_source_count(struct pp_node *node, uint64_t source, bool forged)
{
    uint64_t now_ms = pp_monotonic_ns() / 1000000;
    pthread_mutex_lock(&node->lock);
    pp_source_count(&node->sources, source, forged, now_ms);
    pthread_mutex_unlock(&node->lock);
}

static struct pp_item *to_verify_take(struct pp_node *node)
{
    struct pp_fair_entry *entry = NULL;
    if (node->suspect.waiting > 0 && suspects_turn(node, 1))
        entry = pp_fair_queue_take(&node->suspect);
    if (entry) {
        suspects_pay(node, pp_fair_cost(entry));
        return item_of(entry);
    }
    entry = pp_fair_queue_take(&node->clean);
    if (!entry)
        return NULL;
    if (suspects_earn(node))
        node->suspect_credit += pp_fair_cost(entry);
    return item_of(entry);
}

/* Several at once from a long queue: threads then meet at the lock less often. Never so many that another thread idles. */
static size_t to_verify_take_some(struct pp_node *node, struct pp_item *out[PP_VERIFY_TAKE_MAX])
{
    uint32_t part = (node->clean.waiting + node->suspect.waiting) / (2 * node->config.verify_threads);
    size_t wanted = part < 1 ? 1 : part < PP_VERIFY_TAKE_MAX ? part : PP_VERIFY_TAKE_MAX;
    size_t count = 0;
    for (uint32_t stamps = 0; count < wanted && stamps < PP_FAIR_QUANTUM; stamps += out[count++]->stamps)
        if (!(out[count] = to_verify_take(node)))
            break;
    return count;
}

static void verified_put(struct pp_node *node, struct pp_item *const items[], size_t count)
{
    uint64_t now_ms = pp_monotonic_ns() / 1000000;
    pthread_mutex_lock(&node->lock);
    for (size_t i = 0; i < count; i++) {
        pp_source_count(&node->sources, items[i]->request->source, items[i]->forged, now_ms);
        to_write_put(node, items[i]);
    }
}

/* Suspects that wait for their trickle wake nobody: a thread looks again after a millisecond. */
static void work_wait(struct pp_node *node)
{
    node->verify_idle++;
    if (node->suspect.waiting > 0) {
        uint64_t deadline_ns = pp_monotonic_ns() + 1000000;
        const struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / 1000000000),
                                          .tv_nsec = (long)(deadline_ns % 1000000000)};
        (void)pthread_cond_timedwait(&node->verify_wake, &node->lock, &deadline);
    } else {
        pthread_cond_wait(&node->verify_wake, &node->lock);
    }
    node->verify_idle--;
}

static void verify_loop(struct pp_node *node, struct pp_lane_draft *draft, struct pp_hash *scratch)
{
    struct pp_item *items[PP_VERIFY_TAKE_MAX];
    pthread_mutex_lock(&node->lock);
    for (;;) {
        size_t count = to_verify_take_some(node, items);
        if (count == 0 && node->verify_stop)
            break;
        if (count == 0) {
            work_wait(node);
            continue;
        }
        pthread_mutex_unlock(&node->lock);
        for (size_t i = 0; i < count; i++)
            pp_examine(node, items[i], draft, scratch);
        verified_put(node, items, count);
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
    pp_fair_queue_init(&node->clean, PP_QUEUE_REQUESTS_MAX, PP_QUEUE_STAMPS_MAX);
    pp_fair_queue_init(&node->suspect, PP_SUSPECT_REQUESTS_MAX, PP_SUSPECT_STAMPS_MAX);
    randombytes_buf(&node->flow_key, sizeof node->flow_key);
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
             pthread_mutex_init(&node->quote_lock, NULL) | pthread_mutex_init(&node->kept_lock, NULL);
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
    while (node->kept) {
        struct pp_item *item = node->kept;
        node->kept = item->next;
        free(item);
    }
    pthread_mutex_destroy(&node->kept_lock);
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
    node->config.verify_threads = wanted;
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
