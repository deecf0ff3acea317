/* pp/wire.h - the only code that turns bytes into numbers and back. Big-endian, one value one encoding.
 *
 * A reader or writer is sticky: after the first fault every call does nothing (a read gives zero), and _finish
 * returns the fault. Always check _finish: it refuses trailing bytes (reader).
 * Own: both borrow the buffer; slices borrow from it.
 * Errors: TRUNCATED, TRAILING_BYTES, TOO_LONG, OUT_OF_RANGE, OVERFLOW (writer: the buffer is too small).
 */
#ifndef PP_WIRE_H
#define PP_WIRE_H

#include <pp/amount.h>
#include <pp/ids.h>

struct pp_reader {
    const uint8_t *bytes;
    size_t length;
    size_t offset;
    enum pp_error error;
};

struct pp_writer {
    uint8_t *bytes;
    size_t capacity;
    size_t length;
    enum pp_error error;
};

void pp_reader_init(struct pp_reader *r, const uint8_t *bytes, size_t length);
uint8_t pp_read_u8(struct pp_reader *r);
uint16_t pp_read_u16(struct pp_reader *r);
uint32_t pp_read_u32(struct pp_reader *r);
uint64_t pp_read_u64(struct pp_reader *r);
struct pp_grains pp_read_grains(struct pp_reader *r); /* 12 bytes */
void pp_read_bytes(struct pp_reader *r, uint8_t *out, size_t length);
/* Borrows length bytes from the buffer; NULL after a fault. */
const uint8_t *pp_read_slice(struct pp_reader *r, size_t length);
/* Records a fault found by the caller, unless there is one already. */
void pp_reader_fail(struct pp_reader *r, enum pp_error error);
static inline size_t pp_reader_left(const struct pp_reader *r)
{
    return r->length - r->offset;
}
PP_MUST_CHECK enum pp_error pp_reader_finish(struct pp_reader *r);

void pp_writer_init(struct pp_writer *w, uint8_t *bytes, size_t capacity);
void pp_write_u8(struct pp_writer *w, uint8_t value);
void pp_write_u16(struct pp_writer *w, uint16_t value);
void pp_write_u32(struct pp_writer *w, uint32_t value);
void pp_write_u64(struct pp_writer *w, uint64_t value);
void pp_write_grains(struct pp_writer *w, struct pp_grains value); /* 12 bytes */
void pp_write_bytes(struct pp_writer *w, const uint8_t *bytes, size_t length);
PP_MUST_CHECK enum pp_error pp_writer_finish(struct pp_writer *w, size_t *out_length);

#endif
