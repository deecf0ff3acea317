/* audit: recomputes an epoch from a bundle that somebody exported, and asks nobody. */
#include "audit.h"
#include "options.h"
#include "output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FINDINGS_TOLD_MAX 1000u /* a bundle that is all wrong is not told line by line */

struct telling {
    struct cli *cli;
    json_t *findings;
    uint64_t told;
};

static void set_text(json_t *object, const char *key, const char *text)
{
    if (text)
        json_object_set_new(object, key, json_string(text));
}

static void finding_tell(void *context, const struct audit_finding *finding)
{
    struct telling *telling = context;
    FILE *out = telling->cli->out;
    if (++telling->told > FINDINGS_TOLD_MAX)
        return;
    json_t *object = json_pack("{s:I, s:s, s:s}", "line", (json_int_t)finding->line, "entry", finding->label,
                               "error", pp_error_name(finding->error));
    set_text(object, "field", finding->field);
    set_text(object, "expected", finding->expected);
    set_text(object, "found", finding->found);
    set_text(object, "remark", finding->remark);
    json_array_append_new(telling->findings, object);
    if (telling->cli->json)
        return;
    fprintf(out, "line %" PRIu64, finding->line);
    if (finding->label[0])
        fprintf(out, ", %s", finding->label);
    fprintf(out, ": %s%s%s", pp_error_name(finding->error), finding->field ? ": " : "",
            finding->field ? finding->field : "");
    if (finding->expected)
        fprintf(out, ": expected %s, found %s", finding->expected, finding->found);
    fprintf(out, "%s%s\n", finding->remark ? ": " : "", finding->remark ? finding->remark : "");
}

static int tell(struct cli *cli, struct telling *telling, const struct audit_counts *counts,
                enum pp_error error)
{
    struct cli_answer answer;
    char line[CLI_CELL_MAX];
    cli_answer_init(&answer, cli);
    answer.decimals = 6;
    cli_put_number(&answer, "epoch", "epoch", counts->epoch);
    cli_put_bytes(&answer, "report", "report", counts->report.bytes, 32);
    cli_put_number(&answer, "lines", "lines", counts->lines);
    cli_put_number(&answer, "lanes", "lanes", counts->lanes);
    cli_put_number(&answer, "lanes_with_entries", "lanes with charges", counts->lanes_with_entries);
    cli_put_number(&answer, "charges", "charges", counts->charges);
    cli_put_number(&answer, "refunds", "refunds", counts->refunds);
    cli_put_number(&answer, "operators", "operators", counts->operators);
    cli_put_number(&answer, "signatures", "signatures", counts->signatures);
    cli_put_units(&answer, "pool_units", "pool", counts->pool);
    cli_put_units(&answer, "payout_total_units", "paid, ever", counts->payout_total);
    cli_put_number(&answer, "findings_count", NULL, counts->findings);
    cli_put_json(&answer, "findings", json_incref(telling->findings));
    if (error == PP_OK) {
        cli_put_text(&answer, NULL, "result", "everything was computed again, and nothing disagrees");
        return cli_answer_print(&answer);
    }
    struct pp_refusal refusal;
    pp_refusal_init(&refusal, error, NULL);
    cli_put_bool(&answer, "ok", NULL, false);
    cli_put_json(&answer, "error", cli_refusal_json(&refusal));
    snprintf(line, sizeof line, "%" PRIu64 " %s", counts->findings,
             counts->findings == 1 ? "finding" : "findings");
    cli_put_text(&answer, NULL, "result", line);
    (void)cli_answer_print(&answer);
    return CLI_FAILED;
}

static int run(struct cli *cli, const char *path)
{
    struct telling telling = {.cli = cli, .findings = json_array()};
    struct audit_counts counts;
    FILE *in = fopen(path, "rb");
    if (!in) {
        json_decref(telling.findings);
        return cli_fail(cli, errno == ENOENT ? PP_NOT_FOUND : PP_IO, "%s: %s", path, strerror(errno));
    }
    enum pp_error error = audit_run(cli->crypto, in, finding_tell, &telling, &counts);
    fclose(in);
    int status = error != PP_OK && counts.findings == 0 ? cli_fail(cli, error, "%s", path)
                                                        : tell(cli, &telling, &counts, error);
    json_decref(telling.findings);
    return status;
}

int cli_verb_audit(struct cli *cli, int argc, char **argv)
{
    static const struct cli_syntax syntax = {
        NULL, 0, 1, 1,
        "A bundle is written by pennypost report --export. Nothing is asked of a node or a chain."};
    char **operands;
    size_t count;
    int status;
    if (!cli_parse(cli, &syntax, argc, argv, &operands, &count, &status))
        return status;
    return run(cli, operands[0]);
}
