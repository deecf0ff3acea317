#include "channel_act.h"

#include "chain_look.h"
#include "deposit.h"

#include <pp/chain_contract.h>
#include <pp/time.h>

#include <inttypes.h>
#include <stdlib.h>

#define CALL_MAX 1024u

const char *const cli_channel_actions_help =
    "  thaw          ask to lower a lane's cap to --amount, without its node; finish-thaw after the "
    "challenge period\n"
    "  cancel-thaw   take that back\n"
    "  finish-thaw   carry it out; anybody may\n"
    "  allocate      raise a lane's cap to --amount, out of what the deposit has left\n"
    "  cancel-close  take a requested close back\n"
    "  revoke        revoke the delegation with --index; it takes effect after the challenge period\n"
    "  refresh       take deposit and caps over from the chain; sends nothing\n"
    "  retire        count a lane whose channel is CLOSED off its operator's open lanes; anybody may";

/* What a call needs, looked at before it is decided. */
struct facts {
    struct pp_chain_channel channel;
    struct pp_chain_lane lane;
    struct pp_chain_thaw thaw;
    uint64_t revoked_until_s;
    struct pp_chain_block latest;
};

struct doing {
    struct cli_channel_act *act;
    const struct action *action;
    struct cli *cli;
    struct cli_wallet *wallet;
    struct cli_channel channel;
    uint32_t lane;
    struct pp_units amount;
    struct cli_contract contract;
    struct cli_payer payer;
    struct facts facts;
    struct cli_sent sent;
    bool carried_on;
    struct cli_problem problem;
};

struct action {
    const char *name;
    enum pp_job_kind kind;
    bool needs_lane, needs_amount, needs_index;
    bool anybody; /* not only the payer's account */
    void (*write)(const struct doing *d, struct pp_writer *w);
    /* Why there is nothing to do, in words; false: there is. */
    bool (*is_done)(const struct doing *d, char *why, size_t capacity);
};

/* ---- the calls ---- */

static void write_thaw(const struct doing *d, struct pp_writer *w)
{
    pp_abi_write_request_thaw(w, &d->channel.config, d->lane, d->amount);
}

static void write_cancel_thaw(const struct doing *d, struct pp_writer *w)
{
    pp_abi_write_config_part(w, PP_ABI_CANCEL_THAW, &d->channel.config, d->lane);
}

static void write_finish_thaw(const struct doing *d, struct pp_writer *w)
{
    pp_abi_write_config_part(w, PP_ABI_FINALIZE_THAW, &d->channel.config, d->lane);
}

static void write_allocate(const struct doing *d, struct pp_writer *w)
{
    const struct pp_abi_caps caps = {&d->lane, &d->amount, 1};
    pp_abi_write_allocate(w, &d->channel.config, &caps);
}

static void write_cancel_close(const struct doing *d, struct pp_writer *w)
{
    pp_abi_write_call_config(w, PP_ABI_CANCEL_CLOSE, &d->channel.config);
}

static void write_revoke(const struct doing *d, struct pp_writer *w)
{
    pp_abi_write_config_part(w, PP_ABI_REVOKE_DELEGATE, &d->channel.config, (uint32_t)d->act->index);
}

static void write_retire(const struct doing *d, struct pp_writer *w)
{
    pp_abi_write_retire_lanes(w, &d->channel.config, &d->lane, 1);
}

/* ---- whether one is due ---- */

static char *when(uint64_t time_s, char out[PP_TIME_TEXT_MAX])
{
    return pp_time_print(time_s < UINT64_MAX / 1000 ? time_s * 1000 : UINT64_MAX, out);
}

/* One with another target is no such thing: the contract refuses, and says until when it waits. */
static bool done_thaw(const struct doing *d, char *why, size_t capacity)
{
    char until[PP_TIME_TEXT_MAX];
    const struct pp_chain_thaw *thaw = &d->facts.thaw;
    if (thaw->thaw_at_s == 0 || thaw->target.raw != d->amount.raw)
        return false;
    snprintf(why, capacity, "a thaw to that is pending; it can be finished from %s on",
             when(thaw->thaw_at_s, until));
    return true;
}

