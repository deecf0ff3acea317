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

static enum pp_error distribute(enum pp_policy policy, uint64_t epoch, struct pp_units pool, uint32_t share,
                                const struct pp_operator *operators, size_t count,
                                struct pp_distribution *out)
{
    const struct pp_split_case split_case = {
        {.policy = policy, .protocol_basis_points = share}, epoch, pool, operators, NULL, count};
    return pp_distribute(&split_case, out);
}

static pp_u128 sum_of(const struct pp_distribution *result, size_t count)
{
    pp_u128 sum = (pp_u128)result->protocol.raw + result->carried.raw;
    for (size_t i = 0; i < count; i++)
        sum += result->parts[i].raw;
    return sum;
}

/* POL-001, REW-061, REW-062, REW-063 */
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
        ck_assert_ok(distribute(PP_POLICY_EQUAL, pp_json_u64(row, "epoch"),
                                pp_units(pp_json_u64(row, "pool")), (uint32_t)pp_json_u64(row, "basisPoints"),
                                operators, count, &result));
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
        ck_assert_ok(distribute(policy, pp_rng_u64(&rng), pool, share, operators, count, &result));
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
    ck_assert_ok(distribute(PP_POLICY_EQUAL, 1, pp_units(1000), 250, operators, 3, &result));
    ck_assert_uint_eq(result.protocol.raw, 25);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_uint_eq(result.parts[i].raw, 325);
    ck_assert_ok(distribute(PP_POLICY_EQUAL, 1, pp_units(1001), 250, operators, 3, &result));
    ck_assert_uint_eq(result.protocol.raw, 25);
    ck_assert_uint_eq(result.parts[0].raw + result.parts[1].raw + result.parts[2].raw, 976);
    ck_assert_ok(distribute(PP_POLICY_XMTP_EQUAL, 1, pp_units(1001), 250, operators, 3, &result));
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
        ck_assert_ok(distribute(PP_POLICY_EQUAL, epoch, pp_units(1), 0, operators, 5, &result));
        for (unsigned i = 0; i < 5; i++)
            times[i] += (unsigned)result.parts[i].raw;
    }
    for (unsigned i = 0; i < 5; i++)
        ck_assert(times[i] > 320 && times[i] < 480);
}
END_TEST

/* POL-041 */
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
        ck_assert_ok(distribute(PP_POLICY_XMTP_EQUAL, i, pool,
                                (uint32_t)pp_json_u64(row, "protocolFeeRateBps"), operators, count, &result));
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
        ck_assert_ok(distribute(policies[i], 1, pp_units(77), 5000, NULL, 0, &result));
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
    ck_assert_error(distribute(PP_POLICY_EQUAL, 1, pp_units(1), 10001, operators, 2, &result),
                    PP_OUT_OF_RANGE);
    ck_assert_ok(distribute(PP_POLICY_EQUAL, 1, pp_units(1), 10000, operators, 2, &result));
    operators[1].node_id = 1;
    ck_assert_error(distribute(PP_POLICY_EQUAL, 1, pp_units(1), 0, operators, 2, &result), PP_BAD_FORMAT);
    ck_assert_error(distribute((enum pp_policy)0, 1, pp_units(1), 0, operators, 1, &result), PP_BAD_KIND);
    ck_assert_error(distribute((enum pp_policy)6, 1, pp_units(1), 0, operators, 1, &result), PP_BAD_KIND);
}
END_TEST

