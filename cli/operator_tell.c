/* What the operator's job did, or would do, and what waits: for people, and whole with --json. */
#include "operator_job.h"

#include <pp/time.h>

#include <inttypes.h>
#include <stdlib.h>

#define SHOWN_MAX                                                                                            \
    16u /* outcomes, and waits, that people see: an answer has CLI_ROWS_MAX rows; --json has all */

static void set_text(json_t *row, const char *key, const char *text)
{
    json_object_set_new(row, key, json_string(text));
}

static void set_hex(json_t *row, const char *key, const uint8_t *bytes, size_t length)
{
    char *text = malloc(2 * length + 3);
    if (!text)
        return;
    memcpy(text, "0x", 3);
    pp_hex_print(bytes, length, text + 2);
    set_text(row, key, text);
    free(text);
}

static void set_u128(json_t *row, const char *key, pp_u128 value)
{
    char text[PP_AMOUNT_TEXT_MAX];
    set_text(row, key, pp_u128_print(value, text));
}

/* PLAN-040: the call and its fees, as an Ethereum tool would want them. */
static void set_call(json_t *row, const struct pp_settle_outcome *outcome)
{
    set_hex(row, "to", outcome->to.bytes, sizeof outcome->to.bytes);
    set_hex(row, "data", outcome->data, outcome->data_length);
    json_object_set_new(row, "gas_limit", json_integer((json_int_t)outcome->gas_limit));
    set_u128(row, "max_fee_per_gas_wei", outcome->fees.most);
    set_u128(row, "max_priority_fee_per_gas_wei", outcome->fees.priority);
}

static void set_expected(const struct cli_operator_job *o, json_t *row,
                         const struct pp_settle_outcome *outcome)
{
    char units[PP_AMOUNT_TEXT_MAX];
    set_text(row, "why", pp_settle_why_name(outcome->why));
    set_text(row, "why_sentence", pp_settle_why_sentence(outcome->why));
    if (outcome->deadline_s)
        json_object_set_new(row, "deadline_s", json_integer((json_int_t)outcome->deadline_s));
    if (outcome->gas_estimate == 0)
        return;
    json_object_set_new(row, "gas_estimate", json_integer((json_int_t)outcome->gas_estimate));
    set_u128(row, "cost_wei", pp_fees_cost(outcome->gas_estimate, outcome->price_estimate));
    if (o->coin_units)
        set_text(row, "cost_units", pp_units_print(outcome->cost_units, units));
}

static void tell_outcome(const struct cli_operator_job *o, struct cli_answer *answer,
                         const struct pp_settle_outcome *outcome)
{
    char text[CLI_CELL_MAX], gain[CLI_MONEY_MAX], cost[CLI_MONEY_MAX], wei[PP_AMOUNT_TEXT_MAX];
    bool planned = o->dry && outcome->state == PP_JOB_STATE_QUEUED && outcome->id == 0;
    snprintf(text, sizeof text, "%.60s%s%.30s", outcome->label, outcome->reason[0] ? ": " : "",
             outcome->reason);
    cli_put_text(answer, NULL, planned ? "would send" : pp_job_state_name(outcome->state), text);
    if (!planned)
        return;
    if (o->coin_units)
        cli_money_units(outcome->cost_units, (unsigned)o->decimals, cost);
    else
        snprintf(cost, sizeof cost, "%s wei",
                 pp_u128_print(pp_fees_cost(outcome->gas_estimate, outcome->price_estimate), wei));
    snprintf(text, sizeof text, "%" PRIu64 " gas, %s, for %s: %s", outcome->gas_estimate, cost,
             cli_money_units(outcome->value, (unsigned)o->decimals, gain), pp_settle_why_name(outcome->why));
    cli_put_text(answer, NULL, "  costs", text);
}

