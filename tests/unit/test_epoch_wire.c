/* Goal: a stored report comes back as it was, or is refused. Method: round trips, every truncation, one byte too many, every flipped
 * bit, and each count past its limit, of all versions. REW-058, REW-059, REW-120, REW-121, REW-122, REW-123 */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/epoch.h>

#define LANES 5u
#define BYTES_MAX 4096u

static struct pp_operator operators[3];
static struct pp_report report, back;
static struct pp_lane_leaf lanes[LANES], lanes_back[LANES + 1];
static struct pp_hash nodes[PP_LANE_TREE_NODES(LANES + 1)];

/* Of version 2 and 3: a blend, operators that carry, owe and were netted before, and a bound. */
static void pool_make(uint8_t version, struct pp_report_terms *terms)
{
    static const struct pp_drawn drawn[] = {{2, {3}}, {3, {30}}};
    static struct pp_operator_weights weights[3];
    static struct pp_pool_table before;
    for (uint32_t i = 0; i < 3; i++) {
        weights[i] = (struct pp_operator_weights){100 * i, 7 + i};
        before.rows[i + 1] = (struct pp_pool_row){.node_id = 1 + i, /* 1 left, 4 is new */
                                                  .payee = {{(uint8_t)i, 9}},
                                                  .paid = pp_units(20 * i),
                                                  .carry = pp_units(10 + i),
                                                  .netted = pp_units(i),
                                                  .took_grains = (pp_u128)i << 100,
                                                  .refunded_grains = (pp_u128)i << 97,
                                                  .byte_days = version > 2 ? (pp_u128)i << 90 : 0};
    }
    before.rows[0] = (struct pp_pool_row){.payee = {{0xaa}}, .paid = pp_units(5)};
    before.count = 4;
    before.forfeits = pp_units(3);
    terms->policy = PP_POLICY_BLEND;
    terms->blend = (struct pp_blend){{{PP_POLICY_EQUAL, 3000}, {PP_POLICY_STAKE, 7000}}, 2};
    terms->protocol_basis_points = 250;
    terms->minimum_payout = pp_units(100);
    terms->refund_bound_basis_points = 500;
    terms->weights = weights;
    terms->before = &before;
    terms->drawn = version > 2 ? drawn : NULL;
    terms->drawn_count = version > 2 ? 2 : 0;
}

