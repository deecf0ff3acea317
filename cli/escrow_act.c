#include "escrow_act.h"

#include "deposit.h"
#include "parameter_sets.h"

#include <pp/chain_contract.h>
#include <pp/claims.h>
#include <pp/time.h>

#include <inttypes.h>
#include <stdlib.h>

#define CALL_MAX 1024u

struct doing {
    struct cli_escrow_act *act;
    const struct action *action;
    struct cli *cli;
    struct cli_wallet *wallet;
    struct cli_contract contract;
    struct cli_payer payer;
    uint32_t node_id;
    struct cli_deposit deposit; /* stake: what is still missing */
    struct pp_units wanted;     /* stake: in all */
    struct pp_units stake;
    struct pp_chain_parameters now, pending, next;
    uint64_t change_at_s; /* 0: none are pending */
    struct pp_chain_block latest;
    struct cli_sent sent;
    struct cli_problem problem;
};

struct action {
    const char *verb, *name;
    enum pp_job_kind kind; /* 0: nothing is sent */
    void (*write)(const struct doing *d, struct pp_writer *w);
    bool (*is_done)(const struct doing *d, char *why, size_t capacity);
};

/* ---- the calls ---- */

static void write_stake(const struct doing *d, struct pp_writer *w)
{
    pp_abi_write_deposit_stake(w, d->node_id, d->deposit.amount);
}

static void write_unstake(const struct doing *d, struct pp_writer *w)
{
    pp_abi_write_call_u32(w, PP_ABI_WITHDRAW_STAKE, d->node_id);
}

static void write_schedule(const struct doing *d, struct pp_writer *w)
{
    pp_abi_write_schedule_parameters(w, &d->next);
}

static void write_apply(const struct doing *d, struct pp_writer *w)
{
    (void)d;
    pp_abi_write_call(w, PP_ABI_APPLY_PARAMETERS);
}

static void write_cancel(const struct doing *d, struct pp_writer *w)
{
    (void)d;
    pp_abi_write_call(w, PP_ABI_CANCEL_PARAMETERS);
}

/* ---- whether one is due ---- */

/* The amount is that of the whole stake, so that a repeated command adds nothing. */
static bool done_stake(const struct doing *d, char *why, size_t capacity)
{
    char money[CLI_MONEY_MAX];
    snprintf(why, capacity, "the stake of node %" PRIu32 " is %s already", d->node_id,
             cli_money_units(d->stake, d->deposit.decimals, money));
    return d->stake.raw >= d->wanted.raw;
}

static bool done_unstake(const struct doing *d, char *why, size_t capacity)
{
    snprintf(why, capacity, "node %" PRIu32 " has no stake", d->node_id);
    return d->stake.raw == 0;
}

static bool done_schedule(const struct doing *d, char *why, size_t capacity)
{
    char until[PP_TIME_TEXT_MAX];
    snprintf(why, capacity, "these are in force already");
    if (d->change_at_s == 0)
        return cli_parameters_eq(&d->next, &d->now);
    snprintf(why, capacity, "these are announced already; they can be applied from %s on",
             pp_time_print(d->change_at_s * 1000, until));
    return cli_parameters_eq(&d->next, &d->pending);
}

static bool done_cancel(const struct doing *d, char *why, size_t capacity)
{
    snprintf(why, capacity, "no parameters are announced");
    return d->change_at_s == 0;
}

static bool done_apply(const struct doing *d, char *why, size_t capacity)
{
    char until[PP_TIME_TEXT_MAX];
    if (done_cancel(d, why, capacity))
        return true;
    snprintf(why, capacity, "they can be applied from %s on (%" PRIu64 ")",
             pp_time_print(d->change_at_s * 1000, until), d->change_at_s);
    return d->latest.time_s < d->change_at_s;
}

static const struct action actions[] = {
    {"operator", "stake", PP_JOB_DEPOSIT_STAKE, write_stake, done_stake},
    {"operator", "unstake", PP_JOB_WITHDRAW_STAKE, write_unstake, done_unstake},
    {"admin", "show", 0, NULL, NULL},
    {"admin", "schedule", PP_JOB_SCHEDULE_PARAMETERS, write_schedule, done_schedule},
    {"admin", "apply", PP_JOB_APPLY_PARAMETERS, write_apply, done_apply},
    {"admin", "cancel", PP_JOB_CANCEL_PARAMETERS, write_cancel, done_cancel},
};

static bool is_operators(const struct doing *d)
{
    return strcmp(d->action->verb, "operator") == 0;
}

/* ---- looking ---- */

