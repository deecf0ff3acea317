/* Goal: bytes and numbers, both ways, and every fault named.
 * Method: a message of every kind of field; each of its truncations, each longer and each shorter buffer. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/wire.h>

#include <stdlib.h>

struct message {
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    struct pp_grains grains;
    uint8_t bytes[5];
    uint8_t slice[3];
};

#define MESSAGE_BYTES (1 + 2 + 4 + 8 + 12 + 5 + 3)

static void message_write(struct pp_writer *w, const struct message *m)
{
    pp_write_u8(w, m->u8);
    pp_write_u16(w, m->u16);
    pp_write_u32(w, m->u32);
    pp_write_u64(w, m->u64);
    pp_write_grains(w, m->grains);
    pp_write_bytes(w, m->bytes, sizeof m->bytes);
    pp_write_bytes(w, NULL, 0);
    pp_write_bytes(w, m->slice, sizeof m->slice);
}

static enum pp_error message_read(struct pp_reader *r, struct message *m)
{
    memset(m, 0xaa, sizeof *m);
    m->u8 = pp_read_u8(r);
    m->u16 = pp_read_u16(r);
    m->u32 = pp_read_u32(r);
    m->u64 = pp_read_u64(r);
    m->grains = pp_read_grains(r);
    pp_read_bytes(r, m->bytes, sizeof m->bytes);
    pp_read_bytes(r, NULL, 0);
    const uint8_t *slice = pp_read_slice(r, sizeof m->slice);
    memset(m->slice, 0, sizeof m->slice);
    if (slice)
        memcpy(m->slice, slice, sizeof m->slice);
    return pp_reader_finish(r);
}

static struct message message_make(struct pp_rng *rng)
{
    struct message m;
    memset(&m, 0, sizeof m);
    m.u8 = (uint8_t)pp_rng_edge_u64(rng);
    m.u16 = (uint16_t)pp_rng_edge_u64(rng);
    m.u32 = (uint32_t)pp_rng_edge_u64(rng);
    m.u64 = pp_rng_edge_u64(rng);
    m.grains = pp_rng_edge_grains(rng);
    pp_rng_bytes(rng, m.bytes, sizeof m.bytes);
    pp_rng_bytes(rng, m.slice, sizeof m.slice);
    return m;
}

/* Goal: big-endian, full width (WIRE-001). Method: bytes written by hand. */
START_TEST(writer__every_kind_of_field__big_endian_in_full_width)
{
    const struct message m = {0x01,
                              0x0203,
                              0x04050607,
                              UINT64_C(0x08090a0b0c0d0e0f),
                              {((pp_u128)0x10111213 << 64) | UINT64_C(0x1415161718191a1b)},
                              {0x1c, 0x1d, 0x1e, 0x1f, 0x20},
                              {0x21, 0x22, 0x23}};
    uint8_t bytes[MESSAGE_BYTES];
    struct pp_writer w;
    size_t length = 0;
    pp_writer_init(&w, bytes, sizeof bytes);
    message_write(&w, &m);
    ck_assert_ok(pp_writer_finish(&w, &length));
    ck_assert_uint_eq(length, MESSAGE_BYTES);
    for (unsigned i = 0; i < MESSAGE_BYTES; i++)
        ck_assert_uint_eq(bytes[i], i + 1);
    /* The example of specs/wire.md. */
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_write_grains(&w, (struct pp_grains){((pp_u128)1 << 64) + 1});
    ck_assert_ok(pp_writer_finish(&w, &length));
    ck_assert_uint_eq(length, 12);
    ck_assert_hex(bytes, 12, "000000010000000000000001");
}
END_TEST

/* Goal: written, read back, and no rest. */
START_TEST(reader__what_a_writer_wrote__same_values)
{
    struct pp_rng rng;
    pp_rng_init(&rng, 1);
    for (unsigned i = 0; i < 2000; i++) {
        struct message m = message_make(&rng), back;
        uint8_t bytes[MESSAGE_BYTES];
        struct pp_writer w;
        struct pp_reader r;
        size_t length;
        pp_writer_init(&w, bytes, sizeof bytes);
        message_write(&w, &m);
        ck_assert_ok(pp_writer_finish(&w, &length));
        pp_reader_init(&r, bytes, length);
        ck_assert_ok(message_read(&r, &back));
        pp_expect(m.u8 == back.u8 && m.u16 == back.u16 && m.u32 == back.u32 && m.u64 == back.u64);
        pp_expect(pp_grains_eq(m.grains, back.grains));
        pp_expect(memcmp(m.bytes, back.bytes, 5) == 0 && memcmp(m.slice, back.slice, 3) == 0);
        pp_expect(pp_reader_left(&r) == 0);
    }
}
END_TEST

/* Goal: one value, one encoding (WIRE-004). Method: any bytes of the right length decode, and encode to themselves. */
START_TEST(reader__any_bytes__encode_to_themselves)
{
    struct pp_rng rng;
    pp_rng_init(&rng, 4);
    for (unsigned i = 0; i < 2000; i++) {
        uint8_t bytes[MESSAGE_BYTES], back[MESSAGE_BYTES];
        struct message m;
        struct pp_reader r;
        struct pp_writer w;
        size_t length;
        pp_rng_bytes(&rng, bytes, sizeof bytes);
        pp_reader_init(&r, bytes, sizeof bytes);
        ck_assert_ok(message_read(&r, &m));
        pp_writer_init(&w, back, sizeof back);
        message_write(&w, &m);
        ck_assert_ok(pp_writer_finish(&w, &length));
        pp_expect(length == sizeof bytes && memcmp(bytes, back, sizeof bytes) == 0);
    }
}
END_TEST

