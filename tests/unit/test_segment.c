/* Goal: a segment is exactly the bytes that its operator signed; whatever is cut, moved or changed is refused by name.
 * Method: journals made record by record. Vectors made by another implementation: specs/vectors/evidence.json. */
#include "evidence_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <stdlib.h>

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_sender sender;
    struct pp_forge forge;
    struct pp_segment_owner owner;
    struct pp_record_room *room;
    uint8_t *bytes;
    size_t length;
};

/* OPENED, LANE_FINAL, three charges. */
static void world_open(struct world *world)
{
    struct pp_leaf leaf;
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, true);
    pp_sender_init(&world->sender, &world->fixture, 1);
    pp_forge_init(&world->forge, &world->fixture);
    world->room = malloc(sizeof *world->room);
    world->bytes = malloc(PP_SEGMENT_MAX_BYTES);
    world->owner = (struct pp_segment_owner){&world->fixture.config.domain, FIXTURE_LANE,
                                             world->fixture.operator_address};
    pp_forge_opened(&world->forge);
    pp_forge_funded(&world->forge, &world->sender, 1000);
    for (uint64_t i = 0; i < 3; i++) {
        pp_forge_leaf(&world->sender, i * 1300, i, &leaf);
        pp_forge_charged(&world->forge, &world->sender, &leaf, &world->sender.key);
    }
    world->length = pp_forge_end(&world->forge, world->bytes);
}

static void world_close(struct world *world)
{
    pp_forge_done(&world->forge);
    free(world->room);
    free(world->bytes);
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

static enum pp_error walk_all(const struct world *world, const struct pp_segment *segment,
                              uint32_t *out_count)
{
    struct pp_segment_walk walk;
    struct pp_record record;
    enum pp_error error;
    *out_count = 0;
    pp_segment_walk_begin(segment, world->room, &walk);
    while ((error = pp_segment_walk_next(&walk, &record)) == PP_OK)
        ++*out_count;
    return error;
}

/* EVID-001, EVID-002, EVID-003, EVID-005 */
START_TEST(segment__of_a_journal__holds_its_records)
{
    struct world world;
    struct pp_segment segment;
    uint32_t count;
    world_open(&world);
    ck_assert_ok(pp_segment_decode((struct pp_slice){world.bytes, world.length}, &segment));
    ck_assert_ok(pp_segment_check(&segment, &world.owner, world.fixture.crypto));
    ck_assert_uint_eq(segment.head.first, 1);
    ck_assert_uint_eq(segment.head.next, 6);
    ck_assert_error(walk_all(&world, &segment, &count), PP_NOT_FOUND);
    ck_assert_uint_eq(count, 5);
    world_close(&world);
}
END_TEST

/* EVID-004 */
START_TEST(segment__numbers_of_no_journal__refused)
{
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {
        {4 + 2, 0}, /* node id 0: with the byte before it */
        {8 + 7, 0}, /* first 0 */
        {8 + 7, 9}, /* first behind next */
        {24, 1},    /* a checksum before the first record */
    };
    struct world world;
    struct pp_segment segment;
    world_open(&world);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        const uint8_t before = world.bytes[changes[i].at];
        world.bytes[changes[i].at] = changes[i].value;
        ck_assert_error(pp_segment_decode((struct pp_slice){world.bytes, world.length}, &segment),
                        PP_OUT_OF_RANGE);
        world.bytes[changes[i].at] = before;
    }
    world.bytes[0] = 'Q';
    ck_assert_error(pp_segment_decode((struct pp_slice){world.bytes, world.length}, &segment), PP_BAD_FORMAT);
    world_close(&world);
}
END_TEST

