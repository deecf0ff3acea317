/* Goal: every node builds the same report, and what is paid out is what was received. Method: the same lanes in many orders; an
 * auditor that adds up pools over many epochs with operators coming and going; each bad input alone. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/epoch.h>

#include <stdlib.h>

#define LANES 40u

static struct pp_operator operators[8];

static struct pp_report_terms terms_make(size_t operator_count)
{
    for (uint32_t i = 0; i < 8; i++)
        operators[i] = (struct pp_operator){2 + i, {{(uint8_t)i, 7}}, {{(uint8_t)i, 9}}};
    return (struct pp_report_terms){.epoch = 12,
                                    .previous = {{3}},
                                    .block_number = 1000,
                                    .end_time_s = 5000,
                                    .received_total = pp_units(1001),
                                    .protocol_basis_points = 250,
                                    .policy = PP_POLICY_EQUAL,
                                    .treasury_payee = {{0xaa}},
                                    .operators = operators,
                                    .operator_count = operator_count};
}

static void lanes_make(struct pp_lane_leaf *lanes, size_t count)
{
    struct pp_rng rng;
    pp_rng_init(&rng, 51);
    memset(lanes, 0, count * sizeof *lanes);
    for (size_t i = 0; i < count; i++) {
        pp_rng_bytes(&rng, lanes[i / 2 * 2].channel_id.bytes, 32);
        lanes[i].channel_id = lanes[i / 2 * 2].channel_id; /* two lanes a channel */
        lanes[i].lane = pp_lane_make(2, (uint8_t)(9 - i % 2));
        lanes[i].spent = pp_grains(1000 + i);
        lanes[i].refunded = pp_grains(i);
        lanes[i].earned = pp_grains(1000);
    }
}

/* REW-050 */
START_TEST(epoch_of__around_a_border__floor)
{
    uint64_t epoch = 9;
    ck_assert_ok(pp_epoch_of(43199, 43200, &epoch));
    ck_assert_uint_eq(epoch, 0);
    ck_assert_ok(pp_epoch_of(43200, 43200, &epoch));
    ck_assert_uint_eq(epoch, 1);
    ck_assert_ok(pp_epoch_of(UINT64_MAX, 1, &epoch));
    ck_assert_uint_eq(epoch, UINT64_MAX);
    ck_assert_error(pp_epoch_of(5, 0, &epoch), PP_OUT_OF_RANGE);
    ck_assert_uint_eq(epoch, UINT64_MAX);
}
END_TEST

/* REW-051, REW-055, REW-057 */
START_TEST(report_build__lanes_in_many_orders__one_digest)
{
    static struct pp_report report;
    struct pp_lane_leaf sorted[LANES], lanes[LANES];
    struct pp_hash nodes[PP_LANE_TREE_NODES(LANES)], first, digest;
    struct pp_domain domain;
    struct pp_rng rng;
    const struct pp_report_terms terms = terms_make(3);
    pp_rng_init(&rng, 57);
    pp_domain_init(&domain, 31337, &(struct pp_address){{1}});
    lanes_make(lanes, LANES);
    for (unsigned round = 0; round < 50; round++) {
        ck_assert_ok(pp_report_build(&terms, lanes, LANES, nodes, &report));
        pp_report_digest(&domain, &report, &digest);
        if (round == 0) {
            first = digest;
            memcpy(sorted, lanes, sizeof sorted);
        }
        ck_assert(pp_hash_eq(&first, &digest));
        ck_assert_mem_eq(lanes, sorted, sizeof sorted);
        for (size_t i = LANES; i > 1; i--) { /* shuffle */
            size_t j = pp_rng_below(&rng, i);
            struct pp_lane_leaf other = lanes[i - 1];
            lanes[i - 1] = lanes[j];
            lanes[j] = other;
        }
    }
    ck_assert_uint_eq(report.fields.epoch, 12);
    ck_assert_uint_eq(report.fields.previous.bytes[0], 3);
    ck_assert_uint_eq(report.fields.block_number, 1000);
    ck_assert_uint_eq(report.fields.end_time, 5000);
    ck_assert(report.fields.payout_total == 1001);
    ck_assert_uint_eq(report.payouts.count, 4);
    ck_assert_uint_eq(report.payouts.rows[0].node_id, PP_TREASURY_NODE_ID);
    ck_assert_uint_eq(report.payouts.rows[0].amount.raw, 25);
    ck_assert_uint_eq(report.payouts.rows[0].payee.bytes[0], 0xaa);
    ck_assert(pp_address_eq(&report.payouts.rows[3].payee, &operators[2].payee));
    ck_assert_uint_eq(report.signature_count, 0);
}
END_TEST

