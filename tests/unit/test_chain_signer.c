/* Goal: whatever a signer's command does, the job gets the account's signature or a named error, in time, and no child stays behind.
 * Method: real children of /bin/sh; the right signature is made here and handed over in a file (KEY-021 to KEY-024). */
#include "cli_run.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/chain_signer.h>

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct world {
    struct pp_temp_dir dir;
    struct pp_crypto *crypto;
    struct pp_secret_key key, other;
    struct pp_address account;
    struct pp_tx tx;
    struct pp_hash digest;
    uint8_t data[100000]; /* more than a pipe holds */
    char reason[PP_RPC_TEXT_MAX];
};

static struct world *world_make(void)
{
    struct world *w = calloc(1, sizeof *w);
    uint8_t *scratch = malloc(PP_TX_MAX_BYTES);
    pp_temp_dir_make(&w->dir);
    ck_assert_ok(pp_crypto_open(&w->crypto));
    w->key.bytes[31] = 7;
    w->other.bytes[31] = 8;
    ck_assert_ok(pp_secret_key_address(w->crypto, &w->key, &w->account));
    w->data[0] = 0xab;
    w->tx = (struct pp_tx){.chain_id = 31337,
                           .nonce = 5,
                           .fees = {2000000000, 40000000000},
                           .gas = 100000,
                           .to = {{0x11}},
                           .data = w->data,
                           .data_length = sizeof w->data};
    ck_assert_ok(pp_tx_digest(&w->tx, scratch, PP_TX_MAX_BYTES, &w->digest));
    free(scratch);
    return w;
}

static void world_done(struct world *w)
{
    pp_crypto_close(w->crypto);
    pp_temp_dir_remove(&w->dir);
    free(w);
}

static enum pp_error ask(struct world *w, const char *command, uint32_t timeout_ms, struct pp_signature *out)
{
    char in_dir[700];
    snprintf(in_dir, sizeof in_dir, "cd '%s' && %s", w->dir.path, command);
    struct pp_signer_command made = {in_dir, w->account, timeout_ms};
    const struct pp_chain_signer signer = pp_signer_command(&made);
    ck_assert(pp_address_eq(&signer.account, &w->account));
    return signer.sign(signer.context, &w->tx, &w->digest, out, w->reason);
}

/* The signature of a key over the transaction, in the file "signature". */
static void signature_write(struct world *w, const struct pp_secret_key *key, size_t bytes, uint8_t v_less,
                            struct pp_signature *out)
{
    char path[300], text[140];
    ck_assert_ok(pp_sign(w->crypto, key, &w->digest, out));
    struct pp_signature written = *out;
    written.bytes[64] = (uint8_t)(written.bytes[64] - v_less);
    snprintf(path, sizeof path, "%.280s/signature", w->dir.path);
    pp_hex_print(written.bytes, bytes, text);
    unlink(path);
    cli_file_make(path, text, 2 * bytes);
}

static bool is_childless(void)
{
    return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

/* KEY-021, KEY-023 */
START_TEST(signer__answers_in_every_form__the_signature)
{
    static const struct {
        size_t bytes;
        uint8_t v_less;
        const char *command;
    } cases[] = {
        {65, 0, "cat > question; cat signature"},
        {65, 27, "cat > question; printf '  0x'; cat signature; echo"},
        {64, 0, "cat > question; cat signature; printf '\\n\\n'"},
        {65, 0, "cat > question; cat signature; exec 1>&-; sleep 0.2"},
        {65, 0, "cat signature"}, /* one that does not read: the pipe is full, and then gone */
    };
    struct world *w = world_make();
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pp_signature expected, got;
        signature_write(w, &w->key, cases[i].bytes, cases[i].v_less, &expected);
        enum pp_error error = ask(w, cases[i].command, 10000, &got);
        ck_assert_msg(error == PP_OK, "%s: %s: %s", cases[i].command, pp_error_name(error), w->reason);
        ck_assert_mem_eq(got.bytes, expected.bytes, 65);
        ck_assert(is_childless());
    }
    char path[300], hex[67] = "0x";
    snprintf(path, sizeof path, "%.280s/question", w->dir.path);
    json_t *question = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_ptr_nonnull(question);
    const json_t *tx = pp_json_member(question, "transaction");
    ck_assert_int_eq(json_integer_value(pp_json_member(question, "version")), 1);
    pp_hex_print(w->digest.bytes, 32, hex + 2);
    ck_assert_str_eq(pp_json_text(question, "digest"), hex);
    pp_hex_print(w->account.bytes, 20, hex + 2);
    ck_assert_str_eq(pp_json_text(question, "address"), hex);
    ck_assert_str_eq(pp_json_text(tx, "chain_id"), "31337");
    ck_assert_str_eq(pp_json_text(tx, "nonce"), "5");
    ck_assert_str_eq(pp_json_text(tx, "max_fee_per_gas"), "40000000000");
    ck_assert_str_eq(pp_json_text(tx, "max_priority_fee_per_gas"), "2000000000");
    ck_assert_str_eq(pp_json_text(tx, "gas"), "100000");
    ck_assert_str_eq(pp_json_text(tx, "value"), "0");
    ck_assert_str_eq(pp_json_text(tx, "to"), "0x1100000000000000000000000000000000000000");
    ck_assert_uint_eq(strlen(pp_json_text(tx, "data")), 2 + 2 * sizeof w->data);
    ck_assert_int_eq(strncmp(pp_json_text(tx, "data"), "0xab00", 6), 0);
    json_decref(question);
    world_done(w);
}
END_TEST