/* REW-064: the table of the specification, the code's, and a page for each, row by row. */
START_TEST(policies__table_of_the_specification__equal_and_each_has_a_page)
{
    struct pp_spec_table table;
    static const struct {
        enum pp_policy number;
        const char *name;
    } ours[] = {
#define P(name, number, function, text) {PP_POLICY_##name, text},
        PP_POLICIES(P)
#undef P
    };
    pp_spec_table_load("rewards.md", "policy", &table);
    ck_assert_uint_eq(table.rows, sizeof ours / sizeof ours[0]);
    for (size_t i = 0; i < table.rows; i++) {
        char page[64], number[32], heading[64], cell[96];
        enum pp_policy found;
        ck_assert_str_eq(pp_spec_cell(&table, i, 0), ours[i].name);
        ck_assert_uint_eq(strtoul(pp_spec_cell(&table, i, 1), NULL, 10), ours[i].number);
        ck_assert_ok(pp_policy_find(ours[i].name, &found));
        ck_assert_int_eq(found, ours[i].number);
        ck_assert_str_eq(pp_policy_name(ours[i].number), ours[i].name);
        snprintf(cell, sizeof cell, "[%s.md](policies/%s.md)", ours[i].name, ours[i].name);
        ck_assert_str_eq(pp_spec_cell(&table, i, 2), cell);

        snprintf(page, sizeof page, "specs/policies/%s.md", ours[i].name);
        char *text = pp_source_load(page, NULL);
        snprintf(heading, sizeof heading, "# Policy: %s\n", ours[i].name);
        snprintf(number, sizeof number, "Number %u.", (unsigned)ours[i].number);
        ck_assert_msg(strncmp(text, heading, strlen(heading)) == 0, "%s: its heading", page);
        ck_assert_msg(strstr(text, number) != NULL, "%s: its number", page);
        ck_assert_msg(strstr(text, "MUST") != NULL && strstr(text, "Example. ") != NULL, "%s", page);
        free(text);
    }
    ck_assert_str_eq(pp_policy_name(0), "unknown");
    ck_assert_str_eq(pp_policy_name(6), "unknown");
    enum pp_policy found = PP_POLICY_WORK;
    ck_assert_error(pp_policy_find("Equal", &found), PP_NOT_FOUND);
    ck_assert_int_eq(found, PP_POLICY_WORK);
    pp_spec_table_done(&table);
}
END_TEST

/* ---- the other policies ---- */

static struct pp_operator three[3];
static struct pp_operator_weights weights[PP_OPERATORS_MAX];

static struct pp_split_case case_of(enum pp_policy policy, uint64_t pool, uint32_t share, size_t count)
{
    operators_fill(three, 3);
    return (struct pp_split_case){
        {.policy = policy, .protocol_basis_points = share}, 7, pp_units(pool), three, weights, count};
}

static struct pp_split_case blend_of(uint64_t pool, uint32_t share, size_t count, enum pp_policy first,
                                     uint32_t first_basis_points, enum pp_policy second)
{
    struct pp_split_case c = case_of(PP_POLICY_BLEND, pool, share, count);
    c.terms.blend =
        (struct pp_blend){{{first, first_basis_points}, {second, PP_BASIS_POINTS - first_basis_points}}, 2};
    return c;
}

/* POL-011, POL-021, REW-067: the examples of specs/policies/. */
START_TEST(distribute__stake_and_work__by_weight)
{
    static struct pp_distribution result;
    struct pp_split_case c = case_of(PP_POLICY_STAKE, 1000, 0, 3);
    weights[0] = (struct pp_operator_weights){3000, 3};
    weights[1] = (struct pp_operator_weights){1000, 7};
    weights[2] = (struct pp_operator_weights){0, 0};
    ck_assert_ok(pp_distribute(&c, &result));
    ck_assert_uint_eq(result.parts[0].raw, 750);
    ck_assert_uint_eq(result.parts[1].raw, 250);
    ck_assert_uint_eq(result.parts[2].raw, 0);
    weights[0].byte_days = 7000;
    weights[1].byte_days = 3000;
    c = case_of(PP_POLICY_WORK, 101, 0, 3);
    ck_assert_ok(pp_distribute(&c, &result));
    ck_assert_uint_eq(result.parts[0].raw, 71);
    ck_assert_uint_eq(result.parts[1].raw, 30);
    ck_assert_uint_eq(result.by[0][0].raw, 71);
    ck_assert_uint_eq(result.by[1][0].raw, 0);
}
END_TEST

