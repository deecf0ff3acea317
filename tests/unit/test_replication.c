/* Goal: in a network of several a stamp earns when a quorum holds it, or is given back whole; the first entry of the journal counts.
 * Method: a node whose peers are the test, which signs what they would. Each story ends with `verify`, the entries of an audit,
 * and a replica that takes the journal as a peer does. */
#include "engine/node.h"
#include "evidence/ack.h"
#include "evidence/publish.h"
#include "evidence_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/verify.h>

#include <stdatomic.h>
#include <stdlib.h>

#define DEADLINE_MS 60000u
#define DAYS 5u
#define SIZE 100u

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_sender sender;
    struct pp_made_request made;
    struct pp_postage postage; /* of each stamp of `made` */
    uint64_t sequence;         /* of its first stamp */
};

static void world_open_as(struct world *w, size_t peers, bool embedded)
{
    *w = (struct world){.sequence = 0};
    pp_temp_dir_make(&w->dir);
    pp_fixture_init(&w->fixture, w->dir.path, embedded);
    pp_fixture_peers(&w->fixture, peers, DEADLINE_MS);
    pp_fixture_open(&w->fixture);
    pp_fixture_head(&w->fixture, 0, NULL);
    pp_sender_init(&w->sender, &w->fixture, 1);
    pp_sender_fund(&w->sender, &w->fixture, 100000000, 0);
}

static void world_open(struct world *w, size_t peers)
{
    world_open_as(w, peers, true);
}

/* EVID-040, EVID-094: a peer that pulls this journal comes to the same. */
static void replica_check(struct world *w)
{
    if (w->fixture.node->ledger.head.lane_count == 0)
        return;
    struct pp_shelf *shelf = calloc(1, sizeof *shelf);
    struct pp_replica_fault fault;
    uint8_t *bytes = malloc(PP_SEGMENT_MAX_BYTES);
    uint64_t next = 1;
    size_t length;
    pp_shelf_open(shelf, &w->fixture);
    do {
        next = shelf->replica.head.next_sequence;
        ck_assert_ok(pp_node_evidence(w->fixture.node, next, bytes, PP_SEGMENT_MAX_BYTES, &length));
        const enum pp_error error = pp_shelf_take(shelf, pp_slice(bytes, length), &fault);
        ck_assert_msg(error == PP_OK, "%s, at %llu", pp_error_name(error), (unsigned long long)next);
    } while (shelf->replica.head.next_sequence > next);
    struct pp_replica_lane lane;
    struct pp_lane_status status;
    ck_assert_ok(pp_replica_lane(&shelf->replica, &w->sender.channel_id, &lane));
    ck_assert_ok(pp_node_lane_status(w->fixture.node, &w->sender.channel_id, FIXTURE_LANE, &status));
    ck_assert(pp_grains_eq(lane.spent, status.spent) && pp_grains_eq(lane.refunded, status.refunded) &&
              pp_grains_eq(lane.earned, status.earned));
    pp_shelf_close(shelf);
    free(shelf);
    free(bytes);
}

static void world_close(struct world *w)
{
    replica_check(w);
    pp_request_done(&w->made);
    pp_fixture_verify(&w->fixture, NULL);
    pp_fixture_done(&w->fixture);
    pp_temp_dir_remove(&w->dir);
}

static void send(struct world *w, size_t count)
{
    struct pp_answer answer;
    pp_request_done(&w->made);
    pp_request_make(&w->made, &w->fixture, &w->sender, count, (struct pp_parcel_of){SIZE, DAYS}, w->sequence + 1);
    pp_submit_wait(w->fixture.node, &w->made.request, &answer);
    ck_assert_ok(answer.error);
    ck_assert_ok(answer.results[0].refusal.error);
    ck_assert(answer.has_receipt);
    w->sequence = answer.results[0].sequence;
    w->postage = w->made.envelopes[0].leaf.postage;
    pp_answer_done(&answer);
}

static void later(struct world *w, uint64_t ms)
{
    atomic_fetch_add(&w->fixture.now_ms, ms);
    pp_fixture_head(&w->fixture, 0, NULL);
    ck_assert_ok(pp_node_tick(w->fixture.node));
}

static struct pp_lane_status status_of(struct world *w)
{
    struct pp_lane_status status;
    ck_assert_ok(pp_node_lane_status(w->fixture.node, &w->sender.channel_id, FIXTURE_LANE, &status));
    return status;
}

/* E of so many stamps that were stored so many days ago, by the definition. */
static uint64_t earned_by(const struct world *w, uint64_t stamps, uint64_t days_begun)
{
    const uint64_t days = days_begun < DAYS ? days_begun : DAYS, s = w->postage.storage_grains;
    return stamps * (w->postage.base_grains + w->postage.congestion_grains + s / DAYS * days +
                     (days < s % DAYS ? days : s % DAYS));
}

static uint64_t total_of(const struct world *w)
{
    struct pp_grains total;
    uint64_t out;
    ck_assert_ok(pp_postage_total(&w->postage, &total));
    ck_assert_ok(pp_grains_to_u64(total, &out));
    return out;
}

static void ck_lane(struct world *w, uint64_t earned, uint64_t refunded)
{
    const struct pp_lane_status status = status_of(w);
    char text[2][PP_AMOUNT_TEXT_MAX];
    ck_assert_msg(pp_grains_eq(status.earned, pp_grains(earned)) && pp_grains_eq(status.refunded, pp_grains(refunded)),
                  "E %s, R %s; expected %llu, %llu", pp_grains_print(status.earned, text[0]),
                  pp_grains_print(status.refunded, text[1]), (unsigned long long)earned, (unsigned long long)refunded);
}

static void visit(void *context, const struct pp_leaf *leaf, const uint8_t *topic, size_t topic_length,
                  const uint8_t *payload, size_t payload_length)
{
    (void)leaf, (void)topic, (void)topic_length, (void)payload, (void)payload_length;
    *(bool *)context = true;
}

