/* Goal: a stored report comes back as it was, or is refused. Method: round trips, every truncation, one byte too many, every flipped
 * bit, and each count past its limit. REW-058, REW-059 */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/epoch.h>

#define LANES 5u
#define BYTES_MAX 4096u

static struct pp_operator operators[3];
static struct pp_report report, back;
static struct pp_lane_leaf lanes[LANES], lanes_back[LANES + 1];
static struct pp_hash nodes[PP_LANE_TREE_NODES(LANES + 1)];

static size_t sample(uint8_t bytes[BYTES_MAX])
{
    struct pp_report_terms terms = {.epoch = 12,
                                    .previous = {{3}},
                                    .block_number = 1000,
                                    .end_time_s = 5000,
                                    .received_total = pp_units(1001),
                                    .policy = PP_POLICY_EQUAL,
                                    .treasury_payee = {{0xaa}},
                                    .operators = operators,
                                    .operator_count = 3};
    size_t length;
    for (uint32_t i = 0; i < 3; i++)
        operators[i] = (struct pp_operator){2 + i, {{(uint8_t)i, 7}}, {{(uint8_t)i, 9}}};
    for (uint32_t i = 0; i < LANES; i++)
        lanes[i] = (struct pp_lane_leaf){.channel_id = {{(uint8_t)(i / 2)}},
                                         .lane = 512 + i,
                                         .spent = PP_GRAINS_MAX,
                                         .refunded = pp_grains(i),
                                         .earned = pp_grains(2 * i)};
    ck_assert_ok(pp_report_build(&terms, lanes, LANES, nodes, &report));
    report.signature_count = 2;
    for (uint32_t i = 0; i < 2; i++) {
        report.signatures[i].node_id = 2 + i;
        memset(report.signatures[i].signature.bytes, (int)i, 65);
    }
    ck_assert_ok(pp_report_encode(&report, bytes, BYTES_MAX, &length));
    ck_assert_uint_eq(length, pp_report_bytes(&report));
    return length;
}

START_TEST(report_bundle__encoded_and_decoded__the_same)
{
    uint8_t bytes[BYTES_MAX], again[BYTES_MAX];
    size_t length = sample(bytes), count, length_again;
    ck_assert_ok(pp_report_lane_count(bytes, length, &count));
    ck_assert_uint_eq(count, LANES);
    ck_assert_ok(pp_report_decode(bytes, length, lanes_back, count, nodes, &back));
    ck_assert_ok(pp_report_encode(&back, again, sizeof again, &length_again));
    ck_assert_uint_eq(length_again, length);
    ck_assert_mem_eq(bytes, again, length);
    ck_assert_mem_eq(lanes_back, lanes, sizeof lanes);
    ck_assert_uint_eq(back.payouts.rows[1].amount.raw, report.payouts.rows[1].amount.raw);
    for (size_t capacity = 0; capacity < length; capacity++)
        ck_assert_error(pp_report_encode(&report, again, capacity, &length_again), PP_OVERFLOW);
}
END_TEST

START_TEST(report_bundle__every_truncation_and_one_byte_more__refused_and_output_zero)
{
    static const struct pp_report zero;
    uint8_t bytes[BYTES_MAX];
    size_t length = sample(bytes), count;
    for (size_t i = 0; i < length; i++) {
        ck_assert_error(pp_report_lane_count(bytes, i, &count), PP_TRUNCATED);
        ck_assert_error(pp_report_decode(bytes, i, lanes_back, LANES, nodes, &back), PP_TRUNCATED);
        if (i % 50 == 0)
            ck_assert_mem_eq(&back, &zero, sizeof zero);
    }
    bytes[length] = 0;
    ck_assert_error(pp_report_lane_count(bytes, length + 1, &count), PP_TRAILING_BYTES);
    ck_assert_error(pp_report_decode(bytes, length + 1, lanes_back, LANES, nodes, &back), PP_TRAILING_BYTES);
}
END_TEST

