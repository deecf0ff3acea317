/* Numbers of one run for Prometheus, as a text file that node_exporter's textfile collector reads: written beside and renamed, so that
 * it is never half. Names are in specs/cli.md. */
#include "operator_job.h"

#include "atomic_file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

static void gauge(FILE *out, const char *name, const char *help, const char *value)
{
    fprintf(out, "# HELP pennypost_settle_%s %s\n# TYPE pennypost_settle_%s gauge\npennypost_settle_%s %s\n",
            name, help, name, name, value);
}

static void gauge_number(FILE *out, const char *name, const char *help, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    gauge(out, name, help, text);
}

static void gauge_u128(FILE *out, const char *name, const char *help, pp_u128 value)
{
    char text[PP_AMOUNT_TEXT_MAX];
    gauge(out, name, help, pp_u128_print(value, text));
}

static void states(FILE *out, const struct pp_settle_result *result)
{
    fprintf(out, "# HELP pennypost_settle_transactions transactions of the run, by state\n"
                 "# TYPE pennypost_settle_transactions gauge\n");
    for (unsigned state = 0; state < PP_JOB_STATE_COUNT; state++) {
        size_t count = 0;
        for (size_t i = 0; i < result->done_count; i++)
            count += result->done[i].state == state;
        fprintf(out, "pennypost_settle_transactions{state=\"%s\"} %zu\n",
                pp_job_state_name((enum pp_job_state)state), count);
    }
}

static void waits(FILE *out, const struct pp_settle_result *result)
{
    fprintf(out, "# HELP pennypost_settle_waiting_units token units that wait, by reason\n"
                 "# TYPE pennypost_settle_waiting_units gauge\n");
    for (unsigned reason = 0; reason < PP_PLAN_REASON_COUNT; reason++) {
        struct pp_units sum = PP_UNITS_ZERO;
        for (size_t i = 0; i < result->wait_count; i++)
            if (result->waits[i].reason == reason && pp_units_add(sum, result->waits[i].value, &sum) != PP_OK)
                sum = pp_units(UINT64_MAX);
        fprintf(out, "pennypost_settle_waiting_units{reason=\"%s\"} %" PRIu64 "\n",
                pp_plan_reason_name((enum pp_plan_reason)reason), sum.raw);
    }
}

static void sums(FILE *out, const struct pp_settle_result *result)
{
    pp_u128 paid = 0;
    uint64_t gas = 0, skipped = 0;
    for (size_t i = 0; i < result->done_count; i++) {
        gas += result->done[i].gas_used;
        skipped += result->done[i].skipped;
        paid += pp_fees_cost(result->done[i].gas_used, result->done[i].gas_price);
    }
    gauge_number(out, "gas_used", "gas of the run's transactions", gas);
    gauge_u128(out, "gas_paid_wei", "what that cost", paid);
    gauge_number(out, "claims_skipped", "claims that the contract left out of settlements", skipped);
    gauge_number(out, "chain_time_seconds", "time of the latest block that was seen", result->latest.time_s);
    gauge_number(out, "pool_received_units", "what the pool has received, ever", result->pool.received.raw);
    gauge_number(out, "pool_claimed_units", "what the pool has paid, ever", result->pool.claimed.raw);
}

static void write_all(FILE *out, const struct cli_operator_job *o, int status)
{
    gauge_number(out, "last_run_timestamp_seconds", "when the run ended", (uint64_t)time(NULL));
    gauge_number(out, "last_status",
                 "its exit status: 0 done, 1 trouble, 3 nothing due, 4 waiting, 5 a human is needed",
                 (uint64_t)status);
    gauge_number(out, "last_error", "the error's number, or 0", (uint64_t)o->failed);
    if (o->has_balance)
        gauge_u128(out, "balance_wei", "what the account has for gas", o->balance_wei);
    states(out, &o->result);
    waits(out, &o->result);
    sums(out, &o->result);
}

bool cli_operator_metrics(const struct cli_operator_job *o, int status)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out) {
        cli_fail(o->cli, PP_NO_MEMORY, "the metrics");
        return false;
    }
    write_all(out, o, status);
    enum pp_error error = fclose(out) == 0 ? cli_file_publish(o->metrics_file, text, length) : PP_NO_MEMORY;
    free(text);
    if (error != PP_OK)
        cli_fail(o->cli, error, "the metrics file %s", o->metrics_file);
    return error == PP_OK;
}
