/* Goal: what the settlement job is shown of a folder is what the chain will take: NODE-080, NODE-081.
 * Method: a node's folder with vouchers, refunds, a leave and reports; every signature is recovered, every proof is checked. */
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include "store/journal.h"
#include "store/tables.h"

#include <pp/claims.h>
#include <pp/voucher.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LANES 3u

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_sender senders[LANES];
    struct pp_claims *claims;
};

static void send(struct world *world, unsigned lane, size_t count, bool flip_v)
{
    struct pp_made_request made;
    struct pp_answer answer;
    pp_request_make(&made, &world->fixture, &world->senders[lane], count, (struct pp_parcel_of){200, 5},
                    lane);
    if (flip_v)
        made.request.signature.bytes[64] ^= 27 ^ 28;
    pp_submit_wait(world->fixture.node, &made.request, &answer);
    ck_assert_ok(answer.error);
    for (size_t i = 0; i < count; i++)
        ck_assert_ok(answer.results[i].refusal.error);
    pp_answer_done(&answer);
    pp_request_done(&made);
}

static void delete_one(struct world *world, unsigned lane)
{
    struct pp_made_request made;
    struct pp_answer answer;
    struct pp_delete delete;
    struct pp_delete_result result;
    struct pp_signed_refund refund;
    struct pp_sender *sender = &world->senders[lane];
    pp_request_make(&made, &world->fixture, sender, 1, (struct pp_parcel_of){200, 5}, 50 + lane);
    pp_submit_wait(world->fixture.node, &made.request, &answer);
    ck_assert_ok(answer.error);
    pp_delete_make(&world->fixture, sender, &made.envelopes[0].leaf, &made.ids[0], &delete);
    ck_assert_ok(pp_node_delete(world->fixture.node, &delete, 1, &result, &refund));
    ck_assert_ok(result.refusal.error);
    sender->refund_ack = refund.refunded;
    pp_answer_done(&answer);
    pp_request_done(&made);
}

static void days_pass(struct world *world, unsigned days)
{
    for (unsigned i = 0; i < days; i++) {
        atomic_fetch_add(&world->fixture.now_ms, FIXTURE_DAY_MS);
        ck_assert_ok(pp_node_tick(world->fixture.node));
        pp_fixture_head(&world->fixture, 0, NULL);
        ck_assert_ok(pp_node_tick(world->fixture.node));
    }
}

/* Lane 0: vouchers, the last one with the other v, and a refund that it acknowledges. Lane 1: left. Lane 2: nothing yet. */
static void world_make(struct world *world)
{
    struct pp_signature signature;
    struct pp_signed_refund refund;
    struct pp_signed_release release;
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, true);
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
    for (unsigned i = 0; i < LANES; i++) {
        pp_sender_init(&world->senders[i], &world->fixture, i);
        pp_sender_fund(&world->senders[i], &world->fixture, 1000000 + i, 1 + i);
    }
    send(world, 0, 3, false);
    delete_one(world, 0);
    send(world, 0, 2, true);
    send(world, 1, 1, false);
    days_pass(world, 3);
    pp_leave_sign(&world->fixture, &world->senders[1], &signature);
    ck_assert_ok(pp_node_leave(world->fixture.node, &world->senders[1].channel_id, FIXTURE_LANE, &signature,
                               &refund, &release));
}

static void claims_open(struct world *world)
{
    char reason[256] = "";
    enum pp_error error = pp_claims_open(world->fixture.dir, &world->claims, reason);
    ck_assert_msg(error == PP_OK, "%s: %s", pp_error_name(error), reason);
}

static void world_open(struct world *world)
{
    world_make(world);
    pp_fixture_close(&world->fixture);
    claims_open(world);
}

