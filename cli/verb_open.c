/* open - locks a deposit and gives lanes their caps.
 *
 * opening.json is there before anything is sent, and the contract opens one channel for each of a payer's numbers: so after a
 * kill at any moment the same command finds what it began (PAYER-002).
 */
#include "authorize.h"
#include "clock.h"
#include "deposit.h"
#include "lane_wait.h"
#include "open_check.h"
#include "open_wish.h"
#include "output.h"

#include <inttypes.h>
#include <stdlib.h>

#define CALL_MAX 4096u
#define NODE_WAIT_S 60u

struct arguments {
    const char *deposit;
    struct cli_list lanes;
    struct cli_payer_options payer;
    uint64_t wait_s;
    bool another;
    const char *authorize; /* the file; NULL: it is sent from here */
    uint64_t valid_s;
};

struct opening {
    struct cli *cli;
    struct arguments *arguments;
    struct cli_wallet *wallet;
    struct cli_terms terms; /* of --node */
    struct cli_contract contract;
    struct cli_payer payer;
    struct cli_channel channel; /* as it is to be, then as it is */
    bool served[CLI_LANES_MAX]; /* a node was asked, and it writes this lane */
    char state[CLI_LANES_MAX][CLI_LANE_STATE_MAX];
    struct pp_hash approval;
    bool existed, resumed;
    bool authorized; /* signed, for somebody else to send */
    uint64_t valid_before_s;
    struct cli_problem problem;
};

/* ---- keys ---- */

/* The signer's key is opened, not only looked at: a channel whose key does not open would be a loss. */
static bool signer_take(struct opening *o)
{
    char path[CLI_PATH_MAX];
    struct pp_key key;
    if (snprintf(path, sizeof path, "%s/signer.key", cli_wallet_path(o->wallet)) >= (int)sizeof path ||
        !cli_key_open(o->cli, o->cli->key_file ? o->cli->key_file : path, PP_KEY_SECP256K1, &key))
        return false;
    o->channel.config.signer = key.address;
    pp_key_done(&key);
    return true;
}

/* ---- what was begun, and what is open ---- */

static bool same_wish(const struct cli_channel *a, const struct cli_channel *b)
{
    if (!pp_address_eq(&a->config.signer, &b->config.signer) || a->deposit.raw != b->deposit.raw ||
        a->lanes_count != b->lanes_count)
        return false;
    for (size_t i = 0; i < a->lanes_count; i++)
        if (a->lanes[i].lane != b->lanes[i].lane || a->lanes[i].cap.raw != b->lanes[i].cap.raw)
            return false;
    return true;
}

static bool same_lanes(const struct cli_channel *a, const struct cli_channel *b)
{
    if (a->lanes_count != b->lanes_count)
        return false;
    for (size_t i = 0; i < a->lanes_count; i++)
        if (a->lanes[i].lane != b->lanes[i].lane)
            return false;
    return true;
}

static bool same_account(const struct cli_channel *a, const struct cli_channel *b)
{
    return a->chain_id == b->chain_id && pp_address_eq(&a->contract, &b->contract) &&
           pp_address_eq(&a->config.payer, &b->config.payer);
}

/* The payer's address is known by now, the channel's number is not. */
struct begun {
    const struct cli_channel *wish;
    struct cli_channel found;
    bool any;
};

static bool begun_visit(void *context, const struct cli_channel *channel)
{
    struct begun *begun = context;
    if (!same_account(channel, begun->wish))
        return true;
    begun->found = *channel;
    begun->any = true;
    return false;
}

/* Nodes move: what this run asks for says where they answer. */
static void urls_take(struct cli_channel *channel, const struct cli_channel *wish)
{
    for (size_t i = 0; i < channel->lanes_count; i++)
        memcpy(channel->lanes[i].node_url, wish->lanes[i].node_url, sizeof channel->lanes[i].node_url);
}

static enum pp_error wallet_problem(struct opening *o, enum pp_error error)
{
    return cli_problem_set(&o->problem, error, "the wallet folder %s", cli_wallet_path(o->wallet));
}

static enum pp_error opening_drop(struct opening *o, const struct pp_channel_id *id)
{
    enum pp_error error = cli_wallet_opening_drop(o->wallet, id);
    return error == PP_OK ? PP_OK : wallet_problem(o, error);
}

