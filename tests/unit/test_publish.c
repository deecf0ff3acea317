/* Goal: what a node publishes is its journal, record by record, from any place on, and never twice differently.
 * Method: a node with traffic of every kind; its folder read while it runs. */
#include "evidence/publish.h"
#include "evidence_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <stdlib.h>

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_sender sender;
    struct pp_data data; /* read beside the node */
    struct pp_publisher publisher;
    struct pp_segment_owner owner;
    struct pp_record_room *room;
    uint8_t *bytes;
};

static void traffic(struct world *world)
{
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
    pp_sender_init(&world->sender, &world->fixture, 1);
    pp_sender_fund(&world->sender, &world->fixture, 1000000, 0);
    for (unsigned i = 0; i < 12; i++) {
        struct pp_made_request made;
        struct pp_answer answer;
        pp_request_make(&made, &world->fixture, &world->sender, 1 + i, (struct pp_parcel_of){300, 9}, i);
        pp_submit_wait(world->fixture.node, &made.request, &answer);
        ck_assert_ok(answer.error);
        pp_answer_done(&answer);
        pp_request_done(&made);
    }
}

static void world_open(struct world *world)
{
    char reason[PP_STORE_REASON_BYTES];
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, true);
    traffic(world);
    ck_assert_ok(pp_data_open(world->fixture.dir, 0, true, &world->data, reason));
    world->publisher = (struct pp_publisher){
        .journal = world->data.journal,
        .lane = FIXTURE_LANE,
        .receipt_key = world->fixture.receipt_key,
        .signer = {world->fixture.crypto, &world->fixture.config.domain, &world->fixture.config.operator_key},
    };
    world->owner = (struct pp_segment_owner){&world->fixture.config.domain, FIXTURE_LANE,
                                             world->fixture.operator_address};
    world->room = malloc(sizeof *world->room);
    world->bytes = malloc(PP_SEGMENT_MAX_BYTES);
}

static void world_close(struct world *world)
{
    pp_data_close(&world->data);
    free(world->room);
    free(world->bytes);
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

static void ask(const struct world *world, uint64_t from, size_t body_max, struct pp_segment *out)
{
    size_t length;
    ck_assert_ok(
        pp_evidence_publish(&world->publisher, from, body_max, world->bytes, PP_SEGMENT_MAX_BYTES, &length));
    ck_assert_ok(pp_segment_decode((struct pp_slice){world->bytes, length}, out));
    ck_assert_ok(pp_segment_check(out, &world->owner, world->fixture.crypto));
}

/* EVID-006, EVID-008: however it is cut, the records are the same, and come to the same head. */
START_TEST(publish__a_journal_in_pieces__is_the_whole)
{
    static const size_t sizes[] = {1, 700, 4096, PP_SEGMENT_BODY_MAX_BYTES};
    struct world world;
    struct pp_journal_head end = {0};
    world_open(&world);
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct pp_journal_head head;
        uint32_t segments = 0;
        pp_journal_head_init(&head);
        for (;;) {
            struct pp_segment segment;
            struct pp_segment_walk walk;
            struct pp_record record;
            enum pp_error error;
            ask(&world, head.next_sequence, sizes[i], &segment);
            ck_assert_uint_eq(segment.head.first, head.next_sequence);
            ck_assert_mem_eq(segment.head.before, head.checksum, sizeof head.checksum);
            if (segment.head.next == segment.head.first)
                break;
            segments++;
            pp_segment_walk_begin(&segment, world.room, &walk);
            while ((error = pp_segment_walk_next(&walk, &record)) == PP_OK) {
            }
            ck_assert_error(error, PP_NOT_FOUND);
            head = walk.head;
        }
        if (i == 0)
            end = head;
        ck_assert_uint_eq(head.next_sequence, end.next_sequence);
        ck_assert_mem_eq(head.checksum, end.checksum, sizeof end.checksum);
        ck_assert_uint_eq(i == 3 ? segments : 1, 1);
        if (i == 0)
            ck_assert_uint_eq(segments, 14); /* OPENED, the channel, twelve charges: one record at least */
    }
    world_close(&world);
}
END_TEST

/* EVID-007 */
START_TEST(publish__from_any_offset__begins_with_the_record_that_covers_it)
{
    struct world world;
    struct pp_segment segment;
    uint64_t last_first = 0;
    world_open(&world);
    ask(&world, UINT64_MAX, 1, &segment); /* behind the end */
    const uint64_t end = segment.head.next;
    ck_assert_uint_eq(segment.head.first, end);
    ck_assert_uint_eq(end, 3 + 78);
    for (uint64_t from = 0; from < end + 3; from++) {
        ask(&world, from, 1, &segment);
        ck_assert_uint_ge(segment.head.first, last_first);
        last_first = segment.head.first;
        if (from >= 1 && from < end)
            ck_assert(segment.head.first <= from && from < segment.head.next);
        else if (from >= end)
            ck_assert(segment.head.first == end && segment.head.next == end);
        else
            ck_assert_uint_eq(segment.head.first, 1);
    }
    world_close(&world);
}
END_TEST

/* EVID-006: the node itself says the same, and only what is on disk. */
START_TEST(publish__by_the_node__the_same_records)
{
    struct world world;
    struct pp_segment segment, own;
    size_t length;
    uint8_t *bytes = malloc(PP_SEGMENT_MAX_BYTES);
    world_open(&world);
    ask(&world, 1, PP_SEGMENT_BODY_MAX_BYTES, &segment);
    ck_assert_ok(pp_node_evidence(world.fixture.node, 1, bytes, PP_SEGMENT_MAX_BYTES, &length));
    ck_assert_ok(pp_segment_decode((struct pp_slice){bytes, length}, &own));
    ck_assert_uint_eq(own.body.length, segment.body.length);
    ck_assert_mem_eq(own.body.bytes, segment.body.bytes, own.body.length);
    ck_assert_mem_eq(own.head.after, segment.head.after, sizeof own.head.after);
    ck_assert_error(pp_node_evidence(world.fixture.node, 1, bytes, 100, &length), PP_OVERFLOW);
    free(bytes);
    world_close(&world);
}
END_TEST

PP_TESTS("publish")
PP_TEST(publish__a_journal_in_pieces__is_the_whole)
PP_TEST(publish__from_any_offset__begins_with_the_record_that_covers_it)
PP_TEST(publish__by_the_node__the_same_records)
PP_TESTS_END
