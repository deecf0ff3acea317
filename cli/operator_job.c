#include "operator_job.h"

#include "clock.h"

#include <pp/chain_contract.h>
#include <pp/time.h>

#include <inttypes.h>
#include <stdlib.h>

#define PATH_MAX_BYTES 4096u
#define GWEI UINT64_C(1000000000)
#define POLL_MS 250u
#define TIMEOUT_MS 20000u
#define SHOWN_MAX                                                                                            \
    16u /* outcomes, and waits, that people see: an answer has CLI_ROWS_MAX rows; --json has all */

/* ---- telling ---- */

static void put_outcome(const struct cli_operator_job *o, struct cli_answer *answer, json_t *done,
                        const struct pp_settle_outcome *outcome)
{
    bool shown = json_array_size(done) < SHOWN_MAX;
    char hex[67] = "0x", value[PP_AMOUNT_TEXT_MAX], text[CLI_CELL_MAX];
    json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:I}", "kind", pp_job_kind_name(outcome->kind), "what",
                            outcome->label, "state", pp_job_state_name(outcome->state), "value_units",
                            pp_units_print(outcome->value, value), "gas_used", (json_int_t)outcome->gas_used);
    if (outcome->state != PP_JOB_STATE_QUEUED) {
        pp_hex_print(outcome->transaction.bytes, 32, hex + 2);
        json_object_set_new(row, "transaction", json_string(hex));
    }
    if (outcome->reason[0])
        json_object_set_new(row, "reason", json_string(outcome->reason));
    if (outcome->skipped)
        json_object_set_new(row, "claims_skipped", json_integer(outcome->skipped));
    json_array_append_new(done, row);
    snprintf(text, sizeof text, "%.60s%s%.30s", outcome->label, outcome->reason[0] ? ": " : "",
             outcome->reason);
    if (shown)
        cli_put_text(answer, NULL, o->dry ? "would send" : pp_job_state_name(outcome->state), text);
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

int cli_put_operator_job(const struct cli_operator_job *o, struct cli_answer *answer)
{
    json_t *done = json_array(), *waiting = json_array();
    bool all_well = true, any = o->result.done_count > 0;
    for (size_t i = 0; i < o->result.done_count; i++) {
        put_outcome(o, answer, done, &o->result.done[i]);
        all_well = all_well && (o->dry || o->result.done[i].state == PP_JOB_STATE_FINAL);
    }
    for (size_t i = 0; i < o->result.wait_count; i++)
        put_wait(o, answer, waiting, &o->result.waits[i]);
    bool more = json_array_size(done) > SHOWN_MAX || json_array_size(waiting) > SHOWN_MAX;
    cli_put_json(answer, "done", done);
    cli_put_json(answer, "waiting", waiting);
    cli_put_number(answer, "chain_time_s", NULL, o->result.latest.time_s);
    cli_put_units(answer, "pool_received_units", "pool received", o->result.pool.received);
    cli_put_units(answer, "pool_claimed_units", "pool paid out", o->result.pool.claimed);
    cli_put_bool(answer, "all_final", NULL, all_well);
    if (!any)
        cli_put_line(answer, "Nothing is due now.");
    if (more)
        cli_put_line(answer, "There is more: --json shows all.");
    return !all_well ? CLI_FAILED : any ? CLI_OK : CLI_NOT_DUE;
}

/* ---- working ---- */

static int fail(struct cli_operator_job *o, enum pp_error error, const char *doing)
{
    const char *words = o->job ? pp_chain_job_reason(o->job) : "";
    return cli_fail(o->cli, error, "%s%s%s", doing, *words ? ": " : "", words);
}

static bool rest(void *context)
{
    const struct cli_operator_job *o = context;
    if (cli_clock_ms() >= o->until_ms)
        return false;
    cli_pause_ms(POLL_MS);
    return true;
}

