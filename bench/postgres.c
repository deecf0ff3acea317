#define _GNU_SOURCE
#include "postgres.h"

#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PORT "5432" /* names the socket in our own folder: nothing listens on the network */
#define START_PATIENCE_MS 30000u
#define ANSWER_ROOM 8192u

/* ---- programs of the server's user ---- */

static _Noreturn void program_exec(const struct postgres *server, const char *const words[], int output)
{
    char path[2 * POSTGRES_PATH_ROOM];
    int log = open(server->log, O_WRONLY | O_CREAT | O_APPEND, 0666);
    int none = open("/dev/null", O_RDONLY);
    if (log < 0 || none < 0 || dup2(none, STDIN_FILENO) < 0 ||
        dup2(output >= 0 ? output : log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
        _exit(126);
    if (server->drop && (setgroups(0, NULL) != 0 || setgid(server->group) != 0 || setuid(server->user) != 0))
        _exit(126);
    prctl(PR_SET_PDEATHSIG,
          SIGINT); /* behind setuid, which forgets it; to the server: disconnect all, and end */
    if (chdir("/") != 0)
        _exit(126);
    setenv("PGHOST", server->dir, 1);
    setenv("PGPORT", PORT, 1);
    setenv("PGUSER", "bench", 1);
    setenv("PGDATABASE", "postgres", 1);
    setenv("LC_ALL", "C", 1);
    snprintf(path, sizeof path, "%s/%s", server->bin, words[0]);
    execv(path, (char *const *)(uintptr_t)words);
    _exit(127);
}

static pid_t program_start(const struct postgres *server, const char *const words[], int output)
{
    pid_t pid = fork();
    if (pid < 0)
        bench_fail("fork", PP_SYSTEM);
    if (pid == 0)
        program_exec(server, words, output);
    return pid;
}

static bool program_ends_well(pid_t pid)
{
    int status = 0;
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The end of what was said last. */
static _Noreturn void server_fail(const struct postgres *server, const char *what)
{
    char text[2048];
    FILE *file = fopen(server->log, "r");
    if (file && fseek(file, -(long)sizeof text + 1, SEEK_END) != 0)
        rewind(file);
    size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
    text[length] = '\0';
    if (file)
        fclose(file);
    fprintf(stderr, "%s\n", text);
    bench_fail(what, PP_SYSTEM);
}

/* ---- the server ---- */

static void bin_find(struct postgres *server)
{
    glob_t found = {0};
    if (glob("/usr/lib/postgresql/15/bin", 0, NULL, &found) != 0 &&
        glob("/usr/lib/postgresql/*/bin", 0, NULL, &found) != 0) {
        fputs("pp_bench: PostgreSQL is not installed: ./dev bench installs it\n", stderr);
        bench_fail("postgres", PP_NOT_FOUND);
    }
    snprintf(server->bin, sizeof server->bin, "%s", found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
}

static void user_find(struct postgres *server)
{
    const struct passwd *user = getpwnam("postgres");
    server->drop = geteuid() == 0;
    if (!user)
        user = getpwnam("nobody");
    if (server->drop && !user)
        bench_fail("a user who is not root", PP_NOT_FOUND);
    server->user = user ? user->pw_uid : geteuid();
    server->group = user ? user->pw_gid : getegid();
}

static void folder_make(struct postgres *server, const struct bench_options *options)
{
    const int length = snprintf(server->dir, sizeof server->dir, "%s/pg", options->dir);
    snprintf(server->log, sizeof server->log, "%s/pg.log", options->dir);
    if (length > 80) /* a socket's path is short */
        bench_fail("--dir", PP_TOO_LONG);
    if (mkdir(server->dir, 0700) != 0 ||
        (server->drop && chown(server->dir, server->user, server->group) != 0) ||
        chmod(options->dir, 0711) != 0)
        bench_fail(server->dir, PP_IO);
}

static void wait_until_ready(struct postgres *server)
{
    const char *const words[] = {"pg_isready", "-q", NULL};
    const struct timespec pause = {.tv_nsec = 50000000};
    const uint64_t deadline_ns = bench_now_ns() + (uint64_t)START_PATIENCE_MS * 1000000;
    while (!program_ends_well(program_start(server, words, -1))) {
        if (waitpid(server->pid, NULL, WNOHANG) != 0 || bench_now_ns() > deadline_ns)
            server_fail(server, "postgres");
        nanosleep(&pause, NULL);
    }
}

/* What favours it: no checkpoint, no vacuum and no replication while it is measured; memory for all its pages. fsync,
 * synchronous_commit and full_page_writes stay as they are delivered: on. */
void postgres_start(struct postgres *server, const struct bench_options *options)
{
    *server = (struct postgres){0};
    bin_find(server);
    user_find(server);
    folder_make(server, options);
    const char *const make[] = {"initdb", "-D", server->dir, "-U",         "bench", "-A",
                                "trust",  "-E", "UTF8",      "--locale=C", "-N",    NULL};
    if (!program_ends_well(program_start(server, make, -1)))
        server_fail(server, "initdb");
    const char *const serve[] = {"postgres",
                                 "-D",
                                 server->dir,
                                 "-k",
                                 server->dir,
                                 "-p",
                                 PORT,
                                 "-c",
                                 "listen_addresses=",
                                 "-c",
                                 "fsync=on",
                                 "-c",
                                 "synchronous_commit=on",
                                 "-c",
                                 "wal_level=minimal",
                                 "-c",
                                 "max_wal_senders=0",
                                 "-c",
                                 "shared_buffers=256MB",
                                 "-c",
                                 "max_wal_size=8GB",
                                 "-c",
                                 "checkpoint_timeout=1h",
                                 "-c",
                                 "autovacuum=off",
                                 "-c",
                                 "max_connections=64",
                                 NULL};
    server->pid = program_start(server, serve, -1);
    wait_until_ready(server);
}

void postgres_stop(struct postgres *server)
{
    kill(server->pid, SIGINT);
    if (!program_ends_well(server->pid))
        server_fail(server, "postgres");
}

void postgres_run(const struct postgres *server, const char *sql)
{
    const char *const words[] = {"psql", "-q", "-X", "-v", "ON_ERROR_STOP=1", "-c", sql, NULL};
    if (!program_ends_well(program_start(server, words, -1)))
        server_fail(server, "psql");
}

uint64_t postgres_bench(const struct postgres *server, const char *script, unsigned clients, unsigned seconds)
{
    char path[2 * POSTGRES_PATH_ROOM], clients_text[16], seconds_text[16], answer[ANSWER_ROOM];
    int ends[2];
    size_t have = 0;
    snprintf(path, sizeof path, "%s.script", server->log);
    FILE *file = fopen(path, "w");
    if (!file || fputs(script, file) < 0 || fclose(file) != 0 || chmod(path, 0644) != 0 ||
        pipe2(ends, O_CLOEXEC) != 0)
        bench_fail(path, PP_IO);
    snprintf(clients_text, sizeof clients_text, "%u", clients);
    snprintf(seconds_text, sizeof seconds_text, "%u", seconds);
    const char *const words[] = {"pgbench", "-n", "-M",         "prepared", "-c", clients_text, "-j",
                                 "2",       "-T", seconds_text, "-f",       path, NULL};
    pid_t pid = program_start(server, words, ends[1]);
    close(ends[1]);
    for (ssize_t count;
         have < sizeof answer - 1 && (count = read(ends[0], answer + have, sizeof answer - 1 - have)) > 0;)
        have += (size_t)count;
    answer[have] = '\0';
    close(ends[0]);
    const char *rate = strstr(answer, "tps = ");
    const bool well = program_ends_well(pid);
    if (!well || !rate) {
        fprintf(stderr, "%s\n", answer);
        server_fail(server, "pgbench");
    }
    return strtoull(rate + strlen("tps = "), NULL, 10);
}
