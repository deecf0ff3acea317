/* Goal: more than two thirds, each once, each by its own key. Method: every size of set up to the limit for the number; sets with
 * real keys for the rest. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/quorum.h>

#define OPERATORS 7u

struct world {
    struct pp_crypto *crypto;
    struct pp_secret_key keys[OPERATORS];
    struct pp_operator operators[OPERATORS];
    struct pp_hash digest;
};

static void world_open(struct world *world)
{
    ck_assert_ok(pp_crypto_open(&world->crypto));
    memset(&world->digest, 5, sizeof world->digest);
    for (uint32_t i = 0; i < OPERATORS; i++) {
        memset(world->keys[i].bytes, (int)i + 1, 32);
        world->operators[i] = (struct pp_operator){.node_id = 10 + 3 * i, .payee = {{1}}};
        ck_assert_ok(pp_secret_key_address(world->crypto, &world->keys[i], &world->operators[i].key));
    }
}

static struct pp_signature sign(const struct world *world, unsigned i)
{
    struct pp_signature signature;
    ck_assert_ok(pp_sign(world->crypto, &world->keys[i], &world->digest, &signature));
    return signature;
}

/* REW-090 */
START_TEST(quorum_needed__every_size__the_smallest_number_above_two_thirds)
{
    static const size_t examples[][2] = {{1, 1}, {2, 2}, {3, 3}, {4, 3}, {5, 4}, {6, 5}, {7, 5}};
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++)
        ck_assert_uint_eq(pp_quorum_needed(examples[i][0]), examples[i][1]);
    for (size_t n = 1; n <= PP_OPERATORS_MAX; n++) {
        size_t needed = pp_quorum_needed(n);
        ck_assert(3 * needed > 2 * n && 3 * (needed - 1) <= 2 * n && needed <= n);
    }
}
END_TEST

/* REW-090, REW-091, REW-093: for every size of set, signatures in a turned order and twice. */
START_TEST(quorum__signatures_one_by_one__reached_exactly_then)
{
    struct world world;
    static struct pp_quorum quorum;
    world_open(&world);
    for (size_t n = 1; n <= OPERATORS; n++) {
        struct pp_node_signature out[PP_OPERATORS_MAX];
        size_t count = 99;
        ck_assert_ok(pp_quorum_init(&quorum, world.operators, n, &world.digest));
        for (size_t i = 0; i < n; i++) {
            unsigned who = (unsigned)((i + 3) % n);
            struct pp_signature signature = sign(&world, who);
            ck_assert_int_eq(pp_quorum_is_reached(&quorum), i >= pp_quorum_needed(n));
            ck_assert_error(pp_quorum_collect(&quorum, out, &count),
                            i >= pp_quorum_needed(n) ? PP_OK : PP_NO_QUORUM);
            ck_assert_ok(pp_quorum_add(&quorum, world.crypto, world.operators[who].node_id, &signature));
            ck_assert_ok(pp_quorum_add(&quorum, world.crypto, world.operators[who].node_id, &signature));
            ck_assert_uint_eq(quorum.signature_count, i + 1);
        }
        ck_assert_ok(pp_quorum_collect(&quorum, out, &count));
        ck_assert_uint_eq(count, n);
        for (size_t i = 0; i < n; i++) {
            struct pp_signature expected = sign(&world, (unsigned)i);
            ck_assert_uint_eq(out[i].node_id, world.operators[i].node_id);
            ck_assert_mem_eq(out[i].signature.bytes, expected.bytes, 65);
        }
    }
    pp_crypto_close(world.crypto);
}
END_TEST

/* REW-092 */
START_TEST(quorum_add__a_stranger_or_another_signature__refused_and_not_counted)
{
    struct world world;
    static struct pp_quorum quorum;
    world_open(&world);
    ck_assert_ok(pp_quorum_init(&quorum, world.operators, 4, &world.digest));
    struct pp_signature first = sign(&world, 0), bad = first;
    ck_assert_error(pp_quorum_add(&quorum, world.crypto, 11, &first), PP_NOT_FOUND);
    ck_assert_error(pp_quorum_add(&quorum, world.crypto, world.operators[4].node_id, &first), PP_NOT_FOUND);
    ck_assert_error(pp_quorum_add(&quorum, world.crypto, world.operators[1].node_id, &first),
                    PP_BAD_SIGNATURE);
    bad.bytes[64] ^= 1 ^ 2 ^ 4;
    ck_assert_error(pp_quorum_add(&quorum, world.crypto, world.operators[0].node_id, &bad), PP_BAD_SIGNATURE);
    bad = first;
    memset(bad.bytes + 32, 0x80, 32); /* s above half the order */
    ck_assert_error(pp_quorum_add(&quorum, world.crypto, world.operators[0].node_id, &bad),
                    PP_SIGNATURE_NOT_LOW_S);
    world.digest.bytes[0] ^= 1;
    bad = sign(&world, 0); /* of another report */
    ck_assert_error(pp_quorum_add(&quorum, world.crypto, world.operators[0].node_id, &bad), PP_BAD_SIGNATURE);
    ck_assert_uint_eq(quorum.signature_count, 0);
    pp_crypto_close(world.crypto);
}
END_TEST

/* REW-094, REW-095, REW-056 */
START_TEST(quorum_init__no_set_or_a_bad_one__named_error)
{
    struct world world;
    static struct pp_quorum quorum;
    world_open(&world);
    ck_assert_error(pp_quorum_init(&quorum, world.operators, 0, &world.digest), PP_NO_OPERATORS);
    ck_assert_error(pp_quorum_init(&quorum, world.operators, PP_OPERATORS_MAX + 1, &world.digest),
                    PP_TOO_MANY);
    world.operators[1].key = world.operators[0].key; /* one key, two votes */
    ck_assert_error(pp_quorum_init(&quorum, world.operators, 3, &world.digest), PP_BAD_FORMAT);
    pp_crypto_close(world.crypto);
}
END_TEST

PP_TESTS("quorum")
PP_TEST(quorum_needed__every_size__the_smallest_number_above_two_thirds)
PP_TEST(quorum__signatures_one_by_one__reached_exactly_then)
PP_TEST(quorum_add__a_stranger_or_another_signature__refused_and_not_counted)
PP_TEST(quorum_init__no_set_or_a_bad_one__named_error)
PP_TESTS_END
