#define _GNU_SOURCE
#include <pp/chain_signer.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define QUESTION_VERSION 1
#define END_POLL_MS 10

extern char **environ;

/* ---- the question ---- */

static json_t *hex_json(const uint8_t *bytes, size_t length)
{
    char *text = malloc(2 * length + 3);
    if (!text)
        return NULL;
    memcpy(text, "0x", 3);
    pp_hex_print(bytes, length, text + 2);
    json_t *json = json_string(text);
    free(text);
    return json;
}

static json_t *number_json(pp_u128 value)
{
    char text[PP_AMOUNT_TEXT_MAX];
    return json_string(pp_u128_print(value, text));
}

/* KEY-021: all that is signed, so that a device can show it and a policy can judge it. Numbers are decimal strings. */
char *pp_signer_question(const struct pp_address *account, const struct pp_tx *tx,
                         const struct pp_hash *digest)
{
    json_t *transaction =
        json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:[]}", "type", 2, "chain_id",
                  number_json(tx->chain_id), "nonce", number_json(tx->nonce), "max_priority_fee_per_gas",
                  number_json(tx->fees.priority), "max_fee_per_gas", number_json(tx->fees.most), "gas",
                  number_json(tx->gas), "to", hex_json(tx->to.bytes, 20), "value", number_json(tx->value),
                  "data", hex_json(tx->data, tx->data_length), "access_list");
    json_t *question = json_pack("{s:i, s:o, s:o, s:o}", "version", QUESTION_VERSION, "address",
                                 hex_json(account->bytes, 20), "digest", hex_json(digest->bytes, 32),
                                 "transaction", transaction);
    char *text = question ? json_dumps(question, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
    json_decref(question);
    return text;
}

/* ---- the answer ---- */

/* KEY-023 */
enum pp_error pp_signer_answer(const struct pp_crypto *crypto, const char *text, size_t length,
                               const struct pp_address *account, const struct pp_hash *digest,
                               struct pp_signature *out)
{
    struct pp_signature signature = {{0}};
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        length--;
    while (length > 0 && isspace((unsigned char)*text))
        text++, length--;
    if (pp_hex_parse(text, length, signature.bytes, 65) == PP_OK) {
        if (signature.bytes[64] < 27)
            signature.bytes[64] += 27;
        PP_TRY(pp_verify_address(crypto, &signature, digest, account, NULL));
    } else if (pp_hex_parse(text, length, signature.bytes, 64) == PP_OK) {
        PP_TRY(pp_signature_fix_v(crypto, &signature, digest, account));
    } else {
        return PP_SIGNER_FAILED;
    }
    *out = signature;
    return PP_OK;
}

/* ---- the child ---- */

struct child {
    pid_t pid;
    int in; /* a socket, for a pipe whose reader is gone would end this process */
    int out;
    uint64_t until_ms;
    const char *question;
    size_t question_left;
    char answer[PP_SIGNER_ANSWER_MAX_BYTES];
    size_t answer_length;
};

static uint64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int left_ms(const struct child *child)
{
    uint64_t now = clock_ms();
    return child->until_ms > now ? (int)(child->until_ms - now) : 0;
}

static bool spawn(struct child *child, const char *command, int in, int out)
{
    char *const arguments[] = {(char[]){"sh"}, (char[]){"-c"}, strdup(command), NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    int failed = arguments[2] ? posix_spawn(&child->pid, "/bin/sh", &actions, &attributes, arguments, environ)
                              : ENOMEM;
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    free(arguments[2]);
    if (failed)
        child->pid = 0;
    return failed == 0;
}

static bool child_start(struct child *child, const char *command)
{
    int in[2], out[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) != 0)
        return false;
    if (pipe2(out, O_CLOEXEC) != 0) {
        close(in[0]);
        close(in[1]);
        return false;
    }
    bool started = spawn(child, command, in[1], out[1]);
    close(in[1]);
    close(out[1]);
    child->in = in[0];
    child->out = out[0];
    fcntl(child->in, F_SETFL, O_NONBLOCK);
    fcntl(child->out, F_SETFL, O_NONBLOCK);
    return started;
}

