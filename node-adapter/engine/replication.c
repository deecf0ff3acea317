/* The quorum: which operators it is made of, what they acknowledged, and the records of what is replicated and of what was not in
 * time. A stamp waits in the ledger (ledger/waiting.h); acknowledgements wait here, in memory only: who gave one gives it again
 * until it sees the record. */
#include "engine/node.h"

#include "evidence/ack.h"
#include "evidence/publish.h"

#include <pp/assert.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEADLINE_DEFAULT_MS 600000u
#define GRACE_MAX_MS 60000u /* after a start: time for the peers to say again what they hold */
#define RECORDS_AT_ONCE 64u /* of one tick: 65536 stamps */
#define LANES_AT_ONCE 64u   /* whose refunds are signed in one group: some 3 ms */
#define RECORD_EVERY_MS                                                                                      \
    100u /* between two records made of acknowledgements as they come, unless many stamps wait */

/* ---- the set ---- */

static int by_node(const void *a, const void *b)
{
    const struct pp_row_operator *x = a, *y = b;
    return x->node_id < y->node_id ? -1 : x->node_id > y->node_id;
}

static enum pp_error set_refuse(char *reason, uint32_t node_id)
{
    snprintf(reason, PP_STORE_REASON_BYTES, "operators: node %" PRIu32 " cannot be there, or twice", node_id);
    return PP_BAD_CONFIG;
}

enum pp_error pp_replication_init(struct pp_node *node, const struct pp_node_config *config, char *reason)
{
    struct pp_replication *replication = &node->replication;
    struct pp_ledger_operators *set = &replication->set;
    const int status = pthread_mutex_init(&replication->lock, NULL);
    PP_ASSERT(status == 0);
    replication->deadline_ms = config->replication_ms == 0 ? DEADLINE_DEFAULT_MS : config->replication_ms;
    if (config->operators_count == 0)
        return PP_OK;
    if (config->operators_count >= PP_OPERATORS_MAX || replication->deadline_ms > PP_REPLICATION_MAX_MS) {
        snprintf(reason, PP_STORE_REASON_BYTES, "operators or replication_ms: above the limit");
        return PP_BAD_CONFIG;
    }
    set->list[set->count++] = (struct pp_row_operator){config->node_id, node->operator_address};
    for (size_t i = 0; i < config->operators_count; i++)
        set->list[set->count++] =
            (struct pp_row_operator){config->operators[i].node_id, config->operators[i].address};
    qsort(set->list, set->count, sizeof *set->list, by_node);
    for (uint32_t i = 0; i < set->count; i++)
        if (set->list[i].node_id == 0 || set->list[i].node_id >= 1u << 24 ||
            (i > 0 && set->list[i].node_id == set->list[i - 1].node_id))
            return set_refuse(reason, set->list[i].node_id);
    return PP_OK;
}

void pp_replication_done(struct pp_node *node)
{
    if (node->replication.deadline_ms != 0)
        pthread_mutex_destroy(&node->replication.lock);
}

static bool is_same(const struct pp_ledger_operators *a, const struct pp_ledger_operators *b)
{
    bool same = a->count == b->count;
    for (uint32_t i = 0; same && i < a->count; i++)
        same = a->list[i].node_id == b->list[i].node_id &&
               pp_address_eq(&a->list[i].operator_address, &b->list[i].operator_address);
    return same;
}

/* REW-130. A node that has no others any more says so, by a set of its own operator alone. */
enum pp_error pp_replication_open(struct pp_node *node)
{
    const struct pp_ledger *ledger = &node->ledger;
    const struct pp_replication *replication = &node->replication;
    struct pp_ledger_operators set = replication->set;
    node->replication.opened_ms = pp_node_now(node);
    if (set.count == 0 && ledger->operators.count <= 1)
        return PP_OK;
    if (set.count == 0)
        set.list[set.count++] = (struct pp_row_operator){node->config.node_id, node->operator_address};
    if (is_same(&set, &ledger->operators) && replication->deadline_ms == ledger->head.deadline_ms)
        return PP_OK;
    struct pp_record record = {.type = PP_RECORD_TYPE_OPERATORS,
                               .time_ms = node->head.time_ms,
                               .count = set.count,
                               .operators = {.deadline_ms = replication->deadline_ms},
                               .operator_rows = set.list};
    return pp_writer_append_alone(node, &record, NULL, NULL);
}

/* ---- what comes ---- */

static bool operator_find(const struct pp_replication *replication, uint32_t node_id, uint32_t *out)
{
    for (uint32_t i = 0; i < replication->set.count; i++)
        if (replication->set.list[i].node_id == node_id) {
            *out = i;
            return true;
        }
    return false;
}

struct ack_look {
    const struct pp_ack *ack;
    struct pp_record_room *room;
};

