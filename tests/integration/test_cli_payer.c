/* Goal: a payer opens one channel, tops it up and leaves, whatever is killed, down or lying; and the chain has every unit.
 * Method: anvil with the contract, pennypostd, and the command; kills by a relay before the chain that counts questions. */
#include "payer_world.h"
#include "pp_test.h"

#define OPEN(w, status, ...) PAYER_RUN(w, status, "open", __VA_ARGS__)

static struct pp_channel_id channel_of(const json_t *object)
{
    struct pp_channel_id id;
    pp_json_bytes(object, "channel_id", id.bytes, sizeof id.bytes);
    return id;
}

START_TEST(open__all_is_well__channel_final_and_active)
{
    struct payer_world w;
    payer_world_make(&w);
    payer_world_node_start(&w);
    json_t *opened = OPEN(&w, 0, "--deposit", "25.00");
    struct pp_channel_id id = channel_of(opened);
    struct pp_chain_channel channel = payer_world_channel(&w, &id);
    ck_assert_int_eq(channel.state, PP_CHANNEL_CHAIN_OPEN);
    ck_assert_uint_eq(channel.deposit.raw, 25000000);
    ck_assert_uint_eq(payer_world_lane(&w, &id).cap.raw, 25000000);
    const json_t *lane = json_array_get(json_object_get(opened, "lanes"), 0);
    ck_assert_str_eq(pp_json_text(lane, "state"), "ACTIVE");
    ck_assert_str_eq(pp_json_text(opened, "deposit_units"), "25000000");
    json_decref(opened);
    payer_world_done(&w);
}
END_TEST

PP_TESTS("cli_payer")
PP_TEST(open__all_is_well__channel_final_and_active)
PP_TESTS_END
