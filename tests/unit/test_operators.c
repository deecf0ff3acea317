/* Goal: the operator set is hashed as the contract hashes it, and a set that would count somebody twice is refused. Method: vectors made
 * with viem; one fault at a time. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/distribution.h>

static struct pp_operator sets[PP_OPERATORS_MAX + 1];

static void sets_fill(void)
{
    for (uint32_t i = 0; i <= PP_OPERATORS_MAX; i++)
        sets[i] = (struct pp_operator){1 + 2 * i, {{(uint8_t)i, (uint8_t)(i >> 8), 7}}, {{9, (uint8_t)i}}};
}

/* REW-096 */
START_TEST(operators_hash__every_vector__equal)
{
    json_t *vectors = pp_vectors_load("merkle.json");
    const json_t *rows = pp_json_member(vectors, "operatorSets");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *list = pp_json_member(json_array_get(rows, i), "operators");
        struct pp_hash hash;
        ck_assert_uint_le(json_array_size(list), PP_OPERATORS_MAX);
        for (size_t j = 0; j < json_array_size(list); j++) {
            const json_t *row = json_array_get(list, j);
            sets[j].node_id = (uint32_t)pp_json_u64(row, "nodeId");
            pp_json_bytes(row, "operatorKey", sets[j].key.bytes, 20);
        }
        ck_assert_ok(pp_operators_hash(sets, json_array_size(list), &hash));
        ck_assert_hex(hash.bytes, 32, pp_json_text(json_array_get(rows, i), "hash"));
    }
    ck_assert_uint_gt(json_array_size(rows), 4);
    json_decref(vectors);
}
END_TEST

/* REW-095 */
START_TEST(operators_check__each_fault__named_error)
{
    struct pp_hash hash;
    sets_fill();
    ck_assert_ok(pp_operators_check(sets, 0));
    ck_assert_ok(pp_operators_check(sets, PP_OPERATORS_MAX));
    ck_assert_error(pp_operators_check(sets, PP_OPERATORS_MAX + 1), PP_TOO_MANY);
    ck_assert_error(pp_operators_hash(sets, PP_OPERATORS_MAX + 1, &hash), PP_TOO_MANY);
#define BAD(change, error)                                                                                   \
    do {                                                                                                     \
        sets_fill();                                                                                         \
        change;                                                                                              \
        ck_assert_error(pp_operators_check(sets, 5), error);                                                 \
    } while (0)
    BAD(sets[0].node_id = 0, PP_OUT_OF_RANGE);
    BAD(sets[4].node_id = 1u << 24, PP_OUT_OF_RANGE);
    BAD(sets[4].node_id = (1u << 24) - 1, PP_OK);
    BAD(sets[3].node_id = sets[2].node_id, PP_BAD_FORMAT);
    BAD(sets[3].node_id = 1, PP_BAD_FORMAT);
    BAD(sets[3].key = sets[0].key, PP_BAD_FORMAT);
    BAD(memset(&sets[3].key, 0, 20), PP_MISSING_FIELD);
    BAD(memset(&sets[3].payee, 0, 20), PP_MISSING_FIELD);
    BAD(sets[3].payee = sets[0].payee, PP_OK);
#undef BAD
}
END_TEST

PP_TESTS("operators")
PP_TEST(operators_hash__every_vector__equal)
PP_TEST(operators_check__each_fault__named_error)
PP_TESTS_END
