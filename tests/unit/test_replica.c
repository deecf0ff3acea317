/* Goal: of what an operator signed only that counts which can be true; whatever cannot is refused by name, leaves all that
 * was held as it was, and where two entries contradict each other, convicts.
 * Method: journals with one wrong record each; and those that real nodes write. */
#include "evidence/publish.h"
#include "evidence_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/refund.h>

#include <stdlib.h>

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_sender sender, other;
    struct pp_forge forge;
    struct pp_shelf shelf;
    struct pp_refund_list list;
    struct pp_leaf leaf; /* of the first charge, at 4 */
    uint8_t *bytes;
    size_t length;
};

#define FIRST_CHARGE 4u

/* Held: opening, two channels, one charge. */
static void world_open(struct world *world)
{
    struct pp_replica_fault fault;
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, true);
    pp_sender_init(&world->sender, &world->fixture, 1);
    pp_sender_init(&world->other, &world->fixture, 2);
    pp_forge_init(&world->forge, &world->fixture);
    pp_shelf_open(&world->shelf, &world->fixture);
    pp_refund_list_init(&world->list);
    world->bytes = malloc(PP_SEGMENT_MAX_BYTES);
    pp_forge_opened(&world->forge);
    pp_forge_funded(&world->forge, &world->sender, 1000);
    pp_forge_funded(&world->forge, &world->other, 1000);
    pp_forge_leaf(&world->sender, 0, 1, &world->leaf);
    pp_forge_charged(&world->forge, &world->sender, &world->leaf, &world->sender.key);
    world->length = pp_forge_end(&world->forge, world->bytes);
    ck_assert_ok(pp_shelf_take(&world->shelf, (struct pp_slice){world->bytes, world->length}, &fault));
}