static void question_write(struct child *child)
{
    ssize_t put = send(child->in, child->question, child->question_left, MSG_NOSIGNAL);
    if (put < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (put > 0) {
        child->question += put;
        child->question_left -= (size_t)put;
    }
    if (put < 0 || child->question_left == 0) { /* one that does not want to read it all may still answer */
        close(child->in);
        child->in = -1;
    }
}

/* NULL: go on. "": the answer is whole. Else what is wrong. */
static const char *answer_read(struct child *child)
{
    ssize_t got =
        read(child->out, child->answer + child->answer_length, sizeof child->answer - child->answer_length);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? NULL : "its answer could not be read";
    child->answer_length += (size_t)got;
    if (got > 0)
        return child->answer_length == sizeof child->answer ? "its answer is too long" : NULL;
    return "";
}

/* KEY-022 */
static const char *talk(struct child *child)
{
    for (;;) {
        struct pollfd waits[] = {{child->out, POLLIN, 0}, {child->in, POLLOUT, 0}};
        int left = left_ms(child);
        if (left == 0 || poll(waits, child->in >= 0 ? 2 : 1, left) == 0)
            return "it did not answer in time";
        if (child->in >= 0 && waits[1].revents != 0)
            question_write(child);
        const char *end = waits[0].revents != 0 ? answer_read(child) : NULL;
        if (end)
            return *end ? end : NULL;
    }
}

static const char *await_end(struct child *child)
{
    for (;;) {
        int status;
        pid_t ended = waitpid(child->pid, &status, WNOHANG);
        if (ended == child->pid) {
            child->pid = 0;
            return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? NULL : "it ended with a failure";
        }
        if (ended < 0 && errno != EINTR)
            return "its end was not seen";
        if (left_ms(child) == 0)
            return "it did not end in time";
        nanosleep(&(struct timespec){.tv_nsec = END_POLL_MS * 1000000L}, NULL);
    }
}

static void child_drop(struct child *child)
{
    if (child->in >= 0)
        close(child->in);
    if (child->out >= 0)
        close(child->out);
    if (child->pid <= 0)
        return;
    kill(-child->pid, SIGKILL); /* all that it started */
    while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

static enum pp_error failed(char out_reason[PP_RPC_TEXT_MAX], const char *words)
{
    snprintf(out_reason, PP_RPC_TEXT_MAX, "the signer's command: %s", words);
    return PP_SIGNER_FAILED;
}

static enum pp_error ask(const struct pp_signer_command *command, const char *question, struct child *child,
                         char out_reason[PP_RPC_TEXT_MAX])
{
    child->until_ms = clock_ms() + (command->timeout_ms ? command->timeout_ms : PP_SIGNER_TIMEOUT_MS);
    child->question = question;
    child->question_left = strlen(question);
    if (!child_start(child, command->command))
        return failed(out_reason, "it could not be started");
    const char *wrong = talk(child);
    if (!wrong)
        wrong = await_end(child);
    return wrong ? failed(out_reason, wrong) : PP_OK;
}

static enum pp_error sign(void *context, const struct pp_tx *tx, const struct pp_hash *digest,
                          struct pp_signature *out, char out_reason[PP_RPC_TEXT_MAX])
{
    const struct pp_signer_command *command = context;
    struct child child = {.in = -1, .out = -1};
    struct pp_crypto *crypto;
    char *question = pp_signer_question(&command->account, tx, digest);
    if (!question)
        return PP_NO_MEMORY;
    enum pp_error error = ask(command, question, &child, out_reason);
    child_drop(&child);
    free(question);
    PP_TRY(error);
    PP_TRY(pp_crypto_open(&crypto));
    error = pp_signer_answer(crypto, child.answer, child.answer_length, &command->account, digest, out);
    pp_crypto_close(crypto);
    if (error == PP_SIGNER_FAILED)
        return failed(out_reason, "its answer is no signature");
    if (error != PP_OK)
        snprintf(out_reason, PP_RPC_TEXT_MAX,
                 "the signer's command: its signature is not the account's over this transaction");
    return error;
}

struct pp_chain_signer pp_signer_command(struct pp_signer_command *command)
{
    return (struct pp_chain_signer){command->account, sign, command};
}
