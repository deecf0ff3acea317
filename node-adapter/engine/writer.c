/* The writer thread: groups. Nothing is told before its group is on disk (NODE-020). */
#include "engine/node.h"

#include <pp/assert.h>
#include <pp/day.h>

#include <string.h>
#include <time.h>

#define LANES_TO_TURN 1024u /* brought to a new day before a group: some 50 us */

uint64_t pp_monotonic_ns(void)
{
    struct timespec now;
    int status = clock_gettime(CLOCK_MONOTONIC, &now);
    PP_ASSERT(status == 0);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t pp_node_now(const struct pp_node *node)
{
    return node->config.clock.now_ms(node->config.clock.context);
}

/* ---- records of the node itself ---- */

/* Not the caller's fault: the transaction is lost, and with it the whole group. */
static bool loses_group(enum pp_error error)
{
    return error == PP_STORE_FULL || error == PP_TOO_MANY || pp_error_class(error) == PP_CLASS_FAULT;
}

/* Times of the journal never fall, and stand still while the chain does not bear the clock out: no day begins then, for it
 * could be one after a close that was not heard of, or one that a wrong clock made up (NODE-045). */
static uint64_t time_at(const struct pp_node *node, uint64_t now_ms, bool stale)
{
    return !stale && now_ms > node->head.time_ms ? now_ms : node->head.time_ms;
}

uint64_t pp_writer_time(const struct pp_node *node)
{
    uint64_t now_ms = pp_node_now(node);
    return time_at(node, now_ms, pp_view_is_stale(node, now_ms));
}

enum pp_error pp_writer_append(struct pp_node *node, struct pp_txn *txn, struct pp_record *record)
{
    record->sequence = node->head.next_sequence;
    record->time_ms = node->group_time_ms;
    pthread_rwlock_wrlock(&node->state);
    enum pp_error error = pp_ledger_step(&node->ledger, record);
    pthread_rwlock_unlock(&node->state);
    if (error !=
        PP_OK) /* whoever made the record had validated it: part of it may be carried out, the group is lost */
        return loses_group(error) ? error : PP_INVARIANT;
    return pp_journal_append(txn, &node->head, record, node->buffer);
}

struct alone {
    struct pp_node *node;
    struct pp_record *record;
    pp_txn_run *also;
    void *context;
    struct pp_journal_head head;
};

static enum pp_error alone_run(void *context, struct pp_txn *txn)
{
    struct alone *alone = context;
    alone->head = alone->node->head;
    PP_TRY(pp_journal_append(txn, &alone->head, alone->record, alone->node->buffer));
    return alone->also ? alone->also(alone->context, txn) : PP_OK;
}

enum pp_error pp_writer_append_alone(struct pp_node *node, struct pp_record *record, pp_txn_run *also,
                                     void *context)
{
    struct alone alone = {.node = node, .record = record, .also = also, .context = context};
    record->sequence = node->head.next_sequence;
    PP_TRY(pp_store_write(node->data.journal, PP_STORE_RESERVE_IF_FULL, alone_run, &alone));
    node->head = alone.head;
    pthread_rwlock_wrlock(&node->state);
    enum pp_error error = pp_ledger_step(&node->ledger, record);
    pthread_rwlock_unlock(&node->state);
    PP_ASSERT(error == PP_OK); /* it was made from this very state */
    pp_indexer_tell(node);
    return PP_OK;
}

enum pp_error pp_writer_day(struct pp_node *node, uint64_t time_ms)
{
    if (pp_day_of(time_ms) <= node->ledger.head.day)
        return PP_OK;
    struct pp_record record = {
        .type = PP_RECORD_TYPE_DAY, .time_ms = time_ms, .day = {.day = pp_day_of(time_ms)}};
    return pp_writer_append_alone(node, &record, NULL, NULL);
}

/* Not beside a checkpoint, whose lanes are of its own day. */
void pp_writer_turn(struct pp_node *node, uint32_t lanes)
{
    pthread_mutex_lock(&node->index_lock);
    bool free = !node->checkpoint_ready;
    pthread_mutex_unlock(&node->index_lock);
    if (!free || pp_ledger_turn_is_over(&node->ledger))
        return;
    pthread_rwlock_wrlock(&node->state);
    pp_ledger_turn_some(&node->ledger, lanes);
    pthread_rwlock_unlock(&node->state);
}

/* ---- answers ---- */

static void request_answer(struct pp_node *node, struct pp_item *item, const struct pp_receipt *receipt)
{
    struct pp_response response = {
        .error = item->error,
        .refusal = item->refusal,
        .spent = item->spent,
        .refunded = item->refunded,
        .free = item->free,
    };
    if (item->error == PP_OK) {
        for (size_t i = 0; i < item->request->count; i++) {
            const struct pp_outcome *outcome = &item->outcomes[i];
            struct pp_result *result = &node->results[i];
            if (outcome->refusal > 0)
                result->refusal = item->refusals[outcome->refusal - 1];
            else
                pp_refusal_init(&result->refusal, PP_OK, NULL);
            result->stamp_id = item->ids[i];
            result->sequence = outcome->sequence;
            result->time_ms = outcome->time_ms;
            result->known = outcome->known;
        }
        response.results = node->results;
        response.count = item->request->count;
    }
    if (receipt) {
        response.receipt = *receipt;
        response.has_receipt = true;
    }
    item->done(item->done_context, &response);
}

static bool wants_receipt(const struct pp_item *item)
{
    return item->kind == PP_ITEM_REQUEST && item->error == PP_OK && !item->host &&
           item->admitted + item->known > 0;
}

/* The root over the bodies of what is admitted, in the request's order. */
static void root_of(struct pp_node *node, const struct pp_item *item, struct pp_hash *out)
{
    size_t count = 0;
    for (size_t i = 0; i < item->request->count; i++) {
        const struct pp_outcome *outcome = &item->outcomes[i];
        if (outcome->sequence == 0)
            continue;
        const struct pp_receipt_body body = {
            .channel_id = item->request->channel_id,
            .lane = item->request->lane,
            .stamp_id = item->ids[i],
            .sequence = outcome->sequence,
            .time_ms = outcome->time_ms,
        };
        pp_receipt_body_hash(&body, &node->scratch[count++]);
    }
    pp_tree_root(node->scratch, count, out);
}

/* One signature for the group (NODE-021), then the answers. */
static void group_answer(struct pp_node *node, size_t count)
{
    uint32_t roots = 0;
    for (size_t i = 0; i < count; i++)
        if (wants_receipt(node->group[i]))
            root_of(node, node->group[i], &node->roots[roots++]);
    if (roots > 0)
        pp_receipt_group_sign(&node->receipt_secret, node->config.node_id, node->roots, roots,
                              node->receipts);
    uint32_t next = 0;
    pp_pipeline_release(node, node->group, count);
    for (size_t i = 0; i < count; i++) {
        struct pp_item *item = node->group[i];
        if (item->kind != PP_ITEM_REQUEST) {
            pp_pipeline_called(node, item);
            continue;
        }
        request_answer(node, item, wants_receipt(item) ? &node->receipts[next++] : NULL);
        pp_item_free(node, item);
    }
}

/* ---- a group ---- */

struct group {
    struct pp_node *node;
    struct pp_item *first;
    size_t count;
    uint64_t stamps, bytes;
    uint64_t began_ns;
    uint64_t gathered_ns;
    bool single;
    bool begun;           /* the transaction was: `first` is taken, or handed on */
    struct pp_item *look; /* wants to be between groups: the group ends */
};

static enum pp_error group_take(struct group *group, struct pp_txn *txn, struct pp_item *item)
{
    struct pp_node *node = group->node;
    bool again = false;
    node->group[group->count++] = item;
    if (item->kind == PP_ITEM_WRITE) {
        item->error = item->run(node, txn, item->run_context);
        group->stamps += PP_LEAVES_MAX;
        return loses_group(item->error) ? item->error : PP_OK;
    }
    PP_TRY(pp_admit(node, txn, item, &again));
    if (again) {
        group->count--;
        pp_pipeline_reverify(node, item);
        return PP_OK;
    }
    group->stamps += item->request->count;
    group->bytes += item->bytes;
    return PP_OK;
}

static enum pp_error group_gather(struct group *group, struct pp_txn *txn)
{
    struct pp_item *item = group->first;
    while (item) {
        if (item->kind == PP_ITEM_LOOK) {
            group->look = item;
            break;
        }
        PP_TRY(group_take(group, txn, item));
        if (group->single || group->stamps + PP_LEAVES_MAX > PP_GROUP_MAX ||
            group->bytes > PP_GROUP_BYTES_MAX)
            break;
        item = pp_pipeline_next_for(group->node, group->began_ns, group->stamps);
    }
    return PP_OK;
}

static enum pp_error group_run(void *context, struct pp_txn *txn)
{
    struct group *group = context;
    group->begun = true;
    enum pp_error error = group_gather(group, txn);
    group->gathered_ns = pp_monotonic_ns();
    return error;
}

static void group_undo(struct pp_node *node, const struct pp_journal_head *head)
{
    pthread_rwlock_wrlock(&node->state);
    uint32_t lanes = node->ledger.head.lane_count;
    pp_ledger_undo(&node->ledger);
    pp_signers_drop_from(&node->signers, node->ledger.head.lane_count, lanes);
    pthread_rwlock_unlock(&node->state);
    pp_recent_drop_from(&node->recent, head->next_sequence);
    node->head = *head;
}

static enum pp_error group_commit(struct group *group, enum pp_store_room room)
{
    struct pp_node *node = group->node;
    struct pp_journal_head before = node->head;
    pp_ledger_begin(&node->ledger);
    group->began_ns = pp_monotonic_ns();
    enum pp_error error = pp_store_write(node->data.journal, room, group_run, group);
    if (error != PP_OK) {
        group_undo(node, &before);
        if (!group->begun) /* FENCED, or no transaction is to be had: it is refused with the rest */
            node->group[group->count++] = group->first;
        return error;
    }
    pthread_rwlock_wrlock(&node->state);
    pp_ledger_forget(&node->ledger);
    pthread_rwlock_unlock(&node->state);
    if (node->head.next_sequence > before.next_sequence)
        node->flush_ns = (7 * node->flush_ns + (pp_monotonic_ns() - group->gathered_ns)) / 8;
    return PP_OK;
}

/* One item in a group of its own, with the last room: what is no stamp must still be possible in a full store. */
static void write_alone(struct pp_node *node, struct pp_item *item)
{
    struct group group = {.node = node, .first = item, .single = true};
    struct pp_item *const kept = node->group[0];
    enum pp_error error = group_commit(&group, PP_STORE_RESERVE);
    node->group[0] = kept;
    if (error == PP_OK)
        pp_indexer_tell(node);
    else
        item->error = error;
    pp_pipeline_called(node, item);
}

static void call_refuse(struct pp_node *node, struct pp_item *item, enum pp_error error)
{
    item->error = error;
    pp_pipeline_called(node, item);
}

static void group_refuse(struct pp_node *node, size_t count, enum pp_error error)
{
    struct pp_value none = {0};
    if (error == PP_CORRUPT || error == PP_INVARIANT || error == PP_SCHEMA)
        atomic_store(&node->failed, (int)error); /* stop taking work: somebody must look (NODE-026) */
    pp_pipeline_release(node, node->group, count);
    for (size_t i = 0; i < count; i++) {
        struct pp_item *item = node->group[i];
        if (item->kind != PP_ITEM_REQUEST) {
            call_refuse(node, item, error);
            continue;
        }
        pp_item_refuse_whole(item, error, NULL, none, none, 0);
        request_answer(node, item, NULL);
        pp_item_free(node, item);
    }
}

/* ---- a full store ---- */

/* Decides once more, with nothing to be written: a stamp that is known needs no room, all others are refused. */
static enum pp_error known_only_run(void *context, struct pp_txn *txn)
{
    const struct group *group = context;
    for (size_t i = 0; i < group->count; i++) {
        bool again = false;
        PP_TRY(pp_admit(group->node, txn, group->node->group[i], &again));
        PP_ASSERT(!again);
    }
    return PP_OK;
}

/* What is no stamp is tried alone, with the last room: it may be what makes room. Unless nothing can be written at all. */
static void group_full(struct group *group, bool prepared)
{
    struct pp_node *node = group->node;
    size_t count = group->count;
    atomic_store(&node->full_until_ms, pp_node_now(node) + PP_FULL_RETRY_MS);
    group->count = 0;
    for (size_t i = 0; i < count; i++)
        if (node->group[i]->kind == PP_ITEM_REQUEST)
            node->group[group->count++] = node->group[i];
        else if (prepared)
            write_alone(node, node->group[i]);
        else
            call_refuse(node, node->group[i], PP_STORE_FULL);
    node->group_is_lost = true;
    enum pp_error error = pp_store_read(node->data.journal, known_only_run, group);
    node->group_is_lost = false;
    if (error == PP_OK)
        group_answer(node, group->count);
    else
        group_refuse(node, group->count, error);
}

/* The index must not fall back further than the writer can remember. */
static enum pp_error recent_make_room(struct pp_node *node)
{
    pp_recent_drop_below(&node->recent, atomic_load(&node->indexed_position));
    if (pp_recent_count(&node->recent) + PP_GROUP_MAX + PP_LEAVES_MAX <= PP_RECENT_MAX)
        return PP_OK;
    PP_TRY(pp_indexer_flush(node));
    pp_recent_drop_below(&node->recent, atomic_load(&node->indexed_position));
    return PP_OK;
}

static enum pp_error group_prepare(struct pp_node *node)
{
    uint64_t now_ms = pp_node_now(node);
    node->group_stale = pp_view_is_stale(node, now_ms);
    node->group_time_ms = time_at(node, now_ms, node->group_stale); /* also of what is written alone, should this fail */
    PP_TRY(pp_writer_day(node, node->group_time_ms)); /* so that no record of a day stands before it began (NODE-031) */
    pp_writer_turn(node, LANES_TO_TURN);
    PP_TRY(recent_make_room(node));
    pthread_rwlock_wrlock(&node->state); /* a checkpoint may be reading what moves */
    enum pp_error error = pp_ledger_reserve(&node->ledger, PP_GROUP_MAX + PP_LEAVES_MAX);
    pthread_rwlock_unlock(&node->state);
    return error;
}

static void load_publish(struct pp_node *node)
{
    pthread_mutex_lock(&node->quote_lock);
    node->load = node->ledger.head.congestion;
    pthread_mutex_unlock(&node->quote_lock);
}

static void look(struct pp_node *node, struct pp_item *item)
{
    item->error = item->run(node, NULL, item->run_context);
    pp_pipeline_called(node, item);
}

static void group_do(struct pp_node *node, struct pp_item *first)
{
    struct group group = {.node = node, .first = first};
    enum pp_error error = group_prepare(node);
    bool prepared = error == PP_OK;
    if (prepared)
        error = group_commit(&group, PP_STORE_ORDINARY);
    else
        node->group[group.count++] = first;
    if (error == PP_OK) {
        pp_indexer_tell(node);
        load_publish(node);
        group_answer(node, group.count);
    } else if (error == PP_STORE_FULL) {
        group_full(&group, prepared);
    } else {
        group_refuse(node, group.count, error);
    }
    if (group.look)
        look(node, group.look);
}

void *pp_writer_main(void *context)
{
    struct pp_node *node = context;
    struct pp_item *item;
    pp_thread_name("pp-writer");
    while ((item = pp_pipeline_next(node, true)) != NULL)
        if (item->kind == PP_ITEM_LOOK)
            look(node, item);
        else
            group_do(node, item);
    return NULL;
}
