#include "lane_sync.h"
#include "send_parts.h"

#include <pp/assert.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define POLL_MS 200
#define PAUSE_MS 20         /* nothing under way: something waits for its time */
#define QUOTE_AGAIN_MS 200u /* after a question for a quote without an answer */

/* ---- the loop ---- */

static enum pp_error log_commit(struct sender *s)
{
    if (!s->changed)
        return PP_OK;
    s->changed = false;
    enum pp_error error = cli_lane_commit(s->config->lane);
    return error == PP_OK ? PP_OK
                          : cli_problem_set(s->problem, error,
                                            "the lane's log could not be written; nothing more was sent");
}

static bool is_transient(const struct cli_problem *problem)
{
    return cli_send_is_retryable(&problem->refusal);
}

static bool has_work(const struct sender *s, uint64_t now)
{
    return (s->again.first && s->again.first->due_ms <= now) ||
           (!s->source_ended && s->summary->stopped == PP_OK);
}

static enum pp_error slots_fill(struct sender *s, uint64_t now)
{
    for (unsigned i = 0; i < s->config->connections; i++) {
        struct slot *slot = &s->slots[i];
        if (slot->state == SLOT_WAITING && slot->due_ms <= now)
            slot->state = SLOT_READY;
        if (slot->state != SLOT_IDLE || !has_work(s, now) || now < s->quote_due_ms)
            continue;
        if (cli_send_root_is_due(s)) { /* SESSION-054: once all of it is answered */
            if (cli_send_session_in_flight(s) > 0)
                continue;
            PP_TRY(cli_send_root(s));
        }
        enum pp_error error = cli_send_quote_need(s, now);
        if (error != PP_OK && !is_transient(s->problem))
            return error;
        if (error != PP_OK) { /* the node is away: ask again soon */
            s->last_error = error;
            s->quote_due_ms = now + QUOTE_AGAIN_MS;
            continue;
        }
        PP_TRY(cli_send_slot_build(s, slot, now));
    }
    return PP_OK;
}

static enum pp_error slots_start(struct sender *s)
{
    for (unsigned i = 0; i < s->config->connections; i++) {
        struct slot *slot = &s->slots[s->config->reorder ? s->config->connections - 1 - i : i];
        if (slot->state == SLOT_READY)
            PP_TRY(cli_send_slot_start(s, slot));
    }
    return PP_OK;
}

static bool is_done(const struct sender *s)
{
    for (unsigned i = 0; i < s->config->connections; i++)
        if (s->slots[i].state != SLOT_IDLE)
            return false;
    return !s->again.first && (s->source_ended || s->summary->stopped != PP_OK);
}

static bool has_running(const struct sender *s)
{
    for (unsigned i = 0; i < s->config->connections; i++)
        if (s->slots[i].state == SLOT_RUNNING)
            return true;
    return false;
}

static struct slot *slot_of(struct sender *s, const struct cli_exchange *exchange)
{
    for (unsigned i = 0; i < s->config->connections; i++)
        if (s->slots[i].exchange == exchange)
            return &s->slots[i];
    return NULL;
}

/* Waits for one answer, then takes all that are there. */
static enum pp_error answers_take(struct sender *s)
{
    struct cli_exchange *ended;
    if (!has_running(s)) {
        cli_pause_ms(PAUSE_MS);
        return PP_OK;
    }
    for (int wait = POLL_MS; (ended = cli_exchanges_next(s->exchanges, wait)) != NULL; wait = 0) {
        struct slot *slot = slot_of(s, ended);
        PP_ASSERT(slot != NULL && slot->state == SLOT_RUNNING);
        PP_TRY(cli_send_slot_ended(s, slot, cli_clock_ms()));
    }
    return PP_OK;
}

/* SESSION-054: what is under way is waited for, what is unsigned is signed. */
static void interrupt_look(struct sender *s)
{
    struct signalfd_siginfo info;
    if (s->signals < 0 || read(s->signals, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    if (s->summary->stopped == PP_OK)
        s->summary->stopped = PP_INTERRUPTED;
    close(s->signals);
    s->signals = -1;
    pthread_sigmask(SIG_SETMASK, &s->signals_before, NULL);
}

static enum pp_error sender_loop(struct sender *s)
{
    s->progress_ms = cli_clock_ms();
    while (!is_done(s)) {
        uint64_t now = cli_clock_ms();
        if (now - s->progress_ms > s->config->patience_ms) {
            s->summary->stopped = s->last_error != PP_OK ? s->last_error : PP_NODE_DOWN;
            return PP_OK;
        }
        interrupt_look(s);
        PP_TRY(slots_fill(s, now));
        PP_TRY(log_commit(s)); /* LOG-001: what is in the log may leave */
        PP_TRY(slots_start(s));
        if (s->config->progress)
            s->config->progress(s->config->context, s->summary);
        if (!is_done(s))
            PP_TRY(answers_take(s));
    }
    PP_TRY(log_commit(s));
    return cli_send_sessions_settle(s);
}

/* ---- beginning and end ---- */

/* The first signal ends the send in order; the second one ends the process. */
static int signals_block(sigset_t *out_before)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    return pthread_sigmask(SIG_BLOCK, &set, out_before) == 0 ? signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)
                                                             : -1;
}

