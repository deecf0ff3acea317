#include "load_report.h"
#include "atomic_file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *kind_name(enum pp_stamp_kind kind)
{
    return kind == PP_STAMP_SINGLE ? "single" : kind == PP_STAMP_BATCH ? "batch" : "session";
}

static double per_second(uint64_t count, uint64_t elapsed_ns)
{
    return elapsed_ns == 0 ? 0 : (double)count * 1e9 / (double)elapsed_ns;
}

/* ---- whether it may be believed ---- */

uint64_t load_lag_limit_ns(const struct load_tally *tally)
{
    const uint64_t part = load_histogram_percentile(&tally->latency, 99000) / LOAD_LAG_SHARE;
    return part > LOAD_LAG_FLOOR_NS ? part : LOAD_LAG_FLOOR_NS;
}

/* LOAD-005, LOAD-006 */
unsigned load_faults(const struct load_tally *tally)
{
    unsigned faults = 0;
    if (load_histogram_percentile(&tally->lag, 99000) > load_lag_limit_ns(tally))
        faults |= LOAD_FAULT_BEHIND;
    if (tally->requests_lost + tally->requests_unanswered + tally->requests_unsent > 0)
        faults |= LOAD_FAULT_UNANSWERED;
    if (tally->checks_failed > 0)
        faults |= LOAD_FAULT_RECEIPTS;
    if (tally->requests_admitted == 0)
        faults |= LOAD_FAULT_NOTHING;
    if (tally->roots_refused + tally->leaves_unsigned > 0)
        faults |= LOAD_FAULT_ROOTS;
    if (tally->tickets_failed > 0)
        faults |= LOAD_FAULT_TICKETS;
    return faults;
}

static enum pp_error first_refused(const struct load_tally *tally)
{
    for (unsigned i = 0; i < LOAD_ERRORS; i++)
        if (tally->refused[i] > 0)
            return (enum pp_error)i;
    return PP_NODE_DOWN;
}

/* The worst fault as an error of the product; detail has room for 200. */
static enum pp_error fault_tell(const struct load_tally *tally, unsigned faults, char *detail)
{
    char late[LOAD_DURATION_MAX], most[LOAD_DURATION_MAX];
    if (faults & LOAD_FAULT_RECEIPTS) {
        snprintf(detail, 200, "%" PRIu64 " of %" PRIu64 " receipts do not verify", tally->checks_failed,
                 tally->checked);
        return PP_NODE_TOLD_OTHERWISE;
    }
    if (faults & LOAD_FAULT_NOTHING) {
        snprintf(detail, 200, "nothing was admitted");
        return first_refused(tally);
    }
    if (faults & LOAD_FAULT_UNANSWERED) {
        snprintf(detail, 200,
                 "%" PRIu64 " requests had no answer and %" PRIu64 " were never sent: latencies are too low",
                 tally->requests_lost + tally->requests_unanswered, tally->requests_unsent);
        return PP_NODE_DOWN;
    }
    if (faults & LOAD_FAULT_ROOTS) {
        snprintf(detail, 200, "%" PRIu64 " roots of sessions were refused, %" PRIu64 " stamps are under none",
                 tally->roots_refused, tally->leaves_unsigned);
        return PP_SESSION_UNSIGNED;
    }
    if (faults & LOAD_FAULT_TICKETS) {
        snprintf(detail, 200, "%" PRIu64 " tickets could not be committed", tally->tickets_failed);
        return PP_TICKET_UNKNOWN;
    }
    snprintf(detail, 200, "the generator is the limit: one of a hundred requests left %s late (at most %s)",
             load_duration_print(load_histogram_percentile(&tally->lag, 99000), late),
             load_duration_print(load_lag_limit_ns(tally), most));
    return PP_TOO_SLOW;
}

/* ---- JSON ---- */

static json_t *times_json(const struct load_histogram *h)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "count", (json_int_t)h->count, "min",
                     (json_int_t)h->min_ns, "mean", (json_int_t)load_histogram_mean_floor(h), "p50",
                     (json_int_t)load_histogram_percentile(h, 50000), "p90",
                     (json_int_t)load_histogram_percentile(h, 90000), "p99",
                     (json_int_t)load_histogram_percentile(h, 99000), "p999",
                     (json_int_t)load_histogram_percentile(h, 99900), "max", (json_int_t)h->max_ns);
}

static json_t *buckets_json(const struct load_histogram *h)
{
    struct load_bucket bucket;
    json_t *list = json_array();
    for (size_t at = 0; load_histogram_next(h, &at, &bucket);)
        json_array_append_new(list, json_pack("[I, I, I]", (json_int_t)bucket.low_ns,
                                              (json_int_t)bucket.high_ns, (json_int_t)bucket.count));
    return list;
}

