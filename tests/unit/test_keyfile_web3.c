/* Goal: a key file of another Ethereum tool opens with its passphrase and nothing else, and a hostile one costs nothing. Method: the
 * test vectors that the format's specification publishes, and files changed member by member. That other tools read ours is shown by
 * tests/integration/test_keyfile_ox.mjs. */
#include "cli_run.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/keyfile.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ethereum.org, "Web3 Secret Storage Definition", test vectors; passphrase testpassword. */
static const char secret_hex[] = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";
static const char pbkdf2_file[] =
    "{\"crypto\":{\"cipher\":\"aes-128-ctr\",\"cipherparams\":{\"iv\":\"6087dab2f9fdbbfaddc31a909735c1e6\"},"
    "\"ciphertext\":\"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46\",\"kdf\":\"pbkdf2\","
    "\"kdfparams\":{\"c\":262144,\"dklen\":32,\"prf\":\"hmac-sha256\","
    "\"salt\":\"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd\"},"
    "\"mac\":\"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2\"},"
    "\"id\":\"3198bc9c-6672-5ab3-d995-4942343ae5b6\",\"version\":3}";
static const char scrypt_file[] =
    "{\"crypto\":{\"cipher\":\"aes-128-ctr\",\"cipherparams\":{\"iv\":\"83dbcc02d8ccb40e466191a123791e0e\"},"
    "\"ciphertext\":\"d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c\",\"kdf\":\"scrypt\","
    "\"kdfparams\":{\"dklen\":32,\"n\":262144,\"p\":8,\"r\":1,"
    "\"salt\":\"ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19\"},"
    "\"mac\":\"2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097\"},"
    "\"id\":\"3198bc9c-6672-5ab3-d995-4942343ae5b6\",\"version\":3}";

struct world {
    struct pp_temp_dir dir;
    struct pp_crypto *crypto;
    char path[300];
    struct pp_passphrase passphrase;
};

static void world_make(struct world *w)
{
    pp_temp_dir_make(&w->dir);
    ck_assert_ok(pp_crypto_open(&w->crypto));
    snprintf(w->path, sizeof w->path, "%s/a.json", w->dir.path);
    w->passphrase = (struct pp_passphrase){.length = 12};
    memcpy(w->passphrase.bytes, "testpassword", 12);
}

static void world_done(struct world *w)
{
    pp_crypto_close(w->crypto);
    pp_temp_dir_remove(&w->dir);
}

static enum pp_error file_read(struct world *w, const char *text, struct pp_key *out)
{
    unlink(w->path);
    cli_file_make(w->path, text, strlen(text));
    return pp_keyfile_read(w->crypto, w->path, PP_KEY_SECP256K1, &w->passphrase, out);
}

START_TEST(web3__vectors_of_the_specification__their_secret)
{
    static const char *const files[] = {pbkdf2_file, scrypt_file};
    struct world w;
    world_make(&w);
    for (unsigned i = 0; i < 2; i++) {
        struct pp_key key, claimed;
        static const struct pp_address none;
        ck_assert_ok(file_read(&w, files[i], &key));
        ck_assert_hex(key.secret, 32, secret_hex);
        ck_assert_ok(pp_keyfile_read_public(w.path, &claimed));
        ck_assert_int_eq(claimed.kind, PP_KEY_SECP256K1);
        ck_assert(pp_address_eq(&claimed.address, &none)); /* these files do not say it */
    }
    world_done(&w);
}
END_TEST

