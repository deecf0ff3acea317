#include "clock.h"
#include "sender.h"
#include "session.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define PROGRESS_EVERY_MS 200

struct choices {
    struct cli_session_need need;
    const char *manifest, *topic, *split, *receipts, *stamp;
    uint64_t days, kind, batch, single_every, connections, patience, repeat;
    bool single, reorder, resume;
};

struct progress {
    struct cli *cli;
    uint64_t shown_ms;
    unsigned decimals;
    bool on;
};

static void progress_show(void *context, const struct cli_send_summary *summary)
{
    struct progress *progress = context;
    char money[CLI_MONEY_MAX], of[32] = "";
    uint64_t now = cli_clock_ms();
    if (!progress->on || now - progress->shown_ms < PROGRESS_EVERY_MS)
        return;
    progress->shown_ms = now;
    if (summary->total)
        snprintf(of, sizeof of, " of %" PRIu64, summary->total);
    fprintf(progress->cli->err, "\r\033[Kacknowledged %" PRIu64 "%s, postage %s, sent again %" PRIu64,
            summary->acknowledged + summary->skipped, of,
            cli_money_grains(summary->postage, progress->decimals, money), summary->retried);
    fflush(progress->cli->err);
}

static json_t *refused_json(const struct cli_send_summary *summary)
{
    json_t *list = json_array();
    for (size_t i = 0; i < summary->refused_kinds; i++)
        json_array_append_new(
            list, json_pack("{s:s, s:i, s:I, s:s}", "name", pp_error_name(summary->refused[i].error),
                            "number", (int)summary->refused[i].error, "count",
                            (json_int_t)summary->refused[i].count, "first", summary->refused[i].first));
    return list;
}

static bool is_complete(const struct cli_send_summary *summary)
{
    return summary->refused_kinds == 0 && summary->unsent == 0 && summary->stopped == PP_OK;
}

static int summary_print(struct cli_session *s, const struct cli_send_summary *summary, uint64_t elapsed_ms)
{
    struct cli_answer answer;
    char line[CLI_CELL_MAX];
    struct cli *cli = s->cli;
    bool complete = is_complete(summary);
    cli_answer_init(&answer, cli);
    answer.decimals = s->channel.token_decimals;
    cli_put_bool(&answer, "ok", NULL, complete);
    cli_put_number(&answer, "acknowledged", "acknowledged", summary->acknowledged);
    cli_put_number(&answer, "skipped", summary->skipped ? "acknowledged earlier" : NULL, summary->skipped);
    cli_put_number(&answer, "known", summary->known ? "of these known already" : NULL, summary->known);
    cli_put_number(&answer, "bytes", "bytes", summary->bytes);
    cli_put_grains(&answer, "postage_grains", "postage", summary->postage);
    cli_put_number(&answer, "requests", "requests", summary->requests);
    cli_put_number(&answer, "retried", summary->retried ? "sent again" : NULL, summary->retried);
    cli_put_number(&answer, "resigned", summary->resigned ? "signed anew" : NULL, summary->resigned);
    cli_put_number(&answer, "repeated", summary->repeated ? "repeated on purpose" : NULL, summary->repeated);
    cli_put_number(&answer, "quotes", NULL, summary->quotes);
    cli_put_number(&answer, "sessions", summary->sessions ? "sessions opened" : NULL, summary->sessions);
    cli_put_number(&answer, "in_sessions", summary->in_sessions ? "sent with a MAC" : NULL,
                   summary->in_sessions);
    cli_put_number(&answer, "roots", summary->roots ? "roots signed" : NULL, summary->roots);
    cli_put_number(&answer, "unsent", summary->unsent ? "not sent" : NULL, summary->unsent);
    cli_put_number(&answer, "elapsed_ms", NULL, elapsed_ms);
    cli_put_json(&answer, "refused", refused_json(summary));
    for (size_t i = 0; i < summary->refused_kinds; i++) {
        snprintf(line, sizeof line, "%" PRIu64 ", first %.60s", summary->refused[i].count,
                 summary->refused[i].first);
        cli_put_text(&answer, NULL, pp_error_name(summary->refused[i].error), line);
    }
    if (!complete) {
        struct pp_refusal refusal;
        pp_refusal_init(&refusal, summary->stopped != PP_OK ? summary->stopped : summary->refused[0].error,
                        NULL);
        cli_put_json(&answer, "error", cli_refusal_json(&refusal));
    }
    if (summary->stopped != PP_OK) {
        cli_put_text(&answer, NULL, "stopped by", pp_error_name(summary->stopped));
        cli_put_text(&answer, NULL, "next", pp_error_next(summary->stopped));
        cli_put_text(&answer, NULL, "to go on", "the same command with --resume");
    }
    cli_answer_print(&answer);
    return complete ? CLI_OK : CLI_FAILED;
}

