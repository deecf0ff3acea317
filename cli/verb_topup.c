/* topup - adds to a channel's deposit, and raises a lane's cap by as much.
 *
 * A cap is named as it is to be, so the contract takes the same call only once; topup.json says from before anything is sent
 * which call it is. So the same command, after a kill at any moment, adds once (PAYER-003).
 */
#include "atomic_file.h"
#include "authorize.h"
#include "clock.h"
#include "deposit.h"
#include "lane_wait.h"
#include "leave.h"
#include "options.h"
#include "output.h"

#include <inttypes.h>
#include <stdlib.h>

#define CALL_MAX 1024u
#define NODE_WAIT_S 60u
#define FILE_NAME "topup.json"
#define FILE_VERSION 1

struct arguments {
    const char *amount;
    const char *channel;
    uint64_t lane;
    uint64_t wait_s;
    const char *authorize; /* the file; NULL: it is sent from here */
    uint64_t valid_s;
    struct cli_payer_options payer;
};

/* What is to be added: the lane's cap afterwards makes it one call, and no other. */
struct wish {
    uint32_t lane;
    struct pp_units amount;
    struct pp_units cap;
    uint64_t time; /* a cap that an operator lowered may be raised to the same again */
};

struct topup {
    struct cli *cli;
    struct arguments *arguments;
    struct cli_wallet *wallet;
    struct cli_channel channel;
    size_t at; /* which of its lanes */
    struct cli_contract contract;
    struct cli_payer payer;
    struct wish wish;
    char path[CLI_PATH_MAX];
    char state[CLI_LANE_STATE_MAX];
    struct cli_sent sent;
    bool resumed;
    bool authorized;
    struct cli_authorization authorization;
    uint64_t valid_before_s;
    struct cli_problem problem;
};

/* ---- topup.json ---- */

static enum pp_error file_problem(struct topup *t, enum pp_error error)
{
    return cli_problem_set(&t->problem, error, "%s", t->path);
}

static enum pp_error wish_write(struct topup *t)
{
    char amount[PP_AMOUNT_TEXT_MAX], cap[PP_AMOUNT_TEXT_MAX];
    json_t *object =
        json_pack("{s:i, s:I, s:s, s:s, s:I}", "version", FILE_VERSION, "lane", (json_int_t)t->wish.lane,
                  "amount_units", pp_units_print(t->wish.amount, amount), "cap_units",
                  pp_units_print(t->wish.cap, cap), "time", (json_int_t)t->wish.time);
    char *text = object ? json_dumps(object, JSON_INDENT(2) | JSON_PRESERVE_ORDER) : NULL;
    enum pp_error error = text ? cli_file_replace(t->path, text, strlen(text)) : PP_NO_MEMORY;
    free(text);
    json_decref(object);
    return error == PP_OK ? PP_OK : file_problem(t, error);
}

static enum pp_error units_take(const json_t *object, const char *name, struct pp_units *out)
{
    const json_t *member = json_object_get(object, name);
    if (!json_is_string(member))
        return PP_BAD_FORMAT;
    return pp_units_parse(json_string_value(member), json_string_length(member), out);
}

static enum pp_error wish_take(const json_t *object, struct wish *out)
{
    const json_t *version = json_object_get(object, "version"), *lane = json_object_get(object, "lane"),
                 *time = json_object_get(object, "time");
    if (!json_is_integer(version) || !json_is_integer(lane) || json_integer_value(lane) < 0 ||
        json_integer_value(lane) > UINT32_MAX || !json_is_integer(time) || json_integer_value(time) < 0)
        return PP_BAD_FORMAT;
    if (json_integer_value(version) != FILE_VERSION)
        return PP_BAD_VERSION;
    PP_TRY(units_take(object, "amount_units", &out->amount));
    PP_TRY(units_take(object, "cap_units", &out->cap));
    out->lane = (uint32_t)json_integer_value(lane);
    out->time = (uint64_t)json_integer_value(time);
    return PP_OK;
}

/* NOT_FOUND: nothing was begun. */
static enum pp_error wish_read(struct topup *t, struct wish *out)
{
    char *text;
    size_t length;
    enum pp_error error = cli_file_read(t->path, 4096, &text, &length);
    if (error == PP_OK) {
        json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
        error = json_is_object(object) ? wish_take(object, out) : PP_BAD_FORMAT;
        json_decref(object);
        free(text);
    }
    return error == PP_OK ? PP_OK : file_problem(t, error);
}

