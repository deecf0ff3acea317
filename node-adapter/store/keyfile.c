#include "store/keyfile_web3.h"

#include <pp/assert.h>
#include <pp/keyfile.h>
#include <pp/wire.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libgen.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define FILE_VERSION 1
#define FILE_MAX_BYTES 4096
#define PATH_MAX_BYTES 4096
#define PUBLIC_MAX_BYTES 32
#define SALT_BYTES crypto_pwhash_SALTBYTES
#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES
#define SEALED_BYTES (32 + TAG_BYTES)

/* KEY-004: what guessing costs at the least, and what opening a file may cost at the most. */
#define PASSES_LEAST 1u
#define PASSES_MOST 64u
#define MEMORY_LEAST_KIB 64u
#define MEMORY_MOST_KIB (1u << 20)

/* Everything of a file but the secret. */
struct envelope {
    enum pp_key_kind kind;
    uint8_t public_part[PUBLIC_MAX_BYTES];
    size_t public_length;
    struct pp_key_cost cost;
    uint8_t salt[SALT_BYTES];
    uint8_t nonce[NONCE_BYTES];
    uint8_t sealed[SEALED_BYTES];
};

struct pp_key_cost pp_key_cost_default(void)
{
    return (struct pp_key_cost){.passes = crypto_pwhash_OPSLIMIT_MODERATE,
                                .memory_kib = crypto_pwhash_MEMLIMIT_MODERATE / 1024};
}

struct pp_key_cost pp_key_cost_least(void)
{
    return (struct pp_key_cost){.passes = PASSES_LEAST, .memory_kib = MEMORY_LEAST_KIB};
}

const char *pp_key_kind_name(enum pp_key_kind kind)
{
    return kind == PP_KEY_SECP256K1 ? "secp256k1" : "ed25519";
}

/* ---- passphrases ---- */

void pp_passphrase_done(struct pp_passphrase *passphrase)
{
    sodium_memzero(passphrase, sizeof *passphrase);
}

