#include "load_engine.h"
#include "load_clerk.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FULL_LOOK_NS 50000 /* how often a lane that is full is looked at */

/* One request, from submit to answer. The engine's thread fills it and hands it over; then it is the sender's. */
struct call {
    struct call *next;
    struct desk *desk;
    uint64_t due_ns, answered_ns;
    uint32_t letter;
    struct load_verdict verdict;
};

/* A sender's own. */
struct desk {
    struct pp_node *node;
    const struct load_sender *sender;
    struct load_clerk *clerk;        /* NULL: there are neither roots nor tickets */
    struct call *calls;              /* by letter: one is not sent again before it was answered */
    _Atomic(struct call *) answered; /* a stack */
};

/* ---- on the engine's thread ---- */

static void sample_take(const struct desk *desk, const struct call *call, const struct pp_response *response)
{
    struct load_sample *sample = load_sender_sample(desk->sender, call->letter);
    if (!sample || sample->bodies || !response->has_receipt)
        return;
    sample->bodies = calloc(response->count, sizeof *sample->bodies);
    if (!sample->bodies)
        return; /* one receipt less is checked */
    for (size_t i = 0; i < response->count; i++)
        if (response->results[i].refusal.error == PP_OK)
            sample->bodies[sample->bodies_count++] =
                (struct pp_receipt_body){.stamp_id = response->results[i].stamp_id,
                                         .sequence = response->results[i].sequence,
                                         .time_ms = response->results[i].time_ms};
    sample->receipt = response->receipt;
}

static void verdict_make(const struct desk *desk, const struct pp_response *response,
                         struct load_verdict *verdict)
{
    *verdict = (struct load_verdict){.error = response->error};
    if (response->error != PP_OK) {
        verdict->refused = desk->sender->round->traffic->shape.stamps;
        return;
    }
    for (size_t i = 0; i < response->count; i++) {
        const struct pp_result *result = &response->results[i];
        if (result->refusal.error != PP_OK) {
            verdict->refused++;
            if (verdict->error == PP_OK)
                verdict->error = result->refusal.error;
        } else if (result->known) {
            verdict->known++;
        } else {
            verdict->admitted++;
        }
    }
}

/* For roots, and as tickets. */
static void sequences_take(const struct desk *desk, uint32_t letter, const struct pp_response *response)
{
    uint64_t *sequences = load_sender_sequences(desk->sender, letter);
    for (size_t i = 0; sequences && response->error == PP_OK && i < response->count; i++)
        sequences[i] = response->results[i].refusal.error == PP_OK ? response->results[i].sequence : 0;
}

static void on_answer(void *context, const struct pp_response *response)
{
    struct call *call = context;
    struct desk *desk = call->desk;
    call->answered_ns = load_now_ns();
    verdict_make(desk, response, &call->verdict);
    sequences_take(desk, call->letter, response);
    sample_take(desk, call, response);
    call->next = atomic_load_explicit(&desk->answered, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&desk->answered, &call->next, call, memory_order_release,
                                                  memory_order_relaxed))
        ;
}

/* ---- on the sender's ---- */

static void tickets_give(const struct load_sender *sender, const struct call *call)
{
    const struct load_shape *shape = &sender->round->traffic->shape;
    if (shape->charges && call->verdict.admitted + call->verdict.known > 0)
        load_clerk_tickets(call->desk->clerk, load_sender_sequences(sender, call->letter), shape->stamps);
}

static void roots_turn(struct load_sender *sender)
{
    struct desk *desk = sender->transport;
    struct load_rooted rooted;
    uint32_t lane;
    while (sender->roots_under_way > 0 && load_clerk_next(desk->clerk, &rooted))
        load_sender_rooted(sender, rooted.lane, rooted.error, rooted.answered_ns);
    while (load_sender_root_take(sender, &lane))
        load_clerk_root(desk->clerk, lane);
}

static void answers_take(struct load_sender *sender)
{
    struct desk *desk = sender->transport;
    struct call *call = atomic_exchange_explicit(&desk->answered, NULL, memory_order_acquire);
    while (call) {
        struct call *next = call->next; /* answered, it may be sent again */
        tickets_give(sender, call);
        load_sender_answered(sender, call->letter, call->due_ns, call->answered_ns, &call->verdict);
        call = next;
    }
}

static void submit(struct load_sender *sender, uint32_t letter, uint64_t due_ns)
{
    struct desk *desk = sender->transport;
    const struct load_traffic *traffic = sender->round->traffic;
    struct call *call = &desk->calls[letter];
    *call = (struct call){.desk = desk, .due_ns = due_ns, .letter = letter};
    const struct pp_request *request = &traffic->requests[letter];
    const enum pp_error error = traffic->shape.charges
                                    ? pp_node_admit_start(desk->node, request, on_answer, call)
                                    : pp_node_submit(desk->node, request, on_answer, call);
    if (error == PP_OK)
        return;
    const struct load_verdict verdict = {.refused = traffic->shape.stamps, .error = error};
    load_sender_answered(sender, letter, due_ns, load_now_ns(), &verdict);
}

static void pause_until(uint64_t when_ns)
{
    const struct timespec when = {(time_t)(when_ns / 1000000000), (long)(when_ns % 1000000000)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL);
}

/* Answers come on other threads: how long it may sleep before it looks for them. */
static uint64_t wake_at(const struct load_sender *sender, uint64_t now_ns)
{
    const uint64_t wake_ns = load_sender_wake_ns(sender, now_ns);
    uint64_t look_ns = UINT64_MAX;
    if (load_sender_is_waiting(sender) || sender->roots_under_way > 0)
        look_ns = now_ns + FULL_LOOK_NS;
    else if (sender->in_flight > 0)
        look_ns = now_ns + 20 * FULL_LOOK_NS;
    return look_ns < wake_ns ? look_ns : wake_ns;
}

static void engine_drive(struct load_sender *sender)
{
    struct desk *desk = sender->transport;
    uint64_t now_ns = load_now_ns();
    while (load_sender_goes_on(sender, now_ns) || sender->in_flight > 0 ||
           sender->roots_under_way > 0) { /* the engine answers all that it took */
        uint32_t letter;
        uint64_t due_ns;
        answers_take(sender);
        roots_turn(sender);
        load_sender_notice(sender, now_ns);
        while (load_sender_take(sender, &letter, &due_ns)) {
            submit(sender, letter, due_ns);
            load_sender_notice(sender, load_now_ns());
        }
        now_ns = load_now_ns();
        const uint64_t wake_ns = wake_at(sender, now_ns);
        if (wake_ns > now_ns)
            pause_until(wake_ns);
        now_ns = load_now_ns();
    }
    if (desk->clerk)
        load_clerk_finish(desk->clerk, &sender->tally);
}

static enum pp_error engine_open(void *context, struct load_sender *sender)
{
    struct desk *desk = calloc(1, sizeof *desk);
    sender->transport = desk;
    if (!desk)
        return PP_NO_MEMORY;
    desk->node = context;
    desk->sender = sender;
    desk->calls = calloc(sender->round->traffic->count, sizeof *desk->calls);
    if (!desk->calls)
        return PP_NO_MEMORY;
    return sender->round->sequences ? load_clerk_open(desk->node, sender->round, &desk->clerk) : PP_OK;
}

static void engine_close(struct load_sender *sender)
{
    struct desk *desk = sender->transport;
    if (!desk)
        return;
    load_clerk_close(desk->clerk);
    free(desk->calls);
    free(desk);
}

struct load_transport load_engine_transport(struct pp_node *node)
{
    return (struct load_transport){node, engine_open, engine_drive, engine_close};
}
