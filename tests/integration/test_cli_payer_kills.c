/* Goal: a payer's command that is killed at any moment, and run again, does once what it was to do.
 * Method: a relay before the chain kills the command at each of its questions in turn; then the same command runs to its end,
 * and what counts is what the contract says. */
#include "chain_relay.h"
#include "payer_world.h"
#include "pp_test.h"

/* PAYER-001, PAYER-002 */
START_TEST(open__killed_at_every_question__opens_one_channel)
{
    struct payer_world w;
    struct chain_relay relay;
    unsigned question = 0;
    payer_world_make(&w);
    payer_world_node_start(&w);
    chain_relay_start(&relay, &w);
    const char *const arguments[] = {"open", "--deposit", "1.00", "--another", "--wait", "0", NULL};
    for (bool killed = true; killed;) {
        uint64_t nonce = payer_world_nonce(&w, 0);
        killed = chain_relay_killed(&relay, ++question, arguments);
        if (killed)
            json_decref(PAYER_RUN(&w, 0, "open", "--deposit", "1.00", "--another", "--wait", "0"));
        ck_assert_msg(payer_world_nonce(&w, 0) == nonce + 1, "killed at question %u: %u channels more",
                      question, (unsigned)(payer_world_nonce(&w, 0) - nonce));
    }
    ck_assert_uint_gt(question, 20);
    /* Nothing was left behind: what the payer has is what the channels do not. */
    ck_assert_uint_eq(pp_anvil_balance(&w.anvil, &w.anvil.accounts[1]).raw,
                      PAYER_WORLD_TOKENS - payer_world_nonce(&w, 0) * 1000000);
    chain_relay_stop(&relay);
    payer_world_done(&w);
}
END_TEST

/* PAYER-001, PAYER-003 */
START_TEST(topup__killed_at_every_question__adds_once)
{
    struct payer_world w;
    struct chain_relay relay;
    unsigned question = 0;
    payer_world_make(&w);
    payer_world_node_start(&w);
    json_t *object = PAYER_RUN(&w, 0, "open", "--deposit", "1.00", "--wait", "0");
    struct pp_channel_id id;
    pp_json_bytes(object, "channel_id", id.bytes, sizeof id.bytes);
    json_decref(object);
    chain_relay_start(&relay, &w);
    const char *const arguments[] = {"topup", "--amount", "2.00", "--wait", "0", NULL};
    for (bool killed = true; killed;) {
        uint64_t deposit = payer_world_channel(&w, &id).deposit.raw;
        killed = chain_relay_killed(&relay, ++question, arguments);
        if (killed)
            json_decref(PAYER_RUN(&w, 0, "topup", "--amount", "2.00", "--wait", "0"));
        ck_assert_msg(payer_world_channel(&w, &id).deposit.raw == deposit + 2000000, "killed at question %u",
                      question);
        ck_assert_uint_eq(payer_world_lane(&w, &id).cap.raw, deposit + 2000000);
    }
    ck_assert_uint_gt(question, 20);
    chain_relay_stop(&relay);
    payer_world_done(&w);
}
END_TEST

PP_TESTS("cli_payer_kills")
PP_TEST(open__killed_at_every_question__opens_one_channel)
PP_TEST(topup__killed_at_every_question__adds_once)
PP_TESTS_END
