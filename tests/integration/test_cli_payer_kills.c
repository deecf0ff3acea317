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

/* PAYER-001, PAYER-007 */
START_TEST(close_alone__killed_at_every_question__the_close_is_requested)
{
    struct payer_world w;
    struct chain_relay relay;
    unsigned question = 0;
    payer_world_make(&w);
    payer_world_node_start(&w);
    chain_relay_start(&relay, &w);
    for (bool killed = true; killed;) {
        json_t *object = PAYER_RUN(&w, 0, "open", "--deposit", "1.00", "--another", "--wait", "0");
        const char *id_text = pp_json_text(object, "channel_id");
        const char *const arguments[] = {"close", "--alone", id_text, NULL};
        const char *const again[] = {"close", "--alone", id_text, NULL};
        struct pp_channel_id id;
        int status;
        pp_json_bytes(object, "channel_id", id.bytes, sizeof id.bytes);
        killed = chain_relay_killed(&relay, ++question, arguments);
        enum pp_channel_chain_state state = payer_world_channel(&w, &id).state;
        json_decref(payer_run_any(&w, &status,
                                  again)); /* 3: it was requested by the killed one, as the chain knows */
        ck_assert_msg(status == 0 || status == 3, "killed at question %u: status %d", question, status);
        ck_assert(status == 0 || state == PP_CHANNEL_CHAIN_CLOSING);
        ck_assert_int_eq(payer_world_channel(&w, &id).state, PP_CHANNEL_CHAIN_CLOSING);
        json_decref(object);
    }
    ck_assert_uint_gt(question, 15);
    chain_relay_stop(&relay);
    payer_world_done(&w);
}
END_TEST

PP_TESTS("cli_payer_kills")
PP_TEST(open__killed_at_every_question__opens_one_channel)
PP_TEST(topup__killed_at_every_question__adds_once)
PP_TEST(close_alone__killed_at_every_question__the_close_is_requested)
PP_TESTS_END
