#include <pp/assert.h>
#include <pp/hash.h>

#include <sodium.h>

void pp_blake2b(const char *tag, const struct pp_slice *parts, size_t count, uint8_t out[32])
{
    crypto_generichash_blake2b_state state;
    uint8_t personal[crypto_generichash_blake2b_PERSONALBYTES] = {0};
    size_t tag_length = strlen(tag);
    PP_ASSERT(tag_length <= sizeof personal);
    memcpy(personal, tag, tag_length);
    crypto_generichash_blake2b_init_salt_personal(&state, NULL, 0, 32, NULL, personal);
    for (size_t i = 0; i < count; i++)
        crypto_generichash_blake2b_update(&state, parts[i].bytes, parts[i].length);
    crypto_generichash_blake2b_final(&state, out, 32);
}

void pp_blake2b_one(const char *tag, const uint8_t *bytes, size_t length, uint8_t out[32])
{
    pp_blake2b(tag, &(struct pp_slice){bytes, length}, 1, out);
}

/* Keccak-f[1600] (FIPS 202, section 3). The lane of column x and row y is a[x + 5 y].
 *
 * The step maps are written out, two rounds a turn between two sets of 25 named words, so that the compiler keeps
 * them in registers and no word is moved: four to six times the speed of the loops of the standard. */

#define KECCAK_RATE 136 /* bytes taken in between two permutations, for 256 bits out */

static const uint64_t round_constants[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b,
    0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088,
    0x0000000080008009, 0x000000008000000a, 0x000000008000808b, 0x800000000000008b, 0x8000000000008089,
    0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

#define ROTATE(word, by) ((word) << (by) | (word) >> (-(by)&63))

/* theta: what each column adds to its two neighbours. */
#define COLUMN(a, x) (a[x] ^ a[(x) + 5] ^ a[(x) + 10] ^ a[(x) + 15] ^ a[(x) + 20])
#define THETA(a)                                                                                             \
    do {                                                                                                     \
        uint64_t c0 = COLUMN(a, 0), c1 = COLUMN(a, 1), c2 = COLUMN(a, 2), c3 = COLUMN(a, 3),                 \
                 c4 = COLUMN(a, 4);                                                                          \
        d[0] = c4 ^ ROTATE(c1, 1);                                                                           \
        d[1] = c0 ^ ROTATE(c2, 1);                                                                           \
        d[2] = c1 ^ ROTATE(c3, 1);                                                                           \
        d[3] = c2 ^ ROTATE(c4, 1);                                                                           \
        d[4] = c3 ^ ROTATE(c0, 1);                                                                           \
    } while (0)

/* rho and pi: word `from` of a arrives, rotated. chi: one row of e from the five that arrived. */
#define ARRIVE(a, from, by) ROTATE(a[from] ^ d[(from) % 5], by)
#define ROW(e, a, y, f0, r0, f1, r1, f2, r2, f3, r3, f4, r4)                                                 \
    do {                                                                                                     \
        uint64_t b0 = ARRIVE(a, f0, r0), b1 = ARRIVE(a, f1, r1), b2 = ARRIVE(a, f2, r2),                     \
                 b3 = ARRIVE(a, f3, r3), b4 = ARRIVE(a, f4, r4);                                             \
        e[5 * (y) + 0] = b0 ^ (~b1 & b2);                                                                    \
        e[5 * (y) + 1] = b1 ^ (~b2 & b3);                                                                    \
        e[5 * (y) + 2] = b2 ^ (~b3 & b4);                                                                    \
        e[5 * (y) + 3] = b3 ^ (~b4 & b0);                                                                    \
        e[5 * (y) + 4] = b4 ^ (~b0 & b1);                                                                    \
    } while (0)

#define ROUND(e, a, constant)                                                                                \
    do {                                                                                                     \
        uint64_t d[5];                                                                                       \
        THETA(a);                                                                                            \
        ROW(e, a, 0, 0, 0, 6, 44, 12, 43, 18, 21, 24, 14);                                                   \
        ROW(e, a, 1, 3, 28, 9, 20, 10, 3, 16, 45, 22, 61);                                                   \
        ROW(e, a, 2, 1, 1, 7, 6, 13, 25, 19, 8, 20, 18);                                                     \
        ROW(e, a, 3, 4, 27, 5, 36, 11, 10, 17, 15, 23, 56);                                                  \
        ROW(e, a, 4, 2, 62, 8, 55, 14, 39, 15, 41, 21, 2);                                                   \
        e[0] ^= (constant);                                                                                  \
    } while (0)

static void keccak_permute(uint64_t state[25])
{
    uint64_t a[25], e[25];
    memcpy(a, state, sizeof a);
    for (unsigned i = 0; i < 24; i += 2) {
        ROUND(e, a, round_constants[i]);
        ROUND(a, e, round_constants[i + 1]);
    }
    memcpy(state, a, sizeof a);
}

static uint64_t word_of(const uint8_t bytes[8])
{
    uint64_t word = 0;
    for (unsigned i = 0; i < 8; i++)
        word |= (uint64_t)bytes[i] << (8 * i);
    return word;
}

static void keccak_absorb(uint64_t state[25], const uint8_t block[KECCAK_RATE])
{
    for (unsigned i = 0; i < KECCAK_RATE / 8; i++)
        state[i] ^= word_of(block + (size_t)8 * i);
    keccak_permute(state);
}

void pp_keccak256(const uint8_t *bytes, size_t length, uint8_t out[32])
{
    uint64_t state[25] = {0};
    uint8_t last[KECCAK_RATE] = {0};
    for (; length >= KECCAK_RATE; bytes += KECCAK_RATE, length -= KECCAK_RATE)
        keccak_absorb(state, bytes);
    if (length > 0)
        memcpy(last, bytes, length);
    last[length] = 0x01; /* Ethereum's padding; FIPS 202 has 0x06 here */
    last[KECCAK_RATE - 1] |= 0x80;
    keccak_absorb(state, last);
    for (unsigned i = 0; i < 32; i++)
        out[i] = (uint8_t)(state[i / 8] >> (8 * (i % 8)));
}
