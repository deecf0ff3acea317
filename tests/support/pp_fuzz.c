#include "pp_fuzz.h"

#include "pp_test.h"

#include <stdio.h>
#include <stdlib.h>

#define EVERY_UP_TO 600 /* bytes: longer messages get samples */
#define SAMPLES 200
#define MUTANTS 200
#define SHOWN_BYTES 4096

static _Noreturn void fail_with(const char *what, const uint8_t *bytes, size_t length)
{
    static char text[2 * SHOWN_BYTES + 1]; /* the test ends here */
    pp_hex_print(bytes, length < SHOWN_BYTES ? length : SHOWN_BYTES, text);
    ck_abort_msg("%s: %zu bytes %s", what, length, text);
    abort();
}

/* Decodes a copy of just this size, so that the sanitizer sees a read behind its end; then the property. */
static bool decode_encode(const struct pp_fuzz_message *message, const uint8_t *bytes, size_t length)
{
    uint8_t *exact = malloc(length ? length : 1);
    uint8_t *back = malloc(message->most ? message->most : 1);
    pp_expect(exact && back);
    if (length)
        memcpy(exact, bytes, length);
    bool accepted = message->decode(message->state, exact, length) == PP_OK;
    if (accepted) {
        size_t back_length = message->encode(message->state, back, message->most);
        if (back_length != length || memcmp(back, exact, length) != 0)
            fail_with("accepted, but encodes to other bytes", bytes, length);
    }
    free(back);
    free(exact);
    return accepted;
}

static void truncations_check(const struct pp_fuzz_message *message, struct pp_rng *rng, const uint8_t *bytes,
                              size_t length)
{
    size_t count = length <= EVERY_UP_TO ? length : SAMPLES;
    uint8_t *longer = malloc(length + 16);
    for (size_t i = 0; i < count; i++) {
        size_t cut = length <= EVERY_UP_TO ? i : pp_rng_below(rng, length);
        if (decode_encode(message, bytes, cut) && !message->open_ended)
            fail_with("a truncation is accepted", bytes, cut);
    }
    pp_expect(longer != NULL);
    memcpy(longer, bytes, length);
    for (size_t more = 1; more <= 16; more++) {
        longer[length + more - 1] = (uint8_t)(more % 2 ? 0 : 0xff);
        if (decode_encode(message, longer, length + more) && !message->open_ended)
            fail_with("trailing bytes are accepted", longer, length + more);
    }
    free(longer);
}

static void flips_check(const struct pp_fuzz_message *message, struct pp_rng *rng, const uint8_t *bytes,
                        size_t length)
{
    size_t bits = 8 * length, count = length <= EVERY_UP_TO ? bits : 8 * SAMPLES;
    uint8_t *flipped = malloc(length);
    pp_expect(flipped != NULL);
    for (size_t i = 0; i < count; i++) {
        size_t bit = length <= EVERY_UP_TO ? i : pp_rng_below(rng, bits);
        memcpy(flipped, bytes, length);
        flipped[bit / 8] ^= (uint8_t)(1u << bit % 8);
        decode_encode(message, flipped, length);
        if (message->seal) {
            message->seal(flipped, length);
            decode_encode(message, flipped, length);
        }
    }
    free(flipped);
}

size_t pp_fuzz_mutate(struct pp_rng *rng, uint8_t *bytes, size_t length, size_t capacity)
{
    static const uint8_t edges[] = {0x00, 0x01, 0x7f, 0x80, 0xff, 0xfe};
    size_t at = length ? pp_rng_below(rng, length) : 0;
    size_t piece = length ? 1 + pp_rng_below(rng, length - at < 16 ? length - at : 16) : 0;
    switch (pp_rng_below(rng, 5)) {
    case 0:
        for (size_t i = 0; i < piece; i++)
            bytes[at + i] = (uint8_t)pp_rng_u64(rng);
        return length;
    case 1:
        for (size_t i = 0; i < piece; i++)
            bytes[at + i] = edges[pp_rng_below(rng, sizeof edges)];
        return length;
    case 2:
        if (length < piece)
            return length;
        memmove(bytes + at, bytes + at + piece, length - at - piece);
        return length - piece;
    case 3:
        if (length + piece > capacity)
            return length;
        memmove(bytes + at + piece, bytes + at, length - at);
        return length + piece;
    default:
        if (length > piece) {
            size_t to = pp_rng_below(rng, length - piece + 1);
            memmove(bytes + to, bytes + at, piece);
        }
        return length;
    }
}

static void mutants_check(const struct pp_fuzz_message *message, struct pp_rng *rng, const uint8_t *bytes,
                          size_t length)
{
    size_t capacity = length + 64;
    uint8_t *mutant = malloc(capacity);
    pp_expect(mutant != NULL);
    for (unsigned i = 0; i < MUTANTS; i++) {
        size_t mutant_length = length;
        memcpy(mutant, bytes, length);
        for (uint64_t changes = 1 + pp_rng_below(rng, 4); changes > 0; changes--)
            mutant_length = pp_fuzz_mutate(rng, mutant, mutant_length, capacity);
        if (message->seal && mutant_length > 0)
            message->seal(mutant, mutant_length);
        if (mutant_length <= message->most)
            decode_encode(message, mutant, mutant_length);
    }
    free(mutant);
}

void pp_fuzz_run(const struct pp_fuzz_message *message, uint64_t seed, unsigned rounds)
{
    struct pp_rng rng;
    uint8_t *bytes = malloc(message->most);
    pp_expect(bytes != NULL);
    pp_rng_init(&rng, seed);
    for (unsigned round = 0; round < rounds; round++) {
        size_t length = message->make(message->state, &rng, bytes);
        pp_expect(length > 0 && length <= message->most);
        if (!decode_encode(message, bytes, length))
            fail_with("a valid message is refused", bytes, length);
        truncations_check(message, &rng, bytes, length);
        flips_check(message, &rng, bytes, length);
        mutants_check(message, &rng, bytes, length);
    }
    free(bytes);
}
