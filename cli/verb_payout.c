/* payout: what the newest report pays to whom, with the proofs that the contract wants; with --operator what one payout is made of,
 * epoch by epoch; with --rpc what was claimed; with --key it claims. */
#include "operator_job.h"
#include "statement.h"

#include <pp/chain_contract.h>

#include <inttypes.h>
#include <stdlib.h>

#define TIMEOUT_MS 20000u
#define SHOWN_MAX 12u /* payees that people see; --json has all */
#define EPOCHS_SHOWN 60u
#define EPOCHS_MOST 100000u

struct payout {
    struct cli_operator_job *job;
    struct pp_claims_report *report; /* NULL: the folder has none */
    struct pp_units claimed[PP_PAYOUTS_MAX];
    bool asked;
    uint64_t operator_id, epochs;
    bool of_operator, csv;
    struct cli_statement statement; /* with of_operator */
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

/* ---- one operator ---- */

static void put_operator_head(const struct payout *p, struct cli_answer *answer)
{
    const struct cli_statement *statement = &p->statement;
    const struct pp_epoch_report_fields *fields = &p->report->report.fields;
    const struct pp_pool_line *line = &statement->rows[statement->count - 1].line;
    char total[PP_AMOUNT_TEXT_MAX];
    cli_put_number(answer, "node_id", "operator", statement->node_id);
    cli_put_number(answer, "epoch", "report of epoch", fields->epoch);
    cli_put_bytes(answer, "report", "report", p->report->hash.bytes, 32);
    cli_put_bytes(answer, "payee", "payee", statement->payout.payee.bytes, 20);
    cli_put_units(answer, "cumulative_units", "paid, ever", statement->payout.amount);
    cli_put_units(answer, "carry_units", "carried", line->carry);
    cli_put_units(answer, "netted_units", "netted, ever", statement->netted);
    cli_put_units(answer, "owed_units", "still owed", line->owed);
    cli_put_bytes(answer, "payout_root", "payout root", fields->payout_root.bytes, 32);
    cli_put_text(answer, "payout_total_units", NULL, pp_u128_print(fields->payout_total, total));
}

static void put_proof(const struct payout *p, struct cli_answer *answer)
{
    struct pp_payout_proof proof;
    char text[CLI_CELL_MAX], hex[65], sum[PP_AMOUNT_TEXT_MAX];
    cli_put_json(answer, "proof", proof_json(&p->report->report.payouts, p->statement.node_id));
    if (pp_payout_prove(&p->report->report.payouts, p->statement.node_id, &proof) != PP_OK)
        return;
    for (unsigned i = 0; i < proof.length; i++) {
        snprintf(text, sizeof text, "0x%s, %s, %s", pp_hex_print(proof.path[i].hash.bytes, 32, hex),
                 pp_u128_print(proof.path[i].sum, sum), proof.path[i].on_left ? "left" : "right");
        cli_put_text(answer, NULL, i == 0 ? "proof" : "", text);
    }
}

static int operator_tell(struct payout *p)
{
    struct cli *cli = p->job->cli;
    struct cli_answer answer;
    if (p->csv) {
        cli_statement_csv(&p->statement, cli->out);
        return CLI_OK;
    }
    cli_answer_init(&answer, cli);
    answer.decimals = 6;
    put_operator_head(p, &answer);
    put_proof(p, &answer);
    cli_put_json(&answer, "statement", cli_statement_json(&p->statement));
    (void)cli_answer_print(&answer);
    if (!cli->json)
        cli_statement_table(&p->statement, 6, cli->out);
    return CLI_OK;
}

static int operator_run(struct payout *p)
{
    enum pp_error error = cli_statement_read(p->job->claims, p->job->head.newest_epoch,
                                             (uint32_t)p->operator_id, p->epochs, &p->statement);
    if (error != PP_OK)
        return cli_fail(p->job->cli, error, "payouts of operator %" PRIu64, p->operator_id);
    int status = operator_tell(p);
    cli_statement_done(&p->statement);
    return status;
}

/* ---- the verb ---- */

static int claim_and_tell(struct payout *p)
{
    struct cli_answer answer;
    int status = CLI_OK;
    bool claims = p->job->cli->key_file != NULL || p->job->signer.command;
    if (!claimed_know(p) || (claims && !cli_operator_job_run(p->job, &status)))
        return status == CLI_OK ? CLI_FAILED : status;
    cli_answer_init(&answer, p->job->cli);
    answer.decimals = claims ? (unsigned)p->job->decimals : 6;
    put_report(p, &answer);
    if (claims)
        cli_put_operator_job(p->job, &answer);
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
    int status;
    if (error != PP_OK && error != PP_NOT_FOUND)
        status = cli_fail(p->job->cli, error, "the report of epoch %" PRIu64, p->job->head.newest_epoch);
    else
        status = p->of_operator && p->report ? operator_run(p) : claim_and_tell(p);
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
        p->epochs = EPOCHS_SHOWN;
        const struct cli_option options[] = {
            {"operator", "NODE", CLI_NUMBER, &p->operator_id, 0, (1u << 24) - 1,
             "what that node's payout is made of, and its proof; 0 is the treasury", &p->of_operator},
            {"epochs", "N", CLI_NUMBER, &p->epochs, 1, EPOCHS_MOST, "with --operator: the newest N (60)",
             NULL},
            {"csv", NULL, CLI_FLAG, &p->csv, 0, 0, "with --operator: the epochs as CSV", NULL},
            CLI_OPERATOR_JOB_OPTIONS(o)};
        const struct cli_syntax syntax = {options, sizeof options / sizeof options[0], 0, 0,
                                          "With --rpc it also says what was claimed; with --rpc and --key "
                                          "(which pays for gas) it claims what is due."};
        if (cli_parse(cli, &syntax, argc, argv, &operands, &count, &status)) {
            const char *wrong = cli_signer_wrong(&o->signer, cli->key_file);
            bool claims = cli->key_file || o->signer.command;
            bool whole = o->data_dir && (!claims || cli->rpc_url),
                 fits = p->of_operator ? !cli->rpc_url && !(p->csv && cli->json) : !p->csv;
            status = wrong    ? cli_usage(cli, "%s", wrong)
                     : !whole ? cli_usage(cli, "--data DIR is needed, and --rpc URL with --key FILE")
                     : !fits  ? cli_usage(cli, "--csv is for --operator and not with --json; --operator is "
                                                "without --rpc")
                              : run(p);
        }
    } else {
        cli_fail(cli, PP_NO_MEMORY, NULL);
    }
    free(p);
    cli_operator_job_free(o);
    return status;
}
