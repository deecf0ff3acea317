/* settle: the operator's scheduled job. Reads the node's folder while the node runs, and sends what the chain is owed. */
#include "clock.h"
#include "options.h"
#include "output.h"

#include <pp/chain_contract.h>
#include <pp/chain_settle.h>
#include <pp/time.h>

#include <inttypes.h>
#include <stdlib.h>

#define PATH_MAX_BYTES 4096u
#define GWEI UINT64_C(1000000000)
#define POLL_MS 250u
#define TIMEOUT_MS 20000u

struct settling {
    struct cli *cli;
    const char *data_dir, *journal;
    uint64_t dust, gas_price_gwei, patience_s, stuck_blocks;
    bool dry, payouts_only;
    uint64_t until_ms;
    struct pp_claims *claims;
    struct pp_claims_head head;
    struct pp_chain_job *job;
    struct pp_settle_result result;
    uint64_t decimals;
};

/* ---- telling ---- */

static void put_outcome(struct settling *s, struct cli_answer *answer, json_t *done,
                        const struct pp_settle_outcome *outcome)
{
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
    cli_put_text(answer, NULL, s->dry ? "would send" : pp_job_state_name(outcome->state), text);
}

static void put_wait(struct settling *s, struct cli_answer *answer, json_t *waiting,
                     const struct pp_plan_wait *wait)
{
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
                            json_integer(wait->until_s > s->result.latest.time_s
                                             ? (json_int_t)(wait->until_s - s->result.latest.time_s)
                                             : 0));
    }
    json_array_append_new(waiting, row);
    snprintf(text, sizeof text, "%s %s: %.50s", pp_job_kind_name(wait->kind),
             wait->value.raw ? cli_money_units(wait->value, (unsigned)s->decimals, money) : "",
             pp_plan_reason_sentence(wait->reason));
    cli_put_text(answer, NULL, wait->until_s ? pp_time_print(wait->until_s * 1000, until) : "waits", text);
}

static void put_payouts(struct settling *s, struct cli_answer *answer)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->result.payout_count; i++) {
        const struct pp_settle_payout *payout = &s->result.payouts[i];
        char hex[67] = "0x", amount[PP_AMOUNT_TEXT_MAX], claimed[PP_AMOUNT_TEXT_MAX], sum[PP_AMOUNT_TEXT_MAX],
             label[40];
        json_t *proof = json_array();
        for (size_t k = 0; k < payout->proof.length; k++) {
            const struct pp_payout_step *step = &payout->proof.path[k];
            pp_hex_print(step->hash.bytes, 32, hex + 2);
            json_array_append_new(proof, json_pack("{s:s, s:s, s:b}", "hash", hex, "sum_units",
                                                   pp_grains_print((struct pp_grains){step->sum}, sum),
                                                   "on_left", step->on_left));
        }
        pp_hex_print(payout->payout.payee.bytes, 20, hex + 2);
        json_array_append_new(
            list, json_pack("{s:I, s:s, s:s, s:s, s:I, s:o}", "node_id", (json_int_t)payout->payout.node_id,
                            "payee", hex, "cumulative_units", pp_units_print(payout->payout.amount, amount),
                            "claimed_before_units", pp_units_print(payout->claimed, claimed), "epoch",
                            (json_int_t)payout->epoch, "proof", proof));
        snprintf(label, sizeof label, payout->payout.node_id ? "node %" PRIu32 ", ever" : "treasury, ever",
                 payout->payout.node_id);
        cli_put_units(answer, NULL, label, payout->payout.amount);
    }
    cli_put_json(answer, "payouts", list);
}

/* Everything done and waiting; failures are told in it, and by the status. */
static int tell(struct settling *s)
{
    struct cli_answer answer;
    json_t *done = json_array(), *waiting = json_array();
    bool all_well = true, any = s->result.done_count > 0;
    cli_answer_init(&answer, s->cli);
    answer.decimals = (unsigned)s->decimals;
    cli_put_number(&answer, "node_id", "node", s->head.node_id);
    for (size_t i = 0; i < s->result.done_count; i++) {
        put_outcome(s, &answer, done, &s->result.done[i]);
        all_well = all_well && (s->dry || s->result.done[i].state == PP_JOB_STATE_FINAL);
    }
    for (size_t i = 0; i < s->result.wait_count; i++)
        put_wait(s, &answer, waiting, &s->result.waits[i]);
    put_payouts(s, &answer);
    cli_put_json(&answer, "done", done);
    cli_put_json(&answer, "waiting", waiting);
    cli_put_number(&answer, "chain_time_s", NULL, s->result.latest.time_s);
    cli_put_units(&answer, "pool_received_units", "pool received", s->result.pool.received);
    cli_put_units(&answer, "pool_claimed_units", "pool paid out", s->result.pool.claimed);
    cli_put_bool(&answer, "all_final", NULL, all_well);
    if (!any)
        cli_put_line(&answer, "Nothing is due now.");
    (void)cli_answer_print(&answer);
    return !all_well ? CLI_FAILED : any ? CLI_OK : CLI_NOT_DUE;
}

/* ---- working ---- */

static int fail(struct settling *s, enum pp_error error, const char *doing)
{
    const char *words = s->job ? pp_chain_job_reason(s->job) : "";
    return cli_fail(s->cli, error, "%s%s%s", doing, *words ? ": " : "", words);
}

static bool rest(void *context)
{
    const struct settling *s = context;
    if (cli_clock_ms() >= s->until_ms)
        return false;
    cli_pause_ms(POLL_MS);
    return true;
}

