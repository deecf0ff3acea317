/* Goal: the parts sum to the pool, to the last unit, and nobody can choose who gets the odd one. Method: splits made by another
 * program; many random pools and sets; the vectors of the XMTP network's contract against the policy of that name. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/distribution.h>

#include <stdlib.h>

static void operators_fill(struct pp_operator *operators, size_t count)
{
    for (uint32_t i = 0; i < count; i++)
        operators[i] = (struct pp_operator){1 + i, {{(uint8_t)i, (uint8_t)(i >> 8), 7}}, {{9}}};
}

static pp_u128 sum_of(const struct pp_distribution *result, size_t count)
{
    pp_u128 sum = (pp_u128)result->protocol.raw + result->carried.raw;
    for (size_t i = 0; i < count; i++)
        sum += result->parts[i].raw;
    return sum;
}

/* REW-061, REW-062, REW-063 */
START_TEST(distribute_equal__every_vector__same_parts)
{
    static struct pp_operator operators[PP_OPERATORS_MAX];
    static struct pp_distribution result;
    json_t *vectors = pp_vectors_load("rewards.json");
    const json_t *rows = pp_json_member(vectors, "splits");
    unsigned odd_units = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i), *ids = pp_json_member(row, "nodeIds"),
                     *parts = pp_json_member(row, "parts");
        const size_t count = json_array_size(ids);
        operators_fill(operators, count);
        for (size_t j = 0; j < count; j++)
            operators[j].node_id = (uint32_t)strtoul(json_string_value(json_array_get(ids, j)), NULL, 10);
        ck_assert_ok(pp_distribute(PP_POLICY_EQUAL, pp_json_u64(row, "epoch"),
                                   pp_units(pp_json_u64(row, "pool")),
                                   (uint32_t)pp_json_u64(row, "basisPoints"), operators, count, &result));
        ck_assert_uint_eq(result.protocol.raw, pp_json_u64(row, "protocol"));
        for (size_t j = 0; j < count; j++) {
            ck_assert_uint_eq(result.parts[j].raw,
                              strtoull(json_string_value(json_array_get(parts, j)), NULL, 10));
            odd_units += result.parts[j].raw != result.parts[0].raw;
        }
    }
    ck_assert_uint_eq(json_array_size(rows), 40);
    ck_assert_uint_gt(odd_units, 100);
    json_decref(vectors);
}
END_TEST

/* REW-060 */
START_TEST(distribute__random_pools_and_sets__parts_sum_and_differ_by_one)
{
    static struct pp_operator operators[PP_OPERATORS_MAX];
    static struct pp_distribution result;
    struct pp_rng rng;
    pp_rng_init(&rng, 60);
    for (unsigned round = 0; round < 3000; round++) {
        const size_t count = 1 + pp_rng_below(&rng, pp_rng_chance(&rng, 10) ? PP_OPERATORS_MAX : 12);
        const struct pp_units pool = pp_units(pp_rng_edge_u64(&rng));
        const uint32_t share = (uint32_t)pp_rng_below(&rng, PP_BASIS_POINTS + 1);
        const enum pp_policy policy = pp_rng_chance(&rng, 3) ? PP_POLICY_XMTP_EQUAL : PP_POLICY_EQUAL;
        uint64_t low = UINT64_MAX, high = 0;
        operators_fill(operators, count);
        ck_assert_ok(pp_distribute(policy, pp_rng_u64(&rng), pool, share, operators, count, &result));
        for (size_t i = 0; i < count; i++) {
            low = result.parts[i].raw < low ? result.parts[i].raw : low;
            high = result.parts[i].raw > high ? result.parts[i].raw : high;
        }
        ck_assert(sum_of(&result, count) == pool.raw);
        ck_assert_uint_eq(result.carried.raw, 0);
        ck_assert_uint_le(high - low, policy == PP_POLICY_EQUAL);
        pp_u128 exact = (pp_u128)pool.raw * share;
        if (policy == PP_POLICY_EQUAL)
            ck_assert(result.protocol.raw == exact / PP_BASIS_POINTS);
        else
            ck_assert((pp_u128)result.protocol.raw * PP_BASIS_POINTS >= exact);
    }
}
END_TEST

