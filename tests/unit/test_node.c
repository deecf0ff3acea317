/* The embedding interface, end to end over a real store: every call, and what it answers.
 * Method: a node in a temporary folder with an injected clock; balances are predicted by hand. */
#include "engine/node.h"
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/voucher.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_sender sender;
};

static void world_open(struct world *world, bool embedded_store)
{
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, embedded_store);
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
    pp_sender_init(&world->sender, &world->fixture, 1);
    pp_sender_fund(&world->sender, &world->fixture, 25000000, 0);
}

static void world_close(struct world *world)
{
    pp_fixture_verify(&world->fixture, NULL);
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

static void world_restart(struct world *world)
{
    pp_fixture_close(&world->fixture);
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
}

/* NODE-021, NODE-024 */
START_TEST(submit__single_and_batch__admitted_with_receipts)
{
    struct world world;
    world_open(&world, true);
    for (unsigned round = 0; round < 2; round++) {
        struct pp_made_request made;
        struct pp_answer answer;
        size_t count = round == 0 ? 1 : 64;
        pp_request_make(&made, &world.fixture, &world.sender, count, (struct pp_parcel_of){1000, 3}, round);
        pp_submit_wait(world.fixture.node, &made.request, &answer);
        ck_assert_ok(answer.submitted);
        ck_assert_msg(answer.error == PP_OK, "%s", pp_error_name(answer.error));
        ck_assert_uint_eq(answer.count, count);
        for (size_t i = 0; i < count; i++) {
            ck_assert_ok(answer.results[i].refusal.error);
            ck_assert(!answer.results[i].known);
        }
        pp_answer_check(&answer, &world.fixture, &made.request);
        ck_assert(pp_grains_eq(answer.spent, world.sender.head));
        pp_answer_done(&answer);
        pp_request_done(&made);
    }
    world_close(&world);
}
END_TEST

/* NODE-022 */
START_TEST(submit__again_also_after_restart__the_old_receipt_and_no_charge)
{
    struct world world;
    struct pp_made_request made;
    struct pp_answer first, again;
    world_open(&world, true);
    pp_request_make(&made, &world.fixture, &world.sender, 5, (struct pp_parcel_of){100, 1}, 9);
    pp_submit_wait(world.fixture.node, &made.request, &first);
    pp_answer_check(&first, &world.fixture, &made.request);
    for (unsigned round = 0; round < 3; round++) {
        if (round > 0)
            world_restart(&world);
        pp_submit_wait(world.fixture.node, &made.request, &again);
        ck_assert_ok(again.error);
        for (size_t i = 0; i < 5; i++) {
            ck_assert_ok(again.results[i].refusal.error);
            ck_assert(again.results[i].known);
            ck_assert_uint_eq(again.results[i].sequence, first.results[i].sequence);
            ck_assert_uint_eq(again.results[i].time_ms, first.results[i].time_ms);
        }
        pp_answer_check(&again, &world.fixture, &made.request);
        ck_assert(pp_grains_eq(again.spent, first.spent));
        pp_answer_done(&again);
    }
    struct pp_lane_status status;
    ck_assert_ok(pp_node_lane_status(world.fixture.node, &world.sender.channel_id, FIXTURE_LANE, &status));
    ck_assert_uint_eq(status.stamps, 5);
    ck_assert(pp_grains_eq(status.spent, world.sender.head));
    pp_answer_done(&first);
    pp_request_done(&made);
    world_close(&world);
}
END_TEST


/* ---- refusals ---- */

static void ck_refused(struct world *world, struct pp_made_request *made, enum pp_error expected)
{
    struct pp_answer answer;
    struct pp_lane_status before, after;
    ck_assert_ok(pp_node_lane_status(world->fixture.node, &world->sender.channel_id, FIXTURE_LANE, &before));
    pp_submit_wait(world->fixture.node, &made->request, &answer);
    ck_assert_ok(answer.submitted);
    enum pp_error error = answer.error != PP_OK ? answer.error : answer.results[0].refusal.error;
    ck_assert_msg(error == expected, "%s, expected %s", pp_error_name(error), pp_error_name(expected));
    ck_assert(!answer.has_receipt);
    ck_assert_ok(pp_node_lane_status(world->fixture.node, &world->sender.channel_id, FIXTURE_LANE, &after));
    ck_assert(pp_grains_eq(before.spent, after.spent));
    ck_assert_uint_eq(before.stamps, after.stamps);
    pp_answer_done(&answer);
}

static void change_channel(struct world *world, struct pp_made_request *made)
{
    (void)world;
    made->request.channel_id.bytes[5] ^= 1;
    made->envelopes[0].leaf.channel_id = made->request.channel_id;
}

static void change_lane(struct world *world, struct pp_made_request *made)
{
    (void)world;
    made->request.lane++;
    made->envelopes[0].leaf.lane++;
}

static void change_leaf_lane(struct world *world, struct pp_made_request *made)
{
    (void)world;
    made->envelopes[0].leaf.lane++;
}

static void change_payload(struct world *world, struct pp_made_request *made)
{
    (void)world;
    made->payloads[3] ^= 1;
}

static void change_topic(struct world *world, struct pp_made_request *made)
{
    (void)world;
    made->topic[0] ^= 1;
}

static void change_length(struct world *world, struct pp_made_request *made)
{
    (void)world;
    made->envelopes[0].payload_length--;
}

static void change_no_topic(struct world *world, struct pp_made_request *made)
{
    (void)world;
    made->envelopes[0].topic_length = 0;
}

static void change_signature(struct world *world, struct pp_made_request *made)
{
    (void)world;
    made->request.signature.bytes[40] ^= 1;
}

static void change_spent(struct world *world, struct pp_made_request *made)
{
    (void)world;
    made->request.spent = pp_grains(1);
}

static void change_signer(struct world *world, struct pp_made_request *made)
{
    struct pp_sender other;
    pp_sender_init(&other, &world->fixture, 99);
    pp_request_sign(made, &world->fixture, &other);
}

static void change_price(struct world *world, struct pp_made_request *made)
{
    made->envelopes[0].leaf.postage.storage_grains--;
    made->envelopes[0].leaf.postage.base_grains++;
    pp_request_sign(made, &world->fixture, &world->sender);
}

static void change_bond(struct world *world, struct pp_made_request *made)
{
    made->envelopes[0].leaf.postage.bond_grains = 5;
    made->envelopes[0].leaf.accept_key.bytes[0] = 1;
    made->envelopes[0].leaf.accept_deadline_ms = UINT64_MAX / 2;
    pp_request_sign(made, &world->fixture, &world->sender);
}

static void change_quote(struct world *world, struct pp_made_request *made)
{
    (void)world;
    made->quote[made->request.quote_length - 1] ^= 1;
}

static void change_no_quote(struct world *world, struct pp_made_request *made)
{
    (void)world;
    made->request.quote_length = 0;
}

static void change_leaf_quote(struct world *world, struct pp_made_request *made)
{
    made->envelopes[0].leaf.quote_id.bytes[0] ^= 1;
    pp_request_sign(made, &world->fixture, &world->sender);
}

static void change_time(struct world *world, struct pp_made_request *made)
{
    (void)made;
    world->fixture.now_ms += 61000;
    pp_fixture_head(&world->fixture, 0, NULL);
}

static void change_expired(struct world *world, struct pp_made_request *made)
{
    made->envelopes[0].leaf.not_after_ms = world->fixture.now_ms - 1;
    pp_request_sign(made, &world->fixture, &world->sender);
}

static void change_kind(struct world *world, struct pp_made_request *made)
{
    (void)world;
    made->request.kind = (enum pp_stamp_kind)4;
}

static void change_session(struct world *world, struct pp_made_request *made)
{
    (void)world;
    made->request.kind = PP_STAMP_SESSION;
}

static void change_far(struct world *world, struct pp_made_request *made)
{
    made->envelopes[0].leaf.from = pp_grains(UINT64_C(25000000) * 1000000);
    pp_request_sign(made, &world->fixture, &world->sender);
}

static void change_ack(struct world *world, struct pp_made_request *made)
{
    made->request.refund_ack = pp_grains(1);
    pp_request_sign(made, &world->fixture, &world->sender);
}

static void change_view(struct world *world, struct pp_made_request *made)
{
    struct pp_chain_event conflict = {.kind = PP_CHAIN_CONFLICT};
    (void)made;
    ck_assert_ok(pp_node_chain_events(world->fixture.node, &conflict, 1));
}

static void change_close(struct world *world, struct pp_made_request *made)
{
    struct pp_chain_event closing;
    (void)made;
    pp_sender_event(&world->sender, PP_CHAIN_CLOSING, 0, 0, &closing);
    ck_assert_ok(pp_node_chain_events(world->fixture.node, &closing, 1));
}

/* NODE-023, NODE-034, NODE-043 */
START_TEST(submit__each_fault__its_own_error_and_no_charge)
{
    static const struct {
        void (*change)(struct world *world, struct pp_made_request *made);
        enum pp_error expected;
    } cases[] = {
        {change_channel, PP_UNKNOWN_CHANNEL},
        {change_lane, PP_UNKNOWN_LANE},
        {change_leaf_lane, PP_UNKNOWN_LANE},
        {change_payload, PP_CONTENT_MISMATCH},
        {change_topic, PP_CONTENT_MISMATCH},
        {change_length, PP_CONTENT_MISMATCH},
        {change_no_topic, PP_MISSING_FIELD},
        {change_signature, PP_BAD_SIGNATURE},
        {change_spent, PP_OVER_SPENT},
        {change_signer, PP_BAD_SIGNATURE},
        {change_price, PP_PRICE_TOO_LOW},
        {change_bond, PP_BOND_NOT_OFFERED},
        {change_quote, PP_QUOTE_INVALID},
        {change_no_quote, PP_QUOTE_INVALID},
        {change_leaf_quote, PP_QUOTE_INVALID},
        {change_time, PP_QUOTE_EXPIRED},
        {change_expired, PP_STAMP_EXPIRED},
        {change_kind, PP_BAD_KIND},
        {change_session, PP_SESSION_UNKNOWN},
        {change_far, PP_CAP_EXCEEDED},
        {change_ack, PP_REFUND_ACK_UNKNOWN},
        {change_view, PP_LANE_FROZEN},
        {change_close, PP_LANE_CLOSING},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world world;
        struct pp_made_request made;
        world_open(&world, true);
        pp_request_make(&made, &world.fixture, &world.sender, 1, (struct pp_parcel_of){100, 5}, 77);
        cases[i].change(&world, &made);
        ck_refused(&world, &made, cases[i].expected);
        pp_request_done(&made);
        world_close(&world);
    }
}
END_TEST

START_TEST(submit__another_stamp_on_a_consumed_interval__taken_with_the_range)
{
    struct world world;
    struct pp_made_request made;
    struct pp_answer answer;
    struct pp_sender second;
    world_open(&world, true);
    second = world.sender;
    pp_request_make(&made, &world.fixture, &world.sender, 3, (struct pp_parcel_of){100, 1}, 1);
    pp_submit_wait(world.fixture.node, &made.request, &answer);
    ck_assert_ok(answer.error);
    pp_answer_done(&answer);
    pp_request_done(&made);
    for (unsigned round = 0; round < 2; round++) {
        pp_request_make(&made, &world.fixture, &second, 1, (struct pp_parcel_of){101, 1}, 2);
        pp_submit_wait(world.fixture.node, &made.request, &answer);
        ck_assert_error(answer.results[0].refusal.error, PP_INTERVAL_TAKEN);
        ck_assert_uint_eq(answer.results[0].refusal.consumed_count, 1);
        ck_assert(pp_grains_eq(answer.results[0].refusal.consumed[0].to, world.sender.head));
        pp_answer_done(&answer);
        pp_request_done(&made);
        second.head = PP_GRAINS_ZERO;
        world_restart(&world);
    }
    world_close(&world);
}
END_TEST

/* NODE-022 */
START_TEST(submit__the_same_leaf_twice_in_a_batch__charged_once)
{
    struct world world;
    struct pp_made_request made;
    struct pp_answer answer;
    world_open(&world, true);
    pp_request_make(&made, &world.fixture, &world.sender, 3, (struct pp_parcel_of){100, 1}, 1);
    made.envelopes[2] = made.envelopes[0];
    pp_request_sign(&made, &world.fixture, &world.sender);
    pp_submit_wait(world.fixture.node, &made.request, &answer);
    ck_assert_ok(answer.error);
    ck_assert(answer.results[2].known && !answer.results[0].known);
    ck_assert_uint_eq(answer.results[2].sequence, answer.results[0].sequence);
    pp_answer_check(&answer, &world.fixture, &made.request);
    struct pp_lane_status status;
    ck_assert_ok(pp_node_lane_status(world.fixture.node, &world.sender.channel_id, FIXTURE_LANE, &status));
    ck_assert_uint_eq(status.stamps, 2);
    pp_answer_done(&answer);
    pp_request_done(&made);
    world_close(&world);
}
END_TEST

/* NODE-024 */
START_TEST(submit__a_batch_with_one_fault__the_others_are_admitted)
{
    struct world world;
    struct pp_made_request made;
    struct pp_answer answer;
    world_open(&world, true);
    pp_request_make(&made, &world.fixture, &world.sender, 3, (struct pp_parcel_of){100, 1}, 1);
    made.payloads[100] ^= 1;
    pp_submit_wait(world.fixture.node, &made.request, &answer);
    ck_assert_ok(answer.error);
    ck_assert_ok(answer.results[0].refusal.error);
    ck_assert_error(answer.results[1].refusal.error, PP_CONTENT_MISMATCH);
    ck_assert_ok(answer.results[2].refusal.error);
    pp_answer_check(&answer, &world.fixture, &made.request);
    made.payloads[100] ^= 1;
    world_restart(&world);
    struct pp_answer again;
    pp_submit_wait(world.fixture.node, &made.request, &again);
    ck_assert(again.results[0].known && !again.results[1].known && again.results[2].known);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_ok(again.results[i].refusal.error);
    pp_answer_done(&answer);
    pp_answer_done(&again);
    pp_request_done(&made);
    world_close(&world);
}
END_TEST

/* ---- deletes, leaving, days ---- */

static void days_pass(struct world *world, unsigned days)
{
    world->fixture.now_ms += days * FIXTURE_DAY_MS;
    pp_fixture_head(&world->fixture, 0, NULL);
    ck_assert_ok(pp_node_tick(world->fixture.node));
}

/* NODE-038. Method: forged deletes and Leaves by one source as fast as it can, then a long forged list by a fresh one; another
 * source deletes meanwhile. */
START_TEST(delete_and_leave__forged_at_full_rate__bounded_and_others_served)
{
    enum { LIST = 256, FORGER = 21, LISTER = 22, HONEST = 23 };
    struct world world;
    struct pp_made_request made;
    struct pp_answer answer;
    struct pp_delete good, list[LIST];
    struct pp_delete_result result, results[LIST];
    struct pp_signed_refund refund;
    struct pp_signed_release release;
    struct pp_signature leave;
    unsigned examined = 0, refused = 0, busy = 0;
    world_open(&world, true);
    pp_request_make(&made, &world.fixture, &world.sender, 2, (struct pp_parcel_of){100, 5}, 1);
    pp_submit_wait(world.fixture.node, &made.request, &answer);
    ck_assert_ok(answer.error);
    pp_delete_make(&world.fixture, &world.sender, &made.envelopes[0].leaf, &made.ids[0], &good);
    pp_leave_sign(&world.fixture, &world.sender, &leave);
    leave.bytes[3] ^= 1;
    for (unsigned i = 0; i < LIST; i++) {
        list[i] = good;
        list[i].signature.bytes[3] ^= 1;
    }
    uint64_t began_ms = pp_monotonic_ns() / 1000000;
    while (refused < 200) {
        enum pp_error error =
            refused % 2 == 0
                ? pp_node_delete_from(world.fixture.node, FORGER, list, 1, &result, &refund)
                : pp_node_leave_from(world.fixture.node, FORGER, &world.sender.channel_id, FIXTURE_LANE, &leave,
                                     &refund, &release);
        ck_assert(error == PP_OK || error == PP_BAD_SIGNATURE || error == PP_BUSY);
        examined += error != PP_BUSY;
        refused += error == PP_BUSY;
    }
    uint64_t took_ms = pp_monotonic_ns() / 1000000 - began_ms;
    ck_assert_uint_ge(examined, 4);
    ck_assert_uint_le(examined, 4 + (PP_SUSPECT_TRICKLE_MAX + took_ms) / PP_SUSPECT_TRICKLE_CALL + 1);
    ck_assert_ok(pp_node_delete_from(world.fixture.node, LISTER, list, LIST, results, &refund));
    ck_assert_error(results[0].refusal.error, PP_BAD_SIGNATURE);
    for (unsigned i = 0; i < LIST; i++)
        busy += results[i].refusal.error == PP_BUSY;
    ck_assert_uint_gt(busy, 0);
    ck_assert_ok(pp_node_delete_from(world.fixture.node, HONEST, &good, 1, &result, &refund));
    ck_assert_ok(result.refusal.error);
    pp_request_done(&made);
    pp_answer_done(&answer);
    world_close(&world);
}
END_TEST

/* NODE-035, NODE-036 */
START_TEST(delete__on_day_two_of_five__the_three_days_left_come_back_once)
{
    struct world world;
    struct pp_made_request made;
    struct pp_answer answer;
    struct pp_delete delete;
    struct pp_delete_result result;
    struct pp_signed_refund refund, after;
    world_open(&world, true);
    pp_request_make(&made, &world.fixture, &world.sender, 2, (struct pp_parcel_of){100, 5}, 1);
    pp_submit_wait(world.fixture.node, &made.request, &answer);
    ck_assert_ok(answer.error);
    days_pass(&world, 1);
    pp_delete_make(&world.fixture, &world.sender, &made.envelopes[0].leaf, &made.ids[0], &delete);
    delete.signature.bytes[3] ^= 1;
    ck_assert_ok(pp_node_delete(world.fixture.node, &delete, 1, &result, &refund));
    ck_assert_error(result.refusal.error, PP_BAD_SIGNATURE);
    delete.signature.bytes[3] ^= 1;
    ck_assert_ok(pp_node_delete(world.fixture.node, &delete, 1, &result, &refund));
    ck_assert_ok(result.refusal.error);
    ck_assert(pp_grains_eq(result.refunded, pp_grains(3 * 100 * 3))); /* 3 grains x 100 bytes x 3 days */
    ck_assert(pp_grains_eq(refund.refunded, result.refunded));
    world_restart(&world);
    ck_assert_ok(pp_node_delete(world.fixture.node, &delete, 1, &result, &after));
    ck_assert_error(result.refusal.error, PP_ALREADY_DELETED);
    ck_assert_mem_eq(&after.signature, &refund.signature, sizeof refund.signature);

    struct pp_lane_status status;
    ck_assert_ok(pp_node_lane_status(world.fixture.node, &world.sender.channel_id, FIXTURE_LANE, &status));
    ck_assert(pp_grains_eq(status.refunded, pp_grains(900)));
    ck_assert(pp_grains_eq(status.earned, pp_grains(2 * 1000 + 2 * 2 * 300)));
    ck_assert(pp_grains_eq(status.deferred, pp_grains(3 * 300)));
    const struct pp_refund_fields fields = {world.sender.channel_id, FIXTURE_LANE, refund.refunded, refund.reasons};
    struct pp_hash digest;
    pp_refund_digest(&world.fixture.config.domain, &fields, &digest);
    ck_assert_ok(pp_verify_address(world.fixture.crypto, &refund.signature, &digest, &world.fixture.operator_address, NULL));
    days_pass(&world, 10);
    ck_assert_ok(pp_node_lane_status(world.fixture.node, &world.sender.channel_id, FIXTURE_LANE, &status));
    ck_assert(pp_grains_is_zero(status.deferred));
    delete.stamp_id = made.ids[1];
    pp_delete_make(&world.fixture, &world.sender, &made.envelopes[1].leaf, &made.ids[1], &delete);
    ck_assert_ok(pp_node_delete(world.fixture.node, &delete, 1, &result, &after));
    ck_assert_error(result.refusal.error, PP_NOT_DELETABLE);
    pp_answer_done(&answer);
    pp_request_done(&made);
    world_close(&world);
}
END_TEST

/* NODE-036, NODE-037 */
START_TEST(leave__with_deferred_postage__refunds_it_and_releases_the_rest)
{
    struct world world;
    struct pp_made_request made;
    struct pp_answer answer;
    struct pp_signature signature;
    struct pp_signed_refund refund, again_refund;
    struct pp_signed_release release, again;
    world_open(&world, true);
    pp_request_make(&made, &world.fixture, &world.sender, 4, (struct pp_parcel_of){1000, 10}, 1);
    pp_submit_wait(world.fixture.node, &made.request, &answer);
    pp_leave_sign(&world.fixture, &world.sender, &signature);
    ck_assert_ok(pp_node_leave(world.fixture.node, &world.sender.channel_id, FIXTURE_LANE, &signature, &refund, &release));
    ck_assert(pp_grains_eq(refund.refunded, pp_grains(4 * 9 * 3000)));
    ck_assert_uint_eq(release.old_cap.raw, 25000000);
    ck_assert_uint_eq(release.new_cap.raw, 1); /* 4 x (1000 + 3000) grains, rounded up to units */
    world_restart(&world);
    ck_assert_ok(pp_node_leave(world.fixture.node, &world.sender.channel_id, FIXTURE_LANE, &signature, &again_refund, &again));
    ck_assert_mem_eq(&again.signature, &release.signature, sizeof release.signature);
    ck_assert_mem_eq(&again_refund.signature, &refund.signature, sizeof refund.signature);
    signature.bytes[9] ^= 1;
    ck_assert_int_ne(pp_node_leave(world.fixture.node, &world.sender.channel_id, FIXTURE_LANE, &signature, &refund, &release),
                     PP_OK);
    struct pp_made_request late;
    pp_request_make(&late, &world.fixture, &world.sender, 1, (struct pp_parcel_of){10, 1}, 1);
    ck_refused(&world, &late, PP_LANE_CLOSING);
    days_pass(&world, 3);
    struct pp_lane_status status;
    ck_assert_ok(pp_node_lane_status(world.fixture.node, &world.sender.channel_id, FIXTURE_LANE, &status));
    ck_assert(pp_grains_eq(status.earned, pp_grains(4 * (1000 + 3000))));
    ck_assert(pp_grains_is_zero(status.deferred));
    pp_request_done(&late);
    pp_answer_done(&answer);
    pp_request_done(&made);
    world_close(&world);
}
END_TEST

/* ---- reading back ---- */

struct seen {
    unsigned count;
    uint8_t first;
    size_t length;
};

static void on_envelope(void *context, const struct pp_leaf *leaf, const uint8_t *topic, size_t topic_length,
                        const uint8_t *payload, size_t payload_length)
{
    struct seen *seen = context;
    ck_assert_uint_eq(leaf->size, payload_length);
    ck_assert_uint_gt(topic_length, 0);
    ck_assert_ptr_nonnull(topic);
    seen->count++;
    seen->first = payload[0];
    seen->length = payload_length;
}

/* NODE-061, JRN-053 */
START_TEST(envelope__stored_deleted_and_expired__bytes_then_not_found)
{
    struct world world;
    struct pp_made_request made;
    struct pp_answer answer;
    struct seen seen = {0};
    uint64_t sequences[8];
    size_t count;
    world_open(&world, true);
    pp_request_make(&made, &world.fixture, &world.sender, 3, (struct pp_parcel_of){3000, 2}, 1);
    pp_submit_wait(world.fixture.node, &made.request, &answer);
    ck_assert_ok(pp_node_envelope(world.fixture.node, answer.results[1].sequence, on_envelope, &seen));
    ck_assert_uint_eq(seen.first, made.payloads[3000]);
    world_restart(&world); /* so that all is indexed */
    ck_assert_ok(pp_node_topic(world.fixture.node, (const uint8_t *)made.topic, strlen(made.topic), 0, sequences, 8, &count));
    ck_assert_uint_eq(count, 3);
    ck_assert_uint_eq(sequences[2], answer.results[2].sequence);
    ck_assert_ok(pp_node_topic(world.fixture.node, (const uint8_t *)made.topic, strlen(made.topic), sequences[0], sequences,
                               1, &count));
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(sequences[0], answer.results[1].sequence);

    struct pp_delete delete;
    struct pp_delete_result result;
    struct pp_signed_refund refund;
    pp_delete_make(&world.fixture, &world.sender, &made.envelopes[1].leaf, &made.ids[1], &delete);
    ck_assert_ok(pp_node_delete(world.fixture.node, &delete, 1, &result, &refund));
    ck_assert_ok(result.refusal.error);
    ck_assert_error(pp_node_envelope(world.fixture.node, answer.results[1].sequence, on_envelope, &seen), PP_NOT_FOUND);
    ck_assert_ok(pp_node_topic(world.fixture.node, (const uint8_t *)made.topic, strlen(made.topic), 0, sequences, 8, &count));
    ck_assert_uint_eq(count, 2);
    days_pass(&world, 2);
    ck_assert_error(pp_node_envelope(world.fixture.node, answer.results[0].sequence, on_envelope, &seen), PP_NOT_FOUND);
    ck_assert_error(pp_node_envelope(world.fixture.node, 999999, on_envelope, &seen), PP_NOT_FOUND);
    ck_assert_uint_eq(seen.count, 1);
    pp_answer_done(&answer);
    pp_request_done(&made);
    world_close(&world);
}
END_TEST

/* ---- host's own store ---- */

struct open_list {
    uint64_t tickets[16];
    size_t count;
};

static bool on_open(void *context, const struct pp_open_ticket *ticket)
{
    struct open_list *list = context;
    list->tickets[list->count++] = ticket->ticket;
    return true;
}

/* NODE-050, NODE-051, NODE-052, NODE-053, NODE-054 */
START_TEST(host__admit_commit_cancel_crash__each_ticket_resolved_once)
{
    struct world world;
    struct pp_made_request made;
    struct pp_result results[4];
    struct pp_refusal refusal;
    struct pp_receipt receipt;
    struct open_list open = {0};
    world_open(&world, false);
    pp_request_make(&made, &world.fixture, &world.sender, 4, (struct pp_parcel_of){100, 4}, 1);
    ck_assert_ok(pp_node_admit(world.fixture.node, &made.request, results, &refusal));
    for (unsigned i = 0; i < 4; i++)
        ck_assert_ok(results[i].refusal.error);
    uint64_t tickets[2] = {results[0].sequence, results[2].sequence};
    ck_assert_ok(pp_node_commit(world.fixture.node, tickets, 2, &receipt));
    struct pp_receipt_body bodies[2];
    struct pp_hash scratch[2];
    for (unsigned i = 0; i < 2; i++)
        bodies[i] = (struct pp_receipt_body){world.sender.channel_id, FIXTURE_LANE, made.ids[2 * i], tickets[i],
                                             results[0].time_ms};
    ck_assert_ok(pp_receipt_check(&receipt, FIXTURE_NODE_ID, &world.fixture.receipt_key, bodies, 2, scratch));
    for (unsigned round = 0; round < 2; round++) {
        open.count = 0;
        ck_assert_ok(pp_node_open_tickets(world.fixture.node, on_open, &open));
        ck_assert_uint_eq(open.count, 2);
        ck_assert_uint_eq(open.tickets[0], results[1].sequence);
        world_restart(&world);
    }
    ck_assert_ok(pp_node_cancel(world.fixture.node, &results[1].sequence, 1));
    ck_assert_ok(pp_node_cancel(world.fixture.node, &results[1].sequence, 1)); /* again: the same */
    ck_assert_error(pp_node_commit(world.fixture.node, &results[1].sequence, 1, &receipt), PP_TICKET_CLOSED);
    ck_assert_error(pp_node_cancel(world.fixture.node, tickets, 2), PP_TICKET_CLOSED);
    ck_assert_ok(pp_node_commit(world.fixture.node, tickets, 2, &receipt)); /* again: the receipt */
    uint64_t unknown = 12345;
    ck_assert_error(pp_node_commit(world.fixture.node, &unknown, 1, &receipt), PP_TICKET_UNKNOWN);
    days_pass(&world, 1);
    ck_assert_ok(pp_node_commit(world.fixture.node, &results[3].sequence, 1, &receipt));
    struct pp_lane_status status;
    ck_assert_ok(pp_node_lane_status(world.fixture.node, &world.sender.channel_id, FIXTURE_LANE, &status));
    ck_assert(pp_grains_eq(status.refunded, pp_grains(1000 + 4 * 300)));
    ck_assert(pp_grains_eq(status.earned, pp_grains(3 * 1000 + 2 * 2 * 300 + 300)));
    /* The cancelled one again: no second reservation, no receipt. */
    ck_assert_ok(pp_node_admit(world.fixture.node, &made.request, results, &refusal));
    ck_assert(results[0].known && results[3].known);
    ck_assert_error(results[1].refusal.error, PP_TICKET_CLOSED);
    pp_request_done(&made);
    world_close(&world);
}
END_TEST

/* ---- epochs ---- */

/* NODE-070 */
START_TEST(tick__an_epoch_ends__one_report_also_after_restart)
{
    struct world world;
    struct pp_made_request made;
    struct pp_answer answer;
    struct pp_node_status before, after;
    world_open(&world, true);
    pp_request_make(&made, &world.fixture, &world.sender, 4, (struct pp_parcel_of){100, 4}, 1);
    pp_submit_wait(world.fixture.node, &made.request, &answer);
    ck_assert_ok(pp_node_tick(world.fixture.node));
    world.fixture.now_ms += FIXTURE_DAY_MS;
    pp_fixture_head(&world.fixture, 0, NULL);
    pp_node_status(world.fixture.node, &before);
    ck_assert_ok(pp_node_tick(world.fixture.node));
    pp_node_status(world.fixture.node, &after);
    ck_assert_uint_eq(after.journal_sequence, before.journal_sequence + 2); /* the day, and the report */
    ck_assert_ok(pp_node_tick(world.fixture.node));
    world_restart(&world);
    ck_assert_ok(pp_node_tick(world.fixture.node));
    pp_node_status(world.fixture.node, &before);
    ck_assert_uint_eq(after.journal_sequence, before.journal_sequence);
    pp_answer_done(&answer);
    pp_request_done(&made);
    world_close(&world);
}
END_TEST

/* NODE-090, JRN-002 */
START_TEST(open__another_nodes_folder__refused_with_a_reason)
{
    struct world world;
    struct pp_node *node;
    char reason[256];
    world_open(&world, true);
    struct pp_node_config other = world.fixture.config;
    ck_assert_error(pp_node_open(&other, &node, reason), PP_LOCKED);
    pp_fixture_close(&world.fixture);
    other.node_id++;
    ck_assert_error(pp_node_open(&other, &node, reason), PP_BAD_CONFIG);
    ck_assert_ptr_nonnull(strstr(reason, "another node"));
    other = world.fixture.config;
    other.operator_key.bytes[5] ^= 1;
    ck_assert_error(pp_node_open(&other, &node, reason), PP_BAD_CONFIG);
    other = world.fixture.config;
    other.embedded_store = false;
    ck_assert_error(pp_node_open(&other, &node, reason), PP_BAD_CONFIG);
    other = world.fixture.config;
    other.rates_count = 0;
    ck_assert_error(pp_node_open(&other, &node, reason), PP_BAD_CONFIG);
    pp_fixture_open(&world.fixture);
    world_close(&world);
}
END_TEST

/* S is whatever a signer signs: two that sign all there is do no harm to anybody else. */
START_TEST(submit__two_vouchers_over_the_largest_amount__admitted_and_the_node_goes_on)
{
    struct world world;
    struct pp_node_status status;
    world_open(&world, true);
    for (unsigned i = 0; i < 2; i++) {
        struct pp_sender sender;
        struct pp_made_request made;
        struct pp_answer answer;
        struct pp_hash scratch[1];
        pp_sender_init(&sender, &world.fixture, 10 + i);
        pp_sender_fund(&sender, &world.fixture, 25000000, 0);
        pp_request_make(&made, &world.fixture, &sender, 1, (struct pp_parcel_of){100, 1}, i);
        struct pp_voucher voucher = {.channel_id = sender.channel_id, .lane = FIXTURE_LANE, .spent = PP_GRAINS_MAX};
        ck_assert_ok(pp_voucher_context(made.request.kind, made.ids, 1, scratch, &voucher.context));
        ck_assert_ok(pp_voucher_sign(world.fixture.crypto, &world.fixture.config.domain, &sender.key, &voucher));
        made.request.spent = voucher.spent;
        made.request.signature = voucher.signature;
        pp_submit_wait(world.fixture.node, &made.request, &answer);
        ck_assert_ok(answer.error);
        ck_assert_ok(answer.results[0].refusal.error);
        ck_assert(pp_grains_eq(answer.spent, PP_GRAINS_MAX));
        pp_answer_done(&answer);
        pp_request_done(&made);
    }
    world_restart(&world);
    pp_node_status(world.fixture.node, &status);
    ck_assert_uint_eq(status.stamps, 2);
    ck_assert(pp_grains_eq(status.spent, PP_GRAINS_MAX));
    world_close(&world);
}
END_TEST

PP_TESTS("node")
PP_TEST(submit__single_and_batch__admitted_with_receipts)
PP_TEST(submit__again_also_after_restart__the_old_receipt_and_no_charge)
PP_TEST(submit__another_stamp_on_a_consumed_interval__taken_with_the_range)
PP_TEST(submit__the_same_leaf_twice_in_a_batch__charged_once)
PP_TEST(submit__a_batch_with_one_fault__the_others_are_admitted)
PP_TEST(submit__each_fault__its_own_error_and_no_charge)
PP_TEST(delete__on_day_two_of_five__the_three_days_left_come_back_once)
PP_TEST(delete_and_leave__forged_at_full_rate__bounded_and_others_served)
PP_TEST(leave__with_deferred_postage__refunds_it_and_releases_the_rest)
PP_TEST(envelope__stored_deleted_and_expired__bytes_then_not_found)
PP_TEST(host__admit_commit_cancel_crash__each_ticket_resolved_once)
PP_TEST(tick__an_epoch_ends__one_report_also_after_restart)
PP_TEST(open__another_nodes_folder__refused_with_a_reason)
PP_TEST(submit__two_vouchers_over_the_largest_amount__admitted_and_the_node_goes_on)
PP_TESTS_END