/* Goal: each truncation is told, reads nothing behind the end, and what was not there is zero (WIRE-002, WIRE-005). */
START_TEST(reader__every_truncation__truncated_and_zeros)
{
    struct pp_rng rng;
    pp_rng_init(&rng, 2);
    for (size_t length = 0; length < MESSAGE_BYTES; length++) {
        uint8_t *bytes = malloc(length + 1);
        uint8_t *exact =
            length ? malloc(length) : NULL; /* of just this size: the sanitizer sees a read behind it */
        struct message m;
        struct pp_reader r;
        memset(bytes, 0xff, length + 1);
        if (length)
            memcpy(exact, bytes, length);
        pp_reader_init(&r, exact, length);
        ck_assert_error(message_read(&r, &m), PP_TRUNCATED);
        static const size_t ends[] = {1, 3, 7, 15, 27, 32};
        pp_expect(m.u8 == (length >= ends[0] ? 0xff : 0));
        pp_expect(m.u16 == (length >= ends[1] ? 0xffff : 0));
        pp_expect(m.u32 == (length >= ends[2] ? UINT32_MAX : 0));
        pp_expect(m.u64 == (length >= ends[3] ? UINT64_MAX : 0));
        pp_expect(pp_grains_eq(m.grains, length >= ends[4] ? PP_GRAINS_MAX : PP_GRAINS_ZERO));
        pp_expect(m.bytes[0] == (length >= ends[5] ? 0xff : 0) && m.bytes[4] == m.bytes[0]);
        pp_expect(m.slice[0] == 0);
        ck_assert_error(pp_reader_finish(&r), PP_TRUNCATED);
        free(exact);
        free(bytes);
    }
}
END_TEST

/* WIRE-003. */
START_TEST(reader__bytes_behind_the_last_field__trailing_bytes)
{
    uint8_t bytes[MESSAGE_BYTES + 40] = {0};
    for (size_t more = 1; more <= 40; more++) {
        struct message m;
        struct pp_reader r;
        pp_reader_init(&r, bytes, MESSAGE_BYTES + more);
        ck_assert_error(message_read(&r, &m), PP_TRAILING_BYTES);
        pp_expect(pp_reader_left(&r) == more);
    }
}
END_TEST

/* Goal: the first fault stays, whoever found it (WIRE-005). */
START_TEST(reader__second_fault__first_one_told)
{
    const uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct pp_reader r;
    pp_reader_init(&r, bytes, sizeof bytes);
    ck_assert_uint_eq(pp_read_u8(&r), 1);
    pp_reader_fail(&r, PP_OUT_OF_RANGE);
    pp_reader_fail(&r, PP_TOO_LONG);
    ck_assert_uint_eq(pp_read_u16(&r), 0);
    ck_assert(pp_grains_is_zero(pp_read_grains(&r)));
    ck_assert_ptr_null(pp_read_slice(&r, 100));
    ck_assert_ptr_null(pp_read_slice(&r, 0));
    ck_assert_error(pp_reader_finish(&r), PP_OUT_OF_RANGE);
}
END_TEST

START_TEST(reader__slice_of_any_length__borrowed_or_truncated)
{
    const uint8_t bytes[4] = {1, 2, 3, 4};
    struct pp_reader r;
    pp_reader_init(&r, bytes, sizeof bytes);
    ck_assert_ptr_eq(pp_read_slice(&r, 3), bytes);
    ck_assert_ptr_eq(pp_read_slice(&r, 0), bytes + 3);
    ck_assert_ptr_null(pp_read_slice(&r, SIZE_MAX)); /* no sum that wraps */
    ck_assert_error(pp_reader_finish(&r), PP_TRUNCATED);
    pp_reader_init(&r, NULL, 0);
    ck_assert_ptr_nonnull(pp_read_slice(&r, 0)); /* an empty slice of nothing is no fault */
    ck_assert_ok(pp_reader_finish(&r));
}
END_TEST

/* Goal: a buffer of any size is never written behind, and too small is told (WIRE-005). */
START_TEST(writer__every_smaller_buffer__overflow_and_length_untouched)
{
    struct pp_rng rng;
    pp_rng_init(&rng, 3);
    struct message m = message_make(&rng);
    for (size_t capacity = 0; capacity < MESSAGE_BYTES; capacity++) {
        uint8_t *bytes = capacity ? malloc(capacity) : NULL;
        struct pp_writer w;
        size_t length = 77;
        pp_writer_init(&w, bytes, capacity);
        message_write(&w, &m);
        ck_assert_error(pp_writer_finish(&w, &length), PP_OVERFLOW);
        ck_assert_uint_eq(length, 77);
        free(bytes);
    }
}
END_TEST

PP_TESTS("wire")
PP_TEST(writer__every_kind_of_field__big_endian_in_full_width)
PP_TEST(reader__what_a_writer_wrote__same_values)
PP_TEST(reader__any_bytes__encode_to_themselves)
PP_TEST(reader__every_truncation__truncated_and_zeros)
PP_TEST(reader__bytes_behind_the_last_field__trailing_bytes)
PP_TEST(reader__second_fault__first_one_told)
PP_TEST(reader__slice_of_any_length__borrowed_or_truncated)
PP_TEST(writer__every_smaller_buffer__overflow_and_length_untouched)
PP_TESTS_END