static enum pp_error wish_drop(struct topup *t)
{
    enum pp_error error = cli_file_drop(t->path);
    return error == PP_OK ? PP_OK : file_problem(t, error);
}

/* ---- sending ---- */

/* find: only whether it was final before. */
static enum pp_error wish_send(struct topup *t, const struct wish *wish, bool find)
{
    uint8_t call[CALL_MAX];
    struct pp_writer w;
    const struct pp_abi_caps caps = {&wish->lane, &wish->cap, 1};
    pp_writer_init(&w, call, sizeof call);
    pp_abi_write_deposit(&w, PP_ABI_TOP_UP, &t->channel.config, wish->amount, &caps);
    const struct cli_send send = {.kind = PP_JOB_TOP_UP,
                                  .to = t->channel.contract,
                                  .channel = &t->channel.id,
                                  .data = &w,
                                  .time = wish->time};
    return find ? cli_send_find(&t->payer, &send, &t->sent, &t->problem)
                : cli_send(&t->payer, &send, &t->sent, &t->problem);
}

/* The wallet's channel as the final block has it. */
static enum pp_error channel_refresh(struct topup *t)
{
    struct pp_chain_block final;
    PP_TRY(cli_contract_block(&t->contract, PP_RPC_FINALIZED, &final, &t->problem));
    PP_TRY(cli_channel_refresh(&t->contract, final.number, &t->channel, &t->problem));
    enum pp_error error = cli_wallet_channel_update(t->wallet, &t->channel);
    return error == PP_OK
               ? PP_OK
               : cli_problem_set(&t->problem, error, "the wallet folder %s", cli_wallet_path(t->wallet));
}

static enum pp_error state_check(struct topup *t)
{
    struct pp_chain_channel channel;
    struct cli_left left;
    enum pp_error error =
        cli_leave_read(t->wallet, &t->channel, t->channel.lanes[t->at].lane, &left, &t->problem);
    if (error == PP_OK)
        return cli_problem_set(&t->problem, PP_LANE_CLOSING,
                               "lane %" PRIu32 " was left: its node takes no more",
                               t->channel.lanes[t->at].lane);
    if (error != PP_NOT_FOUND)
        return error;
    PP_TRY(cli_contract_channel(&t->contract, &t->channel.id, PP_RPC_AT_LATEST, &channel, &t->problem));
    if (channel.state == PP_CHANNEL_CHAIN_OPEN)
        return PP_OK;
    return cli_problem_set(&t->problem,
                           channel.state == PP_CHANNEL_CHAIN_NONE      ? PP_UNKNOWN_CHANNEL
                           : channel.state == PP_CHANNEL_CHAIN_CLOSING ? PP_LANE_CLOSING
                                                                       : PP_LANE_SETTLED,
                           "the channel, on chain");
}

/* The cap that the lane is to have: what it has, and the amount. */
static enum pp_error wish_make(struct topup *t)
{
    struct pp_chain_lane lane;
    t->wish.lane = t->channel.lanes[t->at].lane;
    PP_TRY(
        cli_contract_lane(&t->contract, &t->channel.id, t->wish.lane, PP_RPC_AT_LATEST, &lane, &t->problem));
    if (lane.cap.raw > UINT64_MAX - t->wish.amount.raw)
        return cli_problem_set(&t->problem, PP_OVERFLOW, "the cap of lane %" PRIu32, t->wish.lane);
    t->wish.cap = pp_units(lane.cap.raw + t->wish.amount.raw);
    enum pp_error error;
    for (t->wish.time = 0; (error = wish_send(t, &t->wish, true)) == PP_OK;)
        t->wish.time++;
    return error == PP_NOT_FOUND ? PP_OK : error;
}

