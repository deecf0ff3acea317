/* Goal: what is kept of a lane at an epoch's end is what the ledger said there: at its owner, at every replica, and replayed.
 * Method: a real node that is paid and whose journal says that an epoch ended; a replica in a store; rows by hand, cut and changed. */
#include "evidence_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include "engine/node.h"
#include "epoch/cut.h"
#include "epoch/holdings.h"
#include "epoch/keep.h"
#include "evidence/publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct pp_cut cut_of(uint64_t epoch, size_t count)
{
    struct pp_cut cut = {
        .head = {.lane = 256, .next_sequence = 7 + epoch, .checksum = {9}}, .epoch = epoch, .count = count};
    cut.leaves = calloc(count + 1, sizeof *cut.leaves);
    for (size_t i = 0; i < count; i++)
        cut.leaves[i] = (struct pp_lane_leaf){.channel_id = {{(uint8_t)(200 - i)}},
                                              .lane = 256,
                                              .spent = pp_grains(1000 + i),
                                              .refunded = pp_grains(i),
                                              .earned = pp_grains(2 * i),
                                              .forfeited = pp_grains(1),
                                              .owed = pp_grains(3)};
    return cut;
}

/* EPOCH-004, EPOCH-006 */
START_TEST(cut__written__read_the_same_and_no_other_bytes)
{
    struct pp_cut cut = cut_of(5, 3), read;
    uint8_t bytes[1024];
    size_t length;
    struct pp_hash seal, again;
    ck_assert_ok(pp_cut_encode(&cut, bytes, sizeof bytes, &length));
    ck_assert_uint_eq(length, pp_cut_bytes(3));
    ck_assert_ok(pp_cut_decode((struct pp_slice){bytes, length}, &read));
    ck_assert(pp_cut_head_eq(&read.head, &cut.head));
    ck_assert_uint_eq(read.epoch, 5);
    pp_cut_seal(&cut, &seal);
    pp_cut_seal(&read, &again);
    ck_assert(pp_hash_eq(&seal, &again));
    ck_assert(cut.leaves[0].channel_id.bytes[0] < cut.leaves[1].channel_id.bytes[0]);
    read.leaves[2].owed = pp_grains(4);
    pp_cut_seal(&read, &again);
    ck_assert(!pp_hash_eq(&seal, &again));
    pp_cut_done(&read);
    for (size_t shorter = 0; shorter < length; shorter++)
        ck_assert(pp_cut_decode((struct pp_slice){bytes, shorter}, &read) != PP_OK);
    ck_assert_error(pp_cut_decode((struct pp_slice){bytes, length + 1}, &read), PP_CORRUPT);
    bytes[0] = 2;
    ck_assert_error(pp_cut_decode((struct pp_slice){bytes, length}, &read), PP_BAD_VERSION);
    pp_cut_done(&cut);
}
END_TEST

/* ---- in a journal's file ---- */

struct keeping {
    uint64_t epoch;
};

static enum pp_error keep_run(void *context, struct pp_txn *txn)
{
    const struct keeping *keeping = context;
    struct pp_cut cut = cut_of(keeping->epoch, 2);
    const enum pp_error error = pp_keep_cut_put(txn, &cut);
    pp_cut_done(&cut);
    return error;
}

/* EPOCH-005 */
START_TEST(cuts__of_many_epochs__the_newest_four_are_kept)
{
    struct pp_data data;
    char reason[PP_STORE_REASON_BYTES];
    struct pp_cut cut;
    uint64_t newest;
    struct pp_temp_dir dir;
    pp_temp_dir_make(&dir);
    ck_assert_ok(pp_data_open(dir.path, UINT64_C(64) << 20, false, &data, reason));
    ck_assert_error(pp_keep_cut_newest(data.journal, &newest), PP_NOT_FOUND);
    for (uint64_t epoch = 3; epoch < 40; epoch += 2) {
        struct keeping keeping = {epoch};
        ck_assert_ok(pp_store_write(data.journal, PP_STORE_ORDINARY, keep_run, &keeping));
    }
    ck_assert_ok(pp_keep_cut_newest(data.journal, &newest));
    ck_assert_uint_eq(newest, 39);
    for (uint64_t epoch = 3; epoch < 40; epoch += 2) {
        const enum pp_error error = pp_keep_cut_get(data.journal, epoch, &cut);
        ck_assert_error(error, epoch > 39 - 2 * PP_CUTS_KEPT ? PP_OK : PP_NOT_FOUND);
        if (error == PP_OK) {
            struct pp_cut found;
            ck_assert_ok(pp_keep_cut_find(data.journal, &cut.head, &found));
            ck_assert_uint_eq(found.epoch, epoch);
            pp_cut_done(&found);
            cut.head.checksum[0] ^= 1;
            ck_assert_error(pp_keep_cut_find(data.journal, &cut.head, &found), PP_NOT_FOUND);
            pp_cut_done(&cut);
        }
    }
    pp_data_close(&data);
    pp_temp_dir_remove(&dir);
}
END_TEST

