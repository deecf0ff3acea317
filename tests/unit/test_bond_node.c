/* Bonds at a node: admission, words, deadlines, and what else may happen to a stamp in between.
 * Method: each fault by itself; then a small world, exhaustive: every sequence of three events behind a charge, against a model
 * of a few lines that knows nothing of the node; in the end `verify` recomputes all of it. */
#include "bond_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include "engine/node.h"
#include "store/journal.h"
#include "store/tables.h"

#include <pp/verify.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAP_UNITS 1000000u

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_recipient recipient, stranger;
};

static void world_make(struct world *world, bool embedded)
{
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, embedded);
    pp_bond_terms(&world->fixture);
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
    pp_recipient_init(&world->recipient, &world->fixture, 1);
    pp_recipient_init(&world->stranger, &world->fixture, 2);
    pp_recipient_register(&world->recipient, &world->fixture, "topic/1");
}

static void world_done(struct world *world)
{
    pp_fixture_verify(&world->fixture, NULL);
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

static void sender_make(struct world *world, struct pp_sender *sender, uint64_t number)
{
    pp_sender_init(sender, &world->fixture, number);
    pp_sender_fund(sender, &world->fixture, CAP_UNITS, 0);
}

static void time_pass(struct world *world, uint64_t ms)
{
    atomic_fetch_add(&world->fixture.now_ms, ms);
    pp_fixture_head(&world->fixture, 0, NULL);
}

/* One stamp with a bond; its leaf, and its sequence. */
static uint64_t send_one(struct world *world, struct pp_sender *sender, uint64_t window_ms,
                         struct pp_leaf *out)
{
    struct pp_made_request made;
    struct pp_answer answer;
    pp_bonded_make(&made, &world->fixture, sender, 1, 1);
    made.envelopes[0].leaf.accept_deadline_ms = atomic_load(&world->fixture.now_ms) + window_ms;
    pp_request_sign(&made, &world->fixture, sender);
    pp_submit_wait(world->fixture.node, &made.request, &answer);
    ck_assert_ok(answer.error);
    ck_assert_ok(answer.results[0].refusal.error);
    *out = made.envelopes[0].leaf;
    const uint64_t sequence = answer.results[0].sequence;
    pp_answer_done(&answer);
    pp_request_done(&made);
    return sequence;
}

static enum pp_error say(struct world *world, const struct pp_bond_word *word, bool accept,
                         struct pp_bond_result *out)
{
    ck_assert_ok(accept ? pp_node_accept(world->fixture.node, word, 1, 0, out)
                        : pp_node_complain(world->fixture.node, word, 1, 0, out));
    return out->refusal.error;
}

static void status_of(struct world *world, const struct pp_sender *sender, struct pp_lane_status *out)
{
    ck_assert_ok(pp_node_lane_status(world->fixture.node, &sender->channel_id, FIXTURE_LANE, out));
}

/* ---- admission ---- */

static void ck_refused(struct world *world, struct pp_made_request *made, struct pp_sender *sender,
                       enum pp_error expected, const char *field)
{
    struct pp_answer answer;
    pp_request_sign(made, &world->fixture, sender);
    pp_submit_wait(world->fixture.node, &made->request, &answer);
    ck_assert_ok(answer.error);
    ck_assert_error(answer.results[0].refusal.error, expected);
    ck_assert_str_eq(answer.results[0].refusal.field, field);
    ck_assert(pp_grains_is_zero(answer.spent));
    pp_answer_done(&answer);
}

/* LANE-030, FEE-052, FEE-053, FEE-054, REW-141 */
START_TEST(admission__each_fault_of_a_bond__its_own_error_and_no_charge)
{
    struct world world;
    struct pp_sender sender;
    struct pp_made_request made;
    world_make(&world, true);
    sender_make(&world, &sender, 1);
#define CASE(topic_seed, change, error, field)                                                               \
    do {                                                                                                     \
        sender.head = PP_GRAINS_ZERO;                                                                        \
        pp_bonded_make(&made, &world.fixture, &sender, 1, topic_seed);                                       \
        struct pp_leaf *leaf = &made.envelopes[0].leaf;                                                      \
        change;                                                                                              \
        ck_refused(&world, &made, &sender, error, field);                                                    \
        pp_request_done(&made);                                                                              \
    } while (0)
    CASE(1, leaf->accept_key = world.stranger.address, PP_BOND_KEY, "accept_key");
    CASE(1, leaf->accept_deadline_ms = FIXTURE_START_MS + 999, PP_BOND_DEADLINE, "accept_deadline_ms");
    CASE(1, leaf->accept_deadline_ms = FIXTURE_START_MS + 2 * FIXTURE_DAY_MS + 1, PP_BOND_DEADLINE,
         "accept_deadline_ms");
    CASE(1, leaf->accept_deadline_ms = UINT64_MAX, PP_BOND_DEADLINE, "accept_deadline_ms");
    CASE(1, leaf->accept_deadline_ms = 0, PP_BAD_FORMAT, "leaf");
    CASE(1, memset(&leaf->accept_key, 0, 20), PP_BAD_FORMAT, "leaf");
    CASE(1, leaf->postage.bond_grains--, PP_PRICE_TOO_LOW, "bond");
    CASE(1, (leaf->postage.bond_grains = 0, memset(&leaf->accept_key, 0, 20), leaf->accept_deadline_ms = 0),
         PP_PRICE_TOO_LOW, "bond");
    CASE(1, leaf->envelope_kind = 8, PP_OUT_OF_RANGE, "leaf");
    CASE(1, leaf->envelope_kind = 0, PP_BOND_NOT_OFFERED, "bond");
    CASE(2, (leaf->postage.bond_grains = 1, leaf->accept_key.bytes[0] = 1, leaf->accept_deadline_ms = 1),
         PP_BOND_NOT_OFFERED, "bond"); /* nobody registered */
#undef CASE
    /* An ordinary quote, and another topic's: of the one that nobody registered for, too. */
    sender.head = PP_GRAINS_ZERO;
    pp_request_make(&made, &world.fixture, &sender, 1, (struct pp_parcel_of){100, 5}, 1);
    made.envelopes[0].leaf.envelope_kind = FIXTURE_BOND_KIND;
    ck_refused(&world, &made, &sender, PP_BOND_TOPIC, "quote");
    pp_request_done(&made);
    for (unsigned i = 0; i < 2; i++) {
        struct pp_made_request other;
        sender.head = PP_GRAINS_ZERO;
        pp_bonded_make(&other, &world.fixture, &sender, 1, i == 0 ? 2 : 1);
        sender.head = PP_GRAINS_ZERO;
        pp_bonded_make(&made, &world.fixture, &sender, 1, i == 0 ? 1 : 3);
        memcpy(made.quote, other.quote, sizeof made.quote);
        made.request.quote_length = other.request.quote_length;
        made.envelopes[0].leaf.quote_id = other.envelopes[0].leaf.quote_id;
        ck_refused(&world, &made, &sender, PP_BOND_TOPIC, "quote");
        pp_request_done(&made);
        pp_request_done(&other);
    }
    world_done(&world);
}
END_TEST

/* REW-141 */
START_TEST(admission__a_bond_in_a_session__not_offered)
{
    struct world world;
    struct pp_sender sender;
    struct pp_sender_session session;
    struct pp_session_status status;
    struct pp_made_request made;
    struct pp_answer answer;
    struct pp_refusal refusal;
    world_make(&world, true);
    sender_make(&world, &sender, 1);
    pp_session_make(&session, &world.fixture, &sender, (struct pp_span){sender.head, pp_grains(100000000)},
                    3600000, 1);
    ck_assert_ok(pp_node_session_open(world.fixture.node, &session.open, &status, &refusal));
    for (unsigned i = 0; i < 2; i++) { /* with the bond, and with a leaf that names none */
        sender.head = PP_GRAINS_ZERO;
        pp_bonded_make(&made, &world.fixture, &sender, 1, 1);
        if (i == 1) {
            made.envelopes[0].leaf.postage.bond_grains = 0;
            memset(&made.envelopes[0].leaf.accept_key, 0, 20);
            made.envelopes[0].leaf.accept_deadline_ms = 0;
        }
        made.macs = calloc(1, PP_SESSION_MAC_BYTES);
        made.request.kind = PP_STAMP_SESSION;
        made.request.session_id = session.id;
        pp_session_request_sign(&made, &session);
        pp_submit_wait(world.fixture.node, &made.request, &answer);
        ck_assert_error(answer.results[0].refusal.error, PP_BOND_NOT_OFFERED);
        pp_answer_done(&answer);
        pp_request_done(&made);
    }
    world_done(&world);
}
END_TEST

/* REW-148: a node that holds all it can refuses a bond, and takes an envelope without one. */
START_TEST(admission__as_many_bonds_as_there_may_be__too_many_and_others_pass)
{
    struct world world;
    struct pp_sender sender;
    struct pp_made_request made;
    struct pp_answer answer;
    world_make(&world, true);
    sender_make(&world, &sender, 1);
    struct pp_bonds *bonds = &world.fixture.node->ledger.bonds;
    struct pp_leaf leaf;
    send_one(&world, &sender, 5000, &leaf);
    const uint32_t count = bonds->count;
    bonds->count = PP_BONDS_MAX; /* as if the others were there */
    pp_bonded_make(&made, &world.fixture, &sender, 1, 1);
    pp_submit_wait(world.fixture.node, &made.request, &answer);
    ck_assert_error(answer.results[0].refusal.error, PP_TOO_MANY_BONDS);
    ck_assert_uint_eq(answer.results[0].refusal.expected.number, PP_BONDS_MAX);
    ck_assert_uint_gt(answer.results[0].refusal.retry_after_ms, 0);
    pp_answer_done(&answer);
    bonds->count = PP_BONDS_MAX - 1; /* room for one of two */
    pp_request_done(&made);
    pp_bonded_make(&made, &world.fixture, &sender, 2, 1);
    pp_submit_wait(world.fixture.node, &made.request, &answer);
    ck_assert_ok(answer.results[0].refusal.error);
    ck_assert_error(answer.results[1].refusal.error, PP_TOO_MANY_BONDS);
    pp_answer_done(&answer);
    pp_request_done(&made);
    pp_request_make(&made, &world.fixture, &sender, 1, (struct pp_parcel_of){100, 5}, 9);
    pp_submit_wait(world.fixture.node, &made.request, &answer);
    ck_assert_ok(answer.results[0].refusal.error);
    pp_answer_done(&answer);
    pp_request_done(&made);
    bonds->count = count + 1;
    world_done(&world);
}
END_TEST

/* ---- words ---- */

/* REW-143: the right key, for this very stamp; whatever else is changed, nothing happens. */
START_TEST(words__by_another_key_or_for_another_stamp_lane_or_channel__refused)
{
    struct world world;
    struct pp_sender sender, other;
    struct pp_leaf leaf, leaf_other;
    struct pp_bond_word good, word;
    struct pp_bond_result result;
    struct pp_lane_status status;
    world_make(&world, true);
    sender_make(&world, &sender, 1);
    sender_make(&world, &other, 2);
    const uint64_t sequence = send_one(&world, &sender, 5000, &leaf),
                   second = send_one(&world, &other, 5000, &leaf_other);
    for (unsigned accept = 0; accept < 2; accept++) {
        pp_word_make(&world.fixture, &world.stranger, &leaf, sequence, accept, &word);
        ck_assert_error(say(&world, &word, accept, &result), PP_BAD_SIGNATURE);
        ck_assert_mem_eq(result.refusal.expected.bytes, world.recipient.address.bytes, 20);
        pp_word_make(&world.fixture, &world.recipient, &leaf, sequence, accept, &good);
        ck_assert_error(say(&world, &good, !accept, &result), PP_BAD_SIGNATURE); /* the opposite word */
#define CASE(change, error)                                                                                  \
    do {                                                                                                     \
        word = good;                                                                                         \
        change;                                                                                              \
        ck_assert_error(say(&world, &word, accept, &result), error);                                         \
    } while (0)
        CASE(word.lane++, PP_UNKNOWN_LANE);
        CASE(word.channel_id.bytes[0] ^= 1, PP_UNKNOWN_CHANNEL);
        CASE(word.channel_id = other.channel_id, PP_NOT_FOUND);
        CASE(word.stamp_id.bytes[5] ^= 1, PP_NOT_FOUND);
        CASE(word.sequence = second, PP_NOT_FOUND);
        CASE(word.sequence = 0, PP_NOT_FOUND);
        CASE(word.sequence = 1, PP_NOT_FOUND); /* no charge */
        CASE(word.sequence = UINT64_MAX, PP_NOT_FOUND);
        CASE((word.sequence = second, word.channel_id = other.channel_id,
              pp_leaf_id(&leaf_other, &word.stamp_id)),
             PP_BAD_SIGNATURE);
        for (unsigned byte = 0; byte < 64; byte += 9)
            CASE(word.signature.bytes[byte] ^= 2, PP_BAD_SIGNATURE);
#undef CASE
    }
    status_of(&world, &sender, &status);
    ck_assert(status.bonds_held.raw == FIXTURE_BOND_GRAINS && pp_grains_is_zero(status.refunded));
    world_done(&world);
}
END_TEST

/* A stamp without a bond. */
START_TEST(words__of_a_stamp_without_a_bond__not_held)
{
    struct world world;
    struct pp_sender sender;
    struct pp_made_request made;
    struct pp_answer answer;
    struct pp_bond_word word;
    struct pp_bond_result result;
    world_make(&world, true);
    sender_make(&world, &sender, 1);
    pp_request_make(&made, &world.fixture, &sender, 1, (struct pp_parcel_of){100, 5}, 1);
    pp_submit_wait(world.fixture.node, &made.request, &answer);
    pp_word_make(&world.fixture, &world.recipient, &made.envelopes[0].leaf, answer.results[0].sequence, true,
                 &word);
    ck_assert_error(say(&world, &word, true, &result), PP_BOND_NOT_HELD);
    pp_answer_done(&answer);
    pp_request_done(&made);
    ck_assert_error(pp_node_accept(world.fixture.node, &word, 0, 0, &result), PP_MISSING_FIELD);
    ck_assert_error(pp_node_accept(world.fixture.node, &word, PP_BOND_EVENTS_MAX + 1, 0, &result),
                    PP_TOO_MANY);
    world_done(&world);
}
END_TEST

/* REW-142, REW-143: many words in one request, of several lanes, some twice, some wrong. */
START_TEST(words__as_many_as_a_request_takes__each_its_answer_and_its_lane)
{
    struct world world;
    struct pp_sender senders[3];
    struct pp_leaf leaves[30];
    struct pp_bond_word words[PP_BOND_EVENTS_MAX];
    struct pp_bond_result results[PP_BOND_EVENTS_MAX];
    struct pp_lane_status status;
    uint64_t sequences[30];
    world_make(&world, true);
    for (unsigned i = 0; i < 3; i++)
        sender_make(&world, &senders[i], i);
    for (unsigned i = 0; i < 30; i++)
        sequences[i] = send_one(&world, &senders[i % 3], 5000, &leaves[i]);
    for (unsigned i = 0; i < 60; i++)
        pp_word_make(&world.fixture, i == 7 ? &world.stranger : &world.recipient, &leaves[i % 30],
                     sequences[i % 30], true, &words[i]);
    ck_assert_ok(pp_node_accept(world.fixture.node, words, 60, 0, results));
    for (unsigned i = 0; i < 60; i++) {
        ck_assert_error(results[i].refusal.error, i == 7 ? PP_BAD_SIGNATURE : PP_OK);
        ck_assert(results[i].known == (i >= 30 && i != 37));
    }
    for (unsigned i = 0; i < 3; i++) {
        status_of(&world, &senders[i], &status);
        ck_assert(status.refunded.raw == 10 * FIXTURE_BOND_GRAINS && pp_grains_is_zero(status.bonds_held));
        ck_assert(status.bonds_returned.raw == 10 * FIXTURE_BOND_GRAINS);
    }
    world_done(&world);
}
END_TEST

/* ---- deadlines ---- */

/* REW-144, REW-145: at the deadline a complaint counts, behind it none does, and the bond goes back with the next tick. */
START_TEST(deadline__to_the_millisecond__a_complaint_counts_until_it_and_none_behind)
{
    struct world world;
    struct pp_sender sender;
    struct pp_leaf leaves[2];
    struct pp_bond_word word;
    struct pp_bond_result result;
    struct pp_lane_status status;
    uint64_t sequences[2];
    world_make(&world, true);
    sender_make(&world, &sender, 1);
    for (unsigned i = 0; i < 2; i++)
        sequences[i] = send_one(&world, &sender, 5000, &leaves[i]);
    time_pass(&world, 5000);
    ck_assert_ok(pp_node_tick(world.fixture.node));
    status_of(&world, &sender, &status);
    ck_assert(status.bonds_held.raw == 2 * FIXTURE_BOND_GRAINS);
    pp_word_make(&world.fixture, &world.recipient, &leaves[0], sequences[0], false, &word);
    ck_assert_ok(say(&world, &word, false, &result));
    time_pass(&world, 1);
    pp_word_make(&world.fixture, &world.recipient, &leaves[1], sequences[1], false, &word);
    ck_assert_error(say(&world, &word, false, &result), PP_BOND_OVER);
    ck_assert_ok(pp_node_tick(world.fixture.node));
    ck_assert_error(say(&world, &word, false, &result), PP_BOND_RETURNED);
    status_of(&world, &sender, &status);
    ck_assert(pp_grains_is_zero(status.bonds_held));
    ck_assert(status.refunded.raw == FIXTURE_BOND_GRAINS && status.forfeited.raw == FIXTURE_BOND_GRAINS);
    world_done(&world);
}
END_TEST

/* REW-144: more than one call takes, over a restart, in a node whose view was stale meanwhile (NODE-045). */
START_TEST(deadline__many_over_a_restart__all_go_back_some_at_a_tick)
{
    struct world world;
    struct pp_sender sender;
    struct pp_made_request made;
    struct pp_answer answer;
    struct pp_lane_status status;
    const unsigned batches = 4, each = 700;
    world_make(&world, true);
    sender_make(&world, &sender, 1);
    for (unsigned i = 0; i < batches; i++) {
        pp_bonded_make(&made, &world.fixture, &sender, each, 1);
        pp_submit_wait(world.fixture.node, &made.request, &answer);
        ck_assert_ok(answer.error);
        ck_assert_ok(answer.results[each - 1].refusal.error);
        pp_answer_done(&answer);
        pp_request_done(&made);
    }
    atomic_fetch_add(&world.fixture.now_ms, FIXTURE_BOND_WINDOW_MS + 1);
    ck_assert_ok(pp_node_tick(world.fixture.node)); /* the chain was not heard: time stands still */
    status_of(&world, &sender, &status);
    ck_assert(status.bonds_held.raw == batches * each * FIXTURE_BOND_GRAINS);
    pp_fixture_close(&world.fixture);
    pp_fixture_open(&world.fixture);
    pp_fixture_head(&world.fixture, 0, NULL);
    ck_assert_ok(pp_node_tick(world.fixture.node));
    status_of(&world, &sender, &status);
    ck_assert(pp_grains_is_zero(status.bonds_held));
    ck_assert(status.refunded.raw == batches * each * FIXTURE_BOND_GRAINS);
    world_done(&world);
}
END_TEST

/* ---- the host's own store ---- */

/* REW-149: while a ticket is open nobody can have read the envelope. */
START_TEST(ticket__open_stored_or_cancelled__its_bond_waits_is_held_or_goes_back_with_the_rest)
{
    struct world world;
    struct pp_sender sender;
    struct pp_made_request made;
    struct pp_result results[3];
    struct pp_refusal refusal;
    struct pp_receipt receipt;
    struct pp_bond_word words[3];
    struct pp_bond_result result;
    struct pp_lane_status status;
    world_make(&world, false);
    sender_make(&world, &sender, 1);
    pp_bonded_make(&made, &world.fixture, &sender, 3, 1);
    ck_assert_ok(pp_node_admit(world.fixture.node, &made.request, results, &refusal));
    for (unsigned i = 0; i < 3; i++)
        pp_word_make(&world.fixture, &world.recipient, &made.envelopes[i].leaf, results[i].sequence, true,
                     &words[i]);
    ck_assert_error(say(&world, &words[0], true, &result), PP_BOND_NOT_HELD);
    ck_assert_ok(pp_node_commit(world.fixture.node, &results[0].sequence, 1, &receipt));
    ck_assert_ok(pp_node_cancel(world.fixture.node, &results[1].sequence, 1));
    ck_assert_ok(say(&world, &words[1], true, &result));
    ck_assert(result.known);
    time_pass(&world, FIXTURE_BOND_WINDOW_MS + 1);
    pp_fixture_close(&world.fixture);
    pp_fixture_open(&world.fixture);
    pp_fixture_head(&world.fixture, 0, NULL);
    ck_assert_ok(pp_node_tick(world.fixture.node)); /* the first goes back, the third waits */
    status_of(&world, &sender, &status);
    ck_assert(status.bonds_held.raw == FIXTURE_BOND_GRAINS &&
              status.bonds_returned.raw == FIXTURE_BOND_GRAINS);
    ck_assert_ok(pp_node_commit(world.fixture.node, &results[2].sequence, 1, &receipt));
    ck_assert_ok(pp_node_tick(world.fixture.node));
    status_of(&world, &sender, &status);
    ck_assert(pp_grains_is_zero(status.bonds_held) && status.bonds_returned.raw == 2 * FIXTURE_BOND_GRAINS);
    pp_request_done(&made);
    world_done(&world);
}
END_TEST

/* ---- the quorum ---- */

/* REW-134, REW-149: what no quorum holds yet, nobody may have read. One stamp is acknowledged and accepted, one is acknowledged
 * when its bond's deadline is over, and one never: that goes back whole, the bond with it, once. */
START_TEST(replication__not_yet_late_or_never__its_bond_waits_and_goes_back_once)
{
    struct world world;
    struct pp_sender sender;
    struct pp_leaf leaves[3];
    uint64_t sequences[3];
    struct pp_bond_word word;
    struct pp_bond_result result;
    struct pp_lane_status status;
    world_make(&world, true);
    pp_fixture_close(&world.fixture);
    pp_fixture_peers(&world.fixture, 2, 600000);
    pp_fixture_open(&world.fixture);
    pp_fixture_head(&world.fixture, 0, NULL);
    sender_make(&world, &sender, 1);
    for (unsigned i = 0; i < 2; i++) {
        sequences[i] = send_one(&world, &sender, i == 0 ? FIXTURE_BOND_WINDOW_MS : 1000, &leaves[i]);
        pp_word_make(&world.fixture, &world.recipient, &leaves[i], sequences[i], true, &word);
        ck_assert_error(say(&world, &word, true, &result), PP_BOND_NOT_HELD);
    }
    time_pass(&world, 2000); /* the second's deadline */
    ck_assert_ok(pp_node_tick(world.fixture.node));
    status_of(&world, &sender, &status);
    ck_assert(pp_grains_is_zero(status.refunded) && pp_grains_is_zero(status.earned));
    ck_assert(status.bonds_held.raw == 2 * FIXTURE_BOND_GRAINS);
    for (unsigned peer = 0; peer < 2; peer++)
        ck_assert_ok(pp_fixture_ack(&world.fixture, peer, 0));
    pp_word_make(&world.fixture, &world.recipient, &leaves[0], sequences[0], true, &word);
    ck_assert_ok(pp_node_tick(world.fixture.node));
    ck_assert_ok(say(&world, &word, true, &result));
    ck_assert(!result.known);
    ck_assert_ok(pp_node_tick(world.fixture.node));
    status_of(&world, &sender, &status);
    ck_assert(pp_grains_is_zero(status.bonds_held) && status.bonds_returned.raw == 2 * FIXTURE_BOND_GRAINS);
    ck_assert(status.refunded.raw == 2 * FIXTURE_BOND_GRAINS && !pp_grains_is_zero(status.earned));
    const struct pp_grains earned = status.earned, spent = status.spent;

    sequences[2] = send_one(&world, &sender, FIXTURE_BOND_WINDOW_MS, &leaves[2]);
    pp_fixture_close(&world.fixture); /* what waits is as it was after a start */
    pp_fixture_open(&world.fixture);
    pp_fixture_head(&world.fixture, 0, NULL);
    status_of(&world, &sender, &status);
    ck_assert(status.bonds_held.raw == FIXTURE_BOND_GRAINS);
    time_pass(&world, 600001);
    ck_assert_ok(pp_node_tick(world.fixture.node));
    status_of(&world, &sender, &status);
    ck_assert(pp_grains_is_zero(status.bonds_held) && status.bonds_returned.raw == 2 * FIXTURE_BOND_GRAINS);
    ck_assert(status.refunded.raw == 2 * FIXTURE_BOND_GRAINS + status.spent.raw - spent.raw); /* all of the third */
    ck_assert(pp_grains_eq(status.earned, earned));
    pp_word_make(&world.fixture, &world.recipient, &leaves[2], sequences[2], true, &word);
    ck_assert_ok(say(&world, &word, true, &result));
    ck_assert(result.known);
    pp_word_make(&world.fixture, &world.recipient, &leaves[2], sequences[2], false, &word);
    ck_assert_error(say(&world, &word, false, &result), PP_BOND_RETURNED);
    for (unsigned peer = 0; peer < 2; peer++) /* too late */
        ck_assert_ok(pp_fixture_ack(&world.fixture, peer, 0));
    time_pass(&world, FIXTURE_BOND_WINDOW_MS);
    ck_assert_ok(pp_node_tick(world.fixture.node));
    struct pp_lane_status after;
    status_of(&world, &sender, &after);
    ck_assert(pp_grains_eq(after.refunded, status.refunded) && pp_grains_eq(after.earned, earned));
    world_done(&world);
}
END_TEST

/* ---- a small world ---- */

enum event {
    ACCEPT,
    COMPLAIN,
    DEADLINE,
    DELETE,
    CLOSE,
    LEAVE,
    KILL,
    EVENTS,
};

struct model {
    enum pp_bond_state state;
    bool deleted, left, closed;
    uint64_t refunded, earned, returned, forfeited, left_storage, total;
};

static void model_begin(struct model *model, const struct pp_leaf *leaf)
{
    const struct pp_postage *postage = &leaf->postage;
    const uint64_t first_day =
        postage->storage_grains / leaf->retention_days + (postage->storage_grains % leaf->retention_days > 0);
    *model = (struct model){.state = PP_BOND_STATE_HELD,
                            .earned = postage->base_grains + postage->congestion_grains + first_day,
                            .left_storage = postage->storage_grains - first_day};
    model->total = model->earned + model->left_storage + FIXTURE_BOND_GRAINS;
}

static void model_return(struct model *model)
{
    model->state = PP_BOND_STATE_RETURNED;
    model->refunded += FIXTURE_BOND_GRAINS;
    model->returned = FIXTURE_BOND_GRAINS;
}

static enum pp_error model_word(struct model *model, bool accept)
{
    if (model->state == PP_BOND_STATE_HELD && accept) {
        model_return(model);
    } else if (model->state == PP_BOND_STATE_HELD) {
        model->state = PP_BOND_STATE_FORFEITED;
        model->earned += FIXTURE_BOND_GRAINS;
        model->forfeited = FIXTURE_BOND_GRAINS;
    } else if (accept != (model->state == PP_BOND_STATE_RETURNED)) {
        return accept ? PP_BOND_FORFEITED : PP_BOND_RETURNED;
    }
    return PP_OK;
}

static enum pp_error model_delete(struct model *model)
{
    if (model->closed)
        return PP_LANE_SETTLED;
    if (model->left)
        return PP_NOT_DELETABLE;
    if (model->deleted)
        return PP_ALREADY_DELETED;
    model->deleted = true;
    model->refunded += model->left_storage;
    return PP_OK;
}

static enum pp_error model_leave(struct model *model)
{
    if (model->closed && !model->left)
        return PP_LANE_SETTLED;
    model->left = true;
    model->refunded = model->total - model->earned;
    if (model->state == PP_BOND_STATE_HELD)
        model->state = PP_BOND_STATE_RETURNED;
    return PP_OK;
}

static void close_tell(struct world *world, const struct pp_sender *sender)
{
    struct pp_chain_event event;
    pp_sender_event(sender, PP_CHAIN_CLOSED, 0, 0, &event);
    event.time_s = atomic_load(&world->fixture.now_ms) / 1000;
    ck_assert_ok(pp_node_chain_events(world->fixture.node, &event, 1));
}

static void reopen(struct world *world)
{
    pp_fixture_close(&world->fixture);
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
}

static void leave(struct world *world, const struct pp_sender *sender, enum pp_error expected)
{
    struct pp_signature signature;
    struct pp_signed_refund refund;
    struct pp_signed_release release;
    pp_leave_sign(&world->fixture, sender, &signature);
    ck_assert_error(
        pp_node_leave(world->fixture.node, &sender->channel_id, FIXTURE_LANE, &signature, &refund, &release),
        expected);
}

static void delete_it(struct world *world, const struct pp_sender *sender, const struct pp_leaf *leaf,
                      enum pp_error expected)
{
    struct pp_stamp_id id;
    struct pp_delete delete;
    struct pp_delete_result result;
    struct pp_signed_refund refund;
    pp_leaf_id(leaf, &id);
    pp_delete_make(&world->fixture, sender, leaf, &id, &delete);
    ck_assert_ok(pp_node_delete(world->fixture.node, &delete, 1, &result, &refund));
    ck_assert_error(result.refusal.error, expected);
}

static void happen(struct world *world, const struct pp_sender *sender, const struct pp_leaf *leaf,
                   uint64_t sequence, enum event event, struct model *model)
{
    struct pp_bond_word word;
    struct pp_bond_result result;
    switch (event) {
    case ACCEPT:
    case COMPLAIN:
        pp_word_make(&world->fixture, &world->recipient, leaf, sequence, event == ACCEPT, &word);
        ck_assert_error(say(world, &word, event == ACCEPT, &result), model_word(model, event == ACCEPT));
        return;
    case DEADLINE:
        time_pass(world, 1001);
        ck_assert_ok(pp_node_tick(world->fixture.node));
        if (model->state == PP_BOND_STATE_HELD)
            model_return(model);
        return;
    case DELETE:
        delete_it(world, sender, leaf, model_delete(model));
        return;
    case CLOSE:
        close_tell(world, sender);
        model->closed = true;
        if (model->state == PP_BOND_STATE_HELD)
            model->state = PP_BOND_STATE_RETURNED;
        return;
    case LEAVE:
        leave(world, sender, model_leave(model));
        return;
    case KILL:
        reopen(world);
        return;
    case EVENTS:
        break;
    }
}

static void ck_model(struct world *world, const struct pp_sender *sender, const struct model *model)
{
    struct pp_lane_status status;
    status_of(world, sender, &status);
    pp_expect(status.refunded.raw == model->refunded);
    pp_expect(status.earned.raw == model->earned);
    pp_expect(status.forfeited.raw == model->forfeited);
    pp_expect(status.bonds_returned.raw == model->returned);
    pp_expect(status.bonds_held.raw == (model->state == PP_BOND_STATE_HELD ? FIXTURE_BOND_GRAINS : 0));
    pp_expect(status.earned.raw + status.refunded.raw + status.bonds_held.raw <=
              status.spent.raw); /* REW-140 */
}

static void small_world(enum event first)
{
    struct world world;
    uint64_t number = 10;
    world_make(&world, true);
    for (unsigned code = 0; code < EVENTS * EVENTS; code++) {
        const enum event events[3] = {first, code / EVENTS, code % EVENTS};
        struct pp_sender sender;
        struct pp_leaf leaf;
        struct model model;
        sender_make(&world, &sender, number++);
        const uint64_t sequence = send_one(&world, &sender, 1000, &leaf);
        model_begin(&model, &leaf);
        for (unsigned i = 0; i < 3; i++) {
            happen(&world, &sender, &leaf, sequence, events[i], &model);
            ck_model(&world, &sender, &model);
        }
    }
    world_done(&world);
}

/* REW-140, REW-142, REW-143, REW-146, REW-147, STATE-001: in parts, each of which ends in time. */
#define SMALL_WORLD(name, event)                                                                             \
    START_TEST(small_world__##name##_and_every_two_events_behind_it__as_the_model_says)                      \
    {                                                                                                        \
        small_world(event);                                                                                  \
    }                                                                                                        \
    END_TEST
SMALL_WORLD(accept, ACCEPT)
SMALL_WORLD(complain, COMPLAIN)
SMALL_WORLD(deadline, DEADLINE)
SMALL_WORLD(delete, DELETE)
SMALL_WORLD(close, CLOSE)
SMALL_WORLD(leave, LEAVE)
SMALL_WORLD(kill, KILL)

/* ---- verify ---- */

struct plant {
    size_t from_end; /* of the record's bytes, without its checksum */
};

/* Flips a bit of the journal's last record, and seals it anew. */
static enum pp_error plant_run(void *context, struct pp_txn *txn)
{
    const struct plant *plant = context;
    struct pp_scan scan;
    static uint8_t key[8], value[PP_RECORD_MAX_BYTES];
    uint8_t before[PP_RECORD_CHECKSUM_BYTES];
    PP_TRY(pp_scan_open(txn, PP_TABLE_RECORDS, &scan));
    PP_TRY(pp_scan_last(&scan));
    const size_t length = scan.value.length - sizeof before;
    memcpy(key, scan.key.bytes, sizeof key);
    memcpy(value, scan.value.bytes, scan.value.length);
    PP_TRY(pp_scan_previous(&scan));
    memcpy(before, scan.value.bytes + scan.value.length - sizeof before, sizeof before);
    pp_scan_close(&scan);
    value[length - plant->from_end] ^= 1;
    pp_journal_seal(before, pp_key8_number(key), pp_slice(value, length), value + length);
    const struct pp_slice part = pp_slice(value, length + sizeof before);
    return pp_txn_put(txn, PP_TABLE_RECORDS, pp_slice(key, sizeof key), &part, 1);
}

static void on_planted(void *context, const struct pp_verify_finding *finding)
{
    struct pp_verify_finding *first = context;
    if (first->what == NULL)
        *first = *finding;
}

/* JRN-075: a record that says of a bond what its key did not. */
START_TEST(verify__a_word_that_its_key_did_not_say__found)
{
    static const struct {
        bool accept;
        size_t from_end;
        const char *what;
    } cases[] = {
        {true, 40, "acceptance's signature"}, {false, 40, "complaint's signature"},
        {false, 65 + 1, "amount of a bond"},  {false, 65 + 8 + 5, "stamp of a bond"},
        {false, 65 + 8 + 32 + 1, "bond"}, /* the stamp's sequence */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world world;
        struct pp_sender sender;
        struct pp_leaf leaf;
        struct pp_bond_word word;
        struct pp_bond_result result;
        struct pp_data data;
        struct pp_verify_summary summary;
        struct pp_verify_finding first = {.what = NULL};
        const struct pp_verify_config config = {.finding = on_planted, .context = &first};
        struct plant plant = {cases[i].from_end};
        world_make(&world, true);
        sender_make(&world, &sender, 1);
        const uint64_t sequence = send_one(&world, &sender, 5000, &leaf);
        pp_word_make(&world.fixture, &world.recipient, &leaf, sequence, cases[i].accept, &word);
        ck_assert_ok(say(&world, &word, cases[i].accept, &result));
        pp_fixture_verify(&world.fixture, &summary);
        ck_assert_uint_eq(summary.bonds_returned, cases[i].accept);
        ck_assert_uint_eq(summary.bonds_forfeited, !cases[i].accept);
        ck_assert_ok(pp_data_open(world.fixture.dir, 0, false, &data, NULL));
        ck_assert_ok(pp_store_write(data.journal, PP_STORE_ORDINARY, plant_run, &plant));
        pp_data_close(&data);
        ck_assert_int_ne(pp_verify_dir(world.fixture.dir, &config, &summary), PP_OK);
        ck_assert_int_eq(first.check, PP_VERIFY_BONDS);
        ck_assert_str_eq(first.what, cases[i].what);
        pp_fixture_done(&world.fixture);
        pp_temp_dir_remove(&world.dir);
    }
}
END_TEST

PP_TESTS("bond_node")
PP_TEST(verify__a_word_that_its_key_did_not_say__found)
PP_TEST(admission__each_fault_of_a_bond__its_own_error_and_no_charge)
PP_TEST(admission__a_bond_in_a_session__not_offered)
PP_TEST(admission__as_many_bonds_as_there_may_be__too_many_and_others_pass)
PP_TEST(words__by_another_key_or_for_another_stamp_lane_or_channel__refused)
PP_TEST(words__of_a_stamp_without_a_bond__not_held)
PP_TEST(words__as_many_as_a_request_takes__each_its_answer_and_its_lane)
PP_TEST(deadline__to_the_millisecond__a_complaint_counts_until_it_and_none_behind)
PP_TEST(deadline__many_over_a_restart__all_go_back_some_at_a_tick)
PP_TEST(ticket__open_stored_or_cancelled__its_bond_waits_is_held_or_goes_back_with_the_rest)
PP_TEST(replication__not_yet_late_or_never__its_bond_waits_and_goes_back_once)
PP_TEST(small_world__accept_and_every_two_events_behind_it__as_the_model_says)
PP_TEST(small_world__complain_and_every_two_events_behind_it__as_the_model_says)
PP_TEST(small_world__deadline_and_every_two_events_behind_it__as_the_model_says)
PP_TEST(small_world__delete_and_every_two_events_behind_it__as_the_model_says)
PP_TEST(small_world__close_and_every_two_events_behind_it__as_the_model_says)
PP_TEST(small_world__leave_and_every_two_events_behind_it__as_the_model_says)
PP_TEST(small_world__kill_and_every_two_events_behind_it__as_the_model_says)
PP_TESTS_END
