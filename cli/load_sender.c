#include "load_sender.h"

#include <pp/assert.h>

#include <string.h>
#include <time.h>

uint64_t load_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---- the tally ---- */

void load_tally_init(struct load_tally *tally)
{
    memset(tally, 0, sizeof *tally);
}

void load_tally_merge(struct load_tally *into, const struct load_tally *from)
{
    load_histogram_merge(&into->latency, &from->latency);
    load_histogram_merge(&into->lag, &from->lag);
    into->requests_due += from->requests_due;
    into->requests_sent += from->requests_sent;
    into->requests_admitted += from->requests_admitted;
    into->requests_refused += from->requests_refused;
    into->requests_lost += from->requests_lost;
    into->requests_unanswered += from->requests_unanswered;
    into->requests_unsent += from->requests_unsent;
    into->admitted += from->admitted;
    into->known += from->known;
    for (unsigned i = 0; i < LOAD_ERRORS; i++)
        into->refused[i] += from->refused[i];
    into->connections_lost += from->connections_lost;
    into->connections_failed += from->connections_failed;
    into->checked += from->checked;
    into->checks_failed += from->checks_failed;
    if (from->last_answer_ns > into->last_answer_ns)
        into->last_answer_ns = from->last_answer_ns;
    load_histogram_merge(&into->root_latency, &from->root_latency);
    into->roots_sent += from->roots_sent;
    into->roots_taken += from->roots_taken;
    into->roots_refused += from->roots_refused;
    into->leaves_unsigned += from->leaves_unsigned;
    into->tickets_stored += from->tickets_stored;
    into->tickets_failed += from->tickets_failed;
    into->sender_cpu_ns += from->sender_cpu_ns;
}

uint64_t load_tally_refused(const struct load_tally *tally)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < LOAD_ERRORS; i++)
        sum += tally->refused[i];
    return sum;
}

/* ---- what is due ---- */

static uint64_t due_at(const struct load_sender *sender, uint32_t arrival)
{
    return sender->round->start_ns + sender->round->due_ns[arrival];
}

static bool all_noticed(const struct load_sender *sender)
{
    return sender->noticed >= sender->round->traffic->count;
}

void load_sender_notice(struct load_sender *sender, uint64_t now_ns)
{
    if (sender->stopped_ns != 0)
        return;
    while (!all_noticed(sender) && due_at(sender, sender->noticed) <= now_ns) {
        load_histogram_add(&sender->tally.lag, now_ns - due_at(sender, sender->noticed));
        sender->tally.requests_due++;
        sender->noticed += sender->round->threads;
    }
}

bool load_sender_is_waiting(const struct load_sender *sender)
{
    return sender->stopped_ns == 0 && (sender->next < sender->noticed || sender->passed > 0);
}

static uint64_t deadline_of(const struct load_sender *sender)
{
    if (sender->stopped_ns != 0)
        return sender->stopped_ns + LOAD_STOP_NS;
    if (!all_noticed(sender) || sender->round->traffic->count == 0)
        return UINT64_MAX;
    return due_at(sender, sender->round->traffic->count - 1) + LOAD_DRAIN_NS;
}

static void last_roots_queue(struct load_sender *sender);

bool load_sender_goes_on(struct load_sender *sender, uint64_t now_ns)
{
    if (sender->stopped_ns == 0 && atomic_load_explicit(sender->round->stop, memory_order_relaxed))
        sender->stopped_ns = now_ns;
    if (sender->in_flight == 0 &&
        (sender->stopped_ns != 0 || (all_noticed(sender) && !load_sender_is_waiting(sender)))) {
        last_roots_queue(sender);
        if (sender->roots_queued + sender->roots_under_way == 0)
            return false;
    }
    return now_ns < deadline_of(sender);
}

uint64_t load_sender_wake_ns(const struct load_sender *sender, uint64_t now_ns)
{
    uint64_t wake = now_ns + LOAD_TURN_MAX_NS;
    if (sender->stopped_ns == 0 && !all_noticed(sender) && due_at(sender, sender->noticed) < wake)
        wake = due_at(sender, sender->noticed);
    return deadline_of(sender) < wake ? deadline_of(sender) : wake;
}

/* ---- lanes ---- */

static uint32_t lane_of(const struct load_sender *sender, uint32_t number)
{
    return number % sender->round->traffic->lanes_count;
}

/* A root is over all that is admitted: what is lost goes again first, and what is under way is waited for. */
static bool root_may_leave(const struct load_flow *flow, const struct load_tail *tail)
{
    return tail->wanted && !tail->busy && !tail->is_queued && flow->in_flight == 0 && flow->lost_count == 0;
}