static enum pp_error decimals_ask(struct settling *s)
{
    struct pp_address token;
    const struct pp_contract contract = {pp_chain_job_rpc(s->job), s->head.domain.contract};
    enum pp_error error = pp_rpc_expect_chain(contract.rpc, s->head.domain.chain_id);
    if (error == PP_OK)
        error = pp_contract_token(&contract, &token);
    if (error == PP_OK)
        error = pp_token_decimals(contract.rpc, &token, &s->decimals);
    return pp_chain_job_told(s->job, error);
}

/* An error that stopped the job: what was done before it is told too, since it counts. */
static int stopped(struct settling *s, enum pp_error error)
{
    for (size_t i = 0; i < s->result.done_count; i++)
        cli_warn(s->cli, "%s: %s", s->result.done[i].label, pp_job_state_name(s->result.done[i].state));
    return fail(s, error, "settling");
}

static int settle(struct settling *s)
{
    const struct pp_settle_options options = {
        .dust = pp_units(s->dust), .dry = s->dry, .payouts_only = s->payouts_only};
    enum pp_error error = decimals_ask(s);
    if (error != PP_OK)
        return fail(s, error, "the contract");
    error = pp_settle_run(s->job, s->claims, &options, &s->result);
    return error == PP_OK ? tell(s) : stopped(s, error);
}

static enum pp_error job_open(struct settling *s, const struct pp_key *key, char reason[PP_RPC_TEXT_MAX])
{
    char journal[PATH_MAX_BYTES];
    struct pp_secret_key secret;
    int length = snprintf(journal, sizeof journal, "%s%s", s->journal ? s->journal : s->data_dir,
                          s->journal ? "" : "/settlement");
    if ((size_t)length >= sizeof journal)
        return PP_TOO_LONG;
    pp_key_secret_copy(key, &secret);
    const struct pp_chain_job_config config = {
        .dir = journal,
        .rpc_url = s->cli->rpc_url,
        .timeout_ms = TIMEOUT_MS,
        .chain_id = s->head.domain.chain_id,
        .contract = s->head.domain.contract,
        .key = &secret,
        .fees = {.most = (pp_u128)s->gas_price_gwei * GWEI, .stuck_after = (uint32_t)s->stuck_blocks},
        .rest = rest,
        .context = s,
    };
    enum pp_error error = pp_chain_job_open(&config, &s->job, reason);
    pp_secret_key_done(&secret);
    return error;
}

static int with_key(struct settling *s)
{
    struct pp_key key;
    char reason[PP_RPC_TEXT_MAX] = "";
    if (!cli_key_open(s->cli, s->cli->key_file, PP_KEY_SECP256K1, &key))
        return CLI_FAILED;
    enum pp_error error = job_open(s, &key, reason);
    pp_key_done(&key);
    if (error != PP_OK)
        return cli_fail(s->cli, error, "the job's journal: %s", reason);
    int status = settle(s);
    pp_chain_job_close(s->job);
    return status;
}

static int with_claims(struct settling *s)
{
    char reason[256] = "";
    enum pp_error error = pp_claims_open(s->data_dir, &s->claims, reason);
    if (error != PP_OK)
        return cli_fail(s->cli, error, "%s: %s", s->data_dir, reason);
    pp_claims_head(s->claims, &s->head);
    int status = with_key(s);
    pp_claims_close(s->claims);
    return status;
}

static int settle_verb(struct settling *s, int argc, char **argv)
{
    char **operands;
    size_t count;
    int status;
    const struct cli_option options[] = {
        {"data", "FOLDER", CLI_TEXT, &s->data_dir, 0, 0, "the node's data folder; the node may be running",
         NULL},
        {"journal", "FOLDER", CLI_TEXT, &s->journal, 0, 0,
         "this job's own journal (default: settlement in the data folder)", NULL},
        {"dust", "UNITS", CLI_NUMBER, &s->dust, 1, UINT64_MAX, "less than this is left for later (default 1)",
         NULL},
        {"max-gas-price", "GWEI", CLI_NUMBER, &s->gas_price_gwei, 1, 1000000,
         "the most that may be paid per gas (200)", NULL},
        {"chain-wait", "SECONDS", CLI_NUMBER, &s->patience_s, 0, 864000,
         "how long to wait until all is final (1800)", NULL},
        {"stuck-blocks", "N", CLI_NUMBER, &s->stuck_blocks, 1, 100000,
         "blocks without being mined before the fee is raised (10)", NULL},
        {"dry-run", NULL, CLI_FLAG, &s->dry, 0, 0, "say what would be sent, send nothing", NULL},
    };
    const struct cli_syntax syntax = {
        options, sizeof options / sizeof options[0], 0, 0,
        "--key pays for gas. Status 3: nothing was due. Safe to stop and run again at any time."};
    if (!cli_parse(s->cli, &syntax, argc, argv, &operands, &count, &status))
        return status;
    if (!s->data_dir || !s->cli->key_file || !s->cli->rpc_url)
        return cli_usage(s->cli, "--data FOLDER, --rpc URL and --key FILE are needed");
    s->until_ms = cli_clock_ms() + 1000 * s->patience_s;
    return with_claims(s);
}

static int settle_run(struct cli *cli, int argc, char **argv, bool payouts_only)
{
    struct settling *s = calloc(1, sizeof *s);
    if (!s)
        return cli_fail(cli, PP_NO_MEMORY, NULL);
    s->cli = cli;
    s->payouts_only = payouts_only;
    s->dust = 1;
    s->gas_price_gwei = 200;
    s->patience_s = 1800;
    s->stuck_blocks = 10;
    int status = settle_verb(s, argc, argv);
    free(s);
    return status;
}

int cli_verb_settle(struct cli *cli, int argc, char **argv)
{
    return settle_run(cli, argc, argv, false);
}

int cli_verb_payout(struct cli *cli, int argc, char **argv)
{
    return settle_run(cli, argc, argv, true);
}