/* POL-031 ... POL-034: the examples of specs/policies/blend.md. */
START_TEST(distribute_blend__with_and_without_work__as_written)
{
    static struct pp_distribution result;
    struct pp_split_case c = blend_of(1000, 250, 2, PP_POLICY_EQUAL, 5000, PP_POLICY_WORK);
    memset(weights, 0, sizeof weights);
    weights[0].byte_days = 3;
    weights[1].byte_days = 1;
    ck_assert_ok(pp_distribute(&c, &result));
    ck_assert_uint_eq(result.protocol.raw, 25);
    ck_assert_uint_eq(result.parts[0].raw, 609);
    ck_assert_uint_eq(result.parts[1].raw, 366);
    ck_assert_uint_eq(result.by[0][0].raw, 244);
    ck_assert_uint_eq(result.by[1][0].raw, 365);
    ck_assert_uint_eq(result.by[0][1].raw, 244);
    ck_assert_uint_eq(result.by[1][1].raw, 122);
    ck_assert_uint_eq(result.carried.raw, 0);

    memset(weights, 0, sizeof weights);
    ck_assert_ok(pp_distribute(&c, &result));
    ck_assert_uint_eq(result.carried.raw, 500);
    ck_assert_uint_eq(result.protocol.raw, 12);
    ck_assert_uint_eq(result.parts[0].raw, 244);
    ck_assert_uint_eq(result.parts[1].raw, 244);

    c = blend_of(1000, 250, 2, PP_POLICY_STAKE, 5000, PP_POLICY_WORK); /* REW-065 */
    ck_assert_ok(pp_distribute(&c, &result));
    ck_assert_uint_eq(result.carried.raw, 1000);
    ck_assert_uint_eq(result.protocol.raw, 0);

    /* One unit goes to the earlier part; what xmtp-equal does not share is the protocol's. */
    c = blend_of(1, 0, 2, PP_POLICY_EQUAL, 5000, PP_POLICY_XMTP_EQUAL);
    ck_assert_ok(pp_distribute(&c, &result));
    ck_assert_uint_eq(result.by[0][0].raw + result.by[0][1].raw, 1);
    c = blend_of(3, 0, 2, PP_POLICY_XMTP_EQUAL, 9999, PP_POLICY_EQUAL);
    ck_assert_ok(pp_distribute(&c, &result));
    ck_assert_uint_eq(result.protocol.raw, 1);
    ck_assert_uint_eq(result.by[0][0].raw, 1);
}
END_TEST

static uint64_t element(const json_t *row, const char *key, size_t i)
{
    return strtoull(json_string_value(json_array_get(pp_json_member(row, key), i)), NULL, 10);
}

/* Splits by stake, work and blends, made by another program from the pages. */
START_TEST(distribute_by_policy__every_vector__same_parts)
{
    static struct pp_operator operators[PP_OPERATORS_MAX];
    static struct pp_distribution result;
    json_t *vectors = pp_vectors_load("rewards.json");
    const json_t *rows = pp_json_member(vectors, "policySplits");
    unsigned carried = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i), *blend = pp_json_member(row, "blend");
        const size_t count = json_array_size(pp_json_member(row, "nodeIds"));
        struct pp_split_case c = {
            .terms = {.policy = (enum pp_policy)pp_json_u64(row, "policy"),
                      .protocol_basis_points = (uint32_t)pp_json_u64(row, "basisPoints")},
            .epoch = pp_json_u64(row, "epoch"),
            .pool = pp_units(pp_json_u64(row, "pool")),
            .operators = operators,
            .weights = weights,
            .count = count};
        c.terms.blend.count = (uint8_t)json_array_size(blend);
        for (size_t k = 0; k < c.terms.blend.count; k++)
            c.terms.blend.parts[k] =
                (struct pp_blend_part){(enum pp_policy)pp_json_u64(json_array_get(blend, k), "policy"),
                                       (uint32_t)pp_json_u64(json_array_get(blend, k), "basisPoints")};
        operators_fill(operators, count);
        for (size_t j = 0; j < count; j++) {
            operators[j].node_id = (uint32_t)element(row, "nodeIds", j);
            weights[j] = (struct pp_operator_weights){element(row, "stakes", j), element(row, "byteDays", j)};
        }
        ck_assert_ok(pp_distribute(&c, &result));
        ck_assert_msg(result.protocol.raw == pp_json_u64(row, "protocol"), "case %zu", i);
        ck_assert_uint_eq(result.carried.raw, pp_json_u64(row, "carried"));
        carried += result.carried.raw > 0;
        for (size_t j = 0; j < count; j++)
            ck_assert_msg(result.parts[j].raw == element(row, "parts", j), "case %zu, operator %zu", i, j);
    }
    ck_assert_uint_eq(json_array_size(rows), 60);
    ck_assert_uint_gt(carried, 5);
    json_decref(vectors);
}
END_TEST

/* REW-065 */
START_TEST(distribute__weights_all_zero_or_none__the_whole_pool_is_carried)
{
    static const enum pp_policy policies[] = {PP_POLICY_STAKE, PP_POLICY_WORK};
    static struct pp_distribution result;
    memset(weights, 0, sizeof weights);
    for (unsigned i = 0; i < 4; i++) {
        struct pp_split_case c = case_of(policies[i % 2], UINT64_MAX, 5000, 3);
        c.weights = i < 2 ? weights : NULL;
        ck_assert_ok(pp_distribute(&c, &result));
        ck_assert_uint_eq(result.carried.raw, UINT64_MAX);
        ck_assert_uint_eq(result.protocol.raw, 0);
    }
}
END_TEST