/* What an earlier run began. *out_done: it is final, and it is what this run asks for. */
static enum pp_error begun_look(struct topup *t, bool *out_done)
{
    struct wish begun;
    char money[CLI_MONEY_MAX];
    *out_done = false;
    enum pp_error error = wish_read(t, &begun);
    if (error != PP_OK)
        return error == PP_NOT_FOUND ? PP_OK : error;
    bool same = begun.lane == t->channel.lanes[t->at].lane && begun.amount.raw == t->wish.amount.raw;
    error = wish_send(t, &begun, true);
    if (error == PP_NOT_FOUND)
        return wish_drop(t); /* nothing came of it */
    PP_TRY(error);
    if (same) {
        t->wish = begun;
        *out_done = t->resumed = true;
        return PP_OK;
    }
    cli_note(t->cli, "the top-up of %s that was begun before is done",
             cli_money_units(begun.amount, t->channel.token_decimals, money));
    PP_TRY(channel_refresh(t));
    return wish_drop(t);
}

/* PAYER-030: the cap is named as it is to be, so whoever sends it adds once. */
static enum pp_error wish_authorize(struct topup *t, const struct pp_address *token)
{
    const struct pp_abi_caps caps = {&t->wish.lane, &t->wish.cap, 1};
    t->authorization = (struct cli_authorization){.channel = &t->channel,
                                                  .token = *token,
                                                  .amount = t->wish.amount,
                                                  .caps = &caps,
                                                  .valid_s = t->arguments->valid_s,
                                                  .file = t->arguments->authorize};
    t->authorized = true;
    enum pp_error error = cli_authorize(t->cli, &t->contract, &t->arguments->payer, &t->authorization,
                                        &t->valid_before_s, &t->problem);
    t->authorization.caps = NULL; /* they end here */
    return error;
}

static enum pp_error wish_carry_out(struct topup *t)
{
    struct cli_deposit deposit = {.decimals = t->channel.token_decimals, .amount = t->wish.amount};
    struct pp_hash approval;
    PP_TRY(state_check(t));
    PP_TRY(wish_make(t));
    PP_TRY(cli_contract_token(&t->contract, &deposit.token, &t->problem));
    PP_TRY(cli_deposit_check(&t->payer, &deposit, &t->problem));
    if (t->arguments->authorize)
        return wish_authorize(t, &deposit.token);
    PP_TRY(wish_write(t));
    PP_TRY(cli_deposit_approve(&t->payer, &deposit, &approval, &t->problem));
    return wish_send(t, &t->wish, false);
}

static enum pp_error topup_go(struct topup *t)
{
    bool done, any;
    PP_TRY(cli_send_rest(&t->payer, &any, &t->problem));
    PP_TRY(begun_look(t, &done));
    if (!done)
        PP_TRY(wish_carry_out(t));
    return t->authorized ? PP_OK : channel_refresh(t);
}

/* ---- telling ---- */

static int topup_print(struct topup *t)
{
    struct cli_answer answer;
    const struct cli_channel_lane *lane = &t->channel.lanes[t->at];
    cli_answer_init(&answer, t->cli);
    answer.decimals = t->channel.token_decimals;
    cli_put_bytes(&answer, "channel_id", "channel", t->channel.id.bytes, sizeof t->channel.id.bytes);
    cli_put_units(&answer, "amount_units", "added", t->wish.amount);
    cli_put_units(&answer, "deposit_units", "deposit", t->channel.deposit);
    cli_put_number(&answer, "lane", "lane", lane->lane);
    cli_put_units(&answer, "cap_units", "its cap", lane->cap);
    cli_put_bytes(&answer, "transaction", "transaction", t->sent.hash.bytes, sizeof t->sent.hash.bytes);
    cli_put_text(&answer, "state", t->state[0] ? "at its node" : NULL, t->state);
    cli_put_bool(&answer, "resumed", NULL, t->resumed);
    if (t->resumed)
        cli_put_line(&answer,
                     "An earlier run had begun this; it is done, once. Run it again to add as much again.");
    return cli_answer_print(&answer);
}

/* topup.json goes only when its user was told: until then the same command means the same top-up. */
static int topup_end(struct topup *t)
{
    enum pp_error error = PP_OK;
    if (t->arguments->wait_s > 0)
        error = cli_lane_wait(&t->channel, t->at, cli_clock_ms() + t->arguments->wait_s * 1000, t->state,
                              &t->problem);
    if (error != PP_OK)
        cli_warn(t->cli, "the deposit is raised, but the lane's node does not say so yet: %s, %.200s",
                 pp_error_name(error), t->problem.detail);
    topup_print(t);
    if (fflush(t->cli->out) != 0)
        return CLI_FAILED;
    if (wish_drop(t) != PP_OK)
        cli_warn(t->cli, "%s could not be removed: the same command would not add again", t->path);
    return CLI_OK;
}