static bool is_stored(struct world *w, uint64_t sequence)
{
    bool seen = false;
    const enum pp_error error = pp_node_envelope(w->fixture.node, sequence, visit, &seen);
    ck_assert(error == PP_OK || error == PP_NOT_FOUND);
    ck_assert_int_eq(seen, error == PP_OK);
    return seen;
}

static uint32_t waiting_of(const struct world *w)
{
    return w->fixture.node->ledger.waiting.count;
}

/* REW-130, REW-131, REW-132: three of four, the node's own operator being one. */
START_TEST(quorum__of_four__the_second_acknowledgement_makes_it_earn)
{
    struct world w;
    world_open(&w, 3);
    send(&w, 4);
    ck_assert_uint_eq(waiting_of(&w), 4);
    ck_lane(&w, 0, 0);
    ck_assert_ok(pp_fixture_ack(&w.fixture, 2, 0));
    later(&w, 200);
    ck_lane(&w, 0, 0);
    ck_assert_ok(pp_fixture_ack(&w.fixture, 0, w.sequence + 4));
    later(&w, 0);
    ck_lane(&w, earned_by(&w, 4, 1), 0);
    ck_assert_uint_eq(waiting_of(&w), 0);
    ck_assert_ok(pp_fixture_ack(&w.fixture, 1, 0)); /* a third one changes nothing */
    later(&w, DEADLINE_MS);
    ck_lane(&w, earned_by(&w, 4, 1), 0);
    ck_assert(is_stored(&w, w.sequence));
    world_close(&w);
}
END_TEST

/* REW-131: how many of the others, for each size of network. */
START_TEST(quorum__every_number_of_operators__two_thirds_of_the_others)
{
    for (uint32_t n = 0; n <= PP_OPERATORS_MAX; n++) {
        const uint32_t needed = pp_ledger_acks_needed(n);
        if (n <= 1) {
            ck_assert_uint_eq(needed, 0);
            continue;
        }
        ck_assert_uint_gt(3 * (needed + 1), 2 * n); /* more than two thirds, with its own */
        ck_assert_uint_le(3 * needed, 2 * n);       /* and not one more than that takes */
    }
}
END_TEST

/* REW-048, REW-132: the days that began while it waited are earned with it; later ones as ever. */
START_TEST(replicated__days_after_it_was_stored__exactly_as_if_it_had_earned)
{
    for (unsigned days = 1; days <= 3; days++) {
        struct world w;
        world_open(&w, 2);
        w.fixture.config.replication_ms = 0;
        pp_fixture_peers(&w.fixture, 2, PP_REPLICATION_MAX_MS);
        pp_fixture_close(&w.fixture);
        pp_fixture_open(&w.fixture);
        pp_fixture_head(&w.fixture, 0, NULL);
        later(&w, FIXTURE_DAY_MS - 1000);
        send(&w, 3);
        later(&w, 2000); /* the next day begins */
        ck_lane(&w, 0, 0);
        ck_assert_ok(pp_fixture_ack(&w.fixture, 0, 0));
        ck_assert_ok(pp_fixture_ack(&w.fixture, 1, 0));
        later(&w, 0);
        ck_lane(&w, earned_by(&w, 3, 2), 0);
        for (unsigned i = 0; i < days; i++)
            later(&w, FIXTURE_DAY_MS);
        ck_lane(&w, earned_by(&w, 3, 2 + days), 0);
        world_close(&w);
    }
}
END_TEST

/* REW-011, REW-133, REW-134: given back whole, and nothing that comes later counts. */
START_TEST(late__no_quorum_by_the_deadline__refunded_whole_and_gone)
{
    struct world w;
    struct pp_answer answer;
    world_open(&w, 3);
    send(&w, 5);
    ck_assert_ok(pp_fixture_ack(&w.fixture, 0, 0)); /* one is too few */
    later(&w, DEADLINE_MS - 1);
    ck_lane(&w, 0, 0);
    ck_assert(is_stored(&w, w.sequence));
    later(&w, 1);
    ck_lane(&w, 0, 5 * total_of(&w));
    const struct pp_lane_status status = status_of(&w);
    ck_assert(pp_grains_is_zero(status.deferred));
    ck_assert(pp_grains_eq(status.refund.refunded, status.refunded)); /* signed at once */
    for (unsigned i = 0; i < 5; i++)
        ck_assert(!is_stored(&w, w.sequence + i));
    ck_assert_ok(pp_fixture_ack(&w.fixture, 1, 0));
    ck_assert_ok(pp_fixture_ack(&w.fixture, 2, 0));
    later(&w, 1000);
    ck_lane(&w, 0, 5 * total_of(&w));
    pp_submit_wait(w.fixture.node, &w.made.request, &answer); /* its interval is consumed, its stamp is over */
    ck_assert_error(answer.results[0].refusal.error, PP_TICKET_CLOSED);
    pp_answer_done(&answer);
    /* What is sent then earns. */
    w.sender.refund_ack = status.refunded;
    send(&w, 1);
    ck_assert_ok(pp_fixture_ack(&w.fixture, 1, 0));
    ck_assert_ok(pp_fixture_ack(&w.fixture, 2, 0));
    later(&w, 1000);
    ck_lane(&w, earned_by(&w, 1, 1), 5 * total_of(&w));
    world_close(&w);
}
END_TEST

