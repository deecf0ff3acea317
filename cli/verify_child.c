#include "verify_child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum message_kind {
    MESSAGE_FINDING,
    MESSAGE_PROGRESS,
    MESSAGE_END,
};

/* What the child writes. Both are the same program, so pointers to its text mean the same. */
struct message {
    enum message_kind kind;
    enum pp_error error;
    union {
        struct pp_verify_finding finding;
        struct pp_verify_progress progress;
        struct pp_verify_summary summary;
    };
};

/* ---- the child ---- */

static void message_send(int pipe_end, const struct message *message)
{
    const uint8_t *at = (const uint8_t *)message;
    size_t left = sizeof *message;
    while (left > 0) {
        ssize_t written = write(pipe_end, at, left);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            _exit(1); /* nobody listens any more */
        at += written;
        left -= (size_t)written;
    }
}

static void on_finding(void *context, const struct pp_verify_finding *finding)
{
    const struct message message = {.kind = MESSAGE_FINDING, .finding = *finding};
    message_send(*(const int *)context, &message);
}

static void on_progress(void *context, const struct pp_verify_progress *progress)
{
    const struct message message = {.kind = MESSAGE_PROGRESS, .progress = *progress};
    message_send(*(const int *)context, &message);
}

/* Whoever dies here dies plainly: no handler of a sanitizer or a debugger, no core file. */
static void signals_plain(void)
{
    static const int ends[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    const struct rlimit none = {0, 0};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        signal(ends[i], SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    (void)setrlimit(RLIMIT_CORE, &none);
}

static _Noreturn void child_run(const char *dir, int pipe_end)
{
    struct message end = {.kind = MESSAGE_END};
    const struct pp_verify_config config = {
        .finding = on_finding,
        .progress = on_progress,
        .context = &pipe_end,
    };
    signals_plain();
    end.error = pp_verify_dir(dir, &config, &end.summary);
    message_send(pipe_end, &end);
    _exit(0);
}

/* ---- the parent ---- */

/* False at the end of the pipe. */
static bool message_receive(int pipe_end, struct message *out)
{
    uint8_t *at = (uint8_t *)out;
    size_t left = sizeof *out;
    while (left > 0) {
        ssize_t got = read(pipe_end, at, left);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        left -= (size_t)got;
    }
    return true;
}

static void finding_count(struct cli_verified *out, enum pp_verify_check check)
{
    out->summary.findings++;
    out->summary.checks[check].findings++;
}

static bool messages_take(int pipe_end, const struct pp_verify_config *config, struct cli_verified *out)
{
    struct message message;
    while (message_receive(pipe_end, &message))
        switch (message.kind) {
        case MESSAGE_FINDING:
            finding_count(out, message.finding.check);
            config->finding(config->context, &message.finding);
            break;
        case MESSAGE_PROGRESS:
            out->progress = message.progress;
            if (config->progress)
                config->progress(config->context, &message.progress);
            break;
        case MESSAGE_END:
            out->error = message.error;
            out->summary = message.summary;
            return true;
        }
    return false;
}

static int child_wait(pid_t child)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFSIGNALED(status) ? WTERMSIG(status) : SIGABRT;
}

/* The child is gone, and did not say how it ended. */
static void broken_tell(const struct pp_verify_config *config, struct cli_verified *out)
{
    struct pp_verify_finding finding = {
        .check = PP_VERIFY_RECORDS,
        .error = PP_CORRUPT,
        .what = "pages",
        .sequence = out->progress.sequence,
        .lane_slot = UINT64_MAX,
        .shard = -1,
    };
    snprintf(finding.detail, sizeof finding.detail,
             "a page of journal.mdb or derived.mdb leads nowhere: reading it ended with signal %d",
             out->signal);
    out->error = PP_CORRUPT;
    finding_count(out, finding.check);
    config->finding(config->context, &finding);
}

enum pp_error cli_verify_run(const char *dir, const struct pp_verify_config *config, struct cli_verified *out)
{
    int ends[2];
    *out = (struct cli_verified){0};
    if (pipe(ends) != 0)
        return PP_SYSTEM;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        child_run(dir, ends[1]);
    }
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return PP_SYSTEM;
    }
    bool ended = messages_take(ends[0], config, out);
    close(ends[0]);
    int ended_by = child_wait(child);
    if (!ended) {
        out->signal = ended_by;
        broken_tell(config, out);
    }
    return PP_OK;
}