static enum pp_error wish_differs(struct opening *o, const struct cli_channel *begun)
{
    char there[CLI_MONEY_MAX], wanted[CLI_MONEY_MAX];
    cli_problem_set(&o->problem, PP_EXISTS,
                    "an opening with other lanes, caps, signer or deposit was begun and is not decided: "
                    "run it again with what it was begun with");
    return cli_problem_values(&o->problem, PP_EXISTS, "deposit",
                              cli_money_units(begun->deposit, begun->token_decimals, there),
                              cli_money_units(o->channel.deposit, o->channel.token_decimals, wanted));
}

static bool channel_known(const struct opening *o, const struct pp_channel_id *id)
{
    struct cli_channel channel;
    char hex[65];
    return cli_wallet_channel_find(o->wallet, pp_hex_print(id->bytes, sizeof id->bytes, hex), &channel) ==
           PP_OK;
}

/* How far an earlier run got. *out_go_on: this opening is taken up; otherwise it is out of the way. */
static enum pp_error begun_look(struct opening *o, const struct cli_channel *begun, bool *out_go_on)
{
    struct pp_chain_channel on_chain;
    struct pp_chain_block final;
    uint64_t nonce;
    PP_TRY(cli_contract_block(&o->contract, PP_RPC_FINALIZED, &final, &o->problem));
    PP_TRY(cli_contract_nonce(&o->contract, &begun->config.payer, final.number, &nonce, &o->problem));
    PP_TRY(cli_contract_channel(&o->contract, &begun->id, PP_RPC_AT_LATEST, &on_chain, &o->problem));
    *out_go_on = on_chain.state != PP_CHANNEL_CHAIN_NONE || same_wish(begun, &o->channel);
    if (on_chain.state == PP_CHANNEL_CHAIN_NONE && nonce > begun->config.nonce)
        *out_go_on = false; /* its number went to another channel, for good */
    else if (on_chain.state == PP_CHANNEL_CHAIN_CLOSING || on_chain.state == PP_CHANNEL_CHAIN_CLOSED)
        *out_go_on = false; /* told long ago, from another place */
    else if (on_chain.state == PP_CHANNEL_CHAIN_OPEN && !same_wish(begun, &o->channel)) {
        if (!channel_known(o, &begun->id))
            return wish_differs(o, begun);
        *out_go_on = false;
    }
    return *out_go_on ? PP_OK : opening_drop(o, &begun->id);
}

static enum pp_error begun_find(struct opening *o, bool *out_go_on)
{
    bool any;
    *out_go_on = false;
    PP_TRY(cli_send_rest(&o->payer, &any, &o->problem));
    for (;;) {
        struct begun begun = {.wish = &o->channel};
        enum pp_error error = cli_wallet_openings(o->wallet, begun_visit, &begun);
        if (error != PP_OK)
            return wallet_problem(o, error);
        if (!begun.any)
            return PP_OK;
        PP_TRY(begun_look(o, &begun.found, out_go_on));
        if (*out_go_on) {
            urls_take(&begun.found, &o->channel);
            o->channel = begun.found;
            o->resumed = true;
            return PP_OK;
        }
    }
}

struct known {
    struct opening *opening;
    struct cli_channel found;
    bool any;
    enum pp_error error;
};

static bool known_visit(void *context, const struct cli_channel *channel)
{
    struct known *known = context;
    struct opening *o = known->opening;
    struct pp_chain_channel on_chain;
    if (!same_account(channel, &o->channel) || !same_lanes(channel, &o->channel) ||
        !pp_address_eq(&channel->config.signer, &o->channel.config.signer))
        return true;
    known->error = cli_contract_channel(&o->contract, &channel->id, PP_RPC_AT_LATEST, &on_chain, &o->problem);
    if (known->error != PP_OK)
        return false;
    known->any = on_chain.state == PP_CHANNEL_CHAIN_OPEN;
    if (known->any)
        known->found = *channel;
    return !known->any;
}

