#include "rlp.h"

#define SHORT_MAX 55u /* up to here one byte tells the length */
#define STRING_SHORT 0x80u
#define STRING_LONG 0xb7u
#define LIST_SHORT 0xc0u
#define LIST_LONG 0xf7u

static size_t number_length(pp_u128 value)
{
    size_t length = 0;
    for (; value != 0; value >>= 8)
        length++;
    return length;
}

static void number_bytes(struct pp_writer *w, pp_u128 value)
{
    for (size_t i = number_length(value); i > 0; i--)
        pp_write_u8(w, (uint8_t)(value >> (8 * (i - 1))));
}

static size_t header_size(size_t length)
{
    return length <= SHORT_MAX ? 1 : 1 + number_length(length);
}

static void header(struct pp_writer *w, unsigned short_form, unsigned long_form, size_t length)
{
    if (length <= SHORT_MAX) {
        pp_write_u8(w, (uint8_t)(short_form + length));
        return;
    }
    pp_write_u8(w, (uint8_t)(long_form + number_length(length)));
    number_bytes(w, length);
}

/* A single byte below 0x80 is its own encoding. */
static bool stands_alone(const uint8_t *bytes, size_t length)
{
    return length == 1 && bytes[0] < STRING_SHORT;
}

size_t rlp_number_size(pp_u128 value)
{
    return value != 0 && value < STRING_SHORT ? 1 : 1 + number_length(value);
}

size_t rlp_bytes_size(const uint8_t *bytes, size_t length)
{
    return stands_alone(bytes, length) ? 1 : header_size(length) + length;
}

void rlp_number(struct pp_writer *w, pp_u128 value)
{
    if (value != 0 && value < STRING_SHORT) {
        pp_write_u8(w, (uint8_t)value);
        return;
    }
    header(w, STRING_SHORT, STRING_LONG, number_length(value));
    number_bytes(w, value);
}

void rlp_bytes(struct pp_writer *w, const uint8_t *bytes, size_t length)
{
    if (!stands_alone(bytes, length))
        header(w, STRING_SHORT, STRING_LONG, length);
    pp_write_bytes(w, bytes, length);
}

void rlp_list(struct pp_writer *w, size_t length)
{
    header(w, LIST_SHORT, LIST_LONG, length);
}
