/* Goal: a secret at rest opens with its passphrase and nothing else, and no change of its file goes unnoticed.
 * Method: files in a folder of the test's own; every byte of a file is changed once (KEY-003). */
#include "cli_run.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/keyfile.h>
#include <pty.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct world {
    struct pp_temp_dir dir;
    struct pp_crypto *crypto;
    char path[300];
    struct pp_passphrase passphrase;
    struct pp_key key;
};

static struct pp_passphrase phrase_of(const char *text)
{
    struct pp_passphrase phrase = {.length = strlen(text)};
    memcpy(phrase.bytes, text, phrase.length);
    return phrase;
}

static void world_make(struct world *w, enum pp_key_kind kind)
{
    pp_temp_dir_make(&w->dir);
    ck_assert_ok(pp_crypto_open(&w->crypto));
    snprintf(w->path, sizeof w->path, "%s/a.key", w->dir.path);
    w->passphrase = phrase_of("correct horse");
    ck_assert_ok(pp_key_make(w->crypto, kind, &w->key));
    ck_assert_ok(pp_keyfile_write(w->path, &w->key, &w->passphrase, pp_key_cost_least()));
}

static void world_done(struct world *w)
{
    pp_crypto_close(w->crypto);
    pp_temp_dir_remove(&w->dir);
}

START_TEST(keyfile__written_and_read__same_key)
{
    static const enum pp_key_kind kinds[] = {PP_KEY_SECP256K1, PP_KEY_ED25519};
    for (size_t i = 0; i < 2; i++) {
        struct world w;
        struct pp_key read, claimed;
        world_make(&w, kinds[i]);
        ck_assert_ok(pp_keyfile_read(w.crypto, w.path, kinds[i], &w.passphrase, &read));
        ck_assert_mem_eq(read.secret, w.key.secret, 32);
        ck_assert_ok(pp_keyfile_read_public(w.path, &claimed));
        ck_assert_int_eq(claimed.kind, kinds[i]);
        ck_assert_mem_eq(&claimed.address, &w.key.address, sizeof claimed.address);
        ck_assert_mem_eq(&claimed.receipt_key, &w.key.receipt_key, sizeof claimed.receipt_key);
        uint8_t zero[32] = {0};
        ck_assert_mem_eq(claimed.secret, zero, 32);
        world_done(&w);
    }
}
END_TEST

/* KEY-005, KEY-006 */
START_TEST(keyfile__wrong_passphrase_or_kind__refused_and_output_untouched)
{
    struct world w;
    struct pp_key read = {.kind = PP_KEY_ED25519};
    struct pp_passphrase wrong = phrase_of("correct horsf"), longer = phrase_of("correct horse ");
    world_make(&w, PP_KEY_SECP256K1);
    ck_assert_error(pp_keyfile_read(w.crypto, w.path, PP_KEY_SECP256K1, &wrong, &read), PP_BAD_PASSPHRASE);
    ck_assert_error(pp_keyfile_read(w.crypto, w.path, PP_KEY_SECP256K1, &longer, &read), PP_BAD_PASSPHRASE);
    ck_assert_error(pp_keyfile_read(w.crypto, w.path, PP_KEY_ED25519, &w.passphrase, &read), PP_BAD_TYPE);
    ck_assert_int_eq(read.kind, PP_KEY_ED25519);
    world_done(&w);
}
END_TEST

/* KEY-001 */
START_TEST(keyfile__made__private_and_never_overwritten)
{
    struct world w;
    struct stat about;
    struct pp_key other, read;
    world_make(&w, PP_KEY_SECP256K1);
    ck_assert_int_eq(stat(w.path, &about), 0);
    ck_assert_uint_eq(about.st_mode & 0777, 0600);
    ck_assert_ok(pp_key_make(w.crypto, PP_KEY_SECP256K1, &other));
    ck_assert_error(pp_keyfile_write(w.path, &other, &w.passphrase, pp_key_cost_least()), PP_EXISTS);
    ck_assert_ok(pp_keyfile_read(w.crypto, w.path, PP_KEY_SECP256K1, &w.passphrase, &read));
    ck_assert_mem_eq(read.secret, w.key.secret, 32);
    char missing[400];
    snprintf(missing, sizeof missing, "%s/no/such.key", w.dir.path);
    ck_assert_error(pp_keyfile_write(missing, &other, &w.passphrase, pp_key_cost_least()), PP_NOT_FOUND);
    world_done(&w);
}
END_TEST

