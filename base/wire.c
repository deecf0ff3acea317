#include <pp/assert.h>
#include <pp/wire.h>

#include <endian.h>
#include <string.h>

#define GRAINS_BYTES 12

void pp_reader_init(struct pp_reader *r, const uint8_t *bytes, size_t length)
{
    PP_ASSERT(bytes != NULL || length == 0);
    *r = (struct pp_reader){.bytes = bytes, .length = length, .error = PP_OK};
}

void pp_reader_fail(struct pp_reader *r, enum pp_error error)
{
    PP_ASSERT(error != PP_OK);
    if (r->error == PP_OK)
        r->error = error;
}

/* The one place where the cursor moves. */
const uint8_t *pp_read_slice(struct pp_reader *r, size_t length)
{
    static const uint8_t nothing = 0; /* so that an empty slice is not a fault */
    if (r->error != PP_OK)
        return NULL;
    if (length > r->length - r->offset) {
        r->error = PP_TRUNCATED;
        return NULL;
    }
    const uint8_t *slice = r->bytes ? r->bytes + r->offset : &nothing;
    r->offset += length;
    return slice;
}

static inline uint64_t read_big_endian(struct pp_reader *r, size_t length)
{
    const uint8_t *bytes = pp_read_slice(r, length);
    uint8_t word[8] = {0};
    uint64_t value;
    if (!bytes)
        return 0;
    memcpy(word + sizeof word - length, bytes, length); /* known lengths: a load and a swap each */
    memcpy(&value, word, sizeof value);
    return be64toh(value);
}

uint8_t pp_read_u8(struct pp_reader *r)
{
    return (uint8_t)read_big_endian(r, 1);
}

uint16_t pp_read_u16(struct pp_reader *r)
{
    return (uint16_t)read_big_endian(r, 2);
}

uint32_t pp_read_u32(struct pp_reader *r)
{
    return (uint32_t)read_big_endian(r, 4);
}

uint64_t pp_read_u64(struct pp_reader *r)
{
    return read_big_endian(r, 8);
}

struct pp_grains pp_read_grains(struct pp_reader *r)
{
    if (r->error == PP_OK && pp_reader_left(r) < GRAINS_BYTES) {
        r->error = PP_TRUNCATED;
        return PP_GRAINS_ZERO;
    }
    pp_u128 high = read_big_endian(r, 4);
    return (struct pp_grains){high << 64 | read_big_endian(r, 8)};
}

void pp_read_bytes(struct pp_reader *r, uint8_t *out, size_t length)
{
    const uint8_t *bytes = pp_read_slice(r, length);
    if (length == 0)
        return;
    if (bytes)
        memcpy(out, bytes, length);
    else
        memset(out, 0, length);
}

enum pp_error pp_reader_finish(struct pp_reader *r)
{
    if (r->error == PP_OK && r->offset != r->length)
        r->error = PP_TRAILING_BYTES;
    return r->error;
}

void pp_writer_init(struct pp_writer *w, uint8_t *bytes, size_t capacity)
{
    PP_ASSERT(bytes != NULL || capacity == 0);
    *w = (struct pp_writer){.bytes = bytes, .capacity = capacity, .error = PP_OK};
}

static inline uint8_t *write_slice(struct pp_writer *w, size_t length)
{
    if (w->error != PP_OK)
        return NULL;
    if (length > w->capacity - w->length) {
        w->error = PP_OVERFLOW;
        return NULL;
    }
    uint8_t *slice = w->bytes + w->length;
    w->length += length;
    return slice;
}

/* length is a constant in every call, so this is one store: leaves are written some hundred thousand times a second. */
static inline void write_big_endian(struct pp_writer *w, uint64_t value, size_t length)
{
    uint8_t *bytes = write_slice(w, length);
    if (!bytes)
        return;
    const uint64_t big = htobe64(value << (64 - 8 * length));
    memcpy(bytes, &big, length);
}

void pp_write_u8(struct pp_writer *w, uint8_t value)
{
    write_big_endian(w, value, 1);
}

void pp_write_u16(struct pp_writer *w, uint16_t value)
{
    write_big_endian(w, value, 2);
}

void pp_write_u32(struct pp_writer *w, uint32_t value)
{
    write_big_endian(w, value, 4);
}

void pp_write_u64(struct pp_writer *w, uint64_t value)
{
    write_big_endian(w, value, 8);
}

void pp_write_grains(struct pp_writer *w, struct pp_grains value)
{
    if (w->error == PP_OK && w->capacity - w->length < GRAINS_BYTES) {
        w->error = PP_OVERFLOW;
        return;
    }
    write_big_endian(w, (uint64_t)(value.raw >> 64), 4);
    write_big_endian(w, (uint64_t)value.raw, 8);
}

void pp_write_bytes(struct pp_writer *w, const uint8_t *bytes, size_t length)
{
    if (length == 0)
        return;
    uint8_t *slice = write_slice(w, length);
    if (slice)
        memcpy(slice, bytes, length);
}

enum pp_error pp_writer_finish(struct pp_writer *w, size_t *out_length)
{
    if (w->error == PP_OK)
        *out_length = w->length;
    return w->error;
}
