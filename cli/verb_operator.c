/* operator, admin: the escrow's calls of operators and of its owner. */
#include "escrow_act.h"

static int run(struct cli *cli, const char *verb, const char *help, int argc, char **argv)
{
    struct cli_escrow_act act = {.cli = cli, .payer = CLI_PAYER_DEFAULTS};
    const bool stakes = strcmp(verb, "operator") == 0;
    const struct cli_option options[] = {
        {"data", "DIR", CLI_TEXT, &act.data_dir, 0, 0,
         "a node's data folder: chain, contract and node are its", NULL},
        {"contract", "ADDRESS", CLI_TEXT, &act.contract, 0, 0, "or the escrow contract", NULL},
        {"chain-id", "N", CLI_NUMBER, &act.chain_id, 1, UINT64_MAX, "with its chain", NULL},
        {"dry-run", NULL, CLI_FLAG, &act.dry, 0, 0, "try it on the chain's node, send nothing", NULL},
        CLI_PAYER_OPTIONS(act.payer),
        {stakes ? "node-id" : "set", stakes ? "N" : "NAME=NUMBER", stakes ? CLI_NUMBER : CLI_LIST,
         stakes ? (void *)&act.node_id : (void *)&act.sets, 1, (1u << 24) - 1,
         stakes ? "and the operator" : "a parameter to change; may be repeated", NULL},
        {"amount", "AMOUNT", CLI_TEXT, &act.amount, 0, 0, "stake: what it is to be in all, like 100.00",
         NULL},
    };
    const size_t count = sizeof options / sizeof options[0] - (stakes ? 0 : 1);
    const struct cli_syntax syntax = {options, count, 1, 1, help};
    char **operands;
    size_t operands_count;
    int status;
    if (!cli_parse(cli, &syntax, argc, argv, &operands, &operands_count, &status))
        return status;
    if (!cli->rpc_url)
        return cli_usage(cli, "--rpc URL is needed");
    act.action = operands[0];
    return cli_escrow_act(verb, &act);
}

int cli_verb_operator(struct cli *cli, int argc, char **argv)
{
    return run(cli, "operator",
               "  stake    raise an operator's stake to --amount; anybody may\n"
               "  unstake  withdraw all of it to its payee, once it has left and its lanes are final",
               argc, argv);
}

int cli_verb_admin(struct cli *cli, int argc, char **argv)
{
    return run(cli, "admin",
               "  show      the parameters in force, and those announced\n"
               "  schedule  announce the --set changes; by the contract's owner\n"
               "  apply     put what was announced in force, when its time has come; anybody may\n"
               "  cancel    take the announcement back; by the owner",
               argc, argv);
}
