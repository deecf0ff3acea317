/* Goal: what is no escrow, no token, or no sense is told as that; what is asked is asked of the right account.
 * Method: a chain's node that answers every question with one thing. */
#define _GNU_SOURCE
#include "fake_rpc.h"
#include "pp_test.h"

#include <contract.h>
#include <stdlib.h>

struct rig {
    struct pp_fake_rpc *fake;
    struct cli_contract contract;
    struct cli_problem problem;
    const char *answer; /* to eth_call; JSON */
    const char *revert; /* or with this data */
    char to[64];        /* whom the last call asked */
};

static struct pp_fake_answer reply(void *context, const struct pp_fake_question *question)
{
    struct rig *rig = context;
    if (strcmp(question->method, "eth_chainId") == 0)
        return pp_fake_result(question, "\"0x7a69\"");
    const char *to = json_string_value(json_object_get(json_array_get(question->params, 0), "to"));
    snprintf(rig->to, sizeof rig->to, "%s", to ? to : "");
    return rig->revert ? pp_fake_error(question, 3, "execution reverted", rig->revert)
                       : pp_fake_result(question, rig->answer);
}

static void rig_open(struct rig *rig)
{
    struct pp_address address;
    memset(rig, 0, sizeof *rig);
    memset(&address, 0xcc, sizeof address);
    rig->fake = pp_fake_rpc_start(reply, rig);
    ck_assert_ok(
        cli_contract_open(pp_fake_rpc_url(rig->fake), 31337, &address, &rig->contract, &rig->problem));
}

static void rig_close(struct rig *rig)
{
    cli_contract_close(&rig->contract);
    pp_fake_rpc_stop(rig->fake);
}

enum question { TOKEN, DECIMALS, BALANCE, ALLOWANCE, CHANNEL_ID, OPERATOR, NONCE, CHANNEL, LANE, QUESTIONS };

static enum pp_error ask(struct rig *rig, enum question which)
{
    struct pp_address token, address;
    struct pp_units units;
    struct pp_channel_id id = {{1}};
    const struct pp_channel_config config = {.nonce = 1};
    struct pp_chain_operator operator;
    struct pp_chain_channel channel;
    struct pp_chain_lane lane;
    uint64_t number;
    memset(&token, 0x77, sizeof token);
    switch (which) {
    case TOKEN:
        return cli_contract_token(&rig->contract, &address, &rig->problem);
    case DECIMALS:
        return cli_contract_decimals(&rig->contract, &token, &number, &rig->problem);
    case BALANCE:
        return cli_contract_balance(&rig->contract, &token, &token, &units, &rig->problem);
    case ALLOWANCE:
        return cli_contract_allowance(&rig->contract, &token, &token, &units, &rig->problem);
    case CHANNEL_ID:
        return cli_contract_channel_id(&rig->contract, &config, &id, &rig->problem);
    case OPERATOR:
        return cli_contract_operator(&rig->contract, 5, &operator, & rig->problem);
    case NONCE:
        return cli_contract_nonce(&rig->contract, &token, 7, &number, &rig->problem);
    case CHANNEL:
        return cli_contract_channel(&rig->contract, &id, 7, &channel, &rig->problem);
    case LANE:
        return cli_contract_lane(&rig->contract, &id, 1280, 7, &lane, &rig->problem);
    case QUESTIONS:
        break;
    }
    ck_abort_msg("no such question");
}

START_TEST(answers__of_another_shape__contract_mismatch)
{
    static const char *const bad[] = {"\"0x\"", "\"0x01\"",
                                      "\"0x0101010101010101010101010101010101010101010101010101010101010101"
                                      "01\""};
    struct rig rig;
    rig_open(&rig);
    for (int which = 0; which < QUESTIONS; which++)
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
            rig.answer = bad[i];
            ck_assert_error(ask(&rig, (enum question)which), PP_CONTRACT_MISMATCH);
            ck_assert_ptr_nonnull(strstr(rig.problem.detail, "no contract that answers"));
            bool of_the_token = which == DECIMALS || which == BALANCE || which == ALLOWANCE;
            ck_assert_int_eq(strncmp(rig.to, of_the_token ? "0x77" : "0xcc", 4), 0);
        }
    rig_close(&rig);
}
END_TEST

START_TEST(answers__reverted_or_nonsense__told_as_that)
{
    struct rig rig;
    rig_open(&rig);
    for (int which = 0; which < QUESTIONS; which++) {
        rig.answer = "17";
        ck_assert_error(ask(&rig, (enum question)which), PP_CHAIN_NONSENSE);
    }
    rig.revert = "0x1a5fbde0"
                 "0000000000000000000000000000000000000000000000000000000000000001"
                 "0000000000000000000000000000000000000000000000000000000000000002";
    ck_assert_error(ask(&rig, NONCE), PP_CHAIN_REVERTED);
    ck_assert_ptr_nonnull(strstr(rig.problem.detail, "WrongNonce(1, 2)"));
    rig_close(&rig);
}
END_TEST

START_TEST(balance__above_all_units__is_the_most)
{
    struct rig rig;
    struct pp_units units;
    struct pp_address token = {{1}};
    rig_open(&rig);
    rig.answer = "\"0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\"";
    ck_assert_ok(cli_contract_allowance(&rig.contract, &token, &token, &units, &rig.problem));
    ck_assert_uint_eq(units.raw, UINT64_MAX);
    rig_close(&rig);
}
END_TEST

START_TEST(open__bad_address_or_another_chain__refused)
{
    struct rig rig;
    struct cli_contract contract;
    struct pp_address address = {{1}};
    rig_open(&rig);
    ck_assert_error(cli_contract_open("ftp://nowhere", 31337, &address, &contract, &rig.problem),
                    PP_BAD_CONFIG);
    ck_assert_error(cli_contract_open(pp_fake_rpc_url(rig.fake), 1, &address, &contract, &rig.problem),
                    PP_CHAIN_WRONG_ID);
    ck_assert_uint_eq(rig.problem.refusal.expected.number, 1);
    ck_assert_uint_eq(rig.problem.refusal.actual.number, 31337);
    rig_close(&rig);
}
END_TEST

PP_TESTS("contract")
PP_TEST(answers__of_another_shape__contract_mismatch)
PP_TEST(answers__reverted_or_nonsense__told_as_that)
PP_TEST(balance__above_all_units__is_the_most)
PP_TEST(open__bad_address_or_another_chain__refused)
PP_TESTS_END
