/* pp/hash.h - BLAKE2b-256 for whatever only we hash, Keccak-256 for whatever the contract hashes. */
#ifndef PP_HASH_H
#define PP_HASH_H

#include <pp/ids.h>

/* A part of a hashed message; a message is hashed as if its parts stood in one buffer. */
struct pp_slice {
    const uint8_t *bytes;
    size_t length;
};

/* BLAKE2b-256 personalized with tag: at most 16 ASCII bytes, zero padded. Every tag is listed in specs/README.md. */
void pp_blake2b(const char *tag, const struct pp_slice *parts, size_t count, uint8_t out[32]);
void pp_blake2b_one(const char *tag, const uint8_t *bytes, size_t length, uint8_t out[32]);

/* Ethereum's Keccak-256 (padding 0x01). */
void pp_keccak256(const uint8_t *bytes, size_t length, uint8_t out[32]);

#endif
