/* pp/keyfile.h - keys at rest: one secret per file, encrypted under a passphrase.
 *
 * Shape:  JSON, one object (specs/cli.md, key files). What stands in the clear (version, kind, public part, cost, salt) is
 *         authenticated with the ciphertext, so no byte of the file can be changed unnoticed. Argon2id, then
 *         XChaCha20-Poly1305, both by libsodium.
 *         Files of Web3 Secret Storage, version 3, are read and written too: what other Ethereum tools have (KEY-010 and following).
 * Own:    the caller's structs; secrets and passphrases are wiped by _done. Files are made with mode 0600, whole or not
 *         at all, and never overwritten.
 * Errors: OUT_OF_RANGE (a Web3 file that costs more than is spent on one), BAD_KEY, BAD_PASSPHRASE (or the file was changed: the two cannot be told apart), BAD_FORMAT, BAD_VERSION, BAD_TYPE (another
 *         kind of key), EXPOSED (others may read it), EXISTS, NOT_FOUND, TOO_LONG, IO.
 *         A passphrase comes from a file, a descriptor or a terminal; never from an argument, the environment, or a log.
 * Source: specs/cli.md (KEY-001 and following).
 */
#ifndef PP_KEYFILE_H
#define PP_KEYFILE_H

#include <pp/sign.h>

enum pp_key_kind {
    PP_KEY_SECP256K1 = 1, /* vouchers, refunds, transactions */
    PP_KEY_ED25519 = 2,   /* a seed: receipts and quotes */
};

#define PP_PASSPHRASE_MAX_BYTES 1024u

struct pp_passphrase {
    uint8_t bytes[PP_PASSPHRASE_MAX_BYTES];
    size_t length;
};

/* The whole file without its last line feed; EXPOSED when others may read it, OUT_OF_RANGE when empty. */
PP_MUST_CHECK enum pp_error pp_passphrase_read_file(const char *path, struct pp_passphrase *out);
/* Up to the end or the first line feed. */
PP_MUST_CHECK enum pp_error pp_passphrase_read_descriptor(int descriptor, struct pp_passphrase *out);
/* From the controlling terminal, without echo; asks twice when confirm. NOT_FOUND without a terminal, BAD_PASSPHRASE when
 * the two differ. */
PP_MUST_CHECK enum pp_error pp_passphrase_ask(const char *prompt, bool confirm, struct pp_passphrase *out);
void pp_passphrase_done(struct pp_passphrase *passphrase);

/* What guessing costs. Bounded on reading, or a planted file would take all memory. */
struct pp_key_cost {
    uint32_t passes;
    uint32_t memory_kib;
};
struct pp_key_cost pp_key_cost_default(void); /* libsodium's MODERATE: 256 MiB, about a second */
struct pp_key_cost pp_key_cost_least(void); /* the smallest that is accepted: for tests and demonstrations */

/* A secret, and who it is in public. */
struct pp_key {
    enum pp_key_kind kind;
    uint8_t secret[32];                /* the secp256k1 scalar, or the Ed25519 seed */
    struct pp_address address;         /* SECP256K1 */
    struct pp_receipt_key receipt_key; /* ED25519 */
};

PP_MUST_CHECK enum pp_error pp_key_make(const struct pp_crypto *crypto, enum pp_key_kind kind,
                                        struct pp_key *out);
/* A secret that exists already. BAD_KEY. */
PP_MUST_CHECK enum pp_error pp_key_from_secret(const struct pp_crypto *crypto, enum pp_key_kind kind,
                                               const uint8_t secret[32], struct pp_key *out);
/* The secp256k1 secret as pp_sign takes it; asserts the kind. */
void pp_key_secret_copy(const struct pp_key *key, struct pp_secret_key *out);
void pp_key_done(struct pp_key *key);
const char *pp_key_kind_name(enum pp_key_kind kind); /* "secp256k1", "ed25519" */

PP_MUST_CHECK enum pp_error pp_keyfile_write(const char *path, const struct pp_key *key,
                                             const struct pp_passphrase *passphrase, struct pp_key_cost cost);
/* In the format of other Ethereum tools, by scrypt over so much memory, a power of two. BAD_TYPE: not secp256k1. */
PP_MUST_CHECK enum pp_error pp_keyfile_write_web3(const char *path, const struct pp_key *key,
                                                  const struct pp_passphrase *passphrase,
                                                  struct pp_key_cost cost);
/* Of either format. The stored public part must be that of the decrypted secret. */
PP_MUST_CHECK enum pp_error pp_keyfile_read(const struct pp_crypto *crypto, const char *path,
                                            enum pp_key_kind kind, const struct pp_passphrase *passphrase,
                                            struct pp_key *out);
/* Without the passphrase: kind and public part as the file claims them, secret zero. Not authenticated. A file of another tool may
 * not say its address: zero. */
PP_MUST_CHECK enum pp_error pp_keyfile_read_public(const char *path, struct pp_key *out);

#endif
