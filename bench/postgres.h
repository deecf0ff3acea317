/* postgres.h - a PostgreSQL server of the benchmark's own: in its own folder, behind a socket in that folder, as a user who is
 * not root, with fsync. It ends with the process that started it, whatever becomes of that.
 *
 * Errors: none; what goes wrong ends the program. What the server and its tools say is in the folder's log until then.
 */
#ifndef PP_BENCH_POSTGRES_H
#define PP_BENCH_POSTGRES_H

#include "bench.h"

#include <stdbool.h>
#include <sys/types.h>

#define POSTGRES_PATH_ROOM 512u

struct postgres {
    char dir[POSTGRES_PATH_ROOM]; /* the cluster's, and the socket's */
    char log[POSTGRES_PATH_ROOM];
    char bin[POSTGRES_PATH_ROOM]; /* of the newest version that is installed */
    uid_t user;
    gid_t group;
    bool drop; /* this process is root: the server must not be */
    pid_t pid;
};

void postgres_start(struct postgres *server, const struct bench_options *options);
void postgres_stop(struct postgres *server);
/* psql. */
void postgres_run(const struct postgres *server, const char *sql);
/* pgbench with this script, so many clients, for so many seconds: transactions a second. */
uint64_t postgres_bench(const struct postgres *server, const char *script, unsigned clients,
                        unsigned seconds);

#endif
