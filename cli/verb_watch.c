/* watch: the watchtower, alone: for a node's lanes beside the node, or for others by the evidence that they hand over. */
#include "watch_run.h"

#include <stdlib.h>

static int refuse(struct cli_watch *w, bool *out_whole)
{
    bool one = (w->data_dir != NULL) != (w->evidence != NULL);
    *out_whole = false;
    if (!one)
        return cli_usage(w->cli, "--data DIR or --evidence PATH is needed, one of them");
    if (w->export_file && (w->evidence || w->once || w->report))
        return cli_usage(w->cli, "--export goes with --data alone");
    if (w->export_file)
        *out_whole = true;
    else if (!w->cli->rpc_url)
        return cli_usage(w->cli, "--rpc URL is needed");
    else if (w->evidence && w->cli->key_file && !w->journal_dir && !w->dry)
        return cli_usage(w->cli,
                         "--evidence with --key needs --journal DIR: where its transactions are kept");
    else
        *out_whole = true;
    return CLI_OK;
}

int cli_verb_watch(struct cli *cli, int argc, char **argv)
{
    struct cli_watch *w = calloc(1, sizeof *w);
    char **operands;
    size_t count;
    int status = CLI_FAILED;
    bool whole;
    if (!w)
        return cli_fail(cli, PP_NO_MEMORY, NULL);
    *w = (struct cli_watch){.cli = cli,
                            .least = 1,
                            .gas_price_gwei = 200,
                            .patience_s = 1800,
                            .stuck_blocks = 3,
                            .poll_ms = 2000};
    const struct cli_option options[] = {
        {"data", "DIR", CLI_TEXT, &w->data_dir, 0, 0, "for a node's lanes: its data folder; it may run",
         NULL},
        {"evidence", "PATH", CLI_TEXT, &w->evidence, 0, 0,
         "for others: a file of evidence, or a folder of files NAME.evidence", NULL},
        {"export", "FILE", CLI_TEXT, &w->export_file, 0, 0,
         "write the evidence of --data, to hand it over; nothing else", NULL},
        {"once", NULL, CLI_FLAG, &w->once, 0, 0, "post what is due, wait until it is final, and end", NULL},
        {"report", NULL, CLI_FLAG, &w->report, 0, 0, "say what each lane would lose without a tower", NULL},
        {"dry-run", NULL, CLI_FLAG, &w->dry, 0, 0, "say what would be posted, post nothing", NULL},
        {"journal", "DIR", CLI_TEXT, &w->journal_dir, 0, 0,
         "the tower's own journal (default: tower in the data folder)", NULL},
        {"dust", "UNITS", CLI_NUMBER, &w->least, 1, UINT64_MAX, "less than this is not worth posting (1)",
         NULL},
        {"max-gas-price", "GWEI", CLI_NUMBER, &w->gas_price_gwei, 1, 1000000,
         "the most that may be paid per gas (200)", NULL},
        {"stuck-blocks", "N", CLI_NUMBER, &w->stuck_blocks, 1, 100000,
         "blocks without being mined before the fee is raised (3)", NULL},
        {"chain-wait", "SECONDS", CLI_NUMBER, &w->patience_s, 0, 864000,
         "with --once: how long to wait until all is final (1800)", NULL},
        {"poll-ms", "MS", CLI_NUMBER, &w->poll_ms, 10, 600000, "between two looks at the chain, at least (2000)", NULL},
    };
    const struct cli_syntax syntax = {options, sizeof options / sizeof options[0], 0, 0,
                                      "--key pays for gas; without it, it only looks, and says what is due. "
                                      "Runs until it is stopped, unless\n"
                                      "--once: then status 0 is that all is posted, 3 that nothing was due, "
                                      "1 that something could not be."};
    if (cli_parse(cli, &syntax, argc, argv, &operands, &count, &status)) {
        status = refuse(w, &whole);
        if (whole)
            status = cli_watch_run(w);
    }
    free(w);
    return status;
}