static enum pp_error facts_ask(struct doing *d)
{
    const struct pp_contract contract = {d->contract.rpc, d->contract.address};
    uint64_t decimals;
    PP_TRY(pp_contract_token(&contract, &d->deposit.token));
    PP_TRY(pp_token_decimals(d->contract.rpc, &d->deposit.token, &decimals));
    d->deposit.decimals = (unsigned)decimals;
    if (is_operators(d))
        return pp_contract_stake(&contract, d->node_id, &d->stake);
    PP_TRY(pp_contract_parameters(&contract, &d->now));
    return pp_contract_pending_parameters(&contract, &d->pending, &d->change_at_s);
}

static enum pp_error facts_look(struct doing *d)
{
    PP_TRY(cli_contract_block(&d->contract, PP_RPC_LATEST, &d->latest, &d->problem));
    enum pp_error error = facts_ask(d);
    return error == PP_OK ? PP_OK : cli_contract_problem(&d->contract, error, &d->problem);
}

/* What was asked for, now that the chain is known. False: told. */
static bool wish_make(struct doing *d, int *out_status)
{
    const char *bad = NULL;
    *out_status = CLI_USAGE;
    if (strcmp(d->action->name, "stake") == 0) {
        if (pp_units_parse_decimal(d->act->amount, d->deposit.decimals, &d->wanted) == PP_OK &&
            d->wanted.raw > 0) {
            d->deposit.amount = pp_units(d->wanted.raw > d->stake.raw ? d->wanted.raw - d->stake.raw : 0);
            return true;
        }
        cli_usage(d->cli, "--amount takes an amount like 5.00 of a token with %u decimals, not '%s'",
                  d->deposit.decimals, d->act->amount);
        return false;
    }
    d->next = d->now;
    if (strcmp(d->action->name, "schedule") != 0 || cli_parameters_set(&d->act->sets, &d->next, &bad))
        return true;
    cli_usage(d->cli, "--set takes NAME=NUMBER, with a name that `admin show` lists, not '%s'", bad);
    return false;
}

/* ---- telling ---- */

static int facts_print(const struct doing *d, const char *would_send, uint64_t gas)
{
    struct cli_answer answer;
    char until[PP_TIME_TEXT_MAX];
    cli_answer_init(&answer, d->cli);
    answer.decimals = d->deposit.decimals;
    if (would_send) {
        cli_put_text(&answer, "would_send", "would send", would_send);
        cli_put_number(&answer, "gas", "gas", gas);
    } else if (d->action->kind != 0) {
        cli_put_text(&answer, "action", "done", d->action->name);
        cli_put_bytes(&answer, "transaction", "transaction", d->sent.hash.bytes, 32);
    }
    if (is_operators(d)) {
        cli_put_number(&answer, "node_id", "node", d->node_id);
        cli_put_units(&answer, "stake_units", "stake", d->stake);
        return cli_answer_print(&answer);
    }
    cli_parameters_put(&answer, "parameters", &d->now, &d->now, d->action->kind == 0);
    if (d->change_at_s != 0) {
        cli_put_line(&answer, "Announced:");
        cli_parameters_put(&answer, "announced", &d->pending, &d->now, true);
        cli_put_text(&answer, NULL, "from", pp_time_print(d->change_at_s * 1000, until));
    }
    cli_put_number(&answer, "change_at_s", NULL, d->change_at_s);
    return cli_answer_print(&answer);
}

/* ---- doing ---- */

static enum pp_error money_ready(struct doing *d)
{
    struct pp_hash approval;
    if (d->action->kind != PP_JOB_DEPOSIT_STAKE)
        return PP_OK;
    PP_TRY(cli_deposit_check(&d->payer, &d->deposit, &d->problem));
    return d->act->dry ? PP_OK : cli_deposit_approve(&d->payer, &d->deposit, &approval, &d->problem);
}

static int call_go(struct doing *d)
{
    uint8_t call[CALL_MAX];
    struct pp_writer w;
    uint64_t gas;
    pp_writer_init(&w, call, sizeof call);
    d->action->write(d, &w);
    struct cli_send send = {.kind = d->action->kind, .to = d->contract.address, .data = &w};
    enum pp_error error = money_ready(d);
    if (error == PP_OK && d->act->dry) {
        /* without the approval, which a trial does not make, the contract would refuse the money */
        if (d->action->kind == PP_JOB_DEPOSIT_STAKE)
            return facts_print(d, pp_job_kind_name(d->action->kind), 0);
        error = cli_send_try(&d->payer, &send, &gas, &d->problem);
        return error == PP_OK ? facts_print(d, pp_job_kind_name(d->action->kind), gas)
                              : cli_problem_tell(d->cli, &d->problem);
    }
    if (error == PP_OK)
        error = cli_send_anew(&d->payer, &send, &d->problem);
    if (error == PP_OK)
        error = cli_send(&d->payer, &send, &d->sent, &d->problem);
    if (error == PP_OK)
        error = facts_look(d);
    return error == PP_OK ? facts_print(d, NULL, 0) : cli_problem_tell(d->cli, &d->problem);
}