/* REW-133: a part of the journal is held by a quorum, the rest is late; lanes are refunded each by its own R. */
START_TEST(late__several_lanes_partly_acknowledged__each_stamp_once)
{
    struct world w;
    struct pp_sender senders[70];
    struct pp_postage postage;
    world_open(&w, 2);
    for (unsigned i = 0; i < 70; i++) {
        pp_sender_init(&senders[i], &w.fixture, 10 + i);
        pp_sender_fund(&senders[i], &w.fixture, 1000000, 0);
    }
    for (unsigned i = 0; i < 70; i++) {
        struct pp_made_request made;
        struct pp_answer answer;
        pp_request_make(&made, &w.fixture, &senders[i], 3, (struct pp_parcel_of){SIZE, DAYS}, i);
        pp_submit_wait(w.fixture.node, &made.request, &answer);
        ck_assert_ok(answer.error);
        postage = made.envelopes[0].leaf.postage;
        if (i == 30)
            for (unsigned peer = 0; peer < 2; peer++)
                ck_assert_ok(pp_fixture_ack(&w.fixture, peer, 0));
        pp_answer_done(&answer);
        pp_request_done(&made);
    }
    w.postage = postage;
    send(&w, 2);
    later(&w, DEADLINE_MS);
    ck_assert_uint_eq(waiting_of(&w), 0);
    for (unsigned i = 0; i < 70; i++) {
        struct pp_lane_status status;
        ck_assert_ok(pp_node_lane_status(w.fixture.node, &senders[i].channel_id, FIXTURE_LANE, &status));
        ck_assert(pp_grains_eq(status.earned, pp_grains(i <= 30 ? earned_by(&w, 3, 1) : 0)));
        ck_assert(pp_grains_eq(status.refunded, pp_grains(i <= 30 ? 0 : 3 * total_of(&w))));
    }
    world_close(&w);
}
END_TEST

/* REW-132: a record takes at most 1024 stamps; the acknowledgements stand in the first. */
START_TEST(replicated__more_than_one_record_takes__all_by_one_acknowledgement_each)
{
    struct world w;
    world_open(&w, 2);
    for (unsigned i = 0; i < 3; i++)
        send(&w, 1000);
    ck_assert_uint_eq(waiting_of(&w), 3000);
    ck_assert_ok(pp_fixture_ack(&w.fixture, 0, 0));
    ck_assert_ok(pp_fixture_ack(&w.fixture, 1, 0));
    later(&w, 1000);
    ck_assert_uint_eq(waiting_of(&w), 0);
    ck_lane(&w, earned_by(&w, 3000, 1), 0);
    world_close(&w);
}
END_TEST

static enum pp_error tell(struct world *w, const struct pp_ack *ack, uint64_t *out_next)
{
    uint8_t bytes[PP_ACK_BYTES];
    pp_ack_encode(ack, bytes);
    return pp_node_acknowledge(w->fixture.node, bytes, sizeof bytes, 0, out_next);
}

/* EVID-093, EVID-095 */
START_TEST(acknowledge__what_cannot_count__refused_by_name)
{
    struct world w;
    struct pp_ack good, bad;
    uint8_t bytes[PP_ACK_BYTES];
    uint64_t next = 0;
    const struct pp_secret_key key = {{0x99, 1}};
    world_open(&w, 2);
    send(&w, 3);
    pp_fixture_ack_make(&w.fixture, 0, 0, bytes);
    ck_assert_ok(pp_ack_decode(pp_slice(bytes, sizeof bytes), &good));
    ck_assert_error(pp_node_acknowledge(w.fixture.node, bytes, sizeof bytes - 1, 0, &next), PP_TRUNCATED);
    bad = good;
    bad.lane++;
    ck_assert_error(tell(&w, &bad, &next), PP_UNKNOWN_LANE);
    bad = good;
    bad.node_id = FIXTURE_PEER_ID + 2;
    ck_assert_error(tell(&w, &bad, &next), PP_NO_OPERATORS);
    bad.node_id = FIXTURE_NODE_ID; /* its own counts by itself */
    ck_assert_error(tell(&w, &bad, &next), PP_NO_OPERATORS);
    bad = good;
    bad.node_id = FIXTURE_PEER_ID + 1;
    ck_assert_error(tell(&w, &bad, &next), PP_BAD_SIGNATURE);
    bad = good;
    bad.checksum.bytes[3] ^= 1;
    ck_assert_error(tell(&w, &bad, &next), PP_BAD_SIGNATURE);
    ck_assert_ok(pp_ack_sign(w.fixture.crypto, &w.fixture.config.domain, &key, &bad));
    ck_assert_error(tell(&w, &bad, &next), PP_EVIDENCE_FORK);
    bad = good;
    bad.next += 1;
    ck_assert_ok(pp_ack_sign(w.fixture.crypto, &w.fixture.config.domain, &key, &bad));
    ck_assert_error(tell(&w, &bad, &next), PP_EVIDENCE_GAP);
    bad.next = good.next - 1; /* inside of a record */
    ck_assert_ok(pp_ack_sign(w.fixture.crypto, &w.fixture.config.domain, &key, &bad));
    ck_assert_error(tell(&w, &bad, &next), PP_EVIDENCE_FORK);
    ck_assert_uint_eq(next, 0);
    ck_assert_ok(tell(&w, &good, &next));
    ck_assert_uint_eq(next, good.next);
    ck_assert_ok(tell(&w, &good, &next)); /* again */
    bad.next = 2;                         /* an older one, whatever it is */
    ck_assert_ok(tell(&w, &bad, &next));
    ck_assert_uint_eq(next, good.next);
    later(&w, 1000);
    ck_lane(&w, 0, 0); /* of two others both are needed */
    world_close(&w);
}
END_TEST

/* REW-135 */
START_TEST(delete__while_it_waits__not_yet_and_afterwards_as_ever)
{
    struct world w;
    struct pp_delete delete;
    struct pp_delete_result result;
    struct pp_signed_refund refund;
    world_open(&w, 2);
    send(&w, 1);
    pp_delete_make(&w.fixture, &w.sender, &w.made.envelopes[0].leaf, &w.made.ids[0], &delete);
    ck_assert_ok(pp_node_delete(w.fixture.node, &delete, 1, &result, &refund));
    ck_assert_error(result.refusal.error, PP_NOT_DELETABLE);
    ck_assert_uint_gt(result.refusal.retry_after_ms, 0);
    ck_assert_ok(pp_fixture_ack(&w.fixture, 0, 0));
    ck_assert_ok(pp_fixture_ack(&w.fixture, 1, 0));
    later(&w, 1000);
    ck_assert_ok(pp_node_delete(w.fixture.node, &delete, 1, &result, &refund));
    ck_assert_ok(result.refusal.error);
    ck_lane(&w, earned_by(&w, 1, 1), total_of(&w) - earned_by(&w, 1, 1));
    send(&w, 1); /* and one that is given back is not deleted, too */
    later(&w, DEADLINE_MS);
    pp_delete_make(&w.fixture, &w.sender, &w.made.envelopes[0].leaf, &w.made.ids[0], &delete);
    ck_assert_ok(pp_node_delete(w.fixture.node, &delete, 1, &result, &refund));
    ck_assert_error(result.refusal.error, PP_NOT_DELETABLE);
    world_close(&w);
}
END_TEST