/* KEY-010, and KEY-002 holds for these files too. */
START_TEST(web3__written_and_read__same_key)
{
    struct world w;
    struct pp_key key, back, claimed;
    world_make(&w);
    ck_assert_ok(pp_key_make(w.crypto, PP_KEY_SECP256K1, &key));
    ck_assert_ok(pp_keyfile_write_web3(w.path, &key, &w.passphrase, pp_key_cost_least()));
    ck_assert_error(pp_keyfile_write_web3(w.path, &key, &w.passphrase, pp_key_cost_least()), PP_EXISTS);
    ck_assert_ok(pp_keyfile_read(w.crypto, w.path, PP_KEY_SECP256K1, &w.passphrase, &back));
    ck_assert_mem_eq(back.secret, key.secret, 32);
    ck_assert_ok(pp_keyfile_read_public(w.path, &claimed));
    ck_assert(pp_address_eq(&claimed.address, &key.address));
    json_t *file = json_load_file(w.path, 0, NULL);
    const json_t *params = pp_json_member(pp_json_member(file, "crypto"), "kdfparams");
    ck_assert_int_eq(json_integer_value(pp_json_member(params, "r")), 8);
    ck_assert_int_eq(json_integer_value(pp_json_member(params, "p")), 1);
    ck_assert_uint_eq(json_integer_value(pp_json_member(params, "n")), pp_key_cost_least().memory_kib);
    json_decref(file);
    ck_assert_int_eq(chmod(w.path, 0640), 0);
    ck_assert_error(pp_keyfile_read(w.crypto, w.path, PP_KEY_SECP256K1, &w.passphrase, &back), PP_EXPOSED);
    ck_assert_error(pp_keyfile_read(w.crypto, w.path, PP_KEY_ED25519, &w.passphrase, &back), PP_EXPOSED);
    ck_assert_int_eq(chmod(w.path, 0600), 0);
    ck_assert_error(pp_keyfile_read(w.crypto, w.path, PP_KEY_ED25519, &w.passphrase, &back), PP_BAD_TYPE);
    ck_assert_ok(pp_key_make(w.crypto, PP_KEY_ED25519, &key));
    ck_assert_error(pp_keyfile_write_web3(w.path, &key, &w.passphrase, pp_key_cost_least()), PP_BAD_TYPE);
    world_done(&w);
}
END_TEST

/* A cheap file of ours, changed. */
static json_t *cheap_file(struct world *w)
{
    struct pp_key key;
    unlink(w->path);
    ck_assert_ok(pp_key_make(w->crypto, PP_KEY_SECP256K1, &key));
    ck_assert_ok(pp_keyfile_write_web3(w->path, &key, &w->passphrase, pp_key_cost_least()));
    json_t *file = json_load_file(w->path, 0, NULL);
    ck_assert_ptr_nonnull(file);
    return file;
}

static void expect_changed(struct world *w, const json_t *file, const char *where, const char *member,
                           const char *value, enum pp_error expected)
{
    json_t *copy = json_deep_copy(file), *object = copy;
    struct pp_key key;
    if (strstr(where, "crypto"))
        object = json_object_get(object, "crypto");
    if (strstr(where, "kdfparams") || strstr(where, "cipherparams"))
        object = json_object_get(object, strchr(where, '.') + 1);
    if (value)
        json_object_set_new(object, member, json_loads(value, JSON_DECODE_ANY, NULL));
    else
        json_object_del(object, member);
    char *text = json_dumps(copy, 0);
    enum pp_error error = file_read(w, text, &key);
    ck_assert_msg(error == expected, "%s %s = %s: %s, not %s", where, member, value ? value : "(none)",
                  pp_error_name(error), pp_error_name(expected));
    free(text);
    json_decref(copy);
}