static bool done_cancel_thaw(const struct doing *d, char *why, size_t capacity)
{
    snprintf(why, capacity, "no thaw of lane %" PRIu32 " is pending", d->lane);
    return d->facts.thaw.thaw_at_s == 0;
}

static bool done_finish_thaw(const struct doing *d, char *why, size_t capacity)
{
    char until[PP_TIME_TEXT_MAX];
    if (done_cancel_thaw(d, why, capacity))
        return true;
    snprintf(why, capacity, "it can be finished from %s on (%" PRIu64 ")",
             when(d->facts.thaw.thaw_at_s, until), d->facts.thaw.thaw_at_s);
    return d->facts.latest.time_s < d->facts.thaw.thaw_at_s;
}

static bool done_allocate(const struct doing *d, char *why, size_t capacity)
{
    snprintf(why, capacity, "that is the cap of lane %" PRIu32 " already", d->lane);
    return d->facts.lane.cap.raw == d->amount.raw;
}

static bool done_cancel_close(const struct doing *d, char *why, size_t capacity)
{
    snprintf(why, capacity, "the channel is %s, and no close is pending",
             cli_chain_state_name(d->facts.channel.state));
    return d->facts.channel.state != PP_CHANNEL_CHAIN_CLOSING;
}

static bool done_revoke(const struct doing *d, char *why, size_t capacity)
{
    char until[PP_TIME_TEXT_MAX];
    snprintf(why, capacity, "it is revoked; what it signed is taken until %s",
             when(d->facts.revoked_until_s, until));
    return d->facts.revoked_until_s != 0;
}

/* The contract does not say which lanes are retired, but refuses one that is. */
static bool done_retire(const struct doing *d, char *why, size_t capacity)
{
    (void)d;
    (void)why;
    (void)capacity;
    return false;
}

static const struct action actions[] = {
    {"thaw", PP_JOB_REQUEST_THAW, true, true, false, false, write_thaw, done_thaw},
    {"cancel-thaw", PP_JOB_CANCEL_THAW, true, false, false, false, write_cancel_thaw, done_cancel_thaw},
    {"finish-thaw", PP_JOB_FINALIZE_THAW, true, false, false, true, write_finish_thaw, done_finish_thaw},
    {"allocate", PP_JOB_ALLOCATE, true, true, false, false, write_allocate, done_allocate},
    {"cancel-close", PP_JOB_CANCEL_CLOSE, false, false, false, false, write_cancel_close, done_cancel_close},
    {"revoke", PP_JOB_REVOKE_DELEGATE, false, false, true, false, write_revoke, done_revoke},
    {"retire", PP_JOB_RETIRE_LANES, true, false, false, true, write_retire, done_retire},
    {"refresh", 0, false, false, false, true, NULL, NULL},
};

/* ---- looking ---- */

static enum pp_error facts_look(struct doing *d)
{
    struct facts *facts = &d->facts;
    const struct pp_contract contract = {d->contract.rpc, d->contract.address};
    PP_TRY(cli_contract_block(&d->contract, PP_RPC_LATEST, &facts->latest, &d->problem));
    PP_TRY(cli_contract_channel(&d->contract, &d->channel.id, facts->latest.number, &facts->channel,
                                &d->problem));
    enum pp_error error = PP_OK;
    if (d->action->needs_lane) {
        PP_TRY(cli_contract_lane(&d->contract, &d->channel.id, d->lane, facts->latest.number, &facts->lane,
                                 &d->problem));
        error = pp_contract_thaw(&contract, &d->channel.id, d->lane, &facts->thaw);
    }
    if (d->action->needs_index)
        error = pp_contract_delegate_until(&contract, &d->channel.id, (uint32_t)d->act->index,
                                           &facts->revoked_until_s);
    return error == PP_OK ? PP_OK : cli_contract_problem(&d->contract, error, &d->problem);
}