/* EVID-093: of this journal, where one of its records ends. */
static enum pp_error ack_look_run(void *context, struct pp_txn *txn)
{
    const struct ack_look *look = context;
    struct pp_journal_head head = {.next_sequence = look->ack->next};
    struct pp_record record;
    memcpy(head.checksum, look->ack->checksum.bytes, sizeof head.checksum);
    enum pp_error error = pp_journal_find(txn, head.next_sequence - 1, look->room, &record, NULL);
    if (error == PP_NOT_FOUND)
        return PP_EVIDENCE_GAP;
    PP_TRY(error);
    error = pp_journal_ends_at(txn, &head, look->room);
    return error == PP_NOT_FOUND ? PP_EVIDENCE_FORK : error;
}

static enum pp_error ack_check(struct pp_node *node, const struct pp_ack *ack, uint32_t at, uint64_t source)
{
    struct ack_look look = {ack, malloc(sizeof *look.room)};
    if (!look.room)
        return PP_NO_MEMORY;
    enum pp_error error = pp_pipeline_source_turn(node, source, 0); /* NODE-049 */
    if (error == PP_OK) {
        error = pp_ack_verify(node->crypto, &node->config.domain, ack,
                              &node->replication.set.list[at].operator_address);
        pp_pipeline_source_count(node, source, error != PP_OK);
    }
    if (error == PP_OK)
        error = pp_store_read(node->data.journal, ack_look_run, &look);
    free(look.room);
    return error;
}

static uint64_t held_of(struct pp_replication *replication, uint32_t at)
{
    pthread_mutex_lock(&replication->lock);
    const uint64_t next = replication->peers[at].ack.next;
    pthread_mutex_unlock(&replication->lock);
    return next;
}

static void ack_keep(struct pp_node *node, const struct pp_ack *ack, uint32_t at)
{
    struct pp_replication *replication = &node->replication;
    struct pp_replication_peer *peer = &replication->peers[at];
    pthread_mutex_lock(&replication->lock);
    if (ack->next > peer->ack.next) {
        pp_ack_row(ack, &peer->ack);
        peer->came_ms = pp_node_now(node);
    }
    pthread_mutex_unlock(&replication->lock);
}

static bool record_is_due(struct pp_node *node)
{
    struct pp_replication *replication = &node->replication;
    const uint64_t now_ms = pp_node_now(node);
    pthread_mutex_lock(&replication->lock);
    const bool due = now_ms < replication->written_ms || now_ms - replication->written_ms >= RECORD_EVERY_MS;
    if (due)
        replication->written_ms = now_ms;
    pthread_mutex_unlock(&replication->lock);
    return due;
}

/* ---- REPLICATED ---- */

struct replicated_run {
    struct pp_row_ack rows[PP_OPERATORS_MAX];
    bool more;
};

static int by_reach(const void *a, const void *b)
{
    const struct pp_row_ack *x = a, *y = b;
    return x->next > y->next ? -1 : x->next < y->next;
}

static int by_ack_node(const void *a, const void *b)
{
    const struct pp_row_ack *x = a, *y = b;
    return x->node_id < y->node_id ? -1 : x->node_id > y->node_id;
}

/* The acknowledgements that reach furthest, as many as are needed, and how far all of these reach; 0: there are too few. */
static uint64_t acks_choose(struct pp_node *node, struct pp_row_ack rows[PP_OPERATORS_MAX])
{
    struct pp_replication *replication = &node->replication;
    const uint32_t needed = node->ledger.head.acks_needed;
    uint32_t count = 0;
    pthread_mutex_lock(&replication->lock);
    for (uint32_t i = 0; i < replication->set.count; i++)
        if (replication->peers[i].ack.next != 0)
            rows[count++] = replication->peers[i].ack;
    pthread_mutex_unlock(&replication->lock);
    if (needed == 0 || count < needed)
        return 0;
    qsort(rows, count, sizeof *rows, by_reach);
    const uint64_t next = rows[needed - 1].next;
    qsort(rows, needed, sizeof *rows, by_ack_node);
    return next;
}

/* The oldest that stand below `acked`, as many as one record takes: a record's stamps stay together. */
static void batch_take(const struct pp_waiting *waiting, uint64_t acked, struct pp_record_replicated *out)
{
    const struct pp_ticket *stamp;
    uint64_t position = 0, ready = 0;
    uint32_t count = 0;
    *out = (struct pp_record_replicated){.next = acked};
    while ((stamp = pp_waiting_next(waiting, &position)) != NULL && stamp->ready < acked) {
        if (stamp->ready != ready) {
            out->count = count;
            out->next = ready = stamp->ready;
        }
        if (count == PP_REPLICATED_MAX)
            return;
        count++;
    }
    out->count = count;
    out->next = acked;
}

