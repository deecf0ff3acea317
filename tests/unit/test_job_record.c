#include "pp_test.h"

#include <pp/hash.h>
#include <pp/job.h>

static struct pp_job_record full_record(void)
{
    struct pp_job_record record = {
        .id = 7,
        .kind = PP_JOB_SETTLE,
        .state = PP_JOB_STATE_MINED,
        .key = {{1}},
        .to = {{2}},
        .expectation = {.topics = {{{3}}, {{4}}, {{5}}, {{6}}}, .mask = 9},
        .stake = {true, ((pp_u128)19 << 64) + 20, 21},
        .nonce = 11,
        .gas = 12,
        .attempt_count = PP_JOB_ATTEMPTS_MAX,
        .mined_attempt = 3,
        .mined_block = 13,
        .mined_hash = {{7}},
        .gas_used = 14,
        .gas_price = ((pp_u128)15 << 64) + 16,
        .events = 17,
        .skipped = 18,
    };
    memset(record.label, 'l', sizeof record.label - 1);
    memset(record.reason, 'r', sizeof record.reason - 1);
    for (uint32_t i = 0; i < record.attempt_count; i++)
        record.attempts[i] = (struct pp_job_attempt){
            .fees = {((pp_u128)i << 70) + 1, 2}, .hash = {{(uint8_t)i}}, .first_block = i};
    return record;
}

/* Goal: a record comes back as it was, also the longest one, within the limit. */
START_TEST(job_record__write_and_read__the_same)
{
    struct pp_job_record record = full_record(), back;
    uint8_t bytes[PP_JOB_RECORD_MAX_BYTES];
    size_t length;
    ck_assert_ok(pp_job_encode(&record, bytes, sizeof bytes, &length));
    ck_assert_ok(pp_job_decode(&back, bytes, length));
    ck_assert_uint_eq(back.id, 7);
    ck_assert_int_eq(back.kind, PP_JOB_SETTLE);
    ck_assert_int_eq(back.state, PP_JOB_STATE_MINED);
    ck_assert_mem_eq(&back.expectation.topics, &record.expectation.topics, sizeof record.expectation.topics);
    ck_assert_uint_eq(back.expectation.mask, 9);
    ck_assert_str_eq(back.label, record.label);
    ck_assert_str_eq(back.reason, record.reason);
    ck_assert(back.gas_price == record.gas_price);
    ck_assert_uint_eq(back.attempt_count, PP_JOB_ATTEMPTS_MAX);
    ck_assert(back.attempts[7].fees.priority == record.attempts[7].fees.priority);
    ck_assert_uint_eq(back.attempts[7].first_block, 7);
    ck_assert_uint_eq(back.skipped, 18);
    ck_assert(back.stake.known && back.stake.value_wei == record.stake.value_wei);
    ck_assert_uint_eq(back.stake.deadline_s, 21);
    uint8_t again[PP_JOB_RECORD_MAX_BYTES];
    size_t again_length;
    ck_assert_ok(pp_job_encode(&back, again, sizeof again, &again_length));
    ck_assert_uint_eq(again_length, length);
    ck_assert_mem_eq(again, bytes, length);
    ck_assert_error(pp_job_encode(&record, bytes, length - 1, &length), PP_OVERFLOW);
}
END_TEST

/* Goal: nothing that the disk changed is believed. Method: every flip of a bit, every truncation, one byte more. */
START_TEST(job_record__damaged__corrupt)
{
    struct pp_job_record record = full_record(), back = {.id = 99};
    uint8_t bytes[PP_JOB_RECORD_MAX_BYTES + 1] = {0};
    size_t length;
    ck_assert_ok(pp_job_encode(&record, bytes, PP_JOB_RECORD_MAX_BYTES, &length));
    for (size_t bit = 0; bit < 8 * length; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_error(pp_job_decode(&back, bytes, length), bit < 8 ? PP_BAD_VERSION : PP_CORRUPT);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t cut = 0; cut < length; cut++)
        ck_assert_error(pp_job_decode(&back, bytes, cut), PP_CORRUPT);
    ck_assert_error(pp_job_decode(&back, bytes, length + 1), PP_CORRUPT);
    ck_assert_uint_eq(back.id, 99);
}
END_TEST

/* Goal: a record of the version without a stake is still read: nothing is known of what it is worth. Method: one is cut out of a
 * newer one. */
