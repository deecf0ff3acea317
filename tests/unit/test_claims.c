/* What the settlement job reads beside the running node: vouchers with the right v, refunds, releases, reports in order.
 * Method: the job is a child process, as it is in the field (LMDB's locks are a process's), and answers by its exit status. */
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/claims.h>
#include <pp/voucher.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_sender senders[3];
    struct pp_made_request last[3];
};

static void epoch_pass(struct world *world, uint64_t received, const struct pp_hash *posted)
{
    atomic_fetch_add(&world->fixture.now_ms, FIXTURE_DAY_MS);
    pp_fixture_head(&world->fixture, received, posted);
    ck_assert_ok(pp_node_tick(world->fixture.node));
}

/* Lane 0 sent out of order and with a wrong v, lane 1 deleted and left, lane 2 never sent. */
static void world_open(struct world *world)
{
    struct pp_answer answer;
    struct pp_delete delete;
    struct pp_delete_result result;
    struct pp_signed_refund refund;
    struct pp_signed_release release;
    struct pp_signature signature;
    struct pp_made_request early;
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, true);
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
    for (unsigned i = 0; i < 3; i++) {
        pp_sender_init(&world->senders[i], &world->fixture, i);
        pp_sender_fund(&world->senders[i], &world->fixture, 1000000, 0);
    }
    pp_request_make(&early, &world->fixture, &world->senders[0], 2, (struct pp_parcel_of){100, 4}, 1);
    for (unsigned i = 0; i < 2; i++) {
        pp_request_make(&world->last[i], &world->fixture, &world->senders[i], 3, (struct pp_parcel_of){100, 4}, 2 + i);
        if (i == 0)
            world->last[0].request.signature.bytes[64] ^= 27 ^ 28;
        pp_submit_wait(world->fixture.node, &world->last[i].request, &answer);
        ck_assert_ok(answer.error);
        ck_assert_ok(answer.results[0].refusal.error);
        pp_answer_done(&answer);
    }
    pp_submit_wait(world->fixture.node, &early.request, &answer);
    ck_assert_ok(answer.results[0].refusal.error);
    pp_answer_done(&answer);
    pp_request_done(&early);
    pp_delete_make(&world->fixture, &world->senders[1], &world->last[1].envelopes[0].leaf, &world->last[1].ids[0], &delete);
    ck_assert_ok(pp_node_delete(world->fixture.node, &delete, 1, &result, &refund));
    pp_leave_sign(&world->fixture, &world->senders[1], &signature);
    ck_assert_ok(pp_node_leave(world->fixture.node, &world->senders[1].channel_id, FIXTURE_LANE, &signature, &refund, &release));
}

static void world_close(struct world *world)
{
    pp_request_done(&world->last[0]);
    pp_request_done(&world->last[1]);
    pp_fixture_verify(&world->fixture, NULL);
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

/* In the child: what it asserts makes it exit with another status. */
static void in_child(struct world *world, void (*check)(const struct world *world, struct pp_claims *claims))
{
    int status;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct pp_claims *claims;
        char reason[256];
        if (pp_claims_open(world->fixture.dir, &claims, reason) != PP_OK)
            _exit(7);
        check(world, claims);
        pp_claims_close(claims);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", status);
}

#define child_assert(condition)                                                                              \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            _exit(100 + __LINE__ % 100);                                                                     \
    } while (0)

static bool on_lane(void *context, const struct pp_lane_claim *claim)
{
    unsigned *count = context;
    (*count)++;
    child_assert(claim->lane == FIXTURE_LANE);
    return true;
}

static void lanes_check(const struct world *world, struct pp_claims *claims)
{
    struct pp_claims_head head;
    struct pp_lane_claim claim;
    struct pp_hash digest;
    struct pp_public_key key;
    unsigned count = 0;
    pp_claims_head(claims, &head);
    child_assert(head.node_id == FIXTURE_NODE_ID && head.shard == FIXTURE_SHARD && head.lanes == 3);
    child_assert(pp_address_eq(&head.operator_address, &world->fixture.operator_address));
    child_assert(head.domain.chain_id == 31337);
    child_assert(pp_claims_lanes(claims, on_lane, &count) == PP_OK && count == 3);
    for (unsigned i = 0; i < 2; i++) { /* NODE-081: also where the sender's v was wrong */
        child_assert(pp_claims_lane(claims, &world->senders[i].channel_id, FIXTURE_LANE, &claim) == PP_OK);
        child_assert(claim.has_voucher && pp_grains_eq(claim.voucher.spent, world->last[i].request.spent));
        pp_voucher_typed_digest(&head.domain, &claim.voucher, &digest);
        child_assert(pp_verify_address(world->fixture.crypto, &claim.voucher.signature, &digest, &claim.config.signer,
                                       &key) == PP_OK);
        child_assert(claim.has_refund == (i == 1) && claim.has_release == (i == 1));
    }
    child_assert(!pp_grains_lt(claim.refund.refunded, claim.voucher.refund_ack));
    child_assert(pp_grains_eq(claim.refund.refunded, claim.refunded));
    const struct pp_refund_fields refund = {claim.channel_id, claim.lane, claim.refund.refunded, claim.refund.reasons};
    pp_refund_digest(&head.domain, &refund, &digest);
    child_assert(pp_verify_address(world->fixture.crypto, &claim.refund.signature, &digest, &head.operator_address, &key) ==
                 PP_OK);
    const struct pp_lane_release_fields release = {claim.channel_id, claim.lane, claim.release.old_cap,
                                                   claim.release.new_cap, claim.release.seq};
    pp_lane_release_digest(&head.domain, &release, &digest);
    child_assert(pp_verify_address(world->fixture.crypto, &claim.release.signature, &digest, &head.operator_address, &key) ==
                 PP_OK);
    child_assert(pp_claims_lane(claims, &world->senders[2].channel_id, FIXTURE_LANE, &claim) == PP_OK);
    child_assert(!claim.has_voucher && !claim.has_refund && !claim.has_release);
    child_assert(pp_claims_lane(claims, &world->senders[2].channel_id, FIXTURE_LANE + 1, &claim) == PP_NOT_FOUND);
}