/* EVID-001, EVID-009 */
START_TEST(segment__truncated_or_longer__refused)
{
    struct world world;
    struct pp_segment segment;
    world_open(&world);
    for (size_t length = 0; length < world.length; length++)
        pp_expect(pp_segment_decode((struct pp_slice){world.bytes, length}, &segment) == PP_TRUNCATED);
    ck_assert_error(pp_segment_decode((struct pp_slice){world.bytes, world.length + 1}, &segment),
                    PP_TRAILING_BYTES);
    world.bytes[PP_SEGMENT_HEAD_BYTES] = 0x7f;
    ck_assert_error(pp_segment_decode((struct pp_slice){world.bytes, world.length}, &segment), PP_TOO_LONG);
    world_close(&world);
}
END_TEST

/* EVID-002, EVID-003: no bit is free. */
START_TEST(segment__any_bit_changed__refused)
{
    struct world world;
    struct pp_segment segment;
    world_open(&world);
    for (size_t at = 0; at < world.length; at++) {
        world.bytes[at] ^= 1u << at % 8;
        enum pp_error error = pp_segment_decode((struct pp_slice){world.bytes, world.length}, &segment);
        if (error == PP_OK)
            error = pp_segment_check(&segment, &world.owner, world.fixture.crypto);
        pp_expect(error != PP_OK);
        world.bytes[at] ^= 1u << at % 8;
    }
    world_close(&world);
}
END_TEST

/* EVID-003 */
START_TEST(segment__of_another_lane_operator_or_contract__refused)
{
    struct world world;
    struct pp_segment segment;
    struct pp_domain other;
    static const struct pp_address contract = {{0xc0, 0x02}};
    world_open(&world);
    ck_assert_ok(pp_segment_decode((struct pp_slice){world.bytes, world.length}, &segment));
    struct pp_segment_owner owner = world.owner;
    owner.lane++;
    ck_assert_error(pp_segment_check(&segment, &owner, world.fixture.crypto), PP_WRONG_OPERATOR);
    owner = world.owner;
    owner.operator_address.bytes[0] ^= 1;
    ck_assert_error(pp_segment_check(&segment, &owner, world.fixture.crypto), PP_BAD_SIGNATURE);
    owner = world.owner;
    pp_domain_init(&other, world.fixture.config.domain.chain_id, &contract);
    owner.domain = &other;
    ck_assert_error(pp_segment_check(&segment, &owner, world.fixture.crypto), PP_BAD_SIGNATURE);
    world_close(&world);
}
END_TEST

/* EVID-005: two records that changed places, signed like that. */
START_TEST(segment__reordered_records__do_not_lead_to_its_end)
{
    struct world world;
    struct pp_segment segment;
    uint32_t count;
    uint8_t *body = malloc(PP_SEGMENT_BODY_MAX_BYTES);
    world_open(&world);
    ck_assert_ok(pp_segment_decode((struct pp_slice){world.bytes, world.length}, &segment));
    struct pp_segment_walk walk;
    struct pp_record record;
    size_t offsets[6] = {0};
    pp_segment_walk_begin(&segment, world.room, &walk);
    for (unsigned i = 0; pp_segment_walk_next(&walk, &record) == PP_OK; i++)
        offsets[i + 1] = walk.body.offset;
    const size_t length = offsets[5] - offsets[4];
    ck_assert_uint_eq(length, offsets[4] - offsets[3]); /* the last two charges are equally long */
    memcpy(body, segment.body.bytes, offsets[3]);
    memcpy(body + offsets[3], segment.body.bytes + offsets[4], length);
    memcpy(body + offsets[4], segment.body.bytes + offsets[3], length);
    segment.body.bytes = body;
    const struct pp_segment_signer signer = {world.fixture.crypto, &world.fixture.config.domain,
                                             &world.forge.key};
    ck_assert_ok(pp_segment_sign(&signer, &segment));
    ck_assert_ok(pp_segment_check(&segment, &world.owner, world.fixture.crypto));
    ck_assert_error(walk_all(&world, &segment, &count), PP_EVIDENCE_CHAIN);
    free(body);
    world_close(&world);
}
END_TEST