static size_t sample(uint8_t version, uint8_t bytes[BYTES_MAX])
{
    struct pp_report_terms terms = {.version = version,
                                    .epoch = 12,
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
    if (version >= 2) {
        pool_make(version, &terms);
        lanes[1].owed = pp_grains(34 * PP_GRAINS_PER_UNIT);
        lanes[2].earned = pp_grains(9 * PP_GRAINS_PER_UNIT);
        lanes[2].forfeited = pp_grains(8 * PP_GRAINS_PER_UNIT);
    }
    ck_assert_ok(pp_report_build(&terms, lanes, LANES, nodes, &report));
    ck_assert_uint_eq(report.version, version);
    report.signature_count = 2;
    for (uint32_t i = 0; i < 2; i++) {
        report.signatures[i].node_id = 2 + i;
        memset(report.signatures[i].signature.bytes, (int)i, 65);
    }
    ck_assert_ok(pp_report_encode(&report, bytes, BYTES_MAX, &length));
    ck_assert_uint_eq(length, pp_report_bytes(&report));
    return length;
}

static void round_trip(uint8_t version)
{
    uint8_t bytes[BYTES_MAX], again[BYTES_MAX];
    size_t length = sample(version, bytes), count, length_again;
    ck_assert_ok(pp_report_lane_count(bytes, length, &count));
    ck_assert_uint_eq(count, LANES);
    ck_assert_ok(pp_report_decode(bytes, length, lanes_back, count, nodes, &back));
    ck_assert_ok(pp_report_encode(&back, again, sizeof again, &length_again));
    ck_assert_uint_eq(length_again, length);
    ck_assert_mem_eq(bytes, again, length);
    ck_assert_mem_eq(lanes_back, lanes, sizeof lanes);
    ck_assert_uint_eq(back.payouts.rows[1].amount.raw, report.payouts.rows[1].amount.raw);
    ck_assert_uint_eq(back.version, version);
    ck_assert_uint_eq(back.pool.count, report.pool.count);
    ck_assert_mem_eq(back.pool.rows, report.pool.rows,
                     version >= 2 ? report.pool.count * sizeof report.pool.rows[0] : 0);
    ck_assert_uint_eq(back.pool.forfeits.raw, version >= 2 ? 8 : 0);
    for (size_t i = 0; version >= 2 && i < back.shares.line_count; i++) {
        ck_assert_uint_eq(back.shares.lines[i].netted_of_part.raw, report.shares.lines[i].netted_of_part.raw);
        ck_assert_uint_eq(back.shares.lines[i].is_inflated, report.shares.lines[i].is_inflated);
    }
    for (size_t capacity = 0; capacity < length; capacity++)
        ck_assert_error(pp_report_encode(&report, again, capacity, &length_again), PP_OVERFLOW);
}

START_TEST(report_bundle__encoded_and_decoded__the_same)
{
    round_trip(1);
    round_trip(2);
    round_trip(3);
}
END_TEST

static void truncations(uint8_t version)
{
    static const struct pp_report zero;
    uint8_t bytes[BYTES_MAX];
    size_t length = sample(version, bytes), count;
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

START_TEST(report_bundle__every_truncation_and_one_byte_more__refused_and_output_zero)
{
    truncations(1);
    truncations(2);
    truncations(3);
}
END_TEST

static void flips(uint8_t version)
{
    uint8_t bytes[BYTES_MAX], again[BYTES_MAX];
    size_t length = sample(version, bytes), corrupt = 0, accepted = 0;
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
    const size_t unseen = 8 + 32 + 8 + 8 + 3 * 20 + 2 * 69;
    /* In version 2 also what changes nothing now: the bound, S and R before, byte-days in a blend without work, and of the least
     * payout, the stakes and what was netted before what does not reach a border. */
    const size_t unseen_pool = 2 + 8 + 3 * 16 + 4 * (2 * 16 + 8 + 20) + (version > 2 ? 4 * 16 + 2 * 12 : 0);
    ck_assert_uint_le(accepted, 8 * (unseen + (version >= 2 ? unseen_pool : 0)));
}

START_TEST(report_bundle__every_flipped_bit__refused_or_itself)
{
    flips(1);
    flips(2);
    flips(3);
}
END_TEST

/* Places of the counts in version 1: behind version and fields, then behind each list. */
START_TEST(report_bundle__counts_versions_and_orders__named_errors)
{
    uint8_t bytes[BYTES_MAX];
    const size_t operators_at = 1 + 168, payouts_at = operators_at + 2 + 3 * 44,
                 signatures_at = payouts_at + 2 + 4 * 32, lanes_at = signatures_at + 2 + 2 * 69;
    size_t length, count;
#define BAD(change, error)                                                                                   \
    do {                                                                                                     \
        length = sample(1, bytes);                                                                           \
        change;                                                                                              \
        ck_assert_error(pp_report_decode(bytes, length, lanes_back, LANES, nodes, &back), error);            \
    } while (0)
    BAD((void)0, PP_OK);
    BAD(bytes[0] = 0, PP_BAD_VERSION);
    BAD(bytes[0] = 4, PP_BAD_VERSION);
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

/* And in version 2: the terms, the operators with their weights, the rows before. */
START_TEST(report_bundle_2__terms_weights_and_rows_before__named_errors)
{
    uint8_t bytes[BYTES_MAX];
    const size_t terms_at = 1 + 168, blend_at = terms_at + 49, operators_at = blend_at + 1 + 2 * 3,
                 before_at = operators_at + 2 + 3 * 60, payouts_at = before_at + 2 + 4 * 80;
    size_t length;
#define BAD(change, error)                                                                                   \
    do {                                                                                                     \
        length = sample(2, bytes);                                                                           \
        change;                                                                                              \
        ck_assert_error(pp_report_decode(bytes, length, lanes_back, LANES, nodes, &back), error);            \
    } while (0)
    BAD((void)0, PP_OK);
    ck_assert_uint_eq(bytes[blend_at], 2);
    ck_assert_uint_eq(bytes[operators_at + 1], 3);
    ck_assert_uint_eq(bytes[before_at + 1], 4);
    ck_assert_uint_eq(bytes[payouts_at + 1], 5);
    BAD(bytes[terms_at] = 6, PP_BAD_KIND);
    BAD(bytes[terms_at] = 1, PP_BAD_FORMAT);          /* equal, with a blend */
    BAD(bytes[terms_at + 1] = 0xff, PP_OUT_OF_RANGE); /* basis points */
    BAD(bytes[terms_at + 3] = 0xff, PP_OUT_OF_RANGE); /* the bound */
    BAD(bytes[terms_at + 12] ^= 1, PP_CORRUPT);       /* received */
    BAD(memset(bytes + terms_at + 5, 0, 8), PP_UNDERFLOW);
    BAD(bytes[terms_at + 28] = 100, PP_CORRUPT); /* forfeits before: those of now were given */
    BAD(bytes[terms_at + 29] ^= 1, PP_CORRUPT);  /* the treasury's payee */
    BAD(bytes[blend_at] = 5, PP_TOO_MANY);
    BAD(bytes[blend_at + 1] = 4, PP_BAD_KIND);
    BAD(bytes[blend_at + 1] = 2, PP_BAD_FORMAT); /* stake twice */
    BAD(bytes[blend_at + 3] ^= 1, PP_OUT_OF_RANGE);
    BAD(bytes[operators_at + 2 + 60 + 44] = 1, PP_CORRUPT); /* another stake */
    BAD(bytes[before_at] = 5, PP_TOO_MANY);
    BAD(bytes[before_at + 2 + 31] = 1, PP_CORRUPT);        /* paid to the treasury */
    BAD(bytes[before_at + 2 + 39] = 1, PP_BAD_FORMAT);     /* a treasury that carries */
    BAD(bytes[before_at + 2 + 80 + 39] = 1, PP_CORRUPT);   /* what an operator carries */
    BAD(bytes[before_at + 2 + 80 + 1] = 1, PP_BAD_FORMAT); /* node ids in disorder */
    BAD(bytes[before_at + 2 + 80] = 1, PP_OUT_OF_RANGE);
    BAD(memset(bytes + before_at + 2 + 24, 0xff, 8), PP_OVERFLOW);
    BAD(bytes[payouts_at + 2 + 31] ^= 1, PP_CORRUPT);
#undef BAD
}
END_TEST

/* And in version 3: what was drawn from stakes. REW-123 */
START_TEST(report_bundle_3__drawn__named_errors)
{
    uint8_t bytes[BYTES_MAX];
    const size_t operators_at = 1 + 168 + 49 + 1 + 2 * 3, drawn_at = operators_at + 2 + 3 * 60,
                 before_at = drawn_at + 2 + 2 * 12;
    size_t length;
#define BAD(change, error)                                                                                   \
    do {                                                                                                     \
        length = sample(3, bytes);                                                                           \
        change;                                                                                              \
        ck_assert_error(pp_report_decode(bytes, length, lanes_back, LANES, nodes, &back), error);            \
    } while (0)
    BAD((void)0, PP_OK);
    ck_assert_uint_eq(bytes[drawn_at + 1], 2);
    ck_assert_uint_eq(bytes[before_at + 1], 4);
    BAD(bytes[drawn_at] = 5, PP_TOO_MANY);
    BAD(bytes[drawn_at + 2 + 3] = 3, PP_BAD_FORMAT);               /* a node twice */
    BAD(bytes[drawn_at + 2 + 3] = 0, PP_OUT_OF_RANGE);             /* the treasury */
    BAD(memset(bytes + drawn_at + 2 + 4, 0, 8), PP_BAD_FORMAT);    /* nothing drawn */
    BAD(bytes[drawn_at + 2 + 11] = 33, PP_CORRUPT);         /* another amount: other payouts */
    BAD(memset(bytes + before_at + 2 + 96 + 80, 0xff, 16), PP_OK); /* of one that left: never weighed again */
    BAD(memset(bytes + before_at + 2 + 2 * 96 + 80, 0xff, 16), PP_OVERFLOW);
#undef BAD
    struct pp_drawn drawn = {2, {1}};
    struct pp_report_terms terms = {
        .version = 2, .operators = operators, .operator_count = 3, .drawn = &drawn, .drawn_count = 1};
    ck_assert_error(pp_report_build(&terms, lanes, 0, nodes, &report), PP_BAD_VERSION);
}
END_TEST

PP_TESTS("epoch_wire")
PP_TEST(report_bundle__encoded_and_decoded__the_same)
PP_TEST(report_bundle__every_truncation_and_one_byte_more__refused_and_output_zero)
PP_TEST(report_bundle__every_flipped_bit__refused_or_itself)
PP_TEST(report_bundle__counts_versions_and_orders__named_errors)
PP_TEST(report_bundle_2__terms_weights_and_rows_before__named_errors)
PP_TEST(report_bundle_3__drawn__named_errors)
PP_TESTS_END