static enum pp_error lane_begin(struct sender *s)
{
    struct cli_lane *lane = s->config->lane;
    const struct cli_lane_sync sync = {.exchange = s->exchange,
                                       .crypto = s->config->crypto,
                                       .domain = s->config->domain,
                                       .node = s->config->node,
                                       .lane = lane,
                                       .patience_ms = s->config->patience_ms};
    PP_TRY(cli_lane_sync(&sync, NULL, s->problem)); /* SEND-006 */
    if (!s->config->resume || cli_lane_job(lane) == 0)
        cli_lane_put_job_begin(lane);
    s->changed = true;
    PP_TRY(log_commit(s));
    PP_TRY(cli_send_sessions_settle(s)); /* SESSION-052 */
    enum pp_error error = cli_send_earlier_gather(s);
    return error == PP_OK ? PP_OK
                          : cli_problem_set(s->problem, error, "what the lane's log has of earlier sends");
}

static enum pp_error sender_open(struct sender *s)
{
    const struct cli_sender_config *config = s->config;
    s->slots = calloc(config->connections, sizeof *s->slots);
    s->scratch = calloc(PP_LEAVES_MAX, sizeof *s->scratch);
    s->bodies = calloc(PP_LEAVES_MAX, sizeof *s->bodies);
    s->leaves = calloc(PP_LEAVES_MAX, sizeof *s->leaves);
    s->counted = calloc(PP_LEAVES_MAX, sizeof *s->counted);
    if (!s->slots || !s->scratch || !s->bodies || !s->leaves || !s->counted)
        return PP_NO_MEMORY;
    PP_TRY(cli_exchange_open(config->node_url, &s->exchange));
    PP_TRY(cli_exchanges_open(&s->exchanges));
    for (unsigned i = 0; i < config->connections; i++) {
        struct slot *slot = &s->slots[i];
        slot->items = calloc(PP_LEAVES_MAX, sizeof(struct item *));
        slot->sequences = calloc(PP_LEAVES_MAX, sizeof *slot->sequences);
        if (!slot->items || !slot->sequences)
            return PP_NO_MEMORY;
        PP_TRY(cli_exchange_open(config->node_url, &slot->exchange));
    }
    return PP_OK;
}

static void sender_close(struct sender *s)
{
    for (unsigned i = 0; s->slots && i < s->config->connections; i++) {
        struct slot *slot = &s->slots[i];
        if (slot->state == SLOT_RUNNING)
            cli_exchanges_stop(s->exchanges, slot->exchange);
        cli_send_slot_empty(slot);
        cli_exchange_close(slot->exchange);
        free(slot->items);
        free(slot->sequences);
        free(slot->authorization);
        free(slot->body);
    }
    cli_exchanges_close(s->exchanges);
    cli_exchange_close(s->exchange);
    for (struct item *item = cli_send_queue_take(&s->again); item; item = cli_send_queue_take(&s->again))
        cli_send_item_free(item);
    while (s->quotes) {
        struct quote *next = s->quotes->next;
        free(s->quotes);
        s->quotes = next;
    }
    cli_send_session_done(s);
    free(s->pending.rows);
    free(s->acknowledged.rows);
    free(s->slots);
    free(s->scratch);
    free(s->bodies);
    free(s->leaves);
    free(s->counted);
}

static uint64_t refused_total(const struct cli_send_summary *summary)
{
    uint64_t count = 0;
    for (size_t i = 0; i < summary->refused_kinds; i++)
        count += summary->refused[i].count;
    return count;
}

static void summary_finish(struct sender *s)
{
    struct cli_send_summary *summary = s->summary;
    uint64_t decided = summary->acknowledged + summary->skipped + refused_total(summary);
    uint64_t total = summary->total > summary->taken ? summary->total : summary->taken;
    summary->unsent = total > decided ? total - decided : 0;
}

enum pp_error cli_sender_run(const struct cli_sender_config *config, struct cli_send_summary *summary,
                             struct cli_problem *problem)
{
    struct sender *s = calloc(1, sizeof *s);
    PP_ASSERT(config->connections >= 1 && config->connections <= CLI_CONNECTIONS_MAX);
    PP_ASSERT(config->batch >= 1 && config->batch <= PP_LEAVES_MAX);
    if (!s)
        return cli_problem_set(problem, PP_NO_MEMORY, "the sender");
    memset(summary, 0, sizeof *summary);
    s->config = config;
    s->summary = summary;
    s->problem = problem;
    summary->total = cli_parcels_total(config->parcels);
    s->signals = signals_block(&s->signals_before);
    enum pp_error error = sender_open(s);
    if (error != PP_OK)
        cli_problem_set(problem, error, "the sender, for %s", config->node_url);
    if (error == PP_OK)
        error = lane_begin(s);
    if (error == PP_OK)
        error = sender_loop(s);
    summary_finish(s);
    if (error == PP_OK && summary->unsent == 0 && summary->refused_kinds == 0 && summary->stopped == PP_OK) {
        cli_lane_put_job_end(config->lane);
        s->changed = true;
        error = log_commit(s);
    }
    sender_close(s);
    if (s->signals >= 0) {
        close(s->signals);
        pthread_sigmask(SIG_SETMASK, &s->signals_before, NULL);
    }
    free(s);
    return error;
}
