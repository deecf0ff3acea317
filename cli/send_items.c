#include "send_parts.h"

#include <pp/assert.h>

#include <stdlib.h>

/* ---- items ---- */

void cli_send_item_free(struct item *item)
{
    if (!item)
        return;
    cli_parcel_free(item->parcel);
    free(item);
}

void cli_send_queue_put(struct queue *queue, struct item *item)
{
    item->next = NULL;
    if (queue->last)
        queue->last->next = item;
    else
        queue->first = item;
    queue->last = item;
}

/* Due at once. */
void cli_send_queue_put_first(struct queue *queue, struct item *item)
{
    item->due_ms = 0;
    item->next = queue->first;
    queue->first = item;
    if (!queue->last)
        queue->last = item;
}

struct item *cli_send_queue_take(struct queue *queue)
{
    struct item *item = queue->first;
    if (!item)
        return NULL;
    queue->first = item->next;
    if (!queue->first)
        queue->last = NULL;
    item->next = NULL;
    return item;
}

static void refusal_count(struct sender *s, const struct item *item, enum pp_error error)
{
    struct cli_send_summary *summary = s->summary;
    size_t i = 0;
    while (i < summary->refused_kinds && summary->refused[i].error != error)
        i++;
    if (i == CLI_SEND_ERRORS_MAX)
        i--; /* the last row takes what is left over */
    if (i == summary->refused_kinds) {
        summary->refused_kinds++;
        summary->refused[i].error = error;
        snprintf(summary->refused[i].first, sizeof summary->refused[i].first, "%s", item->parcel->name);
    }
    summary->refused[i].count++;
}

/* For good. */
void cli_send_item_refuse(struct sender *s, struct item *item, enum pp_error error)
{
    refusal_count(s, item, error);
    s->progress_ms = cli_clock_ms();
    s->last_error = error;
    if (error == PP_CAP_EXCEEDED && s->summary->stopped == PP_OK)
        s->summary->stopped = error;
    cli_send_item_free(item);
}

/* ---- earlier runs ---- */

static int earlier_compare(const void *a, const void *b)
{
    const struct earlier *left = a, *right = b;
    int order =
        memcmp(left->envelope_hash.bytes, right->envelope_hash.bytes, sizeof left->envelope_hash.bytes);
    return order ? order : memcmp(left->id.bytes, right->id.bytes, sizeof left->id.bytes);
}

/* Sorted, and each stamp once: a stamp that was sent again stands in the log under each of its vouchers. */
static void earlier_sort(struct earlier_list *list)
{
    size_t kept = 0;
    if (list->count == 0)
        return;
    qsort(list->rows, list->count, sizeof *list->rows, earlier_compare);
    for (size_t i = 1; i < list->count; i++)
        if (!pp_stamp_id_eq(&list->rows[kept].id, &list->rows[i].id))
            list->rows[++kept] = list->rows[i];
    list->count = kept + 1;
}

/* The first row, not taken, that paid for exactly this; marks it. */
static struct earlier *earlier_take(struct earlier_list *list, const struct cli_parcel *parcel)
{
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(list->rows[middle].envelope_hash.bytes, parcel->envelope_hash.bytes, 32) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < list->count && pp_hash_eq(&list->rows[low].envelope_hash, &parcel->envelope_hash); low++) {
        struct earlier *row = &list->rows[low];
        if (!row->taken && row->retention_days == parcel->retention_days &&
            row->envelope_kind == parcel->envelope_kind) {
            row->taken = true;
            return row;
        }
    }
    return NULL;
}

static struct quote *quote_keep(struct sender *s, const struct cli_quote *card)
{
    for (struct quote *q = s->quotes; q; q = q->next)
        if (pp_hash_eq(&q->card.id, &card->id))
            return q;
    struct quote *q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    q->card = *card;
    q->next = s->quotes;
    s->quotes = q;
    return q;
}

static size_t pending_leaves(const struct cli_lane *lane)
{
    size_t count = 0;
    for (size_t i = 0; i < cli_lane_pending(lane); i++)
        count += cli_lane_pending_request(lane, i)->count;
    return count;
}

