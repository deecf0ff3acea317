/* chaos_world.h - one run of chaos in virtual time: a node with payers, its watch and its settlement job, on a simulated chain
 * behind a network that fails, killed at any moment; and an auditor who knows only what was asked for.
 *
 *     chaos_run(seed, &summary);      fails the test unless every balance is as predicted
 *
 * Everything follows from the seed: how the chain and the network behave, what payers do, when somebody dies.
 *
 * How a process dies: its folder is copied as it is at that moment, and from then on nothing that it asks gets through; the copy
 * is what the next process finds.
 * Source: specs/settlement.md (CHAOS-001 and following).
 */
#ifndef CHAOS_WORLD_H
#define CHAOS_WORLD_H

#include "sim_network.h"

#include <pp/job.h>

struct chaos_summary {
    unsigned questions, faults[SIM_FAULT_COUNT];
    unsigned reorgs, deepest_reorg, surges, foreigners, copies;
    unsigned job_kills, node_kills, watch_kills;
    unsigned found_in[PP_JOB_STATE_COUNT]; /* records, by the state in which the next process found them */
    uint64_t pool_units;
    size_t stamps;
};
void chaos_run(uint64_t seed, struct chaos_summary *out);

#endif
