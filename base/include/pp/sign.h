/* pp/sign.h - keys and signatures: secp256k1 (vouchers, refunds, reports, transactions), Ed25519 (receipts, quotes).
 *
 * Own:    a pp_crypto is made once, is immutable after, and may be shared by threads. Secrets are wiped by _done.
 * Errors: BAD_KEY, BAD_SIGNATURE, SIGNATURE_NOT_LOW_S.
 */
#ifndef PP_SIGN_H
#define PP_SIGN_H

#include <pp/ids.h>

struct pp_crypto; /* libsecp256k1's context, randomized */

PP_MUST_CHECK enum pp_error pp_crypto_open(struct pp_crypto **out);
void pp_crypto_close(struct pp_crypto *crypto);

struct pp_secret_key {
    uint8_t bytes[32];
};
struct pp_public_key {
    uint8_t opaque[64]; /* parsed, as the library holds it: not a wire format */
};

PP_MUST_CHECK enum pp_error pp_secret_key_make(const struct pp_crypto *crypto, struct pp_secret_key *out);
PP_MUST_CHECK enum pp_error pp_secret_key_check(const struct pp_crypto *crypto,
                                                const struct pp_secret_key *key);
void pp_secret_key_done(struct pp_secret_key *key);
PP_MUST_CHECK enum pp_error pp_public_key_of(const struct pp_crypto *crypto, const struct pp_secret_key *key,
                                             struct pp_public_key *out);
/* The EVM address: the last 20 bytes of Keccak-256 of the uncompressed key. */
void pp_public_key_address(const struct pp_crypto *crypto, const struct pp_public_key *key,
                           struct pp_address *out);
PP_MUST_CHECK enum pp_error pp_secret_key_address(const struct pp_crypto *crypto,
                                                  const struct pp_secret_key *key, struct pp_address *out);

/* RFC 6979, low s, v 27 or 28. */
PP_MUST_CHECK enum pp_error pp_sign(const struct pp_crypto *crypto, const struct pp_secret_key *key,
                                    const struct pp_hash *digest, struct pp_signature *out);
/* Who signed: refuses high s (SIGNATURE_NOT_LOW_S), v other than 27 and 28, and anything that recovers no key. */
PP_MUST_CHECK enum pp_error pp_recover(const struct pp_crypto *crypto, const struct pp_signature *signature,
                                       const struct pp_hash *digest, struct pp_public_key *out);
/* Recovers and compares: BAD_SIGNATURE when it is another account's. out_key may be NULL. */
PP_MUST_CHECK enum pp_error pp_verify_address(const struct pp_crypto *crypto,
                                              const struct pp_signature *signature,
                                              const struct pp_hash *digest, const struct pp_address *expected,
                                              struct pp_public_key *out_key);
/* With a parsed key: about 15 % cheaper. v must be 27 or 28 but is not compared: see pp_signature_fix_v. */
PP_MUST_CHECK enum pp_error pp_verify(const struct pp_crypto *crypto, const struct pp_signature *signature,
                                      const struct pp_hash *digest, const struct pp_public_key *key);
/* Sets v to the value under which the signature recovers `expected`; BAD_SIGNATURE when neither does. */
PP_MUST_CHECK enum pp_error pp_signature_fix_v(const struct pp_crypto *crypto, struct pp_signature *signature,
                                               const struct pp_hash *digest,
                                               const struct pp_address *expected);

/* Ed25519 by libsodium. */
struct pp_receipt_secret {
    uint8_t bytes[64];
};
struct pp_receipt_key {
    uint8_t bytes[32];
};
struct pp_receipt_signature {
    uint8_t bytes[64];
};
void pp_receipt_secret_from_seed(const uint8_t seed[32], struct pp_receipt_secret *out,
                                 struct pp_receipt_key *out_key);
void pp_receipt_secret_done(struct pp_receipt_secret *secret);
void pp_receipt_sign(const struct pp_receipt_secret *secret, const struct pp_hash *digest,
                     struct pp_receipt_signature *out);
PP_MUST_CHECK enum pp_error pp_receipt_verify(const struct pp_receipt_key *key, const struct pp_hash *digest,
                                              const struct pp_receipt_signature *signature);

#endif