/* A second channel with the same lanes is hardly ever meant. */
static enum pp_error known_find(struct opening *o)
{
    struct known known = {.opening = o};
    char there[CLI_MONEY_MAX], wanted[CLI_MONEY_MAX], hex[65];
    enum pp_error error = cli_wallet_channels(o->wallet, known_visit, &known);
    if (error != PP_OK)
        return wallet_problem(o, error);
    PP_TRY(known.error);
    if (!known.any)
        return PP_OK;
    if (same_wish(&known.found, &o->channel)) {
        urls_take(&known.found, &o->channel);
        o->channel = known.found;
        o->existed = true;
        error = cli_wallet_channel_update(o->wallet, &o->channel);
        return error == PP_OK ? PP_OK : wallet_problem(o, error);
    }
    cli_problem_set(&o->problem, PP_EXISTS,
                    "channel 0x%s is open with these lanes: top it up, or open another one with --another",
                    pp_hex_print(known.found.id.bytes, sizeof known.found.id.bytes, hex));
    return cli_problem_values(&o->problem, PP_EXISTS, "deposit",
                              cli_money_units(known.found.deposit, known.found.token_decimals, there),
                              cli_money_units(o->channel.deposit, o->channel.token_decimals, wanted));
}

/* ---- opening ---- */

static enum pp_error number_take(struct opening *o)
{
    struct cli_channel *channel = &o->channel;
    struct pp_domain domain;
    struct pp_channel_id on_chain;
    PP_TRY(cli_contract_nonce(&o->contract, &channel->config.payer, PP_RPC_AT_LATEST, &channel->config.nonce,
                              &o->problem));
    const struct pp_channel_fields fields = {
        .payer = channel->config.payer, .signer = channel->config.signer, .nonce = channel->config.nonce};
    pp_domain_init(&domain, channel->chain_id, &channel->contract);
    pp_channel_id_of(&domain, &fields, &channel->id);
    PP_TRY(cli_contract_channel_id(&o->contract, &channel->config, &on_chain, &o->problem));
    if (pp_channel_id_eq(&on_chain, &channel->id))
        return PP_OK;
    struct pp_refusal refusal;
    pp_refusal_init(&refusal, PP_CONTRACT_MISMATCH, "channel_id");
    refusal.expected = pp_value_bytes(channel->id.bytes, sizeof channel->id.bytes);
    refusal.actual = pp_value_bytes(on_chain.bytes, sizeof on_chain.bytes);
    return cli_problem_refusal(&o->problem, &refusal,
                               "the contract names channels otherwise: it is another version");
}

/* opened: it is on chain; if it was sent from here, its transaction is known. */
static enum pp_error open_send(struct opening *o, bool opened)
{
    uint8_t call[CALL_MAX];
    uint32_t lanes[CLI_LANES_MAX];
    struct pp_units caps[CLI_LANES_MAX];
    struct pp_writer w;
    struct cli_sent sent;
    for (size_t i = 0; i < o->channel.lanes_count; i++) {
        lanes[i] = o->channel.lanes[i].lane;
        caps[i] = o->channel.lanes[i].cap;
    }
    const struct pp_abi_caps list = {lanes, caps, o->channel.lanes_count};
    pp_writer_init(&w, call, sizeof call);
    pp_abi_write_deposit(&w, PP_ABI_OPEN, &o->channel.config, o->channel.deposit, &list);
    const struct cli_send send = {
        .kind = PP_JOB_OPEN, .to = o->channel.contract, .channel = &o->channel.id, .data = &w};
    enum pp_error error = opened ? cli_send_find(&o->payer, &send, &sent, &o->problem)
                                 : cli_send(&o->payer, &send, &sent, &o->problem);
    if (error == PP_OK)
        o->channel.open_transaction = sent.hash;
    return opened && error == PP_NOT_FOUND ? PP_OK : error;
}

/* On chain, as far as the latest block knows. */
static enum pp_error opened_look(struct opening *o, bool *out)
{
    struct pp_chain_channel on_chain;
    PP_TRY(cli_contract_channel(&o->contract, &o->channel.id, PP_RPC_AT_LATEST, &on_chain, &o->problem));
    *out = on_chain.state != PP_CHANNEL_CHAIN_NONE;
    return PP_OK;
}

