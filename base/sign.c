#include <pp/assert.h>
#include <pp/hash.h>
#include <pp/sign.h>

#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <sodium.h>
#include <stdlib.h>

#define COMPACT_BYTES 64
#define V_BASE 27

struct pp_crypto {
    secp256k1_context *context;
};

_Static_assert(sizeof(secp256k1_pubkey) == sizeof(struct pp_public_key),
               "a public key is held as the library holds it");
_Static_assert(crypto_sign_SECRETKEYBYTES == sizeof(struct pp_receipt_secret),
               "an Ed25519 secret is 64 bytes");

enum pp_error pp_crypto_open(struct pp_crypto **out)
{
    uint8_t seed[32];
    if (sodium_init() < 0)
        return PP_SYSTEM;
    struct pp_crypto *crypto = malloc(sizeof *crypto);
    if (!crypto)
        return PP_NO_MEMORY;
    crypto->context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    randombytes_buf(seed, sizeof seed);
    int randomized = secp256k1_context_randomize(crypto->context, seed);
    sodium_memzero(seed, sizeof seed);
    PP_ASSERT(randomized == 1);
    *out = crypto;
    return PP_OK;
}

void pp_crypto_close(struct pp_crypto *crypto)
{
    if (!crypto)
        return;
    secp256k1_context_destroy(crypto->context);
    free(crypto);
}

enum pp_error pp_secret_key_check(const struct pp_crypto *crypto, const struct pp_secret_key *key)
{
    return secp256k1_ec_seckey_verify(crypto->context, key->bytes) ? PP_OK : PP_BAD_KEY;
}

enum pp_error pp_secret_key_make(const struct pp_crypto *crypto, struct pp_secret_key *out)
{
    do
        randombytes_buf(out->bytes, sizeof out->bytes);
    while (pp_secret_key_check(crypto, out) != PP_OK);
    return PP_OK;
}

void pp_secret_key_done(struct pp_secret_key *key)
{
    sodium_memzero(key, sizeof *key);
}

static void public_key_set(struct pp_public_key *key, const secp256k1_pubkey *parsed)
{
    memcpy(key->opaque, parsed, sizeof *parsed);
}

static secp256k1_pubkey public_key_get(const struct pp_public_key *key)
{
    secp256k1_pubkey parsed;
    memcpy(&parsed, key->opaque, sizeof parsed);
    return parsed;
}

enum pp_error pp_public_key_of(const struct pp_crypto *crypto, const struct pp_secret_key *key,
                               struct pp_public_key *out)
{
    secp256k1_pubkey parsed;
    if (!secp256k1_ec_pubkey_create(crypto->context, &parsed, key->bytes))
        return PP_BAD_KEY;
    public_key_set(out, &parsed);
    return PP_OK;
}

void pp_public_key_address(const struct pp_crypto *crypto, const struct pp_public_key *key,
                           struct pp_address *out)
{
    secp256k1_pubkey parsed = public_key_get(key);
    uint8_t point[65]; /* 0x04 | x | y; the account is of x | y */
    size_t length = sizeof point;
    uint8_t hash[32];
    int serialized =
        secp256k1_ec_pubkey_serialize(crypto->context, point, &length, &parsed, SECP256K1_EC_UNCOMPRESSED);
    PP_ASSERT(serialized == 1 && length == sizeof point);
    pp_keccak256(point + 1, sizeof point - 1, hash);
    memcpy(out->bytes, hash + 12, sizeof out->bytes);
}

enum pp_error pp_secret_key_address(const struct pp_crypto *crypto, const struct pp_secret_key *key,
                                    struct pp_address *out)
{
    struct pp_public_key public_key;
    PP_TRY(pp_public_key_of(crypto, key, &public_key));
    pp_public_key_address(crypto, &public_key, out);
    return PP_OK;
}

enum pp_error pp_sign(const struct pp_crypto *crypto, const struct pp_secret_key *key,
                      const struct pp_hash *digest, struct pp_signature *out)
{
    secp256k1_ecdsa_recoverable_signature signature;
    int recovery_id;
    if (!secp256k1_ecdsa_sign_recoverable(crypto->context, &signature, digest->bytes, key->bytes, NULL, NULL))
        return PP_BAD_KEY;
    secp256k1_ecdsa_recoverable_signature_serialize_compact(crypto->context, out->bytes, &recovery_id,
                                                            &signature);
    /* Ids 2 and 3 need an r within 2^-127 of the group order: nobody can make one. */
    PP_ASSERT(recovery_id == 0 || recovery_id == 1);
    out->bytes[COMPACT_BYTES] = (uint8_t)(V_BASE + recovery_id);
    return PP_OK;
}

