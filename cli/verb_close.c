/* close - the way out, with the node or without it. What is to be done next follows from the chain alone, each time anew
 * (PAYER-007).
 *
 *   OPEN      together: the node signs a refund and a release; once what it earned has vested, the release is posted, and the
 *             close, which then is immediate. --alone: the close is requested, and the challenge period begins.
 *   CLOSING   when its time has come, or all that is left has vested: finalized. Before that: NOT_DUE.
 *   CLOSED    what came back is told.
 */
#include "chain_look.h"
#include "deposit.h"
#include "leave.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#define CALL_MAX 8192u
#define TRANSACTIONS_MAX (CLI_LANES_MAX + 4u)

struct arguments {
    const char *channel;
    bool alone;
    struct cli_payer_options payer;
};

struct lane {
    struct pp_chain_lane chain;
    struct pp_units vested_ceil;
    struct cli_left left;
    bool has_left; /* the node signed */
    bool fresh;    /* just now */
    bool usable;   /* its release is of the cap that the chain has */
    bool stale;    /* it is not, and the cap is above what it releases to */
};

struct closing {
    struct cli *cli;
    struct arguments *arguments;
    struct cli_wallet *wallet;
    struct cli_channel channel;
    struct cli_contract contract;
    struct cli_payer payer;
    bool has_payer;
    bool carried_on; /* what an earlier run decided was done now */
    struct pp_chain_channel chain;
    struct pp_chain_block block;
    struct lane lanes[CLI_LANES_MAX];
    struct {
        const char *what;
        struct pp_hash hash;
    } sent[TRANSACTIONS_MAX];
    size_t sent_count;
    struct cli_problem problem;
    bool told; /* the failure was told where it happened */
};

/* ---- looking ---- */

static enum pp_error lane_look(struct closing *c, size_t at)
{
    struct lane *lane = &c->lanes[at];
    const struct pp_lane_release_fields *release = &lane->left.release;
    PP_TRY(cli_contract_lane(&c->contract, &c->channel.id, c->channel.lanes[at].lane, c->block.number,
                             &lane->chain, &c->problem));
    if (pp_grains_to_units_ceil(lane->chain.vested, &lane->vested_ceil) != PP_OK)
        return cli_problem_set(&c->problem, PP_CHAIN_NONSENSE, "what has vested of lane %" PRIu32,
                               c->channel.lanes[at].lane);
    bool lowers = lane->has_left && release->new_cap.raw < lane->chain.cap.raw &&
                  release->new_cap.raw < release->old_cap.raw;
    lane->usable = lowers && release->old_cap.raw == lane->chain.cap.raw && release->seq == lane->chain.seq;
    lane->stale = lowers && !lane->usable;
    return PP_OK;
}

/* All at one block, or they could disagree. */
static enum pp_error chain_look(struct closing *c)
{
    PP_TRY(cli_contract_block(&c->contract, PP_RPC_LATEST, &c->block, &c->problem));
    PP_TRY(cli_contract_channel(&c->contract, &c->channel.id, c->block.number, &c->chain, &c->problem));
    for (size_t i = 0; i < c->channel.lanes_count; i++)
        PP_TRY(lane_look(c, i));
    return PP_OK;
}

static enum pp_error leaves_read(struct closing *c)
{
    for (size_t i = 0; i < c->channel.lanes_count; i++) {
        enum pp_error error =
            cli_leave_read(c->wallet, &c->channel, c->channel.lanes[i].lane, &c->lanes[i].left, &c->problem);
        c->lanes[i].has_left = error == PP_OK;
        if (error != PP_OK && error != PP_NOT_FOUND)
            return error;
    }
    return PP_OK;
}

/* What the caps would sum to, all usable releases posted. */
static uint64_t allocated_then(const struct closing *c)
{
    uint64_t sum = c->chain.allocated.raw;
    for (size_t i = 0; i < c->channel.lanes_count; i++)
        if (c->lanes[i].usable)
            sum -= c->lanes[i].chain.cap.raw - c->lanes[i].left.release.new_cap.raw;
    return sum;
}

/* CHAIN-021, after the releases. */
static bool may_close_at_once(const struct closing *c)
{
    return allocated_then(c) == c->chain.vested_ceil.raw;
}

/* ---- sending ---- */

