#include "engine/fair_queue.h"

#include <pp/assert.h>

#include <string.h>

void pp_fair_queue_init(struct pp_fair_queue *queue, uint32_t requests_max, uint32_t stamps_max)
{
    memset(queue, 0, sizeof *queue);
    queue->first = queue->last = PP_FLOWS;
    queue->requests_max = requests_max;
    queue->stamps_max = stamps_max;
}

/* ---- whose turn it is ---- */

static void turn_append(struct pp_fair_queue *queue, uint32_t number)
{
    queue->flows[number].next = PP_FLOWS;
    if (queue->last == PP_FLOWS)
        queue->first = number;
    else
        queue->flows[queue->last].next = number;
    queue->last = number;
}

static uint32_t turn_take(struct pp_fair_queue *queue)
{
    uint32_t number = queue->first;
    queue->first = queue->flows[number].next;
    if (queue->first == PP_FLOWS)
        queue->last = PP_FLOWS;
    return number;
}

/* ---- putting ---- */

/* NODE-047. Dynamic thresholds (Choudhury and Hahne): a flow may hold as much as is still free. One alone gets half of the
 * room, n that press get one part of n + 1 each, and a part is always left for who comes next. */
static bool has_share(const struct pp_fair_queue *queue, const struct pp_flow *flow, uint32_t stamps)
{
    uint32_t free_requests = queue->requests_max - queue->requests;
    uint32_t free_stamps = queue->stamps_max - queue->stamps;
    return flow->requests < free_requests && flow->stamps < free_stamps && stamps <= free_stamps;
}

void pp_fair_queue_wait_again(struct pp_fair_queue *queue, struct pp_fair_entry *entry)
{
    struct pp_flow *flow = &queue->flows[entry->flow];
    entry->next = NULL;
    if (flow->last) {
        flow->last->next = entry;
    } else {
        flow->first = entry;
        flow->credit = 0;
        turn_append(queue, entry->flow);
    }
    flow->last = entry;
    queue->waiting++;
}

enum pp_error pp_fair_queue_put(struct pp_fair_queue *queue, uint32_t number, struct pp_fair_entry *entry)
{
    struct pp_flow *flow = &queue->flows[number % PP_FLOWS];
    if (!has_share(queue, flow, entry->stamps))
        return PP_BUSY;
    entry->flow = number % PP_FLOWS;
    flow->requests++;
    flow->stamps += entry->stamps;
    queue->requests++;
    queue->stamps += entry->stamps;
    pp_fair_queue_wait_again(queue, entry);
    return PP_OK;
}

void pp_fair_queue_release(struct pp_fair_queue *queue, const struct pp_fair_entry *entry)
{
    struct pp_flow *flow = &queue->flows[entry->flow];
    PP_ASSERT(flow->requests > 0 && flow->stamps >= entry->stamps);
    flow->requests--;
    flow->stamps -= entry->stamps;
    queue->requests--;
    queue->stamps -= entry->stamps;
}

/* ---- taking ---- */

struct pp_fair_entry *pp_fair_queue_take(struct pp_fair_queue *queue)
{
    if (queue->waiting == 0)
        return NULL;
    /* Ends: every turn adds credit, and a request costs at most PP_FAIR_SIGNATURE_COST + PP_LEAVES_MAX. */
    while (queue->flows[queue->first].credit < pp_fair_cost(queue->flows[queue->first].first)) {
        uint32_t number = turn_take(queue);
        queue->flows[number].credit += PP_FAIR_QUANTUM;
        turn_append(queue, number);
    }
    struct pp_flow *flow = &queue->flows[queue->first];
    struct pp_fair_entry *entry = flow->first;
    flow->first = entry->next;
    flow->credit -= pp_fair_cost(entry);
    queue->waiting--;
    if (!flow->first) {
        flow->last = NULL;
        (void)turn_take(queue);
    }
    return entry;
}
