#include "load_bench.h"

#include <pp/assert.h>
#include <pp/price.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* One round's things. */
struct leg {
    struct cli_quote quote;
    struct load_traffic traffic;
    struct load_address address;
    struct load_tally tally;
    uint64_t *due_ns;
    struct pp_grains postage; /* of one stamp */
};

/* ---- processor time ---- */

static uint64_t self_cpu_ns(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000 +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

/* Of another process on this machine; 0: it cannot be seen. Fields 14 and 15 of its stat are ticks; a name may have blanks. */
static uint64_t process_cpu_ns(uint64_t pid)
{
    char path[64], text[1024] = "";
    snprintf(path, sizeof path, "/proc/%" PRIu64 "/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    char *at = fgets(text, sizeof text, file) ? strrchr(text, ')') : NULL;
    fclose(file);
    for (unsigned field = 2; at && field < 14; field++)
        at = strchr(at + 1, ' ');
    if (!at)
        return 0;
    const uint64_t user = strtoull(at, &at, 10), system = strtoull(at, NULL, 10);
    return (user + system) * (UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK));
}

static uint64_t target_cpu_ns(const struct load_bench *bench)
{
    if (bench->place)
        return self_cpu_ns();
    return bench->target_pid == 0 ? 0 : process_cpu_ns(bench->target_pid);
}

/* ---- money ---- */

enum pp_error load_bench_quote(struct load_bench *bench, struct cli_quote *out, struct cli_problem *problem)
{
    enum pp_error error = bench->place ? load_place_tick(bench->place) : PP_OK;
    if (error == PP_OK && bench->node)
        return cli_quote_get(bench->exchange, bench->terms, out, problem);
    if (error == PP_OK)
        error = load_place_quote(bench->place, out);
    return error == PP_OK ? PP_OK : cli_problem_set(problem, error, "the engine's quote");
}

enum pp_error load_bench_postage(const struct load_bench *bench, const struct cli_quote *quote,
                                 struct pp_grains *out)
{
    const struct pp_parcel parcel = {bench->shape.bytes, bench->shape.days, 0};
    struct pp_postage postage;
    PP_TRY(pp_price(&quote->quote, &parcel, &postage));
    return pp_postage_total(&postage, out);
}

/* ---- sessions ---- */

enum pp_error load_bench_sessions(struct load_bench *bench, const struct pp_session_public *node_key)
{
    return load_sessions_init(&bench->sessions, bench->lanes_count, node_key);
}

static struct pp_grains share_of(const struct load_bench *bench)
{
    struct pp_grains share;
    if (bench->place || pp_grains_ratio_floor(bench->budget, 1, bench->lanes_count, &share) != PP_OK)
        return PP_GRAINS_ZERO;
    return share;
}

/* LOAD-014: signed, on disk, and opened before the clock starts. */
static enum pp_error sessions_turn(struct load_bench *bench, const struct pp_quote *quote,
                                   struct cli_problem *problem)
{
    const struct load_sessions_need need = {.crypto = bench->cli->crypto,
                                            .domain = bench->domain,
                                            .lanes = bench->lanes,
                                            .now_ms = quote->issued_ms,
                                            .until_ms = quote->expires_ms + LOAD_DRAIN_NS / 1000000,
                                            .life_ms = bench->session_life_ms,
                                            .share = share_of(bench),
                                            .limit = load_place_limit()};
    enum pp_error error = load_sessions_sign(&bench->sessions, &need);
    if (error == PP_OK && bench->payers)
        error = load_payers_keep(bench->payers);
    if (error != PP_OK)
        return cli_problem_set(problem, error, "the lanes' sessions");
    return bench->place ? load_sessions_open_in(&bench->sessions, load_place_node(bench->place), problem)
                        : load_sessions_open_at(&bench->sessions, bench->exchange, problem);
}

/* LOAD-004: how many of these requests may still be paid. */
static uint64_t payable(const struct load_bench *bench, struct pp_grains postage, uint64_t wanted)
{
    const pp_u128 each = postage.raw * bench->shape.stamps;
    if (bench->place || each == 0)
        return wanted;
    const pp_u128 by_budget = bench->budget.raw / each;
    uint64_t by_caps = load_payers_affordable(bench->payers, postage, bench->shape.stamps);
    if (bench->shape.kind == PP_STAMP_SESSION) { /* and within what the openings authorize */
        const uint64_t room = load_sessions_room(&bench->sessions, bench->lanes, postage);
        const uint64_t by_chunks = room / bench->shape.stamps * bench->lanes_count;
        by_caps = by_chunks < by_caps ? by_chunks : by_caps;
    }
    if (by_budget < wanted)
        wanted = (uint64_t)by_budget;
    return by_caps < wanted ? by_caps : wanted;
}

static enum pp_error money_take(struct load_bench *bench, const struct leg *leg)
{
    struct pp_grains cost;
    if (bench->place)
        return PP_OK;
    PP_TRY(pp_grains_mul(leg->postage, (uint64_t)leg->traffic.count * bench->shape.stamps, &cost));
    return pp_grains_sub(bench->budget, cost, &bench->budget);
}

/* ---- a round ---- */

static uint32_t leg_size(const struct load_bench *bench, uint64_t rate, uint64_t left)
{
    const uint64_t by_memory = load_traffic_requests_max(&bench->shape, bench->node != NULL);
    const uint64_t by_time = rate * LOAD_ROUND_SECONDS_MAX;
    const uint64_t most = by_memory < by_time ? by_memory : by_time;
    if (left <= most)
        return (uint32_t)left;
    return (uint32_t)(most > bench->lanes_count ? most - most % bench->lanes_count : most); /* even shares */
}

/* Times within the round: from the last one of the round before. */
static enum pp_error leg_schedule(struct leg *leg, struct load_schedule *schedule)
{
    const uint64_t before_ns = schedule->time_q16 >> 16;
    leg->due_ns = calloc(leg->traffic.count, sizeof *leg->due_ns);
    if (!leg->due_ns)
        return PP_NO_MEMORY;
    load_schedule_fill(schedule, leg->due_ns, leg->traffic.count);
    for (uint32_t i = 0; i < leg->traffic.count; i++)
        leg->due_ns[i] -= before_ns;
    return PP_OK;
}

static enum pp_error leg_sign(struct load_bench *bench, struct leg *leg)
{
    leg->traffic.shape = bench->shape;
    leg->traffic.crypto = bench->cli->crypto;
    leg->traffic.domain = bench->domain;
    leg->traffic.quote = &leg->quote;
    leg->traffic.stop = &bench->stop;
    leg->traffic.sessions = bench->sessions.list;
    leg->traffic.lanes = bench->lanes;
    leg->traffic.lanes_count = bench->lanes_count;
    if (bench->node) {
        leg->address = (struct load_address){bench->node->host, bench->node->path};
        leg->traffic.address = &leg->address;
    }
    PP_TRY(load_traffic_make(&leg->traffic));
    if (bench->payers)
        PP_TRY(load_payers_commit(bench->payers, &leg->traffic));
    return money_take(bench, leg);
}

static void leg_count(const struct load_bench *bench, const struct leg *leg, struct load_result *result,
                      uint64_t target_cpu_ns_used)
{
    const uint64_t last_due_ns = leg->due_ns[leg->traffic.count - 1];
    struct pp_grains paid;
    uint64_t elapsed_ns = leg->tally.last_answer_ns;
    if (elapsed_ns > last_due_ns && elapsed_ns - last_due_ns > result->tail_ns)
        result->tail_ns = elapsed_ns - last_due_ns;
    if (elapsed_ns < last_due_ns && !atomic_load(&bench->stop))
        elapsed_ns = last_due_ns;
    result->elapsed_ns += elapsed_ns;
    result->rounds++;
    result->has_target_cpu = bench->place || bench->target_pid != 0;
    result->target_cpu_ns +=
        bench->place ? target_cpu_ns_used - leg->tally.sender_cpu_ns : target_cpu_ns_used;
    if (pp_grains_mul(leg->postage, leg->tally.admitted, &paid) == PP_OK)
        result->postage = pp_grains_add_checked(result->postage, paid); /* below the lanes' caps */
    load_tally_merge(&result->tally, &leg->tally);
}

static enum pp_error leg_send(struct load_bench *bench, struct leg *leg, struct load_result *result)
{
    const struct load_transport transport =
        bench->node ? load_http_transport(bench->node) : load_engine_transport(load_place_node(bench->place));
    const struct load_round_config config = {.traffic = &leg->traffic,
                                             .due_ns = leg->due_ns,
                                             .threads = bench->threads,
                                             .check_percent = bench->check_percent,
                                             .stop = &bench->stop,
                                             .transport = &transport,
                                             .node_id = bench->terms->node_id,
                                             .receipt_key = &bench->terms->receipt_key};
    const uint64_t cpu_before = target_cpu_ns(bench);
    PP_TRY(load_round_run(&config, &leg->tally));
    leg_count(bench, leg, result, target_cpu_ns(bench) - cpu_before);
    return PP_OK;
}

/* What is unsigned in them is then not known. */
static bool sessions_are_lost(const struct load_tally *tally)
{
    return tally->requests_lost + tally->requests_unanswered + tally->roots_refused + tally->leaves_unsigned >
           0;
}

/* What is still unknown to the wallets stays as it is until nothing can be under way any more. */
static bool all_is_answered(const struct load_tally *tally)
{
    return tally->requests_lost + tally->requests_unanswered == 0;
}

static enum pp_error leg_run(struct load_bench *bench, struct leg *leg, struct load_schedule *schedule,
                             uint64_t rate, uint64_t *inout_left, struct load_result *result,
                             struct cli_problem *problem)
{
    PP_TRY(load_bench_quote(bench, &leg->quote, problem));
    enum pp_error error = load_bench_postage(bench, &leg->quote, &leg->postage);
    if (error != PP_OK)
        return cli_problem_set(problem, error, "the price of %" PRIu32 " bytes for %u days",
                               bench->shape.bytes, bench->shape.days);
    if (bench->shape.kind == PP_STAMP_SESSION)
        PP_TRY(sessions_turn(bench, &leg->quote.quote, problem));
    const uint64_t wanted = leg_size(bench, rate, *inout_left);
    leg->traffic.count = (uint32_t)payable(bench, leg->postage, wanted);
    if (leg->traffic.count < wanted)
        result->out_of_money = true;
    if (leg->traffic.count == 0)
        return PP_OK;
    *inout_left -= leg->traffic.count;
    error = leg_sign(bench, leg);
    if (error == PP_SHUTTING_DOWN && atomic_load(&bench->stop))
        return PP_OK; /* Ctrl-C while it signed: nothing left */
    if (error == PP_OK)
        error = leg_schedule(leg, schedule);
    if (error != PP_OK)
        return cli_problem_set(problem, error, "signing %" PRIu32 " requests", leg->traffic.count);
    error = leg_send(bench, leg, result);
    if (sessions_are_lost(&leg->tally))
        load_sessions_leave(&bench->sessions);
    if (error != PP_OK)
        return cli_problem_set(problem, error, "sending to %s", result->target);
    return bench->payers && all_is_answered(&result->tally) ? load_payers_sync(bench->payers, problem)
                                                            : PP_OK;
}

enum pp_error load_bench_run(struct load_bench *bench, uint64_t rate, uint64_t seconds,
                             struct load_result *result, struct cli_problem *problem)
{
    struct load_schedule schedule;
    uint64_t left = rate * seconds;
    enum pp_error error = PP_OK;
    load_schedule_init(&schedule, bench->arrivals, (uint32_t)rate, bench->seed);
    result->rate = rate;
    result->seconds = seconds;
    while (left > 0 && error == PP_OK && !result->out_of_money && !atomic_load(&bench->stop)) {
        struct leg *leg = calloc(1, sizeof *leg);
        if (!leg)
            return cli_problem_set(problem, PP_NO_MEMORY, "a round");
        error = leg_run(bench, leg, &schedule, rate, &left, result, problem);
        load_traffic_done(&leg->traffic);
        free(leg->due_ns);
        free(leg);
    }
    result->interrupted = atomic_load(&bench->stop);
    return error;
}

/* ---- the search ---- */

/* LOAD-008 */
static bool is_sustained(const struct load_result *result, uint64_t p99_limit_ns)
{
    const struct load_tally *t = &result->tally;
    if (load_faults(t) != 0 || load_tally_refused(t) > 0 || t->requests_lost > 0)
        return false;
    if (p99_limit_ns > 0)
        return load_histogram_percentile(&t->latency, 99000) <= p99_limit_ns;
    return result->tail_ns <= result->seconds * (1000000000 / LOAD_TAIL_SHARE); /* it kept up */
}

static void step_note(struct load_bench *bench, const struct load_step *step)
{
    char p99[LOAD_DURATION_MAX];
    cli_note(bench->cli, "%8" PRIu64 " requests/s: p99 %s, %" PRIu64 " refused: %s", step->rate,
             load_duration_print(step->p99_ns, p99), step->refused,
             step->held           ? "sustained"
             : step->by_generator ? "the generator fell behind"
                                  : "not sustained");
}

static void step_put(struct load_bench *bench, const struct load_result *tried, struct load_result *result,
                     bool held)
{
    struct load_step *step = &result->steps[result->steps_count++];
    *step = (struct load_step){.rate = tried->rate,
                               .held = held,
                               .p99_ns = load_histogram_percentile(&tried->tally.latency, 99000),
                               .refused = load_tally_refused(&tried->tally),
                               .unanswered = tried->tally.requests_unanswered + tried->tally.requests_unsent,
                               .by_generator = (load_faults(&tried->tally) & LOAD_FAULT_BEHIND) != 0};
    step_note(bench, step);
}

/* What one rate gave becomes the result; what the search knows stays. */
static void result_take(struct load_result *result, const struct load_result *tried)
{
    result->tally = tried->tally;
    result->rate = tried->rate;
    result->seconds = tried->seconds;
    result->elapsed_ns = tried->elapsed_ns;
    result->tail_ns = tried->tail_ns;
    result->target_cpu_ns = tried->target_cpu_ns;
    result->has_target_cpu = tried->has_target_cpu;
    result->rounds = tried->rounds;
    result->postage = tried->postage;
}

static uint64_t next_rate(uint64_t held, uint64_t failed, uint64_t rate)
{
    if (failed == 0)
        return rate * 2 > LOAD_RATE_MAX ? LOAD_RATE_MAX : rate * 2;
    return held == 0 ? rate / 2 : (held + failed) / 2;
}

enum pp_error load_bench_search(struct load_bench *bench, uint64_t start_rate, uint64_t seconds,
                                uint64_t p99_limit_ns, struct load_result *result,
                                struct cli_problem *problem)
{
    struct load_result *tried = malloc(sizeof *tried);
    const struct load_result empty = *result;
    uint64_t held = 0, failed = 0;
    enum pp_error error = PP_OK;
    if (!tried)
        return cli_problem_set(problem, PP_NO_MEMORY, "a search");
    result->is_search = true;
    for (uint64_t rate = start_rate; rate > 0 && result->steps_count < LOAD_STEPS_MAX;
         rate = next_rate(held, failed, rate)) {
        *tried = empty;
        error = load_bench_run(bench, rate, seconds, tried, problem);
        result->interrupted = tried->interrupted;
        result->out_of_money = tried->out_of_money;
        if (error != PP_OK || tried->interrupted || tried->out_of_money) {
            if (result->steps_count == 0) /* better than nothing */
                result_take(result, tried);
            break;
        }
        const bool sustained = is_sustained(tried, p99_limit_ns);
        step_put(bench, tried, result, sustained);
        if (sustained || held == 0)
            result_take(result, tried);
        if (sustained)
            held = rate;
        else
            failed = rate;
        result->found = held > 0;
        if ((held > 0 && failed > 0 && failed - held <= held / LOAD_SEARCH_CLOSE + 1) ||
            held == LOAD_RATE_MAX)
            break;
    }
    free(tried);
    return error;
}