/* KEY-002 */
START_TEST(keyfile__others_may_read__exposed)
{
    static const mode_t modes[] = {0640, 0604, 0660, 0601, 0644};
    struct world w;
    struct pp_key read;
    struct pp_passphrase phrase;
    world_make(&w, PP_KEY_SECP256K1);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        ck_assert_int_eq(chmod(w.path, modes[i]), 0);
        ck_assert_error(pp_keyfile_read(w.crypto, w.path, PP_KEY_SECP256K1, &w.passphrase, &read),
                        PP_EXPOSED);
        ck_assert_error(pp_keyfile_read_public(w.path, &read), PP_EXPOSED);
        ck_assert_error(pp_passphrase_read_file(w.path, &phrase), PP_EXPOSED);
    }
    world_done(&w);
}
END_TEST

/* KEY-003: each byte, two ways. White space may change; nothing else may. */
START_TEST(keyfile__any_byte_changed__does_not_open)
{
    struct world w;
    struct pp_key read;
    size_t length, opened = 0;
    world_make(&w, PP_KEY_SECP256K1);
    char *text = pp_file_load(w.path, &length);
    for (size_t i = 0; i < length; i++)
        for (int way = 0; way < 2; way++) {
            char before = text[i];
            text[i] = (char)(way ? before ^ 0x01 : before == '7' ? '8' : '7');
            if (text[i] == before)
                continue;
            cli_file_make(w.path, text, length);
            enum pp_error error = pp_keyfile_read(w.crypto, w.path, PP_KEY_SECP256K1, &w.passphrase, &read);
            bool blank = before == ' ' || before == '\n';
            ck_assert_msg(error != PP_OK || blank, "byte %zu, '%c' made '%c'", i, before, text[i]);
            opened += error == PP_OK;
            text[i] = before;
        }
    ck_assert_uint_eq(opened, 0);
    cli_file_make(w.path, text, length);
    ck_assert_ok(pp_keyfile_read(w.crypto, w.path, PP_KEY_SECP256K1, &w.passphrase, &read));
    free(text);
    world_done(&w);
}
END_TEST

START_TEST(keyfile__truncated_or_trailing__bad_format)
{
    struct world w;
    struct pp_key read;
    size_t length;
    world_make(&w, PP_KEY_ED25519);
    char *text = pp_file_load(w.path, &length);
    for (size_t cut = 0; cut < length; cut++) {
        cli_file_make(w.path, text, cut);
        ck_assert_error(pp_keyfile_read(w.crypto, w.path, PP_KEY_ED25519, &w.passphrase, &read),
                        PP_BAD_FORMAT);
    }
    char longer[5000];
    memset(longer, ' ', sizeof longer);
    memcpy(longer, text, length);
    longer[length] = 'x';
    cli_file_make(w.path, longer, length + 1);
    ck_assert_error(pp_keyfile_read(w.crypto, w.path, PP_KEY_ED25519, &w.passphrase, &read), PP_BAD_FORMAT);
    longer[length] = ' ';
    cli_file_make(w.path, longer, sizeof longer);
    ck_assert_error(pp_keyfile_read(w.crypto, w.path, PP_KEY_ED25519, &w.passphrase, &read), PP_TOO_LONG);
    free(text);
    world_done(&w);
}
END_TEST

