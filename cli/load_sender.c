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
    return sender->stopped_ns == 0 && sender->next < sender->noticed;
}

static uint64_t deadline_of(const struct load_sender *sender)
{
    if (sender->stopped_ns != 0)
        return sender->stopped_ns + LOAD_STOP_NS;
    if (!all_noticed(sender) || sender->round->traffic->count == 0)
        return UINT64_MAX;
    return due_at(sender, sender->round->traffic->count - 1) + LOAD_DRAIN_NS;
}

bool load_sender_goes_on(struct load_sender *sender, uint64_t now_ns)
{
    if (sender->stopped_ns == 0 && atomic_load_explicit(sender->round->stop, memory_order_relaxed))
        sender->stopped_ns = now_ns;
    if (sender->in_flight == 0 &&
        (sender->stopped_ns != 0 || (all_noticed(sender) && !load_sender_is_waiting(sender))))
        return false;
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

bool load_sender_take(struct load_sender *sender, uint32_t *out_letter, uint64_t *out_due_ns)
{
    const uint32_t lanes = sender->round->traffic->lanes_count;
    if (!load_sender_is_waiting(sender))
        return false;
    const uint32_t lane = sender->next % lanes;
    struct load_flow *flow = &sender->round->flows[lane];
    if (flow->in_flight == LOAD_LANE_FLIGHT_MAX)
        return false;
    *out_letter = flow->again_count > 0 ? flow->again[--flow->again_count] : lane + flow->taken++ * lanes;
    *out_due_ns = due_at(sender, sender->next);
    flow->in_flight++;
    sender->in_flight++;
    sender->next += sender->round->threads;
    sender->tally.requests_sent++;
    return true;
}

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

void load_sender_answered(struct load_sender *sender, uint32_t letter, uint64_t due_ns, uint64_t now_ns,
                          const struct load_verdict *verdict)
{
    struct load_flow *flow = &sender->round->flows[letter % sender->round->traffic->lanes_count];
    PP_ASSERT(flow->in_flight > 0 && sender->in_flight > 0);
    flow->in_flight--;
    sender->in_flight--;
    verdict_count(&sender->tally, verdict);
    if (is_for_now(verdict))
        flow->again[flow->again_count++] =
            letter; /* room: those again and those under way are at most FLIGHT_MAX */
    if (verdict->lost)
        return;
    if (now_ns - sender->round->start_ns > sender->tally.last_answer_ns)
        sender->tally.last_answer_ns = now_ns - sender->round->start_ns;
    if (verdict->admitted + verdict->known > 0)
        load_histogram_add(&sender->tally.latency, now_ns - due_ns);
}

struct load_sample *load_sender_sample(const struct load_sender *sender, uint32_t letter)
{
    const uint32_t every = sender->round->check_every;
    return every > 0 && letter % every == 0 ? &sender->round->samples[letter / every] : NULL;
}