/* ---- a node and its replica ---- */

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_sender sender;
    struct pp_replica_store *store;
    struct pp_replica replica;
    struct pp_holdings holdings;
    uint8_t *bytes;
};

static void world_open(struct world *w)
{
    char path[400], reason[PP_STORE_REASON_BYTES];
    *w = (struct world){.bytes = malloc(PP_SEGMENT_MAX_BYTES)};
    pp_temp_dir_make(&w->dir);
    pp_fixture_init(&w->fixture, w->dir.path, true);
    w->fixture.config.several_operators = true;
    pp_fixture_open(&w->fixture);
    pp_fixture_head(&w->fixture, 0, NULL);
    pp_sender_init(&w->sender, &w->fixture, 1);
    pp_sender_fund(&w->sender, &w->fixture, 1000, 1);
    snprintf(path, sizeof path, "%s/peers", w->dir.path);
    ck_assert_ok(pp_replica_store_open(path, UINT64_C(64) << 20, &w->store, reason));
    const struct pp_replica_config config = {
        .crypto = w->fixture.crypto,
        .owner = {&w->fixture.config.domain, FIXTURE_LANE, w->fixture.operator_address},
        .lanes_max = 16,
    };
    ck_assert_ok(pp_replica_open(&w->replica, &config));
    w->holdings = (struct pp_holdings){.crypto = w->fixture.crypto,
                                       .domain = &w->fixture.config.domain,
                                       .replicas = w->store,
                                       .lanes_max = 16};
    const struct pp_holding lane = {.lane = FIXTURE_LANE, .operator_address = w->fixture.operator_address};
    ck_assert_ok(pp_holdings_add(&w->holdings, &lane));
    ck_assert_error(pp_holdings_add(&w->holdings, &lane), PP_BAD_FORMAT);
}

static void world_close(struct world *w)
{
    pp_replica_close(&w->replica);
    pp_replica_store_close(w->store);
    pp_fixture_verify(&w->fixture, NULL); /* EPOCH-040 */
    pp_fixture_done(&w->fixture);
    pp_temp_dir_remove(&w->dir);
    free(w->bytes);
}

static void pay(struct world *w, size_t count, uint64_t seed)
{
    struct pp_made_request made;
    struct pp_answer answer;
    pp_request_make(&made, &w->fixture, &w->sender, count, (struct pp_parcel_of){100, 3}, seed);
    pp_submit_wait(w->fixture.node, &made.request, &answer);
    ck_assert_ok(answer.error);
    pp_answer_done(&answer);
    pp_request_done(&made);
}

/* The epoch of now is over; which one it was. */
static uint64_t epoch_end(struct world *w)
{
    const uint64_t length_s = w->fixture.config.epoch_seconds;
    const uint64_t epoch = w->fixture.now_ms / 1000 / length_s;
    w->fixture.now_ms = (epoch + 1) * length_s * 1000 + 3000;
    pp_fixture_head(&w->fixture, 0, NULL);
    ck_assert_ok(pp_node_tick(w->fixture.node));
    return epoch;
}

static void pull(struct world *w)
{
    struct pp_replica_fault fault;
    for (uint64_t before = 0; before != w->replica.head.next_sequence;) {
        size_t length;
        before = w->replica.head.next_sequence;
        ck_assert_ok(pp_node_evidence(w->fixture.node, before, w->bytes, PP_SEGMENT_MAX_BYTES, &length));
        ck_assert_ok(
            pp_replica_store_take(w->store, &w->replica, (struct pp_slice){w->bytes, length}, &fault));
    }
}

static uint64_t records(struct world *w)
{
    struct pp_node_status status;
    pp_node_status(w->fixture.node, &status);
    return status.journal_sequence;
}

/* EPOCH-001, EPOCH-002 */
START_TEST(epoch__that_is_over__journaled_once_with_its_lanes)
{
    struct world w;
    struct pp_cut cut;
    world_open(&w);
    pay(&w, 3, 1);
    const uint64_t epoch = epoch_end(&w);
    const uint64_t after = records(&w);
    ck_assert_ok(pp_node_tick(w.fixture.node));
    ck_assert_uint_eq(records(&w), after);
    ck_assert_ok(pp_keep_cut_get(w.fixture.node->data.journal, epoch, &cut));
    ck_assert_uint_eq(cut.count, 1);
    ck_assert_uint_eq(cut.head.next_sequence, w.fixture.node->head.next_sequence);
    ck_assert_mem_eq(cut.head.checksum, w.fixture.node->head.checksum, sizeof cut.head.checksum);
    ck_assert(pp_grains_eq(cut.leaves[0].spent, w.sender.head));
    pp_cut_done(&cut);
    epoch_end(&w);
    w.fixture.now_ms += 5 * w.fixture.config.epoch_seconds * 1000; /* epochs that were missed */
    const uint64_t newest = epoch_end(&w);
    ck_assert_error(pp_keep_cut_get(w.fixture.node->data.journal, newest - 1, &cut), PP_NOT_FOUND);
    ck_assert_ok(pp_keep_cut_get(w.fixture.node->data.journal, newest, &cut));
    pp_cut_done(&cut);
    world_close(&w);
}
END_TEST