START_TEST(report_lane__each_and_none__found_with_a_proof)
{
    static struct pp_report report;
    struct pp_lane_leaf lanes[LANES];
    struct pp_hash nodes[PP_LANE_TREE_NODES(LANES)];
    const struct pp_report_terms terms = terms_make(1);
    const struct pp_lane_tree tree = {nodes, LANES};
    const struct pp_lane_leaf *found;
    lanes_make(lanes, LANES);
    ck_assert_ok(pp_report_build(&terms, lanes, LANES, nodes, &report));
    for (size_t i = 0; i < LANES; i++) {
        struct pp_lane_proof proof;
        ck_assert_ok(pp_report_lane(&report, &lanes[i].channel_id, lanes[i].lane, &found));
        ck_assert_ptr_eq(found, &lanes[i]);
        ck_assert_ok(pp_lane_tree_prove(&tree, found, &proof));
        ck_assert_ok(pp_lane_proof_verify(&report.fields.lanes_root, found, &proof));
        ck_assert_error(pp_report_lane(&report, &lanes[i].channel_id, 5, &found), PP_NOT_FOUND);
    }
    ck_assert_ok(pp_report_build(&terms, NULL, 0, NULL, &report));
    ck_assert_error(pp_report_lane(&report, &lanes[0].channel_id, 5, &found), PP_NOT_FOUND);
}
END_TEST

/* REW-054, REW-055: over 200 epochs with sets that change, what was paid out is what was received, to the unit, and nobody's row falls. */
START_TEST(report_build__many_epochs__pays_what_was_received)
{
    static struct pp_report report;
    static struct pp_pool_table paid, before;
    struct pp_report_terms terms = terms_make(8);
    struct pp_rng rng;
    uint64_t received = 0;
    pp_rng_init(&rng, 54);
    pp_pool_table_init(&paid);
    for (uint64_t epoch = 1; epoch <= 200; epoch++) {
        size_t first = pp_rng_below(&rng, 4), count = 1 + pp_rng_below(&rng, 4);
        received += pp_rng_chance(&rng, 4) ? 0 : pp_rng_below(&rng, 100000);
        terms.epoch = epoch;
        terms.received_total = pp_units(received);
        terms.protocol_basis_points = (uint32_t)pp_rng_below(&rng, 10001);
        terms.operators = operators + first;
        terms.operator_count = count;
        terms.before = epoch > 1 ? &paid : NULL;
        ck_assert_ok(pp_report_build(&terms, NULL, 0, NULL, &report));
        before = paid;
        paid = report.pool;
        ck_assert(report.fields.payout_total == received);
        ck_assert_ok(pp_pool_table_check(&paid));
        for (size_t i = 0; i < before.count; i++) {
            const struct pp_pool_row *row;
            ck_assert_ok(pp_pool_find(&paid, before.rows[i].node_id, &row));
            ck_assert_uint_ge(row->paid.raw, before.rows[i].paid.raw);
            ck_assert(pp_address_eq(&row->payee, &before.rows[i].payee));
        }
    }
    ck_assert_uint_eq(paid.count, 1 + 7);
}
END_TEST