/* REW-138 */
START_TEST(leave__while_stamps_wait__they_go_back_with_the_rest)
{
    struct world w;
    struct pp_signature signature;
    struct pp_signed_refund refund;
    struct pp_signed_release release;
    world_open(&w, 2);
    send(&w, 2);
    ck_assert_ok(pp_fixture_ack(&w.fixture, 0, 0));
    ck_assert_ok(pp_fixture_ack(&w.fixture, 1, 0));
    later(&w, 1000);
    const uint64_t earned = earned_by(&w, 2, 1);
    send(&w, 3);
    pp_leave_sign(&w.fixture, &w.sender, &signature);
    ck_assert_ok(pp_node_leave(w.fixture.node, &w.sender.channel_id, FIXTURE_LANE, &signature, &refund, &release));
    ck_assert_uint_eq(waiting_of(&w), 0);
    ck_lane(&w, earned, 5 * total_of(&w) - earned);
    ck_assert_ok(pp_fixture_ack(&w.fixture, 0, 0));
    ck_assert_ok(pp_fixture_ack(&w.fixture, 1, 0));
    later(&w, DEADLINE_MS);
    ck_lane(&w, earned, 5 * total_of(&w) - earned);
    world_close(&w);
}
END_TEST

static void chain_tell(struct world *w, enum pp_chain_event_kind kind)
{
    struct pp_chain_event event;
    pp_sender_event(&w->sender, kind, 100000000, 0, &event);
    event.time_s = atomic_load(&w->fixture.now_ms) / 1000;
    ck_assert_ok(pp_node_chain_events(w->fixture.node, &event, 1));
}

/* REW-138, REW-040: a close stops the days, not what is replicated after it; when it is final, what waits lapses. */
START_TEST(close__while_stamps_wait__earned_until_then_or_lapsed)
{
    struct world w;
    world_open(&w, 2);
    send(&w, 2);
    const uint64_t first = w.sequence;
    chain_tell(&w, PP_CHAIN_CLOSING);
    ck_assert_ok(pp_fixture_ack(&w.fixture, 0, first + 2));
    ck_assert_ok(pp_fixture_ack(&w.fixture, 1, first + 2));
    later(&w, 1000);
    ck_lane(&w, earned_by(&w, 2, 1), 0);
    chain_tell(&w, PP_CHAIN_CLOSE_UNDONE);
    send(&w, 3);
    chain_tell(&w, PP_CHAIN_CLOSING);
    chain_tell(&w, PP_CHAIN_CLOSED);
    ck_assert_uint_eq(waiting_of(&w), 0);
    ck_assert_ok(pp_fixture_ack(&w.fixture, 0, 0));
    ck_assert_ok(pp_fixture_ack(&w.fixture, 1, 0));
    later(&w, DEADLINE_MS);
    ck_lane(&w, earned_by(&w, 2, 1), 0);
    world_close(&w);
}
END_TEST

/* REW-137, EVID-092: what was told and not yet written is told again; what waits is there after a start, from the checkpoint, too. */
START_TEST(start__with_stamps_that_wait__nothing_is_forgotten_or_given_back_at_once)
{
    for (unsigned from_checkpoint = 0; from_checkpoint < 2; from_checkpoint++) {
        struct world w;
        world_open(&w, 3);
        send(&w, 1000);
        send(&w, 500);
        ck_assert_ok(pp_fixture_ack(&w.fixture, 0, 0));
        pp_fixture_close(&w.fixture); /* writes a checkpoint */
        if (!from_checkpoint) {
            char path[400];
            snprintf(path, sizeof path, "%s/derived.mdb", w.fixture.dir);
            ck_assert_int_eq(remove(path), 0);
        }
        atomic_fetch_add(&w.fixture.now_ms, 2 * DEADLINE_MS); /* away for long */
        pp_fixture_open(&w.fixture);
        later(&w, 1000);
        ck_assert_uint_eq(waiting_of(&w), 1500);
        ck_lane(&w, 0, 0);
        ck_assert_ok(pp_fixture_ack(&w.fixture, 0, 0));
        ck_assert_ok(pp_fixture_ack(&w.fixture, 2, w.sequence)); /* the first 1000 */
        later(&w, 1000);
        ck_lane(&w, earned_by(&w, 1000, 1), 0);
        later(&w, DEADLINE_MS);
        ck_lane(&w, earned_by(&w, 1000, 1), 500 * total_of(&w));
        world_close(&w);
    }
}
END_TEST

/* REW-130: a set that changes counts from its record on; a node that is alone again gives back what waits, and earns at once. */
START_TEST(operators__others_than_before__count_from_the_record_on)
{
    struct world w;
    world_open(&w, 3);
    send(&w, 1);
    ck_assert_ok(pp_fixture_ack(&w.fixture, 0, 0));
    pp_fixture_close(&w.fixture);
    pp_fixture_peers(&w.fixture, 1, DEADLINE_MS);
    pp_fixture_open(&w.fixture);
    later(&w, 0);
    ck_assert_ok(pp_fixture_ack(&w.fixture, 0, 0)); /* of two, both */
    later(&w, 1000);
    const uint64_t records = w.fixture.node->head.next_sequence;
    ck_lane(&w, earned_by(&w, 1, 1), 0);
    pp_fixture_close(&w.fixture);
    pp_fixture_open(&w.fixture); /* the same set: no record */
    ck_assert_uint_eq(w.fixture.node->head.next_sequence, records);
    later(&w, 0);
    send(&w, 2);
    pp_fixture_close(&w.fixture);
    pp_fixture_peers(&w.fixture, 0, DEADLINE_MS);
    pp_fixture_open(&w.fixture);
    ck_assert_uint_eq(w.fixture.node->ledger.operators.count, 1);
    later(&w, 0);
    const uint64_t total = total_of(&w), one = earned_by(&w, 1, 1);
    send(&w, 1);
    ck_lane(&w, 2 * one, 0);
    later(&w, DEADLINE_MS);
    ck_lane(&w, 2 * one, 2 * total);
    world_close(&w);
}
END_TEST