static json_t *refused_json(const struct load_tally *tally)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < LOAD_ERRORS; i++)
        if (tally->refused[i] > 0)
            json_array_append_new(list,
                                  json_pack("{s:s, s:i, s:I}", "name", pp_error_name((enum pp_error)i),
                                            "number", (int)i, "envelopes", (json_int_t)tally->refused[i]));
    return list;
}

static json_t *requests_json(const struct load_tally *t)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "due", (json_int_t)t->requests_due, "sent",
                     (json_int_t)t->requests_sent, "admitted", (json_int_t)t->requests_admitted, "refused",
                     (json_int_t)t->requests_refused, "lost", (json_int_t)t->requests_lost, "unanswered",
                     (json_int_t)t->requests_unanswered, "unsent", (json_int_t)t->requests_unsent);
}

static json_t *faults_json(unsigned faults)
{
    static const char *const names[] = {"generator_behind", "unanswered", "receipts",
                                        "nothing_admitted", "roots",      "tickets"};
    json_t *list = json_array();
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (faults & 1u << i)
            json_array_append_new(list, json_string(names[i]));
    return list;
}

static json_t *steps_json(const struct load_result *r)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->steps_count; i++)
        json_array_append_new(
            list, json_pack("{s:I, s:b, s:I, s:I, s:I, s:b}", "rate", (json_int_t)r->steps[i].rate, "held",
                            (int)r->steps[i].held, "p99_ns", (json_int_t)r->steps[i].p99_ns, "refused",
                            (json_int_t)r->steps[i].refused, "unanswered", (json_int_t)r->steps[i].unanswered,
                            "generator_behind", (int)r->steps[i].by_generator));
    return list;
}

/* ---- rows ---- */

static void asked_put(struct cli_answer *a, const struct load_result *r)
{
    char line[CLI_CELL_MAX];
    cli_put_text(a, "mode", NULL,
                 !r->in_process       ? "http"
                 : r->connections > 0 ? "in-process-http"
                 : r->shape.charges   ? "in-process-charges"
                                      : "in-process");
    cli_put_text(a, "target", "target", r->target);
    cli_put_text(a, "stamp", NULL, kind_name(r->shape.kind));
    cli_put_number(a, "batch", NULL, r->shape.stamps);
    cli_put_number(a, "bytes", NULL, r->shape.bytes);
    cli_put_number(a, "days", NULL, r->shape.days);
    cli_put_number(a, "lanes", NULL, r->lanes);
    cli_put_number(a, "connections", NULL, r->connections);
    cli_put_number(a, "threads", NULL, r->threads);
    cli_put_text(a, "arrivals", NULL, r->arrivals);
    cli_put_number(a, "rate", NULL, r->rate);
    cli_put_number(a, "seconds", NULL, r->seconds);
    cli_put_number(a, "seed", NULL, r->seed);
    cli_put_number(a, "rounds", NULL, r->rounds);
    cli_put_bool(a, "interrupted", NULL, r->interrupted);
    cli_put_bool(a, "out_of_money", NULL, r->out_of_money);
    snprintf(line, sizeof line, "%s of %" PRIu32 " x %" PRIu32 " bytes, %" PRIu32 " lanes, %u connections",
             r->shape.kind == PP_STAMP_SINGLE  ? "singles"
             : r->shape.kind == PP_STAMP_BATCH ? "batches"
                                               : "session stamps, requests",
             r->shape.stamps, r->shape.bytes, r->lanes, r->connections);
    cli_put_text(a, NULL, "requests", line);
    snprintf(line, sizeof line,
             "%" PRIu64 " requests/s, %s, seed %" PRIu64 ", %.1f s in %" PRIu32 " rounds%s", r->rate,
             r->arrivals, r->seed, (double)r->elapsed_ns / 1e9, r->rounds,
             r->interrupted    ? ", interrupted"
             : r->out_of_money ? ", out of money"
                               : "");
    cli_put_text(a, NULL, "offered", line);
}