static void root_queue(struct load_sender *sender, uint32_t lane)
{
    struct load_flow *flows = sender->round->flows;
    struct load_queue *queue = &sender->roots;
    sender->round->tails[lane].is_queued = true;
    sender->roots_queued++;
    flows[lane].next_root = 0;
    if (queue->first == 0)
        queue->first = lane + 1;
    else
        flows[queue->last - 1].next_root = lane + 1;
    queue->last = lane + 1;
}

/* LOAD-010, LOAD-015: whether its next stamps must wait. */
static bool lane_is_held(struct load_sender *sender, uint32_t lane)
{
    const struct load_flow *flow = &sender->round->flows[lane];
    if (flow->in_flight == LOAD_LANE_FLIGHT_MAX)
        return true;
    if (!sender->round->tails)
        return false;
    struct load_tail *tail = &sender->round->tails[lane];
    const uint32_t stamps = sender->round->traffic->shape.stamps;
    if (!tail->wanted && flow->again_count == 0 && tail->count + (flow->in_flight + 1) * stamps > tail->limit)
        tail->wanted = true;
    if (root_may_leave(flow, tail))
        root_queue(sender, lane);
    return tail->busy || (tail->wanted && flow->lost_count == 0);
}

static void lane_look(struct load_sender *sender, uint32_t lane)
{
    struct load_flow *flows = sender->round->flows, *flow = &flows[lane];
    struct load_queue *queue = &sender->ready;
    if (lane_is_held(sender, lane) || flow->passed == 0 || flow->is_ready)
        return;
    flow->is_ready = true;
    flow->next_ready = 0;
    if (queue->first == 0)
        queue->first = lane + 1;
    else
        flows[queue->last - 1].next_ready = lane + 1;
    queue->last = lane + 1;
}

static uint32_t letter_take(struct load_flow *flow, uint32_t lane, uint32_t lanes)
{
    if (flow->again_count == 0)
        return lane + flow->taken++ * lanes;
    const struct load_again again = flow->again[0];
    flow->again_count--;
    memmove(flow->again, flow->again + 1, flow->again_count * sizeof flow->again[0]);
    flow->lost_count -= again.lost;
    return again.letter;
}

static void arrival_take(struct load_sender *sender, uint32_t arrival, uint32_t *out_letter,
                         uint64_t *out_due_ns)
{
    const uint32_t lane = lane_of(sender, arrival);
    struct load_flow *flow = &sender->round->flows[lane];
    *out_letter = letter_take(flow, lane, sender->round->traffic->lanes_count);
    *out_due_ns = due_at(sender, arrival);
    flow->in_flight++;
    sender->in_flight++;
    sender->tally.requests_sent++;
}

/* The oldest of a lane that was held and is not any more. */
static bool passed_take(struct load_sender *sender, uint32_t *out_letter, uint64_t *out_due_ns)
{
    while (sender->ready.first != 0) {
        const uint32_t lane = sender->ready.first - 1;
        struct load_flow *flow = &sender->round->flows[lane];
        sender->ready.first = flow->next_ready;
        flow->is_ready = false;
        if (lane_is_held(sender, lane))
            continue; /* it is looked at again with its next answer */
        const uint32_t arrival = flow->passed_first;
        flow->passed_first += sender->round->traffic->lanes_count;
        flow->passed--;
        sender->passed--;
        arrival_take(sender, arrival, out_letter, out_due_ns);
        lane_look(sender, lane);
        return true;
    }
    return false;
}

bool load_sender_take(struct load_sender *sender, uint32_t *out_letter, uint64_t *out_due_ns)
{
    if (!load_sender_is_waiting(sender))
        return false;
    if (passed_take(sender, out_letter, out_due_ns))
        return true;
    while (sender->next < sender->noticed) {
        const uint32_t arrival = sender->next, lane = lane_of(sender, arrival);
        struct load_flow *flow = &sender->round->flows[lane];
        sender->next += sender->round->threads;
        if (flow->passed == 0 && !lane_is_held(sender, lane)) {
            arrival_take(sender, arrival, out_letter, out_due_ns);
            return true;
        }
        if (flow->passed++ == 0)
            flow->passed_first = arrival;
        sender->passed++;
    }
    return false;
}

/* ---- answers ---- */

/* Its stamps stay free on the line until they are sent once more. */
static bool is_for_now(const struct load_verdict *verdict)
{
    const enum pp_error_class class_ = pp_error_class(verdict->error);
    return verdict->lost || (verdict->admitted + verdict->known == 0 &&
                             (class_ == PP_CLASS_STATE || class_ == PP_CLASS_LIMIT));
}

