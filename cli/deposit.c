#include "deposit.h"
#include "output.h"

#include <inttypes.h>

#define CALL_MAX 256u

enum pp_error cli_problem_values(struct cli_problem *problem, enum pp_error error, const char *field,
                                 const char *expected, const char *actual)
{
    pp_refusal_init(&problem->refusal, error, field);
    snprintf(problem->expected, sizeof problem->expected, "%s", expected);
    snprintf(problem->actual, sizeof problem->actual, "%s", actual);
    problem->refusal.expected = pp_value_text(problem->expected);
    problem->refusal.actual = pp_value_text(problem->actual);
    return error;
}

enum pp_error cli_deposit_check(const struct cli_payer *payer, const struct cli_deposit *deposit,
                                struct cli_problem *problem)
{
    struct pp_units there;
    char has[CLI_MONEY_MAX], missing[CLI_MONEY_MAX], hex[41];
    PP_TRY(cli_contract_balance(payer->contract, &deposit->token, &payer->address, &there, problem));
    if (there.raw >= deposit->amount.raw)
        return PP_OK;
    struct pp_units shortfall = pp_units(deposit->amount.raw - there.raw);
    cli_problem_set(problem, PP_TOKEN_FUNDS, "0x%s has %s: %s are missing",
                    pp_hex_print(payer->address.bytes, sizeof payer->address.bytes, hex),
                    cli_money_units(there, deposit->decimals, has),
                    cli_money_units(shortfall, deposit->decimals, missing));
    problem->refusal.field = "balance_units";
    problem->refusal.expected = pp_value_number(deposit->amount.raw);
    problem->refusal.actual = pp_value_number(there.raw);
    problem->refusal.shortfall = pp_units_to_grains(shortfall);
    return PP_TOKEN_FUNDS;
}

/* The same approval as one of long ago is another one: that was used up. */
static enum pp_error approve_send(struct cli_payer *payer, const struct cli_deposit *deposit,
                                  struct pp_units amount, struct pp_hash *out_hash,
                                  struct cli_problem *problem)
{
    uint8_t call[CALL_MAX];
    struct pp_writer w;
    struct cli_sent sent;
    enum pp_error error;
    pp_writer_init(&w, call, sizeof call);
    pp_abi_write_approve(&w, &payer->contract->address, amount);
    struct cli_send send = {.kind = PP_JOB_APPROVE, .to = deposit->token, .data = &w};
    while ((error = cli_send_find(payer, &send, &sent, problem)) == PP_OK)
        send.time++;
    if (error == PP_NOT_FOUND)
        error = cli_send(payer, &send, &sent, problem);
    if (error == PP_OK)
        *out_hash = sent.hash;
    return error;
}

enum pp_error cli_deposit_approve(struct cli_payer *payer, const struct cli_deposit *deposit,
                                  struct pp_hash *out_hash, struct cli_problem *problem)
{
    struct pp_units allowed;
    memset(out_hash, 0, sizeof *out_hash);
    PP_TRY(cli_contract_allowance(payer->contract, &deposit->token, &payer->address, &allowed, problem));
    if (allowed.raw >= deposit->amount.raw)
        return PP_OK;
    enum pp_error error = approve_send(payer, deposit, deposit->amount, out_hash, problem);
    if (error != PP_CHAIN_REVERTED || allowed.raw == 0)
        return error;
    /* Some tokens go from one allowance to another only by way of zero. */
    PP_TRY(approve_send(payer, deposit, PP_UNITS_ZERO, out_hash, problem));
    return approve_send(payer, deposit, deposit->amount, out_hash, problem);
}

enum pp_error cli_channel_refresh(const struct cli_contract *contract, uint64_t at,
                                  struct cli_channel *channel, struct cli_problem *problem)
{
    struct pp_chain_channel on_chain;
    PP_TRY(cli_contract_channel(contract, &channel->id, at, &on_chain, problem));
    channel->deposit = on_chain.deposit;
    for (size_t i = 0; i < channel->lanes_count; i++) {
        struct pp_chain_lane lane;
        PP_TRY(cli_contract_lane(contract, &channel->id, channel->lanes[i].lane, at, &lane, problem));
        channel->lanes[i].cap = lane.cap;
    }
    return PP_OK;
}
