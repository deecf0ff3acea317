#include "session.h"

#include <inttypes.h>
#include <stdlib.h>

static const struct cli_channel_lane *lane_choose(struct cli *cli, const struct cli_channel *channel,
                                                  uint64_t wanted)
{
    for (size_t i = 0; i < channel->lanes_count; i++)
        if (wanted == channel->lanes[i].lane || (wanted == 0 && channel->lanes_count == 1))
            return &channel->lanes[i];
    if (wanted)
        cli_fail(cli, PP_UNKNOWN_LANE, "the channel has no lane %" PRIu64, wanted);
    else
        cli_fail(cli, PP_TOO_MANY, "the channel has %zu lanes: name one with --lane", channel->lanes_count);
    return NULL;
}

static bool signer_open(struct cli *cli, struct cli_session *s)
{
    char path[CLI_PATH_MAX];
    struct pp_key key;
    snprintf(path, sizeof path, "%s/signer.key", cli_wallet_path(s->wallet));
    if (!cli_key_open(cli, cli->key_file ? cli->key_file : path, PP_KEY_SECP256K1, &key))
        return false;
    bool right = pp_address_eq(&key.address, &s->channel.config.signer);
    if (right) {
        pp_key_secret_copy(&key, &s->signer);
        s->has_signer = true;
    } else {
        struct pp_refusal refusal;
        pp_refusal_init(&refusal, PP_BAD_KEY, "signer");
        refusal.expected = pp_value_bytes(s->channel.config.signer.bytes, 20);
        refusal.actual = pp_value_bytes(key.address.bytes, 20);
        cli_refuse(cli, &refusal, "this is not the key that signs for the channel");
    }
    pp_key_done(&key);
    return right;
}

static bool log_open(struct cli *cli, struct cli_session *s, const struct cli_session_need *need)
{
    char path[CLI_PATH_MAX], reason[256];
    struct pp_grains most = PP_GRAINS_ZERO;
    if (need->max_price && cli_money_parse(need->max_price, s->channel.token_decimals, &most) != PP_OK) {
        cli_fail(cli, PP_OUT_OF_RANGE, "--max-price %s, of a token with %u decimals", need->max_price,
                 s->channel.token_decimals);
        return false;
    }
    const struct pp_wallet_config config = {.channel_id = s->channel.id,
                                            .lane = s->lane->lane,
                                            .signer = s->channel.config.signer,
                                            .operator_address = s->node.operator_address,
                                            .receipt_key = s->node.receipt_key,
                                            .cap = s->lane->cap,
                                            .max_postage = most};
    enum pp_error error = cli_wallet_lane_path(s->wallet, &s->channel.id, s->lane->lane, path);
    if (error == PP_OK)
        error = cli_lane_open(path, &config, need->write ? CLI_LANE_WRITE : CLI_LANE_READ, &s->log, reason);
    if (error == PP_NOT_FOUND && !need->write)
        return true; /* nothing was sent yet: no log */
    if (error != PP_OK)
        cli_fail(cli, error, "%s", reason);
    return error == PP_OK;
}

/* Pinned before, or now: first sight. */
static bool node_know(struct cli *cli, struct cli_session *s)
{
    struct cli_problem *problem = calloc(1, sizeof *problem);
    struct cli_terms terms;
    uint32_t node_id = pp_lane_node(s->lane->lane);
    enum pp_error error =
        cli_wallet_pinned(s->wallet, s->channel.chain_id, &s->channel.contract, node_id, &s->node);
    if (error == PP_NOT_FOUND && problem) {
        error = cli_session_terms(s, &terms, problem);
        if (error == PP_OK)
            s->node = terms.node;
        else
            cli_problem_tell(cli, problem);
    } else if (error != PP_OK) {
        cli_fail(cli, error, "the pinned terms of node %" PRIu32, node_id);
    }
    free(problem);
    return error == PP_OK;
}

static bool session_fill(struct cli *cli, const struct cli_session_need *need, struct cli_session *s)
{
    if (!cli_wallet_open_told(cli, false, &s->wallet) ||
        !cli_channel_find_told(cli, s->wallet, need->channel, &s->channel))
        return false;
    s->lane = lane_choose(cli, &s->channel, need->lane);
    if (!s->lane)
        return false;
    s->node_url = cli->node_url ? cli->node_url : s->lane->node_url;
    pp_domain_init(&s->domain, s->channel.chain_id, &s->channel.contract);
    enum pp_error error = cli_exchange_open(s->node_url, &s->exchange);
    if (error != PP_OK) {
        cli_fail(cli, error, "the node's address '%s'", s->node_url);
        return false;
    }
    if (!node_know(cli, s))
        return false;
    /* The log before the key: a second sender is told at once. */
    return log_open(cli, s, need) && (!need->signer || signer_open(cli, s));
}