/* Pools and weights at 2^64 - 1: the product has 128 bits, and nothing is lost. */
START_TEST(distribute__at_the_edge_of_every_type__exact)
{
    static struct pp_operator many[PP_OPERATORS_MAX];
    static struct pp_distribution result;
    operators_fill(many, PP_OPERATORS_MAX);
    for (size_t i = 0; i < PP_OPERATORS_MAX; i++)
        weights[i] = (struct pp_operator_weights){UINT64_MAX, UINT64_MAX - i};
    struct pp_split_case c = blend_of(UINT64_MAX, 9999, PP_OPERATORS_MAX, PP_POLICY_STAKE, 1, PP_POLICY_WORK);
    c.operators = many;
    for (unsigned share = 0; share < 2; share++) {
        c.terms.protocol_basis_points = share * 9999;
        ck_assert_ok(pp_distribute(&c, &result));
        ck_assert(sum_of(&result, PP_OPERATORS_MAX) == UINT64_MAX);
        ck_assert_uint_ge(result.by[1][0].raw, result.by[1][PP_OPERATORS_MAX - 1].raw);
    }
    weights[0].stake_units = UINT64_MAX;
    weights[1].stake_units = 1;
    weights[2].stake_units = 0;
    c = case_of(PP_POLICY_STAKE, UINT64_MAX, 0, 3);
    ck_assert_ok(pp_distribute(&c, &result));
    ck_assert_uint_eq(result.parts[0].raw,
                      UINT64_MAX - 1); /* P W / (W + 1) = P - P / (W + 1), P / (W + 1) just below 1 */
    ck_assert_uint_eq(result.parts[1].raw, 1);
}
END_TEST

/* POL-030 */
START_TEST(distribute_blend__each_fault__named_error)
{
    static struct pp_distribution result;
    struct pp_split_case c;
#define BAD(change, error)                                                                                   \
    do {                                                                                                     \
        c = blend_of(100, 0, 3, PP_POLICY_EQUAL, 4000, PP_POLICY_STAKE);                                     \
        change;                                                                                              \
        result.protocol = pp_units(77);                                                                      \
        ck_assert_error(pp_distribute(&c, &result), error);                                                  \
        ck_assert_uint_eq(result.protocol.raw, error == PP_OK ? 0 : 77);                                     \
    } while (0)
    memset(weights, 0, sizeof weights);
    BAD((void)0, PP_OK);
    BAD(c.terms.blend.count = 0, PP_MISSING_FIELD);
    BAD(c.terms.blend.count = PP_BLEND_PARTS_MAX + 1, PP_TOO_MANY);
    BAD(c.terms.blend.count = 1, PP_OUT_OF_RANGE); /* 4,000 of 10,000 */
    BAD(c.terms.blend.parts[0].basis_points = 4001, PP_OUT_OF_RANGE);
    BAD(c.terms.blend.parts[0].basis_points = 0, PP_OUT_OF_RANGE);
    BAD(c.terms.blend.parts[0].basis_points = UINT32_MAX - 5999, PP_OUT_OF_RANGE);
    BAD(c.terms.blend.parts[0].policy = PP_POLICY_BLEND, PP_BAD_KIND);
    BAD(c.terms.blend.parts[0].policy = (enum pp_policy)6, PP_BAD_KIND);
    BAD(c.terms.blend.parts[0].policy = PP_POLICY_STAKE, PP_BAD_FORMAT);
    BAD(c.terms.policy = PP_POLICY_EQUAL, PP_BAD_FORMAT);
#undef BAD
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
PP_TEST(policies__table_of_the_specification__equal_and_each_has_a_page)
PP_TEST(distribute__stake_and_work__by_weight)
PP_TEST(distribute_blend__with_and_without_work__as_written)
PP_TEST(distribute_by_policy__every_vector__same_parts)
PP_TEST(distribute__weights_all_zero_or_none__the_whole_pool_is_carried)
PP_TEST(distribute__at_the_edge_of_every_type__exact)
PP_TEST(distribute_blend__each_fault__named_error)
PP_TESTS_END
