#include "store/keyfile_web3.h"

#include <pp/assert.h>
#include <pp/hash.h>

#include <openssl/evp.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define VERSION 3
#define DERIVED_BYTES 32u

/* KEY-012: what opening a file may cost at the most. scrypt takes 128 n r bytes, and time in proportion to n r p. */
#define SCRYPT_MEMORY_MOST_BYTES (UINT64_C(1) << 30)
#define SCRYPT_WORK_MOST (UINT64_C(1) << 25) /* sixteen times what geth asks for */
#define SCRYPT_R_MOST 64u
#define SCRYPT_P_MOST 64u
#define PBKDF2_ITERATIONS_MOST 10000000u /* forty times the usual 262144: some ten seconds */

#define SCRYPT_R_WRITTEN 8u
#define SALT_WRITTEN 32u

/* ---- reading ---- */

/* Some old tools wrote it with a capital. */
static const json_t *crypto_of(const json_t *object)
{
    const json_t *crypto = json_object_get(object, "crypto");
    return crypto ? crypto : json_object_get(object, "Crypto");
}

bool web3_is(const json_t *object)
{
    return json_object_get(object, "pennypost_key") == NULL && crypto_of(object) != NULL;
}

static enum pp_error hex_get(const json_t *object, const char *name, uint8_t *out, size_t length)
{
    const json_t *member = json_object_get(object, name);
    if (!json_is_string(member))
        return PP_BAD_FORMAT;
    return pp_hex_parse(json_string_value(member), json_string_length(member), out, length);
}

static enum pp_error number_get(const json_t *object, const char *name, uint32_t most, uint32_t *out)
{
    const json_t *member = json_object_get(object, name);
    if (!json_is_integer(member))
        return PP_BAD_FORMAT;
    json_int_t value = json_integer_value(member);
    if (value < 1 || value > (json_int_t)most)
        return PP_OUT_OF_RANGE;
    *out = (uint32_t)value;
    return PP_OK;
}

static bool text_is(const json_t *object, const char *name, const char *expected)
{
    const json_t *member = json_object_get(object, name);
    return json_is_string(member) && strcmp(json_string_value(member), expected) == 0;
}

static enum pp_error salt_get(const json_t *params, struct web3_file *file)
{
    const json_t *salt = json_object_get(params, "salt");
    size_t digits = json_string_length(salt);
    if (!json_is_string(salt))
        return PP_BAD_FORMAT;
    if (strncmp(json_string_value(salt), "0x", 2) == 0)
        digits -= 2;
    if (digits > (size_t)2 * WEB3_SALT_MAX)
        return PP_OUT_OF_RANGE;
    file->salt_length = digits / 2;
    return pp_hex_parse(json_string_value(salt), json_string_length(salt), file->salt, file->salt_length);
}

static enum pp_error scrypt_get(const json_t *params, struct web3_file *file)
{
    file->kdf = WEB3_SCRYPT;
    PP_TRY(number_get(params, "n", UINT32_MAX, &file->n));
    PP_TRY(number_get(params, "r", SCRYPT_R_MOST, &file->r));
    PP_TRY(number_get(params, "p", SCRYPT_P_MOST, &file->p));
    uint64_t blocks = (uint64_t)file->n * file->r;
    if (file->n < 2 || (file->n & (file->n - 1)) != 0 || blocks > SCRYPT_MEMORY_MOST_BYTES / 128 ||
        blocks * file->p > SCRYPT_WORK_MOST)
        return PP_OUT_OF_RANGE;
    return PP_OK;
}

static enum pp_error pbkdf2_get(const json_t *params, struct web3_file *file)
{
    file->kdf = WEB3_PBKDF2;
    if (!text_is(params, "prf", "hmac-sha256"))
        return PP_BAD_FORMAT;
    return number_get(params, "c", PBKDF2_ITERATIONS_MOST, &file->iterations);
}