/* REW-051, REW-052, REW-053, REW-054, REW-056 */
START_TEST(report_build__each_bad_input__named_error_and_output_untouched)
{
    static struct pp_report report;
    static struct pp_pool_table paid;
    struct pp_lane_leaf lanes[4];
    struct pp_hash nodes[PP_LANE_TREE_NODES(4)];
    struct pp_report_terms terms;
    report.fields.epoch = 77;
    pp_pool_table_init(&paid);
#define BAD(change, error)                                                                                   \
    do {                                                                                                     \
        terms = terms_make(2);                                                                               \
        lanes_make(lanes, 4);                                                                                \
        change;                                                                                              \
        ck_assert_error(pp_report_build(&terms, lanes, 4, nodes, &report), error);                           \
        ck_assert_uint_eq(report.fields.epoch, error == PP_OK ? 12 : 77);                                    \
        report.fields.epoch = 77;                                                                            \
    } while (0)
    BAD((void)0, PP_OK);
    BAD(terms.operator_count = 0, PP_NO_OPERATORS);
    BAD(operators[1].node_id = 2, PP_BAD_FORMAT);
    BAD(terms.protocol_basis_points = 10001, PP_OUT_OF_RANGE);
    BAD(terms.policy = (enum pp_policy)6, PP_BAD_KIND);
    BAD(terms.policy = PP_POLICY_STAKE, PP_OK); /* nobody has a stake: all is carried over */
    BAD(terms.policy = PP_POLICY_BLEND, PP_MISSING_FIELD);
    BAD(terms.refund_bound_basis_points = 10001, PP_OUT_OF_RANGE);
    BAD(terms.version = PP_REPORT_VERSION + 1, PP_BAD_VERSION);
    BAD(lanes[3] = lanes[0], PP_BAD_FORMAT);
    BAD(lanes[1].forfeited = lanes[1].earned, PP_OK);
    BAD(lanes[1].forfeited.raw = lanes[1].earned.raw + 1, PP_OUT_OF_RANGE);
    BAD(lanes[1].refunded = pp_grains(2), PP_DEFERRED_EXCEEDED); /* E + R = S + 1 */
    BAD((lanes[1].refunded = pp_grains(2), lanes[1].owed = pp_grains(1)), PP_OK);
    BAD((lanes[1].earned = pp_grains(1002), lanes[1].owed = pp_grains(1)),
        PP_DEFERRED_EXCEEDED); /* E = S + 1 */
    BAD((lanes[1].refunded = PP_GRAINS_MAX, lanes[1].owed = PP_GRAINS_ZERO), PP_DEFERRED_EXCEEDED);
    paid.count = 1;
    paid.rows[0] = (struct pp_pool_row){.node_id = 2, .payee = operators[0].payee, .paid = pp_units(1002)};
    BAD(terms.before = &paid, PP_UNDERFLOW);
    paid.rows[0].paid = pp_units(1001);
    BAD(terms.before = &paid, PP_OK);
    paid.rows[0].node_id = 1u << 24;
    BAD(terms.before = &paid, PP_OUT_OF_RANGE);
#undef BAD
    terms = terms_make(2);
    ck_assert_error(pp_report_build(&terms, lanes, (size_t)UINT32_MAX + 1, nodes, &report), PP_TOO_MANY);
}
END_TEST

/* REW-090, REW-093 */
START_TEST(report_verify__too_few_or_bad_signatures__refused)
{
    static struct pp_report report;
    struct pp_report_terms terms = terms_make(4);
    struct pp_secret_key keys[4];
    struct pp_domain domain;
    struct pp_hash digest;
    struct pp_crypto *crypto;
    ck_assert_ok(pp_crypto_open(&crypto));
    pp_domain_init(&domain, 31337, &(struct pp_address){{1}});
    for (unsigned i = 0; i < 4; i++) {
        memset(keys[i].bytes, (int)i + 1, 32);
        ck_assert_ok(pp_secret_key_address(crypto, &keys[i], &operators[i].key));
    }
    ck_assert_ok(pp_report_build(&terms, NULL, 0, NULL, &report));
    pp_report_digest(&domain, &report, &digest);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_error(pp_report_verify(&report, &domain, crypto), i >= 3 ? PP_OK : PP_NO_QUORUM);
        report.signatures[i].node_id = operators[i].node_id;
        ck_assert_ok(pp_sign(crypto, &keys[i], &digest, &report.signatures[i].signature));
        report.signature_count++;
    }
    ck_assert_ok(pp_report_verify(&report, &domain, crypto));
    report.fields.end_time++;
    ck_assert_error(pp_report_verify(&report, &domain, crypto), PP_BAD_SIGNATURE);
    report.fields.end_time--;
    report.signatures[2].node_id = 99;
    ck_assert_error(pp_report_verify(&report, &domain, crypto), PP_NOT_FOUND);
    report.signatures[2] = report.signatures[1]; /* twice the same does not make three */
    report.signature_count = 3;
    ck_assert_error(pp_report_verify(&report, &domain, crypto), PP_NO_QUORUM);
    pp_crypto_close(crypto);
}
END_TEST

PP_TESTS("epoch")
PP_TEST(epoch_of__around_a_border__floor)
PP_TEST(report_build__lanes_in_many_orders__one_digest)
PP_TEST(report_lane__each_and_none__found_with_a_proof)
PP_TEST(report_build__many_epochs__pays_what_was_received)
PP_TEST(report_build__each_bad_input__named_error_and_output_untouched)
PP_TEST(report_verify__too_few_or_bad_signatures__refused)
PP_TESTS_END