bool cli_session_open(struct cli *cli, const struct cli_session_need *need, struct cli_session *out,
                      int *out_status)
{
    memset(out, 0, sizeof *out);
    out->cli = cli;
    if (session_fill(cli, need, out))
        return true;
    cli_session_close(out);
    *out_status = CLI_FAILED;
    return false;
}

void cli_session_close(struct cli_session *session)
{
    pp_secret_key_done(&session->signer);
    cli_lane_close(session->log);
    cli_exchange_close(session->exchange);
    cli_wallet_close(session->wallet);
    session->log = NULL;
    session->exchange = NULL;
    session->wallet = NULL;
}

/* ---- terms ---- */

static enum pp_error domain_check(const struct cli_session *s, const struct cli_terms *terms,
                                  struct cli_problem *problem)
{
    struct pp_refusal refusal;
    pp_refusal_init(&refusal, PP_WRONG_DOMAIN, NULL);
    if (terms->node.chain_id != s->channel.chain_id) {
        refusal.field = "chain_id";
        refusal.expected = pp_value_number(s->channel.chain_id);
        refusal.actual = pp_value_number(terms->node.chain_id);
    } else if (!pp_address_eq(&terms->node.contract, &s->channel.contract)) {
        refusal.field = "contract";
        refusal.expected = pp_value_bytes(s->channel.contract.bytes, 20);
        refusal.actual = pp_value_bytes(terms->node.contract.bytes, 20);
    } else if (!cli_terms_serve(terms, s->lane->lane)) {
        pp_refusal_init(&refusal, PP_UNKNOWN_LANE, "lane");
        refusal.expected = pp_value_number(s->lane->lane);
        refusal.actual = pp_value_number(terms->lane);
    } else {
        return PP_OK;
    }
    return cli_problem_refusal(problem, &refusal, "the node at %s is another one than the channel's",
                               s->node_url);
}

enum pp_error cli_session_terms(struct cli_session *session, struct cli_terms *out,
                                struct cli_problem *problem)
{
    struct pp_refusal refusal;
    bool first;
    PP_TRY(cli_terms_get(session->exchange, out, problem));
    PP_TRY(domain_check(session, out, problem));
    enum pp_error error = cli_wallet_pin(session->wallet, &out->node, &refusal, &first);
    return error == PP_OK ? PP_OK
                          : cli_problem_refusal(problem, &refusal, "the node at %s, against what was pinned",
                                                session->node_url);
}

/* The node of the wallet's only channel. False when there is no such thing: nobody asked for it. */
static bool node_of_wallet(const struct cli *cli, char out[CLI_URL_MAX])
{
    char dir[CLI_PATH_MAX];
    struct cli_wallet *wallet;
    struct cli_channel channel;
    if (!cli_wallet_dir_of(cli, dir) || cli_wallet_open(dir, false, &wallet) != PP_OK)
        return false;
    bool found = cli_wallet_channel_find(wallet, NULL, &channel) == PP_OK && channel.lanes_count == 1;
    if (found)
        memcpy(out, channel.lanes[0].node_url, CLI_URL_MAX);
    cli_wallet_close(wallet);
    return found;
}

bool cli_node_told(struct cli *cli, struct cli_exchange **out, int *out_status)
{
    char url[CLI_URL_MAX];
    if (!cli->node_url && !node_of_wallet(cli, url)) {
        *out_status = cli_usage(cli, "--node URL is needed, or a wallet with one channel");
        return false;
    }
    enum pp_error error = cli_exchange_open(cli->node_url ? cli->node_url : url, out);
    if (error != PP_OK)
        *out_status = cli_fail(cli, error, "the node's address '%s'", cli->node_url ? cli->node_url : url);
    return error == PP_OK;
}

static bool terms_pin(struct cli *cli, const struct cli_terms *terms, bool *out_pinned, bool *out_first)
{
    struct cli_wallet *wallet;
    struct pp_refusal refusal;
    *out_pinned = *out_first = false;
    if (!cli->wallet_dir)
        return true; /* looking only */
    if (!cli_wallet_open_told(cli, true, &wallet))
        return false;
    enum pp_error error = cli_wallet_pin(wallet, &terms->node, &refusal, out_first);
    *out_pinned = error == PP_OK;
    cli_wallet_close(wallet);
    if (error != PP_OK)
        cli_refuse(cli, &refusal, "the node, against what was pinned in %s", cli->wallet_dir);
    return error == PP_OK;
}

bool cli_terms_told(struct cli *cli, struct cli_exchange *exchange, struct cli_terms *out, bool *out_pinned,
                    bool *out_first)
{
    struct cli_problem *problem = calloc(1, sizeof *problem);
    if (!problem) {
        cli_fail(cli, PP_NO_MEMORY, "asking for terms");
        return false;
    }
    enum pp_error error = cli_terms_get(exchange, out, problem);
    if (error != PP_OK)
        cli_problem_tell(cli, problem);
    free(problem);
    return error == PP_OK && terms_pin(cli, out, out_pinned, out_first);
}