/* What was done stands in the log; what stopped it is told. */
static int stop_tell(struct cli_session *s, const struct cli_send_summary *summary,
                     const struct cli_problem *problem)
{
    cli_note(s->cli, "acknowledged before it stopped: %" PRIu64 "; the same command with --resume goes on",
             summary->acknowledged);
    return cli_problem_tell(s->cli, problem);
}

static const char *const stamp_names[] = {[CLI_STAMP_AUTO] = "auto",
                                          [CLI_STAMP_SINGLE] = "single",
                                          [CLI_STAMP_BATCH] = "batch",
                                          [CLI_STAMP_SESSION] = "session"};

static bool stamp_parse(const char *text, enum cli_stamp_choice *out)
{
    for (size_t i = 0; i < sizeof stamp_names / sizeof stamp_names[0]; i++)
        if (strcmp(text, stamp_names[i]) == 0) {
            *out = (enum cli_stamp_choice)i;
            return true;
        }
    return false;
}

static enum cli_stamp_choice stamp_of(const struct choices *choices)
{
    enum cli_stamp_choice choice = CLI_STAMP_AUTO;
    if (choices->single)
        return CLI_STAMP_SINGLE;
    (void)!stamp_parse(choices->stamp, &choice); /* choices_check saw to it */
    return choice;
}

static int send_run(struct cli_session *s, const struct choices *choices, struct cli_parcels *parcels,
                    struct cli_problem *problem)
{
    struct progress progress = {.cli = s->cli,
                                .decimals = s->channel.token_decimals,
                                .on = !s->cli->json && s->cli->err == stderr && isatty(STDERR_FILENO)};
    struct cli_send_summary *summary = calloc(1, sizeof *summary);
    FILE *receipts = choices->receipts ? fopen(choices->receipts, "a") : NULL;
    const struct cli_sender_config config = {
        .node_url = s->node_url,
        .crypto = s->cli->crypto,
        .domain = &s->domain,
        .signer = &s->signer,
        .node = &s->node,
        .lane = s->log,
        .parcels = parcels,
        .batch = choices->batch,
        .stamp = stamp_of(choices),
        .single_every = (unsigned)choices->single_every,
        .connections = (unsigned)choices->connections,
        .patience_ms = choices->patience * 1000,
        .repeat_every = (unsigned)choices->repeat,
        .reorder = choices->reorder,
        .resume = choices->resume,
        .receipts = receipts,
        .progress = progress_show,
        .context = &progress,
    };
    if (!summary || (choices->receipts && !receipts)) {
        free(summary);
        return cli_fail(s->cli, receipts ? PP_NO_MEMORY : PP_IO, "%s",
                        choices->receipts ? choices->receipts : "sending");
    }
    if (!choices->resume && !cli_lane_job_ended(s->log))
        cli_note(s->cli,
                 "the last send on this lane did not end; --resume would skip what it had acknowledged");
    uint64_t started = cli_clock_ms();
    enum pp_error error = cli_sender_run(&config, summary, problem);
    if (progress.on)
        fprintf(s->cli->err, "\r\033[K");
    int status =
        error == PP_OK ? summary_print(s, summary, cli_clock_ms() - started) : stop_tell(s, summary, problem);
    if (receipts && fclose(receipts) != 0 && status == CLI_OK)
        status = cli_fail(s->cli, PP_IO, "%s", choices->receipts);
    free(summary);
    return status;
}

/* A changed key is told before anything is signed. A node that is down is not: patience is the sender's. */
static enum pp_error terms_compare(struct cli_session *s, struct cli_problem *problem)
{
    struct cli_terms terms;
    enum pp_error error = cli_session_terms(s, &terms, problem);
    return error == PP_NODE_DOWN || problem->refusal.retry_after_ms > 0 ? PP_OK : error;
}

static bool split_parse(const char *text, enum cli_split *out)
{
    static const char *const names[] = {
        [CLI_SPLIT_NONE] = "none", [CLI_SPLIT_LINES] = "lines", [CLI_SPLIT_LENGTHS] = "lengths"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(text, names[i]) == 0) {
            *out = (enum cli_split)i;
            return true;
        }
    return false;
}

static int send_session(struct cli *cli, const struct choices *choices,
                        const struct cli_parcels_config *sources)
{
    struct cli_session session;
    struct cli_parcels *parcels;
    int status;
    struct cli_problem *problem = calloc(1, sizeof *problem);
    if (!problem)
        return cli_fail(cli, PP_NO_MEMORY, "sending");
    if (cli_parcels_open(sources, &parcels, problem) != PP_OK) {
        status = cli_problem_tell(cli, problem);
        free(problem);
        return status;
    }
    if (cli_session_open(cli, &choices->need, &session, &status)) {
        status = terms_compare(&session, problem) == PP_OK ? send_run(&session, choices, parcels, problem)
                                                           : cli_problem_tell(cli, problem);
        cli_session_close(&session);
    }
    cli_parcels_close(parcels);
    free(problem);
    return status;
}

