/* keyfile_web3.h - key files as other Ethereum tools make and read them: Web3 Secret Storage, version 3.
 *
 * Shape:  scrypt or PBKDF2-HMAC-SHA-256 of the passphrase gives 32 bytes; AES-128-CTR under the first half hides the secret;
 *         Keccak-256 of the other half and the ciphertext is the MAC. scrypt is libsodium's, the others OpenSSL's.
 * Errors: BAD_FORMAT, BAD_VERSION, BAD_KEY (a secret that is not 32 bytes), OUT_OF_RANGE (a cost outside the bounds), BAD_PASSPHRASE
 *         (or MAC or ciphertext were changed: the two cannot be told apart), NO_MEMORY.
 * Source: specs/cli.md (KEY-010 and following).
 */
#ifndef KEYFILE_WEB3_H
#define KEYFILE_WEB3_H

#include <jansson.h>
#include <pp/keyfile.h>

#define WEB3_SALT_MAX 64u
#define WEB3_IV_BYTES 16u

enum web3_kdf {
    WEB3_SCRYPT,
    WEB3_PBKDF2,
};

struct web3_file {
    bool has_address; /* not every tool writes it */
    struct pp_address address;
    enum web3_kdf kdf;
    uint32_t n, r, p;    /* SCRYPT */
    uint32_t iterations; /* PBKDF2 */
    uint8_t salt[WEB3_SALT_MAX];
    size_t salt_length;
    uint8_t iv[WEB3_IV_BYTES];
    uint8_t ciphertext[32];
    uint8_t mac[32];
};

bool web3_is(const json_t *object);
PP_MUST_CHECK enum pp_error web3_take(const json_t *object, struct web3_file *out);
PP_MUST_CHECK enum pp_error web3_unseal(const struct web3_file *file, const struct pp_passphrase *passphrase,
                                        uint8_t out_secret[32]);
/* With scrypt, r = 8, p = 1 and n = memory_kib, which is the memory that it takes. free(*out_text). */
PP_MUST_CHECK enum pp_error web3_make(const struct pp_key *key, const struct pp_passphrase *passphrase,
                                      struct pp_key_cost cost, char **out_text);

#endif