/* Everything that the chain might refuse is asked for before anything is written. */
static enum pp_error open_begin(struct opening *o, const struct cli_deposit *deposit)
{
    PP_TRY(cli_deposit_check(&o->payer, deposit, &o->problem));
    if (o->resumed)
        return PP_OK;
    PP_TRY(number_take(o));
    enum pp_error error = cli_wallet_opening_put(o->wallet, &o->channel);
    return error == PP_OK ? PP_OK : wallet_problem(o, error);
}

/* Found on chain without its transaction (it was sent from elsewhere): only a final block counts. */
static enum pp_error final_wait(struct opening *o)
{
    uint64_t until = cli_clock_ms() + o->payer.wait_s * 1000;
    for (;;) {
        struct pp_chain_block final;
        struct pp_chain_channel on_chain;
        PP_TRY(cli_contract_block(&o->contract, PP_RPC_FINALIZED, &final, &o->problem));
        PP_TRY(cli_contract_channel(&o->contract, &o->channel.id, final.number, &on_chain, &o->problem));
        if (on_chain.state != PP_CHANNEL_CHAIN_NONE)
            return cli_channel_refresh(&o->contract, final.number, &o->channel, &o->problem);
        if (cli_clock_ms() > until)
            return cli_problem_set(&o->problem, PP_TX_UNKNOWN,
                                   "the channel is open, but not final after %" PRIu64
                                   " s; run the same command again: it goes on",
                                   o->payer.wait_s);
        cli_pause_ms(500);
    }
}

static struct cli_authorization authorization_of(const struct opening *o, const struct pp_abi_caps *caps)
{
    return (struct cli_authorization){.opens = true,
                                      .channel = &o->channel,
                                      .token = o->terms.token,
                                      .amount = o->channel.deposit,
                                      .caps = caps,
                                      .valid_s = o->arguments->valid_s,
                                      .file = o->arguments->authorize};
}

/* PAYER-030: signed and not sent. The same command without --authorize finds the channel once somebody has sent it. */
static enum pp_error open_authorize(struct opening *o)
{
    uint32_t lanes[CLI_LANES_MAX];
    struct pp_units caps[CLI_LANES_MAX];
    for (size_t i = 0; i < o->channel.lanes_count; i++) {
        lanes[i] = o->channel.lanes[i].lane;
        caps[i] = o->channel.lanes[i].cap;
    }
    const struct pp_abi_caps list = {lanes, caps, o->channel.lanes_count};
    const struct cli_authorization authorization = authorization_of(o, &list);
    o->authorized = true;
    return cli_authorize(o->cli, &o->contract, &o->arguments->payer, &authorization, &o->valid_before_s,
                         &o->problem);
}

static enum pp_error channel_open(struct opening *o)
{
    const struct cli_deposit deposit = {
        .token = o->terms.token, .decimals = o->terms.token_decimals, .amount = o->channel.deposit};
    bool opened = false;
    if (o->resumed)
        PP_TRY(opened_look(o, &opened));
    if (!opened) {
        PP_TRY(open_begin(o, &deposit));
        if (o->arguments->authorize)
            return open_authorize(o);
        PP_TRY(cli_deposit_approve(&o->payer, &deposit, &o->approval, &o->problem));
    }
    PP_TRY(open_send(o, opened));
    PP_TRY(final_wait(o));
    enum pp_error error = cli_wallet_channel_add(o->wallet, &o->channel);
    return error == PP_OK || error == PP_EXISTS ? PP_OK : wallet_problem(o, error);
}

/* ---- the node ---- */

static enum pp_error nodes_wait(struct opening *o)
{
    uint64_t until = cli_clock_ms() + o->arguments->wait_s * 1000;
    for (size_t i = 0; i < o->channel.lanes_count; i++)
        if (o->served[i] && o->arguments->wait_s > 0)
            PP_TRY(cli_lane_wait(&o->channel, i, until, o->state[i], &o->problem));
    return PP_OK;
}

/* ---- telling ---- */