static int act_go(struct doing *d)
{
    char why[200];
    bool any;
    int status;
    if (d->action->kind == 0)
        return facts_look(d) == PP_OK ? facts_print(d, NULL, 0) : cli_problem_tell(d->cli, &d->problem);
    if (!d->act->dry && cli_send_rest(&d->payer, &any, &d->problem) != PP_OK)
        return cli_problem_tell(d->cli, &d->problem);
    if (facts_look(d) != PP_OK)
        return cli_problem_tell(d->cli, &d->problem);
    if (!wish_make(d, &status))
        return status;
    if (d->action->is_done(d, why, sizeof why))
        return cli_not_due(d->cli, "%s", why);
    return call_go(d);
}

/* ---- whose contract ---- */

struct place {
    uint64_t chain_id;
    struct pp_address contract;
};

static bool place_of_data(struct doing *d, struct place *out)
{
    struct pp_claims *claims;
    struct pp_claims_head head;
    char reason[256] = "";
    enum pp_error error = pp_claims_open(d->act->data_dir, &claims, reason);
    if (error != PP_OK) {
        cli_fail(d->cli, error, "%s: %s", d->act->data_dir, reason);
        return false;
    }
    pp_claims_head(claims, &head);
    pp_claims_close(claims);
    *out = (struct place){head.domain.chain_id, head.domain.contract};
    d->node_id = head.node_id;
    return true;
}

static bool place_find(struct doing *d, struct place *out, int *out_status)
{
    struct cli_escrow_act *act = d->act;
    *out_status = CLI_FAILED;
    if (act->data_dir)
        return place_of_data(d, out);
    *out_status = CLI_USAGE;
    out->chain_id = act->chain_id;
    d->node_id = (uint32_t)act->node_id;
    if (!act->contract || act->chain_id == 0 || (is_operators(d) && act->node_id == 0)) {
        cli_usage(d->cli, "--data DIR is needed, or --contract ADDRESS and --chain-id N%s",
                  is_operators(d) ? " and --node-id N" : "");
        return false;
    }
    if (strlen(act->contract) == 42 && pp_hex_parse(act->contract, 42, out->contract.bytes, 20) == PP_OK)
        return true;
    cli_usage(d->cli, "--contract takes 0x and 40 hex digits, not '%s'", act->contract);
    return false;
}

static int doing_run(struct doing *d)
{
    struct place place;
    int status;
    if (!place_find(d, &place, &status))
        return status;
    if (!cli_wallet_open_told(d->cli, true, &d->wallet))
        return CLI_FAILED;
    if (cli_contract_open(d->cli->rpc_url, place.chain_id, &place.contract, &d->contract, &d->problem) !=
        PP_OK)
        return cli_problem_tell(d->cli, &d->problem);
    if (d->action->kind != 0 &&
        !cli_payer_open(d->cli, d->wallet, &d->act->payer, &d->contract, NULL, &d->payer))
        return CLI_FAILED;
    return act_go(d);
}

static int usage_check(const struct action *action, struct cli_escrow_act *act)
{
    bool stakes = strcmp(action->name, "stake") == 0, schedules = strcmp(action->name, "schedule") == 0;
    if (stakes != (act->amount != NULL))
        return cli_usage(act->cli, "%s %s --amount", action->name, stakes ? "needs" : "takes no");
    if (schedules != (act->sets.count > 0))
        return cli_usage(act->cli, "%s %s --set NAME=NUMBER", action->name, schedules ? "needs" : "takes no");
    if (action->kind != 0 && !cli_payer_given(&act->payer))
        return cli_usage(act->cli, "--payer-key FILE or --signer-command is needed");
    return CLI_OK;
}

int cli_escrow_act(const char *verb, struct cli_escrow_act *act)
{
    const struct action *action = NULL;
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(actions[i].verb, verb) == 0 && strcmp(actions[i].name, act->action) == 0)
            action = &actions[i];
    if (!action)
        return cli_usage(act->cli, "there is no action '%s'", act->action);
    int status = usage_check(action, act);
    struct doing *d = status == CLI_OK ? calloc(1, sizeof *d) : NULL;
    if (!d)
        return status == CLI_OK ? cli_fail(act->cli, PP_NO_MEMORY, "%s", action->name) : status;
    d->act = act;
    d->action = action;
    d->cli = act->cli;
    status = doing_run(d);
    cli_payer_close(&d->payer);
    cli_contract_close(&d->contract);
    if (d->wallet)
        cli_wallet_close(d->wallet);
    free(d);
    return status;
}
