/* payout: what the newest report pays to whom, with the proofs that the contract wants; with --rpc what was claimed; with --key it
 * claims. */
#include "operator_job.h"

#include <pp/chain_contract.h>

#include <inttypes.h>
#include <stdlib.h>

#define TIMEOUT_MS 20000u
#define SHOWN_MAX 12u /* payees that people see; --json has all */

struct payout {
    struct cli_operator_job *job;
    struct pp_claims_report *report; /* NULL: the folder has none */
    struct pp_units claimed[PP_PAYOUTS_MAX];
    bool asked;
};

/* ---- what the chain has paid ---- */

static enum pp_error claimed_ask(struct payout *p, struct pp_rpc *rpc)
{
    const struct pp_contract contract = {rpc, p->job->head.domain.contract};
    const struct pp_payout_table *table = &p->report->report.payouts;
    PP_TRY(pp_rpc_expect_chain(rpc, p->job->head.domain.chain_id));
    for (size_t i = 0; i < table->count; i++)
        PP_TRY(pp_contract_payout_claimed(&contract, table->rows[i].node_id, &p->claimed[i]));
    p->asked = true;
    return PP_OK;
}

static bool claimed_know(struct payout *p)
{
    struct pp_rpc *rpc;
    struct cli *cli = p->job->cli;
    if (!cli->rpc_url || !p->report)
        return true;
    enum pp_error error = pp_rpc_open(cli->rpc_url, TIMEOUT_MS, &rpc);
    if (error != PP_OK) {
        cli_fail(cli, error, "the address of the chain's node");
        return false;
    }
    error = claimed_ask(p, rpc);
    if (error != PP_OK)
        cli_fail(cli, error, "%s", pp_rpc_reason(rpc));
    pp_rpc_close(rpc);
    return error == PP_OK;
}

/* ---- telling ---- */

static json_t *proof_json(const struct pp_payout_table *table, uint32_t node_id)
{
    struct pp_payout_proof proof;
    json_t *list = json_array();
    if (pp_payout_prove(table, node_id, &proof) != PP_OK)
        return list;
    for (size_t i = 0; i < proof.length; i++) {
        char hex[67] = "0x", sum[PP_AMOUNT_TEXT_MAX];
        pp_hex_print(proof.path[i].hash.bytes, 32, hex + 2);
        pp_grains_print((struct pp_grains){proof.path[i].sum}, sum);
        json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "hash", hex, "sum_units", sum, "on_left",
                                              proof.path[i].on_left));
    }
    return list;
}

static json_t *row_json(const struct payout *p, size_t i)
{
    const struct pp_payout *row = &p->report->report.payouts.rows[i];
    char hex[43] = "0x", amount[PP_AMOUNT_TEXT_MAX];
    pp_hex_print(row->payee.bytes, 20, hex + 2);
    json_t *object = json_pack("{s:I, s:s, s:s, s:o}", "node_id", (json_int_t)row->node_id, "payee", hex,
                               "cumulative_units", pp_units_print(row->amount, amount), "proof",
                               proof_json(&p->report->report.payouts, row->node_id));
    if (p->asked)
        json_object_set_new(object, "claimed_units", json_string(pp_units_print(p->claimed[i], amount)));
    return object;
}

static void put_report(const struct payout *p, struct cli_answer *answer)
{
    json_t *list = json_array();
    cli_put_number(answer, "node_id", "node", p->job->head.node_id);
    if (!p->report) {
        cli_put_json(answer, "payouts", list);
        cli_put_line(answer, "The node has made no report yet.");
        return;
    }
    const struct pp_payout_table *table = &p->report->report.payouts;
    cli_put_number(answer, "epoch", "report of epoch", p->report->report.fields.epoch);
    cli_put_bytes(answer, "report", "report", p->report->hash.bytes, sizeof p->report->hash.bytes);
    for (size_t i = 0; i < table->count; i++) {
        char label[40];
        json_array_append_new(list, row_json(p, i));
        if (i >= SHOWN_MAX)
            continue;
        snprintf(label, sizeof label, table->rows[i].node_id ? "node %" PRIu32 ", ever" : "treasury, ever",
                 table->rows[i].node_id);
        cli_put_units(answer, NULL, label, table->rows[i].amount);
        if (p->asked)
            cli_put_units(answer, NULL, "  of it claimed", p->claimed[i]);
    }
    cli_put_json(answer, "payouts", list);
}

/* ---- the verb ---- */

static int claim_and_tell(struct payout *p)
{
    struct cli_answer answer;
    int status = CLI_OK;
    bool claims = p->job->cli->key_file != NULL;
    if (!claimed_know(p) || (claims && !cli_operator_job_run(p->job, &status)))
        return status == CLI_OK ? CLI_FAILED : status;
    cli_answer_init(&answer, p->job->cli);
    answer.decimals = claims ? (unsigned)p->job->decimals : 6;
    put_report(p, &answer);
    if (claims)
        status = cli_put_operator_job(p->job, &answer);
    else if (!p->report)
        status = CLI_NOT_DUE;
    (void)cli_answer_print(&answer);
    return status;
}

static int run(struct payout *p)
{
    if (!cli_operator_claims_open(p->job))
        return CLI_FAILED;
    enum pp_error error = pp_claims_report(p->job->claims, p->job->head.newest_epoch, &p->report);
    int status =
        error == PP_OK || error == PP_NOT_FOUND
            ? claim_and_tell(p)
            : cli_fail(p->job->cli, error, "the report of epoch %" PRIu64, p->job->head.newest_epoch);
    pp_claims_report_done(p->report);
    cli_operator_claims_close(p->job);
    return status;
}

int cli_verb_payout(struct cli *cli, int argc, char **argv)
{
    struct cli_operator_job *o = calloc(1, sizeof *o);
    struct payout *p = calloc(1, sizeof *p);
    char **operands;
    size_t count;
    int status = CLI_FAILED;
    if (o && p) {
        *o = (struct cli_operator_job){.cli = cli, .payouts_only = true, CLI_OPERATOR_JOB_DEFAULTS};
        p->job = o;
        const struct cli_option options[] = {CLI_OPERATOR_JOB_OPTIONS(o)};
        const struct cli_syntax syntax = {options, sizeof options / sizeof options[0], 0, 0,
                                          "With --rpc it also says what was claimed; with --rpc and --key "
                                          "(which pays for gas) it claims what is due."};
        if (cli_parse(cli, &syntax, argc, argv, &operands, &count, &status)) {
            bool whole = o->data_dir && (!cli->key_file || cli->rpc_url);
            status = whole ? run(p) : cli_usage(cli, "--data DIR is needed, and --rpc URL with --key FILE");
        }
    } else {
        cli_fail(cli, PP_NO_MEMORY, NULL);
    }
    free(p);
    free(o);
    return status;
}