static void verdict_count(struct load_tally *tally, const struct load_verdict *verdict)
{
    tally->admitted += verdict->admitted;
    tally->known += verdict->known;
    if (verdict->refused > 0) {
        PP_ASSERT((unsigned)verdict->error < LOAD_ERRORS);
        tally->refused[verdict->error] += verdict->refused;
    }
    if (verdict->lost)
        tally->requests_lost++;
    else if (verdict->admitted + verdict->known > 0)
        tally->requests_admitted++;
    else
        tally->requests_refused++;
}

uint64_t *load_sender_sequences(const struct load_sender *sender, uint32_t letter)
{
    const struct load_round *round = sender->round;
    return round->sequences ? round->sequences + (size_t)letter * round->traffic->shape.stamps : NULL;
}

static void lane_answered(struct load_sender *sender, uint32_t letter, const struct load_verdict *verdict)
{
    const uint32_t lane = lane_of(sender, letter), stamps = sender->round->traffic->shape.stamps;
    struct load_flow *flow = &sender->round->flows[lane];
    PP_ASSERT(flow->in_flight > 0 && sender->in_flight > 0);
    flow->in_flight--;
    sender->in_flight--;
    if (is_for_now(verdict)) { /* room: those again and those under way are at most FLIGHT_MAX */
        flow->again[flow->again_count++] = (struct load_again){letter, verdict->lost};
        flow->lost_count += verdict->lost;
    }
    if (sender->round->tails && verdict->admitted + verdict->known > 0)
        load_tail_put(&sender->round->tails[lane], letter * stamps, load_sender_sequences(sender, letter),
                      stamps);
    lane_look(sender, lane);
}

void load_sender_answered(struct load_sender *sender, uint32_t letter, uint64_t due_ns, uint64_t now_ns,
                          const struct load_verdict *verdict)
{
    verdict_count(&sender->tally, verdict);
    lane_answered(sender, letter, verdict);
    if (verdict->lost)
        return;
    if (now_ns - sender->round->start_ns > sender->tally.last_answer_ns)
        sender->tally.last_answer_ns = now_ns - sender->round->start_ns;
    if (verdict->admitted + verdict->known > 0)
        load_histogram_add(&sender->tally.latency, now_ns - due_ns);
}

/* ---- roots ---- */

bool load_sender_root_take(struct load_sender *sender, uint32_t *out_lane)
{
    if (sender->roots.first == 0)
        return false;
    const uint32_t lane = sender->roots.first - 1;
    struct load_tail *tail = &sender->round->tails[lane];
    sender->roots.first = sender->round->flows[lane].next_root;
    sender->roots_queued--;
    sender->roots_under_way++;
    sender->tally.roots_sent++;
    tail->is_queued = false;
    tail->busy = true;
    tail->sent_ns = load_now_ns();
    *out_lane = lane;
    return true;
}

void load_sender_rooted(struct load_sender *sender, uint32_t lane, enum pp_error error, uint64_t now_ns)
{
    struct load_tail *tail = &sender->round->tails[lane];
    PP_ASSERT(tail->busy && sender->roots_under_way > 0);
    tail->busy = false;
    sender->roots_under_way--;
    if (error == PP_NODE_DOWN || pp_error_class(error) == PP_CLASS_LIMIT) {
        lane_look(sender, lane); /* SESSION-032: the same again changes nothing */
        return;
    }
    tail->wanted = false;
    tail->count = 0;
    tail->limit = load_tail_limit(sender->round->traffic->lanes_count, sender->round->traffic->shape.stamps);
    if (error == PP_OK) {
        sender->tally.roots_taken++;
        load_histogram_add(&sender->tally.root_latency, now_ns - tail->sent_ns);
    } else {
        sender->tally.roots_refused++;
    }
    lane_look(sender, lane);
}

uint64_t load_sender_unsigned(const struct load_sender *sender)
{
    const struct load_round *round = sender->round;
    uint64_t sum = 0;
    for (uint32_t lane = sender->index; round->tails && lane < round->traffic->lanes_count;
         lane += round->threads)
        sum += round->tails[lane].count;
    return sum;
}

/* SESSION-054: nothing stays unsigned. Of a lane with a lost request nobody knows what is. */
static void last_roots_queue(struct load_sender *sender)
{
    if (sender->is_closing || !sender->round->tails)
        return;
    sender->is_closing = true;
    for (uint32_t lane = sender->index; lane < sender->round->traffic->lanes_count;
         lane += sender->round->threads) {
        struct load_tail *tail = &sender->round->tails[lane];
        tail->wanted |= tail->count > 0;
        if (root_may_leave(&sender->round->flows[lane], tail))
            root_queue(sender, lane);
    }
}

struct load_sample *load_sender_sample(const struct load_sender *sender, uint32_t letter)
{
    const uint32_t every = sender->round->check_every;
    return every > 0 && letter % every == 0 ? &sender->round->samples[letter / every] : NULL;
}