static enum pp_error pending_gather(struct sender *s)
{
    const struct cli_lane *lane = s->config->lane;
    struct cli_problem ignored;
    size_t most = pending_leaves(lane);
    if (most == 0)
        return PP_OK;
    s->pending.rows = calloc(most, sizeof *s->pending.rows);
    if (!s->pending.rows)
        return PP_NO_MEMORY;
    for (size_t i = 0; i < cli_lane_pending(lane); i++) {
        const struct cli_signed *request = cli_lane_pending_request(lane, i);
        struct cli_quote card;
        if (cli_quote_take(request->quote, request->quote_length, s->config->node, &card, &ignored) != PP_OK)
            return PP_CORRUPT;
        struct quote *quote = quote_keep(s, &card);
        if (!quote)
            return PP_NO_MEMORY;
        for (size_t j = 0; j < request->count; j++) {
            const struct cli_stamp *stamp = cli_lane_find(lane, &request->ids[j]);
            if (stamp && stamp->state == CLI_STAMP_SIGNED)
                s->pending.rows[s->pending.count++] =
                    (struct earlier){.envelope_hash = stamp->envelope_hash,
                                     .retention_days = stamp->retention_days,
                                     .envelope_kind = stamp->envelope_kind,
                                     .leaf = request->leaves[j],
                                     .id = request->ids[j],
                                     .quote = quote};
        }
    }
    earlier_sort(&s->pending);
    return PP_OK;
}

static enum pp_error acknowledged_gather(struct sender *s)
{
    const struct cli_lane *lane = s->config->lane;
    if (!s->config->resume || cli_lane_stamps(lane) == 0)
        return PP_OK;
    s->acknowledged.rows = calloc(cli_lane_stamps(lane), sizeof *s->acknowledged.rows);
    if (!s->acknowledged.rows)
        return PP_NO_MEMORY;
    for (size_t i = 0; i < cli_lane_stamps(lane); i++) {
        const struct cli_stamp *stamp = cli_lane_stamp(lane, i);
        if (stamp->job == cli_lane_job(lane) &&
            (stamp->state == CLI_STAMP_STORED || stamp->state == CLI_STAMP_DELETED))
            s->acknowledged.rows[s->acknowledged.count++] =
                (struct earlier){.envelope_hash = stamp->envelope_hash,
                                 .retention_days = stamp->retention_days,
                                 .envelope_kind = stamp->envelope_kind,
                                 .id = stamp->id};
    }
    earlier_sort(&s->acknowledged);
    return PP_OK;
}

enum pp_error cli_send_earlier_gather(struct sender *s)
{
    PP_TRY(acknowledged_gather(s));
    return pending_gather(s);
}

/* ---- taking parcels ---- */

/* The next parcel that has to be sent; NULL at the end. */
static enum pp_error source_next(struct sender *s, struct item **out)
{
    *out = NULL;
    while (!s->source_ended) {
        struct cli_parcel *parcel;
        PP_TRY(cli_parcels_next(s->config->parcels, &parcel, s->problem));
        if (!parcel) {
            s->source_ended = true;
            break;
        }
        s->summary->taken++;
        struct item *item = calloc(1, sizeof *item);
        if (!item) {
            cli_parcel_free(parcel);
            return cli_problem_set(s->problem, PP_NO_MEMORY, "an envelope");
        }
        item->parcel = parcel;
        if (parcel->error != PP_OK) {
            cli_send_item_refuse(s, item, parcel->error);
            continue;
        }
        if (earlier_take(&s->acknowledged, parcel)) {
            s->summary->skipped++;
            cli_send_item_free(item);
            continue;
        }
        struct earlier *pending = earlier_take(&s->pending, parcel);
        if (pending) {
            item->stamped = true;
            item->leaf = pending->leaf;
            item->id = pending->id;
            item->quote = pending->quote;
        }
        *out = item;
        return PP_OK;
    }
    return PP_OK;
}

/* The next item, wherever it stands: those to be sent again first. */
enum pp_error cli_send_item_next(struct sender *s, uint64_t now, struct item **out)
{
    if (s->again.first && s->again.first->due_ms <= now) {
        *out = cli_send_queue_take(&s->again);
        return PP_OK;
    }
    if (s->summary->stopped != PP_OK) {
        *out = NULL;
        return PP_OK;
    }
    return source_next(s, out);
}
