/* A round: senders on their threads, signals meanwhile, then the receipts that were kept. */
#include "load_sender.h"
#include "load_signals.h"

#include <pp/assert.h>

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#define START_IN_NS 5000000 /* until every thread is there */
#define NICE (-15)
#define TIMER_SLACK_NS 1ul /* Linux wakes sleepers up to 50 us late otherwise */

struct crew {
    const struct load_round_config *config;
    struct load_round round;
    struct load_sender *senders; /* threads */
    pthread_t threads[LOAD_THREADS_MAX];
    _Atomic unsigned running;
    struct sender_start {
        struct crew *crew;
        struct load_sender *sender;
    } starts[LOAD_THREADS_MAX];
};

static uint64_t thread_cpu_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

static void sleep_until(uint64_t when_ns)
{
    const struct timespec when = {(time_t)(when_ns / 1000000000), (long)(when_ns % 1000000000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) != 0)
        ;
}

static void *sender_main(void *context)
{
    struct sender_start *start = context;
    struct load_sender *sender = start->sender;
    prctl(PR_SET_NAME, "load-sender", 0, 0, 0);
    prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0);
    (void)setpriority(PRIO_PROCESS, 0,
                      NICE); /* this thread, where it is allowed: as if it had a machine of its own */
    sleep_until(sender->round->start_ns);
    start->crew->config->transport->drive(sender);
    sender->tally.requests_unanswered = sender->in_flight;
    sender->tally.requests_unsent = sender->passed;
    if (sender->next < sender->noticed)
        sender->tally.requests_unsent +=
            (sender->noticed - sender->next + sender->round->threads - 1) / sender->round->threads;
    sender->tally.leaves_unsigned = load_sender_unsigned(sender);
    sender->tally.sender_cpu_ns += thread_cpu_ns(); /* to its clerk's */
    atomic_fetch_sub(&start->crew->running, 1);
    return NULL;
}

/* ---- receipts ---- */

static enum pp_error json_take(const struct load_traffic *traffic, uint32_t letter,
                               struct load_sample *sample)
{
    const struct pp_request *request = &traffic->requests[letter];
    struct cli_submitted submitted;
    struct cli_problem *problem = calloc(1, sizeof *problem);
    json_t *object = json_loadb((const char *)sample->json, sample->json_length, 0, NULL);
    sample->bodies = calloc(request->count, sizeof *sample->bodies);
    enum pp_error error = PP_NO_MEMORY;
    if (problem && sample->bodies)
        error = object ? cli_submitted_read(object, request->count, &submitted, problem) : PP_NODE_NONSENSE;
    if (error == PP_OK) {
        for (size_t i = 0; i < request->count; i++)
            if (submitted.results[i].admitted)
                sample->bodies[sample->bodies_count++] = (struct pp_receipt_body){
                    .stamp_id = traffic->ids[(size_t)letter * traffic->shape.stamps + i],
                    .sequence = submitted.results[i].sequence,
                    .time_ms = submitted.results[i].time_ms};
        sample->receipt = submitted.receipt;
        error = submitted.has_receipt ? PP_OK : PP_NODE_TOLD_OTHERWISE;
        cli_submitted_done(&submitted);
    }
    json_decref(object);
    free(problem);
    return error;
}

static enum pp_error sample_check(const struct crew *crew, uint32_t letter, struct load_sample *sample,
                                  struct pp_hash *scratch)
{
    const struct load_traffic *traffic = crew->config->traffic;
    if (sample->json)
        PP_TRY(json_take(traffic, letter, sample));
    for (uint32_t i = 0; i < sample->bodies_count; i++) {
        sample->bodies[i].channel_id = traffic->requests[letter].channel_id;
        sample->bodies[i].lane = traffic->requests[letter].lane;
    }
    return pp_receipt_check(&sample->receipt, crew->config->node_id, crew->config->receipt_key,
                            sample->bodies, sample->bodies_count, scratch);
}

static size_t samples_room(const struct load_round *round)
{
    return round->check_every == 0 ? 0 : round->traffic->count / round->check_every + 1;
}

static void samples_check(struct crew *crew, struct load_tally *tally)
{
    struct pp_hash scratch[PP_LEAVES_MAX];
    for (size_t i = 0; i < samples_room(&crew->round); i++) {
        struct load_sample *sample = &crew->round.samples[i];
        if (!sample->json && sample->bodies_count == 0)
            continue;
        tally->checked++;
        if (sample_check(crew, (uint32_t)i * crew->round.check_every, sample, scratch) != PP_OK)
            tally->checks_failed++;
    }
}