/* ---- telling ---- */

static int dry_print(const struct doing *d, uint64_t gas)
{
    struct cli_answer answer;
    cli_answer_init(&answer, d->cli);
    cli_put_bytes(&answer, "channel_id", "channel", d->channel.id.bytes, sizeof d->channel.id.bytes);
    cli_put_text(&answer, "would_send", "would send", pp_job_kind_name(d->action->kind));
    cli_put_number(&answer, "gas", "gas", gas);
    return cli_answer_print(&answer);
}

static int done_print(const struct doing *d)
{
    struct cli_answer answer;
    const struct facts *facts = &d->facts;
    char until[PP_TIME_TEXT_MAX];
    cli_answer_init(&answer, d->cli);
    answer.decimals = d->channel.token_decimals;
    cli_put_bytes(&answer, "channel_id", "channel", d->channel.id.bytes, sizeof d->channel.id.bytes);
    cli_put_text(&answer, "action", "done", d->action->name);
    cli_put_text(&answer, "state", "state", cli_chain_state_name(facts->channel.state));
    if (d->action->needs_lane) {
        cli_put_number(&answer, "lane", "lane", d->lane);
        cli_put_units(&answer, "cap_units", "its cap", facts->lane.cap);
        cli_put_number(&answer, "thaw_at_s", NULL, facts->thaw.thaw_at_s);
        cli_put_units(&answer, "thaw_target_units", facts->thaw.thaw_at_s ? "thaws to" : NULL,
                      facts->thaw.target);
        if (facts->thaw.thaw_at_s)
            cli_put_text(&answer, NULL, "from", when(facts->thaw.thaw_at_s, until));
    }
    if (d->action->needs_index)
        cli_put_number(&answer, "taken_until_s", NULL, facts->revoked_until_s);
    cli_put_bytes(&answer, "transaction", "transaction", d->sent.hash.bytes, sizeof d->sent.hash.bytes);
    return cli_answer_print(&answer);
}

/* ---- doing ---- */

/* The wallet's channel as the final block has it: what the sender signs up to follows from its caps. */
static enum pp_error wallet_refresh(struct doing *d)
{
    struct pp_chain_block final;
    PP_TRY(cli_contract_block(&d->contract, PP_RPC_FINALIZED, &final, &d->problem));
    PP_TRY(cli_channel_refresh(&d->contract, final.number, &d->channel, &d->problem));
    enum pp_error error = cli_wallet_channel_update(d->wallet, &d->channel);
    return error == PP_OK
               ? PP_OK
               : cli_problem_set(&d->problem, error, "the wallet folder %s", cli_wallet_path(d->wallet));
}

static int refresh_go(struct doing *d)
{
    struct cli_answer answer;
    if (wallet_refresh(d) != PP_OK)
        return cli_problem_tell(d->cli, &d->problem);
    cli_answer_init(&answer, d->cli);
    answer.decimals = d->channel.token_decimals;
    cli_put_bytes(&answer, "channel_id", "channel", d->channel.id.bytes, sizeof d->channel.id.bytes);
    cli_put_units(&answer, "deposit_units", "deposit", d->channel.deposit);
    for (size_t i = 0; i < d->channel.lanes_count; i++) {
        char label[40];
        snprintf(label, sizeof label, "cap of lane %" PRIu32, d->channel.lanes[i].lane);
        cli_put_units(&answer, i == 0 ? "cap_units" : NULL, label, d->channel.lanes[i].cap);
    }
    return cli_answer_print(&answer);
}

