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

struct keygen {
    struct cli *cli;
    const char *path, *kind_name, *import, *from, *from_passphrase_file, *format;
    enum pp_key_kind kind;
    bool quick;
};

/* Of another key file: its passphrase is asked first, or stands in a file of its own. */
static bool key_from_file(const struct keygen *k, struct pp_key *out)
{
    struct cli *cli = k->cli;
    const char *common = cli->passphrase_file;
    if (k->from_passphrase_file)
        cli->passphrase_file = k->from_passphrase_file;
    bool opened = cli_key_open(cli, k->from, k->kind, out);
    cli->passphrase_file = common;
    return opened;
}

/* False: told. */
static bool key_obtain(const struct keygen *k, struct pp_key *out)
{
    struct pp_secret_key secret;
    enum pp_error error;
    if (k->from)
        return key_from_file(k, out);
    if (k->import) {
        error = secret_read(k->import, secret.bytes);
        if (error == PP_OK)
            error = pp_key_from_secret(k->cli->crypto, k->kind, secret.bytes, out);
        pp_secret_key_done(&secret);
    } else {
        error = pp_key_make(k->cli->crypto, k->kind, out);
    }
    if (error != PP_OK)
        cli_fail(k->cli, error, "%s", k->import ? k->import : "making a key");
    return error == PP_OK;
}

static int key_tell(struct cli *cli, const char *path, const struct pp_key *key)
{
    static const struct pp_address none;
    struct cli_answer answer;
    cli_answer_init(&answer, cli);
    cli_put_text(&answer, "file", "key file", path);
    cli_put_text(&answer, "kind", "kind", pp_key_kind_name(key->kind));
    if (key->kind == PP_KEY_SECP256K1 && pp_address_eq(&key->address, &none))
        cli_put_text(&answer, NULL, "address", "not in the file: the secret alone tells it");
    else if (key->kind == PP_KEY_SECP256K1)
        cli_put_bytes(&answer, "address", "address", key->address.bytes, sizeof key->address.bytes);
    else
        cli_put_bytes(&answer, "public_key", "public key", key->receipt_key.bytes,
                      sizeof key->receipt_key.bytes);
    return cli_answer_print(&answer);
}

static enum pp_error file_write(const struct keygen *k, const struct pp_key *key,
                                const struct pp_passphrase *passphrase)
{
    struct pp_key_cost cost = k->quick ? pp_key_cost_least() : pp_key_cost_default();
    if (strcmp(k->format, "web3") == 0)
        return pp_keyfile_write_web3(k->path, key, passphrase, cost);
    return pp_keyfile_write(k->path, key, passphrase, cost);
}

static int key_write(const struct keygen *k)
{
    struct pp_passphrase passphrase;
    struct pp_key key;
    if (!key_obtain(k, &key))
        return CLI_FAILED;
    if (!cli_passphrase_read(k->cli, k->path, true, &passphrase)) {
        pp_key_done(&key);
        return CLI_FAILED;
    }
    enum pp_error error = file_write(k, &key, &passphrase);
    pp_passphrase_done(&passphrase);
    int status = error == PP_OK ? key_tell(k->cli, k->path, &key) : cli_fail(k->cli, error, "%s", k->path);
    pp_key_done(&key);
    return status;
}

static int key_show(struct cli *cli, const char *path)
{
    struct pp_key key;
    enum pp_error error = pp_keyfile_read_public(path, &key);
    return error == PP_OK ? key_tell(cli, path, &key) : cli_fail(cli, error, "%s", path);
}

/* The options that contradict each other, or mean nothing. NULL: none. */
static const char *contradiction(const struct keygen *k)
{
    if (k->import && k->from)
        return "--import and --from name two secrets";
    if (k->from_passphrase_file && !k->from)
        return "--from-passphrase-file is for --from";
    if (strcmp(k->format, "pennypost") != 0 && strcmp(k->format, "web3") != 0)
        return "--format is pennypost or web3";
    if (strcmp(k->format, "web3") == 0 && k->kind != PP_KEY_SECP256K1)
        return "--format web3 is for keys of kind secp256k1";
    return NULL;
}

int cli_verb_keygen(struct cli *cli, int argc, char **argv)
{
    struct keygen k = {.cli = cli, .kind_name = "secp256k1", .format = "pennypost"};
    bool show = false;
    const struct cli_option options[] = {
        {"kind", "KIND", CLI_TEXT, &k.kind_name, 0, 0,
         "secp256k1 (signs money; the default) or ed25519 (a node's receipts)", NULL},
        {"format", "FORMAT", CLI_TEXT, &k.format, 0, 0,
         "pennypost (the default), or web3: a key file that other Ethereum tools read", NULL},
        {"import", "FILE", CLI_TEXT, &k.import, 0, 0,
         "encrypt the secret that FILE holds in hex, instead of a new one", NULL},
        {"from", "FILE", CLI_TEXT, &k.from, 0, 0,
         "encrypt the secret of this key file anew, of either format", NULL},
        {"from-passphrase-file", "FILE", CLI_TEXT, &k.from_passphrase_file, 0, 0,
         "the passphrase of --from, if it is another one", NULL},
        {"show", NULL, CLI_FLAG, &show, 0, 0, "make nothing; show the public part of an existing FILE", NULL},
        {"quick", NULL, CLI_FLAG, &k.quick, 0, 0, "make the passphrase cheap to try: for tests only", NULL},
    };
    const struct cli_syntax syntax = {options, sizeof options / sizeof options[0], 1, 1, NULL};
    char **operands;
    size_t count;
    int status;
    if (!cli_parse(cli, &syntax, argc, argv, &operands, &count, &status))
        return status;
    k.path = operands[0];
    if (show)
        return key_show(cli, k.path);
    if (strcmp(k.kind_name, "secp256k1") == 0)
        k.kind = PP_KEY_SECP256K1;
    else if (strcmp(k.kind_name, "ed25519") == 0)
        k.kind = PP_KEY_ED25519;
    else
        return cli_usage(cli, "--kind is secp256k1 or ed25519, not '%s'", k.kind_name);
    const char *wrong = contradiction(&k);
    return wrong ? cli_usage(cli, "%s", wrong) : key_write(&k);
}