static enum pp_error payer_need(struct closing *c)
{
    if (c->has_payer)
        return PP_OK;
    c->told = true;
    if (!cli_payer_given(&c->arguments->payer)) {
        cli_fail(c->cli, PP_MISSING_FIELD, "there is something to send now: --payer-key FILE is needed");
        return PP_MISSING_FIELD;
    }
    if (!cli_payer_open(c->cli, c->wallet, &c->arguments->payer, &c->contract, &c->channel.config.payer,
                        &c->payer))
        return PP_BAD_KEY;
    c->told = false;
    c->has_payer = true;
    return PP_OK;
}

static enum pp_error call_send(struct closing *c, enum pp_job_kind kind, const struct pp_writer *w)
{
    struct cli_sent sent;
    PP_TRY(payer_need(c));
    struct cli_send send = {.kind = kind, .to = c->channel.contract, .channel = &c->channel.id, .data = w};
    if (kind == PP_JOB_REQUEST_CLOSE) /* one that was taken back does not count */
        PP_TRY(cli_send_anew(&c->payer, &send, &c->problem));
    PP_TRY(cli_send(&c->payer, &send, &sent, &c->problem));
    if (c->sent_count < TRANSACTIONS_MAX) {
        c->sent[c->sent_count].what = pp_job_kind_name(kind);
        c->sent[c->sent_count++].hash = sent.hash;
    }
    return PP_OK;
}

static enum pp_error config_send(struct closing *c, enum pp_job_kind kind, enum pp_abi_function function)
{
    uint8_t call[256];
    struct pp_writer w;
    pp_writer_init(&w, call, sizeof call);
    pp_abi_write_call_config(&w, function, &c->channel.config);
    return call_send(c, kind, &w);
}

static enum pp_error releases_send(struct closing *c)
{
    uint8_t call[CALL_MAX];
    struct pp_writer w;
    struct pp_abi_release releases[CLI_LANES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < c->channel.lanes_count; i++) {
        const struct cli_left *left = &c->lanes[i].left;
        if (!c->lanes[i].usable)
            continue;
        releases[count++] = (struct pp_abi_release){.lane = left->release.lane,
                                                    .old_cap = left->release.old_cap,
                                                    .new_cap = left->release.new_cap,
                                                    .seq = left->release.seq,
                                                    .signature = left->release_signature};
    }
    if (count == 0)
        return PP_OK;
    pp_writer_init(&w, call, sizeof call);
    pp_abi_write_release(&w, &c->channel.config, releases, count);
    return call_send(c, PP_JOB_RELEASE, &w);
}

/* PAYER-008: until it vests, a refund on chain beats what a report says was earned; and a channel that closes takes no more of
 * them, so the chain would never know what was refunded. The highest one known goes there first. */
static enum pp_error refund_send(struct closing *c, size_t at, const struct pp_wallet *wallet)
{
    uint8_t call[1024];
    struct pp_writer w;
    if (!pp_grains_lt(c->lanes[at].chain.refunded, wallet->refunded))
        return PP_OK;
    const struct pp_abi_refund refund = {wallet->refunded, wallet->refund_reasons, wallet->refund_signature};
    pp_writer_init(&w, call, sizeof call);
    pp_abi_write_post_refund(&w, &c->channel.config, c->channel.lanes[at].lane, &refund);
    return call_send(c, PP_JOB_POST_REFUND, &w);
}

/* ---- the lanes' sessions ---- */

static bool session_open(struct closing *c, size_t at, bool signs, struct cli_session *out)
{
    char id[65];
    int status;
    const char *node_url = c->cli->node_url;
    pp_hex_print(c->channel.id.bytes, sizeof c->channel.id.bytes, id);
    const struct cli_session_need need = {
        .channel = id, .lane = c->channel.lanes[at].lane, .signer = signs, .write = signs};
    if (c->channel.lanes_count > 1)
        c->cli->node_url = NULL; /* each lane has its own node */
    bool opened = cli_session_open(c->cli, &need, out, &status);
    c->cli->node_url = node_url;
    return opened;
}