static void counts_put(struct cli_answer *a, const struct load_result *r)
{
    const struct load_tally *t = &r->tally;
    char line[CLI_CELL_MAX];
    const double requests = per_second(t->requests_admitted, r->elapsed_ns);
    const double envelopes = per_second(t->admitted, r->elapsed_ns);
    snprintf(line, sizeof line, "%" PRIu64 " of %" PRIu64 " requests, %.0f/s; %" PRIu64 " envelopes, %.0f/s",
             t->requests_admitted, t->requests_due, requests, t->admitted, envelopes);
    cli_put_text(a, NULL, "admitted", line);
    cli_put_number(a, NULL, t->known ? "known already" : NULL, t->known);
    for (unsigned i = 0; i < LOAD_ERRORS; i++) {
        if (t->refused[i] == 0)
            continue;
        snprintf(line, sizeof line, "%" PRIu64 " envelopes: %s", t->refused[i],
                 pp_error_name((enum pp_error)i));
        cli_put_text(a, NULL, "refused", line);
    }
    if (t->requests_lost + t->requests_unanswered + t->requests_unsent + t->connections_failed > 0) {
        snprintf(line, sizeof line,
                 "%" PRIu64 " with their connections; %" PRIu64 " not answered, %" PRIu64 " not sent",
                 t->requests_lost, t->requests_unanswered, t->requests_unsent);
        cli_put_text(a, NULL, "lost", line);
    }
    cli_put_json(a, "requests", requests_json(t));
    cli_put_json(a, "envelopes",
                 json_pack("{s:I, s:I, s:I, s:I}", "admitted", (json_int_t)t->admitted, "known",
                           (json_int_t)t->known, "refused", (json_int_t)load_tally_refused(t), "busy",
                           (json_int_t)t->refused[PP_BUSY]));
    cli_put_json(a, "refused", refused_json(t));
    cli_put_json(a, "connections_lost", json_integer((json_int_t)t->connections_lost));
    cli_put_json(a, "connections_failed", json_integer((json_int_t)t->connections_failed));
    cli_put_json(a, "elapsed_ns", json_integer((json_int_t)r->elapsed_ns));
    cli_put_json(a, "requests_per_second", json_real(requests));
    cli_put_json(a, "envelopes_per_second", json_real(envelopes));
    cli_put_grains(a, "postage_grains", r->in_process ? NULL : "postage", r->postage);
}

static void times_put(struct cli_answer *a, const struct load_tally *t)
{
    static const struct {
        const char *label;
        uint32_t part;
    } rows[] = {
        {"latency p50", 50000}, {"        p90", 90000}, {"        p99", 99000}, {"      p99.9", 99900}};
    char text[LOAD_DURATION_MAX];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cli_put_text(a, NULL, rows[i].label,
                     load_duration_print(load_histogram_percentile(&t->latency, rows[i].part), text));
    cli_put_text(a, NULL, "        max", load_duration_print(t->latency.max_ns, text));
    cli_put_json(a, "latency_ns", times_json(&t->latency));
    cli_put_json(a, "histogram",
                 json_pack("{s:s, s:i, s:o}", "unit", "ns", "significant_digits", 3, "buckets",
                           buckets_json(&t->latency)));
}

/* LOAD-015, LOAD-016: what no request's answer says. */
static void behind_put(struct cli_answer *a, const struct load_result *r)
{
    const struct load_tally *t = &r->tally;
    char line[CLI_CELL_MAX], p50[LOAD_DURATION_MAX], p99[LOAD_DURATION_MAX];
    if (r->shape.kind == PP_STAMP_SESSION) {
        snprintf(line, sizeof line, "%" PRIu64 " taken, p50 %s, p99 %s", t->roots_taken,
                 load_duration_print(load_histogram_percentile(&t->root_latency, 50000), p50),
                 load_duration_print(load_histogram_percentile(&t->root_latency, 99000), p99));
        cli_put_text(a, NULL, "roots", line);
        cli_put_json(a, "roots",
                     json_pack("{s:I, s:I, s:I, s:I, s:o}", "sent", (json_int_t)t->roots_sent, "taken",
                               (json_int_t)t->roots_taken, "refused", (json_int_t)t->roots_refused,
                               "leaves_unsigned", (json_int_t)t->leaves_unsigned, "latency_ns",
                               times_json(&t->root_latency)));
    }
    if (r->shape.charges) {
        snprintf(line, sizeof line, "%" PRIu64 " committed, %" PRIu64 " not", t->tickets_stored,
                 t->tickets_failed);
        cli_put_text(a, NULL, "tickets", line);
        cli_put_json(a, "tickets",
                     json_pack("{s:I, s:I}", "committed", (json_int_t)t->tickets_stored, "failed",
                               (json_int_t)t->tickets_failed));
    }
}