static bool lane_choose(struct topup *t)
{
    const struct cli_channel *channel = &t->channel;
    for (t->at = 0; t->at < channel->lanes_count; t->at++)
        if (t->arguments->lane == channel->lanes[t->at].lane ||
            (t->arguments->lane == 0 && channel->lanes_count == 1))
            return true;
    if (t->arguments->lane)
        cli_fail(t->cli, PP_UNKNOWN_LANE, "the channel has no lane %" PRIu64, t->arguments->lane);
    else
        cli_fail(t->cli, PP_TOO_MANY, "the channel has %zu lanes: name one with --lane",
                 channel->lanes_count);
    return false;
}

static int topup_run(struct topup *t)
{
    struct cli *cli = t->cli;
    const struct cli_channel *channel = &t->channel;
    if (!cli_wallet_open_told(cli, false, &t->wallet) ||
        !cli_channel_find_told(cli, t->wallet, t->arguments->channel, &t->channel) || !lane_choose(t))
        return CLI_FAILED;
    if (pp_units_parse_decimal(t->arguments->amount, channel->token_decimals, &t->wish.amount) != PP_OK ||
        t->wish.amount.raw == 0)
        return cli_usage(cli, "--amount takes an amount like 5.00 of a token with %u decimals, not '%s'",
                         channel->token_decimals, t->arguments->amount);
    cli_wallet_channel_path(t->wallet, &channel->id, FILE_NAME, t->path);
    if (cli_contract_open(cli->rpc_url, channel->chain_id, &channel->contract, &t->contract, &t->problem) !=
        PP_OK)
        return cli_problem_tell(cli, &t->problem);
    if (!cli_payer_open(cli, t->wallet, &t->arguments->payer, &t->contract, &channel->config.payer,
                        &t->payer))
        return CLI_FAILED;
    if (topup_go(t) != PP_OK)
        return cli_problem_tell(cli, &t->problem);
    return t->authorized ? cli_authorized_print(cli, &t->authorization, t->valid_before_s) : topup_end(t);
}

int cli_verb_topup(struct cli *cli, int argc, char **argv)
{
    struct arguments arguments = {.payer = CLI_PAYER_DEFAULTS, .wait_s = NODE_WAIT_S, .valid_s = CLI_AUTHORIZE_VALID_S};
    const struct cli_option options[] = {
        {"amount", "AMOUNT", CLI_TEXT, &arguments.amount, 0, 0, "tokens to add, like 5.00", NULL},
        {"lane", "N", CLI_NUMBER, &arguments.lane, 1, UINT32_MAX,
         "whose cap to raise (default: the only one)", NULL},
        {"wait", "SECONDS", CLI_NUMBER, &arguments.wait_s, 0, 86400, "how long to wait for the node (60)",
         NULL},
        CLI_AUTHORIZE_OPTIONS(arguments.authorize, arguments.valid_s),
        CLI_PAYER_OPTIONS(arguments.payer),
    };
    const struct cli_syntax syntax = {
        options, sizeof options / sizeof options[0], 0, 1,
        "Killed, or out of time? The same command goes on where it was: it adds once."};
    char **operands;
    size_t count;
    int status;
    if (!cli_parse(cli, &syntax, argc, argv, &operands, &count, &status))
        return status;
    if (!arguments.amount || !cli->rpc_url || !cli_payer_given(&arguments.payer))
        return cli_usage(cli, "%s is needed",
                         !arguments.amount ? "--amount AMOUNT"
                         : !cli->rpc_url   ? "--rpc URL"
                                           : "--payer-key FILE");
    arguments.channel = count ? operands[0] : NULL;
    struct topup *t = calloc(1, sizeof *t);
    if (!t)
        return cli_fail(cli, PP_NO_MEMORY, "topping up");
    t->cli = cli;
    t->arguments = &arguments;
    status = topup_run(t);
    cli_payer_close(&t->payer);
    cli_contract_close(&t->contract);
    if (t->wallet)
        cli_wallet_close(t->wallet);
    free(t);
    return status;
}