/* EPOCH-003, EPOCH-008: at the owner, as the replica came by, and replayed from its segments: one and the same */
START_TEST(replica__at_an_epochs_end__has_the_owners_leaves)
{
    struct world w;
    struct pp_cut own, held, replayed;
    struct pp_hash seals[3];
    world_open(&w);
    pay(&w, 3, 1);
    const uint64_t epoch = epoch_end(&w);
    pay(&w, 2, 2); /* behind it, in the same segment */
    pull(&w);
    ck_assert_ok(pp_keep_cut_get(w.fixture.node->data.journal, epoch, &own));
    ck_assert_ok(pp_replica_store_cut(w.store, FIXTURE_LANE, epoch, &held));
    ck_assert(pp_cut_head_eq(&own.head, &held.head));
    ck_assert_uint_gt(w.replica.head.next_sequence, held.head.next_sequence);
    struct pp_replica again;
    ck_assert_ok(pp_replica_open(&again, &w.replica.config));
    for (bool more = true; more;) {
        struct pp_segment segment;
        size_t length;
        ck_assert_ok(pp_replica_store_get(w.store, FIXTURE_LANE, again.head.next_sequence, w.bytes,
                                          PP_SEGMENT_MAX_BYTES, &length));
        ck_assert_ok(pp_segment_decode((struct pp_slice){w.bytes, length}, &segment));
        ck_assert_ok(pp_replica_replay_to(&again, &segment, own.head.next_sequence));
        more = again.head.next_sequence < own.head.next_sequence;
    }
    ck_assert_ok(pp_cut_take(&again.ledger, &again.head, 0, &replayed));
    ck_assert(pp_cut_head_eq(&own.head, &replayed.head));
    pp_cut_seal(&own, &seals[0]);
    pp_cut_seal(&held, &seals[1]);
    pp_cut_seal(&replayed, &seals[2]);
    ck_assert(pp_hash_eq(&seals[0], &seals[1]));
    ck_assert(pp_hash_eq(&seals[0], &seals[2]));
    pp_replica_close(&again);
    pp_cut_done(&own);
    pp_cut_done(&held);
    pp_cut_done(&replayed);
    world_close(&w);
}
END_TEST

/* EPOCH-007, EPOCH-008 */
START_TEST(head__that_is_not_held__named)
{
    struct world w;
    struct pp_cut cut;
    struct pp_cut_head head;
    bool ended;
    world_open(&w);
    const struct pp_holding *lane = pp_holdings_find(&w.holdings, FIXTURE_LANE);
    ck_assert_ok(pp_holdings_head(&w.holdings, lane, 5, &head, &ended));
    ck_assert_uint_eq(head.next_sequence, 1);
    ck_assert(!ended);
    ck_assert_ok(pp_holdings_cut(&w.holdings, &head, &cut));
    ck_assert_uint_eq(cut.count, 0);
    pp_cut_done(&cut);
    pay(&w, 3, 1);
    pull(&w);
    ck_assert_ok(pp_holdings_head(&w.holdings, lane, 5, &head, &ended));
    ck_assert_uint_eq(head.next_sequence, w.fixture.node->head.next_sequence);
    ck_assert_ok(pp_holdings_cut(&w.holdings, &head, &cut)); /* no epoch's end: replayed */
    ck_assert_uint_eq(cut.count, 1);
    pp_cut_done(&cut);
    head.next_sequence++;
    ck_assert_error(pp_holdings_cut(&w.holdings, &head, &cut), PP_EVIDENCE_GAP);
    head.next_sequence--;
    head.checksum[3] ^= 1;
    ck_assert_error(pp_holdings_cut(&w.holdings, &head, &cut), PP_EVIDENCE_FORK);
    head.next_sequence -= 1; /* inside a record of three stamps */
    ck_assert_error(pp_holdings_cut(&w.holdings, &head, &cut), PP_EVIDENCE_FORK);
    head.lane++;
    ck_assert_error(pp_holdings_cut(&w.holdings, &head, &cut), PP_UNKNOWN_LANE);
    world_close(&w);
}
END_TEST

PP_TESTS("cut")
PP_TEST(cut__written__read_the_same_and_no_other_bytes)
PP_TEST(cuts__of_many_epochs__the_newest_four_are_kept)
PP_TEST(epoch__that_is_over__journaled_once_with_its_lanes)
PP_TEST(replica__at_an_epochs_end__has_the_owners_leaves)
PP_TEST(head__that_is_not_held__named)
PP_TESTS_END