/* The example of specs/rewards.md. */
START_TEST(distribute__the_worked_example__as_written)
{
    struct pp_operator operators[3];
    static struct pp_distribution result;
    operators_fill(operators, 3);
    ck_assert_ok(pp_distribute(PP_POLICY_EQUAL, 1, pp_units(1000), 250, operators, 3, &result));
    ck_assert_uint_eq(result.protocol.raw, 25);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_uint_eq(result.parts[i].raw, 325);
    ck_assert_ok(pp_distribute(PP_POLICY_EQUAL, 1, pp_units(1001), 250, operators, 3, &result));
    ck_assert_uint_eq(result.protocol.raw, 25);
    ck_assert_uint_eq(result.parts[0].raw + result.parts[1].raw + result.parts[2].raw, 976);
    ck_assert_ok(pp_distribute(PP_POLICY_XMTP_EQUAL, 1, pp_units(1001), 250, operators, 3, &result));
    ck_assert_uint_eq(result.protocol.raw, 26);
    ck_assert_uint_eq(result.parts[2].raw, 325);
}
END_TEST

/* REW-063: over many epochs everybody gets the odd unit about as often. */
START_TEST(distribute__odd_unit_over_many_epochs__falls_to_everybody)
{
    struct pp_operator operators[5];
    static struct pp_distribution result;
    unsigned times[5] = {0};
    operators_fill(operators, 5);
    for (uint64_t epoch = 0; epoch < 2000; epoch++) {
        ck_assert_ok(pp_distribute(PP_POLICY_EQUAL, epoch, pp_units(1), 0, operators, 5, &result));
        for (unsigned i = 0; i < 5; i++)
            times[i] += (unsigned)result.parts[i].raw;
    }
    for (unsigned i = 0; i < 5; i++)
        ck_assert(times[i] > 320 && times[i] < 480);
}
END_TEST

/* REW-066 */
START_TEST(distribute_xmtp_equal__every_vector_that_fits__what_the_contract_pays)
{
    static struct pp_operator operators[PP_OPERATORS_MAX];
    static struct pp_distribution result;
    json_t *vectors = pp_vectors_load("xmtp/distribution.json");
    const json_t *rows = pp_json_member(vectors, "cases");
    unsigned equal = 0, too_large = 0, without_nodes = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const char *pool_text = pp_json_text(row, "feesSettledMicro");
        const size_t count = pp_json_u64(row, "nodeCount");
        struct pp_units pool;
        if (pp_json_u128(row, "feesSettledMicro") > UINT64_MAX) { /* theirs are 96 bits, a unit of ours 64 */
            ck_assert_error(pp_units_parse(pool_text, strlen(pool_text), &pool), PP_OVERFLOW);
            too_large++;
            continue;
        }
        ck_assert_ok(pp_units_parse(pool_text, strlen(pool_text), &pool));
        operators_fill(operators, count);
        ck_assert_ok(pp_distribute(PP_POLICY_XMTP_EQUAL, i, pool,
                                   (uint32_t)pp_json_u64(row, "protocolFeeRateBps"), operators, count,
                                   &result));
        if (count == 0) { /* theirs gives it all to the protocol, ours to the next epoch: REW-065 */
            ck_assert_uint_eq(result.carried.raw, pool.raw);
            without_nodes++;
            continue;
        }
        ck_assert_msg(result.protocol.raw == pp_json_u64(row, "protocolFees"), "case %zu", i);
        uint64_t total = 0;
        for (size_t j = 0; j < count; j++) {
            ck_assert_uint_eq(result.parts[j].raw, pp_json_u64(row, "perNode"));
            total += result.parts[j].raw;
        }
        ck_assert_uint_eq(total, pp_json_u64(row, "nodeTotal"));
        equal++;
    }
    ck_assert_uint_eq(equal + too_large + without_nodes, 739);
    ck_assert_uint_eq(without_nodes, 1);
    ck_assert_uint_gt(equal, 650);
    json_decref(vectors);
}
END_TEST

