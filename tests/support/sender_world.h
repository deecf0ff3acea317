/* sender_world.h - a sender's folder with one channel at a node process, and files to send. */
#ifndef SENDER_WORLD_H
#define SENDER_WORLD_H

#include "cli_run.h"
#include "node_process.h"
#include "pp_fixture.h"

#include <wallet_dir.h>

struct sender_world {
    struct pp_temp_dir dir;
    struct node_process node;
    struct pp_channel_id channel_id;
    uint32_t lane;
    char wallet[300], phrase[300], folder[300];
};

/* The node runs; the channel has this cap; the keys are made. */
void sender_world_make(struct sender_world *w, struct pp_units cap);
void sender_world_done(struct sender_world *w);
/* count files of pseudo-random bytes, of least to most bytes each, in w->folder: 00000, 00001 ... */
void sender_world_files(struct sender_world *w, size_t count, size_t least, size_t most);
/* Runs a verb with --wallet, --passphrase-file and --json; returns its answer, after checking the status. */
json_t *sender_run(struct sender_world *w, int expected_status, const char *const *arguments);
#define SENDER_RUN(w, expected, ...) sender_run(w, expected, (const char *const[]){__VA_ARGS__, NULL})
/* The same as a process of its own (the built program); its pid. */
pid_t sender_spawn(struct sender_world *w, const char *const *arguments);
#define SENDER_SPAWN(w, ...) sender_spawn(w, (const char *const[]){__VA_ARGS__, NULL})

/* A sender that was spawned ends by itself with this status. */
void sender_ends(pid_t sender, int expected_status);
/* Kills the node and starts it again each time that another `every` stamps are on its lane, so many times, while this sender
 * sends; then the sender must end well. */
void sender_outlives_node(struct sender_world *w, pid_t sender, uint64_t every, unsigned times,
                          uint64_t (*stamps_of)(struct sender_world *w));
/* Spawns the sender and kills it at ever later moments, until it gets through, more than 5 kills later. */
void sender_gets_through(struct sender_world *w, const char *const *arguments, long first_ms, long step_ms);

#endif
