/* chaos_parts.h - what the files of a chaos run share (chaos_world.h). */
#ifndef CHAOS_PARTS_H
#define CHAOS_PARTS_H

#include "chaos_audit.h"
#include "chaos_world.h"

#include "chain/chain_poll.h"

#include <pp/chain_job.h>
#include <pp/claims.h>

#define CHAOS_PAYERS 3u
#define CHAOS_ACCOUNT_WORDS 64u

/* Somebody's line to the chain. */
struct chaos_line {
    struct chaos *chaos;
    struct sim_network network;
    struct pp_rpc_carrier carrier;
};

struct chaos_payer {
    struct pp_sender sender;
    struct audit_lane lane;
    uint64_t deposit;
    bool closing; /* asked for */
    bool left;
    uint64_t close_wished_s;
};

struct chaos {
    uint64_t seed;
    struct pp_rng rng;
    struct chaos_summary *summary;
    struct pp_temp_dir dir;
    unsigned folders; /* so far */
    struct pp_fixture fixture;
    struct sim_chain chain;

    char node_dir[280], next_node_dir[280], mark[300];
    struct chaos_line watch_line;
    struct chain_poll poll;
    unsigned watch_kill_at, watch_moments; /* 0: nobody dies */
    bool node_is_dead;

    struct pp_secret_key gas_key;
    char job_dir[280], next_job_dir[280];
    struct chaos_line job_line;
    struct pp_claims *claims; /* of the cycle */
    unsigned job_kill_at, job_moments;
    bool job_is_dead;
    unsigned rests, rests_most;
    uint32_t poll_ms;
    struct pp_fee_policy fees;

    struct chaos_payer payers[CHAOS_PAYERS];
    unsigned payer_count;
};

uint64_t chaos_any(struct chaos *c, uint64_t below);
void chaos_pass(struct chaos *c, uint64_t ms);
void chaos_skip(struct chaos *c, uint64_t seconds);
void chaos_calm(struct chaos *c, bool calm);
void chaos_folder(struct chaos *c, const char *name, char out[280]);
void chaos_file_copy(const char *from_dir, const char *to_dir, const char *name, bool must);
uint32_t chaos_day(const struct chaos *c);
const struct sim_escrow *chaos_escrow(const struct chaos *c);

/* chaos_node.c */
void chaos_node_start(struct chaos *c);
void chaos_node_stop(struct chaos *c);
void chaos_node_kill(struct chaos *c);
/* Turns of the watch, through whatever comes; true: the last one was good. */
bool chaos_watch(struct chaos *c, unsigned turns);
void chaos_tick(struct chaos *c);
void chaos_node_copy(struct chaos *c, const char *dir);

/* chaos_job.c: what the node holds for the chain, as of now; one run of the settlement job over it. True: it did all that
 * was due. */
void chaos_claims_open(struct chaos *c);
void chaos_claims_close(struct chaos *c);
bool chaos_settle(struct chaos *c);
void chaos_effects_check(struct chaos *c);

#endif
