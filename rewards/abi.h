/* abi.h - 32-byte words, as Solidity's abi.encode makes them of values of a fixed size. Private to rewards/. */
#ifndef PP_REWARDS_ABI_H
#define PP_REWARDS_ABI_H

#include <pp/amount.h>
#include <pp/ids.h>

#define PP_ABI_WORD_BYTES 32u

/* Each writes one word and returns the place behind it. */
static inline uint8_t *pp_abi_number(uint8_t *word, pp_u128 value)
{
    for (unsigned i = PP_ABI_WORD_BYTES; i-- > 0; value >>= 8)
        word[i] = (uint8_t)value;
    return word + PP_ABI_WORD_BYTES;
}

static inline uint8_t *pp_abi_bytes32(uint8_t *word, const uint8_t bytes[32])
{
    memcpy(word, bytes, PP_ABI_WORD_BYTES);
    return word + PP_ABI_WORD_BYTES;
}

static inline uint8_t *pp_abi_address(uint8_t *word, const struct pp_address *address)
{
    memset(word, 0, PP_ABI_WORD_BYTES - sizeof address->bytes);
    memcpy(word + PP_ABI_WORD_BYTES - sizeof address->bytes, address->bytes, sizeof address->bytes);
    return word + PP_ABI_WORD_BYTES;
}

#endif