/* EVID-005: what the head says of the end is not what the records come to. */
START_TEST(segment__head_that_says_otherwise__refused)
{
    struct world world;
    world_open(&world);
    const struct pp_segment_signer signer = {world.fixture.crypto, &world.fixture.config.domain,
                                             &world.forge.key};
    for (unsigned which = 0; which < 4; which++) {
        struct pp_segment segment;
        uint32_t count;
        ck_assert_ok(pp_segment_decode((struct pp_slice){world.bytes, world.length}, &segment));
        if (which == 0)
            segment.head.after[3] ^= 1;
        else if (which == 1)
            segment.head.next++;
        else if (which == 2)
            segment.head.time_ms++;
        else
            segment.head.next--;
        ck_assert_ok(pp_segment_sign(&signer, &segment));
        ck_assert_error(walk_all(&world, &segment, &count), PP_EVIDENCE_CHAIN);
    }
    world_close(&world);
}
END_TEST

static void vector_check(const struct world *world, const json_t *journal, const json_t *vector)
{
    struct pp_segment segment;
    struct pp_domain domain;
    struct pp_secret_key key;
    struct pp_segment_owner owner = {.domain = &domain, .lane = (uint32_t)pp_json_u64(journal, "lane")};
    struct pp_address contract;
    size_t length, encoded;
    uint32_t count;
    uint8_t *bytes = pp_json_bytes_any(vector, "bytes", &length);
    pp_json_bytes(journal, "contract", contract.bytes, 20);
    pp_json_bytes(journal, "operator", owner.operator_address.bytes, 20);
    pp_json_bytes(journal, "operatorKey", key.bytes, 32);
    pp_domain_init(&domain, pp_json_u64(journal, "chainId"), &contract);
    ck_assert_ok(pp_segment_decode((struct pp_slice){bytes, length}, &segment));
    ck_assert_ok(pp_segment_check(&segment, &owner, world->fixture.crypto));
    ck_assert_error(walk_all(world, &segment, &count), PP_NOT_FOUND);
    ck_assert_uint_eq(count, pp_json_u64(vector, "next") - pp_json_u64(vector, "first"));
    const struct pp_segment_signer signer = {world->fixture.crypto, &domain, &key};
    segment.head.content = (struct pp_hash){{0}};
    segment.head.signature = (struct pp_signature){{0}};
    ck_assert_ok(pp_segment_sign(&signer, &segment));
    ck_assert_ok(pp_segment_encode(&segment, world->bytes, PP_SEGMENT_MAX_BYTES, &encoded));
    ck_assert_uint_eq(encoded, length);
    ck_assert_mem_eq(world->bytes, bytes, length);
    free(bytes);
}

/* EVID-001, EVID-002, EVID-003, EVID-005 */
START_TEST(segment__vectors__the_same_bytes)
{
    struct world world;
    json_t *vectors = pp_vectors_load("evidence.json");
    const json_t *journal, *vector;
    size_t i, j;
    world_open(&world);
    json_array_foreach(pp_json_member(vectors, "journals"), i, journal)
        json_array_foreach(pp_json_member(journal, "segments"), j, vector)
            vector_check(&world, journal, vector);
    ck_assert_uint_eq(i, 3);
    json_decref(vectors);
    world_close(&world);
}
END_TEST

PP_TESTS("segment")
PP_TEST(segment__vectors__the_same_bytes)
PP_TEST(segment__of_a_journal__holds_its_records)
PP_TEST(segment__numbers_of_no_journal__refused)
PP_TEST(segment__truncated_or_longer__refused)
PP_TEST(segment__any_bit_changed__refused)
PP_TEST(segment__of_another_lane_operator_or_contract__refused)
PP_TEST(segment__reordered_records__do_not_lead_to_its_end)
PP_TEST(segment__head_that_says_otherwise__refused)
PP_TESTS_END