static void put_outcome(const struct cli_operator_job *o, struct cli_answer *answer, json_t *done,
                        const struct pp_settle_outcome *outcome)
{
    static const struct pp_hash none;
    char value[PP_AMOUNT_TEXT_MAX];
    json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:I}", "kind", pp_job_kind_name(outcome->kind), "what",
                            outcome->label, "state", pp_job_state_name(outcome->state), "value_units",
                            pp_units_print(outcome->value, value), "gas_used", (json_int_t)outcome->gas_used);
    if (!pp_hash_eq(&outcome->transaction, &none))
        set_hex(row, "transaction", outcome->transaction.bytes, 32);
    if (outcome->reason[0])
        set_text(row, "reason", outcome->reason);
    if (outcome->skipped)
        json_object_set_new(row, "claims_skipped", json_integer(outcome->skipped));
    set_expected(o, row, outcome);
    if (outcome->data)
        set_call(row, outcome);
    if (json_array_size(done) < SHOWN_MAX)
        tell_outcome(o, answer, outcome);
    json_array_append_new(done, row);
}

static void put_wait(const struct cli_operator_job *o, struct cli_answer *answer, json_t *waiting,
                     const struct pp_plan_wait *wait)
{
    bool shown = json_array_size(waiting) < SHOWN_MAX;
    char value[PP_AMOUNT_TEXT_MAX], money[CLI_MONEY_MAX], until[PP_TIME_TEXT_MAX], text[CLI_CELL_MAX];
    json_t *row =
        json_pack("{s:s, s:s, s:s, s:s, s:I}", "kind", pp_job_kind_name(wait->kind), "reason",
                  pp_plan_reason_name(wait->reason), "sentence", pp_plan_reason_sentence(wait->reason),
                  "value_units", pp_units_print(wait->value, value), "count", (json_int_t)wait->count);
    if (wait->epoch)
        json_object_set_new(row, "epoch", json_integer((json_int_t)wait->epoch));
    if (wait->reason == PP_PLAN_UNPROFITABLE)
        set_text(row, "cost_units", pp_units_print(wait->cost, value));
    if (wait->until_s) {
        json_object_set_new(row, "until_s", json_integer((json_int_t)wait->until_s));
        json_object_set_new(row, "seconds_left",
                            json_integer(wait->until_s > o->result.latest.time_s
                                             ? (json_int_t)(wait->until_s - o->result.latest.time_s)
                                             : 0));
    }
    json_array_append_new(waiting, row);
    snprintf(text, sizeof text, "%s %s: %.50s", pp_job_kind_name(wait->kind),
             wait->value.raw ? cli_money_units(wait->value, (unsigned)o->decimals, money) : "",
             pp_plan_reason_sentence(wait->reason));
    if (shown)
        cli_put_text(answer, NULL, wait->until_s ? pp_time_print(wait->until_s * 1000, until) : "waits",
                     text);
}

/* CLI-006. */
int cli_operator_status(const struct cli_operator_job *o)
{
    bool waits = false, any = false;
    for (size_t i = 0; i < o->result.done_count; i++) {
        const struct pp_settle_outcome *outcome = &o->result.done[i];
        bool over = pp_job_is_over(outcome->state), planned = o->dry && !over;
        if (over && outcome->state != PP_JOB_STATE_FINAL && !outcome->waits)
            return CLI_FAILED;
        waits |= !over && !planned;
        any |= !outcome->waits;
    }
    return waits ? CLI_WAITING : any ? CLI_OK : CLI_NOT_DUE;
}

void cli_put_operator_job(const struct cli_operator_job *o, struct cli_answer *answer)
{
    json_t *done = json_array(), *waiting = json_array();
    int status = cli_operator_status(o);
    for (size_t i = 0; i < o->result.done_count; i++)
        put_outcome(o, answer, done, &o->result.done[i]);
    for (size_t i = 0; i < o->result.wait_count; i++)
        put_wait(o, answer, waiting, &o->result.waits[i]);
    bool more = json_array_size(done) > SHOWN_MAX || json_array_size(waiting) > SHOWN_MAX;
    cli_put_json(answer, "done", done);
    cli_put_json(answer, "waiting", waiting);
    cli_put_number(answer, "chain_time_s", NULL, o->result.latest.time_s);
    cli_put_units(answer, "pool_received_units", "pool received", o->result.pool.received);
    cli_put_units(answer, "pool_claimed_units", "pool paid out", o->result.pool.claimed);
    cli_put_bool(answer, "all_final", NULL, status == CLI_OK || status == CLI_NOT_DUE);
    if (o->result.done_count == 0)
        cli_put_line(answer, "Nothing is due now.");
    if (more)
        cli_put_line(answer, "There is more: --json shows all.");
}