/* One member replaced; KEY-004 for the costs. */
START_TEST(keyfile__member_replaced__named_error)
{
    static const struct {
        const char *name, *json;
        enum pp_error expected;
    } cases[] = {
        {"pennypost_key", "2", PP_BAD_VERSION},
        {"pennypost_key", "\"1\"", PP_BAD_FORMAT},
        {"kind", "\"rsa\"", PP_BAD_FORMAT},
        {"kind", "\"ed25519\"", PP_BAD_FORMAT},
        {"passes", "0", PP_BAD_FORMAT},
        {"passes", "65", PP_BAD_FORMAT},
        {"passes", "-1", PP_BAD_FORMAT},
        {"passes", "1.5", PP_BAD_FORMAT},
        {"passes", "2", PP_BAD_PASSPHRASE},
        {"memory_kib", "63", PP_BAD_FORMAT},
        {"memory_kib", "1048577", PP_BAD_FORMAT},
        {"memory_kib", "4294967360", PP_BAD_FORMAT},
        {"memory_kib", "128", PP_BAD_PASSPHRASE},
        {"stretch", "\"argon2i\"", PP_BAD_FORMAT},
        {"cipher", "\"none\"", PP_BAD_FORMAT},
        {"salt", "\"00\"", PP_BAD_FORMAT},
        {"nonce", "null", PP_BAD_FORMAT},
        {"sealed", "\"\"", PP_BAD_FORMAT},
        {"address", "\"0000000000000000000000000000000000000000\"", PP_BAD_PASSPHRASE},
        {"address", "\"00000000000000000000000000000000000000\"", PP_BAD_FORMAT},
        {"more", "1", PP_BAD_FORMAT},
    };
    struct world w;
    struct pp_key read;
    world_make(&w, PP_KEY_SECP256K1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *object = json_load_file(w.path, 0, NULL);
        json_object_set_new(object, cases[i].name, json_loads(cases[i].json, JSON_DECODE_ANY, NULL));
        char *text = json_dumps(object, 0), path[400];
        snprintf(path, sizeof path, "%s/changed", w.dir.path);
        cli_file_make(path, text, strlen(text));
        enum pp_error error = pp_keyfile_read(w.crypto, path, PP_KEY_SECP256K1, &w.passphrase, &read);
        ck_assert_msg(error == cases[i].expected, "%s = %s: %s", cases[i].name, cases[i].json,
                      pp_error_name(error));
        json_object_del(object, cases[i].name);
        char *without = json_dumps(object, 0);
        cli_file_make(path, without, strlen(without));
        if (strcmp(cases[i].name, "more") != 0)
            ck_assert_error(pp_keyfile_read(w.crypto, path, PP_KEY_SECP256K1, &w.passphrase, &read),
                            PP_BAD_FORMAT);
        free(text);
        free(without);
        json_decref(object);
    }
    world_done(&w);
}
END_TEST

START_TEST(keyfile__missing_or_folder__named_error)
{
    struct world w;
    struct pp_key read;
    char path[400];
    world_make(&w, PP_KEY_SECP256K1);
    snprintf(path, sizeof path, "%s/none", w.dir.path);
    ck_assert_error(pp_keyfile_read_public(path, &read), PP_NOT_FOUND);
    ck_assert_error(pp_keyfile_read_public(w.dir.path, &read), PP_BAD_FORMAT);
    world_done(&w);
}
END_TEST

/* KEY-007 */
START_TEST(passphrase__of_file_and_descriptor__taken_exactly)
{
    static const struct {
        const char *bytes, *of_file, *of_line;
    } cases[] = {
        {"abc", "abc", "abc"},       {"abc\n", "abc", "abc"}, {"abc\n\n", "abc\n", "abc"},
        {"a b\nc", "a b\nc", "a b"}, {" \n", " ", " "},       {"\r\n", "\r", "\r"},
    };
    struct pp_temp_dir dir;
    char path[300];
    pp_temp_dir_make(&dir);
    snprintf(path, sizeof path, "%s/phrase", dir.path);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pp_passphrase phrase;
        int ends[2];
        cli_file_make(path, cases[i].bytes, strlen(cases[i].bytes));
        ck_assert_ok(pp_passphrase_read_file(path, &phrase));
        ck_assert_uint_eq(phrase.length, strlen(cases[i].of_file));
        ck_assert_mem_eq(phrase.bytes, cases[i].of_file, phrase.length);
        ck_assert_int_eq(pipe(ends), 0);
        ck_assert_int_eq(write(ends[1], cases[i].bytes, strlen(cases[i].bytes)),
                         (ssize_t)strlen(cases[i].bytes));
        close(ends[1]);
        ck_assert_ok(pp_passphrase_read_descriptor(ends[0], &phrase));
        close(ends[0]);
        ck_assert_uint_eq(phrase.length, strlen(cases[i].of_line));
        ck_assert_mem_eq(phrase.bytes, cases[i].of_line, phrase.length);
    }
    pp_temp_dir_remove(&dir);
}
END_TEST

/* KEY-007 */
START_TEST(passphrase__empty_or_too_long__refused)
{
    struct pp_temp_dir dir;
    struct pp_passphrase phrase;
    char path[300], bytes[PP_PASSPHRASE_MAX_BYTES + 1];
    pp_temp_dir_make(&dir);
    snprintf(path, sizeof path, "%s/phrase", dir.path);
    memset(bytes, 'x', sizeof bytes);
    ck_assert_error(pp_passphrase_read_file(path, &phrase), PP_NOT_FOUND);
    cli_file_make(path, "", 0);
    ck_assert_error(pp_passphrase_read_file(path, &phrase), PP_OUT_OF_RANGE);
    cli_file_make(path, "\n", 1);
    ck_assert_error(pp_passphrase_read_file(path, &phrase), PP_OUT_OF_RANGE);
    cli_file_make(path, bytes, sizeof bytes);
    ck_assert_error(pp_passphrase_read_file(path, &phrase), PP_TOO_LONG);
    cli_file_make(path, bytes, sizeof bytes - 1);
    ck_assert_ok(pp_passphrase_read_file(path, &phrase));
    ck_assert_uint_eq(phrase.length, PP_PASSPHRASE_MAX_BYTES);
    pp_temp_dir_remove(&dir);
}
END_TEST

