/* report: what an epoch's report says, whose refunds were above their bound, and with --export all that it follows from. */
#include "audit_export.h"
#include "options.h"
#include "output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct shown {
    struct cli *cli;
    const char *data_dir, *export_path;
    uint64_t epoch;
    bool has_epoch;
    struct pp_claims *claims;
    struct pp_claims_head head;
    struct pp_claims_report *report;
};

/* ---- telling ---- */

static void put_units(json_t *object, const char *key, struct pp_units units)
{
    char text[PP_AMOUNT_TEXT_MAX];
    json_object_set_new(object, key, json_string(pp_units_print(units, text)));
}

static void put_wide(json_t *object, const char *key, pp_u128 number)
{
    char text[PP_AMOUNT_TEXT_MAX];
    json_object_set_new(object, key, json_string(pp_u128_print(number, text)));
}

static json_t *line_json(const struct pp_pool_line *line)
{
    json_t *object = json_pack("{s:I, s:b}", "node_id", (json_int_t)line->node_id, "member", line->is_member);
    put_units(object, "part_units", line->part);
    put_units(object, "given_back_units", line->given_back);
    put_units(object, "netted_units", pp_units(line->netted_of_carry.raw + line->netted_of_part.raw));
    put_units(object, "owed_units", line->owed);
    put_units(object, "paid_units", line->paid);
    put_units(object, "carry_units", line->carry);
    put_wide(object, "took_grains", line->took_grains);
    put_wide(object, "refunded_grains", line->refunded_grains);
    json_object_set_new(object, "refunds_above_bound", json_boolean(line->is_inflated));
    return object;
}

static void put_sums(struct cli_answer *answer, const struct pp_report *report)
{
    const struct pp_pool_sums *sums = &report->shares.sums;
    char text[PP_AMOUNT_TEXT_MAX];
    cli_put_text(answer, "policy", "policy", pp_policy_name(report->split.policy));
    cli_put_units(answer, "received_units", "received, ever", report->received_total);
    cli_put_units(answer, "pool_units", "pool", sums->pool);
    cli_put_units(answer, "given_back_units", "given back", sums->given_back);
    cli_put_units(answer, "forfeits_units", "forfeits", sums->forfeits);
    cli_put_units(answer, "shared_units", "shared", sums->shared);
    cli_put_units(answer, "protocol_units", "protocol", sums->protocol);
    cli_put_units(answer, "carried_units", "carried over", sums->carried);
    cli_put_units(answer, "held_units", "held (netted)", sums->held);
    cli_put_number(answer, "refund_bound_basis_points", NULL, report->refund_bound_basis_points);
    cli_put_text(answer, "payout_total_units", NULL, pp_u128_print(report->fields.payout_total, text));
}

/* Whom the others should look at, by name and numbers. */
static void inflated_print(const struct pp_report *report, FILE *out)
{
    for (size_t i = 0; i < report->shares.line_count; i++) {
        const struct pp_pool_line *line = &report->shares.lines[i];
        char refunded[PP_AMOUNT_TEXT_MAX], took[PP_AMOUNT_TEXT_MAX];
        if (line->is_inflated)
            fprintf(out,
                    "node %" PRIu32
                    " refunded %s grains in the epoch and took %s: above the bound of %u.%02u %%\n",
                    line->node_id, pp_u128_print(line->refunded_grains, refunded),
                    pp_u128_print(line->took_grains, took), report->refund_bound_basis_points / 100u,
                    report->refund_bound_basis_points % 100u);
    }
}

static void lines_print(const struct pp_report *report, FILE *out)
{
    static const char *const headers[] = {">node", ">part", ">netted", ">owed", ">carried", ">paid"};
    struct cli_table *table = cli_table_new(headers, 6);
    for (size_t i = 0; i < report->shares.line_count; i++) {
        const struct pp_pool_line *line = &report->shares.lines[i];
        char node[24], money[5][CLI_MONEY_MAX];
        snprintf(node, sizeof node, line->node_id ? "%" PRIu32 : "treasury", line->node_id);
        cli_table_row(
            table,
            (const char *const[]){
                node, cli_money_units(line->part, 6, money[0]),
                cli_money_units(pp_units(line->netted_of_carry.raw + line->netted_of_part.raw), 6, money[1]),
                cli_money_units(line->owed, 6, money[2]), cli_money_units(line->carry, 6, money[3]),
                cli_money_units(line->paid, 6, money[4])});
    }
    cli_table_print(table, out);
}

