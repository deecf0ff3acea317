#include "pp_test.h"

#include <pp/wire.h>

/* Goal: what is written is read back; bytes left over are refused. */
START_TEST(reader__what_a_writer_wrote__same_values_and_no_rest)
{
    uint8_t bytes[64];
    struct pp_writer w;
    struct pp_reader r;
    size_t length;
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_write_u8(&w, 1);
    pp_write_u16(&w, 0x0203);
    pp_write_u32(&w, 0x04050607);
    pp_write_u64(&w, UINT64_C(0x08090a0b0c0d0e0f));
    pp_write_grains(&w, PP_GRAINS_MAX);
    ck_assert_ok(pp_writer_finish(&w, &length));
    ck_assert_uint_eq(length, 27);
    pp_reader_init(&r, bytes, length);
    ck_assert_uint_eq(pp_read_u8(&r), 1);
    ck_assert_uint_eq(pp_read_u16(&r), 0x0203);
    ck_assert_uint_eq(pp_read_u32(&r), 0x04050607);
    ck_assert_uint_eq(pp_read_u64(&r), UINT64_C(0x08090a0b0c0d0e0f));
    ck_assert_error(pp_reader_finish(&(struct pp_reader){bytes, length, 15, PP_OK}), PP_TRAILING_BYTES);
    ck_assert(pp_grains_eq(pp_read_grains(&r), PP_GRAINS_MAX));
    ck_assert_ok(pp_reader_finish(&r));
}
END_TEST

PP_TESTS("wire")
PP_TEST(reader__what_a_writer_wrote__same_values_and_no_rest)
PP_TESTS_END
