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

static bool is_of_lane(const struct pp_verify_finding *finding)
{
    return finding->lane_slot != UINT64_MAX;
}

static json_t *finding_json(const struct pp_verify_finding *finding)
{
    char hex[2 + 2 * 32 + 1] = "0x";
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:s}", "check", pp_verify_check_name(finding->check), "error",
                  pp_error_name(finding->error), "what", finding->what, "detail", finding->detail);
    if (object && finding->shard >= 0)
        json_object_set_new(object, "shard", json_integer(finding->shard));
    if (object && finding->sequence != 0)
        json_object_set_new(object, "sequence", json_integer((json_int_t)finding->sequence));
    if (object && is_of_lane(finding)) {
        json_object_set_new(object, "lane_slot", json_integer((json_int_t)finding->lane_slot));
        pp_hex_print(finding->channel_id.bytes, 32, hex + 2);
        json_object_set_new(object, "channel_id", json_string(hex));
    }
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
    char hex[2 * 32 + 1];
    if (++telling->told > FINDINGS_TOLD_MAX)
        return;
    json_array_append_new(telling->findings, finding_json(finding));
    if (telling->cli->json)
        return;
    progress_clear(telling);
    if (finding->shard >= 0)
        fprintf(out, "shard %d: ", finding->shard);
    fprintf(out, "%s: %s: %s", pp_verify_check_name(finding->check), pp_error_name(finding->error),
            finding->what);
    if (finding->sequence != 0)
        fprintf(out, ", record %" PRIu64, finding->sequence);
    if (is_of_lane(finding))
        fprintf(out, ", channel 0x%s", pp_hex_print(finding->channel_id.bytes, 32, hex));
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

static const char *result_of(const struct pp_verify_tally *tally, char out[32])
{
    if (tally->findings == 0)
        return tally->count == 0 ? "-" : "ok";
    snprintf(out, 32, "%" PRIu64 " %s", tally->findings, tally->findings == 1 ? "finding" : "findings");
    return out;
}

static void checks_print(const struct cli *cli, const struct pp_verify_summary *summary)
{
    static const char *const headers[] = {"check", ">compared", "result", "what holds"};
    struct cli_table *table = cli_table_new(headers, 4);
    for (unsigned i = 0; i < PP_VERIFY_CHECK_COUNT; i++) {
        char count[24], result[32];
        snprintf(count, sizeof count, "%" PRIu64, summary->checks[i].count);
        cli_table_row(table, (const char *const[]){pp_verify_check_name(i), count,
                                                   result_of(&summary->checks[i], result),
                                                   pp_verify_check_holds(i)});
    }
    cli_table_print(table, cli->out);
    fprintf(cli->out, "\n");
}

static json_t *checks_json(const struct pp_verify_summary *summary)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < PP_VERIFY_CHECK_COUNT; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I}", "check", pp_verify_check_name(i),
                                              "holds", pp_verify_check_holds(i), "count",
                                              (json_int_t)summary->checks[i].count, "findings",
                                              (json_int_t)summary->checks[i].findings));
    return list;
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
    if (!cli->json)
        checks_print(cli, &verified->summary);
    cli_put_json(&answer, "checks", checks_json(&verified->summary));
    counts_put(&answer, &verified->summary);
    cli_put_bool(&answer, "complete", NULL, verified->summary.complete);
    cli_put_bool(&answer, "checkpoint", "checkpoint compared", verified->summary.has_checkpoint);
    cli_put_bool(&answer, "index", "index compared", verified->summary.has_index);
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
    snprintf(line, sizeof line, "%" PRIu64 " %s%s", telling->told,
             telling->told == 1 ? "finding" : "findings",
             verified->summary.complete ? "" : "; it stopped there, and compared nothing behind it");
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
    else if (verified.error == PP_OK ||
             telling.told > 0) /* an end by a fault, too, after what it had found */
        status = verified_print(cli, &telling, &verified);
    else
        status = cli_fail(cli, verified.error, "%s: %s", dir, verified.summary.reason);
    json_decref(telling.findings);
    return status;
}

int cli_verb_verify(struct cli *cli, int argc, char **argv)
{
    const char *dir = NULL;
    const struct cli_option options[] = {
        {"data", "DIR", CLI_TEXT, &dir, 0, 0,
         "the node's data folder, or that of all its shards; the node may be running", NULL},
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
