#include "options.h"
#include "output.h"

#include <string.h>

/* "0x" and digits: the same text that other tools take as a private key. Only from a file, never from an argument. */
static enum pp_error secret_read(const char *path, uint8_t out[32])
{
    struct pp_passphrase text; /* wiped, and refused when others may read it: as a passphrase is */
    PP_TRY(pp_passphrase_read_file(path, &text));
    enum pp_error error = pp_hex_parse((const char *)text.bytes, text.length, out, 32);
    pp_passphrase_done(&text);
    return error;
}

static enum pp_error key_obtain(struct cli *cli, enum pp_key_kind kind, const char *import,
                                struct pp_key *out)
{
    struct pp_secret_key secret;
    if (!import)
        return pp_key_make(cli->crypto, kind, out);
    PP_TRY(secret_read(import, secret.bytes));
    enum pp_error error = pp_key_from_secret(cli->crypto, kind, secret.bytes, out);
    pp_secret_key_done(&secret);
    return error;
}

static int key_tell(struct cli *cli, const char *path, const struct pp_key *key)
{
    struct cli_answer answer;
    cli_answer_init(&answer, cli);
    cli_put_text(&answer, "file", "key file", path);
    cli_put_text(&answer, "kind", "kind", pp_key_kind_name(key->kind));
    if (key->kind == PP_KEY_SECP256K1)
        cli_put_bytes(&answer, "address", "address", key->address.bytes, sizeof key->address.bytes);
    else
        cli_put_bytes(&answer, "public_key", "public key", key->receipt_key.bytes,
                      sizeof key->receipt_key.bytes);
    return cli_answer_print(&answer);
}

static int key_write(struct cli *cli, const char *path, enum pp_key_kind kind, const char *import, bool quick)
{
    struct pp_passphrase passphrase;
    struct pp_key key;
    enum pp_error error = key_obtain(cli, kind, import, &key);
    if (error != PP_OK)
        return cli_fail(cli, error, "%s", import ? import : "making a key");
    if (!cli_passphrase_read(cli, path, true, &passphrase)) {
        pp_key_done(&key);
        return CLI_FAILED;
    }
    error = pp_keyfile_write(path, &key, &passphrase, quick ? pp_key_cost_least() : pp_key_cost_default());
    pp_passphrase_done(&passphrase);
    int status = error == PP_OK ? key_tell(cli, path, &key) : cli_fail(cli, error, "%s", path);
    pp_key_done(&key);
    return status;
}

int cli_verb_keygen(struct cli *cli, int argc, char **argv)
{
    const char *kind_name = "secp256k1", *import = NULL;
    bool quick = false, show = false;
    const struct cli_option options[] = {
        {"kind", "KIND", CLI_TEXT, &kind_name, 0, 0,
         "secp256k1 (signs money; the default) or ed25519 (a node's receipts)", NULL},
        {"import", "FILE", CLI_TEXT, &import, 0, 0,
         "encrypt the secret that FILE holds in hex, instead of a new one", NULL},
        {"show", NULL, CLI_FLAG, &show, 0, 0, "make nothing; show the public part of an existing FILE", NULL},
        {"quick", NULL, CLI_FLAG, &quick, 0, 0, "make the passphrase cheap to try: for tests only", NULL},
    };
    const struct cli_syntax syntax = {options, sizeof options / sizeof options[0], 1, 1, NULL};
    char **operands;
    size_t count;
    int status;
    if (!cli_parse(cli, &syntax, argc, argv, &operands, &count, &status))
        return status;
    if (show) {
        struct pp_key key;
        enum pp_error error = pp_keyfile_read_public(operands[0], &key);
        return error == PP_OK ? key_tell(cli, operands[0], &key) : cli_fail(cli, error, "%s", operands[0]);
    }
    if (strcmp(kind_name, "secp256k1") == 0)
        return key_write(cli, operands[0], PP_KEY_SECP256K1, import, quick);
    if (strcmp(kind_name, "ed25519") == 0)
        return key_write(cli, operands[0], PP_KEY_ED25519, import, quick);
    return cli_usage(cli, "--kind is secp256k1 or ed25519, not '%s'", kind_name);
}