static void world_close(struct world *world)
{
    pp_claims_close(world->claims);
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

static void claim_check(const struct world *world, const struct pp_lane_claim *claim,
                        const struct pp_sender *sender)
{
    const struct pp_domain *domain = &world->fixture.config.domain;
    struct pp_hash digest;
    if (claim->has_voucher) {
        ck_assert(pp_grains_eq(claim->voucher.spent, claim->spent));
        ck_assert(!pp_grains_lt(claim->refunded, claim->voucher.refund_ack));
        pp_voucher_typed_digest(domain, &claim->voucher, &digest);
        ck_assert_ok(pp_verify_address(world->fixture.crypto, &claim->voucher.signature, &digest,
                                       &sender->config.signer, NULL));
    }
    if (claim->has_refund) {
        const struct pp_refund_fields fields = {claim->channel_id, claim->lane, claim->refund.refunded,
                                                claim->refund.reasons};
        ck_assert(pp_grains_eq(claim->refund.refunded, claim->refunded));
        pp_refund_digest(domain, &fields, &digest);
        ck_assert_ok(pp_verify_address(world->fixture.crypto, &claim->refund.signature, &digest,
                                       &world->fixture.operator_address, NULL));
    }
    if (claim->has_release) {
        const struct pp_signed_release *release = &claim->release;
        const struct pp_lane_release_fields fields = {release->channel_id, release->lane, release->old_cap,
                                                      release->new_cap, release->seq};
        pp_lane_release_digest(domain, &fields, &digest);
        ck_assert_ok(pp_verify_address(world->fixture.crypto, &release->signature, &digest,
                                       &world->fixture.operator_address, NULL));
    }
}

START_TEST(claims__each_lane__signatures_that_the_contract_takes)
{
    struct world world;
    struct pp_lane_claim claim;
    world_open(&world);
    for (unsigned i = 0; i < LANES; i++) {
        ck_assert_ok(pp_claims_lane(world.claims, &world.senders[i].channel_id, FIXTURE_LANE, &claim));
        ck_assert(pp_channel_id_eq(&claim.channel_id, &world.senders[i].channel_id));
        ck_assert_uint_eq(claim.cap.raw, 1000000 + i);
        ck_assert_uint_eq(claim.seq, 1 + i);
        ck_assert(pp_address_eq(&claim.config.signer, &world.senders[i].config.signer));
        ck_assert(pp_grains_eq(claim.spent, world.senders[i].head));
        ck_assert_int_eq(claim.has_voucher, i < 2);
        ck_assert_int_eq(claim.has_refund, i < 2);
        ck_assert_int_eq(claim.has_release, i == 1);
        claim_check(&world, &claim, &world.senders[i]);
    }
    /* 200 bytes, 5 days: 1000 + 3000; deleted on the first day: four days of 600. */
    ck_assert_ok(pp_claims_lane(world.claims, &world.senders[0].channel_id, FIXTURE_LANE, &claim));
    ck_assert(pp_grains_eq(claim.spent, pp_grains(6 * 4000)));
    ck_assert(pp_grains_eq(claim.refunded, pp_grains(2400)));
    ck_assert(pp_grains_eq(claim.voucher.refund_ack, pp_grains(2400)));
    ck_assert(pp_grains_eq(claim.earned, pp_grains(5 * (1000 + 4 * 600) + 1000 + 600)));
    ck_assert_str_eq(claim.state, "ACTIVE");
    /* left on the fourth day: one day of 600 comes back, the cap goes down to one unit */
    ck_assert_ok(pp_claims_lane(world.claims, &world.senders[1].channel_id, FIXTURE_LANE, &claim));
    ck_assert(pp_grains_eq(claim.refunded, pp_grains(600)));
    ck_assert(pp_grains_eq(claim.earned, pp_grains(3400)));
    ck_assert_uint_eq(claim.release.old_cap.raw, 1000001);
    ck_assert_uint_eq(claim.release.new_cap.raw, 1);
    ck_assert_uint_eq(claim.release.seq, 2);
    ck_assert_str_eq(claim.state, "CLAIMING");
    ck_assert_error(pp_claims_lane(world.claims, &world.senders[0].channel_id, FIXTURE_LANE + 1, &claim),
                    PP_NOT_FOUND);
    world.senders[0].channel_id.bytes[0] ^= 1;
    ck_assert_error(pp_claims_lane(world.claims, &world.senders[0].channel_id, FIXTURE_LANE, &claim),
                    PP_NOT_FOUND);
    world_close(&world);
}
END_TEST

struct visited {
    struct pp_channel_id ids[LANES];
    size_t count, stop_at;
};

static bool on_lane(void *context, const struct pp_lane_claim *claim)
{
    struct visited *visited = context;
    visited->ids[visited->count++] = claim->channel_id;
    return visited->count < visited->stop_at;
}

START_TEST(claims__all_lanes__in_the_nodes_order_until_told_to_stop)
{
    struct world world;
    world_open(&world);
    for (size_t stop_at = 1; stop_at <= LANES; stop_at++) {
        struct visited visited = {.stop_at = stop_at};
        ck_assert_ok(pp_claims_lanes(world.claims, on_lane, &visited));
        ck_assert_uint_eq(visited.count, stop_at);
        for (size_t i = 0; i < stop_at; i++)
            ck_assert(pp_channel_id_eq(&visited.ids[i], &world.senders[i].channel_id));
    }
    world_close(&world);
}
END_TEST

START_TEST(claims__head_and_reports__with_proofs_that_hold)
{
    struct world world;
    struct pp_claims_head head;
    struct pp_claims_report *report;
    uint64_t epochs[8], some[8];
    size_t count;
    world_open(&world);
    pp_claims_head(world.claims, &head);
    ck_assert_uint_eq(head.node_id, FIXTURE_NODE_ID);
    ck_assert_uint_eq(head.shard, FIXTURE_SHARD);
    ck_assert_uint_eq(head.lanes, LANES);
    ck_assert_uint_eq(head.reports, 3);
    ck_assert_uint_eq(head.time_ms, atomic_load(&world.fixture.now_ms));
    ck_assert(pp_address_eq(&head.operator_address, &world.fixture.operator_address));
    ck_assert_uint_eq(head.domain.chain_id, world.fixture.config.domain.chain_id);
    ck_assert_ok(pp_claims_epochs(world.claims, 0, epochs, 8, &count));
    ck_assert_uint_eq(count, 3);
    ck_assert_uint_eq(epochs[2], head.newest_epoch);
    ck_assert_ok(pp_claims_epochs(world.claims, epochs[0], some, 1, &count));
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(some[0], epochs[1]);
    ck_assert_ok(pp_claims_epochs(world.claims, epochs[2], some, 8, &count));
    ck_assert_uint_eq(count, 0);
    ck_assert_ok(pp_claims_epochs(world.claims, UINT64_MAX, some, 8, &count));
    ck_assert_uint_eq(count, 0);
    ck_assert_error(pp_claims_report(world.claims, epochs[2] + 1, &report), PP_NOT_FOUND);
    for (unsigned i = 0; i < 3; i++) {
        struct pp_payout_proof payout_proof;
        struct pp_hash digest;
        ck_assert_ok(pp_claims_report(world.claims, epochs[i], &report));
        ck_assert_uint_eq(report->report.fields.epoch, epochs[i]);
        pp_epoch_report_digest(&world.fixture.config.domain, &report->report.fields, &digest);
        ck_assert(pp_hash_eq(&digest, &report->hash));
        ck_assert_ok(pp_report_verify(&report->report, &world.fixture.config.domain, world.fixture.crypto));
        ck_assert_uint_eq(report->report.lane_count, 2); /* the third never spent */
        for (size_t k = 0; k < report->report.lane_count; k++) {
            struct pp_lane_proof proof;
            ck_assert_ok(pp_lane_tree_prove(&report->tree, &report->lanes[k], &proof));
            ck_assert_ok(pp_lane_proof_verify(&report->report.fields.lanes_root, &report->lanes[k], &proof));
        }
        ck_assert_ok(pp_payout_prove(&report->report.payouts, FIXTURE_NODE_ID, &payout_proof));
        pp_claims_report_done(report);
    }
    pp_claims_report_done(NULL);
    world_close(&world);
}
END_TEST

/* Another process, as the settlement job is; a snapshot stays what it was, and the next one is newer. */
START_TEST(claims__while_the_node_runs__a_snapshot)
{
    struct world world;
    world_make(&world);
    for (unsigned round = 0; round < 3; round++) {
        pid_t child = fork();
        if (child == 0) {
            struct pp_lane_claim claim;
            char reason[256];
            enum pp_error error = pp_claims_open(world.fixture.dir, &world.claims, reason);
            if (error == PP_OK)
                error = pp_claims_lane(world.claims, &world.senders[0].channel_id, FIXTURE_LANE, &claim);
            _exit(error == PP_OK && pp_grains_eq(claim.spent, world.senders[0].head) ? 0 : 1);
        }
        int status;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(status, 0);
        send(&world, 0, 4, false);
    }
    pp_fixture_close(&world.fixture);
    claims_open(&world);
    world_close(&world);
}
END_TEST

static enum pp_error last_record_flip(void *context, struct pp_txn *txn)
{
    struct pp_scan scan;
    uint8_t key[8], value[1024];
    (void)context;
    PP_TRY(pp_scan_open(txn, PP_TABLE_RECORDS, &scan));
    PP_TRY(pp_scan_last(&scan));
    size_t length = scan.value.length;
    ck_assert_uint_le(length, sizeof value);
    memcpy(key, scan.key.bytes, 8);
    memcpy(value, scan.value.bytes, length);
    pp_scan_close(&scan);
    value[30] ^= 1;
    const struct pp_slice part = pp_slice(value, length);
    return pp_txn_put(txn, PP_TABLE_RECORDS, pp_slice(key, 8), &part, 1);
}

START_TEST(claims__no_folder_or_a_corrupt_one__refused_with_a_reason)
{
    struct world world;
    struct pp_data data;
    char reason[256] = "", path[400];
    ck_assert_error(pp_claims_open("/nowhere/at/all", &world.claims, reason), PP_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(reason, "/nowhere/at/all"));
    ck_assert_error(pp_claims_open("/nowhere/at/all", &world.claims, NULL), PP_NOT_FOUND);
    world_make(&world);
    pp_fixture_close(&world.fixture);
    ck_assert_ok(pp_data_open(world.fixture.dir, UINT64_C(1) << 30, false, &data, NULL));
    ck_assert_ok(pp_store_write(data.journal, PP_STORE_ORDINARY, last_record_flip, NULL));
    pp_data_close(&data);
    snprintf(path, sizeof path, "%s/derived.mdb",
             world.fixture.dir); /* so that the journal is read from the first record */
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_error(pp_claims_open(world.fixture.dir, &world.claims, reason), PP_CORRUPT);
    ck_assert_msg(strstr(reason, "(LEFT)") != NULL, "%s", reason);
    world.claims = NULL;
    world_close(&world);
}
END_TEST

PP_TESTS("claims_snapshot")
PP_TEST(claims__each_lane__signatures_that_the_contract_takes)
PP_TEST(claims__all_lanes__in_the_nodes_order_until_told_to_stop)
PP_TEST(claims__head_and_reports__with_proofs_that_hold)
PP_TEST(claims__while_the_node_runs__a_snapshot)
PP_TEST(claims__no_folder_or_a_corrupt_one__refused_with_a_reason)
PP_TESTS_END