/* KEY-022, KEY-023, KEY-024 */
START_TEST(signer__garbage_wrong_key_or_failure__named)
{
    static const struct {
        const char *command, *words;
        enum pp_error error;
    } cases[] = {
        {"cat signature", "not the account's", PP_BAD_SIGNATURE}, /* of another key */
        {"cat signature; exit 3", "ended with a failure", PP_SIGNER_FAILED},
        {"kill -9 $$", "ended with a failure", PP_SIGNER_FAILED},
        {"no-such-command-at-all 2>/dev/null", "ended with a failure", PP_SIGNER_FAILED},
        {"true", "no signature", PP_SIGNER_FAILED},
        {"echo 0x1234", "no signature", PP_SIGNER_FAILED},
        {"echo denied by the user", "no signature", PP_SIGNER_FAILED},
        {"printf '0x%0130d' 0", "not the account's", PP_BAD_SIGNATURE},
        {"head -c 2000 /dev/zero", "too long", PP_SIGNER_FAILED},
        {"yes", "too long", PP_SIGNER_FAILED},
    };
    struct world *w = world_make();
    struct pp_signature got = {{9}}, before = got;
    signature_write(w, &w->other, 65, 0, &got);
    got = before;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum pp_error error = ask(w, cases[i].command, 10000, &got);
        bool as_expected = error == cases[i].error ||
                           (cases[i].error == PP_BAD_SIGNATURE && error == PP_SIGNATURE_NOT_LOW_S);
        ck_assert_msg(as_expected, "%s: %s", cases[i].command, pp_error_name(error));
        ck_assert_msg(strstr(w->reason, cases[i].words) != NULL, "%s: %s", cases[i].command, w->reason);
        ck_assert_mem_eq(got.bytes, before.bytes, 65);
        ck_assert(is_childless());
    }
    world_done(w);
}
END_TEST

/* KEY-022: one that hangs is ended with all that it started, also when its output is closed or its answer was good. */
START_TEST(signer__hangs__ended_in_time)
{
    static const char *const commands[] = {
        "sleep 1000",
        "echo $$ > group; sleep 1000 & sleep 1000",
        "cat signature; exec 1>&-; sleep 1000",
        "trap '' TERM HUP INT; while :; do sleep 0.1; done",
    };
    struct world *w = world_make();
    struct pp_signature got;
    signature_write(w, &w->key, 65, 0, &got);
    for (unsigned i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        struct timespec before, after;
        clock_gettime(CLOCK_MONOTONIC, &before);
        ck_assert_error(ask(w, commands[i], 400, &got), PP_SIGNER_FAILED);
        clock_gettime(CLOCK_MONOTONIC, &after);
        ck_assert_int_lt(after.tv_sec - before.tv_sec, 20);
        ck_assert_msg(strstr(w->reason, "in time") != NULL, "%s: %s", commands[i], w->reason);
        ck_assert(is_childless());
    }
    char path[300];
    int group = 0;
    snprintf(path, sizeof path, "%.280s/group", w->dir.path);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%d", &group), 1);
    fclose(file);
    for (unsigned i = 0; i < 100 && kill(-group, 0) == 0;
         i++) /* its children are reaped by whoever has them now */
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    world_done(w);
}
END_TEST

PP_TESTS("chain_signer")
PP_TEST(signer__answers_in_every_form__the_signature)
PP_TEST(signer__garbage_wrong_key_or_failure__named)
PP_TEST(signer__hangs__ended_in_time)
PP_TESTS_END