static enum pp_error decimals_ask(struct cli_operator_job *o)
{
    struct pp_address token;
    const struct pp_contract contract = {pp_chain_job_rpc(o->job), o->head.domain.contract};
    enum pp_error error = pp_rpc_expect_chain(contract.rpc, o->head.domain.chain_id);
    if (error == PP_OK)
        error = pp_contract_token(&contract, &token);
    if (error == PP_OK)
        error = pp_token_decimals(contract.rpc, &token, &o->decimals);
    return pp_chain_job_told(o->job, error);
}

/* An error that stopped the job: what was done before it is told too, since it counts. */
static int stopped(struct cli_operator_job *o, enum pp_error error)
{
    for (size_t i = 0; i < o->result.done_count; i++)
        cli_warn(o->cli, "%s: %s", o->result.done[i].label, pp_job_state_name(o->result.done[i].state));
    return fail(o, error, "settling");
}

static bool settle(struct cli_operator_job *o, int *out_status)
{
    const struct pp_settle_options options = {
        .dust = pp_units(o->dust), .gas_most = o->gas_limit, .dry = o->dry, .payouts_only = o->payouts_only};
    enum pp_error error = decimals_ask(o);
    if (error != PP_OK) {
        *out_status = fail(o, error, "the contract");
        return false;
    }
    error = pp_settle_run(o->job, o->claims, &options, &o->result);
    if (error != PP_OK)
        *out_status = stopped(o, error);
    return error == PP_OK;
}

static enum pp_error job_open(struct cli_operator_job *o, const struct pp_key *key,
                              char reason[PP_RPC_TEXT_MAX])
{
    char journal[PATH_MAX_BYTES];
    struct pp_secret_key secret;
    int length = snprintf(journal, sizeof journal, "%s%s", o->job_dir ? o->job_dir : o->data_dir,
                          o->job_dir ? "" : "/settlement");
    if ((size_t)length >= sizeof journal)
        return PP_TOO_LONG;
    pp_key_secret_copy(key, &secret);
    const struct pp_chain_job_config config = {
        .dir = journal,
        .rpc_url = o->cli->rpc_url,
        .timeout_ms = TIMEOUT_MS,
        .chain_id = o->head.domain.chain_id,
        .contract = o->head.domain.contract,
        .key = &secret,
        .fees = {.most = (pp_u128)o->gas_price_gwei * GWEI, .stuck_after = (uint32_t)o->stuck_blocks},
        .rest = rest,
        .context = o,
    };
    enum pp_error error = pp_chain_job_open(&config, &o->job, reason);
    pp_secret_key_done(&secret);
    return error;
}

bool cli_operator_job_run(struct cli_operator_job *o, int *out_status)
{
    struct pp_key key;
    char reason[PP_RPC_TEXT_MAX] = "";
    *out_status = CLI_FAILED;
    o->until_ms = cli_clock_ms() + 1000 * o->patience_s;
    if (!cli_key_open(o->cli, o->cli->key_file, PP_KEY_SECP256K1, &key))
        return false;
    enum pp_error error = job_open(o, &key, reason);
    pp_key_done(&key);
    if (error != PP_OK) {
        cli_fail(o->cli, error, "the job's journal: %s", reason);
        return false;
    }
    bool well = settle(o, out_status);
    pp_chain_job_close(o->job);
    o->job = NULL;
    return well;
}

void cli_operator_claims_close(struct cli_operator_job *o)
{
    pp_claims_close(o->claims);
    o->claims = NULL;
}

bool cli_operator_claims_open(struct cli_operator_job *o)
{
    char reason[256] = "";
    enum pp_error error = pp_claims_open(o->data_dir, &o->claims, reason);
    if (error != PP_OK) {
        cli_fail(o->cli, error, "%s: %s", o->data_dir, reason);
        return false;
    }
    pp_claims_head(o->claims, &o->head);
    if (!o->head.part)
        return true;
    cli_operator_claims_close(o);
    cli_fail(o->cli, PP_BAD_CONFIG, "%s is one of several shards: name the folder above, with all of them",
             o->data_dir);
    return false;
}
