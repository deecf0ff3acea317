#define _GNU_SOURCE
/* mppx_http: single stamps over HTTP for each second of the server's processor time, as in http_single; against what the
 * session server of the npm package mppx accepts behind its own HTTP listener in Node.js (peer_mppx.mjs), counted alike.
 *
 * Method: one request carries one voucher, on both sides, in a POST of 1 KiB. The vouchers of a round are of as many channels,
 * signed before the clock starts; the peer's process lives through all rounds, so that its code is compiled when it counts. */
#include "http_load.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHANNELS 160u /* a round has one voucher of each: some seconds */
#define CHANNELS_QUICK 4u
#define CONNECTIONS 64u
#define ROUNDS (BENCH_RUNS + 1) /* the first one compiles */
#define PATH_ROOM 4096u

struct peer {
    pid_t pid;
    int input; /* its end stops the peer */
    uint16_t port;
};

struct mppx {
    struct http_ours ours;
    struct peer peer;
    struct letter *letters;
    uint32_t channels, rounds, round;
};

/* ---- the peer's process ---- */

static pid_t node_start(const char *const arguments[], int input, int output)
{
    pid_t pid = fork();
    if (pid < 0)
        bench_fail("fork", PP_SYSTEM);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if ((input >= 0 && dup2(input, STDIN_FILENO) < 0) || (output >= 0 && dup2(output, STDOUT_FILENO) < 0))
            _exit(127);
        execvp("node", (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    return pid;
}

static void node_wait(pid_t pid)
{
    int status = 0;
    waitpid(pid, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        bench_fail("node peer_mppx.mjs", PP_SYSTEM);
}

static void peer_start(struct mppx *mppx, const char *script)
{
    int in[2], out[2];
    char channels[16], line[32] = "";
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
        bench_fail("pipe", PP_SYSTEM);
    snprintf(channels, sizeof channels, "%u", mppx->channels);
    mppx->peer.pid =
        node_start((const char *const[]){"node", script, "serve", channels, NULL}, in[0], out[1]);
    close(in[0]);
    close(out[1]);
    mppx->peer.input = in[1];
    if (read(out[0], line, sizeof line - 1) <= 0)
        bench_fail("node peer_mppx.mjs", PP_SYSTEM);
    close(out[0]);
    mppx->peer.port = (uint16_t)strtoul(line, NULL, 10);
}

static void peer_stop(struct peer *peer)
{
    close(peer->input);
    node_wait(peer->pid);
}

/* User and system time of all its threads: fields 14 and 15, behind the name in parentheses. */
static uint64_t peer_processor_ns(const struct peer *peer)
{
    char path[64], text[1024] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)peer->pid);
    FILE *file = fopen(path, "r");
    if (!file || fread(text, 1, sizeof text - 1, file) == 0)
        bench_fail(path, PP_IO);
    fclose(file);
    char *at = strrchr(text, ')'); /* then " S 1 2": the 12th field from here is the user time */
    for (unsigned i = 0; at && i < 12; i++)
        at = strchr(at + 1, ' ');
    if (!at)
        bench_fail(path, PP_IO);
    const uint64_t user = strtoull(at, &at, 10), system = strtoull(at, NULL, 10);
    return (user + system) * 1000000000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

/* ---- what is sent to it ---- */

static void letters_read(struct mppx *mppx, const char *path)
{
    const uint32_t count = mppx->channels * mppx->rounds;
    FILE *file = fopen(path, "r");
    mppx->letters = calloc(count, sizeof *mppx->letters);
    if (!file || !mppx->letters)
        bench_fail(path, PP_IO);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t length[4];
        if (fread(length, 1, sizeof length, file) != sizeof length)
            bench_fail(path, PP_IO);
        struct letter *letter = &mppx->letters[i];
        letter->length = (size_t)length[2] << 8 | length[3]; /* some kilobytes */
        letter->bytes = malloc(letter->length);
        if (!letter->bytes || fread(letter->bytes, 1, letter->length, file) != letter->length)
            bench_fail(path, PP_IO);
    }
    fclose(file);
}

static void letters_make(struct mppx *mppx, const char *script)
{
    char channels[16], rounds[16];
    char *path = bench_path(mppx->ours.options, "letters");
    snprintf(channels, sizeof channels, "%u", mppx->channels);
    snprintf(rounds, sizeof rounds, "%u", mppx->rounds);
    node_wait(
        node_start((const char *const[]){"node", script, "letters", path, channels, rounds, NULL}, -1, -1));
    letters_read(mppx, path);
    unlink(path);
    free(path);
}

static uint64_t peer_rate(void *context)
{
    struct mppx *mppx = context;
    struct http_clients clients;
    const struct http_load load = {mppx->letters + (size_t)mppx->channels * mppx->round++, 1, mppx->channels,
                                   mppx->channels < CONNECTIONS ? mppx->channels : CONNECTIONS};
    http_clients_fork(&clients, &load);
    const uint64_t started_ns = peer_processor_ns(&mppx->peer);
    http_clients_run(&clients, mppx->peer.port);
    return bench_per_second(load.count, peer_processor_ns(&mppx->peer) - started_ns);
}

static uint64_t ours_rate(void *context)
{
    struct mppx *mppx = context;
    return http_ours_rate(&mppx->ours);
}

void bench_mppx_http(const struct bench_options *options, struct bench_figures *out)
{
    char script[PATH_ROOM];
    struct mppx mppx = {.channels = bench_size(options, CHANNELS, CHANNELS_QUICK),
                        .rounds = bench_size(options, ROUNDS, 2)};
    http_ours_make(&mppx.ours, options);
    snprintf(script, sizeof script, "%s/peer_mppx.mjs", options->source);
    letters_make(&mppx, script);
    peer_start(&mppx, script);
    (void)peer_rate(&mppx);
    bench_in_turns(options, ours_rate, peer_rate, &mppx, out);
    peer_stop(&mppx.peer);
    for (uint32_t i = 0; i < mppx.channels * mppx.rounds; i++)
        free(mppx.letters[i].bytes);
    free(mppx.letters);
    http_ours_done(&mppx.ours);
}
