/* pp_fuzz.h - one property for every message: decode, encode, decode.
 *
 * Whatever the bytes, decoding either refuses them or gives a value that encodes to just these bytes (WIRE-004). And of
 * a valid message each truncation, and each longer one, is refused.
 */
#ifndef PP_FUZZ_H
#define PP_FUZZ_H

#include "pp_fixture.h"

#include <pp/error.h>

struct pp_fuzz_message {
    size_t most; /* bytes that `make` and `encode` need */
    void *state; /* what `decode` fills and `encode` reads; the target's own */
    /* A valid message of random content; its length. */
    size_t (*make)(void *state, struct pp_rng *rng, uint8_t *out);
    enum pp_error (*decode)(void *state, const uint8_t *bytes, size_t length);
    /* Of what was decoded last. */
    size_t (*encode)(void *state, uint8_t *out, size_t capacity);
    /* Puts a checksum right after a mutation, so that what lies behind it is reached; NULL: there is none. */
    void (*seal)(uint8_t *bytes, size_t length);
    bool
        open_ended; /* a longer message may be valid: the tests of one byte more and of truncations only see that
                      * nothing is read behind the end */
};

/* Messages are made `rounds` times; each with all truncations and bit flips when short (or a sample of them), and
 * random mutations. Fails the running test with the bytes in hex. */
void pp_fuzz_run(const struct pp_fuzz_message *message, uint64_t seed, unsigned rounds);

/* One random change: bytes overwritten, a piece taken out, doubled or moved. The new length, at most capacity. */
size_t pp_fuzz_mutate(struct pp_rng *rng, uint8_t *bytes, size_t length, size_t capacity);

#endif