static void generator_put(struct cli_answer *a, const struct load_result *r, unsigned faults)
{
    const struct load_tally *t = &r->tally;
    char line[CLI_CELL_MAX], p99[LOAD_DURATION_MAX], most[LOAD_DURATION_MAX];
    const double share = per_second(t->sender_cpu_ns, r->elapsed_ns) / 1e9;
    snprintf(line, sizeof line, "behind its schedule by p99 %s, at most %s; %.3f of a core",
             load_duration_print(load_histogram_percentile(&t->lag, 99000), p99),
             load_duration_print(t->lag.max_ns, most), share);
    cli_put_text(a, NULL, "generator", line);
    cli_put_json(a, "generator",
                 json_pack("{s:I, s:b, s:o, s:I}", "cpu_ns", (json_int_t)t->sender_cpu_ns, "is_limit",
                           (int)((faults & LOAD_FAULT_BEHIND) != 0), "lag_ns", times_json(&t->lag),
                           "lag_limit_ns", (json_int_t)load_lag_limit_ns(t)));
    cli_put_json(a, "target_cpu_ns",
                 r->has_target_cpu ? json_integer((json_int_t)r->target_cpu_ns) : json_null());
    if (r->has_target_cpu) {
        snprintf(line, sizeof line, "%.3f of a core, %.1f us a request",
                 per_second(r->target_cpu_ns, r->elapsed_ns) / 1e9,
                 t->requests_sent == 0 ? 0 : (double)r->target_cpu_ns / 1e3 / (double)t->requests_sent);
        cli_put_text(a, NULL, r->in_process ? "engine" : "node", line);
    }
    cli_put_json(
        a, "receipts",
        json_pack("{s:I, s:I}", "checked", (json_int_t)t->checked, "wrong", (json_int_t)t->checks_failed));
    snprintf(line, sizeof line, "%" PRIu64 " checked, %" PRIu64 " wrong", t->checked, t->checks_failed);
    cli_put_text(a, NULL, "receipts", line);
}

/* LOAD-007 */
static void verdict_put(struct cli_answer *a, const struct load_result *r, unsigned faults)
{
    char detail[200] = "";
    const bool good = faults == 0 && (!r->is_search || r->found);
    cli_put_bool(a, "ok", NULL, good);
    cli_put_bool(a, "valid", NULL, faults == 0);
    cli_put_json(a, "faults", faults_json(faults));
    if (good)
        return;
    struct pp_refusal refusal;
    enum pp_error error = PP_OUT_OF_RANGE;
    if (faults != 0)
        error = fault_tell(&r->tally, faults, detail);
    else
        snprintf(detail, sizeof detail, "no rate was found that the node sustains");
    pp_refusal_init(&refusal, error, NULL);
    json_t *object = cli_refusal_json(&refusal);
    json_object_set_new(object, "detail", json_string(detail));
    cli_put_json(a, "error", object);
    cli_put_text(a, NULL, "NOT VALID", pp_error_name(error));
    cli_put_text(a, NULL, "", detail);
}

/* What the lowest rate failed by that was not sustained; NULL: none did. */
static const char *bound_by(const struct load_result *r)
{
    const struct load_step *lowest = NULL;
    for (uint32_t i = 0; i < r->steps_count; i++)
        if (!r->steps[i].held && (!lowest || r->steps[i].rate < lowest->rate))
            lowest = &r->steps[i];
    return !lowest ? NULL : lowest->by_generator ? "generator" : "node";
}

static void search_put(struct cli_answer *a, const struct load_result *r)
{
    if (!r->is_search)
        return;
    cli_put_json(a, "search",
                 json_pack("{s:b, s:I, s:s?, s:o}", "found", (int)r->found, "rate",
                           (json_int_t)(r->found ? r->rate : 0), "bound_by", bound_by(r), "steps",
                           steps_json(r)));
    cli_put_number(a, NULL, r->found ? "sustained rate" : NULL, r->rate);
    if (bound_by(r))
        cli_put_text(a, NULL, "above it",
                     strcmp(bound_by(r), "node") == 0
                         ? "the node does not keep up"
                         : "the generator falls behind: the node may be able to do more");
}

/* One object, as on standard output. */
static enum pp_error report_write(const json_t *object, const char *path)
{
    char *text = json_dumps(object, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
    if (!text)
        return PP_NO_MEMORY;
    const enum pp_error error = cli_file_replace(path, text, strlen(text));
    free(text);
    return error;
}

int load_report_tell(struct cli *cli, const struct load_result *result, const char *report_path)
{
    struct cli_answer answer;
    const unsigned faults = load_faults(&result->tally);
    const bool good = faults == 0 && (!result->is_search || result->found);
    enum pp_error written = PP_OK;
    cli_answer_init(&answer, cli);
    answer.decimals = result->decimals;
    search_put(&answer, result);
    asked_put(&answer, result);
    counts_put(&answer, result);
    times_put(&answer, &result->tally);
    behind_put(&answer, result);
    generator_put(&answer, result, faults);
    verdict_put(&answer, result, faults);
    if (report_path)
        written = report_write(answer.object, report_path);
    if (!cli->json)
        load_plot_print(&result->tally.latency, cli->out);
    cli_answer_print(&answer);
    if (written != PP_OK) {
        cli_warn(cli, "%s: %s", report_path, pp_error_sentence(written));
        return CLI_FAILED;
    }
    return good ? CLI_OK : CLI_FAILED;
}