static void lanes_put(const struct opening *o, struct cli_answer *answer)
{
    json_t *list = json_array();
    for (size_t i = 0; i < o->channel.lanes_count; i++) {
        const struct cli_channel_lane *lane = &o->channel.lanes[i];
        char cap[PP_AMOUNT_TEXT_MAX], label[40], money[CLI_MONEY_MAX], row[CLI_CELL_MAX];
        json_t *object = json_pack("{s:I, s:s, s:s}", "lane", (json_int_t)lane->lane, "cap_units",
                                   pp_units_print(lane->cap, cap), "node_url", lane->node_url);
        json_object_set_new(object, "state", o->state[i][0] ? json_string(o->state[i]) : json_null());
        json_array_append_new(list, object);
        snprintf(label, sizeof label, "lane %" PRIu32, lane->lane);
        snprintf(row, sizeof row, "up to %s, %s",
                 cli_money_units(lane->cap, o->channel.token_decimals, money),
                 o->state[i][0] ? o->state[i] : "its node was not asked");
        cli_put_text(answer, NULL, label, row);
    }
    cli_put_json(answer, "lanes", list);
}

static int opening_print(struct opening *o)
{
    static const struct pp_hash none;
    struct cli_answer answer;
    const struct cli_channel *channel = &o->channel;
    cli_answer_init(&answer, o->cli);
    answer.decimals = channel->token_decimals;
    cli_put_bytes(&answer, "channel_id", "channel", channel->id.bytes, sizeof channel->id.bytes);
    cli_put_bytes(&answer, "payer", "payer", channel->config.payer.bytes, sizeof channel->config.payer.bytes);
    cli_put_bytes(&answer, "signer", "signer", channel->config.signer.bytes,
                  sizeof channel->config.signer.bytes);
    cli_put_number(&answer, "nonce", NULL, channel->config.nonce);
    cli_put_number(&answer, "chain_id", NULL, channel->chain_id);
    cli_put_bytes(&answer, "contract", "contract", channel->contract.bytes, sizeof channel->contract.bytes);
    cli_put_units(&answer, "deposit_units", "deposit", channel->deposit);
    lanes_put(o, &answer);
    if (!pp_hash_eq(&o->approval, &none))
        cli_put_bytes(&answer, "approve_transaction", NULL, o->approval.bytes, sizeof o->approval.bytes);
    if (!pp_hash_eq(&channel->open_transaction, &none))
        cli_put_bytes(&answer, "open_transaction", "transaction", channel->open_transaction.bytes,
                      sizeof channel->open_transaction.bytes);
    cli_put_bool(&answer, "existed", NULL, o->existed);
    cli_put_bool(&answer, "resumed", NULL, o->resumed);
    if (o->existed)
        cli_put_line(&answer, "It was open before; nothing was sent. For a second one: --another.");
    return cli_answer_print(&answer);
}

/* The channel is open and known whatever its node says; the opening is over only when its user was told. */
static int opening_end(struct opening *o)
{
    enum pp_error error = nodes_wait(o);
    if (error != PP_OK) {
        char detail[sizeof o->problem.detail], hex[65];
        snprintf(detail, sizeof detail, "%s", o->problem.detail);
        snprintf(o->problem.detail, sizeof o->problem.detail,
                 "channel 0x%s is open and in the wallet, but its node does not serve it yet; %.300s",
                 pp_hex_print(o->channel.id.bytes, sizeof o->channel.id.bytes, hex), detail);
        cli_problem_tell(o->cli, &o->problem);
    } else {
        opening_print(o);
    }
    if (error != PP_OK || fflush(o->cli->out) != 0)
        return CLI_FAILED;
    error = cli_wallet_opening_drop(o->wallet, &o->channel.id);
    if (error != PP_OK)
        cli_warn(o->cli, "%s: opening.json could not be removed", pp_error_name(error));
    return CLI_OK;
}

static enum pp_error opening_go(struct opening *o)
{
    bool go_on;
    o->channel.config.payer = o->payer.address;
    PP_TRY(begun_find(o, &go_on));
    if (!go_on && !o->arguments->another)
        PP_TRY(known_find(o));
    return o->existed ? PP_OK : channel_open(o);
}