static enum pp_error kdf_get(const json_t *crypto, struct web3_file *file)
{
    const json_t *params = json_object_get(crypto, "kdfparams");
    uint32_t length;
    if (!json_is_object(params))
        return PP_BAD_FORMAT;
    PP_TRY(number_get(params, "dklen", UINT32_MAX, &length));
    if (length != DERIVED_BYTES)
        return PP_OUT_OF_RANGE;
    PP_TRY(salt_get(params, file));
    if (text_is(crypto, "kdf", "scrypt"))
        return scrypt_get(params, file);
    return text_is(crypto, "kdf", "pbkdf2") ? pbkdf2_get(params, file) : PP_BAD_FORMAT;
}

static enum pp_error ciphertext_get(const json_t *crypto, struct web3_file *file)
{
    enum pp_error error = hex_get(crypto, "ciphertext", file->ciphertext, sizeof file->ciphertext);
    const json_t *text = json_object_get(crypto, "ciphertext");
    return error != PP_OK && json_is_string(text) && json_string_length(text) != 2 * sizeof file->ciphertext
               ? PP_BAD_KEY
               : error;
}

enum pp_error web3_take(const json_t *object, struct web3_file *out)
{
    struct web3_file file = {.has_address = json_object_get(object, "address") != NULL};
    const json_t *crypto = crypto_of(object), *version = json_object_get(object, "version");
    if (!json_is_integer(version) || !json_is_object(crypto))
        return PP_BAD_FORMAT;
    if (json_integer_value(version) != VERSION)
        return PP_BAD_VERSION;
    if (file.has_address)
        PP_TRY(hex_get(object, "address", file.address.bytes, sizeof file.address.bytes));
    if (!text_is(crypto, "cipher", "aes-128-ctr"))
        return PP_BAD_FORMAT;
    PP_TRY(hex_get(json_object_get(crypto, "cipherparams"), "iv", file.iv, sizeof file.iv));
    PP_TRY(ciphertext_get(crypto, &file));
    PP_TRY(hex_get(crypto, "mac", file.mac, sizeof file.mac));
    PP_TRY(kdf_get(crypto, &file));
    *out = file;
    return PP_OK;
}

/* ---- the secret ---- */

static enum pp_error derive(const struct web3_file *file, const struct pp_passphrase *passphrase,
                            uint8_t out[DERIVED_BYTES])
{
    if (file->kdf == WEB3_SCRYPT)
        return crypto_pwhash_scryptsalsa208sha256_ll(passphrase->bytes, passphrase->length, file->salt,
                                                     file->salt_length, file->n, file->r, file->p, out,
                                                     DERIVED_BYTES) == 0
                   ? PP_OK
                   : PP_NO_MEMORY;
    return PKCS5_PBKDF2_HMAC((const char *)passphrase->bytes, (int)passphrase->length, file->salt,
                             (int)file->salt_length, (int)file->iterations, EVP_sha256(), DERIVED_BYTES,
                             out) == 1
               ? PP_OK
               : PP_NO_MEMORY;
}

/* The counter mode is its own inverse. */
static enum pp_error cipher(const uint8_t key[16], const uint8_t iv[WEB3_IV_BYTES], const uint8_t in[32],
                            uint8_t out[32])
{
    int length = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool good = context && EVP_EncryptInit_ex(context, EVP_aes_128_ctr(), NULL, key, iv) == 1 &&
                EVP_EncryptUpdate(context, out, &length, in, 32) == 1 && length == 32;
    EVP_CIPHER_CTX_free(context);
    return good ? PP_OK : PP_NO_MEMORY;
}

static void mac_of(const uint8_t derived[DERIVED_BYTES], const uint8_t ciphertext[32], uint8_t out[32])
{
    uint8_t bytes[48];
    memcpy(bytes, derived + 16, 16);
    memcpy(bytes + 16, ciphertext, 32);
    pp_keccak256(bytes, sizeof bytes, out);
    sodium_memzero(bytes, sizeof bytes);
}

