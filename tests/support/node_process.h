/* node_process.h - a whole node in a process of its own: the engine and its HTTP API over a folder, with chain events that
 * the test tells. It can be killed at any moment and started again, on the same port.
 *
 * Own: the folder and the clock outlive the process. Stop or kill it before the test ends.
 */
#ifndef NODE_PROCESS_H
#define NODE_PROCESS_H

#include <pp/chain_event.h>
#include <pp/eip712.h>
#include <pp/sign.h>

#include <sys/types.h>

#define NODE_LANES_MAX 4
#define NODE_CHAIN_ID 31337u

/* What differs from one node to another. Filled by node_process_init, changed by the test before the first start. */
struct node_process {
    char data_dir[300];
    uint32_t node_id;
    struct pp_secret_key operator_key;
    uint8_t receipt_seed[32];
    struct pp_address contract;
    uint64_t map_bytes;
    struct {
        struct pp_channel_config config;
        struct pp_units cap;
    } lanes[NODE_LANES_MAX];
    size_t lanes_count;
    uint64_t *clock_offset_ms; /* shared with the process: days pass when it grows */
    uint16_t port;             /* 0 until the first start */
    char url[64];
    pid_t pid; /* 0: not running */
};

void node_process_init(struct node_process *node, const char *data_dir);
/* A channel with one lane at this node, final on chain. Returns its id. */
struct pp_channel_id node_process_lane(struct node_process *node, const struct pp_channel_config *config,
                                       struct pp_units cap);
/* Returns when it takes requests. */
void node_process_start(struct node_process *node);
void node_process_kill(struct node_process *node); /* SIGKILL */
void node_process_stop(struct node_process *node); /* SIGTERM; fails the test unless it ends well */
void node_process_done(struct node_process *node);
void node_process_pass_days(struct node_process *node, uint64_t days);
void node_process_domain(const struct node_process *node, struct pp_domain *out);

#endif
