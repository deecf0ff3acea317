#include "open_check.h"
#include "output.h"

#include <inttypes.h>

enum pp_error cli_open_terms(struct cli_open_check *c, const char *url, struct cli_terms *out)
{
    struct cli_exchange *exchange;
    struct pp_refusal refusal;
    bool first;
    enum pp_error error = cli_exchange_open(url, &exchange);
    if (error != PP_OK)
        return cli_problem_set(c->problem, error, "the node's address '%.200s'", url);
    error = cli_terms_get(exchange, out, c->problem);
    cli_exchange_close(exchange);
    PP_TRY(error);
    error = cli_wallet_pin(c->wallet, &out->node, &refusal, &first);
    return error == PP_OK ? PP_OK
                          : cli_problem_refusal(c->problem, &refusal,
                                                "the node at %.200s, against what was pinned", url);
}

static enum pp_error terms_agree(struct cli_open_check *c, const struct cli_terms *other, const char *url)
{
    const struct cli_terms *terms = c->terms;
    struct pp_refusal refusal;
    pp_refusal_init(&refusal, PP_WRONG_DOMAIN, NULL);
    if (other->node.chain_id != terms->node.chain_id) {
        refusal.field = "chain_id";
        refusal.expected = pp_value_number(terms->node.chain_id);
        refusal.actual = pp_value_number(other->node.chain_id);
    } else if (!pp_address_eq(&other->node.contract, &terms->node.contract)) {
        refusal.field = "contract";
        refusal.expected = pp_value_bytes(terms->node.contract.bytes, sizeof terms->node.contract.bytes);
        refusal.actual = pp_value_bytes(other->node.contract.bytes, sizeof other->node.contract.bytes);
    } else {
        return PP_OK;
    }
    return cli_problem_refusal(c->problem, &refusal, "the node at %.200s is not of the network of %.200s",
                               url, c->cli->node_url);
}

/* Each lane's node is of this network, and the contract knows its operator by the key that the node's terms name. */
static enum pp_error lane_check(struct cli_open_check *c, size_t at)
{
    const struct cli_channel_lane *lane = &c->channel->lanes[at];
    struct cli_terms terms = *c->terms;
    struct pp_chain_operator operator;
    if (strcmp(lane->node_url, c->cli->node_url) != 0) {
        PP_TRY(cli_open_terms(c, lane->node_url, &terms));
        PP_TRY(terms_agree(c, &terms, lane->node_url));
    }
    if (pp_lane_node(lane->lane) != terms.node.node_id) {
        cli_problem_set(c->problem, PP_UNKNOWN_LANE,
                        "lane %" PRIu32 " is node %" PRIu32 "'s, and at %.160s is node %" PRIu32
                        ": say where it answers with --lane NUMBER@URL",
                        lane->lane, pp_lane_node(lane->lane), lane->node_url, terms.node.node_id);
        return PP_UNKNOWN_LANE;
    }
    c->served[at] = cli_terms_serve(&terms, lane->lane);
    if (!c->served[at])
        cli_warn(c->cli, "the node at %s writes lane %" PRIu32 "%s, not %" PRIu32, lane->node_url, terms.lane,
                 terms.lanes_count > 1 ? " and others" : "", lane->lane);
    PP_TRY(cli_contract_operator(c->contract, terms.node.node_id, &operator, c->problem));
    if (operator.state != PP_OPERATOR_CHAIN_ACTIVE)
        return cli_problem_set(c->problem, PP_CONTRACT_MISMATCH,
                               "node %" PRIu32 " is not active in the contract's registry",
                               terms.node.node_id);
    if (pp_address_eq(&operator.key, &terms.node.operator_address))
        return PP_OK;
    struct pp_refusal refusal;
    pp_refusal_init(&refusal, PP_CONTRACT_MISMATCH, "operator");
    refusal.expected = pp_value_bytes(operator.key.bytes, sizeof operator.key.bytes);
    refusal.actual = pp_value_bytes(terms.node.operator_address.bytes, 20);
    return cli_problem_refusal(c->problem, &refusal,
                               "the operator of node %" PRIu32 ", on chain and in its terms",
                               terms.node.node_id);
}

/* The contract is the escrow of this token, and hashes channels as this program does. */
enum pp_error cli_open_check(struct cli_open_check *c)
{
    struct pp_address token;
    uint64_t decimals;
    struct pp_refusal refusal;
    PP_TRY(cli_contract_open(c->cli->rpc_url, c->terms->node.chain_id, &c->terms->node.contract, c->contract,
                             c->problem));
    PP_TRY(cli_contract_token(c->contract, &token, c->problem));
    if (!pp_address_eq(&token, &c->terms->token)) {
        pp_refusal_init(&refusal, PP_CONTRACT_MISMATCH, "token");
        refusal.expected = pp_value_bytes(token.bytes, sizeof token.bytes);
        refusal.actual = pp_value_bytes(c->terms->token.bytes, sizeof c->terms->token.bytes);
        return cli_problem_refusal(c->problem, &refusal, "the token, on chain and in the node's terms");
    }
    PP_TRY(cli_contract_decimals(c->contract, &token, &decimals, c->problem));
    if (decimals != c->terms->token_decimals) {
        pp_refusal_init(&refusal, PP_CONTRACT_MISMATCH, "token_decimals");
        refusal.expected = pp_value_number(decimals);
        refusal.actual = pp_value_number(c->terms->token_decimals);
        return cli_problem_refusal(c->problem, &refusal,
                                   "the token's decimals, on chain and in the node's terms");
    }
    for (size_t i = 0; i < c->channel->lanes_count; i++)
        PP_TRY(lane_check(c, i));
    return PP_OK;
}