enum pp_error web3_unseal(const struct web3_file *file, const struct pp_passphrase *passphrase,
                          uint8_t out_secret[32])
{
    uint8_t derived[DERIVED_BYTES], mac[32];
    enum pp_error error = derive(file, passphrase, derived);
    if (error == PP_OK) {
        mac_of(derived, file->ciphertext, mac);
        error = sodium_memcmp(mac, file->mac, sizeof mac) == 0 ? PP_OK : PP_BAD_PASSPHRASE;
    }
    if (error == PP_OK)
        error = cipher(derived, file->iv, file->ciphertext, out_secret);
    sodium_memzero(derived, sizeof derived);
    return error;
}

/* ---- writing ---- */

static json_t *hex_json(const uint8_t *bytes, size_t length)
{
    char text[2 * WEB3_SALT_MAX + 1];
    PP_ASSERT(length <= WEB3_SALT_MAX);
    return json_string(pp_hex_print(bytes, length, text));
}

/* RFC 4122, version 4: random. */
static json_t *id_json(void)
{
    uint8_t id[16];
    char hex[33], text[37];
    randombytes_buf(id, sizeof id);
    id[6] = (uint8_t)((id[6] & 0x0f) | 0x40);
    id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
    pp_hex_print(id, sizeof id, hex);
    snprintf(text, sizeof text, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
    return json_string(text);
}

static json_t *file_json(const struct web3_file *file)
{
    json_t *params = json_pack("{s:i, s:I, s:I, s:I, s:o}", "dklen", (int)DERIVED_BYTES, "n",
                               (json_int_t)file->n, "p", (json_int_t)file->p, "r", (json_int_t)file->r,
                               "salt", hex_json(file->salt, file->salt_length));
    return json_pack("{s:o, s:{s:s, s:{s:o}, s:o, s:s, s:o, s:o}, s:o, s:i}", "address",
                     hex_json(file->address.bytes, sizeof file->address.bytes), "crypto", "cipher",
                     "aes-128-ctr", "cipherparams", "iv", hex_json(file->iv, sizeof file->iv), "ciphertext",
                     hex_json(file->ciphertext, sizeof file->ciphertext), "kdf", "scrypt", "kdfparams",
                     params, "mac", hex_json(file->mac, sizeof file->mac), "id", id_json(), "version",
                     VERSION);
}

static enum pp_error seal(struct web3_file *file, const struct pp_passphrase *passphrase,
                          const uint8_t secret[32])
{
    uint8_t derived[DERIVED_BYTES];
    enum pp_error error = derive(file, passphrase, derived);
    if (error == PP_OK)
        error = cipher(derived, file->iv, secret, file->ciphertext);
    if (error == PP_OK)
        mac_of(derived, file->ciphertext, file->mac);
    sodium_memzero(derived, sizeof derived);
    return error;
}

enum pp_error web3_make(const struct pp_key *key, const struct pp_passphrase *passphrase,
                        struct pp_key_cost cost, char **out_text)
{
    struct web3_file file = {.has_address = true,
                             .address = key->address,
                             .kdf = WEB3_SCRYPT,
                             .n = cost.memory_kib,
                             .r = SCRYPT_R_WRITTEN,
                             .p = 1,
                             .salt_length = SALT_WRITTEN};
    PP_ASSERT(key->kind == PP_KEY_SECP256K1 && (file.n & (file.n - 1)) == 0);
    randombytes_buf(file.salt, file.salt_length);
    randombytes_buf(file.iv, sizeof file.iv);
    PP_TRY(seal(&file, passphrase, key->secret));
    json_t *object = file_json(&file);
    char *text = object ? json_dumps(object, JSON_INDENT(2) | JSON_PRESERVE_ORDER) : NULL;
    json_decref(object);
    if (!text)
        return PP_NO_MEMORY;
    *out_text = text;
    return PP_OK;
}