/* Typed at a terminal of the test's own: asked with the prompt, not echoed, and compared when asked twice. */
static enum pp_error typed(const char *keys, bool confirm, struct pp_passphrase *out, char shown[200])
{
    int terminal, ends[2], status;
    size_t length = 0;
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = forkpty(&terminal, NULL, NULL, NULL);
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct pp_passphrase phrase = {.length = 0};
        enum pp_error error = pp_passphrase_ask("Say it: ", confirm, &phrase);
        if (write(ends[1], &phrase, sizeof phrase) != sizeof phrase)
            _exit(255);
        _exit(error == PP_OK ? 0 : 1);
    }
    close(ends[1]);
    while (length < strlen("Say it: ") &&
           read(terminal, shown + length, 1) == 1) /* typing before would be flushed */
        length++;
    for (const char *key = keys; *key; key++) {
        ck_assert_int_eq(write(terminal, key, 1), 1);
        for (char seen = 0; *key == '\n' && key[1] && seen != ':';) { /* the second question */
            ck_assert_int_eq(read(terminal, &seen, 1), 1);
            shown[length++] = seen;
        }
    }
    ck_assert_int_eq(read(ends[0], out, sizeof *out), sizeof *out);
    close(ends[0]);
    ssize_t got = read(terminal, shown + length, 199 - length);
    shown[got > 0 ? length + (size_t)got : length] = '\0';
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    close(terminal);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status) == 0 ? PP_OK : PP_BAD_PASSPHRASE;
}

START_TEST(passphrase__at_a_terminal__asked_and_not_shown)
{
    struct pp_passphrase phrase;
    char shown[200];
    ck_assert_ok(typed("open sesame\n", false, &phrase, shown));
    ck_assert_uint_eq(phrase.length, 11);
    ck_assert_mem_eq(phrase.bytes, "open sesame", 11);
    ck_assert_ptr_null(strstr(shown, "sesame"));
    ck_assert_ok(typed("twice\ntwice\n", true, &phrase, shown));
    ck_assert_uint_eq(phrase.length, 5);
    ck_assert_error(typed("twice\ntwise\n", true, &phrase, shown), PP_BAD_PASSPHRASE);
    ck_assert_uint_eq(phrase.length, 0);
}
END_TEST

START_TEST(key__secret_of_zero_or_above_order__bad_key)
{
    struct pp_crypto *crypto;
    struct pp_key key;
    uint8_t secret[32] = {0};
    ck_assert_ok(pp_crypto_open(&crypto));
    ck_assert_error(pp_key_from_secret(crypto, PP_KEY_SECP256K1, secret, &key), PP_BAD_KEY);
    ck_assert_ok(pp_key_from_secret(crypto, PP_KEY_ED25519, secret, &key)); /* any 32 bytes are a seed */
    memset(secret, 0xff, sizeof secret);
    ck_assert_error(pp_key_from_secret(crypto, PP_KEY_SECP256K1, secret, &key), PP_BAD_KEY);
    pp_crypto_close(crypto);
}
END_TEST

PP_TESTS("keyfile")
PP_TEST(keyfile__written_and_read__same_key)
PP_TEST(keyfile__wrong_passphrase_or_kind__refused_and_output_untouched)
PP_TEST(keyfile__made__private_and_never_overwritten)
PP_TEST(keyfile__others_may_read__exposed)
PP_TEST(keyfile__any_byte_changed__does_not_open)
PP_TEST(keyfile__truncated_or_trailing__bad_format)
PP_TEST(keyfile__member_replaced__named_error)
PP_TEST(keyfile__missing_or_folder__named_error)
PP_TEST(passphrase__of_file_and_descriptor__taken_exactly)
PP_TEST(passphrase__empty_or_too_long__refused)
PP_TEST(passphrase__at_a_terminal__asked_and_not_shown)
PP_TEST(key__secret_of_zero_or_above_order__bad_key)
PP_TESTS_END