static int act_go(struct doing *d)
{
    uint8_t call[CALL_MAX];
    char why[200];
    struct pp_writer w;
    uint64_t gas;
    bool any;
    if (!d->act->dry && cli_send_rest(&d->payer, &any, &d->problem) != PP_OK)
        return cli_problem_tell(d->cli, &d->problem);
    d->carried_on = !d->act->dry && any;
    if (facts_look(d) != PP_OK)
        return cli_problem_tell(d->cli, &d->problem);
    if (d->action->is_done(d, why, sizeof why))
        return cli_not_due(d->cli, "%s%s", d->carried_on ? "an earlier run had begun something; now: " : "",
                           why);
    pp_writer_init(&w, call, sizeof call);
    d->action->write(d, &w);
    struct cli_send send = {
        .kind = d->action->kind, .to = d->channel.contract, .channel = &d->channel.id, .data = &w};
    if (d->act->dry)
        return cli_send_try(&d->payer, &send, &gas, &d->problem) == PP_OK
                   ? dry_print(d, gas)
                   : cli_problem_tell(d->cli, &d->problem);
    if (cli_send_anew(&d->payer, &send, &d->problem) != PP_OK ||
        cli_send(&d->payer, &send, &d->sent, &d->problem) != PP_OK || facts_look(d) != PP_OK)
        return cli_problem_tell(d->cli, &d->problem);
    return done_print(d);
}

/* ---- what was asked for ---- */

static bool lane_choose(struct doing *d)
{
    const struct cli_channel *channel = &d->channel;
    d->lane = (uint32_t)d->act->lane;
    if (!d->action->needs_lane || d->lane != 0) /* a lane that the wallet does not know may be given a cap */
        return true;
    if (channel->lanes_count == 1) {
        d->lane = channel->lanes[0].lane;
        return true;
    }
    cli_fail(d->cli, PP_TOO_MANY, "the channel has %zu lanes: name one with --lane", channel->lanes_count);
    return false;
}

static int doing_run(struct doing *d)
{
    struct cli *cli = d->cli;
    const struct cli_channel *channel = &d->channel;
    if (!cli_wallet_open_told(cli, false, &d->wallet) ||
        !cli_channel_find_told(cli, d->wallet, d->act->channel, &d->channel) || !lane_choose(d))
        return CLI_FAILED;
    if (d->action->needs_amount &&
        pp_units_parse_decimal(d->act->amount, channel->token_decimals, &d->amount) != PP_OK)
        return cli_usage(cli, "--amount takes an amount like 5.00 of a token with %u decimals, not '%s'",
                         channel->token_decimals, d->act->amount);
    if (cli_contract_open(cli->rpc_url, channel->chain_id, &channel->contract, &d->contract, &d->problem) !=
        PP_OK)
        return cli_problem_tell(cli, &d->problem);
    if (d->action->kind == 0)
        return refresh_go(d);
    if (!cli_payer_open(cli, d->wallet, &d->act->payer, &d->contract,
                        d->action->anybody ? NULL : &channel->config.payer, &d->payer))
        return CLI_FAILED;
    return act_go(d);
}

static const struct action *action_find(const char *name)
{
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    return NULL;
}

int cli_channel_act(struct cli_channel_act *act)
{
    const struct action *action = action_find(act->action);
    if (!action)
        return cli_usage(act->cli, "there is no action '%s'", act->action);
    if (action->needs_amount != (act->amount != NULL))
        return cli_usage(act->cli, "%s %s --amount", action->name, act->amount ? "takes no" : "needs");
    if (action->needs_index != act->has_index)
        return cli_usage(act->cli, "%s %s --index", action->name, act->has_index ? "takes no" : "needs");
    if (!action->needs_lane && act->lane)
        return cli_usage(act->cli, "%s takes no --lane", action->name);
    if (action->kind != 0 && !cli_payer_given(&act->payer))
        return cli_usage(act->cli, "--payer-key FILE or --signer-command is needed");
    struct doing *d = calloc(1, sizeof *d);
    if (!d)
        return cli_fail(act->cli, PP_NO_MEMORY, "%s", action->name);
    d->act = act;
    d->action = action;
    d->cli = act->cli;
    int status = doing_run(d);
    cli_payer_close(&d->payer);
    cli_contract_close(&d->contract);
    if (d->wallet)
        cli_wallet_close(d->wallet);
    free(d);
    return status;
}