/* Reads up to the end, or up to the first line feed when line. */
static enum pp_error passphrase_take(int descriptor, bool line, struct pp_passphrase *out)
{
    struct pp_passphrase read_so_far = {.length = 0};
    enum pp_error error = PP_OK;
    uint8_t byte;
    for (;;) {
        ssize_t got = read(descriptor, &byte, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            error = PP_IO;
        if (got <= 0 || (line && byte == '\n'))
            break;
        if (read_so_far.length == PP_PASSPHRASE_MAX_BYTES) {
            error = PP_TOO_LONG;
            break;
        }
        read_so_far.bytes[read_so_far.length++] = byte;
    }
    if (!line && read_so_far.length > 0 && read_so_far.bytes[read_so_far.length - 1] == '\n')
        read_so_far.length--;
    if (error == PP_OK && read_so_far.length == 0)
        error = PP_OUT_OF_RANGE;
    if (error == PP_OK)
        *out = read_so_far;
    pp_passphrase_done(&read_so_far);
    sodium_memzero(&byte, sizeof byte);
    return error;
}

/* KEY-002: a secret that others may read is none. */
static enum pp_error secret_file_open(const char *path, int *out)
{
    struct stat about;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return errno == ENOENT || errno == ENOTDIR ? PP_NOT_FOUND : PP_IO;
    enum pp_error error = PP_OK;
    if (fstat(descriptor, &about) != 0)
        error = PP_IO;
    else if (S_ISDIR(about.st_mode))
        error = PP_BAD_FORMAT;
    else if (S_ISREG(about.st_mode) && (about.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        error = PP_EXPOSED;
    if (error == PP_OK)
        *out = descriptor;
    else
        close(descriptor);
    return error;
}

enum pp_error pp_passphrase_read_file(const char *path, struct pp_passphrase *out)
{
    int descriptor;
    PP_TRY(secret_file_open(path, &descriptor));
    enum pp_error error = passphrase_take(descriptor, false, out);
    close(descriptor);
    return error;
}

enum pp_error pp_passphrase_read_descriptor(int descriptor, struct pp_passphrase *out)
{
    return passphrase_take(descriptor, true, out);
}

static enum pp_error line_ask(int terminal, const char *prompt, struct pp_passphrase *out)
{
    struct termios before, silent;
    if (tcgetattr(terminal, &before) != 0)
        return PP_IO;
    silent = before;
    silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
    silent.c_lflag |= ICANON | ECHONL;
    if (tcsetattr(terminal, TCSAFLUSH, &silent) != 0)
        return PP_IO;
    enum pp_error error = PP_IO;
    if (write(terminal, prompt, strlen(prompt)) == (ssize_t)strlen(prompt)) /* silent before it asks */
        error = passphrase_take(terminal, true, out);
    if (tcsetattr(terminal, TCSAFLUSH, &before) != 0 && error == PP_OK)
        error = PP_IO;
    return error;
}

enum pp_error pp_passphrase_ask(const char *prompt, bool confirm, struct pp_passphrase *out)
{
    struct pp_passphrase first, second;
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (terminal < 0)
        return PP_NOT_FOUND;
    enum pp_error error = line_ask(terminal, prompt, &first);
    if (error == PP_OK && confirm) {
        error = line_ask(terminal, "Once more: ", &second);
        if (error == PP_OK &&
            (second.length != first.length || sodium_memcmp(first.bytes, second.bytes, first.length) != 0))
            error = PP_BAD_PASSPHRASE;
        pp_passphrase_done(&second);
    }
    if (error == PP_OK)
        *out = first;
    pp_passphrase_done(&first);
    close(terminal);
    return error;
}

/* ---- keys ---- */

enum pp_error pp_key_from_secret(const struct pp_crypto *crypto, enum pp_key_kind kind,
                                 const uint8_t secret[32], struct pp_key *out)
{
    struct pp_key key = {.kind = kind};
    struct pp_receipt_secret receipt_secret;
    struct pp_secret_key scalar;
    enum pp_error error = PP_OK;
    memcpy(key.secret, secret, sizeof key.secret);
    if (kind == PP_KEY_SECP256K1) {
        memcpy(scalar.bytes, secret, sizeof scalar.bytes);
        error = pp_secret_key_address(crypto, &scalar, &key.address);
        pp_secret_key_done(&scalar);
    } else {
        pp_receipt_secret_from_seed(secret, &receipt_secret, &key.receipt_key);
        pp_receipt_secret_done(&receipt_secret);
    }
    if (error == PP_OK)
        *out = key;
    pp_key_done(&key);
    return error;
}

enum pp_error pp_key_make(const struct pp_crypto *crypto, enum pp_key_kind kind, struct pp_key *out)
{
    struct pp_secret_key secret;
    PP_TRY(pp_secret_key_make(crypto, &secret)); /* 32 random bytes; a valid scalar is as good a seed */
    enum pp_error error = pp_key_from_secret(crypto, kind, secret.bytes, out);
    pp_secret_key_done(&secret);
    return error;
}

void pp_key_secret_copy(const struct pp_key *key, struct pp_secret_key *out)
{
    PP_ASSERT(key->kind == PP_KEY_SECP256K1);
    memcpy(out->bytes, key->secret, sizeof out->bytes);
}

void pp_key_done(struct pp_key *key)
{
    sodium_memzero(key, sizeof *key);
}

static size_t public_part(const struct pp_key *key, uint8_t out[PUBLIC_MAX_BYTES])
{
    if (key->kind == PP_KEY_SECP256K1) {
        memcpy(out, key->address.bytes, sizeof key->address.bytes);
        return sizeof key->address.bytes;
    }
    memcpy(out, key->receipt_key.bytes, sizeof key->receipt_key.bytes);
    return sizeof key->receipt_key.bytes;
}

/* ---- sealing ---- */

/* KEY-003: what stands in the clear is authenticated with the secret. */
static size_t clear_bytes(const struct envelope *e, uint8_t out[128])
{
    struct pp_writer w;
    size_t length;
    pp_writer_init(&w, out, 128);
    pp_write_u8(&w, FILE_VERSION);
    pp_write_u8(&w, (uint8_t)e->kind);
    pp_write_u32(&w, e->cost.passes);
    pp_write_u32(&w, e->cost.memory_kib);
    pp_write_bytes(&w, e->salt, sizeof e->salt);
    pp_write_u8(&w, (uint8_t)e->public_length);
    pp_write_bytes(&w, e->public_part, e->public_length);
    enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK);
    return length;
}

static enum pp_error stretch(const struct envelope *e, const struct pp_passphrase *passphrase,
                             uint8_t out[32])
{
    if (crypto_pwhash(out, 32, (const char *)passphrase->bytes, passphrase->length, e->salt, e->cost.passes,
                      (size_t)e->cost.memory_kib * 1024, crypto_pwhash_ALG_ARGON2ID13) != 0)
        return PP_NO_MEMORY;
    return PP_OK;
}

static enum pp_error seal(struct envelope *e, const struct pp_passphrase *passphrase,
                          const uint8_t secret[32])
{
    uint8_t clear[128], key[32];
    size_t clear_length = clear_bytes(e, clear);
    PP_TRY(stretch(e, passphrase, key));
    crypto_aead_xchacha20poly1305_ietf_encrypt(e->sealed, NULL, secret, 32, clear, clear_length, NULL,
                                               e->nonce, key);
    sodium_memzero(key, sizeof key);
    return PP_OK;
}

static enum pp_error unseal(const struct envelope *e, const struct pp_passphrase *passphrase,
                            uint8_t out_secret[32])
{
    uint8_t clear[128], key[32], secret[32];
    size_t clear_length = clear_bytes(e, clear);
    PP_TRY(stretch(e, passphrase, key));
    int failed = crypto_aead_xchacha20poly1305_ietf_decrypt(secret, NULL, NULL, e->sealed, sizeof e->sealed,
                                                            clear, clear_length, e->nonce, key);
    sodium_memzero(key, sizeof key);
    if (failed)
        return PP_BAD_PASSPHRASE;
    memcpy(out_secret, secret, 32);
    sodium_memzero(secret, sizeof secret);
    return PP_OK;
}

/* ---- files ---- */

static json_t *hex_json(const uint8_t *bytes, size_t length)
{
    char text[2 * 64 + 1];
    PP_ASSERT(length <= 64);
    return json_string(pp_hex_print(bytes, length, text));
}

static char *envelope_print(const struct envelope *e)
{
    json_t *object =
        json_pack("{s:i, s:s, s:o, s:s, s:i, s:i, s:o, s:s, s:o, s:o}", "pennypost_key", FILE_VERSION, "kind",
                  pp_key_kind_name(e->kind), e->kind == PP_KEY_SECP256K1 ? "address" : "public_key",
                  hex_json(e->public_part, e->public_length), "stretch", "argon2id13", "passes",
                  (int)e->cost.passes, "memory_kib", (int)e->cost.memory_kib, "salt",
                  hex_json(e->salt, sizeof e->salt), "cipher", "xchacha20poly1305", "nonce",
                  hex_json(e->nonce, sizeof e->nonce), "sealed", hex_json(e->sealed, sizeof e->sealed));
    char *text = json_dumps(object, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    json_decref(object);
    return text;
}

static enum pp_error hex_member(const json_t *object, const char *name, uint8_t *out, size_t length)
{
    const json_t *member = json_object_get(object, name);
    if (!json_is_string(member) ||
        pp_hex_parse(json_string_value(member), json_string_length(member), out, length) != PP_OK)
        return PP_BAD_FORMAT;
    return PP_OK;
}

static enum pp_error number_member(const json_t *object, const char *name, uint32_t least, uint32_t most,
                                   uint32_t *out)
{
    const json_t *member = json_object_get(object, name);
    if (!json_is_integer(member))
        return PP_BAD_FORMAT;
    json_int_t value = json_integer_value(member);
    if (value < (json_int_t)least || value > (json_int_t)most)
        return PP_BAD_FORMAT;
    *out = (uint32_t)value;
    return PP_OK;
}

static bool text_member_is(const json_t *object, const char *name, const char *expected)
{
    const json_t *member = json_object_get(object, name);
    return json_is_string(member) && strcmp(json_string_value(member), expected) == 0;
}

static enum pp_error envelope_take(const json_t *object, struct envelope *out)
{
    struct envelope e = {.kind = 0};
    const json_t *version = json_object_get(object, "pennypost_key");
    if (!json_is_integer(version))
        return PP_BAD_FORMAT;
    if (json_integer_value(version) != FILE_VERSION)
        return PP_BAD_VERSION;
    if (!text_member_is(object, "stretch", "argon2id13") ||
        !text_member_is(object, "cipher", "xchacha20poly1305") || json_object_size(object) != 10)
        return PP_BAD_FORMAT;
    if (text_member_is(object, "kind", "secp256k1")) {
        e.kind = PP_KEY_SECP256K1;
        e.public_length = sizeof(struct pp_address);
        PP_TRY(hex_member(object, "address", e.public_part, e.public_length));
    } else if (text_member_is(object, "kind", "ed25519")) {
        e.kind = PP_KEY_ED25519;
        e.public_length = sizeof(struct pp_receipt_key);
        PP_TRY(hex_member(object, "public_key", e.public_part, e.public_length));
    } else {
        return PP_BAD_FORMAT;
    }
    PP_TRY(number_member(object, "passes", PASSES_LEAST, PASSES_MOST, &e.cost.passes));
    PP_TRY(number_member(object, "memory_kib", MEMORY_LEAST_KIB, MEMORY_MOST_KIB, &e.cost.memory_kib));
    PP_TRY(hex_member(object, "salt", e.salt, sizeof e.salt));
    PP_TRY(hex_member(object, "nonce", e.nonce, sizeof e.nonce));
    PP_TRY(hex_member(object, "sealed", e.sealed, sizeof e.sealed));
    *out = e;
    return PP_OK;
}

/* One JSON object; json_decref() it. */
static enum pp_error object_read(const char *path, json_t **out)
{
    char text[FILE_MAX_BYTES];
    size_t length = 0;
    ssize_t got;
    int descriptor;
    PP_TRY(secret_file_open(path, &descriptor));
    do {
        got = read(descriptor, text + length, sizeof text - length);
        length += got > 0 ? (size_t)got : 0;
    } while (got > 0 || (got < 0 && errno == EINTR));
    close(descriptor);
    if (got < 0)
        return PP_IO;
    if (length == sizeof text)
        return PP_TOO_LONG;
    json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(object)) {
        json_decref(object);
        return PP_BAD_FORMAT;
    }
    *out = object;
    return PP_OK;
}

static enum pp_error write_all(int descriptor, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t put = write(descriptor, text, length);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return PP_IO;
        text += put;
        length -= (size_t)put;
    }
    return fsync(descriptor) == 0 ? PP_OK : PP_IO;
}

static enum pp_error folder_sync(const char *path)
{
    char copy[PATH_MAX_BYTES];
    snprintf(copy, sizeof copy, "%s", path);
    int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return PP_IO;
    int failed = fsync(folder);
    close(folder);
    return failed ? PP_IO : PP_OK;
}

/* KEY-001: whole or not at all, and never over another: a temporary file is linked to its name, which fails when
 * there is one. */
static enum pp_error file_create(const char *path, const char *text)
{
    char beside[PATH_MAX_BYTES];
    if (snprintf(beside, sizeof beside, "%s.XXXXXX", path) >= (int)sizeof beside)
        return PP_TOO_LONG;
    int descriptor = mkstemp(beside); /* mode 0600 */
    if (descriptor < 0)
        return errno == ENOENT || errno == ENOTDIR ? PP_NOT_FOUND : PP_IO;
    enum pp_error error = write_all(descriptor, text, strlen(text));
    close(descriptor);
    if (error == PP_OK && link(beside, path) != 0)
        error = errno == EEXIST ? PP_EXISTS : PP_IO;
    if (unlink(beside) != 0 && error == PP_OK)
        error = PP_IO;
    return error == PP_OK ? folder_sync(path) : error;
}

enum pp_error pp_keyfile_write(const char *path, const struct pp_key *key,
                               const struct pp_passphrase *passphrase, struct pp_key_cost cost)
{
    struct envelope e = {.kind = key->kind, .cost = cost};
    PP_ASSERT(cost.passes >= PASSES_LEAST && cost.passes <= PASSES_MOST);
    PP_ASSERT(cost.memory_kib >= MEMORY_LEAST_KIB && cost.memory_kib <= MEMORY_MOST_KIB);
    if (access(path, F_OK) == 0)
        return PP_EXISTS; /* before the costly part; file_create decides */
    e.public_length = public_part(key, e.public_part);
    randombytes_buf(e.salt, sizeof e.salt);
    randombytes_buf(e.nonce, sizeof e.nonce);
    PP_TRY(seal(&e, passphrase, key->secret));
    char *text = envelope_print(&e);
    if (!text)
        return PP_NO_MEMORY;
    enum pp_error error = file_create(path, text);
    free(text);
    return error;
}

enum pp_error pp_keyfile_write_web3(const char *path, const struct pp_key *key,
                                    const struct pp_passphrase *passphrase, struct pp_key_cost cost)
{
    char *text;
    PP_ASSERT(cost.memory_kib >= MEMORY_LEAST_KIB && cost.memory_kib <= MEMORY_MOST_KIB);
    if (key->kind != PP_KEY_SECP256K1)
        return PP_BAD_TYPE;
    if (access(path, F_OK) == 0)
        return PP_EXISTS;
    PP_TRY(web3_make(key, passphrase, cost, &text));
    enum pp_error error = file_create(path, text);
    free(text);
    return error;
}

static enum pp_error envelope_open(const struct pp_crypto *crypto, const json_t *object,
                                   enum pp_key_kind kind, const struct pp_passphrase *passphrase,
                                   struct pp_key *out)
{
    struct envelope e;
    struct pp_key key;
    uint8_t secret[32], public_bytes[PUBLIC_MAX_BYTES];
    PP_TRY(envelope_take(object, &e));
    if (e.kind != kind)
        return PP_BAD_TYPE;
    PP_TRY(unseal(&e, passphrase, secret));
    enum pp_error error = pp_key_from_secret(crypto, kind, secret, &key);
    sodium_memzero(secret, sizeof secret);
    PP_TRY(error);
    if (public_part(&key, public_bytes) != e.public_length ||
        memcmp(public_bytes, e.public_part, e.public_length) != 0)
        error = PP_BAD_KEY;
    else
        *out = key;
    pp_key_done(&key);
    return error;
}

/* KEY-013: the MAC covers neither the IV nor the address, so the address, where there is one, must be that of the secret. */
static enum pp_error web3_open(const struct pp_crypto *crypto, const json_t *object, enum pp_key_kind kind,
                               const struct pp_passphrase *passphrase, struct pp_key *out)
{
    struct web3_file file;
    struct pp_key key;
    uint8_t secret[32];
    PP_TRY(web3_take(object, &file));
    if (kind != PP_KEY_SECP256K1)
        return PP_BAD_TYPE;
    PP_TRY(web3_unseal(&file, passphrase, secret));
    enum pp_error error = pp_key_from_secret(crypto, kind, secret, &key);
    sodium_memzero(secret, sizeof secret);
    PP_TRY(error);
    if (file.has_address && !pp_address_eq(&file.address, &key.address))
        error = PP_BAD_KEY;
    else
        *out = key;
    pp_key_done(&key);
    return error;
}

enum pp_error pp_keyfile_read(const struct pp_crypto *crypto, const char *path, enum pp_key_kind kind,
                              const struct pp_passphrase *passphrase, struct pp_key *out)
{
    json_t *object;
    PP_TRY(object_read(path, &object));
    enum pp_error error = web3_is(object) ? web3_open(crypto, object, kind, passphrase, out)
                                          : envelope_open(crypto, object, kind, passphrase, out);
    json_decref(object);
    return error;
}

static enum pp_error envelope_public(const json_t *object, struct pp_key *out)
{
    struct envelope e;
    PP_TRY(envelope_take(object, &e));
    struct pp_key key = {.kind = e.kind};
    if (e.kind == PP_KEY_SECP256K1)
        memcpy(key.address.bytes, e.public_part, sizeof key.address.bytes);
    else
        memcpy(key.receipt_key.bytes, e.public_part, sizeof key.receipt_key.bytes);
    *out = key;
    return PP_OK;
}

static enum pp_error web3_public(const json_t *object, struct pp_key *out)
{
    struct web3_file file;
    PP_TRY(web3_take(object, &file));
    *out = (struct pp_key){.kind = PP_KEY_SECP256K1, .address = file.address};
    return PP_OK;
}

enum pp_error pp_keyfile_read_public(const char *path, struct pp_key *out)
{
    json_t *object;
    PP_TRY(object_read(path, &object));
    enum pp_error error = web3_is(object) ? web3_public(object, out) : envelope_public(object, out);
    json_decref(object);
    return error;
}