static bool has_below(const struct pp_waiting *waiting, uint64_t next)
{
    uint64_t position = 0;
    const struct pp_ticket *oldest = pp_waiting_next(waiting, &position);
    return oldest && oldest->ready < next;
}

/* REW-132 */
static enum pp_error replicated_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    struct replicated_run *run = context;
    const struct pp_ledger_head *head = &node->ledger.head;
    struct pp_record record = {.type = PP_RECORD_TYPE_REPLICATED, .ack_rows = run->rows};
    const uint64_t next = acks_choose(node, run->rows),
                   acked = next > head->acked_next ? next : head->acked_next;
    run->more = false;
    batch_take(&node->ledger.waiting, acked, &record.replicated);
    if (record.replicated.count == 0)
        return PP_OK;
    if (acked > head->acked_next)
        record.count = head->acks_needed;
    PP_TRY(pp_writer_append(node, txn, &record));
    run->more = has_below(&node->ledger.waiting, acked);
    return PP_OK;
}

static enum pp_error replicated_some(struct pp_node *node)
{
    struct replicated_run *run = malloc(sizeof *run);
    enum pp_error error = run ? PP_OK : PP_NO_MEMORY;
    bool more = true;
    for (unsigned i = 0; i < RECORDS_AT_ONCE && more && error == PP_OK; i++) {
        error = pp_pipeline_call(node, PP_ITEM_WRITE, replicated_run, run);
        more = error == PP_OK && run->more;
    }
    free(run);
    return error;
}

enum pp_error pp_node_acknowledge(struct pp_node *node, const uint8_t *bytes, size_t length, uint64_t source,
                                  uint64_t *out_next)
{
    struct pp_ack ack;
    uint32_t at;
    PP_TRY(pp_ack_decode(pp_slice(bytes, length), &ack));
    if (ack.lane != pp_lane_make(node->config.node_id, node->config.shard))
        return PP_UNKNOWN_LANE;
    if (ack.node_id == node->config.node_id || !operator_find(&node->replication, ack.node_id, &at))
        return PP_NO_OPERATORS;
    if (ack.next > held_of(&node->replication, at)) { /* EVID-095: else it says nothing new */
        PP_TRY(ack_check(node, &ack, at, source));
        ack_keep(node, &ack, at);
    }
    *out_next = held_of(&node->replication, at);
    /* It is kept: what becomes of the record is the next tick's matter, too. */
    return record_is_due(node) ? replicated_some(node) : PP_OK;
}

/* ---- NOT_REPLICATED ---- */

struct late_run {
    struct pp_ticket list[PP_RECORD_ROWS_MAX];
    struct pp_row_ticket rows[PP_RECORD_ROWS_MAX];
    bool more;
};

static bool is_late(const struct pp_node *node, const struct pp_ticket *stamp)
{
    return node->group_time_ms >= stamp->time_ms &&
           node->group_time_ms - stamp->time_ms >= node->ledger.head.deadline_ms;
}

/* Deadlines pass in the order of the ring. */
static size_t late_take(const struct pp_node *node, struct pp_ticket *out)
{
    const struct pp_ticket *stamp;
    uint64_t position = 0;
    size_t count = 0;
    while (count < PP_RECORD_ROWS_MAX &&
           (stamp = pp_waiting_next(&node->ledger.waiting, &position)) != NULL && is_late(node, stamp))
        out[count++] = *stamp;
    return count;
}

