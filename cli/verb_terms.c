#include "session.h"

static int terms_print(struct cli *cli, const struct cli_terms *terms, bool pinned, bool first)
{
    struct cli_answer answer;
    char share[16];
    cli_answer_init(&answer, cli);
    snprintf(share, sizeof share, "%u.%02u %%", terms->protocol_share_bps / 100u,
             terms->protocol_share_bps % 100u);
    cli_put_number(&answer, "node_id", "node", terms->node.node_id);
    cli_put_number(&answer, "lane", "lane", terms->lane);
    json_t *lanes = json_array();
    for (size_t i = 0; i < terms->lanes_count; i++)
        json_array_append_new(lanes, json_integer(terms->lanes[i]));
    cli_put_json(&answer, "lanes", lanes);
    if (terms->lanes_count > 1)
        cli_put_number(&answer, NULL, "shards", terms->lanes_count);
    cli_put_number(&answer, "chain_id", "chain", terms->node.chain_id);
    cli_put_bytes(&answer, "contract", "contract", terms->node.contract.bytes, 20);
    cli_put_bytes(&answer, "token", "token", terms->token.bytes, 20);
    cli_put_number(&answer, "token_decimals", "token decimals", terms->token_decimals);
    cli_put_bytes(&answer, "operator", "operator", terms->node.operator_address.bytes, 20);
    cli_put_bytes(&answer, "receipt_key", "receipt key", terms->node.receipt_key.bytes, 32);
    cli_put_number(&answer, "retention_max_days", "longest retention, days", terms->retention_max_days);
    cli_put_number(&answer, "envelope_max_bytes", "largest envelope, bytes", terms->envelope_max_bytes);
    cli_put_number(&answer, "epoch_seconds", "epoch, seconds", terms->epoch_seconds);
    cli_put_number(&answer, "protocol_share_bps", NULL, terms->protocol_share_bps);
    cli_put_text(&answer, NULL, "protocol share", share);
    cli_put_bool(&answer, "pinned", NULL, pinned);
    cli_put_bool(&answer, "first_sight", NULL, first);
    cli_put_text(&answer, NULL, "pinned",
                 first    ? "now: any other keys are an error from here on"
                 : pinned ? "yes, and the same"
                          : "no");
    return cli_answer_print(&answer);
}

int cli_verb_terms(struct cli *cli, int argc, char **argv)
{
    const struct cli_syntax syntax = {
        .more = "With --wallet the node's keys are pinned there at first sight, and compared ever after."};
    struct cli_exchange *exchange;
    struct cli_terms terms;
    char **operands;
    size_t count;
    bool pinned, first;
    int status;
    if (!cli_parse(cli, &syntax, argc, argv, &operands, &count, &status) ||
        !cli_node_told(cli, &exchange, &status))
        return status;
    status = cli_terms_told(cli, exchange, &terms, &pinned, &first) ? terms_print(cli, &terms, pinned, first)
                                                                    : CLI_FAILED;
    cli_exchange_close(exchange);
    return status;
}