static enum pp_error refunds_send(struct closing *c)
{
    for (size_t i = 0; i < c->channel.lanes_count; i++) {
        struct cli_session session;
        if (!session_open(c, i, false, &session)) {
            c->told = true;
            return PP_NOT_FOUND;
        }
        enum pp_error error = session.log ? refund_send(c, i, cli_lane_wallet(session.log)) : PP_OK;
        cli_session_close(&session);
        PP_TRY(error);
    }
    return PP_OK;
}

static enum pp_error leave_ask(struct closing *c, size_t at)
{
    struct cli_session session;
    struct lane *lane = &c->lanes[at];
    char detail[sizeof c->problem.detail];
    if (!session_open(c, at, true, &session)) {
        c->told = true;
        return PP_NOT_FOUND;
    }
    enum pp_error error = cli_leave_ask(&session, &lane->left, &c->problem);
    lane->has_left = lane->fresh = error == PP_OK;
    cli_session_close(&session);
    if (error == PP_OK)
        return PP_OK;
    snprintf(detail, sizeof detail, "%s", c->problem.detail);
    snprintf(c->problem.detail, sizeof c->problem.detail,
             "lane %" PRIu32
             ": %.300s; without the node: `pennypost close --alone`, after the challenge period",
             c->channel.lanes[at].lane, detail);
    return error;
}

/* ---- telling ---- */

static json_t *lanes_json(const struct closing *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->channel.lanes_count; i++) {
        const struct lane *lane = &c->lanes[i];
        char cap[PP_AMOUNT_TEXT_MAX], vested[PP_AMOUNT_TEXT_MAX], refunded[PP_AMOUNT_TEXT_MAX];
        json_t *object =
            json_pack("{s:I, s:s, s:s, s:s, s:b}", "lane", (json_int_t)c->channel.lanes[i].lane, "cap_units",
                      pp_units_print(lane->chain.cap, cap), "vested_grains",
                      pp_grains_print(lane->chain.vested, vested), "refunded_grains",
                      pp_grains_print(lane->chain.refunded, refunded), "left", (int)lane->has_left);
        if (lane->has_left) {
            json_object_set_new(object, "new_cap_units",
                                json_string(pp_units_print(lane->left.release.new_cap, cap)));
            json_object_set_new(
                object, "signed_refund_grains",
                json_string(pp_grains_print(
                    lane->left.has_refund ? lane->left.refund.refunded : PP_GRAINS_ZERO, refunded)));
        }
        json_array_append_new(list, object);
    }
    return list;
}

static void transactions_put(const struct closing *c, struct cli_answer *answer)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->sent_count; i++) {
        char hex[67] = "0x";
        pp_hex_print(c->sent[i].hash.bytes, sizeof c->sent[i].hash.bytes, hex + 2);
        json_array_append_new(list, json_pack("{s:s, s:s}", "what", c->sent[i].what, "transaction", hex));
        cli_put_text(answer, NULL, c->sent[i].what, hex);
    }
    cli_put_json(answer, "transactions", list);
}

static void common_put(const struct closing *c, struct cli_answer *answer, const char *state)
{
    cli_answer_init(answer, c->cli);
    answer->decimals = c->channel.token_decimals;
    cli_put_bytes(answer, "channel_id", "channel", c->channel.id.bytes, sizeof c->channel.id.bytes);
    cli_put_text(answer, "state", "state", state);
    cli_put_units(answer, "deposit_units", "deposit", c->chain.deposit);
    cli_put_number(answer, "chain_time_s", NULL, c->block.time_s);
    cli_put_json(answer, "lanes", lanes_json(c));
    transactions_put(c, answer);
}

static int closed_print(const struct closing *c)
{
    struct cli_answer answer;
    common_put(c, &answer, "CLOSED");
    cli_put_bool(&answer, "closed", NULL, true);
    cli_put_units(&answer, "to_pool_units", "to the pool", c->chain.credited);
    cli_put_units(&answer, "returned_units", "back to the payer",
                  pp_units(c->chain.deposit.raw - c->chain.credited.raw));
    return cli_answer_print(&answer);
}

static void time_print(uint64_t time_s, char out[40])
{
    time_t seconds = (time_t)time_s;
    struct tm parts;
    if (time_s > INT32_MAX * UINT64_C(100) || !gmtime_r(&seconds, &parts) ||
        strftime(out, 40, "%Y-%m-%d %H:%M:%S UTC", &parts) == 0)
        snprintf(out, 40, "%" PRIu64, time_s);
}