/* REW-130: who cannot be in a set. */
START_TEST(operators__that_cannot_be__bad_config)
{
    struct world w;
    char reason[256];
    world_open(&w, 2);
    pp_fixture_close(&w.fixture);
    const uint32_t wrong[] = {0, 1u << 24, FIXTURE_NODE_ID, FIXTURE_PEER_ID + 1};
    for (unsigned i = 0; i < 4; i++) {
        w.fixture.peers[0].node_id = wrong[i];
        ck_assert_error(pp_node_open(&w.fixture.config, &w.fixture.node, reason), PP_BAD_CONFIG);
    }
    pp_fixture_peers(&w.fixture, 2, (uint64_t)PP_REPLICATION_MAX_MS + 1);
    ck_assert_error(pp_node_open(&w.fixture.config, &w.fixture.node, reason), PP_BAD_CONFIG);
    pp_fixture_peers(&w.fixture, 2, DEADLINE_MS);
    pp_fixture_open(&w.fixture);
    world_close(&w);
}
END_TEST

/* NODE-056, REW-133: a ticket waits from its commit on; one that is given back stays so. */
START_TEST(ticket__committed_and_not_in_time__closed_for_good)
{
    struct world w;
    struct pp_result results[3];
    struct pp_refusal refusal;
    struct pp_receipt receipt;
    world_open_as(&w, 2, false);
    pp_request_make(&w.made, &w.fixture, &w.sender, 3, (struct pp_parcel_of){SIZE, DAYS}, 1);
    ck_assert_ok(pp_node_admit(w.fixture.node, &w.made.request, results, &refusal));
    w.postage = w.made.envelopes[0].leaf.postage;
    later(&w, DEADLINE_MS); /* open tickets are the host's to decide */
    ck_lane(&w, 0, 0);
    ck_assert_ok(pp_node_commit(w.fixture.node, &results[0].sequence, 1, &receipt));
    ck_assert_ok(pp_fixture_ack(&w.fixture, 0, 0));
    ck_assert_ok(pp_fixture_ack(&w.fixture, 1, 0));
    ck_assert_ok(pp_node_commit(w.fixture.node, &results[1].sequence, 1, &receipt));
    later(&w, DEADLINE_MS - 1);
    ck_lane(&w, earned_by(&w, 1, 1), 0);
    later(&w, 1);
    ck_lane(&w, earned_by(&w, 1, 1), total_of(&w));
    ck_assert_ok(pp_node_commit(w.fixture.node, &results[0].sequence, 1, &receipt));
    ck_assert_error(pp_node_commit(w.fixture.node, &results[1].sequence, 1, &receipt), PP_TICKET_CLOSED);
    ck_assert_ok(pp_node_cancel(w.fixture.node, &results[1].sequence, 1));
    ck_assert_ok(pp_node_cancel(w.fixture.node, &results[2].sequence, 1));
    ck_lane(&w, earned_by(&w, 1, 1), 2 * total_of(&w));
    world_close(&w);
}
END_TEST

/* SESSION-034, REW-132: what a root covers waits from the root on. */
START_TEST(session__stamps_under_a_root__wait_from_the_root_on)
{
    struct world w;
    struct pp_sender_session session;
    struct pp_session_status status;
    struct pp_session_root root;
    struct pp_refusal refusal;
    struct pp_answer answer;
    world_open(&w, 2);
    pp_session_make(&session, &w.fixture, &w.sender, (struct pp_span){PP_GRAINS_ZERO, pp_grains(100000000)}, 3600000, 1);
    ck_assert_ok(pp_node_session_open(w.fixture.node, &session.open, &status, &refusal));
    pp_session_request_make(&w.made, &w.fixture, &w.sender, &session, 4, (struct pp_parcel_of){SIZE, DAYS}, 5);
    pp_submit_wait(w.fixture.node, &w.made.request, &answer);
    ck_assert_ok(answer.error);
    pp_answer_done(&answer);
    w.postage = w.made.envelopes[0].leaf.postage;
    ck_assert_uint_eq(waiting_of(&w), 0);
    later(&w, DEADLINE_MS);
    pp_session_root_make(&w.fixture, &w.sender, &session, w.made.ids, 4, w.sender.head, &root);
    ck_assert_ok(pp_node_session_sign(w.fixture.node, &root, &status, &refusal));
    ck_assert_uint_eq(waiting_of(&w), 4);
    ck_lane(&w, 0, 0);
    later(&w, DEADLINE_MS - 1);
    ck_assert_ok(pp_fixture_ack(&w.fixture, 0, 0));
    ck_assert_ok(pp_fixture_ack(&w.fixture, 1, 0));
    later(&w, 1000);
    ck_lane(&w, earned_by(&w, 4, 1), 0);
    world_close(&w);
}
END_TEST