static int choices_check(struct cli *cli, const struct choices *choices, size_t operands,
                         enum cli_split *split)
{
    struct pp_grains ignored;
    if (!split_parse(choices->split, split))
        return cli_usage(cli, "--split is none, lines or lengths, not '%s'", choices->split);
    enum cli_stamp_choice ignored_choice;
    if (!stamp_parse(choices->stamp, &ignored_choice))
        return cli_usage(cli, "--stamp is auto, single, batch or session, not '%s'", choices->stamp);
    if (operands == 0 && !choices->manifest)
        return cli_usage(cli, "nothing to send: name files, folders, - or a manifest");
    if (operands > 0 && !choices->topic)
        return cli_usage(cli, "--topic TEXT is needed for files, folders and standard input");
    if (choices->topic && (strlen(choices->topic) == 0 || strlen(choices->topic) > PP_TOPIC_MAX_BYTES))
        return cli_usage(cli, "--topic has 1 to %u bytes", PP_TOPIC_MAX_BYTES);
    if (cli_money_parse(choices->need.max_price, 9, &ignored) != PP_OK)
        return cli_usage(cli, "--max-price is a token amount like 0.001, not '%s'", choices->need.max_price);
    return CLI_OK;
}

int cli_verb_send(struct cli *cli, int argc, char **argv)
{
    struct choices c = {.need = {.signer = true, .write = true, .max_price = "0.1"},
                        .split = "none",
                        .stamp = "auto",
                        .days = 30,
                        .batch = 64,
                        .connections = 4,
                        .patience = 60};
    const struct cli_option options[] = {
        {"topic", "TEXT", CLI_TEXT, &c.topic, 0, 0, "the envelopes' topic", NULL},
        {"days", "N", CLI_NUMBER, &c.days, 1, PP_RETENTION_MAX_DAYS, "retention (30)", NULL},
        {"kind", "N", CLI_NUMBER, &c.kind, 0, PP_ENVELOPE_KINDS_MAX - 1, "envelope kind (0: ordinary)", NULL},
        {"manifest", "FILE", CLI_TEXT, &c.manifest, 0, 0,
         "JSON lines: {path, topic or topic_hex, days, kind}", NULL},
        {"split", "HOW", CLI_TEXT, &c.split, 0, 0, "standard input is none (one envelope), lines, lengths",
         NULL},
        {"batch", "N", CLI_NUMBER, &c.batch, 1, PP_LEAVES_MAX, "envelopes under one signature (64)", NULL},
        {"stamp", "KIND", CLI_TEXT, &c.stamp, 0, 0,
         "single, batch or session (auto: by how many there are, and how fast)", NULL},
        {"single", NULL, CLI_FLAG, &c.single, 0, 0, "the same as --stamp single: by the Payment scheme",
         NULL},
        {"single-every", "N", CLI_NUMBER, &c.single_every, 1, 1000000, "every Nth request is a single one",
         NULL},
        {"connections", "N", CLI_NUMBER, &c.connections, 1, CLI_CONNECTIONS_MAX, "requests at a time (4)",
         NULL},
        {"max-price", "AMOUNT", CLI_TEXT, &c.need.max_price, 0, 0,
         "the most that one envelope may cost (0.1)", NULL},
        {"patience", "SECONDS", CLI_NUMBER, &c.patience, 1, 86400, "how long to go on without an answer (60)",
         NULL},
        {"receipts", "FILE", CLI_TEXT, &c.receipts, 0, 0,
         "add a JSON line for each envelope that was acknowledged", NULL},
        {"resume", NULL, CLI_FLAG, &c.resume, 0, 0,
         "go on with the newest send: skip what it had acknowledged", NULL},
        {"repeat", "N", CLI_NUMBER, &c.repeat, 1, 1000000,
         "send every Nth request twice: a rehearsal of retries", NULL},
        {"reorder", NULL, CLI_FLAG, &c.reorder, 0, 0, "send in another order than signed: a rehearsal", NULL},
        CLI_CHANNEL_OPTIONS(c.need),
    };
    const struct cli_syntax syntax = {
        options, sizeof options / sizeof options[0], 0, SIZE_MAX,
        "Safe to kill at any moment: the same command with --resume sends what is missing, and pays once.\n"
        "Ends with 0 only if every envelope was acknowledged."};
    struct cli_parcels_config sources = {.input = STDIN_FILENO, .manifest = NULL};
    char **operands;
    size_t count;
    int status;
    if (!cli_parse(cli, &syntax, argc, argv, &operands, &count, &status))
        return status;
    status = choices_check(cli, &c, count, &sources.split);
    if (status != CLI_OK)
        return status;
    sources.operands = (const char *const *)operands;
    sources.operands_count = count;
    sources.manifest = c.manifest;
    sources.topic = c.topic ? c.topic : "";
    sources.retention_days = (uint16_t)c.days;
    sources.envelope_kind = (uint8_t)c.kind;
    return send_session(cli, &c, &sources);
}