static uint64_t seconds_left(const struct closing *c)
{
    return c->chain.closable_at_s > c->block.time_s ? c->chain.closable_at_s - c->block.time_s : 0;
}

static int requested_print(const struct closing *c)
{
    struct cli_answer answer;
    char until[40], next[200];
    time_print(c->chain.closable_at_s, until);
    common_put(c, &answer, "CLOSING");
    cli_put_bool(&answer, "closed", NULL, false);
    cli_put_number(&answer, "closable_at_s", NULL, c->chain.closable_at_s);
    cli_put_number(&answer, "seconds_left", NULL, seconds_left(c));
    snprintf(next, sizeof next, "from %s on (in %" PRIu64 " s of the chain's time): pennypost close", until,
             seconds_left(c));
    cli_put_text(&answer, "next", "next", next);
    return cli_answer_print(&answer);
}

static int closing_not_due(const struct closing *c)
{
    char until[40];
    time_print(c->chain.closable_at_s, until);
    return cli_not_due(c->cli,
                       "the close was requested; it can be finalized from %s on (%" PRIu64 "), in %" PRIu64
                       " s of the chain's time",
                       until, c->chain.closable_at_s, seconds_left(c));
}

/* What the channel still waits for: lane by lane, what is to vest. */
static void waits_say(const struct closing *c, char *out, size_t capacity)
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < c->channel.lanes_count && at < capacity; i++) {
        const struct lane *lane = &c->lanes[i];
        uint64_t cap = lane->usable ? lane->left.release.new_cap.raw : lane->chain.cap.raw;
        char money[CLI_MONEY_MAX];
        int length = 0;
        if (lane->stale)
            length = snprintf(out + at, capacity - at,
                              "%slane %" PRIu32 "'s release is of another cap (leave it with --alone)",
                              at ? "; " : "", c->channel.lanes[i].lane);
        else if (cap != lane->vested_ceil.raw)
            length = snprintf(
                out + at, capacity - at, "%s%s of lane %" PRIu32 " to vest", at ? "; " : "",
                cli_money_units(pp_units(cap - lane->vested_ceil.raw), c->channel.token_decimals, money),
                c->channel.lanes[i].lane);
        at += length > 0 ? (size_t)length : 0;
    }
}

static int leaving_tell(const struct closing *c)
{
    struct cli_answer answer;
    char waits[240], next[400];
    bool fresh = false;
    waits_say(c, waits, sizeof waits);
    for (size_t i = 0; i < c->channel.lanes_count; i++)
        fresh |= c->lanes[i].fresh;
    if (!fresh)
        return cli_not_due(c->cli,
                           "the node has agreed; the channel waits for %s (the operator reports and settles)",
                           waits);
    common_put(c, &answer, "LEAVING");
    cli_put_bool(&answer, "closed", NULL, false);
    snprintf(next, sizeof next, "the operator reports and settles (%s); then: pennypost close", waits);
    for (size_t i = 0; i < c->channel.lanes_count; i++) {
        char label[40];
        snprintf(label, sizeof label, "lane %" PRIu32 " keeps", c->channel.lanes[i].lane);
        if (c->lanes[i].has_left)
            cli_put_units(&answer, NULL, label, c->lanes[i].left.release.new_cap);
    }
    cli_put_text(&answer, "next", NULL, next);
    cli_put_line(&answer, next);
    return cli_answer_print(&answer);
}

/* ---- the steps ---- */

static int fail(struct closing *c)
{
    return c->told ? CLI_FAILED : cli_problem_tell(c->cli, &c->problem);
}

/* The last one, whichever it was. */
static int outcome_tell(struct closing *c)
{
    if (chain_look(c) != PP_OK)
        return fail(c);
    if (c->chain.state == PP_CHANNEL_CHAIN_CLOSED)
        return closed_print(c);
    return requested_print(c);
}

static int at_once(struct closing *c)
{
    if (refunds_send(c) != PP_OK || releases_send(c) != PP_OK ||
        config_send(c, PP_JOB_REQUEST_CLOSE, PP_ABI_REQUEST_CLOSE) != PP_OK)
        return fail(c);
    return outcome_tell(c);
}