START_TEST(report_bundle__every_flipped_bit__refused_or_itself)
{
    uint8_t bytes[BYTES_MAX], again[BYTES_MAX];
    size_t length = sample(bytes), corrupt = 0, accepted = 0;
    for (size_t bit = 0; bit < 8 * length; bit++) {
        size_t count, length_again;
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum pp_error error = pp_report_lane_count(bytes, length, &count);
        if (error == PP_OK && count > LANES + 1)
            ck_abort_msg("a count that the bytes do not hold");
        error = pp_report_decode(bytes, length, lanes_back, LANES, nodes, &back);
        corrupt += error == PP_CORRUPT;
        if (error == PP_OK) {
            accepted++;
            ck_assert_ok(pp_report_encode(&back, again, sizeof again, &length_again));
            ck_assert_uint_eq(length_again, length);
            ck_assert_mem_eq(bytes, again, length);
        }
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    /* What no root covers may change unseen here: epoch, previous, block, end, payees, signatures. A quorum's signature covers it. */
    ck_assert_uint_gt(corrupt, 8 * (LANES * 90 + 3 * 20));
    ck_assert_uint_le(accepted, 8 * (8 + 32 + 8 + 8 + 3 * 20 + 2 * 69));
}
END_TEST

/* Places of the counts: behind version and fields, then behind each list. */
START_TEST(report_bundle__counts_versions_and_orders__named_errors)
{
    uint8_t bytes[BYTES_MAX];
    const size_t operators_at = 1 + 168, payouts_at = operators_at + 2 + 3 * 44,
                 signatures_at = payouts_at + 2 + 4 * 32, lanes_at = signatures_at + 2 + 2 * 69;
    size_t length, count;
#define BAD(change, error)                                                                                   \
    do {                                                                                                     \
        length = sample(bytes);                                                                              \
        change;                                                                                              \
        ck_assert_error(pp_report_decode(bytes, length, lanes_back, LANES, nodes, &back), error);            \
    } while (0)
    BAD((void)0, PP_OK);
    BAD(bytes[0] = 2, PP_BAD_VERSION);
    ck_assert_error(pp_report_lane_count(bytes, length, &count), PP_BAD_VERSION);
    BAD(bytes[operators_at] = 2, PP_TOO_MANY);  /* 512 + 3 */
    BAD(bytes[payouts_at] = 5, PP_TOO_MANY);    /* 1280 + 4 */
    BAD(bytes[signatures_at] = 2, PP_TOO_MANY); /* 512 + 2 */
    BAD(bytes[lanes_at] = 0xff, PP_TRUNCATED);
    BAD((bytes[lanes_at + 3] = 4, length -= 96),
        PP_OUT_OF_RANGE);                                      /* whole, but the caller has room for five */
    BAD(bytes[signatures_at + 2 + 69 + 3] = 2, PP_BAD_FORMAT); /* a signer twice */
    BAD(memcpy(bytes + lanes_at + 4 + 96, bytes + lanes_at + 4, 96), PP_BAD_FORMAT);
    BAD(memcpy(bytes + operators_at + 2 + 44, bytes + operators_at + 2, 4), PP_BAD_FORMAT);
    BAD(memcpy(bytes + payouts_at + 2 + 32, bytes + payouts_at + 2, 4), PP_BAD_FORMAT);
    BAD(bytes[lanes_at + 4 + 95] ^= 1, PP_CORRUPT);
    BAD(bytes[operators_at + 2 + 4] ^= 0x40, PP_CORRUPT);
    BAD(bytes[payouts_at + 2 + 31] ^= 1, PP_CORRUPT);
    BAD((bytes[operators_at + 1] = 0,
         memmove(bytes + operators_at + 2, bytes + payouts_at, length - payouts_at), length -= 3 * 44),
        PP_NO_OPERATORS);
#undef BAD
}
END_TEST

PP_TESTS("epoch_wire")
PP_TEST(report_bundle__encoded_and_decoded__the_same)
PP_TEST(report_bundle__every_truncation_and_one_byte_more__refused_and_output_zero)
PP_TEST(report_bundle__every_flipped_bit__refused_or_itself)
PP_TEST(report_bundle__counts_versions_and_orders__named_errors)
PP_TESTS_END