/* REW-065 */
START_TEST(distribute__no_operators__the_whole_pool_is_carried)
{
    static struct pp_distribution result;
    static const enum pp_policy policies[] = {PP_POLICY_EQUAL, PP_POLICY_XMTP_EQUAL};
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_ok(pp_distribute(policies[i], 1, pp_units(77), 5000, NULL, 0, &result));
        ck_assert_uint_eq(result.carried.raw, 77);
        ck_assert_uint_eq(result.protocol.raw, 0);
    }
}
END_TEST

/* REW-061, REW-064 */
START_TEST(distribute__bad_share_policy_or_set__named_error)
{
    struct pp_operator operators[2];
    static struct pp_distribution result;
    operators_fill(operators, 2);
    ck_assert_error(pp_distribute(PP_POLICY_EQUAL, 1, pp_units(1), 10001, operators, 2, &result),
                    PP_OUT_OF_RANGE);
    ck_assert_ok(pp_distribute(PP_POLICY_EQUAL, 1, pp_units(1), 10000, operators, 2, &result));
    operators[1].node_id = 1;
    ck_assert_error(pp_distribute(PP_POLICY_EQUAL, 1, pp_units(1), 0, operators, 2, &result), PP_BAD_FORMAT);
    ck_assert_error(pp_distribute((enum pp_policy)0, 1, pp_units(1), 0, operators, 1, &result), PP_BAD_KIND);
    ck_assert_error(pp_distribute((enum pp_policy)6, 1, pp_units(1), 0, operators, 1, &result), PP_BAD_KIND);
}
END_TEST

/* REW-064: the table of the specification, row by row. */
START_TEST(policies__table_of_the_specification__equal)
{
    struct pp_spec_table table;
    struct pp_operator operators[1];
    static struct pp_distribution result;
    operators_fill(operators, 1);
    pp_spec_table_load("rewards.md", "policy", &table);
    ck_assert_uint_eq(table.rows, PP_POLICY_XMTP_EQUAL);
    for (size_t i = 0; i < table.rows; i++) {
        const char *name = pp_spec_cell(&table, i, 0);
        enum pp_policy number = (enum pp_policy)strtoul(pp_spec_cell(&table, i, 1), NULL, 10),
                       found = PP_POLICY_STAKE;
        bool built = strcmp(pp_spec_cell(&table, i, 2), "built") == 0;
        ck_assert_uint_eq((unsigned)number, i + 1);
        ck_assert_error(pp_policy_find(name, &found), built ? PP_OK : PP_NOT_FOUND);
        ck_assert_int_eq(found, built ? number : PP_POLICY_STAKE);
        ck_assert_str_eq(pp_policy_name(number), built ? name : "unknown");
        ck_assert_error(pp_distribute(number, 1, pp_units(5), 0, operators, 1, &result),
                        built ? PP_OK : PP_BAD_KIND);
    }
    pp_spec_table_done(&table);
}
END_TEST

PP_TESTS("distribution")
PP_TEST(distribute_equal__every_vector__same_parts)
PP_TEST(distribute__random_pools_and_sets__parts_sum_and_differ_by_one)
PP_TEST(distribute__the_worked_example__as_written)
PP_TEST(distribute__odd_unit_over_many_epochs__falls_to_everybody)
PP_TEST(distribute_xmtp_equal__every_vector_that_fits__what_the_contract_pays)
PP_TEST(distribute__no_operators__the_whole_pool_is_carried)
PP_TEST(distribute__bad_share_policy_or_set__named_error)
PP_TEST(policies__table_of_the_specification__equal)
PP_TESTS_END