/* What every signature must hold before any curve arithmetic: v is 27 or 28, s is at most half the group order. */
static enum pp_error form_check(const struct pp_signature *signature)
{
    static const uint8_t half_order[32] = {0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                           0xff, 0xff, 0xff, 0xff, 0xff, 0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4,
                                           0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0};
    uint8_t v = signature->bytes[COMPACT_BYTES];
    if (v != V_BASE && v != V_BASE + 1)
        return PP_BAD_SIGNATURE;
    return memcmp(signature->bytes + 32, half_order, 32) > 0 ? PP_SIGNATURE_NOT_LOW_S : PP_OK;
}

enum pp_error pp_recover(const struct pp_crypto *crypto, const struct pp_signature *signature,
                         const struct pp_hash *digest, struct pp_public_key *out)
{
    secp256k1_ecdsa_recoverable_signature parsed;
    secp256k1_pubkey key;
    PP_TRY(form_check(signature));
    if (!secp256k1_ecdsa_recoverable_signature_parse_compact(crypto->context, &parsed, signature->bytes,
                                                             signature->bytes[COMPACT_BYTES] - V_BASE) ||
        !secp256k1_ecdsa_recover(crypto->context, &key, &parsed, digest->bytes))
        return PP_BAD_SIGNATURE;
    public_key_set(out, &key);
    return PP_OK;
}

enum pp_error pp_verify_address(const struct pp_crypto *crypto, const struct pp_signature *signature,
                                const struct pp_hash *digest, const struct pp_address *expected,
                                struct pp_public_key *out_key)
{
    struct pp_public_key key;
    struct pp_address signer;
    PP_TRY(pp_recover(crypto, signature, digest, &key));
    pp_public_key_address(crypto, &key, &signer);
    if (!pp_address_eq(&signer, expected))
        return PP_BAD_SIGNATURE;
    if (out_key)
        *out_key = key;
    return PP_OK;
}

enum pp_error pp_verify(const struct pp_crypto *crypto, const struct pp_signature *signature,
                        const struct pp_hash *digest, const struct pp_public_key *key)
{
    secp256k1_ecdsa_signature parsed;
    secp256k1_pubkey public_key = public_key_get(key);
    PP_TRY(form_check(signature));
    if (!secp256k1_ecdsa_signature_parse_compact(crypto->context, &parsed, signature->bytes) ||
        !secp256k1_ecdsa_verify(crypto->context, &parsed, digest->bytes, &public_key))
        return PP_BAD_SIGNATURE;
    return PP_OK;
}

enum pp_error pp_signature_fix_v(const struct pp_crypto *crypto, struct pp_signature *signature,
                                 const struct pp_hash *digest, const struct pp_address *expected)
{
    struct pp_signature candidate = *signature;
    enum pp_error error = PP_BAD_SIGNATURE;
    for (int id = 0; id <= 1 && error == PP_BAD_SIGNATURE; id++) {
        candidate.bytes[COMPACT_BYTES] = (uint8_t)(V_BASE + id);
        error = pp_verify_address(crypto, &candidate, digest, expected, NULL);
    }
    if (error == PP_OK)
        *signature = candidate;
    return error;
}

void pp_receipt_secret_from_seed(const uint8_t seed[32], struct pp_receipt_secret *out,
                                 struct pp_receipt_key *out_key)
{
    crypto_sign_seed_keypair(out_key->bytes, out->bytes, seed);
}

void pp_receipt_secret_done(struct pp_receipt_secret *secret)
{
    sodium_memzero(secret, sizeof *secret);
}

void pp_receipt_sign(const struct pp_receipt_secret *secret, const struct pp_hash *digest,
                     struct pp_receipt_signature *out)
{
    crypto_sign_detached(out->bytes, NULL, digest->bytes, sizeof digest->bytes, secret->bytes);
}

enum pp_error pp_receipt_verify(const struct pp_receipt_key *key, const struct pp_hash *digest,
                                const struct pp_receipt_signature *signature)
{
    return crypto_sign_verify_detached(signature->bytes, digest->bytes, sizeof digest->bytes, key->bytes) == 0
               ? PP_OK
               : PP_BAD_SIGNATURE;
}
