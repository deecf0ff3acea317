#include "sender_world.h"
#include "pp_test.h"

#include <fcntl.h>
#include <pp/keyfile.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS_MAX 48

static void signer_make(struct sender_world *w, struct pp_address *out)
{
    char path[400];
    struct cli_run run;
    snprintf(path, sizeof path, "%s/signer.key", w->wallet);
    cli_file_make(w->phrase, "a test's passphrase\n", 20);
    CLI_RUN(&run, "keygen", path, "--quick", "--passphrase-file", w->phrase, "--json");
    ck_assert_int_eq(run.status, 0);
    json_t *object = cli_run_json(&run);
    pp_json_bytes(object, "address", out->bytes, sizeof out->bytes);
    json_decref(object);
    cli_run_done(&run);
}

static void channel_make(struct sender_world *w, const struct pp_channel_config *config, struct pp_units cap)
{
    struct cli_wallet *wallet;
    struct cli_channel channel = {.id = w->channel_id,
                                  .config = *config,
                                  .chain_id = NODE_CHAIN_ID,
                                  .contract = w->node.contract,
                                  .token_decimals = 6,
                                  .deposit = cap,
                                  .lanes_count = 1};
    channel.lanes[0].lane = w->lane;
    channel.lanes[0].cap = cap;
    snprintf(channel.lanes[0].node_url, sizeof channel.lanes[0].node_url, "%s", w->node.url);
    ck_assert_ok(cli_wallet_open(w->wallet, true, &wallet));
    ck_assert_ok(cli_wallet_channel_add(wallet, &channel));
    cli_wallet_close(wallet);
}

void sender_world_make(struct sender_world *w, struct pp_units cap)
{
    char data[300];
    struct pp_channel_config config = {.nonce = 0};
    memset(w, 0, sizeof *w);
    pp_temp_dir_make(&w->dir);
    snprintf(w->wallet, sizeof w->wallet, "%s/wallet", w->dir.path);
    snprintf(w->phrase, sizeof w->phrase, "%s/phrase", w->dir.path);
    snprintf(w->folder, sizeof w->folder, "%s/files", w->dir.path);
    snprintf(data, sizeof data, "%s/node", w->dir.path);
    ck_assert_int_eq(mkdir(w->wallet, 0700), 0);
    ck_assert_int_eq(mkdir(w->folder, 0700), 0);
    node_process_init(&w->node, data);
    w->lane = pp_lane_make(w->node.node_id, 0);
    memset(config.payer.bytes, 0xaa, sizeof config.payer.bytes);
    signer_make(w, &config.signer);
    w->channel_id = node_process_lane(&w->node, &config, cap);
    node_process_start(&w->node);
    channel_make(w, &config, cap);
}

void sender_world_done(struct sender_world *w)
{
    node_process_done(&w->node);
    pp_temp_dir_remove(&w->dir);
}

void sender_world_files(struct sender_world *w, size_t count, size_t least, size_t most)
{
    struct pp_rng rng;
    uint8_t *bytes = malloc(most);
    char path[400];
    pp_rng_init(&rng, 1);
    for (size_t i = 0; i < count; i++) {
        size_t length = least + (size_t)pp_rng_below(&rng, most - least + 1);
        pp_rng_bytes(&rng, bytes, length);
        snprintf(path, sizeof path, "%s/%05zu", w->folder, i);
        cli_file_make(path, bytes, length);
    }
    free(bytes);
}

static size_t arguments_make(struct sender_world *w, const char *const *arguments,
                             const char *out[ARGUMENTS_MAX])
{
    size_t count = 0;
    for (; arguments[count]; count++) {
        ck_assert_uint_lt(count, ARGUMENTS_MAX - 8);
        out[count] = arguments[count];
    }
    out[count++] = "--wallet";
    out[count++] = w->wallet;
    out[count++] = "--passphrase-file";
    out[count++] = w->phrase;
    out[count++] = "--json";
    out[count] = NULL;
    return count;
}

json_t *sender_run(struct sender_world *w, int expected_status, const char *const *arguments)
{
    const char *all[ARGUMENTS_MAX];
    struct cli_run run;
    arguments_make(w, arguments, all);
    cli_run(&run, all);
    ck_assert_msg(run.status == expected_status, "%s: status %d\n%s\n%s", all[0], run.status, run.out,
                  run.err);
    json_t *object = cli_run_json(&run);
    cli_run_done(&run);
    return object;
}

pid_t sender_spawn(struct sender_world *w, const char *const *arguments)
{
    const char *all[ARGUMENTS_MAX + 1] = {"pennypost"};
    char *argv[ARGUMENTS_MAX + 1];
    size_t count = arguments_make(w, arguments, all + 1) + 1;
    for (size_t i = 0; i <= count; i++)
        argv[i] = all[i] ? strdup(all[i]) : NULL;
    fflush(NULL);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        int nowhere = open("/dev/null", O_RDWR);
        dup2(nowhere, STDIN_FILENO);
        dup2(nowhere, STDOUT_FILENO);
        execv(PP_BINARY_DIR "/pennypost", argv);
        _exit(127);
    }
    for (size_t i = 0; i < count; i++)
        free(argv[i]);
    return pid;
}

/* ---- kills ---- */

void sender_ends(pid_t sender, int expected_status)
{
    int status;
    ck_assert_int_eq(waitpid(sender, &status, 0), sender);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == expected_status, "the sender ended with %x",
                  status);
}

void sender_outlives_node(struct sender_world *w, pid_t sender, uint64_t every, unsigned times,
                          uint64_t (*stamps_of)(struct sender_world *w))
{
    int status;
    for (uint64_t i = 1; i <= times; i++) {
        while (stamps_of(w) < i * every)
            ck_assert_int_eq(waitpid(sender, &status, WNOHANG), 0);
        node_process_kill(&w->node);
        node_process_start(&w->node);
    }
    sender_ends(sender, 0);
}

void sender_gets_through(struct sender_world *w, const char *const *arguments, long first_ms, long step_ms)
{
    int status = 0, kills = 0;
    for (long delay_ms = first_ms;; delay_ms += step_ms) {
        pid_t sender = sender_spawn(w, arguments);
        const struct timespec pause = {.tv_sec = delay_ms / 1000, .tv_nsec = delay_ms % 1000 * 1000000L};
        nanosleep(&pause, NULL);
        kill(sender, SIGKILL);
        ck_assert_int_eq(waitpid(sender, &status, 0), sender);
        if (WIFEXITED(status))
            break;
        kills++;
        ck_assert_int_lt(kills, 200);
    }
    ck_assert_msg(WEXITSTATUS(status) == 0, "the sender ended with %d after %d kills", WEXITSTATUS(status),
                  kills);
    ck_assert_int_gt(kills, 5);
}