/* ---- the crew ---- */

/* What roots are made of, and tickets. */
static enum pp_error sequences_make(struct load_round *round)
{
    const struct load_shape *shape = &round->traffic->shape;
    const bool is_session = shape->kind == PP_STAMP_SESSION;
    if (is_session)
        PP_TRY(load_tails_make(round->traffic->lanes_count, shape->stamps, &round->tails));
    if (!is_session && !shape->charges)
        return PP_OK;
    round->sequences = calloc((size_t)round->traffic->count * shape->stamps, sizeof *round->sequences);
    return round->sequences ? PP_OK : PP_NO_MEMORY;
}

static enum pp_error crew_make(struct crew *crew, const struct load_round_config *config)
{
    const uint32_t count = config->traffic->count;
    PP_ASSERT(config->threads >= 1 && config->threads <= LOAD_THREADS_MAX &&
              config->traffic->lanes_count % config->threads == 0);
    crew->config = config;
    crew->round = (struct load_round){.traffic = config->traffic,
                                      .due_ns = config->due_ns,
                                      .threads = config->threads,
                                      .stop = config->stop};
    if (config->check_percent > 0) {
        const uint32_t by_share = 100 / config->check_percent, by_room = count / LOAD_SAMPLES_MAX + 1;
        crew->round.check_every = by_share > by_room ? by_share : by_room;
    }
    crew->round.flows = calloc(config->traffic->lanes_count, sizeof *crew->round.flows);
    crew->round.samples = calloc(samples_room(&crew->round) + 1, sizeof *crew->round.samples);
    PP_TRY(sequences_make(&crew->round));
    crew->senders = calloc(config->threads, sizeof *crew->senders);
    return crew->round.flows && crew->round.samples && crew->senders ? PP_OK : PP_NO_MEMORY;
}

static void crew_done(struct crew *crew)
{
    for (unsigned i = 0; crew->senders && i < crew->config->threads; i++)
        crew->config->transport->close(&crew->senders[i]);
    for (size_t i = 0; crew->round.samples && i < samples_room(&crew->round); i++) {
        free(crew->round.samples[i].json);
        free(crew->round.samples[i].bodies);
    }
    load_tails_done(crew->round.tails, crew->config->traffic->lanes_count);
    free(crew->round.sequences);
    free(crew->round.flows);
    free(crew->round.samples);
    free(crew->senders);
}

static enum pp_error crew_open(struct crew *crew)
{
    for (unsigned i = 0; i < crew->config->threads; i++) {
        crew->senders[i].round = &crew->round;
        crew->senders[i].index = crew->senders[i].noticed = crew->senders[i].next = i;
        PP_TRY(crew->config->transport->open(crew->config->transport->context, &crew->senders[i]));
    }
    return PP_OK;
}

static enum pp_error crew_run(struct crew *crew)
{
    enum pp_error error = PP_OK;
    unsigned started = 0;
    crew->round.start_ns = load_now_ns() + START_IN_NS;
    for (; started < crew->config->threads; started++) {
        crew->starts[started] = (struct sender_start){crew, &crew->senders[started]};
        atomic_fetch_add(&crew->running, 1);
        if (pthread_create(&crew->threads[started], NULL, sender_main, &crew->starts[started]) != 0) {
            atomic_fetch_sub(&crew->running, 1);
            atomic_store(crew->config->stop, true);
            error = PP_SYSTEM;
            break;
        }
    }
    load_signals_watch(&crew->running, crew->config->stop);
    for (unsigned i = 0; i < started; i++)
        pthread_join(crew->threads[i], NULL);
    return error;
}

enum pp_error load_round_run(const struct load_round_config *config, struct load_tally *tally)
{
    struct crew crew;
    memset(&crew, 0, sizeof crew);
    enum pp_error error = crew_make(&crew, config);
    if (error == PP_OK)
        error = crew_open(&crew);
    if (error == PP_OK) {
        error = crew_run(&crew);
        for (unsigned i = 0; i < config->threads; i++)
            load_tally_merge(tally, &crew.senders[i].tally);
    }
    if (error == PP_OK)
        samples_check(&crew, tally);
    crew_done(&crew);
    return error;
}
