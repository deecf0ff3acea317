/* settle: the operator's scheduled job. Reads the node's folder while the node runs, and sends what the chain is owed. */
#include "operator_job.h"

#include <stdlib.h>

static int settle(struct cli_operator_job *o)
{
    struct cli_answer answer;
    int status;
    if (!cli_operator_claims_open(o))
        return CLI_FAILED;
    bool well = cli_operator_job_run(o, &status);
    cli_operator_claims_close(o);
    if (!well)
        return status;
    cli_answer_init(&answer, o->cli);
    answer.decimals = (unsigned)o->decimals;
    cli_put_number(&answer, "node_id", "node", o->head.node_id);
    cli_put_operator_job(o, &answer);
    if (o->left_out[0]) {
        cli_put_text(&answer, "left_out", "left out", o->left_out);
        status = CLI_FAILED;
    }
    (void)cli_answer_print(&answer);
    return status;
}

int cli_verb_settle(struct cli *cli, int argc, char **argv)
{
    struct cli_operator_job *o = calloc(1, sizeof *o);
    char **operands;
    size_t count;
    int status = CLI_FAILED;
    if (!o)
        return cli_fail(cli, PP_NO_MEMORY, NULL);
    *o = (struct cli_operator_job){.cli = cli, CLI_OPERATOR_JOB_DEFAULTS};
    const struct cli_option options[] = {CLI_OPERATOR_JOB_OPTIONS(o)};
    const struct cli_syntax syntax = {options, sizeof options / sizeof options[0], 0, 0,
                                      "--key pays for gas. Status 0: all is final; 3: nothing was due; 4: on "
                                      "its way or waiting, run it again; 1: trouble that may "
                                      "pass; 5: a human is needed. Safe to stop and run again at any time."};
    if (cli_parse(cli, &syntax, argc, argv, &operands, &count, &status)) {
        bool whole = o->data_dir && (cli->key_file || o->signer.command) && cli->rpc_url;
        const char *wrong = cli_signer_wrong(&o->signer, cli->key_file);
        status = wrong   ? cli_usage(cli, "%s", wrong)
                 : whole ? settle(o)
                         : cli_usage(cli, "--data DIR, --rpc URL and --key FILE are needed");
    }
    cli_operator_job_free(o);
    return status;
}