static int open_alone(struct closing *c)
{
    if (refunds_send(c) != PP_OK || config_send(c, PP_JOB_REQUEST_CLOSE, PP_ABI_REQUEST_CLOSE) != PP_OK)
        return fail(c);
    return outcome_tell(c);
}

static int open_together(struct closing *c)
{
    for (size_t i = 0; i < c->channel.lanes_count; i++)
        if (!c->lanes[i].has_left && c->lanes[i].chain.cap.raw > c->lanes[i].vested_ceil.raw &&
            leave_ask(c, i) != PP_OK)
            return fail(c);
    if (chain_look(c) != PP_OK)
        return fail(c);
    return may_close_at_once(c) ? at_once(c) : leaving_tell(c);
}

static int closing_go(struct closing *c)
{
    if (!may_close_at_once(c) && c->block.time_s < c->chain.closable_at_s)
        return c->carried_on ? requested_print(c) : closing_not_due(c);
    bool releases = c->block.time_s < c->chain.closable_at_s;
    if ((releases && releases_send(c) != PP_OK) ||
        config_send(c, PP_JOB_FINALIZE_CLOSE, PP_ABI_FINALIZE_CLOSE) != PP_OK)
        return fail(c);
    return outcome_tell(c);
}

static int state_go(struct closing *c)
{
    switch (c->chain.state) {
    case PP_CHANNEL_CHAIN_NONE:
        return cli_fail(c->cli, PP_UNKNOWN_CHANNEL, "the chain does not know this channel");
    case PP_CHANNEL_CHAIN_OPEN:
        if (may_close_at_once(c))
            return at_once(c);
        return c->arguments->alone ? open_alone(c) : open_together(c);
    case PP_CHANNEL_CHAIN_CLOSING:
        return closing_go(c);
    case PP_CHANNEL_CHAIN_CLOSED:
        break;
    }
    return closed_print(c);
}

/* What an earlier run decided comes first; then the chain says how things stand. */
static int rest_go(struct closing *c)
{
    if (c->chain.state == PP_CHANNEL_CHAIN_CLOSED || !cli_payer_given(&c->arguments->payer))
        return state_go(c);
    if (payer_need(c) != PP_OK || cli_send_rest(&c->payer, &c->carried_on, &c->problem) != PP_OK ||
        chain_look(c) != PP_OK)
        return fail(c);
    return state_go(c);
}

static int closing_run(struct closing *c)
{
    struct cli *cli = c->cli;
    if (!cli_wallet_open_told(cli, false, &c->wallet) ||
        !cli_channel_find_told(cli, c->wallet, c->arguments->channel, &c->channel))
        return CLI_FAILED;
    if (cli_contract_open(cli->rpc_url, c->channel.chain_id, &c->channel.contract, &c->contract,
                          &c->problem) != PP_OK ||
        leaves_read(c) != PP_OK || chain_look(c) != PP_OK)
        return fail(c);
    return rest_go(c);
}

int cli_verb_close(struct cli *cli, int argc, char **argv)
{
    struct arguments arguments = {.payer = CLI_PAYER_DEFAULTS};
    const struct cli_option options[] = {
        {"alone", NULL, CLI_FLAG, &arguments.alone, 0, 0, "without the node: after the challenge period",
         NULL},
        CLI_PAYER_OPTIONS(arguments.payer),
    };
    const struct cli_syntax syntax = {
        options, sizeof options / sizeof options[0], 0, 1,
        "With the node: it refunds what it has not earned and releases the rest; when what it earned has "
        "vested, run\n"
        "it again, and the channel closes at once. Each run does what is due by then; status 3: nothing is."};
    char **operands;
    size_t count;
    int status;
    if (!cli_parse(cli, &syntax, argc, argv, &operands, &count, &status))
        return status;
    if (!cli->rpc_url)
        return cli_usage(cli, "--rpc URL is needed: the chain's JSON-RPC");
    arguments.channel = count ? operands[0] : NULL;
    struct closing *c = calloc(1, sizeof *c);
    if (!c)
        return cli_fail(cli, PP_NO_MEMORY, "closing");
    c->cli = cli;
    c->arguments = &arguments;
    status = closing_run(c);
    cli_payer_close(&c->payer);
    cli_contract_close(&c->contract);
    if (c->wallet)
        cli_wallet_close(c->wallet);
    free(c);
    return status;
}