static void world_close(struct world *world)
{
    pp_shelf_close(&world->shelf);
    pp_forge_done(&world->forge);
    free(world->bytes);
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

static struct pp_replica_lane counters(const struct world *world, const struct pp_sender *sender)
{
    struct pp_replica_lane lane;
    ck_assert_ok(pp_replica_lane(&world->shelf.replica, &sender->channel_id, &lane));
    return lane;
}

/* What was added since is refused with that error, and nothing has changed; with a kind, it convicts. */
static void refused(struct world *world, enum pp_error expected, unsigned kind)
{
    struct pp_replica_fault fault;
    const struct pp_replica_lane before = counters(world, &world->sender);
    const uint64_t next = world->shelf.replica.head.next_sequence;
    world->length = pp_forge_end(&world->forge, world->bytes);
    const struct pp_slice bytes = {world->bytes, world->length};
    ck_assert_error(pp_shelf_take(&world->shelf, bytes, &fault), expected);
    ck_assert_error(fault.error, expected);
    ck_assert_uint_eq(fault.kind, kind);
    ck_assert_uint_eq(world->shelf.replica.head.next_sequence, next);
    const struct pp_replica_lane after = counters(world, &world->sender);
    ck_assert_mem_eq(&after, &before, sizeof after);
    if (kind != 0)
        pp_shelf_prove(&world->shelf, &world->forge, &fault, bytes);
}

static enum pp_error taken(struct world *world)
{
    struct pp_replica_fault fault;
    world->length = pp_forge_end(&world->forge, world->bytes);
    return pp_shelf_take(&world->shelf, (struct pp_slice){world->bytes, world->length}, &fault);
}

static void charge(struct world *world, const struct pp_sender *sender, uint64_t from, uint64_t number,
                   const struct pp_secret_key *key)
{
    struct pp_leaf leaf;
    pp_forge_leaf(sender, from, number, &leaf);
    pp_forge_charged(&world->forge, sender, &leaf, key);
}

/* EVID-040, EVID-050, EVID-051 */
START_TEST(replica__a_true_journal__counts)
{
    struct world world;
    world_open(&world);
    charge(&world, &world.other, 0, 2, &world.other.key);
    pp_forge_deleted(&world.forge, &world.sender, &world.leaf, FIRST_CHARGE, 200, &world.list, 200);
    ck_assert_ok(taken(&world));
    const struct pp_replica_lane lane = counters(&world, &world.sender),
                                 other = counters(&world, &world.other);
    ck_assert(pp_grains_eq(lane.spent, pp_grains(1300)));
    ck_assert(pp_grains_eq(lane.refunded, pp_grains(200)));
    ck_assert(pp_grains_eq(lane.earned, pp_grains(1100)));
    ck_assert(pp_grains_eq(lane.consumed, pp_grains(1300)));
    ck_assert(pp_grains_eq(other.spent, pp_grains(1300)));
    ck_assert(pp_grains_is_zero(other.refunded));
    world_close(&world);
}
END_TEST

/* EVID-051 */
START_TEST(replica__overlapping_intervals__convict)
{
    struct world world;
    world_open(&world);
    charge(&world, &world.sender, 1299, 2, &world.sender.key);
    refused(&world, PP_INTERVAL_TAKEN, PP_PROOF_OVERLAP);
    world_close(&world);
    world_open(&world); /* both in one segment, and the same stamp twice */
    charge(&world, &world.other, 500, 2, &world.other.key);
    charge(&world, &world.other, 500, 2, &world.other.key);
    refused(&world, PP_INTERVAL_TAKEN, PP_PROOF_OVERLAP);
    world_close(&world);
}
END_TEST

/* EVID-050: what only the operator says the sender signed. */
START_TEST(replica__a_forged_voucher__convicts_the_operator)
{
    struct world world;
    world_open(&world);
    charge(&world, &world.sender, 1300, 2, &world.other.key);
    refused(&world, PP_VOUCHER_FORGED, PP_PROOF_VOUCHER_FORGED);
    world_close(&world);
}
END_TEST

/* EVID-053, EVID-054 */
START_TEST(replica__refunds_above_the_postage_or_falling__convict)
{
    struct world world;
    world_open(&world);
    pp_forge_deleted(&world.forge, &world.sender, &world.leaf, FIRST_CHARGE, 301, &world.list, 301);
    refused(&world, PP_REFUND_EXCEEDS, PP_PROOF_REFUND_EXCEEDS);
    world_close(&world);
    world_open(&world); /* twice */
    pp_forge_deleted(&world.forge, &world.sender, &world.leaf, FIRST_CHARGE, 200, &world.list, 200);
    ck_assert_ok(taken(&world));
    pp_forge_deleted(&world.forge, &world.sender, &world.leaf, FIRST_CHARGE, 200, &world.list, 400);
    refused(&world, PP_REFUND_EXCEEDS, 0);
    world_close(&world);
    world_open(&world);
    pp_forge_deleted(&world.forge, &world.sender, &world.leaf, FIRST_CHARGE, 200, &world.list, 200);
    charge(&world, &world.sender, 1300, 2, &world.sender.key);
    ck_assert_ok(taken(&world));
    struct pp_leaf leaf;
    pp_forge_leaf(&world.sender, 1300, 2, &leaf);
    pp_forge_deleted(&world.forge, &world.sender, &leaf, FIRST_CHARGE + 2, 200, &world.list, 199);
    refused(&world, PP_REFUND_FELL, PP_PROOF_REFUND_FELL);
    world_close(&world);
}
END_TEST

/* EVID-053, EVID-054: what cannot be, though no two entries show it by themselves. */
START_TEST(replica__impossible_refunds__refused)
{
    for (unsigned which = 0; which < 5; which++) {
        struct world world;
        struct pp_leaf leaf;
        world_open(&world);
        leaf = world.leaf;
        uint64_t sequence = FIRST_CHARGE, refunded = 200;
        const struct pp_sender *sender = &world.sender;
        if (which == 0)
            sequence = 2; /* no charge */
        else if (which == 1)
            sequence = 99; /* behind it */
        else if (which == 2)
            leaf.size++; /* another stamp */
        else if (which == 3)
            refunded = 201; /* not what the entries come to */
        else
            sender = &world.other; /* another channel's */
        pp_forge_deleted(&world.forge, sender, &leaf, sequence, 200, &world.list, refunded);
        refused(&world, PP_EVIDENCE_IMPOSSIBLE, 0);
        world_close(&world);
    }
}
END_TEST

/* EVID-055: a reservation that was cancelled, and one that is open, have no storage to give back. */
START_TEST(replica__deletions_of_tickets__refused)
{
    for (unsigned cancelled = 0; cancelled < 2; cancelled++) {
        struct world world;
        struct pp_leaf leaf;
        struct pp_stamp_id id;
        struct pp_hash digest;
        world_open(&world);
        pp_forge_leaf(&world.sender, 1300, 2, &leaf);
        pp_leaf_id(&leaf, &id);
        pp_forge_reserved(&world.forge, &world.sender, &leaf, &world.sender.key);
        if (cancelled) {
            const struct pp_refund_leaf entry = {id, pp_grains(1300), PP_REFUND_NOT_STORED};
            const struct pp_row_ticket row = {FIRST_CHARGE + 1};
            struct pp_record record = {.type = PP_RECORD_TYPE_CANCELLED, .count = 1, .ticket_rows = &row};
            ck_assert_ok(pp_refund_list_append(&world.list, &entry));
            record.cancelled = (struct pp_record_cancelled){.type_ = PP_RECORD_TYPE_CANCELLED,
                                                            .channel_id = world.sender.channel_id,
                                                            .refunded = pp_grains(1300)};
            pp_refund_list_root(&world.list, &record.cancelled.reasons);
            const struct pp_refund_fields fields = {world.sender.channel_id, FIXTURE_LANE, pp_grains(1300),
                                                    record.cancelled.reasons};
            pp_refund_digest(&world.fixture.config.domain, &fields, &digest);
            ck_assert_ok(
                pp_sign(world.fixture.crypto, &world.forge.key, &digest, &record.cancelled.refund_signature));
            pp_forge_add(&world.forge, &record);
        }
        ck_assert_ok(taken(&world));
        pp_forge_deleted(&world.forge, &world.sender, &leaf, FIRST_CHARGE + 1, 200, &world.list,
                         cancelled ? 1500 : 200);
        refused(&world, cancelled ? PP_REFUND_EXCEEDS : PP_EVIDENCE_IMPOSSIBLE, 0);
        world_close(&world);
    }
}
END_TEST

/* EVID-047, EVID-048 */
START_TEST(replica__another_operators_opening_or_a_false_channel__refused)
{
    struct world world;
    struct pp_replica_fault fault;
    struct pp_shelf shelf;
    world_open(&world);
    struct pp_sender false_channel = world.other;
    false_channel.channel_id.bytes[3] ^= 1;
    pp_forge_funded(&world.forge, &false_channel, 1000);
    refused(&world, PP_EVIDENCE_IMPOSSIBLE, 0);
    /* The right key over a journal that says it is another shard's. */
    pp_forge_done(&world.forge);
    pp_forge_init(&world.forge, &world.fixture);
    world.forge.lane++;
    pp_forge_opened(&world.forge);
    world.length = pp_forge_end(&world.forge, world.bytes);
    pp_shelf_open(&shelf, &world.fixture);
    ck_assert_error(pp_shelf_take(&shelf, (struct pp_slice){world.bytes, world.length}, &fault),
                    PP_WRONG_OPERATOR);
    pp_shelf_close(&shelf);
    world_close(&world);
}
END_TEST

/* EVID-042, EVID-043 */
START_TEST(replica__gap_and_old_segments__nothing_changes)
{
    struct world world;
    struct pp_replica_fault fault;
    uint8_t *old = malloc(PP_SEGMENT_MAX_BYTES);
    world_open(&world);
    const size_t old_length = world.length;
    memcpy(old, world.bytes, old_length);
    ck_assert_ok(pp_shelf_take(&world.shelf, (struct pp_slice){old, old_length}, &fault)); /* twice */
    charge(&world, &world.sender, 1300, 2, &world.sender.key);
    ck_assert_ok(taken(&world));
    ck_assert_error(pp_shelf_take(&world.shelf, (struct pp_slice){old, old_length}, &fault),
                    PP_EVIDENCE_BEHIND);
    charge(&world, &world.sender, 2600, 3, &world.sender.key);
    (void)pp_forge_end(&world.forge, world.bytes); /* lost */
    charge(&world, &world.sender, 3900, 4, &world.sender.key);
    refused(&world, PP_EVIDENCE_GAP, 0);
    free(old);
    world_close(&world);
}
END_TEST

/* EVID-044, EVID-045: the first one that came counts; the other convicts, wherever it parts from it. */
START_TEST(replica__another_journal__convicts)
{
    for (unsigned which = 0; which < 3; which++) {
        struct world world;
        struct pp_journal_head start;
        world_open(&world);
        start = world.forge.head;
        charge(&world, &world.sender, 1300, 2, &world.sender.key);
        charge(&world, &world.sender, 2600, 3, &world.sender.key);
        ck_assert_ok(taken(&world));
        world.forge.head = start;
        pp_forge_begin(&world.forge);
        for (unsigned i = 0; i < 1 + which; i++) /* shorter, as long, longer */
            charge(&world, &world.other, i * 1300, 9 + i, &world.other.key);
        refused(&world, PP_EVIDENCE_FORK, PP_PROOF_FORK);
        world_close(&world);
    }
}
END_TEST

/* EVID-002, EVID-003, EVID-005: what the way has changed convicts nobody. */
START_TEST(replica__truncated_changed_or_anothers__refused_by_name)
{
    struct world world;
    struct pp_replica_fault fault;
    world_open(&world);
    charge(&world, &world.sender, 1300, 2, &world.sender.key);
    world.length = pp_forge_end(&world.forge, world.bytes);
    ck_assert_error(pp_shelf_take(&world.shelf, (struct pp_slice){world.bytes, world.length - 1}, &fault),
                    PP_TRUNCATED);
    world.bytes[world.length - 1] ^= 1;
    ck_assert_error(pp_shelf_take(&world.shelf, (struct pp_slice){world.bytes, world.length}, &fault),
                    PP_CONTENT_MISMATCH);
    world.bytes[world.length - 1] ^= 1;
    world.bytes[60] ^= 1;
    ck_assert_error(pp_shelf_take(&world.shelf, (struct pp_slice){world.bytes, world.length}, &fault),
                    PP_BAD_SIGNATURE);
    world.bytes[60] ^= 1;
    world.bytes[7] ^= 1; /* the lane */
    ck_assert_error(pp_shelf_take(&world.shelf, (struct pp_slice){world.bytes, world.length}, &fault),
                    PP_WRONG_OPERATOR);
    world.bytes[7] ^= 1;
    ck_assert(!pp_replica_error_convicts(PP_WRONG_OPERATOR) &&
              !pp_replica_error_convicts(PP_CONTENT_MISMATCH));
    ck_assert_ok(pp_shelf_take(&world.shelf, (struct pp_slice){world.bytes, world.length}, &fault));
    world_close(&world);
}
END_TEST

/* What a node writes - batches, deletions, days, sessions, leaving - comes to the node's own
 * numbers. */
static void node_traffic(struct world *world, struct pp_fixture *fixture)
{
    struct pp_sender_session session;
    struct pp_session_status status;
    struct pp_refusal refusal;
    struct pp_session_root root;
    pp_fixture_open(fixture);
    pp_fixture_head(fixture, 0, NULL);
    pp_sender_fund(&world->sender, fixture, 1000000, 0);
    pp_sender_fund(&world->other, fixture, 1000000, 0);
    for (unsigned i = 0; i < 5; i++) {
        struct pp_made_request made;
        struct pp_answer answer;
        struct pp_delete deletion;
        struct pp_delete_result result;
        struct pp_signed_refund refund;
        pp_request_make(&made, fixture, i % 2 ? &world->other : &world->sender, 1 + i,
                        (struct pp_parcel_of){3000, 9}, i);
        pp_submit_wait(fixture->node, &made.request, &answer);
        ck_assert_ok(answer.error);
        if (i == 2) {
            pp_delete_make(fixture, &world->sender, &made.envelopes[1].leaf, &made.ids[1], &deletion);
            ck_assert_ok(pp_node_delete(fixture->node, &deletion, 1, &result, &refund));
            ck_assert_ok(result.refusal.error);
            world->sender.refund_ack = refund.refunded;
        }
        pp_answer_done(&answer);
        pp_request_done(&made);
        atomic_fetch_add(&fixture->now_ms, FIXTURE_DAY_MS);
        pp_fixture_head(fixture, 0, NULL);
        ck_assert_ok(pp_node_tick(fixture->node));
    }
    const struct pp_span chunk = {world->other.head, pp_grains(100000000)};
    pp_session_make(&session, fixture, &world->other, chunk, 3600000, 1);
    ck_assert_ok(pp_node_session_open(fixture->node, &session.open, &status, &refusal));
    for (unsigned i = 0; i < 2; i++) {
        struct pp_made_request made;
        struct pp_answer answer;
        pp_session_request_make(&made, fixture, &world->other, &session, 4, (struct pp_parcel_of){500, 6},
                                50 + i);
        pp_submit_wait(fixture->node, &made.request, &answer);
        ck_assert_ok(answer.error);
        if (i == 0) {
            pp_session_root_make(fixture, &world->other, &session, made.ids, 4, world->other.head, &root);
            ck_assert_ok(pp_node_session_sign(fixture->node, &root, &status, &refusal));
        }
        pp_answer_done(&answer);
        pp_request_done(&made);
    }
    struct pp_signature signature;
    struct pp_signed_refund refund;
    struct pp_signed_release release;
    pp_leave_sign(fixture, &world->sender, &signature);
    ck_assert_ok(
        pp_node_leave(fixture->node, &world->sender.channel_id, FIXTURE_LANE, &signature, &refund, &release));
}

/* EVID-040, EVID-046, EVID-052 */
START_TEST(replica__of_a_real_node__comes_to_its_numbers)
{
    struct world world;
    struct pp_shelf shelf;
    struct pp_replica_fault fault;
    size_t length;
    world_open(&world);
    node_traffic(&world, &world.fixture);
    pp_shelf_open(&shelf, &world.fixture);
    ck_assert_ok(pp_node_evidence(world.fixture.node, 1, world.bytes, PP_SEGMENT_MAX_BYTES, &length));
    ck_assert_ok(pp_shelf_take(&shelf, (struct pp_slice){world.bytes, length}, &fault));
    for (unsigned round = 0; round < 2; round++) { /* and once more, from what was kept */
        for (unsigned i = 0; i < 2; i++) {
            const struct pp_sender *sender = i == 0 ? &world.sender : &world.other;
            struct pp_lane_status status;
            struct pp_replica_lane lane;
            ck_assert_ok(pp_node_lane_status(world.fixture.node, &sender->channel_id, FIXTURE_LANE, &status));
            ck_assert_ok(pp_replica_lane(&shelf.replica, &sender->channel_id, &lane));
            ck_assert(pp_grains_eq(lane.spent, status.spent));
            ck_assert(pp_grains_eq(lane.refunded, status.refunded));
            ck_assert(pp_grains_eq(lane.earned, status.earned));
            ck_assert(!pp_grains_is_zero(lane.earned));
        }
        struct pp_segment segment;
        ck_assert_ok(pp_replica_reset(&shelf.replica));
        ck_assert_ok(pp_segment_decode((struct pp_slice){world.bytes, length}, &segment));
        ck_assert_ok(pp_replica_replay(&shelf.replica, &segment));
        ck_assert_error(pp_replica_replay(&shelf.replica, &segment), PP_CORRUPT);
    }
    pp_shelf_close(&shelf);
    world_close(&world);
}
END_TEST

PP_TESTS("replica")
PP_TEST(replica__a_true_journal__counts)
PP_TEST(replica__overlapping_intervals__convict)
PP_TEST(replica__a_forged_voucher__convicts_the_operator)
PP_TEST(replica__refunds_above_the_postage_or_falling__convict)
PP_TEST(replica__impossible_refunds__refused)
PP_TEST(replica__deletions_of_tickets__refused)
PP_TEST(replica__another_operators_opening_or_a_false_channel__refused)
PP_TEST(replica__gap_and_old_segments__nothing_changes)
PP_TEST(replica__another_journal__convicts)
PP_TEST(replica__truncated_changed_or_anothers__refused_by_name)
PP_TEST(replica__of_a_real_node__comes_to_its_numbers)
PP_TESTS_END
