/* chain_tower_ask.h - what a tower asks of the chain: the world once a turn, a lane when its turn comes. */
#ifndef CHAIN_TOWER_ASK_H
#define CHAIN_TOWER_ASK_H

#include <pp/chain_contract.h>
#include <pp/tower.h>

#define TOWER_OPERATORS_MAX 16u /* remembered for a turn; more are asked again */
#define TOWER_NAMES_MAX 256u    /* channels that entries name; more: every lane is looked at */

struct tower_operator {
    uint32_t node_id;
    struct pp_chain_operator operator;
};

struct tower_world {
    struct pp_contract contract;
    uint64_t chain_id;
    struct pp_chain_block latest, finalized;
    struct pp_chain_timers timers;
    uint64_t vests_at_s; /* of the newest report; 0: none */
    struct tower_operator operators[TOWER_OPERATORS_MAX];
    size_t operator_count;
    uint64_t named_above; /* entries up to this block were looked at, and are final */
    bool has_named;
    struct pp_channel_id names[TOWER_NAMES_MAX];
    size_t name_count;
    bool names_all; /* too many to name */
};

PP_MUST_CHECK enum pp_error tower_world_ask(struct tower_world *world);
/* Which channels the entries of the latest blocks name. What cannot be answered is left to the lanes' turns. */
void tower_names_ask(struct tower_world *world);
/* The lane as the contract has it. */
PP_MUST_CHECK enum pp_error tower_lane_ask(struct tower_world *world,
                                           const struct pp_tower_evidence *evidence,
                                           struct pp_tower_chain *out);

#endif
