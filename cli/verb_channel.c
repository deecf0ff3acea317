/* channel: what a payer may ask of the escrow beside open, topup and close. */
#include "channel_act.h"

int cli_verb_channel(struct cli *cli, int argc, char **argv)
{
    struct cli_channel_act act = {.cli = cli, .payer = CLI_PAYER_DEFAULTS};
    const struct cli_option options[] = {
        {"amount", "AMOUNT", CLI_TEXT, &act.amount, 0, 0, "the cap to come, in tokens, like 5.00", NULL},
        {"lane", "N", CLI_NUMBER, &act.lane, 1, UINT32_MAX, "which lane (default: the only one)", NULL},
        {"index", "N", CLI_NUMBER, &act.index, 0, UINT32_MAX, "which delegation", &act.has_index},
        {"dry-run", NULL, CLI_FLAG, &act.dry, 0, 0, "try it on the chain's node, send nothing", NULL},
        CLI_PAYER_OPTIONS(act.payer),
    };
    const struct cli_syntax syntax = {options, sizeof options / sizeof options[0], 1, 2,
                                      cli_channel_actions_help};
    char **operands;
    size_t count;
    int status;
    if (!cli_parse(cli, &syntax, argc, argv, &operands, &count, &status))
        return status;
    if (!cli->rpc_url)
        return cli_usage(cli, "--rpc URL is needed");
    act.action = operands[0];
    act.channel = count > 1 ? operands[1] : NULL;
    return cli_channel_act(&act);
}