static int report_tell(const struct shown *shown)
{
    const struct pp_report *report = &shown->report->report;
    struct cli_answer answer;
    json_t *lines = json_array(), *inflated = json_array();
    for (size_t i = 0; i < report->shares.line_count; i++) {
        json_array_append_new(lines, line_json(&report->shares.lines[i]));
        if (report->shares.lines[i].is_inflated)
            json_array_append_new(inflated, line_json(&report->shares.lines[i]));
    }
    cli_answer_init(&answer, shown->cli);
    answer.decimals = 6;
    cli_put_number(&answer, "epoch", "epoch", report->fields.epoch);
    cli_put_bytes(&answer, "report", "report", shown->report->hash.bytes, 32);
    cli_put_number(&answer, "report_version", NULL, report->version);
    cli_put_number(&answer, "block_number", "block", report->fields.block_number);
    cli_put_number(&answer, "lanes", "lanes", report->lane_count);
    cli_put_number(&answer, "operators", "operators", report->operator_count);
    cli_put_number(&answer, "signatures", "signatures", report->signature_count);
    if (report->version > PP_REPORT_VERSION_WITHOUT_POOL)
        put_sums(&answer, report);
    cli_put_json(&answer, "shares", lines);
    cli_put_json(&answer, "refunds_above_bound", inflated);
    if (shown->export_path)
        cli_put_text(&answer, "exported", "exported", shown->export_path);
    (void)cli_answer_print(&answer);
    if (!shown->cli->json) {
        lines_print(report, shown->cli->out);
        inflated_print(report, shown->cli->out);
    }
    return CLI_OK;
}

/* ---- exporting ---- */

/* With the charges and refunds of this node's lanes, where its journal has the report. */
static enum pp_error bundle_write(const struct shown *shown, FILE *out)
{
    const struct pp_report *report = &shown->report->report;
    struct pp_entries entries;
    enum pp_error error = pp_claims_entries(shown->claims, report->fields.epoch, &entries);
    if (error == PP_NOT_FOUND)
        return audit_export(&shown->head.domain, report, NULL, out);
    PP_TRY(error);
    error = audit_export(&shown->head.domain, report, &entries, out);
    pp_entries_done(&entries);
    return error;
}

/* AUDIT-006: beside it first, so that no half of a bundle has its name; and never over another file. */
static enum pp_error export_write(const struct shown *shown, const char *beside)
{
    FILE *out = fopen(beside, "wbx");
    if (!out)
        return errno == EEXIST ? PP_EXISTS : PP_IO;
    enum pp_error error = bundle_write(shown, out);
    if (error == PP_OK && fsync(fileno(out)) != 0)
        error = PP_IO;
    if (fclose(out) != 0 && error == PP_OK)
        error = PP_IO;
    if (error == PP_OK && link(beside, shown->export_path) != 0)
        error = errno == EEXIST ? PP_EXISTS : PP_IO;
    unlink(beside);
    return error;
}

static enum pp_error export_run(const struct shown *shown)
{
    const size_t room = strlen(shown->export_path) + sizeof ".part";
    char *beside = malloc(room);
    if (!beside)
        return PP_NO_MEMORY;
    snprintf(beside, room, "%s.part", shown->export_path);
    enum pp_error error = export_write(shown, beside);
    free(beside);
    return error;
}

/* ---- the verb ---- */

static int run(struct shown *shown)
{
    char reason[256] = "";
    enum pp_error error = pp_claims_open(shown->data_dir, &shown->claims, reason);
    if (error != PP_OK)
        return cli_fail(shown->cli, error, "%s: %s", shown->data_dir, reason);
    pp_claims_head(shown->claims, &shown->head);
    uint64_t epoch = shown->has_epoch ? shown->epoch : shown->head.newest_epoch;
    error = pp_claims_report(shown->claims, epoch, &shown->report);
    int status = CLI_OK;
    if (error != PP_OK)
        status = cli_fail(shown->cli, error, "the report of epoch %" PRIu64, epoch);
    else if (shown->export_path && (error = export_run(shown)) != PP_OK)
        status = cli_fail(shown->cli, error, "%s", shown->export_path);
    else
        status = report_tell(shown);
    pp_claims_report_done(shown->report);
    pp_claims_close(shown->claims);
    return status;
}

int cli_verb_report(struct cli *cli, int argc, char **argv)
{
    struct shown shown = {.cli = cli};
    const struct cli_option options[] = {
        {"data", "DIR", CLI_TEXT, &shown.data_dir, 0, 0,
         "the node's data folder, of all its shards; it may run", NULL},
        {"epoch", "N", CLI_NUMBER, &shown.epoch, 1, UINT64_MAX, "of that epoch (the newest)",
         &shown.has_epoch},
        {"export", "FILE", CLI_TEXT, &shown.export_path, 0, 0, "write an audit bundle, for pennypost audit",
         NULL},
    };
    const struct cli_syntax syntax = {options, sizeof options / sizeof options[0], 0, 0, NULL};
    char **operands;
    size_t count;
    int status;
    if (!cli_parse(cli, &syntax, argc, argv, &operands, &count, &status))
        return status;
    return shown.data_dir ? run(&shown) : cli_usage(cli, "--data DIR is needed");
}
