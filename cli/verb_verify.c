#include "options.h"
#include "output.h"
#include "verify_child.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define FINDINGS_TOLD_MAX 1000u /* a folder that is all wrong is not told row by row */

struct telling {
    struct cli *cli;
    json_t *findings;
    uint64_t told;
    bool progress;
};

static json_t *finding_json(const struct pp_verify_finding *finding)
{
    json_t *object = json_pack("{s:s, s:s, s:s}", "error", pp_error_name(finding->error), "what",
                               finding->what, "detail", finding->detail);
    if (object && finding->sequence != 0)
        json_object_set_new(object, "sequence", json_integer((json_int_t)finding->sequence));
    if (object && finding->lane_slot != UINT64_MAX)
        json_object_set_new(object, "lane_slot", json_integer((json_int_t)finding->lane_slot));
    return object;
}

static void progress_clear(const struct telling *telling)
{
    if (telling->progress)
        fprintf(telling->cli->err, "\r\033[K");
}

static void finding_tell(void *context, const struct pp_verify_finding *finding)
{
    struct telling *telling = context;
    FILE *out = telling->cli->out;
    if (++telling->told > FINDINGS_TOLD_MAX)
        return;
    json_array_append_new(telling->findings, finding_json(finding));
    if (telling->cli->json)
        return;
    progress_clear(telling);
    fprintf(out, "%s  %s", pp_error_name(finding->error), finding->what);
    if (finding->sequence != 0)
        fprintf(out, ", record %" PRIu64, finding->sequence);
    if (finding->lane_slot != UINT64_MAX)
        fprintf(out, ", lane %" PRIu64, finding->lane_slot);
    fprintf(out, ": %s\n", finding->detail);
}

static void progress_tell(void *context, const struct pp_verify_progress *progress)
{
    const struct telling *telling = context;
    if (!telling->progress)
        return;
    fprintf(telling->cli->err, "\r\033[Kverified %" PRIu64 " of %" PRIu64, progress->sequence,
            progress->sequence_end);
    fflush(telling->cli->err);
}

static void counts_put(struct cli_answer *answer, const struct pp_verify_summary *summary)
{
    cli_put_number(answer, "records", "records", summary->records);
    cli_put_number(answer, "signatures", "signatures", summary->signatures);
    cli_put_number(answer, "lanes", "lanes", summary->lanes);
    cli_put_number(answer, "stamps", "stamps", summary->stamps);
    cli_put_number(answer, "envelopes", "envelopes", summary->envelopes);
    cli_put_number(answer, "envelopes_gone", "deleted or expired", summary->envelopes_gone);
    cli_put_number(answer, "open_tickets", summary->open_tickets ? "open tickets" : NULL,
                   summary->open_tickets);
    cli_put_number(answer, "days", "days", summary->days);
    cli_put_number(answer, "deletes", "deletions", summary->deletes);
    cli_put_number(answer, "refunds", "refunds", summary->refunds);
    cli_put_number(answer, "reports", "reports", summary->reports);
    cli_put_grains(answer, "spent_grains", "spent", summary->spent);
    cli_put_grains(answer, "consumed_grains", "consumed", summary->consumed);
    cli_put_grains(answer, "refunded_grains", "refunded", summary->refunded);
    cli_put_grains(answer, "earned_grains", "earned", summary->earned);
    cli_put_grains(answer, "vested_grains", "vested", summary->vested);
}

static int verified_print(struct cli *cli, const struct telling *telling, const struct cli_verified *verified)
{
    struct cli_answer answer;
    char line[CLI_CELL_MAX];
    cli_answer_init(&answer, cli);
    counts_put(&answer, &verified->summary);
    cli_put_number(&answer, "findings_count", NULL, telling->told);
    cli_put_json(&answer, "findings", json_incref(telling->findings));
    if (verified->error == PP_OK) {
        cli_put_text(&answer, NULL, "result", "nothing disagrees");
        return cli_answer_print(&answer);
    }
    struct pp_refusal refusal;
    pp_refusal_init(&refusal, verified->error, NULL);
    cli_put_bool(&answer, "ok", NULL, false);
    cli_put_json(&answer, "error", cli_refusal_json(&refusal));
    snprintf(line, sizeof line, "%" PRIu64 " %s", telling->told, telling->told == 1 ? "finding" : "findings");
    cli_put_text(&answer, NULL, "result", line);
    cli_answer_print(&answer);
    return CLI_FAILED;
}

static int verify_run(struct cli *cli, const char *dir)
{
    struct telling telling = {.cli = cli,
                              .findings = json_array(),
                              .progress = !cli->json && cli->err == stderr && isatty(STDERR_FILENO)};
    const struct pp_verify_config config = {finding_tell, progress_tell, &telling};
    struct cli_verified verified;
    enum pp_error error = cli_verify_run(dir, &config, &verified);
    progress_clear(&telling);
    int status;
    if (error != PP_OK)
        status = cli_fail(cli, error, "%s: no process to read it with", dir);
    else if (verified.error == PP_OK || telling.told > 0)
        status = verified_print(cli, &telling, &verified);
    else
        status = cli_fail(cli, verified.error, "%s could not be examined", dir);
    json_decref(telling.findings);
    return status;
}

int cli_verb_verify(struct cli *cli, int argc, char **argv)
{
    const char *dir = NULL;
    const struct cli_option options[] = {
        {"data", "DIR", CLI_TEXT, &dir, 0, 0, "the node's data folder; the node may be running", NULL},
    };
    const struct cli_syntax syntax = {options, sizeof options / sizeof options[0], 0, 0, NULL};
    char **operands;
    size_t count;
    int status;
    if (!cli_parse(cli, &syntax, argc, argv, &operands, &count, &status))
        return status;
    if (!dir)
        return cli_usage(cli, "--data DIR names the node's data folder");
    return verify_run(cli, dir);
}
