#include "chain/chain_tower_ask.h"

#include <stdlib.h>

enum pp_error tower_world_ask(struct tower_world *world)
{
    struct pp_rpc_block latest, finalized;
    struct pp_chain_report_head head;
    struct pp_chain_report report = {.vests_at_s = 0};
    static const struct pp_hash none;
    struct pp_contract *contract = &world->contract;
    PP_TRY(pp_rpc_expect_chain(contract->rpc, world->chain_id));
    PP_TRY(pp_rpc_block(contract->rpc, PP_RPC_LATEST, &latest));
    PP_TRY(pp_rpc_block(contract->rpc, PP_RPC_FINALIZED, &finalized));
    world->latest = latest.block;
    contract->block = &world->latest.hash; /* TOWER-001: all of a turn is of one block */
    PP_TRY(pp_contract_timers(contract, &world->timers));
    PP_TRY(pp_contract_last_report(contract, PP_RPC_AT_LATEST, &head));
    if (!pp_hash_eq(&head.hash, &none))
        PP_TRY(pp_contract_report(contract, &head.hash, &report));
    world->finalized = finalized.block;
    world->vests_at_s = report.vests_at_s;
    world->operator_count = 0;
    return PP_OK;
}

static void name_add(struct tower_world *world, const struct pp_channel_id *id)
{
    for (size_t i = 0; i < world->name_count; i++)
        if (pp_channel_id_eq(&world->names[i], id))
            return;
    if (world->name_count == TOWER_NAMES_MAX)
        world->names_all = true;
    else
        world->names[world->name_count++] = *id;
}

static void names_take(struct tower_world *world, const struct pp_chain_log *logs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct pp_log_event event;
        if (pp_abi_read_event(&logs[i], &event) == PP_OK)
            name_add(world, &event.channel_id);
    }
}

void tower_names_ask(struct tower_world *world)
{
    static const enum pp_abi_event wanted[] = {PP_LOG_CLOSE_REQUESTED, PP_LOG_THAW_REQUESTED,
                                               PP_LOG_DELEGATE_REVOKED};
    struct pp_hash topics[sizeof wanted / sizeof wanted[0]];
    struct pp_chain_log *logs = NULL;
    size_t count = 0;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        pp_abi_topic(wanted[i], &topics[i]);
    world->name_count = 0;
    world->names_all = false;
    uint64_t above = world->has_named ? world->named_above : world->finalized.number;
    const struct pp_rpc_filter filter = {
        world->contract.address, topics, sizeof topics / sizeof topics[0], NULL, above + 1,
        world->latest.number};
    if (above >= world->latest.number)
        return;
    if (pp_rpc_logs(world->contract.rpc, &filter, &logs, &count) != PP_OK)
        return;
    names_take(world, logs, count);
    free(logs);
    world->named_above = world->finalized.number;
    world->has_named = true;
}

static enum pp_error operator_ask(struct tower_world *world, uint32_t node_id, struct pp_chain_operator *out)
{
    for (size_t i = 0; i < world->operator_count; i++)
        if (world->operators[i].node_id == node_id) {
            *out = world->operators[i].operator;
            return PP_OK;
        }
    PP_TRY(pp_contract_operator(&world->contract, node_id, out));
    if (world->operator_count < TOWER_OPERATORS_MAX)
        world->operators[world->operator_count++] = (struct tower_operator){node_id, *out};
    return PP_OK;
}

enum pp_error tower_lane_ask(struct tower_world *world, const struct pp_tower_evidence *evidence,
                             struct pp_tower_chain *out)
{
    const struct pp_contract *contract = &world->contract;
    *out = (struct pp_tower_chain){.revoked_until_s = 0};
    PP_TRY(pp_contract_channel(contract, &evidence->channel_id, &out->channel));
    if (out->channel.state != PP_CHANNEL_CHAIN_OPEN && out->channel.state != PP_CHANNEL_CHAIN_CLOSING)
        return PP_OK; /* TOWER-002: the rest does not matter */
    PP_TRY(pp_contract_lane(contract, &evidence->channel_id, evidence->lane, &out->lane));
    PP_TRY(pp_contract_thaw(contract, &evidence->channel_id, evidence->lane, &out->thaw));
    if (evidence->delegated.signature.bytes[64] != 0)
        PP_TRY(pp_contract_delegate_until(contract, &evidence->channel_id, evidence->delegation.index,
                                          &out->revoked_until_s));
    return operator_ask(world, pp_lane_node(evidence->lane), &out->operator);
}
