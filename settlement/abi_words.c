#include "abi_words.h"

static void zeros_write(struct pp_writer *w, size_t count)
{
    static const uint8_t zeros[32];
    pp_write_bytes(w, zeros, count);
}

void word_write(struct pp_writer *w, pp_u128 value)
{
    zeros_write(w, 16);
    pp_write_u64(w, (uint64_t)(value >> 64));
    pp_write_u64(w, (uint64_t)value);
}

void word_write_hash(struct pp_writer *w, const uint8_t hash[32])
{
    pp_write_bytes(w, hash, 32);
}

void word_write_address(struct pp_writer *w, const struct pp_address *address)
{
    zeros_write(w, 12);
    pp_write_bytes(w, address->bytes, sizeof address->bytes);
}

void word_write_signature(struct pp_writer *w, const struct pp_signature *signature)
{
    word_write_hash(w, signature->bytes);
    word_write_hash(w, signature->bytes + 32);
    word_write(w, signature->bytes[64]);
}

static void zeros_read(struct pp_reader *r, size_t count)
{
    const uint8_t *bytes = pp_read_slice(r, count);
    for (size_t i = 0; bytes && i < count; i++)
        if (bytes[i] != 0)
            pp_reader_fail(r, PP_BAD_FORMAT);
}

pp_u128 word_read(struct pp_reader *r, unsigned bits)
{
    zeros_read(r, 16);
    pp_u128 value = (pp_u128)pp_read_u64(r) << 64;
    value |= pp_read_u64(r);
    if (bits < 128 && value >> bits != 0)
        pp_reader_fail(r, PP_BAD_FORMAT);
    return r->error == PP_OK ? value : 0;
}

uint64_t word_read_u64(struct pp_reader *r)
{
    return (uint64_t)word_read(r, 64);
}

uint32_t word_read_u32(struct pp_reader *r)
{
    return (uint32_t)word_read(r, 32);
}

struct pp_grains word_read_grains(struct pp_reader *r)
{
    struct pp_grains grains = PP_GRAINS_ZERO;
    if (pp_grains_from_u128(word_read(r, 96), &grains) != PP_OK)
        pp_reader_fail(r, PP_BAD_FORMAT);
    return grains;
}

struct pp_units word_read_units_u128(struct pp_reader *r)
{
    pp_u128 value = word_read(r, 128);
    if (value > UINT64_MAX) {
        pp_reader_fail(r, PP_OVERFLOW);
        return PP_UNITS_ZERO;
    }
    return pp_units((uint64_t)value);
}

void word_read_address(struct pp_reader *r, struct pp_address *out)
{
    zeros_read(r, 12);
    pp_read_bytes(r, out->bytes, sizeof out->bytes);
}