START_TEST(job_record__version_1__read_without_a_stake)
{
    struct pp_job_record record = full_record(), back;
    uint8_t bytes[PP_JOB_RECORD_MAX_BYTES], sum[32];
    size_t length, at = 1 + 8 + 1 + 1 + 32 + 20 + 1 + 32 * PP_LOG_TOPICS_MAX + 1 + strlen(record.label);
    ck_assert_ok(pp_job_encode(&record, bytes, sizeof bytes, &length));
    memmove(bytes + at, bytes + at + 25, length - at - 25);
    length -= 25;
    bytes[0] = 1;
    pp_blake2b_one("pp.job.v1", bytes, length - 16, sum);
    memcpy(bytes + length - 16, sum, 16);
    ck_assert_ok(pp_job_decode(&back, bytes, length));
    ck_assert(!back.stake.known && back.stake.value_wei == 0 && back.stake.deadline_s == 0);
    ck_assert_uint_eq(back.nonce, 11);
    ck_assert_str_eq(back.reason, record.reason);
}
END_TEST

/* Goal: a record that no program of ours writes is refused, though its sum is right. */
START_TEST(job_record__impossible__corrupt)
{
    struct pp_job_record good = full_record(), back;
    const struct {
        enum pp_job_kind kind;
        enum pp_job_state state;
        uint32_t attempts, mined;
        enum pp_error error;
    } cases[] = {
        {PP_JOB_SETTLE, PP_JOB_STATE_QUEUED, 0, 0, PP_OK},
        {PP_JOB_SETTLE, PP_JOB_STATE_DROPPED, 0, 0, PP_OK},
        {PP_JOB_SETTLE, PP_JOB_STATE_SIGNED, 1, 0, PP_OK},
        {PP_JOB_SETTLE, PP_JOB_STATE_SIGNED, 0, 0, PP_CORRUPT},
        {PP_JOB_SETTLE, PP_JOB_STATE_QUEUED, 1, 0, PP_CORRUPT},
        {PP_JOB_SETTLE, PP_JOB_STATE_MINED, 2, 2, PP_CORRUPT},
        {PP_JOB_SETTLE, PP_JOB_STATE_COUNT, 1, 0, PP_CORRUPT},
        {(enum pp_job_kind)0, PP_JOB_STATE_QUEUED, 0, 0, PP_CORRUPT},
        {(enum pp_job_kind)99, PP_JOB_STATE_QUEUED, 0, 0, PP_CORRUPT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[PP_JOB_RECORD_MAX_BYTES];
        size_t length;
        struct pp_job_record record = good;
        record.kind = cases[i].kind;
        record.state = cases[i].state;
        record.attempt_count = cases[i].attempts;
        record.mined_attempt = cases[i].mined;
        ck_assert_ok(pp_job_encode(&record, bytes, sizeof bytes, &length));
        ck_assert_error(pp_job_decode(&back, bytes, length), cases[i].error);
    }
}
END_TEST

/* Goal: the key tells calls apart by kind, contract and bytes. */
START_TEST(job_key__any_difference__another_key)
{
    struct pp_address a = {{1}}, b = {{2}};
    struct pp_hash first, second;
    pp_job_key(PP_JOB_OPEN, &a, (const uint8_t *)"xy", 2, &first);
    pp_job_key(PP_JOB_OPEN, &a, (const uint8_t *)"xy", 2, &second);
    ck_assert(pp_hash_eq(&first, &second));
    pp_job_key(PP_JOB_TOP_UP, &a, (const uint8_t *)"xy", 2, &second);
    ck_assert(!pp_hash_eq(&first, &second));
    pp_job_key(PP_JOB_OPEN, &b, (const uint8_t *)"xy", 2, &second);
    ck_assert(!pp_hash_eq(&first, &second));
    pp_job_key(PP_JOB_OPEN, &a, (const uint8_t *)"xz", 2, &second);
    ck_assert(!pp_hash_eq(&first, &second));
}
END_TEST

PP_TESTS("job_record")
PP_TEST(job_record__write_and_read__the_same)
PP_TEST(job_record__damaged__corrupt)
PP_TEST(job_record__version_1__read_without_a_stake)
PP_TEST(job_record__impossible__corrupt)
PP_TEST(job_key__any_difference__another_key)
PP_TESTS_END