/* KEY-011, KEY-012, KEY-013 */
START_TEST(web3__each_member_wrong__named_and_nothing_spent)
{
#define HEX32 "\"0000000000000000000000000000000000000000000000000000000000000001\""
    static const struct {
        const char *where, *member, *value;
        enum pp_error error;
    } cases[] = {
        {"", "version", "2", PP_BAD_VERSION},
        {"", "version", "\"3\"", PP_BAD_FORMAT},
        {"", "version", NULL, PP_BAD_FORMAT},
        {"", "address", "\"0000000000000000000000000000000000000001\"", PP_BAD_KEY},
        {"", "address", "\"00\"", PP_BAD_FORMAT},
        {"", "address", "7", PP_BAD_FORMAT},
        {"", "address", NULL, PP_OK},
        {"", "crypto", "7", PP_BAD_FORMAT},
        {"crypto", "cipher", "\"aes-128-cbc\"", PP_BAD_FORMAT},
        {"crypto", "cipherparams", NULL, PP_BAD_FORMAT},
        {"crypto.cipherparams", "iv", "\"00112233445566778899aabbccddee\"", PP_BAD_FORMAT},
        {"crypto.cipherparams", "iv", "\"00112233445566778899aabbccddeeff\"",
         PP_BAD_KEY}, /* another secret, or none */
        {"crypto", "ciphertext", "\"0011\"", PP_BAD_KEY},
        {"crypto", "ciphertext", HEX32, PP_BAD_PASSPHRASE},
        {"crypto", "ciphertext", "7", PP_BAD_FORMAT},
        {"crypto", "mac", HEX32, PP_BAD_PASSPHRASE},
        {"crypto", "mac", "\"00\"", PP_BAD_FORMAT},
        {"crypto", "kdf", "\"argon2id\"", PP_BAD_FORMAT},
        {"crypto", "kdf", "\"pbkdf2\"", PP_BAD_FORMAT},
        {"crypto", "kdfparams", "[]", PP_BAD_FORMAT},
        {"crypto.kdfparams", "dklen", "64", PP_OUT_OF_RANGE},
        {"crypto.kdfparams", "dklen", NULL, PP_BAD_FORMAT},
        {"crypto.kdfparams", "n", "1", PP_OUT_OF_RANGE},
        {"crypto.kdfparams", "n", "0", PP_OUT_OF_RANGE},
        {"crypto.kdfparams", "n", "-64", PP_OUT_OF_RANGE},
        {"crypto.kdfparams", "n", "65", PP_OUT_OF_RANGE},
        {"crypto.kdfparams", "n", "128", PP_BAD_PASSPHRASE},
        {"crypto.kdfparams", "n", "2097152", PP_OUT_OF_RANGE}, /* 2 GiB with r = 8 */
        {"crypto.kdfparams", "n", "4294967296", PP_OUT_OF_RANGE},
        {"crypto.kdfparams", "n", "64.0", PP_BAD_FORMAT},
        {"crypto.kdfparams", "r", "0", PP_OUT_OF_RANGE},
        {"crypto.kdfparams", "r", "65", PP_OUT_OF_RANGE},
        {"crypto.kdfparams", "p", "0", PP_OUT_OF_RANGE},
        {"crypto.kdfparams", "p", "65", PP_OUT_OF_RANGE},
        {"crypto.kdfparams", "salt", "7", PP_BAD_FORMAT},
        {"crypto.kdfparams", "salt", "\"001\"", PP_BAD_FORMAT},
        {"crypto.kdfparams", "salt", HEX32, PP_BAD_PASSPHRASE},
        {"crypto.kdfparams", "salt",
         "\""
         "0011223344556677001122334455667700112233445566770011223344556677"
         "0011223344556677001122334455667700112233445566770011223344556677"
         "00\"",
         PP_OUT_OF_RANGE},
    };
    struct world w;
    world_make(&w);
    json_t *file = cheap_file(&w);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_changed(&w, file, cases[i].where, cases[i].member, cases[i].value, cases[i].error);
    json_decref(file);
    file = json_loads(pbkdf2_file, 0, NULL);
    expect_changed(&w, file, "crypto.kdfparams", "c", "10000001", PP_OUT_OF_RANGE);
    expect_changed(&w, file, "crypto.kdfparams", "c", "0", PP_OUT_OF_RANGE);
    expect_changed(&w, file, "crypto.kdfparams", "c", "1", PP_BAD_PASSPHRASE);
    expect_changed(&w, file, "crypto.kdfparams", "prf", "\"hmac-sha512\"", PP_BAD_FORMAT);
    json_decref(file);
    world_done(&w);
}
END_TEST

/* KEY-011: a wrong passphrase; and the file that old tools wrote with a capital. */
START_TEST(web3__wrong_passphrase_or_old_spelling__refused_or_read)
{
    struct world w;
    struct pp_key key;
    world_make(&w);
    json_t *file = cheap_file(&w);
    w.passphrase.bytes[0] ^= 1;
    ck_assert_error(pp_keyfile_read(w.crypto, w.path, PP_KEY_SECP256K1, &w.passphrase, &key),
                    PP_BAD_PASSPHRASE);
    w.passphrase.bytes[0] ^= 1;
    json_object_set(file, "Crypto", json_object_get(file, "crypto"));
    json_object_del(file, "crypto");
    char *text = json_dumps(file, 0);
    ck_assert_ok(file_read(&w, text, &key));
    free(text);
    json_decref(file);
    world_done(&w);
}
END_TEST

PP_TESTS("keyfile_web3")
PP_TEST(web3__vectors_of_the_specification__their_secret)
PP_TEST(web3__written_and_read__same_key)
PP_TEST(web3__each_member_wrong__named_and_nothing_spent)
PP_TEST(web3__wrong_passphrase_or_old_spelling__refused_or_read)
PP_TESTS_END
