/* relay: sends what a payer signed with `open --authorize` or `topup --authorize`, and pays for its gas. */
#include "authorize.h"
#include "options.h"
#include "output.h"

#include <stdlib.h>

struct relay {
    struct cli *cli;
    struct cli_payer_options payer_options;
    bool dry;
    struct cli_wallet *wallet;
    struct cli_contract contract;
    struct cli_payer payer;
    struct cli_authorized authorized;
    struct cli_problem problem;
};

static int print(struct relay *r, const struct cli_sent *sent, uint64_t gas)
{
    struct cli_answer answer;
    cli_answer_init(&answer, r->cli);
    cli_put_bytes(&answer, "channel_id", "channel", r->authorized.channel_id.bytes, 32);
    cli_put_text(&answer, sent ? "function" : "would_send", sent ? "sent" : "would send",
                 pp_job_kind_name(r->authorized.kind));
    if (sent) {
        cli_put_bytes(&answer, "transaction", "transaction", sent->hash.bytes, sizeof sent->hash.bytes);
        cli_put_bool(&answer, "before", NULL, sent->before);
    } else {
        cli_put_number(&answer, "gas", "gas", gas);
    }
    return cli_answer_print(&answer);
}

static int send(struct relay *r)
{
    struct cli_sent sent;
    uint64_t gas;
    bool any;
    struct pp_writer w = {r->authorized.call, sizeof r->authorized.call, r->authorized.call_length, PP_OK};
    const struct cli_send send = {.kind = r->authorized.kind,
                                  .to = r->authorized.contract,
                                  .channel = &r->authorized.channel_id,
                                  .data = &w};
    enum pp_error error = r->dry ? cli_send_try(&r->payer, &send, &gas, &r->problem)
                                 : cli_send_rest(&r->payer, &any, &r->problem);
    if (error == PP_OK && r->dry)
        return print(r, NULL, gas);
    if (error == PP_OK)
        error = cli_send(&r->payer, &send, &sent, &r->problem);
    return error == PP_OK ? print(r, &sent, 0) : cli_problem_tell(r->cli, &r->problem);
}

static int run(struct relay *r, const char *file)
{
    if (cli_authorized_read(file, &r->authorized, &r->problem) != PP_OK)
        return cli_problem_tell(r->cli, &r->problem);
    if (!cli_wallet_open_told(r->cli, true, &r->wallet))
        return CLI_FAILED;
    if (cli_contract_open(r->cli->rpc_url, r->authorized.chain_id, &r->authorized.contract, &r->contract,
                          &r->problem) != PP_OK)
        return cli_problem_tell(r->cli, &r->problem);
    if (!cli_payer_open(r->cli, r->wallet, &r->payer_options, &r->contract, NULL, &r->payer))
        return CLI_FAILED;
    return send(r);
}

int cli_verb_relay(struct cli *cli, int argc, char **argv)
{
    struct relay *r = calloc(1, sizeof *r);
    char **operands;
    size_t count;
    int status;
    if (!r)
        return cli_fail(cli, PP_NO_MEMORY, "relaying");
    r->cli = cli;
    r->payer_options = (struct cli_payer_options)CLI_PAYER_DEFAULTS;
    const struct cli_option options[] = {
        {"dry-run", NULL, CLI_FLAG, &r->dry, 0, 0, "try it on the chain's node, send nothing", NULL},
        CLI_PAYER_OPTIONS(r->payer_options),
    };
    const struct cli_syntax syntax = {
        options, sizeof options / sizeof options[0], 1, 1,
        "--payer-key pays for gas only: the deposit is the payer's who signed."};
    if (cli_parse(cli, &syntax, argc, argv, &operands, &count, &status)) {
        status = cli->rpc_url && cli_payer_given(&r->payer_options)
                     ? run(r, operands[0])
                     : cli_usage(cli, "--rpc URL and --payer-key FILE are needed");
        cli_payer_close(&r->payer);
        cli_contract_close(&r->contract);
        if (r->wallet)
            cli_wallet_close(r->wallet);
    }
    free(r);
    return status;
}