static int opening_run(struct opening *o)
{
    struct arguments *arguments = o->arguments;
    struct cli_open_check check = {.cli = o->cli,
                                   .wallet = o->wallet,
                                   .terms = &o->terms,
                                   .channel = &o->channel,
                                   .contract = &o->contract,
                                   .served = o->served,
                                   .problem = &o->problem};
    if (cli_open_terms(&check, o->cli->node_url, &o->terms) != PP_OK)
        return cli_problem_tell(o->cli, &o->problem);
    if (!signer_take(o))
        return CLI_FAILED;
    uint32_t lane;
    enum pp_error error = cli_lane_choose(o->wallet, &o->terms, &o->channel.config.signer, &lane);
    if (error != PP_OK) {
        wallet_problem(o, error);
        return cli_problem_tell(o->cli, &o->problem);
    }
    int status = cli_open_wish(o->cli, arguments->deposit, &arguments->lanes, &o->terms, lane, &o->channel);
    if (status != CLI_OK)
        return status;
    if (cli_open_check(&check) != PP_OK)
        return cli_problem_tell(o->cli, &o->problem);
    if (!cli_payer_open(o->cli, o->wallet, &arguments->payer, &o->contract, NULL, &o->payer))
        return CLI_FAILED;
    if (opening_go(o) != PP_OK)
        return cli_problem_tell(o->cli, &o->problem);
    if (!o->authorized)
        return opening_end(o);
    const struct cli_authorization authorization = authorization_of(o, NULL);
    return cli_authorized_print(o->cli, &authorization, o->valid_before_s);
}

static int arguments_check(struct cli *cli, struct arguments *arguments)
{
    if (!arguments->deposit)
        return cli_usage(cli, "--deposit AMOUNT is needed");
    if (!cli->node_url)
        return cli_usage(cli, "--node URL is needed");
    if (strlen(cli->node_url) >= CLI_URL_MAX)
        return cli_usage(cli, "--node: an address of at most %u bytes", CLI_URL_MAX - 1);
    if (!cli->rpc_url)
        return cli_usage(cli, "--rpc URL is needed: the chain's JSON-RPC");
    if (!cli_payer_given(&arguments->payer))
        return cli_usage(cli, "--payer-key FILE is needed: `pennypost keygen` makes one");
    return CLI_OK;
}

int cli_verb_open(struct cli *cli, int argc, char **argv)
{
    struct arguments arguments = {.payer = CLI_PAYER_DEFAULTS, .wait_s = NODE_WAIT_S, .valid_s = CLI_AUTHORIZE_VALID_S};
    const struct cli_option options[] = {
        {"deposit", "AMOUNT", CLI_TEXT, &arguments.deposit, 0, 0, "tokens to lock, like 25.00", NULL},
        {"lane", "N[:CAP][@URL]", CLI_LIST, &arguments.lanes, 0, 0,
         "a lane, its part of the deposit, its node (default: the node's, all)", NULL},
        {"wait", "SECONDS", CLI_NUMBER, &arguments.wait_s, 0, 86400, "how long to wait for the node (60)",
         NULL},
        CLI_AUTHORIZE_OPTIONS(arguments.authorize, arguments.valid_s),
        {"another", NULL, CLI_FLAG, &arguments.another, 0, 0, "though a channel with these lanes is open",
         NULL},
        CLI_PAYER_OPTIONS(arguments.payer),
    };
    const struct cli_syntax syntax = {options, sizeof options / sizeof options[0], 0, 0,
                                      "The deposit stays the payer's until envelopes are paid from it. "
                                      "Killed, or out of time? The same command\n"
                                      "goes on where it was: it never opens two channels."};
    char **operands;
    size_t count;
    int status;
    if (!cli_parse(cli, &syntax, argc, argv, &operands, &count, &status))
        return status;
    status = arguments_check(cli, &arguments);
    if (status != CLI_OK)
        return status;
    struct opening *o = calloc(1, sizeof *o);
    if (!o)
        return cli_fail(cli, PP_NO_MEMORY, "opening");
    o->cli = cli;
    o->arguments = &arguments;
    status = cli_wallet_open_told(cli, true, &o->wallet) ? opening_run(o) : CLI_FAILED;
    cli_payer_close(&o->payer);
    cli_contract_close(&o->contract);
    if (o->wallet)
        cli_wallet_close(o->wallet);
    free(o);
    return status;
}