/* NODE-080, NODE-081 */
START_TEST(claims__beside_the_node__vouchers_refunds_and_releases_that_verify)
{
    struct world world;
    world_open(&world);
    in_child(&world, lanes_check);
    world_close(&world);
}
END_TEST

static struct pp_hash newest; /* by the child's pipe: only the parent's tests write it */
static int newest_pipe = -1;

static void reports_check(const struct world *world, struct pp_claims *claims)
{
    uint64_t epochs[8];
    size_t count;
    struct pp_claims_report *report, *before;
    struct pp_lane_proof proof;
    struct pp_hash root;
    child_assert(pp_claims_epochs(claims, 0, epochs, 8, &count) == PP_OK && count >= 1);
    child_assert(pp_claims_report(claims, epochs[count - 1], &report) == PP_OK);
    child_assert(pp_report_verify(&report->report, &world->fixture.config.domain, world->fixture.crypto) == PP_OK);
    child_assert(report->report.lane_count == 2); /* of those that ever sent */
    pp_lane_tree_root(&report->tree, &root);
    for (size_t i = 0; i < 2; i++) {
        child_assert(pp_lane_tree_prove(&report->tree, &report->lanes[i], &proof) == PP_OK);
        child_assert(pp_lane_proof_verify(&report->report.fields.lanes_root, &report->lanes[i], &proof) == PP_OK);
    }
    child_assert(pp_hash_eq(&report->report.fields.previous, &newest));
    if (count > 1) { /* NODE-072: on top of what the one before paid */
        child_assert(pp_claims_report(claims, epochs[count - 2], &before) == PP_OK);
        child_assert(report->report.fields.payout_total >= before->report.fields.payout_total);
        child_assert(report->report.fields.end_time > before->report.fields.end_time);
        child_assert(report->report.fields.block_number > before->report.fields.block_number);
        pp_claims_report_done(before);
    }
    child_assert(write(newest_pipe, &report->hash, sizeof report->hash) == sizeof report->hash);
    child_assert(write(newest_pipe, &report->report.fields.payout_total, 16) == 16);
    pp_claims_report_done(report);
    child_assert(pp_claims_report(claims, 1, &report) == PP_NOT_FOUND);
    child_assert(pp_claims_epochs(claims, epochs[count - 1], epochs, 8, &count) == PP_OK && count == 0);
}

static pp_u128 reports_look(struct world *world)
{
    int ends[2];
    pp_u128 total;
    struct pp_hash hash;
    ck_assert_int_eq(pipe(ends), 0);
    newest_pipe = ends[1];
    in_child(world, reports_check);
    ck_assert_int_eq(read(ends[0], &hash, sizeof hash), sizeof hash);
    ck_assert_int_eq(read(ends[0], &total, 16), 16);
    close(ends[0]);
    close(ends[1]);
    newest = hash;
    return total;
}

/* NODE-070, NODE-071, NODE-072 */
START_TEST(reports__epochs_end__each_names_what_the_chain_has_and_pays_on_top)
{
    struct world world;
    static const struct pp_hash none = {{0}};
    world_open(&world);
    newest = none;
    epoch_pass(&world, 1000, NULL);
    ck_assert(reports_look(&world) == 1000);
    struct pp_hash posted = newest;
    epoch_pass(&world, 1500, &posted);
    ck_assert(reports_look(&world) == 1500);
    /* That one was never posted: the next names the same as it did, and pays the same and more. */
    newest = posted;
    epoch_pass(&world, 1800, &posted);
    ck_assert(reports_look(&world) == 1800);
    world_close(&world);
}
END_TEST

START_TEST(claims__no_folder_or_a_corrupt_one__said_so)
{
    struct pp_temp_dir dir;
    struct pp_claims *claims;
    char reason[256];
    pp_temp_dir_make(&dir);
    ck_assert_error(pp_claims_open(dir.path, &claims, reason), PP_NOT_FOUND);
    pp_temp_dir_remove(&dir);
}
END_TEST

PP_TESTS("claims")
PP_TEST(claims__beside_the_node__vouchers_refunds_and_releases_that_verify)
PP_TEST(reports__epochs_end__each_names_what_the_chain_has_and_pays_on_top)
PP_TEST(claims__no_folder_or_a_corrupt_one__said_so)
PP_TESTS_END
