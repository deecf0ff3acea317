/* Registered acceptance keys: who may register what, what a replay does, and that all of it is on disk.
 * Method: a table of registrations one after the other, each with its answer; then the node is opened again. */
#include "bond_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include "store/tables.h"

#include <string.h>

static const struct pp_address nobody = {{0}};

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_recipient a, b, c;
};

static void world_make(struct world *world)
{
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, true);
    pp_bond_terms(&world->fixture);
    pp_fixture_open(&world->fixture);
    pp_recipient_init(&world->a, &world->fixture, 1);
    pp_recipient_init(&world->b, &world->fixture, 2);
    pp_recipient_init(&world->c, &world->fixture, 3);
}

static void world_done(struct world *world)
{
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

static enum pp_error registered(struct world *world, const struct pp_recipient *owner,
                                const struct pp_address *key, uint64_t number, struct pp_refusal *refusal)
{
    struct pp_topic_registration registration;
    struct pp_topic_key out = {.number = 99};
    pp_registration_make(&world->fixture, owner, "topic/1", key, number, &registration);
    enum pp_error error = pp_node_topic_register(world->fixture.node, &registration, &out, refusal);
    ck_assert_error(refusal->error, error);
    if (error != PP_OK)
        ck_assert_uint_eq(out.number, 99);
    else
        ck_assert(out.number == number && pp_address_eq(&out.key, key));
    return error;
}

static void ck_key(struct world *world, const struct pp_address *owner, const struct pp_address *key,
                   uint64_t number)
{
    struct pp_topic_key out;
    struct pp_hash topic;
    pp_topic_hash((const uint8_t *)"topic/1", 7, &topic);
    ck_assert_ok(pp_node_topic_key(world->fixture.node, &topic, &out));
    ck_assert_uint_eq(out.number, number);
    ck_assert(pp_address_eq(&out.owner, owner) && pp_address_eq(&out.key, key));
}

static enum pp_error count_plant(void *context, struct pp_txn *txn)
{
    return pp_txn_put(txn, PP_TABLE_META, pp_slice("topics", 6), context, 1);
}

/* FEE-060, FEE-061, FEE-062, FEE-063 */
START_TEST(register__one_after_the_other__the_owner_alone_and_forwards_only)
{
    struct world world;
    struct pp_refusal refusal;
    world_make(&world);
    const struct pp_address *a = &world.a.address, *b = &world.b.address;
    ck_key(&world, &nobody, &nobody, 0);
    ck_assert_error(registered(&world, &world.a, &nobody, 1, &refusal), PP_MISSING_FIELD);
    ck_assert_error(registered(&world, &world.a, b, 1, &refusal), PP_BAD_SIGNATURE); /* for somebody else */
    ck_assert_mem_eq(refusal.expected.bytes, b->bytes, 20);
    ck_assert_error(registered(&world, &world.a, a, 0, &refusal), PP_TOPIC_CHANGED);
    ck_assert_ok(registered(&world, &world.a, a, 1, &refusal));
    ck_assert_ok(registered(&world, &world.a, a, 1, &refusal)); /* again: the same */
    ck_key(&world, a, a, 1);
    ck_assert_error(registered(&world, &world.b, b, 2, &refusal), PP_BAD_SIGNATURE); /* a squatter */
    ck_assert_mem_eq(refusal.expected.bytes, a->bytes, 20);
    ck_assert_error(registered(&world, &world.a, b, 1, &refusal), PP_TOPIC_CHANGED);
    ck_assert_uint_eq(refusal.expected.number, 2);
    ck_assert_ok(registered(&world, &world.a, b, 7, &refusal)); /* handed on; numbers may be left out */
    ck_key(&world, b, b, 7);
    ck_assert_error(registered(&world, &world.a, a, 8, &refusal), PP_BAD_SIGNATURE);
    ck_assert_error(registered(&world, &world.a, a, 1, &refusal),
                    PP_TOPIC_CHANGED); /* a replay of the first */
    ck_assert_ok(registered(&world, &world.b, &nobody, 8, &refusal));
    ck_key(&world, b, &nobody, 8);
    ck_assert_error(registered(&world, &world.c, &world.c.address, 9, &refusal), PP_BAD_SIGNATURE);
    pp_fixture_close(&world.fixture);
    pp_fixture_open(&world.fixture);
    ck_key(&world, b, &nobody, 8);
    ck_assert_ok(registered(&world, &world.b, b, UINT64_MAX, &refusal));
    ck_assert_error(registered(&world, &world.b, b, 9, &refusal), PP_TOPIC_CHANGED);
    ck_key(&world, b, b, UINT64_MAX);
    world_done(&world);
}
END_TEST

/* FEE-060: the words are of this node, contract, topic, key and number. */
START_TEST(register__a_signature_for_something_else__refused)
{
    struct world world;
    struct pp_topic_registration good, changed;
    struct pp_topic_key out;
    struct pp_refusal refusal;
    world_make(&world);
    pp_registration_make(&world.fixture, &world.a, "topic/1", &world.a.address, 3, &good);
    changed = good;
    changed.topic.bytes[0] ^= 1;
    ck_assert_error(pp_node_topic_register(world.fixture.node, &changed, &out, &refusal), PP_BAD_SIGNATURE);
    changed = good;
    changed.number++;
    ck_assert_error(pp_node_topic_register(world.fixture.node, &changed, &out, &refusal), PP_BAD_SIGNATURE);
    for (unsigned byte = 0; byte < 65; byte += 8) {
        changed = good;
        changed.signature.bytes[byte] ^= 4;
        ck_assert_error(pp_node_topic_register(world.fixture.node, &changed, &out, &refusal),
                        PP_BAD_SIGNATURE);
    }
    ck_assert_ok(pp_node_topic_register(world.fixture.node, &good, &out, &refusal));
    world_done(&world);
}
END_TEST

/* FEE-050, FEE-051, FEE-053 */
START_TEST(topic_quote__before_and_after_a_registration__names_the_key_or_asks_no_bond)
{
    struct world world;
    struct pp_signed_quote decoded;
    struct pp_quote quote;
    struct pp_refusal refusal;
    struct pp_hash topic;
    uint8_t bytes[PP_QUOTE_MAX_BYTES];
    size_t length;
    world_make(&world);
    pp_topic_hash((const uint8_t *)"topic/1", 7, &topic);
    for (unsigned round = 0; round < 3; round++) {
        const bool has_key = round == 1;
        if (round > 0)
            ck_assert_ok(registered(&world, &world.a, has_key ? &world.a.address : &nobody, round, &refusal));
        ck_assert_ok(pp_node_topic_quote(world.fixture.node, &topic, bytes, &length, &quote));
        ck_assert_ok(pp_signed_quote_decode(bytes, length, &decoded));
        ck_assert_ok(pp_signed_quote_verify(&decoded, FIXTURE_NODE_ID, &world.fixture.receipt_key));
        ck_assert(decoded.quote.for_topic && pp_hash_eq(&decoded.quote.topic, &topic));
        ck_assert_uint_eq(decoded.quote.bond_count, has_key ? 2 : 0);
        ck_assert(pp_address_eq(&decoded.quote.accept_key, has_key ? &world.a.address : &nobody));
        ck_assert_uint_eq(decoded.quote.deadline_from_ms, has_key ? FIXTURE_START_MS + 1000 : 0);
        ck_assert_uint_eq(decoded.quote.deadline_to_ms, has_key ? FIXTURE_START_MS + 2 * FIXTURE_DAY_MS : 0);
    }
    world_done(&world);
}
END_TEST

/* FEE-065: who brings forged ones is refused for a while, and nobody else. */
START_TEST(register__forged_ones_of_one_source__it_is_suspect_and_others_are_not)
{
    struct world world;
    struct pp_topic_registration forged, good;
    struct pp_topic_key out;
    struct pp_refusal refusal;
    unsigned busy = 0;
    world_make(&world);
    pp_registration_make(&world.fixture, &world.a, "topic/1", &world.a.address, 1, &good);
    forged = good;
    forged.signature.bytes[3] ^= 1;
    forged.source = 5;
    for (unsigned i = 0; i < 200; i++)
        busy += pp_node_topic_register(world.fixture.node, &forged, &out, &refusal) == PP_BUSY;
    ck_assert_uint_gt(busy, 0);
    good.source = 6;
    ck_assert_ok(pp_node_topic_register(world.fixture.node, &good, &out, &refusal));
    world_done(&world);
}
END_TEST

/* FEE-064: of a full table the topics that are in it may change, and no other comes. */
START_TEST(register__as_many_topics_as_there_may_be__no_new_one_and_the_old_ones_change)
{
    struct world world;
    struct pp_topic_registration registration;
    struct pp_topic_key out;
    struct pp_refusal refusal;
    const uint8_t count[4] = {0, PP_TOPICS_MAX >> 16, 0, 0};
    struct pp_slice part = pp_slice(count, sizeof count);
    world_make(&world);
    ck_assert_ok(registered(&world, &world.a, &world.a.address, 1, &refusal));
    pp_fixture_close(&world.fixture);
    struct pp_data data;
    ck_assert_ok(pp_data_open(world.fixture.dir, 0, false, &data, NULL));
    ck_assert_ok(pp_store_write(data.journal, PP_STORE_ORDINARY, count_plant, &part));
    pp_data_close(&data);
    pp_fixture_open(&world.fixture);
    pp_registration_make(&world.fixture, &world.b, "topic/2", &world.b.address, 1, &registration);
    ck_assert_error(pp_node_topic_register(world.fixture.node, &registration, &out, &refusal),
                    PP_TOO_MANY_TOPICS);
    ck_assert_uint_eq(refusal.expected.number, PP_TOPICS_MAX);
    ck_assert_ok(registered(&world, &world.a, &world.b.address, 2, &refusal));
    world_done(&world);
}
END_TEST

PP_TESTS("topics")
PP_TEST(register__as_many_topics_as_there_may_be__no_new_one_and_the_old_ones_change)
PP_TEST(register__one_after_the_other__the_owner_alone_and_forwards_only)
PP_TEST(register__a_signature_for_something_else__refused)
PP_TEST(topic_quote__before_and_after_a_registration__names_the_key_or_asks_no_bond)
PP_TEST(register__forged_ones_of_one_source__it_is_suspect_and_others_are_not)
PP_TESTS_END