/* REW-136: a node that nobody replicates for takes no more than it can give back; what it knows it answers. */
START_TEST(waiting__as_many_as_may_wait__new_stamps_are_busy)
{
    struct world w;
    struct pp_answer answer;
    world_open(&w, 2);
    send(&w, 1);
    struct pp_waiting *waiting = &w.fixture.node->ledger.waiting;
    const uint64_t end = waiting->end;
    waiting->end = waiting->first + PP_WAITING_MAX; /* places that hold nobody */
    struct pp_made_request made;
    struct pp_sender before = w.sender;
    pp_request_make(&made, &w.fixture, &w.sender, 1, (struct pp_parcel_of){SIZE, DAYS}, 77);
    pp_submit_wait(w.fixture.node, &made.request, &answer);
    ck_assert_error(answer.error, PP_BUSY);
    ck_assert_uint_gt(answer.refusal.retry_after_ms, 0);
    pp_answer_done(&answer);
    pp_request_done(&made);
    waiting->end = end;
    w.sender = before;
    send(&w, 1);
    world_close(&w);
}
END_TEST

/* ---- what the host is told ---- */

struct told {
    struct pp_lapse list[16];
    unsigned count, most;
};

static bool lapse_note(void *context, const struct pp_lapse *lapse)
{
    struct told *told = context;
    ck_assert_uint_lt(told->count, 16);
    told->list[told->count++] = *lapse;
    return told->count < told->most;
}

/* NODE-057: from any place on, again the same; a record is told whole. */
START_TEST(lapsed__in_order_and_resumable__each_record_once)
{
    struct world w;
    struct told told = {.most = 16}, again = {.most = 1};
    struct pp_result results[3];
    struct pp_refusal refusal;
    struct pp_receipt receipt;
    struct pp_signature signature;
    struct pp_signed_refund refund;
    struct pp_signed_release release;
    uint64_t after = 0, from = 0;
    world_open_as(&w, 2, false);
    ck_assert_ok(pp_node_lapsed(w.fixture.node, 0, lapse_note, &told, &after));
    ck_assert_uint_eq(told.count, 0);
    ck_assert_uint_eq(after, w.fixture.node->head.next_sequence - 1);
    pp_request_make(&w.made, &w.fixture, &w.sender, 3, (struct pp_parcel_of){SIZE, DAYS}, 1);
    ck_assert_ok(pp_node_admit(w.fixture.node, &w.made.request, results, &refusal));
    const uint64_t tickets[2] = {results[0].sequence, results[1].sequence};
    ck_assert_ok(pp_node_commit(w.fixture.node, tickets, 2, &receipt));
    later(&w, DEADLINE_MS);
    pp_leave_sign(&w.fixture, &w.sender, &signature);
    ck_assert_ok(pp_node_leave(w.fixture.node, &w.sender.channel_id, FIXTURE_LANE, &signature, &refund, &release));
    chain_tell(&w, PP_CHAIN_CLOSED);
    from = after;
    ck_assert_ok(pp_node_lapsed(w.fixture.node, from, lapse_note, &told, &after));
    ck_assert_uint_eq(told.count, 4);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_int_eq(told.list[i].kind, PP_LAPSE_STAMP);
        ck_assert_uint_eq(told.list[i].ticket, tickets[i]);
    }
    for (unsigned i = 2; i < 4; i++) {
        ck_assert_int_eq(told.list[i].kind, PP_LAPSE_LANE);
        ck_assert_mem_eq(&told.list[i].channel_id, &w.sender.channel_id, 32);
        ck_assert_uint_eq(told.list[i].last_day, FIXTURE_START_MS / FIXTURE_DAY_MS);
    }
    /* One at a time: the record of two is told whole. */
    for (unsigned expected = 2; expected <= 4; expected++) {
        again.most = again.count + 1;
        ck_assert_ok(pp_node_lapsed(w.fixture.node, from, lapse_note, &again, &from));
        ck_assert_uint_eq(again.count, expected);
        ck_assert_mem_eq(&again.list[expected - 1], &told.list[expected - 1], sizeof told.list[0]);
    }
    again.most = 16;
    ck_assert_ok(pp_node_lapsed(w.fixture.node, after, lapse_note, &again, &from)); /* the end, and behind it */
    ck_assert_uint_eq(from, after);
    ck_assert_ok(pp_node_lapsed(w.fixture.node, UINT64_MAX, lapse_note, &again, &from));
    ck_assert_uint_eq(again.count, 4);
    world_close(&w);
}
END_TEST

/* HTTP-114, EVID-097: what is shown of it. */
START_TEST(status__while_stamps_wait__who_is_missing_and_for_how_long)
{
    struct world w;
    struct pp_replication_status status;
    world_open(&w, 3);
    send(&w, 2);
    pp_node_replication(w.fixture.node, &status);
    ck_assert_uint_eq(status.operators, 4);
    ck_assert_uint_eq(status.needed, 2);
    ck_assert_uint_eq(status.waiting, 2);
    ck_assert_uint_eq(status.oldest_sequence, w.sequence);
    ck_assert_uint_eq(status.heard_count, 3);
    ck_assert(!status.lost);
    ck_assert_ok(pp_fixture_ack(&w.fixture, 1, 0));
    later(&w, DEADLINE_MS / 2 + 1);
    pp_node_replication(w.fixture.node, &status);
    ck_assert(status.lost);
    ck_assert_uint_eq(status.oldest_age_ms, DEADLINE_MS / 2 + 1);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_uint_eq(status.heard[i].node_id, FIXTURE_PEER_ID + i);
        ck_assert_uint_eq(status.heard[i].next, i == 1 ? w.sequence + 2 : 0);
    }
    ck_assert_ok(pp_fixture_ack(&w.fixture, 0, 0));
    later(&w, 0);
    pp_node_replication(w.fixture.node, &status);
    ck_assert(!status.lost && status.waiting == 0 && status.oldest_sequence == 0);
    world_close(&w);
}
END_TEST

static unsigned findings_of_acks;

static void on_finding(void *context, const struct pp_verify_finding *finding)
{
    (void)context;
    ck_assert_int_eq(finding->check, PP_VERIFY_ACKS);
    ck_assert_str_eq(finding->what, "acknowledgement");
    findings_of_acks++;
}