static int by_lane(const void *a, const void *b)
{
    const struct pp_ticket *x = a, *y = b;
    if (x->slot != y->slot)
        return x->slot < y->slot ? -1 : 1;
    return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

/* REW-134: its row, and the envelope. */
static enum pp_error stamp_give_back(struct pp_txn *txn, const struct pp_ticket *stamp,
                                     struct pp_refund_draft *draft)
{
    struct pp_key8 key = pp_key8_of(stamp->sequence);
    const struct pp_refund_case refund_case = {stamp->postage, stamp->retention_days, stamp->stored_day,
                                               stamp->stored_day};
    struct pp_stamp_row row;
    struct pp_grains amount;
    PP_TRY(pp_stamp_row_get(txn, stamp->sequence, &row));
    if (pp_refund_decide(&refund_case, PP_REFUND_NOT_REPLICATED, &row.refund, &row.refund, &amount) != PP_OK)
        return PP_INVARIANT; /* nothing of it can have been refunded before */
    PP_TRY(pp_stamp_row_put(txn, stamp->sequence, &row));
    PP_TRY(pp_refund_draft_add(draft, &stamp->stamp_id, amount, PP_REFUND_NOT_REPLICATED));
    const enum pp_error error = pp_txn_delete(txn, PP_TABLE_ENVELOPES, pp_slice(key.bytes, 8));
    return error == PP_NOT_FOUND ? PP_OK : error; /* the host's */
}

static enum pp_error lane_give_back(struct pp_node *node, struct pp_txn *txn, const struct pp_ticket *stamps,
                                    size_t count, struct pp_row_ticket *rows)
{
    const struct pp_ledger_lane *lane = &node->ledger.lanes[stamps[0].slot];
    struct pp_refund_draft draft;
    pp_refund_draft_begin(&draft, &node->ledger, lane);
    for (size_t i = 0; i < count; i++) {
        PP_TRY(stamp_give_back(txn, &stamps[i], &draft));
        rows[i].ticket = stamps[i].sequence;
    }
    PP_TRY(pp_refund_draft_sign(&draft, node, lane));
    struct pp_record record = {
        .type = PP_RECORD_TYPE_NOT_REPLICATED,
        .count = (uint32_t)count,
        .not_replicated = {.channel_id = lane->channel_id,
                           .refunded = draft.refunded,
                           .reasons = draft.reasons,
                           .refund_signature = draft.signature},
        .ticket_rows = rows,
    };
    return pp_writer_append(node, txn, &record);
}

/* REW-133 */
static enum pp_error late_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    struct late_run *run = context;
    const size_t count = late_take(node, run->list);
    run->more = false;
    if (count > 0)
        qsort(run->list, count, sizeof *run->list, by_lane);
    unsigned lanes = 0;
    for (size_t at = 0, end; at < count && lanes < LANES_AT_ONCE; at = end, lanes++) {
        for (end = at + 1; end < count && run->list[end].slot == run->list[at].slot; end++) {
        }
        PP_TRY(lane_give_back(node, txn, &run->list[at], end - at, run->rows));
        run->more = true; /* until there is none */
    }
    return PP_OK;
}

static enum pp_error late_some(struct pp_node *node)
{
    struct late_run *run = malloc(sizeof *run);
    enum pp_error error = run ? PP_OK : PP_NO_MEMORY;
    bool more = true;
    for (unsigned i = 0; i < RECORDS_AT_ONCE && more && error == PP_OK; i++) {
        error = pp_pipeline_call(node, PP_ITEM_WRITE, late_run, run);
        more = error == PP_OK && run->more;
    }
    free(run);
    return error;
}

/* ---- time ---- */

bool pp_replication_has_room(const struct pp_node *node, size_t stamps)
{
    return node->ledger.head.acks_needed == 0 || pp_waiting_room(&node->ledger.waiting) >= stamps;
}

/* REW-137: not at once after a start, for what the peers hold they cannot have said to a node that was away. */
static bool grace_is_over(const struct pp_node *node)
{
    const struct pp_replication *replication = &node->replication;
    const uint64_t now_ms = pp_node_now(node), grace_ms = replication->deadline_ms < GRACE_MAX_MS
                                                              ? replication->deadline_ms
                                                              : GRACE_MAX_MS;
    return now_ms >= replication->opened_ms && now_ms - replication->opened_ms >= grace_ms;
}

enum pp_error pp_replication_tick(struct pp_node *node)
{
    PP_TRY(replicated_some(node));
    return grace_is_over(node) ? late_some(node) : PP_OK;
}

/* ---- looking ---- */

static enum pp_error status_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    struct pp_replication_status *out = context;
    const struct pp_ledger *ledger = &node->ledger;
    uint64_t position = 0;
    const struct pp_ticket *oldest = pp_waiting_next(&ledger->waiting, &position);
    (void)txn;
    out->operators = ledger->operators.count;
    out->needed = ledger->head.acks_needed;
    out->deadline_ms = ledger->head.deadline_ms;
    out->waiting = ledger->waiting.count;
    if (!oldest)
        return PP_OK;
    const uint64_t time_ms = pp_writer_time(node);
    out->oldest_sequence = oldest->ready;
    out->oldest_age_ms = time_ms > oldest->time_ms ? time_ms - oldest->time_ms : 0;
    out->lost = out->oldest_age_ms > out->deadline_ms / 2;
    return PP_OK;
}

void pp_node_replication(struct pp_node *node, struct pp_replication_status *out)
{
    struct pp_replication *replication = &node->replication;
    *out = (struct pp_replication_status){0};
    (void)!pp_pipeline_call(node, PP_ITEM_LOOK, status_run, out); /* stopping: all zero */
    pthread_mutex_lock(&replication->lock);
    for (uint32_t i = 0; i < replication->set.count; i++)
        if (replication->set.list[i].node_id != node->config.node_id)
            out->heard[out->heard_count++] =
                (struct pp_replication_heard){replication->set.list[i].node_id,
                                              replication->peers[i].ack.next, replication->peers[i].came_ms};
    pthread_mutex_unlock(&replication->lock);
}