/* JRN-074: the ledger believes signatures and checksums, verify does not. */
START_TEST(verify__acknowledgements_that_nobody_signed__told)
{
    struct world w;
    struct pp_verify_summary summary;
    const struct pp_verify_config config = {.finding = on_finding};
    world_open(&w, 2);
    send(&w, 1);
    uint8_t bytes[PP_ACK_BYTES];
    struct pp_ack ack;
    for (unsigned i = 0; i < 2; i++) {
        pp_fixture_ack_make(&w.fixture, i, 0, bytes);
        ck_assert_ok(pp_ack_decode((struct pp_slice){bytes, sizeof bytes}, &ack));
        pp_ack_row(&ack, &w.fixture.node->replication.peers[1 + i].ack);
    }
    w.fixture.node->replication.peers[1].ack.signature.bytes[5] ^= 1;
    w.fixture.node->replication.peers[2].ack.checksum.bytes[5] ^= 1;
    later(&w, 1000);
    ck_lane(&w, earned_by(&w, 1, 1), 0);
    pp_fixture_close(&w.fixture);
    findings_of_acks = 0;
    ck_assert_error(pp_verify_dir(w.fixture.dir, &config, &summary), PP_INVARIANT);
    ck_assert_uint_eq(findings_of_acks, 3); /* two signatures, one checksum */
    pp_request_done(&w.made);
    pp_fixture_done(&w.fixture);
    pp_temp_dir_remove(&w.dir);
}
END_TEST

/* ---- what a peer takes of it ---- */

struct forged {
    struct pp_forge forge;
    struct pp_row_ack acks[4];
    struct pp_record record; /* REPLICATED of the one stamp, as it must be */
};

static struct pp_secret_key key_of(unsigned peer)
{
    return (struct pp_secret_key){{0x99, (uint8_t)(peer + 1)}};
}

static void ack_sign(const struct world *w, unsigned peer, struct pp_row_ack *row)
{
    const struct pp_secret_key key = key_of(peer);
    struct pp_ack ack;
    pp_ack_of_row(row, FIXTURE_LANE, &ack);
    ck_assert_ok(pp_ack_sign(w->fixture.crypto, &w->fixture.config.domain, &key, &ack));
    row->signature = ack.signature;
}

/* OPENED, LANE_FINAL, OPERATORS of four, one stamp; and two acknowledgements behind it. */
static void forged_begin(const struct world *w, struct forged *out, struct pp_row_operator set[4])
{
    struct pp_leaf leaf;
    pp_forge_init(&out->forge, &w->fixture);
    pp_forge_opened(&out->forge);
    pp_forge_funded(&out->forge, &w->sender, 1000);
    set[0] = (struct pp_row_operator){FIXTURE_NODE_ID, w->fixture.operator_address};
    for (unsigned i = 0; i < 3; i++) {
        const struct pp_secret_key key = key_of(i);
        set[i + 1].node_id = FIXTURE_PEER_ID + i;
        ck_assert_ok(pp_secret_key_address(w->fixture.crypto, &key, &set[i + 1].operator_address));
    }
    struct pp_record operators = {.type = PP_RECORD_TYPE_OPERATORS, .count = 4,
                                  .operators = {.deadline_ms = DEADLINE_MS}, .operator_rows = set};
    pp_forge_add(&out->forge, &operators);
    pp_forge_leaf(&w->sender, 0, 1, &leaf);
    pp_forge_charged(&out->forge, &w->sender, &leaf, &w->sender.key);
    for (unsigned i = 0; i < 2; i++) {
        out->acks[i] = (struct pp_row_ack){.node_id = FIXTURE_PEER_ID + i, .next = out->forge.head.next_sequence};
        memcpy(out->acks[i].checksum.bytes, out->forge.head.checksum, 16);
        ack_sign(w, i, &out->acks[i]);
    }
    out->record = (struct pp_record){.type = PP_RECORD_TYPE_REPLICATED, .count = 2, .ack_rows = out->acks,
                                     .replicated = {.next = out->forge.head.next_sequence, .count = 1}};
}

static enum pp_error forged_take(const struct world *w, struct forged *forged)
{
    struct pp_shelf *shelf = calloc(1, sizeof *shelf);
    uint8_t *bytes = malloc(PP_SEGMENT_MAX_BYTES);
    struct pp_replica_fault fault;
    pp_shelf_open(shelf, &w->fixture);
    pp_forge_add(&forged->forge, &forged->record);
    const size_t length = pp_forge_end(&forged->forge, bytes);
    const enum pp_error error = pp_shelf_take(shelf, pp_slice(bytes, length), &fault);
    if (error == PP_OK)
        ck_assert(!pp_grains_is_zero(shelf->replica.ledger.head.totals.earned));
    pp_shelf_close(shelf);
    pp_forge_done(&forged->forge);
    free(shelf);
    free(bytes);
    return error;
}

enum wrong {
    NOTHING,
    SIGNATURE,
    CHECKSUM,
    SAME_TWICE,
    DESCENDING,
    OWN,
    STRANGER,
    TOO_FEW,
    NONE,
    BEHIND,
    ELSEWHERE,
    TOO_FAR,
    TWO_STAMPS,
    NO_STAMP,
    WRONGS,
};

static void forged_spoil(const struct world *w, struct forged *f, enum wrong wrong)
{
    static const struct pp_row_ack none;
    const struct pp_row_ack first = f->acks[0];
    switch (wrong) {
    case SIGNATURE:
        f->acks[1].signature = first.signature;
        break;
    case CHECKSUM:
        f->acks[1].checksum.bytes[0] ^= 1;
        ack_sign(w, 1, &f->acks[1]);
        break;
    case SAME_TWICE:
        f->acks[1] = first;
        break;
    case DESCENDING:
        f->acks[0] = f->acks[1];
        f->acks[1] = first;
        break;
    case OWN:
        f->acks[0].node_id = FIXTURE_NODE_ID;
        break;
    case STRANGER:
        f->acks[1].node_id = FIXTURE_PEER_ID + 3;
        ack_sign(w, 3, &f->acks[1]);
        break;
    case TOO_FEW:
        f->record.count = 1;
        break;
    case NONE:
        f->record.count = 0;
        break;
    case BEHIND:
        f->acks[1].next++;
        ack_sign(w, 1, &f->acks[1]);
        break;
    case ELSEWHERE: /* where no stamp stands below */
        f->acks[1] = none;
        f->acks[1] = (struct pp_row_ack){.node_id = FIXTURE_PEER_ID + 1, .next = 2};
        ack_sign(w, 1, &f->acks[1]);
        break;
    case TOO_FAR:
        f->record.replicated.next++;
        break;
    case TWO_STAMPS:
        f->record.replicated.count = 2;
        break;
    case NO_STAMP:
        f->record.replicated.next = 4;
        break;
    case NOTHING:
    case WRONGS:
        break;
    }
}

/* EVID-094, REW-131, REW-132: what does not follow from its acknowledgements convicts whoever signed it. */
START_TEST(replica__replicated_that_cannot_be__impossible)
{
    struct world w;
    world_open(&w, 3);
    for (unsigned wrong = NOTHING; wrong < WRONGS; wrong++) {
        struct forged forged;
        struct pp_row_operator set[4];
        forged_begin(&w, &forged, set);
        forged_spoil(&w, &forged, (enum wrong)wrong);
        const enum pp_error error = forged_take(&w, &forged);
        ck_assert_msg(error == (wrong == NOTHING ? PP_OK : PP_EVIDENCE_IMPOSSIBLE), "case %u: %s", wrong,
                      pp_error_name(error));
    }
    world_close(&w);
}
END_TEST

/* REW-133, EVID-053: before the deadline, of a stamp that does not wait, or with another R. */
START_TEST(replica__given_back_that_cannot_be__impossible)
{
    struct world w;
    world_open(&w, 3);
    for (unsigned wrong = 0; wrong < 5; wrong++) {
        struct forged forged;
        struct pp_row_operator set[4];
        struct pp_row_ticket row = {wrong == 1 ? 3 : 4};
        struct pp_refund_list list;
        struct pp_leaf leaf;
        struct pp_hash digest;
        forged_begin(&w, &forged, set);
        pp_forge_leaf(&w.sender, 0, 1, &leaf);
        pp_refund_list_init(&list);
        struct pp_refund_leaf entry = {.amount = pp_grains(FORGE_POSTAGE_BASE + FORGE_POSTAGE_STORAGE - (wrong == 2)),
                                       .reason = wrong == 3 ? PP_REFUND_NOT_STORED : PP_REFUND_NOT_REPLICATED};
        pp_leaf_id(&leaf, &entry.stamp_id);
        ck_assert_ok(pp_refund_list_append(&list, &entry));
        struct pp_record_not_replicated head = {.channel_id = w.sender.channel_id,
                                                .refunded = pp_refund_list_sum(&list)};
        pp_refund_list_root(&list, &head.reasons);
        const struct pp_refund_fields fields = {head.channel_id, FIXTURE_LANE, head.refunded, head.reasons};
        pp_refund_digest(&w.fixture.config.domain, &fields, &digest);
        ck_assert_ok(pp_sign(w.fixture.crypto, &w.fixture.config.operator_key, &digest, &head.refund_signature));
        forged.forge.time_ms += wrong == 0 ? DEADLINE_MS - 1000 : DEADLINE_MS;
        forged.record = (struct pp_record){.type = PP_RECORD_TYPE_NOT_REPLICATED, .count = 1, .not_replicated = head,
                                           .ticket_rows = &row};
        struct pp_shelf *shelf = calloc(1, sizeof *shelf);
        uint8_t *bytes = malloc(PP_SEGMENT_MAX_BYTES);
        struct pp_replica_fault fault;
        pp_shelf_open(shelf, &w.fixture);
        pp_forge_add(&forged.forge, &forged.record);
        const size_t length = pp_forge_end(&forged.forge, bytes);
        const enum pp_error error = pp_shelf_take(shelf, pp_slice(bytes, length), &fault);
        ck_assert_msg(error == (wrong == 4 ? PP_OK : PP_EVIDENCE_IMPOSSIBLE), "case %u: %s", wrong, pp_error_name(error));
        pp_shelf_close(shelf);
        pp_forge_done(&forged.forge);
        free(shelf);
        free(bytes);
    }
    world_close(&w);
}
END_TEST

PP_TESTS("replication")
PP_TEST(lapsed__in_order_and_resumable__each_record_once)
PP_TEST(status__while_stamps_wait__who_is_missing_and_for_how_long)
PP_TEST(verify__acknowledgements_that_nobody_signed__told)
PP_TEST(replica__replicated_that_cannot_be__impossible)
PP_TEST(replica__given_back_that_cannot_be__impossible)
PP_TEST(quorum__of_four__the_second_acknowledgement_makes_it_earn)
PP_TEST(quorum__every_number_of_operators__two_thirds_of_the_others)
PP_TEST(replicated__days_after_it_was_stored__exactly_as_if_it_had_earned)
PP_TEST(late__no_quorum_by_the_deadline__refunded_whole_and_gone)
PP_TEST(late__several_lanes_partly_acknowledged__each_stamp_once)
PP_TEST(replicated__more_than_one_record_takes__all_by_one_acknowledgement_each)
PP_TEST(acknowledge__what_cannot_count__refused_by_name)
PP_TEST(delete__while_it_waits__not_yet_and_afterwards_as_ever)
PP_TEST(leave__while_stamps_wait__they_go_back_with_the_rest)
PP_TEST(close__while_stamps_wait__earned_until_then_or_lapsed)
PP_TEST(start__with_stamps_that_wait__nothing_is_forgotten_or_given_back_at_once)
PP_TEST(operators__others_than_before__count_from_the_record_on)
PP_TEST(operators__that_cannot_be__bad_config)
PP_TEST(ticket__committed_and_not_in_time__closed_for_good)
PP_TEST(session__stamps_under_a_root__wait_from_the_root_on)
PP_TEST(waiting__as_many_as_may_wait__new_stamps_are_busy)
PP_TESTS_END
